
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What a new or changed resource has to agree with: the resources it refers
 * to, which have to be there, and those that refer to it.  Rules across
 * resources are checked in both directions, so that a stored mesh can be
 * loaded at any moment; to go from one state to another that would break them
 * in between, a listener is added, then routes move to it, then the old one
 * goes.
 *
 * What is read here becomes a part of the transaction's comparisons, so two
 * writes at a time cannot break together what each of them keeps.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_check.h"


/* for each of the resources that are in a list; "spec" is that of check->id */

typedef ngx_int_t (*ngx_mesh_check_pt)(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec, ngx_mesh_id_t *who, ngx_mesh_record_t *record);


static ngx_int_t ngx_mesh_check_mesh(ngx_mesh_check_t *check);
static ngx_int_t ngx_mesh_check_forward(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_check_back(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec, ngx_mesh_json_t *old);
static ngx_int_t ngx_mesh_check_back_listeners(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_check_back_service(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec, ngx_mesh_json_t *old);

static ngx_int_t ngx_mesh_check_route(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_check_gateway_route(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_check_parent(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_check_provider(ngx_mesh_check_t *check,
    ngx_mesh_json_t *service, ngx_mesh_json_t **provider);

static ngx_int_t ngx_mesh_check_owner(ngx_mesh_check_t *check,
    ngx_mesh_json_t *route, ngx_mesh_json_t *owner, ngx_mesh_id_t *who);
static ngx_int_t ngx_mesh_check_no_port(ngx_mesh_check_t *check,
    ngx_mesh_id_t *who);
static ngx_int_t ngx_mesh_check_target(ngx_mesh_check_t *check,
    ngx_mesh_json_t *route, ngx_mesh_json_t *target, ngx_mesh_json_t *node,
    ngx_mesh_id_t *who);
static ngx_int_t ngx_mesh_check_gateway_target(ngx_mesh_check_t *check,
    ngx_mesh_json_t *route, ngx_mesh_json_t *provider, ngx_mesh_id_t *who);

static ngx_int_t ngx_mesh_check_each_child(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec, ngx_mesh_kind_e kind, ngx_mesh_check_pt handler);
static ngx_int_t ngx_mesh_check_each_referrer(ngx_mesh_check_t *check,
    ngx_mesh_id_t *id, ngx_mesh_json_t *spec, ngx_mesh_kind_e kind,
    ngx_mesh_check_pt handler);
static ngx_int_t ngx_mesh_check_owned(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec, ngx_mesh_id_t *who, ngx_mesh_record_t *record);
static ngx_int_t ngx_mesh_check_targeted(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec, ngx_mesh_id_t *who, ngx_mesh_record_t *record);
static ngx_int_t ngx_mesh_check_provided(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec, ngx_mesh_id_t *who, ngx_mesh_record_t *record);
static ngx_int_t ngx_mesh_check_gateway_targeted(ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec, ngx_mesh_id_t *who, ngx_mesh_record_t *record);

static ngx_uint_t ngx_mesh_check_same_listeners(ngx_mesh_json_t *one,
    ngx_mesh_json_t *other);
static ngx_uint_t ngx_mesh_check_same_string(ngx_mesh_json_t *one,
    ngx_mesh_json_t *other, const char *path);


ngx_int_t
ngx_mesh_check_put(ngx_mesh_check_t *check, ngx_mesh_json_t *spec,
    ngx_mesh_json_t *old)
{
    ngx_int_t  mesh, rc;

    if (check->id->kind->kind == NGX_MESH_KIND_MESH) {
        return NGX_OK;
    }

    mesh = ngx_mesh_check_mesh(check);

    if (mesh != NGX_OK && mesh != NGX_AGAIN) {
        return mesh;
    }

    /* what else has to be read is asked for together with the mesh */

    rc = ngx_mesh_check_forward(check, spec);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (mesh == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc != NGX_OK || old == NULL) {
        return rc;
    }

    return ngx_mesh_check_back(check, spec, old);
}


static ngx_int_t
ngx_mesh_check_mesh(ngx_mesh_check_t *check)
{
    ngx_int_t                rc;
    ngx_str_t                key;
    ngx_mesh_id_t            mesh;
    ngx_mesh_store_entry_t  *entry;

    ngx_mesh_id_sibling(check->id, NGX_MESH_KIND_MESH, NULL, NULL, &mesh);

    if (ngx_mesh_id_key(check->pool, &mesh, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_view_get(check->view, &key, &entry);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_mesh_check_fail(check, &ngx_mesh_error_not_found,
                               "Mesh with name %V is not present for "
                               "account %V",
                               &check->id->mesh, &check->account);
}


static ngx_int_t
ngx_mesh_check_forward(ngx_mesh_check_t *check, ngx_mesh_json_t *spec)
{
    ngx_mesh_json_t  *provider;

    switch (check->id->kind->kind) {

    case NGX_MESH_KIND_ROUTE:
        return ngx_mesh_check_route(check, spec);

    case NGX_MESH_KIND_VIRTUAL_SERVICE:
        return ngx_mesh_check_provider(check, spec, &provider);

    case NGX_MESH_KIND_GATEWAY_ROUTE:
        return ngx_mesh_check_gateway_route(check, spec);

    default:
        return NGX_OK;
    }
}


/* nothing that a new resource could break refers to it yet */

static ngx_int_t
ngx_mesh_check_back(ngx_mesh_check_t *check, ngx_mesh_json_t *spec,
    ngx_mesh_json_t *old)
{
    switch (check->id->kind->kind) {

    case NGX_MESH_KIND_VIRTUAL_SERVICE:
        return ngx_mesh_check_back_service(check, spec, old);

    case NGX_MESH_KIND_VIRTUAL_NODE:
    case NGX_MESH_KIND_VIRTUAL_ROUTER:
    case NGX_MESH_KIND_VIRTUAL_GATEWAY:

        if (ngx_mesh_check_same_listeners(spec, old)) {
            return NGX_OK;
        }

        return ngx_mesh_check_back_listeners(check, spec);

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_mesh_check_back_listeners(ngx_mesh_check_t *check, ngx_mesh_json_t *spec)
{
    ngx_int_t        rc;
    ngx_mesh_kind_e  kind;

    kind = check->id->kind->kind;

    if (kind == NGX_MESH_KIND_VIRTUAL_GATEWAY) {
        return ngx_mesh_check_each_child(check, spec,
                                         NGX_MESH_KIND_GATEWAY_ROUTE,
                                         ngx_mesh_check_owned);
    }

    if (kind == NGX_MESH_KIND_VIRTUAL_ROUTER) {
        rc = ngx_mesh_check_each_child(check, spec, NGX_MESH_KIND_ROUTE,
                                       ngx_mesh_check_owned);

    } else {
        rc = ngx_mesh_check_each_referrer(check, check->id, spec,
                                          NGX_MESH_KIND_ROUTE,
                                          ngx_mesh_check_targeted);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_check_each_referrer(check, check->id, spec,
                                        NGX_MESH_KIND_VIRTUAL_SERVICE,
                                        ngx_mesh_check_provided);
}


static ngx_int_t
ngx_mesh_check_back_service(ngx_mesh_check_t *check, ngx_mesh_json_t *spec,
    ngx_mesh_json_t *old)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *provider;

    if (ngx_mesh_check_same_string(spec, old,
                                   "provider.virtualNode.virtualNodeName")
        && ngx_mesh_check_same_string(spec, old,
                                  "provider.virtualRouter.virtualRouterName"))
    {
        return NGX_OK;
    }

    rc = ngx_mesh_check_provider(check, spec, &provider);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_check_each_referrer(check, check->id, provider,
                                        NGX_MESH_KIND_GATEWAY_ROUTE,
                                        ngx_mesh_check_gateway_targeted);
}


static ngx_int_t
ngx_mesh_check_route(ngx_mesh_check_t *check, ngx_mesh_json_t *spec)
{
    ngx_int_t             rc, again;
    ngx_mesh_id_t         id;
    ngx_mesh_json_t      *route, *target;
    ngx_mesh_record_t     node;
    ngx_mesh_protocol_e   protocol;

    again = ngx_mesh_check_parent(check, spec);

    if (again != NGX_OK && again != NGX_AGAIN) {
        return again;
    }

    route = ngx_mesh_rules_route_kind(spec, &protocol);
    target = ngx_mesh_rules_find(route, "action.weightedTargets");

    for (target = ngx_mesh_rules_first(target);
         target;
         target = target->next)
    {
        ngx_mesh_id_sibling(check->id, NGX_MESH_KIND_VIRTUAL_NODE, NULL,
                      &ngx_mesh_rules_find(target, "virtualNode")->u.string,
                      &id);

        rc = ngx_mesh_check_get(check, &id, &node);

        if (rc == NGX_OK) {
            rc = ngx_mesh_check_target(check, spec, target, node.spec, NULL);
        }

        if (rc == NGX_AGAIN) {
            again = NGX_AGAIN;

        } else if (rc != NGX_OK) {
            return rc;
        }
    }

    return again;
}


static ngx_int_t
ngx_mesh_check_gateway_route(ngx_mesh_check_t *check, ngx_mesh_json_t *spec)
{
    ngx_int_t             rc, again;
    ngx_mesh_id_t         id;
    ngx_mesh_json_t      *route, *name, *provider;
    ngx_mesh_record_t     service;
    ngx_mesh_protocol_e   protocol;

    again = ngx_mesh_check_parent(check, spec);

    if (again != NGX_OK && again != NGX_AGAIN) {
        return again;
    }

    route = ngx_mesh_rules_route_kind(spec, &protocol);
    name = ngx_mesh_rules_find(route,
                           "action.target.virtualService.virtualServiceName");

    ngx_mesh_id_sibling(check->id, NGX_MESH_KIND_VIRTUAL_SERVICE, NULL,
                        &name->u.string, &id);

    rc = ngx_mesh_check_get(check, &id, &service);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_check_provider(check, service.spec, &provider);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_check_gateway_target(check, spec, provider, NULL);

    return (rc == NGX_OK) ? again : rc;
}


/* the router of a route, the gateway of a gateway route */

static ngx_int_t
ngx_mesh_check_parent(ngx_mesh_check_t *check, ngx_mesh_json_t *spec)
{
    ngx_int_t          rc;
    ngx_mesh_id_t      id;
    ngx_mesh_record_t  parent;

    ngx_mesh_id_sibling(check->id, check->id->kind->parent, NULL,
                        &check->id->parent, &id);

    rc = ngx_mesh_check_get(check, &id, &parent);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_check_owner(check, spec, parent.spec, NULL);
}


/* the spec of what provides a service, NULL if nothing does */

static ngx_int_t
ngx_mesh_check_provider(ngx_mesh_check_t *check, ngx_mesh_json_t *service,
    ngx_mesh_json_t **provider)
{
    ngx_int_t          rc;
    ngx_mesh_id_t      id;
    ngx_mesh_kind_e    kind;
    ngx_mesh_json_t   *name;
    ngx_mesh_record_t  record;

    *provider = NULL;

    kind = NGX_MESH_KIND_VIRTUAL_ROUTER;
    name = ngx_mesh_rules_find(service,
                               "provider.virtualRouter.virtualRouterName");

    if (name == NULL) {
        kind = NGX_MESH_KIND_VIRTUAL_NODE;
        name = ngx_mesh_rules_find(service,
                                   "provider.virtualNode.virtualNodeName");
    }

    if (name == NULL) {
        return NGX_OK;
    }

    ngx_mesh_id_sibling(check->id, kind, NULL, &name->u.string, &id);

    rc = ngx_mesh_check_get(check, &id, &record);

    if (rc == NGX_OK) {
        *provider = record.spec;
    }

    return rc;
}


/* "who" is the route, NULL if it is what is to be stored */

static ngx_int_t
ngx_mesh_check_owner(ngx_mesh_check_t *check, ngx_mesh_json_t *route,
    ngx_mesh_json_t *owner, ngx_mesh_id_t *who)
{
    ngx_int_t                rc;
    ngx_mesh_json_t         *kind, *list;
    ngx_mesh_protocol_e      protocol;
    ngx_mesh_check_rules_t   cr;

    kind = ngx_mesh_rules_route_kind(route, &protocol);
    list = ngx_mesh_rules_find(owner, "listeners");

    if (list
        && list->nelts > 1
        && ngx_mesh_rules_find(kind, "match.port") == NULL)
    {
        return ngx_mesh_check_no_port(check, who);
    }

    if (ngx_mesh_check_rules_init(check, &cr) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_rules_owner(&cr.rules, route, owner);

    return ngx_mesh_check_rules_done(check, &cr, rc, who);
}


/* clients know the words of App Mesh */

static ngx_int_t
ngx_mesh_check_no_port(ngx_mesh_check_t *check, ngx_mesh_id_t *who)
{
    const char       *route, *owner;
    ngx_mesh_kind_e   kind;

    kind = who ? who->kind->kind : check->id->kind->kind;

    if (kind == NGX_MESH_KIND_ROUTE) {
        route = "Route";
        owner = "Virtual Router";

    } else {
        route = "Gateway Route";
        owner = "Virtual Gateway";
    }

    if (who == NULL) {
        return ngx_mesh_check_fail(check, &ngx_mesh_error_bad_request,
                                   "%s must define a port match criteria if "
                                   "the %s has multiple listeners",
                                   route, owner);
    }

    return ngx_mesh_check_fail(check, &ngx_mesh_error_bad_request,
                               "All %ss for this %s must define a port match "
                               "criteria if the %s has multiple listeners: "
                               "%s with name %V does not",
                               route, owner, owner, route, &who->name);
}


static ngx_int_t
ngx_mesh_check_target(ngx_mesh_check_t *check, ngx_mesh_json_t *route,
    ngx_mesh_json_t *target, ngx_mesh_json_t *node, ngx_mesh_id_t *who)
{
    ngx_int_t               rc;
    ngx_mesh_check_rules_t  cr;

    if (ngx_mesh_check_rules_init(check, &cr) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_rules_target(&cr.rules, route, target, node);

    return ngx_mesh_check_rules_done(check, &cr, rc, who);
}


static ngx_int_t
ngx_mesh_check_gateway_target(ngx_mesh_check_t *check, ngx_mesh_json_t *route,
    ngx_mesh_json_t *provider, ngx_mesh_id_t *who)
{
    ngx_int_t               rc;
    ngx_mesh_check_rules_t  cr;

    if (ngx_mesh_check_rules_init(check, &cr) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_rules_gateway_target(&cr.rules, route, provider);

    return ngx_mesh_check_rules_done(check, &cr, rc, who);
}


static ngx_int_t
ngx_mesh_check_each_child(ngx_mesh_check_t *check, ngx_mesh_json_t *spec,
    ngx_mesh_kind_e kind, ngx_mesh_check_pt handler)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_mesh_id_t           who;
    ngx_mesh_record_t       record;
    ngx_mesh_store_item_t  *item;

    rc = ngx_mesh_check_children(check, check->id, kind, 0, &item);

    for (i = 0; rc == NGX_OK && i < item->count; i++) {

        if (ngx_mesh_id_of_key(&item->entries[i].key, &who) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_mesh_record_of_entry(check->view, &item->entries[i], &record);

        if (rc == NGX_OK) {
            rc = handler(check, spec, &who, &record);
        }
    }

    return rc;
}


/* all of them are asked for before any has to be fetched */

static ngx_int_t
ngx_mesh_check_each_referrer(ngx_mesh_check_t *check, ngx_mesh_id_t *id,
    ngx_mesh_json_t *spec, ngx_mesh_kind_e kind, ngx_mesh_check_pt handler)
{
    ngx_int_t               rc, again;
    ngx_uint_t              i;
    ngx_mesh_id_t           who;
    ngx_mesh_record_t       record;
    ngx_mesh_store_item_t  *item;

    rc = ngx_mesh_check_referrers(check, id, kind, 0, &item);
    if (rc != NGX_OK) {
        return rc;
    }

    again = NGX_OK;

    for (i = 0; i < item->count; i++) {

        if (ngx_mesh_id_of_reference(&item->entries[i].key, &who) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_mesh_check_get(check, &who, &record);

        if (rc == NGX_OK) {
            rc = handler(check, spec, &who, &record);
        }

        if (rc == NGX_AGAIN) {
            again = NGX_AGAIN;

        } else if (rc != NGX_OK) {
            return rc;
        }
    }

    return again;
}


/* a route in the router, a gateway route in the gateway that changes */

static ngx_int_t
ngx_mesh_check_owned(ngx_mesh_check_t *check, ngx_mesh_json_t *spec,
    ngx_mesh_id_t *who, ngx_mesh_record_t *record)
{
    return ngx_mesh_check_owner(check, record->spec, spec, who);
}


/* a route that has the node that changes among its targets */

static ngx_int_t
ngx_mesh_check_targeted(ngx_mesh_check_t *check, ngx_mesh_json_t *spec,
    ngx_mesh_id_t *who, ngx_mesh_record_t *record)
{
    ngx_int_t             rc;
    ngx_str_t            *name;
    ngx_mesh_json_t      *route, *target;
    ngx_mesh_protocol_e   protocol;

    route = ngx_mesh_rules_route_kind(record->spec, &protocol);
    target = ngx_mesh_rules_find(route, "action.weightedTargets");

    for (target = ngx_mesh_rules_first(target);
         target;
         target = target->next)
    {
        name = &ngx_mesh_rules_find(target, "virtualNode")->u.string;

        if (name->len != check->id->name.len
            || ngx_memcmp(name->data, check->id->name.data, name->len) != 0)
        {
            continue;
        }

        rc = ngx_mesh_check_target(check, record->spec, target, spec, who);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* a service provided by the node or router that changes */

static ngx_int_t
ngx_mesh_check_provided(ngx_mesh_check_t *check, ngx_mesh_json_t *spec,
    ngx_mesh_id_t *who, ngx_mesh_record_t *record)
{
    return ngx_mesh_check_each_referrer(check, who, spec,
                                        NGX_MESH_KIND_GATEWAY_ROUTE,
                                        ngx_mesh_check_gateway_targeted);
}


/* a gateway route to a service whose provider is, or changes to, "spec" */

static ngx_int_t
ngx_mesh_check_gateway_targeted(ngx_mesh_check_t *check, ngx_mesh_json_t *spec,
    ngx_mesh_id_t *who, ngx_mesh_record_t *record)
{
    return ngx_mesh_check_gateway_target(check, record->spec, spec, who);
}


/* ports and protocols, which is all that others agree with */

static ngx_uint_t
ngx_mesh_check_same_listeners(ngx_mesh_json_t *one, ngx_mesh_json_t *other)
{
    one = ngx_mesh_rules_first(ngx_mesh_rules_find(one, "listeners"));
    other = ngx_mesh_rules_first(ngx_mesh_rules_find(other, "listeners"));

    while (one && other) {

        if (ngx_mesh_rules_integer(one, "portMapping.port")
            != ngx_mesh_rules_integer(other, "portMapping.port")
            || !ngx_mesh_check_same_string(one, other, "portMapping.protocol"))
        {
            return 0;
        }

        one = one->next;
        other = other->next;
    }

    return one == other;
}


static ngx_uint_t
ngx_mesh_check_same_string(ngx_mesh_json_t *one, ngx_mesh_json_t *other,
    const char *path)
{
    one = ngx_mesh_rules_find(one, path);
    other = ngx_mesh_rules_find(other, path);

    if (one == NULL || other == NULL) {
        return one == other;
    }

    return one->u.string.len == other->u.string.len
           && ngx_memcmp(one->u.string.data, other->u.string.data,
                         one->u.string.len)
              == 0;
}
