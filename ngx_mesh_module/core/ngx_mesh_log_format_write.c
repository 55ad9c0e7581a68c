
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
#include "ngx_mesh_text.h"


static void ngx_mesh_log_value(ngx_mesh_log_op_t *op, size_t cut,
    ngx_mesh_log_value_pt get, void *data, ngx_mesh_log_value_t *value);
static u_char *ngx_mesh_log_write_literal(ngx_str_t *literal, u_char *p,
    u_char *last);
static u_char *ngx_mesh_log_write_op(ngx_mesh_log_op_t *op,
    ngx_mesh_log_value_t *value, u_char *p, u_char *last);
static u_char *ngx_mesh_log_write_time(ngx_mesh_log_op_t *op, int64_t ms,
    u_char *p, u_char *last);
static u_char *ngx_mesh_log_write_string(ngx_mesh_log_op_t *op,
    ngx_mesh_log_value_t *value, u_char *p, u_char *last);
static u_char *ngx_mesh_log_write_text(ngx_str_t *string, u_char *p,
    u_char *last);
static u_char *ngx_mesh_log_write_json(ngx_str_t *string, u_char *p,
    u_char *last);
static size_t ngx_mesh_log_utf8(u_char *s, u_char *end);


u_char *
ngx_mesh_log_format_write(ngx_mesh_log_format_t *format, u_char *p,
    u_char *last, size_t cut, ngx_mesh_log_value_pt get, void *data)
{
    ngx_mesh_log_op_t     *op, *end;
    ngx_mesh_log_value_t   value;

    end = format->ops + format->nops;

    for (op = format->ops; op < end; op++) {

        if (op->before.len) {
            p = ngx_mesh_log_write_literal(&op->before, p, last);

            if (p == NULL) {
                return NULL;
            }
        }

        if (op->value.op == NGX_MESH_LOG_LITERAL) {
            continue;
        }

        ngx_mesh_log_value(op, cut, get, data, &value);

        p = ngx_mesh_log_write_op(op, &value, p, last);

        if (p == NULL) {
            return NULL;
        }
    }

    return p;
}


/* most are a few bytes, for which memcpy() costs more than the copy */

static u_char *
ngx_mesh_log_write_literal(ngx_str_t *literal, u_char *p, u_char *last)
{
    u_char  *s, *end;
    size_t   len;

    s = literal->data;
    len = literal->len;

    if ((size_t) (last - p) < len + NGX_MESH_LOG_STEP) {

        if ((size_t) (last - p) < len) {
            return NULL;
        }

        return ngx_cpymem(p, s, len);
    }

    end = p + len;

    for ( ;; ) {
        ngx_memcpy(p, s, NGX_MESH_LOG_STEP);

        p += NGX_MESH_LOG_STEP;
        s += NGX_MESH_LOG_STEP;

        if (p >= end) {
            return end;
        }
    }
}


static void
ngx_mesh_log_value(ngx_mesh_log_op_t *op, size_t cut,
    ngx_mesh_log_value_pt get, void *data, ngx_mesh_log_value_t *value)
{
    value->type = NGX_MESH_LOG_MISSING;

    if (op->value.op == NGX_MESH_LOG_NOTHING) {
        return;
    }

    get(data, &op->value, value);

    if (value->type == NGX_MESH_LOG_MISSING
        && op->other.op != NGX_MESH_LOG_LITERAL)
    {
        get(data, &op->other, value);
    }

    if (value->type == NGX_MESH_LOG_VALUE_NUMBER
        || value->type == NGX_MESH_LOG_MISSING)
    {
        return;
    }

    cut = ngx_min(cut, op->length);
    value->string.len = ngx_min(value->string.len, cut);
}


static u_char *
ngx_mesh_log_write_op(ngx_mesh_log_op_t *op, ngx_mesh_log_value_t *value,
    u_char *p, u_char *last)
{
    if (value->type == NGX_MESH_LOG_VALUE_STRING
        || value->type == NGX_MESH_LOG_VALUE_PLAIN)
    {
        return ngx_mesh_log_write_string(op, value, p, last);
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

    if (ngx_mesh_log_is_time(op->value.op)) {
        return ngx_mesh_log_write_time(op, value->number, p, last);
    }

    if ((size_t) (last - p) < NGX_MESH_TEXT_NUMBER_LEN) {
        return NULL;
    }

    return ngx_mesh_text_number(p, value->number);
}


static u_char *
ngx_mesh_log_write_time(ngx_mesh_log_op_t *op, int64_t ms, u_char *p,
    u_char *last)
{
    u_char                 time[NGX_MESH_LOG_TIME_LEN];
    ngx_uint_t             quoted;
    ngx_mesh_log_value_t   value;

    if (op->value.text.len) {
        value.type = NGX_MESH_LOG_VALUE_STRING;
        value.string.data = time;
        value.string.len = ngx_mesh_log_time_write(time, &op->value.text, ms)
                           - time;

        return ngx_mesh_log_write_string(op, &value, p, last);
    }

    /* the default has nothing to escape */

    if (last - p < (ssize_t) NGX_MESH_LOG_TIME_DEFAULT_LEN + 2) {
        return NULL;
    }

    quoted = (op->style == NGX_MESH_LOG_JSON);

    if (quoted) {
        *p++ = '"';
    }

    p = ngx_mesh_log_time_write(p, &op->value.text, ms);

    if (quoted) {
        *p++ = '"';
    }

    return p;
}


static ngx_inline u_char *
ngx_mesh_log_write_string(ngx_mesh_log_op_t *op, ngx_mesh_log_value_t *value,
    u_char *p, u_char *last)
{
    ngx_str_t   *string;
    ngx_uint_t   quoted;

    string = &value->string;
    quoted = (op->style == NGX_MESH_LOG_JSON);

    if ((size_t) (last - p) < string->len + 2) {
        return NULL;
    }

    if (quoted) {
        *p++ = '"';
        last--;
    }

    if (value->type == NGX_MESH_LOG_VALUE_PLAIN) {
        p = ngx_cpymem(p, string->data, string->len);

    } else if (ngx_mesh_text_plain(p, string->data, string->len)) {
        p += string->len;

    } else if (op->style == NGX_MESH_LOG_TEXT) {
        p = ngx_mesh_log_write_text(string, p, last);

    } else {
        p = ngx_mesh_log_write_json(string, p, last);
    }

    if (p && quoted) {
        *p++ = '"';
    }

    return p;
}


static u_char *
ngx_mesh_log_write_text(ngx_str_t *string, u_char *p, u_char *last)
{
    u_char  *s, *end, c;

    static u_char  hex[] = "0123456789ABCDEF";

    s = string->data;
    end = s + string->len;

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


/* within the quotes */

static u_char *
ngx_mesh_log_write_json(ngx_str_t *string, u_char *p, u_char *last)
{
    u_char  *s, *end;
    size_t   len;

    s = string->data;
    end = s + string->len;

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
            p = ngx_sprintf(p, "\\u00%02xi", (ngx_int_t) *s++);
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
