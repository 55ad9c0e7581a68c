
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Writes segments, as Envoy did for App Mesh: the same fields and annotations,
 * so that the service map, filters and alarms stay what they are.
 *
 * One difference is necessary: Envoy's names of annotations with dots and
 * colons ("upstream_cluster.name", "guid:x-request-id") are none that X-Ray
 * indexes.  They have "_" in their place.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_trace.h"
#include "ngx_mesh_text.h"
#include "ngx_mesh_xray.h"


#define NGX_MESH_XRAY_HEADER      "{\"format\":\"json\",\"version\":1}\n"

#define NGX_MESH_XRAY_NAME_MAX    200
#define NGX_MESH_XRAY_URL_MAX     256
#define NGX_MESH_XRAY_AGENT_MAX   512
#define NGX_MESH_XRAY_VALUE_MAX   255

/* what numbers, ids and names of members take, with room to spare */
#define NGX_MESH_XRAY_FIXED       512


typedef struct {
    u_char                    *p;
    u_char                    *last;
} ngx_mesh_xray_out_t;


#define ngx_mesh_xray_text(out, s)                                            \
    ngx_mesh_xray_bytes(out, (u_char *) s, sizeof(s) - 1)


/* "name" is a literal; without a value there is none */

#define ngx_mesh_xray_annotation(out, name, value)                            \
    if ((value)->len) {                                                       \
        ngx_mesh_xray_value(out, (u_char *) ",\"" name "\":\"",               \
                            sizeof(",\"" name "\":\"") - 1, value);           \
    }


#define ngx_mesh_xray_is_plain(c)                                             \
    ((c) >= 0x20 && (c) < 0x7f && (c) != '"' && (c) != '\\')


static void ngx_mesh_xray_head(ngx_mesh_xray_out_t *out, ngx_str_t *name,
    ngx_mesh_span_t *span);
static void ngx_mesh_xray_result(ngx_mesh_xray_out_t *out, ngx_uint_t status);
static void ngx_mesh_xray_http(ngx_mesh_xray_out_t *out,
    ngx_mesh_span_t *span);
static void ngx_mesh_xray_url(ngx_mesh_xray_out_t *out,
    ngx_mesh_span_t *span);
static void ngx_mesh_xray_annotations(ngx_mesh_xray_out_t *out,
    ngx_mesh_xray_proxy_t *proxy, ngx_mesh_span_t *span);
static void ngx_mesh_xray_value(ngx_mesh_xray_out_t *out, u_char *name,
    size_t len, ngx_str_t *value);
static void ngx_mesh_xray_attempts(ngx_mesh_xray_out_t *out,
    ngx_mesh_span_t *attempts, ngx_uint_t n);
static void ngx_mesh_xray_name(ngx_mesh_xray_out_t *out, ngx_str_t *name);
static void ngx_mesh_xray_string(ngx_mesh_xray_out_t *out, ngx_str_t *value,
    size_t max);
static size_t ngx_mesh_xray_string_part(ngx_mesh_xray_out_t *out,
    ngx_str_t *value, size_t max);
static size_t ngx_mesh_xray_utf8(u_char *p, u_char *last);
static void ngx_mesh_xray_bytes(ngx_mesh_xray_out_t *out, u_char *data,
    size_t len);
static void ngx_mesh_xray_time(ngx_mesh_xray_out_t *out, uint64_t us);
static void ngx_mesh_xray_number(ngx_mesh_xray_out_t *out, off_t n);


u_char *
ngx_mesh_xray_segment(u_char *p, u_char *last, ngx_mesh_xray_proxy_t *proxy,
    ngx_mesh_span_t *span, ngx_mesh_span_t *attempts, ngx_uint_t nattempts)
{
    ngx_mesh_xray_out_t  out;

    out.p = p;
    out.last = last;

    ngx_mesh_xray_text(&out, NGX_MESH_XRAY_HEADER "{");

    ngx_mesh_xray_head(&out, &proxy->name, span);

    ngx_mesh_xray_text(&out, ",\"trace_id\":\"");
    out.p = ngx_mesh_trace_xray_id(out.p, span->trace_id);
    ngx_mesh_xray_text(&out, "\"");

    if (span->parent) {
        ngx_mesh_xray_text(&out, ",\"parent_id\":\"");
        out.p = ngx_mesh_text_hex(out.p, span->parent_id, 8);
        ngx_mesh_xray_text(&out, "\"");
    }

    ngx_mesh_xray_text(&out, ",\"origin\":\"AWS::AppMesh::Proxy\","
                       "\"aws\":{\"app_mesh\":{\"mesh_name\":");
    ngx_mesh_xray_string(&out, &proxy->mesh, NGX_MESH_XRAY_VALUE_MAX);
    ngx_mesh_xray_text(&out, ",\"virtual_node_name\":");
    ngx_mesh_xray_string(&out, &proxy->resource, NGX_MESH_XRAY_VALUE_MAX);
    ngx_mesh_xray_text(&out, "}}");

    ngx_mesh_xray_http(&out, span);
    ngx_mesh_xray_result(&out, span->status);
    ngx_mesh_xray_annotations(&out, proxy, span);
    ngx_mesh_xray_attempts(&out, attempts, nattempts);

    ngx_mesh_xray_text(&out, "}");

    return out.p;
}


static void
ngx_mesh_xray_head(ngx_mesh_xray_out_t *out, ngx_str_t *name,
    ngx_mesh_span_t *span)
{
    ngx_mesh_xray_text(out, "\"name\":");
    ngx_mesh_xray_name(out, name);

    ngx_mesh_xray_text(out, ",\"id\":\"");
    out->p = ngx_mesh_text_hex(out->p, span->span_id, 8);

    ngx_mesh_xray_text(out, "\",\"start_time\":");
    ngx_mesh_xray_time(out, span->start);
    ngx_mesh_xray_text(out, ",\"end_time\":");
    ngx_mesh_xray_time(out, ngx_max(span->end, span->start));
}


/* no answer is a fault as well */

static void
ngx_mesh_xray_result(ngx_mesh_xray_out_t *out, ngx_uint_t status)
{
    if (status == 0 || status >= 500) {
        ngx_mesh_xray_text(out, ",\"fault\":true");

    } else if (status >= 400) {
        ngx_mesh_xray_text(out, ",\"error\":true");
    }

    if (status == 429) {
        ngx_mesh_xray_text(out, ",\"throttle\":true");
    }
}


static void
ngx_mesh_xray_http(ngx_mesh_xray_out_t *out, ngx_mesh_span_t *span)
{
    static ngx_str_t  none = ngx_string("-");

    ngx_mesh_xray_text(out, ",\"http\":{\"request\":{\"url\":");
    ngx_mesh_xray_url(out, span);

    ngx_mesh_xray_text(out, ",\"method\":");
    ngx_mesh_xray_string(out, &span->method, NGX_MESH_XRAY_VALUE_MAX);

    ngx_mesh_xray_text(out, ",\"user_agent\":");
    ngx_mesh_xray_string(out, span->user_agent.len ? &span->user_agent : &none,
                         NGX_MESH_XRAY_AGENT_MAX);

    if (span->client.len) {
        ngx_mesh_xray_text(out, ",\"client_ip\":");
        ngx_mesh_xray_string(out, &span->client, NGX_MESH_XRAY_VALUE_MAX);
    }

    if (span->forwarded) {
        ngx_mesh_xray_text(out, ",\"x_forwarded_for\":true");
    }

    ngx_mesh_xray_text(out, "}");

    if (span->status) {
        ngx_mesh_xray_text(out, ",\"response\":{\"status\":");
        ngx_mesh_xray_number(out, span->status);
        ngx_mesh_xray_text(out, ",\"content_length\":");
        ngx_mesh_xray_number(out, span->sent);
        ngx_mesh_xray_text(out, "}");
    }

    ngx_mesh_xray_text(out, "}");
}


static void
ngx_mesh_xray_url(ngx_mesh_xray_out_t *out, ngx_mesh_span_t *span)
{
    size_t     left;
    ngx_str_t  part;

    left = NGX_MESH_XRAY_URL_MAX;

    ngx_mesh_xray_text(out, "\"");

    left -= ngx_mesh_xray_string_part(out, &span->scheme, 16);

    ngx_str_set(&part, "://");
    left -= ngx_mesh_xray_string_part(out, &part, left);

    left -= ngx_mesh_xray_string_part(out, &span->host, left);
    left -= ngx_mesh_xray_string_part(out, &span->path, left);

    if (span->query.len) {
        ngx_str_set(&part, "?");
        left -= ngx_mesh_xray_string_part(out, &part, left);
        (void) ngx_mesh_xray_string_part(out, &span->query, left);
    }

    ngx_mesh_xray_text(out, "\"");
}


static void
ngx_mesh_xray_annotations(ngx_mesh_xray_out_t *out,
    ngx_mesh_xray_proxy_t *proxy, ngx_mesh_span_t *span)
{
    ngx_str_t  value;

    static ngx_str_t  protocols[] = {
        ngx_string("HTTP/1.0"),
        ngx_string("HTTP/1.1"),
        ngx_string("HTTP/2"),
        ngx_string("HTTP/3")
    };

    ngx_mesh_xray_text(out, ",\"annotations\":{\"component\":\"proxy\","
                       "\"downstream_cluster\":\"-\"");

    if (span->kind == NGX_MESH_SPAN_SERVER) {
        ngx_str_set(&value, "ingress");

    } else {
        ngx_str_set(&value, "egress");
    }

    ngx_mesh_xray_annotation(out, "direction", &value);
    ngx_mesh_xray_annotation(out, "node_id", &proxy->node_id);
    ngx_mesh_xray_annotation(out, "http_protocol", &protocols[span->protocol]);
    ngx_mesh_xray_annotation(out, "response_flags", &span->flags);
    ngx_mesh_xray_annotation(out, "guid_x_request_id", &span->request_id);
    ngx_mesh_xray_annotation(out, "upstream_cluster", &span->cluster);
    ngx_mesh_xray_annotation(out, "upstream_cluster_name", &span->cluster);
    ngx_mesh_xray_annotation(out, "upstream_address", &span->upstream);
    ngx_mesh_xray_annotation(out, "virtual_service", &span->service);
    ngx_mesh_xray_annotation(out, "route", &span->route);
    ngx_mesh_xray_annotation(out, "virtual_node", &span->node);

    ngx_mesh_xray_text(out, ",\"request_size\":");
    ngx_mesh_xray_number(out, span->received);
    ngx_mesh_xray_text(out, ",\"attempts\":");
    ngx_mesh_xray_number(out, span->attempts);

    if (span->grpc && span->grpc_status != -1) {
        ngx_mesh_xray_text(out, ",\"grpc_status_code\":");
        ngx_mesh_xray_number(out, span->grpc_status);
    }

    ngx_mesh_xray_text(out, "}");
}


static void
ngx_mesh_xray_value(ngx_mesh_xray_out_t *out, u_char *name, size_t len,
    ngx_str_t *value)
{
    ngx_mesh_xray_bytes(out, name, len);
    (void) ngx_mesh_xray_string_part(out, value, NGX_MESH_XRAY_VALUE_MAX);
    ngx_mesh_xray_text(out, "\"");
}


static void
ngx_mesh_xray_attempts(ngx_mesh_xray_out_t *out, ngx_mesh_span_t *attempts,
    ngx_uint_t n)
{
    ngx_uint_t  i;

    if (n == 0) {
        return;
    }

    ngx_mesh_xray_text(out, ",\"subsegments\":[");

    for (i = 0; i < n && i < NGX_MESH_XRAY_ATTEMPTS; i++) {

        if (i) {
            ngx_mesh_xray_text(out, ",");
        }

        ngx_mesh_xray_text(out, "{");
        ngx_mesh_xray_head(out, &attempts[i].upstream, &attempts[i]);
        ngx_mesh_xray_text(out, ",\"namespace\":\"remote\"");

        if (attempts[i].status) {
            ngx_mesh_xray_text(out, ",\"http\":{\"response\":{\"status\":");
            ngx_mesh_xray_number(out, attempts[i].status);
            ngx_mesh_xray_text(out, "}}");
        }

        ngx_mesh_xray_result(out, attempts[i].status);

        ngx_mesh_xray_text(out, ",\"annotations\":{\"attempt\":");
        ngx_mesh_xray_number(out, attempts[i].attempts);
        ngx_mesh_xray_text(out, "}}");
    }

    ngx_mesh_xray_text(out, "]");
}


/* letters, digits, spaces, and what X-Ray names; never empty */

static void
ngx_mesh_xray_name(ngx_mesh_xray_out_t *out, ngx_str_t *name)
{
    u_char      c, copy[NGX_MESH_XRAY_NAME_MAX];
    ngx_str_t   value;
    ngx_uint_t  i;

    value.data = copy;
    value.len = ngx_min(name->len, NGX_MESH_XRAY_NAME_MAX);

    for (i = 0; i < value.len; i++) {
        c = name->data[i];

        copy[i] = (c >= 0x80
                   || (c >= '0' && c <= '9')
                   || (c >= 'a' && c <= 'z')
                   || (c >= 'A' && c <= 'Z')
                   || (c && ngx_strchr(" _.:/%&#=+-@\\", c)))
                  ? c : '_';
    }

    if (value.len == 0) {
        ngx_str_set(&value, "unknown");
    }

    ngx_mesh_xray_string(out, &value, NGX_MESH_XRAY_NAME_MAX);
}


static void
ngx_mesh_xray_string(ngx_mesh_xray_out_t *out, ngx_str_t *value, size_t max)
{
    ngx_mesh_xray_text(out, "\"");
    (void) ngx_mesh_xray_string_part(out, value, max);
    ngx_mesh_xray_text(out, "\"");
}


/*
 * At most "max" bytes of "value", whole characters; returns how many.  What is
 * not UTF-8, and NUL, becomes U+FFFD byte by byte.
 */

static size_t
ngx_mesh_xray_string_part(ngx_mesh_xray_out_t *out, ngx_str_t *value,
    size_t max)
{
    size_t   n;
    u_char  *s, *end;

    n = ngx_min(value->len, max);

    s = value->data;
    end = s + n;

    if ((size_t) (out->last - out->p) >= n + NGX_MESH_XRAY_FIXED
        && ngx_mesh_text_plain(out->p, s, n))
    {
        out->p += n;
        return n;
    }

    while (s < end) {

        /* what is plain goes in one piece */

        for (n = 0; s + n < end && ngx_mesh_xray_is_plain(s[n]); n++) {
            /* void */
        }

        if (n) {
            ngx_mesh_xray_bytes(out, s, n);
            s += n;
            continue;
        }

        n = 1;

        if (*s == '"' || *s == '\\') {
            ngx_mesh_xray_text(out, "\\");
            ngx_mesh_xray_bytes(out, s, 1);

        } else if (*s == 0) {
            ngx_mesh_xray_text(out, "\xef\xbf\xbd");

        } else if (*s < 0x20 || *s == 0x7f) {

            if (out->last - out->p >= NGX_MESH_XRAY_FIXED) {
                out->p = ngx_sprintf(out->p, "\\u%04xd", (ngx_int_t) *s);
            }

        } else {
            n = ngx_mesh_xray_utf8(s, value->data + value->len);

            if (n > (size_t) (end - s)) {
                break;
            }

            if (n) {
                ngx_mesh_xray_bytes(out, s, n);

            } else {
                ngx_mesh_xray_text(out, "\xef\xbf\xbd");
                n = 1;
            }
        }

        s += n;
    }

    return s - value->data;
}


/* the length of a character that is not ASCII, 0: it is none (RFC 3629) */

static size_t
ngx_mesh_xray_utf8(u_char *p, u_char *last)
{
    size_t  n, i;

    if (*p >= 0xc2 && *p <= 0xdf) {
        n = 2;

    } else if (*p >= 0xe0 && *p <= 0xef) {
        n = 3;

    } else if (*p >= 0xf0 && *p <= 0xf4) {
        n = 4;

    } else {
        return 0;
    }

    if ((size_t) (last - p) < n) {
        return 0;
    }

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    if ((*p == 0xe0 && p[1] < 0xa0)
        || (*p == 0xed && p[1] > 0x9f)
        || (*p == 0xf0 && p[1] < 0x90)
        || (*p == 0xf4 && p[1] > 0x8f))
    {
        return 0;
    }

    return n;
}


/*
 * All lengths are limited, so that there always is room; the check is for
 * whoever changes a limit.
 */

static void
ngx_mesh_xray_bytes(ngx_mesh_xray_out_t *out, u_char *data, size_t len)
{
    if ((size_t) (out->last - out->p) >= len + NGX_MESH_XRAY_FIXED) {
        out->p = ngx_cpymem(out->p, data, len);
    }
}


/* seconds; most spans of a moment begin and end in the same one */

static void
ngx_mesh_xray_time(ngx_mesh_xray_out_t *out, uint64_t us)
{
    u_char    *p;
    uint64_t   sec;
    uint32_t   fraction, digits;

    static size_t    len;           /* of this process */
    static u_char    text[NGX_MESH_TEXT_NUMBER_LEN];
    static uint64_t  cached;

    sec = us / 1000000;

    if (sec != cached || len == 0) {
        len = ngx_mesh_text_number(text, sec) - text;
        cached = sec;
    }

    p = ngx_cpymem(out->p, text, len);
    *p++ = '.';

    fraction = (uint32_t) (us - sec * 1000000);

    for (digits = 100000; digits; digits /= 10) {
        *p++ = (u_char) ('0' + fraction / digits % 10);
    }

    out->p = p;
}


static void
ngx_mesh_xray_number(ngx_mesh_xray_out_t *out, off_t n)
{
    out->p = ngx_mesh_text_number(out->p, n);
}
