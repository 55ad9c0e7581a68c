
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The decision whether an attempt is made again.  The lists are those App Mesh
 * configured Envoy with: its events are not Envoy's of the same name, so "5xx"
 * is a list of statuses without 509, and all events that look at statuses also
 * retry when there is no answer ("reset").
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_retry.h"


#define NGX_MESH_RETRY_BASE_MS       25
#define NGX_MESH_RETRY_MAX_MS        250

#define NGX_MESH_RETRY_PERCENT       20
#define NGX_MESH_RETRY_MIN           3      /* Envoy: min_retry_concurrency */

#define NGX_MESH_H2_RST_STREAM       3
#define NGX_MESH_H2_GOAWAY           7
#define NGX_MESH_H2_REFUSED_STREAM   7

/* events whose configuration of Envoy has "reset" in it */

#define NGX_MESH_RETRY_RESETS        (NGX_MESH_RETRY_SERVER_ERROR             \
                                      |NGX_MESH_RETRY_GATEWAY_ERROR           \
                                      |NGX_MESH_RETRY_CLIENT_ERROR            \
                                      |NGX_MESH_RETRY_RESET)


static ngx_uint_t ngx_mesh_retry_status(ngx_uint_t events, ngx_uint_t status);
static ngx_uint_t ngx_mesh_retry_grpc_status(ngx_uint_t events,
    ngx_int_t status);


#define NGX_MESH_RETRY_APPMESH  (NGX_MESH_RETRY_503                           \
                                 |NGX_MESH_RETRY_RESET                        \
                                 |NGX_MESH_RETRY_STREAM_ERROR                 \
                                 |NGX_MESH_RETRY_CONNECTION_ERROR             \
                                 |NGX_MESH_RETRY_UNAVAILABLE)

static const ngx_mesh_retry_policy_t  ngx_mesh_retry_defaults[] = {
    { NGX_MESH_RETRY_APPMESH, 2, { 0, 0 } },
    { NGX_MESH_RETRY_APPMESH|NGX_MESH_RETRY_SAFE, 2, { 0, 0 } },
    { 0, 0, { 0, 0 } }
};


const ngx_mesh_retry_policy_t *
ngx_mesh_retry_default(ngx_mesh_retry_defaults_e defaults)
{
    return &ngx_mesh_retry_defaults[defaults];
}


ngx_mesh_retry_e
ngx_mesh_retry(const ngx_mesh_retry_policy_t *policy, ngx_mesh_try_t *t)
{
    ngx_uint_t  events, never_sent, wanted;

    if (t->end == NGX_MESH_TRY_OVER || !t->replayable) {
        return NGX_MESH_RETRY_NONE;
    }

    if (t->end == NGX_MESH_TRY_RESET && t->stale && t->idempotent) {
        return NGX_MESH_RETRY_FREE;
    }

    if (t->retries >= policy->max_retries) {
        return NGX_MESH_RETRY_NONE;
    }

    events = policy->events;

    never_sent = (t->end == NGX_MESH_TRY_NOT_CONNECTED
                  || t->end == NGX_MESH_TRY_REFUSED);

    if ((events & NGX_MESH_RETRY_SAFE) && !never_sent && !t->idempotent) {
        return NGX_MESH_RETRY_NONE;
    }

    switch (t->end) {

    case NGX_MESH_TRY_ANSWERED:
        wanted = ngx_mesh_retry_status(events, t->status)
                 || ngx_mesh_retry_grpc_status(events, t->grpc_status);
        break;

    case NGX_MESH_TRY_NOT_CONNECTED:
        wanted = events & (NGX_MESH_RETRY_CONNECTION_ERROR
                           |NGX_MESH_RETRY_RESETS);
        break;

    case NGX_MESH_TRY_REFUSED:
        wanted = events & (NGX_MESH_RETRY_STREAM_ERROR
                           |NGX_MESH_RETRY_RESETS);
        break;

    default: /* NGX_MESH_TRY_RESET, NGX_MESH_TRY_TIMEOUT */
        wanted = events & NGX_MESH_RETRY_RESETS;
        break;
    }

    return wanted ? NGX_MESH_RETRY_COUNTED : NGX_MESH_RETRY_NONE;
}


static ngx_uint_t
ngx_mesh_retry_status(ngx_uint_t events, ngx_uint_t status)
{
    switch (status) {

    case 409:
        return events & NGX_MESH_RETRY_CLIENT_ERROR;

    case 503:
        return events & (NGX_MESH_RETRY_SERVER_ERROR
                         |NGX_MESH_RETRY_GATEWAY_ERROR
                         |NGX_MESH_RETRY_503);

    case 502:
    case 504:
        return events & (NGX_MESH_RETRY_SERVER_ERROR
                         |NGX_MESH_RETRY_GATEWAY_ERROR);

    case 509:
        return 0;

    default:
        return status >= 500 && status <= 511
               && (events & NGX_MESH_RETRY_SERVER_ERROR);
    }
}


static ngx_uint_t
ngx_mesh_retry_grpc_status(ngx_uint_t events, ngx_int_t status)
{
    switch (status) {

    case 1:
        return events & NGX_MESH_RETRY_CANCELLED;

    case 4:
        return events & NGX_MESH_RETRY_DEADLINE_EXCEEDED;

    case 8:
        return events & NGX_MESH_RETRY_RESOURCE_EXHAUSTED;

    case 13:
        return events & NGX_MESH_RETRY_INTERNAL;

    case 14:
        return events & NGX_MESH_RETRY_UNAVAILABLE;

    default:
        return 0;
    }
}


ngx_uint_t
ngx_mesh_retry_budget(ngx_uint_t active, ngx_uint_t retrying)
{
    return retrying < ngx_max(active * NGX_MESH_RETRY_PERCENT / 100,
                              NGX_MESH_RETRY_MIN);
}


ngx_msec_t
ngx_mesh_retry_backoff(ngx_uint_t n, uint32_t random)
{
    ngx_msec_t  below;

    below = NGX_MESH_RETRY_BASE_MS;

    while (--n && below < NGX_MESH_RETRY_MAX_MS) {
        below *= 2;
    }

    return random % ngx_min(below, NGX_MESH_RETRY_MAX_MS);
}


ngx_uint_t
ngx_mesh_retry_refused(u_char *start, u_char *last)
{
    u_char  *p, *next;

    for (p = start; last - p >= NGX_MESH_H2_FRAME_HEADER; p = next) {

        next = p + NGX_MESH_H2_FRAME_HEADER + (p[0] << 16 | p[1] << 8 | p[2]);

        if (next > last) {
            return 0;
        }

        if (next < last) {
            continue;
        }

        if (p[3] == NGX_MESH_H2_RST_STREAM && p[2] == 4) {
            return last[-4] == 0 && last[-3] == 0 && last[-2] == 0
                   && last[-1] == NGX_MESH_H2_REFUSED_STREAM;
        }

        return p[3] == NGX_MESH_H2_GOAWAY;
    }

    return 0;
}


ngx_mesh_limit_e
ngx_mesh_limit_reached(ngx_mesh_limits_t *l, ngx_msec_t now)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESH_LIMITS; i++) {
        if (l->ms[i] && now - l->start[i] >= l->ms[i]) {
            return i;
        }
    }

    return NGX_MESH_LIMITS;
}


ngx_msec_t
ngx_mesh_limit_left(ngx_mesh_limits_t *l, ngx_msec_t now)
{
    ngx_uint_t  i;
    ngx_msec_t  left, gone;

    left = NGX_TIMER_INFINITE;

    for (i = 0; i < NGX_MESH_LIMITS; i++) {

        if (l->ms[i] == 0) {
            continue;
        }

        gone = now - l->start[i];

        if (gone >= l->ms[i]) {
            return 0;
        }

        left = ngx_min(left, l->ms[i] - gone);
    }

    return left;
}
