
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Parts of a JSON text without a tree of it.
 *
 * A scoped document is put together from stored texts of which it needs the
 * names, the spec as it is, and a few references; trees of them would take
 * most of the time.  The text is one that was written by this program: it is
 * not validated, but whatever it is, nothing outside of it is looked at.
 *
 * A value is a slice of the text, a string with its quotes and escapes.
 */


#ifndef _NGX_MESH_SCAN_H_INCLUDED_
#define _NGX_MESH_SCAN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The value below "value" by the names of members on the way, "spec.provider".
 * NGX_DECLINED if there is none; "found" may be "value".
 */
ngx_int_t ngx_mesh_scan_find(ngx_str_t *value, const char *path,
    ngx_str_t *found);

/*
 * The next element of an array: "rest" is the array at first, and moves on.
 * NGX_DONE after the last one, or if it is no array.
 */
ngx_int_t ngx_mesh_scan_next(ngx_str_t *rest, ngx_str_t *element);

/*
 * The string that a value is, in "pool" if it has escapes, else in the text.
 * NGX_DECLINED if it is no string.
 */
ngx_int_t ngx_mesh_scan_string(ngx_pool_t *pool, ngx_str_t *value,
    ngx_str_t *string);


#endif /* _NGX_MESH_SCAN_H_INCLUDED_ */
