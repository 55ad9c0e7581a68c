
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A request whose cluster is known is handed to nginx's proxy or gRPC module,
 * with those headers that configuration could add too, but only by evaluating
 * variables for each request.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


static ngx_int_t ngx_http_mesh_forward_nowhere(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_forward_proto(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_forward_upgrade(ngx_http_request_t *r);
static ngx_uint_t ngx_http_mesh_forward_find(ngx_list_t *headers,
    ngx_str_t *name);


ngx_int_t
ngx_http_mesh_forward(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_loc_conf_t  *mlcf;

    static ngx_str_t  text = ngx_string("nginx was built without its gRPC "
                                        "module\n");

    if (ctx->cluster == NULL || ctx->cluster->neligible == 0) {
        return ngx_http_mesh_forward_nowhere(r, ctx);
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mesh_module);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "mesh pass: \"%V\" to node \"%V\" port %ui",
                   &r->uri, &ctx->cluster->node->name,
                   (ngx_uint_t) ctx->cluster->listener->port);

    ngx_http_mesh_try_create(r, ctx);

    if (ngx_http_mesh_observe_forward(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_mesh_forward_proto(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->cluster->listener->protocol == NGX_MESH_HTTP) {

        if (r->headers_in.upgrade
            && ngx_http_mesh_forward_upgrade(r) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_mesh_body_pass(r, ctx, mlcf->proxy);
    }

    if (mlcf->grpc == NULL) {
        return ngx_http_mesh_reply(r, ctx, NGX_HTTP_BAD_GATEWAY,
                                   NGX_HTTP_MESH_NC, &text);
    }

    return ngx_http_mesh_body_pass(r, ctx, mlcf->grpc);
}


static ngx_int_t
ngx_http_mesh_forward_nowhere(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    static ngx_str_t  text = ngx_string("no healthy upstream");

    return ngx_http_mesh_reply(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
                               NGX_HTTP_MESH_UH, &text);
}


/* Envoy: X-Forwarded-Proto of the client stays, else it is that of its side */

static ngx_int_t
ngx_http_mesh_forward_proto(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    static ngx_http_mesh_header_name_t  name =
        ngx_http_mesh_header_name("X-Forwarded-Proto", "x-forwarded-proto");

    h = ctx->headers.forwarded_proto;

    if (h && h->value.len) {
        return NGX_OK;
    }

    ngx_str_set(&value, "http");

#if (NGX_HTTP_SSL)

    if (r->connection->ssl) {
        ngx_str_set(&value, "https");
    }

#endif

    return ngx_http_mesh_headers_set(r, &ctx->headers.forwarded_proto, &name,
                                     &value);
}


/*
 * mesh_params drops Connection and Upgrade, as is usual for keepalive.  For a
 * WebSocket handshake they are added again, spelled so that the proxy module
 * does not take them for the ones to drop, which it looks up in lower case.
 * Other upgrades, h2c above all, are not let through.
 */

static ngx_int_t
ngx_http_mesh_forward_upgrade(ngx_http_request_t *r)
{
    ngx_str_t         upgrade;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    static ngx_str_t  names[] = {
        ngx_string("Connection"),
        ngx_string("Upgrade")
    };

    upgrade = r->headers_in.upgrade->value;

    if (r != r->main
        || r->http_version != NGX_HTTP_VERSION_11
        || upgrade.len != 9
        || ngx_strncasecmp(upgrade.data, (u_char *) "websocket", 9) != 0)
    {
        return NGX_OK;
    }

    /* added already, if an error page leads to mesh_pass again */

    if (ngx_http_mesh_forward_find(&r->headers_in.headers, &names[1])) {
        return NGX_OK;
    }

    for (i = 0; i < 2; i++) {
        h = ngx_list_push(&r->headers_in.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        h->hash = 1;
        h->key = names[i];
        h->lowcase_key = names[i].data;
        ngx_mesh_table_elt_end(h);

        h->value = upgrade;

        if (i == 0) {
            ngx_str_set(&h->value, "upgrade");
        }
    }

    return NGX_OK;
}


/* whether the list has a header whose name is that very string */

static ngx_uint_t
ngx_http_mesh_forward_find(ngx_list_t *headers, ngx_str_t *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &headers->part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.data == name->data) {
                return 1;
            }
        }
    }

    return 0;
}
