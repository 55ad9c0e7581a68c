
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Who depends on which keys of the store: from a changed key to those whose
 * document was made from it, without looking at all the others.
 *
 * Keys are known by a hash of 32 bits.  Two that share one cost a document
 * that is made again for nothing, and no more.  A dependency on a prefix, which
 * ends with "/", is found for every key below it.  24 bytes a dependency.
 *
 * Of one worker; memory of the heap, which is reused but not given back.
 */


#ifndef _NGX_MESH_DEPEND_H_INCLUDED_
#define _NGX_MESH_DEPEND_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct ngx_mesh_depend_s  ngx_mesh_depend_t;

typedef void (*ngx_mesh_depend_pt)(void *data, void *owner);


/* the head of what one owner depends on; zero at first */
typedef uint32_t  ngx_mesh_depend_list_t;


ngx_mesh_depend_t *ngx_mesh_depend_create(ngx_log_t *log);
void ngx_mesh_depend_destroy(ngx_mesh_depend_t *depend);

/* the hash of a key, or of a prefix: what follows its last "/" is left out */
uint32_t ngx_mesh_depend_key(ngx_str_t *key);
uint32_t ngx_mesh_depend_prefix(ngx_str_t *prefix);

/*
 * "owner" depends on these hashes from now on, and on nothing else.  NGX_ERROR
 * if memory is short: it depends on nothing then.
 */
ngx_int_t ngx_mesh_depend_set(ngx_mesh_depend_t *depend,
    ngx_mesh_depend_list_t *list, void *owner, uint32_t *hashes,
    ngx_uint_t n);

/*
 * Calls "handler" for each owner that depends on "key" or on a prefix of it,
 * maybe more than once.  The handler must not change any dependency.
 */
void ngx_mesh_depend_find(ngx_mesh_depend_t *depend, ngx_str_t *key,
    ngx_mesh_depend_pt handler, void *data);

/* is "key", or a prefix of it, among these hashes? */
ngx_uint_t ngx_mesh_depend_among(ngx_str_t *key, uint32_t *hashes,
    ngx_uint_t n);


#endif /* _NGX_MESH_DEPEND_H_INCLUDED_ */
