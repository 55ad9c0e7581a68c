
/*
 * Copyright (C) nginx mesh contributors
 */

/* $mesh_* variables: what was decided for a request. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


typedef enum {
    NGX_HTTP_MESH_VAR_NAME = 0,
    NGX_HTTP_MESH_VAR_RESOURCE,
    NGX_HTTP_MESH_VAR_SERVICE,
    NGX_HTTP_MESH_VAR_ROUTER,
    NGX_HTTP_MESH_VAR_ROUTE,
    NGX_HTTP_MESH_VAR_NODE,
    NGX_HTTP_MESH_VAR_ENDPOINT,
    NGX_HTTP_MESH_VAR_VERSION
} ngx_http_mesh_var_e;


static ngx_int_t ngx_http_mesh_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_str_t *ngx_http_mesh_value(ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_var_e var);
static ngx_int_t ngx_http_mesh_direction_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mesh_flags_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mesh_host_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_mesh_set_value(ngx_http_variable_value_t *v,
    ngx_str_t *value);


static ngx_http_variable_t  ngx_http_mesh_vars[] = {

    { ngx_string("mesh_name"), NULL, ngx_http_mesh_variable,
      NGX_HTTP_MESH_VAR_NAME, 0, 0 },

    { ngx_string("mesh_resource"), NULL, ngx_http_mesh_variable,
      NGX_HTTP_MESH_VAR_RESOURCE, 0, 0 },

    { ngx_string("mesh_virtual_service"), NULL, ngx_http_mesh_variable,
      NGX_HTTP_MESH_VAR_SERVICE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_virtual_router"), NULL, ngx_http_mesh_variable,
      NGX_HTTP_MESH_VAR_ROUTER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_route"), NULL, ngx_http_mesh_variable,
      NGX_HTTP_MESH_VAR_ROUTE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_virtual_node"), NULL, ngx_http_mesh_variable,
      NGX_HTTP_MESH_VAR_NODE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_endpoint"), NULL, ngx_http_mesh_variable,
      NGX_HTTP_MESH_VAR_ENDPOINT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_config_version"), NULL, ngx_http_mesh_variable,
      NGX_HTTP_MESH_VAR_VERSION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_direction"), NULL, ngx_http_mesh_direction_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_response_flags"), NULL, ngx_http_mesh_flags_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_proxy_host"), NULL, ngx_http_mesh_host_variable,
      0, 0, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_mesh_add_variables(ngx_conf_t *cf)
{
    if (ngx_http_mesh_add_table(cf, ngx_http_mesh_vars) != NGX_OK
        || ngx_http_mesh_trace_add_variables(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_mesh_metrics_add_variables(cf);
}


ngx_int_t
ngx_http_mesh_add_table(ngx_conf_t *cf, ngx_http_variable_t *v)
{
    ngx_http_variable_t  *var;

    for ( /* void */ ; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static void
ngx_http_mesh_set_value(ngx_http_variable_value_t *v, ngx_str_t *value)
{
    if (value == NULL || value->len == 0) {
        v->not_found = 1;
        return;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = value->len;
    v->data = value->data;
}


static ngx_int_t
ngx_http_mesh_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_mesh_conf_t      *mcf;
    ngx_http_mesh_ctx_t  *ctx;

    if (data == NGX_HTTP_MESH_VAR_NAME || data == NGX_HTTP_MESH_VAR_RESOURCE) {

        mcf = ngx_mesh_get_conf((ngx_cycle_t *) ngx_cycle);

        ngx_http_mesh_set_value(v, mcf == NULL ? NULL
                                   : data == NGX_HTTP_MESH_VAR_NAME
                                   ? &mcf->name : &mcf->resource);
        return NGX_OK;
    }

    ctx = ngx_http_mesh_observe_ctx(r->main);

    ngx_http_mesh_set_value(v, ctx ? ngx_http_mesh_value(ctx, data) : NULL);

    return NGX_OK;
}


static ngx_str_t *
ngx_http_mesh_value(ngx_http_mesh_ctx_t *ctx, ngx_http_mesh_var_e var)
{
    switch (var) {

    case NGX_HTTP_MESH_VAR_SERVICE:
        return ctx->service ? &ctx->service->name : NULL;

    case NGX_HTTP_MESH_VAR_ROUTER:
        return (ctx->service && ctx->service->router)
               ? &ctx->service->router->name : NULL;

    case NGX_HTTP_MESH_VAR_ROUTE:
        return ctx->route ? &ctx->route->name : NULL;

    case NGX_HTTP_MESH_VAR_NODE:
        return ctx->cluster ? &ctx->cluster->node->name : NULL;

    case NGX_HTTP_MESH_VAR_ENDPOINT:
        return ctx->endpoint ? &ctx->endpoint->name : NULL;

    case NGX_HTTP_MESH_VAR_VERSION:
        return ctx->snapshot ? &ctx->snapshot->model->version : NULL;

    default:
        return NULL;
    }
}


static ngx_int_t
ngx_http_mesh_direction_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_mesh_ctx_t  *ctx;

    static ngx_str_t  directions[] = {
        ngx_null_string,
        ngx_string("egress"),
        ngx_string("ingress")
    };

    ctx = ngx_http_mesh_observe_ctx(r->main);

    ngx_http_mesh_set_value(v, ctx ? &directions[ctx->direction] : NULL);

    return NGX_OK;
}


/* as %RESPONSE_FLAGS% of Envoy's access log */

static ngx_int_t
ngx_http_mesh_flags_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t             value;
    ngx_uint_t            flags;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ngx_http_mesh_observe_ctx(r->main);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    flags = ngx_http_mesh_retry_flags(ctx);

    if (r->headers_out.status == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || r->connection->error)
    {
        flags |= NGX_HTTP_MESH_DC;
    }

    value.data = ngx_pnalloc(r->pool, NGX_HTTP_MESH_FLAGS_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_http_mesh_flags(value.data, flags) - value.data;
    ngx_http_mesh_set_value(v, &value);

    return NGX_OK;
}


/* Envoy, RetryStateImpl::shouldRetry(), and the router after it */

ngx_uint_t
ngx_http_mesh_retry_flags(ngx_http_mesh_ctx_t *ctx)
{
    ngx_uint_t  flags;

    flags = ctx->flags;

    if (ctx->attempt.overflow) {
        flags |= NGX_HTTP_MESH_UO;

    } else if (ctx->attempt.exhausted) {
        flags |= NGX_HTTP_MESH_URX;
    }

    return flags;
}


u_char *
ngx_http_mesh_flags(u_char *p, ngx_uint_t flags)
{
    u_char      *start;
    ngx_uint_t   i;

    static struct {
        ngx_uint_t   flag;
        ngx_str_t    name;
    } names[] = {
        { NGX_HTTP_MESH_UH, ngx_string("UH") },
        { NGX_HTTP_MESH_UF, ngx_string("UF") },
        { NGX_HTTP_MESH_UO, ngx_string("UO") },
        { NGX_HTTP_MESH_NR, ngx_string("NR") },
        { NGX_HTTP_MESH_UT, ngx_string("UT") },
        { NGX_HTTP_MESH_UC, ngx_string("UC") },
        { NGX_HTTP_MESH_URX, ngx_string("URX") },
        { NGX_HTTP_MESH_NC, ngx_string("NC") },
        { NGX_HTTP_MESH_DC, ngx_string("DC") },
        { 0, ngx_null_string }
    };

    start = p;

    for (i = 0; names[i].flag; i++) {
        if ((flags & names[i].flag) == 0) {
            continue;
        }

        if (p != start) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, names[i].name.data, names[i].name.len);
    }

    if (p == start) {
        *p++ = '-';
    }

    return p;
}


/* the authority to forward: App Mesh leaves Host as it is */

static ngx_int_t
ngx_http_mesh_host_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t  value;

    ngx_http_mesh_host(r, &value);
    ngx_http_mesh_set_value(v, &value);

    return NGX_OK;
}
