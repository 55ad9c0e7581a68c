
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * When the daemon is asked for what.
 *
 * Rules are asked for every five minutes, and when X-Ray says that they have
 * changed; what was counted by a rule is reported ten seconds after it was last
 * (or when the daemon said), and the answer tells its quota and rate.  Those go
 * to rows that all workers share and are in force at once; the rules go to a
 * shared table, which each worker follows between two events.
 *
 * While the daemon is away, or answers what nobody can read, the rules stay;
 * after an hour without it they are too old, and the local ones are in force.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_client.h"
#include "ngx_mesh_sampler.h"
#include "ngx_mesh_sampler_parts.h"


#define NGX_MESH_SAMPLER_TICK       500         /* ms */
#define NGX_MESH_SAMPLER_EVERY      300000      /* ms, of rules */
#define NGX_MESH_SAMPLER_REPORT     10000       /* ms, of statistics */
#define NGX_MESH_SAMPLER_RETRY      1000        /* ms, the first time */
#define NGX_MESH_SAMPLER_RETRY_MAX  60000
#define NGX_MESH_SAMPLER_TIMEOUT    5000        /* ms, of a step */
#define NGX_MESH_SAMPLER_DEADLINE   10000
#define NGX_MESH_SAMPLER_ANSWER     (1024 * 1024)
#define NGX_MESH_SAMPLER_PAGES      32


typedef struct {
    void                         *ident[4];

    ngx_mesh_trace_conf_t        *conf;         /* NULL: there is no sampler */
    ngx_mesh_sampler_share_t     *share;
    ngx_log_t                    *log;
    ngx_event_t                   timer;
    ngx_mesh_sampler_view_t       view;         /* of this worker */

    /* of the worker that asks */
    ngx_mesh_url_t                url;
    u_char                        host[NGX_SOCKADDR_STRLEN + 1];
    u_char                        authority[NGX_SOCKADDR_STRLEN];
    ngx_mesh_client_conf_t        peer;
    ngx_mesh_client_t            *client;
    ngx_mesh_client_request_t     request;
    ngx_mesh_client_header_t      headers[2];
    ngx_pool_t                   *pool;         /* of the request */

    ngx_mesh_sampler_table_t     *table;        /* pages so far, or NULL */
    ngx_uint_t                    pages;
    ngx_msec_t                    rules_at;
    time_t                        modified;     /* rules, as X-Ray said */

    ngx_mesh_sampler_document_t   docs[NGX_MESH_SAMPLER_DOCUMENTS];
    ngx_uint_t                    ndocs;        /* in the request */
    ngx_msec_t                    due[NGX_MESH_SAMPLING_RULES];

    ngx_uint_t                    failures;     /* one after the other */

    unsigned                      holds:1;
    unsigned                      busy:1;
    unsigned                      failing:1;    /* which was logged */
} ngx_mesh_sampler_t;


static void ngx_mesh_sampler_address(ngx_mesh_sampler_t *sm);
static void ngx_mesh_sampler_timer_handler(ngx_event_t *ev);
static void ngx_mesh_sampler_look(ngx_mesh_sampler_t *sm);
static ngx_uint_t ngx_mesh_sampler_holds(ngx_mesh_sampler_t *sm);
static void ngx_mesh_sampler_leave(ngx_mesh_sampler_t *sm);
static void ngx_mesh_sampler_ask_rules(ngx_mesh_sampler_t *sm,
    ngx_str_t *next);
static void ngx_mesh_sampler_report(ngx_mesh_sampler_t *sm);
static void ngx_mesh_sampler_collect(ngx_mesh_sampler_t *sm);
static ngx_int_t ngx_mesh_sampler_prepare(ngx_mesh_sampler_t *sm);
static void ngx_mesh_sampler_send(ngx_mesh_sampler_t *sm, const char *uri,
    ngx_mesh_client_handler_pt handler);
static ngx_int_t ngx_mesh_sampler_check(ngx_mesh_sampler_t *sm,
    ngx_mesh_client_request_t *rq);
static void ngx_mesh_sampler_rules_answered(ngx_mesh_client_request_t *rq);
static void ngx_mesh_sampler_publish(ngx_mesh_sampler_t *sm);
static void ngx_mesh_sampler_targets_answered(ngx_mesh_client_request_t *rq);
static void ngx_mesh_sampler_apply(ngx_mesh_sampler_t *sm,
    ngx_mesh_sampler_target_t *target);
static void ngx_mesh_sampler_unreported(ngx_mesh_sampler_t *sm,
    ngx_str_t *name);
static void ngx_mesh_sampler_modified(ngx_mesh_sampler_t *sm,
    time_t modified);
static void ngx_mesh_sampler_failed(ngx_mesh_sampler_t *sm,
    ngx_str_t *reason);
static void ngx_mesh_sampler_back(ngx_mesh_sampler_t *sm);
static void ngx_mesh_sampler_done(ngx_mesh_sampler_t *sm);


/* worker runtime */
static ngx_mesh_sampler_t  ngx_mesh_sampler;


ngx_int_t
ngx_mesh_sampler_init_conf(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_sampler_share_t **share)
{
    if (mcf->trace.sampling == NULL || !mcf->trace.xray
        || !mcf->trace.central)
    {
        *share = NULL;
        return NGX_OK;
    }

    *share = ngx_mesh_sampler_share_add(cycle);

    return *share ? NGX_OK : NGX_ERROR;
}


void
ngx_mesh_sampler_start(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf,
    ngx_mesh_sampler_share_t *share)
{
    ngx_mesh_sampler_t         *sm;
    ngx_mesh_trace_conf_t      *tc;
    ngx_mesh_sampling_rules_t  *local;

    sm = &ngx_mesh_sampler;

    ngx_memzero(sm, sizeof(ngx_mesh_sampler_t));

    tc = &mcf->trace;

    if (share == NULL) {
        return;
    }

    sm->ident[3] = (void *) -1;
    sm->conf = tc;
    sm->share = share;
    sm->log = cycle->log;

    local = tc->rules;

    sm->view.share = share;
    sm->view.sampling = tc->sampling;
    sm->view.rest = local->rules[local->nrules - 1];
    sm->view.log = cycle->log;

    sm->timer.handler = ngx_mesh_sampler_timer_handler;
    sm->timer.data = sm;
    sm->timer.log = cycle->log;
    sm->timer.cancelable = 1;

    ngx_mesh_sampler_address(sm);

    /* what others have asked for is in force from the first request on */

    ngx_mesh_sampler_look(sm);

    ngx_add_timer(&sm->timer, 1);
}


static void
ngx_mesh_sampler_address(ngx_mesh_sampler_t *sm)
{
    ngx_addr_t  *addr;

    addr = &sm->conf->daemon;

    /* without the port there are no brackets; zeroed, so a NUL is behind */

    sm->url.host.data = sm->host;
    sm->url.host.len = ngx_sock_ntop(addr->sockaddr, addr->socklen, sm->host,
                                     NGX_SOCKADDR_STRLEN, 0);
    sm->url.port = ngx_inet_get_port(addr->sockaddr);

    sm->url.authority.data = sm->authority;
    sm->url.authority.len = ngx_sock_ntop(addr->sockaddr, addr->socklen,
                                          sm->authority,
                                          NGX_SOCKADDR_STRLEN, 1);

    sm->peer.url = &sm->url;
    sm->peer.timeout = NGX_MESH_SAMPLER_TIMEOUT;
    sm->peer.log = sm->log;
}


void
ngx_mesh_sampler_stop(void)
{
    ngx_mesh_sampler_t  *sm;

    sm = &ngx_mesh_sampler;

    if (sm->conf == NULL) {
        return;
    }

    if (sm->timer.timer_set) {
        ngx_del_timer(&sm->timer);
    }

    if (sm->holds) {
        ngx_mesh_sampler_leave(sm);
        ngx_mesh_sampler_share_release(sm->share);
    }

    sm->conf = NULL;
}


static void
ngx_mesh_sampler_timer_handler(ngx_event_t *ev)
{
    ngx_mesh_sampler_t *sm = ev->data;

    ngx_str_t  none;

    ngx_mesh_sampler_look(sm);

    if (ngx_mesh_sampler_holds(sm) && !sm->busy) {

        if ((ngx_msec_int_t) (sm->rules_at - ngx_current_msec) <= 0) {
            ngx_str_null(&none);
            ngx_mesh_sampler_ask_rules(sm, &none);

        } else {
            ngx_mesh_sampler_report(sm);
        }
    }

    ngx_add_timer(ev, NGX_MESH_SAMPLER_TICK);
}


static void
ngx_mesh_sampler_look(ngx_mesh_sampler_t *sm)
{
    ngx_uint_t                 i;
    ngx_mesh_sampler_follow_e  what;

    what = ngx_mesh_sampler_follow(&sm->view, ngx_time());

    if (what == NGX_MESH_SAMPLER_SAME) {
        return;
    }

    if (what == NGX_MESH_SAMPLER_TOO_OLD && sm->holds) {
        ngx_log_error(NGX_LOG_WARN, sm->log, 0,
                      "mesh: the sampling rules of X-Ray are older than an "
                      "hour, local rules are in force");
    }

    for (i = 0; i < NGX_MESH_SAMPLING_RULES; i++) {
        sm->due[i] = ngx_current_msec + NGX_MESH_SAMPLER_REPORT;
    }
}


static ngx_uint_t
ngx_mesh_sampler_holds(ngx_mesh_sampler_t *sm)
{
    time_t      age;
    ngx_uint_t  holds;

    holds = !ngx_exiting && ngx_mesh_sampler_share_holds(sm->share);

    if (holds && !sm->holds) {
        sm->holds = 1;
        sm->failures = 0;
        sm->rules_at = ngx_current_msec;

        /* who had the lease before may have asked a moment ago */

        age = ngx_time() - ngx_mesh_sampler_share_fetched(sm->share);

        if (age >= 0 && age < NGX_MESH_SAMPLER_EVERY / 1000) {
            sm->rules_at += NGX_MESH_SAMPLER_EVERY - (ngx_msec_t) age * 1000;
        }

        sm->client = ngx_mesh_client_create(&sm->peer);
    }

    if (!holds && sm->holds) {
        ngx_mesh_sampler_leave(sm);
    }

    return sm->holds && sm->client;
}


/* this worker asks no more */

static void
ngx_mesh_sampler_leave(ngx_mesh_sampler_t *sm)
{
    sm->holds = 0;

    if (sm->client) {
        ngx_mesh_client_destroy(sm->client);
        sm->client = NULL;
    }

    ngx_mesh_sampler_unreported(sm, NULL);
    ngx_mesh_sampler_done(sm);

    if (sm->table) {
        ngx_free(sm->table);
        sm->table = NULL;
    }
}


static void
ngx_mesh_sampler_ask_rules(ngx_mesh_sampler_t *sm, ngx_str_t *next)
{
    ngx_str_t  token, reason;

    token = *next;

    if (sm->table == NULL) {
        sm->table = ngx_alloc(sizeof(ngx_mesh_sampler_table_t), sm->log);

        if (sm->table) {
            ngx_memzero(sm->table, sizeof(ngx_mesh_sampler_table_t));
        }

        sm->pages = 0;
    }

    if (sm->table == NULL
        || ngx_mesh_sampler_prepare(sm) != NGX_OK
        || ngx_mesh_sampler_write_rules(sm->pool, &token, &sm->request.body)
           != NGX_OK)
    {
        ngx_str_set(&reason, "no memory");
        ngx_mesh_sampler_failed(sm, &reason);
        ngx_mesh_sampler_done(sm);
        return;
    }

    ngx_mesh_sampler_send(sm, "/GetSamplingRules",
                          ngx_mesh_sampler_rules_answered);
}


/* only what was used is reported */

static void
ngx_mesh_sampler_report(ngx_mesh_sampler_t *sm)
{
    ngx_mesh_sampler_collect(sm);

    if (sm->ndocs == 0) {
        return;
    }

    if (ngx_mesh_sampler_prepare(sm) != NGX_OK
        || ngx_mesh_sampler_write_documents(sm->pool, sm->docs, sm->ndocs,
                                        ngx_mesh_sampler_share_id(sm->share),
                                        ngx_time(), &sm->request.body)
           != NGX_OK)
    {
        ngx_mesh_sampler_unreported(sm, NULL);
        ngx_mesh_sampler_done(sm);
        return;
    }

    ngx_mesh_sampler_send(sm, "/SamplingTargets",
                          ngx_mesh_sampler_targets_answered);
}


static void
ngx_mesh_sampler_collect(ngx_mesh_sampler_t *sm)
{
    ngx_uint_t                    i;
    ngx_mesh_sampling_rule_t     *rule;
    ngx_mesh_sampling_rules_t    *set;
    ngx_mesh_sampler_document_t  *doc;

    sm->ndocs = 0;

    set = ngx_mesh_sampling_rules(sm->conf->sampling);

    if (set == NULL || !set->central) {
        return;
    }

    for (i = 0; i < set->nrules; i++) {
        rule = &set->rules[i];

        if (sm->ndocs == NGX_MESH_SAMPLER_DOCUMENTS) {
            return;
        }

        if (rule->name.len == 0
            || rule->row->requests == 0
            || (ngx_msec_int_t) (sm->due[i] - ngx_current_msec) > 0)
        {
            continue;
        }

        sm->due[i] = ngx_current_msec + NGX_MESH_SAMPLER_REPORT;

        doc = &sm->docs[sm->ndocs++];

        (void) ngx_cpystrn(doc->name, rule->name.data, rule->name.len + 1);
        doc->row = rule->row;

        ngx_mesh_sampling_statistics(doc->row, &doc->counts);
    }
}


static ngx_int_t
ngx_mesh_sampler_prepare(ngx_mesh_sampler_t *sm)
{
    ngx_memzero(&sm->request, sizeof(ngx_mesh_client_request_t));

    sm->pool = ngx_create_pool(4096, sm->log);

    return sm->pool ? NGX_OK : NGX_ERROR;
}


static void
ngx_mesh_sampler_send(ngx_mesh_sampler_t *sm, const char *uri,
    ngx_mesh_client_handler_pt handler)
{
    ngx_mesh_client_request_t  *rq;

    rq = &sm->request;

    ngx_str_set(&sm->headers[0].name, "Content-Type");
    ngx_str_set(&sm->headers[0].value, "application/json");
    ngx_str_set(&sm->headers[1].name, "User-Agent");
    ngx_str_set(&sm->headers[1].value, "nginx-mesh/" NGX_MESH_VERSION);

    ngx_str_set(&rq->method, "POST");
    rq->uri.data = (u_char *) uri;
    rq->uri.len = ngx_strlen(uri);
    rq->headers = sm->headers;
    rq->nheaders = 2;
    rq->max_body = NGX_MESH_SAMPLER_ANSWER;
    rq->deadline = NGX_MESH_SAMPLER_DEADLINE;
    rq->handler = handler;
    rq->data = sm;

    sm->busy = 1;

    ngx_mesh_client_start(sm->client, rq);
}


static ngx_int_t
ngx_mesh_sampler_check(ngx_mesh_sampler_t *sm, ngx_mesh_client_request_t *rq)
{
    u_char      buf[sizeof("it answered with status 999")];
    ngx_str_t   reason;

    if (rq->rc == NGX_OK && rq->status == 200) {
        return NGX_OK;
    }

    if (rq->rc == NGX_OK) {
        reason.data = buf;
        reason.len = ngx_sprintf(buf, "it answered with status %ui",
                                 rq->status) - buf;

    } else {
        reason.data = rq->error;
        reason.len = ngx_strlen(rq->error);
    }

    ngx_mesh_sampler_failed(sm, &reason);

    return NGX_ERROR;
}


static void
ngx_mesh_sampler_rules_answered(ngx_mesh_client_request_t *rq)
{
    ngx_mesh_sampler_t *sm = rq->data;

    ngx_str_t    next, error;
    ngx_pool_t  *pool;

    /* the token of the next page lies in it */

    pool = sm->pool;
    sm->pool = NULL;

    ngx_mesh_sampler_done(sm);

    if (ngx_mesh_sampler_check(sm, rq) != NGX_OK) {
        goto done;
    }

    if (ngx_mesh_sampler_read_rules(pool, &rq->text, &sm->conf->name,
                                    sm->table, &next, &error)
        != NGX_OK)
    {
        ngx_mesh_sampler_failed(sm, &error);
        goto done;
    }

    if (next.len && ++sm->pages < NGX_MESH_SAMPLER_PAGES) {
        ngx_mesh_sampler_ask_rules(sm, &next);
        goto done;
    }

    ngx_mesh_sampler_publish(sm);

done:

    ngx_destroy_pool(pool);
}


static void
ngx_mesh_sampler_publish(ngx_mesh_sampler_t *sm)
{
    ngx_mesh_sampler_back(sm);

    ngx_mesh_sampler_sort(sm->table);

    if (ngx_mesh_sampler_share_publish(sm->share, sm->table,
                                       ngx_time())) {
        ngx_log_error(NGX_LOG_NOTICE, sm->log, 0,
                      "mesh: X-Ray has %ui sampling rules for \"%V\"",
                      sm->table->n, &sm->conf->name);
    }

    ngx_free(sm->table);
    sm->table = NULL;

    sm->rules_at = ngx_current_msec + NGX_MESH_SAMPLER_EVERY
                   + (ngx_msec_t) ngx_random() % 10000;

    ngx_mesh_sampler_look(sm);
}


static void
ngx_mesh_sampler_targets_answered(ngx_mesh_client_request_t *rq)
{
    ngx_mesh_sampler_t *sm = rq->data;

    ngx_str_t                   *name, error;
    ngx_uint_t                   i;
    ngx_mesh_sampler_target_t   *t;
    ngx_mesh_sampler_targets_t   targets;

    if (ngx_mesh_sampler_check(sm, rq) != NGX_OK) {
        ngx_mesh_sampler_unreported(sm, NULL);
        ngx_mesh_sampler_done(sm);
        return;
    }

    if (ngx_mesh_sampler_read_targets(sm->pool, &rq->text, &targets, &error)
        != NGX_OK)
    {
        /* they may have been counted */
        ngx_mesh_sampler_failed(sm, &error);
        ngx_mesh_sampler_done(sm);
        return;
    }

    ngx_mesh_sampler_back(sm);

    name = targets.refused.elts;

    for (i = 0; i < targets.refused.nelts; i++) {
        ngx_mesh_sampler_unreported(sm, &name[i]);
    }

    t = targets.targets.elts;

    for (i = 0; i < targets.targets.nelts; i++) {
        ngx_mesh_sampler_apply(sm, &t[i]);
    }

    ngx_mesh_sampler_modified(sm, targets.modified);

    ngx_mesh_sampler_done(sm);
}


/* what is not said of a rule stays as it is */

static void
ngx_mesh_sampler_apply(ngx_mesh_sampler_t *sm, ngx_mesh_sampler_target_t *t)
{
    time_t                      expires;
    ngx_uint_t                  i, rate, quota;
    ngx_mesh_sampling_row_t    *row;
    ngx_mesh_sampling_rule_t   *rule;
    ngx_mesh_sampling_rules_t  *set;

    set = ngx_mesh_sampling_rules(sm->conf->sampling);

    if (set == NULL || !set->central) {
        return;
    }

    for (i = 0; i < set->nrules; i++) {
        rule = &set->rules[i];

        if (rule->name.len == t->name.len && t->name.len
            && ngx_strncmp(rule->name.data, t->name.data, t->name.len) == 0)
        {
            break;
        }
    }

    if (i == set->nrules) {
        return;
    }

    row = rule->row;

    rate = row->rate ? row->rate - 1 : rule->rate;
    quota = row->quota;
    expires = (time_t) row->expires;

    if (t->rate != NGX_ERROR) {
        rate = t->rate;
    }

    if (t->quota != NGX_ERROR && t->expires) {
        quota = t->quota;
        expires = t->expires;
    }

    ngx_mesh_sampling_target(row, rate, quota, expires);

    if (t->interval) {
        sm->due[i] = ngx_current_msec + t->interval * 1000;
    }
}


/* gives back what was counted by the rule "name", or by all of them */

static void
ngx_mesh_sampler_unreported(ngx_mesh_sampler_t *sm, ngx_str_t *name)
{
    ngx_uint_t                    i;
    ngx_mesh_sampler_document_t  *doc;

    for (i = 0; i < sm->ndocs; i++) {
        doc = &sm->docs[i];

        if (name == NULL
            || (ngx_strlen(doc->name) == name->len
                && ngx_strncmp(doc->name, name->data, name->len) == 0))
        {
            ngx_mesh_sampling_unreported(doc->row, &doc->counts);
            ngx_memzero(&doc->counts, sizeof(ngx_mesh_sampling_statistics_t));
        }
    }
}


/*
 * Clocks differ, so a time that was acted upon is not looked at again, whatever
 * it says.
 */

static void
ngx_mesh_sampler_modified(ngx_mesh_sampler_t *sm, time_t modified)
{
    if (modified == 0 || modified == sm->modified) {
        return;
    }

    if (sm->modified
        || modified > ngx_mesh_sampler_share_fetched(sm->share))
    {
        sm->rules_at = ngx_current_msec;
    }

    sm->modified = modified;
}


static void
ngx_mesh_sampler_failed(ngx_mesh_sampler_t *sm, ngx_str_t *reason)
{
    ngx_msec_t  delay;

    if (sm->table) {
        ngx_free(sm->table);
        sm->table = NULL;

        delay = NGX_MESH_SAMPLER_RETRY << ngx_min(sm->failures, 16);
        delay = ngx_min(delay, NGX_MESH_SAMPLER_RETRY_MAX);
        delay = delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1);

        sm->failures++;
        sm->rules_at = ngx_current_msec + delay;
    }

    if (!sm->failing) {
        sm->failing = 1;

        ngx_log_error(NGX_LOG_ERR, sm->log, 0,
                      "mesh: the X-Ray daemon at %V gives no sampling rules: "
                      "%V", &sm->conf->daemon.name, reason);
    }
}


static void
ngx_mesh_sampler_back(ngx_mesh_sampler_t *sm)
{
    sm->failures = 0;

    if (sm->failing) {
        sm->failing = 0;

        ngx_log_error(NGX_LOG_NOTICE, sm->log, 0,
                      "mesh: the X-Ray daemon at %V answers again",
                      &sm->conf->daemon.name);
    }
}


/* the request is over */

static void
ngx_mesh_sampler_done(ngx_mesh_sampler_t *sm)
{
    sm->busy = 0;
    sm->ndocs = 0;

    if (sm->pool) {
        ngx_destroy_pool(sm->pool);
        sm->pool = NULL;
    }
}
