
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What stands in mesh{}.
 *
 * Settings of the proxy go to ngx_mesh_conf_t.  Resources written as directives
 * are put into the same JSON tree that a mesh document becomes, each value with
 * the file and line it was written in, so that one validation serves both and
 * its errors name the place.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_conf.h"
#include "ngx_mesh_retry.h"


static char *ngx_mesh_conf_path(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_mesh_conf_app_address(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_mesh_conf_keepalive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_mesh_conf_mesh_spec(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void ngx_mesh_conf_error(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_loader_t *ld, ngx_str_t *text, const char *more);


static ngx_conf_enum_t  ngx_mesh_conf_lb_policies[] = {
    { ngx_string("round_robin"), NGX_MESH_ROUND_ROBIN },
    { ngx_string("least_request"), NGX_MESH_LEAST_REQUEST },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_mesh_conf_retry_defaults[] = {
    { ngx_string("appmesh"), NGX_MESH_RETRY_DEFAULTS_APPMESH },
    { ngx_string("safe"), NGX_MESH_RETRY_DEFAULTS_SAFE },
    { ngx_string("off"), NGX_MESH_RETRY_DEFAULTS_OFF },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_mesh_conf_server_headers[] = {
    { ngx_string("envoy"), NGX_MESH_SERVER_HEADER_ENVOY },
    { ngx_string("off"), NGX_MESH_SERVER_HEADER_APPLICATION },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_mesh_conf_commands[] = {

    { ngx_string("resource"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_resource,
      0,
      0,
      NULL },

    { ngx_string("control_plane"),
      NGX_MESH_CONF|NGX_CONF_TAKE123,
      ngx_mesh_conf_control_plane,
      0,
      0,
      NULL },

    { ngx_string("control_plane_timeout"),
      NGX_MESH_CONF|NGX_CONF_TAKE12,
      ngx_mesh_conf_control_timeout,
      0,
      0,
      NULL },

    { ngx_string("control_plane_trusted_certificate"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_mesh_conf_t, control.trusted),
      NULL },

    { ngx_string("control_plane_certificate"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_mesh_conf_t, control.certificate),
      NULL },

    { ngx_string("control_plane_certificate_key"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_mesh_conf_t, control.certificate_key),
      NULL },

    { ngx_string("control_plane_server_name"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_mesh_conf_t, control.server_name),
      NULL },

    { ngx_string("control_plane_signing"),
      NGX_MESH_CONF|NGX_CONF_TAKE12,
      ngx_mesh_conf_control_signing,
      0,
      0,
      NULL },

    { ngx_string("state"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_path,
      0,
      offsetof(ngx_mesh_conf_t, state),
      NULL },

    { ngx_string("drain_file"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_path,
      0,
      offsetof(ngx_mesh_conf_t, drain_file),
      NULL },

    { ngx_string("zone"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      0,
      offsetof(ngx_mesh_conf_t, zone_size),
      NULL },

    { ngx_string("metrics_zone"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_metrics_zone,
      0,
      offsetof(ngx_mesh_conf_t, metrics_size),
      NULL },

    { ngx_string("max_document_size"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      0,
      offsetof(ngx_mesh_conf_t, max_document),
      NULL },

    { ngx_string("otlp"),
      NGX_MESH_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_otlp,
      0,
      0,
      NULL },

    { ngx_string("app_address"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_app_address,
      0,
      0,
      NULL },

    { ngx_string("lb_policy"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      0,
      offsetof(ngx_mesh_conf_t, lb_policy),
      ngx_mesh_conf_lb_policies },

    { ngx_string("retry_defaults"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      0,
      offsetof(ngx_mesh_conf_t, retry_defaults),
      ngx_mesh_conf_retry_defaults },

    { ngx_string("slow_start"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_mesh_conf_t, slow_start),
      NULL },

    { ngx_string("keepalive"),
      NGX_MESH_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_keepalive,
      0,
      0,
      NULL },

    { ngx_string("metrics_extension"),
      NGX_MESH_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_mesh_conf_t, stats.extension),
      NULL },

    { ngx_string("stats_tags"),
      NGX_MESH_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_mesh_conf_t, stats.tags),
      NULL },

    { ngx_string("statsd"),
      NGX_MESH_CONF|NGX_CONF_TAKE12,
      ngx_mesh_conf_statsd,
      0,
      0,
      NULL },

    { ngx_string("emf"),
      NGX_MESH_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_emf,
      0,
      0,
      NULL },

    { ngx_string("xray"),
      NGX_MESH_CONF|NGX_CONF_ANY,
      ngx_mesh_conf_xray,
      0,
      0,
      NULL },

    { ngx_string("trace_sampling"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_trace_sampling,
      0,
      0,
      NULL },

    { ngx_string("trace_headers"),
      NGX_MESH_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_trace_headers,
      0,
      0,
      NULL },

    { ngx_string("envoy_headers"),
      NGX_MESH_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_mesh_conf_t, trace.envoy_headers),
      NULL },

    { ngx_string("server_header"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      0,
      offsetof(ngx_mesh_conf_t, trace.server_header),
      ngx_mesh_conf_server_headers },

    { ngx_string("egress_filter"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_mesh_spec,
      0,
      0,
      "egressFilter\0type" },

    { ngx_string("ip_preference"),
      NGX_MESH_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_mesh_spec,
      0,
      0,
      "serviceDiscovery\0ipPreference" },

    { ngx_string("spec_access_log"),
      NGX_MESH_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_mesh_conf_t, log.enable),
      NULL },

    { ngx_string("access_log_filter"),
      NGX_MESH_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_log_filter,
      0,
      0,
      NULL },

    { ngx_string("virtual_service"),
      NGX_MESH_CONF|NGX_CONF_TAKE12,
      ngx_mesh_conf_virtual_service,
      0,
      0,
      NULL },

    { ngx_string("virtual_node"),
      NGX_MESH_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_mesh_conf_virtual_node,
      0,
      0,
      NULL },

    { ngx_string("virtual_router"),
      NGX_MESH_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_mesh_conf_virtual_router,
      0,
      0,
      NULL },

    { ngx_string("listener"),
      NGX_MESH_NODE_CONF|NGX_MESH_ROUTER_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_listener,
      0,
      0,
      NULL },

    { ngx_string("endpoint"),
      NGX_MESH_NODE_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_endpoint,
      0,
      0,
      NULL },

    { ngx_string("dns"),
      NGX_MESH_NODE_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_dns,
      0,
      0,
      NULL },

    { ngx_string("access_log"),
      NGX_MESH_NODE_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_access_log,
      0,
      0,
      NULL },

    { ngx_string("backend"),
      NGX_MESH_NODE_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_backend,
      0,
      0,
      NULL },

    { ngx_string("lb_policy"),
      NGX_MESH_NODE_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_node_lb_policy,
      0,
      0,
      NULL },

    { ngx_string("route"),
      NGX_MESH_ROUTER_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE12,
      ngx_mesh_conf_route,
      0,
      0,
      NULL },

    { ngx_string("priority"),
      NGX_MESH_ROUTE_CONF|NGX_CONF_TAKE1,
      ngx_mesh_conf_priority,
      0,
      0,
      NULL },

    { ngx_string("match"),
      NGX_MESH_ROUTE_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_match,
      0,
      0,
      NULL },

    { ngx_string("header"),
      NGX_MESH_ROUTE_CONF|NGX_CONF_TAKE123,
      ngx_mesh_conf_header,
      0,
      0,
      "headers" },

    { ngx_string("metadata"),
      NGX_MESH_ROUTE_CONF|NGX_CONF_TAKE123,
      ngx_mesh_conf_header,
      0,
      0,
      "metadata" },

    { ngx_string("query"),
      NGX_MESH_ROUTE_CONF|NGX_CONF_TAKE12,
      ngx_mesh_conf_query,
      0,
      0,
      NULL },

    { ngx_string("target"),
      NGX_MESH_ROUTE_CONF|NGX_CONF_TAKE123,
      ngx_mesh_conf_target,
      0,
      0,
      NULL },

    { ngx_string("timeout"),
      NGX_MESH_ROUTE_CONF|NGX_CONF_TAKE12,
      ngx_mesh_conf_timeout,
      0,
      0,
      NULL },

    { ngx_string("retry"),
      NGX_MESH_ROUTE_CONF|NGX_CONF_1MORE,
      ngx_mesh_conf_retry,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_mesh_conf_module_ctx = {
    ngx_string("mesh"),
    NULL,
    NULL
};


ngx_module_t  ngx_mesh_conf_module = {
    NGX_MODULE_V1,
    &ngx_mesh_conf_module_ctx,             /* module context */
    ngx_mesh_conf_commands,                /* module directives */
    NGX_MESH_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* a name that is relative to the prefix */

static char *
ngx_mesh_conf_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t  *field, *value;

    field = (ngx_str_t *) (p + cmd->offset);

    if (field->len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    *field = value[1];

    if (ngx_conf_full_name(cf->cycle, field, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_mesh_conf_app_address(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    ngx_str_t   *value;
    ngx_addr_t   addr;

    if (mcf->app_address.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_parse_addr(cf->pool, &addr, value[1].data, value[1].len)
        != NGX_OK)
    {
        return "must be an IP address without a port";
    }

    mcf->app_address = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_mesh_conf_keepalive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    if (mcf->keepalive != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);
    if (n == NGX_ERROR) {
        return "has an invalid number of connections";
    }

    mcf->keepalive = n;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "timeout=", 8) == 0) {
            s.data = value[i].data + 8;
            s.len = value[i].len - 8;

            mcf->keepalive_timeout = ngx_parse_time(&s, 0);

            if (mcf->keepalive_timeout == (ngx_msec_t) NGX_ERROR) {
                return "has an invalid \"timeout\"";
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "time=", 5) == 0) {
            s.data = value[i].data + 5;
            s.len = value[i].len - 5;

            mcf->keepalive_time = ngx_parse_time(&s, 0);

            if (mcf->keepalive_time == (ngx_msec_t) NGX_ERROR) {
                return "has an invalid \"time\"";
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "requests=", 9) == 0) {
            n = ngx_atoi(value[i].data + 9, value[i].len - 9);

            if (n == NGX_ERROR || n == 0) {
                return "has an invalid \"requests\"";
            }

            mcf->keepalive_requests = n;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "post" is two names: a structure of MeshSpec and its only member */

static char *
ngx_mesh_conf_mesh_spec(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    const char       *outer;
    ngx_str_t        *value;
    ngx_mesh_json_t  *tree, *spec;

    outer = cmd->post;
    value = cf->args->elts;

    tree = ngx_mesh_conf_tree(cf, mcf);
    if (tree == NULL) {
        return NGX_CONF_ERROR;
    }

    spec = ngx_mesh_json_get(ngx_mesh_json_get(tree, "mesh"), "spec");

    if (ngx_mesh_json_get(spec, outer)) {
        return "is duplicate";
    }

    spec = ngx_mesh_conf_add(cf, spec, outer, NGX_MESH_JSON_OBJECT);
    if (spec == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_mesh_conf_add_string(cf, spec, outer + ngx_strlen(outer) + 1,
                                    &value[1]);
}


/*
 * What is unknown in a document may be of a later version; here it is a
 * parameter that the kind of route does not have.
 */

ngx_int_t
ngx_mesh_conf_document(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf)
{
    ngx_int_t                rc;
    ngx_str_t                unknown;
    ngx_mesh_loader_t       *ld;
    ngx_mesh_loader_conf_t   lc;

    if (mcf->tree == NULL) {
        return NGX_OK;
    }

    ngx_mesh_loader_conf(mcf, &lc, cycle->log);

    ld = ngx_mesh_loader_create_tree(&lc, mcf->tree);
    if (ld == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_loader_step(ld, 0);

    if (rc != NGX_OK) {
        ngx_mesh_conf_error(cycle, mcf, ld, ngx_mesh_loader_error(ld), "");

    } else if (ngx_mesh_loader_unknown(ld, &unknown)) {
        ngx_mesh_conf_error(cycle, mcf, ld, &unknown, ": does not exist");
        rc = NGX_ERROR;
    }

    ngx_mesh_loader_free(ld);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mesh_json_print(cycle->pool, mcf->tree, &mcf->document);
}


static void
ngx_mesh_conf_error(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_loader_t *ld, ngx_str_t *text, const char *more)
{
    ngx_mesh_json_source_t  *source;

    source = ngx_mesh_loader_error_source(ld);

    if (source) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "%V%s in %V:%ui",
                      text, more, &source->file, source->line);
        return;
    }

    ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "%V%s in %s:%ui",
                  text, more, mcf->file, mcf->line);
}
