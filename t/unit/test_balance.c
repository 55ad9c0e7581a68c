
/*
 * Copyright (C) nginx mesh contributors
 */

/* Choosing an endpoint: exact rotation, fair chances, no endpoint twice. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_balance.h>
#include "ngx_mesh_unit.h"


#define MESH_UNIT_PICKS  100000


static uint32_t     mesh_unit_balance_random(uint64_t *state);
static ngx_uint_t   mesh_unit_balance_load(void *data,
    ngx_mesh_endpoint_t *ep);
static ngx_mesh_cluster_t *mesh_unit_balance_cluster(ngx_mesh_unit_t *u,
    ngx_uint_t n, ngx_uint_t neligible, ngx_uint_t policy);


static void
mesh_unit_balance_rotation(ngx_mesh_unit_t *u)
{
    ngx_uint_t            i, wrong;
    ngx_mesh_balance_t    b;
    ngx_mesh_cluster_t   *c;
    ngx_mesh_endpoint_t  *ep;

    ngx_memzero(&b, sizeof(ngx_mesh_balance_t));

    c = mesh_unit_balance_cluster(u, 7, 5, NGX_MESH_ROUND_ROBIN);
    c->rotation = 3;
    wrong = 0;

    for (i = 0; i < 1000; i++) {
        ep = ngx_mesh_balance(c, &b);
        wrong += (ep != &c->endpoints[(3 + i) % 5]);
    }

    MESH_IS_INT(wrong, 0, "round robin takes the eligible ones in turn");

    c->rotation = 0xffffffff;
    ep = ngx_mesh_balance(c, &b);
    MESH_OK(ep == &c->endpoints[0xffffffff % 5], "any rotation is a start");
    ep = ngx_mesh_balance(c, &b);
    MESH_OK(ep == &c->endpoints[(0xffffffff % 5 + 1) % 5],
            "and goes on without a jump");

    c->neligible = 2;
    ep = ngx_mesh_balance(c, &b);
    MESH_OK(ep == &c->endpoints[0] || ep == &c->endpoints[1],
            "fewer eligible ones are respected at once");

    c->neligible = 0;
    MESH_OK(ngx_mesh_balance(c, &b) == NULL, "none eligible");
}

MESH_UNIT(mesh_unit_balance_rotation)


/* the short way and the long one, for clusters of all kinds */

static void
mesh_unit_balance_next(ngx_mesh_unit_t *u)
{
    uint64_t              state;
    uint32_t              rotation, after;
    ngx_uint_t            i, taken, wrong;
    ngx_mesh_balance_t    b;
    ngx_mesh_cluster_t   *c;
    ngx_mesh_endpoint_t  *ep;

    ngx_memzero(&b, sizeof(ngx_mesh_balance_t));

    state = 4711;
    taken = 0;
    wrong = 0;

    for (i = 0; i < 20000; i++) {
        c = mesh_unit_balance_cluster(u, 1 + i % 7, i % 7 + i % 2,
                                      i % 11 ? NGX_MESH_ROUND_ROBIN
                                             : NGX_MESH_LEAST_REQUEST);

        c->slow_start_ms = i % 13 ? 0 : 1000;
        c->nmissing = (i % 17 || c->neligible == 0) ? 0 : 1;

        rotation = mesh_unit_balance_random(&state);
        rotation >>= rotation % 32;
        c->rotation = rotation;

        ep = ngx_mesh_balance_next(c);
        after = c->rotation;

        if (ep == NULL) {
            wrong += (after != rotation);
            wrong += (c->neligible && i % 11 && i % 13 && !c->nmissing);
            continue;
        }

        taken++;
        c->rotation = rotation;

        wrong += (ngx_mesh_balance(c, &b) != ep || c->rotation != after);
    }

    MESH_IS_INT(wrong, 0, "the short way leads where the long one does");
    MESH_OK(taken > 10000, "and is taken mostly");
}

MESH_UNIT(mesh_unit_balance_next)


static void
mesh_unit_balance_tries(ngx_mesh_unit_t *u)
{
    uint32_t              tried[8];
    uint64_t              state;
    ngx_uint_t            i, k, n, policy, repeated, missing;
    ngx_uint_t            loads[6];
    ngx_mesh_balance_t    b;
    ngx_mesh_cluster_t   *c;
    ngx_mesh_endpoint_t  *ep;

    ngx_memzero(&b, sizeof(ngx_mesh_balance_t));
    ngx_memzero(loads, sizeof(loads));

    b.load = mesh_unit_balance_load;
    b.tried = tried;
    state = 7;

    for (policy = NGX_MESH_ROUND_ROBIN; policy <= NGX_MESH_LEAST_REQUEST;
         policy++)
    {
        repeated = 0;
        missing = 0;

        for (k = 0; k < 2000; k++) {
            n = 1 + k % 6;
            c = mesh_unit_balance_cluster(u, 6, n, policy);
            c->rotation = mesh_unit_balance_random(&state);
            b.data = c;
            c->node = (void *) loads;

            for (b.ntried = 0; b.ntried < n; b.ntried++) {
                b.random[0] = mesh_unit_balance_random(&state);
                b.random[1] = mesh_unit_balance_random(&state);

                ep = ngx_mesh_balance(c, &b);
                if (ep == NULL) {
                    missing++;
                    break;
                }

                for (i = 0; i < b.ntried; i++) {
                    repeated += (tried[i] == ep - c->endpoints);
                }

                tried[b.ntried] = ep - c->endpoints;
            }

            missing += (ngx_mesh_balance(c, &b) != NULL);
        }

        MESH_IS_INT(repeated, 0, "policy %ui: none is tried twice", policy);
        MESH_IS_INT(missing, 0, "policy %ui: all are tried, then NULL",
                    policy);
    }
}

MESH_UNIT(mesh_unit_balance_tries)


/*
 * Of two different ones out of n the less loaded is taken: the most loaded
 * never, the least loaded with probability 2/n.
 */

static void
mesh_unit_balance_least_request(ngx_mesh_unit_t *u)
{
    double                chi;
    uint64_t              state;
    ngx_uint_t            i, count[10], loads[10];
    ngx_mesh_balance_t    b;
    ngx_mesh_cluster_t   *c;
    ngx_mesh_endpoint_t  *ep;

    ngx_memzero(&b, sizeof(ngx_mesh_balance_t));
    ngx_memzero(count, sizeof(count));
    ngx_memzero(loads, sizeof(loads));

    c = mesh_unit_balance_cluster(u, 10, 10, NGX_MESH_LEAST_REQUEST);
    c->node = (void *) loads;
    b.load = mesh_unit_balance_load;
    b.data = c;
    state = 42;

    for (i = 0; i < MESH_UNIT_PICKS; i++) {
        b.random[0] = mesh_unit_balance_random(&state);
        b.random[1] = mesh_unit_balance_random(&state);
        ep = ngx_mesh_balance(c, &b);
        count[ep - c->endpoints]++;
    }

    for (i = 0, chi = 0; i < 10; i++) {
        chi += ((double) count[i] - MESH_UNIT_PICKS / 10)
               * ((double) count[i] - MESH_UNIT_PICKS / 10)
               / (MESH_UNIT_PICKS / 10);
    }

    /* 9 degrees of freedom, p = 0.001 */

    MESH_OK(chi < 27.88, "equal load: uniform, chi-square %.2f < 27.88", chi);

    for (i = 0; i < 10; i++) {
        loads[i] = i;
        count[i] = 0;
    }

    for (i = 0; i < MESH_UNIT_PICKS; i++) {
        b.random[0] = mesh_unit_balance_random(&state);
        b.random[1] = mesh_unit_balance_random(&state);
        ep = ngx_mesh_balance(c, &b);
        count[ep - c->endpoints]++;
    }

    MESH_IS_INT(count[9], 0, "the most loaded one is never taken");

    /* 2/10 of the picks, within five standard deviations */

    MESH_OK(count[0] > 19367 && count[0] < 20633,
            "the least loaded one wins all its pairs: %ui", count[0]);

    c->neligible = 1;
    MESH_OK(ngx_mesh_balance(c, &b) == c->endpoints, "one needs no pair");
    MESH_OK(ngx_mesh_balance(c, &b) == c->endpoints, "and stays");
}

MESH_UNIT(mesh_unit_balance_least_request)


/* splitmix64, the same numbers in every run */

static uint32_t
mesh_unit_balance_random(uint64_t *state)
{
    uint64_t  z;

    *state += 0x9e3779b97f4a7c15;
    z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;

    return (uint32_t) ((z ^ (z >> 31)) >> 32);
}


static ngx_uint_t
mesh_unit_balance_load(void *data, ngx_mesh_endpoint_t *ep)
{
    ngx_uint_t          *loads;
    ngx_mesh_cluster_t  *c;

    c = data;
    loads = (void *) c->node;

    return loads[ep - c->endpoints];
}


static ngx_mesh_cluster_t *
mesh_unit_balance_cluster(ngx_mesh_unit_t *u, ngx_uint_t n,
    ngx_uint_t neligible, ngx_uint_t policy)
{
    ngx_mesh_cluster_t  *c;

    c = ngx_pcalloc(u->pool, sizeof(ngx_mesh_cluster_t));
    if (c == NULL) {
        return NULL;
    }

    c->endpoints = ngx_pcalloc(u->pool, n * sizeof(ngx_mesh_endpoint_t));
    c->nendpoints = n;
    c->neligible = neligible;
    c->lb_policy = policy;

    return c;
}
