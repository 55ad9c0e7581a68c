
/*
 * Copyright (C) nginx mesh contributors
 */

/* What the files of the HTTP glue know of each other. */


#ifndef _NGX_HTTP_MESH_H_INCLUDED_
#define _NGX_HTTP_MESH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_mesh.h"
#include "ngx_mesh_snapshot.h"
#include "ngx_http_mesh_metrics.h"
#include "ngx_http_mesh_observe.h"
#include "ngx_http_mesh_trace.h"
#include "ngx_http_mesh_try.h"


typedef enum {
    NGX_HTTP_MESH_NONE = 0,
    NGX_HTTP_MESH_EGRESS,
    NGX_HTTP_MESH_INGRESS
} ngx_http_mesh_direction_e;


typedef struct ngx_http_mesh_limit_s  ngx_http_mesh_limit_t;

typedef struct ngx_http_mesh_access_log_attempt_s
    ngx_http_mesh_access_log_attempt_t;


/* Envoy's response flags, bits of ngx_http_mesh_ctx_t.flags */

#define NGX_HTTP_MESH_NR  0x0001    /* no route */
#define NGX_HTTP_MESH_UH  0x0002    /* no healthy upstream */
#define NGX_HTTP_MESH_UF  0x0004    /* upstream connection failure */
#define NGX_HTTP_MESH_UC  0x0008    /* upstream connection termination */
#define NGX_HTTP_MESH_UT  0x0010    /* upstream request timeout */
#define NGX_HTTP_MESH_UO  0x0020    /* upstream overflow */
#define NGX_HTTP_MESH_NC  0x0040    /* no cluster: nothing to send it to */
#define NGX_HTTP_MESH_DC  0x0080    /* downstream connection termination */
#define NGX_HTTP_MESH_URX 0x0100    /* upstream retry limit exceeded */


typedef struct ngx_http_mesh_main_conf_s  ngx_http_mesh_main_conf_t;

struct ngx_http_mesh_main_conf_s {
    ngx_http_upstream_srv_conf_t  *upstream;    /* implicit; NULL: not used */
    ngx_mesh_shm_t                *shm;
    ngx_mesh_log_conf_t           *log;         /* of mesh_pass */
    ngx_mesh_trace_conf_t         *trace;
    ngx_uint_t                     retry_defaults;
    ngx_array_t                    servers;     /* ngx_http_mesh_server_t */
    ngx_array_t                    listeners;   /* ngx_http_mesh_listener_t */

    /* worker state: rows by direction, and of listeners not in the list */
    ngx_mesh_metrics_row_t        *metrics[3];
    ngx_mesh_metrics_row_t        *other;
};


/* a server{} with mesh_pass, and a socket that leads to one */

typedef struct {
    ngx_http_core_srv_conf_t      *cscf;
    ngx_http_mesh_direction_e      direction;
} ngx_http_mesh_server_t;

typedef struct {
    ngx_str_t                      addr;
    struct sockaddr               *sockaddr;
    socklen_t                      socklen;
    ngx_http_mesh_direction_e      direction;
    ngx_mesh_metrics_row_t        *metrics;     /* worker state */
} ngx_http_mesh_listener_t;


typedef struct {
    ngx_http_mesh_direction_e      direction;
    in_port_t                      port;        /* 0: from the request */
    ngx_http_handler_pt            proxy;       /* of nginx's modules */
    ngx_http_handler_pt            grpc;        /* NULL: built without */
    ngx_http_mesh_main_conf_t     *main;

    /* of nginx's modules, and the same with the times of the mesh */
    ngx_http_upstream_conf_t      *base[2];
    ngx_http_upstream_conf_t      *conf[2];
} ngx_http_mesh_loc_conf_t;


struct ngx_http_mesh_ctx_s {
    ngx_mesh_snapshot_t           *snapshot;    /* held; NULL: none yet */
    ngx_mesh_shm_t                *shm;
    ngx_mesh_virtual_service_t    *service;
    ngx_mesh_route_t              *route;
    ngx_mesh_cluster_t            *cluster;
    ngx_mesh_endpoint_t           *endpoint;    /* of the last attempt */
    ngx_http_mesh_limit_t         *limit;       /* counted in it; or NULL */
    ngx_msec_t                     waited;      /* for a place in it */

    ngx_http_request_t            *request;
    uint32_t                      *tried;       /* endpoints that failed */
    ngx_uint_t                     ntried;

    unsigned                       direction:2; /* ngx_http_mesh_direction_e */
    unsigned                       busy:1;      /* counted as in flight */
    unsigned                       connected:1; /* the last attempt was */
    unsigned                       failed:1;    /* ... and got no answer */
    unsigned                       stale:1;     /* an idle connection failed */
    unsigned                       grpc:1;      /* the client speaks gRPC */
    ngx_uint_t                     flags;
    ngx_uint_t                     attempts;

    ngx_http_mesh_try_t            attempt;
    ngx_http_mesh_metrics_ctx_t    metrics;

    ngx_str_t                      reply;       /* text of the proxy's own */
    ngx_http_mesh_headers_t        headers;     /* of the request */
    off_t                          header_length;
    ngx_http_mesh_trace_t         *trace;       /* NULL: there is none */

    ngx_http_mesh_access_log_attempt_t  *logged;    /* or NULL */
};


/* --- ngx_http_mesh_pass.c --- */

/* content handler of locations with mesh_pass */
ngx_int_t ngx_http_mesh_handler(ngx_http_request_t *r);

/* of r->pool, for each context; its data is the context */
void ngx_http_mesh_cleanup(void *data);

/*
 * The authority the client asked for: of an absolute request target, which
 * counts more than Host (RFC 9112, 3.2.2), else of the Host header; may have a
 * port, empty if there is none.
 */
void ngx_http_mesh_host(ngx_http_request_t *r, ngx_str_t *host);


/* --- ngx_http_mesh_forward.c --- */

/*
 * Hands a request to nginx's modules.  A cluster of NULL is one that has no
 * endpoints.  Returns what a content handler returns.
 */
ngx_int_t ngx_http_mesh_forward(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);


/* --- ngx_http_mesh_upstream.c --- */

/* sets the implicit upstream up; peer.init_upstream of it */
ngx_int_t ngx_http_mesh_init_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
ngx_int_t ngx_http_mesh_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);

/* ends the count of an attempt; does nothing if there is none */
void ngx_http_mesh_leave(ngx_http_mesh_ctx_t *ctx);


/* --- ngx_http_mesh_outlier.c --- */

/*
 * In peer.free(), with its "state": tells outlier detection what became of the
 * attempt; ctx->connected is set.
 */
void ngx_http_mesh_outlier(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc, ngx_uint_t state);


/* --- ngx_http_mesh_reply.c --- */

/*
 * Answers in the proxy's own name: a status and a text, or for gRPC clients
 * the mapped grpc-status in a 200 without body.  Returns what a content
 * handler returns.
 */
ngx_int_t ngx_http_mesh_reply(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_uint_t status, ngx_uint_t flag, ngx_str_t *text);


/*
 * What a status of HTTP is for gRPC: gRPC over HTTP/2, and Envoy's
 * Grpc::Utility::httpToGrpcStatus
 */
ngx_uint_t ngx_http_mesh_grpc_status(ngx_uint_t status);


/* adds a header to the response; "name" is static and in lower case */
ngx_int_t ngx_http_mesh_add_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value);


/* --- ngx_http_mesh_limit.c --- */

/*
 * The limits of the listener that a request is for.  NGX_DECLINED: it may go
 * on; NGX_DONE: it waits, and goes on by ngx_http_mesh_forward() when there is
 * room; otherwise it was answered, as by ngx_http_mesh_reply().
 */
ngx_int_t ngx_http_mesh_limit_enter(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/*
 * Gives the place of a request back, or ends its wait; does nothing if it has
 * none.  Others may go on then, after this event.
 */
void ngx_http_mesh_limit_leave(ngx_http_mesh_ctx_t *ctx);

/* sets the queues up, when the configuration was read */
void ngx_http_mesh_limit_init(void);


/* --- ngx_http_mesh_drain.c --- */

/*
 * For the header of a response: a connection of clients is not to be kept if
 * the worker exits, or if the proxy drains and the request ("ctx", or NULL) was
 * for the mesh.
 */
void ngx_http_mesh_drain_header(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/* begins to drain, in all workers */
void ngx_http_mesh_drain(ngx_mesh_shm_t *shm, ngx_log_t *log);

/* when the configuration was read */
void ngx_http_mesh_drain_init(void);

/* in each process: begins to look for the file of "drain_file" */
ngx_int_t ngx_http_mesh_drain_init_process(ngx_cycle_t *cycle);


/* --- ngx_http_mesh_variables.c --- */

ngx_int_t ngx_http_mesh_add_variables(ngx_conf_t *cf);

/* adds the variables of a table that ends with ngx_http_null_variable */
ngx_int_t ngx_http_mesh_add_table(ngx_conf_t *cf, ngx_http_variable_t *v);

/* ctx->flags, and what was not done about it: there was no retry left */
ngx_uint_t ngx_http_mesh_retry_flags(ngx_http_mesh_ctx_t *ctx);

/* writes Envoy's "UF,URX", or "-" if there are none; returns the end */
u_char *ngx_http_mesh_flags(u_char *p, ngx_uint_t flags);

#define NGX_HTTP_MESH_FLAGS_LEN  64


/* --- ngx_http_mesh_admin.c --- */

ngx_int_t ngx_http_mesh_admin_handler(ngx_http_request_t *r);


/* --- ngx_http_mesh_admin_stats.c --- */

/*
 * When the configuration is read: clients of the node come to this address,
 * which the metrics of App Mesh want to know.
 */
ngx_int_t ngx_http_mesh_stats_ingress(ngx_conf_t *cf, ngx_str_t *addr);
void ngx_http_mesh_stats_certificates(ngx_conf_t *cf,
    ngx_http_conf_addr_t *addr);


extern ngx_module_t  ngx_http_mesh_module;
extern ngx_module_t  ngx_http_mesh_filter_module;


#endif /* _NGX_HTTP_MESH_H_INCLUDED_ */
