
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * State rows of endpoints in the shared zone: the in-flight counts, and which
 * endpoints are available.
 *
 * Every worker looks the rows of a new model up by key, under the slab mutex,
 * and from then on counts without it.  A row is found by hash and never moves;
 * when no document of late has its key and nothing is in flight it is given to
 * another key.  Whoever holds an index compares the key, so a row that changed
 * hands is merely not found.
 *
 * A worker keeps its own share of each in-flight count in a slot.  The slot of
 * a worker that was killed is found by the next one that starts, which takes
 * the shares back.  Where two stores cannot be one, the order is such that a
 * kill between them lets a count be too low for a while (counts never go below
 * zero and so recover) rather than too high for ever.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_shm_zone.h"


#define NGX_MESH_ROWS_LOOK         8        /* rows tried before a new one */
#define NGX_MESH_ROWS_LOOK_HARD    16384    /* when there is no new one */


static uint32_t ngx_mesh_rows_get(ngx_mesh_shm_t *shm, uint64_t key,
    uint32_t seq);
static uint32_t ngx_mesh_rows_new(ngx_mesh_shm_t *shm);
static uint32_t ngx_mesh_rows_reuse(ngx_mesh_shm_t *shm, ngx_uint_t max);
static ngx_uint_t ngx_mesh_rows_claim(ngx_mesh_shm_head_t *sh, uint32_t index,
    ngx_mesh_row_t *row);
static void ngx_mesh_rows_unlink(ngx_mesh_shm_head_t *sh, uint32_t index,
    uint64_t key);
static void ngx_mesh_rows_share(ngx_mesh_shm_t *shm, uint32_t chunk);
static void ngx_mesh_rows_subtract(ngx_atomic_t *count, ngx_atomic_uint_t n);
static ngx_int_t ngx_mesh_slot_open(ngx_mesh_shm_t *shm,
    ngx_mesh_slot_t *slot);
static ngx_uint_t ngx_mesh_slot_drain(ngx_mesh_shm_head_t *sh,
    ngx_mesh_slot_t *slot);


static ngx_inline ngx_mesh_row_t *
ngx_mesh_rows_at(ngx_mesh_shm_head_t *sh, uint32_t index)
{
    return &sh->chunks[index / NGX_MESH_SHM_CHUNK]
                      [index % NGX_MESH_SHM_CHUNK];
}


static ngx_inline uint32_t *
ngx_mesh_rows_bucket(ngx_mesh_shm_head_t *sh, uint64_t key)
{
    return &sh->buckets[(key ^ (key >> 32)) & sh->mask];
}


/* the share of this worker, which has a slot, or NULL */

static ngx_inline uint32_t *
ngx_mesh_rows_own(ngx_mesh_shm_t *shm, uint32_t index)
{
    uint32_t  *shares;

    shares = shm->slot->shares[index / NGX_MESH_SHM_CHUNK];

    return shares ? &shares[index % NGX_MESH_SHM_CHUNK] : NULL;
}


ngx_int_t
ngx_mesh_rows_init(ngx_mesh_shm_head_t *sh, ngx_slab_pool_t *shpool)
{
    size_t    size;
    uint32_t  i, n;

    /* as many chunks as the zone could hold if it held nothing else */

    size = (size_t) (shpool->end - (u_char *) shpool);
    n = size / (NGX_MESH_SHM_CHUNK * sizeof(ngx_mesh_row_t)) + 1;

    sh->max_chunks = n;

    sh->chunks = ngx_slab_calloc(shpool, n * sizeof(ngx_mesh_row_t *));
    if (sh->chunks == NULL) {
        return NGX_ERROR;
    }

    for (i = NGX_MESH_SHM_CHUNK / 4; i < n * NGX_MESH_SHM_CHUNK / 4; i <<= 1) {
        /* void */
    }

    sh->mask = i - 1;

    sh->buckets = ngx_slab_alloc(shpool, i * sizeof(uint32_t));
    if (sh->buckets == NULL) {
        return NGX_ERROR;
    }

    ngx_memset(sh->buckets, 0xff, i * sizeof(uint32_t));

    sh->generation = 1;

    return NGX_OK;
}


void
ngx_mesh_shm_rows(ngx_mesh_shm_t *shm, ngx_atomic_uint_t seq,
    const uint64_t *keys, uint32_t *rows, ngx_uint_t n)
{
    ngx_uint_t  i, end;

    for (i = 0; i < n; /* void */) {

        end = ngx_min(i + NGX_MESH_SHM_BATCH, n);

        ngx_shmtx_lock(&shm->shpool->mutex);

        for ( /* void */ ; i < end; i++) {
            rows[i] = ngx_mesh_rows_get(shm, keys[i], (uint32_t) seq);
        }

        ngx_shmtx_unlock(&shm->shpool->mutex);
    }
}


static uint32_t
ngx_mesh_rows_get(ngx_mesh_shm_t *shm, uint64_t key, uint32_t seq)
{
    uint32_t              i, *bucket;
    ngx_mesh_row_t       *row;
    ngx_mesh_shm_head_t  *sh;

    sh = shm->sh;
    bucket = ngx_mesh_rows_bucket(sh, key);

    for (i = *bucket; i != NGX_MESH_SHM_NO_ROW; i = row->next) {
        row = ngx_mesh_rows_at(sh, i);

        if (row->key == key) {

            /* a worker may be behind */

            if ((int32_t) (seq - row->seq) > 0) {
                row->seq = seq;
            }

            ngx_mesh_rows_share(shm, i / NGX_MESH_SHM_CHUNK);

            return i;
        }
    }

    i = ngx_mesh_rows_new(shm);

    if (i == NGX_MESH_SHM_NO_ROW) {
        return i;
    }

    ngx_mesh_rows_share(shm, i / NGX_MESH_SHM_CHUNK);

    row = ngx_mesh_rows_at(sh, i);

    row->seq = seq;
    row->requests = 0;
    row->failures = 0;
    row->connections = 0;
    row->connect_failures = 0;
    row->checks = 0;
    row->health = NGX_MESH_ROW_UNCHECKED;
    row->since = ngx_current_msec;
    row->errors = 0;
    row->ejected = 0;
    row->ejections = 0;
    row->overflows = 0;
    row->multiplier = 0;
    row->swept = ngx_current_msec;
    row->next = *bucket;

    ngx_memory_barrier();
    row->key = key;

    *bucket = i;

    return i;
}


/*
 * A row that is in no bucket and has no key.  Rows of old documents are taken
 * first, a few are tried each time, so that the table does not grow while
 * endpoints come and go.
 */

static uint32_t
ngx_mesh_rows_new(ngx_mesh_shm_t *shm)
{
    uint32_t              i, chunk;
    ngx_mesh_row_t       *rows;
    ngx_mesh_shm_head_t  *sh;

    i = ngx_mesh_rows_reuse(shm, NGX_MESH_ROWS_LOOK);
    if (i != NGX_MESH_SHM_NO_ROW) {
        return i;
    }

    sh = shm->sh;
    chunk = sh->nrows / NGX_MESH_SHM_CHUNK;

    if (chunk == sh->max_chunks) {
        return ngx_mesh_rows_reuse(shm, NGX_MESH_ROWS_LOOK_HARD);
    }

    if (sh->chunks[chunk] == NULL) {

        rows = ngx_slab_calloc_locked(shm->shpool, NGX_MESH_SHM_CHUNK
                                                   * sizeof(ngx_mesh_row_t));
        if (rows == NULL) {
            return ngx_mesh_rows_reuse(shm, NGX_MESH_ROWS_LOOK_HARD);
        }

        sh->chunks[chunk] = rows;
    }

    ngx_memory_barrier();

    return sh->nrows++;
}


/*
 * Looks at up to "max" rows.  After a whole turn without success nothing is
 * tried until the next document.
 */

static uint32_t
ngx_mesh_rows_reuse(ngx_mesh_shm_t *shm, ngx_uint_t max)
{
    uint32_t              i;
    ngx_mesh_row_t       *row;
    ngx_mesh_shm_head_t  *sh;

    sh = shm->sh;

    while (max-- && sh->barren < sh->nrows) {

        i = sh->hand;
        sh->hand = (i + 1 < sh->nrows) ? i + 1 : 0;

        row = ngx_mesh_rows_at(sh, i);

        /* a row without a key is one whose taker was killed */

        if (row->key == 0 || ngx_mesh_rows_claim(sh, i, row)) {
            sh->barren = 0;
            return i;
        }

        sh->barren++;
    }

    return NGX_MESH_SHM_NO_ROW;
}


/*
 * Takes a row from its key if it is not in use.  A worker that counts a
 * request adds first and then compares the key; here the key goes first and
 * then the count is looked at, so that one of the two sees the other.
 */

static ngx_uint_t
ngx_mesh_rows_claim(ngx_mesh_shm_head_t *sh, uint32_t index,
    ngx_mesh_row_t *row)
{
    uint32_t  *bucket;
    uint64_t   key;

    if ((int32_t) ((uint32_t) sh->seq - row->seq) < 2 || row->in_flight) {
        return 0;
    }

    key = row->key;

    ngx_mesh_rows_unlink(sh, index, key);

    row->key = 0;
    ngx_memory_barrier();

    if (ngx_atomic_fetch_add(&row->in_flight, 0) == 0) {
        return 1;
    }

    row->key = key;

    bucket = ngx_mesh_rows_bucket(sh, key);
    row->next = *bucket;
    *bucket = index;

    return 0;
}


static void
ngx_mesh_rows_unlink(ngx_mesh_shm_head_t *sh, uint32_t index, uint64_t key)
{
    uint32_t  *next;

    next = ngx_mesh_rows_bucket(sh, key);

    while (*next != NGX_MESH_SHM_NO_ROW) {

        if (*next == index) {
            *next = ngx_mesh_rows_at(sh, index)->next;
            return;
        }

        next = &ngx_mesh_rows_at(sh, *next)->next;
    }
}


/* room for this worker's shares of a chunk; without it nothing is counted */

static void
ngx_mesh_rows_share(ngx_mesh_shm_t *shm, uint32_t chunk)
{
    if (shm->slot == NULL || shm->slot->shares[chunk]) {
        return;
    }

    shm->slot->shares[chunk] = ngx_slab_calloc_locked(shm->shpool,
                                        NGX_MESH_SHM_CHUNK * sizeof(uint32_t));
}


ngx_mesh_row_t *
ngx_mesh_shm_row(ngx_mesh_shm_t *shm, uint32_t row, uint64_t key)
{
    ngx_mesh_row_t  *r;

    /* requests of a single process may outlive a zone that a reload dropped */

    if (shm->left || row >= shm->sh->nrows) {
        return NULL;
    }

    r = ngx_mesh_rows_at(shm->sh, row);

    return r->key == key ? r : NULL;
}


ngx_atomic_uint_t
ngx_mesh_shm_generation(ngx_mesh_shm_t *shm)
{
    return shm->left ? 0 : shm->sh->generation;
}


/* a process killed before the count moves leaves the change for the next one */

ngx_uint_t
ngx_mesh_row_set_health(ngx_mesh_shm_t *shm, ngx_mesh_row_t *row,
    ngx_mesh_row_health_e health)
{
    ngx_atomic_uint_t  old;

    do {
        old = row->health;

        if (old == (ngx_atomic_uint_t) health) {
            return 0;
        }

        if (health == NGX_MESH_ROW_HEALTHY && old != NGX_MESH_ROW_UNCHECKED) {
            row->since = ngx_current_msec;
        }

    } while (!ngx_atomic_cmp_set(&row->health, old, health));

    (void) ngx_atomic_fetch_add(&shm->sh->generation, 1);

    return 1;
}


void
ngx_mesh_row_eject(ngx_mesh_shm_t *shm, ngx_mesh_row_t *row, ngx_msec_t now,
    ngx_msec_t until)
{
    row->swept = now;
    row->ejections++;
    row->ejected = until | 1;

    (void) ngx_atomic_fetch_add(&shm->sh->generation, 1);
}


/* errors of before would eject it again at the first new one */

void
ngx_mesh_row_return(ngx_mesh_shm_t *shm, ngx_mesh_row_t *row, ngx_msec_t now)
{
    row->errors = 0;
    row->since = now;

    ngx_memory_barrier();
    row->ejected = 0;

    (void) ngx_atomic_fetch_add(&shm->sh->generation, 1);
}


void
ngx_mesh_shm_lock(ngx_mesh_shm_t *shm)
{
    ngx_shmtx_lock(&shm->shpool->mutex);
}


void
ngx_mesh_shm_unlock(ngx_mesh_shm_t *shm)
{
    ngx_shmtx_unlock(&shm->shpool->mutex);
}


ngx_mesh_row_t *
ngx_mesh_shm_enter(ngx_mesh_shm_t *shm, uint32_t row, uint64_t key)
{
    uint32_t        *share;
    ngx_mesh_row_t  *r;

    r = ngx_mesh_shm_row(shm, row, key);
    if (r == NULL) {
        return NULL;
    }

    if (shm->slot == NULL) {
        (void) ngx_atomic_fetch_add(&r->in_flight, 1);
        return r;
    }

    share = ngx_mesh_rows_own(shm, row);
    if (share == NULL) {
        return NULL;
    }

    (*share)++;
    (void) ngx_atomic_fetch_add(&r->in_flight, 1);

    if (r->key != key) {
        /* taken just now, see ngx_mesh_rows_claim() */
        ngx_mesh_rows_subtract(&r->in_flight, 1);
        (*share)--;
        return NULL;
    }

    return r;
}


/*
 * A key of 0 is that of a row which ngx_mesh_rows_claim() is about to find in
 * use.
 */

void
ngx_mesh_shm_leave(ngx_mesh_shm_t *shm, uint32_t row, uint64_t key)
{
    uint32_t        *share;
    ngx_mesh_row_t  *r;

    if (shm->left || row >= shm->sh->nrows) {
        return;
    }

    r = ngx_mesh_rows_at(shm->sh, row);

    if (r->key != key && r->key != 0) {
        return;
    }

    if (shm->slot == NULL) {
        ngx_mesh_rows_subtract(&r->in_flight, 1);
        return;
    }

    share = ngx_mesh_rows_own(shm, row);

    if (share && *share) {
        ngx_mesh_rows_subtract(&r->in_flight, 1);
        (*share)--;
    }
}


static void
ngx_mesh_rows_subtract(ngx_atomic_t *count, ngx_atomic_uint_t n)
{
    ngx_atomic_uint_t  old, new;

    do {
        old = *count;
        new = (old > n) ? old - n : 0;

    } while (!ngx_atomic_cmp_set(count, old, new));
}


void
ngx_mesh_shm_init_worker(ngx_mesh_shm_t *shm, ngx_log_t *log)
{
    ngx_uint_t        i, lost;
    ngx_mesh_slot_t  *slot;

    shm->left = 0;

    if (shm->slot) {
        return;
    }

    lost = 0;

    for (i = 0; i < NGX_MESH_SHM_SLOTS; i++) {
        slot = &shm->sh->slots[i];

        if (slot->pid == 0 && shm->slot) {
            continue;
        }

        if (!ngx_mesh_slot_take(&slot->pid)) {
            continue;
        }

        lost += ngx_mesh_slot_drain(shm->sh, slot);
        ngx_mesh_shm_limit_drain(shm->sh, slot);

        if (shm->slot == NULL && ngx_mesh_slot_open(shm, slot) == NGX_OK) {
            shm->slot = slot;

        } else {
            slot->pid = 0;
        }
    }

    if (lost) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "mesh: %ui requests in flight of workers that died "
                      "are no longer counted", lost);
    }
}


void
ngx_mesh_shm_exit_worker(ngx_mesh_shm_t *shm)
{
    ngx_mesh_slot_t  *slot;

    slot = shm->slot;

    shm->slot = NULL;
    shm->left = 1;

    if (slot) {
        (void) ngx_mesh_slot_drain(shm->sh, slot);
        ngx_mesh_shm_limit_drain(shm->sh, slot);

        ngx_memory_barrier();
        slot->pid = 0;
    }
}


/*
 * A slot with our own pid is of a dead worker too.  The metrics' init_worker
 * runs a second time when a worker ends, but exit_worker has set the pid of the
 * slot it had to 0 before.
 */

ngx_uint_t
ngx_mesh_slot_take(ngx_atomic_t *owner)
{
    ngx_atomic_uint_t  pid;

    pid = *owner;

    if (pid != 0
        && pid != (ngx_atomic_uint_t) ngx_pid
        && (kill((ngx_pid_t) pid, 0) != -1 || ngx_errno != NGX_ESRCH))
    {
        return 0;
    }

    return ngx_atomic_cmp_set(owner, pid, (ngx_atomic_uint_t) ngx_pid);
}


static ngx_int_t
ngx_mesh_slot_open(ngx_mesh_shm_t *shm, ngx_mesh_slot_t *slot)
{
    if (slot->shares == NULL) {
        slot->shares = ngx_slab_calloc(shm->shpool, shm->sh->max_chunks
                                                    * sizeof(uint32_t *));
    }

    return slot->shares ? NGX_OK : NGX_ERROR;
}


/* takes all shares back; how many there were */

static ngx_uint_t
ngx_mesh_slot_drain(ngx_mesh_shm_head_t *sh, ngx_mesh_slot_t *slot)
{
    uint32_t    i, n, chunk, *shares;
    ngx_uint_t  lost;

    lost = 0;

    for (chunk = 0; slot->shares && chunk < sh->max_chunks; chunk++) {

        shares = slot->shares[chunk];

        for (i = 0; shares && i < NGX_MESH_SHM_CHUNK; i++) {

            n = shares[i];

            if (n) {
                ngx_mesh_rows_subtract(&sh->chunks[chunk][i].in_flight, n);
                shares[i] = 0;
                lost += n;
            }
        }
    }

    return lost;
}
