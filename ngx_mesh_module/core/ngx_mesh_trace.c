
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Reads and writes the headers of a trace: X-Ray's, W3C Trace Context level 1,
 * and B3 as one header or several.
 *
 * Headers come from anywhere, so nothing of them is believed that was not
 * looked at: a value is taken whole or not at all.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_text.h"
#include "ngx_mesh_trace.h"


/* what one notation says */

typedef struct {
    u_char                     trace_id[16];
    u_char                     parent_id[8];
    ngx_uint_t                 id;              /* trace_id is set */
    ngx_uint_t                 parent;
    ngx_mesh_trace_decision_e  decision;
    ngx_str_t                  lineage;
} ngx_mesh_trace_found_t;


static void ngx_mesh_trace_find(ngx_mesh_trace_found_t *found,
    ngx_mesh_trace_headers_t *headers);
static void ngx_mesh_trace_read_xray(ngx_mesh_trace_found_t *found,
    ngx_str_t *value);
static ngx_int_t ngx_mesh_trace_xray_part(ngx_mesh_trace_found_t *found,
    u_char *p, u_char *last);
static ngx_int_t ngx_mesh_trace_xray_root(ngx_mesh_trace_found_t *found,
    u_char *p, size_t len);
static void ngx_mesh_trace_read_w3c(ngx_mesh_trace_found_t *found,
    ngx_str_t *value);
static ngx_uint_t ngx_mesh_trace_lowercase(u_char *p, size_t len);
static void ngx_mesh_trace_read_b3(ngx_mesh_trace_found_t *found,
    ngx_str_t *value);
static void ngx_mesh_trace_read_b3_multi(ngx_mesh_trace_found_t *found,
    ngx_mesh_trace_headers_t *headers);
static ngx_mesh_trace_decision_e ngx_mesh_trace_b3_decision(u_char *p,
    size_t len);
static ngx_int_t ngx_mesh_trace_b3_id(u_char *id, u_char *p, size_t len);
static ngx_int_t ngx_mesh_trace_id(u_char *id, u_char *p, size_t n);
static ngx_uint_t ngx_mesh_trace_not_zero(u_char *id, size_t n);
static ngx_int_t ngx_mesh_trace_unhex(u_char *id, u_char *p, size_t n);


/* the value of a hex digit and 1 more, 0: it is none */

static const u_char  ngx_mesh_trace_digits[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5,
    ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16
};


void
ngx_mesh_trace_read(ngx_mesh_trace_t *trace, ngx_mesh_trace_headers_t *headers,
    time_t now, const u_char *random)
{
    ngx_mesh_trace_found_t  found, w3c;

    ngx_mesh_trace_new(trace, now, random);

    ngx_mesh_trace_find(&found, headers);

    trace->incoming = found.decision;
    trace->lineage = found.lineage;

    if (!found.id) {
        return;
    }

    trace->remote = 1;
    ngx_memcpy(trace->trace_id, found.trace_id, 16);

    if (found.parent) {
        trace->parent = 1;
        ngx_memcpy(trace->parent_id, found.parent_id, 8);
    }

    /* that of another trace is not for this one */

    if (headers->tracestate.len
        && headers->tracestate.len <= NGX_MESH_TRACE_TRACESTATE_MAX)
    {
        ngx_mesh_trace_read_w3c(&w3c, &headers->traceparent);

        if (w3c.id && ngx_memcmp(w3c.trace_id, found.trace_id, 16) == 0) {
            trace->tracestate = headers->tracestate;
        }
    }
}


void
ngx_mesh_trace_new(ngx_mesh_trace_t *trace, time_t now, const u_char *random)
{
    uint32_t  seconds;
    uint64_t  span_id;

    ngx_memzero(trace, sizeof(ngx_mesh_trace_t));

    ngx_memcpy(&span_id, random, 8);
    ngx_memcpy(trace->span_id, random, 8);

    if (span_id == 0) {
        trace->span_id[7] = 1;
    }

    seconds = htonl((uint32_t) now);
    ngx_memcpy(trace->trace_id, &seconds, 4);
    ngx_memcpy(&trace->trace_id[4], random + 8, 12);
}


static void
ngx_mesh_trace_find(ngx_mesh_trace_found_t *found,
    ngx_mesh_trace_headers_t *headers)
{
    ngx_str_t                  lineage;
    ngx_mesh_trace_decision_e  decision;

    ngx_mesh_trace_read_xray(found, &headers->xray);

    if (found->id) {
        return;
    }

    decision = found->decision;
    lineage = found->lineage;

    ngx_mesh_trace_read_w3c(found, &headers->traceparent);

    if (!found->id) {
        ngx_mesh_trace_read_b3(found, &headers->b3);
    }

    if (!found->id) {
        if (decision == NGX_MESH_TRACE_UNDECIDED) {
            decision = found->decision;
        }

        ngx_mesh_trace_read_b3_multi(found, headers);
    }

    if (!found->id && decision != NGX_MESH_TRACE_UNDECIDED) {
        found->decision = decision;
    }

    found->lineage = lineage;
}


/*
 * "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
 * in any order and case of the keys.  Load balancers put a "Self" in, and
 * Lambda a "Lineage", by which it knows functions that call themselves.
 */

static void
ngx_mesh_trace_read_xray(ngx_mesh_trace_found_t *found, ngx_str_t *value)
{
    u_char  *p, *next, *last;

    ngx_memzero(found, sizeof(ngx_mesh_trace_found_t));

    p = value->data;
    last = p + value->len;

    while (p < last) {
        next = ngx_strlchr(p, last, ';');

        if (next == NULL) {
            next = last;
        }

        if (ngx_mesh_trace_xray_part(found, p, next) != NGX_OK) {
            ngx_memzero(found, sizeof(ngx_mesh_trace_found_t));
            return;
        }

        p = next + 1;
    }
}


/* NGX_ERROR: the header is not to be believed at all */

static ngx_int_t
ngx_mesh_trace_xray_part(ngx_mesh_trace_found_t *found, u_char *p,
    u_char *last)
{
    size_t   key, len;
    u_char  *value;

    while (p < last && (*p == ' ' || *p == '\t')) { p++; }
    while (p < last && (last[-1] == ' ' || last[-1] == '\t')) { last--; }

    value = ngx_strlchr(p, last, '=');

    if (value == NULL) {
        return NGX_OK;
    }

    key = value - p;
    len = last - ++value;

    if (key == 4 && ngx_strncasecmp(p, (u_char *) "root", 4) == 0) {
        return ngx_mesh_trace_xray_root(found, value, len);
    }

    if (key == 6 && ngx_strncasecmp(p, (u_char *) "parent", 6) == 0) {

        /* who sends none may leave it empty */

        found->parent = (len == NGX_MESH_TRACE_SPAN_LEN
                         && ngx_mesh_trace_id(found->parent_id, value, 8)
                            == NGX_OK);
        return NGX_OK;
    }

    if (key == 7 && ngx_strncasecmp(p, (u_char *) "sampled", 7) == 0) {

        if (len == 1 && *value == '1') {
            found->decision = NGX_MESH_TRACE_SAMPLED;

        } else if (len == 1 && *value == '0') {
            found->decision = NGX_MESH_TRACE_NOT_SAMPLED;
        }

        return NGX_OK;
    }

    if (key == 7
        && ngx_strncasecmp(p, (u_char *) "lineage", 7) == 0
        && len <= NGX_MESH_TRACE_LINEAGE_MAX)
    {
        found->lineage.data = value;
        found->lineage.len = len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_trace_xray_root(ngx_mesh_trace_found_t *found, u_char *p, size_t len)
{
    if (found->id
        || len != NGX_MESH_TRACE_XRAY_ID_LEN
        || p[0] != '1' || p[1] != '-' || p[10] != '-'
        || ngx_mesh_trace_unhex(found->trace_id, p + 2, 4) != NGX_OK
        || ngx_mesh_trace_unhex(&found->trace_id[4], p + 11, 12) != NGX_OK
        || !ngx_mesh_trace_not_zero(found->trace_id, 16))
    {
        return NGX_ERROR;
    }

    found->id = 1;

    return NGX_OK;
}


/*
 * "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".  Later versions
 * begin the same and may go on after another "-"; "ff" is none.
 */

static void
ngx_mesh_trace_read_w3c(ngx_mesh_trace_found_t *found, ngx_str_t *value)
{
    u_char  *p, version, flags;

    ngx_memzero(found, sizeof(ngx_mesh_trace_found_t));

    p = value->data;

    if (value->len < NGX_MESH_TRACE_TRACEPARENT_LEN
        || p[2] != '-' || p[35] != '-' || p[52] != '-'
        || !ngx_mesh_trace_lowercase(p, NGX_MESH_TRACE_TRACEPARENT_LEN)
        || ngx_mesh_trace_unhex(&version, p, 1) != NGX_OK
        || ngx_mesh_trace_id(found->trace_id, p + 3, 16) != NGX_OK
        || ngx_mesh_trace_id(found->parent_id, p + 36, 8) != NGX_OK
        || ngx_mesh_trace_unhex(&flags, p + 53, 1) != NGX_OK
        || version == 0xff)
    {
        return;
    }

    if (value->len > NGX_MESH_TRACE_TRACEPARENT_LEN
        && (version == 0 || p[NGX_MESH_TRACE_TRACEPARENT_LEN] != '-'))
    {
        return;
    }

    found->id = 1;
    found->parent = 1;
    found->decision = (flags & 1) ? NGX_MESH_TRACE_SAMPLED
                                  : NGX_MESH_TRACE_NOT_SAMPLED;
}


static ngx_uint_t
ngx_mesh_trace_lowercase(u_char *p, size_t len)
{
    while (len--) {
        if (*p >= 'A' && *p <= 'F') {
            return 0;
        }

        p++;
    }

    return 1;
}


/* "TRACEID-SPANID[-DECISION[-PARENTSPANID]]", or only a decision */

static void
ngx_mesh_trace_read_b3(ngx_mesh_trace_found_t *found, ngx_str_t *value)
{
    size_t   len;
    u_char  *p, *last, parent[8];

    ngx_memzero(found, sizeof(ngx_mesh_trace_found_t));

    p = value->data;
    last = p + value->len;

    if (value->len == 1) {
        found->decision = ngx_mesh_trace_b3_decision(p, 1);
        return;
    }

    len = (value->len > 32 && p[32] == '-') ? 32 : 16;

    if (value->len < len + 1 + 16
        || p[len] != '-'
        || ngx_mesh_trace_b3_id(found->trace_id, p, len) != NGX_OK
        || ngx_mesh_trace_id(found->parent_id, p + len + 1, 8) != NGX_OK)
    {
        return;
    }

    p += len + 17;

    if (last - p >= 2) {

        if (p[0] != '-') {
            return;
        }

        found->decision = ngx_mesh_trace_b3_decision(p + 1, 1);

        if (found->decision == NGX_MESH_TRACE_UNDECIDED) {
            return;
        }

        p += 2;
    }

    if (p != last
        && (last - p != 17
            || *p != '-'
            || ngx_mesh_trace_unhex(parent, p + 1, 8) != NGX_OK))
    {
        found->decision = NGX_MESH_TRACE_UNDECIDED;
        return;
    }

    found->id = 1;
    found->parent = 1;
}


static void
ngx_mesh_trace_read_b3_multi(ngx_mesh_trace_found_t *found,
    ngx_mesh_trace_headers_t *headers)
{
    ngx_memzero(found, sizeof(ngx_mesh_trace_found_t));

    if (headers->b3_flags.len == 1 && headers->b3_flags.data[0] == '1') {
        found->decision = NGX_MESH_TRACE_SAMPLED;

    } else {
        found->decision = ngx_mesh_trace_b3_decision(headers->b3_sampled.data,
                                                     headers->b3_sampled.len);
    }

    if (headers->b3_span_id.len == NGX_MESH_TRACE_SPAN_LEN
        && ngx_mesh_trace_b3_id(found->trace_id, headers->b3_trace_id.data,
                                headers->b3_trace_id.len)
           == NGX_OK
        && ngx_mesh_trace_id(found->parent_id, headers->b3_span_id.data, 8)
           == NGX_OK)
    {
        found->id = 1;
        found->parent = 1;
    }
}


/* "d" is a decision for debugging; early implementations wrote words */

static ngx_mesh_trace_decision_e
ngx_mesh_trace_b3_decision(u_char *p, size_t len)
{
    if ((len == 1 && (*p == '1' || *p == 'd'))
        || (len == 4 && ngx_strncmp(p, "true", 4) == 0))
    {
        return NGX_MESH_TRACE_SAMPLED;
    }

    if ((len == 1 && *p == '0')
        || (len == 5 && ngx_strncmp(p, "false", 5) == 0))
    {
        return NGX_MESH_TRACE_NOT_SAMPLED;
    }

    return NGX_MESH_TRACE_UNDECIDED;
}


static ngx_int_t
ngx_mesh_trace_b3_id(u_char *id, u_char *p, size_t len)
{
    if (len == 32) {
        return ngx_mesh_trace_id(id, p, 16);
    }

    if (len != 16) {
        return NGX_ERROR;
    }

    ngx_memzero(id, 8);

    return ngx_mesh_trace_id(id + 8, p, 8);
}


/* zeros are no id */

static ngx_int_t
ngx_mesh_trace_id(u_char *id, u_char *p, size_t n)
{
    if (ngx_mesh_trace_unhex(id, p, n) != NGX_OK
        || !ngx_mesh_trace_not_zero(id, n))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mesh_trace_not_zero(u_char *id, size_t n)
{
    while (n--) {
        if (*id++) {
            return 1;
        }
    }

    return 0;
}


/* 2 * "n" digits */

static ngx_int_t
ngx_mesh_trace_unhex(u_char *id, u_char *p, size_t n)
{
    ngx_uint_t  high, low;

    while (n--) {
        high = ngx_mesh_trace_digits[p[0]];
        low = ngx_mesh_trace_digits[p[1]];

        if (high == 0 || low == 0) {
            return NGX_ERROR;
        }

        *id++ = (u_char) ((high - 1) << 4 | (low - 1));
        p += 2;
    }

    return NGX_OK;
}


/* the digits of both ids are made in one go and put in their places */

u_char *
ngx_mesh_trace_xray(u_char *p, ngx_mesh_trace_t *trace)
{
    u_char  digits[2 * (16 + 8)];

    ngx_mesh_text_hex(ngx_mesh_text_hex(digits, trace->trace_id, 16),
                      trace->span_id, 8);

    ngx_memcpy(p, "Root=1-", 7);
    ngx_memcpy(p + 7, digits, 8);
    p[15] = '-';
    ngx_memcpy(p + 16, digits + 8, 24);

    ngx_memcpy(p + 40, ";Parent=", 8);
    ngx_memcpy(p + 48, digits + 32, 16);

    ngx_memcpy(p + 64, ";Sampled=", 9);
    p[73] = trace->sampled ? '1' : '0';

    p += 74;

    if (trace->lineage.len) {
        p = ngx_cpymem(p, ";Lineage=", 9);
        p = ngx_cpymem(p, trace->lineage.data, trace->lineage.len);
    }

    return p;
}


u_char *
ngx_mesh_trace_xray_id(u_char *p, const u_char *trace_id)
{
    *p++ = '1';
    *p++ = '-';
    p = ngx_mesh_text_hex(p, trace_id, 4);

    *p++ = '-';

    return ngx_mesh_text_hex(p, trace_id + 4, 12);
}


u_char *
ngx_mesh_trace_traceparent(u_char *p, ngx_mesh_trace_t *trace)
{
    p = ngx_cpymem(p, "00-", 3);
    p = ngx_mesh_text_hex(p, trace->trace_id, 16);

    *p++ = '-';
    p = ngx_mesh_text_hex(p, trace->span_id, 8);

    *p++ = '-';
    *p++ = '0';
    *p++ = trace->sampled ? '1' : '0';

    return p;
}


u_char *
ngx_mesh_trace_b3(u_char *p, ngx_mesh_trace_t *trace)
{
    p = ngx_mesh_text_hex(p, trace->trace_id, 16);

    *p++ = '-';
    p = ngx_mesh_text_hex(p, trace->span_id, 8);

    *p++ = '-';
    *p++ = trace->sampled ? '1' : '0';

    return p;
}
