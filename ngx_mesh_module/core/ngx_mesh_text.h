
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Text that is written for each request: what ngx_sprintf() does at a tenth of
 * its cost.  None of it writes a NUL.
 */


#ifndef _NGX_MESH_TEXT_H_INCLUDED_
#define _NGX_MESH_TEXT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MESH_TEXT_NUMBER_LEN  (NGX_INT64_LEN + 1)


/*
 * Copies "len" bytes, and tells whether all of them are printable ASCII without
 * quotes and backslashes, so that nothing of a string in JSON or in a log needs
 * to be escaped; there must be room for "len" bytes in any case.
 */
ngx_uint_t ngx_mesh_text_plain(u_char *p, u_char *s, size_t len);

/* at most NGX_MESH_TEXT_NUMBER_LEN bytes; returns the end */
u_char *ngx_mesh_text_number(u_char *p, int64_t n);

/*
 * Lower case, two digits a byte; "len" is a multiple of four.  Returns the end.
 */
u_char *ngx_mesh_text_hex(u_char *p, const u_char *data, size_t len);


#endif /* _NGX_MESH_TEXT_H_INCLUDED_ */
