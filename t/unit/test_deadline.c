
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Deadlines in queues: by hand, and random sequences against a list that is
 * searched.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <ngx_mesh_deadline.h>

#include "ngx_mesh_unit.h"


#define DEADLINES  64
#define DURATIONS  (NGX_MESH_DEADLINE_QUEUES + 3)
#define STEPS      20000


/* what a deadline should be: "when" of 0 is one that is not set */

typedef struct {
    ngx_mesh_deadlines_t        queues;
    ngx_mesh_deadline_t         deadlines[DEADLINES];
    ngx_msec_t                  when[DEADLINES];
    ngx_mesh_deadline_queue_t  *queue[DEADLINES];
    ngx_uint_t                  missed;
} mesh_deadline_world_t;


static void
mesh_unit_deadline_queues(ngx_mesh_unit_t *u)
{
    ngx_uint_t                  i;
    ngx_mesh_deadline_t         d;
    ngx_mesh_deadlines_t       *ds;
    ngx_mesh_deadline_queue_t  *q;

    ds = ngx_pcalloc(u->pool, sizeof(ngx_mesh_deadlines_t));
    ngx_memzero(&d, sizeof(ngx_mesh_deadline_t));

    q = ngx_mesh_deadline_queue(ds, 15000);

    MESH_OK(q != NULL, "a duration has a queue");
    MESH_OK(ngx_mesh_deadline_queue(ds, 15000) == q, "and always that one");
    MESH_OK(ngx_mesh_deadline_queue(ds, 15001) != q, "others have others");
    MESH_OK(ngx_mesh_deadline_pop(q, 1) == NULL, "nothing is in it");

    MESH_IS_INT(ngx_mesh_deadline_push(q, &d, 100), 1, "is the first one");
    MESH_OK(ngx_mesh_deadline_pop(q, 15099) == NULL, "is not reached");
    MESH_OK(ngx_mesh_deadline_pop(q, 15100) == &d, "is reached to the ms");
    MESH_OK(ngx_mesh_deadline_pop(q, 15100) == NULL, "is reached once");

    for (i = 0; i < NGX_MESH_DEADLINE_QUEUES; i++) {
        q = ngx_mesh_deadline_queue(ds, 1000 + i);
        (void) ngx_mesh_deadline_push(q, ngx_pcalloc(u->pool,
                                                  sizeof(ngx_mesh_deadline_t)),
                                      0);
    }

    MESH_OK(ngx_mesh_deadline_queue(ds, 1) == NULL, "all queues are taken");

    (void) ngx_mesh_deadline_pop(q, 1000000);

    MESH_OK(ngx_mesh_deadline_queue(ds, 1) == q, "an empty one is taken over");

    ngx_mesh_deadline_del(&d);
    MESH_OK(1, "a deadline that is not set may be deleted");
}

MESH_UNIT(mesh_unit_deadline_queues)


/* a clock near the end of its range turns over like any other */

static void
mesh_unit_deadline_overflow(ngx_mesh_unit_t *u)
{
    ngx_msec_t                  now;
    ngx_mesh_deadline_t         d;
    ngx_mesh_deadlines_t       *ds;
    ngx_mesh_deadline_queue_t  *q;

    ds = ngx_pcalloc(u->pool, sizeof(ngx_mesh_deadlines_t));
    ngx_memzero(&d, sizeof(ngx_mesh_deadline_t));

    q = ngx_mesh_deadline_queue(ds, 100);
    now = (ngx_msec_t) -50;

    (void) ngx_mesh_deadline_push(q, &d, now);

    MESH_OK(ngx_mesh_deadline_pop(q, now + 99) == NULL, "not yet");
    MESH_OK(ngx_mesh_deadline_pop(q, now + 100) == &d, "now");
}

MESH_UNIT(mesh_unit_deadline_overflow)


/* one that finds no queue would have a timer of its own, and is left out */

static void
mesh_deadline_set(mesh_deadline_world_t *w, ngx_uint_t i, ngx_msec_t now)
{
    ngx_msec_t                  ms;
    ngx_mesh_deadline_queue_t  *q;

    ms = 10 * (1 + ngx_random() % DURATIONS);
    q = ngx_mesh_deadline_queue(&w->queues, ms);

    if (q == NULL) {
        w->missed++;
        return;
    }

    (void) ngx_mesh_deadline_push(q, &w->deadlines[i], now);

    w->when[i] = now + ms;
    w->queue[i] = q;
}


/* 1: what the queues gave is what the list has */

static ngx_uint_t
mesh_deadline_expire(mesh_deadline_world_t *w, ngx_msec_t now)
{
    ngx_uint_t            i, q;
    ngx_msec_t            last;
    ngx_mesh_deadline_t  *d;

    for (q = 0; q < w->queues.n; q++) {

        last = 0;

        for ( ;; ) {
            d = ngx_mesh_deadline_pop(&w->queues.queues[q], now);

            if (d == NULL) {
                break;
            }

            i = d - w->deadlines;

            if (w->when[i] == 0
                || w->when[i] > now
                || w->when[i] < last
                || d->when != w->when[i]
                || w->queue[i] != &w->queues.queues[q])
            {
                return 0;
            }

            last = w->when[i];
            w->when[i] = 0;
        }
    }

    for (i = 0; i < DEADLINES; i++) {
        if (w->when[i] && w->when[i] <= now) {
            return 0;
        }
    }

    return 1;
}


static void
mesh_unit_deadline_random(ngx_mesh_unit_t *u)
{
    ngx_uint_t              i, n, good;
    ngx_msec_t              now;
    mesh_deadline_world_t  *w;

    w = ngx_pcalloc(u->pool, sizeof(mesh_deadline_world_t));

    now = 1000;
    good = 1;

    for (n = 0; n < STEPS && good; n++) {

        i = ngx_random() % DEADLINES;

        if (w->when[i] == 0) {
            mesh_deadline_set(w, i, now);

        } else if (ngx_random() % 2) {
            ngx_mesh_deadline_del(&w->deadlines[i]);
            w->when[i] = 0;
        }

        now += ngx_random() % 5;

        if (ngx_random() % 4 == 0) {
            good = mesh_deadline_expire(w, now);
        }
    }

    MESH_OK(good, "%d random steps are as in the model, step %ui", STEPS, n);
    MESH_OK(w->missed > 0, "some durations found no queue");
}

MESH_UNIT(mesh_unit_deadline_random)
