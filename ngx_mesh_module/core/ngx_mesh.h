
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The core module: the mesh{} block and what every other room needs to know
 * of it.  Configuration is made by the master at configuration time and is
 * read-only afterwards.
 */


#ifndef _NGX_MESH_H_INCLUDED_
#define _NGX_MESH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_compat.h"
#include "ngx_mesh_conf_otlp.h"
#include "ngx_mesh_conf_stats.h"
#include "ngx_mesh_conf_trace.h"
#include "ngx_mesh_document.h"
#include "ngx_mesh_json.h"
#include "ngx_mesh_log.h"
#include "ngx_mesh_metrics.h"
#include "ngx_mesh_model.h"
#include "ngx_mesh_shm.h"
#include "ngx_mesh_url.h"


#define NGX_MESH_VERSION           "0.1.0"

#define NGX_MESH_MODULE            0x4853454d   /* "MESH" */
#define NGX_MESH_CONF              0x02000000   /* in mesh{} */
#define NGX_MESH_NODE_CONF         0x04000000   /* in virtual_node{} */
#define NGX_MESH_ROUTER_CONF       0x08000000   /* in virtual_router{} */
#define NGX_MESH_ROUTE_CONF        0x10000000   /* in route{} */


typedef enum {
    NGX_MESH_SIGNING_AUTO = 0,                  /* if there are credentials */
    NGX_MESH_SIGNING_OFF,
    NGX_MESH_SIGNING_ON
} ngx_mesh_signing_e;


/* how the control plane is to be asked, if it is not a file */

typedef struct {
    ngx_mesh_url_t             url;             /* without host: a file */
    ngx_str_t                  uri;             /* of the document */
    ngx_msec_t                 wait;            /* of a long poll, 0: none */
    ngx_msec_t                 timeout;         /* of a step */
    ngx_msec_t                 deadline;        /* of all, beside "wait" */

    ngx_str_t                  trusted;         /* full names of files */
    ngx_str_t                  certificate;
    ngx_str_t                  certificate_key;
    ngx_str_t                  server_name;
    void                      *ssl;             /* ngx_ssl_t *, with TLS */

    ngx_mesh_signing_e         signing;
    ngx_str_t                  region;          /* empty: the environment's */
    ngx_str_t                  service;

    u_char                    *file;            /* where control_plane is */
    ngx_uint_t                 line;
} ngx_mesh_control_conf_t;


typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  resource;        /* "virtualNode/order" */
    ngx_str_t                  owner;           /* of the mesh, of an ARN; or
                                                   empty */
    ngx_mesh_resource_type_e   resource_type;
    ngx_str_t                  resource_name;   /* "order" */

    ngx_str_t                  control_plane;   /* as written, or empty */
    ngx_mesh_control_conf_t    control;
    ngx_msec_t                 interval;
    ngx_str_t                  state;           /* directory, or empty */
    ngx_str_t                  drain_file;      /* or empty */

    size_t                     zone_size;
    size_t                     max_document;
    ngx_mesh_shm_t            *shm;
    size_t                     metrics_size;    /* 0: none */
    ngx_mesh_metrics_t        *metrics;         /* never NULL */

    ngx_str_t                  app_address;     /* literal, or empty */
    ngx_uint_t                 lb_policy;       /* ngx_mesh_lb_policy_e */
    ngx_uint_t                 retry_defaults;  /* ..._retry_defaults_e */
    ngx_msec_t                 slow_start;      /* 0: none */

    ngx_uint_t                 keepalive;       /* idle, endpoint and worker */
    ngx_msec_t                 keepalive_timeout;
    ngx_uint_t                 keepalive_requests;
    ngx_msec_t                 keepalive_time;

    ngx_mesh_stats_conf_t      stats;
    ngx_mesh_otlp_conf_t      *otlp;            /* NULL: no such spans */

    ngx_mesh_trace_conf_t      trace;

    ngx_mesh_log_conf_t        log;

    ngx_mesh_json_t           *tree;            /* of directives, or NULL */
    ngx_str_t                  document;        /* the same as text */

    u_char                    *file;            /* where mesh{} is */
    ngx_uint_t                 line;
} ngx_mesh_conf_t;


/* the mesh{} block of a cycle, or NULL if it has none */
ngx_mesh_conf_t *ngx_mesh_get_conf(ngx_cycle_t *cycle);

/* how documents of this proxy are to be read; "log" must outlive the model */
void ngx_mesh_loader_conf(ngx_mesh_conf_t *mcf, ngx_mesh_loader_conf_t *lc,
    ngx_log_t *log);

/*
 * The tree and the text of the document that directives describe; called by
 * the core when the configuration was read.  Errors are logged with file and
 * line.
 */
ngx_int_t ngx_mesh_conf_document(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf);


extern ngx_module_t  ngx_mesh_module;
extern ngx_module_t  ngx_mesh_conf_module;


#endif /* _NGX_MESH_H_INCLUDED_ */
