
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Tables of what sinks were told: open addressing with a short window, in which
 * a row is found, or the place of one that is gone, or there is no room.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_shm_zone.h"
#include "ngx_mesh_told.h"


#define NGX_MESH_TOLD_MAGIC   0x746f6c64        /* "told" */
#define NGX_MESH_TOLD_LAYOUT  1
#define NGX_MESH_TOLD_WINDOW  64

#define NGX_MESH_TOLD_FNV_OFFSET  0xcbf29ce484222325ULL
#define NGX_MESH_TOLD_FNV_PRIME   0x100000001b3ULL


typedef struct {
    uint64_t                 key;               /* 0: free */
    uint64_t                 seen;              /* in that round */
    uint64_t                 values[NGX_MESH_STATS_VALUES];
} ngx_mesh_told_slot_t;


typedef struct {
    ngx_atomic_t             pid;               /* who looks after it */
    uint64_t                 round;
} ngx_mesh_told_table_t;


typedef struct {
    uint32_t                 magic;
    uint32_t                 layout;
    size_t                   width;             /* of a slot */
    ngx_uint_t               nslots;            /* of each table */
    ngx_mesh_told_table_t    tables[NGX_MESH_TOLD_SINKS];
    ngx_mesh_told_slot_t     slots[1];          /* of one table, then of the
                                                   next */
} ngx_mesh_told_head_t;


struct ngx_mesh_told_s {
    ngx_mesh_told_head_t    *sh;
};


static ngx_int_t ngx_mesh_told_init_zone(ngx_shm_zone_t *zone, void *data);
static void ngx_mesh_told_make(ngx_mesh_told_head_t *sh, size_t size);
static uint64_t ngx_mesh_told_key(ngx_mesh_stats_set_e set,
    ngx_mesh_stats_row_t *row);


ngx_mesh_told_t *
ngx_mesh_told_create(ngx_conf_t *cf, size_t metrics_size)
{
    ngx_str_t         name;
    ngx_shm_zone_t   *zone;
    ngx_mesh_told_t  *told;

    told = ngx_pcalloc(cf->pool, sizeof(ngx_mesh_told_t));
    if (told == NULL) {
        return NULL;
    }

    ngx_str_set(&name, "mesh_told");

    /* rows of metrics are smaller, but there is a copy for each worker */

    zone = ngx_shared_memory_add(cf, &name, 4 * metrics_size,
                                 &ngx_mesh_module);
    if (zone == NULL) {
        return NULL;
    }

    zone->init = ngx_mesh_told_init_zone;
    zone->data = told;

    return told;
}


static ngx_int_t
ngx_mesh_told_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_mesh_told_t *old = data;

    size_t            size;
    ngx_slab_pool_t  *shpool;
    ngx_mesh_told_t  *told;

    told = zone->data;

    if (old) {
        told->sh = old->sh;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists && shpool->data) {
        told->sh = shpool->data;
        return NGX_OK;
    }

    /* all of it, never given back */

    size = shpool->pfree * ngx_pagesize;

    told->sh = ngx_slab_alloc(shpool, size);
    if (told->sh == NULL) {
        return NGX_ERROR;
    }

    told->sh->magic = 0;
    ngx_mesh_told_make(told->sh, size);

    shpool->data = told->sh;

    return NGX_OK;
}


ngx_mesh_told_t *
ngx_mesh_told_attach(ngx_pool_t *pool, u_char *memory, size_t size)
{
    ngx_mesh_told_t  *told;

    told = ngx_pcalloc(pool, sizeof(ngx_mesh_told_t));
    if (told == NULL) {
        return NULL;
    }

    told->sh = (ngx_mesh_told_head_t *) memory;
    ngx_mesh_told_make(told->sh, size);

    return told;
}


/* memory of a new zone is zeroed, and stays untouched until it is needed */

static void
ngx_mesh_told_make(ngx_mesh_told_head_t *sh, size_t size)
{
    if (sh->magic == NGX_MESH_TOLD_MAGIC
        && sh->layout == NGX_MESH_TOLD_LAYOUT
        && sh->width == sizeof(ngx_mesh_told_slot_t))
    {
        return;
    }

    sh->layout = NGX_MESH_TOLD_LAYOUT;
    sh->width = sizeof(ngx_mesh_told_slot_t);
    sh->nslots = (size - offsetof(ngx_mesh_told_head_t, slots))
                 / sizeof(ngx_mesh_told_slot_t) / NGX_MESH_TOLD_SINKS;
    sh->magic = NGX_MESH_TOLD_MAGIC;
}


ngx_uint_t
ngx_mesh_told_acquire(ngx_mesh_told_t *told, ngx_mesh_told_sink_e sink)
{
    ngx_mesh_told_table_t  *table;

    table = &told->sh->tables[sink];

    return table->pid == (ngx_atomic_uint_t) ngx_pid
           || ngx_mesh_slot_take(&table->pid);
}


void
ngx_mesh_told_release(ngx_mesh_told_t *told, ngx_mesh_told_sink_e sink)
{
    ngx_mesh_told_table_t  *table;

    table = &told->sh->tables[sink];

    (void) ngx_atomic_cmp_set(&table->pid, (ngx_atomic_uint_t) ngx_pid, 0);
}


void
ngx_mesh_told_round(ngx_mesh_told_t *told, ngx_mesh_told_sink_e sink)
{
    told->sh->tables[sink].round++;
}


uint64_t *
ngx_mesh_told_row(ngx_mesh_told_t *told, ngx_mesh_told_sink_e sink,
    ngx_mesh_stats_set_e set, ngx_mesh_stats_row_t *row)
{
    uint64_t               key, round;
    ngx_uint_t             i, n;
    ngx_mesh_told_slot_t  *slots, *slot, *free;
    ngx_mesh_told_head_t  *sh;

    sh = told->sh;
    round = sh->tables[sink].round;
    slots = sh->slots + sink * sh->nslots;
    key = ngx_mesh_told_key(set, row);

    free = NULL;
    n = ngx_min(NGX_MESH_TOLD_WINDOW, sh->nslots);

    for (i = 0; i < n; i++) {
        slot = &slots[(key + i) % sh->nslots];

        if (slot->key == key) {
            slot->seen = round;
            return slot->values;
        }

        if (free == NULL && (slot->key == 0 || slot->seen + 2 < round)) {
            free = slot;
        }

        if (slot->key == 0) {
            break;
        }
    }

    if (free == NULL) {
        return NULL;
    }

    /* who is killed in between leaves an empty place */

    free->key = (uint64_t) -1;
    free->seen = 0;
    ngx_memory_barrier();

    ngx_memzero(free->values, sizeof(free->values));
    free->seen = round;
    ngx_memory_barrier();

    free->key = key;

    return free->values;
}


/* neither 0 nor -1 */

static uint64_t
ngx_mesh_told_key(ngx_mesh_stats_set_e set, ngx_mesh_stats_row_t *row)
{
    size_t      j;
    uint64_t    key;
    ngx_uint_t  i;

    key = (NGX_MESH_TOLD_FNV_OFFSET ^ set) * NGX_MESH_TOLD_FNV_PRIME;

    for (i = 0; i < NGX_MESH_STATS_LABELS; i++) {
        for (j = 0; j < row->labels[i].len; j++) {
            key = (key ^ row->labels[i].data[j]) * NGX_MESH_TOLD_FNV_PRIME;
        }

        key = (key ^ 0xff) * NGX_MESH_TOLD_FNV_PRIME;
    }

    key &= 0x7fffffffffffffffULL;

    return key ? key : 1;
}
