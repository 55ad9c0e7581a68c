
/*
 * Copyright (C) nginx mesh contributors
 */

/* Samples as texts: names, labels, lines of Prometheus, quantiles. */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_stats.h"


static u_char *ngx_mesh_stats_name(u_char *p, u_char *last, const char *name);
static u_char *ngx_mesh_stats_prometheus_labels(u_char *p, u_char *last,
    ngx_mesh_stats_t *st, ngx_mesh_stats_sample_t *sample, ngx_int_t bucket);
static u_char *ngx_mesh_stats_prometheus_label(u_char *p, u_char *last,
    ngx_uint_t *n, const char *name, ngx_str_t *value);


const double  ngx_mesh_stats_quantiles[NGX_MESH_STATS_QUANTILES] = {
    0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100
};


u_char *
ngx_mesh_stats_text_name(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample)
{
    ngx_uint_t             i;
    ngx_mesh_stats_set_t  *set;

    set = &ngx_mesh_stats_sets[sample->set];

    p = ngx_slprintf(p, last, "%s.", set->prefix);

    for (i = 0; i < NGX_MESH_STATS_LABELS && set->labels[i]; i++) {
        p = ngx_slprintf(p, last, "%V.", &sample->row->labels[i]);
    }

    return ngx_slprintf(p, last, "%s", sample->stat->text ? sample->stat->text
                                                          : sample->stat->name);
}


u_char *
ngx_mesh_stats_bare_name(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample)
{
    return ngx_slprintf(p, last, "%s.%s",
                        ngx_mesh_stats_sets[sample->set].prefix,
                        sample->stat->name);
}


u_char *
ngx_mesh_stats_prometheus_name(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample)
{
    ngx_mesh_stats_set_t  *set;

    set = &ngx_mesh_stats_sets[sample->set];

    if (set->vendor[0]) {
        p = ngx_slprintf(p, last, "%s_", set->vendor);
    }

    p = ngx_mesh_stats_name(p, last, set->prefix);
    p = ngx_slprintf(p, last, "_");

    return ngx_mesh_stats_name(p, last, sample->stat->name);
}


/* what a name may have there */

static u_char *
ngx_mesh_stats_name(u_char *p, u_char *last, const char *name)
{
    for ( /* void */ ; *name && p < last; name++) {
        *p++ = (*name == '.' || *name == '-') ? '_' : *name;
    }

    return p;
}


u_char *
ngx_mesh_stats_prometheus_head(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample)
{
    static const char  *types[] = { "counter", "gauge", "histogram" };

    p = ngx_slprintf(p, last, "# HELP ");
    p = ngx_mesh_stats_prometheus_name(p, last, sample);
    p = ngx_slprintf(p, last, " %s\n# TYPE ", sample->stat->help);
    p = ngx_mesh_stats_prometheus_name(p, last, sample);

    return ngx_slprintf(p, last, " %s\n", types[sample->stat->type]);
}


u_char *
ngx_mesh_stats_prometheus_line(u_char *p, u_char *last, ngx_mesh_stats_t *st,
    ngx_mesh_stats_sample_t *sample, ngx_uint_t line)
{
    uint64_t    *values, n;
    ngx_uint_t   i;

    values = &sample->row->values[sample->stat->value];

    p = ngx_mesh_stats_prometheus_name(p, last, sample);

    if (sample->stat->type != NGX_MESH_STATS_HISTOGRAM) {
        p = ngx_mesh_stats_prometheus_labels(p, last, st, sample, -1);

        return ngx_slprintf(p, last, " %uL\n", values[0]);
    }

    if (line < NGX_MESH_METRICS_BUCKETS) {

        for (i = 0, n = 0; i <= line; i++) {
            n += values[i];
        }

        p = ngx_slprintf(p, last, "_bucket");
        p = ngx_mesh_stats_prometheus_labels(p, last, st, sample, line);

        return ngx_slprintf(p, last, " %uL\n", n);
    }

    if (line == NGX_MESH_METRICS_BUCKETS) {
        p = ngx_slprintf(p, last, "_sum");
        p = ngx_mesh_stats_prometheus_labels(p, last, st, sample, -1);
        p = ngx_slprintf(p, last, " ");
        p = ngx_mesh_stats_number(p, last,
                                  values[NGX_MESH_METRICS_BUCKETS]
                                  * ngx_mesh_stats_scale(sample->stat));

        return ngx_slprintf(p, last, "\n");
    }

    p = ngx_slprintf(p, last, "_count");
    p = ngx_mesh_stats_prometheus_labels(p, last, st, sample, -1);

    return ngx_slprintf(p, last, " %uL\n", ngx_mesh_stats_count(values));
}


static u_char *
ngx_mesh_stats_prometheus_labels(u_char *p, u_char *last, ngx_mesh_stats_t *st,
    ngx_mesh_stats_sample_t *sample, ngx_int_t bucket)
{
    u_char                *end, le[32];
    ngx_str_t              names[2], values[2], value;
    ngx_uint_t             i, n, tags;
    ngx_mesh_stats_set_t  *set;

    set = &ngx_mesh_stats_sets[sample->set];
    n = 0;

    tags = ngx_mesh_stats_tags(st, names, values);

    for (i = 0; i < tags; i++) {
        p = ngx_mesh_stats_prometheus_label(p, last, &n,
                                            (char *) names[i].data, &values[i]);
    }

    for (i = 0; i < NGX_MESH_STATS_LABELS && set->labels[i]; i++) {
        p = ngx_mesh_stats_prometheus_label(p, last, &n,
                                    ngx_mesh_stats_label(st, sample->set, i),
                                    &sample->row->labels[i]);
    }

    if (sample->stat->tag) {
        value.data = (u_char *) sample->stat->tag;
        value.len = ngx_strlen(value.data);

        p = ngx_mesh_stats_prometheus_label(p, last, &n, set->tag, &value);
    }

    if (bucket >= 0) {
        end = (bucket == NGX_MESH_METRICS_BOUNDS)
              ? ngx_slprintf(le, le + sizeof(le), "+Inf")
              : ngx_mesh_stats_number(le, le + sizeof(le),
                                      ngx_mesh_metrics_bounds[bucket]
                                      * ngx_mesh_stats_scale(sample->stat));
        value.data = le;
        value.len = end - le;

        p = ngx_mesh_stats_prometheus_label(p, last, &n, "le", &value);
    }

    return n ? ngx_slprintf(p, last, "}") : p;
}


static u_char *
ngx_mesh_stats_prometheus_label(u_char *p, u_char *last, ngx_uint_t *n,
    const char *name, ngx_str_t *value)
{
    u_char  *q, *end;

    p = ngx_slprintf(p, last, (*n)++ ? "," : "{");
    p = ngx_mesh_stats_name(p, last, name);
    p = ngx_slprintf(p, last, "=\"");

    end = value->data + value->len;

    for (q = value->data; q < end && last - p > 2; q++) {

        if (*q == '\\' || *q == '"' || *q == '\n') {
            *p++ = '\\';
            *p++ = (*q == '\n') ? 'n' : *q;
            continue;
        }

        *p++ = *q;
    }

    return ngx_slprintf(p, last, "\"");
}


/* up to six decimals, none that is not needed */

u_char *
ngx_mesh_stats_number(u_char *p, u_char *last, double n)
{
    u_char      text[NGX_INT64_LEN + sizeof(".000000")], *end;
    uint64_t    micro, whole;
    ngx_uint_t  rest;

    if (n < 0 || n > 9e12) {
        n = (n < 0) ? 0 : 9e12;
    }

    micro = (uint64_t) (n * 1e6 + 0.5);
    whole = micro / 1000000;
    rest = (ngx_uint_t) (micro % 1000000);

    end = ngx_sprintf(text, "%uL.%06ui", whole, rest);

    while (end[-1] == '0') {
        end--;
    }

    if (end[-1] == '.') {
        end--;
    }

    return ngx_slprintf(p, last, "%*s", (size_t) (end - text), text);
}


double
ngx_mesh_stats_scale(ngx_mesh_stat_t *stat)
{
    size_t  len;

    len = ngx_strlen(stat->name);

    return (len > 8 && ngx_strcmp(stat->name + len - 8, "_seconds") == 0)
           ? 0.001 : 1;
}


/* a name in UpperCamel is of the virtual node or of the virtual gateway */

const char *
ngx_mesh_stats_label(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set,
    ngx_uint_t n)
{
    const char  *name;

    name = ngx_mesh_stats_sets[set].labels[n];

    if (name
        && ngx_strcmp(name, "VirtualNode") == 0
        && ngx_mesh_stats_gateway(st))
    {
        return "VirtualGateway";
    }

    return name;
}


u_char *
ngx_mesh_stats_text_quantiles(u_char *p, u_char *last,
    ngx_mesh_stats_sample_t *sample)
{
    double      q, scale;
    uint64_t   *histogram;
    ngx_uint_t  i;

    histogram = &sample->row->values[sample->stat->value];
    scale = ngx_mesh_stats_scale(sample->stat);

    if (ngx_mesh_stats_count(histogram) == 0) {
        return ngx_slprintf(p, last, " No recorded values");
    }

    for (i = 0; i < NGX_MESH_STATS_QUANTILES; i++) {
        q = ngx_mesh_stats_quantiles[i];

        p = ngx_slprintf(p, last, " P");
        p = ngx_mesh_stats_number(p, last, q);
        p = ngx_slprintf(p, last, "(nan,");
        p = ngx_mesh_stats_number(p, last,
                                  ngx_mesh_stats_quantile(histogram, q / 100)
                                  * scale);
        p = ngx_slprintf(p, last, ")");
    }

    return p;
}


uint64_t
ngx_mesh_stats_count(const uint64_t *histogram)
{
    uint64_t    n;
    ngx_uint_t  i;

    for (i = 0, n = 0; i < NGX_MESH_METRICS_BUCKETS; i++) {
        n += histogram[i];
    }

    return n;
}


/* linear in a bucket; what exceeds all bounds is as far as it can be known */

double
ngx_mesh_stats_quantile(const uint64_t *histogram, double q)
{
    double      rank, low, high;
    uint64_t    n, below;
    ngx_uint_t  i;

    n = ngx_mesh_stats_count(histogram);

    if (n == 0) {
        return -1;
    }

    rank = q * (double) n;
    below = 0;

    for (i = 0; i < NGX_MESH_METRICS_BOUNDS; i++) {

        if (histogram[i] && (double) (below + histogram[i]) >= rank) {
            low = i ? ngx_mesh_metrics_bounds[i - 1] : 0;
            high = ngx_mesh_metrics_bounds[i];

            rank -= (double) below;

            return low + (high - low) * ngx_max(rank, 0)
                                      / (double) histogram[i];
        }

        below += histogram[i];
    }

    return ngx_mesh_metrics_bounds[NGX_MESH_METRICS_BOUNDS - 1];
}


/*
 * All values are as far into their buckets as gives the sum; what is beyond
 * the last bound takes the rest of it.
 */

void
ngx_mesh_stats_spread(const uint64_t *histogram,
    double values[NGX_MESH_METRICS_BUCKETS])
{
    double      low, least, width, over, f;
    ngx_uint_t  i;

    least = 0;
    width = 0;

    for (i = 0; i < NGX_MESH_METRICS_BUCKETS; i++) {
        low = i ? ngx_mesh_metrics_bounds[i - 1] : 0;
        least += low * (double) histogram[i];

        if (i < NGX_MESH_METRICS_BOUNDS) {
            width += (ngx_mesh_metrics_bounds[i] - low)
                     * (double) histogram[i];
        }
    }

    over = (double) histogram[NGX_MESH_METRICS_BUCKETS] - least;

    f = (width > 0) ? over / width : 0;
    f = ngx_min(ngx_max(f, 0), 1);

    over = ngx_max(over - f * width, 0);

    for (i = 0; i < NGX_MESH_METRICS_BOUNDS; i++) {
        low = i ? ngx_mesh_metrics_bounds[i - 1] : 0;
        values[i] = low + f * (ngx_mesh_metrics_bounds[i] - low);
    }

    values[i] = ngx_mesh_metrics_bounds[i - 1]
                + (histogram[i] ? over / (double) histogram[i] : 0);
}
