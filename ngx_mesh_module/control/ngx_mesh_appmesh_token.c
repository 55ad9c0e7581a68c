
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Client tokens, by which a create or update that is sent again, because its
 * answer was lost, is not done again.
 *
 * A resource remembers the last tokens it was made and changed with, each with
 * a digest of what was asked.  The token of a call that is made for another
 * resource is not looked for, and those of a resource go with it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_ops.h"
#include "ngx_mesh_sigv4.h"


/* an SDK sends a call again within seconds, under one token */
#define NGX_MESH_CLIENT_TOKENS  8


static ngx_mesh_json_t *ngx_mesh_appmesh_canonical(ngx_pool_t *pool,
    ngx_mesh_json_t *parent, ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_appmesh_cmp_members(const void *one,
    const void *two);
static ngx_int_t ngx_mesh_appmesh_add_tags(ngx_pool_t *pool,
    ngx_mesh_json_t *hidden, ngx_array_t *tags);
static ngx_int_t ngx_mesh_appmesh_add_tokens(ngx_pool_t *pool,
    ngx_mesh_json_t *tokens, ngx_mesh_json_t *old, ngx_uint_t max);
static ngx_int_t ngx_mesh_appmesh_add_token(ngx_pool_t *pool,
    ngx_mesh_json_t *tokens, ngx_str_t *token, ngx_str_t *digest);
static ngx_uint_t ngx_mesh_appmesh_same(ngx_mesh_json_t *object,
    const char *name, ngx_str_t *value);


/*
 * Who asks, for which operation, and all of the input but the token; members
 * in order of their names, since their order means nothing.  Once for an
 * operation, as the spec is changed later.
 */

ngx_int_t
ngx_mesh_appmesh_digest(ngx_http_mesh_control_ctx_t *ctx)
{
    u_char           *p;
    size_t            len;
    ngx_str_t         text, *digest;
    ngx_pool_t       *pool;
    ngx_mesh_json_t  *root;

    if (ctx->data) {
        return NGX_OK;
    }

    if (ngx_http_mesh_control_input(ctx, "clientToken")->len == 0) {
        return NGX_OK;
    }

    pool = ctx->request->pool;

    digest = ngx_palloc(pool, sizeof(ngx_str_t) + NGX_MESH_SIGV4_HEX_LEN);
    if (digest == NULL) {
        return NGX_ERROR;
    }

    digest->data = (u_char *) digest + sizeof(ngx_str_t);
    digest->len = NGX_MESH_SIGV4_HEX_LEN;

    root = ngx_mesh_appmesh_canonical(pool, NULL, ctx->input);

    if (root == NULL || ngx_mesh_json_print(pool, root, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    len = ngx_strlen(ctx->op->name) + ctx->account.len + text.len + 2;

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(p, "%s\n%V\n%V", ctx->op->name, &ctx->account, &text);

    text.data = p;
    text.len = len;

    if (ngx_mesh_sigv4_hash(&text, digest->data) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->data = digest;

    return NGX_OK;
}


/* a copy with sorted members; the depth is limited by that of the body */

static ngx_mesh_json_t *
ngx_mesh_appmesh_canonical(ngx_pool_t *pool, ngx_mesh_json_t *parent,
    ngx_mesh_json_t *value)
{
    ngx_uint_t        i;
    ngx_mesh_json_t  *copy, *token, *owner, *v, **members;

    token = NULL;
    owner = NULL;

    if (parent == NULL) {

        /* the owner is that of the resource, whether given or not */

        token = ngx_mesh_json_get(value, "clientToken");
        owner = ngx_mesh_json_get(value, "meshOwner");
    }

    copy = ngx_mesh_json_add(pool, parent, NULL, value->type);
    if (copy == NULL) {
        return NULL;
    }

    copy->name = value->name;

    if (value->type < NGX_MESH_JSON_ARRAY) {
        copy->boolean = value->boolean;
        copy->u.string = value->u.string;
        return copy;
    }

    members = ngx_palloc(pool, value->nelts * sizeof(ngx_mesh_json_t *));
    if (members == NULL) {
        return NULL;
    }

    for (v = value->u.child.first, i = 0; v; v = v->next, i++) {
        members[i] = v;
    }

    if (value->type == NGX_MESH_JSON_OBJECT) {
        ngx_sort(members, value->nelts, sizeof(ngx_mesh_json_t *),
                 ngx_mesh_appmesh_cmp_members);
    }

    for (i = 0; i < value->nelts; i++) {

        if (members[i] == token || members[i] == owner) {
            continue;
        }

        if (ngx_mesh_appmesh_canonical(pool, copy, members[i]) == NULL) {
            return NULL;
        }
    }

    return copy;
}


static ngx_int_t
ngx_mesh_appmesh_cmp_members(const void *one, const void *two)
{
    ngx_mesh_json_t *const *first = one;
    ngx_mesh_json_t *const *second = two;

    return ngx_memn2cmp((*first)->name.data, (*second)->name.data,
                        (*first)->name.len, (*second)->name.len);
}


ngx_int_t
ngx_mesh_appmesh_replay(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_record_t *record)
{
    ngx_str_t        *token;
    ngx_mesh_json_t  *tokens, *t;

    token = ngx_http_mesh_control_input(ctx, "clientToken");

    if (token->len == 0) {
        return NGX_DONE;
    }

    tokens = ngx_mesh_json_get(record->hidden, "tokens");

    if (tokens == NULL || tokens->type != NGX_MESH_JSON_ARRAY) {
        return NGX_DONE;
    }

    for (t = tokens->u.child.first; t; t = t->next) {

        if (!ngx_mesh_appmesh_same(t, "token", token)) {
            continue;
        }

        if (ngx_mesh_appmesh_same(t, "digest", ctx->data)) {
            ctx->output = record->text;
            return NGX_OK;
        }

        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_conflict,
                   "The client token %V was used for a request with other "
                   "parameters", token);
    }

    return NGX_DONE;
}


static ngx_uint_t
ngx_mesh_appmesh_same(ngx_mesh_json_t *object, const char *name,
    ngx_str_t *value)
{
    ngx_mesh_json_t  *member;

    member = ngx_mesh_json_get(object, name);

    return member
           && member->type == NGX_MESH_JSON_STRING
           && member->u.string.len == value->len
           && ngx_memcmp(member->u.string.data, value->data, value->len) == 0;
}


ngx_mesh_json_t *
ngx_mesh_appmesh_hidden(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_json_t *old,
    ngx_array_t *tags)
{
    ngx_str_t        *token;
    ngx_pool_t       *pool;
    ngx_uint_t        max;
    ngx_mesh_json_t  *hidden, *tokens;

    pool = ctx->request->pool;

    hidden = ngx_mesh_json_add(pool, NULL, NULL, NGX_MESH_JSON_OBJECT);

    if (hidden == NULL
        || ngx_mesh_appmesh_add_tags(pool, hidden, tags) != NGX_OK)
    {
        return NULL;
    }

    tokens = ngx_mesh_json_add(pool, hidden, "tokens", NGX_MESH_JSON_ARRAY);
    if (tokens == NULL) {
        return NULL;
    }

    token = ngx_http_mesh_control_input(ctx, "clientToken");
    max = NGX_MESH_CLIENT_TOKENS - (token->len ? 1 : 0);

    if (ngx_mesh_appmesh_add_tokens(pool, tokens,
                                    ngx_mesh_json_get(old, "tokens"), max)
        != NGX_OK)
    {
        return NULL;
    }

    if (token->len
        && ngx_mesh_appmesh_add_token(pool, tokens, token, ctx->data)
           != NGX_OK)
    {
        return NULL;
    }

    return hidden;
}


static ngx_int_t
ngx_mesh_appmesh_add_tags(ngx_pool_t *pool, ngx_mesh_json_t *hidden,
    ngx_array_t *tags)
{
    ngx_uint_t        i;
    ngx_mesh_tag_t   *tag;
    ngx_mesh_json_t  *list;

    list = ngx_mesh_json_add(pool, hidden, "tags", NGX_MESH_JSON_ARRAY);
    if (list == NULL) {
        return NGX_ERROR;
    }

    tag = tags->elts;

    for (i = 0; i < tags->nelts; i++) {
        if (ngx_mesh_appmesh_add_tag(pool, list, &tag[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the last "max" of the old ones */

static ngx_int_t
ngx_mesh_appmesh_add_tokens(ngx_pool_t *pool, ngx_mesh_json_t *tokens,
    ngx_mesh_json_t *old, ngx_uint_t max)
{
    ngx_uint_t        n;
    ngx_mesh_json_t  *t, *token, *digest;

    if (old == NULL || old->type != NGX_MESH_JSON_ARRAY) {
        return NGX_OK;
    }

    n = old->nelts;

    for (t = old->u.child.first; t; t = t->next) {

        if (n-- > max) {
            continue;
        }

        token = ngx_mesh_json_get(t, "token");
        digest = ngx_mesh_json_get(t, "digest");

        if (token == NULL || digest == NULL
            || ngx_mesh_appmesh_add_token(pool, tokens, &token->u.string,
                                          &digest->u.string)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_appmesh_add_token(ngx_pool_t *pool, ngx_mesh_json_t *tokens,
    ngx_str_t *token, ngx_str_t *digest)
{
    ngx_mesh_json_t  *t;

    t = ngx_mesh_json_add(pool, tokens, NULL, NGX_MESH_JSON_OBJECT);

    if (t == NULL
        || ngx_mesh_json_add_string(pool, t, "token", token) == NULL
        || ngx_mesh_json_add_string(pool, t, "digest", digest) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
