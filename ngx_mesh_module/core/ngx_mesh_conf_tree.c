
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The tree that directives build, in the shape of a mesh document.  Each value
 * is marked with the file and line of its directive.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_conf.h"


static char *ngx_mesh_conf_arg(ngx_conf_t *cf, ngx_mesh_json_t *object,
    ngx_mesh_conf_arg_t *arg, ngx_str_t *value);


ngx_mesh_json_t *
ngx_mesh_conf_tree(ngx_conf_t *cf, ngx_mesh_conf_t *mcf)
{
    ngx_str_t         version;
    ngx_mesh_json_t  *mesh;

    if (mcf->tree) {
        return mcf->tree;
    }

    mcf->tree = ngx_mesh_conf_add(cf, NULL, NULL, NGX_MESH_JSON_OBJECT);
    if (mcf->tree == NULL) {
        return NULL;
    }

    ngx_str_set(&version, "nginx.conf");

    mesh = ngx_mesh_conf_add(cf, mcf->tree, "mesh", NGX_MESH_JSON_OBJECT);

    if (ngx_mesh_json_add_number(cf->pool, mcf->tree, "meshDocument", 1)
        == NULL
        || ngx_mesh_conf_add_string(cf, mcf->tree, "version", &version)
           != NGX_CONF_OK
        || ngx_mesh_conf_add_string(cf, mesh, "meshName", &mcf->name)
           != NGX_CONF_OK
        || ngx_mesh_conf_add(cf, mesh, "spec", NGX_MESH_JSON_OBJECT) == NULL)
    {
        return NULL;
    }

    return mcf->tree;
}


/*
 * As ngx_mesh_json_add(), with the place; a parent of NULL that is the failure
 * of the call before fails too, so that calls can follow each other.
 */

ngx_mesh_json_t *
ngx_mesh_conf_add(ngx_conf_t *cf, ngx_mesh_json_t *parent, const char *name,
    ngx_mesh_json_type_e type)
{
    ngx_mesh_json_t         *value;
    ngx_mesh_json_source_t  *source;

    if (parent == NULL && name != NULL) {
        return NULL;
    }

    source = ngx_palloc(cf->pool, sizeof(ngx_mesh_json_source_t));
    if (source == NULL) {
        return NULL;
    }

    source->file = cf->conf_file->file.name;
    source->line = cf->conf_file->line;

    value = ngx_mesh_json_add(cf->pool, parent, name, type);
    if (value == NULL) {
        return NULL;
    }

    value->source = source;

    return value;
}


/* the member, made if it is not there */

ngx_mesh_json_t *
ngx_mesh_conf_need(ngx_conf_t *cf, ngx_mesh_json_t *parent, const char *name,
    ngx_mesh_json_type_e type)
{
    ngx_mesh_json_t  *value;

    value = ngx_mesh_json_get(parent, name);

    return value ? value : ngx_mesh_conf_add(cf, parent, name, type);
}


char *
ngx_mesh_conf_add_string(ngx_conf_t *cf, ngx_mesh_json_t *parent,
    const char *name, ngx_str_t *value)
{
    ngx_mesh_json_t  *member;

    if (parent == NULL) {
        return NGX_CONF_ERROR;
    }

    member = ngx_mesh_conf_add(cf, parent, name, NGX_MESH_JSON_STRING);
    if (member == NULL) {
        return NGX_CONF_ERROR;
    }

    member->u.string = *value;

    return NGX_CONF_OK;
}


char *
ngx_mesh_conf_add_number(ngx_conf_t *cf, ngx_mesh_json_t *parent,
    const char *name, ngx_str_t *value)
{
    size_t            i;
    ngx_mesh_json_t  *member;

    if (parent == NULL) {
        return NGX_CONF_ERROR;
    }

    i = (value->len > 1 && value->data[0] == '-');

    do {
        if (i >= value->len || value->data[i] < '0' || value->data[i] > '9') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid number \"%V\"",
                               value);
            return NGX_CONF_ERROR;
        }

    } while (++i < value->len);

    member = ngx_mesh_conf_add(cf, parent, name, NGX_MESH_JSON_NUMBER);
    if (member == NULL) {
        return NGX_CONF_ERROR;
    }

    member->u.string = *value;

    return NGX_CONF_OK;
}


/* the arguments from "first" on, each by the table */

char *
ngx_mesh_conf_args(ngx_conf_t *cf, ngx_mesh_json_t *object, ngx_uint_t first,
    ngx_mesh_conf_arg_t *table)
{
    char                 *rv;
    ngx_str_t            *value, s;
    ngx_uint_t            i;
    ngx_mesh_conf_arg_t  *arg;

    value = cf->args->elts;

    for (i = first; i < cf->args->nelts; i++) {

        for (arg = table; arg->name.len; arg++) {
            if (value[i].len >= arg->name.len
                && ngx_strncmp(value[i].data, arg->name.data, arg->name.len)
                   == 0)
            {
                break;
            }
        }

        if (arg->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        s.data = value[i].data + arg->name.len;
        s.len = value[i].len - arg->name.len;

        rv = ngx_mesh_conf_arg(cf, object, arg, &s);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_mesh_conf_arg(ngx_conf_t *cf, ngx_mesh_json_t *object,
    ngx_mesh_conf_arg_t *arg, ngx_str_t *value)
{
    ngx_str_t         unit;
    ngx_msec_t        ms;
    ngx_mesh_json_t  *duration;

    if (arg->outer) {
        object = ngx_mesh_conf_need(cf, object, arg->outer,
                                    NGX_MESH_JSON_OBJECT);
    }

    if (object == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_mesh_json_get(object, arg->inner)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate parameter \"%V\"",
                           &arg->name);
        return NGX_CONF_ERROR;
    }

    if (arg->type == NGX_MESH_ARG_STRING) {
        return ngx_mesh_conf_add_string(cf, object, arg->inner, value);
    }

    if (arg->type == NGX_MESH_ARG_NUMBER) {
        return ngx_mesh_conf_add_number(cf, object, arg->inner, value);
    }

    ms = ngx_parse_time(value, 0);

    if (ms == (ngx_msec_t) NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid time \"%V\"", value);
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&unit, "ms");

    duration = ngx_mesh_conf_add(cf, object, arg->inner, NGX_MESH_JSON_OBJECT);

    if (duration == NULL
        || ngx_mesh_json_add_number(cf->pool, duration, "value", ms) == NULL)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_mesh_conf_add_string(cf, duration, "unit", &unit);
}


/* a new resource {NAME: ..., "spec": {}} at the end of a list of the tree */

char *
ngx_mesh_conf_open(ngx_conf_t *cf, ngx_mesh_conf_t *mcf, const char *list,
    const char *name, ngx_mesh_conf_block_t *block)
{
    ngx_str_t        *value;
    ngx_mesh_json_t  *tree;

    value = cf->args->elts;

    tree = ngx_mesh_conf_tree(cf, mcf);
    if (tree == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(block, sizeof(ngx_mesh_conf_block_t));

    block->mcf = mcf;
    block->name = value[1];

    tree = ngx_mesh_conf_need(cf, tree, list, NGX_MESH_JSON_ARRAY);
    block->object = ngx_mesh_conf_add(cf, tree, NULL, NGX_MESH_JSON_OBJECT);

    if (ngx_mesh_conf_add_string(cf, block->object, name, &value[1])
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    block->spec = ngx_mesh_conf_add(cf, block->object, "spec",
                                    NGX_MESH_JSON_OBJECT);

    return block->spec ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_mesh_conf_subblock(ngx_conf_t *cf, ngx_uint_t type,
    ngx_mesh_conf_block_t *block)
{
    char        *rv;
    void       **confs, **ctx;
    ngx_conf_t   pcf;

    /* directives of the block get "block" as their conf */

    confs = ngx_pcalloc(cf->pool, (ngx_mesh_conf_module.ctx_index + 1)
                                  * sizeof(void *));
    ctx = ngx_palloc(cf->pool, sizeof(void *));

    if (confs == NULL || ctx == NULL) {
        return NGX_CONF_ERROR;
    }

    confs[ngx_mesh_conf_module.ctx_index] = block;
    *ctx = confs;

    pcf = *cf;
    cf->ctx = ctx;
    cf->cmd_type = type;

    rv = ngx_conf_parse(cf, NULL);

    *cf = pcf;

    return rv;
}
