
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Runs an operation: a new view, the operation until it has read what it wants
 * to see, its transaction; from the beginning when somebody else was faster.
 *
 * The store may answer at once or later.  While a request waits for it, nothing
 * ends the request: not its client, who may be gone, since what is written is
 * written; nor a worker that was told to quit, which has a timer left as long.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_control.h"


/*
 * How long one operation is tried while others write what it looks at.  One of
 * those that are at it always gets on, and quotas make all creates in a mesh
 * look at the same: a count of attempts would bound how many clients there are.
 */
#define NGX_HTTP_MESH_CONTROL_PATIENCE_MS  10000

/* far more than any operation needs: one a resource that it looks at */
#define NGX_HTTP_MESH_CONTROL_ROUNDS  100000

/* how long the store may be silent before the log tells */
#define NGX_HTTP_MESH_CONTROL_SILENCE_MS  30000


static ngx_int_t ngx_http_mesh_control_step(ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_call(ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_attempt(
    ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_fetch(ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_write(ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_written(
    ngx_http_mesh_control_ctx_t *ctx);
static void ngx_http_mesh_control_fetch_handler(ngx_mesh_view_t *view,
    void *data);
static void ngx_http_mesh_control_write_handler(
    ngx_mesh_store_write_t *write);
static ngx_int_t ngx_http_mesh_control_wait(ngx_http_mesh_control_ctx_t *ctx);
static void ngx_http_mesh_control_wake(ngx_http_mesh_control_ctx_t *ctx);
static void ngx_http_mesh_control_hold_handler(ngx_event_t *ev);
static void ngx_http_mesh_control_block_writing(ngx_http_request_t *r);


void
ngx_http_mesh_control_run(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    /* an operation may end the request before it returns */
    r->main->count++;

    do {
        rc = ngx_http_mesh_control_step(ctx);
    } while (rc == NGX_OK);

    switch (rc) {

    case NGX_AGAIN:
    case NGX_DONE:
        break;

    case NGX_HTTP_OK:
        rc = ngx_http_mesh_control_reply_text(ctx, NGX_HTTP_OK, &ctx->output);
        ngx_http_finalize_request(r, rc);
        break;

    default:

        if (rc != NGX_DECLINED) {
            ctx->error = NULL;
        }

        rc = ngx_http_mesh_control_reply_error(ctx);
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_finalize_request(r, NGX_DONE);
}


/*
 * NGX_OK: on to the next step; NGX_AGAIN: wake() goes on; NGX_HTTP_OK: there is
 * an output; NGX_DECLINED: an error; NGX_DONE: the operation answers; NGX_ERROR
 */

static ngx_int_t
ngx_http_mesh_control_step(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->writing) {
        return ngx_http_mesh_control_written(ctx);
    }

    rc = ngx_http_mesh_control_call(ctx);

    if (rc == NGX_AGAIN) {
        return ngx_http_mesh_control_fetch(ctx);
    }

    if (rc == NGX_OK) {
        return ctx->write ? ngx_http_mesh_control_write(ctx) : NGX_HTTP_OK;
    }

    if (rc == NGX_ERROR) {
        ngx_http_mesh_control_store_error(ctx, ngx_mesh_view_error(ctx->view));
        return NGX_DECLINED;
    }

    return rc;
}


static ngx_int_t
ngx_http_mesh_control_call(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->view == NULL && ngx_http_mesh_control_attempt(ctx) != NGX_OK) {
        return NGX_DECLINED;
    }

    ctx->running = 1;

    rc = ctx->op->handler(ctx);

    ctx->running = 0;

    /* the state of the store is not held while others are served */

    if (rc != NGX_AGAIN && ctx->view) {
        ngx_mesh_view_close(ctx->view);
    }

    return rc;
}


static ngx_int_t
ngx_http_mesh_control_attempt(ngx_http_mesh_control_ctx_t *ctx)
{
    ctx->write = NULL;
    ctx->error = NULL;

    ctx->view = ngx_mesh_view_create(ctx->request->pool, ctx->store);

    if (ctx->view == NULL) {
        ngx_http_mesh_control_store_error(ctx, NGX_MESH_STORE_FAILED);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mesh_control_fetch(ngx_http_mesh_control_ctx_t *ctx)
{
    if (ctx->rounds++ == NGX_HTTP_MESH_CONTROL_ROUNDS) {
        ngx_log_error(NGX_LOG_ALERT, ctx->request->connection->log, 0,
                      "control plane: %s does not end", ctx->op->name);
        return NGX_ERROR;
    }

    ctx->pending = 1;

    ngx_mesh_view_fetch(ctx->view, ngx_http_mesh_control_fetch_handler, ctx);

    return ngx_http_mesh_control_wait(ctx);
}


static ngx_int_t
ngx_http_mesh_control_write(ngx_http_mesh_control_ctx_t *ctx)
{
    ctx->write->handler = ngx_http_mesh_control_write_handler;
    ctx->write->data = ctx;

    ctx->writing = 1;
    ctx->pending = 1;

    ngx_mesh_store_write(ctx->store, ctx->write);

    return ngx_http_mesh_control_wait(ctx);
}


static ngx_int_t
ngx_http_mesh_control_written(ngx_http_mesh_control_ctx_t *ctx)
{
    ctx->writing = 0;

    switch (ctx->write->rc) {

    case NGX_OK:
        return NGX_HTTP_OK;

    case NGX_DECLINED:

        if (ctx->attempt++ == 0) {
            ctx->declined = ngx_current_msec;
        }

        if (ngx_current_msec - ctx->declined
            > NGX_HTTP_MESH_CONTROL_PATIENCE_MS)
        {
            return ngx_http_mesh_control_error(ctx,
                                              &ngx_mesh_error_too_many_requests,
                                              "What the operation depends on "
                                              "is being changed, try again");
        }

        ctx->view = NULL;

        return NGX_OK;

    default:

        if (ctx->write->error == NGX_MESH_STORE_FAILED) {
            return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_internal,
                                               "The store failed, the change "
                                               "may or may not have been "
                                               "made");
        }

        ngx_http_mesh_control_store_error(ctx, ctx->write->error);
        return NGX_DECLINED;
    }
}


static void
ngx_http_mesh_control_fetch_handler(ngx_mesh_view_t *view, void *data)
{
    ngx_http_mesh_control_wake(data);
}


static void
ngx_http_mesh_control_write_handler(ngx_mesh_store_write_t *write)
{
    ngx_http_mesh_control_wake(write->data);
}


/* NGX_OK if the store has answered by now */

static ngx_int_t
ngx_http_mesh_control_wait(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    if (!ctx->pending) {
        return NGX_OK;
    }

    r = ctx->request;

    /* like aio: the request is not freed before wake() */
    r->main->blocked++;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_mesh_control_block_writing;

    ctx->suspended = 1;

    ctx->hold.handler = ngx_http_mesh_control_hold_handler;
    ctx->hold.data = ctx;
    ctx->hold.log = r->connection->log;

    ngx_add_timer(&ctx->hold, NGX_HTTP_MESH_CONTROL_SILENCE_MS);

    return NGX_AGAIN;
}


static void
ngx_http_mesh_control_wake(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    ctx->pending = 0;

    if (!ctx->suspended) {
        return;
    }

    ctx->suspended = 0;

    if (ctx->hold.timer_set) {
        ngx_del_timer(&ctx->hold);
    }

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->main->blocked--;

    if (r->write_event_handler == ngx_http_mesh_control_block_writing) {
        r->write_event_handler = ngx_http_request_empty_handler;

        ngx_http_mesh_control_run(ctx);

    } else {
        /* nginx wanted to end it, and left a handler for that */
        r->write_event_handler(r);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_mesh_control_hold_handler(ngx_event_t *ev)
{
    ngx_http_mesh_control_ctx_t *ctx = ev->data;

    ngx_log_error(NGX_LOG_ERR, ev->log, 0,
                  "control plane: %s, request %*s: the store has not answered "
                  "for %d seconds", ctx->op->name, sizeof(ctx->request_id),
                  ctx->request_id, NGX_HTTP_MESH_CONTROL_SILENCE_MS / 1000);

    ngx_add_timer(ev, NGX_HTTP_MESH_CONTROL_SILENCE_MS);
}


/* events of the client's connection change nothing while the store works */

static void
ngx_http_mesh_control_block_writing(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "http mesh control waits for the store");
}
