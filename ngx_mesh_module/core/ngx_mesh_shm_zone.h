
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * How the shared zone is laid out; for ngx_mesh_shm*.c and ngx_mesh_rows.c
 * only.  NGX_MESH_SHM_LAYOUT is to be raised with every change here or of
 * ngx_mesh_row_t.
 */


#ifndef _NGX_MESH_SHM_ZONE_H_INCLUDED_
#define _NGX_MESH_SHM_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_limit.h"
#include "ngx_mesh_shm.h"


#define NGX_MESH_SHM_MAGIC         0x7a48534d   /* "MSHz" */
#define NGX_MESH_SHM_LAYOUT        5

#define NGX_MESH_SHM_CHUNK         512          /* rows */
#define NGX_MESH_SHM_BATCH         256          /* rows looked up per lock */
#define NGX_MESH_SHM_SLOTS         256          /* workers, leaving ones too */


/*
 * A document and the part of the zone that is set aside for it.  There are two
 * parts, taken once and for good: publishing does not touch the slab allocator,
 * which a process that is killed inside of it leaves in disorder.
 */

typedef struct {
    u_char                  *data;
    size_t                   room;
    size_t                   size;
    ngx_mesh_source_e        source;
    time_t                   applied;
    u_char                   version[NGX_MESH_SHM_VERSION_LEN];
    ngx_mesh_origin_t        origin;
} ngx_mesh_shm_document_t;


/* a worker and its share of the in-flight counts, by row, in chunks */

typedef struct {
    ngx_atomic_t             pid;           /* 0: free */
    uint32_t               **shares;
} ngx_mesh_slot_t;


/* limits of listeners, and the shares of workers in them, by slot and row */

typedef struct {
    ngx_mesh_limit_t         rows[NGX_MESH_SHM_LIMITS];
    ngx_mesh_limit_share_t  *shares[NGX_MESH_SHM_SLOTS];
} ngx_mesh_shm_limits_t;


typedef struct {
    uint32_t                 magic;
    uint32_t                 layout;
    size_t                   size;          /* of this structure */

    /* the document "seq" is in documents[seq & 1], the other is the next */
    ngx_atomic_t             seq;
    ngx_atomic_t             generation;    /* of what is available */
    ngx_mesh_shm_document_t  documents[2];

    ngx_uint_t               rejections;
    time_t                   rejected;
    u_char                   rejected_version[NGX_MESH_SHM_VERSION_LEN];
    u_char                   reason[NGX_MESH_SHM_REASON_LEN];
    u_char                   source_error[NGX_MESH_SHM_REASON_LEN];
    time_t                   contact;
    time_t                   failing;
    u_char                   name[NGX_MESH_SHM_NAME_LEN];

    /* the lease of the agent, taken by a change of "agent" */
    ngx_atomic_t             agent;         /* pid, 0: free */
    ngx_atomic_t             beat;          /* ms of the monotonic clock */

    /* all row indices are below nrows, which never shrinks */
    ngx_mesh_row_t         **chunks;
    uint32_t                 max_chunks;
    uint32_t                 nrows;
    uint32_t                *buckets;
    uint32_t                 mask;          /* of buckets */
    uint32_t                 hand;          /* where to look for a free row */
    uint32_t                 barren;        /* rows it passed in vain */

    ngx_mesh_shm_limits_t   *limits;        /* NULL: there never were any */

    /* cycles are counted, so that workers of each know which one drains */
    ngx_atomic_t             cycles;
    ngx_atomic_t             draining;      /* all up to this one */

    ngx_mesh_slot_t          slots[NGX_MESH_SHM_SLOTS];
} ngx_mesh_shm_head_t;


/* what each process has of its own */

struct ngx_mesh_shm_s {
    ngx_mesh_shm_head_t     *sh;
    ngx_slab_pool_t         *shpool;
    ngx_mesh_slot_t         *slot;          /* of this worker, or NULL */
    ngx_atomic_uint_t        cycle;         /* see "cycles" */
    ngx_uint_t               left;          /* the worker is on its way out */
};


/* makes the empty tables of rows; "sh" is zeroed */
ngx_int_t ngx_mesh_rows_init(ngx_mesh_shm_head_t *sh, ngx_slab_pool_t *shpool);

/*
 * Takes the slot whose pid this is: 1 if it was free, or its worker is gone,
 * and now is ours.
 */
ngx_uint_t ngx_mesh_slot_take(ngx_atomic_t *owner);

/* --- ngx_mesh_shm_limit.c --- */

/* takes back what the worker of a slot had, which is gone */
void ngx_mesh_shm_limit_drain(ngx_mesh_shm_head_t *sh, ngx_mesh_slot_t *slot);


#endif /* _NGX_MESH_SHM_ZONE_H_INCLUDED_ */
