
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Lists, by pages in the order of keys, and the tokens that pages go on with.
 *
 * A token is base64url of a digest of what is listed, and of the last key that
 * was given without what all keys of the list begin with.  It does not depend
 * on the state of the store: a list goes on where it was, whatever has come or
 * gone since.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_ops.h"
#include "ngx_mesh_sigv4.h"


#define NGX_MESH_PAGE_MAX     100
#define NGX_MESH_PAGE_DIGEST  16


static ngx_int_t ngx_mesh_appmesh_items(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_json_t *root, ngx_mesh_store_item_t *page);
static ngx_int_t ngx_mesh_appmesh_item(ngx_pool_t *pool,
    const ngx_mesh_kind_t *kind, ngx_mesh_json_t *list,
    ngx_mesh_json_t *head);


ngx_int_t
ngx_mesh_appmesh_list(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_str_t               prefix, after, last, token, *key;
    ngx_uint_t              limit;
    ngx_pool_t             *pool;
    ngx_mesh_id_t           id;
    ngx_mesh_json_t        *root;
    ngx_mesh_store_item_t  *page;

    pool = ctx->request->pool;

    rc = ngx_mesh_appmesh_id(ctx, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    if (id.kind->kind == NGX_MESH_KIND_MESH) {

        /* those of other accounts are shared with all */
        ngx_str_null(&id.owner);
    }

    rc = ngx_mesh_appmesh_parents(ctx, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_id_prefix(pool, &id, &prefix) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_appmesh_page(ctx, &prefix, NGX_MESH_PAGE_MAX, &last, &limit);
    if (rc != NGX_OK) {
        return rc;
    }

    after.len = last.len ? prefix.len + last.len : 0;

    after.data = ngx_pnalloc(pool, prefix.len + last.len);
    if (after.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(after.data, prefix.data, prefix.len), last.data,
               last.len);

    rc = ngx_mesh_view_list(ctx->view, &prefix, &after, limit, &page);
    if (rc != NGX_OK) {
        return rc;
    }

    root = ngx_mesh_json_add(pool, NULL, NULL, NGX_MESH_JSON_OBJECT);

    if (root == NULL || ngx_mesh_appmesh_items(ctx, root, page) != NGX_OK) {
        return NGX_ERROR;
    }

    if (page->more && page->count) {
        key = &page->entries[page->count - 1].key;

        last.data = key->data + prefix.len;
        last.len = key->len - prefix.len;

        if (ngx_mesh_page_encode(pool, &prefix, &last, &token) != NGX_OK
            || ngx_mesh_json_add_string(pool, root, "nextToken", &token)
               == NULL)
        {
            return NGX_ERROR;
        }
    }

    return ngx_mesh_json_print(pool, root, &ctx->output);
}


static ngx_int_t
ngx_mesh_appmesh_items(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_json_t *root,
    ngx_mesh_store_item_t *page)
{
    ngx_str_t               text;
    ngx_uint_t              i;
    ngx_pool_t             *pool;
    ngx_mesh_json_t        *list, *head;
    const ngx_mesh_kind_t  *kind;

    kind = ctx->op->data;
    pool = ctx->request->pool;

    list = ngx_mesh_json_add(pool, root, kind->list, NGX_MESH_JSON_ARRAY);
    if (list == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < page->count; i++) {

        ngx_mesh_record_line(&page->entries[i], &text);

        head = ngx_mesh_record_head(pool, &text);

        if (head == NULL
            || ngx_mesh_appmesh_item(pool, kind, list, head) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* what Describe* returns, flat and without spec, uid and status */

static ngx_int_t
ngx_mesh_appmesh_item(ngx_pool_t *pool, const ngx_mesh_kind_t *kind,
    ngx_mesh_json_t *list, ngx_mesh_json_t *head)
{
    ngx_mesh_json_t      *item, *created, *updated, *name;
    ngx_mesh_metadata_t   m;

    if (ngx_mesh_record_metadata(head, &m) != NGX_OK) {
        return NGX_ERROR;
    }

    item = ngx_mesh_json_add(pool, list, NULL, NGX_MESH_JSON_OBJECT);

    if (item == NULL
        || ngx_mesh_json_add_string(pool, item, "arn", &m.arn) == NULL)
    {
        return NGX_ERROR;
    }

    created = ngx_mesh_json_add(pool, item, "createdAt", NGX_MESH_JSON_NUMBER);
    updated = ngx_mesh_json_add(pool, item, "lastUpdatedAt",
                                NGX_MESH_JSON_NUMBER);
    if (created == NULL || updated == NULL) {
        return NGX_ERROR;
    }

    created->u.string = m.created;
    updated->u.string = m.updated;

    if (ngx_mesh_json_add_string(pool, item, "meshOwner", &m.mesh_owner)
        == NULL
        || ngx_mesh_json_add_string(pool, item, "resourceOwner",
                                    &m.resource_owner)
           == NULL
        || ngx_mesh_json_add_number(pool, item, "version", m.version) == NULL)
    {
        return NGX_ERROR;
    }

    /* meshName, that of the router or gateway, and its own */

    for (name = head->u.child.first; name; name = name->next) {

        if (name->type != NGX_MESH_JSON_STRING) {
            break;
        }

        created = ngx_mesh_json_add_string(pool, item, NULL, &name->u.string);
        if (created == NULL) {
            return NGX_ERROR;
        }

        created->name = name->name;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_appmesh_page(ngx_http_mesh_control_ctx_t *ctx, ngx_str_t *scope,
    ngx_uint_t max, ngx_str_t *last, ngx_uint_t *limit)
{
    int64_t           n;
    ngx_int_t         rc;
    ngx_mesh_json_t  *value;

    *limit = max;

    value = ngx_mesh_json_get(ctx->input, "limit");

    if (value && ngx_mesh_json_integer(value, &n) == NGX_OK) {
        *limit = (ngx_uint_t) ngx_min(n, (int64_t) max);
    }

    ngx_str_null(last);

    if (ngx_mesh_json_get(ctx->input, "nextToken") == NULL) {
        return NGX_OK;
    }

    rc = ngx_mesh_page_decode(ctx->request->pool, scope,
                              ngx_http_mesh_control_input(ctx, "nextToken"),
                              last);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
               "The nextToken is not one that this operation returned for "
               "these parameters");
}


ngx_int_t
ngx_mesh_page_encode(ngx_pool_t *pool, ngx_str_t *scope, ngx_str_t *last,
    ngx_str_t *token)
{
    u_char     *p, hex[NGX_MESH_SIGV4_HEX_LEN];
    ngx_str_t   text;

    if (ngx_mesh_sigv4_hash(scope, hex) != NGX_OK) {
        return NGX_ERROR;
    }

    text.len = NGX_MESH_PAGE_DIGEST + last->len;
    text.data = ngx_pnalloc(pool, text.len);

    token->data = ngx_pnalloc(pool, ngx_base64_encoded_length(text.len));

    if (text.data == NULL || token->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(text.data, hex, NGX_MESH_PAGE_DIGEST);
    ngx_memcpy(p, last->data, last->len);

    ngx_encode_base64url(token, &text);

    return NGX_OK;
}


ngx_int_t
ngx_mesh_page_decode(ngx_pool_t *pool, ngx_str_t *scope, ngx_str_t *token,
    ngx_str_t *last)
{
    u_char     hex[NGX_MESH_SIGV4_HEX_LEN];
    ngx_str_t  text;

    if (ngx_mesh_sigv4_hash(scope, hex) != NGX_OK) {
        return NGX_ERROR;
    }

    text.data = ngx_pnalloc(pool, ngx_base64_decoded_length(token->len));
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64url(&text, token) != NGX_OK
        || text.len <= NGX_MESH_PAGE_DIGEST
        || ngx_memcmp(text.data, hex, NGX_MESH_PAGE_DIGEST) != 0)
    {
        return NGX_DECLINED;
    }

    last->data = text.data + NGX_MESH_PAGE_DIGEST;
    last->len = text.len - NGX_MESH_PAGE_DIGEST;

    return NGX_OK;
}
