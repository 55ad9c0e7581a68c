
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Walks a JSON tree along the shapes of ngx_mesh_shapes.c and reports what does
 * not fit, one violation a value.  Words are found by those who visit: see
 * ngx_mesh_shape_words.c for documents.  The recursion is that of the shapes,
 * none of which holds itself.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"
#include "ngx_mesh_shape.h"


typedef struct {
    ngx_mesh_shape_visitor_t  *visitor;
    ngx_uint_t                 violations;
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
static ngx_int_t ngx_mesh_shape_list(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_size(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value, ngx_uint_t n);
static ngx_int_t ngx_mesh_shape_structure(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_required(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value, ngx_uint_t set);
static ngx_int_t ngx_mesh_shape_union(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value, ngx_uint_t set);
static ngx_int_t ngx_mesh_shape_wrong(ngx_mesh_shape_state_t *st,
    ngx_mesh_violation_e type, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_shape_report(ngx_mesh_shape_state_t *st,
    ngx_mesh_violation_t *violation);


ngx_int_t
ngx_mesh_shape_visit(ngx_mesh_shape_visitor_t *visitor,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value)
{
    ngx_int_t               rc;
    ngx_mesh_shape_state_t  st;

    st.visitor = visitor;
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
            return ngx_mesh_shape_wrong(st, NGX_MESH_VIOLATION_TYPE, shape,
                                        value);
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
    ngx_int_t   rc;
    ngx_str_t  *s;

    if (value->type != NGX_MESH_JSON_STRING) {
        return ngx_mesh_shape_wrong(st, NGX_MESH_VIOLATION_TYPE, shape, value);
    }

    if (shape->values) {
        return ngx_mesh_shape_enum(st, shape, value);
    }

    s = &value->u.string;

    if (shape->flags & (NGX_MESH_SHAPE_HAS_MIN|NGX_MESH_SHAPE_HAS_MAX)) {

        /* the model counts characters */

        rc = ngx_mesh_shape_size(st, shape, value,
                                 ngx_utf8_length(s->data, s->len));
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (shape->test == NULL || shape->test(s)) {
        return NGX_OK;
    }

    return ngx_mesh_shape_wrong(st, NGX_MESH_VIOLATION_PATTERN, shape, value);
}


static ngx_int_t
ngx_mesh_shape_enum(ngx_mesh_shape_state_t *st, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *value)
{
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

    return ngx_mesh_shape_wrong(st, NGX_MESH_VIOLATION_ENUM, shape, value);
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
        return ngx_mesh_shape_wrong(st, NGX_MESH_VIOLATION_TYPE, shape, value);
    }

    s = &value->u.string;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if ((c < '0' || c > '9') && c != '-') {
            return ngx_mesh_shape_wrong(st, NGX_MESH_VIOLATION_TYPE, shape,
                                        value);
        }
    }

    ngx_mesh_shape_bounds(shape, &min, &max);

    if (ngx_mesh_json_integer(value, &n) == NGX_OK && n >= min && n <= max) {
        return NGX_OK;
    }

    return ngx_mesh_shape_wrong(st, NGX_MESH_VIOLATION_RANGE, shape, value);
}


void
ngx_mesh_shape_bounds(const ngx_mesh_shape_t *shape, int64_t *min,
    int64_t *max)
{
    if (shape->type == NGX_MESH_SHAPE_INTEGER) {
        *min = INT32_MIN;
        *max = INT32_MAX;

    } else {
        *min = INT64_MIN;
        *max = INT64_MAX;
    }

    if (shape->flags & NGX_MESH_SHAPE_HAS_MIN) {
        *min = shape->min;
    }

    if (shape->flags & NGX_MESH_SHAPE_HAS_MAX) {
        *max = shape->max;
    }
}


static ngx_int_t
ngx_mesh_shape_list(ngx_mesh_shape_state_t *st, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *value)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *v;

    if (value->type != NGX_MESH_JSON_ARRAY) {
        return ngx_mesh_shape_wrong(st, NGX_MESH_VIOLATION_TYPE, shape, value);
    }

    rc = ngx_mesh_shape_size(st, shape, value, value->nelts);
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
    ngx_mesh_json_t *value, ngx_uint_t n)
{
    ngx_mesh_violation_t  violation;

    ngx_memzero(&violation, sizeof(ngx_mesh_violation_t));

    violation.type = NGX_MESH_VIOLATION_LENGTH;
    violation.shape = shape;
    violation.value = value;
    violation.size = (int64_t) n;

    if (((shape->flags & NGX_MESH_SHAPE_HAS_MAX)
         && violation.size > shape->max)
        || ((shape->flags & NGX_MESH_SHAPE_HAS_MIN)
            && violation.size < shape->min))
    {
        return ngx_mesh_shape_report(st, &violation);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_mesh_shape_structure(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value)
{
    ngx_int_t                  rc;
    ngx_uint_t                 set;
    ngx_mesh_json_t           *v;
    const ngx_mesh_member_t   *m;
    ngx_mesh_shape_visitor_t  *visitor;

    if (value->type != NGX_MESH_JSON_OBJECT) {
        return ngx_mesh_shape_wrong(st, NGX_MESH_VIOLATION_TYPE, shape, value);
    }

    visitor = st->visitor;
    set = 0;

    for (v = value->u.child.first; v; v = v->next) {

        rc = NGX_OK;
        m = ngx_mesh_shape_member(shape, &v->name);

        if (m == NULL) {
            if (visitor->unknown) {
                rc = visitor->unknown(visitor->data, v);
            }

        } else if (v->type == NGX_MESH_JSON_NULL) {
            v->seen = 1;

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


const ngx_mesh_member_t *
ngx_mesh_shape_member(const ngx_mesh_shape_t *shape, ngx_str_t *name)
{
    const ngx_mesh_member_t  *m;

    for (m = shape->members; m->name; m++) {
        if (name->len == ngx_strlen(m->name)
            && ngx_memcmp(name->data, m->name, name->len) == 0)
        {
            return m;
        }
    }

    return NULL;
}


/* "set" has a bit for each member that is there, as in shape->members */

static ngx_int_t
ngx_mesh_shape_required(ngx_mesh_shape_state_t *st,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value, ngx_uint_t set)
{
    ngx_int_t                 rc;
    ngx_mesh_violation_t      violation;
    const ngx_mesh_member_t  *m;

    for (m = shape->members; m->name; m++, set >>= 1) {

        if (!m->required || (set & 1)) {
            continue;
        }

        ngx_memzero(&violation, sizeof(ngx_mesh_violation_t));

        violation.type = NGX_MESH_VIOLATION_REQUIRED;
        violation.shape = shape;
        violation.value = value;
        violation.member = m;

        rc = ngx_mesh_shape_report(st, &violation);
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
    ngx_mesh_violation_t  violation;

    if (set && (set & (set - 1)) == 0) {
        return NGX_OK;
    }

    ngx_memzero(&violation, sizeof(ngx_mesh_violation_t));

    violation.type = NGX_MESH_VIOLATION_UNION;
    violation.shape = shape;
    violation.value = value;
    violation.set = set;

    return ngx_mesh_shape_report(st, &violation);
}


static ngx_int_t
ngx_mesh_shape_wrong(ngx_mesh_shape_state_t *st, ngx_mesh_violation_e type,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value)
{
    ngx_mesh_violation_t  violation;

    ngx_memzero(&violation, sizeof(ngx_mesh_violation_t));

    violation.type = type;
    violation.shape = shape;
    violation.value = value;

    return ngx_mesh_shape_report(st, &violation);
}


static ngx_int_t
ngx_mesh_shape_report(ngx_mesh_shape_state_t *st,
    ngx_mesh_violation_t *violation)
{
    st->violations++;

    return st->visitor->violation(st->visitor->data, violation);
}
