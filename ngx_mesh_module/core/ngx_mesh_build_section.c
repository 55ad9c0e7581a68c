
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The sections of a mesh document: which members their elements have, and how
 * an element is checked against the rules and against the sections before it.
 *
 * An element is what a Describe* operation of App Mesh returns, bare: "status"
 * and "metadata" are not looked into.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_build.h"


#define ngx_mesh_document_structure(name, members)                            \
    { name, NGX_MESH_SHAPE_STRUCTURE, 0, 0, 0, NULL, NULL, NULL, NULL,        \
      members }

/* the members that all resources have */

#define ngx_mesh_document_resource(spec, required)                            \
    { "meshName", &ngx_mesh_shape_resource_name, 0 },                         \
    { "spec", spec, required },                                               \
    { "metadata", &ngx_mesh_document_any, 0 },                                \
    { "status", &ngx_mesh_document_any, 0 }

#define ngx_mesh_document_end  { NULL, NULL, 0 }


static ngx_int_t ngx_mesh_check_node(ngx_mesh_build_t *b,
    ngx_mesh_json_t *item, void *object);
static ngx_int_t ngx_mesh_check_router(ngx_mesh_build_t *b,
    ngx_mesh_json_t *item, void *object);
static ngx_int_t ngx_mesh_check_route(ngx_mesh_build_t *b,
    ngx_mesh_json_t *item, void *object);
static ngx_int_t ngx_mesh_check_targets(ngx_mesh_build_t *b,
    ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_check_service(ngx_mesh_build_t *b,
    ngx_mesh_json_t *item, void *object);
static ngx_int_t ngx_mesh_check_gateway(ngx_mesh_build_t *b,
    ngx_mesh_json_t *item, void *object);
static ngx_int_t ngx_mesh_check_gateway_route(ngx_mesh_build_t *b,
    ngx_mesh_json_t *item, void *object);
static ngx_int_t ngx_mesh_check_name(ngx_mesh_build_t *b,
    ngx_mesh_section_e section, ngx_mesh_json_t *name, ngx_str_t *key,
    void *object);
static ngx_int_t ngx_mesh_check_child(ngx_mesh_build_t *b,
    ngx_mesh_section_e section, ngx_mesh_json_t *owner, ngx_mesh_json_t *name,
    void *object);
static ngx_int_t ngx_mesh_check_missing(ngx_mesh_build_t *b,
    ngx_mesh_json_t *name, const char *what);
static ngx_mesh_json_t *ngx_mesh_build_provider_spec(ngx_mesh_build_t *b,
    ngx_mesh_virtual_service_t *service);


static const char  *ngx_mesh_document_health[] = {
    "HEALTHY", "UNHEALTHY", "UNKNOWN", NULL
};

static const char  *ngx_mesh_document_lb_policies[] = {
    "ROUND_ROBIN", "LEAST_REQUEST", NULL
};


static const ngx_mesh_shape_t  ngx_mesh_document_any = {
    "Any", NGX_MESH_SHAPE_ANY, 0, 0, 0, NULL, NULL, NULL, NULL, NULL
};

static const ngx_mesh_shape_t  ngx_mesh_document_integer = {
    "Integer", NGX_MESH_SHAPE_INTEGER, 0, 0, 0, NULL, NULL, NULL, NULL, NULL
};

static const ngx_mesh_shape_t  ngx_mesh_document_version = {
    "Version", NGX_MESH_SHAPE_STRING,
    NGX_MESH_SHAPE_HAS_MIN|NGX_MESH_SHAPE_HAS_MAX, 1, 127,
    NULL, NULL, NULL, NULL, NULL
};

/* names of virtual services: the model gives them no bounds, DNS does */

static const ngx_mesh_shape_t  ngx_mesh_document_service_name = {
    "VirtualServiceName", NGX_MESH_SHAPE_STRING,
    NGX_MESH_SHAPE_HAS_MIN|NGX_MESH_SHAPE_HAS_MAX, 1, 255,
    NULL, NULL, NULL, NULL, NULL
};

static const ngx_mesh_shape_t  ngx_mesh_document_ip = {
    "Ip", NGX_MESH_SHAPE_STRING, 0, 0, 0, NULL, NULL, NULL, NULL, NULL
};

static const ngx_mesh_shape_t  ngx_mesh_document_port = {
    "Port", NGX_MESH_SHAPE_INTEGER,
    NGX_MESH_SHAPE_HAS_MIN|NGX_MESH_SHAPE_HAS_MAX, 1, 65535,
    NULL, NULL, NULL, NULL, NULL
};

static const ngx_mesh_shape_t  ngx_mesh_document_health_status = {
    "HealthStatus", NGX_MESH_SHAPE_STRING, 0, 0, 0,
    ngx_mesh_document_health, NULL, NULL, NULL, NULL
};

static const ngx_mesh_shape_t  ngx_mesh_document_zone = {
    "Zone", NGX_MESH_SHAPE_STRING, NGX_MESH_SHAPE_HAS_MAX, 0, 255,
    NULL, NULL, NULL, NULL, NULL
};

static const ngx_mesh_shape_t  ngx_mesh_document_lb_policy = {
    "LbPolicy", NGX_MESH_SHAPE_STRING, 0, 0, 0,
    ngx_mesh_document_lb_policies, NULL, NULL, NULL, NULL
};


static const ngx_mesh_member_t  ngx_mesh_document_endpoint_members[] = {
    { "ip", &ngx_mesh_document_ip, 1 },
    { "port", &ngx_mesh_document_port, 0 },
    { "healthStatus", &ngx_mesh_document_health_status, 0 },
    { "zone", &ngx_mesh_document_zone, 0 },
    ngx_mesh_document_end
};

const ngx_mesh_shape_t  ngx_mesh_shape_document_endpoint =
    ngx_mesh_document_structure("Endpoint", ngx_mesh_document_endpoint_members);


static const ngx_mesh_member_t  ngx_mesh_document_mesh_members[] = {
    { "meshName", &ngx_mesh_shape_resource_name, 1 },
    { "spec", &ngx_mesh_shape_mesh_spec, 0 },
    { "metadata", &ngx_mesh_document_any, 0 },
    { "status", &ngx_mesh_document_any, 0 },
    ngx_mesh_document_end
};

static const ngx_mesh_shape_t  ngx_mesh_document_mesh =
    ngx_mesh_document_structure("Mesh", ngx_mesh_document_mesh_members);


/* the sections are looked into one element at a time */

static const ngx_mesh_member_t  ngx_mesh_document_members[] = {
    { "meshDocument", &ngx_mesh_document_integer, 1 },
    { "version", &ngx_mesh_document_version, 1 },
    { "mesh", &ngx_mesh_document_mesh, 1 },
    { "virtualServices", &ngx_mesh_document_any, 0 },
    { "virtualRouters", &ngx_mesh_document_any, 0 },
    { "routes", &ngx_mesh_document_any, 0 },
    { "virtualNodes", &ngx_mesh_document_any, 0 },
    { "virtualGateways", &ngx_mesh_document_any, 0 },
    { "gatewayRoutes", &ngx_mesh_document_any, 0 },
    { "endpoints", &ngx_mesh_document_any, 0 },
    ngx_mesh_document_end
};

const ngx_mesh_shape_t  ngx_mesh_shape_document =
    ngx_mesh_document_structure("Document", ngx_mesh_document_members);


/* what App Mesh does not have stands beside "spec", where clients look not */

static const ngx_mesh_member_t  ngx_mesh_document_extension_members[] = {
    { "lbPolicy", &ngx_mesh_document_lb_policy, 0 },
    ngx_mesh_document_end
};

static const ngx_mesh_shape_t  ngx_mesh_document_extensions =
    ngx_mesh_document_structure("Extensions",
                                ngx_mesh_document_extension_members);


static const ngx_mesh_member_t  ngx_mesh_document_node_members[] = {
    { "virtualNodeName", &ngx_mesh_shape_resource_name, 1 },
    ngx_mesh_document_resource(&ngx_mesh_shape_virtual_node_spec, 1),
    { "extensions", &ngx_mesh_document_extensions, 0 },
    ngx_mesh_document_end
};

static const ngx_mesh_shape_t  ngx_mesh_document_node =
    ngx_mesh_document_structure("VirtualNode", ngx_mesh_document_node_members);


static const ngx_mesh_member_t  ngx_mesh_document_router_members[] = {
    { "virtualRouterName", &ngx_mesh_shape_resource_name, 1 },
    ngx_mesh_document_resource(&ngx_mesh_shape_virtual_router_spec, 1),
    ngx_mesh_document_end
};

static const ngx_mesh_shape_t  ngx_mesh_document_router =
    ngx_mesh_document_structure("VirtualRouter",
                                ngx_mesh_document_router_members);


static const ngx_mesh_member_t  ngx_mesh_document_route_members[] = {
    { "virtualRouterName", &ngx_mesh_shape_resource_name, 1 },
    { "routeName", &ngx_mesh_shape_resource_name, 1 },
    ngx_mesh_document_resource(&ngx_mesh_shape_route_spec, 1),
    ngx_mesh_document_end
};

static const ngx_mesh_shape_t  ngx_mesh_document_route =
    ngx_mesh_document_structure("Route", ngx_mesh_document_route_members);


static const ngx_mesh_member_t  ngx_mesh_document_service_members[] = {
    { "virtualServiceName", &ngx_mesh_document_service_name, 1 },
    ngx_mesh_document_resource(&ngx_mesh_shape_virtual_service_spec, 1),
    ngx_mesh_document_end
};

static const ngx_mesh_shape_t  ngx_mesh_document_service =
    ngx_mesh_document_structure("VirtualService",
                                ngx_mesh_document_service_members);


static const ngx_mesh_member_t  ngx_mesh_document_gateway_members[] = {
    { "virtualGatewayName", &ngx_mesh_shape_resource_name, 1 },
    ngx_mesh_document_resource(&ngx_mesh_shape_virtual_gateway_spec, 1),
    ngx_mesh_document_end
};

static const ngx_mesh_shape_t  ngx_mesh_document_gateway =
    ngx_mesh_document_structure("VirtualGateway",
                                ngx_mesh_document_gateway_members);


static const ngx_mesh_member_t  ngx_mesh_document_gateway_route_members[] = {
    { "virtualGatewayName", &ngx_mesh_shape_resource_name, 1 },
    { "gatewayRouteName", &ngx_mesh_shape_resource_name, 1 },
    ngx_mesh_document_resource(&ngx_mesh_shape_gateway_route_spec, 1),
    ngx_mesh_document_end
};

static const ngx_mesh_shape_t  ngx_mesh_document_gateway_route =
    ngx_mesh_document_structure("GatewayRoute",
                                ngx_mesh_document_gateway_route_members);


/* by ngx_mesh_section_e: each refers to those before it */

const ngx_mesh_build_section_t  ngx_mesh_build_sections[] = {

    { "virtualNodes",
      &ngx_mesh_document_node,
      sizeof(ngx_mesh_virtual_node_t),
      offsetof(ngx_mesh_model_t, nodes),
      offsetof(ngx_mesh_model_t, nnodes),
      ngx_mesh_check_node,
      ngx_mesh_build_node },

    { "virtualRouters",
      &ngx_mesh_document_router,
      sizeof(ngx_mesh_virtual_router_t),
      offsetof(ngx_mesh_model_t, routers),
      offsetof(ngx_mesh_model_t, nrouters),
      ngx_mesh_check_router,
      ngx_mesh_build_router },

    { "routes",
      &ngx_mesh_document_route,
      sizeof(ngx_mesh_route_t),
      offsetof(ngx_mesh_model_t, routes),
      offsetof(ngx_mesh_model_t, nroutes),
      ngx_mesh_check_route,
      ngx_mesh_build_route },

    { "virtualServices",
      &ngx_mesh_document_service,
      sizeof(ngx_mesh_virtual_service_t),
      offsetof(ngx_mesh_model_t, services),
      offsetof(ngx_mesh_model_t, nservices),
      ngx_mesh_check_service,
      ngx_mesh_build_service },

    { "virtualGateways",
      &ngx_mesh_document_gateway,
      sizeof(ngx_mesh_virtual_gateway_t),
      offsetof(ngx_mesh_model_t, gateways),
      offsetof(ngx_mesh_model_t, ngateways),
      ngx_mesh_check_gateway,
      ngx_mesh_build_gateway },

    { "gatewayRoutes",
      &ngx_mesh_document_gateway_route,
      sizeof(ngx_mesh_gateway_route_t),
      offsetof(ngx_mesh_model_t, gateway_routes),
      offsetof(ngx_mesh_model_t, ngateway_routes),
      ngx_mesh_check_gateway_route,
      ngx_mesh_build_gateway_route }
};


static ngx_int_t
ngx_mesh_check_node(ngx_mesh_build_t *b, ngx_mesh_json_t *item, void *object)
{
    ngx_mesh_virtual_node_t *node = object;

    void             *discovered;
    ngx_int_t         rc;
    ngx_mesh_json_t  *name;

    name = ngx_mesh_rules_find(item, "virtualNodeName");

    if (ngx_mesh_build_string(b, name, &node->name) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_check_name(b, NGX_MESH_SECTION_NODES, name, &node->name,
                             node);
    if (rc != NGX_OK) {
        return rc;
    }

    discovered = ngx_mesh_map_find(b->discovered, node->name.data,
                                   node->name.len);

    return ngx_mesh_rules_virtual_node(&b->rules,
                                       ngx_mesh_rules_find(item, "spec"),
                                       discovered != NULL);
}


static ngx_int_t
ngx_mesh_check_router(ngx_mesh_build_t *b, ngx_mesh_json_t *item, void *object)
{
    ngx_mesh_virtual_router_t *router = object;

    ngx_int_t         rc;
    ngx_mesh_json_t  *name;

    name = ngx_mesh_rules_find(item, "virtualRouterName");

    if (ngx_mesh_build_string(b, name, &router->name) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_check_name(b, NGX_MESH_SECTION_ROUTERS, name, &router->name,
                             router);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_rules_virtual_router(&b->rules,
                                         ngx_mesh_rules_find(item, "spec"));
}


static ngx_int_t
ngx_mesh_check_route(ngx_mesh_build_t *b, ngx_mesh_json_t *item, void *object)
{
    ngx_mesh_route_t *route = object;

    ngx_int_t                   rc;
    ngx_mesh_json_t            *owner, *name, *spec;
    ngx_mesh_virtual_router_t  *router;

    owner = ngx_mesh_rules_find(item, "virtualRouterName");
    name = ngx_mesh_rules_find(item, "routeName");
    spec = ngx_mesh_rules_find(item, "spec");

    router = ngx_mesh_build_find(b, NGX_MESH_SECTION_ROUTERS, owner);

    if (router == NULL) {
        return ngx_mesh_check_missing(b, owner, "virtual router");
    }

    router->routes.nalloc++;

    if (ngx_mesh_build_string(b, name, &route->name) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_check_child(b, NGX_MESH_SECTION_ROUTES, owner, name, route);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_route(&b->rules, spec);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_owner(&b->rules, spec,
                    ngx_mesh_build_spec(b, NGX_MESH_SECTION_ROUTERS, router));
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_check_targets(b, spec);
}


static ngx_int_t
ngx_mesh_check_targets(ngx_mesh_build_t *b, ngx_mesh_json_t *spec)
{
    ngx_int_t                 rc;
    ngx_mesh_json_t          *target, *name, *kind;
    ngx_mesh_protocol_e       protocol;
    ngx_mesh_virtual_node_t  *node;

    kind = ngx_mesh_rules_route_kind(spec, &protocol);
    target = ngx_mesh_rules_find(kind, "action.weightedTargets");

    for (target = ngx_mesh_rules_first(target);
         target;
         target = target->next)
    {
        name = ngx_mesh_rules_find(target, "virtualNode");
        node = ngx_mesh_build_find(b, NGX_MESH_SECTION_NODES, name);

        if (node == NULL) {
            return ngx_mesh_check_missing(b, name, "virtual node");
        }

        rc = ngx_mesh_rules_target(&b->rules, spec, target,
                        ngx_mesh_build_spec(b, NGX_MESH_SECTION_NODES, node));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* names of services are not case-sensitive, as host names are not */

static ngx_int_t
ngx_mesh_check_service(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object)
{
    ngx_mesh_virtual_service_t *service = object;

    ngx_int_t         rc;
    ngx_mesh_json_t  *name, *node, *router;

    name = ngx_mesh_rules_find(item, "virtualServiceName");

    rc = ngx_mesh_rules_service_name(&b->rules, name);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_build_string(b, name, &service->name) != NGX_OK
        || ngx_mesh_build_lower(b, name, &service->host) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_mesh_check_name(b, NGX_MESH_SECTION_SERVICES, name,
                             &service->host, service);
    if (rc != NGX_OK) {
        return rc;
    }

    node = ngx_mesh_rules_find(item,
                              "spec.provider.virtualNode.virtualNodeName");
    router = ngx_mesh_rules_find(item,
                              "spec.provider.virtualRouter.virtualRouterName");

    if (node
        && ngx_mesh_build_find(b, NGX_MESH_SECTION_NODES, node) == NULL)
    {
        return ngx_mesh_check_missing(b, node, "virtual node");
    }

    if (router
        && ngx_mesh_build_find(b, NGX_MESH_SECTION_ROUTERS, router) == NULL)
    {
        return ngx_mesh_check_missing(b, router, "virtual router");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_check_gateway(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object)
{
    ngx_mesh_virtual_gateway_t *gateway = object;

    ngx_int_t         rc;
    ngx_mesh_json_t  *name;

    name = ngx_mesh_rules_find(item, "virtualGatewayName");

    if (ngx_mesh_build_string(b, name, &gateway->name) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_check_name(b, NGX_MESH_SECTION_GATEWAYS, name,
                             &gateway->name, gateway);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_rules_virtual_gateway(&b->rules,
                                          ngx_mesh_rules_find(item, "spec"));
}


static ngx_int_t
ngx_mesh_check_gateway_route(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object)
{
    ngx_mesh_gateway_route_t *route = object;

    ngx_int_t                    rc;
    ngx_mesh_json_t             *owner, *name, *spec, *kind;
    ngx_mesh_protocol_e          protocol;
    ngx_mesh_virtual_gateway_t  *gateway;
    ngx_mesh_virtual_service_t  *service;

    owner = ngx_mesh_rules_find(item, "virtualGatewayName");
    name = ngx_mesh_rules_find(item, "gatewayRouteName");
    spec = ngx_mesh_rules_find(item, "spec");

    gateway = ngx_mesh_build_find(b, NGX_MESH_SECTION_GATEWAYS, owner);

    if (gateway == NULL) {
        return ngx_mesh_check_missing(b, owner, "virtual gateway");
    }

    gateway->routes.nalloc++;

    if (ngx_mesh_build_string(b, name, &route->name) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_check_child(b, NGX_MESH_SECTION_GATEWAY_ROUTES, owner, name,
                              route);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_gateway_route(&b->rules, spec);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_owner(&b->rules, spec,
                  ngx_mesh_build_spec(b, NGX_MESH_SECTION_GATEWAYS, gateway));
    if (rc != NGX_OK) {
        return rc;
    }

    kind = ngx_mesh_rules_route_kind(spec, &protocol);
    name = ngx_mesh_rules_find(kind,
                           "action.target.virtualService.virtualServiceName");

    service = ngx_mesh_build_find_service(b, name);

    if (service == NULL) {
        return ngx_mesh_check_missing(b, name, "virtual service");
    }

    return ngx_mesh_rules_gateway_target(&b->rules, spec,
                                    ngx_mesh_build_provider_spec(b, service));
}


/* "key" is what the name has to be unique by; it must stay in place */

static ngx_int_t
ngx_mesh_check_name(ngx_mesh_build_t *b, ngx_mesh_section_e section,
    ngx_mesh_json_t *name, ngx_str_t *key, void *object)
{
    ngx_int_t  rc;

    rc = ngx_mesh_rules_name(&b->rules, name);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_map_insert(b->lists[section].map, key, object) != NGX_OK) {
        return ngx_mesh_rules_violation(&b->rules, name,
                                        "\"%V\" is there already",
                                        &name->u.string);
    }

    return NGX_OK;
}


/* a route is named within its router: names have no "/" */

static ngx_int_t
ngx_mesh_check_child(ngx_mesh_build_t *b, ngx_mesh_section_e section,
    ngx_mesh_json_t *owner, ngx_mesh_json_t *name, void *object)
{
    ngx_str_t  key;

    key.len = owner->u.string.len + 1 + name->u.string.len;
    key.data = ngx_pnalloc(b->temp, key.len);
    if (key.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(key.data, "%V/%V", &owner->u.string, &name->u.string);

    return ngx_mesh_check_name(b, section, name, &key, object);
}


static ngx_int_t
ngx_mesh_check_missing(ngx_mesh_build_t *b, ngx_mesh_json_t *name,
    const char *what)
{
    return ngx_mesh_rules_violation(&b->rules, name,
                                    "there is no %s \"%V\"", what,
                                    &name->u.string);
}


ngx_mesh_json_t *
ngx_mesh_build_spec(ngx_mesh_build_t *b, ngx_mesh_section_e section,
    void *object)
{
    size_t                  offset;
    ngx_mesh_build_list_t  *list;

    list = &b->lists[section];
    offset = (u_char *) object - list->objects;

    return ngx_mesh_rules_find(
                  list->items[offset / ngx_mesh_build_sections[section].size],
                  "spec");
}


static ngx_mesh_json_t *
ngx_mesh_build_provider_spec(ngx_mesh_build_t *b,
    ngx_mesh_virtual_service_t *service)
{
    void               *object;
    ngx_mesh_json_t    *provider, *name;
    ngx_mesh_section_e  section;

    provider = ngx_mesh_rules_find(
                   ngx_mesh_build_spec(b, NGX_MESH_SECTION_SERVICES, service),
                   "provider");

    section = NGX_MESH_SECTION_ROUTERS;
    name = ngx_mesh_rules_find(provider, "virtualRouter.virtualRouterName");

    if (name == NULL) {
        section = NGX_MESH_SECTION_NODES;
        name = ngx_mesh_rules_find(provider, "virtualNode.virtualNodeName");
    }

    object = ngx_mesh_build_find(b, section, name);

    return object ? ngx_mesh_build_spec(b, section, object) : NULL;
}


void *
ngx_mesh_build_find(ngx_mesh_build_t *b, ngx_mesh_section_e section,
    ngx_mesh_json_t *value)
{
    if (value == NULL) {
        return NULL;
    }

    return ngx_mesh_map_find(b->lists[section].map, value->u.string.data,
                             value->u.string.len);
}


ngx_mesh_virtual_service_t *
ngx_mesh_build_find_service(ngx_mesh_build_t *b, ngx_mesh_json_t *value)
{
    u_char  host[255];

    if (value->u.string.len > sizeof(host)) {
        return NULL;
    }

    ngx_strlow(host, value->u.string.data, value->u.string.len);

    return ngx_mesh_map_find(b->lists[NGX_MESH_SECTION_SERVICES].map, host,
                             value->u.string.len);
}
