
/*
 * Copyright (C) nginx mesh contributors
 */

/* $mesh_* variables of the trace and of the attempts of a request. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


typedef enum {
    NGX_HTTP_MESH_VAR_TRACE_ID = 0,
    NGX_HTTP_MESH_VAR_SPAN_ID,
    NGX_HTTP_MESH_VAR_PARENT_ID,
    NGX_HTTP_MESH_VAR_SAMPLED,
    NGX_HTTP_MESH_VAR_XRAY_HEADER,
    NGX_HTTP_MESH_VAR_TRACEPARENT
} ngx_http_mesh_trace_var_e;


static ngx_int_t ngx_http_mesh_trace_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static u_char *ngx_http_mesh_trace_text(u_char *p, ngx_mesh_trace_t *trace,
    ngx_http_mesh_trace_var_e var);
static ngx_int_t ngx_http_mesh_attempts_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mesh_time_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mesh_request_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_http_mesh_trace_vars[] = {

    { ngx_string("mesh_trace_id"), NULL, ngx_http_mesh_trace_variable,
      NGX_HTTP_MESH_VAR_TRACE_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_span_id"), NULL, ngx_http_mesh_trace_variable,
      NGX_HTTP_MESH_VAR_SPAN_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_parent_id"), NULL, ngx_http_mesh_trace_variable,
      NGX_HTTP_MESH_VAR_PARENT_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_sampled"), NULL, ngx_http_mesh_trace_variable,
      NGX_HTTP_MESH_VAR_SAMPLED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_xray_header"), NULL, ngx_http_mesh_trace_variable,
      NGX_HTTP_MESH_VAR_XRAY_HEADER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_traceparent"), NULL, ngx_http_mesh_trace_variable,
      NGX_HTTP_MESH_VAR_TRACEPARENT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_attempts"), NULL, ngx_http_mesh_attempts_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_upstream_time"), NULL, ngx_http_mesh_time_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mesh_request_id"), NULL, ngx_http_mesh_request_id_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_mesh_trace_add_variables(ngx_conf_t *cf)
{
    return ngx_http_mesh_add_table(cf, ngx_http_mesh_trace_vars);
}


static ngx_int_t
ngx_http_mesh_trace_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char               *p;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ngx_http_mesh_observe_ctx(r->main);

    if (ctx == NULL
        || ctx->trace == NULL
        || (data == NGX_HTTP_MESH_VAR_PARENT_ID && !ctx->trace->trace.parent))
    {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_MESH_TRACE_XRAY_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    v->len = ngx_http_mesh_trace_text(p, &ctx->trace->trace, data) - p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static u_char *
ngx_http_mesh_trace_text(u_char *p, ngx_mesh_trace_t *trace,
    ngx_http_mesh_trace_var_e var)
{
    switch (var) {

    case NGX_HTTP_MESH_VAR_TRACE_ID:
        return ngx_mesh_text_hex(p, trace->trace_id, 16);

    case NGX_HTTP_MESH_VAR_SPAN_ID:
        return ngx_mesh_text_hex(p, trace->span_id, 8);

    case NGX_HTTP_MESH_VAR_PARENT_ID:
        return ngx_mesh_text_hex(p, trace->parent_id, 8);

    case NGX_HTTP_MESH_VAR_SAMPLED:
        *p = trace->sampled ? '1' : '0';
        return p + 1;

    case NGX_HTTP_MESH_VAR_XRAY_HEADER:
        return ngx_mesh_trace_xray(p, trace);

    default:
        return ngx_mesh_trace_traceparent(p, trace);
    }
}


static ngx_int_t
ngx_http_mesh_attempts_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char               *p;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ngx_http_mesh_observe_ctx(r->main);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    v->len = ngx_sprintf(p, "%ui", ctx->attempts) - p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* as $request_time, seconds with milliseconds */

static ngx_int_t
ngx_http_mesh_time_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char      *p;
    ngx_msec_t   ms;

    ms = ngx_http_mesh_observe_upstream(r->main);

    if (ms == (ngx_msec_t) -1
        || ngx_http_mesh_observe_ctx(r->main) == NULL)
    {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    v->len = ngx_sprintf(p, "%T.%03M", (time_t) ms / 1000, ms % 1000) - p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mesh_request_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t            *value;
    ngx_http_mesh_ctx_t  *ctx;

    ctx = ngx_http_mesh_observe_ctx(r->main);

    if (ctx == NULL || ctx->headers.request_id == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    value = &ctx->headers.request_id->value;

    v->data = value->data;
    v->len = value->len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
