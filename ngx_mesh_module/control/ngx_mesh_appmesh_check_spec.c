
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What is read from a valid spec, and written into it: which resources it
 * refers to, and what App Mesh fills in on echo:
 *
 *     virtual node                    "backends": []
 *     listener with a healthCheck     "port": that of the listener
 *     header or metadata match        "invert": false
 *
 * All else is stored and shown as it was given.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_check.h"


static ngx_int_t ngx_mesh_reference_add(ngx_array_t *targets,
    ngx_mesh_id_t *id, ngx_mesh_kind_e kind, ngx_mesh_json_t *name);
static ngx_int_t ngx_mesh_reference_targets(ngx_array_t *targets,
    ngx_mesh_id_t *id, ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_fill_node(ngx_pool_t *pool, ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_fill_listeners(ngx_pool_t *pool,
    ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_fill_matches(ngx_pool_t *pool,
    ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_fill_invert(ngx_pool_t *pool, ngx_mesh_json_t *list);


ngx_int_t
ngx_mesh_references(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_mesh_json_t *spec,
    ngx_array_t *targets)
{
    ngx_mesh_json_t      *route;
    ngx_mesh_protocol_e   protocol;

    switch (id->kind->kind) {

    case NGX_MESH_KIND_ROUTE:
        return ngx_mesh_reference_targets(targets, id, spec);

    case NGX_MESH_KIND_VIRTUAL_SERVICE:

        if (ngx_mesh_reference_add(targets, id, NGX_MESH_KIND_VIRTUAL_NODE,
                ngx_mesh_rules_find(spec,
                                    "provider.virtualNode.virtualNodeName"))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_mesh_reference_add(targets, id,
                   NGX_MESH_KIND_VIRTUAL_ROUTER,
                   ngx_mesh_rules_find(spec,
                                 "provider.virtualRouter.virtualRouterName"));

    case NGX_MESH_KIND_GATEWAY_ROUTE:
        route = ngx_mesh_rules_route_kind(spec, &protocol);

        return ngx_mesh_reference_add(targets, id,
                   NGX_MESH_KIND_VIRTUAL_SERVICE,
                   ngx_mesh_rules_find(route,
                          "action.target.virtualService.virtualServiceName"));

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_mesh_reference_targets(ngx_array_t *targets, ngx_mesh_id_t *id,
    ngx_mesh_json_t *spec)
{
    ngx_mesh_json_t      *route, *target;
    ngx_mesh_protocol_e   protocol;

    route = ngx_mesh_rules_route_kind(spec, &protocol);
    target = ngx_mesh_rules_find(route, "action.weightedTargets");

    for (target = ngx_mesh_rules_first(target);
         target;
         target = target->next)
    {
        if (ngx_mesh_reference_add(targets, id, NGX_MESH_KIND_VIRTUAL_NODE,
                                   ngx_mesh_rules_find(target, "virtualNode"))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* "name" may be NULL; a route may have a node in several targets */

static ngx_int_t
ngx_mesh_reference_add(ngx_array_t *targets, ngx_mesh_id_t *id,
    ngx_mesh_kind_e kind, ngx_mesh_json_t *name)
{
    ngx_str_t      *s;
    ngx_uint_t      i;
    ngx_mesh_id_t  *target;

    if (name == NULL) {
        return NGX_OK;
    }

    s = &name->u.string;
    target = targets->elts;

    for (i = 0; i < targets->nelts; i++) {
        if (target[i].kind->kind == kind
            && target[i].name.len == s->len
            && ngx_memcmp(target[i].name.data, s->data, s->len) == 0)
        {
            return NGX_OK;
        }
    }

    target = ngx_array_push(targets);
    if (target == NULL) {
        return NGX_ERROR;
    }

    ngx_mesh_id_sibling(id, kind, NULL, s, target);

    return NGX_OK;
}


ngx_int_t
ngx_mesh_fill_defaults(ngx_pool_t *pool, ngx_mesh_kind_e kind,
    ngx_mesh_json_t *spec)
{
    switch (kind) {

    case NGX_MESH_KIND_VIRTUAL_NODE:
        return ngx_mesh_fill_node(pool, spec);

    case NGX_MESH_KIND_VIRTUAL_GATEWAY:
        return ngx_mesh_fill_listeners(pool, spec);

    case NGX_MESH_KIND_ROUTE:
    case NGX_MESH_KIND_GATEWAY_ROUTE:
        return ngx_mesh_fill_matches(pool, spec);

    default:
        return NGX_OK;
    }
}


/* what is added is as if a shape had seen it */

static ngx_int_t
ngx_mesh_fill_node(ngx_pool_t *pool, ngx_mesh_json_t *spec)
{
    ngx_mesh_json_t  *backends;

    if (ngx_mesh_rules_find(spec, "backends") == NULL) {

        backends = ngx_mesh_json_add(pool, spec, "backends",
                                     NGX_MESH_JSON_ARRAY);
        if (backends == NULL) {
            return NGX_ERROR;
        }

        backends->seen = 1;
    }

    return ngx_mesh_fill_listeners(pool, spec);
}


static ngx_int_t
ngx_mesh_fill_listeners(ngx_pool_t *pool, ngx_mesh_json_t *spec)
{
    ngx_mesh_json_t  *listener, *check, *port;

    listener = ngx_mesh_rules_find(spec, "listeners");

    for (listener = ngx_mesh_rules_first(listener);
         listener;
         listener = listener->next)
    {
        check = ngx_mesh_rules_find(listener, "healthCheck");

        if (check == NULL || ngx_mesh_rules_find(check, "port")) {
            continue;
        }

        port = ngx_mesh_json_add_number(pool, check, "port",
                       ngx_mesh_rules_integer(listener, "portMapping.port"));
        if (port == NULL) {
            return NGX_ERROR;
        }

        port->seen = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_fill_matches(ngx_pool_t *pool, ngx_mesh_json_t *spec)
{
    ngx_mesh_json_t      *route;
    ngx_mesh_protocol_e   protocol;

    route = ngx_mesh_rules_route_kind(spec, &protocol);

    if (ngx_mesh_fill_invert(pool, ngx_mesh_rules_find(route, "match.headers"))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_fill_invert(pool,
                               ngx_mesh_rules_find(route, "match.metadata"));
}


static ngx_int_t
ngx_mesh_fill_invert(ngx_pool_t *pool, ngx_mesh_json_t *list)
{
    ngx_mesh_json_t  *match, *invert;

    for (match = ngx_mesh_rules_first(list); match; match = match->next) {

        if (ngx_mesh_rules_find(match, "invert")) {
            continue;
        }

        invert = ngx_mesh_json_add_boolean(pool, match, "invert", 0);
        if (invert == NULL) {
            return NGX_ERROR;
        }

        invert->seen = 1;
    }

    return NGX_OK;
}
