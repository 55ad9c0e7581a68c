
/*
 * Copyright (C) nginx mesh contributors
 */

/* Protobuf on the wire: see ngx_mesh_otlp_wire.h. */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_otlp_wire.h"


static void ngx_mesh_otlp_wire_clean(u_char *p, u_char *end);
static size_t ngx_mesh_otlp_wire_character(u_char *p, u_char *end);
static u_char *ngx_mesh_otlp_wire_read_varint(u_char *p, u_char *end,
    uint64_t *n);


void
ngx_mesh_otlp_wire_raw(ngx_mesh_otlp_wire_t *w, const void *data, size_t len)
{
    if (w->pos == NULL || (size_t) (w->pos - w->start) < len) {
        w->pos = NULL;
        return;
    }

    w->pos -= len;
    ngx_memcpy(w->pos, data, len);
}


void
ngx_mesh_otlp_wire_varint(ngx_mesh_otlp_wire_t *w, uint64_t n)
{
    u_char  *p, buf[10];

    p = buf;

    while (n >= 0x80) {
        *p++ = (u_char) (n | 0x80);
        n >>= 7;
    }

    *p++ = (u_char) n;

    ngx_mesh_otlp_wire_raw(w, buf, p - buf);
}


/* little endian */

void
ngx_mesh_otlp_wire_fixed(ngx_mesh_otlp_wire_t *w, uint64_t n, ngx_uint_t bytes)
{
    u_char      buf[8];
    ngx_uint_t  i;

    for (i = 0; i < bytes; i++) {
        buf[i] = (u_char) (n >> (8 * i));
    }

    ngx_mesh_otlp_wire_raw(w, buf, bytes);
}


void
ngx_mesh_otlp_wire_tag(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    ngx_uint_t type)
{
    ngx_mesh_otlp_wire_varint(w, (field << 3) | type);
}


void
ngx_mesh_otlp_wire_close(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    u_char *end)
{
    if (w->pos == NULL) {
        return;
    }

    ngx_mesh_otlp_wire_varint(w, end - w->pos);
    ngx_mesh_otlp_wire_tag(w, field, NGX_MESH_OTLP_BYTES);
}


void
ngx_mesh_otlp_wire_bytes(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    const void *data, size_t len)
{
    ngx_mesh_otlp_wire_raw(w, data, len);
    ngx_mesh_otlp_wire_varint(w, len);
    ngx_mesh_otlp_wire_tag(w, field, NGX_MESH_OTLP_BYTES);
}


/* an empty text is the default and need not be there */

void
ngx_mesh_otlp_wire_text(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    ngx_str_t *text, size_t max)
{
    u_char  *end;

    if (text->len) {
        end = w->pos;
        ngx_mesh_otlp_wire_utf8(w, text, max);
        ngx_mesh_otlp_wire_close(w, field, end);
    }
}


/* a text that is shortened does not end within a character */

void
ngx_mesh_otlp_wire_utf8(ngx_mesh_otlp_wire_t *w, ngx_str_t *text, size_t max)
{
    size_t  len;

    len = text->len;

    if (len > max) {
        for (len = max; len && (text->data[len] & 0xc0) == 0x80; len--) {
            /* void */
        }
    }

    ngx_mesh_otlp_wire_raw(w, text->data, len);

    if (w->pos) {
        ngx_mesh_otlp_wire_clean(w->pos, w->pos + len);
    }
}


/*
 * Strings of protobuf are UTF-8, and one that is not makes a collector refuse
 * the whole request.
 */

static void
ngx_mesh_otlp_wire_clean(u_char *p, u_char *end)
{
    size_t  len;

    while (p < end) {

        if (*p < 0x80) {
            p++;
            continue;
        }

        len = ngx_mesh_otlp_wire_character(p, end);

        if (len == 0) {
            *p = '?';
            len = 1;
        }

        p += len;
    }
}


/*
 * RFC 3629, 4: the length of a character of more than one byte, or 0.
 * ngx_utf8_decode() takes some sequences that are none.
 */

static size_t
ngx_mesh_otlp_wire_character(u_char *p, u_char *end)
{
    size_t    i, len;
    uint32_t  c, least;

    if (*p >= 0xc2 && *p <= 0xdf) {
        c = *p & 0x1f;
        len = 2;
        least = 0x80;

    } else if (*p >= 0xe0 && *p <= 0xef) {
        c = *p & 0x0f;
        len = 3;
        least = 0x800;

    } else if (*p >= 0xf0 && *p <= 0xf4) {
        c = *p & 0x07;
        len = 4;
        least = 0x10000;

    } else {
        return 0;
    }

    if ((size_t) (end - p) < len) {
        return 0;
    }

    for (i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = (c << 6) | (p[i] & 0x3f);
    }

    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    return len;
}


static u_char *
ngx_mesh_otlp_wire_read_varint(u_char *p, u_char *end, uint64_t *n)
{
    ngx_uint_t  shift;

    *n = 0;

    for (shift = 0; p < end && shift < 64; shift += 7) {
        *n |= (uint64_t) (*p & 0x7f) << shift;

        if (!(*p++ & 0x80)) {
            return p;
        }
    }

    return NULL;
}


/* "bytes" has no data if the field is a number; returns its end, or NULL */

u_char *
ngx_mesh_otlp_wire_read(u_char *p, u_char *end, ngx_uint_t *field,
    uint64_t *number, ngx_str_t *bytes)
{
    uint64_t  tag, len;

    ngx_str_null(bytes);
    *number = 0;

    p = ngx_mesh_otlp_wire_read_varint(p, end, &tag);

    if (p == NULL) {
        return NULL;
    }

    *field = (ngx_uint_t) (tag >> 3);

    switch (tag & 7) {

    case NGX_MESH_OTLP_VARINT:
        return ngx_mesh_otlp_wire_read_varint(p, end, number);

    case NGX_MESH_OTLP_FIXED64:
        return (end - p < 8) ? NULL : p + 8;

    case NGX_MESH_OTLP_FIXED32:
        return (end - p < 4) ? NULL : p + 4;

    case NGX_MESH_OTLP_BYTES:
        p = ngx_mesh_otlp_wire_read_varint(p, end, &len);

        if (p == NULL || len > (uint64_t) (end - p)) {
            return NULL;
        }

        bytes->data = p;
        bytes->len = (size_t) len;

        return p + len;
    }

    return NULL;
}
