
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Path normalization.  The expected values are from the rules: RFC 3986, 5.2.4
 * for dot segments, Envoy's documentation of normalize_path, merge_slashes and
 * path_with_escaped_slashes_action, and Chromium's list of the characters that
 * a path has escaped.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_match.h>
#include "ngx_mesh_unit.h"


typedef struct {
    char  *path;
    char  *expected;    /* NULL: is normal already */
} mesh_unit_path_t;


static mesh_unit_path_t  mesh_unit_paths[] = {

    /* nothing to do */
    { "/", NULL },
    { "/xyz", NULL },
    { "/x/y/z", NULL },
    { "/x/y/z/", NULL },
    { "/A/B/C", NULL },
    { "/a.b/c..d/e.", NULL },
    { "/...", NULL },
    { "/.hidden/..x/x..", NULL },
    { "/.well-known/acme", NULL },
    { "/-._~!$&'()*+,;=:@[]", NULL },
    { "*", NULL },

    /* empty and relative */
    { "", "/" },
    { "a/b/../c", "/a/c" },
    { "..", "/" },

    /* dot segments */
    { "/a/b/../c", "/a/c" },
    { "/a/b/./c", "/a/b/c" },
    { "/foo/.", "/foo/" },
    { "/foo/./", "/foo/" },
    { "/foo/..", "/" },
    { "/foo/../", "/" },
    { "/foo/bar/..", "/foo/" },
    { "/.", "/" },
    { "/..", "/" },
    { "/../../a", "/a" },
    { "/a/b/../../../../c", "/c" },
    { "/./a", "/a" },
    { "/a/./b/../c/.", "/a/c/" },
    { "/a/b/c/./../../g", "/a/g" },
    { "/a/.../b", NULL },
    { "/a/..b", NULL },
    { "/a/b../", NULL },

    /* escaped dots */
    { "/a/%2e%2e/c", "/c" },
    { "/a/b/%2E%2E/c", "/a/c" },
    { "/a/.%2e/c", "/c" },
    { "/a/%2E./c", "/c" },
    { "/a/%2e/c", "/a/c" },
    { "/a/%2e", "/a/" },
    { "/a/%2e%2E", "/" },
    { "/a%2eb", "/a.b" },
    { "/%2e%2ea", "/..a" },
    { "/%2e%2f%2e", "/.%2f." },

    /* backslashes */
    { "/a\\b", "/a/b" },
    { "\\a", "/a" },
    { "/a/..\\c", "/c" },
    { "/a\\..\\b", "/b" },
    { "/a\\%2e%2e\\b", "/b" },
    { "/a\\/b", "/a/b" },
    { "/a%5cb", NULL },
    { "/%5c%25", NULL },

    /* escapes: unreserved ones undone, all others kept with their case */
    { "/%61%62%63", "/abc" },
    { "/%41%5A%5a%7A", "/AZZz" },
    { "/%30%39", "/09" },
    { "/%2d%2E%5f%7e", "/-._~" },
    { "/%2F", NULL },
    { "/%2f", NULL },
    { "/a/%2F%2f/c", NULL },
    { "/%c0%af", NULL },
    { "/%20%21%22%23%3f", NULL },
    { "/%C3%A9", NULL },
    { "/%3a%3B%40%5b", NULL },
    { "/a%252e%252e/b", NULL },

    /* characters that are escaped */
    { "/a b", "/a%20b" },
    { "/\"<>`{|}^", "/%22%3C%3E%60%7B%7C%7D%5E" },
    { "/a#b?c", "/a%23b%3Fc" },
    { "/\x01\x1f\x7f", "/%01%1F%7F" },
    { "/\xc3\xa9\xff", "/%C3%A9%FF" },

    /* what is no escape is kept */
    { "/%", NULL },
    { "/%4", NULL },
    { "/%zz", NULL },
    { "/%4g/a", NULL },
    { "/100%/./a", "/100%/a" },

    /* but must not become one */
    { "/%%34%31", "/%2541" },
    { "/%%341", "/%2541" },
    { "/%4%31", "/%2541" },
    { "/%%32e%%32e/a", "/%252e%252e/a" },
    { "/%%34g", "/%4g" },
    { "/%/../%2F", "/%2F" },

    /* slashes, merged after the dot segments */
    { "//", "/" },
    { "//a/b/c", "/a/b/c" },
    { "/a//b/c", "/a/b/c" },
    { "/a/b/c//", "/a/b/c/" },
    { "/a////b///c", "/a/b/c" },
    { "/a//../b", "/a/b" },
    { "/a/b//../../c", "/a/c" },
    { "//../a", "/a" },
    { "/a/.//b", "/a/b" },
    { "/a%2F/b", NULL },
    { "/a/%2F//b", "/a/%2F/b" },

    { NULL, NULL }
};


static void
mesh_unit_normalize_table(ngx_mesh_unit_t *u)
{
    ngx_int_t          rc;
    ngx_str_t          in, out;
    mesh_unit_path_t  *t;

    for (t = mesh_unit_paths; t->path; t++) {
        in.data = (u_char *) t->path;
        in.len = ngx_strlen(t->path);

        rc = ngx_mesh_normalize_path(u->pool, &in, &out);

        MESH_IS_INT(rc, t->expected ? NGX_OK : NGX_DECLINED,
                    "\"%s\": whether it changes", t->path);
        MESH_IS_STR(&out, t->expected ? t->expected : t->path,
                    "\"%s\"", t->path);
    }
}

MESH_UNIT(mesh_unit_normalize_table)


static void
mesh_unit_normalize_zero(ngx_mesh_unit_t *u)
{
    ngx_str_t  in, out;

    ngx_str_set(&in, "/a%00b");
    MESH_IS_INT(ngx_mesh_normalize_path(u->pool, &in, &out), NGX_ERROR,
                "\"%%00\" is refused");

    ngx_str_set(&in, "/a\0b");
    MESH_IS_INT(ngx_mesh_normalize_path(u->pool, &in, &out), NGX_ERROR,
                "a zero byte is refused");
}

MESH_UNIT(mesh_unit_normalize_zero)


/* no path without a change is copied */

static void
mesh_unit_normalize_fast(ngx_mesh_unit_t *u)
{
    u_char     *before, *after;
    ngx_str_t   in, out;

    ngx_str_set(&in, "/orders/17/items;v=2/a.b%2Fc");

    before = ngx_pnalloc(u->pool, 1);
    MESH_IS_INT(ngx_mesh_normalize_path(u->pool, &in, &out), NGX_DECLINED,
                "a normal path");
    after = ngx_pnalloc(u->pool, 1);

    MESH_OK(out.data == in.data && out.len == in.len, "is given back");

#if !(NGX_DEBUG_PALLOC)
    MESH_IS_INT(after - before, 1, "without an allocation");
#else
    (void) before;
    (void) after;
#endif
}

MESH_UNIT(mesh_unit_normalize_fast)


/*
 * Properties on random paths: twice is once, and the result begins with a
 * slash, has no dot segment, no "//" and nothing that ought to be escaped.
 */

static void
mesh_unit_normalize_random(ngx_mesh_unit_t *u)
{
    u_char        buf[24];
    size_t        len;
    uint32_t      seed;
    ngx_int_t     rc;
    ngx_str_t     in, once, twice;
    ngx_uint_t    i, k, errors, changed, bad;
    ngx_pool_t   *pool;

    static u_char  alphabet[] = "//..%%2eE35fF\\ab4 ";

    seed = 1;
    errors = 0;
    changed = 0;
    bad = 0;

    pool = ngx_create_pool(4096, u->log);
    if (pool == NULL) {
        return;
    }

    for (i = 0; i < 200000; i++) {

        seed = seed * 1664525 + 1013904223;
        len = (seed >> 16) % sizeof(buf);

        for (k = 0; k < len; k++) {
            seed = seed * 1664525 + 1013904223;
            buf[k] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }

        in.data = buf;
        in.len = len;

        rc = ngx_mesh_normalize_path(pool, &in, &once);
        if (rc == NGX_ERROR) {
            errors++;
            continue;
        }

        rc = ngx_mesh_normalize_path(pool, &once, &twice);

        changed += (rc != NGX_DECLINED || twice.data != once.data);

        bad += (once.len == 0 || once.data[0] != '/');

        for (k = 1; k < once.len; k++) {
            bad += (once.data[k] == '/' && once.data[k - 1] == '/')
                   || once.data[k] == '\\' || once.data[k] == ' ';
        }

        bad += (ngx_strlcasestrn(once.data, once.data + once.len,
                                 (u_char *) "/../", 3)
                || ngx_strlcasestrn(once.data, once.data + once.len,
                                    (u_char *) "/./", 2));

        if (i % 1000 == 0) {
            ngx_reset_pool(pool);
        }
    }

    ngx_destroy_pool(pool);

    MESH_IS_INT(changed, 0, "200000 random paths: twice is once");
    MESH_IS_INT(bad, 0, "and they are normal");
    MESH_IS_INT(errors, 0, "and none fails");
}

MESH_UNIT(mesh_unit_normalize_random)
