
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Validates the input of an operation by its shape, and words violations as
 * AWS's own services do.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_mesh_control.h"
#include "ngx_mesh_validate.h"


#define NGX_MESH_VIOLATIONS_LISTED  20

/* bytes of a value and of a constraint that a message shows */
#define NGX_MESH_VIOLATION_VALUE    100
#define NGX_MESH_VIOLATION_LEN      512

/* ".1.member" for each level, or a name; inputs are much less deep */
#define NGX_MESH_VIOLATION_PATH     1024


static void ngx_mesh_validate_prune(const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *value);
static void ngx_mesh_validate_prune_object(const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *object);
static ngx_int_t ngx_mesh_validate_violation(void *data,
    ngx_mesh_violation_t *v);
static u_char *ngx_mesh_validate_constraint(u_char *p, u_char *last,
    ngx_mesh_violation_t *v);
static u_char *ngx_mesh_validate_range(u_char *p, u_char *last,
    ngx_mesh_violation_t *v);
static u_char *ngx_mesh_validate_length(u_char *p, u_char *last,
    ngx_mesh_violation_t *v);
static u_char *ngx_mesh_validate_values(u_char *p, u_char *last,
    const char **values);
static u_char *ngx_mesh_validate_members(u_char *p, u_char *last,
    const ngx_mesh_member_t *members);
static u_char *ngx_mesh_violation_value(u_char *p, ngx_mesh_json_t *value);
static u_char *ngx_mesh_violation_shown(u_char *p, u_char *last,
    ngx_mesh_json_t *value);
static u_char *ngx_mesh_violation_scalar(u_char *p, u_char *last,
    ngx_mesh_json_t *value);
static u_char *ngx_mesh_violation_path(u_char *p, u_char *last,
    ngx_mesh_json_t *value);


/* by ngx_mesh_shape_type_e */

static const char  *ngx_mesh_validate_types[] = {
    "a string", "an integer", "an integer", "a boolean", "a list",
    "an object", "any value"
};


ngx_int_t
ngx_mesh_validate(ngx_pool_t *pool, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *input, ngx_str_t *message)
{
    ngx_int_t                 rc;
    ngx_mesh_violations_t     violations;
    ngx_mesh_shape_visitor_t  visitor;

    if (ngx_mesh_violations_init(&violations, pool) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_mesh_validate_prune(shape, input);

    visitor.violation = ngx_mesh_validate_violation;
    visitor.unknown = NULL;
    visitor.data = &violations;

    rc = ngx_mesh_shape_visit(&visitor, shape, input);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_mesh_violations_message(&violations, message) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


/* members that are unknown or null, as if they had never been there */

static void
ngx_mesh_validate_prune(const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value)
{
    ngx_mesh_json_t  *v;

    if (shape->type == NGX_MESH_SHAPE_STRUCTURE
        && value->type == NGX_MESH_JSON_OBJECT)
    {
        ngx_mesh_validate_prune_object(shape, value);

    } else if (shape->type == NGX_MESH_SHAPE_LIST
               && value->type == NGX_MESH_JSON_ARRAY)
    {
        for (v = value->u.child.first; v; v = v->next) {
            ngx_mesh_validate_prune(shape->element, v);
        }
    }
}


static void
ngx_mesh_validate_prune_object(const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *object)
{
    ngx_mesh_json_t          *v, **link;
    const ngx_mesh_member_t  *m;

    link = &object->u.child.first;
    object->u.child.last = NULL;

    for (v = object->u.child.first; v; v = v->next) {

        m = ngx_mesh_shape_member(shape, &v->name);

        if (m == NULL || v->type == NGX_MESH_JSON_NULL) {
            object->nelts--;
            continue;
        }

        *link = v;
        link = &v->next;
        object->u.child.last = v;

        ngx_mesh_validate_prune(m->shape, v);
    }

    *link = NULL;
}


static ngx_int_t
ngx_mesh_validate_violation(void *data, ngx_mesh_violation_t *v)
{
    ngx_mesh_violations_t *violations = data;

    u_char     *p, buf[NGX_MESH_VIOLATION_LEN];
    ngx_str_t   constraint;

    if (violations->n >= NGX_MESH_VIOLATIONS_LISTED) {
        violations->n++;
        return NGX_OK;
    }

    p = ngx_cpymem(buf, "Member must ", sizeof("Member must ") - 1);

    constraint.data = buf;
    constraint.len = ngx_mesh_validate_constraint(p, buf + sizeof(buf), v)
                     - buf;

    return ngx_mesh_violations_add(violations, v->value,
                                   v->member ? v->member->name : NULL,
                                   &constraint);
}


static u_char *
ngx_mesh_validate_constraint(u_char *p, u_char *last, ngx_mesh_violation_t *v)
{
    switch (v->type) {

    case NGX_MESH_VIOLATION_TYPE:

        if (v->value->type == NGX_MESH_JSON_NULL) {
            return ngx_slprintf(p, last, "not be null");
        }

        return ngx_slprintf(p, last, "be %s",
                            ngx_mesh_validate_types[v->shape->type]);

    case NGX_MESH_VIOLATION_REQUIRED:
        return ngx_slprintf(p, last, "not be null");

    case NGX_MESH_VIOLATION_UNION:
        p = ngx_slprintf(p, last, "have exactly one of [");
        return ngx_mesh_validate_members(p, last, v->shape->members);

    case NGX_MESH_VIOLATION_ENUM:
        p = ngx_slprintf(p, last, "satisfy enum value set: [");
        return ngx_mesh_validate_values(p, last, v->shape->values);

    case NGX_MESH_VIOLATION_PATTERN:
        return ngx_slprintf(p, last, "satisfy regular expression pattern: %s",
                            v->shape->pattern);

    case NGX_MESH_VIOLATION_RANGE:
        return ngx_mesh_validate_range(p, last, v);

    default: /* NGX_MESH_VIOLATION_LENGTH */
        return ngx_mesh_validate_length(p, last, v);
    }
}


/* a number that does not even fit into 64 bits has a sign at least */

static u_char *
ngx_mesh_validate_range(u_char *p, u_char *last, ngx_mesh_violation_t *v)
{
    int64_t     n, min, max;
    ngx_uint_t  less;

    ngx_mesh_shape_bounds(v->shape, &min, &max);

    if (ngx_mesh_json_integer(v->value, &n) == NGX_OK) {
        less = (n < min);

    } else {
        less = (v->value->u.string.data[0] == '-');
    }

    if (less) {
        return ngx_slprintf(p, last,
                            "have value greater than or equal to %L", min);
    }

    return ngx_slprintf(p, last, "have value less than or equal to %L", max);
}


static u_char *
ngx_mesh_validate_length(u_char *p, u_char *last, ngx_mesh_violation_t *v)
{
    if ((v->shape->flags & NGX_MESH_SHAPE_HAS_MAX) && v->size > v->shape->max) {
        return ngx_slprintf(p, last, "have length less than or equal to %L",
                            v->shape->max);
    }

    return ngx_slprintf(p, last, "have length greater than or equal to %L",
                        v->shape->min);
}


static u_char *
ngx_mesh_validate_values(u_char *p, u_char *last, const char **values)
{
    ngx_uint_t  i;

    for (i = 0; values[i]; i++) {
        p = ngx_slprintf(p, last, "%s%s", i ? ", " : "", values[i]);
    }

    return ngx_slprintf(p, last, "]");
}


static u_char *
ngx_mesh_validate_members(u_char *p, u_char *last,
    const ngx_mesh_member_t *members)
{
    ngx_uint_t  i;

    for (i = 0; members[i].name; i++) {
        p = ngx_slprintf(p, last, "%s%s", i ? ", " : "", members[i].name);
    }

    return ngx_slprintf(p, last, "]");
}


ngx_int_t
ngx_mesh_violations_init(ngx_mesh_violations_t *violations, ngx_pool_t *pool)
{
    violations->pool = pool;
    violations->n = 0;

    return ngx_array_init(&violations->listed, pool, 1, sizeof(ngx_str_t));
}


ngx_int_t
ngx_mesh_violations_add(ngx_mesh_violations_t *violations,
    ngx_mesh_json_t *value, const char *member, ngx_str_t *constraint)
{
    size_t      len;
    u_char     *p, *last;
    u_char      path[NGX_MESH_VIOLATION_PATH];
    u_char      shown[NGX_MESH_VIOLATION_VALUE + sizeof("'...'")];
    ngx_str_t  *text;

    if (violations->n++ >= NGX_MESH_VIOLATIONS_LISTED) {
        return NGX_OK;
    }

    text = ngx_array_push(&violations->listed);
    if (text == NULL) {
        return NGX_ERROR;
    }

    last = path + sizeof(path);
    p = ngx_mesh_violation_path(path, last, value);

    if (member) {
        p = ngx_slprintf(p, last, "%s%s", (p == path) ? "" : ".", member);
        len = ngx_cpymem(shown, "null", 4) - shown;

    } else {
        len = ngx_mesh_violation_value(shown, value) - shown;
    }

    text->data = ngx_pnalloc(violations->pool,
                   len + (p - path) + constraint->len
                   + sizeof("Value  at '' failed to satisfy constraint: "));
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_sprintf(text->data,
                            "Value %*s at '%*s' failed to satisfy "
                            "constraint: %V",
                            len, shown, (size_t) (p - path), path, constraint)
                - text->data;

    return NGX_OK;
}


/* a value in quotes, cut at a character's end if it is long */

static u_char *
ngx_mesh_violation_value(u_char *p, ngx_mesh_json_t *value)
{
    u_char  *start, *end;

    if (value->type == NGX_MESH_JSON_NULL) {
        return ngx_cpymem(p, "null", 4);
    }

    *p++ = '\'';

    start = p;
    end = p + NGX_MESH_VIOLATION_VALUE;

    p = ngx_mesh_violation_shown(p, end + 1, value);

    if (p > end) {
        for (p = end; p > start && (*p & 0xc0) == 0x80; p--) { /* void */ }

        p = ngx_cpymem(p, "...", 3);
    }

    *p++ = '\'';

    return p;
}


/* what a scalar is, and of others what they consist of */

static u_char *
ngx_mesh_violation_shown(u_char *p, u_char *last, ngx_mesh_json_t *value)
{
    ngx_mesh_json_t  *v;

    if (value->type == NGX_MESH_JSON_OBJECT) {
        p = ngx_slprintf(p, last, "{");

        for (v = value->u.child.first; v && p < last; v = v->next) {
            p = ngx_slprintf(p, last, "%V%s", &v->name, v->next ? ", " : "");
        }

        return ngx_slprintf(p, last, "}");
    }

    if (value->type == NGX_MESH_JSON_ARRAY) {
        p = ngx_slprintf(p, last, "[");

        for (v = value->u.child.first; v && p < last; v = v->next) {
            p = ngx_mesh_violation_scalar(p, last, v);
            p = ngx_slprintf(p, last, "%s", v->next ? ", " : "");
        }

        return ngx_slprintf(p, last, "]");
    }

    return ngx_mesh_violation_scalar(p, last, value);
}


static u_char *
ngx_mesh_violation_scalar(u_char *p, u_char *last, ngx_mesh_json_t *value)
{
    switch (value->type) {

    case NGX_MESH_JSON_NULL:
        return ngx_slprintf(p, last, "null");

    case NGX_MESH_JSON_BOOLEAN:
        return ngx_slprintf(p, last, value->boolean ? "true" : "false");

    case NGX_MESH_JSON_ARRAY:
        return ngx_slprintf(p, last, "[...]");

    case NGX_MESH_JSON_OBJECT:
        return ngx_slprintf(p, last, "{...}");

    default:
        return ngx_slprintf(p, last, "%V", &value->u.string);
    }
}


/* "spec.listeners.1.member.portMapping.port", with the root left out */

static u_char *
ngx_mesh_violation_path(u_char *p, u_char *last, ngx_mesh_json_t *value)
{
    u_char           *start;
    ngx_uint_t        n;
    ngx_mesh_json_t  *v;

    if (value->parent == NULL) {
        return p;
    }

    start = p;
    p = ngx_mesh_violation_path(p, last, value->parent);

    if (p != start) {
        p = ngx_slprintf(p, last, ".");
    }

    if (value->parent->type == NGX_MESH_JSON_OBJECT) {
        return ngx_slprintf(p, last, "%V", &value->name);
    }

    n = 1;

    for (v = value->parent->u.child.first; v != value; v = v->next) {
        n++;
    }

    return ngx_slprintf(p, last, "%ui.member", n);
}


ngx_int_t
ngx_mesh_violations_message(ngx_mesh_violations_t *violations,
    ngx_str_t *message)
{
    size_t       len;
    u_char      *p;
    ngx_str_t   *text;
    ngx_uint_t   i, n;

    n = violations->listed.nelts;
    text = violations->listed.elts;

    len = 2 * NGX_INT_T_LEN
          + sizeof(" validation errors detected: ; and  more") - 1;

    for (i = 0; i < n; i++) {
        len += text[i].len + 2;
    }

    p = ngx_pnalloc(violations->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    message->data = p;

    p = ngx_sprintf(p, "%ui validation error%s detected: ", violations->n,
                    (violations->n == 1) ? "" : "s");

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, "%s%V", i ? "; " : "", &text[i]);
    }

    if (violations->n > n) {
        p = ngx_sprintf(p, "; and %ui more", violations->n - n);
    }

    message->len = p - message->data;

    return NGX_OK;
}
