
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The agent: from the source to the shared document.
 *
 * In worker 0 one cancelable timer drives everything, one thing at a time:
 * look at the source (in a thread), validate a new content (in slices between
 * other events), publish or refuse it, write the last-known-good file (in a
 * thread).  Whoever ends a thing sets the timer again.
 *
 * A content is known by its SHA-256, not by the version it gives itself.  One
 * that is no valid document is refused once the file has been left alone for
 * an interval: before that it may be half of what somebody is writing.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#if (NGX_THREADS)
#include <ngx_thread_pool.h>
#endif

#include "ngx_mesh_agent.h"
#include "ngx_mesh_file.h"
#include "ngx_mesh_snapshot.h"
#include "ngx_mesh_state.h"


#define NGX_MESH_AGENT_UNITS       16       /* of a document, in a step */
#define NGX_MESH_AGENT_SLICE_NS    150000   /* of steps, between other events */
#define NGX_MESH_AGENT_SOON        1        /* ms */
#define NGX_MESH_AGENT_SETTLE      100      /* ms, at least */
#define NGX_MESH_AGENT_RETRY       60000    /* ms, writing the state file */


typedef struct {
    void                    *ident[4];

    ngx_mesh_conf_t         *mcf;
    ngx_mesh_agent_conf_t   *acf;
    ngx_cycle_t             *cycle;

    ngx_event_t              timer;
#if (NGX_THREADS)
    ngx_thread_pool_t       *threads;
    ngx_thread_task_t       *task;
#endif

    /* of the thread while a task runs */
    ngx_mesh_file_t          file;
    ngx_mesh_state_t         state;
    ngx_uint_t               saving;    /* the task is to write "state" */

    /* what is being validated */
    ngx_mesh_loader_t       *loader;
    ngx_str_t                text;

    /* the shared document whose digest is "digest" */
    ngx_atomic_uint_t        seq;
    u_char                   digest[NGX_MESH_DIGEST_LEN];

    /* the content that was refused last, and the one in doubt */
    u_char                   refused[NGX_MESH_DIGEST_LEN];
    u_char                   doubted[NGX_MESH_DIGEST_LEN];
    ngx_mesh_file_id_t       large;

    u_char                   source_error[NGX_MESH_SHM_REASON_LEN];
    u_char                   state_error[NGX_MESH_STATE_ERROR_LEN];
    u_char                   version[NGX_MESH_SHM_VERSION_LEN];
    ngx_msec_t               save_at;

    unsigned                 agent:1;       /* worker 0, which logs */
    unsigned                 unsaved:1;
    unsigned                 source_failed:1;
} ngx_mesh_agent_t;


static void ngx_mesh_agent_cold_start(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_load_state(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_timer_handler(ngx_event_t *ev);
static ngx_int_t ngx_mesh_agent_slice(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_post(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_work(void *data, ngx_log_t *log);
static void ngx_mesh_agent_done(ngx_mesh_agent_t *ag);
#if (NGX_THREADS)
static void ngx_mesh_agent_done_handler(ngx_event_t *ev);
#endif
static ngx_int_t ngx_mesh_agent_consider(ngx_mesh_agent_t *ag);
static ngx_int_t ngx_mesh_agent_compare(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_follow(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_source_failed(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_source_back(ngx_mesh_agent_t *ag);
static ngx_int_t ngx_mesh_agent_load(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_decide(ngx_mesh_agent_t *ag, ngx_int_t rc,
    ngx_uint_t only_first);
static void ngx_mesh_agent_drop(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_accept(ngx_mesh_agent_t *ag,
    ngx_mesh_source_e source, ngx_uint_t only_first);
static void ngx_mesh_agent_does_not_fit(ngx_mesh_agent_t *ag,
    ngx_mesh_source_e source);
static void ngx_mesh_agent_applied(ngx_mesh_agent_t *ag,
    ngx_mesh_model_t *model, ngx_mesh_source_e source);
static ngx_uint_t ngx_mesh_agent_doubt(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_refuse(ngx_mesh_agent_t *ag, ngx_str_t *reason);
static ngx_int_t ngx_mesh_agent_prepare_save(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_saved(ngx_mesh_agent_t *ag);


/* worker runtime; "mcf" is NULL where there is nothing to do */
static ngx_mesh_agent_t  ngx_mesh_agent;


void
ngx_mesh_agent_init_worker(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_agent_conf_t *acf)
{
    ngx_mesh_agent_t  *ag;

    ag = &ngx_mesh_agent;

    ngx_memzero(ag, sizeof(ngx_mesh_agent_t));

    ag->ident[3] = (void *) -1;
    ag->mcf = mcf;
    ag->acf = acf;
    ag->cycle = cycle;
    ag->agent = (ngx_process == NGX_PROCESS_SINGLE || ngx_worker == 0);

    ag->file.path = acf->path.data;
    ag->file.max = mcf->max_document;
    ag->file.settle = ngx_max(mcf->interval, NGX_MESH_AGENT_SETTLE);
    ag->file.log = cycle->log;

    ag->state.directory = mcf->state.data;
    ag->state.path = acf->state.data;
    ag->state.log = cycle->log;

    if (ngx_mesh_shm_seq(mcf->shm) == 0) {
        ngx_mesh_agent_cold_start(ag);
    }

    ngx_mesh_snapshot_load(cycle);
}


static void
ngx_mesh_agent_cold_start(ngx_mesh_agent_t *ag)
{
    ngx_mesh_file_read(&ag->file);

    if (ngx_mesh_agent_consider(ag) == NGX_OK) {
        ngx_mesh_agent_decide(ag, ngx_mesh_loader_step(ag->loader, 0), 1);
    }

    if (ngx_mesh_shm_seq(ag->mcf->shm) == 0 && ag->acf->state.len) {
        ngx_mesh_agent_load_state(ag);
    }
}


static void
ngx_mesh_agent_load_state(ngx_mesh_agent_t *ag)
{
    u_char      error[NGX_MESH_STATE_ERROR_LEN];
    ngx_int_t   rc;
    ngx_str_t   reason;

    rc = ngx_mesh_state_read(ag->acf->state.data, ag->mcf->max_document,
                             &ag->text, error, ag->cycle->log);
    if (rc == NGX_DECLINED) {
        return;
    }

    reason.data = error;
    reason.len = (rc == NGX_ERROR) ? ngx_strlen(error) : 0;

    if (rc == NGX_OK && ngx_mesh_agent_load(ag) == NGX_OK) {

        if (ngx_mesh_loader_step(ag->loader, 0) == NGX_OK) {
            ngx_mesh_agent_accept(ag, NGX_MESH_SOURCE_LAST_KNOWN_GOOD, 1);
            ngx_mesh_agent_drop(ag);
            return;
        }

        reason = *ngx_mesh_loader_error(ag->loader);
    }

    if (ag->agent) {
        ngx_log_error(NGX_LOG_WARN, ag->cycle->log, 0,
                      "mesh: last-known-good file \"%V\" is not used: %V",
                      &ag->acf->state, &reason);
    }

    ngx_mesh_agent_drop(ag);
}


void
ngx_mesh_agent_start(void)
{
    ngx_mesh_agent_t       *ag;
    ngx_mesh_shm_status_t   status;
#if (NGX_THREADS)
    ngx_str_t               name;
#endif

    ag = &ngx_mesh_agent;

    ngx_mesh_shm_status(ag->mcf->shm, &status);

    /* by whichever worker it was read; an earlier agent may have failed */
    ag->unsaved = (status.source == NGX_MESH_SOURCE_FILE);
    ag->save_at = ngx_current_msec + ag->mcf->interval;
    ag->source_failed = (status.source_error[0] != '\0');

#if (NGX_THREADS)

    if (ag->acf->threads) {
        ngx_str_set(&name, NGX_MESH_AGENT_THREAD_POOL);

        ag->threads = ngx_thread_pool_get(ag->cycle, &name);
        ag->task = ngx_thread_task_alloc(ag->cycle->pool, 0);

        if (ag->task) {
            ag->task->ctx = ag;
            ag->task->handler = ngx_mesh_agent_work;
            ag->task->event.handler = ngx_mesh_agent_done_handler;
            ag->task->event.data = ag;
            ag->task->event.log = ag->cycle->log;
        }
    }

#endif

    ag->timer.handler = ngx_mesh_agent_timer_handler;
    ag->timer.data = ag;
    ag->timer.log = ag->cycle->log;
    ag->timer.cancelable = 1;

    ngx_add_timer(&ag->timer, NGX_MESH_AGENT_SOON);
}


ngx_uint_t
ngx_mesh_agent_running(void)
{
    return ngx_mesh_agent.mcf != NULL;
}


void
ngx_mesh_agent_stop(void)
{
    ngx_mesh_agent_t  *ag;

    ag = &ngx_mesh_agent;

    if (ag->mcf == NULL) {
        return;
    }

    if (ag->timer.timer_set) {
        ngx_del_timer(&ag->timer);
    }

    if (ag->timer.posted) {
        ngx_delete_posted_event(&ag->timer);
    }

    ngx_mesh_agent_drop(ag);

    if (ag->file.text.data) {
        ngx_free(ag->file.text.data);
    }

    if (ag->state.text.data) {
        ngx_free(ag->state.text.data);
    }

    ngx_memzero(ag, sizeof(ngx_mesh_agent_t));
}


static void
ngx_mesh_agent_timer_handler(ngx_event_t *ev)
{
    ngx_mesh_agent_t *ag = ev->data;

    ngx_int_t  rc;

    /* the successor of an exiting worker has an agent of its own */

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    if (ag->loader) {

        rc = ngx_mesh_agent_slice(ag);

        if (rc == NGX_AGAIN) {
            ngx_post_event(ev, &ngx_posted_next_events);
            return;
        }

        ngx_mesh_agent_decide(ag, rc, 0);

        ngx_add_timer(ev, ag->unsaved ? NGX_MESH_AGENT_SOON
                                      : ag->mcf->interval);
        return;
    }

    ag->saving = (ngx_mesh_agent_prepare_save(ag) == NGX_OK);

    ngx_mesh_agent_post(ag);
}


static ngx_int_t
ngx_mesh_agent_slice(ngx_mesh_agent_t *ag)
{
    ngx_int_t        rc;
    struct timespec  start, now;

    (void) clock_gettime(CLOCK_MONOTONIC, &start);

    do {
        rc = ngx_mesh_loader_step(ag->loader, NGX_MESH_AGENT_UNITS);

        (void) clock_gettime(CLOCK_MONOTONIC, &now);

    } while (rc == NGX_AGAIN
             && (now.tv_sec - start.tv_sec) * 1000000000
                + now.tv_nsec - start.tv_nsec
                < NGX_MESH_AGENT_SLICE_NS);

    return rc;
}


static void
ngx_mesh_agent_post(ngx_mesh_agent_t *ag)
{
#if (NGX_THREADS)

    if (ag->threads && ag->task
        && ngx_thread_task_post(ag->threads, ag->task) == NGX_OK)
    {
        return;
    }

#endif

    ngx_mesh_agent_work(ag, ag->cycle->log);
    ngx_mesh_agent_done(ag);
}


/* in a thread */

static void
ngx_mesh_agent_work(void *data, ngx_log_t *log)
{
    ngx_mesh_agent_t *ag = data;

    if (ag->saving) {
        ngx_mesh_state_write(&ag->state);

    } else {
        ngx_mesh_file_read(&ag->file);
    }
}


#if (NGX_THREADS)

static void
ngx_mesh_agent_done_handler(ngx_event_t *ev)
{
    ngx_mesh_agent_done(ev->data);
}

#endif


static void
ngx_mesh_agent_done(ngx_mesh_agent_t *ag)
{
    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    if (ag->saving) {
        ngx_mesh_agent_saved(ag);

    } else if (ngx_mesh_agent_consider(ag) == NGX_OK) {
        ngx_add_timer(&ag->timer, NGX_MESH_AGENT_SOON);
        return;
    }

    ngx_add_timer(&ag->timer, ag->mcf->interval);
}


/*
 * What became of a look at the source.  NGX_OK: there is a new content, and a
 * loader for it; NGX_DECLINED: there is nothing to validate.
 */

static ngx_int_t
ngx_mesh_agent_consider(ngx_mesh_agent_t *ag)
{
    u_char            *p, *last, reason[NGX_MESH_SHM_REASON_LEN];
    ngx_str_t          s;
    ngx_mesh_file_t   *file;

    file = &ag->file;

    if (file->result == NGX_MESH_FILE_FAILED) {
        ngx_mesh_agent_source_failed(ag);
        return NGX_DECLINED;
    }

    ngx_mesh_agent_source_back(ag);

    if (file->result == NGX_MESH_FILE_READ) {
        return ngx_mesh_agent_compare(ag);
    }

    if (file->result == NGX_MESH_FILE_SAME
        && ag->seq
        && ag->seq != ngx_mesh_shm_seq(ag->mcf->shm))
    {
        /*
         * An agent of before a reload published what it was still validating:
         * the file is to be read again.
         */

        ngx_memzero(&file->known, sizeof(ngx_mesh_file_id_t));
    }

    if (file->result == NGX_MESH_FILE_TOO_LARGE
        && ngx_memcmp(&file->id, &ag->large, sizeof(ngx_mesh_file_id_t)) != 0)
    {
        ag->large = file->id;

        last = reason + sizeof(reason);
        p = ngx_slprintf(reason, last, "%O bytes are more than "
                         "\"max_document_size\" allows, %uz",
                         file->id.size, file->max);

        s.data = reason;
        s.len = p - reason;

        ngx_mesh_agent_refuse(ag, &s);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_mesh_agent_compare(ngx_mesh_agent_t *ag)
{
    ngx_str_t         reason;
    ngx_mesh_file_t  *file;

    file = &ag->file;
    file->known = file->id;

    ag->text = file->text;
    ngx_str_null(&file->text);

    ngx_mesh_agent_follow(ag);

    if (ag->seq
        && ngx_memcmp(file->digest, ag->digest, NGX_MESH_DIGEST_LEN) == 0)
    {
        /* it may have come from the last-known-good file */

        ngx_mesh_shm_confirm(ag->mcf->shm, ag->seq, NGX_MESH_SOURCE_FILE);
        ngx_memzero(ag->refused, NGX_MESH_DIGEST_LEN);
        ngx_mesh_agent_drop(ag);
        return NGX_DECLINED;
    }

    if (ngx_memcmp(file->digest, ag->refused, NGX_MESH_DIGEST_LEN) == 0) {
        ngx_mesh_agent_drop(ag);
        return NGX_DECLINED;
    }

    if (file->young
        && ngx_memcmp(file->digest, ag->doubted, NGX_MESH_DIGEST_LEN) == 0)
    {
        (void) ngx_mesh_agent_doubt(ag);
        ngx_mesh_agent_drop(ag);
        return NGX_DECLINED;
    }

    if (ag->text.len == 0) {
        ngx_str_set(&reason, "the file is empty");

        if (!ngx_mesh_agent_doubt(ag)) {
            ngx_mesh_agent_refuse(ag, &reason);
        }

        ngx_mesh_agent_drop(ag);
        return NGX_DECLINED;
    }

    return ngx_mesh_agent_load(ag);
}


/* a loader for "text"; memory may be short now and not at the next look */

static ngx_int_t
ngx_mesh_agent_load(ngx_mesh_agent_t *ag)
{
    ngx_mesh_loader_conf_t  lc;

    ngx_mesh_loader_conf(ag->mcf, &lc, ag->cycle->log);

    ag->loader = ngx_mesh_loader_create(&lc, &ag->text);

    if (ag->loader == NULL) {
        ngx_mesh_agent_drop(ag);
        ngx_memzero(&ag->file.known, sizeof(ngx_mesh_file_id_t));
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* the digest of what is in force, which another worker may have published */

static void
ngx_mesh_agent_follow(ngx_mesh_agent_t *ag)
{
    ngx_str_t          text;
    ngx_atomic_uint_t  seq;

    if (ngx_mesh_shm_seq(ag->mcf->shm) == ag->seq) {
        return;
    }

    ag->seq = 0;

    if (ngx_mesh_shm_document(ag->mcf->shm, &text, &seq, ag->cycle->log)
        != NGX_OK)
    {
        return;
    }

    if (ngx_mesh_digest(&text, 1, ag->digest) == NGX_OK) {
        ag->seq = seq;
    }

    ngx_free(text.data);
}


static void
ngx_mesh_agent_source_failed(ngx_mesh_agent_t *ag)
{
    u_char           *p, *last, text[64];
    u_char            reason[NGX_MESH_SHM_REASON_LEN];
    ngx_str_t         s;
    ngx_mesh_file_t  *file;

    file = &ag->file;

    ngx_memzero(&file->known, sizeof(ngx_mesh_file_id_t));

    last = reason + sizeof(reason) - 1;

    if (file->err) {
        p = ngx_strerror(file->err, text, sizeof(text));
        s.data = text;
        s.len = p - text;

        p = ngx_slprintf(reason, last, "%s \"%V\" failed (%d: %V)",
                         file->call, &ag->acf->path, file->err, &s);

    } else {
        p = ngx_slprintf(reason, last, "\"%V\" is not a regular file",
                         &ag->acf->path);
    }

    *p = '\0';

    if (!ag->agent || ngx_strcmp(reason, ag->source_error) == 0) {
        return;
    }

    ngx_memcpy(ag->source_error, reason, p + 1 - reason);
    ag->source_failed = 1;

    s.data = reason;
    s.len = p - reason;

    ngx_mesh_shm_source_error(ag->mcf->shm, &s);

    ngx_log_error(NGX_LOG_ERR, ag->cycle->log, 0,
                  "mesh: %V, keeping what configuration there is in force",
                  &s);
}


static void
ngx_mesh_agent_source_back(ngx_mesh_agent_t *ag)
{
    ngx_str_t  none;

    if (!ag->agent || !ag->source_failed) {
        return;
    }

    ag->source_failed = 0;
    ag->source_error[0] = '\0';

    ngx_str_null(&none);
    ngx_mesh_shm_source_error(ag->mcf->shm, &none);

    ngx_log_error(NGX_LOG_NOTICE, ag->cycle->log, 0,
                  "mesh: \"%V\" can be read again", &ag->acf->path);
}


/* the loader came to its end with "rc", the document is from the source */

static void
ngx_mesh_agent_decide(ngx_mesh_agent_t *ag, ngx_int_t rc,
    ngx_uint_t only_first)
{
    if (rc == NGX_OK) {
        ngx_mesh_agent_accept(ag, NGX_MESH_SOURCE_FILE, only_first);

    } else if (!ngx_mesh_agent_doubt(ag)) {
        ngx_mesh_agent_refuse(ag, ngx_mesh_loader_error(ag->loader));
    }

    ngx_mesh_agent_drop(ag);
}


static void
ngx_mesh_agent_drop(ngx_mesh_agent_t *ag)
{
    if (ag->loader) {
        ngx_mesh_loader_free(ag->loader);
        ag->loader = NULL;
    }

    if (ag->text.data) {
        ngx_free(ag->text.data);
        ngx_str_null(&ag->text);
    }
}


static void
ngx_mesh_agent_accept(ngx_mesh_agent_t *ag, ngx_mesh_source_e source,
    ngx_uint_t only_first)
{
    ngx_int_t           rc;
    ngx_mesh_model_t   *model;
    ngx_atomic_uint_t   seq;

    model = ngx_mesh_loader_model(ag->loader);

    rc = ngx_mesh_shm_publish(ag->mcf->shm, &ag->text, &model->version, source,
                              only_first, &seq);

    if (rc == NGX_OK) {

        if (source == NGX_MESH_SOURCE_FILE) {
            ag->seq = seq;
            ngx_memcpy(ag->digest, ag->file.digest, NGX_MESH_DIGEST_LEN);
            ngx_memzero(ag->refused, NGX_MESH_DIGEST_LEN);

            ag->unsaved = 1;
            ag->save_at = ngx_current_msec;
        }

        ngx_mesh_agent_applied(ag, model, source);
    }

    if (rc == NGX_ABORT) {
        ngx_mesh_agent_does_not_fit(ag, source);
    }

    if (rc == NGX_OK) {
        ngx_mesh_snapshot_offer(model, seq);

    } else {
        ngx_mesh_pool_destroy(model->pool);
    }
}


static void
ngx_mesh_agent_does_not_fit(ngx_mesh_agent_t *ag, ngx_mesh_source_e source)
{
    u_char     *p, reason[NGX_MESH_SHM_REASON_LEN];
    ngx_str_t   s;

    p = ngx_slprintf(reason, reason + sizeof(reason),
                     "%uz bytes do not fit into the zone of %uz, which has to "
                     "hold two documents; enlarge \"zone\"",
                     ag->text.len, ag->mcf->zone_size);
    s.data = reason;
    s.len = p - reason;

    if (source == NGX_MESH_SOURCE_FILE) {
        ngx_mesh_agent_refuse(ag, &s);

    } else if (ag->agent) {
        ngx_log_error(NGX_LOG_WARN, ag->cycle->log, 0,
                      "mesh: last-known-good file \"%V\" is not used: %V",
                      &ag->acf->state, &s);
    }
}


/* logged by the one process that published, whichever worker that is */

static void
ngx_mesh_agent_applied(ngx_mesh_agent_t *ag, ngx_mesh_model_t *model,
    ngx_mesh_source_e source)
{
    ngx_str_t   first;
    ngx_uint_t  n;

    if (source == NGX_MESH_SOURCE_LAST_KNOWN_GOOD) {
        ngx_log_error(NGX_LOG_WARN, ag->cycle->log, 0,
                      "mesh: starting with the last known good configuration "
                      "\"%V\" from \"%V\"",
                      &model->version, &ag->acf->state);
    }

    ngx_log_error(NGX_LOG_NOTICE, ag->cycle->log, 0,
                  "mesh: configuration \"%V\" applied: %ui virtual services, "
                  "%ui routes, %ui endpoints, %uz bytes",
                  &model->version, model->nservices, model->nroutes,
                  model->nendpoints, ag->text.len);

    n = ngx_mesh_loader_unknown(ag->loader, &first);

    if (n) {
        ngx_log_error(NGX_LOG_WARN, ag->cycle->log, 0,
                      "mesh: configuration \"%V\" has %ui unknown members "
                      "that are ignored, the first is \"%V\"",
                      &model->version, n, &first);
    }
}


/*
 * May the content be half of one that is being written?  It is read again
 * then, but not validated as long as it is the same.
 */

static ngx_uint_t
ngx_mesh_agent_doubt(ngx_mesh_agent_t *ag)
{
    if (!ag->file.young) {
        return 0;
    }

    ngx_memcpy(ag->doubted, ag->file.digest, NGX_MESH_DIGEST_LEN);
    ngx_memzero(&ag->file.known, sizeof(ngx_mesh_file_id_t));

    return 1;
}


/* a reason ends up in the log, in the status, and is known by its digest */

static void
ngx_mesh_agent_refuse(ngx_mesh_agent_t *ag, ngx_str_t *reason)
{
    ngx_str_t              version;
    ngx_mesh_shm_status_t  status;

    if (!ag->agent) {
        return;
    }

    if (ag->file.result == NGX_MESH_FILE_READ) {
        ngx_memcpy(ag->refused, ag->file.digest, NGX_MESH_DIGEST_LEN);
    }

    ngx_str_null(&version);

    if (ag->loader) {
        ngx_mesh_loader_version(ag->loader, &version);
    }

    ngx_mesh_shm_reject(ag->mcf->shm, &version, reason);

    ngx_mesh_shm_status(ag->mcf->shm, &status);

    if (status.seq) {
        ngx_log_error(NGX_LOG_ERR, ag->cycle->log, 0,
                      "mesh: configuration in \"%V\" rejected, \"%s\" stays "
                      "in force: %V",
                      &ag->acf->path, status.version, reason);

    } else {
        ngx_log_error(NGX_LOG_ERR, ag->cycle->log, 0,
                      "mesh: configuration in \"%V\" rejected, there is none "
                      "in force yet: %V",
                      &ag->acf->path, reason);
    }
}


/* NGX_OK: "state" is what a thread is to write */

static ngx_int_t
ngx_mesh_agent_prepare_save(ngx_mesh_agent_t *ag)
{
    ngx_mesh_state_t       *st;
    ngx_atomic_uint_t       seq;
    ngx_mesh_shm_status_t   status;

    if (!ag->unsaved
        || ag->acf->state.len == 0
        || (ngx_msec_int_t) (ngx_current_msec - ag->save_at) < 0)
    {
        return NGX_DECLINED;
    }

    st = &ag->state;

    ngx_mesh_shm_status(ag->mcf->shm, &status);

    if (status.source != NGX_MESH_SOURCE_FILE
        || ngx_mesh_shm_document(ag->mcf->shm, &st->text, &seq,
                                 ag->cycle->log)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(ag->version, status.version, NGX_MESH_SHM_VERSION_LEN);

    st->version.data = ag->version;
    st->version.len = ngx_strlen(ag->version);

    return NGX_OK;
}


static void
ngx_mesh_agent_saved(ngx_mesh_agent_t *ag)
{
    ngx_mesh_state_t  *st;

    st = &ag->state;

    ngx_free(st->text.data);
    ngx_str_null(&st->text);

    if (st->rc != NGX_ERROR) {
        ag->unsaved = 0;
        ag->state_error[0] = '\0';
        return;
    }

    ag->save_at = ngx_current_msec + NGX_MESH_AGENT_RETRY;

    if (ngx_strcmp(st->error, ag->state_error) == 0) {
        return;
    }

    ngx_memcpy(ag->state_error, st->error, NGX_MESH_STATE_ERROR_LEN);

    ngx_log_error(NGX_LOG_ERR, ag->cycle->log, 0,
                  "mesh: the last-known-good configuration was not written: "
                  "%s, trying again in %d seconds",
                  st->error, NGX_MESH_AGENT_RETRY / 1000);
}
