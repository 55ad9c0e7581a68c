
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The store in an SQLite file, in WAL mode with each commit flushed.
 *
 * A connection (ngx_mesh_sqlite_t) belongs to one thread at a time: a worker
 * reads in its event loop on some, and writes in a thread on another.  No
 * connection crosses fork().
 *
 * The file has
 *
 *     entry   the map
 *     change  which keys which revision touched, of the last revisions
 *     meta    one row: the UUID, the newest revision, and the newest one that
 *             "change" does not have anymore
 */


#ifndef _NGX_MESH_STORE_SQLITE_H_INCLUDED_
#define _NGX_MESH_STORE_SQLITE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#if (NGX_THREADS)
#include <ngx_thread_pool.h>
#endif

#include <sqlite3.h>

#include "ngx_mesh_store.h"


#define NGX_MESH_SQLITE_APPLICATION  0x6e6d7368     /* "nmsh" */
#define NGX_MESH_SQLITE_STMTS        24
#define NGX_MESH_SQLITE_MESSAGE_LEN  256
#define NGX_MESH_SQLITE_ID_LEN       36

/* revisions whose keys are kept for those who watch, about so many */
#define NGX_MESH_SQLITE_HISTORY      10000

#define NGX_MESH_SQLITE_WRITE_WAIT   5000           /* ms, for other writers */
#define NGX_MESH_SQLITE_CHECKPOINT   1000           /* pages in the WAL */


/* prepared statements; of a range there are two, see there */

typedef enum {
    NGX_MESH_SQLITE_BEGIN = 0,
    NGX_MESH_SQLITE_BEGIN_WRITE,
    NGX_MESH_SQLITE_COMMIT,
    NGX_MESH_SQLITE_ROLLBACK,
    NGX_MESH_SQLITE_META,
    NGX_MESH_SQLITE_GET,
    NGX_MESH_SQLITE_LIST,
    NGX_MESH_SQLITE_COUNT = NGX_MESH_SQLITE_LIST + 2,
    NGX_MESH_SQLITE_NEWER = NGX_MESH_SQLITE_COUNT + 2,
    NGX_MESH_SQLITE_CHANGES = NGX_MESH_SQLITE_NEWER + 2,
    NGX_MESH_SQLITE_PUT,
    NGX_MESH_SQLITE_REMOVE,
    NGX_MESH_SQLITE_LOG,
    NGX_MESH_SQLITE_REVISION,
    NGX_MESH_SQLITE_TRIM,
    NGX_MESH_SQLITE_TRIMMED
} ngx_mesh_sqlite_stmt_e;


typedef struct {
    sqlite3                     *db;        /* NULL: not open */
    sqlite3_stmt                *stmts[NGX_MESH_SQLITE_STMTS];
    ngx_msec_t                   wait;      /* for locks, 0: not at all */
    ngx_msec_t                   waited;
    ngx_uint_t                   moved;     /* pages of the WAL at the last
                                               checkpoint */
    ngx_uint_t                   due;       /* the next one is */

    /* why the last call failed, in the words of SQLite */
    ngx_mesh_store_error_e       error;
    u_char                       message[NGX_MESH_SQLITE_MESSAGE_LEN];
} ngx_mesh_sqlite_t;


/* SQL texts that bring the schema from version i to i + 1 */

typedef struct {
    const char                 **sql;
    ngx_uint_t                   n;
} ngx_mesh_sqlite_schema_t;


typedef struct {
    const char                  *path;
    ngx_log_t                   *log;
    ngx_uid_t                    user;      /* NGX_CONF_UNSET_UINT: do not */
    ngx_gid_t                    group;     /* change to another user */
    ngx_mesh_sqlite_schema_t    *schema;    /* NULL: the one of this version */
    ngx_uint_t                   check;     /* read all of a file of less than
                                               so many bytes */

    uint64_t                     revision;  /* the answer */
} ngx_mesh_sqlite_prepare_t;


/* a connection to read on; a snapshot is one that is taken */

struct ngx_mesh_store_snapshot_s {
    ngx_mesh_sqlite_t            db;
    ngx_mesh_store_snapshot_t   *next;
    ngx_uint_t                   refs;
    uint64_t                     revision;  /* once it has begun */
    uint64_t                     trimmed;
    unsigned                     begun:1;
    unsigned                     broken:1;  /* to be closed when free */
};


/* the engine of a store: configuration, and runtime of the worker */

typedef struct {
    void                        *ident[4];  /* of the timer, in debug logs */

    ngx_mesh_store_t            *store;
    const char                  *path;
    ngx_log_t                   *log;
    u_char                       id[NGX_MESH_SQLITE_ID_LEN + 1];

    ngx_mesh_store_snapshot_t   *readers;   /* all of them */
    ngx_mesh_store_snapshot_t   *current;   /* taken last */

    /* of the thread, under the lock */
    ngx_mesh_sqlite_t            writer;
#if (NGX_THREADS)
    ngx_thread_mutex_t           lock;
    ngx_thread_pool_t           *threads;   /* NULL: writes are done inline */
    ngx_thread_task_t           *checkpoint;
#endif

    ngx_connection_t            *wake;
    ngx_event_t                  timer;
    ngx_mesh_store_watch_pt      handler;
    void                        *data;
    uint64_t                     seen;      /* delivered to "handler" */

    unsigned                     opened:1;
    unsigned                     locked:1;          /* "lock" was made */
    unsigned                     checkpointing:1;
} ngx_mesh_store_sqlite_t;


/*
 * All of them return NGX_OK, or NGX_ERROR with db->error and db->message set.
 * open() expects a file that was prepared; "path" ends with a zero.
 */
ngx_int_t ngx_mesh_sqlite_open(ngx_mesh_sqlite_t *db, const char *path,
    ngx_uint_t create, ngx_msec_t wait);
void ngx_mesh_sqlite_close(ngx_mesh_sqlite_t *db);
ngx_int_t ngx_mesh_sqlite_exec(ngx_mesh_sqlite_t *db, const char *sql);
ngx_int_t ngx_mesh_sqlite_integer(ngx_mesh_sqlite_t *db, const char *sql,
    int64_t *value);

/*
 * Statements: prepared when they are first used; NULL after an error.  done()
 * ends one of which the last step returned "rc".  range() gives statement "n"
 * or its sibling without an upper bound, with the keys bound that begin with
 * "prefix" and come after "after" (or NULL).
 */
sqlite3_stmt *ngx_mesh_sqlite_stmt(ngx_mesh_sqlite_t *db, ngx_uint_t n);
ngx_int_t ngx_mesh_sqlite_done(ngx_mesh_sqlite_t *db, sqlite3_stmt *stmt,
    int rc);
ngx_int_t ngx_mesh_sqlite_run(ngx_mesh_sqlite_t *db, ngx_uint_t n);
void ngx_mesh_sqlite_bind(sqlite3_stmt *stmt, int n, ngx_str_t *value);
sqlite3_stmt *ngx_mesh_sqlite_range(ngx_mesh_sqlite_t *db, ngx_uint_t n,
    ngx_str_t *prefix, ngx_str_t *after);

/* was the file renamed, removed or replaced since it was opened? */
ngx_uint_t ngx_mesh_sqlite_moved(ngx_mesh_sqlite_t *db);

/* one state of the store, from begin to end; ended after errors too */
ngx_int_t ngx_mesh_sqlite_begin(ngx_mesh_sqlite_t *db, uint64_t *revision,
    uint64_t *trimmed);
void ngx_mesh_sqlite_end(ngx_mesh_sqlite_t *db);

ngx_int_t ngx_mesh_sqlite_id(ngx_mesh_sqlite_t *db, u_char *id, size_t size);

/* answers one item, between begin and end */
ngx_int_t ngx_mesh_sqlite_item(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_item_t *item, ngx_pool_t *pool);

/*
 * The keys of revisions after "revision", ngx_str_t's of "pool" into "keys";
 * NGX_DECLINED if there are more than "max".  Between begin and end.
 */
ngx_int_t ngx_mesh_sqlite_changes(ngx_mesh_sqlite_t *db, uint64_t revision,
    ngx_uint_t max, ngx_pool_t *pool, ngx_array_t *keys);

/*
 * Does a write and sets its rc, error and revision.  May run in a thread.
 */
void ngx_mesh_sqlite_write(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_write_t *write);

/* moves the WAL into the file; a thread's work as well */
void ngx_mesh_sqlite_checkpoint(ngx_mesh_sqlite_t *db);

/* the master's part; what is wrong is logged */
ngx_int_t ngx_mesh_sqlite_prepare(ngx_mesh_sqlite_prepare_t *prepare);


/* takes a connection to read on, for release(); NULL if memory is short */
ngx_mesh_store_snapshot_t *ngx_mesh_store_sqlite_snapshot(
    ngx_mesh_store_t *store);
void ngx_mesh_store_sqlite_release(ngx_mesh_store_t *store,
    ngx_mesh_store_snapshot_t *snapshot);

/* begins to see a state, if it does not yet; errors are logged */
ngx_int_t ngx_mesh_store_sqlite_begin(ngx_mesh_store_sqlite_t *ss,
    ngx_mesh_store_snapshot_t *snapshot);

/* an error of a connection that was begun */
void ngx_mesh_store_sqlite_broken(ngx_mesh_store_sqlite_t *ss,
    ngx_mesh_store_snapshot_t *snapshot);

/* logs that reads or writes (by "state") fail now, or that they work again */
void ngx_mesh_store_sqlite_state(ngx_mesh_store_sqlite_t *ss,
    ngx_atomic_t *state, ngx_mesh_store_error_e error, u_char *message);

/* the watch of a worker */
void ngx_mesh_store_sqlite_watch_open(ngx_mesh_store_sqlite_t *ss,
    ngx_cycle_t *cycle);
void ngx_mesh_store_sqlite_watch_close(ngx_mesh_store_sqlite_t *ss);
void ngx_mesh_store_sqlite_watch(ngx_mesh_store_t *store,
    ngx_mesh_store_watch_pt handler, void *data);
void ngx_mesh_store_sqlite_poll(ngx_mesh_store_t *store);

/* "revision" was committed: tells it to all workers; also from a thread */
void ngx_mesh_store_sqlite_notify(ngx_mesh_store_t *store, uint64_t revision);


extern const ngx_mesh_store_engine_t  ngx_mesh_store_sqlite;


#endif /* _NGX_MESH_STORE_SQLITE_H_INCLUDED_ */
