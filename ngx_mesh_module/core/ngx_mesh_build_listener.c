
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Listeners of virtual nodes, routers and gateways with all that hangs on
 * them, client policies and access logs.  Gateways have a subset of what nodes
 * have, under the same names.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_build.h"


static ngx_int_t ngx_mesh_build_listener(ngx_mesh_build_t *b,
    ngx_mesh_json_t *value, ngx_mesh_listener_t *listener);
static ngx_int_t ngx_mesh_build_connection_pool(ngx_mesh_build_t *b,
    ngx_mesh_json_t *value, ngx_mesh_connection_pool_t **dst);
static ngx_int_t ngx_mesh_build_health_check(ngx_mesh_build_t *b,
    ngx_mesh_json_t *value, ngx_mesh_health_check_t **dst);
static ngx_int_t ngx_mesh_build_outlier(ngx_mesh_build_t *b,
    ngx_mesh_json_t *value, ngx_mesh_outlier_detection_t **dst);
static ngx_int_t ngx_mesh_build_listener_tls(ngx_mesh_build_t *b,
    ngx_mesh_json_t *value, ngx_mesh_listener_tls_t **dst);
static ngx_int_t ngx_mesh_build_certificate(ngx_mesh_build_t *b,
    ngx_mesh_json_t *value, ngx_mesh_tls_certificate_t **dst);
static ngx_int_t ngx_mesh_build_validation(ngx_mesh_build_t *b,
    ngx_mesh_json_t *value, ngx_mesh_tls_validation_t **dst);


ngx_int_t
ngx_mesh_build_listeners(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_array_t *dst)
{
    ngx_mesh_json_t      *value;
    ngx_mesh_listener_t  *listener;

    if (ngx_mesh_build_array(b, list, sizeof(ngx_mesh_listener_t), dst)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    listener = dst->elts;

    for (value = ngx_mesh_rules_first(list); value; value = value->next) {
        if (ngx_mesh_build_listener(b, value, listener++) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_listener(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_mesh_listener_t *listener)
{
    const char       *protocol;
    ngx_mesh_json_t  *timeout, *pool;

    listener->port = (in_port_t)
                     ngx_mesh_rules_integer(value, "portMapping.port");
    listener->protocol = ngx_mesh_build_protocol(
                         ngx_mesh_rules_find(value, "portMapping.protocol"));

    protocol = ngx_mesh_protocols[listener->protocol];

    timeout = ngx_mesh_rules_find(value, "timeout");
    pool = ngx_mesh_rules_find(value, "connectionPool");

    if (ngx_mesh_build_timeout(b, ngx_mesh_rules_find(timeout, protocol),
                               &listener->timeout)
        != NGX_OK
        || ngx_mesh_build_connection_pool(b,
                                          ngx_mesh_rules_find(pool, protocol),
                                          &listener->connection_pool)
           != NGX_OK
        || ngx_mesh_build_health_check(b,
                                    ngx_mesh_rules_find(value, "healthCheck"),
                                    &listener->health_check)
           != NGX_OK
        || ngx_mesh_build_outlier(b,
                               ngx_mesh_rules_find(value, "outlierDetection"),
                               &listener->outlier_detection)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_build_listener_tls(b, ngx_mesh_rules_find(value, "tls"),
                                       &listener->tls);
}


/*
 * maxPendingRequests is 2147483647 if not given; 0 in the other fields is "no
 * limit", which cannot be asked for.
 */

static ngx_int_t
ngx_mesh_build_connection_pool(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_mesh_connection_pool_t **dst)
{
    ngx_mesh_connection_pool_t  *pool;

    if (value == NULL) {
        return NGX_OK;
    }

    pool = ngx_pcalloc(b->pool, sizeof(ngx_mesh_connection_pool_t));
    if (pool == NULL) {
        return NGX_ERROR;
    }

    pool->max_connections = (ngx_uint_t)
                            ngx_mesh_rules_integer(value, "maxConnections");
    pool->max_requests = (ngx_uint_t)
                         ngx_mesh_rules_integer(value, "maxRequests");

    pool->max_pending_requests = (ngx_uint_t)
                           ngx_mesh_rules_integer(value, "maxPendingRequests");

    if (pool->max_pending_requests == 0) {
        pool->max_pending_requests = NGX_MAX_INT32_VALUE;
    }

    *dst = pool;

    return NGX_OK;
}


/* a path is for http and http2 only, and "/" there if not given */

static ngx_int_t
ngx_mesh_build_health_check(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_mesh_health_check_t **dst)
{
    ngx_mesh_health_check_t  *check;

    if (value == NULL) {
        return NGX_OK;
    }

    check = ngx_pcalloc(b->pool, sizeof(ngx_mesh_health_check_t));
    if (check == NULL) {
        return NGX_ERROR;
    }

    check->protocol = ngx_mesh_build_protocol(
                                     ngx_mesh_rules_find(value, "protocol"));
    check->port = (in_port_t) ngx_mesh_rules_integer(value, "port");
    check->healthy_threshold = (ngx_uint_t)
                             ngx_mesh_rules_integer(value, "healthyThreshold");
    check->unhealthy_threshold = (ngx_uint_t)
                           ngx_mesh_rules_integer(value, "unhealthyThreshold");
    check->interval_ms = (ngx_msec_t)
                         ngx_mesh_rules_integer(value, "intervalMillis");
    check->timeout_ms = (ngx_msec_t)
                        ngx_mesh_rules_integer(value, "timeoutMillis");

    if (check->protocol == NGX_MESH_HTTP || check->protocol == NGX_MESH_HTTP2) {

        if (ngx_mesh_build_string(b, ngx_mesh_rules_find(value, "path"),
                                  &check->path)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (check->path.len == 0) {
            ngx_str_set(&check->path, "/");
        }
    }

    *dst = check;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_outlier(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_mesh_outlier_detection_t **dst)
{
    ngx_mesh_duration_t            interval, ejection;
    ngx_mesh_outlier_detection_t  *outlier;

    if (value == NULL) {
        return NGX_OK;
    }

    outlier = ngx_pcalloc(b->pool, sizeof(ngx_mesh_outlier_detection_t));
    if (outlier == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&interval, sizeof(ngx_mesh_duration_t));
    ngx_memzero(&ejection, sizeof(ngx_mesh_duration_t));

    ngx_mesh_build_duration(ngx_mesh_rules_find(value, "interval"), &interval);
    ngx_mesh_build_duration(ngx_mesh_rules_find(value, "baseEjectionDuration"),
                            &ejection);

    outlier->interval_ms = interval.ms;
    outlier->base_ejection_ms = ejection.ms;
    outlier->max_server_errors = (ngx_uint_t)
                              ngx_mesh_rules_integer(value, "maxServerErrors");
    outlier->max_ejection_percent = (ngx_uint_t)
                           ngx_mesh_rules_integer(value, "maxEjectionPercent");

    *dst = outlier;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_listener_tls(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_mesh_listener_tls_t **dst)
{
    ngx_mesh_listener_tls_t  *tls;

    /* in the order of ngx_mesh_tls_mode_e */

    static const char        *modes[] = {
        "DISABLED", "PERMISSIVE", "STRICT", NULL
    };

    if (value == NULL) {
        return NGX_OK;
    }

    tls = ngx_pcalloc(b->pool, sizeof(ngx_mesh_listener_tls_t));
    if (tls == NULL) {
        return NGX_ERROR;
    }

    tls->mode = (ngx_mesh_tls_mode_e)
                ngx_mesh_rules_enum(ngx_mesh_rules_find(value, "mode"), modes,
                                    NGX_MESH_TLS_STRICT);

    if (ngx_mesh_build_certificate(b, ngx_mesh_rules_find(value, "certificate"),
                                   &tls->certificate)
        != NGX_OK
        || ngx_mesh_build_validation(b,
                                     ngx_mesh_rules_find(value, "validation"),
                                     &tls->validation)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *dst = tls;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_certificate(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_mesh_tls_certificate_t **dst)
{
    ngx_mesh_tls_certificate_t  *cert;

    if (value == NULL) {
        return NGX_OK;
    }

    cert = ngx_pcalloc(b->pool, sizeof(ngx_mesh_tls_certificate_t));
    if (cert == NULL) {
        return NGX_ERROR;
    }

    if (ngx_mesh_build_string(b,
                          ngx_mesh_rules_find(value, "file.certificateChain"),
                          &cert->certificate_chain)
        != NGX_OK
        || ngx_mesh_build_string(b,
                                ngx_mesh_rules_find(value, "file.privateKey"),
                                &cert->private_key)
           != NGX_OK
        || ngx_mesh_build_string(b,
                                 ngx_mesh_rules_find(value, "sds.secretName"),
                                 &cert->sds_secret)
           != NGX_OK
        || ngx_mesh_build_string(b,
                             ngx_mesh_rules_find(value, "acm.certificateArn"),
                             &cert->acm_arn)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *dst = cert;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_build_validation(ngx_mesh_build_t *b, ngx_mesh_json_t *value,
    ngx_mesh_tls_validation_t **dst)
{
    ngx_mesh_json_t            *names, *trust;
    ngx_mesh_tls_validation_t  *validation;

    if (value == NULL) {
        return NGX_OK;
    }

    validation = ngx_pcalloc(b->pool, sizeof(ngx_mesh_tls_validation_t));
    if (validation == NULL) {
        return NGX_ERROR;
    }

    names = ngx_mesh_rules_find(value, "subjectAlternativeNames.match.exact");
    trust = ngx_mesh_rules_find(value, "trust");

    if (ngx_mesh_build_string(b,
                          ngx_mesh_rules_find(trust, "file.certificateChain"),
                          &validation->file)
        != NGX_OK
        || ngx_mesh_build_string(b,
                                 ngx_mesh_rules_find(trust, "sds.secretName"),
                                 &validation->sds_secret)
           != NGX_OK
        || ngx_mesh_build_strings(b,
                                  ngx_mesh_rules_find(trust,
                                           "acm.certificateAuthorityArns"),
                                  &validation->acm_arns)
           != NGX_OK
        || ngx_mesh_build_strings(b, names,
                                  &validation->subject_alternative_names)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *dst = validation;

    return NGX_OK;
}


/* a policy without "tls" says nothing */

ngx_int_t
ngx_mesh_build_client_policy(ngx_mesh_build_t *b, ngx_mesh_json_t *policy,
    ngx_mesh_client_policy_t **dst)
{
    ngx_uint_t                *port;
    ngx_mesh_json_t           *tls, *value;
    ngx_mesh_client_policy_t  *cp;

    tls = ngx_mesh_rules_find(policy, "tls");

    if (tls == NULL) {
        return NGX_OK;
    }

    cp = ngx_pcalloc(b->pool, sizeof(ngx_mesh_client_policy_t));
    if (cp == NULL) {
        return NGX_ERROR;
    }

    value = ngx_mesh_rules_find(tls, "enforce");
    cp->enforce = value ? value->boolean : 1;

    value = ngx_mesh_rules_find(tls, "ports");

    /* an empty list is as none: all ports */

    if (value && value->nelts) {

        cp->ports = ngx_palloc(b->pool, sizeof(ngx_array_t));

        if (cp->ports == NULL
            || ngx_mesh_build_array(b, value, sizeof(ngx_uint_t), cp->ports)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        port = cp->ports->elts;

        for (value = value->u.child.first; value; value = value->next) {
            *port++ = (ngx_uint_t) ngx_mesh_rules_integer(value, NULL);
        }
    }

    if (ngx_mesh_build_certificate(b, ngx_mesh_rules_find(tls, "certificate"),
                                   &cp->certificate)
        != NGX_OK
        || ngx_mesh_build_validation(b, ngx_mesh_rules_find(tls, "validation"),
                                     &cp->validation)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *dst = cp;

    return NGX_OK;
}


ngx_int_t
ngx_mesh_build_access_log(ngx_mesh_build_t *b, ngx_mesh_json_t *logging,
    ngx_mesh_access_log_t **dst)
{
    ngx_mesh_json_t        *file;
    ngx_mesh_access_log_t  *log;

    file = ngx_mesh_rules_find(logging, "accessLog.file");

    if (file == NULL) {
        return NGX_OK;
    }

    log = ngx_pcalloc(b->pool, sizeof(ngx_mesh_access_log_t));
    if (log == NULL) {
        return NGX_ERROR;
    }

    if (ngx_mesh_build_string(b, ngx_mesh_rules_find(file, "path"), &log->path)
        != NGX_OK
        || ngx_mesh_build_string(b, ngx_mesh_rules_find(file, "format.text"),
                                 &log->text)
           != NGX_OK
        || ngx_mesh_build_keyvals(b, ngx_mesh_rules_find(file, "format.json"),
                                  &log->json)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *dst = log;

    return NGX_OK;
}
