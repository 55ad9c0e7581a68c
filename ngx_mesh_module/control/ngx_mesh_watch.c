
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Who waits for which document.
 *
 * Everything is of one worker.  A document is in one of these states:
 *
 *     current     its version is that of the newest revision we heard of;
 *                 requests are answered from it, or held
 *     stale       a key that it was made from has changed, or nothing is
 *                 known of it yet
 *
 * and in one queue: of those to be built because somebody new asks, of those
 * to be built because they changed, or of those that nobody waits for.  The
 * first two are served in turn, a slice of some milliseconds for each turn of
 * the event loop, so that neither a change of everything nor ten thousand
 * proxies that come at once keep others waiting.  Documents of a slice share
 * one view, since they have much in common.  A document that nobody waits for
 * is kept for a while, for the proxy that comes back with what it was given.
 *
 * Over a store that answers later, changes may be told between the read of a
 * build and its end; their keys are remembered and compared in the end.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_depend.h"
#include "ngx_mesh_watch.h"


#define NGX_MESH_WATCH_SLICE    2000        /* microseconds of building */
#define NGX_MESH_WATCH_BATCH    64          /* documents of one view */
#define NGX_MESH_WATCH_ANSWERS  128         /* of one document at a time */
#define NGX_MESH_WATCH_TICK     500         /* milliseconds */
#define NGX_MESH_WATCH_IDLE     30000       /* without a request, milliseconds */
#define NGX_MESH_WATCH_IDLE_MAX 16384       /* documents without requests */
#define NGX_MESH_WATCH_POOL     4096


struct ngx_mesh_watch_document_s {
    ngx_str_node_t               node;      /* the key of the resource */
    ngx_mesh_id_t                id;        /* points into it */

    ngx_mesh_watch_t            *watch;
    ngx_queue_t                  requests;
    ngx_queue_t                  queue;     /* to be built, or idle */

    ngx_mesh_depend_list_t       depends;
    uint64_t                     revision;  /* when last seen to be current */
    ngx_msec_t                   used;
    ngx_mesh_scope_text_t       *text;      /* only while answers are made */
    u_char                       version[NGX_MESH_SCOPE_VERSION_LEN];

    unsigned                     known:1;   /* version, or missing */
    unsigned                     missing:1;
    unsigned                     stale:1;
    unsigned                     queued:1;  /* to be built */
    unsigned                     building:1;
    unsigned                     again:1;   /* asked for while building */
    unsigned                     more:1;    /* to be answered with "text" */
    unsigned                     idle:1;
};


/* what is built now; over a store that is "sync" it ends where it began */

typedef struct {
    ngx_pool_t                  *pool;
    ngx_mesh_view_t             *view;
    ngx_mesh_watch_document_t   *documents[NGX_MESH_WATCH_BATCH];
    ngx_uint_t                   ndocuments;
    ngx_array_t                  changed;   /* of ngx_str_t: keys, since then */
    unsigned                     active:1;
    unsigned                     lost:1;    /* more than "changed" */
} ngx_mesh_watch_job_t;


struct ngx_mesh_watch_s {
    ngx_log_t                   *log;
    ngx_mesh_store_t            *store;
    ngx_mesh_depend_t           *depend;

    ngx_rbtree_t                 tree;
    ngx_rbtree_node_t            sentinel;

    ngx_queue_t                  asked;     /* to be built: somebody is new */
    ngx_queue_t                  changed;   /* to be built: it changed */
    ngx_queue_t                  failed;    /* to be built, after a while */
    ngx_queue_t                  idle;      /* oldest first */
    ngx_uint_t                   nidle;
    ngx_uint_t                   turn;

    uint64_t                     revision;  /* that we have heard of */
    uint64_t                     news;      /* that we are being told of */

    ngx_event_t                  work;      /* posted */
    ngx_event_t                  tick;      /* timer */
    void                        *ident[4];  /* of both, for debug logging */

    ngx_mesh_watch_job_t         job;
};


/* whether the request was answered */
typedef ngx_uint_t (*ngx_mesh_watch_each_pt)(ngx_mesh_watch_request_t *request,
    void *data);


static ngx_mesh_watch_document_t *ngx_mesh_watch_get(ngx_mesh_watch_t *watch,
    ngx_mesh_id_t *id);
static ngx_mesh_watch_document_t *ngx_mesh_watch_add(ngx_mesh_watch_t *watch,
    ngx_str_t *key, uint32_t hash);
static void ngx_mesh_watch_free(ngx_mesh_watch_document_t *document);
static void ngx_mesh_watch_rest(ngx_mesh_watch_document_t *document);
static void ngx_mesh_watch_enqueue(ngx_mesh_watch_document_t *document,
    ngx_queue_t *queue);
static ngx_int_t ngx_mesh_watch_answer(ngx_mesh_watch_request_t *request);
static void ngx_mesh_watch_fill(ngx_mesh_watch_request_t *request);
static void ngx_mesh_watch_each(ngx_mesh_watch_document_t *document,
    ngx_mesh_watch_each_pt handler, void *data, ngx_uint_t limit);
static ngx_uint_t ngx_mesh_watch_settle_one(ngx_mesh_watch_request_t *request,
    void *data);
static ngx_uint_t ngx_mesh_watch_fail_one(ngx_mesh_watch_request_t *request,
    void *data);
static ngx_uint_t ngx_mesh_watch_exit_one(ngx_mesh_watch_request_t *request,
    void *data);
static void ngx_mesh_watch_end(ngx_mesh_watch_request_t *request);
static void ngx_mesh_watch_timer(ngx_event_t *ev);
static void ngx_mesh_watch_changes(void *data, ngx_str_t *keys,
    ngx_uint_t nkeys, uint64_t revision);
static void ngx_mesh_watch_lost(ngx_mesh_watch_t *watch);
static void ngx_mesh_watch_remember(ngx_mesh_watch_job_t *job,
    ngx_str_t *keys, ngx_uint_t nkeys);
static void ngx_mesh_watch_stale(void *data, void *owner);
static void ngx_mesh_watch_work(ngx_event_t *ev);
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
static void ngx_mesh_watch_tick(ngx_event_t *ev);
static void ngx_mesh_watch_expire(ngx_mesh_watch_t *watch);
static void ngx_mesh_watch_exiting(ngx_mesh_watch_t *watch);
static uint64_t ngx_mesh_watch_clock(void);


ngx_mesh_watch_t *
ngx_mesh_watch_create(ngx_mesh_store_t *store, ngx_log_t *log)
{
    ngx_mesh_watch_t  *watch;

    watch = ngx_calloc(sizeof(ngx_mesh_watch_t), log);
    if (watch == NULL) {
        return NULL;
    }

    watch->log = log;
    watch->store = store;

    watch->depend = ngx_mesh_depend_create(log);
    if (watch->depend == NULL) {
        ngx_free(watch);
        return NULL;
    }

    ngx_rbtree_init(&watch->tree, &watch->sentinel,
                    ngx_str_rbtree_insert_value);

    ngx_queue_init(&watch->asked);
    ngx_queue_init(&watch->changed);
    ngx_queue_init(&watch->failed);
    ngx_queue_init(&watch->idle);

    watch->ident[0] = watch;
    watch->ident[3] = (void *) -1;

    watch->work.handler = ngx_mesh_watch_work;
    watch->work.data = watch->ident;
    watch->work.log = log;

    watch->tick.handler = ngx_mesh_watch_tick;
    watch->tick.data = watch->ident;
    watch->tick.log = log;
    watch->tick.cancelable = 1;

    ngx_add_timer(&watch->tick, NGX_MESH_WATCH_TICK);

    ngx_mesh_store_watch(store, ngx_mesh_watch_changes, watch);

    return watch;
}


void
ngx_mesh_watch_destroy(ngx_mesh_watch_t *watch)
{
    ngx_rbtree_node_t  *node;

    if (watch->tick.timer_set) {
        ngx_del_timer(&watch->tick);
    }

    if (watch->work.posted) {
        ngx_delete_posted_event(&watch->work);
    }

    while (watch->tree.root != &watch->sentinel) {
        node = ngx_rbtree_min(watch->tree.root, &watch->sentinel);
        ngx_mesh_watch_free((ngx_mesh_watch_document_t *) node);
    }

    if (watch->job.active) {
        ngx_destroy_pool(watch->job.pool);
    }

    ngx_mesh_depend_destroy(watch->depend);
    ngx_free(watch);
}


ngx_int_t
ngx_mesh_watch_start(ngx_mesh_watch_t *watch, ngx_mesh_id_t *id,
    ngx_mesh_watch_request_t *request)
{
    ngx_mesh_watch_document_t  *document;

    /* what was answered to whomever before this request is in the answer */
    ngx_mesh_store_poll(watch->store);

    document = ngx_mesh_watch_get(watch, id);
    if (document == NULL) {
        return NGX_ERROR;
    }

    request->document = document;

    if (ngx_exiting) {
        request->wait = 0;
    }

    if (ngx_mesh_watch_answer(request) == NGX_OK) {
        request->document = NULL;
        ngx_mesh_watch_rest(document);
        return NGX_OK;
    }

    if (document->idle) {
        ngx_queue_remove(&document->queue);
        document->idle = 0;
        watch->nidle--;
    }

    ngx_queue_insert_tail(&document->requests, &request->queue);

    if (document->stale || !document->known
        || !ngx_mesh_watch_match(&request->known, document->version,
                                 NGX_MESH_SCOPE_VERSION_LEN))
    {
        ngx_mesh_watch_enqueue(document, &watch->asked);
    }

    if (request->wait) {
        request->ident[0] = request;
        request->ident[3] = (void *) -1;

        request->timer.handler = ngx_mesh_watch_timer;
        request->timer.data = request->ident;
        request->timer.log = watch->log;

        ngx_add_timer(&request->timer, request->wait);
    }

    return NGX_AGAIN;
}


void
ngx_mesh_watch_cancel(ngx_mesh_watch_request_t *request)
{
    ngx_mesh_watch_document_t  *document;

    document = request->document;

    if (document) {
        ngx_mesh_watch_end(request);
        ngx_mesh_watch_rest(document);
    }
}


/* RFC 9110, 13.1.2: "*", or a list of tags; weak comparison */

ngx_uint_t
ngx_mesh_watch_match(ngx_str_t *known, u_char *version, size_t len)
{
    u_char  *p, *last, *end;

    p = known->data;
    last = p + known->len;

    if (known->len == 1 && *p == '*') {
        return 1;
    }

    while (p < last) {

        p = ngx_strlchr(p, last, '"');
        if (p == NULL) {
            return 0;
        }

        end = ngx_strlchr(++p, last, '"');
        if (end == NULL) {
            return 0;
        }

        if ((size_t) (end - p) == len && ngx_memcmp(p, version, len) == 0) {
            return 1;
        }

        p = end + 1;
    }

    return 0;
}


static ngx_mesh_watch_document_t *
ngx_mesh_watch_get(ngx_mesh_watch_t *watch, ngx_mesh_id_t *id)
{
    uint32_t                    hash;
    ngx_str_t                   key;
    ngx_pool_t                 *pool;
    ngx_mesh_watch_document_t  *document;

    pool = ngx_create_pool(NGX_MESH_WATCH_POOL, watch->log);
    if (pool == NULL) {
        return NULL;
    }

    document = NULL;

    if (ngx_mesh_id_key(pool, id, &key) == NGX_OK) {
        hash = ngx_crc32_short(key.data, key.len);

        document = (ngx_mesh_watch_document_t *)
                       ngx_str_rbtree_lookup(&watch->tree, &key, hash);
        if (document == NULL) {
            document = ngx_mesh_watch_add(watch, &key, hash);
        }
    }

    ngx_destroy_pool(pool);

    return document;
}


static ngx_mesh_watch_document_t *
ngx_mesh_watch_add(ngx_mesh_watch_t *watch, ngx_str_t *key, uint32_t hash)
{
    u_char                     *p;
    ngx_mesh_watch_document_t  *document;

    document = ngx_calloc(sizeof(ngx_mesh_watch_document_t) + key->len,
                          watch->log);
    if (document == NULL) {
        return NULL;
    }

    p = (u_char *) (document + 1);
    ngx_memcpy(p, key->data, key->len);

    document->node.node.key = hash;
    document->node.str.data = p;
    document->node.str.len = key->len;

    if (ngx_mesh_id_of_key(&document->node.str, &document->id) != NGX_OK) {
        ngx_free(document);
        return NULL;
    }

    document->watch = watch;
    ngx_queue_init(&document->requests);

    ngx_rbtree_insert(&watch->tree, &document->node.node);

    return document;
}


static void
ngx_mesh_watch_free(ngx_mesh_watch_document_t *document)
{
    ngx_mesh_watch_t  *watch;

    watch = document->watch;

    if (document->idle || document->queued) {
        ngx_queue_remove(&document->queue);
    }

    (void) ngx_mesh_depend_set(watch->depend, &document->depends, document,
                               NULL, 0);
    ngx_mesh_scope_release(document->text);
    ngx_rbtree_delete(&watch->tree, &document->node.node);
    ngx_free(document);
}


/* among the idle, as the one used last, if nothing keeps it from there */

static void
ngx_mesh_watch_rest(ngx_mesh_watch_document_t *document)
{
    ngx_mesh_watch_t  *watch;

    if (document->queued || document->building
        || !ngx_queue_empty(&document->requests))
    {
        return;
    }

    watch = document->watch;

    if (document->idle) {
        ngx_queue_remove(&document->queue);

    } else {
        document->idle = 1;
        watch->nidle++;
    }

    document->used = ngx_current_msec;
    ngx_queue_insert_tail(&watch->idle, &document->queue);
}


static void
ngx_mesh_watch_enqueue(ngx_mesh_watch_document_t *document, ngx_queue_t *queue)
{
    ngx_mesh_watch_t  *watch;

    if (document->building) {
        document->again = 1;
        return;
    }

    watch = document->watch;

    if (document->queued) {

        /* whoever is new does not wait behind what merely changed */

        if (queue != &watch->asked) {
            return;
        }

        ngx_queue_remove(&document->queue);
    }

    document->queued = 1;
    ngx_queue_insert_tail(queue, &document->queue);

    if (!watch->job.active && !watch->work.posted) {
        ngx_post_event(&watch->work, &ngx_posted_events);
    }
}


/* NGX_OK: "request" has the answer.  NGX_DECLINED: it has to wait */

static ngx_int_t
ngx_mesh_watch_answer(ngx_mesh_watch_request_t *request)
{
    ngx_mesh_watch_document_t  *document;

    document = request->document;

    if (document->stale || !document->known) {
        return NGX_DECLINED;
    }

    if (document->missing) {
        request->result = NGX_MESH_WATCH_MISSING;

    } else if (ngx_mesh_watch_match(&request->known, document->version,
                                    NGX_MESH_SCOPE_VERSION_LEN))
    {
        if (request->wait) {
            return NGX_DECLINED;
        }

        request->result = NGX_MESH_WATCH_UNCHANGED;

    } else if (document->text) {
        request->result = NGX_MESH_WATCH_DOCUMENT;
        request->text = document->text;
        request->text->refs++;

    } else {
        return NGX_DECLINED;
    }

    ngx_mesh_watch_fill(request);

    return NGX_OK;
}


static void
ngx_mesh_watch_fill(ngx_mesh_watch_request_t *request)
{
    ngx_mesh_watch_document_t  *document;

    document = request->document;

    request->revision = document->revision;

    if (!document->stale) {
        request->revision = ngx_max(document->revision,
                                    document->watch->revision);
    }

    ngx_memcpy(request->version, document->version,
               NGX_MESH_SCOPE_VERSION_LEN);
}


/*
 * Calls "handler" for the requests of a document until "limit" of them were
 * answered (0: all).  Meanwhile any request may end, and new ones may come.
 */

static void
ngx_mesh_watch_each(ngx_mesh_watch_document_t *document,
    ngx_mesh_watch_each_pt handler, void *data, ngx_uint_t limit)
{
    ngx_uint_t                 n, building;
    ngx_queue_t               *q, requests;
    ngx_mesh_watch_request_t  *request;

    document->more = 0;

    if (ngx_queue_empty(&document->requests)) {
        return;
    }

    building = document->building;
    document->building = 1;

    ngx_queue_init(&requests);
    ngx_queue_add(&requests, &document->requests);
    ngx_queue_init(&document->requests);

    n = 0;

    while (!ngx_queue_empty(&requests)) {

        q = ngx_queue_head(&requests);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&document->requests, q);

        request = ngx_queue_data(q, ngx_mesh_watch_request_t, queue);

        if (handler(request, data) && ++n == limit) {
            document->more = 1;
            break;
        }
    }

    if (!ngx_queue_empty(&requests)) {
        ngx_queue_add(&document->requests, &requests);
    }

    document->building = building;
}


static ngx_uint_t
ngx_mesh_watch_settle_one(ngx_mesh_watch_request_t *request, void *data)
{
    if (ngx_mesh_watch_answer(request) != NGX_OK) {
        return 0;
    }

    ngx_mesh_watch_end(request);
    request->handler(request);

    return 1;
}


/* who has a document and waits for another one goes on doing so */

static ngx_uint_t
ngx_mesh_watch_fail_one(ngx_mesh_watch_request_t *request, void *data)
{
    ngx_mesh_store_error_e *error = data;

    ngx_mesh_watch_document_t  *document;

    document = request->document;

    if (request->wait && document->known && !document->missing
        && ngx_mesh_watch_match(&request->known, document->version,
                                NGX_MESH_SCOPE_VERSION_LEN))
    {
        return 0;
    }

    request->result = NGX_MESH_WATCH_FAILED;
    request->error = *error;

    ngx_mesh_watch_end(request);
    request->handler(request);

    return 1;
}


static ngx_uint_t
ngx_mesh_watch_exit_one(ngx_mesh_watch_request_t *request, void *data)
{
    if (!request->timer.timer_set) {
        return 0;
    }

    ngx_del_timer(&request->timer);
    ngx_mesh_watch_timer(&request->timer);

    return 1;
}


/* out of the queue, and no timer */

static void
ngx_mesh_watch_end(ngx_mesh_watch_request_t *request)
{
    ngx_queue_remove(&request->queue);
    request->document = NULL;

    if (request->timer.timer_set) {
        ngx_del_timer(&request->timer);
    }
}


/*
 * The end of a wait.  If the document is being built at this moment, what it is
 * to be will be answered; a change that is only known to have happened will be
 * found by the next request.
 */

static void
ngx_mesh_watch_timer(ngx_event_t *ev)
{
    void                       **ident = ev->data;
    ngx_mesh_watch_request_t    *request = ident[0];

    ngx_mesh_watch_document_t  *document;

    document = request->document;

    request->wait = 0;

    if (!document->known || document->missing
        || !ngx_mesh_watch_match(&request->known, document->version,
                                 NGX_MESH_SCOPE_VERSION_LEN))
    {
        return;
    }

    request->result = NGX_MESH_WATCH_UNCHANGED;

    ngx_mesh_watch_fill(request);
    ngx_mesh_watch_end(request);
    ngx_mesh_watch_rest(document);

    request->handler(request);
}


static void
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


static void
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


static void
ngx_mesh_watch_tick(ngx_event_t *ev)
{
    void              **ident = ev->data;
    ngx_mesh_watch_t   *watch = ident[0];

    if (!ngx_queue_empty(&watch->failed)) {
        ngx_queue_add(&watch->changed, &watch->failed);
        ngx_queue_init(&watch->failed);
    }

    ngx_mesh_watch_expire(watch);

    if (ngx_exiting) {
        ngx_mesh_watch_exiting(watch);
    }

    if (!watch->job.active && !watch->work.posted
        && (!ngx_queue_empty(&watch->asked)
            || !ngx_queue_empty(&watch->changed)))
    {
        ngx_post_event(&watch->work, &ngx_posted_events);
    }

    ngx_add_timer(&watch->tick, NGX_MESH_WATCH_TICK);
}


static void
ngx_mesh_watch_expire(ngx_mesh_watch_t *watch)
{
    ngx_queue_t                *q;
    ngx_mesh_watch_document_t  *document;

    while (!ngx_queue_empty(&watch->idle)) {

        q = ngx_queue_head(&watch->idle);
        document = ngx_queue_data(q, ngx_mesh_watch_document_t, queue);

        if (watch->nidle <= NGX_MESH_WATCH_IDLE_MAX
            && ngx_current_msec - document->used < NGX_MESH_WATCH_IDLE)
        {
            return;
        }

        watch->nidle--;
        ngx_mesh_watch_free(document);
    }
}


/* nobody waits in a worker that was told to end: another one has to answer */

static void
ngx_mesh_watch_exiting(ngx_mesh_watch_t *watch)
{
    ngx_rbtree_node_t          *node;
    ngx_mesh_watch_document_t  *document;

    if (watch->tree.root == &watch->sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(watch->tree.root, &watch->sentinel);
         node;
         node = ngx_rbtree_next(&watch->tree, node))
    {
        document = (ngx_mesh_watch_document_t *) node;

        ngx_mesh_watch_each(document, ngx_mesh_watch_exit_one, NULL, 0);
        ngx_mesh_watch_rest(document);
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
