
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Runs in workers only, between events: nothing here is called from another
 * process or thread.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh.h"
#include "ngx_mesh_idle.h"
#include "ngx_mesh_metrics_model.h"
#include "ngx_mesh_snapshot.h"


/* documents up to this size are built as soon as a request meets them */
#define NGX_MESH_SNAPSHOT_AT_ONCE   65536

/* how often a worker without requests looks for a new document */
#define NGX_MESH_SNAPSHOT_INTERVAL  50

/* one slice of building a large document */
#define NGX_MESH_SNAPSHOT_SLICE_NS  150000
#define NGX_MESH_SNAPSHOT_UNITS     16
#define NGX_MESH_SNAPSHOT_ROWS      256


typedef struct {
    void                    *ident[4];  /* ident[3] stands for a socket */
    ngx_event_t              timer;
    ngx_event_t              slice;
    ngx_event_t              leave;

    ngx_mesh_conf_t         *conf;
    ngx_mesh_snapshot_t     *current;
    ngx_uint_t               count;     /* snapshots alive */
    ngx_mesh_snapshot_t     *leaving;   /* whose rows are given back */

    /* the document being built */
    ngx_atomic_uint_t        seq;
    ngx_atomic_uint_t        failed;    /* could not be built, not retried */
    ngx_str_t                text;
    ngx_mesh_loader_t       *loader;
    ngx_mesh_snapshot_t     *next;
    ngx_uint_t               node;      /* next to get its rows */
    ngx_uint_t               listener;
    ngx_uint_t               endpoint;
    ngx_uint_t               metrics;   /* step of their rows */
} ngx_mesh_snapshot_worker_t;


static void ngx_mesh_snapshot_follow(ngx_uint_t now);
static ngx_int_t ngx_mesh_snapshot_start(void);
static ngx_int_t ngx_mesh_snapshot_build(ngx_uint_t all);
static ngx_int_t ngx_mesh_snapshot_parsed(void);
static ngx_int_t ngx_mesh_snapshot_adopt(ngx_mesh_model_t *model);
static ngx_int_t ngx_mesh_snapshot_step_rows(void);
static void ngx_mesh_snapshot_rows(ngx_mesh_endpoint_t *ep, ngx_uint_t n);
static void ngx_mesh_snapshot_health(ngx_mesh_cluster_t *cluster,
    ngx_mesh_endpoint_t *ep, ngx_uint_t n);
static ngx_int_t ngx_mesh_snapshot_app(ngx_mesh_snapshot_t *snapshot);
static ngx_int_t ngx_mesh_snapshot_app_endpoint(ngx_mesh_model_t *model,
    ngx_mesh_listener_t *listener, ngx_mesh_endpoint_t *ep);
static void ngx_mesh_snapshot_limit(ngx_mesh_cluster_t *app);
static void ngx_mesh_snapshot_swap(void);
static void ngx_mesh_snapshot_stop(void);
static void ngx_mesh_snapshot_timer_handler(ngx_event_t *ev);
static void ngx_mesh_snapshot_slice_handler(ngx_event_t *ev);
static ngx_int_t ngx_mesh_snapshot_leave(void);
static void ngx_mesh_snapshot_leave_handler(ngx_event_t *ev);
static uint64_t ngx_mesh_snapshot_clock(void);


/* worker runtime; "conf" is NULL where there is no mesh{} */
static ngx_mesh_snapshot_worker_t  ngx_mesh_worker;


ngx_int_t
ngx_mesh_snapshot_init_worker(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf)
{
    ngx_uint_t    count;
    ngx_event_t  *ev;

    /* not 0 if the process had another cycle before, see ngx_mesh_module.c */
    count = ngx_mesh_worker.count;

    ngx_memzero(&ngx_mesh_worker, sizeof(ngx_mesh_snapshot_worker_t));

    ngx_mesh_worker.conf = mcf;
    ngx_mesh_worker.count = count;
    ngx_mesh_worker.ident[3] = (void *) -1;

    ev = &ngx_mesh_worker.slice;
    ev->handler = ngx_mesh_snapshot_slice_handler;
    ev->data = ngx_mesh_worker.ident;
    ev->log = cycle->log;

    ev = &ngx_mesh_worker.leave;
    ev->handler = ngx_mesh_snapshot_leave_handler;
    ev->data = ngx_mesh_worker.ident;
    ev->log = cycle->log;

    ev = &ngx_mesh_worker.timer;
    ev->handler = ngx_mesh_snapshot_timer_handler;
    ev->data = ngx_mesh_worker.ident;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_MESH_SNAPSHOT_INTERVAL);

    return NGX_OK;
}


void
ngx_mesh_snapshot_exit_worker(void)
{
    ngx_mesh_snapshot_t  *current;

    if (ngx_mesh_worker.conf == NULL) {
        return;
    }

    if (ngx_mesh_worker.timer.timer_set) {
        ngx_del_timer(&ngx_mesh_worker.timer);
    }

    ngx_mesh_snapshot_stop();

    current = ngx_mesh_worker.current;
    ngx_mesh_worker.current = NULL;
    ngx_mesh_worker.conf = NULL;

    if (current) {
        ngx_mesh_snapshot_release(current);
    }

    if (ngx_mesh_worker.leave.posted) {
        ngx_delete_posted_event(&ngx_mesh_worker.leave);
    }

    while (ngx_mesh_worker.leaving) {
        (void) ngx_mesh_snapshot_leave();
    }
}


ngx_mesh_snapshot_t *
ngx_mesh_snapshot_current(void)
{
    if (ngx_mesh_worker.conf == NULL) {
        return NULL;
    }

    ngx_mesh_snapshot_follow(0);

    return ngx_mesh_worker.current;
}


void
ngx_mesh_snapshot_load(ngx_cycle_t *cycle)
{
    if (ngx_mesh_worker.conf) {
        ngx_mesh_snapshot_follow(1);
    }
}


ngx_uint_t
ngx_mesh_snapshot_count(void)
{
    return ngx_mesh_worker.count;
}


void
ngx_mesh_snapshot_release(ngx_mesh_snapshot_t *snapshot)
{
    ngx_int_t                    rc;
    ngx_mesh_snapshot_worker_t  *w;

    if (--snapshot->refs) {
        return;
    }

    w = &ngx_mesh_worker;

    w->count--;

    snapshot->next = w->leaving;
    w->leaving = snapshot;

    do {
        rc = ngx_mesh_snapshot_leave();
    } while (rc == NGX_AGAIN && w->conf == NULL);

    if (rc == NGX_AGAIN && !w->leave.posted) {
        ngx_post_event(&w->leave, &ngx_posted_next_events);
    }
}


static void
ngx_mesh_snapshot_leave_handler(ngx_event_t *ev)
{
    uint64_t   end;
    ngx_int_t  rc;

    end = ngx_mesh_snapshot_clock() + NGX_MESH_SNAPSHOT_SLICE_NS;

    do {
        rc = ngx_mesh_snapshot_leave();
    } while (rc == NGX_AGAIN && ngx_mesh_snapshot_clock() < end);

    if (rc == NGX_AGAIN) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


/* a step of giving back what a model has; NGX_AGAIN: there is more to do */

static ngx_int_t
ngx_mesh_snapshot_leave(void)
{
    ngx_mesh_snapshot_t  *snapshot;

    snapshot = ngx_mesh_worker.leaving;

    if (ngx_mesh_metrics_forget(snapshot->model, snapshot->app,
                                &snapshot->left)
        == NGX_AGAIN)
    {
        return NGX_AGAIN;
    }

    ngx_mesh_worker.leaving = snapshot->next;
    ngx_mesh_pool_destroy(snapshot->model->pool);

    return ngx_mesh_worker.leaving ? NGX_AGAIN : NGX_OK;
}


/*
 * Brings the worker to the shared document.  With "now" to the end, else at
 * once only if the document is small.
 */

static void
ngx_mesh_snapshot_follow(ngx_uint_t now)
{
    ngx_atomic_uint_t            seq;
    ngx_mesh_snapshot_worker_t  *w;

    w = &ngx_mesh_worker;
    seq = ngx_mesh_shm_seq(w->conf->shm);

    if (w->current && w->current->seq == seq) {
        return;
    }

    if (seq == 0 || seq == w->failed) {
        return;
    }

    if (w->loader || w->next) {

        if (w->seq == seq) {
            if (now) {
                (void) ngx_mesh_snapshot_build(1);
            }

            return;
        }

        /* an even newer document: what was begun is of no use */
        ngx_mesh_snapshot_stop();
    }

    if (ngx_mesh_snapshot_start() != NGX_OK) {
        return;
    }

    if (now || w->text.len <= NGX_MESH_SNAPSHOT_AT_ONCE) {
        (void) ngx_mesh_snapshot_build(1);
        return;
    }

    ngx_post_event(&w->slice, &ngx_posted_next_events);
}


static ngx_int_t
ngx_mesh_snapshot_start(void)
{
    ngx_int_t                    rc;
    ngx_mesh_loader_conf_t       lc;
    ngx_mesh_snapshot_worker_t  *w;

    w = &ngx_mesh_worker;

    rc = ngx_mesh_shm_document(w->conf->shm, &w->text, &w->seq,
                               ngx_cycle->log);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_mesh_loader_conf(w->conf, &lc, ngx_cycle->log);

    w->loader = ngx_mesh_loader_create(&lc, &w->text);
    if (w->loader == NULL) {
        ngx_mesh_snapshot_stop();
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* NGX_OK: swapped; NGX_AGAIN: more to do; NGX_ERROR: given up */

static ngx_int_t
ngx_mesh_snapshot_build(ngx_uint_t all)
{
    uint64_t                     end;
    ngx_int_t                    rc;
    ngx_mesh_snapshot_worker_t  *w;

    w = &ngx_mesh_worker;
    end = ngx_mesh_snapshot_clock() + NGX_MESH_SNAPSHOT_SLICE_NS;

    do {
        if (w->loader) {
            rc = ngx_mesh_loader_step(w->loader,
                                      all ? 0 : NGX_MESH_SNAPSHOT_UNITS);
            if (rc == NGX_OK) {
                rc = ngx_mesh_snapshot_parsed();
            }

        } else {
            rc = ngx_mesh_snapshot_step_rows();

            if (rc == NGX_OK) {
                ngx_mesh_snapshot_swap();
                return NGX_OK;
            }
        }

        if (rc == NGX_ERROR) {
            w->failed = w->seq;
            ngx_mesh_snapshot_stop();
            return NGX_ERROR;
        }

    } while (all || ngx_mesh_snapshot_clock() < end);

    return NGX_AGAIN;
}


/* the text became a model */

static ngx_int_t
ngx_mesh_snapshot_parsed(void)
{
    ngx_mesh_model_t            *model;
    ngx_mesh_snapshot_worker_t  *w;

    w = &ngx_mesh_worker;

    model = ngx_mesh_loader_model(w->loader);

    ngx_mesh_loader_free(w->loader);
    w->loader = NULL;

    ngx_free(w->text.data);
    ngx_str_null(&w->text);

    return ngx_mesh_snapshot_adopt(model);
}


/* a model is there; next come the rows of its endpoints */

static ngx_int_t
ngx_mesh_snapshot_adopt(ngx_mesh_model_t *model)
{
    ngx_mesh_snapshot_t         *snapshot;
    ngx_mesh_snapshot_worker_t  *w;

    w = &ngx_mesh_worker;

    snapshot = ngx_pcalloc(model->pool, sizeof(ngx_mesh_snapshot_t));
    if (snapshot == NULL) {
        ngx_mesh_pool_destroy(model->pool);
        return NGX_ERROR;
    }

    ngx_mesh_idle_begin();

    snapshot->refs = 1;
    snapshot->seq = w->seq;
    snapshot->model = model;

    if (ngx_mesh_snapshot_app(snapshot) != NGX_OK) {
        ngx_mesh_pool_destroy(model->pool);
        return NGX_ERROR;
    }

    w->next = snapshot;
    w->node = 0;
    w->listener = 0;
    w->endpoint = 0;
    w->metrics = 0;
    w->count++;

    return NGX_AGAIN;
}


void
ngx_mesh_snapshot_offer(ngx_mesh_model_t *model, ngx_atomic_uint_t seq)
{
    ngx_mesh_snapshot_worker_t  *w;

    w = &ngx_mesh_worker;

    if (w->conf == NULL) {
        ngx_mesh_pool_destroy(model->pool);
        return;
    }

    ngx_mesh_snapshot_stop();

    w->seq = seq;

    if (ngx_mesh_snapshot_adopt(model) == NGX_AGAIN
        && ngx_mesh_snapshot_build(0) == NGX_AGAIN)
    {
        ngx_post_event(&w->slice, &ngx_posted_next_events);
    }
}


static ngx_int_t
ngx_mesh_snapshot_step_rows(void)
{
    ngx_uint_t                   n;
    ngx_mesh_model_t            *model;
    ngx_mesh_cluster_t          *cluster;
    ngx_mesh_virtual_node_t     *node;
    ngx_mesh_snapshot_worker_t  *w;

    w = &ngx_mesh_worker;
    model = w->next->model;

    if (w->node == model->nnodes) {

        /* rows of models that are gone can be had */

        if (w->metrics == 0 && w->leaving) {
            (void) ngx_mesh_snapshot_leave();
            return NGX_AGAIN;
        }

        return ngx_mesh_metrics_prepare(w->conf->metrics, model, w->next->app,
                                        &w->metrics);
    }

    node = &model->nodes[w->node];

    if (w->listener == node->listeners.nelts) {
        w->node++;
        w->listener = 0;
        return NGX_AGAIN;
    }

    cluster = &node->clusters[w->listener];
    n = ngx_min(cluster->nendpoints - w->endpoint, NGX_MESH_SNAPSHOT_ROWS);

    if (n) {
        ngx_mesh_snapshot_rows(&cluster->endpoints[w->endpoint], n);

        if (w->endpoint < cluster->neligible) {
            ngx_mesh_idle_mark(&cluster->endpoints[w->endpoint],
                               ngx_min(n, cluster->neligible - w->endpoint));
        }

        ngx_mesh_snapshot_health(cluster, &cluster->endpoints[w->endpoint], n);
        w->endpoint += n;
        return NGX_AGAIN;
    }

    w->listener++;
    w->endpoint = 0;

    return NGX_AGAIN;
}


static void
ngx_mesh_snapshot_rows(ngx_mesh_endpoint_t *ep, ngx_uint_t n)
{
    uint32_t    rows[NGX_MESH_SNAPSHOT_ROWS];
    uint64_t    keys[NGX_MESH_SNAPSHOT_ROWS];
    ngx_uint_t  i;

    keys[0] = 0;    /* gcc does not see that "n" is not 0 */

    for (i = 0; i < n; i++) {
        keys[i] = ep[i].key;
    }

    ngx_mesh_shm_rows(ngx_mesh_worker.conf->shm, ngx_mesh_worker.seq, keys,
                      rows, n);

    for (i = 0; i < n; i++) {
        ep[i].row = rows[i];
    }
}


/*
 * An endpoint that is to be checked is not available before its first check.
 * This is done by every worker before it uses the model, since one of them
 * only is the prober.
 */

static void
ngx_mesh_snapshot_health(ngx_mesh_cluster_t *cluster, ngx_mesh_endpoint_t *ep,
    ngx_uint_t n)
{
    ngx_uint_t       i;
    ngx_mesh_shm_t  *shm;
    ngx_mesh_row_t  *row;

    shm = ngx_mesh_worker.conf->shm;

    for (i = 0; i < n; i++) {

        row = ngx_mesh_shm_row(shm, ep[i].row, ep[i].key);

        if (row == NULL) {
            continue;
        }

        if (cluster->listener->health_check == NULL) {
            (void) ngx_mesh_row_set_health(shm, row, NGX_MESH_ROW_UNCHECKED);

        } else if (row->health == NGX_MESH_ROW_UNCHECKED) {
            (void) ngx_mesh_row_set_health(shm, row, NGX_MESH_ROW_PENDING);
        }
    }
}


/* the clusters of the local application: one endpoint for each listener */

static ngx_int_t
ngx_mesh_snapshot_app(ngx_mesh_snapshot_t *snapshot)
{
    ngx_uint_t            i, n;
    ngx_mesh_model_t     *model;
    ngx_mesh_cluster_t   *app;
    ngx_mesh_endpoint_t  *ep;
    ngx_mesh_listener_t  *listener;

    model = snapshot->model;

    if (model->node == NULL) {
        return NGX_OK;
    }

    n = model->node->listeners.nelts;
    listener = model->node->listeners.elts;

    app = ngx_pcalloc(model->pool, n * sizeof(ngx_mesh_cluster_t));
    ep = ngx_pcalloc(model->pool, n * sizeof(ngx_mesh_endpoint_t));

    if (n && (app == NULL || ep == NULL)) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        app[i].node = model->node;
        app[i].listener = &listener[i];
        app[i].endpoints = &ep[i];
        app[i].nendpoints = 1;
        app[i].neligible = 1;

        if (ngx_mesh_snapshot_app_endpoint(model, &listener[i], &ep[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_mesh_snapshot_rows(&ep[i], 1);
        ngx_mesh_idle_mark(&ep[i], 1);
        ngx_mesh_snapshot_limit(&app[i]);
    }

    snapshot->app = app;

    return NGX_OK;
}


/* keys of the application's listeners are those of their endpoints */

static void
ngx_mesh_snapshot_limit(ngx_mesh_cluster_t *app)
{
    ngx_mesh_limit_bounds_t  bounds;

    app->limit = NGX_MESH_SHM_NO_ROW;

    ngx_mesh_limit_bounds(app->listener, &bounds);

    if (bounds.active == 0) {
        return;
    }

    app->limit = ngx_mesh_shm_limit_row(ngx_mesh_worker.conf->shm,
                                        ngx_mesh_worker.seq,
                                        app->endpoints->key);

    if (app->limit == NGX_MESH_SHM_NO_ROW) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "mesh: too many listeners have a connection pool, that "
                      "of port %ui is without limits",
                      (ngx_uint_t) app->listener->port);
    }
}


/* App Mesh: 127.0.0.1, or ::1 where IPv6 is preferred (user guide, meshes) */

static ngx_int_t
ngx_mesh_snapshot_app_endpoint(ngx_mesh_model_t *model,
    ngx_mesh_listener_t *listener, ngx_mesh_endpoint_t *ep)
{
    u_char                    *p;
    ngx_str_t                  text;
    ngx_addr_t                 addr;
    ngx_mesh_ip_preference_e   preference;

    text = ngx_mesh_worker.conf->app_address;

    if (text.len == 0) {
        preference = model->node->ip_preference;

        if (preference == NGX_MESH_IPV6_ONLY
            || preference == NGX_MESH_IPV6_PREFERRED)
        {
            ngx_str_set(&text, "::1");

        } else {
            ngx_str_set(&text, "127.0.0.1");
        }
    }

    if (ngx_parse_addr(model->pool, &addr, text.data, text.len) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_inet_set_port(addr.sockaddr, listener->port);

    p = ngx_pnalloc(model->pool, NGX_SOCKADDR_STRLEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ep->sockaddr = addr.sockaddr;
    ep->socklen = addr.socklen;
    ep->name.data = p;
    ep->name.len = ngx_sock_ntop(addr.sockaddr, addr.socklen, p,
                                 NGX_SOCKADDR_STRLEN, 1);
    ep->health = NGX_MESH_HEALTH_UNKNOWN;

    /* no node has a key that small: those are hashes */
    ep->key = listener->port;

    return NGX_OK;
}


static void
ngx_mesh_snapshot_swap(void)
{
    ngx_mesh_snapshot_t         *old;
    ngx_mesh_snapshot_worker_t  *w;

    w = &ngx_mesh_worker;

    old = w->current;
    w->current = w->next;
    w->next = NULL;

    if (w->slice.posted) {
        ngx_delete_posted_event(&w->slice);
    }

    ngx_log_debug2(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                   "mesh snapshot: document %uA in force, %ui alive",
                   w->seq, w->count);

    ngx_mesh_idle_sweep();

    if (old) {
        ngx_mesh_snapshot_release(old);
    }
}


/* drops a document that is half built */

static void
ngx_mesh_snapshot_stop(void)
{
    ngx_str_t                   *error;
    ngx_mesh_snapshot_worker_t  *w;

    w = &ngx_mesh_worker;

    if (w->slice.posted) {
        ngx_delete_posted_event(&w->slice);
    }

    if (w->loader) {

        if (w->failed == w->seq) {
            error = ngx_mesh_loader_error(w->loader);

            /* the agent read it well, so this is about memory */

            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "mesh: document could not be built in a worker, "
                          "the previous one stays in force: %V", error);
        }

        ngx_mesh_loader_free(w->loader);
        w->loader = NULL;
    }

    if (w->next) {
        ngx_mesh_snapshot_release(w->next);
        w->next = NULL;
    }

    if (w->text.data) {
        ngx_free(w->text.data);
        ngx_str_null(&w->text);
    }
}


static void
ngx_mesh_snapshot_timer_handler(ngx_event_t *ev)
{
    ngx_mesh_snapshot_follow(0);

    if (!ngx_exiting) {
        ngx_add_timer(ev, NGX_MESH_SNAPSHOT_INTERVAL);
    }
}


static void
ngx_mesh_snapshot_slice_handler(ngx_event_t *ev)
{
    if (ngx_mesh_snapshot_build(0) == NGX_AGAIN) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


static uint64_t
ngx_mesh_snapshot_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}
