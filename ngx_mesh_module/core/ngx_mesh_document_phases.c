
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The phases of the loader.  First everything is checked, section by section,
 * and found by name; then everything is built; so the first violation told is
 * the first in the order of the sections, and nothing is built from a document
 * with a reference to nowhere.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_document_parts.h"
#include "ngx_mesh_pool.h"


#define NGX_MESH_LOADER_VERSION     1

/* address space for the model, by the size of the text */
#define NGX_MESH_LOADER_MODEL       8

/* text is read in parts, and so much of it counts as one unit */
#define NGX_MESH_LOADER_FEED        (16 * 1024)
#define NGX_MESH_LOADER_UNIT_BYTES  512

/* units that setting a section up costs for each 1024 elements */
#define NGX_MESH_LOADER_SETUP       8


static ngx_int_t ngx_mesh_loader_parse(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_begin(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_head(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_mesh(ngx_mesh_loader_t *ld);
static ngx_mesh_json_t *ngx_mesh_loader_next_endpoints(
    ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_discovered(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_check(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_section(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_element(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_self(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_build(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_unknown_nodes(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_endpoints(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_nodes(ngx_mesh_loader_t *ld);
static ngx_int_t ngx_mesh_loader_egress(ngx_mesh_loader_t *ld);
static ngx_mesh_virtual_service_t *ngx_mesh_loader_reachable(
    ngx_mesh_model_t *model, ngx_uint_t i);


const ngx_mesh_loader_phase_pt  ngx_mesh_loader_phases[] = {
    ngx_mesh_loader_parse,
    ngx_mesh_loader_begin,
    ngx_mesh_loader_discovered,
    ngx_mesh_loader_check,
    ngx_mesh_loader_self,
    ngx_mesh_loader_build,
    ngx_mesh_loader_unknown_nodes,
    ngx_mesh_loader_endpoints,
    ngx_mesh_loader_nodes,
    ngx_mesh_loader_egress,
    NULL
};


static ngx_int_t
ngx_mesh_loader_parse(ngx_mesh_loader_t *ld)
{
    size_t  size;

    if (ld->reader == NULL) {
        return NGX_OK;
    }

    size = ngx_min(ld->last - ld->pos, NGX_MESH_LOADER_FEED);

    if (size) {
        ld->spent += size / NGX_MESH_LOADER_UNIT_BYTES;

        if (ngx_mesh_json_reader_feed(ld->reader, ld->pos, size) == NGX_OK) {
            ld->pos += size;
            return NGX_AGAIN;
        }

    } else {
        ld->root = ngx_mesh_json_reader_done(ld->reader);
    }

    if (ld->root == NULL) {
        ld->error = *ngx_mesh_json_reader_error(ld->reader);
        return NGX_DECLINED;
    }

    ngx_mesh_json_reader_free(ld->reader);
    ld->reader = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_loader_begin(ngx_mesh_loader_t *ld)
{
    ngx_int_t         rc;
    ngx_pool_t       *pool;
    ngx_mesh_json_t  *value;

    rc = ngx_mesh_loader_head(ld);
    if (rc != NGX_OK) {
        return rc;
    }

    pool = ngx_mesh_pool_create(NGX_MESH_LOADER_POOL_SIZE
                                + ld->len * NGX_MESH_LOADER_MODEL,
                                ld->conf.log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ld->build.pool = pool;

    ld->build.model = ngx_pcalloc(pool, sizeof(ngx_mesh_model_t));
    if (ld->build.model == NULL) {
        return NGX_ERROR;
    }

    ld->build.model->pool = pool;

    rc = ngx_mesh_loader_mesh(ld);
    if (rc != NGX_OK) {
        return rc;
    }

    value = ngx_mesh_rules_find(ld->root, "endpoints");

    if (value && value->type != NGX_MESH_JSON_OBJECT) {
        return ngx_mesh_rules_violation(&ld->build.rules, value,
                                        "must be an object");
    }

    ld->build.discovered = ngx_mesh_map_create(ld->pool,
                                               value ? value->nelts : 0);

    return ld->build.discovered ? NGX_OK : NGX_ERROR;
}


/* "meshDocument" goes first: all else may be different in another version */

static ngx_int_t
ngx_mesh_loader_head(ngx_mesh_loader_t *ld)
{
    u_char            *p;
    int64_t            n;
    ngx_int_t          rc;
    ngx_str_t         *s;
    ngx_mesh_json_t   *value;
    ngx_mesh_rules_t  *rules;

    rules = &ld->build.rules;
    value = ngx_mesh_json_get(ld->root, "meshDocument");

    if (value
        && (ngx_mesh_json_integer(value, &n) != NGX_OK
            || n != NGX_MESH_LOADER_VERSION))
    {
        return ngx_mesh_rules_violation(rules, value, "must be %d",
                                        NGX_MESH_LOADER_VERSION);
    }

    rc = ngx_mesh_shape_validate(&ld->build.walk, &ngx_mesh_shape_document,
                                 ld->root);
    if (rc != NGX_OK) {
        return rc;
    }

    /* it becomes the value of HTTP headers */

    value = ngx_mesh_rules_find(ld->root, "version");
    s = &value->u.string;

    for (p = s->data; p < s->data + s->len; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            return ngx_mesh_rules_violation(rules, value,
                                            "must be printable ASCII");
        }
    }

    value = ngx_mesh_rules_find(ld->root, "mesh.meshName");
    s = &value->u.string;

    if (ld->conf.mesh_name.len
        && (ld->conf.mesh_name.len != s->len
            || ngx_memcmp(ld->conf.mesh_name.data, s->data, s->len) != 0))
    {
        return ngx_mesh_rules_violation(rules, value,
                          "is \"%V\", but this proxy is of the mesh \"%V\"",
                          s, &ld->conf.mesh_name);
    }

    return ngx_mesh_rules_name(rules, value);
}


static ngx_int_t
ngx_mesh_loader_mesh(ngx_mesh_loader_t *ld)
{
    ngx_mesh_json_t   *mesh;
    ngx_mesh_model_t  *model;

    mesh = ngx_mesh_rules_find(ld->root, "mesh");
    model = ld->build.model;

    if (ngx_mesh_build_string(&ld->build,
                              ngx_mesh_rules_find(ld->root, "version"),
                              &model->version)
        != NGX_OK
        || ngx_mesh_build_string(&ld->build,
                                 ngx_mesh_rules_find(mesh, "meshName"),
                                 &model->mesh_name)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_mesh_build_is(ngx_mesh_rules_find(mesh, "spec.egressFilter.type"),
                          "ALLOW_ALL"))
    {
        model->egress_filter = NGX_MESH_ALLOW_ALL;
    }

    model->ip_preference = ngx_mesh_build_ip_preference(
               ngx_mesh_rules_find(mesh, "spec.serviceDiscovery.ipPreference"),
               NGX_MESH_IP_UNSET);

    return NGX_OK;
}


/* the next member of "endpoints", NULL after the last one */

static ngx_mesh_json_t *
ngx_mesh_loader_next_endpoints(ngx_mesh_loader_t *ld)
{
    ngx_mesh_json_t  *value;

    if (!ld->started) {
        ld->started = 1;
        ld->value = ngx_mesh_rules_first(ngx_mesh_rules_find(ld->root,
                                                             "endpoints"));
    }

    value = ld->value;

    if (value) {
        ld->value = value->next;
    }

    return value;
}


/* which nodes "endpoints" speaks of */

static ngx_int_t
ngx_mesh_loader_discovered(ngx_mesh_loader_t *ld)
{
    ngx_mesh_json_t  *value;

    value = ngx_mesh_loader_next_endpoints(ld);

    if (value == NULL) {
        return NGX_OK;
    }

    if (value->type == NGX_MESH_JSON_NULL) {
        return NGX_AGAIN;
    }

    if (value->type != NGX_MESH_JSON_ARRAY) {
        return ngx_mesh_rules_violation(&ld->build.rules, value,
                                        "must be a list");
    }

    /* the reader refuses duplicates, but directives do not go through it */

    if (ngx_mesh_map_insert(ld->build.discovered, &value->name, value)
        != NGX_OK)
    {
        return ngx_mesh_rules_violation(&ld->build.rules, value,
                                        "is there already");
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_mesh_loader_check(ngx_mesh_loader_t *ld)
{
    ngx_int_t  rc;

    if (ld->section == NGX_MESH_SECTIONS) {
        return NGX_OK;
    }

    if (!ld->started) {
        rc = ngx_mesh_loader_section(ld);

    } else if (ld->value) {
        rc = ngx_mesh_loader_element(ld);

    } else {
        ld->section++;
        ld->started = 0;
        rc = NGX_OK;
    }

    return (rc == NGX_OK) ? NGX_AGAIN : rc;
}


/* makes room for a section; to zero it all at once would take a while */

static ngx_int_t
ngx_mesh_loader_section(ngx_mesh_loader_t *ld)
{
    u_char                          *model;
    ngx_uint_t                       n;
    ngx_mesh_json_t                 *value;
    ngx_mesh_build_list_t           *list;
    const ngx_mesh_build_section_t  *section;

    section = &ngx_mesh_build_sections[ld->section];
    list = &ld->build.lists[ld->section];

    value = ngx_mesh_rules_find(ld->root, section->list);

    if (value && value->type != NGX_MESH_JSON_ARRAY) {
        return ngx_mesh_rules_violation(&ld->build.rules, value,
                                        "must be a list");
    }

    n = value ? value->nelts : 0;

    list->nelts = n;
    list->items = ngx_palloc(ld->pool, n * sizeof(ngx_mesh_json_t *));
    list->objects = ngx_palloc(ld->build.pool, n * section->size);
    list->map = ngx_mesh_map_create(ld->pool, n);

    if (list->items == NULL || list->objects == NULL || list->map == NULL) {
        return NGX_ERROR;
    }

    model = (u_char *) ld->build.model;

    *(void **) (model + section->elts) = list->objects;
    *(ngx_uint_t *) (model + section->nelts) = n;

    ld->value = ngx_mesh_rules_first(value);
    ld->index = 0;
    ld->started = 1;
    ld->spent += n / 1024 * NGX_MESH_LOADER_SETUP;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_loader_element(ngx_mesh_loader_t *ld)
{
    u_char                          *object;
    ngx_int_t                        rc;
    ngx_str_t                       *mesh;
    ngx_mesh_json_t                 *item, *name;
    ngx_mesh_build_list_t           *list;
    const ngx_mesh_build_section_t  *section;

    section = &ngx_mesh_build_sections[ld->section];
    list = &ld->build.lists[ld->section];
    item = ld->value;
    object = list->objects + ld->index * section->size;

    list->items[ld->index] = item;
    ngx_memzero(object, section->size);

    rc = ngx_mesh_shape_validate(&ld->build.walk, section->shape, item);
    if (rc != NGX_OK) {
        return rc;
    }

    mesh = &ld->build.model->mesh_name;
    name = ngx_mesh_rules_find(item, "meshName");

    if (name
        && (name->u.string.len != mesh->len
            || ngx_memcmp(name->u.string.data, mesh->data, mesh->len) != 0))
    {
        return ngx_mesh_rules_violation(&ld->build.rules, name,
                                   "must be \"%V\", as the document says",
                                   mesh);
    }

    rc = section->check(&ld->build, item, object);

    ld->index++;
    ld->value = item->next;

    return rc;
}


/* what this proxy is must be in the document */

static ngx_int_t
ngx_mesh_loader_self(ngx_mesh_loader_t *ld)
{
    void                *object;
    ngx_str_t           *name;
    const char          *what;
    ngx_mesh_json_t     *value;
    ngx_mesh_model_t    *model;
    ngx_mesh_section_e   section;

    if (ld->conf.resource_type == NGX_MESH_RESOURCE_NONE) {
        return NGX_OK;
    }

    if (ld->conf.resource_type == NGX_MESH_RESOURCE_VIRTUAL_NODE) {
        section = NGX_MESH_SECTION_NODES;
        what = "virtual node";

    } else {
        section = NGX_MESH_SECTION_GATEWAYS;
        what = "virtual gateway";
    }

    name = &ld->conf.resource;
    object = ngx_mesh_map_find(ld->build.lists[section].map, name->data,
                               name->len);

    if (object == NULL) {
        value = ngx_mesh_rules_find(ld->root,
                                    ngx_mesh_build_sections[section].list);

        return ngx_mesh_rules_violation(&ld->build.rules,
                          value ? value : ld->root,
                          "has no %s \"%V\", which this proxy is", what, name);
    }

    model = ld->build.model;

    if (section == NGX_MESH_SECTION_NODES) {
        model->node = object;

    } else {
        model->gateway = object;
    }

    return ngx_mesh_build_log(&ld->build,
                          ngx_mesh_build_spec(&ld->build, section, object));
}


static ngx_int_t
ngx_mesh_loader_build(ngx_mesh_loader_t *ld)
{
    ngx_int_t                        rc;
    ngx_mesh_build_list_t           *list;
    const ngx_mesh_build_section_t  *section;

    if (ld->section == NGX_MESH_SECTIONS) {
        return NGX_OK;
    }

    section = &ngx_mesh_build_sections[ld->section];
    list = &ld->build.lists[ld->section];

    if (ld->index == list->nelts) {
        ld->section++;
        ld->index = 0;
        return NGX_AGAIN;
    }

    rc = section->build(&ld->build, list->items[ld->index],
                        list->objects + ld->index * section->size);

    ld->index++;

    return (rc == NGX_OK) ? NGX_AGAIN : rc;
}


/* the document of another scope may tell of more nodes than this proxy has */

static ngx_int_t
ngx_mesh_loader_unknown_nodes(ngx_mesh_loader_t *ld)
{
    ngx_mesh_json_t  *value;

    value = ngx_mesh_loader_next_endpoints(ld);

    if (value == NULL) {
        return ngx_mesh_build_endpoints_start(&ld->build,
                                  ngx_mesh_rules_find(ld->root, "endpoints"));
    }

    if (ngx_mesh_map_find(ld->build.lists[NGX_MESH_SECTION_NODES].map,
                          value->name.data, value->name.len)
        == NULL)
    {
        (void) ngx_mesh_loader_unknown_member(ld, value, NULL);
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_mesh_loader_endpoints(ngx_mesh_loader_t *ld)
{
    return ngx_mesh_build_endpoints_step(&ld->build);
}


static ngx_int_t
ngx_mesh_loader_nodes(ngx_mesh_loader_t *ld)
{
    ngx_mesh_model_t  *model;

    model = ld->build.model;

    if (ld->index == model->nnodes) {
        return NGX_OK;
    }

    if (ngx_mesh_build_node_end(&ld->build, &model->nodes[ld->index++])
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* a service that two gateway routes lead to is met twice */

static ngx_int_t
ngx_mesh_loader_egress(ngx_mesh_loader_t *ld)
{
    ngx_uint_t                   n;
    ngx_mesh_model_t            *model;
    ngx_mesh_virtual_service_t  *service;

    model = ld->build.model;

    if (model->node) {
        n = model->node->backends.nelts;

    } else if (model->gateway) {
        n = model->gateway->routes.nelts;

    } else {
        n = model->nservices;
    }

    if (!ld->started) {
        ld->started = 1;
        ld->spent += n / 1024 * NGX_MESH_LOADER_SETUP;

        model->egress = ngx_mesh_map_create(model->pool, n);

        return model->egress ? NGX_AGAIN : NGX_ERROR;
    }

    if (ld->index == n) {
        return NGX_OK;
    }

    service = ngx_mesh_loader_reachable(model, ld->index++);

    if (service
        && ngx_mesh_map_insert(model->egress, &service->host, service)
           == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/*
 * A service this proxy may reach, with the client policy for it: that of the
 * backend, else the default of the node or gateway.  NULL if it is a backend
 * that is not in the document.
 */

static ngx_mesh_virtual_service_t *
ngx_mesh_loader_reachable(ngx_mesh_model_t *model, ngx_uint_t i)
{
    ngx_mesh_backend_t           *backend;
    ngx_mesh_gateway_route_t    **routes;
    ngx_mesh_virtual_service_t   *service;

    if (model->node) {
        backend = model->node->backends.elts;
        backend += i;
        service = backend->service;

        if (service) {
            service->client_policy = backend->client_policy
                                     ? backend->client_policy
                                     : model->node->client_policy;
        }

        return service;
    }

    if (model->gateway) {
        routes = model->gateway->routes.elts;
        service = routes[i]->service;
        service->client_policy = model->gateway->client_policy;

        return service;
    }

    return &model->services[i];
}
