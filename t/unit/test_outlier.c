
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Outlier detection, panic and slow start: the rules, several workers over one
 * zone against a small model, and processes that race.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_balance.h>
#include <ngx_mesh_outlier.h>
#include <ngx_mesh_shm_zone.h>

#include "ngx_mesh_unit.h"


#define MESH_OUTLIER_SIZE     (1024 * 1024)
#define MESH_OUTLIER_HOSTS    12
#define MESH_OUTLIER_WORKERS  3
#define MESH_OUTLIER_EVENTS   3000


/* what is to be, by the plainest means */

typedef struct {
    ngx_uint_t                    errors;
    ngx_uint_t                    ejected;
    ngx_uint_t                    ejections;
    ngx_uint_t                    overflows;
    ngx_uint_t                    multiplier;
    ngx_msec_t                    until;
    ngx_msec_t                    swept;
} mesh_outlier_host_t;

typedef struct {
    ngx_mesh_shm_t               *shm;
    ngx_mesh_listener_t           listener;
    ngx_mesh_virtual_node_t       node;
    ngx_mesh_outlier_detection_t  od;
    uint64_t                      random;
    ngx_msec_t                    now;
    uint32_t                      n;
    ngx_mesh_cluster_t            clusters[MESH_OUTLIER_WORKERS];
    ngx_mesh_endpoint_t           endpoints[MESH_OUTLIER_WORKERS]
                                           [MESH_OUTLIER_HOSTS];
    mesh_outlier_host_t           hosts[MESH_OUTLIER_HOSTS];
} mesh_outlier_t;


static ngx_log_t  mesh_outlier_log;     /* of level 0: takes nothing */


static uint32_t
mesh_unit_outlier_random(mesh_outlier_t *m, uint32_t n)
{
    uint64_t  z;

    m->random += 0x9e3779b97f4a7c15;
    z = m->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;

    return (uint32_t) ((z ^ (z >> 31)) >> 32) % n;
}


static ngx_mesh_shm_t *
mesh_unit_outlier_zone(ngx_mesh_unit_t *u)
{
    u_char           *addr;
    ngx_slab_pool_t  *shpool;

    addr = mmap(NULL, MESH_OUTLIER_SIZE, PROT_READ|PROT_WRITE,
                MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (addr == MAP_FAILED) {
        return NULL;
    }

    shpool = (ngx_slab_pool_t *) addr;

    shpool->end = addr + MESH_OUTLIER_SIZE;
    shpool->min_shift = 3;
    shpool->addr = addr;

    if (ngx_shmtx_create(&shpool->mutex, &shpool->lock, NULL) != NGX_OK) {
        return NULL;
    }

    ngx_slab_init(shpool);

    shpool->log_ctx = (u_char *) "";
    shpool->log_nomem = 0;

    return ngx_mesh_shm_attach(u->pool, shpool);
}


/* what a worker has after a document: all but the rows is new */

static void
mesh_unit_outlier_load(mesh_outlier_t *m, ngx_uint_t worker)
{
    uint32_t              i, rows[MESH_OUTLIER_HOSTS];
    uint64_t              keys[MESH_OUTLIER_HOSTS];
    ngx_mesh_cluster_t   *c;
    ngx_mesh_endpoint_t  *ep;

    c = &m->clusters[worker];
    ep = m->endpoints[worker];

    for (i = 0; i < m->n; i++) {
        keys[i] = i + 1;
    }

    ngx_mesh_shm_rows(m->shm, 1, keys, rows, m->n);

    ngx_memzero(c, sizeof(ngx_mesh_cluster_t));
    ngx_memzero(ep, m->n * sizeof(ngx_mesh_endpoint_t));

    for (i = 0; i < m->n; i++) {
        ep[i].key = keys[i];
        ep[i].row = rows[i];
    }

    c->node = &m->node;
    c->listener = &m->listener;
    c->endpoints = ep;
    c->nendpoints = m->n;
    c->neligible = m->n;
    c->rotation = mesh_unit_outlier_random(m, 1000);
}


static mesh_outlier_t *
mesh_unit_outlier_create(ngx_mesh_unit_t *u, uint32_t n, uint64_t seed)
{
    ngx_uint_t       i;
    mesh_outlier_t  *m;

    m = ngx_pcalloc(u->pool, sizeof(mesh_outlier_t));
    if (m == NULL) {
        return NULL;
    }

    m->shm = mesh_unit_outlier_zone(u);
    if (m->shm == NULL) {
        return NULL;
    }

    m->n = n;
    m->random = seed;
    m->now = ngx_current_msec;
    m->listener.outlier_detection = &m->od;

    m->od.max_server_errors = 1 + mesh_unit_outlier_random(m, 5);
    m->od.max_ejection_percent = mesh_unit_outlier_random(m, 101);
    m->od.interval_ms = 1 + mesh_unit_outlier_random(m, 1000);
    m->od.base_ejection_ms = mesh_unit_outlier_random(m, 90000);

    for (i = 0; i < MESH_OUTLIER_WORKERS; i++) {
        mesh_unit_outlier_load(m, i);
    }

    return m;
}


static void
mesh_unit_outlier_destroy(mesh_outlier_t *m)
{
    (void) munmap(m->shm->shpool, MESH_OUTLIER_SIZE);
}


static uint32_t
mesh_unit_outlier_ejected(mesh_outlier_t *m)
{
    uint32_t  i, n;

    for (i = 0, n = 0; i < m->n; i++) {
        n += m->hosts[i].ejected;
    }

    return n;
}


static void
mesh_unit_outlier_model_failure(mesh_outlier_t *m, mesh_outlier_host_t *h)
{
    uint32_t    n;
    ngx_msec_t  longest;

    h->errors++;

    if (h->errors < m->od.max_server_errors || h->ejected) {
        return;
    }

    n = mesh_unit_outlier_ejected(m);

    if (n > 0 && (n + 1) * 100 > m->n * m->od.max_ejection_percent) {
        h->errors = 0;
        h->overflows++;
        return;
    }

    longest = 300000;

    if (h->multiplier * m->od.base_ejection_ms < longest) {
        h->multiplier++;
    }

    h->ejected = 1;
    h->ejections++;
    h->swept = m->now;
    h->until = m->now + ngx_min(longest,
                                h->multiplier * m->od.base_ejection_ms);
}


static void
mesh_unit_outlier_model_sweep(mesh_outlier_t *m)
{
    uint32_t              i;
    mesh_outlier_host_t  *h;

    for (i = 0; i < m->n; i++) {
        h = &m->hosts[i];

        if ((!h->ejected && h->multiplier == 0)
            || m->now - h->swept < m->od.interval_ms)
        {
            continue;
        }

        while (m->now - h->swept >= m->od.interval_ms) {
            h->swept += m->od.interval_ms;
        }

        if (!h->ejected) {
            h->multiplier--;

        } else if (m->now >= (h->until | 1)) {
            h->ejected = 0;
            h->errors = 0;
        }
    }
}


/* an event in one of the workers, and in the model */

static void
mesh_unit_outlier_event(mesh_outlier_t *m, ngx_uint_t worker)
{
    uint32_t              i;
    ngx_mesh_cluster_t   *c;
    ngx_mesh_ejection_t   e;

    c = &m->clusters[worker];
    i = mesh_unit_outlier_random(m, m->n);

    switch (mesh_unit_outlier_random(m, 16)) {

    case 0:
    case 1:
        ngx_mesh_outlier_success(m->shm, &c->endpoints[i]);
        m->hosts[i].errors = 0;
        break;

    case 2:
        mesh_unit_outlier_load(m, worker);
        break;

    case 3:
    case 4:
        m->now += mesh_unit_outlier_random(m, m->od.interval_ms);
        break;

    case 5:
        m->now += mesh_unit_outlier_random(m, 100000);
        break;

    case 6:
    case 7:
    case 8:
        ngx_mesh_outlier_sweep(m->shm, c, m->now, &mesh_outlier_log);
        mesh_unit_outlier_model_sweep(m);
        break;

    default:
        (void) ngx_mesh_outlier_failure(m->shm, c, &c->endpoints[i], m->now,
                                        &e);
        mesh_unit_outlier_model_failure(m, &m->hosts[i]);
        break;
    }
}


static ngx_uint_t
mesh_unit_outlier_rows_differ(mesh_outlier_t *m)
{
    uint32_t              i;
    ngx_uint_t            wrong;
    ngx_mesh_row_t       *row;
    mesh_outlier_host_t  *h;

    for (i = 0, wrong = 0; i < m->n; i++) {
        h = &m->hosts[i];
        row = ngx_mesh_shm_row(m->shm, m->endpoints[0][i].row, i + 1);

        wrong += row == NULL
                 || row->errors != h->errors
                 || (row->ejected != 0) != h->ejected
                 || row->ejections != h->ejections
                 || row->overflows != h->overflows
                 || row->multiplier != h->multiplier;
    }

    return wrong;
}


/* a turn of the rotation meets all that are available, and no others */

static ngx_uint_t
mesh_unit_outlier_picks_differ(mesh_outlier_t *m, ngx_uint_t worker)
{
    uint32_t              i, n;
    ngx_uint_t            wrong, panic, seen[MESH_OUTLIER_HOSTS];
    ngx_mesh_balance_t    b;
    ngx_mesh_cluster_t   *c;
    ngx_mesh_endpoint_t  *ep;

    ngx_memzero(&b, sizeof(ngx_mesh_balance_t));
    ngx_memzero(seen, sizeof(seen));

    b.shm = m->shm;
    b.now = m->now;
    c = &m->clusters[worker];

    n = m->n - mesh_unit_outlier_ejected(m);
    panic = n * 2 < m->n;

    for (i = 0; i < (panic ? m->n : n); i++) {
        ep = ngx_mesh_balance(c, &b);

        if (ep) {
            seen[ep - c->endpoints]++;
        }
    }

    for (i = 0, wrong = 0; i < m->n; i++) {
        wrong += seen[i] != (panic || !m->hosts[i].ejected);
    }

    return wrong;
}


static void
mesh_unit_outlier_property(ngx_mesh_unit_t *u)
{
    uint32_t         n, limit;
    ngx_uint_t       i, k, worker, rows, picks, many, panics;
    mesh_outlier_t  *m;

    rows = 0;
    picks = 0;
    many = 0;
    panics = 0;

    for (k = 0; k < 60; k++) {
        m = mesh_unit_outlier_create(u, 1 + k % MESH_OUTLIER_HOSTS, k);

        if (m == NULL) {
            MESH_OK(0, "a zone was made");
            return;
        }

        limit = m->n * m->od.max_ejection_percent / 100;

        for (i = 0; i < MESH_OUTLIER_EVENTS; i++) {
            worker = mesh_unit_outlier_random(m, MESH_OUTLIER_WORKERS);

            mesh_unit_outlier_event(m, worker);

            n = mesh_unit_outlier_ejected(m);

            rows += mesh_unit_outlier_rows_differ(m);
            picks += mesh_unit_outlier_picks_differ(m, worker);
            many += n > ngx_max(limit, 1);
            panics += (m->n - n) * 2 < m->n;
        }

        mesh_unit_outlier_destroy(m);
    }

    MESH_IS_INT(rows, 0, "after random events the rows are those of a model");
    MESH_IS_INT(picks, 0, "workers pick what is available, all in panic");
    MESH_IS_INT(many, 0, "no more are ejected than may be");
    MESH_OK(panics > 100, "panic was among it, %ui times", panics);
}

MESH_UNIT(mesh_unit_outlier_property)


static void
mesh_unit_outlier_rules(ngx_mesh_unit_t *u)
{
    ngx_mesh_outlier_detection_t  od;

    ngx_memzero(&od, sizeof(ngx_mesh_outlier_detection_t));

    MESH_OK(ngx_mesh_outlier_allows(&od, 4, 0), "one always may be ejected");
    MESH_OK(!ngx_mesh_outlier_allows(&od, 4, 1), "0 %%: no second one");

    od.max_ejection_percent = 50;
    MESH_OK(ngx_mesh_outlier_allows(&od, 4, 1), "50 %% of 4: a second one");
    MESH_OK(!ngx_mesh_outlier_allows(&od, 4, 2), "but no third one");
    MESH_OK(!ngx_mesh_outlier_allows(&od, 3, 1), "50 %% of 3 are not 2");

    od.max_ejection_percent = 100;
    MESH_OK(ngx_mesh_outlier_allows(&od, 4, 3), "100 %%: all");

    od.base_ejection_ms = 30000;
    MESH_IS_INT(ngx_mesh_outlier_time(&od, 1), 30000, "the base time");
    MESH_IS_INT(ngx_mesh_outlier_time(&od, 3), 90000, "three times");
    MESH_IS_INT(ngx_mesh_outlier_time(&od, 11), 300000, "at most 5 minutes");

    od.base_ejection_ms = 400000;
    MESH_IS_INT(ngx_mesh_outlier_time(&od, 2), 400000, "or the base time");

    od.base_ejection_ms = 0;
    MESH_IS_INT(ngx_mesh_outlier_time(&od, 2), 0, "no time at all");
}

MESH_UNIT(mesh_unit_outlier_rules)


/* how many ejections a process was told to have made */

static ngx_uint_t
mesh_unit_outlier_hammer(mesh_outlier_t *m, ngx_uint_t worker)
{
    uint32_t             k;
    ngx_uint_t           i, n;
    ngx_mesh_cluster_t  *c;
    ngx_mesh_ejection_t  e;

    c = &m->clusters[worker % MESH_OUTLIER_WORKERS];

    for (i = 0, n = 0; i < 20000; i++) {
        k = (i + worker) % m->n;

        n += ngx_mesh_outlier_failure(m->shm, c, &c->endpoints[k], m->now, &e)
             == NGX_OK;
    }

    return n;
}


static void
mesh_unit_outlier_race(ngx_mesh_unit_t *u)
{
    int              status;
    uint32_t         i;
    ngx_pid_t        pid[4];
    ngx_uint_t       ejected, ejections, told;
    ngx_mesh_row_t  *row;
    mesh_outlier_t  *m;

    m = mesh_unit_outlier_create(u, 12, 1);
    if (!MESH_OK(m != NULL, "a zone was made")) {
        return;
    }

    m->od.max_server_errors = 5;
    m->od.max_ejection_percent = 50;

    for (i = 0; i < 4; i++) {
        pid[i] = fork();

        if (pid[i] == 0) {
            ngx_pid = getpid();
            _exit(mesh_unit_outlier_hammer(m, i));
        }
    }

    for (i = 0, told = 0; i < 4; i++) {
        while (waitpid(pid[i], &status, 0) == -1 && ngx_errno == NGX_EINTR) {
            /* void */
        }

        told += WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
    }

    for (i = 0, ejected = 0, ejections = 0; i < m->n; i++) {
        row = ngx_mesh_shm_row(m->shm, m->endpoints[0][i].row, i + 1);
        ejected += row->ejected != 0;
        ejections += row->ejections;
    }

    MESH_IS_INT(ejected, 6, "4 processes eject half of 12, no more");
    MESH_IS_INT(ejections, 6, "each is counted once");
    MESH_IS_INT(told, 6, "and told to one process");

    mesh_unit_outlier_destroy(m);
}

MESH_UNIT(mesh_unit_outlier_race)


static void
mesh_unit_outlier_health(ngx_mesh_unit_t *u)
{
    ngx_uint_t                i, wrong;
    ngx_mesh_row_t           *row;
    mesh_outlier_t           *m;
    ngx_mesh_balance_t        b;
    ngx_mesh_cluster_t       *c;
    ngx_mesh_health_check_t   check;

    m = mesh_unit_outlier_create(u, 2, 1);
    if (!MESH_OK(m != NULL, "a zone was made")) {
        return;
    }

    ngx_memzero(&b, sizeof(ngx_mesh_balance_t));
    b.shm = m->shm;
    b.now = m->now;

    c = &m->clusters[0];
    row = ngx_mesh_shm_row(m->shm, c->endpoints[0].row, 1);

    (void) ngx_mesh_balance(c, &b);
    ngx_mesh_row_set_health(m->shm, row, NGX_MESH_ROW_UNHEALTHY);

    for (i = 0, wrong = 0; i < 4; i++) {
        wrong += ngx_mesh_balance(c, &b) == &c->endpoints[0];
    }

    MESH_IS_INT(wrong, 2, "health is of no interest without a check");

    m->listener.health_check = &check;
    mesh_unit_outlier_load(m, 0);

    for (i = 0, wrong = 0; i < 4; i++) {
        wrong += ngx_mesh_balance(c, &b) == &c->endpoints[0];
    }

    MESH_IS_INT(wrong, 0, "with one, an unhealthy endpoint is not used");

    ngx_mesh_row_set_health(m->shm, row, NGX_MESH_ROW_HEALTHY);

    for (i = 0, wrong = 0; i < 4; i++) {
        wrong += ngx_mesh_balance(c, &b) == &c->endpoints[0];
    }

    MESH_IS_INT(wrong, 2, "and at once when it is healthy");

    mesh_unit_outlier_destroy(m);
}

MESH_UNIT(mesh_unit_outlier_health)


static void
mesh_unit_outlier_slow_start(ngx_mesh_unit_t *u)
{
    ngx_uint_t           i, age, count;
    mesh_outlier_t      *m;
    ngx_mesh_row_t      *row;
    ngx_mesh_balance_t   b;
    ngx_mesh_cluster_t  *c;

    MESH_IS_INT(ngx_mesh_balance_weight(10000, 50, 50), 100, "weight at 0 s");
    MESH_IS_INT(ngx_mesh_balance_weight(10000, 50, 5050), 500, "at 5 of 10 s");
    MESH_IS_INT(ngx_mesh_balance_weight(10000, 50, 10050), 1000, "at 10 s");
    MESH_IS_INT(ngx_mesh_balance_weight(10000, 50, 40), 100, "at -10 ms");
    MESH_IS_INT(ngx_mesh_balance_weight(0, 50, 50), 1000, "without slow start");

    m = mesh_unit_outlier_create(u, 4, 1);
    if (!MESH_OK(m != NULL, "a zone was made")) {
        return;
    }

    ngx_memzero(&b, sizeof(ngx_mesh_balance_t));
    b.shm = m->shm;

    c = &m->clusters[0];
    row = ngx_mesh_shm_row(m->shm, c->endpoints[3].row, 4);

    row->since = m->now + 20000;
    c->slow_start_ms = 10000;

    /* the share of a weight w beside three of 1 is w / (3 + w) */

    for (age = 0; age <= 10000; age += 2500) {
        b.now = m->now + 20000 + age;
        count = 0;

        for (i = 0; i < 100000; i++) {
            b.random[0] = mesh_unit_outlier_random(m, 0xffffffff);
            b.random[1] = mesh_unit_outlier_random(m, 0xffffffff);
            count += ngx_mesh_balance(c, &b) == &c->endpoints[3];
        }

        i = ngx_mesh_balance_weight(10000, 0, age);
        i = 100000 * i / (3000 + i);

        MESH_OK(count + 500 > i && count < i + 500,
                "after %ui ms a new one gets %ui of 100000, not far from %ui",
                age, count, i);
    }

    mesh_unit_outlier_destroy(m);
}

MESH_UNIT(mesh_unit_outlier_slow_start)
