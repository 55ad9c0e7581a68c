
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the files that read mesh{} know of each other.  Setters are those of
 * the command table in ngx_mesh_conf.c; in blocks their conf is the block.
 */


#ifndef _NGX_MESH_CONF_H_INCLUDED_
#define _NGX_MESH_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"


/* an object of the tree that an open block fills */

typedef struct {
    ngx_mesh_conf_t         *mcf;
    ngx_mesh_json_t         *object;    /* the resource */
    ngx_mesh_json_t         *spec;
    ngx_mesh_json_t         *rule;      /* of a route: httpRoute, ... */
    const char              *kind;      /* of a route, or a router's default */
    ngx_str_t                name;
} ngx_mesh_conf_block_t;


typedef enum {
    NGX_MESH_ARG_STRING = 0,
    NGX_MESH_ARG_NUMBER,
    NGX_MESH_ARG_DURATION
} ngx_mesh_conf_arg_type_e;

/* "name=value" of a directive and where its value goes in the object */

typedef struct {
    ngx_str_t                  name;    /* with "=" */
    const char                *outer;   /* member, made if absent, or NULL */
    const char                *inner;
    ngx_mesh_conf_arg_type_e   type;
} ngx_mesh_conf_arg_t;


/* --- ngx_mesh_conf_control.c --- */

char *ngx_mesh_conf_resource(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_control_plane(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_mesh_conf_control_timeout(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_mesh_conf_control_signing(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* at the end of mesh{} */
char *ngx_mesh_conf_control_check(ngx_conf_t *cf, ngx_mesh_conf_t *mcf);


/* --- ngx_mesh_conf_node.c --- */

char *ngx_mesh_conf_virtual_service(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_mesh_conf_virtual_node(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_mesh_conf_virtual_router(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_mesh_conf_listener(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_dns(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_backend(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_node_lb_policy(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* --- ngx_mesh_conf_metrics.c --- */

char *ngx_mesh_conf_metrics_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* --- ngx_mesh_conf_route.c --- */

char *ngx_mesh_conf_route(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_priority(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_match(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_header(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_query(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_target(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_timeout(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mesh_conf_retry(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* --- ngx_mesh_conf_tree.c --- */

ngx_mesh_json_t *ngx_mesh_conf_tree(ngx_conf_t *cf, ngx_mesh_conf_t *mcf);
ngx_mesh_json_t *ngx_mesh_conf_add(ngx_conf_t *cf, ngx_mesh_json_t *parent,
    const char *name, ngx_mesh_json_type_e type);
ngx_mesh_json_t *ngx_mesh_conf_need(ngx_conf_t *cf, ngx_mesh_json_t *parent,
    const char *name, ngx_mesh_json_type_e type);
char *ngx_mesh_conf_add_string(ngx_conf_t *cf, ngx_mesh_json_t *parent,
    const char *name, ngx_str_t *value);
char *ngx_mesh_conf_add_number(ngx_conf_t *cf, ngx_mesh_json_t *parent,
    const char *name, ngx_str_t *value);
char *ngx_mesh_conf_args(ngx_conf_t *cf, ngx_mesh_json_t *object,
    ngx_uint_t first, ngx_mesh_conf_arg_t *table);
char *ngx_mesh_conf_open(ngx_conf_t *cf, ngx_mesh_conf_t *mcf,
    const char *list, const char *name, ngx_mesh_conf_block_t *block);
char *ngx_mesh_conf_subblock(ngx_conf_t *cf, ngx_uint_t type,
    ngx_mesh_conf_block_t *block);


#endif /* _NGX_MESH_CONF_H_INCLUDED_ */
