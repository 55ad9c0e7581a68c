
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Metrics of the connections of clients, by listening address.
 *
 * nginx tells modules of requests, not of connections.  The first request that
 * comes to mesh_pass marks its connection with a cleanup of the connection's
 * pool; it is found there by those that follow, and counts the connection out.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


typedef struct {
    ngx_mesh_metrics_row_t    *metrics;
    ngx_msec_t                 start;
} ngx_http_mesh_connection_t;


static void ngx_http_mesh_connection_count(ngx_connection_t *c,
    ngx_http_mesh_main_conf_t *mmcf);
static ngx_mesh_metrics_row_t *ngx_http_mesh_connection_row(
    ngx_listening_t *ls, ngx_http_mesh_main_conf_t *mmcf);
static void ngx_http_mesh_metrics_rows(ngx_cycle_t *cycle);
static ngx_mesh_metrics_row_t *ngx_http_mesh_metrics_listener(
    ngx_mesh_metrics_t *m, ngx_str_t *addr);


void
ngx_http_mesh_connection(ngx_connection_t *c, ngx_http_mesh_main_conf_t *mmcf)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = c->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_mesh_connection_cleanup) {
            return;
        }
    }

    ngx_http_mesh_connection_count(c, mmcf);
}


static void
ngx_http_mesh_connection_count(ngx_connection_t *c,
    ngx_http_mesh_main_conf_t *mmcf)
{
    ngx_pool_cleanup_t          *cln;
    ngx_mesh_metrics_row_t      *row;
    ngx_http_mesh_connection_t  *mc;

    cln = ngx_pool_cleanup_add(c->pool, sizeof(ngx_http_mesh_connection_t));
    if (cln == NULL) {
        return;
    }

    cln->handler = ngx_http_mesh_connection_cleanup;

    row = ngx_http_mesh_connection_row(c->listening, mmcf);

    mc = cln->data;
    mc->metrics = row;
    mc->start = c->start_time;

    ngx_mesh_metrics_add(row, NGX_MESH_LISTENER_CX_TOTAL, 1);
    ngx_mesh_metrics_add(row, NGX_MESH_LISTENER_CX_ACTIVE, 1);

#if (NGX_HTTP_SSL)

    if (c->ssl) {
        ngx_mesh_metrics_add(row, NGX_MESH_LISTENER_SSL_HANDSHAKE, 1);
        ngx_mesh_metrics_add(row, NGX_MESH_LISTENER_SSL_REUSED,
                             SSL_session_reused(c->ssl->connection) != 0);
    }

#endif
}


/*
 * nginx listens on "*" alone where another server does so too; then it is that
 * address which a connection has come to.
 */

static ngx_mesh_metrics_row_t *
ngx_http_mesh_connection_row(ngx_listening_t *ls,
    ngx_http_mesh_main_conf_t *mmcf)
{
    ngx_uint_t                 i;
    ngx_http_mesh_listener_t  *listener;

    listener = mmcf->listeners.elts;

    for (i = 0; i < mmcf->listeners.nelts; i++) {

        if (ngx_cmp_sockaddr(listener[i].sockaddr, listener[i].socklen,
                             ls->sockaddr, ls->socklen, 1)
            == NGX_OK)
        {
            return listener[i].metrics;
        }
    }

    return mmcf->other;
}


void
ngx_http_mesh_connection_cleanup(void *data)
{
    ngx_http_mesh_connection_t *mc = data;

    ngx_uint_t  ms, bucket;

    ms = ngx_current_msec - mc->start;
    bucket = ngx_mesh_metrics_bucket(ms);

    ngx_mesh_metrics_add(mc->metrics, NGX_MESH_LISTENER_CX_ACTIVE, -1);
    ngx_mesh_metrics_observe(mc->metrics, NGX_MESH_LISTENER_CX_LENGTH, bucket,
                             ms);
}


/* a reload of a single process does not call init_process */

ngx_int_t
ngx_http_mesh_metrics_init_module(ngx_cycle_t *cycle)
{
    if (ngx_process == NGX_PROCESS_SINGLE
        && !ngx_test_config
        && !ngx_is_init_cycle(cycle->old_cycle))
    {
        ngx_http_mesh_metrics_rows(cycle);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_mesh_metrics_init_process(ngx_cycle_t *cycle)
{
    if (ngx_process == NGX_PROCESS_SINGLE || ngx_process == NGX_PROCESS_WORKER)
    {
        ngx_http_mesh_metrics_rows(cycle);
    }

    return NGX_OK;
}


static void
ngx_http_mesh_metrics_rows(ngx_cycle_t *cycle)
{
    ngx_str_t                   other;
    ngx_uint_t                  i;
    ngx_mesh_metrics_t         *m;
    ngx_http_mesh_listener_t   *listener;
    ngx_http_mesh_main_conf_t  *mmcf;

    static ngx_str_t  prefixes[] = {
        ngx_null_string,
        ngx_string("egress"),
        ngx_string("ingress")
    };

    mmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_mesh_module);

    if (mmcf == NULL || mmcf->upstream == NULL) {
        return;
    }

    m = ngx_mesh_get_conf(cycle)->metrics;

    for (i = NGX_HTTP_MESH_EGRESS; i <= NGX_HTTP_MESH_INGRESS; i++) {
        mmcf->metrics[i] = ngx_mesh_metrics_row(m, NGX_MESH_METRICS_HTTP,
                                                &prefixes[i]);
    }

    listener = mmcf->listeners.elts;

    for (i = 0; i < mmcf->listeners.nelts; i++) {
        listener[i].metrics = ngx_http_mesh_metrics_listener(m,
                                                          &listener[i].addr);
    }

    ngx_str_set(&other, "other");

    mmcf->other = ngx_http_mesh_metrics_listener(m, &other);
}


/* Envoy: colons of an address become underscores */

static ngx_mesh_metrics_row_t *
ngx_http_mesh_metrics_listener(ngx_mesh_metrics_t *m, ngx_str_t *addr)
{
    u_char      text[NGX_SOCKADDR_STRLEN];
    size_t      i;
    ngx_str_t   name;

    name.data = text;
    name.len = ngx_min(addr->len, NGX_SOCKADDR_STRLEN);

    for (i = 0; i < name.len; i++) {
        text[i] = (addr->data[i] == ':') ? '_' : addr->data[i];
    }

    return ngx_mesh_metrics_row(m, NGX_MESH_METRICS_LISTENER, &name);
}
