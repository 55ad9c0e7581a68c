
/*
 * Copyright (C) nginx mesh contributors
 */

/* Random names: of resources, requests, proxies. */


#ifndef _NGX_MESH_UUID_H_INCLUDED_
#define _NGX_MESH_UUID_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MESH_UUID_LEN  36


/*
 * Writes a random UUID (RFC 9562, version 4), NGX_MESH_UUID_LEN bytes and no
 * NUL.  NGX_ERROR after OpenSSL had no random bytes, which is logged.
 */
ngx_int_t ngx_mesh_uuid(u_char *uuid);


#endif /* _NGX_MESH_UUID_H_INCLUDED_ */
