
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Whose turn it is to write.  SQLite's lock is tried again and again by those
 * who wait for it, so that a worker which has much to write keeps others from
 * it for long; here the next one in the line sleeps until it is its turn.
 *
 * It is about order only: the lock of the file is what keeps writers apart, and
 * whoever cannot have a turn writes without.
 */


#ifndef _NGX_MESH_STORE_TURN_H_INCLUDED_
#define _NGX_MESH_STORE_TURN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#if (NGX_THREADS && (NGX_LINUX || NGX_FREEBSD))
#define NGX_MESH_STORE_TURNS  1
#include <pthread.h>
#endif


/* in shared memory, of the workers of all cycles; zeroed: there are no turns */

typedef struct {
#if (NGX_MESH_STORE_TURNS)
    pthread_mutex_t          next;          /* who is to write next */
    pthread_mutex_t          now;           /* who writes */
#endif
    ngx_uint_t               ready;
} ngx_mesh_store_turn_t;


/* by the master, once; what fails is logged, and there are no turns then */
void ngx_mesh_store_turn_init(ngx_mesh_store_turn_t *turn, ngx_log_t *log);

/*
 * Waits for a turn, "timeout" ms at most; blocks, so it is for threads.  1: it
 * is ours, until leave(); 0: there is none to be had.
 */
ngx_uint_t ngx_mesh_store_turn_take(ngx_mesh_store_turn_t *turn,
    ngx_msec_t timeout);
void ngx_mesh_store_turn_leave(ngx_mesh_store_turn_t *turn);


#endif /* _NGX_MESH_STORE_TURN_H_INCLUDED_ */
