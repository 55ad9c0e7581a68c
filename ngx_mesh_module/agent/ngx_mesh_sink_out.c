
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Where statistics are sent to, without ever waiting: datagrams, a TCP
 * connection, a file, a pipe.  What is away is tried again with the next
 * datagram or document; that it is away is logged once.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <poll.h>

#include "ngx_mesh_sink.h"


#define NGX_MESH_SINK_ATOMIC  4096      /* PIPE_BUF */


static ngx_int_t ngx_mesh_sink_open(ngx_mesh_sink_out_t *out);
static ngx_int_t ngx_mesh_sink_connect(ngx_mesh_sink_out_t *out);
static ngx_int_t ngx_mesh_sink_connected(ngx_mesh_sink_out_t *out);
static ngx_int_t ngx_mesh_sink_failed(ngx_mesh_sink_out_t *out, ngx_err_t err,
    const char *what);


ngx_int_t
ngx_mesh_sink_write(ngx_mesh_sink_out_t *out, u_char **pos, u_char *last)
{
    int             fd;
    size_t          size;
    ssize_t         n;
    ngx_int_t       rc;
    ngx_err_t       err;
    ngx_uint_t      is_socket, again;
    struct pollfd   pfd;

    rc = ngx_mesh_sink_open(out);

    if (rc != NGX_OK) {
        return rc;
    }

    is_socket = (out->conf->type == NGX_MESH_SINK_DATAGRAM
                 || out->conf->type == NGX_MESH_SINK_STREAM);

    /* whether who listened on a Unix socket has come back as somebody else */

    again = (out->conf->type == NGX_MESH_SINK_DATAGRAM
             && out->conf->sockaddr->sa_family == AF_UNIX);

    for ( ;; ) {
        fd = out->conf->file ? out->conf->file->fd
                             : (out->fd != -1 ? out->fd : out->conf->fd);
        size = last - *pos;

        if (size == 0) {
            out->failed = 0;
            out->begun = 0;
            return NGX_OK;
        }

        if (is_socket) {
            n = send(fd, *pos, size, MSG_DONTWAIT|MSG_NOSIGNAL);

        } else {

            /* a page of a pipe that can be written to can be written at once */

            pfd.fd = fd;
            pfd.events = POLLOUT;

            if (poll(&pfd, 1, 0) != 1) {
                return NGX_AGAIN;
            }

            size = ngx_min(size, NGX_MESH_SINK_ATOMIC);

            n = send(fd, *pos, size, MSG_DONTWAIT|MSG_NOSIGNAL);

            if (n == -1 && ngx_errno == ENOTSOCK) {
                n = write(fd, *pos, size);
            }
        }

        if (n == -1) {
            err = ngx_errno;

            if (err == NGX_EINTR) {
                continue;
            }

            if (err == NGX_EAGAIN || err == ENOBUFS) {
                return NGX_AGAIN;
            }

            if (again) {
                again = 0;
                ngx_mesh_sink_close(out);

                rc = ngx_mesh_sink_connect(out);

                if (rc != NGX_OK) {
                    return rc;
                }

                continue;
            }

            return ngx_mesh_sink_failed(out, err, "write to");
        }

        *pos += n;
        out->begun = 1;

        if (out->conf->type == NGX_MESH_SINK_DATAGRAM) {
            *pos = last;
        }
    }
}


/* a file of its own, and a connection, have one writer */

size_t
ngx_mesh_sink_size(ngx_mesh_sink_conf_t *conf)
{
    if (conf->type == NGX_MESH_SINK_FIFO
        || (conf->type == NGX_MESH_SINK_FILE && conf->file == NULL))
    {
        return NGX_MESH_SINK_ATOMIC;
    }

    return NGX_MAX_SIZE_T_VALUE;
}


static ngx_int_t
ngx_mesh_sink_open(ngx_mesh_sink_out_t *out)
{
    switch (out->conf->type) {

    case NGX_MESH_SINK_FILE:
        return NGX_OK;

    case NGX_MESH_SINK_FIFO:

        if (out->fd == -1) {
            out->fd = open((char *) out->conf->path.data,
                           O_WRONLY|O_APPEND|O_NONBLOCK|O_CLOEXEC);
            if (out->fd == -1) {
                return ngx_mesh_sink_failed(out, ngx_errno, "open");
            }
        }

        return NGX_OK;

    default: /* sockets */

        if (out->fd == -1) {
            return ngx_mesh_sink_connect(out);
        }

        return ngx_mesh_sink_connected(out);
    }
}


static ngx_int_t
ngx_mesh_sink_connect(ngx_mesh_sink_out_t *out)
{
    int  type;

    type = (out->conf->type == NGX_MESH_SINK_STREAM) ? SOCK_STREAM
                                                     : SOCK_DGRAM;

    out->fd = socket(out->conf->sockaddr->sa_family,
                     type|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (out->fd == -1) {
        return ngx_mesh_sink_failed(out, ngx_errno, "open a socket for");
    }

    if (connect(out->fd, out->conf->sockaddr, out->conf->socklen) == 0) {
        return NGX_OK;
    }

    if (ngx_errno == NGX_EINPROGRESS) {
        out->connecting = 1;
        return NGX_AGAIN;
    }

    return ngx_mesh_sink_failed(out, ngx_errno, "connect to");
}


/* a connection that the other side has closed takes one more write */

static ngx_int_t
ngx_mesh_sink_connected(ngx_mesh_sink_out_t *out)
{
    int            err;
    char           buf[1];
    ssize_t        n;
    socklen_t      len;
    struct pollfd  pfd;

    if (out->conf->type == NGX_MESH_SINK_DATAGRAM) {
        return NGX_OK;
    }

    if (out->connecting) {
        pfd.fd = out->fd;
        pfd.events = POLLOUT;

        if (poll(&pfd, 1, 0) != 1) {
            return NGX_AGAIN;
        }

        err = 0;
        len = sizeof(int);

        if (getsockopt(out->fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1) {
            err = ngx_errno;
        }

        if (err) {
            return ngx_mesh_sink_failed(out, err, "connect to");
        }

        out->connecting = 0;

        return NGX_OK;
    }

    n = recv(out->fd, buf, 1, MSG_DONTWAIT|MSG_PEEK);

    if (n == 0 || (n == -1 && ngx_errno != NGX_EAGAIN)) {

        /* the rest of a document says nothing on a new connection */

        if (out->begun) {
            return ngx_mesh_sink_failed(out, n ? ngx_errno : NGX_ECONNRESET,
                                        "write to");
        }

        ngx_mesh_sink_close(out);
        return ngx_mesh_sink_connect(out);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_sink_failed(ngx_mesh_sink_out_t *out, ngx_err_t err, const char *what)
{
    if (!out->failed) {
        out->failed = 1;

        ngx_log_error(NGX_LOG_WARN, out->log, err,
                      "mesh: cannot %s \"%V\", statistics are kept for later",
                      what, &out->conf->text);
    }

    ngx_mesh_sink_close(out);

    return NGX_ERROR;
}


void
ngx_mesh_sink_close(ngx_mesh_sink_out_t *out)
{
    if (out->fd != -1) {
        (void) close(out->fd);
        out->fd = -1;
    }

    out->connecting = 0;
    out->begun = 0;
}
