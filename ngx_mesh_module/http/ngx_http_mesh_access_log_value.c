
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Values of access logs that are asked for less: of the request, its headers,
 * what was counted, where it went.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_access_log.h"


static void ngx_http_mesh_access_log_request(ngx_http_request_t *r,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_count(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_upstream(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_header(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_operand_t *operand,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_sent(ngx_http_request_t *r,
    ngx_str_t *name, ngx_mesh_log_value_t *value);


/* what is missing has a length of 0, but for those that may be empty */

#define ngx_http_mesh_access_log_set(value, s)                                \
    if ((s)->len) {                                                           \
        (value)->type = NGX_MESH_LOG_VALUE_STRING;                            \
        (value)->string = *(s);                                               \
    }


void
ngx_http_mesh_access_log_other(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_operand_t *operand, ngx_mesh_log_value_t *value)
{
    switch (operand->op) {

    case NGX_MESH_LOG_REQ_WITHOUT_QUERY:
    case NGX_MESH_LOG_RESP:
    case NGX_MESH_LOG_TRAILER:
        ngx_http_mesh_access_log_header(line, operand, value);
        return;

    case NGX_MESH_LOG_PATH_WITHOUT_QUERY:
    case NGX_MESH_LOG_SCHEME:
    case NGX_MESH_LOG_PROTOCOL:
    case NGX_MESH_LOG_HOSTNAME:
    case NGX_MESH_LOG_TYPE:
        ngx_http_mesh_access_log_request(line->request, operand->op, value);
        return;

    case NGX_MESH_LOG_UPSTREAM_PROTOCOL:
    case NGX_MESH_LOG_UPSTREAM_ADDRESS:
    case NGX_MESH_LOG_UPSTREAM_PORT:
    case NGX_MESH_LOG_UPSTREAM_CLUSTER:
    case NGX_MESH_LOG_ROUTE_NAME:
        ngx_http_mesh_access_log_upstream(line, operand->op, value);
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
    case NGX_MESH_LOG_UPSTREAM_LOCAL:
    case NGX_MESH_LOG_UPSTREAM_LOCAL_ADDRESS:
    case NGX_MESH_LOG_UPSTREAM_LOCAL_PORT:
    case NGX_MESH_LOG_UPSTREAM_CONNECTION_ID:
    case NGX_MESH_LOG_TLS:
    case NGX_MESH_LOG_PEER_FINGERPRINT_256:
    case NGX_MESH_LOG_PEER_URI_SAN:
    case NGX_MESH_LOG_PEER_CERT_START:
    case NGX_MESH_LOG_PEER_CERT_END:
    case NGX_MESH_LOG_LOCAL_URI_SAN:
    case NGX_MESH_LOG_LOCAL_SUBJECT:
        ngx_http_mesh_access_log_peer(line, operand, value);
        return;

    case NGX_MESH_LOG_STATUS:
    case NGX_MESH_LOG_SERVICE_TIME:
    case NGX_MESH_LOG_RESPONSE_CODE_DETAILS:
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
        ngx_http_mesh_access_log_result(line, operand->op, value);
        return;

    default:
        ngx_http_mesh_access_log_count(line, operand->op, value);
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

    case NGX_MESH_LOG_PATH_WITHOUT_QUERY:
        s = r->unparsed_uri;
        mark = ngx_strlchr(s.data, s.data + s.len, '?');

        if (mark) {
            s.len = mark - s.data;
        }

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

        } else if (r->http_version >= 3000) {
            ngx_str_set(&s, "HTTP/3");

        } else {
            s = r->http_protocol;
        }

        break;

    case NGX_MESH_LOG_TYPE:
        ngx_str_set(&s, "DownstreamEnd");
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
            ngx_mesh_metrics_cluster_name(ctx->snapshot->model, cluster,
                                    ctx->direction != NGX_HTTP_MESH_EGRESS,
                                    &s);
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

    ngx_http_mesh_access_log_set(value, &s);
}


static void
ngx_http_mesh_access_log_header(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_operand_t *operand, ngx_mesh_log_value_t *value)
{
    u_char              *mark;
    ngx_str_t            s;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = line->request;

    switch (operand->op) {

    case NGX_MESH_LOG_REQ_WITHOUT_QUERY:
        h = line->headers[operand->slot];
        break;

    case NGX_MESH_LOG_TRAILER:
        h = ngx_http_mesh_access_log_find(&r->headers_out.trailers,
                                          &operand->text);
        break;

    default: /* NGX_MESH_LOG_RESP */
        h = ngx_http_mesh_access_log_find(&r->headers_out.headers,
                                          &operand->text);

        if (h == NULL) {
            ngx_http_mesh_access_log_sent(r, &operand->text, value);
        }

        break;
    }

    if (h == NULL) {
        return;
    }

    s = h->value;

    if (operand->op == NGX_MESH_LOG_REQ_WITHOUT_QUERY) {
        mark = ngx_strlchr(s.data, s.data + s.len, '?');

        if (mark) {
            s.len = mark - s.data;
        }
    }

    ngx_http_mesh_access_log_string(value, s);
}


/* of an answer; its headers do not always have a "lowcase_key" */

ngx_table_elt_t *
ngx_http_mesh_access_log_find(ngx_list_t *list, ngx_str_t *name)
{
    u_char            last;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (name->len == 0) {
        return NULL;
    }

    last = name->data[name->len - 1] | 0x20;

    for (part = &list->part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == name->len
                && h[i].hash != 0
                && (h[i].key.data[name->len - 1] | 0x20) == last
                && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}


/* what nginx has no header for, but writes or knows */

static void
ngx_http_mesh_access_log_sent(ngx_http_request_t *r, ngx_str_t *name,
    ngx_mesh_log_value_t *value)
{
    ngx_uint_t  i;

    static struct {
        ngx_str_t  name;
        ngx_str_t  variable;
    } headers[] = {
        { ngx_string("content-type"), ngx_string("sent_http_content_type") },
        { ngx_string("content-length"),
          ngx_string("sent_http_content_length") },
        { ngx_string("connection"), ngx_string("sent_http_connection") },
        { ngx_string("keep-alive"), ngx_string("sent_http_keep_alive") },
        { ngx_string("transfer-encoding"),
          ngx_string("sent_http_transfer_encoding") },
        { ngx_string("last-modified"), ngx_string("sent_http_last_modified") },
        { ngx_string("location"), ngx_string("sent_http_location") },
        { ngx_null_string, ngx_null_string }
    };

    for (i = 0; headers[i].name.len; i++) {
        if (headers[i].name.len == name->len
            && ngx_memcmp(headers[i].name.data, name->data, name->len) == 0)
        {
            ngx_http_mesh_access_log_variable(r, &headers[i].variable, value);
            return;
        }
    }
}


void
ngx_http_mesh_access_log_variable(ngx_http_request_t *r, ngx_str_t *name,
    ngx_mesh_log_value_t *value)
{
    ngx_str_t                   s;
    ngx_http_variable_value_t  *v;

    v = ngx_http_get_variable(r, name, ngx_hash_key(name->data, name->len));

    if (v == NULL || v->not_found || v->len == 0) {
        return;
    }

    s.data = v->data;
    s.len = v->len;

    ngx_http_mesh_access_log_string(value, s);
}
