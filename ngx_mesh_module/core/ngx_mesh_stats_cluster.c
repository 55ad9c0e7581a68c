
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
static void ngx_mesh_stats_join(ngx_array_t *rows);
static void ngx_mesh_stats_members(ngx_mesh_stats_t *st,
    ngx_mesh_cluster_t *cluster);
static void ngx_mesh_stats_limits(ngx_mesh_stats_t *st,
    ngx_mesh_cluster_t *cluster);


ngx_int_t
ngx_mesh_stats_clusters(ngx_mesh_stats_t *st)
{
    ngx_uint_t                i, k;
    ngx_mesh_model_t         *model;
    ngx_mesh_virtual_node_t  *node;

    if (st->snapshot == NULL) {
        return NGX_OK;
    }

    model = st->snapshot->model;

    for (i = 0; i < model->nnodes; i++) {
        node = &model->nodes[i];

        for (k = 0; k < node->listeners.nelts; k++) {
            if (ngx_mesh_stats_add_cluster(st, &node->clusters[k], 0)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (st->snapshot->app) {
        for (k = 0; k < model->node->listeners.nelts; k++) {
            if (ngx_mesh_stats_add_cluster(st, &st->snapshot->app[k], 1)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    ngx_mesh_stats_sort(&st->rows[NGX_MESH_STATS_CLUSTER]);
    ngx_mesh_stats_join(&st->rows[NGX_MESH_STATS_CLUSTER]);

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_stats_add_cluster(ngx_mesh_stats_t *st, ngx_mesh_cluster_t *cluster,
    ngx_uint_t app)
{
    u_char                   text[NGX_MESH_METRICS_CLUSTER_LEN];
    ngx_str_t                name;
    ngx_mesh_stats_entry_t  *entry;

    entry = ngx_array_push(&st->rows[NGX_MESH_STATS_CLUSTER]);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(entry, sizeof(ngx_mesh_stats_entry_t));

    entry->kind = NGX_MESH_METRICS_CLUSTER;
    entry->cluster = cluster;
    entry->app = app;

    /* labels of metrics are cut to that length */

    name.data = text;
    ngx_mesh_metrics_cluster_name(st->snapshot->model, cluster, app, &name);
    name.len = ngx_min(name.len, NGX_MESH_STATS_LABEL);

    entry->labels[0].len = name.len;
    entry->labels[0].data = ngx_pstrdup(st->pool, &name);

    return entry->labels[0].data ? NGX_OK : NGX_ERROR;
}


/* of two with the same name one has the counts and the other the endpoints */

static void
ngx_mesh_stats_join(ngx_array_t *rows)
{
    ngx_uint_t               i, n;
    ngx_mesh_stats_entry_t  *entry;

    entry = rows->elts;
    n = 0;

    for (i = 0; i < rows->nelts; i++) {

        if (n
            && entry[n - 1].labels[0].len == entry[i].labels[0].len
            && ngx_memcmp(entry[n - 1].labels[0].data, entry[i].labels[0].data,
                          entry[i].labels[0].len) == 0)
        {
            if (entry[n - 1].cluster == NULL) {
                entry[n - 1].cluster = entry[i].cluster;
                entry[n - 1].app = entry[i].app;

            } else if (entry[n - 1].after == 0) {
                entry[n - 1].index = entry[i].index;
                entry[n - 1].after = entry[i].after;
            }

            continue;
        }

        if (n != i) {
            entry[n] = entry[i];
        }

        n++;
    }

    rows->nelts = n;
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

    counted = (entry->after
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
