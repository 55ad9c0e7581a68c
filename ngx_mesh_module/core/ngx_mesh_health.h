
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the results of active checks make of an endpoint, and when it is to be
 * checked again: no I/O, no process state.
 */


#ifndef _NGX_MESH_HEALTH_H_INCLUDED_
#define _NGX_MESH_HEALTH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_shm.h"


typedef enum {
    NGX_MESH_CHECK_PASSED = 0,
    NGX_MESH_CHECK_REFUSED,         /* an answer, that says no */
    NGX_MESH_CHECK_LOST             /* none: a timeout, no connection */
} ngx_mesh_check_result_e;


typedef struct {
    ngx_uint_t               healthy;       /* successes to become healthy */
    ngx_uint_t               unhealthy;     /* losses to become unhealthy */
} ngx_mesh_health_thresholds_t;


/* both are shared, so that another prober can go on from there */

typedef struct {
    ngx_mesh_row_health_e    health;
    ngx_uint_t               streak;        /* results against it in a row */
} ngx_mesh_health_t;


/* as one word in the row, with how often "health" was another since then */

#define ngx_mesh_health_checks(changes, streak)                               \
    (((ngx_atomic_uint_t) (changes) << 8) | (streak))

#define ngx_mesh_health_changes(checks)  ((ngx_uint_t) (checks) >> 8)
#define ngx_mesh_health_streak(checks)   ((ngx_uint_t) (checks) & 0xff)


/*
 * Takes the result of a check into account; 1: "health" is another now.  The
 * rules are Envoy's, as App Mesh users knew them: the first result of all
 * decides alone; later an answer that says no makes the endpoint unhealthy at
 * once, and thresholds are for successes and for checks without an answer.
 */
ngx_uint_t ngx_mesh_health_result(ngx_mesh_health_t *h,
    ngx_mesh_health_thresholds_t *t, ngx_mesh_check_result_e result);

/*
 * Milliseconds to the first check of an endpoint by this prober: soon if
 * nothing is known of it, else somewhere within its interval, since it may
 * have been checked just now by another.
 */
ngx_msec_t ngx_mesh_health_first(ngx_mesh_row_health_e health,
    ngx_msec_t interval, ngx_uint_t random);

/* and from one check to the next: the interval, 5 % more or less */
ngx_msec_t ngx_mesh_health_next(ngx_msec_t interval, ngx_uint_t random);


#endif /* _NGX_MESH_HEALTH_H_INCLUDED_ */
