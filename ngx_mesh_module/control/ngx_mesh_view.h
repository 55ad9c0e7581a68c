
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What one operation sees of the store, read as it is asked for.
 *
 * Code that decides over stored resources is written in one piece, as if they
 * all lay in memory: it asks the view, and when the view does not have the
 * answer yet it gets NGX_AGAIN and returns that.  Whoever runs the code
 * fetches what was asked for and calls it again from its beginning, until it
 * ends with something else.  Over an engine that is "sync" there is no
 * NGX_AGAIN.
 *
 * A view sees one state of the store.  It remembers what was asked for, so
 * that a transaction can require that nothing of that has changed, and a
 * document can be made again when something of it does.
 */


#ifndef _NGX_MESH_VIEW_H_INCLUDED_
#define _NGX_MESH_VIEW_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"
#include "ngx_mesh_store.h"


typedef struct ngx_mesh_view_s  ngx_mesh_view_t;

typedef void (*ngx_mesh_view_handler_pt)(ngx_mesh_view_t *view, void *data);


/* what was asked for, for those who want to know when it changes */

typedef struct {
    ngx_str_t                key;
    uint64_t                 revision;      /* of the entry, 0 without one; of
                                               the view for a prefix */
    unsigned                 prefix:1;
} ngx_mesh_view_dependency_t;


/* everything is in "pool"; a cleanup of it ends the view.  NULL: no memory */
ngx_mesh_view_t *ngx_mesh_view_create(ngx_pool_t *pool,
    ngx_mesh_store_t *store);

/* ends the view's hold on the store early; what was read stays, and nothing
   else can be read; over an engine that is "sync" before the event ends */
void ngx_mesh_view_close(ngx_mesh_view_t *view);

/*
 * NGX_OK with the entry, NGX_DECLINED if there is none, NGX_AGAIN, NGX_ERROR
 * if the store failed (ngx_mesh_view_error()) or memory is short.
 */
ngx_int_t ngx_mesh_view_get(ngx_mesh_view_t *view, ngx_str_t *key,
    ngx_mesh_store_entry_t **entry);

/*
 * Entries whose key begins with "prefix", at most "limit" (0: all) after the
 * key "after" (NULL or empty: from the first).  NGX_OK, also for none.
 */
ngx_int_t ngx_mesh_view_list(ngx_mesh_view_t *view, ngx_str_t *prefix,
    ngx_str_t *after, ngx_uint_t limit, ngx_mesh_store_item_t **item);

/* how many begin with "prefix" */
ngx_int_t ngx_mesh_view_count(ngx_mesh_view_t *view, ngx_str_t *prefix,
    ngx_uint_t *count);

/*
 * After NGX_AGAIN: reads what was asked for, then calls "handler", possibly
 * before this function returns.
 */
void ngx_mesh_view_fetch(ngx_mesh_view_t *view,
    ngx_mesh_view_handler_pt handler, void *data);

ngx_mesh_store_error_e ngx_mesh_view_error(ngx_mesh_view_t *view);

/* the revision of the state that is seen; 0 before the first answer */
uint64_t ngx_mesh_view_revision(ngx_mesh_view_t *view);

/*
 * The JSON object of an entry's value, read once for a view: the text from
 * "offset" to the end of that line.  NULL if it is none, which is logged as
 * corruption.
 */
ngx_mesh_json_t *ngx_mesh_view_json(ngx_mesh_view_t *view,
    ngx_mesh_store_entry_t *entry, size_t offset);

/* dependencies in the order they were asked for; of the view's pool */
ngx_int_t ngx_mesh_view_dependencies(ngx_mesh_view_t *view,
    ngx_mesh_view_dependency_t **dependencies, ngx_uint_t *n);

/*
 * A write, with the pool and the arrays set up and a comparison for each
 * dependency of the view: it is declined if anything that was asked for has
 * changed.  NULL: no memory.
 */
ngx_mesh_store_write_t *ngx_mesh_view_write(ngx_mesh_view_t *view);


#endif /* _NGX_MESH_VIEW_H_INCLUDED_ */
