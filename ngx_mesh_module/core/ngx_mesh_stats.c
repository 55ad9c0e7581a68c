
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A pass over the statistics.
 *
 * It begins with a list of rows for each set, sorted as the text page wants
 * them; their labels are copied, since rows of metrics come and go while pages
 * are written.  Values are read when their turn comes.  What a cluster is now
 * comes from the model, what happened to it from its row of metrics; the two
 * are joined by name, and each may be there without the other.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_stats_parts.h"


static ngx_int_t ngx_mesh_stats_collect(ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set, ngx_mesh_metrics_kind_e kind);
static ngx_int_t ngx_mesh_stats_copy(ngx_pool_t *pool,
    ngx_mesh_stats_set_e set, ngx_mesh_stats_entry_t *entry,
    ngx_mesh_metrics_read_t *read);
static int ngx_libc_cdecl ngx_mesh_stats_compare(const void *one,
    const void *two);
static ngx_int_t ngx_mesh_stats_compare_labels(ngx_str_t *one, ngx_str_t *two);
static ngx_int_t ngx_mesh_stats_group(ngx_mesh_stats_t *st);
static ngx_int_t ngx_mesh_stats_info(ngx_mesh_stats_t *st);
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


ngx_mesh_stats_t *
ngx_mesh_stats_create(ngx_pool_t *pool, ngx_mesh_conf_t *mcf,
    ngx_mesh_snapshot_t *snapshot)
{
    ngx_uint_t         i;
    ngx_mesh_stats_t  *st;

    st = ngx_pcalloc(pool, sizeof(ngx_mesh_stats_t));
    if (st == NULL) {
        return NULL;
    }

    st->pool = pool;
    st->mcf = mcf;
    st->snapshot = snapshot;
    st->last_set = NGX_MESH_STATS_SETS;

    for (i = 0; i < NGX_MESH_STATS_SETS; i++) {
        if (ngx_array_init(&st->rows[i], pool, 4,
                           sizeof(ngx_mesh_stats_entry_t))
            != NGX_OK)
        {
            return NULL;
        }
    }

    ngx_mesh_stats_proxy(mcf, snapshot, st->proxy);

    if (ngx_mesh_stats_collect(st, NGX_MESH_STATS_HTTP,
                               NGX_MESH_METRICS_HTTP) != NGX_OK
        || ngx_mesh_stats_collect(st, NGX_MESH_STATS_LISTENER,
                                  NGX_MESH_METRICS_LISTENER) != NGX_OK
        || ngx_mesh_stats_collect(st, NGX_MESH_STATS_TARGET,
                                  NGX_MESH_METRICS_TARGET) != NGX_OK
        || ngx_mesh_stats_collect(st, NGX_MESH_STATS_CLUSTER,
                                  NGX_MESH_METRICS_CLUSTER) != NGX_OK
        || ngx_mesh_stats_clusters(st) != NGX_OK
        || ngx_mesh_stats_group(st) != NGX_OK
        || ngx_mesh_stats_info(st) != NGX_OK)
    {
        return NULL;
    }

    return st;
}


static ngx_int_t
ngx_mesh_stats_collect(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set,
    ngx_mesh_metrics_kind_e kind)
{
    ngx_uint_t                index, at;
    ngx_mesh_stats_entry_t   *entry;
    ngx_mesh_metrics_read_t   read;

    index = 0;
    read.values = st->values;

    for ( ;; ) {
        at = index;

        if (ngx_mesh_metrics_read(st->mcf->metrics, kind, &index, &read)
            != NGX_OK)
        {
            break;
        }

        entry = ngx_array_push(&st->rows[set]);
        if (entry == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(entry, sizeof(ngx_mesh_stats_entry_t));

        entry->kind = kind;
        entry->index = at;
        entry->after = index;
        entry->overflow = read.overflow;

        if (ngx_mesh_stats_copy(st->pool, set, entry, &read) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_mesh_stats_sort(&st->rows[set]);

    return NGX_OK;
}


/* the labels of a target go from what is asked for to what answers */

static ngx_int_t
ngx_mesh_stats_copy(ngx_pool_t *pool, ngx_mesh_stats_set_e set,
    ngx_mesh_stats_entry_t *entry, ngx_mesh_metrics_read_t *read)
{
    ngx_str_t   *from;
    ngx_uint_t   i;

    static ngx_uint_t  target[] = { 0, 3, 1, 2 };

    for (i = 0; i < NGX_MESH_STATS_LABELS; i++) {

        if (ngx_mesh_stats_sets[set].labels[i] == NULL) {
            break;
        }

        if (entry->overflow) {
            ngx_str_set(&entry->labels[i], "overflow");
            continue;
        }

        from = &read->labels[set == NGX_MESH_STATS_TARGET ? target[i] : i];

        entry->labels[i].len = from->len;
        entry->labels[i].data = ngx_pstrdup(pool, from);

        if (entry->labels[i].data == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_mesh_stats_sort(ngx_array_t *rows)
{
    qsort(rows->elts, rows->nelts, sizeof(ngx_mesh_stats_entry_t),
          ngx_mesh_stats_compare);
}


static int ngx_libc_cdecl
ngx_mesh_stats_compare(const void *one, const void *two)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    ngx_mesh_stats_entry_t  *a = (ngx_mesh_stats_entry_t *) one;
    ngx_mesh_stats_entry_t  *b = (ngx_mesh_stats_entry_t *) two;

    for (i = 0; i < NGX_MESH_STATS_LABELS; i++) {
        rc = ngx_mesh_stats_compare_labels(&a->labels[i], &b->labels[i]);
        if (rc) {
            return (int) rc;
        }
    }

    return 0;
}


/* as they stand in names, where a dot follows */

static ngx_int_t
ngx_mesh_stats_compare_labels(ngx_str_t *one, ngx_str_t *two)
{
    size_t     n;
    ngx_int_t  rc;

    n = ngx_min(one->len, two->len);

    rc = n ? ngx_memcmp(one->data, two->data, n) : 0;

    if (rc || one->len == two->len) {
        return rc;
    }

    return one->len < two->len ? (ngx_int_t) '.' - two->data[n]
                               : (ngx_int_t) one->data[n] - '.';
}


/* those of a service and a node stand side by side */

static ngx_int_t
ngx_mesh_stats_group(ngx_mesh_stats_t *st)
{
    ngx_str_t                node;
    ngx_uint_t               i;
    ngx_mesh_stats_entry_t  *target, *entry;

    node = st->mcf->resource_name;
    target = st->rows[NGX_MESH_STATS_TARGET].elts;
    entry = NULL;

    for (i = 0; i < st->rows[NGX_MESH_STATS_TARGET].nelts; i++) {

        if (entry
            && ngx_mesh_stats_compare_labels(&entry->labels[2],
                                             &target[i].labels[0]) == 0
            && ngx_mesh_stats_compare_labels(&entry->labels[3],
                                             &target[i].labels[1]) == 0)
        {
            entry->n++;
            continue;
        }

        entry = ngx_array_push(&st->rows[NGX_MESH_STATS_APPMESH_TARGET]);
        if (entry == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(entry, sizeof(ngx_mesh_stats_entry_t));

        entry->labels[0] = st->mcf->name;
        entry->labels[1] = node;
        entry->labels[2] = target[i].labels[0];
        entry->labels[3] = target[i].labels[1];
        entry->index = i;
        entry->n = 1;
    }

    return NGX_OK;
}


/* rows of which there is one at most */

static ngx_int_t
ngx_mesh_stats_info(ngx_mesh_stats_t *st)
{
    ngx_uint_t               i;
    ngx_mesh_stats_entry_t  *entry;

    static ngx_uint_t  sets[] = {
        NGX_MESH_STATS_APPMESH, NGX_MESH_STATS_CLUSTER_MANAGER,
        NGX_MESH_STATS_CONTROL_PLANE, NGX_MESH_STATS_LISTENER_MANAGER,
        NGX_MESH_STATS_BUILD, NGX_MESH_STATS_CONFIG, NGX_MESH_STATS_OWN,
        NGX_MESH_STATS_OWN_MORE, NGX_MESH_STATS_SERVER
    };

    for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {

        entry = ngx_array_push(&st->rows[sets[i]]);
        if (entry == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(entry, sizeof(ngx_mesh_stats_entry_t));

        switch (sets[i]) {

        case NGX_MESH_STATS_APPMESH:
            entry->labels[0] = st->mcf->name;
            entry->labels[1] = st->mcf->resource_name;
            break;

        case NGX_MESH_STATS_BUILD:
            ngx_str_set(&entry->labels[0], NGX_MESH_VERSION);
            entry->labels[1].data = (u_char *) NGINX_VER + sizeof("nginx/") - 1;
            entry->labels[1].len = sizeof(NGINX_VER) - sizeof("nginx/");
            break;

        case NGX_MESH_STATS_CONFIG:
            if (ngx_mesh_stats_config(st, entry->labels) != NGX_OK) {
                return NGX_ERROR;
            }
            break;
        }
    }

    return NGX_OK;
}


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

    if (set == st->last_set && n == st->last_row) {
        return st->last_rc;
    }

    entry = (ngx_mesh_stats_entry_t *) st->rows[set].elts + n;

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


/* the overflow row is told of when something is in it */

ngx_int_t
ngx_mesh_stats_read_metrics(ngx_mesh_stats_t *st,
    ngx_mesh_stats_entry_t *entry, uint64_t *values)
{
    ngx_uint_t                i, index;
    ngx_mesh_metrics_read_t   read;

    index = entry->index;
    read.values = values;

    if (ngx_mesh_metrics_read(st->mcf->metrics, entry->kind, &index, &read)
        != NGX_OK
        || index != entry->after
        || read.overflow != entry->overflow)
    {
        return NGX_DECLINED;
    }

    st->row.values = values;

    if (!entry->overflow) {
        return NGX_OK;
    }

    for (i = 0; i < ngx_mesh_metrics_values(entry->kind); i++) {
        if (values[i]) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
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


static ngx_int_t
ngx_mesh_stats_read_group(ngx_mesh_stats_t *st, ngx_mesh_stats_entry_t *entry)
{
    uint64_t                 one[NGX_MESH_TARGET_VALUES];
    ngx_uint_t               i, k, found;
    ngx_mesh_stats_entry_t  *target;

    target = st->rows[NGX_MESH_STATS_TARGET].elts;
    target += entry->index;

    ngx_memzero(st->values, sizeof(one));

    found = 0;

    for (i = 0; i < entry->n; i++) {

        if (ngx_mesh_stats_read_metrics(st, &target[i], one) != NGX_OK) {
            continue;
        }

        found = 1;

        for (k = 0; k < NGX_MESH_TARGET_VALUES; k++) {
            st->values[k] += one[k];
        }
    }

    st->row.values = st->values;

    return found ? NGX_OK : NGX_DECLINED;
}


/* what comes in, if anything is to come in here */

static ngx_int_t
ngx_mesh_stats_read_node(ngx_mesh_stats_t *st, ngx_mesh_stats_entry_t *entry)
{
    uint64_t                 one[NGX_MESH_STATS_VALUES], *v;
    ngx_str_t               *ingress;
    ngx_uint_t               i, k, found;
    ngx_mesh_stats_entry_t  *row;

    v = st->values;
    ngx_memzero(v, NGX_MESH_STATS_APPMESH_VALUES * sizeof(uint64_t));

    found = 0;
    row = st->rows[NGX_MESH_STATS_HTTP].elts;

    for (i = 0; i < st->rows[NGX_MESH_STATS_HTTP].nelts; i++) {
        if (row[i].labels[0].len == sizeof("ingress") - 1
            && ngx_strncmp(row[i].labels[0].data, "ingress",
                           sizeof("ingress") - 1) == 0
            && ngx_mesh_stats_read_metrics(st, &row[i], one) == NGX_OK)
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
            if (ngx_mesh_stats_compare_labels(&ingress[k], &row[i].labels[0])
                == 0
                && ngx_mesh_stats_read_metrics(st, &row[i], one) == NGX_OK)
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
    ngx_mesh_conf_t  *mcf;

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


/* NGX_AGAIN: not this statistic; NGX_DECLINED: not this row */

static ngx_int_t
ngx_mesh_stats_sample(ngx_mesh_stats_iterator_t *it,
    ngx_mesh_stats_sample_t *sample)
{
    ngx_uint_t        type;
    ngx_mesh_stat_t  *stat;

    stat = &ngx_mesh_stats_sets[it->set].stats[it->stat];

    type = (stat->type == NGX_MESH_STATS_HISTOGRAM) ? NGX_MESH_STATS_HISTOGRAMS
                                                    : NGX_MESH_STATS_SCALARS;

    if (!(it->types & type)) {
        return NGX_AGAIN;
    }

    if (ngx_mesh_stats_read(it->pass, it->set, it->row, &sample->row)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (sample->row->values[stat->value] == NGX_MESH_STATS_ABSENT) {
        return NGX_AGAIN;
    }

    sample->set = it->set;
    sample->stat = stat;
    sample->first = 0;

    return NGX_OK;
}
