
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The rows of metrics that a model uses.  A worker takes them when it prepares
 * the model and gives them back when it frees it.
 */


#ifndef _NGX_MESH_METRICS_MODEL_H_INCLUDED_
#define _NGX_MESH_METRICS_MODEL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_metrics.h"
#include "ngx_mesh_model.h"


/*
 * Sets cluster->metrics of all clusters and of the local application's ("app",
 * one a listener of model->node, or NULL), target->ordinal, and
 * service->metrics by that.  A call does a part of it: NGX_AGAIN, and "step",
 * which begins at 0, is moved on; NGX_OK when all is done.  NGX_ERROR: memory
 * of the model is short.
 */
ngx_int_t ngx_mesh_metrics_prepare(ngx_mesh_metrics_t *m,
    ngx_mesh_model_t *model, ngx_mesh_cluster_t *app, ngx_uint_t *step);

/*
 * A step of giving the rows of a model back, also of one that was prepared in
 * part; "step" as before.  NGX_OK or NGX_AGAIN.
 */
ngx_int_t ngx_mesh_metrics_forget(ngx_mesh_model_t *model,
    ngx_mesh_cluster_t *app, ngx_uint_t *step);

/*
 * "cds_egress_MESH_NODE_PROTOCOL_PORT", as App Mesh named clusters, or
 * "cds_ingress_..." for those of the local application; at most
 * NGX_MESH_METRICS_CLUSTER_LEN bytes.
 */
#define NGX_MESH_METRICS_CLUSTER_LEN  640

void ngx_mesh_metrics_cluster_name(ngx_mesh_model_t *model,
    ngx_mesh_cluster_t *cluster, ngx_uint_t ingress, ngx_str_t *name);


#endif /* _NGX_MESH_METRICS_MODEL_H_INCLUDED_ */
