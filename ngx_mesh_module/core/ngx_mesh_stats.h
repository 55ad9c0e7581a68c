
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the proxy tells of itself, for all outputs alike: the admin pages, the
 * text of Prometheus, DogStatsD, CloudWatch.
 *
 * Statistics come in sets.  A set is a table of statistics (ngx_mesh_stat_t)
 * and has any number of rows: one for each cluster, say.  A row has labels and
 * values.  Most values are those of ngx_mesh_metrics.h; others are worked out
 * from the model in force and from the shared status when they are asked for.
 *
 * A pass (ngx_mesh_stats_t) is one look at all of that: it finds the rows and
 * sorts them, and then gives one sample after the other.  It does so in small
 * steps, so that who calls may stop between any two of them, however many rows
 * there are.  A step looks at one row, or at a few of which there are never
 * many: the App Mesh metrics of the node are sums over the rows of HTTP, at
 * most 4, and of the listeners of ingress, at most 128.
 *
 * The values are those of the moment a sample is given; those of the proxy are
 * read once, in the first step.  A pass that goes slowly may take minutes.
 */


#ifndef _NGX_MESH_STATS_H_INCLUDED_
#define _NGX_MESH_STATS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"
#include "ngx_mesh_metrics.h"
#include "ngx_mesh_snapshot.h"


typedef enum {
    NGX_MESH_STATS_COUNTER = 0,
    NGX_MESH_STATS_GAUGE,
    NGX_MESH_STATS_HISTOGRAM        /* of milliseconds; its values begin at
                                       "value", as in ngx_mesh_metrics.h */
} ngx_mesh_stats_type_e;


typedef struct {
    ngx_uint_t               value;         /* its place in a row */
    ngx_mesh_stats_type_e    type;
    const char              *name;          /* "upstream_rq_xx" */
    const char              *text;          /* "upstream_rq_2xx", or NULL: as
                                               "name" */
    const char              *tag;           /* "2", or NULL: none */
    const char              *help;
} ngx_mesh_stat_t;


/* in the order of the text page */

typedef enum {
    NGX_MESH_STATS_APPMESH = 0,             /* of the node */
    NGX_MESH_STATS_APPMESH_TARGET,          /* of a service and a node */
    NGX_MESH_STATS_CLUSTER,
    NGX_MESH_STATS_CLUSTER_MANAGER,
    NGX_MESH_STATS_CONTROL_PLANE,
    NGX_MESH_STATS_HTTP,
    NGX_MESH_STATS_LISTENER,
    NGX_MESH_STATS_LISTENER_MANAGER,
    NGX_MESH_STATS_BUILD,
    NGX_MESH_STATS_CONFIG,
    NGX_MESH_STATS_OWN,
    NGX_MESH_STATS_TARGET,                  /* and of a route */
    NGX_MESH_STATS_OWN_MORE,
    NGX_MESH_STATS_SERVER,
    NGX_MESH_STATS_SETS
} ngx_mesh_stats_set_e;

#define NGX_MESH_STATS_LABELS  4


typedef struct {
    const char              *prefix;        /* "cluster" */
    const char              *vendor;        /* "envoy", or "" */
    const char              *labels[NGX_MESH_STATS_LABELS];
    const char              *tag;           /* what a statistic's is of */
    ngx_mesh_stat_t         *stats;         /* sorted, up to a null name */
} ngx_mesh_stats_set_t;

extern ngx_mesh_stats_set_t  ngx_mesh_stats_sets[NGX_MESH_STATS_SETS];


/* values of NGX_MESH_STATS_CLUSTER beside those of its row of metrics */

typedef enum {
    NGX_MESH_STATS_MEMBERSHIP_TOTAL = NGX_MESH_CLUSTER_VALUES,
    NGX_MESH_STATS_MEMBERSHIP_HEALTHY,
    NGX_MESH_STATS_EJECTIONS_ACTIVE,
    NGX_MESH_STATS_CX_OPEN,
    NGX_MESH_STATS_RQ_OPEN,
    NGX_MESH_STATS_PENDING_OPEN,
    NGX_MESH_STATS_CLUSTER_VALUES
} ngx_mesh_stats_cluster_e;


/* of NGX_MESH_STATS_TARGET */

typedef enum {
    NGX_MESH_STATS_TARGET_NONE = NGX_MESH_TARGET_VALUES,
    NGX_MESH_STATS_TARGET_VALUES
} ngx_mesh_stats_target_e;


/* of NGX_MESH_STATS_APPMESH */

typedef enum {
    NGX_MESH_STATS_CX_ACTIVE = 0,
    NGX_MESH_STATS_CX_NEW,
    NGX_MESH_STATS_BYTES,
    NGX_MESH_STATS_REQUESTS,
    NGX_MESH_STATS_GRPC_REQUESTS,
    NGX_MESH_STATS_APPMESH_VALUES
} ngx_mesh_stats_appmesh_e;


/* of sets that have one row for the proxy */

typedef enum {
    NGX_MESH_STATS_ONE = NGX_MESH_SERVER_VALUES,
    NGX_MESH_STATS_CLUSTERS,
    NGX_MESH_STATS_ENDPOINTS,
    NGX_MESH_STATS_APPLIED,
    NGX_MESH_STATS_APPLIED_TIME,
    NGX_MESH_STATS_AGE,
    NGX_MESH_STATS_DOCUMENT_BYTES,
    NGX_MESH_STATS_LAST_KNOWN_GOOD,
    NGX_MESH_STATS_REJECTED,
    NGX_MESH_STATS_CONNECTED,
    NGX_MESH_STATS_CONTACT_AGE,
    NGX_MESH_STATS_FAILING,
    NGX_MESH_STATS_LIVE,
    NGX_MESH_STATS_STATE,
    NGX_MESH_STATS_UPTIME,
    NGX_MESH_STATS_CERT_DAYS,
    NGX_MESH_STATS_CONCURRENCY,
    NGX_MESH_STATS_ALLOCATED,
    NGX_MESH_STATS_HEAP,
    NGX_MESH_STATS_PROXY_VALUES
} ngx_mesh_stats_proxy_e;

/* values of the largest row */
#define NGX_MESH_STATS_VALUES  NGX_MESH_STATS_CLUSTER_VALUES

/* a value that does not exist: it is not told */
#define NGX_MESH_STATS_ABSENT  ((uint64_t) -1)


typedef struct {
    ngx_str_t                labels[NGX_MESH_STATS_LABELS];
    uint64_t                *values;
} ngx_mesh_stats_row_t;

typedef struct {
    ngx_mesh_stats_set_e     set;
    ngx_mesh_stat_t         *stat;
    ngx_uint_t               first;         /* of its name and set */
    ngx_mesh_stats_row_t    *row;
} ngx_mesh_stats_sample_t;


typedef struct ngx_mesh_stats_s  ngx_mesh_stats_t;

/*
 * A pass in "pool", over what metrics and model have.  "snapshot" is held by
 * the caller as long as the pass, or NULL.  NULL if memory is short.
 */
ngx_mesh_stats_t *ngx_mesh_stats_create(ngx_pool_t *pool,
    ngx_mesh_conf_t *mcf, ngx_mesh_snapshot_t *snapshot);

/*
 * A step of finding the rows: NGX_OK: all are found; NGX_AGAIN: call again;
 * NGX_ERROR: memory is short.  ngx_mesh_stats_next() does it by itself.
 */
ngx_int_t ngx_mesh_stats_collect(ngx_mesh_stats_t *st);

/* tags for every sample (stats_tags): 0 or 2 of them */
ngx_uint_t ngx_mesh_stats_tags(ngx_mesh_stats_t *st, ngx_str_t *names,
    ngx_str_t *values);

/* the name of a label of a set, as of StatsD; NULL: there is none */
const char *ngx_mesh_stats_label(ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set, ngx_uint_t n);

/* 1: the proxy is a virtual gateway */
ngx_uint_t ngx_mesh_stats_gateway(ngx_mesh_stats_t *st);

/*
 * The number of rows of a set, once all are found; some may be gone when they
 * are read.
 */
ngx_uint_t ngx_mesh_stats_rows(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set);

/*
 * Reads a row, unless it was the last one that was read.  NGX_DECLINED: it is
 * gone; NGX_AGAIN: call again, it is made of many.  The row is the pass's, good
 * until the next call.
 */
ngx_int_t ngx_mesh_stats_read(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set,
    ngx_uint_t n, ngx_mesh_stats_row_t **row);


/*
 * The next sample; NGX_AGAIN: there was none in this step, call again;
 * NGX_DONE: that was all; NGX_ERROR: memory is short.  Of each set, BY_ROW goes
 * through the statistics of one row and then of the next; BY_NAME through the
 * rows of one name and then of the next, "first" being set with the first
 * sample of a name.
 */

#define NGX_MESH_STATS_BY_ROW   0
#define NGX_MESH_STATS_BY_NAME  1

#define NGX_MESH_STATS_SCALARS     1
#define NGX_MESH_STATS_HISTOGRAMS  2
#define NGX_MESH_STATS_ALL         3

typedef struct {
    ngx_mesh_stats_t        *pass;
    ngx_uint_t               order;
    ngx_uint_t               types;         /* NGX_MESH_STATS_SCALARS, ... */
    ngx_uint_t               all;           /* sets that are switched off too */
    ngx_uint_t               set;
    ngx_uint_t               row;
    ngx_uint_t               stat;
    ngx_uint_t               group;         /* statistic its name begins with */
    ngx_uint_t               told;          /* to be set by who writes the
                                               first sample of a name */
} ngx_mesh_stats_iterator_t;

ngx_int_t ngx_mesh_stats_next(ngx_mesh_stats_iterator_t *it,
    ngx_mesh_stats_sample_t *sample);


/* --- ngx_mesh_stats_proxy.c --- */

/* by the master when it has read a configuration: since when it runs */
void ngx_mesh_stats_init(void);


/* --- ngx_mesh_stats_print.c: these write up to "last", return the end --- */

/* "cluster.NAME.upstream_rq_2xx" */
u_char *ngx_mesh_stats_text_name(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample);

/* "cluster.upstream_rq_xx": the same without labels and tags */
u_char *ngx_mesh_stats_bare_name(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample);

/* "envoy_cluster_upstream_rq_xx" */
u_char *ngx_mesh_stats_prometheus_name(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample);

/* "# HELP" and "# TYPE" */
u_char *ngx_mesh_stats_prometheus_head(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample);

/*
 * One line; of a histogram there are NGX_MESH_METRICS_BUCKETS + 2, "line" says
 * which.
 */
u_char *ngx_mesh_stats_prometheus_line(u_char *p, u_char *last,
    ngx_mesh_stats_t *st, ngx_mesh_stats_sample_t *sample, ngx_uint_t line);

#define NGX_MESH_STATS_LINES  (NGX_MESH_METRICS_BUCKETS + 2)

/* " P0(nan,1) P25(nan,2.5) ...", with linear interpolation in a bucket */
u_char *ngx_mesh_stats_text_quantiles(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample);

/* a number, as short as may be */
u_char *ngx_mesh_stats_number(u_char *p, u_char *last, double n);

/* by what its milliseconds are told: 1, or 0.001 where its name says so */
double ngx_mesh_stats_scale(ngx_mesh_stat_t *stat);

/* the quantiles that the pages tell, and their number */
extern const double  ngx_mesh_stats_quantiles[];
#define NGX_MESH_STATS_QUANTILES  10

/* the value below which "q" (0 to 1) of a histogram lie; -1 of an empty one */
double ngx_mesh_stats_quantile(const uint64_t *histogram, double q);

/* how many values a histogram has */
uint64_t ngx_mesh_stats_count(const uint64_t *histogram);

/*
 * One value for each bucket, such that the sum is that of the histogram where
 * that is possible: an error of at most the width of the bucket.
 */
void ngx_mesh_stats_spread(const uint64_t *histogram,
    double values[NGX_MESH_METRICS_BUCKETS]);


#endif /* _NGX_MESH_STATS_H_INCLUDED_ */
