
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Documents that are watched: what the files of the watch have of each other.
 * Everything is of one worker.
 */


#ifndef _NGX_MESH_WATCH_DOCUMENT_H_INCLUDED_
#define _NGX_MESH_WATCH_DOCUMENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_depend.h"
#include "ngx_mesh_watch.h"


#define NGX_MESH_WATCH_BATCH  64    /* documents of one view */
#define NGX_MESH_WATCH_POOL   4096


struct ngx_mesh_watch_document_s {
    ngx_str_node_t               node;      /* the key of the resource */
    ngx_mesh_id_t                id;        /* points into it */

    ngx_mesh_watch_t            *watch;
    ngx_queue_t                  requests;
    ngx_queue_t                  queue;     /* to be built, or idle */

    ngx_mesh_depend_list_t       depends;
    uint64_t                     revision;  /* when last seen to be current */
    ngx_msec_t                   used;
    ngx_mesh_scope_text_t       *text;      /* only while answers are made */
    u_char                       version[NGX_MESH_SCOPE_VERSION_LEN];

    unsigned                     known:1;   /* version, or missing */
    unsigned                     missing:1;
    unsigned                     stale:1;
    unsigned                     queued:1;  /* to be built */
    unsigned                     building:1;
    unsigned                     again:1;   /* asked for while building */
    unsigned                     more:1;    /* to be answered with "text" */
    unsigned                     idle:1;
};


/* what is built now; over a store that is "sync" it ends where it began */

typedef struct {
    ngx_pool_t                  *pool;
    ngx_mesh_view_t             *view;
    ngx_mesh_watch_document_t   *documents[NGX_MESH_WATCH_BATCH];
    ngx_uint_t                   ndocuments;
    ngx_array_t                  changed;   /* of ngx_str_t: keys, since then */
    unsigned                     active:1;
    unsigned                     lost:1;    /* more than "changed" */
} ngx_mesh_watch_job_t;


struct ngx_mesh_watch_s {
    ngx_log_t                   *log;
    ngx_mesh_store_t            *store;
    ngx_mesh_depend_t           *depend;

    ngx_rbtree_t                 tree;
    ngx_rbtree_node_t            sentinel;

    ngx_queue_t                  asked;     /* to be built: somebody is new */
    ngx_queue_t                  changed;   /* to be built: it changed */
    ngx_queue_t                  failed;    /* to be built, after a while */
    ngx_queue_t                  idle;      /* oldest first */
    ngx_uint_t                   nidle;
    ngx_uint_t                   turn;

    uint64_t                     revision;  /* that we have heard of */
    uint64_t                     news;      /* that we are being told of */

    ngx_event_t                  work;      /* posted */
    ngx_event_t                  tick;      /* timer */
    void                        *ident[4];  /* of both, for debug logging */

    ngx_mesh_watch_job_t         job;
};


/* whether the request was answered */
typedef ngx_uint_t (*ngx_mesh_watch_each_pt)(ngx_mesh_watch_request_t *request,
    void *data);


/*
 * Calls "handler" for the requests of a document until "limit" of them were
 * answered (0: all); document->more tells that it was.  Meanwhile any request
 * may end, and new ones may come.
 */
void ngx_mesh_watch_each(ngx_mesh_watch_document_t *document,
    ngx_mesh_watch_each_pt handler, void *data, ngx_uint_t limit);

/* handlers: answer who can be answered; answer who has no document (its data
   is a ngx_mesh_store_error_e) */
ngx_uint_t ngx_mesh_watch_settle_one(ngx_mesh_watch_request_t *request,
    void *data);
ngx_uint_t ngx_mesh_watch_fail_one(ngx_mesh_watch_request_t *request,
    void *data);

/* among the idle, as the one used last, if nothing keeps it from there */
void ngx_mesh_watch_rest(ngx_mesh_watch_document_t *document);

/* to be built: watch->asked or watch->changed */
void ngx_mesh_watch_enqueue(ngx_mesh_watch_document_t *document,
    ngx_queue_t *queue);

/* handler of the store, and of watch->work */
void ngx_mesh_watch_changes(void *data, ngx_str_t *keys, ngx_uint_t nkeys,
    uint64_t revision);
void ngx_mesh_watch_work(ngx_event_t *ev);


#endif /* _NGX_MESH_WATCH_DOCUMENT_H_INCLUDED_ */
