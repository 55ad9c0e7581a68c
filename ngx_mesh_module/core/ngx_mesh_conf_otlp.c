
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * otlp URL [header=NAME:VALUE ...] [interval=TIME] [batch=N] [memory=SIZE]
 *     [timeout=TIME] [name=NAME] [trusted=FILE] [retries=on|off];
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_conf.h"
#include "ngx_mesh_conf_otlp.h"
#include "ngx_mesh_tls.h"


#define NGX_MESH_CONF_OTLP_PATH  "/v1/traces"


static char *ngx_mesh_conf_otlp_url(ngx_conf_t *cf, ngx_mesh_otlp_conf_t *oc);
static char *ngx_mesh_conf_otlp_arg(ngx_conf_t *cf, ngx_mesh_otlp_conf_t *oc,
    ngx_str_t *arg);
static ngx_uint_t ngx_mesh_conf_otlp_time(ngx_str_t *value, ngx_msec_t *time);
static char *ngx_mesh_conf_otlp_header(ngx_conf_t *cf,
    ngx_mesh_otlp_conf_t *oc, ngx_str_t *value);
static ngx_uint_t ngx_mesh_conf_otlp_token(ngx_str_t *name);
static ngx_uint_t ngx_mesh_conf_otlp_value(ngx_str_t *value);
static char *ngx_mesh_conf_otlp_tls(ngx_conf_t *cf, ngx_mesh_otlp_conf_t *oc);


char *
ngx_mesh_conf_otlp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    char                  *rv;
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_mesh_otlp_conf_t  *oc;

    if (mcf->otlp) {
        return "is duplicate";
    }

    oc = ngx_pcalloc(cf->pool, sizeof(ngx_mesh_otlp_conf_t));
    if (oc == NULL) {
        return NGX_CONF_ERROR;
    }

    oc->interval = 5000;
    oc->timeout = 10000;
    oc->batch = 512;
    oc->memory = 1024 * 1024;

    value = cf->args->elts;
    oc->text = value[1];

    rv = ngx_mesh_conf_otlp_url(cf, oc);

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = ngx_mesh_conf_otlp_arg(cf, oc, &value[i]);
    }

    if (rv == NGX_CONF_OK) {
        rv = ngx_mesh_conf_otlp_tls(cf, oc);
    }

    mcf->otlp = oc;

    return rv;
}


/* a URL without a path is that of the collector, with one that of the traces */

static char *
ngx_mesh_conf_otlp_url(ngx_conf_t *cf, ngx_mesh_otlp_conf_t *oc)
{
    const char  *error;

    error = ngx_mesh_url_parse(cf->pool, &oc->text, &oc->url);

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"otlp %V\" has %s",
                           &oc->text, error);
        return NGX_CONF_ERROR;
    }

    if (oc->url.path.len > 1) {
        oc->uri = oc->url.path;

    } else {
        ngx_str_set(&oc->uri, NGX_MESH_CONF_OTLP_PATH);
    }

    return NGX_CONF_OK;
}


static char *
ngx_mesh_conf_otlp_arg(ngx_conf_t *cf, ngx_mesh_otlp_conf_t *oc,
    ngx_str_t *arg)
{
    u_char     *p;
    ssize_t     size;
    ngx_int_t   n;
    ngx_str_t   value;

    p = ngx_strlchr(arg->data, arg->data + arg->len, '=');

    if (p == NULL) {
        goto invalid;
    }

    p++;
    value.data = p;
    value.len = arg->data + arg->len - p;

    if (ngx_strncmp(arg->data, "header=", 7) == 0) {
        return ngx_mesh_conf_otlp_header(cf, oc, &value);
    }

    if (ngx_strncmp(arg->data, "interval=", 9) == 0) {
        if (ngx_mesh_conf_otlp_time(&value, &oc->interval)) {
            return NGX_CONF_OK;
        }

    } else if (ngx_strncmp(arg->data, "timeout=", 8) == 0) {
        if (ngx_mesh_conf_otlp_time(&value, &oc->timeout)) {
            return NGX_CONF_OK;
        }

    } else if (ngx_strncmp(arg->data, "batch=", 6) == 0) {
        n = ngx_atoi(value.data, value.len);

        if (n != NGX_ERROR && n > 0) {
            oc->batch = n;
            return NGX_CONF_OK;
        }

    } else if (ngx_strncmp(arg->data, "memory=", 7) == 0) {
        size = ngx_parse_size(&value);

        if (size != NGX_ERROR && size >= NGX_MESH_OTLP_MEMORY_MIN) {
            oc->memory = size;
            return NGX_CONF_OK;
        }

        return "needs a \"memory\" of at least 128k";

    } else if (ngx_strncmp(arg->data, "name=", 5) == 0) {
        if (value.len && value.len < 256) {
            oc->name = value;
            return NGX_CONF_OK;
        }

    } else if (ngx_strncmp(arg->data, "trusted=", 8) == 0) {
        if (value.len) {
            oc->trusted = value;
            return NGX_CONF_OK;
        }

    } else if (ngx_strcmp(arg->data, "retries=on") == 0) {
        oc->retries = 1;
        return NGX_CONF_OK;

    } else if (ngx_strcmp(arg->data, "retries=off") == 0) {
        oc->retries = 0;
        return NGX_CONF_OK;
    }

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"otlp\"", arg);

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_mesh_conf_otlp_time(ngx_str_t *value, ngx_msec_t *time)
{
    ngx_int_t  ms;

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR || ms == 0 || ms > 3600 * 1000) {
        return 0;
    }

    *time = ms;

    return 1;
}


/* values may be secrets and are not shown */

static char *
ngx_mesh_conf_otlp_header(ngx_conf_t *cf, ngx_mesh_otlp_conf_t *oc,
    ngx_str_t *value)
{
    u_char        *p, *end;
    ngx_keyval_t  *kv;

    if (oc->headers == NULL) {
        oc->headers = ngx_array_create(cf->pool, 2, sizeof(ngx_keyval_t));
        if (oc->headers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    kv = ngx_array_push(oc->headers);
    if (kv == NULL) {
        return NGX_CONF_ERROR;
    }

    end = value->data + value->len;
    p = ngx_strlchr(value->data, end, ':');

    if (p == NULL) {
        return "has a header without \":\"";
    }

    kv->key.data = value->data;
    kv->key.len = p - value->data;

    for (p++; p < end && *p == ' '; p++) { /* void */ }

    kv->value.data = p;
    kv->value.len = end - p;

    if (!ngx_mesh_conf_otlp_token(&kv->key)
        || !ngx_mesh_conf_otlp_value(&kv->value))
    {
        return "has a header with invalid characters";
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_mesh_conf_otlp_token(ngx_str_t *name)
{
    u_char  c;
    size_t  i;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (c == '-' || c == '_' || (c >= '0' && c <= '9')) {
            continue;
        }

        c |= 0x20;

        if (c < 'a' || c > 'z') {
            return 0;
        }
    }

    return name->len != 0;
}


static ngx_uint_t
ngx_mesh_conf_otlp_value(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < ' ' || value->data[i] == 0x7f) {
            return 0;
        }
    }

    return 1;
}


static char *
ngx_mesh_conf_otlp_tls(ngx_conf_t *cf, ngx_mesh_otlp_conf_t *oc)
{
#if (NGX_SSL)
    ngx_str_t  none;
#endif

    if (!oc->url.tls) {
        return oc->trusted.len ? "has no use for \"trusted\" without https"
                               : NGX_CONF_OK;
    }

#if (NGX_SSL)

    if (oc->trusted.len
        && ngx_conf_full_name(cf->cycle, &oc->trusted, 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&none);

    oc->ssl = ngx_mesh_tls_client(cf, &oc->trusted, &none, &none);

    return oc->ssl ? NGX_CONF_OK : NGX_CONF_ERROR;

#else

    return "with https needs an nginx with TLS";

#endif
}
