
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The directives of the control plane, and when its parts begin and end.
 *
 * The master checks everything at configuration time.  A worker opens what the
 * keys and the services need after its store, which is another module's.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_mesh_appmesh.h"
#include "ngx_http_mesh_control.h"
#include "ngx_mesh_proxies.h"


#define NGX_HTTP_MESH_CONTROL_ZONE  (16 * 1024 * 1024)


static ngx_int_t ngx_http_mesh_control_add_variables(ngx_conf_t *cf);
static ngx_int_t ngx_http_mesh_control_request_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void *ngx_http_mesh_control_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_mesh_control_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_mesh_control_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_mesh_control_merge_loc_conf(ngx_conf_t *cf,
    void *parent, void *child);
static ngx_int_t ngx_http_mesh_control_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_mesh_control_add_route(ngx_conf_t *cf,
    ngx_array_t *routes, const ngx_mesh_service_t *service,
    const ngx_mesh_op_t *op);
static char *ngx_http_mesh_control_plane(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mesh_control_store(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mesh_control_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mesh_control_keys(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mesh_control_region(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mesh_control_account(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mesh_control_quotas(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_mesh_control_add_quota(ngx_conf_t *cf,
    ngx_array_t *quotas, ngx_str_t *value);
static ngx_mesh_quota_t *ngx_http_mesh_control_find_quota(ngx_array_t *quotas,
    u_char *name, size_t len);
static ngx_int_t ngx_http_mesh_control_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_mesh_control_init_process(ngx_cycle_t *cycle);
static void ngx_http_mesh_control_exit_process(ngx_cycle_t *cycle);
static void ngx_http_mesh_control_open(ngx_cycle_t *cycle);
static void ngx_http_mesh_control_close(ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_mesh_control_commands[] = {

    { ngx_string("mesh_control_plane"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mesh_control_plane,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mesh_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_mesh_control_store,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mesh_proxies_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_mesh_control_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mesh_keys"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mesh_control_keys,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mesh_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mesh_control_loc_conf_t, auth),
      NULL },

    { ngx_string("mesh_region"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mesh_control_region,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mesh_account"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mesh_control_account,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mesh_quotas"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mesh_control_quotas,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mesh_max_wait"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mesh_control_loc_conf_t, max_wait),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mesh_control_module_ctx = {
    ngx_http_mesh_control_add_variables,   /* preconfiguration */
    ngx_http_mesh_control_init,            /* postconfiguration */

    ngx_http_mesh_control_create_main_conf, /* create main configuration */
    ngx_http_mesh_control_init_main_conf,  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mesh_control_create_loc_conf, /* create location configuration */
    ngx_http_mesh_control_merge_loc_conf   /* merge location configuration */
};


ngx_module_t  ngx_http_mesh_control_module = {
    NGX_MODULE_V1,
    &ngx_http_mesh_control_module_ctx,     /* module context */
    ngx_http_mesh_control_commands,        /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_mesh_control_init_module,     /* init module */
    ngx_http_mesh_control_init_process,    /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_mesh_control_exit_process,    /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/*
 * AWS's "App Mesh endpoints and quotas".  That a route has at most 10 weighted
 * targets is not among them: its shape says so.
 */

const ngx_mesh_quota_t  ngx_mesh_quotas[] = {
    { ngx_string("meshes"), 15 },               /* of an account */
    { ngx_string("virtual_services"), 200 },    /* of a mesh, as the next */
    { ngx_string("virtual_nodes"), 200 },
    { ngx_string("virtual_routers"), 200 },
    { ngx_string("virtual_gateways"), 3 },
    { ngx_string("routes"), 50 },               /* of a virtual router */
    { ngx_string("gateway_routes"), 10 },       /* of a virtual gateway */
    { ngx_string("backends"), 50 },             /* of a virtual node */
    { ngx_null_string, 0 }
};


/* a single process has opened what a worker opens */
static ngx_uint_t  ngx_http_mesh_control_single;


static ngx_http_variable_t  ngx_http_mesh_control_vars[] = {

    { ngx_string("mesh_api_request_id"), NULL,
      ngx_http_mesh_control_request_id, 0, 0, 0 },

      ngx_http_null_variable
};


static ngx_int_t
ngx_http_mesh_control_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_mesh_control_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* not found before the content phase, and in locations of others */

static ngx_int_t
ngx_http_mesh_control_request_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_mesh_control_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mesh_control_module);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = ctx->request_id;
    v->len = sizeof(ctx->request_id);
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static void *
ngx_http_mesh_control_create_main_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     mcf->store = NULL;
     *     mcf->zone = NULL;
     *     mcf->zone_size = 0;
     *     mcf->routes = { NULL };
     *     mcf->file = { 0, NULL };
     *     mcf->line = 0;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_http_mesh_control_main_conf_t));
}


static char *
ngx_http_mesh_control_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_mesh_control_main_conf_t *mcf = conf;

    ngx_str_t  name = ngx_string("mesh_proxies");

    if (mcf->line == 0) {

        if (mcf->store) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"mesh_store\" is not used without "
                          "\"mesh_control_plane\"");
            mcf->store = NULL;
        }

        return NGX_CONF_OK;
    }

    if (mcf->store == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mesh_control_plane\" needs \"mesh_store\" in the "
                      "\"http\" block in %V:%ui", &mcf->file, mcf->line);
        return NGX_CONF_ERROR;
    }

    if (mcf->zone_size == 0) {
        mcf->zone_size = NGX_HTTP_MESH_CONTROL_ZONE;
    }

    mcf->zone = ngx_mesh_proxies_add(cf, &name, mcf->zone_size);

    return mcf->zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static void *
ngx_http_mesh_control_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_mesh_control_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mesh_control_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     lcf->enable = 0;
     *     lcf->file = { 0, NULL };
     *     lcf->line = 0;
     *     lcf->keys_path = { 0, NULL };
     *     lcf->keys = NULL;
     *     lcf->region = { 0, NULL };
     *     lcf->account = { 0, NULL };
     */

    lcf->auth = NGX_CONF_UNSET;
    lcf->quotas = NGX_CONF_UNSET_PTR;
    lcf->max_wait = NGX_CONF_UNSET_MSEC;

    return lcf;
}


/*
 * A content handler is not inherited, but "if" and "limit_except" blocks, which
 * nginx makes locations without a name, are the same place.
 */

static char *
ngx_http_mesh_control_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mesh_control_loc_conf_t *prev = parent;
    ngx_http_mesh_control_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_value(conf->auth, prev->auth, 1);
    ngx_conf_merge_str_value(conf->keys_path, prev->keys_path, "");
    ngx_conf_merge_str_value(conf->region, prev->region, "us-east-1");
    ngx_conf_merge_str_value(conf->account, prev->account, "000000000000");
    ngx_conf_merge_ptr_value(conf->quotas, prev->quotas, NULL);
    ngx_conf_merge_msec_value(conf->max_wait, prev->max_wait, 300000);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && prev->enable && clcf->handler == NULL) {
        conf->enable = 1;
        conf->file = prev->file;
        conf->line = prev->line;

        if (clcf->lmt_excpt) {
            clcf->handler = ngx_http_mesh_control_handler;
        }
    }

    if (!conf->enable) {
        return NGX_CONF_OK;
    }

    /* the handler has a limit of its own, and words the error */
    clcf->client_max_body_size = 0;

    return ngx_http_mesh_control_auth_init(cf, conf);
}


/* takes the URIs of all operations apart */

static ngx_int_t
ngx_http_mesh_control_init(ngx_conf_t *cf)
{
    const ngx_mesh_op_t                *op;
    const ngx_mesh_service_t          **service;
    ngx_http_mesh_control_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mesh_control_module);

    if (mcf->store == NULL) {
        return NGX_OK;
    }

    if (ngx_array_init(&mcf->routes, cf->pool, 64,
                       sizeof(ngx_http_mesh_route_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (service = ngx_mesh_services; *service; service++) {

        for (op = (*service)->ops; op && op->name; op++) {

            if (op->uri
                && ngx_http_mesh_control_add_route(cf, &mcf->routes, *service,
                                                   op)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mesh_control_add_route(ngx_conf_t *cf, ngx_array_t *routes,
    const ngx_mesh_service_t *service, const ngx_mesh_op_t *op)
{
    u_char                   *p, *start;
    ngx_http_mesh_route_t    *route;
    ngx_http_mesh_segment_t  *segment;

    route = ngx_array_push(routes);
    if (route == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(route, sizeof(ngx_http_mesh_route_t));

    route->service = service;
    route->op = op;

    p = (u_char *) op->uri;

    while (*p == '/') {

        start = ++p;

        while (*p && *p != '/') {
            p++;
        }

        if (route->nsegments == NGX_MESH_CONTROL_SEGMENTS) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "too many segments in \"%s\"", op->uri);
            return NGX_ERROR;
        }

        segment = &route->segments[route->nsegments++];

        if (*start == '{') {
            segment->member = 1;
            segment->text.data = start + 1;
            segment->text.len = p - start - 2;

        } else {
            segment->text.data = start;
            segment->text.len = p - start;
        }
    }

    return NGX_OK;
}


static char *
ngx_http_mesh_control_plane(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mesh_control_loc_conf_t *lcf = conf;

    ngx_http_core_loc_conf_t           *clcf;
    ngx_http_mesh_control_main_conf_t  *mcf;

    if (lcf->enable) {
        return "is duplicate";
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mesh_control_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    lcf->enable = 1;
    lcf->file = cf->conf_file->file.name;
    lcf->line = cf->conf_file->line;

    if (mcf->line == 0) {
        mcf->file = lcf->file;
        mcf->line = lcf->line;
    }

    clcf->handler = ngx_http_mesh_control_handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_mesh_control_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mesh_control_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->store) {
        return "is duplicate";
    }

    value = cf->args->elts;

    mcf->store = ngx_mesh_store_create(cf, &value[1]);

    return mcf->store ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_mesh_control_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mesh_control_main_conf_t *mcf = conf;

    ssize_t     size;
    ngx_str_t  *value;

    if (mcf->zone_size) {
        return "is duplicate";
    }

    value = cf->args->elts;

    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR) {
        return "has an invalid size";
    }

    if (size < (ssize_t) (8 * ngx_pagesize)) {
        return "is too small";
    }

    mcf->zone_size = size;

    return NGX_CONF_OK;
}


/* like certificates, relative to the directory of nginx.conf */

static char *
ngx_http_mesh_control_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mesh_control_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->keys_path.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "has an empty name";
    }

    lcf->keys_path = value[1];

    if (ngx_conf_full_name(cf->cycle, &lcf->keys_path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_mesh_control_region(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mesh_control_loc_conf_t *lcf = conf;

    size_t      i;
    u_char      c;
    ngx_str_t  *value;

    if (lcf->region.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {
        c = value[1].data[i];

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-') {
            return "must have small letters, digits and \"-\" only";
        }
    }

    if (value[1].len == 0 || value[1].len > 64) {
        return "must have 1 to 64 characters";
    }

    lcf->region = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_mesh_control_account(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mesh_control_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->account.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (!ngx_mesh_id_is_account(&value[1])) {
        return "must have 12 digits";
    }

    lcf->account = value[1];

    return NGX_CONF_OK;
}


/* mesh_quotas off | [appmesh] [NAME=NUMBER]...; */

static char *
ngx_http_mesh_control_quotas(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mesh_control_loc_conf_t *lcf = conf;

    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_mesh_quota_t        *quota;
    const ngx_mesh_quota_t  *q;

    if (lcf->quotas != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        lcf->quotas = NULL;
        return (cf->args->nelts == 2) ? NGX_CONF_OK : "has more than \"off\"";
    }

    lcf->quotas = ngx_array_create(cf->pool, 16, sizeof(ngx_mesh_quota_t));
    if (lcf->quotas == NULL) {
        return NGX_CONF_ERROR;
    }

    i = 1;

    if (ngx_strcmp(value[1].data, "appmesh") == 0) {
        i++;
    }

    for ( /* void */ ; i < cf->args->nelts; i++) {
        if (ngx_http_mesh_control_add_quota(cf, lcf->quotas, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_strcmp(value[1].data, "appmesh") != 0) {
        return NGX_CONF_OK;
    }

    for (q = ngx_mesh_quotas; q->name.len; q++) {

        if (ngx_http_mesh_control_find_quota(lcf->quotas, q->name.data,
                                             q->name.len))
        {
            continue;
        }

        quota = ngx_array_push(lcf->quotas);
        if (quota == NULL) {
            return NGX_CONF_ERROR;
        }

        *quota = *q;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_mesh_control_add_quota(ngx_conf_t *cf, ngx_array_t *quotas,
    ngx_str_t *value)
{
    u_char                  *p;
    size_t                   len;
    ngx_int_t                n;
    ngx_mesh_quota_t        *quota;
    const ngx_mesh_quota_t  *q;

    p = (u_char *) ngx_strchr(value->data, '=');

    if (p == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", value);
        return NGX_ERROR;
    }

    len = p - value->data;

    for (q = ngx_mesh_quotas; q->name.len; q++) {
        if (q->name.len == len
            && ngx_strncmp(q->name.data, value->data, len) == 0)
        {
            break;
        }
    }

    if (q->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown quota \"%*s\"", len, value->data);
        return NGX_ERROR;
    }

    if (ngx_http_mesh_control_find_quota(quotas, value->data, len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate quota \"%V\"", &q->name);
        return NGX_ERROR;
    }

    n = ngx_atoi(p + 1, value->len - len - 1);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number in \"%V\"", value);
        return NGX_ERROR;
    }

    quota = ngx_array_push(quotas);
    if (quota == NULL) {
        return NGX_ERROR;
    }

    quota->name = q->name;
    quota->limit = n;

    return NGX_OK;
}


static ngx_mesh_quota_t *
ngx_http_mesh_control_find_quota(ngx_array_t *quotas, u_char *name, size_t len)
{
    ngx_uint_t         i;
    ngx_mesh_quota_t  *quota;

    quota = quotas->elts;

    for (i = 0; i < quotas->nelts; i++) {
        if (quota[i].name.len == len
            && ngx_memcmp(quota[i].name.data, name, len) == 0)
        {
            return &quota[i];
        }
    }

    return NULL;
}


/*
 * The store has a module of its own, which comes first.  After a reload of a
 * single process init_process is not called again.
 */

static ngx_int_t
ngx_http_mesh_control_init_module(ngx_cycle_t *cycle)
{
    if (!ngx_test_config
        && ngx_process == NGX_PROCESS_SINGLE && ngx_http_mesh_control_single)
    {
        ngx_http_mesh_control_close(cycle->old_cycle);
        ngx_http_mesh_control_open(cycle);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mesh_control_init_process(ngx_cycle_t *cycle)
{
    if (ngx_process == NGX_PROCESS_WORKER || ngx_process == NGX_PROCESS_SINGLE)
    {
        ngx_http_mesh_control_single = (ngx_process == NGX_PROCESS_SINGLE);
        ngx_http_mesh_control_open(cycle);
    }

    return NGX_OK;
}


static void
ngx_http_mesh_control_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_mesh_control_close(cycle);
}


static void
ngx_http_mesh_control_open(ngx_cycle_t *cycle)
{
    const ngx_mesh_service_t          **service;
    ngx_http_mesh_control_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_mesh_control_module);

    if (mcf == NULL || mcf->store == NULL) {
        return;
    }

    ngx_http_mesh_control_auth_open(cycle);

    for (service = ngx_mesh_services; *service; service++) {
        if ((*service)->open) {
            (*service)->open(cycle, mcf);
        }
    }
}


static void
ngx_http_mesh_control_close(ngx_cycle_t *cycle)
{
    const ngx_mesh_service_t          **service;
    ngx_http_mesh_control_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_mesh_control_module);

    if (mcf == NULL || mcf->store == NULL) {
        return;
    }

    for (service = ngx_mesh_services; *service; service++) {
        if ((*service)->close) {
            (*service)->close(cycle);
        }
    }

    ngx_http_mesh_control_auth_close();
}
