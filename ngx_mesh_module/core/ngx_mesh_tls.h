
/*
 * Copyright (C) nginx mesh contributors
 */

/* TLS contexts of the proxy's own connections, those of its agent. */


#ifndef _NGX_MESH_TLS_H_INCLUDED_
#define _NGX_MESH_TLS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


#if (NGX_SSL)

/*
 * A context for clients, made by the master at configuration time and freed
 * with cf->pool: TLS 1.2 and later; "trusted" is a file of certificates (empty:
 * what the system trusts), "certificate" and "key" are shown to the server
 * (empty: none).  Who connects has to look at SSL_get_verify_result() and at
 * the name.  NULL after an error was logged.
 */
ngx_ssl_t *ngx_mesh_tls_client(ngx_conf_t *cf, ngx_str_t *trusted,
    ngx_str_t *certificate, ngx_str_t *key);

/*
 * When the first certificate of a context expires, if that is before "expires"
 * or this is 0: of those shown to the peer, and of those that are trusted if
 * they are of a file ("trusted").  At configuration time, when all are loaded.
 */
void ngx_mesh_tls_expires(ngx_ssl_t *ssl, ngx_uint_t trusted, time_t *expires);

#endif


#endif /* _NGX_MESH_TLS_H_INCLUDED_ */
