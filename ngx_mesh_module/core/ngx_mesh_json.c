
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The tree of a JSON document: looking into it, building it, naming a place in
 * it, and writing it down again.  Reading is ngx_mesh_json_reader.c.
 *
 * Nothing here recurses, so the depth of a tree does not matter.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"


/* a longer member name is cut in a path */
#define NGX_MESH_JSON_PATH_NAME  255


static size_t ngx_mesh_json_segment(u_char *p, ngx_mesh_json_t *value);
static ngx_uint_t ngx_mesh_json_plain_name(ngx_str_t *name);
static size_t ngx_mesh_json_put_tree(u_char *p, ngx_mesh_json_t *root);
static size_t ngx_mesh_json_put_value(u_char *p, ngx_mesh_json_t *value,
    ngx_uint_t named);
static size_t ngx_mesh_json_put_string(u_char *p, ngx_str_t *s);
static size_t ngx_mesh_json_put(u_char *p, const char *s, size_t len);


ngx_mesh_json_t *
ngx_mesh_json_get(ngx_mesh_json_t *object, const char *name)
{
    size_t            len;
    ngx_mesh_json_t  *value;

    if (object == NULL || object->type != NGX_MESH_JSON_OBJECT) {
        return NULL;
    }

    len = ngx_strlen(name);

    for (value = object->u.child.first; value; value = value->next) {

        if (value->name.len == len
            && ngx_memcmp(value->name.data, name, len) == 0)
        {
            return (value->type == NGX_MESH_JSON_NULL) ? NULL : value;
        }
    }

    return NULL;
}


ngx_int_t
ngx_mesh_json_integer(ngx_mesh_json_t *value, int64_t *n)
{
    u_char      *p, *last;
    uint64_t     abs, max;
    ngx_uint_t   negative;

    if (value->type != NGX_MESH_JSON_NUMBER || value->u.string.len == 0) {
        return NGX_ERROR;
    }

    p = value->u.string.data;
    last = p + value->u.string.len;

    negative = (*p == '-');
    max = (uint64_t) INT64_MAX + negative;
    abs = 0;

    p += negative;

    if (p == last) {
        return NGX_ERROR;
    }

    for ( /* void */ ; p < last; p++) {

        if (*p < '0' || *p > '9' || abs > (max - (*p - '0')) / 10) {
            return NGX_ERROR;
        }

        abs = abs * 10 + (*p - '0');
    }

    *n = (int64_t) (negative ? 0 - abs : abs);

    return NGX_OK;
}


ngx_mesh_json_t *
ngx_mesh_json_add(ngx_pool_t *pool, ngx_mesh_json_t *parent, const char *name,
    ngx_mesh_json_type_e type)
{
    ngx_mesh_json_t  *value;

    value = ngx_pcalloc(pool, sizeof(ngx_mesh_json_t));
    if (value == NULL) {
        return NULL;
    }

    value->type = type;
    value->parent = parent;

    if (name) {
        value->name.data = (u_char *) name;
        value->name.len = ngx_strlen(name);
    }

    if (parent == NULL) {
        return value;
    }

    /* until the caller knows better, it was written where its parent was */
    value->source = parent->source;

    if (parent->u.child.last) {
        parent->u.child.last->next = value;

    } else {
        parent->u.child.first = value;
    }

    parent->u.child.last = value;
    parent->nelts++;

    return value;
}


ngx_mesh_json_t *
ngx_mesh_json_add_string(ngx_pool_t *pool, ngx_mesh_json_t *parent,
    const char *name, ngx_str_t *string)
{
    ngx_mesh_json_t  *value;

    value = ngx_mesh_json_add(pool, parent, name, NGX_MESH_JSON_STRING);

    if (value) {
        value->u.string = *string;
    }

    return value;
}


ngx_mesh_json_t *
ngx_mesh_json_add_number(ngx_pool_t *pool, ngx_mesh_json_t *parent,
    const char *name, int64_t number)
{
    u_char           *p;
    ngx_mesh_json_t  *value;

    p = ngx_pnalloc(pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NULL;
    }

    value = ngx_mesh_json_add(pool, parent, name, NGX_MESH_JSON_NUMBER);

    if (value) {
        value->u.string.data = p;
        value->u.string.len = ngx_sprintf(p, "%L", number) - p;
    }

    return value;
}


ngx_mesh_json_t *
ngx_mesh_json_add_boolean(ngx_pool_t *pool, ngx_mesh_json_t *parent,
    const char *name, ngx_uint_t boolean)
{
    ngx_mesh_json_t  *value;

    value = ngx_mesh_json_add(pool, parent, name, NGX_MESH_JSON_BOOLEAN);

    if (value) {
        value->boolean = boolean ? 1 : 0;
    }

    return value;
}


ngx_int_t
ngx_mesh_json_path(ngx_pool_t *pool, ngx_mesh_json_t *value, ngx_str_t *path)
{
    size_t            len;
    u_char           *p;
    ngx_mesh_json_t  *v;

    len = 0;

    for (v = value; v->parent; v = v->parent) {
        len += ngx_mesh_json_segment(NULL, v);
    }

    path->len = len;

    path->data = ngx_pnalloc(pool, len);
    if (path->data == NULL) {
        return NGX_ERROR;
    }

    /* from the end, as this is the way the parents are met */

    p = path->data + len;

    for (v = value; v->parent; v = v->parent) {
        p -= ngx_mesh_json_segment(NULL, v);
        (void) ngx_mesh_json_segment(p, v);
    }

    return NGX_OK;
}


/*
 * "name", ".name", "["a.name"]" or "[3]".  Like all writers below, it returns
 * the length and writes only if "p" is not NULL.
 */

static size_t
ngx_mesh_json_segment(u_char *p, ngx_mesh_json_t *value)
{
    size_t            len;
    ngx_str_t         name;
    ngx_uint_t        n;
    ngx_mesh_json_t  *v;
    u_char            buf[NGX_INT_T_LEN + sizeof("[]")];

    if (value->parent->type == NGX_MESH_JSON_ARRAY) {

        n = 0;

        for (v = value->parent->u.child.first; v && v != value; v = v->next) {
            n++;
        }

        len = ngx_sprintf(buf, "[%ui]", n) - buf;

        return ngx_mesh_json_put(p, (char *) buf, len);
    }

    name = value->name;

    if (name.len > NGX_MESH_JSON_PATH_NAME) {
        name.len = NGX_MESH_JSON_PATH_NAME;

        while (name.len && (name.data[name.len] & 0xc0) == 0x80) {
            name.len--;
        }
    }

    if (!ngx_mesh_json_plain_name(&name)) {
        len = ngx_mesh_json_put(p, "[", 1);
        len += ngx_mesh_json_put_string(p ? p + len : NULL, &name);
        len += ngx_mesh_json_put(p ? p + len : NULL, "]", 1);

        return len;
    }

    len = value->parent->parent ? ngx_mesh_json_put(p, ".", 1) : 0;

    return len + ngx_mesh_json_put(p ? p + len : NULL, (char *) name.data,
                                   name.len);
}


static ngx_uint_t
ngx_mesh_json_plain_name(ngx_str_t *name)
{
    u_char  *p, *last, c;

    last = name->data + name->len;

    for (p = name->data; p < last; p++) {

        c = (u_char) (*p | 0x20);

        if ((c < 'a' || c > 'z') && (*p < '0' || *p > '9')
            && *p != '-' && *p != '_')
        {
            return 0;
        }
    }

    return name->len != 0;
}


ngx_int_t
ngx_mesh_json_print(ngx_pool_t *pool, ngx_mesh_json_t *value, ngx_str_t *text)
{
    text->len = ngx_mesh_json_put_tree(NULL, value);

    text->data = ngx_pnalloc(pool, text->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_mesh_json_put_tree(text->data, value);

    return NGX_OK;
}


static size_t
ngx_mesh_json_put_tree(u_char *p, ngx_mesh_json_t *root)
{
    size_t            len;
    ngx_mesh_json_t  *v;

    len = 0;
    v = root;

    for ( ;; ) {
        len += ngx_mesh_json_put_value(p ? p + len : NULL, v, v != root);

        if (v->type >= NGX_MESH_JSON_ARRAY && v->nelts) {
            v = v->u.child.first;
            continue;
        }

        /* up to where something follows */

        while (v != root && v->next == NULL) {
            v = v->parent;

            len += ngx_mesh_json_put(p ? p + len : NULL,
                                     (v->type == NGX_MESH_JSON_ARRAY) ? "]"
                                                                      : "}",
                                     1);
        }

        if (v == root) {
            return len;
        }

        len += ngx_mesh_json_put(p ? p + len : NULL, ",", 1);
        v = v->next;
    }
}


/* a value with its name; of an array or object only how it begins */

static size_t
ngx_mesh_json_put_value(u_char *p, ngx_mesh_json_t *value, ngx_uint_t named)
{
    size_t  len;

    len = 0;

    if (named && value->parent->type == NGX_MESH_JSON_OBJECT) {
        len = ngx_mesh_json_put_string(p, &value->name);
        len += ngx_mesh_json_put(p ? p + len : NULL, ":", 1);

        p = p ? p + len : NULL;
    }

    switch (value->type) {

    case NGX_MESH_JSON_BOOLEAN:

        if (value->boolean) {
            return len + ngx_mesh_json_put(p, "true", 4);
        }

        return len + ngx_mesh_json_put(p, "false", 5);

    case NGX_MESH_JSON_NUMBER:
        return len + ngx_mesh_json_put(p, (char *) value->u.string.data,
                                       value->u.string.len);

    case NGX_MESH_JSON_STRING:
        return len + ngx_mesh_json_put_string(p, &value->u.string);

    case NGX_MESH_JSON_ARRAY:
        return len + ngx_mesh_json_put(p, "[]", value->nelts ? 1 : 2);

    case NGX_MESH_JSON_OBJECT:
        return len + ngx_mesh_json_put(p, "{}", value->nelts ? 1 : 2);

    default: /* NGX_MESH_JSON_NULL */
        return len + ngx_mesh_json_put(p, "null", 4);
    }
}


static size_t
ngx_mesh_json_put_string(u_char *p, ngx_str_t *s)
{
    size_t  len;

    if (p) {
        *p++ = '"';
        p = (u_char *) ngx_escape_json(p, s->data, s->len);
        *p = '"';
    }

    len = s->len + ngx_escape_json(NULL, s->data, s->len);

    return len + 2;
}


static size_t
ngx_mesh_json_put(u_char *p, const char *s, size_t len)
{
    if (p) {
        ngx_memcpy(p, s, len);
    }

    return len;
}
