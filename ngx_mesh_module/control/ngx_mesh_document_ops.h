
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the files of the API of proxies have of each other.
 */


#ifndef _NGX_MESH_DOCUMENT_OPS_H_INCLUDED_
#define _NGX_MESH_DOCUMENT_OPS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_control.h"


/* GET /mesh/v1/meshes/{meshName}/proxies */
ngx_int_t ngx_mesh_document_proxies(ngx_http_mesh_control_ctx_t *ctx);


#endif /* _NGX_MESH_DOCUMENT_OPS_H_INCLUDED_ */
