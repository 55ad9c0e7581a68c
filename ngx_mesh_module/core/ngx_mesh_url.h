
/*
 * Copyright (C) nginx mesh contributors
 */

/* URLs of control planes and of what gives credentials. */


#ifndef _NGX_MESH_URL_H_INCLUDED_
#define _NGX_MESH_URL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_str_t                host;      /* name or literal address without
                                           brackets, with a NUL behind */
    ngx_str_t                authority; /* for Host: port only if not default */
    ngx_str_t                path;      /* with a query string; "" or "/..." */
    in_port_t                port;      /* host byte order */
    unsigned                 tls:1;
} ngx_mesh_url_t;


/*
 * Takes "http(s)://host[:port][/path]" apart; strings are copied into "pool".
 * NULL, or what is wrong with it, as an end of "... has ".  No user names, no
 * fragments; the path is as it was written and has to be escaped.
 */
const char *ngx_mesh_url_parse(ngx_pool_t *pool, ngx_str_t *text,
    ngx_mesh_url_t *url);


#endif /* _NGX_MESH_URL_H_INCLUDED_ */
