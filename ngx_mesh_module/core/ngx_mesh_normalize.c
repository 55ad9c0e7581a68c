
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Normalization of paths.  App Mesh set normalize_path and merge_slashes in
 * Envoy, whose rules are those of Chromium's URL canonicalizer: it works on
 * the path byte by byte and resolves dot segments before repeated slashes are
 * merged, so "/a//../b" is "/a/b".  Unlike RFC 3986, 6.2.2.1, the hex digits
 * of escapes are not touched.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_match.h"


typedef struct {
    u_char      *start;
    u_char      *pos;
    u_char      *percent;   /* the last "%" that begins no escape, or NULL */
} ngx_mesh_path_t;


static ngx_uint_t ngx_mesh_normalize_needed(u_char *p, u_char *last);
static ngx_int_t ngx_mesh_normalize_canonical(ngx_mesh_path_t *path,
    u_char *p, u_char *last);
static u_char *ngx_mesh_normalize_dots(ngx_mesh_path_t *path, u_char *p,
    u_char *last);
static u_char *ngx_mesh_normalize_escape(ngx_mesh_path_t *path, u_char *p,
    u_char *last);
static void ngx_mesh_normalize_literal(ngx_mesh_path_t *path, ngx_uint_t ch);
static void ngx_mesh_normalize_merge(ngx_mesh_path_t *path);
static size_t ngx_mesh_normalize_dot(u_char *p, u_char *last);
static ngx_int_t ngx_mesh_normalize_hex(u_char ch);


/* characters that are written as an escape in a path */

static uint32_t  ngx_mesh_normalize_escaped[] = {
    0xffffffff, /* 1111 1111 1111 1111  1111 1111 1111 1111 */

                /* ?>=< ;:98 7654 3210  /.-, +*)( '&%$ #"!  */
    0xd000000d, /* 1101 0000 0000 0000  0000 0000 0000 1101 */

                /* _^]\ [ZYX WVUT SRQP  ONML KJIH GFED CBA@ */
    0x40000000, /* 0100 0000 0000 0000  0000 0000 0000 0000 */

                /*  ~}| {zyx wvut srqp  onml kjih gfed cba` */
    0xb8000001, /* 1011 1000 0000 0000  0000 0000 0000 0001 */

    0xffffffff, /* 1111 1111 1111 1111  1111 1111 1111 1111 */
    0xffffffff, /* 1111 1111 1111 1111  1111 1111 1111 1111 */
    0xffffffff, /* 1111 1111 1111 1111  1111 1111 1111 1111 */
    0xffffffff  /* 1111 1111 1111 1111  1111 1111 1111 1111 */
};


/* characters whose escape is undone: ALPHA / DIGIT / "-" / "." / "_" / "~" */

static uint32_t  ngx_mesh_normalize_unreserved[] = {
    0x00000000, /* 0000 0000 0000 0000  0000 0000 0000 0000 */

                /* ?>=< ;:98 7654 3210  /.-, +*)( '&%$ #"!  */
    0x03ff6000, /* 0000 0011 1111 1111  0110 0000 0000 0000 */

                /* _^]\ [ZYX WVUT SRQP  ONML KJIH GFED CBA@ */
    0x87fffffe, /* 1000 0111 1111 1111  1111 1111 1111 1110 */

                /*  ~}| {zyx wvut srqp  onml kjih gfed cba` */
    0x47fffffe, /* 0100 0111 1111 1111  1111 1111 1111 1110 */

    0x00000000, /* 0000 0000 0000 0000  0000 0000 0000 0000 */
    0x00000000, /* 0000 0000 0000 0000  0000 0000 0000 0000 */
    0x00000000, /* 0000 0000 0000 0000  0000 0000 0000 0000 */
    0x00000000  /* 0000 0000 0000 0000  0000 0000 0000 0000 */
};


/*
 * Characters that need a second look: those that are escaped, and "%", "/" and
 * "\\".  A byte each, for the loop that every request goes through.
 */

static u_char  ngx_mesh_normalize_special[256] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0,
    1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
};


#define ngx_mesh_normalize_in(set, ch)                                        \
    (set[(ch) >> 5] & ((uint32_t) 1 << ((ch) & 0x1f)))


ngx_int_t
ngx_mesh_normalize_path(ngx_pool_t *pool, ngx_str_t *uri, ngx_str_t *out)
{
    u_char           *last;
    ngx_mesh_path_t   path;

    *out = *uri;

    /* the request target of OPTIONS * */

    if (uri->len == 1 && uri->data[0] == '*') {
        return NGX_DECLINED;
    }

    if (uri->len == 0) {
        ngx_str_set(out, "/");
        return NGX_OK;
    }

    last = uri->data + uri->len;

    if (!ngx_mesh_normalize_needed(uri->data, last)) {
        return NGX_DECLINED;
    }

    /* at worst a slash in front, and every byte becomes an escape */

    path.start = ngx_pnalloc(pool, 1 + 3 * uri->len);
    if (path.start == NULL) {
        return NGX_ERROR;
    }

    path.pos = path.start;
    path.percent = NULL;

    if (ngx_mesh_normalize_canonical(&path, uri->data, last) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_mesh_normalize_merge(&path);

    /* a stray "%" sends a path here that is in order */

    if ((size_t) (path.pos - path.start) == uri->len
        && ngx_memcmp(path.start, uri->data, uri->len) == 0)
    {
        return NGX_DECLINED;
    }

    out->data = path.start;
    out->len = path.pos - path.start;

    return NGX_OK;
}


/* the fast path: nearly all requests end here */

static ngx_uint_t
ngx_mesh_normalize_needed(u_char *p, u_char *last)
{
    u_char     ch;
    ngx_int_t  high, low;

    if (*p != '/') {
        return 1;
    }

    for ( /* void */ ; p < last; p++) {
        ch = *p;

        if (!ngx_mesh_normalize_special[ch]) {
            continue;
        }

        if (ch == '/') {

            if (last - p > 1 && (p[1] == '/' || p[1] == '.')) {
                return 1;
            }

            continue;
        }

        if (ch != '%' || last - p < 3) {
            return 1;
        }

        high = ngx_mesh_normalize_hex(p[1]);
        low = ngx_mesh_normalize_hex(p[2]);

        if (high < 0 || low < 0) {
            return 1;
        }

        ch = (u_char) (high << 4 | low);

        if (ch == '\0'
            || ngx_mesh_normalize_in(ngx_mesh_normalize_unreserved, ch))
        {
            return 1;
        }

        p += 2;
    }

    return 0;
}


/* NGX_DECLINED: there is a zero byte, also as "%00"; Envoy refuses these */

static ngx_int_t
ngx_mesh_normalize_canonical(ngx_mesh_path_t *path, u_char *p, u_char *last)
{
    static u_char  hex[] = "0123456789ABCDEF";

    if (*p != '/' && *p != '\\') {
        *path->pos++ = '/';
    }

    while (p < last) {

        if (ngx_mesh_normalize_dot(p, last)) {
            p = ngx_mesh_normalize_dots(path, p, last);
            continue;
        }

        if (*p == '%') {
            p = ngx_mesh_normalize_escape(path, p, last);
            if (p == NULL) {
                return NGX_DECLINED;
            }

            continue;
        }

        if (*p == '\0') {
            return NGX_DECLINED;
        }

        if (ngx_mesh_normalize_in(ngx_mesh_normalize_escaped, *p)) {
            *path->pos++ = '%';
            *path->pos++ = hex[*p >> 4];
            *path->pos++ = hex[*p & 0xf];

        } else {
            ngx_mesh_normalize_literal(path, (*p == '\\') ? '/' : *p);
        }

        p++;
    }

    return NGX_OK;
}


/* "p" is at a dot: a segment "." or "..", or just a dot in a name */

static u_char *
ngx_mesh_normalize_dots(ngx_mesh_path_t *path, u_char *p, u_char *last)
{
    size_t   dot;
    u_char  *end;

    dot = ngx_mesh_normalize_dot(p, last);
    end = p + dot;

    if (path->pos[-1] == '/') {

        if (end == last || *end == '/' || *end == '\\') {
            return (end == last) ? end : end + 1;
        }

        dot = ngx_mesh_normalize_dot(end, last);

        if (dot
            && (end + dot == last || end[dot] == '/' || end[dot] == '\\'))
        {
            end += dot;

            /* to the slash before the last one, but not above the root */

            if (path->pos - 1 > path->start) {
                do {
                    path->pos--;
                } while (path->pos[-1] != '/');
            }

            path->percent = NULL;

            return (end == last) ? end : end + 1;
        }
    }

    ngx_mesh_normalize_literal(path, '.');

    return end;
}


/* "p" is at a "%"; NULL if it begins "%00" */

static u_char *
ngx_mesh_normalize_escape(ngx_mesh_path_t *path, u_char *p, u_char *last)
{
    ngx_int_t   high, low;
    ngx_uint_t  ch;

    high = (last - p > 2) ? ngx_mesh_normalize_hex(p[1]) : -1;
    low = (last - p > 2) ? ngx_mesh_normalize_hex(p[2]) : -1;

    if (high < 0 || low < 0) {
        path->percent = path->pos;
        *path->pos++ = '%';
        return p + 1;
    }

    ch = high << 4 | low;

    if (ch == 0) {
        return NULL;
    }

    if (ngx_mesh_normalize_in(ngx_mesh_normalize_unreserved, ch)) {
        ngx_mesh_normalize_literal(path, ch);

    } else {
        path->pos = ngx_cpymem(path->pos, p, 3);
    }

    return p + 3;
}


/*
 * In "%%341" the inner escape is undone, and "%41" would be left, which means
 * something else than what was sent: the stray "%" becomes "%25".
 */

static void
ngx_mesh_normalize_literal(ngx_mesh_path_t *path, ngx_uint_t ch)
{
    u_char  *percent;

    *path->pos++ = (u_char) ch;

    percent = path->percent;

    if (percent == NULL || path->pos - percent != 3) {
        return;
    }

    if (ngx_mesh_normalize_hex(percent[1]) >= 0
        && ngx_mesh_normalize_hex(percent[2]) >= 0)
    {
        ngx_memmove(percent + 3, percent + 1, 2);
        percent[1] = '2';
        percent[2] = '5';
        path->pos += 2;
    }

    path->percent = NULL;
}


static void
ngx_mesh_normalize_merge(ngx_mesh_path_t *path)
{
    u_char  *src, *dst;

    dst = path->start + 1;

    for (src = dst; src < path->pos; src++) {
        if (*src != '/' || dst[-1] != '/') {
            *dst++ = *src;
        }
    }

    path->pos = dst;
}


/* the length of "." or "%2e", 0 if there is none */

static size_t
ngx_mesh_normalize_dot(u_char *p, u_char *last)
{
    if (p < last && *p == '.') {
        return 1;
    }

    return (last - p > 2 && p[0] == '%' && p[1] == '2'
            && ngx_tolower(p[2]) == 'e') ? 3 : 0;
}


static ngx_int_t
ngx_mesh_normalize_hex(u_char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch = ngx_tolower(ch);

    return (ch >= 'a' && ch <= 'f') ? ch - 'a' + 10 : -1;
}
