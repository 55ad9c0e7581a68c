
/*
 * A mesh in memory for unit tests of the checks: a store engine of a few
 * lines, and steps that put and delete resources through the checks.
 */


#ifndef _MESH_UNIT_CHECK_H_INCLUDED_
#define _MESH_UNIT_CHECK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_appmesh.h>

#include "ngx_mesh_unit.h"


typedef struct {
    ngx_mesh_kind_e          kind;
    const char              *parent;    /* of routes, otherwise NULL */
    const char              *name;
    const char              *spec;      /* NULL deletes */
    const char              *result;    /* "" is done, or how the error
                                           begins: "NotFoundException: ..." */
} mesh_unit_check_step_t;


/*
 * Does the steps up to one without a name in an empty mesh "m" of the account
 * 111122223333: what the checks allow is stored.  Whatever is stored, a
 * document of it is loaded, which has to succeed.  All of it is done twice,
 * with an engine that answers at once and one that does not.
 */
void mesh_unit_check_run(ngx_mesh_unit_t *u, mesh_unit_check_step_t *steps);

/* what ngx_mesh_fill_defaults() makes of "spec", or NULL */
ngx_str_t *mesh_unit_check_filled(ngx_mesh_unit_t *u, ngx_mesh_kind_e kind,
    const char *spec);

/* a valid spec, in an object as its member "spec"; a check fails if not */
ngx_mesh_json_t *mesh_unit_check_spec(ngx_mesh_unit_t *u,
    ngx_mesh_kind_e kind, const char *spec);


#endif /* _MESH_UNIT_CHECK_H_INCLUDED_ */
