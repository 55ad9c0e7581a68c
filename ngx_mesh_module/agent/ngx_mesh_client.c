
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The asynchronous HTTP/1.1 client.
 *
 *     start ─► kept connection ─────────────────────────► send ─► read ─► end
 *       └────► resolve (thread) ─► connect ─► handshake ──┘
 *                                     ▲ next address │
 *                                     └──────────────┘
 *
 * Whatever happens, a request ends in ngx_mesh_client_end(), which posts the
 * one call of its handler.  A connection that was kept may have been closed by
 * the server just when the request was sent: if no byte of an answer came, the
 * request is sent once more on a new one.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "ngx_mesh_answer.h"
#include "ngx_mesh_client.h"
#include "ngx_mesh_client_peer.h"


#define NGX_MESH_CLIENT_BUFFER  16384


static void ngx_mesh_client_log(ngx_log_t *log, ngx_uint_t level, u_char *buf,
    size_t len);
static ngx_int_t ngx_mesh_client_compose(ngx_mesh_client_t *cl);
static u_char *ngx_mesh_client_head(ngx_mesh_client_t *cl, u_char *p);
static void ngx_mesh_client_connect(ngx_mesh_client_t *cl);
static ngx_msec_t ngx_mesh_client_patience(ngx_mesh_client_t *cl);
static void ngx_mesh_client_connect_handler(ngx_event_t *ev);
static void ngx_mesh_client_connected(ngx_mesh_client_t *cl);
static void ngx_mesh_client_next(ngx_mesh_client_t *cl);
static void ngx_mesh_client_send(ngx_mesh_client_t *cl);
static void ngx_mesh_client_write_handler(ngx_event_t *ev);
static void ngx_mesh_client_read_handler(ngx_event_t *ev);
static void ngx_mesh_client_read(ngx_mesh_client_t *cl);
static void ngx_mesh_client_lost(ngx_mesh_client_t *cl, const char *call,
    ngx_err_t err);
static void ngx_mesh_client_phase_handler(ngx_event_t *ev);
static void ngx_mesh_client_deadline_handler(ngx_event_t *ev);
static void ngx_mesh_client_end(ngx_mesh_client_t *cl, ngx_int_t rc);
static void ngx_mesh_client_end_handler(ngx_event_t *ev);
static void ngx_mesh_client_idle_handler(ngx_event_t *ev);
static void ngx_mesh_client_reset(ngx_mesh_client_t *cl);


ngx_mesh_client_t *
ngx_mesh_client_create(ngx_mesh_client_conf_t *conf)
{
    ngx_mesh_client_t  *cl;

    cl = ngx_alloc(sizeof(ngx_mesh_client_t), conf->log);
    if (cl == NULL) {
        return NULL;
    }

    ngx_memzero(cl, sizeof(ngx_mesh_client_t));

    cl->conf = conf;
    cl->ident[3] = (void *) -1;

    cl->log = *conf->log;
    cl->log.handler = NULL;

    if (!(cl->log.log_level & NGX_LOG_DEBUG_ALL)) {
        cl->log.log_level = NGX_LOG_INFO;
        cl->log.writer = ngx_mesh_client_log;
        cl->log.wdata = cl;
        cl->log.next = NULL;
    }

    cl->phase.handler = ngx_mesh_client_phase_handler;
    cl->deadline.handler = ngx_mesh_client_deadline_handler;
    cl->ended.handler = ngx_mesh_client_end_handler;

    cl->phase.cancelable = 1;
    cl->deadline.cancelable = 1;

    cl->phase.data = cl;
    cl->deadline.data = cl;
    cl->ended.data = cl;

    cl->phase.log = &cl->log;
    cl->deadline.log = &cl->log;
    cl->ended.log = &cl->log;

    return cl;
}


/*
 * What goes wrong is told in the request's "error", which the caller logs once;
 * nginx's functions would log it at each attempt.  OpenSSL's reasons are to be
 * had from them only, though.
 */

static void
ngx_mesh_client_log(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    u_char             *p;
    ngx_mesh_client_t  *cl;

    cl = log->wdata;

    while (len && buf[len - 1] <= ' ') {
        len--;
    }

    if (level <= NGX_LOG_ALERT) {
        ngx_log_error(level, cl->conf->log, 0, "mesh: %*s", len, buf);
    }

    p = ngx_strlcasestrn(buf, buf + len, (u_char *) "SSL_", 4 - 1);

    if (p) {
        len = ngx_min((size_t) (buf + len - p), sizeof(cl->reason) - 1);
        (void) ngx_cpystrn(cl->reason, p, len + 1);
    }
}


void
ngx_mesh_client_destroy(ngx_mesh_client_t *cl)
{
    ngx_mesh_client_cancel(cl);
    ngx_mesh_client_close(cl);
    ngx_mesh_client_forget(cl);

    ngx_free(cl);
}


void
ngx_mesh_client_start(ngx_mesh_client_t *cl, ngx_mesh_client_request_t *rq)
{
    cl->request = rq;
    cl->reused = 0;
    cl->retried = 0;
    cl->naddrs = 0;

    rq->rc = NGX_ERROR;
    rq->status = 0;
    rq->answer = NULL;
    rq->nanswer = 0;
    rq->error[0] = '\0';
    ngx_str_null(&rq->text);
    ngx_str_null(&rq->address);

    ngx_add_timer(&cl->deadline, rq->deadline);

    if (ngx_mesh_client_compose(cl) != NGX_OK) {
        ngx_mesh_client_fail(cl, "no memory", 0);
        return;
    }

    if (cl->connection) {
        cl->reused = 1;
        ngx_mesh_client_send(cl);
        return;
    }

    ngx_mesh_client_resolve(cl);
}


void
ngx_mesh_client_cancel(ngx_mesh_client_t *cl)
{
    if (cl->request == NULL) {
        return;
    }

    /* what the server is about to say is not the answer to the next request */

    ngx_mesh_client_close(cl);
    ngx_mesh_client_reset(cl);
}


static ngx_int_t
ngx_mesh_client_compose(ngx_mesh_client_t *cl)
{
    size_t                      len;
    ngx_uint_t                  i;
    ngx_mesh_client_request_t  *rq;

    rq = cl->request;

    cl->pool = ngx_create_pool(4096, &cl->log);
    cl->answer = ngx_alloc(sizeof(ngx_mesh_answer_t), &cl->log);

    if (cl->pool == NULL || cl->answer == NULL) {
        return NGX_ERROR;
    }

    ngx_mesh_answer_init(cl->answer, cl->pool, rq->max_body, rq->error,
                         &cl->log);

    cl->answer->no_body = (rq->method.len == 4
                           && ngx_strncmp(rq->method.data, "HEAD", 4) == 0);

    len = rq->method.len + 1 + rq->uri.len + sizeof(" HTTP/1.1" CRLF) - 1
          + sizeof("Host: " CRLF) - 1 + cl->conf->url->authority.len
          + sizeof("Content-Length: " CRLF) - 1 + NGX_SIZE_T_LEN
          + sizeof(CRLF) - 1 + rq->body.len;

    for (i = 0; i < rq->nheaders; i++) {
        len += rq->headers[i].name.len + sizeof(": " CRLF) - 1
               + rq->headers[i].value.len;
    }

    cl->out = ngx_create_temp_buf(cl->pool, len);
    cl->in = ngx_create_temp_buf(cl->pool, NGX_MESH_CLIENT_BUFFER);

    if (cl->out == NULL || cl->in == NULL) {
        return NGX_ERROR;
    }

    cl->out->last = ngx_mesh_client_head(cl, cl->out->last);

    return NGX_OK;
}


static u_char *
ngx_mesh_client_head(ngx_mesh_client_t *cl, u_char *p)
{
    ngx_uint_t                  i;
    ngx_mesh_client_request_t  *rq;

    rq = cl->request;

    p = ngx_sprintf(p, "%V %V HTTP/1.1" CRLF "Host: %V" CRLF,
                    &rq->method, &rq->uri, &cl->conf->url->authority);

    for (i = 0; i < rq->nheaders; i++) {
        p = ngx_sprintf(p, "%V: %V" CRLF, &rq->headers[i].name,
                        &rq->headers[i].value);
    }

    if (rq->body.len) {
        p = ngx_sprintf(p, "Content-Length: %uz" CRLF, rq->body.len);
    }

    *p++ = CR; *p++ = LF;

    return ngx_cpymem(p, rq->body.data, rq->body.len);
}


/* the addresses are there, or "error" tells why not */

void
ngx_mesh_client_resolved(ngx_mesh_client_t *cl)
{
    if (cl->naddrs == 0) {
        ngx_mesh_client_end(cl, NGX_ERROR);
        return;
    }

    cl->naddr = 0;

    ngx_mesh_client_connect(cl);
}


static void
ngx_mesh_client_connect(ngx_mesh_client_t *cl)
{
    ngx_err_t               err;
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_peer_connection_t   pc;
    ngx_mesh_client_addr_t *addr;

    addr = &cl->addrs[cl->naddr];

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = &addr->sockaddr.sockaddr;
    pc.socklen = addr->socklen;
    pc.name = &addr->name;
    pc.get = ngx_event_get_peer;
    pc.log = &cl->log;
    pc.log_error = NGX_ERROR_INFO;

    ngx_set_errno(0);

    rc = ngx_event_connect_peer(&pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        err = ngx_socket_errno;
        ngx_mesh_client_error(cl, "connect()", err);
        ngx_mesh_client_next(cl);
        return;
    }

    c = pc.connection;
    cl->connection = c;

    c->data = cl;
    c->idle = 1;            /* QUIT calls the read handler with c->close */

    c->pool = ngx_create_pool(512, &cl->log);

    if (c->pool == NULL) {
        ngx_mesh_client_fail(cl, "no memory", 0);
        return;
    }

    c->read->handler = ngx_mesh_client_connect_handler;
    c->write->handler = ngx_mesh_client_connect_handler;

    if (rc == NGX_AGAIN) {
        cl->what = "connect()";
        ngx_add_timer(&cl->phase, ngx_mesh_client_patience(cl));
        return;
    }

    ngx_mesh_client_connected(cl);
}


/* the deadline leaves time for the addresses that follow */

static ngx_msec_t
ngx_mesh_client_patience(ngx_mesh_client_t *cl)
{
    ngx_msec_int_t  left;

    left = (ngx_msec_int_t) (cl->deadline.timer.key - ngx_current_msec);
    left /= (ngx_msec_int_t) (cl->naddrs - cl->naddr);
    left = ngx_max(left, 1);

    return ngx_min(cl->conf->timeout, (ngx_msec_t) left);
}


static void
ngx_mesh_client_connect_handler(ngx_event_t *ev)
{
    ngx_connection_t   *c;
    ngx_mesh_client_t  *cl;

    c = ev->data;
    cl = c->data;

    if (c->close) {
        ngx_mesh_client_fail(cl, "cancelled", 0);
        return;
    }

    ngx_mesh_client_connected(cl);
}


static void
ngx_mesh_client_connected(ngx_mesh_client_t *cl)
{
    int         err;
    socklen_t   len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(cl->connection->fd, SOL_SOCKET, SO_ERROR, (void *) &err,
                   &len)
        == -1)
    {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_mesh_client_error(cl, "connect()", err);
        ngx_mesh_client_next(cl);
        return;
    }

    ngx_mesh_client_keep_watch(cl->connection);

#if (NGX_SSL)
    if (cl->conf->url->tls) {
        ngx_mesh_client_handshake(cl);
        return;
    }
#endif

    ngx_mesh_client_send(cl);
}


/* the address did not work out */

static void
ngx_mesh_client_next(ngx_mesh_client_t *cl)
{
    ngx_mesh_client_close(cl);

    if (++cl->naddr == cl->naddrs) {
        ngx_mesh_client_end(cl, NGX_ERROR);
        return;
    }

    ngx_mesh_client_connect(cl);
}


void
ngx_mesh_client_handshaken(ngx_mesh_client_t *cl, ngx_int_t rc)
{
    if (rc != NGX_OK) {
        ngx_mesh_client_next(cl);
        return;
    }

    ngx_mesh_client_send(cl);
}


static void
ngx_mesh_client_send(ngx_mesh_client_t *cl)
{
    ngx_connection_t  *c;

    c = cl->connection;

    cl->connecting = 0;
    cl->reason[0] = '\0';

    c->requests++;
    c->read->handler = ngx_mesh_client_read_handler;
    c->write->handler = ngx_mesh_client_write_handler;

    cl->sending = 1;

    ngx_mesh_client_write_handler(c->write);
}


static void
ngx_mesh_client_write_handler(ngx_event_t *ev)
{
    size_t              len;
    ssize_t             n;
    ngx_buf_t          *b;
    ngx_connection_t   *c;
    ngx_mesh_client_t  *cl;

    c = ev->data;
    cl = c->data;
    b = cl->out;

    if (!cl->sending) {
        (void) ngx_handle_write_event(ev, 0);
        return;
    }

    while (b->pos < b->last) {
        len = b->last - b->pos;

        n = c->send(c, b->pos, len);

        if (n == NGX_ERROR) {
            ngx_mesh_client_lost(cl, "send()", ngx_socket_errno);
            return;
        }

        if (n == NGX_AGAIN || n == 0) {
            cl->what = "send()";
            ngx_add_timer(&cl->phase, cl->conf->timeout);

            if (ngx_handle_write_event(ev, 0) != NGX_OK) {
                ngx_mesh_client_lost(cl, "epoll_ctl()", ngx_errno);
            }

            return;
        }

        b->pos += n;
    }

    cl->sending = 0;
    cl->what = "the answer";

    ngx_add_timer(&cl->phase, cl->conf->timeout + cl->request->wait);

    if (ngx_handle_write_event(ev, 0) != NGX_OK) {
        ngx_mesh_client_lost(cl, "epoll_ctl()", ngx_errno);
        return;
    }

    /* the answer may have come with the handshake, or before the request */

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
        return;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_mesh_client_lost(cl, "epoll_ctl()", ngx_errno);
    }
}


static void
ngx_mesh_client_read_handler(ngx_event_t *ev)
{
    ngx_connection_t   *c;
    ngx_mesh_client_t  *cl;

    c = ev->data;
    cl = c->data;

    if (c->close) {
        ngx_mesh_client_fail(cl, "cancelled", 0);
        return;
    }

    ngx_mesh_client_read(cl);
}


static void
ngx_mesh_client_read(ngx_mesh_client_t *cl)
{
    ssize_t            n;
    ngx_int_t          rc;
    ngx_buf_t         *b;
    ngx_connection_t  *c;

    c = cl->connection;
    b = cl->in;

    n = c->recv(c, b->start, b->end - b->start);

    if (n == NGX_AGAIN) {
        if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
            ngx_mesh_client_lost(cl, "epoll_ctl()", ngx_errno);
        }

        return;
    }

    if (n == NGX_ERROR) {
        ngx_mesh_client_lost(cl, "recv()", ngx_socket_errno);
        return;
    }

    if (n == 0) {
        if (cl->reused && !cl->received) {
            ngx_mesh_client_lost(cl, "recv()", 0);
            return;
        }

        ngx_mesh_client_end(cl, ngx_mesh_answer_end(cl->answer));
        return;
    }

    cl->received = 1;

    rc = ngx_mesh_answer_feed(cl->answer, b->start, n);

    if (rc != NGX_AGAIN) {
        ngx_mesh_client_end(cl, rc);
        return;
    }

    ngx_add_timer(&cl->phase, cl->conf->timeout);

    /* other events get their turn between two buffers */

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_next_events);
        return;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_mesh_client_lost(cl, "epoll_ctl()", ngx_errno);
    }
}


/* once for each request: a kept connection turned out to be closed */

static void
ngx_mesh_client_lost(ngx_mesh_client_t *cl, const char *call, ngx_err_t err)
{
    if (!cl->reused || cl->received || cl->retried) {

        if (cl->connection->read->eof) {
            err = 0;
            call = "the connection was closed early";
        }

        if (cl->reason[0]) {
            err = 0;
            call = (const char *) cl->reason;
        }

        ngx_mesh_client_fail(cl, call, err);
        return;
    }

    cl->retried = 1;
    cl->reused = 0;
    cl->sending = 0;
    cl->out->pos = cl->out->start;

    if (cl->phase.timer_set) {
        ngx_del_timer(&cl->phase);
    }

    ngx_mesh_client_close(cl);
    ngx_mesh_client_resolve(cl);
}


static void
ngx_mesh_client_phase_handler(ngx_event_t *ev)
{
    ngx_mesh_client_t *cl = ev->data;

    if (cl->naddrs && cl->naddr + 1 < cl->naddrs && cl->connecting) {
        ngx_mesh_client_error(cl, cl->what, NGX_ETIMEDOUT);
        ngx_mesh_client_next(cl);
        return;
    }

    ngx_mesh_client_fail(cl, cl->what, NGX_ETIMEDOUT);
}


static void
ngx_mesh_client_deadline_handler(ngx_event_t *ev)
{
    ngx_mesh_client_t *cl = ev->data;

    ngx_mesh_client_fail(cl, "the whole exchange", NGX_ETIMEDOUT);
}


void
ngx_mesh_client_fail(ngx_mesh_client_t *cl, const char *what, ngx_err_t err)
{
    ngx_mesh_client_error(cl, what, err);
    ngx_mesh_client_end(cl, NGX_ERROR);
}


/* the last error of several addresses is the one that is told */

void
ngx_mesh_client_error(ngx_mesh_client_t *cl, const char *what, ngx_err_t err)
{
    u_char  *p, *last, text[64];

    p = cl->request->error;
    last = p + NGX_MESH_CLIENT_ERROR_LEN - 1;

    if (err == 0) {
        p = ngx_slprintf(p, last, "%s", what);

    } else if (err == NGX_ETIMEDOUT) {
        p = ngx_slprintf(p, last, "%s timed out", what);

    } else {
        *ngx_strerror(err, text, sizeof(text) - 1) = '\0';
        p = ngx_slprintf(p, last, "%s failed (%d: %s)", what, err, text);
    }

    *p = '\0';
}


static void
ngx_mesh_client_end(ngx_mesh_client_t *cl, ngx_int_t rc)
{
    ngx_mesh_answer_t          *an;
    ngx_mesh_client_request_t  *rq;

    rq = cl->request;
    an = cl->answer;

    if (rc == NGX_OK && ngx_mesh_answer_digest(an, rq->digest) != NGX_OK) {
        ngx_mesh_client_error(cl, "no memory", 0);
        rc = NGX_ERROR;
    }

    rq->rc = rc;

    if (rc == NGX_OK) {
        rq->status = an->status;
        rq->answer = an->headers.elts;
        rq->nanswer = an->headers.nelts;
    }

    if (rc != NGX_OK || an->close || cl->sending) {
        ngx_mesh_client_close(cl);
    }

    cl->awaiting = 0;

    if (cl->naddrs) {
        rq->address = cl->addrs[ngx_min(cl->naddr, cl->naddrs - 1)].name;
    }

    if (cl->phase.timer_set) {
        ngx_del_timer(&cl->phase);
    }

    if (cl->deadline.timer_set) {
        ngx_del_timer(&cl->deadline);
    }

    if (cl->connection) {
        cl->connection->read->handler = ngx_mesh_client_idle_handler;
    }

    ngx_post_event(&cl->ended, &ngx_posted_next_events);
}


static void
ngx_mesh_client_end_handler(ngx_event_t *ev)
{
    ngx_mesh_client_t *cl = ev->data;

    ngx_pool_t                 *pool;
    ngx_mesh_answer_t          *answer;
    ngx_mesh_client_request_t   rq;

    rq = *cl->request;
    pool = cl->pool;
    answer = cl->answer;

    if (rq.rc == NGX_OK && answer) {
        /* not before: a client that ends until then frees it */
        rq.text = answer->text;
        ngx_str_null(&answer->text);
    }

    /*
     * The handler may do anything to the client and to the caller's request,
     * also start that again or free it, so it is given a copy.
     */

    if (pool) {
        /* the client's log may go, too */
        pool->log = cl->conf->log;
    }

    cl->pool = NULL;
    cl->answer = NULL;
    ngx_mesh_client_reset(cl);

    if (ngx_exiting) {
        /* nginx closes each idle connection once, this one was in use then */
        ngx_mesh_client_close(cl);
    }

    rq.handler(&rq);

    if (rq.text.data) {
        ngx_free(rq.text.data);
    }

    if (answer) {
        ngx_mesh_answer_free(answer);
        ngx_free(answer);
    }

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


/* a kept connection: the server closes it, or says what nobody asked for */

static void
ngx_mesh_client_idle_handler(ngx_event_t *ev)
{
    ngx_connection_t   *c;
    ngx_mesh_client_t  *cl;

    c = ev->data;
    cl = c->data;

    ngx_mesh_client_close(cl);
}


/* there is no request any more */

static void
ngx_mesh_client_reset(ngx_mesh_client_t *cl)
{
    cl->awaiting = 0;

    if (cl->phase.timer_set) {
        ngx_del_timer(&cl->phase);
    }

    if (cl->deadline.timer_set) {
        ngx_del_timer(&cl->deadline);
    }

    if (cl->ended.posted) {
        ngx_delete_posted_event(&cl->ended);
    }

    if (cl->answer) {
        ngx_mesh_answer_free(cl->answer);
        ngx_free(cl->answer);
        cl->answer = NULL;
    }

    if (cl->pool) {
        ngx_destroy_pool(cl->pool);
        cl->pool = NULL;
    }

    cl->request = NULL;
    cl->sending = 0;
    cl->received = 0;
    cl->connecting = 0;
    cl->reused = 0;
}


ngx_str_t *
ngx_mesh_client_answer(ngx_mesh_client_request_t *rq, const char *name)
{
    size_t      len;
    ngx_uint_t  i;

    len = ngx_strlen(name);

    for (i = 0; i < rq->nanswer; i++) {
        if (rq->answer[i].name.len == len
            && ngx_strncasecmp(rq->answer[i].name.data, (u_char *) name, len)
               == 0)
        {
            return &rq->answer[i].value;
        }
    }

    return NULL;
}
