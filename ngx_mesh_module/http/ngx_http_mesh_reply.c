
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Answers that the proxy gives in its own name, as Envoy words them.
 *
 * Before anything was proxied the handler answers directly.  When attempts
 * failed, nginx's upstream module ends the request with 502 or 504 and its own
 * page: a header filter puts the status, the headers and the text of the mesh
 * in their place.  Answers of the application pass untouched, and so does
 * whatever "error_page" sends instead, since that clears the request's context.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


static ngx_int_t ngx_http_mesh_filter_init(ngx_conf_t *cf);
static ngx_uint_t ngx_http_mesh_error_page(ngx_http_request_t *r,
    ngx_uint_t status);
static ngx_int_t ngx_http_mesh_send(ngx_http_request_t *r, ngx_str_t *text);
static ngx_int_t ngx_http_mesh_reply_headers(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx, ngx_uint_t status, ngx_str_t *text);
static ngx_int_t ngx_http_mesh_grpc_headers(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *text);
static ngx_int_t ngx_http_mesh_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_mesh_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_uint_t ngx_http_mesh_failure(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx, ngx_str_t *text);


static ngx_http_module_t  ngx_http_mesh_filter_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_mesh_filter_init,             /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


/* a module of its own: filters have a place in nginx's order of modules */

ngx_module_t  ngx_http_mesh_filter_module = {
    NGX_MODULE_V1,
    &ngx_http_mesh_filter_module_ctx,      /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_request_body_filter_pt   ngx_http_next_request_body_filter;


/* where no location has mesh_pass, nothing is installed */

static ngx_int_t
ngx_http_mesh_filter_init(ngx_conf_t *cf)
{
    ngx_http_mesh_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mesh_module);

    if (mmcf->upstream) {
        ngx_http_next_header_filter = ngx_http_top_header_filter;
        ngx_http_top_header_filter = ngx_http_mesh_header_filter;

        ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
        ngx_http_top_request_body_filter = ngx_http_mesh_body_filter;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_mesh_reply(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_uint_t status, ngx_uint_t flag, ngx_str_t *text)
{
    ngx_int_t  rc;

    ctx->flags |= flag;

    if (ngx_http_mesh_error_page(r, status)) {
        return status;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_mesh_reply_headers(r, ctx, status, text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_mesh_send(r, ctx->grpc ? NULL : text);
}


/* whether nginx has an "error_page" for this, as it will look itself */

static ngx_uint_t
ngx_http_mesh_error_page(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->error_pages == NULL || r->error_page || r->uri_changes == 0) {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].status == (ngx_int_t) status) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_mesh_send(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (text && text->len) {
        b->pos = text->data;
        b->last = text->data + text->len;
        b->memory = 1;
    }

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;
    b->sync = !b->last_buf && !b->memory;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_mesh_reply_headers(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_uint_t status, ngx_str_t *text)
{
    if (text) {
        ctx->reply = *text;
    }

    ngx_http_clear_location(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = text ? text->len : 0;

    if (r->headers_out.content_length) {
        r->headers_out.content_length->hash = 0;
        r->headers_out.content_length = NULL;
    }

    if (ctx->grpc) {
        return ngx_http_mesh_grpc_headers(r, status, text);
    }

    r->headers_out.status = status;

    if (text && text->len) {
        ngx_str_set(&r->headers_out.content_type, "text/plain");

    } else {
        ngx_str_null(&r->headers_out.content_type);
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    return NGX_OK;
}


/* Envoy: a 200 with grpc-status in the headers and no body ("trailers-only") */

static ngx_int_t
ngx_http_mesh_grpc_headers(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *text)
{
    ngx_str_t  value;

    static ngx_str_t  code = ngx_string("grpc-status");
    static ngx_str_t  message = ngx_string("grpc-message");

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = 0;

    ngx_str_set(&r->headers_out.content_type, "application/grpc");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%ui",
                            ngx_http_mesh_grpc_status(status))
                - value.data;

    if (ngx_http_mesh_add_header(r, &code, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (text == NULL || text->len == 0) {
        return NGX_OK;
    }

    /* texts of ours need no percent-encoding, but for the end of line */

    value = *text;

    if (value.data[value.len - 1] == '\n') {
        value.len--;
    }

    return ngx_http_mesh_add_header(r, &message, &value);
}


ngx_uint_t
ngx_http_mesh_grpc_status(ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_BAD_REQUEST:
        return 13;                              /* internal */

    case NGX_HTTP_UNAUTHORIZED:
        return 16;                              /* unauthenticated */

    case NGX_HTTP_FORBIDDEN:
        return 7;                               /* permission denied */

    case NGX_HTTP_NOT_FOUND:
        return 12;                              /* unimplemented */

    case NGX_HTTP_TOO_MANY_REQUESTS:
    case NGX_HTTP_BAD_GATEWAY:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
    case NGX_HTTP_GATEWAY_TIME_OUT:
        return 14;                              /* unavailable */

    default:
        return 2;                               /* unknown */
    }
}


ngx_int_t
ngx_http_mesh_add_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key = *name;
    h->lowcase_key = name->data;
    h->value = *value;
    ngx_mesh_table_elt_end(h);

    return NGX_OK;
}


static ngx_int_t
ngx_http_mesh_header_filter(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_str_t             text;
    ngx_uint_t            status;
    ngx_http_mesh_ctx_t  *ctx;

    if (r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_mesh_module);

    ngx_http_mesh_drain_header(r, ctx);

    if (ctx && ngx_http_mesh_observe_answer(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    /* err_status is set for nginx's own answers, and for error pages */

    if (r->err_status == 0) {
        return ngx_http_next_header_filter(r);
    }

    if (ctx == NULL || !ctx->failed) {
        return ngx_http_next_header_filter(r);
    }

    status = ngx_http_mesh_failure(r, ctx, &text);

    if (status == 0) {
        return ngx_http_next_header_filter(r);
    }

    r->err_status = status;

    if (ngx_http_mesh_reply_headers(r, ctx, status, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->grpc) {
        r->err_status = NGX_HTTP_OK;
    }

    rc = ngx_http_next_header_filter(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    /* the page that nginx has prepared is not to follow */

    r->header_only = 1;

    return ngx_http_mesh_send(r, ctx->grpc ? NULL : &text);
}


/* tells when a body that is streamed has arrived to its end */

static ngx_int_t
ngx_http_mesh_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t          *cl;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mesh_module);

    if (ctx && ctx->attempt.reading) {
        for (cl = in; cl; cl = cl->next) {
            if (cl->buf->last_buf) {
                ngx_http_mesh_timeout_whole(ctx);
            }
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}


/*
 * What Envoy answers for a failed attempt; 0 if this is not one.  "text" points
 * to static memory.
 */

static ngx_uint_t
ngx_http_mesh_failure(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_str_t *text)
{
    if (r->headers_out.status != NGX_HTTP_BAD_GATEWAY
        && r->headers_out.status != NGX_HTTP_GATEWAY_TIME_OUT)
    {
        return 0;
    }

    if (ctx->flags & NGX_HTTP_MESH_UH) {
        ngx_str_set(text, "no healthy upstream");
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    if (ctx->flags & NGX_HTTP_MESH_UT) {
        ngx_str_set(text, "upstream request timeout");
        return NGX_HTTP_GATEWAY_TIME_OUT;
    }

    if (ctx->flags & NGX_HTTP_MESH_UF) {
        ngx_str_set(text, "upstream connect error or disconnect/reset before "
                          "headers. reset reason: connection failure");
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    if (r->headers_out.status == NGX_HTTP_GATEWAY_TIME_OUT) {
        ctx->flags = NGX_HTTP_MESH_UT;
        ngx_str_set(text, "upstream request timeout");
        return NGX_HTTP_GATEWAY_TIME_OUT;
    }

    ctx->flags = NGX_HTTP_MESH_UC;
    ngx_str_set(text, "upstream connect error or disconnect/reset before "
                      "headers. reset reason: connection termination");

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}
