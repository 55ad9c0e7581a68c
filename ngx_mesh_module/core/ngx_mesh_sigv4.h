
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * AWS Signature Version 4: the canonical form of a request and its signature,
 * for those who sign (the agent) and those who verify (the control plane).
 * Source: "Signature Version 4 signing process" of the AWS General Reference.
 * Plain functions of plain data.
 */


#ifndef _NGX_MESH_SIGV4_H_INCLUDED_
#define _NGX_MESH_SIGV4_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MESH_SIGV4_HEX_LEN   64     /* SHA-256 in hex */
#define NGX_MESH_SIGV4_DATE_LEN  16     /* 20260930T120000Z */
#define NGX_MESH_SIGV4_KEY_LEN   32
#define NGX_MESH_SIGV4_SCOPE_MAX  120   /* of what is kept */

#define NGX_MESH_SIGV4_MAX_ARGS     64
#define NGX_MESH_SIGV4_MAX_SIGNED   64
#define NGX_MESH_SIGV4_MAX_HEADERS  256


typedef struct {
    ngx_str_t                name;      /* any case when given to sign() or
                                           canonical() */
    ngx_str_t                value;
} ngx_mesh_sigv4_header_t;


typedef struct {
    ngx_str_t                method;
    ngx_str_t                path;      /* as on the wire, escaped, without the
                                           query string */
    ngx_str_t                args;      /* as on the wire, without "?" */
    ngx_mesh_sigv4_header_t *headers;   /* all that are to be signed, and for
                                           verifying more than those */
    ngx_uint_t               nheaders;
    ngx_str_t                signed_headers;   /* "host;x-amz-date", lower case,
                                                  sorted */
    ngx_str_t                payload_hash;     /* hex */
    unsigned                 presigned:1;      /* X-Amz-Signature of "args" is
                                                  left out */
} ngx_mesh_sigv4_request_t;


typedef struct {
    ngx_str_t                date;      /* 20260930T120000Z */
    ngx_str_t                region;
    ngx_str_t                service;
} ngx_mesh_sigv4_scope_t;


typedef struct {
    ngx_str_t                access_key;
    ngx_str_t                secret;
    ngx_str_t                token;     /* or empty */
} ngx_mesh_sigv4_credentials_t;


/*
 * A derived signing key, good for a day, a region and a service; zeroed at
 * first.  One for each secret saves four of five HMACs.
 */

typedef struct {
    u_char                   scope[NGX_MESH_SIGV4_SCOPE_MAX];
    size_t                   len;       /* of "scope", 0: no key yet */
    u_char                   key[NGX_MESH_SIGV4_KEY_LEN];
} ngx_mesh_sigv4_key_t;


/* SHA-256 of "text" in hex, NGX_MESH_SIGV4_HEX_LEN bytes at "hex" */
ngx_int_t ngx_mesh_sigv4_hash(ngx_str_t *text, u_char *hex);

/*
 * The canonical request in "pool".  NGX_DECLINED: a signed header is not among
 * "headers", signed_headers is not a sorted list of lower-case names, path or
 * args are not well escaped, or there are more of anything than a request of
 * an API has (NGX_MESH_SIGV4_MAX_*).
 */
ngx_int_t ngx_mesh_sigv4_canonical(ngx_pool_t *pool,
    ngx_mesh_sigv4_request_t *rq, ngx_str_t *canonical);

/* the string to sign, in "pool" */
ngx_int_t ngx_mesh_sigv4_string(ngx_pool_t *pool, ngx_str_t *canonical,
    ngx_mesh_sigv4_scope_t *scope, ngx_str_t *string);

/*
 * The signature of a string to sign, NGX_MESH_SIGV4_HEX_LEN bytes at "hex".
 * "key" may be NULL; the caller has one "key" for each secret.
 */
ngx_int_t ngx_mesh_sigv4_signature(ngx_mesh_sigv4_scope_t *scope,
    ngx_str_t *secret, ngx_mesh_sigv4_key_t *key, ngx_str_t *string,
    u_char *hex);

/*
 * The value of an Authorization header for a request with these headers (all
 * of which are signed), in "pool"; rq->signed_headers is set.  The caller puts
 * Host, X-Amz-Date (scope->date) and, if there is a token, X-Amz-Security-Token
 * among the headers.  NGX_DECLINED: as above.
 */
ngx_int_t ngx_mesh_sigv4_sign(ngx_pool_t *pool, ngx_mesh_sigv4_request_t *rq,
    ngx_mesh_sigv4_scope_t *scope, ngx_mesh_sigv4_credentials_t *credentials,
    ngx_str_t *authorization);

/* "20260930T120000Z", NGX_MESH_SIGV4_DATE_LEN bytes */
void ngx_mesh_sigv4_date(time_t t, u_char *date);

/* the time that such a text means, or NGX_ERROR */
time_t ngx_mesh_sigv4_time(ngx_str_t *date);


#endif /* _NGX_MESH_SIGV4_H_INCLUDED_ */
