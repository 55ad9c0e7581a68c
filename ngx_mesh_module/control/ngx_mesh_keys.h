
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
 * "token=" requires that session token.  A word that begins with "#" begins a
 * comment.
 */


#ifndef _NGX_MESH_KEYS_H_INCLUDED_
#define _NGX_MESH_KEYS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_sigv4.h"


#define NGX_MESH_MAY_READ    0x01
#define NGX_MESH_MAY_WRITE   0x02
#define NGX_MESH_MAY_PROXY   0x04       /* "resources" say of whom */

#define NGX_MESH_KEYS_MAX    (1024 * 1024)  /* bytes of a file */


typedef struct {
    ngx_str_t                pattern;   /* "mesh/ordering/virtualNode/order",
                                           without the owner of the mesh */
    ngx_str_t                owner;     /* its account; may have "*", too */
} ngx_mesh_key_resource_t;


typedef struct {
    ngx_str_node_t           sn;            /* by id; must be first */
    ngx_str_t                id;
    ngx_str_t                secret;
    ngx_str_t                token;         /* or empty */
    ngx_str_t                account;       /* 12 digits */
    ngx_uint_t               permissions;   /* NGX_MESH_MAY_* */
    ngx_array_t              resources;     /* of ngx_mesh_key_resource_t */
    ngx_mesh_sigv4_key_t     signing;       /* of this worker */
} ngx_mesh_key_t;


/*
 * The keys of one version of a file, read-only but for "signing" of each.
 * Counted: each request that keeps a key holds them.
 */

typedef struct {
    ngx_pool_t              *pool;
    ngx_uint_t               count;         /* of references */
    ngx_uint_t               nkeys;
    ngx_str_t                text;          /* which the keys point into */
    ngx_rbtree_t             tree;
    ngx_rbtree_node_t        sentinel;
    ngx_mesh_key_t           decoy;         /* nobody's, for who is unknown */
} ngx_mesh_keys_t;


/* a file that is followed; zeroed but for "path" and "account" at first */

typedef struct {
    ngx_str_t                path;          /* null-terminated */
    ngx_str_t                account;       /* of keys without "account=" */

    ngx_mesh_keys_t         *keys;          /* those in force, or NULL */
    ngx_uint_t               open_to_all;   /* anybody may read the file */

    /* what was seen last */
    dev_t                    device;
    ino_t                    inode;
    off_t                    size;
    struct timespec          modified;
    struct timespec          changed;
    ngx_uint_t               young;         /* it might change unnoticed */
    uint32_t                 seen;          /* crc of the text, or error */
    ngx_uint_t               known;         /* and it was reported */
} ngx_mesh_keys_file_t;


/*
 * The keys that a text, which is copied, describes.  NULL if something is
 * wrong: "error" (in "pool") names "path" and the line.
 */
ngx_mesh_keys_t *ngx_mesh_keys_parse(ngx_pool_t *pool, ngx_str_t *path,
    ngx_str_t *account, ngx_str_t *text, ngx_str_t *error);

/*
 * Reads a file if it changed; a change counts when it was seen twice.  NGX_OK:
 * file->keys are new ones, the old ones were let go.  NGX_DECLINED: nothing is
 * new.  NGX_ERROR: file->keys are as before, "error" (in "pool") tells what is
 * wrong, each thing only once.
 */
ngx_int_t ngx_mesh_keys_refresh(ngx_pool_t *pool, ngx_mesh_keys_file_t *file,
    ngx_str_t *error);

/* lets go of a reference; with the last one secrets are wiped out */
void ngx_mesh_keys_free(ngx_mesh_keys_t *keys);

ngx_mesh_key_t *ngx_mesh_keys_find(ngx_mesh_keys_t *keys, ngx_str_t *id);

/*
 * May "key" act as the proxy of "mesh/ordering/virtualNode/order"?  The mesh
 * may be written with its owner, "ordering@111122223333", both here and in the
 * file; without, it is that of the key's account.
 */
ngx_uint_t ngx_mesh_keys_may_proxy(ngx_mesh_key_t *key, ngx_str_t *resource);


#endif /* _NGX_MESH_KEYS_H_INCLUDED_ */
