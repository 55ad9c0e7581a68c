
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The shapes of App Mesh specs as tables, and one validator that walks a JSON
 * tree along them.  The tables restate the published API model v20190125
 * (types, required members, bounds, enumerations, unions); what the model
 * cannot express (one-of rules across members, references between resources)
 * is checked by ngx_mesh_rules.c.
 */


#ifndef _NGX_MESH_SHAPE_H_INCLUDED_
#define _NGX_MESH_SHAPE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"


typedef struct ngx_mesh_shape_s   ngx_mesh_shape_t;
typedef struct ngx_mesh_member_s  ngx_mesh_member_t;


typedef enum {
    NGX_MESH_SHAPE_STRING = 0,
    NGX_MESH_SHAPE_INTEGER,     /* 32 bits */
    NGX_MESH_SHAPE_LONG,        /* 64 bits */
    NGX_MESH_SHAPE_BOOLEAN,
    NGX_MESH_SHAPE_LIST,
    NGX_MESH_SHAPE_STRUCTURE,
    NGX_MESH_SHAPE_ANY          /* not looked into */
} ngx_mesh_shape_type_e;


#define NGX_MESH_SHAPE_UNION      0x01   /* exactly one member */
#define NGX_MESH_SHAPE_HAS_MIN    0x02
#define NGX_MESH_SHAPE_HAS_MAX    0x04


struct ngx_mesh_member_s {
    const char              *name;      /* NULL ends the table */
    const ngx_mesh_shape_t  *shape;
    ngx_uint_t               required;
};


struct ngx_mesh_shape_s {
    const char              *name;      /* as in the API model */
    ngx_mesh_shape_type_e    type;
    ngx_uint_t               flags;
    int64_t                  min;       /* value, or length of a string/list */
    int64_t                  max;
    const char             **values;    /* enumeration, NULL-terminated */
    const char              *pattern;   /* as in the model, or NULL */
    ngx_uint_t             (*test)(ngx_str_t *value);  /* does it match? */
    const ngx_mesh_shape_t  *element;   /* of a list */
    const ngx_mesh_member_t *members;   /* of a structure */
};


/*
 * What is wrong with a value, for whoever puts it into words.  "value" is the
 * enclosing object when a member is missing.
 */

typedef enum {
    NGX_MESH_VIOLATION_TYPE = 0,    /* not of the shape's type */
    NGX_MESH_VIOLATION_REQUIRED,    /* "member" is missing */
    NGX_MESH_VIOLATION_UNION,       /* no member, or several: "set" */
    NGX_MESH_VIOLATION_ENUM,
    NGX_MESH_VIOLATION_PATTERN,
    NGX_MESH_VIOLATION_RANGE,       /* of an integer, or of its bits */
    NGX_MESH_VIOLATION_LENGTH       /* "size" characters or elements */
} ngx_mesh_violation_e;

typedef struct {
    ngx_mesh_violation_e       type;
    const ngx_mesh_shape_t    *shape;   /* of the value */
    ngx_mesh_json_t           *value;
    const ngx_mesh_member_t   *member;
    ngx_uint_t                 set;     /* a bit for each of shape->members */
    int64_t                    size;
} ngx_mesh_violation_t;


/* NGX_OK goes on looking, NGX_ERROR is no memory, all else ends the walk */

typedef struct {
    ngx_int_t                (*violation)(void *data,
                                   ngx_mesh_violation_t *violation);
    ngx_int_t                (*unknown)(void *data, ngx_mesh_json_t *value);
                                        /* member; NULL: ignored */
    void                      *data;
} ngx_mesh_shape_visitor_t;


/*
 * NGX_OK if nothing was wrong, NGX_DECLINED if violations were reported,
 * NGX_ERROR if memory was short.  Known members are marked as seen.
 */
ngx_int_t ngx_mesh_shape_visit(ngx_mesh_shape_visitor_t *visitor,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);

/*
 * The bounds of integers: those of the shape, else those of its bits.
 */
void ngx_mesh_shape_bounds(const ngx_mesh_shape_t *shape, int64_t *min,
    int64_t *max);

/* the member of a structure with that name, or NULL */
const ngx_mesh_member_t *ngx_mesh_shape_member(const ngx_mesh_shape_t *shape,
    ngx_str_t *name);


/*
 * The same in the words of documents and directives.
 *
 * Called for each violation; "value" is where (the enclosing object when a
 * member is missing), "reason" a sentence without the path.  NGX_OK goes on
 * looking, anything else ends the walk.
 */
typedef ngx_int_t (*ngx_mesh_shape_error_pt)(void *data,
    ngx_mesh_json_t *value, ngx_str_t *reason);

typedef struct {
    ngx_pool_t                *pool;    /* for messages */
    ngx_mesh_shape_error_pt    error;
    ngx_mesh_shape_error_pt    unknown; /* unknown member; NULL: ignored */
    void                      *data;
} ngx_mesh_shape_walk_t;


/* returns as ngx_mesh_shape_visit() */
ngx_int_t ngx_mesh_shape_validate(ngx_mesh_shape_walk_t *walk,
    const ngx_mesh_shape_t *shape, ngx_mesh_json_t *value);


/* every spec of the API, by the name of the model; NULL-terminated */
extern const ngx_mesh_shape_t  *ngx_mesh_shapes[];

extern const ngx_mesh_shape_t   ngx_mesh_shape_mesh_spec;
extern const ngx_mesh_shape_t   ngx_mesh_shape_virtual_node_spec;
extern const ngx_mesh_shape_t   ngx_mesh_shape_virtual_router_spec;
extern const ngx_mesh_shape_t   ngx_mesh_shape_route_spec;
extern const ngx_mesh_shape_t   ngx_mesh_shape_virtual_service_spec;
extern const ngx_mesh_shape_t   ngx_mesh_shape_virtual_gateway_spec;
extern const ngx_mesh_shape_t   ngx_mesh_shape_gateway_route_spec;
extern const ngx_mesh_shape_t   ngx_mesh_shape_resource_name;
extern const ngx_mesh_shape_t   ngx_mesh_shape_arn;


#endif /* _NGX_MESH_SHAPE_H_INCLUDED_ */
