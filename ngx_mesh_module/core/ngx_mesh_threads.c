
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A pool that is made by ngx_thread_pool_add() alone counts as unknown without
 * its directive, and a pool as such keeps workers from starting where threads
 * cannot wake the event loop.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#if (NGX_THREADS)
#include <ngx_thread_pool.h>
#endif

#include "ngx_mesh_threads.h"


#if (NGX_THREADS)

static ngx_uint_t ngx_mesh_threads_can_notify(ngx_cycle_t *cycle);
static ngx_int_t ngx_mesh_threads_directive(ngx_cycle_t *cycle,
    ngx_array_t *args, u_char *file, ngx_uint_t line);


extern ngx_module_t  ngx_thread_pool_module;


ngx_int_t
ngx_mesh_threads_add(ngx_cycle_t *cycle, ngx_str_t *name, ngx_uint_t threads,
    u_char *file, ngx_uint_t line)
{
    u_char       *p, buf[sizeof("threads=") + NGX_INT_T_LEN];
    ngx_str_t     args[3];
    ngx_array_t   array;

    if (!ngx_mesh_threads_can_notify(cycle)) {
        return NGX_DECLINED;
    }

    if (ngx_thread_pool_get(cycle, name)) {
        /* the operator's own */
        return NGX_OK;
    }

    p = ngx_sprintf(buf, "threads=%ui%Z", threads);

    ngx_str_set(&args[0], "thread_pool");
    args[1] = *name;
    args[2].data = buf;
    args[2].len = p - buf - 1;

    ngx_memzero(&array, sizeof(ngx_array_t));
    array.elts = args;
    array.nelts = 3;

    return ngx_mesh_threads_directive(cycle, &array, file, line);
}


/* a single process does not start the pools of the new cycle after a reload */

static ngx_uint_t
ngx_mesh_threads_can_notify(ngx_cycle_t *cycle)
{
    ngx_uint_t           i;
    ngx_core_conf_t     *ccf;
    ngx_event_conf_t    *ecf;
    ngx_event_module_t  *module;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (!ccf->master || ngx_get_conf(cycle->conf_ctx, ngx_events_module)
                        == NULL)
    {
        return 0;
    }

    ecf = ngx_event_get_conf(cycle->conf_ctx, ngx_event_core_module);

    for (i = 0; cycle->modules[i]; i++) {

        if (cycle->modules[i]->type != NGX_EVENT_MODULE
            || cycle->modules[i]->ctx_index != ecf->use)
        {
            continue;
        }

        module = cycle->modules[i]->ctx;

        return module->actions.notify != NULL;
    }

    return 0;
}


static ngx_int_t
ngx_mesh_threads_directive(ngx_cycle_t *cycle, ngx_array_t *args, u_char *name,
    ngx_uint_t line)
{
    ngx_conf_t        cf;
    ngx_command_t    *cmd;
    ngx_conf_file_t   file;

    ngx_memzero(&file, sizeof(ngx_conf_file_t));
    file.file.fd = NGX_INVALID_FILE;
    file.file.name.data = name;
    file.line = line;

    ngx_memzero(&cf, sizeof(ngx_conf_t));
    cf.args = args;
    cf.cycle = cycle;
    cf.pool = cycle->pool;
    cf.log = cycle->log;
    cf.conf_file = &file;

    for (cmd = ngx_thread_pool_module.commands; cmd->name.len; cmd++) {

        if (ngx_strcmp(cmd->name.data, "thread_pool") == 0) {
            return cmd->set(&cf, cmd, ngx_get_conf(cycle->conf_ctx,
                                                   ngx_thread_pool_module))
                   == NGX_CONF_OK ? NGX_OK : NGX_ERROR;
        }
    }

    return NGX_ERROR;
}

#else

ngx_int_t
ngx_mesh_threads_add(ngx_cycle_t *cycle, ngx_str_t *name, ngx_uint_t threads,
    u_char *file, ngx_uint_t line)
{
    return NGX_DECLINED;
}

#endif
