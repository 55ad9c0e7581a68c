
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


/* what the operators of one line are about */

typedef struct {
    ngx_http_request_t       *request;
    ngx_http_mesh_ctx_t      *ctx;
    ngx_http_mesh_outcome_t  *outcome;
    u_char                    buf[512];     /* of values that are made up */
} ngx_http_mesh_access_log_line_t;


/* in the log phase; writes a line if the spec has an access log */
void ngx_http_mesh_access_log(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o);

/* an ngx_mesh_log_value_pt; "data" is the line */
void ngx_http_mesh_access_log_value(void *data, ngx_mesh_log_op_e op,
    ngx_str_t *name, ngx_mesh_log_value_t *value);

/* the parts of it: headers; addresses and TLS; what became of the request */
void ngx_http_mesh_access_log_header(ngx_http_request_t *r,
    ngx_mesh_log_op_e op, ngx_str_t *name, ngx_mesh_log_value_t *value);
void ngx_http_mesh_access_log_peer(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_str_t *name, ngx_mesh_log_value_t *value);
void ngx_http_mesh_access_log_result(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_op_e op, ngx_mesh_log_value_t *value);


#endif /* _NGX_HTTP_MESH_ACCESS_LOG_H_INCLUDED_ */
