
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The rows of metrics that a model uses: one for each cluster, and one for each
 * target of each virtual service.  Services whose provider is the same router
 * share its routes, so a target is known in a service by its number among all
 * targets of the router, which is the same for all of them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_metrics_model.h"
#include "ngx_mesh_metrics_zone.h"
#include "ngx_mesh_text.h"


/* nodes or services looked at in a step */
#define NGX_MESH_METRICS_STEP  64
#define NGX_MESH_METRICS_NAME  255     /* of a mesh or a node */


static void ngx_mesh_metrics_begin(ngx_mesh_metrics_t *m,
    ngx_mesh_model_t *model, ngx_mesh_cluster_t *app);
static void ngx_mesh_metrics_clusters(ngx_mesh_metrics_t *m,
    ngx_mesh_model_t *model, ngx_mesh_virtual_node_t *node,
    ngx_mesh_cluster_t *clusters, ngx_uint_t ingress);
static ngx_int_t ngx_mesh_metrics_service(ngx_mesh_metrics_t *m,
    ngx_mesh_model_t *model, ngx_mesh_virtual_service_t *service);
static ngx_mesh_metrics_row_t *ngx_mesh_metrics_target(ngx_mesh_metrics_t *m,
    ngx_mesh_virtual_service_t *service, ngx_mesh_route_t *route,
    ngx_mesh_target_t *target);
static void ngx_mesh_metrics_forget_service(
    ngx_mesh_virtual_service_t *service);
static void ngx_mesh_metrics_forget_clusters(ngx_mesh_virtual_node_t *node,
    ngx_mesh_cluster_t *clusters);


ngx_int_t
ngx_mesh_metrics_prepare(ngx_mesh_metrics_t *m, ngx_mesh_model_t *model,
    ngx_mesh_cluster_t *app, ngx_uint_t *step)
{
    ngx_uint_t                i, end;
    ngx_mesh_virtual_node_t  *node;

    if (*step == 0) {
        ngx_mesh_metrics_begin(m, model, app);
    }

    end = ngx_min(*step + NGX_MESH_METRICS_STEP,
                  model->nnodes + model->nservices);

    for (i = *step; i < end; i++) {

        if (i < model->nnodes) {
            node = &model->nodes[i];
            ngx_mesh_metrics_clusters(m, model, node, node->clusters, 0);
            continue;
        }

        if (ngx_mesh_metrics_service(m, model,
                                     &model->services[i - model->nnodes])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    *step = end;

    return (end == model->nnodes + model->nservices) ? NGX_OK : NGX_AGAIN;
}


/* rows of documents that are gone may be free by now */

static void
ngx_mesh_metrics_begin(ngx_mesh_metrics_t *m, ngx_mesh_model_t *model,
    ngx_mesh_cluster_t *app)
{
    ngx_uint_t  i;

    for (i = 0; m->sh && i < NGX_MESH_METRICS_KINDS; i++) {
        m->sh->tables[i].barren = 0;
    }

    if (app) {
        ngx_mesh_metrics_clusters(m, model, model->node, app, 1);
    }
}


static void
ngx_mesh_metrics_clusters(ngx_mesh_metrics_t *m, ngx_mesh_model_t *model,
    ngx_mesh_virtual_node_t *node, ngx_mesh_cluster_t *clusters,
    ngx_uint_t ingress)
{
    u_char      text[NGX_MESH_METRICS_CLUSTER_LEN];
    ngx_str_t   name;
    ngx_uint_t  i;

    for (i = 0; i < node->listeners.nelts; i++) {

        name.data = text;
        ngx_mesh_metrics_cluster_name(model, &clusters[i], ingress, &name);

        clusters[i].metrics = ngx_mesh_metrics_row(m, NGX_MESH_METRICS_CLUSTER,
                                                   &name);
    }
}


void
ngx_mesh_metrics_cluster_name(ngx_mesh_model_t *model,
    ngx_mesh_cluster_t *cluster, ngx_uint_t ingress, ngx_str_t *name)
{
    u_char     *p;
    ngx_str_t  *mesh, *node;

    /* in the order of ngx_mesh_protocol_e */

    static const ngx_str_t  protocols[] = {
        ngx_string("_http_"),
        ngx_string("_http2_"),
        ngx_string("_grpc_"),
        ngx_string("_tcp_")
    };

    mesh = &model->mesh_name;
    node = &cluster->node->name;

    if (ingress) {
        p = ngx_cpymem(name->data, "cds_ingress_", sizeof("cds_ingress_") - 1);

    } else {
        p = ngx_cpymem(name->data, "cds_egress_", sizeof("cds_egress_") - 1);
    }

    p = ngx_cpymem(p, mesh->data, ngx_min(mesh->len, NGX_MESH_METRICS_NAME));
    *p++ = '_';
    p = ngx_cpymem(p, node->data, ngx_min(node->len, NGX_MESH_METRICS_NAME));

    p = ngx_cpymem(p, protocols[cluster->listener->protocol].data,
                   protocols[cluster->listener->protocol].len);
    p = ngx_mesh_text_number(p, cluster->listener->port);

    name->len = p - name->data;
}


static ngx_int_t
ngx_mesh_metrics_service(ngx_mesh_metrics_t *m, ngx_mesh_model_t *model,
    ngx_mesh_virtual_service_t *service)
{
    ngx_uint_t          i, j, n;
    ngx_mesh_route_t   *route;
    ngx_mesh_target_t  *target;

    for (i = 0, n = 0; i < service->nroutes; i++) {
        n += service->routes[i]->ntargets;
    }

    service->metrics = ngx_pcalloc(model->pool, n * sizeof(void *));
    if (service->metrics == NULL) {
        return NGX_ERROR;
    }

    for (i = 0, n = 0; i < service->nroutes; i++) {
        route = service->routes[i];

        for (j = 0; j < route->ntargets; j++) {
            target = &route->targets[j];
            target->ordinal = n;

            service->metrics[n++] = ngx_mesh_metrics_target(m, service, route,
                                                            target);
        }
    }

    return NGX_OK;
}


static ngx_mesh_metrics_row_t *
ngx_mesh_metrics_target(ngx_mesh_metrics_t *m,
    ngx_mesh_virtual_service_t *service, ngx_mesh_route_t *route,
    ngx_mesh_target_t *target)
{
    ngx_str_t  labels[NGX_MESH_METRICS_LABELS];

    labels[0] = service->name;
    labels[1].len = 0;
    labels[2] = route->name;
    labels[3] = target->node->name;

    if (route->router) {
        labels[1] = route->router->name;
    }

    return ngx_mesh_metrics_row(m, NGX_MESH_METRICS_TARGET, labels);
}


ngx_int_t
ngx_mesh_metrics_forget(ngx_mesh_model_t *model, ngx_mesh_cluster_t *app,
    ngx_uint_t *step)
{
    ngx_uint_t                i, end;
    ngx_mesh_virtual_node_t  *node;

    if (*step == 0 && app) {
        ngx_mesh_metrics_forget_clusters(model->node, app);
    }

    end = ngx_min(*step + NGX_MESH_METRICS_STEP,
                  model->nnodes + model->nservices);

    for (i = *step; i < end; i++) {

        if (i < model->nnodes) {
            node = &model->nodes[i];
            ngx_mesh_metrics_forget_clusters(node, node->clusters);
            continue;
        }

        ngx_mesh_metrics_forget_service(&model->services[i - model->nnodes]);
    }

    *step = end;

    return (end == model->nnodes + model->nservices) ? NGX_OK : NGX_AGAIN;
}


static void
ngx_mesh_metrics_forget_service(ngx_mesh_virtual_service_t *service)
{
    ngx_uint_t  i, j, n;

    if (service->metrics == NULL) {
        return;
    }

    for (i = 0, n = 0; i < service->nroutes; i++) {
        for (j = 0; j < service->routes[i]->ntargets; j++) {
            ngx_mesh_metrics_release(service->metrics[n++]);
        }
    }
}


static void
ngx_mesh_metrics_forget_clusters(ngx_mesh_virtual_node_t *node,
    ngx_mesh_cluster_t *clusters)
{
    ngx_uint_t  i;

    for (i = 0; i < node->listeners.nelts; i++) {
        if (clusters[i].metrics) {
            ngx_mesh_metrics_release(clusters[i].metrics);
        }
    }
}
