
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The contract of a store, kept by the engine of SQLite: what reads see, what
 * a transaction requires and does, and who hears of it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_store.h>
#include <ngx_mesh_store_sqlite.h>

#include "mesh_unit_store.h"


static void
mesh_unit_store_get(ngx_mesh_unit_t *u)
{
    mesh_unit_store_t        us;
    ngx_mesh_store_item_t    item;
    ngx_mesh_store_write_t  *write;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    MESH_IS_INT(ngx_mesh_store_id(us.store)->len, 36, "it has a name: %V",
                ngx_mesh_store_id(us.store));
    MESH_IS_INT(ngx_mesh_store_is_sync(us.store), 1, "it answers at once");

    MESH_IS_INT(mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_GET,
                                     "/a", NULL, 0, &item),
                NGX_MESH_STORE_FINE, "what is not there can be read");
    MESH_IS_INT(item.count, 0, "and is not there");

    MESH_IS_INT(mesh_unit_store_put(u, us.store, 1, "/a", "one"), NGX_OK,
                "a write");
    MESH_IS_INT(mesh_unit_store_put(u, us.store, 2, "/b", "two", "/c", ""),
                NGX_OK, "a write of two");

    (void) mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_GET, "/a",
                                NULL, 0, &item);
    MESH_IS_INT(item.count, 1, "an entry is there");
    MESH_IS_STR(&item.entries->key, "/a", "with its key");
    MESH_IS_STR(&item.entries->value, "one", "its value");
    MESH_IS_INT(item.entries->revision, 1, "and revision");

    (void) mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_GET, "/c",
                                NULL, 0, &item);
    MESH_IS_INT(item.count, 1, "an entry with an empty value is there");
    MESH_IS_INT(item.entries->value.len, 0, "with an empty value");
    MESH_IS_INT(item.entries->revision, 2, "of the second revision");

    MESH_IS_INT(mesh_unit_store_put(u, us.store, 1, "/a", NULL), NGX_OK,
                "a removal");
    MESH_IS_INT(mesh_unit_store_put(u, us.store, 1, "/a", NULL), NGX_OK,
                "another of what is not there anymore");

    (void) mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_GET, "/a",
                                NULL, 0, &item);
    MESH_IS_INT(item.count, 0, "it is gone");

    write = mesh_unit_store_write(u);
    mesh_unit_store_change(write, "/b", "three");
    ngx_mesh_store_write(us.store, write);
    MESH_IS_INT(write->revision, 5, "each transaction counts");

    write = mesh_unit_store_write(u);
    mesh_unit_store_compare(write, "/b", 5, 0);
    ngx_mesh_store_write(us.store, write);
    MESH_IS_INT(write->rc, NGX_OK, "one without changes compares only");
    MESH_IS_INT(write->revision, 5, "and does not count");

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_store_get)


static void
mesh_unit_store_list(ngx_mesh_unit_t *u)
{
    mesh_unit_store_t      us;
    ngx_mesh_store_item_t  item;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    (void) mesh_unit_store_put(u, us.store, 7, "/r/a", "1", "/r/b", "2",
                               "/r/b%", "3", "/r/b_", "4", "/r0", "5", "/r",
                               "6", "/R/a", "7");
    (void) mesh_unit_store_put(u, us.store, 4, "\xff", "8", "\xff\xff", "9",
                               "\xff\xff\x01", "10", "/r/\xff\xff", "11");

#define mesh_unit_list(prefix, after, limit)                                  \
    (void) mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_LIST,       \
                                prefix, after, limit, &item)

#define mesh_unit_count(prefix)                                               \
    (void) mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_COUNT,      \
                                prefix, NULL, 0, &item)

    mesh_unit_list("/r/", NULL, 0);
    MESH_IS_INT(item.count, 5, "five begin with /r/");
    MESH_IS_STR(&item.entries[0].key, "/r/a", "in order");
    MESH_IS_STR(&item.entries[2].key, "/r/b%", "of their");
    MESH_IS_STR(&item.entries[3].key, "/r/b_", "bytes");
    MESH_IS_STR(&item.entries[4].key, "/r/\xff\xff", "to the last");
    MESH_IS_STR(&item.entries[1].value, "2", "with values");
    MESH_IS_INT(item.more, 0, "and no more");

    mesh_unit_list("/r/b_", NULL, 0);
    MESH_IS_INT(item.count, 1, "\"_\" is a byte as others");
    mesh_unit_list("/r/b%", NULL, 0);
    MESH_IS_INT(item.count, 1, "\"%%\" too");
    mesh_unit_list("/r/*", NULL, 0);
    MESH_IS_INT(item.count, 0, "and \"*\"");

    mesh_unit_list("/r/", NULL, 2);
    MESH_IS_INT(item.count, 2, "two of them");
    MESH_IS_INT(item.more, 1, "and there is more");

    mesh_unit_list("/r/", "/r/b", 3);
    MESH_IS_INT(item.count, 3, "the last three");
    MESH_IS_STR(&item.entries[0].key, "/r/b%", "from the one after");
    MESH_IS_INT(item.more, 0, "is all there is");

    mesh_unit_list("/r/", "/r/b", 2);
    MESH_IS_INT(item.count, 2, "two of the last three");
    MESH_IS_INT(item.more, 1, "is not");

    mesh_unit_list("/r/", "/r/aa", 1);
    MESH_IS_STR(&item.entries[0].key, "/r/b", "after a key that is not there");
    mesh_unit_list("/r/", "/a", 1);
    MESH_IS_STR(&item.entries[0].key, "/r/a", "after one before all");
    mesh_unit_list("/r/", "/z", 0);
    MESH_IS_INT(item.count, 0, "after one behind all");

    mesh_unit_list("\xff", NULL, 0);
    MESH_IS_INT(item.count, 3, "a prefix of the last byte there is");
    mesh_unit_list("\xff\xff", "\xff\xff", 0);
    MESH_IS_INT(item.count, 1, "and after");
    mesh_unit_list("/r/\xff", NULL, 0);
    MESH_IS_INT(item.count, 1, "a prefix that ends with it");
    mesh_unit_list("", NULL, 0);
    MESH_IS_INT(item.count, 11, "an empty prefix is all");

    mesh_unit_count("/r/");
    MESH_IS_INT(item.count, 5, "five are counted");
    mesh_unit_count("\xff");
    MESH_IS_INT(item.count, 3, "three");
    mesh_unit_count("");
    MESH_IS_INT(item.count, 11, "all");
    mesh_unit_count("nothing");
    MESH_IS_INT(item.count, 0, "none");

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_store_list)


static ngx_int_t
mesh_unit_store_try(ngx_mesh_unit_t *u, ngx_mesh_store_t *store,
    const char *key, uint64_t revision, ngx_uint_t prefix)
{
    ngx_mesh_store_write_t  *write;

    write = mesh_unit_store_write(u);

    mesh_unit_store_compare(write, key, revision, prefix);
    mesh_unit_store_change(write, "/done", "yes");

    ngx_mesh_store_write(store, write);

    return write->rc;
}


static void
mesh_unit_store_compares(ngx_mesh_unit_t *u)
{
    mesh_unit_store_t        us;
    ngx_mesh_store_item_t    item;
    ngx_mesh_store_write_t  *write;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    (void) mesh_unit_store_put(u, us.store, 1, "/r/a", "1");
    (void) mesh_unit_store_put(u, us.store, 1, "/r/b", "2");
    (void) mesh_unit_store_put(u, us.store, 1, "/r/b", NULL);

    /* revision 3 */

    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/r/a", 0, 0), NGX_DECLINED,
                "an entry that should not be there");
    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/r/a", 2, 0), NGX_DECLINED,
                "an entry of another revision");
    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/r/b", 2, 0), NGX_DECLINED,
                "an entry that was removed");
    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/r/", 1, 1), NGX_DECLINED,
                "a put and a removal below a prefix");
    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/r/", 2, 1), NGX_DECLINED,
                "a removal below a prefix");
    MESH_IS_INT(mesh_unit_store_try(u, us.store, "", 2, 1), NGX_DECLINED,
                "or anywhere");

    (void) mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_GET,
                                "/done", NULL, 0, &item);
    MESH_IS_INT(item.count, 0, "nothing was done of those");

    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/r/", 3, 1), NGX_OK,
                "nothing newer below a prefix");
    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/r/a", 1, 0), NGX_OK,
                "an entry of its revision");
    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/r/b", 0, 0), NGX_OK,
                "no entry");
    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/r/", 3, 1), NGX_OK,
                "changes elsewhere do not matter");

    write = mesh_unit_store_write(u);
    mesh_unit_store_compare(write, "/r/a", 1, 0);
    mesh_unit_store_compare(write, "/r/a", 2, 0);
    mesh_unit_store_change(write, "/r/a", "wrong");
    ngx_mesh_store_write(us.store, write);
    MESH_IS_INT(write->rc, NGX_DECLINED, "all comparisons have to hold");

    (void) mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_GET,
                                "/r/a", NULL, 0, &item);
    MESH_IS_STR(&item.entries->value, "1", "else nothing is done");

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_store_compares)


static void
mesh_unit_store_snapshots(ngx_mesh_unit_t *u)
{
    mesh_unit_store_t           us;
    ngx_mesh_store_item_t       item;
    ngx_mesh_store_snapshot_t  *one, *two, *three;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    (void) mesh_unit_store_put(u, us.store, 1, "/a", "1");

    one = ngx_mesh_store_snapshot(us.store);
    (void) mesh_unit_store_read(u, us.store, one, NGX_MESH_STORE_GET, "/a",
                                NULL, 0, &item);
    MESH_IS_STR(&item.entries->value, "1", "a snapshot sees the first value");

    two = ngx_mesh_store_snapshot(us.store);
    MESH_OK(one == two, "a second one of the same state is the same");

    (void) mesh_unit_store_put(u, us.store, 1, "/a", "2");

    (void) mesh_unit_store_read(u, us.store, two, NGX_MESH_STORE_GET, "/a",
                                NULL, 0, &item);
    MESH_IS_STR(&item.entries->value, "1", "it stays after a write");

    (void) mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_GET, "/a",
                                NULL, 0, &item);
    MESH_IS_STR(&item.entries->value, "2", "others see the second value");

    three = ngx_mesh_store_snapshot(us.store);
    (void) mesh_unit_store_read(u, us.store, three, NGX_MESH_STORE_GET, "/a",
                                NULL, 0, &item);
    MESH_IS_STR(&item.entries->value, "2", "a new snapshot too");

    ngx_mesh_store_release(us.store, one);
    (void) mesh_unit_store_read(u, us.store, two, NGX_MESH_STORE_GET, "/a",
                                NULL, 0, &item);
    MESH_IS_STR(&item.entries->value, "1",
                "the state is there until its last user is gone");

    ngx_mesh_store_release(us.store, two);
    ngx_mesh_store_release(us.store, three);

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_store_snapshots)


typedef struct {
    ngx_uint_t               calls;
    ngx_uint_t               lost;
    ngx_uint_t               nkeys;
    uint64_t                 revision;
    u_char                   keys[256];
} mesh_unit_watch_t;


static void
mesh_unit_store_watched(void *data, ngx_str_t *keys, ngx_uint_t nkeys,
    uint64_t revision)
{
    mesh_unit_watch_t *w = data;

    u_char      *p;
    ngx_uint_t   i;

    w->calls++;
    w->lost += (keys == NULL);
    w->nkeys += nkeys;
    w->revision = revision;

    p = w->keys;

    for (i = 0; i < nkeys && p < w->keys + 200; i++) {
        p = ngx_sprintf(p, "%V ", &keys[i]);
    }

    *p = '\0';
}


static void
mesh_unit_store_written_after(ngx_mesh_store_write_t *write)
{
    mesh_unit_watch_t *w = write->data;

    w->lost = (w->revision != write->revision);
}


static void
mesh_unit_store_watches(ngx_mesh_unit_t *u)
{
    ngx_uint_t               i;
    mesh_unit_watch_t        w;
    mesh_unit_store_t        us;
    ngx_mesh_sqlite_t        other;
    ngx_mesh_store_write_t  *write;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    ngx_memzero(&w, sizeof(mesh_unit_watch_t));

    (void) mesh_unit_store_put(u, us.store, 1, "/before", "1");

    ngx_mesh_store_watch(us.store, mesh_unit_store_watched, &w);
    ngx_mesh_store_poll(us.store);
    MESH_IS_INT(w.calls, 0, "nothing is told of what was before");

    write = mesh_unit_store_write(u);
    write->handler = mesh_unit_store_written_after;
    write->data = &w;
    mesh_unit_store_change(write, "/a", "1");
    mesh_unit_store_change(write, "/b", "1");
    mesh_unit_store_change(write, "/a", "2");
    ngx_mesh_store_write(us.store, write);

    MESH_IS_INT(w.calls, 1, "an own write is told of");
    MESH_IS_INT(w.lost, 0, "before its handler is called");
    MESH_OK(ngx_strcmp(w.keys, "/a /b ") == 0, "with its keys: %s", w.keys);

    (void) mesh_unit_store_put(u, us.store, 1, "/a", NULL);
    MESH_OK(ngx_strcmp(w.keys, "/a ") == 0, "a removal too: %s", w.keys);

    /* another process, which tells of it in the shared zone */

    (void) ngx_mesh_sqlite_open(&other, (char *) us.path, 0, 1000);

    write = mesh_unit_store_write(u);
    mesh_unit_store_change(write, "/other", "1");
    ngx_mesh_sqlite_write(&other, write);
    MESH_IS_INT(write->rc, NGX_OK, "another process writes");

    ngx_mesh_store_poll(us.store);
    MESH_IS_INT(w.calls, 2, "which is not known yet");

    us.store->shared->revision = write->revision;
    ngx_mesh_store_poll(us.store);
    MESH_IS_INT(w.calls, 3, "but is, once it was told of");
    MESH_OK(ngx_strcmp(w.keys, "/other ") == 0, "with its key: %s", w.keys);

    ngx_mesh_store_poll(us.store);
    MESH_IS_INT(w.calls, 3, "and not twice");

    /* more revisions than there is history, without a flush each */

    (void) ngx_mesh_sqlite_exec(&other, "PRAGMA synchronous = OFF");

    for (i = 0; i < NGX_MESH_SQLITE_HISTORY + 600; i++) {
        write->changes.nelts = 0;
        mesh_unit_store_change(write, "/many", "1");
        ngx_mesh_sqlite_write(&other, write);
    }

    ngx_mesh_sqlite_checkpoint(&other);
    ngx_mesh_sqlite_close(&other);

    w.lost = 0;
    us.store->shared->revision = write->revision;
    ngx_mesh_store_poll(us.store);
    MESH_IS_INT(w.calls, 4, "a watch that was asleep for long");
    MESH_IS_INT(w.lost, 1, "hears that history was lost");
    MESH_IS_INT(w.revision, write->revision, "and the newest revision");

    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/nothing", 4, 1),
                NGX_DECLINED, "a comparison with lost history does not hold");
    MESH_IS_INT(mesh_unit_store_try(u, us.store, "/nothing",
                                    write->revision - 1000, 1),
                NGX_OK, "one with what there is does");

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_store_watches)
