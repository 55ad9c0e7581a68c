
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Rounds of a sink: at each interval a pass over the statistics, told in
 * datagrams or documents, a few of them between other events.
 *
 * What is told counts when it was written.  What nobody took is counted as
 * dropped, and is in the numbers of the next round: for counters and histograms
 * nothing is lost but time.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_sink.h"
#include "ngx_mesh_stats_sink.h"


#define NGX_MESH_SINK_TURN      1000        /* us of a round, in one go */
#define NGX_MESH_SINK_PACE      10          /* ms from one go to the next */
#define NGX_MESH_SINK_WAIT      250         /* ms between looks at the lease */

#define NGX_MESH_SINK_UDP       1432        /* bytes of a datagram */
#define NGX_MESH_SINK_UNIX      8192
#define NGX_MESH_SINK_DOCUMENT  16384


typedef struct {
    ngx_mesh_conf_t           *mcf;         /* NULL: it was not started */
    ngx_mesh_told_sink_e       kind;
    ngx_mesh_sink_out_t        out;
    ngx_event_t                timer;
    ngx_msec_t                 next;        /* round */
    void                      *ident[4];

    /* a round */
    ngx_pool_t                *pool;        /* NULL: there is none */
    ngx_mesh_snapshot_t       *snapshot;    /* held, or NULL */
    ngx_mesh_stats_iterator_t  it;
    ngx_mesh_stats_sample_t    sample;
    uint64_t                  *told;        /* of the sample's row */
    uint64_t                   delta[NGX_MESH_METRICS_HISTOGRAM];
    ngx_uint_t                 line;        /* of the sample, the next one */
    ngx_uint_t                 lines;
    ngx_uint_t                 blocked;     /* who is to take it is not ready */
    ngx_uint_t                 skipped;     /* that was logged */

    /* what is to be written */
    size_t                     size;
    u_char                    *pos;
    u_char                    *last;
    ngx_uint_t                 ready;
    ngx_mesh_stats_sent_t      sent;
    u_char                     buf[NGX_MESH_SINK_DOCUMENT];
} ngx_mesh_sink_t;


static void ngx_mesh_sink_init(ngx_mesh_sink_t *sk, ngx_cycle_t *cycle,
    ngx_mesh_conf_t *mcf, ngx_mesh_sink_conf_t *conf,
    ngx_mesh_told_sink_e kind);
static void ngx_mesh_sink_end(ngx_mesh_sink_t *sk);
static void ngx_mesh_sink_timer_handler(ngx_event_t *ev);
static ngx_int_t ngx_mesh_sink_begin(ngx_mesh_sink_t *sk, ngx_uint_t final);
static void ngx_mesh_sink_finish(ngx_mesh_sink_t *sk);
static ngx_int_t ngx_mesh_sink_go(ngx_mesh_sink_t *sk, ngx_uint_t final);
static ngx_int_t ngx_mesh_sink_send(ngx_mesh_sink_t *sk);
static ngx_int_t ngx_mesh_sink_fill(ngx_mesh_sink_t *sk);
static ngx_int_t ngx_mesh_sink_fill_statsd(ngx_mesh_sink_t *sk);
static ngx_int_t ngx_mesh_sink_next_sample(ngx_mesh_sink_t *sk);
static ngx_int_t ngx_mesh_sink_fill_emf(ngx_mesh_sink_t *sk);
static void ngx_mesh_sink_dropped(ngx_mesh_sink_t *sk);
static void ngx_mesh_sink_skipped(ngx_mesh_sink_t *sk, const char *why,
    ngx_mesh_stats_row_t *row);
static uint64_t ngx_mesh_sink_now(void);


static ngx_mesh_sink_t  ngx_mesh_sinks[NGX_MESH_TOLD_SINKS];

static const char  ngx_mesh_sink_no_room[] =
    "finds no room in the zone \"mesh_told\" and is not told; enlarge "
    "\"metrics_zone\"";


void
ngx_mesh_sink_start(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf)
{
    ngx_mesh_sink_init(&ngx_mesh_sinks[NGX_MESH_TOLD_STATSD], cycle, mcf,
                       mcf->stats.statsd, NGX_MESH_TOLD_STATSD);

    ngx_mesh_sink_init(&ngx_mesh_sinks[NGX_MESH_TOLD_EMF], cycle, mcf,
                       mcf->stats.emf, NGX_MESH_TOLD_EMF);
}


static void
ngx_mesh_sink_init(ngx_mesh_sink_t *sk, ngx_cycle_t *cycle,
    ngx_mesh_conf_t *mcf, ngx_mesh_sink_conf_t *conf, ngx_mesh_told_sink_e kind)
{
    ngx_memzero(sk, offsetof(ngx_mesh_sink_t, buf));

    if (conf == NULL) {
        return;
    }

    sk->ident[3] = (void *) -1;
    sk->mcf = mcf;
    sk->kind = kind;
    sk->out.conf = conf;
    sk->out.fd = -1;
    sk->out.log = cycle->log;

    sk->size = ngx_min(ngx_mesh_sink_size(conf), NGX_MESH_SINK_DOCUMENT);

    if (kind == NGX_MESH_TOLD_STATSD) {
        sk->size = (conf->sockaddr->sa_family == AF_UNIX) ? NGX_MESH_SINK_UNIX
                                                          : NGX_MESH_SINK_UDP;
    }

    sk->pos = sk->buf;
    sk->last = sk->buf;
    sk->next = ngx_current_msec + conf->interval;

    sk->timer.handler = ngx_mesh_sink_timer_handler;
    sk->timer.data = sk->ident;
    sk->timer.log = cycle->log;
    sk->timer.cancelable = 1;

    ngx_add_timer(&sk->timer, 1);
}


/* a model that is destroyed gives back rows of metrics, which are drained */

ngx_uint_t
ngx_mesh_sink_leave(void)
{
    ngx_uint_t        i, n;
    ngx_mesh_sink_t  *sk;

    for (i = 0, n = 0; i < NGX_MESH_TOLD_SINKS; i++) {
        sk = &ngx_mesh_sinks[i];

        if (sk->mcf == NULL) {
            continue;
        }

        n++;

        if (sk->snapshot) {
            ngx_mesh_snapshot_release(sk->snapshot);
            sk->snapshot = NULL;
        }
    }

    return n;
}


void
ngx_mesh_sink_stop(void)
{
    ngx_mesh_sink_end(&ngx_mesh_sinks[NGX_MESH_TOLD_STATSD]);
    ngx_mesh_sink_end(&ngx_mesh_sinks[NGX_MESH_TOLD_EMF]);
}


static void
ngx_mesh_sink_end(ngx_mesh_sink_t *sk)
{
    if (sk->mcf == NULL) {
        return;
    }

    if (sk->timer.timer_set) {
        ngx_del_timer(&sk->timer);
    }

    ngx_mesh_sink_finish(sk);

    if (ngx_mesh_told_acquire(sk->mcf->stats.told, sk->kind)) {

        if (ngx_mesh_sink_begin(sk, 1) == NGX_OK) {
            (void) ngx_mesh_sink_go(sk, 1);
            ngx_mesh_sink_finish(sk);
        }

        ngx_mesh_told_release(sk->mcf->stats.told, sk->kind);
    }

    ngx_mesh_sink_close(&sk->out);

    sk->mcf = NULL;
}


/*
 * A worker that was told to end leaves the sink to the next one at once, which
 * may have another configuration.
 */

static void
ngx_mesh_sink_timer_handler(ngx_event_t *ev)
{
    ngx_int_t         rc;
    ngx_msec_t        delay;
    ngx_mesh_sink_t  *sk;

    sk = &ngx_mesh_sinks[0];

    if (ev != &sk->timer) {
        sk = &ngx_mesh_sinks[1];
    }

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        ngx_mesh_sink_finish(sk);
        ngx_mesh_told_release(sk->mcf->stats.told, sk->kind);
        return;
    }

    if (!ngx_mesh_told_acquire(sk->mcf->stats.told, sk->kind)) {
        ngx_mesh_sink_finish(sk);
        sk->next = ngx_current_msec + NGX_MESH_SINK_WAIT;
        ngx_add_timer(ev, NGX_MESH_SINK_WAIT);
        return;
    }

    /* a round that takes long is not cut short, unless nobody takes it */

    if ((ngx_msec_int_t) (ngx_current_msec - sk->next) >= 0
        && (sk->pool == NULL || sk->blocked))
    {
        ngx_mesh_sink_finish(sk);

        sk->next = ngx_current_msec + sk->out.conf->interval;

        (void) ngx_mesh_sink_begin(sk, 0);
    }

    rc = NGX_OK;

    if (sk->pool) {
        rc = ngx_mesh_sink_go(sk, 0);

        if (rc == NGX_OK) {
            ngx_mesh_told_round(sk->mcf->stats.told, sk->kind);
        }

        if (rc != NGX_AGAIN) {
            ngx_mesh_sink_finish(sk);
        }
    }

    delay = sk->next - ngx_current_msec;

    if ((ngx_msec_int_t) delay < 1) {
        delay = 1;
    }

    if (rc == NGX_AGAIN && (!sk->blocked || delay > NGX_MESH_SINK_PACE)) {
        delay = NGX_MESH_SINK_PACE;
    }

    ngx_add_timer(ev, delay);
}


/* the model of a worker that ends is gone by then */

static ngx_int_t
ngx_mesh_sink_begin(ngx_mesh_sink_t *sk, ngx_uint_t final)
{
    sk->pool = ngx_create_pool(4096, ngx_cycle->log);
    if (sk->pool == NULL) {
        return NGX_ERROR;
    }

    sk->snapshot = final ? NULL : ngx_mesh_snapshot_current();

    if (sk->snapshot) {
        ngx_mesh_snapshot_hold(sk->snapshot);
    }

    ngx_memzero(&sk->it, sizeof(ngx_mesh_stats_iterator_t));

    sk->it.order = NGX_MESH_STATS_BY_ROW;
    sk->it.types = NGX_MESH_STATS_ALL;
    sk->it.pass = ngx_mesh_stats_create(sk->pool, sk->mcf, sk->snapshot);

    sk->line = 0;
    sk->lines = 0;
    sk->blocked = 0;
    sk->told = NULL;

    if (sk->it.pass == NULL) {
        ngx_mesh_sink_finish(sk);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the rest of a document that was begun has to be written some time */

static void
ngx_mesh_sink_finish(ngx_mesh_sink_t *sk)
{
    if (sk->pool == NULL) {
        return;
    }

    if (sk->pos == sk->buf) {

        if (sk->ready) {
            ngx_mesh_sink_dropped(sk);
        }

        sk->sent.n = 0;
        sk->last = sk->buf;
    }

    if (sk->snapshot) {
        ngx_mesh_snapshot_release(sk->snapshot);
        sk->snapshot = NULL;
    }

    ngx_destroy_pool(sk->pool);
    sk->pool = NULL;
}


/* NGX_OK: the round is over; NGX_AGAIN: not yet; NGX_ERROR: it failed */

static ngx_int_t
ngx_mesh_sink_go(ngx_mesh_sink_t *sk, ngx_uint_t final)
{
    uint64_t   end;
    ngx_int_t  rc;

    end = ngx_mesh_sink_now() + NGX_MESH_SINK_TURN;

    for ( ;; ) {

        if (sk->ready) {
            rc = ngx_mesh_sink_send(sk);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        rc = ngx_mesh_sink_fill(sk);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DONE && !sk->ready) {
            return NGX_OK;
        }

        if (!final && ngx_mesh_sink_now() > end) {
            return NGX_AGAIN;
        }
    }
}


static ngx_int_t
ngx_mesh_sink_send(ngx_mesh_sink_t *sk)
{
    ngx_int_t  rc;

    rc = ngx_mesh_sink_write(&sk->out, &sk->pos, sk->last);

    if (rc == NGX_AGAIN) {
        sk->blocked = 1;
        return NGX_AGAIN;
    }

    sk->blocked = 0;

    if (rc == NGX_ERROR) {
        ngx_mesh_sink_dropped(sk);
        return NGX_ERROR;
    }

    ngx_mesh_stats_commit(&sk->sent);

    if (sk->kind == NGX_MESH_TOLD_STATSD) {
        ngx_mesh_metrics_add(ngx_mesh_metrics_server,
                             NGX_MESH_SERVER_STATSD_SENT, 1);
    }

    sk->ready = 0;
    sk->pos = sk->buf;
    sk->last = sk->buf;

    return NGX_OK;
}


static void
ngx_mesh_sink_dropped(ngx_mesh_sink_t *sk)
{
    ngx_mesh_metrics_add(ngx_mesh_metrics_server,
                         sk->kind == NGX_MESH_TOLD_STATSD
                         ? NGX_MESH_SERVER_STATSD_DROPPED
                         : NGX_MESH_SERVER_EMF_DROPPED, 1);

    sk->sent.n = 0;
    sk->ready = 0;
    sk->pos = sk->buf;
    sk->last = sk->buf;
}


/*
 * What cannot be told holds up nothing else.  Its counts are kept, as long as
 * there is room for them.
 */

static void
ngx_mesh_sink_skipped(ngx_mesh_sink_t *sk, const char *why,
    ngx_mesh_stats_row_t *row)
{
    ngx_uint_t  statsd;

    statsd = (sk->kind == NGX_MESH_TOLD_STATSD);

    ngx_mesh_metrics_add(ngx_mesh_metrics_server,
                         statsd ? NGX_MESH_SERVER_STATSD_SKIPPED
                                : NGX_MESH_SERVER_EMF_DROPPED, 1);

    if (sk->skipped) {
        return;
    }

    sk->skipped = 1;

    ngx_log_error(NGX_LOG_WARN, sk->out.log, 0,
                  "mesh: %s of \"%V\", \"%V\" %s; \"%s\" counts more of them",
                  statsd ? "a line for StatsD" : "a document for CloudWatch",
                  &row->labels[0], &row->labels[1], why,
                  statsd ? "statsd_skipped_total" : "emf_dropped_total");
}


/* NGX_DONE: there is no more; NGX_AGAIN: call again; NGX_ERROR */

static ngx_int_t
ngx_mesh_sink_fill(ngx_mesh_sink_t *sk)
{
    ngx_int_t  rc;

    rc = (sk->kind == NGX_MESH_TOLD_STATSD) ? ngx_mesh_sink_fill_statsd(sk)
                                            : ngx_mesh_sink_fill_emf(sk);

    if (rc == NGX_DONE && sk->last != sk->buf) {
        sk->ready = 1;
    }

    return rc;
}


static ngx_int_t
ngx_mesh_sink_fill_statsd(ngx_mesh_sink_t *sk)
{
    u_char     *p;
    ngx_int_t   rc;

    if (sk->line == sk->lines) {
        rc = ngx_mesh_sink_next_sample(sk);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    p = ngx_mesh_stats_statsd_line(sk->last, sk->buf + sk->size, sk->it.pass,
                                   &sk->sample, sk->delta, sk->told, sk->line,
                                   &sk->sent);

    if (p == NULL && sk->last != sk->buf) {
        sk->ready = 1;
        return NGX_AGAIN;
    }

    if (p == NULL) {
        ngx_mesh_sink_skipped(sk, "is longer than a datagram and is not told",
                              sk->sample.row);

    } else {
        sk->last = p;
    }

    sk->line++;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_mesh_sink_next_sample(ngx_mesh_sink_t *sk)
{
    ngx_int_t  rc;

    rc = ngx_mesh_stats_next(&sk->it, &sk->sample);

    if (rc != NGX_OK) {
        return rc;
    }

    sk->told = ngx_mesh_told_row(sk->mcf->stats.told, sk->kind, sk->sample.set,
                                 sk->sample.row);
    if (sk->told == NULL) {
        ngx_mesh_sink_skipped(sk, ngx_mesh_sink_no_room, sk->sample.row);
        return NGX_AGAIN;
    }

    ngx_mesh_stats_delta(&sk->sample, sk->told, sk->delta);

    sk->line = 0;
    sk->lines = (sk->sample.stat->type == NGX_MESH_STATS_HISTOGRAM)
                ? NGX_MESH_METRICS_BUCKETS : 1;

    return NGX_OK;
}


/* a document for each row of the node and of its targets */

static ngx_int_t
ngx_mesh_sink_fill_emf(ngx_mesh_sink_t *sk)
{
    u_char                *p;
    uint64_t              *told;
    ngx_int_t              rc;
    ngx_time_t            *tp;
    ngx_mesh_stats_row_t  *row;

    rc = ngx_mesh_stats_collect(sk->it.pass);

    if (rc != NGX_OK) {
        return rc;
    }

    if (sk->it.set > NGX_MESH_STATS_APPMESH_TARGET) {
        return NGX_DONE;
    }

    if (sk->it.row == ngx_mesh_stats_rows(sk->it.pass, sk->it.set)
        || sk->mcf->resource_name.len == 0)
    {
        sk->it.set++;
        sk->it.row = 0;
        return NGX_AGAIN;
    }

    rc = ngx_mesh_stats_read(sk->it.pass, sk->it.set, sk->it.row, &row);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    sk->it.row++;

    if (rc != NGX_OK) {
        return NGX_AGAIN;
    }

    told = ngx_mesh_told_row(sk->mcf->stats.told, sk->kind, sk->it.set, row);

    if (told == NULL) {
        ngx_mesh_sink_skipped(sk, ngx_mesh_sink_no_room, row);
        return NGX_AGAIN;
    }

    tp = ngx_timeofday();

    p = ngx_mesh_stats_emf_document(sk->buf, sk->buf + sk->size, sk->it.pass,
                                    sk->out.conf, sk->it.set, row, told,
                                    (uint64_t) tp->sec * 1000 + tp->msec,
                                    &sk->sent);

    if (p == NULL) {
        sk->sent.n = 0;
        ngx_mesh_sink_skipped(sk, "is too long and is not told", row);
        return NGX_AGAIN;
    }

    sk->last = p;
    sk->ready = (p != sk->buf);

    return NGX_AGAIN;
}


static uint64_t
ngx_mesh_sink_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
