
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Values of access logs: what became of a request, and when.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_access_log.h"
#include "ngx_mesh_text.h"


static void ngx_http_mesh_access_log_service_time(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_digits(
    ngx_http_mesh_access_log_line_t *line, int64_t n,
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


void
ngx_http_mesh_access_log_result(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    ngx_http_mesh_ctx_t  *ctx;

    ctx = line->ctx;

    switch (op) {

    case NGX_MESH_LOG_STATUS:
        if (line->outcome->status) {
            ngx_http_mesh_access_log_digits(line, line->outcome->status,
                                            value);
        }

        return;

    case NGX_MESH_LOG_SERVICE_TIME:
        ngx_http_mesh_access_log_service_time(line, value);
        return;

    case NGX_MESH_LOG_RESPONSE_FLAGS_LONG:
        ngx_http_mesh_access_log_flags(line, 1, value);
        return;

    case NGX_MESH_LOG_RESPONSE_CODE_DETAILS:
        ngx_http_mesh_access_log_details(line, value);
        return;

    case NGX_MESH_LOG_LOCAL_REPLY_BODY:
        if (ctx->reply.len) {
            ngx_http_mesh_access_log_string(value, ctx->reply);
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


/* what the header of that name is set to, or would be; a string in Envoy */

static void
ngx_http_mesh_access_log_service_time(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_value_t *value)
{
    ngx_http_mesh_headers_t  *headers;

    headers = &line->ctx->headers;

    if (headers->time_len) {
        value->type = NGX_MESH_LOG_VALUE_PLAIN;
        value->string.data = headers->time;
        value->string.len = headers->time_len;
    }
}


/* a number that is a string in Envoy, and so in JSON */

static void
ngx_http_mesh_access_log_digits(ngx_http_mesh_access_log_line_t *line,
    int64_t n, ngx_mesh_log_value_t *value)
{
    value->type = NGX_MESH_LOG_VALUE_PLAIN;
    value->string.data = line->buf;
    value->string.len = ngx_mesh_text_number(line->buf, n) - line->buf;
}


/* in the order of Envoy's ResponseFlag */

void
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
        { NGX_HTTP_MESH_URX,
          { ngx_string("URX"), ngx_string("UpstreamRetryLimitExceeded") } },
        { NGX_HTTP_MESH_NC,
          { ngx_string("NC"), ngx_string("NoClusterFound") } },
        { 0, { ngx_null_string, ngx_null_string } }
    };

    static ngx_str_t  none = ngx_string("-");

    /* not missing: in JSON too this is "-" */

    if (line->outcome->flags == 0) {
        ngx_http_mesh_access_log_plain(value, none);
        return;
    }

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

    value->type = NGX_MESH_LOG_VALUE_STRING;
    value->string.data = line->buf;
    value->string.len = p - line->buf;
}


/* Envoy's StreamInfo::ResponseCodeDetails, by what is known here */

static void
ngx_http_mesh_access_log_details(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_value_t *value)
{
    ngx_uint_t            i, flags;
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

    ctx = line->ctx;

    /* not the flags of retries: an answer that was not retried is one */

    flags = ctx->flags | (line->outcome->flags & NGX_HTTP_MESH_DC);

    for (i = 0; details[i].flag; i++) {
        if (flags & details[i].flag) {
            ngx_http_mesh_access_log_string(value, details[i].text);
            return;
        }
    }

    if (ctx->endpoint && ctx->reply.len == 0 && line->outcome->status) {
        ngx_http_mesh_access_log_string(value, via_upstream);
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

    h = ngx_http_mesh_access_log_find(&r->headers_out.trailers, &name);

    if (h == NULL) {
        h = ngx_http_mesh_access_log_find(&r->headers_out.headers, &name);
    }

    if (h) {
        n = ngx_atoi(h->value.data, h->value.len);

    } else if (line->outcome->status) {
        /* gRPC's own table, as Envoy does */
        n = ngx_http_mesh_grpc_status(line->outcome->status);

    } else {
        n = NGX_ERROR;
    }

    if (n == NGX_ERROR) {
        return;
    }

    if (op == NGX_MESH_LOG_GRPC_STATUS_NUMBER) {
        ngx_http_mesh_access_log_number(value, n);
        return;
    }

    if (n >= (ngx_int_t) (sizeof(codes) / sizeof(codes[0]))) {
        ngx_http_mesh_access_log_digits(line, n, value);
        return;
    }

    snake = (op == NGX_MESH_LOG_GRPC_STATUS_SNAKE);

    ngx_http_mesh_access_log_string(value, codes[n][snake]);
}


/*
 * Attempts are timed by nginx from their own beginning, and the last one's
 * beginning is known from the end of the request.
 */

static void
ngx_http_mesh_access_log_time(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    ngx_uint_t                  n;
    ngx_msec_int_t              ms, duration;
    ngx_http_request_t         *r;
    ngx_http_mesh_try_t        *t;
    ngx_http_upstream_state_t  *state;

    r = line->request;
    t = &line->ctx->attempt;
    n = r->upstream_states ? r->upstream_states->nelts : 0;

    if (n == 0 || r->upstream == NULL) {
        return;
    }

    duration = (ngx_msec_int_t) line->outcome->duration;

    if (op == NGX_MESH_LOG_REQUEST_DURATION) {

        /* its limit begins at its end, and after what it waited for a place */

        if (t->reading || line->ctx->attempts == 0) {
            return;
        }

        ms = duration
             - (ngx_msec_int_t) (ngx_current_msec
                                 - t->limits.start[NGX_MESH_LIMIT_REQUEST])
             - (ngx_msec_int_t) line->ctx->waited;

    } else {
        state = r->upstream_states->elts;
        state += n - 1;

        if (state->header_time == (ngx_msec_t) -1) {
            return;
        }

        ms = duration
             - (ngx_msec_int_t) (ngx_current_msec - r->upstream->start_time)
             + (ngx_msec_int_t) state->header_time;

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
