
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the agent keeps in the shared zone: what it knows of its source, for
 * the next agent and for operators, and the lease that makes it the only one.
 *
 * The lease is a pid, changed by compare-and-set, and a time that its holder
 * renews.  Who finds the holder dead, or its time long past (a process that
 * hangs, or a pid that belongs to another by now), takes it.  Worker 0, which
 * the master starts again at once when it dies, gets it first.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <signal.h>

#include "ngx_mesh_shm_zone.h"


#define NGX_MESH_SHM_AGENT_GONE   2000      /* ms, for workers but the first */
#define NGX_MESH_SHM_AGENT_STUCK  5000      /* ms */


void
ngx_mesh_shm_origin(ngx_mesh_shm_t *shm, ngx_atomic_uint_t seq,
    ngx_mesh_origin_t *origin)
{
    ngx_shmtx_lock(&shm->shpool->mutex);

    if (seq && shm->sh->seq == seq) {
        shm->sh->documents[seq & 1].origin = *origin;
    }

    ngx_shmtx_unlock(&shm->shpool->mutex);
}


void
ngx_mesh_shm_name(ngx_mesh_shm_t *shm, u_char name[NGX_MESH_SHM_NAME_LEN])
{
    u_char  *shared;

    shared = shm->sh->name;

    ngx_shmtx_lock(&shm->shpool->mutex);

    if (shared[0]) {
        ngx_memcpy(name, shared, NGX_MESH_SHM_NAME_LEN);

    } else {
        ngx_memcpy(shared, name, NGX_MESH_SHM_NAME_LEN);
    }

    ngx_shmtx_unlock(&shm->shpool->mutex);
}


void
ngx_mesh_shm_contact(ngx_mesh_shm_t *shm)
{
    shm->sh->contact = ngx_time();
}


ngx_uint_t
ngx_mesh_shm_agent_acquire(ngx_mesh_shm_t *shm, ngx_uint_t first)
{
    ngx_uint_t            gone;
    ngx_msec_int_t        age;
    ngx_atomic_uint_t     pid;
    ngx_mesh_shm_head_t  *sh;

    sh = shm->sh;
    pid = sh->agent;

    if (pid == (ngx_atomic_uint_t) ngx_pid) {
        return ngx_mesh_shm_agent_beat(shm);
    }

    age = (ngx_msec_int_t) (ngx_current_msec - sh->beat);

    gone = (pid == 0
            || (kill((ngx_pid_t) pid, 0) == -1 && ngx_errno == NGX_ESRCH));

    if (!(gone && (first || age > NGX_MESH_SHM_AGENT_GONE))
        && age <= NGX_MESH_SHM_AGENT_STUCK)
    {
        return 0;
    }

    if (!ngx_atomic_cmp_set(&sh->agent, pid, (ngx_atomic_uint_t) ngx_pid)) {
        return 0;
    }

    sh->beat = ngx_current_msec;

    return 1;
}


ngx_uint_t
ngx_mesh_shm_agent_beat(ngx_mesh_shm_t *shm)
{
    if (shm->sh->agent != (ngx_atomic_uint_t) ngx_pid) {
        return 0;
    }

    shm->sh->beat = ngx_current_msec;

    return 1;
}


void
ngx_mesh_shm_agent_release(ngx_mesh_shm_t *shm)
{
    ngx_mesh_shm_head_t  *sh;

    sh = shm->sh;

    if (sh->agent == (ngx_atomic_uint_t) ngx_pid) {
        sh->beat = ngx_current_msec;
        (void) ngx_atomic_cmp_set(&sh->agent, (ngx_atomic_uint_t) ngx_pid, 0);
    }
}
