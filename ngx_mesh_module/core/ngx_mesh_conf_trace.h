
/*
 * Copyright (C) nginx mesh contributors
 */

/* What mesh{} says of traces and of the headers that Envoy would add. */


#ifndef _NGX_MESH_CONF_TRACE_H_INCLUDED_
#define _NGX_MESH_CONF_TRACE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_sampling.h"
#include "ngx_mesh_trace.h"
#include "ngx_mesh_xray.h"


typedef enum {
    NGX_MESH_SERVER_HEADER_APPLICATION = 0,     /* as it answers */
    NGX_MESH_SERVER_HEADER_ENVOY
} ngx_mesh_server_header_e;


typedef struct {
    ngx_uint_t                  enabled;        /* there is somebody to send
                                                   traces to, or a header to be
                                                   written */
    ngx_uint_t                  headers;        /* NGX_MESH_TRACE_XRAY, ... */

    /* the directive "xray"; its address is that of the daemon, UDP and TCP */
    ngx_flag_t                  xray;
    ngx_addr_t                  daemon;
    ngx_str_t                   name;           /* of segments, never empty */
    ngx_mesh_xray_proxy_t       proxy;
    ngx_flag_t                  central;
    ngx_flag_t                  retries;

    ngx_uint_t                  attempts;       /* somebody wants to know of
                                                   each one */

    ngx_mesh_sampling_rules_t  *rules;          /* local ones */
    ngx_mesh_sampling_t        *sampling;       /* NULL: not enabled */

    ngx_flag_t                  envoy_headers;
    ngx_uint_t                  server_header;  /* ngx_mesh_server_header_e */
} ngx_mesh_trace_conf_t;


/* directives of mesh{} */
char *ngx_mesh_conf_xray(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_trace_sampling(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_mesh_conf_trace_headers(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* before mesh{} is read: everything is zeroed */
void ngx_mesh_conf_trace_init(ngx_mesh_trace_conf_t *tc);

/* at its end; "conf" is ngx_mesh_conf_t */
char *ngx_mesh_conf_trace_check(ngx_conf_t *cf, void *conf);


#endif /* _NGX_MESH_CONF_TRACE_H_INCLUDED_ */
