
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The errors of the App Mesh API, as the published model names them, and the
 * few of its front end.  Other services add their own.
 */


#ifndef _NGX_MESH_ERROR_H_INCLUDED_
#define _NGX_MESH_ERROR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    const char              *name;      /* "BadRequestException" */
    ngx_uint_t               status;
} ngx_mesh_error_t;


extern const ngx_mesh_error_t  ngx_mesh_error_bad_request;
extern const ngx_mesh_error_t  ngx_mesh_error_conflict;
extern const ngx_mesh_error_t  ngx_mesh_error_forbidden;
extern const ngx_mesh_error_t  ngx_mesh_error_internal;
extern const ngx_mesh_error_t  ngx_mesh_error_limit_exceeded;
extern const ngx_mesh_error_t  ngx_mesh_error_not_found;
extern const ngx_mesh_error_t  ngx_mesh_error_resource_in_use;
extern const ngx_mesh_error_t  ngx_mesh_error_unavailable;
extern const ngx_mesh_error_t  ngx_mesh_error_too_many_requests;
extern const ngx_mesh_error_t  ngx_mesh_error_too_many_tags;
extern const ngx_mesh_error_t  ngx_mesh_error_unknown_operation;

/* of HTTP: a known URI with another method, and a body that is too large */
extern const ngx_mesh_error_t  ngx_mesh_error_method_not_allowed;
extern const ngx_mesh_error_t  ngx_mesh_error_too_large;

/*
 * The errors of AWS's front end, all of them with status 403: so say AWS's
 * gateways, while the lists of common errors have 400 for some.
 */
extern const ngx_mesh_error_t  ngx_mesh_error_missing_token;
extern const ngx_mesh_error_t  ngx_mesh_error_incomplete_signature;
extern const ngx_mesh_error_t  ngx_mesh_error_invalid_signature;
extern const ngx_mesh_error_t  ngx_mesh_error_unrecognized_client;
extern const ngx_mesh_error_t  ngx_mesh_error_access_denied;


#endif /* _NGX_MESH_ERROR_H_INCLUDED_ */
