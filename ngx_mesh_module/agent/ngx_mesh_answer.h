
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The reading of HTTP/1.1 answers as they arrive; for the client and its tests.
 * Stricter than a browser: what is ambiguous is refused, since who answers is
 * a control plane, and an answer that was misread would be a configuration.
 */


#ifndef _NGX_MESH_ANSWER_H_INCLUDED_
#define _NGX_MESH_ANSWER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>

#include "ngx_mesh_client.h"


typedef enum {
    NGX_MESH_ANSWER_STATUS = 0,
    NGX_MESH_ANSWER_HEADER,
    NGX_MESH_ANSWER_BODY,           /* "rest" bytes of it are to come */
    NGX_MESH_ANSWER_STREAM,         /* it ends with the connection */
    NGX_MESH_ANSWER_CHUNK_SIZE,
    NGX_MESH_ANSWER_CHUNK,          /* "rest" bytes of it are to come */
    NGX_MESH_ANSWER_CHUNK_END,
    NGX_MESH_ANSWER_TRAILER,
    NGX_MESH_ANSWER_DONE
} ngx_mesh_answer_state_e;


typedef struct {
    ngx_pool_t              *pool;      /* of headers; the caller's */
    ngx_log_t               *log;
    size_t                   max_body;
    ngx_uint_t               no_body;   /* the answer to HEAD */

    ngx_mesh_answer_state_e  state;
    ngx_uint_t               status;
    ngx_array_t              headers;   /* of ngx_mesh_client_header_t */
    ngx_str_t                text;      /* to ngx_free() */
    EVP_MD_CTX              *md;        /* of it, as far as it came */
    u_char                  *error;     /* of NGX_MESH_CLIENT_ERROR_LEN */

    off_t                    length;    /* of Content-Length, or -1 */
    off_t                    rest;
    size_t                   room;      /* of text */
    size_t                   head;      /* bytes of lines so far */
    size_t                   nline;
    u_char                   line[NGX_MESH_CLIENT_HEADER_LEN];

    unsigned                 chunked:1;
    unsigned                 http10:1;
    unsigned                 close:1;   /* the connection is not to be used
                                           again */
    unsigned                 keep_alive:1;
} ngx_mesh_answer_t;


/* starts anew; "error" and "pool" are used until the end */
void ngx_mesh_answer_init(ngx_mesh_answer_t *an, ngx_pool_t *pool,
    size_t max_body, u_char *error, ngx_log_t *log);

/*
 * Takes "len" bytes.  NGX_AGAIN: more are to come; NGX_OK: it is complete
 * (bytes that are left over set "close"); NGX_ERROR: refused, "error" is set.
 */
ngx_int_t ngx_mesh_answer_feed(ngx_mesh_answer_t *an, u_char *data,
    size_t len);

/* the connection was closed: NGX_OK or NGX_ERROR */
ngx_int_t ngx_mesh_answer_end(ngx_mesh_answer_t *an);

/*
 * SHA-256 of the body of a complete answer, once: it was computed as the body
 * came, so that a large one keeps nobody waiting.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mesh_answer_digest(ngx_mesh_answer_t *an, u_char *digest);

/* what was read is freed, if it was not taken */
void ngx_mesh_answer_free(ngx_mesh_answer_t *an);


#endif /* _NGX_MESH_ANSWER_H_INCLUDED_ */
