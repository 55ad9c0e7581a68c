
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Runs a compiled format of access logs.  A line is a line whatever clients and
 * applications send: control characters are written as \xXX in text, and JSON
 * is always valid: a byte that is not UTF-8 is written as \u00XX.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_log_format.h"


#define NGX_MESH_LOG_NUMBER_LEN  (NGX_INT64_LEN + 1)


static void ngx_mesh_log_value(ngx_mesh_log_op_t *op, size_t cut,
    ngx_mesh_log_value_pt get, void *data, ngx_mesh_log_value_t *value);
static u_char *ngx_mesh_log_write_op(ngx_mesh_log_op_t *op,
    ngx_mesh_log_value_t *value, u_char *p, u_char *last);
static u_char *ngx_mesh_log_write_string(ngx_mesh_log_op_t *op,
    ngx_str_t *string, u_char *p, u_char *last);
static u_char *ngx_mesh_log_write_text(ngx_str_t *string, u_char *p,
    u_char *last);
static u_char *ngx_mesh_log_write_json(ngx_str_t *string, u_char *p,
    u_char *last);
static size_t ngx_mesh_log_plain(u_char *s, u_char *end);
static size_t ngx_mesh_log_utf8(u_char *s, u_char *end);
static u_char *ngx_mesh_log_write_number(u_char *p, int64_t n);


u_char *
ngx_mesh_log_format_write(ngx_mesh_log_format_t *format, u_char *p,
    u_char *last, size_t cut, ngx_mesh_log_value_pt get, void *data)
{
    ngx_uint_t             i;
    ngx_mesh_log_op_t     *op;
    ngx_mesh_log_value_t   value;

    op = format->ops;

    for (i = 0; i < format->nops; i++) {

        if (op[i].op == NGX_MESH_LOG_LITERAL) {

            if ((size_t) (last - p) < op[i].text.len) {
                return NULL;
            }

            p = ngx_cpymem(p, op[i].text.data, op[i].text.len);
            continue;
        }

        ngx_mesh_log_value(&op[i], cut, get, data, &value);

        p = ngx_mesh_log_write_op(&op[i], &value, p, last);

        if (p == NULL) {
            return NULL;
        }
    }

    return p;
}


static void
ngx_mesh_log_value(ngx_mesh_log_op_t *op, size_t cut,
    ngx_mesh_log_value_pt get, void *data, ngx_mesh_log_value_t *value)
{
    value->type = NGX_MESH_LOG_MISSING;

    if (op->op == NGX_MESH_LOG_NOTHING) {
        return;
    }

    get(data, op->op, &op->text, value);

    if (value->type == NGX_MESH_LOG_MISSING && op->other.data) {
        get(data, op->other_op, &op->other, value);
    }

    if (value->type != NGX_MESH_LOG_VALUE_STRING) {
        return;
    }

    cut = ngx_min(cut, op->length);
    value->string.len = ngx_min(value->string.len, cut);
}


static u_char *
ngx_mesh_log_write_op(ngx_mesh_log_op_t *op, ngx_mesh_log_value_t *value,
    u_char *p, u_char *last)
{
    u_char     time[NGX_MESH_LOG_TIME_LEN];
    ngx_str_t  string;

    if (value->type == NGX_MESH_LOG_VALUE_STRING) {
        return ngx_mesh_log_write_string(op, &value->string, p, last);
    }

    if (value->type == NGX_MESH_LOG_MISSING) {

        if (last - p < 4) {
            return NULL;
        }

        if (op->style == NGX_MESH_LOG_JSON) {
            return ngx_cpymem(p, "null", 4);
        }

        *p++ = '-';
        return p;
    }

    if (op->op == NGX_MESH_LOG_START_TIME) {
        string.data = time;
        string.len = ngx_mesh_log_time_write(time, &op->text, value->number)
                     - time;

        return ngx_mesh_log_write_string(op, &string, p, last);
    }

    if ((size_t) (last - p) < NGX_MESH_LOG_NUMBER_LEN) {
        return NULL;
    }

    return ngx_mesh_log_write_number(p, value->number);
}


static u_char *
ngx_mesh_log_write_string(ngx_mesh_log_op_t *op, ngx_str_t *string, u_char *p,
    u_char *last)
{
    if (op->style == NGX_MESH_LOG_TEXT) {
        return ngx_mesh_log_write_text(string, p, last);
    }

    if (op->style == NGX_MESH_LOG_STRING) {
        return ngx_mesh_log_write_json(string, p, last);
    }

    if (last - p < 2) {
        return NULL;
    }

    *p++ = '"';

    p = ngx_mesh_log_write_json(string, p, last - 1);

    if (p) {
        *p++ = '"';
    }

    return p;
}


static u_char *
ngx_mesh_log_write_text(ngx_str_t *string, u_char *p, u_char *last)
{
    u_char  *s, *end, c;
    size_t   n;

    static u_char  hex[] = "0123456789ABCDEF";

    s = string->data;
    end = s + string->len;

    if (last - p < end - s) {
        return NULL;
    }

    n = ngx_mesh_log_plain(s, end);

    p = ngx_cpymem(p, s, n);
    s += n;

    while (s < end) {

        c = *s++;

        if ((c >= ' ' && c != 0x7f) || c == '\t') {

            if (p == last) {
                return NULL;
            }

            *p++ = c;
            continue;
        }

        if (last - p < 4) {
            return NULL;
        }

        *p++ = '\\';
        *p++ = 'x';
        *p++ = hex[c >> 4];
        *p++ = hex[c & 0xf];
    }

    return p;
}


/*
 * How many bytes at the begin need no escape in either style, as a multiple of
 * the 8 that are looked at together; bytes are told apart as in strlen()s.
 */

static size_t
ngx_mesh_log_plain(u_char *s, u_char *end)
{
    u_char    *p;
    uint64_t   x, quote, slash, del;

    static const uint64_t  ones = 0x0101010101010101ull;
    static const uint64_t  high = 0x8080808080808080ull;

    for (p = s; end - p >= 8; p += 8) {

        ngx_memcpy(&x, p, 8);

        quote = x ^ ones * '"';
        slash = x ^ ones * '\\';
        del = x ^ ones * 0x7f;

        /* above 0x7f, or less than 0x20, or one of the three */

        if ((x
             | (x - ones * 0x20)
             | (quote - ones)
             | (slash - ones)
             | (del - ones))
            & high)
        {
            break;
        }
    }

    return p - s;
}


/* within the quotes */

static u_char *
ngx_mesh_log_write_json(ngx_str_t *string, u_char *p, u_char *last)
{
    u_char  *s, *end;
    size_t   len;

    s = string->data;
    end = s + string->len;

    len = ngx_mesh_log_plain(s, end);

    if ((size_t) (last - p) < len) {
        return NULL;
    }

    p = ngx_cpymem(p, s, len);
    s += len;

    while (s < end) {

        if (last - p < 6) {
            return NULL;
        }

        if (*s < 0x80) {

            if (*s >= ' ' && *s != '"' && *s != '\\') {
                *p++ = *s++;
                continue;
            }

            p = (u_char *) ngx_escape_json(p, s++, 1);
            continue;
        }

        len = ngx_mesh_log_utf8(s, end);

        if (len == 0) {
            p = ngx_sprintf(p, "\\u00%02xd", (ngx_uint_t) *s++);
            continue;
        }

        p = ngx_cpymem(p, s, len);
        s += len;
    }

    return p;
}


/*
 * The length of the character that begins at "s", which is not ASCII; 0 if it
 * is none (RFC 3629).  ngx_utf8_decode() is not strict enough for JSON parsers.
 */

static size_t
ngx_mesh_log_utf8(u_char *s, u_char *end)
{
    size_t  i, len;
    u_char  low, high;

    low = 0x80;
    high = 0xbf;

    if (*s >= 0xc2 && *s <= 0xdf) {
        len = 2;

    } else if (*s >= 0xe0 && *s <= 0xef) {
        len = 3;
        low = (*s == 0xe0) ? 0xa0 : 0x80;
        high = (*s == 0xed) ? 0x9f : 0xbf;

    } else if (*s >= 0xf0 && *s <= 0xf4) {
        len = 4;
        low = (*s == 0xf0) ? 0x90 : 0x80;
        high = (*s == 0xf4) ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if ((size_t) (end - s) < len || s[1] < low || s[1] > high) {
        return 0;
    }

    for (i = 2; i < len; i++) {
        if (s[i] < 0x80 || s[i] > 0xbf) {
            return 0;
        }
    }

    return len;
}


static u_char *
ngx_mesh_log_write_number(u_char *p, int64_t n)
{
    u_char    *s, digits[NGX_MESH_LOG_NUMBER_LEN];
    uint64_t   u;

    s = digits + sizeof(digits);
    u = n < 0 ? 0 - (uint64_t) n : (uint64_t) n;

    do {
        *--s = (u_char) ('0' + u % 10);
        u /= 10;
    } while (u);

    if (n < 0) {
        *--s = '-';
    }

    return ngx_cpymem(p, s, digits + sizeof(digits) - s);
}
