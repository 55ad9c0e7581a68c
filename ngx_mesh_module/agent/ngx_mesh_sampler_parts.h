
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The parts of the sampler: what is shared (ngx_mesh_sampler_share.c), what is
 * read and written (ngx_mesh_sampler_text.c), when to ask for what
 * (ngx_mesh_sampler.c).
 */


#ifndef _NGX_MESH_SAMPLER_PARTS_H_INCLUDED_
#define _NGX_MESH_SAMPLER_PARTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_sampler.h"
#include "ngx_mesh_sampling.h"


/* one more rule, for what no other matches, is added to each set */
#define NGX_MESH_SAMPLER_RULES      (NGX_MESH_SAMPLING_RULES - 1)

/* X-Ray's limits */
#define NGX_MESH_SAMPLER_NAME       32
#define NGX_MESH_SAMPLER_HOST       64
#define NGX_MESH_SAMPLER_METHOD     10
#define NGX_MESH_SAMPLER_PATH       128
#define NGX_MESH_SAMPLER_DOCUMENTS  25      /* of statistics, a request */

#define NGX_MESH_SAMPLER_ID_LEN     24
#define NGX_MESH_SAMPLER_AGE        3600    /* s that rules are good for */


/* rules as they are shared: without pointers, strings end with a NUL */

typedef struct {
    uint32_t                         priority;
    uint32_t                         target;
    uint32_t                         rate;      /* in millionths */
    u_char                           name[NGX_MESH_SAMPLER_NAME + 1];
    u_char                           host[NGX_MESH_SAMPLER_HOST + 1];
    u_char                           method[NGX_MESH_SAMPLER_METHOD + 1];
    u_char                           path[NGX_MESH_SAMPLER_PATH + 1];
} ngx_mesh_sampler_rule_t;


typedef struct {
    ngx_uint_t                       n;
    ngx_mesh_sampler_rule_t          rules[NGX_MESH_SAMPLER_RULES];
} ngx_mesh_sampler_table_t;


/* --- ngx_mesh_sampler_text.c: pure functions --- */

/*
 * Adds the rules of an answer to GetSamplingRules to the table: those that
 * apply to this proxy, whose segments have the name "service".  What is wrong
 * with one rule leaves that out.  "next" is the token of the next page, or
 * empty.  NGX_ERROR: the text is no such answer; "error" says why.
 */
ngx_int_t ngx_mesh_sampler_read_rules(ngx_pool_t *pool, ngx_str_t *text,
    ngx_str_t *service, ngx_mesh_sampler_table_t *table, ngx_str_t *next,
    ngx_str_t *error);

/* by priority, then by name; the default rule is the last one */
void ngx_mesh_sampler_sort(ngx_mesh_sampler_table_t *table);

/*
 * The table as a set, in a pool of its own, and "rest", without a name, for
 * what none of its rules matches.  NULL if memory is short.
 */
ngx_mesh_sampling_rules_t *ngx_mesh_sampler_set(
    ngx_mesh_sampler_table_t *table, ngx_mesh_sampling_rule_t *rest,
    ngx_log_t *log);

/* the request for the page after the token "next", or the first one */
ngx_int_t ngx_mesh_sampler_write_rules(ngx_pool_t *pool, ngx_str_t *next,
    ngx_str_t *text);


/* what was counted, and is reported */

typedef struct {
    u_char                           name[NGX_MESH_SAMPLER_NAME + 1];
    ngx_mesh_sampling_row_t         *row;
    ngx_mesh_sampling_statistics_t   counts;
} ngx_mesh_sampler_document_t;

/* a request of GetSamplingTargets; "id" has NGX_MESH_SAMPLER_ID_LEN bytes */
ngx_int_t ngx_mesh_sampler_write_documents(ngx_pool_t *pool,
    ngx_mesh_sampler_document_t *docs, ngx_uint_t n, u_char *id, time_t now,
    ngx_str_t *text);


typedef struct {
    ngx_str_t                        name;
    ngx_int_t                        rate;      /* in millionths; or
                                                   NGX_ERROR: not said */
    ngx_int_t                        quota;     /* or NGX_ERROR */
    time_t                           expires;   /* 0: not said */
    ngx_uint_t                       interval;  /* s, 0: not said */
} ngx_mesh_sampler_target_t;

typedef struct {
    ngx_array_t                      targets;   /* ..._target_t */
    ngx_array_t                      refused;   /* ngx_str_t: names of rules
                                                   to be reported again */
    time_t                           modified;  /* rules were, or 0 */
} ngx_mesh_sampler_targets_t;

/* NGX_ERROR: the text is no answer to GetSamplingTargets */
ngx_int_t ngx_mesh_sampler_read_targets(ngx_pool_t *pool, ngx_str_t *text,
    ngx_mesh_sampler_targets_t *targets, ngx_str_t *error);


/* --- ngx_mesh_sampler_share.c --- */

/* declares the zone "mesh_sampler" */
ngx_mesh_sampler_share_t *ngx_mesh_sampler_share_add(ngx_cycle_t *cycle);

/* a handle on a slab pool that is ready; for tests */
ngx_mesh_sampler_share_t *ngx_mesh_sampler_share_attach(ngx_pool_t *pool,
    ngx_slab_pool_t *shpool);

/* is this worker the one that asks? */
ngx_uint_t ngx_mesh_sampler_share_holds(ngx_mesh_sampler_share_t *share);
void ngx_mesh_sampler_share_release(ngx_mesh_sampler_share_t *share);

/* how this proxy is called in statistics, for as long as the zone is there */
u_char *ngx_mesh_sampler_share_id(ngx_mesh_sampler_share_t *share);

/*
 * The rules were asked for just now, which is "now" of ngx_time(); 1: they are
 * others than before, and have another number.
 */
ngx_uint_t ngx_mesh_sampler_share_publish(ngx_mesh_sampler_share_t *share,
    ngx_mesh_sampler_table_t *table, time_t now);

/* the number of the rules in force, 0: none, or at "now" they are too old */
ngx_atomic_uint_t ngx_mesh_sampler_share_seq(ngx_mesh_sampler_share_t *share,
    time_t now);

/* when the rules were asked for last, of ngx_time(); 0: not yet */
time_t ngx_mesh_sampler_share_fetched(ngx_mesh_sampler_share_t *share);

/* copies the rules out; returns their number */
ngx_atomic_uint_t ngx_mesh_sampler_share_rules(
    ngx_mesh_sampler_share_t *share, ngx_mesh_sampler_table_t *table);


/* --- ngx_mesh_sampler_follow.c --- */

typedef enum {
    NGX_MESH_SAMPLER_SAME = 0,
    NGX_MESH_SAMPLER_CHANGED,
    NGX_MESH_SAMPLER_TOO_OLD                    /* local rules from now on */
} ngx_mesh_sampler_follow_e;

typedef struct {
    ngx_mesh_sampler_share_t        *share;
    ngx_mesh_sampling_t             *sampling;
    ngx_mesh_sampling_rule_t         rest;      /* of the local rules */
    ngx_atomic_uint_t                seq;       /* of the set in force here */
    ngx_log_t                       *log;
} ngx_mesh_sampler_view_t;

/*
 * Puts in force in this worker what is shared at "now" (of ngx_time()), if it
 * is not yet.  What cannot be had for want of memory stays as it was.
 */
ngx_mesh_sampler_follow_e ngx_mesh_sampler_follow(ngx_mesh_sampler_view_t *v,
    time_t now);


#endif /* _NGX_MESH_SAMPLER_PARTS_H_INCLUDED_ */
