
/*
 * Documents for unit tests: from files of t/data/, from text, loaded at once
 * or step by step.
 */


#ifndef _MESH_UNIT_DOCUMENT_H_INCLUDED_
#define _MESH_UNIT_DOCUMENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_document.h"
#include "ngx_mesh_unit.h"


/* a file of t/data/ into u->pool; a check fails if it cannot be read */
ngx_int_t mesh_unit_data(ngx_mesh_unit_t *u, const char *name,
    ngx_str_t *text);

/* a file by its whole name */
ngx_int_t mesh_unit_read(ngx_mesh_unit_t *u, const char *path,
    ngx_str_t *text);

/* limits as generous as the product's; no resource, any mesh */
void mesh_unit_conf(ngx_mesh_unit_t *u, ngx_mesh_loader_conf_t *conf);

/*
 * Loads "text" with steps of "units" and gives the model, freed with u->pool.
 * NULL if it was refused; then "error" (if not NULL) is a copy of why.
 * "conf" may be NULL.
 */
ngx_mesh_model_t *mesh_unit_load(ngx_mesh_unit_t *u,
    ngx_mesh_loader_conf_t *conf, ngx_str_t *text, ngx_uint_t units,
    ngx_str_t *error);

/* bytes of a pool: "size" is what its blocks take */
size_t mesh_unit_pool_size(ngx_pool_t *pool);

/* objects of a model by name, NULL if there is none */
ngx_mesh_virtual_node_t *mesh_unit_node(ngx_mesh_model_t *model,
    const char *name);
ngx_mesh_virtual_service_t *mesh_unit_service(ngx_mesh_model_t *model,
    const char *name);
ngx_mesh_route_t *mesh_unit_route(ngx_mesh_model_t *model, const char *name);
ngx_mesh_gateway_route_t *mesh_unit_gateway_route(ngx_mesh_model_t *model,
    const char *name);


#endif /* _MESH_UNIT_DOCUMENT_H_INCLUDED_ */
