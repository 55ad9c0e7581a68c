
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A request of the control plane, from its first line to the input of an
 * operation, in this order: route, body, authentication, input, validation,
 * authorization.  What comes before authentication tells nothing of what is
 * stored.
 *
 * The path is taken as it came, since nginx's own idea of it has "%2F" and
 * ".." resolved: names are decoded segment by segment.  An empty segment (as
 * after a last "/") is no name.  HEAD is not GET.  "+" is itself in a query, as
 * in RFC 3986: all SDKs send a space as "%20".
 *
 * The body is read "unbuffered", which leaves it to this file how large it may
 * be, and how errors are worded; it is kept in one piece.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_control.h"


#define NGX_HTTP_MESH_CONTROL_BODY  (1024 * 1024)

/* of a body that is taken in before the signature is looked at */
#define NGX_HTTP_MESH_CONTROL_SMALL  (16 * 1024)

/* of a body that is not announced; doubled as it comes */
#define NGX_HTTP_MESH_CONTROL_PART  4096


static ngx_uint_t ngx_http_mesh_control_large(ngx_http_request_t *r);
static ngx_http_mesh_control_ctx_t *ngx_http_mesh_control_create_ctx(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_mesh_control_refuse(
    ngx_http_mesh_control_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_mesh_control_split(ngx_http_mesh_control_ctx_t *ctx,
    ngx_uint_t *n);
static ngx_uint_t ngx_http_mesh_control_match(
    const ngx_http_mesh_route_t *route, ngx_str_t *segments, ngx_uint_t n);
static ngx_int_t ngx_http_mesh_control_not_allowed(
    ngx_http_mesh_control_ctx_t *ctx, ngx_uint_t allowed);
static void ngx_http_mesh_control_body_start(ngx_http_request_t *r);
static void ngx_http_mesh_control_body_more(ngx_http_request_t *r);
static void ngx_http_mesh_control_body_read(ngx_http_mesh_control_ctx_t *ctx);
static void ngx_http_mesh_control_body_error(ngx_http_mesh_control_ctx_t *ctx,
    ngx_int_t rc);
static ngx_int_t ngx_http_mesh_control_body_take(
    ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_body_room(
    ngx_http_mesh_control_ctx_t *ctx, size_t len);
static void ngx_http_mesh_control_body_done(ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_decide(
    ngx_http_mesh_control_ctx_t *ctx);


ngx_int_t
ngx_http_mesh_control_handler(ngx_http_request_t *r)
{
    ngx_int_t                           rc;
    ngx_http_mesh_control_ctx_t        *ctx;
    ngx_http_mesh_control_main_conf_t  *mcf;

    ctx = ngx_http_mesh_control_create_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_mesh_control_module);

    ctx->store = mcf->store;

    rc = ngx_http_mesh_control_route(ctx, mcf);

    if (rc == NGX_OK
        && r->headers_in.content_length_n > NGX_HTTP_MESH_CONTROL_BODY)
    {
        /* a client that waits for "100 Continue" need not send it */
        r->expect_tested = 1;
        r->keepalive = 0;

        rc = ngx_http_mesh_control_error(ctx, &ngx_mesh_error_too_large,
                                         "Request body is larger than %d "
                                         "bytes",
                                         NGX_HTTP_MESH_CONTROL_BODY);
    }

    if (rc == NGX_OK && ngx_http_mesh_control_large(r)) {

        /* strangers take no memory */

        rc = ngx_http_mesh_control_auth_early(ctx);

        if (rc != NGX_OK) {
            r->expect_tested = 1;
            r->keepalive = 0;
        }
    }

    if (rc != NGX_OK) {
        return ngx_http_mesh_control_refuse(ctx, rc);
    }

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_mesh_control_body_start);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        /* the first part of the body was wrong, nothing else was done yet */
        r->main->count++;
        ngx_http_mesh_control_body_error(ctx, rc);
    }

    return NGX_DONE;
}


/* a body that is large, or may become so */

static ngx_uint_t
ngx_http_mesh_control_large(ngx_http_request_t *r)
{
    if (r->headers_in.content_length_n >= 0) {
        return r->headers_in.content_length_n > NGX_HTTP_MESH_CONTROL_SMALL;
    }

    return r->headers_in.chunked
           || (r->http_version > NGX_HTTP_VERSION_11
               && !(r->method & (NGX_HTTP_GET|NGX_HTTP_DELETE)));
}


static ngx_http_mesh_control_ctx_t *
ngx_http_mesh_control_create_ctx(ngx_http_request_t *r)
{
    ngx_http_mesh_control_ctx_t  *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_mesh_control_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->conf = ngx_http_get_module_loc_conf(r, ngx_http_mesh_control_module);
    ctx->account = ctx->conf->account;

    if (ngx_mesh_uuid(ctx->request_id) != NGX_OK) {
        return NULL;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_mesh_control_module);

    return ctx;
}


/* an error before anything of the body was read */

static ngx_int_t
ngx_http_mesh_control_refuse(ngx_http_mesh_control_ctx_t *ctx, ngx_int_t rc)
{
    if (rc != NGX_DECLINED) {
        ctx->error = NULL;
    }

    rc = ngx_http_discard_request_body(ctx->request);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_mesh_control_reply_error(ctx);
}


/* NGX_OK with ctx->service and ctx->op, NGX_DECLINED with an error */

ngx_int_t
ngx_http_mesh_control_route(ngx_http_mesh_control_ctx_t *ctx,
    ngx_http_mesh_control_main_conf_t *mcf)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i, n, allowed;
    ngx_http_request_t           *r;
    ngx_http_mesh_route_t        *routes;
    const ngx_mesh_service_t    **service;

    r = ctx->request;

    rc = ngx_http_mesh_control_split(ctx, &n);

    if (rc != NGX_OK) {
        return rc;
    }

    allowed = 0;
    routes = mcf->routes.elts;

    for (i = 0; i < mcf->routes.nelts; i++) {

        if (routes[i].nsegments != n
            || !ngx_http_mesh_control_match(&routes[i], ctx->segments, n))
        {
            continue;
        }

        ctx->service = routes[i].service;

        if (routes[i].op->method == r->method) {
            ctx->route = &routes[i];
            ctx->op = routes[i].op;
            return NGX_OK;
        }

        allowed |= routes[i].op->method;
    }

    if (allowed) {
        return ngx_http_mesh_control_not_allowed(ctx, allowed);
    }

    for (service = ngx_mesh_services; *service; service++) {

        if ((*service)->find == NULL) {
            continue;
        }

        ctx->op = (*service)->find(r);

        if (ctx->op) {
            ctx->service = *service;
            return NGX_OK;
        }
    }

    return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_unknown_operation,
                                       "There is no operation at this URI");
}


/* more segments than any URI has are counted as one too many */

static ngx_int_t
ngx_http_mesh_control_split(ngx_http_mesh_control_ctx_t *ctx, ngx_uint_t *n)
{
    u_char     *p, *last, *start;
    ngx_int_t   rc;
    ngx_str_t  *uri, segment;

    uri = &ctx->request->unparsed_uri;
    p = uri->data;
    last = p + uri->len;
    *n = 0;

    ctx->segments = ngx_palloc(ctx->request->pool,
                               NGX_MESH_CONTROL_SEGMENTS * sizeof(ngx_str_t));
    if (ctx->segments == NULL) {
        return NGX_ERROR;
    }

    while (p < last && *p == '/') {

        start = ++p;

        while (p < last && *p != '/' && *p != '?') {
            p++;
        }

        if (*n == NGX_MESH_CONTROL_SEGMENTS) {
            *n = NGX_MESH_CONTROL_SEGMENTS + 1;
            break;
        }

        segment.data = start;
        segment.len = p - start;

        rc = ngx_http_mesh_control_unescape(ctx->request->pool, &segment,
                                            &ctx->segments[*n]);

        if (rc == NGX_DECLINED) {
            return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                               "The URI is not valid: "
                                               "segment %ui is not UTF-8 in "
                                               "percent-encoding", *n + 1);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        (*n)++;
    }

    if (p < last && *p == '?') {
        ctx->query.data = p + 1;
        ctx->query.len = last - p - 1;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_mesh_control_match(const ngx_http_mesh_route_t *route,
    ngx_str_t *segments, ngx_uint_t n)
{
    ngx_uint_t                      i;
    const ngx_http_mesh_segment_t  *s;

    for (i = 0; i < n; i++) {

        s = &route->segments[i];

        if (s->member) {
            if (segments[i].len == 0) {
                return 0;
            }

        } else if (s->text.len != segments[i].len
                   || ngx_memcmp(s->text.data, segments[i].data, s->text.len)
                      != 0)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_mesh_control_not_allowed(ngx_http_mesh_control_ctx_t *ctx,
    ngx_uint_t allowed)
{
    u_char      *p;
    ngx_str_t    value;
    ngx_uint_t   i;
    u_char       buf[sizeof("GET, PUT, POST, DELETE")];

    static const struct {
        ngx_uint_t   method;
        const char  *name;
    } methods[] = {
        { NGX_HTTP_GET, "GET" },
        { NGX_HTTP_PUT, "PUT" },
        { NGX_HTTP_POST, "POST" },
        { NGX_HTTP_DELETE, "DELETE" },
        { 0, NULL }
    };

    p = buf;

    for (i = 0; methods[i].name; i++) {
        if (allowed & methods[i].method) {
            p = ngx_sprintf(p, "%s%s", (p == buf) ? "" : ", ",
                            methods[i].name);
        }
    }

    value.len = p - buf;
    value.data = ngx_pnalloc(ctx->request->pool, value.len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value.data, buf, value.len);

    if (ngx_http_mesh_control_add_header(ctx->request, "Allow", &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_method_not_allowed,
                                       "There is no operation with this "
                                       "method at this URI, but with %V",
                                       &value);
}


/* called by nginx when there is something of the body, or all, or none */

static void
ngx_http_mesh_control_body_start(ngx_http_request_t *r)
{
    ngx_http_mesh_control_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mesh_control_module);

    r->write_event_handler = ngx_http_request_empty_handler;

    if (r->reading_body) {
        r->read_event_handler = ngx_http_mesh_control_body_more;
    }

    ngx_http_mesh_control_body_read(ctx);
}


static void
ngx_http_mesh_control_body_more(ngx_http_request_t *r)
{
    ngx_http_mesh_control_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mesh_control_module);

    ngx_http_mesh_control_body_read(ctx);
}


static void
ngx_http_mesh_control_body_read(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    for ( ;; ) {
        rc = ngx_http_mesh_control_body_take(ctx);

        if (rc != NGX_OK || !r->reading_body) {
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            return;
        }

        if (rc != NGX_OK && rc != NGX_AGAIN) {
            break;
        }
    }

    if (rc != NGX_OK) {
        ngx_http_mesh_control_body_error(ctx, rc);
        return;
    }

    r->read_event_handler = ngx_http_block_reading;

    ngx_http_mesh_control_body_done(ctx);
}


/*
 * After a timeout and on a connection that failed nginx answers nothing, and
 * neither is it done here.
 */

static void
ngx_http_mesh_control_body_error(ngx_http_mesh_control_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (r->connection->error) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    switch (rc) {

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:

        rc = ngx_http_mesh_control_error(ctx, &ngx_mesh_error_too_large,
                                         "Request body is larger than %d "
                                         "bytes",
                                         NGX_HTTP_MESH_CONTROL_BODY);
        break;

    case NGX_HTTP_BAD_REQUEST:

        rc = ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                         "The request body is not valid "
                                         "HTTP");
        break;

    default:
        ngx_http_finalize_request(r, rc);
        return;
    }

    /* what is left of the body cannot be told from a next request */

    r->keepalive = 0;
    r->lingering_close = 1;

    if (rc == NGX_DECLINED) {
        rc = ngx_http_mesh_control_reply_error(ctx);
    }

    ngx_http_finalize_request(r, rc);
}


/* moves what there is of the body into ctx->body */

static ngx_int_t
ngx_http_mesh_control_body_take(ngx_http_mesh_control_ctx_t *ctx)
{
    off_t                     len;
    ssize_t                   n;
    ngx_buf_t                *b;
    ngx_chain_t              *cl, *next;
    ngx_http_request_body_t  *rb;

    rb = ctx->request->request_body;

    if (rb == NULL) {
        return NGX_OK;
    }

    for (cl = rb->bufs; cl; cl = next) {
        next = cl->next;
        b = cl->buf;
        len = ngx_buf_size(b);

        if (len > NGX_HTTP_MESH_CONTROL_BODY - (off_t) ctx->body.len) {
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }

        if (ngx_http_mesh_control_body_room(ctx, (size_t) len) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(ctx->body.data + ctx->body.len, b->pos, (size_t) len);
            b->pos = b->last;

        } else if (b->in_file) {

            /* read by somebody before, as by "mirror" */

            n = ngx_read_file(b->file, ctx->body.data + ctx->body.len,
                              (size_t) len, b->file_pos);

            if (n != len) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }
        }

        ctx->body.len += (size_t) len;

        if (ctx->request->reading_body) {
            ngx_free_chain(ctx->request->pool, cl);
        }
    }

    if (ctx->request->reading_body) {
        rb->bufs = NULL;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mesh_control_body_room(ngx_http_mesh_control_ctx_t *ctx, size_t len)
{
    off_t    announced;
    size_t   size;
    u_char  *p;

    if (len <= ctx->size - ctx->body.len) {
        return NGX_OK;
    }

    announced = ctx->request->headers_in.content_length_n;

    if (ctx->size == 0 && announced > 0
        && announced <= NGX_HTTP_MESH_CONTROL_BODY)
    {
        size = (size_t) announced;

    } else {
        size = ngx_max(2 * ctx->size, NGX_HTTP_MESH_CONTROL_PART);
    }

    size = ngx_max(size, ctx->body.len + len);

    p = ngx_palloc(ctx->request->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (ctx->size) {
        ngx_memcpy(p, ctx->body.data, ctx->body.len);
        (void) ngx_pfree(ctx->request->pool, ctx->body.data);
    }

    ctx->body.data = p;
    ctx->size = size;

    return NGX_OK;
}


static void
ngx_http_mesh_control_body_done(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    rc = ngx_http_mesh_control_decide(ctx);

    if (rc == NGX_OK) {
        ngx_http_mesh_control_run(ctx);
        return;
    }

    if (rc != NGX_DECLINED) {
        ctx->error = NULL;
    }

    rc = ngx_http_mesh_control_reply_error(ctx);

    ngx_http_finalize_request(r, rc);
}


/* everything that an operation may rely on */

static ngx_int_t
ngx_http_mesh_control_decide(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t  rc;
    ngx_str_t  message;

    rc = ngx_http_mesh_control_auth_check(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_mesh_control_read_input(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->op->input) {
        rc = ngx_mesh_validate(ctx->request->pool, ctx->op->input, ctx->input,
                               &message);

        if (rc == NGX_DECLINED) {
            return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                               "%V", &message);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_mesh_control_auth_allow(ctx);
}
