
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The zone of metrics, and the shards of workers in it.
 *
 * A worker takes a slot with its pid when it starts.  A slot whose process is
 * gone is taken over with all that was counted in it; what it had in progress,
 * its gauges and the models that used its rows, is forgotten.  So a worker that
 * is killed loses nothing but the requests it was about to count.
 *
 * A single process keeps its shards in memory of its own: its requests may
 * outlive a zone that a reload has dropped.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"
#include "ngx_mesh_metrics_zone.h"
#include "ngx_mesh_shm_zone.h"


#define NGX_MESH_METRICS_MIN_ZONE  (512 * 1024)


/* of a single process, so that it stays reachable */

typedef struct ngx_mesh_metrics_block_s  ngx_mesh_metrics_block_t;

struct ngx_mesh_metrics_block_s {
    ngx_mesh_metrics_block_t  *next;
};


typedef struct {
    ngx_uint_t                 values;
    ngx_uint_t                 chunk;       /* rows */
    ngx_uint_t                 max;         /* chunks */
} ngx_mesh_metrics_kind_t;


static ngx_int_t ngx_mesh_metrics_init_zone(ngx_shm_zone_t *zone, void *data);
static ngx_uint_t ngx_mesh_metrics_valid(ngx_mesh_metrics_head_t *sh);
static ngx_int_t ngx_mesh_metrics_make(ngx_mesh_metrics_t *m);
static ngx_int_t ngx_mesh_metrics_make_table(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind);
static ngx_int_t ngx_mesh_metrics_open(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_slot_t *slot);
static void ngx_mesh_metrics_drain(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_slot_t *slot);


static const ngx_mesh_metrics_kind_t
    ngx_mesh_metrics_kinds[NGX_MESH_METRICS_KINDS] =
{
    { NGX_MESH_SERVER_VALUES, 1, 1 },
    { NGX_MESH_HTTP_VALUES, 4, 1 },
    { NGX_MESH_LISTENER_VALUES, 4, 32 },
    { NGX_MESH_CLUSTER_VALUES, 16, NGX_MAX_UINT32_VALUE },
    { NGX_MESH_TARGET_VALUES, 16, NGX_MAX_UINT32_VALUE }
};


/* Envoy's default buckets */

const double  ngx_mesh_metrics_bounds[NGX_MESH_METRICS_BOUNDS] = {
    0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000,
    60000, 300000, 600000, 1800000, 3600000
};


const uint32_t  ngx_mesh_metrics_limits[NGX_MESH_METRICS_BOUNDS] = {
    0, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000,
    60000, 300000, 600000, 1800000, 3600000
};


/* the largest kind of row, and its references */
ngx_mesh_metrics_row_t  ngx_mesh_metrics_unread[NGX_MESH_METRICS_REFS
                                              + NGX_MESH_METRICS_MAX_VALUES];

ngx_mesh_metrics_row_t  *ngx_mesh_metrics_server =
                             &ngx_mesh_metrics_unread[NGX_MESH_METRICS_REFS];

ngx_uint_t  ngx_mesh_metrics_left;

static ngx_mesh_metrics_block_t  *ngx_mesh_metrics_blocks;


ngx_mesh_metrics_t *
ngx_mesh_metrics_create(ngx_conf_t *cf, size_t size)
{
    ngx_str_t            name;
    ngx_shm_zone_t      *zone;
    ngx_mesh_metrics_t  *m;

    m = ngx_pcalloc(cf->pool, sizeof(ngx_mesh_metrics_t));
    if (m == NULL || size == 0) {
        return m;
    }

    if (size < NGX_MESH_METRICS_MIN_ZONE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"metrics_zone\" of %uz bytes is too small, it "
                           "needs %uz", size,
                           (size_t) NGX_MESH_METRICS_MIN_ZONE);
        return NULL;
    }

    ngx_str_set(&name, "mesh_metrics");

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_mesh_module);
    if (zone == NULL) {
        return NULL;
    }

    if (zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate zone \"%V\"", &name);
        return NULL;
    }

    zone->init = ngx_mesh_metrics_init_zone;
    zone->data = m;

    return m;
}


static ngx_int_t
ngx_mesh_metrics_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_mesh_metrics_t *old = data;

    ngx_mesh_metrics_t  *m;

    m = zone->data;
    m->zone = 1;

    if (old) {
        m->sh = old->sh;
        m->shpool = old->shpool;
        /* a single process keeps its slot over a reload */
        m->slot = old->slot;
        return NGX_OK;
    }

    m->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists && ngx_mesh_metrics_valid(m->shpool->data)) {
        m->sh = m->shpool->data;
        return NGX_OK;
    }

    m->shpool->log_nomem = 0;

    if (ngx_mesh_metrics_make(m) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" of %uz bytes is too small",
                      &zone->shm.name, zone->shm.size);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_mesh_metrics_t *
ngx_mesh_metrics_attach(ngx_pool_t *pool, ngx_slab_pool_t *shpool)
{
    ngx_mesh_metrics_t  *m;

    m = ngx_pcalloc(pool, sizeof(ngx_mesh_metrics_t));
    if (m == NULL) {
        return NULL;
    }

    m->shpool = shpool;
    m->sh = shpool->data;

    if (m->sh == NULL && ngx_mesh_metrics_make(m) != NGX_OK) {
        return NULL;
    }

    return m;
}


static ngx_uint_t
ngx_mesh_metrics_valid(ngx_mesh_metrics_head_t *sh)
{
    return sh != NULL
           && sh->magic == NGX_MESH_METRICS_MAGIC
           && sh->layout == NGX_MESH_METRICS_LAYOUT
           && sh->size == sizeof(ngx_mesh_metrics_head_t)
                         + ngx_mesh_metrics_overflow_size();
}


static ngx_int_t
ngx_mesh_metrics_make(ngx_mesh_metrics_t *m)
{
    size_t                    size;
    ngx_uint_t                i;
    ngx_mesh_metrics_head_t  *sh;

    sh = ngx_slab_calloc(m->shpool, sizeof(ngx_mesh_metrics_head_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    m->sh = sh;

    sh->room = m->shpool->pfree * ngx_pagesize;
    sh->arena = ngx_slab_alloc(m->shpool, sh->room);

    if (sh->arena == NULL) {
        return NGX_ERROR;
    }

    size = ngx_mesh_metrics_overflow_size() * sizeof(uint64_t);

    for (i = 0; i < NGX_MESH_METRICS_SLOTS; i++) {
        sh->slots[i].overflow = (uint64_t *) (sh->arena + i * size);
    }

    sh->used = NGX_MESH_METRICS_SLOTS * size;

    if (sh->used > sh->room) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_MESH_METRICS_KINDS; i++) {
        if (ngx_mesh_metrics_make_table(m, i) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    sh->magic = NGX_MESH_METRICS_MAGIC;
    sh->layout = NGX_MESH_METRICS_LAYOUT;
    sh->size = sizeof(ngx_mesh_metrics_head_t)
               + ngx_mesh_metrics_overflow_size();

    m->shpool->data = sh;

    return NGX_OK;
}


/* as many chunks as the zone could hold if it held nothing else */

static ngx_int_t
ngx_mesh_metrics_make_table(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind)
{
    size_t                     size;
    uint32_t                   n;
    ngx_uint_t                 rows;
    ngx_mesh_metrics_table_t  *table;

    rows = ngx_mesh_metrics_chunk(kind);
    table = &m->sh->tables[kind];

    size = rows * ngx_mesh_metrics_width(kind) * sizeof(uint64_t);

    table->max_chunks = (uint32_t) ngx_min(m->sh->room / size + 1,
                                           ngx_mesh_metrics_kinds[kind].max);

    for (n = 4; n < table->max_chunks * rows / 2; n <<= 1) { /* void */ }

    table->mask = n - 1;
    table->buckets = ngx_mesh_metrics_alloc(m, n * sizeof(uint32_t));
    table->chunks = ngx_mesh_metrics_alloc(m, table->max_chunks
                                      * sizeof(ngx_mesh_metrics_meta_t *));

    if (table->buckets == NULL || table->chunks == NULL) {
        return NGX_ERROR;
    }

    ngx_memset(table->buckets, 0xff, n * sizeof(uint32_t));

    return NGX_OK;
}


void *
ngx_mesh_metrics_alloc(ngx_mesh_metrics_t *m, size_t size)
{
    u_char                   *p;
    ngx_mesh_metrics_head_t  *sh;

    sh = m->sh;
    size = ngx_align(size, 64);

    if (sh->room - sh->used < size) {
        return NULL;
    }

    p = sh->arena + sh->used;

    ngx_memory_barrier();
    sh->used += size;

    ngx_memzero(p, size);

    return p;
}


uint64_t *
ngx_mesh_metrics_alloc_shard(ngx_mesh_metrics_t *m, size_t size)
{
    ngx_mesh_metrics_block_t  *block;

    if (!m->private) {
        return ngx_mesh_metrics_alloc(m, size);
    }

    block = ngx_alloc(sizeof(ngx_mesh_metrics_block_t) + size, ngx_cycle->log);
    if (block == NULL) {
        return NULL;
    }

    block->next = ngx_mesh_metrics_blocks;
    ngx_mesh_metrics_blocks = block;

    ngx_memzero(block + 1, size);

    return (uint64_t *) (block + 1);
}


void
ngx_mesh_metrics_init_worker(ngx_mesh_metrics_t *m, ngx_log_t *log)
{
    ngx_uint_t                i;
    ngx_mesh_metrics_slot_t  *slot;

    m->log = log;
    ngx_mesh_metrics_left = 0;

    if (m->sh == NULL) {
        return;
    }

    m->private = (m->zone && ngx_process == NGX_PROCESS_SINGLE);

    for (i = 0; m->slot == NULL && i < NGX_MESH_METRICS_SLOTS; i++) {
        slot = &m->sh->slots[i];

        if (!ngx_mesh_slot_take(&slot->pid)) {
            continue;
        }

        ngx_mesh_metrics_drain(m, slot);
        m->slot = slot;

        ngx_shmtx_lock(&m->shpool->mutex);

        m->sh->nslots = ngx_max(m->sh->nslots, (uint32_t) i + 1);

        /* without, all it counts is in the overflow rows */
        (void) ngx_mesh_metrics_open(m, slot);

        ngx_shmtx_unlock(&m->shpool->mutex);
    }

    for ( /* void */ ; i < m->sh->nslots; i++) {
        slot = &m->sh->slots[i];

        if (slot != m->slot && slot->pid && ngx_mesh_slot_take(&slot->pid)) {
            ngx_mesh_metrics_drain(m, slot);
            slot->pid = 0;
        }
    }

    if (m->slot == NULL) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "mesh: there are more than %d workers with metrics, "
                      "this one does not count", NGX_MESH_METRICS_SLOTS);
        return;
    }

    ngx_mesh_metrics_server = ngx_mesh_metrics_row(m, NGX_MESH_METRICS_SERVER,
                                                   NULL);
}


/* a single process goes on with the cycle that comes */

void
ngx_mesh_metrics_exit_worker(ngx_mesh_metrics_t *m)
{
    ngx_mesh_metrics_slot_t  *slot;

    slot = m->slot;

    if (slot == NULL || m->private) {
        return;
    }

    m->slot = NULL;
    ngx_mesh_metrics_left = 1;
    ngx_mesh_metrics_server = ngx_mesh_metrics_nobody();

    ngx_mesh_metrics_drain(m, slot);

    ngx_memory_barrier();
    slot->pid = 0;
}


static ngx_int_t
ngx_mesh_metrics_open(ngx_mesh_metrics_t *m, ngx_mesh_metrics_slot_t *slot)
{
    uint64_t    *overflow;
    ngx_uint_t   i, n;

    for (i = 0; i < NGX_MESH_METRICS_KINDS; i++) {

        n = m->sh->tables[i].max_chunks;

        if (slot->shards[i] == NULL) {
            slot->shards[i] = ngx_mesh_metrics_alloc(m,
                                                     n * sizeof(uint64_t *));
        }

        if (slot->shards[i] == NULL) {
            return NGX_ERROR;
        }
    }

    if (m->private) {
        overflow = ngx_mesh_metrics_alloc_shard(m,
                         ngx_mesh_metrics_overflow_size() * sizeof(uint64_t));
        if (overflow == NULL) {
            return NGX_ERROR;
        }

        slot->overflow = overflow;
    }

    return NGX_OK;
}


/* counters stay, gauges and references end with their process */

static void
ngx_mesh_metrics_drain(ngx_mesh_metrics_t *m, ngx_mesh_metrics_slot_t *slot)
{
    uint32_t    i;
    uint64_t   *words;
    ngx_uint_t  kind, v;

    for (kind = 0; kind < NGX_MESH_METRICS_KINDS; kind++) {

        for (i = 0; i <= m->sh->tables[kind].nrows; i++) {

            words = (i < m->sh->tables[kind].nrows)
                    ? ngx_mesh_metrics_shard(slot, kind, i)
                    : slot->overflow + ngx_mesh_metrics_overflow(kind);

            if (words == NULL) {
                continue;
            }

            words[0] = 0;

            for (v = 0; v < ngx_mesh_metrics_kinds[kind].values; v++) {
                if (ngx_mesh_metrics_is_gauge(kind, v)) {
                    words[NGX_MESH_METRICS_REFS + v] = 0;
                }
            }
        }

        m->sh->tables[kind].barren = 0;
    }
}


ngx_uint_t
ngx_mesh_metrics_values(ngx_mesh_metrics_kind_e kind)
{
    return ngx_mesh_metrics_kinds[kind].values;
}


ngx_uint_t
ngx_mesh_metrics_chunk(ngx_mesh_metrics_kind_e kind)
{
    return ngx_mesh_metrics_kinds[kind].chunk;
}


ngx_uint_t
ngx_mesh_metrics_is_gauge(ngx_mesh_metrics_kind_e kind, ngx_uint_t value)
{
    switch (kind) {

    case NGX_MESH_METRICS_HTTP:
        return value == NGX_MESH_HTTP_RQ_ACTIVE;

    case NGX_MESH_METRICS_LISTENER:
        return value == NGX_MESH_LISTENER_CX_ACTIVE;

    case NGX_MESH_METRICS_CLUSTER:
        return value == NGX_MESH_CLUSTER_RQ_ACTIVE
               || value == NGX_MESH_CLUSTER_RQ_PENDING_ACTIVE
               || value == NGX_MESH_CLUSTER_CX_ACTIVE;

    default:
        return 0;
    }
}


/* of each slot, in whole cache lines */

size_t
ngx_mesh_metrics_overflow_size(void)
{
    return ngx_align(ngx_mesh_metrics_overflow(NGX_MESH_METRICS_KINDS), 8);
}


size_t
ngx_mesh_metrics_overflow(ngx_mesh_metrics_kind_e kind)
{
    size_t      n;
    ngx_uint_t  i;

    n = 0;

    for (i = 0; i < (ngx_uint_t) kind; i++) {
        n += ngx_mesh_metrics_width(i);
    }

    return n;
}
