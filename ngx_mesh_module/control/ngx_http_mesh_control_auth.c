
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Authentication of requests to the control plane, and what who sent them may
 * do.  The master reads the files of keys at configuration time; each worker
 * follows them, so that a key which is taken away stops working within two
 * seconds.  Without keys only this machine is answered.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_control.h"
#include "ngx_mesh_verify.h"


#define NGX_HTTP_MESH_CONTROL_AUTH_INTERVAL  500


typedef ngx_int_t (*ngx_http_mesh_control_verify_pt)(ngx_pool_t *pool,
    ngx_mesh_verify_t *v);


static char *ngx_http_mesh_control_auth_warn(ngx_conf_t *cf,
    ngx_http_mesh_control_loc_conf_t *lcf);
static ngx_uint_t ngx_http_mesh_control_auth_exposed(ngx_conf_t *cf);
static ngx_uint_t ngx_http_mesh_control_auth_serves(ngx_array_t *servers,
    ngx_http_core_srv_conf_t *cscf);
static ngx_mesh_keys_file_t *ngx_http_mesh_control_auth_file(ngx_conf_t *cf,
    ngx_http_mesh_control_loc_conf_t *lcf);
static void ngx_http_mesh_control_auth_cleanup(void *data);
static void ngx_http_mesh_control_auth_timer(ngx_event_t *ev);
static void ngx_http_mesh_control_auth_follow(ngx_mesh_keys_file_t *file,
    ngx_log_t *log);
static ngx_int_t ngx_http_mesh_control_auth_local(
    ngx_http_mesh_control_ctx_t *ctx);
static ngx_uint_t ngx_http_mesh_control_auth_loopback(
    struct sockaddr *sockaddr);
static ngx_int_t ngx_http_mesh_control_auth_decide(
    ngx_http_mesh_control_ctx_t *ctx, ngx_http_mesh_control_verify_pt verify);
static ngx_int_t ngx_http_mesh_control_auth_verify(
    ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_keys_t *keys,
    ngx_http_mesh_control_verify_pt verify);
static ngx_int_t ngx_http_mesh_control_auth_request(
    ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_sigv4_request_t *rq);
static ngx_int_t ngx_http_mesh_control_auth_hold(
    ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_keys_t *keys,
    ngx_mesh_key_t *key);
static void ngx_http_mesh_control_auth_release(void *data);
static ngx_int_t ngx_http_mesh_control_auth_decline(
    ngx_http_mesh_control_ctx_t *ctx, const ngx_mesh_error_t *error,
    ngx_str_t *message);
static ngx_int_t ngx_http_mesh_control_auth_proxy(
    ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_auth_deny(
    ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_control_auth_resource(
    ngx_http_mesh_control_ctx_t *ctx, ngx_str_t *resource);
static u_char *ngx_http_mesh_control_auth_segment(u_char *p,
    ngx_str_t *literal, ngx_str_t *name);


/* of this worker */

static ngx_event_t        ngx_http_mesh_control_auth_event;
static ngx_connection_t   ngx_http_mesh_control_auth_connection;


char *
ngx_http_mesh_control_auth_init(ngx_conf_t *cf,
    ngx_http_mesh_control_loc_conf_t *lcf)
{
    ngx_int_t              rc;
    ngx_str_t              error;
    ngx_mesh_keys_file_t  *file;

    if (!lcf->auth || lcf->keys_path.len == 0) {
        return ngx_http_mesh_control_auth_warn(cf, lcf);
    }

    file = ngx_http_mesh_control_auth_file(cf, lcf);
    if (file == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->keys = file;

    if (file->keys) {
        return NGX_CONF_OK;
    }

    rc = ngx_mesh_keys_refresh(cf->temp_pool, file, &error);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "mesh_keys: %V (%V:%ui)", &error, &lcf->file, lcf->line);
        return NGX_CONF_ERROR;
    }

    /* that of the temporary pool ends with the cycle before this one */

    file->keys->pool->log = &cf->cycle->new_log;

    if (file->open_to_all) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "mesh_keys: every user of this machine may read the "
                      "secrets in \"%V\"", &file->path);
    }

    return NGX_CONF_OK;
}


/* there is no authentication */

static char *
ngx_http_mesh_control_auth_warn(ngx_conf_t *cf,
    ngx_http_mesh_control_loc_conf_t *lcf)
{
    if (!ngx_http_mesh_control_auth_exposed(cf)) {
        return NGX_CONF_OK;
    }

    if (!lcf->auth) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"mesh_auth off\" lets everybody change the meshes who "
                      "can connect to the control plane in %V:%ui",
                      &lcf->file, lcf->line);

    } else {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "without \"mesh_keys\" only requests from this machine "
                      "are answered by the control plane in %V:%ui",
                      &lcf->file, lcf->line);
    }

    return NGX_CONF_OK;
}


/* does this server listen on an address that others can reach? */

static ngx_uint_t
ngx_http_mesh_control_auth_exposed(ngx_conf_t *cf)
{
    ngx_uint_t                  i, k;
    ngx_http_conf_port_t       *port;
    ngx_http_conf_addr_t       *addr;
    ngx_http_core_srv_conf_t   *cscf;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return 0;
    }

    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        addr = port[i].addrs.elts;

        for (k = 0; k < port[i].addrs.nelts; k++) {

            if (ngx_http_mesh_control_auth_serves(&addr[k].servers, cscf)
                && !ngx_http_mesh_control_auth_loopback(addr[k].opt.sockaddr))
            {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_mesh_control_auth_serves(ngx_array_t *servers,
    ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                  i;
    ngx_http_core_srv_conf_t  **server;

    server = servers->elts;

    for (i = 0; i < servers->nelts; i++) {
        if (server[i] == cscf) {
            return 1;
        }
    }

    return 0;
}


/* locations that have the same file share it */

static ngx_mesh_keys_file_t *
ngx_http_mesh_control_auth_file(ngx_conf_t *cf,
    ngx_http_mesh_control_loc_conf_t *lcf)
{
    ngx_uint_t                           i;
    ngx_pool_cleanup_t                  *cln;
    ngx_mesh_keys_file_t                *file, **files;
    ngx_http_mesh_control_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mesh_control_module);

    if (mcf->keys == NULL) {
        mcf->keys = ngx_array_create(cf->pool, 1,
                                     sizeof(ngx_mesh_keys_file_t *));
        if (mcf->keys == NULL) {
            return NULL;
        }
    }

    files = mcf->keys->elts;

    for (i = 0; i < mcf->keys->nelts; i++) {
        file = files[i];

        if (file->path.len == lcf->keys_path.len
            && file->account.len == lcf->account.len
            && ngx_memcmp(file->path.data, lcf->keys_path.data, file->path.len)
               == 0
            && ngx_memcmp(file->account.data, lcf->account.data,
                          file->account.len)
               == 0)
        {
            return file;
        }
    }

    file = ngx_pcalloc(cf->pool, sizeof(ngx_mesh_keys_file_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);
    files = ngx_array_push(mcf->keys);

    if (file == NULL || cln == NULL || files == NULL) {
        return NULL;
    }

    file->path = lcf->keys_path;
    file->account = lcf->account;
    *files = file;

    cln->handler = ngx_http_mesh_control_auth_cleanup;
    cln->data = file;

    return file;
}


static void
ngx_http_mesh_control_auth_cleanup(void *data)
{
    ngx_mesh_keys_file_t *file = data;

    ngx_mesh_keys_free(file->keys);
    file->keys = NULL;
}


void
ngx_http_mesh_control_auth_open(ngx_cycle_t *cycle)
{
    ngx_event_t                        *ev;
    ngx_http_mesh_control_main_conf_t  *mcf;

    ngx_http_mesh_control_auth_close();

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_mesh_control_module);

    if (mcf == NULL || mcf->keys == NULL) {
        return;
    }

    ev = &ngx_http_mesh_control_auth_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    /* what nginx logs of timers is the descriptor of a connection */

    ngx_http_mesh_control_auth_connection.fd = (ngx_socket_t) -1;
    ngx_http_mesh_control_auth_connection.data = mcf->keys;

    ev->data = &ngx_http_mesh_control_auth_connection;
    ev->handler = ngx_http_mesh_control_auth_timer;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_MESH_CONTROL_AUTH_INTERVAL);
}


void
ngx_http_mesh_control_auth_close(void)
{
    if (ngx_http_mesh_control_auth_event.timer_set) {
        ngx_del_timer(&ngx_http_mesh_control_auth_event);
    }
}


static void
ngx_http_mesh_control_auth_timer(ngx_event_t *ev)
{
    ngx_uint_t              i;
    ngx_array_t            *keys;
    ngx_connection_t       *c;
    ngx_mesh_keys_file_t  **files;

    c = ev->data;
    keys = c->data;
    files = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        ngx_http_mesh_control_auth_follow(files[i], ev->log);
    }

    ngx_add_timer(ev, NGX_HTTP_MESH_CONTROL_AUTH_INTERVAL);
}


/* all workers see the same, one of them tells */

static void
ngx_http_mesh_control_auth_follow(ngx_mesh_keys_file_t *file, ngx_log_t *log)
{
    ngx_int_t    rc;
    ngx_str_t    error;
    ngx_pool_t  *pool;
    ngx_uint_t   tell, level;

    pool = ngx_create_pool(1024, log);
    if (pool == NULL) {
        return;
    }

    tell = !ngx_exiting
           && (ngx_process == NGX_PROCESS_SINGLE || ngx_worker == 0);

    rc = ngx_mesh_keys_refresh(pool, file, &error);

    if (rc == NGX_OK) {
        level = tell ? NGX_LOG_NOTICE : NGX_LOG_INFO;
        ngx_log_error(level, log, 0,
                      "mesh: took %ui keys from \"%V\"", file->keys->nkeys,
                      &file->path);

    } else if (rc == NGX_ERROR) {
        level = tell ? NGX_LOG_ERR : NGX_LOG_INFO;
        ngx_log_error(level, log, 0,
                      "mesh: %V; the keys read before stay in force", &error);
    }

    ngx_destroy_pool(pool);
}


ngx_int_t
ngx_http_mesh_control_auth_check(ngx_http_mesh_control_ctx_t *ctx)
{
    return ngx_http_mesh_control_auth_decide(ctx, ngx_mesh_verify);
}


ngx_int_t
ngx_http_mesh_control_auth_early(ngx_http_mesh_control_ctx_t *ctx)
{
    return ngx_http_mesh_control_auth_decide(ctx, ngx_mesh_verify_early);
}


static ngx_int_t
ngx_http_mesh_control_auth_decide(ngx_http_mesh_control_ctx_t *ctx,
    ngx_http_mesh_control_verify_pt verify)
{
    ngx_mesh_keys_file_t  *file;

    ctx->key = NULL;
    ctx->account = ctx->conf->account;

    if (!ctx->conf->auth || ctx->op->permission == 0) {
        return NGX_OK;
    }

    file = ctx->conf->keys;

    if (file == NULL) {
        return ngx_http_mesh_control_auth_local(ctx);
    }

    return ngx_http_mesh_control_auth_verify(ctx, file->keys, verify);
}


/* nobody said who may do what: only who is on this machine may */

static ngx_int_t
ngx_http_mesh_control_auth_local(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_connection_t  *c;

    static ngx_str_t  message = ngx_string("This control plane has no keys, so "
        "that it answers requests from its own machine only. Set mesh_keys, "
        "or mesh_auth off.");

    c = ctx->request->connection;

    if (ngx_http_mesh_control_auth_loopback(c->sockaddr)
        && ngx_connection_local_sockaddr(c, NULL, 0) == NGX_OK
        && ngx_http_mesh_control_auth_loopback(c->local_sockaddr))
    {
        return NGX_OK;
    }

    return ngx_http_mesh_control_auth_decline(ctx,
                                              &ngx_mesh_error_access_denied,
                                              &message);
}


static ngx_uint_t
ngx_http_mesh_control_auth_loopback(struct sockaddr *sockaddr)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct in6_addr      *addr;
#endif

    switch (sockaddr->sa_family) {

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

#if (NGX_HAVE_INET6)
    case AF_INET6:
        addr = &((struct sockaddr_in6 *) sockaddr)->sin6_addr;

        return IN6_IS_ADDR_LOOPBACK(addr)
               || (IN6_IS_ADDR_V4MAPPED(addr) && addr->s6_addr[12] == 127);
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sockaddr;

        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;

    default:
        return 0;
    }
}


static ngx_int_t
ngx_http_mesh_control_auth_verify(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_keys_t *keys, ngx_http_mesh_control_verify_pt verify)
{
    ngx_int_t            rc;
    ngx_mesh_verify_t    v;
    ngx_http_request_t  *r;

    r = ctx->request;

    ngx_memzero(&v, sizeof(ngx_mesh_verify_t));

    if (ngx_http_mesh_control_auth_request(ctx, &v.request) != NGX_OK) {
        return NGX_ERROR;
    }

    v.body = ctx->body;
    v.keys = keys;
    v.region = ctx->conf->region;
    v.scopes = ctx->service->scopes;
    v.now = ngx_time();

    rc = verify(r->pool, &v);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "mesh canonical request: \"%V\", string to sign: \"%V\"",
                   &v.canonical, &v.string);

    if (rc == NGX_OK) {
        return v.key ? ngx_http_mesh_control_auth_hold(ctx, keys, v.key)
                     : NGX_OK;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_mesh_control_auth_decline(ctx, v.error, &v.message);
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_mesh_control_auth_request(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_sigv4_request_t *rq)
{
    u_char                   *p, *last;
    ngx_uint_t                i, n;
    ngx_list_part_t          *part;
    ngx_table_elt_t          *header;
    ngx_http_request_t       *r;
    ngx_mesh_sigv4_header_t  *h;

    r = ctx->request;

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    h = ngx_palloc(r->pool, (n + 1) * sizeof(ngx_mesh_sigv4_header_t));
    if (h == NULL) {
        return NGX_ERROR;
    }

    rq->headers = h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            h->name = header[i].key;
            h->value = header[i].value;
            h++;
        }
    }

    rq->nheaders = h - rq->headers;
    rq->method = r->method_name;

    p = r->unparsed_uri.data;
    last = p + r->unparsed_uri.len;

    rq->path.data = p;
    p = ngx_strlchr(p, last, '?');
    rq->path.len = (p ? p : last) - rq->path.data;

    rq->args.data = p ? p + 1 : last;
    rq->args.len = last - rq->args.data;

    return NGX_OK;
}


/* the key stays as long as the request, even if its file is read anew */

static ngx_int_t
ngx_http_mesh_control_auth_hold(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_keys_t *keys, ngx_mesh_key_t *key)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(ctx->request->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_mesh_control_auth_release;
    cln->data = keys;

    keys->count++;

    ctx->key = key;
    ctx->account = key->account;

    return NGX_OK;
}


static void
ngx_http_mesh_control_auth_release(void *data)
{
    ngx_mesh_keys_t *keys = data;

    ngx_mesh_keys_free(keys);
}


/* returns NGX_DECLINED */

static ngx_int_t
ngx_http_mesh_control_auth_decline(ngx_http_mesh_control_ctx_t *ctx,
    const ngx_mesh_error_t *error, ngx_str_t *message)
{
    ctx->error = error;
    ctx->message = *message;

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_mesh_control_auth_allow(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_uint_t  wanted, may;

    wanted = ctx->op->permission;

    if (ctx->key == NULL || wanted == 0) {
        return NGX_OK;
    }

    may = ctx->key->permissions;

    if (wanted & NGX_MESH_MAY_WRITE) {

        if (may & NGX_MESH_MAY_WRITE) {
            return NGX_OK;
        }

    } else if (may & NGX_MESH_MAY_READ) {
        return NGX_OK;

    } else if (wanted & NGX_MESH_MAY_PROXY) {
        return ngx_http_mesh_control_auth_proxy(ctx);
    }

    return ngx_http_mesh_control_auth_deny(ctx);
}


static ngx_int_t
ngx_http_mesh_control_auth_proxy(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t  rc;
    ngx_str_t  resource;

    rc = ngx_http_mesh_control_auth_resource(ctx, &resource);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK && ngx_mesh_keys_may_proxy(ctx->key, &resource)) {
        return NGX_OK;
    }

    return ngx_http_mesh_control_auth_deny(ctx);
}


static ngx_int_t
ngx_http_mesh_control_auth_deny(ngx_http_mesh_control_ctx_t *ctx)
{
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   message, resource, *arn;

    ngx_str_set(&resource, "*");

    arn = ngx_http_mesh_control_input(ctx, "resourceArn");
    rc = NGX_OK;

    if (arn == NULL || arn->len == 0) {
        arn = &resource;
        rc = ngx_http_mesh_control_auth_resource(ctx, &resource);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    p = ngx_pnalloc(ctx->request->pool, NGX_MAX_ERROR_STR);
    if (p == NULL) {
        return NGX_ERROR;
    }

    message.data = p;

    p = ngx_slprintf(p, p + NGX_MAX_ERROR_STR,
                     "User: arn:aws:iam::%V:user/%V is not authorized to "
                     "perform: %s:%s on resource: ", &ctx->account,
                     &ctx->key->id, ctx->service->name, ctx->op->name);

    if (arn == &resource && rc == NGX_OK) {
        p = ngx_slprintf(p, message.data + NGX_MAX_ERROR_STR,
                         "arn:aws:%s:%V:%V:", ctx->service->scopes[0],
                         &ctx->conf->region, &ctx->account);
    }

    p = ngx_slprintf(p, message.data + NGX_MAX_ERROR_STR, "%V", arn);

    message.len = p - message.data;

    return ngx_http_mesh_control_auth_decline(ctx,
                                              &ngx_mesh_error_access_denied,
                                              &message);
}


/*
 * What the URI is about: "/mesh/v1/meshes/{meshName}/virtualNodes/{name}/..."
 * is "mesh/M/virtualNode/N", with the owner of the mesh if it is said.
 * NGX_DECLINED: nothing that has a name, or a name which is none.
 */

static ngx_int_t
ngx_http_mesh_control_auth_resource(ngx_http_mesh_control_ctx_t *ctx,
    ngx_str_t *resource)
{
    size_t                    len;
    u_char                   *p, *first;
    ngx_str_t                *owner, *s;
    ngx_uint_t                i;
    ngx_http_mesh_segment_t  *segment;

    if (ctx->route == NULL) {
        return NGX_DECLINED;
    }

    owner = ngx_http_mesh_control_input(ctx, "meshOwner");
    len = 0;

    for (i = 0; i < ctx->route->nsegments; i++) {
        s = &ctx->segments[i];
        len += s->len + 1;

        if (owner->len == 0 && ngx_strlchr(s->data, s->data + s->len, '@')) {
            /* not to be taken for the name and owner of another mesh */
            owner = &ctx->account;
        }
    }

    len += sizeof("@") - 1 + owner->len;

    first = ngx_pnalloc(ctx->request->pool, len);
    if (first == NULL) {
        return NGX_ERROR;
    }

    p = first;

    for (i = 1; i < ctx->route->nsegments; i++) {
        s = &ctx->segments[i];
        segment = (ngx_http_mesh_segment_t *) &ctx->route->segments[i];

        if (!segment[0].member || segment[-1].member) {
            continue;
        }

        if (ngx_strlchr(s->data, s->data + s->len, '/')) {
            return NGX_DECLINED;
        }

        if (p == first) {
            p = ngx_http_mesh_control_auth_segment(p, &segment[-1].text, s);

            if (owner->len) {
                *p++ = '@';
                p = ngx_cpymem(p, owner->data, owner->len);
            }

        } else {
            *p++ = '/';
            p = ngx_http_mesh_control_auth_segment(p, &segment[-1].text, s);
        }
    }

    if (p == first) {
        return NGX_DECLINED;
    }

    resource->data = first;
    resource->len = p - first;

    return NGX_OK;
}


/* "meshes" and "m": "mesh/m"; "virtualNodes" and "n": "virtualNode/n" */

static u_char *
ngx_http_mesh_control_auth_segment(u_char *p, ngx_str_t *literal,
    ngx_str_t *name)
{
    size_t  len;

    len = literal->len;

    if (len > 3 && ngx_strncmp(literal->data + len - 3, "hes", 3) == 0) {
        len -= 2;

    } else if (len > 1 && literal->data[len - 1] == 's') {
        len--;
    }

    p = ngx_cpymem(p, literal->data, len);
    *p++ = '/';

    return ngx_cpymem(p, name->data, name->len);
}


ngx_int_t
ngx_http_mesh_control_auth_again(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_mesh_key_t        *key, *now;
    ngx_mesh_keys_file_t  *file;

    static ngx_str_t  message = ngx_string("The security token included in the "
                                           "request is invalid.");

    key = ctx->key;
    file = ctx->conf->keys;

    if (key == NULL || file == NULL) {
        return NGX_OK;
    }

    now = ngx_mesh_keys_find(file->keys, &key->id);

    if (now == key) {
        return NGX_OK;
    }

    if (now == NULL
        || now->secret.len != key->secret.len
        || ngx_memcmp(now->secret.data, key->secret.data, key->secret.len) != 0
        || now->token.len != key->token.len
        || ngx_memcmp(now->token.data, key->token.data, key->token.len) != 0
        || now->account.len != key->account.len
        || ngx_memcmp(now->account.data, key->account.data, key->account.len)
           != 0)
    {
        return ngx_http_mesh_control_auth_decline(ctx,
                                            &ngx_mesh_error_unrecognized_client,
                                            &message);
    }

    if (ngx_http_mesh_control_auth_hold(ctx, file->keys, now) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mesh_control_auth_allow(ctx);
}
