
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A collection of violations that becomes one message in AWS's manner:
 *
 *     2 validation errors detected: Value '70000' at
 *     'spec.listeners.1.member.portMapping.port' failed to satisfy constraint:
 *     Member must have value less than or equal to 65535; Value null at
 *     'virtualNodeName' failed to satisfy constraint: Member must not be null
 *
 * Of very many only the first are listed.
 */


#ifndef _NGX_MESH_VALIDATE_H_INCLUDED_
#define _NGX_MESH_VALIDATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"


typedef struct {
    ngx_pool_t              *pool;
    ngx_uint_t               n;
    ngx_array_t              listed;    /* of ngx_str_t, at most so many */
} ngx_mesh_violations_t;


ngx_int_t ngx_mesh_violations_init(ngx_mesh_violations_t *violations,
    ngx_pool_t *pool);

/*
 * "value" is what is wrong, or with "member" what lacks that member; the path
 * to it begins at the root of its tree.  "constraint" is copied.
 */
ngx_int_t ngx_mesh_violations_add(ngx_mesh_violations_t *violations,
    ngx_mesh_json_t *value, const char *member, ngx_str_t *constraint);

/* the message, of all that were added, in the pool; there has to be one */
ngx_int_t ngx_mesh_violations_message(ngx_mesh_violations_t *violations,
    ngx_str_t *message);


#endif /* _NGX_MESH_VALIDATE_H_INCLUDED_ */
