
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Virtual routers, their routes, and virtual services, which see the routes of
 * their router or one implicit route to their node.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_build.h"
#include "ngx_mesh_match.h"


static ngx_int_t ngx_mesh_build_targets(ngx_mesh_build_t *b,
    ngx_mesh_json_t *list, ngx_mesh_route_t *route);
static ngx_mesh_cluster_t *ngx_mesh_build_cluster(
    ngx_mesh_virtual_node_t *node, in_port_t port);
static ngx_int_t ngx_mesh_build_retry_policy(ngx_mesh_build_t *b,
    ngx_mesh_json_t *policy, ngx_mesh_retry_policy_t **dst);
static ngx_int_t ngx_mesh_build_node_provider(ngx_mesh_build_t *b,
    ngx_mesh_virtual_service_t *service);


/* the array of routes has the size that was counted when they were checked */

ngx_int_t
ngx_mesh_build_router(ngx_mesh_build_t *b, ngx_mesh_json_t *item, void *object)
{
    ngx_mesh_virtual_router_t *router = object;

    ngx_array_t  *routes;

    routes = &router->routes;

    routes->size = sizeof(ngx_mesh_route_t *);
    routes->pool = b->pool;

    if (routes->nalloc) {
        routes->elts = ngx_palloc(b->pool, routes->nalloc * routes->size);
        if (routes->elts == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_mesh_build_listeners(b,
                                  ngx_mesh_rules_find(item, "spec.listeners"),
                                  &router->listeners);
}


/* "priority" unset comes after all that are set */

ngx_int_t
ngx_mesh_build_route(ngx_mesh_build_t *b, ngx_mesh_json_t *item, void *object)
{
    ngx_mesh_route_t *route = object;

    ngx_int_t                    rc;
    ngx_mesh_json_t             *spec, *kind;
    ngx_mesh_route_t           **slot;
    ngx_mesh_virtual_router_t   *router;

    router = ngx_mesh_build_find(b, NGX_MESH_SECTION_ROUTERS,
                               ngx_mesh_rules_find(item, "virtualRouterName"));

    spec = ngx_mesh_rules_find(item, "spec");
    kind = ngx_mesh_rules_route_kind(spec, &route->protocol);

    route->router = router;
    route->priority = ngx_mesh_rules_find(spec, "priority")
                      ? (ngx_uint_t) ngx_mesh_rules_integer(spec, "priority")
                      : NGX_MESH_PRIORITY_UNSET;

    rc = ngx_mesh_build_match(b, ngx_mesh_rules_find(kind, "match"),
                              route->protocol, &route->match);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_build_targets(b,
                         ngx_mesh_rules_find(kind, "action.weightedTargets"),
                         route)
        != NGX_OK
        || ngx_mesh_build_retry_policy(b,
                                     ngx_mesh_rules_find(kind, "retryPolicy"),
                                     &route->retry_policy)
           != NGX_OK
        || ngx_mesh_build_timeout(b, ngx_mesh_rules_find(kind, "timeout"),
                                  &route->timeout)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    slot = ngx_array_push(&router->routes);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = route;

    if (router->routes.nelts == router->routes.nalloc) {
        ngx_mesh_match_sort(router->routes.elts, router->routes.nelts);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_targets(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_mesh_route_t *route)
{
    ngx_mesh_json_t    *value;
    ngx_mesh_target_t  *target;

    target = ngx_palloc(b->pool, list->nelts * sizeof(ngx_mesh_target_t));
    if (target == NULL) {
        return NGX_ERROR;
    }

    route->targets = target;
    route->ntargets = list->nelts;

    for (value = list->u.child.first; value; value = value->next, target++) {

        target->node = ngx_mesh_build_find(b, NGX_MESH_SECTION_NODES,
                                    ngx_mesh_rules_find(value, "virtualNode"));
        target->cluster = ngx_mesh_build_cluster(target->node,
                           (in_port_t) ngx_mesh_rules_integer(value, "port"));
        target->weight = (ngx_uint_t) ngx_mesh_rules_integer(value, "weight");

        route->total_weight += target->weight;
    }

    return NGX_OK;
}


/* port 0: the only listener */

static ngx_mesh_cluster_t *
ngx_mesh_build_cluster(ngx_mesh_virtual_node_t *node, in_port_t port)
{
    ngx_uint_t            i;
    ngx_mesh_listener_t  *listeners;

    listeners = node->listeners.elts;

    for (i = 0; i < node->listeners.nelts; i++) {
        if (port == 0 || listeners[i].port == port) {
            return &node->clusters[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_mesh_build_retry_policy(ngx_mesh_build_t *b, ngx_mesh_json_t *policy,
    ngx_mesh_retry_policy_t **dst)
{
    ngx_mesh_json_t          *event;
    ngx_mesh_retry_policy_t  *rp;

    /* in the order of the bits from NGX_MESH_RETRY_CANCELLED on */

    static const char        *grpc_events[] = {
        "cancelled", "deadline-exceeded", "internal", "resource-exhausted",
        "unavailable", NULL
    };

    if (policy == NULL) {
        return NGX_OK;
    }

    rp = ngx_pcalloc(b->pool, sizeof(ngx_mesh_retry_policy_t));
    if (rp == NULL) {
        return NGX_ERROR;
    }

    rp->max_retries = (ngx_uint_t)
                      ngx_mesh_rules_integer(policy, "maxRetries");

    ngx_mesh_build_duration(ngx_mesh_rules_find(policy, "perRetryTimeout"),
                            &rp->per_retry_timeout);

    event = ngx_mesh_rules_find(policy, "httpRetryEvents");

    for (event = ngx_mesh_rules_first(event); event; event = event->next) {
        rp->events |= NGX_MESH_RETRY_SERVER_ERROR
                      << ngx_mesh_rules_enum(event,
                                             ngx_mesh_http_retry_events, 0);
    }

    event = ngx_mesh_rules_find(policy, "grpcRetryEvents");

    for (event = ngx_mesh_rules_first(event); event; event = event->next) {
        rp->events |= NGX_MESH_RETRY_CANCELLED
                      << ngx_mesh_rules_enum(event, grpc_events, 0);
    }

    if (ngx_mesh_rules_find(policy, "tcpRetryEvents")) {
        rp->events |= NGX_MESH_RETRY_CONNECTION_ERROR;
    }

    *dst = rp;

    return NGX_OK;
}


/* a service without a provider has no routes: it answers 404 */

ngx_int_t
ngx_mesh_build_service(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object)
{
    ngx_mesh_virtual_service_t *service = object;

    ngx_mesh_json_t  *provider;

    provider = ngx_mesh_rules_find(item, "spec.provider");

    service->router = ngx_mesh_build_find(b, NGX_MESH_SECTION_ROUTERS,
                                  ngx_mesh_rules_find(provider,
                                          "virtualRouter.virtualRouterName"));

    if (service->router) {
        service->listeners = &service->router->listeners;
        service->routes = service->router->routes.elts;
        service->nroutes = service->router->routes.nelts;

        return NGX_OK;
    }

    service->node = ngx_mesh_build_find(b, NGX_MESH_SECTION_NODES,
                                    ngx_mesh_rules_find(provider,
                                              "virtualNode.virtualNodeName"));

    if (service->node) {
        return ngx_mesh_build_node_provider(b, service);
    }

    return NGX_OK;
}


/* one route for each listener; with several of them, the port decides */

static ngx_int_t
ngx_mesh_build_node_provider(ngx_mesh_build_t *b,
    ngx_mesh_virtual_service_t *service)
{
    ngx_uint_t            i, n;
    ngx_mesh_route_t     *route;
    ngx_mesh_target_t    *target;
    ngx_mesh_listener_t  *listeners;

    listeners = service->node->listeners.elts;
    n = service->node->listeners.nelts;

    service->listeners = &service->node->listeners;

    if (n == 0) {
        return NGX_OK;
    }

    service->routes = ngx_palloc(b->pool, n * sizeof(ngx_mesh_route_t *));
    route = ngx_pcalloc(b->pool, n * sizeof(ngx_mesh_route_t));
    target = ngx_palloc(b->pool, n * sizeof(ngx_mesh_target_t));

    if (service->routes == NULL || route == NULL || target == NULL) {
        return NGX_ERROR;
    }

    service->nroutes = n;

    for (i = 0; i < n; i++, route++, target++) {

        target->node = service->node;
        target->cluster = &service->node->clusters[i];
        target->weight = 1;

        route->protocol = listeners[i].protocol;
        route->priority = NGX_MESH_PRIORITY_UNSET;
        route->match.port = (n > 1) ? listeners[i].port : 0;
        route->targets = target;
        route->ntargets = 1;
        route->total_weight = 1;

        service->routes[i] = route;
    }

    return NGX_OK;
}
