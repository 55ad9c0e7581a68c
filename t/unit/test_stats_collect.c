
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A pass over the statistics: however many rows there are, a step looks at one
 * of them, and what comes and goes between steps is told once or not at all.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_metrics.h>
#include <ngx_mesh_metrics_zone.h>
#include <ngx_mesh_stats.h>
#include <ngx_mesh_stats_parts.h>

#include "mesh_unit_document.h"
#include "ngx_mesh_unit.h"


#define MESH_COLLECT_ROWS   10000
#define MESH_COLLECT_NODES  300
#define MESH_COLLECT_ZONE   (96 * 1024 * 1024)
#define MESH_COLLECT_SMALL  (512 * 1024)
#define MESH_COLLECT_SHM    (1024 * 1024)


typedef struct {
    ngx_mesh_conf_t        mcf;
    ngx_slab_pool_t       *shm;
    ngx_mesh_stats_t      *st;
} mesh_unit_collect_t;


static ngx_uint_t
mesh_unit_collect_init(ngx_mesh_unit_t *u, mesh_unit_collect_t *t, size_t size)
{
    ngx_slab_pool_t  *zone;

    ngx_memzero(t, sizeof(mesh_unit_collect_t));

    zone = ngx_mesh_unit_zone(size);
    t->shm = ngx_mesh_unit_zone(MESH_COLLECT_SHM);

    if (!MESH_OK(zone && t->shm, "zones")) {
        return 0;
    }

    t->mcf.metrics = ngx_mesh_metrics_attach(u->pool, zone);
    t->mcf.shm = ngx_mesh_shm_attach(u->pool, t->shm);

    if (!MESH_OK(t->mcf.metrics && t->mcf.shm, "attached")) {
        return 0;
    }

    ngx_mesh_metrics_init_worker(t->mcf.metrics, u->log);

    ngx_str_set(&t->mcf.name, "m");
    ngx_str_set(&t->mcf.resource_name, "order");
    t->mcf.resource_type = NGX_MESH_RESOURCE_VIRTUAL_NODE;

    return 1;
}


static void
mesh_unit_collect_end(mesh_unit_collect_t *t)
{
    ngx_slab_pool_t  *zone;

    zone = t->mcf.metrics->shpool;

    ngx_mesh_metrics_exit_worker(t->mcf.metrics);
    ngx_mesh_unit_unmap(zone);
    ngx_mesh_unit_unmap(t->shm);
}


static ngx_mesh_metrics_row_t *
mesh_unit_collect_cluster(mesh_unit_collect_t *t, const char *name,
    ngx_uint_t n)
{
    u_char     text[64];
    ngx_str_t  label;

    label.data = text;
    label.len = ngx_snprintf(text, 64, "%s%06ui", name, n) - text;

    return ngx_mesh_metrics_row(t->mcf.metrics, NGX_MESH_METRICS_CLUSTER,
                                &label);
}


static ngx_mesh_metrics_row_t *
mesh_unit_collect_target(mesh_unit_collect_t *t, const char *service,
    ngx_uint_t route)
{
    u_char     text[64];
    ngx_str_t  labels[NGX_MESH_METRICS_LABELS];

    labels[0].data = (u_char *) service;
    labels[0].len = ngx_strlen(service);
    ngx_str_set(&labels[1], "router");
    labels[2].data = text;
    labels[2].len = ngx_snprintf(text, 64, "route%06ui", route) - text;
    ngx_str_set(&labels[3], "node");

    return ngx_mesh_metrics_row(t->mcf.metrics, NGX_MESH_METRICS_TARGET,
                                labels);
}


/* what a pass holds, as far as it got */

static ngx_uint_t
mesh_unit_collect_size(ngx_mesh_stats_t *st)
{
    ngx_uint_t  i, n;

    n = st->nfound;

    for (i = 0; i < NGX_MESH_STATS_SETS; i++) {
        n += st->rows[i].nelts;
    }

    return n;
}


/* steps it took to the end; "most" is what one of them added at most */

static ngx_uint_t
mesh_unit_collect_go(ngx_mesh_stats_t *st, ngx_uint_t *most)
{
    ngx_int_t   rc;
    ngx_uint_t  n, steps, before, after;

    *most = 0;
    before = mesh_unit_collect_size(st);

    /* the step of the proxy itself wants a cycle, there is none yet */

    st->step = ngx_max(st->step, 1);

    for (steps = 1; /* void */ ; steps++) {
        rc = ngx_mesh_stats_collect(st);

        after = mesh_unit_collect_size(st);
        n = (after > before) ? after - before : 0;
        *most = ngx_max(*most, n);
        before = after;

        if (rc != NGX_AGAIN) {
            return (rc == NGX_OK) ? steps : 0;
        }
    }
}


/* samples of a name, those with the value of a row, and calls without one */

static uint64_t
mesh_unit_collect_sum(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set,
    const char *name, ngx_uint_t *n)
{
    uint64_t                   sum;
    ngx_int_t                  rc;
    ngx_mesh_stats_sample_t    sample;
    ngx_mesh_stats_iterator_t  it;

    ngx_memzero(&it, sizeof(it));

    it.pass = st;
    it.set = set;
    it.types = NGX_MESH_STATS_SCALARS;
    it.all = 1;

    sum = 0;
    *n = 0;

    while (it.set == (ngx_uint_t) set) {
        rc = ngx_mesh_stats_next(&it, &sample);

        if (rc == NGX_OK && ngx_strcmp(sample.stat->name, name) == 0) {
            sum += sample.row->values[sample.stat->value];
            (*n)++;
        }
    }

    return sum;
}


static void
mesh_unit_collect_bound(ngx_mesh_unit_t *u)
{
    ngx_uint_t               i, n, most, steps;
    mesh_unit_collect_t      t;
    ngx_mesh_metrics_row_t  *row;

    if (!mesh_unit_collect_init(u, &t, MESH_COLLECT_ZONE)) {
        return;
    }

    for (i = 0; i < MESH_COLLECT_ROWS; i++) {

        /* not in their order */

        row = mesh_unit_collect_cluster(&t, "c",
                                        i * 7919 % MESH_COLLECT_ROWS);
        ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_TOTAL, 1);

        row = mesh_unit_collect_target(&t, i % 2 ? "app" : "app.local", i);
        ngx_mesh_metrics_add(row, NGX_MESH_TARGET_RQ_TOTAL, 1);
    }

    t.st = ngx_mesh_stats_create(u->pool, &t.mcf, NULL);

    MESH_OK(t.st && mesh_unit_collect_size(t.st) == 0,
            "a pass begins with nothing");

    steps = mesh_unit_collect_go(t.st, &most);

    MESH_IS_INT(most, 1, "a step looks at one row");
    MESH_OK(steps > 5 * MESH_COLLECT_ROWS, "in %ui steps", steps);

    MESH_IS_INT(mesh_unit_collect_sum(t.st, NGX_MESH_STATS_CLUSTER,
                                      "upstream_rq_total", &n),
            MESH_COLLECT_ROWS, "all of them");
    MESH_IS_INT(n, MESH_COLLECT_ROWS, "each once");

    for (i = 1; i < t.st->rows[NGX_MESH_STATS_CLUSTER].nelts; i++) {
        if (ngx_mesh_stats_compare(
                &t.st->rows[NGX_MESH_STATS_CLUSTER].elts[i - 1]->labels[0],
                &t.st->rows[NGX_MESH_STATS_CLUSTER].elts[i]->labels[0]) >= 0)
        {
            break;
        }
    }

    MESH_IS_INT(i, MESH_COLLECT_ROWS + 1, "in order, with an overflow row");

    MESH_IS_INT(mesh_unit_collect_sum(t.st, NGX_MESH_STATS_APPMESH_TARGET,
                                      "RequestCountPerTarget", &n),
            MESH_COLLECT_ROWS, "targets of all routes");
    MESH_IS_INT(n, 2, "of a service and of one whose name goes on with a dot");

    mesh_unit_collect_end(&t);
}

MESH_UNIT(mesh_unit_collect_bound)


/* many routes to one node are added up one by one */

static void
mesh_unit_collect_group(ngx_mesh_unit_t *u)
{
    ngx_int_t                rc;
    ngx_uint_t               i, most;
    mesh_unit_collect_t      t;
    ngx_mesh_stats_row_t    *row;
    ngx_mesh_metrics_row_t  *target;

    if (!mesh_unit_collect_init(u, &t, MESH_COLLECT_ZONE)) {
        return;
    }

    for (i = 0; i < 100; i++) {
        target = mesh_unit_collect_target(&t, "app", i);
        ngx_mesh_metrics_add(target, NGX_MESH_TARGET_RQ_TOTAL, i);
    }

    t.st = ngx_mesh_stats_create(u->pool, &t.mcf, NULL);
    (void) mesh_unit_collect_go(t.st, &most);

    for (i = 1; /* void */ ; i++) {
        rc = ngx_mesh_stats_read(t.st, NGX_MESH_STATS_APPMESH_TARGET, 0, &row);

        if (rc != NGX_AGAIN) {
            break;
        }
    }

    MESH_IS_INT(rc, NGX_OK, "read");
    MESH_IS_INT(i, 100, "in as many calls as there are routes");
    MESH_IS_INT(row->values[NGX_MESH_TARGET_RQ_TOTAL], 4950, "the sum");

    rc = ngx_mesh_stats_read(t.st, NGX_MESH_STATS_APPMESH_TARGET, 0, &row);

    MESH_OK(rc == NGX_OK && row->values[NGX_MESH_TARGET_RQ_TOTAL] == 4950,
            "which is not added up again");

    mesh_unit_collect_end(&t);
}

MESH_UNIT(mesh_unit_collect_group)


/*
 * Rows told, and those with the values of another: a "new" one has 1, an "old"
 * one what it had, with or without 1 more.
 */

static ngx_uint_t
mesh_unit_collect_wrong(ngx_mesh_stats_t *st, ngx_uint_t *told)
{
    uint64_t               sum;
    ngx_uint_t             i, wrong;
    ngx_mesh_stats_row_t  *row;

    wrong = 0;
    *told = 0;

    for (i = 0; i < st->rows[NGX_MESH_STATS_CLUSTER].nelts; i++) {

        if (ngx_mesh_stats_read(st, NGX_MESH_STATS_CLUSTER, i, &row)
            != NGX_OK)
        {
            continue;
        }

        (*told)++;
        sum = row->values[NGX_MESH_CLUSTER_RQ_TOTAL];

        if (row->labels[0].data[0] == 'n') {
            wrong += (sum != 1);

        } else if (row->labels[0].len > 3
                   && ngx_strncmp(row->labels[0].data, "old", 3) == 0)
        {
            wrong += (sum != 1 && sum != 1000000 && sum != 1000001);
        }
    }

    return wrong;
}


/*
 * The zone is full.  While a pass finds its rows, all of them are given to
 * others: none of the values is told under an old name, and none twice.
 */

static void
mesh_unit_collect_change(ngx_mesh_unit_t *u)
{
    ngx_uint_t                i, k, n, rows, most, twice, wrong;
    mesh_unit_collect_t       t;
    ngx_mesh_stats_entry_t  **entry;
    ngx_mesh_metrics_row_t   *row[2000], *none;

    if (!mesh_unit_collect_init(u, &t, MESH_COLLECT_SMALL)) {
        return;
    }

    none = mesh_unit_collect_cluster(&t, "x", 0);

    for (rows = 0; rows < 2000; rows++) {
        row[rows] = mesh_unit_collect_cluster(&t, "old", rows);
        ngx_mesh_metrics_add(row[rows], NGX_MESH_CLUSTER_RQ_TOTAL, 1000000);

        if (rows && row[rows] == row[rows - 1]) {
            break;
        }
    }

    MESH_OK(rows > 20 && rows < 2000, "full after %ui rows", rows);
    ngx_mesh_metrics_add(none, NGX_MESH_CLUSTER_RQ_TOTAL, 1000000);

    t.st = ngx_mesh_stats_create(u->pool, &t.mcf, NULL);

    t.st->step = 1;

    while (t.st->nfound < rows / 2) {
        (void) ngx_mesh_stats_collect(t.st);
    }

    /* a new document, which has some of the names too */

    for (i = 0; i < rows - 1; i++) {
        ngx_mesh_metrics_release(row[i]);
    }

    t.mcf.metrics->sh->tables[NGX_MESH_METRICS_CLUSTER].barren = 0;

    for (i = rows - 1; i > 0; i--) {
        row[i - 1] = mesh_unit_collect_cluster(&t, i % 3 ? "new" : "old", i);
        ngx_mesh_metrics_add(row[i - 1], NGX_MESH_CLUSTER_RQ_TOTAL, 1);
    }

    (void) mesh_unit_collect_go(t.st, &most);
    MESH_IS_INT(most, 1, "a step looks at one row");

    entry = t.st->rows[NGX_MESH_STATS_CLUSTER].elts;
    n = t.st->rows[NGX_MESH_STATS_CLUSTER].nelts;

    for (i = 1, twice = 0; i < n; i++) {
        twice += (ngx_mesh_stats_compare(&entry[i - 1]->labels[0],
                                         &entry[i]->labels[0]) == 0);
    }

    MESH_IS_INT(twice, 0, "no name twice");

    wrong = mesh_unit_collect_wrong(t.st, &k);

    MESH_OK(k > rows / 4 && wrong == 0,
            "%ui of %ui rows are told, and none with the values of another",
            k, n);

    /* all are given away once more: none of those found is there */

    for (i = 0; i < rows - 1; i++) {
        ngx_mesh_metrics_release(row[i]);
    }

    t.mcf.metrics->sh->tables[NGX_MESH_METRICS_CLUSTER].barren = 0;

    for (i = 0; i < rows - 1; i++) {
        none = mesh_unit_collect_cluster(&t, "ner", i);
        ngx_mesh_metrics_add(none, NGX_MESH_CLUSTER_RQ_TOTAL, 1);
    }

    (void) mesh_unit_collect_sum(t.st, NGX_MESH_STATS_CLUSTER,
                                 "upstream_rq_total", &k);

    MESH_OK(k <= 3, "what is gone is not told, but what was never given back "
            "and the overflow row are: %ui", k);

    mesh_unit_collect_end(&t);
}

MESH_UNIT(mesh_unit_collect_change)


/* clusters of the model, one in each step, joined with their counts */

static void
mesh_unit_collect_model(ngx_mesh_unit_t *u)
{
    u_char                  *p, *last;
    ngx_str_t                text;
    ngx_uint_t               i, n, most;
    mesh_unit_collect_t      t;
    ngx_mesh_snapshot_t      snapshot;
    ngx_mesh_metrics_row_t  *row;

    if (!mesh_unit_collect_init(u, &t, MESH_COLLECT_ZONE)) {
        return;
    }

    text.data = ngx_palloc(u->pool, MESH_COLLECT_NODES * 256);
    p = text.data;
    last = p + MESH_COLLECT_NODES * 256;

    p = ngx_slprintf(p, last, "{\"meshDocument\":1,\"version\":\"1\",\"mesh\":"
                     "{\"meshName\":\"m\",\"spec\":{}},\"virtualNodes\":[");

    for (i = 0; i < MESH_COLLECT_NODES; i++) {
        p = ngx_slprintf(p, last, "%s{\"virtualNodeName\":\"n%ui\",\"spec\":"
                         "{\"listeners\":[{\"portMapping\":{\"port\":80,"
                         "\"protocol\":\"http\"}}],\"serviceDiscovery\":"
                         "{\"dns\":{\"hostname\":\"n.local\"}}}}",
                         i ? "," : "", i);
    }

    p = ngx_slprintf(p, last, "]}");
    text.len = p - text.data;

    ngx_memzero(&snapshot, sizeof(snapshot));
    snapshot.model = mesh_unit_load(u, NULL, &text, 1000000, NULL);

    if (!MESH_OK(snapshot.model, "a model")) {
        return;
    }

    ngx_str_set(&text, "cds_egress_m_n7_http_80");
    row = ngx_mesh_metrics_row(t.mcf.metrics, NGX_MESH_METRICS_CLUSTER, &text);
    ngx_mesh_metrics_add(row, NGX_MESH_CLUSTER_RQ_TOTAL, 5);

    t.st = ngx_mesh_stats_create(u->pool, &t.mcf, &snapshot);
    (void) mesh_unit_collect_go(t.st, &most);

    MESH_IS_INT(most, 1, "a step looks at one cluster");
    MESH_IS_INT(t.st->proxy[NGX_MESH_STATS_CLUSTERS], MESH_COLLECT_NODES,
            "as many as there are");
    MESH_IS_INT(t.st->rows[NGX_MESH_STATS_CLUSTER].nelts,
            MESH_COLLECT_NODES + 1, "joined with what was counted");
    MESH_IS_INT(mesh_unit_collect_sum(t.st, NGX_MESH_STATS_CLUSTER,
                                      "upstream_rq_total", &n), 5, "a count");
    MESH_IS_INT(n, 1, "of one cluster");

    mesh_unit_collect_end(&t);
}

MESH_UNIT(mesh_unit_collect_model)
