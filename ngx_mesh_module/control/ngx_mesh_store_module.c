
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The life of the stores of a cycle: their threads (master, at configuration
 * time), opened by workers when they start and closed when they exit.  The
 * preparation by the master is ngx_mesh_store.c.
 *
 * This module comes before the control plane's, so that a store is open when
 * that starts, and after nginx's thread pools, whose exit_process waits for
 * the writes that are under way.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_store_module.h"
#include "ngx_mesh_threads.h"


static void *ngx_mesh_store_create_conf(ngx_cycle_t *cycle);
static char *ngx_mesh_store_init_conf(ngx_cycle_t *cycle, void *conf);
static ngx_int_t ngx_mesh_store_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_mesh_store_init_process(ngx_cycle_t *cycle);
static void ngx_mesh_store_exit_process(ngx_cycle_t *cycle);
static void ngx_mesh_store_open_all(ngx_cycle_t *cycle);
static void ngx_mesh_store_cleanup(void *data);


static ngx_core_module_t  ngx_mesh_store_module_ctx = {
    ngx_string("mesh_store"),
    ngx_mesh_store_create_conf,
    ngx_mesh_store_init_conf
};


ngx_module_t  ngx_mesh_store_module = {
    NGX_MODULE_V1,
    &ngx_mesh_store_module_ctx,            /* module context */
    NULL,                                  /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_mesh_store_init_module,            /* init module */
    ngx_mesh_store_init_process,           /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_mesh_store_exit_process,           /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* a single process has opened its stores */
static ngx_uint_t  ngx_mesh_store_single;


static void *
ngx_mesh_store_create_conf(ngx_cycle_t *cycle)
{
    ngx_mesh_store_conf_t  *scf;

    scf = ngx_pcalloc(cycle->pool, sizeof(ngx_mesh_store_conf_t));
    if (scf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&scf->stores, cycle->pool, 1,
                       sizeof(ngx_mesh_store_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return scf;
}


static char *
ngx_mesh_store_init_conf(ngx_cycle_t *cycle, void *conf)
{
    ngx_mesh_store_conf_t *scf = conf;

    ngx_int_t           rc;
    ngx_str_t           name;
    ngx_uint_t          i;
    ngx_mesh_store_t  **store;

    store = scf->stores.elts;

    for (i = 0; i < scf->stores.nelts; i++) {

        if (store[i]->engine->threads == 0) {
            continue;
        }

        ngx_str_set(&name, NGX_MESH_STORE_THREADS);

        rc = ngx_mesh_threads_add(cycle, &name, store[i]->engine->threads,
                                  store[i]->file, store[i]->line);
        if (rc == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        store[i]->threads = (rc == NGX_OK);
    }

    return NGX_CONF_OK;
}


/* after a reload of a single process init_process is not called again */

static ngx_int_t
ngx_mesh_store_init_module(ngx_cycle_t *cycle)
{
    if (!ngx_test_config
        && ngx_process == NGX_PROCESS_SINGLE && ngx_mesh_store_single)
    {
        ngx_mesh_store_open_all(cycle);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_store_init_process(ngx_cycle_t *cycle)
{
    if (ngx_process == NGX_PROCESS_WORKER
        || ngx_process == NGX_PROCESS_SINGLE)
    {
        ngx_mesh_store_single = (ngx_process == NGX_PROCESS_SINGLE);
        ngx_mesh_store_open_all(cycle);
    }

    return NGX_OK;
}


static void
ngx_mesh_store_open_all(ngx_cycle_t *cycle)
{
    ngx_uint_t               i;
    ngx_mesh_store_t       **store;
    ngx_pool_cleanup_t      *cln;
    ngx_mesh_store_conf_t   *scf;

    scf = ngx_mesh_store_get_conf(cycle);
    store = scf->stores.elts;

    for (i = 0; i < scf->stores.nelts; i++) {

        if (ngx_process == NGX_PROCESS_SINGLE) {

            /* requests of an old cycle use its stores to their end */

            cln = ngx_pool_cleanup_add(cycle->pool, 0);
            if (cln == NULL) {
                continue;
            }

            cln->handler = ngx_mesh_store_cleanup;
            cln->data = store[i];
        }

        ngx_mesh_store_open(cycle, store[i]);
    }
}


static void
ngx_mesh_store_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t               i;
    ngx_mesh_store_t       **store;
    ngx_mesh_store_conf_t   *scf;

    scf = ngx_mesh_store_get_conf(cycle);
    store = scf->stores.elts;

    for (i = 0; i < scf->stores.nelts; i++) {
        ngx_mesh_store_close(store[i]);
    }
}


static void
ngx_mesh_store_cleanup(void *data)
{
    ngx_mesh_store_close(data);
}
