
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What sinks were told.
 *
 * Counters are told to StatsD and CloudWatch as differences.  The values that
 * were told last are in shared memory, so that whoever goes on, after a reload
 * or a crash of the one before, loses nothing and tells nothing twice.  Each
 * sink has a table of its own, which one process at a time looks after: the one
 * that holds its lease.
 *
 * A row is known by its set and labels.  What was not seen in the last two
 * rounds is gone, and makes room.  A round that was broken off, since nobody
 * took what was told, says nothing of the rows it did not get to.
 */


#ifndef _NGX_MESH_TOLD_H_INCLUDED_
#define _NGX_MESH_TOLD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_stats.h"


typedef enum {
    NGX_MESH_TOLD_STATSD = 0,
    NGX_MESH_TOLD_EMF,
    NGX_MESH_TOLD_SINKS
} ngx_mesh_told_sink_e;


typedef struct ngx_mesh_told_s  ngx_mesh_told_t;


/*
 * Declares the zone "mesh_told", for what a zone of metrics of that size can
 * have; memory is taken as it is needed.  NULL after an error was logged.
 */
ngx_mesh_told_t *ngx_mesh_told_create(ngx_conf_t *cf, size_t metrics_size);

/* a handle on memory that is zeroed, or was one before; for tests */
ngx_mesh_told_t *ngx_mesh_told_attach(ngx_pool_t *pool, u_char *memory,
    size_t size);

/* 1: this process looks after the sink, as long as it lives or gives it up */
ngx_uint_t ngx_mesh_told_acquire(ngx_mesh_told_t *told,
    ngx_mesh_told_sink_e sink);
void ngx_mesh_told_release(ngx_mesh_told_t *told, ngx_mesh_told_sink_e sink);

/* a round is complete: all rows there are were looked up since the last one */
void ngx_mesh_told_round(ngx_mesh_told_t *told, ngx_mesh_told_sink_e sink);

/*
 * The values that were told last of a row; all 0 for a new one.  NULL: there is
 * no room for it.
 */
uint64_t *ngx_mesh_told_row(ngx_mesh_told_t *told, ngx_mesh_told_sink_e sink,
    ngx_mesh_stats_set_e set, ngx_mesh_stats_row_t *row);

/* what has come since; a counter that is less than before began anew */
#define ngx_mesh_told_delta(value, told)                                      \
    ((value) >= (told) ? (value) - (told) : (value))


#endif /* _NGX_MESH_TOLD_H_INCLUDED_ */
