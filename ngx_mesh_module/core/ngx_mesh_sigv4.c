
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * AWS Signature Version 4: the canonical request, the string to sign, the
 * derived key and the signature.  As all services but S3 have it: the path is
 * normalized and escaped once more than on the wire.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "ngx_mesh_sigv4.h"


typedef struct {
    ngx_str_t                name;      /* escaped */
    ngx_str_t                value;
} ngx_mesh_sigv4_arg_t;


static ngx_int_t ngx_mesh_sigv4_escapes(ngx_str_t *text);
static u_char *ngx_mesh_sigv4_path(u_char *p, ngx_str_t *path);
static u_char *ngx_mesh_sigv4_escape(u_char *p, u_char *text, size_t len);
static ngx_int_t ngx_mesh_sigv4_args(ngx_mesh_sigv4_request_t *rq, u_char **pp,
    u_char *buf);
static ngx_int_t ngx_mesh_sigv4_parse_args(ngx_mesh_sigv4_request_t *rq,
    ngx_mesh_sigv4_arg_t *args, ngx_uint_t *nargs, u_char *buf);
static u_char *ngx_mesh_sigv4_arg(u_char *p, u_char *text, u_char *last,
    ngx_str_t *arg);
static ngx_int_t ngx_mesh_sigv4_cmp_args(const void *one, const void *two);
static ngx_int_t ngx_mesh_sigv4_cmp(ngx_str_t *one, ngx_str_t *two);
static ngx_int_t ngx_mesh_sigv4_headers(ngx_mesh_sigv4_request_t *rq,
    u_char **pp);
static ngx_int_t ngx_mesh_sigv4_header(ngx_mesh_sigv4_request_t *rq,
    ngx_str_t *name, u_char **pp);
static u_char *ngx_mesh_sigv4_header_value(u_char *p, ngx_str_t *value);
static ngx_int_t ngx_mesh_sigv4_derive(ngx_mesh_sigv4_scope_t *scope,
    ngx_str_t *secret, u_char *key);
static ngx_int_t ngx_mesh_sigv4_hmac(u_char *key, size_t key_len,
    u_char *data, size_t len, u_char *mac);
static u_char *ngx_mesh_sigv4_scope(u_char *p, ngx_mesh_sigv4_scope_t *scope);
static ngx_int_t ngx_mesh_sigv4_sign_headers(ngx_pool_t *pool,
    ngx_mesh_sigv4_request_t *rq);


#define NGX_MESH_SIGV4_DAY_LEN   8      /* 20260930 */


/* 1: the byte stands for itself in a URI */

#define ngx_mesh_sigv4_unreserved(c)                                          \
    (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z')                 \
     || ((c) >= '0' && (c) <= '9') || (c) == '-' || (c) == '_'                \
     || (c) == '.' || (c) == '~')

#define ngx_mesh_sigv4_blank(c)  ((c) == ' ' || (c) == '\t')


ngx_int_t
ngx_mesh_sigv4_canonical(ngx_pool_t *pool, ngx_mesh_sigv4_request_t *rq,
    ngx_str_t *canonical)
{
    size_t       len;
    u_char      *p, *buf;
    ngx_int_t    rc;
    ngx_uint_t   i;

    if (rq->nheaders > NGX_MESH_SIGV4_MAX_HEADERS
        || ngx_mesh_sigv4_escapes(&rq->path) != NGX_OK
        || ngx_mesh_sigv4_escapes(&rq->args) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    /*
     * An escaped byte takes three.  A header is there once at most, since
     * the names in signed_headers differ.  The arguments are escaped in "buf"
     * first, and may get a "=" each.
     */

    len = rq->method.len + 3 * rq->path.len + 4 * rq->args.len
          + 2 * rq->signed_headers.len + rq->payload_hash.len + 16;

    for (i = 0; i < rq->nheaders; i++) {
        len += rq->headers[i].name.len + rq->headers[i].value.len + 2;
    }

    p = ngx_pnalloc(pool, len + 4 * rq->args.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    buf = p + len;
    canonical->data = p;

    p = ngx_cpymem(p, rq->method.data, rq->method.len);
    *p++ = LF;

    p = ngx_mesh_sigv4_path(p, &rq->path);
    *p++ = LF;

    rc = ngx_mesh_sigv4_args(rq, &p, buf);
    if (rc != NGX_OK) {
        return rc;
    }

    *p++ = LF;

    rc = ngx_mesh_sigv4_headers(rq, &p);
    if (rc != NGX_OK) {
        return rc;
    }

    *p++ = LF;

    p = ngx_cpymem(p, rq->signed_headers.data, rq->signed_headers.len);
    *p++ = LF;

    p = ngx_cpymem(p, rq->payload_hash.data, rq->payload_hash.len);

    canonical->len = p - canonical->data;

    return NGX_OK;
}


/* is every "%" followed by two hexadecimal digits? */

static ngx_int_t
ngx_mesh_sigv4_escapes(ngx_str_t *text)
{
    u_char  *p, *last;

    last = text->data + text->len;

    for (p = text->data; p < last; p++) {
        if (*p == '%'
            && (last - p < 3 || ngx_hextoi(p + 1, 2) == NGX_ERROR))
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/*
 * The path without empty and dot segments, much as in RFC 3986 section 5.2.4;
 * with a slash at the end if it has one on the wire.
 */

static u_char *
ngx_mesh_sigv4_path(u_char *p, ngx_str_t *path)
{
    size_t   len;
    u_char  *first, *segment, *last, *end;

    first = p;
    segment = path->data;
    last = path->data + path->len;

    *p++ = '/';

    while (segment < last) {
        end = ngx_strlchr(segment, last, '/');
        len = (end ? end : last) - segment;

        if (len == 2 && segment[0] == '.' && segment[1] == '.') {

            /* to the slash before the last segment, but the first stays */

            if (p > first + 1) {
                for (p--; p[-1] != '/'; p--) { /* void */ }
            }

        } else if (len && !(len == 1 && segment[0] == '.')) {
            p = ngx_mesh_sigv4_escape(p, segment, len);

            if (end) {
                *p++ = '/';
            }
        }

        if (end == NULL) {
            break;
        }

        segment = end + 1;
    }

    if (p > first + 1 && p[-1] == '/' && last[-1] != '/') {
        p--;
    }

    return p;
}


static u_char *
ngx_mesh_sigv4_escape(u_char *p, u_char *text, size_t len)
{
    u_char         *last;
    static u_char   hex[] = "0123456789ABCDEF";

    for (last = text + len; text < last; text++) {

        if (ngx_mesh_sigv4_unreserved(*text)) {
            *p++ = *text;
            continue;
        }

        *p++ = '%';
        *p++ = hex[*text >> 4];
        *p++ = hex[*text & 0xf];
    }

    return p;
}


/* "name=value" sorted by name, then by value, both unescaped and escaped */

static ngx_int_t
ngx_mesh_sigv4_args(ngx_mesh_sigv4_request_t *rq, u_char **pp, u_char *buf)
{
    u_char                *p;
    ngx_uint_t             i, n;
    ngx_mesh_sigv4_arg_t   args[NGX_MESH_SIGV4_MAX_ARGS];

    if (ngx_mesh_sigv4_parse_args(rq, args, &n, buf) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_sort(args, n, sizeof(ngx_mesh_sigv4_arg_t), ngx_mesh_sigv4_cmp_args);

    p = *pp;

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = '&';
        }

        p = ngx_cpymem(p, args[i].name.data, args[i].name.len);
        *p++ = '=';
        p = ngx_cpymem(p, args[i].value.data, args[i].value.len);
    }

    *pp = p;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_sigv4_parse_args(ngx_mesh_sigv4_request_t *rq,
    ngx_mesh_sigv4_arg_t *args, ngx_uint_t *nargs, u_char *buf)
{
    u_char                *p, *last, *end, *eq;
    ngx_uint_t             n;
    ngx_mesh_sigv4_arg_t  *arg;

    n = 0;
    p = rq->args.data;
    last = p + rq->args.len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        if (end == p) {
            continue;
        }

        if (n == NGX_MESH_SIGV4_MAX_ARGS) {
            return NGX_DECLINED;
        }

        arg = &args[n];

        eq = ngx_strlchr(p, end, '=');
        if (eq == NULL) {
            eq = end;
        }

        buf = ngx_mesh_sigv4_arg(buf, p, eq, &arg->name);
        buf = ngx_mesh_sigv4_arg(buf, (eq == end) ? end : eq + 1, end,
                                 &arg->value);

        if (rq->presigned
            && arg->name.len == sizeof("X-Amz-Signature") - 1
            && ngx_strncmp(arg->name.data, "X-Amz-Signature",
                           sizeof("X-Amz-Signature") - 1)
               == 0)
        {
            continue;
        }

        n++;
    }

    *nargs = n;

    return NGX_OK;
}


/*
 * Escaped anew, so that all ways to escape a text give the same; a "+" is no
 * blank.  Not longer than what every byte of it takes when escaped.
 */

static u_char *
ngx_mesh_sigv4_arg(u_char *p, u_char *text, u_char *last, ngx_str_t *arg)
{
    u_char  c;

    arg->data = p;

    while (text < last) {
        c = *text++;

        if (c == '%') {
            c = (u_char) ngx_hextoi(text, 2);
            text += 2;
        }

        p = ngx_mesh_sigv4_escape(p, &c, 1);
    }

    arg->len = p - arg->data;

    return p;
}


static ngx_int_t
ngx_mesh_sigv4_cmp_args(const void *one, const void *two)
{
    ngx_int_t              rc;
    ngx_mesh_sigv4_arg_t  *first, *second;

    first = (ngx_mesh_sigv4_arg_t *) one;
    second = (ngx_mesh_sigv4_arg_t *) two;

    rc = ngx_mesh_sigv4_cmp(&first->name, &second->name);

    return rc ? rc : ngx_mesh_sigv4_cmp(&first->value, &second->value);
}


static ngx_int_t
ngx_mesh_sigv4_cmp(ngx_str_t *one, ngx_str_t *two)
{
    return ngx_memn2cmp(one->data, two->data, one->len, two->len);
}


/* a line for each name in signed_headers, which has to be in order */

static ngx_int_t
ngx_mesh_sigv4_headers(ngx_mesh_sigv4_request_t *rq, u_char **pp)
{
    u_char      *p, *last, *end;
    ngx_str_t    name, before;
    ngx_uint_t   n;

    ngx_str_null(&before);

    p = rq->signed_headers.data;
    last = p + rq->signed_headers.len;

    for (n = 0; /* void */ ; n++) {

        end = ngx_strlchr(p, last, ';');

        name.data = p;
        name.len = (end ? end : last) - p;

        if (n == NGX_MESH_SIGV4_MAX_SIGNED
            || name.len == 0
            || ngx_mesh_sigv4_cmp(&before, &name) >= 0
            || ngx_mesh_sigv4_header(rq, &name, pp) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if (end == NULL) {
            return NGX_OK;
        }

        before = name;
        p = end + 1;
    }
}


/* "name:value,value", and NGX_DECLINED if there is no such header */

static ngx_int_t
ngx_mesh_sigv4_header(ngx_mesh_sigv4_request_t *rq, ngx_str_t *name,
    u_char **pp)
{
    u_char                   *p;
    ngx_uint_t                i, n;
    ngx_mesh_sigv4_header_t  *h;

    p = *pp;
    n = 0;

    for (i = 0; i < name->len; i++) {
        if (name->data[i] >= 'A' && name->data[i] <= 'Z') {
            return NGX_DECLINED;
        }
    }

    for (i = 0; i < rq->nheaders; i++) {
        h = &rq->headers[i];

        if (h->name.len != name->len
            || ngx_strncasecmp(h->name.data, name->data, name->len) != 0)
        {
            continue;
        }

        if (n++ == 0) {
            p = ngx_cpymem(p, name->data, name->len);
            *p++ = ':';

        } else {
            *p++ = ',';
        }

        p = ngx_mesh_sigv4_header_value(p, &h->value);
    }

    if (n == 0) {
        return NGX_DECLINED;
    }

    *p++ = LF;
    *pp = p;

    return NGX_OK;
}


/* without blanks at both ends, and with one for several in between */

static u_char *
ngx_mesh_sigv4_header_value(u_char *p, ngx_str_t *value)
{
    u_char      *text, *first, *last;
    ngx_uint_t   blank;

    blank = 0;
    first = p;
    last = value->data + value->len;

    for (text = value->data; text < last; text++) {

        if (ngx_mesh_sigv4_blank(*text)) {
            blank = 1;
            continue;
        }

        if (blank && p != first) {
            *p++ = ' ';
        }

        *p++ = *text;
        blank = 0;
    }

    return p;
}


ngx_int_t
ngx_mesh_sigv4_hash(ngx_str_t *text, u_char *hex)
{
    u_char  digest[EVP_MAX_MD_SIZE];

    if (EVP_Digest(text->data, text->len, digest, NULL, EVP_sha256(), NULL)
        != 1)
    {
        return NGX_ERROR;
    }

    ngx_hex_dump(hex, digest, NGX_MESH_SIGV4_HEX_LEN / 2);

    return NGX_OK;
}


ngx_int_t
ngx_mesh_sigv4_string(ngx_pool_t *pool, ngx_str_t *canonical,
    ngx_mesh_sigv4_scope_t *scope, ngx_str_t *string)
{
    u_char  *p;

    p = ngx_pnalloc(pool, sizeof("AWS4-HMAC-SHA256\n//aws4_request\n\n")
                          + 2 * scope->date.len + scope->region.len
                          + scope->service.len + NGX_MESH_SIGV4_HEX_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    string->data = p;

    p = ngx_sprintf(p, "AWS4-HMAC-SHA256\n%V\n", &scope->date);
    p = ngx_mesh_sigv4_scope(p, scope);
    *p++ = LF;

    if (ngx_mesh_sigv4_hash(canonical, p) != NGX_OK) {
        return NGX_ERROR;
    }

    string->len = p + NGX_MESH_SIGV4_HEX_LEN - string->data;

    return NGX_OK;
}


/* "20260930/us-west-2/appmesh/aws4_request" */

static u_char *
ngx_mesh_sigv4_scope(u_char *p, ngx_mesh_sigv4_scope_t *scope)
{
    return ngx_sprintf(p, "%*s/%V/%V/aws4_request",
                       ngx_min(scope->date.len, NGX_MESH_SIGV4_DAY_LEN),
                       scope->date.data, &scope->region, &scope->service);
}


ngx_int_t
ngx_mesh_sigv4_signature(ngx_mesh_sigv4_scope_t *scope, ngx_str_t *secret,
    ngx_mesh_sigv4_key_t *key, ngx_str_t *string, u_char *hex)
{
    size_t      len;
    u_char      mac[NGX_MESH_SIGV4_KEY_LEN], text[NGX_MESH_SIGV4_SCOPE_MAX];
    ngx_int_t   rc;

    len = NGX_MESH_SIGV4_DAY_LEN + scope->region.len + scope->service.len
          + sizeof("//aws4_request") - 1;

    if (key == NULL || len > NGX_MESH_SIGV4_SCOPE_MAX) {

        if (ngx_mesh_sigv4_derive(scope, secret, mac) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_mesh_sigv4_hmac(mac, NGX_MESH_SIGV4_KEY_LEN, string->data,
                                 string->len, mac);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        len = ngx_mesh_sigv4_scope(text, scope) - text;

        if (key->len != len || ngx_memcmp(key->scope, text, len) != 0) {
            key->len = 0;

            if (ngx_mesh_sigv4_derive(scope, secret, key->key) != NGX_OK) {
                return NGX_ERROR;
            }

            ngx_memcpy(key->scope, text, len);
            key->len = len;
        }

        if (ngx_mesh_sigv4_hmac(key->key, NGX_MESH_SIGV4_KEY_LEN, string->data,
                                string->len, mac)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_hex_dump(hex, mac, NGX_MESH_SIGV4_KEY_LEN);

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_sigv4_derive(ngx_mesh_sigv4_scope_t *scope, ngx_str_t *secret,
    u_char *key)
{
    u_char      *p;
    ngx_int_t    rc;
    ngx_uint_t   i;
    ngx_str_t    parts[4];

    parts[0].data = scope->date.data;
    parts[0].len = ngx_min(scope->date.len, NGX_MESH_SIGV4_DAY_LEN);
    parts[1] = scope->region;
    parts[2] = scope->service;
    ngx_str_set(&parts[3], "aws4_request");

    p = ngx_alloc(sizeof("AWS4") - 1 + secret->len, ngx_cycle->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, "AWS4", sizeof("AWS4") - 1);
    ngx_memcpy(p + sizeof("AWS4") - 1, secret->data, secret->len);

    rc = ngx_mesh_sigv4_hmac(p, sizeof("AWS4") - 1 + secret->len,
                             parts[0].data, parts[0].len, key);

    OPENSSL_cleanse(p, sizeof("AWS4") - 1 + secret->len);
    ngx_free(p);

    for (i = 1; i < 4 && rc == NGX_OK; i++) {
        rc = ngx_mesh_sigv4_hmac(key, NGX_MESH_SIGV4_KEY_LEN, parts[i].data,
                                 parts[i].len, key);
    }

    return rc;
}


static ngx_int_t
ngx_mesh_sigv4_hmac(u_char *key, size_t key_len, u_char *data, size_t len,
    u_char *mac)
{
    u_char    md[EVP_MAX_MD_SIZE];
    unsigned  n;

    if (HMAC(EVP_sha256(), key, (int) key_len, data, len, md, &n) == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(mac, md, NGX_MESH_SIGV4_KEY_LEN);

    return NGX_OK;
}


ngx_int_t
ngx_mesh_sigv4_sign(ngx_pool_t *pool, ngx_mesh_sigv4_request_t *rq,
    ngx_mesh_sigv4_scope_t *scope, ngx_mesh_sigv4_credentials_t *credentials,
    ngx_str_t *authorization)
{
    u_char     *p, hex[NGX_MESH_SIGV4_HEX_LEN];
    ngx_int_t   rc;
    ngx_str_t   canonical, string;

    if (ngx_mesh_sigv4_sign_headers(pool, rq) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_sigv4_canonical(pool, rq, &canonical);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_sigv4_string(pool, &canonical, scope, &string) != NGX_OK
        || ngx_mesh_sigv4_signature(scope, &credentials->secret, NULL, &string,
                                    hex)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, sizeof("AWS4-HMAC-SHA256 Credential=////aws4_request"
                                 ", SignedHeaders=, Signature=")
                          + credentials->access_key.len
                          + NGX_MESH_SIGV4_DAY_LEN + scope->region.len
                          + scope->service.len + rq->signed_headers.len
                          + NGX_MESH_SIGV4_HEX_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    authorization->data = p;

    p = ngx_sprintf(p, "AWS4-HMAC-SHA256 Credential=%V/",
                    &credentials->access_key);
    p = ngx_mesh_sigv4_scope(p, scope);
    p = ngx_sprintf(p, ", SignedHeaders=%V, Signature=", &rq->signed_headers);
    p = ngx_cpymem(p, hex, NGX_MESH_SIGV4_HEX_LEN);

    authorization->len = p - authorization->data;

    return NGX_OK;
}


/* the names of all headers, each once, as signed_headers has them */

static ngx_int_t
ngx_mesh_sigv4_sign_headers(ngx_pool_t *pool, ngx_mesh_sigv4_request_t *rq)
{
    size_t       len;
    u_char      *p;
    ngx_str_t   *names;
    ngx_uint_t   i, k;

    names = ngx_palloc(pool, (rq->nheaders + 1) * sizeof(ngx_str_t));
    if (names == NULL) {
        return NGX_ERROR;
    }

    len = 0;

    for (i = 0; i < rq->nheaders; i++) {
        names[i].len = rq->headers[i].name.len;
        names[i].data = ngx_pnalloc(pool, names[i].len + 1);

        if (names[i].data == NULL) {
            return NGX_ERROR;
        }

        ngx_strlow(names[i].data, rq->headers[i].name.data, names[i].len);
        len += names[i].len + 1;
    }

    ngx_sort(names, rq->nheaders, sizeof(ngx_str_t),
             (ngx_int_t (*)(const void *, const void *)) ngx_mesh_sigv4_cmp);

    p = ngx_pnalloc(pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    rq->signed_headers.data = p;

    for (i = 0, k = 0; i < rq->nheaders; k = i++) {

        if (i && ngx_mesh_sigv4_cmp(&names[k], &names[i]) == 0) {
            continue;
        }

        if (i) {
            *p++ = ';';
        }

        p = ngx_cpymem(p, names[i].data, names[i].len);
    }

    rq->signed_headers.len = p - rq->signed_headers.data;

    return NGX_OK;
}


void
ngx_mesh_sigv4_date(time_t t, u_char *date)
{
    u_char    buf[NGX_MESH_SIGV4_DATE_LEN + NGX_INT64_LEN];
    ngx_tm_t  tm;

    ngx_gmtime(t, &tm);

    (void) ngx_sprintf(buf, "%4d%02d%02dT%02d%02d%02dZ",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec);

    ngx_memcpy(date, buf, NGX_MESH_SIGV4_DATE_LEN);
}


time_t
ngx_mesh_sigv4_time(ngx_str_t *date)
{
    time_t      t, days;
    u_char     *p, text[NGX_MESH_SIGV4_DATE_LEN];
    ngx_int_t   year, month, day, hour, min, sec;

    if (date->len != NGX_MESH_SIGV4_DATE_LEN) {
        return NGX_ERROR;
    }

    p = date->data;

    year = ngx_atoi(p, 4);
    month = ngx_atoi(p + 4, 2);
    day = ngx_atoi(p + 6, 2);
    hour = ngx_atoi(p + 9, 2);
    min = ngx_atoi(p + 11, 2);
    sec = ngx_atoi(p + 13, 2);

    if (year < 1970 || month < 1 || day < 1 || hour < 0 || min < 0 || sec < 0) {
        return NGX_ERROR;
    }

    /* the year begins in March, so that a leap day is its last one */

    if (month <= 2) {
        month += 12;
        year--;
    }

    days = (time_t) 365 * year + year / 4 - year / 100 + year / 400
           + (153 * (month - 3) + 2) / 5 + day - 1 - 719468;

    t = ((days * 24 + hour) * 60 + min) * 60 + sec;

    /* what is no date, or not written so, does not come back */

    ngx_mesh_sigv4_date(t, text);

    if (ngx_memcmp(date->data, text, NGX_MESH_SIGV4_DATE_LEN) != 0) {
        return NGX_ERROR;
    }

    return t;
}
