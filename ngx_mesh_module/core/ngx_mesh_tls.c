
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
static void ngx_mesh_tls_sooner(X509 *cert, time_t *expires);


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


void
ngx_mesh_tls_expires(ngx_ssl_t *ssl, ngx_uint_t trusted, time_t *expires)
{
    int                     i, rc;
    X509                   *cert;
    SSL_CTX                *ctx;
    STACK_OF(X509)         *chain;
    STACK_OF(X509_OBJECT)  *objects;

    ctx = ssl->ctx;

    /* an RSA one and an ECDSA one, say */

    for (rc = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
         rc == 1;
         rc = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT))
    {
        ngx_mesh_tls_sooner(SSL_CTX_get0_certificate(ctx), expires);

        chain = NULL;
        (void) SSL_CTX_get0_chain_certs(ctx, &chain);

        for (i = 0; i < sk_X509_num(chain); i++) {
            ngx_mesh_tls_sooner(sk_X509_value(chain, i), expires);
        }
    }

    if (!trusted) {
        return;
    }

    objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));

    for (i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

        if (cert) {
            ngx_mesh_tls_sooner(cert, expires);
        }
    }
}


static void
ngx_mesh_tls_sooner(X509 *cert, time_t *expires)
{
    int     days, seconds;
    time_t  when;

    if (cert == NULL
        || !ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)))
    {
        return;
    }

    when = ngx_time() + (time_t) days * 86400 + seconds;

    if (*expires == 0 || when < *expires) {
        *expires = when;
    }
}

#endif
