
/*
 * Copyright (C) nginx mesh contributors
 */

/* Numbers, digits and plain text against nginx's own functions, or by byte. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_text.h>
#include "ngx_mesh_unit.h"


static void
mesh_unit_text_number(ngx_mesh_unit_t *u)
{
    u_char      *p, buf[64], expected[64];
    int64_t      n;
    ngx_uint_t   i, bad;

    static int64_t  far[] = {
        999999999, 1000000000, 4294967295, 4294967296,
        INT64_MAX, INT64_MIN, INT64_MIN + 1
    };

    bad = 0;

    for (n = -12000; n < 120000; n++) {
        p = ngx_mesh_text_number(buf, n);
        *p = '\0';
        ngx_sprintf(expected, "%L%Z", n);

        bad += (ngx_strcmp(buf, expected) != 0);
    }

    MESH_IS_INT(bad, 0, "numbers");

    for (i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        p = ngx_mesh_text_number(buf, far[i]);
        *p = '\0';
        ngx_sprintf(expected, "%L%Z", far[i]);

        MESH_OK(ngx_strcmp(buf, expected) == 0
                && (size_t) (p - buf) <= NGX_MESH_TEXT_NUMBER_LEN,
                "%s", expected);
    }
}

MESH_UNIT(mesh_unit_text_number)


static void
mesh_unit_text_hex(ngx_mesh_unit_t *u)
{
    u_char      *p, bytes[256], buf[513], expected[512];
    ngx_uint_t   i;

    for (i = 0; i < 256; i++) {
        bytes[i] = (u_char) (i * 37);
    }

    buf[512] = '.';
    p = ngx_mesh_text_hex(buf, bytes, 256);
    ngx_hex_dump(expected, bytes, 256);

    MESH_OK(p == buf + 512 && buf[512] == '.', "two digits a byte");
    MESH_OK(ngx_memcmp(buf, expected, 512) == 0, "every byte");
    MESH_OK(ngx_mesh_text_hex(buf, bytes, 0) == buf, "nothing");
}

MESH_UNIT(mesh_unit_text_hex)


/* each byte at each place of texts that are shorter and longer than a word */

static void
mesh_unit_text_plain(ngx_mesh_unit_t *u)
{
    u_char      *s, *copy;
    ngx_uint_t   c, i, len, told, plain, bad, torn;

    bad = 0;
    torn = 0;

    for (len = 0; len < 40; len++) {

        /* to the last byte of an allocation, for who watches over it */

        s = ngx_alloc(len + 1, ngx_cycle->log);
        copy = ngx_alloc(len + 1, ngx_cycle->log);

        if (s == NULL || copy == NULL) {
            MESH_OK(0, "memory");
            return;
        }

        for (i = 0; i < len; i++) {
            for (c = 0; c < 256; c++) {
                ngx_memset(s + 1, 'a', len);
                s[1 + i] = (u_char) c;

                ngx_memset(copy, 0xff, len + 1);

                told = ngx_mesh_text_plain(copy + 1, s + 1, len);
                plain = (c >= 0x20 && c < 0x7f && c != '"' && c != '\\');

                bad += (told != plain);
                torn += (copy[0] != 0xff);

                if (plain) {
                    torn += (ngx_memcmp(copy + 1, s + 1, len) != 0);
                }
            }
        }

        ngx_free(s);
        ngx_free(copy);
    }

    MESH_IS_INT(bad, 0, "what is plain");
    MESH_IS_INT(torn, 0, "is copied, and nothing else");
    MESH_OK(ngx_mesh_text_plain(NULL, NULL, 0), "an empty one is plain");
}

MESH_UNIT(mesh_unit_text_plain)
