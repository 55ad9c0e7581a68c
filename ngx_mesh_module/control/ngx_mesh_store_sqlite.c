
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The engine of SQLite in a worker.
 *
 * Reads are done at once, in the event loop: a lookup takes some microseconds
 * and never waits for a writer.  A snapshot is a read transaction; those who
 * want the same state share one connection.
 *
 * Writes are done one after the other in a thread, with a connection of its
 * own, because each waits for the disk and maybe for writers of other workers.
 * Checkpoints are work of that thread too, between writes.  Without threads
 * all is done inline.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_store_sqlite.h"


#define NGX_MESH_STORE_SQLITE_OPEN_WAIT  1000       /* ms, when workers start */
#define NGX_MESH_STORE_SQLITE_TIMEOUT    60000      /* ms, of a task */
#define NGX_MESH_STORE_SQLITE_CHECK      268435456  /* bytes, see prepare */


typedef struct {
    ngx_mesh_store_sqlite_t     *ss;
    ngx_mesh_store_write_t      *write;
    ngx_msec_t                   wait;      /* for the lock of the file */
    ngx_uint_t                   due;       /* a checkpoint */
    u_char                       message[NGX_MESH_SQLITE_MESSAGE_LEN];
} ngx_mesh_store_sqlite_job_t;


static char *ngx_mesh_store_sqlite_configure(ngx_conf_t *cf,
    ngx_mesh_store_t *store, ngx_str_t *rest);
static ngx_int_t ngx_mesh_store_sqlite_prepare(ngx_cycle_t *cycle,
    ngx_mesh_store_t *store);
static void ngx_mesh_store_sqlite_open(ngx_cycle_t *cycle,
    ngx_mesh_store_t *store);
static void ngx_mesh_store_sqlite_open_threads(ngx_mesh_store_sqlite_t *ss,
    ngx_cycle_t *cycle);
static void ngx_mesh_store_sqlite_close(ngx_mesh_store_t *store);
static void ngx_mesh_store_sqlite_read(ngx_mesh_store_t *store,
    ngx_mesh_store_read_t *read);
static void ngx_mesh_store_sqlite_write(ngx_mesh_store_t *store,
    ngx_mesh_store_write_t *write);
static void ngx_mesh_store_sqlite_work(void *data, ngx_log_t *log);
static void ngx_mesh_store_sqlite_work_locked(
    ngx_mesh_store_sqlite_job_t *job);
static void ngx_mesh_store_sqlite_done(ngx_mesh_store_sqlite_job_t *job);
static void ngx_mesh_store_sqlite_checkpoint(ngx_mesh_store_sqlite_t *ss);
#if (NGX_THREADS)
static ngx_int_t ngx_mesh_store_sqlite_post(ngx_mesh_store_sqlite_t *ss,
    ngx_mesh_store_write_t *write);
static void ngx_mesh_store_sqlite_done_handler(ngx_event_t *ev);
static void ngx_mesh_store_sqlite_checkpoint_work(void *data, ngx_log_t *log);
static void ngx_mesh_store_sqlite_checkpoint_handler(ngx_event_t *ev);
#endif


const ngx_mesh_store_engine_t  ngx_mesh_store_sqlite = {
    "sqlite",
    1,                                     /* sync */
    1,                                     /* threads */
    ngx_mesh_store_sqlite_configure,
    ngx_mesh_store_sqlite_prepare,
    ngx_mesh_store_sqlite_open,
    ngx_mesh_store_sqlite_close,
    ngx_mesh_store_sqlite_read,
    ngx_mesh_store_sqlite_snapshot,
    ngx_mesh_store_sqlite_release,
    ngx_mesh_store_sqlite_write,
    ngx_mesh_store_sqlite_watch,
    ngx_mesh_store_sqlite_poll
};


/* by ngx_mesh_store_error_e: what an operator can do */

static const char  *ngx_mesh_store_sqlite_advice[] = {
    "",
    "make room on its disk; until then reads go on and changes are refused",
    "let the user of the workers write it and its directory, or restart nginx "
        "if it was moved; until then reads go on and changes are refused",
    "stop nginx and restore the file from a backup",
    "another program holds its lock",
    "look for errors of its disk in the system's log"
};


static char *
ngx_mesh_store_sqlite_configure(ngx_conf_t *cf, ngx_mesh_store_t *store,
    ngx_str_t *rest)
{
    ngx_str_t                 path;
    ngx_mesh_store_sqlite_t  *ss;

    ss = ngx_pcalloc(cf->pool, sizeof(ngx_mesh_store_sqlite_t));
    if (ss == NULL) {
        return NGX_CONF_ERROR;
    }

    path = *rest;

    if (path.len == 0 || path.data[path.len - 1] == '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store \"%V\" does not name a file",
                           &store->url);
        return NGX_CONF_ERROR;
    }

    /* the end of a string that was cut out of another is not a zero */

    path.data = ngx_pnalloc(cf->pool, path.len + 1);
    if (path.data == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_cpystrn(path.data, rest->data, path.len + 1);

    if (ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ss->ident[3] = (void *) -1;
    ss->store = store;
    ss->path = (const char *) path.data;
    ss->log = cf->cycle->log;

    store->data = ss;
    store->id.data = ss->id;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mesh_store_sqlite_prepare(ngx_cycle_t *cycle, ngx_mesh_store_t *store)
{
    ngx_core_conf_t            *ccf;
    ngx_atomic_uint_t           old;
    ngx_mesh_store_sqlite_t    *ss;
    ngx_mesh_sqlite_prepare_t   pr;

    ss = store->data;
    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    ngx_memzero(&pr, sizeof(ngx_mesh_sqlite_prepare_t));

    pr.path = ss->path;
    pr.log = cycle->log;
    pr.user = ccf->user;
    pr.group = ccf->group;
    pr.check = NGX_MESH_STORE_SQLITE_CHECK;

    old = store->shared->revision;

    if (ngx_mesh_sqlite_prepare(&pr) != NGX_OK) {
        return NGX_ERROR;
    }

    /* also back, when the file was replaced by another; but not behind what
       workers have committed meanwhile */

    (void) ngx_atomic_cmp_set(&store->shared->revision, old,
                              (ngx_atomic_uint_t) pr.revision);

    return NGX_OK;
}


static void
ngx_mesh_store_sqlite_open(ngx_cycle_t *cycle, ngx_mesh_store_t *store)
{
    ngx_mesh_store_sqlite_t    *ss;
    ngx_mesh_store_snapshot_t  *sn;

    ss = store->data;
    ss->log = cycle->log;
    ss->opened = 1;

    sn = ngx_mesh_store_sqlite_snapshot(store);

    if (sn) {

        /* a worker that died while it wrote leaves some work to the first */

        if (ngx_mesh_sqlite_open(&sn->db, ss->path, 0,
                                 NGX_MESH_STORE_SQLITE_OPEN_WAIT)
            != NGX_OK)
        {
            ngx_mesh_store_sqlite_broken(ss, sn);

        } else if (ngx_mesh_store_sqlite_begin(ss, sn) == NGX_OK) {

            if (ngx_mesh_sqlite_id(&sn->db, ss->id, sizeof(ss->id))
                == NGX_OK)
            {
                store->id.len = ngx_strlen(ss->id);
            }

            ngx_mesh_store_sqlite_notify(store, sn->revision);
        }

        sn->db.wait = 0;
        ngx_mesh_store_sqlite_release(store, sn);
    }

    ngx_mesh_store_sqlite_open_threads(ss, cycle);
    ngx_mesh_store_sqlite_watch_open(ss, cycle);
}


static void
ngx_mesh_store_sqlite_open_threads(ngx_mesh_store_sqlite_t *ss,
    ngx_cycle_t *cycle)
{
#if (NGX_THREADS)
    ngx_str_t  name;

    if (!ss->store->threads || ngx_event_actions.add == NULL
        || ngx_thread_mutex_create(&ss->lock, cycle->log) != NGX_OK)
    {
        return;
    }

    ss->locked = 1;

    ngx_str_set(&name, NGX_MESH_STORE_THREADS);

    ss->checkpoint = ngx_thread_task_alloc(cycle->pool, 0);
    if (ss->checkpoint == NULL) {
        return;
    }

    ss->checkpoint->ctx = ss;
    ss->checkpoint->handler = ngx_mesh_store_sqlite_checkpoint_work;
    ss->checkpoint->event.handler = ngx_mesh_store_sqlite_checkpoint_handler;
    ss->checkpoint->event.data = ss;
    ss->checkpoint->event.log = cycle->log;

    ss->threads = ngx_thread_pool_get(cycle, &name);
#endif
}


/* the thread has ended when a worker calls this, see the module */

static void
ngx_mesh_store_sqlite_close(ngx_mesh_store_t *store)
{
    ngx_mesh_store_sqlite_t    *ss;
    ngx_mesh_store_snapshot_t  *sn;

    ss = store->data;

    if (!ss->opened) {
        return;
    }

    ss->opened = 0;

    ngx_mesh_store_sqlite_watch_close(ss);

    while (ss->readers) {
        sn = ss->readers;
        ss->readers = sn->next;

        ngx_mesh_sqlite_close(&sn->db);
        ngx_free(sn);
    }

    ss->current = NULL;

    ngx_mesh_sqlite_close(&ss->writer);

#if (NGX_THREADS)
    if (ss->locked) {
        (void) ngx_thread_mutex_destroy(&ss->lock, ss->log);
        ss->locked = 0;
    }

    ss->threads = NULL;
#endif

    store->id.len = 0;
}


ngx_mesh_store_snapshot_t *
ngx_mesh_store_sqlite_snapshot(ngx_mesh_store_t *store)
{
    ngx_mesh_store_sqlite_t    *ss;
    ngx_mesh_store_snapshot_t  *sn;

    ss = store->data;
    sn = ss->current;

    /* one that is taken will do if nothing was committed since it began */

    if (sn && sn->refs && !sn->broken
        && (!sn->begun || sn->revision == store->shared->revision))
    {
        sn->refs++;
        return sn;
    }

    for (sn = ss->readers; sn; sn = sn->next) {
        if (sn->refs == 0) {
            break;
        }
    }

    if (sn == NULL) {
        sn = ngx_calloc(sizeof(ngx_mesh_store_snapshot_t), ss->log);
        if (sn == NULL) {
            return NULL;
        }

        sn->next = ss->readers;
        ss->readers = sn;
    }

    sn->refs = 1;
    ss->current = sn;

    return sn;
}


void
ngx_mesh_store_sqlite_release(ngx_mesh_store_t *store,
    ngx_mesh_store_snapshot_t *sn)
{
    ngx_mesh_store_sqlite_t  *ss;

    ss = store->data;

    if (!ss->opened || --sn->refs) {
        /* a store that was closed took its connections with it */
        return;
    }

    if (sn->begun) {
        ngx_mesh_sqlite_end(&sn->db);
        sn->begun = 0;
    }

    if (sn->broken) {
        ngx_mesh_sqlite_close(&sn->db);
        sn->broken = 0;
    }
}


ngx_int_t
ngx_mesh_store_sqlite_begin(ngx_mesh_store_sqlite_t *ss,
    ngx_mesh_store_snapshot_t *sn)
{
    if (sn->begun) {
        return NGX_OK;
    }

    if ((sn->db.db == NULL
         && ngx_mesh_sqlite_open(&sn->db, ss->path, 0, 0) != NGX_OK)
        || ngx_mesh_sqlite_begin(&sn->db, &sn->revision, &sn->trimmed)
           != NGX_OK)
    {
        ngx_mesh_store_sqlite_broken(ss, sn);
        return NGX_ERROR;
    }

    sn->begun = 1;

    ngx_mesh_store_sqlite_state(ss, &ss->store->shared->read_error,
                                NGX_MESH_STORE_FINE, NULL);
    return NGX_OK;
}


void
ngx_mesh_store_sqlite_broken(ngx_mesh_store_sqlite_t *ss,
    ngx_mesh_store_snapshot_t *sn)
{
    if (sn->db.error != NGX_MESH_STORE_BUSY) {
        sn->broken = 1;
    }

    ngx_mesh_store_sqlite_state(ss, &ss->store->shared->read_error,
                                sn->db.error, sn->db.message);
}


static void
ngx_mesh_store_sqlite_read(ngx_mesh_store_t *store,
    ngx_mesh_store_read_t *read)
{
    ngx_uint_t                  i;
    ngx_mesh_store_sqlite_t    *ss;
    ngx_mesh_store_snapshot_t  *sn;

    ss = store->data;

    read->error = NGX_MESH_STORE_FAILED;
    read->revision = 0;

    sn = read->snapshot;

    if (sn == NULL && ss->opened) {
        sn = ngx_mesh_store_sqlite_snapshot(store);
    }

    if (!ss->opened || sn == NULL) {
        read->handler(read);
        return;
    }

    if (ngx_mesh_store_sqlite_begin(ss, sn) != NGX_OK) {
        read->error = sn->db.error;
        goto done;
    }

    read->error = NGX_MESH_STORE_FINE;
    read->revision = sn->revision;

    for (i = 0; i < read->nitems; i++) {

        if (ngx_mesh_sqlite_item(&sn->db, &read->items[i], read->pool)
            != NGX_OK)
        {
            read->error = sn->db.error;
            ngx_mesh_store_sqlite_broken(ss, sn);
            break;
        }
    }

done:

    if (read->snapshot == NULL) {
        ngx_mesh_store_sqlite_release(store, sn);
    }

    read->handler(read);
}


static void
ngx_mesh_store_sqlite_write(ngx_mesh_store_t *store,
    ngx_mesh_store_write_t *write)
{
    ngx_mesh_store_sqlite_t      *ss;
    ngx_mesh_store_sqlite_job_t   job;

    ss = store->data;

    if (!ss->opened) {
        write->rc = NGX_ERROR;
        write->error = NGX_MESH_STORE_FAILED;
        write->handler(write);
        return;
    }

#if (NGX_THREADS)

    if (ss->threads) {

        if (ngx_mesh_store_sqlite_post(ss, write) != NGX_OK) {
            write->rc = NGX_ERROR;
            write->error = NGX_MESH_STORE_BUSY;
            write->handler(write);
        }

        return;
    }

#endif

    job.ss = ss;
    job.write = write;

    ngx_mesh_store_sqlite_work(&job, ss->log);
    ngx_mesh_store_sqlite_done(&job);
}


#if (NGX_THREADS)

static ngx_int_t
ngx_mesh_store_sqlite_post(ngx_mesh_store_sqlite_t *ss,
    ngx_mesh_store_write_t *write)
{
    ngx_thread_task_t            *task;
    ngx_mesh_store_sqlite_job_t  *job;

    task = ngx_thread_task_alloc(write->pool,
                                 sizeof(ngx_mesh_store_sqlite_job_t));
    if (task == NULL) {
        return NGX_ERROR;
    }

    job = task->ctx;
    job->ss = ss;
    job->write = write;

    task->handler = ngx_mesh_store_sqlite_work;
    task->event.handler = ngx_mesh_store_sqlite_done_handler;
    task->event.data = task;
    task->event.log = ss->log;

    if (ngx_thread_task_post(ss->threads, task) != NGX_OK) {
        return NGX_ERROR;
    }

    /* a worker that exits waits for timers */

    ngx_add_timer(&task->event, NGX_MESH_STORE_SQLITE_TIMEOUT);

    return NGX_OK;
}


static void
ngx_mesh_store_sqlite_done_handler(ngx_event_t *ev)
{
    ngx_thread_task_t *task = ev->data;

    if (ev->timedout) {
        ngx_log_error(NGX_LOG_ALERT, ev->log, 0,
                      "mesh: a write to the store takes too long");
        ev->timedout = 0;
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_mesh_store_sqlite_done(task->ctx);
}

#endif


/* in the thread, or inline; several threads if an operator gave the pool so */

static void
ngx_mesh_store_sqlite_work(void *data, ngx_log_t *log)
{
    ngx_mesh_store_sqlite_job_t *job = data;

    ngx_uint_t                ours;
    ngx_mesh_store_write_t   *write;
    ngx_mesh_store_turn_t    *turn;
    ngx_mesh_store_sqlite_t  *ss;

    ss = job->ss;
    write = job->write;
    turn = &ss->store->shared->turn;

#if (NGX_THREADS)

    if (ss->locked) {
        (void) ngx_thread_mutex_lock(&ss->lock, log);
    }

#endif

    ours = ngx_mesh_store_turn_take(turn, NGX_MESH_SQLITE_WRITE_WAIT);

    /* who has waited in vain for a turn has waited for the lock as well */

    job->wait = (ours || !turn->ready) ? NGX_MESH_SQLITE_WRITE_WAIT : 0;

    ngx_mesh_store_sqlite_work_locked(job);

    if (ours) {
        ngx_mesh_store_turn_leave(turn);
    }

#if (NGX_THREADS)

    if (ss->locked) {
        (void) ngx_thread_mutex_unlock(&ss->lock, log);
    }

#endif

    if (write->rc == NGX_OK && write->changes.nelts) {
        ngx_mesh_store_sqlite_notify(ss->store, write->revision);
    }
}


static void
ngx_mesh_store_sqlite_work_locked(ngx_mesh_store_sqlite_job_t *job)
{
    ngx_mesh_sqlite_t       *db;
    ngx_mesh_store_write_t  *write;

    write = job->write;
    db = &job->ss->writer;

    if (db->db == NULL
        && ngx_mesh_sqlite_open(db, job->ss->path, 0,
                                NGX_MESH_SQLITE_WRITE_WAIT)
           != NGX_OK)
    {
        write->rc = NGX_ERROR;
        write->error = db->error;

    } else {
        db->wait = job->wait;
        ngx_mesh_sqlite_write(db, write);
        db->wait = NGX_MESH_SQLITE_WRITE_WAIT;
    }

    job->due = db->due;
    (void) ngx_cpystrn(job->message, db->message,
                       NGX_MESH_SQLITE_MESSAGE_LEN);

    if (write->rc == NGX_ERROR && db->db
        && write->error != NGX_MESH_STORE_FULL
        && write->error != NGX_MESH_STORE_BUSY
        && !ngx_mesh_sqlite_moved(db))
    {
        /* whatever it was, the next write begins with a new connection */
        ngx_mesh_sqlite_close(db);
    }
}


static void
ngx_mesh_store_sqlite_done(ngx_mesh_store_sqlite_job_t *job)
{
    ngx_mesh_store_write_t   *write;
    ngx_mesh_store_sqlite_t  *ss;

    ss = job->ss;
    write = job->write;

    if (write->rc == NGX_ERROR
        || (write->rc == NGX_OK && write->changes.nelts))
    {
        ngx_mesh_store_sqlite_state(ss, &ss->store->shared->write_error,
                                    write->error, job->message);
    }

    if (job->due) {
        ngx_mesh_store_sqlite_checkpoint(ss);
    }

    ngx_mesh_store_sqlite_poll(ss->store);

    write->handler(write);
}


static void
ngx_mesh_store_sqlite_checkpoint(ngx_mesh_store_sqlite_t *ss)
{
#if (NGX_THREADS)

    if (ss->threads) {

        if (!ss->checkpointing
            && ngx_thread_task_post(ss->threads, ss->checkpoint) == NGX_OK)
        {
            ss->checkpointing = 1;
        }

        return;
    }

#endif

    ngx_mesh_sqlite_checkpoint(&ss->writer);
}


#if (NGX_THREADS)

static void
ngx_mesh_store_sqlite_checkpoint_work(void *data, ngx_log_t *log)
{
    ngx_mesh_store_sqlite_t *ss = data;

    (void) ngx_thread_mutex_lock(&ss->lock, log);

    ngx_mesh_sqlite_checkpoint(&ss->writer);

    (void) ngx_thread_mutex_unlock(&ss->lock, log);
}


static void
ngx_mesh_store_sqlite_checkpoint_handler(ngx_event_t *ev)
{
    ngx_mesh_store_sqlite_t *ss = ev->data;

    ss->checkpointing = 0;
}

#endif


/* of all workers the one whose operation changed the state logs it */

void
ngx_mesh_store_sqlite_state(ngx_mesh_store_sqlite_t *ss, ngx_atomic_t *state,
    ngx_mesh_store_error_e error, u_char *message)
{
    const char         *what;
    ngx_atomic_uint_t   old;

    old = *state;

    if (old == (ngx_atomic_uint_t) error
        || !ngx_atomic_cmp_set(state, old, (ngx_atomic_uint_t) error))
    {
        return;
    }

    what = (state == &ss->store->shared->read_error) ? "read" : "written";

    if (error == NGX_MESH_STORE_FINE) {
        ngx_log_error(NGX_LOG_NOTICE, ss->log, 0,
                      "mesh: the store \"%s\" can be %s again", ss->path,
                      what);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ss->log, 0,
                  "mesh: the store \"%s\" cannot be %s: %s: %s", ss->path,
                  what, message, ngx_mesh_store_sqlite_advice[error]);
}
