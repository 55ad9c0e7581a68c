
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The HTTP side of the control plane: services of operations, and what runs
 * one.  A service (App Mesh, the document API, Cloud Map) is a table of
 * operations and the way it words errors; routing, input, authentication,
 * the store and answers are the same for all.
 */


#ifndef _NGX_HTTP_MESH_CONTROL_H_INCLUDED_
#define _NGX_HTTP_MESH_CONTROL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_mesh_compat.h"
#include "ngx_mesh_error.h"
#include "ngx_mesh_json.h"
#include "ngx_mesh_keys.h"
#include "ngx_mesh_shape.h"
#include "ngx_mesh_store.h"
#include "ngx_mesh_uuid.h"
#include "ngx_mesh_view.h"


#define NGX_MESH_CONTROL_QUERY     4    /* query members of an operation */
#define NGX_MESH_CONTROL_SEGMENTS  16   /* of a URI */


typedef struct ngx_http_mesh_control_main_conf_s
    ngx_http_mesh_control_main_conf_t;
typedef struct ngx_http_mesh_control_ctx_s  ngx_http_mesh_control_ctx_t;
typedef struct ngx_mesh_service_s           ngx_mesh_service_t;


/*
 * An operation decides over ctx->input and ctx->view and returns
 *
 *     NGX_OK        ctx->output is the body of the answer, with status 200;
 *                   ctx->write, if set, is done first; if the store declines
 *                   it, the operation is run again with a new view
 *     NGX_AGAIN     from the view: run again from the beginning
 *     NGX_DECLINED  ctx->error and ctx->message are set
 *                   (ngx_http_mesh_control_error() does)
 *     NGX_DONE      it answers the request itself, now or later
 *     NGX_ERROR     no memory, or ngx_mesh_view_error() tells
 */
typedef ngx_int_t (*ngx_mesh_op_pt)(ngx_http_mesh_control_ctx_t *ctx);


typedef struct {
    const char                 *name;       /* "CreateVirtualNode" */
    ngx_uint_t                  method;     /* NGX_HTTP_GET ... */
    const char                 *uri;        /* "/v20190125/meshes/{meshName}":
                                               a member of the input each */
    const char                 *query[NGX_MESH_CONTROL_QUERY];
                                            /* its members in the query string;
                                               all others are in the body */
    const ngx_mesh_shape_t     *input;      /* a structure of all of them; NULL:
                                               no more than the names in the
                                               URI and the query, as strings */
    ngx_uint_t                  permission; /* NGX_MESH_MAY_*; 0: anybody */
    ngx_mesh_op_pt              handler;
    const void                 *data;       /* the service's own */
} ngx_mesh_op_t;


struct ngx_mesh_service_s {
    const char                 *name;       /* "appmesh": for logs */
    const char                **scopes;     /* service names in signatures */
    const ngx_mesh_op_t        *ops;        /* ends with a NULL name */

    /* the operation of a request that is not known by its URI, or NULL */
    const ngx_mesh_op_t      *(*find)(ngx_http_request_t *r);

    /* the body of an error; NULL: {"message": "..."} */
    ngx_int_t                 (*error)(ngx_http_mesh_control_ctx_t *ctx,
                                   ngx_str_t *body);

    /* NULL, or called in workers: open() after the store was opened, where an
       error is logged and not more; close() at the exit, when the store is
       closed already, and for the old cycle of a single process that reloads */
    void                      (*open)(ngx_cycle_t *cycle,
                                   ngx_http_mesh_control_main_conf_t *mcf);
    void                      (*close)(ngx_cycle_t *cycle);
};


/* the services, in the order they are asked; NULL-terminated */
extern const ngx_mesh_service_t  *ngx_mesh_services[];
extern const ngx_mesh_service_t   ngx_mesh_service_appmesh;
extern const ngx_mesh_service_t   ngx_mesh_service_document;


typedef struct {
    ngx_str_t                   name;       /* a member of ngx_mesh_quotas[] */
    ngx_uint_t                  limit;
} ngx_mesh_quota_t;


/* what App Mesh allowed without asking; ends with an empty name */
extern const ngx_mesh_quota_t  ngx_mesh_quotas[];


/* a URI of an operation, taken apart at configuration time */

typedef struct {
    ngx_str_t                   text;       /* what it is, or its name */
    unsigned                    member:1;   /* of the input: "{meshName}" */
} ngx_http_mesh_segment_t;

typedef struct {
    const ngx_mesh_service_t   *service;
    const ngx_mesh_op_t        *op;
    ngx_uint_t                  nsegments;
    ngx_http_mesh_segment_t     segments[NGX_MESH_CONTROL_SEGMENTS];
} ngx_http_mesh_route_t;


/* one for the whole nginx */

struct ngx_http_mesh_control_main_conf_s {
    ngx_mesh_store_t           *store;      /* NULL: no control plane here */
    ngx_shm_zone_t             *zone;       /* of proxies, see
                                               ngx_mesh_proxies.h */
    size_t                      zone_size;
    ngx_array_t                *keys;       /* files of keys, see
                                               ngx_http_mesh_control_auth.c */
    ngx_array_t                 routes;     /* of ngx_http_mesh_route_t */

    ngx_str_t                   file;       /* the first mesh_control_plane; */
    ngx_uint_t                  line;       /* 0: there is none */
};


typedef struct {
    ngx_flag_t                  enable;     /* mesh_control_plane is here */
    ngx_str_t                   file;       /* where, for errors */
    ngx_uint_t                  line;

    ngx_flag_t                  auth;       /* 0: "mesh_auth off" */
    ngx_str_t                   keys_path;  /* mesh_keys; empty: none */
    void                       *keys;       /* see the main conf's */

    ngx_str_t                   region;     /* of ARNs */
    ngx_str_t                   account;    /* of callers without one */
    ngx_array_t                *quotas;     /* of ngx_mesh_quota_t, or NULL */
    ngx_msec_t                  max_wait;   /* of a document watch */
} ngx_http_mesh_control_loc_conf_t;


struct ngx_http_mesh_control_ctx_s {
    ngx_http_request_t                *request;
    ngx_http_mesh_control_loc_conf_t  *conf;
    ngx_mesh_store_t                  *store;

    const ngx_mesh_service_t          *service;
    const ngx_mesh_op_t               *op;

    ngx_str_t                          body;    /* as it came */
    ngx_mesh_json_t                   *input;   /* valid by op->input: members
                                                   of URI, query and body */

    ngx_mesh_key_t                    *key;     /* who asks; NULL without
                                                   authentication */
    ngx_str_t                          account; /* of who asks */

    ngx_mesh_view_t                   *view;    /* new for each attempt */
    ngx_mesh_store_write_t            *write;   /* of ngx_mesh_view_write(), or
                                                   NULL: nothing to write */
    ngx_uint_t                         attempt; /* from 0 */
    ngx_msec_t                         declined;    /* when the first was */

    const ngx_mesh_error_t            *error;
    ngx_str_t                          message;
    ngx_str_t                          output;

    u_char                             request_id[NGX_MESH_UUID_LEN];
    void                              *data;    /* the operation's own */

    /* the rest is that of the front */

    const ngx_http_mesh_route_t       *route;   /* NULL: found otherwise */
    ngx_str_t                         *segments;    /* of the URI, decoded */
    ngx_str_t                          query;   /* as it came */
    size_t                             size;    /* allocated for the body */

    ngx_event_t                        hold;    /* no worker ends meanwhile */
    ngx_uint_t                         rounds;  /* of fetches */
    unsigned                           writing:1;   /* or written */
    unsigned                           pending:1;   /* the store works */
    unsigned                           suspended:1; /* and answers later */
    unsigned                           running:1;   /* in op->handler() */
};


/*
 * Sets the error of an operation and returns NGX_DECLINED (NGX_ERROR if
 * memory is short); the format is that of ngx_sprintf().
 */
ngx_int_t ngx_http_mesh_control_error(ngx_http_mesh_control_ctx_t *ctx,
    const ngx_mesh_error_t *error, const char *fmt, ...);

/* a string member of the input; empty if it is not there */
ngx_str_t *ngx_http_mesh_control_input(ngx_http_mesh_control_ctx_t *ctx,
    const char *name);

/*
 * Sends an answer of an operation that returned NGX_DONE and ends the request:
 * neither "ctx" nor the request may be used after it.  "chain" may be NULL,
 * "content_type" too; "length" is -1 if it is not known.  Headers may have been
 * added to r->headers_out before.  May be called from the operation or later,
 * from any event.
 */
void ngx_http_mesh_control_send(ngx_http_mesh_control_ctx_t *ctx,
    ngx_uint_t status, const char *content_type, ngx_chain_t *chain,
    off_t length);

/* the same for ctx->error and ctx->message */
void ngx_http_mesh_control_send_error(ngx_http_mesh_control_ctx_t *ctx);

/* sets ctx->error from the view's or the write's store error */
void ngx_http_mesh_control_store_error(ngx_http_mesh_control_ctx_t *ctx,
    ngx_mesh_store_error_e error);

/* NGX_OK or NGX_ERROR; "name" and the bytes of "value" are not copied */
ngx_int_t ngx_http_mesh_control_add_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);


/*
 * What the front's files have of each other.  handler() is the content handler;
 * run() runs the operation of a request whose input is valid and answers it;
 * reply() sends an answer without ending the request and returns what
 * ngx_http_finalize_request() wants; reply_error() does so with the error.
 */
ngx_int_t ngx_http_mesh_control_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_mesh_control_route(ngx_http_mesh_control_ctx_t *ctx,
    ngx_http_mesh_control_main_conf_t *mcf);
ngx_int_t ngx_http_mesh_control_read_input(ngx_http_mesh_control_ctx_t *ctx);
void ngx_http_mesh_control_run(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_http_mesh_control_reply(ngx_http_mesh_control_ctx_t *ctx,
    ngx_uint_t status, const char *content_type, ngx_chain_t *chain,
    off_t length);
ngx_int_t ngx_http_mesh_control_reply_text(ngx_http_mesh_control_ctx_t *ctx,
    ngx_uint_t status, ngx_str_t *text);
ngx_int_t ngx_http_mesh_control_reply_error(ngx_http_mesh_control_ctx_t *ctx);

/* NGX_DECLINED: it is not UTF-8 without zeros in percent-encoding */
ngx_int_t ngx_http_mesh_control_unescape(ngx_pool_t *pool, ngx_str_t *src,
    ngx_str_t *dst);


/*
 * Validates the input by op->input and words all violations as AWS does: "2
 * validation errors detected: Value '70000' at
 * 'spec.listeners.1.member.portMapping.port' failed to satisfy constraint:
 * Member must have value less than or equal to 65535; ...".  NGX_DECLINED with
 * "message" in "pool".  Members that the shape does not know are removed.
 */
ngx_int_t ngx_mesh_validate(ngx_pool_t *pool, const ngx_mesh_shape_t *shape,
    ngx_mesh_json_t *input, ngx_str_t *message);


/*
 * Authentication.  init() reads the keys at configuration time; check() finds
 * out who asks and whether the signature holds over ctx->body, sets ctx->key
 * and ctx->account, and returns NGX_OK or NGX_DECLINED with the error set;
 * allow() decides on op->permission.
 */
char *ngx_http_mesh_control_auth_init(ngx_conf_t *cf,
    ngx_http_mesh_control_loc_conf_t *lcf);
void ngx_http_mesh_control_auth_open(ngx_cycle_t *cycle);
void ngx_http_mesh_control_auth_close(void);
ngx_int_t ngx_http_mesh_control_auth_check(ngx_http_mesh_control_ctx_t *ctx);
ngx_int_t ngx_http_mesh_control_auth_allow(ngx_http_mesh_control_ctx_t *ctx);

/*
 * What can be told before a large body is taken in: NGX_DECLINED with the error
 * set if check() would refuse the request whatever its body is.
 */
ngx_int_t ngx_http_mesh_control_auth_early(ngx_http_mesh_control_ctx_t *ctx);

/*
 * Whether who asked may still do so, for requests that are held for long:
 * NGX_OK, or NGX_DECLINED with the error set if the key is gone or changed.
 */
ngx_int_t ngx_http_mesh_control_auth_again(ngx_http_mesh_control_ctx_t *ctx);


extern ngx_module_t  ngx_http_mesh_control_module;


#endif /* _NGX_HTTP_MESH_CONTROL_H_INCLUDED_ */
