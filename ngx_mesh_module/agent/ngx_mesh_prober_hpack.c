
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * As much of RFC 7541 as it takes to find a status in a block of header
 * fields.  There is no table that grows: the other side was told to do
 * without, and a field that refers to one is an error.  Of Huffman's code the
 * digits are decoded, and names are compared in their coded form.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_prober_answer.h"


#define NGX_MESH_PROBER_STATIC  61          /* fields in the static table */


typedef struct {
    u_char                  *data;
    size_t                   len;
    ngx_uint_t               huffman;
} ngx_mesh_prober_string_t;


static ngx_int_t ngx_mesh_prober_field(u_char **pos, u_char *last,
    ngx_uint_t index, ngx_uint_t *status, ngx_int_t *grpc_status);
static ngx_int_t ngx_mesh_prober_integer(u_char **pos, u_char *last,
    ngx_uint_t bits, ngx_uint_t *value);
static ngx_int_t ngx_mesh_prober_text(u_char **pos, u_char *last,
    ngx_mesh_prober_string_t *s);
static ngx_uint_t ngx_mesh_prober_is(ngx_mesh_prober_string_t *s,
    ngx_str_t *plain, ngx_str_t *coded);
static ngx_int_t ngx_mesh_prober_number(ngx_mesh_prober_string_t *s);
static ngx_int_t ngx_mesh_prober_digits(u_char *p, size_t len);


/* ":status" of the static table, from 8 on */

static ngx_uint_t  ngx_mesh_prober_statuses[] = {
    200, 204, 206, 304, 400, 404, 500
};


ngx_int_t
ngx_mesh_prober_hpack(u_char *p, u_char *last, ngx_uint_t *status,
    ngx_int_t *grpc_status)
{
    ngx_int_t   rc;
    ngx_uint_t  index;

    while (p < last) {

        if (*p & 0x80) {                    /* indexed */

            if (ngx_mesh_prober_integer(&p, last, 7, &index) != NGX_OK
                || index == 0
                || index > NGX_MESH_PROBER_STATIC)
            {
                return NGX_ERROR;
            }

            if (index >= 8 && index <= 14) {
                *status = ngx_mesh_prober_statuses[index - 8];
            }

            continue;
        }

        if ((*p & 0xe0) == 0x20) {          /* size of the table */

            if (ngx_mesh_prober_integer(&p, last, 5, &index) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        /* a literal: to be indexed, or not, or never */

        rc = ngx_mesh_prober_integer(&p, last, (*p & 0x40) ? 6 : 4, &index);

        if (rc != NGX_OK
            || index > NGX_MESH_PROBER_STATIC
            || ngx_mesh_prober_field(&p, last, index, status, grpc_status)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the name, if "index" is 0, and the value of a literal */

static ngx_int_t
ngx_mesh_prober_field(u_char **pos, u_char *last, ngx_uint_t index,
    ngx_uint_t *status, ngx_int_t *grpc_status)
{
    ngx_int_t                 n;
    ngx_uint_t                is_status, is_grpc;
    ngx_mesh_prober_string_t  name, value;

    static ngx_str_t  status_plain = ngx_string(":status");
    static ngx_str_t  status_coded = ngx_string(
                                      "\xb8\x84\x8d\x36\xa3");
    static ngx_str_t  grpc_plain = ngx_string("grpc-status");
    static ngx_str_t  grpc_coded = ngx_string(
                                      "\x9a\xca\xc8\xb2\x12\x34\xda\x8f");

    is_status = (index >= 8 && index <= 14);
    is_grpc = 0;

    if (index == 0) {

        if (ngx_mesh_prober_text(pos, last, &name) != NGX_OK) {
            return NGX_ERROR;
        }

        is_status = ngx_mesh_prober_is(&name, &status_plain, &status_coded);
        is_grpc = ngx_mesh_prober_is(&name, &grpc_plain, &grpc_coded);
    }

    if (ngx_mesh_prober_text(pos, last, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!is_status && !is_grpc) {
        return NGX_OK;
    }

    n = ngx_mesh_prober_number(&value);

    if (n == NGX_ERROR || (is_status && n < 100)) {
        return NGX_ERROR;
    }

    if (is_status) {
        *status = n;

    } else {
        *grpc_status = n;
    }

    return NGX_OK;
}


/* RFC 7541, 5.1; none that matters has more than two bytes after the first */

static ngx_int_t
ngx_mesh_prober_integer(u_char **pos, u_char *last, ngx_uint_t bits,
    ngx_uint_t *value)
{
    u_char      *p;
    ngx_uint_t   shift, max;

    p = *pos;

    if (p == last) {
        return NGX_ERROR;
    }

    max = (1 << bits) - 1;
    *value = *p++ & max;

    for (shift = 0; *value >= max; shift += 7) {

        if (p == last || shift > 14) {
            return NGX_ERROR;
        }

        *value += (ngx_uint_t) (*p & 0x7f) << shift;

        if (!(*p++ & 0x80)) {
            break;
        }
    }

    *pos = p;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_prober_text(u_char **pos, u_char *last, ngx_mesh_prober_string_t *s)
{
    if (*pos == last) {
        return NGX_ERROR;
    }

    s->huffman = (**pos & 0x80);

    if (ngx_mesh_prober_integer(pos, last, 7, &s->len) != NGX_OK
        || s->len > (size_t) (last - *pos))
    {
        return NGX_ERROR;
    }

    s->data = *pos;
    *pos += s->len;

    return NGX_OK;
}


static ngx_uint_t
ngx_mesh_prober_is(ngx_mesh_prober_string_t *s, ngx_str_t *plain,
    ngx_str_t *coded)
{
    ngx_str_t  *name;

    name = s->huffman ? coded : plain;

    return s->len == name->len
           && ngx_memcmp(s->data, name->data, name->len) == 0;
}


/* up to three digits */

static ngx_int_t
ngx_mesh_prober_number(ngx_mesh_prober_string_t *s)
{
    if (s->len == 0 || s->len > 3) {
        return NGX_ERROR;
    }

    return s->huffman ? ngx_mesh_prober_digits(s->data, s->len)
                      : ngx_atoi(s->data, s->len);
}


/*
 * RFC 7541, appendix B: "0" to "2" are 5 bits, of their own value, "3" to "9"
 * are 6 bits, 25 to 31.  Ones fill the last byte up.
 */

static ngx_int_t
ngx_mesh_prober_digits(u_char *p, size_t len)
{
    uint32_t    bits, code;
    ngx_int_t   value;
    ngx_uint_t  n, left;

    bits = 0;

    for (n = 0; n < len; n++) {
        bits = (bits << 8) | p[n];
    }

    value = 0;

    for (left = len * 8, n = 0; left >= 5; n++) {

        code = (bits >> (left - 5)) & 0x1f;

        if (code == 0x1f) {
            /* no digit begins with a one */
            break;
        }

        if (code < 3) {
            value = value * 10 + code;
            left -= 5;
            continue;
        }

        if (left < 6) {
            break;
        }

        code = (bits >> (left - 6)) & 0x3f;

        if (code < 25 || code > 31) {
            return NGX_ERROR;
        }

        value = value * 10 + 3 + code - 25;
        left -= 6;
    }

    code = (1 << left) - 1;

    if (n == 0 || n > 3 || left > 7 || (bits & code) != code) {
        return NGX_ERROR;
    }

    return value;
}
