
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The choice of an endpoint.  Envoy, as App Mesh configured it, balanced round
 * robin and avoided the endpoints of earlier attempts when it retried
 * (retry_host_predicate: previous_hosts); unlike Envoy, which then drew again
 * five times, an endpoint that was not tried is always found.
 *
 * What the shared rows say is looked up once for each change of any of them,
 * not for each request: a worker keeps a list of the endpoints available.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_balance.h"


#define NGX_MESH_BALANCE_LEAST_WEIGHT  100


/* the endpoints to choose from, and how */

typedef struct {
    ngx_mesh_cluster_t  *cluster;
    ngx_mesh_balance_t  *b;
    uint32_t             n;
    ngx_uint_t           all;       /* not only those available */
    ngx_uint_t           weight;    /* the greatest, 0: they have none */
    uint32_t             random;
} ngx_mesh_balance_set_t;


static ngx_mesh_endpoint_t *ngx_mesh_balance_round_robin(
    ngx_mesh_balance_set_t *set);
static ngx_mesh_endpoint_t *ngx_mesh_balance_least_request(
    ngx_mesh_balance_set_t *set);
static ngx_uint_t ngx_mesh_balance_usable(ngx_mesh_cluster_t *cluster,
    ngx_mesh_row_t *row);
static void ngx_mesh_balance_age(ngx_mesh_cluster_t *cluster,
    ngx_msec_t since);
static void ngx_mesh_balance_set(ngx_mesh_balance_set_t *set,
    ngx_mesh_cluster_t *cluster, ngx_mesh_balance_t *b);
static ngx_mesh_endpoint_t *ngx_mesh_balance_at(ngx_mesh_balance_set_t *set,
    uint32_t i);
static ngx_uint_t ngx_mesh_balance_admit(ngx_mesh_balance_set_t *set,
    ngx_mesh_endpoint_t *ep);


ngx_mesh_endpoint_t *
ngx_mesh_balance(ngx_mesh_cluster_t *cluster, ngx_mesh_balance_t *b)
{
    ngx_mesh_endpoint_t     *ep;
    ngx_mesh_balance_set_t   set;

    if (cluster->neligible == 0) {
        return NULL;
    }

    if (b->shm) {
        ngx_mesh_balance_refresh(cluster, b->shm, b->now);
    }

    ngx_mesh_balance_set(&set, cluster, b);

    if (cluster->lb_policy == NGX_MESH_LEAST_REQUEST) {
        ep = ngx_mesh_balance_least_request(&set);
        if (ep) {
            return ep;
        }
    }

    return ngx_mesh_balance_round_robin(&set);
}


/*
 * Any value may stand in cluster->rotation, a random one is a good start.
 * During a slow start an endpoint is passed over as often as its weight is
 * below that of the others.
 */

static ngx_mesh_endpoint_t *
ngx_mesh_balance_round_robin(ngx_mesh_balance_set_t *set)
{
    uint32_t              i, left;
    ngx_mesh_endpoint_t  *ep, *passed;

    passed = NULL;
    i = set->cluster->rotation % set->n;

    for (left = set->n; left; left--) {

        ep = ngx_mesh_balance_at(set, i);
        i = (i + 1 < set->n) ? i + 1 : 0;

        if (ep == NULL) {
            continue;
        }

        if (set->weight == 0 || ngx_mesh_balance_admit(set, ep)) {
            set->cluster->rotation = i;
            return ep;
        }

        if (passed == NULL) {
            passed = ep;
        }
    }

    return passed;
}


/* NULL if both candidates were tried */

static ngx_mesh_endpoint_t *
ngx_mesh_balance_least_request(ngx_mesh_balance_set_t *set)
{
    uint32_t              i, j, n;
    ngx_mesh_balance_t   *b;
    ngx_mesh_endpoint_t  *first, *second;

    n = set->n;
    b = set->b;

    if (n == 1) {
        return NULL;
    }

    /* a pair of different ones, each pair and each order equally likely */

    i = b->random[0] % n;
    j = b->random[1] % (n - 1);
    j += (j >= i);

    first = ngx_mesh_balance_at(set, i);
    second = ngx_mesh_balance_at(set, j);

    if (first == NULL || second == NULL) {
        return first ? first : second;
    }

    if (b->load(b->data, second) < b->load(b->data, first)) {
        return ngx_mesh_balance_admit(set, second) ? second : first;
    }

    return ngx_mesh_balance_admit(set, first) ? first : second;
}


void
ngx_mesh_balance_refresh(ngx_mesh_cluster_t *cluster, ngx_mesh_shm_t *shm,
    ngx_msec_t now)
{
    uint32_t              i, n;
    ngx_mesh_row_t       *row;
    ngx_atomic_uint_t     generation;
    ngx_mesh_endpoint_t  *ep;

    generation = ngx_mesh_shm_generation(shm);

    if (cluster->generation == generation) {
        return;
    }

    /* what changes from now on is of another generation */

    cluster->generation = generation;
    ngx_memory_barrier();

    cluster->nejected = 0;
    cluster->oldest = now;
    cluster->newest = now - cluster->slow_start_ms;
    ep = cluster->endpoints;

    for (i = 0, n = 0; i < cluster->neligible; i++) {

        row = ngx_mesh_shm_row(shm, ep[i].row, ep[i].key);

        if (row && !ngx_mesh_balance_usable(cluster, row)) {
            cluster->nejected += (row->ejected != 0);
            continue;
        }

        ep[n++].available = i;

        if (row && cluster->slow_start_ms) {
            ngx_mesh_balance_age(cluster, row->since);
        }
    }

    cluster->nmissing = cluster->neligible - n;
}


static void
ngx_mesh_balance_age(ngx_mesh_cluster_t *cluster, ngx_msec_t since)
{
    if ((ngx_msec_int_t) (since - cluster->oldest) < 0) {
        cluster->oldest = since;
    }

    if ((ngx_msec_int_t) (since - cluster->newest) > 0) {
        cluster->newest = since;
    }
}


/* what a row keeps of checks and ejections counts while they are asked for */

static ngx_uint_t
ngx_mesh_balance_usable(ngx_mesh_cluster_t *cluster, ngx_mesh_row_t *row)
{
    if (cluster->listener->outlier_detection && row->ejected) {
        return 0;
    }

    return cluster->listener->health_check == NULL
           || row->health == NGX_MESH_ROW_UNCHECKED
           || row->health == NGX_MESH_ROW_HEALTHY;
}


ngx_uint_t
ngx_mesh_balance_panic(ngx_mesh_cluster_t *cluster)
{
    return cluster->neligible - cluster->nmissing < cluster->nmissing;
}


static void
ngx_mesh_balance_set(ngx_mesh_balance_set_t *set, ngx_mesh_cluster_t *cluster,
    ngx_mesh_balance_t *b)
{
    set->cluster = cluster;
    set->b = b;
    set->weight = 0;

    set->all = cluster->nmissing == 0 || ngx_mesh_balance_panic(cluster);
    set->n = cluster->neligible - (set->all ? 0 : cluster->nmissing);

    if (cluster->slow_start_ms && b->shm
        && ngx_mesh_balance_weight(cluster->slow_start_ms, cluster->newest,
                                   b->now)
           < 1000
        && !ngx_mesh_balance_panic(cluster))
    {
        set->weight = ngx_mesh_balance_weight(cluster->slow_start_ms,
                                              cluster->oldest, b->now);
        set->random = b->random[0] ^ b->random[1];
    }
}


/* the endpoint at place i, NULL if it was tried */

static ngx_mesh_endpoint_t *
ngx_mesh_balance_at(ngx_mesh_balance_set_t *set, uint32_t i)
{
    ngx_uint_t           n;
    ngx_mesh_balance_t  *b;

    b = set->b;

    if (!set->all) {
        i = set->cluster->endpoints[i].available;
    }

    for (n = 0; n < b->ntried; n++) {
        if (b->tried[n] == i) {
            return NULL;
        }
    }

    return &set->cluster->endpoints[i];
}


/* with the probability of its weight, of the greatest one */

static ngx_uint_t
ngx_mesh_balance_admit(ngx_mesh_balance_set_t *set, ngx_mesh_endpoint_t *ep)
{
    ngx_uint_t       weight;
    ngx_mesh_row_t  *row;

    if (set->weight == 0) {
        return 1;
    }

    row = ngx_mesh_shm_row(set->b->shm, ep->row, ep->key);
    if (row == NULL) {
        return 1;
    }

    weight = ngx_mesh_balance_weight(set->cluster->slow_start_ms, row->since,
                                     set->b->now);

    /* one more number for each one asked, of the constants of glibc */

    set->random = set->random * 1103515245 + 12345;

    return (set->random >> 8) % set->weight < weight;
}


ngx_uint_t
ngx_mesh_balance_weight(ngx_msec_t slow_start, ngx_msec_t since,
    ngx_msec_t now)
{
    ngx_msec_t  age;

    age = now - since;

    /* another process may be ahead by a few milliseconds */

    if ((ngx_msec_int_t) age < 0) {
        age = 0;
    }

    if (age >= slow_start) {
        return 1000;
    }

    return ngx_max(NGX_MESH_BALANCE_LEAST_WEIGHT,
                   (ngx_uint_t) (1000.0 * age / slow_start));
}
