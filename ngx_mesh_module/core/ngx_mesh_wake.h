
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Workers wake each other: what one of them has changed in shared memory is
 * looked at by all of them at once.
 */


#ifndef _NGX_MESH_WAKE_H_INCLUDED_
#define _NGX_MESH_WAKE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef void (*ngx_mesh_wake_pt)(void);


/*
 * By the master, with each cycle: makes what workers inherit, once, and only if
 * there is a handler.
 */
void ngx_mesh_wake_init(ngx_cycle_t *cycle);

/*
 * When the configuration is read: "handler" is called in each worker after a
 * call of ngx_mesh_wake(), and perhaps without.  It is added once only.
 */
void ngx_mesh_wake_add(ngx_mesh_wake_pt handler);

/* by each worker, before and after it serves requests */
void ngx_mesh_wake_open(ngx_cycle_t *cycle);
void ngx_mesh_wake_close(void);

/* wakes all workers, those of other cycles and the caller as well */
void ngx_mesh_wake(void);


#endif /* _NGX_MESH_WAKE_H_INCLUDED_ */
