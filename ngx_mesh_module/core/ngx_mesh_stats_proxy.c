
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
ngx_mesh_stats_proxy(ngx_mesh_stats_t *st)
{
    uint64_t                 *v;
    ngx_uint_t                i, index, draining;
    ngx_core_conf_t          *ccf;
    ngx_mesh_conf_t          *mcf;
    ngx_mesh_shm_status_t     status;
    ngx_mesh_metrics_read_t   read;

    mcf = st->mcf;
    v = st->proxy;

    for (i = 0; i < NGX_MESH_STATS_PROXY_VALUES; i++) {
        v[i] = NGX_MESH_STATS_ABSENT;
    }

    index = 0;
    read.values = v;

    (void) ngx_mesh_metrics_read(mcf->metrics, NGX_MESH_METRICS_SERVER, &index,
                                 &read);

    ngx_mesh_shm_status(mcf->shm, &status);

    ngx_mesh_stats_document(mcf, &status, v);

    draining = ngx_exiting || ngx_mesh_shm_draining(mcf->shm);

    v[NGX_MESH_STATS_ONE] = 1;
    v[NGX_MESH_STATS_LIVE] = (st->snapshot && !draining);
    v[NGX_MESH_STATS_STATE] = draining ? 1 : (st->snapshot ? 0 : 3);
    v[NGX_MESH_STATS_UPTIME] = ngx_time() - ngx_mesh_stats_started;

    if (mcf->stats.expires) {
        v[NGX_MESH_STATS_CERT_DAYS] = ngx_max(mcf->stats.expires - ngx_time(),
                                              0) / 86400;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    v[NGX_MESH_STATS_CONCURRENCY] = (ngx_process == NGX_PROCESS_SINGLE)
                                    ? 1 : ccf->worker_processes;
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


/* this one, the master, the others; what they share is counted once */

ngx_int_t
ngx_mesh_stats_process(ngx_mesh_stats_t *st)
{
    uint64_t    private, shared, *v;
    ngx_pid_t   pid;
    ngx_uint_t  i, workers;

    v = st->proxy;
    i = st->index++;

    workers = (ngx_process == NGX_PROCESS_WORKER);

    if (i == 0) {
        pid = ngx_pid;

    } else if (i == 1 && workers) {
        pid = ngx_parent;

    } else if (workers && (ngx_int_t) i - 2 < ngx_last_process) {
        pid = ngx_processes[i - 2].pid;

        if (pid <= 0 || pid == ngx_pid) {
            return NGX_AGAIN;
        }

    } else {
        return NGX_OK;
    }

    if (ngx_mesh_stats_memory(pid, &private, &shared) != NGX_OK) {
        return i ? NGX_AGAIN : NGX_OK;
    }

    if (i == 0) {
        v[NGX_MESH_STATS_ALLOCATED] = private;
        v[NGX_MESH_STATS_HEAP] = private + shared;
        st->shared = shared;
        return NGX_AGAIN;
    }

    v[NGX_MESH_STATS_ALLOCATED] += private;

    st->shared = ngx_max(st->shared, shared);
    v[NGX_MESH_STATS_HEAP] = v[NGX_MESH_STATS_ALLOCATED] + st->shared;

    return NGX_AGAIN;
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
