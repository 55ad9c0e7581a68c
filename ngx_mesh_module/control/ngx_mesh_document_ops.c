
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The API of proxies: documents, who runs which of them, and whether the
 * control plane is ready.  docs/document-api.md describes it.
 *
 * A request that is held costs its connection, the request with its pool and
 * what is below; what it was answered from is shared or gone by then.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_control.h"
#include "ngx_mesh_appmesh.h"
#include "ngx_mesh_appmesh_shapes.h"
#include "ngx_mesh_compat.h"
#include "ngx_mesh_document_ops.h"
#include "ngx_mesh_proxies.h"
#include "ngx_mesh_watch.h"


#define NGX_MESH_DOCUMENT_BEAT      5000    /* milliseconds */
#define NGX_MESH_DOCUMENT_WAIT_MAX  86400   /* seconds; more is the same */


typedef struct {
    ngx_http_mesh_control_ctx_t  *control;
    ngx_mesh_id_t                 id;
    ngx_mesh_watch_request_t      watch;
    ngx_mesh_proxy_t              proxy;
    ngx_uint_t                    waited;   /* seconds; 0: not asked for */
    unsigned                      reported:1;
    unsigned                      held:1;
} ngx_mesh_document_ctx_t;


static void ngx_mesh_document_open(ngx_cycle_t *cycle,
    ngx_http_mesh_control_main_conf_t *mcf);
static void ngx_mesh_document_close(ngx_cycle_t *cycle);
static void ngx_mesh_document_beat(ngx_event_t *ev);
static ngx_int_t ngx_mesh_document_get(ngx_http_mesh_control_ctx_t *ctx);
static ngx_int_t ngx_mesh_document_headers(ngx_mesh_document_ctx_t *doc);
static ngx_uint_t ngx_mesh_document_wait(ngx_str_t *value);
static void ngx_mesh_document_rejected(ngx_mesh_proxy_t *proxy,
    ngx_str_t *value);
static ngx_int_t ngx_mesh_document_report(ngx_mesh_document_ctx_t *doc);
static ngx_int_t ngx_mesh_document_hold(ngx_mesh_document_ctx_t *doc);
static void ngx_mesh_document_leave(ngx_mesh_document_ctx_t *doc);
static void ngx_mesh_document_cleanup(void *data);
static void ngx_mesh_document_release(void *data);
static void ngx_mesh_document_answer(ngx_mesh_watch_request_t *request);
static void ngx_mesh_document_send(ngx_mesh_document_ctx_t *doc);
static ngx_int_t ngx_mesh_document_send_headers(ngx_mesh_document_ctx_t *doc);
static ngx_int_t ngx_mesh_document_etag(ngx_http_request_t *r, u_char *version);
static ngx_chain_t *ngx_mesh_document_body(ngx_http_request_t *r,
    ngx_mesh_scope_text_t *text);
static ngx_int_t ngx_mesh_document_ready(ngx_http_mesh_control_ctx_t *ctx);


static const ngx_mesh_kind_e  ngx_mesh_document_node =
                                                NGX_MESH_KIND_VIRTUAL_NODE;
static const ngx_mesh_kind_e  ngx_mesh_document_gateway =
                                                NGX_MESH_KIND_VIRTUAL_GATEWAY;


static const ngx_mesh_op_t  ngx_mesh_document_ops[] = {

    { "GetVirtualNodeDocument",
      NGX_HTTP_GET,
      "/mesh/v1/meshes/{meshName}/virtualNodes/{virtualNodeName}/document",
      { "meshOwner" },
      &ngx_mesh_shape_describe_virtual_node_input,
      NGX_MESH_MAY_PROXY,
      ngx_mesh_document_get,
      &ngx_mesh_document_node },

    { "GetVirtualGatewayDocument",
      NGX_HTTP_GET,
      "/mesh/v1/meshes/{meshName}/virtualGateways/{virtualGatewayName}"
      "/document",
      { "meshOwner" },
      &ngx_mesh_shape_describe_virtual_gateway_input,
      NGX_MESH_MAY_PROXY,
      ngx_mesh_document_get,
      &ngx_mesh_document_gateway },

    { "ListProxies",
      NGX_HTTP_GET,
      "/mesh/v1/meshes/{meshName}/proxies",
      { "meshOwner", "limit", "nextToken" },
      NULL,
      NGX_MESH_MAY_READ,
      ngx_mesh_document_proxies,
      NULL },

    { "Ready",
      NGX_HTTP_GET,
      "/ready",
      { NULL },
      NULL,
      0,
      ngx_mesh_document_ready,
      NULL },

    { NULL, 0, NULL, { NULL }, NULL, 0, NULL, NULL }
};


/* proxies sign for the service that they were part of */
static const char  *ngx_mesh_document_scopes[] = { "appmesh", NULL };


const ngx_mesh_service_t  ngx_mesh_service_document = {
    "document",
    ngx_mesh_document_scopes,
    ngx_mesh_document_ops,
    NULL,
    NULL,
    ngx_mesh_document_open,
    ngx_mesh_document_close
};


/* of this worker */

static struct {
    ngx_mesh_watch_t  *watch;
    ngx_shm_zone_t    *zone;
    ngx_event_t        beat;
} ngx_mesh_document;


static void
ngx_mesh_document_open(ngx_cycle_t *cycle,
    ngx_http_mesh_control_main_conf_t *mcf)
{
    void         **ident;
    ngx_event_t   *ev;

    ngx_mesh_document.watch = ngx_mesh_watch_create(mcf->store, cycle->log);
    ngx_mesh_document.zone = mcf->zone;

    ngx_mesh_proxies_open(mcf->zone);

    ev = &ngx_mesh_document.beat;

    ngx_memzero(ev, sizeof(ngx_event_t));

    /* for debug logging, which looks for a descriptor */

    ident = ngx_pcalloc(cycle->pool, 4 * sizeof(void *));
    if (ident == NULL) {
        return;
    }

    ident[3] = (void *) -1;

    ev->handler = ngx_mesh_document_beat;
    ev->data = ident;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_MESH_DOCUMENT_BEAT);
}


static void
ngx_mesh_document_close(ngx_cycle_t *cycle)
{
    if (ngx_mesh_document.beat.timer_set) {
        ngx_del_timer(&ngx_mesh_document.beat);
    }

    ngx_mesh_proxies_close(ngx_mesh_document.zone);

    if (ngx_mesh_document.watch) {
        ngx_mesh_watch_destroy(ngx_mesh_document.watch);
        ngx_mesh_document.watch = NULL;
    }
}


static void
ngx_mesh_document_beat(ngx_event_t *ev)
{
    ngx_mesh_proxies_beat(ngx_mesh_document.zone);
    ngx_add_timer(ev, NGX_MESH_DOCUMENT_BEAT);
}


static ngx_int_t
ngx_mesh_document_get(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_str_t                *owner;
    ngx_mesh_kind_e           kind;
    ngx_mesh_document_ctx_t  *doc;

    if (ngx_mesh_document.watch == NULL) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_unavailable,
                                           "not enough memory");
    }

    doc = ngx_pcalloc(ctx->request->pool, sizeof(ngx_mesh_document_ctx_t));
    if (doc == NULL) {
        return NGX_ERROR;
    }

    kind = *(const ngx_mesh_kind_e *) ctx->op->data;
    owner = ngx_http_mesh_control_input(ctx, "meshOwner");

    if (owner->len && !ngx_mesh_id_is_account(owner)) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                           "\"meshOwner\" is not the 12 "
                                           "digits of an account");
    }

    doc->control = ctx;
    doc->id.kind = &ngx_mesh_kinds[kind];
    doc->id.owner = owner->len ? *owner : ctx->account;
    doc->id.mesh = *ngx_http_mesh_control_input(ctx, "meshName");
    doc->id.name = *ngx_http_mesh_control_input(ctx, doc->id.kind->name);

    doc->watch.handler = ngx_mesh_document_answer;
    doc->watch.data = doc;

    if (ngx_mesh_document_headers(doc) != NGX_OK
        || ngx_mesh_document_report(doc) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_mesh_watch_start(ngx_mesh_document.watch, &doc->id, &doc->watch);

    if (rc == NGX_OK) {
        ngx_mesh_document_send(doc);
        return NGX_DONE;
    }

    return (rc == NGX_AGAIN) ? ngx_mesh_document_hold(doc) : NGX_ERROR;
}


static ngx_int_t
ngx_mesh_document_headers(ngx_mesh_document_ctx_t *doc)
{
    ngx_uint_t                         i, wait;
    ngx_list_part_t                   *part;
    ngx_table_elt_t                   *h;
    ngx_http_mesh_control_loc_conf_t  *conf;

    conf = doc->control->conf;
    part = &doc->control->request->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (ngx_strcasecmp(h[i].key.data, (u_char *) "If-None-Match") == 0) {
            doc->watch.known = h[i].value;

        } else if (ngx_strcasecmp(h[i].key.data, (u_char *) "Prefer") == 0) {
            wait = ngx_mesh_document_wait(&h[i].value);

            if (doc->waited == 0) {
                doc->waited = wait;
            }

        } else if (ngx_strcasecmp(h[i].key.data, (u_char *) "Mesh-Proxy-Id")
                   == 0)
        {
            doc->proxy.id = h[i].value;

        } else if (ngx_strcasecmp(h[i].key.data, (u_char *) "Mesh-Applied")
                   == 0)
        {
            doc->proxy.applied = h[i].value;

        } else if (ngx_strcasecmp(h[i].key.data, (u_char *) "Mesh-Rejected")
                   == 0)
        {
            ngx_mesh_document_rejected(&doc->proxy, &h[i].value);
        }
    }

    doc->waited = ngx_min(doc->waited, conf->max_wait / 1000);
    doc->watch.wait = doc->waited * 1000;

    return NGX_OK;
}


/* RFC 7240: "respond-async, wait=10; foo"; 0 without a wait */

static ngx_uint_t
ngx_mesh_document_wait(ngx_str_t *value)
{
    u_char     *p, *last, *end;
    ngx_int_t   n;

    p = value->data;
    last = p + value->len;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        end = ngx_strlchr(p, last, ',');
        if (end == NULL) {
            end = last;
        }

        if (end - p > 5 && ngx_strncasecmp(p, (u_char *) "wait=", 5) == 0) {

            for (p += 5, last = p; last < end; last++) {
                if (*last < '0' || *last > '9') {
                    break;
                }
            }

            if (last - p > 5) {
                return NGX_MESH_DOCUMENT_WAIT_MAX;
            }

            n = ngx_atoi(p, last - p);

            return (n == NGX_ERROR) ? 0 : n;
        }

        p = end;
    }

    return 0;
}


/* "VERSION; REASON" */

static void
ngx_mesh_document_rejected(ngx_mesh_proxy_t *proxy, ngx_str_t *value)
{
    u_char  *p, *last;

    last = value->data + value->len;

    proxy->rejected = *value;

    p = ngx_strlchr(value->data, last, ';');

    if (p == NULL) {
        return;
    }

    proxy->rejected.len = p - value->data;

    for (p++; p < last && *p == ' '; p++) { /* void */ }

    proxy->reason.data = p;
    proxy->reason.len = last - p;
}


/* who does not say its name is served, and not listed */

static ngx_int_t
ngx_mesh_document_report(ngx_mesh_document_ctx_t *doc)
{
    ngx_pool_t        *pool;
    ngx_mesh_proxy_t  *proxy;

    proxy = &doc->proxy;

    if (proxy->id.len == 0) {
        return NGX_OK;
    }

    pool = doc->control->request->pool;

    proxy->mesh.data = ngx_pnalloc(pool, doc->id.owner.len
                                         + doc->id.mesh.len + 1);
    proxy->resource.data = ngx_pnalloc(pool, doc->id.name.len + 1
                                       + ngx_strlen(doc->id.kind->segment));

    if (proxy->mesh.data == NULL || proxy->resource.data == NULL) {
        return NGX_ERROR;
    }

    proxy->mesh.len = ngx_sprintf(proxy->mesh.data, "%V/%V", &doc->id.owner,
                                  &doc->id.mesh)
                      - proxy->mesh.data;
    proxy->resource.len = ngx_sprintf(proxy->resource.data, "%s/%V",
                                      doc->id.kind->segment, &doc->id.name)
                          - proxy->resource.data;

    proxy->address = doc->control->request->connection->addr_text;

    if (ngx_mesh_proxies_report(ngx_mesh_document.zone, proxy) == NGX_OK) {
        doc->reported = 1;
    }

    return NGX_OK;
}


/* the client is watched meanwhile: its request ends when it goes away */

static ngx_int_t
ngx_mesh_document_hold(ngx_mesh_document_ctx_t *doc)
{
    ngx_http_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = doc->control->request;

    cln = ngx_http_cleanup_add(r, 0);

    if (cln == NULL || ngx_handle_read_event(r->connection->read, 0) != NGX_OK)
    {
        ngx_mesh_watch_cancel(&doc->watch);
        return NGX_ERROR;
    }

    cln->handler = ngx_mesh_document_cleanup;
    cln->data = doc;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (doc->reported) {
        ngx_mesh_proxies_enter(ngx_mesh_document.zone, doc->proxy.row);
        doc->held = 1;
    }

    return NGX_DONE;
}


static void
ngx_mesh_document_leave(ngx_mesh_document_ctx_t *doc)
{
    if (doc->held) {
        doc->held = 0;
        ngx_mesh_proxies_leave(ngx_mesh_document.zone, doc->proxy.row);
    }
}


static void
ngx_mesh_document_cleanup(void *data)
{
    ngx_mesh_document_ctx_t *doc = data;

    ngx_mesh_watch_cancel(&doc->watch);
    ngx_mesh_document_leave(doc);
}


static void
ngx_mesh_document_release(void *data)
{
    ngx_mesh_scope_release(data);
}


/* the key of who asked may be gone by now */

static void
ngx_mesh_document_answer(ngx_mesh_watch_request_t *request)
{
    ngx_int_t                     rc;
    ngx_mesh_document_ctx_t      *doc;
    ngx_http_mesh_control_ctx_t  *ctx;

    doc = request->data;
    ctx = doc->control;

    rc = ngx_http_mesh_control_auth_again(ctx);

    if (rc == NGX_OK) {
        ngx_mesh_document_send(doc);
        return;
    }

    ngx_mesh_document_leave(doc);

    if (request->result == NGX_MESH_WATCH_DOCUMENT) {
        ngx_mesh_scope_release(request->text);
    }

    if (rc == NGX_ERROR) {
        ngx_http_mesh_control_store_error(ctx, NGX_MESH_STORE_FAILED);
    }

    ngx_http_mesh_control_send_error(ctx);
}


static void
ngx_mesh_document_send(ngx_mesh_document_ctx_t *doc)
{
    ngx_chain_t                  *chain;
    ngx_mesh_watch_request_t     *watch;
    ngx_http_mesh_control_ctx_t  *ctx;

    ctx = doc->control;
    watch = &doc->watch;

    ngx_mesh_document_leave(doc);

    switch (watch->result) {

    case NGX_MESH_WATCH_DOCUMENT:

        chain = ngx_mesh_document_body(ctx->request, watch->text);

        if (chain == NULL || ngx_mesh_document_send_headers(doc) != NGX_OK) {
            break;
        }

        ngx_http_mesh_control_send(ctx, NGX_HTTP_OK, "application/json",
                                   chain, watch->text->len);
        return;

    case NGX_MESH_WATCH_UNCHANGED:

        if (ngx_mesh_document_send_headers(doc) != NGX_OK) {
            break;
        }

        ngx_http_mesh_control_send(ctx, NGX_HTTP_NOT_MODIFIED, NULL, NULL, 0);
        return;

    case NGX_MESH_WATCH_MISSING:

        (void) ngx_http_mesh_control_error(ctx, &ngx_mesh_error_not_found,
                    "%s with name %V is not present under mesh %V "
                    "for account %V",
                    doc->id.kind->title, &doc->id.name, &doc->id.mesh,
                    &doc->id.owner);
        ngx_http_mesh_control_send_error(ctx);
        return;

    case NGX_MESH_WATCH_FAILED:

        ngx_http_mesh_control_store_error(ctx, watch->error);
        ngx_http_mesh_control_send_error(ctx);
        return;
    }

    ngx_http_mesh_control_store_error(ctx, NGX_MESH_STORE_FAILED);
    ngx_http_mesh_control_send_error(ctx);
}


static ngx_int_t
ngx_mesh_document_send_headers(ngx_mesh_document_ctx_t *doc)
{
    u_char              *p;
    ngx_str_t            value, version, *store;
    ngx_http_request_t  *r;

    r = doc->control->request;

    if (doc->reported) {
        version.data = doc->watch.version;
        version.len = NGX_MESH_SCOPE_VERSION_LEN;

        ngx_mesh_proxies_offer(ngx_mesh_document.zone, &doc->proxy, &version);
    }

    store = ngx_mesh_store_id(doc->control->store);

    p = ngx_pnalloc(r->pool, store->len + 1 + NGX_INT64_LEN
                             + sizeof("wait=") + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    p = ngx_sprintf(p, "%V:%uL", store, doc->watch.revision);
    value.len = p - value.data;

    if (ngx_mesh_document_etag(r, doc->watch.version) != NGX_OK
        || ngx_http_mesh_control_add_header(r, "Mesh-Revision", &value)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "no-cache");

    if (ngx_http_mesh_control_add_header(r, "Cache-Control", &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (doc->waited == 0) {
        return NGX_OK;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "wait=%ui", doc->waited) - p;

    return ngx_http_mesh_control_add_header(r, "Preference-Applied", &value);
}


/* where nginx's filters look for it */

static ngx_int_t
ngx_mesh_document_etag(ngx_http_request_t *r, u_char *version)
{
    u_char           *p;
    ngx_table_elt_t  *h;

    p = ngx_pnalloc(r->pool, NGX_MESH_SCOPE_VERSION_LEN + 2);
    h = ngx_list_push(&r->headers_out.headers);

    if (p == NULL || h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_mesh_table_elt_end(h);
    ngx_str_set(&h->key, "ETag");
    h->value.data = p;
    h->value.len = NGX_MESH_SCOPE_VERSION_LEN + 2;

    *p++ = '"';
    p = ngx_cpymem(p, version, NGX_MESH_SCOPE_VERSION_LEN);
    *p = '"';

    r->headers_out.etag = h;

    return NGX_OK;
}


/* takes the reference over, also if it fails */

static ngx_chain_t *
ngx_mesh_document_body(ngx_http_request_t *r, ngx_mesh_scope_text_t *text)
{
    ngx_buf_t           *b;
    ngx_chain_t         *cl;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln == NULL) {
        ngx_mesh_scope_release(text);
        return NULL;
    }

    cln->handler = ngx_mesh_document_release;
    cln->data = text;

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    cl->buf = b;
    cl->next = NULL;

    return cl;
}


/* ready is who can read the store: there need not be anything in it */

static ngx_int_t
ngx_mesh_document_ready(ngx_http_mesh_control_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_mesh_store_entry_t  *entry;

    ngx_str_t  key = ngx_string("/ready");

    rc = ngx_mesh_view_get(ctx->view, &key, &entry);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR) {
        return ngx_http_mesh_control_error(ctx, &ngx_mesh_error_unavailable,
                                           "the store cannot be read");
    }

    ngx_str_set(&ctx->output, "{\"state\":\"LIVE\"}");

    return NGX_OK;
}
