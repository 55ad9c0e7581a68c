
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Which resource is meant: the kinds of App Mesh resources, and the ways to
 * name one: its key in the store, its ARN, and the keys of references.  Pure
 * functions of plain data, for any process.
 *
 * Names of virtual services are host names, so that "A.local" and "a.local"
 * are one service.  In keys they are in lower case; what is stored and shown
 * is as it was written.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh.h"


#define NGX_MESH_ID_PARTS  8


/* the parts of a path, "/virtualNode/111122223333/ordering/order" */

typedef struct {
    ngx_str_t                part[NGX_MESH_ID_PARTS];
    ngx_uint_t               fold[NGX_MESH_ID_PARTS];   /* lower case */
    ngx_uint_t               n;
} ngx_mesh_id_path_t;


static void ngx_mesh_id_put(ngx_mesh_id_path_t *path, ngx_str_t *part,
    ngx_uint_t fold);
static void ngx_mesh_id_put_segment(ngx_mesh_id_path_t *path,
    const ngx_mesh_kind_t *kind);
static void ngx_mesh_id_put_names(ngx_mesh_id_path_t *path,
    ngx_mesh_id_t *id);
static ngx_int_t ngx_mesh_id_join(ngx_pool_t *pool, ngx_mesh_id_path_t *path,
    ngx_uint_t slash, ngx_str_t *text);
static ngx_int_t ngx_mesh_id_split(ngx_str_t *text, ngx_mesh_id_path_t *path);
static ngx_int_t ngx_mesh_id_split_key(ngx_str_t *key,
    ngx_mesh_id_path_t *path);
static const ngx_mesh_kind_t *ngx_mesh_id_kind(ngx_str_t *segment);
static ngx_int_t ngx_mesh_id_take_names(ngx_mesh_id_path_t *path,
    ngx_uint_t i, ngx_mesh_id_t *id);
static const char *ngx_mesh_id_partition(ngx_str_t *region);
static ngx_int_t ngx_mesh_id_arn_word(ngx_str_t *arn, ngx_str_t *word);
static ngx_int_t ngx_mesh_id_of_arn_path(ngx_mesh_id_path_t *path,
    ngx_mesh_id_t *id);


const ngx_mesh_kind_t  ngx_mesh_kinds[NGX_MESH_KINDS] = {

    { NGX_MESH_KIND_MESH, NGX_MESH_KINDS,
      "Mesh", "mesh", "meshName", "meshes",
      &ngx_mesh_shape_mesh_spec, "meshes" },

    { NGX_MESH_KIND_VIRTUAL_NODE, NGX_MESH_KIND_MESH,
      "VirtualNode", "virtualNode", "virtualNodeName", "virtualNodes",
      &ngx_mesh_shape_virtual_node_spec, "virtual_nodes" },

    { NGX_MESH_KIND_VIRTUAL_ROUTER, NGX_MESH_KIND_MESH,
      "VirtualRouter", "virtualRouter", "virtualRouterName", "virtualRouters",
      &ngx_mesh_shape_virtual_router_spec, "virtual_routers" },

    { NGX_MESH_KIND_ROUTE, NGX_MESH_KIND_VIRTUAL_ROUTER,
      "Route", "route", "routeName", "routes",
      &ngx_mesh_shape_route_spec, "routes" },

    { NGX_MESH_KIND_VIRTUAL_SERVICE, NGX_MESH_KIND_MESH,
      "VirtualService", "virtualService", "virtualServiceName",
      "virtualServices",
      &ngx_mesh_shape_virtual_service_spec, "virtual_services" },

    { NGX_MESH_KIND_VIRTUAL_GATEWAY, NGX_MESH_KIND_MESH,
      "VirtualGateway", "virtualGateway", "virtualGatewayName",
      "virtualGateways",
      &ngx_mesh_shape_virtual_gateway_spec, "virtual_gateways" },

    { NGX_MESH_KIND_GATEWAY_ROUTE, NGX_MESH_KIND_VIRTUAL_GATEWAY,
      "GatewayRoute", "gatewayRoute", "gatewayRouteName", "gatewayRoutes",
      &ngx_mesh_shape_gateway_route_spec, "gateway_routes" }
};


static ngx_str_t  ngx_mesh_id_references = ngx_string("reference");


ngx_int_t
ngx_mesh_id_key(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *key)
{
    ngx_mesh_id_path_t  path;

    path.n = 0;

    ngx_mesh_id_put_segment(&path, id->kind);
    ngx_mesh_id_put(&path, &id->owner, 0);
    ngx_mesh_id_put(&path, &id->mesh, 0);
    ngx_mesh_id_put_names(&path, id);

    return ngx_mesh_id_join(pool, &path, 0, key);
}


ngx_int_t
ngx_mesh_id_prefix(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *prefix)
{
    ngx_mesh_id_path_t  path;

    path.n = 0;

    ngx_mesh_id_put_segment(&path, id->kind);

    if (id->owner.len) {
        ngx_mesh_id_put(&path, &id->owner, 0);
    }

    if (id->kind->kind != NGX_MESH_KIND_MESH) {
        ngx_mesh_id_put(&path, &id->mesh, 0);

        if (id->parent.len) {
            ngx_mesh_id_put(&path, &id->parent, 0);
        }
    }

    return ngx_mesh_id_join(pool, &path, 1, prefix);
}


ngx_int_t
ngx_mesh_id_of_key(ngx_str_t *key, ngx_mesh_id_t *id)
{
    ngx_mesh_id_path_t  path;

    if (ngx_mesh_id_split_key(key, &path) != NGX_OK || path.n < 3) {
        return NGX_DECLINED;
    }

    ngx_memzero(id, sizeof(ngx_mesh_id_t));

    id->kind = ngx_mesh_id_kind(&path.part[0]);
    if (id->kind == NULL) {
        return NGX_DECLINED;
    }

    id->owner = path.part[1];
    id->mesh = path.part[2];

    return ngx_mesh_id_take_names(&path, 3, id);
}


void
ngx_mesh_id_sibling(ngx_mesh_id_t *id, ngx_mesh_kind_e kind, ngx_str_t *parent,
    ngx_str_t *name, ngx_mesh_id_t *sibling)
{
    ngx_mesh_id_t  other;

    ngx_memzero(&other, sizeof(ngx_mesh_id_t));

    other.kind = &ngx_mesh_kinds[kind];
    other.owner = id->owner;
    other.mesh = id->mesh;

    if (parent) {
        other.parent = *parent;
    }

    if (kind == NGX_MESH_KIND_MESH) {
        other.name = id->mesh;

    } else if (name) {
        other.name = *name;
    }

    /* "sibling" may be "id" */
    *sibling = other;
}


ngx_int_t
ngx_mesh_id_arn(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *region,
    ngx_str_t *account, ngx_str_t *arn)
{
    size_t                  len;
    u_char                 *p;
    const char             *partition;
    const ngx_mesh_kind_t  *kind, *parent;

    kind = id->kind;
    parent = NULL;

    if (id->parent.len) {
        parent = &ngx_mesh_kinds[kind->parent];
    }

    partition = ngx_mesh_id_partition(region);

    len = sizeof("arn::appmesh:::mesh/////") - 1 + ngx_strlen(partition)
          + region->len + account->len + id->mesh.len
          + (parent ? ngx_strlen(parent->segment) : 0) + id->parent.len
          + ngx_strlen(kind->segment) + id->name.len;

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    arn->data = p;

    p = ngx_sprintf(p, "arn:%s:appmesh:%V:%V:mesh/%V", partition, region,
                    account, &id->mesh);

    if (parent) {
        p = ngx_sprintf(p, "/%s/%V", parent->segment, &id->parent);
    }

    if (kind->kind != NGX_MESH_KIND_MESH) {
        p = ngx_sprintf(p, "/%s/%V", kind->segment, &id->name);
    }

    arn->len = p - arn->data;

    return NGX_OK;
}


/* "arn:aws:appmesh:REGION:ACCOUNT:mesh/M/virtualRouter/R/route/X" */

ngx_int_t
ngx_mesh_id_of_arn(ngx_str_t *arn, ngx_str_t *region, ngx_mesh_id_t *id)
{
    ngx_str_t           rest, word, want[4];
    ngx_uint_t          i;
    ngx_mesh_id_path_t  path;

    ngx_memzero(id, sizeof(ngx_mesh_id_t));

    ngx_str_set(&want[0], "arn");
    want[1].data = (u_char *) ngx_mesh_id_partition(region);
    want[1].len = ngx_strlen(want[1].data);
    ngx_str_set(&want[2], "appmesh");
    want[3] = *region;

    rest = *arn;

    for (i = 0; i < 4; i++) {
        if (ngx_mesh_id_arn_word(&rest, &word) != NGX_OK
            || word.len != want[i].len
            || ngx_memcmp(word.data, want[i].data, word.len) != 0)
        {
            return NGX_DECLINED;
        }
    }

    if (ngx_mesh_id_arn_word(&rest, &id->owner) != NGX_OK
        || !ngx_mesh_id_is_account(&id->owner)
        || ngx_mesh_id_split(&rest, &path) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return ngx_mesh_id_of_arn_path(&path, id);
}


/* the word before the next colon; the rest is left */

static ngx_int_t
ngx_mesh_id_arn_word(ngx_str_t *arn, ngx_str_t *word)
{
    u_char  *p;

    p = ngx_strlchr(arn->data, arn->data + arn->len, ':');
    if (p == NULL) {
        return NGX_DECLINED;
    }

    word->data = arn->data;
    word->len = p - arn->data;

    arn->data += word->len + 1;
    arn->len -= word->len + 1;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_id_of_arn_path(ngx_mesh_id_path_t *path, ngx_mesh_id_t *id)
{
    const ngx_mesh_kind_t  *parent;

    if (path->n < 2 || (path->n & 1)) {
        return NGX_DECLINED;
    }

    if (ngx_mesh_id_kind(&path->part[0])
        != &ngx_mesh_kinds[NGX_MESH_KIND_MESH])
    {
        return NGX_DECLINED;
    }

    id->mesh = path->part[1];
    id->name = path->part[path->n - 1];

    id->kind = ngx_mesh_id_kind(&path->part[path->n - 2]);
    if (id->kind == NULL) {
        return NGX_DECLINED;
    }

    if (id->kind->parent == NGX_MESH_KINDS) {
        return (path->n == 2) ? NGX_OK : NGX_DECLINED;
    }

    if (id->kind->parent == NGX_MESH_KIND_MESH) {
        return (path->n == 4) ? NGX_OK : NGX_DECLINED;
    }

    if (path->n != 6) {
        return NGX_DECLINED;
    }

    parent = ngx_mesh_id_kind(&path->part[2]);
    id->parent = path->part[3];

    return (parent == &ngx_mesh_kinds[id->kind->parent]) ? NGX_OK
                                                         : NGX_DECLINED;
}


ngx_uint_t
ngx_mesh_id_is_account(ngx_str_t *account)
{
    ngx_uint_t  i;

    if (account->len != NGX_MESH_ACCOUNT_LEN) {
        return 0;
    }

    for (i = 0; i < account->len; i++) {
        if (account->data[i] < '0' || account->data[i] > '9') {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_mesh_id_referrers(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *prefix)
{
    ngx_mesh_id_path_t  path;

    path.n = 0;

    ngx_mesh_id_put(&path, &ngx_mesh_id_references, 0);
    ngx_mesh_id_put(&path, &id->owner, 0);
    ngx_mesh_id_put(&path, &id->mesh, 0);
    ngx_mesh_id_put_segment(&path, id->kind);
    ngx_mesh_id_put_names(&path, id);

    return ngx_mesh_id_join(pool, &path, 1, prefix);
}


ngx_int_t
ngx_mesh_id_reference(ngx_pool_t *pool, ngx_mesh_id_t *to,
    ngx_mesh_id_t *from, ngx_str_t *key)
{
    ngx_mesh_id_path_t  path;

    path.n = 0;

    ngx_mesh_id_put(&path, &ngx_mesh_id_references, 0);
    ngx_mesh_id_put(&path, &to->owner, 0);
    ngx_mesh_id_put(&path, &to->mesh, 0);
    ngx_mesh_id_put_segment(&path, to->kind);
    ngx_mesh_id_put_names(&path, to);
    ngx_mesh_id_put_segment(&path, from->kind);
    ngx_mesh_id_put_names(&path, from);

    return ngx_mesh_id_join(pool, &path, 0, key);
}


ngx_int_t
ngx_mesh_id_of_reference(ngx_str_t *key, ngx_mesh_id_t *from)
{
    ngx_mesh_id_path_t  path;

    /* who is referred to has one name, as all but routes have */

    if (ngx_mesh_id_split_key(key, &path) != NGX_OK
        || path.n < 7
        || path.part[0].len != ngx_mesh_id_references.len
        || ngx_memcmp(path.part[0].data, ngx_mesh_id_references.data,
                      ngx_mesh_id_references.len)
           != 0)
    {
        return NGX_DECLINED;
    }

    ngx_memzero(from, sizeof(ngx_mesh_id_t));

    from->owner = path.part[1];
    from->mesh = path.part[2];

    from->kind = ngx_mesh_id_kind(&path.part[5]);
    if (from->kind == NULL) {
        return NGX_DECLINED;
    }

    return ngx_mesh_id_take_names(&path, 6, from);
}


static void
ngx_mesh_id_put(ngx_mesh_id_path_t *path, ngx_str_t *part, ngx_uint_t fold)
{
    path->part[path->n] = *part;
    path->fold[path->n] = fold;
    path->n++;
}


static void
ngx_mesh_id_put_segment(ngx_mesh_id_path_t *path, const ngx_mesh_kind_t *kind)
{
    ngx_str_t  segment;

    segment.data = (u_char *) kind->segment;
    segment.len = ngx_strlen(segment.data);

    ngx_mesh_id_put(path, &segment, 0);
}


static void
ngx_mesh_id_put_names(ngx_mesh_id_path_t *path, ngx_mesh_id_t *id)
{
    ngx_mesh_kind_e  kind;

    kind = id->kind->kind;

    if (kind == NGX_MESH_KIND_MESH) {
        return;
    }

    if (id->kind->parent != NGX_MESH_KIND_MESH) {
        ngx_mesh_id_put(path, &id->parent, 0);
    }

    ngx_mesh_id_put(path, &id->name, kind == NGX_MESH_KIND_VIRTUAL_SERVICE);
}


/* the names that follow the mesh or the kind, from part "i" to the last */

static ngx_int_t
ngx_mesh_id_take_names(ngx_mesh_id_path_t *path, ngx_uint_t i,
    ngx_mesh_id_t *id)
{
    if (id->kind->kind == NGX_MESH_KIND_MESH) {
        id->name = id->mesh;

    } else {

        if (id->kind->parent != NGX_MESH_KIND_MESH && i < path->n) {
            id->parent = path->part[i++];
        }

        if (i < path->n) {
            id->name = path->part[i++];
        }
    }

    return (i == path->n && id->name.len) ? NGX_OK : NGX_DECLINED;
}


/* "/a/b/c", with a slash at the end if asked for */

static ngx_int_t
ngx_mesh_id_join(ngx_pool_t *pool, ngx_mesh_id_path_t *path, ngx_uint_t slash,
    ngx_str_t *text)
{
    size_t       len;
    u_char      *p;
    ngx_str_t   *part;
    ngx_uint_t   i;

    len = slash;

    for (i = 0; i < path->n; i++) {
        len += 1 + path->part[i].len;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;
    text->len = len;

    for (i = 0; i < path->n; i++) {
        part = &path->part[i];

        *p++ = '/';

        if (path->fold[i]) {
            ngx_strlow(p, part->data, part->len);
            p += part->len;

        } else {
            p = ngx_cpymem(p, part->data, part->len);
        }
    }

    if (slash) {
        *p = '/';
    }

    return NGX_OK;
}


/* the parts of "a/b/c", none of them empty */

static ngx_int_t
ngx_mesh_id_split(ngx_str_t *text, ngx_mesh_id_path_t *path)
{
    u_char     *p, *last;
    ngx_str_t  *part;

    path->n = 0;

    p = text->data;
    last = text->data + text->len;

    for ( ;; ) {

        if (path->n == NGX_MESH_ID_PARTS) {
            return NGX_DECLINED;
        }

        part = &path->part[path->n++];
        part->data = p;

        while (p < last && *p != '/') {
            p++;
        }

        part->len = p - part->data;

        if (part->len == 0) {
            return NGX_DECLINED;
        }

        if (p == last) {
            return NGX_OK;
        }

        p++;
    }
}


/* of "/a/b/c" */

static ngx_int_t
ngx_mesh_id_split_key(ngx_str_t *key, ngx_mesh_id_path_t *path)
{
    ngx_str_t  text;

    if (key->len == 0 || key->data[0] != '/') {
        return NGX_DECLINED;
    }

    text.data = key->data + 1;
    text.len = key->len - 1;

    return ngx_mesh_id_split(&text, path);
}


static const ngx_mesh_kind_t *
ngx_mesh_id_kind(ngx_str_t *segment)
{
    const char  *name;
    ngx_uint_t   i;

    for (i = 0; i < NGX_MESH_KINDS; i++) {
        name = ngx_mesh_kinds[i].segment;

        if (segment->len == ngx_strlen(name)
            && ngx_memcmp(segment->data, name, segment->len) == 0)
        {
            return &ngx_mesh_kinds[i];
        }
    }

    return NULL;
}


/* which part of AWS a region is in, the first word of its ARNs but one */

static const char *
ngx_mesh_id_partition(ngx_str_t *region)
{
    if (region->len > 3 && ngx_strncmp(region->data, "cn-", 3) == 0) {
        return "aws-cn";
    }

    if (region->len > 7 && ngx_strncmp(region->data, "us-gov-", 7) == 0) {
        return "aws-us-gov";
    }

    return "aws";
}
