
/*
 * Copyright (C) nginx mesh contributors
 */

/* Virtual gateways and their routes. */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_build.h"


ngx_int_t
ngx_mesh_build_gateway(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object)
{
    ngx_mesh_virtual_gateway_t *gateway = object;

    ngx_array_t      *routes;
    ngx_mesh_json_t  *spec;

    spec = ngx_mesh_rules_find(item, "spec");
    routes = &gateway->routes;

    routes->size = sizeof(ngx_mesh_gateway_route_t *);
    routes->pool = b->pool;

    if (ngx_mesh_build_listeners(b, ngx_mesh_rules_find(spec, "listeners"),
                                 &gateway->listeners)
        != NGX_OK
        || ngx_mesh_build_client_policy(b,
                    ngx_mesh_rules_find(spec, "backendDefaults.clientPolicy"),
                    &gateway->client_policy)
           != NGX_OK
        || ngx_mesh_build_access_log(b, ngx_mesh_rules_find(spec, "logging"),
                                     &gateway->access_log)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* as many as were counted when the gateway routes were checked */

    if (routes->nalloc) {
        routes->elts = ngx_palloc(b->pool, routes->nalloc * routes->size);
        if (routes->elts == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_build_gateway_route(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object)
{
    ngx_mesh_gateway_route_t *route = object;

    ngx_int_t                    rc;
    ngx_mesh_json_t             *spec, *kind, *target, *rewrite;
    ngx_mesh_gateway_route_t   **slot;

    spec = ngx_mesh_rules_find(item, "spec");
    kind = ngx_mesh_rules_route_kind(spec, &route->protocol);
    target = ngx_mesh_rules_find(kind, "action.target");
    rewrite = ngx_mesh_rules_find(kind, "action.rewrite");

    route->gateway = ngx_mesh_build_find(b, NGX_MESH_SECTION_GATEWAYS,
                              ngx_mesh_rules_find(item, "virtualGatewayName"));

    route->service = ngx_mesh_build_find_service(b,
                         ngx_mesh_rules_find(target,
                                      "virtualService.virtualServiceName"));

    route->priority = ngx_mesh_rules_find(spec, "priority")
                      ? (ngx_uint_t) ngx_mesh_rules_integer(spec, "priority")
                      : NGX_MESH_PRIORITY_UNSET;

    route->port = (in_port_t) ngx_mesh_rules_integer(target, "port");

    route->keep_hostname = ngx_mesh_build_is(
                               ngx_mesh_rules_find(rewrite,
                                          "hostname.defaultTargetHostname"),
                               "DISABLED");

    route->keep_prefix = ngx_mesh_build_is(
                             ngx_mesh_rules_find(rewrite,
                                                 "prefix.defaultPrefix"),
                             "DISABLED");

    rc = ngx_mesh_build_match(b, ngx_mesh_rules_find(kind, "match"),
                              route->protocol, &route->match);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_build_string(b, ngx_mesh_rules_find(rewrite, "prefix.value"),
                              &route->prefix_rewrite)
        != NGX_OK
        || ngx_mesh_build_string(b, ngx_mesh_rules_find(rewrite, "path.exact"),
                                 &route->path_rewrite)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    slot = ngx_array_push(&route->gateway->routes);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = route;

    return NGX_OK;
}
