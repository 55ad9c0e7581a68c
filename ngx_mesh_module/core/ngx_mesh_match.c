
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The choice of a route.  Order and criteria are App Mesh's; where these are
 * silent, Envoy's, which it configured: header_utility.cc for headers,
 * config_utility.cc for query parameters.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_match.h"


/* names have at most 255 characters, a port and its colon at most 6 */
#define NGX_MESH_HOST_MAX  (255 + 6)


static void ngx_mesh_match_lower(u_char *dst, u_char *src, size_t n);
static ngx_int_t ngx_mesh_match_port_of(ngx_str_t *host, size_t *len,
    in_port_t *port);
static ngx_uint_t ngx_mesh_match_listens(ngx_mesh_virtual_service_t *service,
    in_port_t port);
static ngx_uint_t ngx_mesh_match_equal(ngx_str_t *a, ngx_str_t *b);
static ngx_uint_t ngx_mesh_match_prefix(ngx_str_t *s, ngx_str_t *prefix);
static ngx_uint_t ngx_mesh_match_suffix(ngx_str_t *s, ngx_str_t *suffix);
static ngx_uint_t ngx_mesh_match_path(ngx_mesh_match_t *match,
    ngx_str_t *path);
static ngx_uint_t ngx_mesh_match_host(ngx_mesh_match_t *match,
    ngx_str_t *host);
static ngx_uint_t ngx_mesh_match_headers(ngx_array_t *headers,
    ngx_mesh_request_t *rq);
static ngx_uint_t ngx_mesh_match_query(ngx_array_t *query, ngx_str_t *args);
static ngx_int_t ngx_mesh_match_argument(ngx_str_t *args, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_mesh_match_int64(ngx_str_t *s, int64_t *value);
static ngx_int_t ngx_mesh_match_cmp(ngx_mesh_route_t *a, ngx_mesh_route_t *b);


ngx_mesh_virtual_service_t *
ngx_mesh_match_service(ngx_mesh_map_t *egress, ngx_str_t *host)
{
    size_t                       len;
    u_char                       name[NGX_MESH_HOST_MAX];
    in_port_t                    port;
    ngx_mesh_virtual_service_t  *service;

    if (host->len > NGX_MESH_HOST_MAX) {
        return NULL;
    }

    ngx_mesh_match_lower(name, host->data, host->len);

    /* names of virtual services have no colon */

    if (ngx_mesh_match_port_of(host, &len, &port) != NGX_OK) {
        return ngx_mesh_map_find(egress, name, host->len);
    }

    service = ngx_mesh_map_find(egress, name, len);

    /* without a provider there is no route to take, whatever the port */

    if (service == NULL
        || (service->listeners && !ngx_mesh_match_listens(service, port)))
    {
        return NULL;
    }

    return service;
}


/*
 * Nearly all requests of a service are for a few hosts, each spelled in one
 * way.  What is not found is not remembered: such names have no end.
 */

ngx_mesh_virtual_service_t *
ngx_mesh_match_recall(ngx_mesh_recall_t *recall, ngx_mesh_map_t *egress,
    ngx_str_t *host)
{
    size_t                       len;
    ngx_mesh_recall_host_t      *h;
    ngx_mesh_virtual_service_t  *service;

    len = host->len;

    if (len == 0 || len > NGX_MESH_RECALL_LEN) {
        return ngx_mesh_match_service(egress, host);
    }

    /* names differ in length, or in how they begin */

    h = &recall->hosts[(len * 5 + host->data[0] + host->data[len / 2])
                       % NGX_MESH_RECALL_HOSTS];

    if (h->len == len && ngx_memcmp(h->host, host->data, len) == 0) {
        return h->service;
    }

    service = ngx_mesh_match_service(egress, host);

    if (service) {
        h->service = service;
        h->len = len;
        ngx_memcpy(h->host, host->data, len);
    }

    return service;
}


in_port_t
ngx_mesh_match_port(ngx_mesh_virtual_service_t *service, ngx_str_t *host)
{
    size_t                len;
    in_port_t             port;
    ngx_mesh_listener_t  *listeners;

    if (ngx_mesh_match_port_of(host, &len, &port) == NGX_OK) {
        return port;
    }

    if (service->listeners == NULL) {
        return 0;
    }

    if (ngx_mesh_match_listens(service, 80)) {
        return 80;
    }

    listeners = service->listeners->elts;

    return (service->listeners->nelts == 1) ? listeners[0].port : 0;
}


/*
 * As ngx_strlow(), eight bytes at a time, since the Host of each request comes
 * by; the last eight may overlap with those before.
 */

static void
ngx_mesh_match_lower(u_char *dst, u_char *src, size_t n)
{
    size_t    i;
    uint64_t  x, low, upper;

    if (n < 8) {
        ngx_strlow(dst, src, n);
        return;
    }

    for (i = 0; i < n; i += 8) {

        if (i > n - 8) {
            i = n - 8;
        }

        ngx_memcpy(&x, src + i, 8);

        /* the high bit of each byte that is "A" to "Z" */

        low = x & 0x7f7f7f7f7f7f7f7f;
        upper = ((low + 0x3f3f3f3f3f3f3f3f) ^ (low + 0x2525252525252525))
                & ~x & 0x8080808080808080;

        x |= upper >> 2;

        ngx_memcpy(dst + i, &x, 8);
    }
}


/*
 * The port of "name:port" or "[ipv6]:port", and the length of what is before
 * it.  NGX_DECLINED if there is none, which an IPv6 literal without brackets
 * counts as.  Envoy compares "name:port" as a string, so "080" is no port.
 */

static ngx_int_t
ngx_mesh_match_port_of(ngx_str_t *host, size_t *len, in_port_t *port)
{
    u_char      *p, *last;
    ngx_int_t    n;

    last = host->data + host->len;

    for (p = last; p > host->data; p--) {
        if (p[-1] < '0' || p[-1] > '9') {
            break;
        }
    }

    /* at least a name of one byte, ":" and a digit */

    if (p == last || p - host->data < 2 || p[-1] != ':') {
        return NGX_DECLINED;
    }

    n = ngx_atoi(p, last - p);

    if (n < 1 || n > 65535 || *p == '0') {
        return NGX_DECLINED;
    }

    last = p - 1;

    /* an IPv6 address is in brackets if it has a port */

    if (host->data[0] == '[' ? last[-1] != ']'
                             : ngx_strlchr(host->data, last, ':') != NULL)
    {
        return NGX_DECLINED;
    }

    *len = last - host->data;
    *port = (in_port_t) n;

    return NGX_OK;
}


static ngx_uint_t
ngx_mesh_match_listens(ngx_mesh_virtual_service_t *service, in_port_t port)
{
    ngx_uint_t            i;
    ngx_mesh_listener_t  *listeners;

    listeners = service->listeners->elts;

    for (i = 0; i < service->listeners->nelts; i++) {
        if (listeners[i].port == port) {
            return 1;
        }
    }

    return 0;
}


ngx_mesh_route_t *
ngx_mesh_match_route(ngx_mesh_virtual_service_t *service,
    ngx_mesh_request_t *rq)
{
    size_t             len;
    ngx_uint_t         i;
    ngx_mesh_match_t  *m;

    for (i = 0; i < service->nroutes; i++) {
        m = &service->routes[i]->match;

        /* most prefixes of a long list fail at their last byte already */

        if (m->path_type == NGX_MESH_PATH_PREFIX) {
            len = m->path.len;

            if (len > rq->path.len
                || (len && rq->path.data[len - 1] != m->path.data[len - 1]))
            {
                continue;
            }
        }

        if (m->port && rq->port == 0) {
            rq->port = ngx_mesh_match_port(service, &rq->host);
        }

        if (ngx_mesh_match(m, rq) == NGX_OK) {
            return service->routes[i];
        }
    }

    return NULL;
}


/* the cheapest criteria first */

ngx_int_t
ngx_mesh_match(ngx_mesh_match_t *match, ngx_mesh_request_t *rq)
{
    if (match->path_type != NGX_MESH_PATH_REGEX
        && !ngx_mesh_match_path(match, &rq->path))
    {
        return NGX_DECLINED;
    }

    if (match->port && match->port != rq->port) {
        return NGX_DECLINED;
    }

    if (match->simple && match->path_type != NGX_MESH_PATH_REGEX) {
        return NGX_OK;
    }

    if (match->grpc && !rq->grpc) {
        return NGX_DECLINED;
    }

    if (match->method.len
        && !ngx_mesh_match_equal(&match->method, &rq->method))
    {
        return NGX_DECLINED;
    }

    if (match->scheme.len
        && !ngx_mesh_match_equal(&match->scheme, &rq->scheme))
    {
        return NGX_DECLINED;
    }

    if (!ngx_mesh_match_host(match, &rq->host)) {
        return NGX_DECLINED;
    }

    if (match->headers && !ngx_mesh_match_headers(match->headers, rq)) {
        return NGX_DECLINED;
    }

    if (match->query && !ngx_mesh_match_query(match->query, &rq->query)) {
        return NGX_DECLINED;
    }

    if (match->path_type == NGX_MESH_PATH_REGEX
        && !ngx_mesh_match_path(match, &rq->path))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mesh_match_path(ngx_mesh_match_t *match, ngx_str_t *path)
{
    switch (match->path_type) {

    case NGX_MESH_PATH_PREFIX:
        return ngx_mesh_match_prefix(path, &match->path);

    case NGX_MESH_PATH_EXACT:
        return ngx_mesh_match_equal(path, &match->path);

    case NGX_MESH_PATH_REGEX:
        return ngx_mesh_regex_exec(match->path_regex, path) == NGX_OK;

    default: /* NGX_MESH_PATH_ANY */
        return 1;
    }
}


/*
 * The name of a gateway route, as a virtual host of Envoy: a suffix does not
 * match itself.  A port in Host is left out, which App Mesh did not do
 * (aws-app-mesh-roadmap, issue 365): such requests never found their route.
 */

static ngx_uint_t
ngx_mesh_match_host(ngx_mesh_match_t *match, ngx_str_t *host)
{
    size_t      len;
    in_port_t   port;
    ngx_str_t   name, *suffix;

    if (match->host_exact.len == 0 && match->host_suffix.len == 0) {
        return 1;
    }

    name = *host;

    if (ngx_mesh_match_port_of(host, &len, &port) == NGX_OK) {
        name.len = len;
    }

    if (match->host_exact.len) {
        return name.len == match->host_exact.len
               && ngx_strncasecmp(name.data, match->host_exact.data, name.len)
                  == 0;
    }

    suffix = &match->host_suffix;

    return name.len > suffix->len
           && ngx_strncasecmp(name.data + name.len - suffix->len,
                              suffix->data, suffix->len)
              == 0;
}


static ngx_uint_t
ngx_mesh_match_headers(ngx_array_t *headers, ngx_mesh_request_t *rq)
{
    ngx_int_t                rc;
    ngx_str_t                value;
    ngx_uint_t               i;
    ngx_mesh_value_match_t  *m;

    m = headers->elts;

    for (i = 0; i < headers->nelts; i++) {

        rc = rq->header(rq, &m[i].name, &value);

        if (rc == NGX_ERROR) {
            return 0;
        }

        if (ngx_mesh_match_value(&m[i], (rc == NGX_OK) ? &value : NULL)
            != NGX_OK)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_mesh_match_query(ngx_array_t *query, ngx_str_t *args)
{
    ngx_int_t                rc;
    ngx_str_t                value;
    ngx_uint_t               i;
    ngx_mesh_value_match_t  *m;

    m = query->elts;

    for (i = 0; i < query->nelts; i++) {

        rc = ngx_mesh_match_argument(args, &m[i].name, &value);

        if (ngx_mesh_match_value(&m[i], (rc == NGX_OK) ? &value : NULL)
            != NGX_OK)
        {
            return 0;
        }
    }

    return 1;
}


/*
 * The first parameter of that name counts.  Names and values are compared as
 * sent: Envoy came to decode escapes only after App Mesh had frozen.
 */

static ngx_int_t
ngx_mesh_match_argument(ngx_str_t *args, ngx_str_t *name, ngx_str_t *value)
{
    u_char  *p, *last, *end, *equal;

    p = args->data;
    last = p + args->len;

    while (p < last) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        equal = ngx_strlchr(p, end, '=');
        if (equal == NULL) {
            equal = end;
        }

        if ((size_t) (equal - p) == name->len
            && ngx_memcmp(p, name->data, name->len) == 0)
        {
            value->data = (equal < end) ? equal + 1 : end;
            value->len = end - value->data;

            return NGX_OK;
        }

        p = end + 1;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_mesh_match_value(ngx_mesh_value_match_t *m, ngx_str_t *value)
{
    int64_t     n;
    ngx_int_t   rc;
    ngx_uint_t  matched;

    if (value == NULL) {
        matched = (m->type == NGX_MESH_MATCH_PRESENT && m->invert);
        return matched ? NGX_OK : NGX_DECLINED;
    }

    switch (m->type) {

    case NGX_MESH_MATCH_EXACT:
        matched = ngx_mesh_match_equal(value, &m->value);
        break;

    case NGX_MESH_MATCH_PREFIX:
        matched = ngx_mesh_match_prefix(value, &m->value);
        break;

    case NGX_MESH_MATCH_SUFFIX:
        matched = ngx_mesh_match_suffix(value, &m->value);
        break;

    case NGX_MESH_MATCH_REGEX:
        rc = ngx_mesh_regex_exec(m->regex, value);

        /* not known: then the negation does not hold either */

        if (rc == NGX_ABORT) {
            return NGX_DECLINED;
        }

        matched = (rc == NGX_OK);
        break;

    case NGX_MESH_MATCH_RANGE:
        matched = ngx_mesh_match_int64(value, &n) == NGX_OK
                  && n >= m->start && n < m->end;
        break;

    default: /* NGX_MESH_MATCH_PRESENT */
        matched = 1;
        break;
    }

    return (matched != (m->invert != 0)) ? NGX_OK : NGX_DECLINED;
}


static ngx_uint_t
ngx_mesh_match_equal(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len && ngx_memcmp(a->data, b->data, b->len) == 0;
}


static ngx_uint_t
ngx_mesh_match_prefix(ngx_str_t *s, ngx_str_t *prefix)
{
    return s->len >= prefix->len
           && ngx_memcmp(s->data, prefix->data, prefix->len) == 0;
}


static ngx_uint_t
ngx_mesh_match_suffix(ngx_str_t *s, ngx_str_t *suffix)
{
    return s->len >= suffix->len
           && ngx_memcmp(s->data + s->len - suffix->len, suffix->data,
                         suffix->len)
              == 0;
}


/*
 * What Envoy's absl::SimpleAtoi() takes: a decimal number, a sign before it,
 * blanks around.
 */

static ngx_int_t
ngx_mesh_match_int64(ngx_str_t *s, int64_t *value)
{
    u_char      *p, *last;
    uint64_t     n, max;
    ngx_uint_t   digit, negative;

    p = s->data;
    last = p + s->len;

    while (p < last && (*p == ' ' || (*p >= '\t' && *p <= '\r'))) {
        p++;
    }

    while (p < last && (last[-1] == ' '
                        || (last[-1] >= '\t' && last[-1] <= '\r')))
    {
        last--;
    }

    negative = (p < last && *p == '-');

    if (p < last && (*p == '-' || *p == '+')) {
        p++;
    }

    if (p == last) {
        return NGX_DECLINED;
    }

    max = (uint64_t) 0x7fffffffffffffff + negative;

    for (n = 0; p < last; p++) {

        if (*p < '0' || *p > '9') {
            return NGX_DECLINED;
        }

        digit = *p - '0';

        if (n > (max - digit) / 10) {
            return NGX_DECLINED;
        }

        n = n * 10 + digit;
    }

    /* the least int64_t has no positive counterpart */

    if (negative && n) {
        *value = -(int64_t) (n - 1) - 1;

    } else {
        *value = (int64_t) n;
    }

    return NGX_OK;
}


/*
 * An insertion sort is stable and needs no memory; the place is found by
 * bisection, so thousands of routes take a few milliseconds at worst.
 */

void
ngx_mesh_match_sort(ngx_mesh_route_t **routes, ngx_uint_t n)
{
    ngx_uint_t         i, low, high, middle;
    ngx_mesh_route_t  *route;

    for (i = 1; i < n; i++) {

        route = routes[i];
        low = 0;
        high = i;

        while (low < high) {
            middle = low + (high - low) / 2;

            if (ngx_mesh_match_cmp(routes[middle], route) <= 0) {
                low = middle + 1;

            } else {
                high = middle;
            }
        }

        ngx_memmove(&routes[low + 1], &routes[low],
                    (i - low) * sizeof(ngx_mesh_route_t *));

        routes[low] = route;
    }
}


static ngx_int_t
ngx_mesh_match_cmp(ngx_mesh_route_t *a, ngx_mesh_route_t *b)
{
    if (a->priority != b->priority) {
        return (a->priority < b->priority) ? -1 : 1;
    }

    if (a->match.path.len != b->match.path.len) {
        return (a->match.path.len > b->match.path.len) ? -1 : 1;
    }

    return 0;
}


ngx_mesh_target_t *
ngx_mesh_match_target(ngx_mesh_route_t *route, uint32_t random)
{
    ngx_uint_t  i, n;

    if (route->total_weight == 0) {
        return NULL;
    }

    n = random % route->total_weight;

    for (i = 0; i < route->ntargets; i++) {

        if (n < route->targets[i].weight) {
            return &route->targets[i];
        }

        n -= route->targets[i].weight;
    }

    return NULL;
}
