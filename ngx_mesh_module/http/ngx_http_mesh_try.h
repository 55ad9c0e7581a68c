
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The attempts of one request: time limits and retries, as the core decides
 * them, carried out in nginx's upstream module.
 */


#ifndef _NGX_HTTP_MESH_TRY_H_INCLUDED_
#define _NGX_HTTP_MESH_TRY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_mesh_deadline.h"
#include "ngx_mesh_retry.h"


typedef struct ngx_http_mesh_ctx_s  ngx_http_mesh_ctx_t;

typedef struct ngx_http_mesh_body_s  ngx_http_mesh_body_t;

typedef ngx_int_t (*ngx_http_mesh_upstream_pt)(ngx_http_request_t *r);


/* part of ngx_http_mesh_ctx_t */

typedef struct {
    ngx_mesh_deadline_t             deadline;   /* one for all limits */
    ngx_mesh_limits_t               limits;
    const ngx_mesh_retry_policy_t  *policy;     /* never NULL */
    ngx_uint_t                      retries;    /* that count */
    ngx_msec_t                      backoff;    /* before the next attempt */
    ngx_uint_t                      status;     /* answered, not passed on */
    ngx_uint_t                      interims;   /* of this attempt */
    off_t                           bytes;      /* seen by the idle limit */

    ngx_http_mesh_upstream_pt       process_header;     /* nginx's own */
    ngx_http_mesh_upstream_pt       reinit_request;
    ngx_http_handler_pt             handler;    /* after the body was read */
    ngx_http_mesh_body_t           *body;       /* streamed; or NULL */

    unsigned                        reading:1;  /* the request is not whole */
    unsigned                        waiting:1;  /* for a backoff */
    unsigned                        again:1;    /* an answer is retried */
    unsigned                        expired:1;  /* a limit was reached */
    unsigned                        over:1;     /* ... of the whole request */
    unsigned                        refused:1;
    unsigned                        active:1;   /* counted for the budget */
    unsigned                        retrying:1;
    unsigned                        exhausted:1;    /* no retries are left */
    unsigned                        overflow:1;     /* ... no budget is */
#if (NGX_HTTP_SSL)
    unsigned                        ssl:1;      /* u->ssl, kept */
#endif
} ngx_http_mesh_try_t;


/*
 * The limits and the policy of a request whose route and target are known;
 * called before ngx_http_mesh_body_pass().
 */
void ngx_http_mesh_try_create(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/* in peer.init(): takes the upstream's functions over */
ngx_int_t ngx_http_mesh_try_init(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/*
 * In peer.get(), first: NGX_OK to go on, or NGX_AGAIN, which get() has to
 * return, if a backoff comes before the attempt; get() is called again then.
 */
ngx_int_t ngx_http_mesh_try_get(ngx_peer_connection_t *pc,
    ngx_http_mesh_ctx_t *ctx);

/* in peer.get(), when an endpoint was chosen */
void ngx_http_mesh_try_start(ngx_http_mesh_ctx_t *ctx);

/*
 * In peer.free(): an attempt has ended, and if it "failed", whether there is
 * another, as the number that "tries" has to be.
 */
ngx_uint_t ngx_http_mesh_try_end(ngx_peer_connection_t *pc,
    ngx_http_mesh_ctx_t *ctx, ngx_uint_t failed);

/* when the request is freed, in whatever state */
void ngx_http_mesh_try_cleanup(ngx_http_mesh_ctx_t *ctx);


/* --- ngx_http_mesh_body.c --- */

/*
 * Hands over to nginx's "handler".  A body that may have to be sent again and
 * is small is read first, where that does not hold a stream back.  Returns what
 * a content handler returns.
 */
ngx_int_t ngx_http_mesh_body_pass(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx, ngx_http_handler_pt handler);

/* in peer.init(): a body that is streamed is copied while it is small */
void ngx_http_mesh_body_keep(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx);

/* whether what was sent of a request so far can be sent again */
ngx_uint_t ngx_http_mesh_body_kept(ngx_http_mesh_ctx_t *ctx);

/* it will be: before nginx decides whether there is another attempt */
void ngx_http_mesh_body_rewind(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/* in reinit_request(), after that of nginx's module */
ngx_int_t ngx_http_mesh_body_reinit(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/* there will be no other attempt */
void ngx_http_mesh_body_drop(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx);


/* --- ngx_http_mesh_timeout.c --- */

/* the limits, of a "timeout" that may be NULL; they do not run yet */
void ngx_http_mesh_timeout_create(ngx_http_mesh_ctx_t *ctx,
    ngx_mesh_timeout_t *timeout);

/* the time of the request begins */
void ngx_http_mesh_timeout_init(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/* the time of an attempt begins */
void ngx_http_mesh_timeout_start(ngx_http_mesh_ctx_t *ctx);

/* sets the deadline to the limit that is reached first */
void ngx_http_mesh_timeout_arm(ngx_http_mesh_ctx_t *ctx);

/* the body of the request has arrived to its end */
void ngx_http_mesh_timeout_whole(ngx_http_mesh_ctx_t *ctx);


#endif /* _NGX_HTTP_MESH_TRY_H_INCLUDED_ */
