
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * An ngx_pool_t laid out in a mapping.  nginx allocates from it as from any
 * pool, and adds blocks from the heap if it gets full.
 *
 * The kernel needs some ms to take 100 MB back.  So in a worker a mapping that
 * is done with is given back in pieces, one each time the event loop comes by;
 * what is left of it waits in a list, with its header as the link.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_pool.h"


#define NGX_MESH_POOL_PIECE  (2 * 1024 * 1024)


static void ngx_mesh_pool_unmap(u_char *start, size_t size);
static void ngx_mesh_pool_handler(ngx_event_t *ev);


/* worker runtime; without a handler all is given back at once */
static ngx_event_t   ngx_mesh_pool_event;
static ngx_pool_t   *ngx_mesh_pool_rest;


ngx_pool_t *
ngx_mesh_pool_create(size_t size, ngx_log_t *log)
{
    ngx_pool_t  *pool;

    size = ngx_align(sizeof(ngx_pool_t) + size, ngx_pagesize);

    pool = mmap(NULL, size, PROT_READ|PROT_WRITE,
                MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);

    if (pool == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "mmap(%uz) failed", size);
        return NULL;
    }

    pool->d.last = (u_char *) pool + sizeof(ngx_pool_t);
    pool->d.end = (u_char *) pool + size;
    pool->d.next = NULL;
    pool->d.failed = 0;

    /* arrays too are to lie in here, whatever their size */
    pool->max = size - sizeof(ngx_pool_t);

    pool->current = pool;
    pool->chain = NULL;
    pool->large = NULL;
    pool->cleanup = NULL;
    pool->log = log;

    return pool;
}


/* as ngx_destroy_pool(), but the first block is a mapping */

void
ngx_mesh_pool_destroy(ngx_pool_t *pool)
{
    ngx_pool_t          *p, *next;
    ngx_pool_large_t    *l;
    ngx_pool_cleanup_t  *c;

    for (c = pool->cleanup; c; c = c->next) {
        if (c->handler) {
            c->handler(c->data);
        }
    }

    for (l = pool->large; l; l = l->next) {
        if (l->alloc) {
            ngx_free(l->alloc);
        }
    }

    for (p = pool->d.next; p; p = next) {
        next = p->d.next;
        ngx_free(p);
    }

    if (ngx_mesh_pool_event.handler == NULL
        || pool->d.end - (u_char *) pool <= NGX_MESH_POOL_PIECE)
    {
        ngx_mesh_pool_unmap((u_char *) pool, pool->d.end - (u_char *) pool);
        return;
    }

    pool->d.next = ngx_mesh_pool_rest;
    ngx_mesh_pool_rest = pool;

    if (!ngx_mesh_pool_event.posted) {
        ngx_post_event(&ngx_mesh_pool_event, &ngx_posted_next_events);
    }
}


static void
ngx_mesh_pool_unmap(u_char *start, size_t size)
{
    if (munmap(start, size) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "munmap(%p) failed", start);
    }
}


/* from the end on, so that the header goes last */

static void
ngx_mesh_pool_handler(ngx_event_t *ev)
{
    size_t       size;
    ngx_pool_t  *pool;

    pool = ngx_mesh_pool_rest;

    size = pool->d.end - (u_char *) pool;

    if (size > NGX_MESH_POOL_PIECE) {
        size = NGX_MESH_POOL_PIECE;
        pool->d.end -= size;
        ngx_mesh_pool_unmap(pool->d.end, size);

    } else {
        ngx_mesh_pool_rest = pool->d.next;
        ngx_mesh_pool_unmap((u_char *) pool, size);
    }

    if (ngx_mesh_pool_rest) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


void
ngx_mesh_pool_init_worker(ngx_cycle_t *cycle)
{
    ngx_mesh_pool_event.handler = ngx_mesh_pool_handler;
    ngx_mesh_pool_event.log = cycle->log;
}


void
ngx_mesh_pool_exit_worker(void)
{
    ngx_pool_t  *pool;

    if (ngx_mesh_pool_event.posted) {
        ngx_delete_posted_event(&ngx_mesh_pool_event);
    }

    ngx_mesh_pool_event.handler = NULL;

    while (ngx_mesh_pool_rest) {
        pool = ngx_mesh_pool_rest;
        ngx_mesh_pool_rest = pool->d.next;

        ngx_mesh_pool_unmap((u_char *) pool, pool->d.end - (u_char *) pool);
    }
}
