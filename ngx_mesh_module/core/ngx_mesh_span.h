
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A finished span: one pass of a request through the proxy, or one attempt of
 * it, as plain data.  It is filled once, in the log phase, and given to whoever
 * writes it down: segments of X-Ray, spans of OpenTelemetry.
 */


#ifndef _NGX_MESH_SPAN_H_INCLUDED_
#define _NGX_MESH_SPAN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    NGX_MESH_SPAN_SERVER = 0,           /* ingress: a request to the
                                           application */
    NGX_MESH_SPAN_CLIENT                /* egress, and attempts */
} ngx_mesh_span_kind_e;


typedef enum {
    NGX_MESH_SPAN_HTTP_10 = 0,
    NGX_MESH_SPAN_HTTP_11,
    NGX_MESH_SPAN_HTTP_2,
    NGX_MESH_SPAN_HTTP_3
} ngx_mesh_span_protocol_e;


/*
 * Strings are those of the request or the model, valid during the call only;
 * what is not known is empty.  They come from clients: who writes them checks
 * and shortens them.
 */

typedef struct {
    u_char                     trace_id[16];
    u_char                     span_id[8];
    u_char                     parent_id[8];
    unsigned                   parent:1;        /* parent_id is set */
    unsigned                   attempt:1;       /* one try of the request, a
                                                   child of its span */
    unsigned                   forwarded:1;     /* client is from
                                                   X-Forwarded-For */
    unsigned                   grpc:1;

    ngx_mesh_span_kind_e       kind;
    ngx_mesh_span_protocol_e   protocol;        /* of the client's request */

    uint64_t                   start;           /* microseconds, Unix time */
    uint64_t                   end;             /* never before "start" */

    ngx_uint_t                 status;          /* 0: there was no answer */
    ngx_int_t                  grpc_status;     /* -1: not said */
    ngx_uint_t                 attempts;        /* sent, or the number of this
                                                   one, from 1 */
    ngx_str_t                  flags;           /* Envoy's: "UF,URX", or "-" */
    off_t                      received;        /* bytes of the bodies */
    off_t                      sent;

    ngx_str_t                  tracestate;      /* as it was passed on */

    ngx_str_t                  method;
    ngx_str_t                  scheme;          /* "http", "https" */
    ngx_str_t                  host;            /* as asked for, with a port */
    ngx_str_t                  path;            /* as asked for, without the
                                                   query string */
    ngx_str_t                  query;           /* without "?" */
    ngx_str_t                  user_agent;
    ngx_str_t                  client;          /* address, without a port */
    ngx_str_t                  request_id;

    /* where it went; empty: nowhere */
    ngx_str_t                  service;         /* virtual service */
    ngx_str_t                  route;           /* of the virtual router */
    ngx_str_t                  node;            /* target virtual node */
    ngx_str_t                  cluster;         /* Envoy's name of it */
    ngx_str_t                  upstream;        /* "10.0.0.7:8080" */
} ngx_mesh_span_t;


#endif /* _NGX_MESH_SPAN_H_INCLUDED_ */
