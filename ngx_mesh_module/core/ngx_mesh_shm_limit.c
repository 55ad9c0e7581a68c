
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Limits in the shared zone: a row for each listener whose connection pool has
 * some, and the share of each worker in it.
 *
 * A row is found when a model is built, under the slab mutex, and is counted in
 * without it.  It is given to another key only if the documents of late did
 * not have it and nothing is counted in it, by the rule of endpoint rows (see
 * ngx_mesh_rows_claim()): the key goes first, then the counts are looked at,
 * while who counts does it first and then compares the key.
 *
 * Requests that wait do so in their worker.  Each worker shows the ticket of
 * the one that has waited longest there, and the lowest ticket of all is next.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_shm_zone.h"


static uint32_t ngx_mesh_shm_limit_find(ngx_mesh_shm_t *shm, uint64_t key);
static ngx_uint_t ngx_mesh_shm_limit_claim(ngx_mesh_shm_head_t *sh,
    ngx_mesh_limit_t *limit);
static void ngx_mesh_shm_limit_open(ngx_mesh_shm_t *shm);
static ngx_atomic_uint_t ngx_mesh_shm_limit_first(ngx_mesh_shm_t *shm,
    uint32_t row, ngx_atomic_uint_t late);


/* the share of this worker, NULL without a slot or memory for it */

static ngx_inline ngx_mesh_limit_share_t *
ngx_mesh_shm_limit_share(ngx_mesh_shm_t *shm, uint32_t row)
{
    ngx_mesh_limit_share_t  *shares;

    if (shm->slot == NULL) {
        return NULL;
    }

    shares = shm->sh->limits->shares[shm->slot - shm->sh->slots];

    return shares ? &shares[row] : NULL;
}


void
ngx_mesh_shm_limit_drain(ngx_mesh_shm_head_t *sh, ngx_mesh_slot_t *slot)
{
    ngx_uint_t               i;
    ngx_mesh_limit_share_t  *shares;

    shares = sh->limits ? sh->limits->shares[slot - sh->slots] : NULL;

    for (i = 0; shares && i < NGX_MESH_SHM_LIMITS; i++) {
        ngx_mesh_limit_drain(&sh->limits->rows[i], &shares[i]);
    }
}


uint32_t
ngx_mesh_shm_limit_row(ngx_mesh_shm_t *shm, ngx_atomic_uint_t seq,
    uint64_t key)
{
    uint32_t           row;
    ngx_mesh_limit_t  *limit;

    ngx_shmtx_lock(&shm->shpool->mutex);

    ngx_mesh_shm_limit_open(shm);

    row = ngx_mesh_shm_limit_find(shm, key);

    if (row != NGX_MESH_SHM_NO_ROW) {
        limit = &shm->sh->limits->rows[row];

        if (limit->key != key) {
            limit->seq = seq;
            limit->queued = 0;
            limit->overflows = 0;

            ngx_memory_barrier();
            limit->key = key;

        } else if ((ngx_atomic_int_t) (seq - limit->seq) > 0) {
            /* a worker may be behind */
            limit->seq = seq;
        }
    }

    ngx_shmtx_unlock(&shm->shpool->mutex);

    return row;
}


/* made with the first limit: most have none */

static void
ngx_mesh_shm_limit_open(ngx_mesh_shm_t *shm)
{
    ngx_uint_t              i;
    ngx_mesh_shm_limits_t  *limits;

    limits = shm->sh->limits;

    if (limits == NULL) {
        limits = ngx_slab_calloc_locked(shm->shpool,
                                        sizeof(ngx_mesh_shm_limits_t));

        ngx_memory_barrier();
        shm->sh->limits = limits;
    }

    if (limits == NULL || shm->slot == NULL) {
        return;
    }

    i = shm->slot - shm->sh->slots;

    if (limits->shares[i] == NULL) {
        limits->shares[i] = ngx_slab_calloc_locked(shm->shpool,
                        NGX_MESH_SHM_LIMITS * sizeof(ngx_mesh_limit_share_t));
    }
}


/* that of the key, else a free one, else one that is not used any more */

static uint32_t
ngx_mesh_shm_limit_find(ngx_mesh_shm_t *shm, uint64_t key)
{
    uint32_t           i, found;
    ngx_mesh_limit_t  *limit;

    if (shm->sh->limits == NULL) {
        return NGX_MESH_SHM_NO_ROW;
    }

    limit = shm->sh->limits->rows;
    found = NGX_MESH_SHM_NO_ROW;

    for (i = 0; i < NGX_MESH_SHM_LIMITS; i++) {

        if (limit[i].key == key) {
            return i;
        }

        if (limit[i].key == 0 && found == NGX_MESH_SHM_NO_ROW) {
            found = i;
        }
    }

    for (i = 0; found == NGX_MESH_SHM_NO_ROW && i < NGX_MESH_SHM_LIMITS; i++) {
        if (ngx_mesh_shm_limit_claim(shm->sh, &limit[i])) {
            found = i;
        }
    }

    return found;
}


static ngx_uint_t
ngx_mesh_shm_limit_claim(ngx_mesh_shm_head_t *sh, ngx_mesh_limit_t *limit)
{
    ngx_atomic_uint_t  key;

    if ((ngx_atomic_int_t) (sh->seq - limit->seq) < 2
        || limit->active || limit->pending)
    {
        return 0;
    }

    key = limit->key;

    limit->key = 0;
    ngx_memory_barrier();

    if (ngx_atomic_fetch_add(&limit->active, 0) == 0
        && ngx_atomic_fetch_add(&limit->pending, 0) == 0)
    {
        return 1;
    }

    limit->key = key;

    return 0;
}


ngx_mesh_limit_t *
ngx_mesh_shm_limit(ngx_mesh_shm_t *shm, uint32_t row, uint64_t key)
{
    ngx_mesh_shm_limits_t  *limits;

    limits = shm->left ? NULL : shm->sh->limits;

    if (limits == NULL
        || row >= NGX_MESH_SHM_LIMITS
        || limits->rows[row].key != key)
    {
        return NULL;
    }

    return &limits->rows[row];
}


ngx_int_t
ngx_mesh_shm_limit_enter(ngx_mesh_shm_t *shm, uint32_t row, uint64_t key,
    ngx_mesh_limit_bounds_t *bounds, ngx_atomic_uint_t *ticket)
{
    ngx_int_t                rc;
    ngx_mesh_limit_t        *limit;
    ngx_mesh_limit_share_t  *share;

    limit = ngx_mesh_shm_limit(shm, row, key);
    if (limit == NULL) {
        return NGX_DECLINED;
    }

    share = ngx_mesh_shm_limit_share(shm, row);

    rc = ngx_mesh_limit_enter(limit, share, bounds, ticket);

    if (limit->key == key || rc == NGX_BUSY) {
        return rc;
    }

    /* taken just now, see ngx_mesh_shm_limit_claim() */

    if (rc == NGX_OK) {
        ngx_mesh_limit_leave(limit, share);

    } else {
        ngx_mesh_limit_cancel(limit, share);
    }

    return NGX_DECLINED;
}


void
ngx_mesh_shm_limit_head(ngx_mesh_shm_t *shm, uint32_t row,
    ngx_atomic_uint_t ticket)
{
    ngx_mesh_limit_share_t  *share;

    share = shm->left ? NULL : ngx_mesh_shm_limit_share(shm, row);

    if (share) {
        share->head = ticket;

        /*
         * Who waits is seen first and then looks for room; who ends makes room
         * first and then looks for those who wait.  This is the barrier.
         */
        (void) ngx_atomic_fetch_add(&shm->sh->limits->rows[row].pending, 0);
    }
}


ngx_int_t
ngx_mesh_shm_limit_resume(ngx_mesh_shm_t *shm, uint32_t row,
    ngx_mesh_limit_bounds_t *bounds, ngx_atomic_uint_t late,
    ngx_atomic_uint_t *first)
{
    ngx_mesh_limit_t  *limit;

    if (shm->left) {
        return NGX_OK;
    }

    limit = &shm->sh->limits->rows[row];

    if (bounds->active && limit->active >= bounds->active) {
        return NGX_AGAIN;
    }

    *first = ngx_mesh_shm_limit_first(shm, row, late);

    if (*first) {
        return NGX_DECLINED;
    }

    return ngx_mesh_limit_resume(limit, ngx_mesh_shm_limit_share(shm, row),
                                 bounds);
}


/* the first ticket of other workers, if it is from before the first one here */

static ngx_atomic_uint_t
ngx_mesh_shm_limit_first(ngx_mesh_shm_t *shm, uint32_t row,
    ngx_atomic_uint_t late)
{
    ngx_uint_t               i;
    ngx_atomic_uint_t        head, first;
    ngx_mesh_limit_share_t  *share, *shares;

    share = ngx_mesh_shm_limit_share(shm, row);

    if (share == NULL) {
        return 0;
    }

    first = share->head;

    for (i = 0; i < NGX_MESH_SHM_SLOTS; i++) {
        shares = shm->sh->limits->shares[i];

        if (shm->sh->slots[i].pid == 0 || shares == NULL) {
            continue;
        }

        head = shares[row].head;

        if (ngx_mesh_limit_before(head, first)
            && (late == 0 || ngx_mesh_limit_before(late, head)))
        {
            first = head;
        }
    }

    return (first == share->head) ? 0 : first;
}


/* the last request of a single process may end after its zone is gone */

void
ngx_mesh_shm_limit_leave(ngx_mesh_shm_t *shm, uint32_t row)
{
    if (!shm->left) {
        ngx_mesh_limit_leave(&shm->sh->limits->rows[row],
                             ngx_mesh_shm_limit_share(shm, row));
    }
}


void
ngx_mesh_shm_limit_cancel(ngx_mesh_shm_t *shm, uint32_t row)
{
    if (!shm->left) {
        ngx_mesh_limit_cancel(&shm->sh->limits->rows[row],
                              ngx_mesh_shm_limit_share(shm, row));
    }
}


ngx_uint_t
ngx_mesh_shm_limit_waits(ngx_mesh_shm_t *shm, uint32_t row)
{
    return !shm->left && shm->sh->limits->rows[row].pending != 0;
}


void
ngx_mesh_shm_drain(ngx_mesh_shm_t *shm)
{
    ngx_atomic_uint_t  old;

    do {
        old = shm->sh->draining;

    } while (old < shm->cycle
             && !ngx_atomic_cmp_set(&shm->sh->draining, old, shm->cycle));
}


ngx_uint_t
ngx_mesh_shm_draining(ngx_mesh_shm_t *shm)
{
    return !shm->left && shm->sh->draining >= shm->cycle;
}
