
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the checks of App Mesh resources (ngx_mesh_appmesh_check*.c) share: ways
 * to say no, and the rules of core/ngx_mesh_rules.h with their violations
 * collected.
 */


#ifndef _NGX_MESH_APPMESH_CHECK_H_INCLUDED_
#define _NGX_MESH_APPMESH_CHECK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh.h"
#include "ngx_mesh_rules.h"
#include "ngx_mesh_validate.h"


typedef struct {
    ngx_mesh_rules_t         rules;
    ngx_mesh_violations_t    violations;
    ngx_int_t                rc;        /* NGX_ERROR: memory was short */
} ngx_mesh_check_rules_t;


/* sets the error and returns NGX_DECLINED (NGX_ERROR if memory is short); the
   format is that of ngx_sprintf() */
ngx_int_t ngx_mesh_check_fail(ngx_mesh_check_t *check,
    const ngx_mesh_error_t *error, const char *fmt, ...);

/* rules that go on after a violation */
ngx_int_t ngx_mesh_check_rules_init(ngx_mesh_check_t *check,
    ngx_mesh_check_rules_t *cr);

/*
 * The outcome, after the last rule returned "rc".  With violations, the check
 * fails as a bad request; "who" is the resource whose spec has them, NULL if
 * it is check->id itself.
 */
ngx_int_t ngx_mesh_check_rules_done(ngx_mesh_check_t *check,
    ngx_mesh_check_rules_t *cr, ngx_int_t rc, ngx_mesh_id_t *who);

/*
 * A resource that is referred to; NGX_DECLINED with the error set if it is not
 * there.
 */
ngx_int_t ngx_mesh_check_get(ngx_mesh_check_t *check, ngx_mesh_id_t *id,
    ngx_mesh_record_t *record);

/*
 * Resources of "kind" that refer to "id", or (routes of a router, gateway
 * routes of a gateway) that are in it: at most "limit", 0 is all.  For
 * referrers the entries are references.
 */
ngx_int_t ngx_mesh_check_referrers(ngx_mesh_check_t *check, ngx_mesh_id_t *id,
    ngx_mesh_kind_e kind, ngx_uint_t limit, ngx_mesh_store_item_t **item);
ngx_int_t ngx_mesh_check_children(ngx_mesh_check_t *check, ngx_mesh_id_t *id,
    ngx_mesh_kind_e kind, ngx_uint_t limit, ngx_mesh_store_item_t **item);


#endif /* _NGX_MESH_APPMESH_CHECK_H_INCLUDED_ */
