
/*
 * Copyright (C) nginx mesh contributors
 */

/* Directives that say where statistics go. */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"
#include "ngx_mesh_conf_stats.h"
#include "ngx_mesh_stats.h"
#include "ngx_mesh_told.h"


#define NGX_MESH_STATSD_PORT  8125
#define NGX_MESH_EMF_PORT     25888


static ngx_mesh_sink_conf_t *ngx_mesh_conf_sink(ngx_conf_t *cf);
static char *ngx_mesh_conf_sink_parameters(ngx_conf_t *cf,
    ngx_mesh_sink_conf_t *sc, ngx_uint_t emf);
static char *ngx_mesh_conf_sink_address(ngx_conf_t *cf,
    ngx_mesh_sink_conf_t *sc, ngx_str_t *address, in_port_t port);
static char *ngx_mesh_conf_sink_file(ngx_conf_t *cf,
    ngx_mesh_sink_conf_t *sc);
static char *ngx_mesh_conf_sink_stdout(ngx_conf_t *cf,
    ngx_mesh_sink_conf_t *sc);
static void ngx_mesh_conf_sink_close(void *data);


char *
ngx_mesh_conf_stats_create(ngx_pool_t *pool, ngx_mesh_stats_conf_t *sc)
{
    sc->extension = NGX_CONF_UNSET;
    sc->tags = NGX_CONF_UNSET;

    if (ngx_array_init(&sc->ingress, pool, 2, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_mesh_conf_stats_init(ngx_conf_t *cf, ngx_mesh_stats_conf_t *sc,
    size_t metrics_size)
{
    ngx_conf_init_value(sc->extension, 0);
    ngx_conf_init_value(sc->tags, 0);

    ngx_mesh_stats_init();

    if (sc->statsd == NULL && sc->emf == NULL) {
        return NGX_CONF_OK;
    }

    if (metrics_size == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" needs metrics, but \"metrics_zone\" is off",
                           sc->statsd ? "statsd" : "emf");
        return NGX_CONF_ERROR;
    }

    sc->told = ngx_mesh_told_create(cf, metrics_size);

    return sc->told ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_mesh_conf_statsd(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    char                  *rv;
    ngx_str_t             *value;
    ngx_mesh_sink_conf_t  *sc;

    if (mcf->stats.statsd) {
        return "is duplicate";
    }

    sc = ngx_mesh_conf_sink(cf);
    if (sc == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    sc->type = NGX_MESH_SINK_DATAGRAM;
    sc->interval = 5000;

    rv = ngx_mesh_conf_sink_address(cf, sc, &value[1], NGX_MESH_STATSD_PORT);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    mcf->stats.statsd = sc;

    return ngx_mesh_conf_sink_parameters(cf, sc, 0);
}


char *
ngx_mesh_conf_emf(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t  *mcf = conf;

    char                  *rv;
    ngx_str_t             *value, address;
    ngx_mesh_sink_conf_t  *sc;

    if (mcf->stats.emf) {
        return "is duplicate";
    }

    sc = ngx_mesh_conf_sink(cf);
    if (sc == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    address = value[1];

    sc->interval = 60000;
    ngx_str_set(&sc->name_space, "ECS/ContainerInsights/Prometheus");

    if (ngx_strncmp(address.data, "udp://", 6) == 0
        || ngx_strncmp(address.data, "tcp://", 6) == 0)
    {
        sc->type = (address.data[0] == 'u') ? NGX_MESH_SINK_DATAGRAM
                                            : NGX_MESH_SINK_STREAM;
        ngx_str_set(&sc->log_group, "nginx-mesh");

        address.data += 6;
        address.len -= 6;

        rv = ngx_mesh_conf_sink_address(cf, sc, &address, NGX_MESH_EMF_PORT);

    } else if (ngx_strcmp(address.data, "stdout") == 0) {
        rv = ngx_mesh_conf_sink_stdout(cf, sc);

    } else if (address.data[0] == '/') {
        rv = ngx_mesh_conf_sink_file(cf, sc);

    } else {
        rv = "is neither stdout, /path, udp://address nor tcp://address";
    }

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    mcf->stats.emf = sc;

    return ngx_mesh_conf_sink_parameters(cf, sc, 1);
}


static ngx_mesh_sink_conf_t *
ngx_mesh_conf_sink(ngx_conf_t *cf)
{
    ngx_str_t             *value;
    ngx_mesh_sink_conf_t  *sc;

    sc = ngx_pcalloc(cf->pool, sizeof(ngx_mesh_sink_conf_t));
    if (sc == NULL) {
        return NULL;
    }

    value = cf->args->elts;

    sc->text = value[1];
    sc->fd = NGX_INVALID_FILE;

    return sc;
}


static char *
ngx_mesh_conf_sink_parameters(ngx_conf_t *cf, ngx_mesh_sink_conf_t *sc,
    ngx_uint_t emf)
{
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "interval=", 9) == 0) {
            s.data = value[i].data + 9;
            s.len = value[i].len - 9;

            sc->interval = ngx_parse_time(&s, 0);

            if (sc->interval == (ngx_msec_t) NGX_ERROR || sc->interval < 100) {
                return "has an invalid \"interval\"";
            }

            continue;
        }

        if (emf && ngx_strncmp(value[i].data, "namespace=", 10) == 0
            && value[i].len > 10)
        {
            sc->name_space.data = value[i].data + 10;
            sc->name_space.len = value[i].len - 10;
            continue;
        }

        if (emf && ngx_strncmp(value[i].data, "log_group=", 10) == 0
            && value[i].len > 10)
        {
            sc->log_group.data = value[i].data + 10;
            sc->log_group.len = value[i].len - 10;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_mesh_conf_sink_address(ngx_conf_t *cf, ngx_mesh_sink_conf_t *sc,
    ngx_str_t *address, in_port_t port)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *address;
    u.default_port = port;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in \"%V\"",
                           u.err ? u.err : "no address", &sc->text);
        return NGX_CONF_ERROR;
    }

    sc->sockaddr = u.addrs[0].sockaddr;
    sc->socklen = u.addrs[0].socklen;

    return NGX_CONF_OK;
}


/*
 * A file is opened by the master, which may, and is opened again on USR1.  To
 * open a pipe would wait for a reader.
 */

static char *
ngx_mesh_conf_sink_file(ngx_conf_t *cf, ngx_mesh_sink_conf_t *sc)
{
    ngx_file_info_t  fi;

    sc->path = sc->text;
    sc->type = NGX_MESH_SINK_FILE;

    if (ngx_file_info(sc->path.data, &fi) != NGX_FILE_ERROR
        && !ngx_is_file(&fi))
    {
        if (ngx_is_dir(&fi)) {
            return "is a directory";
        }

        sc->type = NGX_MESH_SINK_FIFO;
        return NGX_CONF_OK;
    }

    sc->file = ngx_conf_open_file(cf->cycle, &sc->path);

    return sc->file ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/*
 * The standard output is opened once more, so that it blocks nobody here and
 * those who have it already notice nothing.  A socket cannot be opened; one
 * sends into it without waiting.
 */

static char *
ngx_mesh_conf_sink_stdout(ngx_conf_t *cf, ngx_mesh_sink_conf_t *sc)
{
    ngx_pool_cleanup_t  *cln;

    sc->type = NGX_MESH_SINK_FILE;

    if (ngx_test_config) {
        return NGX_CONF_OK;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    sc->fd = open("/dev/stdout", O_WRONLY|O_APPEND|O_NONBLOCK|O_CLOEXEC);

    if (sc->fd == NGX_INVALID_FILE) {
        sc->fd = dup(STDOUT_FILENO);
    }

    if (sc->fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot open the standard output");
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_mesh_conf_sink_close;
    cln->data = sc;

    return NGX_CONF_OK;
}


static void
ngx_mesh_conf_sink_close(void *data)
{
    ngx_mesh_sink_conf_t *sc = data;

    (void) ngx_close_file(sc->fd);
}
