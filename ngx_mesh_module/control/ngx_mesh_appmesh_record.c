
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Stored resources: how they are read and how their text is made.
 *
 * The first line of a value is what Describe* returns and goes out as it is.
 * Its members come in this order, which ngx_mesh_record_head() counts on:
 *
 *     {"meshName":...,NAMES,"metadata":{...},"spec":{...},"status":{...}}
 *
 * The second line holds what is never shown with the resource:
 *
 *     {"tags":[{"key":...,"value":...}],"tokens":[{"token":...,"digest":...}]}
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_mesh_appmesh.h"


#define NGX_MESH_RECORD_SPEC  ",\"spec\":"


static ngx_int_t ngx_mesh_record_string(ngx_mesh_json_t *object,
    const char *name, ngx_str_t *string);
static ngx_int_t ngx_mesh_record_spec(ngx_mesh_record_t *record);
static ngx_int_t ngx_mesh_record_violation(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason);
static ngx_int_t ngx_mesh_record_entry(ngx_mesh_view_t *view, ngx_pool_t *pool,
    ngx_mesh_id_t *id, ngx_mesh_store_entry_t **entry);
static ngx_mesh_json_t *ngx_mesh_record_names(ngx_pool_t *pool,
    ngx_mesh_id_t *id);
static ngx_int_t ngx_mesh_record_add_metadata(ngx_pool_t *pool,
    ngx_mesh_json_t *root, ngx_mesh_metadata_t *m);


ngx_int_t
ngx_mesh_record_get(ngx_mesh_view_t *view, ngx_pool_t *pool, ngx_mesh_id_t *id,
    ngx_mesh_record_t *record)
{
    ngx_int_t                rc;
    ngx_mesh_store_entry_t  *entry;

    rc = ngx_mesh_record_entry(view, pool, id, &entry);

    return (rc == NGX_OK) ? ngx_mesh_record_of_entry(view, entry, record) : rc;
}


ngx_int_t
ngx_mesh_record_text(ngx_mesh_view_t *view, ngx_pool_t *pool,
    ngx_mesh_id_t *id, ngx_str_t *text)
{
    ngx_int_t                rc;
    ngx_mesh_store_entry_t  *entry;

    rc = ngx_mesh_record_entry(view, pool, id, &entry);

    if (rc == NGX_OK) {
        ngx_mesh_record_line(entry, text);
    }

    return rc;
}


static ngx_int_t
ngx_mesh_record_entry(ngx_mesh_view_t *view, ngx_pool_t *pool,
    ngx_mesh_id_t *id, ngx_mesh_store_entry_t **entry)
{
    ngx_str_t  key;

    if (ngx_mesh_id_key(pool, id, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mesh_view_get(view, &key, entry);
}


void
ngx_mesh_record_line(ngx_mesh_store_entry_t *entry, ngx_str_t *text)
{
    u_char  *p, *last;

    last = entry->value.data + entry->value.len;

    p = ngx_strlchr(entry->value.data, last, '\n');
    if (p == NULL) {
        p = last;
    }

    text->data = entry->value.data;
    text->len = p - text->data;
}


ngx_int_t
ngx_mesh_record_of_entry(ngx_mesh_view_t *view, ngx_mesh_store_entry_t *entry,
    ngx_mesh_record_t *record)
{
    size_t  offset;

    record->entry = entry;

    ngx_mesh_record_line(entry, &record->text);

    offset = record->text.len + 1;

    record->resource = ngx_mesh_view_json(view, entry, 0);
    if (record->resource == NULL) {
        return NGX_ERROR;
    }

    record->hidden = NULL;

    if (offset < entry->value.len) {
        record->hidden = ngx_mesh_view_json(view, entry, offset);
    }

    record->spec = ngx_mesh_json_get(record->resource, "spec");

    if (record->hidden == NULL || record->spec == NULL) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "mesh store: \"%V\" is not a resource", &entry->key);
        return NGX_ERROR;
    }

    return record->spec->seen ? NGX_OK : ngx_mesh_record_spec(record);
}


/*
 * Rules look only at what a shape has seen, and rely on it being of the right
 * types; once for a view, as trees are.
 */

static ngx_int_t
ngx_mesh_record_spec(ngx_mesh_record_t *record)
{
    ngx_int_t              rc;
    ngx_mesh_id_t          id;
    ngx_mesh_shape_walk_t  walk;

    if (ngx_mesh_id_of_key(&record->entry->key, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&walk, sizeof(ngx_mesh_shape_walk_t));

    walk.error = ngx_mesh_record_violation;
    walk.data = record;

    walk.pool = ngx_create_pool(1024, ngx_cycle->log);
    if (walk.pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_shape_validate(&walk, id.kind->spec, record->spec);

    ngx_destroy_pool(walk.pool);

    return (rc == NGX_OK) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mesh_record_violation(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason)
{
    ngx_mesh_record_t *record = data;

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                  "mesh store: the spec of \"%V\" is not valid: %V",
                  &record->entry->key, reason);

    return NGX_ERROR;
}


/* what stands before the spec, which is most of a resource, as a tree */

ngx_mesh_json_t *
ngx_mesh_record_head(ngx_pool_t *pool, ngx_str_t *text)
{
    size_t            len;
    u_char           *p;
    ngx_str_t         head, error;
    ngx_mesh_json_t  *root;

    static ngx_mesh_json_limits_t  limits = { 0, 0, 4, 0 };

    /* no string has it in it, since its quotes would be escaped there */

    p = ngx_strnstr(text->data, NGX_MESH_RECORD_SPEC, text->len);
    if (p == NULL) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "mesh store: a resource has no spec");
        return NULL;
    }

    len = p - text->data;

    head.len = len + 1;
    head.data = ngx_pnalloc(pool, head.len);
    if (head.data == NULL) {
        return NULL;
    }

    ngx_memcpy(head.data, text->data, len);
    head.data[len] = '}';

    root = ngx_mesh_json_parse(pool, &limits, &head, &error);
    if (root == NULL) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "mesh store: a resource cannot be read: %V", &error);
    }

    return root;
}


ngx_int_t
ngx_mesh_record_metadata(ngx_mesh_json_t *resource, ngx_mesh_metadata_t *m)
{
    ngx_mesh_json_t  *o, *created, *updated, *version;

    o = ngx_mesh_json_get(resource, "metadata");

    created = ngx_mesh_json_get(o, "createdAt");
    updated = ngx_mesh_json_get(o, "lastUpdatedAt");
    version = ngx_mesh_json_get(o, "version");

    if (ngx_mesh_record_string(o, "arn", &m->arn) != NGX_OK
        || ngx_mesh_record_string(o, "meshOwner", &m->mesh_owner) != NGX_OK
        || ngx_mesh_record_string(o, "resourceOwner", &m->resource_owner)
           != NGX_OK
        || ngx_mesh_record_string(o, "uid", &m->uid) != NGX_OK
        || created == NULL || created->type != NGX_MESH_JSON_NUMBER
        || updated == NULL || updated->type != NGX_MESH_JSON_NUMBER
        || version == NULL
        || ngx_mesh_json_integer(version, &m->version) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "mesh store: a resource has no good metadata");
        return NGX_ERROR;
    }

    m->created = created->u.string;
    m->updated = updated->u.string;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_record_string(ngx_mesh_json_t *object, const char *name,
    ngx_str_t *string)
{
    ngx_mesh_json_t  *value;

    value = ngx_mesh_json_get(object, name);

    if (value == NULL || value->type != NGX_MESH_JSON_STRING) {
        return NGX_ERROR;
    }

    *string = value->u.string;

    return NGX_OK;
}


/* the spec is given as text, because a tree has one parent only */

ngx_int_t
ngx_mesh_record_print(ngx_pool_t *pool, ngx_mesh_id_t *id,
    ngx_mesh_metadata_t *m, ngx_str_t *spec, const char *status,
    ngx_str_t *text)
{
    size_t            len;
    u_char           *p;
    ngx_str_t         head;
    ngx_mesh_json_t  *root;

    root = ngx_mesh_record_names(pool, id);

    if (root == NULL
        || ngx_mesh_record_add_metadata(pool, root, m) != NGX_OK
        || ngx_mesh_json_print(pool, root, &head) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* it is opened again for what follows */
    head.len--;

    len = head.len + spec->len + ngx_strlen(status)
          + sizeof(NGX_MESH_RECORD_SPEC ",\"status\":{\"status\":\"\"}}") - 1;

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    p = ngx_cpymem(p, head.data, head.len);
    p = ngx_cpymem(p, NGX_MESH_RECORD_SPEC, sizeof(NGX_MESH_RECORD_SPEC) - 1);
    p = ngx_cpymem(p, spec->data, spec->len);
    p = ngx_sprintf(p, ",\"status\":{\"status\":\"%s\"}}", status);

    text->len = p - text->data;

    return NGX_OK;
}


static ngx_mesh_json_t *
ngx_mesh_record_names(ngx_pool_t *pool, ngx_mesh_id_t *id)
{
    ngx_mesh_json_t        *root;
    const ngx_mesh_kind_t  *kind;

    kind = id->kind;

    root = ngx_mesh_json_add(pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    if (root == NULL
        || ngx_mesh_json_add_string(pool, root, "meshName", &id->mesh) == NULL)
    {
        return NULL;
    }

    if (kind->kind == NGX_MESH_KIND_MESH) {
        return root;
    }

    if (kind->parent != NGX_MESH_KIND_MESH
        && ngx_mesh_json_add_string(pool, root,
                                    ngx_mesh_kinds[kind->parent].name,
                                    &id->parent)
           == NULL)
    {
        return NULL;
    }

    if (ngx_mesh_json_add_string(pool, root, kind->name, &id->name) == NULL) {
        return NULL;
    }

    return root;
}


static ngx_int_t
ngx_mesh_record_add_metadata(ngx_pool_t *pool, ngx_mesh_json_t *root,
    ngx_mesh_metadata_t *m)
{
    ngx_mesh_json_t  *o, *created, *updated;

    o = ngx_mesh_json_add(pool, root, "metadata", NGX_MESH_JSON_OBJECT);

    if (o == NULL
        || ngx_mesh_json_add_string(pool, o, "arn", &m->arn) == NULL)
    {
        return NGX_ERROR;
    }

    created = ngx_mesh_json_add(pool, o, "createdAt", NGX_MESH_JSON_NUMBER);
    updated = ngx_mesh_json_add(pool, o, "lastUpdatedAt",
                                NGX_MESH_JSON_NUMBER);

    if (created == NULL || updated == NULL) {
        return NGX_ERROR;
    }

    created->u.string = m->created;
    updated->u.string = m->updated;

    if (ngx_mesh_json_add_string(pool, o, "meshOwner", &m->mesh_owner) == NULL
        || ngx_mesh_json_add_string(pool, o, "resourceOwner",
                                    &m->resource_owner)
           == NULL
        || ngx_mesh_json_add_string(pool, o, "uid", &m->uid) == NULL
        || ngx_mesh_json_add_number(pool, o, "version", m->version) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* epoch seconds with milliseconds, "1649256500.072" */

ngx_int_t
ngx_mesh_record_now(ngx_pool_t *pool, ngx_str_t *now)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    now->data = ngx_pnalloc(pool, NGX_TIME_T_LEN + sizeof(".000") - 1);
    if (now->data == NULL) {
        return NGX_ERROR;
    }

    now->len = ngx_sprintf(now->data, "%T.%03M", tp->sec, tp->msec)
               - now->data;

    return NGX_OK;
}


ngx_int_t
ngx_mesh_record_uid(ngx_pool_t *pool, ngx_str_t *uid)
{
    uid->len = NGX_MESH_UUID_LEN;
    uid->data = ngx_pnalloc(pool, NGX_MESH_UUID_LEN);

    if (uid->data == NULL) {
        return NGX_ERROR;
    }

    return ngx_mesh_uuid(uid->data);
}
