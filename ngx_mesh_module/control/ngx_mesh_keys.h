
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Who may do what: the file of access keys.  One key a line:
 *
 *     # id                 secret    options
 *     AKIAADMIN            s3cret    admin
 *     AKIADASHBOARD        s3cret    read
 *     AKIAORDER            s3cret    proxy mesh/ordering/virtualNode/order
 *     AKIAOTHER            s3cret    admin account=222222222222
 *
 * "admin" may do everything, "read" may describe and list, "proxy" with one
 * or more resources ("*" stands for any characters) may fetch their documents.
 * "token=" requires that session token.
 */


#ifndef _NGX_MESH_KEYS_H_INCLUDED_
#define _NGX_MESH_KEYS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MESH_MAY_READ    0x01
#define NGX_MESH_MAY_WRITE   0x02
#define NGX_MESH_MAY_PROXY   0x04       /* "resources" say of whom */


typedef struct {
    ngx_str_t                id;
    ngx_str_t                secret;
    ngx_str_t                token;         /* or empty */
    ngx_str_t                account;       /* 12 digits */
    ngx_uint_t               permissions;   /* NGX_MESH_MAY_* */
    ngx_array_t              resources;     /* of ngx_str_t */
} ngx_mesh_key_t;


typedef struct ngx_mesh_keys_s  ngx_mesh_keys_t;


/*
 * The keys of a file, in a pool of their own.  NULL if it cannot be read or
 * is not right: "error" (in "pool") names the file and line.
 */
ngx_mesh_keys_t *ngx_mesh_keys_read(ngx_pool_t *pool, ngx_str_t *path,
    ngx_str_t *account, ngx_log_t *log, ngx_str_t *error);
void ngx_mesh_keys_free(ngx_mesh_keys_t *keys);

ngx_mesh_key_t *ngx_mesh_keys_find(ngx_mesh_keys_t *keys, ngx_str_t *id);

/* may "key" act as the proxy of "mesh/ordering/virtualNode/order"? */
ngx_uint_t ngx_mesh_keys_may_proxy(ngx_mesh_key_t *key, ngx_str_t *resource);


#endif /* _NGX_MESH_KEYS_H_INCLUDED_ */
