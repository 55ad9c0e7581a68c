
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The access log of the spec, in the log phase: whether a request gets a line,
 * and the values of its operators that the request has at hand.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_access_log.h"
#include "ngx_mesh_log.h"
#include "ngx_mesh_log_file.h"
#include "ngx_mesh_rules.h"


static void ngx_http_mesh_access_log_write(ngx_mesh_log_t *log,
    ngx_mesh_log_file_t *file, ngx_http_mesh_access_log_line_t *line);
static void ngx_http_mesh_access_log_request(ngx_http_request_t *r,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_count(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_upstream(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value);


/* what is missing has a length of 0, but for those that may be empty */

#define ngx_http_mesh_access_log_set(value, s)                                \
    if ((s)->len) {                                                           \
        (value)->type = NGX_MESH_LOG_VALUE_STRING;                            \
        (value)->string = *(s);                                               \
    }

#define ngx_http_mesh_access_log_number(value, n)                             \
    (value)->type = NGX_MESH_LOG_VALUE_NUMBER;                                \
    (value)->number = (int64_t) (n)


void
ngx_http_mesh_access_log(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o)
{
    ngx_mesh_log_t                   *log;
    ngx_mesh_log_file_t              *file;
    ngx_http_mesh_main_conf_t        *mmcf;
    ngx_http_mesh_access_log_line_t   line;

    log = ctx->snapshot ? ctx->snapshot->model->log : NULL;

    if (log == NULL) {
        return;
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mesh_module);

    if (!mmcf->log->used
        || !ngx_mesh_log_wanted(mmcf->log, o->status, o->duration,
                                ctx->trace && ctx->trace->trace.sampled))
    {
        return;
    }

    file = ngx_mesh_log_file_get(&log->path);

    if (file == NULL) {
        return;
    }

    line.request = r;
    line.ctx = ctx;
    line.outcome = o;

    ngx_http_mesh_access_log_write(log, file, &line);
}


/* a line that is too long is written again with shorter values */

static void
ngx_http_mesh_access_log_write(ngx_mesh_log_t *log, ngx_mesh_log_file_t *file,
    ngx_http_mesh_access_log_line_t *line)
{
    u_char      *p, *last;
    ngx_uint_t   i;

    static size_t  cuts[] = { NGX_MAX_SIZE_T_VALUE, 1024, 256, 64 };

    p = ngx_mesh_log_file_room(file, &last);

    if (p == NULL) {
        return;
    }

    for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {

        p = ngx_mesh_log_format_write(&log->format, p, last, cuts[i],
                                      ngx_http_mesh_access_log_value, line);
        if (p) {
            ngx_mesh_log_file_add(file, p);
            return;
        }

        p = ngx_mesh_log_file_room(file, &last);
    }

    ngx_mesh_log_file_drop(file);
}


void
ngx_http_mesh_access_log_value(void *data, ngx_mesh_log_op_e op,
    ngx_str_t *name, ngx_mesh_log_value_t *value)
{
    ngx_http_mesh_access_log_line_t *line = data;

    switch (op) {

    case NGX_MESH_LOG_REQ:
    case NGX_MESH_LOG_REQ_WITHOUT_QUERY:
    case NGX_MESH_LOG_RESP:
    case NGX_MESH_LOG_TRAILER:
        ngx_http_mesh_access_log_header(line->request, op, name, value);
        return;

    case NGX_MESH_LOG_START_TIME:
        ngx_http_mesh_access_log_number(value,
                               (int64_t) line->request->start_sec * 1000
                               + line->request->start_msec);
        return;

    case NGX_MESH_LOG_METHOD:
    case NGX_MESH_LOG_PATH:
    case NGX_MESH_LOG_PATH_WITHOUT_QUERY:
    case NGX_MESH_LOG_AUTHORITY:
    case NGX_MESH_LOG_SCHEME:
    case NGX_MESH_LOG_PROTOCOL:
    case NGX_MESH_LOG_HOSTNAME:
        ngx_http_mesh_access_log_request(line->request, op, value);
        return;

    case NGX_MESH_LOG_UPSTREAM_PROTOCOL:
    case NGX_MESH_LOG_UPSTREAM_HOST:
    case NGX_MESH_LOG_UPSTREAM_ADDRESS:
    case NGX_MESH_LOG_UPSTREAM_PORT:
    case NGX_MESH_LOG_UPSTREAM_CLUSTER:
    case NGX_MESH_LOG_ROUTE_NAME:
        ngx_http_mesh_access_log_upstream(line, op, value);
        return;

    case NGX_MESH_LOG_REMOTE:
    case NGX_MESH_LOG_REMOTE_ADDRESS:
    case NGX_MESH_LOG_REMOTE_PORT:
    case NGX_MESH_LOG_DIRECT:
    case NGX_MESH_LOG_DIRECT_ADDRESS:
    case NGX_MESH_LOG_DIRECT_PORT:
    case NGX_MESH_LOG_LOCAL:
    case NGX_MESH_LOG_LOCAL_ADDRESS:
    case NGX_MESH_LOG_LOCAL_PORT:
    case NGX_MESH_LOG_TLS:
        ngx_http_mesh_access_log_peer(line, op, name, value);
        return;

    case NGX_MESH_LOG_RESPONSE_CODE_DETAILS:
    case NGX_MESH_LOG_RESPONSE_FLAGS:
    case NGX_MESH_LOG_RESPONSE_FLAGS_LONG:
    case NGX_MESH_LOG_LOCAL_REPLY_BODY:
    case NGX_MESH_LOG_GRPC_STATUS:
    case NGX_MESH_LOG_GRPC_STATUS_SNAKE:
    case NGX_MESH_LOG_GRPC_STATUS_NUMBER:
    case NGX_MESH_LOG_REQUEST_DURATION:
    case NGX_MESH_LOG_RESPONSE_DURATION:
    case NGX_MESH_LOG_RESPONSE_TX_DURATION:
    case NGX_MESH_LOG_UPSTREAM_WIRE_RECEIVED:
    case NGX_MESH_LOG_UPSTREAM_WIRE_SENT:
    case NGX_MESH_LOG_TRACE_ID:
        ngx_http_mesh_access_log_result(line, op, value);
        return;

    default:
        ngx_http_mesh_access_log_count(line, op, value);
        return;
    }
}


/* the path as it was forwarded, as Envoy has it */

static void
ngx_http_mesh_access_log_request(ngx_http_request_t *r, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value)
{
    u_char     *mark;
    ngx_str_t   s;

    switch (op) {

    case NGX_MESH_LOG_METHOD:
        s = r->method_name;
        break;

    case NGX_MESH_LOG_PATH:
        s = r->unparsed_uri;
        break;

    case NGX_MESH_LOG_PATH_WITHOUT_QUERY:
        s = r->unparsed_uri;
        mark = ngx_strlchr(s.data, s.data + s.len, '?');

        if (mark) {
            s.len = mark - s.data;
        }

        break;

    case NGX_MESH_LOG_AUTHORITY:
        ngx_http_mesh_host(r, &s);
        break;

    case NGX_MESH_LOG_SCHEME:
        ngx_str_set(&s, "http");

#if (NGX_HTTP_SSL)
        if (r->connection->ssl) {
            ngx_str_set(&s, "https");
        }
#endif

        break;

    case NGX_MESH_LOG_PROTOCOL:
        if (r->http_version == NGX_HTTP_VERSION_11) {
            ngx_str_set(&s, "HTTP/1.1");

        } else if (r->http_version == NGX_HTTP_VERSION_20) {
            ngx_str_set(&s, "HTTP/2");

        } else {
            s = r->http_protocol;
        }

        break;

    default:
        s = ngx_cycle->hostname;
        break;
    }

    ngx_http_mesh_access_log_set(value, &s);
}


static void
ngx_http_mesh_access_log_count(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    ngx_http_request_t       *r;
    ngx_http_mesh_outcome_t  *o;

    r = line->request;
    o = line->outcome;

    value->type = NGX_MESH_LOG_VALUE_NUMBER;

    switch (op) {

    case NGX_MESH_LOG_RESPONSE_CODE:
        value->number = o->status;
        return;

    case NGX_MESH_LOG_BYTES_RECEIVED:
        value->number = o->received;
        return;

    case NGX_MESH_LOG_BYTES_SENT:
        value->number = o->sent;
        return;

    case NGX_MESH_LOG_DURATION:
        value->number = o->duration;
        return;

    case NGX_MESH_LOG_REQUEST_HEADERS_BYTES:
        value->number = line->ctx->header_length;
        return;

    case NGX_MESH_LOG_RESPONSE_HEADERS_BYTES:
        value->number = r->header_size;
        return;

    case NGX_MESH_LOG_DOWNSTREAM_WIRE_RECEIVED:
        value->number = o->wire_in;
        return;

    case NGX_MESH_LOG_DOWNSTREAM_WIRE_SENT:
        value->number = o->wire_out;
        return;

    case NGX_MESH_LOG_UPSTREAM_ATTEMPTS:
        value->number = o->attempts;
        return;

    case NGX_MESH_LOG_CONNECTION_ID:
        value->number = r->connection->number;
        return;

    default:
        value->type = NGX_MESH_LOG_MISSING;
        return;
    }
}


static void
ngx_http_mesh_access_log_upstream(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    u_char               *colon;
    ngx_str_t             s;
    ngx_mesh_cluster_t   *cluster;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = line->ctx;
    cluster = ctx->cluster;

    ngx_str_null(&s);

    if (op == NGX_MESH_LOG_ROUTE_NAME) {
        if (ctx->route) {
            s = ctx->route->name;
        }

    } else if (op == NGX_MESH_LOG_UPSTREAM_CLUSTER) {
        if (cluster) {
            s.data = line->buf;
            s.len = ngx_snprintf(s.data, sizeof(line->buf),
                                 "cds_%s_%V_%V_%s_%ui",
                                 ctx->direction == NGX_HTTP_MESH_EGRESS
                                     ? "egress" : "ingress",
                                 &ctx->snapshot->model->mesh_name,
                                 &cluster->node->name,
                                 ngx_mesh_protocols[cluster->listener
                                                           ->protocol],
                                 (ngx_uint_t) cluster->listener->port)
                    - s.data;
        }

    } else if (ctx->endpoint == NULL) {
        return;

    } else if (op == NGX_MESH_LOG_UPSTREAM_PROTOCOL) {
        if (cluster->listener->protocol == NGX_MESH_HTTP) {
            ngx_str_set(&s, "HTTP/1.1");

        } else {
            ngx_str_set(&s, "HTTP/2");
        }

    } else if (op == NGX_MESH_LOG_UPSTREAM_PORT) {
        ngx_http_mesh_access_log_number(value,
                               ngx_inet_get_port(ctx->endpoint->sockaddr));

    } else {
        s = ctx->endpoint->name;

        if (op == NGX_MESH_LOG_UPSTREAM_ADDRESS) {
            for (colon = s.data + s.len; colon > s.data; colon--) {
                if (colon[-1] == ':') {
                    s.len = colon - s.data - 1;
                    break;
                }
            }

            if (s.len > 2 && s.data[0] == '[') {
                s.data++;
                s.len -= 2;
            }
        }
    }

    ngx_http_mesh_access_log_set(value, &s);
}
