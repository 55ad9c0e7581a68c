
/*
 * Copyright (C) nginx mesh contributors
 */

/* Where statistics go: metrics_extension, stats_tags, statsd, emf. */


#ifndef _NGX_MESH_CONF_STATS_H_INCLUDED_
#define _NGX_MESH_CONF_STATS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    NGX_MESH_SINK_DATAGRAM = 0,                 /* UDP, Unix */
    NGX_MESH_SINK_STREAM,                       /* TCP */
    NGX_MESH_SINK_FILE,                         /* opened by the master */
    NGX_MESH_SINK_FIFO                          /* opened by who writes */
} ngx_mesh_sink_type_e;


typedef struct {
    ngx_str_t                  text;            /* as written */
    ngx_mesh_sink_type_e       type;
    struct sockaddr           *sockaddr;
    socklen_t                  socklen;
    ngx_str_t                  path;            /* of a file; ends in a NUL */
    ngx_open_file_t           *file;            /* or NULL */
    ngx_fd_t                   fd;              /* of the standard output */
    ngx_msec_t                 interval;

    ngx_str_t                  name_space;      /* of CloudWatch */
    ngx_str_t                  log_group;       /* or empty */
} ngx_mesh_sink_conf_t;


struct ngx_mesh_told_s;

typedef struct {
    ngx_flag_t                 extension;       /* metrics_extension */
    ngx_flag_t                 tags;            /* stats_tags */
    ngx_mesh_sink_conf_t      *statsd;          /* or NULL */
    ngx_mesh_sink_conf_t      *emf;             /* or NULL */
    struct ngx_mesh_told_s    *told;            /* where one of them is */
    ngx_array_t                ingress;         /* ngx_str_t: labels of rows of
                                                   NGX_MESH_METRICS_LISTENER
                                                   for clients of the node */
    time_t                     expires;         /* the first certificate that
                                                   was loaded; 0: none was */
} ngx_mesh_stats_conf_t;


/* in mesh{}; "conf" is ngx_mesh_conf_t */
char *ngx_mesh_conf_statsd(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_emf(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* before and after mesh{} is read; NGX_CONF_ERROR after an error was logged */
char *ngx_mesh_conf_stats_create(ngx_pool_t *pool, ngx_mesh_stats_conf_t *sc);
char *ngx_mesh_conf_stats_init(ngx_conf_t *cf, ngx_mesh_stats_conf_t *sc,
    size_t metrics_size);


#endif /* _NGX_MESH_CONF_STATS_H_INCLUDED_ */
