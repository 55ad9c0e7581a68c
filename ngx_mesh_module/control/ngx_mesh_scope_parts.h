
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What finding the resources of a document (ngx_mesh_scope.c) and printing them
 * (ngx_mesh_scope_text.c) share.
 */


#ifndef _NGX_MESH_SCOPE_PARTS_H_INCLUDED_
#define _NGX_MESH_SCOPE_PARTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_scope.h"


/* strings are of the view, or of the pool */

typedef struct {
    ngx_str_t                name;
    ngx_str_t                parent;    /* of a route or gateway route */
    ngx_str_t                text;      /* empty: it is left out */
    ngx_str_t                spec;      /* of the text */
} ngx_mesh_scope_item_t;


typedef struct {
    ngx_pool_t              *pool;
    ngx_mesh_view_t         *view;
    ngx_mesh_id_t           *id;
    ngx_array_t             *depends;
    ngx_array_t              lists[NGX_MESH_KINDS];
                                        /* of ngx_mesh_scope_item_t */
    ngx_uint_t               again;     /* something has to be fetched */
} ngx_mesh_scope_ctx_t;


/* all that was found, as a document, with its version */
ngx_int_t ngx_mesh_scope_print(ngx_mesh_scope_ctx_t *ctx,
    ngx_mesh_scope_t *scope);


#endif /* _NGX_MESH_SCOPE_PARTS_H_INCLUDED_ */
