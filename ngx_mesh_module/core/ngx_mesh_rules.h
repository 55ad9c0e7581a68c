
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Rules of App Mesh that the published API model cannot express: one-of rules
 * across members, relations between members, references between resources.
 *
 * They work on JSON trees that a shape already found to be valid (see
 * ngx_mesh_shape.h) and know nothing of the mesh document, so that whatever
 * takes specs from users may apply them.  Each function returns NGX_OK,
 * NGX_DECLINED after it reported one violation, or NGX_ERROR if memory was
 * short; see also "all".
 */


#ifndef _NGX_MESH_RULES_H_INCLUDED_
#define _NGX_MESH_RULES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"
#include "ngx_mesh_model.h"
#include "ngx_mesh_shape.h"


typedef struct {
    ngx_pool_t                *pool;    /* for messages */
    ngx_mesh_shape_error_pt    error;   /* what it returns is not looked at */
    void                      *data;    /* of "error" */

    /* compile regexes: for a caller that will not build a model from them */
    ngx_uint_t                 regex;   /* unsigned  regex:1; */

    /* go on after a violation: then a function returns NGX_OK though it
       reported some, and the caller has to count them in "error" */
    ngx_uint_t                 all;     /* unsigned  all:1; */
} ngx_mesh_rules_t;


/* reports a violation and returns NGX_DECLINED, with "all" NGX_OK (or
   NGX_ERROR) */
ngx_int_t ngx_mesh_rules_violation(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *value, const char *fmt, ...);

/* names of resources, and names of virtual services, which are host names */
ngx_int_t ngx_mesh_rules_name(ngx_mesh_rules_t *rules, ngx_mesh_json_t *name);
ngx_int_t ngx_mesh_rules_service_name(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *name);

/*
 * One spec each.  "discovered": the addresses of the node are known without
 * spec.serviceDiscovery.
 */
ngx_int_t ngx_mesh_rules_virtual_node(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *spec, ngx_uint_t discovered);
ngx_int_t ngx_mesh_rules_virtual_router(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *spec);
ngx_int_t ngx_mesh_rules_virtual_gateway(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *spec);
ngx_int_t ngx_mesh_rules_route(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec);
ngx_int_t ngx_mesh_rules_gateway_route(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *spec);

/*
 * References, between specs that hold for themselves.  "owner" is the spec of
 * the virtual router of a route, or of the virtual gateway of a gateway route.
 */
ngx_int_t ngx_mesh_rules_owner(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec,
    ngx_mesh_json_t *owner);

/* one of a route's weighted targets and the spec of the node it names */
ngx_int_t ngx_mesh_rules_target(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec,
    ngx_mesh_json_t *target, ngx_mesh_json_t *node);

/*
 * A gateway route and the spec of what provides its virtual service (NULL: it
 * has no provider).
 */
ngx_int_t ngx_mesh_rules_gateway_target(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *spec, ngx_mesh_json_t *provider);

/*
 * A duration that may be unset: { } or absent is.  App Mesh lets "unit" and
 * "value" be optional in the model only; one without the other is refused
 * here, because a guess may be wrong by a factor of 1000.  "duration" may be
 * NULL.
 */
ngx_int_t ngx_mesh_rules_duration(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *duration);

/* "perRequest" and "idle" of a timeout, which may be NULL */
ngx_int_t ngx_mesh_rules_timeout(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *timeout);

/* a regex that ngx_mesh_regex_compile() refused with "error" */
ngx_int_t ngx_mesh_rules_bad_regex(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *pattern, ngx_str_t *error);


/* Looking into valid specs. */

/*
 * A value below "value" by the names on the way, "match.path.exact"; NULL if
 * it or anything on the way is absent, null, or was unknown to the shape.
 * "value" may be NULL.
 */
ngx_mesh_json_t *ngx_mesh_rules_find(ngx_mesh_json_t *value,
    const char *path);

/* the element of spec.listeners with the port, or NULL */
ngx_mesh_json_t *ngx_mesh_rules_listener(ngx_mesh_json_t *spec, int64_t port);

/* index of a string in a NULL-terminated list, "otherwise" if not there */
ngx_uint_t ngx_mesh_rules_enum(ngx_mesh_json_t *value, const char **names,
    ngx_uint_t otherwise);

/* an integer, by the same path; 0 if absent */
int64_t ngx_mesh_rules_integer(ngx_mesh_json_t *value, const char *path);

/* the kind of a route or gateway route, and its object; NULL if it has none */
ngx_mesh_json_t *ngx_mesh_rules_route_kind(ngx_mesh_json_t *spec,
    ngx_mesh_protocol_e *protocol);

/* for a loop over the elements of a list, which may be NULL */
#define ngx_mesh_rules_first(list)  ((list) ? (list)->u.child.first : NULL)

/* "http", "http2", "grpc", "tcp": by ngx_mesh_protocol_e, NULL-terminated */
extern const char  *ngx_mesh_protocols[];

/* names of httpRetryEvents, in the order of the bits NGX_MESH_RETRY_* */
extern const char  *ngx_mesh_http_retry_events[];


#endif /* _NGX_MESH_RULES_H_INCLUDED_ */
