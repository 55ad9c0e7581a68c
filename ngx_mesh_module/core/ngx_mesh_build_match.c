
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What a request must be like: HTTP and gRPC matches of routes and gateway
 * routes.  A gRPC method is a path, "/service/method", and metadata are
 * headers.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_build.h"


static ngx_int_t ngx_mesh_build_criteria(ngx_mesh_build_t *b,
    ngx_mesh_json_t *match, ngx_mesh_protocol_e protocol,
    ngx_mesh_match_t *dst);
static ngx_int_t ngx_mesh_build_path(ngx_mesh_build_t *b,
    ngx_mesh_json_t *match, ngx_mesh_match_t *dst);
static ngx_int_t ngx_mesh_build_grpc_path(ngx_mesh_build_t *b,
    ngx_mesh_json_t *match, ngx_mesh_match_t *dst);
static ngx_int_t ngx_mesh_build_headers(ngx_mesh_build_t *b,
    ngx_mesh_json_t *list, ngx_array_t **dst);
static ngx_int_t ngx_mesh_build_query(ngx_mesh_build_t *b,
    ngx_mesh_json_t *list, ngx_array_t **dst);
static ngx_int_t ngx_mesh_build_value(ngx_mesh_build_t *b,
    ngx_mesh_json_t *method, ngx_mesh_value_match_t *dst);
static ngx_int_t ngx_mesh_build_regex(ngx_mesh_build_t *b,
    ngx_mesh_json_t *pattern, ngx_mesh_regex_t **dst);


ngx_int_t
ngx_mesh_build_match(ngx_mesh_build_t *b, ngx_mesh_json_t *match,
    ngx_mesh_protocol_e protocol, ngx_mesh_match_t *dst)
{
    ngx_int_t  rc;

    rc = ngx_mesh_build_criteria(b, match, protocol, dst);

    dst->simple = !dst->grpc
                  && dst->method.len == 0
                  && dst->scheme.len == 0
                  && dst->host_exact.len == 0
                  && dst->host_suffix.len == 0
                  && dst->headers == NULL
                  && dst->query == NULL;

    return rc;
}


static ngx_int_t
ngx_mesh_build_criteria(ngx_mesh_build_t *b, ngx_mesh_json_t *match,
    ngx_mesh_protocol_e protocol, ngx_mesh_match_t *dst)
{
    ngx_int_t  rc;

    dst->port = (in_port_t) ngx_mesh_rules_integer(match, "port");

    if (protocol == NGX_MESH_TCP) {
        return NGX_OK;
    }

    if (ngx_mesh_build_string(b, ngx_mesh_rules_find(match, "method"),
                              &dst->method)
        != NGX_OK
        || ngx_mesh_build_string(b, ngx_mesh_rules_find(match, "scheme"),
                                 &dst->scheme)
           != NGX_OK
        || ngx_mesh_build_lower(b, ngx_mesh_rules_find(match, "hostname.exact"),
                                &dst->host_exact)
           != NGX_OK
        || ngx_mesh_build_lower(b,
                                ngx_mesh_rules_find(match, "hostname.suffix"),
                                &dst->host_suffix)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (protocol == NGX_MESH_GRPC) {
        dst->grpc = 1;

        if (ngx_mesh_build_grpc_path(b, match, dst) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_mesh_build_headers(b,
                                      ngx_mesh_rules_find(match, "metadata"),
                                      &dst->headers);
    }

    rc = ngx_mesh_build_path(b, match, dst);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_mesh_build_query(b, ngx_mesh_rules_find(match, "queryParameters"),
                             &dst->query)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_build_headers(b, ngx_mesh_rules_find(match, "headers"),
                                  &dst->headers);
}


/* neither prefix nor path: every path */

static ngx_int_t
ngx_mesh_build_path(ngx_mesh_build_t *b, ngx_mesh_json_t *match,
    ngx_mesh_match_t *dst)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *value;

    value = ngx_mesh_rules_find(match, "path.regex");

    if (value) {
        dst->path_type = NGX_MESH_PATH_REGEX;

        rc = ngx_mesh_build_regex(b, value, &dst->path_regex);
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_mesh_build_string(b, value, &dst->path);
    }

    value = ngx_mesh_rules_find(match, "path.exact");

    if (value) {
        dst->path_type = NGX_MESH_PATH_EXACT;
        return ngx_mesh_build_string(b, value, &dst->path);
    }

    value = ngx_mesh_rules_find(match, "prefix");

    if (value) {
        dst->path_type = NGX_MESH_PATH_PREFIX;
    }

    return ngx_mesh_build_string(b, value, &dst->path);
}


static ngx_int_t
ngx_mesh_build_grpc_path(ngx_mesh_build_t *b, ngx_mesh_json_t *match,
    ngx_mesh_match_t *dst)
{
    u_char           *p;
    size_t            len;
    ngx_mesh_json_t  *service, *method;

    service = ngx_mesh_rules_find(match, "serviceName");
    method = ngx_mesh_rules_find(match, "methodName");

    if (service == NULL) {
        return NGX_OK;
    }

    len = service->u.string.len + 2 + (method ? method->u.string.len : 0);

    p = ngx_pnalloc(b->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dst->path.len = len;
    dst->path.data = p;
    dst->path_type = NGX_MESH_PATH_PREFIX;

    *p++ = '/';
    p = ngx_cpymem(p, service->u.string.data, service->u.string.len);
    *p++ = '/';

    if (method) {
        dst->path_type = NGX_MESH_PATH_EXACT;
        ngx_memcpy(p, method->u.string.data, method->u.string.len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_headers(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_array_t **dst)
{
    ngx_int_t                rc;
    ngx_mesh_json_t         *value, *invert;
    ngx_mesh_value_match_t  *header;

    if (list == NULL) {
        return NGX_OK;
    }

    *dst = ngx_palloc(b->pool, sizeof(ngx_array_t));

    if (*dst == NULL
        || ngx_mesh_build_array(b, list, sizeof(ngx_mesh_value_match_t), *dst)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    header = (*dst)->elts;

    for (value = list->u.child.first; value; value = value->next, header++) {

        if (ngx_mesh_build_lower(b, ngx_mesh_rules_find(value, "name"),
                                 &header->name)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        invert = ngx_mesh_rules_find(value, "invert");
        header->invert = invert ? invert->boolean : 0;

        rc = ngx_mesh_build_value(b, ngx_mesh_rules_find(value, "match"),
                                  header);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* names of query parameters keep their case */

static ngx_int_t
ngx_mesh_build_query(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_array_t **dst)
{
    ngx_mesh_json_t         *value;
    ngx_mesh_value_match_t  *query;

    if (list == NULL) {
        return NGX_OK;
    }

    *dst = ngx_palloc(b->pool, sizeof(ngx_array_t));

    if (*dst == NULL
        || ngx_mesh_build_array(b, list, sizeof(ngx_mesh_value_match_t), *dst)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    query = (*dst)->elts;

    for (value = list->u.child.first; value; value = value->next, query++) {

        if (ngx_mesh_build_string(b, ngx_mesh_rules_find(value, "name"),
                                  &query->name)
            != NGX_OK
            || ngx_mesh_build_value(b, ngx_mesh_rules_find(value, "match"),
                                    query)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* no method at all, or an empty one, asks for presence */

static ngx_int_t
ngx_mesh_build_value(ngx_mesh_build_t *b, ngx_mesh_json_t *method,
    ngx_mesh_value_match_t *dst)
{
    ngx_uint_t        i;
    ngx_mesh_json_t  *value;

    static const struct {
        const char             *name;
        ngx_mesh_match_type_e   type;
    } methods[] = {
        { "exact",  NGX_MESH_MATCH_EXACT },
        { "prefix", NGX_MESH_MATCH_PREFIX },
        { "suffix", NGX_MESH_MATCH_SUFFIX },
        { "regex",  NGX_MESH_MATCH_REGEX },
        { "range",  NGX_MESH_MATCH_RANGE }
    };

    dst->type = NGX_MESH_MATCH_PRESENT;

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {

        value = ngx_mesh_rules_find(method, methods[i].name);

        if (value == NULL) {
            continue;
        }

        dst->type = methods[i].type;

        if (dst->type == NGX_MESH_MATCH_RANGE) {
            dst->start = ngx_mesh_rules_integer(value, "start");
            dst->end = ngx_mesh_rules_integer(value, "end");

            return NGX_OK;
        }

        if (dst->type == NGX_MESH_MATCH_REGEX) {
            return ngx_mesh_build_regex(b, value, &dst->regex);
        }

        return ngx_mesh_build_string(b, value, &dst->value);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_regex(ngx_mesh_build_t *b, ngx_mesh_json_t *pattern,
    ngx_mesh_regex_t **dst)
{
    ngx_str_t  error;

    ngx_str_null(&error);

    *dst = ngx_mesh_regex_compile(b->pool, &pattern->u.string, &error);

    if (*dst == NULL) {
        return ngx_mesh_rules_bad_regex(&b->rules, pattern, &error);
    }

    return NGX_OK;
}
