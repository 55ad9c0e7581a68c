
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Counting against the limits of a connection pool.
 *
 * A count is only ever raised by a compare-and-set that has seen it below its
 * bound, so the bound holds for any number of processes.  A worker notes in its
 * share first and counts then: if it is killed in between, the count will be
 * one too low until the next time it reaches zero, which lets one request too
 * many through; the other way round a request would be missing for ever.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_limit.h"


static ngx_uint_t ngx_mesh_limit_raise(ngx_atomic_t *count,
    ngx_atomic_t *share, ngx_uint_t bound);
static void ngx_mesh_limit_lower(ngx_atomic_t *count, ngx_atomic_t *share);
static void ngx_mesh_limit_subtract(ngx_atomic_t *count, ngx_atomic_uint_t n);


void
ngx_mesh_limit_bounds(ngx_mesh_listener_t *listener,
    ngx_mesh_limit_bounds_t *bounds)
{
    ngx_mesh_connection_pool_t  *pool;

    bounds->active = 0;
    bounds->pending = 0;

    pool = listener->connection_pool;

    if (pool == NULL) {
        return;
    }

    switch (listener->protocol) {

    case NGX_MESH_HTTP:
        bounds->active = pool->max_connections;
        bounds->pending = pool->max_pending_requests;
        break;

    case NGX_MESH_HTTP2:
    case NGX_MESH_GRPC:
        bounds->active = pool->max_requests;
        break;

    default: /* NGX_MESH_TCP */
        bounds->active = pool->max_connections;
        break;
    }
}


ngx_int_t
ngx_mesh_limit_enter(ngx_mesh_limit_t *limit, ngx_mesh_limit_share_t *share,
    ngx_mesh_limit_bounds_t *bounds, ngx_atomic_uint_t *ticket)
{
    if ((limit->pending == 0 || bounds->pending == 0)
        && ngx_mesh_limit_raise(&limit->active,
                                share ? &share->active : NULL, bounds->active))
    {
        return NGX_OK;
    }

    if (bounds->pending == 0
        || !ngx_mesh_limit_raise(&limit->pending,
                                 share ? &share->pending : NULL,
                                 bounds->pending))
    {
        (void) ngx_atomic_fetch_add(&limit->overflows, 1);
        return NGX_BUSY;
    }

    (void) ngx_atomic_fetch_add(&limit->queued, 1);

    do {
        *ticket = ngx_atomic_fetch_add(&limit->ticket, 1) + 1;

    } while (*ticket == 0);

    return NGX_AGAIN;
}


ngx_int_t
ngx_mesh_limit_resume(ngx_mesh_limit_t *limit, ngx_mesh_limit_share_t *share,
    ngx_mesh_limit_bounds_t *bounds)
{
    if (!ngx_mesh_limit_raise(&limit->active, share ? &share->active : NULL,
                              bounds->active))
    {
        return NGX_AGAIN;
    }

    ngx_mesh_limit_lower(&limit->pending, share ? &share->pending : NULL);

    return NGX_OK;
}


void
ngx_mesh_limit_leave(ngx_mesh_limit_t *limit, ngx_mesh_limit_share_t *share)
{
    ngx_mesh_limit_lower(&limit->active, share ? &share->active : NULL);
}


void
ngx_mesh_limit_cancel(ngx_mesh_limit_t *limit, ngx_mesh_limit_share_t *share)
{
    ngx_mesh_limit_lower(&limit->pending, share ? &share->pending : NULL);
}


void
ngx_mesh_limit_drain(ngx_mesh_limit_t *limit, ngx_mesh_limit_share_t *share)
{
    share->head = 0;

    ngx_mesh_limit_subtract(&limit->active, share->active);
    share->active = 0;

    ngx_mesh_limit_subtract(&limit->pending, share->pending);
    share->pending = 0;
}


ngx_uint_t
ngx_mesh_limit_before(ngx_atomic_uint_t a, ngx_atomic_uint_t b)
{
    if (a == 0 || b == 0) {
        return a != 0;
    }

    return (ngx_atomic_int_t) (a - b) < 0;
}


/* "bound" of 0: no limit */

static ngx_uint_t
ngx_mesh_limit_raise(ngx_atomic_t *count, ngx_atomic_t *share,
    ngx_uint_t bound)
{
    ngx_atomic_uint_t  n;

    if (share) {
        (*share)++;
        ngx_memory_barrier();
    }

    do {
        n = *count;

        if (bound && n >= bound) {

            if (share) {
                (*share)--;
            }

            return 0;
        }

    } while (!ngx_atomic_cmp_set(count, n, n + 1));

    return 1;
}


/* what a share does not have was taken back already */

static void
ngx_mesh_limit_lower(ngx_atomic_t *count, ngx_atomic_t *share)
{
    if (share) {
        if (*share == 0) {
            return;
        }

        ngx_mesh_limit_subtract(count, 1);
        (*share)--;
        return;
    }

    ngx_mesh_limit_subtract(count, 1);
}


static void
ngx_mesh_limit_subtract(ngx_atomic_t *count, ngx_atomic_uint_t n)
{
    ngx_atomic_uint_t  old, new;

    do {
        old = *count;
        new = (old > n) ? old - n : 0;

    } while (!ngx_atomic_cmp_set(count, old, new));
}
