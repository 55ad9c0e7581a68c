
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * TLS contexts of the proxy's own connections.  nginx's verification callback
 * lets every chain pass and leaves the verdict to who connects, so that it can
 * be logged in words.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_tls.h"


#if (NGX_SSL)

#define NGX_MESH_TLS_DEPTH  10      /* certificates in a chain */


static ngx_int_t ngx_mesh_tls_trust(ngx_conf_t *cf, ngx_ssl_t *ssl,
    ngx_str_t *trusted);


ngx_ssl_t *
ngx_mesh_tls_client(ngx_conf_t *cf, ngx_str_t *trusted,
    ngx_str_t *certificate, ngx_str_t *key)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (ssl == NULL || cln == NULL) {
        return NULL;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK) {
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (ngx_mesh_tls_trust(cf, ssl, trusted) != NGX_OK) {
        return NULL;
    }

    if (certificate->len
        && ngx_ssl_certificate(cf, ssl, certificate, key, NULL) != NGX_OK)
    {
        return NULL;
    }

    return ssl;
}


static ngx_int_t
ngx_mesh_tls_trust(ngx_conf_t *cf, ngx_ssl_t *ssl, ngx_str_t *trusted)
{
    if (trusted->len) {
        return ngx_ssl_trusted_certificate(cf, ssl, trusted,
                                           NGX_MESH_TLS_DEPTH);
    }

    if (SSL_CTX_set_default_verify_paths(ssl->ctx) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_ERROR;
    }

    SSL_CTX_set_verify_depth(ssl->ctx, NGX_MESH_TLS_DEPTH);

    return NGX_OK;
}

#endif
