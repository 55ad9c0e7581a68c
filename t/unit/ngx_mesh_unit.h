
/*
 * Unit tests of the core, run inside of a real nginx by the directive
 * "mesh_unit_test" under "nginx -t", with TAP on the standard output (t/unit.t
 * does it).  Every function of the module that is not static can be called.
 *
 * To add tests, add a file t/unit/test_<what>.c; the build finds it:
 *
 *     #include <ngx_config.h>
 *     #include <ngx_core.h>
 *     #include <ngx_mesh_match.h>
 *     #include "ngx_mesh_unit.h"
 *
 *     static void
 *     mesh_unit_match_prefix(ngx_mesh_unit_t *u)
 *     {
 *         MESH_OK(ngx_mesh_match(...) == NGX_OK, "\"/\" matches all");
 *     }
 *
 *     MESH_UNIT(mesh_unit_match_prefix)
 *
 * The checks want the argument to be named "u".  Descriptions are formats of
 * ngx_sprintf().  A failed check does not end the test.
 */


#ifndef _NGX_MESH_UNIT_H_INCLUDED_
#define _NGX_MESH_UNIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_pool_t              *pool;      /* of this one test function */
    ngx_log_t               *log;       /* the error log, by default stderr */
    ngx_conf_t              *cf;        /* the mesh_unit_test directive's */
    ngx_uint_t               checks;
    ngx_uint_t               failed;
} ngx_mesh_unit_t;


typedef void (*ngx_mesh_unit_pt)(ngx_mesh_unit_t *u);

typedef struct ngx_mesh_unit_test_s  ngx_mesh_unit_test_t;

struct ngx_mesh_unit_test_s {
    const char              *name;
    ngx_mesh_unit_pt         run;
    ngx_mesh_unit_test_t    *next;
};


/* Registers a test function when the module is loaded. */

#define MESH_UNIT(func)                                                       \
                                                                              \
static void func##_register(void) __attribute__((constructor));               \
                                                                              \
static void                                                                   \
func##_register(void)                                                         \
{                                                                             \
    static ngx_mesh_unit_test_t  test = { #func, func, NULL };                \
                                                                              \
    ngx_mesh_unit_add(&test);                                                 \
}


#define MESH_OK(cond, ...)                                                    \
    ngx_mesh_unit_ok(u, (cond) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)

/* got and expected are integers of any type, shown as decimals */

#define MESH_IS_INT(got, expected, ...)                                       \
    ngx_mesh_unit_is_int(u, (int64_t) (got), (int64_t) (expected),            \
                         __FILE__, __LINE__, __VA_ARGS__)

/* got is an ngx_str_t *, expected a C string */

#define MESH_IS_STR(got, expected, ...)                                       \
    ngx_mesh_unit_is_str(u, got, expected, __FILE__, __LINE__, __VA_ARGS__)

/* a line for the reader, as "# ..." */

#define MESH_DIAG(...)                                                        \
    ngx_mesh_unit_diag(__VA_ARGS__)


/*
 * The checks return 1 if passed and 0 if failed, for tests that cannot go on
 * after a failure.
 */

ngx_uint_t ngx_mesh_unit_ok(ngx_mesh_unit_t *u, ngx_uint_t ok,
    const char *file, ngx_uint_t line, const char *fmt, ...);
ngx_uint_t ngx_mesh_unit_is_int(ngx_mesh_unit_t *u, int64_t got,
    int64_t expected, const char *file, ngx_uint_t line, const char *fmt, ...);
ngx_uint_t ngx_mesh_unit_is_str(ngx_mesh_unit_t *u, ngx_str_t *got,
    const char *expected, const char *file, ngx_uint_t line, const char *fmt,
    ...);
void ngx_mesh_unit_diag(const char *fmt, ...);

void ngx_mesh_unit_add(ngx_mesh_unit_test_t *test);

/*
 * Memory that forked processes share, with nginx's slab pool in it, as a zone
 * has it; NULL if there is none.  unmap() gives it back.
 */
ngx_slab_pool_t *ngx_mesh_unit_zone(size_t size);
void ngx_mesh_unit_unmap(ngx_slab_pool_t *shpool);


#endif /* _NGX_MESH_UNIT_H_INCLUDED_ */
