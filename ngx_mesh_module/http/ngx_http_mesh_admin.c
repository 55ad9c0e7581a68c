
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The admin endpoints, with the names and formats that users of Envoy know.
 *
 * A page is written by its "fill" function into one buffer, again and again
 * until it is complete, as fast as the client reads: a dump of a hundred
 * thousand endpoints needs no more memory than a small one and does not hold
 * the event loop.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_admin.h"


#define NGX_HTTP_MESH_ADMIN_BUFFER  32768

/* what one call of a fill function may leave unused */
#define NGX_HTTP_MESH_ADMIN_ROOM    4096

/* what is written before other events get their turn */
#define NGX_HTTP_MESH_ADMIN_TURN    (8 * NGX_HTTP_MESH_ADMIN_BUFFER)


typedef struct {
    ngx_str_t                    path;
    ngx_http_mesh_admin_fill_pt  fill;
    const char                  *type;
    ngx_uint_t                   post;      /* unsigned  post:1; */
    ngx_str_t                    help;
    ngx_http_mesh_admin_init_pt  init;      /* or NULL */
} ngx_http_mesh_admin_page_t;


static ngx_http_mesh_admin_page_t *ngx_http_mesh_admin_find(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_mesh_admin_start(ngx_http_request_t *r,
    ngx_http_mesh_admin_page_t *page);
static void ngx_http_mesh_admin_cleanup(void *data);
static ngx_int_t ngx_http_mesh_admin_write(ngx_http_request_t *r,
    ngx_http_mesh_admin_t *a);
static ngx_int_t ngx_http_mesh_admin_wait(ngx_http_request_t *r);
static void ngx_http_mesh_admin_write_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_mesh_admin_help(ngx_http_mesh_admin_t *a);
static ngx_int_t ngx_http_mesh_admin_ready(ngx_http_mesh_admin_t *a);
static ngx_int_t ngx_http_mesh_admin_listeners(ngx_http_mesh_admin_t *a);
static ngx_int_t ngx_http_mesh_admin_drain(ngx_http_mesh_admin_t *a);


static ngx_http_mesh_admin_page_t  ngx_http_mesh_admin_pages[] = {

    { ngx_string("/clusters"), ngx_http_mesh_admin_clusters, "text/plain", 0,
      ngx_string("targets, their endpoints and counts"), NULL },

    { ngx_string("/config_dump"), ngx_http_mesh_admin_config_dump,
      "application/json", 0, ngx_string("the mesh document in force"), NULL },

    { ngx_string("/drain_listeners"), ngx_http_mesh_admin_drain, "text/plain",
      1, ngx_string("POST: tells clients to go, before a stop"), NULL },

    { ngx_string("/listeners"), ngx_http_mesh_admin_listeners, "text/plain", 0,
      ngx_string("addresses with mesh_pass"), NULL },

    { ngx_string("/ready"), ngx_http_mesh_admin_ready, "text/plain", 0,
      ngx_string("200 while a document is in force and nothing drains, "
                 "else 503"), NULL },

    { ngx_string("/server_info"), ngx_http_mesh_admin_server_info,
      "application/json", 0, ngx_string("state, versions, configuration"),
      NULL },

    { ngx_string("/stats"), NULL, "text/plain", 0,
      ngx_string("statistics; ?usedonly, ?filter=REGEX, "
                 "?format=text|json|prometheus"),
      ngx_http_mesh_admin_stats },

    { ngx_string("/stats/prometheus"), NULL, "text/plain", 0,
      ngx_string("statistics for Prometheus"),
      ngx_http_mesh_admin_prometheus },

    { ngx_string("/"), ngx_http_mesh_admin_help, "text/plain", 0,
      ngx_string("this list"), NULL },

    { ngx_null_string, NULL, NULL, 0, ngx_null_string, NULL }
};


ngx_int_t
ngx_http_mesh_admin_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_mesh_admin_page_t  *page;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_POST))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    page = ngx_http_mesh_admin_find(r);

    if (page == NULL) {
        return NGX_HTTP_NOT_FOUND;
    }

    if ((r->method == NGX_HTTP_POST) != page->post) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    return ngx_http_mesh_admin_start(r, page);
}


/* pages are named below the location that mesh_admin is in */

static ngx_http_mesh_admin_page_t *
ngx_http_mesh_admin_find(ngx_http_request_t *r)
{
    ngx_str_t                    path;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_mesh_admin_page_t  *page;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    path = r->uri;

    if (clcf->name.len
        && path.len >= clcf->name.len
        && ngx_strncmp(path.data, clcf->name.data, clcf->name.len) == 0)
    {
        path.data += clcf->name.len;
        path.len -= clcf->name.len;
    }

    /* "location /" and "location /mesh/" end in the slash that pages have */

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        path.data--;
        path.len++;
    }

    for (page = ngx_http_mesh_admin_pages; page->path.len; page++) {
        if (page->path.len == path.len
            && ngx_strncmp(page->path.data, path.data, path.len) == 0)
        {
            return page;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_mesh_admin_start(ngx_http_request_t *r,
    ngx_http_mesh_admin_page_t *page)
{
    ngx_int_t               rc;
    ngx_pool_cleanup_t     *cln;
    ngx_http_mesh_admin_t  *a;

    a = ngx_pcalloc(r->pool, sizeof(ngx_http_mesh_admin_t));
    if (a == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    a->request = r;
    a->fill = page->fill;
    a->conf = ngx_mesh_get_conf((ngx_cycle_t *) ngx_cycle);

    if (a->conf == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    a->snapshot = ngx_mesh_snapshot_current();

    if (a->snapshot) {
        cln = ngx_pool_cleanup_add(r->pool, 0);
        if (cln == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cln->handler = ngx_http_mesh_admin_cleanup;
        cln->data = a->snapshot;

        ngx_mesh_snapshot_hold(a->snapshot);
    }

    a->buf = ngx_create_temp_buf(r->pool, NGX_HTTP_MESH_ADMIN_BUFFER);
    if (a->buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    a->type = page->type;
    a->status = NGX_HTTP_OK;

    if (page->init && page->init(a) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* the slot of ngx_http_mesh_module is for proxied requests */
    ngx_http_set_ctx(r, a, ngx_http_mesh_filter_module);

    r->headers_out.status = a->status;
    r->headers_out.content_type.data = (u_char *) a->type;
    r->headers_out.content_type.len = ngx_strlen(a->type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (page->post) {
        ngx_http_mesh_drain(a->conf->shm, r->connection->log);
    }

    if (page->fill == ngx_http_mesh_admin_ready
        && (a->snapshot == NULL || ngx_http_mesh_admin_draining(a)))
    {
        r->headers_out.status = NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    rc = ngx_http_mesh_admin_write(r, a);

    if (rc != NGX_AGAIN) {
        return rc;
    }

    /* ngx_http_finalize_request() is called when the page is complete */

    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_mesh_admin_cleanup(void *data)
{
    ngx_mesh_snapshot_release(data);
}


/*
 * NGX_AGAIN: the write handler goes on; anything else is for
 * ngx_http_finalize_request().
 */

static ngx_int_t
ngx_http_mesh_admin_write(ngx_http_request_t *r, ngx_http_mesh_admin_t *a)
{
    size_t       sent;
    ngx_int_t    rc;
    ngx_chain_t  out, *cl;

    for (sent = 0; sent < NGX_HTTP_MESH_ADMIN_TURN; /* void */) {

        a->buf->pos = a->buf->start;
        a->buf->last = a->buf->start;
        a->tail = NULL;
        a->pause = 0;

        do {
            rc = a->fill(a);

            if (rc == NGX_ERROR) {
                return NGX_ERROR;
            }

            a->done = (rc == NGX_OK);

        } while (!a->done && !a->pause
                 && a->buf->end - a->buf->last > NGX_HTTP_MESH_ADMIN_ROOM);

        sent += ngx_buf_size(a->buf);

        /* a page may be empty, or end where the buffer before was full */
        a->buf->temporary = (a->buf->last != a->buf->pos);
        a->buf->sync = !a->buf->temporary;

        out.buf = a->buf;
        out.next = a->tail;

        if (a->done) {
            for (cl = &out; cl->next; cl = cl->next) { /* void */ }

            cl->buf->last_buf = (r == r->main);
            cl->buf->last_in_chain = 1;

        } else {
            a->buf->flush = 1;
        }

        rc = ngx_http_output_filter(r, &out);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (a->done) {
            /* what is buffered goes out in ngx_http_finalize_request() */
            return NGX_OK;
        }

        if (rc == NGX_AGAIN || r->buffered || r->connection->buffered) {
            return ngx_http_mesh_admin_wait(r);
        }

        if (a->pause) {
            break;
        }
    }

    ngx_post_event(r->connection->write, &ngx_posted_next_events);
    r->write_event_handler = ngx_http_mesh_admin_write_handler;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_mesh_admin_wait(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_mesh_admin_write_handler;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_http_mesh_admin_write_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_event_t            *wev;
    ngx_http_mesh_admin_t  *a;

    wev = r->connection->write;
    a = ngx_http_get_module_ctx(r, ngx_http_mesh_filter_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    rc = ngx_http_output_filter(r, NULL);

    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (rc == NGX_AGAIN || r->buffered || r->connection->buffered) {
        rc = ngx_http_mesh_admin_wait(r);

    } else {

        /* "limit_rate" may have set a timer of its own just now */

        if (wev->timer_set && !wev->delayed) {
            ngx_del_timer(wev);
        }

        rc = ngx_http_mesh_admin_write(r, a);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }
}


void
ngx_http_mesh_admin_print(ngx_http_mesh_admin_t *a, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    a->buf->last = ngx_vslprintf(a->buf->last, a->buf->end, fmt, args);
    va_end(args);
}


static ngx_int_t
ngx_http_mesh_admin_help(ngx_http_mesh_admin_t *a)
{
    ngx_http_mesh_admin_page_t  *page;

    for (page = ngx_http_mesh_admin_pages; page->path.len; page++) {
        ngx_http_mesh_admin_print(a, "%V: %V\n", &page->path, &page->help);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mesh_admin_ready(ngx_http_mesh_admin_t *a)
{
    ngx_http_mesh_admin_print(a, "%s\n", ngx_http_mesh_admin_state(a));

    return NGX_OK;
}


ngx_uint_t
ngx_http_mesh_admin_draining(ngx_http_mesh_admin_t *a)
{
    return ngx_exiting || ngx_mesh_shm_draining(a->conf->shm);
}


/* the names are Envoy's */

const char *
ngx_http_mesh_admin_state(ngx_http_mesh_admin_t *a)
{
    if (ngx_http_mesh_admin_draining(a)) {
        return "DRAINING";
    }

    return a->snapshot ? "LIVE" : "INITIALIZING";
}


static ngx_int_t
ngx_http_mesh_admin_drain(ngx_http_mesh_admin_t *a)
{
    ngx_http_mesh_admin_print(a, "OK\n");

    return NGX_OK;
}


static ngx_int_t
ngx_http_mesh_admin_listeners(ngx_http_mesh_admin_t *a)
{
    u_char                     *p;
    ngx_str_t                  *addr, host;
    ngx_uint_t                  i;
    ngx_http_mesh_listener_t   *listener;
    ngx_http_mesh_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(a->request, ngx_http_mesh_module);

    listener = mmcf->listeners.elts;

    for (i = 0; i < mmcf->listeners.nelts; i++) {
        addr = &listener[i].addr;

        for (p = addr->data + addr->len; p > addr->data; p--) {
            if (*p == ':') {
                break;
            }
        }

        host.data = addr->data;
        host.len = p - addr->data;

        ngx_http_mesh_admin_print(a, "lds_%s_%V_%*s::%V\n",
                                  listener[i].direction == NGX_HTTP_MESH_EGRESS
                                  ? "egress" : "ingress",
                                  &host, (size_t) (addr->len - host.len - 1),
                                  p + 1, addr);
    }

    return NGX_OK;
}
