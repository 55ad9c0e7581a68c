
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What proxies told of themselves: a table in shared memory, so that one
 * answer shows the proxies of all workers.  It forgets on restart, and those
 * not heard of for long.
 */


#ifndef _NGX_MESH_PROXIES_H_INCLUDED_
#define _NGX_MESH_PROXIES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MESH_PROXY_NAME_LEN     256
#define NGX_MESH_PROXY_VERSION_LEN  128
#define NGX_MESH_PROXY_REASON_LEN   512


typedef struct {
    ngx_str_t                mesh;          /* "OWNER/MESH" */
    ngx_str_t                resource;      /* "virtualNode/order" */
    ngx_str_t                id;            /* Mesh-Proxy-Id */
    ngx_str_t                applied;       /* Mesh-Applied */
    ngx_str_t                rejected;      /* Mesh-Rejected, the version */
    ngx_str_t                reason;        /* and the rest */
    ngx_str_t                address;
    time_t                   contact;       /* last, epoch seconds */
    ngx_uint_t               waiting;       /* requests held now */
} ngx_mesh_proxy_t;


ngx_shm_zone_t *ngx_mesh_proxies_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size);

/* longer strings are cut; NGX_DECLINED if there is no room */
ngx_int_t ngx_mesh_proxies_report(ngx_shm_zone_t *zone,
    ngx_mesh_proxy_t *proxy);

/* the proxies of a mesh in order of resource and id, copied into "pool" */
ngx_int_t ngx_mesh_proxies_list(ngx_shm_zone_t *zone, ngx_pool_t *pool,
    ngx_str_t *mesh, ngx_array_t *proxies);


#endif /* _NGX_MESH_PROXIES_H_INCLUDED_ */
