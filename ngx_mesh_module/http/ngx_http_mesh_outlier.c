
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What became of an attempt, in the terms of outlier detection: Envoy's
 * Router::Filter, which tells the detector the status of a response when its
 * header has arrived, and 503 or 504 if there is none.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"
#include "ngx_mesh_outlier.h"


/* nothing can be said of the endpoint */
#define NGX_HTTP_MESH_OUTLIER_NONE  0


static ngx_uint_t ngx_http_mesh_outlier_status(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc, ngx_uint_t state, const char **what);
static ngx_uint_t ngx_http_mesh_outlier_grpc(ngx_http_request_t *r);
static ngx_uint_t ngx_http_mesh_outlier_cut(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc);


void
ngx_http_mesh_outlier(ngx_http_mesh_ctx_t *ctx, ngx_peer_connection_t *pc,
    ngx_uint_t state)
{
    const char           *what;
    ngx_uint_t            status;
    ngx_mesh_cluster_t   *cluster;
    ngx_mesh_ejection_t   e;
    ngx_mesh_endpoint_t  *ep;

    cluster = ctx->cluster;
    ep = ctx->endpoint;

    /* a proxy does not judge its own application */

    if (cluster->listener->outlier_detection == NULL
        || ctx->direction != NGX_HTTP_MESH_EGRESS)
    {
        return;
    }

    status = ngx_http_mesh_outlier_status(ctx, pc, state, &what);

    if (status == NGX_HTTP_MESH_OUTLIER_NONE) {
        return;
    }

    if (status < NGX_HTTP_INTERNAL_SERVER_ERROR) {
        ngx_mesh_outlier_success(ctx->shm, ep);

        if (!ngx_http_mesh_outlier_cut(ctx, pc)) {
            return;
        }

        what = "an answer that was cut off";
    }

    if (ngx_mesh_outlier_failure(ctx->shm, cluster, ep, ngx_current_msec, &e)
        != NGX_OK)
    {
        return;
    }

    ngx_mesh_metrics_add(cluster->metrics, NGX_MESH_CLUSTER_EJECTIONS, 1);
    ngx_mesh_metrics_add(ngx_mesh_metrics_server, NGX_MESH_SERVER_EJECTIONS,
                         1);

    ngx_log_error(NGX_LOG_NOTICE, ctx->request->connection->log, 0,
                  "mesh: endpoint %V of virtual node \"%V\" is ejected for "
                  "%Mms after %ui errors in a row, the last one %s; "
                  "%uD of %uD are ejected",
                  &ep->name, &cluster->node->name, e.time, e.errors, what,
                  e.nejected, cluster->neligible);
}


/*
 * The header has arrived when nginx has taken the time of it, or the answer is
 * thrown away for another attempt.  An idle connection that was closed tells
 * nothing, the peer did so long ago; nor does an attempt that the client gave
 * up.
 */

static ngx_uint_t
ngx_http_mesh_outlier_status(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc, ngx_uint_t state, const char **what)
{
    ngx_uint_t            status;
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;
    status = u->headers_in.status_n;

    if (ctx->attempt.again || u->state->header_time != (ngx_msec_t) -1) {

        *what = "an answer of 5xx";

        return (status == NGX_HTTP_OK && ctx->grpc)
               ? ngx_http_mesh_outlier_grpc(ctx->request) : status;
    }

    if (ctx->attempt.expired) {
        *what = "a timeout";
        return NGX_HTTP_GATEWAY_TIME_OUT;
    }

    if (!(state & NGX_PEER_FAILED)) {
        return NGX_HTTP_MESH_OUTLIER_NONE;
    }

    if (pc->cached && u->state->bytes_received == 0) {
        return NGX_HTTP_MESH_OUTLIER_NONE;
    }

    *what = ctx->connected ? "a connection that broke"
                           : "a connection that failed";

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}


/*
 * An answer without a body has the status of the call in its header; what it
 * is as a status of HTTP, as far as 5xx, is said by the gRPC documentation
 * ("HTTP to gRPC Status Code Mapping") and Envoy's Grpc::Utility.
 */

static ngx_uint_t
ngx_http_mesh_outlier_grpc(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->upstream->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NGX_HTTP_OK;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == 11
            && ngx_strncmp(h[i].lowcase_key, "grpc-status", 11) == 0)
        {
            break;
        }
    }

    switch (ngx_atoi(h[i].value.data, h[i].value.len)) {

    case 2:                                 /* UNKNOWN */
    case 13:                                /* INTERNAL */
    case 15:                                /* DATA_LOSS */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;

    case 4:                                 /* DEADLINE_EXCEEDED */
        return NGX_HTTP_GATEWAY_TIME_OUT;

    case 12:                                /* UNIMPLEMENTED */
        return NGX_HTTP_NOT_IMPLEMENTED;

    case 14:                                /* UNAVAILABLE */
        return NGX_HTTP_SERVICE_UNAVAILABLE;

    default:
        return NGX_HTTP_OK;
    }
}


/*
 * Whether the peer ended an answer before its end, or a time limit did.  Envoy
 * counts that as an error (Filter::onUpstreamReset), after it has counted the
 * header: so it is the first in a row.
 */

static ngx_uint_t
ngx_http_mesh_outlier_cut(ngx_http_mesh_ctx_t *ctx, ngx_peer_connection_t *pc)
{
    off_t                 length;
    ngx_event_t          *rev;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = ctx->request;
    u = r->upstream;

    if (ctx->attempt.again
        || !u->header_sent
        || u->upgrade
        || r->header_only
        || r->connection->error
        || r->connection->timedout
        || pc->connection == NULL)
    {
        return 0;
    }

    if (ctx->attempt.expired) {
        return 1;
    }

    length = u->buffering ? u->pipe->length : u->length;

    if (length == 0) {
        return 0;
    }

    if (ctx->cluster->listener->protocol != NGX_MESH_HTTP) {
        return 1;
    }

    rev = pc->connection->read;

    return rev->error || (rev->eof && length != -1);
}
