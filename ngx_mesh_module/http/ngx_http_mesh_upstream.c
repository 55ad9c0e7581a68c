
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The balancer of the implicit upstream: asks the core for an endpoint, looks
 * for an idle connection to it, and reports back what became of the attempt.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"
#include "ngx_http_mesh_access_log.h"
#include "ngx_mesh_balance.h"
#include "ngx_mesh_idle.h"


/* endpoints of earlier attempts that are avoided; the oldest are forgotten */
#define NGX_HTTP_MESH_TRIED  8


static ngx_int_t ngx_http_mesh_get_peer(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_mesh_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static ngx_mesh_endpoint_t *ngx_http_mesh_choose_peer(
    ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_idle_peer(ngx_peer_connection_t *pc,
    ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_keep_peer(ngx_peer_connection_t *pc,
    ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_failed_peer(ngx_peer_connection_t *pc,
    ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_avoid(ngx_http_mesh_ctx_t *ctx);
static ngx_uint_t ngx_http_mesh_gone(ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_idle_key(ngx_http_mesh_ctx_t *ctx,
    ngx_mesh_idle_key_t *key);
static ngx_uint_t ngx_http_mesh_load(void *data, ngx_mesh_endpoint_t *ep);
static void ngx_http_mesh_enter(ngx_http_mesh_ctx_t *ctx, ngx_uint_t cached);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_mesh_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_mesh_save_session(ngx_peer_connection_t *pc, void *data);
#endif


ngx_int_t
ngx_http_mesh_init_upstream(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us)
{
    us->peer.init = ngx_http_mesh_init_peer;

    return NGX_OK;
}


ngx_int_t
ngx_http_mesh_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_mesh_ctx_t  *ctx;
    ngx_http_upstream_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mesh_module);

    if (ctx == NULL || ctx->cluster == NULL) {

        /* "proxy_pass http://nginx-mesh" outside of mesh_pass */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream \"%V\" is for \"mesh_pass\" only", &us->host);
        return NGX_ERROR;
    }

    u = r->upstream;

    u->peer.data = ctx;
    u->peer.get = ngx_http_mesh_get_peer;
    u->peer.free = ngx_http_mesh_free_peer;

    /* what comes after an attempt is decided when it has failed */
    u->peer.tries = 1;

#if (NGX_HTTP_SSL)
    /* called without a check for NULL when sessions are reused */
    u->peer.set_session = ngx_http_mesh_set_session;
    u->peer.save_session = ngx_http_mesh_save_session;
#endif

    return ngx_http_mesh_try_init(r, ctx);
}


static ngx_int_t
ngx_http_mesh_get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_mesh_ctx_t *ctx = data;

    ngx_mesh_endpoint_t  *ep;

    ep = NULL;

    if (ctx->endpoint == NULL) {

        /* the first attempt */

        ngx_mesh_balance_refresh(ctx->cluster, ctx->shm, ngx_current_msec);
        ep = ngx_mesh_balance_next(ctx->cluster);

    } else if (ngx_http_mesh_try_get(pc, ctx) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (ep == NULL) {
        ep = ngx_http_mesh_choose_peer(ctx);
    }

    if (ep == NULL) {
        ctx->failed = 1;
        ctx->flags = NGX_HTTP_MESH_UH;
        pc->name = &ctx->cluster->node->name;
        return NGX_BUSY;
    }

    ctx->endpoint = ep;
    ctx->connected = 0;
    ctx->failed = 0;
    ctx->flags = 0;

    pc->sockaddr = ep->sockaddr;
    pc->socklen = ep->socklen;
    pc->name = &ep->name;
    pc->cached = 0;
    pc->connection = NULL;

    /*
     * A connection bound to an address of its own is not for others.  After one
     * idle connection failed there are only new ones: nginx does not count
     * failures of idle ones, and the request may be what kills its endpoints.
     */

    if (pc->local == NULL && !ctx->stale) {
        ngx_http_mesh_idle_peer(pc, ctx);
    }

    ngx_http_mesh_enter(ctx, pc->cached);
    ngx_http_mesh_try_start(ctx);
    ngx_http_mesh_observe_attempt(ctx, pc);

    return pc->cached ? NGX_DONE : NGX_OK;
}


static ngx_mesh_endpoint_t *
ngx_http_mesh_choose_peer(ngx_http_mesh_ctx_t *ctx)
{
    ngx_mesh_balance_t    b;
    ngx_mesh_endpoint_t  *ep;

    b.shm = ctx->shm;
    b.now = ngx_current_msec;
    b.load = ngx_http_mesh_load;
    b.data = ctx->shm;
    b.random[0] = 0;
    b.random[1] = 0;
    b.tried = ctx->tried;
    b.ntried = ctx->ntried;

    if (ngx_mesh_balance_random(ctx->cluster)) {
        b.random[0] = (uint32_t) ngx_random();
        b.random[1] = (uint32_t) ngx_random();
    }

    ep = ngx_mesh_balance(ctx->cluster, &b);

    if (ep == NULL && b.ntried) {

        /* Envoy: all were tried, so one is tried again */

        b.ntried = 0;
        ep = ngx_mesh_balance(ctx->cluster, &b);
    }

    return ep;
}


static void
ngx_http_mesh_idle_peer(ngx_peer_connection_t *pc, ngx_http_mesh_ctx_t *ctx)
{
    ngx_connection_t     *c;
    ngx_mesh_idle_key_t   key;

    ngx_http_mesh_idle_key(ctx, &key);

    c = ngx_mesh_idle_get(&key, pc->log);

    if (c) {
        pc->connection = c;
        pc->cached = 1;
    }
}


/* called once for each get() that gave an address */

static void
ngx_http_mesh_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_mesh_ctx_t *ctx = data;

    ngx_http_upstream_t  *u;

    ngx_http_mesh_leave(ctx);

    /*
     * connect_time is set before the result of connect() is known, and
     * request_sent may be left over from the attempt before: both are needed
     */

    u = ctx->request->upstream;
    ctx->connected = u->request_sent
                     && u->state->connect_time != (ngx_msec_t) -1;

    if (ctx->snapshot->model->log) {
        ngx_http_mesh_access_log_attempt(ctx, pc);
    }

    if (ctx->cluster->listener->outlier_detection) {
        ngx_http_mesh_outlier(ctx, pc, state);
    }

    pc->tries = ngx_http_mesh_try_end(pc, ctx, state & NGX_PEER_FAILED);

    if (state & NGX_PEER_FAILED) {
        ngx_http_mesh_failed_peer(pc, ctx);

        /* nginx would add a try for an idle connection that failed */
        pc->cached = 0;

    } else {
        ngx_http_mesh_keep_peer(pc, ctx);
    }

    ngx_http_mesh_observe_attempt_end(ctx, pc, state);

    if (pc->tries == 0) {
        /* the client may take long to read what it gets */
        ngx_http_mesh_limit_leave(ctx);
    }
}


static void
ngx_http_mesh_failed_peer(ngx_peer_connection_t *pc, ngx_http_mesh_ctx_t *ctx)
{
    ngx_mesh_row_t       *row;
    ngx_mesh_idle_key_t   key;

    if (ctx->attempt.again) {

        /* there was an answer */

        ngx_http_mesh_avoid(ctx);
        return;
    }

    row = ngx_mesh_shm_row(ctx->shm, ctx->endpoint->row, ctx->endpoint->key);

    if (!ctx->attempt.expired) {
        ctx->flags = ctx->connected ? NGX_HTTP_MESH_UC : NGX_HTTP_MESH_UF;
    }

    if (row) {
        (void) ngx_atomic_fetch_add(&row->failures, 1);
    }

    ctx->failed = 1;

    if (pc->cached) {

        /*
         * The peer closed a connection that was idle: this says nothing about
         * the endpoint, but what else is idle will be closed as well.
         */

        ctx->stale = 1;

        ngx_http_mesh_idle_key(ctx, &key);
        ngx_mesh_idle_flush(&key);
        return;
    }

    if (row && !ctx->connected) {
        (void) ngx_atomic_fetch_add(&row->connect_failures, 1);
    }

    ngx_http_mesh_avoid(ctx);
}


/* the endpoint of this attempt, in those to come */

static void
ngx_http_mesh_avoid(ngx_http_mesh_ctx_t *ctx)
{
    uint32_t  *tried;

    tried = ctx->tried;

    if (tried == NULL) {
        tried = ngx_palloc(ctx->request->pool,
                           NGX_HTTP_MESH_TRIED * sizeof(uint32_t));
        if (tried == NULL) {
            return;
        }

        ctx->tried = tried;
    }

    if (ctx->ntried == NGX_HTTP_MESH_TRIED) {
        ctx->ntried--;
        ngx_memmove(tried, tried + 1, ctx->ntried * sizeof(uint32_t));
    }

    tried[ctx->ntried++] = ctx->endpoint - ctx->cluster->endpoints;
}


static void
ngx_http_mesh_keep_peer(ngx_peer_connection_t *pc, ngx_http_mesh_ctx_t *ctx)
{
    ngx_connection_t     *c;
    ngx_mesh_idle_key_t   key;
    ngx_http_upstream_t  *u;

    c = pc->connection;
    u = ctx->request->upstream;

    if (c == NULL
        || pc->local
        || ctx->attempt.expired
        || !u->keepalive
        || !u->request_body_sent
        || ngx_http_mesh_gone(ctx))
    {
        return;
    }

    ngx_http_mesh_idle_key(ctx, &key);

    if (ngx_mesh_idle_put(&key, c) == NGX_OK) {
        pc->connection = NULL;
    }
}


/* whether the endpoint has left the mesh while the request was there */

static ngx_uint_t
ngx_http_mesh_gone(ngx_http_mesh_ctx_t *ctx)
{
    uint32_t         seq;
    ngx_mesh_row_t  *row;

    seq = (uint32_t) ngx_mesh_shm_seq(ctx->shm);

    if (seq == (uint32_t) ctx->snapshot->seq) {
        return 0;
    }

    row = ngx_mesh_shm_row(ctx->shm, ctx->endpoint->row, ctx->endpoint->key);

    return row == NULL || row->seq != seq;
}


static void
ngx_http_mesh_idle_key(ngx_http_mesh_ctx_t *ctx, ngx_mesh_idle_key_t *key)
{
    key->endpoint = ctx->endpoint->key;
    key->sockaddr = ctx->endpoint->sockaddr;
    key->socklen = ctx->endpoint->socklen;
    key->protocol = (ctx->cluster->listener->protocol != NGX_MESH_HTTP);
    key->tls = 0;
}


static ngx_uint_t
ngx_http_mesh_load(void *data, ngx_mesh_endpoint_t *ep)
{
    ngx_mesh_shm_t *shm = data;

    ngx_mesh_row_t  *row;

    row = ngx_mesh_shm_row(shm, ep->row, ep->key);

    return row ? row->in_flight : 0;
}


static void
ngx_http_mesh_enter(ngx_http_mesh_ctx_t *ctx, ngx_uint_t cached)
{
    ngx_mesh_row_t  *row;

    row = ngx_mesh_shm_enter(ctx->shm, ctx->endpoint->row,
                             ctx->endpoint->key);
    if (row == NULL) {
        return;
    }

    ctx->busy = 1;
    (void) ngx_atomic_fetch_add(&row->requests, 1);

    if (!cached) {
        (void) ngx_atomic_fetch_add(&row->connections, 1);
    }
}


void
ngx_http_mesh_leave(ngx_http_mesh_ctx_t *ctx)
{
    if (ctx->busy) {
        ngx_mesh_shm_leave(ctx->shm, ctx->endpoint->row, ctx->endpoint->key);
        ctx->busy = 0;
    }
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_mesh_set_session(ngx_peer_connection_t *pc, void *data)
{
    return NGX_OK;
}


static void
ngx_http_mesh_save_session(ngx_peer_connection_t *pc, void *data)
{
    /* sessions come with TLS to endpoints */
}

#endif
