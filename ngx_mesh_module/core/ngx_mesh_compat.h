
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Everything that depends on the version of nginx.  No other file of the
 * module may look at nginx_version.
 */


#ifndef _NGX_MESH_COMPAT_H_INCLUDED_
#define _NGX_MESH_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* 1.23.0 made header lists linked: a pushed element needs next = NULL */

#if (nginx_version >= 1023000)
#define ngx_mesh_table_elt_end(h)  (h)->next = NULL
#else
#define ngx_mesh_table_elt_end(h)  (void) (h)
#endif


/*
 * Before 1.30.0 the gRPC module takes what an attempt has left over to the next
 * one: frames that answered another server, and data of a body in front of the
 * header.  These are the first members of its context, "data".
 */

static ngx_inline void
ngx_mesh_grpc_reset(void *data)
{
#if (nginx_version < 1030000)

    struct {
        int           state;
        ngx_uint_t    frame_state;
        ngx_uint_t    fragment_state;
        ngx_chain_t  *in;
        ngx_chain_t  *out;
        ngx_chain_t  *free;
        ngx_chain_t  *busy;
    } *ctx = data;

    ctx->in = NULL;
    ctx->out = NULL;
    ctx->busy = NULL;

#endif
}


#endif /* _NGX_MESH_COMPAT_H_INCLUDED_ */
