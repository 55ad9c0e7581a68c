
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Directives of the HTTP glue.
 *
 * mesh_pass lets nginx's own proxy and gRPC modules do the transport: its
 * setter runs the setters of proxy_pass and grpc_pass for the same location,
 * both with one implicit upstream, keeps the handlers that they set and puts
 * its own in their place.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


#define NGX_HTTP_MESH_UPSTREAM  "nginx-mesh"


static void *ngx_http_mesh_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_mesh_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_mesh_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_mesh_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_mesh_init_process(ngx_cycle_t *cycle);
#if (NGX_HTTP_CACHE)
static void ngx_http_mesh_check_cache(ngx_conf_t *cf);
#endif
static char *ngx_http_mesh_pass(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mesh_pass_args(ngx_conf_t *cf,
    ngx_http_mesh_loc_conf_t *mlcf);
static char *ngx_http_mesh_pass_setter(ngx_conf_t *cf, const char *module,
    const char *directive, const char *url, ngx_http_handler_pt *handler);
static ngx_http_upstream_srv_conf_t *ngx_http_mesh_upstream(ngx_conf_t *cf);
static char *ngx_http_mesh_admin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_mesh_init_listeners(ngx_conf_t *cf,
    ngx_http_mesh_main_conf_t *mmcf);
static ngx_http_mesh_server_t *ngx_http_mesh_find_server(
    ngx_http_mesh_main_conf_t *mmcf, ngx_http_conf_addr_t *addr);


static ngx_command_t  ngx_http_mesh_commands[] = {

    { ngx_string("mesh_pass"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_mesh_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mesh_admin"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mesh_admin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mesh_module_ctx = {
    ngx_http_mesh_add_variables,           /* preconfiguration */
    ngx_http_mesh_init,                    /* postconfiguration */

    ngx_http_mesh_create_main_conf,        /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mesh_create_loc_conf,         /* create location configuration */
    ngx_http_mesh_merge_loc_conf           /* merge location configuration */
};


ngx_module_t  ngx_http_mesh_module = {
    NGX_MODULE_V1,
    &ngx_http_mesh_module_ctx,             /* module context */
    ngx_http_mesh_commands,                /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_mesh_metrics_init_module,     /* init module */
    ngx_http_mesh_init_process,            /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_mesh_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_mesh_main_conf_t  *mmcf;

    mmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mesh_main_conf_t));
    if (mmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mmcf->servers, cf->pool, 4,
                       sizeof(ngx_http_mesh_server_t))
        != NGX_OK
        || ngx_array_init(&mmcf->listeners, cf->pool, 4,
                          sizeof(ngx_http_mesh_listener_t))
           != NGX_OK)
    {
        return NULL;
    }

    return mmcf;
}


static void *
ngx_http_mesh_create_loc_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     mlcf->direction = NGX_HTTP_MESH_NONE;
     *     mlcf->port = 0;
     *     mlcf->proxy = NULL;
     *     mlcf->grpc = NULL;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_http_mesh_loc_conf_t));
}


/*
 * Content handlers are not inherited, but for "if" and "limit_except" blocks,
 * which nginx makes locations without a name; the proxy module has made its
 * own handler that of a "limit_except" by now.
 */

static char *
ngx_http_mesh_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mesh_loc_conf_t *prev = parent;
    ngx_http_mesh_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname
        && conf->direction == NGX_HTTP_MESH_NONE
        && prev->direction != NGX_HTTP_MESH_NONE)
    {
        *conf = *prev;

        if (clcf->lmt_excpt && clcf->handler == prev->proxy) {
            clcf->handler = ngx_http_mesh_handler;
        }
    }

#if (NGX_HTTP_CACHE)
    if (conf->direction != NGX_HTTP_MESH_NONE) {
        ngx_http_mesh_check_cache(cf);
    }
#endif

    return NGX_CONF_OK;
}


#if (NGX_HTTP_CACHE)

/*
 * The default key of proxy_cache knows a service by the name of its upstream,
 * and here all have the same one.  The configuration of the proxy module is
 * private, but begins with that of its upstream.
 */

static void
ngx_http_mesh_check_cache(ngx_conf_t *cf)
{
    ngx_uint_t                 i;
    ngx_http_conf_ctx_t       *ctx;
    ngx_http_upstream_conf_t  *ucf;

    ctx = cf->ctx;

    for (i = 0; cf->cycle->modules[i]; i++) {

        if (ngx_strcmp(cf->cycle->modules[i]->name, "ngx_http_proxy_module")
            != 0)
        {
            continue;
        }

        ucf = ctx->loc_conf[cf->cycle->modules[i]->ctx_index];

        if (ucf->cache) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "\"proxy_cache\" in a location with "
                               "\"mesh_pass\" mixes virtual services unless "
                               "\"proxy_cache_key\" names "
                               "$mesh_virtual_service and $mesh_virtual_node");
        }
    }
}

#endif


/* mesh_pass egress | ingress [port=NUMBER]; */

static char *
ngx_http_mesh_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mesh_loc_conf_t *mlcf = conf;

    char                       *rv;
    ngx_http_mesh_server_t     *server;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_mesh_main_conf_t  *mmcf;

    if (mlcf->direction != NGX_HTTP_MESH_NONE) {
        return "is duplicate";
    }

    rv = ngx_http_mesh_pass_args(cf, mlcf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mesh_module);
    mlcf->main = mmcf;

    if (mmcf->upstream == NULL) {
        mmcf->shm = ngx_mesh_get_conf(cf->cycle)->shm;
        mmcf->trace = &ngx_mesh_get_conf(cf->cycle)->trace;
        mmcf->retry_defaults = ngx_mesh_get_conf(cf->cycle)->retry_defaults;
        mmcf->log = &ngx_mesh_get_conf(cf->cycle)->log;
        mmcf->upstream = ngx_http_mesh_upstream(cf);
        if (mmcf->upstream == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    rv = ngx_http_mesh_pass_setter(cf, "ngx_http_proxy_module", "proxy_pass",
                                   "http://" NGX_HTTP_MESH_UPSTREAM,
                                   &mlcf->proxy);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (mlcf->proxy == NULL) {
        return "needs nginx's proxy module";
    }

    rv = ngx_http_mesh_pass_setter(cf, "ngx_http_grpc_module", "grpc_pass",
                                   "grpc://" NGX_HTTP_MESH_UPSTREAM,
                                   &mlcf->grpc);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    clcf->handler = ngx_http_mesh_handler;
    clcf->auto_redirect = 0;

    server = ngx_array_push(&mmcf->servers);
    if (server == NULL) {
        return NGX_CONF_ERROR;
    }

    server->cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    server->direction = mlcf->direction;

    return NGX_CONF_OK;
}


static char *
ngx_http_mesh_pass_args(ngx_conf_t *cf, ngx_http_mesh_loc_conf_t *mlcf)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_mesh_get_conf(cf->cycle) == NULL) {
        return "needs a \"mesh\" block before \"http\"";
    }

    if (ngx_strcmp(value[1].data, "egress") == 0) {
        mlcf->direction = NGX_HTTP_MESH_EGRESS;

    } else if (ngx_strcmp(value[1].data, "ingress") == 0) {
        mlcf->direction = NGX_HTTP_MESH_INGRESS;

    } else {
        return "must be \"egress\" or \"ingress\"";
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "port=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    n = ngx_atoi(value[2].data + 5, value[2].len - 5);

    if (n < 1 || n > 65535) {
        return "has an invalid \"port\"";
    }

    mlcf->port = n;

    return NGX_CONF_OK;
}


/*
 * Runs another module's directive as if it stood here.  "handler" is what that
 * made the content handler of the location, NULL if there is no such module.
 */

static char *
ngx_http_mesh_pass_setter(ngx_conf_t *cf, const char *module,
    const char *directive, const char *url, ngx_http_handler_pt *handler)
{
    char                      *rv;
    void                      *conf;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_array_t                args, *saved;
    ngx_module_t              *m;
    ngx_command_t             *cmd;
    ngx_http_conf_ctx_t       *ctx;
    ngx_http_core_loc_conf_t  *clcf;

    *handler = NULL;
    cmd = NULL;
    m = NULL;

    for (i = 0; cf->cycle->modules[i] && cmd == NULL; i++) {
        m = cf->cycle->modules[i];

        if (ngx_strcmp(m->name, module) != 0) {
            continue;
        }

        for (cmd = m->commands; cmd->name.len; cmd++) {
            if (ngx_strcmp(cmd->name.data, directive) == 0) {
                break;
            }
        }
    }

    if (cmd == NULL || cmd->name.len == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_array_init(&args, cf->pool, 2, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = ngx_array_push_n(&args, 2);

    value[0] = cmd->name;
    value[1].data = (u_char *) url;
    value[1].len = ngx_strlen(url);

    ctx = cf->ctx;
    conf = ctx->loc_conf[m->ctx_index];

    saved = cf->args;
    cf->args = &args;

    rv = cmd->set(cf, cmd, conf);

    cf->args = saved;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    *handler = clcf->handler;

    return rv;
}


/*
 * The upstream is implicit, without an upstream{} block: nginx 1.29.7 and later
 * put their own keepalive around the balancer of explicit ones.
 */

static ngx_http_upstream_srv_conf_t *
ngx_http_mesh_upstream(ngx_conf_t *cf)
{
    ngx_url_t                      u;
    ngx_http_upstream_srv_conf_t  *us;

    ngx_memzero(&u, sizeof(ngx_url_t));

    ngx_str_set(&u.host, NGX_HTTP_MESH_UPSTREAM);
    u.no_resolve = 1;
    u.no_port = 1;

    us = ngx_http_upstream_add(cf, &u, NGX_HTTP_UPSTREAM_CREATE);
    if (us == NULL) {
        return NULL;
    }

    us->peer.init_upstream = ngx_http_mesh_init_upstream;

    return us;
}


static char *
ngx_http_mesh_admin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (ngx_mesh_get_conf(cf->cycle) == NULL) {
        return "needs a \"mesh\" block before \"http\"";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_mesh_admin_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_mesh_init(ngx_conf_t *cf)
{
    ngx_http_mesh_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mesh_module);

    if (mmcf->upstream == NULL) {
        return NGX_OK;
    }

    /* whatever wrapped the balancer after init_upstream is taken off again */

    mmcf->upstream->peer.init = ngx_http_mesh_init_peer;

    if (ngx_http_mesh_observe_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_mesh_log_use(cf, mmcf->log) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_mesh_limit_init();
    ngx_http_mesh_drain_init();

    return ngx_http_mesh_init_listeners(cf, mmcf);
}


static ngx_int_t
ngx_http_mesh_init_process(ngx_cycle_t *cycle)
{
    if (ngx_http_mesh_metrics_init_process(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mesh_drain_init_process(cycle);
}


/* which listening sockets lead to mesh_pass, for /listeners */

static ngx_int_t
ngx_http_mesh_init_listeners(ngx_conf_t *cf, ngx_http_mesh_main_conf_t *mmcf)
{
    ngx_uint_t                  p, a;
    ngx_http_conf_port_t       *port;
    ngx_http_conf_addr_t       *addr;
    ngx_http_mesh_server_t     *server;
    ngx_http_mesh_listener_t   *listener;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return NGX_OK;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {
        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {

            server = ngx_http_mesh_find_server(mmcf, &addr[a]);
            if (server == NULL) {
                continue;
            }

            ngx_http_mesh_stats_certificates(cf, &addr[a]);

            listener = ngx_array_push(&mmcf->listeners);
            if (listener == NULL) {
                return NGX_ERROR;
            }

            listener->direction = server->direction;
            listener->addr = addr[a].opt.addr_text;
            listener->sockaddr = addr[a].opt.sockaddr;
            listener->socklen = addr[a].opt.socklen;

            if (listener->direction == NGX_HTTP_MESH_INGRESS
                && ngx_http_mesh_stats_ingress(cf, &listener->addr) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_http_mesh_server_t *
ngx_http_mesh_find_server(ngx_http_mesh_main_conf_t *mmcf,
    ngx_http_conf_addr_t *addr)
{
    ngx_uint_t                  i, s;
    ngx_http_mesh_server_t     *server;
    ngx_http_core_srv_conf_t  **cscfp;

    server = mmcf->servers.elts;
    cscfp = addr->servers.elts;

    for (s = 0; s < addr->servers.nelts; s++) {
        for (i = 0; i < mmcf->servers.nelts; i++) {
            if (server[i].cscf == cscfp[s]) {
                return &server[i];
            }
        }
    }

    return NULL;
}
