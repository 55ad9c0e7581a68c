
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The access log of the spec, in a worker: each second its file is seen to,
 * with or without requests.  And which requests are wanted in it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_log.h"
#include "ngx_mesh_log_file.h"
#include "ngx_mesh_log_format.h"
#include "ngx_mesh_metrics.h"
#include "ngx_mesh_snapshot.h"


#define NGX_MESH_LOG_INTERVAL  1000


static void ngx_mesh_log_timer(ngx_event_t *ev);


static ngx_event_t       ngx_mesh_log_event;
static ngx_connection_t  ngx_mesh_log_connection;   /* for its log */


void
ngx_mesh_log_init(ngx_cycle_t *cycle, ngx_mesh_log_conf_t *conf)
{
    if (conf->used) {
        ngx_mesh_log_file_init(cycle);
    }
}


void
ngx_mesh_log_init_worker(ngx_cycle_t *cycle, ngx_mesh_log_conf_t *conf,
    uint64_t *row)
{
    ngx_event_t  *ev;

    if (!conf->used) {
        return;
    }

    ngx_mesh_log_file_init_worker(cycle, &row[NGX_MESH_SERVER_LOG_WRITTEN],
                                  &row[NGX_MESH_SERVER_LOG_DROPPED]);

    ev = &ngx_mesh_log_event;
    ngx_memzero(ev, sizeof(ngx_event_t));

    ngx_mesh_log_connection.fd = (ngx_socket_t) -1;

    ev->handler = ngx_mesh_log_timer;
    ev->data = &ngx_mesh_log_connection;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_MESH_LOG_INTERVAL);
}


void
ngx_mesh_log_exit_worker(void)
{
    if (ngx_mesh_log_event.timer_set) {
        ngx_del_timer(&ngx_mesh_log_event);
    }

    ngx_mesh_log_file_exit_worker();
}


static void
ngx_mesh_log_timer(ngx_event_t *ev)
{
    ngx_mesh_log_t       *log;
    ngx_mesh_snapshot_t  *snapshot;

    snapshot = ngx_mesh_snapshot_current();
    log = snapshot ? snapshot->model->log : NULL;

    ngx_mesh_log_file_tick(log ? &log->path : NULL);

    if (!ngx_exiting) {
        ngx_add_timer(ev, NGX_MESH_LOG_INTERVAL);
    }
}


ngx_uint_t
ngx_mesh_log_wanted(ngx_mesh_log_conf_t *conf, ngx_uint_t status,
    ngx_msec_t duration, ngx_uint_t sampled)
{
    ngx_uint_t              i, k;
    ngx_mesh_log_range_t   *range;
    ngx_mesh_log_filter_t  *filter;

    if (conf->filters == NULL) {
        return 1;
    }

    filter = conf->filters->elts;

    for (i = 0; i < conf->filters->nelts; i++) {

        if (duration < filter[i].duration
            || (filter[i].sampled && !sampled))
        {
            continue;
        }

        if (filter[i].statuses == NULL) {
            return 1;
        }

        range = filter[i].statuses->elts;

        for (k = 0; k < filter[i].statuses->nelts; k++) {
            if (status >= range[k].first && status <= range[k].last) {
                return 1;
            }
        }
    }

    return 0;
}
