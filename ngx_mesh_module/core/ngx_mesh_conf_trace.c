
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Directives of mesh{} about traces: which headers are written, which requests
 * are traced, and where X-Ray's daemon is.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"


#define NGX_MESH_XRAY_PORT       2000
#define NGX_MESH_XRAY_NAME       200            /* X-Ray's limit */
#define NGX_MESH_MANIFEST_SIZE   (256 * 1024)


static char *ngx_mesh_conf_xray_arg(ngx_conf_t *cf, ngx_mesh_trace_conf_t *tc,
    ngx_str_t *arg);
static char *ngx_mesh_conf_xray_flag(ngx_conf_t *cf, ngx_str_t *arg,
    size_t skip, ngx_flag_t *flag);
static char *ngx_mesh_conf_sampling_arg(ngx_conf_t *cf,
    ngx_mesh_trace_conf_t *tc, ngx_str_t *arg);
static char *ngx_mesh_conf_sampling_manifest(ngx_conf_t *cf,
    ngx_mesh_trace_conf_t *tc, ngx_str_t *name);
static ngx_int_t ngx_mesh_conf_read_file(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);
static ngx_int_t ngx_mesh_conf_xray_proxy(ngx_conf_t *cf,
    ngx_mesh_trace_conf_t *tc, ngx_mesh_conf_t *mcf);


/*
 * xray [ADDRESS] [name=NAME] [rate=RATE | rules=FILE] [central=on|off]
 *      [retries=on|off];
 */

char *
ngx_mesh_conf_xray(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    char                   *rv;
    ngx_str_t              *value, address;
    ngx_uint_t              i;
    ngx_mesh_trace_conf_t  *tc;

    tc = &mcf->trace;

    if (tc->xray != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    tc->xray = 1;

    value = cf->args->elts;
    i = 1;

    ngx_str_set(&address, "127.0.0.1");

    if (cf->args->nelts > 1
        && ngx_strlchr(value[1].data, value[1].data + value[1].len, '=')
           == NULL)
    {
        address = value[1];
        i = 2;
    }

    if (i == 2 && ngx_strcmp(address.data, "off") == 0) {
        tc->xray = 0;
        return (cf->args->nelts == 2) ? NGX_CONF_OK
                                      : "has parameters after \"off\"";
    }

    if (ngx_parse_addr_port(cf->pool, &tc->daemon, address.data, address.len)
        != NGX_OK)
    {
        return "must have an IP address, with or without a port";
    }

    if (ngx_inet_get_port(tc->daemon.sockaddr) == 0) {
        ngx_inet_set_port(tc->daemon.sockaddr, NGX_MESH_XRAY_PORT);
    }

    for ( /* void */ ; i < cf->args->nelts; i++) {
        rv = ngx_mesh_conf_xray_arg(cf, tc, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_mesh_conf_xray_arg(ngx_conf_t *cf, ngx_mesh_trace_conf_t *tc,
    ngx_str_t *arg)
{
    if (ngx_strncmp(arg->data, "name=", 5) == 0) {

        if (tc->name.len || arg->len == 5 || arg->len > 5 + NGX_MESH_XRAY_NAME)
        {
            return "has an invalid \"name\"";
        }

        tc->name.data = arg->data + 5;
        tc->name.len = arg->len - 5;

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(arg->data, "central=", 8) == 0) {
        return ngx_mesh_conf_xray_flag(cf, arg, 8, &tc->central);
    }

    if (ngx_strncmp(arg->data, "retries=", 8) == 0) {
        return ngx_mesh_conf_xray_flag(cf, arg, 8, &tc->retries);
    }

    return ngx_mesh_conf_sampling_arg(cf, tc, arg);
}


static char *
ngx_mesh_conf_xray_flag(ngx_conf_t *cf, ngx_str_t *arg, size_t skip,
    ngx_flag_t *flag)
{
    if (*flag == NGX_CONF_UNSET) {

        if (ngx_strcmp(arg->data + skip, "on") == 0) {
            *flag = 1;
            return NGX_CONF_OK;
        }

        if (ngx_strcmp(arg->data + skip, "off") == 0) {
            *flag = 0;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", arg);

    return NGX_CONF_ERROR;
}


/* trace_sampling rate=RATE | rules=FILE; without "xray", which has the same */

char *
ngx_mesh_conf_trace_sampling(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_mesh_conf_sampling_arg(cf, &mcf->trace, &value[1]);
}


static char *
ngx_mesh_conf_sampling_arg(ngx_conf_t *cf, ngx_mesh_trace_conf_t *tc,
    ngx_str_t *arg)
{
    ngx_int_t   rate;
    ngx_str_t   value;
    ngx_uint_t  rules;

    rules = (ngx_strncmp(arg->data, "rules=", 6) == 0);

    if (!rules && ngx_strncmp(arg->data, "rate=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           arg);
        return NGX_CONF_ERROR;
    }

    if (tc->rules) {
        return "has more than one \"rate\" or \"rules\"";
    }

    value.data = arg->data + (rules ? 6 : 5);
    value.len = arg->len - (rules ? 6 : 5);

    if (rules) {
        return ngx_mesh_conf_sampling_manifest(cf, tc, &value);
    }

    rate = ngx_mesh_sampling_rate(&value);

    if (rate == NGX_ERROR) {
        return "must have a \"rate\" from 0 to 1";
    }

    /* App Mesh rounds to whole percents */

    rate = (rate + NGX_MESH_SAMPLING_MILLION / 200)
           / (NGX_MESH_SAMPLING_MILLION / 100)
           * (NGX_MESH_SAMPLING_MILLION / 100);

    tc->rules = ngx_mesh_sampling_default(cf->pool, rate);

    return tc->rules ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_mesh_conf_sampling_manifest(ngx_conf_t *cf, ngx_mesh_trace_conf_t *tc,
    ngx_str_t *name)
{
    ngx_str_t  text, error;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK
        || ngx_mesh_conf_read_file(cf, name, &text) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    tc->rules = ngx_mesh_sampling_manifest(cf->pool, &text, &error);

    if (tc->rules == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sampling rules \"%V\": %V", name, &error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mesh_conf_read_file(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
{
    off_t            size;
    ssize_t          n;
    ngx_file_t       file;
    const char      *error;
    ngx_file_info_t  fi;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *name;
    file.log = cf->log;

    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    error = NULL;

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR) {
        error = "cannot be read";

    } else if (!ngx_is_file(&fi)) {
        error = "is not a file";

    } else if (ngx_file_size(&fi) > NGX_MESH_MANIFEST_SIZE) {
        error = "is larger than 256k";

    } else {
        size = ngx_file_size(&fi);
        text->data = ngx_pnalloc(cf->pool, (size_t) size + 1);

        n = text->data ? ngx_read_file(&file, text->data, (size_t) size, 0)
                       : NGX_ERROR;

        text->len = (size_t) size;

        if (n != (ssize_t) size) {
            error = "cannot be read";
        }
    }

    (void) ngx_close_file(file.fd);

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "sampling rules \"%V\" %s",
                           name, error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* trace_headers [xray] [w3c] [b3] | off; */

char *
ngx_mesh_conf_trace_headers(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    ngx_str_t              *value;
    ngx_uint_t              i, n;
    ngx_mesh_trace_conf_t  *tc;

    static ngx_conf_enum_t  names[] = {
        { ngx_string("xray"), NGX_MESH_TRACE_XRAY },
        { ngx_string("w3c"), NGX_MESH_TRACE_W3C },
        { ngx_string("b3"), NGX_MESH_TRACE_B3 },
        { ngx_null_string, 0 }
    };

    tc = &mcf->trace;

    if (tc->headers != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    tc->headers = 0;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        for (n = 0; names[n].name.len; n++) {
            if (ngx_strcmp(value[i].data, names[n].name.data) == 0) {
                break;
            }
        }

        if (names[n].name.len == 0 || (tc->headers & names[n].value)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        tc->headers |= names[n].value;
    }

    return NGX_CONF_OK;
}


void
ngx_mesh_conf_trace_init(ngx_mesh_trace_conf_t *tc)
{
    tc->headers = NGX_CONF_UNSET_UINT;
    tc->xray = NGX_CONF_UNSET;
    tc->central = NGX_CONF_UNSET;
    tc->retries = NGX_CONF_UNSET;
    tc->envoy_headers = NGX_CONF_UNSET;
    tc->server_header = NGX_CONF_UNSET_UINT;
}


char *
ngx_mesh_conf_trace_check(ngx_conf_t *cf, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    ngx_uint_t              otlp;
    ngx_mesh_trace_conf_t  *tc;

    tc = &mcf->trace;
    otlp = (mcf->otlp != NULL);

    ngx_conf_init_value(tc->xray, 0);
    ngx_conf_init_value(tc->central, 0);
    ngx_conf_init_value(tc->retries, 0);
    ngx_conf_init_value(tc->envoy_headers, 1);
    ngx_conf_init_uint_value(tc->server_header,
                             NGX_MESH_SERVER_HEADER_APPLICATION);
    ngx_conf_init_uint_value(tc->headers,
                             (tc->xray ? NGX_MESH_TRACE_XRAY : 0)
                             | (otlp ? NGX_MESH_TRACE_W3C : 0));

    tc->enabled = tc->xray || otlp || tc->headers;
    tc->attempts = (tc->xray && tc->retries) || (otlp && mcf->otlp->retries);

    if (ngx_mesh_conf_xray_proxy(cf, tc, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (!tc->enabled) {

        if (tc->rules) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"trace_sampling\" has no use without "
                               "\"xray\" or \"otlp\" in mesh \"%V\"",
                               &mcf->name);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (tc->rules == NULL) {
        tc->rules = ngx_mesh_sampling_default(cf->pool,
                                              NGX_MESH_SAMPLING_DEFAULT_RATE);
        if (tc->rules == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    tc->sampling = ngx_mesh_sampling_add(cf, tc->rules);

    return tc->sampling ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* segments are named "mesh/node" */

static ngx_int_t
ngx_mesh_conf_xray_proxy(ngx_conf_t *cf, ngx_mesh_trace_conf_t *tc,
    ngx_mesh_conf_t *mcf)
{
    u_char                 *p;
    ngx_mesh_xray_proxy_t  *proxy;

    proxy = &tc->proxy;

    p = ngx_pnalloc(cf->pool, 2 * mcf->name.len + mcf->resource.len
                              + mcf->resource_name.len + sizeof("mesh///"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    proxy->mesh = mcf->name;
    proxy->resource = mcf->resource_name;

    proxy->node_id.data = p;
    p = ngx_sprintf(p, "mesh/%V", &mcf->name);

    if (mcf->resource.len) {
        p = ngx_sprintf(p, "/%V", &mcf->resource);
    }

    proxy->node_id.len = p - proxy->node_id.data;

    if (tc->name.len == 0) {
        tc->name.data = p;
        p = ngx_cpymem(p, mcf->name.data, mcf->name.len);

        if (mcf->resource_name.len) {
            p = ngx_sprintf(p, "/%V", &mcf->resource_name);
        }

        tc->name.len = ngx_min(p - tc->name.data, NGX_MESH_XRAY_NAME);
    }

    proxy->name = tc->name;

    return NGX_OK;
}
