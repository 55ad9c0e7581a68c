
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The core module: the mesh{} block, its shared zone, and the life of the
 * worker runtime.  What is inside the block is read by ngx_mesh_conf_module
 * (ngx_mesh_conf.c).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "ngx_mesh.h"
#include "ngx_mesh_conf.h"
#include "ngx_mesh_idle.h"
#include "ngx_mesh_outlier.h"
#include "ngx_mesh_pool.h"
#include "ngx_mesh_retry.h"
#include "ngx_mesh_snapshot.h"
#include "ngx_mesh_wake.h"


static void *ngx_mesh_create_conf(ngx_cycle_t *cycle);
static char *ngx_mesh_init_conf(ngx_cycle_t *cycle, void *conf);
static char *ngx_mesh_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_mesh_parse_block(ngx_conf_t *cf, ngx_mesh_conf_t *mcf);
static char *ngx_mesh_check_block(ngx_conf_t *cf, ngx_mesh_conf_t *mcf);
static void ngx_mesh_default_block(ngx_mesh_conf_t *mcf);
static ngx_int_t ngx_mesh_publish_directives(ngx_cycle_t *cycle,
    ngx_mesh_conf_t *mcf);
static ngx_int_t ngx_mesh_init_module(ngx_cycle_t *cycle);
static void ngx_mesh_init_heap(void);
static ngx_int_t ngx_mesh_init_process(ngx_cycle_t *cycle);
static void ngx_mesh_exit_process(ngx_cycle_t *cycle);


static ngx_command_t  ngx_mesh_commands[] = {

    { ngx_string("mesh"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_mesh_block,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_mesh_module_ctx = {
    ngx_string("mesh"),
    ngx_mesh_create_conf,
    ngx_mesh_init_conf
};


ngx_module_t  ngx_mesh_module = {
    NGX_MODULE_V1,
    &ngx_mesh_module_ctx,                  /* module context */
    ngx_mesh_commands,                     /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_mesh_init_module,                  /* init module */
    ngx_mesh_init_process,                 /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_mesh_exit_process,                 /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


ngx_mesh_conf_t *
ngx_mesh_get_conf(ngx_cycle_t *cycle)
{
    ngx_mesh_conf_t  *mcf;

    mcf = (ngx_mesh_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_mesh_module);

    if (mcf == NULL || mcf->name.len == 0) {
        return NULL;
    }

    return mcf;
}


void
ngx_mesh_loader_conf(ngx_mesh_conf_t *mcf, ngx_mesh_loader_conf_t *lc,
    ngx_log_t *log)
{
    ngx_memzero(lc, sizeof(ngx_mesh_loader_conf_t));

    lc->mesh_name = mcf->name;
    lc->resource_type = mcf->resource_type;
    lc->resource = mcf->resource_name;
    lc->lb_policy = mcf->lb_policy;
    lc->slow_start_ms = mcf->slow_start;
    lc->log = log;

    lc->limits.size = mcf->max_document;
    lc->limits.string = 65536;
    lc->limits.depth = 32;
    lc->limits.nodes = 8 * 1024 * 1024;
}


static void *
ngx_mesh_create_conf(ngx_cycle_t *cycle)
{
    ngx_mesh_conf_t  *mcf;

    mcf = ngx_pcalloc(cycle->pool, sizeof(ngx_mesh_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->name = { 0, NULL };
     *     mcf->resource = { 0, NULL };
     *     mcf->control_plane = { 0, NULL };
     *     mcf->state = { 0, NULL };
     *     mcf->drain_file = { 0, NULL };
     *     mcf->app_address = { 0, NULL };
     *     mcf->tree = NULL;
     *     mcf->shm = NULL;
     */

    mcf->interval = NGX_CONF_UNSET_MSEC;
    mcf->control.wait = NGX_CONF_UNSET_MSEC;
    mcf->control.timeout = NGX_CONF_UNSET_MSEC;
    mcf->control.deadline = NGX_CONF_UNSET_MSEC;
    mcf->zone_size = NGX_CONF_UNSET_SIZE;
    mcf->metrics_size = NGX_CONF_UNSET_SIZE;
    mcf->max_document = NGX_CONF_UNSET_SIZE;
    mcf->lb_policy = NGX_CONF_UNSET_UINT;
    mcf->retry_defaults = NGX_CONF_UNSET_UINT;
    mcf->slow_start = NGX_CONF_UNSET_MSEC;
    mcf->log.enable = NGX_CONF_UNSET;
    mcf->keepalive = NGX_CONF_UNSET_UINT;
    mcf->keepalive_timeout = NGX_CONF_UNSET_MSEC;
    mcf->keepalive_requests = NGX_CONF_UNSET_UINT;
    mcf->keepalive_time = NGX_CONF_UNSET_MSEC;

    ngx_mesh_conf_trace_init(&mcf->trace);

    if (ngx_mesh_conf_stats_create(cycle->pool, &mcf->stats) != NGX_CONF_OK) {
        return NULL;
    }

    return mcf;
}


static void
ngx_mesh_default_block(ngx_mesh_conf_t *mcf)
{
    ngx_conf_init_msec_value(mcf->interval,
                             mcf->control.url.host.len ? 5000 : 1000);
    ngx_conf_init_size_value(mcf->zone_size, 32 * 1024 * 1024);
    ngx_conf_init_size_value(mcf->metrics_size, 4 * 1024 * 1024);
    ngx_conf_init_size_value(mcf->max_document, 64 * 1024 * 1024);
    ngx_conf_init_uint_value(mcf->lb_policy, NGX_MESH_ROUND_ROBIN);
    ngx_conf_init_uint_value(mcf->retry_defaults,
                             NGX_MESH_RETRY_DEFAULTS_APPMESH);
    ngx_conf_init_msec_value(mcf->slow_start, 0);
    ngx_conf_init_uint_value(mcf->keepalive, 1024);
    ngx_conf_init_msec_value(mcf->keepalive_timeout, 60000);
    ngx_conf_init_uint_value(mcf->keepalive_requests, 10000);
    ngx_conf_init_msec_value(mcf->keepalive_time, 3600000);
}


static char *
ngx_mesh_init_conf(ngx_cycle_t *cycle, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    if (mcf->name.len && ngx_mesh_conf_document(cycle, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_mesh_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    char       *rv;
    ngx_str_t  *value, zone;

    if (mcf->name.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0
        || value[1].len > 255
        || ngx_strlchr(value[1].data, value[1].data + value[1].len, '/'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid mesh name \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    mcf->name = value[1];
    mcf->file = cf->conf_file->file.name.data;
    mcf->line = cf->conf_file->line;

    rv = ngx_mesh_parse_block(cf, mcf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_mesh_default_block(mcf);

    ngx_str_set(&zone, "mesh");

    mcf->shm = ngx_mesh_shm_add(cf, &zone, mcf->zone_size);
    if (mcf->shm == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->metrics = ngx_mesh_metrics_create(cf, mcf->metrics_size);
    if (mcf->metrics == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_mesh_conf_stats_init(cf, &mcf->stats, mcf->metrics_size);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_mesh_conf_trace_check(cf, mcf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_mesh_check_block(cf, mcf);
}


static char *
ngx_mesh_parse_block(ngx_conf_t *cf, ngx_mesh_conf_t *mcf)
{
    char         *rv;
    void        **ctx;
    ngx_conf_t    pcf;

    /* as events{} does: one pointer, to the confs of modules of this type */

    ngx_count_modules(cf->cycle, NGX_MESH_MODULE);

    ctx = ngx_pcalloc(cf->pool, sizeof(void *));
    if (ctx == NULL) {
        return NGX_CONF_ERROR;
    }

    *ctx = ngx_pcalloc(cf->pool, sizeof(void *));
    if (*ctx == NULL) {
        return NGX_CONF_ERROR;
    }

    (*(void ***) ctx)[ngx_mesh_conf_module.ctx_index] = mcf;

    pcf = *cf;
    cf->ctx = ctx;
    cf->module_type = NGX_MESH_MODULE;
    cf->cmd_type = NGX_MESH_CONF;

    rv = ngx_conf_parse(cf, NULL);

    *cf = pcf;

    return rv;
}


static char *
ngx_mesh_check_block(ngx_conf_t *cf, ngx_mesh_conf_t *mcf)
{
    if (mcf->control_plane.len && mcf->tree) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"control_plane\" and resources written as "
                           "directives exclude each other in mesh \"%V\"",
                           &mcf->name);
        return NGX_CONF_ERROR;
    }

    if (mcf->control_plane.len == 0 && mcf->tree == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "mesh \"%V\" has neither \"control_plane\" nor "
                           "resources such as \"virtual_service\"",
                           &mcf->name);
        return NGX_CONF_ERROR;
    }

    return ngx_mesh_conf_control_check(cf, mcf);
}


/*
 * Directives reach workers the way documents do.  After a reload the new
 * workers find the document of the old directives and replace it once.
 */

static ngx_int_t
ngx_mesh_publish_directives(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf)
{
    ngx_int_t           rc;
    ngx_str_t           text, version;
    ngx_atomic_uint_t   seq;

    rc = ngx_mesh_shm_document(mcf->shm, &text, &seq, cycle->log);

    if (rc == NGX_OK) {
        rc = (text.len == mcf->document.len
              && ngx_memcmp(text.data, mcf->document.data, text.len) == 0)
             ? NGX_OK : NGX_DECLINED;

        ngx_free(text.data);
    }

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    ngx_str_set(&version, "nginx.conf");

    rc = ngx_mesh_shm_publish(mcf->shm, &mcf->document, &version,
                              NGX_MESH_SOURCE_DIRECTIVES, 0, &seq);

    if (rc == NGX_ABORT) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "mesh: resources written as directives (%uz bytes) do "
                      "not fit into the zone of %uz bytes, enlarge \"zone\"",
                      mcf->document.len, mcf->zone_size);
    }

    return rc;
}


/*
 * A reload of a single process (master_process off) does not call
 * init_process: the runtime is moved to the new cycle here.
 */

static ngx_int_t
ngx_mesh_init_module(ngx_cycle_t *cycle)
{
    if (!ngx_test_config && ngx_mesh_get_conf(cycle)) {
        ngx_mesh_init_heap();
        ngx_mesh_wake_init(cycle);
        ngx_mesh_log_init(cycle, &ngx_mesh_get_conf(cycle)->log);
    }

    if (ngx_process != NGX_PROCESS_SINGLE
        || ngx_test_config
        || ngx_is_init_cycle(cycle->old_cycle))
    {
        return NGX_OK;
    }

    ngx_mesh_exit_process(cycle->old_cycle);

    return ngx_mesh_init_process(cycle);
}


/*
 * A request takes buffers of 64k and gives them back.  With glibc's defaults
 * the heap may shrink and grow all the time: 0.3 page faults a request or none,
 * which is a matter of what lies at its end.  The numbers are those that glibc
 * sets itself once a megabyte was freed in one piece.  Workers inherit them;
 * who sets others in the environment keeps them.
 */

static void
ngx_mesh_init_heap(void)
{
#ifdef M_TRIM_THRESHOLD

    static const char  *names[] = {
        "GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"
    };

    ngx_uint_t  i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (getenv(names[i])) {
            return;
        }
    }

    (void) mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
    (void) mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);

#endif
}


static ngx_int_t
ngx_mesh_init_process(ngx_cycle_t *cycle)
{
    ngx_mesh_conf_t       *mcf;
    ngx_mesh_idle_conf_t   ic;

    mcf = ngx_mesh_get_conf(cycle);

    if (mcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ngx_mesh_shm_init_worker(mcf->shm, cycle->log);
    ngx_mesh_metrics_init_worker(mcf->metrics, cycle->log);
    ngx_mesh_metrics_add(ngx_mesh_metrics_server,
                         NGX_MESH_SERVER_WORKER_STARTS, 1);
    ngx_mesh_wake_open(cycle);

    if (mcf->trace.sampling) {
        ngx_mesh_sampling_init_worker(mcf->trace.sampling, cycle->log);
    }

    ngx_memzero(&ic, sizeof(ngx_mesh_idle_conf_t));

    /* one endpoint is not to take all that others may have */

    ic.total = cycle->connection_n / 4;
    ic.connections = ngx_min(mcf->keepalive, ic.total / 2);
    ic.timeout = mcf->keepalive_timeout;
    ic.requests = mcf->keepalive_requests;
    ic.time = mcf->keepalive_time;

    if (ngx_mesh_idle_init(&ic, cycle->log) != NGX_OK) {
        return NGX_OK;
    }

    ngx_mesh_pool_init_worker(cycle);
    (void) ngx_mesh_snapshot_init_worker(cycle, mcf);
    ngx_mesh_outlier_init_worker(cycle, mcf);
    ngx_mesh_log_init_worker(cycle, &mcf->log,
                             ngx_mesh_metrics_row(mcf->metrics,
                                              NGX_MESH_METRICS_SERVER, NULL));

    /* a document of the agent's is loaded by it, at the end of its own part */

    if (mcf->document.len) {
        (void) ngx_mesh_publish_directives(cycle, mcf);
        ngx_mesh_snapshot_load(cycle);
    }

    return NGX_OK;
}


static void
ngx_mesh_exit_process(ngx_cycle_t *cycle)
{
    ngx_mesh_conf_t  *mcf;

    mcf = ngx_mesh_get_conf(cycle);

    if (mcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return;
    }

    ngx_mesh_log_exit_worker();
    ngx_mesh_wake_close();
    ngx_mesh_idle_exit();
    ngx_mesh_outlier_exit_worker();

    if (mcf->trace.sampling) {
        ngx_mesh_sampling_exit_worker(mcf->trace.sampling);
    }

    ngx_mesh_xray_close();

    ngx_mesh_snapshot_exit_worker();
    ngx_mesh_pool_exit_worker();
    ngx_mesh_metrics_exit_worker(mcf->metrics);
    ngx_mesh_shm_exit_worker(mcf->shm);
}
