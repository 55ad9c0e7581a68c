
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The choice of an endpoint.  Envoy, as App Mesh configured it, balanced round
 * robin and avoided the endpoints of earlier attempts when it retried
 * (retry_host_predicate: previous_hosts); unlike Envoy, which then drew again
 * five times, an endpoint that was not tried is always found.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_balance.h"


static ngx_mesh_endpoint_t *ngx_mesh_balance_round_robin(
    ngx_mesh_cluster_t *cluster, ngx_mesh_balance_t *b);
static ngx_mesh_endpoint_t *ngx_mesh_balance_least_request(
    ngx_mesh_cluster_t *cluster, ngx_mesh_balance_t *b);
static ngx_uint_t ngx_mesh_balance_tried(ngx_mesh_balance_t *b, uint32_t i);


ngx_mesh_endpoint_t *
ngx_mesh_balance(ngx_mesh_cluster_t *cluster, ngx_mesh_balance_t *b)
{
    ngx_mesh_endpoint_t  *ep;

    if (cluster->neligible == 0) {
        return NULL;
    }

    if (cluster->lb_policy == NGX_MESH_LEAST_REQUEST) {
        ep = ngx_mesh_balance_least_request(cluster, b);
        if (ep) {
            return ep;
        }
    }

    return ngx_mesh_balance_round_robin(cluster, b);
}


/* any value may stand in cluster->rotation, a random one is a good start */

static ngx_mesh_endpoint_t *
ngx_mesh_balance_round_robin(ngx_mesh_cluster_t *cluster,
    ngx_mesh_balance_t *b)
{
    uint32_t  i, n, left;

    n = cluster->neligible;
    i = cluster->rotation % n;

    for (left = n; left; left--) {

        if (!ngx_mesh_balance_tried(b, i)) {
            cluster->rotation = (i + 1) % n;
            return &cluster->endpoints[i];
        }

        i = (i + 1) % n;
    }

    return NULL;
}


/* NULL if both candidates were tried */

static ngx_mesh_endpoint_t *
ngx_mesh_balance_least_request(ngx_mesh_cluster_t *cluster,
    ngx_mesh_balance_t *b)
{
    uint32_t              i, j, n;
    ngx_mesh_endpoint_t  *first, *second;

    n = cluster->neligible;

    if (n == 1) {
        return NULL;
    }

    /* a pair of different ones, each pair and each order equally likely */

    i = b->random[0] % n;
    j = b->random[1] % (n - 1);
    j += (j >= i);

    first = ngx_mesh_balance_tried(b, i) ? NULL : &cluster->endpoints[i];
    second = ngx_mesh_balance_tried(b, j) ? NULL : &cluster->endpoints[j];

    if (first == NULL || second == NULL) {
        return first ? first : second;
    }

    return (b->load(b->data, second) < b->load(b->data, first)) ? second
                                                                 : first;
}


static ngx_uint_t
ngx_mesh_balance_tried(ngx_mesh_balance_t *b, uint32_t i)
{
    ngx_uint_t  n;

    for (n = 0; n < b->ntried; n++) {
        if (b->tried[n] == i) {
            return 1;
        }
    }

    return 0;
}
