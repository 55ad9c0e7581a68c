
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * $mesh_* variables of what was counted for the route and the target of a
 * request, by all workers.  They cost a sum over the workers where they are
 * used, and nothing elsewhere.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


static ngx_int_t ngx_http_mesh_route_requests_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mesh_node_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mesh_metrics_value(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t n);


static ngx_http_variable_t  ngx_http_mesh_metrics_vars[] = {

    { ngx_string("mesh_route_requests"), NULL,
      ngx_http_mesh_route_requests_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_node_requests"), NULL, ngx_http_mesh_node_variable,
      NGX_MESH_CLUSTER_RQ_TOTAL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_node_active"), NULL, ngx_http_mesh_node_variable,
      NGX_MESH_CLUSTER_RQ_ACTIVE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_mesh_metrics_add_variables(ngx_conf_t *cf)
{
    return ngx_http_mesh_add_table(cf, ngx_http_mesh_metrics_vars);
}


static ngx_int_t
ngx_http_mesh_route_requests_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    uint64_t              n, sum;
    ngx_uint_t            i;
    ngx_mesh_conf_t      *mcf;
    ngx_mesh_route_t     *route;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ngx_http_mesh_observe_ctx(r->main);
    mcf = ngx_mesh_get_conf((ngx_cycle_t *) ngx_cycle);

    if (ctx == NULL || ctx->route == NULL || mcf == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    route = ctx->route;

    for (i = 0, sum = 0; i < route->ntargets; i++) {

        if (ngx_mesh_metrics_total(mcf->metrics, NGX_MESH_METRICS_TARGET,
                         ctx->service->metrics[route->targets[i].ordinal],
                         NGX_MESH_TARGET_RQ_TOTAL, &n)
            != NGX_OK)
        {
            v->not_found = 1;
            return NGX_OK;
        }

        sum += n;
    }

    return ngx_http_mesh_metrics_value(r, v, sum);
}


static ngx_int_t
ngx_http_mesh_node_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    uint64_t              n;
    ngx_mesh_conf_t      *mcf;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ngx_http_mesh_observe_ctx(r->main);
    mcf = ngx_mesh_get_conf((ngx_cycle_t *) ngx_cycle);

    if (ctx == NULL
        || ctx->cluster == NULL
        || mcf == NULL
        || ngx_mesh_metrics_total(mcf->metrics, NGX_MESH_METRICS_CLUSTER,
                                  ctx->cluster->metrics, data, &n)
           != NGX_OK)
    {
        v->not_found = 1;
        return NGX_OK;
    }

    /* a gauge of several workers that is read while it moves */

    return ngx_http_mesh_metrics_value(r, v, ((int64_t) n < 0) ? 0 : n);
}


static ngx_int_t
ngx_http_mesh_metrics_value(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t n)
{
    v->data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(v->data, "%uL", n) - v->data;

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
