
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Deadlines that are hardly ever reached.  A timer of nginx for each request is
 * an insertion into a tree and a deletion.  Requests of one route have the same
 * time, so their deadlines come in the order in which they were set: those of
 * one duration wait in a queue, and only the first of a queue has a timer.
 */


#ifndef _NGX_MESH_DEADLINE_H_INCLUDED_
#define _NGX_MESH_DEADLINE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


#define NGX_MESH_DEADLINE_QUEUES  8


/*
 * To be zeroed, and "event" filled in as for a timer.  Its handler is called as
 * that of a timer is, and may do everything with its deadline and others.
 */

typedef struct {
    ngx_event_t              event;
    ngx_queue_t              queue;
    ngx_msec_t               when;
    ngx_uint_t               queued;        /* unsigned  queued:1; */
} ngx_mesh_deadline_t;


/* those of one duration, in a worker */

typedef struct {
    void                    *ident[4];      /* as of a connection, for logs */
    ngx_event_t              timer;
    ngx_msec_t               ms;
    ngx_queue_t              deadlines;     /* the earliest one first */
} ngx_mesh_deadline_queue_t;

typedef struct {
    ngx_uint_t                 n;
    ngx_mesh_deadline_queue_t  queues[NGX_MESH_DEADLINE_QUEUES];
} ngx_mesh_deadlines_t;


/* --- in workers --- */

/*
 * Calls the handler in "ms", to the millisecond.  There are few durations that
 * have a queue; one that finds none has a timer of its own.
 */
void ngx_mesh_deadline_add(ngx_mesh_deadline_t *d, ngx_msec_t ms);

/* the same, for a duration that will hardly come again */
#define ngx_mesh_deadline_add_once(d, ms)  ngx_add_timer(&(d)->event, ms)

/* does nothing if it is not set */
static ngx_inline void
ngx_mesh_deadline_del(ngx_mesh_deadline_t *d)
{
    if (d->queued) {
        d->queued = 0;
        ngx_queue_remove(&d->queue);
        return;
    }

    if (d->event.timer_set) {
        ngx_del_timer(&d->event);
    }
}


/* --- for ngx_mesh_deadline.c and tests: no timers --- */

/* a queue for a duration, NULL if others have all of them */
ngx_mesh_deadline_queue_t *ngx_mesh_deadline_queue(ngx_mesh_deadlines_t *ds,
    ngx_msec_t ms);

/* sets it at "now"; 1 if it is the first one of its queue */
ngx_uint_t ngx_mesh_deadline_push(ngx_mesh_deadline_queue_t *q,
    ngx_mesh_deadline_t *d, ngx_msec_t now);

/* takes one off that is reached at "now"; NULL: none is */
ngx_mesh_deadline_t *ngx_mesh_deadline_pop(ngx_mesh_deadline_queue_t *q,
    ngx_msec_t now);


#endif /* _NGX_MESH_DEADLINE_H_INCLUDED_ */
