
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Deadlines in queues, one for each duration.  The timer of a queue is set for
 * its first deadline and stays when that is deleted: it comes too early then,
 * once in the time of a duration, and is set again for what is first by then.
 *
 * It does not hold a worker that is to exit, as what a deadline is for has
 * timers of nginx, which do.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_deadline.h"


static void ngx_mesh_deadline_arm(ngx_mesh_deadline_queue_t *q);
static void ngx_mesh_deadline_handler(ngx_event_t *ev);


/* of this worker */
static ngx_mesh_deadlines_t  ngx_mesh_deadlines;


void
ngx_mesh_deadline_add(ngx_mesh_deadline_t *d, ngx_msec_t ms)
{
    ngx_mesh_deadline_queue_t  *q;

    q = ngx_mesh_deadline_queue(&ngx_mesh_deadlines, ms);

    if (q == NULL) {
        ngx_add_timer(&d->event, ms);
        return;
    }

    if (!ngx_mesh_deadline_push(q, d, ngx_current_msec)) {
        return;
    }

    /* the timer may be set for one that was deleted, or for other durations */

    if (q->timer.timer_set) {

        if ((ngx_msec_int_t) (d->when - q->timer.timer.key) >= 0) {
            return;
        }

        ngx_del_timer(&q->timer);
    }

    ngx_mesh_deadline_arm(q);
}


ngx_mesh_deadline_queue_t *
ngx_mesh_deadline_queue(ngx_mesh_deadlines_t *ds, ngx_msec_t ms)
{
    ngx_uint_t                  i;
    ngx_mesh_deadline_queue_t  *q;

    for (i = 0; i < ds->n; i++) {
        if (ds->queues[i].ms == ms) {
            return &ds->queues[i];
        }
    }

    if (ds->n < NGX_MESH_DEADLINE_QUEUES) {
        q = &ds->queues[ds->n++];
        q->ms = ms;
        ngx_queue_init(&q->deadlines);
        return q;
    }

    for (i = 0; i < ds->n; i++) {
        q = &ds->queues[i];

        if (ngx_queue_empty(&q->deadlines)) {
            q->ms = ms;
            return q;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_mesh_deadline_push(ngx_mesh_deadline_queue_t *q, ngx_mesh_deadline_t *d,
    ngx_msec_t now)
{
    d->when = now + q->ms;
    d->queued = 1;

    ngx_queue_insert_tail(&q->deadlines, &d->queue);

    return ngx_queue_head(&q->deadlines) == &d->queue;
}


ngx_mesh_deadline_t *
ngx_mesh_deadline_pop(ngx_mesh_deadline_queue_t *q, ngx_msec_t now)
{
    ngx_queue_t          *head;
    ngx_mesh_deadline_t  *d;

    if (ngx_queue_empty(&q->deadlines)) {
        return NULL;
    }

    head = ngx_queue_head(&q->deadlines);
    d = ngx_queue_data(head, ngx_mesh_deadline_t, queue);

    if ((ngx_msec_int_t) (d->when - now) > 0) {
        return NULL;
    }

    d->queued = 0;
    ngx_queue_remove(&d->queue);

    return d;
}


static void
ngx_mesh_deadline_arm(ngx_mesh_deadline_queue_t *q)
{
    ngx_queue_t          *head;
    ngx_mesh_deadline_t  *d;

    head = ngx_queue_head(&q->deadlines);
    d = ngx_queue_data(head, ngx_mesh_deadline_t, queue);

    q->ident[3] = (void *) -1;

    q->timer.handler = ngx_mesh_deadline_handler;
    q->timer.data = q;
    q->timer.log = ngx_cycle->log;
    q->timer.cancelable = 1;

    /* a handler may have taken its time */

    ngx_add_timer(&q->timer,
                  ngx_max((ngx_msec_int_t) (d->when - ngx_current_msec), 0));
}


static void
ngx_mesh_deadline_handler(ngx_event_t *ev)
{
    ngx_msec_t                  now;
    ngx_mesh_deadline_t        *d;
    ngx_mesh_deadline_queue_t  *q;

    q = ev->data;
    now = ngx_current_msec;

    for ( ;; ) {
        d = ngx_mesh_deadline_pop(q, now);

        if (d == NULL) {
            break;
        }

        d->event.timedout = 1;
        d->event.handler(&d->event);
    }

    if (!ngx_queue_empty(&q->deadlines) && !q->timer.timer_set) {
        ngx_mesh_deadline_arm(q);
    }
}
