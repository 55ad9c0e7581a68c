
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The end of a trace: a request that is traced is put down as a span, for
 * X-Ray's daemon and for a collector of OpenTelemetry, whatever became of it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"
#include "ngx_mesh_metrics_model.h"
#include "ngx_mesh_otlp.h"
#include "ngx_mesh_random.h"


static void ngx_http_mesh_span_tell(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx, ngx_http_mesh_outcome_t *outcome,
    ngx_mesh_conf_t *mcf);
static void ngx_http_mesh_span_times(ngx_http_request_t *r,
    ngx_mesh_span_t *span);
static void ngx_http_mesh_span_request(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx, ngx_mesh_span_t *span);
static void ngx_http_mesh_span_url(ngx_http_request_t *r,
    ngx_mesh_span_t *span);
static void ngx_http_mesh_span_client(ngx_http_request_t *r,
    ngx_mesh_span_t *span);
static ngx_uint_t ngx_http_mesh_span_address(ngx_str_t *s);
static void ngx_http_mesh_span_target(ngx_http_mesh_ctx_t *ctx,
    ngx_mesh_span_t *span, u_char *cluster);
static void ngx_http_mesh_span_xray(ngx_mesh_trace_conf_t *tc,
    ngx_mesh_span_t *span, ngx_mesh_span_t *attempts, ngx_uint_t n);
static ngx_uint_t ngx_http_mesh_span_attempts(ngx_http_mesh_ctx_t *ctx,
    ngx_mesh_span_t *span, ngx_mesh_span_t *attempts);


void
ngx_http_mesh_trace_log(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *outcome)
{
    ngx_mesh_conf_t  *mcf;

    if (ctx->trace == NULL || !ctx->trace->trace.sampled) {
        return;
    }

    mcf = ngx_mesh_get_conf((ngx_cycle_t *) ngx_cycle);

    if (mcf == NULL || (!mcf->trace.xray && mcf->otlp == NULL)) {
        return;
    }

    ngx_mesh_metrics_add(ngx_mesh_metrics_server, NGX_MESH_SERVER_TRACE_SAMPLED,
                         1);

    ngx_http_mesh_span_tell(r, ctx, outcome, mcf);
}


static void
ngx_http_mesh_span_tell(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *outcome, ngx_mesh_conf_t *mcf)
{
    u_char             cluster[NGX_MESH_METRICS_CLUSTER_LEN];
    u_char             flags[NGX_HTTP_MESH_FLAGS_LEN];
    ngx_uint_t         i, n;
    ngx_mesh_span_t    span;
    ngx_mesh_trace_t  *trace;

    /* many pages, of the stack they would be cold */
    static ngx_mesh_span_t  attempts[NGX_MESH_XRAY_ATTEMPTS];

    trace = &ctx->trace->trace;

    ngx_memzero(&span, sizeof(ngx_mesh_span_t));

    ngx_memcpy(span.trace_id, trace->trace_id, 16);
    ngx_memcpy(span.span_id, trace->span_id, 8);
    ngx_memcpy(span.parent_id, trace->parent_id, 8);

    span.parent = trace->parent;
    span.tracestate = trace->tracestate;
    span.grpc = ctx->grpc;
    span.kind = (ctx->direction == NGX_HTTP_MESH_INGRESS)
                ? NGX_MESH_SPAN_SERVER : NGX_MESH_SPAN_CLIENT;

    span.status = outcome->status;
    span.grpc_status = outcome->grpc_status;
    span.attempts = outcome->attempts;
    span.received = outcome->received;
    span.sent = outcome->sent;

    span.flags.data = flags;
    span.flags.len = ngx_http_mesh_flags(flags, outcome->flags) - flags;

    ngx_http_mesh_span_times(r, &span);
    ngx_http_mesh_span_request(r, ctx, &span);
    ngx_http_mesh_span_target(ctx, &span, cluster);

    n = ngx_http_mesh_span_attempts(ctx, &span, attempts);

    if (mcf->trace.xray) {
        ngx_http_mesh_span_xray(&mcf->trace, &span, attempts,
                                mcf->trace.retries ? n : 0);
    }

    if (mcf->otlp == NULL) {
        return;
    }

    ngx_mesh_otlp_add(&span);

    for (i = 0; mcf->otlp->retries && i < n; i++) {
        ngx_mesh_otlp_add(&attempts[i]);
    }
}


static void
ngx_http_mesh_span_times(ngx_http_request_t *r, ngx_mesh_span_t *span)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    span->start = (uint64_t) r->start_sec * 1000000
                  + (uint64_t) r->start_msec * 1000;
    span->end = (uint64_t) tp->sec * 1000000 + (uint64_t) tp->msec * 1000;

    /* the clock may have been set */
    span->end = ngx_max(span->end, span->start);
}


static void
ngx_http_mesh_span_request(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_mesh_span_t *span)
{
    span->method = r->method_name;

    span->protocol = (r->http_version >= 3000) ? NGX_MESH_SPAN_HTTP_3
                     : (r->http_version >= 2000) ? NGX_MESH_SPAN_HTTP_2
                     : (r->http_version >= 1001) ? NGX_MESH_SPAN_HTTP_11
                     : NGX_MESH_SPAN_HTTP_10;

    if (r->headers_in.user_agent) {
        span->user_agent = r->headers_in.user_agent->value;
    }

    if (ctx->headers.request_id) {
        span->request_id = ctx->headers.request_id->value;
    }

    if (ctx->headers.forwarded_proto
        && ctx->headers.forwarded_proto->value.len)
    {
        span->scheme = ctx->headers.forwarded_proto->value;

    } else {
        ngx_str_set(&span->scheme, "http");

#if (NGX_HTTP_SSL)
        if (r->connection->ssl) {
            ngx_str_set(&span->scheme, "https");
        }
#endif
    }

    ngx_http_mesh_host(r, &span->host);
    ngx_http_mesh_span_url(r, span);
    ngx_http_mesh_span_client(r, span);
}


static void
ngx_http_mesh_span_url(ngx_http_request_t *r, ngx_mesh_span_t *span)
{
    u_char     *p, *last;
    ngx_str_t   uri;

    uri = r->unparsed_uri;

    /* an absolute one is cut down to its path */

    if (uri.len && uri.data[0] != '/') {
        uri = r->uri;
    }

    last = uri.data + uri.len;
    p = ngx_strlchr(uri.data, last, '?');

    span->path = uri;

    if (p) {
        span->path.len = p - uri.data;
        span->query.data = p + 1;
        span->query.len = last - span->query.data;
    }
}


/*
 * The first address of X-Forwarded-For, else the peer's.  X-Ray wants one, and
 * clients may write anything there.
 */

static void
ngx_http_mesh_span_client(ngx_http_request_t *r, ngx_mesh_span_t *span)
{
    u_char           *p, *last;
    ngx_str_t         first;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (r->connection->sockaddr->sa_family != AF_UNIX) {
        span->client = r->connection->addr_text;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != sizeof("x-forwarded-for") - 1
                || ngx_memcmp(h[i].lowcase_key, "x-forwarded-for",
                              h[i].key.len)
                   != 0)
            {
                continue;
            }

            p = h[i].value.data;
            last = p + h[i].value.len;

            while (p < last && (*p == ' ' || *p == ',')) { p++; }

            if (p == last) {
                continue;
            }

            first.data = p;

            while (p < last && *p != ',' && *p != ' ') { p++; }

            first.len = p - first.data;

            if (ngx_http_mesh_span_address(&first)) {
                span->forwarded = 1;
                span->client = first;
            }

            return;
        }
    }
}


/* 1: it is one; a port and brackets, which some proxies add, are taken off */

static ngx_uint_t
ngx_http_mesh_span_address(ngx_str_t *s)
{
    u_char     *p, *last, text[NGX_INET6_ADDRSTRLEN + 1];
    u_char      bytes[16];
    ngx_str_t   address;

    address = *s;
    last = address.data + address.len;
    p = ngx_strlchr(address.data, last, ':');

    if (address.len && address.data[0] == '[') {
        address.data++;
        p = ngx_strlchr(address.data, last, ']');

        if (p == NULL) {
            return 0;
        }

        address.len = p - address.data;
        p++;

    } else if (p && ngx_strlchr(p + 1, last, ':') == NULL) {
        address.len = p - address.data;

    } else {
        p = last;
    }

    if (p && p < last
        && (*p != ':' || ngx_atoi(p + 1, last - p - 1) == NGX_ERROR))
    {
        return 0;
    }

    if (address.len > NGX_INET6_ADDRSTRLEN) {
        return 0;
    }

    *ngx_cpymem(text, address.data, address.len) = '\0';

    if (inet_pton(AF_INET, (char *) text, bytes) != 1
        && inet_pton(AF_INET6, (char *) text, bytes) != 1)
    {
        return 0;
    }

    *s = address;

    return 1;
}


static void
ngx_http_mesh_span_target(ngx_http_mesh_ctx_t *ctx, ngx_mesh_span_t *span,
    u_char *cluster)
{
    ngx_mesh_cluster_t  *c;

    if (ctx->service) {
        span->service = ctx->service->name;
    }

    if (ctx->route) {
        span->route = ctx->route->name;
    }

    if (ctx->endpoint) {
        span->upstream = ctx->endpoint->name;
    }

    c = ctx->cluster;

    if (c == NULL) {
        return;
    }

    span->node = c->node->name;

    span->cluster.data = cluster;
    ngx_mesh_metrics_cluster_name(ctx->snapshot->model, c,
                                  span->kind == NGX_MESH_SPAN_SERVER,
                                  &span->cluster);
}


static void
ngx_http_mesh_span_xray(ngx_mesh_trace_conf_t *tc, ngx_mesh_span_t *span,
    ngx_mesh_span_t *attempts, ngx_uint_t n)
{
    u_char  *p;

    p = ngx_mesh_xray_room();

    p = ngx_mesh_xray_segment(p, p + NGX_MESH_XRAY_MAX, &tc->proxy, span,
                              attempts, n);

    ngx_mesh_xray_add(&tc->daemon, p);
}


/* children of the span; returns how many, 0: nobody wants to know */

static ngx_uint_t
ngx_http_mesh_span_attempts(ngx_http_mesh_ctx_t *ctx, ngx_mesh_span_t *span,
    ngx_mesh_span_t *attempts)
{
    uint64_t                        random;
    ngx_uint_t                      i, n;
    ngx_mesh_span_t                *a;
    ngx_http_mesh_trace_attempt_t  *from;

    if (ctx->trace->attempts == NULL) {
        return 0;
    }

    n = ngx_min(ctx->trace->nattempts, NGX_MESH_XRAY_ATTEMPTS);

    for (i = 0; i < n; i++) {
        a = &attempts[i];
        from = &ctx->trace->attempts[i];

        ngx_memzero(a, sizeof(ngx_mesh_span_t));

        random = ngx_mesh_random();

        ngx_memcpy(a->trace_id, span->trace_id, 16);
        ngx_memcpy(a->span_id, &random, 8);
        ngx_memcpy(a->parent_id, span->span_id, 8);

        a->parent = 1;
        a->attempt = 1;
        a->kind = NGX_MESH_SPAN_CLIENT;
        a->protocol = from->protocol;

        a->start = from->start;
        a->end = ngx_max(from->end ? from->end : span->end, from->start);

        a->status = from->status;
        a->grpc_status = -1;
        a->attempts = i + 1;

        a->tracestate = span->tracestate;
        a->method = span->method;
        a->scheme = span->scheme;
        a->host = span->host;
        a->path = span->path;
        a->service = span->service;
        a->route = span->route;
        a->node = from->node;
        a->upstream = from->upstream;

        /* the flags are those of the last one */

        if (i + 1 == n && n == ctx->trace->nattempts && from->failed) {
            a->flags = span->flags;
        }
    }

    return n;
}
