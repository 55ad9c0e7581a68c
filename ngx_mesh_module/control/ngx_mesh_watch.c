
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

#include "ngx_mesh_watch_document.h"


#define NGX_MESH_WATCH_TICK      500    /* milliseconds */
#define NGX_MESH_WATCH_IDLE      30000  /* without a request, milliseconds */
#define NGX_MESH_WATCH_IDLE_MAX  16384  /* documents without requests */


static ngx_mesh_watch_document_t *ngx_mesh_watch_get(ngx_mesh_watch_t *watch,
    ngx_mesh_id_t *id);
static ngx_mesh_watch_document_t *ngx_mesh_watch_add(ngx_mesh_watch_t *watch,
    ngx_str_t *key, uint32_t hash);
static void ngx_mesh_watch_free(ngx_mesh_watch_document_t *document);
static ngx_int_t ngx_mesh_watch_answer(ngx_mesh_watch_request_t *request);
static void ngx_mesh_watch_fill(ngx_mesh_watch_request_t *request);
static ngx_uint_t ngx_mesh_watch_exit_one(ngx_mesh_watch_request_t *request,
    void *data);
static void ngx_mesh_watch_end(ngx_mesh_watch_request_t *request);
static void ngx_mesh_watch_timer(ngx_event_t *ev);
static void ngx_mesh_watch_tick(ngx_event_t *ev);
static void ngx_mesh_watch_expire(ngx_mesh_watch_t *watch);
static void ngx_mesh_watch_exiting(ngx_mesh_watch_t *watch);


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


void
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


void
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


void
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


ngx_uint_t
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

ngx_uint_t
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
