
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Draining: clients are asked to go elsewhere while they are still served.
 *
 * POST /drain_listeners sets a mark in shared memory and wakes the workers.
 * From then on an answer over HTTP/1 closes its connection, and a little later
 * connections of HTTP/2 get a GOAWAY, and those that are idle are closed, as
 * nginx does in a worker that shuts down; but the listening sockets stay open,
 * and whoever comes is served.  A worker that does shut down says "Connection:
 * close" here too: nginx itself would announce keep-alive and close.
 *
 * Later, because a request may be on its way on a connection that seems idle,
 * and its client would not know whether it was taken.  Clients that have more
 * to say have been told to go by then.
 *
 * Only connections of listening sockets with mesh_pass are meant, so that those
 * who watch the admin pages are not sent away.
 *
 * A file that appears (drain_file) does the same, for who ends this nginx and
 * has nothing to send a request with, as the supervisor of util/mesh.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"
#include "ngx_mesh_wake.h"


#define NGX_HTTP_MESH_DRAIN_INTERVAL  500   /* ms */
#define NGX_HTTP_MESH_DRAIN_QUIET     2000


static void ngx_http_mesh_drain_file_handler(ngx_event_t *ev);
static void ngx_http_mesh_drain_wake_handler(void);
static void ngx_http_mesh_drain_start(void);
static void ngx_http_mesh_drain_timer_handler(ngx_event_t *ev);
static void ngx_http_mesh_drain_connections(
    ngx_http_mesh_main_conf_t *mmcf);
static ngx_uint_t ngx_http_mesh_drain_listening(
    ngx_http_mesh_main_conf_t *mmcf, ngx_listening_t *ls);


static ngx_event_t       ngx_http_mesh_drain_timer;
static ngx_event_t       ngx_http_mesh_drain_file_timer;
static ngx_connection_t  ngx_http_mesh_drain_dummy;


void
ngx_http_mesh_drain_init(void)
{
    ngx_mesh_wake_add(ngx_http_mesh_drain_wake_handler);

    ngx_http_mesh_drain_dummy.fd = (ngx_socket_t) -1;

    ngx_http_mesh_drain_timer.handler = ngx_http_mesh_drain_timer_handler;
    ngx_http_mesh_drain_timer.data = &ngx_http_mesh_drain_dummy;
    ngx_http_mesh_drain_timer.cancelable = 1;
}


/* one worker looks, and wakes the others */

ngx_int_t
ngx_http_mesh_drain_init_process(ngx_cycle_t *cycle)
{
    ngx_event_t      *ev;
    ngx_mesh_conf_t  *mcf;

    mcf = ngx_mesh_get_conf(cycle);

    if (mcf == NULL
        || mcf->drain_file.len == 0
        || ngx_worker != 0
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ngx_http_mesh_drain_dummy.fd = (ngx_socket_t) -1;

    ev = &ngx_http_mesh_drain_file_timer;

    ev->handler = ngx_http_mesh_drain_file_handler;
    ev->data = &ngx_http_mesh_drain_dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, 0);

    return NGX_OK;
}


static void
ngx_http_mesh_drain_file_handler(ngx_event_t *ev)
{
    ngx_mesh_conf_t  *mcf;
    ngx_file_info_t   fi;

    mcf = ngx_mesh_get_conf((ngx_cycle_t *) ngx_cycle);

    /* "ev->log" is of the cycle that a single process has left by a reload */

    ev->log = ngx_cycle->log;

    if (mcf && mcf->drain_file.len
        && !ngx_mesh_shm_draining(mcf->shm)
        && ngx_file_info(mcf->drain_file.data, &fi) != NGX_FILE_ERROR)
    {
        ngx_http_mesh_drain(mcf->shm, ngx_cycle->log);
    }

    ngx_add_timer(ev, NGX_HTTP_MESH_DRAIN_INTERVAL);
}


void
ngx_http_mesh_drain(ngx_mesh_shm_t *shm, ngx_log_t *log)
{
    if (!ngx_mesh_shm_draining(shm)) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "mesh: draining, clients are told to go");

        ngx_mesh_metrics_add(ngx_mesh_metrics_server, NGX_MESH_SERVER_DRAINS,
                             1);
    }

    ngx_mesh_shm_drain(shm);
    ngx_mesh_wake();

    /* where workers cannot be woken, this one at least */
    ngx_http_mesh_drain_start();
}


void
ngx_http_mesh_drain_header(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    if (ngx_exiting) {
        r->keepalive = 0;
        return;
    }

    if (ctx && ngx_mesh_shm_draining(ctx->shm)) {
        r->keepalive = 0;

        /* a worker that was started meanwhile, or not woken */
        ngx_http_mesh_drain_start();
    }
}


static void
ngx_http_mesh_drain_wake_handler(void)
{
    ngx_mesh_conf_t  *mcf;

    mcf = ngx_mesh_get_conf((ngx_cycle_t *) ngx_cycle);

    if (mcf && ngx_mesh_shm_draining(mcf->shm)) {
        ngx_http_mesh_drain_start();
    }
}


/* connections are not closed from within a request, which may be on one */

static void
ngx_http_mesh_drain_start(void)
{
    if (!ngx_http_mesh_drain_timer.timer_set) {
        ngx_http_mesh_drain_timer.log = ngx_cycle->log;
        ngx_add_timer(&ngx_http_mesh_drain_timer, NGX_HTTP_MESH_DRAIN_QUIET);
    }
}


/*
 * Goes on while the worker lives: clients may open new connections of HTTP/2.
 * After a reload of a single process there is nothing to drain.
 */

static void
ngx_http_mesh_drain_timer_handler(ngx_event_t *ev)
{
    ngx_mesh_conf_t            *mcf;
    ngx_http_mesh_main_conf_t  *mmcf;

    mcf = ngx_mesh_get_conf((ngx_cycle_t *) ngx_cycle);
    mmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_mesh_module);

    if (mcf == NULL || mmcf == NULL || !ngx_mesh_shm_draining(mcf->shm)) {
        return;
    }

    ngx_http_mesh_drain_connections(mmcf);

    ngx_add_timer(ev, NGX_HTTP_MESH_DRAIN_INTERVAL);
}


/*
 * As ngx_close_idle_connections().  A connection that never had a request is
 * about to bring one, which will be answered.
 */

static void
ngx_http_mesh_drain_connections(ngx_http_mesh_main_conf_t *mmcf)
{
    ngx_uint_t         i;
    ngx_connection_t  *c;

    c = ngx_cycle->connections;

    for (i = 0; i < ngx_cycle->connection_n; i++) {

        if (c[i].fd == (ngx_socket_t) -1
            || !c[i].idle
            || c[i].requests == 0
            || c[i].listening == NULL
            || !ngx_http_mesh_drain_listening(mmcf, c[i].listening))
        {
            continue;
        }

        c[i].close = 1;
        c[i].read->handler(c[i].read);
    }
}


static ngx_uint_t
ngx_http_mesh_drain_listening(ngx_http_mesh_main_conf_t *mmcf,
    ngx_listening_t *ls)
{
    ngx_uint_t                 i;
    ngx_http_mesh_listener_t  *listener;

    listener = mmcf->listeners.elts;

    for (i = 0; i < mmcf->listeners.nelts; i++) {

        if (ngx_cmp_sockaddr(ls->sockaddr, ls->socklen, listener[i].sockaddr,
                             listener[i].socklen, 1)
            == NGX_OK)
        {
            return 1;
        }

        /* an address that is covered by a wildcard has no socket of its own */

        if (ls->wildcard
            && ls->sockaddr->sa_family == listener[i].sockaddr->sa_family
            && ngx_inet_get_port(ls->sockaddr)
               == ngx_inet_get_port(listener[i].sockaddr))
        {
            return 1;
        }
    }

    return 0;
}
