
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * One check: a connection of its own, the request, the answer, all within one
 * timeout.  A new connection each time tells more than one that is kept: the
 * endpoint still accepts some.
 *
 * Nothing here holds a worker that was told to quit: the timer is cancelable
 * and the connection counts as idle.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "ngx_mesh_prober_parts.h"


static ngx_mesh_probe_t *ngx_mesh_probe_create(ngx_mesh_prober_t *pr,
    ngx_mesh_prober_target_t *target);
static void ngx_mesh_probe_free(ngx_mesh_probe_t *probe);
static void ngx_mesh_probe_write_handler(ngx_event_t *ev);
static void ngx_mesh_probe_read_handler(ngx_event_t *ev);
static void ngx_mesh_probe_timeout_handler(ngx_event_t *ev);
static ngx_int_t ngx_mesh_probe_connected(ngx_mesh_probe_t *probe);
static ngx_int_t ngx_mesh_probe_send(ngx_mesh_probe_t *probe);
static ngx_int_t ngx_mesh_probe_feed(ngx_mesh_probe_t *probe, u_char *data,
    size_t len);
static void ngx_mesh_probe_closed(ngx_mesh_probe_t *probe);
static void ngx_mesh_probe_error(ngx_mesh_probe_t *probe, const char *what,
    ngx_err_t err);
static void ngx_mesh_probe_done(ngx_mesh_probe_t *probe, ngx_int_t rc,
    u_char *reason);


ngx_int_t
ngx_mesh_probe_start(ngx_mesh_prober_t *pr, ngx_mesh_prober_target_t *target)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_mesh_probe_t       *probe;
    ngx_peer_connection_t   pc;

    probe = ngx_mesh_probe_create(pr, target);
    if (probe == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = (struct sockaddr *) target->sockaddr;
    pc.socklen = target->socklen;
    pc.name = &target->name;
    pc.get = ngx_event_get_peer;
    pc.log = &pr->quiet;
    pc.log_error = NGX_ERROR_ERR;

    ngx_set_errno(0);

    rc = ngx_event_connect_peer(&pc);

    if (rc == NGX_DECLINED) {
        ngx_mesh_probe_error(probe, "connect()", ngx_socket_errno);
        return NGX_OK;
    }

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_mesh_probe_free(probe);
        return NGX_ERROR;
    }

    c = pc.connection;

    c->data = probe;
    c->idle = 1;            /* QUIT calls the read handler with c->close */

    c->read->handler = ngx_mesh_probe_read_handler;
    c->write->handler = ngx_mesh_probe_write_handler;

    probe->connection = c;

    ngx_add_timer(&probe->timeout, probe->check->timeout);

    if (rc == NGX_OK) {
        ngx_mesh_probe_write_handler(c->write);
    }

    return NGX_OK;
}


static ngx_mesh_probe_t *
ngx_mesh_probe_create(ngx_mesh_prober_t *pr, ngx_mesh_prober_target_t *target)
{
    ngx_mesh_probe_t  *probe;

    probe = ngx_alloc(sizeof(ngx_mesh_probe_t), pr->log);
    if (probe == NULL) {
        return NULL;
    }

    ngx_memzero(probe, offsetof(ngx_mesh_probe_t, u));

    probe->connected = 0;
    probe->replying = 0;

    probe->ident[3] = (void *) -1;
    probe->prober = pr;
    probe->target = target;
    probe->check = target->check;
    probe->check->refs++;

    probe->pos = probe->check->request.data;
    probe->last = probe->pos + probe->check->request.len;

    switch (probe->check->protocol) {

    case NGX_MESH_HTTP:
        ngx_mesh_prober_http_init(&probe->u.http);
        break;

    case NGX_MESH_HTTP2:
    case NGX_MESH_GRPC:
        ngx_mesh_prober_h2_init(&probe->u.h2,
                                probe->check->protocol == NGX_MESH_GRPC);
        break;

    default: /* NGX_MESH_TCP */
        break;
    }

    probe->timeout.handler = ngx_mesh_probe_timeout_handler;
    probe->timeout.data = probe;
    probe->timeout.log = pr->log;
    probe->timeout.cancelable = 1;

    target->probe = probe;

    ngx_queue_insert_tail(&pr->probes, &probe->queue);
    pr->nprobes++;

    return probe;
}


static void
ngx_mesh_probe_free(ngx_mesh_probe_t *probe)
{
    if (probe->timeout.timer_set) {
        ngx_del_timer(&probe->timeout);
    }

    if (probe->connection) {
        ngx_close_connection(probe->connection);
    }

    ngx_queue_remove(&probe->queue);
    probe->prober->nprobes--;

    probe->target->probe = NULL;

    ngx_mesh_prober_check_free(probe->check);

    ngx_free(probe);
}


void
ngx_mesh_probe_cancel(ngx_mesh_probe_t *probe)
{
    ngx_mesh_probe_free(probe);
}


static void
ngx_mesh_probe_write_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;
    ngx_mesh_probe_t  *probe;

    c = ev->data;
    probe = c->data;

    if (!probe->connected) {

        if (ngx_mesh_probe_connected(probe) != NGX_OK) {
            return;
        }

        if (probe->check->protocol == NGX_MESH_TCP) {
            ngx_mesh_probe_done(probe, NGX_OK, NULL);
            return;
        }

        if (c->read->ready) {
            ngx_post_event(c->read, &ngx_posted_events);
        }
    }

    (void) ngx_mesh_probe_send(probe);
}


/* whether it is, and not just the event that tells of an error */

static ngx_int_t
ngx_mesh_probe_connected(ngx_mesh_probe_t *probe)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(probe->connection->fd, SOL_SOCKET, SO_ERROR, (void *) &err,
                   &len)
        == -1)
    {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_mesh_probe_error(probe, "connect()", err);
        return NGX_ERROR;
    }

    probe->connected = 1;

    return NGX_OK;
}


/* NGX_ERROR: the probe is over */

static ngx_int_t
ngx_mesh_probe_send(ngx_mesh_probe_t *probe)
{
    ssize_t                n;
    ngx_connection_t      *c;
    ngx_mesh_prober_h2_t  *h2;

    c = probe->connection;

    for ( ;; ) {

        while (probe->pos < probe->last) {

            n = c->send(c, probe->pos, probe->last - probe->pos);

            if (n == NGX_ERROR) {

                /* it may have answered before it closed */

                probe->pos = probe->last;
                break;
            }

            if (n == NGX_AGAIN || n == 0) {
                goto armed;
            }

            probe->pos += n;
        }

        if (probe->check->protocol == NGX_MESH_HTTP) {
            break;
        }

        h2 = &probe->u.h2;

        if (probe->replying) {
            probe->replying = 0;
            h2->nout = 0;
        }

        if (h2->nout == 0) {
            break;
        }

        probe->replying = 1;
        probe->pos = h2->out;
        probe->last = h2->out + h2->nout;
    }

armed:

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_mesh_probe_error(probe, "epoll_ctl()", ngx_errno);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_mesh_probe_read_handler(ngx_event_t *ev)
{
    ssize_t            n;
    ngx_int_t          rc;
    ngx_connection_t  *c;
    ngx_mesh_probe_t  *probe;
    u_char             buf[4096];

    c = ev->data;
    probe = c->data;

    if (c->close) {
        ngx_mesh_probe_cancel(probe);
        return;
    }

    if (!probe->connected) {
        /* the write handler comes first */
        return;
    }

    for ( ;; ) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR) {
            ngx_mesh_probe_error(probe, "recv()", ngx_socket_errno);
            return;
        }

        if (n == 0) {
            ngx_mesh_probe_closed(probe);
            return;
        }

        rc = ngx_mesh_probe_feed(probe, buf, n);

        if (rc != NGX_AGAIN) {
            return;
        }
    }

    if (ngx_handle_read_event(ev, 0) != NGX_OK) {
        ngx_mesh_probe_error(probe, "epoll_ctl()", ngx_errno);
    }
}


/* NGX_AGAIN: the probe is still there */

static ngx_int_t
ngx_mesh_probe_feed(ngx_mesh_probe_t *probe, u_char *data, size_t len)
{
    u_char     *reason;
    ngx_int_t   rc;

    if (probe->check->protocol == NGX_MESH_HTTP) {
        rc = ngx_mesh_prober_http_feed(&probe->u.http, data, len);
        reason = probe->u.http.reason;

    } else {

        /* what is being sent is not to be moved or added to */

        if (probe->replying) {
            ngx_mesh_probe_error(probe, "does not read", 0);
            return NGX_ERROR;
        }

        rc = ngx_mesh_prober_h2_feed(&probe->u.h2, data, len);
        reason = probe->u.h2.reason;
    }

    if (rc != NGX_AGAIN) {
        ngx_mesh_probe_done(probe, rc, reason);
        return rc;
    }

    if (probe->check->protocol != NGX_MESH_HTTP
        && probe->u.h2.nout
        && probe->pos == probe->last)
    {
        return (ngx_mesh_probe_send(probe) == NGX_OK) ? NGX_AGAIN : NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_mesh_probe_closed(ngx_mesh_probe_t *probe)
{
    ngx_int_t  rc;

    if (probe->check->protocol == NGX_MESH_HTTP) {
        rc = ngx_mesh_prober_http_end(&probe->u.http);
        ngx_mesh_probe_done(probe, rc, probe->u.http.reason);
        return;
    }

    ngx_mesh_probe_error(probe, "closed the connection", 0);
}


static void
ngx_mesh_probe_timeout_handler(ngx_event_t *ev)
{
    ngx_mesh_probe_t *probe = ev->data;

    *ngx_snprintf(probe->reason, sizeof(probe->reason) - 1,
                  "did not %s within %M ms",
                  probe->connected ? "answer" : "accept a connection",
                  probe->check->timeout)
        = '\0';

    ngx_mesh_probe_done(probe, NGX_ERROR, probe->reason);
}


/* without an answer */

static void
ngx_mesh_probe_error(ngx_mesh_probe_t *probe, const char *what, ngx_err_t err)
{
    u_char  *p, *last;

    p = probe->reason;
    last = p + sizeof(probe->reason) - 1;

    if (err == 0) {
        p = ngx_slprintf(p, last, "%s", what);

    } else {
        p = ngx_slprintf(p, last, "failed in %s (%d: ", what, err);
        p = ngx_strerror(err, p, last - p);
        p = ngx_slprintf(p, last, ")");
    }

    *p = '\0';

    ngx_mesh_probe_done(probe, NGX_ERROR, probe->reason);
}


static void
ngx_mesh_probe_done(ngx_mesh_probe_t *probe, ngx_int_t rc, u_char *reason)
{
    u_char                     text[sizeof(probe->reason)];
    ngx_mesh_prober_t         *pr;
    ngx_mesh_check_result_e    result;
    ngx_mesh_prober_target_t  *target;

    pr = probe->prober;
    target = probe->target;

    text[0] = '\0';

    switch (rc) {

    case NGX_OK:
        result = NGX_MESH_CHECK_PASSED;
        break;

    case NGX_DECLINED:
        result = NGX_MESH_CHECK_REFUSED;
        break;

    default: /* NGX_ERROR */
        result = NGX_MESH_CHECK_LOST;
        break;
    }

    if (reason) {
        (void) ngx_cpystrn(text, reason, sizeof(text));
    }

    ngx_mesh_probe_free(probe);

    ngx_mesh_prober_result(pr, target, result, text);
}
