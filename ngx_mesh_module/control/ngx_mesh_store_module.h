
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The stores of a cycle.
 */


#ifndef _NGX_MESH_STORE_MODULE_H_INCLUDED_
#define _NGX_MESH_STORE_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_store.h"


typedef struct {
    ngx_array_t              stores;        /* of ngx_mesh_store_t * */
} ngx_mesh_store_conf_t;


#define ngx_mesh_store_get_conf(cycle)                                        \
    ((ngx_mesh_store_conf_t *) ngx_get_conf((cycle)->conf_ctx,                \
                                            ngx_mesh_store_module))


extern ngx_module_t  ngx_mesh_store_module;


#endif /* _NGX_MESH_STORE_MODULE_H_INCLUDED_ */
