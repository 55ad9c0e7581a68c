
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The input of an operation: one JSON object of what stands in the URI, in the
 * query string and in the body.  A member of the body that has its place in
 * the URI or the query is not taken from there.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_control.h"


/* of a body: values, and how deep they are nested; specs are below 20 */
#define NGX_HTTP_MESH_CONTROL_NODES  65536
#define NGX_HTTP_MESH_CONTROL_DEPTH  32


static ngx_int_t ngx_http_mesh_control_read_body(
    ngx_http_mesh_control_ctx_t *ctx);
static void ngx_http_mesh_control_remove_members(
    ngx_http_mesh_control_ctx_t *ctx);
static ngx_uint_t ngx_http_mesh_control_is_elsewhere(
    ngx_http_mesh_control_ctx_t *ctx, ngx_str_t *name);
static ngx_int_t ngx_http_mesh_control_read_uri(
    ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_read_query(
    ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_read_pair(
    ngx_http_mesh_control_ctx_t *ctx, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_mesh_control_add_value(
    ngx_http_mesh_control_ctx_t *ctx, const char *name, ngx_str_t *value);
static const ngx_mesh_shape_t *ngx_http_mesh_control_shape(
    const ngx_mesh_op_t *op, const char *name);
static ngx_int_t ngx_http_mesh_control_add_integer(
    ngx_http_mesh_control_ctx_t *ctx, const char *name, ngx_str_t *value);
static ngx_int_t ngx_http_mesh_control_hex(u_char c);
static ngx_uint_t ngx_http_mesh_control_is_text(ngx_str_t *s);


ngx_int_t
ngx_http_mesh_control_read_input(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_mesh_control_read_body(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_mesh_control_read_uri(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_mesh_control_read_query(ctx);
}


/* a body with GET or DELETE means nothing, though it may be signed */

static ngx_int_t
ngx_http_mesh_control_read_body(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_str_t               error;
    ngx_pool_t             *pool;
    ngx_http_request_t     *r;
    ngx_mesh_json_limits_t  limits;

    r = ctx->request;
    pool = r->pool;

    if (ctx->body.len == 0 || !(r->method & (NGX_HTTP_PUT|NGX_HTTP_POST))) {
        ctx->input = ngx_mesh_json_add(pool, NULL, NULL, NGX_MESH_JSON_OBJECT);

        return ctx->input ? NGX_OK : NGX_ERROR;
    }

    ngx_memzero(&limits, sizeof(ngx_mesh_json_limits_t));

    limits.depth = NGX_HTTP_MESH_CONTROL_DEPTH;
    limits.nodes = NGX_HTTP_MESH_CONTROL_NODES;

    ctx->input = ngx_mesh_json_parse(pool, &limits, &ctx->body, &error);

    if (ctx->input == NULL) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                           "The request body is not valid "
                                           "JSON: %V", &error);
    }

    if (ctx->input->type != NGX_MESH_JSON_OBJECT) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                           "The request body is not a JSON "
                                           "object");
    }

    ngx_http_mesh_control_remove_members(ctx);

    return NGX_OK;
}


static void
ngx_http_mesh_control_remove_members(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_mesh_json_t  *object, *value, **next;

    object = ctx->input;
    object->u.child.last = NULL;

    next = &object->u.child.first;

    while (*next) {
        value = *next;

        if (ngx_http_mesh_control_is_elsewhere(ctx, &value->name)) {
            *next = value->next;
            object->nelts--;
            continue;
        }

        object->u.child.last = value;
        next = &value->next;
    }
}


static ngx_uint_t
ngx_http_mesh_control_is_elsewhere(ngx_http_mesh_control_ctx_t *ctx,
    ngx_str_t *name)
{
    ngx_uint_t                      i;
    const char                     *query;
    const ngx_http_mesh_segment_t  *s;

    for (i = 0; ctx->route && i < ctx->route->nsegments; i++) {
        s = &ctx->route->segments[i];

        if (s->member && s->text.len == name->len
            && ngx_memcmp(s->text.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    for (i = 0; i < NGX_MESH_CONTROL_QUERY && ctx->op->query[i]; i++) {
        query = ctx->op->query[i];

        if (ngx_strlen(query) == name->len
            && ngx_memcmp(query, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_mesh_control_read_uri(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_str_t                      *segment;
    ngx_uint_t                      i;
    ngx_mesh_json_t                *value;
    const ngx_http_mesh_segment_t  *s;

    for (i = 0; ctx->route && i < ctx->route->nsegments; i++) {

        s = &ctx->route->segments[i];
        segment = &ctx->segments[i];

        if (!s->member) {
            continue;
        }

        /* whoever stands in between may take these for steps of a path */

        if (segment->data[0] == '.'
            && (segment->len == 1
                || (segment->len == 2 && segment->data[1] == '.')))
        {
            return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                               "\"%V\" cannot be a %V",
                                               segment, &s->text);
        }

        value = ngx_mesh_json_add_string(ctx->request->pool, ctx->input, NULL,
                                         segment);
        if (value == NULL) {
            return NGX_ERROR;
        }

        value->name = s->text;
    }

    return NGX_OK;
}


/* members that the operation does not have are not looked at */

static ngx_int_t
ngx_http_mesh_control_read_query(ngx_http_mesh_control_ctx_t *ctx)
{
    u_char     *p, *last, *end, *eq;
    ngx_int_t   rc;
    ngx_str_t   name, value;

    p = ctx->query.data;
    last = p + ctx->query.len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        eq = ngx_strlchr(p, end, '=');
        if (eq == NULL) {
            eq = end;
        }

        name.data = p;
        name.len = eq - p;

        value.data = (eq < end) ? eq + 1 : end;
        value.len = end - value.data;

        rc = ngx_http_mesh_control_read_pair(ctx, &name, &value);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mesh_control_read_pair(ngx_http_mesh_control_ctx_t *ctx,
    ngx_str_t *name, ngx_str_t *value)
{
    ngx_int_t     rc;
    ngx_str_t     decoded;
    ngx_uint_t    i;
    const char  **query;

    rc = ngx_http_mesh_control_unescape(ctx->request->pool, name, &decoded);

    if (rc == NGX_DECLINED) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                           "The query string has a name that "
                                           "is not UTF-8 in "
                                           "percent-encoding");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    query = (const char **) ctx->op->query;

    for (i = 0; i < NGX_MESH_CONTROL_QUERY && query[i]; i++) {

        if (ngx_strlen(query[i]) != decoded.len
            || ngx_memcmp(query[i], decoded.data, decoded.len) != 0)
        {
            continue;
        }

        rc = ngx_http_mesh_control_unescape(ctx->request->pool, value,
                                            &decoded);

        if (rc == NGX_DECLINED) {
            return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                               "The value of \"%s\" is not "
                                               "UTF-8 in percent-encoding",
                                               query[i]);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_mesh_json_get(ctx->input, query[i])) {
            return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                               "The query string has \"%s\" "
                                               "more than once", query[i]);
        }

        return ngx_http_mesh_control_add_value(ctx, query[i], &decoded);
    }

    return NGX_OK;
}


/* the shape says what a text in the query string is */

static ngx_int_t
ngx_http_mesh_control_add_value(ngx_http_mesh_control_ctx_t *ctx,
    const char *name, ngx_str_t *value)
{
    ngx_pool_t              *pool;
    ngx_mesh_json_t         *member;
    const ngx_mesh_shape_t  *shape;

    pool = ctx->request->pool;
    shape = ngx_http_mesh_control_shape(ctx->op, name);

    switch (shape ? shape->type : NGX_MESH_SHAPE_STRING) {

    case NGX_MESH_SHAPE_INTEGER:
    case NGX_MESH_SHAPE_LONG:
        return ngx_http_mesh_control_add_integer(ctx, name, value);

    case NGX_MESH_SHAPE_BOOLEAN:

        if (value->len == 4 && ngx_strncmp(value->data, "true", 4) == 0) {
            member = ngx_mesh_json_add_boolean(pool, ctx->input, name, 1);

        } else if (value->len == 5
                   && ngx_strncmp(value->data, "false", 5) == 0)
        {
            member = ngx_mesh_json_add_boolean(pool, ctx->input, name, 0);

        } else {
            return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                               "The value of \"%s\" is "
                                               "neither true nor false", name);
        }

        break;

    default:
        member = ngx_mesh_json_add_string(pool, ctx->input, name, value);
    }

    return member ? NGX_OK : NGX_ERROR;
}


static const ngx_mesh_shape_t *
ngx_http_mesh_control_shape(const ngx_mesh_op_t *op, const char *name)
{
    const ngx_mesh_member_t  *member;

    if (op->input == NULL || op->input->members == NULL) {
        return NULL;
    }

    for (member = op->input->members; member->name; member++) {
        if (ngx_strcmp(member->name, name) == 0) {
            return member->shape;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_mesh_control_add_integer(ngx_http_mesh_control_ctx_t *ctx,
    const char *name, ngx_str_t *value)
{
    int64_t          n;
    ngx_mesh_json_t  number;

    ngx_memzero(&number, sizeof(ngx_mesh_json_t));

    number.type = NGX_MESH_JSON_NUMBER;
    number.u.string = *value;

    if (ngx_mesh_json_integer(&number, &n) != NGX_OK) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                           "The value of \"%s\" is not a "
                                           "number", name);
    }

    if (ngx_mesh_json_add_number(ctx->request->pool, ctx->input, name, n)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_str_t *
ngx_http_mesh_control_input(ngx_http_mesh_control_ctx_t *ctx, const char *name)
{
    ngx_mesh_json_t  *value;

    static ngx_str_t  empty = ngx_null_string;

    value = ngx_mesh_json_get(ctx->input, name);

    if (value == NULL || value->type != NGX_MESH_JSON_STRING) {
        return &empty;
    }

    return &value->u.string;
}


ngx_int_t
ngx_http_mesh_control_unescape(ngx_pool_t *pool, ngx_str_t *src,
    ngx_str_t *dst)
{
    u_char     *p, *s, *last;
    ngx_int_t   high, low;

    *dst = *src;

    s = src->data;
    last = s + src->len;

    if (ngx_strlchr(s, last, '%') == NULL) {
        return ngx_http_mesh_control_is_text(dst) ? NGX_OK : NGX_DECLINED;
    }

    p = ngx_pnalloc(pool, src->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dst->data = p;

    while (s < last) {

        if (*s != '%') {
            *p++ = *s++;
            continue;
        }

        if (last - s < 3) {
            return NGX_DECLINED;
        }

        high = ngx_http_mesh_control_hex(s[1]);
        low = ngx_http_mesh_control_hex(s[2]);

        if (high == NGX_ERROR || low == NGX_ERROR) {
            return NGX_DECLINED;
        }

        *p++ = (u_char) (high << 4 | low);
        s += 3;
    }

    dst->len = p - dst->data;

    return ngx_http_mesh_control_is_text(dst) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_mesh_control_hex(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return NGX_ERROR;
}


/*
 * UTF-8 without zeros: what a JSON string of a body can be.  nginx's decoder
 * looks neither at the form of what follows the first byte nor for surrogates.
 */

static ngx_uint_t
ngx_http_mesh_control_is_text(ngx_str_t *s)
{
    u_char    *p, *start, *last;
    uint32_t   c;

    p = s->data;
    last = p + s->len;

    while (p < last) {

        if (*p < 0x80) {
            if (*p++ == '\0') {
                return 0;
            }

            continue;
        }

        start = p;
        c = ngx_utf8_decode(&p, last - p);

        if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || *start >= 0xf8) {
            return 0;
        }

        while (++start < p) {
            if ((*start & 0xc0) != 0x80) {
                return 0;
            }
        }
    }

    return 1;
}
