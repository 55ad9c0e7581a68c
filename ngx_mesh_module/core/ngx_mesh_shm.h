
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the processes of one nginx share: the document in force, what became of
 * the last one, who looks for the next, and a state row for each endpoint.
 *
 * The document and the tables change under the slab mutex only.  Counters and
 * the sequence number are atomics, read and written without it.  Everything
 * survives a reload; a binary upgrade starts with an empty zone, which the
 * last-known-good file fills.
 */


#ifndef _NGX_MESH_SHM_H_INCLUDED_
#define _NGX_MESH_SHM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_limit.h"


#define NGX_MESH_SHM_VERSION_LEN  128
#define NGX_MESH_SHM_REASON_LEN   512
#define NGX_MESH_SHM_ETAG_LEN     256
#define NGX_MESH_SHM_STORE_LEN    64
#define NGX_MESH_SHM_NAME_LEN     40
#define NGX_MESH_SHM_NO_ROW       ((uint32_t) -1)
#define NGX_MESH_SHM_LIMITS       32        /* rows for listeners' limits */


typedef enum {
    NGX_MESH_SOURCE_NONE = 0,
    NGX_MESH_SOURCE_DIRECTIVES,
    NGX_MESH_SOURCE_FILE,
    NGX_MESH_SOURCE_LAST_KNOWN_GOOD,
    NGX_MESH_SOURCE_CONTROL_PLANE
} ngx_mesh_source_e;


/* what the control plane said of a document; all strings end with a NUL */

typedef struct {
    u_char                   etag[NGX_MESH_SHM_ETAG_LEN];
    u_char                   store[NGX_MESH_SHM_STORE_LEN];
    uint64_t                 revision;      /* of that store, 0: not said */
} ngx_mesh_origin_t;


/* what operators see about configuration; copied out under the mutex */

typedef struct {
    ngx_atomic_uint_t        seq;           /* 0: no document yet */
    ngx_mesh_source_e        source;
    size_t                   size;          /* of the document */
    time_t                   applied;
    ngx_uint_t               rejections;    /* since the zone was made */
    time_t                   rejected;      /* the last one, 0: none */
    u_char                   version[NGX_MESH_SHM_VERSION_LEN];
    u_char                   rejected_version[NGX_MESH_SHM_VERSION_LEN];
    u_char                   reason[NGX_MESH_SHM_REASON_LEN];
    u_char                   source_error[NGX_MESH_SHM_REASON_LEN];
    ngx_mesh_origin_t        origin;        /* of the document in force */
    time_t                   contact;       /* last answer, 0: none */
    time_t                   failing;       /* since when, 0: it does not */
    ngx_pid_t                agent;         /* 0: there is none */
} ngx_mesh_shm_status_t;


/* what active checks say of an endpoint */

typedef enum {
    NGX_MESH_ROW_UNCHECKED = 0,             /* it has no health check */
    NGX_MESH_ROW_HEALTHY,
    NGX_MESH_ROW_UNHEALTHY,
    NGX_MESH_ROW_PENDING                    /* it has one, not done yet */
} ngx_mesh_row_health_e;


/*
 * State of one endpoint, on two cache lines of its own: counters that each
 * attempt moves, and what says whether it may be used at all, which mostly
 * stays.  Times are in milliseconds on the scale of ngx_current_msec, which
 * is the same in all processes.
 */

typedef struct {
    uint64_t                 key;           /* 0: free; under the mutex */
    uint32_t                 next;          /* in the bucket or free list */
    uint32_t                 seq;           /* last document that had it */
    ngx_atomic_t             in_flight;
    ngx_atomic_t             requests;      /* attempts */
    ngx_atomic_t             failures;      /* of them, without an answer */
    ngx_atomic_t             connections;   /* opened */
    ngx_atomic_t             connect_failures;
    ngx_atomic_t             checks;        /* see ngx_mesh_health.h */

    ngx_atomic_t             health;        /* ngx_mesh_row_health_e */
    ngx_atomic_t             since;         /* it is used, for slow start */
    ngx_atomic_t             errors;        /* one after the other */
    ngx_atomic_t             ejected;       /* until then, 0: it is not */
    ngx_atomic_t             ejections;     /* all of them */
    ngx_atomic_t             overflows;     /* ejections the limit forbade */
    ngx_atomic_t             multiplier;    /* of the time of an ejection */
    ngx_atomic_t             swept;         /* when ejections were reviewed */
} ngx_mesh_row_t;


typedef struct ngx_mesh_shm_s  ngx_mesh_shm_t;


/* declares the zone "name" of "size" bytes; NULL after an error was logged */
ngx_mesh_shm_t *ngx_mesh_shm_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size);

/*
 * A handle in "pool" on a slab pool that is ready, with the tables made if
 * they are not there yet; for memory that is not a zone of nginx (tests).
 */
ngx_mesh_shm_t *ngx_mesh_shm_attach(ngx_pool_t *pool,
    ngx_slab_pool_t *shpool);

/* the sequence number of the document in force: one atomic read; 0: none */
ngx_atomic_uint_t ngx_mesh_shm_seq(ngx_mesh_shm_t *shm);

/*
 * Puts "text" in force as the next document.  With "only_first", does nothing
 * and returns NGX_DECLINED if there is a document already.  NGX_ABORT: does
 * not fit into the zone, which has to hold two documents at a time, so that
 * one of more than half the zone is never taken; nothing was changed.  "seq"
 * is the new number, set with NGX_OK only.
 */
ngx_int_t ngx_mesh_shm_publish(ngx_mesh_shm_t *shm, ngx_str_t *text,
    ngx_str_t *version, ngx_mesh_source_e source, ngx_uint_t only_first,
    ngx_atomic_uint_t *seq);

/*
 * Before that, in steps: has the kernel find pages for a document of "size",
 * which takes longer than the copy when it is the first one of its size.
 * "done", of the caller, is 0 at first.  NGX_OK or NGX_AGAIN.
 */
ngx_int_t ngx_mesh_shm_touch(ngx_mesh_shm_t *shm, size_t size, size_t *done);

/*
 * A copy of the document in force, allocated with ngx_alloc() and to be freed
 * by the caller with ngx_free().  NGX_DECLINED: there is none.
 */
ngx_int_t ngx_mesh_shm_document(ngx_mesh_shm_t *shm, ngx_str_t *text,
    ngx_atomic_uint_t *seq, ngx_log_t *log);

/* the document "seq", if still in force, was seen to be what "source" has */
void ngx_mesh_shm_confirm(ngx_mesh_shm_t *shm, ngx_atomic_uint_t seq,
    ngx_mesh_source_e source);

/* records that a document was refused */
void ngx_mesh_shm_reject(ngx_mesh_shm_t *shm, ngx_str_t *version,
    ngx_str_t *reason);

/* records (or clears, with an empty one) why the source cannot be read */
void ngx_mesh_shm_source_error(ngx_mesh_shm_t *shm, ngx_str_t *reason);

void ngx_mesh_shm_status(ngx_mesh_shm_t *shm, ngx_mesh_shm_status_t *status);


/* --- ngx_mesh_shm_agent.c, for the agent --- */

/* the document "seq", if still in force, came with that */
void ngx_mesh_shm_origin(ngx_mesh_shm_t *shm, ngx_atomic_uint_t seq,
    ngx_mesh_origin_t *origin);

/*
 * A name of this nginx until its zone is gone: "name", unless there is one
 * already, which is copied to "name" then.
 */
void ngx_mesh_shm_name(ngx_mesh_shm_t *shm,
    u_char name[NGX_MESH_SHM_NAME_LEN]);

/* the source answered just now */
void ngx_mesh_shm_contact(ngx_mesh_shm_t *shm);

/*
 * The lease of the agent, of which there is one.  acquire() gives it to the
 * caller and returns 1 if nobody has it, or who had it is gone or stuck;
 * workers that are not "first" wait somewhat longer.  beat() tells that the
 * holder is alive, to be called each second; 0: it has lost the lease and has
 * to stop at once.
 */
ngx_uint_t ngx_mesh_shm_agent_acquire(ngx_mesh_shm_t *shm, ngx_uint_t first);
ngx_uint_t ngx_mesh_shm_agent_beat(ngx_mesh_shm_t *shm);
void ngx_mesh_shm_agent_release(ngx_mesh_shm_t *shm);


/*
 * Rows.  ngx_mesh_shm_rows() finds or makes the rows of "n" keys and writes
 * their indices; a key that finds no room gets NGX_MESH_SHM_NO_ROW (the
 * endpoint works, without shared counts).  Rows not named by the documents of
 * the last minutes and with nothing in flight are reused.
 */
void ngx_mesh_shm_rows(ngx_mesh_shm_t *shm, ngx_atomic_uint_t seq,
    const uint64_t *keys, uint32_t *rows, ngx_uint_t n);

/* the row if it still is the one of "key", else NULL */
ngx_mesh_row_t *ngx_mesh_shm_row(ngx_mesh_shm_t *shm, uint32_t row,
    uint64_t key);

/*
 * What moves whenever an endpoint becomes available or ceases to be: one
 * atomic read, never 0 in a worker that serves requests.
 */
ngx_atomic_uint_t ngx_mesh_shm_generation(ngx_mesh_shm_t *shm);

/*
 * For the prober: the endpoint is of "health" from now on, which all workers
 * follow with their next request.  1: it was not before, for a line in the
 * log.  An endpoint that becomes healthy begins its slow start.
 */
ngx_uint_t ngx_mesh_row_set_health(ngx_mesh_shm_t *shm, ngx_mesh_row_t *row,
    ngx_mesh_row_health_e health);

/*
 * Ejects the endpoint until then, or returns it from an ejection; the caller
 * holds ngx_mesh_shm_lock(), under which alone "ejected" changes.
 */
void ngx_mesh_row_eject(ngx_mesh_shm_t *shm, ngx_mesh_row_t *row,
    ngx_msec_t now, ngx_msec_t until);
void ngx_mesh_row_return(ngx_mesh_shm_t *shm, ngx_mesh_row_t *row,
    ngx_msec_t now);

/* the mutex of the zone, for what is rare; freed if its holder is killed */
void ngx_mesh_shm_lock(ngx_mesh_shm_t *shm);
void ngx_mesh_shm_unlock(ngx_mesh_shm_t *shm);

/*
 * In-flight counts.  Each worker also remembers its own share, so that the
 * count of a worker that crashed is taken back when its successor starts.
 * enter() gives the row, NULL if there is none and nothing was counted.
 */
ngx_mesh_row_t *ngx_mesh_shm_enter(ngx_mesh_shm_t *shm, uint32_t row,
    uint64_t key);
void ngx_mesh_shm_leave(ngx_mesh_shm_t *shm, uint32_t row, uint64_t key);

/*
 * Limits, --- ngx_mesh_shm_limit.c ---
 *
 * Rows for listeners of the node whose pool has limits; a key is not 0.  If
 * there is no room for one more, NGX_MESH_SHM_NO_ROW.
 */
uint32_t ngx_mesh_shm_limit_row(ngx_mesh_shm_t *shm, ngx_atomic_uint_t seq,
    uint64_t key);

/*
 * As ngx_mesh_limit_enter(), and NGX_DECLINED: the row is not that of "key",
 * nothing was counted.  Who has to wait tells by ngx_mesh_shm_limit_head(),
 * after each change, which ticket waits longest in this worker (0: none).
 */
ngx_int_t ngx_mesh_shm_limit_enter(ngx_mesh_shm_t *shm, uint32_t row,
    uint64_t key, ngx_mesh_limit_bounds_t *bounds, ngx_atomic_uint_t *ticket);
void ngx_mesh_shm_limit_head(ngx_mesh_shm_t *shm, uint32_t row,
    ngx_atomic_uint_t ticket);

/*
 * Makes the request that waits longest here an active one.  NGX_OK; NGX_AGAIN:
 * there is no room; NGX_DECLINED: there is, for one of another worker that came
 * earlier, with "first".  Tickets of others up to "late" do not count (0: all
 * of them do).
 */
ngx_int_t ngx_mesh_shm_limit_resume(ngx_mesh_shm_t *shm, uint32_t row,
    ngx_mesh_limit_bounds_t *bounds, ngx_atomic_uint_t late,
    ngx_atomic_uint_t *first);

/* an active request ended, or one that waited gave up */
void ngx_mesh_shm_limit_leave(ngx_mesh_shm_t *shm, uint32_t row);
void ngx_mesh_shm_limit_cancel(ngx_mesh_shm_t *shm, uint32_t row);

/* whether requests wait, in any worker */
ngx_uint_t ngx_mesh_shm_limit_waits(ngx_mesh_shm_t *shm, uint32_t row);

/* the counts, for operators and tests; NULL: there is no such row */
ngx_mesh_limit_t *ngx_mesh_shm_limit(ngx_mesh_shm_t *shm, uint32_t row,
    uint64_t key);

/*
 * Draining: the workers of this cycle are to end soon.  It stays so until they
 * have ended; those that a reload starts do not drain.
 */
void ngx_mesh_shm_drain(ngx_mesh_shm_t *shm);
ngx_uint_t ngx_mesh_shm_draining(ngx_mesh_shm_t *shm);

/* to be called by each worker once, before and after it serves requests */
void ngx_mesh_shm_init_worker(ngx_mesh_shm_t *shm, ngx_log_t *log);
void ngx_mesh_shm_exit_worker(ngx_mesh_shm_t *shm);


#endif /* _NGX_MESH_SHM_H_INCLUDED_ */
