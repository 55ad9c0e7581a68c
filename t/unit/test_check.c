
/*
 * Copyright (C) nginx mesh contributors
 *
 * The checks of App Mesh resources: rules of one spec, references that have to
 * be there, rules across resources in both directions, and what keeps a
 * resource from being deleted.  The words are what clients match.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_mesh_appmesh.h>

#include "mesh_unit_check.h"


#define NODE      NGX_MESH_KIND_VIRTUAL_NODE, NULL
#define ROUTER    NGX_MESH_KIND_VIRTUAL_ROUTER, NULL
#define ROUTE     NGX_MESH_KIND_ROUTE
#define SERVICE   NGX_MESH_KIND_VIRTUAL_SERVICE, NULL
#define GATEWAY   NGX_MESH_KIND_VIRTUAL_GATEWAY, NULL
#define GROUTE    NGX_MESH_KIND_GATEWAY_ROUTE

#define END       { 0, NULL, NULL, NULL, NULL }

#define BAD       "BadRequestException: "
#define BAD_1     BAD "1 validation error detected: "
#define NONE      "NotFoundException: "
#define IN_USE    "ResourceInUseException: "

#define WHERE     " is not present under mesh m for account 111122223333"

#define AT(value, path)                                                       \
    "Value '" value "' at '" path "' failed to satisfy constraint: "


/* specs in a few words */

#define LISTENER(port, protocol)                                              \
    "{\"portMapping\":{\"port\":" port ",\"protocol\":\"" protocol "\"}}"

#define LISTEN(listeners)  "{\"listeners\":[" listeners "]}"

#define SERVED(listeners)                                                     \
    "{\"listeners\":[" listeners "],\"serviceDiscovery\":{\"dns\":"           \
    "{\"hostname\":\"a.local\"}}}"

#define TARGET(node)       "{\"virtualNode\":\"" node "\",\"weight\":1}"
#define TARGET_PORT(node, port)                                               \
    "{\"virtualNode\":\"" node "\",\"weight\":1,\"port\":" port "}"

#define ROUTES(kind, match, targets)                                          \
    "{\"" kind "\":{\"match\":" match ",\"action\":{\"weightedTargets\":["    \
    targets "]}}}"

#define TO_NODE(node)                                                         \
    "{\"provider\":{\"virtualNode\":{\"virtualNodeName\":\"" node "\"}}}"
#define TO_ROUTER(router)                                                     \
    "{\"provider\":{\"virtualRouter\":{\"virtualRouterName\":\"" router       \
    "\"}}}"

#define GROUTES(kind, match, service)                                         \
    "{\"" kind "\":{\"match\":" match ",\"action\":{\"target\":"              \
    "{\"virtualService\":{\"virtualServiceName\":\"" service "\"}}}}}"
#define GROUTES_PORT(kind, match, service, port)                              \
    "{\"" kind "\":{\"match\":" match ",\"action\":{\"target\":{\"port\":"    \
    port ",\"virtualService\":{\"virtualServiceName\":\"" service "\"}}}}}"

#define SLASH     "{\"prefix\":\"/\"}"


/* the rules of one spec, all violations of which are told */

static mesh_unit_check_step_t  mesh_unit_check_specs[] = {

    { NODE, "n", "{}", "" },

    { NODE, "n", "{\"listeners\":[" LISTENER("80", "http") "]}",
      BAD_1 AT("{listeners, backends}", "spec")
      "has \"listeners\", which makes \"serviceDiscovery\" required" },

    { NODE, "n", "{\"listeners\":[" LISTENER("80", "http") ","
      LISTENER("80", "tcp") ",{\"portMapping\":{\"port\":81,\"protocol\":"
      "\"grpc\"},\"timeout\":{\"http\":{\"idle\":{\"value\":1}}},"
      "\"connectionPool\":{\"tcp\":{\"maxConnections\":1}}}],"
      "\"backends\":[{\"virtualService\":{\"virtualServiceName\":"
      "\"a.local\"}},{\"virtualService\":{\"virtualServiceName\":\"A.local\"}},"
      "{\"virtualService\":{\"virtualServiceName\":\"a b\"}}]}",
      BAD "6 validation errors detected: "
      AT("{listeners, backends}", "spec")
      "has \"listeners\", which makes \"serviceDiscovery\" required; "
      AT("80", "spec.listeners.2.member.portMapping.port")
      "another listener has the port 80; "
      AT("{tcp}", "spec.listeners.3.member.connectionPool")
      "must have \"grpc\", which is the listener's protocol; "
      AT("{http}", "spec.listeners.3.member.timeout")
      "must have \"grpc\", which is the listener's protocol; "
      AT("A.local", "spec.backends.2.member.virtualService."
                    "virtualServiceName")
      "\"A.local\" is listed twice; "
      AT("a b", "spec.backends.3.member.virtualService.virtualServiceName")
      "must be a host name" },

    { NODE, "n", "{\"listeners\":[{\"portMapping\":{\"port\":80,"
      "\"protocol\":\"http\"},\"healthCheck\":{\"protocol\":\"http\","
      "\"port\":81,\"healthyThreshold\":2,\"unhealthyThreshold\":2,"
      "\"intervalMillis\":5000,\"timeoutMillis\":2000}}],"
      "\"serviceDiscovery\":{\"dns\":{\"hostname\":\"a/b\"}}}",
      BAD "2 validation errors detected: "
      AT("a/b", "spec.serviceDiscovery.dns.hostname")
      "must be a host name; "
      AT("81", "spec.listeners.1.member.healthCheck.port")
      "must be 80, the port of the listener" },

    { ROUTER, "r", LISTEN(LISTENER("80", "http") "," LISTENER("80", "http")),
      BAD_1 AT("80", "spec.listeners.2.member.portMapping.port")
      "another listener has the port 80" },

    { ROUTER, "r", LISTEN(LISTENER("80", "http")), "" },

    { ROUTE, "r", "x", "{\"priority\":1}",
      BAD_1 AT("{priority}", "spec")
      "must have exactly one of \"httpRoute\"" },

    { ROUTE, "r", "x",
      "{\"httpRoute\":{\"match\":{\"prefix\":\"x\",\"path\":{\"regex\":\"(\"},"
      "\"scheme\":\"http\",\"headers\":[{\"name\":\"a\",\"match\":{\"range\":"
      "{\"start\":2,\"end\":1}}},{\"name\":\"b\",\"match\":{\"regex\":"
      "\"[\"}}]},\"retryPolicy\":{\"maxRetries\":1,\"httpRetryEvents\":[\"5xx\""
      ",\"server-error\",\"reset\"],\"perRetryTimeout\":{\"value\":1}},"
      "\"action\":{\"weightedTargets\":[{\"virtualNode\":\"n\",\"weight\":60},"
      "{\"virtualNode\":\"n\",\"weight\":50}]}}}",
      BAD "10 validation errors detected: "
      AT("{prefix, path, scheme, headers}", "spec.httpRoute.match")
      "must not have both \"prefix\" and \"path\"; "
      AT("x", "spec.httpRoute.match.prefix") "must start with \"/\"; "
      AT("(", "spec.httpRoute.match.path.regex")
      "is not a regular expression" },

    { ROUTE, "r", "x",
      "{\"grpcRoute\":{\"match\":{\"methodName\":\"m\"},"
      "\"action\":{\"weightedTargets\":[" TARGET("n") "]}}}",
      BAD_1 AT("m", "spec.grpcRoute.match.methodName")
      "needs \"serviceName\" beside it" },

    { SERVICE, "a b", "{}",
      BAD_1 AT("a b", "virtualServiceName") "must be a host name" },

    { GATEWAY, "g", LISTEN(LISTENER("80", "http")), "" },

    { GROUTE, "g", "x", "{}",
      BAD_1 AT("{}", "spec") "must have exactly one of \"httpRoute\"" },

    { GROUTE, "g", "x", GROUTES("httpRoute", "{}", "a.local"),
      BAD_1 AT("{}", "spec.httpRoute.match") "must have one of \"prefix\"" },

    { GROUTE, "g", "x",
      GROUTES("httpRoute", "{\"prefix\":\"/aws-appmesh/x\"}", "a.local"),
      BAD_1 AT("/aws-appmesh/x", "spec.httpRoute.match.prefix")
      "must not start with \"/aws-appmesh\", which is reserved" },

    { GROUTE, "g", "x",
      "{\"httpRoute\":{\"match\":{\"prefix\":\"\"},\"action\":{\"rewrite\":"
      "{\"prefix\":{\"value\":\"/x\"}},\"target\":{\"virtualService\":"
      "{\"virtualServiceName\":\"a.local\"}}}}}",
      BAD "3 validation errors detected: "
      AT("", "spec.httpRoute.match.prefix") "must start with \"/\"; "
      AT("/x", "spec.httpRoute.action.rewrite.prefix.value")
      "must end with \"/\"; "
      AT("/x", "spec.httpRoute.action.rewrite.prefix.value")
      "needs a prefix in the match that ends with \"/\"" },

    END
};


/* what is referred to has to be there; a backend need not be */

static mesh_unit_check_step_t  mesh_unit_check_references[] = {

    { NODE, "n",
      "{\"backends\":[{\"virtualService\":{\"virtualServiceName\":"
      "\"later.local\"}}]}", "" },

    { ROUTE, "r", "x", ROUTES("httpRoute", SLASH, TARGET("n")),
      NONE "VirtualRouter with name r" WHERE },

    { ROUTER, "r", "{}", "" },

    { ROUTE, "r", "x", ROUTES("httpRoute", SLASH, TARGET("n") ","
      TARGET("other")),
      NONE "VirtualNode with name other" WHERE },

    { ROUTE, "r", "x", ROUTES("httpRoute", SLASH, TARGET("n") ","
      TARGET("n")), "" },

    { SERVICE, "a.local", TO_NODE("other"),
      NONE "VirtualNode with name other" WHERE },
    { SERVICE, "a.local", TO_ROUTER("n"),
      NONE "VirtualRouter with name n" WHERE },
    { SERVICE, "a.local", "{}", "" },
    { SERVICE, "A.local", TO_NODE("n"), "" },

    { GROUTE, "g", "x", GROUTES("httpRoute", SLASH, "a.local"),
      NONE "VirtualGateway with name g" WHERE },

    { GATEWAY, "g", LISTEN(LISTENER("80", "http")), "" },

    { GROUTE, "g", "x", GROUTES("httpRoute", SLASH, "b.local"),
      NONE "VirtualService with name b.local" WHERE },

    { GROUTE, "g", "x", GROUTES("httpRoute", SLASH, "a.local"), "" },

    END
};


/* the protocols and ports of a route, its router and its targets */

static mesh_unit_check_step_t  mesh_unit_check_routes[] = {

    { NODE, "n", SERVED(LISTENER("8080", "http")), "" },
    { ROUTER, "r", LISTEN(LISTENER("80", "http")), "" },

    { ROUTE, "r", "x", ROUTES("http2Route", SLASH, TARGET("n")),
      BAD_1 AT("{match, action}", "spec.http2Route")
      "the protocol of the listener is \"http\"" },
    { ROUTE, "r", "x", ROUTES("httpRoute", "{\"port\":81}", TARGET("n")),
      BAD_1 AT("81", "spec.httpRoute.match.port")
      "no listener has the port 81" },
    { ROUTE, "r", "x", ROUTES("httpRoute", SLASH, TARGET_PORT("n", "80")),
      BAD_1 AT("80", "spec.httpRoute.action.weightedTargets.1.member.port")
      "no listener of the virtual node has the port 80" },
    { ROUTE, "r", "x", ROUTES("httpRoute", SLASH, TARGET("n")), "" },

    /* the router changes */

    { ROUTER, "r", LISTEN(LISTENER("80", "http2")),
      BAD "Route with name x does not allow this change of VirtualRouter with "
      "name r: 1 validation error detected: "
      AT("{match, action}", "spec.httpRoute")
      "the protocol of the listener is \"http2\"" },
    { ROUTER, "r", LISTEN(LISTENER("80", "http") "," LISTENER("81", "http")),
      BAD "All Routes for this Virtual Router must define a port match "
      "criteria if the Virtual Router has multiple listeners" },
    { ROUTER, "r", LISTEN(LISTENER("81", "http")), "" },

    /* a second listener, in the order that App Mesh wants */

    { ROUTE, "r", "x", ROUTES("httpRoute", "{\"port\":81}", TARGET("n")), "" },
    { ROUTER, "r", LISTEN(LISTENER("81", "http") "," LISTENER("82", "tcp")),
      "" },
    { ROUTE, "r", "y", ROUTES("httpRoute", SLASH, TARGET("n")),
      BAD "Route must define a port match criteria if the Virtual Router has "
      "multiple listeners" },
    { ROUTE, "r", "y", ROUTES("tcpRoute", "{\"port\":82}", TARGET("n")),
      BAD_1 AT("{virtualNode, weight}",
               "spec.tcpRoute.action.weightedTargets.1.member")
      "the protocol of the virtual node is \"http\"" },
    { ROUTER, "r", LISTEN(LISTENER("82", "tcp")),
      BAD "Route with name x does not allow this change of VirtualRouter with "
      "name r: 1 validation error detected: "
      AT("81", "spec.httpRoute.match.port") "no listener has the port 81" },
    { ROUTER, "r", "{}", BAD "Route with name x does not allow this change" },

    /* the node changes */

    { NODE, "n", SERVED(LISTENER("8080", "grpc")),
      BAD "Route with name x does not allow this change of VirtualNode with "
      "name n: 1 validation error detected: "
      AT("{virtualNode, weight}",
         "spec.httpRoute.action.weightedTargets.1.member")
      "the protocol of the virtual node is \"grpc\"" },
    { NODE, "n", SERVED(LISTENER("8080", "http") ","
      LISTENER("8081", "http")),
      BAD "Route with name x does not allow this change of VirtualNode with "
      "name n: 1 validation error detected: "
      AT("{virtualNode, weight}",
         "spec.httpRoute.action.weightedTargets.1.member")
      "needs \"port\", the virtual node has several listeners" },
    { ROUTE, "r", "x", ROUTES("httpRoute", "{\"port\":81}",
      TARGET_PORT("n", "8080")), "" },
    { NODE, "n", SERVED(LISTENER("8080", "http") ","
      LISTENER("8081", "tcp")), "" },
    { ROUTE, "r", "y", ROUTES("tcpRoute", "{\"port\":82}",
      TARGET_PORT("n", "8081")), "" },
    { NODE, "n", SERVED(LISTENER("8080", "http")),
      BAD "Route with name y does not allow this change of VirtualNode with "
      "name n: 1 validation error detected: "
      AT("8081", "spec.tcpRoute.action.weightedTargets.1.member.port")
      "no listener of the virtual node has the port 8081" },

    /* what others do not agree on may change */

    { NODE, "n", "{\"listeners\":[" LISTENER("8080", "http") ","
      LISTENER("8081", "tcp") "],\"serviceDiscovery\":{\"dns\":{\"hostname\":"
      "\"b.local\"}}}", "" },

    END
};


/* gateway routes, their gateway, their service and what provides it */

static mesh_unit_check_step_t  mesh_unit_check_gateways[] = {

    { NODE, "n", SERVED(LISTENER("8080", "http")), "" },
    { NODE, "n2", SERVED(LISTENER("1", "http") "," LISTENER("2", "http")),
      "" },
    { ROUTER, "r", LISTEN(LISTENER("80", "http2")), "" },
    { SERVICE, "A.local", TO_ROUTER("r"), "" },
    { GATEWAY, "g", LISTEN(LISTENER("80", "http")), "" },

    { GROUTE, "g", "x", GROUTES("grpcRoute", "{\"serviceName\":\"s\"}",
      "a.local"),
      BAD_1 AT("{match, action}", "spec.grpcRoute")
      "the protocol of the listener is \"http\"" },
    { GROUTE, "g", "x", GROUTES_PORT("httpRoute", SLASH, "a.local", "81"),
      BAD_1 AT("81", "spec.httpRoute.action.target.port")
      "no listener of the virtual service's provider has the port 81" },
    { GROUTE, "g", "x", GROUTES("httpRoute", SLASH, "a.local"), "" },

    /* the provider changes: its listeners, or which it is */

    { ROUTER, "r", LISTEN(LISTENER("80", "http") "," LISTENER("81", "http")),
      BAD "GatewayRoute with name x does not allow this change of "
      "VirtualRouter with name r: 1 validation error detected: "
      AT("{virtualService}", "spec.httpRoute.action.target")
      "needs \"port\", the virtual service's provider has several listeners" },
    { SERVICE, "A.local", TO_NODE("n2"),
      BAD "GatewayRoute with name x does not allow this change of "
      "VirtualService with name A.local: 1 validation error detected: "
      AT("{virtualService}", "spec.httpRoute.action.target")
      "needs \"port\"" },
    { SERVICE, "A.local", TO_NODE("n"), "" },
    { NODE, "n", SERVED(LISTENER("1", "http") "," LISTENER("2", "http")),
      BAD "GatewayRoute with name x does not allow this change of "
      "VirtualNode with name n: 1 validation error detected: " },
    { NODE, "n", SERVED(LISTENER("2", "http")), "" },
    { GROUTE, "g", "x", GROUTES_PORT("httpRoute", SLASH, "a.local", "2"), "" },
    { NODE, "n", SERVED(LISTENER("1", "http") "," LISTENER("2", "http")), "" },
    { SERVICE, "A.local", "{}", "" },

    /* the gateway changes */

    { GATEWAY, "g", LISTEN(LISTENER("80", "http2")),
      BAD "GatewayRoute with name x does not allow this change of "
      "VirtualGateway with name g: 1 validation error detected: "
      AT("{match, action}", "spec.httpRoute")
      "the protocol of the listener is \"http2\"" },
    { GATEWAY, "g", LISTEN(LISTENER("80", "http") "," LISTENER("81", "http")),
      BAD "All Gateway Routes for this Virtual Gateway must define a port "
      "match criteria if the Virtual Gateway has multiple listeners" },
    { GROUTE, "g", "x", GROUTES("httpRoute", "{\"port\":80}", "A.local"),
      "" },
    { GATEWAY, "g", LISTEN(LISTENER("80", "http") "," LISTENER("81", "http")),
      "" },
    { GROUTE, "g", "y", GROUTES("httpRoute", SLASH, "A.local"),
      BAD "Gateway Route must define a port match criteria if the Virtual "
      "Gateway has multiple listeners" },

    END
};


/* from the top of a mesh to the bottom: what is in use stays */

static mesh_unit_check_step_t  mesh_unit_check_deletes[] = {

    { NODE, "n", SERVED(LISTENER("8080", "http")), "" },
    { NODE, "n2", SERVED(LISTENER("8080", "http")), "" },
    { ROUTER, "r", LISTEN(LISTENER("80", "http")), "" },
    { ROUTE, "r", "x", ROUTES("httpRoute", SLASH, TARGET("n")), "" },
    { SERVICE, "a.local", TO_ROUTER("r"), "" },
    { SERVICE, "b.local", TO_NODE("n2"), "" },
    { GATEWAY, "g", LISTEN(LISTENER("80", "http")), "" },
    { GROUTE, "g", "x", GROUTES("httpRoute", SLASH, "A.local"), "" },
    { GROUTE, "g", "y", GROUTES("httpRoute", SLASH, "a.local"), "" },

    { NGX_MESH_KIND_MESH, NULL, "m", NULL,
      IN_USE "Mesh m for account 111122223333 has active VirtualGateways, "
      "please delete VirtualGateways before deleting the Mesh" },
    { GATEWAY, "g", NULL,
      IN_USE "VirtualGateway with name g cannot be deleted because it has one "
      "or more gateway routes." },
    { SERVICE, "a.local", NULL,
      IN_USE "VirtualService a.local is being referenced in the following: "
      "GATEWAY_ROUTE: [g/x, g/y]" },
    { ROUTER, "r", NULL,
      IN_USE "VirtualRouter with name r cannot be deleted because it has one "
      "or more routes." },
    { NODE, "n", NULL,
      IN_USE "VirtualNode with name n cannot be deleted because it is the "
      "target of one or more routes." },
    { NODE, "n2", NULL,
      IN_USE "VirtualNode with name n2 cannot be deleted because it is a "
      "VirtualService provider" },

    { GROUTE, "g", "x", NULL, "" },
    { GROUTE, "g", "y", NULL, "" },
    { GATEWAY, "g", NULL, "" },
    { NGX_MESH_KIND_MESH, NULL, "m", NULL,
      IN_USE "Mesh m for account 111122223333 has active VirtualServices, "
      "please delete VirtualServices before deleting the Mesh" },
    { ROUTE, "r", "x", NULL, "" },
    { ROUTER, "r", NULL,
      IN_USE "VirtualRouter with name r cannot be deleted because it is a "
      "VirtualService provider" },
    { SERVICE, "a.local", NULL, "" },
    { SERVICE, "b.local", "{}", "" },
    { NODE, "n2", NULL, "" },
    { SERVICE, "b.local", NULL, "" },
    { NGX_MESH_KIND_MESH, NULL, "m", NULL,
      IN_USE "Mesh m for account 111122223333 has active VirtualRouters" },
    { ROUTER, "r", NULL, "" },
    { NGX_MESH_KIND_MESH, NULL, "m", NULL,
      IN_USE "Mesh m for account 111122223333 has active VirtualNodes" },
    { NODE, "n", NULL, "" },
    { NGX_MESH_KIND_MESH, NULL, "m", NULL, "" },

    { NODE, "n", "{}",
      NONE "Mesh with name m is not present for account 111122223333" },

    END
};


static void
mesh_unit_check_resources(ngx_mesh_unit_t *u)
{
    mesh_unit_check_run(u, mesh_unit_check_specs);
    mesh_unit_check_run(u, mesh_unit_check_references);
    mesh_unit_check_run(u, mesh_unit_check_routes);
    mesh_unit_check_run(u, mesh_unit_check_gateways);
    mesh_unit_check_run(u, mesh_unit_check_deletes);
}

MESH_UNIT(mesh_unit_check_resources)


/* a string that no proxy would take, where the model has no bound */

static void
mesh_unit_check_long(ngx_mesh_unit_t *u)
{
    ngx_str_t          prefix;
    ngx_uint_t         n;
    ngx_mesh_id_t      id;
    ngx_mesh_json_t   *spec, *match;
    ngx_mesh_check_t   check;

    ngx_memzero(&id, sizeof(ngx_mesh_id_t));
    ngx_memzero(&check, sizeof(ngx_mesh_check_t));

    id.kind = &ngx_mesh_kinds[NGX_MESH_KIND_ROUTE];
    ngx_str_set(&id.name, "x");

    check.pool = u->pool;
    check.id = &id;

    for (n = 65536; n < 65538; n++) {

        spec = mesh_unit_check_spec(u, NGX_MESH_KIND_ROUTE,
                           ROUTES("httpRoute", "{\"prefix\":\"/\"}",
                                  TARGET("n")));

        prefix.len = n;
        prefix.data = ngx_palloc(u->pool, n);
        ngx_memset(prefix.data, '/', n);

        match = ngx_mesh_json_get(ngx_mesh_json_get(spec, "httpRoute"),
                                  "match");
        ngx_mesh_json_get(match, "prefix")->u.string = prefix;

        MESH_IS_INT(ngx_mesh_check_spec(&check, spec),
                    (n == 65536) ? NGX_OK : NGX_DECLINED, "%ui bytes", n);
    }

    MESH_OK(ngx_strlcasestrn(check.message.data,
                             check.message.data + check.message.len,
                             (u_char *) "must have at most 65536 bytes", 28)
            != NULL, "%V", &check.message);
}

MESH_UNIT(mesh_unit_check_long)


static void
mesh_unit_check_echo(ngx_mesh_unit_t *u)
{
    MESH_IS_STR(mesh_unit_check_filled(u, NGX_MESH_KIND_MESH, "{}"), "{}",
                "a mesh");
    MESH_IS_STR(mesh_unit_check_filled(u, NGX_MESH_KIND_VIRTUAL_ROUTER, "{}"),
                "{}", "a router");
    MESH_IS_STR(mesh_unit_check_filled(u, NGX_MESH_KIND_VIRTUAL_SERVICE, "{}"),
                "{}", "a service");
    MESH_IS_STR(mesh_unit_check_filled(u, NGX_MESH_KIND_ROUTE, "{}"), "{}",
                "a route that will be refused");
    MESH_IS_STR(mesh_unit_check_filled(u, NGX_MESH_KIND_VIRTUAL_NODE, "{}"),
                "{\"backends\":[]}", "a node");

#define HEALTH(rest)                                                          \
    "\"healthCheck\":{\"healthyThreshold\":2,\"intervalMillis\":5000,"        \
    "\"protocol\":\"http\",\"timeoutMillis\":2000,"                           \
    "\"unhealthyThreshold\":2" rest "}"

    MESH_IS_STR(mesh_unit_check_filled(u, NGX_MESH_KIND_VIRTUAL_GATEWAY,
                "{\"listeners\":[{" HEALTH("") ",\"portMapping\":{\"port\":80,"
                "\"protocol\":\"http\"}}," LISTENER("81", "http") "]}"),
                "{\"listeners\":[{" HEALTH(",\"port\":80")
                ",\"portMapping\":{\"port\":80,\"protocol\":\"http\"}},"
                LISTENER("81", "http") "]}", "a gateway's health check");

    MESH_IS_STR(mesh_unit_check_filled(u, NGX_MESH_KIND_ROUTE,
                ROUTES("http2Route", "{\"headers\":[{\"name\":\"a\"},"
                       "{\"invert\":true,\"name\":\"b\"}]}", TARGET("n"))),
                ROUTES("http2Route", "{\"headers\":[{\"name\":\"a\","
                       "\"invert\":false},{\"invert\":true,"
                       "\"name\":\"b\"}]}", TARGET("n")), "a route's headers");

    MESH_IS_STR(mesh_unit_check_filled(u, NGX_MESH_KIND_GATEWAY_ROUTE,
                GROUTES("grpcRoute", "{\"metadata\":[{\"name\":\"a\"}]}",
                        "s")),
                GROUTES("grpcRoute", "{\"metadata\":[{\"name\":\"a\","
                        "\"invert\":false}]}", "s"),
                "a gateway route's metadata");
}

MESH_UNIT(mesh_unit_check_echo)


static void
mesh_unit_check_targets(ngx_mesh_unit_t *u)
{
    ngx_array_t       targets;
    ngx_mesh_id_t     id, *to;
    ngx_mesh_json_t  *spec;

    ngx_memzero(&id, sizeof(ngx_mesh_id_t));

    id.kind = &ngx_mesh_kinds[NGX_MESH_KIND_ROUTE];
    ngx_str_set(&id.mesh, "m");

    MESH_OK(ngx_array_init(&targets, u->pool, 1, sizeof(ngx_mesh_id_t))
            == NGX_OK, "targets");

    spec = mesh_unit_check_spec(u, NGX_MESH_KIND_ROUTE,
                     ROUTES("tcpRoute", "{}", TARGET("a") "," TARGET("b") ","
                            TARGET_PORT("a", "1") "," TARGET("ab")));

    MESH_IS_INT(ngx_mesh_references(u->pool, &id, spec, &targets), NGX_OK,
                "references");
    MESH_IS_INT(targets.nelts, 3, "each node once");

    to = targets.elts;

    MESH_IS_STR(&to[0].name, "a", "the first");
    MESH_IS_STR(&to[2].name, "ab", "the last");
    MESH_IS_STR(&to[1].mesh, "m", "in the same mesh");
    MESH_OK(to[1].kind == &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_NODE],
            "a node");
}

MESH_UNIT(mesh_unit_check_targets)
