
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Outlier detection: an endpoint that fails so many times in a row gets no
 * requests for a while.  App Mesh declares it on the listener of the virtual
 * node that is called, the proxies that call it carry it out.
 */


#ifndef _NGX_MESH_OUTLIER_H_INCLUDED_
#define _NGX_MESH_OUTLIER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"


/* Envoy: max_ejection_time, or the base time if that is longer */
#define NGX_MESH_OUTLIER_LONGEST  300000


/* what an ejection did, for the log */

typedef struct {
    ngx_msec_t               time;          /* for so long */
    ngx_uint_t               errors;        /* in a row */
    uint32_t                 nejected;      /* with this one */
} ngx_mesh_ejection_t;


/* --- rules --- */

/*
 * May one more of "n" endpoints be ejected?  One always may (App Mesh API,
 * OutlierDetection), more only while no more than maxEjectionPercent are then.
 */
ngx_uint_t ngx_mesh_outlier_allows(ngx_mesh_outlier_detection_t *od,
    uint32_t n, uint32_t nejected);

/*
 * The time of an ejection: the base time by the number of ejections of late.
 * Envoy takes one off that number with each sweep that finds the endpoint in
 * use, lest it pays for ever for an hour it once had.
 */
ngx_msec_t ngx_mesh_outlier_time(ngx_mesh_outlier_detection_t *od,
    ngx_uint_t multiplier);


/* --- in workers --- */

/* an attempt went well */
void ngx_mesh_outlier_success(ngx_mesh_shm_t *shm, ngx_mesh_endpoint_t *ep);

/*
 * An attempt failed: an answer of 5xx, or none.  NGX_OK: that ejected the
 * endpoint, as "e" tells; in one of all workers only.  NGX_DECLINED otherwise.
 */
ngx_int_t ngx_mesh_outlier_failure(ngx_mesh_shm_t *shm,
    ngx_mesh_cluster_t *cluster, ngx_mesh_endpoint_t *ep, ngx_msec_t now,
    ngx_mesh_ejection_t *e);

/*
 * Reviews the ejections of a cluster, each once in an interval whichever
 * workers call this how often.  An endpoint whose time is over is returned,
 * which is logged.
 */
void ngx_mesh_outlier_sweep(ngx_mesh_shm_t *shm, ngx_mesh_cluster_t *cluster,
    ngx_msec_t now, ngx_log_t *log);

void ngx_mesh_outlier_init_worker(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf);
void ngx_mesh_outlier_exit_worker(void);


#endif /* _NGX_MESH_OUTLIER_H_INCLUDED_ */
