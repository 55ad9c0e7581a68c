
/*
 * Copyright (C) nginx mesh contributors
 */

/* Where spans of OpenTelemetry are sent: the directive "otlp". */


#ifndef _NGX_MESH_CONF_OTLP_H_INCLUDED_
#define _NGX_MESH_CONF_OTLP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_url.h"


#define NGX_MESH_OTLP_MEMORY_MIN  (128 * 1024)


typedef struct {
    ngx_mesh_url_t             url;
    ngx_str_t                  text;            /* as written */
    ngx_str_t                  uri;             /* "/v1/traces" */
    ngx_array_t               *headers;         /* ngx_keyval_t; or NULL */

    ngx_msec_t                 interval;        /* spans wait so long */
    ngx_msec_t                 timeout;         /* of a request, all of it */
    ngx_uint_t                 batch;           /* spans of a request */
    size_t                     memory;          /* bytes of spans, a worker */

    ngx_str_t                  name;            /* service.name, or empty */
    ngx_str_t                  trusted;         /* file, or empty */
    ngx_flag_t                 retries;         /* a span for each attempt */
    void                      *ssl;             /* ngx_ssl_t *, with TLS */
} ngx_mesh_otlp_conf_t;


/* the directive, in mesh{}; "conf" is ngx_mesh_conf_t */
char *ngx_mesh_conf_otlp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_MESH_CONF_OTLP_H_INCLUDED_ */
