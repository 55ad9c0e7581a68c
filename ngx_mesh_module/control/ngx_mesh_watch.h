
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Who waits for which document.
 *
 * A worker knows, of each document that was asked for of late, the version and
 * the keys of the store that it was made from.  A change of one of these makes
 * it be built again, in slices between other events; those who wait for it are
 * answered if its version is another one then.
 */


#ifndef _NGX_MESH_WATCH_H_INCLUDED_
#define _NGX_MESH_WATCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_scope.h"
#include "ngx_mesh_store.h"


typedef struct ngx_mesh_watch_s           ngx_mesh_watch_t;
typedef struct ngx_mesh_watch_document_s  ngx_mesh_watch_document_t;
typedef struct ngx_mesh_watch_request_s   ngx_mesh_watch_request_t;


typedef enum {
    NGX_MESH_WATCH_DOCUMENT = 0,    /* "text", another one than is known */
    NGX_MESH_WATCH_UNCHANGED,       /* what is known is what there is */
    NGX_MESH_WATCH_MISSING,         /* there is no such node or gateway */
    NGX_MESH_WATCH_FAILED           /* "error" of the store */
} ngx_mesh_watch_result_e;


/* one request for a document, of whoever makes it, zeroed */

struct ngx_mesh_watch_request_s {
    ngx_str_t                     known;    /* the value of If-None-Match, or
                                               empty; to stay in place */
    ngx_msec_t                    wait;     /* 0: answered as soon as it can */

    /* called once if start() returned NGX_AGAIN; "request" may be gone after */
    void                        (*handler)(ngx_mesh_watch_request_t *request);
    void                         *data;

    /* the answer */
    ngx_mesh_watch_result_e       result;
    ngx_mesh_store_error_e        error;
    ngx_mesh_scope_text_t        *text;     /* with a reference, the caller's */
    u_char                        version[NGX_MESH_SCOPE_VERSION_LEN];
    uint64_t                      revision; /* that this is true of */

    /* the rest is the watch's own */
    ngx_queue_t                   queue;
    ngx_mesh_watch_document_t    *document; /* NULL: answered */
    ngx_event_t                   timer;
    void                         *ident[4];
};


/* in a worker whose store is open; NULL if memory is short */
ngx_mesh_watch_t *ngx_mesh_watch_create(ngx_mesh_store_t *store,
    ngx_log_t *log);

/*
 * Gives everything back, in a worker that ends: the store calls no handler any
 * more after that, and requests have been answered or ended.
 */
void ngx_mesh_watch_destroy(ngx_mesh_watch_t *watch);

/*
 * NGX_OK: answered.  NGX_AGAIN: the handler will be called.  NGX_ERROR: memory
 * is short.  "id" is copied.
 */
ngx_int_t ngx_mesh_watch_start(ngx_mesh_watch_t *watch, ngx_mesh_id_t *id,
    ngx_mesh_watch_request_t *request);

/* the handler will not be called any more; as fine after it was */
void ngx_mesh_watch_cancel(ngx_mesh_watch_request_t *request);

/* does an If-None-Match have the version? */
ngx_uint_t ngx_mesh_watch_match(ngx_str_t *known, u_char *version,
    size_t len);


#endif /* _NGX_MESH_WATCH_H_INCLUDED_ */
