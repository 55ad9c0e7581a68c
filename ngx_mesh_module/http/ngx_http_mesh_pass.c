
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The content handler: takes a snapshot, has the core decide, and hands the
 * request to nginx's proxy or gRPC handler.  It carries data and holds no rule
 * of its own.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"
#include "ngx_mesh_match.h"
#include "ngx_mesh_random.h"


static ngx_int_t ngx_http_mesh_unshare(ngx_http_request_t *r);
static ngx_int_t ngx_http_mesh_egress(ngx_http_request_t *r,
    ngx_http_mesh_loc_conf_t *mlcf, ngx_http_mesh_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_ingress(ngx_http_request_t *r,
    ngx_http_mesh_loc_conf_t *mlcf, ngx_http_mesh_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_no_service(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_fill_request(ngx_http_request_t *r,
    ngx_mesh_request_t *rq);
static ngx_int_t ngx_http_mesh_unparse(ngx_http_request_t *r);
static ngx_int_t ngx_http_mesh_normalize(ngx_http_request_t *r,
    ngx_mesh_request_t *rq);
static void ngx_http_mesh_scheme(ngx_http_request_t *r, ngx_str_t *scheme);
static ngx_uint_t ngx_http_mesh_is_grpc(ngx_http_request_t *r);
static ngx_int_t ngx_http_mesh_header(ngx_mesh_request_t *rq, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_mesh_join(ngx_http_request_t *r, ngx_str_t *value,
    ngx_str_t *next);
static ngx_mesh_cluster_t *ngx_http_mesh_app(ngx_http_request_t *r,
    ngx_http_mesh_loc_conf_t *mlcf, ngx_mesh_snapshot_t *snapshot);


ngx_int_t
ngx_http_mesh_handler(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_mesh_ctx_t       *ctx;
    ngx_http_mesh_loc_conf_t  *mlcf;

    static ngx_str_t  text = ngx_string("no mesh configuration yet\n");

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mesh_module);

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_mesh_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->data = ctx;
    cln->handler = ngx_http_mesh_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_mesh_module);

    ctx->request = r;
    ctx->shm = mlcf->main->shm;
    ctx->direction = mlcf->direction;
    ctx->grpc = ngx_http_mesh_is_grpc(r);

    ctx->snapshot = ngx_mesh_snapshot_current();

    if (ctx->snapshot) {
        ngx_mesh_snapshot_hold(ctx->snapshot);
    }

    if (r != r->main && ngx_http_mesh_unshare(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_mesh_observe_start(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->snapshot == NULL) {
        return ngx_http_mesh_reply(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
                                   NGX_HTTP_MESH_NC, &text);
    }

    if (mlcf->direction == NGX_HTTP_MESH_EGRESS) {
        return ngx_http_mesh_egress(r, mlcf, ctx);
    }

    return ngx_http_mesh_ingress(r, mlcf, ctx);
}


/*
 * A subrequest shares the list of headers with its parent, and has a copy of
 * where it ends: what is added to one would be half in the other.
 */

static ngx_int_t
ngx_http_mesh_unshare(ngx_http_request_t *r)
{
    ngx_list_t        list;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *own;

    if (ngx_list_init(&list, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            own = ngx_list_push(&list);
            if (own == NULL) {
                return NGX_ERROR;
            }

            *own = h[i];
        }
    }

    /* the first part, if it is the last one as well, is inside of the list */

    r->headers_in.headers = list;

    if (list.last == &list.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    return NGX_OK;
}


/* a cleanup of r->pool, which runs after the log phase */

void
ngx_http_mesh_cleanup(void *data)
{
    ngx_http_mesh_ctx_t *ctx = data;

    /* an attempt may have been cut off without peer.free() */

    ngx_http_mesh_leave(ctx);
    ngx_http_mesh_try_cleanup(ctx);
    ngx_http_mesh_observe_cleanup(ctx);

    if (ctx->snapshot) {
        ngx_mesh_snapshot_release(ctx->snapshot);
    }
}


static ngx_int_t
ngx_http_mesh_egress(ngx_http_request_t *r, ngx_http_mesh_loc_conf_t *mlcf,
    ngx_http_mesh_ctx_t *ctx)
{
    ngx_mesh_target_t   *target;
    ngx_mesh_request_t   rq;

    if (ngx_http_mesh_fill_request(r, &rq) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->service = ngx_mesh_match_recall(&ctx->snapshot->recall,
                                         ctx->snapshot->model->egress,
                                         &rq.host);
    if (ctx->service == NULL) {
        return ngx_http_mesh_no_service(r, ctx);
    }

    rq.grpc = ctx->grpc;
    rq.port = mlcf->port;

    ctx->route = ngx_mesh_match_route(ctx->service, &rq);

    if (ctx->route == NULL) {
        return ngx_http_mesh_reply(r, ctx, NGX_HTTP_NOT_FOUND,
                                   NGX_HTTP_MESH_NR, NULL);
    }

    target = ngx_mesh_match_target(ctx->route,
                                   (uint32_t) (ngx_mesh_random() >> 32));

    ctx->cluster = NULL;

    if (target) {
        ctx->cluster = target->cluster;
        ngx_http_mesh_metrics_target(ctx, target);
    }

    return ngx_http_mesh_forward(r, ctx);
}


static ngx_int_t
ngx_http_mesh_ingress(ngx_http_request_t *r, ngx_http_mesh_loc_conf_t *mlcf,
    ngx_http_mesh_ctx_t *ctx)
{
    ngx_int_t           rc;
    ngx_mesh_request_t  rq;

    static ngx_str_t  text = ngx_string("no listener for this port\n");

    ctx->cluster = ngx_http_mesh_app(r, mlcf, ctx->snapshot);

    if (ctx->cluster == NULL) {
        return ngx_http_mesh_reply(r, ctx, NGX_HTTP_NOT_FOUND,
                                   NGX_HTTP_MESH_NR, &text);
    }

    if (ngx_http_mesh_normalize(r, &rq) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_mesh_limit_enter(r, ctx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_mesh_forward(r, ctx);
}


/* App Mesh: 404 for a Host that no backend has (reference: egress, vhosts) */

static ngx_int_t
ngx_http_mesh_no_service(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    static ngx_str_t  text = ngx_string(
        "no virtual service of this name; ALLOW_ALL needs interception, "
        "which this listener does not have\n");

    if (ctx->snapshot->model->egress_filter == NGX_MESH_ALLOW_ALL) {
        return ngx_http_mesh_reply(r, ctx, NGX_HTTP_BAD_GATEWAY,
                                   NGX_HTTP_MESH_NC, &text);
    }

    return ngx_http_mesh_reply(r, ctx, NGX_HTTP_NOT_FOUND, NGX_HTTP_MESH_NR,
                               NULL);
}


static ngx_int_t
ngx_http_mesh_fill_request(ngx_http_request_t *r, ngx_mesh_request_t *rq)
{
    ngx_http_mesh_host(r, &rq->host);
    ngx_http_mesh_scheme(r, &rq->scheme);

    rq->method = r->method_name;
    rq->port = 0;
    rq->grpc = 0;
    rq->header = ngx_http_mesh_header;
    rq->data = r;

    return ngx_http_mesh_normalize(r, rq);
}


/*
 * The request target of a subrequest, or after a rewrite, as the proxy module
 * would write it.
 */

static ngx_int_t
ngx_http_mesh_unparse(ngx_http_request_t *r)
{
    u_char     *p;
    size_t      len;
    uintptr_t   escape;

    escape = 2 * ngx_escape_uri(NULL, r->uri.data, r->uri.len, NGX_ESCAPE_URI);
    len = r->uri.len + escape + 1 + r->args.len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    r->unparsed_uri.data = p;

    if (escape) {
        p = (u_char *) ngx_escape_uri(p, r->uri.data, r->uri.len,
                                      NGX_ESCAPE_URI);

    } else {
        p = ngx_cpymem(p, r->uri.data, r->uri.len);
    }

    if (r->args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, r->args.data, r->args.len);
    }

    r->unparsed_uri.len = p - r->unparsed_uri.data;

    /* nothing in it is a fragment, and a "?" in the path is escaped */
    r->complex_uri = 0;

    return NGX_OK;
}


/*
 * The normalized path is what routes see and what is forwarded: nginx's proxy
 * and gRPC modules send r->unparsed_uri.  Only a path that changes costs an
 * allocation.
 */

static ngx_int_t
ngx_http_mesh_normalize(ngx_http_request_t *r, ngx_mesh_request_t *rq)
{
    u_char     *p, *last;
    ngx_int_t   rc;
    ngx_str_t   path, uri;

    if ((!r->valid_unparsed_uri || r != r->main)
        && ngx_http_mesh_unparse(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    path.data = r->unparsed_uri.data;
    last = path.data + r->unparsed_uri.len;

    /* a fragment does not belong into a request, nginx lets it pass */

    if (r->complex_uri) {
        p = ngx_strlchr(path.data, last, '#');
        if (p) {
            last = p;
        }
    }

    /* what nginx has parsed says whether to look at all */

    p = (r->args.len || r->args_start || r->complex_uri)
        ? ngx_strlchr(path.data, last, '?') : NULL;

    path.len = (p ? p : last) - path.data;

    rq->query.data = p ? p + 1 : last;
    rq->query.len = last - rq->query.data;

    rc = ngx_mesh_normalize_path(r->pool, &path, &rq->path);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        r->unparsed_uri.len = last - r->unparsed_uri.data;
        r->valid_unparsed_uri = 1;
        return NGX_OK;
    }

    uri.len = rq->path.len + (p ? last - p : 0);
    uri.data = ngx_pnalloc(r->pool, uri.len);
    if (uri.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(uri.data, rq->path.data, rq->path.len);
    ngx_memcpy(p, last - (uri.len - rq->path.len), uri.len - rq->path.len);

    r->unparsed_uri = uri;
    r->valid_unparsed_uri = 1;

    return NGX_OK;
}


void
ngx_http_mesh_host(ngx_http_request_t *r, ngx_str_t *host)
{
    u_char  *p, *last;

    if (r->host_start == NULL || r->host_end == NULL) {

        if (r->headers_in.host) {
            *host = r->headers_in.host->value;

        } else {
            ngx_str_null(host);
        }

        return;
    }

    /*
     * Whether host_end includes the port depends on the version of nginx.  In
     * HTTP/2 and HTTP/3 it may be that of :authority, which is elsewhere.
     */

    p = r->host_end;
    last = r->request_line.data + r->request_line.len;

    if (r->host_start >= r->request_line.data && p <= last) {
        while (p < last && *p != '/' && *p != '?' && *p != ' ') {
            p++;
        }
    }

    host->data = r->host_start;
    host->len = p - r->host_start;
}


static void
ngx_http_mesh_scheme(ngx_http_request_t *r, ngx_str_t *scheme)
{
    /* of an absolute request target, or :scheme of HTTP/2 */

    if (r->schema.len) {
        *scheme = r->schema;
        return;
    }

#if (NGX_HTTP_SSL)

    if (r->connection->ssl) {
        ngx_str_set(scheme, "https");
        return;
    }

#endif

    ngx_str_set(scheme, "http");
}


/* "application/grpc", alone or followed by "+" (Envoy, Grpc::Common) */

static ngx_uint_t
ngx_http_mesh_is_grpc(ngx_http_request_t *r)
{
    ngx_str_t  *type;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = &r->headers_in.content_type->value;

    if (type->len < 16
        || ngx_strncasecmp(type->data, (u_char *) "application/grpc", 16) != 0)
    {
        return 0;
    }

    return type->len == 16 || type->data[16] == '+';
}


/*
 * The hashes of headers are of no use: nginx leaves characters that it calls
 * invalid, such as the dot, out of them.
 */

static ngx_int_t
ngx_http_mesh_header(ngx_mesh_request_t *rq, ngx_str_t *name, ngx_str_t *value)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_list_part_t     *part;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = rq->data;
    rc = NGX_DECLINED;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return rc;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len != name->len
            || ngx_strncmp(h[i].lowcase_key, name->data, name->len) != 0)
        {
            continue;
        }

        if (rc == NGX_DECLINED) {
            *value = h[i].value;
            rc = NGX_OK;
            continue;
        }

        if (ngx_http_mesh_join(r, value, &h[i].value) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_http_mesh_join(ngx_http_request_t *r, ngx_str_t *value, ngx_str_t *next)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, value->len + 1 + next->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "%V,%V", value, next);

    value->data = p;
    value->len += 1 + next->len;

    return NGX_OK;
}


/*
 * The listener an arriving request is for: the one named by "port=", else the
 * one of the port it arrived at, else the only one.
 */

static ngx_mesh_cluster_t *
ngx_http_mesh_app(ngx_http_request_t *r, ngx_http_mesh_loc_conf_t *mlcf,
    ngx_mesh_snapshot_t *snapshot)
{
    in_port_t             port;
    ngx_uint_t            i, n;
    ngx_mesh_listener_t  *listener;

    if (snapshot->app == NULL) {
        return NULL;
    }

    n = snapshot->model->node->listeners.nelts;
    listener = snapshot->model->node->listeners.elts;

    port = mlcf->port;

    if (port == 0) {

        if (n == 1 && listener[0].protocol != NGX_MESH_TCP) {
            return &snapshot->app[0];
        }

        if (ngx_connection_local_sockaddr(r->connection, NULL, 0) != NGX_OK) {
            return NULL;
        }

        port = ngx_inet_get_port(r->connection->local_sockaddr);
    }

    for (i = 0; i < n; i++) {
        if (listener[i].port == port && listener[i].protocol != NGX_MESH_TCP) {
            return &snapshot->app[i];
        }
    }

    return NULL;
}
