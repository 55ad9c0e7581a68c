
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the operations of the App Mesh API have in common.  All of it runs in
 * workers, within one operation.  Functions that return ngx_int_t return as
 * operations do, see ngx_mesh_op_pt; ctx->op->data is the kind of resource.
 */


#ifndef _NGX_MESH_APPMESH_OPS_H_INCLUDED_
#define _NGX_MESH_APPMESH_OPS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_control.h"
#include "ngx_mesh_appmesh.h"


#define NGX_MESH_TAGS_MAX  50


/* the handlers */
ngx_int_t ngx_mesh_appmesh_create(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_mesh_appmesh_describe(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_mesh_appmesh_update(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_mesh_appmesh_delete(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_mesh_appmesh_list(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_mesh_appmesh_list_tags(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_mesh_appmesh_tag(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_mesh_appmesh_untag(ngx_http_mesh_control_ctx_t *ctx);


/*
 * The resource that the input names; a list names all but the last one.  Each
 * name can be a part of a key.  The mesh is that of "meshOwner", by default
 * the caller's own.
 */
ngx_int_t ngx_mesh_appmesh_id(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id);

/* the names as they were written when the resource was made */
void ngx_mesh_appmesh_stored_id(ngx_mesh_record_t *record, ngx_mesh_id_t *id);

/* are the mesh and the router or gateway there? */
ngx_int_t ngx_mesh_appmesh_parents(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id);

/* the error of a resource that is not there, by the first name that is not */
ngx_int_t ngx_mesh_appmesh_missing(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id);

/* is that account the caller's?  If not, the error of who changes what is not
   his */
ngx_uint_t ngx_mesh_appmesh_is_owner(ngx_http_mesh_control_ctx_t *ctx,
    ngx_str_t *account);
ngx_int_t ngx_mesh_appmesh_not_owner(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id);

/* where a resource is, for messages: "under mesh M for account N" */
ngx_int_t ngx_mesh_appmesh_place(ngx_pool_t *pool, ngx_mesh_id_t *id,
    ngx_str_t *place);

/* a check of a resource, and the operation's result from that of the check */
void ngx_mesh_appmesh_check_init(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_check_t *check);
ngx_int_t ngx_mesh_appmesh_check(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_check_t *check, ngx_int_t rc);

/*
 * Fills in, checks and prints the "spec" of the input; "old" is the one that
 * it replaces, or NULL.
 */
ngx_int_t ngx_mesh_appmesh_spec(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_json_t *old, ngx_mesh_json_t **spec,
    ngx_str_t *text);


/*
 * Writes.  change() adds one to ctx->write, which write() made of the view;
 * references() brings the keys of references from "old" to "spec", either of
 * which may be NULL.
 */
ngx_int_t ngx_mesh_appmesh_write(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_mesh_appmesh_change(ngx_http_mesh_control_ctx_t *ctx,
    ngx_str_t *key, ngx_str_t *value);
ngx_int_t ngx_mesh_appmesh_references(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_json_t *old, ngx_mesh_json_t *spec);

/* the two lines of a resource */
ngx_int_t ngx_mesh_appmesh_store(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_str_t *text, ngx_mesh_json_t *hidden);


/*
 * Client tokens.  A resource remembers those it was made and changed with,
 * each with a digest of all parameters.
 *
 * replay() answers a call that was answered before: NGX_OK; NGX_DECLINED with
 * an error if the parameters are others; NGX_DONE if the token is new.
 * digest() is to be called before the input is changed.
 */
ngx_int_t ngx_mesh_appmesh_digest(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_mesh_appmesh_replay(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_record_t *record);

/* what is hidden of a resource: tags, and the tokens of "old" (may be NULL)
   and of this call */
ngx_mesh_json_t *ngx_mesh_appmesh_hidden(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_json_t *old, ngx_array_t *tags);


/* Tags, in order of their keys. */

typedef struct {
    ngx_str_t                key;
    ngx_str_t                value;
} ngx_mesh_tag_t;

/* those of the second line of a record, or of the input, into "tags" */
ngx_int_t ngx_mesh_appmesh_tags(ngx_pool_t *pool, ngx_mesh_json_t *from,
    ngx_array_t *tags);
ngx_int_t ngx_mesh_appmesh_input_tags(ngx_http_mesh_control_ctx_t *ctx,
    ngx_array_t *tags);

/* one as JSON, at the end of "list" */
ngx_int_t ngx_mesh_appmesh_add_tag(ngx_pool_t *pool, ngx_mesh_json_t *list,
    ngx_mesh_tag_t *tag);


/*
 * Page tokens: where a list goes on, good for that list only.  "scope" says
 * what is listed, "last" is what was given last.  page() sets "last" (empty:
 * begin with the first) and "limit" by the input; decode() returns NGX_DECLINED
 * for a token that is not of this scope.
 */
ngx_int_t ngx_mesh_appmesh_page(ngx_http_mesh_control_ctx_t *ctx,
    ngx_str_t *scope, ngx_uint_t max, ngx_str_t *last, ngx_uint_t *limit);
ngx_int_t ngx_mesh_page_encode(ngx_pool_t *pool, ngx_str_t *scope,
    ngx_str_t *last, ngx_str_t *token);
ngx_int_t ngx_mesh_page_decode(ngx_pool_t *pool, ngx_str_t *scope,
    ngx_str_t *token, ngx_str_t *last);


/* NGX_OK, or LimitExceededException if there is no room for one more, or for
   so many of something in the spec */
ngx_int_t ngx_mesh_appmesh_quota(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id);
ngx_int_t ngx_mesh_appmesh_quota_spec(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_id_t *id, ngx_mesh_json_t *spec);


#endif /* _NGX_MESH_APPMESH_OPS_H_INCLUDED_ */
