
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What documents of proxies are put together with: parts of a text, who
 * depends on which keys, and versions that a client knows.  The documents
 * themselves are looked at in t/e2e/watch.t, over a real store.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_depend.h>
#include <ngx_mesh_scan.h>
#include <ngx_mesh_watch.h>

#include "ngx_mesh_unit.h"


#define MESH_SCOPE_OWNERS  10000


static ngx_int_t
mesh_unit_scope_find(char *text, const char *path, ngx_str_t *found)
{
    ngx_str_t  value;

    value.data = (u_char *) text;
    value.len = ngx_strlen(text);

    ngx_str_null(found);

    return ngx_mesh_scan_find(&value, path, found);
}


static void
mesh_unit_scope_scan(ngx_mesh_unit_t *u)
{
    ngx_str_t   found, rest, string;
    ngx_uint_t  n;

    static char  text[] = "{\"a\":\"}\\\"{\",\"spec\":{\"l\":[{\"n\":\"x,]\"},"
                          "{\"n\":\"\\u0041\\\\b\"} , 3],\"e\":[],\"s\":{}},"
                          " \"z\" : null }";

    MESH_IS_INT(mesh_unit_scope_find(text, "spec.s", &found), NGX_OK,
                "a member of a member");
    MESH_IS_STR(&found, "{}", "its text");

    MESH_IS_INT(mesh_unit_scope_find(text, "z", &found), NGX_OK,
                "spaces do not count");
    MESH_IS_STR(&found, "null ", "a literal goes to what ends it");

    MESH_IS_INT(mesh_unit_scope_find(text, "spec.x", &found), NGX_DECLINED,
                "no such member");
    MESH_IS_INT(mesh_unit_scope_find(text, "a.b", &found), NGX_DECLINED,
                "not in a string");

    (void) mesh_unit_scope_find(text, "spec.e", &rest);
    MESH_IS_INT(ngx_mesh_scan_next(&rest, &found), NGX_DONE, "an empty list");

    (void) mesh_unit_scope_find(text, "spec.l", &rest);

    for (n = 0; ngx_mesh_scan_next(&rest, &found) == NGX_OK; n++) {

        if (n == 1) {
            (void) ngx_mesh_scan_find(&found, "n", &string);
            MESH_IS_INT(ngx_mesh_scan_string(u->pool, &string, &string),
                        NGX_OK, "a string with escapes");
            MESH_IS_STR(&string, "A\\b", "without them");
        }
    }

    MESH_IS_INT(n, 3, "elements of a list");

    /* whatever is cut off, nothing behind the end is looked at */

    for (n = 0; n < sizeof(text); n++) {
        rest.data = ngx_alloc(n + 1, u->log);
        rest.len = n;
        ngx_memcpy(rest.data, text, n);
        string = rest;

        if (ngx_mesh_scan_find(&string, "spec.l", &string) == NGX_OK) {
            while (ngx_mesh_scan_next(&string, &found) == NGX_OK) {
                (void) ngx_mesh_scan_find(&found, "n", &found);
            }
        }

        ngx_free(rest.data);
    }
}

MESH_UNIT(mesh_unit_scope_scan)


static void
mesh_unit_scope_found(void *data, void *owner)
{
    ngx_uint_t *found = data;

    (*found)++;
}


static ngx_uint_t
mesh_unit_scope_depending(ngx_mesh_depend_t *depend, ngx_str_t *key)
{
    ngx_uint_t  found;

    found = 0;
    ngx_mesh_depend_find(depend, key, mesh_unit_scope_found, &found);

    return found;
}


static void
mesh_unit_scope_depend(ngx_mesh_unit_t *u)
{
    u_char                   buf[64];
    uint32_t                 hashes[3];
    ngx_str_t                key, prefix, own;
    ngx_uint_t               i;
    ngx_mesh_depend_t       *depend;
    ngx_mesh_depend_list_t  *lists;

    depend = ngx_mesh_depend_create(u->log);
    lists = ngx_pcalloc(u->pool, MESH_SCOPE_OWNERS
                                 * sizeof(ngx_mesh_depend_list_t));

    ngx_str_set(&key, "/mesh/1/m");
    ngx_str_set(&prefix, "/route/1/m/r/");

    for (i = 0; i < MESH_SCOPE_OWNERS; i++) {
        own.data = buf;
        own.len = ngx_sprintf(buf, "/virtualNode/1/m/n%ui", i) - buf;

        hashes[0] = ngx_mesh_depend_key(&own);
        hashes[1] = ngx_mesh_depend_key(&key);
        hashes[2] = ngx_mesh_depend_key(&own);

        if (i % 2) {
            hashes[2] = ngx_mesh_depend_prefix(&prefix);
        }

        if (ngx_mesh_depend_set(depend, &lists[i], &lists[i], hashes, 3)
            != NGX_OK)
        {
            MESH_OK(0, "a dependency");
            return;
        }
    }

    MESH_IS_INT(mesh_unit_scope_depending(depend, &key), MESH_SCOPE_OWNERS,
                "all depend on the mesh");

    ngx_str_set(&key, "/virtualNode/1/m/n17");
    MESH_IS_INT(mesh_unit_scope_depending(depend, &key), 1,
                "one on a node, that it named twice");

    ngx_str_set(&key, "/route/1/m/r/new");
    MESH_IS_INT(mesh_unit_scope_depending(depend, &key),
                MESH_SCOPE_OWNERS / 2, "half on what is below a prefix");

    hashes[0] = ngx_mesh_depend_prefix(&prefix);
    MESH_OK(ngx_mesh_depend_among(&key, hashes, 1), "the same of an array");

    ngx_str_set(&key, "/route/1/m/r2/new");
    MESH_IS_INT(mesh_unit_scope_depending(depend, &key), 0,
                "none on another prefix");
    MESH_OK(!ngx_mesh_depend_among(&key, hashes, 1), "the same of an array");

    for (i = 0; i < MESH_SCOPE_OWNERS; i++) {
        (void) ngx_mesh_depend_set(depend, &lists[i], &lists[i], NULL, 0);
    }

    ngx_str_set(&key, "/route/1/m/r/new");
    MESH_IS_INT(mesh_unit_scope_depending(depend, &key), 0,
                "none after they were forgotten");

    ngx_mesh_depend_destroy(depend);
}

MESH_UNIT(mesh_unit_scope_depend)


static void
mesh_unit_scope_match(ngx_mesh_unit_t *u)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t   known;
        ngx_uint_t  match;
    } tests[] = {
        { ngx_string("\"abc\""), 1 },
        { ngx_string("W/\"abc\""), 1 },
        { ngx_string("\"x\", \"abc\""), 1 },
        { ngx_string("*"), 1 },
        { ngx_string(""), 0 },
        { ngx_string("abc"), 0 },
        { ngx_string("\"abcd\""), 0 },
        { ngx_string("\"abc"), 0 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        MESH_IS_INT(ngx_mesh_watch_match((ngx_str_t *) &tests[i].known,
                                         (u_char *) "abc", 3),
                    tests[i].match, "If-None-Match: %V", &tests[i].known);
    }
}

MESH_UNIT(mesh_unit_scope_match)
