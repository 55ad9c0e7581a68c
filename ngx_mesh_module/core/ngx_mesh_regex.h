
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Regular expressions of routes: PCRE2 with JIT, always a match of the whole
 * subject, bounded so that no pattern and no subject can hold a worker for
 * more than a few milliseconds.
 */


#ifndef _NGX_MESH_REGEX_H_INCLUDED_
#define _NGX_MESH_REGEX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct ngx_mesh_regex_s  ngx_mesh_regex_t;


/*
 * Compiles "pattern"; the result is freed with "pool".  On NULL "error" tells
 * why (in "pool"; empty if memory was short).
 */
ngx_mesh_regex_t *ngx_mesh_regex_compile(ngx_pool_t *pool, ngx_str_t *pattern,
    ngx_str_t *error);

/*
 * NGX_OK if the whole of "subject" matches, NGX_DECLINED if not, NGX_ABORT if
 * a limit was hit (to be taken as "does not match").
 */
ngx_int_t ngx_mesh_regex_exec(ngx_mesh_regex_t *re, ngx_str_t *subject);


#endif /* _NGX_MESH_REGEX_H_INCLUDED_ */
