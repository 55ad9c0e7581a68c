
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Parts of a JSON text without a tree of it: a cursor that steps over values.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"
#include "ngx_mesh_scan.h"


static ngx_int_t ngx_mesh_scan_member(ngx_str_t *object, const char *name,
    size_t len, ngx_str_t *value);
static u_char *ngx_mesh_scan_space(u_char *p, u_char *last);
static u_char *ngx_mesh_scan_value(u_char *p, u_char *last);
static u_char *ngx_mesh_scan_quoted(u_char *p, u_char *last);


ngx_int_t
ngx_mesh_scan_find(ngx_str_t *value, const char *path, ngx_str_t *found)
{
    size_t       len;
    ngx_str_t    at;
    const char  *end;

    at = *value;

    for ( ;; ) {
        end = ngx_strchr(path, '.');
        len = end ? (size_t) (end - path) : ngx_strlen(path);

        if (ngx_mesh_scan_member(&at, path, len, &at) != NGX_OK) {
            return NGX_DECLINED;
        }

        if (end == NULL) {
            *found = at;
            return NGX_OK;
        }

        path = end + 1;
    }
}


/* names are compared as written: none that is asked for is escaped */

static ngx_int_t
ngx_mesh_scan_member(ngx_str_t *object, const char *name, size_t len,
    ngx_str_t *value)
{
    u_char  *p, *last, *key, *key_end;

    last = object->data + object->len;
    p = ngx_mesh_scan_space(object->data, last);

    if (p == last || *p != '{') {
        return NGX_DECLINED;
    }

    do {
        key = ngx_mesh_scan_space(p + 1, last);

        if (key == last || *key != '"') {
            return NGX_DECLINED;
        }

        key_end = ngx_mesh_scan_quoted(key, last);
        p = ngx_mesh_scan_space(key_end, last);

        if (p == last || *p != ':') {
            return NGX_DECLINED;
        }

        p = ngx_mesh_scan_space(p + 1, last);
        value->data = p;
        p = ngx_mesh_scan_value(p, last);

        if ((size_t) (key_end - key) == len + 2
            && ngx_memcmp(key + 1, name, len) == 0)
        {
            value->len = p - value->data;
            return value->len ? NGX_OK : NGX_DECLINED;
        }

        p = ngx_mesh_scan_space(p, last);

    } while (p < last && *p == ',');

    return NGX_DECLINED;
}


ngx_int_t
ngx_mesh_scan_next(ngx_str_t *rest, ngx_str_t *element)
{
    u_char  *p, *last;

    last = rest->data + rest->len;
    p = ngx_mesh_scan_space(rest->data, last);

    /* "[" before the first element, "," before the others, "]" in the end */

    if (p == last || (*p != '[' && *p != ',')) {
        return NGX_DONE;
    }

    p = ngx_mesh_scan_space(p + 1, last);

    element->data = p;
    p = ngx_mesh_scan_value(p, last);
    element->len = p - element->data;

    rest->data = p;
    rest->len = last - p;

    return element->len ? NGX_OK : NGX_DONE;
}


ngx_int_t
ngx_mesh_scan_string(ngx_pool_t *pool, ngx_str_t *value, ngx_str_t *string)
{
    ngx_str_t                error, text;
    ngx_mesh_json_t         *json;
    ngx_mesh_json_limits_t   limits;

    if (value->len < 2 || value->data[0] != '"') {
        return NGX_DECLINED;
    }

    text = *value;

    string->data = text.data + 1;
    string->len = text.len - 2;

    if (ngx_strlchr(string->data, string->data + string->len, '\\') == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&limits, sizeof(ngx_mesh_json_limits_t));

    json = ngx_mesh_json_parse(pool, &limits, &text, &error);

    if (json == NULL || json->type != NGX_MESH_JSON_STRING) {
        return NGX_DECLINED;
    }

    *string = json->u.string;

    return NGX_OK;
}


static u_char *
ngx_mesh_scan_space(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == LF || *p == CR || *p == '\t')) {
        p++;
    }

    return p;
}


/* behind the value at "p"; "p" itself if there is none */

static u_char *
ngx_mesh_scan_value(u_char *p, u_char *last)
{
    ngx_uint_t  depth;

    depth = 0;

    while (p < last) {

        switch (*p) {

        case '"':
            p = ngx_mesh_scan_quoted(p, last);
            break;

        case '{':
        case '[':
            depth++;
            p++;
            break;

        case '}':
        case ']':
            if (depth == 0) {
                return p;
            }

            depth--;
            p++;
            break;

        case ',':
            if (depth == 0) {
                return p;
            }

            p++;
            continue;

        default:
            p++;
            continue;
        }

        if (depth == 0) {
            return p;
        }
    }

    return last;
}


/* behind the string that begins at "p" with its quote */

static u_char *
ngx_mesh_scan_quoted(u_char *p, u_char *last)
{
    for (p++; p < last; p++) {

        if (*p == '"') {
            return p + 1;
        }

        if (*p == '\\') {
            p++;
        }
    }

    return last;
}
