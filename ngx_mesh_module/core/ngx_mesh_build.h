
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * From checked JSON objects to the structs of a model.  For the loader only.
 *
 * The functions that build return NGX_OK, or NGX_ERROR if memory was short;
 * whatever else may be wrong was found before, by shapes and rules.  Only those
 * that compile regexes, or read endpoints, may also return NGX_DECLINED after
 * they reported a violation.
 */


#ifndef _NGX_MESH_BUILD_H_INCLUDED_
#define _NGX_MESH_BUILD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_document.h"
#include "ngx_mesh_rules.h"


#define NGX_MESH_BUILD_ZONES  8


typedef struct ngx_mesh_build_s          ngx_mesh_build_t;
typedef struct ngx_mesh_build_section_s  ngx_mesh_build_section_t;


/* the lists of a document, in the order they are checked and built */

typedef enum {
    NGX_MESH_SECTION_NODES = 0,
    NGX_MESH_SECTION_ROUTERS,
    NGX_MESH_SECTION_ROUTES,
    NGX_MESH_SECTION_SERVICES,
    NGX_MESH_SECTION_GATEWAYS,
    NGX_MESH_SECTION_GATEWAY_ROUTES,
    NGX_MESH_SECTIONS
} ngx_mesh_section_e;


typedef ngx_int_t (*ngx_mesh_build_pt)(ngx_mesh_build_t *b,
    ngx_mesh_json_t *item, void *object);


struct ngx_mesh_build_section_s {
    const char              *list;      /* "virtualNodes" */
    const ngx_mesh_shape_t  *shape;     /* of an element */
    size_t                   size;      /* of its struct in the model */
    size_t                   elts;      /* where in the model they are, */
    size_t                   nelts;     /* and their number */
    ngx_mesh_build_pt        check;     /* rules, references, names */
    ngx_mesh_build_pt        build;
};


/* what is known of one section while it is worked on */

typedef struct {
    ngx_mesh_json_t        **items;
    u_char                  *objects;   /* those of the model */
    ngx_uint_t               nelts;
    ngx_mesh_map_t          *map;       /* name -> object */
} ngx_mesh_build_list_t;


/* how many endpoints of a list a cluster is to have; see _build_endpoint.c */

typedef struct {
    uint32_t                 ipv4;
    uint32_t                 ipv6;
    uint32_t                 unhealthy; /* placed so far */
} ngx_mesh_build_count_t;


typedef struct {
    ngx_mesh_json_t         *list;      /* of one node */
    ngx_mesh_json_t         *entry;
    ngx_mesh_virtual_node_t *node;      /* NULL: not in the document */
    uint64_t                 hash;      /* of its name */
    ngx_mesh_build_count_t  *counts;    /* one a cluster */
    ngx_uint_t               max;       /* size of counts */
    ngx_uint_t               fill;      /* unsigned  fill:1; */
} ngx_mesh_build_endpoints_t;


struct ngx_mesh_build_s {
    ngx_pool_t              *pool;      /* of the model */
    ngx_pool_t              *temp;      /* goes with the loader */
    ngx_mesh_model_t        *model;
    ngx_mesh_loader_conf_t  *conf;
    ngx_mesh_rules_t         rules;     /* and who hears of violations */
    ngx_mesh_shape_walk_t    walk;

    ngx_mesh_build_list_t    lists[NGX_MESH_SECTIONS];
    ngx_mesh_map_t          *discovered;    /* nodes with endpoints */

    ngx_mesh_build_endpoints_t  endpoints;

    /* the last zones seen, by last character, to be shared */
    ngx_str_t                zones[NGX_MESH_BUILD_ZONES];
};


/* ngx_mesh_build_section.c */

extern const ngx_mesh_build_section_t  ngx_mesh_build_sections[];
extern const ngx_mesh_shape_t          ngx_mesh_shape_document;
extern const ngx_mesh_shape_t          ngx_mesh_shape_document_endpoint;

/* what an object of a section was built from: its "spec" */
ngx_mesh_json_t *ngx_mesh_build_spec(ngx_mesh_build_t *b,
    ngx_mesh_section_e section, void *object);

/* an object by the name that "value" holds; NULL if there is none */
void *ngx_mesh_build_find(ngx_mesh_build_t *b, ngx_mesh_section_e section,
    ngx_mesh_json_t *value);

/* a service, whatever the case of "value" */
ngx_mesh_virtual_service_t *ngx_mesh_build_find_service(ngx_mesh_build_t *b,
    ngx_mesh_json_t *value);


/* ngx_mesh_build_value.c; "value" may be NULL everywhere, "dst" stays then */

ngx_int_t ngx_mesh_build_string(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_str_t *dst);
ngx_int_t ngx_mesh_build_lower(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_str_t *dst);

/* an array of as many zeroed elements as "list" has */
ngx_int_t ngx_mesh_build_array(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    size_t size, ngx_array_t *dst);

/* *dst becomes an array of ngx_str_t, or of ngx_keyval_t from key and value */
ngx_int_t ngx_mesh_build_strings(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_array_t **dst);
ngx_int_t ngx_mesh_build_keyvals(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_array_t **dst);

void ngx_mesh_build_duration(ngx_mesh_json_t *value,
    ngx_mesh_duration_t *dst);
ngx_int_t ngx_mesh_build_timeout(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_mesh_timeout_t **dst);
ngx_mesh_protocol_e ngx_mesh_build_protocol(ngx_mesh_json_t *value);
ngx_mesh_ip_preference_e ngx_mesh_build_ip_preference(ngx_mesh_json_t *value,
    ngx_mesh_ip_preference_e otherwise);
ngx_uint_t ngx_mesh_build_is(ngx_mesh_json_t *value, const char *string);


/* ngx_mesh_build_listener.c */

ngx_int_t ngx_mesh_build_listeners(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_array_t *dst);
ngx_int_t ngx_mesh_build_client_policy(ngx_mesh_build_t *b,
    ngx_mesh_json_t *policy, ngx_mesh_client_policy_t **dst);
ngx_int_t ngx_mesh_build_access_log(ngx_mesh_build_t *b,
    ngx_mesh_json_t *logging, ngx_mesh_access_log_t **dst);


/* ngx_mesh_build_node.c */

ngx_int_t ngx_mesh_build_node(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object);

/* what needs all sections: services of backends, addresses without discovery */
ngx_int_t ngx_mesh_build_node_end(ngx_mesh_build_t *b,
    ngx_mesh_virtual_node_t *node);


/* ngx_mesh_build_route.c */

ngx_int_t ngx_mesh_build_router(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object);
ngx_int_t ngx_mesh_build_route(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object);
ngx_int_t ngx_mesh_build_service(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object);


/* ngx_mesh_build_log.c: the log of this proxy, whose spec it is */

ngx_int_t ngx_mesh_build_log(ngx_mesh_build_t *b, ngx_mesh_json_t *spec);


/* ngx_mesh_build_match.c: the match of a route or gateway route */

ngx_int_t ngx_mesh_build_match(ngx_mesh_build_t *b, ngx_mesh_json_t *match,
    ngx_mesh_protocol_e protocol, ngx_mesh_match_t *dst);


/* ngx_mesh_build_gateway.c */

ngx_int_t ngx_mesh_build_gateway(ngx_mesh_build_t *b, ngx_mesh_json_t *item,
    void *object);
ngx_int_t ngx_mesh_build_gateway_route(ngx_mesh_build_t *b,
    ngx_mesh_json_t *item, void *object);


/* ngx_mesh_build_endpoint.c */

/* starts on the member "endpoints" of a document, which may be NULL */
ngx_int_t ngx_mesh_build_endpoints_start(ngx_mesh_build_t *b,
    ngx_mesh_json_t *object);

/* one step: NGX_AGAIN, NGX_OK at the end, NGX_DECLINED, NGX_ERROR */
ngx_int_t ngx_mesh_build_endpoints_step(ngx_mesh_build_t *b);

/* the endpoint of a node whose dns.hostname is an address, if it is one */
ngx_int_t ngx_mesh_build_literal(ngx_mesh_build_t *b,
    ngx_mesh_virtual_node_t *node);


#endif /* _NGX_MESH_BUILD_H_INCLUDED_ */
