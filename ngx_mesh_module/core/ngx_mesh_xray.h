
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Segments of X-Ray: what a span looks like in its JSON, and the way to the
 * daemon, which is a datagram for each.
 */


#ifndef _NGX_MESH_XRAY_H_INCLUDED_
#define _NGX_MESH_XRAY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_span.h"


/* no datagram of UDP takes more, and X-Ray no segment of more than 64 kB */
#define NGX_MESH_XRAY_MAX       64000

#define NGX_MESH_XRAY_ATTEMPTS  32      /* of a segment, the first ones */


/* who the proxy is, the same for all its segments */

typedef struct {
    ngx_str_t                  name;            /* of segments */
    ngx_str_t                  mesh;
    ngx_str_t                  resource;        /* virtual node or gateway */
    ngx_str_t                  node_id;         /* mesh/M/virtualNode/N */
} ngx_mesh_xray_proxy_t;


/*
 * Writes the datagram of a span that has ended, header and segment, with
 * "attempts" as subsegments; "last" has to be NGX_MESH_XRAY_MAX bytes away.
 * Strings are cut to what X-Ray takes, and are valid UTF-8 whatever they were.
 * Returns the end.  Pure.
 */
u_char *ngx_mesh_xray_segment(u_char *p, u_char *last,
    ngx_mesh_xray_proxy_t *proxy, ngx_mesh_span_t *span,
    ngx_mesh_span_t *attempts, ngx_uint_t nattempts);


/* --- ngx_mesh_xray_send.c; in a worker --- */

/* where the next segment is to be written: NGX_MESH_XRAY_MAX bytes */
u_char *ngx_mesh_xray_room(void);

/*
 * Sends the segment that was written there and ends at "last", now or within
 * 50 ms; never waits for anybody.  Counts what was sent and what was dropped,
 * of which the latter is known with the next one only.  What goes wrong is
 * logged once, until it goes well again.  "daemon" has to stay until
 * ngx_mesh_xray_close().
 */
void ngx_mesh_xray_add(ngx_addr_t *daemon, u_char *last);

/* when the worker ends, or its configuration does: sends what waits */
void ngx_mesh_xray_close(void);


#endif /* _NGX_MESH_XRAY_H_INCLUDED_ */
