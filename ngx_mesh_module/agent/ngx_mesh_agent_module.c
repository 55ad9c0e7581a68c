
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Where nginx meets the agent: configuration and thread pool (master, at
 * configuration time), the directory of the last-known-good file (master, as
 * root), start and stop (workers).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_agent.h"
#include "ngx_mesh_otlp.h"
#include "ngx_mesh_prober.h"
#include "ngx_mesh_sink.h"
#include "ngx_mesh_state.h"
#include "ngx_mesh_task.h"


static void *ngx_mesh_agent_create_conf(ngx_cycle_t *cycle);
static char *ngx_mesh_agent_init_conf(ngx_cycle_t *cycle, void *conf);
static char *ngx_mesh_agent_init_client(ngx_cycle_t *cycle,
    ngx_mesh_conf_t *mcf, ngx_mesh_agent_conf_t *acf);
static ngx_int_t ngx_mesh_agent_id_path(ngx_cycle_t *cycle,
    ngx_mesh_agent_conf_t *acf);
static ngx_int_t ngx_mesh_agent_state_path(ngx_cycle_t *cycle,
    ngx_mesh_conf_t *mcf, ngx_mesh_agent_conf_t *acf);
static void ngx_mesh_agent_init_traces(ngx_cycle_t *cycle);
static ngx_mesh_agent_conf_t *ngx_mesh_agent_get_conf(ngx_cycle_t *cycle);
static void ngx_mesh_agent_create_directory(ngx_cycle_t *cycle,
    ngx_str_t *directory);
static ngx_int_t ngx_mesh_agent_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_mesh_agent_init_process(ngx_cycle_t *cycle);
static void ngx_mesh_agent_exit_process(ngx_cycle_t *cycle);
static ngx_mesh_metrics_t *ngx_mesh_agent_count(ngx_cycle_t *cycle);


static ngx_core_module_t  ngx_mesh_agent_module_ctx = {
    ngx_string("mesh_agent"),
    ngx_mesh_agent_create_conf,
    ngx_mesh_agent_init_conf
};


ngx_module_t  ngx_mesh_agent_module = {
    NGX_MODULE_V1,
    &ngx_mesh_agent_module_ctx,            /* module context */
    NULL,                                  /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_mesh_agent_init_module,            /* init module */
    ngx_mesh_agent_init_process,           /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_mesh_agent_exit_process,           /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_mesh_agent_create_conf(ngx_cycle_t *cycle)
{
    /*
     * set by ngx_pcalloc():
     *
     *     acf->source = { 0, NULL };
     *     acf->state = { 0, NULL };
     *     acf->id = { 0, NULL };
     *     acf->client = { 0 };
     *     acf->sign = 0;
     *     acf->sampler = NULL;
     */

    return ngx_pcalloc(cycle->pool, sizeof(ngx_mesh_agent_conf_t));
}


static char *
ngx_mesh_agent_init_conf(ngx_cycle_t *cycle, void *conf)
{
    ngx_mesh_agent_conf_t *acf = conf;

    char             *rv;
    ngx_mesh_conf_t  *mcf;

    mcf = ngx_mesh_get_conf(cycle);

    if (mcf == NULL) {
        return NGX_CONF_OK;
    }

    if (ngx_mesh_sampler_init_conf(cycle, mcf, &acf->sampler) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (mcf->control_plane.len == 0) {
        return NGX_CONF_OK;
    }

    acf->source = mcf->control_plane;

    if (mcf->state.len
        && ngx_mesh_agent_state_path(cycle, mcf, acf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (mcf->control.url.host.len) {
        rv = ngx_mesh_agent_init_client(cycle, mcf, acf);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

    } else {
        acf->source.data += sizeof("file:") - 1;
        acf->source.len -= sizeof("file:") - 1;
    }

    return NGX_CONF_OK;
}


static char *
ngx_mesh_agent_init_client(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_agent_conf_t *acf)
{
    ngx_str_t                 error;
    ngx_mesh_control_conf_t  *ctl;

    ctl = &mcf->control;

    acf->client.url = &ctl->url;
    acf->client.server_name = ctl->server_name;
    acf->client.timeout = ctl->timeout;
#if (NGX_SSL)
    acf->client.ssl = ctl->ssl;
#endif

    if (acf->state.len && ngx_mesh_agent_id_path(cycle, acf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ctl->signing == NGX_MESH_SIGNING_OFF) {
        return NGX_CONF_OK;
    }

    if (ngx_mesh_credentials_conf(cycle->pool, &acf->credentials, &error)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "%V in %s:%ui", &error,
                      ctl->file, ctl->line);
        return NGX_CONF_ERROR;
    }

    if (ctl->region.len) {
        acf->credentials.region = ctl->region;
    }

    if (ctl->service.len) {
        acf->credentials.service = ctl->service;
    }

    acf->sign = (acf->credentials.given && acf->credentials.region.len);

    if (!acf->sign && ctl->signing == NGX_MESH_SIGNING_ON) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"control_plane_signing\" finds no %s in the "
                      "environment in %s:%ui",
                      acf->credentials.given ? "region" : "credentials",
                      ctl->file, ctl->line);
        return NGX_CONF_ERROR;
    }

    if (!acf->sign && acf->credentials.given) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "there are credentials but no region in the environment, "
                      "requests to the control plane are not signed, in "
                      "%s:%ui", ctl->file, ctl->line);
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mesh_agent_id_path(ngx_cycle_t *cycle, ngx_mesh_agent_conf_t *acf)
{
    size_t   len;
    u_char  *p;

    len = acf->state.len - (sizeof(".json") - 1);

    p = ngx_pnalloc(cycle->pool, len + sizeof(".id"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    acf->id.data = p;

    p = ngx_cpymem(p, acf->state.data, len);
    (void) ngx_cpymem(p, ".id", sizeof(".id"));

    acf->id.len = len + sizeof(".id") - 1;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_agent_state_path(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_agent_conf_t *acf)
{
    ngx_str_t  type;

    switch (mcf->resource_type) {

    case NGX_MESH_RESOURCE_VIRTUAL_NODE:
        ngx_str_set(&type, "virtualNode");
        break;

    case NGX_MESH_RESOURCE_VIRTUAL_GATEWAY:
        ngx_str_set(&type, "virtualGateway");
        break;

    default: /* NGX_MESH_RESOURCE_NONE */
        ngx_str_set(&type, "");
        break;
    }

    return ngx_mesh_state_path(cycle->pool, &mcf->state, &mcf->name, &type,
                               &mcf->resource_name, &acf->state);
}


/* NULL: there is nothing for an agent to do */

static ngx_mesh_agent_conf_t *
ngx_mesh_agent_get_conf(ngx_cycle_t *cycle)
{
    ngx_mesh_agent_conf_t  *acf;

    if (ngx_mesh_get_conf(cycle) == NULL) {
        return NULL;
    }

    acf = (ngx_mesh_agent_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                                 ngx_mesh_agent_module);

    return (acf && acf->source.len) ? acf : NULL;
}


static ngx_int_t
ngx_mesh_agent_init_module(ngx_cycle_t *cycle)
{
    ngx_mesh_conf_t        *mcf;
    ngx_mesh_agent_conf_t  *acf;

    if (ngx_test_config) {
        return NGX_OK;
    }

    mcf = ngx_mesh_get_conf(cycle);
    acf = ngx_mesh_agent_get_conf(cycle);

    if (acf && acf->state.len) {
        ngx_mesh_agent_create_directory(cycle, &mcf->state);
    }

    /* a reload of a single process: init_process is not called again */

    if (ngx_process == NGX_PROCESS_SINGLE
        && !ngx_is_init_cycle(cycle->old_cycle))
    {
        ngx_mesh_otlp_stop(1);
        ngx_mesh_sampler_stop();
        ngx_mesh_sink_stop();

        ngx_mesh_agent_init_traces(cycle);
    }

    if (ngx_process == NGX_PROCESS_SINGLE && ngx_mesh_agent_running()) {
        ngx_mesh_prober_stop();
        ngx_mesh_agent_stop();

        if (acf) {
            ngx_mesh_agent_init_worker(cycle, mcf, acf);
            ngx_mesh_agent_start();
            ngx_mesh_prober_start(cycle, mcf);
        }
    }

    return NGX_OK;
}


/*
 * Workers are not allowed to make it as a rule.  Without it the proxy runs,
 * but would not start while its control plane is down.
 */

static void
ngx_mesh_agent_create_directory(ngx_cycle_t *cycle, ngx_str_t *directory)
{
    ngx_core_conf_t  *ccf;

    if (ngx_create_dir(directory->data, 0700) == NGX_FILE_ERROR) {

        if (ngx_errno != NGX_EEXIST) {
            ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                          "mesh: " ngx_create_dir_n " \"%V\" failed, no "
                          "last-known-good file will be kept", directory);
        }

        return;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (geteuid() == 0
        && ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT
        && chown((const char *) directory->data, ccf->user, -1) == -1)
    {
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                      "mesh: chown(\"%V\", %d) failed, no last-known-good "
                      "file will be kept", directory, ccf->user);
    }
}


/* traces and statistics need no source of documents */

static void
ngx_mesh_agent_init_traces(ngx_cycle_t *cycle)
{
    ngx_mesh_conf_t        *mcf;
    ngx_mesh_agent_conf_t  *acf;

    mcf = ngx_mesh_get_conf(cycle);

    if (mcf) {
        acf = (ngx_mesh_agent_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                                     ngx_mesh_agent_module);

        ngx_mesh_otlp_start(cycle, mcf);
        ngx_mesh_sampler_start(cycle, mcf, acf->sampler);
        ngx_mesh_sink_start(cycle, mcf);
    }
}


static ngx_int_t
ngx_mesh_agent_init_process(ngx_cycle_t *cycle)
{
    ngx_mesh_conf_t        *mcf;
    ngx_mesh_agent_conf_t  *acf;

    mcf = ngx_mesh_get_conf(cycle);

    if (mcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ngx_mesh_agent_init_traces(cycle);

    acf = ngx_mesh_agent_get_conf(cycle);

    if (acf == NULL) {
        return NGX_OK;
    }

    ngx_mesh_agent_init_worker(cycle, mcf, acf);
    ngx_mesh_agent_start();
    ngx_mesh_prober_start(cycle, mcf);

    return NGX_OK;
}


static void
ngx_mesh_agent_exit_process(ngx_cycle_t *cycle)
{
    ngx_mesh_metrics_t  *metrics;

    ngx_mesh_prober_stop();
    ngx_mesh_agent_stop();
    ngx_mesh_sampler_stop();

    metrics = ngx_mesh_agent_count(cycle);

    ngx_mesh_otlp_stop(0);
    ngx_mesh_sink_stop();

    if (metrics) {
        ngx_mesh_metrics_exit_worker(metrics);
    }

    ngx_mesh_task_exit_worker();
}


/*
 * The core has left and counts no more, but what is told or lost now has to be
 * seen.  Rows of models that are left were drained then: none may be given back
 * from here on, so the sinks let go of theirs before.  NULL: there is nothing
 * to count.
 */

static ngx_mesh_metrics_t *
ngx_mesh_agent_count(ngx_cycle_t *cycle)
{
    ngx_uint_t               sinks;
    ngx_mesh_conf_t         *mcf;
    ngx_mesh_otlp_status_t   status;

    sinks = ngx_mesh_sink_leave();
    ngx_mesh_otlp_status(&status);

    mcf = ngx_mesh_get_conf(cycle);

    if (mcf == NULL || (sinks == 0 && status.queued == 0)) {
        return NULL;
    }

    ngx_mesh_metrics_init_worker(mcf->metrics, cycle->log);

    return mcf->metrics;
}
