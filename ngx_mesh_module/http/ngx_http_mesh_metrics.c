
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Counts requests, attempts and connections.
 *
 * What a client sees (NGX_MESH_METRICS_HTTP) is counted at the start and the
 * end of a request.  What a cluster sees is counted by attempt; a status is
 * counted once for a request, that of the answer that was passed on, or of the
 * proxy's own if there was none: Envoy's Router::Filter charges responses that
 * it retries to other names.  An attempt counts as a request of the upstream
 * when it has got a connection, as in Envoy's ConnPoolImplBase.
 *
 * A request has one context for each time it came to mesh_pass.  If an error
 * page leads there again, the client's request goes over to the new one.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"
#include "ngx_mesh_balance.h"


static void ngx_http_mesh_metrics_again(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_metrics_failed(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc);
static void ngx_http_mesh_metrics_passed(ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_metrics_finalize(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_uint_t ngx_http_mesh_metrics_broken(ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_metrics_finish_cluster(ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o);
static void ngx_http_mesh_metrics_retries(ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_metrics_uncharged(ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o);
static void ngx_http_mesh_metrics_finish_http(ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o);


static ngx_inline void
ngx_http_mesh_metrics_charge(ngx_http_mesh_ctx_t *ctx, ngx_uint_t status)
{
    ngx_uint_t  n;

    n = status / 100 - 1;

    if (ctx->metrics.charged || n > 4) {
        return;
    }

    ctx->metrics.charged = 1;

    ngx_mesh_metrics_add(ctx->cluster->metrics,
                         NGX_MESH_CLUSTER_RQ_1XX + n, 1);
    ngx_mesh_metrics_add(ctx->metrics.target, NGX_MESH_TARGET_RQ_1XX + n, 1);
}


/* streams have connections of their own */

static ngx_inline ngx_connection_t *
ngx_http_mesh_metrics_connection(ngx_http_request_t *r)
{
#if (NGX_HTTP_V2)

    if (r->stream) {
        return r->stream->connection->connection;
    }

#endif

#if (NGX_HTTP_V3)

    if (r->connection->quic) {
        return r->connection->quic->parent;
    }

#endif

    return r->connection;
}


void
ngx_http_mesh_metrics_start(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_connection_t          *c;
    ngx_pool_cleanup_t        *cln;
    ngx_mesh_metrics_row_t    *row;
    ngx_http_mesh_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mesh_module);

    row = mlcf->main->metrics[ctx->direction];

    ctx->metrics.http = row;
    ctx->metrics.target = ngx_mesh_metrics_nobody();
    ctx->metrics.active = 1;

    if (r->internal) {
        ngx_http_mesh_metrics_again(r, ctx);
        row = ctx->metrics.http;
    }

    ngx_mesh_metrics_add(row, NGX_MESH_HTTP_RQ_TOTAL, 1);
    ngx_mesh_metrics_add(row, NGX_MESH_HTTP_RQ_ACTIVE, 1);

    if (ctx->grpc) {
        ngx_mesh_metrics_add(row, NGX_MESH_HTTP_RQ_GRPC, 1);
    }

    if (r != r->main) {
        return;
    }

    /* mostly it is the only cleanup there */

    c = ngx_http_mesh_metrics_connection(r);
    cln = c->pool->cleanup;

    if (cln == NULL || cln->handler != ngx_http_mesh_connection_cleanup) {
        ngx_http_mesh_connection(c, mlcf->main);
    }
}


/* what an earlier context of the same request has counted goes back */

static void
ngx_http_mesh_metrics_again(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_mesh_ctx_t  *old;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        old = cln->data;

        if (cln->handler != ngx_http_mesh_cleanup
            || old == ctx
            || old->request != r
            || !old->metrics.active)
        {
            continue;
        }

        old->metrics.active = 0;

        ctx->metrics.http = old->metrics.http;

        ngx_mesh_metrics_add(ctx->metrics.http, NGX_MESH_HTTP_RQ_TOTAL, -1);
        ngx_mesh_metrics_add(ctx->metrics.http, NGX_MESH_HTTP_RQ_ACTIVE, -1);
        ngx_mesh_metrics_add(ctx->metrics.http, NGX_MESH_HTTP_RQ_GRPC,
                             -(uint64_t) old->grpc);
    }
}


/* an upgraded connection goes on for long, so it counts now */

void
ngx_http_mesh_metrics_answer(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_upstream_t          *u;
    ngx_http_mesh_metrics_ctx_t  *m;

    m = &ctx->metrics;
    u = r->upstream;

    if (r->headers_out.status != NGX_HTTP_SWITCHING_PROTOCOLS
        || !m->busy
        || u->peer.connection == NULL)
    {
        return;
    }

    m->upgraded = u->peer.connection->sent;

    if (!m->total) {
        m->total = 1;
        ngx_mesh_metrics_add(ctx->cluster->metrics, NGX_MESH_CLUSTER_RQ_TOTAL,
                             1);
    }

    ngx_http_mesh_metrics_charge(ctx, NGX_HTTP_SWITCHING_PROTOCOLS);
}


void
ngx_http_mesh_metrics_attempt(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc)
{
    ngx_http_upstream_t          *u;
    ngx_mesh_metrics_row_t       *row;
    ngx_http_mesh_metrics_ctx_t  *m;

    m = &ctx->metrics;
    row = ctx->cluster->metrics;

    m->busy = 1;
    m->answered = 0;
    m->total = pc->cached;

    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_ACTIVE, 1);
    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_CX_ACTIVE, 1);
    ngx_mesh_metrics_add(row, pc->cached ? NGX_MESH_CLUSTER_RQ_TOTAL
                                         : NGX_MESH_CLUSTER_CX_TOTAL, 1);

    if (ctx->cluster->nmissing && ngx_mesh_balance_panic(ctx->cluster)) {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_LB_PANIC, 1);
    }

    if (m->finalize == NULL) {
        u = ctx->request->upstream;

        m->finalize = u->finalize_request;
        u->finalize_request = ngx_http_mesh_metrics_finalize;
    }
}


/* peer.free() follows, and is not told */

static void
ngx_http_mesh_metrics_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_mesh_ctx_t  *ctx;

    ctx = r->upstream->peer.data;

    ctx->metrics.rc = rc;
    ctx->metrics.finalize(r, rc);
}


void
ngx_http_mesh_metrics_attempt_end(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc, ngx_uint_t state)
{
    ngx_uint_t                    n;
    ngx_mesh_metrics_row_t       *row;
    ngx_http_upstream_state_t    *us;
    ngx_http_mesh_metrics_ctx_t  *m;

    m = &ctx->metrics;
    us = ctx->request->upstream->state;
    row = ctx->cluster->metrics;

    m->busy = 0;

    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_ACTIVE, -1);
    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_CX_ACTIVE, -1);
    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_CX_RX_BYTES,
                         us->bytes_received);
    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_CX_TX_BYTES, us->bytes_sent);
    ngx_mesh_metrics_add(m->target, NGX_MESH_TARGET_BYTES,
                         us->bytes_received + us->bytes_sent);

    if (!m->total && ctx->connected) {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_TOTAL, 1);
    }

    n = ctx->attempt.retries - m->retries;

    if (n) {
        m->retries = ctx->attempt.retries;
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_RETRY, n);
        ngx_mesh_metrics_add(m->target, NGX_MESH_TARGET_RETRIES, n);
    }

    if (state & NGX_PEER_FAILED) {
        ngx_http_mesh_metrics_failed(ctx, pc);

    } else if (us->header_time != (ngx_msec_t) -1) {
        m->answered = 1;
        ngx_http_mesh_metrics_passed(ctx);
    }
}


static void
ngx_http_mesh_metrics_failed(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc)
{
    ngx_http_mesh_try_t     *t;
    ngx_mesh_metrics_row_t  *row;

    t = &ctx->attempt;
    row = ctx->cluster->metrics;

    if (t->again) {
        /* there was an answer, which is not passed on */

    } else if (t->expired) {

        if (!t->over) {
            ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_PER_TRY_TIMEOUT, 1);
        }

    } else if (ctx->connected) {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_RX_RESET, 1);

    } else {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_CX_CONNECT_FAIL, 1);

        if (pc->connection && pc->connection->write->timedout) {
            ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_CX_CONNECT_TIMEOUT, 1);
        }
    }

    if (pc->tries == 0) {
        ngx_http_mesh_metrics_charge(ctx, t->expired
                                          ? NGX_HTTP_GATEWAY_TIME_OUT
                                          : NGX_HTTP_SERVICE_UNAVAILABLE);
    }
}


/* an answer was passed on, perhaps not to its end */

static void
ngx_http_mesh_metrics_passed(ngx_http_mesh_ctx_t *ctx)
{
    ngx_msec_t               ms;
    ngx_uint_t               bucket;
    ngx_http_request_t      *r;
    ngx_mesh_metrics_row_t  *row;

    r = ctx->request;
    row = ctx->cluster->metrics;

    ngx_http_mesh_metrics_charge(ctx, r->upstream->headers_in.status_n);

    if (ngx_http_mesh_metrics_broken(ctx)) {

        if (r->connection->error
            || ctx->metrics.rc == NGX_HTTP_CLIENT_CLOSED_REQUEST
            || ctx->metrics.rc == NGX_DONE
            || (r->upstream->pipe && r->upstream->pipe->downstream_error))
        {
            ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_CANCELLED, 1);

        } else if (!ctx->attempt.expired) {
            ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_RX_RESET, 1);
        }

        return;
    }

    /*
     * Envoy: upstream_rq_time is from the end of the request to that of the
     * answer, of all attempts together, and only for an answer that is whole.
     */

    ms = ngx_current_msec
         - ctx->attempt.limits.start[NGX_MESH_LIMIT_REQUEST];

    bucket = ngx_mesh_metrics_bucket(ms);

    ngx_mesh_metrics_observe(row, NGX_MESH_CLUSTER_RQ_TIME, bucket, ms);
    ngx_mesh_metrics_observe(ctx->metrics.target, NGX_MESH_TARGET_RQ_TIME,
                             bucket, ms);
}


/*
 * nginx ends a request with the status of an answer that is intercepted, but
 * then nothing was sent yet.  NGX_DONE: the request was freed.
 */

static ngx_uint_t
ngx_http_mesh_metrics_broken(ngx_http_mesh_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ctx->metrics.rc;

    if (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST || rc == NGX_DONE) {
        return 1;
    }

    return ctx->request->upstream->header_sent
           && (rc == NGX_ERROR || rc >= NGX_HTTP_SPECIAL_RESPONSE);
}


void
ngx_http_mesh_metrics_finish(ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o)
{
    ctx->metrics.finished = 1;

    if (ctx->cluster) {
        ngx_http_mesh_metrics_finish_cluster(ctx, o);
    }

    if (ctx->metrics.active) {
        ctx->metrics.active = 0;
        ngx_http_mesh_metrics_finish_http(ctx, o);
    }
}


static void
ngx_http_mesh_metrics_finish_cluster(ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o)
{
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;

    if (!ctx->metrics.charged) {
        ngx_http_mesh_metrics_uncharged(ctx, o);
    }

    if (t->over || t->overflow || t->exhausted || t->retries) {
        ngx_http_mesh_metrics_retries(ctx);
    }
}


static void
ngx_http_mesh_metrics_retries(ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_try_t     *t;
    ngx_mesh_metrics_row_t  *row;

    t = &ctx->attempt;
    row = ctx->cluster->metrics;

    /* the limit of the whole request, or that without bytes */

    if (t->over) {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_TIMEOUT, 1);
    }

    /* Envoy, RetryStateImpl::shouldRetry() */

    if (t->overflow) {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_RETRY_OVERFLOW, 1);

    } else if (t->exhausted) {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_RETRY_LIMIT, 1);

    } else if (t->retries && ctx->metrics.answered) {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_RETRY_SUCCESS, 1);
    }
}


/* there was no attempt, or it was cut off */

static void
ngx_http_mesh_metrics_uncharged(ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o)
{
    ngx_mesh_metrics_row_t  *row;

    row = ctx->cluster->metrics;

    if (ctx->metrics.busy) {
        ctx->metrics.busy = 0;
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_ACTIVE, -1);
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_CX_ACTIVE, -1);
    }

    if (ctx->flags & NGX_HTTP_MESH_UH) {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_NONE_HEALTHY, 1);
        ngx_http_mesh_metrics_charge(ctx, NGX_HTTP_SERVICE_UNAVAILABLE);

    } else if (ctx->flags & NGX_HTTP_MESH_UO) {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_PENDING_OVERFLOW, 1);
        ngx_http_mesh_metrics_charge(ctx, NGX_HTTP_SERVICE_UNAVAILABLE);

    } else if (ctx->flags & NGX_HTTP_MESH_UT) {

        if (!ctx->attempt.over) {
            ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_TIMEOUT, 1);
        }

        ngx_http_mesh_metrics_charge(ctx, NGX_HTTP_GATEWAY_TIME_OUT);

    } else if (o->flags & NGX_HTTP_MESH_DC) {
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_CANCELLED, 1);

    } else if (ctx->attempts) {
        ngx_http_mesh_metrics_charge(ctx, o->status);
    }
}


static void
ngx_http_mesh_metrics_finish_http(ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o)
{
    off_t                    received;
    ngx_uint_t               n, bucket;
    ngx_http_request_t      *r;
    ngx_mesh_metrics_row_t  *row;

    r = ctx->request;
    row = ctx->metrics.http;

    ngx_mesh_metrics_add(row, NGX_MESH_HTTP_RQ_ACTIVE, -1);

    n = o->status / 100 - 1;

    if (n < 5) {
        ngx_mesh_metrics_add(row, NGX_MESH_HTTP_RQ_1XX + n, 1);
    }

    if (o->flags & NGX_HTTP_MESH_NR) {
        ngx_mesh_metrics_add(row, NGX_MESH_HTTP_NO_ROUTE, 1);
    }

    bucket = ngx_mesh_metrics_bucket(o->duration);

    ngx_mesh_metrics_observe(row, NGX_MESH_HTTP_RQ_TIME, bucket, o->duration);

    if (r != r->main) {
        return;
    }

    if (r->connection->error || (o->flags & NGX_HTTP_MESH_DC)) {
        ngx_mesh_metrics_add(row, NGX_MESH_HTTP_RQ_RESET, 1);
    }

    received = o->wire_in;

    if (ctx->metrics.upgraded && r->upstream && r->upstream->state) {
        received += r->upstream->state->bytes_sent - ctx->metrics.upgraded;
    }

    ngx_mesh_metrics_add(row, NGX_MESH_HTTP_RX_BYTES, received);
    ngx_mesh_metrics_add(row, NGX_MESH_HTTP_TX_BYTES, o->wire_out);
}
