
/*
 * Copyright (C) nginx mesh contributors
 */

/* What the files of a pass over the statistics know of each other. */


#ifndef _NGX_MESH_STATS_PARTS_H_INCLUDED_
#define _NGX_MESH_STATS_PARTS_H_INCLUDED_


#include "ngx_mesh_stats.h"


/* a row that a pass has found */

typedef struct {
    ngx_str_t                labels[NGX_MESH_STATS_LABELS];
    ngx_mesh_cluster_t      *cluster;       /* of the model, or NULL */
    ngx_mesh_metrics_kind_e  kind;
    ngx_uint_t               index;         /* of metrics: before and after */
    ngx_uint_t               after;         /* it; 0: there is none */
    ngx_uint_t               n;             /* rows in a group */
    unsigned                 overflow:1;
    unsigned                 app:1;         /* the local application */
} ngx_mesh_stats_entry_t;


struct ngx_mesh_stats_s {
    ngx_pool_t              *pool;
    ngx_mesh_conf_t         *mcf;
    ngx_mesh_snapshot_t     *snapshot;
    ngx_array_t              rows[NGX_MESH_STATS_SETS];
                                            /* ngx_mesh_stats_entry_t */
    ngx_uint_t               last_set;
    ngx_uint_t               last_row;
    ngx_int_t                last_rc;
    ngx_mesh_stats_row_t     row;
    uint64_t                 values[NGX_MESH_STATS_VALUES];
    uint64_t                 proxy[NGX_MESH_STATS_PROXY_VALUES];
};


void ngx_mesh_stats_sort(ngx_array_t *rows);

/* reads a row of metrics into "values"; NGX_DECLINED: it is gone, or empty */
ngx_int_t ngx_mesh_stats_read_metrics(ngx_mesh_stats_t *st,
    ngx_mesh_stats_entry_t *entry, uint64_t *values);


/* --- ngx_mesh_stats_cluster.c --- */

/* joins the clusters of the model with those of the metrics */
ngx_int_t ngx_mesh_stats_clusters(ngx_mesh_stats_t *st);

ngx_int_t ngx_mesh_stats_read_cluster(ngx_mesh_stats_t *st,
    ngx_mesh_stats_entry_t *entry);


/* --- ngx_mesh_stats_proxy.c --- */

/* the labels of the document in force */
ngx_int_t ngx_mesh_stats_config(ngx_mesh_stats_t *st, ngx_str_t *labels);


#endif /* _NGX_MESH_STATS_PARTS_H_INCLUDED_ */
