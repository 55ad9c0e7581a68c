
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Segments: one in full, byte for byte, and random bytes in every string, which
 * have to come out as JSON within the limits.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_json.h>
#include <ngx_mesh_random.h>
#include <ngx_mesh_xray.h>
#include "ngx_mesh_unit.h"


static u_char  mesh_unit_xray_buf[NGX_MESH_XRAY_MAX];


static void
mesh_unit_xray_proxy(ngx_mesh_xray_proxy_t *proxy)
{
    ngx_str_set(&proxy->name, "m/me");
    ngx_str_set(&proxy->mesh, "m");
    ngx_str_set(&proxy->resource, "me");
    ngx_str_set(&proxy->node_id, "mesh/m/virtualNode/me");
}


static void
mesh_unit_xray_segment(ngx_mesh_unit_t *u)
{
    ngx_str_t              text;
    ngx_mesh_span_t        span;
    ngx_mesh_xray_proxy_t  proxy;

    mesh_unit_xray_proxy(&proxy);

    ngx_memzero(&span, sizeof(ngx_mesh_span_t));
    ngx_memset(span.trace_id, 0x11, 16);
    ngx_memset(span.span_id, 0x22, 8);
    ngx_memset(span.parent_id, 0x33, 8);

    span.parent = 1;
    span.protocol = NGX_MESH_SPAN_HTTP_11;
    span.start = 1700000000001000ull;
    span.end = 1700000000250000ull;
    span.status = 429;
    span.grpc_status = -1;
    span.attempts = 1;
    span.sent = 7;

    ngx_str_set(&span.flags, "-");
    ngx_str_set(&span.method, "GET");
    ngx_str_set(&span.scheme, "http");
    ngx_str_set(&span.host, "a");
    ngx_str_set(&span.path, "/\"");
    ngx_str_set(&span.query, "x");
    ngx_str_set(&span.client, "1.2.3.4");

    text.data = mesh_unit_xray_buf;
    text.len = ngx_mesh_xray_segment(text.data, text.data + NGX_MESH_XRAY_MAX,
                                     &proxy, &span, NULL, 0)
               - text.data;

    MESH_IS_STR(&text,
        "{\"format\":\"json\",\"version\":1}\n"
        "{\"name\":\"m/me\",\"id\":\"2222222222222222\","
        "\"start_time\":1700000000.001000,\"end_time\":1700000000.250000,"
        "\"trace_id\":\"1-11111111-111111111111111111111111\","
        "\"parent_id\":\"3333333333333333\","
        "\"origin\":\"AWS::AppMesh::Proxy\",\"aws\":{\"app_mesh\":{"
        "\"mesh_name\":\"m\",\"virtual_node_name\":\"me\"}},"
        "\"http\":{\"request\":{\"url\":\"http://a/\\\"?x\","
        "\"method\":\"GET\",\"user_agent\":\"-\",\"client_ip\":\"1.2.3.4\"},"
        "\"response\":{\"status\":429,\"content_length\":7}},"
        "\"error\":true,\"throttle\":true,"
        "\"annotations\":{\"component\":\"proxy\","
        "\"downstream_cluster\":\"-\",\"direction\":\"ingress\","
        "\"node_id\":\"mesh/m/virtualNode/me\",\"http_protocol\":\"HTTP/1.1\","
        "\"response_flags\":\"-\",\"request_size\":0,\"attempts\":1}}",
        "a segment");
}

MESH_UNIT(mesh_unit_xray_segment)


static void
mesh_unit_xray_garbage(ngx_mesh_unit_t *u)
{
    u_char                  bytes[4096];
    uint64_t                x;
    ngx_str_t               value, text, error;
    ngx_uint_t              i, n, bad;
    ngx_pool_t             *pool;
    ngx_mesh_span_t         span, attempts[NGX_MESH_XRAY_ATTEMPTS];
    ngx_mesh_xray_proxy_t   proxy;
    ngx_mesh_json_limits_t  limits;

    ngx_memzero(&limits, sizeof(ngx_mesh_json_limits_t));
    limits.depth = 16;

    mesh_unit_xray_proxy(&proxy);
    bad = 0;

    for (i = 0; i < 300; i++) {

        for (n = 0; n < sizeof(bytes); n++) {
            x = ngx_mesh_random();
            bytes[n] = (u_char) (i % 3 == 0 ? x : i % 3 == 1 ? x & 0x1f
                                                             : x | 0xc0);
        }

        value.data = bytes;
        value.len = x % sizeof(bytes);

        ngx_memzero(&span, sizeof(ngx_mesh_span_t));

        span.flags = value;
        span.method = value;
        span.scheme = value;
        span.host = value;
        span.path = value;
        span.query = value;
        span.user_agent = value;
        span.client = value;
        span.request_id = value;
        span.service = value;
        span.route = value;
        span.node = value;
        span.cluster = value;
        span.upstream = value;
        span.start = x;
        span.status = x % 1000;

        for (n = 0; n < NGX_MESH_XRAY_ATTEMPTS; n++) {
            attempts[n] = span;
        }

        proxy.name = value;

        text.data = mesh_unit_xray_buf;
        text.len = ngx_mesh_xray_segment(text.data,
                                         text.data + NGX_MESH_XRAY_MAX,
                                         &proxy, &span, attempts,
                                         NGX_MESH_XRAY_ATTEMPTS)
                   - text.data;

        n = sizeof("{\"format\":\"json\",\"version\":1}\n") - 1;
        text.data += n;
        text.len -= n;

        pool = ngx_create_pool(4096, u->log);

        if (pool == NULL
            || ngx_mesh_json_parse(pool, &limits, &text, &error) == NULL)
        {
            bad++;
            MESH_DIAG("%V", &error);
        }

        if (pool) {
            ngx_destroy_pool(pool);
        }
    }

    MESH_IS_INT(bad, 0, "random bytes are valid JSON in UTF-8");
}

MESH_UNIT(mesh_unit_xray_garbage)
