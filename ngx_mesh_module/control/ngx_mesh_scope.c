
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Which resources the document of a proxy consists of.
 *
 * A virtual node needs itself and the virtual services of its backends, a
 * virtual gateway itself, its gateway routes and the services they lead to;
 * both then what provides these services, the routes of those routers and the
 * nodes that routes lead to.  That is found level by level, so that a store
 * that answers later is asked once for each.
 *
 * Proxies refuse a document with a reference to nowhere, except from a node to
 * the services of its backends.  The API does not let such references come
 * about; if one is there nevertheless, what has it is left out.
 *
 * Resources go by name, and routes by router and name, whatever the order they
 * were found in, so that equal content has an equal digest.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_depend.h"
#include "ngx_mesh_scan.h"
#include "ngx_mesh_scope_parts.h"


#define NGX_MESH_SCOPE_DEPENDS  64


static ngx_int_t ngx_mesh_scope_init(ngx_mesh_scope_ctx_t *ctx);
static ngx_int_t ngx_mesh_scope_self(ngx_mesh_scope_ctx_t *ctx);
static ngx_int_t ngx_mesh_scope_backends(ngx_mesh_scope_ctx_t *ctx);
static ngx_int_t ngx_mesh_scope_gateway_routes(ngx_mesh_scope_ctx_t *ctx);
static ngx_int_t ngx_mesh_scope_providers(ngx_mesh_scope_ctx_t *ctx);
static ngx_int_t ngx_mesh_scope_routes(ngx_mesh_scope_ctx_t *ctx);
static ngx_int_t ngx_mesh_scope_targets(ngx_mesh_scope_ctx_t *ctx,
    ngx_str_t *spec, ngx_uint_t prune);
static void ngx_mesh_scope_prune(ngx_mesh_scope_ctx_t *ctx);
static void ngx_mesh_scope_prune_service(ngx_mesh_scope_ctx_t *ctx,
    ngx_mesh_scope_item_t *service, ngx_mesh_scope_item_t *previous);
static ngx_int_t ngx_mesh_scope_load(ngx_mesh_scope_ctx_t *ctx,
    ngx_mesh_kind_e kind);
static ngx_int_t ngx_mesh_scope_get(ngx_mesh_scope_ctx_t *ctx,
    ngx_mesh_kind_e kind, ngx_mesh_scope_item_t *item);
static void ngx_mesh_scope_read(ngx_mesh_store_entry_t *entry,
    ngx_mesh_scope_item_t *item);
static ngx_int_t ngx_mesh_scope_list(ngx_mesh_scope_ctx_t *ctx,
    ngx_mesh_kind_e kind, ngx_str_t *parent);
static ngx_int_t ngx_mesh_scope_depend(ngx_mesh_scope_ctx_t *ctx,
    uint32_t hash);
static ngx_int_t ngx_mesh_scope_add_name(ngx_mesh_scope_ctx_t *ctx,
    ngx_mesh_kind_e kind, ngx_str_t *object, const char *path);
static void ngx_mesh_scope_sort(ngx_array_t *list);
static int ngx_libc_cdecl ngx_mesh_scope_compare(const void *one,
    const void *two);
static ngx_int_t ngx_mesh_scope_order(ngx_str_t *one, ngx_str_t *two);
static ngx_uint_t ngx_mesh_scope_has(ngx_mesh_scope_ctx_t *ctx,
    ngx_mesh_kind_e kind, ngx_str_t *name);


/* where a route and a gateway route have what they lead to */

static const char  *ngx_mesh_scope_target_paths[] = {
    "httpRoute.action.weightedTargets",
    "http2Route.action.weightedTargets",
    "grpcRoute.action.weightedTargets",
    "tcpRoute.action.weightedTargets",
    NULL
};

static const char  *ngx_mesh_scope_service_paths[] = {
    "httpRoute.action.target.virtualService.virtualServiceName",
    "http2Route.action.target.virtualService.virtualServiceName",
    "grpcRoute.action.target.virtualService.virtualServiceName",
    NULL
};


ngx_int_t
ngx_mesh_scope_build(ngx_mesh_view_t *view, ngx_pool_t *pool,
    ngx_mesh_id_t *id, ngx_mesh_scope_t *scope)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_mesh_scope_ctx_t  ctx;

    static ngx_int_t  (*levels[])(ngx_mesh_scope_ctx_t *ctx) = {
        ngx_mesh_scope_self,
        ngx_mesh_scope_backends,
        ngx_mesh_scope_providers,
        ngx_mesh_scope_routes
    };

    if (ngx_array_init(&scope->depends, pool, NGX_MESH_SCOPE_DEPENDS,
                       sizeof(uint32_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx.pool = pool;
    ctx.view = view;
    ctx.id = id;
    ctx.depends = &scope->depends;
    ctx.again = 0;

    if (ngx_mesh_scope_init(&ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {

        rc = levels[i](&ctx);

        if (rc != NGX_OK) {
            return rc;
        }

        if (ctx.again) {
            return NGX_AGAIN;
        }
    }

    ngx_mesh_scope_prune(&ctx);

    return ngx_mesh_scope_print(&ctx, scope);
}


static ngx_int_t
ngx_mesh_scope_init(ngx_mesh_scope_ctx_t *ctx)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESH_KINDS; i++) {
        if (ngx_array_init(&ctx->lists[i], ctx->pool, 8,
                           sizeof(ngx_mesh_scope_item_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the mesh and the node or gateway itself */

static ngx_int_t
ngx_mesh_scope_self(ngx_mesh_scope_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_mesh_scope_item_t  *mesh, *self;

    mesh = ngx_array_push(&ctx->lists[NGX_MESH_KIND_MESH]);
    self = ngx_array_push(&ctx->lists[ctx->id->kind->kind]);

    if (mesh == NULL || self == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(mesh, sizeof(ngx_mesh_scope_item_t));
    ngx_memzero(self, sizeof(ngx_mesh_scope_item_t));

    mesh->name = ctx->id->mesh;
    self->name = ctx->id->name;

    rc = ngx_mesh_scope_get(ctx, NGX_MESH_KIND_MESH, mesh);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_scope_get(ctx, ctx->id->kind->kind, self);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->again) {
        return NGX_OK;
    }

    return (mesh->text.len && self->text.len) ? NGX_OK : NGX_DECLINED;
}


/* the services that this proxy may reach */

static ngx_int_t
ngx_mesh_scope_backends(ngx_mesh_scope_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_str_t               rest, backend;
    ngx_mesh_scope_item_t  *self;

    if (ctx->id->kind->kind == NGX_MESH_KIND_VIRTUAL_GATEWAY) {
        rc = ngx_mesh_scope_gateway_routes(ctx);
        if (rc != NGX_OK) {
            return rc;
        }

    } else {
        self = ctx->lists[NGX_MESH_KIND_VIRTUAL_NODE].elts;

        if (ngx_mesh_scan_find(&self->spec, "backends", &rest)
            != NGX_OK)
        {
            return NGX_OK;
        }

        while (ngx_mesh_scan_next(&rest, &backend) == NGX_OK) {
            if (ngx_mesh_scope_add_name(ctx, NGX_MESH_KIND_VIRTUAL_SERVICE,
                                        &backend,
                                        "virtualService.virtualServiceName")
                == NGX_ERROR)
            {
                return NGX_ERROR;
            }
        }
    }

    return ngx_mesh_scope_load(ctx, NGX_MESH_KIND_VIRTUAL_SERVICE);
}


static ngx_int_t
ngx_mesh_scope_gateway_routes(ngx_mesh_scope_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    const char             **path;
    ngx_mesh_scope_item_t   *route;

    rc = ngx_mesh_scope_list(ctx, NGX_MESH_KIND_GATEWAY_ROUTE, &ctx->id->name);
    if (rc != NGX_OK) {
        return rc;
    }

    route = ctx->lists[NGX_MESH_KIND_GATEWAY_ROUTE].elts;

    for (i = 0; i < ctx->lists[NGX_MESH_KIND_GATEWAY_ROUTE].nelts; i++) {

        rc = NGX_DECLINED;

        for (path = ngx_mesh_scope_service_paths;
             *path && rc == NGX_DECLINED;
             path++)
        {
            rc = ngx_mesh_scope_add_name(ctx, NGX_MESH_KIND_VIRTUAL_SERVICE,
                                         &route[i].spec, *path);
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_scope_providers(ngx_mesh_scope_ctx_t *ctx)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_array_t            *routers;
    ngx_mesh_scope_item_t  *item;

    item = ctx->lists[NGX_MESH_KIND_VIRTUAL_SERVICE].elts;

    for (i = 0; i < ctx->lists[NGX_MESH_KIND_VIRTUAL_SERVICE].nelts; i++) {

        if (ngx_mesh_scope_add_name(ctx, NGX_MESH_KIND_VIRTUAL_NODE,
                            &item[i].spec,
                            "provider.virtualNode.virtualNodeName")
            == NGX_ERROR
            || ngx_mesh_scope_add_name(ctx, NGX_MESH_KIND_VIRTUAL_ROUTER,
                            &item[i].spec,
                            "provider.virtualRouter.virtualRouterName")
               == NGX_ERROR)
        {
            return NGX_ERROR;
        }
    }

    rc = ngx_mesh_scope_load(ctx, NGX_MESH_KIND_VIRTUAL_ROUTER);
    if (rc != NGX_OK) {
        return rc;
    }

    routers = &ctx->lists[NGX_MESH_KIND_VIRTUAL_ROUTER];
    item = routers->elts;

    for (i = 0; i < routers->nelts; i++) {
        rc = ngx_mesh_scope_list(ctx, NGX_MESH_KIND_ROUTE, &item[i].name);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_scope_routes(ngx_mesh_scope_ctx_t *ctx)
{
    ngx_uint_t              i;
    ngx_mesh_scope_item_t  *route;

    route = ctx->lists[NGX_MESH_KIND_ROUTE].elts;

    for (i = 0; i < ctx->lists[NGX_MESH_KIND_ROUTE].nelts; i++) {
        if (ngx_mesh_scope_targets(ctx, &route[i].spec, 0) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_mesh_scope_load(ctx, NGX_MESH_KIND_VIRTUAL_NODE);
}


/*
 * Adds the nodes that a route leads to; or, to prune, NGX_DECLINED if one of
 * them is not there.
 */

static ngx_int_t
ngx_mesh_scope_targets(ngx_mesh_scope_ctx_t *ctx, ngx_str_t *spec,
    ngx_uint_t prune)
{
    ngx_str_t     rest, target, name;
    const char  **path;

    for (path = ngx_mesh_scope_target_paths; *path; path++) {

        if (ngx_mesh_scan_find(spec, *path, &rest) != NGX_OK) {
            continue;
        }

        while (ngx_mesh_scan_next(&rest, &target) == NGX_OK) {

            if (!prune) {
                if (ngx_mesh_scope_add_name(ctx, NGX_MESH_KIND_VIRTUAL_NODE,
                                            &target, "virtualNode")
                    == NGX_ERROR)
                {
                    return NGX_ERROR;
                }

                continue;
            }

            if (ngx_mesh_scan_find(&target, "virtualNode", &name) != NGX_OK
                || !ngx_mesh_scope_has(ctx, NGX_MESH_KIND_VIRTUAL_NODE, &name))
            {
                return NGX_DECLINED;
            }
        }

        break;
    }

    return NGX_OK;
}


static void
ngx_mesh_scope_prune(ngx_mesh_scope_ctx_t *ctx)
{
    ngx_str_t                name;
    ngx_uint_t               i;
    const char             **path;
    ngx_mesh_scope_item_t   *item, *previous;

    item = ctx->lists[NGX_MESH_KIND_ROUTE].elts;

    for (i = 0; i < ctx->lists[NGX_MESH_KIND_ROUTE].nelts; i++) {
        if (ngx_mesh_scope_targets(ctx, &item[i].spec, 1) != NGX_OK) {
            item[i].text.len = 0;
        }
    }

    item = ctx->lists[NGX_MESH_KIND_VIRTUAL_SERVICE].elts;
    previous = NULL;

    for (i = 0; i < ctx->lists[NGX_MESH_KIND_VIRTUAL_SERVICE].nelts; i++) {

        ngx_mesh_scope_prune_service(ctx, &item[i], previous);

        if (item[i].text.len) {
            previous = &item[i];
        }
    }

    item = ctx->lists[NGX_MESH_KIND_GATEWAY_ROUTE].elts;

    for (i = 0; i < ctx->lists[NGX_MESH_KIND_GATEWAY_ROUTE].nelts; i++) {

        for (path = ngx_mesh_scope_service_paths; *path; path++) {

            if (ngx_mesh_scan_find(&item[i].spec, *path, &name) == NGX_OK
                && !ngx_mesh_scope_has(ctx, NGX_MESH_KIND_VIRTUAL_SERVICE,
                                       &name))
            {
                item[i].text.len = 0;
            }
        }
    }
}


/*
 * For a proxy names of services are host names, so that of two that differ in
 * case only it can have one; they are next to each other in the list.
 */

static void
ngx_mesh_scope_prune_service(ngx_mesh_scope_ctx_t *ctx,
    ngx_mesh_scope_item_t *service, ngx_mesh_scope_item_t *previous)
{
    ngx_str_t  name;

    if (previous
        && previous->name.len == service->name.len
        && ngx_strncasecmp(previous->name.data, service->name.data,
                           service->name.len)
           == 0)
    {
        service->text.len = 0;
    }

    if (ngx_mesh_scan_find(&service->spec,
                           "provider.virtualNode.virtualNodeName", &name)
        == NGX_OK
        && !ngx_mesh_scope_has(ctx, NGX_MESH_KIND_VIRTUAL_NODE, &name))
    {
        service->text.len = 0;
    }

    if (ngx_mesh_scan_find(&service->spec,
                         "provider.virtualRouter.virtualRouterName",
                         &name)
        == NGX_OK
        && !ngx_mesh_scope_has(ctx, NGX_MESH_KIND_VIRTUAL_ROUTER, &name))
    {
        service->text.len = 0;
    }
}


/* the texts of all that the list names, each once and in order */

static ngx_int_t
ngx_mesh_scope_load(ngx_mesh_scope_ctx_t *ctx, ngx_mesh_kind_e kind)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_array_t            *list;
    ngx_mesh_scope_item_t  *item;

    list = &ctx->lists[kind];

    ngx_mesh_scope_sort(list);

    item = list->elts;

    for (i = 0; i < list->nelts; i++) {
        rc = ngx_mesh_scope_get(ctx, kind, &item[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* one resource; the text stays empty if there is none */

static ngx_int_t
ngx_mesh_scope_get(ngx_mesh_scope_ctx_t *ctx, ngx_mesh_kind_e kind,
    ngx_mesh_scope_item_t *item)
{
    ngx_int_t                rc;
    ngx_str_t                key;
    ngx_mesh_id_t            id;
    ngx_mesh_store_entry_t  *entry;

    if (item->text.len) {
        return NGX_OK;
    }

    ngx_mesh_id_sibling(ctx->id, kind, &item->parent, &item->name, &id);

    if (ngx_mesh_id_key(ctx->pool, &id, &key) != NGX_OK
        || ngx_mesh_scope_depend(ctx, ngx_mesh_depend_key(&key)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_mesh_view_get(ctx->view, &key, &entry);

    if (rc == NGX_OK) {
        ngx_mesh_scope_read(entry, item);
        return NGX_OK;
    }

    if (rc == NGX_AGAIN) {
        ctx->again = 1;
    }

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


/* the rest of the text is looked at no more, but for the names */

static void
ngx_mesh_scope_read(ngx_mesh_store_entry_t *entry, ngx_mesh_scope_item_t *item)
{
    ngx_mesh_record_line(entry, &item->text);

    if (ngx_mesh_scan_find(&item->text, "spec", &item->spec) != NGX_OK) {
        ngx_str_null(&item->text);
        ngx_str_null(&item->spec);
    }
}


/* the routes of a router, or the gateway routes of a gateway */

static ngx_int_t
ngx_mesh_scope_list(ngx_mesh_scope_ctx_t *ctx, ngx_mesh_kind_e kind,
    ngx_str_t *parent)
{
    ngx_int_t               rc;
    ngx_str_t               prefix;
    ngx_uint_t              i;
    ngx_mesh_id_t           id, child;
    ngx_mesh_scope_item_t  *item;
    ngx_mesh_store_item_t  *found;

    ngx_mesh_id_sibling(ctx->id, kind, parent, parent, &id);

    if (ngx_mesh_id_prefix(ctx->pool, &id, &prefix) != NGX_OK
        || ngx_mesh_scope_depend(ctx, ngx_mesh_depend_prefix(&prefix))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_mesh_view_list(ctx->view, &prefix, NULL, 0, &found);

    if (rc == NGX_AGAIN) {
        ctx->again = 1;
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < found->count; i++) {

        if (ngx_mesh_id_of_key(&found->entries[i].key, &child) != NGX_OK) {
            continue;
        }

        item = ngx_array_push(&ctx->lists[kind]);
        if (item == NULL) {
            return NGX_ERROR;
        }

        item->name = child.name;
        item->parent = child.parent;
        ngx_mesh_scope_read(&found->entries[i], item);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_scope_depend(ngx_mesh_scope_ctx_t *ctx, uint32_t hash)
{
    uint32_t  *depend;

    depend = ngx_array_push(ctx->depends);
    if (depend == NULL) {
        return NGX_ERROR;
    }

    *depend = hash;

    return NGX_OK;
}


/* adds what the string at "path" names to the list of its kind, if there */

static ngx_int_t
ngx_mesh_scope_add_name(ngx_mesh_scope_ctx_t *ctx, ngx_mesh_kind_e kind,
    ngx_str_t *object, const char *path)
{
    ngx_str_t               value, name;
    ngx_mesh_scope_item_t  *item;

    if (ngx_mesh_scan_find(object, path, &value) != NGX_OK
        || ngx_mesh_scan_string(ctx->pool, &value, &name) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    item = ngx_array_push(&ctx->lists[kind]);
    if (item == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(item, sizeof(ngx_mesh_scope_item_t));
    item->name = name;

    return NGX_OK;
}


/* in order, and each once: that with a text if it was loaded before */

static void
ngx_mesh_scope_sort(ngx_array_t *list)
{
    ngx_uint_t              i, n;
    ngx_mesh_scope_item_t  *item;

    if (list->nelts < 2) {
        return;
    }

    ngx_qsort(list->elts, list->nelts, sizeof(ngx_mesh_scope_item_t),
              ngx_mesh_scope_compare);

    item = list->elts;

    for (i = 1, n = 0; i < list->nelts; i++) {

        if (ngx_mesh_scope_order(&item[n].name, &item[i].name) != 0) {
            item[++n] = item[i];

        } else if (item[n].text.len == 0) {
            item[n].text = item[i].text;
            item[n].spec = item[i].spec;
        }
    }

    list->nelts = n + 1;
}


static int ngx_libc_cdecl
ngx_mesh_scope_compare(const void *one, const void *two)
{
    ngx_mesh_scope_item_t *a = (ngx_mesh_scope_item_t *) one;
    ngx_mesh_scope_item_t *b = (ngx_mesh_scope_item_t *) two;

    return ngx_mesh_scope_order(&a->name, &b->name);
}


/* names that differ in case only are next to each other */

static ngx_int_t
ngx_mesh_scope_order(ngx_str_t *one, ngx_str_t *two)
{
    size_t     len;
    ngx_int_t  rc;

    len = ngx_min(one->len, two->len);

    rc = ngx_strncasecmp(one->data, two->data, len);
    if (rc != 0) {
        return rc;
    }

    if (one->len != two->len) {
        return (one->len < two->len) ? -1 : 1;
    }

    return ngx_memcmp(one->data, two->data, len);
}


/* "name" is as in the text, with quotes */

static ngx_uint_t
ngx_mesh_scope_has(ngx_mesh_scope_ctx_t *ctx, ngx_mesh_kind_e kind,
    ngx_str_t *name)
{
    ngx_int_t               rc;
    ngx_str_t               string;
    ngx_uint_t              low, high, middle;
    ngx_mesh_scope_item_t  *item;

    if (ngx_mesh_scan_string(ctx->pool, name, &string) != NGX_OK) {
        return 0;
    }

    item = ctx->lists[kind].elts;
    low = 0;
    high = ctx->lists[kind].nelts;

    while (low < high) {
        middle = (low + high) / 2;

        rc = ngx_mesh_scope_order(&string, &item[middle].name);

        if (rc == 0) {
            return item[middle].text.len != 0;
        }

        if (rc < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    return 0;
}
