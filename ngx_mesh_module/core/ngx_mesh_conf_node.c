
/*
 * Copyright (C) nginx mesh contributors
 */

/* virtual_service, virtual_node{} and virtual_router{} of mesh{}. */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_conf.h"


char *
ngx_mesh_conf_virtual_service(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    static ngx_mesh_conf_arg_t  providers[] = {
        { ngx_string("virtual_node="), "virtualNode", "virtualNodeName",
          NGX_MESH_ARG_STRING },
        { ngx_string("virtual_router="), "virtualRouter", "virtualRouterName",
          NGX_MESH_ARG_STRING },
        { ngx_null_string, NULL, NULL, 0 }
    };

    char                   *rv;
    ngx_mesh_json_t        *provider;
    ngx_mesh_conf_block_t   block;

    rv = ngx_mesh_conf_open(cf, conf, "virtualServices", "virtualServiceName",
                            &block);

    if (rv != NGX_CONF_OK || cf->args->nelts == 2) {
        return rv;
    }

    provider = ngx_mesh_conf_add(cf, block.spec, "provider",
                                 NGX_MESH_JSON_OBJECT);
    if (provider == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_mesh_conf_args(cf, provider, 2, providers);
}


char *
ngx_mesh_conf_virtual_node(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                   *rv;
    ngx_mesh_conf_block_t   block;

    rv = ngx_mesh_conf_open(cf, conf, "virtualNodes", "virtualNodeName",
                            &block);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_mesh_conf_subblock(cf, NGX_MESH_NODE_CONF, &block);
}


char *
ngx_mesh_conf_virtual_router(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                   *rv;
    ngx_mesh_conf_block_t   block;

    rv = ngx_mesh_conf_open(cf, conf, "virtualRouters", "virtualRouterName",
                            &block);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_mesh_conf_subblock(cf, NGX_MESH_ROUTER_CONF, &block);
}


/* listener PORT [http | http2 | grpc | tcp]; */

char *
ngx_mesh_conf_listener(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    char             *rv;
    ngx_str_t        *value, protocol;
    ngx_mesh_json_t  *list, *listener, *mapping;

    value = cf->args->elts;

    if (cf->args->nelts > 3) {
        return "takes a port and a protocol";
    }

    ngx_str_set(&protocol, "http");

    if (cf->args->nelts == 3) {
        protocol = value[2];
    }

    list = ngx_mesh_conf_need(cf, block->spec, "listeners",
                              NGX_MESH_JSON_ARRAY);
    listener = ngx_mesh_conf_add(cf, list, NULL, NGX_MESH_JSON_OBJECT);
    mapping = ngx_mesh_conf_add(cf, listener, "portMapping",
                                NGX_MESH_JSON_OBJECT);

    rv = ngx_mesh_conf_add_number(cf, mapping, "port", &value[1]);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (block->kind == NULL) {
        block->kind = (char *) protocol.data;
    }

    return ngx_mesh_conf_add_string(cf, mapping, "protocol", &protocol);
}


/* endpoint ADDRESS[:PORT] [zone=NAME] [health=...]; */

char *
ngx_mesh_conf_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    static ngx_mesh_conf_arg_t  args[] = {
        { ngx_string("zone="), NULL, "zone", NGX_MESH_ARG_STRING },
        { ngx_string("health="), NULL, "healthStatus", NGX_MESH_ARG_STRING },
        { ngx_null_string, NULL, NULL, 0 }
    };

    u_char           *p, *last;
    ngx_str_t        *value, ip, port;
    ngx_mesh_json_t  *all, *list, *endpoint;

    value = cf->args->elts;

    ip = value[1];
    last = ip.data + ip.len;
    ngx_str_null(&port);

    if (ip.len && ip.data[0] == '[') {
        p = ngx_strlchr(ip.data, last, ']');
        if (p == NULL) {
            return "has an invalid address";
        }

        ip.data++;
        ip.len = p - ip.data;
        p++;

        if (p < last && (*p++ != ':' || p == last)) {
            return "has an invalid address";
        }

    } else {
        p = ngx_strlchr(ip.data, last, ':');

        if (p && ngx_strlchr(p + 1, last, ':')) {
            p = NULL;                           /* IPv6 without a port */
        }

        if (p) {
            ip.len = p++ - ip.data;

            if (p == last) {
                return "has an invalid address";
            }
        }
    }

    if (p && p < last) {
        port.data = p;
        port.len = last - p;
    }

    all = ngx_mesh_conf_need(cf, block->mcf->tree, "endpoints",
                             NGX_MESH_JSON_OBJECT);
    list = ngx_mesh_conf_need(cf, all, (char *) block->name.data,
                              NGX_MESH_JSON_ARRAY);
    endpoint = ngx_mesh_conf_add(cf, list, NULL, NGX_MESH_JSON_OBJECT);

    if (ngx_mesh_conf_add_string(cf, endpoint, "ip", &ip) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (port.len
        && ngx_mesh_conf_add_number(cf, endpoint, "port", &port)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_mesh_conf_args(cf, endpoint, 2, args);
}


/* dns HOSTNAME [response_type=...] [ip_preference=...]; */

char *
ngx_mesh_conf_dns(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    static ngx_mesh_conf_arg_t  args[] = {
        { ngx_string("response_type="), NULL, "responseType",
          NGX_MESH_ARG_STRING },
        { ngx_string("ip_preference="), NULL, "ipPreference",
          NGX_MESH_ARG_STRING },
        { ngx_null_string, NULL, NULL, 0 }
    };

    ngx_str_t        *value;
    ngx_mesh_json_t  *discovery, *dns;

    value = cf->args->elts;

    if (ngx_mesh_json_get(block->spec, "serviceDiscovery")) {
        return "is duplicate";
    }

    discovery = ngx_mesh_conf_add(cf, block->spec, "serviceDiscovery",
                                  NGX_MESH_JSON_OBJECT);
    dns = ngx_mesh_conf_add(cf, discovery, "dns", NGX_MESH_JSON_OBJECT);

    if (ngx_mesh_conf_add_string(cf, dns, "hostname", &value[1])
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_mesh_conf_args(cf, dns, 2, args);
}


char *
ngx_mesh_conf_backend(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    ngx_str_t        *value;
    ngx_mesh_json_t  *list, *backend, *service;

    value = cf->args->elts;

    list = ngx_mesh_conf_need(cf, block->spec, "backends",
                              NGX_MESH_JSON_ARRAY);
    backend = ngx_mesh_conf_add(cf, list, NULL, NGX_MESH_JSON_OBJECT);
    service = ngx_mesh_conf_add(cf, backend, "virtualService",
                                NGX_MESH_JSON_OBJECT);

    return ngx_mesh_conf_add_string(cf, service, "virtualServiceName",
                                    &value[1]);
}


char *
ngx_mesh_conf_node_lb_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    ngx_str_t        *value, policy;
    ngx_mesh_json_t  *extensions;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "round_robin") == 0) {
        ngx_str_set(&policy, "ROUND_ROBIN");

    } else if (ngx_strcmp(value[1].data, "least_request") == 0) {
        ngx_str_set(&policy, "LEAST_REQUEST");

    } else {
        return "must be \"round_robin\" or \"least_request\"";
    }

    if (ngx_mesh_json_get(block->object, "extensions")) {
        return "is duplicate";
    }

    extensions = ngx_mesh_conf_add(cf, block->object, "extensions",
                                   NGX_MESH_JSON_OBJECT);

    return ngx_mesh_conf_add_string(cf, extensions, "lbPolicy", &policy);
}
