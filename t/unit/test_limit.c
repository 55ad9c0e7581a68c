
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Limits of connection pools: bounds from the model, counts and turns compared
 * with a small model over random events of several workers, and processes that
 * race and are killed.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_limit.h>
#include <ngx_mesh_shm.h>
#include <ngx_mesh_shm_zone.h>

#include <signal.h>
#include <sys/wait.h>

#include "ngx_mesh_unit.h"


#define MESH_LIMIT_ZONE     (1024 * 1024)
#define MESH_LIMIT_WORKERS  4
#define MESH_LIMIT_EVENTS   200000
#define MESH_LIMIT_KEY      8080


/* a worker of the model, with the tickets that wait in it, oldest first */

typedef struct {
    ngx_mesh_shm_t            shm;
    ngx_uint_t                active;
    ngx_atomic_uint_t         waits[64];
    ngx_uint_t                nwaits;
} mesh_unit_limit_worker_t;


static uint32_t
mesh_unit_limit_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;

    return *state >> 8;
}


static void
mesh_unit_limit_bounds(ngx_mesh_unit_t *u)
{
    ngx_mesh_listener_t         listener;
    ngx_mesh_limit_bounds_t     bounds;
    ngx_mesh_connection_pool_t  pool;

    ngx_memzero(&listener, sizeof(ngx_mesh_listener_t));

    ngx_mesh_limit_bounds(&listener, &bounds);
    MESH_OK(bounds.active == 0 && bounds.pending == 0,
            "no pool has no limits");

    pool.max_connections = 10;
    pool.max_pending_requests = 20;
    pool.max_requests = 30;
    listener.connection_pool = &pool;

    ngx_mesh_limit_bounds(&listener, &bounds);
    MESH_OK(bounds.active == 10 && bounds.pending == 20,
            "http: connections and a queue");

    listener.protocol = NGX_MESH_HTTP2;
    ngx_mesh_limit_bounds(&listener, &bounds);
    MESH_OK(bounds.active == 30 && bounds.pending == 0,
            "http2: requests, no queue");

    listener.protocol = NGX_MESH_GRPC;
    ngx_mesh_limit_bounds(&listener, &bounds);
    MESH_OK(bounds.active == 30 && bounds.pending == 0,
            "grpc: requests, no queue");

    listener.protocol = NGX_MESH_TCP;
    ngx_mesh_limit_bounds(&listener, &bounds);
    MESH_OK(bounds.active == 10 && bounds.pending == 0,
            "tcp: connections, no queue");
}

MESH_UNIT(mesh_unit_limit_bounds)


static void
mesh_unit_limit_tickets(ngx_mesh_unit_t *u)
{
    ngx_atomic_uint_t  last;

    last = (ngx_atomic_uint_t) -1;

    MESH_OK(ngx_mesh_limit_before(1, 2), "an earlier ticket is before");
    MESH_OK(!ngx_mesh_limit_before(2, 1), "a later one is not");
    MESH_OK(!ngx_mesh_limit_before(2, 2), "nor is the same");
    MESH_OK(ngx_mesh_limit_before(last, 1), "tickets may wrap");
    MESH_OK(ngx_mesh_limit_before(5, 0), "none comes last");
    MESH_OK(!ngx_mesh_limit_before(0, 5), "and never first");
}

MESH_UNIT(mesh_unit_limit_tickets)


/* what the model below cannot meet: it lets nobody wait while there is room */

static void
mesh_unit_limit_order(ngx_mesh_unit_t *u)
{
    ngx_mesh_limit_t         limit;
    ngx_atomic_uint_t        ticket;
    ngx_mesh_limit_share_t   mine, gone;
    ngx_mesh_limit_bounds_t  bounds;

    ngx_memzero(&limit, sizeof(ngx_mesh_limit_t));
    ngx_memzero(&mine, sizeof(ngx_mesh_limit_share_t));
    ngx_memzero(&gone, sizeof(ngx_mesh_limit_share_t));

    bounds.active = 1;
    bounds.pending = 10;

    MESH_OK(ngx_mesh_limit_enter(&limit, &mine, &bounds, &ticket) == NGX_OK,
            "there is room");
    MESH_OK(ngx_mesh_limit_enter(&limit, &mine, &bounds, &ticket) == NGX_AGAIN,
            "then there is none");

    ngx_mesh_limit_leave(&limit, &mine);

    MESH_OK(limit.active == 0
            && ngx_mesh_limit_enter(&limit, &mine, &bounds, &ticket)
               == NGX_AGAIN
            && limit.pending == 2,
            "nobody passes those who wait, even if there is room");

    /* a share that was taken back already is not given back again */

    ngx_mesh_limit_leave(&limit, &gone);
    ngx_mesh_limit_cancel(&limit, &gone);

    MESH_OK(limit.active == 0 && limit.pending == 2,
            "who has nothing gives nothing back");

    ngx_mesh_limit_leave(&limit, NULL);

    MESH_OK(limit.active == 0, "a count does not go below zero");
}

MESH_UNIT(mesh_unit_limit_order)


static ngx_mesh_shm_t *
mesh_unit_limit_zone(ngx_mesh_unit_t *u)
{
    ngx_slab_pool_t  *shpool;

    shpool = ngx_mesh_unit_zone(MESH_LIMIT_ZONE);

    return shpool ? ngx_mesh_shm_attach(u->pool, shpool) : NULL;
}


static void
mesh_unit_limit_rows(ngx_mesh_unit_t *u)
{
    uint32_t                  i, row, wrong;
    ngx_str_t                 text, version;
    ngx_mesh_shm_t           *shm;
    ngx_atomic_uint_t         seq, ticket;
    ngx_mesh_limit_bounds_t   bounds = { 1, 0 };

    shm = mesh_unit_limit_zone(u);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    MESH_OK(ngx_mesh_shm_limit(shm, 0, MESH_LIMIT_KEY) == NULL,
            "without limits there are no rows");
    MESH_IS_INT(ngx_mesh_shm_limit_enter(shm, 0, MESH_LIMIT_KEY, &bounds,
                                         &ticket),
                NGX_DECLINED, "and nothing is counted");

    wrong = 0;

    for (i = 0; i < NGX_MESH_SHM_LIMITS; i++) {
        row = ngx_mesh_shm_limit_row(shm, 1, 1000 + i);
        wrong += row == NGX_MESH_SHM_NO_ROW
                 || ngx_mesh_shm_limit_row(shm, 1, 1000 + i) != row;
    }

    MESH_IS_INT(wrong, 0, "%ui keys have a row each",
                (ngx_uint_t) NGX_MESH_SHM_LIMITS);
    MESH_IS_INT(ngx_mesh_shm_limit_row(shm, 1, 1), NGX_MESH_SHM_NO_ROW,
                "one more finds no room");

    ngx_str_set(&text, "document");
    ngx_str_set(&version, "v");

    for (i = 0; i < 3; i++) {
        (void) ngx_mesh_shm_publish(shm, &text, &version, NGX_MESH_SOURCE_FILE,
                                    0, &seq);
    }

    row = ngx_mesh_shm_limit_row(shm, 1, 1000);
    MESH_IS_INT(ngx_mesh_shm_limit_enter(shm, row, 1000, &bounds, &ticket),
                NGX_OK, "a request is counted in an old row");

    i = ngx_mesh_shm_limit_row(shm, seq, 1);
    MESH_OK(i != NGX_MESH_SHM_NO_ROW && i != row,
            "later documents get rows that are not in use");
    MESH_IS_INT(ngx_mesh_shm_limit_enter(shm, i, 1001, &bounds, &ticket),
                NGX_DECLINED, "who had it does not count there any more");

    ngx_mesh_shm_limit_leave(shm, row);
    MESH_IS_INT(ngx_mesh_shm_limit(shm, row, 1000)->active, 0,
                "the request ends");
}

MESH_UNIT(mesh_unit_limit_rows)


/* lets all go on who may; the turn has to be that of the lowest ticket */

static ngx_uint_t
mesh_unit_limit_run(mesh_unit_limit_worker_t *w, uint32_t row,
    ngx_mesh_limit_bounds_t *bounds)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i, wrong;
    ngx_atomic_uint_t          first, ticket;
    mesh_unit_limit_worker_t  *worker, *lowest;

    wrong = 0;

    for ( ;; ) {
        lowest = NULL;

        for (i = 0; i < MESH_LIMIT_WORKERS; i++) {
            if (w[i].nwaits
                && (lowest == NULL || w[i].waits[0] < lowest->waits[0]))
            {
                lowest = &w[i];
            }
        }

        if (lowest == NULL) {
            return wrong;
        }

        ticket = lowest->waits[0];

        for (i = 0; i < MESH_LIMIT_WORKERS; i++) {
            worker = &w[i];

            if (worker == lowest || worker->nwaits == 0) {
                continue;
            }

            rc = ngx_mesh_shm_limit_resume(&worker->shm, row, bounds, 0,
                                           &first);
            wrong += !(rc == NGX_AGAIN
                       || (rc == NGX_DECLINED && first == ticket));
        }

        if (ngx_mesh_shm_limit_resume(&lowest->shm, row, bounds, 0, &first)
            != NGX_OK)
        {
            return wrong;
        }

        lowest->nwaits--;
        lowest->active++;
        ngx_memmove(lowest->waits, lowest->waits + 1,
                    lowest->nwaits * sizeof(ngx_atomic_uint_t));
        ngx_mesh_shm_limit_head(&lowest->shm, row,
                                lowest->nwaits ? lowest->waits[0] : 0);
    }
}


/* a request that waits in the middle of a queue gives up */

static void
mesh_unit_limit_give_up(mesh_unit_limit_worker_t *worker, uint32_t row,
    ngx_uint_t i)
{
    worker->nwaits--;
    ngx_memmove(&worker->waits[i], &worker->waits[i + 1],
                (worker->nwaits - i) * sizeof(ngx_atomic_uint_t));
    ngx_mesh_shm_limit_head(&worker->shm, row,
                            worker->nwaits ? worker->waits[0] : 0);
    ngx_mesh_shm_limit_cancel(&worker->shm, row);
}


/* a worker is killed, and another one started in its place */

static void
mesh_unit_limit_kill(mesh_unit_limit_worker_t *worker)
{
    ngx_mesh_slot_t  *slot;

    slot = worker->shm.slot;

    ngx_mesh_shm_limit_drain(worker->shm.sh, slot);

    worker->active = 0;
    worker->nwaits = 0;
}


static void
mesh_unit_limit_model(ngx_mesh_unit_t *u)
{
    uint32_t                   state, row;
    ngx_int_t                  rc, want;
    ngx_uint_t                 i, n, active, pending, wrong, unfair, most;
    ngx_mesh_shm_t            *shm;
    ngx_mesh_limit_t          *limit;
    ngx_atomic_uint_t          ticket;
    ngx_mesh_limit_bounds_t    bounds;
    mesh_unit_limit_worker_t  *w, *worker;

    shm = mesh_unit_limit_zone(u);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    w = ngx_pcalloc(u->pool, MESH_LIMIT_WORKERS
                             * sizeof(mesh_unit_limit_worker_t));
    row = 0;

    for (i = 0; i < MESH_LIMIT_WORKERS; i++) {
        w[i].shm = *shm;
        w[i].shm.slot = &shm->sh->slots[i];
        w[i].shm.slot->pid = 100 + i;
        row = ngx_mesh_shm_limit_row(&w[i].shm, 1, MESH_LIMIT_KEY);
    }

    limit = ngx_mesh_shm_limit(shm, row, MESH_LIMIT_KEY);

    state = 1;
    wrong = 0;
    unfair = 0;
    most = 0;

    bounds.active = 5;
    bounds.pending = 20;

    for (n = 0; n < MESH_LIMIT_EVENTS; n++) {

        worker = &w[mesh_unit_limit_random(&state) % MESH_LIMIT_WORKERS];

        for (i = 0, active = 0, pending = 0; i < MESH_LIMIT_WORKERS; i++) {
            active += w[i].active;
            pending += w[i].nwaits;
        }

        wrong += limit->active != active || limit->pending != pending;
        most = ngx_max(most, active);

        switch (mesh_unit_limit_random(&state) % 16) {

        case 0:
            if (mesh_unit_limit_random(&state) % 32 == 0) {
                mesh_unit_limit_kill(worker);
            }
            break;

        case 1:
            if (worker->nwaits) {
                mesh_unit_limit_give_up(worker, row,
                           mesh_unit_limit_random(&state) % worker->nwaits);
            }
            break;

        case 2: case 3: case 4: case 5: case 6: case 7:
            if (worker->active) {
                worker->active--;
                ngx_mesh_shm_limit_leave(&worker->shm, row);
            }
            break;

        default:
            want = (pending == 0 && active < bounds.active) ? NGX_OK
                   : (pending < bounds.pending) ? NGX_AGAIN : NGX_BUSY;

            rc = ngx_mesh_shm_limit_enter(&worker->shm, row, MESH_LIMIT_KEY,
                                          &bounds, &ticket);
            wrong += rc != want;

            if (rc == NGX_OK) {
                worker->active++;

            } else if (rc == NGX_AGAIN) {
                worker->waits[worker->nwaits++] = ticket;
                ngx_mesh_shm_limit_head(&worker->shm, row, worker->waits[0]);
            }
        }

        unfair += mesh_unit_limit_run(w, row, &bounds);
    }

    MESH_IS_INT(wrong, 0, "%ui random events: counts and decisions are those "
                "of the model", n);
    MESH_IS_INT(unfair, 0, "and turns");
    MESH_IS_INT(most, bounds.active, "the limit is reached, not passed");
    MESH_OK(limit->overflows && limit->queued, "there were all cases");
}

MESH_UNIT(mesh_unit_limit_model)


/* counts itself in another count, which must never be above the limit */

static void
mesh_unit_limit_child(ngx_mesh_shm_t *shm, uint32_t row, ngx_atomic_t *inside,
    ngx_atomic_t *most)
{
    ngx_uint_t               i;
    ngx_atomic_uint_t        n, ticket;
    ngx_mesh_limit_bounds_t  bounds = { 3, 0 };

    for (i = 0; i < 20000; i++) {

        if (ngx_mesh_shm_limit_enter(shm, row, MESH_LIMIT_KEY, &bounds,
                                     &ticket)
            != NGX_OK)
        {
            continue;
        }

        n = ngx_atomic_fetch_add(inside, 1) + 1;

        if (n > *most) {
            *most = n;
        }

        if (i % 16 == 0) {
            ngx_sched_yield();
        }

        (void) ngx_atomic_fetch_add(inside, -1);

        ngx_mesh_shm_limit_leave(shm, row);
    }
}


static void
mesh_unit_limit_race(ngx_mesh_unit_t *u)
{
    uint32_t           row;
    ngx_pid_t          pids[MESH_LIMIT_WORKERS];
    ngx_uint_t         i;
    ngx_atomic_t      *shared;
    ngx_mesh_shm_t    *shm;
    ngx_mesh_limit_t  *limit;

    shm = mesh_unit_limit_zone(u);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    shared = ngx_slab_calloc(shm->shpool, 2 * sizeof(ngx_atomic_t));
    row = ngx_mesh_shm_limit_row(shm, 1, MESH_LIMIT_KEY);

    for (i = 0; i < MESH_LIMIT_WORKERS; i++) {

        pids[i] = fork();

        if (pids[i] == 0) {
            ngx_pid = getpid();
            ngx_mesh_shm_init_worker(shm, u->log);
            (void) ngx_mesh_shm_limit_row(shm, 1, MESH_LIMIT_KEY);
            mesh_unit_limit_child(shm, row, &shared[0], &shared[1]);
            ngx_mesh_shm_exit_worker(shm);
            _exit(0);
        }
    }

    for (i = 0; i < MESH_LIMIT_WORKERS; i++) {
        (void) waitpid(pids[i], NULL, 0);
    }

    limit = ngx_mesh_shm_limit(shm, row, MESH_LIMIT_KEY);

    MESH_OK(shared[1] >= 1 && shared[1] <= 3,
            "%ui processes: at most %uA of 3 at a time",
            (ngx_uint_t) MESH_LIMIT_WORKERS, shared[1]);
    MESH_IS_INT(limit->active, 0, "nothing is left");
}

MESH_UNIT(mesh_unit_limit_race)


/* killed with a request under way and one that waits */

static void
mesh_unit_limit_crash(ngx_mesh_unit_t *u)
{
    uint32_t                  row;
    ngx_int_t                 rc;
    ngx_pid_t                 pid;
    ngx_mesh_shm_t           *shm;
    ngx_mesh_limit_t         *limit;
    ngx_atomic_uint_t         ticket, first;
    ngx_mesh_limit_bounds_t   bounds = { 1, 5 };

    shm = mesh_unit_limit_zone(u);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    row = ngx_mesh_shm_limit_row(shm, 1, MESH_LIMIT_KEY);
    limit = ngx_mesh_shm_limit(shm, row, MESH_LIMIT_KEY);

    pid = fork();

    if (pid == 0) {
        ngx_pid = getpid();
        ngx_mesh_shm_init_worker(shm, u->log);
        (void) ngx_mesh_shm_limit_row(shm, 1, MESH_LIMIT_KEY);

        (void) ngx_mesh_shm_limit_enter(shm, row, MESH_LIMIT_KEY, &bounds,
                                        &ticket);
        (void) ngx_mesh_shm_limit_enter(shm, row, MESH_LIMIT_KEY, &bounds,
                                        &ticket);
        ngx_mesh_shm_limit_head(shm, row, ticket);
        (void) kill(getpid(), SIGKILL);
    }

    (void) waitpid(pid, NULL, 0);

    MESH_OK(limit->active == 1 && limit->pending == 1,
            "a worker dies with one request active and one waiting");

    ngx_mesh_shm_init_worker(shm, u->log);
    (void) ngx_mesh_shm_limit_row(shm, 1, MESH_LIMIT_KEY);

    MESH_OK(limit->active == 0 && limit->pending == 0,
            "the next one takes them back");

    (void) ngx_mesh_shm_limit_enter(shm, row, MESH_LIMIT_KEY, &bounds,
                                    &ticket);
    (void) ngx_mesh_shm_limit_enter(shm, row, MESH_LIMIT_KEY, &bounds,
                                    &ticket);
    ngx_mesh_shm_limit_head(shm, row, ticket);
    ngx_mesh_shm_limit_leave(shm, row);

    rc = ngx_mesh_shm_limit_resume(shm, row, &bounds, 0, &first);
    MESH_IS_INT(rc, NGX_OK, "and waits for nobody who is dead");

    ngx_mesh_shm_exit_worker(shm);
    MESH_IS_INT(limit->active, 0, "a worker that ends leaves nothing");
}

MESH_UNIT(mesh_unit_limit_crash)


static void
mesh_unit_limit_drain_cycles(ngx_mesh_unit_t *u)
{
    ngx_mesh_shm_t  *shm, *next;

    shm = mesh_unit_limit_zone(u);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    MESH_OK(!ngx_mesh_shm_draining(shm), "a new cycle does not drain");

    ngx_mesh_shm_drain(shm);
    MESH_OK(ngx_mesh_shm_draining(shm), "until it is told to");

    next = ngx_mesh_shm_attach(u->pool, shm->shpool);
    MESH_OK(ngx_mesh_shm_draining(shm) && !ngx_mesh_shm_draining(next),
            "the one of a reload does not, the old one still does");

    ngx_mesh_shm_drain(next);
    ngx_mesh_shm_drain(shm);
    MESH_OK(ngx_mesh_shm_draining(next) && ngx_mesh_shm_draining(shm),
            "an old one does not end it for the new one");
}

MESH_UNIT(mesh_unit_limit_drain_cycles)
