
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What workers share of sampling rules: the table, which changes under the
 * mutex of the zone and is copied out when its number has changed, and who of
 * them asks.  The lease is a pid, changed by compare and set, and a time that
 * its holder renews.  All of it survives a reload.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <signal.h>

#include "ngx_mesh.h"
#include "ngx_mesh_sampler_parts.h"


#define NGX_MESH_SAMPLER_MAGIC  0x706d5332  /* "2Smp" */
#define NGX_MESH_SAMPLER_STUCK  15000       /* ms */


typedef struct {
    uint32_t                     magic;
    uint32_t                     size;      /* of this structure */
    ngx_atomic_t                 asker;     /* pid, 0: nobody */
    ngx_atomic_t                 beat;      /* ms */
    ngx_atomic_t                 seq;       /* of the table, 0: there is none */
    ngx_atomic_t                 fetched;   /* s, 0: not yet */
    u_char                       id[NGX_MESH_SAMPLER_ID_LEN];
    ngx_mesh_sampler_table_t     table;     /* under the mutex */
} ngx_mesh_sampler_head_t;


struct ngx_mesh_sampler_share_s {
    ngx_mesh_sampler_head_t     *sh;
    ngx_slab_pool_t             *shpool;
};


static ngx_int_t ngx_mesh_sampler_share_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_mesh_sampler_share_head(ngx_mesh_sampler_share_t *share);
static void ngx_mesh_sampler_share_name(ngx_mesh_sampler_head_t *sh);


ngx_mesh_sampler_share_t *
ngx_mesh_sampler_share_add(ngx_cycle_t *cycle)
{
    size_t                     size;
    ngx_str_t                  name;
    ngx_conf_t                 cf;
    ngx_shm_zone_t            *zone;
    ngx_mesh_sampler_share_t  *share;

    ngx_str_set(&name, "mesh_sampler");

    share = ngx_pcalloc(cycle->pool, sizeof(ngx_mesh_sampler_share_t));
    if (share == NULL) {
        return NULL;
    }

    /* there is no directive to be read any more */

    ngx_memzero(&cf, sizeof(ngx_conf_t));
    cf.cycle = cycle;
    cf.pool = cycle->pool;
    cf.log = cycle->log;

    size = ngx_align(sizeof(ngx_mesh_sampler_head_t), ngx_pagesize)
           + 16 * ngx_pagesize;

    zone = ngx_shared_memory_add(&cf, &name, size, &ngx_mesh_module);
    if (zone == NULL) {
        return NULL;
    }

    zone->init = ngx_mesh_sampler_share_init;
    zone->data = share;

    return share;
}


static ngx_int_t
ngx_mesh_sampler_share_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_mesh_sampler_share_t *old = data;

    ngx_mesh_sampler_share_t  *share;

    share = zone->data;

    if (old) {
        *share = *old;
        return NGX_OK;
    }

    share->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    return ngx_mesh_sampler_share_head(share);
}


ngx_mesh_sampler_share_t *
ngx_mesh_sampler_share_attach(ngx_pool_t *pool, ngx_slab_pool_t *shpool)
{
    ngx_mesh_sampler_share_t  *share;

    share = ngx_pcalloc(pool, sizeof(ngx_mesh_sampler_share_t));
    if (share == NULL) {
        return NULL;
    }

    share->shpool = shpool;

    return ngx_mesh_sampler_share_head(share) == NGX_OK ? share : NULL;
}


/* another process, or the cycle before, may have made it */

static ngx_int_t
ngx_mesh_sampler_share_head(ngx_mesh_sampler_share_t *share)
{
    ngx_mesh_sampler_head_t  *sh;

    sh = share->shpool->data;

    if (sh == NULL
        || sh->magic != NGX_MESH_SAMPLER_MAGIC
        || sh->size != sizeof(ngx_mesh_sampler_head_t))
    {
        sh = ngx_slab_calloc(share->shpool, sizeof(ngx_mesh_sampler_head_t));
        if (sh == NULL) {
            return NGX_ERROR;
        }

        sh->magic = NGX_MESH_SAMPLER_MAGIC;
        sh->size = sizeof(ngx_mesh_sampler_head_t);

        ngx_mesh_sampler_share_name(sh);

        share->shpool->data = sh;
    }

    share->sh = sh;

    return NGX_OK;
}


static void
ngx_mesh_sampler_share_name(ngx_mesh_sampler_head_t *sh)
{
    u_char      bytes[NGX_MESH_SAMPLER_ID_LEN / 2];
    ngx_uint_t  i;

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (u_char) (ngx_random() >> 8);
    }

    (void) ngx_hex_dump(sh->id, bytes, sizeof(bytes));
}


ngx_uint_t
ngx_mesh_sampler_share_holds(ngx_mesh_sampler_share_t *share)
{
    ngx_atomic_uint_t         pid;
    ngx_mesh_sampler_head_t  *sh;

    sh = share->sh;
    pid = sh->asker;

    if (pid == (ngx_atomic_uint_t) ngx_pid) {
        sh->beat = ngx_current_msec;
        return 1;
    }

    if (pid
        && (ngx_msec_int_t) (ngx_current_msec - sh->beat)
           <= NGX_MESH_SAMPLER_STUCK
        && !(kill((ngx_pid_t) pid, 0) == -1 && ngx_errno == NGX_ESRCH))
    {
        return 0;
    }

    if (!ngx_atomic_cmp_set(&sh->asker, pid, (ngx_atomic_uint_t) ngx_pid)) {
        return 0;
    }

    sh->beat = ngx_current_msec;

    return 1;
}


void
ngx_mesh_sampler_share_release(ngx_mesh_sampler_share_t *share)
{
    (void) ngx_atomic_cmp_set(&share->sh->asker,
                              (ngx_atomic_uint_t) ngx_pid, 0);
}


u_char *
ngx_mesh_sampler_share_id(ngx_mesh_sampler_share_t *share)
{
    return share->sh->id;
}


ngx_uint_t
ngx_mesh_sampler_share_publish(ngx_mesh_sampler_share_t *share,
    ngx_mesh_sampler_table_t *table, time_t now)
{
    size_t                    len;
    ngx_uint_t                changed;
    ngx_mesh_sampler_head_t  *sh;

    sh = share->sh;
    len = offsetof(ngx_mesh_sampler_table_t, rules)
          + table->n * sizeof(ngx_mesh_sampler_rule_t);

    ngx_shmtx_lock(&share->shpool->mutex);

    changed = (sh->seq == 0 || ngx_memcmp(&sh->table, table, len) != 0);

    if (changed) {
        ngx_memcpy(&sh->table, table, len);
        sh->seq++;
    }

    sh->fetched = now;

    ngx_shmtx_unlock(&share->shpool->mutex);

    return changed;
}


ngx_atomic_uint_t
ngx_mesh_sampler_share_seq(ngx_mesh_sampler_share_t *share, time_t now)
{
    if (now - (time_t) share->sh->fetched > NGX_MESH_SAMPLER_AGE) {
        return 0;
    }

    return share->sh->seq;
}


time_t
ngx_mesh_sampler_share_fetched(ngx_mesh_sampler_share_t *share)
{
    return (time_t) share->sh->fetched;
}


ngx_atomic_uint_t
ngx_mesh_sampler_share_rules(ngx_mesh_sampler_share_t *share,
    ngx_mesh_sampler_table_t *table)
{
    ngx_atomic_uint_t  seq;

    ngx_shmtx_lock(&share->shpool->mutex);

    seq = share->sh->seq;
    *table = share->sh->table;

    ngx_shmtx_unlock(&share->shpool->mutex);

    return seq;
}
