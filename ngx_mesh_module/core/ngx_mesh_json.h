
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A JSON document as a tree, read incrementally with limits.
 *
 * The tree lives in one pool and is plain data: no process state, no shared
 * memory.  The same tree is built from nginx directives (see ngx_mesh_conf.c),
 * so that documents and directives go through one validation.
 */


#ifndef _NGX_MESH_JSON_H_INCLUDED_
#define _NGX_MESH_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    NGX_MESH_JSON_NULL = 0,
    NGX_MESH_JSON_BOOLEAN,
    NGX_MESH_JSON_NUMBER,
    NGX_MESH_JSON_STRING,
    NGX_MESH_JSON_ARRAY,
    NGX_MESH_JSON_OBJECT
} ngx_mesh_json_type_e;


typedef struct ngx_mesh_json_s         ngx_mesh_json_t;
typedef struct ngx_mesh_json_reader_s  ngx_mesh_json_reader_t;


/* where a value built from a directive was written; NULL for documents */

typedef struct {
    ngx_str_t                file;
    ngx_uint_t               line;
} ngx_mesh_json_source_t;


/* 64 bytes: a document of 100,000 endpoints has half a million of them */

struct ngx_mesh_json_s {
    ngx_str_t                name;      /* member name, empty in arrays; its
                                           bytes may serve many members */

    unsigned                 type:3;    /* ngx_mesh_json_type_e */
    unsigned                 boolean:1;
    unsigned                 seen:1;    /* a shape knew the member */

    uint32_t                 nelts;     /* members or elements */

    union {
        ngx_str_t            string;    /* a string, or a number as written */
        struct {
            ngx_mesh_json_t *first;     /* member or element */
            ngx_mesh_json_t *last;
        } child;
    } u;

    ngx_mesh_json_t         *next;
    ngx_mesh_json_t         *parent;

    ngx_mesh_json_source_t  *source;
};


/* zero in a field means "no limit", except "depth" (always limited) */

typedef struct {
    size_t                   size;      /* bytes of the whole text */
    size_t                   string;    /* bytes of one string or name */
    ngx_uint_t               depth;     /* nested arrays and objects */
    ngx_uint_t               nodes;     /* values in the document */
} ngx_mesh_json_limits_t;


#define NGX_MESH_JSON_MAX_DEPTH    64


/*
 * Starts a reader whose tree is allocated from "pool"; the reader keeps a
 * reference to "pool" until it is freed by ngx_mesh_json_reader_free() or by
 * the pool's destruction, whichever comes first; there is no reader anymore
 * after the latter.  "limits" is copied.  Returns NULL if memory is short.
 */
ngx_mesh_json_reader_t *ngx_mesh_json_reader_create(ngx_pool_t *pool,
    ngx_mesh_json_limits_t *limits);

/*
 * Feeds the next part of the text, of any length.  Returns NGX_OK, or
 * NGX_ERROR after which only ngx_mesh_json_reader_error() may be called.
 * UTF-8 is validated, duplicate member names are refused.
 */
ngx_int_t ngx_mesh_json_reader_feed(ngx_mesh_json_reader_t *rd, u_char *data,
    size_t len);

/* ends the text; returns the root, or NULL with an error set */
ngx_mesh_json_t *ngx_mesh_json_reader_done(ngx_mesh_json_reader_t *rd);

/*
 * What was wrong, with the JSON path and the byte offset, for example
 * "routes[3].spec: unexpected end of text at byte 512"; lives in the pool.
 */
ngx_str_t *ngx_mesh_json_reader_error(ngx_mesh_json_reader_t *rd);

void ngx_mesh_json_reader_free(ngx_mesh_json_reader_t *rd);

/* one call for a text in memory; on NULL "error" is set */
ngx_mesh_json_t *ngx_mesh_json_parse(ngx_pool_t *pool,
    ngx_mesh_json_limits_t *limits, ngx_str_t *text, ngx_str_t *error);

/* member of an object by name; NULL if absent, not an object, or JSON null */
ngx_mesh_json_t *ngx_mesh_json_get(ngx_mesh_json_t *object, const char *name);

/*
 * The value of a number without fraction that fits into 64 bits ("1e3" and
 * "5.0" do not count as such); NGX_ERROR for anything else.
 */
ngx_int_t ngx_mesh_json_integer(ngx_mesh_json_t *value, int64_t *n);

/*
 * Builders, used by directives: append a new value to "parent" (an object
 * needs "name", an array NULL) and return it; parent NULL makes a root.
 * Strings are not copied.  NULL if memory is short.
 */
ngx_mesh_json_t *ngx_mesh_json_add(ngx_pool_t *pool, ngx_mesh_json_t *parent,
    const char *name, ngx_mesh_json_type_e type);
ngx_mesh_json_t *ngx_mesh_json_add_string(ngx_pool_t *pool,
    ngx_mesh_json_t *parent, const char *name, ngx_str_t *value);
ngx_mesh_json_t *ngx_mesh_json_add_number(ngx_pool_t *pool,
    ngx_mesh_json_t *parent, const char *name, int64_t value);
ngx_mesh_json_t *ngx_mesh_json_add_boolean(ngx_pool_t *pool,
    ngx_mesh_json_t *parent, const char *name, ngx_uint_t value);

/*
 * The path of a value, "routes[3].spec.httpRoute.match.prefix", in "pool";
 * the root is the empty string.
 */
ngx_int_t ngx_mesh_json_path(ngx_pool_t *pool, ngx_mesh_json_t *value,
    ngx_str_t *path);

/* the tree as compact JSON text in "pool" */
ngx_int_t ngx_mesh_json_print(ngx_pool_t *pool, ngx_mesh_json_t *value,
    ngx_str_t *text);


#endif /* _NGX_MESH_JSON_H_INCLUDED_ */
