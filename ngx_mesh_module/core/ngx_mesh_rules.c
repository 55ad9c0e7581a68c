
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Rules of names, listeners, TLS policies, virtual nodes, routers and
 * gateways, and the means to look into valid specs.  Rules of routes are in
 * ngx_mesh_rules_route.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_rules.h"


#define NGX_MESH_RULES_REASON_LEN  1024


static ngx_int_t ngx_mesh_rules_dns_hostname(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *hostname);
static ngx_int_t ngx_mesh_rules_listeners(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_rules_one_listener(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *listener);
static ngx_int_t ngx_mesh_rules_protocol_member(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *value, const char *protocol);
static ngx_int_t ngx_mesh_rules_outlier(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *outlier);
static ngx_int_t ngx_mesh_rules_backends(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *backends);
static ngx_int_t ngx_mesh_rules_client_policy(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *policy);
static ngx_int_t ngx_mesh_rules_validation(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *validation, ngx_uint_t wildcard);
static ngx_uint_t ngx_mesh_rules_is_fqdn(ngx_str_t *name);
static ngx_uint_t ngx_mesh_rules_is_uri(ngx_str_t *name);


const char  *ngx_mesh_protocols[] = { "http", "http2", "grpc", "tcp", NULL };


ngx_int_t
ngx_mesh_rules_violation(ngx_mesh_rules_t *rules, ngx_mesh_json_t *value,
    const char *fmt, ...)
{
    u_char     *p, buf[NGX_MESH_RULES_REASON_LEN];
    va_list     args;
    ngx_str_t   reason;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + NGX_MESH_RULES_REASON_LEN, fmt, args);
    va_end(args);

    reason.len = p - buf;
    reason.data = ngx_pnalloc(rules->pool, reason.len);
    if (reason.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(reason.data, buf, reason.len);

    (void) rules->error(rules->data, value, &reason);

    return rules->all ? NGX_OK : NGX_DECLINED;
}


/*
 * The model gives names a length only.  "/" is refused because names become
 * parts of resource paths, "virtualNode/order"; "." and ".." because clients
 * resolve them in URIs, so that nobody could ask for it or delete it again.
 */

ngx_int_t
ngx_mesh_rules_name(ngx_mesh_rules_t *rules, ngx_mesh_json_t *name)
{
    u_char       c;
    ngx_str_t   *s;
    ngx_uint_t   i;

    s = &name->u.string;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c == '/' || c < 0x20 || c == 0x7f) {
            return ngx_mesh_rules_violation(rules, name,
                             "must not contain \"/\" or control characters");
        }
    }

    if ((s->len == 1 || s->len == 2)
        && s->data[0] == '.' && s->data[s->len - 1] == '.')
    {
        return ngx_mesh_rules_violation(rules, name,
                                        "must not be \".\" or \"..\"");
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_rules_service_name(ngx_mesh_rules_t *rules, ngx_mesh_json_t *name)
{
    if (name->u.string.len > 255
        || !ngx_mesh_rules_is_fqdn(&name->u.string))
    {
        return ngx_mesh_rules_violation(rules, name, "must be a host name");
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_rules_virtual_node(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec,
    ngx_uint_t discovered)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *listeners;

    listeners = ngx_mesh_rules_find(spec, "listeners");

    if (listeners
        && listeners->nelts
        && !discovered
        && ngx_mesh_rules_find(spec, "serviceDiscovery") == NULL)
    {
        rc = ngx_mesh_rules_violation(rules, spec,
                "has \"listeners\", which makes \"serviceDiscovery\" required");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_mesh_rules_dns_hostname(rules,
                 ngx_mesh_rules_find(spec, "serviceDiscovery.dns.hostname"));
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_listeners(rules, spec);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_client_policy(rules,
                    ngx_mesh_rules_find(spec, "backendDefaults.clientPolicy"));
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_rules_backends(rules,
                                   ngx_mesh_rules_find(spec, "backends"));
}


static ngx_int_t
ngx_mesh_rules_dns_hostname(ngx_mesh_rules_t *rules, ngx_mesh_json_t *hostname)
{
    u_char      c;
    ngx_str_t  *s;
    ngx_uint_t  i;

    if (hostname == NULL) {
        return NGX_OK;
    }

    s = &hostname->u.string;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c <= 0x20 || c == '/' || c == 0x7f) {
            break;
        }
    }

    if (s->len == 0 || i != s->len) {
        return ngx_mesh_rules_violation(rules, hostname,
                                        "must be a host name");
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_rules_virtual_router(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec)
{
    return ngx_mesh_rules_listeners(rules, spec);
}


ngx_int_t
ngx_mesh_rules_virtual_gateway(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec)
{
    ngx_int_t  rc;

    rc = ngx_mesh_rules_listeners(rules, spec);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_rules_client_policy(rules,
                    ngx_mesh_rules_find(spec, "backendDefaults.clientPolicy"));
}


/* An empty list is taken for "no listeners": what AWS did is not known. */

static ngx_int_t
ngx_mesh_rules_listeners(ngx_mesh_rules_t *rules, ngx_mesh_json_t *spec)
{
    int64_t           port;
    ngx_int_t         rc;
    ngx_mesh_json_t  *listener, *list;
    u_char            used[65536 / 8];

    list = ngx_mesh_rules_find(spec, "listeners");

    if (list && list->nelts > 1) {
        ngx_memzero(used, sizeof(used));
    }

    for (listener = ngx_mesh_rules_first(list);
         listener;
         listener = listener->next)
    {
        if (list->nelts > 1) {
            port = ngx_mesh_rules_integer(listener, "portMapping.port");

            if (used[port / 8] & (1 << port % 8)) {
                rc = ngx_mesh_rules_violation(rules,
                           ngx_mesh_rules_find(listener, "portMapping.port"),
                           "another listener has the port %L", port);
                if (rc != NGX_OK) {
                    return rc;
                }
            }

            used[port / 8] |= 1 << port % 8;
        }

        rc = ngx_mesh_rules_one_listener(rules, listener);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/*
 * The path of a health check is ignored unless its protocol is http or http2,
 * and not required there, as the model says and does.
 */

static ngx_int_t
ngx_mesh_rules_one_listener(ngx_mesh_rules_t *rules, ngx_mesh_json_t *listener)
{
    int64_t           port;
    ngx_int_t         rc;
    const char       *protocol;
    ngx_mesh_json_t  *value;

    value = ngx_mesh_rules_find(listener, "portMapping.protocol");
    protocol = ngx_mesh_protocols[ngx_mesh_rules_enum(value,
                                                      ngx_mesh_protocols, 0)];

    value = ngx_mesh_rules_find(listener, "connectionPool");

    rc = ngx_mesh_rules_protocol_member(rules, value, protocol);
    if (rc != NGX_OK) {
        return rc;
    }

    value = ngx_mesh_rules_find(listener, "timeout");

    rc = ngx_mesh_rules_protocol_member(rules, value, protocol);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_rules_timeout(rules, ngx_mesh_rules_find(value, protocol));
    if (rc != NGX_OK) {
        return rc;
    }

    value = ngx_mesh_rules_find(listener, "healthCheck.port");

    if (value) {
        port = ngx_mesh_rules_integer(listener, "portMapping.port");

        if (ngx_mesh_rules_integer(value, NULL) != port) {
            rc = ngx_mesh_rules_violation(rules, value,
                              "must be %L, the port of the listener", port);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    rc = ngx_mesh_rules_outlier(rules,
                           ngx_mesh_rules_find(listener, "outlierDetection"));
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_rules_validation(rules,
                          ngx_mesh_rules_find(listener, "tls.validation"), 0);
}


/* connectionPool and timeout: the member is named after the protocol */

static ngx_int_t
ngx_mesh_rules_protocol_member(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *value, const char *protocol)
{
    if (value == NULL || ngx_mesh_rules_find(value, protocol)) {
        return NGX_OK;
    }

    return ngx_mesh_rules_violation(rules, value,
                      "must have \"%s\", which is the listener's protocol",
                      protocol);
}


/* Envoy takes no zero in either interval. */

static ngx_int_t
ngx_mesh_rules_outlier(ngx_mesh_rules_t *rules, ngx_mesh_json_t *outlier)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_mesh_json_t    *duration;

    static const char  *names[] = { "interval", "baseEjectionDuration" };

    if (outlier == NULL) {
        return NGX_OK;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        duration = ngx_mesh_rules_find(outlier, names[i]);

        rc = ngx_mesh_rules_duration(rules, duration);
        if (rc != NGX_OK) {
            return rc;
        }

        if (ngx_mesh_rules_integer(duration, "value") == 0) {
            rc = ngx_mesh_rules_violation(rules, duration,
                                          "must be greater than 0");
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_rules_duration(ngx_mesh_rules_t *rules, ngx_mesh_json_t *duration)
{
    if ((ngx_mesh_rules_find(duration, "unit") == NULL)
        != (ngx_mesh_rules_find(duration, "value") == NULL))
    {
        return ngx_mesh_rules_violation(rules, duration,
                            "must have both \"unit\" and \"value\"");
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_rules_timeout(ngx_mesh_rules_t *rules, ngx_mesh_json_t *timeout)
{
    ngx_int_t  rc;

    rc = ngx_mesh_rules_duration(rules,
                                 ngx_mesh_rules_find(timeout, "perRequest"));
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_mesh_rules_duration(rules,
                                   ngx_mesh_rules_find(timeout, "idle"));
}


/*
 * A service listed twice is an error, not merged: aws/aws-app-mesh-roadmap
 * #170.  A backend may name a service that is not there yet.
 */

static ngx_int_t
ngx_mesh_rules_backends(ngx_mesh_rules_t *rules, ngx_mesh_json_t *backends)
{
    ngx_int_t         rc;
    ngx_str_t         host;
    ngx_mesh_map_t   *seen;
    ngx_mesh_json_t  *backend, *name;

    if (backends == NULL) {
        return NGX_OK;
    }

    seen = ngx_mesh_map_create(rules->pool, backends->nelts);
    if (seen == NULL) {
        return NGX_ERROR;
    }

    for (backend = ngx_mesh_rules_first(backends);
         backend;
         backend = backend->next)
    {
        name = ngx_mesh_rules_find(backend,
                                   "virtualService.virtualServiceName");

        rc = ngx_mesh_rules_service_name(rules, name);
        if (rc != NGX_OK) {
            return rc;
        }

        host.len = name->u.string.len;
        host.data = ngx_pnalloc(rules->pool, host.len);
        if (host.data == NULL) {
            return NGX_ERROR;
        }

        ngx_strlow(host.data, name->u.string.data, host.len);

        if (ngx_mesh_map_insert(seen, &host, name) != NGX_OK) {
            rc = ngx_mesh_rules_violation(rules, name,
                            "\"%V\" is listed twice", &name->u.string);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        rc = ngx_mesh_rules_client_policy(rules,
                 ngx_mesh_rules_find(backend, "virtualService.clientPolicy"));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_rules_client_policy(ngx_mesh_rules_t *rules, ngx_mesh_json_t *policy)
{
    ngx_mesh_json_t  *enforce;

    enforce = ngx_mesh_rules_find(policy, "tls.enforce");

    return ngx_mesh_rules_validation(rules,
                               ngx_mesh_rules_find(policy, "tls.validation"),
                               enforce && !enforce->boolean);
}


/* "wildcard": names may start with "*.", in policies that are not enforced */

static ngx_int_t
ngx_mesh_rules_validation(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *validation, ngx_uint_t wildcard)
{
    ngx_int_t         rc;
    ngx_str_t         name;
    ngx_mesh_json_t  *value;

    value = ngx_mesh_rules_find(validation,
                                "subjectAlternativeNames.match.exact");

    for (value = ngx_mesh_rules_first(value); value; value = value->next) {

        name = value->u.string;

        if (wildcard && name.len > 2 && ngx_strncmp(name.data, "*.", 2) == 0) {
            name.len -= 2;
            name.data += 2;
        }

        if (!ngx_mesh_rules_is_fqdn(&name) && !ngx_mesh_rules_is_uri(&name)) {
            rc = ngx_mesh_rules_violation(rules, value,
                                          "must be a domain name or a URI");
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


/* labels of letters, digits, "-" and "_"; a final dot is not taken */

static ngx_uint_t
ngx_mesh_rules_is_fqdn(ngx_str_t *name)
{
    u_char      c;
    size_t      label;
    ngx_uint_t  i;

    label = 0;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (c == '.') {
            if (label == 0) {
                return 0;
            }

            label = 0;
            continue;
        }

        if ((c < '0' || c > '9')
            && ((c | 0x20) < 'a' || (c | 0x20) > 'z')
            && c != '-'
            && c != '_')
        {
            return 0;
        }

        if (++label > 63) {
            return 0;
        }
    }

    return label != 0;
}


/* RFC 3986: a scheme, ":" and something, without blanks */

static ngx_uint_t
ngx_mesh_rules_is_uri(ngx_str_t *name)
{
    u_char  *p, *last;

    last = name->data + name->len;

    if (name->len == 0
        || (name->data[0] | 0x20) < 'a'
        || (name->data[0] | 0x20) > 'z')
    {
        return 0;
    }

    for (p = name->data + 1; p < last && *p != ':'; p++) {
        if ((*p < '0' || *p > '9')
            && ((*p | 0x20) < 'a' || (*p | 0x20) > 'z')
            && *p != '+' && *p != '-' && *p != '.')
        {
            return 0;
        }
    }

    if (last - p < 2) {
        return 0;
    }

    for (p++; p < last; p++) {
        if (*p <= 0x20 || *p == 0x7f) {
            return 0;
        }
    }

    return 1;
}


/*
 * A member that no shape knew is as absent: its type was not looked at, and
 * another shape may have a member of that name.
 */

ngx_mesh_json_t *
ngx_mesh_rules_find(ngx_mesh_json_t *value, const char *path)
{
    size_t       len;
    const char  *dot;

    while (value && path) {

        dot = ngx_strchr(path, '.');
        len = dot ? (size_t) (dot - path) : ngx_strlen(path);

        if (value->type != NGX_MESH_JSON_OBJECT) {
            return NULL;
        }

        for (value = value->u.child.first; value; value = value->next) {
            if (value->name.len == len
                && ngx_memcmp(value->name.data, path, len) == 0)
            {
                break;
            }
        }

        if (value && (value->type == NGX_MESH_JSON_NULL || !value->seen)) {
            return NULL;
        }

        path = dot ? dot + 1 : NULL;
    }

    return value;
}


ngx_mesh_json_t *
ngx_mesh_rules_listener(ngx_mesh_json_t *spec, int64_t port)
{
    ngx_mesh_json_t  *listener;

    listener = ngx_mesh_rules_find(spec, "listeners");

    for (listener = ngx_mesh_rules_first(listener);
         listener;
         listener = listener->next)
    {
        if (ngx_mesh_rules_integer(listener, "portMapping.port") == port) {
            return listener;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_mesh_rules_enum(ngx_mesh_json_t *value, const char **names,
    ngx_uint_t otherwise)
{
    ngx_uint_t  i;

    if (value == NULL) {
        return otherwise;
    }

    for (i = 0; names[i]; i++) {
        if (value->u.string.len == ngx_strlen(names[i])
            && ngx_memcmp(value->u.string.data, names[i],
                          value->u.string.len)
               == 0)
        {
            return i;
        }
    }

    return otherwise;
}


int64_t
ngx_mesh_rules_integer(ngx_mesh_json_t *value, const char *path)
{
    int64_t  n;

    value = ngx_mesh_rules_find(value, path);

    if (value == NULL || ngx_mesh_json_integer(value, &n) != NGX_OK) {
        return 0;
    }

    return n;
}
