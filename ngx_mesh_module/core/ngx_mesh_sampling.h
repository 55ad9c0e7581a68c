
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Which requests are traced, if who sent them has not decided it.
 *
 * Rules are looked through in their order; the first that matches counts, and
 * the last one matches everything.  A rule has a reservoir, which is a number
 * of requests that are traced each second for certain, and a rate for those
 * beyond it.  The reservoirs are shared by all workers.
 *
 * Local rules are those of a manifest (version 2) or made of a rate; they are
 * made by the master at configuration time and live with it.  Central rules are
 * those that X-Ray keeps: the agent makes a set of them in each worker and
 * swaps it in; without one, the local rules are in force.  What the daemon says
 * of a central rule later, its quota and rate, is written to the rule's row in
 * shared memory by one worker, and is in force everywhere at once.
 */


#ifndef _NGX_MESH_SAMPLING_H_INCLUDED_
#define _NGX_MESH_SAMPLING_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MESH_SAMPLING_MILLION   1000000     /* the rate 1.0 */
#define NGX_MESH_SAMPLING_RULES     256         /* of one set, at most */
#define NGX_MESH_SAMPLING_ROWS      1024


/* of one rule, in shared memory, with a cache line of its own */

typedef struct {
    ngx_atomic_t                 key;       /* of the name, 0: free */
    ngx_atomic_t                 taken;     /* of the reservoir: the second and
                                               how many in it */
    ngx_atomic_t                 quota;     /* a second, of the daemon */
    ngx_atomic_t                 expires;   /* ngx_time() until which the quota
                                               is good, 0: there is none */
    ngx_atomic_t                 rate;      /* of the daemon, in millionths and
                                               1 more; 0: not said */

    /* since they were last read, of central rules only */
    ngx_atomic_t                 requests;
    ngx_atomic_t                 sampled;
    ngx_atomic_t                 borrowed;
} ngx_mesh_sampling_row_t;


/* patterns have "*" and "?", are not case sensitive; empty: everything */

typedef struct {
    ngx_str_t                    name;      /* of central rules */
    ngx_str_t                    host;
    ngx_str_t                    method;
    ngx_str_t                    path;      /* without the query */
    ngx_uint_t                   target;    /* fixed_target, reservoirSize */
    ngx_uint_t                   rate;      /* in millionths */
    ngx_mesh_sampling_row_t     *row;       /* never NULL when in force */
    ngx_uint_t                   any;       /* unsigned  any:1; everything
                                               matches; set with "row" */
} ngx_mesh_sampling_rule_t;


/*
 * A set of rules, in "pool", which it owns (NULL: the configuration's).  They
 * are in the order of matching.  Where a central rule names a service, a type
 * of service, a resource or attributes, that is the same for all requests of
 * this proxy: rules that do not apply here are left out of the set.
 */

typedef struct {
    ngx_pool_t                  *pool;
    ngx_mesh_sampling_rule_t    *rules;
    ngx_uint_t                   nrules;
    ngx_uint_t                   central;
} ngx_mesh_sampling_rules_t;


typedef struct ngx_mesh_sampling_s  ngx_mesh_sampling_t;


typedef struct {
    ngx_str_t                    host;      /* may have a port: it is ignored */
    ngx_str_t                    method;
    ngx_str_t                    path;
} ngx_mesh_sampling_request_t;


/*
 * Declares the zone "mesh_sampling", for local rules that live as long as the
 * configuration; NULL after an error was logged.
 */
ngx_mesh_sampling_t *ngx_mesh_sampling_add(ngx_conf_t *cf,
    ngx_mesh_sampling_rules_t *local);

/* a handle on a slab pool that is ready; for tests */
ngx_mesh_sampling_t *ngx_mesh_sampling_attach(ngx_pool_t *pool,
    ngx_slab_pool_t *shpool, ngx_mesh_sampling_rules_t *local);

/* by each worker, before its first request and when it ends */
void ngx_mesh_sampling_init_worker(ngx_mesh_sampling_t *s, ngx_log_t *log);
void ngx_mesh_sampling_exit_worker(ngx_mesh_sampling_t *s);

/*
 * The rules of a manifest, in "pool"; on NULL "error" says what is wrong and
 * where.  A rule that matches everything is added at the end, the manifest's
 * default.  Without a manifest it is one request a second and "rate" (in
 * millionths) of the others.
 */
ngx_mesh_sampling_rules_t *ngx_mesh_sampling_manifest(ngx_pool_t *pool,
    ngx_str_t *text, ngx_str_t *error);
ngx_mesh_sampling_rules_t *ngx_mesh_sampling_default(ngx_pool_t *pool,
    ngx_uint_t rate);

#define NGX_MESH_SAMPLING_DEFAULT_RATE  (NGX_MESH_SAMPLING_MILLION / 20)

/* a number from 0 to 1, in millionths; NGX_ERROR for anything else */
ngx_int_t ngx_mesh_sampling_rate(ngx_str_t *text);

/*
 * Is a request to be traced?  "now" are seconds that are the same in all
 * workers and never jump, of ngx_current_msec.  1 or 0.
 */
ngx_uint_t ngx_mesh_sampling_decide(ngx_mesh_sampling_t *s,
    ngx_mesh_sampling_request_t *rq, ngx_uint_t now, uint32_t random);

/* "pattern" with "*" and "?" against "text", in linear time; 1: matches */
ngx_uint_t ngx_mesh_sampling_match(ngx_str_t *pattern, ngx_str_t *text);


/*
 * --- for the agent ---
 *
 * Puts a set of central rules in force in this worker, NULL: the local ones.
 * Takes the set over, with its pool, and destroys the one before.  The rows are
 * looked up by name (which takes the mutex of the zone); rules of the same name
 * keep theirs, in all workers and across swaps.  Between two events only, never
 * by a request.
 */
void ngx_mesh_sampling_swap(ngx_mesh_sampling_t *s,
    ngx_mesh_sampling_rules_t *rules);

/* the set that is in force here: for going through its rows */
ngx_mesh_sampling_rules_t *ngx_mesh_sampling_rules(ngx_mesh_sampling_t *s);

/* of all workers since the last call, by the one worker that asks the daemon */

typedef struct {
    ngx_uint_t                   requests;
    ngx_uint_t                   sampled;
    ngx_uint_t                   borrowed;
} ngx_mesh_sampling_statistics_t;

void ngx_mesh_sampling_statistics(ngx_mesh_sampling_row_t *row,
    ngx_mesh_sampling_statistics_t *st);

/* gives back what could not be reported */
void ngx_mesh_sampling_unreported(ngx_mesh_sampling_row_t *row,
    ngx_mesh_sampling_statistics_t *st);

/*
 * What the daemon wants of a rule.  "expires" is a time of ngx_time(); 0: there
 * is no quota, the rule borrows one request a second.
 */
void ngx_mesh_sampling_target(ngx_mesh_sampling_row_t *row, ngx_uint_t rate,
    ngx_uint_t quota, time_t expires);


#endif /* _NGX_MESH_SAMPLING_H_INCLUDED_ */
