
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Where metrics, traces and access logs meet a request.  It is looked at when
 * it starts, when it is handed to nginx's modules, with each attempt, when its
 * answer begins, and in the log phase; what the three parts make of it is in
 * files of their own.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"
#include "ngx_http_mesh_access_log.h"


static void ngx_http_mesh_observe_headers(ngx_http_request_t *r,
    ngx_http_mesh_headers_t *headers);
static void ngx_http_mesh_observe_header(ngx_table_elt_t *h,
    ngx_http_mesh_headers_t *headers);
static void ngx_http_mesh_observe_keep(ngx_table_elt_t *h,
    ngx_http_mesh_headers_t *headers, ngx_table_elt_t **place,
    const char *name);
static ngx_int_t ngx_http_mesh_observe_log(ngx_http_request_t *r);
static void ngx_http_mesh_observe_outcome(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx, ngx_http_mesh_outcome_t *o);


ngx_int_t
ngx_http_mesh_observe_start(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mesh_module);

    ctx->header_length = r->request_length;
    ctx->headers.conf = mmcf->trace;

    ngx_http_mesh_observe_headers(r, &ctx->headers);

    ngx_http_mesh_metrics_start(r, ctx);

    if (mmcf->trace->enabled) {
        return ngx_http_mesh_trace_start(r, ctx);
    }

    return NGX_OK;
}


/* one pass for all of them; most names are told apart by length alone */

static void
ngx_http_mesh_observe_headers(ngx_http_request_t *r,
    ngx_http_mesh_headers_t *headers)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        switch (h[i].lowcase_key[0]) {

        case 'x':
        case 't':
        case 'b':
            ngx_http_mesh_observe_header(&h[i], headers);
            break;
        }
    }
}


static void
ngx_http_mesh_observe_header(ngx_table_elt_t *h,
    ngx_http_mesh_headers_t *headers)
{
    switch (h->key.len) {

    case 2:
        ngx_http_mesh_observe_keep(h, headers, &headers->b3, "b3");
        break;

    case 10:
        ngx_http_mesh_observe_keep(h, headers, &headers->tracestate,
                                   "tracestate");
        ngx_http_mesh_observe_keep(h, headers, &headers->b3_flags,
                                   "x-b3-flags");
        break;

    case 11:
        ngx_http_mesh_observe_keep(h, headers, &headers->traceparent,
                                   "traceparent");
        ngx_http_mesh_observe_keep(h, headers, &headers->b3_span_id,
                                   "x-b3-spanid");
        break;

    case 12:
        ngx_http_mesh_observe_keep(h, headers, &headers->request_id,
                                   "x-request-id");
        ngx_http_mesh_observe_keep(h, headers, &headers->b3_trace_id,
                                   "x-b3-traceid");
        ngx_http_mesh_observe_keep(h, headers, &headers->b3_sampled,
                                   "x-b3-sampled");
        break;

    case 15:
        ngx_http_mesh_observe_keep(h, headers, &headers->xray,
                                   "x-amzn-trace-id");

        /* this one may be there several times */

        if (headers->forwarded_for == NULL
            && ngx_memcmp(h->lowcase_key, "x-forwarded-for", 15) == 0)
        {
            headers->forwarded_for = h;
        }

        break;

    case 17:
        ngx_http_mesh_observe_keep(h, headers, &headers->forwarded_proto,
                                   "x-forwarded-proto");
        break;

    default:
        if (headers->conf->envoy_headers
            && h->key.len > 8
            && ngx_memcmp(h->lowcase_key, "x-envoy-", 8) == 0)
        {
            ngx_http_mesh_headers_envoy(h, headers);
        }
    }
}


/* "name" has the length of the header's */

static void
ngx_http_mesh_observe_keep(ngx_table_elt_t *h,
    ngx_http_mesh_headers_t *headers, ngx_table_elt_t **place,
    const char *name)
{
    if (ngx_memcmp(h->lowcase_key, name, h->key.len) != 0) {
        return;
    }

    if (*place) {
        headers->repeated = 1;
        return;
    }

    *place = h;
}


ngx_int_t
ngx_http_mesh_observe_forward(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    return ngx_http_mesh_headers_forward(r, ctx);
}


ngx_int_t
ngx_http_mesh_observe_answer(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_metrics_answer(r, ctx);

    return ngx_http_mesh_headers_answer(r, ctx);
}


void
ngx_http_mesh_observe_attempt(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc)
{
    ctx->attempts++;

    ngx_http_mesh_metrics_attempt(ctx, pc);

    if (ctx->trace && ctx->trace->attempts) {
        ngx_http_mesh_trace_attempt(ctx);
    }
}


void
ngx_http_mesh_observe_attempt_end(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc, ngx_uint_t state)
{
    ngx_http_mesh_metrics_attempt_end(ctx, pc, state);

    if (ctx->trace && ctx->trace->attempts) {
        ngx_http_mesh_trace_attempt_end(ctx);
    }
}


ngx_int_t
ngx_http_mesh_observe_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_mesh_observe_log;

    return NGX_OK;
}


/* an internal redirect clears contexts; the cleanup of the pool stays */

ngx_http_mesh_ctx_t *
ngx_http_mesh_observe_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mesh_module);

    if (ctx || !r->internal) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_mesh_cleanup) {
            continue;
        }

        /* subrequests have theirs in the same pool */

        ctx = cln->data;

        if (ctx->request == r) {
            return ctx;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_mesh_observe_log(ngx_http_request_t *r)
{
    ngx_http_mesh_ctx_t      *ctx;
    ngx_http_mesh_outcome_t   outcome;

    ctx = ngx_http_mesh_observe_ctx(r);

    if (ctx == NULL) {
        return NGX_OK;
    }

    ngx_http_mesh_observe_outcome(r, ctx, &outcome);

    if (ctx->trace) {
        ngx_http_mesh_trace_log(r, ctx, &outcome);
    }

    ngx_http_mesh_metrics_finish(ctx, &outcome);

    if (ctx->snapshot && ctx->snapshot->model->log) {
        ngx_http_mesh_access_log(r, ctx, &outcome);
    }

    return NGX_OK;
}


/* subrequests have no log phase, nor do contexts that an error page replaced */

void
ngx_http_mesh_observe_cleanup(ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_outcome_t  outcome;

    if (!ctx->metrics.finished) {
        ngx_http_mesh_observe_outcome(ctx->request, ctx, &outcome);
        ngx_http_mesh_metrics_finish(ctx, &outcome);
    }
}


static void
ngx_http_mesh_observe_outcome(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    o->duration = (ngx_msec_t) ngx_max((ngx_msec_int_t)
                      ((tp->sec - r->start_sec) * 1000
                       + (ngx_msec_int_t) (tp->msec - r->start_msec)), 0);

    /* 499 is nginx's word for a client that did not wait */

    o->flags = ngx_http_mesh_retry_flags(ctx);
    o->status = r->err_status ? r->err_status : r->headers_out.status;

    if (!r->header_sent) {
        if (o->status == NGX_HTTP_CLIENT_CLOSED_REQUEST || o->status == 0) {
            o->flags |= NGX_HTTP_MESH_DC;
        }

        o->status = 0;
    }

    o->grpc_status = -1;
    o->attempts = ctx->attempts;

    o->received = r->request_length - ctx->header_length;
    o->sent = r->connection->sent - (off_t) r->header_size;
    o->sent = ngx_max(o->sent, 0);

    o->wire_in = r->request_length;
    o->wire_out = r->connection->sent;
}


ngx_msec_t
ngx_http_mesh_observe_upstream(ngx_http_request_t *r)
{
    ngx_uint_t                  i;
    ngx_msec_t                  ms;
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL || r->upstream_states->nelts == 0) {
        return (ngx_msec_t) -1;
    }

    ms = 0;
    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {
        if (state[i].response_time != (ngx_msec_t) -1) {
            ms += state[i].response_time;
        }
    }

    return ms;
}
