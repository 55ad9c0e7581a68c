
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Whom to check: the endpoints of clusters that this proxy may send to, where
 * the listener has a health check.
 *
 * Each document is walked through once, in steps between other events.  What
 * is found is copied, as nothing may point into a model; a target that was
 * there before keeps its place in the schedule.  What the walk did not meet is
 * no longer checked.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_metrics_model.h"
#include "ngx_mesh_prober_parts.h"


#define NGX_MESH_PROBER_STEP     500        /* endpoints, between events */
#define NGX_MESH_PROBER_BUCKETS  64         /* at least */


static ngx_int_t ngx_mesh_prober_begin(ngx_mesh_prober_t *pr,
    ngx_mesh_snapshot_t *snapshot);
static ngx_int_t ngx_mesh_prober_clusters(ngx_mesh_prober_t *pr,
    ngx_mesh_model_t *model);
static int ngx_libc_cdecl ngx_mesh_prober_cmp_clusters(const void *one,
    const void *two);
static ngx_int_t ngx_mesh_prober_walk(ngx_mesh_prober_t *pr);
static void ngx_mesh_prober_end(ngx_mesh_prober_t *pr);
static void ngx_mesh_prober_sweep(ngx_mesh_prober_t *pr);
static ngx_int_t ngx_mesh_prober_check(ngx_mesh_prober_t *pr,
    ngx_mesh_cluster_t *cluster);
static ngx_int_t ngx_mesh_prober_target(ngx_mesh_prober_t *pr,
    ngx_mesh_endpoint_t *ep);
static ngx_mesh_prober_target_t *ngx_mesh_prober_find(ngx_mesh_prober_t *pr,
    uint64_t key);
static ngx_mesh_prober_target_t *ngx_mesh_prober_add(ngx_mesh_prober_t *pr,
    ngx_mesh_endpoint_t *ep);
static ngx_int_t ngx_mesh_prober_grow(ngx_mesh_prober_t *pr);
static void ngx_mesh_prober_remove(ngx_mesh_prober_t *pr,
    ngx_mesh_prober_target_t *target);


ngx_int_t
ngx_mesh_prober_follow(ngx_mesh_prober_t *pr)
{
    ngx_int_t             rc;
    ngx_mesh_snapshot_t  *snapshot;

    snapshot = ngx_mesh_snapshot_current();

    if (snapshot == NULL) {
        return NGX_OK;
    }

    /* a newer document: what was begun is begun again */

    if (pr->snapshot && pr->snapshot != snapshot) {
        ngx_mesh_prober_end(pr);
    }

    if (pr->snapshot == NULL) {

        if (pr->seq == snapshot->seq) {
            return NGX_OK;
        }

        if (ngx_mesh_prober_begin(pr, snapshot) != NGX_OK) {
            ngx_mesh_prober_end(pr);
            return NGX_ERROR;
        }
    }

    rc = ngx_mesh_prober_walk(pr);

    if (rc == NGX_OK) {
        ngx_mesh_prober_sweep(pr);
        pr->seq = snapshot->seq;
    }

    if (rc != NGX_AGAIN) {
        ngx_mesh_prober_end(pr);
    }

    return rc;
}


static ngx_int_t
ngx_mesh_prober_begin(ngx_mesh_prober_t *pr, ngx_mesh_snapshot_t *snapshot)
{
    ngx_pool_t  *pool;

    ngx_memzero(&pr->clusters, sizeof(ngx_array_t));

    ngx_mesh_snapshot_hold(snapshot);

    pr->snapshot = snapshot;
    pr->cluster = 0;
    pr->endpoint = 0;
    pr->turn++;

    pool = ngx_create_pool(1024, pr->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&pr->clusters, pool, 16, sizeof(ngx_mesh_cluster_t *))
        != NGX_OK)
    {
        ngx_destroy_pool(pool);
        pr->clusters.pool = NULL;
        return NGX_ERROR;
    }

    return ngx_mesh_prober_clusters(pr, snapshot->model);
}


/* clusters with a health check that a route of a service leads to, once each */

static ngx_int_t
ngx_mesh_prober_clusters(ngx_mesh_prober_t *pr, ngx_mesh_model_t *model)
{
    ngx_uint_t                   i, j, k, n;
    ngx_mesh_route_t            *route;
    ngx_mesh_cluster_t          *cluster, **clusters;
    ngx_mesh_virtual_service_t  *service;

    for (i = 0; i < model->nservices; i++) {

        service = &model->services[i];

        if (ngx_mesh_map_find(model->egress, service->host.data,
                              service->host.len)
            != service)
        {
            continue;
        }

        for (j = 0; j < service->nroutes; j++) {

            route = service->routes[j];

            for (k = 0; k < route->ntargets; k++) {

                cluster = route->targets[k].cluster;

                if (cluster == NULL || !cluster->listener->health_check) {
                    continue;
                }

                clusters = ngx_array_push(&pr->clusters);
                if (clusters == NULL) {
                    return NGX_ERROR;
                }

                *clusters = cluster;
            }
        }
    }

    n = pr->clusters.nelts;

    if (n < 2) {
        return NGX_OK;
    }

    clusters = pr->clusters.elts;

    ngx_qsort(clusters, n, sizeof(ngx_mesh_cluster_t *),
              ngx_mesh_prober_cmp_clusters);

    for (i = 1, j = 1; i < n; i++) {
        if (clusters[i] != clusters[i - 1]) {
            clusters[j++] = clusters[i];
        }
    }

    pr->clusters.nelts = j;

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_mesh_prober_cmp_clusters(const void *one, const void *two)
{
    uintptr_t  first, second;

    first = (uintptr_t) *(ngx_mesh_cluster_t **) one;
    second = (uintptr_t) *(ngx_mesh_cluster_t **) two;

    return (first > second) - (first < second);
}


static ngx_int_t
ngx_mesh_prober_walk(ngx_mesh_prober_t *pr)
{
    ngx_uint_t            n;
    ngx_mesh_cluster_t  **clusters, *cluster;

    clusters = pr->clusters.elts;

    for (n = 0; n < NGX_MESH_PROBER_STEP; n++) {

        if (pr->cluster == pr->clusters.nelts) {
            return NGX_OK;
        }

        cluster = clusters[pr->cluster];

        if (pr->endpoint == cluster->nendpoints) {

            if (pr->check) {
                ngx_mesh_prober_check_free(pr->check);
                pr->check = NULL;
            }

            pr->cluster++;
            pr->endpoint = 0;
            continue;
        }

        if (pr->check == NULL
            && ngx_mesh_prober_check(pr, cluster) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_mesh_prober_target(pr, &cluster->endpoints[pr->endpoint++])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_AGAIN;
}


/* the walk is over, or was broken off */

static void
ngx_mesh_prober_end(ngx_mesh_prober_t *pr)
{
    if (pr->check) {
        ngx_mesh_prober_check_free(pr->check);
        pr->check = NULL;
    }

    if (pr->clusters.pool) {
        ngx_destroy_pool(pr->clusters.pool);
        pr->clusters.pool = NULL;
    }

    if (pr->snapshot) {
        ngx_mesh_snapshot_release(pr->snapshot);
        pr->snapshot = NULL;
    }
}


/*
 * Targets the walk did not meet.  Some have lost their health check only, and
 * are available again.
 */

static void
ngx_mesh_prober_sweep(ngx_mesh_prober_t *pr)
{
    ngx_uint_t                  i;
    ngx_mesh_row_t             *row;
    ngx_mesh_prober_target_t   *target, **link;

    if (pr->buckets == NULL) {
        return;
    }

    for (i = 0; i <= pr->mask; i++) {

        link = &pr->buckets[i];

        while (*link) {
            target = *link;

            if (target->turn == pr->turn) {
                link = &target->next;
                continue;
            }

            row = ngx_mesh_shm_row(pr->mcf->shm, target->row, target->key);

            if (row) {
                (void) ngx_mesh_row_set_health(pr->mcf->shm, row,
                                               NGX_MESH_ROW_UNCHECKED);
            }

            *link = target->next;
            ngx_mesh_prober_remove(pr, target);
        }
    }
}


/* the caller's reference is in "pr" */

static ngx_int_t
ngx_mesh_prober_check(ngx_mesh_prober_t *pr, ngx_mesh_cluster_t *cluster)
{
    u_char                    text[NGX_MESH_METRICS_CLUSTER_LEN];
    ngx_str_t                 name;
    ngx_pool_t               *pool;
    ngx_mesh_health_check_t  *hc;
    ngx_mesh_prober_check_t  *check;

    hc = cluster->listener->health_check;

    pool = ngx_create_pool(512, pr->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    check = ngx_pcalloc(pool, sizeof(ngx_mesh_prober_check_t));
    if (check == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    name.data = text;
    ngx_mesh_metrics_cluster_name(pr->snapshot->model, cluster, 0, &name);

    check->cluster.len = name.len;
    check->cluster.data = ngx_pstrdup(pool, &name);

    if (check->cluster.data == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    check->pool = pool;
    check->refs = 1;
    check->protocol = hc->protocol;
    check->interval = hc->interval_ms;
    check->timeout = hc->timeout_ms;
    check->thresholds.healthy = hc->healthy_threshold;
    check->thresholds.unhealthy = hc->unhealthy_threshold;

    if (ngx_mesh_prober_request(pool, hc, &check->cluster, &check->request)
        != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    check->metrics = ngx_mesh_metrics_row(pr->mcf->metrics,
                                          NGX_MESH_METRICS_CLUSTER,
                                          &check->cluster);
    pr->check = check;

    return NGX_OK;
}


void
ngx_mesh_prober_check_free(ngx_mesh_prober_check_t *check)
{
    if (--check->refs == 0) {
        ngx_mesh_metrics_release(check->metrics);
        ngx_destroy_pool(check->pool);
    }
}


static ngx_int_t
ngx_mesh_prober_target(ngx_mesh_prober_t *pr, ngx_mesh_endpoint_t *ep)
{
    ngx_mesh_row_t            *row;
    ngx_mesh_prober_target_t  *target;

    row = ngx_mesh_shm_row(pr->mcf->shm, ep->row, ep->key);

    if (row == NULL) {
        /* the zone is full: there is no place for what would be found out */
        return NGX_OK;
    }

    target = ngx_mesh_prober_find(pr, ep->key);

    if (target == NULL) {
        target = ngx_mesh_prober_add(pr, ep);

        if (target == NULL) {
            return NGX_ERROR;
        }

        ngx_mesh_prober_schedule(pr, target,
                                 ngx_mesh_health_first(row->health,
                                                       pr->check->interval,
                                                 (ngx_uint_t) ngx_random()));
    }

    if (target->check) {
        ngx_mesh_prober_check_free(target->check);
    }

    target->row = ep->row;
    target->turn = pr->turn;
    target->check = pr->check;
    pr->check->refs++;

    return NGX_OK;
}


static ngx_mesh_prober_target_t *
ngx_mesh_prober_find(ngx_mesh_prober_t *pr, uint64_t key)
{
    ngx_mesh_prober_target_t  *target;

    if (pr->buckets == NULL) {
        return NULL;
    }

    for (target = pr->buckets[(key ^ (key >> 32)) & pr->mask];
         target;
         target = target->next)
    {
        if (target->key == key) {
            return target;
        }
    }

    return NULL;
}


static ngx_mesh_prober_target_t *
ngx_mesh_prober_add(ngx_mesh_prober_t *pr, ngx_mesh_endpoint_t *ep)
{
    ngx_mesh_prober_target_t  *target, **bucket;

    if (ngx_mesh_prober_grow(pr) != NGX_OK) {
        return NULL;
    }

    target = ngx_calloc(sizeof(ngx_mesh_prober_target_t), pr->log);
    if (target == NULL) {
        return NULL;
    }

    target->key = ep->key;
    target->socklen = ep->socklen;
    ngx_memcpy(target->sockaddr, ep->sockaddr, ep->socklen);

    target->name.data = target->text;
    target->name.len = ep->name.len;
    ngx_memcpy(target->text, ep->name.data, ep->name.len);

    bucket = &pr->buckets[(ep->key ^ (ep->key >> 32)) & pr->mask];

    target->next = *bucket;
    *bucket = target;

    pr->ntargets++;

    return target;
}


/* one bucket a target or more */

static ngx_int_t
ngx_mesh_prober_grow(ngx_mesh_prober_t *pr)
{
    ngx_uint_t                  i, n;
    ngx_mesh_prober_target_t   *target, **buckets, **bucket;

    if (pr->buckets && pr->ntargets <= pr->mask) {
        return NGX_OK;
    }

    n = pr->buckets ? (pr->mask + 1) * 2 : NGX_MESH_PROBER_BUCKETS;

    buckets = ngx_calloc(n * sizeof(ngx_mesh_prober_target_t *), pr->log);
    if (buckets == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; pr->buckets && i <= pr->mask; i++) {

        while (pr->buckets[i]) {
            target = pr->buckets[i];
            pr->buckets[i] = target->next;

            bucket = &buckets[(target->key ^ (target->key >> 32)) & (n - 1)];

            target->next = *bucket;
            *bucket = target;
        }
    }

    if (pr->buckets) {
        ngx_free(pr->buckets);
    }

    pr->buckets = buckets;
    pr->mask = n - 1;

    return NGX_OK;
}


/* it is in no bucket any more */

static void
ngx_mesh_prober_remove(ngx_mesh_prober_t *pr,
    ngx_mesh_prober_target_t *target)
{
    if (target->probe) {
        ngx_mesh_probe_cancel(target->probe);
    }

    if (target->scheduled) {
        ngx_rbtree_delete(&pr->schedule, &target->due);
    }

    if (target->check) {
        ngx_mesh_prober_check_free(target->check);
    }

    pr->ntargets--;

    ngx_free(target);
}


void
ngx_mesh_prober_forget(ngx_mesh_prober_t *pr)
{
    ngx_uint_t                 i;
    ngx_mesh_prober_target_t  *target;

    ngx_mesh_prober_end(pr);

    for (i = 0; pr->buckets && i <= pr->mask; i++) {

        while (pr->buckets[i]) {
            target = pr->buckets[i];
            pr->buckets[i] = target->next;

            ngx_mesh_prober_remove(pr, target);
        }
    }

    if (pr->buckets) {
        ngx_free(pr->buckets);
        pr->buckets = NULL;
    }

    pr->mask = 0;
    pr->seq = 0;
}
