
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The beginning of a trace: what came in headers is read, it is decided whether
 * the request is traced, and the headers that go on to the upstream say so.
 *
 * That is once for a request.  A second pass through the mesh, after an
 * "error_page", would find its own headers; it goes on with the trace it has.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"
#include "ngx_mesh_random.h"


static ngx_http_mesh_trace_t *ngx_http_mesh_trace_former(
    ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_trace_create(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx, ngx_mesh_trace_conf_t *tc);
static ngx_int_t ngx_http_mesh_trace_read(ngx_http_request_t *r,
    ngx_http_mesh_headers_t *h, ngx_mesh_trace_t *trace,
    const uint64_t *random);
static ngx_int_t ngx_http_mesh_trace_w3c(ngx_http_request_t *r,
    ngx_mesh_trace_headers_t *th);
static ngx_uint_t ngx_http_mesh_trace_decide(ngx_http_request_t *r,
    ngx_mesh_trace_t *trace, ngx_mesh_trace_conf_t *tc, uint32_t random);
static ngx_int_t ngx_http_mesh_trace_write(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx, ngx_uint_t notations);
static void ngx_http_mesh_trace_single(ngx_http_request_t *r,
    ngx_http_mesh_headers_t *headers, ngx_uint_t notations);
static uint64_t ngx_http_mesh_trace_now(void);


#define ngx_http_mesh_trace_value(to, h)                                      \
    if (h) { to = (h)->value; }


static ngx_http_mesh_header_name_t  ngx_http_mesh_trace_xray_name =
    ngx_http_mesh_header_name("X-Amzn-Trace-Id", "x-amzn-trace-id");
static ngx_http_mesh_header_name_t  ngx_http_mesh_trace_w3c_name =
    ngx_http_mesh_header_name("traceparent", "traceparent");
static ngx_http_mesh_header_name_t  ngx_http_mesh_trace_b3_name =
    ngx_http_mesh_header_name("b3", "b3");

static ngx_str_t  ngx_http_mesh_trace_state_name = ngx_string("tracestate");
static ngx_str_t  ngx_http_mesh_trace_b3_names = ngx_string("x-b3-");


ngx_int_t
ngx_http_mesh_trace_start(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_mesh_trace_conf_t      *tc;
    ngx_http_mesh_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mesh_module);
    tc = mmcf->trace;

    if (r != r->main) {
        return NGX_OK;
    }

    if (r->internal) {
        ctx->trace = ngx_http_mesh_trace_former(r, ctx);

        if (ctx->trace) {
            return NGX_OK;
        }
    }

    return ngx_http_mesh_trace_create(r, ctx, tc);
}


static ngx_http_mesh_trace_t *
ngx_http_mesh_trace_former(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_mesh_ctx_t  *former;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        former = cln->data;

        if (cln->handler == ngx_http_mesh_cleanup
            && former != ctx
            && former->request == r)
        {
            return former->trace;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_mesh_trace_create(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_mesh_trace_conf_t *tc)
{
    uint64_t                random[4];
    ngx_mesh_trace_t       *trace;
    ngx_http_mesh_trace_t  *t;

    t = ngx_palloc(r->pool, sizeof(ngx_http_mesh_trace_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

    trace = &t->trace;

    ngx_mesh_random_fill(random, 4);

    if (ngx_http_mesh_trace_read(r, &ctx->headers, trace, random) != NGX_OK) {
        return NGX_ERROR;
    }

    trace->sampled = ngx_http_mesh_trace_decide(r, trace, tc,
                                                (uint32_t) (random[3] >> 32));

    t->attempts = NULL;
    t->nattempts = 0;

    if (trace->sampled && tc->attempts) {
        t->attempts = ngx_palloc(r->pool, NGX_MESH_XRAY_ATTEMPTS
                                     * sizeof(ngx_http_mesh_trace_attempt_t));
        if (t->attempts == NULL) {
            return NGX_ERROR;
        }
    }

    ctx->trace = t;

    return tc->headers ? ngx_http_mesh_trace_write(r, ctx, tc->headers)
                       : NGX_OK;
}


static ngx_int_t
ngx_http_mesh_trace_read(ngx_http_request_t *r, ngx_http_mesh_headers_t *h,
    ngx_mesh_trace_t *trace, const uint64_t *random)
{
    ngx_mesh_trace_headers_t  th;

    /* the others of B3 mean nothing without these */

    if (h->xray == NULL
        && h->traceparent == NULL
        && h->b3 == NULL
        && h->b3_trace_id == NULL
        && h->b3_sampled == NULL
        && h->b3_flags == NULL)
    {
        ngx_mesh_trace_new(trace, ngx_time(), (u_char *) random);
        return NGX_OK;
    }

    ngx_memzero(&th, sizeof(ngx_mesh_trace_headers_t));

    ngx_http_mesh_trace_value(th.xray, h->xray);
    ngx_http_mesh_trace_value(th.traceparent, h->traceparent);
    ngx_http_mesh_trace_value(th.tracestate, h->tracestate);
    ngx_http_mesh_trace_value(th.b3, h->b3);
    ngx_http_mesh_trace_value(th.b3_trace_id, h->b3_trace_id);
    ngx_http_mesh_trace_value(th.b3_span_id, h->b3_span_id);
    ngx_http_mesh_trace_value(th.b3_sampled, h->b3_sampled);
    ngx_http_mesh_trace_value(th.b3_flags, h->b3_flags);

    if (h->repeated && ngx_http_mesh_trace_w3c(r, &th) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_mesh_trace_read(trace, &th, ngx_time(), (u_char *) random);

    return NGX_OK;
}


/*
 * Trace Context: there is one traceparent, two of them are none; tracestate may
 * come in several lines, which are one list.
 */

static ngx_int_t
ngx_http_mesh_trace_w3c(ngx_http_request_t *r, ngx_mesh_trace_headers_t *th)
{
    u_char           *p, *last, list[NGX_MESH_TRACE_TRACESTATE_MAX + 1];
    size_t            len;
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = 0;
    p = list;
    last = list + sizeof(list);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_mesh_headers_is(&h[i],
                                         &ngx_http_mesh_trace_w3c_name.lowcase))
            {
                n++;
                continue;
            }

            len = h[i].value.len;

            if (len == 0
                || !ngx_http_mesh_headers_is(&h[i],
                                             &ngx_http_mesh_trace_state_name))
            {
                continue;
            }

            if ((size_t) (last - p) < len + 1) {
                /* as one that is too long in itself: it is dropped */
                p = list;
                last = list;
                continue;
            }

            if (p != list) {
                *p++ = ',';
            }

            p = ngx_cpymem(p, h[i].value.data, len);
        }
    }

    if (n > 1) {
        ngx_str_null(&th->traceparent);
    }

    th->tracestate.len = p - list;
    th->tracestate.data = ngx_pnalloc(r->pool, th->tracestate.len + 1);

    if (th->tracestate.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(th->tracestate.data, list, th->tracestate.len);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_mesh_trace_decide(ngx_http_request_t *r, ngx_mesh_trace_t *trace,
    ngx_mesh_trace_conf_t *tc, uint32_t random)
{
    ngx_mesh_sampling_request_t  rq;

    if (trace->incoming != NGX_MESH_TRACE_UNDECIDED) {
        return trace->incoming == NGX_MESH_TRACE_SAMPLED;
    }

    ngx_http_mesh_host(r, &rq.host);

    rq.method = r->method_name;
    rq.path = r->uri;

    return ngx_mesh_sampling_decide(tc->sampling, &rq, ngx_current_msec / 1000,
                                    random);
}


/* the headers of the client's are written over, so that there is one of each */

static ngx_int_t
ngx_http_mesh_trace_write(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_uint_t notations)
{
    size_t             len;
    u_char            *p;
    ngx_int_t          rc;
    ngx_str_t          value;
    ngx_mesh_trace_t  *trace;

    trace = &ctx->trace->trace;

    len = NGX_MESH_TRACE_XRAY_LEN - NGX_MESH_TRACE_LINEAGE_MAX
          + trace->lineage.len
          + NGX_MESH_TRACE_TRACEPARENT_LEN + NGX_MESH_TRACE_B3_LEN;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    if (notations & NGX_MESH_TRACE_XRAY) {
        value.data = p;
        p = ngx_mesh_trace_xray(p, trace);
        value.len = p - value.data;

        rc |= ngx_http_mesh_headers_set(r, &ctx->headers.xray,
                                        &ngx_http_mesh_trace_xray_name,
                                        &value);
    }

    if (notations & NGX_MESH_TRACE_W3C) {
        value.data = p;
        p = ngx_mesh_trace_traceparent(p, trace);
        value.len = p - value.data;

        rc |= ngx_http_mesh_headers_set(r, &ctx->headers.traceparent,
                                        &ngx_http_mesh_trace_w3c_name,
                                        &value);

        /* it is not of this trace, and must not go on with it */

        if (ctx->headers.tracestate && trace->tracestate.len == 0) {
            ngx_http_mesh_headers_drop_others(r, NULL,
                                              &ngx_http_mesh_trace_state_name);
        }
    }

    if (notations & NGX_MESH_TRACE_B3) {
        value.data = p;
        p = ngx_mesh_trace_b3(p, trace);
        value.len = p - value.data;

        rc |= ngx_http_mesh_headers_set(r, &ctx->headers.b3,
                                        &ngx_http_mesh_trace_b3_name, &value);
    }

    if (rc == NGX_OK
        && (ctx->headers.repeated || (notations & NGX_MESH_TRACE_B3)))
    {
        ngx_http_mesh_trace_single(r, &ctx->headers, notations);
    }

    return rc;
}


/* who comes next must not find another trace in a second one */

static void
ngx_http_mesh_trace_single(ngx_http_request_t *r,
    ngx_http_mesh_headers_t *headers, ngx_uint_t notations)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (notations & NGX_MESH_TRACE_XRAY) {
        ngx_http_mesh_headers_drop_others(r, headers->xray,
                                     &ngx_http_mesh_trace_xray_name.lowcase);
    }

    if (notations & NGX_MESH_TRACE_W3C) {
        ngx_http_mesh_headers_drop_others(r, headers->traceparent,
                                     &ngx_http_mesh_trace_w3c_name.lowcase);
    }

    if (!(notations & NGX_MESH_TRACE_B3)) {
        return;
    }

    ngx_http_mesh_headers_drop_others(r, headers->b3,
                                      &ngx_http_mesh_trace_b3_name.lowcase);

    /* the same in several headers */

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len > ngx_http_mesh_trace_b3_names.len
                && ngx_memcmp(h[i].lowcase_key,
                              ngx_http_mesh_trace_b3_names.data,
                              ngx_http_mesh_trace_b3_names.len)
                   == 0)
            {
                ngx_http_mesh_headers_drop(&h[i]);
            }
        }
    }
}


void
ngx_http_mesh_trace_attempt(ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_trace_t          *t;
    ngx_http_mesh_trace_attempt_t  *a;

    t = ctx->trace;

    if (t->nattempts < NGX_MESH_XRAY_ATTEMPTS) {
        a = &t->attempts[t->nattempts];

        a->start = ngx_http_mesh_trace_now();
        a->end = 0;
        a->upstream = ctx->endpoint->name;
        a->node = ctx->cluster->node->name;
        a->status = 0;
        a->failed = 0;
        a->protocol = (ctx->cluster->listener->protocol == NGX_MESH_HTTP)
                      ? NGX_MESH_SPAN_HTTP_11 : NGX_MESH_SPAN_HTTP_2;
    }

    t->nattempts++;
}


void
ngx_http_mesh_trace_attempt_end(ngx_http_mesh_ctx_t *ctx)
{
    ngx_http_mesh_trace_t          *t;
    ngx_http_mesh_trace_attempt_t  *a;

    t = ctx->trace;

    if (t->nattempts == 0 || t->nattempts > NGX_MESH_XRAY_ATTEMPTS) {
        return;
    }

    a = &t->attempts[t->nattempts - 1];

    a->end = ngx_http_mesh_trace_now();

    /*
     * Not nginx's 502 and 504, which stand for no answer; nor that of a status
     * line after which nothing came.
     */

    a->failed = ctx->failed;

    if (ctx->request->upstream && !a->failed) {
        a->status = ctx->request->upstream->headers_in.status_n;
    }
}


static uint64_t
ngx_http_mesh_trace_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000000 + (uint64_t) tp->msec * 1000;
}
