
/*
 * Copyright (C) nginx mesh contributors
 */

/* What the files of a pass over the statistics know of each other. */


#ifndef _NGX_MESH_STATS_PARTS_H_INCLUDED_
#define _NGX_MESH_STATS_PARTS_H_INCLUDED_


#include "ngx_mesh_stats.h"


/* a row that a pass has found */

typedef struct {
    ngx_rbtree_node_t        node;          /* while rows are found */
    ngx_str_t                labels[NGX_MESH_STATS_LABELS];
    ngx_mesh_cluster_t      *cluster;       /* of the model, or NULL */
    ngx_mesh_metrics_kind_e  kind;
    ngx_uint_t               at;            /* where metrics have it */
    uint64_t                 key;
    ngx_uint_t               n;             /* rows in a group, from "at" */
    unsigned                 counted:1;     /* metrics have it */
    unsigned                 app:1;         /* the local application */
} ngx_mesh_stats_entry_t;


typedef struct {
    ngx_mesh_stats_entry_t **elts;
    ngx_uint_t               nelts;
} ngx_mesh_stats_rows_t;


struct ngx_mesh_stats_s {
    ngx_pool_t              *pool;
    ngx_mesh_conf_t         *mcf;
    ngx_mesh_snapshot_t     *snapshot;
    ngx_mesh_stats_rows_t    rows[NGX_MESH_STATS_SETS];

    /* rows are found: where to go on, and those of one set */
    ngx_uint_t               step;
    ngx_uint_t               index;
    ngx_uint_t               listener;      /* of node "index" */
    uint64_t                 shared;        /* most that a process shares */
    ngx_uint_t               nfound;
    ngx_rbtree_t             found;
    ngx_rbtree_node_t        sentinel;
    ngx_rbtree_node_t       *next;          /* to be listed */

    ngx_uint_t               last_set;
    ngx_uint_t               last_row;
    ngx_int_t                last_rc;
    ngx_uint_t               part;          /* of a group, the next one */
    ngx_uint_t               some;          /* of the group are there */
    ngx_mesh_stats_row_t     row;
    uint64_t                 values[NGX_MESH_STATS_VALUES];
    uint64_t                 proxy[NGX_MESH_STATS_PROXY_VALUES];
};


ngx_int_t ngx_mesh_stats_compare(ngx_str_t *one, ngx_str_t *two);

/* reads a row of metrics into "values"; NGX_DECLINED: it is gone, or empty */
ngx_int_t ngx_mesh_stats_read_metrics(ngx_mesh_stats_t *st,
    ngx_mesh_stats_entry_t *entry, uint64_t *values);


/* --- ngx_mesh_stats_collect.c --- */

/*
 * The entry with these labels among those found so far, a new one with copies
 * of them if there is none; NULL if memory is short.
 */
ngx_mesh_stats_entry_t *ngx_mesh_stats_found(ngx_mesh_stats_t *st,
    ngx_str_t *labels);


/* --- ngx_mesh_stats_cluster.c --- */

/*
 * Joins a cluster of the model with those of the metrics.  NGX_AGAIN: there are
 * more; NGX_OK: that was all.
 */
ngx_int_t ngx_mesh_stats_find_cluster(ngx_mesh_stats_t *st);

ngx_int_t ngx_mesh_stats_read_cluster(ngx_mesh_stats_t *st,
    ngx_mesh_stats_entry_t *entry);


/* --- ngx_mesh_stats_proxy.c --- */

/* values of the proxy itself, but what is found step by step */
void ngx_mesh_stats_proxy(ngx_mesh_stats_t *st);

/*
 * Adds the memory of one process: "index" is moved on.  NGX_AGAIN: there are
 * more; NGX_OK: that was all.
 */
ngx_int_t ngx_mesh_stats_process(ngx_mesh_stats_t *st);

/* the labels of the document in force */
ngx_int_t ngx_mesh_stats_config(ngx_mesh_stats_t *st, ngx_str_t *labels);


#endif /* _NGX_MESH_STATS_PARTS_H_INCLUDED_ */
