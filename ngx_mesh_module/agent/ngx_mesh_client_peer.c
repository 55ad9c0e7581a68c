
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * How the client gets to its server: options of the socket, TLS, the end of a
 * connection.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <netinet/tcp.h>

#include "ngx_mesh_client_peer.h"


#define NGX_MESH_CLIENT_ALIVE_IDLE   15     /* s */
#define NGX_MESH_CLIENT_ALIVE_EVERY  5      /* s */
#define NGX_MESH_CLIENT_ALIVE_TIMES  3


#if (NGX_SSL)
static ngx_str_t *ngx_mesh_client_server_name(ngx_mesh_client_t *cl);
static ngx_uint_t ngx_mesh_client_is_address(ngx_str_t *name);
static ngx_int_t ngx_mesh_client_set_name(ngx_mesh_client_t *cl);
static void ngx_mesh_client_handshake_handler(ngx_connection_t *c);
static ngx_int_t ngx_mesh_client_verify(ngx_mesh_client_t *cl);
static ngx_int_t ngx_mesh_client_verify_name(ngx_connection_t *c,
    ngx_str_t *name);
#endif


void
ngx_mesh_client_keep_watch(ngx_connection_t *c)
{
    int         on;
    ngx_uint_t  i;

    static int  options[][2] = {
#ifdef TCP_KEEPIDLE
        { TCP_KEEPIDLE, NGX_MESH_CLIENT_ALIVE_IDLE },
#endif
#ifdef TCP_KEEPINTVL
        { TCP_KEEPINTVL, NGX_MESH_CLIENT_ALIVE_EVERY },
#endif
#ifdef TCP_KEEPCNT
        { TCP_KEEPCNT, NGX_MESH_CLIENT_ALIVE_TIMES },
#endif
        { TCP_NODELAY, 1 }
    };

    on = 1;

    (void) setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, (const void *) &on,
                      sizeof(int));

    for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        (void) setsockopt(c->fd, IPPROTO_TCP, options[i][0],
                          (const void *) &options[i][1], sizeof(int));
    }
}


#if (NGX_SSL)

void
ngx_mesh_client_handshake(ngx_mesh_client_t *cl)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = cl->connection;

    if (ngx_ssl_create_connection(cl->conf->ssl, c,
                                  NGX_SSL_BUFFER|NGX_SSL_CLIENT)
        != NGX_OK
        || ngx_mesh_client_set_name(cl) != NGX_OK)
    {
        ngx_mesh_client_fail(cl, "the TLS connection was not made", 0);
        return;
    }

    c->sendfile = 0;

    cl->reason[0] = '\0';
    cl->what = "the TLS handshake";
    ngx_add_timer(&cl->phase, cl->conf->timeout);

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_mesh_client_handshake_handler;
        return;
    }

    ngx_mesh_client_handshake_handler(c);
}


static ngx_str_t *
ngx_mesh_client_server_name(ngx_mesh_client_t *cl)
{
    return cl->conf->server_name.len ? &cl->conf->server_name
                                     : &cl->conf->url->host;
}


/* what goes for an address, and is none of a server's names then */

static ngx_uint_t
ngx_mesh_client_is_address(ngx_str_t *name)
{
#if (NGX_HAVE_INET6)
    u_char  addr[16];

    if (ngx_inet6_addr(name->data, name->len, addr) == NGX_OK) {
        return 1;
    }
#endif

    return ngx_inet_addr(name->data, name->len) != INADDR_NONE;
}


/* RFC 6066, 3: addresses are not names of servers */

static ngx_int_t
ngx_mesh_client_set_name(ngx_mesh_client_t *cl)
{
    ngx_str_t  *name;

    name = ngx_mesh_client_server_name(cl);

    if (ngx_mesh_client_is_address(name)) {
        return NGX_OK;
    }

#ifdef SSL_CTRL_SET_TLSEXT_HOSTNAME
    if (SSL_set_tlsext_host_name(cl->connection->ssl->connection,
                                 (char *) name->data)
        == 0)
    {
        return NGX_ERROR;
    }
#endif

    return NGX_OK;
}


static void
ngx_mesh_client_handshake_handler(ngx_connection_t *c)
{
    ngx_int_t           rc;
    ngx_mesh_client_t  *cl;

    cl = c->data;

    if (cl->phase.timer_set) {
        ngx_del_timer(&cl->phase);
    }

    if (c->ssl->handshaked) {
        rc = ngx_mesh_client_verify(cl);

    } else {
        rc = NGX_ERROR;
        ngx_mesh_client_error(cl, cl->reason[0] ? (char *) cl->reason
                                                : "the TLS handshake failed",
                              0);
    }

    ngx_mesh_client_handshaken(cl, rc);
}


static ngx_int_t
ngx_mesh_client_verify(ngx_mesh_client_t *cl)
{
    long               code;
    u_char            *p, *last;
    ngx_str_t         *name;
    ngx_connection_t  *c;

    c = cl->connection;

    p = cl->request->error;
    last = p + NGX_MESH_CLIENT_ERROR_LEN - 1;

    code = SSL_get_verify_result(c->ssl->connection);

    if (code != X509_V_OK) {
        *ngx_slprintf(p, last, "the server's certificate is not valid "
                      "(%l: %s)", code, X509_verify_cert_error_string(code))
            = '\0';
        return NGX_ERROR;
    }

    name = ngx_mesh_client_server_name(cl);

    if (ngx_mesh_client_verify_name(c, name) != NGX_OK) {
        *ngx_slprintf(p, last, "the server's certificate is not for \"%V\"",
                      name)
            = '\0';
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* RFC 9110, 4.3.5: an address is to be in the certificate as an address */

static ngx_int_t
ngx_mesh_client_verify_name(ngx_connection_t *c, ngx_str_t *name)
{
    int    rc;
    X509  *cert;

    if (!ngx_mesh_client_is_address(name)) {
        return ngx_ssl_check_host(c, name);
    }

    cert = SSL_get_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return NGX_ERROR;
    }

    rc = X509_check_ip_asc(cert, (char *) name->data, 0);

    X509_free(cert);

    return (rc == 1) ? NGX_OK : NGX_ERROR;
}

#endif


/* quietly: there is nobody to wait for the peer's last word */

void
ngx_mesh_client_close(ngx_mesh_client_t *cl)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = cl->connection;

    if (c == NULL) {
        return;
    }

    cl->connection = NULL;

#if (NGX_SSL)
    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        (void) ngx_ssl_shutdown(c);
    }
#endif

    pool = c->pool;

    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}
