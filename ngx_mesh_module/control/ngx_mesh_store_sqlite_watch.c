
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * How the workers learn what others have committed.
 *
 * Whoever commits raises the newest revision in the shared zone and adds to an
 * eventfd that all workers, old and new ones after a reload, have in their
 * event loop.  It is edge-triggered and never read, so that one write wakes
 * all of them and nobody takes it away from another (nginx wakes itself after
 * a task in the same way).  What changed is read from the history of the file.
 *
 * A timer looks at the file itself: a worker may be killed after its commit and
 * before it told anybody, and another nginx may write to the same file.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_store_sqlite.h"


#define NGX_MESH_STORE_SQLITE_INTERVAL  1000    /* ms */
#define NGX_MESH_STORE_SQLITE_SHORT     50      /* ms, nothing else wakes us */
#define NGX_MESH_STORE_SQLITE_KEYS      10000   /* delivered at a time */


static void ngx_mesh_store_sqlite_wake_open(ngx_mesh_store_sqlite_t *ss,
    ngx_cycle_t *cycle);
static void ngx_mesh_store_sqlite_wake_handler(ngx_event_t *ev);
static void ngx_mesh_store_sqlite_timer_handler(ngx_event_t *ev);
static void ngx_mesh_store_sqlite_check(ngx_mesh_store_sqlite_t *ss);
static void ngx_mesh_store_sqlite_deliver(ngx_mesh_store_sqlite_t *ss,
    ngx_mesh_store_snapshot_t *sn);


void
ngx_mesh_store_sqlite_watch_open(ngx_mesh_store_sqlite_t *ss,
    ngx_cycle_t *cycle)
{
    /* there is no event loop under "nginx -t" */

    if (ngx_event_actions.add == NULL) {
        return;
    }

    ngx_mesh_store_sqlite_wake_open(ss, cycle);

    ngx_memzero(&ss->timer, sizeof(ngx_event_t));

    ss->timer.handler = ngx_mesh_store_sqlite_timer_handler;
    ss->timer.data = ss;
    ss->timer.log = cycle->log;
    ss->timer.cancelable = 1;

    ngx_add_timer(&ss->timer, NGX_MESH_STORE_SQLITE_SHORT);
}


static void
ngx_mesh_store_sqlite_wake_open(ngx_mesh_store_sqlite_t *ss,
    ngx_cycle_t *cycle)
{
    ngx_fd_t           fd;
    ngx_connection_t  *c;

    if (ss->store->wake == NULL || ss->store->wake->fd == -1
        || !(ngx_event_flags & NGX_USE_CLEAR_EVENT))
    {
        return;
    }

    /* a descriptor of its own: in a single process cycles share the first */

    fd = fcntl(ss->store->wake->fd, F_DUPFD_CLOEXEC, 0);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                      "mesh: fcntl(F_DUPFD_CLOEXEC) failed");
        return;
    }

    c = ngx_get_connection(fd, cycle->log);

    if (c == NULL) {
        (void) close(fd);
        return;
    }

    c->data = ss;
    c->log = cycle->log;
    c->read->log = cycle->log;
    c->write->log = cycle->log;
    c->read->handler = ngx_mesh_store_sqlite_wake_handler;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_CLEAR_EVENT) != NGX_OK) {
        ngx_close_connection(c);
        return;
    }

    ss->wake = c;
}


void
ngx_mesh_store_sqlite_watch_close(ngx_mesh_store_sqlite_t *ss)
{
    if (ss->timer.timer_set) {
        ngx_del_timer(&ss->timer);
    }

    if (ss->wake) {
        ngx_close_connection(ss->wake);
        ss->wake = NULL;
    }

    ss->handler = NULL;
}


static void
ngx_mesh_store_sqlite_wake_handler(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_mesh_store_sqlite_t  *ss;

    c = ev->data;
    ss = c->data;

    if (c->close) {
        /* worker_shutdown_timeout */
        ngx_close_connection(c);
        ss->wake = NULL;
        return;
    }

    ngx_mesh_store_sqlite_poll(ss->store);
}


static void
ngx_mesh_store_sqlite_timer_handler(ngx_event_t *ev)
{
    ngx_mesh_store_sqlite_t *ss = ev->data;

    ngx_mesh_store_sqlite_check(ss);

    ngx_add_timer(ev, ss->wake ? NGX_MESH_STORE_SQLITE_INTERVAL
                               : NGX_MESH_STORE_SQLITE_SHORT);
}


void
ngx_mesh_store_sqlite_notify(ngx_mesh_store_t *store, uint64_t revision)
{
    uint64_t           one;
    ngx_atomic_t      *shared;
    ngx_atomic_uint_t  old;

    shared = &store->shared->revision;

    do {
        old = *shared;

        if (old >= (ngx_atomic_uint_t) revision) {
            return;
        }

    } while (!ngx_atomic_cmp_set(shared, old, (ngx_atomic_uint_t) revision));

    if (store->wake && store->wake->fd != -1) {
        one = 1;
        /* it fails after 2^64 - 2 revisions only */
        (void) !write(store->wake->fd, &one, sizeof(uint64_t));
    }
}


/* from the revision on that is the newest now */

void
ngx_mesh_store_sqlite_watch(ngx_mesh_store_t *store,
    ngx_mesh_store_watch_pt handler, void *data)
{
    ngx_mesh_store_sqlite_t    *ss;
    ngx_mesh_store_snapshot_t  *sn;

    ss = store->data;

    ss->handler = handler;
    ss->data = data;
    ss->seen = store->shared->revision;

    sn = ss->opened ? ngx_mesh_store_sqlite_snapshot(store) : NULL;

    if (sn) {
        if (ngx_mesh_store_sqlite_begin(ss, sn) == NGX_OK) {
            ss->seen = sn->revision;
        }

        ngx_mesh_store_sqlite_release(store, sn);
    }
}


void
ngx_mesh_store_sqlite_poll(ngx_mesh_store_t *store)
{
    ngx_mesh_store_sqlite_t  *ss;

    ss = store->data;

    if (ss->opened && ss->handler && store->shared->revision > ss->seen) {
        ngx_mesh_store_sqlite_check(ss);
    }
}


static void
ngx_mesh_store_sqlite_check(ngx_mesh_store_sqlite_t *ss)
{
    ngx_mesh_store_t           *store;
    ngx_mesh_store_snapshot_t  *sn;

    store = ss->store;

    sn = ngx_mesh_store_sqlite_snapshot(store);
    if (sn == NULL) {
        return;
    }

    if (ngx_mesh_store_sqlite_begin(ss, sn) == NGX_OK) {

        if (ngx_mesh_sqlite_moved(&sn->db)) {
            ngx_mesh_store_sqlite_state(ss, &store->shared->write_error,
                                        NGX_MESH_STORE_READ_ONLY,
                                        (u_char *) "the file was moved or "
                                        "removed");
        }

        ngx_mesh_store_sqlite_notify(store, sn->revision);

        if (ss->handler && sn->revision != ss->seen) {
            ngx_mesh_store_sqlite_deliver(ss, sn);
        }
    }

    ngx_mesh_store_sqlite_release(store, sn);
}


static void
ngx_mesh_store_sqlite_deliver(ngx_mesh_store_sqlite_t *ss,
    ngx_mesh_store_snapshot_t *sn)
{
    uint64_t      seen;
    ngx_int_t     rc;
    ngx_pool_t   *pool;
    ngx_array_t   keys;

    pool = ngx_create_pool(4096, ss->log);
    if (pool == NULL) {
        return;
    }

    if (ngx_array_init(&keys, pool, 16, sizeof(ngx_str_t)) != NGX_OK) {
        goto done;
    }

    /* a revision that went back is another file */

    rc = NGX_DECLINED;

    if (ss->seen >= sn->trimmed && ss->seen < sn->revision) {

        rc = ngx_mesh_sqlite_changes(&sn->db, ss->seen,
                                     NGX_MESH_STORE_SQLITE_KEYS, pool, &keys);
        if (rc == NGX_ERROR) {
            ngx_mesh_store_sqlite_broken(ss, sn);
            goto done;
        }
    }

    /* the handler may come here again */

    seen = sn->revision;
    ss->seen = seen;

    if (rc == NGX_OK) {
        ss->handler(ss->data, keys.elts, keys.nelts, seen);

    } else {
        ss->handler(ss->data, NULL, 0, seen);
    }

done:

    ngx_destroy_pool(pool);
}
