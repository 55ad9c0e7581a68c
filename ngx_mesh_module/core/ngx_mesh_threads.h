
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Thread pools of the mesh, which nobody has to write into nginx.conf.
 */


#ifndef _NGX_MESH_THREADS_H_INCLUDED_
#define _NGX_MESH_THREADS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * As if nginx.conf had "thread_pool NAME threads=N;" at the given place, for
 * ngx_thread_pool_get() in workers; a pool of that name which is there counts.
 * "name" and "file" have to stay in place as long as the cycle.
 * Call it from the init_conf of a core module.  NGX_DECLINED: threads cannot
 * be used here, the work is to be done in the event loop.
 */
ngx_int_t ngx_mesh_threads_add(ngx_cycle_t *cycle, ngx_str_t *name,
    ngx_uint_t threads, u_char *file, ngx_uint_t line);


#endif /* _NGX_MESH_THREADS_H_INCLUDED_ */
