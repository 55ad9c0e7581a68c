
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Values of access logs that nginx has no variable for: of the certificates of
 * a client's connection, its own and the proxy's.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_access_log.h"


#if (NGX_HTTP_SSL)

static void ngx_http_mesh_access_log_certificate(
    ngx_http_mesh_access_log_line_t *line, X509 *cert, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_fingerprint(
    ngx_http_mesh_access_log_line_t *line, X509 *cert,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_subject(
    ngx_http_mesh_access_log_line_t *line, X509 *cert,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_uri_san(
    ngx_http_mesh_access_log_line_t *line, X509 *cert,
    ngx_mesh_log_value_t *value);


void
ngx_http_mesh_access_log_tls(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    X509            *cert;
    ngx_ssl_conn_t  *ssl;

    ssl = line->request->connection->ssl->connection;

    if (op == NGX_MESH_LOG_LOCAL_URI_SAN || op == NGX_MESH_LOG_LOCAL_SUBJECT) {
        cert = SSL_get_certificate(ssl);

        if (cert) {
            ngx_http_mesh_access_log_certificate(line, cert, op, value);
        }

        return;
    }

    cert = SSL_get_peer_certificate(ssl);

    if (cert) {
        ngx_http_mesh_access_log_certificate(line, cert, op, value);
        X509_free(cert);
    }
}


static void
ngx_http_mesh_access_log_certificate(ngx_http_mesh_access_log_line_t *line,
    X509 *cert, ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    struct tm         tm;
    const ASN1_TIME  *time;

    switch (op) {

    case NGX_MESH_LOG_PEER_FINGERPRINT_256:
        ngx_http_mesh_access_log_fingerprint(line, cert, value);
        return;

    case NGX_MESH_LOG_LOCAL_SUBJECT:
        ngx_http_mesh_access_log_subject(line, cert, value);
        return;

    case NGX_MESH_LOG_PEER_CERT_START:
    case NGX_MESH_LOG_PEER_CERT_END:
        time = (op == NGX_MESH_LOG_PEER_CERT_START) ? X509_get0_notBefore(cert)
                                                    : X509_get0_notAfter(cert);

        if (ASN1_TIME_to_tm(time, &tm) == 1) {
            ngx_http_mesh_access_log_number(value,
                                            (int64_t) timegm(&tm) * 1000);
        }

        return;

    default:
        ngx_http_mesh_access_log_uri_san(line, cert, value);
        return;
    }
}


static void
ngx_http_mesh_access_log_fingerprint(ngx_http_mesh_access_log_line_t *line,
    X509 *cert, ngx_mesh_log_value_t *value)
{
    u_char        digest[EVP_MAX_MD_SIZE];
    unsigned int  len;

    if (X509_digest(cert, EVP_sha256(), digest, &len) != 1) {
        return;
    }

    value->type = NGX_MESH_LOG_VALUE_PLAIN;
    value->string.data = line->buf;
    value->string.len = ngx_hex_dump(line->buf, digest, len) - line->buf;
}


/* as nginx writes those of clients */

static void
ngx_http_mesh_access_log_subject(ngx_http_mesh_access_log_line_t *line,
    X509 *cert, ngx_mesh_log_value_t *value)
{
    int   n;
    BIO  *bio;

    bio = BIO_new(BIO_s_mem());
    if (bio == NULL) {
        return;
    }

    if (X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0,
                           XN_FLAG_RFC2253)
        >= 0)
    {
        n = BIO_read(bio, line->buf, sizeof(line->buf));

        if (n > 0) {
            value->type = NGX_MESH_LOG_VALUE_STRING;
            value->string.data = line->buf;
            value->string.len = n;
        }
    }

    BIO_free(bio);
}


/* all that there are, with commas between them; those that fit */

static void
ngx_http_mesh_access_log_uri_san(ngx_http_mesh_access_log_line_t *line,
    X509 *cert, ngx_mesh_log_value_t *value)
{
    int                      i;
    u_char                  *p, *last;
    size_t                   len;
    GENERAL_NAME            *name;
    STACK_OF(GENERAL_NAME)  *names;

    names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    if (names == NULL) {
        return;
    }

    p = line->buf;
    last = p + sizeof(line->buf);

    for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_URI) {
            continue;
        }

        len = ASN1_STRING_length(name->d.uniformResourceIdentifier);

        if ((size_t) (last - p) <= len) {
            break;
        }

        if (p != line->buf) {
            *p++ = ',';
        }

        p = ngx_cpymem(p,
                  ASN1_STRING_get0_data(name->d.uniformResourceIdentifier),
                  len);
    }

    GENERAL_NAMES_free(names);

    if (p != line->buf) {
        value->type = NGX_MESH_LOG_VALUE_STRING;
        value->string.data = line->buf;
        value->string.len = p - line->buf;
    }
}

#endif
