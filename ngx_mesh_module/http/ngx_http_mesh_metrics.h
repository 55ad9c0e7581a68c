
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Metrics of a request: what is counted, and when, is in
 * ngx_http_mesh_metrics.c.
 */


#ifndef _NGX_HTTP_MESH_METRICS_H_INCLUDED_
#define _NGX_HTTP_MESH_METRICS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_mesh_metrics.h"
#include "ngx_http_mesh_observe.h"


struct ngx_http_mesh_main_conf_s;


/* part of ngx_http_mesh_ctx_t */

typedef struct {
    ngx_mesh_metrics_row_t    *http;        /* of the direction */
    ngx_mesh_metrics_row_t    *target;
    void                     (*finalize)(ngx_http_request_t *r, ngx_int_t rc);
    ngx_int_t                  rc;          /* what finalize() was told */
    off_t                      upgraded;    /* sent before, to the upstream */
    uint32_t                   retries;     /* counted */

    unsigned                   active:1;    /* the request is */
    unsigned                   busy:1;      /* an attempt is */
    unsigned                   total:1;     /* ... and counted */
    unsigned                   answered:1;  /* a header came that is final */
    unsigned                   charged:1;   /* a status was counted */
    unsigned                   finished:1;
} ngx_http_mesh_metrics_ctx_t;


/* each when ngx_http_mesh_observe_*() of that name is called */
void ngx_http_mesh_metrics_start(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
void ngx_http_mesh_metrics_answer(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
void ngx_http_mesh_metrics_attempt(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc);
void ngx_http_mesh_metrics_attempt_end(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc, ngx_uint_t state);

/*
 * A request has ended: in the log phase, or if it has none, as a subrequest,
 * when it is freed.
 */
void ngx_http_mesh_metrics_finish(ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o);

/* the target that an egress request is for is known */
#define ngx_http_mesh_metrics_target(ctx, t)                                  \
    (ctx)->metrics.target = (ctx)->service->metrics[(t)->ordinal];            \
    ngx_mesh_metrics_add((ctx)->metrics.target, NGX_MESH_TARGET_RQ_TOTAL, 1)


/* --- ngx_http_mesh_connection.c --- */

/* a cleanup of the pool of connections that were counted */
void ngx_http_mesh_connection_cleanup(void *data);

/* counts a connection, if that cleanup is not there */
void ngx_http_mesh_connection(ngx_connection_t *c,
    struct ngx_http_mesh_main_conf_s *mmcf);

/* rows of directions and listeners; in each process, and in each cycle */
ngx_int_t ngx_http_mesh_metrics_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_mesh_metrics_init_process(ngx_cycle_t *cycle);

/* variables that show some of the counts */
ngx_int_t ngx_http_mesh_metrics_add_variables(ngx_conf_t *cf);


#endif /* _NGX_HTTP_MESH_METRICS_H_INCLUDED_ */
