
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Views over the store of SQLite, and over an engine that answers later, as
 * one on the network would.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_view.h>

#include "mesh_unit_store.h"


static void
mesh_unit_view_str(ngx_str_t *s, const char *text)
{
    s->data = (u_char *) text;
    s->len = ngx_strlen(text);
}


static void
mesh_unit_view_reads(ngx_mesh_unit_t *u)
{
    ngx_str_t                    key, after;
    ngx_uint_t                   n;
    ngx_mesh_view_t             *view;
    mesh_unit_store_t            us;
    ngx_mesh_store_item_t       *item, *again;
    ngx_mesh_store_entry_t      *entry;
    ngx_mesh_view_dependency_t  *deps;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    (void) mesh_unit_store_put(u, us.store, 1, "/x", "1");
    (void) mesh_unit_store_put(u, us.store, 3, "/r/a", "1", "/r/b", "2",
                               "/r/c", "3");

    view = ngx_mesh_view_create(u->pool, us.store);
    MESH_IS_INT(ngx_mesh_view_revision(view), 0, "no revision before a read");

    mesh_unit_view_str(&key, "/x");
    MESH_IS_INT(ngx_mesh_view_get(view, &key, &entry), NGX_OK, "an entry");
    MESH_IS_STR(&entry->value, "1", "with its value");
    MESH_IS_INT(ngx_mesh_view_revision(view), 2, "seen at a revision");

    mesh_unit_view_str(&key, "/y");
    MESH_IS_INT(ngx_mesh_view_get(view, &key, &entry), NGX_DECLINED,
                "one that is not there");

    (void) mesh_unit_store_put(u, us.store, 2, "/y", "new", "/r/d", "4");

    MESH_IS_INT(ngx_mesh_view_get(view, &key, &entry), NGX_DECLINED,
                "a view sees one state");

    mesh_unit_view_str(&key, "/r/");
    MESH_IS_INT(ngx_mesh_view_list(view, &key, NULL, 0, &item), NGX_OK,
                "a list");
    MESH_IS_INT(item->count, 3, "of the same state");

    mesh_unit_view_str(&after, "/r/a");
    MESH_IS_INT(ngx_mesh_view_list(view, &key, &after, 1, &item), NGX_OK,
                "a page of it");
    MESH_IS_INT(item->count, 1, "is one");
    MESH_IS_INT(item->more, 1, "of more");
    MESH_IS_STR(&item->entries->key, "/r/b", "after the first");

    (void) ngx_mesh_view_list(view, &key, &after, 1, &again);
    MESH_OK(item == again, "what was asked is not asked again");

    MESH_IS_INT(ngx_mesh_view_count(view, &key, &n), NGX_OK, "a count");
    MESH_IS_INT(n, 3, "of three");

    MESH_IS_INT(ngx_mesh_view_dependencies(view, &deps, &n), NGX_OK,
                "dependencies");
    MESH_IS_INT(n, 5, "five");
    MESH_OK(deps[0].revision == 1 && !deps[0].prefix, "an entry");
    MESH_OK(deps[1].revision == 0 && !deps[1].prefix, "no entry");
    MESH_OK(deps[2].revision == 2 && deps[2].prefix, "a list");
    MESH_IS_STR(&deps[4].key, "/r/", "a count");

    ngx_mesh_view_close(view);
    mesh_unit_view_str(&key, "/x");
    MESH_IS_INT(ngx_mesh_view_get(view, &key, &entry), NGX_OK,
                "what was read stays after the end");
    mesh_unit_view_str(&key, "/z");
    MESH_IS_INT(ngx_mesh_view_get(view, &key, &entry), NGX_ERROR,
                "what was not cannot be read");

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_view_reads)


static void
mesh_unit_view_done(ngx_mesh_store_write_t *write)
{
    ngx_int_t *rc = write->data;

    *rc = write->rc;
}


/* a view that read "key" or what begins so, a change by somebody else, and a
   write of the view */

static ngx_int_t
mesh_unit_view_race(ngx_mesh_unit_t *u, ngx_mesh_store_t *store,
    ngx_uint_t prefix, const char *key, const char *changed,
    const char *value)
{
    ngx_int_t                rc;
    ngx_str_t                name;
    ngx_uint_t               n;
    ngx_mesh_view_t         *view;
    ngx_mesh_store_write_t  *write;
    ngx_mesh_store_entry_t  *entry;

    view = ngx_mesh_view_create(u->pool, store);
    mesh_unit_view_str(&name, key);

    if (prefix) {
        (void) ngx_mesh_view_count(view, &name, &n);

    } else {
        (void) ngx_mesh_view_get(view, &name, &entry);
    }

    if (changed) {
        (void) mesh_unit_store_put(u, store, 1, changed, value);
    }

    write = ngx_mesh_view_write(view);
    ngx_mesh_view_close(view);

    write->handler = mesh_unit_view_done;
    write->data = &rc;
    mesh_unit_store_change(write, "/written", "1");

    rc = NGX_AGAIN;
    ngx_mesh_store_write(store, write);

    return rc;
}


static void
mesh_unit_view_writes(ngx_mesh_unit_t *u)
{
    mesh_unit_store_t  us;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    (void) mesh_unit_store_put(u, us.store, 3, "/r/a", "1", "/r/b", "1",
                               "/x", "1");

    MESH_IS_INT(mesh_unit_view_race(u, us.store, 0, "/x", NULL, NULL),
                NGX_OK, "nothing changed");
    MESH_IS_INT(mesh_unit_view_race(u, us.store, 0, "/x", "/y", "1"),
                NGX_OK, "something else changed");
    MESH_IS_INT(mesh_unit_view_race(u, us.store, 0, "/x", "/x", "2"),
                NGX_DECLINED, "what was read changed");
    MESH_IS_INT(mesh_unit_view_race(u, us.store, 0, "/x", "/x", NULL),
                NGX_DECLINED, "it was removed");
    MESH_IS_INT(mesh_unit_view_race(u, us.store, 0, "/x", "/x", "3"),
                NGX_DECLINED, "what was not there is");
    MESH_IS_INT(mesh_unit_view_race(u, us.store, 1, "/r/", "/r/c", "1"),
                NGX_DECLINED, "something was put below a prefix");
    MESH_IS_INT(mesh_unit_view_race(u, us.store, 1, "/r/", "/r/c", NULL),
                NGX_DECLINED, "something was removed below a prefix");
    MESH_IS_INT(mesh_unit_view_race(u, us.store, 1, "/r/", "/s", "1"),
                NGX_OK, "or beside it");

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_view_writes)


static void
mesh_unit_view_json(ngx_mesh_unit_t *u)
{
    ngx_str_t                key;
    ngx_mesh_json_t         *json, *second;
    ngx_mesh_view_t         *view;
    mesh_unit_store_t        us;
    ngx_mesh_store_entry_t  *entry;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    (void) mesh_unit_store_put(u, us.store, 2, "/x",
                               "{\"a\":\"one\"}\n{\"b\":\"two\"}", "/y",
                               "{\"a\":");

    view = ngx_mesh_view_create(u->pool, us.store);

    mesh_unit_view_str(&key, "/x");
    (void) ngx_mesh_view_get(view, &key, &entry);

    json = ngx_mesh_view_json(view, entry, 0);
    if (MESH_OK(json != NULL, "the first line")) {
        MESH_IS_STR(&ngx_mesh_json_get(json, "a")->u.string, "one", "is JSON");
    }

    second = ngx_mesh_view_json(view, entry, 12);
    if (MESH_OK(second != NULL, "the second line")) {
        MESH_IS_STR(&ngx_mesh_json_get(second, "b")->u.string, "two", "too");
    }

    MESH_OK(ngx_mesh_view_json(view, entry, 0) == json, "it is read once");
    MESH_OK(ngx_mesh_view_json(view, entry, 12) == second, "each");

    mesh_unit_view_str(&key, "/y");
    (void) ngx_mesh_view_get(view, &key, &entry);
    MESH_OK(ngx_mesh_view_json(view, entry, 0) == NULL, "half of a text");
    MESH_IS_INT(ngx_mesh_view_error(view), NGX_MESH_STORE_CORRUPT,
                "is corruption");

    ngx_mesh_view_close(view);
    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_view_json)


/* an engine that keeps a read until it is told to answer it */

typedef struct {
    ngx_mesh_store_read_t   *read;
    ngx_uint_t               reads;
    ngx_uint_t               snapshots;
    ngx_mesh_store_error_e   error;
} mesh_unit_later_t;


static void
mesh_unit_later_read(ngx_mesh_store_t *store, ngx_mesh_store_read_t *read)
{
    mesh_unit_later_t *later = store->data;

    later->read = read;
    later->reads++;
}


static ngx_mesh_store_snapshot_t *
mesh_unit_later_snapshot(ngx_mesh_store_t *store)
{
    mesh_unit_later_t *later = store->data;

    later->snapshots++;

    return (ngx_mesh_store_snapshot_t *) later;
}


static void
mesh_unit_later_release(ngx_mesh_store_t *store,
    ngx_mesh_store_snapshot_t *snapshot)
{
    mesh_unit_later_t *later = store->data;

    later->snapshots--;
}


static const ngx_mesh_store_engine_t  mesh_unit_later_engine = {
    "later", 0, 0, NULL, NULL, NULL, NULL, mesh_unit_later_read,
    mesh_unit_later_snapshot, mesh_unit_later_release, NULL, NULL, NULL
};


/* every key is there, with the key of the next as its value */

static void
mesh_unit_later_answer(mesh_unit_later_t *later)
{
    ngx_uint_t               i;
    ngx_mesh_store_read_t   *read;
    ngx_mesh_store_item_t   *item;
    ngx_mesh_store_entry_t  *entry;

    read = later->read;
    later->read = NULL;

    read->error = later->error;
    read->revision = 7;

    for (i = 0; i < read->nitems; i++) {
        item = &read->items[i];

        entry = ngx_pcalloc(read->pool, sizeof(ngx_mesh_store_entry_t));
        entry->key = item->key;
        entry->revision = 3;
        entry->value.data = ngx_pnalloc(read->pool, item->key.len + 1);
        entry->value.len = ngx_sprintf(entry->value.data, "%V+", &item->key)
                           - entry->value.data;

        item->count = 1;
        item->entries = entry;
    }

    read->handler(read);
}


/* what an operation would be: follows two links, counts, and joins two */

typedef struct {
    ngx_mesh_view_t         *view;
    ngx_uint_t               runs;
    ngx_int_t                rc;
    ngx_str_t                value;
} mesh_unit_later_op_t;


static ngx_int_t
mesh_unit_later_decide(mesh_unit_later_op_t *op)
{
    ngx_int_t                rc, rc2;
    ngx_str_t                key;
    ngx_uint_t               n;
    ngx_mesh_store_entry_t  *entry, *other;

    op->runs++;

    mesh_unit_view_str(&key, "a");
    rc = ngx_mesh_view_get(op->view, &key, &entry);
    if (rc != NGX_OK) {
        return rc;
    }

    key = entry->value;
    rc = ngx_mesh_view_get(op->view, &key, &entry);

    /* two at once */

    mesh_unit_view_str(&key, "b");
    rc2 = ngx_mesh_view_get(op->view, &key, &other);

    if (rc != NGX_OK || rc2 != NGX_OK) {
        return (rc != NGX_OK) ? rc : rc2;
    }

    mesh_unit_view_str(&key, "c");
    rc = ngx_mesh_view_count(op->view, &key, &n);
    if (rc != NGX_OK) {
        return rc;
    }

    op->value = entry->value;

    return NGX_OK;
}


static void
mesh_unit_later_run(ngx_mesh_view_t *view, void *data)
{
    mesh_unit_later_op_t *op = data;

    op->rc = mesh_unit_later_decide(op);

    if (op->rc == NGX_AGAIN) {
        ngx_mesh_view_fetch(view, mesh_unit_later_run, op);
    }
}


static void
mesh_unit_view_later(ngx_mesh_unit_t *u)
{
    ngx_uint_t                   n;
    ngx_mesh_store_t             store;
    mesh_unit_later_t            later;
    mesh_unit_later_op_t         op;
    ngx_mesh_store_write_t      *write;
    ngx_mesh_store_compare_t    *compares;
    ngx_mesh_view_dependency_t  *deps;

    ngx_memzero(&later, sizeof(mesh_unit_later_t));
    ngx_memzero(&store, sizeof(ngx_mesh_store_t));
    ngx_memzero(&op, sizeof(mesh_unit_later_op_t));

    store.engine = &mesh_unit_later_engine;
    store.data = &later;

    op.view = ngx_mesh_view_create(u->pool, &store);

    mesh_unit_later_run(op.view, &op);
    MESH_IS_INT(op.rc, NGX_AGAIN, "the answer is not there at once");

    while (later.read) {
        mesh_unit_later_answer(&later);
    }

    MESH_IS_INT(op.rc, NGX_OK, "the operation comes to its end");
    MESH_IS_STR(&op.value, "a++", "with what it wants");
    MESH_IS_INT(later.reads, 3, "after three rounds");
    MESH_IS_INT(op.runs, 4, "and four runs");
    MESH_IS_INT(later.snapshots, 1, "over one state");
    MESH_IS_INT(ngx_mesh_view_revision(op.view), 7, "of a revision");

    (void) ngx_mesh_view_dependencies(op.view, &deps, &n);
    MESH_IS_INT(n, 4, "it depends on four");
    MESH_OK(deps[3].prefix && deps[3].revision == 7, "one of them a prefix");

    write = ngx_mesh_view_write(op.view);
    compares = write->compares.elts;
    MESH_IS_INT(write->compares.nelts, 4, "which a write compares");
    MESH_IS_INT(compares[0].revision, 3, "with what was seen");
    MESH_IS_STR(&compares[1].key, "a+", "of each");

    ngx_mesh_view_close(op.view);
    MESH_IS_INT(later.snapshots, 0, "the state was released");

    ngx_memzero(&op, sizeof(mesh_unit_later_op_t));
    later.error = NGX_MESH_STORE_BUSY;
    op.view = ngx_mesh_view_create(u->pool, &store);

    mesh_unit_later_run(op.view, &op);
    mesh_unit_later_answer(&later);
    MESH_IS_INT(op.rc, NGX_ERROR, "an engine that fails");
    MESH_IS_INT(ngx_mesh_view_error(op.view), NGX_MESH_STORE_BUSY,
                "ends the operation");

    ngx_mesh_view_close(op.view);
}

MESH_UNIT(mesh_unit_view_later)
