
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Everything that depends on the version of nginx.  No other file of the
 * module may look at nginx_version.
 */


#ifndef _NGX_MESH_COMPAT_H_INCLUDED_
#define _NGX_MESH_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* 1.23.0 made header lists linked: a pushed element needs next = NULL */

#if (nginx_version >= 1023000)
#define ngx_mesh_table_elt_end(h)  (h)->next = NULL
#else
#define ngx_mesh_table_elt_end(h)  (void) (h)
#endif


#endif /* _NGX_MESH_COMPAT_H_INCLUDED_ */
