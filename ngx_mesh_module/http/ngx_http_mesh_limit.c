
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Requests that wait for the local application.
 *
 * The counts are the core's, shared by all workers.  A request over the limit
 * waits in a queue of its worker, with a ticket: no upstream is set up, nothing
 * is read from the client but that it went away.  When an active request ends,
 * the first one here goes on after this event if its ticket is the lowest of
 * all workers; otherwise the workers are woken, and the one whose turn it is
 * takes the place.
 *
 * So requests go on in the order of their tickets, over all workers.  A worker
 * that does not come for its turn in time (it is busy for long, or was killed)
 * is passed over by a timer, which runs while somebody waits and does not let a
 * worker exit before.  The same timer ends the wait of requests whose time is
 * over: all that wait have the limit of the newest one, so they come to the
 * head of the queue in the order they arrived.  And it takes over what a newer
 * document allows.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"
#include "ngx_mesh_wake.h"


#define NGX_HTTP_MESH_LIMIT_PATIENCE  50    /* ms */


struct ngx_http_mesh_limit_s {
    ngx_queue_t                queue;
    ngx_http_mesh_ctx_t       *ctx;
    uint32_t                   row;
    ngx_uint_t                 waits;       /* unsigned  waits:1; */
    ngx_atomic_uint_t          ticket;
    ngx_msec_t                 since;       /* it waits */
};


/* a listener's requests that wait in this worker, the oldest one first */

typedef struct {
    ngx_queue_t                requests;    /* ngx_http_mesh_limit_t */
    uint64_t                   key;         /* of the listener */
    ngx_mesh_limit_bounds_t    bounds;      /* of the newest document */
    ngx_msec_t                 timeout;     /* the same, 0: none */
    ngx_atomic_uint_t          seen;        /* of others, by the timer */
    ngx_atomic_uint_t          late;        /* of others, passed over */
} ngx_http_mesh_queue_t;


static ngx_http_mesh_limit_t *ngx_http_mesh_limit_create(
    ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_limit_cleanup(void *data);
static ngx_int_t ngx_http_mesh_limit_wait(ngx_http_request_t *r,
    ngx_http_mesh_limit_t *limit, ngx_mesh_limit_bounds_t *bounds);
static ngx_int_t ngx_http_mesh_limit_overflow(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_limit_push(ngx_http_mesh_limit_t *limit);
static void ngx_http_mesh_limit_pop(ngx_http_mesh_limit_t *limit);
static void ngx_http_mesh_limit_run(ngx_uint_t tell, ngx_uint_t timer);
static ngx_uint_t ngx_http_mesh_limit_run_queue(ngx_http_mesh_queue_t *q,
    ngx_uint_t tell, ngx_uint_t timer);
static ngx_int_t ngx_http_mesh_limit_resume(ngx_http_mesh_queue_t *q,
    ngx_http_mesh_limit_t *limit, ngx_uint_t timer);
static void ngx_http_mesh_limit_start(ngx_http_mesh_limit_t *limit);
static void ngx_http_mesh_limit_expire(ngx_http_mesh_queue_t *q);
static void ngx_http_mesh_limit_follow(ngx_mesh_snapshot_t *snapshot);
static void ngx_http_mesh_limit_event_handler(ngx_event_t *ev);
static void ngx_http_mesh_limit_timer_handler(ngx_event_t *ev);
static void ngx_http_mesh_limit_wake_handler(void);


/* of the worker, by row of limits */
static ngx_http_mesh_queue_t  ngx_http_mesh_queues[NGX_MESH_SHM_LIMITS];

/* requests that wait in all of them */
static ngx_uint_t             ngx_http_mesh_waiting;

static ngx_event_t            ngx_http_mesh_limit_event;
static ngx_event_t            ngx_http_mesh_limit_timer;

/* nginx prints the descriptor of a timer's connection when it logs it */
static ngx_connection_t       ngx_http_mesh_limit_dummy;


void
ngx_http_mesh_limit_init(void)
{
    ngx_uint_t  i;

    ngx_mesh_wake_add(ngx_http_mesh_limit_wake_handler);

    /* a single process that reloads has its queues already */

    if (ngx_http_mesh_limit_event.handler) {
        return;
    }

    for (i = 0; i < NGX_MESH_SHM_LIMITS; i++) {
        ngx_queue_init(&ngx_http_mesh_queues[i].requests);
    }

    ngx_http_mesh_limit_dummy.fd = (ngx_socket_t) -1;

    ngx_http_mesh_limit_event.handler = ngx_http_mesh_limit_event_handler;
    ngx_http_mesh_limit_event.data = &ngx_http_mesh_limit_dummy;

    ngx_http_mesh_limit_timer.handler = ngx_http_mesh_limit_timer_handler;
    ngx_http_mesh_limit_timer.data = &ngx_http_mesh_limit_dummy;
}


ngx_int_t
ngx_http_mesh_limit_enter(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_mesh_cluster_t       *cluster;
    ngx_http_mesh_limit_t    *limit;
    ngx_mesh_limit_bounds_t   bounds;

    cluster = ctx->cluster;

    if (cluster->limit == NGX_MESH_SHM_NO_ROW) {
        return NGX_DECLINED;
    }

    ngx_mesh_limit_bounds(cluster->listener, &bounds);

    limit = ngx_http_mesh_limit_create(r, ctx);
    if (limit == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_mesh_shm_limit_enter(ctx->shm, cluster->limit,
                                  cluster->endpoints->key, &bounds,
                                  &limit->ticket);

    if (rc == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    if (rc == NGX_BUSY) {
        return ngx_http_mesh_limit_overflow(r, ctx);
    }

    ctx->limit = limit;

    if (rc == NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_mesh_limit_wait(r, limit, &bounds);
}


/*
 * An error page that leads to mesh_pass again is the same request: the place it
 * had is given back.  Its context is gone by then, the cleanup is not.
 */

static ngx_http_mesh_limit_t *
ngx_http_mesh_limit_create(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_pool_cleanup_t     *cln;
    ngx_http_mesh_limit_t  *limit;

    for (cln = r->internal ? r->pool->cleanup : NULL; cln; cln = cln->next) {

        limit = cln->data;

        if (cln->handler == ngx_http_mesh_limit_cleanup
            && limit->ctx->request == r)
        {
            ngx_http_mesh_limit_cleanup(limit);
        }
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mesh_limit_t));
    if (cln == NULL) {
        return NULL;
    }

    limit = cln->data;
    ngx_memzero(limit, sizeof(ngx_http_mesh_limit_t));

    limit->ctx = ctx;
    limit->row = ctx->cluster->limit;

    cln->handler = ngx_http_mesh_limit_cleanup;

    return limit;
}


static void
ngx_http_mesh_limit_cleanup(void *data)
{
    ngx_http_mesh_limit_t *limit = data;

    if (limit->ctx->limit == limit) {
        ngx_http_mesh_limit_leave(limit->ctx);
    }
}


static ngx_int_t
ngx_http_mesh_limit_wait(ngx_http_request_t *r, ngx_http_mesh_limit_t *limit,
    ngx_mesh_limit_bounds_t *bounds)
{
    ngx_http_mesh_queue_t  *q;

    q = &ngx_http_mesh_queues[limit->row];
    q->key = limit->ctx->cluster->endpoints->key;
    q->bounds = *bounds;

    ngx_http_mesh_try_create(r, limit->ctx);

    q->timeout = limit->ctx->attempt.limits.ms[NGX_MESH_LIMIT_REQUEST];
    limit->since = ngx_current_msec;

    ngx_http_mesh_limit_push(limit);

    /* the place of before may have become free before we could be seen */

    if (ngx_queue_head(&q->requests) == &limit->queue
        && ngx_http_mesh_limit_resume(q, limit, 0) == NGX_OK)
    {
        ngx_http_mesh_limit_pop(limit);
        return NGX_DECLINED;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "mesh limit: waits with ticket %uA, %ui in this worker",
                   limit->ticket, ngx_http_mesh_waiting);

    /* all that may happen now is that the client goes away */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    r->main->count++;

    return NGX_DONE;
}


static ngx_int_t
ngx_http_mesh_limit_overflow(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    static ngx_str_t  name = ngx_string("x-envoy-overloaded");
    static ngx_str_t  yes = ngx_string("true");
    static ngx_str_t  text = ngx_string(
        "upstream connect error or disconnect/reset before headers. "
        "reset reason: overflow");

    if (ngx_http_mesh_add_header(r, &name, &yes) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mesh_reply(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
                               NGX_HTTP_MESH_UO, &text);
}


void
ngx_http_mesh_limit_leave(ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_limit_t  *limit;

    limit = ctx->limit;

    if (limit == NULL) {
        return;
    }

    ctx->limit = NULL;

    if (limit->waits) {
        ngx_http_mesh_limit_pop(limit);
        ngx_mesh_shm_limit_cancel(ctx->shm, limit->row);

    } else {
        ngx_mesh_shm_limit_leave(ctx->shm, limit->row);
    }

    if (!ngx_mesh_shm_limit_waits(ctx->shm, limit->row)) {
        return;
    }

    /* a request is not started while another one is torn down */

    if (!ngx_queue_empty(&ngx_http_mesh_queues[limit->row].requests)) {
        ngx_post_event(&ngx_http_mesh_limit_event, &ngx_posted_events);

    } else {
        ngx_mesh_wake();
    }
}


static void
ngx_http_mesh_limit_push(ngx_http_mesh_limit_t *limit)
{
    ngx_http_mesh_queue_t  *q;

    q = &ngx_http_mesh_queues[limit->row];

    ngx_queue_insert_tail(&q->requests, &limit->queue);
    limit->waits = 1;

    ngx_mesh_metrics_add(limit->ctx->cluster->metrics,
                         NGX_MESH_CLUSTER_RQ_PENDING_TOTAL, 1);
    ngx_mesh_metrics_add(limit->ctx->cluster->metrics,
                         NGX_MESH_CLUSTER_RQ_PENDING_ACTIVE, 1);

    if (ngx_queue_head(&q->requests) == &limit->queue) {
        ngx_mesh_shm_limit_head(limit->ctx->shm, limit->row, limit->ticket);
    }

    if (ngx_http_mesh_waiting++ == 0) {
        ngx_http_mesh_limit_timer.log = ngx_cycle->log;
        ngx_http_mesh_limit_event.log = ngx_cycle->log;

        ngx_add_timer(&ngx_http_mesh_limit_timer,
                      NGX_HTTP_MESH_LIMIT_PATIENCE);
    }
}


static void
ngx_http_mesh_limit_pop(ngx_http_mesh_limit_t *limit)
{
    ngx_uint_t              first;
    ngx_queue_t            *head;
    ngx_http_mesh_queue_t  *q;
    ngx_http_mesh_limit_t  *next;

    q = &ngx_http_mesh_queues[limit->row];

    first = (ngx_queue_head(&q->requests) == &limit->queue);

    ngx_queue_remove(&limit->queue);
    limit->waits = 0;

    ngx_mesh_metrics_add(limit->ctx->cluster->metrics,
                         NGX_MESH_CLUSTER_RQ_PENDING_ACTIVE, -1);

    if (first) {
        next = NULL;

        if (!ngx_queue_empty(&q->requests)) {
            head = ngx_queue_head(&q->requests);
            next = ngx_queue_data(head, ngx_http_mesh_limit_t, queue);
        }

        ngx_mesh_shm_limit_head(limit->ctx->shm, limit->row,
                                next ? next->ticket : 0);
    }

    if (--ngx_http_mesh_waiting == 0 && ngx_http_mesh_limit_timer.timer_set) {
        ngx_del_timer(&ngx_http_mesh_limit_timer);
    }
}


/*
 * Starts whom there is room for.  With "tell", others are told if it is their
 * turn: who was told does not tell again, but after a start of its own, as the
 * others may have looked before.
 */

static void
ngx_http_mesh_limit_run(ngx_uint_t tell, ngx_uint_t timer)
{
    ngx_uint_t  i, wake;

    wake = 0;

    for (i = 0; ngx_http_mesh_waiting && i < NGX_MESH_SHM_LIMITS; i++) {
        wake |= ngx_http_mesh_limit_run_queue(&ngx_http_mesh_queues[i], tell,
                                              timer);
    }

    if (wake) {
        ngx_mesh_wake();
    }
}


static ngx_uint_t
ngx_http_mesh_limit_run_queue(ngx_http_mesh_queue_t *q, ngx_uint_t tell,
    ngx_uint_t timer)
{
    uint32_t                row;
    ngx_int_t               rc;
    ngx_queue_t            *head;
    ngx_mesh_shm_t         *shm;
    ngx_http_mesh_limit_t  *limit;

    if (ngx_queue_empty(&q->requests)) {
        return 0;
    }

    do {
        head = ngx_queue_head(&q->requests);
        limit = ngx_queue_data(head, ngx_http_mesh_limit_t, queue);

        row = limit->row;
        shm = limit->ctx->shm;

        rc = ngx_http_mesh_limit_resume(q, limit, timer);

        if (rc != NGX_OK) {
            return rc == NGX_DECLINED && tell;
        }

        tell = 1;

        ngx_http_mesh_limit_start(limit);

    } while (!ngx_queue_empty(&q->requests));

    return ngx_mesh_shm_limit_waits(shm, row);
}


/* a ticket of another worker that the timer sees twice is late */

static ngx_int_t
ngx_http_mesh_limit_resume(ngx_http_mesh_queue_t *q,
    ngx_http_mesh_limit_t *limit, ngx_uint_t timer)
{
    ngx_int_t          rc;
    ngx_mesh_shm_t    *shm;
    ngx_atomic_uint_t  first;

    shm = limit->ctx->shm;

    rc = ngx_mesh_shm_limit_resume(shm, limit->row, &q->bounds, q->late,
                                   &first);

    if (rc != NGX_DECLINED || !timer) {
        return rc;
    }

    if (first != q->seen) {
        q->seen = first;
        return rc;
    }

    q->late = first;

    return ngx_mesh_shm_limit_resume(shm, limit->row, &q->bounds, q->late,
                                     &first);
}


static void
ngx_http_mesh_limit_start(ngx_http_mesh_limit_t *limit)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = limit->ctx->request;
    c = r->connection;

    ngx_http_mesh_limit_pop(limit);

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "mesh limit: goes on with ticket %uA", limit->ticket);

    r->read_event_handler = ngx_http_block_reading;

    limit->ctx->waited = ngx_current_msec - limit->since;

    rc = ngx_http_mesh_forward(r, limit->ctx);

    ngx_http_finalize_request(r, rc);

    ngx_http_run_posted_requests(c);
}


/* as the time limit of the request does when an upstream has it */

static void
ngx_http_mesh_limit_expire(ngx_http_mesh_queue_t *q)
{
    ngx_int_t               rc;
    ngx_queue_t            *head;
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_mesh_ctx_t    *ctx;
    ngx_http_mesh_limit_t  *limit;

    static ngx_str_t  text = ngx_string("upstream request timeout");

    while (!ngx_queue_empty(&q->requests)) {

        head = ngx_queue_head(&q->requests);
        limit = ngx_queue_data(head, ngx_http_mesh_limit_t, queue);

        if (q->timeout == 0
            || ngx_current_msec - limit->since < q->timeout)
        {
            return;
        }

        ctx = limit->ctx;
        r = ctx->request;
        c = r->connection;

        ngx_http_set_log_request(c->log, r);

        ngx_http_mesh_limit_leave(ctx);

        r->read_event_handler = ngx_http_block_reading;

        rc = ngx_http_mesh_reply(r, ctx, NGX_HTTP_GATEWAY_TIME_OUT,
                                 NGX_HTTP_MESH_UT, &text);

        ngx_http_finalize_request(r, rc);

        ngx_http_run_posted_requests(c);
    }
}


/* those that wait for a listener which is gone keep the bounds they had */

static void
ngx_http_mesh_limit_follow(ngx_mesh_snapshot_t *snapshot)
{
    ngx_uint_t              i, n;
    ngx_mesh_cluster_t     *app;
    ngx_http_mesh_queue_t  *q;

    if (snapshot == NULL || snapshot->app == NULL) {
        return;
    }

    for (i = 0; i < NGX_MESH_SHM_LIMITS; i++) {
        q = &ngx_http_mesh_queues[i];

        if (ngx_queue_empty(&q->requests)) {
            continue;
        }

        for (n = 0; n < snapshot->model->node->listeners.nelts; n++) {
            app = &snapshot->app[n];

            if (app->endpoints->key == q->key) {
                ngx_mesh_limit_bounds(app->listener, &q->bounds);
            }
        }
    }
}


/* a request ended in this worker, and others wait here */

static void
ngx_http_mesh_limit_event_handler(ngx_event_t *ev)
{
    ngx_http_mesh_limit_run(1, 0);
}


/* it ended in another one */

static void
ngx_http_mesh_limit_wake_handler(void)
{
    ngx_http_mesh_limit_run(0, 0);
}


static void
ngx_http_mesh_limit_timer_handler(ngx_event_t *ev)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_mesh_waiting && i < NGX_MESH_SHM_LIMITS; i++) {
        ngx_http_mesh_limit_expire(&ngx_http_mesh_queues[i]);
    }

    if (ngx_http_mesh_waiting) {
        ngx_http_mesh_limit_follow(ngx_mesh_snapshot_current());
    }

    ngx_http_mesh_limit_run(0, 1);

    if (ngx_http_mesh_waiting && !ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_MESH_LIMIT_PATIENCE);
    }
}
