
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Retries and limits: each event against the list of statuses App Mesh had for
 * it, and random attempts against a model that is written as a table.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_retry.h>
#include "ngx_mesh_unit.h"


#define MESH_UNIT_ROUNDS  200000


static uint32_t mesh_unit_retry_random(uint64_t *state);
static ngx_uint_t mesh_unit_retry_wanted(ngx_uint_t events,
    ngx_mesh_try_t *t);
static ngx_uint_t mesh_unit_retry_count(ngx_uint_t events, ngx_uint_t *sum);


static uint32_t
mesh_unit_retry_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;

    return (uint32_t) (*state >> 33);
}


/* how many statuses are retried for an event, and their sum */

static ngx_uint_t
mesh_unit_retry_count(ngx_uint_t events, ngx_uint_t *sum)
{
    ngx_uint_t               n;
    ngx_mesh_try_t           t;
    ngx_mesh_retry_policy_t  policy;

    ngx_memzero(&t, sizeof(ngx_mesh_try_t));
    ngx_memzero(&policy, sizeof(ngx_mesh_retry_policy_t));

    policy.events = events;
    policy.max_retries = 1;

    t.end = NGX_MESH_TRY_ANSWERED;
    t.grpc_status = -1;
    t.replayable = 1;

    n = 0;
    *sum = 0;

    for (t.status = 100; t.status < 1000; t.status++) {
        if (ngx_mesh_retry(&policy, &t) != NGX_MESH_RETRY_NONE) {
            n++;
            *sum += t.status;
        }
    }

    return n;
}


static void
mesh_unit_retry_statuses(ngx_mesh_unit_t *u)
{
    ngx_uint_t  n, sum;

    n = mesh_unit_retry_count(NGX_MESH_RETRY_SERVER_ERROR, &sum);
    MESH_IS_INT(n, 11, "server-error: eleven statuses");
    MESH_IS_INT(sum, 500 * 9 + 36 + 510 + 511, "500 to 508, 510, 511");

    n = mesh_unit_retry_count(NGX_MESH_RETRY_GATEWAY_ERROR, &sum);
    MESH_OK(n == 3 && sum == 502 + 503 + 504, "gateway-error");

    n = mesh_unit_retry_count(NGX_MESH_RETRY_CLIENT_ERROR, &sum);
    MESH_OK(n == 1 && sum == 409, "client-error");

    n = mesh_unit_retry_count(NGX_MESH_RETRY_503, &sum);
    MESH_OK(n == 1 && sum == 503, "the default policy");

    n = mesh_unit_retry_count(NGX_MESH_RETRY_STREAM_ERROR
                              |NGX_MESH_RETRY_CONNECTION_ERROR
                              |NGX_MESH_RETRY_GRPC, &sum);
    MESH_IS_INT(n, 0, "the others look at no HTTP status");
}

MESH_UNIT(mesh_unit_retry_statuses)


static void
mesh_unit_retry_not_asked(ngx_mesh_unit_t *u)
{
    ngx_uint_t               status, wrong;
    ngx_mesh_try_t           t;
    ngx_mesh_retry_policy_t  policy;

    ngx_memzero(&t, sizeof(ngx_mesh_try_t));
    ngx_memzero(&policy, sizeof(ngx_mesh_retry_policy_t));

    t.end = NGX_MESH_TRY_ANSWERED;
    t.grpc_status = -1;
    t.replayable = 1;
    t.idempotent = 1;

    policy.events = (ngx_uint_t) -1;
    policy.max_retries = 10;

    wrong = 0;

    for (status = 0; status < 1000; status++) {

        if (ngx_mesh_retry_never(status)) {
            t.status = status;
            wrong += (ngx_mesh_retry(&policy, &t) != NGX_MESH_RETRY_NONE);
        }
    }

    MESH_IS_INT(wrong, 0, "what no policy is asked for, none wants");
    MESH_OK(!ngx_mesh_retry_never(409), "one is asked for 409");
    MESH_OK(!ngx_mesh_retry_never(500), "and for 500");
}

MESH_UNIT(mesh_unit_retry_not_asked)


/* what Envoy's "retry_on" of App Mesh wants, by end of the attempt */

static ngx_uint_t
mesh_unit_retry_wanted(ngx_uint_t events, ngx_mesh_try_t *t)
{
    ngx_uint_t  i, reset;

    static struct {
        ngx_uint_t  events;
        ngx_int_t   first;
        ngx_int_t   last;
        ngx_uint_t  grpc;
    } codes[] = {
        { NGX_MESH_RETRY_SERVER_ERROR, 500, 508, 0 },
        { NGX_MESH_RETRY_SERVER_ERROR, 510, 511, 0 },
        { NGX_MESH_RETRY_GATEWAY_ERROR, 502, 504, 0 },
        { NGX_MESH_RETRY_CLIENT_ERROR, 409, 409, 0 },
        { NGX_MESH_RETRY_503, 503, 503, 0 },
        { NGX_MESH_RETRY_CANCELLED, 1, 1, 1 },
        { NGX_MESH_RETRY_DEADLINE_EXCEEDED, 4, 4, 1 },
        { NGX_MESH_RETRY_RESOURCE_EXHAUSTED, 8, 8, 1 },
        { NGX_MESH_RETRY_INTERNAL, 13, 13, 1 },
        { NGX_MESH_RETRY_UNAVAILABLE, 14, 14, 1 },
        { 0, 0, 0, 0 }
    };

    reset = events & (NGX_MESH_RETRY_SERVER_ERROR|NGX_MESH_RETRY_GATEWAY_ERROR
                      |NGX_MESH_RETRY_CLIENT_ERROR|NGX_MESH_RETRY_RESET);

    switch (t->end) {

    case NGX_MESH_TRY_NOT_CONNECTED:
        return reset || (events & NGX_MESH_RETRY_CONNECTION_ERROR);

    case NGX_MESH_TRY_REFUSED:
        return reset || (events & NGX_MESH_RETRY_STREAM_ERROR);

    case NGX_MESH_TRY_RESET:
    case NGX_MESH_TRY_TIMEOUT:
        return reset != 0;

    case NGX_MESH_TRY_OVER:
        return 0;

    default:
        break;
    }

    for (i = 0; codes[i].events; i++) {
        if ((events & codes[i].events)
            && (codes[i].grpc ? t->grpc_status : (ngx_int_t) t->status)
               >= codes[i].first
            && (codes[i].grpc ? t->grpc_status : (ngx_int_t) t->status)
               <= codes[i].last)
        {
            return 1;
        }
    }

    return 0;
}


static void
mesh_unit_retry_property(ngx_mesh_unit_t *u)
{
    uint64_t                 state;
    ngx_uint_t               i, wrong, unsafe, more, wanted;
    ngx_mesh_try_t           t;
    ngx_mesh_retry_e         got;
    ngx_mesh_retry_policy_t  policy;

    state = 4711;
    wrong = unsafe = more = 0;

    for (i = 0; i < MESH_UNIT_ROUNDS; i++) {
        ngx_memzero(&policy, sizeof(ngx_mesh_retry_policy_t));

        policy.events = mesh_unit_retry_random(&state) & 0x1fff;
        policy.max_retries = mesh_unit_retry_random(&state) % 4;

        t.end = mesh_unit_retry_random(&state) % (NGX_MESH_TRY_OVER + 1);
        t.status = (mesh_unit_retry_random(&state) % 8)
                   ? 498 + mesh_unit_retry_random(&state) % 16 : 409;
        t.grpc_status = (ngx_int_t) (mesh_unit_retry_random(&state) % 18) - 1;
        t.retries = mesh_unit_retry_random(&state) % 4;
        t.replayable = mesh_unit_retry_random(&state) & 1;
        t.idempotent = mesh_unit_retry_random(&state) & 1;
        t.stale = mesh_unit_retry_random(&state) & 1;

        got = ngx_mesh_retry(&policy, &t);

        more += (got == NGX_MESH_RETRY_COUNTED
                 && t.retries >= policy.max_retries);

        unsafe += (got != NGX_MESH_RETRY_NONE && !t.replayable);
        unsafe += (got != NGX_MESH_RETRY_NONE
                   && (policy.events & NGX_MESH_RETRY_SAFE)
                   && !t.idempotent
                   && t.end != NGX_MESH_TRY_NOT_CONNECTED
                   && t.end != NGX_MESH_TRY_REFUSED);

        wanted = mesh_unit_retry_wanted(policy.events, &t)
                 && t.retries < policy.max_retries
                 && t.replayable
                 && (!(policy.events & NGX_MESH_RETRY_SAFE)
                     || t.idempotent
                     || t.end == NGX_MESH_TRY_NOT_CONNECTED
                     || t.end == NGX_MESH_TRY_REFUSED);

        if (t.end == NGX_MESH_TRY_RESET && t.stale && t.idempotent
            && t.replayable)
        {
            wrong += (got != NGX_MESH_RETRY_FREE);

        } else {
            wrong += (got != (wanted ? NGX_MESH_RETRY_COUNTED
                                     : NGX_MESH_RETRY_NONE));
        }
    }

    MESH_IS_INT(wrong, 0, "random attempts: as the table says");
    MESH_IS_INT(more, 0, "never more than maxRetries");
    MESH_IS_INT(unsafe, 0, "never what cannot be, or must not be, sent again");
}

MESH_UNIT(mesh_unit_retry_property)


static void
mesh_unit_retry_defaults(ngx_mesh_unit_t *u)
{
    const ngx_mesh_retry_policy_t  *policy;

    policy = ngx_mesh_retry_default(NGX_MESH_RETRY_DEFAULTS_APPMESH);
    MESH_OK(policy->max_retries == 2
            && (policy->events & NGX_MESH_RETRY_SAFE) == 0,
            "appmesh: twice, whatever the method");

    policy = ngx_mesh_retry_default(NGX_MESH_RETRY_DEFAULTS_SAFE);
    MESH_OK(policy->max_retries == 2
            && (policy->events & NGX_MESH_RETRY_SAFE) != 0,
            "safe: twice, what may be sent again");

    policy = ngx_mesh_retry_default(NGX_MESH_RETRY_DEFAULTS_OFF);
    MESH_OK(policy->max_retries == 0, "off: never");
}

MESH_UNIT(mesh_unit_retry_defaults)


static void
mesh_unit_retry_backoff(ngx_mesh_unit_t *u)
{
    uint64_t    state;
    ngx_uint_t  i, n, wrong;
    ngx_msec_t  ms, max[8];

    static ngx_msec_t  bound[] = { 0, 25, 50, 100, 200, 250, 250, 250 };

    state = 1;
    wrong = 0;
    ngx_memzero(max, sizeof(max));

    for (i = 0; i < MESH_UNIT_ROUNDS; i++) {
        n = 1 + i % 7;
        ms = ngx_mesh_retry_backoff(n, mesh_unit_retry_random(&state));
        wrong += (ms >= bound[n]);
        max[n] = ngx_max(max[n], ms);
    }

    MESH_IS_INT(wrong, 0, "below 25 ms, doubled up to 250");

    for (n = 1; n < 8; n++) {
        MESH_IS_INT(max[n], bound[n] - 1, "all of it is used, retry %ui", n);
    }

    MESH_OK(ngx_mesh_retry_backoff(1000, 249) == 249, "however many");
}

MESH_UNIT(mesh_unit_retry_backoff)


static void
mesh_unit_retry_budget(ngx_mesh_unit_t *u)
{
    MESH_OK(ngx_mesh_retry_budget(1, 2), "three always may");
    MESH_OK(!ngx_mesh_retry_budget(1, 3), "and no more of few");
    MESH_OK(ngx_mesh_retry_budget(100, 19), "20 of 100");
    MESH_OK(!ngx_mesh_retry_budget(100, 20), "not 21");
}

MESH_UNIT(mesh_unit_retry_budget)


static void
mesh_unit_retry_refused(ngx_mesh_unit_t *u)
{
    size_t  n;

    static u_char  settings[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0 };
    static u_char  refused[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0,
                                 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 7 };
    static u_char  cancel[] = { 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8 };
    static u_char  far[] = { 0, 0, 4, 3, 0, 0, 0, 0, 1, 1, 0, 0, 7 };
    static u_char  goaway[] = { 0, 0, 10, 7, 0, 0, 0, 0, 0,
                                0, 0, 0, 1, 0, 0, 0, 0, 'h', 'i' };

    MESH_OK(ngx_mesh_retry_refused(refused, refused + sizeof(refused)),
            "REFUSED_STREAM behind SETTINGS");
    MESH_OK(ngx_mesh_retry_refused(goaway, goaway + sizeof(goaway)),
            "GOAWAY, with a text");
    MESH_OK(!ngx_mesh_retry_refused(cancel, cancel + sizeof(cancel)),
            "another error");
    MESH_OK(!ngx_mesh_retry_refused(far, far + sizeof(far)),
            "one that ends in 7");
    MESH_OK(!ngx_mesh_retry_refused(settings, settings + sizeof(settings)),
            "SETTINGS");

    for (n = 0; n < sizeof(refused); n++) {
        if (ngx_mesh_retry_refused(refused, refused + n)) {
            break;
        }
    }

    MESH_IS_INT(n, sizeof(refused), "no part of it");
}

MESH_UNIT(mesh_unit_retry_refused)


/* against a search for the first millisecond at which something is reached */

static void
mesh_unit_limits(ngx_mesh_unit_t *u)
{
    uint64_t           state;
    ngx_uint_t         i, k, wrong, off;
    ngx_msec_t         now, left, ms;
    ngx_mesh_limits_t  l;

    state = 3;
    wrong = off = 0;

    for (i = 0; i < 2000; i++) {

        /* around the place where a time wraps, too */

        now = (i & 1) ? (ngx_msec_t) -50 : 100000;

        for (k = 0; k < NGX_MESH_LIMITS; k++) {
            l.start[k] = now - mesh_unit_retry_random(&state) % 100;
            l.ms[k] = mesh_unit_retry_random(&state) % 200;

            if (mesh_unit_retry_random(&state) % 3 == 0) {
                l.ms[k] = 0;
            }
        }

        left = ngx_mesh_limit_left(&l, now);

        for (ms = 0; ms < 300; ms++) {
            if (ngx_mesh_limit_reached(&l, now + ms) != NGX_MESH_LIMITS) {
                break;
            }
        }

        if (ms == 300) {
            off++;
            wrong += (left != NGX_TIMER_INFINITE);

        } else {
            wrong += (left != ms);
        }
    }

    MESH_IS_INT(wrong, 0, "the time left is that until one is reached");
    MESH_OK(off, "0 is no limit");

    ngx_memzero(&l, sizeof(ngx_mesh_limits_t));
    l.ms[NGX_MESH_LIMIT_REQUEST] = 5;
    l.ms[NGX_MESH_LIMIT_TRY] = 5;

    MESH_IS_INT(ngx_mesh_limit_reached(&l, 5), NGX_MESH_LIMIT_REQUEST,
                "that of the request counts most");
}

MESH_UNIT(mesh_unit_limits)
