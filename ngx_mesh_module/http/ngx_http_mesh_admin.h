
/*
 * Copyright (C) nginx mesh contributors
 */


#ifndef _NGX_HTTP_MESH_ADMIN_H_INCLUDED_
#define _NGX_HTTP_MESH_ADMIN_H_INCLUDED_


#include "ngx_http_mesh.h"


typedef struct ngx_http_mesh_admin_s  ngx_http_mesh_admin_t;

/*
 * Writes the next piece of a page with ngx_http_mesh_admin_print(), at most a
 * few kilobytes.  NGX_OK: that was the last one; NGX_AGAIN: call again;
 * NGX_ERROR: memory is short, the page cannot be completed.
 */
typedef ngx_int_t (*ngx_http_mesh_admin_fill_pt)(ngx_http_mesh_admin_t *a);


/* prepares a page before its header is sent, NGX_OK or NGX_ERROR */
typedef ngx_int_t (*ngx_http_mesh_admin_init_pt)(ngx_http_mesh_admin_t *a);


struct ngx_http_mesh_admin_s {
    ngx_http_request_t          *request;
    ngx_mesh_conf_t             *conf;
    ngx_mesh_snapshot_t         *snapshot;  /* held; NULL: none yet */
    ngx_http_mesh_admin_fill_pt  fill;
    ngx_buf_t                   *buf;
    ngx_chain_t                 *tail;      /* to be sent after "buf" */
    ngx_uint_t                   done;
    ngx_uint_t                   pause;     /* set by "fill": others first */

    /* of the answer; a page's "init" may set them */
    const char                  *type;
    ngx_uint_t                   status;
    void                        *data;      /* of the page */

    /* where a fill function goes on */
    ngx_uint_t                   step;
    ngx_uint_t                   node;
    ngx_uint_t                   listener;
    ngx_uint_t                   endpoint;
};


void ngx_http_mesh_admin_print(ngx_http_mesh_admin_t *a, const char *fmt, ...);

/* what the proxy is doing, in the words of Envoy */
const char *ngx_http_mesh_admin_state(ngx_http_mesh_admin_t *a);
ngx_uint_t ngx_http_mesh_admin_draining(ngx_http_mesh_admin_t *a);

/* --- ngx_http_mesh_admin_pages.c --- */

ngx_int_t ngx_http_mesh_admin_clusters(ngx_http_mesh_admin_t *a);
ngx_int_t ngx_http_mesh_admin_config_dump(ngx_http_mesh_admin_t *a);
ngx_int_t ngx_http_mesh_admin_server_info(ngx_http_mesh_admin_t *a);

/* --- ngx_http_mesh_admin_stats.c: these prepare pages --- */

ngx_int_t ngx_http_mesh_admin_stats(ngx_http_mesh_admin_t *a);
ngx_int_t ngx_http_mesh_admin_prometheus(ngx_http_mesh_admin_t *a);


#endif /* _NGX_HTTP_MESH_ADMIN_H_INCLUDED_ */
