
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Who runs which document: the list of the proxies of a mesh, by pages.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_control.h"
#include "ngx_mesh_appmesh.h"
#include "ngx_mesh_document_ops.h"
#include "ngx_mesh_proxies.h"


static ngx_int_t ngx_mesh_document_mesh(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id);
static ngx_int_t ngx_mesh_document_page(ngx_http_mesh_control_ctx_t *ctx,
    ngx_uint_t *limit, ngx_mesh_proxy_t **after);
static ngx_int_t ngx_mesh_document_print(ngx_http_mesh_control_ctx_t *ctx,
    ngx_array_t *proxies, ngx_uint_t limit);
static ngx_int_t ngx_mesh_document_add(ngx_pool_t *pool,
    ngx_mesh_json_t *list, ngx_mesh_proxy_t *proxy);
static ngx_int_t ngx_mesh_document_add_string(ngx_pool_t *pool,
    ngx_mesh_json_t *object, const char *name, ngx_str_t *value);
static uint32_t ngx_mesh_document_char(u_char **p, u_char *last);
static ngx_int_t ngx_mesh_document_token(ngx_pool_t *pool,
    ngx_mesh_json_t *root, ngx_mesh_proxy_t *last);


ngx_int_t
ngx_mesh_document_proxies(ngx_http_mesh_control_ctx_t *ctx)
{
    u_char            *p;
    ngx_int_t          rc;
    ngx_str_t          mesh;
    ngx_uint_t         limit;
    ngx_pool_t        *pool;
    ngx_array_t        proxies;
    ngx_mesh_id_t      id;
    ngx_mesh_proxy_t  *after;

    ngx_http_mesh_control_main_conf_t  *mcf;

    pool = ctx->request->pool;
    mcf = ngx_http_get_module_main_conf(ctx->request,
                                        ngx_http_mesh_control_module);

    rc = ngx_mesh_document_page(ctx, &limit, &after);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_document_mesh(ctx, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    p = ngx_pnalloc(pool, id.owner.len + 1 + id.mesh.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    mesh.data = p;
    mesh.len = ngx_sprintf(p, "%V/%V", &id.owner, &id.mesh) - p;

    if (ngx_array_init(&proxies, pool, 8, sizeof(ngx_mesh_proxy_t)) != NGX_OK
        || ngx_mesh_proxies_list(mcf->zone, pool, &mesh, after, limit,
                                 &proxies)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_document_print(ctx, &proxies, limit);
}


static ngx_int_t
ngx_mesh_document_mesh(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id)
{
    ngx_int_t   rc;
    ngx_str_t   text, *owner;

    owner = ngx_http_mesh_control_input(ctx, "meshOwner");

    ngx_memzero(id, sizeof(ngx_mesh_id_t));

    id->kind = &ngx_mesh_kinds[NGX_MESH_KIND_MESH];
    id->owner = owner->len ? *owner : ctx->account;
    id->mesh = *ngx_http_mesh_control_input(ctx, "meshName");
    id->name = id->mesh;

    rc = ngx_mesh_record_text(ctx->view, ctx->request->pool, id, &text);

    if (rc == NGX_DECLINED) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_not_found,
                                "Mesh with name %V is not present for "
                                "account %V", &id->mesh, &id->owner);
    }

    return rc;
}


/* the token is that of the last proxy of the page before */

static ngx_int_t
ngx_mesh_document_page(ngx_http_mesh_control_ctx_t *ctx, ngx_uint_t *limit,
    ngx_mesh_proxy_t **after)
{
    u_char            *p;
    ngx_int_t          n;
    ngx_str_t         *value, token;
    ngx_pool_t        *pool;
    ngx_mesh_proxy_t  *proxy;

    pool = ctx->request->pool;

    *limit = NGX_MESH_PROXIES_PAGE;
    *after = NULL;

    value = ngx_http_mesh_control_input(ctx, "limit");

    if (value->len) {
        n = ngx_atoi(value->data, value->len);

        if (n < 1 || n > NGX_MESH_PROXIES_PAGE) {
            return ngx_http_mesh_control_error(ctx,
                                      &ngx_mesh_error_bad_request,
                                      "limit must be a number from 1 to %d",
                                      NGX_MESH_PROXIES_PAGE);
        }

        *limit = n;
    }

    value = ngx_http_mesh_control_input(ctx, "nextToken");

    if (value->len == 0) {
        return NGX_OK;
    }

    proxy = ngx_pcalloc(pool, sizeof(ngx_mesh_proxy_t));
    token.data = ngx_pnalloc(pool, ngx_base64_decoded_length(value->len));

    if (proxy == NULL || token.data == NULL) {
        return NGX_ERROR;
    }

    p = NULL;

    if (ngx_decode_base64url(&token, value) == NGX_OK) {
        p = ngx_strlchr(token.data, token.data + token.len, LF);
    }

    if (p == NULL) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                           "nextToken is not valid");
    }

    proxy->resource.data = token.data;
    proxy->resource.len = p - token.data;
    proxy->id.data = p + 1;
    proxy->id.len = token.data + token.len - proxy->id.data;

    *after = proxy;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_document_print(ngx_http_mesh_control_ctx_t *ctx, ngx_array_t *proxies,
    ngx_uint_t limit)
{
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ngx_mesh_json_t   *root, *list;
    ngx_mesh_proxy_t  *proxy;

    pool = ctx->request->pool;

    root = ngx_mesh_json_add(pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    if (root == NULL) {
        return NGX_ERROR;
    }

    list = ngx_mesh_json_add(pool, root, "proxies", NGX_MESH_JSON_ARRAY);
    if (list == NULL) {
        return NGX_ERROR;
    }

    proxy = proxies->elts;

    for (i = 0; i < proxies->nelts; i++) {
        if (ngx_mesh_document_add(pool, list, &proxy[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (proxies->nelts == limit
        && ngx_mesh_document_token(pool, root, &proxy[limit - 1]) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_json_print(pool, root, &ctx->output);
}


static ngx_int_t
ngx_mesh_document_add(ngx_pool_t *pool, ngx_mesh_json_t *list,
    ngx_mesh_proxy_t *proxy)
{
    ngx_uint_t        current;
    ngx_mesh_json_t  *o, *rejected;

    o = ngx_mesh_json_add(pool, list, NULL, NGX_MESH_JSON_OBJECT);

    if (o == NULL
        || ngx_mesh_document_add_string(pool, o, "proxyId", &proxy->id)
           != NGX_OK
        || ngx_mesh_document_add_string(pool, o, "resource", &proxy->resource)
           != NGX_OK
        || ngx_mesh_document_add_string(pool, o, "applied", &proxy->applied)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (proxy->rejected.len) {
        rejected = ngx_mesh_json_add(pool, o, "rejected",
                                     NGX_MESH_JSON_OBJECT);

        if (rejected == NULL
            || ngx_mesh_document_add_string(pool, rejected, "version",
                                            &proxy->rejected)
               != NGX_OK
            || ngx_mesh_document_add_string(pool, rejected, "reason",
                                            &proxy->reason)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    current = proxy->offered.len
              && proxy->offered.len == proxy->applied.len
              && ngx_memcmp(proxy->offered.data, proxy->applied.data,
                            proxy->applied.len)
                 == 0;

    if (ngx_mesh_json_add_boolean(pool, o, "current", current) == NULL
        || ngx_mesh_json_add_number(pool, o, "lastContact", proxy->contact)
           == NULL
        || ngx_mesh_document_add_string(pool, o, "address", &proxy->address)
           != NGX_OK
        || ngx_mesh_json_add_number(pool, o, "waiting", proxy->waiting)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* what a proxy sent becomes text that is UTF-8 and has no control characters */

static ngx_int_t
ngx_mesh_document_add_string(ngx_pool_t *pool, ngx_mesh_json_t *object,
    const char *name, ngx_str_t *value)
{
    u_char     *p, *start, *last;
    uint32_t    c;
    ngx_str_t   safe;

    safe.data = ngx_pnalloc(pool, value->len + 1);
    if (safe.data == NULL) {
        return NGX_ERROR;
    }

    safe.len = 0;
    p = value->data;
    last = p + value->len;

    while (p < last) {
        start = p;
        c = ngx_mesh_document_char(&p, last);

        if (c > 0x10ffff) {
            p = start + 1;
            safe.data[safe.len++] = '?';

        } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            safe.data[safe.len++] = '?';

        } else {
            ngx_memcpy(safe.data + safe.len, start, p - start);
            safe.len += p - start;
        }
    }

    return ngx_mesh_json_add_string(pool, object, name, &safe) ? NGX_OK
                                                               : NGX_ERROR;
}


/* ngx_utf8_decode() takes some sequences that are none, and surrogates */

static uint32_t
ngx_mesh_document_char(u_char **p, u_char *last)
{
    u_char    *start;
    uint32_t   c;

    start = *p;

    if (*start < 0x80) {
        (*p)++;
        return *start;
    }

    c = ngx_utf8_decode(p, last - start);

    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || *start >= 0xf8) {
        return NGX_MAX_UINT32_VALUE;
    }

    while (++start < *p) {
        if ((*start & 0xc0) != 0x80) {
            return NGX_MAX_UINT32_VALUE;
        }
    }

    return c;
}


static ngx_int_t
ngx_mesh_document_token(ngx_pool_t *pool, ngx_mesh_json_t *root,
    ngx_mesh_proxy_t *last)
{
    ngx_str_t  text, token;

    text.len = last->resource.len + 1 + last->id.len;
    text.data = ngx_pnalloc(pool, text.len);
    token.data = ngx_pnalloc(pool, ngx_base64_encoded_length(text.len));

    if (text.data == NULL || token.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(text.data, "%V%c%V", &last->resource, LF, &last->id);

    ngx_encode_base64url(&token, &text);

    return ngx_mesh_json_add_string(pool, root, "nextToken", &token)
           ? NGX_OK : NGX_ERROR;
}
