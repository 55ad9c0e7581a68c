
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Walks a JSON tree along the shapes of ngx_mesh_shapes.c and tells what does
 * not fit, for an operator to read: each violation says what must be and what
 * is there.  The recursion is that of the shapes, none of which holds itself.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"
#include "ngx_mesh_shape.h"


/* how much of a wrong value a message shows */
#define NGX_MESH_SHAPE_SHOWN   64

#define NGX_MESH_SHAPE_REASON  1024


typedef struct {
    ngx_mesh_shape_walk_t   *walk;
    ngx_uint_t               violations;
} ngx_mesh_shape_state_t;


/* the functions below return NGX_OK, or else the walk ends */

static ngx_int_t ngx_mesh_shape_value(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_string(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_enum(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_integer(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_range(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_list(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_size(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value, ngx_uint_t n,
    const char *unit);
static ngx_int_t ngx_mesh_shape_structure(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_required(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value, ngx_uint_t set);
static ngx_int_t ngx_mesh_shape_union(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value, ngx_uint_t set);
static u_char *ngx_mesh_shape_members(u_char *p, u_char *last,
    const ngx_mesh_shape_t *shape, ngx_uint_t set);
static ngx_int_t ngx_mesh_shape_type(ngx_mesh_shape_state_t *st,
    ngx_mesh_json_t *value, const char *expected);
static u_char *ngx_mesh_shape_shown(u_char *p, u_char *last,
    ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_error(ngx_mesh_shape_state_t *st,
    ngx_mesh_json_t *value, u_char *start, u_char *last);
static ngx_int_t ngx_mesh_shape_unknown(ngx_mesh_shape_state_t *st,
    ngx_mesh_json_t *value);


static const char  *ngx_mesh_shape_types[] = {
    "null", "a boolean", "a number", "a string", "a list", "an object"
};


ngx_int_t
ngx_mesh_shape_validate(ngx_mesh_shape_walk_t *walk,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value)
{
    ngx_int_t               rc;
    ngx_mesh_shape_state_t  st;

    st.walk = walk;
    st.violations = 0;

    rc = ngx_mesh_shape_value(&st, shape, value);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    return (rc == NGX_OK && st.violations == 0) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_mesh_shape_value(ngx_mesh_shape_state_t *st, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *value)
{
    value->seen = 1;

    switch (shape->type) {

    case NGX_MESH_SHAPE_STRING:
        return ngx_mesh_shape_string(st, shape, value);

    case NGX_MESH_SHAPE_INTEGER:
    case NGX_MESH_SHAPE_LONG:
        return ngx_mesh_shape_integer(st, shape, value);

    case NGX_MESH_SHAPE_BOOLEAN:

        if (value->type != NGX_MESH_JSON_BOOLEAN) {
            return ngx_mesh_shape_type(st, value, "true or false");
        }

        return NGX_OK;

    case NGX_MESH_SHAPE_LIST:
        return ngx_mesh_shape_list(st, shape, value);

    case NGX_MESH_SHAPE_STRUCTURE:
        return ngx_mesh_shape_structure(st, shape, value);

    default: /* NGX_MESH_SHAPE_ANY */
        return NGX_OK;
    }
}


static ngx_int_t
ngx_mesh_shape_string(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value)
{
    u_char      *p, *last, buf[NGX_MESH_SHAPE_REASON];
    ngx_int_t    rc;
    ngx_str_t   *s;
    ngx_uint_t   n;

    if (value->type != NGX_MESH_JSON_STRING) {
        return ngx_mesh_shape_type(st, value, "a string");
    }

    if (shape->values) {
        return ngx_mesh_shape_enum(st, shape, value);
    }

    s = &value->u.string;

    if (shape->flags & (NGX_MESH_SHAPE_HAS_MIN|NGX_MESH_SHAPE_HAS_MAX)) {

        /* the model counts characters */

        n = ngx_utf8_length(s->data, s->len);

        rc = ngx_mesh_shape_size(st, shape, value, n, "character");
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (shape->test == NULL || shape->test(s)) {
        return NGX_OK;
    }

    last = buf + sizeof(buf);

    p = ngx_slprintf(buf, last, "must match %s (is ", shape->pattern);
    p = ngx_mesh_shape_shown(p, last, value);
    p = ngx_slprintf(p, last, ")");

    return ngx_mesh_shape_error(st, value, buf, p);
}


static ngx_int_t
ngx_mesh_shape_enum(ngx_mesh_shape_state_t *st, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *value)
{
    u_char      *p, *last, buf[NGX_MESH_SHAPE_REASON];
    ngx_str_t   *s;
    ngx_uint_t   i;

    s = &value->u.string;

    for (i = 0; shape->values[i]; i++) {
        if (s->len == ngx_strlen(shape->values[i])
            && ngx_memcmp(s->data, shape->values[i], s->len) == 0)
        {
            return NGX_OK;
        }
    }

    last = buf + sizeof(buf);

    p = ngx_slprintf(buf, last, (i == 1) ? "must be" : "must be one of");

    for (i = 0; shape->values[i]; i++) {
        p = ngx_slprintf(p, last, "%s \"%s\"", i ? "," : "", shape->values[i]);
    }

    p = ngx_slprintf(p, last, " (is ");
    p = ngx_mesh_shape_shown(p, last, value);
    p = ngx_slprintf(p, last, ")");

    return ngx_mesh_shape_error(st, value, buf, p);
}


/*
 * Only a number written without fraction and exponent is an integer: "5.0" and
 * "1e3" are not, as for the AWS API.
 */

static ngx_int_t
ngx_mesh_shape_integer(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value)
{
    size_t      i;
    u_char      c;
    int64_t     n, min, max;
    ngx_str_t  *s;

    if (value->type != NGX_MESH_JSON_NUMBER) {
        return ngx_mesh_shape_type(st, value, "an integer");
    }

    s = &value->u.string;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if ((c < '0' || c > '9') && c != '-') {
            return ngx_mesh_shape_type(st, value, "an integer");
        }
    }

    if (shape->type == NGX_MESH_SHAPE_INTEGER) {
        min = INT32_MIN;
        max = INT32_MAX;

    } else {
        min = INT64_MIN;
        max = INT64_MAX;
    }

    if (shape->flags & NGX_MESH_SHAPE_HAS_MIN) {
        min = shape->min;
    }

    if (shape->flags & NGX_MESH_SHAPE_HAS_MAX) {
        max = shape->max;
    }

    if (ngx_mesh_json_integer(value, &n) == NGX_OK && n >= min && n <= max) {
        return NGX_OK;
    }

    return ngx_mesh_shape_range(st, shape, value);
}


static ngx_int_t
ngx_mesh_shape_range(ngx_mesh_shape_state_t *st, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *value)
{
    u_char   *p, *last, buf[NGX_MESH_SHAPE_REASON];
    int64_t   n;

    last = buf + sizeof(buf);

    if ((shape->flags & NGX_MESH_SHAPE_HAS_MIN)
        && (shape->flags & NGX_MESH_SHAPE_HAS_MAX))
    {
        p = ngx_slprintf(buf, last, "must be at least %L and at most %L (is ",
                         shape->min, shape->max);

    } else if ((shape->flags & NGX_MESH_SHAPE_HAS_MIN)
               && (value->u.string.data[0] == '-'
                   || (ngx_mesh_json_integer(value, &n) == NGX_OK
                       && n < shape->min)))
    {
        p = ngx_slprintf(buf, last, "must be at least %L (is ", shape->min);

    } else {
        p = ngx_slprintf(buf, last, "must fit into %d bits (is ",
                         (shape->type == NGX_MESH_SHAPE_INTEGER) ? 32 : 64);
    }

    p = ngx_mesh_shape_shown(p, last, value);
    p = ngx_slprintf(p, last, ")");

    return ngx_mesh_shape_error(st, value, buf, p);
}


static ngx_int_t
ngx_mesh_shape_list(ngx_mesh_shape_state_t *st, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *value)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *v;

    if (value->type != NGX_MESH_JSON_ARRAY) {
        return ngx_mesh_shape_type(st, value, "a list");
    }

    rc = ngx_mesh_shape_size(st, shape, value, value->nelts, "element");
    if (rc != NGX_DECLINED) {
        return rc;
    }

    for (v = value->u.child.first; v; v = v->next) {
        rc = ngx_mesh_shape_value(st, shape->element, v);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/*
 * The bounds of a string or a list.  NGX_DECLINED if they are kept, so that the
 * caller looks further; one violation a value is enough.
 */

static ngx_int_t
ngx_mesh_shape_size(ngx_mesh_shape_state_t *st, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *value, ngx_uint_t n, const char *unit)
{
    u_char   *p, *last, buf[NGX_MESH_SHAPE_REASON];
    int64_t   size;

    size = (int64_t) n;
    last = buf + sizeof(buf);

    if ((shape->flags & NGX_MESH_SHAPE_HAS_MAX) && size > shape->max) {
        p = ngx_slprintf(buf, last, "must have at most %L %s%s (has %L)",
                         shape->max, unit, (shape->max == 1) ? "" : "s", size);

    } else if ((shape->flags & NGX_MESH_SHAPE_HAS_MIN) && size < shape->min) {

        if (size == 0) {
            p = ngx_slprintf(buf, last, "must not be empty");

        } else {
            p = ngx_slprintf(buf, last, "must have at least %L %ss (has %L)",
                             shape->min, unit, size);
        }

    } else {
        return NGX_DECLINED;
    }

    return ngx_mesh_shape_error(st, value, buf, p);
}


static ngx_int_t
ngx_mesh_shape_structure(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value)
{
    ngx_int_t                 rc;
    ngx_uint_t                set;
    ngx_mesh_json_t          *v;
    const ngx_mesh_member_t  *m;

    if (value->type != NGX_MESH_JSON_OBJECT) {
        return ngx_mesh_shape_type(st, value, "an object");
    }

    set = 0;

    for (v = value->u.child.first; v; v = v->next) {

        for (m = shape->members; m->name; m++) {
            if (v->name.len == ngx_strlen(m->name)
                && ngx_memcmp(v->name.data, m->name, v->name.len) == 0)
            {
                break;
            }
        }

        if (m->name == NULL) {
            rc = ngx_mesh_shape_unknown(st, v);

        } else if (v->type == NGX_MESH_JSON_NULL) {
            v->seen = 1;
            rc = NGX_OK;

        } else {
            set |= (ngx_uint_t) 1 << (m - shape->members);
            rc = ngx_mesh_shape_value(st, m->shape, v);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (shape->flags & NGX_MESH_SHAPE_UNION) {
        return ngx_mesh_shape_union(st, shape, value, set);
    }

    return ngx_mesh_shape_required(st, shape, value, set);
}


/* "set" has a bit for each member that is there, as in shape->members */

static ngx_int_t
ngx_mesh_shape_required(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value, ngx_uint_t set)
{
    u_char                   *p, buf[NGX_MESH_SHAPE_REASON];
    ngx_int_t                 rc;
    const ngx_mesh_member_t  *m;

    for (m = shape->members; m->name; m++, set >>= 1) {

        if (!m->required || (set & 1)) {
            continue;
        }

        p = ngx_slprintf(buf, buf + sizeof(buf), "must have \"%s\"", m->name);

        rc = ngx_mesh_shape_error(st, value, buf, p);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_shape_union(ngx_mesh_shape_state_t *st, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *value, ngx_uint_t set)
{
    u_char  *p, *last, buf[NGX_MESH_SHAPE_REASON];

    if (set && (set & (set - 1)) == 0) {
        return NGX_OK;
    }

    last = buf + sizeof(buf);

    if (shape->members[1].name == NULL) {
        p = ngx_slprintf(buf, last, "must have");
        p = ngx_mesh_shape_members(p, last, shape, 1);

    } else {
        p = ngx_slprintf(buf, last, "must have exactly one of");
        p = ngx_mesh_shape_members(p, last, shape, NGX_MAX_UINT32_VALUE);
    }

    if (set) {
        p = ngx_slprintf(p, last, " (has");
        p = ngx_mesh_shape_members(p, last, shape, set);
        p = ngx_slprintf(p, last, ")");
    }

    return ngx_mesh_shape_error(st, value, buf, p);
}


static u_char *
ngx_mesh_shape_members(u_char *p, u_char *last, const ngx_mesh_shape_t *shape,
    ngx_uint_t set)
{
    const char               *comma;
    const ngx_mesh_member_t  *m;

    comma = "";

    for (m = shape->members; m->name; m++, set >>= 1) {

        if (set & 1) {
            p = ngx_slprintf(p, last, "%s \"%s\"", comma, m->name);
            comma = ",";
        }
    }

    return p;
}


static ngx_int_t
ngx_mesh_shape_type(ngx_mesh_shape_state_t *st, ngx_mesh_json_t *value,
    const char *expected)
{
    u_char  *p, *last, buf[NGX_MESH_SHAPE_REASON];

    last = buf + sizeof(buf);

    p = ngx_slprintf(buf, last, "must be %s (is ", expected);

    if (value->type == NGX_MESH_JSON_NUMBER) {
        p = ngx_mesh_shape_shown(p, last, value);

    } else {
        p = ngx_slprintf(p, last, "%s", ngx_mesh_shape_types[value->type]);
    }

    p = ngx_slprintf(p, last, ")");

    return ngx_mesh_shape_error(st, value, buf, p);
}


/* a number or string as it is in the document, cut if it is long */

static u_char *
ngx_mesh_shape_shown(u_char *p, u_char *last, ngx_mesh_json_t *value)
{
    size_t      len;
    u_char     *end, *quote, buf[NGX_MESH_SHAPE_SHOWN * 6];
    ngx_str_t  *s;

    s = &value->u.string;
    len = s->len;

    if (len > NGX_MESH_SHAPE_SHOWN) {
        len = NGX_MESH_SHAPE_SHOWN;

        while (len && (s->data[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    end = (u_char *) ngx_escape_json(buf, s->data, len);
    quote = (u_char *) ((value->type == NGX_MESH_JSON_STRING) ? "\"" : "");

    return ngx_slprintf(p, last, "%s%*s%s%s", quote, (size_t) (end - buf), buf,
                        (len < s->len) ? "..." : "", quote);
}


static ngx_int_t
ngx_mesh_shape_error(ngx_mesh_shape_state_t *st, ngx_mesh_json_t *value,
    u_char *start, u_char *last)
{
    ngx_str_t  *reason;

    reason = ngx_palloc(st->walk->pool, sizeof(ngx_str_t));
    if (reason == NULL) {
        return NGX_ERROR;
    }

    reason->len = last - start;

    reason->data = ngx_pnalloc(st->walk->pool, reason->len);
    if (reason->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(reason->data, start, reason->len);

    st->violations++;

    if (st->walk->error(st->walk->data, value, reason) != NGX_OK) {
        return NGX_DONE;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_shape_unknown(ngx_mesh_shape_state_t *st, ngx_mesh_json_t *value)
{
    ngx_str_t  reason = ngx_string("is unknown");

    if (st->walk->unknown == NULL) {
        return NGX_OK;
    }

    if (st->walk->unknown(st->walk->data, value, &reason) != NGX_OK) {
        return NGX_DONE;
    }

    return NGX_OK;
}
