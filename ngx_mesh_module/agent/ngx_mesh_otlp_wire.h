
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Protobuf on the wire, as much of it as spans need: a writer that goes from
 * the end of a buffer to its beginning, and a reader of fields.
 */


#ifndef _NGX_MESH_OTLP_WIRE_H_INCLUDED_
#define _NGX_MESH_OTLP_WIRE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MESH_OTLP_VARINT     0
#define NGX_MESH_OTLP_FIXED64    1
#define NGX_MESH_OTLP_BYTES      2
#define NGX_MESH_OTLP_FIXED32    5


/* "pos" is where the last thing that was written begins; NULL: no room */

typedef struct {
    u_char                    *start;
    u_char                    *pos;
} ngx_mesh_otlp_wire_t;


/* values without a tag; the tag comes after them, since it stands before */
void ngx_mesh_otlp_wire_raw(ngx_mesh_otlp_wire_t *w, const void *data,
    size_t len);
void ngx_mesh_otlp_wire_varint(ngx_mesh_otlp_wire_t *w, uint64_t n);
void ngx_mesh_otlp_wire_fixed(ngx_mesh_otlp_wire_t *w, uint64_t n,
    ngx_uint_t bytes);
void ngx_mesh_otlp_wire_tag(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    ngx_uint_t type);

/* what was written from "end" on is one string or message */
void ngx_mesh_otlp_wire_close(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    u_char *end);

void ngx_mesh_otlp_wire_bytes(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    const void *data, size_t len);

/*
 * Text from anywhere: shortened to "max" bytes, and what is not UTF-8 becomes
 * "?".  Nothing is written for an empty one.  utf8() is raw() for such text.
 */
void ngx_mesh_otlp_wire_text(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    ngx_str_t *text, size_t max);
void ngx_mesh_otlp_wire_utf8(ngx_mesh_otlp_wire_t *w, ngx_str_t *text,
    size_t max);

/*
 * Reads a field that begins at "p".  "bytes" has no data if it is a number.
 * Returns its end, or NULL if it is not valid.
 */
u_char *ngx_mesh_otlp_wire_read(u_char *p, u_char *end, ngx_uint_t *field,
    uint64_t *number, ngx_str_t *bytes);


#endif /* _NGX_MESH_OTLP_WIRE_H_INCLUDED_ */
