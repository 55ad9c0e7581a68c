
/*
 * Copyright (C) nginx mesh contributors
 *
 * The runner of the unit tests: the directive
 *
 *     mesh_unit_test [prefix];
 *
 * runs the tests (those whose name begins so) while the configuration is read
 * and prints TAP.  It fails if a check failed, so the exit status of "nginx -t"
 * is the verdict.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_unit.h"


#define NGX_MESH_UNIT_LINE  2048


/* of the address sanitizer, where the program is built with it */

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));


static char *ngx_mesh_unit_test(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_mesh_unit_run(ngx_mesh_unit_t *u,
    ngx_mesh_unit_test_t *test);
static void ngx_mesh_unit_report(ngx_mesh_unit_t *u, ngx_uint_t ok,
    const char *fmt, va_list args);
static void ngx_mesh_unit_write(u_char *start, u_char *last);


static ngx_command_t  ngx_mesh_unit_commands[] = {

    { ngx_string("mesh_unit_test"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_mesh_unit_test,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_mesh_unit_module_ctx = {
    ngx_string("mesh_unit"),
    NULL,
    NULL
};


ngx_module_t  ngx_mesh_unit_module = {
    NGX_MODULE_V1,
    &ngx_mesh_unit_module_ctx,         /* module context */
    ngx_mesh_unit_commands,            /* module directives */
    NGX_CORE_MODULE,                   /* module type */
    NULL,                              /* init master */
    NULL,                              /* init module */
    NULL,                              /* init process */
    NULL,                              /* init thread */
    NULL,                              /* exit thread */
    NULL,                              /* exit process */
    NULL,                              /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_mesh_unit_test_t  *ngx_mesh_unit_tests;


/* The order of constructors is that of the linker: the list is kept sorted. */

void
ngx_mesh_unit_add(ngx_mesh_unit_test_t *test)
{
    ngx_mesh_unit_test_t  **p;

    for (p = &ngx_mesh_unit_tests; *p; p = &(*p)->next) {
        if (ngx_strcmp((*p)->name, test->name) > 0) {
            break;
        }
    }

    test->next = *p;
    *p = test;
}


static char *
ngx_mesh_unit_test(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char                *p, plan[NGX_INT_T_LEN + 4];
    size_t                 len;
    ngx_str_t             *value;
    ngx_mesh_unit_t        u;
    ngx_mesh_unit_test_t  *test;

    value = cf->args->elts;
    len = (cf->args->nelts == 2) ? value[1].len : 0;

    ngx_memzero(&u, sizeof(ngx_mesh_unit_t));

    u.log = cf->log;
    u.cf = cf;

    for (test = ngx_mesh_unit_tests; test; test = test->next) {

        if (len && ngx_strncmp(test->name, value[1].data, len) != 0) {
            continue;
        }

        if (ngx_mesh_unit_run(&u, test) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    /* the plan comes last: a run that was cut short has none and fails */

    p = ngx_sprintf(plan, "1..%ui", u.checks);
    ngx_mesh_unit_write(plan, p);

    return u.failed ? "has failed checks" : NGX_CONF_OK;
}


static ngx_int_t
ngx_mesh_unit_run(ngx_mesh_unit_t *u, ngx_mesh_unit_test_t *test)
{
    ngx_uint_t  checks;

    u->pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, u->log);
    if (u->pool == NULL) {
        return NGX_ERROR;
    }

    checks = u->checks;

    ngx_mesh_unit_diag("%s", test->name);

    test->run(u);

    if (u->checks == checks) {
        (void) ngx_mesh_unit_ok(u, 0, __FILE__, __LINE__,
                                "%s checks something", test->name);
    }

    ngx_destroy_pool(u->pool);

    if (__lsan_do_recoverable_leak_check) {
        MESH_OK(!__lsan_do_recoverable_leak_check(), "%s leaks no memory",
                test->name);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_mesh_unit_ok(ngx_mesh_unit_t *u, ngx_uint_t ok, const char *file,
    ngx_uint_t line, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    ngx_mesh_unit_report(u, ok, fmt, args);
    va_end(args);

    if (!ok) {
        ngx_mesh_unit_diag("  failed at %s:%ui", file, line);
    }

    return ok;
}


ngx_uint_t
ngx_mesh_unit_is_int(ngx_mesh_unit_t *u, int64_t got, int64_t expected,
    const char *file, ngx_uint_t line, const char *fmt, ...)
{
    va_list     args;
    ngx_uint_t  ok;

    ok = (got == expected);

    va_start(args, fmt);
    ngx_mesh_unit_report(u, ok, fmt, args);
    va_end(args);

    if (!ok) {
        ngx_mesh_unit_diag("  failed at %s:%ui", file, line);
        ngx_mesh_unit_diag("       got: %L", got);
        ngx_mesh_unit_diag("  expected: %L", expected);
    }

    return ok;
}


ngx_uint_t
ngx_mesh_unit_is_str(ngx_mesh_unit_t *u, ngx_str_t *got,
    const char *expected, const char *file, ngx_uint_t line, const char *fmt,
    ...)
{
    size_t      len;
    va_list     args;
    ngx_uint_t  ok;

    len = ngx_strlen(expected);

    ok = (got->len == len && ngx_memcmp(got->data, expected, len) == 0);

    va_start(args, fmt);
    ngx_mesh_unit_report(u, ok, fmt, args);
    va_end(args);

    if (!ok) {
        ngx_mesh_unit_diag("  failed at %s:%ui", file, line);
        ngx_mesh_unit_diag("       got: \"%V\"", got);
        ngx_mesh_unit_diag("  expected: \"%s\"", expected);
    }

    return ok;
}


void
ngx_mesh_unit_diag(const char *fmt, ...)
{
    u_char   line[NGX_MESH_UNIT_LINE], *p;
    va_list  args;

    p = ngx_cpymem(line, "# ", 2);

    va_start(args, fmt);
    p = ngx_vslprintf(p, line + NGX_MESH_UNIT_LINE - 1, fmt, args);
    va_end(args);

    ngx_mesh_unit_write(line, p);
}


static void
ngx_mesh_unit_report(ngx_mesh_unit_t *u, ngx_uint_t ok, const char *fmt,
    va_list args)
{
    u_char  line[NGX_MESH_UNIT_LINE], *p, *last;

    u->checks++;
    u->failed += !ok;

    last = line + NGX_MESH_UNIT_LINE - 1;

    p = ngx_slprintf(line, last, "%s %ui - ", ok ? "ok" : "not ok", u->checks);
    p = ngx_vslprintf(p, last, fmt, args);

    ngx_mesh_unit_write(line, p);
}


/* TAP is made of lines: those inside of a text are not to be taken for one. */

static void
ngx_mesh_unit_write(u_char *start, u_char *last)
{
    u_char  *p;

    for (p = start; p < last; p++) {
        if (*p == LF || *p == CR || *p == '\0') {
            *p = ' ';
        }
    }

    *last++ = LF;

    (void) ngx_write_fd(ngx_stdout, start, last - start);
}


ngx_slab_pool_t *
ngx_mesh_unit_zone(size_t size)
{
    u_char           *addr;
    ngx_slab_pool_t  *shpool;

    addr = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                -1, 0);
    if (addr == MAP_FAILED) {
        return NULL;
    }

    shpool = (ngx_slab_pool_t *) addr;

    shpool->end = addr + size;
    shpool->min_shift = 3;
    shpool->addr = addr;

    if (ngx_shmtx_create(&shpool->mutex, &shpool->lock, NULL) != NGX_OK) {
        (void) munmap(addr, size);
        return NULL;
    }

    ngx_slab_init(shpool);

    shpool->log_ctx = (u_char *) " in the test zone";
    shpool->log_nomem = 0;

    return shpool;
}


void
ngx_mesh_unit_unmap(ngx_slab_pool_t *shpool)
{
    (void) munmap(shpool, shpool->end - (u_char *) shpool);
}
