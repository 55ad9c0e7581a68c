
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What is read of the body of a request before the request is handed over to
 * nginx's module.
 *
 * Only what nginx has read to the end can be sent again.  A body of a known and
 * small length is read first, as it would be with "proxy_request_buffering on".
 * One of unknown length, as gRPC has it, may be a stream and cannot wait; but
 * the frames of a unary call mostly arrive together, so it is enough to let
 * nginx finish with what has been received already.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


/* a body kept for retries */
#define NGX_HTTP_MESH_KEEP_BODY  65536


static void ngx_http_mesh_body_handler(ngx_http_request_t *r);
#if (NGX_HTTP_V2)
static ngx_int_t ngx_http_mesh_body_defer(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_body_deferred(ngx_event_t *ev);
#endif


ngx_int_t
ngx_http_mesh_body_pass(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_http_handler_pt handler)
{
    ngx_int_t  rc;

    if (ctx->attempt.policy->max_retries == 0
        || r != r->main
        || r->request_body)
    {
        return handler(r);
    }

    ctx->attempt.handler = handler;

    if (r->headers_in.content_length_n > 0
        && r->headers_in.content_length_n <= NGX_HTTP_MESH_KEEP_BODY)
    {
        rc = ngx_http_read_client_request_body(r, ngx_http_mesh_body_handler);

        return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
    }

#if (NGX_HTTP_V2)

    if (r->stream
        && !r->stream->in_closed
        && r->headers_in.content_length_n == -1)
    {
        return ngx_http_mesh_body_defer(r, ctx);
    }

#endif

    return handler(r);
}


static void
ngx_http_mesh_body_handler(ngx_http_request_t *r)
{
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mesh_module);

    ngx_http_finalize_request(r, ctx->attempt.handler(r));
}


#if (NGX_HTTP_V2)

/* the event of the timer, which is not in use yet, is posted */

static ngx_int_t
ngx_http_mesh_body_defer(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_event_t  *ev;

    ev = &ctx->attempt.event;

    ev->handler = ngx_http_mesh_body_deferred;
    ev->data = ctx;
    ev->log = r->connection->log;

    ngx_post_event(ev, &ngx_posted_events);

    r->main->count++;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static void
ngx_http_mesh_body_deferred(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, ctx->attempt.handler(r));

    ngx_http_run_posted_requests(c);
}

#endif
