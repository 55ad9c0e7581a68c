
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What a model holds: t/data/full.json has every member that a spec may have,
 * and each is looked for in the model here.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "mesh_unit_document.h"


static ngx_mesh_model_t *
mesh_unit_full(ngx_mesh_unit_t *u)
{
    ngx_str_t          text, error;
    ngx_mesh_model_t  *model;

    if (mesh_unit_data(u, "full.json", &text) != NGX_OK) {
        return NULL;
    }

    ngx_str_null(&error);

    model = mesh_unit_load(u, NULL, &text, 0, &error);

    (void) MESH_OK(model != NULL, "full.json is accepted %V", &error);

    return model;
}


static void
mesh_unit_model_mesh(ngx_mesh_unit_t *u)
{
    ngx_mesh_model_t  *m;

    m = mesh_unit_full(u);
    if (m == NULL) {
        return;
    }

    MESH_IS_STR(&m->version, "2026-11-23T10:00:00Z/7", "version");
    MESH_IS_STR(&m->mesh_name, "shop", "mesh name");
    MESH_IS_INT(m->egress_filter, NGX_MESH_ALLOW_ALL, "egress filter");
    MESH_IS_INT(m->ip_preference, NGX_MESH_IPV4_PREFERRED, "IP preference");

    MESH_IS_INT(m->nnodes, 7, "nodes");
    MESH_IS_INT(m->nrouters, 5, "routers");
    MESH_IS_INT(m->nroutes, 7, "routes");
    MESH_IS_INT(m->nservices, 6, "services");
    MESH_IS_INT(m->ngateways, 1, "gateways");
    MESH_IS_INT(m->ngateway_routes, 4, "gateway routes");

    MESH_OK(m->node == NULL && m->gateway == NULL, "it is nobody's");
}

MESH_UNIT(mesh_unit_model_mesh)


static void
mesh_unit_model_listeners(ngx_mesh_unit_t *u)
{
    ngx_str_t                *s;
    ngx_mesh_model_t         *m;
    ngx_mesh_listener_t      *l;
    ngx_mesh_virtual_node_t  *node;

    m = mesh_unit_full(u);
    if (m == NULL) {
        return;
    }

    node = mesh_unit_node(m, "web");
    l = node->listeners.elts;

    MESH_IS_INT(node->listeners.nelts, 4, "listeners");
    MESH_IS_INT(l[0].port, 8080, "port");
    MESH_IS_INT(l[0].protocol, NGX_MESH_HTTP, "http");
    MESH_IS_INT(l[1].protocol, NGX_MESH_HTTP2, "http2");
    MESH_IS_INT(l[2].protocol, NGX_MESH_GRPC, "grpc");
    MESH_IS_INT(l[3].protocol, NGX_MESH_TCP, "tcp");

    MESH_IS_INT(l[0].connection_pool->max_connections, 100, "maxConnections");
    MESH_IS_INT(l[0].connection_pool->max_pending_requests, 50,
                "maxPendingRequests");
    MESH_IS_INT(l[1].connection_pool->max_requests, 200, "maxRequests");
    MESH_IS_INT(l[2].connection_pool->max_requests, 300, "maxRequests, grpc");
    MESH_IS_INT(l[3].connection_pool->max_connections, 10,
                "maxConnections, tcp");
    MESH_IS_INT(l[3].connection_pool->max_pending_requests, 2147483647,
                "maxPendingRequests by default");

    MESH_OK(l[0].timeout->idle.set && l[0].timeout->idle.ms == 60000,
            "idle in s");
    MESH_OK(l[0].timeout->per_request.set
            && l[0].timeout->per_request.ms == 2500, "perRequest in ms");
    MESH_OK(!l[1].timeout->idle.set && !l[1].timeout->per_request.set,
            "an empty duration is unset");
    MESH_OK(l[2].timeout->per_request.set && l[2].timeout->per_request.ms == 0,
            "0 is set");
    MESH_IS_INT(l[3].timeout->idle.ms, 2147483000, "a long time is capped");

    MESH_IS_INT(l[0].health_check->protocol, NGX_MESH_HTTP, "health check");
    MESH_IS_STR(&l[0].health_check->path, "/ping", "its path");
    MESH_IS_INT(l[0].health_check->port, 8080, "its port");
    MESH_IS_INT(l[0].health_check->healthy_threshold, 2, "healthyThreshold");
    MESH_IS_INT(l[0].health_check->unhealthy_threshold, 3,
                "unhealthyThreshold");
    MESH_IS_INT(l[0].health_check->interval_ms, 5000, "intervalMillis");
    MESH_IS_INT(l[0].health_check->timeout_ms, 2000, "timeoutMillis");
    MESH_OK(l[1].health_check == NULL, "no health check");
    MESH_IS_STR(&l[2].health_check->path, "", "grpc has no path");
    MESH_IS_INT(l[2].health_check->port, 0, "and here no port");

    MESH_IS_INT(l[0].outlier_detection->max_server_errors, 5,
                "maxServerErrors");
    MESH_IS_INT(l[0].outlier_detection->max_ejection_percent, 50,
                "maxEjectionPercent");
    MESH_IS_INT(l[0].outlier_detection->interval_ms, 10000, "interval");
    MESH_IS_INT(l[0].outlier_detection->base_ejection_ms, 30000,
                "baseEjectionDuration");
    MESH_OK(l[1].outlier_detection == NULL, "no outlier detection");

    MESH_IS_INT(l[0].tls->mode, NGX_MESH_TLS_PERMISSIVE, "TLS mode");
    MESH_IS_INT(l[1].tls->mode, NGX_MESH_TLS_STRICT, "TLS mode");
    MESH_IS_INT(l[2].tls->mode, NGX_MESH_TLS_DISABLED, "TLS mode");
    MESH_OK(l[3].tls == NULL, "no TLS");
    MESH_IS_STR(&l[0].tls->certificate->certificate_chain, "/certs/web.pem",
                "certificate of a file");
    MESH_IS_STR(&l[0].tls->certificate->private_key, "/certs/web.key",
                "its key");
    MESH_IS_STR(&l[1].tls->certificate->sds_secret, "web", "of SDS");
    MESH_IS_STR(&l[2].tls->certificate->acm_arn, "arn:aws:acm:1", "of ACM");
    MESH_IS_STR(&l[0].tls->validation->file, "/certs/ca.pem", "trust, file");
    MESH_IS_STR(&l[1].tls->validation->sds_secret, "ca", "trust, SDS");
    MESH_OK(l[2].tls->validation == NULL, "no trust");

    s = l[0].tls->validation->subject_alternative_names->elts;
    MESH_IS_STR(&s[1], "spiffe://shop/front", "alternative names");
}

MESH_UNIT(mesh_unit_model_listeners)


static void
mesh_unit_model_node(ngx_mesh_unit_t *u)
{
    ngx_str_t                 *s;
    ngx_uint_t                *ports;
    ngx_keyval_t              *kv;
    ngx_mesh_model_t          *m;
    ngx_mesh_backend_t        *b;
    ngx_mesh_virtual_node_t   *node, *other;
    ngx_mesh_client_policy_t  *cp;

    m = mesh_unit_full(u);
    if (m == NULL) {
        return;
    }

    node = mesh_unit_node(m, "web");
    b = node->backends.elts;

    MESH_IS_INT(node->backends.nelts, 3, "backends");
    MESH_IS_STR(&b[0].name, "cart.shop.local", "a name in lower case");
    MESH_OK(b[0].service == mesh_unit_service(m, "cart.Shop.local"),
            "finds its service");
    MESH_OK(b[2].service == NULL, "or none: it may come later");
    MESH_OK(b[1].client_policy == NULL, "no policy of its own");

    cp = b[0].client_policy;
    ports = cp->ports->elts;

    MESH_IS_INT(cp->enforce, 0, "enforce");
    MESH_IS_INT(cp->ports->nelts, 2, "ports");
    MESH_IS_INT(ports[1], 8443, "ports");
    MESH_IS_STR(&cp->certificate->certificate_chain, "/certs/c.pem",
                "client certificate");

    s = cp->validation->acm_arns->elts;
    MESH_IS_STR(&s[1], "arn:2", "trust, ACM");

    cp = node->client_policy;

    MESH_IS_INT(cp->enforce, 1, "enforced by default");
    MESH_OK(cp->ports == NULL, "on all ports");
    MESH_IS_STR(&cp->certificate->sds_secret, "client", "SDS certificate");
    MESH_IS_STR(&cp->validation->file, "/certs/ca.pem", "trust, file");

    kv = node->access_log->json->elts;

    MESH_IS_STR(&node->access_log->path, "/dev/stdout", "access log");
    MESH_IS_STR(&kv[1].key, "code", "its format, json");
    MESH_IS_STR(&kv[1].value, "%RESPONSE_CODE%", "its format, json");

    MESH_IS_STR(&node->cloud_map_namespace, "shop.local", "namespace");
    MESH_IS_STR(&node->cloud_map_service, "web", "service");
    kv = node->cloud_map_attributes->elts;
    MESH_IS_STR(&kv[0].value, "prod", "attribute");
    MESH_IS_INT(node->ip_preference, NGX_MESH_IPV6_PREFERRED,
                "an IP preference of its own");
    MESH_IS_INT(node->lb_policy, NGX_MESH_LEAST_REQUEST, "balancing");
    MESH_IS_INT(node->clusters[0].lb_policy, NGX_MESH_LEAST_REQUEST,
                "balancing of its clusters");

    other = mesh_unit_node(m, "cart-v1");

    MESH_IS_STR(&other->access_log->text, "%PROTOCOL%\n", "format, text");
    MESH_OK(other->access_log->json == NULL, "and not json");
    MESH_IS_STR(&other->dns_hostname, "cart-v1.shop.local", "hostname");
    MESH_IS_INT(other->dns_endpoints, 1, "ENDPOINTS");
    MESH_IS_INT(mesh_unit_node(m, "cart-v2")->dns_endpoints, 0,
                "LOADBALANCER");
    MESH_IS_INT(other->ip_preference, NGX_MESH_IPV4_PREFERRED,
                "the IP preference of the mesh");
    MESH_IS_INT(other->lb_policy, NGX_MESH_ROUND_ROBIN, "default balancing");

    other = mesh_unit_node(m, "batch");
    MESH_OK(other->listeners.nelts == 0 && other->clusters == NULL,
            "a node without listeners has no clusters");
}

MESH_UNIT(mesh_unit_model_node)


static void
mesh_unit_model_match(ngx_mesh_unit_t *u)
{
    ngx_str_t                subject;
    ngx_mesh_model_t        *m;
    ngx_mesh_match_t        *match;
    ngx_mesh_value_match_t  *v;

    m = mesh_unit_full(u);
    if (m == NULL) {
        return;
    }

    match = &mesh_unit_route(m, "beta")->match;

    MESH_IS_INT(match->path_type, NGX_MESH_PATH_REGEX, "a regex");
    MESH_IS_STR(&match->path, "/beta/[0-9]+", "its pattern");
    ngx_str_set(&subject, "/beta/12");
    MESH_IS_INT(ngx_mesh_regex_exec(match->path_regex, &subject), NGX_OK,
                "compiled");
    MESH_IS_INT(match->port, 81, "port");
    MESH_IS_STR(&match->method, "POST", "method");
    MESH_IS_INT(match->grpc, 0, "not gRPC");

    v = match->headers->elts;

    MESH_IS_INT(match->headers->nelts, 6, "headers");
    MESH_IS_STR(&v[0].name, "x-exact", "name in lower case");
    MESH_IS_INT(v[0].type, NGX_MESH_MATCH_EXACT, "exact");
    MESH_IS_STR(&v[0].value, "one", "value");
    MESH_IS_INT(v[0].invert, 0, "not inverted");
    MESH_IS_INT(v[1].type, NGX_MESH_MATCH_PREFIX, "prefix");
    MESH_IS_INT(v[1].invert, 1, "inverted");
    MESH_IS_INT(v[2].type, NGX_MESH_MATCH_SUFFIX, "suffix");
    MESH_IS_INT(v[3].type, NGX_MESH_MATCH_REGEX, "regex");
    ngx_str_set(&subject, "fooour");
    MESH_IS_INT(ngx_mesh_regex_exec(v[3].regex, &subject), NGX_OK, "compiled");
    MESH_IS_INT(v[4].type, NGX_MESH_MATCH_RANGE, "range");
    MESH_IS_INT(v[4].start, -5, "start");
    MESH_IS_INT(v[4].end, 10, "end");
    MESH_IS_INT(v[5].type, NGX_MESH_MATCH_PRESENT, "presence");

    v = match->query->elts;

    MESH_IS_STR(&v[0].name, "Q", "a parameter keeps its case");
    MESH_IS_INT(v[0].type, NGX_MESH_MATCH_EXACT, "exact");
    MESH_IS_STR(&v[0].value, "v", "value");
    MESH_IS_INT(v[1].type, NGX_MESH_MATCH_PRESENT, "presence");

    match = &mesh_unit_route(m, "feed")->match;

    MESH_IS_INT(match->path_type, NGX_MESH_PATH_EXACT, "an exact path");
    MESH_IS_STR(&match->path, "/feed", "path");
    MESH_IS_STR(&match->scheme, "https", "scheme");

    match = &mesh_unit_route(m, "items")->match;

    MESH_IS_INT(match->path_type, NGX_MESH_PATH_PREFIX, "a prefix");
    MESH_IS_STR(&match->path, "/items", "path");
    MESH_OK(match->headers == NULL && match->query == NULL, "nothing else");

    match = &mesh_unit_route(m, "stock-get")->match;

    MESH_IS_INT(match->grpc, 1, "gRPC");
    MESH_IS_INT(match->path_type, NGX_MESH_PATH_EXACT, "a method");
    MESH_IS_STR(&match->path, "/shop.Stock/Get", "is a path");
    v = match->headers->elts;
    MESH_IS_STR(&v[0].name, "tenant", "metadata are headers");

    match = &mesh_unit_route(m, "stock-all")->match;

    MESH_IS_INT(match->path_type, NGX_MESH_PATH_PREFIX, "a service");
    MESH_IS_STR(&match->path, "/shop.Stock/", "is a prefix");
}

MESH_UNIT(mesh_unit_model_match)


static void
mesh_unit_model_routes(ngx_mesh_unit_t *u)
{
    ngx_mesh_model_t            *m;
    ngx_mesh_route_t            *route, **routes;
    ngx_mesh_virtual_service_t  *service;

    m = mesh_unit_full(u);
    if (m == NULL) {
        return;
    }

    service = mesh_unit_service(m, "cart.Shop.local");
    routes = service->routes;

    MESH_IS_STR(&service->host, "cart.shop.local", "host in lower case");
    MESH_OK(service->router && service->node == NULL, "a router provides it");
    MESH_IS_INT(service->listeners->nelts, 2, "with its listeners");
    MESH_IS_INT(service->nroutes, 3, "routes");
    MESH_IS_STR(&routes[0]->name, "beta", "priority first");
    MESH_IS_STR(&routes[1]->name, "items", "then the longer prefix");
    MESH_IS_STR(&routes[2]->name, "rest", "then the rest");

    route = routes[0];

    MESH_IS_INT(route->priority, 0, "priority");
    MESH_OK(route->router == service->router, "router");
    MESH_IS_INT(route->retry_policy->max_retries, 3, "maxRetries");
    MESH_IS_INT(route->retry_policy->per_retry_timeout.ms, 250,
                "perRetryTimeout");
    MESH_IS_INT(route->retry_policy->events, 0x1f, "http and tcp events");
    MESH_IS_INT(route->timeout->per_request.ms, 20000, "perRequest");
    MESH_IS_INT(route->timeout->idle.ms, 5000, "idle");

    route = routes[2];

    MESH_IS_INT(route->priority, NGX_MESH_PRIORITY_UNSET, "unset priority");
    MESH_OK(route->retry_policy == NULL && route->timeout == NULL,
            "no policies");
    MESH_IS_INT(route->ntargets, 2, "targets");
    MESH_IS_INT(route->total_weight, 100, "total weight");
    MESH_IS_INT(route->targets[1].weight, 10, "weight");
    MESH_OK(route->targets[1].node == mesh_unit_node(m, "cart-v2"), "node");
    MESH_OK(route->targets[0].cluster == route->targets[0].node->clusters,
            "cluster");
    MESH_IS_INT(routes[1]->total_weight, 0, "all weights may be 0");

    route = mesh_unit_route(m, "stock-get");

    MESH_IS_INT(route->protocol, NGX_MESH_GRPC, "grpc");
    MESH_IS_INT(route->retry_policy->events, 0x03f2, "grpc events");

    route = mesh_unit_route(m, "db");

    MESH_IS_INT(route->protocol, NGX_MESH_TCP, "tcp");
    MESH_IS_INT(route->match.port, 5432, "port");
    MESH_IS_INT(route->timeout->idle.ms, 600000, "idle");
}

MESH_UNIT(mesh_unit_model_routes)


static void
mesh_unit_model_providers(ngx_mesh_unit_t *u)
{
    ngx_mesh_model_t            *m;
    ngx_mesh_route_t            *route;
    ngx_mesh_virtual_service_t  *service;

    m = mesh_unit_full(u);
    if (m == NULL) {
        return;
    }

    service = mesh_unit_service(m, "feed-direct.shop.local");

    MESH_OK(service->node && service->router == NULL, "a node provides it");
    MESH_IS_INT(service->nroutes, 1, "one implicit route");

    route = service->routes[0];

    MESH_IS_STR(&route->name, "", "without a name");
    MESH_IS_INT(route->protocol, NGX_MESH_HTTP2, "protocol of the listener");
    MESH_IS_INT(route->match.path_type, NGX_MESH_PATH_ANY, "any path");
    MESH_IS_INT(route->match.port, 0, "any port");
    MESH_IS_INT(route->total_weight, 1, "weight");
    MESH_OK(route->targets[0].cluster == service->node->clusters, "cluster");

    service = mesh_unit_service(m, "web.shop.local");

    MESH_IS_INT(service->nroutes, 4, "one for each listener");
    MESH_IS_INT(service->routes[2]->match.port, 9000, "matched by its port");
    MESH_IS_INT(service->routes[2]->match.grpc, 0,
                "whatever the content type");
    MESH_OK(service->routes[2]->targets[0].cluster
            == &service->node->clusters[2], "to its cluster");

    service = mesh_unit_service(m, "batch.shop.local");

    MESH_IS_INT(service->nroutes, 0, "a node without listeners: no route");

    service = mesh_unit_service(m, "planned.shop.local");

    MESH_OK(service->node == NULL && service->router == NULL
            && service->listeners == NULL && service->nroutes == 0,
            "no provider, nothing");
}

MESH_UNIT(mesh_unit_model_providers)


static void
mesh_unit_model_gateway(ngx_mesh_unit_t *u)
{
    ngx_mesh_model_t            *m;
    ngx_mesh_listener_t         *l;
    ngx_mesh_gateway_route_t    *route, **routes;
    ngx_mesh_virtual_gateway_t  *gw;

    m = mesh_unit_full(u);
    if (m == NULL) {
        return;
    }

    gw = m->gateways;
    l = gw->listeners.elts;
    routes = gw->routes.elts;

    MESH_IS_STR(&gw->name, "front", "name");
    MESH_IS_INT(gw->listeners.nelts, 3, "listeners");
    MESH_IS_INT(l[0].connection_pool->max_connections, 10, "pool");
    MESH_IS_STR(&l[0].health_check->path, "/", "default path");
    MESH_IS_STR(&l[0].tls->certificate->acm_arn, "arn:aws:acm:front", "TLS");
    MESH_IS_STR(&gw->client_policy->validation->sds_secret, "mesh-ca",
                "client policy");
    MESH_OK(gw->client_policy->ports == NULL, "an empty list is all ports");
    MESH_IS_STR(&gw->access_log->path, "/dev/stdout", "access log");
    MESH_IS_STR(&gw->access_log->text, "", "in the default format");
    MESH_IS_INT(gw->routes.nelts, 4, "routes");
    MESH_OK(routes[3] == mesh_unit_gateway_route(m, "stock"), "in order");

    route = routes[0];

    MESH_IS_INT(route->priority, 7, "priority");
    MESH_OK(route->gateway == gw, "gateway");
    MESH_OK(route->service == mesh_unit_service(m, "cart.Shop.local"),
            "service, whatever the case");
    MESH_IS_INT(route->port, 81, "target port");
    MESH_IS_INT(route->match.port, 443, "port");
    MESH_IS_STR(&route->match.method, "GET", "method");
    MESH_IS_STR(&route->match.host_exact, "www.shop.example",
                "host in lower case");
    MESH_IS_INT(route->match.headers->nelts, 1, "headers");
    MESH_IS_INT(route->match.query->nelts, 1, "query");
    MESH_IS_INT(route->keep_hostname, 1, "the host name is kept");
    MESH_IS_STR(&route->prefix_rewrite, "/c/", "prefix rewrite");
    MESH_IS_INT(route->keep_prefix, 0, "the prefix is not kept");

    route = routes[1];

    MESH_IS_INT(route->protocol, NGX_MESH_HTTP2, "http2");
    MESH_IS_INT(route->priority, NGX_MESH_PRIORITY_UNSET, "no priority");
    MESH_IS_STR(&route->match.host_suffix, ".shop.example", "host suffix");
    MESH_IS_STR(&route->path_rewrite, "/feed", "path rewrite");
    MESH_IS_INT(route->keep_hostname, 0, "the host name is not kept");
    MESH_IS_INT(route->port, 0, "the only port");

    MESH_IS_INT(routes[2]->keep_prefix, 1, "the prefix is kept");

    MESH_IS_INT(routes[3]->match.grpc, 1, "gRPC");
    MESH_IS_STR(&routes[3]->match.path, "/shop.Stock/", "service");
}

MESH_UNIT(mesh_unit_model_gateway)
