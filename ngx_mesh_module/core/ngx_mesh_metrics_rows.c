
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Rows of metrics: found by their labels, made, given to other labels, read.
 *
 * All of this happens under the mutex of the zone, counting does not.  A row
 * that no model of any worker uses keeps its values, and is shown, until there
 * is no room for a new one.  Then it is taken: what was counted in all its
 * shards is forgotten, nobody can be adding to it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_metrics_zone.h"


#define NGX_MESH_METRICS_FNV_OFFSET  0xcbf29ce484222325ULL
#define NGX_MESH_METRICS_FNV_PRIME   0x100000001b3ULL


static uint64_t ngx_mesh_metrics_key(ngx_str_t *labels, ngx_uint_t n);
static ngx_uint_t ngx_mesh_metrics_same(ngx_mesh_metrics_meta_t *meta,
    ngx_str_t *labels, ngx_uint_t n);
static uint32_t ngx_mesh_metrics_find(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, uint64_t key, ngx_str_t *labels);
static uint32_t ngx_mesh_metrics_new(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, size_t size);
static uint32_t ngx_mesh_metrics_reuse(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, size_t size);
static ngx_uint_t ngx_mesh_metrics_used(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, uint32_t index);
static void ngx_mesh_metrics_clear(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, uint32_t index);
static void ngx_mesh_metrics_unlink(ngx_mesh_metrics_table_t *table,
    ngx_mesh_metrics_kind_e kind, uint32_t index, uint64_t key);
static void ngx_mesh_metrics_link(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, uint32_t index, uint64_t key,
    ngx_str_t *labels);
static uint64_t *ngx_mesh_metrics_own(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, uint32_t index);
static void ngx_mesh_metrics_sum(ngx_mesh_metrics_t *m,
    ngx_mesh_metrics_kind_e kind, uint32_t index, uint64_t *values);


static const ngx_uint_t  ngx_mesh_metrics_labels[NGX_MESH_METRICS_KINDS] = {
    0, 1, 1, 1, 4
};


ngx_mesh_metrics_row_t *
ngx_mesh_metrics_row(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    ngx_str_t *labels)
{
    size_t       size;
    uint32_t     index;
    uint64_t     key, *words;
    ngx_uint_t   i, n, full;
    ngx_str_t    kept[NGX_MESH_METRICS_LABELS];

    if (m->slot == NULL) {
        return ngx_mesh_metrics_nobody();
    }

    n = ngx_mesh_metrics_labels[kind];

    for (i = 0, size = 0; i < n; i++) {
        kept[i].data = labels[i].data;
        kept[i].len = ngx_min(labels[i].len, NGX_MESH_METRICS_LABEL);
        size += kept[i].len;
    }

    key = ngx_mesh_metrics_key(kept, n);

    ngx_shmtx_lock(&m->shpool->mutex);

    index = ngx_mesh_metrics_find(m, kind, key, kept);

    if (index == NGX_MESH_METRICS_NO_ROW) {
        index = ngx_mesh_metrics_new(m, kind, size);

        if (index != NGX_MESH_METRICS_NO_ROW) {
            ngx_mesh_metrics_link(m, kind, index, key, kept);
        }
    }

    words = (index == NGX_MESH_METRICS_NO_ROW) ? NULL
                                   : ngx_mesh_metrics_own(m, kind, index);

    full = (words == NULL && !m->full);

    if (words == NULL) {
        m->full = 1;
        words = m->slot->overflow + ngx_mesh_metrics_overflow(kind);
    }

    words[0]++;

    ngx_shmtx_unlock(&m->shpool->mutex);

    if (full) {
        ngx_log_error(NGX_LOG_WARN, m->log, 0,
                      "mesh: the zone of metrics is full, what finds no room "
                      "is counted together; enlarge \"metrics_zone\"");
    }

    return words + NGX_MESH_METRICS_REFS;
}


void
ngx_mesh_metrics_release(ngx_mesh_metrics_row_t *row)
{
    if (ngx_mesh_metrics_left) {
        return;
    }

    /* what was counted is to be seen before the row may be taken */

    ngx_memory_barrier();

    row[-NGX_MESH_METRICS_REFS]--;
}


static uint64_t
ngx_mesh_metrics_key(ngx_str_t *labels, ngx_uint_t n)
{
    size_t      j;
    uint64_t    key;
    ngx_uint_t  i;

    key = NGX_MESH_METRICS_FNV_OFFSET;

    for (i = 0; i < n; i++) {
        for (j = 0; j < labels[i].len; j++) {
            key = (key ^ labels[i].data[j]) * NGX_MESH_METRICS_FNV_PRIME;
        }

        key = (key ^ 0xff) * NGX_MESH_METRICS_FNV_PRIME;
    }

    return key;
}


static ngx_uint_t
ngx_mesh_metrics_same(ngx_mesh_metrics_meta_t *meta, ngx_str_t *labels,
    ngx_uint_t n)
{
    u_char      *p;
    ngx_uint_t   i;

    p = meta->text;

    for (i = 0; i < n; i++) {
        if (meta->len[i] != labels[i].len
            || ngx_memcmp(p, labels[i].data, labels[i].len) != 0)
        {
            return 0;
        }

        p += labels[i].len;
    }

    return 1;
}


ngx_mesh_metrics_meta_t *
ngx_mesh_metrics_meta(ngx_mesh_metrics_table_t *table,
    ngx_mesh_metrics_kind_e kind, uint32_t index)
{
    ngx_uint_t  rows;

    rows = ngx_mesh_metrics_chunk(kind);

    return &table->chunks[index / rows][index % rows];
}


uint64_t *
ngx_mesh_metrics_shard(ngx_mesh_metrics_slot_t *slot,
    ngx_mesh_metrics_kind_e kind, uint32_t index)
{
    uint64_t    *shard;
    ngx_uint_t   rows;

    rows = ngx_mesh_metrics_chunk(kind);
    shard = slot->shards[kind] ? slot->shards[kind][index / rows] : NULL;

    return shard ? shard + index % rows * ngx_mesh_metrics_width(kind) : NULL;
}


static uint32_t
ngx_mesh_metrics_find(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    uint64_t key, ngx_str_t *labels)
{
    uint32_t                   i;
    ngx_mesh_metrics_meta_t   *meta;
    ngx_mesh_metrics_table_t  *table;

    table = &m->sh->tables[kind];

    for (i = table->buckets[key & table->mask];
         i != NGX_MESH_METRICS_NO_ROW;
         i = meta->next)
    {
        meta = ngx_mesh_metrics_meta(table, kind, i);

        if (meta->key == key
            && meta->live
            && ngx_mesh_metrics_same(meta, labels,
                                     ngx_mesh_metrics_labels[kind]))
        {
            break;
        }
    }

    return i;
}


/* a row that is nobody's, with room for so much text */

static uint32_t
ngx_mesh_metrics_new(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    size_t size)
{
    u_char                    *text;
    ngx_uint_t                 rows, chunk;
    ngx_mesh_metrics_meta_t   *meta;
    ngx_mesh_metrics_table_t  *table;

    table = &m->sh->tables[kind];

    rows = ngx_mesh_metrics_chunk(kind);
    chunk = table->nrows / rows;

    if (chunk == table->max_chunks) {
        return ngx_mesh_metrics_reuse(m, kind, size);
    }

    if (table->chunks[chunk] == NULL) {
        table->chunks[chunk] = ngx_mesh_metrics_alloc(m,
                                      rows * sizeof(ngx_mesh_metrics_meta_t));
    }

    /* a row that this worker could not count in is of no use */

    if (table->chunks[chunk] == NULL
        || ngx_mesh_metrics_own(m, kind, table->nrows) == NULL)
    {
        return ngx_mesh_metrics_reuse(m, kind, size);
    }

    meta = ngx_mesh_metrics_meta(table, kind, table->nrows);

    if (meta->room < size || meta->text == NULL) {

        text = ngx_mesh_metrics_alloc(m, size);
        if (text == NULL) {
            return ngx_mesh_metrics_reuse(m, kind, size);
        }

        meta->text = text;
        meta->room = ngx_align(size, 64);
    }

    ngx_memory_barrier();

    return table->nrows++;
}


/* after a whole turn without success nothing is tried until the next model */

static uint32_t
ngx_mesh_metrics_reuse(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    size_t size)
{
    uint32_t                   i;
    ngx_mesh_metrics_meta_t   *meta;
    ngx_mesh_metrics_table_t  *table;

    table = &m->sh->tables[kind];

    while (table->barren < table->nrows) {

        i = table->hand;
        table->hand = (i + 1 < table->nrows) ? i + 1 : 0;

        meta = ngx_mesh_metrics_meta(table, kind, i);

        /* a row that is not live is one whose taker was killed */

        if (meta->room >= size
            && (!meta->live || !ngx_mesh_metrics_used(m, kind, i))
            && ngx_mesh_metrics_own(m, kind, i))
        {
            meta->live = 0;
            ngx_memory_barrier();

            ngx_mesh_metrics_unlink(table, kind, i, meta->key);
            ngx_mesh_metrics_clear(m, kind, i);

            table->barren = 0;

            return i;
        }

        table->barren++;
    }

    return NGX_MESH_METRICS_NO_ROW;
}


static ngx_uint_t
ngx_mesh_metrics_used(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    uint32_t index)
{
    uint32_t   i;
    uint64_t  *words;

    for (i = 0; i < m->sh->nslots; i++) {
        words = ngx_mesh_metrics_shard(&m->sh->slots[i], kind, index);

        if (words && words[0]) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_mesh_metrics_clear(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    uint32_t index)
{
    uint32_t   i;
    uint64_t  *words;

    for (i = 0; i < m->sh->nslots; i++) {
        words = ngx_mesh_metrics_shard(&m->sh->slots[i], kind, index);

        if (words) {
            ngx_memzero(words,
                        ngx_mesh_metrics_width(kind) * sizeof(uint64_t));
        }
    }
}


static void
ngx_mesh_metrics_unlink(ngx_mesh_metrics_table_t *table,
    ngx_mesh_metrics_kind_e kind, uint32_t index, uint64_t key)
{
    uint32_t                 *next;
    ngx_mesh_metrics_meta_t  *meta;

    next = &table->buckets[key & table->mask];

    while (*next != NGX_MESH_METRICS_NO_ROW) {

        meta = ngx_mesh_metrics_meta(table, kind, *next);

        if (*next == index) {
            *next = meta->next;
            return;
        }

        next = &meta->next;
    }
}


static void
ngx_mesh_metrics_link(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    uint32_t index, uint64_t key, ngx_str_t *labels)
{
    u_char                    *p;
    uint32_t                  *bucket;
    ngx_uint_t                 i;
    ngx_mesh_metrics_meta_t   *meta;
    ngx_mesh_metrics_table_t  *table;

    table = &m->sh->tables[kind];
    meta = ngx_mesh_metrics_meta(table, kind, index);
    bucket = &table->buckets[key & table->mask];

    p = meta->text;

    for (i = 0; i < ngx_mesh_metrics_labels[kind]; i++) {
        p = ngx_cpymem(p, labels[i].data, labels[i].len);
        meta->len[i] = (uint16_t) labels[i].len;
    }

    meta->key = key;
    meta->next = *bucket;

    ngx_memory_barrier();
    *bucket = index;

    ngx_memory_barrier();
    meta->live = 1;
}


/* this worker's words of a row, made if need be; NULL: there is no room */

static uint64_t *
ngx_mesh_metrics_own(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    uint32_t index)
{
    uint64_t    **shards;
    ngx_uint_t    rows;

    rows = ngx_mesh_metrics_chunk(kind);
    shards = m->slot->shards[kind];

    if (shards == NULL) {
        return NULL;
    }

    if (shards[index / rows] == NULL) {
        shards[index / rows] = ngx_mesh_metrics_alloc_shard(m,
                      rows * ngx_mesh_metrics_width(kind) * sizeof(uint64_t));
    }

    return ngx_mesh_metrics_shard(m->slot, kind, index);
}


ngx_int_t
ngx_mesh_metrics_read(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    ngx_uint_t *index, ngx_mesh_metrics_read_t *row)
{
    size_t                     n;
    ngx_uint_t                 i;
    ngx_mesh_metrics_meta_t   *meta;
    ngx_mesh_metrics_table_t  *table;

    if (m->sh == NULL) {
        return NGX_DONE;
    }

    ngx_memzero(row->labels, sizeof(row->labels));

    row->kind = kind;
    row->overflow = 0;

    table = &m->sh->tables[kind];

    ngx_shmtx_lock(&m->shpool->mutex);

    while (*index < table->nrows) {

        meta = ngx_mesh_metrics_meta(table, kind, *index);

        if (!meta->live) {
            (*index)++;
            continue;
        }

        for (i = 0, n = 0; i < ngx_mesh_metrics_labels[kind]; i++) {
            row->labels[i].data = m->text + n;
            row->labels[i].len = meta->len[i];
            n += meta->len[i];
        }

        ngx_memcpy(m->text, meta->text, n);

        row->at = (*index)++;
        row->key = meta->key;

        if (row->values) {
            ngx_mesh_metrics_sum(m, kind, row->at, row->values);
        }

        ngx_shmtx_unlock(&m->shpool->mutex);

        return NGX_OK;
    }

    ngx_shmtx_unlock(&m->shpool->mutex);

    if (*index == NGX_MESH_METRICS_NO_ROW) {
        return NGX_DONE;
    }

    *index = NGX_MESH_METRICS_NO_ROW;

    row->at = NGX_MESH_METRICS_NO_ROW;
    row->key = 0;
    row->overflow = 1;

    if (row->values
        && ngx_mesh_metrics_reread(m, kind, row->at, row->key, row->values)
           != NGX_OK)
    {
        return NGX_DONE;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_metrics_reread(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    ngx_uint_t at, uint64_t key, uint64_t *values)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_mesh_metrics_meta_t  *meta;

    if (m->sh == NULL) {
        return NGX_DECLINED;
    }

    if (at != NGX_MESH_METRICS_NO_ROW) {
        rc = NGX_DECLINED;

        ngx_shmtx_lock(&m->shpool->mutex);

        meta = ngx_mesh_metrics_meta(&m->sh->tables[kind], kind, at);

        if (meta->live && meta->key == key) {
            ngx_mesh_metrics_sum(m, kind, at, values);
            rc = NGX_OK;
        }

        ngx_shmtx_unlock(&m->shpool->mutex);

        return rc;
    }

    ngx_mesh_metrics_sum(m, kind, NGX_MESH_METRICS_NO_ROW, values);

    for (i = 0; i < ngx_mesh_metrics_values(kind); i++) {
        if (values[i]) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* a gauge that was read while it moved from one worker to another may be -1 */

static void
ngx_mesh_metrics_sum(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    uint32_t index, uint64_t *values)
{
    uint32_t                  i;
    uint64_t                 *words;
    ngx_uint_t                v, n;
    ngx_mesh_metrics_slot_t  *slot;

    n = ngx_mesh_metrics_values(kind);

    ngx_memzero(values, n * sizeof(uint64_t));

    for (i = 0; i < m->sh->nslots; i++) {
        slot = &m->sh->slots[i];

        words = (index == NGX_MESH_METRICS_NO_ROW)
                ? slot->overflow + ngx_mesh_metrics_overflow(kind)
                : ngx_mesh_metrics_shard(slot, kind, index);

        for (v = 0; words && v < n; v++) {
            values[v] += words[NGX_MESH_METRICS_REFS + v];
        }
    }

    for (v = 0; v < n; v++) {
        if (ngx_mesh_metrics_is_gauge(kind, v) && (int64_t) values[v] < 0) {
            values[v] = 0;
        }
    }
}


/* without the mutex: rows and shards only ever come, and words are whole */

ngx_int_t
ngx_mesh_metrics_total(ngx_mesh_metrics_t *m, ngx_mesh_metrics_kind_e kind,
    ngx_mesh_metrics_row_t *row, ngx_uint_t value, uint64_t *total)
{
    uint32_t    i, index;
    uint64_t  **shards, *words;
    ngx_uint_t  c, rows, width;

    *total = 0;

    shards = m->slot ? m->slot->shards[kind] : NULL;

    if (shards == NULL) {
        return NGX_DECLINED;
    }

    words = row - NGX_MESH_METRICS_REFS;
    rows = ngx_mesh_metrics_chunk(kind);
    width = ngx_mesh_metrics_width(kind);

    for (c = 0; c * rows < m->sh->tables[kind].nrows; c++) {

        if (shards[c] == NULL
            || words < shards[c]
            || words >= shards[c] + rows * width)
        {
            continue;
        }

        index = c * rows + (words - shards[c]) / width;

        for (i = 0; i < m->sh->nslots; i++) {
            words = ngx_mesh_metrics_shard(&m->sh->slots[i], kind, index);

            if (words) {
                *total += words[NGX_MESH_METRICS_REFS + value];
            }
        }

        return NGX_OK;
    }

    return NGX_DECLINED;
}
