
/*
 * Copyright (C) nginx mesh contributors
 */

/* The map of a model, against a plain array. */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_model.h"
#include "ngx_mesh_unit.h"


#define MESH_UNIT_KEYS  5000


static void
mesh_unit_map(ngx_mesh_unit_t *u)
{
    int              a, b, c;
    ngx_str_t        key, other, empty;
    ngx_mesh_map_t  *map;

    ngx_str_set(&key, "cart.shop.local");
    ngx_str_set(&other, "cart.shop.locaL");
    ngx_str_null(&empty);

    map = ngx_mesh_map_create(u->pool, 3);

    if (!MESH_OK(map != NULL, "a map is made")) {
        return;
    }

    MESH_OK(ngx_mesh_map_find(NULL, key.data, key.len) == NULL,
            "no map has nothing");
    MESH_OK(ngx_mesh_map_find(map, key.data, key.len) == NULL,
            "an empty map has nothing");
    MESH_OK(ngx_mesh_map_find(map, empty.data, 0) == NULL,
            "nor the empty key");

    MESH_IS_INT(ngx_mesh_map_insert(map, &key, &a), NGX_OK, "a key goes in");
    MESH_IS_INT(ngx_mesh_map_insert(map, &key, &b), NGX_DECLINED,
                "but once");
    MESH_IS_INT(ngx_mesh_map_insert(map, &other, &b), NGX_OK,
                "case makes another key");
    MESH_IS_INT(ngx_mesh_map_insert(map, &empty, &c), NGX_OK,
                "the empty key is one");
    MESH_IS_INT(ngx_mesh_map_insert(map, &empty, &c), NGX_DECLINED,
                "like any other");

    MESH_OK(ngx_mesh_map_find(map, key.data, key.len) == &a, "found");
    MESH_OK(ngx_mesh_map_find(map, other.data, other.len) == &b, "found");
    MESH_OK(ngx_mesh_map_find(map, empty.data, 0) == &c, "found");
    MESH_OK(ngx_mesh_map_find(map, key.data, key.len - 1) == NULL,
            "a part of a key is not found");

    ngx_str_set(&other, "d");

    MESH_IS_INT(ngx_mesh_map_insert(map, &other, &b), NGX_ERROR,
                "no more than asked for goes in");
    MESH_OK(ngx_mesh_map_find(map, other.data, other.len) == NULL,
            "and what did not is not found");
    MESH_OK(ngx_mesh_map_create(u->pool, 0) != NULL, "a map of none is made");
}

MESH_UNIT(mesh_unit_map)


static void
mesh_unit_map_many(ngx_mesh_unit_t *u)
{
    u_char          *p;
    ngx_str_t       *keys, absent;
    ngx_uint_t       i, bad, found;
    ngx_mesh_map_t  *map;

    map = ngx_mesh_map_create(u->pool, MESH_UNIT_KEYS);
    keys = ngx_palloc(u->pool, MESH_UNIT_KEYS * sizeof(ngx_str_t));

    bad = 0;

    for (i = 0; i < MESH_UNIT_KEYS; i++) {
        keys[i].data = ngx_pnalloc(u->pool, 32);
        p = ngx_sprintf(keys[i].data, "service-%ui.shop.local", i);
        keys[i].len = p - keys[i].data;

        bad += ngx_mesh_map_insert(map, &keys[i], &keys[i]) != NGX_OK;
    }

    MESH_IS_INT(bad, 0, "%d keys go in", MESH_UNIT_KEYS);

    found = 0;

    for (i = 0; i < MESH_UNIT_KEYS; i++) {
        bad += ngx_mesh_map_find(map, keys[i].data, keys[i].len) != &keys[i];

        absent = keys[i];
        absent.data[0] = 'S';
        found += ngx_mesh_map_find(map, absent.data, absent.len) != NULL;
        absent.data[0] = 's';
    }

    MESH_IS_INT(bad, 0, "each is found");
    MESH_IS_INT(found, 0, "none is found by another name");
}

MESH_UNIT(mesh_unit_map_many)
