
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Endpoints of clusters: from the "endpoints" of a document or from an address
 * that stands in for a DNS name.
 *
 * There may be a hundred thousand of them, so they are taken one at a time and
 * stored without slack: each node's list is gone through twice, to count how
 * many endpoints each cluster will have, and to fill them in.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_build.h"


/* FNV-1a, 64 bits */
#define NGX_MESH_FNV_OFFSET  0xcbf29ce484222325ULL
#define NGX_MESH_FNV_PRIME   0x100000001b3ULL


static ngx_int_t ngx_mesh_build_endpoints_begin(ngx_mesh_build_t *b);
static ngx_int_t ngx_mesh_build_endpoints_room(ngx_mesh_build_t *b);
static ngx_int_t ngx_mesh_build_entry_check(ngx_mesh_build_t *b,
    ngx_mesh_json_t *entry);
static ngx_int_t ngx_mesh_build_entry_count(ngx_mesh_build_t *b,
    ngx_mesh_json_t *entry);
static ngx_int_t ngx_mesh_build_entry_fill(ngx_mesh_build_t *b,
    ngx_mesh_json_t *entry);
static ngx_int_t ngx_mesh_build_endpoint(ngx_mesh_build_t *b,
    ngx_sockaddr_t *sa, in_port_t port, ngx_mesh_endpoint_t *ep);
static ngx_uint_t ngx_mesh_build_belongs(ngx_mesh_virtual_node_t *node,
    ngx_uint_t i, in_port_t port);
static ngx_uint_t ngx_mesh_build_keeps(ngx_mesh_ip_preference_e preference,
    ngx_mesh_build_count_t *count, int family);
static ngx_int_t ngx_mesh_build_address(ngx_str_t *text, ngx_sockaddr_t *sa);
static uint64_t ngx_mesh_build_hash(uint64_t hash, void *data, size_t len);
static ngx_int_t ngx_mesh_build_zone(ngx_mesh_build_t *b,
    ngx_mesh_json_t *value, ngx_str_t *dst);


ngx_int_t
ngx_mesh_build_endpoints_start(ngx_mesh_build_t *b, ngx_mesh_json_t *object)
{
    b->endpoints.list = ngx_mesh_rules_first(object);
    b->endpoints.fill = 0;

    return ngx_mesh_build_endpoints_begin(b);
}


/*
 * One entry, or the change from one list to the next.  Between the passes the
 * arrays of the clusters are made.
 */

ngx_int_t
ngx_mesh_build_endpoints_step(ngx_mesh_build_t *b)
{
    ngx_int_t                    rc;
    ngx_mesh_json_t             *entry;
    ngx_mesh_build_endpoints_t  *e;

    e = &b->endpoints;

    if (e->list == NULL) {
        return NGX_OK;
    }

    entry = e->entry;

    if (entry) {
        e->entry = entry->next;

        rc = e->fill ? ngx_mesh_build_entry_fill(b, entry)
                     : ngx_mesh_build_entry_count(b, entry);

        return (rc == NGX_OK) ? NGX_AGAIN : rc;
    }

    if (e->node && !e->fill) {
        e->fill = 1;
        e->entry = e->list->u.child.first;

        rc = ngx_mesh_build_endpoints_room(b);

        return (rc == NGX_OK) ? NGX_AGAIN : rc;
    }

    e->fill = 0;
    e->list = e->list->next;

    rc = ngx_mesh_build_endpoints_begin(b);

    return (rc == NGX_OK) ? NGX_AGAIN : rc;
}


/*
 * A list of a node that is not in the document was counted as unknown when
 * names were looked at.  Its entries are checked all the same.
 */

static ngx_int_t
ngx_mesh_build_endpoints_begin(ngx_mesh_build_t *b)
{
    ngx_uint_t                   n;
    ngx_mesh_build_endpoints_t  *e;

    e = &b->endpoints;

    if (e->list == NULL) {
        return NGX_OK;
    }

    e->entry = (e->list->type == NGX_MESH_JSON_ARRAY) ? e->list->u.child.first
                                                      : NULL;

    e->node = ngx_mesh_map_find(b->lists[NGX_MESH_SECTION_NODES].map,
                                e->list->name.data, e->list->name.len);
    if (e->node == NULL) {
        return NGX_OK;
    }

    e->hash = ngx_mesh_build_hash(NGX_MESH_FNV_OFFSET, e->list->name.data,
                                  e->list->name.len);

    n = e->node->listeners.nelts;

    if (n > e->max) {
        e->counts = ngx_palloc(b->temp, n * sizeof(ngx_mesh_build_count_t));
        if (e->counts == NULL) {
            return NGX_ERROR;
        }

        e->max = n;
    }

    ngx_memzero(e->counts, n * sizeof(ngx_mesh_build_count_t));

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_endpoints_room(ngx_mesh_build_t *b)
{
    uint32_t                  n;
    ngx_uint_t                i;
    ngx_mesh_cluster_t       *cluster;
    ngx_mesh_build_count_t   *count;
    ngx_mesh_virtual_node_t  *node;

    node = b->endpoints.node;

    for (i = 0; i < node->listeners.nelts; i++) {
        cluster = &node->clusters[i];
        count = &b->endpoints.counts[i];

        n = 0;

        if (ngx_mesh_build_keeps(node->ip_preference, count, AF_INET)) {
            n += count->ipv4;
        }

        if (ngx_mesh_build_keeps(node->ip_preference, count, AF_INET6)) {
            n += count->ipv6;
        }

        if (n == 0) {
            continue;
        }

        /* not zeroed: each of them is filled in, one at a time */

        cluster->endpoints = ngx_palloc(b->pool,
                                        n * sizeof(ngx_mesh_endpoint_t));
        if (cluster->endpoints == NULL) {
            return NGX_ERROR;
        }

        cluster->nendpoints = n;
        b->model->nendpoints += n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_entry_check(ngx_mesh_build_t *b, ngx_mesh_json_t *entry)
{
    ngx_int_t         rc;
    ngx_sockaddr_t    sa;
    ngx_mesh_json_t  *ip;

    rc = ngx_mesh_shape_validate(&b->walk, &ngx_mesh_shape_document_endpoint,
                                 entry);
    if (rc != NGX_OK) {
        return rc;
    }

    ip = ngx_mesh_rules_find(entry, "ip");

    if (ngx_mesh_build_address(&ip->u.string, &sa) != NGX_OK) {
        return ngx_mesh_rules_violation(&b->rules, ip,
                                        "must be an IPv4 or IPv6 address");
    }

    return NGX_OK;
}


/* an entry for a port that no listener has is told as unknown */

static ngx_int_t
ngx_mesh_build_entry_count(ngx_mesh_build_t *b, ngx_mesh_json_t *entry)
{
    ngx_int_t                 rc;
    in_port_t                 port;
    ngx_str_t                 reason;
    ngx_uint_t                i, used;
    ngx_mesh_json_t          *ip;
    ngx_mesh_build_count_t   *count;
    ngx_mesh_virtual_node_t  *node;

    rc = ngx_mesh_build_entry_check(b, entry);
    if (rc != NGX_OK) {
        return rc;
    }

    node = b->endpoints.node;

    if (node == NULL) {
        return NGX_OK;
    }

    ip = ngx_mesh_rules_find(entry, "ip");
    port = (in_port_t) ngx_mesh_rules_integer(entry, "port");
    used = 0;

    for (i = 0; i < node->listeners.nelts; i++) {

        if (!ngx_mesh_build_belongs(node, i, port)) {
            continue;
        }

        used = 1;
        count = &b->endpoints.counts[i];

        if (ngx_strlchr(ip->u.string.data,
                        ip->u.string.data + ip->u.string.len, ':'))
        {
            count->ipv6++;

        } else {
            count->ipv4++;
        }
    }

    if (!used && node->listeners.nelts) {
        ngx_str_set(&reason, "no listener has this port");
        return b->walk.unknown(b->walk.data, entry, &reason);
    }

    return NGX_OK;
}


/* those that may be used go to the front, UNHEALTHY ones to the back */

static ngx_int_t
ngx_mesh_build_entry_fill(ngx_mesh_build_t *b, ngx_mesh_json_t *entry)
{
    uint8_t                   health;
    in_port_t                 port;
    ngx_uint_t                i;
    ngx_sockaddr_t            sa;
    ngx_mesh_json_t          *value;
    ngx_mesh_cluster_t       *cluster;
    ngx_mesh_endpoint_t      *ep;
    ngx_mesh_build_count_t   *count;
    ngx_mesh_virtual_node_t  *node;

    /* in the order of ngx_mesh_health_e */

    static const char        *names[] = {
        "UNKNOWN", "HEALTHY", "UNHEALTHY", NULL
    };

    node = b->endpoints.node;

    value = ngx_mesh_rules_find(entry, "ip");
    (void) ngx_mesh_build_address(&value->u.string, &sa);

    port = (in_port_t) ngx_mesh_rules_integer(entry, "port");

    value = ngx_mesh_rules_find(entry, "healthStatus");
    health = (uint8_t) ngx_mesh_rules_enum(value, names,
                                           NGX_MESH_HEALTH_UNKNOWN);

    for (i = 0; i < node->listeners.nelts; i++) {
        count = &b->endpoints.counts[i];

        if (!ngx_mesh_build_belongs(node, i, port)
            || !ngx_mesh_build_keeps(node->ip_preference, count,
                                     sa.sockaddr.sa_family))
        {
            continue;
        }

        cluster = &node->clusters[i];

        if (health == NGX_MESH_UNHEALTHY) {
            count->unhealthy++;
            ep = &cluster->endpoints[cluster->nendpoints - count->unhealthy];

        } else {
            ep = &cluster->endpoints[cluster->neligible++];
        }

        ngx_memzero(ep, sizeof(ngx_mesh_endpoint_t));
        ep->health = health;

        if (ngx_mesh_build_zone(b, ngx_mesh_rules_find(entry, "zone"),
                                &ep->zone)
            != NGX_OK
            || ngx_mesh_build_endpoint(b, &sa,
                                       port ? port : cluster->listener->port,
                                       ep)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * The key names the state of an endpoint across documents: the node, for the
 * same address may serve several, and the address.
 */

static ngx_int_t
ngx_mesh_build_endpoint(ngx_mesh_build_t *b, ngx_sockaddr_t *sa,
    in_port_t port, ngx_mesh_endpoint_t *ep)
{
    u_char  text[NGX_SOCKADDR_STRLEN];

    ngx_inet_set_port(&sa->sockaddr, port);

    switch (sa->sockaddr.sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        ep->socklen = sizeof(struct sockaddr_in6);
        ep->key = ngx_mesh_build_hash(b->endpoints.hash,
                                      &sa->sockaddr_in6.sin6_addr, 16);
        break;
#endif

    default: /* AF_INET */
        ep->socklen = sizeof(struct sockaddr_in);
        ep->key = ngx_mesh_build_hash(b->endpoints.hash,
                                      &sa->sockaddr_in.sin_addr, 4);
        break;
    }

    ep->key = ngx_mesh_build_hash(ep->key, &port, sizeof(in_port_t));

    if (ep->key == 0) {
        ep->key = 1;
    }

    ep->row = (uint32_t) -1;

    ep->name.len = ngx_sock_ntop(&sa->sockaddr, ep->socklen, text,
                                 NGX_SOCKADDR_STRLEN, 1);

    ep->sockaddr = ngx_palloc(b->pool, ep->socklen);
    ep->name.data = ngx_pnalloc(b->pool, ep->name.len);

    if (ep->sockaddr == NULL || ep->name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ep->sockaddr, sa, ep->socklen);
    ngx_memcpy(ep->name.data, text, ep->name.len);

    return NGX_OK;
}


/*
 * With one listener, a port of its own is where the endpoint is dialled.  With
 * several, it tells which listener it belongs to; without, it has them all.
 */

static ngx_uint_t
ngx_mesh_build_belongs(ngx_mesh_virtual_node_t *node, ngx_uint_t i,
    in_port_t port)
{
    ngx_mesh_listener_t  *listeners;

    listeners = node->listeners.elts;

    return port == 0
           || node->listeners.nelts == 1
           || listeners[i].port == port;
}


/*
 * Unset keeps both families: App Mesh then takes IPv4, else IPv6, of each
 * instance, and here each instance has one address.
 */

static ngx_uint_t
ngx_mesh_build_keeps(ngx_mesh_ip_preference_e preference,
    ngx_mesh_build_count_t *count, int family)
{
    switch (preference) {

    case NGX_MESH_IPV4_ONLY:
        return family == AF_INET;

    case NGX_MESH_IPV6_ONLY:
        return family != AF_INET;

    case NGX_MESH_IPV4_PREFERRED:
        return family == AF_INET || count->ipv4 == 0;

    case NGX_MESH_IPV6_PREFERRED:
        return family != AF_INET || count->ipv6 == 0;

    default: /* NGX_MESH_IP_UNSET */
        return 1;
    }
}


ngx_int_t
ngx_mesh_build_literal(ngx_mesh_build_t *b, ngx_mesh_virtual_node_t *node)
{
    ngx_str_t                text;
    ngx_uint_t               i;
    ngx_sockaddr_t           sa;
    ngx_mesh_cluster_t      *cluster;
    ngx_mesh_build_count_t   count;

    text = node->dns_hostname;

    if (text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']') {
        text.data++;
        text.len -= 2;
    }

    if (ngx_mesh_build_address(&text, &sa) != NGX_OK) {
        return NGX_OK;
    }

    /* it is the only one, so "preferred" takes it as well */

    ngx_memzero(&count, sizeof(ngx_mesh_build_count_t));

    if (!ngx_mesh_build_keeps(node->ip_preference, &count,
                              sa.sockaddr.sa_family))
    {
        return NGX_OK;
    }

    b->endpoints.hash = ngx_mesh_build_hash(NGX_MESH_FNV_OFFSET,
                                            node->name.data, node->name.len);

    for (i = 0; i < node->listeners.nelts; i++) {
        cluster = &node->clusters[i];

        cluster->endpoints = ngx_pcalloc(b->pool, sizeof(ngx_mesh_endpoint_t));

        if (cluster->endpoints == NULL
            || ngx_mesh_build_endpoint(b, &sa, cluster->listener->port,
                                       cluster->endpoints)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        cluster->nendpoints = 1;
        cluster->neligible = 1;
        b->model->nendpoints++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_address(ngx_str_t *text, ngx_sockaddr_t *sa)
{
    in_addr_t  addr;

    ngx_memzero(sa, sizeof(ngx_sockaddr_t));

    addr = ngx_inet_addr(text->data, text->len);

    if (addr != INADDR_NONE) {
        sa->sockaddr_in.sin_family = AF_INET;
        sa->sockaddr_in.sin_addr.s_addr = addr;

        return NGX_OK;
    }

#if (NGX_HAVE_INET6)

    if (ngx_inet6_addr(text->data, text->len,
                       sa->sockaddr_in6.sin6_addr.s6_addr)
        == NGX_OK)
    {
        sa->sockaddr_in6.sin6_family = AF_INET6;

        return NGX_OK;
    }

#endif

    return NGX_ERROR;
}


static uint64_t
ngx_mesh_build_hash(uint64_t hash, void *data, size_t len)
{
    u_char  *p, *last;

    last = (u_char *) data + len;

    for (p = data; p < last; p++) {
        hash = (hash ^ *p) * NGX_MESH_FNV_PRIME;
    }

    return hash;
}


/* neighbours mostly are of one zone, or of a few in turn */

static ngx_int_t
ngx_mesh_build_zone(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_str_t *dst)
{
    ngx_str_t  *zone;

    if (value == NULL || value->u.string.len == 0) {
        return NGX_OK;
    }

    zone = &b->zones[value->u.string.data[value->u.string.len - 1]
                     % NGX_MESH_BUILD_ZONES];

    if (zone->len != value->u.string.len
        || ngx_memcmp(zone->data, value->u.string.data, zone->len) != 0)
    {
        if (ngx_mesh_build_string(b, value, zone) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    *dst = *zone;

    return NGX_OK;
}
