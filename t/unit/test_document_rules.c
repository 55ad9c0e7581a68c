
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The rules a document is held to, from t/data/rules.json: each case replaces
 * one value ("at") of a document that is fine, by a good one and by a bad one,
 * and tells the error of the latter to the letter.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_rules.h"
#include "mesh_unit_document.h"


static ngx_mesh_json_t *mesh_unit_at(ngx_mesh_unit_t *u,
    ngx_mesh_json_t *value, ngx_str_t *path);
static ngx_int_t mesh_unit_variant(ngx_mesh_unit_t *u, ngx_str_t *base,
    ngx_str_t *at, ngx_mesh_json_t *value, ngx_str_t *text);
static ngx_mesh_json_t *mesh_unit_member(ngx_mesh_json_t *object,
    const char *name);
static void mesh_unit_rule(ngx_mesh_unit_t *u, ngx_str_t *base,
    ngx_mesh_json_t *rule);


static void
mesh_unit_document_rules(ngx_mesh_unit_t *u)
{
    ngx_str_t               text, base, error;
    ngx_mesh_json_t        *root, *rule;
    ngx_mesh_json_limits_t  limits;

    if (mesh_unit_data(u, "rules.json", &text) != NGX_OK) {
        return;
    }

    ngx_memzero(&limits, sizeof(ngx_mesh_json_limits_t));
    limits.depth = NGX_MESH_JSON_MAX_DEPTH;

    root = ngx_mesh_json_parse(u->pool, &limits, &text, &error);

    if (!MESH_OK(root != NULL, "rules.json is JSON")) {
        return;
    }

    (void) ngx_mesh_json_print(u->pool, ngx_mesh_json_get(root, "base"),
                               &base);

    ngx_str_null(&error);

    MESH_OK(mesh_unit_load(u, NULL, &base, 0, &error) != NULL,
            "the base document is accepted %V", &error);

    rule = ngx_mesh_json_get(root, "cases");

    for (rule = rule->u.child.first; rule; rule = rule->next) {
        mesh_unit_rule(u, &base, rule);
    }
}

MESH_UNIT(mesh_unit_document_rules)


static void
mesh_unit_rule(ngx_mesh_unit_t *u, ngx_str_t *base, ngx_mesh_json_t *rule)
{
    ngx_str_t        *at, text, shown, error, *expected;
    ngx_mesh_json_t  *good, *bad, *value;

    at = &ngx_mesh_json_get(rule, "at")->u.string;

    good = mesh_unit_member(rule, "good");
    bad = mesh_unit_member(rule, "bad");

    if (good) {
        (void) ngx_mesh_json_print(u->pool, good, &shown);
    }

    if (good && mesh_unit_variant(u, base, at, good, &text) == NGX_OK) {
        ngx_str_null(&error);

        MESH_OK(mesh_unit_load(u, NULL, &text, 0, &error) != NULL,
                "%V: accepted %V %V", at, &shown, &error);
    }

    if (bad == NULL || mesh_unit_variant(u, base, at, bad, &text) != NGX_OK) {
        return;
    }

    ngx_str_set(&error, "(accepted)");

    (void) mesh_unit_load(u, NULL, &text, 0, &error);

    value = ngx_mesh_json_get(rule, "error_starts");

    if (value && error.len > value->u.string.len) {
        error.len = value->u.string.len;
    }

    if (value == NULL) {
        value = ngx_mesh_json_get(rule, "error");
    }

    expected = &value->u.string;

    value->u.string.data = ngx_pstrdup(u->pool, expected);

    if (!MESH_OK(error.len == expected->len
                 && ngx_memcmp(error.data, expected->data, error.len) == 0,
                 "refused with %V", expected))
    {
        MESH_DIAG("  got: %V", &error);
    }
}


/* like ngx_mesh_json_get(), but null is a value */

static ngx_mesh_json_t *
mesh_unit_member(ngx_mesh_json_t *object, const char *name)
{
    ngx_mesh_json_t  *value;

    for (value = object->u.child.first; value; value = value->next) {
        if (value->name.len == ngx_strlen(name)
            && ngx_memcmp(value->name.data, name, value->name.len) == 0)
        {
            return value;
        }
    }

    return NULL;
}


/* "base" as text with the value at "at" replaced, or added */

static ngx_int_t
mesh_unit_variant(ngx_mesh_unit_t *u, ngx_str_t *base, ngx_str_t *at,
    ngx_mesh_json_t *value, ngx_str_t *text)
{
    ngx_str_t               error;
    ngx_mesh_json_t        *root, *v;
    ngx_mesh_json_limits_t  limits;

    ngx_memzero(&limits, sizeof(ngx_mesh_json_limits_t));
    limits.depth = NGX_MESH_JSON_MAX_DEPTH;

    root = ngx_mesh_json_parse(u->pool, &limits, base, &error);
    v = mesh_unit_at(u, root, at);

    if (!v) {
        (void) MESH_OK(0, "%V is in the base document", at);
        return NGX_ERROR;
    }

    v->type = value->type;
    v->boolean = value->boolean;
    v->nelts = value->nelts;
    v->u = value->u;

    if (v->type == NGX_MESH_JSON_ARRAY || v->type == NGX_MESH_JSON_OBJECT) {
        for (value = v->u.child.first; value; value = value->next) {
            value->parent = v;
        }
    }

    return ngx_mesh_json_print(u->pool, root, text);
}


static ngx_mesh_json_t *
mesh_unit_at(ngx_mesh_unit_t *u, ngx_mesh_json_t *value, ngx_str_t *path)
{
    char             *name;
    u_char           *p, *start, *last;
    ngx_int_t         n;
    ngx_mesh_json_t  *next;

    p = path->data;
    last = p + path->len;

    while (value && p < last) {

        if (*p == '[') {
            start = ++p;

            while (p < last && *p != ']') {
                p++;
            }

            n = ngx_atoi(start, p - start);
            p++;

            for (value = value->u.child.first; value && n > 0; n--) {
                value = value->next;
            }

            continue;
        }

        if (*p == '.') {
            p++;
        }

        start = p;

        while (p < last && *p != '.' && *p != '[') {
            p++;
        }

        name = ngx_pcalloc(u->pool, p - start + 1);
        ngx_memcpy(name, start, p - start);

        next = mesh_unit_member(value, name);

        if (next == NULL && p == last) {
            next = ngx_mesh_json_add(u->pool, value, name,
                                     NGX_MESH_JSON_NULL);
        }

        value = next;
    }

    return value;
}


static ngx_int_t
mesh_unit_rules_error(void *data, ngx_mesh_json_t *value, ngx_str_t *reason)
{
    *(ngx_str_t *) data = *reason;

    return NGX_OK;
}


/* without a loader, as for a spec that a user sends */

static void
mesh_unit_rules_spec(ngx_mesh_unit_t *u)
{
    ngx_str_t               text, error;
    ngx_mesh_json_t        *spec;
    ngx_mesh_rules_t        rules;
    ngx_mesh_shape_walk_t   walk;
    ngx_mesh_json_limits_t  limits;

    ngx_memzero(&limits, sizeof(ngx_mesh_json_limits_t));
    ngx_memzero(&walk, sizeof(ngx_mesh_shape_walk_t));
    ngx_memzero(&rules, sizeof(ngx_mesh_rules_t));

    limits.depth = NGX_MESH_JSON_MAX_DEPTH;

    walk.pool = u->pool;
    walk.error = mesh_unit_rules_error;
    walk.data = &error;

    rules.pool = u->pool;
    rules.error = mesh_unit_rules_error;
    rules.data = &error;

    ngx_str_set(&text, "{\"httpRoute\": {\"match\": {\"path\": {\"regex\":"
                       "\"/(a\"}}, \"action\": {\"weightedTargets\": ["
                       "{\"virtualNode\": \"n\", \"weight\": 1}]}}}");
    ngx_str_null(&error);

    spec = ngx_mesh_json_parse(u->pool, &limits, &text, &error);

    MESH_IS_INT(ngx_mesh_shape_validate(&walk, &ngx_mesh_shape_route_spec,
                                        spec),
                NGX_OK, "the shape of the spec is right");
    MESH_IS_INT(ngx_mesh_rules_route(&rules, spec), NGX_OK,
                "a regex is left to the model");

    rules.regex = 1;

    MESH_IS_INT(ngx_mesh_rules_route(&rules, spec), NGX_DECLINED,
                "or tried, if asked for");
    MESH_OK(error.len > 27
            && ngx_strncmp(error.data, "is not a regular expression", 27) == 0,
            "%V", &error);
}

MESH_UNIT(mesh_unit_rules_spec)
