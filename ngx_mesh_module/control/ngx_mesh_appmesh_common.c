
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What operations on all kinds of resources do alike: which one is meant, what
 * to say if it is not there, checks of specs, quotas, and the changes of the
 * transaction.
 *
 * Whatever an operation relied on was read through its view, and the
 * transaction is declined if any of that has changed.  So a child and the
 * deletion of its parent cannot both be done: the child read the parent's
 * entry, the deletion listed the prefix of the children.  The same goes for
 * references, by their keys.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_ops.h"
#include "ngx_mesh_rules.h"


static ngx_int_t ngx_mesh_appmesh_name(ngx_http_mesh_control_ctx_t *ctx,
    const char *member, ngx_str_t *name);
static ngx_int_t ngx_mesh_appmesh_owner(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id);
static ngx_int_t ngx_mesh_appmesh_violation(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason);
static ngx_int_t ngx_mesh_appmesh_absent(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id);
static ngx_int_t ngx_mesh_appmesh_targets(ngx_pool_t *pool, ngx_mesh_id_t *id,
    ngx_mesh_json_t *spec, ngx_array_t *keys);
static ngx_uint_t ngx_mesh_appmesh_has_key(ngx_array_t *keys, ngx_str_t *key);
static ngx_mesh_quota_t *ngx_mesh_appmesh_find_quota(
    ngx_http_mesh_control_ctx_t *ctx, const char *name);


ngx_int_t
ngx_mesh_appmesh_id(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id)
{
    ngx_int_t               rc;
    const ngx_mesh_kind_t  *kind, *parent;

    kind = ctx->op->data;

    ngx_memzero(id, sizeof(ngx_mesh_id_t));

    id->kind = kind;

    rc = ngx_mesh_appmesh_owner(ctx, id);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_appmesh_name(ctx, "meshName", &id->mesh);
    if (rc != NGX_OK) {
        return rc;
    }

    if (kind->kind == NGX_MESH_KIND_MESH) {
        id->name = id->mesh;
        return NGX_OK;
    }

    if (kind->parent != NGX_MESH_KIND_MESH) {
        parent = &ngx_mesh_kinds[kind->parent];

        rc = ngx_mesh_appmesh_name(ctx, parent->name, &id->parent);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_mesh_appmesh_name(ctx, kind->name, &id->name);
}


/* the account of the mesh, which is a part of keys too */

static ngx_int_t
ngx_mesh_appmesh_owner(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id)
{
    ngx_str_t  *owner;

    id->owner = ctx->account;

    if (ngx_mesh_json_get(ctx->input, "meshOwner") == NULL) {
        return NGX_OK;
    }

    owner = ngx_http_mesh_control_input(ctx, "meshOwner");

    if (!ngx_mesh_id_is_account(owner)) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                   "1 validation error detected: Value '%V' at 'meshOwner' "
                   "failed to satisfy constraint: Member must be the 12 digits "
                   "of an account", owner);
    }

    id->owner = *owner;

    return NGX_OK;
}


/* "name" stays empty if the member is not there */

static ngx_int_t
ngx_mesh_appmesh_name(ngx_http_mesh_control_ctx_t *ctx, const char *member,
    ngx_str_t *name)
{
    ngx_int_t          rc;
    ngx_str_t          reason;
    ngx_mesh_json_t   *value;
    ngx_mesh_rules_t   rules;

    value = ngx_mesh_json_get(ctx->input, member);
    if (value == NULL) {
        return NGX_OK;
    }

    *name = value->u.string;

    ngx_memzero(&rules, sizeof(ngx_mesh_rules_t));

    rules.pool = ctx->request->pool;
    rules.error = ngx_mesh_appmesh_violation;
    rules.data = &reason;

    rc = ngx_mesh_rules_name(&rules, value);

    if (rc == NGX_OK
        && ctx->op->handler == ngx_mesh_appmesh_create
        && ngx_strcmp(member, "virtualServiceName") == 0)
    {
        rc = ngx_mesh_rules_service_name(&rules, value);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
               "1 validation error detected: Value '%V' at '%s' failed to "
               "satisfy constraint: Member %V", name, member, &reason);
}


static ngx_int_t
ngx_mesh_appmesh_violation(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason)
{
    ngx_str_t *first = data;

    *first = *reason;

    return NGX_OK;
}


void
ngx_mesh_appmesh_stored_id(ngx_mesh_record_t *record, ngx_mesh_id_t *id)
{
    ngx_mesh_json_t  *name;

    /* that of a virtual service may have been asked for in another case */

    name = ngx_mesh_json_get(record->resource, id->kind->name);

    if (name && name->type == NGX_MESH_JSON_STRING) {
        id->name = name->u.string;
    }
}


ngx_int_t
ngx_mesh_appmesh_parents(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id)
{
    ngx_int_t        rc, rcp;
    ngx_str_t        text;
    ngx_pool_t      *pool;
    ngx_mesh_id_t    mesh, parent;
    ngx_mesh_kind_e  kind;

    kind = id->kind->parent;

    if (kind == NGX_MESH_KINDS) {
        return NGX_OK;
    }

    pool = ctx->request->pool;

    /* both are asked for before either is waited for */

    ngx_mesh_id_sibling(id, NGX_MESH_KIND_MESH, NULL, NULL, &mesh);
    rc = ngx_mesh_record_text(ctx->view, pool, &mesh, &text);

    if (kind == NGX_MESH_KIND_MESH) {
        return (rc == NGX_DECLINED) ? ngx_mesh_appmesh_absent(ctx, &mesh) : rc;
    }

    ngx_mesh_id_sibling(id, kind, NULL, &id->parent, &parent);
    rcp = ngx_mesh_record_text(ctx->view, pool, &parent, &text);

    if (rc == NGX_DECLINED) {
        return ngx_mesh_appmesh_absent(ctx, &mesh);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return (rcp == NGX_DECLINED) ? ngx_mesh_appmesh_absent(ctx, &parent) : rcp;
}


ngx_int_t
ngx_mesh_appmesh_missing(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id)
{
    ngx_int_t  rc;

    rc = ngx_mesh_appmesh_parents(ctx, id);

    return (rc == NGX_OK) ? ngx_mesh_appmesh_absent(ctx, id) : rc;
}


static ngx_int_t
ngx_mesh_appmesh_absent(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id)
{
    ngx_str_t  place;

    if (ngx_mesh_appmesh_place(ctx->request->pool, id, &place) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_not_found,
                                       "%s with name %V is not present %V",
                                       id->kind->title, &id->name, &place);
}


ngx_uint_t
ngx_mesh_appmesh_is_owner(ngx_http_mesh_control_ctx_t *ctx,
    ngx_str_t *account)
{
    return ctx->account.len == account->len
           && ngx_memcmp(ctx->account.data, account->data, account->len) == 0;
}


ngx_int_t
ngx_mesh_appmesh_not_owner(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id)
{
    return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_forbidden,
               "Account %V is not the owner of %s %V", &ctx->account,
               id->kind->title, &id->name);
}


ngx_int_t
ngx_mesh_appmesh_place(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *place)
{
    size_t       len;
    u_char      *p;
    const char  *title;

    title = id->parent.len ? ngx_mesh_kinds[id->kind->parent].title : "";

    len = sizeof("under   under mesh  for account ") - 1 + ngx_strlen(title)
          + id->parent.len + id->mesh.len + id->owner.len;

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    place->data = p;

    if (id->parent.len) {
        p = ngx_sprintf(p, "under %s %V ", title, &id->parent);
    }

    if (id->kind->kind != NGX_MESH_KIND_MESH) {
        p = ngx_sprintf(p, "under mesh %V ", &id->mesh);
    }

    p = ngx_sprintf(p, "for account %V", &id->owner);

    place->len = p - place->data;

    return NGX_OK;
}


void
ngx_mesh_appmesh_check_init(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_check_t *check)
{
    ngx_memzero(check, sizeof(ngx_mesh_check_t));

    check->pool = ctx->request->pool;
    check->view = ctx->view;
    check->id = id;
    check->account = id->owner;
}


ngx_int_t
ngx_mesh_appmesh_check(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_check_t *check, ngx_int_t rc)
{
    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_mesh_control_error(ctx, check->error, "%V",
                                       &check->message);
}


ngx_int_t
ngx_mesh_appmesh_spec(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id,
    ngx_mesh_json_t *old, ngx_mesh_json_t **result, ngx_str_t *text)
{
    ngx_int_t          rc;
    ngx_pool_t        *pool;
    ngx_mesh_json_t   *spec;
    ngx_mesh_check_t   check;

    pool = ctx->request->pool;

    spec = ngx_mesh_json_get(ctx->input, "spec");

    if (spec == NULL) {

        /* only a mesh may be without */

        spec = ngx_mesh_json_add(pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
        if (spec == NULL) {
            return NGX_ERROR;
        }

        spec->seen = 1;
    }

    if (ngx_mesh_fill_defaults(pool, id->kind->kind, spec) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_mesh_appmesh_check_init(ctx, id, &check);

    rc = ngx_mesh_check_spec(&check, spec);

    if (rc == NGX_OK) {
        rc = ngx_mesh_appmesh_quota_spec(ctx, id, spec);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_mesh_check_put(&check, spec, old);
    }

    if (rc != NGX_OK) {
        return ngx_mesh_appmesh_check(ctx, &check, rc);
    }

    *result = spec;

    return ngx_mesh_json_print(pool, spec, text);
}


ngx_int_t
ngx_mesh_appmesh_write(ngx_http_mesh_control_ctx_t *ctx)
{
    ctx->write = ngx_mesh_view_write(ctx->view);

    return ctx->write ? NGX_OK : NGX_ERROR;
}


/* "value" NULL removes the key */

ngx_int_t
ngx_mesh_appmesh_change(ngx_http_mesh_control_ctx_t *ctx, ngx_str_t *key,
    ngx_str_t *value)
{
    ngx_mesh_store_change_t  *change;

    change = ngx_array_push(&ctx->write->changes);
    if (change == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(change, sizeof(ngx_mesh_store_change_t));

    change->key = *key;

    if (value) {
        change->value = *value;

    } else {
        change->remove = 1;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_appmesh_references(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_json_t *old, ngx_mesh_json_t *spec)
{
    ngx_str_t   *key;
    ngx_uint_t   i;
    ngx_pool_t  *pool;
    ngx_array_t  before, after;

    static ngx_str_t  value = ngx_string("{}");

    pool = ctx->request->pool;

    if (ngx_mesh_appmesh_targets(pool, id, old, &before) != NGX_OK
        || ngx_mesh_appmesh_targets(pool, id, spec, &after) != NGX_OK)
    {
        return NGX_ERROR;
    }

    key = before.elts;

    for (i = 0; i < before.nelts; i++) {
        if (!ngx_mesh_appmesh_has_key(&after, &key[i])
            && ngx_mesh_appmesh_change(ctx, &key[i], NULL) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    key = after.elts;

    for (i = 0; i < after.nelts; i++) {
        if (!ngx_mesh_appmesh_has_key(&before, &key[i])
            && ngx_mesh_appmesh_change(ctx, &key[i], &value) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the keys of the references of a spec; there are ten at most */

static ngx_int_t
ngx_mesh_appmesh_targets(ngx_pool_t *pool, ngx_mesh_id_t *id,
    ngx_mesh_json_t *spec, ngx_array_t *keys)
{
    ngx_str_t      *key;
    ngx_uint_t      i;
    ngx_array_t     targets;
    ngx_mesh_id_t  *target;

    if (ngx_array_init(keys, pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&targets, pool, 4, sizeof(ngx_mesh_id_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (spec == NULL) {
        return NGX_OK;
    }

    if (ngx_mesh_references(pool, id, spec, &targets) != NGX_OK) {
        return NGX_ERROR;
    }

    target = targets.elts;

    for (i = 0; i < targets.nelts; i++) {
        key = ngx_array_push(keys);

        if (key == NULL
            || ngx_mesh_id_reference(pool, &target[i], id, key) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mesh_appmesh_has_key(ngx_array_t *keys, ngx_str_t *key)
{
    ngx_str_t   *k;
    ngx_uint_t   i;

    k = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        if (k[i].len == key->len
            && ngx_memcmp(k[i].data, key->data, key->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_mesh_appmesh_store(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id,
    ngx_str_t *text, ngx_mesh_json_t *hidden)
{
    u_char      *p;
    ngx_str_t    key, value, line;
    ngx_pool_t  *pool;

    pool = ctx->request->pool;

    if (hidden == NULL
        || ngx_mesh_id_key(pool, id, &key) != NGX_OK
        || ngx_mesh_json_print(pool, hidden, &line) != NGX_OK)
    {
        return NGX_ERROR;
    }

    value.len = text->len + 1 + line.len;

    value.data = ngx_pnalloc(pool, value.len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, text->data, text->len);
    *p++ = '\n';
    ngx_memcpy(p, line.data, line.len);

    return ngx_mesh_appmesh_change(ctx, &key, &value);
}


ngx_int_t
ngx_mesh_appmesh_quota(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id)
{
    ngx_int_t          rc;
    ngx_str_t          prefix, place;
    ngx_uint_t         n;
    ngx_pool_t        *pool;
    ngx_mesh_quota_t  *quota;

    quota = ngx_mesh_appmesh_find_quota(ctx, id->kind->quota);
    if (quota == NULL) {
        return NGX_OK;
    }

    pool = ctx->request->pool;

    if (ngx_mesh_id_prefix(pool, id, &prefix) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_view_count(ctx->view, &prefix, &n);

    if (rc != NGX_OK || n < quota->limit) {
        return rc;
    }

    if (ngx_mesh_appmesh_place(pool, id, &place) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_limit_exceeded,
               "The quota \"%V\" is exceeded: there may be no more than %ui %V",
               &quota->name, quota->limit, &place);
}


/* of what is counted within a spec */

ngx_int_t
ngx_mesh_appmesh_quota_spec(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_json_t *spec)
{
    ngx_mesh_json_t   *backends;
    ngx_mesh_quota_t  *quota;

    if (id->kind->kind != NGX_MESH_KIND_VIRTUAL_NODE) {
        return NGX_OK;
    }

    backends = ngx_mesh_rules_find(spec, "backends");
    quota = ngx_mesh_appmesh_find_quota(ctx, "backends");

    if (backends == NULL || quota == NULL || backends->nelts <= quota->limit) {
        return NGX_OK;
    }

    return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_limit_exceeded,
               "The quota \"%V\" is exceeded: VirtualNode %V may have no more "
               "than %ui", &quota->name, &id->name, quota->limit);
}


static ngx_mesh_quota_t *
ngx_mesh_appmesh_find_quota(ngx_http_mesh_control_ctx_t *ctx, const char *name)
{
    ngx_uint_t         i;
    ngx_mesh_quota_t  *quota;

    if (ctx->conf->quotas == NULL) {
        return NULL;
    }

    quota = ctx->conf->quotas->elts;

    for (i = 0; i < ctx->conf->quotas->nelts; i++) {
        if (quota[i].name.len == ngx_strlen(name)
            && ngx_memcmp(quota[i].name.data, name, quota[i].name.len) == 0)
        {
            return &quota[i];
        }
    }

    return NULL;
}
