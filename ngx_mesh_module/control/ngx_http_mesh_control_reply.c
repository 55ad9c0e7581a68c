
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Answers of the control plane: JSON of an operation, and errors as AWS's
 * clients read them, which is the status, the name in x-amzn-ErrorType and a
 * body that the service words.  Every answer has x-amzn-RequestId, and an error
 * is logged once with it: at "error" where the fault is ours, at "info" where
 * it is the caller's.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_control.h"


#define NGX_HTTP_MESH_CONTROL_MESSAGE      512
#define NGX_HTTP_MESH_CONTROL_MESSAGE_MAX  (128 * 1024)


static void ngx_http_mesh_control_finalize(ngx_http_mesh_control_ctx_t *ctx,
    ngx_int_t rc);
static void ngx_http_mesh_control_log(ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_error_body(
    ngx_http_mesh_control_ctx_t *ctx, ngx_str_t *body);
static ngx_int_t ngx_http_mesh_control_send_headers(
    ngx_http_mesh_control_ctx_t *ctx, ngx_uint_t status,
    const char *content_type, off_t length);


ngx_int_t
ngx_http_mesh_control_error(ngx_http_mesh_control_ctx_t *ctx,
    const ngx_mesh_error_t *error, const char *fmt, ...)
{
    size_t   size;
    u_char  *buf, *last;
    va_list  args;

    for (size = NGX_HTTP_MESH_CONTROL_MESSAGE; ; size *= 4) {

        buf = ngx_pnalloc(ctx->request->pool, size);
        if (buf == NULL) {
            return NGX_ERROR;
        }

        va_start(args, fmt);
        last = ngx_vslprintf(buf, buf + size, fmt, args);
        va_end(args);

        if (last < buf + size) {
            break;
        }

        if (size >= NGX_HTTP_MESH_CONTROL_MESSAGE_MAX) {

            /* not in the middle of a character */

            while (last > buf && (*--last & 0xc0) == 0x80) { /* void */ }

            break;
        }
    }

    ctx->error = error;
    ctx->message.data = buf;
    ctx->message.len = last - buf;

    return NGX_DECLINED;
}


void
ngx_http_mesh_control_store_error(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_store_error_e error)
{
    const char              *message;
    const ngx_mesh_error_t  *e;

    e = &ngx_mesh_error_unavailable;

    switch (error) {

    case NGX_MESH_STORE_FULL:
        message = "The store is full, nothing was changed";
        break;

    case NGX_MESH_STORE_READ_ONLY:
        message = "The store is read-only, nothing was changed";
        break;

    case NGX_MESH_STORE_BUSY:
        message = "The store is busy, try again";
        break;

    case NGX_MESH_STORE_CORRUPT:
        e = &ngx_mesh_error_internal;
        message = "The store is corrupt";
        break;

    case NGX_MESH_STORE_FAILED:
        e = &ngx_mesh_error_internal;
        message = "The store failed";
        break;

    default:
        e = &ngx_mesh_error_internal;
        message = "Internal error";
    }

    ctx->error = e;
    ctx->message.data = (u_char *) message;
    ctx->message.len = ngx_strlen(message);
}


ngx_int_t
ngx_http_mesh_control_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
    ngx_mesh_table_elt_end(h);

    return NGX_OK;
}


void
ngx_http_mesh_control_send(ngx_http_mesh_control_ctx_t *ctx, ngx_uint_t status,
    const char *content_type, ngx_chain_t *chain, off_t length)
{
    ngx_int_t  rc;

    rc = ngx_http_mesh_control_reply(ctx, status, content_type, chain, length);

    ngx_http_mesh_control_finalize(ctx, rc);
}


void
ngx_http_mesh_control_send_error(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_http_mesh_control_finalize(ctx, ngx_http_mesh_control_reply_error(ctx));
}


/* what was posted is run by whoever called the operation, if it is running */

static void
ngx_http_mesh_control_finalize(ngx_http_mesh_control_ctx_t *ctx, ngx_int_t rc)
{
    ngx_uint_t           running;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;
    running = ctx->running;

    ngx_http_finalize_request(r, rc);

    if (!running) {
        ngx_http_run_posted_requests(c);
    }
}


ngx_int_t
ngx_http_mesh_control_reply_error(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_str_t   body, name;

    if (ctx->error == NULL) {
        ngx_http_mesh_control_store_error(ctx, NGX_MESH_STORE_FINE);
    }

    ngx_http_mesh_control_log(ctx);

    if (ctx->service && ctx->service->error) {
        rc = ctx->service->error(ctx, &body);

    } else {
        rc = ngx_http_mesh_control_error_body(ctx, &body);
    }

    name.data = (u_char *) ctx->error->name;
    name.len = ngx_strlen(name.data);

    if (rc != NGX_OK
        || ngx_http_mesh_control_add_header(ctx->request, "x-amzn-ErrorType",
                                            &name)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mesh_control_reply_text(ctx, ctx->error->status, &body);
}


/* a message may quote what was sent, which must not begin a line of the log */

static void
ngx_http_mesh_control_log(ngx_http_mesh_control_ctx_t *ctx)
{
    size_t      len;
    u_char     *p, buf[NGX_MAX_ERROR_STR];
    ngx_uint_t  level;

    len = ngx_min(ctx->message.len, sizeof(buf));

    ngx_memcpy(buf, ctx->message.data, len);

    for (p = buf; p < buf + len; p++) {
        if (*p < ' ' || *p == 0x7f) {
            *p = '?';
        }
    }

    /* why a service is not available is told once, where it is known */

    level = (ctx->error->status >= 500
             && ctx->error->status != NGX_HTTP_SERVICE_UNAVAILABLE)
            ? NGX_LOG_ERR : NGX_LOG_INFO;

    ngx_log_error(level, ctx->request->connection->log, 0,
                  "control plane: %s, request %*s: %s: %*s",
                  ctx->op ? ctx->op->name : "no operation",
                  sizeof(ctx->request_id), ctx->request_id, ctx->error->name,
                  len, buf);
}


static ngx_int_t
ngx_http_mesh_control_error_body(ngx_http_mesh_control_ctx_t *ctx,
    ngx_str_t *body)
{
    ngx_pool_t       *pool;
    ngx_mesh_json_t  *object;

    pool = ctx->request->pool;

    object = ngx_mesh_json_add(pool, NULL, NULL, NGX_MESH_JSON_OBJECT);

    if (object == NULL
        || ngx_mesh_json_add_string(pool, object, "message", &ctx->message)
           == NULL)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_json_print(pool, object, body);
}


ngx_int_t
ngx_http_mesh_control_reply_text(ngx_http_mesh_control_ctx_t *ctx,
    ngx_uint_t status, ngx_str_t *text)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (text->len == 0) {
        return ngx_http_mesh_control_reply(ctx, status, "application/json",
                                           NULL, 0);
    }

    b = ngx_calloc_buf(ctx->request->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_mesh_control_reply(ctx, status, "application/json", &out,
                                       (off_t) text->len);
}


ngx_int_t
ngx_http_mesh_control_reply(ngx_http_mesh_control_ctx_t *ctx,
    ngx_uint_t status, const char *content_type, ngx_chain_t *chain,
    off_t length)
{
    ngx_int_t            rc;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ngx_http_mesh_control_send_headers(ctx, status, content_type, length)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (chain == NULL && length == 0 && r == r->main) {
        r->header_only = 1;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (chain == NULL) {
        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    for (cl = chain; cl->next; cl = cl->next) { /* void */ }

    cl->buf->last_buf = (r == r->main) ? 1 : 0;
    cl->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, chain);
}


static ngx_int_t
ngx_http_mesh_control_send_headers(ngx_http_mesh_control_ctx_t *ctx,
    ngx_uint_t status, const char *content_type, off_t length)
{
    ngx_str_t            id;
    ngx_http_request_t  *r;

    r = ctx->request;

    r->headers_out.status = status;
    r->headers_out.content_length_n = length;

    if (status == NGX_HTTP_NOT_MODIFIED) {
        ngx_http_clear_content_length(r);
    }

    if (content_type) {
        r->headers_out.content_type.data = (u_char *) content_type;
        r->headers_out.content_type.len = ngx_strlen(content_type);
        r->headers_out.content_type_len = r->headers_out.content_type.len;
        r->headers_out.content_type_lowcase = NULL;
    }

    id.data = ctx->request_id;
    id.len = sizeof(ctx->request_id);

    return ngx_http_mesh_control_add_header(r, "x-amzn-RequestId", &id);
}
