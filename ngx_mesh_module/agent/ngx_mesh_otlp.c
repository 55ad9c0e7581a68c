
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The queue of spans and its delivery.
 *
 * Spans are written into batches, buffers in the form in which they are sent,
 * but for what stands before them; the last batch is open.  One request is
 * under way at a time, with the first batch, which stays until the collector
 * has taken or refused it, or it has grown too old.  What finds no room is
 * dropped and counted.
 *
 * A worker that was told to quit has to be held while there are spans: the
 * timer is not cancelable then, but short, and what it waits for is bounded.
 * A process that ends at once, by SIGTERM or because it is a single one, has
 * left its event loop; it makes one more try, without it, and a short one.  A
 * single process that is reloaded does so for the configuration before, in a
 * moment in which nothing else goes on: what that is too short for is dropped.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_client.h"
#include "ngx_mesh_conf_otlp.h"
#include "ngx_mesh_metrics.h"
#include "ngx_mesh_otlp.h"
#include "ngx_mesh_otlp_encode.h"


#define NGX_MESH_OTLP_TICK         250      /* ms a worker is held at a time */
#define NGX_MESH_OTLP_EXIT         2000     /* ms it may take after that */
#define NGX_MESH_OTLP_LAST         1000     /* ms of one that ends at once */
#define NGX_MESH_OTLP_RELOAD       100      /* ms of one that goes on */
#define NGX_MESH_OTLP_AGE          300000   /* ms until a batch is too old */
#define NGX_MESH_OTLP_RETRY        1000     /* ms, the first time */
#define NGX_MESH_OTLP_RETRY_MAX    30000
#define NGX_MESH_OTLP_AFTER_MAX    300      /* s of Retry-After */
#define NGX_MESH_OTLP_ANSWER       65536    /* bytes of an answer */
#define NGX_MESH_OTLP_BATCH_MIN    16384    /* bytes of a batch */
#define NGX_MESH_OTLP_BATCH_MAX    131072


/* what is sent: the head ends where the spans begin */

typedef struct {
    ngx_queue_t                  queue;
    ngx_uint_t                   nspans;
    ngx_msec_t                   begun;     /* when the first one came */
    size_t                       size;      /* of the buffer */
    u_char                      *spans;
    u_char                      *last;
    u_char                      *end;
    unsigned                     sealed:1;  /* takes no more */
} ngx_mesh_otlp_batch_t;


typedef struct {
    void                        *ident[4];

    ngx_mesh_otlp_conf_t        *conf;      /* NULL: there is no exporter */
    ngx_log_t                   *log;
    ngx_mesh_otlp_resource_t     resource;

    ngx_queue_t                  batches;
    size_t                       size;      /* of a batch */
    size_t                       bytes;     /* of all */
    ngx_event_t                  timer;

    ngx_mesh_client_conf_t       peer;
    ngx_mesh_client_t           *client;
    ngx_mesh_client_request_t    request;
    ngx_mesh_client_header_t    *headers;
    ngx_uint_t                   nheaders;

    ngx_msec_t                   after;     /* not to be sent before; if */
    ngx_msec_t                   until;     /* an exiting worker is held, or
                                               a last try goes on; if */

    ngx_uint_t                   failures;  /* one after the other */
    ngx_uint_t                   sent;
    ngx_uint_t                   dropped;
    ngx_uint_t                   told;      /* of "dropped", in the log */

    unsigned                     busy:1;    /* a request is under way */
    unsigned                     held:1;    /* "until" is set */
    unsigned                     wait:1;    /* "after" is set */
    unsigned                     hurry:1;   /* the request is of an exit */
    unsigned                     leaving:1; /* there is no event loop */
    unsigned                     gone:1;    /* exiting, and nobody there */
    unsigned                     failing:1; /* which was logged */
    unsigned                     partial:1; /* which was logged */
} ngx_mesh_otlp_t;


static ngx_int_t ngx_mesh_otlp_headers(ngx_cycle_t *cycle,
    ngx_mesh_otlp_t *ot);
static void ngx_mesh_otlp_resource(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_otlp_t *ot);
static void ngx_mesh_otlp_leave(ngx_mesh_otlp_t *ot, ngx_msec_t limit);
static void ngx_mesh_otlp_count(ngx_mesh_otlp_t *ot, ngx_uint_t sent,
    ngx_uint_t dropped);
static ngx_mesh_otlp_batch_t *ngx_mesh_otlp_first(ngx_mesh_otlp_t *ot);
static ngx_mesh_otlp_batch_t *ngx_mesh_otlp_open(ngx_mesh_otlp_t *ot,
    size_t len);
static void ngx_mesh_otlp_seal(ngx_mesh_otlp_t *ot,
    ngx_mesh_otlp_batch_t *b);
static void ngx_mesh_otlp_close(ngx_mesh_otlp_t *ot,
    ngx_mesh_otlp_batch_t *b, ngx_uint_t taken);
static void ngx_mesh_otlp_timer_handler(ngx_event_t *ev);
static void ngx_mesh_otlp_arm(ngx_mesh_otlp_t *ot);
static void ngx_mesh_otlp_exiting(ngx_mesh_otlp_t *ot);
static ngx_uint_t ngx_mesh_otlp_due(ngx_mesh_otlp_t *ot,
    ngx_mesh_otlp_batch_t *b);
static void ngx_mesh_otlp_send(ngx_mesh_otlp_t *ot, ngx_mesh_otlp_batch_t *b);
static void ngx_mesh_otlp_answered(ngx_mesh_client_request_t *rq);
static void ngx_mesh_otlp_taken(ngx_mesh_otlp_t *ot,
    ngx_mesh_client_request_t *rq);
static void ngx_mesh_otlp_again(ngx_mesh_otlp_t *ot,
    ngx_mesh_client_request_t *rq);
static ngx_msec_t ngx_mesh_otlp_retry_after(ngx_mesh_client_request_t *rq);
static void ngx_mesh_otlp_failed(ngx_mesh_otlp_t *ot,
    ngx_mesh_client_request_t *rq, const char *what);
static void ngx_mesh_otlp_give_up(ngx_mesh_otlp_t *ot);


/* worker runtime */
static ngx_mesh_otlp_t  ngx_mesh_otlp;


void
ngx_mesh_otlp_start(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf)
{
    ngx_mesh_otlp_t  *ot;

    ot = &ngx_mesh_otlp;

    ngx_memzero(ot, sizeof(ngx_mesh_otlp_t));

    if (mcf->otlp == NULL) {
        return;
    }

    ot->ident[3] = (void *) -1;
    ot->log = cycle->log;
    ot->size = mcf->otlp->memory / 8;
    ot->size = ngx_max(ot->size, NGX_MESH_OTLP_BATCH_MIN);
    ot->size = ngx_min(ot->size, NGX_MESH_OTLP_BATCH_MAX);

    ngx_queue_init(&ot->batches);

    ot->timer.handler = ngx_mesh_otlp_timer_handler;
    ot->timer.data = ot;
    ot->timer.log = cycle->log;

    ot->peer.url = &mcf->otlp->url;
    ot->peer.timeout = mcf->otlp->timeout;
    ot->peer.log = cycle->log;
#if (NGX_SSL)
    ot->peer.ssl = mcf->otlp->ssl;
#endif

    ngx_mesh_otlp_resource(cycle, mcf, ot);

    ot->conf = mcf->otlp;

    if (ngx_mesh_otlp_headers(cycle, ot) == NGX_OK) {
        ot->client = ngx_mesh_client_create(&ot->peer);
    }

    if (ot->client == NULL) {
        /* logged; requests go on without */
        ngx_mesh_otlp_stop(0);
    }
}


static ngx_int_t
ngx_mesh_otlp_headers(ngx_cycle_t *cycle, ngx_mesh_otlp_t *ot)
{
    ngx_uint_t                 i, n;
    ngx_keyval_t              *kv;
    ngx_mesh_client_header_t  *h;

    n = ot->conf->headers ? ot->conf->headers->nelts : 0;

    h = ngx_alloc((n + 2) * sizeof(ngx_mesh_client_header_t), cycle->log);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ot->headers = h;
    ot->nheaders = n + 2;

    ngx_str_set(&h[0].name, "User-Agent");
    ngx_str_set(&h[0].value, "nginx-mesh/" NGX_MESH_VERSION);

    ngx_str_set(&h[1].name, "Content-Type");
    ngx_str_set(&h[1].value, "application/x-protobuf");

    kv = n ? ot->conf->headers->elts : NULL;

    for (i = 0; i < n; i++) {
        h[i + 2].name = kv[i].key;
        h[i + 2].value = kv[i].value;
    }

    return NGX_OK;
}


static void
ngx_mesh_otlp_resource(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_otlp_t *ot)
{
    u_char                    *p;
    ngx_mesh_otlp_resource_t  *rs;

    rs = &ot->resource;

    rs->mesh = mcf->name;
    rs->node = mcf->resource_name;
    rs->host = cycle->hostname;
    rs->gateway = (mcf->resource_type == NGX_MESH_RESOURCE_VIRTUAL_GATEWAY);
    ngx_str_set(&rs->version, NGX_MESH_VERSION);

    rs->service = mcf->otlp->name;

    if (rs->service.len) {
        return;
    }

    /* as segments of X-Ray are named: mesh/node */

    rs->service = mcf->name;

    if (rs->node.len) {
        p = ngx_pnalloc(cycle->pool, rs->mesh.len + 1 + rs->node.len);

        if (p) {
            rs->service.data = p;
            rs->service.len = ngx_sprintf(p, "%V/%V", &rs->mesh, &rs->node)
                              - p;
        }
    }
}


void
ngx_mesh_otlp_stop(ngx_uint_t reload)
{
    ngx_mesh_otlp_t  *ot;

    ot = &ngx_mesh_otlp;

    if (ot->conf == NULL) {
        return;
    }

    if (ot->client) {
        ngx_mesh_otlp_leave(ot, reload ? NGX_MESH_OTLP_RELOAD
                                       : NGX_MESH_OTLP_LAST);
        ngx_mesh_client_destroy(ot->client);
    }

    if (ot->timer.timer_set) {
        ngx_del_timer(&ot->timer);
    }

    ngx_mesh_otlp_give_up(ot);

    if (ot->headers) {
        ngx_free(ot->headers);
    }

    if (ot->dropped != ot->told) {
        ngx_log_error(NGX_LOG_NOTICE, ot->log, 0,
                      "mesh: %ui spans were not delivered to \"%V\"",
                      ot->dropped - ot->told, &ot->conf->text);
    }

    ot->conf = NULL;
}


/* nginx's master kills who has not ended 1.5 seconds after SIGTERM */

static void
ngx_mesh_otlp_leave(ngx_mesh_otlp_t *ot, ngx_msec_t limit)
{
    ngx_msec_t              end;
    ngx_mesh_otlp_batch_t  *b;

    ngx_time_update();

    end = ngx_current_msec + limit;

    ot->leaving = 1;
    ot->held = 1;
    ot->until = end;

    ngx_mesh_client_leave(ot->client);

    for ( ;; ) {
        b = ngx_mesh_otlp_first(ot);

        if (b == NULL || (ngx_msec_int_t) (end - ngx_current_msec) <= 0) {
            return;
        }

        if (!ot->busy) {
            ngx_mesh_otlp_send(ot, b);
        }

        ngx_mesh_client_finish(ot->client, end);

        if (ot->busy) {
            return;
        }
    }
}


void
ngx_mesh_otlp_status(ngx_mesh_otlp_status_t *status)
{
    ngx_queue_t            *q;
    ngx_mesh_otlp_t        *ot;
    ngx_mesh_otlp_batch_t  *b;

    ot = &ngx_mesh_otlp;

    ngx_memzero(status, sizeof(ngx_mesh_otlp_status_t));

    if (ot->conf == NULL) {
        return;
    }

    for (q = ngx_queue_head(&ot->batches);
         q != ngx_queue_sentinel(&ot->batches);
         q = ngx_queue_next(q))
    {
        b = ngx_queue_data(q, ngx_mesh_otlp_batch_t, queue);
        status->queued += b->nspans;
    }

    status->bytes = ot->bytes;
    status->sent = ot->sent;
    status->dropped = ot->dropped;
}


void
ngx_mesh_otlp_add(ngx_mesh_span_t *span)
{
    size_t                  len;
    u_char                 *p, buf[NGX_MESH_OTLP_SPAN_MAX];
    ngx_mesh_otlp_t        *ot;
    ngx_mesh_otlp_batch_t  *b;

    ot = &ngx_mesh_otlp;

    if (ot->conf == NULL) {
        return;
    }

    p = NULL;
    b = NULL;
    len = 0;

    if (!ot->gone) {
        p = ngx_mesh_otlp_encode_span(buf, buf + sizeof(buf), span);
    }

    if (p) {
        len = buf + sizeof(buf) - p;
        b = ngx_mesh_otlp_open(ot, len);
    }

    if (b == NULL) {
        ngx_mesh_otlp_count(ot, 0, 1);
        return;
    }

    b->last = ngx_cpymem(b->last, p, len);

    if (++b->nspans == ot->conf->batch) {
        ngx_mesh_otlp_seal(ot, b);
        ngx_mesh_otlp_arm(ot);

    } else if (b->nspans == 1) {
        ngx_mesh_otlp_arm(ot);
    }
}


static void
ngx_mesh_otlp_count(ngx_mesh_otlp_t *ot, ngx_uint_t sent, ngx_uint_t dropped)
{
    ot->sent += sent;
    ot->dropped += dropped;

    ngx_mesh_metrics_add(ngx_mesh_metrics_server, NGX_MESH_SERVER_TRACE_SENT,
                         sent);
    ngx_mesh_metrics_add(ngx_mesh_metrics_server,
                         NGX_MESH_SERVER_TRACE_DROPPED, dropped);
}


static ngx_mesh_otlp_batch_t *
ngx_mesh_otlp_first(ngx_mesh_otlp_t *ot)
{
    if (ngx_queue_empty(&ot->batches)) {
        return NULL;
    }

    return ngx_queue_data(ngx_queue_head(&ot->batches), ngx_mesh_otlp_batch_t,
                          queue);
}


/* a batch that has room for "len" bytes, or NULL */

static ngx_mesh_otlp_batch_t *
ngx_mesh_otlp_open(ngx_mesh_otlp_t *ot, size_t len)
{
    ngx_mesh_otlp_batch_t  *b;

    if (!ngx_queue_empty(&ot->batches)) {
        b = ngx_queue_data(ngx_queue_last(&ot->batches),
                           ngx_mesh_otlp_batch_t, queue);

        if (!b->sealed && (size_t) (b->end - b->last) >= len) {
            return b;
        }

        ngx_mesh_otlp_seal(ot, b);
    }

    if (ot->bytes + ot->size > ot->conf->memory) {
        return NULL;
    }

    b = ngx_alloc(ot->size, ot->log);
    if (b == NULL) {
        return NULL;
    }

    b->nspans = 0;
    b->size = ot->size;
    b->begun = ngx_current_msec;
    b->spans = (u_char *) (b + 1) + NGX_MESH_OTLP_HEAD_MAX;
    b->last = b->spans;
    b->end = (u_char *) b + ot->size;
    b->sealed = 0;

    ngx_queue_insert_tail(&ot->batches, &b->queue);
    ot->bytes += b->size;

    return b;
}


/* a batch that takes no more does not keep room that it has no use for */

static void
ngx_mesh_otlp_seal(ngx_mesh_otlp_t *ot, ngx_mesh_otlp_batch_t *b)
{
    size_t                  size;
    ngx_mesh_otlp_batch_t  *s;

    if (b->sealed) {
        return;
    }

    b->sealed = 1;
    size = b->last - (u_char *) b;

    if (size > b->size / 2) {
        return;
    }

    s = ngx_alloc(size, ot->log);
    if (s == NULL) {
        return;
    }

    ngx_memcpy(s, b, size);

    s->size = size;
    s->spans = (u_char *) s + (b->spans - (u_char *) b);
    s->last = (u_char *) s + size;
    s->end = s->last;

    ngx_queue_insert_after(&b->queue, &s->queue);
    ngx_queue_remove(&b->queue);

    ot->bytes -= b->size - size;

    ngx_free(b);
}


static void
ngx_mesh_otlp_close(ngx_mesh_otlp_t *ot, ngx_mesh_otlp_batch_t *b,
    ngx_uint_t taken)
{
    ngx_mesh_otlp_count(ot, taken, b->nspans - taken);

    ngx_queue_remove(&b->queue);
    ot->bytes -= b->size;

    ngx_free(b);
}


static void
ngx_mesh_otlp_timer_handler(ngx_event_t *ev)
{
    ngx_mesh_otlp_t *ot = ev->data;

    ngx_mesh_otlp_batch_t  *b;

    if (ngx_exiting) {
        ngx_mesh_otlp_exiting(ot);
    }

    b = ngx_mesh_otlp_first(ot);

    if (b && !ot->busy && ngx_mesh_otlp_due(ot, b)) {
        ngx_mesh_otlp_send(ot, b);
    }

    ngx_mesh_otlp_arm(ot);
}


/* sets the timer if there is anything to wait for */

static void
ngx_mesh_otlp_arm(ngx_mesh_otlp_t *ot)
{
    ngx_msec_t              delay;
    ngx_mesh_otlp_batch_t  *b;

    b = ngx_mesh_otlp_first(ot);

    if (b == NULL) {
        ot->held = 0;
        return;
    }

    delay = NGX_MESH_OTLP_TICK;

    if (!ot->busy && ngx_mesh_otlp_due(ot, b)) {
        delay = 1;
    }

    if (ot->timer.timer_set) {

        if (delay != 1) {
            return;
        }

        ngx_del_timer(&ot->timer);
    }

    ngx_add_timer(&ot->timer, delay);
}


/* what there is has to be delivered soon, or not at all */

static void
ngx_mesh_otlp_exiting(ngx_mesh_otlp_t *ot)
{
    if (!ot->held) {
        ot->held = 1;
        ot->wait = 0;
        ot->until = ngx_current_msec + NGX_MESH_OTLP_EXIT;
    }

    if ((ngx_msec_int_t) (ot->until - ngx_current_msec) <= 0) {
        ot->gone = 1;
    }

    if (ot->gone) {

        if (ot->busy) {
            ngx_mesh_client_cancel(ot->client);
            ot->busy = 0;
        }

        ngx_mesh_otlp_give_up(ot);
    }
}


static ngx_uint_t
ngx_mesh_otlp_due(ngx_mesh_otlp_t *ot, ngx_mesh_otlp_batch_t *b)
{
    if (ot->wait
        && (ngx_msec_int_t) (ot->after - ngx_current_msec) > 0)
    {
        return 0;
    }

    return b->sealed || ngx_exiting
           || ngx_current_msec - b->begun >= ot->conf->interval;
}


static void
ngx_mesh_otlp_send(ngx_mesh_otlp_t *ot, ngx_mesh_otlp_batch_t *b)
{
    u_char                     *p;
    ngx_mesh_client_request_t  *rq;

    ngx_mesh_otlp_seal(ot, b);
    b = ngx_mesh_otlp_first(ot);

    p = ngx_mesh_otlp_encode_head((u_char *) (b + 1), b->spans, &ot->resource,
                                  b->last - b->spans);
    if (p == NULL) {
        /* names have a limit, so this does not come about */
        ngx_mesh_otlp_close(ot, b, 0);
        return;
    }

    rq = &ot->request;
    ngx_memzero(rq, sizeof(ngx_mesh_client_request_t));

    ngx_str_set(&rq->method, "POST");
    rq->uri = ot->conf->uri;
    rq->headers = ot->headers;
    rq->nheaders = ot->nheaders;
    rq->body.data = p;
    rq->body.len = b->last - p;
    rq->max_body = NGX_MESH_OTLP_ANSWER;
    rq->deadline = ot->conf->timeout;
    rq->handler = ngx_mesh_otlp_answered;
    rq->data = ot;

    if (ot->held) {
        rq->deadline = ngx_min(rq->deadline, ot->until - ngx_current_msec);
    }

    ot->busy = 1;
    ot->wait = 0;
    ot->hurry = (ngx_exiting || ot->leaving) ? 1 : 0;

    ngx_mesh_client_start(ot->client, rq);
}


static void
ngx_mesh_otlp_answered(ngx_mesh_client_request_t *rq)
{
    ngx_mesh_otlp_t *ot = rq->data;

    u_char  what[sizeof("it answered with status 999")];

    ot->busy = 0;

    if (rq->rc != NGX_OK) {
        ngx_mesh_otlp_failed(ot, rq, (char *) rq->error);
        ngx_mesh_otlp_again(ot, rq);

    } else if (rq->status >= 200 && rq->status < 300) {
        ngx_mesh_otlp_taken(ot, rq);

    } else {
        (void) ngx_sprintf(what, "it answered with status %ui%Z", rq->status);
        ngx_mesh_otlp_failed(ot, rq, (char *) what);

        switch (rq->status) {

        case 429:
        case 502:
        case 503:
        case 504:
            ngx_mesh_otlp_again(ot, rq);
            break;

        default:

            /* it is not to be sent again */

            ot->failures = 0;
            ngx_mesh_otlp_close(ot, ngx_mesh_otlp_first(ot), 0);
        }
    }

    if (ot->gone) {
        ngx_mesh_otlp_give_up(ot);
    }

    ngx_mesh_otlp_arm(ot);
}


static void
ngx_mesh_otlp_taken(ngx_mesh_otlp_t *ot, ngx_mesh_client_request_t *rq)
{
    ngx_uint_t                taken;
    ngx_mesh_otlp_batch_t    *b;
    ngx_mesh_otlp_partial_t   partial;

    b = ngx_mesh_otlp_first(ot);
    taken = b->nspans;

    (void) ngx_mesh_otlp_decode_answer(&rq->text, &partial);

    if (partial.rejected || partial.error[0]) {

        taken -= (ngx_uint_t) ngx_min(partial.rejected, (uint64_t) taken);

        if (!ot->partial) {
            ot->partial = 1;
            ngx_log_error(NGX_LOG_WARN, ot->log, 0,
                          "mesh: \"%V\" refused %uL of %ui spans: %s",
                          &ot->conf->text, partial.rejected, b->nspans,
                          partial.error);
        }

    } else {
        ot->partial = 0;
    }

    ngx_mesh_otlp_close(ot, b, taken);

    ot->failures = 0;

    if (ot->failing) {
        ot->failing = 0;

        ngx_log_error(NGX_LOG_NOTICE, ot->log, 0,
                      "mesh: \"%V\" takes spans again, %ui were dropped",
                      &ot->conf->text, ot->dropped - ot->told);

        ot->told = ot->dropped;
    }
}


/* half of the time is by chance */

static void
ngx_mesh_otlp_again(ngx_mesh_otlp_t *ot, ngx_mesh_client_request_t *rq)
{
    ngx_msec_t              delay, after;
    ngx_mesh_otlp_batch_t  *b;

    b = ngx_mesh_otlp_first(ot);

    if (ngx_exiting || ot->leaving) {

        /* one that began before was cut short by the exit */

        if (ot->hurry) {
            ot->gone = 1;
        }

        return;
    }

    if (ngx_current_msec - b->begun > NGX_MESH_OTLP_AGE) {
        ngx_mesh_otlp_close(ot, b, 0);
    }

    delay = NGX_MESH_OTLP_RETRY << ngx_min(ot->failures, 16);
    delay = ngx_min(delay, NGX_MESH_OTLP_RETRY_MAX);
    delay = delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1);

    after = ngx_mesh_otlp_retry_after(rq);

    ot->failures++;
    ot->wait = 1;
    ot->after = ngx_current_msec + ngx_max(delay, after);
}


/* RFC 9110, 10.2.3: seconds, or a date */

static ngx_msec_t
ngx_mesh_otlp_retry_after(ngx_mesh_client_request_t *rq)
{
    time_t      when;
    ngx_int_t   n;
    ngx_str_t  *value;

    value = ngx_mesh_client_answer(rq, "Retry-After");

    if (rq->rc != NGX_OK || value == NULL) {
        return 0;
    }

    n = ngx_atoi(value->data, value->len);

    if (n == NGX_ERROR) {
        when = ngx_parse_http_time(value->data, value->len);
        n = (when == (time_t) NGX_ERROR) ? 0 : (ngx_int_t) (when - ngx_time());
    }

    n = ngx_max(n, 0);

    return (ngx_msec_t) ngx_min(n, NGX_MESH_OTLP_AFTER_MAX) * 1000;
}


static void
ngx_mesh_otlp_failed(ngx_mesh_otlp_t *ot, ngx_mesh_client_request_t *rq,
    const char *what)
{
    if (ot->failing || (ngx_exiting && !ot->hurry)) {
        return;
    }

    ot->failing = 1;

    ngx_log_error(NGX_LOG_ERR, ot->log, 0,
                  "mesh: spans do not get to \"%V\": %s", &ot->conf->text,
                  what);
}


static void
ngx_mesh_otlp_give_up(ngx_mesh_otlp_t *ot)
{
    while (!ngx_queue_empty(&ot->batches)) {
        ngx_mesh_otlp_close(ot, ngx_mesh_otlp_first(ot), 0);
    }
}
