
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Sampling manifests as App Mesh's image takes them (version 2), which are
 * those of AWS's SDKs:
 *
 *     {"version": 2,
 *      "default": {"fixed_target": 1, "rate": 0.05},
 *      "rules": [{"host": "*", "http_method": "GET", "url_path": "/x/?",
 *                 "fixed_target": 0, "rate": 0.1}]}
 *
 * Envoy falls back to its default if it cannot read one.  Here that is an error
 * of the configuration: a rate that is not what was meant costs money.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <stdlib.h>

#include "ngx_mesh_json.h"
#include "ngx_mesh_sampling.h"


#define NGX_MESH_SAMPLING_MANIFEST_SIZE  (256 * 1024)
#define NGX_MESH_SAMPLING_PATTERN        512


static ngx_mesh_sampling_rules_t *ngx_mesh_sampling_create(ngx_pool_t *pool,
    ngx_uint_t n);
static ngx_mesh_sampling_rules_t *ngx_mesh_sampling_root(ngx_pool_t *pool,
    ngx_mesh_json_t *root, ngx_str_t *error);
static ngx_int_t ngx_mesh_sampling_rule(ngx_pool_t *pool,
    ngx_mesh_json_t *value, ngx_mesh_sampling_rule_t *rule, ngx_str_t *error);
static ngx_int_t ngx_mesh_sampling_pattern(ngx_pool_t *pool,
    ngx_mesh_json_t *object, const char *name, ngx_str_t *pattern,
    ngx_str_t *error);
static ngx_int_t ngx_mesh_sampling_numbers(ngx_pool_t *pool,
    ngx_mesh_json_t *object, ngx_mesh_sampling_rule_t *rule,
    ngx_str_t *error);
static void *ngx_mesh_sampling_error(ngx_pool_t *pool, ngx_mesh_json_t *value,
    const char *name, const char *text, ngx_str_t *error);


ngx_mesh_sampling_rules_t *
ngx_mesh_sampling_default(ngx_pool_t *pool, ngx_uint_t rate)
{
    ngx_mesh_sampling_rules_t  *rules;

    rules = ngx_mesh_sampling_create(pool, 1);

    if (rules) {
        rules->rules[0].target = 1;
        rules->rules[0].rate = rate;
    }

    return rules;
}


static ngx_mesh_sampling_rules_t *
ngx_mesh_sampling_create(ngx_pool_t *pool, ngx_uint_t n)
{
    ngx_mesh_sampling_rules_t  *rules;

    rules = ngx_pcalloc(pool, sizeof(ngx_mesh_sampling_rules_t));
    if (rules == NULL) {
        return NULL;
    }

    rules->rules = ngx_pcalloc(pool, n * sizeof(ngx_mesh_sampling_rule_t));
    if (rules->rules == NULL) {
        return NULL;
    }

    rules->nrules = n;

    return rules;
}


ngx_mesh_sampling_rules_t *
ngx_mesh_sampling_manifest(ngx_pool_t *pool, ngx_str_t *text,
    ngx_str_t *error)
{
    ngx_mesh_json_t         *root;
    ngx_mesh_json_limits_t   limits;

    limits.size = NGX_MESH_SAMPLING_MANIFEST_SIZE;
    limits.string = 4096;
    limits.depth = 8;
    limits.nodes = 8192;

    root = ngx_mesh_json_parse(pool, &limits, text, error);

    return root ? ngx_mesh_sampling_root(pool, root, error) : NULL;
}


static ngx_mesh_sampling_rules_t *
ngx_mesh_sampling_root(ngx_pool_t *pool, ngx_mesh_json_t *root,
    ngx_str_t *error)
{
    int64_t                     version;
    ngx_uint_t                  i, n;
    ngx_mesh_json_t            *value, *list;
    ngx_mesh_sampling_rules_t  *rules;

    if (root->type != NGX_MESH_JSON_OBJECT) {
        return ngx_mesh_sampling_error(pool, root, NULL,
                                       "must be an object", error);
    }

    value = ngx_mesh_json_get(root, "version");

    if (value == NULL
        || ngx_mesh_json_integer(value, &version) != NGX_OK
        || version != 2)
    {
        return ngx_mesh_sampling_error(pool, root, "version", "must be 2",
                                       error);
    }

    list = ngx_mesh_json_get(root, "rules");
    n = list ? list->nelts : 0;

    if (list && list->type != NGX_MESH_JSON_ARRAY) {
        return ngx_mesh_sampling_error(pool, root, "rules", "must be an array",
                                       error);
    }

    if (n >= NGX_MESH_SAMPLING_RULES) {
        return ngx_mesh_sampling_error(pool, root, "rules",
                                       "has more than 255 rules", error);
    }

    rules = ngx_mesh_sampling_create(pool, n + 1);
    if (rules == NULL) {
        ngx_str_set(error, "not enough memory");
        return NULL;
    }

    value = list ? list->u.child.first : NULL;

    for (i = 0; i < n; i++) {
        if (ngx_mesh_sampling_rule(pool, value, &rules->rules[i], error)
            != NGX_OK)
        {
            return NULL;
        }

        value = value->next;
    }

    value = ngx_mesh_json_get(root, "default");

    if (value == NULL || value->type != NGX_MESH_JSON_OBJECT) {
        return ngx_mesh_sampling_error(pool, root, "default",
                                       "must be an object", error);
    }

    if (ngx_mesh_sampling_numbers(pool, value, &rules->rules[n], error)
        != NGX_OK)
    {
        return NULL;
    }

    return rules;
}


static ngx_int_t
ngx_mesh_sampling_rule(ngx_pool_t *pool, ngx_mesh_json_t *value,
    ngx_mesh_sampling_rule_t *rule, ngx_str_t *error)
{
    if (value->type != NGX_MESH_JSON_OBJECT) {
        (void) ngx_mesh_sampling_error(pool, value, NULL, "must be an object",
                                       error);
        return NGX_ERROR;
    }

    if (ngx_mesh_sampling_pattern(pool, value, "host", &rule->host, error)
        != NGX_OK
        || ngx_mesh_sampling_pattern(pool, value, "http_method",
                                     &rule->method, error)
           != NGX_OK
        || ngx_mesh_sampling_pattern(pool, value, "url_path", &rule->path,
                                     error)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_sampling_numbers(pool, value, rule, error);
}


static ngx_int_t
ngx_mesh_sampling_pattern(ngx_pool_t *pool, ngx_mesh_json_t *object,
    const char *name, ngx_str_t *pattern, ngx_str_t *error)
{
    ngx_mesh_json_t  *value;

    value = ngx_mesh_json_get(object, name);

    if (value == NULL
        || value->type != NGX_MESH_JSON_STRING
        || value->u.string.len == 0
        || value->u.string.len > NGX_MESH_SAMPLING_PATTERN)
    {
        (void) ngx_mesh_sampling_error(pool, object, name,
                               "must be a pattern like \"*\", of 512 bytes "
                               "at most", error);
        return NGX_ERROR;
    }

    *pattern = value->u.string;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_sampling_numbers(ngx_pool_t *pool, ngx_mesh_json_t *object,
    ngx_mesh_sampling_rule_t *rule, ngx_str_t *error)
{
    int64_t           target;
    ngx_int_t         rate;
    ngx_mesh_json_t  *value;

    value = ngx_mesh_json_get(object, "fixed_target");

    if (value == NULL
        || ngx_mesh_json_integer(value, &target) != NGX_OK
        || target < 0
        || target > 65535)
    {
        (void) ngx_mesh_sampling_error(pool, object, "fixed_target",
                                       "must be a number from 0 to 65535",
                                       error);
        return NGX_ERROR;
    }

    value = ngx_mesh_json_get(object, "rate");

    rate = (value && value->type == NGX_MESH_JSON_NUMBER)
           ? ngx_mesh_sampling_rate(&value->u.string) : NGX_ERROR;

    if (rate == NGX_ERROR) {
        (void) ngx_mesh_sampling_error(pool, object, "rate",
                                       "must be a number from 0 to 1", error);
        return NGX_ERROR;
    }

    rule->target = (ngx_uint_t) target;
    rule->rate = rate;

    return NGX_OK;
}


ngx_int_t
ngx_mesh_sampling_rate(ngx_str_t *text)
{
    char       *end;
    u_char      buf[64];
    double      rate;
    ngx_uint_t  i;

    if (text->len == 0 || text->len >= sizeof(buf)) {
        return NGX_ERROR;
    }

    /* strtod() takes more than numbers of decimal digits */

    for (i = 0; i < text->len; i++) {
        if (ngx_strlchr((u_char *) "0123456789.eE+-",
                        (u_char *) "0123456789.eE+-" + 15, text->data[i])
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    *ngx_cpymem(buf, text->data, text->len) = '\0';

    rate = strtod((char *) buf, &end);

    if (*end != '\0' || !(rate >= 0.0 && rate <= 1.0)) {
        return NGX_ERROR;
    }

    return (ngx_int_t) (rate * NGX_MESH_SAMPLING_MILLION + 0.5);
}


/* "rules[3].rate: must be ..."; returns NULL */

static void *
ngx_mesh_sampling_error(ngx_pool_t *pool, ngx_mesh_json_t *value,
    const char *name, const char *text, ngx_str_t *error)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   path;

    len = name ? ngx_strlen(name) : 0;

    if (ngx_mesh_json_path(pool, value, &path) != NGX_OK) {
        goto failed;
    }

    p = ngx_pnalloc(pool, path.len + len + ngx_strlen(text) + 3);
    if (p == NULL) {
        goto failed;
    }

    error->data = p;

    p = ngx_cpymem(p, path.data, path.len);

    if (path.len && len) {
        *p++ = '.';
    }

    p = ngx_cpymem(p, name, len);

    if (path.len || len) {
        *p++ = ':';
        *p++ = ' ';
    }

    p = ngx_cpymem(p, text, ngx_strlen(text));

    error->len = p - error->data;

    return NULL;

failed:

    ngx_str_set(error, "not enough memory");

    return NULL;
}
