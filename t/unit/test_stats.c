
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Statistics: the table of names, numbers and quantiles, lines of Prometheus
 * and DogStatsD, documents of CloudWatch, and the memory of what was told.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_stats.h>
#include <ngx_mesh_stats_parts.h>
#include <ngx_mesh_stats_sink.h>
#include <ngx_mesh_told.h>

#include <sys/mman.h>

#include "ngx_mesh_unit.h"


static ngx_str_t *
mesh_unit_stats_text(u_char *buf, u_char *end)
{
    static ngx_str_t  text;

    text.data = buf;
    text.len = end ? end - buf : 0;

    return &text;
}


static void
mesh_unit_stats_table(ngx_mesh_unit_t *u)
{
    size_t            len;
    ngx_uint_t        i;
    const char       *text, *last;
    ngx_mesh_stat_t  *stat;

    for (i = 0; i < NGX_MESH_STATS_SETS; i++) {
        last = "";

        for (stat = ngx_mesh_stats_sets[i].stats; stat->name; stat++) {
            text = stat->text ? stat->text : stat->name;

            MESH_OK(ngx_strcmp(last, text) < 0, "%s is behind %s", text, last);
            MESH_OK(stat->help && stat->help[0], "%s has a help", text);
            MESH_OK((stat->tag == NULL) == (stat->text == NULL),
                    "%s has both a tag and a text, or neither", text);

            last = text;
            len = ngx_strlen(stat->name);

            if (ngx_mesh_stats_sets[i].vendor[0] == '\0') {
                MESH_OK((stat->type == NGX_MESH_STATS_COUNTER)
                        == (len > 6
                            && ngx_strcmp(stat->name + len - 6, "_total") == 0),
                        "%s ends in _total if it is a counter", text);
            }
        }
    }
}

MESH_UNIT(mesh_unit_stats_table)


static void
mesh_unit_stats_number(ngx_mesh_unit_t *u)
{
    u_char      buf[64];
    ngx_uint_t  i;

    static struct { double n; const char *text; }  cases[] = {
        { 0, "0" }, { 1, "1" }, { 0.5, "0.5" }, { 100, "100" },
        { 0.0005, "0.0005" }, { 2.25, "2.25" }, { 1e-9, "0" },
        { 3600000, "3600000" }, { 99.9, "99.9" }, { -3, "0" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        MESH_IS_STR(mesh_unit_stats_text(buf, ngx_mesh_stats_number(buf,
                                               buf + 63, cases[i].n)),
                cases[i].text, "number %s", cases[i].text);
    }
}

MESH_UNIT(mesh_unit_stats_number)


static void
mesh_unit_stats_quantile(ngx_mesh_unit_t *u)
{
    double    q;
    uint64_t  h[NGX_MESH_METRICS_HISTOGRAM];

    ngx_memzero(h, sizeof(h));

    MESH_OK(ngx_mesh_stats_quantile(h, 0.5) < 0, "none of an empty one");

    h[3] = 10;                                  /* 5 to 10 ms */

    q = ngx_mesh_stats_quantile(h, 0);
    MESH_OK(q == 5, "P0 is the lower bound");
    q = ngx_mesh_stats_quantile(h, 0.5);
    MESH_OK(q == 7.5, "P50 is in the middle");
    q = ngx_mesh_stats_quantile(h, 1);
    MESH_OK(q == 10, "P100 is the upper bound");

    h[NGX_MESH_METRICS_BOUNDS] = 90;
    q = ngx_mesh_stats_quantile(h, 0.5);
    MESH_OK(q == ngx_mesh_metrics_bounds[NGX_MESH_METRICS_BOUNDS - 1],
            "what exceeds all bounds is the last bound");
}

MESH_UNIT(mesh_unit_stats_quantile)


/* random histograms of known values: the sum is kept, values stay in buckets */

static void
mesh_unit_stats_spread(ngx_mesh_unit_t *u)
{
    double      values[NGX_MESH_METRICS_BUCKETS], sum, low;
    uint32_t    random, ms;
    uint64_t    h[NGX_MESH_METRICS_HISTOGRAM];
    ngx_uint_t  i, k, n, round, bad_sum, bad_value;

    random = 1;
    bad_sum = 0;
    bad_value = 0;

    for (round = 0; round < 1000; round++) {
        ngx_memzero(h, sizeof(h));

        random = random * 1664525 + 1013904223;
        n = 1 + (random >> 8) % 50;

        for (i = 0; i < n; i++) {
            random = random * 1664525 + 1013904223;
            ms = (random >> 8) % (1u << (random >> 27));

            for (k = 0; k < NGX_MESH_METRICS_BOUNDS; k++) {
                if ((double) ms <= ngx_mesh_metrics_bounds[k]) {
                    break;
                }
            }

            h[k]++;
            h[NGX_MESH_METRICS_BUCKETS] += ms;
        }

        ngx_mesh_stats_spread(h, values);

        sum = 0;

        for (k = 0; k < NGX_MESH_METRICS_BUCKETS; k++) {
            low = k ? ngx_mesh_metrics_bounds[k - 1] : 0;

            if (values[k] < low
                || (k < NGX_MESH_METRICS_BOUNDS
                    && values[k] > ngx_mesh_metrics_bounds[k]))
            {
                bad_value++;
            }

            sum += values[k] * (double) h[k];
        }

        sum -= (double) h[NGX_MESH_METRICS_BUCKETS];
        bad_sum += (sum > 0.01 || sum < -0.01);
    }

    MESH_OK(bad_sum == 0, "sums are kept, but %ui", bad_sum);
    MESH_OK(bad_value == 0, "values are in their buckets, but %ui", bad_value);
}

MESH_UNIT(mesh_unit_stats_spread)


/* a pass without rows, and a sample of a set */

static void
mesh_unit_stats_pass(ngx_mesh_stats_t *st, ngx_mesh_conf_t *mcf)
{
    ngx_memzero(st, sizeof(ngx_mesh_stats_t));
    ngx_memzero(mcf, sizeof(ngx_mesh_conf_t));

    ngx_str_set(&mcf->name, "m");
    ngx_str_set(&mcf->resource_name, "order");
    mcf->resource_type = NGX_MESH_RESOURCE_VIRTUAL_NODE;

    st->mcf = mcf;
    st->row.values = st->values;
}


static void
mesh_unit_stats_sample(ngx_mesh_stats_t *st, ngx_mesh_stats_sample_t *sample,
    ngx_mesh_stats_set_e set, const char *text)
{
    ngx_mesh_stat_t  *stat;

    for (stat = ngx_mesh_stats_sets[set].stats; stat->name; stat++) {
        if (ngx_strcmp(stat->text ? stat->text : stat->name, text) == 0) {
            break;
        }
    }

    sample->set = set;
    sample->stat = stat;
    sample->row = &st->row;
    sample->first = 1;
}


static void
mesh_unit_stats_prometheus(ngx_mesh_unit_t *u)
{
    u_char                   buf[4096];
    ngx_mesh_conf_t          mcf;
    ngx_mesh_stats_t         st;
    ngx_mesh_stats_sample_t  s;

    mesh_unit_stats_pass(&st, &mcf);
    ngx_str_set(&st.row.labels[0], "a\"b\\c\nd");
    st.values[NGX_MESH_CLUSTER_RQ_2XX] = 7;

    mesh_unit_stats_sample(&st, &s, NGX_MESH_STATS_CLUSTER, "upstream_rq_2xx");

    MESH_IS_STR(mesh_unit_stats_text(buf, ngx_mesh_stats_prometheus_head(buf,
                                                      buf + 4095, &s)),
            "# HELP envoy_cluster_upstream_rq_xx Answers by the class of their "
            "status\n# TYPE envoy_cluster_upstream_rq_xx counter\n",
            "the head of a metric");

    MESH_IS_STR(mesh_unit_stats_text(buf, ngx_mesh_stats_prometheus_line(buf,
                                                  buf + 4095, &st, &s, 0)),
            "envoy_cluster_upstream_rq_xx{envoy_cluster_name="
            "\"a\\\"b\\\\c\\nd\",envoy_response_code_class=\"2\"} 7\n",
            "labels are escaped");

    mcf.stats.tags = 1;
    ngx_str_set(&st.row.labels[0], "c");
    mesh_unit_stats_sample(&st, &s, NGX_MESH_STATS_CLUSTER, "upstream_rq_time");
    st.values[NGX_MESH_CLUSTER_RQ_TIME] = 2;
    st.values[NGX_MESH_CLUSTER_RQ_TIME + 1] = 3;
    st.values[NGX_MESH_CLUSTER_RQ_TIME + NGX_MESH_METRICS_BUCKETS] = 4;

    MESH_IS_STR(mesh_unit_stats_text(buf, ngx_mesh_stats_prometheus_line(buf,
                                                  buf + 4095, &st, &s, 1)),
            "envoy_cluster_upstream_rq_time_bucket{appmesh_mesh=\"m\","
            "appmesh_virtual_node=\"order\",envoy_cluster_name=\"c\","
            "le=\"1\"} 5\n",
            "buckets are cumulated, with the tags of the node");

    MESH_IS_STR(mesh_unit_stats_text(buf, ngx_mesh_stats_prometheus_line(buf,
                   buf + 4095, &st, &s, NGX_MESH_STATS_LINES - 1)),
            "envoy_cluster_upstream_rq_time_count{appmesh_mesh=\"m\","
            "appmesh_virtual_node=\"order\",envoy_cluster_name=\"c\"} 5\n",
            "the count is that of all buckets");
}

MESH_UNIT(mesh_unit_stats_prometheus)


static void
mesh_unit_stats_statsd(ngx_mesh_unit_t *u)
{
    u_char                   buf[1024], *p;
    uint64_t                 told[NGX_MESH_STATS_VALUES];
    uint64_t                 delta[NGX_MESH_METRICS_HISTOGRAM];
    ngx_mesh_conf_t          mcf;
    ngx_mesh_stats_t         st;
    ngx_mesh_stats_sent_t    sent;
    ngx_mesh_stats_sample_t  s;

    mesh_unit_stats_pass(&st, &mcf);
    ngx_memzero(told, sizeof(told));
    sent.n = 0;

    ngx_str_set(&st.row.labels[0], "a|b,c#d");
    mesh_unit_stats_sample(&st, &s, NGX_MESH_STATS_CLUSTER, "upstream_rq_5xx");

    st.values[NGX_MESH_CLUSTER_RQ_5XX] = 12;
    told[NGX_MESH_CLUSTER_RQ_5XX] = 2;

    ngx_mesh_stats_delta(&s, told, delta);
    p = ngx_mesh_stats_statsd_line(buf, buf + 1023, &st, &s, delta, told, 0,
                                   &sent);
    MESH_IS_STR(mesh_unit_stats_text(buf, p),
            "envoy.cluster.upstream_rq_xx:10|c|#envoy.cluster_name:a_b_c_d,"
            "envoy.response_code_class:5\n", "a counter is a difference");

    MESH_OK(told[NGX_MESH_CLUSTER_RQ_5XX] == 2, "not told before it is sent");
    ngx_mesh_stats_commit(&sent);
    MESH_OK(told[NGX_MESH_CLUSTER_RQ_5XX] == 12 && sent.n == 0,
            "told when it was sent");

    ngx_mesh_stats_delta(&s, told, delta);
    p = ngx_mesh_stats_statsd_line(buf, buf + 1023, &st, &s, delta, told, 0,
                                   &sent);
    MESH_OK(p == buf, "nothing to tell of a counter that did not move");

    st.values[NGX_MESH_CLUSTER_RQ_5XX] = 3;
    ngx_mesh_stats_delta(&s, told, delta);
    MESH_OK(delta[0] == 3, "a counter that began anew");

    p = ngx_mesh_stats_statsd_line(buf, buf + 40, &st, &s, delta, told, 0,
                                   &sent);
    MESH_OK(p == NULL && sent.n == 0, "no room, nothing on its way");

    mesh_unit_stats_sample(&st, &s, NGX_MESH_STATS_CLUSTER, "upstream_rq_time");
    st.values[NGX_MESH_CLUSTER_RQ_TIME + 3] = 3;
    st.values[NGX_MESH_CLUSTER_RQ_TIME + NGX_MESH_METRICS_BUCKETS] = 18;
    ngx_str_set(&st.row.labels[0], "c");

    ngx_mesh_stats_delta(&s, told, delta);
    p = ngx_mesh_stats_statsd_line(buf, buf + 1023, &st, &s, delta, told, 3,
                                   &sent);
    MESH_IS_STR(mesh_unit_stats_text(buf, p),
            "envoy.cluster.upstream_rq_time:6|ms|@0.333333333333333|"
            "#envoy.cluster_name:c\n", "a bucket is its mean, and how many");
}

MESH_UNIT(mesh_unit_stats_statsd)


static void
mesh_unit_stats_emf(ngx_mesh_unit_t *u)
{
    u_char                 buf[8192], *p;
    uint64_t               told[NGX_MESH_STATS_VALUES];
    ngx_mesh_conf_t        mcf;
    ngx_mesh_stats_t       st;
    ngx_mesh_sink_conf_t   sc;
    ngx_mesh_stats_sent_t  sent;

    mesh_unit_stats_pass(&st, &mcf);
    ngx_memzero(told, sizeof(told));
    ngx_memzero(&sc, sizeof(sc));
    ngx_str_set(&sc.name_space, "N");
    sent.n = 0;

    ngx_str_set(&st.row.labels[0], "m");
    ngx_str_set(&st.row.labels[1], "order");
    ngx_str_set(&st.row.labels[2], "s\"1");
    ngx_str_set(&st.row.labels[3], "n");

    p = ngx_mesh_stats_emf_document(buf, buf + 8191, &st, &sc,
                                    NGX_MESH_STATS_APPMESH_TARGET, &st.row,
                                    told, 5, &sent);
    MESH_OK(p == buf, "nothing is told of a target without requests");

    st.values[NGX_MESH_TARGET_RQ_TOTAL] = 2;
    st.values[NGX_MESH_TARGET_RQ_TIME + 3] = 2;
    st.values[NGX_MESH_TARGET_RQ_TIME + NGX_MESH_METRICS_BUCKETS] = 15;

    p = ngx_mesh_stats_emf_document(buf, buf + 8191, &st, &sc,
                                    NGX_MESH_STATS_APPMESH_TARGET, &st.row,
                                    told, 5, &sent);
    MESH_IS_STR(mesh_unit_stats_text(buf, p),
            "{\"_aws\":{\"Timestamp\":5,\"CloudWatchMetrics\":["
            "{\"Namespace\":\"N\",\"Dimensions\":[[\"Mesh\",\"VirtualNode\"],"
            "[\"Mesh\",\"VirtualNode\",\"TargetVirtualNode\"],"
            "[\"Mesh\",\"VirtualNode\",\"TargetVirtualNode\","
            "\"TargetVirtualService\"]],\"Metrics\":["
            "{\"Name\":\"envoy_appmesh_RequestCountPerTarget\","
            "\"Unit\":\"Count\"},"
            "{\"Name\":\"envoy_appmesh_TargetResponseTime\","
            "\"Unit\":\"Milliseconds\"}]}]},"
            "\"Mesh\":\"m\",\"VirtualNode\":\"order\","
            "\"TargetVirtualService\":\"s\\\"1\",\"TargetVirtualNode\":\"n\","
            "\"envoy_appmesh_RequestCountPerTarget\":2,"
            "\"envoy_appmesh_TargetResponseTime\":{\"Values\":[7.5],"
            "\"Counts\":[2],\"Min\":7.5,\"Max\":7.5,\"Count\":2,\"Sum\":15}}\n",
            "a document");

    ngx_mesh_stats_commit(&sent);

    p = ngx_mesh_stats_emf_document(buf, buf + 8191, &st, &sc,
                                    NGX_MESH_STATS_APPMESH_TARGET, &st.row,
                                    told, 5, &sent);
    MESH_OK(p == buf, "nothing new");

    st.values[NGX_MESH_TARGET_RQ_TOTAL] = 3;
    p = ngx_mesh_stats_emf_document(buf, buf + 300, &st, &sc,
                                    NGX_MESH_STATS_APPMESH_TARGET, &st.row,
                                    told, 5, &sent);
    MESH_OK(p == NULL, "no room");
}

MESH_UNIT(mesh_unit_stats_emf)


#define MESH_STATS_TOLD  (256 * 1024)

static void
mesh_unit_stats_told(ngx_mesh_unit_t *u)
{
    u_char                 name[32], *memory;
    uint64_t              *told, *other;
    ngx_uint_t             i, n;
    ngx_mesh_told_t       *a, *b;
    ngx_mesh_stats_row_t   row;

    memory = mmap(NULL, MESH_STATS_TOLD, PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    a = ngx_mesh_told_attach(u->pool, memory, MESH_STATS_TOLD);
    b = ngx_mesh_told_attach(u->pool, memory, MESH_STATS_TOLD);

    MESH_OK(ngx_mesh_told_acquire(a, NGX_MESH_TOLD_EMF), "acquired");
    MESH_OK(ngx_mesh_told_acquire(a, NGX_MESH_TOLD_EMF), "still held");
    ngx_mesh_told_release(a, NGX_MESH_TOLD_EMF);

    ngx_memzero(&row, sizeof(row));
    ngx_str_set(&row.labels[0], "one");

    ngx_mesh_told_round(a, NGX_MESH_TOLD_EMF);

    told = ngx_mesh_told_row(a, NGX_MESH_TOLD_EMF, NGX_MESH_STATS_HTTP, &row);
    MESH_OK(told && told[0] == 0, "a new row is zeroed");
    told[0] = 5;

    other = ngx_mesh_told_row(b, NGX_MESH_TOLD_EMF, NGX_MESH_STATS_HTTP, &row);
    MESH_OK(other == told && other[0] == 5, "who comes next finds it");

    other = ngx_mesh_told_row(b, NGX_MESH_TOLD_STATSD, NGX_MESH_STATS_HTTP,
                              &row);
    MESH_OK(other != told && other[0] == 0, "another sink has its own");

    other = ngx_mesh_told_row(b, NGX_MESH_TOLD_EMF, NGX_MESH_STATS_CLUSTER,
                              &row);
    MESH_OK(other != told && other[0] == 0, "another set too");

    /* until there is no room */

    row.labels[0].data = name;

    for (n = 0; n < 10000; n++) {
        row.labels[0].len = ngx_sprintf(name, "row%ui", n) - name;

        told = ngx_mesh_told_row(a, NGX_MESH_TOLD_EMF, NGX_MESH_STATS_HTTP,
                                 &row);
        if (told == NULL) {
            break;
        }

        told[0] = n + 1;
    }

    MESH_OK(n > 100 && n < 10000, "full after %ui rows", n);

    for (i = 0; i < n; i++) {
        row.labels[0].len = ngx_sprintf(name, "row%ui", i) - name;

        told = ngx_mesh_told_row(b, NGX_MESH_TOLD_EMF, NGX_MESH_STATS_HTTP,
                                 &row);
        if (told == NULL || told[0] != i + 1) {
            break;
        }
    }

    MESH_OK(i == n, "all %ui rows are as they were", n);

    /* rows that are not there any more make room */

    for (i = 0; i < 4; i++) {
        ngx_mesh_told_round(a, NGX_MESH_TOLD_EMF);
    }

    for (i = 0; i < n; i++) {
        row.labels[0].len = ngx_sprintf(name, "new%ui", i) - name;

        told = ngx_mesh_told_row(a, NGX_MESH_TOLD_EMF, NGX_MESH_STATS_HTTP,
                                 &row);
        if (told == NULL || told[0] != 0) {
            break;
        }
    }

    MESH_OK(i > n * 3 / 4, "%ui new rows found room, zeroed", i);

    (void) munmap(memory, MESH_STATS_TOLD);
}

MESH_UNIT(mesh_unit_stats_told)
