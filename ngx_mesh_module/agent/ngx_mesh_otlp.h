
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Spans to a collector of OpenTelemetry, over HTTP.  Each worker has a queue of
 * its own, which is bounded, and sends it in batches; a collector that is slow
 * or away costs spans, which are counted, and never a request.
 */


#ifndef _NGX_MESH_OTLP_H_INCLUDED_
#define _NGX_MESH_OTLP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"
#include "ngx_mesh_span.h"


/* of this worker, since it began */

typedef struct {
    ngx_uint_t               queued;        /* now */
    size_t                   bytes;         /* the memory they take */
    ngx_uint_t               sent;          /* taken by the collector */
    ngx_uint_t               dropped;
} ngx_mesh_otlp_status_t;


/* by each worker; does nothing without "otlp" */
void ngx_mesh_otlp_start(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf);

/*
 * Tries once more to deliver what there is, and waits for it: up to a second,
 * or a tenth of that if this is the reload of a single process, which serves
 * nobody meanwhile.
 */
void ngx_mesh_otlp_stop(ngx_uint_t reload);

/*
 * Takes a span, which is copied.  To be called by workers for requests that are
 * sampled, if there is "mcf->otlp".
 */
void ngx_mesh_otlp_add(ngx_mesh_span_t *span);

void ngx_mesh_otlp_status(ngx_mesh_otlp_status_t *status);


#endif /* _NGX_MESH_OTLP_H_INCLUDED_ */
