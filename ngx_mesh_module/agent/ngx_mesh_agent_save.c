
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The last-known-good document: what the agent starts from while there is no
 * source, and keeps of each document that came into force.  The file is read
 * before a worker serves, and written in a thread (ngx_mesh_state.c).
 *
 * One that could not be written is tried again, and each reason logged once.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_agent_source.h"


#define NGX_MESH_AGENT_RETRY  60000     /* ms, writing the state file */


void
ngx_mesh_agent_load_state(ngx_mesh_agent_t *ag)
{
    u_char      error[NGX_MESH_STATE_ERROR_LEN];
    ngx_int_t   rc;
    ngx_str_t   reason;

    rc = ngx_mesh_state_read(ag->acf->state.data, ag->mcf->max_document,
                             &ag->text, &ag->state.origin, error,
                             ag->cycle->log);
    if (rc == NGX_DECLINED) {
        return;
    }

    reason.data = error;
    reason.len = (rc == NGX_ERROR) ? ngx_strlen(error) : 0;

    if (rc == NGX_OK && ngx_mesh_agent_load(ag) == NGX_OK) {

        if (ngx_mesh_loader_step(ag->loader, 0) == NGX_OK) {
            ngx_mesh_agent_accept(ag, NGX_MESH_SOURCE_LAST_KNOWN_GOOD, 1);
            ngx_mesh_agent_drop(ag);
            return;
        }

        reason = *ngx_mesh_loader_error(ag->loader);
    }

    if (ag->agent) {
        ngx_log_error(NGX_LOG_WARN, ag->cycle->log, 0,
                      "mesh: last-known-good file \"%V\" is not used: %V",
                      &ag->acf->state, &reason);
    }

    ngx_mesh_agent_drop(ag);
}


ngx_int_t
ngx_mesh_agent_prepare_save(ngx_mesh_agent_t *ag)
{
    ngx_mesh_state_t       *st;
    ngx_mesh_shm_status_t   status;

    if (!ag->unsaved
        || ag->acf->state.len == 0
        || (ngx_msec_int_t) (ngx_current_msec - ag->save_at) < 0)
    {
        return NGX_DECLINED;
    }

    st = &ag->state;

    ngx_mesh_shm_status(ag->mcf->shm, &status);

    if (status.source != ag->source->kind
        || ngx_mesh_shm_document(ag->mcf->shm, &st->text, &ag->saving_seq,
                                 ag->cycle->log)
           != NGX_OK)
    {
        ag->unsaved = (status.source == ag->source->kind);
        ag->save_at = ngx_current_msec + NGX_MESH_AGENT_RETRY;
        return NGX_DECLINED;
    }

    ngx_memcpy(ag->version, status.version, NGX_MESH_SHM_VERSION_LEN);

    st->version.data = ag->version;
    st->version.len = ngx_strlen(ag->version);
    st->origin = status.origin;

    return NGX_OK;
}


void
ngx_mesh_agent_saved(ngx_mesh_agent_t *ag)
{
    ngx_mesh_state_t  *st;

    st = &ag->state;

    ngx_free(st->text.data);
    ngx_str_null(&st->text);

    if (st->rc != NGX_ERROR) {
        /* another document may have come while this one was written */
        ag->unsaved = (ag->saving_seq != ngx_mesh_shm_seq(ag->mcf->shm));
        ag->state_error[0] = '\0';
        return;
    }

    ag->save_at = ngx_current_msec + NGX_MESH_AGENT_RETRY;

    if (ngx_strcmp(st->error, ag->state_error) == 0) {
        return;
    }

    ngx_memcpy(ag->state_error, st->error, NGX_MESH_STATE_ERROR_LEN);

    ngx_log_error(NGX_LOG_ERR, ag->cycle->log, 0,
                  "mesh: the last-known-good configuration was not written: "
                  "%s, trying again in %d seconds",
                  st->error, NGX_MESH_AGENT_RETRY / 1000);
}
