
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Formats of access logs, in Envoy's language: text with command operators,
 * "%REQ(X-REQUEST-ID?:PATH):36%".  A format is compiled to a list of operations
 * when a model is built, so that a wrong one is told of before it is in force,
 * and run once a request.  What an operator stands for is asked of the caller;
 * missing values, lengths, escaping and times are dealt with here.  Pure
 * functions of plain data.
 */


#ifndef _NGX_MESH_LOG_FORMAT_H_INCLUDED_
#define _NGX_MESH_LOG_FORMAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_model.h"


typedef enum {
    NGX_MESH_LOG_LITERAL = 0,
    NGX_MESH_LOG_NOTHING,           /* Envoy knows it, here it has no value */

    NGX_MESH_LOG_START_TIME,        /* times, ms since 1970 */
    NGX_MESH_LOG_PEER_CERT_START,
    NGX_MESH_LOG_PEER_CERT_END,

    NGX_MESH_LOG_REQ,
    NGX_MESH_LOG_REQ_WITHOUT_QUERY,
    NGX_MESH_LOG_RESP,
    NGX_MESH_LOG_TRAILER,

    NGX_MESH_LOG_METHOD,            /* REQ() of names that begin with ":" */
    NGX_MESH_LOG_PATH,
    NGX_MESH_LOG_PATH_WITHOUT_QUERY,
    NGX_MESH_LOG_AUTHORITY,
    NGX_MESH_LOG_SCHEME,

    NGX_MESH_LOG_REQUEST_ID,        /* REQ() of headers that the caller has at
                                       hand: nothing is to be looked up */
    NGX_MESH_LOG_USER_AGENT,
    NGX_MESH_LOG_FORWARDED_FOR,

    NGX_MESH_LOG_STATUS,            /* RESP(): strings */
    NGX_MESH_LOG_SERVICE_TIME,

    NGX_MESH_LOG_PROTOCOL,
    NGX_MESH_LOG_UPSTREAM_PROTOCOL,
    NGX_MESH_LOG_RESPONSE_CODE,
    NGX_MESH_LOG_RESPONSE_CODE_DETAILS,
    NGX_MESH_LOG_RESPONSE_FLAGS,
    NGX_MESH_LOG_RESPONSE_FLAGS_LONG,
    NGX_MESH_LOG_LOCAL_REPLY_BODY,
    NGX_MESH_LOG_GRPC_STATUS,       /* "InvalidArgument" */
    NGX_MESH_LOG_GRPC_STATUS_SNAKE, /* "INVALID_ARGUMENT" */
    NGX_MESH_LOG_GRPC_STATUS_NUMBER,

    NGX_MESH_LOG_BYTES_RECEIVED,
    NGX_MESH_LOG_BYTES_SENT,
    NGX_MESH_LOG_REQUEST_HEADERS_BYTES,
    NGX_MESH_LOG_RESPONSE_HEADERS_BYTES,
    NGX_MESH_LOG_DOWNSTREAM_WIRE_RECEIVED,
    NGX_MESH_LOG_DOWNSTREAM_WIRE_SENT,
    NGX_MESH_LOG_UPSTREAM_WIRE_RECEIVED,
    NGX_MESH_LOG_UPSTREAM_WIRE_SENT,

    NGX_MESH_LOG_DURATION,
    NGX_MESH_LOG_REQUEST_DURATION,
    NGX_MESH_LOG_RESPONSE_DURATION,
    NGX_MESH_LOG_RESPONSE_TX_DURATION,

    NGX_MESH_LOG_UPSTREAM_HOST,
    NGX_MESH_LOG_UPSTREAM_ADDRESS,
    NGX_MESH_LOG_UPSTREAM_PORT,
    NGX_MESH_LOG_UPSTREAM_CLUSTER,
    NGX_MESH_LOG_UPSTREAM_ATTEMPTS,

    NGX_MESH_LOG_UPSTREAM_LOCAL,    /* noted at the end of each attempt */
    NGX_MESH_LOG_UPSTREAM_LOCAL_ADDRESS,
    NGX_MESH_LOG_UPSTREAM_LOCAL_PORT,
    NGX_MESH_LOG_UPSTREAM_CONNECTION_ID,

    NGX_MESH_LOG_REMOTE,            /* with the port */
    NGX_MESH_LOG_REMOTE_ADDRESS,
    NGX_MESH_LOG_REMOTE_PORT,
    NGX_MESH_LOG_DIRECT,
    NGX_MESH_LOG_DIRECT_ADDRESS,
    NGX_MESH_LOG_DIRECT_PORT,
    NGX_MESH_LOG_LOCAL,
    NGX_MESH_LOG_LOCAL_ADDRESS,
    NGX_MESH_LOG_LOCAL_PORT,
    NGX_MESH_LOG_CONNECTION_ID,

    NGX_MESH_LOG_TLS,               /* "text" is the variable of nginx */
    NGX_MESH_LOG_PEER_FINGERPRINT_256,
    NGX_MESH_LOG_PEER_URI_SAN,
    NGX_MESH_LOG_LOCAL_URI_SAN,
    NGX_MESH_LOG_LOCAL_SUBJECT,

    NGX_MESH_LOG_ROUTE_NAME,
    NGX_MESH_LOG_TRACE_ID,
    NGX_MESH_LOG_HOSTNAME,
    NGX_MESH_LOG_TYPE
} ngx_mesh_log_op_e;


typedef enum {
    NGX_MESH_LOG_TEXT = 0,          /* a missing value is "-" */
    NGX_MESH_LOG_STRING,            /* the same, within a JSON string */
    NGX_MESH_LOG_JSON               /* a JSON value; a missing one is null */
} ngx_mesh_log_style_e;


/* what an operator stands for */

typedef struct {
    ngx_mesh_log_op_e            op;
    ngx_str_t                    text;      /* header, time format, variable */
    ngx_uint_t                   slot;      /* of REQ: in format->names */
} ngx_mesh_log_operand_t;


typedef struct {
    ngx_str_t                    before;    /* a literal, padded to steps */
    ngx_mesh_log_operand_t       value;     /* a literal: none */
    ngx_mesh_log_operand_t       other;     /* "?alternative"; the same */
    ngx_mesh_log_style_e         style;
    size_t                       length;    /* at most, of a string */
} ngx_mesh_log_op_t;


/*
 * Headers of the request that are to be looked up are in "names", so that all
 * are found in one pass.  "mask" has the bits of their ngx_mesh_log_name_bit():
 * most of the headers of a request are told apart by it.
 */

typedef struct {
    ngx_mesh_log_op_t           *ops;
    ngx_uint_t                   nops;
    ngx_str_t                   *names;     /* in lower case */
    ngx_uint_t                   nnames;
    uint64_t                     mask;
    ngx_uint_t                   attempts;  /* unsigned:1; connections to
                                               endpoints are asked for */
} ngx_mesh_log_format_t;


#define ngx_mesh_log_is_time(op)                                              \
    ((op) >= NGX_MESH_LOG_START_TIME && (op) <= NGX_MESH_LOG_PEER_CERT_END)

#define ngx_mesh_log_is_attempt(op)                                           \
    ((op) >= NGX_MESH_LOG_UPSTREAM_LOCAL                                      \
     && (op) <= NGX_MESH_LOG_UPSTREAM_CONNECTION_ID)


/* of a name that is not empty */

#define ngx_mesh_log_name_bit(name, len)                                      \
    ((uint64_t) 1 << (((len) * 8 + (name)[(len) - 1]) & 63))


/* where the log of a proxy goes and what is in it; part of a model */

struct ngx_mesh_log_s {
    ngx_str_t                    path;      /* ends with a NUL beyond "len" */
    ngx_mesh_log_format_t        format;
};


/* Envoy's default */
extern ngx_str_t  ngx_mesh_log_format_default;


/*
 * These add to "format" and copy what they keep into "pool".  NGX_DECLINED: the
 * format is wrong, "error" says why and where (in "pool"); NGX_ERROR: memory is
 * short.  A JSON format is begun, given its members, and ended.
 */

ngx_int_t ngx_mesh_log_format_text(ngx_mesh_log_format_t *format,
    ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *error);

/* members: "n" of ngx_keyval_t; "wrong" is set to the index of the wrong one */
ngx_int_t ngx_mesh_log_format_json(ngx_mesh_log_format_t *format,
    ngx_pool_t *pool, ngx_keyval_t *members, ngx_uint_t n, ngx_uint_t *wrong,
    ngx_str_t *error);


typedef enum {
    NGX_MESH_LOG_MISSING = 0,
    NGX_MESH_LOG_VALUE_STRING,
    NGX_MESH_LOG_VALUE_PLAIN,       /* a string with nothing to escape */
    NGX_MESH_LOG_VALUE_NUMBER       /* of a time: ms since 1970 */
} ngx_mesh_log_type_e;

typedef struct {
    ngx_mesh_log_type_e          type;
    ngx_str_t                    string;
    int64_t                      number;
} ngx_mesh_log_value_t;

/*
 * Sets what the operand stands for; "value" is missing until then.  A string
 * need only stay until the next call.
 */
typedef void (*ngx_mesh_log_value_pt)(void *data,
    ngx_mesh_log_operand_t *operand, ngx_mesh_log_value_t *value);

/*
 * Writes a line from "p" on and returns its end; NULL if it is beyond
 * "last".  No value gets longer than "cut" bytes before escaping.
 */
u_char *ngx_mesh_log_format_write(ngx_mesh_log_format_t *format, u_char *p,
    u_char *last, size_t cut, ngx_mesh_log_value_pt get, void *data);

/*
 * The parts of writing that have a file of their own: a point in time by a
 * format of START_TIME (empty: the default), in UTC.  At most
 * NGX_MESH_LOG_TIME_LEN bytes; the end is returned.
 */

#define NGX_MESH_LOG_TIME_DEFAULT_LEN                                         \
    (sizeof("1970-01-01T00:00:00.000Z") - 1)
#define NGX_MESH_LOG_TIME_FORMAT_LEN  128
#define NGX_MESH_LOG_TIME_LEN         512

u_char *ngx_mesh_log_time_write(u_char *p, ngx_str_t *format, int64_t ms);

/* literals are copied in steps of so many bytes */
#define NGX_MESH_LOG_STEP             16

/* NULL if a format is right, else what is wrong with it */
const char *ngx_mesh_log_time_check(ngx_str_t *format);


#endif /* _NGX_MESH_LOG_FORMAT_H_INCLUDED_ */
