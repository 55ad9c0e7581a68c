
/*
 * Copyright (C) nginx mesh contributors
 */

/* Which endpoint of a cluster an attempt goes to: no I/O, no process state. */


#ifndef _NGX_MESH_BALANCE_H_INCLUDED_
#define _NGX_MESH_BALANCE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_model.h"


/* the requests in flight to an endpoint, for NGX_MESH_LEAST_REQUEST */
typedef ngx_uint_t (*ngx_mesh_load_pt)(void *data, ngx_mesh_endpoint_t *ep);


typedef struct {
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
 * Only the first cluster->neligible endpoints are considered.
 */
ngx_mesh_endpoint_t *ngx_mesh_balance(ngx_mesh_cluster_t *cluster,
    ngx_mesh_balance_t *b);


#endif /* _NGX_MESH_BALANCE_H_INCLUDED_ */
