
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What is sent to check an endpoint: the same bytes to all of a cluster, made
 * once.  User-Agent is Envoy's, since the access logs of applications are
 * filtered by it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_prober_answer.h"


#define NGX_MESH_PROBER_AGENT  "Envoy/HC"
#define NGX_MESH_PROBER_FRAME  16384        /* RFC 9113, 4.2 */


static ngx_int_t ngx_mesh_prober_path(ngx_pool_t *pool, ngx_str_t *path,
    ngx_str_t *escaped);
static ngx_int_t ngx_mesh_prober_http_request(ngx_pool_t *pool,
    ngx_str_t *path, ngx_str_t *host, ngx_str_t *request);
static ngx_int_t ngx_mesh_prober_h2_request(ngx_pool_t *pool, ngx_str_t *path,
    ngx_str_t *host, ngx_uint_t grpc, ngx_str_t *request);
static u_char *ngx_mesh_prober_fields(u_char *p, ngx_str_t *path,
    ngx_str_t *host, ngx_uint_t grpc);
static u_char *ngx_mesh_prober_string(u_char *p, ngx_str_t *s);
static u_char *ngx_mesh_prober_frame(u_char *p, size_t len, ngx_uint_t type,
    ngx_uint_t flags, ngx_uint_t stream);


/* RFC 9113, 3.4 and 6.5: no table of header fields, no push */

static u_char  ngx_mesh_prober_preface[] =
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    "\0\0\x0c\x04\0\0\0\0\0"
    "\0\x01\0\0\0\0"
    "\0\x02\0\0\0\0";


ngx_int_t
ngx_mesh_prober_request(ngx_pool_t *pool, ngx_mesh_health_check_t *hc,
    ngx_str_t *host, ngx_str_t *request)
{
    ngx_str_t  path;

    ngx_str_null(request);

    switch (hc->protocol) {

    case NGX_MESH_TCP:
        return NGX_OK;

    case NGX_MESH_GRPC:
        ngx_str_set(&path, "/grpc.health.v1.Health/Check");
        return ngx_mesh_prober_h2_request(pool, &path, host, 1, request);

    default: /* NGX_MESH_HTTP, NGX_MESH_HTTP2 */
        break;
    }

    if (ngx_mesh_prober_path(pool, &hc->path, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    if (hc->protocol == NGX_MESH_HTTP2) {
        return ngx_mesh_prober_h2_request(pool, &path, host, 0, request);
    }

    return ngx_mesh_prober_http_request(pool, &path, host, request);
}


/* nothing that could end the line; without a path it is "/" */

static ngx_int_t
ngx_mesh_prober_path(ngx_pool_t *pool, ngx_str_t *path, ngx_str_t *escaped)
{
    u_char  *p, *src, *last;

    p = ngx_pnalloc(pool, 1 + path->len * 3);
    if (p == NULL) {
        return NGX_ERROR;
    }

    escaped->data = p;

    src = path->data;
    last = src + path->len;

    if (path->len == 0 || *src != '/') {
        *p++ = '/';
    }

    while (src < last) {

        if (*src <= ' ' || *src >= 0x7f) {
            p = ngx_sprintf(p, "%%%02Xi", (ngx_int_t) *src++);

        } else {
            *p++ = *src++;
        }
    }

    escaped->len = p - escaped->data;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_prober_http_request(ngx_pool_t *pool, ngx_str_t *path,
    ngx_str_t *host, ngx_str_t *request)
{
    size_t  len;

    len = sizeof("GET  HTTP/1.1" CRLF "Host: " CRLF
                 "User-Agent: " NGX_MESH_PROBER_AGENT CRLF
                 "Connection: close" CRLF CRLF)
          + path->len + host->len;

    request->data = ngx_pnalloc(pool, len);
    if (request->data == NULL) {
        return NGX_ERROR;
    }

    request->len = ngx_sprintf(request->data,
                               "GET %V HTTP/1.1" CRLF
                               "Host: %V" CRLF
                               "User-Agent: " NGX_MESH_PROBER_AGENT CRLF
                               "Connection: close" CRLF CRLF,
                               path, host)
                   - request->data;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_prober_h2_request(ngx_pool_t *pool, ngx_str_t *path, ngx_str_t *host,
    ngx_uint_t grpc, ngx_str_t *request)
{
    size_t      len, n;
    u_char     *p, *fields, *last;
    ngx_uint_t  type, flags;

    len = path->len + host->len + 128;

    fields = ngx_pnalloc(pool, len);
    if (fields == NULL) {
        return NGX_ERROR;
    }

    last = ngx_mesh_prober_fields(fields, path, host, grpc);

    len = sizeof(ngx_mesh_prober_preface) - 1 + (last - fields)
          + (1 + (last - fields) / NGX_MESH_PROBER_FRAME) * 9 + 9 + 5;

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    request->data = p;

    p = ngx_cpymem(p, ngx_mesh_prober_preface,
                   sizeof(ngx_mesh_prober_preface) - 1);

    type = 0x01;                            /* HEADERS */
    flags = grpc ? 0x00 : 0x01;             /* END_STREAM */

    do {
        n = ngx_min((size_t) (last - fields), NGX_MESH_PROBER_FRAME);

        if (fields + n == last) {
            flags |= 0x04;                  /* END_HEADERS */
        }

        p = ngx_mesh_prober_frame(p, n, type, flags, 1);
        p = ngx_cpymem(p, fields, n);

        fields += n;
        type = 0x09;                        /* CONTINUATION */
        flags = 0x00;

    } while (fields < last);

    if (grpc) {
        /* one message of no bytes: all services of the server */

        p = ngx_mesh_prober_frame(p, 5, 0x00, 0x01, 1);
        ngx_memzero(p, 5);
        p += 5;
    }

    request->len = p - request->data;

    return NGX_OK;
}


/* RFC 7541: names by their index in the static table, nothing indexed */

static u_char *
ngx_mesh_prober_fields(u_char *p, ngx_str_t *path, ngx_str_t *host,
    ngx_uint_t grpc)
{
    static ngx_str_t  agent = ngx_string(NGX_MESH_PROBER_AGENT);
    static ngx_str_t  type = ngx_string("application/grpc");
    static ngx_str_t  te = ngx_string("te");
    static ngx_str_t  trailers = ngx_string("trailers");

    *p++ = grpc ? 0x83 : 0x82;              /* :method POST, GET */
    *p++ = 0x86;                            /* :scheme http */

    *p++ = 0x04;                            /* :path */
    p = ngx_mesh_prober_string(p, path);

    *p++ = 0x01;                            /* :authority */
    p = ngx_mesh_prober_string(p, host);

    if (grpc) {
        *p++ = 0x0f; *p++ = 31 - 15;        /* content-type */
        p = ngx_mesh_prober_string(p, &type);

        *p++ = 0x00;
        p = ngx_mesh_prober_string(p, &te);
        p = ngx_mesh_prober_string(p, &trailers);
    }

    *p++ = 0x0f; *p++ = 58 - 15;            /* user-agent */

    return ngx_mesh_prober_string(p, &agent);
}


static u_char *
ngx_mesh_prober_string(u_char *p, ngx_str_t *s)
{
    size_t  n;

    n = s->len;

    if (n < 127) {
        *p++ = (u_char) n;

    } else {
        *p++ = 127;

        for (n -= 127; n >= 128; n >>= 7) {
            *p++ = (u_char) (n % 128 + 128);
        }

        *p++ = (u_char) n;
    }

    return ngx_cpymem(p, s->data, s->len);
}


static u_char *
ngx_mesh_prober_frame(u_char *p, size_t len, ngx_uint_t type,
    ngx_uint_t flags, ngx_uint_t stream)
{
    *p++ = (u_char) (len >> 16);
    *p++ = (u_char) (len >> 8);
    *p++ = (u_char) len;
    *p++ = (u_char) type;
    *p++ = (u_char) flags;
    *p++ = 0;
    *p++ = 0;
    *p++ = 0;
    *p++ = (u_char) stream;

    return p;
}
