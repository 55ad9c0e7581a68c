
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The chain of credentials in a worker.  The environment does not change; the
 * file is looked at each time; the container's endpoint is asked before what
 * it gave expires.  There are no timers: who needs credentials starts it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <openssl/crypto.h>

#include "ngx_mesh_agent.h"
#include "ngx_mesh_credentials.h"
#include "ngx_mesh_file.h"


#define NGX_MESH_CREDENTIALS_AHEAD     300      /* seconds before they expire */
#define NGX_MESH_CREDENTIALS_PAUSE     1000     /* after a failure, ms */
#define NGX_MESH_CREDENTIALS_TIMEOUT   5000     /* ms */
#define NGX_MESH_CREDENTIALS_DEADLINE  10000    /* ms */
#define NGX_MESH_CREDENTIALS_SETTLE    3000     /* ms */
#define NGX_MESH_CREDENTIALS_ERROR     512


struct ngx_mesh_credentials_s {
    ngx_mesh_credentials_conf_t   *conf;
    ngx_log_t                     *log;
    ngx_queue_t                    waiting;

    ngx_pool_t                    *pool;        /* of "current"; NULL: none */
    ngx_mesh_sigv4_credentials_t   current;
    time_t                         expires;     /* 0: never */

    ngx_mesh_file_id_t             known;       /* of the file */
    ngx_uint_t                     young;

    ngx_mesh_client_t             *client;      /* of the container */
    ngx_mesh_client_conf_t         client_conf;
    ngx_mesh_client_request_t      request;
    ngx_mesh_client_header_t       header;
    u_char                        *token;       /* of a file, while asked */

    ngx_msec_t                     failed_at;
    ngx_str_t                      error;
    u_char                         text[NGX_MESH_CREDENTIALS_ERROR];

    unsigned                       asking:1;
    unsigned                       failed:1;
    unsigned                       refused:1;
};


static ngx_int_t ngx_mesh_credentials_read(ngx_mesh_credentials_t *chain);
static ngx_int_t ngx_mesh_credentials_take_file(ngx_mesh_credentials_t *chain,
    ngx_str_t *text);
static ngx_int_t ngx_mesh_credentials_good(ngx_mesh_credentials_t *chain,
    time_t ahead);
static void ngx_mesh_credentials_ask(ngx_mesh_credentials_t *chain);
static ngx_int_t ngx_mesh_credentials_token(ngx_mesh_credentials_t *chain);
static void ngx_mesh_credentials_answered(ngx_mesh_client_request_t *rq);
static ngx_int_t ngx_mesh_credentials_take_answer(ngx_mesh_credentials_t *chain,
    ngx_mesh_client_request_t *rq);
static void ngx_mesh_credentials_done(ngx_mesh_credentials_t *chain);
static void ngx_mesh_credentials_give(ngx_mesh_credentials_t *chain,
    ngx_mesh_credentials_wait_t *wait, ngx_int_t good);
static void ngx_mesh_credentials_take(ngx_mesh_credentials_t *chain,
    ngx_pool_t *pool, ngx_mesh_sigv4_credentials_t *credentials,
    time_t expires);
static void ngx_mesh_credentials_wipe(ngx_mesh_credentials_t *chain);
static ngx_int_t ngx_mesh_credentials_fail(ngx_mesh_credentials_t *chain,
    const char *fmt, ...);


ngx_mesh_credentials_t *
ngx_mesh_credentials_create(ngx_mesh_credentials_conf_t *conf, ngx_log_t *log)
{
    ngx_mesh_credentials_t  *chain;

    chain = ngx_alloc(sizeof(ngx_mesh_credentials_t), log);
    if (chain == NULL) {
        return NULL;
    }

    ngx_memzero(chain, sizeof(ngx_mesh_credentials_t));

    chain->conf = conf;
    chain->log = log;
    ngx_queue_init(&chain->waiting);

    if (conf->url.host.len == 0) {
        return chain;
    }

    chain->client_conf.url = &conf->url;
    chain->client_conf.timeout = NGX_MESH_CREDENTIALS_TIMEOUT;
    chain->client_conf.log = log;

#if (NGX_SSL)
    chain->client_conf.ssl = conf->ssl;
#endif

    chain->client = ngx_mesh_client_create(&chain->client_conf);

    if (chain->client == NULL) {
        ngx_free(chain);
        return NULL;
    }

    return chain;
}


void
ngx_mesh_credentials_destroy(ngx_mesh_credentials_t *chain)
{
    ngx_mesh_credentials_wait_t  *wait;

    while (!ngx_queue_empty(&chain->waiting)) {
        wait = ngx_queue_data(ngx_queue_head(&chain->waiting),
                              ngx_mesh_credentials_wait_t, queue);
        ngx_mesh_credentials_cancel(wait);
    }

    if (chain->client) {
        ngx_mesh_client_destroy(chain->client);
    }

    if (chain->token) {
        ngx_free(chain->token);
    }

    ngx_mesh_credentials_wipe(chain);
    ngx_free(chain);
}


void
ngx_mesh_credentials_cancel(ngx_mesh_credentials_wait_t *wait)
{
    if (wait->waiting) {
        ngx_queue_remove(&wait->queue);
        wait->waiting = 0;
    }
}


void
ngx_mesh_credentials_refused(ngx_mesh_credentials_t *chain)
{
    chain->refused = 1;
}


void
ngx_mesh_credentials_get(ngx_mesh_credentials_t *chain,
    ngx_mesh_credentials_wait_t *wait)
{
    ngx_int_t                      rc;
    ngx_mesh_sigv4_credentials_t   credentials;

    if (chain->conf->access_key.len) {
        credentials.access_key = chain->conf->access_key;
        credentials.secret = chain->conf->secret;
        credentials.token = chain->conf->token;

        wait->handler(wait, &credentials, NULL);
        return;
    }

    if (chain->conf->file.len) {
        rc = ngx_mesh_credentials_read(chain);

        if (rc != NGX_DECLINED || chain->client == NULL) {
            ngx_mesh_credentials_give(chain, wait, rc == NGX_OK);
            return;
        }
    }

    if (chain->client == NULL) {
        (void) ngx_mesh_credentials_fail(chain, "there are no credentials");
        ngx_mesh_credentials_give(chain, wait, 0);
        return;
    }

    if (!chain->refused
        && ngx_mesh_credentials_good(chain, NGX_MESH_CREDENTIALS_AHEAD))
    {
        ngx_mesh_credentials_give(chain, wait, 1);
        return;
    }

    if (chain->failed
        && ngx_current_msec - chain->failed_at < NGX_MESH_CREDENTIALS_PAUSE)
    {
        ngx_mesh_credentials_give(chain, wait,
                                  ngx_mesh_credentials_good(chain, 0));
        return;
    }

    ngx_queue_insert_tail(&chain->waiting, &wait->queue);
    wait->waiting = 1;

    if (!chain->asking) {
        ngx_mesh_credentials_ask(chain);
    }
}


/* NGX_DECLINED: the file has nothing to say, the next one may know */

static ngx_int_t
ngx_mesh_credentials_read(ngx_mesh_credentials_t *chain)
{
    ngx_int_t         rc;
    ngx_mesh_file_t   file;

    ngx_memzero(&file, sizeof(ngx_mesh_file_t));

    file.path = chain->conf->file.data;
    file.max = NGX_MESH_CREDENTIALS_MAX;
    file.settle = NGX_MESH_CREDENTIALS_SETTLE;
    file.log = chain->log;

    if (!chain->refused) {
        file.known = chain->known;
    }

    ngx_mesh_file_read(&file);

    switch (file.result) {

    case NGX_MESH_FILE_SAME:
        break;

    case NGX_MESH_FILE_READ:
        rc = ngx_mesh_credentials_take_file(chain, &file.text);

        OPENSSL_cleanse(file.text.data, file.text.len);
        ngx_free(file.text.data);

        if (rc != NGX_OK) {
            ngx_memzero(&chain->known, sizeof(ngx_mesh_file_id_t));
            return rc;
        }

        chain->known = file.id;
        chain->refused = 0;
        break;

    case NGX_MESH_FILE_TORN:
        if (chain->pool == NULL) {
            return ngx_mesh_credentials_fail(chain, "\"%V\" is being written",
                                             &chain->conf->file);
        }

        break;

    case NGX_MESH_FILE_TOO_LARGE:
        return ngx_mesh_credentials_fail(chain, "\"%V\" has more than %d bytes",
                                         &chain->conf->file,
                                         NGX_MESH_CREDENTIALS_MAX);

    default: /* NGX_MESH_FILE_FAILED */
        (void) ngx_mesh_credentials_fail(chain, "%s \"%V\" failed (%d: %s)",
                                         file.call, &chain->conf->file,
                                         file.err, strerror(file.err));

        return (file.err == NGX_ENOENT) ? NGX_DECLINED : NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_credentials_take_file(ngx_mesh_credentials_t *chain, ngx_str_t *text)
{
    ngx_int_t                      rc;
    ngx_str_t                      copy;
    ngx_pool_t                    *pool;
    ngx_mesh_sigv4_credentials_t   credentials;

    pool = ngx_create_pool(1024, chain->log);
    if (pool == NULL) {
        return ngx_mesh_credentials_fail(chain, "no memory");
    }

    rc = ngx_mesh_credentials_profile(text, &chain->conf->profile,
                                      &credentials);

    if (rc != NGX_OK) {
        ngx_destroy_pool(pool);

        (void) ngx_mesh_credentials_fail(chain, "profile \"%V\" in \"%V\" is "
                                         "not %s", &chain->conf->profile,
                                         &chain->conf->file,
                                         rc == NGX_DECLINED ? "there"
                                                            : "complete");
        return rc;
    }

    /* ngx_pstrdup() of what is in a text that goes */

    copy = credentials.access_key;
    credentials.access_key.data = ngx_pstrdup(pool, &copy);
    copy = credentials.secret;
    credentials.secret.data = ngx_pstrdup(pool, &copy);
    copy = credentials.token;
    credentials.token.data = ngx_pstrdup(pool, &copy);

    if (credentials.access_key.data == NULL || credentials.secret.data == NULL
        || credentials.token.data == NULL)
    {
        ngx_destroy_pool(pool);
        return ngx_mesh_credentials_fail(chain, "no memory");
    }

    ngx_mesh_credentials_take(chain, pool, &credentials, 0);

    return NGX_OK;
}


/* are there credentials that are good for so many seconds? */

static ngx_int_t
ngx_mesh_credentials_good(ngx_mesh_credentials_t *chain, time_t ahead)
{
    return chain->pool
           && (chain->expires == 0 || ngx_time() < chain->expires - ahead);
}


static void
ngx_mesh_credentials_ask(ngx_mesh_credentials_t *chain)
{
    ngx_mesh_client_request_t  *rq;

    rq = &chain->request;

    ngx_memzero(rq, sizeof(ngx_mesh_client_request_t));

    ngx_str_set(&rq->method, "GET");

    rq->uri = chain->conf->url.path;

    if (rq->uri.len == 0) {
        ngx_str_set(&rq->uri, "/");
    }

    rq->max_body = NGX_MESH_CREDENTIALS_MAX;
    rq->deadline = NGX_MESH_CREDENTIALS_DEADLINE;
    rq->handler = ngx_mesh_credentials_answered;
    rq->data = chain;

    if (ngx_mesh_credentials_token(chain) != NGX_OK) {
        chain->failed = 1;
        ngx_mesh_credentials_done(chain);
        return;
    }

    if (chain->header.value.len) {
        ngx_str_set(&chain->header.name, "Authorization");
        rq->headers = &chain->header;
        rq->nheaders = 1;
    }

    chain->asking = 1;

    ngx_mesh_client_start(chain->client, rq);
}


/* the token of a file is another one from time to time */

static ngx_int_t
ngx_mesh_credentials_token(ngx_mesh_credentials_t *chain)
{
    u_char           *p, *last;
    ngx_str_t        *value;
    ngx_mesh_file_t   file;

    value = &chain->header.value;
    *value = chain->conf->auth_token;

    if (chain->conf->auth_token_file.len) {
        ngx_memzero(&file, sizeof(ngx_mesh_file_t));

        file.path = chain->conf->auth_token_file.data;
        file.max = NGX_MESH_CREDENTIALS_MAX;
        file.log = chain->log;

        ngx_mesh_file_read(&file);

        if (file.result != NGX_MESH_FILE_READ) {
            return ngx_mesh_credentials_fail(chain, "\"%V\" cannot be read",
                                             &chain->conf->auth_token_file);
        }

        chain->token = file.text.data;
        *value = file.text;

        while (value->len && value->data[value->len - 1] <= ' ') {
            value->len--;
        }
    }

    last = value->data + value->len;

    for (p = value->data; p < last; p++) {
        if (*p < ' ' || *p == 0x7f) {
            return ngx_mesh_credentials_fail(chain, "the token for the "
                                             "container's credentials has a "
                                             "control character");
        }
    }

    return NGX_OK;
}


static void
ngx_mesh_credentials_answered(ngx_mesh_client_request_t *rq)
{
    ngx_mesh_credentials_t  *chain;

    chain = rq->data;
    chain->asking = 0;
    chain->failed = 1;

    if (rq->rc != NGX_OK) {
        (void) ngx_mesh_credentials_fail(chain, "the container's credentials: "
                                         "%s", rq->error);

    } else if (rq->status != 200) {
        (void) ngx_mesh_credentials_fail(chain, "the container's credentials: "
                                         "status %ui", rq->status);

    } else {
        (void) ngx_mesh_credentials_take_answer(chain, rq);
    }

    if (rq->text.len) {
        OPENSSL_cleanse(rq->text.data, rq->text.len);
    }

    ngx_mesh_credentials_done(chain);
}


static ngx_int_t
ngx_mesh_credentials_take_answer(ngx_mesh_credentials_t *chain,
    ngx_mesh_client_request_t *rq)
{
    time_t                         expires;
    ngx_str_t                      error;
    ngx_pool_t                    *pool;
    ngx_mesh_sigv4_credentials_t   credentials;

    pool = ngx_create_pool(4096, chain->log);
    if (pool == NULL) {
        return ngx_mesh_credentials_fail(chain, "no memory");
    }

    if (ngx_mesh_credentials_answer(pool, &rq->text, &credentials, &expires,
                                    &error)
        != NGX_OK)
    {
        (void) ngx_mesh_credentials_fail(chain, "the container's credentials: "
                                         "%V", &error);
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    if (expires && expires <= ngx_time()) {
        ngx_destroy_pool(pool);
        return ngx_mesh_credentials_fail(chain, "the container's credentials "
                                         "have expired");
    }

    ngx_mesh_credentials_take(chain, pool, &credentials, expires);
    chain->refused = 0;

    return NGX_OK;
}


/* handlers may ask again: they find what there is now, or get in line anew */

static void
ngx_mesh_credentials_done(ngx_mesh_credentials_t *chain)
{
    ngx_int_t                     good;
    ngx_queue_t                   queue;
    ngx_mesh_credentials_wait_t  *wait;

    if (chain->token) {
        OPENSSL_cleanse(chain->token, chain->header.value.len);
        ngx_free(chain->token);
        chain->token = NULL;
        ngx_str_null(&chain->header.value);
    }

    if (chain->failed) {
        chain->failed_at = ngx_current_msec;
    }

    if (ngx_queue_empty(&chain->waiting)) {
        return;
    }

    good = ngx_mesh_credentials_good(chain, 0);

    ngx_queue_init(&queue);
    ngx_queue_add(&queue, &chain->waiting);
    ngx_queue_init(&chain->waiting);

    while (!ngx_queue_empty(&queue)) {
        wait = ngx_queue_data(ngx_queue_head(&queue),
                              ngx_mesh_credentials_wait_t, queue);
        ngx_mesh_credentials_cancel(wait);
        ngx_mesh_credentials_give(chain, wait, good);
    }
}


static void
ngx_mesh_credentials_give(ngx_mesh_credentials_t *chain,
    ngx_mesh_credentials_wait_t *wait, ngx_int_t good)
{
    if (good) {
        wait->handler(wait, &chain->current, NULL);

    } else {
        wait->handler(wait, NULL, &chain->error);
    }
}


/* takes over "pool" */

static void
ngx_mesh_credentials_take(ngx_mesh_credentials_t *chain, ngx_pool_t *pool,
    ngx_mesh_sigv4_credentials_t *credentials, time_t expires)
{
    ngx_mesh_credentials_wipe(chain);

    chain->pool = pool;
    chain->current = *credentials;
    chain->expires = expires;
    chain->failed = 0;
}


static void
ngx_mesh_credentials_wipe(ngx_mesh_credentials_t *chain)
{
    if (chain->pool) {
        OPENSSL_cleanse(chain->current.secret.data, chain->current.secret.len);
        ngx_destroy_pool(chain->pool);
        chain->pool = NULL;
    }
}


/* returns NGX_ERROR */

static ngx_int_t
ngx_mesh_credentials_fail(ngx_mesh_credentials_t *chain, const char *fmt, ...)
{
    u_char   *last;
    va_list   args;

    va_start(args, fmt);
    last = ngx_vslprintf(chain->text, chain->text + sizeof(chain->text), fmt,
                         args);
    va_end(args);

    chain->error.data = chain->text;
    chain->error.len = last - chain->text;

    return NGX_ERROR;
}
