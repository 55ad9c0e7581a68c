
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The parts of the client: its requests (ngx_mesh_client.c), the addresses of
 * its server (ngx_mesh_client_resolve.c), and how it gets there
 * (ngx_mesh_client_peer.c).
 */


#ifndef _NGX_MESH_CLIENT_PEER_H_INCLUDED_
#define _NGX_MESH_CLIENT_PEER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_answer.h"
#include "ngx_mesh_client.h"


#define NGX_MESH_CLIENT_ADDRS  16


typedef struct {
    ngx_sockaddr_t             sockaddr;
    socklen_t                  socklen;
    ngx_str_t                  name;
    u_char                     text[NGX_SOCKADDR_STRLEN];
} ngx_mesh_client_addr_t;


typedef struct ngx_mesh_client_job_s  ngx_mesh_client_job_t;


struct ngx_mesh_client_s {
    void                      *ident[4];    /* for the log of timers */

    ngx_mesh_client_conf_t    *conf;
    ngx_log_t                  log;

    ngx_connection_t          *connection;  /* in use, or kept */
    ngx_mesh_client_job_t     *resolving;   /* for this request or another */
    ngx_uint_t                 naddr;
    ngx_uint_t                 naddrs;
    ngx_uint_t                 known;       /* of "addrs", for a process that
                                               leaves; 0: not resolved yet */
    ngx_mesh_client_addr_t     addrs[NGX_MESH_CLIENT_ADDRS];

    /* of the request that runs */
    ngx_mesh_client_request_t *request;     /* NULL: there is none */
    ngx_pool_t                *pool;
    ngx_mesh_answer_t         *answer;
    ngx_buf_t                 *out;
    ngx_buf_t                 *in;

    ngx_event_t                phase;       /* timer of what is done now */
    const char                *what;        /* that */
    ngx_event_t                deadline;
    ngx_event_t                ended;       /* posted */

    u_char                     reason[128]; /* OpenSSL's */

    unsigned                   awaiting:1;      /* what is resolved */
    unsigned                   connecting:1;    /* or shaking hands */
    unsigned                   sending:1;
    unsigned                   received:1;
    unsigned                   reused:1;
    unsigned                   retried:1;
    unsigned                   leaving:1;       /* names are resolved no more */
};


/* --- ngx_mesh_client_resolve.c --- */

/* ends in ngx_mesh_client_resolved(), perhaps before it returns */
void ngx_mesh_client_resolve(ngx_mesh_client_t *cl);

/* goes on with the addresses of the lookup before, likewise */
void ngx_mesh_client_known(ngx_mesh_client_t *cl);

/* a thread may be at work for a client that goes */
void ngx_mesh_client_forget(ngx_mesh_client_t *cl);

/* --- ngx_mesh_client_peer.c --- */

/* a peer that is gone without a word is noticed within half a minute */
void ngx_mesh_client_keep_watch(ngx_connection_t *c);

#if (NGX_SSL)
/* ends in ngx_mesh_client_handshaken(), perhaps before it returns */
void ngx_mesh_client_handshake(ngx_mesh_client_t *cl);
#endif

void ngx_mesh_client_close(ngx_mesh_client_t *cl);

/* --- ngx_mesh_client.c --- */

void ngx_mesh_client_resolved(ngx_mesh_client_t *cl);
void ngx_mesh_client_handshaken(ngx_mesh_client_t *cl, ngx_int_t rc);

/* sets the error of the request; "err" 0: "what" is all of it */
void ngx_mesh_client_error(ngx_mesh_client_t *cl, const char *what,
    ngx_err_t err);

/* and ends it */
void ngx_mesh_client_fail(ngx_mesh_client_t *cl, const char *what,
    ngx_err_t err);


#endif /* _NGX_MESH_CLIENT_PEER_H_INCLUDED_ */
