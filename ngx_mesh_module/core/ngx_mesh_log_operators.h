
/*
 * Copyright (C) nginx mesh contributors
 */

/* The command operators of access logs, for those that compile formats. */


#ifndef _NGX_MESH_LOG_OPERATORS_H_INCLUDED_
#define _NGX_MESH_LOG_OPERATORS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_log_format.h"


#define NGX_MESH_LOG_NO_ARGS        0x00
#define NGX_MESH_LOG_HEADER         0x01    /* (NAME?ALTERNATIVE) */
#define NGX_MESH_LOG_ARGS           0x02    /* anything, required */
#define NGX_MESH_LOG_MAY_ARGS       0x04    /* anything */
#define NGX_MESH_LOG_LENGTH         0x08    /* :LENGTH is allowed */


typedef struct {
    ngx_str_t                name;
    ngx_mesh_log_op_e        op;
    ngx_uint_t               flags;
    const char              *variable;      /* of nginx */
} ngx_mesh_log_operator_t;


/* ends with an empty name */
extern ngx_mesh_log_operator_t  ngx_mesh_log_operators[];


#endif /* _NGX_MESH_LOG_OPERATORS_H_INCLUDED_ */
