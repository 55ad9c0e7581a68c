
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Who sent a request, by its signature (AWS Signature Version 4, in the
 * Authorization header or in the query string).  A function of plain data, in
 * any process.
 */


#ifndef _NGX_MESH_VERIFY_H_INCLUDED_
#define _NGX_MESH_VERIFY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_error.h"
#include "ngx_mesh_keys.h"
#include "ngx_mesh_sigv4.h"


#define NGX_MESH_VERIFY_SKEW     300        /* seconds, either way */
#define NGX_MESH_VERIFY_EXPIRES  604800     /* seconds, of X-Amz-Expires */


typedef struct {
    /* set by the caller: what came, and what is accepted */

    ngx_mesh_sigv4_request_t  request;      /* method, path, args and all
                                               headers */
    ngx_str_t                 body;
    ngx_mesh_keys_t          *keys;
    ngx_str_t                 region;       /* empty: any */
    const char              **scopes;       /* names of services, with a NULL
                                               at the end */
    time_t                    now;

    /* the result */

    ngx_mesh_key_t           *key;          /* of keys, with NGX_OK */
    const ngx_mesh_error_t   *error;        /* with NGX_DECLINED */
    ngx_str_t                 message;      /* printable ASCII */
    ngx_str_t                 canonical;    /* for a debugging log; empty if */
    ngx_str_t                 string;       /* it did not come so far */

    /* the parts of the signature */

    ngx_str_t                 algorithm;
    ngx_str_t                 credential;
    ngx_str_t                 signature;
    ngx_str_t                 expires;
    ngx_str_t                 token;
    ngx_str_t                 access_key;
    ngx_str_t                 day;
    ngx_mesh_sigv4_scope_t    scope;
} ngx_mesh_verify_t;


/*
 * NGX_OK: the signature is that of v->key.  NGX_DECLINED: "error" and
 * "message" tell.  NGX_ERROR: no memory.  All strings are in "pool" or those
 * of the request.
 */
ngx_int_t ngx_mesh_verify(ngx_pool_t *pool, ngx_mesh_verify_t *v);

/*
 * The same as far as it goes without the body and without work: form, scope,
 * time, signed headers, and that there is such a key.  NGX_OK promises nothing.
 */
ngx_int_t ngx_mesh_verify_early(ngx_pool_t *pool, ngx_mesh_verify_t *v);


#endif /* _NGX_MESH_VERIFY_H_INCLUDED_ */
