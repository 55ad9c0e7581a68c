
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Retries within nginx's upstream module, which does not know them in the form
 * App Mesh has them.
 *
 * nginx tries another peer for statuses of its own table only.  The function
 * that parses a response header is wrapped; when the core wants an answer
 * retried, it tells nginx that the header was invalid.  Otherwise the number
 * of tries that are left, 0 or 1, says what was decided.
 *
 * Backoff: peer.get() cannot wait, but it may return a connection that is not
 * established yet.  It returns one to nowhere: a socket that no event can
 * happen to.  When the time has come, the timer calls the read handler, a
 * recv() of our own makes nginx parse a header, and that says "invalid", so
 * nginx closes the socket and asks for the next peer.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


/* never reached: times of nginx that those of the mesh replace */
#define NGX_HTTP_MESH_NEVER      NGX_MAX_INT32_VALUE

/* interim responses before an answer; each takes memory of the request */
#define NGX_HTTP_MESH_INTERIMS   100

/* "PRI * HTTP/2.0...", with which a connection begins */
#define NGX_HTTP_MESH_H2_PREFACE  24

#define NGX_HTTP_MESH_NEXT       (NGX_HTTP_UPSTREAM_FT_ERROR                  \
                                  |NGX_HTTP_UPSTREAM_FT_TIMEOUT               \
                                  |NGX_HTTP_UPSTREAM_FT_INVALID_HEADER        \
                                  |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT)

#define NGX_HTTP_MESH_IDEMPOTENT                                              \
    (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_PUT|NGX_HTTP_DELETE                  \
     |NGX_HTTP_OPTIONS|NGX_HTTP_TRACE|NGX_HTTP_PROPFIND)


static ngx_http_upstream_conf_t *ngx_http_mesh_try_conf(
    ngx_http_request_t *r, ngx_http_upstream_conf_t *base);
static ngx_int_t ngx_http_mesh_try_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_mesh_try_parse_header(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_try_interim(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_try_reinit(ngx_http_request_t *r);
static void ngx_http_mesh_try_stream_ids(ngx_http_upstream_t *u);
static ngx_int_t ngx_http_mesh_try_grpc_status(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static ngx_mesh_retry_e ngx_http_mesh_try_decide(ngx_http_mesh_ctx_t *ctx,
    ngx_mesh_try_t *mt);
static void ngx_http_mesh_try_repeat(ngx_http_mesh_ctx_t *ctx,
    ngx_mesh_retry_e retry);
static void ngx_http_mesh_try_drop_state(ngx_http_request_t *r);
static ngx_int_t ngx_http_mesh_try_wait(ngx_peer_connection_t *pc,
    ngx_http_mesh_ctx_t *ctx);
static ssize_t ngx_http_mesh_try_recv(ngx_connection_t *c, u_char *buf,
    size_t size);


/* requests of this worker that a retry budget is for, and those retried */

static ngx_uint_t  ngx_http_mesh_try_active;
static ngx_uint_t  ngx_http_mesh_try_retrying;


/*
 * A route's limits hold at egress, those of the listener at ingress: there App
 * Mesh never retries, and what the application answers is the answer.
 */

void
ngx_http_mesh_try_create(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_mesh_timeout_t        *timeout;
    ngx_http_mesh_try_t       *t;
    ngx_http_mesh_loc_conf_t  *mlcf;

    t = &ctx->attempt;

    if (ctx->direction == NGX_HTTP_MESH_INGRESS) {
        t->policy = ngx_mesh_retry_default(NGX_MESH_RETRY_DEFAULTS_OFF);
        timeout = ctx->cluster->listener->timeout;

    } else {
        t->policy = ctx->route->retry_policy;
        timeout = ctx->route->timeout;

        if (t->policy == NULL) {
            mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mesh_module);
            t->policy = ngx_mesh_retry_default(mlcf->main->retry_defaults);
        }
    }

    ngx_http_mesh_timeout_create(ctx, timeout);

    if (t->policy->events & NGX_MESH_RETRY_SAFE) {
        t->active = 1;
        ngx_http_mesh_try_active++;
    }
}


ngx_int_t
ngx_http_mesh_try_init(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_try_t       *t;
    ngx_http_upstream_t       *u;
    ngx_http_upstream_conf_t  *conf;

    u = r->upstream;
    t = &ctx->attempt;

    conf = ngx_http_mesh_try_conf(r, u->conf);
    if (conf == NULL) {
        return NGX_ERROR;
    }

    u->conf = conf;

    ngx_http_mesh_timeout_init(r, ctx);

    t->process_header = u->process_header;
    t->reinit_request = u->reinit_request;

    u->process_header = ngx_http_mesh_try_process_header;
    u->reinit_request = ngx_http_mesh_try_reinit;

    ngx_http_mesh_body_keep(r, ctx);

    return NGX_OK;
}


/*
 * The configuration of the location's proxy or gRPC module with the times of
 * the mesh, made when it is first used; there are two at most in a location.
 */

static ngx_http_upstream_conf_t *
ngx_http_mesh_try_conf(ngx_http_request_t *r, ngx_http_upstream_conf_t *base)
{
    ngx_uint_t                 i;
    ngx_pool_t                *pool;
    ngx_http_upstream_conf_t  *conf;
    ngx_http_mesh_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mesh_module);

    for (i = 0; i < 2 && mlcf->base[i]; i++) {
        if (mlcf->base[i] == base) {
            return mlcf->conf[i];
        }
    }

    pool = (i < 2) ? ngx_cycle->pool : r->pool;

    conf = ngx_palloc(pool, sizeof(ngx_http_upstream_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    *conf = *base;

    conf->connect_timeout = (mlcf->direction == NGX_HTTP_MESH_INGRESS)
                            ? NGX_MESH_TIMEOUT_APP : NGX_MESH_TIMEOUT_CONNECT;
    conf->send_timeout = NGX_HTTP_MESH_NEVER;
    conf->read_timeout = NGX_HTTP_MESH_NEVER;
    conf->next_upstream = NGX_HTTP_MESH_NEXT;
    conf->next_upstream_timeout = 0;
    conf->next_upstream_tries = 0;

    if (i < 2) {
        mlcf->base[i] = base;
        mlcf->conf[i] = conf;
    }

    return conf;
}


static ngx_int_t
ngx_http_mesh_try_process_header(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_mesh_try_t        mt;
    ngx_mesh_retry_e      retry;
    ngx_http_mesh_try_t  *t;
    ngx_http_mesh_ctx_t  *ctx;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    ctx = u->peer.data;
    t = &ctx->attempt;

    if (t->waiting) {
        u->buffer.last = u->buffer.pos;
#if (NGX_HTTP_SSL)
        u->ssl = t->ssl;
#endif
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    do {
        rc = ngx_http_mesh_try_parse_header(r, ctx);
    } while (rc == NGX_DECLINED);

    if (rc == NGX_HTTP_UPSTREAM_INVALID_HEADER
        && ctx->cluster->listener->protocol != NGX_MESH_HTTP)
    {
        t->refused = ngx_mesh_retry_refused(u->buffer.start, u->buffer.pos);
    }

    /* what comes from a cache is not an attempt's */

    if (rc != NGX_OK || u->peer.sockaddr == NULL || r->cached) {
        return rc;
    }

    if (!ctx->grpc && ngx_mesh_retry_never(u->headers_in.status_n)) {
        ngx_http_mesh_body_drop(r, ctx);
        return NGX_OK;
    }

    mt.end = NGX_MESH_TRY_ANSWERED;
    mt.status = u->headers_in.status_n;
    mt.grpc_status = ctx->grpc ? ngx_http_mesh_try_grpc_status(r, ctx) : -1;
    mt.stale = 0;

    retry = ngx_http_mesh_try_decide(ctx, &mt);

    if (retry == NGX_MESH_RETRY_NONE) {
        ngx_http_mesh_body_drop(r, ctx);
        return NGX_OK;
    }

    t->again = 1;
    t->status = mt.status;

    ngx_http_mesh_try_repeat(ctx, retry);

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}


/* NGX_DECLINED if it was not the answer and another header follows */

static ngx_int_t
ngx_http_mesh_try_parse_header(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_uint_t            version;
    ngx_http_mesh_try_t  *t;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    t = &ctx->attempt;

    version = r->http_version;

    rc = t->process_header(r);

    /* the proxy module goes from the status line to headers like that */

    if (u->process_header != ngx_http_mesh_try_process_header) {
        t->process_header = u->process_header;
        u->process_header = ngx_http_mesh_try_process_header;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (r->http_version != version) {

        /* the proxy module takes what is not HTTP for a body of HTTP/0.9 */

        r->http_version = version;
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (u->headers_in.status_n < NGX_HTTP_OK && !u->upgrade) {
        return ngx_http_mesh_try_interim(r, ctx);
    }

    return NGX_OK;
}


/*
 * nginx takes an interim response for the answer (newer versions all but 103).
 * It is dropped.  A 101 that nobody asked for is no HTTP.
 */

static ngx_int_t
ngx_http_mesh_try_interim(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    u_char               *p;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->headers_in.status_n < NGX_HTTP_CONTINUE
        || u->headers_in.status_n == NGX_HTTP_SWITCHING_PROTOCOLS)
    {
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (ctx->attempt.interims++ == NGX_HTTP_MESH_INTERIMS) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent too many interim responses");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    /* as nginx does it before another attempt */

    if (ctx->attempt.reinit_request(r) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->attempt.process_header = u->process_header;
    u->process_header = ngx_http_mesh_try_process_header;

    ngx_memzero(&u->headers_in, sizeof(ngx_http_upstream_headers_in_t));
    u->headers_in.content_length_n = -1;
    u->headers_in.last_modified_time = -1;

    if (ngx_list_init(&u->headers_in.headers, r->pool, 8,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_list_init(&u->headers_in.trailers, r->pool, 2,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    u->state->status = 0;

    p = u->buffer.pos;

    u->buffer.pos = u->buffer.start;

#if (NGX_HTTP_CACHE)

    if (r->cache) {
        u->buffer.pos += r->cache->header_start;
    }

#endif

    u->buffer.last = ngx_movemem(u->buffer.pos, p, u->buffer.last - p);

    return (u->buffer.pos == u->buffer.last) ? NGX_AGAIN : NGX_DECLINED;
}


static ngx_int_t
ngx_http_mesh_try_reinit(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_mesh_ctx_t  *ctx;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    ctx = u->peer.data;

    rc = ctx->attempt.reinit_request(r);

    if (rc == NGX_OK) {
        rc = ngx_http_mesh_body_reinit(r, ctx);
    }

    if (ctx->cluster->listener->protocol != NGX_MESH_HTTP) {
        ngx_mesh_grpc_reset(u->input_filter_ctx);
        ngx_http_mesh_try_stream_ids(u);
    }

    /* it begins with the status line again */

    if (u->process_header != ngx_http_mesh_try_process_header) {
        ctx->attempt.process_header = u->process_header;
        u->process_header = ngx_http_mesh_try_process_header;
    }

    return rc;
}


/*
 * The gRPC module writes the number of a stream into the frames of a header
 * only if it is not 1, and forgets that an attempt over an idle connection has
 * done so: a new connection would get a header for another stream than data.
 * The buffer begins with the preface, and SETTINGS and WINDOW_UPDATE, which
 * are not of a stream.
 */

static void
ngx_http_mesh_try_stream_ids(ngx_http_upstream_t *u)
{
    size_t   len;
    u_char  *p, *last;

    if (u->request_bufs == NULL) {
        return;
    }

    p = u->request_bufs->buf->start + NGX_HTTP_MESH_H2_PREFACE;
    last = u->request_bufs->buf->last;

    while (last - p >= NGX_MESH_H2_FRAME_HEADER) {

        if (p[5] || p[6] || p[7] || p[8]) {
            p[5] = 0;
            p[6] = 0;
            p[7] = 0;
            p[8] = 1;
        }

        len = p[0] << 16 | p[1] << 8 | p[2];
        p += NGX_MESH_H2_FRAME_HEADER + len;
    }
}


/* of the header, where it is if nothing else follows ("trailers-only") */

static ngx_int_t
ngx_http_mesh_try_grpc_status(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if ((ctx->attempt.policy->events & NGX_MESH_RETRY_GRPC) == 0) {
        return -1;
    }

    part = &r->upstream->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return -1;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == 11
            && ngx_strncmp(h[i].lowcase_key, "grpc-status", 11) == 0)
        {
            return ngx_atoi(h[i].value.data, h[i].value.len);
        }
    }
}


static ngx_mesh_retry_e
ngx_http_mesh_try_decide(ngx_http_mesh_ctx_t *ctx, ngx_mesh_try_t *mt)
{
    ngx_mesh_retry_e      retry;
    ngx_http_request_t   *r;
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;
    r = ctx->request;

    mt->retries = t->retries;
    mt->replayable = !(r->request_body_no_buffering
                       && r->upstream->request_sent)
                     || ngx_http_mesh_body_kept(ctx);
    mt->idempotent = (r->method & NGX_HTTP_MESH_IDEMPOTENT) != 0;

    retry = ngx_mesh_retry(t->policy, mt);

    if (retry == NGX_MESH_RETRY_COUNTED
        && t->active
        && !t->retrying
        && !ngx_mesh_retry_budget(ngx_http_mesh_try_active,
                                  ngx_http_mesh_try_retrying))
    {
        t->overflow = 1;
        return NGX_MESH_RETRY_NONE;
    }

    /* for metrics: would it be retried if this were the first attempt? */

    if (retry == NGX_MESH_RETRY_NONE
        && t->retries
        && t->retries >= t->policy->max_retries)
    {
        mt->retries = 0;
        t->exhausted = (ngx_mesh_retry(t->policy, mt)
                        == NGX_MESH_RETRY_COUNTED);
    }

    return retry;
}


static void
ngx_http_mesh_try_repeat(ngx_http_mesh_ctx_t *ctx, ngx_mesh_retry_e retry)
{
    ngx_http_mesh_try_t  *t;

    if (retry == NGX_MESH_RETRY_NONE) {
        return;
    }

    ngx_http_mesh_body_rewind(ctx->request, ctx);

    if (retry != NGX_MESH_RETRY_COUNTED) {
        return;
    }

    t = &ctx->attempt;

    t->retries++;
    t->backoff = ngx_mesh_retry_backoff(t->retries, (uint32_t) ngx_random());

    if (t->active && !t->retrying) {
        t->retrying = 1;
        ngx_http_mesh_try_retrying++;
    }
}


ngx_int_t
ngx_http_mesh_try_get(ngx_peer_connection_t *pc, ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_request_t         *r;
    ngx_http_mesh_try_t        *t;
    ngx_http_upstream_state_t  *state;

    t = &ctx->attempt;
    r = ctx->request;

    if (t->waiting) {
        t->waiting = 0;
        t->limits.ms[NGX_MESH_LIMIT_BACKOFF] = 0;
        ngx_http_mesh_try_drop_state(r);
    }

    if (t->status) {

        /* nginx has put 502 there */

        state = r->upstream_states->elts;
        state[r->upstream_states->nelts - 2].status = t->status;
        t->status = 0;
    }

    if (t->backoff) {
        return ngx_http_mesh_try_wait(pc, ctx);
    }

    return NGX_OK;
}


/* to log variables a backoff is no attempt */

static void
ngx_http_mesh_try_drop_state(ngx_http_request_t *r)
{
    ngx_uint_t                  n;
    ngx_http_upstream_state_t  *state;

    n = --r->upstream_states->nelts;
    state = r->upstream_states->elts;

    state[n - 1] = state[n];
    r->upstream->state = &state[n - 1];
}


static ngx_int_t
ngx_http_mesh_try_wait(ngx_peer_connection_t *pc, ngx_http_mesh_ctx_t *ctx)
{
    ngx_socket_t          s;
    ngx_connection_t     *c;
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;

    t->limits.start[NGX_MESH_LIMIT_BACKOFF] = ngx_current_msec;
    t->limits.ms[NGX_MESH_LIMIT_BACKOFF] = t->backoff;
    t->backoff = 0;

    /* without a descriptor to spare, at once */

    s = ngx_socket(AF_UNIX, SOCK_STREAM, 0);

    if (s == (ngx_socket_t) -1) {
        t->limits.ms[NGX_MESH_LIMIT_BACKOFF] = 0;
        return NGX_OK;
    }

    c = ngx_get_connection(s, pc->log);

    if (c == NULL) {
        (void) ngx_close_socket(s);
        t->limits.ms[NGX_MESH_LIMIT_BACKOFF] = 0;
        return NGX_OK;
    }

    c->recv = ngx_http_mesh_try_recv;
    c->log = pc->log;
    c->read->log = pc->log;
    c->write->log = pc->log;
    c->log_error = pc->log_error;

    pc->connection = c;
    pc->cached = 0;

    t->waiting = 1;
    t->limits.ms[NGX_MESH_LIMIT_TRY] = 0;

    ngx_http_mesh_timeout_arm(ctx);

    return NGX_AGAIN;
}


/* one byte, for nginx to call process_header() */

static ssize_t
ngx_http_mesh_try_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
#if (NGX_HTTP_SSL)
    ngx_http_request_t   *r;
    ngx_http_mesh_ctx_t  *ctx;

    r = c->data;
    ctx = r->upstream->peer.data;

    /* newer versions log that a response came before the handshake */

    ctx->attempt.ssl = r->upstream->ssl;
    r->upstream->ssl = 0;
#endif

    *buf = 0;

    return 1;
}


void
ngx_http_mesh_try_start(ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;

    t->again = 0;
    t->expired = 0;
    t->refused = 0;
    t->interims = 0;
    t->bytes = 0;

    ngx_http_mesh_timeout_start(ctx);
}


ngx_uint_t
ngx_http_mesh_try_end(ngx_peer_connection_t *pc, ngx_http_mesh_ctx_t *ctx,
    ngx_uint_t failed)
{
    ngx_mesh_try_t        mt;
    ngx_mesh_retry_e      retry;
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;

    ngx_mesh_deadline_del(&t->deadline);

    if (!failed) {
        return 0;
    }

    if (!ctx->request->upstream->request_sent
        && ctx->cluster->listener->protocol != NGX_MESH_HTTP)
    {
        /*
         * The server spoke first: nginx does not call this then, and the gRPC
         * module would go on using memory of the connection.
         */

        (void) t->reinit_request(ctx->request);
    }

    if (t->again) {
        return 1;
    }

    mt.grpc_status = -1;
    mt.status = 0;
    mt.stale = pc->cached
               && !ctx->stale
               && ctx->request->upstream->state->bytes_received == 0;

    if (t->over) {
        mt.end = NGX_MESH_TRY_OVER;

    } else if (t->expired) {
        mt.end = NGX_MESH_TRY_TIMEOUT;

    } else if (!ctx->connected) {
        mt.end = NGX_MESH_TRY_NOT_CONNECTED;

    } else {
        mt.end = t->refused ? NGX_MESH_TRY_REFUSED : NGX_MESH_TRY_RESET;
    }

    retry = ngx_http_mesh_try_decide(ctx, &mt);

    ngx_http_mesh_try_repeat(ctx, retry);

    return retry != NGX_MESH_RETRY_NONE;
}


void
ngx_http_mesh_try_cleanup(ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_try_t  *t;

    t = &ctx->attempt;

    ngx_mesh_deadline_del(&t->deadline);

    if (t->deadline.event.posted) {
        ngx_delete_posted_event(&t->deadline.event);
    }

    ngx_http_mesh_try_active -= t->active;
    ngx_http_mesh_try_retrying -= t->retrying;
}
