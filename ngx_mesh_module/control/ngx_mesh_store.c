
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A store by its url, and what engines need besides: the shared zone with the
 * newest revision, and the descriptor that wakes the workers of all cycles.
 *
 * The master prepares a store when its zone is set up: an error there ends a
 * reload and leaves the old workers to go on, while one in init_module would
 * end nginx.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#if (NGX_HAVE_SYS_EVENTFD_H)
#include <sys/eventfd.h>
#endif

#include "ngx_mesh_store_module.h"
#include "ngx_mesh_store_sqlite.h"


static ngx_mesh_store_t *ngx_mesh_store_make(ngx_conf_t *cf, ngx_str_t *url,
    const ngx_mesh_store_engine_t *engine);
static ngx_shm_zone_t *ngx_mesh_store_add_zone(ngx_conf_t *cf,
    ngx_mesh_store_t *store);
static ngx_int_t ngx_mesh_store_init_zone(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_mesh_store_init_shared(ngx_shm_zone_t *zone,
    ngx_mesh_store_t *old);
static ngx_int_t ngx_mesh_store_init_wake(ngx_mesh_store_t *store,
    ngx_mesh_store_t *old);
static void ngx_mesh_store_drop_wake(void *data);


static const ngx_mesh_store_engine_t  *ngx_mesh_store_engines[] = {
    &ngx_mesh_store_sqlite,
    NULL
};


ngx_mesh_store_t *
ngx_mesh_store_create(ngx_conf_t *cf, ngx_str_t *url)
{
    size_t                           len;
    ngx_str_t                        rest;
    ngx_uint_t                       i;
    ngx_mesh_store_t                *store, **known;
    ngx_mesh_store_conf_t           *scf;
    const ngx_mesh_store_engine_t  **engine;

    scf = ngx_mesh_store_get_conf(cf->cycle);
    known = scf->stores.elts;

    for (i = 0; i < scf->stores.nelts; i++) {
        if (known[i]->url.len == url->len
            && ngx_memcmp(known[i]->url.data, url->data, url->len) == 0)
        {
            return known[i];
        }
    }

    for (engine = ngx_mesh_store_engines; *engine; engine++) {

        len = ngx_strlen((*engine)->name);

        if (url->len <= len
            || ngx_memcmp(url->data, (*engine)->name, len) != 0
            || url->data[len] != ':')
        {
            continue;
        }

        store = ngx_mesh_store_make(cf, url, *engine);
        if (store == NULL) {
            return NULL;
        }

        rest.data = url->data + len + 1;
        rest.len = url->len - len - 1;

        if (store->engine->configure(cf, store, &rest) != NGX_CONF_OK) {
            return NULL;
        }

        return store;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown store \"%V\", it has to be "
                       "\"sqlite:/path/of/a/file\"", url);

    return NULL;
}


static ngx_mesh_store_t *
ngx_mesh_store_make(ngx_conf_t *cf, ngx_str_t *url,
    const ngx_mesh_store_engine_t *engine)
{
    ngx_mesh_store_t       *store, **place;
    ngx_mesh_store_conf_t  *scf;

    store = ngx_pcalloc(cf->pool, sizeof(ngx_mesh_store_t));
    if (store == NULL) {
        return NULL;
    }

    store->engine = engine;
    store->cycle = cf->cycle;
    store->shared = &store->own;
    store->file = cf->conf_file->file.name.data;
    store->line = cf->conf_file->line;

    store->url.len = url->len;
    store->url.data = ngx_pstrdup(cf->pool, url);
    if (store->url.data == NULL) {
        return NULL;
    }

    if (ngx_mesh_store_add_zone(cf, store) == NULL) {
        return NULL;
    }

    scf = ngx_mesh_store_get_conf(cf->cycle);

    place = ngx_array_push(&scf->stores);
    if (place == NULL) {
        return NULL;
    }

    *place = store;

    return store;
}


static ngx_shm_zone_t *
ngx_mesh_store_add_zone(ngx_conf_t *cf, ngx_mesh_store_t *store)
{
    ngx_str_t        name;
    ngx_shm_zone_t  *zone;

    name.len = sizeof("mesh_store ") - 1 + store->url.len;
    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NULL;
    }

    (void) ngx_sprintf(name.data, "mesh_store %V", &store->url);

    zone = ngx_shared_memory_add(cf, &name, 8 * ngx_pagesize,
                                 &ngx_mesh_store_module);
    if (zone == NULL) {
        return NULL;
    }

    zone->init = ngx_mesh_store_init_zone;
    zone->data = store;

    return zone;
}


static ngx_int_t
ngx_mesh_store_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_mesh_store_t *old = data;

    ngx_mesh_store_t  *store;

    store = zone->data;

    if (ngx_mesh_store_init_shared(zone, old) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "mesh: zone \"%V\" is too small", &zone->shm.name);
        return NGX_ERROR;
    }

    if (ngx_test_config) {
        return NGX_OK;
    }

    if (ngx_mesh_store_init_wake(store, old) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mesh_store_prepare(store->cycle, store);
}


static ngx_int_t
ngx_mesh_store_init_shared(ngx_shm_zone_t *zone, ngx_mesh_store_t *old)
{
    ngx_slab_pool_t   *shpool;
    ngx_mesh_store_t  *store;

    store = zone->data;

    if (old) {
        store->shared = old->shared;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (!zone->shm.exists) {
        shpool->data = ngx_slab_calloc(shpool,
                                       sizeof(ngx_mesh_store_shared_t));
    }

    if (shpool->data == NULL) {
        return NGX_ERROR;
    }

    store->shared = shpool->data;

    if (!zone->shm.exists) {
        ngx_mesh_store_turn_init(&store->shared->turn, zone->shm.log);
    }

    return NGX_OK;
}


/*
 * Old workers wake new ones and the other way around, so a descriptor lives as
 * long as any cycle that has it.  It is never read, see the watch.
 */

static ngx_int_t
ngx_mesh_store_init_wake(ngx_mesh_store_t *store, ngx_mesh_store_t *old)
{
    ngx_pool_cleanup_t     *cln;
    ngx_mesh_store_wake_t  *wake;

    cln = ngx_pool_cleanup_add(store->cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    wake = old ? old->wake : NULL;

    if (wake == NULL) {
        wake = ngx_calloc(sizeof(ngx_mesh_store_wake_t), store->cycle->log);
        if (wake == NULL) {
            return NGX_ERROR;
        }

        wake->fd = -1;

#if (NGX_HAVE_EVENTFD && NGX_HAVE_SYS_EVENTFD_H)

        wake->fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (wake->fd == -1) {
            ngx_log_error(NGX_LOG_WARN, store->cycle->log, ngx_errno,
                          "mesh: eventfd() failed, workers look for changes "
                          "of each other by a timer");
        }

#endif
    }

    wake->refs++;
    store->wake = wake;

    cln->handler = ngx_mesh_store_drop_wake;
    cln->data = wake;

    return NGX_OK;
}


static void
ngx_mesh_store_drop_wake(void *data)
{
    ngx_mesh_store_wake_t *wake = data;

    if (--wake->refs) {
        return;
    }

    /* a worker has closed its own */

    if (wake->fd != -1) {
        (void) close(wake->fd);
    }

    ngx_free(wake);
}


ngx_int_t
ngx_mesh_store_prepare(ngx_cycle_t *cycle, ngx_mesh_store_t *store)
{
    return store->engine->prepare(cycle, store);
}


void
ngx_mesh_store_open(ngx_cycle_t *cycle, ngx_mesh_store_t *store)
{
    store->engine->open(cycle, store);
}


void
ngx_mesh_store_close(ngx_mesh_store_t *store)
{
    store->engine->close(store);
}


void
ngx_mesh_store_read(ngx_mesh_store_t *store, ngx_mesh_store_read_t *read)
{
    store->engine->read(store, read);
}


ngx_mesh_store_snapshot_t *
ngx_mesh_store_snapshot(ngx_mesh_store_t *store)
{
    return store->engine->snapshot(store);
}


void
ngx_mesh_store_release(ngx_mesh_store_t *store,
    ngx_mesh_store_snapshot_t *snapshot)
{
    store->engine->release(store, snapshot);
}


void
ngx_mesh_store_write(ngx_mesh_store_t *store, ngx_mesh_store_write_t *write)
{
    store->engine->write(store, write);
}


void
ngx_mesh_store_watch(ngx_mesh_store_t *store, ngx_mesh_store_watch_pt handler,
    void *data)
{
    store->engine->watch(store, handler, data);
}


void
ngx_mesh_store_poll(ngx_mesh_store_t *store)
{
    store->engine->poll(store);
}


ngx_str_t *
ngx_mesh_store_id(ngx_mesh_store_t *store)
{
    return &store->id;
}


ngx_uint_t
ngx_mesh_store_is_sync(ngx_mesh_store_t *store)
{
    return store->engine->sync;
}
