
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What is seen of a request: one place from which metrics, traces and access
 * logs are fed.  Each of the three has its own file; this one carries what they
 * share: the headers of the request that matter to them, looked up in one pass,
 * and what became of the request, worked out once in the log phase.
 */


#ifndef _NGX_HTTP_MESH_OBSERVE_H_INCLUDED_
#define _NGX_HTTP_MESH_OBSERVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_mesh_conf_trace.h"
#include "ngx_mesh_random.h"
#include "ngx_mesh_text.h"
#include "ngx_http_mesh_try.h"


/* headers of a request, NULL: absent; of repeated ones the first */

typedef struct {
    ngx_table_elt_t          *xray;             /* X-Amzn-Trace-Id */
    ngx_table_elt_t          *traceparent;
    ngx_table_elt_t          *tracestate;       /* the first of them */
    ngx_table_elt_t          *b3;
    ngx_table_elt_t          *b3_trace_id;
    ngx_table_elt_t          *b3_span_id;
    ngx_table_elt_t          *b3_sampled;
    ngx_table_elt_t          *b3_flags;
    ngx_table_elt_t          *request_id;       /* X-Request-Id */
    ngx_table_elt_t          *forwarded_proto;  /* X-Forwarded-Proto */
    ngx_table_elt_t          *forwarded_for;    /* the first X-Forwarded-For */
    ngx_table_elt_t          *expected_timeout; /* x-envoy-expected-... */
    ngx_uint_t                repeated;         /* one of these was */
    ngx_mesh_trace_conf_t    *conf;             /* which headers to set */

    /* values that are set; without an allocation for each */
    u_char                    id[NGX_MESH_UUID_TEXT_LEN];
    u_char                    timeout[NGX_MESH_TEXT_NUMBER_LEN];
    u_char                    time[NGX_MESH_TEXT_NUMBER_LEN];
    size_t                    time_len;         /* 0: no answer of upstream's */
} ngx_http_mesh_headers_t;


/* what became of a request, for the log phase */

typedef struct {
    ngx_uint_t                status;           /* 0: there was no answer */
    ngx_int_t                 grpc_status;      /* -1: not said */
    ngx_uint_t                flags;            /* NGX_HTTP_MESH_* */
    ngx_msec_t                duration;         /* first byte in to last out */
    ngx_uint_t                attempts;
    off_t                     received;         /* bytes of the body */
    off_t                     sent;             /* bytes of the body */
    off_t                     wire_in;          /* with headers, and of what
                                                   was upgraded */
    off_t                     wire_out;
} ngx_http_mesh_outcome_t;


/*
 * At the start of a request, when "ctx" has its snapshot but no route yet:
 * looks the headers up, drops x-envoy-* of clients that ask the proxy for
 * something, counts, begins the trace.  Returns NGX_ERROR if memory is short.
 */
ngx_int_t ngx_http_mesh_observe_start(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/* when the cluster is known, before the request is handed to nginx's modules */
ngx_int_t ngx_http_mesh_observe_forward(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/* the header of the answer is about to be sent */
ngx_int_t ngx_http_mesh_observe_answer(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);

/* an attempt begins (peer.get), ends (peer.free; "state" is nginx's) */
void ngx_http_mesh_observe_attempt(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc);
void ngx_http_mesh_observe_attempt_end(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc, ngx_uint_t state);

/* when a request is freed, in whatever state; after the log phase if it had */
void ngx_http_mesh_observe_cleanup(ngx_http_mesh_ctx_t *ctx);

/* when the configuration was read: the handler of the log phase */
ngx_int_t ngx_http_mesh_observe_init(ngx_conf_t *cf);

/* the context of a request, even after an "error_page" has cleared it */
ngx_http_mesh_ctx_t *ngx_http_mesh_observe_ctx(ngx_http_request_t *r);

/*
 * Milliseconds from requests sent to the ends of their answers, of all attempts
 * together; -1: nothing was sent
 */
ngx_msec_t ngx_http_mesh_observe_upstream(ngx_http_request_t *r);


#endif /* _NGX_HTTP_MESH_OBSERVE_H_INCLUDED_ */
