
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * An eventfd that all workers, old and new ones after a reload, have in their
 * event loop.  It is edge-triggered and never read, so that one write wakes all
 * of them and nobody takes it away from another, as in the store of the control
 * plane.  Where there is none (or the module was loaded from another file by a
 * reload, which makes one of its own) nobody is woken: who waits for something
 * looks for it by a timer as well.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#if (NGX_HAVE_EVENTFD && NGX_HAVE_SYS_EVENTFD_H)
#include <sys/eventfd.h>
#endif

#include "ngx_mesh_wake.h"


#define NGX_MESH_WAKE_HANDLERS  4


static void ngx_mesh_wake_handler(ngx_event_t *ev);


/* the master's, which workers inherit; it stays until the process ends */
static ngx_fd_t           ngx_mesh_wake_fd = -1;

static ngx_connection_t  *ngx_mesh_wake_connection;

static ngx_mesh_wake_pt   ngx_mesh_wake_handlers[NGX_MESH_WAKE_HANDLERS];


void
ngx_mesh_wake_init(ngx_cycle_t *cycle)
{
    if (ngx_mesh_wake_fd != -1 || ngx_mesh_wake_handlers[0] == NULL) {
        return;
    }

#if (NGX_HAVE_EVENTFD && NGX_HAVE_SYS_EVENTFD_H)

    ngx_mesh_wake_fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

    if (ngx_mesh_wake_fd == -1) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, ngx_errno,
                      "mesh: eventfd() failed, workers look for changes of "
                      "each other by a timer");
    }

#endif
}


void
ngx_mesh_wake_add(ngx_mesh_wake_pt handler)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESH_WAKE_HANDLERS; i++) {

        if (ngx_mesh_wake_handlers[i] == handler) {
            return;
        }

        if (ngx_mesh_wake_handlers[i] == NULL) {
            ngx_mesh_wake_handlers[i] = handler;
            return;
        }
    }
}


void
ngx_mesh_wake_open(ngx_cycle_t *cycle)
{
    ngx_fd_t           fd;
    ngx_connection_t  *c;

    if (ngx_mesh_wake_fd == -1 || !(ngx_event_flags & NGX_USE_CLEAR_EVENT)) {
        return;
    }

    /* a descriptor of its own, which is closed with the connection */

    fd = fcntl(ngx_mesh_wake_fd, F_DUPFD_CLOEXEC, 0);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                      "mesh: fcntl(F_DUPFD_CLOEXEC) failed");
        return;
    }

    c = ngx_get_connection(fd, cycle->log);

    if (c == NULL) {
        (void) close(fd);
        return;
    }

    c->log = cycle->log;
    c->read->log = cycle->log;
    c->write->log = cycle->log;
    c->read->handler = ngx_mesh_wake_handler;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_CLEAR_EVENT) != NGX_OK) {
        ngx_close_connection(c);
        return;
    }

    ngx_mesh_wake_connection = c;
}


void
ngx_mesh_wake_close(void)
{
    ngx_connection_t  *c;

    c = ngx_mesh_wake_connection;

    if (c == NULL) {
        return;
    }

    ngx_mesh_wake_connection = NULL;

    /* epoll forgets a descriptor by itself with its last duplicate only */

    (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);

    ngx_close_connection(c);
}


void
ngx_mesh_wake(void)
{
    uint64_t  one;

    if (ngx_mesh_wake_fd != -1) {
        one = 1;
        /* it fails after 2^64 - 2 of them only */
        (void) !write(ngx_mesh_wake_fd, &one, sizeof(uint64_t));
    }
}


static void
ngx_mesh_wake_handler(ngx_event_t *ev)
{
    ngx_uint_t         i;
    ngx_connection_t  *c;

    c = ev->data;

    if (c->close) {
        /* worker_shutdown_timeout */
        ngx_mesh_wake_close();
        return;
    }

    for (i = 0; i < NGX_MESH_WAKE_HANDLERS && ngx_mesh_wake_handlers[i]; i++) {
        ngx_mesh_wake_handlers[i]();
    }
}
