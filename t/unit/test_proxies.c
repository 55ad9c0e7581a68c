
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The table of proxies: what is kept and cut, pages, who gives way in a full
 * table, and counts of a worker that was killed.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_proxies.h>

#include "ngx_mesh_unit.h"


static ngx_int_t
mesh_unit_proxies_create(ngx_shm_zone_t *zone, size_t size)
{
    ngx_slab_pool_t  *shpool;

    shpool = ngx_mesh_unit_zone(size);
    if (shpool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(zone, sizeof(ngx_shm_zone_t));

    zone->shm.addr = (u_char *) shpool;
    zone->shm.size = size;
    zone->data = ngx_mesh_proxies_attach(shpool);

    return zone->data ? NGX_OK : NGX_ERROR;
}


static void
mesh_unit_proxies_destroy(ngx_shm_zone_t *zone)
{
    ngx_mesh_proxies_close(zone);
    ngx_mesh_unit_unmap((ngx_slab_pool_t *) zone->shm.addr);
}


static ngx_int_t
mesh_unit_proxies_report(ngx_shm_zone_t *zone, ngx_mesh_proxy_t *proxy,
    char *resource, ngx_uint_t n)
{
    static u_char  id[NGX_INT_T_LEN];

    ngx_memzero(proxy, sizeof(ngx_mesh_proxy_t));

    ngx_str_set(&proxy->mesh, "1/m");
    ngx_str_set(&proxy->applied, "v1");
    ngx_str_set(&proxy->address, "127.0.0.1");

    proxy->resource.data = (u_char *) resource;
    proxy->resource.len = ngx_strlen(resource);
    proxy->id.data = id;
    proxy->id.len = ngx_sprintf(id, "%05ui", n) - id;

    return ngx_mesh_proxies_report(zone, proxy);
}


static ngx_array_t *
mesh_unit_proxies_list(ngx_mesh_unit_t *u, ngx_shm_zone_t *zone,
    ngx_mesh_proxy_t *after, ngx_uint_t limit)
{
    ngx_str_t     mesh = ngx_string("1/m");
    ngx_array_t  *list;

    list = ngx_array_create(u->pool, 4, sizeof(ngx_mesh_proxy_t));

    if (list == NULL
        || ngx_mesh_proxies_list(zone, u->pool, &mesh, after, limit, list)
           != NGX_OK)
    {
        return NULL;
    }

    return list;
}


static void
mesh_unit_proxies_report_test(ngx_mesh_unit_t *u)
{
    u_char             long_text[2048];
    ngx_str_t          version = ngx_string("v2");
    ngx_array_t       *list;
    ngx_shm_zone_t     zone;
    ngx_mesh_proxy_t   proxy, *p;

    if (!MESH_OK(mesh_unit_proxies_create(&zone, 1024 * 1024) == NGX_OK,
                 "a table"))
    {
        return;
    }

    ngx_mesh_proxies_open(&zone);

    (void) mesh_unit_proxies_report(&zone, &proxy, "virtualNode/b", 2);
    (void) mesh_unit_proxies_report(&zone, &proxy, "virtualNode/b", 1);
    (void) mesh_unit_proxies_report(&zone, &proxy, "virtualNode/a", 3);

    ngx_mesh_proxies_offer(&zone, &proxy, &version);
    ngx_mesh_proxies_enter(&zone, proxy.row);
    ngx_mesh_proxies_enter(&zone, proxy.row);

    ngx_memset(long_text, 'x', sizeof(long_text));

    proxy.applied.data = long_text;
    proxy.applied.len = sizeof(long_text);
    proxy.reason = proxy.applied;
    ngx_str_set(&proxy.rejected, "v2");

    MESH_IS_INT(ngx_mesh_proxies_report(&zone, &proxy), NGX_OK,
                "long strings are no reason to refuse");

    list = mesh_unit_proxies_list(u, &zone, NULL, 100);
    p = list->elts;

    MESH_IS_INT(list->nelts, 3, "three proxies");
    MESH_IS_STR(&p[0].id, "00003", "by resource");
    MESH_IS_STR(&p[1].id, "00001", "then by id");
    MESH_IS_STR(&p[2].id, "00002", "in order");
    MESH_IS_INT(p[0].waiting, 2, "two requests are held");
    MESH_IS_INT(p[1].waiting, 0, "none of the other");
    MESH_IS_STR(&p[0].offered, "v2", "what it was offered stays");
    MESH_IS_STR(&p[0].rejected, "v2", "what it rejected");
    MESH_OK(p[0].applied.len < sizeof(long_text)
            && p[0].reason.len < sizeof(long_text), "long strings are cut");

    ngx_mesh_proxies_leave(&zone, proxy.row);

    list = mesh_unit_proxies_list(u, &zone, &p[0], 1);
    p = list->elts;

    MESH_IS_INT(list->nelts, 1, "a page");
    MESH_IS_STR(&p[0].id, "00001", "after the first");

    mesh_unit_proxies_destroy(&zone);
}

MESH_UNIT(mesh_unit_proxies_report_test)


static void
mesh_unit_proxies_full(ngx_mesh_unit_t *u)
{
    ngx_uint_t         i, n, declined;
    ngx_array_t       *list;
    ngx_shm_zone_t     zone;
    ngx_mesh_proxy_t   proxy, *p;

    if (mesh_unit_proxies_create(&zone, 64 * ngx_pagesize) != NGX_OK) {
        MESH_OK(0, "a small table");
        return;
    }

    ngx_mesh_proxies_open(&zone);

    /* two that wait, then many that do not */

    for (i = 0; i < 2; i++) {
        (void) mesh_unit_proxies_report(&zone, &proxy, "virtualNode/a", i);
        ngx_mesh_proxies_enter(&zone, proxy.row);
    }

    declined = 0;

    for (i = 2; i < 2000; i++) {
        if (mesh_unit_proxies_report(&zone, &proxy, "virtualNode/a", i)
            != NGX_OK)
        {
            declined++;
        }
    }

    MESH_IS_INT(declined, 0, "there is room for who is new");

    list = mesh_unit_proxies_list(u, &zone, NULL, 2);
    p = list->elts;

    MESH_IS_STR(&p[0].id, "00000", "who waits stays");
    MESH_IS_STR(&p[1].id, "00001", "and so does the other");
    MESH_IS_INT(p[1].waiting, 1, "with its count");

    /* all wait */

    n = 0;

    for (i = 2000; i < 4000; i++) {
        if (mesh_unit_proxies_report(&zone, &proxy, "virtualNode/a", i)
            == NGX_OK)
        {
            ngx_mesh_proxies_enter(&zone, proxy.row);
            n++;
        }
    }

    MESH_OK(n > 100 && n < 2000, "a full table declines: %ui fit", n);

    mesh_unit_proxies_destroy(&zone);
}

MESH_UNIT(mesh_unit_proxies_full)


static void
mesh_unit_proxies_killed(ngx_mesh_unit_t *u)
{
    int                status;
    ngx_pid_t          pid;
    ngx_array_t       *list;
    ngx_shm_zone_t     zone;
    ngx_mesh_proxy_t   proxy, *p;

    if (mesh_unit_proxies_create(&zone, 1024 * 1024) != NGX_OK) {
        MESH_OK(0, "a table");
        return;
    }

    (void) mesh_unit_proxies_report(&zone, &proxy, "virtualNode/a", 1);

    pid = fork();

    if (pid == 0) {
        ngx_pid = getpid();
        ngx_mesh_proxies_open(&zone);
        ngx_mesh_proxies_enter(&zone, proxy.row);
        _exit(0);
    }

    (void) waitpid(pid, &status, 0);

    ngx_mesh_proxies_open(&zone);
    ngx_mesh_proxies_enter(&zone, proxy.row);

    list = mesh_unit_proxies_list(u, &zone, NULL, 100);
    p = list->elts;

    MESH_IS_INT(p[0].waiting, 1, "a dead worker holds nothing");

    mesh_unit_proxies_destroy(&zone);
}

MESH_UNIT(mesh_unit_proxies_killed)
