
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Turns by two mutexes.  Who writes lets "now" go, and has to get "next" before
 * it can have it again; that is held by who waits for "now" already, and so
 * comes first.  A process that dies with a mutex leaves it to the next one.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_store_turn.h"


#if (NGX_MESH_STORE_TURNS)

static ngx_int_t ngx_mesh_store_turn_create(pthread_mutex_t *mutex,
    pthread_mutexattr_t *attr, ngx_log_t *log);
static ngx_uint_t ngx_mesh_store_turn_lock(pthread_mutex_t *mutex,
    struct timespec *until);


void
ngx_mesh_store_turn_init(ngx_mesh_store_turn_t *turn, ngx_log_t *log)
{
    ngx_err_t            err;
    pthread_mutexattr_t  attr;

    turn->ready = 0;

    err = pthread_mutexattr_init(&attr);

    if (err) {
        ngx_log_error(NGX_LOG_ALERT, log, err,
                      "mesh: pthread_mutexattr_init() failed");
        return;
    }

    err = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);

    if (err == 0) {
        err = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }

    if (err) {
        ngx_log_error(NGX_LOG_ALERT, log, err,
                      "mesh: mutexes cannot be shared by processes");

    } else if (ngx_mesh_store_turn_create(&turn->next, &attr, log) == NGX_OK
               && ngx_mesh_store_turn_create(&turn->now, &attr, log) == NGX_OK)
    {
        turn->ready = 1;
    }

    (void) pthread_mutexattr_destroy(&attr);
}


static ngx_int_t
ngx_mesh_store_turn_create(pthread_mutex_t *mutex, pthread_mutexattr_t *attr,
    ngx_log_t *log)
{
    ngx_err_t  err;

    err = pthread_mutex_init(mutex, attr);

    if (err) {
        ngx_log_error(NGX_LOG_ALERT, log, err,
                      "mesh: pthread_mutex_init() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_mesh_store_turn_take(ngx_mesh_store_turn_t *turn, ngx_msec_t timeout)
{
    ngx_uint_t       ours;
    struct timespec  until;

    if (!turn->ready || clock_gettime(CLOCK_REALTIME, &until) == -1) {
        return 0;
    }

    until.tv_sec += timeout / 1000;
    until.tv_nsec += (timeout % 1000) * 1000000;

    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }

    if (!ngx_mesh_store_turn_lock(&turn->next, &until)) {
        return 0;
    }

    ours = ngx_mesh_store_turn_lock(&turn->now, &until);

    (void) pthread_mutex_unlock(&turn->next);

    return ours;
}


static ngx_uint_t
ngx_mesh_store_turn_lock(pthread_mutex_t *mutex, struct timespec *until)
{
    ngx_err_t  err;

    err = pthread_mutex_timedlock(mutex, until);

    if (err == EOWNERDEAD) {
        /* nothing is kept under it that could be half done */
        err = pthread_mutex_consistent(mutex);
    }

    return err == 0;
}


void
ngx_mesh_store_turn_leave(ngx_mesh_store_turn_t *turn)
{
    (void) pthread_mutex_unlock(&turn->now);
}


#else

void
ngx_mesh_store_turn_init(ngx_mesh_store_turn_t *turn, ngx_log_t *log)
{
    turn->ready = 0;
}


ngx_uint_t
ngx_mesh_store_turn_take(ngx_mesh_store_turn_t *turn, ngx_msec_t timeout)
{
    return 0;
}


void
ngx_mesh_store_turn_leave(ngx_mesh_store_turn_t *turn)
{
    /* void */
}

#endif
