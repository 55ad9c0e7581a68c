
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Which route a request takes: pure functions of plain data.  The glue fills
 * ngx_mesh_request_t and gives a way to look headers up.
 */


#ifndef _NGX_MESH_MATCH_H_INCLUDED_
#define _NGX_MESH_MATCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_model.h"


/* hosts that were looked up last: as many as a service has backends */
#define NGX_MESH_RECALL_HOSTS  16
#define NGX_MESH_RECALL_LEN    64


typedef struct ngx_mesh_request_s  ngx_mesh_request_t;


/*
 * What ngx_mesh_match_service() has said of hosts, as they were spelled; of one
 * map, which must not change.  Zeroed before its first use.
 */

typedef struct {
    ngx_mesh_virtual_service_t  *service;
    size_t                       len;       /* 0: free */
    u_char                       host[NGX_MESH_RECALL_LEN];
} ngx_mesh_recall_host_t;

typedef struct {
    ngx_mesh_recall_host_t       hosts[NGX_MESH_RECALL_HOSTS];
} ngx_mesh_recall_t;


/*
 * Finds a request header; "name" is lower case.  Several headers of the name
 * are joined with ",".  NGX_OK, NGX_DECLINED if there is none, NGX_ERROR if
 * memory was short.
 */
typedef ngx_int_t (*ngx_mesh_header_pt)(ngx_mesh_request_t *rq,
    ngx_str_t *name, ngx_str_t *value);


struct ngx_mesh_request_s {
    ngx_str_t                host;      /* as received, may have a port */
    ngx_str_t                path;      /* normalized, without the query */
    ngx_str_t                query;     /* without the "?" */
    ngx_str_t                method;
    ngx_str_t                scheme;
    in_port_t                port;      /* destination, 0: as "host" tells */
    unsigned                 grpc:1;    /* content-type is application/grpc* */

    ngx_mesh_header_pt       header;
    void                    *data;      /* the glue's */
};


/*
 * The virtual service of a Host ("name" or "name:port", any case; a final dot
 * is not special).  A port must be one of the provider's listeners (App Mesh:
 * domains = [vs, vs:port]).  NULL: there is none.
 */
ngx_mesh_virtual_service_t *ngx_mesh_match_service(ngx_mesh_map_t *egress,
    ngx_str_t *host);

/*
 * The same, at a fifth of the cost for a host that came before and was found.
 */
ngx_mesh_virtual_service_t *ngx_mesh_match_recall(ngx_mesh_recall_t *recall,
    ngx_mesh_map_t *egress, ngx_str_t *host);

/*
 * The destination port when no interception tells it: the port of Host, else
 * 80 if the provider listens there, else the provider's only listener, else 0.
 */
in_port_t ngx_mesh_match_port(ngx_mesh_virtual_service_t *service,
    ngx_str_t *host);

/*
 * The first route, in order, whose criteria all hold, or NULL.  If a route asks
 * for a port and "rq->port" is 0, that is set by ngx_mesh_match_port().
 */
ngx_mesh_route_t *ngx_mesh_match_route(ngx_mesh_virtual_service_t *service,
    ngx_mesh_request_t *rq);

/* NGX_OK or NGX_DECLINED: all criteria of one match against a request */
ngx_int_t ngx_mesh_match(ngx_mesh_match_t *match, ngx_mesh_request_t *rq);

/*
 * One value matcher.  "value" NULL: the header is missing; then only an
 * inverted presence matcher holds (Envoy, HeaderUtility::matchHeaders).
 */
ngx_int_t ngx_mesh_match_value(ngx_mesh_value_match_t *m, ngx_str_t *value);

/*
 * The order of routes: ascending priority (unset counts as 1000), then the
 * longer path (prefix or exact; a regex by the length of its pattern), then as
 * in the document.  Stable.
 */
void ngx_mesh_match_sort(ngx_mesh_route_t **routes, ngx_uint_t n);


/*
 * The weighted target for a random number, or NULL if all weights are 0.  A
 * target of weight 0 is never picked.
 */
ngx_mesh_target_t *ngx_mesh_match_target(ngx_mesh_route_t *route,
    uint32_t random);


/*
 * Path normalization as App Mesh configures Envoy: dot segments resolved (also
 * written %2e), "\" taken as "/", unreserved characters unescaped, repeated
 * slashes merged; %2F is kept and the case of other escapes too.
 *
 * "uri" is a request target in origin form without query and fragment.
 * NGX_DECLINED: nothing to change, "out" is "uri"; NGX_OK: "out" is a new
 * string in "pool"; NGX_ERROR.
 */
ngx_int_t ngx_mesh_normalize_path(ngx_pool_t *pool, ngx_str_t *uri,
    ngx_str_t *out);


#endif /* _NGX_MESH_MATCH_H_INCLUDED_ */
