
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Values of access logs that have to be looked for: headers, addresses of the
 * client's connection and its TLS, and what became of the request.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_access_log.h"


static ngx_table_elt_t *ngx_http_mesh_access_log_find(ngx_list_t *list,
    ngx_str_t *name, ngx_uint_t lowcase);
static void ngx_http_mesh_access_log_sent(ngx_http_request_t *r,
    ngx_str_t *name, ngx_mesh_log_value_t *value);
static ngx_msec_int_t ngx_http_mesh_access_log_service_time(
    ngx_http_request_t *r);
static void ngx_http_mesh_access_log_variable(ngx_http_request_t *r,
    ngx_str_t *name, ngx_mesh_log_value_t *value);
static ngx_uint_t ngx_http_mesh_access_log_direct(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_address(
    ngx_http_mesh_access_log_line_t *line, struct sockaddr *sockaddr,
    socklen_t socklen, ngx_uint_t port, ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_flags(
    ngx_http_mesh_access_log_line_t *line, ngx_uint_t full,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_details(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_grpc(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_time(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value);
static off_t ngx_http_mesh_access_log_wire(ngx_http_request_t *r,
    ngx_uint_t sent);


#define ngx_http_mesh_access_log_text(value, s)                               \
    (value)->type = NGX_MESH_LOG_VALUE_STRING;                                \
    (value)->string = s


/* of a header that is there several times the first one, as Envoy does */

void
ngx_http_mesh_access_log_header(ngx_http_request_t *r, ngx_mesh_log_op_e op,
    ngx_str_t *name, ngx_mesh_log_value_t *value)
{
    u_char           *mark;
    ngx_list_t       *list;
    ngx_table_elt_t  *h;

    list = (op == NGX_MESH_LOG_RESP) ? &r->headers_out.headers
           : (op == NGX_MESH_LOG_TRAILER) ? &r->headers_out.trailers
           : &r->headers_in.headers;

    h = ngx_http_mesh_access_log_find(list, name,
                                      list == &r->headers_in.headers);

    if (h == NULL) {
        if (op == NGX_MESH_LOG_RESP) {
            ngx_http_mesh_access_log_sent(r, name, value);
        }

        return;
    }

    ngx_http_mesh_access_log_text(value, h->value);

    if (op == NGX_MESH_LOG_REQ_WITHOUT_QUERY) {
        mark = ngx_strlchr(h->value.data, h->value.data + h->value.len, '?');

        if (mark) {
            value->string.len = mark - h->value.data;
        }
    }
}


static ngx_table_elt_t *
ngx_http_mesh_access_log_find(ngx_list_t *list, ngx_str_t *name,
    ngx_uint_t lowcase)
{
    u_char            last;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (name->len == 0) {
        return NULL;
    }

    last = name->data[name->len - 1] | 0x20;

    part = &list->part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len != name->len
            || (h[i].hash == 0 && !lowcase)
            || (h[i].key.data[name->len - 1] | 0x20) != last)
        {
            continue;
        }

        /* "lowcase_key" of responses is not always there */

        if (lowcase
            ? ngx_memcmp(h[i].lowcase_key, name->data, name->len) == 0
            : ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
        {
            return &h[i];
        }
    }
}


/* what nginx has no header for, but writes or knows */

static void
ngx_http_mesh_access_log_sent(ngx_http_request_t *r, ngx_str_t *name,
    ngx_mesh_log_value_t *value)
{
    ngx_uint_t      i;
    ngx_msec_int_t  ms;

    static ngx_str_t  service = ngx_string("x-envoy-upstream-service-time");

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

    if (name->len == service.len
        && ngx_memcmp(name->data, service.data, service.len) == 0)
    {
        ms = ngx_http_mesh_access_log_service_time(r);

        if (ms >= 0) {
            value->type = NGX_MESH_LOG_VALUE_NUMBER;
            value->number = ms;
        }

        return;
    }

    for (i = 0; headers[i].name.len; i++) {
        if (headers[i].name.len == name->len
            && ngx_memcmp(headers[i].name.data, name->data, name->len) == 0)
        {
            ngx_http_mesh_access_log_variable(r, &headers[i].variable, value);
            return;
        }
    }
}


/* from the first attempt to the header of the answer; -1: there was none */

static ngx_msec_int_t
ngx_http_mesh_access_log_service_time(ngx_http_request_t *r)
{
    ngx_uint_t                  i, n;
    ngx_msec_t                  ms;
    ngx_http_upstream_state_t  *state;

    n = r->upstream_states ? r->upstream_states->nelts : 0;

    if (n == 0) {
        return -1;
    }

    state = r->upstream_states->elts;

    if (state[n - 1].header_time == (ngx_msec_t) -1) {
        return -1;
    }

    ms = state[n - 1].header_time;

    for (i = 0; i < n - 1; i++) {
        if (state[i].response_time != (ngx_msec_t) -1) {
            ms += state[i].response_time;
        }
    }

    return (ngx_msec_int_t) ms;
}


static void
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

    ngx_http_mesh_access_log_text(value, s);
}


void
ngx_http_mesh_access_log_peer(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_str_t *name, ngx_mesh_log_value_t *value)
{
    ngx_uint_t         port;
    ngx_connection_t  *c;

    c = line->request->connection;
    port = 0;

    switch (op) {

    case NGX_MESH_LOG_TLS:

#if (NGX_HTTP_SSL)
        if (c->ssl) {
            ngx_http_mesh_access_log_variable(line->request, name, value);
        }
#endif

        return;

    case NGX_MESH_LOG_DIRECT:
    case NGX_MESH_LOG_DIRECT_ADDRESS:
    case NGX_MESH_LOG_DIRECT_PORT:
        if (ngx_http_mesh_access_log_direct(line, op, value)) {
            return;
        }

        break;

    case NGX_MESH_LOG_LOCAL:
    case NGX_MESH_LOG_LOCAL_ADDRESS:
    case NGX_MESH_LOG_LOCAL_PORT:
        if (ngx_connection_local_sockaddr(c, NULL, 0) != NGX_OK) {
            return;
        }

        if (op == NGX_MESH_LOG_LOCAL_PORT) {
            value->type = NGX_MESH_LOG_VALUE_NUMBER;
            value->number = ngx_inet_get_port(c->local_sockaddr);
            return;
        }

        port = (op == NGX_MESH_LOG_LOCAL);

        ngx_http_mesh_access_log_address(line, c->local_sockaddr,
                                         c->local_socklen, port, value);
        return;

    default:
        break;
    }

    if (op == NGX_MESH_LOG_REMOTE_PORT || op == NGX_MESH_LOG_DIRECT_PORT) {
        value->type = NGX_MESH_LOG_VALUE_NUMBER;
        value->number = ngx_inet_get_port(c->sockaddr);
        return;
    }

    port = (op == NGX_MESH_LOG_REMOTE || op == NGX_MESH_LOG_DIRECT);

    ngx_http_mesh_access_log_address(line, c->sockaddr, c->socklen, port,
                                     value);
}


/* with nginx's realip module the connection's own address is in variables */

static ngx_uint_t
ngx_http_mesh_access_log_direct(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    u_char                *p;
    ngx_mesh_log_value_t   port;

    static ngx_str_t  addr = ngx_string("realip_remote_addr");
    static ngx_str_t  number = ngx_string("realip_remote_port");

    port.type = NGX_MESH_LOG_MISSING;

    ngx_http_mesh_access_log_variable(line->request, &addr, value);
    ngx_http_mesh_access_log_variable(line->request, &number, &port);

    if (value->type == NGX_MESH_LOG_MISSING
        || port.type == NGX_MESH_LOG_MISSING)
    {
        value->type = NGX_MESH_LOG_MISSING;
        return 0;
    }

    if (op == NGX_MESH_LOG_DIRECT_PORT) {
        value->type = NGX_MESH_LOG_VALUE_NUMBER;
        value->number = ngx_atoi(port.string.data, port.string.len);

    } else if (op == NGX_MESH_LOG_DIRECT) {
        p = line->buf;

        p = ngx_snprintf(p, sizeof(line->buf),
                         ngx_strlchr(value->string.data,
                                     value->string.data + value->string.len,
                                     ':')
                         ? "[%V]:%V" : "%V:%V", &value->string, &port.string);

        value->string.data = line->buf;
        value->string.len = p - line->buf;
    }

    return 1;
}


static void
ngx_http_mesh_access_log_address(ngx_http_mesh_access_log_line_t *line,
    struct sockaddr *sockaddr, socklen_t socklen, ngx_uint_t port,
    ngx_mesh_log_value_t *value)
{
    value->type = NGX_MESH_LOG_VALUE_STRING;
    value->string.data = line->buf;
    value->string.len = ngx_sock_ntop(sockaddr, socklen, line->buf,
                                      sizeof(line->buf), port);
}


void
ngx_http_mesh_access_log_result(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    ngx_http_mesh_ctx_t  *ctx;

    ctx = line->ctx;

    switch (op) {

    case NGX_MESH_LOG_RESPONSE_FLAGS:
        ngx_http_mesh_access_log_flags(line, 0, value);
        return;

    case NGX_MESH_LOG_RESPONSE_FLAGS_LONG:
        ngx_http_mesh_access_log_flags(line, 1, value);
        return;

    case NGX_MESH_LOG_RESPONSE_CODE_DETAILS:
        ngx_http_mesh_access_log_details(line, value);
        return;

    case NGX_MESH_LOG_LOCAL_REPLY_BODY:
        if (ctx->reply.len) {
            ngx_http_mesh_access_log_text(value, ctx->reply);
        }

        return;

    case NGX_MESH_LOG_GRPC_STATUS:
    case NGX_MESH_LOG_GRPC_STATUS_SNAKE:
    case NGX_MESH_LOG_GRPC_STATUS_NUMBER:
        ngx_http_mesh_access_log_grpc(line, op, value);
        return;

    case NGX_MESH_LOG_UPSTREAM_WIRE_RECEIVED:
    case NGX_MESH_LOG_UPSTREAM_WIRE_SENT:
        value->type = NGX_MESH_LOG_VALUE_NUMBER;
        value->number = ngx_http_mesh_access_log_wire(line->request,
                                    op == NGX_MESH_LOG_UPSTREAM_WIRE_SENT);
        return;

    case NGX_MESH_LOG_TRACE_ID:
        if (ctx->trace) {
            value->type = NGX_MESH_LOG_VALUE_STRING;
            value->string.data = line->buf;
            value->string.len = ngx_mesh_trace_xray_id(line->buf,
                                                 ctx->trace->trace.trace_id)
                                - line->buf;
        }

        return;

    default:
        ngx_http_mesh_access_log_time(line, op, value);
        return;
    }
}


/* in the order of Envoy's ResponseFlag */

static void
ngx_http_mesh_access_log_flags(ngx_http_mesh_access_log_line_t *line,
    ngx_uint_t full, ngx_mesh_log_value_t *value)
{
    u_char      *p;
    ngx_str_t   *s;
    ngx_uint_t   i;

    static struct {
        ngx_uint_t  flag;
        ngx_str_t   names[2];
    } names[] = {
        { NGX_HTTP_MESH_UH,
          { ngx_string("UH"), ngx_string("NoHealthyUpstream") } },
        { NGX_HTTP_MESH_UT,
          { ngx_string("UT"), ngx_string("UpstreamRequestTimeout") } },
        { NGX_HTTP_MESH_UF,
          { ngx_string("UF"), ngx_string("UpstreamConnectionFailure") } },
        { NGX_HTTP_MESH_UC,
          { ngx_string("UC"), ngx_string("UpstreamConnectionTermination") } },
        { NGX_HTTP_MESH_UO,
          { ngx_string("UO"), ngx_string("UpstreamOverflow") } },
        { NGX_HTTP_MESH_NR,
          { ngx_string("NR"), ngx_string("NoRouteFound") } },
        { NGX_HTTP_MESH_DC,
          { ngx_string("DC"),
            ngx_string("DownstreamConnectionTermination") } },
        { NGX_HTTP_MESH_NC,
          { ngx_string("NC"), ngx_string("NoClusterFound") } },
        { 0, { ngx_null_string, ngx_null_string } }
    };

    p = line->buf;

    for (i = 0; names[i].flag; i++) {
        if ((line->outcome->flags & names[i].flag) == 0) {
            continue;
        }

        if (p != line->buf) {
            *p++ = ',';
        }

        s = &names[i].names[full];
        p = ngx_cpymem(p, s->data, s->len);
    }

    /* not missing: in JSON too this is "-" */

    if (p == line->buf) {
        *p++ = '-';
    }

    value->type = NGX_MESH_LOG_VALUE_STRING;
    value->string.data = line->buf;
    value->string.len = p - line->buf;
}


/* Envoy's StreamInfo::ResponseCodeDetails, by what is known here */

static void
ngx_http_mesh_access_log_details(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_value_t *value)
{
    ngx_uint_t            i;
    ngx_http_mesh_ctx_t  *ctx;

    static ngx_str_t  via_upstream = ngx_string("via_upstream");

    static struct {
        ngx_uint_t  flag;
        ngx_str_t   text;
    } details[] = {
        { NGX_HTTP_MESH_DC, ngx_string("downstream_remote_disconnect") },
        { NGX_HTTP_MESH_NR, ngx_string("route_not_found") },
        { NGX_HTTP_MESH_NC, ngx_string("cluster_not_found") },
        { NGX_HTTP_MESH_UH, ngx_string("no_healthy_upstream") },
        { NGX_HTTP_MESH_UO,
          ngx_string("upstream_reset_before_response_started{overflow}") },
        { NGX_HTTP_MESH_UT, ngx_string("response_timeout") },
        { NGX_HTTP_MESH_UF,
          ngx_string("upstream_reset_before_response_started"
                     "{connection_failure}") },
        { NGX_HTTP_MESH_UC,
          ngx_string("upstream_reset_before_response_started"
                     "{connection_termination}") },
        { 0, ngx_null_string }
    };

    for (i = 0; details[i].flag; i++) {
        if (line->outcome->flags & details[i].flag) {
            ngx_http_mesh_access_log_text(value, details[i].text);
            return;
        }
    }

    ctx = line->ctx;

    if (ctx->endpoint && ctx->reply.len == 0 && line->outcome->status) {
        ngx_http_mesh_access_log_text(value, via_upstream);
    }
}


static void
ngx_http_mesh_access_log_grpc(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    ngx_int_t            n;
    ngx_uint_t           snake;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    static ngx_str_t  name = ngx_string("grpc-status");

    static ngx_str_t  codes[][2] = {
        { ngx_string("OK"), ngx_string("OK") },
        { ngx_string("Canceled"), ngx_string("CANCELLED") },
        { ngx_string("Unknown"), ngx_string("UNKNOWN") },
        { ngx_string("InvalidArgument"), ngx_string("INVALID_ARGUMENT") },
        { ngx_string("DeadlineExceeded"), ngx_string("DEADLINE_EXCEEDED") },
        { ngx_string("NotFound"), ngx_string("NOT_FOUND") },
        { ngx_string("AlreadyExists"), ngx_string("ALREADY_EXISTS") },
        { ngx_string("PermissionDenied"), ngx_string("PERMISSION_DENIED") },
        { ngx_string("ResourceExhausted"), ngx_string("RESOURCE_EXHAUSTED") },
        { ngx_string("FailedPrecondition"),
          ngx_string("FAILED_PRECONDITION") },
        { ngx_string("Aborted"), ngx_string("ABORTED") },
        { ngx_string("OutOfRange"), ngx_string("OUT_OF_RANGE") },
        { ngx_string("Unimplemented"), ngx_string("UNIMPLEMENTED") },
        { ngx_string("Internal"), ngx_string("INTERNAL") },
        { ngx_string("Unavailable"), ngx_string("UNAVAILABLE") },
        { ngx_string("DataLoss"), ngx_string("DATA_LOSS") },
        { ngx_string("Unauthenticated"), ngx_string("UNAUTHENTICATED") }
    };

    if (!line->ctx->grpc) {
        return;
    }

    r = line->request;

    h = ngx_http_mesh_access_log_find(&r->headers_out.trailers, &name, 0);

    if (h == NULL) {
        h = ngx_http_mesh_access_log_find(&r->headers_out.headers, &name, 0);
    }

    if (h == NULL) {
        return;
    }

    n = ngx_atoi(h->value.data, h->value.len);

    if (n == NGX_ERROR) {
        return;
    }

    snake = (op == NGX_MESH_LOG_GRPC_STATUS_SNAKE);

    if (op == NGX_MESH_LOG_GRPC_STATUS_NUMBER
        || n >= (ngx_int_t) (sizeof(codes) / sizeof(codes[0])))
    {
        value->type = NGX_MESH_LOG_VALUE_NUMBER;
        value->number = n;
        return;
    }

    ngx_http_mesh_access_log_text(value, codes[n][snake]);
}


/*
 * Attempts are timed by nginx from their own beginning, and the last one's
 * beginning is known from the end of the request.  A request is read before
 * its first attempt, unless it is streamed.
 */

static void
ngx_http_mesh_access_log_time(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    ngx_uint_t                  i, n;
    ngx_msec_int_t              ms, duration;
    ngx_http_request_t         *r;
    ngx_http_upstream_state_t  *state;

    r = line->request;
    n = r->upstream_states ? r->upstream_states->nelts : 0;

    if (n == 0 || r->upstream == NULL) {
        return;
    }

    state = r->upstream_states->elts;
    duration = (ngx_msec_int_t) line->outcome->duration;

    ms = duration
         - (ngx_msec_int_t) (ngx_current_msec - r->upstream->start_time);

    if (op == NGX_MESH_LOG_REQUEST_DURATION) {

        if (r->request_body_no_buffering) {
            return;
        }

        for (i = 0; i < n - 1; i++) {
            if (state[i].response_time != (ngx_msec_t) -1) {
                ms -= (ngx_msec_int_t) state[i].response_time;
            }
        }

    } else {

        if (state[n - 1].header_time == (ngx_msec_t) -1) {
            return;
        }

        ms += (ngx_msec_int_t) state[n - 1].header_time;

        if (op == NGX_MESH_LOG_RESPONSE_TX_DURATION) {
            ms = duration - ms;
        }
    }

    value->type = NGX_MESH_LOG_VALUE_NUMBER;
    value->number = ngx_max(ms, 0);
}


static off_t
ngx_http_mesh_access_log_wire(ngx_http_request_t *r, ngx_uint_t sent)
{
    off_t                       n;
    ngx_uint_t                  i;
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL) {
        return 0;
    }

    n = 0;
    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {
        n += sent ? state[i].bytes_sent : state[i].bytes_received;
    }

    return n;
}
