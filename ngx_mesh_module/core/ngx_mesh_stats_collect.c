
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * How a pass over the statistics finds its rows.
 *
 * A call does one step and looks at one row of metrics, one cluster of the
 * model or one process, so that thousands of them hold up no request; what is
 * of the proxy as a whole is read once, in the first step.  Rows
 * found are kept in a tree, by their labels, and then listed: no step sorts.
 * Labels are copied, since rows of metrics come and go meanwhile.  One that
 * went and came back at another place is found twice and is one row all the
 * same, since the tree has its labels once; one whose place is another's by
 * the time it is read is known by its key.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_stats_parts.h"


typedef struct {
    ngx_int_t              (*handler)(ngx_mesh_stats_t *st,
                                 ngx_mesh_stats_set_e set);
    ngx_mesh_stats_set_e     set;
} ngx_mesh_stats_step_t;


static ngx_int_t ngx_mesh_stats_step_proxy(ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set);
static ngx_int_t ngx_mesh_stats_step_metrics(ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set);
static void ngx_mesh_stats_labels(ngx_mesh_stats_set_e set,
    ngx_mesh_metrics_read_t *read, ngx_str_t *labels);
static ngx_int_t ngx_mesh_stats_step_clusters(ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set);
static ngx_int_t ngx_mesh_stats_step_list(ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set);
static ngx_int_t ngx_mesh_stats_step_group(ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set);
static ngx_int_t ngx_mesh_stats_step_one(ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set);
static ngx_int_t ngx_mesh_stats_list_init(ngx_mesh_stats_t *st,
    ngx_mesh_stats_set_e set, ngx_uint_t n);
static ngx_int_t ngx_mesh_stats_order(ngx_str_t *one, ngx_str_t *two);
static void ngx_mesh_stats_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);


static ngx_mesh_stats_step_t  ngx_mesh_stats_steps[] = {

    { ngx_mesh_stats_step_proxy, 0 },

    { ngx_mesh_stats_step_metrics, NGX_MESH_STATS_HTTP },
    { ngx_mesh_stats_step_list, NGX_MESH_STATS_HTTP },

    { ngx_mesh_stats_step_metrics, NGX_MESH_STATS_LISTENER },
    { ngx_mesh_stats_step_list, NGX_MESH_STATS_LISTENER },

    { ngx_mesh_stats_step_metrics, NGX_MESH_STATS_TARGET },
    { ngx_mesh_stats_step_list, NGX_MESH_STATS_TARGET },
    { ngx_mesh_stats_step_group, NGX_MESH_STATS_APPMESH_TARGET },

    { ngx_mesh_stats_step_metrics, NGX_MESH_STATS_CLUSTER },
    { ngx_mesh_stats_step_clusters, NGX_MESH_STATS_CLUSTER },
    { ngx_mesh_stats_step_list, NGX_MESH_STATS_CLUSTER },

    { ngx_mesh_stats_step_one, NGX_MESH_STATS_APPMESH },
    { ngx_mesh_stats_step_one, NGX_MESH_STATS_CLUSTER_MANAGER },
    { ngx_mesh_stats_step_one, NGX_MESH_STATS_CONTROL_PLANE },
    { ngx_mesh_stats_step_one, NGX_MESH_STATS_LISTENER_MANAGER },
    { ngx_mesh_stats_step_one, NGX_MESH_STATS_BUILD },
    { ngx_mesh_stats_step_one, NGX_MESH_STATS_CONFIG },
    { ngx_mesh_stats_step_one, NGX_MESH_STATS_OWN },
    { ngx_mesh_stats_step_one, NGX_MESH_STATS_OWN_MORE },
    { ngx_mesh_stats_step_one, NGX_MESH_STATS_SERVER },

    { NULL, 0 }
};


ngx_mesh_stats_t *
ngx_mesh_stats_create(ngx_pool_t *pool, ngx_mesh_conf_t *mcf,
    ngx_mesh_snapshot_t *snapshot)
{
    ngx_mesh_stats_t  *st;

    st = ngx_pcalloc(pool, sizeof(ngx_mesh_stats_t));
    if (st == NULL) {
        return NULL;
    }

    st->pool = pool;
    st->mcf = mcf;
    st->snapshot = snapshot;
    st->last_set = NGX_MESH_STATS_SETS;

    ngx_rbtree_init(&st->found, &st->sentinel, ngx_mesh_stats_insert);

    return st;
}


ngx_int_t
ngx_mesh_stats_collect(ngx_mesh_stats_t *st)
{
    ngx_int_t               rc;
    ngx_mesh_stats_step_t  *step;

    step = &ngx_mesh_stats_steps[st->step];

    if (step->handler == NULL) {
        return NGX_OK;
    }

    rc = step->handler(st, step->set);

    if (rc == NGX_OK) {
        st->step++;
        st->index = 0;
        return NGX_AGAIN;
    }

    return rc;
}


static ngx_int_t
ngx_mesh_stats_step_proxy(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set)
{
    if (st->index == 0) {
        ngx_mesh_stats_proxy(st);
    }

    return ngx_mesh_stats_process(st);
}


static ngx_int_t
ngx_mesh_stats_step_metrics(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set)
{
    ngx_str_t                 labels[NGX_MESH_STATS_LABELS];
    ngx_mesh_stats_entry_t   *entry;
    ngx_mesh_metrics_kind_e   kind;
    ngx_mesh_metrics_read_t   read;

    switch (set) {

    case NGX_MESH_STATS_HTTP:
        kind = NGX_MESH_METRICS_HTTP;
        break;

    case NGX_MESH_STATS_LISTENER:
        kind = NGX_MESH_METRICS_LISTENER;
        break;

    case NGX_MESH_STATS_TARGET:
        kind = NGX_MESH_METRICS_TARGET;
        break;

    default: /* NGX_MESH_STATS_CLUSTER */
        kind = NGX_MESH_METRICS_CLUSTER;
        break;
    }

    read.values = NULL;

    if (ngx_mesh_metrics_read(st->mcf->metrics, kind, &st->index, &read)
        != NGX_OK)
    {
        return NGX_OK;
    }

    ngx_mesh_stats_labels(set, &read, labels);

    entry = ngx_mesh_stats_found(st, labels);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->kind = kind;
    entry->at = read.at;
    entry->key = read.key;
    entry->counted = 1;

    return NGX_AGAIN;
}


/* the labels of a target go from what is asked for to what answers */

static void
ngx_mesh_stats_labels(ngx_mesh_stats_set_e set, ngx_mesh_metrics_read_t *read,
    ngx_str_t *labels)
{
    ngx_uint_t  i;

    static ngx_uint_t  target[] = { 0, 3, 1, 2 };

    for (i = 0; i < NGX_MESH_STATS_LABELS; i++) {

        if (ngx_mesh_stats_sets[set].labels[i] == NULL) {
            ngx_str_null(&labels[i]);

        } else if (read->overflow) {
            ngx_str_set(&labels[i], "overflow");

        } else {
            labels[i] = read->labels[set == NGX_MESH_STATS_TARGET ? target[i]
                                                                  : i];
        }
    }
}


static ngx_int_t
ngx_mesh_stats_step_clusters(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set)
{
    return ngx_mesh_stats_find_cluster(st);
}


/* what was found, in order */

static ngx_int_t
ngx_mesh_stats_step_list(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set)
{
    ngx_mesh_stats_rows_t  *rows;

    rows = &st->rows[set];

    if (st->nfound == 0) {
        return NGX_OK;
    }

    if (st->next == NULL) {
        if (ngx_mesh_stats_list_init(st, set, st->nfound) != NGX_OK) {
            return NGX_ERROR;
        }

        st->next = ngx_rbtree_min(st->found.root, &st->sentinel);
    }

    rows->elts[rows->nelts++] = ngx_rbtree_data(st->next,
                                                ngx_mesh_stats_entry_t, node);

    st->next = ngx_rbtree_next(&st->found, st->next);

    if (st->next) {
        return NGX_AGAIN;
    }

    ngx_rbtree_init(&st->found, &st->sentinel, ngx_mesh_stats_insert);
    st->nfound = 0;

    return NGX_OK;
}


/* targets of a service and a node stand side by side */

static ngx_int_t
ngx_mesh_stats_step_group(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set)
{
    ngx_mesh_stats_rows_t   *targets, *groups;
    ngx_mesh_stats_entry_t  *target, *entry;

    targets = &st->rows[NGX_MESH_STATS_TARGET];
    groups = &st->rows[set];

    if (st->index == targets->nelts) {
        return NGX_OK;
    }

    if (groups->elts == NULL
        && ngx_mesh_stats_list_init(st, set, targets->nelts) != NGX_OK)
    {
        return NGX_ERROR;
    }

    target = targets->elts[st->index];
    entry = groups->nelts ? groups->elts[groups->nelts - 1] : NULL;

    if (entry
        && ngx_mesh_stats_compare(&entry->labels[2], &target->labels[0]) == 0
        && ngx_mesh_stats_compare(&entry->labels[3], &target->labels[1]) == 0)
    {
        entry->n++;
        st->index++;
        return NGX_AGAIN;
    }

    entry = ngx_pcalloc(st->pool, sizeof(ngx_mesh_stats_entry_t));
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->labels[0] = st->mcf->name;
    entry->labels[1] = st->mcf->resource_name;
    entry->labels[2] = target->labels[0];
    entry->labels[3] = target->labels[1];
    entry->at = st->index++;
    entry->n = 1;

    groups->elts[groups->nelts++] = entry;

    return NGX_AGAIN;
}


/* a set of one row */

static ngx_int_t
ngx_mesh_stats_step_one(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set)
{
    ngx_mesh_stats_entry_t  *entry;

    entry = ngx_pcalloc(st->pool, sizeof(ngx_mesh_stats_entry_t));

    if (entry == NULL || ngx_mesh_stats_list_init(st, set, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    switch (set) {

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

    default:
        break;
    }

    st->rows[set].elts[0] = entry;
    st->rows[set].nelts = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_stats_list_init(ngx_mesh_stats_t *st, ngx_mesh_stats_set_e set,
    ngx_uint_t n)
{
    st->rows[set].elts = ngx_palloc(st->pool,
                                    n * sizeof(ngx_mesh_stats_entry_t *));

    return st->rows[set].elts ? NGX_OK : NGX_ERROR;
}


ngx_mesh_stats_entry_t *
ngx_mesh_stats_found(ngx_mesh_stats_t *st, ngx_str_t *labels)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_rbtree_node_t       *node;
    ngx_mesh_stats_entry_t  *entry;

    node = st->found.root;

    while (node != &st->sentinel) {
        entry = ngx_rbtree_data(node, ngx_mesh_stats_entry_t, node);

        rc = ngx_mesh_stats_order(labels, entry->labels);

        if (rc == 0) {
            return entry;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    entry = ngx_pcalloc(st->pool, sizeof(ngx_mesh_stats_entry_t));
    if (entry == NULL) {
        return NULL;
    }

    for (i = 0; i < NGX_MESH_STATS_LABELS; i++) {

        if (labels[i].len == 0) {
            continue;
        }

        entry->labels[i].len = labels[i].len;
        entry->labels[i].data = ngx_pstrdup(st->pool, &labels[i]);

        if (entry->labels[i].data == NULL) {
            return NULL;
        }
    }

    ngx_rbtree_insert(&st->found, &entry->node);
    st->nfound++;

    return entry;
}


static ngx_int_t
ngx_mesh_stats_order(ngx_str_t *one, ngx_str_t *two)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESH_STATS_LABELS; i++) {
        rc = ngx_mesh_stats_compare(&one[i], &two[i]);
        if (rc) {
            return rc;
        }
    }

    return 0;
}


/* as they stand in names, where a dot follows */

ngx_int_t
ngx_mesh_stats_compare(ngx_str_t *one, ngx_str_t *two)
{
    size_t     n;
    ngx_int_t  rc;

    n = ngx_min(one->len, two->len);

    rc = n ? ngx_memcmp(one->data, two->data, n) : 0;

    if (rc || one->len == two->len) {
        return rc;
    }

    rc = one->len < two->len ? (ngx_int_t) '.' - two->data[n]
                             : (ngx_int_t) one->data[n] - '.';

    /* a label that has a dot there is another one all the same */

    return rc ? rc : (one->len < two->len ? -1 : 1);
}


static void
ngx_mesh_stats_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t       **p;
    ngx_mesh_stats_entry_t   *entry, *other;

    entry = ngx_rbtree_data(node, ngx_mesh_stats_entry_t, node);

    for ( ;; ) {
        other = ngx_rbtree_data(temp, ngx_mesh_stats_entry_t, node);

        p = (ngx_mesh_stats_order(entry->labels, other->labels) < 0)
            ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}
