
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Whether an attempt is made again, how long to wait before it, and what ends
 * a request for lack of time: no I/O, no process state.
 */


#ifndef _NGX_MESH_RETRY_H_INCLUDED_
#define _NGX_MESH_RETRY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_model.h"


#define NGX_MESH_H2_FRAME_HEADER   9

/* times of App Mesh that a spec can change, and Envoy's for connecting */

#define NGX_MESH_TIMEOUT_REQUEST   15000
#define NGX_MESH_TIMEOUT_IDLE      300000
#define NGX_MESH_TIMEOUT_CONNECT   1000
#define NGX_MESH_TIMEOUT_APP       250     /* connecting to the application */


/* further bits of ngx_mesh_retry_policy_t.events, which no spec can name */

#define NGX_MESH_RETRY_RESET       0x0400  /* implied by the first three */
#define NGX_MESH_RETRY_503         0x0800
#define NGX_MESH_RETRY_SAFE        0x1000  /* and within the budget */

#define NGX_MESH_RETRY_GRPC        (NGX_MESH_RETRY_CANCELLED                  \
                                    |NGX_MESH_RETRY_DEADLINE_EXCEEDED         \
                                    |NGX_MESH_RETRY_INTERNAL                  \
                                    |NGX_MESH_RETRY_RESOURCE_EXHAUSTED        \
                                    |NGX_MESH_RETRY_UNAVAILABLE)


/* the policy of routes that have none */

typedef enum {
    NGX_MESH_RETRY_DEFAULTS_APPMESH = 0,
    NGX_MESH_RETRY_DEFAULTS_SAFE,
    NGX_MESH_RETRY_DEFAULTS_OFF
} ngx_mesh_retry_defaults_e;


typedef enum {
    NGX_MESH_TRY_ANSWERED = 0,      /* with a header */
    NGX_MESH_TRY_NOT_CONNECTED,
    NGX_MESH_TRY_RESET,             /* or closed, or not understood */
    NGX_MESH_TRY_REFUSED,           /* HTTP/2: certainly not processed */
    NGX_MESH_TRY_TIMEOUT,           /* perRetryTimeout */
    NGX_MESH_TRY_OVER               /* no time is left for another one */
} ngx_mesh_try_end_e;


/* an attempt that has ended */

typedef struct {
    ngx_mesh_try_end_e       end;
    ngx_uint_t               status;        /* with NGX_MESH_TRY_ANSWERED */
    ngx_int_t                grpc_status;   /* -1: none */
    ngx_uint_t               retries;       /* made before */

    unsigned                 replayable:1;  /* all of the request is kept */
    unsigned                 idempotent:1;
    unsigned                 stale:1;       /* an idle connection was closed */
} ngx_mesh_try_t;


typedef enum {
    NGX_MESH_RETRY_NONE = 0,
    NGX_MESH_RETRY_FREE,            /* at once, and does not count */
    NGX_MESH_RETRY_COUNTED
} ngx_mesh_retry_e;


/* what may end a request or an attempt, the first counts most */

typedef enum {
    NGX_MESH_LIMIT_REQUEST = 0,
    NGX_MESH_LIMIT_TRY,
    NGX_MESH_LIMIT_BACKOFF,
    NGX_MESH_LIMIT_IDLE,
    NGX_MESH_LIMITS
} ngx_mesh_limit_e;

typedef struct {
    ngx_msec_t               start[NGX_MESH_LIMITS];
    ngx_msec_t               ms[NGX_MESH_LIMITS];       /* 0: no limit */
} ngx_mesh_limits_t;


/* never NULL, static */
const ngx_mesh_retry_policy_t *ngx_mesh_retry_default(
    ngx_mesh_retry_defaults_e defaults);

/*
 * What is to be done after an attempt, by App Mesh's events as Envoy was
 * configured for them.  A request found its idle connection closed is sent
 * again without a policy if it is idempotent (RFC 9110, 9.2.2).
 */
ngx_mesh_retry_e ngx_mesh_retry(const ngx_mesh_retry_policy_t *policy,
    ngx_mesh_try_t *t);

/* answers that no policy wants retried, but for a grpc-status they may have */
#define ngx_mesh_retry_never(status)  ((status) < 409)

/* NGX_MESH_RETRY_SAFE: may one more of "active" requests be retried? */
ngx_uint_t ngx_mesh_retry_budget(ngx_uint_t active, ngx_uint_t retrying);

/*
 * The time before the "n"th retry, from 1: random below 25 ms, doubled with
 * each, 250 ms at most (Envoy's JitteredExponentialBackOffStrategy).
 */
ngx_msec_t ngx_mesh_retry_backoff(ngx_uint_t n, uint32_t random);

/*
 * Whether the frames of HTTP/2 from "start" to "last" end in one by which a
 * server says that it did not process the request: RST_STREAM with
 * REFUSED_STREAM, or a GOAWAY that made the request fail.
 */
ngx_uint_t ngx_mesh_retry_refused(u_char *start, u_char *last);


/* the limit that is reached, NGX_MESH_LIMITS if none is */
ngx_mesh_limit_e ngx_mesh_limit_reached(ngx_mesh_limits_t *l, ngx_msec_t now);

/* the time until one is reached, NGX_TIMER_INFINITE if there is none */
ngx_msec_t ngx_mesh_limit_left(ngx_mesh_limits_t *l, ngx_msec_t now);


#endif /* _NGX_MESH_RETRY_H_INCLUDED_ */
