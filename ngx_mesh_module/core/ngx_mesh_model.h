
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The mesh as one proxy sees it: plain data, built from one document into one
 * pool by ngx_mesh_document.c and never changed afterwards, but for the fields
 * marked "worker state".  A model is owned by a snapshot (ngx_mesh_snapshot.h);
 * whoever holds a reference to the snapshot may point into the model, nobody
 * else may.  Names are those of App Mesh.
 */


#ifndef _NGX_MESH_MODEL_H_INCLUDED_
#define _NGX_MESH_MODEL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_metrics.h"
#include "ngx_mesh_regex.h"


typedef struct ngx_mesh_endpoint_s         ngx_mesh_endpoint_t;
typedef struct ngx_mesh_cluster_s          ngx_mesh_cluster_t;
typedef struct ngx_mesh_route_s            ngx_mesh_route_t;
typedef struct ngx_mesh_virtual_node_s     ngx_mesh_virtual_node_t;
typedef struct ngx_mesh_virtual_router_s   ngx_mesh_virtual_router_t;
typedef struct ngx_mesh_virtual_service_s  ngx_mesh_virtual_service_t;
typedef struct ngx_mesh_virtual_gateway_s  ngx_mesh_virtual_gateway_t;
typedef struct ngx_mesh_gateway_route_s    ngx_mesh_gateway_route_t;
typedef struct ngx_mesh_model_s            ngx_mesh_model_t;
typedef struct ngx_mesh_log_s              ngx_mesh_log_t;


typedef enum {
    NGX_MESH_HTTP = 0,
    NGX_MESH_HTTP2,
    NGX_MESH_GRPC,
    NGX_MESH_TCP
} ngx_mesh_protocol_e;

typedef enum {
    NGX_MESH_IP_UNSET = 0,
    NGX_MESH_IPV4_ONLY,
    NGX_MESH_IPV6_ONLY,
    NGX_MESH_IPV4_PREFERRED,
    NGX_MESH_IPV6_PREFERRED
} ngx_mesh_ip_preference_e;

typedef enum {
    NGX_MESH_DROP_ALL = 0,
    NGX_MESH_ALLOW_ALL
} ngx_mesh_egress_filter_e;

typedef enum {
    NGX_MESH_ROUND_ROBIN = 0,
    NGX_MESH_LEAST_REQUEST
} ngx_mesh_lb_policy_e;

typedef enum {
    NGX_MESH_HEALTH_UNKNOWN = 0,
    NGX_MESH_HEALTHY,
    NGX_MESH_UNHEALTHY
} ngx_mesh_health_e;

typedef enum {
    NGX_MESH_TLS_DISABLED = 0,
    NGX_MESH_TLS_PERMISSIVE,
    NGX_MESH_TLS_STRICT
} ngx_mesh_tls_mode_e;


/* a time that may be unset; App Mesh lets 0 mean "off" for timeouts */

typedef struct {
    ngx_msec_t                   ms;
    ngx_uint_t                   set;   /* unsigned  set:1; */
} ngx_mesh_duration_t;


/* --- TLS (validated and kept; in force with the TLS work) --- */

typedef struct {
    ngx_str_t                    certificate_chain;   /* file */
    ngx_str_t                    private_key;         /* file */
    ngx_str_t                    sds_secret;
    ngx_str_t                    acm_arn;
} ngx_mesh_tls_certificate_t;

typedef struct {
    ngx_str_t                    file;
    ngx_str_t                    sds_secret;
    ngx_array_t                 *acm_arns;      /* ngx_str_t */
    ngx_array_t                 *subject_alternative_names; /* ngx_str_t */
} ngx_mesh_tls_validation_t;

typedef struct {
    ngx_uint_t                   enforce;       /* default 1 */
    ngx_array_t                 *ports;         /* ngx_uint_t; NULL: all */
    ngx_mesh_tls_certificate_t  *certificate;   /* NULL: none */
    ngx_mesh_tls_validation_t   *validation;
} ngx_mesh_client_policy_t;

typedef struct {
    ngx_mesh_tls_mode_e          mode;
    ngx_mesh_tls_certificate_t  *certificate;
    ngx_mesh_tls_validation_t   *validation;    /* NULL: no client check */
} ngx_mesh_listener_tls_t;


/* --- resilience (validated and kept) --- */

typedef struct {
    ngx_uint_t                   max_connections;       /* http, tcp */
    ngx_uint_t                   max_pending_requests;  /* http */
    ngx_uint_t                   max_requests;          /* http2, grpc */
} ngx_mesh_connection_pool_t;

typedef struct {
    ngx_mesh_protocol_e          protocol;
    ngx_str_t                    path;
    in_port_t                    port;          /* 0: the listener's */
    ngx_uint_t                   healthy_threshold;
    ngx_uint_t                   unhealthy_threshold;
    ngx_msec_t                   interval_ms;
    ngx_msec_t                   timeout_ms;
} ngx_mesh_health_check_t;

typedef struct {
    ngx_uint_t                   max_server_errors;
    ngx_uint_t                   max_ejection_percent;
    ngx_msec_t                   interval_ms;
    ngx_msec_t                   base_ejection_ms;
} ngx_mesh_outlier_detection_t;

typedef struct {
    ngx_mesh_duration_t          per_request;
    ngx_mesh_duration_t          idle;
} ngx_mesh_timeout_t;

/* bits of ngx_mesh_retry_policy_t.events */
#define NGX_MESH_RETRY_SERVER_ERROR        0x0001
#define NGX_MESH_RETRY_GATEWAY_ERROR       0x0002
#define NGX_MESH_RETRY_CLIENT_ERROR        0x0004
#define NGX_MESH_RETRY_STREAM_ERROR        0x0008
#define NGX_MESH_RETRY_CONNECTION_ERROR    0x0010
#define NGX_MESH_RETRY_CANCELLED           0x0020
#define NGX_MESH_RETRY_DEADLINE_EXCEEDED   0x0040
#define NGX_MESH_RETRY_INTERNAL            0x0080
#define NGX_MESH_RETRY_RESOURCE_EXHAUSTED  0x0100
#define NGX_MESH_RETRY_UNAVAILABLE         0x0200

typedef struct {
    ngx_uint_t                   events;
    ngx_uint_t                   max_retries;
    ngx_mesh_duration_t          per_retry_timeout;
} ngx_mesh_retry_policy_t;


/* --- logging (validated and kept) --- */

typedef struct {
    ngx_str_t                    path;
    ngx_str_t                    text;          /* format, or empty */
    ngx_array_t                 *json;          /* ngx_keyval_t, or NULL */
} ngx_mesh_access_log_t;


/* --- virtual nodes --- */

typedef struct {
    in_port_t                    port;
    ngx_mesh_protocol_e          protocol;
    ngx_mesh_timeout_t          *timeout;             /* NULL: defaults */
    ngx_mesh_connection_pool_t  *connection_pool;     /* NULL: no limits */
    ngx_mesh_health_check_t     *health_check;        /* NULL: none */
    ngx_mesh_outlier_detection_t *outlier_detection;  /* NULL: none */
    ngx_mesh_listener_tls_t     *tls;                 /* NULL: plaintext */
} ngx_mesh_listener_t;


struct ngx_mesh_endpoint_s {
    struct sockaddr             *sockaddr;
    ngx_str_t                    name;          /* "10.0.1.7:8080" */
    ngx_str_t                    zone;
    uint64_t                     key;           /* of the state row, never 0 */
    uint32_t                     row;           /* its index, worker state */
    uint16_t                     socklen;
    uint8_t                      health;        /* ngx_mesh_health_e */
    uint32_t                     available;     /* worker state, see below */
};


/*
 * A cluster is one listener of one virtual node, as a target: what Envoy calls
 * cds_egress_<mesh>_<node>_<protocol>_<port>.
 */

struct ngx_mesh_cluster_s {
    ngx_mesh_virtual_node_t     *node;
    ngx_mesh_listener_t         *listener;
    ngx_mesh_endpoint_t         *endpoints;     /* those to be used first */
    uint32_t                     nendpoints;
    uint32_t                     neligible;     /* the first n may be used */
    uint32_t                     rotation;      /* worker state */
    uint32_t                     limit;         /* row of its limits; those of
                                                   the application have one */
    uint8_t                      lb_policy;     /* ngx_mesh_lb_policy_e */
    ngx_msec_t                   slow_start_ms; /* 0: none */

    /*
     * Worker state, of ngx_mesh_balance_refresh(): the shared rows as they
     * were at "generation".  The first n of endpoints[].available are the
     * indices of those that are available; with "nmissing" of 0 all are.
     */
    ngx_atomic_uint_t            generation;
    uint32_t                     nmissing;
    uint32_t                     nejected;      /* of them */
    ngx_msec_t                   oldest;        /* in use since then, of the */
    ngx_msec_t                   newest;        /* available ones */

    ngx_atomic_uint_t            calm;          /* worker state: generation
                                                   that has no ejections */
    ngx_mesh_metrics_row_t      *metrics;       /* worker state */
};


typedef struct {
    ngx_str_t                    name;          /* of the service, lower case */
    ngx_mesh_client_policy_t    *client_policy; /* NULL: backend defaults */
    ngx_mesh_virtual_service_t  *service;       /* NULL: not in the document */
} ngx_mesh_backend_t;


struct ngx_mesh_virtual_node_s {
    ngx_str_t                    name;
    ngx_array_t                  listeners;     /* ngx_mesh_listener_t */
    ngx_array_t                  backends;      /* ngx_mesh_backend_t */
    ngx_mesh_client_policy_t    *client_policy; /* backendDefaults, or NULL */
    ngx_mesh_access_log_t       *access_log;    /* or NULL */

    /* service discovery: dns_hostname or cloud_map_*, or neither */
    ngx_str_t                    dns_hostname;
    ngx_uint_t                   dns_endpoints; /* responseType ENDPOINTS */
    ngx_str_t                    cloud_map_namespace;
    ngx_str_t                    cloud_map_service;
    ngx_array_t                 *cloud_map_attributes;  /* ngx_keyval_t */
    ngx_mesh_ip_preference_e     ip_preference; /* own, else the mesh's */

    ngx_mesh_cluster_t          *clusters;      /* one a listener, that order */
    ngx_uint_t                   lb_policy;     /* ngx_mesh_lb_policy_e */
};


/* --- matching --- */

typedef enum {
    NGX_MESH_MATCH_PRESENT = 0,     /* no value matcher */
    NGX_MESH_MATCH_EXACT,
    NGX_MESH_MATCH_PREFIX,
    NGX_MESH_MATCH_SUFFIX,
    NGX_MESH_MATCH_REGEX,
    NGX_MESH_MATCH_RANGE
} ngx_mesh_match_type_e;

/* a header, a gRPC metadata entry or a query parameter */

typedef struct {
    ngx_str_t                    name;      /* header: lower case */
    ngx_mesh_match_type_e        type;
    ngx_uint_t                   invert;
    ngx_str_t                    value;
    ngx_mesh_regex_t            *regex;
    int64_t                      start;     /* inclusive */
    int64_t                      end;       /* exclusive */
} ngx_mesh_value_match_t;


typedef enum {
    NGX_MESH_PATH_ANY = 0,
    NGX_MESH_PATH_PREFIX,
    NGX_MESH_PATH_EXACT,
    NGX_MESH_PATH_REGEX
} ngx_mesh_path_type_e;

typedef struct {
    ngx_mesh_path_type_e         path_type;
    ngx_str_t                    path;
    ngx_mesh_regex_t            *path_regex;
    ngx_str_t                    method;        /* empty: any */
    ngx_str_t                    scheme;        /* empty: any */
    in_port_t                    port;          /* 0: any */
    ngx_uint_t                   grpc;          /* content-type must be grpc */
    ngx_array_t                 *headers;       /* ngx_mesh_value_match_t */
    ngx_array_t                 *query;         /* ngx_mesh_value_match_t */
    ngx_str_t                    host_exact;    /* gateway routes; lower case */
    ngx_str_t                    host_suffix;
    ngx_uint_t                   simple;        /* path and port alone count */
} ngx_mesh_match_t;


/* --- routes --- */

typedef struct {
    ngx_mesh_virtual_node_t     *node;
    ngx_mesh_cluster_t          *cluster;   /* NULL: node without listeners */
    ngx_uint_t                   weight;
    ngx_uint_t                   ordinal;   /* among all of the router's */
} ngx_mesh_target_t;

#define NGX_MESH_PRIORITY_UNSET  1000

struct ngx_mesh_route_s {
    ngx_str_t                    name;      /* empty: of a node provider */
    ngx_mesh_protocol_e          protocol;
    ngx_uint_t                   priority;
    ngx_mesh_match_t             match;
    ngx_mesh_target_t           *targets;
    ngx_uint_t                   ntargets;
    ngx_uint_t                   total_weight;
    ngx_mesh_retry_policy_t     *retry_policy;  /* NULL: the default one */
    ngx_mesh_timeout_t          *timeout;       /* NULL: defaults */
    ngx_mesh_virtual_router_t   *router;        /* NULL: node provider */
};


struct ngx_mesh_virtual_router_s {
    ngx_str_t                    name;
    ngx_array_t                  listeners; /* ngx_mesh_listener_t */
    ngx_array_t                  routes;    /* ngx_mesh_route_t *, in order */
};


struct ngx_mesh_virtual_service_s {
    ngx_str_t                    name;      /* as written */
    ngx_str_t                    host;      /* lower case */
    ngx_mesh_virtual_node_t     *node;      /* provider, or NULL */
    ngx_mesh_virtual_router_t   *router;    /* provider, or NULL */
    ngx_array_t                 *listeners; /* the provider's, or NULL */
    ngx_mesh_route_t           **routes;    /* in the order of matching */
    ngx_uint_t                   nroutes;
    ngx_mesh_client_policy_t    *client_policy; /* this proxy's, or NULL */
    ngx_mesh_metrics_row_t     **metrics;   /* worker state, by the ordinal of
                                               a target */
};


/* --- virtual gateways (validated and kept) --- */

struct ngx_mesh_virtual_gateway_s {
    ngx_str_t                    name;
    ngx_array_t                  listeners; /* ngx_mesh_listener_t */
    ngx_array_t                  routes;    /* ngx_mesh_gateway_route_t * */
    ngx_mesh_client_policy_t    *client_policy;
    ngx_mesh_access_log_t       *access_log;
};

struct ngx_mesh_gateway_route_s {
    ngx_str_t                    name;
    ngx_mesh_protocol_e          protocol;
    ngx_uint_t                   priority;
    ngx_mesh_match_t             match;
    ngx_mesh_virtual_service_t  *service;
    in_port_t                    port;              /* 0: the only one */
    ngx_uint_t                   keep_hostname;     /* defaultTargetHostname */
    ngx_uint_t                   keep_prefix;       /* defaultPrefix DISABLED */
    ngx_str_t                    prefix_rewrite;    /* empty: default */
    ngx_str_t                    path_rewrite;      /* empty: none */
    ngx_mesh_virtual_gateway_t  *gateway;
};


/* --- the whole --- */

typedef enum {
    NGX_MESH_RESOURCE_NONE = 0,         /* sees every virtual service */
    NGX_MESH_RESOURCE_VIRTUAL_NODE,
    NGX_MESH_RESOURCE_VIRTUAL_GATEWAY
} ngx_mesh_resource_type_e;


struct ngx_mesh_model_s {
    ngx_pool_t                  *pool;
    ngx_str_t                    version;       /* of the document */
    ngx_str_t                    mesh_name;
    ngx_mesh_egress_filter_e     egress_filter;
    ngx_mesh_ip_preference_e     ip_preference;

    ngx_mesh_virtual_node_t     *nodes;
    ngx_uint_t                   nnodes;
    ngx_mesh_virtual_router_t   *routers;
    ngx_uint_t                   nrouters;
    ngx_mesh_route_t            *routes;
    ngx_uint_t                   nroutes;
    ngx_mesh_virtual_service_t  *services;
    ngx_uint_t                   nservices;
    ngx_mesh_virtual_gateway_t  *gateways;
    ngx_uint_t                   ngateways;
    ngx_mesh_gateway_route_t    *gateway_routes;
    ngx_uint_t                   ngateway_routes;

    ngx_uint_t                   nendpoints;

    /* what this proxy is; at most one is set */
    ngx_mesh_virtual_node_t     *node;
    ngx_mesh_virtual_gateway_t  *gateway;

    ngx_mesh_log_t              *log;           /* of this proxy, or NULL */

    /* virtual services this proxy may reach: host -> service */
    struct ngx_mesh_map_s       *egress;
};


/* --- a map from strings to pointers, sized when made --- */

typedef struct ngx_mesh_map_s  ngx_mesh_map_t;

/* for up to "n" entries, in "pool"; NULL if memory is short */
ngx_mesh_map_t *ngx_mesh_map_create(ngx_pool_t *pool, ngx_uint_t n);

/*
 * Keys are not copied and compared byte for byte.  NGX_DECLINED if the key is
 * there already.  No more than the "n" entries of create may be inserted.
 */
ngx_int_t ngx_mesh_map_insert(ngx_mesh_map_t *map, ngx_str_t *key,
    void *value);

/* NULL if there is none; "map" may be NULL */
void *ngx_mesh_map_find(ngx_mesh_map_t *map, u_char *key, size_t len);


#endif /* _NGX_MESH_MODEL_H_INCLUDED_ */
