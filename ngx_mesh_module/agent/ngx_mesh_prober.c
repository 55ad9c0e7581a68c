
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * When to check whom, and what follows from it.
 *
 * Endpoints wait in a tree by the time of their next check, with one timer for
 * all of them.  A storm is impossible: a bounded number of checks is under way,
 * a few are started in one go, and an endpoint is due again when its interval
 * has passed since its last check ended, give or take 5 %.
 *
 * The state is in the shared rows, and nowhere else: a worker that takes the
 * lease over, after a reload or a crash, goes on where the last one was.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_prober_parts.h"


#define NGX_MESH_PROBER_MAX    100          /* checks under way */
#define NGX_MESH_PROBER_BATCH  20           /* started in one go */
#define NGX_MESH_PROBER_PACE   5            /* ms from one go to the next */

/* ms between looks at the document, at the lease, and after trouble */
#define NGX_MESH_PROBER_LOOK   100
#define NGX_MESH_PROBER_WAIT   250
#define NGX_MESH_PROBER_AGAIN  1000


static void ngx_mesh_prober_timer_handler(ngx_event_t *ev);
static ngx_uint_t ngx_mesh_prober_holds(ngx_mesh_prober_t *pr);
static void ngx_mesh_prober_launch(ngx_mesh_prober_t *pr);
static ngx_msec_t ngx_mesh_prober_delay(ngx_mesh_prober_t *pr);
static ngx_mesh_prober_target_t *ngx_mesh_prober_next(ngx_mesh_prober_t *pr);
static void ngx_mesh_prober_changed(ngx_mesh_prober_t *pr,
    ngx_mesh_prober_target_t *target, ngx_uint_t was,
    ngx_mesh_row_health_e health, u_char *reason);


/* worker runtime; "mcf" is NULL where it was not started */
static ngx_mesh_prober_t  ngx_mesh_prober_worker;


void
ngx_mesh_prober_start(ngx_cycle_t *cycle, ngx_mesh_conf_t *mcf)
{
    ngx_mesh_prober_t  *pr;

    pr = &ngx_mesh_prober_worker;

    ngx_memzero(pr, sizeof(ngx_mesh_prober_t));

    pr->ident[3] = (void *) -1;
    pr->mcf = mcf;
    pr->log = cycle->log;

    /* what becomes of checks is logged here, once */

    pr->quiet = *cycle->log;

    if (!(pr->quiet.log_level & NGX_LOG_DEBUG_ALL)) {
        pr->quiet.log_level = ngx_min(pr->quiet.log_level, NGX_LOG_ALERT);
    }

    /* most connections are for those who send requests */

    pr->max = ngx_min(NGX_MESH_PROBER_MAX, cycle->connection_n / 4);
    pr->max = ngx_max(pr->max, 1);

    ngx_queue_init(&pr->probes);
    ngx_rbtree_init(&pr->schedule, &pr->sentinel,
                    ngx_rbtree_insert_timer_value);

    pr->timer.handler = ngx_mesh_prober_timer_handler;
    pr->timer.data = pr;
    pr->timer.log = cycle->log;
    pr->timer.cancelable = 1;

    ngx_add_timer(&pr->timer, 1);
}


void
ngx_mesh_prober_stop(void)
{
    ngx_mesh_prober_t  *pr;

    pr = &ngx_mesh_prober_worker;

    if (pr->mcf == NULL) {
        return;
    }

    if (pr->timer.timer_set) {
        ngx_del_timer(&pr->timer);
    }

    ngx_mesh_prober_forget(pr);

    pr->mcf = NULL;
}


static void
ngx_mesh_prober_timer_handler(ngx_event_t *ev)
{
    ngx_mesh_prober_t *pr = ev->data;

    ngx_int_t   rc;
    ngx_msec_t  delay;

    if (!ngx_mesh_prober_holds(pr)) {

        if (!ngx_exiting) {
            ngx_add_timer(ev, NGX_MESH_PROBER_WAIT);
        }

        return;
    }

    rc = ngx_mesh_prober_follow(pr);

    ngx_mesh_prober_launch(pr);

    delay = (rc == NGX_AGAIN) ? 1 : ngx_mesh_prober_delay(pr);

    ngx_add_timer(ev, delay);
}


/* the lease is the agent's, who asks for it and renews it too */

static ngx_uint_t
ngx_mesh_prober_holds(ngx_mesh_prober_t *pr)
{
    if (!ngx_exiting && !ngx_quit && !ngx_terminate
        && ngx_mesh_shm_agent_beat(pr->mcf->shm))
    {
        pr->holds = 1;
        return 1;
    }

    if (pr->holds) {
        pr->holds = 0;
        ngx_mesh_prober_forget(pr);
    }

    return 0;
}


static void
ngx_mesh_prober_launch(ngx_mesh_prober_t *pr)
{
    ngx_uint_t                 n;
    ngx_mesh_prober_target_t  *target;

    for (n = 0; n < NGX_MESH_PROBER_BATCH; n++) {

        target = ngx_mesh_prober_next(pr);

        if (target == NULL
            || pr->nprobes >= pr->max
            || (ngx_msec_int_t) (target->due.key - ngx_current_msec) > 0)
        {
            return;
        }

        ngx_rbtree_delete(&pr->schedule, &target->due);
        target->scheduled = 0;

        if (ngx_mesh_probe_start(pr, target) != NGX_OK) {

            /* it is not to blame, and others would fare no better */

            ngx_mesh_prober_schedule(pr, target, NGX_MESH_PROBER_AGAIN);
            return;
        }
    }
}


static ngx_msec_t
ngx_mesh_prober_delay(ngx_mesh_prober_t *pr)
{
    ngx_msec_int_t             left;
    ngx_mesh_prober_target_t  *target;

    target = ngx_mesh_prober_next(pr);

    if (target == NULL) {
        return NGX_MESH_PROBER_LOOK;
    }

    left = (ngx_msec_int_t) (target->due.key - ngx_current_msec);
    left = ngx_max(left, NGX_MESH_PROBER_PACE);

    return ngx_min((ngx_msec_t) left, NGX_MESH_PROBER_LOOK);
}


static ngx_mesh_prober_target_t *
ngx_mesh_prober_next(ngx_mesh_prober_t *pr)
{
    if (pr->schedule.root == &pr->sentinel) {
        return NULL;
    }

    /* "due" is the first member */

    return (ngx_mesh_prober_target_t *)
                            ngx_rbtree_min(pr->schedule.root, &pr->sentinel);
}


void
ngx_mesh_prober_schedule(ngx_mesh_prober_t *pr,
    ngx_mesh_prober_target_t *target, ngx_msec_t delay)
{
    target->due.key = ngx_current_msec + delay;
    target->scheduled = 1;

    ngx_rbtree_insert(&pr->schedule, &target->due);
}


void
ngx_mesh_prober_result(ngx_mesh_prober_t *pr,
    ngx_mesh_prober_target_t *target, ngx_mesh_check_result_e result,
    u_char *reason)
{
    ngx_uint_t          was, changed;
    ngx_mesh_row_t     *row;
    ngx_mesh_health_t   h;

    /* a worker that hung may have lost the lease */

    if (!ngx_mesh_prober_holds(pr)) {
        return;
    }

    ngx_mesh_metrics_add(target->check->metrics, NGX_MESH_CLUSTER_HC_ATTEMPT,
                         1);
    ngx_mesh_metrics_add(target->check->metrics,
                         (result == NGX_MESH_CHECK_PASSED)
                         ? NGX_MESH_CLUSTER_HC_SUCCESS
                         : NGX_MESH_CLUSTER_HC_FAILURE, 1);

    ngx_mesh_prober_schedule(pr, target,
                             ngx_mesh_health_next(target->check->interval,
                                                  (ngx_uint_t) ngx_random()));

    row = ngx_mesh_shm_row(pr->mcf->shm, target->row, target->key);

    if (row == NULL) {
        return;
    }

    was = row->health;

    h.health = was;
    h.streak = ngx_mesh_health_streak(row->checks);

    changed = ngx_mesh_health_result(&h, &target->check->thresholds, result);

    row->checks = ngx_mesh_health_checks(ngx_mesh_health_changes(row->checks)
                                         + changed, h.streak);

    if (changed && ngx_mesh_row_set_health(pr->mcf->shm, row, h.health)) {
        ngx_mesh_prober_changed(pr, target, was, h.health, reason);
    }
}


static void
ngx_mesh_prober_changed(ngx_mesh_prober_t *pr,
    ngx_mesh_prober_target_t *target, ngx_uint_t was,
    ngx_mesh_row_health_e health, u_char *reason)
{
    ngx_uint_t  level;

    if (health == NGX_MESH_ROW_UNHEALTHY) {
        ngx_log_error(NGX_LOG_WARN, pr->log, 0,
                      "mesh: endpoint %V of \"%V\" is unhealthy: it %s",
                      &target->name, &target->check->cluster, reason);
        return;
    }

    /* the first check of an endpoint is expected to pass */

    level = (was == NGX_MESH_ROW_UNHEALTHY) ? NGX_LOG_NOTICE : NGX_LOG_INFO;

    ngx_log_error(level, pr->log, 0,
                  "mesh: endpoint %V of \"%V\" is healthy: it passed its "
                  "check", &target->name, &target->check->cluster);
}
