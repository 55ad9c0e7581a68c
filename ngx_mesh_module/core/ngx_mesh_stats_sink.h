
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What sinks are told: lines of DogStatsD, documents in the embedded metric
 * format of CloudWatch.  Functions of a pass and of what was told before; they
 * say what is told now, which counts when it was sent.
 */


#ifndef _NGX_MESH_STATS_SINK_H_INCLUDED_
#define _NGX_MESH_STATS_SINK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_stats.h"
#include "ngx_mesh_told.h"


/* values that are on their way, to be noted when they were sent */

#define NGX_MESH_STATS_PENDING  1024

typedef struct {
    uint64_t                *told;
    uint64_t                 value;
} ngx_mesh_stats_pending_t;

typedef struct {
    ngx_uint_t               n;
    ngx_mesh_stats_pending_t values[NGX_MESH_STATS_PENDING];
} ngx_mesh_stats_sent_t;

void ngx_mesh_stats_commit(ngx_mesh_stats_sent_t *sent);


/* what has come since; "delta" has room for a histogram */
void ngx_mesh_stats_delta(ngx_mesh_stats_sample_t *sample,
    const uint64_t *told, uint64_t *delta);

/*
 * A line of DogStatsD, with a line feed.  Of a histogram there are
 * NGX_MESH_METRICS_BUCKETS: each is a value that stands for all in a bucket,
 * and a rate that says how many.  "told" is the row's.  NULL: there is no room
 * up to "last", or in "sent"; "p": there is nothing to tell.
 */
u_char *ngx_mesh_stats_statsd_line(u_char *p, u_char *last,
    ngx_mesh_stats_t *st, ngx_mesh_stats_sample_t *sample,
    const uint64_t *delta, uint64_t *told, ngx_uint_t line,
    ngx_mesh_stats_sent_t *sent);

/*
 * The document of a row of NGX_MESH_STATS_APPMESH or ..._TARGET, with a line
 * feed; NULL and "p" as above.
 */
u_char *ngx_mesh_stats_emf_document(u_char *p, u_char *last,
    ngx_mesh_stats_t *st, ngx_mesh_sink_conf_t *conf,
    ngx_mesh_stats_set_e set, ngx_mesh_stats_row_t *row, uint64_t *told,
    uint64_t now_ms, ngx_mesh_stats_sent_t *sent);


#endif /* _NGX_MESH_STATS_SINK_H_INCLUDED_ */
