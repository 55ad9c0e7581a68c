
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Virtual nodes: listeners and one cluster for each of them, backends, service
 * discovery.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_build.h"


static ngx_int_t ngx_mesh_build_discovery(ngx_mesh_build_t *b,
    ngx_mesh_json_t *spec, ngx_mesh_virtual_node_t *node);
static ngx_int_t ngx_mesh_build_clusters(ngx_mesh_build_t *b,
    ngx_mesh_virtual_node_t *node);
static ngx_int_t ngx_mesh_build_backends(ngx_mesh_build_t *b,
    ngx_mesh_json_t *list, ngx_mesh_virtual_node_t *node);


/* the name was copied when it was checked */

ngx_int_t
ngx_mesh_build_node(ngx_mesh_build_t *b, ngx_mesh_json_t *item, void *object)
{
    ngx_mesh_virtual_node_t *node = object;

    ngx_mesh_json_t     *spec;

    /* in the order of ngx_mesh_lb_policy_e */

    static const char  *policies[] = { "ROUND_ROBIN", "LEAST_REQUEST", NULL };

    spec = ngx_mesh_rules_find(item, "spec");

    node->lb_policy = ngx_mesh_rules_enum(
                              ngx_mesh_rules_find(item, "extensions.lbPolicy"),
                              policies, b->conf->lb_policy);

    if (ngx_mesh_build_listeners(b, ngx_mesh_rules_find(spec, "listeners"),
                                 &node->listeners)
        != NGX_OK
        || ngx_mesh_build_client_policy(b,
                    ngx_mesh_rules_find(spec, "backendDefaults.clientPolicy"),
                    &node->client_policy)
           != NGX_OK
        || ngx_mesh_build_access_log(b, ngx_mesh_rules_find(spec, "logging"),
                                     &node->access_log)
           != NGX_OK
        || ngx_mesh_build_backends(b, ngx_mesh_rules_find(spec, "backends"),
                                   node)
           != NGX_OK
        || ngx_mesh_build_discovery(b, spec, node) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_build_clusters(b, node);
}


/* a node's own ipPreference goes before that of the mesh */

static ngx_int_t
ngx_mesh_build_discovery(ngx_mesh_build_t *b, ngx_mesh_json_t *spec,
    ngx_mesh_virtual_node_t *node)
{
    ngx_mesh_json_t  *dns, *map, *own;

    dns = ngx_mesh_rules_find(spec, "serviceDiscovery.dns");
    map = ngx_mesh_rules_find(spec, "serviceDiscovery.awsCloudMap");
    own = ngx_mesh_rules_find(dns ? dns : map, "ipPreference");

    node->ip_preference = ngx_mesh_build_ip_preference(own,
                                                    b->model->ip_preference);

    node->dns_endpoints = ngx_mesh_build_is(
                              ngx_mesh_rules_find(dns, "responseType"),
                              "ENDPOINTS");

    if (ngx_mesh_build_string(b, ngx_mesh_rules_find(dns, "hostname"),
                              &node->dns_hostname)
        != NGX_OK
        || ngx_mesh_build_string(b, ngx_mesh_rules_find(map, "namespaceName"),
                                 &node->cloud_map_namespace)
           != NGX_OK
        || ngx_mesh_build_string(b, ngx_mesh_rules_find(map, "serviceName"),
                                 &node->cloud_map_service)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_build_keyvals(b, ngx_mesh_rules_find(map, "attributes"),
                                  &node->cloud_map_attributes);
}


/*
 * The rotation starts anywhere, so that proxies which load a document at the
 * same moment do not all begin with the same endpoint.
 */

static ngx_int_t
ngx_mesh_build_clusters(ngx_mesh_build_t *b, ngx_mesh_virtual_node_t *node)
{
    ngx_uint_t            i;
    ngx_mesh_cluster_t   *cluster;
    ngx_mesh_listener_t  *listeners;

    if (node->listeners.nelts == 0) {
        return NGX_OK;
    }

    node->clusters = ngx_pcalloc(b->pool, node->listeners.nelts
                                          * sizeof(ngx_mesh_cluster_t));
    if (node->clusters == NULL) {
        return NGX_ERROR;
    }

    listeners = node->listeners.elts;

    for (i = 0; i < node->listeners.nelts; i++) {
        cluster = &node->clusters[i];

        cluster->node = node;
        cluster->listener = &listeners[i];
        cluster->lb_policy = (uint8_t) node->lb_policy;
        cluster->slow_start_ms = b->conf->slow_start_ms;
        cluster->rotation = (uint32_t) ngx_random();
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_backends(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_mesh_virtual_node_t *node)
{
    ngx_mesh_json_t     *value, *vs;
    ngx_mesh_backend_t  *backend;

    if (ngx_mesh_build_array(b, list, sizeof(ngx_mesh_backend_t),
                             &node->backends)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    backend = node->backends.elts;

    for (value = ngx_mesh_rules_first(list); value; value = value->next) {

        vs = ngx_mesh_rules_find(value, "virtualService");

        if (ngx_mesh_build_lower(b,
                                 ngx_mesh_rules_find(vs, "virtualServiceName"),
                                 &backend->name)
            != NGX_OK
            || ngx_mesh_build_client_policy(b,
                                      ngx_mesh_rules_find(vs, "clientPolicy"),
                                      &backend->client_policy)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        backend++;
    }

    return NGX_OK;
}


/* backends whose service is not in the document stay without one */

ngx_int_t
ngx_mesh_build_node_end(ngx_mesh_build_t *b, ngx_mesh_virtual_node_t *node)
{
    ngx_uint_t           i;
    ngx_mesh_map_t      *services;
    ngx_mesh_backend_t  *backend;

    backend = node->backends.elts;
    services = b->lists[NGX_MESH_SECTION_SERVICES].map;

    for (i = 0; i < node->backends.nelts; i++) {
        backend[i].service = ngx_mesh_map_find(services, backend[i].name.data,
                                               backend[i].name.len);
    }

    if (ngx_mesh_map_find(b->discovered, node->name.data, node->name.len)) {
        return NGX_OK;
    }

    return ngx_mesh_build_literal(b, node);
}
