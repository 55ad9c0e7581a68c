
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Statistics that are sent: to StatsD, to CloudWatch.  One worker does it for
 * all, whichever has the lease of the sink.
 */


#ifndef _NGX_MESH_SINK_H_INCLUDED_
#define _NGX_MESH_SINK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"


/* called by each worker; does nothing where there are no sinks */
void ngx_mesh_sink_start(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf);

/*
 * When a worker ends, before it counts what stop() does: gives back the model
 * of a round that was begun, which stop() drops.  How many sinks there are.
 */
ngx_uint_t ngx_mesh_sink_leave(void);

/*
 * When a worker ends: if nobody goes on, tells what has come since, without
 * waiting for anybody.
 */
void ngx_mesh_sink_stop(void);


/* --- ngx_mesh_sink_out.c: where it goes --- */

typedef struct {
    ngx_mesh_sink_conf_t    *conf;
    int                      fd;            /* of this worker, or -1 */
    unsigned                 connecting:1;
    unsigned                 begun:1;       /* a part has been written */
    unsigned                 failed:1;      /* that was logged */
    ngx_log_t               *log;
} ngx_mesh_sink_out_t;

/*
 * Writes from *pos up to "last" and moves it on; never waits.  NGX_OK: all is
 * written; NGX_AGAIN: not now; NGX_ERROR: nobody is there.
 */
ngx_int_t ngx_mesh_sink_write(ngx_mesh_sink_out_t *out, u_char **pos,
    u_char *last);

/*
 * The longest that is not mixed with what others write to the same place, who
 * may be workers with their access logs.
 */
size_t ngx_mesh_sink_size(ngx_mesh_sink_conf_t *conf);

void ngx_mesh_sink_close(ngx_mesh_sink_out_t *out);


#endif /* _NGX_MESH_SINK_H_INCLUDED_ */
