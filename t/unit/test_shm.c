
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The shared zone: documents, rows, and what becomes of both when processes
 * race or are killed.  Children are forked from the test, they report through
 * their exit status only.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_shm.h>
#include <ngx_mesh_shm_zone.h>

#include "ngx_mesh_unit.h"


#define MESH_SHM_SIZE  (8 * 1024 * 1024)


static ngx_mesh_shm_t *
mesh_unit_shm_create(ngx_mesh_unit_t *u, size_t size)
{
    ngx_slab_pool_t  *shpool;

    shpool = ngx_mesh_unit_zone(size);

    return shpool ? ngx_mesh_shm_attach(u->pool, shpool) : NULL;
}


static void
mesh_unit_shm_destroy(ngx_mesh_shm_t *shm)
{
    ngx_mesh_unit_unmap(shm->shpool);
}


static ngx_pid_t
mesh_unit_shm_fork(void)
{
    ngx_pid_t  pid;

    pid = fork();

    if (pid == 0) {
        ngx_pid = getpid();
    }

    return pid;
}


/* the exit status of a child, or -1 if it was killed */

static ngx_int_t
mesh_unit_shm_wait(ngx_pid_t pid)
{
    int  status;

    while (waitpid(pid, &status, 0) == -1) {
        if (ngx_errno != NGX_EINTR) {
            return -1;
        }
    }

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}


/* a document that tells when it is mixed with another one */

static void
mesh_unit_shm_text(ngx_mesh_unit_t *u, ngx_str_t *text, size_t len, u_char c)
{
    text->len = len;
    text->data = ngx_palloc(u->pool, len);
    ngx_memset(text->data, c, len);
}


static ngx_uint_t
mesh_unit_shm_whole(ngx_str_t *text)
{
    size_t  i;

    for (i = 1; i < text->len; i++) {
        if (text->data[i] != text->data[0]) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
mesh_unit_shm_publish(ngx_mesh_shm_t *shm, ngx_str_t *text)
{
    ngx_str_t          version;
    ngx_atomic_uint_t  seq;

    ngx_str_set(&version, "v");

    return ngx_mesh_shm_publish(shm, text, &version, NGX_MESH_SOURCE_FILE, 0,
                                &seq);
}


static void
mesh_unit_shm_document(ngx_mesh_unit_t *u)
{
    ngx_str_t               text, out, version, reason;
    ngx_mesh_shm_t         *shm;
    ngx_atomic_uint_t       seq;
    ngx_mesh_shm_status_t   status;

    shm = mesh_unit_shm_create(u, MESH_SHM_SIZE);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    MESH_IS_INT(ngx_mesh_shm_seq(shm), 0, "an empty zone has no document");
    MESH_IS_INT(ngx_mesh_shm_document(shm, &out, &seq, u->log), NGX_DECLINED,
                "and gives none");

    ngx_str_set(&text, "first");
    ngx_str_set(&version, "v1");

    MESH_IS_INT(ngx_mesh_shm_publish(shm, &text, &version,
                                     NGX_MESH_SOURCE_LAST_KNOWN_GOOD, 1, &seq),
                NGX_OK, "the first document is taken");
    MESH_IS_INT(seq, 1, "as number 1");

    ngx_str_set(&text, "second");

    MESH_IS_INT(ngx_mesh_shm_publish(shm, &text, &version,
                                     NGX_MESH_SOURCE_FILE, 1, &seq),
                NGX_DECLINED, "another first one is not");

    MESH_IS_INT(ngx_mesh_shm_document(shm, &out, &seq, u->log), NGX_OK,
                "there is a document");
    MESH_IS_STR(&out, "first", "the first one");
    ngx_free(out.data);

    ngx_mesh_shm_confirm(shm, 2, NGX_MESH_SOURCE_FILE);
    ngx_mesh_shm_status(shm, &status);
    MESH_IS_INT(status.source, NGX_MESH_SOURCE_LAST_KNOWN_GOOD,
                "another document cannot be confirmed");

    ngx_mesh_shm_confirm(shm, 1, NGX_MESH_SOURCE_FILE);
    ngx_mesh_shm_status(shm, &status);
    MESH_IS_INT(status.source, NGX_MESH_SOURCE_FILE,
                "the one in force can");

    mesh_unit_shm_text(u, &version, 200, 'v');
    ngx_memcpy(version.data + 126, "\xc3\xa4", 2);

    MESH_IS_INT(ngx_mesh_shm_publish(shm, &text, &version,
                                     NGX_MESH_SOURCE_FILE, 0, &seq),
                NGX_OK, "the second document is taken");

    ngx_str_set(&reason, "routes[0]: bad");
    ngx_mesh_shm_reject(shm, &version, &reason);

    ngx_mesh_shm_status(shm, &status);

    MESH_IS_INT(status.seq, 2, "as number 2");
    MESH_IS_INT(status.size, 6, "with its size");
    MESH_IS_INT(ngx_strlen(status.version), 126,
                "a long version is cut, not into a character");
    MESH_IS_INT(status.rejections, 1, "a rejection is counted");
    MESH_OK(ngx_strcmp(status.reason, "routes[0]: bad") == 0,
            "with its reason");

    mesh_unit_shm_destroy(shm);
}

MESH_UNIT(mesh_unit_shm_document)


static void
mesh_unit_shm_size(ngx_mesh_unit_t *u)
{
    size_t              size;
    ngx_str_t           text, out;
    ngx_uint_t          i, n, pages, failed;
    ngx_mesh_shm_t     *shm;
    ngx_atomic_uint_t   seq;

    shm = mesh_unit_shm_create(u, MESH_SHM_SIZE);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    /* every size around the border of a page */

    failed = 0;

    for (i = 0; i < 40; i++) {
        size = ngx_pagesize - 20 + i;
        mesh_unit_shm_text(u, &text, size, 'a' + i % 26);

        failed += mesh_unit_shm_publish(shm, &text) != NGX_OK;
        failed += ngx_mesh_shm_document(shm, &out, &seq, u->log) != NGX_OK;
        failed += out.len != size || !mesh_unit_shm_whole(&out);

        ngx_free(out.data);
    }

    MESH_IS_INT(failed, 0, "documents around a page's size come out whole");

    mesh_unit_shm_text(u, &text, MESH_SHM_SIZE / 2 + 1, 'x');
    MESH_IS_INT(mesh_unit_shm_publish(shm, &text), NGX_ABORT,
                "more than half of the zone is refused");

    MESH_IS_INT(ngx_mesh_shm_document(shm, &out, &seq, u->log), NGX_OK,
                "the one before");
    MESH_IS_INT(out.len, size, "stays in force");
    ngx_free(out.data);

    pages = shm->shpool->pfree;
    mesh_unit_shm_text(u, &text, 5 * MESH_SHM_SIZE / 16, 'y');

    for (n = 0, failed = 0; n < 50; n++) {
        text.len -= 1000;
        failed += mesh_unit_shm_publish(shm, &text) != NGX_OK;
    }

    MESH_IS_INT(failed, 0, "nearly three eighths of the zone again and again");

    ngx_str_set(&text, "small");
    (void) mesh_unit_shm_publish(shm, &text);
    MESH_IS_INT(shm->shpool->pfree, pages, "no page is taken for any of it");

    mesh_unit_shm_destroy(shm);
}

MESH_UNIT(mesh_unit_shm_size)


static void
mesh_unit_shm_rows(ngx_mesh_unit_t *u)
{
    uint32_t         *rows, *again, unknown;
    uint64_t         *keys;
    ngx_str_t         text;
    ngx_uint_t        i, n, failed;
    ngx_mesh_shm_t   *shm;

    shm = mesh_unit_shm_create(u, MESH_SHM_SIZE);
    n = 5000;

    keys = ngx_palloc(u->pool, n * sizeof(uint64_t));
    rows = ngx_palloc(u->pool, n * sizeof(uint32_t));
    again = ngx_palloc(u->pool, n * sizeof(uint32_t));

    if (!MESH_OK(shm && keys && rows && again, "a zone was made")) {
        return;
    }

    for (i = 0; i < n; i++) {
        /* many in one bucket */
        keys[i] = (uint64_t) (i / 8 + 1) << 40 | (i % 8 + 1);
    }

    ngx_str_set(&text, "document");
    (void) mesh_unit_shm_publish(shm, &text);

    ngx_mesh_shm_rows(shm, 1, keys, rows, n);
    ngx_mesh_shm_rows(shm, 1, keys, again, n);

    for (i = 0, failed = 0; i < n; i++) {
        failed += rows[i] != again[i]
                  || ngx_mesh_shm_row(shm, rows[i], keys[i]) == NULL
                  || ngx_mesh_shm_row(shm, rows[i], keys[i])->key != keys[i];
    }

    MESH_IS_INT(failed, 0, "each key has a row, and keeps it");
    MESH_IS_INT(shm->sh->nrows, n, "of its own");

    MESH_OK(ngx_mesh_shm_row(shm, rows[0], 999) == NULL,
            "a row is not another key's");
    MESH_OK(ngx_mesh_shm_row(shm, NGX_MESH_SHM_NO_ROW, 1) == NULL,
            "there is no row without an index");

    /* two documents later, half of them is there still, one has a request */

    ngx_mesh_shm_enter(shm, rows[n - 1], keys[n - 1]);

    (void) mesh_unit_shm_publish(shm, &text);
    (void) mesh_unit_shm_publish(shm, &text);
    ngx_mesh_shm_rows(shm, 3, keys, again, n / 2);

    for (i = 0; i < n / 2 - 1; i++) {
        keys[i] += 1000000;
    }

    ngx_mesh_shm_rows(shm, 3, keys, rows, n / 2 - 1);

    /* eight rows are looked at before the table grows by one */
    MESH_OK(shm->sh->nrows <= n + n / 16 + 1,
            "rows of old documents are used again: %ui of %ui",
            (ngx_uint_t) shm->sh->nrows, n);
    MESH_OK(ngx_mesh_shm_row(shm, rows[n - 1], keys[n - 1]) != NULL,
            "but not while a request is in flight");
    MESH_OK(ngx_mesh_shm_row(shm, again[5], keys[5] - 1000000) != NULL,
            "nor while the document has them");

    unknown = rows[n - 1];
    ngx_mesh_shm_leave(shm, unknown, keys[n - 1]);
    ngx_mesh_shm_leave(shm, unknown, keys[n - 1]);
    MESH_IS_INT(ngx_mesh_shm_row(shm, unknown, keys[n - 1])->in_flight, 0,
                "a count does not fall below zero");

    mesh_unit_shm_destroy(shm);
}

MESH_UNIT(mesh_unit_shm_rows)


static void
mesh_unit_shm_rows_full(ngx_mesh_unit_t *u)
{
    uint32_t         *rows;
    uint64_t         *keys;
    ngx_str_t         text;
    ngx_uint_t        i, n, none;
    ngx_mesh_shm_t   *shm;

    shm = mesh_unit_shm_create(u, 512 * 1024);
    n = 8000;

    keys = ngx_palloc(u->pool, n * sizeof(uint64_t));
    rows = ngx_palloc(u->pool, n * sizeof(uint32_t));

    if (!MESH_OK(shm && keys && rows, "a small zone was made")) {
        return;
    }

    for (i = 0; i < n; i++) {
        keys[i] = i + 1;
    }

    ngx_str_set(&text, "document");
    (void) mesh_unit_shm_publish(shm, &text);

    ngx_mesh_shm_rows(shm, 1, keys, rows, n);

    for (i = 0, none = 0; i < n; i++) {
        none += rows[i] == NGX_MESH_SHM_NO_ROW;
    }

    MESH_OK(none > 0 && none < n, "some of %ui keys, %ui, find no row", n,
            none);

    ngx_mesh_shm_enter(shm, rows[n - 1], keys[n - 1]);
    ngx_mesh_shm_leave(shm, rows[n - 1], keys[n - 1]);

    for (i = 0; i < n; i++) {
        keys[i] += 1000000;
    }

    (void) mesh_unit_shm_publish(shm, &text);
    (void) mesh_unit_shm_publish(shm, &text);

    ngx_mesh_shm_rows(shm, 3, keys, rows, 2000);

    for (i = 0, none = 0; i < 1000; i++) {
        none += rows[i] == NGX_MESH_SHM_NO_ROW;
    }

    MESH_IS_INT(none, 0, "other keys find the rows of old documents");

    mesh_unit_shm_destroy(shm);
}

MESH_UNIT(mesh_unit_shm_rows_full)


/* a worker that serves "n" requests and keeps some, then waits to be killed */

static void
mesh_unit_shm_victim(ngx_mesh_shm_t *shm, uint32_t *rows, uint64_t *keys,
    ngx_log_t *log)
{
    ngx_uint_t  i;

    ngx_mesh_shm_init_worker(shm, log);
    ngx_mesh_shm_rows(shm, 1, keys, rows, 3);

    for (i = 0; i < 10; i++) {
        ngx_mesh_shm_enter(shm, rows[0], keys[0]);
        ngx_mesh_shm_enter(shm, rows[1], keys[1]);
        ngx_mesh_shm_leave(shm, rows[1], keys[1]);
    }

    ngx_mesh_shm_enter(shm, rows[2], keys[2]);

    (void) kill(getpid(), SIGKILL);
}


static void
mesh_unit_shm_killed(ngx_mesh_unit_t *u)
{
    uint32_t         rows[3];
    uint64_t         keys[3];
    ngx_pid_t        pid;
    ngx_str_t        text;
    ngx_uint_t       i;
    ngx_mesh_row_t  *row;
    ngx_mesh_shm_t  *shm;

    shm = mesh_unit_shm_create(u, MESH_SHM_SIZE);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    for (i = 0; i < 3; i++) {
        keys[i] = 0x1234567800000001 + i;
    }

    ngx_str_set(&text, "document");
    (void) mesh_unit_shm_publish(shm, &text);
    ngx_mesh_shm_rows(shm, 1, keys, rows, 3);

    ngx_mesh_shm_init_worker(shm, u->log);
    ngx_mesh_shm_rows(shm, 1, keys, rows, 3);
    ngx_mesh_shm_enter(shm, rows[0], keys[0]);

    pid = mesh_unit_shm_fork();

    if (pid == 0) {
        /* the slot of the parent is not the child's */
        shm->slot = NULL;
        mesh_unit_shm_victim(shm, rows, keys, u->log);
        _exit(1);
    }

    MESH_IS_INT(mesh_unit_shm_wait(pid), -1, "a worker was killed");

    row = ngx_mesh_shm_row(shm, rows[0], keys[0]);
    MESH_IS_INT(row->in_flight, 11, "with its requests in flight");

    pid = mesh_unit_shm_fork();

    if (pid == 0) {
        shm->slot = NULL;
        ngx_mesh_shm_init_worker(shm, u->log);
        ngx_mesh_shm_enter(shm, rows[0], keys[0]);
        ngx_mesh_shm_exit_worker(shm);
        _exit(0);
    }

    MESH_IS_INT(mesh_unit_shm_wait(pid), 0, "its successor came and went");
    MESH_IS_INT(row->in_flight, 1, "and took them back, not those of others");
    MESH_IS_INT(ngx_mesh_shm_row(shm, rows[2], keys[2])->in_flight, 0,
                "in all rows");

    ngx_mesh_shm_exit_worker(shm);
    MESH_IS_INT(row->in_flight, 0, "a worker that leaves takes its own back");

    ngx_mesh_shm_leave(shm, rows[0], keys[0]);
    MESH_IS_INT(row->in_flight, 0, "once");

    for (i = 0; i < NGX_MESH_SHM_SLOTS; i++) {
        if (shm->sh->slots[i].pid) {
            break;
        }
    }

    MESH_IS_INT(i, NGX_MESH_SHM_SLOTS, "no slot is left taken");

    mesh_unit_shm_destroy(shm);
}

MESH_UNIT(mesh_unit_shm_killed)


static void
mesh_unit_shm_slots(ngx_mesh_unit_t *u)
{
    uint32_t          row;
    uint64_t          key;
    ngx_str_t         text;
    ngx_uint_t        i;
    ngx_mesh_shm_t   *shm;

    shm = mesh_unit_shm_create(u, MESH_SHM_SIZE);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    /* all taken by a process that is alive and not ours */

    for (i = 0; i < NGX_MESH_SHM_SLOTS; i++) {
        shm->sh->slots[i].pid = 1;
    }

    ngx_str_set(&text, "document");
    (void) mesh_unit_shm_publish(shm, &text);

    ngx_mesh_shm_init_worker(shm, u->log);
    MESH_OK(shm->slot == NULL, "no slot was free");

    key = 77;
    ngx_mesh_shm_rows(shm, 1, &key, &row, 1);
    ngx_mesh_shm_enter(shm, row, key);
    MESH_IS_INT(ngx_mesh_shm_row(shm, row, key)->in_flight, 1,
                "requests are counted without one");
    ngx_mesh_shm_leave(shm, row, key);
    MESH_IS_INT(ngx_mesh_shm_row(shm, row, key)->in_flight, 0, "and back");

    shm->sh->slots[9].pid = ngx_pid;
    ngx_mesh_shm_init_worker(shm, u->log);
    MESH_OK(shm->slot == &shm->sh->slots[9],
            "the slot of a dead worker with the same pid is taken");

    mesh_unit_shm_destroy(shm);
}

MESH_UNIT(mesh_unit_shm_slots)


/*
 * Counts, while another process lets rows change hands all the time: in the
 * end everything is zero.
 */

static void
mesh_unit_shm_count(ngx_mesh_shm_t *shm, ngx_log_t *log, ngx_uint_t seed)
{
    uint32_t    rows[64];
    uint64_t    keys[64];
    ngx_uint_t  i, j;

    ngx_mesh_shm_init_worker(shm, log);

    for (i = 0; i < 2000; i++) {

        for (j = 0; j < 64; j++) {
            keys[j] = 1 + (i / 4) * 16 + j;
        }

        ngx_mesh_shm_rows(shm, ngx_mesh_shm_seq(shm), keys, rows, 64);

        for (j = 0; j < 4000; j++) {
            ngx_mesh_shm_enter(shm, rows[(j + seed) % 64],
                               keys[(j + seed) % 64]);
            if (j % 16) {
                ngx_mesh_shm_leave(shm, rows[(j + seed) % 64],
                                   keys[(j + seed) % 64]);
            }
        }

        for (j = 0; j < 4000; j += 16) {
            ngx_mesh_shm_leave(shm, rows[(j + seed) % 64],
                               keys[(j + seed) % 64]);
        }
    }
}


static void
mesh_unit_shm_race(ngx_mesh_unit_t *u)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_pid_t        pids[4];
    ngx_uint_t       i, n, wrong;
    ngx_mesh_row_t  *row;
    ngx_mesh_shm_t  *shm;

    shm = mesh_unit_shm_create(u, MESH_SHM_SIZE);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    ngx_str_set(&text, "document");
    (void) mesh_unit_shm_publish(shm, &text);

    for (i = 0; i < 4; i++) {
        pids[i] = mesh_unit_shm_fork();

        if (pids[i] == 0) {
            mesh_unit_shm_count(shm, u->log, i * 7);
            ngx_mesh_shm_exit_worker(shm);
            _exit(0);
        }
    }

    for (n = 0, rc = 0; n < 2000; n++) {
        rc |= mesh_unit_shm_publish(shm, &text);
        ngx_msleep(1);

        if (waitpid(-1, NULL, WNOHANG) == -1) {
            break;
        }
    }

    for (i = 0; i < 4; i++) {
        (void) mesh_unit_shm_wait(pids[i]);
    }

    MESH_IS_INT(rc, NGX_OK, "%ui documents while 4 processes counted", n);

    for (i = 0, wrong = 0; i < shm->sh->nrows; i++) {
        row = &shm->sh->chunks[i / NGX_MESH_SHM_CHUNK][i % NGX_MESH_SHM_CHUNK];
        wrong += row->in_flight != 0;
    }

    MESH_IS_INT(wrong, 0, "nothing is in flight in %ui rows",
                (ngx_uint_t) shm->sh->nrows);

    mesh_unit_shm_destroy(shm);
}

MESH_UNIT(mesh_unit_shm_race)


static ngx_uint_t
mesh_unit_shm_reader(ngx_mesh_shm_t *shm, ngx_log_t *log)
{
    ngx_int_t           rc;
    ngx_str_t           text;
    ngx_atomic_uint_t   seq, last;

    last = 0;

    while (last < 400) {

        rc = ngx_mesh_shm_document(shm, &text, &seq, log);

        if (rc == NGX_DECLINED) {
            continue;
        }

        /* the document number s is s % 7 times 10,000 bytes of s */

        if (rc != NGX_OK || seq < last
            || text.len != 1 + seq % 7 * 10000
            || text.data[0] != (u_char) seq
            || !mesh_unit_shm_whole(&text))
        {
            return 1;
        }

        last = seq;
        ngx_free(text.data);
    }

    return 0;
}


static void
mesh_unit_shm_publish_race(ngx_mesh_unit_t *u)
{
    ngx_int_t          rc;
    ngx_str_t          text;
    ngx_uint_t         i;
    ngx_pid_t          pids[3];
    ngx_mesh_shm_t    *shm;

    shm = mesh_unit_shm_create(u, MESH_SHM_SIZE);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    for (i = 0; i < 3; i++) {
        pids[i] = mesh_unit_shm_fork();

        if (pids[i] == 0) {
            _exit(mesh_unit_shm_reader(shm, u->log));
        }
    }

    for (i = 1, rc = 0; i <= 400; i++) {
        text.len = 1 + i % 7 * 10000;
        text.data = ngx_alloc(text.len, u->log);
        ngx_memset(text.data, (u_char) i, text.len);

        rc |= mesh_unit_shm_publish(shm, &text);

        ngx_free(text.data);
    }

    MESH_IS_INT(rc, NGX_OK, "400 documents were published");

    for (i = 0, rc = 0; i < 3; i++) {
        rc |= mesh_unit_shm_wait(pids[i]);
    }

    MESH_IS_INT(rc, 0, "3 readers saw whole documents in order");

    mesh_unit_shm_destroy(shm);
}

MESH_UNIT(mesh_unit_shm_publish_race)


/* kills publishers at any instruction and sees whether the zone still works */

static void
mesh_unit_shm_publish_killed(ngx_mesh_unit_t *u)
{
    ngx_str_t           text, out;
    ngx_pid_t           pid;
    ngx_uint_t          i, bad, pages;
    ngx_mesh_shm_t     *shm;
    ngx_atomic_uint_t   seq;

    shm = mesh_unit_shm_create(u, MESH_SHM_SIZE);
    if (!MESH_OK(shm != NULL, "a zone was made")) {
        return;
    }

    mesh_unit_shm_text(u, &text, 1500000, 'a');
    (void) mesh_unit_shm_publish(shm, &text);
    pages = shm->shpool->pfree;

    for (i = 0, bad = 0; i < 60; i++) {
        pid = mesh_unit_shm_fork();

        if (pid == 0) {
            for ( ;; ) {
                ngx_memset(text.data, 'a' + i % 26, text.len);
                (void) mesh_unit_shm_publish(shm, &text);
            }
        }

        usleep(2000 + 137 * i);
        (void) kill(pid, SIGKILL);
        (void) mesh_unit_shm_wait(pid);

        /* what the master does */
        (void) ngx_shmtx_force_unlock(&shm->shpool->mutex, pid);

        if (ngx_mesh_shm_document(shm, &out, &seq, u->log) != NGX_OK) {
            bad++;
            continue;
        }

        bad += out.len != text.len || !mesh_unit_shm_whole(&out);
        ngx_free(out.data);
    }

    MESH_IS_INT(bad, 0, "the document is whole after 60 publishers died");
    MESH_IS_INT(mesh_unit_shm_publish(shm, &text), NGX_OK,
                "and another one can be published");
    MESH_IS_INT(shm->shpool->pfree, pages, "no page was lost");

    mesh_unit_shm_destroy(shm);
}

MESH_UNIT(mesh_unit_shm_publish_killed)
