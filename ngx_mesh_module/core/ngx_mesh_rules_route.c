
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Rules of routes and gateway routes, and of what they refer to.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_rules.h"


/* of the weights of one route; the text of WeightedTarget in the API model */
#define NGX_MESH_RULES_MAX_WEIGHT  100


static ngx_int_t ngx_mesh_rules_kinds(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *spec, ngx_uint_t n, const char *names);
static ngx_int_t ngx_mesh_rules_http_match(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *match);
static ngx_int_t ngx_mesh_rules_path_match(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *path);
static ngx_int_t ngx_mesh_rules_values(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *list);
static ngx_int_t ngx_mesh_rules_regex(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *pattern);
static ngx_int_t ngx_mesh_rules_slash(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_rules_grpc_match(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *match);
static ngx_int_t ngx_mesh_rules_weights(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *targets);
static ngx_int_t ngx_mesh_rules_retry_policy(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *policy);
static ngx_int_t ngx_mesh_rules_retry_events(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *events);
static ngx_int_t ngx_mesh_rules_gateway_http(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *route);
static ngx_int_t ngx_mesh_rules_gateway_grpc(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *match);
static ngx_int_t ngx_mesh_rules_hostname(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *hostname);
static ngx_int_t ngx_mesh_rules_rewrite(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *route);
static ngx_int_t ngx_mesh_rules_prefix_rewrite(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *rewrite, ngx_mesh_json_t *prefix);
static ngx_int_t ngx_mesh_rules_reserved(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *value, const char *one, const char *other);


static const char  *ngx_mesh_route_kinds[] = {
    "httpRoute", "http2Route", "grpcRoute", "tcpRoute"
};


const char  *ngx_mesh_http_retry_events[] = {
    "server-error", "gateway-error", "client-error", "stream-error", NULL
};


ngx_int_t
ngx_mesh_rules_route(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec)
{
    ngx_int_t             rc;
    ngx_mesh_json_t      *route, *match, *scheme;
    ngx_mesh_protocol_e   protocol;

    rc = ngx_mesh_rules_kinds(rules, spec, 4,
             "\"httpRoute\", \"http2Route\", \"grpcRoute\" or \"tcpRoute\"");
    if (rc != NGX_OK) {
        return rc;
    }

    route = ngx_mesh_rules_route_kind(spec, &protocol);
    match = ngx_mesh_rules_find(route, "match");

    if (protocol == NGX_MESH_GRPC) {
        rc = ngx_mesh_rules_grpc_match(rules, match);

    } else if (protocol != NGX_MESH_TCP) {
        rc = ngx_mesh_rules_http_match(rules, match);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    scheme = ngx_mesh_rules_find(match, "scheme");

    if (protocol == NGX_MESH_HTTP && scheme) {
        rc = ngx_mesh_rules_violation(rules, scheme,
                                      "is for \"http2Route\" only");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_mesh_rules_weights(rules,
                         ngx_mesh_rules_find(route, "action.weightedTargets"));
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_retry_policy(rules,
                                   ngx_mesh_rules_find(route, "retryPolicy"));
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_rules_timeout(rules,
                                  ngx_mesh_rules_find(route, "timeout"));
}


ngx_int_t
ngx_mesh_rules_gateway_route(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec)
{
    ngx_int_t             rc;
    ngx_mesh_json_t      *route, *value;
    ngx_mesh_protocol_e   protocol;

    rc = ngx_mesh_rules_kinds(rules, spec, 3,
                          "\"httpRoute\", \"http2Route\" or \"grpcRoute\"");
    if (rc != NGX_OK) {
        return rc;
    }

    route = ngx_mesh_rules_route_kind(spec, &protocol);

    if (route == NULL) {
        return NGX_OK;
    }

    value = ngx_mesh_rules_find(route,
                        "action.target.virtualService.virtualServiceName");

    rc = ngx_mesh_rules_service_name(rules, value);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_hostname(rules,
                                 ngx_mesh_rules_find(route, "match.hostname"));
    if (rc != NGX_OK) {
        return rc;
    }

    if (protocol == NGX_MESH_GRPC) {
        return ngx_mesh_rules_gateway_grpc(rules,
                                         ngx_mesh_rules_find(route, "match"));
    }

    return ngx_mesh_rules_gateway_http(rules, route);
}


/* the first "n" kinds are those a spec may have, exactly one of them */

static ngx_int_t
ngx_mesh_rules_kinds(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec,
    ngx_uint_t n, const char *names)
{
    ngx_uint_t  i, found;

    found = 0;

    for (i = 0; i < n; i++) {
        if (ngx_mesh_rules_find(spec, ngx_mesh_route_kinds[i])) {
            found++;
        }
    }

    if (found != 1) {
        return ngx_mesh_rules_violation(rules, spec,
                                        "must have exactly one of %s", names);
    }

    return NGX_OK;
}


/*
 * Neither "prefix" nor "path" means every path: with several listeners App
 * Mesh's own examples match by port alone.
 */

static ngx_int_t
ngx_mesh_rules_http_match(ngx_mesh_rules_t *rules, ngx_mesh_json_t *match)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *prefix, *path, *query;

    prefix = ngx_mesh_rules_find(match, "prefix");
    path = ngx_mesh_rules_find(match, "path");

    if (prefix && path) {
        rc = ngx_mesh_rules_violation(rules, match,
                               "must not have both \"prefix\" and \"path\"");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_mesh_rules_slash(rules, prefix);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_path_match(rules, path);
    if (rc != NGX_OK) {
        return rc;
    }

    query = ngx_mesh_rules_find(match, "queryParameters");

    for (query = ngx_mesh_rules_first(query); query; query = query->next) {
        if (ngx_mesh_rules_find(query, "name")->u.string.len == 0) {
            rc = ngx_mesh_rules_violation(rules,
                                          ngx_mesh_rules_find(query, "name"),
                                          "must not be empty");
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return ngx_mesh_rules_values(rules, ngx_mesh_rules_find(match, "headers"));
}


static ngx_int_t
ngx_mesh_rules_path_match(ngx_mesh_rules_t *rules, ngx_mesh_json_t *path)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *exact, *regex;

    if (path == NULL) {
        return NGX_OK;
    }

    exact = ngx_mesh_rules_find(path, "exact");
    regex = ngx_mesh_rules_find(path, "regex");

    if ((exact == NULL) == (regex == NULL)) {
        return ngx_mesh_rules_violation(rules, path,
                        "must have exactly one of \"exact\" and \"regex\"");
    }

    rc = ngx_mesh_rules_slash(rules, exact);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_rules_regex(rules, regex);
}


/* headers and metadata */

static ngx_int_t
ngx_mesh_rules_values(ngx_mesh_rules_t *rules, ngx_mesh_json_t *list)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *value, *range;

    for (value = ngx_mesh_rules_first(list); value; value = value->next) {

        range = ngx_mesh_rules_find(value, "match.range");

        if (range
            && ngx_mesh_rules_integer(range, "start")
               >= ngx_mesh_rules_integer(range, "end"))
        {
            rc = ngx_mesh_rules_violation(rules, range,
                                   "\"start\" must be less than \"end\"");
            if (rc != NGX_OK) {
                return rc;
            }
        }

        rc = ngx_mesh_rules_regex(rules,
                                  ngx_mesh_rules_find(value, "match.regex"));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_rules_regex(ngx_mesh_rules_t *rules, ngx_mesh_json_t *pattern)
{
    ngx_str_t  error;

    if (pattern == NULL || !rules->regex) {
        return NGX_OK;
    }

    ngx_str_null(&error);

    if (ngx_mesh_regex_compile(rules->pool, &pattern->u.string, &error)
        != NULL)
    {
        return NGX_OK;
    }

    return ngx_mesh_rules_bad_regex(rules, pattern, &error);
}


ngx_int_t
ngx_mesh_rules_bad_regex(ngx_mesh_rules_t *rules, ngx_mesh_json_t *pattern,
    ngx_str_t *error)
{
    if (error->len == 0) {
        return NGX_ERROR;
    }

    return ngx_mesh_rules_violation(rules, pattern,
                                    "is not a regular expression: %V", error);
}


static ngx_int_t
ngx_mesh_rules_slash(ngx_mesh_rules_t *rules, ngx_mesh_json_t *value)
{
    if (value
        && (value->u.string.len == 0 || value->u.string.data[0] != '/'))
    {
        return ngx_mesh_rules_violation(rules, value,
                                        "must start with \"/\"");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_rules_grpc_match(ngx_mesh_rules_t *rules, ngx_mesh_json_t *match)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *service, *method;

    service = ngx_mesh_rules_find(match, "serviceName");
    method = ngx_mesh_rules_find(match, "methodName");

    if (method && service == NULL) {
        rc = ngx_mesh_rules_violation(rules, method,
                                      "needs \"serviceName\" beside it");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (service && service->u.string.len == 0) {
        rc = ngx_mesh_rules_violation(rules, service, "must not be empty");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_mesh_rules_values(rules,
                                 ngx_mesh_rules_find(match, "metadata"));
}


/*
 * That all weights are 0 is accepted: such a route matches and has no target.
 * What AWS did is not known.
 */

static ngx_int_t
ngx_mesh_rules_weights(ngx_mesh_rules_t *rules, ngx_mesh_json_t *targets)
{
    int64_t           sum;
    ngx_mesh_json_t  *target;

    sum = 0;

    for (target = ngx_mesh_rules_first(targets);
         target;
         target = target->next)
    {
        sum += ngx_mesh_rules_integer(target, "weight");
    }

    if (sum > NGX_MESH_RULES_MAX_WEIGHT) {
        return ngx_mesh_rules_violation(rules, targets,
                                        "weights must not add up to %L, "
                                        "at most %d is allowed",
                                        sum, NGX_MESH_RULES_MAX_WEIGHT);
    }

    return NGX_OK;
}


/* "Specify at least one value for at least one of the types of RetryEvents" */

static ngx_int_t
ngx_mesh_rules_retry_policy(ngx_mesh_rules_t *rules, ngx_mesh_json_t *policy)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *events, *timeout;

    if (policy == NULL) {
        return NGX_OK;
    }

    events = ngx_mesh_rules_find(policy, "httpRetryEvents");

    if (events == NULL
        && ngx_mesh_rules_find(policy, "tcpRetryEvents") == NULL
        && ngx_mesh_rules_find(policy, "grpcRetryEvents") == NULL)
    {
        rc = ngx_mesh_rules_violation(rules, policy,
                                      "must have at least one retry event");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_mesh_rules_retry_events(rules, events);
    if (rc != NGX_OK) {
        return rc;
    }

    timeout = ngx_mesh_rules_find(policy, "perRetryTimeout");

    if (ngx_mesh_rules_find(timeout, "value") == NULL
        || ngx_mesh_rules_find(timeout, "unit") == NULL)
    {
        return ngx_mesh_rules_violation(rules, timeout,
                                 "must have both \"unit\" and \"value\"");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_rules_retry_events(ngx_mesh_rules_t *rules, ngx_mesh_json_t *events)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *event;

    for (event = ngx_mesh_rules_first(events); event; event = event->next) {

        if (ngx_mesh_rules_enum(event, ngx_mesh_http_retry_events, 4) != 4) {
            continue;
        }

        rc = ngx_mesh_rules_violation(rules, event,
                          "must be one of \"server-error\", "
                          "\"gateway-error\", \"client-error\", "
                          "\"stream-error\"");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* "port" alone is enough: App Mesh's own examples have it */

static ngx_int_t
ngx_mesh_rules_gateway_http(ngx_mesh_rules_t *rules, ngx_mesh_json_t *route)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *match, *prefix, *exact;

    match = ngx_mesh_rules_find(route, "match");
    prefix = ngx_mesh_rules_find(match, "prefix");
    exact = ngx_mesh_rules_find(match, "path.exact");

    if (prefix == NULL
        && ngx_mesh_rules_find(match, "path") == NULL
        && ngx_mesh_rules_find(match, "hostname") == NULL
        && ngx_mesh_rules_find(match, "port") == NULL)
    {
        rc = ngx_mesh_rules_violation(rules, match,
                          "must have one of \"prefix\", \"path\", "
                          "\"hostname\", \"port\"");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_mesh_rules_http_match(rules, match);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_reserved(rules, prefix, "/aws-appmesh",
                                 "/aws-app-mesh");
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_reserved(rules, exact, "/aws-appmesh",
                                 "/aws-app-mesh");
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_rules_rewrite(rules, route);
}


static ngx_int_t
ngx_mesh_rules_gateway_grpc(ngx_mesh_rules_t *rules, ngx_mesh_json_t *match)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *service;

    service = ngx_mesh_rules_find(match, "serviceName");

    if (service == NULL
        && ngx_mesh_rules_find(match, "hostname") == NULL
        && ngx_mesh_rules_find(match, "port") == NULL)
    {
        rc = ngx_mesh_rules_violation(rules, match,
                      "must have one of \"serviceName\", \"hostname\", "
                      "\"port\"");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_mesh_rules_grpc_match(rules, match);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_rules_reserved(rules, service, "aws.appmesh",
                                   "aws.app-mesh");
}


static ngx_int_t
ngx_mesh_rules_hostname(ngx_mesh_rules_t *rules, ngx_mesh_json_t *hostname)
{
    if (hostname
        && (ngx_mesh_rules_find(hostname, "exact") == NULL)
           == (ngx_mesh_rules_find(hostname, "suffix") == NULL))
    {
        return ngx_mesh_rules_violation(rules, hostname,
                       "must have exactly one of \"exact\" and \"suffix\"");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_rules_rewrite(ngx_mesh_rules_t *rules, ngx_mesh_json_t *route)
{
    ngx_mesh_json_t  *rewrite, *prefix, *path, *exact;

    rewrite = ngx_mesh_rules_find(route, "action.rewrite");
    prefix = ngx_mesh_rules_find(rewrite, "prefix");
    path = ngx_mesh_rules_find(rewrite, "path");

    if (prefix && path) {
        return ngx_mesh_rules_violation(rules, rewrite,
                               "must not have both \"prefix\" and \"path\"");
    }

    if (prefix) {
        return ngx_mesh_rules_prefix_rewrite(rules, prefix,
                                  ngx_mesh_rules_find(route, "match.prefix"));
    }

    if (path == NULL) {
        return NGX_OK;
    }

    if (ngx_mesh_rules_find(route, "match.path") == NULL) {
        return ngx_mesh_rules_violation(rules, path,
                                        "needs \"path\" in the match");
    }

    exact = ngx_mesh_rules_find(path, "exact");

    if (exact == NULL) {
        return ngx_mesh_rules_violation(rules, path, "must have \"exact\"");
    }

    return ngx_mesh_rules_slash(rules, exact);
}


/* "prefix" is what the route matches, "rewrite" what it becomes */

static ngx_int_t
ngx_mesh_rules_prefix_rewrite(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *rewrite, ngx_mesh_json_t *prefix)
{
    ngx_int_t         rc;
    ngx_str_t        *s;
    ngx_mesh_json_t  *value;

    if (prefix == NULL) {
        return ngx_mesh_rules_violation(rules, rewrite,
                                        "needs \"prefix\" in the match");
    }

    value = ngx_mesh_rules_find(rewrite, "value");

    if ((value == NULL)
        == (ngx_mesh_rules_find(rewrite, "defaultPrefix") == NULL))
    {
        return ngx_mesh_rules_violation(rules, rewrite,
                "must have exactly one of \"defaultPrefix\" and \"value\"");
    }

    if (value == NULL) {
        return NGX_OK;
    }

    rc = ngx_mesh_rules_slash(rules, value);
    if (rc != NGX_OK) {
        return rc;
    }

    s = &value->u.string;

    if (s->data[s->len - 1] != '/') {
        rc = ngx_mesh_rules_violation(rules, value, "must end with \"/\"");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    s = &prefix->u.string;

    if (s->len == 0 || s->data[s->len - 1] != '/') {
        return ngx_mesh_rules_violation(rules, value,
                          "needs a prefix in the match that ends with \"/\"");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_rules_reserved(ngx_mesh_rules_t *rules, ngx_mesh_json_t *value,
    const char *one, const char *other)
{
    ngx_uint_t   i;
    const char  *names[2];

    names[0] = one;
    names[1] = other;

    for (i = 0; value && i < 2; i++) {

        if (value->u.string.len >= ngx_strlen(names[i])
            && ngx_strncmp(value->u.string.data, names[i],
                           ngx_strlen(names[i]))
               == 0)
        {
            return ngx_mesh_rules_violation(rules, value,
                             "must not start with \"%s\", which is reserved",
                             names[i]);
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_rules_owner(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec,
    ngx_mesh_json_t *owner)
{
    ngx_mesh_json_t      *route, *port, *list, *listener, *mapping;
    ngx_mesh_protocol_e   protocol;

    route = ngx_mesh_rules_route_kind(spec, &protocol);
    port = ngx_mesh_rules_find(route, "match.port");
    list = ngx_mesh_rules_find(owner, "listeners");

    if (port
        && ngx_mesh_rules_listener(owner, ngx_mesh_rules_integer(port, NULL))
           == NULL)
    {
        return ngx_mesh_rules_violation(rules, port,
                                        "no listener has the port %V",
                                        &port->u.string);
    }

    if (port == NULL && list && list->nelts > 1) {
        return ngx_mesh_rules_violation(rules, route,
                          "needs \"port\" in the match, "
                          "there are several listeners");
    }

    for (listener = ngx_mesh_rules_first(list);
         listener;
         listener = listener->next)
    {
        mapping = ngx_mesh_rules_find(listener, "portMapping");

        if (port
            && ngx_mesh_rules_integer(port, NULL)
               != ngx_mesh_rules_integer(mapping, "port"))
        {
            continue;
        }

        mapping = ngx_mesh_rules_find(mapping, "protocol");

        if (ngx_mesh_rules_enum(mapping, ngx_mesh_protocols, 0) != protocol) {
            return ngx_mesh_rules_violation(rules, route,
                              "the protocol of the listener is \"%V\"",
                              &mapping->u.string);
        }
    }

    return NGX_OK;
}


/*
 * A node without listeners may be a target: nothing can be sent there, as to a
 * node without endpoints.
 */

ngx_int_t
ngx_mesh_rules_target(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec,
    ngx_mesh_json_t *target, ngx_mesh_json_t *node)
{
    ngx_mesh_json_t      *port, *list, *listener;
    ngx_mesh_protocol_e   protocol;

    (void) ngx_mesh_rules_route_kind(spec, &protocol);

    port = ngx_mesh_rules_find(target, "port");
    list = ngx_mesh_rules_find(node, "listeners");

    if (port) {
        listener = ngx_mesh_rules_listener(node,
                                           ngx_mesh_rules_integer(port, NULL));
        if (listener == NULL) {
            return ngx_mesh_rules_violation(rules, port,
                              "no listener of the virtual node has the "
                              "port %V", &port->u.string);
        }

    } else {
        if (list && list->nelts > 1) {
            return ngx_mesh_rules_violation(rules, target,
                              "needs \"port\", the virtual node has several "
                              "listeners");
        }

        listener = ngx_mesh_rules_first(list);
    }

    listener = ngx_mesh_rules_find(listener, "portMapping.protocol");

    if (listener
        && ngx_mesh_rules_enum(listener, ngx_mesh_protocols, 0) != protocol)
    {
        return ngx_mesh_rules_violation(rules, target,
                          "the protocol of the virtual node is \"%V\"",
                          &listener->u.string);
    }

    return NGX_OK;
}


/*
 * The protocol of the provider may be another than that of the gateway: App
 * Mesh's own examples send http to an http2 router.
 */

ngx_int_t
ngx_mesh_rules_gateway_target(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec,
    ngx_mesh_json_t *provider)
{
    ngx_mesh_json_t      *route, *target, *port, *list;
    ngx_mesh_protocol_e   protocol;

    if (provider == NULL) {
        return NGX_OK;
    }

    route = ngx_mesh_rules_route_kind(spec, &protocol);
    target = ngx_mesh_rules_find(route, "action.target");
    port = ngx_mesh_rules_find(target, "port");
    list = ngx_mesh_rules_find(provider, "listeners");

    if (port
        && ngx_mesh_rules_listener(provider,
                                   ngx_mesh_rules_integer(port, NULL))
           == NULL)
    {
        return ngx_mesh_rules_violation(rules, port,
                          "no listener of the virtual service's provider has "
                          "the port %V", &port->u.string);
    }

    if (port == NULL && list && list->nelts > 1) {
        return ngx_mesh_rules_violation(rules, target,
                          "needs \"port\", the virtual service's provider has "
                          "several listeners");
    }

    return NGX_OK;
}


ngx_mesh_json_t *
ngx_mesh_rules_route_kind(ngx_mesh_json_t *spec, ngx_mesh_protocol_e *protocol)
{
    ngx_uint_t        i;
    ngx_mesh_json_t  *route;

    *protocol = NGX_MESH_HTTP;

    for (i = 0; i < 4; i++) {
        route = ngx_mesh_rules_find(spec, ngx_mesh_route_kinds[i]);

        if (route) {
            *protocol = (ngx_mesh_protocol_e) i;
            return route;
        }
    }

    return NULL;
}
