
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Who depends on which keys: links in a hash table by the hash of the key,
 * chained once more by their owner.  Links are numbers into chunks, which takes
 * half of what pointers would, and never moves what is there.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_depend.h"


#define NGX_MESH_DEPEND_CHUNK    4096       /* links */
#define NGX_MESH_DEPEND_BUCKETS  1024       /* at first */
#define NGX_MESH_DEPEND_LOAD     2          /* links to a bucket, at most */


typedef struct {
    void                    *owner;
    uint32_t                 hash;
    uint32_t                 next;      /* in the bucket, or free; 0: none */
    uint32_t                 prev;
    uint32_t                 sibling;   /* of the owner */
} ngx_mesh_depend_link_t;


struct ngx_mesh_depend_s {
    ngx_log_t                *log;
    ngx_mesh_depend_link_t  **chunks;
    ngx_uint_t                nchunks;
    uint32_t                 *buckets;
    uint32_t                  mask;
    uint32_t                  free;
    ngx_uint_t                nlinks;
};


static uint32_t ngx_mesh_depend_add(ngx_mesh_depend_t *depend, void *owner,
    uint32_t hash);
static void ngx_mesh_depend_remove(ngx_mesh_depend_t *depend, uint32_t n);
static ngx_int_t ngx_mesh_depend_grow(ngx_mesh_depend_t *depend);
static ngx_int_t ngx_mesh_depend_rehash(ngx_mesh_depend_t *depend);
static void ngx_mesh_depend_insert(ngx_mesh_depend_t *depend, uint32_t n);
static void ngx_mesh_depend_match(ngx_mesh_depend_t *depend, uint32_t hash,
    ngx_mesh_depend_pt handler, void *data);
static int ngx_libc_cdecl ngx_mesh_depend_compare(const void *one,
    const void *two);


#define ngx_mesh_depend_link(depend, n)                                       \
    (&(depend)->chunks[(n) / NGX_MESH_DEPEND_CHUNK]                           \
                      [(n) % NGX_MESH_DEPEND_CHUNK])


ngx_mesh_depend_t *
ngx_mesh_depend_create(ngx_log_t *log)
{
    ngx_mesh_depend_t  *depend;

    depend = ngx_calloc(sizeof(ngx_mesh_depend_t), log);
    if (depend == NULL) {
        return NULL;
    }

    depend->log = log;
    depend->mask = NGX_MESH_DEPEND_BUCKETS - 1;

    depend->buckets = ngx_calloc(NGX_MESH_DEPEND_BUCKETS * sizeof(uint32_t),
                                 log);

    if (depend->buckets == NULL || ngx_mesh_depend_grow(depend) != NGX_OK) {
        ngx_mesh_depend_destroy(depend);
        return NULL;
    }

    return depend;
}


void
ngx_mesh_depend_destroy(ngx_mesh_depend_t *depend)
{
    ngx_uint_t  i;

    for (i = 0; i < depend->nchunks; i++) {
        ngx_free(depend->chunks[i]);
    }

    ngx_free(depend->chunks);
    ngx_free(depend->buckets);
    ngx_free(depend);
}


uint32_t
ngx_mesh_depend_key(ngx_str_t *key)
{
    return ngx_murmur_hash2(key->data, key->len);
}


uint32_t
ngx_mesh_depend_prefix(ngx_str_t *prefix)
{
    size_t  len;

    for (len = prefix->len; len && prefix->data[len - 1] != '/'; len--) {
        /* void */
    }

    return ngx_murmur_hash2(prefix->data, len);
}


ngx_int_t
ngx_mesh_depend_set(ngx_mesh_depend_t *depend, ngx_mesh_depend_list_t *list,
    void *owner, uint32_t *hashes, ngx_uint_t n)
{
    uint32_t    link, sibling;
    ngx_uint_t  i;

    for (link = *list; link; link = sibling) {
        sibling = ngx_mesh_depend_link(depend, link)->sibling;
        ngx_mesh_depend_remove(depend, link);
    }

    *list = 0;

    if (n == 0) {
        return NGX_OK;
    }

    /* one link is enough for what was asked for several times */

    ngx_qsort(hashes, n, sizeof(uint32_t), ngx_mesh_depend_compare);

    for (i = 0; i < n; i++) {

        if (i && hashes[i] == hashes[i - 1]) {
            continue;
        }

        link = ngx_mesh_depend_add(depend, owner, hashes[i]);

        if (link == 0) {
            (void) ngx_mesh_depend_set(depend, list, owner, NULL, 0);
            return NGX_ERROR;
        }

        ngx_mesh_depend_link(depend, link)->sibling = *list;
        *list = link;
    }

    return NGX_OK;
}


void
ngx_mesh_depend_find(ngx_mesh_depend_t *depend, ngx_str_t *key,
    ngx_mesh_depend_pt handler, void *data)
{
    ngx_str_t  part;

    part.data = key->data;

    for (part.len = 1; part.len <= key->len; part.len++) {

        if (part.len == key->len || key->data[part.len - 1] == '/') {
            ngx_mesh_depend_match(depend, ngx_mesh_depend_key(&part), handler,
                                  data);
        }
    }
}


static void
ngx_mesh_depend_match(ngx_mesh_depend_t *depend, uint32_t hash,
    ngx_mesh_depend_pt handler, void *data)
{
    uint32_t                 n;
    ngx_mesh_depend_link_t  *link;

    for (n = depend->buckets[hash & depend->mask]; n; n = link->next) {
        link = ngx_mesh_depend_link(depend, n);

        if (link->hash == hash) {
            handler(data, link->owner);
        }
    }
}


ngx_uint_t
ngx_mesh_depend_among(ngx_str_t *key, uint32_t *hashes, ngx_uint_t n)
{
    uint32_t    hash;
    ngx_str_t   part;
    ngx_uint_t  i;

    part.data = key->data;

    for (part.len = 1; part.len <= key->len; part.len++) {

        if (part.len != key->len && key->data[part.len - 1] != '/') {
            continue;
        }

        hash = ngx_mesh_depend_key(&part);

        for (i = 0; i < n; i++) {
            if (hashes[i] == hash) {
                return 1;
            }
        }
    }

    return 0;
}


/* the number of a new link, 0 if memory is short */

static uint32_t
ngx_mesh_depend_add(ngx_mesh_depend_t *depend, void *owner, uint32_t hash)
{
    uint32_t                 n;
    ngx_mesh_depend_link_t  *link;

    if (depend->free == 0 && ngx_mesh_depend_grow(depend) != NGX_OK) {
        return 0;
    }

    /* a table that cannot grow is slower, nothing else */

    if (depend->nlinks / NGX_MESH_DEPEND_LOAD > depend->mask) {
        (void) ngx_mesh_depend_rehash(depend);
    }

    n = depend->free;
    link = ngx_mesh_depend_link(depend, n);
    depend->free = link->next;
    depend->nlinks++;

    link->owner = owner;
    link->hash = hash;

    ngx_mesh_depend_insert(depend, n);

    return n;
}


static void
ngx_mesh_depend_insert(ngx_mesh_depend_t *depend, uint32_t n)
{
    uint32_t                *bucket;
    ngx_mesh_depend_link_t  *link;

    link = ngx_mesh_depend_link(depend, n);
    bucket = &depend->buckets[link->hash & depend->mask];

    link->prev = 0;
    link->next = *bucket;

    if (link->next) {
        ngx_mesh_depend_link(depend, link->next)->prev = n;
    }

    *bucket = n;
}


static void
ngx_mesh_depend_remove(ngx_mesh_depend_t *depend, uint32_t n)
{
    ngx_mesh_depend_link_t  *link;

    link = ngx_mesh_depend_link(depend, n);

    if (link->prev) {
        ngx_mesh_depend_link(depend, link->prev)->next = link->next;

    } else {
        depend->buckets[link->hash & depend->mask] = link->next;
    }

    if (link->next) {
        ngx_mesh_depend_link(depend, link->next)->prev = link->prev;
    }

    link->next = depend->free;
    depend->free = n;
    depend->nlinks--;
}


static ngx_int_t
ngx_mesh_depend_grow(ngx_mesh_depend_t *depend)
{
    uint32_t                  n, first;
    ngx_mesh_depend_link_t   *chunk, **chunks;

    chunks = ngx_alloc((depend->nchunks + 1) * sizeof(void *), depend->log);
    if (chunks == NULL) {
        return NGX_ERROR;
    }

    chunk = ngx_alloc(NGX_MESH_DEPEND_CHUNK * sizeof(ngx_mesh_depend_link_t),
                      depend->log);
    if (chunk == NULL) {
        ngx_free(chunks);
        return NGX_ERROR;
    }

    if (depend->nchunks) {
        ngx_memcpy(chunks, depend->chunks, depend->nchunks * sizeof(void *));
        ngx_free(depend->chunks);
    }

    depend->chunks = chunks;
    depend->chunks[depend->nchunks] = chunk;

    first = depend->nchunks++ * NGX_MESH_DEPEND_CHUNK;

    /* number 0 stands for none */

    for (n = NGX_MESH_DEPEND_CHUNK; n-- > (first ? 0 : 1); /* void */ ) {
        chunk[n].next = depend->free;
        depend->free = first + n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_depend_rehash(ngx_mesh_depend_t *depend)
{
    uint32_t    *buckets, *old, mask, n, next;
    ngx_uint_t   i;

    mask = depend->mask;

    buckets = ngx_calloc((mask + 1) * 2 * sizeof(uint32_t), depend->log);
    if (buckets == NULL) {
        return NGX_ERROR;
    }

    old = depend->buckets;
    depend->buckets = buckets;
    depend->mask = mask * 2 + 1;

    for (i = 0; i <= mask; i++) {
        for (n = old[i]; n; n = next) {
            next = ngx_mesh_depend_link(depend, n)->next;
            ngx_mesh_depend_insert(depend, n);
        }
    }

    ngx_free(old);

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_mesh_depend_compare(const void *one, const void *two)
{
    uint32_t  a, b;

    a = *(const uint32_t *) one;
    b = *(const uint32_t *) two;

    return (a > b) - (a < b);
}
