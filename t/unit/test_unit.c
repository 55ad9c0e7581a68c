
/*
 * Copyright (C) nginx mesh contributors
 *
 * The runner itself, and an example of a test.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_unit.h"


static void
mesh_unit_runner(ngx_mesh_unit_t *u)
{
    u_char     *p;
    ngx_str_t   s;

    s.data = ngx_pnalloc(u->pool, 16);
    if (!MESH_OK(s.data != NULL, "a test has a pool")) {
        return;
    }

    p = ngx_slprintf(s.data, s.data + 16, "%ui %s", (ngx_uint_t) 2, "nodes");
    s.len = p - s.data;

    MESH_IS_INT(s.len, 7, "integers are compared");
    MESH_IS_STR(&s, "2 nodes", "strings are compared: \"%V\"", &s);
}

MESH_UNIT(mesh_unit_runner)
