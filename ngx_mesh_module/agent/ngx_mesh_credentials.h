
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The credentials that the agent signs its requests with, from the places
 * that the AWS SDKs look at, in their order:
 *
 *     environment    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 *                    AWS_SESSION_TOKEN
 *     file           AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, profile
 *                    AWS_PROFILE or "default"; read again when it changed
 *     container      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI at 169.254.170.2,
 *                    or AWS_CONTAINER_CREDENTIALS_FULL_URI, with
 *                    AWS_CONTAINER_AUTHORIZATION_TOKEN(_FILE)
 *
 * The master reads the environment, since workers lose it; workers do the
 * rest.
 */


#ifndef _NGX_MESH_CREDENTIALS_H_INCLUDED_
#define _NGX_MESH_CREDENTIALS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_client.h"
#include "ngx_mesh_sigv4.h"
#include "ngx_mesh_url.h"


#define NGX_MESH_CREDENTIALS_MAX  65536     /* bytes of a file, of an answer */


/* what the environment says; an empty string: not set */

typedef struct {
    ngx_str_t                access_key;
    ngx_str_t                secret;
    ngx_str_t                token;

    ngx_str_t                file;          /* null-terminated */
    ngx_str_t                profile;

    ngx_mesh_url_t           url;           /* of the container's endpoint; no
                                               host: there is none */
#if (NGX_SSL)
    ngx_ssl_t               *ssl;           /* with url.tls */
#endif
    ngx_str_t                auth_token;
    ngx_str_t                auth_token_file;   /* null-terminated */

    ngx_str_t                region;        /* AWS_REGION, AWS_DEFAULT_REGION */
    ngx_str_t                service;       /* APPMESH_SIGNING_NAME, or
                                               "appmesh" */

    unsigned                 given:1;       /* there is something to sign with;
                                               0: requests go unsigned */
    unsigned                 explicit_file:1;   /* counts though it is not
                                                   there yet */
} ngx_mesh_credentials_conf_t;


typedef struct ngx_mesh_credentials_s  ngx_mesh_credentials_t;


/*
 * One who waits for credentials: to be kept in place until the handler was
 * called or ngx_mesh_credentials_cancel() was.  The handler gets "credentials",
 * whose strings are good until it returns, or NULL and "error".
 */

typedef struct ngx_mesh_credentials_wait_s  ngx_mesh_credentials_wait_t;

struct ngx_mesh_credentials_wait_s {
    void                   (*handler)(ngx_mesh_credentials_wait_t *wait,
                                 ngx_mesh_sigv4_credentials_t *credentials,
                                 ngx_str_t *error);
    void                    *data;

    ngx_queue_t              queue;         /* the chain's */
    unsigned                 waiting:1;     /* the chain's; 0 at first */
};


/*
 * Reads the environment, in the master at configuration time; strings are in
 * "pool", which has to live as long as the cycle.  NGX_ERROR: the environment
 * contradicts itself or names an address that credentials must not be asked
 * from, "error" tells.
 */
ngx_int_t ngx_mesh_credentials_conf(ngx_pool_t *pool,
    ngx_mesh_credentials_conf_t *conf, ngx_str_t *error);

/* in a worker; NULL if memory is short.  "conf" and "log" have to live on. */
ngx_mesh_credentials_t *ngx_mesh_credentials_create(
    ngx_mesh_credentials_conf_t *conf, ngx_log_t *log);

/*
 * Ends a fetch under way; handlers of those who wait are not called anymore.
 * Not to be called from a handler.
 */
void ngx_mesh_credentials_destroy(ngx_mesh_credentials_t *chain);

/*
 * Calls wait->handler with credentials that are good for a while: at once,
 * before it returns, if there are such, else when they were fetched.  However
 * many wait, one fetch is under way; a failed one is not tried again for a
 * second.
 */
void ngx_mesh_credentials_get(ngx_mesh_credentials_t *chain,
    ngx_mesh_credentials_wait_t *wait);

void ngx_mesh_credentials_cancel(ngx_mesh_credentials_wait_t *wait);

/*
 * The server did not accept what get() gave: the next get() asks the source
 * again, whatever the expiration says.
 */
void ngx_mesh_credentials_refused(ngx_mesh_credentials_t *chain);


/*
 * The parts of it that are functions of plain data.
 *
 * The profile of a credentials file, as parts of its text.  NGX_DECLINED: it
 * is not there, NGX_ERROR: it is not complete.
 */
ngx_int_t ngx_mesh_credentials_profile(ngx_str_t *text, ngx_str_t *profile,
    ngx_mesh_sigv4_credentials_t *credentials);

/*
 * The answer of a container's endpoint, in "pool"; "expires" is 0 if it does
 * not say.  NGX_ERROR: "error" (in "pool") tells.
 */
ngx_int_t ngx_mesh_credentials_answer(ngx_pool_t *pool, ngx_str_t *text,
    ngx_mesh_sigv4_credentials_t *credentials, time_t *expires,
    ngx_str_t *error);


#endif /* _NGX_MESH_CREDENTIALS_H_INCLUDED_ */
