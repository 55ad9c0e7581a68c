
/*
 * Copyright (C) nginx mesh contributors
 */

/* Documents for unit tests; see mesh_unit_document.h. */


#include <ngx_config.h>
#include <ngx_core.h>

#include <malloc.h>

#include "mesh_unit_document.h"


static void mesh_unit_destroy(void *data);
static ngx_uint_t mesh_unit_named(ngx_str_t *s, const char *name);


/* tests run at the top of the repository, or else near their source */

ngx_int_t
mesh_unit_data(ngx_mesh_unit_t *u, const char *name, ngx_str_t *text)
{
    char  *slash, path[NGX_MAX_PATH];

    (void) ngx_snprintf((u_char *) path, sizeof(path), "t/data/%s%Z", name);

    if (access(path, R_OK) != 0) {
        (void) ngx_snprintf((u_char *) path, sizeof(path), "%s%Z", __FILE__);

        slash = strrchr(path, '/');
        (void) ngx_snprintf((u_char *) slash, path + sizeof(path) - slash,
                            "/../data/%s%Z", name);
    }

    return mesh_unit_read(u, path, text);
}


ngx_int_t
mesh_unit_read(ngx_mesh_unit_t *u, const char *path, ngx_str_t *text)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    fd = ngx_open_file(path, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        (void) MESH_OK(0, "%s can be read", path);
        return NGX_ERROR;
    }

    n = -1;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR) {
        text->len = (size_t) ngx_file_size(&fi);
        text->data = ngx_palloc(u->pool, text->len + 1);

        if (text->data) {
            n = ngx_read_fd(fd, text->data, text->len);
        }
    }

    (void) ngx_close_file(fd);

    if (n < 0 || (size_t) n != text->len) {
        (void) MESH_OK(0, "%s is read", path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
mesh_unit_conf(ngx_mesh_unit_t *u, ngx_mesh_loader_conf_t *conf)
{
    ngx_memzero(conf, sizeof(ngx_mesh_loader_conf_t));

    conf->log = u->log;
    conf->limits.depth = NGX_MESH_JSON_MAX_DEPTH;
}


ngx_mesh_model_t *
mesh_unit_load(ngx_mesh_unit_t *u, ngx_mesh_loader_conf_t *conf,
    ngx_str_t *text, ngx_uint_t units, ngx_str_t *error)
{
    ngx_int_t                rc;
    ngx_str_t               *e;
    ngx_mesh_model_t        *model;
    ngx_mesh_loader_t       *ld;
    ngx_pool_cleanup_t      *cln;
    ngx_mesh_loader_conf_t   own;

    if (conf == NULL) {
        conf = &own;
        mesh_unit_conf(u, conf);
    }

    ld = ngx_mesh_loader_create(conf, text);
    if (ld == NULL) {
        return NULL;
    }

    do {
        rc = ngx_mesh_loader_step(ld, units);
    } while (rc == NGX_AGAIN);

    model = NULL;

    if (rc == NGX_OK) {
        model = ngx_mesh_loader_model(ld);

        cln = ngx_pool_cleanup_add(u->pool, 0);
        cln->handler = mesh_unit_destroy;
        cln->data = model->pool;

    } else if (error) {
        e = ngx_mesh_loader_error(ld);

        error->len = e->len;
        error->data = ngx_pstrdup(u->pool, e);
    }

    ngx_mesh_loader_free(ld);

    return model;
}


static void
mesh_unit_destroy(void *data)
{
    ngx_mesh_pool_destroy(data);
}


size_t
mesh_unit_pool_size(ngx_pool_t *pool)
{
    size_t             size;
    ngx_pool_t        *p;
    ngx_pool_large_t  *large;

    size = 0;

    for (p = pool; p; p = p->d.next) {
        size += p->d.last - (u_char *) p;
    }

    for (large = pool->large; large; large = large->next) {
        size += large->alloc ? malloc_usable_size(large->alloc) : 0;
    }

    return size;
}


static ngx_uint_t
mesh_unit_named(ngx_str_t *s, const char *name)
{
    return s->len == ngx_strlen(name)
           && ngx_memcmp(s->data, name, s->len) == 0;
}


ngx_mesh_virtual_node_t *
mesh_unit_node(ngx_mesh_model_t *model, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; i < model->nnodes; i++) {
        if (mesh_unit_named(&model->nodes[i].name, name)) {
            return &model->nodes[i];
        }
    }

    return NULL;
}


ngx_mesh_virtual_service_t *
mesh_unit_service(ngx_mesh_model_t *model, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; i < model->nservices; i++) {
        if (mesh_unit_named(&model->services[i].name, name)) {
            return &model->services[i];
        }
    }

    return NULL;
}


ngx_mesh_route_t *
mesh_unit_route(ngx_mesh_model_t *model, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; i < model->nroutes; i++) {
        if (mesh_unit_named(&model->routes[i].name, name)) {
            return &model->routes[i];
        }
    }

    return NULL;
}


ngx_mesh_gateway_route_t *
mesh_unit_gateway_route(ngx_mesh_model_t *model, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; i < model->ngateway_routes; i++) {
        if (mesh_unit_named(&model->gateway_routes[i].name, name)) {
            return &model->gateway_routes[i];
        }
    }

    return NULL;
}
