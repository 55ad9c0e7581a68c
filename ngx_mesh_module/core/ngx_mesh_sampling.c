
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Rules, their reservoirs in shared memory, and the decision.
 *
 * What is taken of a reservoir is one number: the second, and in its lower half
 * how many requests in it.  Workers change it by compare and set, so that never
 * more are taken in a second than the target says; once it is empty a request
 * only reads it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"
#include "ngx_mesh_sampling.h"


#define NGX_MESH_SAMPLING_MAGIC  0x706d5331     /* "1Smp" */

/* half of the bits of an atomic */
#define NGX_MESH_SAMPLING_HALF   (sizeof(ngx_atomic_uint_t) * 4)
#define NGX_MESH_SAMPLING_MASK                                                \
    (((ngx_atomic_uint_t) 1 << NGX_MESH_SAMPLING_HALF) - 1)

/* clocks of workers differ by less, in seconds */
#define NGX_MESH_SAMPLING_SKEW   10


typedef struct {
    uint32_t                    magic;
    uint32_t                    size;           /* of this structure */
    ngx_uint_t                  nrows;          /* in use; under the mutex */
    ngx_uint_t                  hand;           /* to be used again next */
    u_char                      pad[40];        /* rows begin a cache line */
    ngx_mesh_sampling_row_t     rows[NGX_MESH_SAMPLING_ROWS];
} ngx_mesh_sampling_head_t;


struct ngx_mesh_sampling_s {
    ngx_mesh_sampling_head_t   *sh;
    ngx_slab_pool_t            *shpool;
    ngx_mesh_sampling_rules_t  *local;
    ngx_mesh_sampling_rules_t  *rules;          /* in force in this worker */
};


static ngx_int_t ngx_mesh_sampling_init_zone(ngx_shm_zone_t *zone, void *data);
static ngx_mesh_sampling_head_t *ngx_mesh_sampling_make(
    ngx_slab_pool_t *shpool);
static void ngx_mesh_sampling_rows(ngx_mesh_sampling_t *s,
    ngx_mesh_sampling_rules_t *rules);
static ngx_mesh_sampling_row_t *ngx_mesh_sampling_row(
    ngx_mesh_sampling_head_t *sh, ngx_atomic_uint_t key);
static ngx_atomic_uint_t ngx_mesh_sampling_key(
    ngx_mesh_sampling_rule_t *rule, ngx_uint_t i, ngx_uint_t central);
static ngx_atomic_uint_t ngx_mesh_sampling_hash(ngx_atomic_uint_t hash,
    ngx_str_t *s);
static ngx_mesh_sampling_rule_t *ngx_mesh_sampling_find(
    ngx_mesh_sampling_rules_t *rules, ngx_mesh_sampling_request_t *rq);
static ngx_uint_t ngx_mesh_sampling_is_any(ngx_str_t *pattern);
static ngx_uint_t ngx_mesh_sampling_local(ngx_mesh_sampling_rule_t *rule,
    ngx_uint_t now, uint32_t random);
static ngx_uint_t ngx_mesh_sampling_central(ngx_mesh_sampling_rule_t *rule,
    ngx_uint_t now, uint32_t random);
static ngx_uint_t ngx_mesh_sampling_take(ngx_atomic_t *taken, ngx_uint_t now,
    ngx_uint_t target);
static ngx_atomic_uint_t ngx_mesh_sampling_fetch(ngx_atomic_t *value);


ngx_mesh_sampling_t *
ngx_mesh_sampling_add(ngx_conf_t *cf, ngx_mesh_sampling_rules_t *local)
{
    size_t                size;
    ngx_str_t             name;
    ngx_shm_zone_t       *zone;
    ngx_mesh_sampling_t  *s;

    ngx_str_set(&name, "mesh_sampling");

    s = ngx_pcalloc(cf->pool, sizeof(ngx_mesh_sampling_t));
    if (s == NULL) {
        return NULL;
    }

    s->local = local;

    size = ngx_align(sizeof(ngx_mesh_sampling_head_t), ngx_pagesize)
           + 16 * ngx_pagesize;

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_mesh_module);
    if (zone == NULL) {
        return NULL;
    }

    zone->init = ngx_mesh_sampling_init_zone;
    zone->data = s;

    return s;
}


static ngx_int_t
ngx_mesh_sampling_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_mesh_sampling_t *old = data;

    ngx_mesh_sampling_t  *s;

    s = zone->data;

    if (old) {
        s->sh = old->sh;
        s->shpool = old->shpool;
        return NGX_OK;
    }

    s->shpool = (ngx_slab_pool_t *) zone->shm.addr;
    s->sh = ngx_mesh_sampling_make(s->shpool);

    return s->sh ? NGX_OK : NGX_ERROR;
}


ngx_mesh_sampling_t *
ngx_mesh_sampling_attach(ngx_pool_t *pool, ngx_slab_pool_t *shpool,
    ngx_mesh_sampling_rules_t *local)
{
    ngx_mesh_sampling_t  *s;

    s = ngx_pcalloc(pool, sizeof(ngx_mesh_sampling_t));
    if (s == NULL) {
        return NULL;
    }

    s->local = local;
    s->shpool = shpool;
    s->sh = ngx_mesh_sampling_make(shpool);

    return s->sh ? s : NULL;
}


static ngx_mesh_sampling_head_t *
ngx_mesh_sampling_make(ngx_slab_pool_t *shpool)
{
    ngx_mesh_sampling_head_t  *sh;

    sh = shpool->data;

    if (sh
        && sh->magic == NGX_MESH_SAMPLING_MAGIC
        && sh->size == sizeof(ngx_mesh_sampling_head_t))
    {
        return sh;
    }

    sh = ngx_slab_calloc(shpool, sizeof(ngx_mesh_sampling_head_t));

    if (sh) {
        sh->magic = NGX_MESH_SAMPLING_MAGIC;
        sh->size = sizeof(ngx_mesh_sampling_head_t);
        shpool->data = sh;
    }

    return sh;
}


void
ngx_mesh_sampling_init_worker(ngx_mesh_sampling_t *s, ngx_log_t *log)
{
    ngx_mesh_sampling_rows(s, s->local);

    s->rules = s->local;
}


void
ngx_mesh_sampling_exit_worker(ngx_mesh_sampling_t *s)
{
    ngx_mesh_sampling_swap(s, NULL);

    /*
     * A single process goes on, with connections that know this configuration,
     * while the zone goes where the next one traces nothing.
     */

    s->rules = NULL;
}


void
ngx_mesh_sampling_swap(ngx_mesh_sampling_t *s,
    ngx_mesh_sampling_rules_t *rules)
{
    ngx_mesh_sampling_rules_t  *old;

    old = s->rules;

    if (rules == NULL || rules->nrules == 0) {
        s->rules = s->local;

    } else {
        ngx_mesh_sampling_rows(s, rules);
        s->rules = rules;
    }

    if (rules && rules != s->rules && rules->pool) {
        ngx_destroy_pool(rules->pool);
    }

    if (old && old != s->rules && old->pool) {
        ngx_destroy_pool(old->pool);
    }
}


ngx_mesh_sampling_rules_t *
ngx_mesh_sampling_rules(ngx_mesh_sampling_t *s)
{
    return s->rules;
}


static void
ngx_mesh_sampling_rows(ngx_mesh_sampling_t *s,
    ngx_mesh_sampling_rules_t *rules)
{
    ngx_uint_t                 i;
    ngx_atomic_uint_t          key;
    ngx_mesh_sampling_rule_t  *rule;

    ngx_shmtx_lock(&s->shpool->mutex);

    for (i = 0; i < rules->nrules; i++) {
        rule = &rules->rules[i];

        key = ngx_mesh_sampling_key(rule, i, rules->central);
        rule->row = ngx_mesh_sampling_row(s->sh, key);

        rule->any = ngx_mesh_sampling_is_any(&rule->host)
                    && ngx_mesh_sampling_is_any(&rule->path)
                    && ngx_mesh_sampling_is_any(&rule->method);
    }

    ngx_shmtx_unlock(&s->shpool->mutex);
}


/*
 * There are more rows than two sets have rules.  After many changes of rules
 * the rows of the oldest ones are used again.
 */

static ngx_mesh_sampling_row_t *
ngx_mesh_sampling_row(ngx_mesh_sampling_head_t *sh, ngx_atomic_uint_t key)
{
    ngx_uint_t                i;
    ngx_mesh_sampling_row_t  *row;

    for (i = 0; i < sh->nrows; i++) {
        if (sh->rows[i].key == key) {
            return &sh->rows[i];
        }
    }

    if (sh->nrows < NGX_MESH_SAMPLING_ROWS) {
        row = &sh->rows[sh->nrows++];

    } else {
        row = &sh->rows[sh->hand++ % NGX_MESH_SAMPLING_ROWS];
        ngx_memzero(row, sizeof(ngx_mesh_sampling_row_t));
    }

    row->key = key;

    return row;
}


static ngx_atomic_uint_t
ngx_mesh_sampling_key(ngx_mesh_sampling_rule_t *rule, ngx_uint_t i,
    ngx_uint_t central)
{
    ngx_atomic_uint_t  hash;

    hash = ngx_mesh_sampling_hash(central ? 1 : i + 2, &rule->name);

    if (!central) {
        hash = ngx_mesh_sampling_hash(hash, &rule->host);
        hash = ngx_mesh_sampling_hash(hash, &rule->method);
        hash = ngx_mesh_sampling_hash(hash, &rule->path);
    }

    return hash ? hash : 1;
}


static ngx_atomic_uint_t
ngx_mesh_sampling_hash(ngx_atomic_uint_t hash, ngx_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        hash = (hash ^ s->data[i]) * (ngx_atomic_uint_t) 1099511628211ULL;
        hash ^= hash >> (NGX_MESH_SAMPLING_HALF - 3);
    }

    return (hash ^ 0x100) * (ngx_atomic_uint_t) 1099511628211ULL;
}


ngx_uint_t
ngx_mesh_sampling_decide(ngx_mesh_sampling_t *s,
    ngx_mesh_sampling_request_t *rq, ngx_uint_t now, uint32_t random)
{
    ngx_mesh_sampling_rule_t   *rule;
    ngx_mesh_sampling_rules_t  *rules;

    rules = s->rules;

    if (rules == NULL) {
        return 0;
    }

    rule = ngx_mesh_sampling_find(rules, rq);

    if (rule == NULL) {
        return 0;
    }

    return rules->central ? ngx_mesh_sampling_central(rule, now, random)
                          : ngx_mesh_sampling_local(rule, now, random);
}


static ngx_mesh_sampling_rule_t *
ngx_mesh_sampling_find(ngx_mesh_sampling_rules_t *rules,
    ngx_mesh_sampling_request_t *rq)
{
    u_char                    *p;
    ngx_str_t                  host;
    ngx_uint_t                 i;
    ngx_mesh_sampling_rule_t  *rule;

    host = rq->host;

    for (i = 0; i < rules->nrules; i++) {
        rule = &rules->rules[i];

        if (rule->any) {
            return rule;
        }

        if (host.len == rq->host.len && host.len) {
            p = host.data + host.len;

            while (p > host.data && p[-1] >= '0' && p[-1] <= '9') { p--; }

            if (p > host.data && p[-1] == ':') {
                host.len = p - 1 - host.data;
            }
        }

        if (ngx_mesh_sampling_match(&rule->path, &rq->path)
            && ngx_mesh_sampling_match(&rule->host, &host)
            && ngx_mesh_sampling_match(&rule->method, &rq->method))
        {
            return rule;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_mesh_sampling_is_any(ngx_str_t *pattern)
{
    return pattern->len == 0 || (pattern->len == 1 && pattern->data[0] == '*');
}


/*
 * After a mismatch it goes on from the last "*" only, one character further: an
 * earlier one could take nothing that the last one cannot.  So there is no
 * recursion, and each character of the text is compared with those between two
 * stars at most.
 */

ngx_uint_t
ngx_mesh_sampling_match(ngx_str_t *pattern, ngx_str_t *text)
{
    u_char  *p, *t, *plast, *tlast, *star, *from;

    if (ngx_mesh_sampling_is_any(pattern)) {
        return 1;
    }

    p = pattern->data;
    plast = p + pattern->len;
    t = text->data;
    tlast = t + text->len;

    star = NULL;
    from = NULL;

    while (t < tlast) {

        if (p < plast && *p == '*') {
            star = ++p;
            from = t;

            if (p == plast) {
                return 1;
            }

        } else if (p < plast
                   && (*p == '?' || ngx_tolower(*p) == ngx_tolower(*t)))
        {
            p++;
            t++;

        } else if (star) {
            p = star;
            t = ++from;

        } else {
            return 0;
        }
    }

    while (p < plast && *p == '*') { p++; }

    return p == plast;
}


static ngx_uint_t
ngx_mesh_sampling_local(ngx_mesh_sampling_rule_t *rule, ngx_uint_t now,
    uint32_t random)
{
    if (rule->target
        && ngx_mesh_sampling_take(&rule->row->taken, now, rule->target))
    {
        return 1;
    }

    return ((uint64_t) random * NGX_MESH_SAMPLING_MILLION >> 32) < rule->rate;
}


/* as AWS's SDKs: who has no quota (yet) borrows one a second of the others */

static ngx_uint_t
ngx_mesh_sampling_central(ngx_mesh_sampling_rule_t *rule, ngx_uint_t now,
    uint32_t random)
{
    ngx_uint_t                quota, rate;
    ngx_mesh_sampling_row_t  *row;

    row = rule->row;

    (void) ngx_atomic_fetch_add(&row->requests, 1);

    quota = (ngx_time() < (time_t) row->expires);

    if (quota) {
        if (row->quota && ngx_mesh_sampling_take(&row->taken, now, row->quota))
        {
            goto sampled;
        }

    } else if (rule->target && ngx_mesh_sampling_take(&row->taken, now, 1)) {
        (void) ngx_atomic_fetch_add(&row->borrowed, 1);
        return 1;
    }

    rate = row->rate ? row->rate - 1 : rule->rate;

    if (((uint64_t) random * NGX_MESH_SAMPLING_MILLION >> 32) >= rate) {
        return 0;
    }

sampled:

    (void) ngx_atomic_fetch_add(&row->sampled, 1);

    return 1;
}


/*
 * The clock of a worker is that of its last event, so one may come with the
 * second before: it takes of the newer one.
 */

static ngx_uint_t
ngx_mesh_sampling_take(ngx_atomic_t *taken, ngx_uint_t now, ngx_uint_t target)
{
    ngx_atomic_uint_t  v, next, second, count, current;

    current = now & NGX_MESH_SAMPLING_MASK;
    target = ngx_min(target, NGX_MESH_SAMPLING_MASK);

    for ( ;; ) {
        v = *taken;

        second = v >> NGX_MESH_SAMPLING_HALF;
        count = v & NGX_MESH_SAMPLING_MASK;

        if (second == current
            || ((second - current) & NGX_MESH_SAMPLING_MASK)
               < NGX_MESH_SAMPLING_SKEW)
        {
            if (count >= target) {
                return 0;
            }

            next = v + 1;

        } else {
            next = (current << NGX_MESH_SAMPLING_HALF) | 1;
        }

        if (ngx_atomic_cmp_set(taken, v, next)) {
            return 1;
        }
    }
}


void
ngx_mesh_sampling_statistics(ngx_mesh_sampling_row_t *row,
    ngx_mesh_sampling_statistics_t *st)
{
    /* in this order, so that never more are sampled than there were */

    st->borrowed = ngx_mesh_sampling_fetch(&row->borrowed);
    st->sampled = ngx_mesh_sampling_fetch(&row->sampled);
    st->requests = ngx_mesh_sampling_fetch(&row->requests);
}


static ngx_atomic_uint_t
ngx_mesh_sampling_fetch(ngx_atomic_t *value)
{
    ngx_atomic_uint_t  v;

    do {
        v = *value;
    } while (!ngx_atomic_cmp_set(value, v, 0));

    return v;
}


void
ngx_mesh_sampling_unreported(ngx_mesh_sampling_row_t *row,
    ngx_mesh_sampling_statistics_t *st)
{
    (void) ngx_atomic_fetch_add(&row->requests, st->requests);
    (void) ngx_atomic_fetch_add(&row->sampled, st->sampled);
    (void) ngx_atomic_fetch_add(&row->borrowed, st->borrowed);
}


void
ngx_mesh_sampling_target(ngx_mesh_sampling_row_t *row, ngx_uint_t rate,
    ngx_uint_t quota, time_t expires)
{
    row->rate = rate + 1;
    row->quota = quota;
    row->expires = expires;
}
