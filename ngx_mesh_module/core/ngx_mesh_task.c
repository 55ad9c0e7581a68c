
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * One thread a task, some tasks a second at most.  What a thread has done lies
 * in a list under a mutex; an eventfd, of the worker and made with its first
 * task, tells the event loop.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_task.h"


#if (NGX_THREADS && NGX_HAVE_EVENTFD && NGX_HAVE_SYS_EVENTFD_H)

#include <dlfcn.h>
#include <pthread.h>
#include <sys/eventfd.h>


static ngx_int_t ngx_mesh_task_open(ngx_log_t *log);
static ngx_int_t ngx_mesh_task_start(ngx_mesh_task_t *task, ngx_log_t *log);
static void *ngx_mesh_task_thread(void *data);
static void ngx_mesh_task_handler(ngx_event_t *ev);
static void ngx_mesh_task_close(void);
static void ngx_mesh_task_stay(void);


static ngx_connection_t  *ngx_mesh_task_connection;
static ngx_uint_t         ngx_mesh_task_closed;     /* not to be opened again */

static pthread_mutex_t    ngx_mesh_task_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t     ngx_mesh_task_cond = PTHREAD_COND_INITIALIZER;

/* under the mutex */
static ngx_fd_t           ngx_mesh_task_fd = -1;
static ngx_mesh_task_t   *ngx_mesh_task_ended;
static ngx_mesh_task_t  **ngx_mesh_task_last = &ngx_mesh_task_ended;


ngx_int_t
ngx_mesh_task_post(ngx_mesh_task_t *task, ngx_log_t *log)
{
    if (ngx_process != NGX_PROCESS_WORKER) {
        return NGX_DECLINED;
    }

    if (ngx_mesh_task_connection == NULL
        && ngx_mesh_task_open(log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_task_start(task, log);
}


static ngx_int_t
ngx_mesh_task_open(ngx_log_t *log)
{
    ngx_fd_t           fd;
    ngx_connection_t  *c;

    if (ngx_mesh_task_closed) {
        return NGX_ERROR;
    }

    fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno, "mesh: eventfd() failed");
        return NGX_ERROR;
    }

    c = ngx_get_connection(fd, log);

    if (c == NULL) {
        (void) close(fd);
        return NGX_ERROR;
    }

    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_mesh_task_handler;

    if (ngx_add_event(c->read, NGX_READ_EVENT,
                      ngx_event_flags & NGX_USE_CLEAR_EVENT ? NGX_CLEAR_EVENT
                                                            : NGX_LEVEL_EVENT)
        != NGX_OK)
    {
        ngx_close_connection(c);
        return NGX_ERROR;
    }

    ngx_mesh_task_connection = c;

    ngx_mesh_task_stay();

    (void) pthread_mutex_lock(&ngx_mesh_task_mutex);
    ngx_mesh_task_fd = fd;
    (void) pthread_mutex_unlock(&ngx_mesh_task_mutex);

    return NGX_OK;
}


/* signals are the main thread's, as those of nginx's own threads are */

static ngx_int_t
ngx_mesh_task_start(ngx_mesh_task_t *task, ngx_log_t *log)
{
    int             err;
    sigset_t        all, old;
    pthread_t       tid;
    pthread_attr_t  attr;

    task->next = NULL;
    task->ended = 0;

    err = pthread_attr_init(&attr);

    if (err == 0) {
        (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);

        (void) sigfillset(&all);
        (void) sigdelset(&all, SIGILL);
        (void) sigdelset(&all, SIGFPE);
        (void) sigdelset(&all, SIGSEGV);
        (void) sigdelset(&all, SIGBUS);

        (void) pthread_sigmask(SIG_BLOCK, &all, &old);

        err = pthread_create(&tid, &attr, ngx_mesh_task_thread, task);

        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

        (void) pthread_attr_destroy(&attr);
    }

    if (err) {
        ngx_log_error(NGX_LOG_ERR, log, err, "mesh: pthread_create() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void *
ngx_mesh_task_thread(void *data)
{
    ngx_mesh_task_t *task = data;

    uint64_t  one;

    task->work(task->data);

    (void) pthread_mutex_lock(&ngx_mesh_task_mutex);

    task->ended = 1;

    *ngx_mesh_task_last = task;
    ngx_mesh_task_last = &task->next;

    if (ngx_mesh_task_fd != -1) {
        one = 1;
        (void) !write(ngx_mesh_task_fd, &one, sizeof(uint64_t));
    }

    (void) pthread_cond_broadcast(&ngx_mesh_task_cond);
    (void) pthread_mutex_unlock(&ngx_mesh_task_mutex);

    return NULL;
}


static void
ngx_mesh_task_handler(ngx_event_t *ev)
{
    uint64_t           n;
    ngx_mesh_task_t   *task;
    ngx_connection_t  *c;

    c = ev->data;

    if (c->close) {
        /* worker_shutdown_timeout */
        ngx_mesh_task_close();
        return;
    }

    (void) !read(c->fd, &n, sizeof(uint64_t));

    for ( ;; ) {
        (void) pthread_mutex_lock(&ngx_mesh_task_mutex);

        task = ngx_mesh_task_ended;

        if (task) {
            ngx_mesh_task_ended = task->next;

            if (ngx_mesh_task_ended == NULL) {
                ngx_mesh_task_last = &ngx_mesh_task_ended;
            }
        }

        (void) pthread_mutex_unlock(&ngx_mesh_task_mutex);

        if (task == NULL) {
            return;
        }

        task->done(task->data);
    }
}


void
ngx_mesh_task_wait(ngx_mesh_task_t *task)
{
    ngx_mesh_task_t  **prev;

    (void) pthread_mutex_lock(&ngx_mesh_task_mutex);

    while (!task->ended) {
        (void) pthread_cond_wait(&ngx_mesh_task_cond, &ngx_mesh_task_mutex);
    }

    for (prev = &ngx_mesh_task_ended; *prev; prev = &(*prev)->next) {

        if (*prev == task) {
            *prev = task->next;

            if (task->next == NULL) {
                ngx_mesh_task_last = prev;
            }

            break;
        }
    }

    (void) pthread_mutex_unlock(&ngx_mesh_task_mutex);
}


void
ngx_mesh_task_exit_worker(void)
{
    ngx_mesh_task_close();
}


/* the number of the descriptor may soon be that of something else */

static void
ngx_mesh_task_close(void)
{
    ngx_connection_t  *c;

    c = ngx_mesh_task_connection;

    ngx_mesh_task_connection = NULL;
    ngx_mesh_task_closed = 1;

    if (c == NULL) {
        return;
    }

    (void) pthread_mutex_lock(&ngx_mesh_task_mutex);
    ngx_mesh_task_fd = -1;
    (void) pthread_mutex_unlock(&ngx_mesh_task_mutex);

    ngx_close_connection(c);
}


/*
 * nginx unloads modules before a worker ends, and with them what a thread
 * returns to.  It fails for a module that is built in, which stays anyway.
 */

static void
ngx_mesh_task_stay(void)
{
    Dl_info  info;

    if (dladdr((void *) ngx_mesh_task_stay, &info)) {
        (void) dlopen(info.dli_fname, RTLD_NOW|RTLD_NOLOAD|RTLD_NODELETE);
    }
}


#else

ngx_int_t
ngx_mesh_task_post(ngx_mesh_task_t *task, ngx_log_t *log)
{
    return NGX_DECLINED;
}


void
ngx_mesh_task_wait(ngx_mesh_task_t *task)
{
}


void
ngx_mesh_task_exit_worker(void)
{
}

#endif
