
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The access log of the spec of this proxy: its settings, and its life in a
 * worker.
 */


#ifndef _NGX_MESH_LOG_H_INCLUDED_
#define _NGX_MESH_LOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* what "access_log_filter" asks for: all of what one directive names */

typedef struct {
    ngx_array_t              *statuses;     /* ngx_mesh_log_range_t, or NULL */
    ngx_msec_t                duration;     /* at least; 0: any */
    ngx_uint_t                sampled;      /* unsigned  sampled:1; */
} ngx_mesh_log_filter_t;

typedef struct {
    ngx_uint_t                first;
    ngx_uint_t                last;
} ngx_mesh_log_range_t;


typedef struct {
    ngx_flag_t                enable;       /* unset: on */
    ngx_uint_t                used;         /* unsigned  used:1; */
    ngx_array_t              *filters;      /* ngx_mesh_log_filter_t, one of
                                               which is to hold; NULL: all
                                               requests are logged */
} ngx_mesh_log_conf_t;


/* whether a request is to be logged */
ngx_uint_t ngx_mesh_log_wanted(ngx_mesh_log_conf_t *conf, ngx_uint_t status,
    ngx_msec_t duration, ngx_uint_t sampled);


/* setter of "access_log_filter"; its conf is the ngx_mesh_conf_t */
char *ngx_mesh_conf_log_filter(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* setter of "access_log" in virtual_node{} */
char *ngx_mesh_conf_access_log(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* when the configuration was read, by whoever is going to write lines */
ngx_int_t ngx_mesh_log_use(ngx_conf_t *cf, ngx_mesh_log_conf_t *conf);


/* in the process that has read the configuration, and in each worker */
void ngx_mesh_log_init(ngx_cycle_t *cycle, ngx_mesh_log_conf_t *conf);
void ngx_mesh_log_init_worker(ngx_cycle_t *cycle, ngx_mesh_log_conf_t *conf,
    uint64_t *row);
void ngx_mesh_log_exit_worker(void);


#endif /* _NGX_MESH_LOG_H_INCLUDED_ */
