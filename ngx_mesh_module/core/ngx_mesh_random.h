
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Random bits for ids: as many as are needed for each request, at the cost of
 * some additions.  They are not secret, but no two workers have the same.
 */


#ifndef _NGX_MESH_RANDOM_H_INCLUDED_
#define _NGX_MESH_RANDOM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MESH_UUID_TEXT_LEN  36

/* in any process, which gets a seed of its own of the system */
uint64_t ngx_mesh_random(void);

/* "n" of them, for less */
void ngx_mesh_random_fill(uint64_t *to, ngx_uint_t n);

/* writes a random UUID (version 4), without a NUL; returns the end */
u_char *ngx_mesh_random_uuid(u_char *p);


#endif /* _NGX_MESH_RANDOM_H_INCLUDED_ */
