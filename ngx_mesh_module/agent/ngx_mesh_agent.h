
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What keeps the shared document current: the agent, of which there is one at
 * a time among the workers.  Workers that start when there is no document yet
 * put one in force themselves if they can have it at once.
 */


#ifndef _NGX_MESH_AGENT_H_INCLUDED_
#define _NGX_MESH_AGENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"
#include "ngx_mesh_client.h"
#include "ngx_mesh_credentials.h"
#include "ngx_mesh_sampler.h"


/* made by the master */

typedef struct {
    ngx_str_t                     source;   /* file or URL; empty: no agent */
    ngx_str_t                     state;    /* last-known-good file, or empty */
    ngx_str_t                     id;       /* file of the proxy's id, or
                                               empty */
    ngx_mesh_client_conf_t        client;
    ngx_mesh_credentials_conf_t   credentials;
    ngx_uint_t                    sign;
    ngx_mesh_sampler_share_t     *sampler;  /* NULL: local sampling rules */
} ngx_mesh_agent_conf_t;


/*
 * Called once by a worker, before it serves requests: if there is no document
 * yet, reads the source if that is a file, and else the last-known-good file,
 * to the end.  What goes wrong is logged, by worker 0 only.
 */
void ngx_mesh_agent_init_worker(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_agent_conf_t *acf);

/* after that: to be the agent, or to wait for its place */
void ngx_mesh_agent_start(void);

/* waits for what is in a thread */
void ngx_mesh_agent_stop(void);

ngx_uint_t ngx_mesh_agent_running(void);


extern ngx_module_t  ngx_mesh_agent_module;


#endif /* _NGX_MESH_AGENT_H_INCLUDED_ */
