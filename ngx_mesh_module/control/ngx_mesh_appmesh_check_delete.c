
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What keeps a resource from being deleted: resources in it, and those that
 * refer to it.  The messages are those of App Mesh, which clients match.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_check.h"


/* referrers that a message names */
#define NGX_MESH_CHECK_NAMED  10


static ngx_int_t ngx_mesh_check_delete_mesh(ngx_mesh_check_t *check);
static ngx_int_t ngx_mesh_check_delete_node(ngx_mesh_check_t *check);
static ngx_int_t ngx_mesh_check_delete_router(ngx_mesh_check_t *check);
static ngx_int_t ngx_mesh_check_delete_gateway(ngx_mesh_check_t *check);
static ngx_int_t ngx_mesh_check_delete_service(ngx_mesh_check_t *check);
static ngx_int_t ngx_mesh_check_not_provider(ngx_mesh_check_t *check);
static ngx_int_t ngx_mesh_check_named(ngx_mesh_check_t *check,
    ngx_mesh_store_item_t *item, ngx_str_t *names);


ngx_int_t
ngx_mesh_check_delete(ngx_mesh_check_t *check)
{
    switch (check->id->kind->kind) {

    case NGX_MESH_KIND_MESH:
        return ngx_mesh_check_delete_mesh(check);

    case NGX_MESH_KIND_VIRTUAL_NODE:
        return ngx_mesh_check_delete_node(check);

    case NGX_MESH_KIND_VIRTUAL_ROUTER:
        return ngx_mesh_check_delete_router(check);

    case NGX_MESH_KIND_VIRTUAL_GATEWAY:
        return ngx_mesh_check_delete_gateway(check);

    case NGX_MESH_KIND_VIRTUAL_SERVICE:
        return ngx_mesh_check_delete_service(check);

    default: /* nothing refers to routes and gateway routes */
        return NGX_OK;
    }
}


/* in the order in which they can be deleted */

static ngx_int_t
ngx_mesh_check_delete_mesh(ngx_mesh_check_t *check)
{
    ngx_int_t               rc;
    ngx_uint_t              i, again;
    const char             *title;
    ngx_mesh_store_item_t  *item;

    static const ngx_mesh_kind_e  kinds[] = {
        NGX_MESH_KIND_VIRTUAL_GATEWAY, NGX_MESH_KIND_VIRTUAL_SERVICE,
        NGX_MESH_KIND_VIRTUAL_ROUTER, NGX_MESH_KIND_VIRTUAL_NODE
    };

    again = 0;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {

        rc = ngx_mesh_check_children(check, check->id, kinds[i], 1, &item);

        if (rc == NGX_AGAIN) {
            again = 1;
            continue;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        if (item->count && !again) {
            title = ngx_mesh_kinds[kinds[i]].title;

            return ngx_mesh_check_fail(check, &ngx_mesh_error_resource_in_use,
                          "Mesh %V for account %V has active %ss, please "
                          "delete %ss before deleting the Mesh",
                          &check->id->mesh, &check->account, title, title);
        }
    }

    return again ? NGX_AGAIN : NGX_OK;
}


static ngx_int_t
ngx_mesh_check_delete_node(ngx_mesh_check_t *check)
{
    ngx_int_t               rc;
    ngx_mesh_store_item_t  *item;

    rc = ngx_mesh_check_referrers(check, check->id, NGX_MESH_KIND_ROUTE, 1,
                                  &item);
    if (rc != NGX_OK) {
        return rc;
    }

    if (item->count) {
        return ngx_mesh_check_fail(check, &ngx_mesh_error_resource_in_use,
                          "VirtualNode with name %V cannot be deleted because "
                          "it is the target of one or more routes.",
                          &check->id->name);
    }

    return ngx_mesh_check_not_provider(check);
}


static ngx_int_t
ngx_mesh_check_delete_router(ngx_mesh_check_t *check)
{
    ngx_int_t               rc;
    ngx_mesh_store_item_t  *item;

    rc = ngx_mesh_check_children(check, check->id, NGX_MESH_KIND_ROUTE, 1,
                                 &item);
    if (rc != NGX_OK) {
        return rc;
    }

    if (item->count) {
        return ngx_mesh_check_fail(check, &ngx_mesh_error_resource_in_use,
                          "VirtualRouter with name %V cannot be deleted "
                          "because it has one or more routes.",
                          &check->id->name);
    }

    return ngx_mesh_check_not_provider(check);
}


static ngx_int_t
ngx_mesh_check_delete_gateway(ngx_mesh_check_t *check)
{
    ngx_int_t               rc;
    ngx_mesh_store_item_t  *item;

    rc = ngx_mesh_check_children(check, check->id,
                                 NGX_MESH_KIND_GATEWAY_ROUTE, 1, &item);
    if (rc != NGX_OK) {
        return rc;
    }

    if (item->count) {
        return ngx_mesh_check_fail(check, &ngx_mesh_error_resource_in_use,
                          "VirtualGateway with name %V cannot be deleted "
                          "because it has one or more gateway routes.",
                          &check->id->name);
    }

    return NGX_OK;
}


/* that nodes list it as a backend does not matter */

static ngx_int_t
ngx_mesh_check_delete_service(ngx_mesh_check_t *check)
{
    ngx_int_t               rc;
    ngx_str_t               names;
    ngx_mesh_store_item_t  *item;

    rc = ngx_mesh_check_referrers(check, check->id,
                                  NGX_MESH_KIND_GATEWAY_ROUTE,
                                  NGX_MESH_CHECK_NAMED, &item);
    if (rc != NGX_OK) {
        return rc;
    }

    if (item->count == 0) {
        return NGX_OK;
    }

    if (ngx_mesh_check_named(check, item, &names) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mesh_check_fail(check, &ngx_mesh_error_resource_in_use,
                          "VirtualService %V is being referenced in the "
                          "following: GATEWAY_ROUTE: [%V%s]",
                          &check->id->name, &names, item->more ? ", ..." : "");
}


static ngx_int_t
ngx_mesh_check_not_provider(ngx_mesh_check_t *check)
{
    ngx_int_t               rc;
    ngx_mesh_store_item_t  *item;

    rc = ngx_mesh_check_referrers(check, check->id,
                                  NGX_MESH_KIND_VIRTUAL_SERVICE, 1, &item);
    if (rc != NGX_OK) {
        return rc;
    }

    if (item->count) {
        return ngx_mesh_check_fail(check, &ngx_mesh_error_resource_in_use,
                          "%s with name %V cannot be deleted because it is a "
                          "VirtualService provider",
                          check->id->kind->title, &check->id->name);
    }

    return NGX_OK;
}


/* "front/color, front/fruit": the gateway routes of references */

static ngx_int_t
ngx_mesh_check_named(ngx_mesh_check_t *check, ngx_mesh_store_item_t *item,
    ngx_str_t *names)
{
    size_t         len;
    u_char        *p;
    ngx_uint_t     i;
    ngx_mesh_id_t  from;

    len = 0;

    for (i = 0; i < item->count; i++) {
        len += item->entries[i].key.len + 2;
    }

    names->data = ngx_pnalloc(check->pool, len);
    if (names->data == NULL) {
        return NGX_ERROR;
    }

    p = names->data;

    for (i = 0; i < item->count; i++) {

        if (ngx_mesh_id_of_reference(&item->entries[i].key, &from) != NGX_OK) {
            continue;
        }

        p = ngx_sprintf(p, "%s%V/%V", (p == names->data) ? "" : ", ",
                        &from.parent, &from.name);
    }

    names->len = p - names->data;

    return NGX_OK;
}
