
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The source that is a control plane: the poll (ngx_mesh_agent_http.c) and the
 * making of its requests (ngx_mesh_agent_ask.c).
 */


#ifndef _NGX_MESH_AGENT_HTTP_H_INCLUDED_
#define _NGX_MESH_AGENT_HTTP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_agent_source.h"


#define NGX_MESH_AGENT_ID_LEN       256
#define NGX_MESH_AGENT_HEADERS      16


struct ngx_mesh_agent_http_s {
    void                          *ident[4];
    ngx_mesh_agent_t              *agent;

    ngx_mesh_client_t             *client;
    ngx_mesh_credentials_t        *chain;   /* NULL: requests are not signed */
    ngx_mesh_credentials_wait_t    wait;
    ngx_event_t                    poll;    /* timer: the next request */
    u_char                         id[NGX_MESH_AGENT_ID_LEN];
    size_t                         id_len;

    /* the request that runs */
    ngx_pool_t                    *pool;
    ngx_mesh_client_request_t      request;
    ngx_mesh_client_header_t       headers[NGX_MESH_AGENT_HEADERS];
    ngx_msec_t                     started;
    ngx_uint_t                     conditional;
    ngx_msec_t                     held;    /* how long it may be, ms */

    /* what came with the document that is validated */
    ngx_mesh_origin_t              origin;

    /* of the newest document, if it was refused */
    u_char                         refused_etag[NGX_MESH_SHM_ETAG_LEN];
    ngx_uint_t                     refused;

    /* another store that was told of */
    u_char                         store[NGX_MESH_SHM_STORE_LEN];

    ngx_uint_t                     failures;    /* one after the other */
    ngx_uint_t                     hurried;     /* new documents at once, too */
    ngx_uint_t                     sent_off;    /* the last wait ended early */
};


/* --- ngx_mesh_agent_ask.c --- */

/*
 * Starts the request, now or when there are credentials; ends in one of the
 * two functions below.
 */
void ngx_mesh_agent_ask(ngx_mesh_agent_http_t *h);

/* the name that this proxy has for its control plane */
void ngx_mesh_agent_identify(ngx_mesh_agent_http_t *h);

/* --- ngx_mesh_agent_http.c --- */

void ngx_mesh_agent_http_answered(ngx_mesh_client_request_t *rq);

/* nothing was asked; "reason" need not end with a NUL */
void ngx_mesh_agent_http_failed(ngx_mesh_agent_http_t *h, ngx_str_t *reason);


#endif /* _NGX_MESH_AGENT_HTTP_H_INCLUDED_ */
