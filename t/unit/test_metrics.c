
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Metrics in shared memory: rows and their labels, what happens when there is
 * no room, and that nothing is lost when writers come, go and are killed.
 * Children are forked from the test, they report through their exit status.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_metrics.h>
#include <ngx_mesh_metrics_zone.h>

#include "ngx_mesh_unit.h"


#define MESH_METRICS_SIZE  (4 * 1024 * 1024)


static ngx_mesh_metrics_t *
mesh_unit_metrics_create(ngx_mesh_unit_t *u, size_t size)
{
    ngx_slab_pool_t  *shpool;

    shpool = ngx_mesh_unit_zone(size);

    return shpool ? ngx_mesh_metrics_attach(u->pool, shpool) : NULL;
}


static void
mesh_unit_metrics_destroy(ngx_mesh_metrics_t *m)
{
    ngx_mesh_metrics_exit_worker(m);

    ngx_mesh_unit_unmap(m->shpool);
}


/* another worker, with a handle of its own as after a fork */

static ngx_mesh_metrics_t *
mesh_unit_metrics_worker(ngx_mesh_unit_t *u, ngx_mesh_metrics_t *m)
{
    ngx_mesh_metrics_t  *other;

    other = ngx_mesh_metrics_attach(u->pool, m->shpool);
    ngx_mesh_metrics_init_worker(other, u->log);

    return other;
}


static ngx_pid_t
mesh_unit_metrics_fork(void)
{
    ngx_pid_t  pid;

    pid = fork();

    if (pid == 0) {
        ngx_pid = getpid();
    }

    return pid;
}


static ngx_int_t
mesh_unit_metrics_wait(ngx_pid_t pid)
{
    int  status;

    while (waitpid(pid, &status, 0) == -1) {
        if (ngx_errno != NGX_EINTR) {
            return -1;
        }
    }

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}


static ngx_mesh_metrics_row_t *
mesh_unit_metrics_cluster(ngx_mesh_metrics_t *m, const char *fmt,
    ngx_uint_t n)
{
    u_char     text[256];
    ngx_str_t  name;

    name.data = text;
    name.len = ngx_snprintf(text, sizeof(text), fmt, n) - text;

    return ngx_mesh_metrics_row(m, NGX_MESH_METRICS_CLUSTER, &name);
}


/* of a value: the sum over all rows, that of the overflow row, rows */

static uint64_t
mesh_unit_metrics_sum(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    ngx_uint_t value, uint64_t *overflow, ngx_uint_t *n)
{
    uint64_t                 sum, values[NGX_MESH_METRICS_MAX_VALUES];
    ngx_uint_t               index;
    ngx_mesh_metrics_read_t  row;

    sum = 0;
    index = 0;
    row.values = values;

    if (overflow) {
        *overflow = 0;
    }

    if (n) {
        *n = 0;
    }

    while (ngx_mesh_metrics_read(m, kind, &index, &row) == NGX_OK) {
        sum += values[value];

        if (row.overflow && overflow) {
            *overflow = values[value];
        }

        if (!row.overflow && n) {
            (*n)++;
        }
    }

    return sum;
}


static void
mesh_unit_metrics_observe(ngx_mesh_metrics_row_t *row, ngx_msec_t ms)
{
    ngx_uint_t  bucket;

    bucket = ngx_mesh_metrics_bucket(ms);

    ngx_mesh_metrics_observe(row, NGX_MESH_TARGET_RQ_TIME, bucket, ms);
}


static void
mesh_unit_metrics_rows(ngx_mesh_unit_t *u)
{
    uint64_t                  values[NGX_MESH_METRICS_MAX_VALUES];
    ngx_str_t                 labels[NGX_MESH_METRICS_LABELS];
    ngx_uint_t                index;
    ngx_mesh_metrics_t       *m;
    ngx_mesh_metrics_row_t   *one, *two;
    ngx_mesh_metrics_read_t   row;

    m = mesh_unit_metrics_create(u, MESH_METRICS_SIZE);
    if (!MESH_OK(m != NULL, "a zone was made")) {
        return;
    }

    ngx_str_set(&labels[0], "a.local");
    ngx_str_set(&labels[1], "");
    ngx_str_set(&labels[2], "all");
    ngx_str_set(&labels[3], "node");

    MESH_OK(ngx_mesh_metrics_row(m, NGX_MESH_METRICS_TARGET, labels)
            == ngx_mesh_metrics_nobody(), "rows are for workers");

    ngx_mesh_metrics_init_worker(m, u->log);

    one = ngx_mesh_metrics_row(m, NGX_MESH_METRICS_TARGET, labels);
    MESH_OK(one != ngx_mesh_metrics_nobody(), "a worker has one");
    MESH_OK(ngx_mesh_metrics_row(m, NGX_MESH_METRICS_TARGET, labels) == one,
            "the same labels are the same row");

    ngx_str_set(&labels[1], "all");
    ngx_str_set(&labels[2], "");

    two = ngx_mesh_metrics_row(m, NGX_MESH_METRICS_TARGET, labels);
    MESH_OK(two != one, "labels are not put together");

    ngx_mesh_metrics_add(one, NGX_MESH_TARGET_RQ_TOTAL, 3);
    mesh_unit_metrics_observe(one, 0);
    mesh_unit_metrics_observe(one, 1);
    mesh_unit_metrics_observe(one, 5);
    mesh_unit_metrics_observe(one, 3600000);
    mesh_unit_metrics_observe(one, 3600001);

    index = 0;
    row.values = values;

    MESH_IS_INT(ngx_mesh_metrics_read(m, NGX_MESH_METRICS_TARGET, &index,
                                      &row), NGX_OK, "it is read");
    MESH_IS_STR(&row.labels[0], "a.local", "with its service");
    MESH_IS_STR(&row.labels[1], "", "router");
    MESH_IS_STR(&row.labels[2], "all", "route");
    MESH_IS_STR(&row.labels[3], "node", "and node");
    MESH_IS_INT(row.overflow, 0, "as a row of its own");
    MESH_IS_INT(values[NGX_MESH_TARGET_RQ_TOTAL], 3, "with its value");

    MESH_IS_INT(values[NGX_MESH_TARGET_RQ_TIME], 1, "0 ms: below 0.5");
    MESH_IS_INT(values[NGX_MESH_TARGET_RQ_TIME + 1], 1, "1 ms: its bound");
    MESH_IS_INT(values[NGX_MESH_TARGET_RQ_TIME + 2], 1, "5 ms: its bound");
    MESH_IS_INT(values[NGX_MESH_TARGET_RQ_TIME + NGX_MESH_METRICS_BOUNDS - 1],
                1, "an hour: the last bound");
    MESH_IS_INT(values[NGX_MESH_TARGET_RQ_TIME + NGX_MESH_METRICS_BOUNDS], 1,
                "more than an hour");
    MESH_IS_INT(values[NGX_MESH_TARGET_RQ_TIME + NGX_MESH_METRICS_BUCKETS],
                7200007, "and their sum");

    MESH_IS_INT(ngx_mesh_metrics_read(m, NGX_MESH_METRICS_TARGET, &index,
                                      &row), NGX_OK, "then comes the other");
    MESH_IS_INT(ngx_mesh_metrics_read(m, NGX_MESH_METRICS_TARGET, &index,
                                      &row), NGX_DONE, "and no more");
    MESH_IS_INT(ngx_mesh_metrics_read(m, NGX_MESH_METRICS_TARGET, &index,
                                      &row), NGX_DONE, "however often");

    mesh_unit_metrics_destroy(m);
}

MESH_UNIT(mesh_unit_metrics_rows)


static void
mesh_unit_metrics_off(ngx_mesh_unit_t *u)
{
    uint64_t                  values[NGX_MESH_METRICS_MAX_VALUES];
    ngx_str_t                 name;
    ngx_uint_t                index;
    ngx_mesh_metrics_t       *m;
    ngx_mesh_metrics_row_t   *r;
    ngx_mesh_metrics_read_t   row;

    m = ngx_mesh_metrics_create(u->cf, 0);
    if (!MESH_OK(m != NULL, "without a zone there is a handle")) {
        return;
    }

    ngx_mesh_metrics_init_worker(m, u->log);

    ngx_str_set(&name, "egress");
    r = ngx_mesh_metrics_row(m, NGX_MESH_METRICS_HTTP, &name);

    MESH_OK(r == ngx_mesh_metrics_nobody(), "whose rows nobody reads");

    ngx_mesh_metrics_add(r, NGX_MESH_HTTP_RQ_TOTAL, 1);
    ngx_mesh_metrics_release(r);

    index = 0;
    row.values = values;

    MESH_IS_INT(ngx_mesh_metrics_read(m, NGX_MESH_METRICS_HTTP, &index, &row),
                NGX_DONE, "so there is nothing to read");

    ngx_mesh_metrics_exit_worker(m);
}

MESH_UNIT(mesh_unit_metrics_off)


/* several processes at once, of which some are killed while they count */

static void
mesh_unit_metrics_processes(ngx_mesh_unit_t *u)
{
    ngx_pid_t                pid[4];
    ngx_uint_t               i, n, failed;
    ngx_mesh_metrics_t      *m, *w;
    ngx_mesh_metrics_row_t  *row;

    m = mesh_unit_metrics_create(u, MESH_METRICS_SIZE);
    if (!MESH_OK(m != NULL, "a zone was made")) {
        return;
    }

    for (i = 0; i < 4; i++) {
        pid[i] = mesh_unit_metrics_fork();

        if (pid[i] != 0) {
            continue;
        }

        w = mesh_unit_metrics_worker(u, m);
        row = NULL;

        for (n = 0; n < 100000; n++) {

            if (n % 1000 == 0) {
                row = mesh_unit_metrics_cluster(w, "c%ui", n / 1000);
            }

            ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_TOTAL, 1);
            ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_ACTIVE, 1);

            if (n % 1000 || i < 2) {
                ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_ACTIVE, -1);
            }
        }

        if (i < 2) {
            ngx_mesh_metrics_exit_worker(w);
            _exit(0);
        }

        kill(ngx_pid, SIGKILL);
    }

    for (i = 0, failed = 0; i < 4; i++) {
        failed += mesh_unit_metrics_wait(pid[i]) != (i < 2 ? 0 : -1);
    }

    MESH_IS_INT(failed, 0, "two ended, two were killed");
    MESH_IS_INT(mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                      NGX_MESH_CLUSTER_RQ_TOTAL, NULL, &n),
                400000, "and all that they counted is there");
    MESH_IS_INT(n, 100, "in the rows of all of them");
    MESH_OK(mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                  NGX_MESH_CLUSTER_RQ_ACTIVE, NULL, NULL)
            >= 100, "with what the last one had begun");

    w = mesh_unit_metrics_worker(u, m);

    MESH_IS_INT(mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                      NGX_MESH_CLUSTER_RQ_ACTIVE, NULL, NULL),
                0, "which is forgotten when the next one starts");
    MESH_IS_INT(mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                      NGX_MESH_CLUSTER_RQ_TOTAL, NULL, NULL),
                400000, "but not the counters");
    MESH_OK(m->sh->nslots <= 4, "slots are used again");

    ngx_mesh_metrics_exit_worker(w);
    mesh_unit_metrics_destroy(m);
}

MESH_UNIT(mesh_unit_metrics_processes)


/* killed at any instruction while rows are made and taken */

static void
mesh_unit_metrics_killed(ngx_mesh_unit_t *u)
{
    ngx_int_t                 status;
    ngx_pid_t                 pid;
    ngx_uint_t                i, n, failed;
    ngx_mesh_metrics_t       *m, *w;
    ngx_mesh_metrics_row_t   *row;

    m = mesh_unit_metrics_create(u, 640 * 1024);
    if (!MESH_OK(m != NULL, "a zone was made")) {
        return;
    }

    failed = 0;

    for (i = 0; i < 60; i++) {
        pid = mesh_unit_metrics_fork();

        if (pid == 0) {
            w = mesh_unit_metrics_worker(u, m);

            for (n = i * 100; /* void */ ; n++) {
                row = mesh_unit_metrics_cluster(w, "cluster-%ui", n);
                ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_TOTAL, 1);
                ngx_mesh_metrics_release(row);
            }
        }

        usleep(500 + (i * 37) % 1500);

        kill(pid, SIGKILL);

        status = mesh_unit_metrics_wait(pid);
        failed += (status != -1);

        /* as the master does */
        (void) ngx_shmtx_force_unlock(&m->shpool->mutex, pid);
    }

    MESH_IS_INT(failed, 0, "sixty workers were killed at it");

    w = mesh_unit_metrics_worker(u, m);

    for (n = 0; n < 64; n++) {
        row = mesh_unit_metrics_cluster(w, "after-%ui", n);
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_RETRY, 1);

        if (row != mesh_unit_metrics_cluster(w, "after-%ui", n)) {
            failed++;
        }
    }

    MESH_IS_INT(failed, 0, "rows are found as before");
    MESH_IS_INT(mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                      NGX_MESH_CLUSTER_RQ_RETRY, NULL, NULL),
                64, "and count");

    ngx_mesh_metrics_exit_worker(w);
    mesh_unit_metrics_destroy(m);
}

MESH_UNIT(mesh_unit_metrics_killed)


static void
mesh_unit_metrics_overflow(ngx_mesh_unit_t *u)
{
    uint64_t                  overflow;
    ngx_uint_t                i, n, rows, sum;
    ngx_mesh_metrics_t       *m;
    ngx_mesh_metrics_row_t  **row;

    m = mesh_unit_metrics_create(u, 640 * 1024);
    n = 5000;
    row = ngx_palloc(u->pool, n * sizeof(ngx_mesh_metrics_row_t *));

    if (!MESH_OK(m && row, "a small zone was made")) {
        return;
    }

    ngx_mesh_metrics_init_worker(m, u->log);

    for (i = 0; i < n; i++) {
        row[i] = mesh_unit_metrics_cluster(m, "old-%ui", i);
        ngx_mesh_metrics_add(row[i], NGX_MESH_CLUSTER_RQ_TOTAL, 1);
    }

    sum = mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                NGX_MESH_CLUSTER_RQ_TOTAL, &overflow, &rows);

    MESH_IS_INT(sum, n, "5000 clusters are counted");
    MESH_OK(rows > 100 && rows < n, "%ui of them on their own", rows);
    MESH_IS_INT(overflow, n - rows, "the others together");

    /* rows that no model has go to new names, those in use stay */

    for (i = 0; i < n; i++) {
        if (i >= 10) {
            ngx_mesh_metrics_release(row[i]);
        }
    }

    m->sh->tables[NGX_MESH_METRICS_CLUSTER].barren = 0;

    for (i = 0; i < rows - 10; i++) {
        row[i + 10] = mesh_unit_metrics_cluster(m, "new-%ui", i);
        ngx_mesh_metrics_add(row[i + 10], NGX_MESH_CLUSTER_RQ_RETRY, 1);
    }

    sum = mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                NGX_MESH_CLUSTER_RQ_RETRY, &overflow, NULL);

    MESH_IS_INT(sum, rows - 10, "all new names count");
    MESH_IS_INT(overflow, 0, "in rows of their own");

    sum = mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                NGX_MESH_CLUSTER_RQ_TOTAL, &overflow, NULL);

    MESH_IS_INT(sum - overflow, 10, "old values are gone with their names");

    for (i = 0, sum = 0; i < 10; i++) {
        sum += (mesh_unit_metrics_cluster(m, "old-%ui", i) == row[i]);
    }

    MESH_IS_INT(sum, 10, "but not of rows in use");

    mesh_unit_metrics_destroy(m);
}

MESH_UNIT(mesh_unit_metrics_overflow)


/* a reload: the new workers start while the old ones go on */

static void
mesh_unit_metrics_reload(ngx_mesh_unit_t *u)
{
    ngx_pid_t                old;
    ngx_uint_t               used;
    ngx_mesh_metrics_t      *m, *a, *b;
    ngx_mesh_metrics_row_t  *row;

    m = mesh_unit_metrics_create(u, MESH_METRICS_SIZE);
    if (!MESH_OK(m != NULL, "a zone was made")) {
        return;
    }

    old = ngx_pid;

    a = mesh_unit_metrics_worker(u, m);
    row = mesh_unit_metrics_cluster(a, "c%ui", 1);
    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_TOTAL, 5);
    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_ACTIVE, 2);

    /* a process that lives, in place of a second worker */
    ngx_pid = getppid();

    b = mesh_unit_metrics_worker(u, m);
    MESH_OK(b->slot != a->slot, "a second generation has slots of its own");

    row = mesh_unit_metrics_cluster(b, "c%ui", 1);
    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_TOTAL, 7);
    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_ACTIVE, 1);

    MESH_IS_INT(mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                      NGX_MESH_CLUSTER_RQ_ACTIVE, NULL, NULL),
                3, "both are counted");

    ngx_pid = old;
    ngx_mesh_metrics_exit_worker(a);

    MESH_IS_INT(mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                      NGX_MESH_CLUSTER_RQ_ACTIVE, NULL, NULL),
                1, "then the new one alone");
    MESH_IS_INT(mesh_unit_metrics_sum(m, NGX_MESH_METRICS_CLUSTER,
                                      NGX_MESH_CLUSTER_RQ_TOTAL, NULL, NULL),
                12, "with what the old one had counted");

    used = m->sh->used;

    a = mesh_unit_metrics_worker(u, m);
    (void) mesh_unit_metrics_cluster(a, "c%ui", 1);

    MESH_IS_INT(m->sh->used, used, "a third one needs no more memory");

    ngx_mesh_metrics_exit_worker(a);
    ngx_mesh_metrics_exit_worker(b);
    mesh_unit_metrics_destroy(m);
}

MESH_UNIT(mesh_unit_metrics_reload)


static void
mesh_unit_metrics_slots(ngx_mesh_unit_t *u)
{
    ngx_uint_t           i;
    ngx_mesh_metrics_t  *m, *w;

    m = mesh_unit_metrics_create(u, MESH_METRICS_SIZE);
    if (!MESH_OK(m != NULL, "a zone was made")) {
        return;
    }

    for (i = 0; i < NGX_MESH_METRICS_SLOTS; i++) {
        m->sh->slots[i].pid = getppid();
    }

    w = mesh_unit_metrics_worker(u, m);

    MESH_OK(w->slot == NULL, "there are more workers than slots");
    MESH_OK(mesh_unit_metrics_cluster(w, "c%ui", 1)
            == ngx_mesh_metrics_nobody(), "one without a slot has no rows");

    m->sh->slots[77].pid = 0;
    ngx_mesh_metrics_init_worker(w, u->log);

    MESH_OK(w->slot == &m->sh->slots[77], "a free one is found");

    ngx_mesh_metrics_exit_worker(w);
    mesh_unit_metrics_destroy(m);
}

MESH_UNIT(mesh_unit_metrics_slots)
