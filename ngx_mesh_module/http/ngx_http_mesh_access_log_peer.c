
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Values of access logs: addresses of connections, and their TLS.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_access_log.h"


static void ngx_http_mesh_access_log_upstream_local(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value);
static ngx_uint_t ngx_http_mesh_access_log_direct(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_op_e op,
    ngx_mesh_log_value_t *value);
static void ngx_http_mesh_access_log_address(
    ngx_http_mesh_access_log_line_t *line, struct sockaddr *sockaddr,
    socklen_t socklen, ngx_uint_t port, ngx_mesh_log_value_t *value);


void
ngx_http_mesh_access_log_peer(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_operand_t *operand, ngx_mesh_log_value_t *value)
{
    ngx_uint_t          port;
    ngx_connection_t   *c;
    ngx_mesh_log_op_e   op;

    c = line->request->connection;
    op = operand->op;
    port = 0;

    switch (op) {

    case NGX_MESH_LOG_UPSTREAM_LOCAL:
    case NGX_MESH_LOG_UPSTREAM_LOCAL_ADDRESS:
    case NGX_MESH_LOG_UPSTREAM_LOCAL_PORT:
    case NGX_MESH_LOG_UPSTREAM_CONNECTION_ID:
        ngx_http_mesh_access_log_upstream_local(line, op, value);
        return;

    case NGX_MESH_LOG_PEER_FINGERPRINT_256:
    case NGX_MESH_LOG_PEER_URI_SAN:
    case NGX_MESH_LOG_PEER_CERT_START:
    case NGX_MESH_LOG_PEER_CERT_END:
    case NGX_MESH_LOG_LOCAL_URI_SAN:
    case NGX_MESH_LOG_LOCAL_SUBJECT:

#if (NGX_HTTP_SSL)
        if (c->ssl) {
            ngx_http_mesh_access_log_tls(line, op, value);
        }
#endif

        return;

    case NGX_MESH_LOG_TLS:

#if (NGX_HTTP_SSL)
        if (c->ssl) {
            ngx_http_mesh_access_log_variable(line->request,
                                              &operand->text, value);
        }
#endif

        return;

    case NGX_MESH_LOG_DIRECT:
    case NGX_MESH_LOG_DIRECT_ADDRESS:
    case NGX_MESH_LOG_DIRECT_PORT:
        if (ngx_http_mesh_access_log_direct(line, op, value)) {
            return;
        }

        break;

    case NGX_MESH_LOG_LOCAL:
    case NGX_MESH_LOG_LOCAL_ADDRESS:
    case NGX_MESH_LOG_LOCAL_PORT:
        if (ngx_connection_local_sockaddr(c, NULL, 0) != NGX_OK) {
            return;
        }

        if (op == NGX_MESH_LOG_LOCAL_PORT) {
            value->type = NGX_MESH_LOG_VALUE_NUMBER;
            value->number = ngx_inet_get_port(c->local_sockaddr);
            return;
        }

        port = (op == NGX_MESH_LOG_LOCAL);

        ngx_http_mesh_access_log_address(line, c->local_sockaddr,
                                         c->local_socklen, port, value);
        return;

    default:
        break;
    }

    if (op == NGX_MESH_LOG_REMOTE_PORT || op == NGX_MESH_LOG_DIRECT_PORT) {
        value->type = NGX_MESH_LOG_VALUE_NUMBER;
        value->number = ngx_inet_get_port(c->sockaddr);
        return;
    }

    port = (op == NGX_MESH_LOG_REMOTE || op == NGX_MESH_LOG_DIRECT);

    ngx_http_mesh_access_log_address(line, c->sockaddr, c->socklen, port,
                                     value);
}


/* when the line is written, it may be closed, or another request's */

void
ngx_http_mesh_access_log_attempt(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc)
{
    ngx_http_mesh_access_log_attempt_t  *a;

    if (!ctx->snapshot->model->log->format.attempts) {
        return;
    }

    a = ctx->logged;

    if (a == NULL) {
        a = ngx_palloc(ctx->request->pool,
                       sizeof(ngx_http_mesh_access_log_attempt_t));
        if (a == NULL) {
            return;
        }

        ctx->logged = a;
    }

    a->connected = (ctx->connected && pc->connection);

    if (!a->connected) {
        return;
    }

    a->number = pc->connection->number;
    a->socklen = sizeof(ngx_sockaddr_t);

    if (getsockname(pc->connection->fd, &a->sockaddr.sockaddr, &a->socklen)
        == -1)
    {
        a->connected = 0;
    }
}


static void
ngx_http_mesh_access_log_upstream_local(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    ngx_http_mesh_access_log_attempt_t  *a;

    a = line->ctx->logged;

    if (a == NULL || !a->connected) {
        return;
    }

    switch (op) {

    case NGX_MESH_LOG_UPSTREAM_CONNECTION_ID:
        ngx_http_mesh_access_log_number(value, a->number);
        return;

    case NGX_MESH_LOG_UPSTREAM_LOCAL_PORT:
        ngx_http_mesh_access_log_number(value,
                                     ngx_inet_get_port(&a->sockaddr.sockaddr));
        return;

    default:
        ngx_http_mesh_access_log_address(line, &a->sockaddr.sockaddr,
                                         a->socklen,
                                         op == NGX_MESH_LOG_UPSTREAM_LOCAL,
                                         value);
        return;
    }
}


/* with nginx's realip module the connection's own address is in variables */

static ngx_uint_t
ngx_http_mesh_access_log_direct(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value)
{
    u_char                *p;
    ngx_mesh_log_value_t   port;

    static ngx_str_t  addr = ngx_string("realip_remote_addr");
    static ngx_str_t  number = ngx_string("realip_remote_port");

    port.type = NGX_MESH_LOG_MISSING;

    ngx_http_mesh_access_log_variable(line->request, &addr, value);
    ngx_http_mesh_access_log_variable(line->request, &number, &port);

    if (value->type == NGX_MESH_LOG_MISSING
        || port.type == NGX_MESH_LOG_MISSING)
    {
        value->type = NGX_MESH_LOG_MISSING;
        return 0;
    }

    if (op == NGX_MESH_LOG_DIRECT_PORT) {
        value->type = NGX_MESH_LOG_VALUE_NUMBER;
        value->number = ngx_atoi(port.string.data, port.string.len);

    } else if (op == NGX_MESH_LOG_DIRECT) {
        p = line->buf;

        p = ngx_snprintf(p, sizeof(line->buf),
                         ngx_strlchr(value->string.data,
                                     value->string.data + value->string.len,
                                     ':')
                         ? "[%V]:%V" : "%V:%V", &value->string, &port.string);

        value->string.data = line->buf;
        value->string.len = p - line->buf;
    }

    return 1;
}


static void
ngx_http_mesh_access_log_address(ngx_http_mesh_access_log_line_t *line,
    struct sockaddr *sockaddr,
    socklen_t socklen, ngx_uint_t port,
    ngx_mesh_log_value_t *value)
{
    value->type = NGX_MESH_LOG_VALUE_STRING;
    value->string.data = line->buf;
    value->string.len = ngx_sock_ntop(sockaddr, socklen, line->buf,
                                      sizeof(line->buf), port);
}
