
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The pages of statistics: /stats as Envoy writes it, in text or JSON, and the
 * text of Prometheus.
 *
 * A call of a fill function does one step: it finds a row, or looks at a sample
 * and writes it, or writes one line of a histogram.  A turn, after which others
 * have theirs, is a number of steps, and less where they take long: when a
 * filter is slow, say.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_admin.h"
#include "ngx_mesh_regex.h"
#include "ngx_mesh_stats.h"
#include "ngx_mesh_tls.h"


#define NGX_HTTP_MESH_STATS_STEPS   512     /* of a turn */
#define NGX_HTTP_MESH_STATS_TURN    1000    /* us */
#define NGX_HTTP_MESH_STATS_FILTER  1024    /* bytes of a filter */


typedef struct {
    ngx_mesh_stats_t           *pass;
    ngx_mesh_stats_iterator_t   it;
    ngx_mesh_stats_sample_t     sample;
    ngx_mesh_regex_t           *filter;     /* or NULL */
    ngx_uint_t                  used_only;
    ngx_uint_t                  line;       /* of a histogram, the next one */
    ngx_uint_t                  steps;      /* of this turn */
    uint64_t                    end;        /* of it, us; 0: not known yet */
    ngx_uint_t                  members;    /* in the JSON so far */
} ngx_http_mesh_stats_t;


static ngx_int_t ngx_http_mesh_stats_begin(ngx_http_mesh_admin_t *a,
    ngx_http_mesh_stats_t *s, ngx_uint_t order);
static ngx_int_t ngx_http_mesh_stats_filter(ngx_http_mesh_admin_t *a,
    ngx_http_mesh_stats_t *s);
static ngx_int_t ngx_http_mesh_stats_refuse(ngx_http_mesh_admin_t *a,
    ngx_str_t *reason);
static ngx_int_t ngx_http_mesh_stats_refused(ngx_http_mesh_admin_t *a);
static void ngx_http_mesh_stats_step(ngx_http_mesh_admin_t *a);
static ngx_int_t ngx_http_mesh_stats_next(ngx_http_mesh_admin_t *a);
static ngx_uint_t ngx_http_mesh_stats_wanted(ngx_http_mesh_stats_t *s);
static uint64_t ngx_http_mesh_stats_now(void);
static ngx_int_t ngx_http_mesh_stats_text(ngx_http_mesh_admin_t *a);
static ngx_int_t ngx_http_mesh_stats_prometheus(ngx_http_mesh_admin_t *a);
static ngx_int_t ngx_http_mesh_stats_json(ngx_http_mesh_admin_t *a);
static ngx_int_t ngx_http_mesh_stats_json_middle(ngx_http_mesh_admin_t *a);
static void ngx_http_mesh_stats_json_sample(ngx_http_mesh_admin_t *a);
static void ngx_http_mesh_stats_json_quantiles(ngx_http_mesh_admin_t *a);


/*
 * Of all servers of an address, one of which has mesh_pass: the certificates
 * they show, and those that they trust clients by.  Clients of the mesh meet
 * the others by another name.  The mesh{} block may follow.
 */

void
ngx_http_mesh_stats_certificates(ngx_conf_t *cf, ngx_http_conf_addr_t *addr)
{
#if (NGX_HTTP_SSL)
    ngx_uint_t                  i;
    ngx_mesh_conf_t            *mcf;
    ngx_http_ssl_srv_conf_t    *sscf;
    ngx_http_core_srv_conf_t  **cscf;

    mcf = (ngx_mesh_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_mesh_module);

    cscf = addr->servers.elts;

    for (i = 0; i < addr->servers.nelts; i++) {
        sscf = cscf[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index];

        if (sscf->ssl.ctx) {
            ngx_mesh_tls_expires(&sscf->ssl, sscf->verify != 0,
                                 &mcf->stats.expires);
        }
    }
#endif
}


/* the mesh{} block may follow; the label is that of the listener's row */

ngx_int_t
ngx_http_mesh_stats_ingress(ngx_conf_t *cf, ngx_str_t *addr)
{
    size_t            i;
    ngx_str_t        *label;
    ngx_mesh_conf_t  *mcf;

    mcf = (ngx_mesh_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_mesh_module);

    label = ngx_array_push(&mcf->stats.ingress);
    if (label == NULL) {
        return NGX_ERROR;
    }

    label->len = addr->len;
    label->data = ngx_pstrdup(cf->pool, addr);

    if (label->data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < label->len; i++) {
        if (label->data[i] == ':') {
            label->data[i] = '_';
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_mesh_admin_stats(ngx_http_mesh_admin_t *a)
{
    ngx_str_t               format, reason;
    ngx_uint_t              order;
    ngx_http_mesh_stats_t  *s;

    s = ngx_pcalloc(a->request->pool, sizeof(ngx_http_mesh_stats_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    a->data = s;
    a->fill = ngx_http_mesh_stats_text;
    order = NGX_MESH_STATS_BY_ROW;

    if (ngx_http_arg(a->request, (u_char *) "format", 6, &format) == NGX_OK) {

        if (format.len == 4 && ngx_strncmp(format.data, "json", 4) == 0) {
            a->fill = ngx_http_mesh_stats_json;
            a->type = "application/json";

        } else if (format.len == 10
                   && ngx_strncmp(format.data, "prometheus", 10) == 0)
        {
            return ngx_http_mesh_admin_prometheus(a);

        } else if (format.len != 4 || ngx_strncmp(format.data, "text", 4) != 0)
        {
            ngx_str_set(&reason, "format is text, json or prometheus");
            return ngx_http_mesh_stats_refuse(a, &reason);
        }
    }

    return ngx_http_mesh_stats_begin(a, s, order);
}


ngx_int_t
ngx_http_mesh_admin_prometheus(ngx_http_mesh_admin_t *a)
{
    ngx_http_mesh_stats_t  *s;

    s = ngx_pcalloc(a->request->pool, sizeof(ngx_http_mesh_stats_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    a->data = s;
    a->fill = ngx_http_mesh_stats_prometheus;
    a->type = "text/plain; version=0.0.4";

    return ngx_http_mesh_stats_begin(a, s, NGX_MESH_STATS_BY_NAME);
}


static ngx_int_t
ngx_http_mesh_stats_begin(ngx_http_mesh_admin_t *a, ngx_http_mesh_stats_t *s,
    ngx_uint_t order)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_http_mesh_stats_filter(a, s);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    /* "?usedonly" has no value, so that it is no argument to nginx */

    s->used_only = (ngx_http_arg(a->request, (u_char *) "usedonly", 8, &value)
                    == NGX_OK)
                   || (a->request->args.len
                       && ngx_strlcasestrn(a->request->args.data,
                                           a->request->args.data
                                           + a->request->args.len,
                                           (u_char *) "usedonly", 7)
                          != NULL);

    s->pass = ngx_mesh_stats_create(a->request->pool, a->conf, a->snapshot);
    if (s->pass == NULL) {
        return NGX_ERROR;
    }

    s->it.pass = s->pass;
    s->it.order = order;
    s->it.types = (order == NGX_MESH_STATS_BY_NAME) ? NGX_MESH_STATS_ALL
                                                    : NGX_MESH_STATS_SCALARS;

    return NGX_OK;
}


/* as Envoy's, a filter is looked for anywhere in the name */

static ngx_int_t
ngx_http_mesh_stats_filter(ngx_http_mesh_admin_t *a, ngx_http_mesh_stats_t *s)
{
    u_char     *p, *src, *dst;
    ngx_str_t   value, pattern, reason;

    if (ngx_http_arg(a->request, (u_char *) "filter", 6, &value) != NGX_OK
        || value.len == 0)
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(a->request->pool, value.len + sizeof("(?s).*(?:).*"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    pattern.data = p;

    p = ngx_cpymem(p, "(?s).*(?:", sizeof("(?s).*(?:") - 1);

    dst = p;
    src = value.data;
    ngx_unescape_uri(&dst, &src, value.len, 0);

    p = ngx_cpymem(dst, ").*", sizeof(").*") - 1);
    pattern.len = p - pattern.data;

    if (pattern.len > NGX_HTTP_MESH_STATS_FILTER) {
        ngx_str_set(&reason, "it is too long");

    } else {
        s->filter = ngx_mesh_regex_compile(a->request->pool, &pattern,
                                           &reason);
        if (s->filter) {
            return NGX_OK;
        }
    }

    return (ngx_http_mesh_stats_refuse(a, &reason) == NGX_OK) ? NGX_DECLINED
                                                              : NGX_ERROR;
}


static ngx_int_t
ngx_http_mesh_stats_refuse(ngx_http_mesh_admin_t *a, ngx_str_t *reason)
{
    ngx_str_t  *copy;

    copy = ngx_palloc(a->request->pool, sizeof(ngx_str_t));
    if (copy == NULL) {
        return NGX_ERROR;
    }

    *copy = *reason;

    a->data = copy;
    a->fill = ngx_http_mesh_stats_refused;
    a->type = "text/plain";
    a->status = NGX_HTTP_BAD_REQUEST;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mesh_stats_refused(ngx_http_mesh_admin_t *a)
{
    ngx_http_mesh_admin_print(a, "invalid argument: %V\n",
                              (ngx_str_t *) a->data);

    return NGX_OK;
}


/* the clock is looked at now and then */

static void
ngx_http_mesh_stats_step(ngx_http_mesh_admin_t *a)
{
    ngx_http_mesh_stats_t  *s;

    s = a->data;

    if (++s->steps % 32) {
        return;
    }

    if (s->end == 0) {
        s->end = ngx_http_mesh_stats_now() + NGX_HTTP_MESH_STATS_TURN;
        return;
    }

    if (s->steps == NGX_HTTP_MESH_STATS_STEPS
        || ngx_http_mesh_stats_now() > s->end)
    {
        s->steps = 0;
        s->end = 0;
        a->pause = 1;
    }
}


/* NGX_OK: there is one; NGX_AGAIN: not in this step; NGX_DONE; NGX_ERROR */

static ngx_int_t
ngx_http_mesh_stats_next(ngx_http_mesh_admin_t *a)
{
    ngx_int_t               rc;
    ngx_http_mesh_stats_t  *s;

    s = a->data;

    /* a single process that was reloaded has unmapped a zone of another size */

    if (ngx_process == NGX_PROCESS_SINGLE
        && a->conf != ngx_mesh_get_conf((ngx_cycle_t *) ngx_cycle))
    {
        return NGX_ERROR;
    }

    rc = ngx_mesh_stats_next(&s->it, &s->sample);

    if (rc == NGX_OK && !ngx_http_mesh_stats_wanted(s)) {
        return NGX_AGAIN;
    }

    return rc;
}


static ngx_uint_t
ngx_http_mesh_stats_wanted(ngx_http_mesh_stats_t *s)
{
    u_char     name[4096];
    uint64_t  *values;
    ngx_str_t  subject;

    values = &s->sample.row->values[s->sample.stat->value];

    if (s->used_only
        && (s->sample.stat->type == NGX_MESH_STATS_HISTOGRAM
            ? ngx_mesh_stats_count(values) : values[0]) == 0)
    {
        return 0;
    }

    if (s->filter == NULL) {
        return 1;
    }

    subject.data = name;
    subject.len = ngx_mesh_stats_text_name(name, name + sizeof(name),
                                           &s->sample) - name;

    return ngx_mesh_regex_exec(s->filter, &subject) == NGX_OK;
}


static uint64_t
ngx_http_mesh_stats_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* numbers first, then histograms, each in the order of names, as in Envoy */

static ngx_int_t
ngx_http_mesh_stats_text(ngx_http_mesh_admin_t *a)
{
    u_char                 *end;
    ngx_int_t               rc;
    ngx_http_mesh_stats_t  *s;

    s = a->data;

    ngx_http_mesh_stats_step(a);

    rc = ngx_http_mesh_stats_next(a);

    if (rc == NGX_DONE && s->it.types == NGX_MESH_STATS_SCALARS) {
        s->it.types = NGX_MESH_STATS_HISTOGRAMS;
        s->it.set = 0;
        return NGX_AGAIN;
    }

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_OK : rc;
    }

    end = a->buf->end;

    a->buf->last = ngx_mesh_stats_text_name(a->buf->last, end, &s->sample);

    if (s->sample.stat->type == NGX_MESH_STATS_HISTOGRAM) {
        ngx_http_mesh_admin_print(a, ":");
        a->buf->last = ngx_mesh_stats_text_quantiles(a->buf->last, end,
                                                     &s->sample);
        ngx_http_mesh_admin_print(a, "\n");

    } else {
        ngx_http_mesh_admin_print(a, ": %uL\n",
                             s->sample.row->values[s->sample.stat->value]);
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_mesh_stats_prometheus(ngx_http_mesh_admin_t *a)
{
    u_char                 *end;
    ngx_int_t               rc;
    ngx_http_mesh_stats_t  *s;

    s = a->data;
    end = a->buf->end;

    ngx_http_mesh_stats_step(a);

    if (s->line == 0) {
        rc = ngx_http_mesh_stats_next(a);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : rc;
        }

        if (s->sample.first) {
            s->it.told = 1;
            a->buf->last = ngx_mesh_stats_prometheus_head(a->buf->last, end,
                                                          &s->sample);
        }
    }

    /* the row of a sample is good until the next one is asked for */

    a->buf->last = ngx_mesh_stats_prometheus_line(a->buf->last, end, s->pass,
                                                  &s->sample, s->line);

    if (s->sample.stat->type == NGX_MESH_STATS_HISTOGRAM
        && ++s->line == NGX_MESH_STATS_LINES)
    {
        s->line = 0;
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_mesh_stats_json(ngx_http_mesh_admin_t *a)
{
    ngx_int_t               rc;
    ngx_http_mesh_stats_t  *s;

    s = a->data;

    if (a->step == 0) {
        a->step = 1;
        ngx_http_mesh_admin_print(a, "{\"stats\":[");
    }

    ngx_http_mesh_stats_step(a);

    rc = ngx_http_mesh_stats_next(a);

    if (rc == NGX_AGAIN || rc == NGX_ERROR) {
        return rc;
    }

    if (rc == NGX_DONE) {
        if (s->it.types == NGX_MESH_STATS_SCALARS) {
            return ngx_http_mesh_stats_json_middle(a);
        }

        ngx_http_mesh_admin_print(a, "]}}]}\n");
        return NGX_OK;
    }

    if (s->members++) {
        ngx_http_mesh_admin_print(a, ",");
    }

    ngx_http_mesh_stats_json_sample(a);

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_mesh_stats_json_middle(ngx_http_mesh_admin_t *a)
{
    ngx_uint_t              i;
    ngx_http_mesh_stats_t  *s;

    s = a->data;

    ngx_http_mesh_admin_print(a, "%s{\"histograms\":"
                                 "{\"supported_quantiles\":[",
                              s->members ? "," : "");

    for (i = 0; i < NGX_MESH_STATS_QUANTILES; i++) {
        ngx_http_mesh_admin_print(a, i ? "," : "");
        a->buf->last = ngx_mesh_stats_number(a->buf->last, a->buf->end,
                                             ngx_mesh_stats_quantiles[i]);
    }

    ngx_http_mesh_admin_print(a, "],\"computed_quantiles\":[");

    s->members = 0;
    s->it.types = NGX_MESH_STATS_HISTOGRAMS;
    s->it.set = 0;

    return NGX_AGAIN;
}


static void
ngx_http_mesh_stats_json_sample(ngx_http_mesh_admin_t *a)
{
    u_char                  name[4096], *end;
    size_t                  len;
    ngx_http_mesh_stats_t  *s;

    s = a->data;

    /* escaping makes a byte six at most, and names are far shorter than that */

    end = ngx_mesh_stats_text_name(name, name + sizeof(name), &s->sample);
    len = end - name;

    ngx_http_mesh_admin_print(a, "{\"name\":\"");

    if ((size_t) (a->buf->end - a->buf->last)
        > len + ngx_escape_json(NULL, name, len))
    {
        a->buf->last = (u_char *) ngx_escape_json(a->buf->last, name, len);
    }

    if (s->sample.stat->type == NGX_MESH_STATS_HISTOGRAM) {
        ngx_http_mesh_stats_json_quantiles(a);
        return;
    }

    ngx_http_mesh_admin_print(a, "\",\"value\":%uL}",
                              s->sample.row->values[s->sample.stat->value]);
}


static void
ngx_http_mesh_stats_json_quantiles(ngx_http_mesh_admin_t *a)
{
    double                  q, scale;
    uint64_t               *values;
    ngx_uint_t              i;
    ngx_http_mesh_stats_t  *s;

    s = a->data;

    values = &s->sample.row->values[s->sample.stat->value];
    scale = ngx_mesh_stats_scale(s->sample.stat);

    ngx_http_mesh_admin_print(a, "\",\"values\":[");

    for (i = 0; i < NGX_MESH_STATS_QUANTILES; i++) {
        q = ngx_mesh_stats_quantile(values, ngx_mesh_stats_quantiles[i] / 100);

        ngx_http_mesh_admin_print(a, "%s{\"interval\":null,\"cumulative\":",
                                  i ? "," : "");

        if (q < 0) {
            ngx_http_mesh_admin_print(a, "null}");
            continue;
        }

        a->buf->last = ngx_mesh_stats_number(a->buf->last, a->buf->end,
                                             q * scale);
        ngx_http_mesh_admin_print(a, "}");
    }

    ngx_http_mesh_admin_print(a, "]}");
}
