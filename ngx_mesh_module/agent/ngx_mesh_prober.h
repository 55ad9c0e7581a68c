
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Active health checks: one prober for all workers, in the worker that has the
 * lease of the agent.  What it finds out is in the shared rows of endpoints.
 */


#ifndef _NGX_MESH_PROBER_H_INCLUDED_
#define _NGX_MESH_PROBER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"


/*
 * Called by each worker after the agent was started; waits for the lease if
 * need be.
 */
void ngx_mesh_prober_start(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf);

/* closes all connections; also where it was not started */
void ngx_mesh_prober_stop(void);


#endif /* _NGX_MESH_PROBER_H_INCLUDED_ */
