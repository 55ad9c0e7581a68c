
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Plain values of a model: strings (copied, as the text goes away), lists,
 * durations, enumerations.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_build.h"


/* a time longer than nginx timers can hold, 24 days, is as good as forever */
#define NGX_MESH_BUILD_MAX_MSEC  NGX_MAX_INT32_VALUE


ngx_int_t
ngx_mesh_build_string(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_str_t *dst)
{
    if (value == NULL) {
        return NGX_OK;
    }

    dst->len = value->u.string.len;

    if (dst->len == 0) {
        return NGX_OK;
    }

    dst->data = ngx_pnalloc(b->pool, dst->len);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(dst->data, value->u.string.data, dst->len);

    return NGX_OK;
}


ngx_int_t
ngx_mesh_build_lower(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_str_t *dst)
{
    if (ngx_mesh_build_string(b, value, dst) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_strlow(dst->data, dst->data, dst->len);

    return NGX_OK;
}


ngx_int_t
ngx_mesh_build_array(ngx_mesh_build_t *b, ngx_mesh_json_t *list, size_t size,
    ngx_array_t *dst)
{
    dst->elts = NULL;
    dst->nelts = list ? list->nelts : 0;
    dst->size = size;
    dst->nalloc = dst->nelts;
    dst->pool = b->pool;

    if (dst->nelts == 0) {
        return NGX_OK;
    }

    dst->elts = ngx_pcalloc(b->pool, dst->nelts * size);

    return dst->elts ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_mesh_build_strings(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_array_t **dst)
{
    ngx_str_t        *s;
    ngx_mesh_json_t  *value;

    if (list == NULL) {
        return NGX_OK;
    }

    *dst = ngx_palloc(b->pool, sizeof(ngx_array_t));

    if (*dst == NULL
        || ngx_mesh_build_array(b, list, sizeof(ngx_str_t), *dst) != NGX_OK)
    {
        return NGX_ERROR;
    }

    s = (*dst)->elts;

    for (value = list->u.child.first; value; value = value->next) {
        if (ngx_mesh_build_string(b, value, s++) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_build_keyvals(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_array_t **dst)
{
    ngx_keyval_t     *kv;
    ngx_mesh_json_t  *value;

    if (list == NULL) {
        return NGX_OK;
    }

    *dst = ngx_palloc(b->pool, sizeof(ngx_array_t));

    if (*dst == NULL
        || ngx_mesh_build_array(b, list, sizeof(ngx_keyval_t), *dst) != NGX_OK)
    {
        return NGX_ERROR;
    }

    kv = (*dst)->elts;

    for (value = list->u.child.first; value; value = value->next, kv++) {

        if (ngx_mesh_build_string(b, ngx_mesh_rules_find(value, "key"),
                                  &kv->key)
            != NGX_OK
            || ngx_mesh_build_string(b, ngx_mesh_rules_find(value, "value"),
                                     &kv->value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_mesh_build_duration(ngx_mesh_json_t *value, ngx_mesh_duration_t *dst)
{
    int64_t  n, unit;

    if (ngx_mesh_rules_find(value, "value") == NULL) {
        return;
    }

    n = ngx_mesh_rules_integer(value, "value");
    unit = ngx_mesh_build_is(ngx_mesh_rules_find(value, "unit"), "s") ? 1000
                                                                      : 1;

    if (n > NGX_MESH_BUILD_MAX_MSEC / unit) {
        n = NGX_MESH_BUILD_MAX_MSEC / unit;
    }

    dst->ms = (ngx_msec_t) (n * unit);
    dst->set = 1;
}


ngx_int_t
ngx_mesh_build_timeout(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_mesh_timeout_t **dst)
{
    ngx_mesh_timeout_t  *timeout;

    if (value == NULL) {
        return NGX_OK;
    }

    timeout = ngx_pcalloc(b->pool, sizeof(ngx_mesh_timeout_t));
    if (timeout == NULL) {
        return NGX_ERROR;
    }

    ngx_mesh_build_duration(ngx_mesh_rules_find(value, "perRequest"),
                            &timeout->per_request);
    ngx_mesh_build_duration(ngx_mesh_rules_find(value, "idle"),
                            &timeout->idle);

    *dst = timeout;

    return NGX_OK;
}


ngx_mesh_protocol_e
ngx_mesh_build_protocol(ngx_mesh_json_t *value)
{
    return (ngx_mesh_protocol_e)
           ngx_mesh_rules_enum(value, ngx_mesh_protocols, NGX_MESH_HTTP);
}


ngx_mesh_ip_preference_e
ngx_mesh_build_ip_preference(ngx_mesh_json_t *value,
    ngx_mesh_ip_preference_e otherwise)
{
    /* in the order of ngx_mesh_ip_preference_e, which starts with "unset" */

    static const char  *names[] = {
        "", "IPv4_ONLY", "IPv6_ONLY", "IPv4_PREFERRED", "IPv6_PREFERRED", NULL
    };

    return (ngx_mesh_ip_preference_e)
           ngx_mesh_rules_enum(value, names, otherwise);
}


ngx_uint_t
ngx_mesh_build_is(ngx_mesh_json_t *value, const char *string)
{
    return value
           && value->u.string.len == ngx_strlen(string)
           && ngx_memcmp(value->u.string.data, string, value->u.string.len)
              == 0;
}
