
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The access log of the spec of this proxy: lines in the file that it names,
 * in its format, from the next request on when it changes.
 */


#ifndef _NGX_HTTP_MESH_ACCESS_LOG_H_INCLUDED_
#define _NGX_HTTP_MESH_ACCESS_LOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"
#include "ngx_mesh_log_format.h"
#include "ngx_mesh_metrics_model.h"


#define NGX_HTTP_MESH_ACCESS_LOG_FEW  16


/* what the operators of one line are about */

typedef struct {
    ngx_http_request_t       *request;
    ngx_http_mesh_ctx_t      *ctx;
    ngx_http_mesh_outcome_t  *outcome;
    ngx_table_elt_t         **headers;      /* by slot of the format; NULL:
                                               it is not there */
    ngx_table_elt_t          *few[NGX_HTTP_MESH_ACCESS_LOG_FEW];

    /* of values that are made up */
    u_char                    buf[NGX_MESH_METRICS_CLUSTER_LEN];
} ngx_http_mesh_access_log_line_t;


#define ngx_http_mesh_access_log_string(value, s)                             \
    (value)->type = NGX_MESH_LOG_VALUE_STRING;                                \
    (value)->string = s

#define ngx_http_mesh_access_log_plain(value, s)                              \
    (value)->type = NGX_MESH_LOG_VALUE_PLAIN;                                 \
    (value)->string = s

#define ngx_http_mesh_access_log_number(value, n)                             \
    (value)->type = NGX_MESH_LOG_VALUE_NUMBER;                                \
    (value)->number = (int64_t) (n)


/* in the log phase; writes a line if the spec has an access log */
void ngx_http_mesh_access_log(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o);

/* this proxy's side of the connection of the last attempt */

struct ngx_http_mesh_access_log_attempt_s {
    ngx_sockaddr_t            sockaddr;
    socklen_t                 socklen;
    ngx_uint_t                connected;    /* unsigned  connected:1; */
    ngx_atomic_uint_t         number;       /* nginx's, of the connection */
};


/*
 * In peer.free(), where the spec has an access log, while the connection is
 * there; ctx->connected is set.
 */
void ngx_http_mesh_access_log_attempt(ngx_http_mesh_ctx_t *ctx,
    ngx_peer_connection_t *pc);


/* --- ngx_http_mesh_access_log_value.c --- */

/* of all operators but those that ngx_http_mesh_access_log.c knows */
void ngx_http_mesh_access_log_other(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_operand_t *operand, ngx_mesh_log_value_t *value);

/* a header of an answer, by its name in lower case; NULL: it is not there */
ngx_table_elt_t *ngx_http_mesh_access_log_find(ngx_list_t *list,
    ngx_str_t *name);

/* of nginx; its value stays missing if it is not there or empty */
void ngx_http_mesh_access_log_variable(ngx_http_request_t *r,
    ngx_str_t *name, ngx_mesh_log_value_t *value);


/* --- ngx_http_mesh_access_log_peer.c --- */

void ngx_http_mesh_access_log_peer(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_operand_t *operand, ngx_mesh_log_value_t *value);


/* --- ngx_http_mesh_access_log_tls.c --- */

#if (NGX_HTTP_SSL)

/* of the client's connection, which has TLS */
void ngx_http_mesh_access_log_tls(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value);

#endif


/* --- ngx_http_mesh_access_log_result.c --- */

void ngx_http_mesh_access_log_result(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value);

/* Envoy's flags; "full": their long names */
void ngx_http_mesh_access_log_flags(ngx_http_mesh_access_log_line_t *line,
    ngx_uint_t full, ngx_mesh_log_value_t *value);


#endif /* _NGX_HTTP_MESH_ACCESS_LOG_H_INCLUDED_ */
