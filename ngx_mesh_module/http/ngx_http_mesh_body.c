
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The body of a request that may have to be sent again.
 *
 * A body of a known and small length is read before the request is handed over
 * to nginx's module, as it would be with "proxy_request_buffering on".  One of
 * unknown length, as gRPC has it, may be a stream and cannot wait.  The frames
 * of a unary call mostly arrive together, so it is given one turn of the event
 * loop, after which nginx has all of it at once.
 *
 * Otherwise it is streamed, and what passes is copied, up to 64 KiB and until
 * an answer is passed on.  nginx does not try again what it has streamed.  For
 * the time between the end of an attempt and reinit_request() it is told that
 * the body is buffered; then the copy is put behind the header, and if the
 * client has not sent all yet, the body is streamed again from there on.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


/* a body kept for retries */
#define NGX_HTTP_MESH_KEEP_BODY   65536

/* the least that is allocated for it at a time */
#define NGX_HTTP_MESH_KEEP_BLOCK  1024


struct ngx_http_mesh_body_s {
    ngx_buf_t                    *header;
    ngx_chain_t                  *blocks;       /* what was sent, in order */
    ngx_chain_t                  *tail;
    size_t                        size;

    ngx_output_chain_filter_pt    output;       /* nginx's own */
    void                         *output_ctx;
    ngx_http_event_handler_pt     read;

    unsigned                      kept:1;       /* all that was sent */
    unsigned                      whole:1;      /* ... with its end */
    unsigned                      replay:1;     /* the next attempt begins */
    unsigned                      replayed:1;
};


static void ngx_http_mesh_body_handler(ngx_http_request_t *r);
#if (NGX_HTTP_V2)
static ngx_int_t ngx_http_mesh_body_defer(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static void ngx_http_mesh_body_deferred(ngx_event_t *ev);
#endif
static ngx_int_t ngx_http_mesh_body_output(void *data, ngx_chain_t *in);
static ngx_int_t ngx_http_mesh_body_copy(ngx_http_request_t *r,
    ngx_http_mesh_body_t *body, ngx_buf_t *b);
static ngx_buf_t *ngx_http_mesh_body_block(ngx_http_request_t *r,
    ngx_http_mesh_body_t *body, size_t size);
static ngx_chain_t *ngx_http_mesh_body_link(ngx_http_request_t *r,
    ngx_chain_t *cl, ngx_buf_t *block);


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

    ev = &ctx->attempt.deadline.event;

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


void
ngx_http_mesh_body_keep(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_upstream_t   *u;
    ngx_http_mesh_body_t  *body;

    if (!r->request_body_no_buffering
        || ctx->attempt.policy->max_retries == 0
        || r->headers_in.content_length_n > NGX_HTTP_MESH_KEEP_BODY)
    {
        return;
    }

    body = ngx_pcalloc(r->pool, sizeof(ngx_http_mesh_body_t));
    if (body == NULL) {
        return;
    }

    u = r->upstream;

    body->header = u->request_bufs->buf;
    body->output = u->output.output_filter;
    body->output_ctx = u->output.filter_ctx;
    body->read = r->read_event_handler;
    body->kept = 1;

    u->output.output_filter = ngx_http_mesh_body_output;
    u->output.filter_ctx = ctx;

    ctx->attempt.body = body;
}


/* in place of the module's filter, or of ngx_chain_writer() */

static ngx_int_t
ngx_http_mesh_body_output(void *data, ngx_chain_t *in)
{
    ngx_http_mesh_ctx_t *ctx = data;

    ngx_int_t              rc;
    ngx_chain_t           *cl, header;
    ngx_http_request_t    *r;
    ngx_http_mesh_body_t  *body;

    r = ctx->request;
    body = ctx->attempt.body;

    for (cl = in; cl && body->kept; cl = cl->next) {

        if (cl->buf == body->header
            || cl->buf->tag == (ngx_buf_tag_t) &ngx_http_mesh_body_output)
        {
            continue;
        }

        if (ngx_http_mesh_body_copy(r, body, cl->buf) != NGX_OK) {
            ngx_http_mesh_body_drop(r, ctx);
        }
    }

    if (body->replayed
        && in
        && in->buf == body->header
        && ctx->cluster->listener->protocol == NGX_MESH_HTTP)
    {
        /*
         * The proxy module's filter, which makes chunks, lets a header pass
         * only once in a request.
         */

        header.buf = in->buf;
        header.next = NULL;

        rc = ngx_chain_writer(&r->upstream->writer, &header);

        in = in->next;

        if (rc == NGX_ERROR || in == NULL) {
            return rc;
        }
    }

    return body->output(body->output_ctx, in);
}


static ngx_int_t
ngx_http_mesh_body_copy(ngx_http_request_t *r, ngx_http_mesh_body_t *body,
    ngx_buf_t *b)
{
    u_char     *p;
    size_t      n, size;
    ngx_buf_t  *block;

    body->whole = b->last_buf;

    if (ngx_buf_special(b)) {
        return NGX_OK;
    }

    p = b->pos;
    size = ngx_buf_size(b);

    if (b->in_file || size > NGX_HTTP_MESH_KEEP_BODY - body->size) {
        return NGX_DECLINED;
    }

    body->size += size;

    while (size) {

        block = ngx_http_mesh_body_block(r, body, size);
        if (block == NULL) {
            return NGX_DECLINED;
        }

        n = ngx_min(size, (size_t) (block->end - block->last));

        block->last = ngx_cpymem(block->last, p, n);

        p += n;
        size -= n;
    }

    return NGX_OK;
}


/* one that has room */

static ngx_buf_t *
ngx_http_mesh_body_block(ngx_http_request_t *r, ngx_http_mesh_body_t *body,
    size_t size)
{
    ngx_chain_t  *cl;

    if (body->tail && body->tail->buf->last < body->tail->buf->end) {
        return body->tail->buf;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->next = NULL;
    cl->buf = ngx_create_temp_buf(r->pool,
                                  ngx_max(size, NGX_HTTP_MESH_KEEP_BLOCK));
    if (cl->buf == NULL) {
        return NULL;
    }

    if (body->tail) {
        body->tail->next = cl;

    } else {
        body->blocks = cl;
    }

    body->tail = cl;

    return cl->buf;
}


ngx_uint_t
ngx_http_mesh_body_kept(ngx_http_mesh_ctx_t *ctx)
{
    return ctx->attempt.body && ctx->attempt.body->kept;
}


void
ngx_http_mesh_body_rewind(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_chain_t           *cl;
    ngx_http_mesh_body_t  *body;

    body = ctx->attempt.body;

    if (body == NULL
        || !r->request_body_no_buffering
        || !r->upstream->request_sent)
    {
        return;
    }

    /* what the attempt did not get rid of would keep nginx from reading on */

    for (cl = r->request_body->busy; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    /* as before the body was sent: a connection is not there to send it to */

    r->read_event_handler = body->read;

    r->request_body_no_buffering = 0;
    body->replay = 1;
}


ngx_int_t
ngx_http_mesh_body_reinit(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_chain_t           *cl, *block;
    ngx_http_mesh_body_t  *body;

    body = ctx->attempt.body;

    if (body == NULL || !(body->replay || body->replayed)) {
        return NGX_OK;
    }

    /* buffers are new each time, modules take the mark of the end off them */

    body->replay = 0;
    body->replayed = 1;

    r->request_body_no_buffering = !body->whole;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = body->header;
    cl->next = NULL;

    r->upstream->request_bufs = cl;

    for (block = body->blocks; block; block = block->next) {
        cl = ngx_http_mesh_body_link(r, cl, block->buf);
        if (cl == NULL) {
            return NGX_ERROR;
        }
    }

    if (!body->whole) {
        return NGX_OK;
    }

    if (body->blocks == NULL) {
        cl = ngx_http_mesh_body_link(r, cl, NULL);
        if (cl == NULL) {
            return NGX_ERROR;
        }
    }

    cl->buf->last_buf = 1;

    return NGX_OK;
}


/* a buffer for "block", which may grow meanwhile, behind "cl" */

static ngx_chain_t *
ngx_http_mesh_body_link(ngx_http_request_t *r, ngx_chain_t *cl,
    ngx_buf_t *block)
{
    ngx_buf_t  *b;

    cl->next = ngx_alloc_chain_link(r->pool);
    if (cl->next == NULL) {
        return NULL;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    b->tag = (ngx_buf_tag_t) &ngx_http_mesh_body_output;
    b->flush = 1;

    if (block) {
        b->start = block->start;
        b->pos = block->start;
        b->last = block->last;
        b->end = block->last;
        b->temporary = 1;
    }

    cl = cl->next;

    cl->buf = b;
    cl->next = NULL;

    return cl;
}


/* copies that were sent may be on their way still */

void
ngx_http_mesh_body_drop(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_chain_t           *cl;
    ngx_http_mesh_body_t  *body;

    body = ctx->attempt.body;

    if (body == NULL || !body->kept) {
        return;
    }

    body->kept = 0;

    if (body->replayed) {
        return;
    }

    for (cl = body->blocks; cl; cl = cl->next) {
        (void) ngx_pfree(r->pool, cl->buf->start);
    }
}
