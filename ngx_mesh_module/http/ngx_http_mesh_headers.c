
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Headers that Envoy adds or takes away ("envoy_headers", "server_header"):
 *
 *     x-request-id                      to the upstream, if there is none
 *     x-envoy-expected-rq-timeout-ms    to the upstream
 *     x-envoy-upstream-service-time     to the client
 *     server                            to the client, if wanted
 *
 * Those by which a client could command an Envoy are not passed on: nothing of
 * the mesh obeys them, and what is behind might.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh.h"


static ngx_int_t ngx_http_mesh_headers_request_id(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_headers_timeout(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx);
static ngx_int_t ngx_http_mesh_headers_server(ngx_http_request_t *r);
static ngx_int_t ngx_http_mesh_headers_time(ngx_http_request_t *r,
    ngx_str_t *value);


static ngx_http_mesh_header_name_t  ngx_http_mesh_headers_id =
    ngx_http_mesh_header_name("x-request-id", "x-request-id");


void
ngx_http_mesh_headers_envoy(ngx_table_elt_t *h,
    ngx_http_mesh_headers_t *headers)
{
    ngx_str_t   name;
    ngx_uint_t  i;

    static ngx_str_t  names[] = {
        ngx_string("decorator-operation"),
        ngx_string("force-trace"),
        ngx_string("hedge-on-per-try-timeout"),
        ngx_string("max-retries"),
        ngx_string("retriable-header-names"),
        ngx_string("retriable-status-codes"),
        ngx_string("retry-grpc-on"),
        ngx_string("retry-on"),
        ngx_string("upstream-alt-stat-name"),
        ngx_string("upstream-rq-per-try-timeout-ms"),
        ngx_string("upstream-rq-timeout-alt-response"),
        ngx_string("upstream-rq-timeout-ms"),
        ngx_string("upstream-stream-duration-ms"),
        ngx_null_string
    };

    name.data = h->lowcase_key + sizeof("x-envoy-") - 1;
    name.len = h->key.len - (sizeof("x-envoy-") - 1);

    if (name.len == sizeof("expected-rq-timeout-ms") - 1
        && ngx_memcmp(name.data, "expected-rq-timeout-ms", name.len) == 0)
    {
        if (headers->expected_timeout) {
            ngx_http_mesh_headers_drop(h);
            return;
        }

        headers->expected_timeout = h;
        return;
    }

    for (i = 0; names[i].len; i++) {
        if (name.len == names[i].len
            && ngx_memcmp(name.data, names[i].data, name.len) == 0)
        {
            ngx_http_mesh_headers_drop(h);
            return;
        }
    }
}


/*
 * An element of the list cannot be taken out.  Keep-Alive is a header of one
 * connection, which nginx's modules never pass on.
 */

void
ngx_http_mesh_headers_drop(ngx_table_elt_t *h)
{
    ngx_str_set(&h->key, "Keep-Alive");
    h->lowcase_key = (u_char *) "keep-alive";
    h->hash = ngx_hash_key(h->lowcase_key, h->key.len);
}


void
ngx_http_mesh_headers_drop_others(ngx_http_request_t *r,
    ngx_table_elt_t *keep, ngx_str_t *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (&h[i] != keep && ngx_http_mesh_headers_is(&h[i], name)) {
                ngx_http_mesh_headers_drop(&h[i]);
            }
        }
    }
}


ngx_int_t
ngx_http_mesh_headers_forward(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    if (!ctx->headers.conf->envoy_headers || r != r->main) {
        return NGX_OK;
    }

    if ((ctx->headers.request_id == NULL
         || ctx->headers.request_id->value.len == 0)
        && ngx_http_mesh_headers_request_id(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the application and the traces have to have the same */

    if (ctx->headers.repeated) {
        ngx_http_mesh_headers_drop_others(r, ctx->headers.request_id,
                                          &ngx_http_mesh_headers_id.lowcase);
    }

    return ngx_http_mesh_headers_timeout(r, ctx);
}


static ngx_int_t
ngx_http_mesh_headers_request_id(ngx_http_request_t *r,
    ngx_http_mesh_ctx_t *ctx)
{
    ngx_str_t  value;

    value.len = NGX_MESH_UUID_TEXT_LEN;
    value.data = ctx->headers.id;

    (void) ngx_mesh_random_uuid(value.data);

    return ngx_http_mesh_headers_set(r, &ctx->headers.request_id,
                                     &ngx_http_mesh_headers_id, &value);
}


/* what is left for one attempt, if attempts have a limit of their own */

static ngx_int_t
ngx_http_mesh_headers_timeout(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_str_t   value;
    ngx_msec_t  ms, per_try;

    static size_t                       len;
    static u_char                       text[NGX_MESH_TEXT_NUMBER_LEN];
    static ngx_msec_t                   last;
    static ngx_http_mesh_header_name_t  name =
        ngx_http_mesh_header_name("x-envoy-expected-rq-timeout-ms",
                                  "x-envoy-expected-rq-timeout-ms");

    ms = ctx->attempt.limits.ms[NGX_MESH_LIMIT_REQUEST];
    per_try = ctx->attempt.policy->per_retry_timeout.ms;

    if (per_try && (ms == 0 || per_try < ms)) {
        ms = per_try;
    }

    if (ms == 0) {

        if (ctx->headers.expected_timeout) {
            ngx_http_mesh_headers_drop(ctx->headers.expected_timeout);
        }

        return NGX_OK;
    }

    /* most requests have the same */

    if (ms != last || len == 0) {
        len = ngx_mesh_text_number(text, ms) - text;
        last = ms;
    }

    value.len = len;
    value.data = ctx->headers.timeout;
    ngx_memcpy(value.data, text, sizeof(text));

    return ngx_http_mesh_headers_set(r, &ctx->headers.expected_timeout, &name,
                                     &value);
}


ngx_int_t
ngx_http_mesh_headers_set(ngx_http_request_t *r, ngx_table_elt_t **h,
    ngx_http_mesh_header_name_t *name, ngx_str_t *value)
{
    ngx_table_elt_t  *elt;

    if (*h) {
        (*h)->value = *value;
        return NGX_OK;
    }

    if (name->hash == 0) {
        name->hash = ngx_hash_key(name->lowcase.data, name->lowcase.len);
    }

    elt = ngx_list_push(&r->headers_in.headers);
    if (elt == NULL) {
        return NGX_ERROR;
    }

    elt->hash = name->hash;
    elt->key = name->name;
    elt->lowcase_key = name->lowcase.data;
    elt->value = *value;
    ngx_mesh_table_elt_end(elt);

    *h = elt;

    return NGX_OK;
}


/*
 * Envoy: from the end of the request to the header of the answer, if that is
 * the order.  What comes from a cache took nobody any time.
 */

ngx_int_t
ngx_http_mesh_headers_answer(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx)
{
    ngx_str_t               value;
    ngx_msec_t              ms;
    ngx_http_mesh_try_t    *t;
    ngx_mesh_trace_conf_t  *conf;

    conf = ctx->headers.conf;

    if (conf->server_header && ngx_http_mesh_headers_server(r) != NGX_OK) {
        return NGX_ERROR;
    }

    t = &ctx->attempt;

    if (r->upstream == NULL
        || r->err_status
        || ctx->attempts == 0
        || t->reading
        || r->upstream->headers_in.status_n == 0)
    {
        return NGX_OK;
    }

#if (NGX_HTTP_CACHE)

    if (r->cached) {
        return NGX_OK;
    }

#endif

    ms = ngx_current_msec - t->limits.start[NGX_MESH_LIMIT_REQUEST];

    value.data = ctx->headers.time;
    value.len = ngx_mesh_text_number(value.data, ms) - value.data;

    ctx->headers.time_len = value.len;

    if (!conf->envoy_headers) {
        return NGX_OK;
    }

    return ngx_http_mesh_headers_time(r, &value);
}


static ngx_int_t
ngx_http_mesh_headers_server(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    static ngx_str_t  value = ngx_string("envoy");

    h = r->headers_out.server;

    if (h == NULL) {
        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        r->headers_out.server = h;
        ngx_str_set(&h->key, "server");
        h->lowcase_key = h->key.data;
        ngx_mesh_table_elt_end(h);
    }

    h->hash = 1;
    h->value = value;

    return NGX_OK;
}


/* the proxy before has put its own there */

static ngx_int_t
ngx_http_mesh_headers_time(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("x-envoy-upstream-service-time");

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name.len
                && ngx_strncasecmp(h[i].key.data, name.data, name.len) == 0)
            {
                h[i].value = *value;
                return NGX_OK;
            }
        }
    }

    return ngx_http_mesh_add_header(r, &name, value);
}
