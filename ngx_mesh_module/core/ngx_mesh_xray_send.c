
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The way to X-Ray's daemon: one socket a worker, opened when the first segment
 * is sent.  A daemon that is not there costs a system call, nothing else.
 *
 * A datagram on its own is dear: all of the kernel's code for UDP is cold by
 * then, and the daemon is woken for it.  One among sixteen costs half of that
 * or less.  So a segment that follows another one closely waits for those that
 * come after it, a moment, or until there are enough; one that comes alone is
 * sent at once.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_metrics.h"
#include "ngx_mesh_xray.h"


/* without a refusal for so long, it is there again, ms */
#define NGX_MESH_XRAY_CALM   5000

/* what waits: for so long, ms, and so many; a daemon's buffer takes them all */
#define NGX_MESH_XRAY_DELAY  50
#define NGX_MESH_XRAY_BATCH  16


/* of one worker; segments lie in the buffer one after the other */

typedef struct {
    size_t                     len[NGX_MESH_XRAY_BATCH];
    ngx_uint_t                 n;
    size_t                     used;
    ngx_msec_t                 latest;          /* when one was added */
    ngx_addr_t                *daemon;          /* the configuration's */
    ngx_event_t                timer;
    ngx_connection_t           dummy;           /* for the log of "timer" */
    u_char                     buffer[2 * NGX_MESH_XRAY_MAX];
} ngx_mesh_xray_queue_t;


static void ngx_mesh_xray_timer(ngx_event_t *ev);
static void ngx_mesh_xray_flush(ngx_mesh_xray_queue_t *q);
static ngx_int_t ngx_mesh_xray_send(ngx_addr_t *daemon, u_char *data,
    size_t len, ngx_log_t *log);
static ngx_int_t ngx_mesh_xray_open(ngx_addr_t *daemon, ngx_log_t *log);
static ngx_int_t ngx_mesh_xray_failed(ngx_addr_t *daemon, ngx_err_t err,
    const char *what, ngx_log_t *log);


static ngx_socket_t  ngx_mesh_xray_fd = (ngx_socket_t) -1;
static ngx_msec_t    ngx_mesh_xray_refused;
static ngx_uint_t    ngx_mesh_xray_away;

static ngx_mesh_xray_queue_t  ngx_mesh_xray_queue;


u_char *
ngx_mesh_xray_room(void)
{
    ngx_mesh_xray_queue_t  *q;

    q = &ngx_mesh_xray_queue;

    if (q->used > sizeof(q->buffer) - NGX_MESH_XRAY_MAX) {
        ngx_mesh_xray_flush(q);
    }

    return q->buffer + q->used;
}


void
ngx_mesh_xray_add(ngx_addr_t *daemon, u_char *last)
{
    ngx_msec_t              pause;
    ngx_mesh_xray_queue_t  *q;

    q = &ngx_mesh_xray_queue;

    pause = ngx_current_msec - q->latest;
    q->latest = ngx_current_msec;

    q->daemon = daemon;
    q->len[q->n++] = last - q->buffer - q->used;
    q->used = last - q->buffer;

    if (q->n == NGX_MESH_XRAY_BATCH
        || (q->n == 1 && pause > NGX_MESH_XRAY_DELAY))
    {
        ngx_mesh_xray_flush(q);
        return;
    }

    if (!q->timer.timer_set) {
        q->dummy.fd = (ngx_socket_t) -1;

        q->timer.handler = ngx_mesh_xray_timer;
        q->timer.data = &q->dummy;
        q->timer.log = ngx_cycle->log;
        q->timer.cancelable = 1;

        ngx_add_timer(&q->timer, NGX_MESH_XRAY_DELAY);
    }
}


static void
ngx_mesh_xray_timer(ngx_event_t *ev)
{
    ngx_mesh_xray_flush(&ngx_mesh_xray_queue);
}


static void
ngx_mesh_xray_flush(ngx_mesh_xray_queue_t *q)
{
    u_char      *p;
    ngx_int_t    rc;
    ngx_uint_t   i;

    p = q->buffer;

    for (i = 0; i < q->n; i++) {
        rc = ngx_mesh_xray_send(q->daemon, p, q->len[i], ngx_cycle->log);

        ngx_mesh_metrics_add(ngx_mesh_metrics_server,
                             rc == NGX_OK ? NGX_MESH_SERVER_TRACE_SENT
                                          : NGX_MESH_SERVER_TRACE_DROPPED,
                             1);
        p += q->len[i];
    }

    q->n = 0;
    q->used = 0;
}


/*
 * NGX_DECLINED: it was dropped, or the one before it was.  A refusal of a
 * datagram is told with the next send(), which is not done then; so that one is
 * repeated.
 */

static ngx_int_t
ngx_mesh_xray_send(ngx_addr_t *daemon, u_char *data, size_t len,
    ngx_log_t *log)
{
    ssize_t    n;
    ngx_err_t  err;
    ngx_int_t  rc;

    if (ngx_mesh_xray_fd == (ngx_socket_t) -1
        && ngx_mesh_xray_open(daemon, log) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    rc = NGX_OK;

    n = send(ngx_mesh_xray_fd, data, len, 0);

    if (n == -1 && ngx_socket_errno == NGX_ECONNREFUSED) {
        rc = ngx_mesh_xray_failed(daemon, NGX_ECONNREFUSED, "send()", log);

        n = send(ngx_mesh_xray_fd, data, len, 0);
    }

    if (n == -1) {
        err = ngx_socket_errno;
        return ngx_mesh_xray_failed(daemon, err, "send()", log);
    }

    if (ngx_mesh_xray_away
        && rc == NGX_OK
        && ngx_current_msec - ngx_mesh_xray_refused > NGX_MESH_XRAY_CALM)
    {
        ngx_mesh_xray_away = 0;
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "mesh: segments reach X-Ray's daemon at %V again",
                      &daemon->name);
    }

    return rc;
}


static ngx_int_t
ngx_mesh_xray_open(ngx_addr_t *daemon, ngx_log_t *log)
{
    ngx_err_t     err;
    ngx_socket_t  s;

    s = ngx_socket(daemon->sockaddr->sa_family, SOCK_DGRAM, 0);

    if (s == (ngx_socket_t) -1) {
        err = ngx_socket_errno;
        return ngx_mesh_xray_failed(daemon, err, ngx_socket_n, log);
    }

    if (ngx_nonblocking(s) == -1
        || fcntl(s, F_SETFD, FD_CLOEXEC) == -1
        || connect(s, daemon->sockaddr, daemon->socklen) == -1)
    {
        err = ngx_socket_errno;
        (void) ngx_close_socket(s);
        return ngx_mesh_xray_failed(daemon, err, "connect()", log);
    }

    ngx_mesh_xray_fd = s;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_xray_failed(ngx_addr_t *daemon, ngx_err_t err, const char *what,
    ngx_log_t *log)
{
    ngx_mesh_xray_refused = ngx_current_msec;

    if (!ngx_mesh_xray_away) {
        ngx_mesh_xray_away = 1;

        ngx_log_error(NGX_LOG_WARN, log, err,
                      "mesh: segments for X-Ray's daemon at %V are dropped, "
                      "%s failed; this is said once", &daemon->name, what);
    }

    return NGX_DECLINED;
}


void
ngx_mesh_xray_close(void)
{
    ngx_mesh_xray_queue_t  *q;

    q = &ngx_mesh_xray_queue;

    ngx_mesh_xray_flush(q);

    if (q->timer.timer_set) {
        ngx_del_timer(&q->timer);
    }

    if (ngx_mesh_xray_fd != (ngx_socket_t) -1) {
        (void) ngx_close_socket(ngx_mesh_xray_fd);
        ngx_mesh_xray_fd = (ngx_socket_t) -1;
    }

    ngx_mesh_xray_away = 0;
}
