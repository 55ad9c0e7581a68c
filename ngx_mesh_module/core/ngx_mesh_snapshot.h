
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The model in force in one worker, counted by reference.
 *
 * A worker follows the shared document: when the shared sequence number moves
 * it copies the document out, builds a model and swaps a pointer.  Small
 * documents are built at once, large ones in slices between other events, and
 * the old model serves until then.  Requests hold a reference through a
 * cleanup of their pool; the last one to let go frees the model.
 */


#ifndef _NGX_MESH_SNAPSHOT_H_INCLUDED_
#define _NGX_MESH_SNAPSHOT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"
#include "ngx_mesh_match.h"


typedef struct ngx_mesh_snapshot_s  ngx_mesh_snapshot_t;

struct ngx_mesh_snapshot_s {
    ngx_uint_t               refs;
    ngx_atomic_uint_t        seq;       /* of the shared document */
    ngx_mesh_model_t        *model;
    ngx_mesh_cluster_t      *app;       /* local application, one a listener
                                           of model->node; NULL without */
    ngx_mesh_recall_t        recall;    /* of model->egress */

    /* when nobody uses it any more */
    ngx_mesh_snapshot_t     *next;
    ngx_uint_t               left;      /* step of giving its rows back */
};


/*
 * The snapshot a new request is to use, or NULL if there is no document yet.
 * Follows the shared document first.  The caller that keeps it longer than
 * the current event counts itself in, and out again by
 * ngx_mesh_snapshot_release() (in a cleanup of its pool: logs are written
 * before those run).
 */
ngx_mesh_snapshot_t *ngx_mesh_snapshot_current(void);

#define ngx_mesh_snapshot_hold(snapshot)  (snapshot)->refs++

void ngx_mesh_snapshot_release(ngx_mesh_snapshot_t *snapshot);

/*
 * Takes over a model of this worker's own making, of the shared document
 * "seq", which saves building it again.
 */
void ngx_mesh_snapshot_offer(ngx_mesh_model_t *model, ngx_atomic_uint_t seq);

/*
 * Builds what is in shared memory now, to the end; for start-up, before the
 * worker takes requests.  Failures are logged, the worker goes on without.
 */
void ngx_mesh_snapshot_load(ngx_cycle_t *cycle);

/* snapshots of this worker that are still referenced, the current one too */
ngx_uint_t ngx_mesh_snapshot_count(void);

ngx_int_t ngx_mesh_snapshot_init_worker(ngx_cycle_t *cycle,
    ngx_mesh_conf_t *mcf);
void ngx_mesh_snapshot_exit_worker(void);


#endif /* _NGX_MESH_SNAPSHOT_H_INCLUDED_ */
