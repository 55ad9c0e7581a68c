
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The agent: from what a source found to the shared document.
 *
 * In the worker that has the lease one cancelable timer drives everything, one
 * thing at a time: validate a new content (in slices between other events),
 * publish or refuse it, write the last-known-good file (in a thread), look at
 * the source again.  A second timer renews the lease, or waits for it.
 *
 * A content is known by its SHA-256, not by the version it gives itself.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_agent.h"
#include "ngx_mesh_agent_source.h"


#define NGX_MESH_AGENT_UNITS       16       /* of a document, in a step */
#define NGX_MESH_AGENT_SLICE_NS    150000   /* of steps, between other events */
#define NGX_MESH_AGENT_SETTLE      100      /* ms, at least */

/* ms between looks at the lease: the holder's, worker 0's, the others' */
#define NGX_MESH_AGENT_BEAT        1000
#define NGX_MESH_AGENT_WAIT_FIRST  50
#define NGX_MESH_AGENT_WAIT        500


static void ngx_mesh_agent_cold_start(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_lease_handler(ngx_event_t *ev);
static void ngx_mesh_agent_take(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_yield(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_next(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_timer_handler(ngx_event_t *ev);
static ngx_int_t ngx_mesh_agent_slice(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_post(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_work(void *data);
static void ngx_mesh_agent_done(void *data);
static void ngx_mesh_agent_follow(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_decide(ngx_mesh_agent_t *ag, ngx_int_t rc,
    ngx_uint_t only_first);
static void ngx_mesh_agent_accepted(ngx_mesh_agent_t *ag,
    ngx_mesh_source_e source, ngx_atomic_uint_t seq);
static void ngx_mesh_agent_does_not_fit(ngx_mesh_agent_t *ag,
    ngx_mesh_source_e source);
static void ngx_mesh_agent_applied(ngx_mesh_agent_t *ag,
    ngx_mesh_model_t *model, ngx_mesh_source_e source);


/* worker runtime; "mcf" is NULL where there is nothing to do */
static ngx_mesh_agent_t  ngx_mesh_agent_worker;


void
ngx_mesh_agent_init_worker(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_agent_conf_t *acf)
{
    ngx_mesh_agent_t  *ag;

    ag = &ngx_mesh_agent_worker;

    ngx_memzero(ag, sizeof(ngx_mesh_agent_t));

    ag->ident[3] = (void *) -1;
    ag->mcf = mcf;
    ag->acf = acf;
    ag->cycle = cycle;
    ag->first = (ngx_process == NGX_PROCESS_SINGLE || ngx_worker == 0);
    ag->agent = ag->first;

    ag->source = mcf->control.url.host.len ? &ngx_mesh_agent_http
                                           : &ngx_mesh_agent_file;

    ag->file.path = acf->source.data;
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
    if (ag->source->cold && ag->source->cold(ag) == NGX_OK) {
        ngx_mesh_agent_decide(ag, ngx_mesh_loader_step(ag->loader, 0), 1);
        ngx_mesh_agent_drop(ag);
    }

    if (ngx_mesh_shm_seq(ag->mcf->shm) == 0 && ag->acf->state.len) {
        ngx_mesh_agent_load_state(ag);
    }
}


void
ngx_mesh_agent_start(void)
{
    ngx_mesh_agent_t  *ag;

    ag = &ngx_mesh_agent_worker;

    ag->agent = 0;

    ag->timer.handler = ngx_mesh_agent_timer_handler;
    ag->timer.data = ag;
    ag->timer.log = ag->cycle->log;
    ag->timer.cancelable = 1;

    ag->lease.handler = ngx_mesh_agent_lease_handler;
    ag->lease.data = ag;
    ag->lease.log = ag->cycle->log;
    ag->lease.cancelable = 1;

    ag->task.work = ngx_mesh_agent_work;
    ag->task.done = ngx_mesh_agent_done;
    ag->task.data = ag;

    ngx_mesh_agent_lease_handler(&ag->lease);
}


/*
 * After a reload the new worker 0 waits here for the old one, which gives the
 * lease up as soon as it is told to quit.
 */

static void
ngx_mesh_agent_lease_handler(ngx_event_t *ev)
{
    ngx_mesh_agent_t *ag = ev->data;

    if (ag->agent) {

        if (ngx_mesh_agent_holds(ag)) {
            ngx_add_timer(ev, NGX_MESH_AGENT_BEAT);
            return;
        }

    } else if (!ngx_exiting && !ngx_quit && !ngx_terminate
               && ngx_mesh_shm_agent_acquire(ag->mcf->shm, ag->first))
    {
        ngx_mesh_agent_take(ag);
        ngx_add_timer(ev, NGX_MESH_AGENT_BEAT);
        return;
    }

    if (!ngx_exiting) {
        ngx_add_timer(ev, ag->first ? NGX_MESH_AGENT_WAIT_FIRST
                                    : NGX_MESH_AGENT_WAIT);
    }
}


static void
ngx_mesh_agent_take(ngx_mesh_agent_t *ag)
{
    ngx_mesh_shm_status_t  status;

    if (!ag->first) {
        ngx_log_error(NGX_LOG_WARN, ag->cycle->log, 0,
                      "mesh: worker %ui looks after the configuration, since "
                      "worker 0 does not", ngx_worker);
    }

    ag->agent = 1;

    ngx_mesh_shm_status(ag->mcf->shm, &status);

    /* by whichever worker it was read; an earlier agent may have failed */
    ag->unsaved = (status.source == ag->source->kind);
    ag->save_at = ngx_current_msec + ag->mcf->interval;
    ag->source_failed = (status.source_error[0] != '\0');

    if (ag->source->start(ag) != NGX_OK) {
        ngx_mesh_agent_yield(ag);
        return;
    }

    if (ag->source->work) {
        ngx_add_timer(&ag->timer, NGX_MESH_AGENT_SOON);

    } else {
        ngx_mesh_agent_next(ag);
    }
}


ngx_uint_t
ngx_mesh_agent_holds(ngx_mesh_agent_t *ag)
{
    if (!ag->agent) {
        return 0;
    }

    /* the successor of an exiting worker has an agent of its own */

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        ngx_mesh_agent_yield(ag);
        return 0;
    }

    if (!ngx_mesh_shm_agent_beat(ag->mcf->shm)) {
        ngx_log_error(NGX_LOG_WARN, ag->cycle->log, 0,
                      "mesh: another worker looks after the configuration");
        ngx_mesh_agent_yield(ag);
        return 0;
    }

    return 1;
}


static void
ngx_mesh_agent_yield(ngx_mesh_agent_t *ag)
{
    ag->agent = 0;

    if (ag->timer.timer_set) {
        ngx_del_timer(&ag->timer);
    }

    if (ag->timer.posted) {
        ngx_delete_posted_event(&ag->timer);
    }

    ag->source->stop(ag);

    ngx_mesh_agent_drop(ag);
    ngx_mesh_shm_agent_release(ag->mcf->shm);
}


ngx_uint_t
ngx_mesh_agent_running(void)
{
    return ngx_mesh_agent_worker.mcf != NULL;
}


void
ngx_mesh_agent_stop(void)
{
    ngx_mesh_agent_t  *ag;

    ag = &ngx_mesh_agent_worker;

    if (ag->mcf == NULL) {
        return;
    }

    if (ag->lease.timer_set) {
        ngx_del_timer(&ag->lease);
    }

    if (ag->busy) {
        /* a file that is half written is not left behind */
        ngx_mesh_task_wait(&ag->task);
    }

    if (ag->agent) {
        ngx_mesh_agent_yield(ag);
    }

    if (ag->file.text.data) {
        ngx_free(ag->file.text.data);
    }

    if (ag->state.text.data) {
        ngx_free(ag->state.text.data);
    }

    ngx_memzero(ag, sizeof(ngx_mesh_agent_t));
}


/* when is there something to do, if nothing comes in between? */

static void
ngx_mesh_agent_next(ngx_mesh_agent_t *ag)
{
    ngx_msec_int_t  delay;

    if (ag->loader) {
        ngx_add_timer(&ag->timer, NGX_MESH_AGENT_SOON);
        return;
    }

    if (ag->busy) {
        return;
    }

    delay = ag->source->work ? (ngx_msec_int_t) ag->mcf->interval : -1;

    if (ag->unsaved && ag->acf->state.len) {

        if (delay == -1
            || (ngx_msec_int_t) (ag->save_at - ngx_current_msec) < delay)
        {
            delay = ag->save_at - ngx_current_msec;
            delay = ngx_max(delay, NGX_MESH_AGENT_SOON);
        }
    }

    if (delay != -1) {
        ngx_add_timer(&ag->timer, (ngx_msec_t) delay);
    }
}


void
ngx_mesh_agent_wake(ngx_mesh_agent_t *ag)
{
    ngx_post_event(&ag->timer, &ngx_posted_next_events);
}


static void
ngx_mesh_agent_timer_handler(ngx_event_t *ev)
{
    ngx_mesh_agent_t *ag = ev->data;

    ngx_int_t  rc;

    if (!ngx_mesh_agent_holds(ag)) {
        return;
    }

    if (ag->loader) {

        if (!ag->over) {
            rc = ngx_mesh_agent_slice(ag);

            if (rc != NGX_AGAIN) {
                ag->over = 1;
                ngx_mesh_agent_decide(ag, rc, 0);
            }

            ngx_post_event(ev, &ngx_posted_next_events);
            return;
        }

        /* to give a large text back takes as long as to publish it */

        ngx_mesh_agent_drop(ag);

        if (ag->source->decided) {
            ag->source->decided(ag);
        }

        ngx_mesh_agent_next(ag);
        return;
    }

    if (ag->busy) {
        return;
    }

    ag->saving = (ngx_mesh_agent_prepare_save(ag) == NGX_OK);

    if (ag->saving || ag->source->work) {
        ngx_mesh_agent_post(ag);
    }
}


static ngx_int_t
ngx_mesh_agent_slice(ngx_mesh_agent_t *ag)
{
    ngx_int_t        rc;
    struct timespec  start, now;

    (void) clock_gettime(CLOCK_MONOTONIC, &start);

    do {
        if (ag->valid) {
            rc = ngx_mesh_shm_touch(ag->mcf->shm, ag->text.len, &ag->touched);

        } else {
            rc = ngx_mesh_loader_step(ag->loader, NGX_MESH_AGENT_UNITS);

            if (rc == NGX_OK) {
                ag->valid = 1;
                ag->touched = 0;
                rc = NGX_AGAIN;
            }
        }

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
    ag->busy = 1;

    if (ngx_mesh_task_post(&ag->task, ag->cycle->log) == NGX_OK) {
        return;
    }

    ngx_mesh_agent_work(ag);
    ngx_mesh_agent_done(ag);
}


/* in a thread */

static void
ngx_mesh_agent_work(void *data)
{
    ngx_mesh_agent_t *ag = data;

    if (ag->saving) {
        ngx_mesh_state_write(&ag->state);

    } else {
        ag->source->work(ag);
    }
}


static void
ngx_mesh_agent_done(void *data)
{
    ngx_mesh_agent_t *ag = data;

    ag->busy = 0;

    if (ag->saving) {
        ngx_mesh_agent_saved(ag);
    }

    if (!ngx_mesh_agent_holds(ag)) {

        if (ag->file.text.data) {
            ngx_free(ag->file.text.data);
            ngx_str_null(&ag->file.text);
        }

        ag->source->stop(ag);
        return;
    }

    if (!ag->saving) {
        (void) ag->source->done(ag);
    }

    ngx_mesh_agent_next(ag);
}


ngx_int_t
ngx_mesh_agent_offer(ngx_mesh_agent_t *ag)
{
    ngx_mesh_agent_follow(ag);

    if (ag->seq
        && ngx_memcmp(ag->content, ag->digest, NGX_MESH_DIGEST_LEN) == 0)
    {
        /* it may have come from the last-known-good file */

        ngx_mesh_shm_confirm(ag->mcf->shm, ag->seq, ag->source->kind);
        ngx_memzero(ag->refused, NGX_MESH_DIGEST_LEN);
        ngx_mesh_agent_drop(ag);
        return NGX_DONE;
    }

    if (ngx_memcmp(ag->content, ag->refused, NGX_MESH_DIGEST_LEN) == 0) {
        ngx_mesh_agent_drop(ag);
        return NGX_DECLINED;
    }

    return ngx_mesh_agent_load(ag);
}


/* a loader for "text"; memory may be short now and not at the next look */

ngx_int_t
ngx_mesh_agent_load(ngx_mesh_agent_t *ag)
{
    ngx_mesh_loader_conf_t  lc;

    ngx_mesh_loader_conf(ag->mcf, &lc, ag->cycle->log);

    ag->loader = ngx_mesh_loader_create(&lc, &ag->text);

    if (ag->loader == NULL) {
        ngx_mesh_agent_drop(ag);
        return NGX_ERROR;
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


void
ngx_mesh_agent_source_failed(ngx_mesh_agent_t *ag, ngx_str_t *reason)
{
    uint32_t    hash;
    ngx_uint_t  i, n;

    if (!ag->agent) {
        return;
    }

    ag->source_failed = 1;

    ngx_mesh_shm_source_error(ag->mcf->shm, reason);

    /* a source that fails in turns for two reasons is not to fill the disk */

    hash = ngx_crc32_long(reason->data, reason->len);
    n = ngx_min(ag->nreasons, NGX_MESH_AGENT_REASONS);

    for (i = 0; i < n; i++) {
        if (ag->reasons[i] == hash) {
            return;
        }
    }

    ag->reasons[ag->nreasons++ % NGX_MESH_AGENT_REASONS] = hash;

    ngx_log_error(NGX_LOG_ERR, ag->cycle->log, 0,
                  "mesh: %V, keeping what configuration there is in force",
                  reason);
}


void
ngx_mesh_agent_source_back(ngx_mesh_agent_t *ag, const char *what)
{
    ngx_str_t  none;

    if (!ag->agent || !ag->source_failed) {
        return;
    }

    ag->source_failed = 0;
    ag->nreasons = 0;

    ngx_str_null(&none);
    ngx_mesh_shm_source_error(ag->mcf->shm, &none);

    ngx_log_error(NGX_LOG_NOTICE, ag->cycle->log, 0,
                  "mesh: \"%V\" %s again", &ag->acf->source, what);
}


/* the loader came to its end with "rc", the document is from the source */

static void
ngx_mesh_agent_decide(ngx_mesh_agent_t *ag, ngx_int_t rc,
    ngx_uint_t only_first)
{
    if (rc == NGX_OK) {
        ngx_mesh_agent_accept(ag, ag->source->kind, only_first);

    } else if (ag->source->doubt == NULL || !ag->source->doubt(ag)) {
        ngx_mesh_agent_refuse(ag, ngx_mesh_loader_error(ag->loader));
    }
}


void
ngx_mesh_agent_drop(ngx_mesh_agent_t *ag)
{
    if (ag->loader) {
        ngx_mesh_loader_free(ag->loader);
        ag->loader = NULL;
        ag->valid = 0;
        ag->over = 0;
    }

    if (ag->text.data) {
        ngx_free(ag->text.data);
        ngx_str_null(&ag->text);
    }
}


void
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
        ngx_mesh_agent_accepted(ag, source, seq);
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
ngx_mesh_agent_accepted(ngx_mesh_agent_t *ag, ngx_mesh_source_e source,
    ngx_atomic_uint_t seq)
{
    if (source == NGX_MESH_SOURCE_LAST_KNOWN_GOOD) {
        ngx_mesh_shm_origin(ag->mcf->shm, seq, &ag->state.origin);
        return;
    }

    ag->seq = seq;
    ngx_memcpy(ag->digest, ag->content, NGX_MESH_DIGEST_LEN);
    ngx_memzero(ag->refused, NGX_MESH_DIGEST_LEN);

    ag->unsaved = 1;
    ag->save_at = ngx_current_msec;

    if (ag->source->accepted) {
        ag->source->accepted(ag, seq);
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

    if (source != NGX_MESH_SOURCE_LAST_KNOWN_GOOD) {
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


/* a reason ends up in the log, in the status, and is known by its digest */

void
ngx_mesh_agent_refuse(ngx_mesh_agent_t *ag, ngx_str_t *reason)
{
    ngx_str_t              version;
    ngx_mesh_shm_status_t  status;

    if (!ag->agent) {
        return;
    }

    ag->source->refused(ag);

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
                      &ag->acf->source, status.version, reason);

    } else {
        ngx_log_error(NGX_LOG_ERR, ag->cycle->log, 0,
                      "mesh: configuration in \"%V\" rejected, there is none "
                      "in force yet: %V",
                      &ag->acf->source, reason);
    }
}
