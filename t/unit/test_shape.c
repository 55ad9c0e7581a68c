
/*
 * Copyright (C) nginx mesh contributors
 *
 * The validator: each kind of constraint at its boundary, in the words an
 * operator gets.  That the tables are right is shown by t/e2e/model.t.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_mesh_json.h>
#include <ngx_mesh_shape.h>

#include "ngx_mesh_unit.h"


typedef struct {
    const char              *text;
    const char              *result;    /* violations, each with its path */
} mesh_unit_shape_case_t;


typedef struct {
    ngx_pool_t              *pool;
    u_char                  *p;
    u_char                   buf[4096];
    ngx_uint_t               calls;
    ngx_uint_t               max;
} mesh_unit_shape_log_t;


static ngx_int_t
mesh_unit_shape_error(void *data, ngx_mesh_json_t *value, ngx_str_t *reason)
{
    mesh_unit_shape_log_t  *log = data;

    ngx_str_t  path;

    if (ngx_mesh_json_path(log->pool, value, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    log->p = ngx_slprintf(log->p, log->buf + sizeof(log->buf), "%s%V: %V",
                          log->calls ? "; " : "", &path, reason);
    log->calls++;

    return (log->calls == log->max) ? NGX_ABORT : NGX_OK;
}


/* validates "json" and leaves the violations in "result" */

static ngx_int_t
mesh_unit_shape_run(ngx_mesh_unit_t *u, const ngx_mesh_shape_t *shape,
    const char *json, mesh_unit_shape_log_t *log, ngx_uint_t unknown,
    ngx_str_t *result)
{
    ngx_int_t                rc;
    ngx_str_t                text;
    ngx_mesh_json_t         *value;
    ngx_mesh_shape_walk_t    walk;
    ngx_mesh_json_limits_t   limits = { 0, 0, 0, 0 };

    text.data = (u_char *) json;
    text.len = ngx_strlen(json);

    value = ngx_mesh_json_parse(u->pool, &limits, &text, result);
    if (value == NULL) {
        return NGX_ERROR;
    }

    log->pool = u->pool;
    log->p = log->buf;
    log->calls = 0;

    walk.pool = u->pool;
    walk.error = mesh_unit_shape_error;
    walk.unknown = unknown ? mesh_unit_shape_error : NULL;
    walk.data = log;

    rc = ngx_mesh_shape_validate(&walk, shape, value);

    result->data = log->buf;
    result->len = log->p - log->buf;

    return rc;
}


static void
mesh_unit_shape_cases(ngx_mesh_unit_t *u, const ngx_mesh_shape_t *shape,
    mesh_unit_shape_case_t *c)
{
    ngx_int_t              rc;
    ngx_str_t              result;
    mesh_unit_shape_log_t  log;

    log.max = 0;

    for ( /* void */ ; c->text; c++) {
        rc = mesh_unit_shape_run(u, shape, c->text, &log, 0, &result);

        MESH_IS_STR(&result, c->result, "%s", c->text);
        MESH_IS_INT(rc, c->result[0] ? NGX_DECLINED : NGX_OK,
                    "%s: what is returned", c->text);
    }
}


static mesh_unit_shape_case_t  mesh_unit_shape_nodes[] = {

    { "{}", "" },
    { "[]", ": must be an object (is a list)" },
    { "null", ": must be an object (is null)" },
    { "{\"listeners\":null}", "" },
    { "{\"listeners\":[]}", "" },
    { "{\"listeners\":{}}", "listeners: must be a list (is an object)" },
    { "{\"listeners\":[null]}",
      "listeners[0]: must be an object (is null)" },

    /* required members */

    { "{\"listeners\":[{}]}", "listeners[0]: must have \"portMapping\"" },
    { "{\"listeners\":[{\"portMapping\":null}]}",
      "listeners[0]: must have \"portMapping\"" },
    { "{\"listeners\":[{\"portMapping\":{}}]}",
      "listeners[0].portMapping: must have \"port\"; "
      "listeners[0].portMapping: must have \"protocol\"" },

    /* integers */

    { "{\"listeners\":[{\"portMapping\":{\"port\":1,\"protocol\":\"http\"}},"
      "{\"portMapping\":{\"port\":65535,\"protocol\":\"grpc\"}}]}", "" },
    { "{\"listeners\":[{\"portMapping\":{\"port\":0,\"protocol\":\"htttp\"}}]}",
      "listeners[0].portMapping.port: must be at least 1 and at most 65535 "
      "(is 0); listeners[0].portMapping.protocol: must be one of \"http\", "
      "\"tcp\", \"http2\", \"grpc\" (is \"htttp\")" },
    { "{\"backendDefaults\":{\"clientPolicy\":{\"tls\":{\"ports\":[65536,"
      "\"80\",80.0,8e1,-1,99999999999999999999,1,true],\"validation\":"
      "{\"trust\":{\"file\":{\"certificateChain\":\"/a\"}}}}}}}",
      "backendDefaults.clientPolicy.tls.ports[0]: must be at least 1 and at "
      "most 65535 (is 65536); "
      "backendDefaults.clientPolicy.tls.ports[1]: must be an integer (is a "
      "string); "
      "backendDefaults.clientPolicy.tls.ports[2]: must be an integer (is "
      "80.0); "
      "backendDefaults.clientPolicy.tls.ports[3]: must be an integer (is "
      "8e1); "
      "backendDefaults.clientPolicy.tls.ports[4]: must be at least 1 and at "
      "most 65535 (is -1); "
      "backendDefaults.clientPolicy.tls.ports[5]: must be at least 1 and at "
      "most 65535 (is 99999999999999999999); "
      "backendDefaults.clientPolicy.tls.ports[7]: must be an integer (is a "
      "boolean)" },

    /* booleans, and members of the wrong type */

    { "{\"backendDefaults\":{\"clientPolicy\":{\"tls\":{\"enforce\":\"yes\","
      "\"validation\":7}}}}",
      "backendDefaults.clientPolicy.tls.enforce: must be true or false (is a "
      "string); "
      "backendDefaults.clientPolicy.tls.validation: must be an object (is 7)" },

    /* unions */

    { "{\"backends\":[{}]}", "backends[0]: must have \"virtualService\"" },
    { "{\"backends\":[{\"new\":1}]}",
      "backends[0]: must have \"virtualService\"" },
    { "{\"serviceDiscovery\":{}}",
      "serviceDiscovery: must have exactly one of \"awsCloudMap\", \"dns\"" },
    { "{\"serviceDiscovery\":{\"dns\":null,\"awsCloudMap\":null}}",
      "serviceDiscovery: must have exactly one of \"awsCloudMap\", \"dns\"" },
    { "{\"serviceDiscovery\":{\"dns\":{\"hostname\":\"a\"},"
      "\"awsCloudMap\":null}}", "" },
    { "{\"serviceDiscovery\":{\"dns\":{\"hostname\":\"a\"},\"awsCloudMap\":"
      "{\"namespaceName\":\"n\",\"serviceName\":\"s\"}}}",
      "serviceDiscovery: must have exactly one of \"awsCloudMap\", \"dns\" "
      "(has \"awsCloudMap\", \"dns\")" },

    /* patterns */

    { "{\"serviceDiscovery\":{\"awsCloudMap\":{\"namespaceName\":\"n\","
      "\"serviceName\":\"s\",\"attributes\":[{\"key\":\"a-1\",\"value\":"
      "\"x y\"},{\"key\":\"a b\",\"value\":\" x\"}]}}}",
      "serviceDiscovery.awsCloudMap.attributes[1].key: must match "
      "^[a-zA-Z0-9!-~]+$ (is \"a b\"); "
      "serviceDiscovery.awsCloudMap.attributes[1].value: must match "
      "^([a-zA-Z0-9!-~][  a-zA-Z0-9!-~]*){0,1}[a-zA-Z0-9!-~]{0,1}$ "
      "(is \" x\")" },

    { NULL, NULL }
};


static void
mesh_unit_shape_node(ngx_mesh_unit_t *u)
{
    mesh_unit_shape_cases(u, &ngx_mesh_shape_virtual_node_spec,
                          mesh_unit_shape_nodes);
}

MESH_UNIT(mesh_unit_shape_node)


#define MESH_TARGET   "{\"virtualNode\":\"n\",\"weight\":1}"
#define MESH_TARGETS  MESH_TARGET "," MESH_TARGET "," MESH_TARGET ","         \
                      MESH_TARGET "," MESH_TARGET
#define MESH_ROUTE(retry, targets)                                            \
    "{\"httpRoute\":{\"match\":{},\"retryPolicy\":" retry ",\"action\":"      \
    "{\"weightedTargets\":[" targets "]}}}"
#define MESH_RETRY(max, events)                                               \
    "{\"maxRetries\":" max ",\"perRetryTimeout\":{\"value\":1},"              \
    "\"tcpRetryEvents\":[" events "]}"


static mesh_unit_shape_case_t  mesh_unit_shape_routes[] = {

    { MESH_ROUTE("null", MESH_TARGETS "," MESH_TARGETS), "" },
    { MESH_ROUTE("null", MESH_TARGETS "," MESH_TARGETS "," MESH_TARGET),
      "httpRoute.action.weightedTargets: must have at most 10 elements (has "
      "11)" },
    { MESH_ROUTE("null", ""),
      "httpRoute.action.weightedTargets: must not be empty" },

    /* open ended bounds: what is left is the size of the type */

    { MESH_ROUTE(MESH_RETRY("0", "\"connection-error\""), MESH_TARGET), "" },
    { MESH_ROUTE(MESH_RETRY("9223372036854775807", "\"connection-error\""),
                 MESH_TARGET), "" },
    { MESH_ROUTE(MESH_RETRY("9223372036854775808", "\"x\""), MESH_TARGET),
      "httpRoute.retryPolicy.maxRetries: must fit into 64 bits (is "
      "9223372036854775808); httpRoute.retryPolicy.tcpRetryEvents[0]: must be "
      "\"connection-error\" (is \"x\")" },
    { MESH_ROUTE(MESH_RETRY("-1", "\"connection-error\",\"x\""), MESH_TARGET),
      "httpRoute.retryPolicy.maxRetries: must be at least 0 (is -1); "
      "httpRoute.retryPolicy.tcpRetryEvents: must have at most 1 element (has "
      "2)" },
    { MESH_ROUTE(MESH_RETRY("-99999999999999999999", "\"connection-error\""),
                 MESH_TARGET),
      "httpRoute.retryPolicy.maxRetries: must be at least 0 (is "
      "-99999999999999999999)" },

    { "{\"priority\":1000}", "" },
    { "{\"priority\":1001}",
      "priority: must be at least 0 and at most 1000 (is 1001)" },

    { NULL, NULL }
};


static void
mesh_unit_shape_route(ngx_mesh_unit_t *u)
{
    mesh_unit_shape_cases(u, &ngx_mesh_shape_route_spec,
                          mesh_unit_shape_routes);
}

MESH_UNIT(mesh_unit_shape_route)


static mesh_unit_shape_case_t  mesh_unit_shape_gateways[] = {

    { "{}", ": must have \"listeners\"" },
    { "{\"listeners\":[{\"portMapping\":{\"port\":1,\"protocol\":\"tcp\"}}]}",
      "listeners[0].portMapping.protocol: must be one of \"http\", \"http2\", "
      "\"grpc\" (is \"tcp\")" },
    { "{\"listeners\":[{\"portMapping\":{\"port\":1,\"protocol\":\"http\"},"
      "\"connectionPool\":{\"http2\":{\"maxRequests\":2147483647}}}]}", "" },
    { "{\"listeners\":[{\"portMapping\":{\"port\":1,\"protocol\":\"http\"},"
      "\"connectionPool\":{\"http2\":{\"maxRequests\":2147483648}}}]}",
      "listeners[0].connectionPool.http2.maxRequests: must fit into 32 bits "
      "(is 2147483648)" },
    { "{\"listeners\":[{\"portMapping\":{\"port\":1,\"protocol\":\"http\"},"
      "\"connectionPool\":{\"http2\":{\"maxRequests\":0}}}]}",
      "listeners[0].connectionPool.http2.maxRequests: must be at least 1 (is "
      "0)" },

    { NULL, NULL }
};


static void
mesh_unit_shape_gateway(ngx_mesh_unit_t *u)
{
    mesh_unit_shape_cases(u, &ngx_mesh_shape_virtual_gateway_spec,
                          mesh_unit_shape_gateways);
}

MESH_UNIT(mesh_unit_shape_gateway)


/* the length of a string is that of its characters, not of its bytes */

static void
mesh_unit_shape_length(ngx_mesh_unit_t *u)
{
    u_char                 *p, json[600];
    ngx_str_t               result;
    ngx_uint_t              i, n;
    mesh_unit_shape_log_t   log;

    log.max = 0;

    for (n = 254; n <= 256; n++) {
        p = json;
        *p++ = '"';

        for (i = 0; i < n; i++) {
            *p++ = 0xc3;
            *p++ = 0xa9;
        }

        *p++ = '"';
        *p = '\0';

        (void) mesh_unit_shape_run(u, &ngx_mesh_shape_resource_name,
                                   (char *) json, &log, 0, &result);

        MESH_IS_STR(&result,
                    (n <= 255) ? ""
                    : ": must have at most 255 characters (has 256)",
                    "%ui characters of two bytes", n);
    }

    (void) mesh_unit_shape_run(u, &ngx_mesh_shape_resource_name, "\"\"", &log,
                               0, &result);
    MESH_IS_STR(&result, ": must not be empty", "an empty name");
}

MESH_UNIT(mesh_unit_shape_length)


static void
mesh_unit_shape_walks(ngx_mesh_unit_t *u)
{
    ngx_int_t              rc;
    ngx_str_t              result;
    mesh_unit_shape_log_t  log;

    static const char  json[] =
        "{\"new\":1,\"listeners\":[{\"x\":{\"y\":1}}],\"old\":[],"
        "\"logging\":{\"accessLog\":{\"file\":{\"path\":\"\",\"z\":1}}}}";

    log.max = 0;
    rc = mesh_unit_shape_run(u, &ngx_mesh_shape_virtual_node_spec, json, &log,
                             1, &result);

    MESH_IS_STR(&result, "new: is unknown; listeners[0].x: is unknown; "
                "listeners[0]: must have \"portMapping\"; old: is unknown; "
                "logging.accessLog.file.path: must not be empty; "
                "logging.accessLog.file.z: is unknown",
                "unknown members are told, but not looked into");
    MESH_IS_INT(rc, NGX_DECLINED, "violations are what counts");

    log.max = 0;
    rc = mesh_unit_shape_run(u, &ngx_mesh_shape_virtual_node_spec,
                             "{\"new\":1}", &log, 1, &result);
    MESH_IS_INT(rc, NGX_OK, "an unknown member is not a violation");
    MESH_IS_STR(&result, "new: is unknown", "but it is told");

    for (log.max = 1; log.max <= 6; log.max++) {
        rc = mesh_unit_shape_run(u, &ngx_mesh_shape_virtual_node_spec, json,
                                 &log, 1, &result);
        MESH_IS_INT(log.calls, log.max, "the walk ends when told");
        MESH_IS_INT(rc, NGX_DECLINED, "the walk ends: what is returned");
    }

    /* what ends it in a list that is too long, must not go on inside */

    log.max = 1;
    rc = mesh_unit_shape_run(u, &ngx_mesh_shape_route_spec,
                             MESH_ROUTE(MESH_RETRY("0", "0,0"), ""), &log, 0,
                             &result);
    MESH_IS_STR(&result, "httpRoute.retryPolicy.tcpRetryEvents: must have at "
                "most 1 element (has 2)", "the walk ends within a list");
    MESH_IS_INT(rc, NGX_DECLINED, "within a list: what is returned");
}

MESH_UNIT(mesh_unit_shape_walks)


/* what is shown of a wrong value is escaped and cut */

static void
mesh_unit_shape_shows(ngx_mesh_unit_t *u)
{
    ngx_str_t              result;
    mesh_unit_shape_log_t  log;

    log.max = 0;

    (void) mesh_unit_shape_run(u, &ngx_mesh_shape_mesh_spec,
        "{\"egressFilter\":{\"type\":\"a\\n\\\"b\\\"\\u001b"
        "0123456789012345678901234567890123456789012345678901234567"
        "\xc3\xa9\"}}", &log, 0, &result);

    MESH_IS_STR(&result, "egressFilter.type: must be one of \"ALLOW_ALL\", "
        "\"DROP_ALL\" (is \"a\\n\\\"b\\\"\\u001B"
        "0123456789012345678901234567890123456789012345678901234567...\")",
        "a long value with control characters");
}

MESH_UNIT(mesh_unit_shape_shows)
