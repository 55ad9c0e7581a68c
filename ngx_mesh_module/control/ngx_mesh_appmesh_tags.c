
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Tags of resources.  They are in the hidden line of a record, in the order of
 * their keys, and change neither its version nor its time.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_ops.h"


static ngx_int_t ngx_mesh_appmesh_tagged(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_record_t *record);
static ngx_int_t ngx_mesh_appmesh_tagged_elsewhere(
    ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id, ngx_str_t *arn,
    ngx_mesh_record_t *record);
static ngx_int_t ngx_mesh_appmesh_has_arn(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_str_t *arn, ngx_mesh_record_t *record);
static ngx_int_t ngx_mesh_appmesh_retag(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_record_t *record, ngx_array_t *tags);
static ngx_int_t ngx_mesh_appmesh_put_tag(ngx_array_t *tags, ngx_str_t *key,
    ngx_str_t *value);
static ngx_mesh_tag_t *ngx_mesh_appmesh_find_tag(ngx_array_t *tags,
    ngx_str_t *key);


static ngx_str_t  ngx_mesh_appmesh_empty = ngx_string("{}");


ngx_int_t
ngx_mesh_appmesh_list_tags(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t           rc;
    ngx_str_t          *arn, last, token;
    ngx_uint_t          i, n, limit;
    ngx_pool_t         *pool;
    ngx_array_t         tags;
    ngx_mesh_id_t       id;
    ngx_mesh_tag_t     *tag;
    ngx_mesh_json_t    *root, *list;
    ngx_mesh_record_t   record;

    pool = ctx->request->pool;
    arn = ngx_http_mesh_control_input(ctx, "resourceArn");

    rc = ngx_mesh_appmesh_tagged(ctx, &id, &record);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_appmesh_page(ctx, arn, NGX_MESH_TAGS_MAX, &last, &limit);
    if (rc != NGX_OK) {
        return rc;
    }

    root = ngx_mesh_json_add(pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    list = root ? ngx_mesh_json_add(pool, root, "tags", NGX_MESH_JSON_ARRAY)
                : NULL;

    if (list == NULL
        || ngx_mesh_appmesh_tags(pool, record.hidden, &tags) != NGX_OK)
    {
        return NGX_ERROR;
    }

    tag = tags.elts;

    for (i = 0, n = 0; i < tags.nelts && n < limit; i++) {

        if (last.len
            && ngx_memn2cmp(tag[i].key.data, last.data, tag[i].key.len,
                            last.len)
               <= 0)
        {
            continue;
        }

        if (ngx_mesh_appmesh_add_tag(pool, list, &tag[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        n++;
    }

    if (i < tags.nelts) {
        if (ngx_mesh_page_encode(pool, arn, &tag[i - 1].key, &token) != NGX_OK
            || ngx_mesh_json_add_string(pool, root, "nextToken", &token)
               == NULL)
        {
            return NGX_ERROR;
        }
    }

    return ngx_mesh_json_print(pool, root, &ctx->output);
}


ngx_int_t
ngx_mesh_appmesh_tag(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_array_t         tags, added;
    ngx_mesh_id_t       id;
    ngx_mesh_tag_t     *tag;
    ngx_mesh_record_t   record;

    ctx->write = NULL;

    rc = ngx_mesh_appmesh_input_tags(ctx, &added);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_appmesh_tagged(ctx, &id, &record);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_appmesh_tags(ctx->request->pool, record.hidden, &tags)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    tag = added.elts;

    for (i = 0; i < added.nelts; i++) {
        if (ngx_mesh_appmesh_put_tag(&tags, &tag[i].key, &tag[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (tags.nelts > NGX_MESH_TAGS_MAX) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_too_many_tags,
                   "%s %V would have %ui tags, there may be no more than %d",
                   id.kind->title, &id.name, tags.nelts, NGX_MESH_TAGS_MAX);
    }

    return ngx_mesh_appmesh_retag(ctx, &record, &tags);
}


ngx_int_t
ngx_mesh_appmesh_untag(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_array_t         tags, left;
    ngx_mesh_id_t       id;
    ngx_mesh_tag_t     *tag, *to;
    ngx_mesh_json_t    *keys, *key;
    ngx_mesh_record_t   record;

    ctx->write = NULL;

    rc = ngx_mesh_appmesh_tagged(ctx, &id, &record);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_appmesh_tags(ctx->request->pool, record.hidden, &tags)
        != NGX_OK
        || ngx_array_init(&left, ctx->request->pool, NGX_MESH_TAGS_MAX,
                          sizeof(ngx_mesh_tag_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    keys = ngx_mesh_json_get(ctx->input, "tagKeys");
    tag = tags.elts;

    for (i = 0; i < tags.nelts; i++) {

        for (key = keys ? keys->u.child.first : NULL; key; key = key->next) {
            if (ngx_memn2cmp(key->u.string.data, tag[i].key.data,
                             key->u.string.len, tag[i].key.len)
                == 0)
            {
                break;
            }
        }

        if (key) {
            continue;
        }

        to = ngx_array_push(&left);
        if (to == NULL) {
            return NGX_ERROR;
        }

        *to = tag[i];
    }

    return ngx_mesh_appmesh_retag(ctx, &record, &left);
}


/* the resource of the ARN; those who change its tags have to own it */

static ngx_int_t
ngx_mesh_appmesh_tagged(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id,
    ngx_mesh_record_t *record)
{
    ngx_int_t   rc;
    ngx_str_t  *arn, account;

    arn = ngx_http_mesh_control_input(ctx, "resourceArn");

    if (ngx_mesh_id_of_arn(arn, &ctx->conf->region, id) != NGX_OK) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                   "1 validation error detected: Value '%V' at 'resourceArn' "
                   "failed to satisfy constraint: Member must be the ARN of a "
                   "resource of App Mesh in region %V", arn,
                   &ctx->conf->region);
    }

    account = id->owner;

    rc = ngx_mesh_appmesh_has_arn(ctx, id, arn, record);

    if (rc == NGX_DECLINED && id->kind->kind != NGX_MESH_KIND_MESH) {
        rc = ngx_mesh_appmesh_tagged_elsewhere(ctx, id, arn, record);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_not_found,
                                           "Resource with ARN %V is not "
                                           "present", arn);
    }

    if (rc == NGX_OK
        && ctx->op->permission != NGX_MESH_MAY_READ
        && !ngx_mesh_appmesh_is_owner(ctx, &account))
    {
        return ngx_mesh_appmesh_not_owner(ctx, id);
    }

    return rc;
}


/*
 * The ARN tells who owns the resource, not who owns its mesh: it may be in a
 * mesh of that name which another account shares.
 */

static ngx_int_t
ngx_mesh_appmesh_tagged_elsewhere(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_str_t *arn, ngx_mesh_record_t *record)
{
    ngx_int_t               rc;
    ngx_str_t               prefix;
    ngx_uint_t              i;
    ngx_mesh_id_t           mesh;
    ngx_mesh_store_item_t  *meshes;

    ngx_mesh_id_sibling(id, NGX_MESH_KIND_MESH, NULL, NULL, &mesh);
    ngx_str_null(&mesh.owner);

    if (ngx_mesh_id_prefix(ctx->request->pool, &mesh, &prefix) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_view_list(ctx->view, &prefix, NULL, 0, &meshes);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < meshes->count; i++) {

        if (ngx_mesh_id_of_key(&meshes->entries[i].key, &mesh) != NGX_OK
            || mesh.mesh.len != id->mesh.len
            || ngx_memcmp(mesh.mesh.data, id->mesh.data, id->mesh.len) != 0)
        {
            continue;
        }

        id->owner = mesh.owner;

        rc = ngx_mesh_appmesh_has_arn(ctx, id, arn, record);
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    return NGX_DECLINED;
}


/* the case of a service's name is not looked at; that of others is, by id */

static ngx_int_t
ngx_mesh_appmesh_has_arn(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id,
    ngx_str_t *arn, ngx_mesh_record_t *record)
{
    ngx_int_t            rc;
    ngx_mesh_metadata_t  m;

    rc = ngx_mesh_record_get(ctx->view, ctx->request->pool, id, record);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_record_metadata(record->resource, &m) != NGX_OK) {
        return NGX_ERROR;
    }

    return (m.arn.len == arn->len
            && ngx_strncasecmp(m.arn.data, arn->data, arn->len) == 0)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_mesh_appmesh_retag(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_record_t *record, ngx_array_t *tags)
{
    ngx_mesh_id_t  id;

    if (ngx_mesh_id_of_key(&record->entry->key, &id) != NGX_OK
        || ngx_mesh_appmesh_write(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->output = ngx_mesh_appmesh_empty;

    return ngx_mesh_appmesh_store(ctx, &id, &record->text,
                          ngx_mesh_appmesh_hidden(ctx, record->hidden, tags));
}


ngx_int_t
ngx_mesh_appmesh_tags(ngx_pool_t *pool, ngx_mesh_json_t *from,
    ngx_array_t *tags)
{
    ngx_str_t         text;
    ngx_mesh_json_t  *list, *tag, *key, *value;

    if (ngx_array_init(tags, pool, NGX_MESH_TAGS_MAX, sizeof(ngx_mesh_tag_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    list = ngx_mesh_json_get(from, "tags");

    for (tag = list ? list->u.child.first : NULL; tag; tag = tag->next) {

        key = ngx_mesh_json_get(tag, "key");
        value = ngx_mesh_json_get(tag, "value");

        if (key == NULL) {
            return NGX_ERROR;
        }

        ngx_str_set(&text, "");

        if (value) {
            text = value->u.string;
        }

        if (ngx_mesh_appmesh_put_tag(tags, &key->u.string, &text) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_appmesh_input_tags(ngx_http_mesh_control_ctx_t *ctx,
    ngx_array_t *tags)
{
    ngx_uint_t        i;
    ngx_mesh_tag_t   *tag;
    ngx_mesh_json_t  *list;

    if (ngx_mesh_appmesh_tags(ctx->request->pool, ctx->input, tags) != NGX_OK) {
        return NGX_ERROR;
    }

    list = ngx_mesh_json_get(ctx->input, "tags");

    if (list && list->nelts != tags->nelts) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                   "1 validation error detected: Value at 'tags' failed to "
                   "satisfy constraint: Member must not have a key twice");
    }

    tag = tags->elts;

    for (i = 0; i < tags->nelts; i++) {

        if (tag[i].key.len < 4
            || ngx_strncasecmp(tag[i].key.data, (u_char *) "aws:", 4) != 0)
        {
            continue;
        }

        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                   "1 validation error detected: Value '%V' at 'tags' failed "
                   "to satisfy constraint: Member must not begin with aws:",
                   &tag[i].key);
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_appmesh_add_tag(ngx_pool_t *pool, ngx_mesh_json_t *list,
    ngx_mesh_tag_t *tag)
{
    ngx_mesh_json_t  *object;

    object = ngx_mesh_json_add(pool, list, NULL, NGX_MESH_JSON_OBJECT);

    if (object == NULL
        || ngx_mesh_json_add_string(pool, object, "key", &tag->key) == NULL
        || ngx_mesh_json_add_string(pool, object, "value", &tag->value)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* in its place by the order of keys, or instead of the one with its key */

static ngx_int_t
ngx_mesh_appmesh_put_tag(ngx_array_t *tags, ngx_str_t *key, ngx_str_t *value)
{
    ngx_uint_t       i;
    ngx_mesh_tag_t  *tag;

    tag = ngx_mesh_appmesh_find_tag(tags, key);

    if (tag) {
        tag->value = *value;
        return NGX_OK;
    }

    if (ngx_array_push(tags) == NULL) {
        return NGX_ERROR;
    }

    tag = tags->elts;

    for (i = tags->nelts - 1; i > 0; i--) {

        if (ngx_memn2cmp(tag[i - 1].key.data, key->data, tag[i - 1].key.len,
                         key->len)
            < 0)
        {
            break;
        }

        tag[i] = tag[i - 1];
    }

    tag[i].key = *key;
    tag[i].value = *value;

    return NGX_OK;
}


static ngx_mesh_tag_t *
ngx_mesh_appmesh_find_tag(ngx_array_t *tags, ngx_str_t *key)
{
    ngx_uint_t       i;
    ngx_mesh_tag_t  *tag;

    tag = tags->elts;

    for (i = 0; i < tags->nelts; i++) {
        if (ngx_memn2cmp(tag[i].key.data, key->data, tag[i].key.len, key->len)
            == 0)
        {
            return &tag[i];
        }
    }

    return NULL;
}
