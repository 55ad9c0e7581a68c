
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What keeps the shared document current: the agent of worker 0.  Workers
 * that start when there is no document yet put one in force themselves.
 */


#ifndef _NGX_MESH_AGENT_H_INCLUDED_
#define _NGX_MESH_AGENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"


typedef struct {
    ngx_str_t                path;      /* the source; empty: no agent */
    ngx_str_t                state;     /* last-known-good file, or empty */
    ngx_uint_t               threads;   /* there is a pool of the name below */
} ngx_mesh_agent_conf_t;


#define NGX_MESH_AGENT_THREAD_POOL  "ngx_mesh"


/*
 * Called once by a worker, before it serves requests: if there is no document
 * yet, reads the source and else the last-known-good file, to the end.  What
 * goes wrong is logged, by worker 0 only.
 */
void ngx_mesh_agent_init_worker(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_agent_conf_t *acf);

/* after that, in worker 0 */
void ngx_mesh_agent_start(void);

/* no task may be in a thread any more */
void ngx_mesh_agent_stop(void);

ngx_uint_t ngx_mesh_agent_running(void);


extern ngx_module_t  ngx_mesh_agent_module;


#endif /* _NGX_MESH_AGENT_H_INCLUDED_ */
