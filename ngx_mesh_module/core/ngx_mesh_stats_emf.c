
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Rows as documents in the embedded metric format of CloudWatch: the metrics of
 * App Mesh's extension, under the names and dimensions that the CloudWatch
 * agent gives them, and few of our own.  CloudWatch adds up what documents say
 * of the same metric and dimensions, so that a document tells a target's
 * numbers for the target, for its node and for the proxy.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_stats_sink.h"


typedef struct {
    const char              *name;
    const char              *unit;
    ngx_mesh_stats_type_e    type;
    uint64_t                *values;
    uint64_t                *told;              /* NULL: it is a gauge */
    ngx_uint_t               always;
} ngx_mesh_emf_metric_t;

#define NGX_MESH_EMF_METRICS  16


static ngx_uint_t ngx_mesh_emf_metrics(ngx_mesh_stats_set_e set,
    ngx_mesh_stats_row_t *row, uint64_t *told, ngx_mesh_emf_metric_t *metrics);
static u_char *ngx_mesh_emf_head(u_char *p, u_char *last, ngx_mesh_stats_t *st,
    ngx_mesh_sink_conf_t *conf, ngx_mesh_stats_set_e set, uint64_t now_ms);
static u_char *ngx_mesh_emf_dimensions(u_char *p, u_char *last,
    ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set);
static u_char *ngx_mesh_emf_string(u_char *p, u_char *last, ngx_str_t *s);
static u_char *ngx_mesh_emf_histogram(u_char *p, u_char *last,
    const uint64_t *delta);
static ngx_uint_t ngx_mesh_emf_silent(ngx_mesh_emf_metric_t *metric);
static ngx_int_t ngx_mesh_emf_sent(ngx_mesh_stats_sent_t *sent,
    ngx_mesh_emf_metric_t *metric);


u_char *
ngx_mesh_stats_emf_document(u_char *p, u_char *last, ngx_mesh_stats_t *st,
    ngx_mesh_sink_conf_t *conf, ngx_mesh_stats_set_e set,
    ngx_mesh_stats_row_t *row, uint64_t *told, uint64_t now_ms,
    ngx_mesh_stats_sent_t *sent)
{
    u_char                  *start;
    uint64_t                 delta[NGX_MESH_METRICS_HISTOGRAM];
    ngx_uint_t               i, k, n, told_any;
    const char              *label;
    ngx_mesh_emf_metric_t    metrics[NGX_MESH_EMF_METRICS], *m;

    start = p;
    told_any = 0;

    n = ngx_mesh_emf_metrics(set, row, told, metrics);

    p = ngx_mesh_emf_head(p, last, st, conf, set, now_ms);

    for (i = 0; i < n; i++) {
        m = &metrics[i];

        if (ngx_mesh_emf_silent(m)) {
            continue;
        }

        p = ngx_slprintf(p, last, "%s{\"Name\":\"envoy_appmesh_%s\","
                                  "\"Unit\":\"%s\"}",
                         told_any++ ? "," : "", m->name, m->unit);
    }

    p = ngx_slprintf(p, last, "]}]}");

    for (i = 0; i < NGX_MESH_STATS_LABELS; i++) {
        label = ngx_mesh_stats_label(st, set, i);

        if (label == NULL) {
            break;
        }

        p = ngx_slprintf(p, last, ",\"%s\":", label);
        p = ngx_mesh_emf_string(p, last, &row->labels[i]);
    }

    for (i = 0; i < n; i++) {
        m = &metrics[i];

        if (ngx_mesh_emf_silent(m)) {
            continue;
        }

        p = ngx_slprintf(p, last, ",\"envoy_appmesh_%s\":", m->name);

        if (m->type == NGX_MESH_STATS_HISTOGRAM) {

            for (k = 0; k < NGX_MESH_METRICS_HISTOGRAM; k++) {
                delta[k] = ngx_mesh_told_delta(m->values[k], m->told[k]);
            }

            p = ngx_mesh_emf_histogram(p, last, delta);

        } else {
            p = ngx_slprintf(p, last, "%uL",
                             m->told ? ngx_mesh_told_delta(m->values[0],
                                                           m->told[0])
                                     : m->values[0]);
        }

        if (ngx_mesh_emf_sent(sent, m) != NGX_OK) {
            return NULL;
        }
    }

    p = ngx_slprintf(p, last, "}\n");

    if (p == last) {
        return NULL;
    }

    return told_any ? p : start;
}


static ngx_uint_t
ngx_mesh_emf_metrics(ngx_mesh_stats_set_e set, ngx_mesh_stats_row_t *row,
    uint64_t *told, ngx_mesh_emf_metric_t *metrics)
{
    ngx_uint_t        n;
    ngx_mesh_stat_t  *stat;

    n = 0;

    for (stat = ngx_mesh_stats_sets[set].stats; stat->name; stat++, n++) {

        metrics[n].name = stat->name;
        metrics[n].type = stat->type;
        metrics[n].values = &row->values[stat->value];
        metrics[n].told = (stat->type == NGX_MESH_STATS_GAUGE)
                          ? NULL : &told[stat->value];
        metrics[n].always = (set == NGX_MESH_STATS_APPMESH);
        metrics[n].unit = (stat->type == NGX_MESH_STATS_HISTOGRAM)
                          ? "Milliseconds" : "Count";

        if (ngx_strstr(stat->name, "Bytes")) {
            metrics[n].unit = "Bytes";
        }
    }

    return n;
}


/*
 * A metric costs where it has data: of targets only what has moved is told.
 * The node's own are always told, so that alarms have something to look at.
 */

static ngx_uint_t
ngx_mesh_emf_silent(ngx_mesh_emf_metric_t *metric)
{
    ngx_uint_t  i;

    if (metric->told == NULL || metric->always) {
        return 0;
    }

    if (metric->type != NGX_MESH_STATS_HISTOGRAM) {
        return metric->values[0] == metric->told[0];
    }

    for (i = 0; i < NGX_MESH_METRICS_BUCKETS; i++) {
        if (metric->values[i] != metric->told[i]) {
            return 0;
        }
    }

    return 1;
}


static u_char *
ngx_mesh_emf_head(u_char *p, u_char *last, ngx_mesh_stats_t *st,
    ngx_mesh_sink_conf_t *conf, ngx_mesh_stats_set_e set, uint64_t now_ms)
{
    p = ngx_slprintf(p, last, "{\"_aws\":{\"Timestamp\":%uL,", now_ms);

    if (conf->log_group.len) {
        p = ngx_slprintf(p, last, "\"LogGroupName\":");
        p = ngx_mesh_emf_string(p, last, &conf->log_group);
        p = ngx_slprintf(p, last, ",");
    }

    p = ngx_slprintf(p, last, "\"CloudWatchMetrics\":[{\"Namespace\":");
    p = ngx_mesh_emf_string(p, last, &conf->name_space);
    p = ngx_slprintf(p, last, ",\"Dimensions\":[");
    p = ngx_mesh_emf_dimensions(p, last, st, set);

    return ngx_slprintf(p, last, "],\"Metrics\":[");
}


static u_char *
ngx_mesh_emf_dimensions(u_char *p, u_char *last, ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set)
{
    const char  *mesh, *node;

    mesh = ngx_mesh_stats_label(st, set, 0);
    node = ngx_mesh_stats_label(st, set, 1);

    p = ngx_slprintf(p, last, "[\"%s\",\"%s\"]", mesh, node);

    if (set == NGX_MESH_STATS_APPMESH) {
        return p;
    }

    return ngx_slprintf(p, last, ",[\"%s\",\"%s\",\"TargetVirtualNode\"],"
                                 "[\"%s\",\"%s\",\"TargetVirtualNode\","
                                 "\"TargetVirtualService\"]",
                        mesh, node, mesh, node);
}


static u_char *
ngx_mesh_emf_string(u_char *p, u_char *last, ngx_str_t *s)
{
    size_t  len;

    len = s->len + ngx_escape_json(NULL, s->data, s->len);

    p = ngx_slprintf(p, last, "\"");

    if ((size_t) (last - p) <= len) {
        return last;
    }

    p = (u_char *) ngx_escape_json(p, s->data, s->len);

    return ngx_slprintf(p, last, "\"");
}


/* as the CloudWatch agent writes a distribution */

static u_char *
ngx_mesh_emf_histogram(u_char *p, u_char *last, const uint64_t *delta)
{
    double      values[NGX_MESH_METRICS_BUCKETS], min, max;
    ngx_uint_t  i, n;

    ngx_mesh_stats_spread(delta, values);

    min = -1;
    max = 0;

    p = ngx_slprintf(p, last, "{\"Values\":[");

    for (i = 0, n = 0; i < NGX_MESH_METRICS_BUCKETS; i++) {
        if (delta[i]) {
            min = (n == 0) ? values[i] : min;
            max = values[i];

            p = ngx_slprintf(p, last, n++ ? "," : "");
            p = ngx_mesh_stats_number(p, last, values[i]);
        }
    }

    p = ngx_slprintf(p, last, "],\"Counts\":[");

    for (i = 0, n = 0; i < NGX_MESH_METRICS_BUCKETS; i++) {
        if (delta[i]) {
            p = ngx_slprintf(p, last, "%s%uL", n++ ? "," : "", delta[i]);
        }
    }

    p = ngx_slprintf(p, last, "],\"Min\":");
    p = ngx_mesh_stats_number(p, last, min);
    p = ngx_slprintf(p, last, ",\"Max\":");
    p = ngx_mesh_stats_number(p, last, max);

    return ngx_slprintf(p, last, ",\"Count\":%uL,\"Sum\":%uL}",
                        ngx_mesh_stats_count(delta),
                        delta[NGX_MESH_METRICS_BUCKETS]);
}


static ngx_int_t
ngx_mesh_emf_sent(ngx_mesh_stats_sent_t *sent, ngx_mesh_emf_metric_t *metric)
{
    ngx_uint_t  i, n;

    if (metric->told == NULL) {
        return NGX_OK;
    }

    n = (metric->type == NGX_MESH_STATS_HISTOGRAM) ? NGX_MESH_METRICS_HISTOGRAM
                                                   : 1;

    if (sent->n + n > NGX_MESH_STATS_PENDING) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        sent->values[sent->n].told = &metric->told[i];
        sent->values[sent->n++].value = metric->values[i];
    }

    return NGX_OK;
}
