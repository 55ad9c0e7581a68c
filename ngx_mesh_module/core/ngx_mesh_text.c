
/*
 * Copyright (C) nginx mesh contributors
 */

/* See the header. */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_text.h"


#define NGX_MESH_TEXT_ONES  0x0101010101010101ull
#define NGX_MESH_TEXT_HIGH  0x8080808080808080ull


static ngx_uint_t ngx_mesh_text_short(u_char *p, u_char *s, size_t len);
static ngx_inline uint64_t ngx_mesh_text_special(uint64_t x);


/* the last eight bytes may be some of those before once more */

ngx_uint_t
ngx_mesh_text_plain(u_char *p, u_char *s, size_t len)
{
    size_t    i;
    uint64_t  x, special;

    if (len < 8) {
        return ngx_mesh_text_short(p, s, len);
    }

    special = 0;

    for (i = 0; i + 8 < len; i += 8) {
        ngx_memcpy(&x, s + i, 8);
        ngx_memcpy(p + i, &x, 8);

        special |= ngx_mesh_text_special(x);
    }

    ngx_memcpy(&x, s + len - 8, 8);
    ngx_memcpy(p + len - 8, &x, 8);

    special |= ngx_mesh_text_special(x);

    return (special & NGX_MESH_TEXT_HIGH) == 0;
}


static ngx_uint_t
ngx_mesh_text_short(u_char *p, u_char *s, size_t len)
{
    uint32_t  x, y;

    if (len >= 4) {
        ngx_memcpy(&x, s, 4);
        ngx_memcpy(&y, s + len - 4, 4);
        ngx_memcpy(p, &x, 4);
        ngx_memcpy(p + len - 4, &y, 4);

        return (ngx_mesh_text_special((uint64_t) x << 32 | y)
                & NGX_MESH_TEXT_HIGH)
               == 0;
    }

    if (len == 0) {
        return 1;
    }

    /* the first, the one in the middle, the last, whichever they are */

    p[0] = s[0];
    p[len >> 1] = s[len >> 1];
    p[len - 1] = s[len - 1];

    return (ngx_mesh_text_special(0x6161616161000000ull
                                 | (uint64_t) s[0]
                                 | (uint64_t) s[len >> 1] << 8
                                 | (uint64_t) s[len - 1] << 16)
            & NGX_MESH_TEXT_HIGH)
           == 0;
}


/*
 * Has a bit of NGX_MESH_TEXT_HIGH if a byte is above 0x7f, below 0x20, or one
 * of the three that are escaped in JSON or text; bytes are told apart as in
 * strlen()s.
 */

static ngx_inline uint64_t
ngx_mesh_text_special(uint64_t x)
{
    uint64_t  quote, slash, del;

    quote = x ^ NGX_MESH_TEXT_ONES * '"';
    slash = x ^ NGX_MESH_TEXT_ONES * '\\';
    del = x ^ NGX_MESH_TEXT_ONES * 0x7f;

    return x
           | (x - NGX_MESH_TEXT_ONES * 0x20)
           | (quote - NGX_MESH_TEXT_ONES)
           | (slash - NGX_MESH_TEXT_ONES)
           | (del - NGX_MESH_TEXT_ONES);
}


u_char *
ngx_mesh_text_number(u_char *p, int64_t n)
{
    u_char    *s, digits[NGX_MESH_TEXT_NUMBER_LEN];
    uint32_t   small;
    uint64_t   u;

    if (n >= 0 && n < 10000) {

        /* a status, most sizes and times */

        small = (uint32_t) n;

        if (small >= 1000) {
            *p++ = (u_char) ('0' + small / 1000);
        }

        if (small >= 100) {
            *p++ = (u_char) ('0' + small / 100 % 10);
        }

        if (small >= 10) {
            *p++ = (u_char) ('0' + small / 10 % 10);
        }

        *p++ = (u_char) ('0' + small % 10);

        return p;
    }

    s = digits + sizeof(digits);
    u = n < 0 ? 0 - (uint64_t) n : (uint64_t) n;

    do {
        *--s = (u_char) ('0' + u % 10);
        u /= 10;
    } while (u);

    if (n < 0) {
        *--s = '-';
    }

    do {
        *p++ = *s++;
    } while (s < digits + sizeof(digits));

    return p;
}


/*
 * Eight digits at once, without a table: it would be eight lines of the cache,
 * which are cold by then.  The digits are laid out in a number as they are in
 * memory, each in a byte; those above 9 get 39 more, which is what lies between
 * "9" and "a".
 */

u_char *
ngx_mesh_text_hex(u_char *p, const u_char *data, size_t len)
{
    size_t    i;
    uint32_t  four;
    uint64_t  x, letters;

    for (i = 0; i < len; i += 4) {
        ngx_memcpy(&four, data + i, 4);

        x = four;
        x = (x | x << 16) & 0x0000ffff0000ffffull;
        x = (x | x << 8) & 0x00ff00ff00ff00ffull;

#if (NGX_HAVE_LITTLE_ENDIAN)
        x = (x >> 4 | x << 8) & 0x0f0f0f0f0f0f0f0full;
#else
        x = (x << 4 | x) & 0x0f0f0f0f0f0f0f0full;
#endif

        letters = ((x + NGX_MESH_TEXT_ONES * 6) >> 4) & NGX_MESH_TEXT_ONES;
        x += NGX_MESH_TEXT_ONES * '0' + letters * 39;

        ngx_memcpy(p, &x, 8);
        p += 8;
    }

    return p;
}
