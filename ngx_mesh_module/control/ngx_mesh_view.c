
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The read set of one operation: what was asked for is kept under its
 * question, in the order of asking, so that the code can be run again, its
 * answers compared when it writes, and watched when it is cached.
 *
 * Belongs to one worker and one request.  A fetch that is under way needs the
 * pool: whoever started it keeps the pool until the handler was called.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_view.h"


#define NGX_MESH_VIEW_BATCH  16         /* questions, for a start */


/* one question; "node" must be first */

typedef struct ngx_mesh_view_item_s  ngx_mesh_view_item_t;

struct ngx_mesh_view_item_s {
    ngx_rbtree_node_t        node;
    ngx_mesh_store_item_t    item;
    ngx_mesh_view_item_t    *next;      /* in the order of asking */
    unsigned                 done:1;
};


/* a value that was read as JSON; "node" must be first */

typedef struct {
    ngx_rbtree_node_t        node;      /* by address */
    ngx_mesh_json_t         *json;
} ngx_mesh_view_json_t;


struct ngx_mesh_view_s {
    ngx_pool_t                 *pool;
    ngx_mesh_store_t           *store;
    ngx_mesh_store_snapshot_t  *snapshot;
    uint64_t                    revision;
    ngx_mesh_store_error_e      error;

    ngx_rbtree_t                items;
    ngx_rbtree_t                texts;
    ngx_rbtree_node_t           sentinel;
    ngx_mesh_view_item_t       *first;
    ngx_mesh_view_item_t      **last;
    ngx_uint_t                  n;

    /* of the fetch that is under way */
    ngx_mesh_store_read_t       read;
    ngx_mesh_view_handler_pt    handler;
    void                       *data;

    unsigned                    closed:1;
};


static void ngx_mesh_view_cleanup(void *data);
static ngx_int_t ngx_mesh_view_ask(ngx_mesh_view_t *view,
    ngx_mesh_store_item_e type, ngx_str_t *key, ngx_str_t *after,
    ngx_uint_t limit, ngx_mesh_store_item_t **item);
static ngx_int_t ngx_mesh_view_differ(ngx_mesh_store_item_t *one,
    ngx_mesh_store_item_t *two);
static void ngx_mesh_view_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_mesh_view_item_t *ngx_mesh_view_find(ngx_mesh_view_t *view,
    ngx_mesh_store_item_t *item, ngx_rbtree_key_t hash);
static ngx_mesh_view_item_t *ngx_mesh_view_add(ngx_mesh_view_t *view,
    ngx_mesh_store_item_t *item, ngx_rbtree_key_t hash);
static ngx_int_t ngx_mesh_view_begin(ngx_mesh_view_t *view);
static void ngx_mesh_view_read_done(ngx_mesh_store_read_t *read);
static void ngx_mesh_view_answered(ngx_mesh_store_read_t *read);
static void ngx_mesh_view_settle(ngx_mesh_view_t *view,
    ngx_mesh_store_read_t *read);
static ngx_mesh_view_json_t *ngx_mesh_view_find_json(ngx_mesh_view_t *view,
    ngx_mesh_store_entry_t *entry, size_t offset);
static ngx_mesh_json_t *ngx_mesh_view_parse(ngx_mesh_view_t *view,
    ngx_mesh_store_entry_t *entry, size_t offset);


ngx_mesh_view_t *
ngx_mesh_view_create(ngx_pool_t *pool, ngx_mesh_store_t *store)
{
    ngx_mesh_view_t     *view;
    ngx_pool_cleanup_t  *cln;

    view = ngx_pcalloc(pool, sizeof(ngx_mesh_view_t));
    if (view == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_mesh_view_cleanup;
    cln->data = view;

    view->pool = pool;
    view->store = store;
    view->last = &view->first;

    ngx_rbtree_init(&view->items, &view->sentinel, ngx_mesh_view_insert);
    ngx_rbtree_init(&view->texts, &view->sentinel, ngx_rbtree_insert_value);

    return view;
}


static void
ngx_mesh_view_cleanup(void *data)
{
    ngx_mesh_view_close(data);
}


void
ngx_mesh_view_close(ngx_mesh_view_t *view)
{
    view->closed = 1;

    if (view->snapshot) {
        ngx_mesh_store_release(view->store, view->snapshot);
        view->snapshot = NULL;
    }
}


ngx_int_t
ngx_mesh_view_get(ngx_mesh_view_t *view, ngx_str_t *key,
    ngx_mesh_store_entry_t **entry)
{
    ngx_int_t               rc;
    ngx_mesh_store_item_t  *item;

    rc = ngx_mesh_view_ask(view, NGX_MESH_STORE_GET, key, NULL, 0, &item);

    if (rc != NGX_OK) {
        return rc;
    }

    if (item->count == 0) {
        return NGX_DECLINED;
    }

    *entry = item->entries;

    return NGX_OK;
}


ngx_int_t
ngx_mesh_view_list(ngx_mesh_view_t *view, ngx_str_t *prefix, ngx_str_t *after,
    ngx_uint_t limit, ngx_mesh_store_item_t **item)
{
    return ngx_mesh_view_ask(view, NGX_MESH_STORE_LIST, prefix, after, limit,
                             item);
}


ngx_int_t
ngx_mesh_view_count(ngx_mesh_view_t *view, ngx_str_t *prefix,
    ngx_uint_t *count)
{
    ngx_int_t               rc;
    ngx_mesh_store_item_t  *item;

    rc = ngx_mesh_view_ask(view, NGX_MESH_STORE_COUNT, prefix, NULL, 0, &item);

    if (rc == NGX_OK) {
        *count = item->count;
    }

    return rc;
}


static ngx_int_t
ngx_mesh_view_ask(ngx_mesh_view_t *view, ngx_mesh_store_item_e type,
    ngx_str_t *key, ngx_str_t *after, ngx_uint_t limit,
    ngx_mesh_store_item_t **answer)
{
    ngx_rbtree_key_t        hash;
    ngx_mesh_view_item_t   *vi;
    ngx_mesh_store_read_t   read;
    ngx_mesh_store_item_t   item;

    if (view->error != NGX_MESH_STORE_FINE) {
        return NGX_ERROR;
    }

    ngx_memzero(&item, sizeof(ngx_mesh_store_item_t));

    item.type = type;
    item.key = *key;
    item.limit = limit;

    if (after) {
        item.after = *after;
    }

    hash = ngx_murmur_hash2(key->data, key->len);

    vi = ngx_mesh_view_find(view, &item, hash);

    if (vi == NULL) {
        vi = ngx_mesh_view_add(view, &item, hash);
        if (vi == NULL) {
            return NGX_ERROR;
        }
    }

    *answer = &vi->item;

    if (vi->done) {
        return NGX_OK;
    }

    if (!ngx_mesh_store_is_sync(view->store)) {
        return NGX_AGAIN;
    }

    if (ngx_mesh_view_begin(view) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&read, sizeof(ngx_mesh_store_read_t));

    read.pool = view->pool;
    read.snapshot = view->snapshot;
    read.items = &vi->item;
    read.nitems = 1;
    read.handler = ngx_mesh_view_answered;

    ngx_mesh_store_read(view->store, &read);

    ngx_mesh_view_settle(view, &read);

    vi->done = 1;

    return (view->error == NGX_MESH_STORE_FINE) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mesh_view_differ(ngx_mesh_store_item_t *one, ngx_mesh_store_item_t *two)
{
    ngx_int_t  rc;

    if (one->type != two->type) {
        return one->type < two->type ? -1 : 1;
    }

    if (one->limit != two->limit) {
        return one->limit < two->limit ? -1 : 1;
    }

    rc = ngx_memn2cmp(one->key.data, two->key.data, one->key.len,
                      two->key.len);
    if (rc) {
        return rc;
    }

    return ngx_memn2cmp(one->after.data, two->after.data, one->after.len,
                        two->after.len);
}


static void
ngx_mesh_view_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t     **p;
    ngx_mesh_view_item_t   *one, *two;

    for ( ;; ) {

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            one = (ngx_mesh_view_item_t *) node;
            two = (ngx_mesh_view_item_t *) temp;

            p = (ngx_mesh_view_differ(&one->item, &two->item) < 0)
                ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


static ngx_mesh_view_item_t *
ngx_mesh_view_find(ngx_mesh_view_t *view, ngx_mesh_store_item_t *item,
    ngx_rbtree_key_t hash)
{
    ngx_int_t              rc;
    ngx_rbtree_node_t     *node;
    ngx_mesh_view_item_t  *vi;

    node = view->items.root;

    while (node != &view->sentinel) {

        if (hash != node->key) {
            node = (hash < node->key) ? node->left : node->right;
            continue;
        }

        vi = (ngx_mesh_view_item_t *) node;

        rc = ngx_mesh_view_differ(item, &vi->item);

        if (rc == 0) {
            return vi;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


/* callers make keys on the way, so they are copied */

static ngx_mesh_view_item_t *
ngx_mesh_view_add(ngx_mesh_view_t *view, ngx_mesh_store_item_t *item,
    ngx_rbtree_key_t hash)
{
    u_char                *p;
    ngx_mesh_view_item_t  *vi;

    vi = ngx_pcalloc(view->pool, sizeof(ngx_mesh_view_item_t));
    p = ngx_pnalloc(view->pool, item->key.len + item->after.len + 1);

    if (vi == NULL || p == NULL) {
        return NULL;
    }

    vi->item = *item;
    vi->node.key = hash;

    vi->item.key.data = p;
    p = ngx_cpymem(p, item->key.data, item->key.len);

    vi->item.after.data = p;
    ngx_memcpy(p, item->after.data, item->after.len);

    ngx_rbtree_insert(&view->items, &vi->node);

    *view->last = vi;
    view->last = &vi->next;
    view->n++;

    return vi;
}


static ngx_int_t
ngx_mesh_view_begin(ngx_mesh_view_t *view)
{
    if (view->closed) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "mesh: a view was asked after it was closed");
        view->error = NGX_MESH_STORE_FAILED;
        return NGX_ERROR;
    }

    if (view->snapshot == NULL) {
        view->snapshot = ngx_mesh_store_snapshot(view->store);

        if (view->snapshot == NULL) {
            view->error = NGX_MESH_STORE_FAILED;
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_mesh_view_fetch(ngx_mesh_view_t *view, ngx_mesh_view_handler_pt handler,
    void *data)
{
    ngx_array_t             items;
    ngx_mesh_view_item_t   *vi;
    ngx_mesh_store_item_t  *item;

    view->handler = handler;
    view->data = data;

    if (view->error != NGX_MESH_STORE_FINE
        || ngx_mesh_view_begin(view) != NGX_OK)
    {
        handler(view, data);
        return;
    }

    if (ngx_array_init(&items, view->pool, NGX_MESH_VIEW_BATCH,
                       sizeof(ngx_mesh_store_item_t))
        != NGX_OK)
    {
        goto failed;
    }

    for (vi = view->first; vi; vi = vi->next) {
        if (vi->done) {
            continue;
        }

        item = ngx_array_push(&items);
        if (item == NULL) {
            goto failed;
        }

        *item = vi->item;
    }

    ngx_memzero(&view->read, sizeof(ngx_mesh_store_read_t));

    view->read.pool = view->pool;
    view->read.snapshot = view->snapshot;
    view->read.items = items.elts;
    view->read.nitems = items.nelts;
    view->read.handler = ngx_mesh_view_read_done;
    view->read.data = view;

    ngx_mesh_store_read(view->store, &view->read);

    return;

failed:

    view->error = NGX_MESH_STORE_FAILED;
    handler(view, data);
}


/* nothing was asked meanwhile: the answers are those of all that is open */

static void
ngx_mesh_view_read_done(ngx_mesh_store_read_t *read)
{
    ngx_uint_t             i;
    ngx_mesh_view_t       *view;
    ngx_mesh_view_item_t  *vi;

    view = read->data;

    ngx_mesh_view_settle(view, read);

    for (vi = view->first, i = 0; vi && i < read->nitems; vi = vi->next) {
        if (!vi->done) {
            vi->item = read->items[i++];
            vi->done = 1;
        }
    }

    view->handler(view, view->data);
}


static void
ngx_mesh_view_answered(ngx_mesh_store_read_t *read)
{
    /* the engine is "sync" */
}


static void
ngx_mesh_view_settle(ngx_mesh_view_t *view, ngx_mesh_store_read_t *read)
{
    if (read->error != NGX_MESH_STORE_FINE) {
        view->error = read->error;
        return;
    }

    if (view->revision == 0) {
        view->revision = read->revision;
    }
}


ngx_mesh_store_error_e
ngx_mesh_view_error(ngx_mesh_view_t *view)
{
    return view->error;
}


uint64_t
ngx_mesh_view_revision(ngx_mesh_view_t *view)
{
    return view->revision;
}


ngx_mesh_json_t *
ngx_mesh_view_json(ngx_mesh_view_t *view, ngx_mesh_store_entry_t *entry,
    size_t offset)
{
    ngx_mesh_view_json_t  *vj;

    vj = ngx_mesh_view_find_json(view, entry, offset);

    if (vj) {
        return vj->json;
    }

    vj = ngx_palloc(view->pool, sizeof(ngx_mesh_view_json_t));
    if (vj == NULL) {
        return NULL;
    }

    vj->json = ngx_mesh_view_parse(view, entry, offset);
    if (vj->json == NULL) {
        return NULL;
    }

    vj->node.key = (ngx_rbtree_key_t) entry->value.data + offset;

    ngx_rbtree_insert(&view->texts, &vj->node);

    return vj->json;
}


/* the key is the address of the text, so that there is one of each */

static ngx_mesh_view_json_t *
ngx_mesh_view_find_json(ngx_mesh_view_t *view, ngx_mesh_store_entry_t *entry,
    size_t offset)
{
    ngx_rbtree_key_t    key;
    ngx_rbtree_node_t  *node;

    key = (ngx_rbtree_key_t) entry->value.data + offset;
    node = view->texts.root;

    while (node != &view->sentinel) {

        if (key == node->key) {
            return (ngx_mesh_view_json_t *) node;
        }

        node = (key < node->key) ? node->left : node->right;
    }

    return NULL;
}


static ngx_mesh_json_t *
ngx_mesh_view_parse(ngx_mesh_view_t *view, ngx_mesh_store_entry_t *entry,
    size_t offset)
{
    u_char                  *end;
    ngx_str_t                text, error;
    ngx_mesh_json_t         *json;
    ngx_mesh_json_limits_t   limits;

    ngx_memzero(&limits, sizeof(ngx_mesh_json_limits_t));

    ngx_str_null(&error);

    offset = ngx_min(offset, entry->value.len);

    text.data = entry->value.data + offset;
    text.len = entry->value.len - offset;

    end = ngx_strlchr(text.data, text.data + text.len, '\n');

    if (end) {
        text.len = end - text.data;
    }

    json = ngx_mesh_json_parse(view->pool, &limits, &text, &error);

    if (json == NULL || json->type != NGX_MESH_JSON_OBJECT) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mesh: the store is corrupt: the value of \"%V\" is no "
                      "JSON object at byte %uz: %V", &entry->key, offset,
                      &error);

        view->error = NGX_MESH_STORE_CORRUPT;
        return NULL;
    }

    return json;
}


ngx_int_t
ngx_mesh_view_dependencies(ngx_mesh_view_t *view,
    ngx_mesh_view_dependency_t **dependencies, ngx_uint_t *n)
{
    ngx_mesh_view_item_t        *vi;
    ngx_mesh_view_dependency_t  *dep;

    dep = ngx_pcalloc(view->pool,
                      (view->n + 1) * sizeof(ngx_mesh_view_dependency_t));
    if (dep == NULL) {
        return NGX_ERROR;
    }

    *dependencies = dep;
    *n = view->n;

    for (vi = view->first; vi; vi = vi->next, dep++) {

        dep->key = vi->item.key;

        if (vi->item.type != NGX_MESH_STORE_GET) {
            dep->prefix = 1;
            dep->revision = view->revision;

        } else if (vi->item.count) {
            dep->revision = vi->item.entries->revision;
        }
    }

    return NGX_OK;
}


ngx_mesh_store_write_t *
ngx_mesh_view_write(ngx_mesh_view_t *view)
{
    ngx_uint_t                   i, n;
    ngx_mesh_store_write_t      *write;
    ngx_mesh_store_compare_t    *compare;
    ngx_mesh_view_dependency_t  *dep;

    write = ngx_pcalloc(view->pool, sizeof(ngx_mesh_store_write_t));

    if (write == NULL
        || ngx_mesh_view_dependencies(view, &dep, &n) != NGX_OK
        || ngx_array_init(&write->compares, view->pool, n + 1,
                          sizeof(ngx_mesh_store_compare_t))
           != NGX_OK
        || ngx_array_init(&write->changes, view->pool, 4,
                          sizeof(ngx_mesh_store_change_t))
           != NGX_OK)
    {
        return NULL;
    }

    write->pool = view->pool;

    for (i = 0; i < n; i++) {
        compare = ngx_array_push(&write->compares);
        if (compare == NULL) {
            return NULL;
        }

        compare->key = dep[i].key;
        compare->revision = dep[i].revision;
        compare->prefix = dep[i].prefix;
    }

    return write;
}
