
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The way to X-Ray's daemon: one socket a worker, opened when the first segment
 * is sent.  A daemon that is not there costs a system call, nothing else.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_xray.h"


/* without a refusal for so long, it is there again, ms */
#define NGX_MESH_XRAY_CALM  5000


static ngx_int_t ngx_mesh_xray_open(ngx_addr_t *daemon, ngx_log_t *log);
static ngx_int_t ngx_mesh_xray_failed(ngx_addr_t *daemon, ngx_err_t err,
    const char *what, ngx_log_t *log);


static ngx_socket_t  ngx_mesh_xray_fd = (ngx_socket_t) -1;
static ngx_msec_t    ngx_mesh_xray_refused;
static ngx_uint_t    ngx_mesh_xray_away;


/*
 * A refusal of a datagram is told with the next send(), which is not done then;
 * so that one is repeated.
 */

ngx_int_t
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
    if (ngx_mesh_xray_fd != (ngx_socket_t) -1) {
        (void) ngx_close_socket(ngx_mesh_xray_fd);
        ngx_mesh_xray_fd = (ngx_socket_t) -1;
    }

    ngx_mesh_xray_away = 0;
}
