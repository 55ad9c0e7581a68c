
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Which rules of the shared table are in force in this worker: those with the
 * latest number, or the local ones, if there are none or they are too old.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_sampler_parts.h"


static ngx_int_t ngx_mesh_sampler_follow_set(ngx_mesh_sampler_view_t *v,
    ngx_mesh_sampling_rules_t **set, ngx_atomic_uint_t *seq);


ngx_mesh_sampler_follow_e
ngx_mesh_sampler_follow(ngx_mesh_sampler_view_t *v, time_t now)
{
    ngx_atomic_uint_t           seq;
    ngx_mesh_sampling_rules_t  *set;

    seq = ngx_mesh_sampler_share_seq(v->share, now);

    if (seq == v->seq) {
        return NGX_MESH_SAMPLER_SAME;
    }

    set = NULL;

    if (seq && ngx_mesh_sampler_follow_set(v, &set, &seq) != NGX_OK) {
        return NGX_MESH_SAMPLER_SAME;
    }

    ngx_mesh_sampling_swap(v->sampling, set);

    v->seq = seq;

    return seq ? NGX_MESH_SAMPLER_CHANGED : NGX_MESH_SAMPLER_TOO_OLD;
}


/* no rules at all are no set, and the local ones are in force */

static ngx_int_t
ngx_mesh_sampler_follow_set(ngx_mesh_sampler_view_t *v,
    ngx_mesh_sampling_rules_t **set, ngx_atomic_uint_t *seq)
{
    ngx_int_t                  rc;
    ngx_mesh_sampler_table_t  *table;

    table = ngx_alloc(sizeof(ngx_mesh_sampler_table_t), v->log);
    if (table == NULL) {
        return NGX_ERROR;
    }

    *seq = ngx_mesh_sampler_share_rules(v->share, table);

    rc = NGX_OK;

    if (table->n) {
        *set = ngx_mesh_sampler_set(table, &v->rest, v->log);

        if (*set == NULL) {
            rc = NGX_ERROR;
        }
    }

    ngx_free(table);

    return rc;
}
