
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The state machine of an endpoint that is checked.  Envoy's, of which this is
 * the same (HealthCheckerImplBase): an endpoint that failed before its first
 * success needs as many successes as one that recovers.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_health.h"


/* first checks are spread over that, not to meet those of all other proxies */
#define NGX_MESH_HEALTH_SOON  250           /* ms */


static ngx_uint_t ngx_mesh_health_set(ngx_mesh_health_t *h,
    ngx_mesh_row_health_e health);


ngx_uint_t
ngx_mesh_health_result(ngx_mesh_health_t *h, ngx_mesh_health_thresholds_t *t,
    ngx_mesh_check_result_e result)
{
    ngx_uint_t  passed;

    passed = (result == NGX_MESH_CHECK_PASSED);

    switch (h->health) {

    case NGX_MESH_ROW_HEALTHY:

        if (passed) {
            h->streak = 0;
            return 0;
        }

        if (result == NGX_MESH_CHECK_LOST && ++h->streak < t->unhealthy) {
            return 0;
        }

        return ngx_mesh_health_set(h, NGX_MESH_ROW_UNHEALTHY);

    case NGX_MESH_ROW_UNHEALTHY:

        if (!passed) {
            h->streak = 0;
            return 0;
        }

        if (++h->streak < t->healthy) {
            return 0;
        }

        return ngx_mesh_health_set(h, NGX_MESH_ROW_HEALTHY);

    default: /* NGX_MESH_ROW_UNCHECKED, NGX_MESH_ROW_PENDING */

        return ngx_mesh_health_set(h, passed ? NGX_MESH_ROW_HEALTHY
                                             : NGX_MESH_ROW_UNHEALTHY);
    }
}


static ngx_uint_t
ngx_mesh_health_set(ngx_mesh_health_t *h, ngx_mesh_row_health_e health)
{
    h->health = health;
    h->streak = 0;

    return 1;
}


ngx_msec_t
ngx_mesh_health_first(ngx_mesh_row_health_e health, ngx_msec_t interval,
    ngx_uint_t random)
{
    if (health == NGX_MESH_ROW_UNCHECKED || health == NGX_MESH_ROW_PENDING) {
        interval = ngx_min(interval, NGX_MESH_HEALTH_SOON);
    }

    return random % (interval + 1);
}


ngx_msec_t
ngx_mesh_health_next(ngx_msec_t interval, ngx_uint_t random)
{
    return interval - interval / 20 + random % (interval / 10 + 1);
}
