
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The last request of a client, in a process that has left its event loop:
 * after SIGTERM, or as a single process, nginx does not go round again.  What
 * the loop would do for this one client, its connection and its two timers, is
 * done here, for a short time.  A single process that is reloaded has its loop,
 * but not for the client of the configuration before: it waits here, too.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <poll.h>

#include "ngx_mesh_client_peer.h"


static ngx_uint_t ngx_mesh_client_step(ngx_mesh_client_t *cl,
    ngx_msec_int_t left);
static ngx_event_t *ngx_mesh_client_timer(ngx_mesh_client_t *cl);
static ngx_uint_t ngx_mesh_client_posted(ngx_event_t *ev);


void
ngx_mesh_client_leave(ngx_mesh_client_t *cl)
{
    cl->leaving = 1;

    /* nobody waits for the thread any more */

    if (cl->awaiting) {
        ngx_mesh_client_known(cl);
    }
}


void
ngx_mesh_client_finish(ngx_mesh_client_t *cl, ngx_msec_t end)
{
    while (cl->request
           && ngx_mesh_client_step(cl,
                                   (ngx_msec_int_t) (end - ngx_current_msec)))
    {
        /* void */
    }
}


/* 0: there is nothing to wait for, or no time */

static ngx_uint_t
ngx_mesh_client_step(ngx_mesh_client_t *cl, ngx_msec_int_t left)
{
    int                n;
    ngx_err_t          err;
    ngx_event_t       *timer;
    struct pollfd      pfd;
    ngx_msec_int_t     due;
    ngx_connection_t  *c;

    if (ngx_mesh_client_posted(&cl->ended)) {
        return 1;
    }

    c = cl->connection;

    if (c == NULL || left <= 0) {
        return 0;
    }

    if (ngx_mesh_client_posted(c->read) || ngx_mesh_client_posted(c->write)) {
        return 1;
    }

    timer = ngx_mesh_client_timer(cl);

    if (timer) {
        due = (ngx_msec_int_t) (timer->timer.key - ngx_current_msec);

        if (due <= 0) {
            ngx_del_timer(timer);
            timer->handler(timer);
            return 1;
        }

        left = ngx_min(left, due);
    }

    pfd.fd = c->fd;
    pfd.events = c->write->ready ? POLLIN : POLLIN|POLLOUT;
    pfd.revents = 0;

    n = poll(&pfd, 1, (int) left);

    err = (n == -1) ? ngx_errno : 0;

    ngx_time_update();

    if (err) {
        /* the master repeats its signal */
        return err == NGX_EINTR;
    }

    if (pfd.revents & (POLLERR|POLLHUP)) {
        pfd.revents |= POLLIN;
    }

    /* one handler at a time: it may close the connection */

    if (pfd.revents & POLLOUT) {
        c->write->ready = 1;
        c->write->handler(c->write);

    } else if (pfd.revents & POLLIN) {
        c->read->ready = 1;
        c->read->available = -1;
        c->read->handler(c->read);
    }

    return 1;
}


/* the one that is due first, or NULL */

static ngx_event_t *
ngx_mesh_client_timer(ngx_mesh_client_t *cl)
{
    if (!cl->phase.timer_set) {
        return cl->deadline.timer_set ? &cl->deadline : NULL;
    }

    if (cl->deadline.timer_set
        && (ngx_msec_int_t) (cl->deadline.timer.key - cl->phase.timer.key) < 0)
    {
        return &cl->deadline;
    }

    return &cl->phase;
}


static ngx_uint_t
ngx_mesh_client_posted(ngx_event_t *ev)
{
    if (!ev->posted) {
        return 0;
    }

    ngx_delete_posted_event(ev);
    ev->handler(ev);

    return 1;
}
