
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The source that is a control plane, or any web server that has a document.
 *
 * A request tells what is known (If-None-Match) and how long the server may
 * wait for something else (Prefer: wait).  After a new document the next
 * request follows at once; after an answer without news not before "interval"
 * has passed since the one before was sent, so that a server that does not
 * wait is polled; after an error later and later, up to "interval", at times
 * that differ from proxy to proxy.  A server that ends all waits before their
 * time is about to be restarted: the next request goes to its successor soon,
 * and not at the moment at which those of all other proxies do.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_agent_http.h"


#define NGX_MESH_AGENT_HTTP_RETRY    100    /* ms, the first time */
#define NGX_MESH_AGENT_HTTP_PACE     20     /* ms between requests */
#define NGX_MESH_AGENT_HTTP_HURRIED  20     /* documents before it slows down */
#define NGX_MESH_AGENT_HTTP_SLOW     200    /* ms, then */
#define NGX_MESH_AGENT_HTTP_SPREAD   1000   /* ms, after a wait cut short */
#define NGX_MESH_AGENT_HTTP_SHOWN    240    /* bytes of an error's body */


static ngx_int_t ngx_mesh_agent_http_start(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_http_stop(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_http_poll_handler(ngx_event_t *ev);
static void ngx_mesh_agent_http_after(ngx_mesh_agent_http_t *h,
    ngx_msec_t interval);
static void ngx_mesh_agent_http_status(ngx_mesh_agent_http_t *h,
    ngx_mesh_client_request_t *rq);
static void ngx_mesh_agent_http_error(ngx_mesh_agent_http_t *h,
    const char *what, u_char *detail, size_t len);
static void ngx_mesh_agent_http_unchanged(ngx_mesh_agent_http_t *h,
    ngx_mesh_client_request_t *rq);
static ngx_uint_t ngx_mesh_agent_http_sent_off(ngx_mesh_agent_http_t *h,
    ngx_mesh_client_request_t *rq);
static void ngx_mesh_agent_http_document(ngx_mesh_agent_http_t *h,
    ngx_mesh_client_request_t *rq);
static void ngx_mesh_agent_http_origin(ngx_mesh_client_request_t *rq,
    ngx_mesh_origin_t *origin);
static ngx_uint_t ngx_mesh_agent_http_older(ngx_mesh_agent_http_t *h,
    ngx_mesh_origin_t *now);
static void ngx_mesh_agent_http_adopt(ngx_mesh_agent_http_t *h,
    ngx_atomic_uint_t seq);
static void ngx_mesh_agent_http_accepted(ngx_mesh_agent_t *ag,
    ngx_atomic_uint_t seq);
static void ngx_mesh_agent_http_refused(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_http_decided(ngx_mesh_agent_t *ag);


const ngx_mesh_agent_source_t  ngx_mesh_agent_http = {
    NGX_MESH_SOURCE_CONTROL_PLANE,
    NULL,                                  /* cold */
    ngx_mesh_agent_http_start,
    NULL,                                  /* work */
    NULL,                                  /* done */
    ngx_mesh_agent_http_accepted,
    NULL,                                  /* doubt */
    ngx_mesh_agent_http_refused,
    ngx_mesh_agent_http_decided,
    ngx_mesh_agent_http_stop
};


static ngx_int_t
ngx_mesh_agent_http_start(ngx_mesh_agent_t *ag)
{
    ngx_mesh_agent_http_t  *h;

    h = ngx_alloc(sizeof(ngx_mesh_agent_http_t), ag->cycle->log);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_mesh_agent_http_t));

    ag->http = h;

    h->ident[3] = (void *) -1;
    h->agent = ag;

    h->poll.handler = ngx_mesh_agent_http_poll_handler;
    h->poll.data = h;
    h->poll.log = ag->cycle->log;
    h->poll.cancelable = 1;

    ag->acf->client.log = ag->cycle->log;

    h->client = ngx_mesh_client_create(&ag->acf->client);
    if (h->client == NULL) {
        return NGX_ERROR;
    }

    if (ag->acf->sign) {
        h->chain = ngx_mesh_credentials_create(&ag->acf->credentials,
                                               ag->cycle->log);
        if (h->chain == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_mesh_agent_identify(h);

    ngx_add_timer(&h->poll, NGX_MESH_AGENT_SOON);

    return NGX_OK;
}


static void
ngx_mesh_agent_http_stop(ngx_mesh_agent_t *ag)
{
    ngx_mesh_agent_http_t  *h;

    h = ag->http;

    if (h == NULL) {
        return;
    }

    ag->http = NULL;

    if (h->poll.timer_set) {
        ngx_del_timer(&h->poll);
    }

    if (h->chain) {
        ngx_mesh_credentials_cancel(&h->wait);
        ngx_mesh_credentials_destroy(h->chain);
    }

    if (h->client) {
        ngx_mesh_client_destroy(h->client);
    }

    if (h->pool) {
        ngx_destroy_pool(h->pool);
    }

    ngx_free(h);
}


static void
ngx_mesh_agent_http_poll_handler(ngx_event_t *ev)
{
    ngx_mesh_agent_http_t *h = ev->data;

    if (!ngx_mesh_agent_holds(h->agent)) {
        return;
    }

    h->started = ngx_current_msec;

    ngx_mesh_agent_ask(h);
}


/* the next request, "interval" after the start of the last one */

static void
ngx_mesh_agent_http_after(ngx_mesh_agent_http_t *h, ngx_msec_t interval)
{
    ngx_msec_int_t  delay;

    delay = (ngx_msec_int_t) (h->started + interval - ngx_current_msec);

    ngx_add_timer(&h->poll, (ngx_msec_t) ngx_max(delay, NGX_MESH_AGENT_SOON));
}


void
ngx_mesh_agent_http_answered(ngx_mesh_client_request_t *rq)
{
    ngx_str_t               reason;
    ngx_pool_t             *pool;
    ngx_mesh_agent_http_t  *h;

    h = rq->data;

    if (!ngx_mesh_agent_holds(h->agent)) {
        /* "h" is gone */
        return;
    }

    pool = h->pool;
    h->pool = NULL;

    if (rq->rc == NGX_OK) {
        ngx_mesh_agent_http_status(h, rq);

    } else {
        reason.data = rq->error;
        reason.len = ngx_strlen(rq->error);

        ngx_mesh_agent_http_failed(h, &reason);
    }

    ngx_destroy_pool(pool);
}


static void
ngx_mesh_agent_http_status(ngx_mesh_agent_http_t *h,
    ngx_mesh_client_request_t *rq)
{
    u_char  what[sizeof("answered with status 999")];

    ngx_mesh_shm_contact(h->agent->mcf->shm);

    switch (rq->status) {

    case 200:
        ngx_mesh_agent_http_document(h, rq);
        return;

    case 304:
        if (h->conditional) {
            ngx_mesh_agent_http_unchanged(h, rq);
            return;
        }

        break;

    case 401:
    case 403:
        if (h->chain) {
            ngx_mesh_credentials_refused(h->chain);
        }

        break;
    }

    (void) ngx_sprintf(what, "answered with status %ui%Z", rq->status);

    ngx_mesh_agent_http_error(h, (const char *) what, rq->text.data,
                              rq->text.len);
}


/* with some of what the server said, in printable characters */

static void
ngx_mesh_agent_http_error(ngx_mesh_agent_http_t *h, const char *what,
    u_char *detail, size_t len)
{
    u_char      *p, *last, buf[NGX_MESH_SHM_REASON_LEN];
    ngx_str_t    reason;

    p = ngx_slprintf(buf, buf + sizeof(buf), "%s", what);

    if (len) {
        last = detail + ngx_min(len, NGX_MESH_AGENT_HTTP_SHOWN);

        *p++ = ':';
        *p++ = ' ';

        for ( /* void */ ; detail < last; detail++) {
            *p++ = (*detail < ' ' || *detail >= 0x7f) ? ' ' : *detail;
        }
    }

    reason.data = buf;
    reason.len = p - buf;

    ngx_mesh_agent_http_failed(h, &reason);
}


void
ngx_mesh_agent_http_failed(ngx_mesh_agent_http_t *h, ngx_str_t *reason)
{
    u_char            *p, buf[NGX_MESH_SHM_REASON_LEN];
    ngx_str_t          s;
    ngx_msec_t         delay;
    ngx_mesh_agent_t  *ag;

    ag = h->agent;

    p = ngx_slprintf(buf, buf + sizeof(buf), "control plane \"%V\": %V",
                     &ag->acf->source, reason);
    s.data = buf;
    s.len = p - buf;

    ngx_mesh_agent_source_failed(ag, &s);

    /* half of the time is by chance */

    delay = NGX_MESH_AGENT_HTTP_RETRY << ngx_min(h->failures, 16);
    delay = ngx_min(delay, ag->mcf->interval);
    delay = delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1);

    h->failures++;

    ngx_add_timer(&h->poll, ngx_max(delay, NGX_MESH_AGENT_SOON));
}


static void
ngx_mesh_agent_http_unchanged(ngx_mesh_agent_http_t *h,
    ngx_mesh_client_request_t *rq)
{
    ngx_uint_t              again;
    ngx_msec_t              delay;
    ngx_mesh_agent_t       *ag;
    ngx_mesh_origin_t       now;
    ngx_mesh_shm_status_t   status;

    ag = h->agent;
    h->failures = 0;
    h->hurried = 0;

    /* this request was not one that waits */
    again = (ag->mcf->control.wait && h->held == 0);

    ngx_mesh_agent_source_back(ag, "answers");

    if (!h->refused) {
        ngx_mesh_shm_status(ag->mcf->shm, &status);

        /* the document did not change, but others of the mesh did */

        ngx_mesh_agent_http_origin(rq, &now);

        if (now.store[0]
            && (ngx_strcmp(now.store, status.origin.store) != 0
                || now.revision > status.origin.revision))
        {
            h->origin = now;
            ngx_memcpy(h->origin.etag, status.origin.etag,
                       NGX_MESH_SHM_ETAG_LEN);
            ngx_mesh_agent_http_adopt(h, status.seq);
        }

        ngx_mesh_shm_confirm(ag->mcf->shm, status.seq,
                             NGX_MESH_SOURCE_CONTROL_PLANE);
    }

    if (!h->sent_off && ngx_mesh_agent_http_sent_off(h, rq)) {
        h->sent_off = 1;

        delay = ngx_min(ag->mcf->interval, NGX_MESH_AGENT_HTTP_SPREAD);
        ngx_add_timer(&h->poll, 1 + (ngx_msec_t) ngx_random() % delay);
        return;
    }

    h->sent_off = 0;

    ngx_mesh_agent_http_after(h, again ? NGX_MESH_AGENT_HTTP_PACE
                                       : ag->mcf->interval);
}


/*
 * RFC 7240: Preference-Applied tells that the server waits, and how long it
 * would have.
 */

static ngx_uint_t
ngx_mesh_agent_http_sent_off(ngx_mesh_agent_http_t *h,
    ngx_mesh_client_request_t *rq)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = ngx_mesh_client_answer(rq, "Preference-Applied");

    if (h->held == 0
        || value == NULL
        || value->len < 6
        || ngx_strncasecmp(value->data, (u_char *) "wait=", 5) != 0)
    {
        return 0;
    }

    n = ngx_atoi(value->data + 5, value->len - 5);

    if (n == NGX_ERROR || n > 3600) {
        return 0;
    }

    /* timers of both sides are not exact */

    return ngx_current_msec - h->started + 500 < (ngx_msec_t) n * 1000;
}


static void
ngx_mesh_agent_http_document(ngx_mesh_agent_http_t *h,
    ngx_mesh_client_request_t *rq)
{
    ngx_int_t          rc;
    ngx_mesh_agent_t  *ag;

    ag = h->agent;

    ngx_mesh_agent_http_origin(rq, &h->origin);

    if (ngx_mesh_agent_http_older(h, &h->origin)) {
        return;
    }

    if (rq->text.len == 0) {
        ngx_mesh_agent_http_error(h, "the answer is empty", NULL, 0);
        return;
    }

    ngx_memcpy(ag->content, rq->digest, NGX_MESH_DIGEST_LEN);

    ag->text = rq->text;
    ngx_str_null(&rq->text);

    rc = ngx_mesh_agent_offer(ag);

    if (rc == NGX_ERROR) {
        ngx_mesh_agent_http_error(h, "no memory", NULL, 0);
        return;
    }

    h->failures = 0;
    h->sent_off = 0;

    if (ngx_current_msec - h->started < NGX_MESH_AGENT_HTTP_PACE) {
        h->hurried++;

    } else {
        h->hurried = 0;
    }

    ngx_mesh_agent_source_back(ag, "answers");

    if (rc == NGX_OK) {
        /* the next request follows the decision */
        ngx_mesh_agent_wake(ag);
        return;
    }

    if (rc == NGX_DONE) {
        h->refused = 0;
        ngx_mesh_agent_http_adopt(h, ag->seq);

    } else {
        ngx_mesh_agent_http_refused(ag);
    }

    ngx_mesh_agent_http_after(h, ag->mcf->interval);
}


/* ETag, and Mesh-Revision: STORE:NUMBER; what is too long is not there */

static void
ngx_mesh_agent_http_origin(ngx_mesh_client_request_t *rq,
    ngx_mesh_origin_t *origin)
{
    off_t       n;
    u_char     *p;
    ngx_str_t  *value;

    ngx_memzero(origin, sizeof(ngx_mesh_origin_t));

    value = ngx_mesh_client_answer(rq, "ETag");

    if (value && value->len < NGX_MESH_SHM_ETAG_LEN) {
        (void) ngx_cpystrn(origin->etag, value->data, value->len + 1);
    }

    value = ngx_mesh_client_answer(rq, "Mesh-Revision");

    if (value == NULL) {
        return;
    }

    for (p = value->data + value->len; p > value->data; p--) {
        if (p[-1] == ':') {
            break;
        }
    }

    n = ngx_atoof(p, value->data + value->len - p);

    if (n == NGX_ERROR
        || p - value->data < 2
        || p - value->data > NGX_MESH_SHM_STORE_LEN)
    {
        return;
    }

    (void) ngx_cpystrn(origin->store, value->data, p - value->data);
    origin->revision = n;
}


/* a copy of the store that lags behind, or a cache */

static ngx_uint_t
ngx_mesh_agent_http_older(ngx_mesh_agent_http_t *h, ngx_mesh_origin_t *now)
{
    u_char                  what[sizeof("revision  is older than what is in "
                                        "force, ") + 2 * NGX_INT64_LEN];
    ngx_mesh_shm_status_t   status;

    ngx_mesh_shm_status(h->agent->mcf->shm, &status);

    if (now->store[0] == '\0' || status.origin.store[0] == '\0') {
        return 0;
    }

    if (ngx_strcmp(now->store, status.origin.store) != 0) {

        if (ngx_strcmp(now->store, h->store) != 0) {
            ngx_memcpy(h->store, now->store, NGX_MESH_SHM_STORE_LEN);

            ngx_log_error(NGX_LOG_NOTICE, h->agent->cycle->log, 0,
                          "mesh: control plane \"%V\" has another store, "
                          "\"%s\" instead of \"%s\"",
                          &h->agent->acf->source, now->store,
                          status.origin.store);
        }

        return 0;
    }

    if (now->revision >= status.origin.revision) {
        return 0;
    }

    (void) ngx_sprintf(what, "revision %uL is older than what is in force, "
                       "%uL%Z", now->revision, status.origin.revision);

    ngx_mesh_agent_http_error(h, (const char *) what, NULL, 0);

    return 1;
}


/* the document "seq" in force is what the control plane calls h->origin */

static void
ngx_mesh_agent_http_adopt(ngx_mesh_agent_http_t *h, ngx_atomic_uint_t seq)
{
    ngx_mesh_agent_t       *ag;
    ngx_mesh_shm_status_t   status;

    ag = h->agent;

    ngx_mesh_shm_status(ag->mcf->shm, &status);
    ngx_mesh_shm_origin(ag->mcf->shm, seq, &h->origin);

    if (ngx_strcmp(h->origin.etag, status.origin.etag) != 0
        || ngx_strcmp(h->origin.store, status.origin.store) != 0)
    {
        ag->unsaved = 1;
    }
}


static void
ngx_mesh_agent_http_accepted(ngx_mesh_agent_t *ag, ngx_atomic_uint_t seq)
{
    ngx_mesh_agent_http_t  *h;

    h = ag->http;
    h->refused = 0;

    ngx_mesh_shm_origin(ag->mcf->shm, seq, &h->origin);
}


static void
ngx_mesh_agent_http_refused(ngx_mesh_agent_t *ag)
{
    ngx_mesh_agent_http_t  *h;

    h = ag->http;
    h->refused = 1;

    ngx_memcpy(h->refused_etag, h->origin.etag, NGX_MESH_SHM_ETAG_LEN);
    ngx_memcpy(ag->refused, ag->content, NGX_MESH_DIGEST_LEN);
}


/*
 * What others wait for is what the server says of this proxy now, so the next
 * request is not delayed; unless new documents come without an end.
 */

static void
ngx_mesh_agent_http_decided(ngx_mesh_agent_t *ag)
{
    ngx_mesh_agent_http_t  *h;

    h = ag->http;

    if (h->hurried < NGX_MESH_AGENT_HTTP_HURRIED) {
        ngx_mesh_agent_http_after(h, NGX_MESH_AGENT_HTTP_PACE);

    } else {
        ngx_mesh_agent_http_after(h, NGX_MESH_AGENT_HTTP_SLOW);
    }
}
