
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The loader: text to tree to model, in phases each of which is taken in small
 * steps (ngx_mesh_document_phases.c); and what it tells of a document.
 *
 * The loader and the tree share a pool that goes when the loader is freed; the
 * model has a pool of its own and points into neither tree nor text.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_document_parts.h"
#include "ngx_mesh_pool.h"


/* address space for the tree, by the size of the text */
#define NGX_MESH_LOADER_TREE  16


static ngx_mesh_loader_t *ngx_mesh_loader_init(ngx_mesh_loader_conf_t *conf,
    size_t len);
static ngx_int_t ngx_mesh_loader_fail(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_violation(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason);
static void ngx_mesh_loader_set_source(ngx_mesh_loader_t *ld,
    ngx_mesh_json_t *value);


ngx_mesh_loader_t *
ngx_mesh_loader_create(ngx_mesh_loader_conf_t *conf, ngx_str_t *text)
{
    ngx_mesh_loader_t  *ld;

    ld = ngx_mesh_loader_init(conf, text->len);
    if (ld == NULL) {
        return NULL;
    }

    ld->reader = ngx_mesh_json_reader_create(ld->pool, &ld->conf.limits);
    if (ld->reader == NULL) {
        ngx_mesh_loader_free(ld);
        return NULL;
    }

    ld->pos = text->data;
    ld->last = text->data + text->len;

    return ld;
}


ngx_mesh_loader_t *
ngx_mesh_loader_create_tree(ngx_mesh_loader_conf_t *conf, ngx_mesh_json_t *root)
{
    ngx_mesh_loader_t  *ld;

    ld = ngx_mesh_loader_init(conf, 0);

    if (ld) {
        ld->root = root;
    }

    return ld;
}


static ngx_mesh_loader_t *
ngx_mesh_loader_init(ngx_mesh_loader_conf_t *conf, size_t len)
{
    ngx_pool_t         *pool;
    ngx_mesh_build_t   *b;
    ngx_mesh_loader_t  *ld;

    pool = ngx_mesh_pool_create(NGX_MESH_LOADER_POOL_SIZE
                                + len * NGX_MESH_LOADER_TREE, conf->log);
    if (pool == NULL) {
        return NULL;
    }

    ld = ngx_pcalloc(pool, sizeof(ngx_mesh_loader_t));
    if (ld == NULL) {
        ngx_mesh_pool_destroy(pool);
        return NULL;
    }

    ld->pool = pool;
    ld->conf = *conf;
    ld->len = len;

    b = &ld->build;

    b->temp = pool;
    b->conf = &ld->conf;

    b->rules.pool = pool;
    b->rules.error = ngx_mesh_loader_violation;
    b->rules.data = ld;

    b->walk.pool = pool;
    b->walk.error = ngx_mesh_loader_violation;
    b->walk.unknown = ngx_mesh_loader_unknown_member;
    b->walk.data = ld;

    return ld;
}


ngx_int_t
ngx_mesh_loader_step(ngx_mesh_loader_t *ld, ngx_uint_t units)
{
    ngx_int_t  rc;

    if (ld->failed) {
        return NGX_ERROR;
    }

    ld->spent = 0;

    while (ngx_mesh_loader_phases[ld->phase]) {

        if (units && ld->spent >= units) {
            return NGX_AGAIN;
        }

        ld->spent++;

        rc = ngx_mesh_loader_phases[ld->phase](ld);

        if (rc == NGX_AGAIN) {
            continue;
        }

        if (rc != NGX_OK) {
            return ngx_mesh_loader_fail(ld);
        }

        ld->phase++;
        ld->section = 0;
        ld->index = 0;
        ld->value = NULL;
        ld->started = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_loader_fail(ngx_mesh_loader_t *ld)
{
    ld->failed = 1;

    if (ld->error.len == 0) {
        ngx_str_set(&ld->error, "not enough memory");
    }

    return NGX_ERROR;
}


ngx_mesh_model_t *
ngx_mesh_loader_model(ngx_mesh_loader_t *ld)
{
    if (ld->taken || ngx_mesh_loader_phases[ld->phase]) {
        return NULL;
    }

    ld->taken = 1;

    return ld->build.model;
}


ngx_str_t *
ngx_mesh_loader_error(ngx_mesh_loader_t *ld)
{
    return &ld->error;
}


ngx_mesh_json_source_t *
ngx_mesh_loader_error_source(ngx_mesh_loader_t *ld)
{
    return ld->source;
}


void
ngx_mesh_loader_version(ngx_mesh_loader_t *ld, ngx_str_t *version)
{
    ngx_mesh_json_t  *value;

    value = ld->root ? ngx_mesh_json_get(ld->root, "version") : NULL;

    if (value && value->type == NGX_MESH_JSON_STRING) {
        *version = value->u.string;

    } else {
        ngx_str_null(version);
    }
}


ngx_uint_t
ngx_mesh_loader_unknown(ngx_mesh_loader_t *ld, ngx_str_t *first)
{
    if (first) {
        *first = ld->first_unknown;
    }

    return ld->unknown;
}


void
ngx_mesh_loader_free(ngx_mesh_loader_t *ld)
{
    if (ld->reader) {
        ngx_mesh_json_reader_free(ld->reader);
    }

    if (ld->build.pool && !ld->taken) {
        ngx_mesh_pool_destroy(ld->build.pool);
    }

    ngx_mesh_pool_destroy(ld->pool);
}


/* only the first one, in one line, is kept, and ends the walk */

static ngx_int_t
ngx_mesh_loader_violation(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason)
{
    ngx_mesh_loader_t *ld = data;

    u_char     *p, *last;
    ngx_str_t   path;

    if (ld->error.len) {
        return NGX_ABORT;
    }

    if (ngx_mesh_json_path(ld->pool, value, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(ld->pool, path.len + 2 + reason->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ld->error.data = p;

    if (path.len) {
        p = ngx_cpymem(p, path.data, path.len);
        *p++ = ':';
        *p++ = ' ';
    }

    last = ngx_cpymem(p, reason->data, reason->len);

    ld->error.len = last - ld->error.data;

    for ( /* void */ ; p < last; p++) {
        if (*p < ' ' || *p == 0x7f) {
            *p = '?';
        }
    }

    ngx_mesh_loader_set_source(ld, value);

    return NGX_ABORT;
}


/* "value" itself or the closest of its parents that has one */

static void
ngx_mesh_loader_set_source(ngx_mesh_loader_t *ld, ngx_mesh_json_t *value)
{
    ld->source = NULL;

    for ( /* void */ ; value && ld->source == NULL; value = value->parent) {
        ld->source = value->source;
    }
}


ngx_int_t
ngx_mesh_loader_unknown_member(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason)
{
    ngx_mesh_loader_t *ld = data;

    if (ld->unknown++) {
        return NGX_OK;
    }

    ngx_mesh_loader_set_source(ld, value);

    return ngx_mesh_json_path(ld->pool, value, &ld->first_unknown);
}
