
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A hash of lists, one list a key, most recently used first.  The mechanics of
 * a parked connection are those of ngx_http_upstream_keepalive_module: it is
 * marked idle so that a worker told to quit closes it, its logs are moved to
 * the cycle's log since the request's is gone, and a peek tells a closed peer
 * from a spurious event.  Other than there, one timer looks after all of them:
 * a timer for each would cost every request an insertion into the timers' tree
 * and a deletion.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_idle.h"


#define NGX_MESH_IDLE_BUCKETS   256

/* how often connections idle for too long are looked for, at most */
#define NGX_MESH_IDLE_INTERVAL  1000

/* connections that are closed between other events */
#define NGX_MESH_IDLE_CLOSE     16


typedef struct {
    ngx_queue_t              queue;     /* in the bucket; must be first */
    ngx_queue_t              items;     /* most recently used first */
    ngx_uint_t               nitems;
    ngx_mesh_idle_key_t      key;
    ngx_sockaddr_t           sockaddr;
    ngx_uint_t               model;     /* the last one that has it */
} ngx_mesh_idle_list_t;


typedef struct {
    ngx_queue_t              queue;     /* in the list, or free */
    ngx_connection_t        *connection;
    ngx_mesh_idle_list_t    *list;
    ngx_msec_t               since;
} ngx_mesh_idle_item_t;


typedef struct {
    void                    *ident[4];  /* ident[3] stands for a socket */
    ngx_event_t              timer;
    ngx_event_t              drop;
    ngx_pool_t              *pool;
    ngx_mesh_idle_conf_t     conf;
    ngx_uint_t               count;     /* connections */
    ngx_uint_t               nlists;
    ngx_uint_t               model;     /* counts those that were begun */
    ngx_queue_t              dropped;   /* lists whose connections close */
    ngx_queue_t              free_lists;
    ngx_queue_t              free_items;
    ngx_queue_t              buckets[NGX_MESH_IDLE_BUCKETS];
} ngx_mesh_idle_t;


static ngx_mesh_idle_list_t *ngx_mesh_idle_find(ngx_mesh_idle_key_t *key);
static ngx_uint_t ngx_mesh_idle_same(ngx_mesh_idle_key_t *a,
    ngx_mesh_idle_key_t *b);
static ngx_mesh_idle_list_t *ngx_mesh_idle_add(ngx_mesh_idle_key_t *key);
static ngx_mesh_idle_item_t *ngx_mesh_idle_item(void);
static ngx_uint_t ngx_mesh_idle_usable(ngx_connection_t *c);
static void ngx_mesh_idle_park(ngx_mesh_idle_item_t *item,
    ngx_connection_t *c);
static ngx_connection_t *ngx_mesh_idle_remove(ngx_mesh_idle_item_t *item);
static void ngx_mesh_idle_drop(ngx_mesh_idle_list_t *list);
static ngx_int_t ngx_mesh_idle_close_some(void);
static void ngx_mesh_idle_drop_handler(ngx_event_t *ev);
static void ngx_mesh_idle_expire(ngx_mesh_idle_list_t *list);
static void ngx_mesh_idle_timer_handler(ngx_event_t *ev);
static void ngx_mesh_idle_dummy_handler(ngx_event_t *ev);
static void ngx_mesh_idle_read_handler(ngx_event_t *ev);
static void ngx_mesh_idle_close(ngx_connection_t *c);


/* worker runtime; NULL outside workers */
static ngx_mesh_idle_t  *ngx_mesh_idle;


ngx_int_t
ngx_mesh_idle_init(ngx_mesh_idle_conf_t *conf, ngx_log_t *log)
{
    ngx_uint_t    i;
    ngx_pool_t   *pool;
    ngx_event_t  *ev;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_mesh_idle = ngx_pcalloc(pool, sizeof(ngx_mesh_idle_t));
    if (ngx_mesh_idle == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    ngx_mesh_idle->pool = pool;
    ngx_mesh_idle->conf = *conf;

    ngx_queue_init(&ngx_mesh_idle->dropped);
    ngx_queue_init(&ngx_mesh_idle->free_lists);
    ngx_queue_init(&ngx_mesh_idle->free_items);

    for (i = 0; i < NGX_MESH_IDLE_BUCKETS; i++) {
        ngx_queue_init(&ngx_mesh_idle->buckets[i]);
    }

    ngx_mesh_idle->ident[3] = (void *) -1;

    ev = &ngx_mesh_idle->timer;
    ev->handler = ngx_mesh_idle_timer_handler;
    ev->data = ngx_mesh_idle->ident;
    ev->log = log;
    ev->cancelable = 1;

    ev = &ngx_mesh_idle->drop;
    ev->handler = ngx_mesh_idle_drop_handler;
    ev->data = ngx_mesh_idle->ident;
    ev->log = log;

    return NGX_OK;
}


void
ngx_mesh_idle_exit(void)
{
    ngx_uint_t    i;
    ngx_queue_t  *bucket;

    if (ngx_mesh_idle == NULL) {
        return;
    }

    for (i = 0; i < NGX_MESH_IDLE_BUCKETS; i++) {
        bucket = &ngx_mesh_idle->buckets[i];

        while (!ngx_queue_empty(bucket)) {
            ngx_mesh_idle_drop((ngx_mesh_idle_list_t *) ngx_queue_head(bucket));
        }
    }

    while (ngx_mesh_idle_close_some() == NGX_AGAIN) { /* void */ }

    if (ngx_mesh_idle->drop.posted) {
        ngx_delete_posted_event(&ngx_mesh_idle->drop);
    }

    if (ngx_mesh_idle->timer.timer_set) {
        ngx_del_timer(&ngx_mesh_idle->timer);
    }

    ngx_destroy_pool(ngx_mesh_idle->pool);
    ngx_mesh_idle = NULL;
}


ngx_connection_t *
ngx_mesh_idle_get(ngx_mesh_idle_key_t *key, ngx_log_t *log)
{
    ngx_queue_t           *q;
    ngx_connection_t      *c;
    ngx_mesh_idle_list_t  *list;

    if (ngx_mesh_idle == NULL || ngx_mesh_idle->count == 0) {
        return NULL;
    }

    list = ngx_mesh_idle_find(key);

    if (list == NULL || list->nitems == 0) {
        return NULL;
    }

    q = ngx_queue_head(&list->items);
    c = ngx_mesh_idle_remove(ngx_queue_data(q, ngx_mesh_idle_item_t, queue));

    c->idle = 0;
    c->sent = 0;
    c->data = NULL;
    c->log = log;
    c->read->log = log;
    c->write->log = log;
    c->pool->log = log;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, log, 0,
                   "mesh idle: using connection %p", c);

    return c;
}


ngx_int_t
ngx_mesh_idle_put(ngx_mesh_idle_key_t *key, ngx_connection_t *c)
{
    ngx_uint_t             full;
    ngx_queue_t           *q;
    ngx_mesh_idle_item_t  *item;
    ngx_mesh_idle_list_t  *list;

    if (ngx_mesh_idle == NULL
        || ngx_mesh_idle->conf.connections == 0
        || !ngx_mesh_idle_usable(c))
    {
        return NGX_DECLINED;
    }

    list = ngx_mesh_idle_find(key);

    full = (ngx_mesh_idle->count >= ngx_mesh_idle->conf.total);

    if (full && (list == NULL || list->nitems == 0)) {
        return NGX_DECLINED;
    }

    if (list == NULL) {
        list = ngx_mesh_idle_add(key);
        if (list == NULL) {
            return NGX_DECLINED;
        }
    }

    if (full || list->nitems >= ngx_mesh_idle->conf.connections) {
        q = ngx_queue_last(&list->items);
        item = ngx_queue_data(q, ngx_mesh_idle_item_t, queue);
        ngx_mesh_idle_close(ngx_mesh_idle_remove(item));
    }

    item = ngx_mesh_idle_item();
    if (item == NULL) {
        return NGX_DECLINED;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, c->log, 0,
                   "mesh idle: saving connection %p", c);

    item->list = list;
    ngx_queue_insert_head(&list->items, &item->queue);
    list->nitems++;
    ngx_mesh_idle->count++;

    ngx_mesh_idle_park(item, c);

    return NGX_OK;
}


static ngx_uint_t
ngx_mesh_idle_usable(ngx_connection_t *c)
{
    if (c->read->eof
        || c->read->error
        || c->read->timedout
        || c->write->error
        || c->write->timedout)
    {
        return 0;
    }

    if (c->requests >= ngx_mesh_idle->conf.requests
        || ngx_current_msec - c->start_time > ngx_mesh_idle->conf.time)
    {
        return 0;
    }

    if (ngx_terminate || ngx_exiting) {
        return 0;
    }

    return ngx_handle_read_event(c->read, 0) == NGX_OK;
}


static void
ngx_mesh_idle_park(ngx_mesh_idle_item_t *item, ngx_connection_t *c)
{
    ngx_event_t  *timer;

    item->connection = c;
    item->since = ngx_current_msec;

    timer = &ngx_mesh_idle->timer;

    if (!timer->timer_set) {
        ngx_add_timer(timer, ngx_min(ngx_mesh_idle->conf.timeout,
                                     NGX_MESH_IDLE_INTERVAL));
    }

    c->read->delayed = 0;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->write->handler = ngx_mesh_idle_dummy_handler;
    c->read->handler = ngx_mesh_idle_read_handler;

    c->data = item;
    c->idle = 1;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
    c->pool->log = ngx_cycle->log;

    if (c->read->ready) {
        ngx_mesh_idle_read_handler(c->read);
    }
}


void
ngx_mesh_idle_flush(ngx_mesh_idle_key_t *key)
{
    ngx_mesh_idle_list_t  *list;

    if (ngx_mesh_idle == NULL) {
        return;
    }

    list = ngx_mesh_idle_find(key);

    if (list) {
        ngx_mesh_idle_drop(list);
    }
}


/* a list that is made while a model is marked counts as the model's */

void
ngx_mesh_idle_begin(void)
{
    if (ngx_mesh_idle) {
        ngx_mesh_idle->model++;
    }
}


/*
 * The model may have far more endpoints than there are lists, so the lists
 * are looked up, not the endpoints.
 */

void
ngx_mesh_idle_mark(ngx_mesh_endpoint_t *ep, ngx_uint_t n)
{
    ngx_uint_t             i;
    ngx_queue_t           *bucket, *q;
    ngx_mesh_idle_list_t  *list;

    if (ngx_mesh_idle == NULL || ngx_mesh_idle->nlists == 0) {
        return;
    }

    for (i = 0; i < n; i++) {
        bucket = &ngx_mesh_idle->buckets[ep[i].key % NGX_MESH_IDLE_BUCKETS];

        for (q = ngx_queue_head(bucket);
             q != ngx_queue_sentinel(bucket);
             q = ngx_queue_next(q))
        {
            list = (ngx_mesh_idle_list_t *) q;

            if (list->key.endpoint == ep[i].key) {
                list->model = ngx_mesh_idle->model;
            }
        }
    }
}


void
ngx_mesh_idle_sweep(void)
{
    ngx_uint_t             i;
    ngx_queue_t           *bucket, *q, *next;
    ngx_mesh_idle_list_t  *list;

    if (ngx_mesh_idle == NULL || ngx_mesh_idle->nlists == 0) {
        return;
    }

    for (i = 0; i < NGX_MESH_IDLE_BUCKETS; i++) {
        bucket = &ngx_mesh_idle->buckets[i];

        for (q = ngx_queue_head(bucket);
             q != ngx_queue_sentinel(bucket);
             q = next)
        {
            next = ngx_queue_next(q);
            list = (ngx_mesh_idle_list_t *) q;

            if (list->model != ngx_mesh_idle->model) {
                ngx_mesh_idle_drop(list);
            }
        }
    }
}


ngx_uint_t
ngx_mesh_idle_count(void)
{
    return ngx_mesh_idle ? ngx_mesh_idle->count : 0;
}


static ngx_mesh_idle_list_t *
ngx_mesh_idle_find(ngx_mesh_idle_key_t *key)
{
    ngx_queue_t           *bucket, *q;
    ngx_mesh_idle_list_t  *list;

    bucket = &ngx_mesh_idle->buckets[key->endpoint % NGX_MESH_IDLE_BUCKETS];

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        list = (ngx_mesh_idle_list_t *) q;

        if (list->key.endpoint == key->endpoint
            && list->key.protocol == key->protocol
            && list->key.tls == key->tls
            && ngx_mesh_idle_same(&list->key, key))
        {
            return list;
        }
    }

    return NULL;
}


/* addresses; keys of endpoints that are equal by chance are not enough */

static ngx_uint_t
ngx_mesh_idle_same(ngx_mesh_idle_key_t *a, ngx_mesh_idle_key_t *b)
{
    uint64_t  x[2], y[2];

    if (a->socklen != b->socklen) {
        return 0;
    }

    /* IPv4, without a call of memcmp() */

    if (a->socklen == sizeof(x)) {
        ngx_memcpy(x, a->sockaddr, sizeof(x));
        ngx_memcpy(y, b->sockaddr, sizeof(y));

        return x[0] == y[0] && x[1] == y[1];
    }

    return ngx_memcmp(a->sockaddr, b->sockaddr, a->socklen) == 0;
}


static ngx_mesh_idle_list_t *
ngx_mesh_idle_add(ngx_mesh_idle_key_t *key)
{
    ngx_queue_t           *bucket, *q;
    ngx_mesh_idle_list_t  *list;

    if (!ngx_queue_empty(&ngx_mesh_idle->free_lists)) {
        q = ngx_queue_head(&ngx_mesh_idle->free_lists);
        ngx_queue_remove(q);
        list = (ngx_mesh_idle_list_t *) q;

    } else {
        list = ngx_palloc(ngx_mesh_idle->pool, sizeof(ngx_mesh_idle_list_t));
        if (list == NULL) {
            return NULL;
        }
    }

    list->nitems = 0;
    list->model = ngx_mesh_idle->model;
    list->key = *key;
    list->key.sockaddr = &list->sockaddr.sockaddr;
    ngx_memcpy(&list->sockaddr, key->sockaddr, key->socklen);
    ngx_queue_init(&list->items);

    bucket = &ngx_mesh_idle->buckets[key->endpoint % NGX_MESH_IDLE_BUCKETS];
    ngx_queue_insert_head(bucket, &list->queue);
    ngx_mesh_idle->nlists++;

    return list;
}


static ngx_mesh_idle_item_t *
ngx_mesh_idle_item(void)
{
    ngx_queue_t  *q;

    if (ngx_queue_empty(&ngx_mesh_idle->free_items)) {
        return ngx_palloc(ngx_mesh_idle->pool, sizeof(ngx_mesh_idle_item_t));
    }

    q = ngx_queue_head(&ngx_mesh_idle->free_items);
    ngx_queue_remove(q);

    return ngx_queue_data(q, ngx_mesh_idle_item_t, queue);
}


/* the item becomes free, the connection is the caller's */

static ngx_connection_t *
ngx_mesh_idle_remove(ngx_mesh_idle_item_t *item)
{
    ngx_connection_t  *c;

    c = item->connection;

    ngx_queue_remove(&item->queue);
    item->list->nitems--;
    ngx_mesh_idle->count--;

    item->connection = NULL;
    ngx_queue_insert_head(&ngx_mesh_idle->free_items, &item->queue);

    return c;
}


/* there may be hundreds of connections, and to close one takes 10 us */

static void
ngx_mesh_idle_drop(ngx_mesh_idle_list_t *list)
{
    ngx_queue_remove(&list->queue);
    ngx_queue_insert_tail(&ngx_mesh_idle->dropped, &list->queue);
    ngx_mesh_idle->nlists--;

    if (!ngx_mesh_idle->drop.posted
        && ngx_mesh_idle_close_some() == NGX_AGAIN)
    {
        ngx_post_event(&ngx_mesh_idle->drop, &ngx_posted_next_events);
    }
}


static ngx_int_t
ngx_mesh_idle_close_some(void)
{
    ngx_uint_t             n;
    ngx_queue_t           *q;
    ngx_mesh_idle_list_t  *list;

    n = NGX_MESH_IDLE_CLOSE;

    while (!ngx_queue_empty(&ngx_mesh_idle->dropped)) {

        list = (ngx_mesh_idle_list_t *) ngx_queue_head(&ngx_mesh_idle->dropped);

        while (!ngx_queue_empty(&list->items)) {

            if (n-- == 0) {
                return NGX_AGAIN;
            }

            q = ngx_queue_head(&list->items);
            ngx_mesh_idle_close(ngx_mesh_idle_remove(
                               ngx_queue_data(q, ngx_mesh_idle_item_t, queue)));
        }

        ngx_queue_remove(&list->queue);
        ngx_queue_insert_head(&ngx_mesh_idle->free_lists, &list->queue);
    }

    return NGX_OK;
}


static void
ngx_mesh_idle_drop_handler(ngx_event_t *ev)
{
    if (ngx_mesh_idle_close_some() == NGX_AGAIN) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


/* the least recently used ones are at the end */

static void
ngx_mesh_idle_expire(ngx_mesh_idle_list_t *list)
{
    ngx_queue_t           *q;
    ngx_mesh_idle_item_t  *item;

    while (!ngx_queue_empty(&list->items)) {
        q = ngx_queue_last(&list->items);
        item = ngx_queue_data(q, ngx_mesh_idle_item_t, queue);

        if (ngx_current_msec - item->since < ngx_mesh_idle->conf.timeout) {
            return;
        }

        ngx_mesh_idle_close(ngx_mesh_idle_remove(item));
    }
}


static void
ngx_mesh_idle_timer_handler(ngx_event_t *ev)
{
    ngx_uint_t    i;
    ngx_queue_t  *bucket, *q;

    for (i = 0; i < NGX_MESH_IDLE_BUCKETS; i++) {
        bucket = &ngx_mesh_idle->buckets[i];

        for (q = ngx_queue_head(bucket);
             q != ngx_queue_sentinel(bucket);
             q = ngx_queue_next(q))
        {
            ngx_mesh_idle_expire((ngx_mesh_idle_list_t *) q);
        }
    }

    if (ngx_mesh_idle->count && !ngx_exiting) {
        ngx_add_timer(ev, ngx_min(ngx_mesh_idle->conf.timeout,
                                  NGX_MESH_IDLE_INTERVAL));
    }
}


static void
ngx_mesh_idle_dummy_handler(ngx_event_t *ev)
{
    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "mesh idle dummy handler");
}


static void
ngx_mesh_idle_read_handler(ngx_event_t *ev)
{
    int                n;
    char               buf[1];
    ngx_connection_t  *c;

    c = ev->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "mesh idle: event on connection %p", c);

    if (!c->close) {

        n = recv(c->fd, buf, 1, MSG_PEEK);

        if (n == -1 && ngx_socket_errno == NGX_EAGAIN) {
            ev->ready = 0;

            if (ngx_handle_read_event(ev, 0) == NGX_OK) {
                return;
            }
        }
    }

    ngx_mesh_idle_close(ngx_mesh_idle_remove(c->data));
}


static void
ngx_mesh_idle_close(ngx_connection_t *c)
{
#if (NGX_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        if (ngx_ssl_shutdown(c) == NGX_AGAIN) {
            c->ssl->handler = ngx_mesh_idle_close;
            return;
        }
    }

#endif

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}
