
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Statistics of clusters: those of the model in force, with the endpoints they
 * have now, and those of which there still are counts.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_balance.h"
#include "ngx_mesh_limit.h"
#include "ngx_mesh_metrics_model.h"
#include "ngx_mesh_stats_parts.h"


#define NGX_MESH_STATS_LABEL  511           /* bytes kept of one by metrics */


static ngx_int_t ngx_mesh_stats_add_cluster(ngx_mesh_stats_t *st,
    ngx_mesh_cluster_t *cluster, ngx_uint_t app);
static void ngx_mesh_stats_members(ngx_mesh_stats_t *st,
    ngx_mesh_cluster_t *cluster);
static void ngx_mesh_stats_limits(ngx_mesh_stats_t *st,
    ngx_mesh_cluster_t *cluster);


/* the nodes of the model and their listeners, and those of the application */

ngx_int_t
ngx_mesh_stats_find_cluster(ngx_mesh_stats_t *st)
{
    ngx_uint_t                app;
    ngx_mesh_model_t         *model;
    ngx_mesh_cluster_t       *clusters;
    ngx_mesh_virtual_node_t  *node;

    if (st->snapshot == NULL) {
        return NGX_OK;
    }

    model = st->snapshot->model;

    if (st->index == 0 && st->listener == 0) {
        st->proxy[NGX_MESH_STATS_CLUSTERS] = 0;
        st->proxy[NGX_MESH_STATS_ENDPOINTS] = model->nendpoints;
    }

    app = (st->index == model->nnodes);

    if (st->index > model->nnodes || (app && st->snapshot->app == NULL)) {
        return NGX_OK;
    }

    node = app ? model->node : &model->nodes[st->index];
    clusters = app ? st->snapshot->app : node->clusters;

    if (st->listener == node->listeners.nelts) {
        st->listener = 0;
        st->index++;
        return NGX_AGAIN;
    }

    if (ngx_mesh_stats_add_cluster(st, &clusters[st->listener++], app)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    st->proxy[NGX_MESH_STATS_CLUSTERS]++;

    return NGX_AGAIN;
}


/* of two with the same name one has the counts and the other the endpoints */

static ngx_int_t
ngx_mesh_stats_add_cluster(ngx_mesh_stats_t *st, ngx_mesh_cluster_t *cluster,
    ngx_uint_t app)
{
    u_char                   text[NGX_MESH_METRICS_CLUSTER_LEN];
    ngx_str_t                labels[NGX_MESH_STATS_LABELS];
    ngx_mesh_stats_entry_t  *entry;

    ngx_memzero(labels, sizeof(labels));

    /* labels of metrics are cut to that length */

    labels[0].data = text;
    ngx_mesh_metrics_cluster_name(st->snapshot->model, cluster, app,
                                  &labels[0]);
    labels[0].len = ngx_min(labels[0].len, NGX_MESH_STATS_LABEL);

    entry = ngx_mesh_stats_found(st, labels);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    if (entry->cluster == NULL) {
        entry->kind = NGX_MESH_METRICS_CLUSTER;
        entry->cluster = cluster;
        entry->app = app;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_stats_read_cluster(ngx_mesh_stats_t *st,
    ngx_mesh_stats_entry_t *entry)
{
    uint64_t    *v;
    ngx_uint_t   i, counted;

    v = st->values;

    for (i = 0; i < NGX_MESH_STATS_CLUSTER_VALUES; i++) {
        v[i] = NGX_MESH_STATS_ABSENT;
    }

    counted = (entry->counted
               && ngx_mesh_stats_read_metrics(st, entry, v) == NGX_OK);

    if (!counted) {

        if (entry->cluster == NULL) {
            return NGX_DECLINED;
        }

        /* no room for a row: what happens is in the overflow row */

        for (i = 0; i < NGX_MESH_CLUSTER_VALUES; i++) {
            v[i] = NGX_MESH_STATS_ABSENT;
        }
    }

    st->row.values = v;

    if (entry->cluster == NULL) {
        return NGX_OK;
    }

    if (entry->app) {
        ngx_mesh_stats_limits(st, entry->cluster);

    } else {
        ngx_mesh_stats_members(st, entry->cluster);
    }

    return NGX_OK;
}


/* what a listener does not have is not told, as Envoy does it */

static void
ngx_mesh_stats_members(ngx_mesh_stats_t *st, ngx_mesh_cluster_t *cluster)
{
    uint64_t  *v;

    v = st->values;

    ngx_mesh_balance_refresh(cluster, st->mcf->shm, ngx_current_msec);

    v[NGX_MESH_STATS_MEMBERSHIP_TOTAL] = cluster->nendpoints;
    v[NGX_MESH_STATS_MEMBERSHIP_HEALTHY] = cluster->neligible
                                           - cluster->nmissing;

    if (cluster->listener->outlier_detection) {
        v[NGX_MESH_STATS_EJECTIONS_ACTIVE] = cluster->nejected;

    } else {
        v[NGX_MESH_CLUSTER_EJECTIONS] = NGX_MESH_STATS_ABSENT;
    }

    if (cluster->listener->health_check == NULL) {
        v[NGX_MESH_CLUSTER_HC_ATTEMPT] = NGX_MESH_STATS_ABSENT;
        v[NGX_MESH_CLUSTER_HC_SUCCESS] = NGX_MESH_STATS_ABSENT;
        v[NGX_MESH_CLUSTER_HC_FAILURE] = NGX_MESH_STATS_ABSENT;
    }
}


/* the application has no checks and no detection, but may have limits */

static void
ngx_mesh_stats_limits(ngx_mesh_stats_t *st, ngx_mesh_cluster_t *cluster)
{
    uint64_t                 *v, open;
    ngx_mesh_limit_t         *limit;
    ngx_mesh_limit_bounds_t   bounds;

    v = st->values;

    v[NGX_MESH_CLUSTER_EJECTIONS] = NGX_MESH_STATS_ABSENT;
    v[NGX_MESH_CLUSTER_HC_ATTEMPT] = NGX_MESH_STATS_ABSENT;
    v[NGX_MESH_CLUSTER_HC_SUCCESS] = NGX_MESH_STATS_ABSENT;
    v[NGX_MESH_CLUSTER_HC_FAILURE] = NGX_MESH_STATS_ABSENT;

    limit = ngx_mesh_shm_limit(st->mcf->shm, cluster->limit,
                               cluster->endpoints->key);
    if (limit == NULL) {
        return;
    }

    ngx_mesh_limit_bounds(cluster->listener, &bounds);

    if (bounds.active) {
        open = (limit->active >= bounds.active);

        if (cluster->listener->protocol == NGX_MESH_HTTP) {
            v[NGX_MESH_STATS_CX_OPEN] = open;

        } else {
            v[NGX_MESH_STATS_RQ_OPEN] = open;
        }
    }

    if (bounds.pending) {
        v[NGX_MESH_STATS_PENDING_OPEN] = (limit->pending >= bounds.pending);
    }
}
