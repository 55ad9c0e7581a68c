
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Spans as OpenTelemetry's ExportTraceServiceRequest, in protobuf.  Pure
 * functions of plain data.
 *
 * The length of a protobuf message stands before it, so everything is written
 * from its end to its beginning: no length is worked out twice, and what comes
 * before the spans is put there when they are sent.
 */


#ifndef _NGX_MESH_OTLP_ENCODE_H_INCLUDED_
#define _NGX_MESH_OTLP_ENCODE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_span.h"


/* the longest span, since what clients send is shortened */
#define NGX_MESH_OTLP_SPAN_MAX   8192

/* the longest head, with its three names of 255 bytes */
#define NGX_MESH_OTLP_HEAD_MAX   2048

#define NGX_MESH_OTLP_ERROR_LEN  256


/* what all spans of this proxy have in common; names of up to 255 bytes */

typedef struct {
    ngx_str_t                  service;         /* service.name */
    ngx_str_t                  mesh;
    ngx_str_t                  node;            /* or the gateway; or empty */
    ngx_str_t                  host;            /* of the machine */
    ngx_str_t                  version;         /* of the proxy */
    unsigned                   gateway:1;
} ngx_mesh_otlp_resource_t;


/* what a collector did not take, though it answered with 200 */

typedef struct {
    uint64_t                   rejected;        /* spans */
    u_char                     error[NGX_MESH_OTLP_ERROR_LEN]; /* with a NUL,
                                                   printable */
} ngx_mesh_otlp_partial_t;


/*
 * Writes a span between "start" and "end" so that it ends at "end".  Returns
 * where it begins, or NULL if there is no room.
 */
u_char *ngx_mesh_otlp_encode_span(u_char *start, u_char *end,
    ngx_mesh_span_t *span);

/* the same for what comes before "size" bytes of spans */
u_char *ngx_mesh_otlp_encode_head(u_char *start, u_char *end,
    ngx_mesh_otlp_resource_t *resource, size_t size);

/*
 * Reads the answer, an ExportTraceServiceResponse.  NGX_DECLINED: it is none;
 * nothing is rejected then.
 */
ngx_int_t ngx_mesh_otlp_decode_answer(ngx_str_t *text,
    ngx_mesh_otlp_partial_t *partial);


#endif /* _NGX_MESH_OTLP_ENCODE_H_INCLUDED_ */
