
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Violations of shapes in the words of documents and directives, for an
 * operator to read: what must be and what is there.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"
#include "ngx_mesh_shape.h"


/* how much of a wrong value a message shows */
#define NGX_MESH_SHAPE_SHOWN   64

#define NGX_MESH_SHAPE_REASON  1024


static ngx_int_t ngx_mesh_shape_violation(void *data,
    ngx_mesh_violation_t *v);
static ngx_int_t ngx_mesh_shape_unknown(void *data, ngx_mesh_json_t *value);
static u_char *ngx_mesh_shape_word(u_char *p, u_char *last,
    ngx_mesh_violation_t *v);
static u_char *ngx_mesh_shape_word_type(u_char *p, u_char *last,
    ngx_mesh_violation_t *v);
static u_char *ngx_mesh_shape_word_union(u_char *p, u_char *last,
    ngx_mesh_violation_t *v);
static u_char *ngx_mesh_shape_word_members(u_char *p, u_char *last,
    const ngx_mesh_shape_t *shape, ngx_uint_t set);
static u_char *ngx_mesh_shape_word_enum(u_char *p, u_char *last,
    ngx_mesh_violation_t *v);
static u_char *ngx_mesh_shape_word_range(u_char *p, u_char *last,
    ngx_mesh_violation_t *v);
static u_char *ngx_mesh_shape_word_length(u_char *p, u_char *last,
    ngx_mesh_violation_t *v);
static u_char *ngx_mesh_shape_shown(u_char *p, u_char *last,
    ngx_mesh_json_t *value);


/* by ngx_mesh_json_type_e */

static const char  *ngx_mesh_shape_are[] = {
    "null", "a boolean", "a number", "a string", "a list", "an object"
};

/* by ngx_mesh_shape_type_e */

static const char  *ngx_mesh_shape_wanted[] = {
    "a string", "an integer", "an integer", "true or false", "a list",
    "an object"
};


ngx_int_t
ngx_mesh_shape_validate(ngx_mesh_shape_walk_t *walk,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value)
{
    ngx_mesh_shape_visitor_t  visitor;

    visitor.violation = ngx_mesh_shape_violation;
    visitor.unknown = walk->unknown ? ngx_mesh_shape_unknown : NULL;
    visitor.data = walk;

    return ngx_mesh_shape_visit(&visitor, shape, value);
}


static ngx_int_t
ngx_mesh_shape_violation(void *data, ngx_mesh_violation_t *v)
{
    ngx_mesh_shape_walk_t *walk = data;

    u_char     *p, buf[NGX_MESH_SHAPE_REASON];
    ngx_str_t  *reason;

    p = ngx_mesh_shape_word(buf, buf + sizeof(buf), v);

    reason = ngx_palloc(walk->pool, sizeof(ngx_str_t));
    if (reason == NULL) {
        return NGX_ERROR;
    }

    reason->len = p - buf;

    reason->data = ngx_pnalloc(walk->pool, reason->len);
    if (reason->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(reason->data, buf, reason->len);

    if (walk->error(walk->data, v->value, reason) != NGX_OK) {
        return NGX_DONE;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_shape_unknown(void *data, ngx_mesh_json_t *value)
{
    ngx_mesh_shape_walk_t *walk = data;

    ngx_str_t  reason = ngx_string("is unknown");

    if (walk->unknown(walk->data, value, &reason) != NGX_OK) {
        return NGX_DONE;
    }

    return NGX_OK;
}


static u_char *
ngx_mesh_shape_word(u_char *p, u_char *last, ngx_mesh_violation_t *v)
{
    switch (v->type) {

    case NGX_MESH_VIOLATION_TYPE:
        return ngx_mesh_shape_word_type(p, last, v);

    case NGX_MESH_VIOLATION_REQUIRED:
        return ngx_slprintf(p, last, "must have \"%s\"", v->member->name);

    case NGX_MESH_VIOLATION_UNION:
        return ngx_mesh_shape_word_union(p, last, v);

    case NGX_MESH_VIOLATION_ENUM:
        p = ngx_mesh_shape_word_enum(p, last, v);
        break;

    case NGX_MESH_VIOLATION_PATTERN:
        p = ngx_slprintf(p, last, "must match %s", v->shape->pattern);
        break;

    case NGX_MESH_VIOLATION_RANGE:
        p = ngx_mesh_shape_word_range(p, last, v);
        break;

    default: /* NGX_MESH_VIOLATION_LENGTH */
        return ngx_mesh_shape_word_length(p, last, v);
    }

    p = ngx_slprintf(p, last, " (is ");
    p = ngx_mesh_shape_shown(p, last, v->value);

    return ngx_slprintf(p, last, ")");
}


static u_char *
ngx_mesh_shape_word_type(u_char *p, u_char *last, ngx_mesh_violation_t *v)
{
    p = ngx_slprintf(p, last, "must be %s (is ",
                     ngx_mesh_shape_wanted[v->shape->type]);

    if (v->value->type == NGX_MESH_JSON_NUMBER) {
        p = ngx_mesh_shape_shown(p, last, v->value);

    } else {
        p = ngx_slprintf(p, last, "%s", ngx_mesh_shape_are[v->value->type]);
    }

    return ngx_slprintf(p, last, ")");
}


static u_char *
ngx_mesh_shape_word_union(u_char *p, u_char *last, ngx_mesh_violation_t *v)
{
    if (v->shape->members[1].name == NULL) {
        p = ngx_slprintf(p, last, "must have");
        p = ngx_mesh_shape_word_members(p, last, v->shape, 1);

    } else {
        p = ngx_slprintf(p, last, "must have exactly one of");
        p = ngx_mesh_shape_word_members(p, last, v->shape,
                                        NGX_MAX_UINT32_VALUE);
    }

    if (v->set) {
        p = ngx_slprintf(p, last, " (has");
        p = ngx_mesh_shape_word_members(p, last, v->shape, v->set);
        p = ngx_slprintf(p, last, ")");
    }

    return p;
}


static u_char *
ngx_mesh_shape_word_members(u_char *p, u_char *last,
    const ngx_mesh_shape_t *shape, ngx_uint_t set)
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


static u_char *
ngx_mesh_shape_word_enum(u_char *p, u_char *last, ngx_mesh_violation_t *v)
{
    ngx_uint_t    i;
    const char  **values;

    values = v->shape->values;

    p = ngx_slprintf(p, last, values[1] ? "must be one of" : "must be");

    for (i = 0; values[i]; i++) {
        p = ngx_slprintf(p, last, "%s \"%s\"", i ? "," : "", values[i]);
    }

    return p;
}


static u_char *
ngx_mesh_shape_word_range(u_char *p, u_char *last, ngx_mesh_violation_t *v)
{
    int64_t                  n;
    const ngx_mesh_shape_t  *shape;

    shape = v->shape;

    if ((shape->flags & NGX_MESH_SHAPE_HAS_MIN)
        && (shape->flags & NGX_MESH_SHAPE_HAS_MAX))
    {
        return ngx_slprintf(p, last, "must be at least %L and at most %L",
                            shape->min, shape->max);
    }

    if ((shape->flags & NGX_MESH_SHAPE_HAS_MIN)
        && (v->value->u.string.data[0] == '-'
            || (ngx_mesh_json_integer(v->value, &n) == NGX_OK
                && n < shape->min)))
    {
        return ngx_slprintf(p, last, "must be at least %L", shape->min);
    }

    return ngx_slprintf(p, last, "must fit into %d bits",
                        (shape->type == NGX_MESH_SHAPE_INTEGER) ? 32 : 64);
}


static u_char *
ngx_mesh_shape_word_length(u_char *p, u_char *last, ngx_mesh_violation_t *v)
{
    const char              *unit;
    const ngx_mesh_shape_t  *shape;

    shape = v->shape;
    unit = (shape->type == NGX_MESH_SHAPE_LIST) ? "element" : "character";

    if ((shape->flags & NGX_MESH_SHAPE_HAS_MAX) && v->size > shape->max) {
        return ngx_slprintf(p, last, "must have at most %L %s%s (has %L)",
                            shape->max, unit, (shape->max == 1) ? "" : "s",
                            v->size);
    }

    if (v->size == 0) {
        return ngx_slprintf(p, last, "must not be empty");
    }

    return ngx_slprintf(p, last, "must have at least %L %ss (has %L)",
                        shape->min, unit, v->size);
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
