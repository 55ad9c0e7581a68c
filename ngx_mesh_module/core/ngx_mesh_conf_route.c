
/*
 * Copyright (C) nginx mesh contributors
 */

/* route{} of virtual_router{}. */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_conf.h"


static char *ngx_mesh_conf_retry_event(ngx_conf_t *cf, ngx_mesh_json_t *policy,
    ngx_str_t *event);


char *
ngx_mesh_conf_route(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *router = conf;

    static const char  *kinds[][2] = {
        { "http", "httpRoute" },
        { "http2", "http2Route" },
        { "grpc", "grpcRoute" },
        { "tcp", "tcpRoute" },
        { NULL, NULL }
    };

    char                   *rv;
    ngx_str_t              *value;
    const char             *protocol;
    ngx_uint_t              i;
    ngx_mesh_json_t        *action;
    ngx_mesh_conf_block_t   block;

    value = cf->args->elts;

    protocol = router->kind ? router->kind : "http";

    if (cf->args->nelts == 3) {
        protocol = (char *) value[2].data;
    }

    for (i = 0; kinds[i][0]; i++) {
        if (ngx_strcmp(kinds[i][0], protocol) == 0) {
            break;
        }
    }

    if (kinds[i][0] == NULL) {
        return "has an unknown protocol";
    }

    rv = ngx_mesh_conf_open(cf, router->mcf, "routes", "routeName", &block);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_mesh_conf_add_string(cf, block.object, "virtualRouterName",
                                  &router->name);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    block.kind = protocol;
    block.rule = ngx_mesh_conf_add(cf, block.spec, kinds[i][1],
                                   NGX_MESH_JSON_OBJECT);

    action = ngx_mesh_conf_add(cf, block.rule, "action",
                               NGX_MESH_JSON_OBJECT);

    if (ngx_mesh_conf_add(cf, block.rule, "match", NGX_MESH_JSON_OBJECT)
        == NULL
        || ngx_mesh_conf_add(cf, action, "weightedTargets",
                             NGX_MESH_JSON_ARRAY)
           == NULL)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_mesh_conf_subblock(cf, NGX_MESH_ROUTE_CONF, &block);
}


char *
ngx_mesh_conf_priority(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_mesh_json_get(block->spec, "priority")) {
        return "is duplicate";
    }

    return ngx_mesh_conf_add_number(cf, block->spec, "priority", &value[1]);
}


char *
ngx_mesh_conf_match(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    static ngx_mesh_conf_arg_t  args[] = {
        { ngx_string("prefix="), NULL, "prefix", NGX_MESH_ARG_STRING },
        { ngx_string("path="), "path", "exact", NGX_MESH_ARG_STRING },
        { ngx_string("regex="), "path", "regex", NGX_MESH_ARG_STRING },
        { ngx_string("method="), NULL, "method", NGX_MESH_ARG_STRING },
        { ngx_string("scheme="), NULL, "scheme", NGX_MESH_ARG_STRING },
        { ngx_string("port="), NULL, "port", NGX_MESH_ARG_NUMBER },
        { ngx_string("service="), NULL, "serviceName", NGX_MESH_ARG_STRING },
        { ngx_string("grpc_method="), NULL, "methodName",
          NGX_MESH_ARG_STRING },
        { ngx_null_string, NULL, NULL, 0 }
    };

    return ngx_mesh_conf_args(cf, ngx_mesh_json_get(block->rule, "match"), 1,
                              args);
}


/* header NAME [exact=V | prefix=V | suffix=V | regex=V | range=A-B] [invert] */

char *
ngx_mesh_conf_header(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    static ngx_mesh_conf_arg_t  args[] = {
        { ngx_string("exact="), "match", "exact", NGX_MESH_ARG_STRING },
        { ngx_string("prefix="), "match", "prefix", NGX_MESH_ARG_STRING },
        { ngx_string("suffix="), "match", "suffix", NGX_MESH_ARG_STRING },
        { ngx_string("regex="), "match", "regex", NGX_MESH_ARG_STRING },
        { ngx_null_string, NULL, NULL, 0 }
    };

    u_char           *p, *last;
    ngx_str_t        *value, start, end;
    ngx_uint_t        i;
    ngx_mesh_json_t  *list, *header, *match, *range;

    value = cf->args->elts;

    list = ngx_mesh_conf_need(cf, ngx_mesh_json_get(block->rule, "match"),
                              cmd->post, NGX_MESH_JSON_ARRAY);
    header = ngx_mesh_conf_add(cf, list, NULL, NGX_MESH_JSON_OBJECT);

    if (ngx_mesh_conf_add_string(cf, header, "name", &value[1])
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "invert") == 0) {
            if (ngx_mesh_json_get(header, "invert")) {
                return "has \"invert\" twice";
            }

            if (ngx_mesh_json_add_boolean(cf->pool, header, "invert", 1)
                == NULL)
            {
                return NGX_CONF_ERROR;
            }

            /* what is left goes to the table below */

            value[i] = value[cf->args->nelts - 1];
            cf->args->nelts--;
            i--;
            continue;
        }

        if (ngx_strncmp(value[i].data, "range=", 6) != 0) {
            continue;
        }

        start.data = value[i].data + 6;
        last = value[i].data + value[i].len;
        p = ngx_strlchr(start.data + 1, last, '-');

        if (p == NULL) {
            return "has an invalid \"range\", it must be START-END";
        }

        start.len = p - start.data;
        end.data = p + 1;
        end.len = last - end.data;

        match = ngx_mesh_conf_need(cf, header, "match", NGX_MESH_JSON_OBJECT);

        if (match && ngx_mesh_json_get(match, "range")) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"range=\"");
            return NGX_CONF_ERROR;
        }

        range = ngx_mesh_conf_add(cf, match, "range", NGX_MESH_JSON_OBJECT);

        if (ngx_mesh_conf_add_number(cf, range, "start", &start) != NGX_CONF_OK
            || ngx_mesh_conf_add_number(cf, range, "end", &end) != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        value[i] = value[cf->args->nelts - 1];
        cf->args->nelts--;
        i--;
    }

    return ngx_mesh_conf_args(cf, header, 2, args);
}


char *
ngx_mesh_conf_query(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    static ngx_mesh_conf_arg_t  args[] = {
        { ngx_string("exact="), "match", "exact", NGX_MESH_ARG_STRING },
        { ngx_null_string, NULL, NULL, 0 }
    };

    ngx_str_t        *value;
    ngx_mesh_json_t  *list, *query;

    value = cf->args->elts;

    list = ngx_mesh_conf_need(cf, ngx_mesh_json_get(block->rule, "match"),
                              "queryParameters", NGX_MESH_JSON_ARRAY);
    query = ngx_mesh_conf_add(cf, list, NULL, NGX_MESH_JSON_OBJECT);

    if (ngx_mesh_conf_add_string(cf, query, "name", &value[1])
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_mesh_conf_args(cf, query, 2, args);
}


char *
ngx_mesh_conf_target(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    static ngx_mesh_conf_arg_t  args[] = {
        { ngx_string("weight="), NULL, "weight", NGX_MESH_ARG_NUMBER },
        { ngx_string("port="), NULL, "port", NGX_MESH_ARG_NUMBER },
        { ngx_null_string, NULL, NULL, 0 }
    };

    char             *rv;
    ngx_str_t        *value;
    ngx_mesh_json_t  *action, *target;

    value = cf->args->elts;

    action = ngx_mesh_json_get(block->rule, "action");
    target = ngx_mesh_conf_add(cf, ngx_mesh_json_get(action,
                                                     "weightedTargets"),
                               NULL, NGX_MESH_JSON_OBJECT);

    rv = ngx_mesh_conf_add_string(cf, target, "virtualNode", &value[1]);

    if (rv == NGX_CONF_OK) {
        rv = ngx_mesh_conf_args(cf, target, 2, args);
    }

    /* as in nginx's "server": 1 unless said otherwise */

    if (rv == NGX_CONF_OK
        && ngx_mesh_json_get(target, "weight") == NULL
        && ngx_mesh_json_add_number(cf->pool, target, "weight", 1) == NULL)
    {
        return NGX_CONF_ERROR;
    }

    return rv;
}


char *
ngx_mesh_conf_timeout(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    static ngx_mesh_conf_arg_t  args[] = {
        { ngx_string("per_request="), "timeout", "perRequest",
          NGX_MESH_ARG_DURATION },
        { ngx_string("idle="), "timeout", "idle", NGX_MESH_ARG_DURATION },
        { ngx_null_string, NULL, NULL, 0 }
    };

    return ngx_mesh_conf_args(cf, block->rule, 1, args);
}


/* retry max=N per_try_timeout=TIME [events=NAME,NAME]; */

char *
ngx_mesh_conf_retry(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_block_t  *block = conf;

    static ngx_mesh_conf_arg_t  args[] = {
        { ngx_string("max="), NULL, "maxRetries", NGX_MESH_ARG_NUMBER },
        { ngx_string("per_try_timeout="), NULL, "perRetryTimeout",
          NGX_MESH_ARG_DURATION },
        { ngx_null_string, NULL, NULL, 0 }
    };

    char             *rv;
    u_char           *p, *last;
    ngx_str_t        *value, event;
    ngx_uint_t        i;
    ngx_mesh_json_t  *policy;

    if (ngx_mesh_json_get(block->rule, "retryPolicy")) {
        return "is duplicate";
    }

    policy = ngx_mesh_conf_add(cf, block->rule, "retryPolicy",
                               NGX_MESH_JSON_OBJECT);
    if (policy == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "events=", 7) != 0) {
            continue;
        }

        last = value[i].data + value[i].len;

        for (event.data = value[i].data + 7; event.data <= last;
             event.data = p + 1)
        {
            p = ngx_strlchr(event.data, last, ',');
            if (p == NULL) {
                p = last;
            }

            event.len = p - event.data;

            rv = ngx_mesh_conf_retry_event(cf, policy, &event);
            if (rv != NGX_CONF_OK) {
                return rv;
            }
        }

        value[i] = value[cf->args->nelts - 1];
        cf->args->nelts--;
        i--;
    }

    return ngx_mesh_conf_args(cf, policy, 1, args);
}


/* the three lists of App Mesh, told apart by the names they may hold */

static char *
ngx_mesh_conf_retry_event(ngx_conf_t *cf, ngx_mesh_json_t *policy,
    ngx_str_t *event)
{
    ngx_str_t        *name;
    const char       *member;
    ngx_uint_t        i;
    ngx_mesh_json_t  *list;

    static ngx_str_t  grpc[] = {
        ngx_string("cancelled"),
        ngx_string("deadline-exceeded"),
        ngx_string("internal"),
        ngx_string("resource-exhausted"),
        ngx_string("unavailable"),
        ngx_null_string
    };

    /* also for unknown ones, which the rules refuse there */

    member = "httpRetryEvents";

    for (i = 0; grpc[i].len; i++) {
        name = &grpc[i];

        if (name->len == event->len
            && ngx_strncmp(name->data, event->data, name->len) == 0)
        {
            member = "grpcRetryEvents";
        }
    }

    if (event->len == 16
        && ngx_strncmp(event->data, "connection-error", 16) == 0)
    {
        member = "tcpRetryEvents";
    }

    list = ngx_mesh_conf_need(cf, policy, member, NGX_MESH_JSON_ARRAY);

    return ngx_mesh_conf_add_string(cf, list, NULL, event);
}
