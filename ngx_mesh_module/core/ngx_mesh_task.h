
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What may block is done in a thread of a worker that ends with it.  A thread
 * that stays, as those of nginx's pools do, costs every request: with a second
 * thread the kernel counts each use of a descriptor, and malloc() locks.
 */


#ifndef _NGX_MESH_TASK_H_INCLUDED_
#define _NGX_MESH_TASK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct ngx_mesh_task_s  ngx_mesh_task_t;

/* the caller's, in place until done() is called or ngx_mesh_task_wait() back */

struct ngx_mesh_task_s {
    void             (*work)(void *data);   /* in the thread; no nginx pool,
                                               event or connection */
    void             (*done)(void *data);   /* in the event loop, after it;
                                               may free the task, or post it */
    void              *data;

    ngx_mesh_task_t   *next;                /* of those that are done */
    ngx_uint_t         ended;
};


/*
 * In the event loop.  NGX_OK: done() will be called, unless the worker ends
 * before; NGX_DECLINED: there are no threads here (a single process), the work
 * is the caller's; NGX_ERROR: no thread could be started, which was logged.
 * A task is posted once at a time.
 */
ngx_int_t ngx_mesh_task_post(ngx_mesh_task_t *task, ngx_log_t *log);

/* waits for work() to end, and has done() not called */
void ngx_mesh_task_wait(ngx_mesh_task_t *task);

/* in exit_process; a work() that still runs is left to itself */
void ngx_mesh_task_exit_worker(void);


#endif /* _NGX_MESH_TASK_H_INCLUDED_ */
