
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The parts of the prober: when to check and what follows from it
 * (ngx_mesh_prober.c), whom (ngx_mesh_prober_targets.c), and one check
 * (ngx_mesh_prober_probe.c).  All of it lives in one worker.
 */


#ifndef _NGX_MESH_PROBER_PARTS_H_INCLUDED_
#define _NGX_MESH_PROBER_PARTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh.h"
#include "ngx_mesh_health.h"
#include "ngx_mesh_prober.h"
#include "ngx_mesh_prober_answer.h"
#include "ngx_mesh_snapshot.h"


#if (NGX_HAVE_INET6)
#define NGX_MESH_PROBER_SOCKADDR  sizeof(struct sockaddr_in6)
#else
#define NGX_MESH_PROBER_SOCKADDR  sizeof(struct sockaddr_in)
#endif


typedef struct ngx_mesh_prober_s         ngx_mesh_prober_t;
typedef struct ngx_mesh_prober_target_s  ngx_mesh_prober_target_t;
typedef struct ngx_mesh_probe_s          ngx_mesh_probe_t;


/* how the endpoints of one cluster are checked, as of one document */

typedef struct {
    ngx_pool_t                    *pool;    /* it is in there itself */
    ngx_uint_t                     refs;    /* of targets and probes */
    ngx_str_t                      cluster; /* its name */
    ngx_mesh_metrics_row_t        *metrics; /* of the cluster */
    ngx_str_t                      request;
    ngx_mesh_protocol_e            protocol;
    ngx_msec_t                     interval;
    ngx_msec_t                     timeout;
    ngx_mesh_health_thresholds_t   thresholds;
} ngx_mesh_prober_check_t;


/* an endpoint that is checked */

struct ngx_mesh_prober_target_s {
    ngx_rbtree_node_t              due;     /* in the schedule, by time */
    ngx_mesh_prober_target_t      *next;    /* in the bucket */
    uint64_t                       key;     /* of the row */
    uint32_t                       row;
    uint32_t                       turn;    /* that saw it last */
    ngx_mesh_prober_check_t       *check;
    ngx_mesh_probe_t              *probe;   /* running, or NULL */
    socklen_t                      socklen;
    ngx_str_t                      name;
    u_char                         sockaddr[NGX_MESH_PROBER_SOCKADDR];
    u_char                         text[NGX_SOCKADDR_STRLEN];

    unsigned                       scheduled:1;
};


struct ngx_mesh_prober_s {
    void                          *ident[4];    /* for the log of timers */

    ngx_mesh_conf_t               *mcf;     /* NULL: not started */
    ngx_log_t                     *log;
    ngx_log_t                      quiet;   /* of connections */
    ngx_event_t                    timer;

    ngx_queue_t                    probes;  /* running */
    ngx_uint_t                     nprobes;
    ngx_uint_t                     max;     /* of them */

    ngx_rbtree_t                   schedule;
    ngx_rbtree_node_t              sentinel;
    ngx_mesh_prober_target_t     **buckets;
    ngx_uint_t                     mask;
    ngx_uint_t                     ntargets;

    /* the document that targets are of, and the walk through it */
    ngx_atomic_uint_t              seq;
    uint32_t                       turn;
    ngx_mesh_snapshot_t           *snapshot;    /* NULL: it is over */
    ngx_array_t                    clusters;    /* ngx_mesh_cluster_t * */
    ngx_uint_t                     cluster;
    uint32_t                       endpoint;
    ngx_mesh_prober_check_t       *check;   /* of that cluster, or NULL */

    unsigned                       holds:1; /* the lease */
};


struct ngx_mesh_probe_s {
    void                          *ident[4];

    ngx_mesh_prober_t             *prober;
    ngx_mesh_prober_target_t      *target;
    ngx_mesh_prober_check_t       *check;
    ngx_queue_t                    queue;
    ngx_connection_t              *connection;
    ngx_event_t                    timeout;

    u_char                        *pos;     /* of what is to be sent */
    u_char                        *last;
    u_char                         reason[NGX_MESH_PROBER_REASON * 2];

    union {
        ngx_mesh_prober_http_t     http;
        ngx_mesh_prober_h2_t       h2;
    } u;

    unsigned                       connected:1;
    unsigned                       replying:1;  /* "pos" is in u.h2.out */
};


/* --- ngx_mesh_prober.c --- */

void ngx_mesh_prober_schedule(ngx_mesh_prober_t *pr,
    ngx_mesh_prober_target_t *target, ngx_msec_t delay);

/*
 * A check is over, and its probe no longer the target's.  "reason" tells why
 * it did not pass.
 */
void ngx_mesh_prober_result(ngx_mesh_prober_t *pr,
    ngx_mesh_prober_target_t *target, ngx_mesh_check_result_e result,
    u_char *reason);

/* --- ngx_mesh_prober_targets.c --- */

/* goes on towards the document in force; NGX_AGAIN: there is more to do */
ngx_int_t ngx_mesh_prober_follow(ngx_mesh_prober_t *pr);

/* ends all checks and forgets all targets, without a change of their state */
void ngx_mesh_prober_forget(ngx_mesh_prober_t *pr);

void ngx_mesh_prober_check_free(ngx_mesh_prober_check_t *check);

/* --- ngx_mesh_prober_probe.c --- */

/*
 * Starts a check; its result may come before this returns.  NGX_ERROR: there
 * is none, for reasons of our own.
 */
ngx_int_t ngx_mesh_probe_start(ngx_mesh_prober_t *pr,
    ngx_mesh_prober_target_t *target);

/* ends it without a result */
void ngx_mesh_probe_cancel(ngx_mesh_probe_t *probe);


#endif /* _NGX_MESH_PROBER_PARTS_H_INCLUDED_ */
