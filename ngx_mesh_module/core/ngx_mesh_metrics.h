
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Metrics in shared memory.
 *
 * A row is the values of one thing: a target, a cluster, a direction, a
 * listening address.  Its kind says which values there are.  Each worker has a
 * shard, a copy of all rows that only it writes, so that counting is adding to
 * memory of its own, without a lock or an atomic; who reads adds the shards
 * up.  The shard of a worker that ended or crashed stays and goes on with the
 * next one, so no count is lost; its gauges begin at 0 again.
 *
 * Rows are made when a worker prepares a model, never by a request.  Their
 * number is limited by the size of the zone.  What finds no room is counted in
 * one more row of its kind, the overflow row, which always exists; so sums are
 * right all the same.  Rows of what left the mesh stay until their room is
 * needed, and appear in the output as long as it is theirs.
 */


#ifndef _NGX_MESH_METRICS_H_INCLUDED_
#define _NGX_MESH_METRICS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Histograms are of milliseconds, with the bounds that Envoy has by default;
 * the last bucket is for what exceeds all of them.
 */

#define NGX_MESH_METRICS_BOUNDS   19
#define NGX_MESH_METRICS_BUCKETS  (NGX_MESH_METRICS_BOUNDS + 1)

extern const double    ngx_mesh_metrics_bounds[NGX_MESH_METRICS_BOUNDS];

/* the same for whole milliseconds */
extern const uint32_t  ngx_mesh_metrics_limits[NGX_MESH_METRICS_BOUNDS];

/* a histogram takes that many values: buckets, not cumulated, and their sum */
#define NGX_MESH_METRICS_HISTOGRAM  (NGX_MESH_METRICS_BUCKETS + 1)


typedef enum {
    NGX_MESH_METRICS_SERVER = 0,    /* one row, no labels */
    NGX_MESH_METRICS_HTTP,          /* prefix: "ingress", "egress" */
    NGX_MESH_METRICS_LISTENER,      /* address: "0.0.0.0_15000" */
    NGX_MESH_METRICS_CLUSTER,       /* name: "cds_egress_mesh_node_http_80" */
    NGX_MESH_METRICS_TARGET,        /* service, router, route, node */
    NGX_MESH_METRICS_KINDS
} ngx_mesh_metrics_kind_e;

#define NGX_MESH_METRICS_LABELS  4


/* values of NGX_MESH_METRICS_SERVER */

typedef enum {
    NGX_MESH_SERVER_TRACE_SENT = 0,     /* segments and spans given away */
    NGX_MESH_SERVER_TRACE_DROPPED,      /* lost: nobody there, no room */
    NGX_MESH_SERVER_TRACE_SAMPLED,      /* requests */
    NGX_MESH_SERVER_LOG_WRITTEN,        /* lines of access logs */
    NGX_MESH_SERVER_LOG_DROPPED,
    NGX_MESH_SERVER_STATSD_SENT,        /* datagrams */
    NGX_MESH_SERVER_STATSD_DROPPED,
    NGX_MESH_SERVER_EMF_DROPPED,        /* documents */
    NGX_MESH_SERVER_STATSD_SKIPPED,     /* lines that cannot be told */
    NGX_MESH_SERVER_EJECTIONS,
    NGX_MESH_SERVER_DRAINS,
    NGX_MESH_SERVER_WORKER_STARTS,
    NGX_MESH_SERVER_VALUES
} ngx_mesh_metrics_server_e;


/* of NGX_MESH_METRICS_HTTP: requests as clients see them */

typedef enum {
    NGX_MESH_HTTP_RQ_TOTAL = 0,
    NGX_MESH_HTTP_RQ_ACTIVE,            /* gauge */
    NGX_MESH_HTTP_RQ_GRPC,
    NGX_MESH_HTTP_RQ_1XX,               /* 1xx to 5xx, in this order; those
                                           without an answer are in none */
    NGX_MESH_HTTP_RQ_2XX,
    NGX_MESH_HTTP_RQ_3XX,
    NGX_MESH_HTTP_RQ_4XX,
    NGX_MESH_HTTP_RQ_5XX,
    NGX_MESH_HTTP_RQ_RESET,             /* the client went away */
    NGX_MESH_HTTP_NO_ROUTE,
    NGX_MESH_HTTP_RX_BYTES,             /* of requests and answers, headers */
    NGX_MESH_HTTP_TX_BYTES,             /* and upgraded connections too */
    NGX_MESH_HTTP_RQ_TIME,              /* histogram */
    NGX_MESH_HTTP_VALUES = NGX_MESH_HTTP_RQ_TIME + NGX_MESH_METRICS_HISTOGRAM
} ngx_mesh_metrics_http_e;


/* of NGX_MESH_METRICS_LISTENER: connections that sent a request */

typedef enum {
    NGX_MESH_LISTENER_CX_TOTAL = 0,
    NGX_MESH_LISTENER_CX_ACTIVE,        /* gauge */
    NGX_MESH_LISTENER_SSL_HANDSHAKE,
    NGX_MESH_LISTENER_SSL_REUSED,
    NGX_MESH_LISTENER_CX_LENGTH,        /* histogram */
    NGX_MESH_LISTENER_VALUES = NGX_MESH_LISTENER_CX_LENGTH
                               + NGX_MESH_METRICS_HISTOGRAM
} ngx_mesh_metrics_listener_e;


/* of NGX_MESH_METRICS_CLUSTER: attempts */

typedef enum {
    NGX_MESH_CLUSTER_RQ_TOTAL = 0,
    NGX_MESH_CLUSTER_RQ_ACTIVE,         /* gauge */
    NGX_MESH_CLUSTER_RQ_1XX,
    NGX_MESH_CLUSTER_RQ_2XX,
    NGX_MESH_CLUSTER_RQ_3XX,
    NGX_MESH_CLUSTER_RQ_4XX,
    NGX_MESH_CLUSTER_RQ_5XX,
    NGX_MESH_CLUSTER_RQ_TIMEOUT,        /* of requests */
    NGX_MESH_CLUSTER_RQ_PER_TRY_TIMEOUT,
    NGX_MESH_CLUSTER_RQ_RX_RESET,       /* no answer, or not all of it */
    NGX_MESH_CLUSTER_RQ_CANCELLED,      /* the client went away */
    NGX_MESH_CLUSTER_RQ_RETRY,
    NGX_MESH_CLUSTER_RQ_RETRY_SUCCESS,
    NGX_MESH_CLUSTER_RQ_RETRY_LIMIT,    /* not retried: no retries left */
    NGX_MESH_CLUSTER_RQ_RETRY_OVERFLOW, /* ... no budget left */
    NGX_MESH_CLUSTER_RQ_PENDING_ACTIVE, /* gauge: wait for connectionPool */
    NGX_MESH_CLUSTER_RQ_PENDING_TOTAL,
    NGX_MESH_CLUSTER_RQ_PENDING_OVERFLOW,
    NGX_MESH_CLUSTER_NONE_HEALTHY,      /* requests that found no endpoint */
    NGX_MESH_CLUSTER_CX_TOTAL,
    NGX_MESH_CLUSTER_CX_ACTIVE,         /* gauge: in use */
    NGX_MESH_CLUSTER_CX_CONNECT_FAIL,
    NGX_MESH_CLUSTER_CX_CONNECT_TIMEOUT,
    NGX_MESH_CLUSTER_CX_RX_BYTES,
    NGX_MESH_CLUSTER_CX_TX_BYTES,
    NGX_MESH_CLUSTER_LB_PANIC,          /* attempts in panic */
    NGX_MESH_CLUSTER_HC_ATTEMPT,
    NGX_MESH_CLUSTER_HC_SUCCESS,
    NGX_MESH_CLUSTER_HC_FAILURE,
    NGX_MESH_CLUSTER_EJECTIONS,
    NGX_MESH_CLUSTER_RQ_TIME,           /* histogram, of requests */
    NGX_MESH_CLUSTER_VALUES = NGX_MESH_CLUSTER_RQ_TIME
                              + NGX_MESH_METRICS_HISTOGRAM
} ngx_mesh_metrics_cluster_e;


/* of NGX_MESH_METRICS_TARGET: requests that a route sent to a node */

typedef enum {
    NGX_MESH_TARGET_RQ_TOTAL = 0,
    NGX_MESH_TARGET_RQ_1XX,
    NGX_MESH_TARGET_RQ_2XX,
    NGX_MESH_TARGET_RQ_3XX,
    NGX_MESH_TARGET_RQ_4XX,
    NGX_MESH_TARGET_RQ_5XX,
    NGX_MESH_TARGET_RETRIES,
    NGX_MESH_TARGET_BYTES,              /* both ways */
    NGX_MESH_TARGET_RQ_TIME,            /* histogram: from sending the request
                                           to the end of the answer */
    NGX_MESH_TARGET_VALUES = NGX_MESH_TARGET_RQ_TIME
                             + NGX_MESH_METRICS_HISTOGRAM
} ngx_mesh_metrics_target_e;


/*
 * This worker's values of a row; never NULL: while there are no metrics it is
 * memory that nobody reads.
 */
typedef uint64_t  ngx_mesh_metrics_row_t;

#define ngx_mesh_metrics_add(row, value, n)   (row)[value] += (n)

/* the bucket of "ms" */

static ngx_inline ngx_uint_t
ngx_mesh_metrics_bucket(ngx_msec_t ms)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESH_METRICS_BOUNDS; i++) {
        if (ms <= ngx_mesh_metrics_limits[i]) {
            break;
        }
    }

    return i;
}


/* "ms", which is in "bucket", into the histogram that begins at "value" */

#define ngx_mesh_metrics_observe(row, value, bucket, ms)                      \
    (row)[(value) + (bucket)]++;                                              \
    (row)[(value) + NGX_MESH_METRICS_BUCKETS] += (ms)


typedef struct ngx_mesh_metrics_s  ngx_mesh_metrics_t;

/*
 * Declares the zone "mesh_metrics" of "size" bytes; NULL after an error was
 * logged.  With 0 there is no zone, and all rows are the one that nobody reads.
 */
ngx_mesh_metrics_t *ngx_mesh_metrics_create(ngx_conf_t *cf, size_t size);

/* a handle on a slab pool that is ready, in each process; for tests */
ngx_mesh_metrics_t *ngx_mesh_metrics_attach(ngx_pool_t *pool,
    ngx_slab_pool_t *shpool);

/* by each worker, before it prepares a model, and when it ends */
void ngx_mesh_metrics_init_worker(ngx_mesh_metrics_t *m, ngx_log_t *log);
void ngx_mesh_metrics_exit_worker(ngx_mesh_metrics_t *m);

/*
 * The row with these labels (as many as the kind has; copied), made if there is
 * none.  Takes the zone's mutex: for when models are prepared, not for
 * requests.  It is the caller's until released, and may be counted in by this
 * worker only.
 */
ngx_mesh_metrics_row_t *ngx_mesh_metrics_row(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, ngx_str_t *labels);

void ngx_mesh_metrics_release(ngx_mesh_metrics_row_t *row);

/* the row of NGX_MESH_METRICS_SERVER, in each worker; never NULL */
extern ngx_mesh_metrics_row_t  *ngx_mesh_metrics_server;

/* memory that nobody reads: in the place of a row that is not there (yet) */
extern ngx_mesh_metrics_row_t  ngx_mesh_metrics_unread[];

#define ngx_mesh_metrics_nobody()  (&ngx_mesh_metrics_unread[1])


/*
 * Reading, in any worker: "index" begins at 0 and is moved on; NGX_DONE after
 * the last row.  Labels are those of "m" and stay until the next call; values
 * are sums over all workers, gauges over living ones.  "overflow": what found
 * no room, the last row, and only if there is something; without "values" it
 * is always there.  One row costs a lock and a look at each worker: who reads
 * thousands does it in steps.
 */

typedef struct {
    ngx_mesh_metrics_kind_e  kind;
    ngx_str_t                labels[NGX_MESH_METRICS_LABELS];
    ngx_uint_t               at;            /* the row, for reread() */
    uint64_t                 key;           /* of its labels */
    ngx_uint_t               overflow;
    uint64_t                *values;        /* room for all, of the caller; or
                                               NULL */
} ngx_mesh_metrics_read_t;

ngx_int_t ngx_mesh_metrics_read(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, ngx_uint_t *index,
    ngx_mesh_metrics_read_t *row);

/*
 * The values of a row that was read before, which was "at" there and had that
 * key.  NGX_DECLINED: it is another's by now, or an overflow row without
 * anything in it.
 */
ngx_int_t ngx_mesh_metrics_reread(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, ngx_uint_t at, uint64_t key,
    uint64_t *values);

/*
 * The sum over all workers of one value of a row that this worker has; without
 * a lock, for requests.  NGX_DECLINED: it is an overflow row, or that nobody
 * reads, and "total" is 0.
 */
ngx_int_t ngx_mesh_metrics_total(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, ngx_mesh_metrics_row_t *row,
    ngx_uint_t value, uint64_t *total);

/* values of a row of that kind (none has more), and which are gauges */
#define NGX_MESH_METRICS_MAX_VALUES  NGX_MESH_CLUSTER_VALUES

ngx_uint_t ngx_mesh_metrics_values(ngx_mesh_metrics_kind_e kind);
ngx_uint_t ngx_mesh_metrics_is_gauge(ngx_mesh_metrics_kind_e kind,
    ngx_uint_t value);


#endif /* _NGX_MESH_METRICS_H_INCLUDED_ */
