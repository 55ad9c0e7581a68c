
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Outlier detection over the shared rows of endpoints, by the rules of Envoy
 * (source/common/upstream/outlier_detection_impl.cc) without the separation of
 * errors by origin, as App Mesh ran it: an answer of 5xx and none at all count
 * alike.
 *
 * Errors are counted without a lock.  Only when they are too many, which is
 * once for so many errors, the mutex of the zone is taken: it makes the limit
 * exact for all workers and an ejection happen once, and if its holder is
 * killed nginx frees it.  There is no count of ejections that could go wrong,
 * the limit is checked against the rows themselves.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_balance.h"
#include "ngx_mesh_outlier.h"
#include "ngx_mesh_snapshot.h"


/* how often a worker looks whether a sweep is due */
#define NGX_MESH_OUTLIER_TICK  250


typedef struct {
    void                    *ident[4];      /* as of a connection, for logs */
    ngx_mesh_conf_t         *conf;          /* NULL: the worker has no mesh */
    ngx_event_t              timer;
} ngx_mesh_outlier_worker_t;


static ngx_int_t ngx_mesh_outlier_eject(ngx_mesh_shm_t *shm,
    ngx_mesh_cluster_t *cluster, ngx_mesh_row_t *row, uint64_t key,
    ngx_msec_t now, ngx_mesh_ejection_t *e);
static ngx_uint_t ngx_mesh_outlier_due(ngx_mesh_row_t *row,
    ngx_msec_t interval, ngx_msec_t now);
static ngx_uint_t ngx_mesh_outlier_review(ngx_mesh_shm_t *shm,
    ngx_mesh_row_t *row, uint64_t key, ngx_msec_t now);
static void ngx_mesh_outlier_timer_handler(ngx_event_t *ev);


static ngx_mesh_outlier_worker_t  ngx_mesh_outlier_worker;


ngx_uint_t
ngx_mesh_outlier_allows(ngx_mesh_outlier_detection_t *od, uint32_t n,
    uint32_t nejected)
{
    return nejected == 0
           || ((uint64_t) nejected + 1) * 100
              <= (uint64_t) n * od->max_ejection_percent;
}


ngx_msec_t
ngx_mesh_outlier_time(ngx_mesh_outlier_detection_t *od, ngx_uint_t multiplier)
{
    ngx_msec_t  longest;

    longest = ngx_max(NGX_MESH_OUTLIER_LONGEST, od->base_ejection_ms);

    if (od->base_ejection_ms
        && multiplier > longest / od->base_ejection_ms)
    {
        return longest;
    }

    return od->base_ejection_ms * multiplier;
}


void
ngx_mesh_outlier_success(ngx_mesh_shm_t *shm, ngx_mesh_endpoint_t *ep)
{
    ngx_mesh_row_t  *row;

    row = ngx_mesh_shm_row(shm, ep->row, ep->key);

    /* mostly there is nothing to write, the line stays shared */

    if (row && row->errors) {
        row->errors = 0;
    }
}


ngx_int_t
ngx_mesh_outlier_failure(ngx_mesh_shm_t *shm, ngx_mesh_cluster_t *cluster,
    ngx_mesh_endpoint_t *ep, ngx_msec_t now, ngx_mesh_ejection_t *e)
{
    ngx_int_t                      rc;
    ngx_mesh_row_t                *row;
    ngx_mesh_outlier_detection_t  *od;

    od = cluster->listener->outlier_detection;
    row = ngx_mesh_shm_row(shm, ep->row, ep->key);

    if (row == NULL) {
        return NGX_DECLINED;
    }

    e->errors = ngx_atomic_fetch_add(&row->errors, 1) + 1;

    if (e->errors < od->max_server_errors || row->ejected) {
        return NGX_DECLINED;
    }

    ngx_mesh_balance_refresh(cluster, shm, now);

    if (!ngx_mesh_outlier_allows(od, cluster->neligible, cluster->nejected)) {

        /* as Envoy does, asked again after as many errors */

        row->errors = 0;
        (void) ngx_atomic_fetch_add(&row->overflows, 1);

        return NGX_DECLINED;
    }

    ngx_mesh_shm_lock(shm);

    ngx_mesh_balance_refresh(cluster, shm, now);
    rc = ngx_mesh_outlier_eject(shm, cluster, row, ep->key, now, e);

    ngx_mesh_shm_unlock(shm);

    return rc;
}


/* another worker may have been faster, or taken the last place */

static ngx_int_t
ngx_mesh_outlier_eject(ngx_mesh_shm_t *shm, ngx_mesh_cluster_t *cluster,
    ngx_mesh_row_t *row, uint64_t key, ngx_msec_t now, ngx_mesh_ejection_t *e)
{
    ngx_mesh_outlier_detection_t  *od;

    od = cluster->listener->outlier_detection;

    if (row->key != key
        || row->ejected
        || row->errors < od->max_server_errors
        || !ngx_mesh_outlier_allows(od, cluster->neligible, cluster->nejected))
    {
        return NGX_DECLINED;
    }

    /* the time does not grow any more when it is the longest one */

    if (ngx_mesh_outlier_time(od, row->multiplier)
        < ngx_max(NGX_MESH_OUTLIER_LONGEST, od->base_ejection_ms))
    {
        row->multiplier++;
    }

    e->time = ngx_mesh_outlier_time(od, row->multiplier);
    e->nejected = cluster->nejected + 1;

    ngx_mesh_row_eject(shm, row, now, now + e->time);

    return NGX_OK;
}


void
ngx_mesh_outlier_sweep(ngx_mesh_shm_t *shm, ngx_mesh_cluster_t *cluster,
    ngx_msec_t now, ngx_log_t *log)
{
    uint32_t              i;
    ngx_msec_t            interval;
    ngx_uint_t            calm;
    ngx_mesh_row_t       *row;
    ngx_atomic_uint_t     generation;
    ngx_mesh_endpoint_t  *ep;

    /* an ejection makes a new generation */

    generation = ngx_mesh_shm_generation(shm);

    if (cluster->calm == generation) {
        return;
    }

    ngx_memory_barrier();

    interval = cluster->listener->outlier_detection->interval_ms;
    calm = 1;

    for (i = 0; i < cluster->nendpoints; i++) {
        ep = &cluster->endpoints[i];
        row = ngx_mesh_shm_row(shm, ep->row, ep->key);

        if (row == NULL || (row->ejected == 0 && row->multiplier == 0)) {
            continue;
        }

        calm = 0;

        if (ngx_mesh_outlier_due(row, interval, now)
            && ngx_mesh_outlier_review(shm, row, ep->key, now))
        {
            ngx_log_error(NGX_LOG_NOTICE, log, 0,
                          "mesh: endpoint %V of virtual node \"%V\" is used "
                          "again after an ejection",
                          &ep->name, &cluster->node->name);
        }
    }

    if (calm) {
        cluster->calm = generation;
    }
}


/* 1 in one worker, once in an interval; intervals follow the ejection */

static ngx_uint_t
ngx_mesh_outlier_due(ngx_mesh_row_t *row, ngx_msec_t interval, ngx_msec_t now)
{
    ngx_msec_t         past;
    ngx_atomic_uint_t  swept;

    swept = row->swept;
    past = now - swept;
    interval = ngx_max(interval, 1);

    if ((ngx_msec_int_t) past < 0 || past < interval) {
        return 0;
    }

    return ngx_atomic_cmp_set(&row->swept, swept, now - past % interval);
}


/* 1: the endpoint was returned */

static ngx_uint_t
ngx_mesh_outlier_review(ngx_mesh_shm_t *shm, ngx_mesh_row_t *row,
    uint64_t key, ngx_msec_t now)
{
    ngx_uint_t  returned;

    returned = 0;

    ngx_mesh_shm_lock(shm);

    if (row->key != key) {
        /* it was given to another endpoint */

    } else if (row->ejected) {

        if ((ngx_msec_int_t) (now - row->ejected) >= 0) {
            ngx_mesh_row_return(shm, row, now);
            returned = 1;
        }

    } else if (row->multiplier) {
        row->multiplier--;
    }

    ngx_mesh_shm_unlock(shm);

    return returned;
}


void
ngx_mesh_outlier_init_worker(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf)
{
    ngx_event_t                *ev;
    ngx_mesh_outlier_worker_t  *w;

    w = &ngx_mesh_outlier_worker;

    ngx_memzero(w, sizeof(ngx_mesh_outlier_worker_t));

    w->conf = mcf;
    w->ident[3] = (void *) -1;

    ev = &w->timer;
    ev->handler = ngx_mesh_outlier_timer_handler;
    ev->data = w->ident;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_MESH_OUTLIER_TICK);
}


void
ngx_mesh_outlier_exit_worker(void)
{
    if (ngx_mesh_outlier_worker.timer.timer_set) {
        ngx_del_timer(&ngx_mesh_outlier_worker.timer);
    }

    ngx_mesh_outlier_worker.conf = NULL;
}


static void
ngx_mesh_outlier_timer_handler(ngx_event_t *ev)
{
    ngx_uint_t                i, n;
    ngx_mesh_model_t         *model;
    ngx_mesh_snapshot_t      *snapshot;
    ngx_mesh_virtual_node_t  *node;

    snapshot = ngx_mesh_snapshot_current();

    if (snapshot) {
        model = snapshot->model;

        for (n = 0; n < model->nnodes; n++) {
            node = &model->nodes[n];

            for (i = 0; i < node->listeners.nelts; i++) {

                if (node->clusters[i].listener->outlier_detection) {
                    ngx_mesh_outlier_sweep(ngx_mesh_outlier_worker.conf->shm,
                                           &node->clusters[i],
                                           ngx_current_msec, ev->log);
                }
            }
        }
    }

    if (!ngx_exiting) {
        ngx_add_timer(ev, NGX_MESH_OUTLIER_TICK);
    }
}
