
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The addresses of the client's server.
 *
 * Names are resolved by getaddrinfo() in a thread, as everything else on the
 * machine resolves them (hosts file, search domains).  It cannot be stopped and
 * may take minutes, while nginx waits for its threads when a worker ends.  So a
 * thread of the pool has it called by a thread of its own, and leaves that to
 * itself if the worker is to end.
 *
 * There is one call at a time: a request that gave up leaves it to the next
 * one, so that a dead name server costs one thread.  The job has memory of its
 * own, since the client may go before it ends.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <netdb.h>
#if (NGX_THREADS)
#include <pthread.h>
#endif

#include "ngx_mesh_client_peer.h"


#define NGX_MESH_CLIENT_LOOK  50    /* ms between looks at the worker's end */


struct ngx_mesh_client_job_s {
    ngx_mesh_client_t         *client;      /* NULL: it is gone */
    ngx_pool_t                *pool;
    char                      *host;

    /* set by the thread */
    int                        rc;
    ngx_err_t                  err;
    struct addrinfo           *list;
};


#if (NGX_THREADS)

/* of two threads, freed by the one that is later */

typedef struct {
    pthread_mutex_t            mutex;
    pthread_cond_t             cond;
    int                        rc;
    ngx_err_t                  err;
    struct addrinfo           *list;
    ngx_uint_t                 done;
    ngx_uint_t                 left;        /* nobody waits for it */
    char                       host[1];
} ngx_mesh_client_call_t;

#endif


static ngx_int_t ngx_mesh_client_literal(ngx_mesh_client_t *cl);
static ngx_mesh_client_job_t *ngx_mesh_client_job(ngx_mesh_client_t *cl);
static ngx_int_t ngx_mesh_client_job_post(ngx_mesh_client_t *cl,
    ngx_mesh_client_job_t *job);
static void ngx_mesh_client_job_work(ngx_mesh_client_job_t *job);
static void ngx_mesh_client_job_done(ngx_mesh_client_job_t *job);
static void ngx_mesh_client_job_copy(ngx_mesh_client_t *cl,
    ngx_mesh_client_job_t *job);
static void ngx_mesh_client_add(ngx_mesh_client_t *cl, struct sockaddr *sa,
    socklen_t len);
static int ngx_mesh_client_call(const char *host, ngx_err_t *err,
    struct addrinfo **list);
#if (NGX_THREADS)
static void ngx_mesh_client_job_thread(void *data, ngx_log_t *log);
static void ngx_mesh_client_job_handler(ngx_event_t *ev);
static ngx_mesh_client_call_t *ngx_mesh_client_call_start(const char *host,
    ngx_log_t *log);
static void *ngx_mesh_client_call_thread(void *data);
static void ngx_mesh_client_call_wait(ngx_mesh_client_call_t *call);
static void ngx_mesh_client_call_free(ngx_mesh_client_call_t *call);
#endif


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

    rc = ngx_mesh_client_job_post(cl, job);

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

    return job;
}


/* NGX_DECLINED: there are no threads; NGX_ERROR: it was not posted */

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
        return NGX_ERROR;
    }

    *(ngx_mesh_client_job_t **) task->ctx = job;

    task->handler = ngx_mesh_client_job_thread;
    task->event.handler = ngx_mesh_client_job_handler;
    task->event.data = job;
    task->event.log = cl->conf->log;

    return ngx_thread_task_post(cl->conf->threads, task);

#else
    return NGX_DECLINED;
#endif
}


static void
ngx_mesh_client_job_work(ngx_mesh_client_job_t *job)
{
    job->rc = ngx_mesh_client_call(job->host, &job->err, &job->list);
}


#if (NGX_THREADS)

/* in a thread of the pool; "data" is a pointer to the job */

static void
ngx_mesh_client_job_thread(void *data, ngx_log_t *log)
{
    ngx_mesh_client_job_t   *job;
    ngx_mesh_client_call_t  *call;

    job = *(ngx_mesh_client_job_t **) data;

    call = ngx_mesh_client_call_start(job->host, log);

    if (call == NULL) {
        ngx_mesh_client_job_work(job);
        return;
    }

    ngx_mesh_client_call_wait(call);

    if (!call->done) {
        job->rc = EAI_AGAIN;
        call->left = 1;

        (void) pthread_mutex_unlock(&call->mutex);
        return;
    }

    job->rc = call->rc;
    job->err = call->err;
    job->list = call->list;

    (void) pthread_mutex_unlock(&call->mutex);

    ngx_mesh_client_call_free(call);
}


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


/* in any thread */

static int
ngx_mesh_client_call(const char *host, ngx_err_t *err, struct addrinfo **list)
{
    int              rc;
    struct addrinfo  hints;

    ngx_memzero(&hints, sizeof(struct addrinfo));

    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;

    rc = getaddrinfo(host, NULL, &hints, list);
    *err = ngx_errno;

    return rc;
}


#if (NGX_THREADS)

/* signals are blocked in the new thread as they are in those of the pool */

static ngx_mesh_client_call_t *
ngx_mesh_client_call_start(const char *host, ngx_log_t *log)
{
    int                      err;
    size_t                   len;
    pthread_t                tid;
    pthread_attr_t           attr;
    ngx_mesh_client_call_t  *call;

    len = ngx_strlen(host);

    call = ngx_calloc(sizeof(ngx_mesh_client_call_t) + len, log);
    if (call == NULL) {
        return NULL;
    }

    ngx_memcpy(call->host, host, len);

    (void) pthread_mutex_init(&call->mutex, NULL);
    (void) pthread_cond_init(&call->cond, NULL);

    err = pthread_attr_init(&attr);

    if (err == 0) {
        (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);

        err = pthread_create(&tid, &attr, ngx_mesh_client_call_thread, call);

        (void) pthread_attr_destroy(&attr);
    }

    if (err) {
        ngx_mesh_client_call_free(call);
        return NULL;
    }

    return call;
}


static void *
ngx_mesh_client_call_thread(void *data)
{
    ngx_mesh_client_call_t *call = data;

    ngx_uint_t  left;

    call->rc = ngx_mesh_client_call(call->host, &call->err, &call->list);

    (void) pthread_mutex_lock(&call->mutex);

    call->done = 1;
    left = call->left;

    (void) pthread_cond_signal(&call->cond);
    (void) pthread_mutex_unlock(&call->mutex);

    if (left) {
        if (call->rc == 0) {
            freeaddrinfo(call->list);
        }

        ngx_mesh_client_call_free(call);
    }

    return NULL;
}


/* returns with the mutex, when it is done or the worker is to end */

static void
ngx_mesh_client_call_wait(ngx_mesh_client_call_t *call)
{
    struct timespec  ts;

    (void) pthread_mutex_lock(&call->mutex);

    while (!call->done && !ngx_exiting && !ngx_quit && !ngx_terminate) {

        (void) clock_gettime(CLOCK_REALTIME, &ts);

        ts.tv_nsec += NGX_MESH_CLIENT_LOOK * 1000000;

        if (ts.tv_nsec >= 1000000000) {
            ts.tv_nsec -= 1000000000;
            ts.tv_sec++;
        }

        (void) pthread_cond_timedwait(&call->cond, &call->mutex, &ts);
    }
}


static void
ngx_mesh_client_call_free(ngx_mesh_client_call_t *call)
{
    (void) pthread_cond_destroy(&call->cond);
    (void) pthread_mutex_destroy(&call->mutex);

    ngx_free(call);
}

#endif
