
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Sampling rules that X-Ray keeps, asked for at its daemon by one worker and
 * put in force in all of them, as the SDKs of AWS do it in each process.
 */


#ifndef _NGX_MESH_SAMPLER_H_INCLUDED_
#define _NGX_MESH_SAMPLER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"


typedef struct ngx_mesh_sampler_share_s  ngx_mesh_sampler_share_t;


/*
 * By the master, when mesh{} was read: declares what is shared; NULL without
 * "xray central=on".
 */
ngx_int_t ngx_mesh_sampler_init_conf(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_sampler_share_t **share);

/* by each worker; "share" may be NULL, and nothing is done then */
void ngx_mesh_sampler_start(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_sampler_share_t *share);
void ngx_mesh_sampler_stop(void);


#endif /* _NGX_MESH_SAMPLER_H_INCLUDED_ */
