
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Idle connections to endpoints, per worker, kept by key: they outlive the
 * snapshot they were opened under and never point into one.
 */


#ifndef _NGX_MESH_IDLE_H_INCLUDED_
#define _NGX_MESH_IDLE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_model.h"


/*
 * Two connections are interchangeable if all of this is equal.  "protocol"
 * keeps HTTP/1.1 and HTTP/2 apart, "tls" is the identity of the TLS context (0:
 * plaintext).
 */

typedef struct {
    uint64_t                 endpoint;      /* ngx_mesh_endpoint_t.key */
    struct sockaddr         *sockaddr;
    socklen_t                socklen;
    ngx_uint_t               protocol;
    ngx_uint_t               tls;
} ngx_mesh_idle_key_t;

typedef struct {
    ngx_uint_t               connections;   /* per endpoint, 0: keep none */
    ngx_uint_t               total;         /* per worker */
    ngx_msec_t               timeout;       /* idle for so long */
    ngx_uint_t               requests;      /* served by one connection */
    ngx_msec_t               time;          /* age of one connection */
} ngx_mesh_idle_conf_t;


ngx_int_t ngx_mesh_idle_init(ngx_mesh_idle_conf_t *conf, ngx_log_t *log);

/* closes everything; to be called in exit_process */
void ngx_mesh_idle_exit(void);

/* an idle connection, given "log", or NULL; the caller owns it then */
ngx_connection_t *ngx_mesh_idle_get(ngx_mesh_idle_key_t *key, ngx_log_t *log);

/*
 * Takes over a connection with nothing outstanding on it.  NGX_DECLINED: not
 * taken (a limit, its age, an error on it), the caller still owns it.
 */
ngx_int_t ngx_mesh_idle_put(ngx_mesh_idle_key_t *key, ngx_connection_t *c);

/* closes the idle connections of one key: the peer closed one of them */
void ngx_mesh_idle_flush(ngx_mesh_idle_key_t *key);

/*
 * For a new model, in steps: ngx_mesh_idle_begin(), ngx_mesh_idle_mark() with
 * all of its endpoints, and when it is in force ngx_mesh_idle_sweep(), which
 * closes the idle connections to endpoints that were not marked.  A model that
 * is given up needs nothing.
 */
void ngx_mesh_idle_begin(void);
void ngx_mesh_idle_mark(ngx_mesh_endpoint_t *ep, ngx_uint_t n);
void ngx_mesh_idle_sweep(void);

/* idle connections of this worker */
ngx_uint_t ngx_mesh_idle_count(void);


#endif /* _NGX_MESH_IDLE_H_INCLUDED_ */
