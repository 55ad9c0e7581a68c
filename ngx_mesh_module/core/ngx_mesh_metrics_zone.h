
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * How the zone of metrics is laid out; for ngx_mesh_metrics*.c only.
 * NGX_MESH_METRICS_LAYOUT is to be raised with every change here, and when
 * values change places.
 *
 * Memory is taken off an arena and never given back, so that a process that is
 * killed leaves nothing in disorder.  First in it are the shards of overflow
 * rows, for all workers there may be: they do with the zone's last page.
 */


#ifndef _NGX_MESH_METRICS_ZONE_H_INCLUDED_
#define _NGX_MESH_METRICS_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_metrics.h"


#define NGX_MESH_METRICS_MAGIC     0x6d48534d   /* "MSHm" */
#define NGX_MESH_METRICS_LAYOUT    3

#define NGX_MESH_METRICS_SLOTS     256          /* workers, leaving ones too */
#define NGX_MESH_METRICS_NO_ROW    0xffffffff
#define NGX_MESH_METRICS_LABEL     511          /* bytes kept of a label */

/* before the values of a row in a shard: models of this worker that use it */
#define NGX_MESH_METRICS_REFS      1


/* what all workers share of a row: its labels, one after the other */

typedef struct {
    uint64_t                   key;
    uint32_t                   next;        /* in the bucket */
    uint32_t                   live;        /* 0: nobody's */
    uint16_t                   len[NGX_MESH_METRICS_LABELS];
    size_t                     room;        /* of the text */
    u_char                    *text;
} ngx_mesh_metrics_meta_t;


/* rows of a kind, in chunks; indices are below nrows, which never shrinks */

typedef struct {
    ngx_mesh_metrics_meta_t  **chunks;
    uint32_t                   max_chunks;
    uint32_t                   nrows;
    uint32_t                  *buckets;
    uint32_t                   mask;
    uint32_t                   hand;        /* where to look for a free row */
    uint32_t                   barren;      /* rows it passed in vain */
} ngx_mesh_metrics_table_t;


/* a worker, and its copies of the chunks */

typedef struct {
    ngx_atomic_t               pid;         /* 0: free */
    uint64_t                 **shards[NGX_MESH_METRICS_KINDS];
    uint64_t                  *overflow;
} ngx_mesh_metrics_slot_t;


typedef struct {
    uint32_t                   magic;
    uint32_t                   layout;
    size_t                     size;        /* of this structure and a row of
                                               each kind */

    u_char                    *arena;
    size_t                     room;
    size_t                     used;

    uint32_t                   nslots;      /* those used so far */
    ngx_mesh_metrics_table_t   tables[NGX_MESH_METRICS_KINDS];
    ngx_mesh_metrics_slot_t    slots[NGX_MESH_METRICS_SLOTS];
} ngx_mesh_metrics_head_t;


/* what each process has of its own */

struct ngx_mesh_metrics_s {
    ngx_mesh_metrics_head_t   *sh;          /* NULL: there is no zone */
    ngx_slab_pool_t           *shpool;
    ngx_mesh_metrics_slot_t   *slot;        /* of this worker, or NULL */
    ngx_log_t                 *log;
    unsigned                   zone:1;      /* it is one of nginx's */
    unsigned                   private:1;   /* shards are not in the zone */
    unsigned                   full:1;      /* that was logged */

    /* labels of the row that was read last */
    u_char                     text[NGX_MESH_METRICS_LABELS
                                    * NGX_MESH_METRICS_LABEL];
};


/* rows of a chunk, values of a row with what is before them */

ngx_uint_t ngx_mesh_metrics_chunk(ngx_mesh_metrics_kind_e kind);

#define ngx_mesh_metrics_width(kind)                                          \
    (NGX_MESH_METRICS_REFS + ngx_mesh_metrics_values(kind))


/* zeroed, NULL when the arena is used up; with the mutex held */
void *ngx_mesh_metrics_alloc(ngx_mesh_metrics_t *m, size_t size);

/* memory for a shard, zeroed; with the mutex held */
uint64_t *ngx_mesh_metrics_alloc_shard(ngx_mesh_metrics_t *m, size_t size);

/* words of the overflow rows of all kinds, and where that of a kind is */
size_t ngx_mesh_metrics_overflow_size(void);
size_t ngx_mesh_metrics_overflow(ngx_mesh_metrics_kind_e kind);

/* this worker's (or another slot's) words of a row, refs first; or NULL */
uint64_t *ngx_mesh_metrics_shard(ngx_mesh_metrics_slot_t *slot,
    ngx_mesh_metrics_kind_e kind, uint32_t index);

ngx_mesh_metrics_meta_t *ngx_mesh_metrics_meta(
    ngx_mesh_metrics_table_t *table, ngx_mesh_metrics_kind_e kind,
    uint32_t index);

/* the worker gave its slot back: what it still holds is not its own */
extern ngx_uint_t  ngx_mesh_metrics_left;


#endif /* _NGX_MESH_METRICS_ZONE_H_INCLUDED_ */
