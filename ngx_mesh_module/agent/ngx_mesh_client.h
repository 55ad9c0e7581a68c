
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * An HTTP/1.1 client inside of a worker: one server, one request at a time,
 * one connection that is kept between them.  Nothing here blocks, and nothing
 * holds a worker that was told to quit: all timers are cancelable, connections
 * count as idle.
 */


#ifndef _NGX_MESH_CLIENT_H_INCLUDED_
#define _NGX_MESH_CLIENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_file.h"
#include "ngx_mesh_url.h"


#define NGX_MESH_CLIENT_ERROR_LEN   256
#define NGX_MESH_CLIENT_HEADER_LEN  16384   /* of an answer, all lines */


typedef struct ngx_mesh_client_s          ngx_mesh_client_t;
typedef struct ngx_mesh_client_request_s  ngx_mesh_client_request_t;


typedef struct {
    ngx_str_t                name;
    ngx_str_t                value;
} ngx_mesh_client_header_t;


/* all of it has to stay in place as long as the client */

typedef struct {
    ngx_mesh_url_t          *url;       /* the path is not used */
#if (NGX_SSL)
    ngx_ssl_t               *ssl;       /* with url->tls: what is trusted, and
                                           the own certificate */
#endif
    ngx_str_t                server_name;  /* to be verified, and for SNI; with
                                              a NUL behind; empty: url->host */
    ngx_msec_t               timeout;   /* to resolve, to connect, to shake
                                           hands, between writes, reads */
    ngx_log_t               *log;
} ngx_mesh_client_conf_t;


/*
 * Called once for each request, from the event loop, never from inside of a
 * function below; not at all if the request was cancelled.  "rq" is a copy of
 * the caller's request, with the answer, and gone when it returns; it may start
 * the next request, destroy the client, and free what the request was in.
 */
typedef void (*ngx_mesh_client_handler_pt)(ngx_mesh_client_request_t *rq);


struct ngx_mesh_client_request_s {
    /* set by the caller, in place until the handler is called */
    ngx_str_t                  method;
    ngx_str_t                  uri;         /* "/..." with the query string,
                                               escaped */
    ngx_mesh_client_header_t  *headers;     /* Host, Content-Length and
                                               Connection are added */
    ngx_uint_t                 nheaders;
    ngx_str_t                  body;        /* or empty */
    size_t                     max_body;    /* of the answer, bytes */
    ngx_msec_t                 wait;        /* more than "timeout" that the
                                               first byte may take */
    ngx_msec_t                 deadline;    /* for the whole, from the start */
    ngx_mesh_client_handler_pt handler;
    void                      *data;

    /*
     * The answer, for the handler, valid until it returns.  NGX_OK: complete,
     * with any status but of a redirect.  NGX_ERROR: "error" tells why.
     */
    ngx_int_t                  rc;
    ngx_uint_t                 status;
    ngx_mesh_client_header_t  *answer;      /* headers */
    ngx_uint_t                 nanswer;
    ngx_str_t                  text;        /* the body, without a NUL; the
                                               handler may take it (setting
                                               it to NULL) to ngx_free() it */
    u_char                     digest[NGX_MESH_DIGEST_LEN]; /* of "text" */
    u_char                     error[NGX_MESH_CLIENT_ERROR_LEN];
    ngx_str_t                  address;     /* of the server, or empty */
};


/* a client of this worker; NULL if memory is short */
ngx_mesh_client_t *ngx_mesh_client_create(ngx_mesh_client_conf_t *conf);

/* starts a request; there must be none running */
void ngx_mesh_client_start(ngx_mesh_client_t *cl,
    ngx_mesh_client_request_t *rq);

/* ends the request that runs, if there is one, without a call of its handler */
void ngx_mesh_client_cancel(ngx_mesh_client_t *cl);

/*
 * For exit_process, where there is no event loop any more, and the reload of a
 * single process: after leave() names are not resolved again, a lookup that is
 * under way is given up for what the one before found, and finish() goes on
 * with the request that runs, and with those its handler starts, until "end" of
 * ngx_current_msec at most.  It waits, and may return while a request runs.
 */
void ngx_mesh_client_leave(ngx_mesh_client_t *cl);
void ngx_mesh_client_finish(ngx_mesh_client_t *cl, ngx_msec_t end);

/* cancels, and closes the connection; for exit_process, too */
void ngx_mesh_client_destroy(ngx_mesh_client_t *cl);

/* a header of the answer, by its name in any case; NULL: there is none */
ngx_str_t *ngx_mesh_client_answer(ngx_mesh_client_request_t *rq,
    const char *name);


#endif /* _NGX_MESH_CLIENT_H_INCLUDED_ */
