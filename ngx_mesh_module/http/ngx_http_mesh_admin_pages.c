
/*
 * Copyright (C) nginx mesh contributors
 */

/* The larger admin pages: /server_info, /config_dump, /clusters. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_admin.h"
#include "ngx_mesh_balance.h"
#include "ngx_mesh_health.h"
#include "ngx_mesh_idle.h"
#include "ngx_mesh_metrics_model.h"
#include "ngx_mesh_retry.h"


typedef struct {
    const char              *name;
    size_t                   offset;    /* in ngx_mesh_row_t */
} ngx_http_mesh_admin_counter_t;


static void ngx_http_mesh_admin_status(ngx_http_mesh_admin_t *a,
    ngx_mesh_shm_status_t *st);
static void ngx_http_mesh_admin_member(ngx_http_mesh_admin_t *a,
    const char *indent, const char *name, u_char *data, size_t len);
static void ngx_http_mesh_admin_time(ngx_http_mesh_admin_t *a,
    const char *indent, const char *name, time_t sec);
static void ngx_http_mesh_admin_retries(ngx_http_mesh_admin_t *a);
static ngx_int_t ngx_http_mesh_admin_document(ngx_http_mesh_admin_t *a);
static void ngx_http_mesh_admin_free(void *data);
static ngx_int_t ngx_http_mesh_admin_app(ngx_http_mesh_admin_t *a);
static void ngx_http_mesh_admin_cluster_name(ngx_http_mesh_admin_t *a,
    ngx_mesh_cluster_t *cluster, ngx_uint_t ingress, u_char *name);
static void ngx_http_mesh_admin_cluster(ngx_http_mesh_admin_t *a,
    ngx_mesh_cluster_t *cluster);
static void ngx_http_mesh_admin_endpoint(ngx_http_mesh_admin_t *a,
    ngx_mesh_cluster_t *cluster, ngx_mesh_endpoint_t *ep);
static void ngx_http_mesh_admin_health(ngx_http_mesh_admin_t *a,
    ngx_mesh_cluster_t *cluster, ngx_mesh_endpoint_t *ep,
    ngx_mesh_row_t *row);


static ngx_http_mesh_admin_counter_t  ngx_http_mesh_admin_counters[] = {
    { "cx_total", offsetof(ngx_mesh_row_t, connections) },
    { "cx_connect_fail", offsetof(ngx_mesh_row_t, connect_failures) },
    { "rq_active", offsetof(ngx_mesh_row_t, in_flight) },
    { "rq_total", offsetof(ngx_mesh_row_t, requests) },
    { "rq_error", offsetof(ngx_mesh_row_t, failures) },
    { "consecutive_errors", offsetof(ngx_mesh_row_t, errors) },
    { "ejections", offsetof(ngx_mesh_row_t, ejections) },
    { "ejections_overflow", offsetof(ngx_mesh_row_t, overflows) },
    { NULL, 0 }
};

static const char  *ngx_http_mesh_admin_sources[] = {
    "none", "directives", "file", "last-known-good", "control-plane"
};


ngx_int_t
ngx_http_mesh_admin_server_info(ngx_http_mesh_admin_t *a)
{
    ngx_str_t              *version;
    ngx_mesh_shm_status_t   st;

    ngx_mesh_shm_status(a->conf->shm, &st);

    ngx_http_mesh_admin_print(a, "{\n");
    ngx_http_mesh_admin_print(a, "    \"version\": \"%s\",\n",
                              "nginx-mesh/" NGX_MESH_VERSION " " NGINX_VER);

    /* health checks of task definitions look for this line */

    ngx_http_mesh_admin_print(a, "    \"state\": \"%s\",\n",
                              ngx_http_mesh_admin_state(a));

    ngx_http_mesh_admin_member(a, "    ", "mesh", a->conf->name.data,
                               a->conf->name.len);
    ngx_http_mesh_admin_member(a, "    ", "resource", a->conf->resource.data,
                               a->conf->resource.len);

    ngx_http_mesh_admin_print(a, "    \"worker\": {\n");

    if (a->snapshot) {
        version = &a->snapshot->model->version;
        ngx_http_mesh_admin_member(a, "        ", "version", version->data,
                                   version->len);
    }

    ngx_http_mesh_admin_print(a, "        \"number\": %ui,\n"
                                 "        \"pid\": %P,\n"
                                 "        \"snapshots\": %ui,\n"
                                 "        \"idle_connections\": %ui\n"
                                 "    },\n",
                              ngx_worker, ngx_pid,
                              ngx_mesh_snapshot_count(),
                              ngx_mesh_idle_count());

    ngx_http_mesh_admin_status(a, &st);

    ngx_http_mesh_admin_print(a, "\n}\n");

    return NGX_OK;
}


/* "config": {...}, what is in force and what was refused */

static void
ngx_http_mesh_admin_status(ngx_http_mesh_admin_t *a,
    ngx_mesh_shm_status_t *st)
{
    ngx_http_mesh_admin_print(a, "    \"config\": {\n");

    ngx_http_mesh_admin_member(a, "        ", "version", st->version,
                               ngx_strlen(st->version));
    ngx_http_mesh_admin_print(a, "        \"source\": \"%s\",\n",
                              ngx_http_mesh_admin_sources[st->source]);
    ngx_http_mesh_admin_member(a, "        ", "control_plane",
                               a->conf->control_plane.data,
                               a->conf->control_plane.len);
    ngx_http_mesh_admin_time(a, "        ", "applied", st->applied);
    ngx_http_mesh_admin_time(a, "        ", "last_contact", st->contact);

    if (st->origin.store[0]) {
        ngx_http_mesh_admin_member(a, "        ", "store", st->origin.store,
                                   ngx_strlen(st->origin.store));
        ngx_http_mesh_admin_print(a, "        \"revision\": %uL,\n",
                                  st->origin.revision);
    }

    if (st->source_error[0]) {
        ngx_http_mesh_admin_member(a, "        ", "source_error",
                                   st->source_error,
                                   ngx_strlen(st->source_error));
        ngx_http_mesh_admin_time(a, "        ", "failing_since",
                                 st->failing);
    }

    if (st->rejected) {
        ngx_http_mesh_admin_print(a, "        \"rejected\": {\n");
        ngx_http_mesh_admin_member(a, "            ", "version",
                                   st->rejected_version,
                                   ngx_strlen(st->rejected_version));
        ngx_http_mesh_admin_member(a, "            ", "reason", st->reason,
                                   ngx_strlen(st->reason));
        ngx_http_mesh_admin_time(a, "            ", "time", st->rejected);
        ngx_http_mesh_admin_print(a, "            \"count\": %ui\n"
                                     "        },\n", st->rejections);
    }

    ngx_http_mesh_admin_print(a, "        \"agent\": %P,\n"
                                 "        \"sequence\": %uA,\n"
                                 "        \"bytes\": %uz\n"
                                 "    }", st->agent, st->seq, st->size);
}


/* "name": "value", with the value escaped */

static void
ngx_http_mesh_admin_member(ngx_http_mesh_admin_t *a, const char *indent,
    const char *name, u_char *data, size_t len)
{
    size_t  escaped;

    ngx_http_mesh_admin_print(a, "%s\"%s\": \"", indent, name);

    escaped = len + ngx_escape_json(NULL, data, len);

    if (a->buf->end - a->buf->last > (ssize_t) escaped) {
        a->buf->last = (u_char *) ngx_escape_json(a->buf->last, data, len);
    }

    ngx_http_mesh_admin_print(a, "\",\n");
}


static void
ngx_http_mesh_admin_time(ngx_http_mesh_admin_t *a, const char *indent,
    const char *name, time_t sec)
{
    ngx_tm_t  tm;

    if (sec == 0) {
        return;
    }

    ngx_gmtime(sec, &tm);

    ngx_http_mesh_admin_print(a, "%s\"%s\": "
                                 "\"%4d-%02d-%02dT%02d:%02d:%02dZ\",\n",
                              indent, name, tm.ngx_tm_year, tm.ngx_tm_mon,
                              tm.ngx_tm_mday, tm.ngx_tm_hour, tm.ngx_tm_min,
                              tm.ngx_tm_sec);
}


/*
 * The document as the worker got it.  It holds paths and names of certificates
 * and keys, never their contents.
 */

ngx_int_t
ngx_http_mesh_admin_config_dump(ngx_http_mesh_admin_t *a)
{
    ngx_mesh_shm_status_t  st;

    ngx_mesh_shm_status(a->conf->shm, &st);

    ngx_http_mesh_admin_print(a, "{\n");
    ngx_http_mesh_admin_member(a, "    ", "mesh", a->conf->name.data,
                               a->conf->name.len);
    ngx_http_mesh_admin_member(a, "    ", "resource", a->conf->resource.data,
                               a->conf->resource.len);
    ngx_http_mesh_admin_retries(a);
    ngx_http_mesh_admin_status(a, &st);
    ngx_http_mesh_admin_print(a, ",\n    \"document\": ");

    if (ngx_http_mesh_admin_document(a) != NGX_OK) {
        ngx_http_mesh_admin_print(a, "null\n}\n");
    }

    return NGX_OK;
}


/* the policy of routes without one, in Envoy's words; it is in no document */

static void
ngx_http_mesh_admin_retries(ngx_http_mesh_admin_t *a)
{
    const ngx_mesh_retry_policy_t  *policy;

    static const char  *names[] = { "appmesh", "safe", "off" };

    policy = ngx_mesh_retry_default(a->conf->retry_defaults);

    ngx_http_mesh_admin_print(a, "    \"retry_defaults\": {\n"
                                 "        \"name\": \"%s\",\n",
                              names[a->conf->retry_defaults]);

    if (policy->max_retries) {
        ngx_http_mesh_admin_print(a,
                   "        \"retry_on\": \"unavailable,connect-failure,"
                   "refused-stream,reset,retriable-status-codes\",\n"
                   "        \"retriable_status_codes\": [503],\n");
    }

    if (policy->events & NGX_MESH_RETRY_SAFE) {
        ngx_http_mesh_admin_print(a,
                   "        \"only\": \"never sent, or idempotent\",\n"
                   "        \"budget_percent\": 20,\n");
    }

    ngx_http_mesh_admin_print(a, "        \"num_retries\": %ui\n    },\n",
                              policy->max_retries);
}


/* the copy goes out as it is, behind what was printed */

static ngx_int_t
ngx_http_mesh_admin_document(ngx_http_mesh_admin_t *a)
{
    ngx_str_t            text;
    ngx_pool_t          *pool;
    ngx_chain_t         *out;
    ngx_atomic_uint_t    seq;
    ngx_pool_cleanup_t  *cln;

    static u_char  end[] = "\n}\n";

    pool = a->request->pool;

    cln = ngx_pool_cleanup_add(pool, 0);
    out = ngx_pcalloc(pool, 2 * sizeof(ngx_chain_t));

    if (cln == NULL || out == NULL) {
        return NGX_ERROR;
    }

    out[0].buf = ngx_calloc_buf(pool);
    out[1].buf = ngx_calloc_buf(pool);

    if (out[0].buf == NULL || out[1].buf == NULL) {
        return NGX_ERROR;
    }

    if (ngx_mesh_shm_document(a->conf->shm, &text, &seq,
                              a->request->connection->log)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    cln->handler = ngx_http_mesh_admin_free;
    cln->data = text.data;

    out[0].buf->pos = text.data;
    out[0].buf->last = text.data + text.len;
    out[0].buf->memory = 1;
    out[0].next = &out[1];

    out[1].buf->pos = end;
    out[1].buf->last = end + sizeof(end) - 1;
    out[1].buf->memory = 1;

    a->tail = out;

    return NGX_OK;
}


static void
ngx_http_mesh_admin_free(void *data)
{
    ngx_free(data);
}


/*
 * Lines as Envoy prints them: cluster::name::value for a cluster and
 * cluster::address::name::value for an endpoint.
 */

ngx_int_t
ngx_http_mesh_admin_clusters(ngx_http_mesh_admin_t *a)
{
    ngx_mesh_model_t         *model;
    ngx_mesh_cluster_t       *cluster;
    ngx_mesh_virtual_node_t  *node;

    if (a->snapshot == NULL) {
        return NGX_OK;
    }

    model = a->snapshot->model;

    if (a->node == model->nnodes) {
        return ngx_http_mesh_admin_app(a);
    }

    node = &model->nodes[a->node];

    if (a->listener == node->listeners.nelts) {
        a->node++;
        a->listener = 0;
        return NGX_AGAIN;
    }

    cluster = &node->clusters[a->listener];

    if (a->endpoint == 0) {
        ngx_http_mesh_admin_cluster(a, cluster);
    }

    if (a->endpoint < cluster->nendpoints) {
        ngx_http_mesh_admin_endpoint(a, cluster,
                                     &cluster->endpoints[a->endpoint]);
        a->endpoint++;
    }

    if (a->endpoint >= cluster->nendpoints) {
        a->listener++;
        a->endpoint = 0;
    }

    return NGX_AGAIN;
}


/*
 * The application behind each listener of the node: bounds and counts of its
 * connection pool.
 */

static ngx_int_t
ngx_http_mesh_admin_app(ngx_http_mesh_admin_t *a)
{
    u_char                    name[NGX_MESH_METRICS_CLUSTER_LEN];
    ngx_mesh_limit_t         *limit;
    ngx_mesh_cluster_t       *app;
    ngx_mesh_limit_bounds_t   bounds;

    if (a->snapshot->app == NULL
        || a->listener == a->snapshot->model->node->listeners.nelts)
    {
        return NGX_OK;
    }

    app = &a->snapshot->app[a->listener++];

    limit = ngx_mesh_shm_limit(a->conf->shm, app->limit,
                               app->endpoints->key);
    if (limit == NULL) {
        return NGX_AGAIN;
    }

    ngx_mesh_limit_bounds(app->listener, &bounds);

    ngx_http_mesh_admin_cluster_name(a, app, 1, name);

    ngx_http_mesh_admin_print(a, "%s::default_priority::%s::%ui\n",
                              name, app->listener->protocol == NGX_MESH_HTTP
                              ? "max_connections" : "max_requests",
                              bounds.active);

    if (bounds.pending) {
        ngx_http_mesh_admin_print(a, "%s::default_priority::"
                                     "max_pending_requests::%ui\n",
                                  name, bounds.pending);
    }

    ngx_http_mesh_admin_print(a, "%s::rq_active::%uA\n"
                                 "%s::rq_pending_active::%uA\n"
                                 "%s::rq_pending_total::%uA\n"
                                 "%s::rq_overflow::%uA\n",
                              name, limit->active, name, limit->pending,
                              name, limit->queued, name, limit->overflows);

    return NGX_AGAIN;
}


static void
ngx_http_mesh_admin_cluster_name(ngx_http_mesh_admin_t *a,
    ngx_mesh_cluster_t *cluster, ngx_uint_t ingress, u_char *name)
{
    ngx_str_t  s;

    s.data = name;
    ngx_mesh_metrics_cluster_name(a->snapshot->model, cluster, ingress, &s);

    name[s.len] = '\0';
}


static void
ngx_http_mesh_admin_cluster(ngx_http_mesh_admin_t *a,
    ngx_mesh_cluster_t *cluster)
{
    u_char  name[NGX_MESH_METRICS_CLUSTER_LEN];

    ngx_http_mesh_admin_cluster_name(a, cluster, 0, name);

    ngx_http_mesh_admin_print(a, "%s::lb_policy::%s\n", name,
                              cluster->lb_policy == NGX_MESH_LEAST_REQUEST
                              ? "LEAST_REQUEST" : "ROUND_ROBIN");

    ngx_mesh_balance_refresh(cluster, a->conf->shm, ngx_current_msec);

    ngx_http_mesh_admin_print(a, "%s::membership_total::%uD\n"
                                 "%s::membership_healthy::%uD\n"
                                 "%s::membership_ejected::%uD\n"
                                 "%s::panic::%s\n",
                              name, cluster->nendpoints, name,
                              cluster->neligible - cluster->nmissing,
                              name, cluster->nejected, name,
                              ngx_mesh_balance_panic(cluster) ? "true"
                                                              : "false");
}


static void
ngx_http_mesh_admin_endpoint(ngx_http_mesh_admin_t *a,
    ngx_mesh_cluster_t *cluster, ngx_mesh_endpoint_t *ep)
{
    u_char                          name[NGX_MESH_METRICS_CLUSTER_LEN];
    ngx_atomic_t                    value;
    ngx_mesh_row_t                 *row, none;
    ngx_http_mesh_admin_counter_t  *c;

    ngx_http_mesh_admin_cluster_name(a, cluster, 0, name);

    row = ngx_mesh_shm_row(a->conf->shm, ep->row, ep->key);

    if (row == NULL) {
        ngx_memzero(&none, sizeof(ngx_mesh_row_t));
        row = &none;
    }

    for (c = ngx_http_mesh_admin_counters; c->name; c++) {
        value = *(ngx_atomic_t *) ((u_char *) row + c->offset);

        ngx_http_mesh_admin_print(a, "%s::%V::%s::%uA\n", name, &ep->name,
                                  c->name, (ngx_atomic_uint_t) value);
    }

    ngx_http_mesh_admin_print(a, "%s::%V::health_flags::", name, &ep->name);
    ngx_http_mesh_admin_health(a, cluster, ep, row);

    ngx_http_mesh_admin_print(a, "%s::%V::health_changes::%ui\n", name,
                              &ep->name, ngx_mesh_health_changes(row->checks));
    ngx_http_mesh_admin_print(a, "%s::%V::slow_start_weight::%ui\n", name,
                              &ep->name,
                              ngx_mesh_balance_weight(cluster->slow_start_ms,
                                           row->since, ngx_current_msec) / 10);
    ngx_http_mesh_admin_print(a, "%s::%V::zone::%V\n", name, &ep->name,
                              &ep->zone);
}


/* all that keeps it from being used, as Envoy names it */

static void
ngx_http_mesh_admin_health(ngx_http_mesh_admin_t *a,
    ngx_mesh_cluster_t *cluster, ngx_mesh_endpoint_t *ep, ngx_mesh_row_t *row)
{
    const char           *eds, *outlier, *checks;
    ngx_mesh_listener_t  *listener;

    listener = cluster->listener;

    eds = (ep->health == NGX_MESH_UNHEALTHY) ? "/failed_eds_health" : "";
    outlier = (listener->outlier_detection && row->ejected)
              ? "/failed_outlier_check" : "";
    checks = "";

    if (listener->health_check && row->health == NGX_MESH_ROW_UNHEALTHY) {
        checks = "/failed_active_hc";

    } else if (listener->health_check && row->health == NGX_MESH_ROW_PENDING) {
        checks = "/pending_active_hc";
    }

    if (*eds == '\0' && *outlier == '\0' && *checks == '\0') {
        eds = "healthy";
    }

    ngx_http_mesh_admin_print(a, "%s%s%s\n", checks, outlier, eds);
}
