
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Time limits of a request and its attempts.  A request has one deadline, for
 * whatever is due next.  To end an attempt it marks both events of the
 * connection as timed out and calls the handler, which nginx understands in
 * every state, from connecting to the body.  nginx's own timeouts are set so
 * far away that they never come first.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


/* bytes are looked for so often, so that "idle" is at most a quarter late */
#define NGX_HTTP_MESH_TIMEOUT_LOOKS  4


static void ngx_http_mesh_timeout_handler(ngx_event_t *ev);
static void ngx_http_mesh_timeout_look(ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_timeout_expire(ngx_http_mesh_ctx_t *ctx,
    ngx_mesh_limit_e limit);


void
ngx_http_mesh_timeout_create(ngx_http_mesh_ctx_t *ctx,
    ngx_mesh_timeout_t *timeout)
{
    ngx_msec_t  *ms;

    ms = ctx->attempt.limits.ms;

    ms[NGX_MESH_LIMIT_REQUEST] = NGX_MESH_TIMEOUT_REQUEST;
    ms[NGX_MESH_LIMIT_IDLE] = NGX_MESH_TIMEOUT_IDLE;

    if (timeout && timeout->per_request.set) {
        ms[NGX_MESH_LIMIT_REQUEST] = timeout->per_request.ms;
    }

    if (timeout && timeout->idle.set) {
        ms[NGX_MESH_LIMIT_IDLE] = timeout->idle.ms;
    }

    if (ctx->waited && ms[NGX_MESH_LIMIT_REQUEST]) {
        ms[NGX_MESH_LIMIT_REQUEST] -= ngx_min(ctx->waited,
                                              ms[NGX_MESH_LIMIT_REQUEST] - 1);
    }
}


void
ngx_http_mesh_timeout_init(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_msec_t           *start;
    ngx_event_t          *ev;
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;

    ev = &t->deadline.event;

    ev->handler = ngx_http_mesh_timeout_handler;
    ev->data = ctx;
    ev->log = r->connection->log;

    t->reading = r->main->reading_body;

    start = t->limits.start;

    start[NGX_MESH_LIMIT_REQUEST] = ngx_current_msec;
    start[NGX_MESH_LIMIT_IDLE] = ngx_current_msec;
}


/*
 * Mostly all limits begin now: then requests of a route have the same time, and
 * a queue does.
 */

void
ngx_http_mesh_timeout_start(ngx_http_mesh_ctx_t *ctx)
{
    ngx_msec_t            now, left, *ms, *start;
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;

    ms = t->limits.ms;
    start = t->limits.start;
    now = ngx_current_msec;

    start[NGX_MESH_LIMIT_TRY] = now;
    ms[NGX_MESH_LIMIT_TRY] = t->policy->per_retry_timeout.ms;

    if (start[NGX_MESH_LIMIT_REQUEST] != now
        || start[NGX_MESH_LIMIT_IDLE] != now
        || ctx->waited)
    {
        ngx_http_mesh_timeout_arm(ctx);
        return;
    }

    /* no limit, which is 0, less one is more than all others */

    left = ngx_min(ms[NGX_MESH_LIMIT_REQUEST] - 1, ms[NGX_MESH_LIMIT_TRY] - 1);

    if (ms[NGX_MESH_LIMIT_IDLE]) {
        left = ngx_min(left, ms[NGX_MESH_LIMIT_IDLE]
                             / NGX_HTTP_MESH_TIMEOUT_LOOKS);
    }

    if (left != (ngx_msec_t) -1) {
        ngx_mesh_deadline_add(&t->deadline, left + 1);
    }
}


/* deletes it first, as nginx would keep a timer less than 300 ms too early */

void
ngx_http_mesh_timeout_arm(ngx_http_mesh_ctx_t *ctx)
{
    ngx_msec_t            left, idle;
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;

    left = ngx_mesh_limit_left(&t->limits, ngx_current_msec);

    if (left == NGX_TIMER_INFINITE) {
        return;
    }

    idle = t->limits.ms[NGX_MESH_LIMIT_IDLE];

    if (idle) {
        left = ngx_min(left, idle / NGX_HTTP_MESH_TIMEOUT_LOOKS + 1);
    }

    ngx_mesh_deadline_del(&t->deadline);
    ngx_mesh_deadline_add_once(&t->deadline, left);
}


static void
ngx_http_mesh_timeout_handler(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_mesh_limit_e      limit;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ev->data;
    ev->timedout = 0;

    c = ctx->request->upstream->peer.connection;

    if (c == NULL) {
        return;
    }

    ngx_http_mesh_timeout_look(ctx);

    limit = ngx_mesh_limit_reached(&ctx->attempt.limits, ngx_current_msec);

    if (limit == NGX_MESH_LIMITS) {
        ngx_http_mesh_timeout_arm(ctx);
        return;
    }

    if (limit != NGX_MESH_LIMIT_BACKOFF) {
        ngx_http_mesh_timeout_expire(ctx, limit);

        /* "delayed" by proxy_limit_rate would take this for its own timer */

        c->read->delayed = 0;
        c->read->timedout = 1;
        c->write->timedout = 1;
    }

    c->read->handler(c->read);
}


/* moves the start of limits that do not run, or began again */

static void
ngx_http_mesh_timeout_look(ngx_http_mesh_ctx_t *ctx)
{
    off_t                 bytes;
    ngx_msec_t           *start, *ms;
    ngx_http_upstream_t  *u;
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;
    u = ctx->request->upstream;

    ms = t->limits.ms;
    start = t->limits.start;

    /* Envoy: both begin when the request has been received to its end */

    if (t->reading) {
        start[NGX_MESH_LIMIT_REQUEST] = ngx_current_msec;
        start[NGX_MESH_LIMIT_TRY] = ngx_current_msec;
    }

    /* an answer that has begun cannot be retried */

    if (u->header_sent) {
        ms[NGX_MESH_LIMIT_TRY] = 0;

        if (u->upgrade) {
            ms[NGX_MESH_LIMIT_REQUEST] = 0;
        }
    }

    bytes = u->peer.connection->sent + u->state->bytes_received;

    if (u->pipe) {
        bytes += u->pipe->read_length;
    }

    if (bytes != t->bytes) {
        t->bytes = bytes;
        start[NGX_MESH_LIMIT_IDLE] = ngx_current_msec;
    }
}


static void
ngx_http_mesh_timeout_expire(ngx_http_mesh_ctx_t *ctx, ngx_mesh_limit_e limit)
{
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;

    t->expired = 1;
    ctx->flags |= NGX_HTTP_MESH_UT;

    if (limit == NGX_MESH_LIMIT_TRY) {
        return;
    }

    t->over = 1;

    if (t->waiting) {

        /* there is no attempt that peer.free() would be called for */

        ctx->failed = 1;
        ctx->request->upstream->peer.tries = 0;
    }
}


void
ngx_http_mesh_timeout_whole(ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;

    if (!t->reading) {
        return;
    }

    /* the timer is due later than before, and sets itself again */

    t->reading = 0;
    t->limits.start[NGX_MESH_LIMIT_REQUEST] = ngx_current_msec;
    t->limits.start[NGX_MESH_LIMIT_TRY] = ngx_current_msec;
}
