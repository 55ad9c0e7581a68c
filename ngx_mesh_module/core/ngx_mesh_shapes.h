
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The words in which tables of shapes are written, for the files that hold
 * such tables.
 */


#ifndef _NGX_MESH_SHAPES_H_INCLUDED_
#define _NGX_MESH_SHAPES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_shape.h"


#define NGX_MESH_SHAPE_BOUNDED                                                \
    (NGX_MESH_SHAPE_HAS_MIN|NGX_MESH_SHAPE_HAS_MAX)

/* the columns: name, type, flags, bounds, values, pattern, element, members */

#define ngx_mesh_scalar(name, type, flags, min, max)                          \
    { name, type, flags, min, max, NULL, NULL, NULL, NULL, NULL }

#define ngx_mesh_string(name)                                                 \
    ngx_mesh_scalar(name, NGX_MESH_SHAPE_STRING, 0, 0, 0)

#define ngx_mesh_string_of(name, min, max)                                    \
    ngx_mesh_scalar(name, NGX_MESH_SHAPE_STRING, NGX_MESH_SHAPE_BOUNDED,      \
                    min, max)

#define ngx_mesh_integer_from(name, min)                                      \
    ngx_mesh_scalar(name, NGX_MESH_SHAPE_INTEGER, NGX_MESH_SHAPE_HAS_MIN,     \
                    min, 0)

#define ngx_mesh_integer_range(name, min, max)                                \
    ngx_mesh_scalar(name, NGX_MESH_SHAPE_INTEGER, NGX_MESH_SHAPE_BOUNDED,     \
                    min, max)

#define ngx_mesh_long(name)                                                   \
    ngx_mesh_scalar(name, NGX_MESH_SHAPE_LONG, 0, 0, 0)

#define ngx_mesh_long_from(name, min)                                         \
    ngx_mesh_scalar(name, NGX_MESH_SHAPE_LONG, NGX_MESH_SHAPE_HAS_MIN, min, 0)

#define ngx_mesh_long_range(name, min, max)                                   \
    ngx_mesh_scalar(name, NGX_MESH_SHAPE_LONG, NGX_MESH_SHAPE_BOUNDED,        \
                    min, max)

#define ngx_mesh_boolean(name)                                                \
    ngx_mesh_scalar(name, NGX_MESH_SHAPE_BOOLEAN, 0, 0, 0)

#define ngx_mesh_enum(name, values)                                           \
    { name, NGX_MESH_SHAPE_STRING, 0, 0, 0, values, NULL, NULL, NULL, NULL }

#define ngx_mesh_matching(name, min, max, pattern, test)                      \
    { name, NGX_MESH_SHAPE_STRING, NGX_MESH_SHAPE_BOUNDED, min, max, NULL,    \
      pattern, test, NULL, NULL }

#define ngx_mesh_list(name, element)                                          \
    { name, NGX_MESH_SHAPE_LIST, 0, 0, 0, NULL, NULL, NULL, element, NULL }

#define ngx_mesh_bounded_list(name, min, max, element)                        \
    { name, NGX_MESH_SHAPE_LIST, NGX_MESH_SHAPE_BOUNDED, min, max, NULL,      \
      NULL, NULL, element, NULL }

#define ngx_mesh_structure(name, members)                                     \
    { name, NGX_MESH_SHAPE_STRUCTURE, 0, 0, 0, NULL, NULL, NULL, NULL,        \
      members }

#define ngx_mesh_union(name, members)                                         \
    { name, NGX_MESH_SHAPE_STRUCTURE, NGX_MESH_SHAPE_UNION, 0, 0, NULL, NULL, \
      NULL, NULL, members }


#endif /* _NGX_MESH_SHAPES_H_INCLUDED_ */
