
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What one proxy needs to know of a mesh, as a mesh document.
 */


#ifndef _NGX_MESH_SCOPE_H_INCLUDED_
#define _NGX_MESH_SCOPE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh.h"
#include "ngx_mesh_view.h"


#define NGX_MESH_SCOPE_VERSION_LEN  32


/* a document as text, of the heap; shared by those who send it */

typedef struct {
    ngx_uint_t               refs;
    size_t                   len;
    u_char                   data[1];
} ngx_mesh_scope_text_t;


typedef struct {
    ngx_mesh_scope_text_t   *text;      /* with one reference, the caller's */
    u_char                   version[NGX_MESH_SCOPE_VERSION_LEN];
                                        /* hexadecimal digits, of a digest of
                                           all else in the text */
    ngx_array_t              depends;   /* of uint32_t: ngx_mesh_depend.h */
} ngx_mesh_scope_t;


/*
 * The document of the virtual node or virtual gateway "id".  "scope->depends"
 * and what is needed on the way are of "pool".  Returns
 *
 *     NGX_OK        the document is there
 *     NGX_DECLINED  there is no such mesh, node or gateway; "depends" says
 *                   which keys to watch for one
 *     NGX_AGAIN     the view has to fetch; call again, with any pool
 *     NGX_ERROR     no memory, or ngx_mesh_view_error() tells
 *
 * One view may serve many documents.
 */
ngx_int_t ngx_mesh_scope_build(ngx_mesh_view_t *view, ngx_pool_t *pool,
    ngx_mesh_id_t *id, ngx_mesh_scope_t *scope);

/* drops a reference; "text" may be NULL */
void ngx_mesh_scope_release(ngx_mesh_scope_text_t *text);


#endif /* _NGX_MESH_SCOPE_H_INCLUDED_ */
