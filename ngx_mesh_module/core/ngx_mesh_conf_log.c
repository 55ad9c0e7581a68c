
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Directives about the access log of the spec: which requests are wanted in
 * it, and "access_log" of virtual_node{}, which becomes spec.logging.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_conf.h"
#include "ngx_mesh_log.h"
#include "ngx_mesh_log_file.h"


static char *ngx_mesh_conf_log_statuses(ngx_conf_t *cf,
    ngx_mesh_log_filter_t *filter, ngx_str_t *list);
static char *ngx_mesh_conf_log_range(ngx_conf_t *cf,
    ngx_mesh_log_filter_t *filter, u_char *p, u_char *last);
static char *ngx_mesh_conf_log_json(ngx_conf_t *cf, ngx_mesh_json_t *format);


/* access_log_filter [status=500-599,404] [sampled] [duration>=1s]; */

char *
ngx_mesh_conf_log_filter(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    char                   *rv;
    ngx_str_t              *value, s;
    ngx_uint_t              i;
    ngx_mesh_log_filter_t  *filter;

    if (mcf->log.filters == NULL) {
        mcf->log.filters = ngx_array_create(cf->pool, 2,
                                            sizeof(ngx_mesh_log_filter_t));
        if (mcf->log.filters == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    filter = ngx_array_push(mcf->log.filters);
    if (filter == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(filter, sizeof(ngx_mesh_log_filter_t));

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "sampled") == 0) {
            filter->sampled = 1;
            continue;
        }

        if (ngx_strncmp(value[i].data, "status=", 7) == 0) {
            s.data = value[i].data + 7;
            s.len = value[i].len - 7;

            rv = ngx_mesh_conf_log_statuses(cf, filter, &s);
            if (rv != NGX_CONF_OK) {
                return rv;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "duration>=", 10) == 0) {
            s.data = value[i].data + 10;
            s.len = value[i].len - 10;

            filter->duration = ngx_parse_time(&s, 0);

            if (filter->duration == (ngx_msec_t) NGX_ERROR) {
                return "has an invalid \"duration\"";
            }

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_mesh_conf_log_statuses(ngx_conf_t *cf, ngx_mesh_log_filter_t *filter,
    ngx_str_t *list)
{
    char    *rv;
    u_char  *p, *last, *comma;

    if (filter->statuses) {
        return "has a duplicate \"status\"";
    }

    filter->statuses = ngx_array_create(cf->pool, 2,
                                        sizeof(ngx_mesh_log_range_t));
    if (filter->statuses == NULL) {
        return NGX_CONF_ERROR;
    }

    p = list->data;
    last = p + list->len;

    for ( ;; ) {
        comma = ngx_strlchr(p, last, ',');

        rv = ngx_mesh_conf_log_range(cf, filter, p, comma ? comma : last);

        if (rv != NGX_CONF_OK || comma == NULL) {
            return rv;
        }

        p = comma + 1;
    }
}


/* "404" or "500-599"; 0 is a request without an answer, as in the log */

static char *
ngx_mesh_conf_log_range(ngx_conf_t *cf, ngx_mesh_log_filter_t *filter,
    u_char *p, u_char *last)
{
    u_char                *dash;
    ngx_int_t              first, end;
    ngx_mesh_log_range_t  *range;

    dash = ngx_strlchr(p, last, '-');

    first = ngx_atoi(p, (dash ? dash : last) - p);
    end = dash ? ngx_atoi(dash + 1, last - dash - 1) : first;

    if (first == NGX_ERROR || end == NGX_ERROR || first > end || end > 999) {
        return "has an invalid \"status\"";
    }

    range = ngx_array_push(filter->statuses);
    if (range == NULL) {
        return NGX_CONF_ERROR;
    }

    range->first = first;
    range->last = end;

    return NGX_CONF_OK;
}


/* access_log PATH [TEXT]; access_log PATH json KEY=VALUE ...; */

char *
ngx_mesh_conf_access_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    ngx_str_t        *value;
    ngx_mesh_json_t  *log, *file, *format;

    if (ngx_mesh_json_get(block->spec, "logging")) {
        return "is duplicate";
    }

    value = cf->args->elts;

    log = ngx_mesh_conf_add(cf, block->spec, "logging", NGX_MESH_JSON_OBJECT);
    log = ngx_mesh_conf_add(cf, log, "accessLog", NGX_MESH_JSON_OBJECT);
    file = ngx_mesh_conf_add(cf, log, "file", NGX_MESH_JSON_OBJECT);

    if (ngx_mesh_conf_add_string(cf, file, "path", &value[1]) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    format = ngx_mesh_conf_add(cf, file, "format", NGX_MESH_JSON_OBJECT);

    if (ngx_strcmp(value[2].data, "json") == 0) {
        return ngx_mesh_conf_log_json(cf, format);
    }

    if (cf->args->nelts > 3) {
        return "has more than one format, quote it or write \"json\" first";
    }

    return ngx_mesh_conf_add_string(cf, format, "text", &value[2]);
}


static char *
ngx_mesh_conf_log_json(ngx_conf_t *cf, ngx_mesh_json_t *format)
{
    u_char           *equals;
    ngx_str_t        *value, key, text;
    ngx_uint_t        i;
    ngx_mesh_json_t  *list, *member;

    value = cf->args->elts;
    list = ngx_mesh_conf_add(cf, format, "json", NGX_MESH_JSON_ARRAY);

    for (i = 3; i < cf->args->nelts; i++) {

        equals = ngx_strlchr(value[i].data, value[i].data + value[i].len, '=');

        if (equals == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid member \"%V\", "
                               "must be \"key=format\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        key.data = value[i].data;
        key.len = equals - key.data;
        text.data = equals + 1;
        text.len = value[i].len - key.len - 1;

        member = ngx_mesh_conf_add(cf, list, NULL, NGX_MESH_JSON_OBJECT);

        if (ngx_mesh_conf_add_string(cf, member, "key", &key) != NGX_CONF_OK
            || ngx_mesh_conf_add_string(cf, member, "value", &text)
               != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_mesh_log_use(ngx_conf_t *cf, ngx_mesh_log_conf_t *conf)
{
    conf->used = (conf->enable != 0);

    return conf->used ? ngx_mesh_log_file_conf(cf) : NGX_OK;
}
