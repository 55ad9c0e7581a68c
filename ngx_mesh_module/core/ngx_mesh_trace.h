
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The context of a trace: what arrives in headers, what is decided, what is
 * sent on.  Pure functions of plain data.
 *
 * A trace has one id of 128 bits, whatever the notation: X-Ray writes its first
 * 32 bits, which are a time, as "1-XXXXXXXX-", and then the other 96.  New ids
 * begin with the time, so that they are good for X-Ray as well as for W3C.
 */


#ifndef _NGX_MESH_TRACE_H_INCLUDED_
#define _NGX_MESH_TRACE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    NGX_MESH_TRACE_UNDECIDED = 0,       /* no header, "?", or not said */
    NGX_MESH_TRACE_SAMPLED,
    NGX_MESH_TRACE_NOT_SAMPLED
} ngx_mesh_trace_decision_e;


/* headers a context is read from; an absent one is empty */

typedef struct {
    ngx_str_t                  xray;            /* X-Amzn-Trace-Id */
    ngx_str_t                  traceparent;
    ngx_str_t                  tracestate;      /* lines joined by "," */
    ngx_str_t                  b3;
    ngx_str_t                  b3_trace_id;     /* X-B3-TraceId, ... */
    ngx_str_t                  b3_span_id;
    ngx_str_t                  b3_sampled;
    ngx_str_t                  b3_flags;
} ngx_mesh_trace_headers_t;


typedef struct {
    u_char                     trace_id[16];
    u_char                     span_id[8];      /* of this proxy's pass */
    u_char                     parent_id[8];
    unsigned                   parent:1;        /* parent_id was given */
    unsigned                   remote:1;        /* trace_id was given */
    unsigned                   sampled:1;       /* decided, for all hops */
    ngx_mesh_trace_decision_e  incoming;
    ngx_str_t                  tracestate;      /* of this trace, to be passed
                                                   on as it is; or empty */
    ngx_str_t                  lineage;         /* of X-Ray's header, to be
                                                   passed on; or empty */
} ngx_mesh_trace_t;


/* notations, bits of "trace_headers" */

#define NGX_MESH_TRACE_XRAY     0x01
#define NGX_MESH_TRACE_W3C      0x02
#define NGX_MESH_TRACE_B3       0x04            /* one header */


#define NGX_MESH_TRACE_XRAY_ID_LEN      35      /* "1-5759e988-bd86..." */
#define NGX_MESH_TRACE_ID_LEN           32
#define NGX_MESH_TRACE_SPAN_LEN         16
#define NGX_MESH_TRACE_XRAY_LEN         (sizeof("Root=;Parent=;Sampled=0") - 1 \
                                         + NGX_MESH_TRACE_XRAY_ID_LEN          \
                                         + NGX_MESH_TRACE_SPAN_LEN             \
                                         + sizeof(";Lineage=") - 1             \
                                         + NGX_MESH_TRACE_LINEAGE_MAX)
#define NGX_MESH_TRACE_LINEAGE_MAX      255     /* longer ones are dropped */
#define NGX_MESH_TRACE_TRACEPARENT_LEN  55
#define NGX_MESH_TRACE_B3_LEN           (NGX_MESH_TRACE_ID_LEN                 \
                                         + NGX_MESH_TRACE_SPAN_LEN             \
                                         + sizeof("--0") - 1)
#define NGX_MESH_TRACE_TRACESTATE_MAX   2048    /* longer ones are dropped */


/*
 * Reads the context; ids that are not given are made of "random", of which 24
 * bytes are used, and of "now" (seconds).  Of several notations the first one
 * that has a valid id counts: X-Ray, W3C, B3.  What is malformed is as if it
 * were absent.  A decision without an id, as "b3: 0", counts if no notation has
 * an id.  Sets all but "sampled", which follows from "incoming" or is the
 * sampler's.  "tracestate" and "lineage" point into "headers".
 *
 * Ids of X-Ray and B3 may have capital letters, and are written without; B3's
 * of 64 bits are padded with zeros on the left.
 */
void ngx_mesh_trace_read(ngx_mesh_trace_t *trace,
    ngx_mesh_trace_headers_t *headers, time_t now, const u_char *random);

/* the same where no header came */
void ngx_mesh_trace_new(ngx_mesh_trace_t *trace, time_t now,
    const u_char *random);

/*
 * Write without a NUL, at most ..._LEN bytes; return the end.  The span that is
 * named is "span_id", whoever sees it is its child.
 */
u_char *ngx_mesh_trace_xray(u_char *p, ngx_mesh_trace_t *trace);
u_char *ngx_mesh_trace_xray_id(u_char *p, const u_char *trace_id);
u_char *ngx_mesh_trace_traceparent(u_char *p, ngx_mesh_trace_t *trace);
u_char *ngx_mesh_trace_b3(u_char *p, ngx_mesh_trace_t *trace);


#endif /* _NGX_MESH_TRACE_H_INCLUDED_ */
