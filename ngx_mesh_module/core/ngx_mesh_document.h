
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * From a mesh document (docs/architecture.md) to a model.
 *
 * A loader is fed the text and then stepped: each step does a bounded piece
 * of work, so that a document of a hundred thousand endpoints never holds the
 * event loop for more than a moment.  A document is taken whole or not at all.
 */


#ifndef _NGX_MESH_DOCUMENT_H_INCLUDED_
#define _NGX_MESH_DOCUMENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"
#include "ngx_mesh_model.h"
#include "ngx_mesh_pool.h"


typedef struct ngx_mesh_loader_s  ngx_mesh_loader_t;


typedef struct {
    ngx_str_t                  mesh_name;   /* must be the document's; empty:
                                               any */
    ngx_mesh_resource_type_e   resource_type;
    ngx_str_t                  resource;    /* name without the type */
    ngx_mesh_lb_policy_e       lb_policy;   /* of nodes that do not say */
    ngx_msec_t                 slow_start_ms;   /* of all nodes, 0: none */
    ngx_mesh_json_limits_t     limits;
    ngx_log_t                 *log;         /* must outlive the model */
} ngx_mesh_loader_conf_t;


/*
 * A loader over "text", which must stay in place until the loader is gone
 * ("text" is copied into the model where needed, the model does not point
 * into it).  "conf" is copied, the strings in it are not and must stay in place
 * as long.  NULL if memory is short.
 */
ngx_mesh_loader_t *ngx_mesh_loader_create(ngx_mesh_loader_conf_t *conf,
    ngx_str_t *text);

/* the same for a tree that directives built; "root" must stay in place */
ngx_mesh_loader_t *ngx_mesh_loader_create_tree(ngx_mesh_loader_conf_t *conf,
    ngx_mesh_json_t *root);

/*
 * Works on until about "units" values were handled (0: to the end).
 * NGX_AGAIN: call again.  NGX_OK: the model is ready.  NGX_ERROR: the document
 * is refused, see ngx_mesh_loader_error().
 */
ngx_int_t ngx_mesh_loader_step(ngx_mesh_loader_t *ld, ngx_uint_t units);

/*
 * The model after NGX_OK; the caller owns it from then on and frees it with
 * ngx_mesh_pool_destroy(model->pool).  May be called once.
 */
ngx_mesh_model_t *ngx_mesh_loader_model(ngx_mesh_loader_t *ld);

/*
 * The first violation, "routes[3].spec.httpRoute.match.prefix: must start with
 * "/""; and where it was written, if by a directive (else NULL).  Both live as
 * long as the loader.
 */
ngx_str_t *ngx_mesh_loader_error(ngx_mesh_loader_t *ld);
ngx_mesh_json_source_t *ngx_mesh_loader_error_source(ngx_mesh_loader_t *ld);

/* "version" of the document, refused or not; empty if that was not reached */
void ngx_mesh_loader_version(ngx_mesh_loader_t *ld, ngx_str_t *version);

/* unknown members that were ignored: how many, and the path of the first */
ngx_uint_t ngx_mesh_loader_unknown(ngx_mesh_loader_t *ld, ngx_str_t *first);

/* frees the loader, and the model if it was not taken */
void ngx_mesh_loader_free(ngx_mesh_loader_t *ld);


#endif /* _NGX_MESH_DOCUMENT_H_INCLUDED_ */
