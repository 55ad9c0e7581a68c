
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The trace of a request, and the headers that Envoy adds: called where
 * ngx_http_mesh_observe.c looks at requests.
 */


#ifndef _NGX_HTTP_MESH_TRACE_H_INCLUDED_
#define _NGX_HTTP_MESH_TRACE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_mesh_trace.h"
#include "ngx_mesh_xray.h"
#include "ngx_http_mesh_observe.h"


/* an attempt of a request whose attempts are to be told */

typedef struct {
    uint64_t                   start;           /* microseconds, Unix time */
    uint64_t                   end;             /* 0: not yet */
    ngx_str_t                  upstream;        /* of the model */
    ngx_str_t                  node;            /* that, too */
    ngx_uint_t                 status;          /* 0: it did not answer */
    ngx_uint_t                 failed;          /* it ended without one */
    ngx_mesh_span_protocol_e   protocol;
} ngx_http_mesh_trace_attempt_t;


/* in the request's pool; that of the first context, if there are more */

typedef struct {
    ngx_mesh_trace_t               trace;
    ngx_http_mesh_trace_attempt_t *attempts;    /* NULL: not wanted */
    ngx_uint_t                     nattempts;
} ngx_http_mesh_trace_t;


/* --- ngx_http_mesh_trace.c --- */

/* begins the trace, or takes it over after an internal redirect */
ngx_int_t ngx_http_mesh_trace_start(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/* an attempt begins; ends, when what nginx has read of an answer is there */
void ngx_http_mesh_trace_attempt(ngx_http_mesh_ctx_t *ctx);
void ngx_http_mesh_trace_attempt_end(ngx_http_mesh_ctx_t *ctx);

/* --- ngx_http_mesh_trace_span.c --- */

/* in the log phase: tells those who want to know of it */
void ngx_http_mesh_trace_log(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *outcome);


/* --- ngx_http_mesh_trace_variables.c --- */

ngx_int_t ngx_http_mesh_trace_add_variables(ngx_conf_t *cf);


/* --- ngx_http_mesh_headers.c --- */

/* one that begins with "x-envoy-": drops it if it is for the proxy to obey */
void ngx_http_mesh_headers_envoy(ngx_table_elt_t *h,
    ngx_http_mesh_headers_t *headers);

/* one that is written; its hash is worked out when it is first used */

typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  lowcase;
    ngx_uint_t                 hash;            /* 0: not yet */
} ngx_http_mesh_header_name_t;

#define ngx_http_mesh_header_name(name, lowcase)                              \
    { ngx_string(name), ngx_string(lowcase), 0 }

/*
 * Sets a header of the request that goes to the upstream: "*h", or if that is
 * NULL a new one, which it becomes.  Who has a "proxy_set_header" for it gets
 * that one instead.
 */
ngx_int_t ngx_http_mesh_headers_set(ngx_http_request_t *r,
    ngx_table_elt_t **h, ngx_http_mesh_header_name_t *name, ngx_str_t *value);

/* is it of that name?  which is in lower case */

#define ngx_http_mesh_headers_is(h, name)                                     \
    ((h)->key.len == (name)->len                                              \
     && ngx_memcmp((h)->lowcase_key, (name)->data, (name)->len) == 0)

/* makes a header of a request one that nginx does not pass on */
void ngx_http_mesh_headers_drop(ngx_table_elt_t *h);

/* all headers of that name but "keep" */
void ngx_http_mesh_headers_drop_others(ngx_http_request_t *r,
    ngx_table_elt_t *keep, ngx_str_t *name);

ngx_int_t ngx_http_mesh_headers_forward(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
ngx_int_t ngx_http_mesh_headers_answer(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);


#endif /* _NGX_HTTP_MESH_TRACE_H_INCLUDED_ */
