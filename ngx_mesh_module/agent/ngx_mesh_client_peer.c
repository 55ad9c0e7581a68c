
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * How the client gets to its server: addresses, TLS, the end of a connection.
 *
 * Names are resolved by getaddrinfo() in a thread, as everything else on the
 * machine resolves them (hosts file, search domains).  A thread cannot be
 * stopped: its job has memory of its own, and whoever is no longer interested
 * takes its name off it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <netdb.h>
#include <netinet/tcp.h>

#include "ngx_mesh_client_peer.h"


#define NGX_MESH_CLIENT_ALIVE_IDLE   15     /* s */
#define NGX_MESH_CLIENT_ALIVE_EVERY  5      /* s */
#define NGX_MESH_CLIENT_ALIVE_TIMES  3


struct ngx_mesh_client_job_s {
    ngx_mesh_client_t         *client;      /* NULL: nobody waits */
    ngx_pool_t                *pool;
    char                      *host;

    /* set by the thread */
    int                        rc;
    ngx_err_t                  err;
    struct addrinfo           *list;
};


static ngx_int_t ngx_mesh_client_literal(ngx_mesh_client_t *cl);
static ngx_mesh_client_job_t *ngx_mesh_client_job(ngx_mesh_client_t *cl);
static ngx_int_t ngx_mesh_client_job_post(ngx_mesh_client_t *cl,
    ngx_mesh_client_job_t *job);
static void ngx_mesh_client_job_work(void *data, ngx_log_t *log);
static void ngx_mesh_client_job_done(ngx_mesh_client_job_t *job);
static void ngx_mesh_client_job_copy(ngx_mesh_client_t *cl,
    ngx_mesh_client_job_t *job);
static void ngx_mesh_client_add(ngx_mesh_client_t *cl, struct sockaddr *sa,
    socklen_t len);
#if (NGX_THREADS)
static void ngx_mesh_client_job_handler(ngx_event_t *ev);
#endif
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
ngx_mesh_client_resolve(ngx_mesh_client_t *cl)
{
    ngx_mesh_client_job_t  *job;

    cl->naddrs = 0;
    cl->connecting = 1;

    if (ngx_mesh_client_literal(cl) == NGX_OK) {
        ngx_mesh_client_resolved(cl);
        return;
    }

    job = ngx_mesh_client_job(cl);

    if (job == NULL) {
        ngx_mesh_client_error(cl, "no memory", 0);
        ngx_mesh_client_resolved(cl);
        return;
    }

    cl->resolving = job;

    if (ngx_mesh_client_job_post(cl, job) == NGX_OK) {
        cl->what = "getaddrinfo()";
        ngx_add_timer(&cl->phase, cl->conf->timeout);
        return;
    }

    ngx_mesh_client_job_work(&job, &cl->log);
    ngx_mesh_client_job_done(job);
}


static ngx_int_t
ngx_mesh_client_literal(ngx_mesh_client_t *cl)
{
    ngx_str_t       *host;
    ngx_sockaddr_t   sa;

    host = &cl->conf->url->host;

    ngx_memzero(&sa, sizeof(ngx_sockaddr_t));

    sa.sockaddr_in.sin_addr.s_addr = ngx_inet_addr(host->data, host->len);

    if (sa.sockaddr_in.sin_addr.s_addr != INADDR_NONE) {
        sa.sockaddr_in.sin_family = AF_INET;
        ngx_mesh_client_add(cl, &sa.sockaddr, sizeof(struct sockaddr_in));
        return NGX_OK;
    }

#if (NGX_HAVE_INET6)

    ngx_memzero(&sa, sizeof(ngx_sockaddr_t));

    if (ngx_inet6_addr(host->data, host->len,
                       sa.sockaddr_in6.sin6_addr.s6_addr)
        == NGX_OK)
    {
        sa.sockaddr_in6.sin6_family = AF_INET6;
        ngx_mesh_client_add(cl, &sa.sockaddr, sizeof(struct sockaddr_in6));
        return NGX_OK;
    }

#endif

    return NGX_DECLINED;
}


static ngx_mesh_client_job_t *
ngx_mesh_client_job(ngx_mesh_client_t *cl)
{
    size_t                  len;
    ngx_pool_t             *pool;
    ngx_mesh_client_job_t  *job;

    pool = ngx_create_pool(1024, cl->conf->log);
    if (pool == NULL) {
        return NULL;
    }

    job = ngx_pcalloc(pool, sizeof(ngx_mesh_client_job_t));

    len = cl->conf->url->host.len + 1;

    if (job) {
        job->host = ngx_pnalloc(pool, len);
    }

    if (job == NULL || job->host == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    ngx_memcpy(job->host, cl->conf->url->host.data, len);

    job->client = cl;
    job->pool = pool;

    return job;
}


static ngx_int_t
ngx_mesh_client_job_post(ngx_mesh_client_t *cl, ngx_mesh_client_job_t *job)
{
#if (NGX_THREADS)

    ngx_thread_task_t  *task;

    if (cl->conf->threads == NULL) {
        return NGX_DECLINED;
    }

    task = ngx_thread_task_alloc(job->pool, sizeof(ngx_mesh_client_job_t *));
    if (task == NULL) {
        return NGX_DECLINED;
    }

    *(ngx_mesh_client_job_t **) task->ctx = job;

    task->handler = ngx_mesh_client_job_work;
    task->event.handler = ngx_mesh_client_job_handler;
    task->event.data = job;
    task->event.log = cl->conf->log;

    return ngx_thread_task_post(cl->conf->threads, task);

#else
    return NGX_DECLINED;
#endif
}


/* in a thread; "data" is a pointer to the job */

static void
ngx_mesh_client_job_work(void *data, ngx_log_t *log)
{
    struct addrinfo         hints;
    ngx_mesh_client_job_t  *job;

    job = *(ngx_mesh_client_job_t **) data;

    ngx_memzero(&hints, sizeof(struct addrinfo));

    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;

    job->rc = getaddrinfo(job->host, NULL, &hints, &job->list);
    job->err = ngx_errno;
}


#if (NGX_THREADS)

static void
ngx_mesh_client_job_handler(ngx_event_t *ev)
{
    ngx_mesh_client_job_done(ev->data);
}

#endif


static void
ngx_mesh_client_job_done(ngx_mesh_client_job_t *job)
{
    ngx_mesh_client_t  *cl;

    cl = job->client;

    if (cl) {
        cl->resolving = NULL;

        if (cl->phase.timer_set) {
            ngx_del_timer(&cl->phase);
        }

        ngx_mesh_client_job_copy(cl, job);
    }

    if (job->rc == 0) {
        freeaddrinfo(job->list);
    }

    ngx_destroy_pool(job->pool);

    if (cl) {
        ngx_mesh_client_resolved(cl);
    }
}


static void
ngx_mesh_client_job_copy(ngx_mesh_client_t *cl, ngx_mesh_client_job_t *job)
{
    u_char           *p;
    struct addrinfo  *ai;

    if (job->rc != 0) {
        p = ngx_slprintf(cl->request->error,
                         cl->request->error + NGX_MESH_CLIENT_ERROR_LEN - 1,
                         "host \"%s\" is not resolved: %s", job->host,
                         job->rc == EAI_SYSTEM ? strerror(job->err)
                                               : gai_strerror(job->rc));
        *p = '\0';
        return;
    }

    for (ai = job->list; ai; ai = ai->ai_next) {
        if (ai->ai_family == AF_INET
#if (NGX_HAVE_INET6)
            || ai->ai_family == AF_INET6
#endif
           )
        {
            ngx_mesh_client_add(cl, ai->ai_addr, ai->ai_addrlen);
        }
    }

    if (cl->naddrs == 0) {
        ngx_mesh_client_error(cl, "the host has no address", 0);
    }
}


static void
ngx_mesh_client_add(ngx_mesh_client_t *cl, struct sockaddr *sa, socklen_t len)
{
    ngx_mesh_client_addr_t  *addr;

    if (cl->naddrs == NGX_MESH_CLIENT_ADDRS
        || len > (socklen_t) sizeof(ngx_sockaddr_t))
    {
        return;
    }

    addr = &cl->addrs[cl->naddrs++];

    ngx_memcpy(&addr->sockaddr, sa, len);
    ngx_inet_set_port(&addr->sockaddr.sockaddr, cl->conf->url->port);

    addr->socklen = len;
    addr->name.data = addr->text;
    addr->name.len = ngx_sock_ntop(&addr->sockaddr.sockaddr, len, addr->text,
                                   NGX_SOCKADDR_STRLEN, 1);
}


void
ngx_mesh_client_forget(ngx_mesh_client_t *cl)
{
    cl->resolving->client = NULL;
    cl->resolving = NULL;
}


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
