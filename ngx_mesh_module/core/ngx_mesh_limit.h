
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Limits of a listener's connection pool: how many requests are at its
 * application at a time, how many wait, and whose turn it is.  Functions of
 * counts that are handed in, which may be shared by processes: all changes are
 * atomic, nothing is locked.
 */


#ifndef _NGX_MESH_LIMIT_H_INCLUDED_
#define _NGX_MESH_LIMIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_model.h"


typedef struct {
    ngx_uint_t               active;        /* at a time, 0: no limit */
    ngx_uint_t               pending;       /* that wait, 0: none may */
} ngx_mesh_limit_bounds_t;


/* the counts of all workers, on a cache line of its own */

typedef struct {
    ngx_atomic_t             key;           /* 0: free */
    ngx_atomic_t             seq;           /* last document that had it */
    ngx_atomic_t             active;
    ngx_atomic_t             pending;
    ngx_atomic_t             ticket;        /* of the last one to wait */
    ngx_atomic_t             queued;        /* ever */
    ngx_atomic_t             overflows;     /* ever */
    ngx_atomic_t             spare;
} ngx_mesh_limit_t;


/* what of them is one worker's, to be taken back when it crashes */

typedef struct {
    ngx_atomic_t             active;
    ngx_atomic_t             pending;
    ngx_atomic_t             head;          /* ticket that waits longest, 0:
                                               nobody waits here */
} ngx_mesh_limit_share_t;


/*
 * What the pool of a listener allows: maxConnections and maxPendingRequests of
 * http, maxRequests of http2 and grpc, which have no queue (appmesh.md, 3.6).
 * Without a pool there are no limits.
 */
void ngx_mesh_limit_bounds(ngx_mesh_listener_t *listener,
    ngx_mesh_limit_bounds_t *bounds);

/*
 * Counts a request that arrives.  "share" may be NULL.
 *
 *     NGX_OK     it is active
 *     NGX_AGAIN  it has to wait, with "ticket"
 *     NGX_BUSY   it is refused, and counted as an overflow
 *
 * While anybody waits nobody passes: a new request waits as well.
 */
ngx_int_t ngx_mesh_limit_enter(ngx_mesh_limit_t *limit,
    ngx_mesh_limit_share_t *share, ngx_mesh_limit_bounds_t *bounds,
    ngx_atomic_uint_t *ticket);

/*
 * Makes a request that waits an active one, if there is room.  NGX_OK or
 * NGX_AGAIN.  Whose turn it is, is the caller's to know.
 */
ngx_int_t ngx_mesh_limit_resume(ngx_mesh_limit_t *limit,
    ngx_mesh_limit_share_t *share, ngx_mesh_limit_bounds_t *bounds);

/* an active request ended */
void ngx_mesh_limit_leave(ngx_mesh_limit_t *limit,
    ngx_mesh_limit_share_t *share);

/* a request stopped waiting without becoming active */
void ngx_mesh_limit_cancel(ngx_mesh_limit_t *limit,
    ngx_mesh_limit_share_t *share);

/* takes a share back whose worker is gone */
void ngx_mesh_limit_drain(ngx_mesh_limit_t *limit,
    ngx_mesh_limit_share_t *share);

/* whether the ticket "a" was given before "b"; 0 is none and comes last */
ngx_uint_t ngx_mesh_limit_before(ngx_atomic_uint_t a, ngx_atomic_uint_t b);


#endif /* _NGX_MESH_LIMIT_H_INCLUDED_ */
