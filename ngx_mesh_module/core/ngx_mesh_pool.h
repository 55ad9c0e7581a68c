
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Pools for documents and models: large, short-lived in the heap's terms, and
 * made of millions of small pieces.  They have address space of their own, so
 * that what is freed goes back to the system at once and leaves no holes in
 * the heap that requests are served from.
 */


#ifndef _NGX_MESH_POOL_H_INCLUDED_
#define _NGX_MESH_POOL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * A pool with room for "size" bytes; what is not used of it costs no memory.
 * It may grow beyond.  To be used as any nginx pool, but destroyed by
 * ngx_mesh_pool_destroy() only.  NULL if memory is short.
 */
ngx_pool_t *ngx_mesh_pool_create(size_t size, ngx_log_t *log);

/* its memory must not be used any more; a worker gives it back by and by */
void ngx_mesh_pool_destroy(ngx_pool_t *pool);

/* by a worker with an event loop; before that, and after it, all at once */
void ngx_mesh_pool_init_worker(ngx_cycle_t *cycle);
void ngx_mesh_pool_exit_worker(void);


#endif /* _NGX_MESH_POOL_H_INCLUDED_ */
