
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A pass over the statistics, once its rows are found: values are read when
 * their turn comes.  What a cluster is now comes from the model, what happened
 * to it from its row of metrics; the two are joined by name, and each may be
 * there without the other.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_stats_parts.h"


static ngx_int_t ngx_mesh_stats_read_entry(ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set, ngx_mesh_stats_entry_t *entry);
static ngx_int_t ngx_mesh_stats_read_target(ngx_mesh_stats_t *st,
    ngx_mesh_stats_entry_t *entry);
static ngx_int_t ngx_mesh_stats_read_group(ngx_mesh_stats_t *st,
    ngx_mesh_stats_entry_t *entry);
static ngx_int_t ngx_mesh_stats_read_node(ngx_mesh_stats_t *st,
    ngx_mesh_stats_entry_t *entry);
static ngx_int_t ngx_mesh_stats_next_by_row(ngx_mesh_stats_iterator_t *it,
    ngx_mesh_stats_sample_t *sample);
static ngx_int_t ngx_mesh_stats_next_by_name(ngx_mesh_stats_iterator_t *it,
    ngx_mesh_stats_sample_t *sample);
static ngx_int_t ngx_mesh_stats_sample(ngx_mesh_stats_iterator_t *it,
    ngx_mesh_stats_sample_t *sample);


ngx_uint_t
ngx_mesh_stats_tags(ngx_mesh_stats_t *st, ngx_str_t *names, ngx_str_t *values)
{
    if (!st->mcf->stats.tags
        || st->mcf->resource_name.len == 0)
    {
        return 0;
    }

    ngx_str_set(&names[0], "appmesh.mesh");
    values[0] = st->mcf->name;

    if (ngx_mesh_stats_gateway(st)) {
        ngx_str_set(&names[1], "appmesh.virtual_gateway");

    } else {
        ngx_str_set(&names[1], "appmesh.virtual_node");
    }

    values[1] = st->mcf->resource_name;

    return 2;
}


ngx_uint_t
ngx_mesh_stats_gateway(ngx_mesh_stats_t *st)
{
    return st->mcf->resource_type == NGX_MESH_RESOURCE_VIRTUAL_GATEWAY;
}


ngx_uint_t
ngx_mesh_stats_rows(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set)
{
    return st->rows[set].nelts;
}


ngx_int_t
ngx_mesh_stats_read(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set,
    ngx_uint_t n, ngx_mesh_stats_row_t **row)
{
    ngx_int_t                rc;
    ngx_mesh_stats_entry_t  *entry;

    *row = &st->row;

    if (set != st->last_set || n != st->last_row) {
        st->part = 0;

    } else if (st->last_rc != NGX_AGAIN) {
        return st->last_rc;
    }

    entry = st->rows[set].elts[n];

    switch (set) {

    case NGX_MESH_STATS_APPMESH:
        rc = ngx_mesh_stats_read_node(st, entry);
        break;

    case NGX_MESH_STATS_APPMESH_TARGET:
        rc = ngx_mesh_stats_read_group(st, entry);
        break;

    case NGX_MESH_STATS_CLUSTER:
    case NGX_MESH_STATS_HTTP:
    case NGX_MESH_STATS_LISTENER:
    case NGX_MESH_STATS_TARGET:
        rc = ngx_mesh_stats_read_entry(st, set, entry);
        break;

    default:
        st->row.values = st->proxy;
        rc = NGX_OK;
        break;
    }

    ngx_memcpy(st->row.labels, entry->labels, sizeof(st->row.labels));

    st->last_set = set;
    st->last_row = n;
    st->last_rc = rc;

    return rc;
}


static ngx_int_t
ngx_mesh_stats_read_entry(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set,
    ngx_mesh_stats_entry_t *entry)
{
    if (set == NGX_MESH_STATS_TARGET) {
        return ngx_mesh_stats_read_target(st, entry);
    }

    if (set == NGX_MESH_STATS_CLUSTER) {
        return ngx_mesh_stats_read_cluster(st, entry);
    }

    return ngx_mesh_stats_read_metrics(st, entry, st->values);
}


ngx_int_t
ngx_mesh_stats_read_metrics(ngx_mesh_stats_t *st,
    ngx_mesh_stats_entry_t *entry, uint64_t *values)
{
    st->row.values = values;

    return ngx_mesh_metrics_reread(st->mcf->metrics, entry->kind, entry->at,
                                   entry->key, values);
}


static ngx_int_t
ngx_mesh_stats_read_target(ngx_mesh_stats_t *st, ngx_mesh_stats_entry_t *entry)
{
    uint64_t    *v;
    ngx_uint_t   i;

    v = st->values;

    if (ngx_mesh_stats_read_metrics(st, entry, v) != NGX_OK) {
        return NGX_DECLINED;
    }

    /* counted one after the other by workers that go on meanwhile */

    v[NGX_MESH_STATS_TARGET_NONE] = v[NGX_MESH_TARGET_RQ_TOTAL];

    for (i = NGX_MESH_TARGET_RQ_1XX; i <= NGX_MESH_TARGET_RQ_5XX; i++) {
        v[NGX_MESH_STATS_TARGET_NONE] -=
                                 ngx_min(v[NGX_MESH_STATS_TARGET_NONE], v[i]);
    }

    return NGX_OK;
}


/* one target is added in each call */

static ngx_int_t
ngx_mesh_stats_read_group(ngx_mesh_stats_t *st, ngx_mesh_stats_entry_t *entry)
{
    uint64_t                 one[NGX_MESH_TARGET_VALUES];
    ngx_uint_t               k;
    ngx_mesh_stats_entry_t  *target;

    if (st->part == 0) {
        ngx_memzero(st->values, sizeof(one));
        st->some = 0;
    }

    target = st->rows[NGX_MESH_STATS_TARGET].elts[entry->at + st->part++];

    if (ngx_mesh_stats_read_metrics(st, target, one) == NGX_OK) {
        st->some = 1;

        for (k = 0; k < NGX_MESH_TARGET_VALUES; k++) {
            st->values[k] += one[k];
        }
    }

    st->row.values = st->values;

    if (st->part < entry->n) {
        return NGX_AGAIN;
    }

    return st->some ? NGX_OK : NGX_DECLINED;
}


/* what comes in, if anything is to come in here */

static ngx_int_t
ngx_mesh_stats_read_node(ngx_mesh_stats_t *st, ngx_mesh_stats_entry_t *entry)
{
    uint64_t                 one[NGX_MESH_STATS_VALUES], *v;
    ngx_str_t               *ingress;
    ngx_uint_t               i, k, found;
    ngx_mesh_stats_entry_t **row;

    v = st->values;
    ngx_memzero(v, NGX_MESH_STATS_APPMESH_VALUES * sizeof(uint64_t));

    found = 0;
    row = st->rows[NGX_MESH_STATS_HTTP].elts;

    for (i = 0; i < st->rows[NGX_MESH_STATS_HTTP].nelts; i++) {
        if (row[i]->labels[0].len == sizeof("ingress") - 1
            && ngx_strncmp(row[i]->labels[0].data, "ingress",
                           sizeof("ingress") - 1) == 0
            && ngx_mesh_stats_read_metrics(st, row[i], one) == NGX_OK)
        {
            found = 1;
            v[NGX_MESH_STATS_BYTES] += one[NGX_MESH_HTTP_RX_BYTES]
                                       + one[NGX_MESH_HTTP_TX_BYTES];
            v[NGX_MESH_STATS_REQUESTS] += one[NGX_MESH_HTTP_RQ_TOTAL];
            v[NGX_MESH_STATS_GRPC_REQUESTS] += one[NGX_MESH_HTTP_RQ_GRPC];
        }
    }

    ingress = st->mcf->stats.ingress.elts;
    row = st->rows[NGX_MESH_STATS_LISTENER].elts;

    for (i = 0; i < st->rows[NGX_MESH_STATS_LISTENER].nelts; i++) {
        for (k = 0; k < st->mcf->stats.ingress.nelts; k++) {
            if (ngx_mesh_stats_compare(&ingress[k], &row[i]->labels[0]) == 0
                && ngx_mesh_stats_read_metrics(st, row[i], one) == NGX_OK)
            {
                v[NGX_MESH_STATS_CX_ACTIVE] += one[NGX_MESH_LISTENER_CX_ACTIVE];
                v[NGX_MESH_STATS_CX_NEW] += one[NGX_MESH_LISTENER_CX_TOTAL];
            }
        }
    }

    st->row.values = v;

    return found ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_mesh_stats_next(ngx_mesh_stats_iterator_t *it,
    ngx_mesh_stats_sample_t *sample)
{
    ngx_int_t         rc;
    ngx_mesh_conf_t  *mcf;

    rc = ngx_mesh_stats_collect(it->pass);

    if (rc != NGX_OK) {
        return rc;
    }

    if (it->set == NGX_MESH_STATS_SETS) {
        return NGX_DONE;
    }

    mcf = it->pass->mcf;

    if ((it->set == NGX_MESH_STATS_APPMESH
         || it->set == NGX_MESH_STATS_APPMESH_TARGET)
        && (mcf->resource_name.len == 0
            || (!mcf->stats.extension && !it->all)))
    {
        it->set++;
        return NGX_AGAIN;
    }

    return (it->order == NGX_MESH_STATS_BY_ROW)
           ? ngx_mesh_stats_next_by_row(it, sample)
           : ngx_mesh_stats_next_by_name(it, sample);
}


static ngx_int_t
ngx_mesh_stats_next_by_row(ngx_mesh_stats_iterator_t *it,
    ngx_mesh_stats_sample_t *sample)
{
    ngx_int_t         rc;
    ngx_mesh_stat_t  *stats;

    stats = ngx_mesh_stats_sets[it->set].stats;

    if (it->row == ngx_mesh_stats_rows(it->pass, it->set)) {
        it->set++;
        it->row = 0;
        return NGX_AGAIN;
    }

    if (stats[it->stat].name == NULL) {
        it->row++;
        it->stat = 0;
        return NGX_AGAIN;
    }

    rc = ngx_mesh_stats_sample(it, sample);

    if (rc == NGX_BUSY) {
        return NGX_AGAIN;
    }

    if (rc == NGX_DECLINED) {
        it->row++;
        it->stat = 0;
        return NGX_AGAIN;
    }

    it->stat++;

    return rc;
}


static ngx_int_t
ngx_mesh_stats_next_by_name(ngx_mesh_stats_iterator_t *it,
    ngx_mesh_stats_sample_t *sample)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_mesh_stat_t  *stats;

    stats = ngx_mesh_stats_sets[it->set].stats;

    if (stats[it->group].name == NULL) {
        it->set++;
        it->group = 0;
        it->stat = 0;
        it->row = 0;
        return NGX_AGAIN;
    }

    if (it->row == ngx_mesh_stats_rows(it->pass, it->set)) {

        for (i = it->group + 1;
             stats[i].name
             && ngx_strcmp(stats[i].name, stats[it->group].name) == 0;
             i++)
        {
            /* void */
        }

        it->group = i;
        it->stat = i;
        it->row = 0;
        it->told = 0;
        return NGX_AGAIN;
    }

    if (stats[it->stat].name == NULL
        || ngx_strcmp(stats[it->stat].name, stats[it->group].name) != 0)
    {
        it->row++;
        it->stat = it->group;
        return NGX_AGAIN;
    }

    rc = ngx_mesh_stats_sample(it, sample);

    if (rc == NGX_BUSY) {
        return NGX_AGAIN;
    }

    if (rc == NGX_DECLINED) {
        it->row++;
        it->stat = it->group;
        return NGX_AGAIN;
    }

    it->stat++;

    if (rc == NGX_OK) {
        sample->first = !it->told;
    }

    return rc;
}


/* NGX_AGAIN: not this statistic; NGX_DECLINED: not this row; NGX_BUSY: later */

static ngx_int_t
ngx_mesh_stats_sample(ngx_mesh_stats_iterator_t *it,
    ngx_mesh_stats_sample_t *sample)
{
    ngx_int_t         rc;
    ngx_uint_t        type;
    ngx_mesh_stat_t  *stat;

    stat = &ngx_mesh_stats_sets[it->set].stats[it->stat];

    type = (stat->type == NGX_MESH_STATS_HISTOGRAM) ? NGX_MESH_STATS_HISTOGRAMS
                                                    : NGX_MESH_STATS_SCALARS;

    if (!(it->types & type)) {
        return NGX_AGAIN;
    }

    rc = ngx_mesh_stats_read(it->pass, it->set, it->row, &sample->row);

    if (rc != NGX_OK) {
        return (rc == NGX_AGAIN) ? NGX_BUSY : NGX_DECLINED;
    }

    if (sample->row->values[stat->value] == NGX_MESH_STATS_ABSENT) {
        return NGX_AGAIN;
    }

    sample->set = it->set;
    sample->stat = stat;
    sample->first = 0;

    return NGX_OK;
}
