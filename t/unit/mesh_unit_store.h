
/*
 * A store for unit tests, in a directory of its own under /tmp.
 */


#ifndef _MESH_UNIT_STORE_H_INCLUDED_
#define _MESH_UNIT_STORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_store.h>

#include "ngx_mesh_unit.h"


typedef struct {
    ngx_mesh_store_t        *store;
    u_char                   dir[64];
    u_char                   path[80];
} mesh_unit_store_t;


/* an empty directory and the path of a file in it; NGX_OK */
ngx_int_t mesh_unit_store_directory(mesh_unit_store_t *us);

/* removes the files and the directory */
void mesh_unit_store_remove(mesh_unit_store_t *us);

/* a store that is open; NGX_OK */
ngx_int_t mesh_unit_store_create(ngx_mesh_unit_t *u, mesh_unit_store_t *us);

/* closes and removes it */
void mesh_unit_store_destroy(mesh_unit_store_t *us);

/*
 * One write, done when it returns: "n" pairs of a key and a value follow, as C
 * strings; a NULL value removes.  The result is the write's rc.
 */
ngx_int_t mesh_unit_store_put(ngx_mesh_unit_t *u, ngx_mesh_store_t *store,
    ngx_uint_t n, ...);

/* an empty write of u->pool */
ngx_mesh_store_write_t *mesh_unit_store_write(ngx_mesh_unit_t *u);
void mesh_unit_store_change(ngx_mesh_store_write_t *write, const char *key,
    const char *value);
void mesh_unit_store_compare(ngx_mesh_store_write_t *write, const char *key,
    uint64_t revision, ngx_uint_t prefix);

/* one item read, in u->pool; the result is the error */
ngx_mesh_store_error_e mesh_unit_store_read(ngx_mesh_unit_t *u,
    ngx_mesh_store_t *store, ngx_mesh_store_snapshot_t *snapshot,
    ngx_mesh_store_item_e type, const char *key, const char *after,
    ngx_uint_t limit, ngx_mesh_store_item_t *item);


#endif /* _MESH_UNIT_STORE_H_INCLUDED_ */
