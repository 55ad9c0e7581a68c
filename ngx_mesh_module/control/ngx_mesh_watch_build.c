
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * From changes of the store to documents that are built anew, in slices, and
 * to the answers of those who wait for them; see ngx_mesh_watch.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_watch_document.h"


#define NGX_MESH_WATCH_SLICE    2000    /* microseconds of building */
#define NGX_MESH_WATCH_ANSWERS  128     /* of one document at a time */


static void ngx_mesh_watch_lost(ngx_mesh_watch_t *watch);
static void ngx_mesh_watch_remember(ngx_mesh_watch_job_t *job,
    ngx_str_t *keys, ngx_uint_t nkeys);
static void ngx_mesh_watch_stale(void *data, void *owner);
static ngx_mesh_watch_document_t *ngx_mesh_watch_next(ngx_mesh_watch_t *watch);
static ngx_int_t ngx_mesh_watch_begin(ngx_mesh_watch_t *watch);
static ngx_int_t ngx_mesh_watch_build(ngx_mesh_watch_t *watch,
    ngx_mesh_watch_document_t *document);
static void ngx_mesh_watch_built(ngx_mesh_watch_document_t *document,
    ngx_mesh_scope_t *scope, ngx_uint_t missing);
static void ngx_mesh_watch_settle(ngx_mesh_watch_document_t *document);
static void ngx_mesh_watch_fail(ngx_mesh_watch_document_t *document,
    ngx_mesh_store_error_e error);
static void ngx_mesh_watch_fetched(ngx_mesh_view_t *view, void *data);
static void ngx_mesh_watch_close(ngx_mesh_watch_t *watch);
static uint64_t ngx_mesh_watch_clock(void);


void
ngx_mesh_watch_changes(void *data, ngx_str_t *keys, ngx_uint_t nkeys,
    uint64_t revision)
{
    ngx_mesh_watch_t *watch = data;

    ngx_uint_t  i;

    watch->news = revision;

    if (keys == NULL) {
        ngx_mesh_watch_lost(watch);
        watch->job.lost = 1;

    } else {
        for (i = 0; i < nkeys; i++) {
            ngx_mesh_depend_find(watch->depend, &keys[i],
                                 ngx_mesh_watch_stale, watch);
        }

        if (watch->job.active) {
            ngx_mesh_watch_remember(&watch->job, keys, nkeys);
        }
    }

    watch->revision = revision;
}


static void
ngx_mesh_watch_lost(ngx_mesh_watch_t *watch)
{
    ngx_rbtree_node_t  *node;

    if (watch->tree.root == &watch->sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(watch->tree.root, &watch->sentinel);
         node;
         node = ngx_rbtree_next(&watch->tree, node))
    {
        ngx_mesh_watch_stale(watch, node);
    }
}


static void
ngx_mesh_watch_remember(ngx_mesh_watch_job_t *job, ngx_str_t *keys,
    ngx_uint_t nkeys)
{
    ngx_str_t   *key;
    ngx_uint_t   i;

    for (i = 0; i < nkeys; i++) {

        key = ngx_array_push(&job->changed);
        if (key == NULL) {
            job->lost = 1;
            return;
        }

        key->len = keys[i].len;
        key->data = ngx_pstrdup(job->pool, &keys[i]);
        if (key->data == NULL) {
            key->len = 0;
            job->lost = 1;
            return;
        }
    }
}


static void
ngx_mesh_watch_stale(void *data, void *owner)
{
    ngx_mesh_watch_t           *watch = data;
    ngx_mesh_watch_document_t  *document = owner;

    /* it may have been built from a state that is newer than the news */

    if (document->stale || document->revision >= watch->news) {
        return;
    }

    document->stale = 1;
    document->revision = ngx_max(document->revision, watch->revision);

    if (!ngx_queue_empty(&document->requests)) {
        ngx_mesh_watch_enqueue(document, &watch->changed);
    }
}


void
ngx_mesh_watch_work(ngx_event_t *ev)
{
    void              **ident = ev->data;
    ngx_mesh_watch_t   *watch = ident[0];

    uint64_t                    end;
    ngx_mesh_watch_job_t       *job;
    ngx_mesh_watch_document_t  *document;

    job = &watch->job;

    if (job->active || ngx_mesh_watch_begin(watch) != NGX_OK) {
        return;
    }

    end = ngx_mesh_watch_clock() + NGX_MESH_WATCH_SLICE;

    do {
        document = ngx_mesh_watch_next(watch);

        if (document == NULL) {
            break;
        }

        if (ngx_queue_empty(&document->requests)
            || (document->more && !document->stale))
        {
            ngx_mesh_watch_settle(document);

        } else if (ngx_mesh_watch_build(watch, document) == NGX_AGAIN) {
            job->documents[job->ndocuments++] = document;
        }

    } while (job->ndocuments < NGX_MESH_WATCH_BATCH
             && ngx_mesh_watch_clock() < end);

    if (job->ndocuments) {
        ngx_mesh_view_fetch(job->view, ngx_mesh_watch_fetched, watch);
        return;
    }

    ngx_mesh_watch_close(watch);
}


static ngx_mesh_watch_document_t *
ngx_mesh_watch_next(ngx_mesh_watch_t *watch)
{
    ngx_queue_t                *queue, *q;
    ngx_mesh_watch_document_t  *document;

    queue = (watch->turn++ % 2) ? &watch->changed : &watch->asked;

    if (ngx_queue_empty(queue)) {
        queue = (queue == &watch->asked) ? &watch->changed : &watch->asked;

        if (ngx_queue_empty(queue)) {
            return NULL;
        }
    }

    q = ngx_queue_head(queue);
    ngx_queue_remove(q);

    document = ngx_queue_data(q, ngx_mesh_watch_document_t, queue);
    document->queued = 0;
    document->building = 1;

    return document;
}


static ngx_int_t
ngx_mesh_watch_begin(ngx_mesh_watch_t *watch)
{
    ngx_mesh_watch_job_t  *job;

    job = &watch->job;

    if (ngx_queue_empty(&watch->asked) && ngx_queue_empty(&watch->changed)) {
        return NGX_DECLINED;
    }

    ngx_memzero(job, sizeof(ngx_mesh_watch_job_t));

    /* if memory is short, the next tick tries again */

    job->pool = ngx_create_pool(NGX_MESH_WATCH_POOL, watch->log);
    if (job->pool == NULL) {
        return NGX_ERROR;
    }

    job->view = ngx_mesh_view_create(job->pool, watch->store);

    if (job->view == NULL
        || ngx_array_init(&job->changed, job->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        ngx_destroy_pool(job->pool);
        return NGX_ERROR;
    }

    job->active = 1;

    return NGX_OK;
}


/* NGX_AGAIN: it waits for the view; otherwise all is done */

static ngx_int_t
ngx_mesh_watch_build(ngx_mesh_watch_t *watch,
    ngx_mesh_watch_document_t *document)
{
    ngx_int_t         rc;
    ngx_pool_t       *pool;
    ngx_mesh_scope_t  scope;

    rc = NGX_ERROR;

    pool = ngx_create_pool(NGX_MESH_WATCH_POOL, watch->log);

    if (pool) {
        rc = ngx_mesh_scope_build(watch->job.view, pool, &document->id,
                                  &scope);
    }

    switch (rc) {

    case NGX_AGAIN:
        break;

    case NGX_OK:
        ngx_mesh_watch_built(document, &scope, 0);
        break;

    case NGX_DECLINED:
        ngx_mesh_watch_built(document, &scope, 1);
        break;

    default:
        ngx_mesh_watch_fail(document, ngx_mesh_view_error(watch->job.view));
        break;
    }

    if (pool) {
        ngx_destroy_pool(pool);
    }

    return rc;
}


static void
ngx_mesh_watch_built(ngx_mesh_watch_document_t *document,
    ngx_mesh_scope_t *scope, ngx_uint_t missing)
{
    ngx_str_t             *keys;
    ngx_uint_t             i, stale;
    ngx_mesh_watch_t      *watch;
    ngx_mesh_watch_job_t  *job;

    watch = document->watch;
    job = &watch->job;

    ngx_mesh_scope_release(document->text);

    document->known = 1;
    document->missing = missing;
    document->stale = 0;
    document->revision = ngx_mesh_view_revision(job->view);
    document->text = NULL;

    if (!missing) {
        document->text = scope->text;
        ngx_memcpy(document->version, scope->version,
                   NGX_MESH_SCOPE_VERSION_LEN);
    }

    stale = job->lost;
    keys = job->changed.elts;

    for (i = 0; i < job->changed.nelts && !stale; i++) {
        stale = ngx_mesh_depend_among(&keys[i], scope->depends.elts,
                                      scope->depends.nelts);
    }

    /* what nobody would tell us about is never current */

    if (ngx_mesh_depend_set(watch->depend, &document->depends, document,
                            scope->depends.elts, scope->depends.nelts)
        != NGX_OK)
    {
        ngx_mesh_watch_fail(document, NGX_MESH_STORE_FAILED);
        return;
    }

    ngx_mesh_watch_settle(document);

    if (stale) {
        document->stale = 1;

        if (!ngx_queue_empty(&document->requests)) {
            ngx_mesh_watch_enqueue(document, &watch->changed);
        }
    }
}


/*
 * Answers those who can be, many of one document in several turns; the text
 * stays that long.
 */

static void
ngx_mesh_watch_settle(ngx_mesh_watch_document_t *document)
{
    ngx_mesh_watch_t  *watch;

    watch = document->watch;

    ngx_mesh_watch_each(document, ngx_mesh_watch_settle_one, NULL,
                        NGX_MESH_WATCH_ANSWERS);

    document->building = 0;

    if (document->more) {
        ngx_mesh_watch_enqueue(document, &watch->changed);
        return;
    }

    ngx_mesh_scope_release(document->text);
    document->text = NULL;

    if (document->again) {
        document->again = 0;

        if (!ngx_queue_empty(&document->requests)) {
            ngx_mesh_watch_enqueue(document, &watch->asked);
        }
    }

    ngx_mesh_watch_rest(document);
}


static void
ngx_mesh_watch_fail(ngx_mesh_watch_document_t *document,
    ngx_mesh_store_error_e error)
{
    ngx_mesh_scope_release(document->text);

    document->text = NULL;
    document->stale = 1;

    ngx_mesh_watch_each(document, ngx_mesh_watch_fail_one, &error, 0);

    document->building = 0;
    document->again = 0;

    if (ngx_queue_empty(&document->requests)) {
        ngx_mesh_watch_rest(document);
        return;
    }

    document->queued = 1;
    ngx_queue_insert_tail(&document->watch->failed, &document->queue);
}


static void
ngx_mesh_watch_fetched(ngx_mesh_view_t *view, void *data)
{
    ngx_mesh_watch_t *watch = data;

    ngx_uint_t                  i, n;
    ngx_mesh_watch_job_t       *job;
    ngx_mesh_watch_document_t  *document;

    job = &watch->job;

    n = job->ndocuments;
    job->ndocuments = 0;

    for (i = 0; i < n; i++) {
        document = job->documents[i];

        if (ngx_mesh_watch_build(watch, document) == NGX_AGAIN) {
            job->documents[job->ndocuments++] = document;
        }
    }

    if (job->ndocuments) {
        ngx_mesh_view_fetch(job->view, ngx_mesh_watch_fetched, watch);
        return;
    }

    ngx_mesh_watch_close(watch);
}


/* the end of a slice; the next one comes after other events */

static void
ngx_mesh_watch_close(ngx_mesh_watch_t *watch)
{
    ngx_destroy_pool(watch->job.pool);
    watch->job.active = 0;

    if (!ngx_queue_empty(&watch->asked) || !ngx_queue_empty(&watch->changed)) {
        if (!watch->work.posted) {
            ngx_post_event(&watch->work, &ngx_posted_next_events);
        }
    }
}


/* microseconds; the cached time of nginx stands still in a slice */

static uint64_t
ngx_mesh_watch_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
