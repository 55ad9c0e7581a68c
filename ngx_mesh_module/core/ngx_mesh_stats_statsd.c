
/*
 * Copyright (C) nginx mesh contributors
 */

/* Samples as lines of DogStatsD. */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_stats_sink.h"


static u_char *ngx_mesh_stats_statsd_value(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample, const uint64_t *delta, ngx_uint_t line);
static u_char *ngx_mesh_stats_statsd_tags(u_char *p, u_char *last,
    ngx_mesh_stats_t *st, ngx_mesh_stats_sample_t *sample);
static u_char *ngx_mesh_stats_statsd_tag(u_char *p, u_char *last,
    ngx_uint_t *n, const char *name, ngx_str_t *value);


void
ngx_mesh_stats_commit(ngx_mesh_stats_sent_t *sent)
{
    ngx_uint_t  i;

    for (i = 0; i < sent->n; i++) {
        *sent->values[i].told = sent->values[i].value;
    }

    sent->n = 0;
}


void
ngx_mesh_stats_delta(ngx_mesh_stats_sample_t *sample, const uint64_t *told,
    uint64_t *delta)
{
    uint64_t    *values;
    ngx_uint_t   i, n;

    values = &sample->row->values[sample->stat->value];
    told += sample->stat->value;

    n = (sample->stat->type == NGX_MESH_STATS_HISTOGRAM)
        ? NGX_MESH_METRICS_HISTOGRAM : 1;

    for (i = 0; i < n; i++) {
        delta[i] = ngx_mesh_told_delta(values[i], told[i]);
    }
}


u_char *
ngx_mesh_stats_statsd_line(u_char *p, u_char *last, ngx_mesh_stats_t *st,
    ngx_mesh_stats_sample_t *sample, const uint64_t *delta, uint64_t *told,
    ngx_uint_t line, ngx_mesh_stats_sent_t *sent)
{
    u_char      *start;
    uint64_t    *values;
    ngx_uint_t   histogram;

    histogram = (sample->stat->type == NGX_MESH_STATS_HISTOGRAM);

    if (sample->stat->type != NGX_MESH_STATS_GAUGE && delta[line] == 0) {
        return p;
    }

    if (sent->n + 2 > NGX_MESH_STATS_PENDING) {
        return NULL;
    }

    start = p;

    if (ngx_mesh_stats_sets[sample->set].vendor[0]) {
        p = ngx_slprintf(p, last, "%s.",
                         ngx_mesh_stats_sets[sample->set].vendor);
    }

    p = ngx_mesh_stats_bare_name(p, last, sample);
    p = ngx_mesh_stats_statsd_value(p, last, sample, delta, line);
    p = ngx_mesh_stats_statsd_tags(p, last, st, sample);
    p = ngx_slprintf(p, last, "\n");

    if (p == last || p == start) {
        return NULL;
    }

    values = &sample->row->values[sample->stat->value];
    told += sample->stat->value;

    sent->values[sent->n].told = &told[line];
    sent->values[sent->n++].value = values[line];

    /* the sum was used up by the first line, all of them having been made */

    if (histogram) {
        sent->values[sent->n].told = &told[NGX_MESH_METRICS_BUCKETS];
        sent->values[sent->n++].value = values[NGX_MESH_METRICS_BUCKETS];
    }

    return p;
}


static u_char *
ngx_mesh_stats_statsd_value(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample, const uint64_t *delta, ngx_uint_t line)
{
    double  values[NGX_MESH_METRICS_BUCKETS], scale;

    switch (sample->stat->type) {

    case NGX_MESH_STATS_COUNTER:
        return ngx_slprintf(p, last, ":%uL|c", delta[0]);

    case NGX_MESH_STATS_GAUGE:
        return ngx_slprintf(p, last, ":%uL|g",
                            sample->row->values[sample->stat->value]);

    default: /* NGX_MESH_STATS_HISTOGRAM */
        break;
    }

    scale = ngx_mesh_stats_scale(sample->stat);

    ngx_mesh_stats_spread(delta, values);

    p = ngx_slprintf(p, last, ":");
    p = ngx_mesh_stats_number(p, last, values[line] * scale);
    p = ngx_slprintf(p, last, scale == 1 ? "|ms" : "|h");

    /* rounded down: who takes the inverse and cuts it gets the number */

    if (delta[line] > 1) {
        p = ngx_slprintf(p, last, "|@0.%015uL",
                         (uint64_t) 1000000000000000 / delta[line]);
    }

    return p;
}


static u_char *
ngx_mesh_stats_statsd_tags(u_char *p, u_char *last, ngx_mesh_stats_t *st,
    ngx_mesh_stats_sample_t *sample)
{
    ngx_str_t              names[2], values[2], value;
    ngx_uint_t             i, n, tags;
    ngx_mesh_stats_set_t  *set;

    set = &ngx_mesh_stats_sets[sample->set];
    n = 0;

    tags = ngx_mesh_stats_tags(st, names, values);

    for (i = 0; i < tags; i++) {
        p = ngx_mesh_stats_statsd_tag(p, last, &n, (char *) names[i].data,
                                      &values[i]);
    }

    for (i = 0; i < NGX_MESH_STATS_LABELS && set->labels[i]; i++) {
        p = ngx_mesh_stats_statsd_tag(p, last, &n,
                                    ngx_mesh_stats_label(st, sample->set, i),
                                    &sample->row->labels[i]);
    }

    if (sample->stat->tag) {
        value.data = (u_char *) sample->stat->tag;
        value.len = ngx_strlen(value.data);

        p = ngx_mesh_stats_statsd_tag(p, last, &n, set->tag, &value);
    }

    return p;
}


/* what separates tags and lines is not to be in one */

static u_char *
ngx_mesh_stats_statsd_tag(u_char *p, u_char *last, ngx_uint_t *n,
    const char *name, ngx_str_t *value)
{
    u_char  *q, *end;

    p = ngx_slprintf(p, last, "%s%s:", (*n)++ ? "," : "|#", name);

    end = value->data + value->len;

    for (q = value->data; q < end && p < last; q++) {
        *p++ = (*q == '|' || *q == ',' || *q == '#' || *q < 0x20) ? '_' : *q;
    }

    return p;
}
