
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A map from strings to pointers: open addressing with linear probing in a
 * table that is sized when made and never more than two thirds full.  Nothing
 * is ever taken out, so a search ends at the first free slot.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_model.h"


typedef struct {
    u_char                  *key;       /* NULL: free */
    uint32_t                 len;
    uint32_t                 hash;
    void                    *value;
} ngx_mesh_map_slot_t;


struct ngx_mesh_map_s {
    ngx_mesh_map_slot_t     *slots;
    ngx_uint_t               mask;
    ngx_uint_t               nelts;
    ngx_uint_t               max;
};


static ngx_mesh_map_slot_t *ngx_mesh_map_slot(ngx_mesh_map_t *map, u_char *key,
    size_t len, uint32_t hash);


ngx_mesh_map_t *
ngx_mesh_map_create(ngx_pool_t *pool, ngx_uint_t n)
{
    ngx_uint_t       size;
    ngx_mesh_map_t  *map;

    map = ngx_palloc(pool, sizeof(ngx_mesh_map_t));
    if (map == NULL) {
        return NULL;
    }

    for (size = 4; size < n + n / 2 + 1; size *= 2) { /* void */ }

    map->slots = ngx_pcalloc(pool, size * sizeof(ngx_mesh_map_slot_t));
    if (map->slots == NULL) {
        return NULL;
    }

    map->mask = size - 1;
    map->nelts = 0;
    map->max = n;

    return map;
}


/*
 * A key of length 0 may have a NULL pointer in an ngx_str_t, which would look
 * like a free slot.
 */

ngx_int_t
ngx_mesh_map_insert(ngx_mesh_map_t *map, ngx_str_t *key, void *value)
{
    uint32_t              hash;
    ngx_mesh_map_slot_t  *slot;

    hash = ngx_murmur_hash2(key->data, key->len);

    slot = ngx_mesh_map_slot(map, key->data, key->len, hash);

    if (slot->key) {
        return NGX_DECLINED;
    }

    if (map->nelts == map->max) {
        return NGX_ERROR;
    }

    slot->key = key->len ? key->data : (u_char *) "";
    slot->len = (uint32_t) key->len;
    slot->hash = hash;
    slot->value = value;

    map->nelts++;

    return NGX_OK;
}


void *
ngx_mesh_map_find(ngx_mesh_map_t *map, u_char *key, size_t len)
{
    if (map == NULL) {
        return NULL;
    }

    return ngx_mesh_map_slot(map, key, len, ngx_murmur_hash2(key, len))->value;
}


/* the slot of the key, or the free one where it would go */

static ngx_mesh_map_slot_t *
ngx_mesh_map_slot(ngx_mesh_map_t *map, u_char *key, size_t len, uint32_t hash)
{
    ngx_uint_t            i;
    ngx_mesh_map_slot_t  *slot;

    for (i = hash & map->mask; /* void */ ; i = (i + 1) & map->mask) {

        slot = &map->slots[i];

        if (slot->key == NULL) {
            return slot;
        }

        if (slot->hash == hash
            && slot->len == len
            && ngx_memcmp(slot->key, key, len) == 0)
        {
            return slot;
        }
    }
}
