
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The addresses of the client's server.
 *
 * Names are resolved by getaddrinfo() in a thread, as everything else on the
 * machine resolves them (hosts file, search domains).  It cannot be stopped and
 * may take minutes, so a worker that ends leaves the thread to itself.
 *
 * There is one call at a time: a request that gave up leaves it to the next
 * one, so that a dead name server costs one thread.  The job has memory of its
 * own, since the client may go before it ends.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <netdb.h>

#include "ngx_mesh_client_peer.h"
#include "ngx_mesh_task.h"


struct ngx_mesh_client_job_s {
    ngx_mesh_task_t            task;
    ngx_mesh_client_t         *client;      /* NULL: it is gone */
    ngx_pool_t                *pool;
    char                      *host;

    /* set by the thread */
    int                        rc;
    ngx_err_t                  err;
    struct addrinfo           *list;
};


static ngx_int_t ngx_mesh_client_literal(ngx_mesh_client_t *cl);
static ngx_mesh_client_job_t *ngx_mesh_client_job(ngx_mesh_client_t *cl);
static void ngx_mesh_client_job_work(void *data);
static void ngx_mesh_client_job_done(void *data);
static void ngx_mesh_client_job_copy(ngx_mesh_client_t *cl,
    ngx_mesh_client_job_t *job);
static void ngx_mesh_client_add(ngx_mesh_client_t *cl, struct sockaddr *sa,
    socklen_t len);


void
ngx_mesh_client_resolve(ngx_mesh_client_t *cl)
{
    ngx_int_t               rc;
    ngx_mesh_client_job_t  *job;

    cl->naddrs = 0;
    cl->connecting = 1;

    if (ngx_mesh_client_literal(cl) == NGX_OK) {
        ngx_mesh_client_resolved(cl);
        return;
    }

    if (cl->leaving) {
        ngx_mesh_client_known(cl);
        return;
    }

    cl->what = "getaddrinfo()";

    if (cl->resolving) {
        /* for a request that gave up */
        cl->awaiting = 1;
        ngx_add_timer(&cl->phase, cl->conf->timeout);
        return;
    }

    job = ngx_mesh_client_job(cl);

    if (job == NULL) {
        ngx_mesh_client_error(cl, "no memory", 0);
        ngx_mesh_client_resolved(cl);
        return;
    }

    cl->resolving = job;
    cl->awaiting = 1;

    rc = ngx_mesh_task_post(&job->task, cl->conf->log);

    if (rc == NGX_OK) {
        ngx_add_timer(&cl->phase, cl->conf->timeout);
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_mesh_client_job_work(job);

    } else {
        job->rc = EAI_AGAIN;
    }

    ngx_mesh_client_job_done(job);
}


void
ngx_mesh_client_known(ngx_mesh_client_t *cl)
{
    cl->awaiting = 0;
    cl->naddrs = cl->known;

    if (cl->phase.timer_set) {
        ngx_del_timer(&cl->phase);
    }

    if (cl->naddrs == 0) {
        ngx_mesh_client_error(cl, "the host was not resolved yet", 0);
    }

    ngx_mesh_client_resolved(cl);
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

    job->task.work = ngx_mesh_client_job_work;
    job->task.done = ngx_mesh_client_job_done;
    job->task.data = job;

    return job;
}


/* in the thread */

static void
ngx_mesh_client_job_work(void *data)
{
    ngx_mesh_client_job_t *job = data;

    struct addrinfo  hints;

    ngx_memzero(&hints, sizeof(struct addrinfo));

    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;

    job->rc = getaddrinfo(job->host, NULL, &hints, &job->list);
    job->err = ngx_errno;
}


static void
ngx_mesh_client_job_done(void *data)
{
    ngx_mesh_client_job_t *job = data;

    ngx_mesh_client_t  *cl;

    cl = job->client;

    if (cl) {
        cl->resolving = NULL;

        if (!cl->awaiting) {
            cl = NULL;
        }
    }

    if (cl) {
        cl->awaiting = 0;

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

    cl->known = cl->naddrs;

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
    if (cl->resolving) {
        cl->resolving->client = NULL;
        cl->resolving = NULL;
    }
}
