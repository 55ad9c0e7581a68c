
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Which proxy this is, and where its document comes from: "resource" and the
 * directives "control_plane" and "control_plane_*".  What takes more than one
 * of them to decide is checked when the block is closed.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_conf.h"
#include "ngx_mesh_tls.h"


#define NGX_MESH_CONF_CONTROL_PATH  "/mesh/v1/meshes/%*s/%s/%*s/document"


static char *ngx_mesh_conf_resource_arn(ngx_conf_t *cf, ngx_mesh_conf_t *mcf,
    ngx_str_t *path);
static char *ngx_mesh_conf_control_url(ngx_conf_t *cf, ngx_mesh_conf_t *mcf,
    ngx_str_t *text);
static char *ngx_mesh_conf_control_arg(ngx_conf_t *cf, ngx_mesh_conf_t *mcf,
    ngx_str_t *arg);
static ngx_int_t ngx_mesh_conf_control_time(ngx_str_t *arg, size_t skip,
    ngx_msec_t *time);
static ngx_uint_t ngx_mesh_conf_control_unused(ngx_conf_t *cf,
    ngx_mesh_conf_t *mcf);
static char *ngx_mesh_conf_control_tls(ngx_conf_t *cf, ngx_mesh_conf_t *mcf);
static ngx_int_t ngx_mesh_conf_control_uri(ngx_conf_t *cf,
    ngx_mesh_conf_t *mcf);
static u_char *ngx_mesh_conf_control_escape(ngx_conf_t *cf, ngx_str_t *name,
    size_t *len);


/* "virtualNode/NAME", "mesh/MESH/virtualNode/NAME", or a whole ARN of that */

char *
ngx_mesh_conf_resource(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    char       *rv;
    ngx_str_t  *value, path;

    if (mcf->resource.len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    path = value[1];

    rv = ngx_mesh_conf_resource_arn(cf, mcf, &path);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    mcf->resource = path;

    if (ngx_strncmp(path.data, "virtualNode/", 12) == 0) {
        mcf->resource_type = NGX_MESH_RESOURCE_VIRTUAL_NODE;
        mcf->resource_name.data = path.data + 12;

    } else if (ngx_strncmp(path.data, "virtualGateway/", 15) == 0) {
        mcf->resource_type = NGX_MESH_RESOURCE_VIRTUAL_GATEWAY;
        mcf->resource_name.data = path.data + 15;

    } else {
        return "must be \"virtualNode/NAME\" or \"virtualGateway/NAME\"";
    }

    mcf->resource_name.len = path.data + path.len - mcf->resource_name.data;

    if (mcf->resource_name.len == 0 || mcf->resource_name.len > 255) {
        return "must be \"virtualNode/NAME\" or \"virtualGateway/NAME\"";
    }

    return NGX_CONF_OK;
}


/* what comes before the type of the resource is taken off "path" */

static char *
ngx_mesh_conf_resource_arn(ngx_conf_t *cf, ngx_mesh_conf_t *mcf,
    ngx_str_t *path)
{
    u_char      *p, *q, *last;
    ngx_uint_t   n;

    p = path->data;
    last = p + path->len;

    if (ngx_strncmp(p, "arn:", 4) == 0) {

        /* arn:PARTITION:appmesh:REGION:ACCOUNT:mesh/... */

        for (n = 0; n < 5; n++) {
            q = ngx_strlchr(p, last, ':');
            if (q == NULL) {
                return "has an invalid ARN";
            }

            if (n == 2 && (q - p != 7 || ngx_strncmp(p, "appmesh", 7) != 0)) {
                return "has an ARN that is not of App Mesh";
            }

            if (n == 4) {
                mcf->owner.data = p;
                mcf->owner.len = q - p;

                while (p < q && *p >= '0' && *p <= '9') { p++; }

                if (p != q) {
                    return "has an invalid ARN";
                }
            }

            p = q + 1;
        }

        if (ngx_strncmp(p, "mesh/", 5) != 0) {
            return "has an invalid ARN";
        }
    }

    if (ngx_strncmp(p, "mesh/", 5) == 0) {
        p += 5;

        q = ngx_strlchr(p, last, '/');
        if (q == NULL) {
            return "must be \"virtualNode/NAME\" or \"virtualGateway/NAME\"";
        }

        if ((size_t) (q - p) != mcf->name.len
            || ngx_strncmp(p, mcf->name.data, mcf->name.len) != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"resource\" is of mesh \"%*s\", not of "
                               "\"%V\"", (size_t) (q - p), p, &mcf->name);
            return NGX_CONF_ERROR;
        }

        p = q + 1;
    }

    path->data = p;
    path->len = last - p;

    return NGX_CONF_OK;
}


char *
ngx_mesh_conf_control_plane(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (mcf->control_plane.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "file:/", 6) != 0) {
        rv = ngx_mesh_conf_control_url(cf, mcf, &value[1]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    mcf->control_plane = value[1];
    mcf->control.file = cf->conf_file->file.name.data;
    mcf->control.line = cf->conf_file->line;

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_mesh_conf_control_arg(cf, mcf, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_mesh_conf_control_url(ngx_conf_t *cf, ngx_mesh_conf_t *mcf,
    ngx_str_t *text)
{
    const char      *error;
    ngx_mesh_url_t  *url;

    if (ngx_strncmp(text->data, "http:", 5) != 0
        && ngx_strncmp(text->data, "https:", 6) != 0)
    {
        return "must be \"file:\" and an absolute path, or a URL of "
               "\"http:\" or \"https:\"";
    }

    url = &mcf->control.url;

    error = ngx_mesh_url_parse(cf->pool, text, url);

    if (error == NULL
        && ngx_strlchr(url->path.data, url->path.data + url->path.len, '?'))
    {
        error = "a query string";
    }

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "URL \"%V\" has %s", text,
                           error);
        return NGX_CONF_ERROR;
    }

    while (url->path.len && url->path.data[url->path.len - 1] == '/') {
        url->path.len--;
    }

    return NGX_CONF_OK;
}


static char *
ngx_mesh_conf_control_arg(ngx_conf_t *cf, ngx_mesh_conf_t *mcf, ngx_str_t *arg)
{
    if (ngx_strncmp(arg->data, "interval=", 9) == 0) {

        if (ngx_mesh_conf_control_time(arg, 9, &mcf->interval) != NGX_OK
            || mcf->interval < 10)
        {
            return "has an invalid \"interval\", it must be at least 10ms";
        }

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(arg->data, "wait=", 5) == 0 && mcf->control.url.host.len) {

        if (ngx_mesh_conf_control_time(arg, 5, &mcf->control.wait) != NGX_OK
            || mcf->control.wait % 1000
            || mcf->control.wait > 3600000)
        {
            return "has an invalid \"wait\", it must be whole seconds, an "
                   "hour at most";
        }

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", arg);

    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mesh_conf_control_time(ngx_str_t *arg, size_t skip, ngx_msec_t *time)
{
    ngx_str_t  s;

    s.data = arg->data + skip;
    s.len = arg->len - skip;

    *time = ngx_parse_time(&s, 0);

    return (*time == (ngx_msec_t) NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


char *
ngx_mesh_conf_control_timeout(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    ngx_str_t                *value;
    ngx_mesh_control_conf_t  *ctl;

    ctl = &mcf->control;

    if (ctl->timeout != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_mesh_conf_control_time(&value[1], 0, &ctl->timeout) != NGX_OK
        || ctl->timeout == 0)
    {
        return "has an invalid time";
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "total=", 6) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    if (ngx_mesh_conf_control_time(&value[2], 6, &ctl->deadline) != NGX_OK
        || ctl->deadline < ctl->timeout)
    {
        return "has an invalid \"total\", it must not be less than the time "
               "of a step";
    }

    return NGX_CONF_OK;
}


char *
ngx_mesh_conf_control_signing(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    ngx_str_t                *value, *to;
    ngx_uint_t                i, skip;
    ngx_mesh_control_conf_t  *ctl;

    ctl = &mcf->control;

    if (ctl->signing != NGX_MESH_SIGNING_AUTO) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        ctl->signing = NGX_MESH_SIGNING_OFF;
        return NGX_CONF_OK;
    }

    ctl->signing = NGX_MESH_SIGNING_ON;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "on") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "region=", 7) == 0) {
            to = &ctl->region;
            skip = 7;

        } else if (ngx_strncmp(value[i].data, "service=", 8) == 0) {
            to = &ctl->service;
            skip = 8;

        } else {
            to = NULL;
            skip = 0;
        }

        if (to == NULL || value[i].len == skip || to->len) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        to->data = value[i].data + skip;
        to->len = value[i].len - skip;
    }

    return NGX_CONF_OK;
}


char *
ngx_mesh_conf_control_check(ngx_conf_t *cf, ngx_mesh_conf_t *mcf)
{
    ngx_mesh_control_conf_t  *ctl;

    ctl = &mcf->control;

    if (ctl->url.host.len == 0) {
        return ngx_mesh_conf_control_unused(cf, mcf) ? NGX_CONF_ERROR
                                                     : NGX_CONF_OK;
    }

    if (mcf->resource.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"control_plane\" with a URL needs \"resource\" "
                           "in mesh \"%V\"", &mcf->name);
        return NGX_CONF_ERROR;
    }

    ngx_conf_init_msec_value(ctl->wait, 50000);
    ngx_conf_init_msec_value(ctl->timeout, 10000);
    ngx_conf_init_msec_value(ctl->deadline, ngx_max(60000, ctl->timeout));

    if (ngx_mesh_conf_control_uri(cf, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_mesh_conf_control_tls(cf, mcf);
}


/* directives that nothing would read are mistakes */

static ngx_uint_t
ngx_mesh_conf_control_unused(ngx_conf_t *cf, ngx_mesh_conf_t *mcf)
{
    const char               *name;
    ngx_mesh_control_conf_t  *ctl;

    ctl = &mcf->control;
    name = NULL;

    if (ctl->timeout != NGX_CONF_UNSET_MSEC) {
        name = "control_plane_timeout";
    }

    if (ctl->signing != NGX_MESH_SIGNING_AUTO) {
        name = "control_plane_signing";
    }

    if (ctl->trusted.len || ctl->certificate.len || ctl->certificate_key.len
        || ctl->server_name.len)
    {
        name = "control_plane_* of TLS";
    }

    if (name) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" has no use with this \"control_plane\" in "
                           "mesh \"%V\"", name, &mcf->name);
        return 1;
    }

    return 0;
}


static char *
ngx_mesh_conf_control_tls(ngx_conf_t *cf, ngx_mesh_conf_t *mcf)
{
    ngx_uint_t                i;
    ngx_str_t                *file[3];
    ngx_mesh_control_conf_t  *ctl;

    ctl = &mcf->control;

    file[0] = &ctl->trusted;
    file[1] = &ctl->certificate;
    file[2] = &ctl->certificate_key;

    if (!ctl->url.tls) {

        if (file[0]->len || file[1]->len || file[2]->len
            || ctl->server_name.len)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "certificates and names of TLS have no use "
                               "with \"control_plane %V\"",
                               &mcf->control_plane);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (!file[1]->len != !file[2]->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"control_plane_certificate\" and "
                           "\"control_plane_certificate_key\" need each "
                           "other in mesh \"%V\"", &mcf->name);
        return NGX_CONF_ERROR;
    }

#if (NGX_SSL)

    for (i = 0; i < 3; i++) {
        if (file[i]->len && ngx_conf_full_name(cf->cycle, file[i], 1)
                            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    ctl->ssl = ngx_mesh_tls_client(cf, file[0], file[1], file[2]);

    if (ctl->ssl == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_mesh_tls_expires(ctl->ssl, file[0]->len, &mcf->stats.expires);

    return NGX_CONF_OK;

#else

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"control_plane %V\" needs an nginx with TLS",
                       &mcf->control_plane);

    return NGX_CONF_ERROR;

#endif
}


static ngx_int_t
ngx_mesh_conf_control_uri(ngx_conf_t *cf, ngx_mesh_conf_t *mcf)
{
    u_char                   *p, *mesh, *name;
    size_t                    mesh_len, name_len;
    const char               *type;
    ngx_mesh_control_conf_t  *ctl;

    ctl = &mcf->control;

    type = (mcf->resource_type == NGX_MESH_RESOURCE_VIRTUAL_NODE)
           ? "virtualNodes" : "virtualGateways";

    mesh = ngx_mesh_conf_control_escape(cf, &mcf->name, &mesh_len);
    name = ngx_mesh_conf_control_escape(cf, &mcf->resource_name, &name_len);

    if (mesh == NULL || name == NULL) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(cf->pool, ctl->url.path.len
                              + sizeof(NGX_MESH_CONF_CONTROL_PATH)
                              + sizeof("virtualGateways?meshOwner=")
                              + mesh_len + name_len + mcf->owner.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctl->uri.data = p;

    p = ngx_cpymem(p, ctl->url.path.data, ctl->url.path.len);
    p = ngx_sprintf(p, NGX_MESH_CONF_CONTROL_PATH, mesh_len, mesh, type,
                    name_len, name);

    if (mcf->owner.len) {
        p = ngx_sprintf(p, "?meshOwner=%V", &mcf->owner);
    }

    ctl->uri.len = p - ctl->uri.data;

    return NGX_OK;
}


static u_char *
ngx_mesh_conf_control_escape(ngx_conf_t *cf, ngx_str_t *name, size_t *len)
{
    u_char  *p;

    *len = name->len + 2 * ngx_escape_uri(NULL, name->data, name->len,
                                          NGX_ESCAPE_URI_COMPONENT);
    p = ngx_pnalloc(cf->pool, *len);

    if (p) {
        (void) ngx_escape_uri(p, name->data, name->len,
                              NGX_ESCAPE_URI_COMPONENT);
    }

    return p;
}
