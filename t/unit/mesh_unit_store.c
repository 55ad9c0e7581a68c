
/*
 * Copyright (C) nginx mesh contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "mesh_unit_store.h"


ngx_int_t
mesh_unit_store_directory(mesh_unit_store_t *us)
{
    ngx_memzero(us, sizeof(mesh_unit_store_t));

    (void) ngx_cpystrn(us->dir, (u_char *) "/tmp/mesh-unit-store.XXXXXX",
                       sizeof(us->dir));

    if (mkdtemp((char *) us->dir) == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_snprintf(us->path, sizeof(us->path), "%s/store%Z", us->dir);

    return NGX_OK;
}


void
mesh_unit_store_remove(mesh_unit_store_t *us)
{
    u_char       path[96];
    ngx_uint_t   i;

    static const char  *suffixes[] = { "", "-wal", "-shm", NULL };

    for (i = 0; suffixes[i]; i++) {
        (void) ngx_snprintf(path, sizeof(path), "%s%s%Z", us->path,
                            suffixes[i]);
        (void) ngx_delete_file(path);
    }

    (void) ngx_delete_dir(us->dir);
}


ngx_int_t
mesh_unit_store_create(ngx_mesh_unit_t *u, mesh_unit_store_t *us)
{
    u_char     *p;
    ngx_str_t   url;

    if (mesh_unit_store_directory(us) != NGX_OK) {
        return NGX_ERROR;
    }

    url.data = ngx_pnalloc(u->pool, 128);
    p = ngx_sprintf(url.data, "sqlite:%s", us->path);
    url.len = p - url.data;

    us->store = ngx_mesh_store_create(u->cf, &url);

    if (us->store == NULL
        || ngx_mesh_store_prepare(u->cf->cycle, us->store) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_mesh_store_open(u->cf->cycle, us->store);

    return NGX_OK;
}


void
mesh_unit_store_destroy(mesh_unit_store_t *us)
{
    if (us->store) {
        ngx_mesh_store_close(us->store);
    }

    mesh_unit_store_remove(us);
}


static void
mesh_unit_store_written(ngx_mesh_store_write_t *write)
{
    ngx_uint_t *called = write->data;

    (*called)++;
}


ngx_mesh_store_write_t *
mesh_unit_store_write(ngx_mesh_unit_t *u)
{
    ngx_mesh_store_write_t  *write;

    write = ngx_pcalloc(u->pool, sizeof(ngx_mesh_store_write_t));

    write->pool = u->pool;
    write->data = ngx_pcalloc(u->pool, sizeof(ngx_uint_t));
    write->handler = mesh_unit_store_written;

    (void) ngx_array_init(&write->compares, u->pool, 4,
                          sizeof(ngx_mesh_store_compare_t));
    (void) ngx_array_init(&write->changes, u->pool, 4,
                          sizeof(ngx_mesh_store_change_t));

    return write;
}


void
mesh_unit_store_change(ngx_mesh_store_write_t *write, const char *key,
    const char *value)
{
    ngx_mesh_store_change_t  *change;

    change = ngx_array_push(&write->changes);
    ngx_memzero(change, sizeof(ngx_mesh_store_change_t));

    change->key.data = (u_char *) key;
    change->key.len = ngx_strlen(key);
    change->remove = (value == NULL);

    if (value) {
        change->value.data = (u_char *) value;
        change->value.len = ngx_strlen(value);
    }
}


void
mesh_unit_store_compare(ngx_mesh_store_write_t *write, const char *key,
    uint64_t revision, ngx_uint_t prefix)
{
    ngx_mesh_store_compare_t  *compare;

    compare = ngx_array_push(&write->compares);
    ngx_memzero(compare, sizeof(ngx_mesh_store_compare_t));

    compare->key.data = (u_char *) key;
    compare->key.len = ngx_strlen(key);
    compare->revision = revision;
    compare->prefix = prefix;
}


ngx_int_t
mesh_unit_store_put(ngx_mesh_unit_t *u, ngx_mesh_store_t *store, ngx_uint_t n,
    ...)
{
    va_list                  args;
    const char              *key, *value;
    ngx_mesh_store_write_t  *write;

    write = mesh_unit_store_write(u);

    va_start(args, n);

    while (n--) {
        key = va_arg(args, const char *);
        value = va_arg(args, const char *);

        mesh_unit_store_change(write, key, value);
    }

    va_end(args);

    ngx_mesh_store_write(store, write);

    return (*(ngx_uint_t *) write->data == 1) ? write->rc : NGX_ABORT;
}


static void
mesh_unit_store_answered(ngx_mesh_store_read_t *read)
{
    ngx_uint_t *called = read->data;

    (*called)++;
}


ngx_mesh_store_error_e
mesh_unit_store_read(ngx_mesh_unit_t *u, ngx_mesh_store_t *store,
    ngx_mesh_store_snapshot_t *snapshot, ngx_mesh_store_item_e type,
    const char *key, const char *after, ngx_uint_t limit,
    ngx_mesh_store_item_t *item)
{
    ngx_uint_t             called;
    ngx_mesh_store_read_t  read;

    ngx_memzero(item, sizeof(ngx_mesh_store_item_t));
    ngx_memzero(&read, sizeof(ngx_mesh_store_read_t));

    item->type = type;
    item->key.data = (u_char *) key;
    item->key.len = ngx_strlen(key);
    item->limit = limit;

    if (after) {
        item->after.data = (u_char *) after;
        item->after.len = ngx_strlen(after);
    }

    called = 0;

    read.pool = u->pool;
    read.snapshot = snapshot;
    read.items = item;
    read.nitems = 1;
    read.data = &called;
    read.handler = mesh_unit_store_answered;

    ngx_mesh_store_read(store, &read);

    MESH_OK(called == 1, "a read is answered once");

    return read.error;
}
