
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The last-known-good document on disk, from which a proxy starts when its
 * control plane is down.  No function here touches the state of a process, so
 * a thread may run them.
 */


#ifndef _NGX_MESH_STATE_H_INCLUDED_
#define _NGX_MESH_STATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_file.h"
#include "ngx_mesh_shm.h"


#define NGX_MESH_STATE_ERROR_LEN    256
#define NGX_MESH_STATE_VERSION_LEN  384     /* escaped */


typedef struct {
    /* set by the caller */
    u_char                  *directory;
    u_char                  *path;
    ngx_str_t                text;
    ngx_str_t                version;   /* cut if it is long */
    ngx_mesh_origin_t        origin;
    ngx_log_t               *log;

    /* set by ngx_mesh_state_write() */
    ngx_int_t                rc;
    u_char                   error[NGX_MESH_STATE_ERROR_LEN];
} ngx_mesh_state_t;


/*
 * "<directory>/<mesh>.<type>.<resource>.json" with a NUL, in "pool".  "type"
 * and "resource" may be empty.  Characters that could mean something in a path
 * are escaped, long names are cut and told apart by a digest.
 */
ngx_int_t ngx_mesh_state_path(ngx_pool_t *pool, ngx_str_t *directory,
    ngx_str_t *mesh, ngx_str_t *type, ngx_str_t *resource, ngx_str_t *path);

/*
 * Writes "text" through a temporary file.  "rc" is NGX_OK, NGX_DECLINED if the
 * same is there already, or NGX_ERROR with "error" telling what failed.
 */
void ngx_mesh_state_write(ngx_mesh_state_t *st);

/*
 * The document of "path", to be freed with ngx_free(); not larger than "max".
 * NGX_DECLINED: there is no such file.  NGX_ERROR: it cannot be used, "error"
 * (of NGX_MESH_STATE_ERROR_LEN bytes) tells why.
 */
ngx_int_t ngx_mesh_state_read(u_char *path, size_t max, ngx_str_t *text,
    ngx_mesh_origin_t *origin, u_char *error, ngx_log_t *log);


#endif /* _NGX_MESH_STATE_H_INCLUDED_ */
