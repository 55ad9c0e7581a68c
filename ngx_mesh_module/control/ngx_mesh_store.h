
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Where the control plane keeps its state: an ordered map of keys to values
 * with one revision counter, as etcd has it.  Every committed transaction adds
 * one to the revision; an entry carries the revision of its last change.
 *
 * An engine may answer at once or later: a handler is called exactly once, in
 * the event loop of the worker that asked, possibly before the function that
 * was given it returns.  Strings given in have to stay in place until then.
 */


#ifndef _NGX_MESH_STORE_H_INCLUDED_
#define _NGX_MESH_STORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_store_turn.h"


typedef struct ngx_mesh_store_s           ngx_mesh_store_t;
typedef struct ngx_mesh_store_snapshot_s  ngx_mesh_store_snapshot_t;
typedef struct ngx_mesh_store_read_s      ngx_mesh_store_read_t;
typedef struct ngx_mesh_store_write_s     ngx_mesh_store_write_t;


/* why a read or write failed; the log has the engine's own words */

typedef enum {
    NGX_MESH_STORE_FINE = 0,
    NGX_MESH_STORE_FULL,        /* no room: reads go on */
    NGX_MESH_STORE_READ_ONLY,   /* reads go on */
    NGX_MESH_STORE_CORRUPT,     /* what was read cannot be trusted */
    NGX_MESH_STORE_BUSY,        /* try again */
    NGX_MESH_STORE_FAILED       /* anything else, memory too */
} ngx_mesh_store_error_e;


typedef struct {
    ngx_str_t                key;
    ngx_str_t                value;
    uint64_t                 revision;      /* of its last change */
} ngx_mesh_store_entry_t;


typedef enum {
    NGX_MESH_STORE_GET = 0,     /* the entry of "key" */
    NGX_MESH_STORE_LIST,        /* those whose key begins with "key", in order
                                   of their bytes */
    NGX_MESH_STORE_COUNT        /* how many begin so: "count" only */
} ngx_mesh_store_item_e;


/* one of the reads of a batch */

typedef struct {
    ngx_mesh_store_item_e    type;
    ngx_str_t                key;
    ngx_str_t                after;         /* LIST: begin after this key,
                                               empty: with the first */
    ngx_uint_t               limit;         /* LIST: 0 is no limit */

    /* the answer, in the pool of the read */
    ngx_mesh_store_entry_t  *entries;
    ngx_uint_t               count;         /* GET: 0 or 1 */
    unsigned                 more:1;        /* LIST: "limit" cut it off */
} ngx_mesh_store_item_t;


struct ngx_mesh_store_read_s {
    ngx_pool_t                 *pool;       /* of the answers */
    ngx_mesh_store_snapshot_t  *snapshot;   /* NULL: all items of this one batch
                                               see one state, the newest */
    ngx_mesh_store_item_t      *items;
    ngx_uint_t                  nitems;

    void                      (*handler)(ngx_mesh_store_read_t *read);
    void                       *data;

    ngx_mesh_store_error_e      error;
    uint64_t                    revision;   /* of the state that was read */
};


/*
 * What has to hold for a transaction to be done.  An engine that does not know
 * what was removed (etcd) has to write it down for the prefix.
 */

typedef struct {
    ngx_str_t                key;
    uint64_t                 revision;
    unsigned                 prefix:1;  /* no key that begins with "key" was put
                                           or removed after "revision", which
                                           may not hold either if "revision" is
                                           older than history goes back;
                                           otherwise the entry of "key" has
                                           "revision", 0: there is none */
} ngx_mesh_store_compare_t;


typedef struct {
    ngx_str_t                key;
    ngx_str_t                value;
    unsigned                 remove:1;  /* as fine where there is none */
} ngx_mesh_store_change_t;


/*
 * One transaction: all or nothing, durable before the handler is called.  It
 * is done also when nobody waits for it anymore, so the pool has to stay until
 * the handler is called.  Without changes only the comparisons are made, and
 * "revision" is the newest there is.
 */

struct ngx_mesh_store_write_s {
    ngx_pool_t              *pool;
    ngx_array_t              compares;  /* of ngx_mesh_store_compare_t */
    ngx_array_t              changes;   /* of ngx_mesh_store_change_t */

    void                   (*handler)(ngx_mesh_store_write_t *write);
    void                    *data;

    /*
     * NGX_OK: done, as "revision".  NGX_DECLINED: a comparison did not hold,
     * nothing was done.  NGX_ERROR: see "error"; nothing was done unless it is
     * NGX_MESH_STORE_FAILED, after which it may or may not have been.
     */
    ngx_int_t                rc;
    ngx_mesh_store_error_e   error;
    uint64_t                 revision;

    void                    *engine;    /* the engine's own */
};


/*
 * Changes after the last call, in the order they happened; a key may come
 * more than once.  "keys" is NULL when history was lost and anything may have
 * changed.  "revision" is the newest.
 */
typedef void (*ngx_mesh_store_watch_pt)(void *data, ngx_str_t *keys,
    ngx_uint_t nkeys, uint64_t revision);


/* an engine; "sync" says that read() always calls the handler before it
   returns, which lets callers save copies and rounds */

typedef struct {
    const char                  *name;      /* "sqlite" in "sqlite:/path" */
    ngx_uint_t                   sync;      /* unsigned  sync:1; */
    ngx_uint_t                   threads;   /* that it wants in each worker */

    /* master, at configuration time; "rest" is what follows the colon */
    char                      *(*configure)(ngx_conf_t *cf,
                                   ngx_mesh_store_t *store, ngx_str_t *rest);
    /* master, before workers start; errors are logged, and end the start or
       the reload */
    ngx_int_t                  (*prepare)(ngx_cycle_t *cycle,
                                   ngx_mesh_store_t *store);
    /* workers; what fails is logged, and reads and writes fail from then on */
    void                       (*open)(ngx_cycle_t *cycle,
                                   ngx_mesh_store_t *store);
    void                       (*close)(ngx_mesh_store_t *store);

    void                       (*read)(ngx_mesh_store_t *store,
                                   ngx_mesh_store_read_t *read);
    ngx_mesh_store_snapshot_t *(*snapshot)(ngx_mesh_store_t *store);
    void                       (*release)(ngx_mesh_store_t *store,
                                   ngx_mesh_store_snapshot_t *snapshot);
    void                       (*write)(ngx_mesh_store_t *store,
                                   ngx_mesh_store_write_t *write);
    void                       (*watch)(ngx_mesh_store_t *store,
                                   ngx_mesh_store_watch_pt handler,
                                   void *data);
    void                       (*poll)(ngx_mesh_store_t *store);
} ngx_mesh_store_engine_t;


/* what the workers of one nginx share about a store; but for the turns it is
   changed by atomics */

typedef struct {
    ngx_atomic_t                 revision;      /* newest known committed */
    ngx_atomic_t                 read_error;    /* ngx_mesh_store_error_e: */
    ngx_atomic_t                 write_error;   /* those that were logged */
    ngx_mesh_store_turn_t        turn;          /* of writers */
} ngx_mesh_store_shared_t;


/* wakes all workers; the master makes it once, for this cycle and later ones */

typedef struct {
    ngx_fd_t                     fd;            /* -1: not to be had */
    ngx_uint_t                   refs;          /* cycles, in the master */
} ngx_mesh_store_wake_t;


/* for engines and tests of them; all others use the functions below */

struct ngx_mesh_store_s {
    const ngx_mesh_store_engine_t  *engine;
    void                           *data;       /* the engine's own */
    ngx_str_t                       url;
    ngx_str_t                       id;         /* see ngx_mesh_store_id() */

    ngx_cycle_t                    *cycle;
    ngx_mesh_store_wake_t          *wake;       /* NULL outside of zones */
    ngx_mesh_store_shared_t        *shared;     /* "own" outside of zones */
    ngx_mesh_store_shared_t         own;

    u_char                         *file;       /* the directive's place */
    ngx_uint_t                      line;

    unsigned                        threads:1;  /* NGX_MESH_STORE_THREADS is
                                                   there */
};


#define NGX_MESH_STORE_THREADS  "mesh_store"    /* a thread pool */


/*
 * The store that "url" ("sqlite:/path") describes, in cf->pool, the same for
 * the same url; NULL after an error was logged.  Configuration time.
 *
 * ngx_mesh_store_module does the rest of its life: the three functions below
 * are for it, and for tests, which may call them one after the other under
 * "nginx -t" too (writes are then done before ngx_mesh_store_write() returns).
 */
ngx_mesh_store_t *ngx_mesh_store_create(ngx_conf_t *cf, ngx_str_t *url);

/*
 * prepare() makes the store ready for workers: creates it, gives it to the
 * workers' user, brings its schema up to date; called by the master when its
 * shared zone is set up, where an error ends a reload and not nginx, and not
 * under "nginx -t".  open() and close() are for init_process and exit_process
 * of workers.
 */
ngx_int_t ngx_mesh_store_prepare(ngx_cycle_t *cycle, ngx_mesh_store_t *store);
void ngx_mesh_store_open(ngx_cycle_t *cycle, ngx_mesh_store_t *store);
void ngx_mesh_store_close(ngx_mesh_store_t *store);

void ngx_mesh_store_read(ngx_mesh_store_t *store, ngx_mesh_store_read_t *read);

/*
 * A state that several reads see unchanged.  To be released before the worker
 * goes on to other events if the engine is "sync", soon otherwise.  NULL if
 * memory is short.
 */
ngx_mesh_store_snapshot_t *ngx_mesh_store_snapshot(ngx_mesh_store_t *store);
void ngx_mesh_store_release(ngx_mesh_store_t *store,
    ngx_mesh_store_snapshot_t *snapshot);

void ngx_mesh_store_write(ngx_mesh_store_t *store,
    ngx_mesh_store_write_t *write);

/*
 * Calls "handler" for changes by whichever process, from now on, soon after
 * they were committed; for those of this worker before the handler of the
 * write.  One handler a worker.
 */
void ngx_mesh_store_watch(ngx_mesh_store_t *store,
    ngx_mesh_store_watch_pt handler, void *data);

/*
 * Delivers now what is committed and known by now, where the engine can do
 * that at once: what any worker of this machine answered is included.
 */
void ngx_mesh_store_poll(ngx_mesh_store_t *store);

/*
 * Names this store among all there ever were, a UUID in text; a copy of a
 * store has the same.  Empty while the store could not be opened.
 */
ngx_str_t *ngx_mesh_store_id(ngx_mesh_store_t *store);

ngx_uint_t ngx_mesh_store_is_sync(ngx_mesh_store_t *store);


#endif /* _NGX_MESH_STORE_H_INCLUDED_ */
