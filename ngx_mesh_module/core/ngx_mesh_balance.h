
/*
 * Copyright (C) nginx mesh contributors
 */

/* Which endpoint of a cluster an attempt goes to: no I/O, no process state. */


#ifndef _NGX_MESH_BALANCE_H_INCLUDED_
#define _NGX_MESH_BALANCE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_model.h"
#include "ngx_mesh_shm.h"


/* the requests in flight to an endpoint, for NGX_MESH_LEAST_REQUEST */
typedef ngx_uint_t (*ngx_mesh_load_pt)(void *data, ngx_mesh_endpoint_t *ep);


typedef struct {
    ngx_mesh_shm_t          *shm;           /* NULL: all are available */
    ngx_msec_t               now;           /* ngx_current_msec */
    ngx_mesh_load_pt         load;
    void                    *data;          /* of "load" */
    uint32_t                 random[2];     /* two independent numbers */
    uint32_t                *tried;         /* indices of endpoints to avoid */
    ngx_uint_t               ntried;
} ngx_mesh_balance_t;


/*
 * The endpoint for the next attempt, or NULL if there is none left that was
 * not tried.  Round robin advances cluster->rotation (worker state); least
 * request takes the less loaded of two different endpoints chosen at random
 * (power of two choices), round robin among what is left after tries.
 *
 * Only the first cluster->neligible endpoints are considered, and of them
 * those that are neither ejected nor failing their checks, unless these are
 * fewer than half: then all are (Envoy's panic threshold of 50 %, which App
 * Mesh did not let change).  "random" is looked at with least request, and
 * while there is a slow start (ngx_mesh_balance_random()).
 */
ngx_mesh_endpoint_t *ngx_mesh_balance(ngx_mesh_cluster_t *cluster,
    ngx_mesh_balance_t *b);


/*
 * What ngx_mesh_balance() would choose, in the case of nearly all requests:
 * round robin over endpoints that are all available, of which none was tried.
 * NULL: it is another case.  The cluster was refreshed.
 */
static ngx_inline ngx_mesh_endpoint_t *
ngx_mesh_balance_next(ngx_mesh_cluster_t *cluster)
{
    uint32_t  i;

    if (cluster->nmissing
        || cluster->neligible == 0
        || cluster->slow_start_ms
        || cluster->lb_policy != NGX_MESH_ROUND_ROBIN)
    {
        return NULL;
    }

    i = cluster->rotation;

    /* any value may stand there, a random one is a good start */

    if (i >= cluster->neligible) {
        i %= cluster->neligible;
    }

    cluster->rotation = (i + 1 < cluster->neligible) ? i + 1 : 0;

    return &cluster->endpoints[i];
}


/* 1 if b->random is needed */
#define ngx_mesh_balance_random(cluster)                                      \
    ((cluster)->lb_policy == NGX_MESH_LEAST_REQUEST                           \
     || (cluster)->slow_start_ms)

/* brings what the worker knows of the rows up to date: mostly one compare */
void ngx_mesh_balance_refresh(ngx_mesh_cluster_t *cluster,
    ngx_mesh_shm_t *shm, ngx_msec_t now);

/* 1 if fewer than half are available, of a cluster that follows */
ngx_uint_t ngx_mesh_balance_panic(ngx_mesh_cluster_t *cluster);

/*
 * The weight of an endpoint in use since "since", in thousandths: it grows
 * evenly over "slow_start" from 100, Envoy's slow start with an aggression of
 * 1 and its least weight.
 */
ngx_uint_t ngx_mesh_balance_weight(ngx_msec_t slow_start, ngx_msec_t since,
    ngx_msec_t now);


#endif /* _NGX_MESH_BALANCE_H_INCLUDED_ */
