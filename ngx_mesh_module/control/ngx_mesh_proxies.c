
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The table of proxies in shared memory.
 *
 * Rows are of one size and made once; the slab allocator is not used after
 * that, so that a worker killed inside of it leaves nothing in disorder.  Under
 * the mutex of the zone, which the master releases for a worker that was
 * killed; chains change by one store, numbers and lengths found in the zone are
 * checked before they are used.
 *
 * Held requests are counted by worker.  Each has a slot with a number that no
 * other worker had before, and rows count for numbers; what a dead worker
 * counted does not belong to any living one and is worth nothing.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_proxies.h"


#define NGX_MESH_PROXIES_ROW      1024
#define NGX_MESH_PROXIES_SLOTS    256       /* workers, old ones too */
#define NGX_MESH_PROXIES_CELLS    4         /* workers that hold requests of
                                               one proxy */
#define NGX_MESH_PROXIES_DEAD     60        /* seconds without a beat */


enum {
    NGX_MESH_PROXIES_MESH = 0,
    NGX_MESH_PROXIES_RESOURCE,
    NGX_MESH_PROXIES_ID,
    NGX_MESH_PROXIES_ADDRESS,
    NGX_MESH_PROXIES_APPLIED,
    NGX_MESH_PROXIES_REJECTED,
    NGX_MESH_PROXIES_OFFERED,
    NGX_MESH_PROXIES_REASON,
    NGX_MESH_PROXIES_STRINGS
};


/* which proxy it is comes first, and is not cut but for the id */

static const struct {
    size_t                   offset;
    size_t                   max;
} ngx_mesh_proxies_strings[] = {
    { offsetof(ngx_mesh_proxy_t, mesh), 270 },
    { offsetof(ngx_mesh_proxy_t, resource), 272 },
    { offsetof(ngx_mesh_proxy_t, id), 128 },
    { offsetof(ngx_mesh_proxy_t, address), NGX_SOCKADDR_STRLEN },
    { offsetof(ngx_mesh_proxy_t, applied), 128 },
    { offsetof(ngx_mesh_proxy_t, rejected), 128 },
    { offsetof(ngx_mesh_proxy_t, offered), 64 },
    { offsetof(ngx_mesh_proxy_t, reason), 512 }
};

#define ngx_mesh_proxies_string(proxy, i)                                     \
    ((ngx_str_t *) ((u_char *) (proxy) + ngx_mesh_proxies_strings[i].offset))


typedef struct {
    uint32_t                 worker;        /* 0: free */
    uint32_t                 count;
} ngx_mesh_proxies_cell_t;


typedef struct {
    uint32_t                 hash;
    uint32_t                 next;          /* in the bucket */
    time_t                   contact;
    ngx_mesh_proxies_cell_t  cells[NGX_MESH_PROXIES_CELLS];
    uint16_t                 len[NGX_MESH_PROXIES_STRINGS];
    u_char                   data[1];
} ngx_mesh_proxies_row_t;

#define NGX_MESH_PROXIES_DATA                                                 \
    (NGX_MESH_PROXIES_ROW - offsetof(ngx_mesh_proxies_row_t, data))


typedef struct {
    uint32_t                 number;        /* 0: free */
    ngx_pid_t                pid;
    time_t                   beat;
} ngx_mesh_proxies_slot_t;


typedef struct {
    ngx_slab_pool_t          *shpool;
    uint32_t                  nrows;
    uint32_t                  used;         /* rows that were ever taken */
    uint32_t                  nbuckets;
    uint32_t                  numbers;      /* of workers */
    ngx_mesh_proxies_slot_t   slots[NGX_MESH_PROXIES_SLOTS];
    uint32_t                 *buckets;
    u_char                   *rows;
} ngx_mesh_proxies_table_t;


#define ngx_mesh_proxies_row(table, i)                                        \
    ((ngx_mesh_proxies_row_t *)                                               \
         ((table)->rows + (size_t) (i) * NGX_MESH_PROXIES_ROW))


static ngx_int_t ngx_mesh_proxies_init_zone(ngx_shm_zone_t *zone, void *data);
static ngx_uint_t ngx_mesh_proxies_alive(ngx_mesh_proxies_slot_t *slot);
static ngx_uint_t ngx_mesh_proxies_lives(ngx_mesh_proxies_table_t *table,
    uint32_t number);
static ngx_uint_t ngx_mesh_proxies_waiting(ngx_mesh_proxies_table_t *table,
    ngx_mesh_proxies_row_t *row);
static uint32_t ngx_mesh_proxies_hash(ngx_mesh_proxy_t *proxy);
static uint32_t ngx_mesh_proxies_find(ngx_mesh_proxies_table_t *table,
    ngx_mesh_proxy_t *proxy, uint32_t hash);
static ngx_uint_t ngx_mesh_proxies_is(ngx_mesh_proxies_row_t *row,
    ngx_mesh_proxy_t *proxy);
static uint32_t ngx_mesh_proxies_take(ngx_mesh_proxies_table_t *table);
static void ngx_mesh_proxies_unlink(ngx_mesh_proxies_table_t *table,
    uint32_t i);
static void ngx_mesh_proxies_pack(ngx_mesh_proxies_row_t *row,
    ngx_mesh_proxy_t *proxy);
static void ngx_mesh_proxies_unpack(ngx_mesh_proxies_row_t *row,
    ngx_mesh_proxy_t *proxy);
static void ngx_mesh_proxies_cut(ngx_mesh_proxy_t *proxy,
    ngx_mesh_proxy_t *cut);
static ngx_int_t ngx_mesh_proxies_copy(ngx_pool_t *pool,
    ngx_mesh_proxy_t *proxy);
static ngx_int_t ngx_mesh_proxies_compare(ngx_mesh_proxy_t *one,
    ngx_mesh_proxy_t *two);
static ngx_int_t ngx_mesh_proxies_strcmp(ngx_str_t *one, ngx_str_t *two);


/* of this worker, in the zone; zones of a new cycle get a new worker */
static ngx_mesh_proxies_slot_t  *ngx_mesh_proxies_self;


ngx_shm_zone_t *
ngx_mesh_proxies_add(ngx_conf_t *cf, ngx_str_t *name, size_t size)
{
    ngx_shm_zone_t  *zone;

    zone = ngx_shared_memory_add(cf, name, size, &ngx_mesh_proxies_add);
    if (zone == NULL) {
        return NULL;
    }

    zone->init = ngx_mesh_proxies_init_zone;

    return zone;
}


static ngx_int_t
ngx_mesh_proxies_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    zone->data = data ? data : shpool->data;

    if (zone->data == NULL) {
        zone->data = ngx_mesh_proxies_attach(shpool);
    }

    return zone->data ? NGX_OK : NGX_ERROR;
}


void *
ngx_mesh_proxies_attach(ngx_slab_pool_t *shpool)
{
    size_t                     size;
    uint32_t                   i, n;
    ngx_mesh_proxies_table_t  *table;

    table = ngx_slab_calloc(shpool, sizeof(ngx_mesh_proxies_table_t));
    if (table == NULL) {
        return NULL;
    }

    /*
     * The pages that are free are in one piece; what the slab allocator may
     * still need of them for itself is little.
     */

    size = shpool->pfree * ngx_pagesize;
    n = size / (NGX_MESH_PROXIES_ROW + sizeof(uint32_t));

    table->buckets = ngx_slab_alloc(shpool, n * sizeof(uint32_t));
    if (table->buckets == NULL) {
        return NULL;
    }

    size = shpool->pfree * ngx_pagesize;

    table->rows = ngx_slab_alloc(shpool, size);
    if (table->rows == NULL) {
        return NULL;
    }

    table->shpool = shpool;
    table->nbuckets = n;
    table->nrows = size / NGX_MESH_PROXIES_ROW;

    for (i = 0; i < table->nbuckets; i++) {
        table->buckets[i] = NGX_MESH_PROXIES_NONE;
    }

    shpool->data = table;

    return table;
}


void
ngx_mesh_proxies_open(ngx_shm_zone_t *zone)
{
    ngx_uint_t                 i;
    ngx_mesh_proxies_slot_t   *slot;
    ngx_mesh_proxies_table_t  *table;

    table = zone->data;
    slot = NULL;

    ngx_shmtx_lock(&table->shpool->mutex);

    for (i = 0; i < NGX_MESH_PROXIES_SLOTS; i++) {
        if (!ngx_mesh_proxies_alive(&table->slots[i])) {
            slot = &table->slots[i];
            slot->number = 0;
            slot->pid = ngx_pid;
            slot->beat = ngx_time();
            slot->number = ++table->numbers;
            break;
        }
    }

    ngx_mesh_proxies_self = slot;

    ngx_shmtx_unlock(&table->shpool->mutex);
}


void
ngx_mesh_proxies_beat(ngx_shm_zone_t *zone)
{
    if (ngx_mesh_proxies_self) {
        ngx_mesh_proxies_self->beat = ngx_time();
    }
}


void
ngx_mesh_proxies_close(ngx_shm_zone_t *zone)
{
    if (ngx_mesh_proxies_self) {
        ngx_mesh_proxies_self->number = 0;
        ngx_mesh_proxies_self = NULL;
    }
}


ngx_int_t
ngx_mesh_proxies_report(ngx_shm_zone_t *zone, ngx_mesh_proxy_t *proxy)
{
    uint32_t                   hash, i, *bucket;
    ngx_str_t                  offered;
    ngx_mesh_proxy_t           cut, old;
    ngx_mesh_proxies_row_t    *row;
    ngx_mesh_proxies_table_t  *table;
    u_char                     version[64];

    table = zone->data;
    proxy->row = NGX_MESH_PROXIES_NONE;

    ngx_mesh_proxies_cut(proxy, &cut);

    hash = ngx_mesh_proxies_hash(&cut);

    ngx_shmtx_lock(&table->shpool->mutex);

    i = ngx_mesh_proxies_find(table, &cut, hash);

    if (i == NGX_MESH_PROXIES_NONE) {

        i = ngx_mesh_proxies_take(table);

        if (i == NGX_MESH_PROXIES_NONE) {
            ngx_shmtx_unlock(&table->shpool->mutex);
            return NGX_DECLINED;
        }

        row = ngx_mesh_proxies_row(table, i);
        ngx_memzero(row, NGX_MESH_PROXIES_ROW);

        ngx_mesh_proxies_pack(row, &cut);

        bucket = &table->buckets[hash % table->nbuckets];

        row->hash = hash;
        row->next = *bucket;
        *bucket = i;

    } else {
        row = ngx_mesh_proxies_row(table, i);

        /* the row is written anew, but for what the proxy did not say */

        ngx_mesh_proxies_unpack(row, &old);

        offered.data = version;
        offered.len = ngx_min(old.offered.len, sizeof(version));
        ngx_memcpy(version, old.offered.data, offered.len);

        cut.offered = offered;

        ngx_mesh_proxies_pack(row, &cut);
    }

    row->contact = ngx_time();

    ngx_shmtx_unlock(&table->shpool->mutex);

    proxy->row = i;

    return NGX_OK;
}


void
ngx_mesh_proxies_enter(ngx_shm_zone_t *zone, uint32_t i)
{
    ngx_uint_t                 n;
    ngx_mesh_proxies_row_t    *row;
    ngx_mesh_proxies_cell_t   *cell, *free;
    ngx_mesh_proxies_table_t  *table;

    table = zone->data;

    if (ngx_mesh_proxies_self == NULL || i >= table->nrows) {
        return;
    }

    ngx_shmtx_lock(&table->shpool->mutex);

    row = ngx_mesh_proxies_row(table, i);
    free = NULL;

    for (n = 0; n < NGX_MESH_PROXIES_CELLS; n++) {
        cell = &row->cells[n];

        if (cell->worker == ngx_mesh_proxies_self->number) {
            cell->count++;
            free = NULL;
            break;
        }

        if (free == NULL
            && (cell->count == 0
                || !ngx_mesh_proxies_lives(table, cell->worker)))
        {
            free = cell;
        }
    }

    if (free) {
        free->count = 0;
        free->worker = ngx_mesh_proxies_self->number;
        free->count = 1;
    }

    ngx_shmtx_unlock(&table->shpool->mutex);
}


void
ngx_mesh_proxies_leave(ngx_shm_zone_t *zone, uint32_t i)
{
    ngx_uint_t                 n;
    ngx_mesh_proxies_row_t    *row;
    ngx_mesh_proxies_cell_t   *cell;
    ngx_mesh_proxies_table_t  *table;

    table = zone->data;

    if (ngx_mesh_proxies_self == NULL || i >= table->nrows) {
        return;
    }

    ngx_shmtx_lock(&table->shpool->mutex);

    row = ngx_mesh_proxies_row(table, i);

    for (n = 0; n < NGX_MESH_PROXIES_CELLS; n++) {
        cell = &row->cells[n];

        if (cell->worker == ngx_mesh_proxies_self->number && cell->count) {
            cell->count--;
            break;
        }
    }

    row->contact = ngx_time();

    ngx_shmtx_unlock(&table->shpool->mutex);
}


void
ngx_mesh_proxies_offer(ngx_shm_zone_t *zone, ngx_mesh_proxy_t *proxy,
    ngx_str_t *version)
{
    u_char                     data[NGX_MESH_PROXIES_ROW];
    uint32_t                   i;
    ngx_mesh_proxy_t           cut, row;
    ngx_mesh_proxies_table_t  *table;

    table = zone->data;

    if (proxy->row >= table->nrows) {
        return;
    }

    ngx_mesh_proxies_cut(proxy, &cut);

    ngx_shmtx_lock(&table->shpool->mutex);

    /* it may have given way to another one since */

    i = ngx_mesh_proxies_find(table, &cut, ngx_mesh_proxies_hash(&cut));

    if (i != NGX_MESH_PROXIES_NONE) {
        ngx_memcpy(data, ngx_mesh_proxies_row(table, i), NGX_MESH_PROXIES_ROW);

        ngx_mesh_proxies_unpack((ngx_mesh_proxies_row_t *) data, &row);

        row.offered = *version;

        ngx_mesh_proxies_pack(ngx_mesh_proxies_row(table, i), &row);
    }

    ngx_shmtx_unlock(&table->shpool->mutex);
}


/*
 * Rows are compared in place and only those of the page copied: the mutex is
 * held for a moment also if there are many.
 */

ngx_int_t
ngx_mesh_proxies_list(ngx_shm_zone_t *zone, ngx_pool_t *pool, ngx_str_t *mesh,
    ngx_mesh_proxy_t *after, ngx_uint_t limit, ngx_array_t *proxies)
{
    time_t                     now;
    ngx_int_t                  rc;
    ngx_uint_t                 i, n, at;
    ngx_mesh_proxy_t           proxy, page[NGX_MESH_PROXIES_PAGE + 1], *p;
    ngx_mesh_proxies_row_t    *row;
    ngx_mesh_proxies_table_t  *table;

    table = zone->data;
    limit = ngx_min(limit, NGX_MESH_PROXIES_PAGE);
    now = ngx_time();
    rc = NGX_OK;
    n = 0;

    ngx_shmtx_lock(&table->shpool->mutex);

    for (i = 0; i < ngx_min(table->used, table->nrows); i++) {
        row = ngx_mesh_proxies_row(table, i);

        ngx_mesh_proxies_unpack(row, &proxy);

        if (proxy.mesh.len != mesh->len
            || ngx_memcmp(proxy.mesh.data, mesh->data, mesh->len) != 0
            || (after && ngx_mesh_proxies_compare(&proxy, after) <= 0)
            || (n == limit
                && ngx_mesh_proxies_compare(&proxy, &page[n - 1]) >= 0))
        {
            continue;
        }

        proxy.waiting = ngx_mesh_proxies_waiting(table, row);

        if (proxy.waiting == 0
            && now - proxy.contact > NGX_MESH_PROXIES_FORGET)
        {
            continue;
        }

        for (at = n;
             at && ngx_mesh_proxies_compare(&proxy, &page[at - 1]) < 0;
             at--)
        {
            page[at] = page[at - 1];
        }

        page[at] = proxy;
        n = ngx_min(n + 1, limit);
    }

    for (i = 0; i < n; i++) {
        p = ngx_array_push(proxies);

        if (p == NULL || ngx_mesh_proxies_copy(pool, &page[i]) != NGX_OK) {
            rc = NGX_ERROR;
            break;
        }

        *p = page[i];
    }

    ngx_shmtx_unlock(&table->shpool->mutex);

    return rc;
}


static ngx_uint_t
ngx_mesh_proxies_alive(ngx_mesh_proxies_slot_t *slot)
{
    if (slot->number == 0) {
        return 0;
    }

    if (slot->pid == ngx_pid) {
        return slot == ngx_mesh_proxies_self;
    }

    /* a pid may be another process by now, which does not beat */

    return ngx_time() - slot->beat < NGX_MESH_PROXIES_DEAD
           && (kill(slot->pid, 0) == 0 || ngx_errno == NGX_EPERM);
}


static ngx_uint_t
ngx_mesh_proxies_lives(ngx_mesh_proxies_table_t *table, uint32_t number)
{
    ngx_uint_t  i;

    if (number == 0) {
        return 0;
    }

    for (i = 0; i < NGX_MESH_PROXIES_SLOTS; i++) {
        if (table->slots[i].number == number) {
            return ngx_mesh_proxies_alive(&table->slots[i]);
        }
    }

    return 0;
}


static ngx_uint_t
ngx_mesh_proxies_waiting(ngx_mesh_proxies_table_t *table,
    ngx_mesh_proxies_row_t *row)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NGX_MESH_PROXIES_CELLS; i++) {
        if (row->cells[i].count
            && ngx_mesh_proxies_lives(table, row->cells[i].worker))
        {
            n += row->cells[i].count;
        }
    }

    return n;
}


static uint32_t
ngx_mesh_proxies_hash(ngx_mesh_proxy_t *proxy)
{
    uint32_t  hash;

    ngx_crc32_init(hash);

    ngx_crc32_update(&hash, proxy->mesh.data, proxy->mesh.len);
    ngx_crc32_update(&hash, proxy->resource.data, proxy->resource.len);
    ngx_crc32_update(&hash, proxy->id.data, proxy->id.len);

    ngx_crc32_final(hash);

    return hash;
}


static uint32_t
ngx_mesh_proxies_find(ngx_mesh_proxies_table_t *table, ngx_mesh_proxy_t *proxy,
    uint32_t hash)
{
    uint32_t                 i, n;
    ngx_mesh_proxies_row_t  *row;

    i = table->buckets[hash % table->nbuckets];

    for (n = 0; i < table->nrows && n < table->nrows; n++) {
        row = ngx_mesh_proxies_row(table, i);

        if (row->hash == hash && ngx_mesh_proxies_is(row, proxy)) {
            return i;
        }

        i = row->next;
    }

    return NGX_MESH_PROXIES_NONE;
}


static ngx_uint_t
ngx_mesh_proxies_is(ngx_mesh_proxies_row_t *row, ngx_mesh_proxy_t *proxy)
{
    ngx_mesh_proxy_t  one;

    ngx_mesh_proxies_unpack(row, &one);

    return ngx_mesh_proxies_strcmp(&one.mesh, &proxy->mesh) == 0
           && ngx_mesh_proxies_compare(&one, proxy) == 0;
}


/* a row that was never used, or that of the proxy not heard of for longest */

static uint32_t
ngx_mesh_proxies_take(ngx_mesh_proxies_table_t *table)
{
    uint32_t                 i, oldest;
    ngx_mesh_proxies_row_t  *row;

    if (table->used < table->nrows) {
        return table->used++;
    }

    oldest = NGX_MESH_PROXIES_NONE;

    for (i = 0; i < table->nrows; i++) {
        row = ngx_mesh_proxies_row(table, i);

        if (oldest != NGX_MESH_PROXIES_NONE
            && row->contact >= ngx_mesh_proxies_row(table, oldest)->contact)
        {
            continue;
        }

        if (ngx_mesh_proxies_waiting(table, row) == 0) {
            oldest = i;
        }
    }

    if (oldest != NGX_MESH_PROXIES_NONE) {
        ngx_mesh_proxies_unlink(table, oldest);
    }

    return oldest;
}


static void
ngx_mesh_proxies_unlink(ngx_mesh_proxies_table_t *table, uint32_t i)
{
    uint32_t                *p, n;
    ngx_mesh_proxies_row_t  *row;

    row = ngx_mesh_proxies_row(table, i);
    p = &table->buckets[row->hash % table->nbuckets];

    for (n = 0; *p < table->nrows && n < table->nrows; n++) {

        if (*p == i) {
            *p = row->next;
            return;
        }

        p = &ngx_mesh_proxies_row(table, *p)->next;
    }
}


/* strings one after the other; the reason takes what is left */

static void
ngx_mesh_proxies_pack(ngx_mesh_proxies_row_t *row, ngx_mesh_proxy_t *proxy)
{
    size_t       len, left;
    u_char      *p;
    ngx_str_t   *s;
    ngx_uint_t   i;

    p = row->data;
    left = NGX_MESH_PROXIES_DATA;

    for (i = 0; i < NGX_MESH_PROXIES_STRINGS; i++) {
        s = ngx_mesh_proxies_string(proxy, i);

        len = ngx_min(s->len, ngx_mesh_proxies_strings[i].max);
        len = ngx_min(len, left);

        row->len[i] = (uint16_t) len;
        p = ngx_cpymem(p, s->data, len);
        left -= len;
    }
}


static void
ngx_mesh_proxies_unpack(ngx_mesh_proxies_row_t *row, ngx_mesh_proxy_t *proxy)
{
    size_t       left;
    u_char      *p;
    ngx_str_t   *s;
    ngx_uint_t   i;

    ngx_memzero(proxy, sizeof(ngx_mesh_proxy_t));

    p = row->data;
    left = NGX_MESH_PROXIES_DATA;

    for (i = 0; i < NGX_MESH_PROXIES_STRINGS; i++) {
        s = ngx_mesh_proxies_string(proxy, i);

        s->len = ngx_min(row->len[i], left);
        s->data = p;

        p += s->len;
        left -= s->len;
    }

    proxy->contact = row->contact;
}


/* as it will be found again */

static void
ngx_mesh_proxies_cut(ngx_mesh_proxy_t *proxy, ngx_mesh_proxy_t *cut)
{
    ngx_str_t   *s;
    ngx_uint_t   i;

    *cut = *proxy;

    for (i = 0; i < NGX_MESH_PROXIES_STRINGS; i++) {
        s = ngx_mesh_proxies_string(cut, i);
        s->len = ngx_min(s->len, ngx_mesh_proxies_strings[i].max);
    }
}


static ngx_int_t
ngx_mesh_proxies_copy(ngx_pool_t *pool, ngx_mesh_proxy_t *proxy)
{
    u_char      *p;
    ngx_str_t   *s;
    ngx_uint_t   i;

    for (i = 0; i < NGX_MESH_PROXIES_STRINGS; i++) {
        s = ngx_mesh_proxies_string(proxy, i);

        p = ngx_pnalloc(pool, s->len + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, s->data, s->len);
        s->data = p;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_proxies_compare(ngx_mesh_proxy_t *one, ngx_mesh_proxy_t *two)
{
    ngx_int_t  rc;

    rc = ngx_mesh_proxies_strcmp(&one->resource, &two->resource);

    return rc ? rc : ngx_mesh_proxies_strcmp(&one->id, &two->id);
}


static ngx_int_t
ngx_mesh_proxies_strcmp(ngx_str_t *one, ngx_str_t *two)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(one->data, two->data, ngx_min(one->len, two->len));

    if (rc == 0) {
        rc = (one->len > two->len) - (one->len < two->len);
    }

    return rc;
}
