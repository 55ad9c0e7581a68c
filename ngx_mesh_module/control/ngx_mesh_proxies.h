
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What proxies told of themselves: a table in shared memory, so that one
 * answer shows the proxies of all workers.  It survives a reload, and forgets
 * on restart and who was not heard of for a day.
 *
 * A row takes 1 KB of the zone.  In a full table the proxy that was not heard
 * of for the longest time gives way; one that waits never does.
 */


#ifndef _NGX_MESH_PROXIES_H_INCLUDED_
#define _NGX_MESH_PROXIES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MESH_PROXIES_FORGET  86400      /* seconds */
#define NGX_MESH_PROXIES_NONE    ((uint32_t) -1)


typedef struct {
    ngx_str_t                mesh;          /* "OWNER/MESH" */
    ngx_str_t                resource;      /* "virtualNode/order" */
    ngx_str_t                id;            /* Mesh-Proxy-Id */
    ngx_str_t                applied;       /* Mesh-Applied */
    ngx_str_t                rejected;      /* Mesh-Rejected, the version */
    ngx_str_t                reason;        /* and the rest */
    ngx_str_t                offered;       /* the version it was last told */
    ngx_str_t                address;
    time_t                   contact;       /* last, epoch seconds */
    ngx_uint_t               waiting;       /* requests held now; by list() */

    uint32_t                 row;           /* by report(): for enter() */
} ngx_mesh_proxy_t;


/* configuration time; NULL after an error was logged */
ngx_shm_zone_t *ngx_mesh_proxies_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size);

/* a table on a slab pool that is ready; for memory that is no zone (tests) */
void *ngx_mesh_proxies_attach(ngx_slab_pool_t *shpool);

/*
 * A worker's life: requests that it holds count as long as it lives.  open()
 * is to be called before the first enter(), beat() every few seconds.
 */
void ngx_mesh_proxies_open(ngx_shm_zone_t *zone);
void ngx_mesh_proxies_beat(ngx_shm_zone_t *zone);
void ngx_mesh_proxies_close(ngx_shm_zone_t *zone);

/*
 * Takes down what a proxy says and sets proxy->row; longer strings are cut,
 * "offered" and "waiting" stay as they are.  NGX_DECLINED if there is no room.
 */
ngx_int_t ngx_mesh_proxies_report(ngx_shm_zone_t *zone,
    ngx_mesh_proxy_t *proxy);

/* the row of report() has one held request more */
void ngx_mesh_proxies_enter(ngx_shm_zone_t *zone, uint32_t row);

/* and one less */
void ngx_mesh_proxies_leave(ngx_shm_zone_t *zone, uint32_t row);

/* it was given "version" */
void ngx_mesh_proxies_offer(ngx_shm_zone_t *zone, ngx_mesh_proxy_t *proxy,
    ngx_str_t *version);

/*
 * The proxies of a mesh in order of resource and id, copied into "pool": at
 * most "limit" of them (at most NGX_MESH_PROXIES_PAGE), after that of "after"
 * (NULL: from the first).
 */
#define NGX_MESH_PROXIES_PAGE    100

ngx_int_t ngx_mesh_proxies_list(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_str_t *mesh, ngx_mesh_proxy_t *after, ngx_uint_t limit,
    ngx_array_t *proxies);


#endif /* _NGX_MESH_PROXIES_H_INCLUDED_ */
