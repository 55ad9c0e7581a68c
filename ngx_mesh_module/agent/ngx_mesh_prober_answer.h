
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What a check says and how its answer is read, as it arrives and without a
 * connection; for the prober and its tests.  Bodies are skipped, not kept.
 *
 * Both readers return NGX_AGAIN: more is to come; NGX_OK: healthy;
 * NGX_DECLINED: an answer that says no; NGX_ERROR: no answer at all, or not
 * one of this protocol.  But for the first two, "reason" tells why.
 */


#ifndef _NGX_MESH_PROBER_ANSWER_H_INCLUDED_
#define _NGX_MESH_PROBER_ANSWER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_model.h"


#define NGX_MESH_PROBER_REASON  64      /* bytes, with the NUL */

/* of a body that is read; who has sent that much of it is healthy */
#define NGX_MESH_PROBER_BODY    32768


typedef enum {
    NGX_MESH_PROBER_STATUS = 0,
    NGX_MESH_PROBER_HEADER,
    NGX_MESH_PROBER_LENGTH,             /* "rest" bytes are to come */
    NGX_MESH_PROBER_CLOSE,              /* the body ends the connection */
    NGX_MESH_PROBER_CHUNK_SIZE,
    NGX_MESH_PROBER_CHUNK,              /* "rest" bytes and CRLF are to come */
    NGX_MESH_PROBER_TRAILER
} ngx_mesh_prober_http_state_e;

typedef struct {
    ngx_mesh_prober_http_state_e  state;
    ngx_uint_t                    status;
    size_t                        head;     /* bytes of lines so far */
    size_t                        body;     /* bytes of body so far */
    size_t                        rest;
    size_t                        nline;
    u_char                        line[256];    /* its beginning */
    u_char                        reason[NGX_MESH_PROBER_REASON];

    unsigned                      chunked:1;
    unsigned                      length:1;
} ngx_mesh_prober_http_t;


typedef struct {
    ngx_uint_t                    grpc;     /* set by the caller */

    size_t                        nhead;    /* of the header of a frame */
    u_char                        head[9];
    size_t                        rest;     /* of its payload */
    size_t                        taken;    /* of its payload */
    ngx_uint_t                    padding;

    ngx_uint_t                    frames;
    ngx_uint_t                    replies;
    ngx_uint_t                    status;   /* of HTTP, 0: not yet */
    ngx_int_t                     grpc_status;      /* -1: not yet */
    size_t                        body;     /* bytes of body so far */

    size_t                        nblock;
    u_char                        block[4096];      /* of header fields, or a
                                                       payload */
    size_t                        nmessage;
    u_char                        message[16];      /* its beginning */

    size_t                        nout;     /* to be sent by the caller */
    u_char                        out[128];
    u_char                        reason[NGX_MESH_PROBER_REASON];

    unsigned                      continued:1;      /* a header block is */
    unsigned                      last:1;   /* no frame of the stream follows */
} ngx_mesh_prober_h2_t;


/*
 * The request of a check by HTTP, allocated in "pool"; empty for TCP.  "host"
 * is the name of the cluster.  NGX_ERROR: memory is short.
 */
ngx_int_t ngx_mesh_prober_request(ngx_pool_t *pool,
    ngx_mesh_health_check_t *hc, ngx_str_t *host, ngx_str_t *request);

void ngx_mesh_prober_http_init(ngx_mesh_prober_http_t *h);
ngx_int_t ngx_mesh_prober_http_feed(ngx_mesh_prober_http_t *h, u_char *data,
    size_t len);

/* the connection was closed */
ngx_int_t ngx_mesh_prober_http_end(ngx_mesh_prober_http_t *h);

void ngx_mesh_prober_h2_init(ngx_mesh_prober_h2_t *h, ngx_uint_t grpc);
ngx_int_t ngx_mesh_prober_h2_feed(ngx_mesh_prober_h2_t *h, u_char *data,
    size_t len);

/*
 * Looks in a whole block of header fields for ":status" and "grpc-status";
 * what is not there is not changed.  Works without a table that grows, which
 * the settings that a request begins with forbid the other side.
 */
ngx_int_t ngx_mesh_prober_hpack(u_char *p, u_char *last, ngx_uint_t *status,
    ngx_int_t *grpc_status);


#endif /* _NGX_MESH_PROBER_ANSWER_H_INCLUDED_ */
