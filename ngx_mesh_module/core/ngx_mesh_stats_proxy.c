
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Statistics of the proxy itself: its document, its control plane, its
 * processes.
 *
 * Memory is asked of the kernel for the master and each worker that this one
 * knows of, which are those of the same cycle and those that still end.  Pages
 * of the zones and of libraries are in all of them and are counted once.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_stats_parts.h"


static void ngx_mesh_stats_document(ngx_mesh_conf_t *mcf,
    ngx_mesh_shm_status_t *status, uint64_t *v);
static void ngx_mesh_stats_model(ngx_mesh_snapshot_t *snapshot, uint64_t *v);
static void ngx_mesh_stats_processes(uint64_t *v);
static ngx_int_t ngx_mesh_stats_memory(ngx_pid_t pid, uint64_t *private,
    uint64_t *shared);


/* set by the master, workers have it from there */
static time_t  ngx_mesh_stats_started;

static const char  *ngx_mesh_stats_sources[] = {
    "none", "directives", "file", "last-known-good", "control-plane"
};


void
ngx_mesh_stats_init(void)
{
    if (ngx_mesh_stats_started == 0) {
        ngx_mesh_stats_started = ngx_time();
    }
}


void
ngx_mesh_stats_proxy(ngx_mesh_conf_t *mcf, ngx_mesh_snapshot_t *snapshot,
    uint64_t *v)
{
    ngx_uint_t               i, index, draining;
    ngx_core_conf_t         *ccf;
    ngx_mesh_shm_status_t    status;
    ngx_mesh_metrics_read_t  read;

    for (i = 0; i < NGX_MESH_STATS_PROXY_VALUES; i++) {
        v[i] = NGX_MESH_STATS_ABSENT;
    }

    index = 0;
    read.values = v;

    (void) ngx_mesh_metrics_read(mcf->metrics, NGX_MESH_METRICS_SERVER, &index,
                                 &read);

    ngx_mesh_shm_status(mcf->shm, &status);

    ngx_mesh_stats_document(mcf, &status, v);
    ngx_mesh_stats_model(snapshot, v);

    draining = ngx_exiting || ngx_mesh_shm_draining(mcf->shm);

    v[NGX_MESH_STATS_ONE] = 1;
    v[NGX_MESH_STATS_LIVE] = (snapshot && !draining);
    v[NGX_MESH_STATS_STATE] = draining ? 1 : (snapshot ? 0 : 3);
    v[NGX_MESH_STATS_UPTIME] = ngx_time() - ngx_mesh_stats_started;

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    v[NGX_MESH_STATS_CONCURRENCY] = (ngx_process == NGX_PROCESS_SINGLE)
                                    ? 1 : ccf->worker_processes;

    ngx_mesh_stats_processes(v);
}


static void
ngx_mesh_stats_document(ngx_mesh_conf_t *mcf, ngx_mesh_shm_status_t *status,
    uint64_t *v)
{
    time_t  now;

    now = ngx_time();

    v[NGX_MESH_STATS_APPLIED] = status->seq;
    v[NGX_MESH_STATS_REJECTED] = status->rejections;

    if (status->seq) {
        v[NGX_MESH_STATS_APPLIED_TIME] = status->applied;
        v[NGX_MESH_STATS_AGE] = ngx_max(now - status->applied, 0);
        v[NGX_MESH_STATS_DOCUMENT_BYTES] = status->size;
        v[NGX_MESH_STATS_LAST_KNOWN_GOOD] =
                          (status->source == NGX_MESH_SOURCE_LAST_KNOWN_GOOD);
    }

    if (mcf->control_plane.len) {
        v[NGX_MESH_STATS_FAILING] = status->failing
                                    ? ngx_max(now - status->failing, 0) : 0;
    }

    /* a file is not a control plane that one is connected to */

    if (mcf->control.url.host.len == 0) {
        return;
    }

    v[NGX_MESH_STATS_CONNECTED] = (status->contact && status->failing == 0);

    if (status->contact) {
        v[NGX_MESH_STATS_CONTACT_AGE] = ngx_max(now - status->contact, 0);
    }
}


static void
ngx_mesh_stats_model(ngx_mesh_snapshot_t *snapshot, uint64_t *v)
{
    ngx_uint_t         i, n;
    ngx_mesh_model_t  *model;

    if (snapshot == NULL) {
        return;
    }

    model = snapshot->model;
    n = 0;

    for (i = 0; i < model->nnodes; i++) {
        n += model->nodes[i].listeners.nelts;
    }

    if (snapshot->app) {
        n += model->node->listeners.nelts;
    }

    v[NGX_MESH_STATS_CLUSTERS] = n;
    v[NGX_MESH_STATS_ENDPOINTS] = model->nendpoints;
}


ngx_int_t
ngx_mesh_stats_config(ngx_mesh_stats_t *st, ngx_str_t *labels)
{
    ngx_mesh_shm_status_t  status;

    ngx_mesh_shm_status(st->mcf->shm, &status);

    labels[0].data = (u_char *) ngx_mesh_stats_sources[status.source];
    labels[0].len = ngx_strlen(labels[0].data);

    labels[1].len = ngx_strlen(status.version);
    labels[1].data = ngx_pnalloc(st->pool, labels[1].len + 1);

    if (labels[1].data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(labels[1].data, status.version, labels[1].len);

    return NGX_OK;
}


static void
ngx_mesh_stats_processes(uint64_t *v)
{
    uint64_t   private, shared, max;
    ngx_int_t  i, n;

    if (ngx_mesh_stats_memory(ngx_pid, &private, &max) != NGX_OK) {
        return;
    }

    v[NGX_MESH_STATS_ALLOCATED] = private;

    n = (ngx_process == NGX_PROCESS_WORKER) ? ngx_last_process : -1;

    for (i = -1; i < n; i++) {

        if (i >= 0
            && (ngx_processes[i].pid <= 0 || ngx_processes[i].pid == ngx_pid))
        {
            continue;
        }

        if (ngx_mesh_stats_memory(i < 0 ? ngx_parent : ngx_processes[i].pid,
                                  &private, &shared)
            == NGX_OK)
        {
            v[NGX_MESH_STATS_ALLOCATED] += private;
            max = ngx_max(max, shared);
        }

        if (ngx_process != NGX_PROCESS_WORKER) {
            break;
        }
    }

    v[NGX_MESH_STATS_HEAP] = v[NGX_MESH_STATS_ALLOCATED] + max;
}


/* in bytes, of what is resident */

static ngx_int_t
ngx_mesh_stats_memory(ngx_pid_t pid, uint64_t *private, uint64_t *shared)
{
    u_char         *p, name[NGX_INT64_LEN + sizeof("/proc//statm")], text[256];
    ssize_t         n;
    ngx_fd_t        fd;
    unsigned long   size, resident, files;

    ngx_sprintf(name, "/proc/%P/statm%Z", pid);

    fd = ngx_open_file(name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        return NGX_DECLINED;
    }

    n = read(fd, text, sizeof(text) - 1);

    (void) ngx_close_file(fd);

    if (n <= 0) {
        return NGX_DECLINED;
    }

    p = text;
    p[n] = '\0';

    if (sscanf((char *) p, "%lu %lu %lu", &size, &resident, &files) != 3) {
        return NGX_DECLINED;
    }

    *private = (uint64_t) (resident - ngx_min(files, resident)) * ngx_pagesize;
    *shared = (uint64_t) files * ngx_pagesize;

    return NGX_OK;
}
