
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The resources of App Mesh as the control plane keeps them.
 *
 * An entry of the store has the key
 *
 *     /mesh/OWNER/MESH
 *     /virtualNode/OWNER/MESH/NAME            the same for virtualRouter,
 *                                             virtualService, virtualGateway
 *     /route/OWNER/MESH/ROUTER/NAME
 *     /gatewayRoute/OWNER/MESH/GATEWAY/NAME
 *
 * OWNER is the account of the mesh owner; names have no "/" in them, and those
 * of virtual services are in lower case here, since host names are.  The
 * value is two lines of JSON: what Describe* returns, and what it does not
 * show (tags, client tokens).
 *
 * Who refers to whom has keys of its own, without a value worth reading:
 *
 *     /reference/OWNER/MESH/KIND/NAME/KIND/NAME[/NAME]
 *
 * the first kind and name are those of the resource that is referred to: a
 * node by routes and services, a router by services, a service by gateway
 * routes.  (That a node lists a service as its backend is not kept so: it
 * neither keeps the service from being deleted nor has it to be there.)
 */


#ifndef _NGX_MESH_APPMESH_H_INCLUDED_
#define _NGX_MESH_APPMESH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_error.h"
#include "ngx_mesh_json.h"
#include "ngx_mesh_shape.h"
#include "ngx_mesh_uuid.h"
#include "ngx_mesh_view.h"


typedef enum {
    NGX_MESH_KIND_MESH = 0,
    NGX_MESH_KIND_VIRTUAL_NODE,
    NGX_MESH_KIND_VIRTUAL_ROUTER,
    NGX_MESH_KIND_ROUTE,
    NGX_MESH_KIND_VIRTUAL_SERVICE,
    NGX_MESH_KIND_VIRTUAL_GATEWAY,
    NGX_MESH_KIND_GATEWAY_ROUTE,
    NGX_MESH_KINDS
} ngx_mesh_kind_e;


typedef struct {
    ngx_mesh_kind_e          kind;
    ngx_mesh_kind_e          parent;        /* NGX_MESH_KINDS: a mesh */
    const char              *title;         /* "VirtualNode" */
    const char              *segment;       /* "virtualNode": keys and ARNs */
    const char              *name;          /* "virtualNodeName" */
    const char              *list;          /* "virtualNodes" */
    const ngx_mesh_shape_t  *spec;
    const char              *quota;         /* of ngx_mesh_quotas[] */
} ngx_mesh_kind_t;


/* by ngx_mesh_kind_e */
extern const ngx_mesh_kind_t  ngx_mesh_kinds[];

#define NGX_MESH_ACCOUNT_LEN  12


/* which resource; strings are not copied */

typedef struct {
    const ngx_mesh_kind_t   *kind;
    ngx_str_t                owner;
    ngx_str_t                mesh;
    ngx_str_t                parent;        /* of a route or gateway route */
    ngx_str_t                name;          /* of a mesh: the same as "mesh" */
} ngx_mesh_id_t;


/* the key of a resource, in "pool" */
ngx_int_t ngx_mesh_id_key(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *key);

/* the prefix of the keys of all resources of id->kind in the mesh, or (with a
   parent) in the parent for routes and gateway routes; for meshes of an owner,
   or (empty owner) of all */
ngx_int_t ngx_mesh_id_prefix(ngx_pool_t *pool, ngx_mesh_id_t *id,
    ngx_str_t *prefix);

/* the resource that a key names; strings point into "key" */
ngx_int_t ngx_mesh_id_of_key(ngx_str_t *key, ngx_mesh_id_t *id);

/* another resource of the same mesh; "parent" and "name" may be NULL */
void ngx_mesh_id_sibling(ngx_mesh_id_t *id, ngx_mesh_kind_e kind,
    ngx_str_t *parent, ngx_str_t *name, ngx_mesh_id_t *sibling);

/* the ARN; "account" is the resource owner's */
ngx_int_t ngx_mesh_id_arn(ngx_pool_t *pool, ngx_mesh_id_t *id,
    ngx_str_t *region, ngx_str_t *account, ngx_str_t *arn);

/*
 * The resource that an ARN of "region" names; strings point into "arn".
 * NGX_DECLINED: it is none.  id->owner is the resource owner's account, which
 * need not be the mesh owner's.
 */
ngx_int_t ngx_mesh_id_of_arn(ngx_str_t *arn, ngx_str_t *region,
    ngx_mesh_id_t *id);

/* 12 digits? */
ngx_uint_t ngx_mesh_id_is_account(ngx_str_t *account);

/* the prefix of the references to a resource, in "pool" */
ngx_int_t ngx_mesh_id_referrers(ngx_pool_t *pool, ngx_mesh_id_t *id,
    ngx_str_t *prefix);

/* the key of a reference from "from" to "to" */
ngx_int_t ngx_mesh_id_reference(ngx_pool_t *pool, ngx_mesh_id_t *to,
    ngx_mesh_id_t *from, ngx_str_t *key);

/* who refers, from the key of a reference */
ngx_int_t ngx_mesh_id_of_reference(ngx_str_t *key, ngx_mesh_id_t *from);


/* what ngx_mesh_record_get() finds */

typedef struct {
    ngx_mesh_store_entry_t  *entry;
    ngx_str_t                text;      /* what Describe* returns */
    ngx_mesh_json_t         *resource;  /* the same as a tree */
    ngx_mesh_json_t         *spec;      /* of it; seen and valid */
    ngx_mesh_json_t         *hidden;    /* the second line */
} ngx_mesh_record_t;

/*
 * A stored resource: NGX_OK, NGX_DECLINED if there is none, NGX_AGAIN and
 * NGX_ERROR as ngx_mesh_view_get().  The trees are of the view's pool and not
 * to be changed.
 */
ngx_int_t ngx_mesh_record_get(ngx_mesh_view_t *view, ngx_pool_t *pool,
    ngx_mesh_id_t *id, ngx_mesh_record_t *record);

/* the text only, without reading it as JSON */
ngx_int_t ngx_mesh_record_text(ngx_mesh_view_t *view, ngx_pool_t *pool,
    ngx_mesh_id_t *id, ngx_str_t *text);

/* the same of an entry that a list gave; NGX_OK or NGX_ERROR */
ngx_int_t ngx_mesh_record_of_entry(ngx_mesh_view_t *view,
    ngx_mesh_store_entry_t *entry, ngx_mesh_record_t *record);

/* the text of an entry, without reading it as JSON */
void ngx_mesh_record_line(ngx_mesh_store_entry_t *entry, ngx_str_t *text);

/*
 * The names and metadata of such a text as a tree in "pool", without its spec,
 * which costs most to read.  NULL if it is none, or memory is short.
 */
ngx_mesh_json_t *ngx_mesh_record_head(ngx_pool_t *pool, ngx_str_t *text);


/* "metadata" of a resource */

typedef struct {
    ngx_str_t                arn;
    ngx_str_t                created;   /* epoch seconds, "1649256500.072" */
    ngx_str_t                updated;
    ngx_str_t                mesh_owner;
    ngx_str_t                resource_owner;
    ngx_str_t                uid;
    int64_t                  version;
} ngx_mesh_metadata_t;


/* of a tree, whole or head; strings are not copied; NGX_ERROR is logged */
ngx_int_t ngx_mesh_record_metadata(ngx_mesh_json_t *resource,
    ngx_mesh_metadata_t *metadata);

/* the text of a resource, in "pool"; "spec" is JSON text */
ngx_int_t ngx_mesh_record_print(ngx_pool_t *pool, ngx_mesh_id_t *id,
    ngx_mesh_metadata_t *metadata, ngx_str_t *spec, const char *status,
    ngx_str_t *text);

/* what metadata of new and changed resources need, in "pool" */
ngx_int_t ngx_mesh_record_now(ngx_pool_t *pool, ngx_str_t *now);
ngx_int_t ngx_mesh_record_uid(ngx_pool_t *pool, ngx_str_t *uid);


/*
 * Checks.  Each takes the specs of what is to be stored and looks at the rest
 * in the view; NGX_OK, NGX_AGAIN, NGX_ERROR, or NGX_DECLINED with "error" one
 * of "not found", "bad request" or "resource in use" and the message in "pool".
 */

typedef struct {
    ngx_pool_t                      *pool;
    ngx_mesh_view_t                 *view;
    ngx_mesh_id_t                   *id;
    ngx_str_t                        account;   /* of the mesh owner, for
                                                   messages */
    const ngx_mesh_error_t          *error;     /* set with NGX_DECLINED */
    ngx_str_t                        message;
} ngx_mesh_check_t;

/* rules within the spec itself, all violations in one message */
ngx_int_t ngx_mesh_check_spec(ngx_mesh_check_t *check, ngx_mesh_json_t *spec);

/*
 * May "spec" be stored for check->id, new or in place of "old" (NULL: new)?
 * What it refers to is there, and rules across resources hold: those of its
 * own references, and those of all who refer to it.
 */
ngx_int_t ngx_mesh_check_put(ngx_mesh_check_t *check, ngx_mesh_json_t *spec,
    ngx_mesh_json_t *old);

/* may check->id be deleted? */
ngx_int_t ngx_mesh_check_delete(ngx_mesh_check_t *check);

/* what a resource refers to: ngx_mesh_id_t's into "targets", each once */
ngx_int_t ngx_mesh_references(ngx_pool_t *pool, ngx_mesh_id_t *id,
    ngx_mesh_json_t *spec, ngx_array_t *targets);

/* fills in what App Mesh fills in on echo: "invert": false, healthCheck.port,
   "backends": [] (see docs/control-plane.md); "spec" is changed */
ngx_int_t ngx_mesh_fill_defaults(ngx_pool_t *pool, ngx_mesh_kind_e kind,
    ngx_mesh_json_t *spec);


#endif /* _NGX_MESH_APPMESH_H_INCLUDED_ */
