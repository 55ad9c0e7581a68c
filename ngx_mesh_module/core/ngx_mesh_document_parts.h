
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the loader (ngx_mesh_document.c) and its phases
 * (ngx_mesh_document_phases.c) share.
 */


#ifndef _NGX_MESH_DOCUMENT_PARTS_H_INCLUDED_
#define _NGX_MESH_DOCUMENT_PARTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_build.h"


/* the least address space that a tree and a model have */
#define NGX_MESH_LOADER_POOL_SIZE  (256 * 1024)


/* one step: NGX_AGAIN, NGX_OK at the end, anything else if it failed */

typedef ngx_int_t (*ngx_mesh_loader_phase_pt)(ngx_mesh_loader_t *ld);


struct ngx_mesh_loader_s {
    ngx_pool_t              *pool;
    ngx_mesh_loader_conf_t   conf;
    ngx_mesh_build_t         build;

    ngx_mesh_json_reader_t  *reader;
    u_char                  *pos;       /* of the text */
    u_char                  *last;
    size_t                   len;
    ngx_mesh_json_t         *root;

    ngx_uint_t               phase;
    ngx_uint_t               section;
    ngx_uint_t               index;     /* of an element of the section */
    ngx_mesh_json_t         *value;     /* that element */
    ngx_uint_t               spent;     /* units, in this step */

    ngx_str_t                error;
    ngx_mesh_json_source_t  *source;    /* of the error, or first_unknown */
    ngx_uint_t               unknown;
    ngx_str_t                first_unknown;

    unsigned                 started:1; /* section, or phase */
    unsigned                 failed:1;
    unsigned                 taken:1;   /* the model */
};


/* in their order; NULL after the last one */
extern const ngx_mesh_loader_phase_pt  ngx_mesh_loader_phases[];


/* counts a member that is ignored; "data" is the loader */
ngx_int_t ngx_mesh_loader_unknown_member(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason);


#endif /* _NGX_MESH_DOCUMENT_PARTS_H_INCLUDED_ */
