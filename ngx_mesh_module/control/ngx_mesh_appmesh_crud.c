
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Create, describe, update and delete, the same for all kinds of resources.
 *
 * Each is straight through from what is asked to what is answered; NGX_AGAIN
 * of the view ends it early and it is run again, so that nothing is changed
 * but ctx->write, which is made last.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_ops.h"


static ngx_int_t ngx_mesh_appmesh_exists(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_record_t *record);
static ngx_int_t ngx_mesh_appmesh_create_new(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id);
static ngx_int_t ngx_mesh_appmesh_metadata(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_metadata_t *m);
static ngx_int_t ngx_mesh_appmesh_may_create(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id);
static ngx_int_t ngx_mesh_appmesh_replace(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_record_t *record, ngx_mesh_metadata_t *m);


ngx_int_t
ngx_mesh_appmesh_create(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t          rc, rcp;
    ngx_mesh_id_t      id;
    ngx_mesh_record_t  record;

    ctx->write = NULL;

    rc = ngx_mesh_appmesh_id(ctx, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_appmesh_digest(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    /* asked for at once with the parents */

    rc = ngx_mesh_record_get(ctx->view, ctx->request->pool, &id, &record);

    rcp = ngx_mesh_appmesh_parents(ctx, &id);
    if (rcp != NGX_OK) {
        return rcp;
    }

    if (rc == NGX_OK) {
        return ngx_mesh_appmesh_exists(ctx, &id, &record);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_mesh_appmesh_create_new(ctx, &id);
}


static ngx_int_t
ngx_mesh_appmesh_exists(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id,
    ngx_mesh_record_t *record)
{
    ngx_int_t  rc;
    ngx_str_t  place;

    rc = ngx_mesh_appmesh_replay(ctx, record);
    if (rc != NGX_DONE) {
        return rc;
    }

    if (ngx_mesh_appmesh_place(ctx->request->pool, id, &place) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_conflict,
                                       "%s with name %V already exists %V",
                                       id->kind->title, &id->name, &place);
}


static ngx_int_t
ngx_mesh_appmesh_create_new(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id)
{
    ngx_int_t             rc;
    ngx_str_t             text;
    ngx_pool_t           *pool;
    ngx_array_t           tags;
    ngx_mesh_json_t      *spec;
    ngx_mesh_metadata_t   m;

    pool = ctx->request->pool;

    rc = ngx_mesh_appmesh_may_create(ctx, id);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_appmesh_input_tags(ctx, &tags);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_appmesh_quota(ctx, id);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_appmesh_spec(ctx, id, NULL, &spec, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_appmesh_metadata(ctx, id, &m) != NGX_OK
        || ngx_mesh_record_print(pool, id, &m, &text, "ACTIVE", &ctx->output)
           != NGX_OK
        || ngx_mesh_appmesh_write(ctx) != NGX_OK
        || ngx_mesh_appmesh_references(ctx, id, NULL, spec) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_appmesh_store(ctx, id, &ctx->output,
                                  ngx_mesh_appmesh_hidden(ctx, NULL, &tags));
}


/* accounts that a mesh is shared with may not let traffic into it */

static ngx_int_t
ngx_mesh_appmesh_may_create(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id)
{
    if (ngx_mesh_appmesh_is_owner(ctx, &id->owner)) {
        return NGX_OK;
    }

    if (id->kind->kind != NGX_MESH_KIND_VIRTUAL_GATEWAY
        && id->kind->kind != NGX_MESH_KIND_GATEWAY_ROUTE)
    {
        return NGX_OK;
    }

    return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_forbidden,
               "Account %V may not create a %s under mesh %V, which only its "
               "owner %V may do", &ctx->account, id->kind->title, &id->mesh,
               &id->owner);
}


static ngx_int_t
ngx_mesh_appmesh_metadata(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id,
    ngx_mesh_metadata_t *m)
{
    ngx_pool_t  *pool;

    pool = ctx->request->pool;

    m->mesh_owner = id->owner;
    m->resource_owner = ctx->account;
    m->version = 1;

    if (ngx_mesh_id_arn(pool, id, &ctx->conf->region, &ctx->account, &m->arn)
        != NGX_OK
        || ngx_mesh_record_now(pool, &m->created) != NGX_OK
        || ngx_mesh_record_uid(pool, &m->uid) != NGX_OK)
    {
        return NGX_ERROR;
    }

    m->updated = m->created;

    return NGX_OK;
}


/* one read of the store, whose answer goes out as it is */

ngx_int_t
ngx_mesh_appmesh_describe(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t      rc;
    ngx_mesh_id_t  id;

    rc = ngx_mesh_appmesh_id(ctx, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_record_text(ctx->view, ctx->request->pool, &id,
                              &ctx->output);

    return (rc == NGX_DECLINED) ? ngx_mesh_appmesh_missing(ctx, &id) : rc;
}


ngx_int_t
ngx_mesh_appmesh_update(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_mesh_id_t        id;
    ngx_mesh_record_t    record;
    ngx_mesh_metadata_t  m;

    ctx->write = NULL;

    rc = ngx_mesh_appmesh_id(ctx, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_appmesh_digest(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_record_get(ctx->view, ctx->request->pool, &id, &record);

    if (rc == NGX_DECLINED) {
        return ngx_mesh_appmesh_missing(ctx, &id);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_record_metadata(record.resource, &m) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_mesh_appmesh_is_owner(ctx, &m.resource_owner)) {
        return ngx_mesh_appmesh_not_owner(ctx, &id);
    }

    rc = ngx_mesh_appmesh_replay(ctx, &record);
    if (rc != NGX_DONE) {
        return rc;
    }

    ngx_mesh_appmesh_stored_id(&record, &id);

    return ngx_mesh_appmesh_replace(ctx, &id, &record, &m);
}


static ngx_int_t
ngx_mesh_appmesh_replace(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_id_t *id,
    ngx_mesh_record_t *record, ngx_mesh_metadata_t *m)
{
    ngx_int_t         rc;
    ngx_str_t         text;
    ngx_pool_t       *pool;
    ngx_array_t       tags;
    ngx_mesh_json_t  *spec;

    pool = ctx->request->pool;

    rc = ngx_mesh_appmesh_spec(ctx, id, record->spec, &spec, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    m->version++;

    if (ngx_mesh_record_now(pool, &m->updated) != NGX_OK
        || ngx_mesh_record_print(pool, id, m, &text, "ACTIVE", &ctx->output)
           != NGX_OK
        || ngx_mesh_appmesh_tags(pool, record->hidden, &tags) != NGX_OK
        || ngx_mesh_appmesh_write(ctx) != NGX_OK
        || ngx_mesh_appmesh_references(ctx, id, record->spec, spec) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_appmesh_store(ctx, id, &ctx->output,
                        ngx_mesh_appmesh_hidden(ctx, record->hidden, &tags));
}


ngx_int_t
ngx_mesh_appmesh_delete(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_str_t            spec;
    ngx_pool_t          *pool;
    ngx_mesh_id_t        id;
    ngx_mesh_check_t     check;
    ngx_mesh_record_t    record;
    ngx_mesh_metadata_t  m;

    ctx->write = NULL;
    pool = ctx->request->pool;

    rc = ngx_mesh_appmesh_id(ctx, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_record_get(ctx->view, pool, &id, &record);

    if (rc == NGX_DECLINED) {
        return ngx_mesh_appmesh_missing(ctx, &id);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_record_metadata(record.resource, &m) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_mesh_appmesh_is_owner(ctx, &m.resource_owner)
        && !ngx_mesh_appmesh_is_owner(ctx, &m.mesh_owner))
    {
        return ngx_mesh_appmesh_not_owner(ctx, &id);
    }

    ngx_mesh_appmesh_stored_id(&record, &id);
    ngx_mesh_appmesh_check_init(ctx, &id, &check);

    rc = ngx_mesh_check_delete(&check);
    if (rc != NGX_OK) {
        return ngx_mesh_appmesh_check(ctx, &check, rc);
    }

    if (id.kind->kind != NGX_MESH_KIND_MESH) {
        m.version++;

        if (ngx_mesh_record_now(pool, &m.updated) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_mesh_json_print(pool, record.spec, &spec) != NGX_OK
        || ngx_mesh_record_print(pool, &id, &m, &spec, "DELETED",
                                 &ctx->output)
           != NGX_OK
        || ngx_mesh_appmesh_write(ctx) != NGX_OK
        || ngx_mesh_appmesh_references(ctx, &id, record.spec, NULL) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_appmesh_change(ctx, &record.entry->key, NULL);
}
