
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * An ngx_pool_t laid out in a mapping.  nginx allocates from it as from any
 * pool, and adds blocks from the heap if it gets full.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_pool.h"


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

    if (munmap((void *) pool, pool->d.end - (u_char *) pool) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "munmap(%p) failed", pool);
    }
}
