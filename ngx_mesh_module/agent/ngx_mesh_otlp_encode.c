
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The writing of spans.  Names and numbers of fields are those of
 * opentelemetry/proto/trace/v1/trace.proto; attributes are those of
 * OpenTelemetry's semantic conventions for HTTP, and where these have nothing,
 * the ones that Envoy has.
 *
 * Query strings are left out: they are where secrets are found.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_otlp_encode.h"
#include "ngx_mesh_otlp_wire.h"


/* fields of the messages above a span */

#define NGX_MESH_OTLP_RESOURCE_SPANS   1    /* ExportTraceServiceRequest */
#define NGX_MESH_OTLP_RESOURCE         1    /* ResourceSpans */
#define NGX_MESH_OTLP_SCOPE_SPANS      2
#define NGX_MESH_OTLP_RESOURCE_ATTR    1    /* Resource */
#define NGX_MESH_OTLP_SCOPE            1    /* ScopeSpans */
#define NGX_MESH_OTLP_SPANS            2
#define NGX_MESH_OTLP_SCOPE_NAME       1    /* InstrumentationScope */
#define NGX_MESH_OTLP_SCOPE_VERSION    2

/* of Span */

#define NGX_MESH_OTLP_TRACE_ID         1
#define NGX_MESH_OTLP_SPAN_ID          2
#define NGX_MESH_OTLP_TRACE_STATE      3
#define NGX_MESH_OTLP_PARENT_ID        4
#define NGX_MESH_OTLP_NAME             5
#define NGX_MESH_OTLP_KIND             6
#define NGX_MESH_OTLP_START            7
#define NGX_MESH_OTLP_END              8
#define NGX_MESH_OTLP_SPAN_ATTR        9
#define NGX_MESH_OTLP_STATUS           15
#define NGX_MESH_OTLP_FLAGS            16

#define NGX_MESH_OTLP_STATUS_CODE      3    /* Status */
#define NGX_MESH_OTLP_STATUS_ERROR     2

#define NGX_MESH_OTLP_KIND_SERVER      2
#define NGX_MESH_OTLP_KIND_CLIENT      3

/* of Span.flags, the lower byte of which is that of traceparent */

#define NGX_MESH_OTLP_FLAG_SAMPLED     0x001
#define NGX_MESH_OTLP_FLAG_KNOWN       0x100    /* the next bit has a meaning */
#define NGX_MESH_OTLP_FLAG_REMOTE      0x200    /* the parent is of another */

/* of KeyValue, AnyValue, ArrayValue */

#define NGX_MESH_OTLP_KEY              1
#define NGX_MESH_OTLP_VALUE            2
#define NGX_MESH_OTLP_STRING           1
#define NGX_MESH_OTLP_INT              3
#define NGX_MESH_OTLP_ARRAY            5
#define NGX_MESH_OTLP_ELEMENT          1

/* of ExportTraceServiceResponse, ExportTracePartialSuccess */

#define NGX_MESH_OTLP_PARTIAL          1
#define NGX_MESH_OTLP_REJECTED         1
#define NGX_MESH_OTLP_MESSAGE          2

/* bytes that are kept of a string */

#define NGX_MESH_OTLP_SHORT            64
#define NGX_MESH_OTLP_MEDIUM           256
#define NGX_MESH_OTLP_LONG             1024


static void ngx_mesh_otlp_attr(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    const char *key, ngx_str_t *value, size_t max);
static void ngx_mesh_otlp_attr_int(ngx_mesh_otlp_wire_t *w,
    ngx_uint_t field, const char *key, int64_t value);
static void ngx_mesh_otlp_attr_list(ngx_mesh_otlp_wire_t *w,
    ngx_uint_t field, const char *key, ngx_str_t *value, size_t max);
static void ngx_mesh_otlp_attr_key(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    const char *key, u_char *end);
static void ngx_mesh_otlp_name(ngx_mesh_otlp_wire_t *w,
    ngx_mesh_span_t *span, ngx_str_t *method);
static void ngx_mesh_otlp_attrs(ngx_mesh_otlp_wire_t *w,
    ngx_mesh_span_t *span, ngx_str_t *method);
static void ngx_mesh_otlp_attrs_target(ngx_mesh_otlp_wire_t *w,
    ngx_mesh_span_t *span);
static void ngx_mesh_otlp_attrs_result(ngx_mesh_otlp_wire_t *w,
    ngx_mesh_span_t *span);
static void ngx_mesh_otlp_attrs_mesh(ngx_mesh_otlp_wire_t *w,
    ngx_mesh_span_t *span);
static void ngx_mesh_otlp_url(ngx_mesh_otlp_wire_t *w,
    ngx_mesh_span_t *span);
static ngx_uint_t ngx_mesh_otlp_split(ngx_str_t *address, ngx_str_t *host,
    ngx_int_t *port);
static ngx_uint_t ngx_mesh_otlp_failed(ngx_mesh_span_t *span);
static ngx_str_t *ngx_mesh_otlp_method(ngx_str_t *method);


/* semantic conventions: what is not one of them may be anything */

static ngx_str_t  ngx_mesh_otlp_methods[] = {
    ngx_string("GET"),
    ngx_string("POST"),
    ngx_string("PUT"),
    ngx_string("DELETE"),
    ngx_string("PATCH"),
    ngx_string("HEAD"),
    ngx_string("OPTIONS"),
    ngx_string("CONNECT"),
    ngx_string("TRACE"),
    ngx_null_string
};


static ngx_str_t  ngx_mesh_otlp_protocols[] = {
    ngx_string("1.0"),
    ngx_string("1.1"),
    ngx_string("2"),
    ngx_string("3")
};


u_char *
ngx_mesh_otlp_encode_span(u_char *start, u_char *end, ngx_mesh_span_t *span)
{
    u_char                *status;
    uint64_t               flags;
    ngx_str_t             *method;
    ngx_mesh_otlp_wire_t   w;

    w.start = start;
    w.pos = end;

    flags = NGX_MESH_OTLP_FLAG_SAMPLED|NGX_MESH_OTLP_FLAG_KNOWN;

    if (span->parent && !span->attempt) {
        flags |= NGX_MESH_OTLP_FLAG_REMOTE;
    }

    ngx_mesh_otlp_wire_fixed(&w, flags, 4);
    ngx_mesh_otlp_wire_tag(&w, NGX_MESH_OTLP_FLAGS, NGX_MESH_OTLP_FIXED32);

    if (ngx_mesh_otlp_failed(span)) {
        status = w.pos;
        ngx_mesh_otlp_wire_varint(&w, NGX_MESH_OTLP_STATUS_ERROR);
        ngx_mesh_otlp_wire_tag(&w, NGX_MESH_OTLP_STATUS_CODE,
                               NGX_MESH_OTLP_VARINT);
        ngx_mesh_otlp_wire_close(&w, NGX_MESH_OTLP_STATUS, status);
    }

    method = ngx_mesh_otlp_method(&span->method);

    ngx_mesh_otlp_attrs(&w, span, method);

    ngx_mesh_otlp_wire_fixed(&w, span->end * 1000, 8);
    ngx_mesh_otlp_wire_tag(&w, NGX_MESH_OTLP_END, NGX_MESH_OTLP_FIXED64);
    ngx_mesh_otlp_wire_fixed(&w, span->start * 1000, 8);
    ngx_mesh_otlp_wire_tag(&w, NGX_MESH_OTLP_START, NGX_MESH_OTLP_FIXED64);

    ngx_mesh_otlp_wire_varint(&w, span->kind == NGX_MESH_SPAN_SERVER
                                  ? NGX_MESH_OTLP_KIND_SERVER
                                  : NGX_MESH_OTLP_KIND_CLIENT);
    ngx_mesh_otlp_wire_tag(&w, NGX_MESH_OTLP_KIND, NGX_MESH_OTLP_VARINT);

    ngx_mesh_otlp_name(&w, span, method);

    if (span->parent) {
        ngx_mesh_otlp_wire_bytes(&w, NGX_MESH_OTLP_PARENT_ID, span->parent_id,
                                 8);
    }

    ngx_mesh_otlp_wire_text(&w, NGX_MESH_OTLP_TRACE_STATE, &span->tracestate,
                            NGX_MESH_OTLP_LONG);
    ngx_mesh_otlp_wire_bytes(&w, NGX_MESH_OTLP_SPAN_ID, span->span_id, 8);
    ngx_mesh_otlp_wire_bytes(&w, NGX_MESH_OTLP_TRACE_ID, span->trace_id, 16);

    ngx_mesh_otlp_wire_close(&w, NGX_MESH_OTLP_SPANS, end);

    return w.pos;
}


u_char *
ngx_mesh_otlp_encode_head(u_char *start, u_char *end,
    ngx_mesh_otlp_resource_t *rs, size_t size)
{
    u_char                *mark;
    ngx_str_t              name;
    ngx_mesh_otlp_wire_t   w;

    w.start = start;
    w.pos = end;

    ngx_str_set(&name, "nginx-mesh");

    ngx_mesh_otlp_wire_text(&w, NGX_MESH_OTLP_SCOPE_VERSION, &rs->version,
                            NGX_MESH_OTLP_SHORT);
    ngx_mesh_otlp_wire_text(&w, NGX_MESH_OTLP_SCOPE_NAME, &name, name.len);
    ngx_mesh_otlp_wire_close(&w, NGX_MESH_OTLP_SCOPE, end);

    ngx_mesh_otlp_wire_close(&w, NGX_MESH_OTLP_SCOPE_SPANS, end + size);

    mark = w.pos;

    ngx_mesh_otlp_attr(&w, NGX_MESH_OTLP_RESOURCE_ATTR, "host.name",
                       &rs->host, NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(&w, NGX_MESH_OTLP_RESOURCE_ATTR,
                       rs->gateway ? "appmesh.virtual_gateway"
                                   : "appmesh.virtual_node",
                       &rs->node, NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(&w, NGX_MESH_OTLP_RESOURCE_ATTR, "appmesh.mesh",
                       &rs->mesh, NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(&w, NGX_MESH_OTLP_RESOURCE_ATTR, "service.namespace",
                       &rs->mesh, NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(&w, NGX_MESH_OTLP_RESOURCE_ATTR, "service.name",
                       &rs->service, 2 * NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_wire_close(&w, NGX_MESH_OTLP_RESOURCE, mark);

    ngx_mesh_otlp_wire_close(&w, NGX_MESH_OTLP_RESOURCE_SPANS, end + size);

    return w.pos;
}


static void
ngx_mesh_otlp_attr(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    const char *key, ngx_str_t *value, size_t max)
{
    u_char  *end;

    if (value->len == 0) {
        return;
    }

    end = w->pos;

    ngx_mesh_otlp_wire_text(w, NGX_MESH_OTLP_STRING, value, max);
    ngx_mesh_otlp_attr_key(w, field, key, end);
}


static void
ngx_mesh_otlp_attr_int(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    const char *key, int64_t value)
{
    u_char  *end;

    end = w->pos;

    ngx_mesh_otlp_wire_varint(w, (uint64_t) value);
    ngx_mesh_otlp_wire_tag(w, NGX_MESH_OTLP_INT, NGX_MESH_OTLP_VARINT);
    ngx_mesh_otlp_attr_key(w, field, key, end);
}


/* a list of one string, as attributes of headers are */

static void
ngx_mesh_otlp_attr_list(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    const char *key, ngx_str_t *value, size_t max)
{
    u_char  *end;

    if (value->len == 0) {
        return;
    }

    end = w->pos;

    ngx_mesh_otlp_wire_text(w, NGX_MESH_OTLP_STRING, value, max);
    ngx_mesh_otlp_wire_close(w, NGX_MESH_OTLP_ELEMENT, end);
    ngx_mesh_otlp_wire_close(w, NGX_MESH_OTLP_ARRAY, end);
    ngx_mesh_otlp_attr_key(w, field, key, end);
}


static void
ngx_mesh_otlp_attr_key(ngx_mesh_otlp_wire_t *w, ngx_uint_t field,
    const char *key, u_char *end)
{
    ngx_mesh_otlp_wire_close(w, NGX_MESH_OTLP_VALUE, end);
    ngx_mesh_otlp_wire_bytes(w, NGX_MESH_OTLP_KEY, key, ngx_strlen(key));
    ngx_mesh_otlp_wire_close(w, field, end);
}


/*
 * "GET inventory.ordering.local": a name has to be one of a few, which rules
 * out the path, and the authority of a request for no service.
 */

static void
ngx_mesh_otlp_name(ngx_mesh_otlp_wire_t *w, ngx_mesh_span_t *span,
    ngx_str_t *method)
{
    u_char  *end;

    end = w->pos;

    if (span->service.len) {
        ngx_mesh_otlp_wire_utf8(w, &span->service, NGX_MESH_OTLP_MEDIUM);
        ngx_mesh_otlp_wire_raw(w, " ", 1);
    }

    if (method) {
        ngx_mesh_otlp_wire_raw(w, method->data, method->len);

    } else {
        ngx_mesh_otlp_wire_raw(w, "HTTP", 4);
    }

    ngx_mesh_otlp_wire_close(w, NGX_MESH_OTLP_NAME, end);
}


static void
ngx_mesh_otlp_attrs(ngx_mesh_otlp_wire_t *w, ngx_mesh_span_t *span,
    ngx_str_t *method)
{
    ngx_str_t  other;

    ngx_mesh_otlp_attrs_mesh(w, span);
    ngx_mesh_otlp_attrs_result(w, span);

    ngx_mesh_otlp_attr_list(w, NGX_MESH_OTLP_SPAN_ATTR,
                            "http.request.header.x-request-id",
                            &span->request_id, NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(w, NGX_MESH_OTLP_SPAN_ATTR, "user_agent.original",
                       &span->user_agent, NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(w, NGX_MESH_OTLP_SPAN_ATTR, "client.address",
                       &span->client, NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(w, NGX_MESH_OTLP_SPAN_ATTR, "network.protocol.version",
                       &ngx_mesh_otlp_protocols[span->protocol],
                       NGX_MESH_OTLP_SHORT);

    ngx_mesh_otlp_attrs_target(w, span);

    if (method == NULL) {
        ngx_str_set(&other, "_OTHER");
        method = &other;

        ngx_mesh_otlp_attr(w, NGX_MESH_OTLP_SPAN_ATTR,
                           "http.request.method_original", &span->method,
                           NGX_MESH_OTLP_SHORT);
    }

    ngx_mesh_otlp_attr(w, NGX_MESH_OTLP_SPAN_ATTR, "http.request.method",
                       method, NGX_MESH_OTLP_SHORT);
}


/* what the request was for */

static void
ngx_mesh_otlp_attrs_target(ngx_mesh_otlp_wire_t *w, ngx_mesh_span_t *span)
{
    ngx_int_t  port;
    ngx_str_t  host;

    if (ngx_mesh_otlp_split(&span->host, &host, &port)) {

        if (port != NGX_ERROR) {
            ngx_mesh_otlp_attr_int(w, NGX_MESH_OTLP_SPAN_ATTR, "server.port",
                                   port);
        }

        ngx_mesh_otlp_attr(w, NGX_MESH_OTLP_SPAN_ATTR, "server.address",
                           &host, NGX_MESH_OTLP_MEDIUM);
    }

    ngx_mesh_otlp_attr(w, NGX_MESH_OTLP_SPAN_ATTR, "url.scheme",
                       &span->scheme, NGX_MESH_OTLP_SHORT);
    ngx_mesh_otlp_attr(w, NGX_MESH_OTLP_SPAN_ATTR, "url.path",
                       &span->path, NGX_MESH_OTLP_LONG);

    if (span->kind == NGX_MESH_SPAN_CLIENT) {
        ngx_mesh_otlp_url(w, span);
    }
}


/* what became of it */

static void
ngx_mesh_otlp_attrs_result(ngx_mesh_otlp_wire_t *w, ngx_mesh_span_t *span)
{
    u_char     *p, buf[NGX_INT_T_LEN];
    ngx_str_t   type;
    ngx_uint_t  field;

    field = NGX_MESH_OTLP_SPAN_ATTR;

    if (ngx_mesh_otlp_failed(span)) {

        if (span->status >= 400) {
            p = ngx_sprintf(buf, "%ui", span->status);
            type.data = buf;
            type.len = p - buf;

        } else if (span->status && span->grpc_status > 0) {
            p = ngx_sprintf(buf, "%i", span->grpc_status);
            type.data = buf;
            type.len = p - buf;

        } else if (span->flags.len) {
            type = span->flags;

        } else {
            ngx_str_set(&type, "_OTHER");
        }

        ngx_mesh_otlp_attr(w, field, "error.type", &type,
                           NGX_MESH_OTLP_SHORT);
    }

    if (span->grpc) {
        ngx_str_set(&type, "grpc");

        if (span->grpc_status >= 0) {
            ngx_mesh_otlp_attr_int(w, field, "rpc.grpc.status_code",
                                   span->grpc_status);
        }

        ngx_mesh_otlp_attr(w, field, "rpc.system", &type,
                           NGX_MESH_OTLP_SHORT);
    }

    if (span->attempts > 1) {
        ngx_mesh_otlp_attr_int(w, field, "http.request.resend_count",
                               span->attempts - 1);
    }

    if (!span->attempt) {
        ngx_mesh_otlp_attr_int(w, field, "http.response.body.size",
                               span->sent);
        ngx_mesh_otlp_attr_int(w, field, "http.request.body.size",
                               span->received);
    }

    if (span->status) {
        ngx_mesh_otlp_attr_int(w, field, "http.response.status_code",
                               span->status);
    }
}


/* where it went; names of Envoy's tags where they are not the mesh's own */

static void
ngx_mesh_otlp_attrs_mesh(ngx_mesh_otlp_wire_t *w, ngx_mesh_span_t *span)
{
    ngx_int_t   port;
    ngx_str_t   host;
    ngx_uint_t  field;

    field = NGX_MESH_OTLP_SPAN_ATTR;

    ngx_mesh_otlp_attr(w, field, "response_flags", &span->flags,
                       NGX_MESH_OTLP_SHORT);
    ngx_mesh_otlp_attr(w, field, "upstream_address", &span->upstream,
                       NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(w, field, "upstream_cluster", &span->cluster,
                       2 * NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(w, field, "appmesh.target.virtual_node", &span->node,
                       NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(w, field, "appmesh.route", &span->route,
                       NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_attr(w, field, "appmesh.virtual_service", &span->service,
                       NGX_MESH_OTLP_MEDIUM);

    if (span->kind == NGX_MESH_SPAN_CLIENT
        && ngx_mesh_otlp_split(&span->upstream, &host, &port)
        && port != NGX_ERROR)
    {
        ngx_mesh_otlp_attr_int(w, field, "network.peer.port", port);
        ngx_mesh_otlp_attr(w, field, "network.peer.address", &host,
                           NGX_MESH_OTLP_MEDIUM);
    }
}


static void
ngx_mesh_otlp_url(ngx_mesh_otlp_wire_t *w, ngx_mesh_span_t *span)
{
    u_char  *end;

    if (span->scheme.len == 0 || span->host.len == 0) {
        return;
    }

    end = w->pos;

    ngx_mesh_otlp_wire_utf8(w, &span->path, NGX_MESH_OTLP_LONG);
    ngx_mesh_otlp_wire_utf8(w, &span->host, NGX_MESH_OTLP_MEDIUM);
    ngx_mesh_otlp_wire_raw(w, "://", 3);
    ngx_mesh_otlp_wire_utf8(w, &span->scheme, NGX_MESH_OTLP_SHORT);

    ngx_mesh_otlp_wire_close(w, NGX_MESH_OTLP_STRING, end);
    ngx_mesh_otlp_attr_key(w, NGX_MESH_OTLP_SPAN_ATTR, "url.full", end);
}


/* "host", "host:port", "[address]:port"; a port of NGX_ERROR: there is none */

static ngx_uint_t
ngx_mesh_otlp_split(ngx_str_t *address, ngx_str_t *host, ngx_int_t *port)
{
    u_char  *p, *end;

    *host = *address;
    *port = NGX_ERROR;

    if (address->len == 0) {
        return 0;
    }

    end = address->data + address->len;

    for (p = end; p > address->data && p[-1] >= '0' && p[-1] <= '9'; p--) {
        /* void */
    }

    if (p > address->data + 1 && p[-1] == ':') {
        *port = ngx_atoi(p, end - p);

        if (*port != NGX_ERROR && *port <= 65535) {
            host->len = p - 1 - address->data;

        } else {
            *port = NGX_ERROR;
        }
    }

    if (host->len > 2 && host->data[0] == '['
        && host->data[host->len - 1] == ']')
    {
        host->data++;
        host->len -= 2;
    }

    return 1;
}


/*
 * Semantic conventions: a server is not to blame for a 4xx; of gRPC, it is for
 * the statuses that say so.
 */

static ngx_uint_t
ngx_mesh_otlp_failed(ngx_mesh_span_t *span)
{
    ngx_uint_t  client;

    client = (span->kind == NGX_MESH_SPAN_CLIENT);

    if (span->status == 0 || span->status >= (client ? 400u : 500u)) {
        return 1;
    }

    if (!span->grpc) {
        return 0;
    }

    switch (span->grpc_status) {

    case -1:
    case 0:
        return 0;

    case 2:     /* UNKNOWN */
    case 4:     /* DEADLINE_EXCEEDED */
    case 12:    /* UNIMPLEMENTED */
    case 13:    /* INTERNAL */
    case 14:    /* UNAVAILABLE */
    case 15:    /* DATA_LOSS */
        return 1;
    }

    return client;
}


/* NULL: it is not one that everybody knows */

static ngx_str_t *
ngx_mesh_otlp_method(ngx_str_t *method)
{
    ngx_str_t  *m;

    for (m = ngx_mesh_otlp_methods; m->len; m++) {
        if (m->len == method->len
            && ngx_strncmp(m->data, method->data, m->len) == 0)
        {
            return m;
        }
    }

    return NULL;
}


/*
 * ExportTraceServiceResponse has at most one message, of a number and a text;
 * all other fields are skipped.
 */

ngx_int_t
ngx_mesh_otlp_decode_answer(ngx_str_t *text, ngx_mesh_otlp_partial_t *partial)
{
    u_char      *p, *end, *q;
    uint64_t     number;
    ngx_str_t    bytes, inner;
    ngx_uint_t   field;

    ngx_memzero(partial, sizeof(ngx_mesh_otlp_partial_t));

    ngx_str_null(&inner);

    p = text->data;
    end = p + text->len;

    while (p < end) {
        p = ngx_mesh_otlp_wire_read(p, end, &field, &number, &bytes);

        if (p == NULL) {
            return NGX_DECLINED;
        }

        if (field == NGX_MESH_OTLP_PARTIAL && bytes.data) {
            inner = bytes;
        }
    }

    p = inner.data;
    end = p + inner.len;

    while (p < end) {
        p = ngx_mesh_otlp_wire_read(p, end, &field, &number, &bytes);

        if (p == NULL) {
            ngx_memzero(partial, sizeof(ngx_mesh_otlp_partial_t));
            return NGX_DECLINED;
        }

        if (field == NGX_MESH_OTLP_REJECTED && bytes.data == NULL) {
            partial->rejected = number;
        }

        if (field == NGX_MESH_OTLP_MESSAGE && bytes.data) {
            (void) ngx_cpystrn(partial->error, bytes.data,
                               ngx_min(bytes.len + 1,
                                       NGX_MESH_OTLP_ERROR_LEN));

            for (q = partial->error; *q; q++) {
                *q = (*q < ' ' || *q >= 0x7f) ? ' ' : *q;
            }
        }
    }

    return NGX_OK;
}
