
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Spans in protobuf: that they fit whatever clients send, and are valid; what
 * collectors answer.  What they say is compared by t/e2e/otlp.t, which has a
 * decoder of its own.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_otlp_encode.h>
#include <ngx_mesh_otlp_wire.h>

#include "ngx_mesh_unit.h"


static void
mesh_unit_otlp_text(ngx_mesh_unit_t *u, ngx_str_t *text, size_t len,
    const char *part)
{
    size_t  i, n;

    text->len = len;
    text->data = ngx_pnalloc(u->pool, len + 1);
    n = ngx_strlen(part);

    for (i = 0; i < len; i++) {
        text->data[i] = part[i % n];
    }
}


/* all strings of "len" bytes, made of "part" */

static void
mesh_unit_otlp_span(ngx_mesh_unit_t *u, ngx_mesh_span_t *span, size_t len,
    const char *part)
{
    ngx_memzero(span, sizeof(ngx_mesh_span_t));
    ngx_memset(span->trace_id, 0x11, 16);
    ngx_memset(span->span_id, 0x22, 8);
    ngx_memset(span->parent_id, 0x33, 8);

    span->parent = 1;
    span->grpc = 1;
    span->kind = NGX_MESH_SPAN_CLIENT;
    span->start = (uint64_t) 1700000000 * 1000000;
    span->end = span->start + 1;
    span->status = 503;
    span->grpc_status = 14;
    span->attempts = 3;
    span->received = (off_t) 1 << 62;
    span->sent = (off_t) 1 << 62;

    mesh_unit_otlp_text(u, &span->flags, len, part);
    mesh_unit_otlp_text(u, &span->tracestate, len, part);
    mesh_unit_otlp_text(u, &span->method, len, part);
    mesh_unit_otlp_text(u, &span->scheme, len, part);
    mesh_unit_otlp_text(u, &span->host, len, part);
    mesh_unit_otlp_text(u, &span->path, len, part);
    mesh_unit_otlp_text(u, &span->user_agent, len, part);
    mesh_unit_otlp_text(u, &span->client, len, part);
    mesh_unit_otlp_text(u, &span->request_id, len, part);
    mesh_unit_otlp_text(u, &span->service, len, part);
    mesh_unit_otlp_text(u, &span->route, len, part);
    mesh_unit_otlp_text(u, &span->node, len, part);
    mesh_unit_otlp_text(u, &span->cluster, len, part);
    mesh_unit_otlp_text(u, &span->upstream, len, part);
}


/* every field can be read to the end; the number of them, 0: it is not valid */

static ngx_uint_t
mesh_unit_otlp_fields(u_char *p, u_char *end)
{
    uint64_t    number;
    ngx_str_t   bytes;
    ngx_uint_t  n, field;

    for (n = 0; p < end; n++) {
        p = ngx_mesh_otlp_wire_read(p, end, &field, &number, &bytes);

        if (p == NULL) {
            return 0;
        }
    }

    return n;
}


static void
mesh_unit_otlp_sizes(ngx_mesh_unit_t *u)
{
    u_char            *p, *buf, *end;
    size_t             len, room;
    uint64_t           number;
    ngx_str_t          bytes;
    ngx_uint_t         i, field, bad;
    ngx_mesh_span_t    span;

    static const char *parts[] = {
        "a", "\xff", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "a\x80"
    };

    buf = ngx_pnalloc(u->pool, NGX_MESH_OTLP_SPAN_MAX);
    end = buf + NGX_MESH_OTLP_SPAN_MAX;

    bad = 0;

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        for (len = 0; len < 10000; len = len * 3 + 1) {
            mesh_unit_otlp_span(u, &span, len, parts[i]);

            p = ngx_mesh_otlp_encode_span(buf, end, &span);

            if (p == NULL
                || ngx_mesh_otlp_wire_read(p, end, &field, &number, &bytes)
                   != end
                || field != 2
                || mesh_unit_otlp_fields(bytes.data, end) < 10)
            {
                bad++;
                MESH_DIAG("part %ui, length %uz", i, len);
            }
        }
    }

    MESH_IS_INT(bad, 0, "spans of any strings fit and are valid");

    mesh_unit_otlp_span(u, &span, 100, "a");

    p = ngx_mesh_otlp_encode_span(buf, end, &span);
    len = end - p;

    MESH_OK(ngx_mesh_otlp_encode_span(end - len, end, &span) == end - len,
            "a span fits exactly");

    bad = 0;

    for (room = 0; room < len; room++) {
        if (ngx_mesh_otlp_encode_span(end - room, end, &span)) {
            bad++;
        }
    }

    MESH_IS_INT(bad, 0, "and not where there is less room");
}

MESH_UNIT(mesh_unit_otlp_sizes)


static void
mesh_unit_otlp_utf8(ngx_mesh_unit_t *u)
{
    u_char                 buf[64];
    ngx_str_t              text, got;
    ngx_uint_t             i;
    ngx_mesh_otlp_wire_t   w;

    static struct {
        const char  *text;
        size_t       max;
        const char  *want;
    } tests[] = {
        { "plain", 9, "plain" },
        { "a\xc3\xa4", 9, "a\xc3\xa4" },
        { "a\xc3\xa4", 2, "a" },
        { "a\xe2\x82\xac", 3, "a" },
        { "a\xe2\x82\xac", 4, "a\xe2\x82\xac" },
        { "\xf0\x9f\x98\x80", 9, "\xf0\x9f\x98\x80" },
        { "\xc0\xaf", 9, "??" },
        { "\xe0\x80\x80", 9, "???" },
        { "\xed\xa0\x80", 9, "???" },
        { "\xf4\x90\x80\x80", 9, "????" },
        { "\xf5\x80\x80\x80", 9, "????" },
        { "\xe2\x82", 9, "??" },
        { "\xe2\xc3\xa4", 9, "?\xc3\xa4" },
        { "\xff\xfe", 9, "??" }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        text.data = (u_char *) tests[i].text;
        text.len = ngx_strlen(tests[i].text);

        w.start = buf;
        w.pos = buf + sizeof(buf);

        ngx_mesh_otlp_wire_utf8(&w, &text, tests[i].max);

        got.data = w.pos;
        got.len = buf + sizeof(buf) - w.pos;

        MESH_IS_STR(&got, tests[i].want, "text %ui", i);
    }
}

MESH_UNIT(mesh_unit_otlp_utf8)


static void
mesh_unit_otlp_head(ngx_mesh_unit_t *u)
{
    u_char                    *p, buf[NGX_MESH_OTLP_HEAD_MAX + 100], *end;
    uint64_t                   number;
    ngx_str_t                  bytes;
    ngx_uint_t                 field;
    ngx_mesh_otlp_resource_t   rs;

    mesh_unit_otlp_text(u, &rs.service, 600, "\xff");
    mesh_unit_otlp_text(u, &rs.mesh, 255, "m");
    mesh_unit_otlp_text(u, &rs.node, 255, "n");
    mesh_unit_otlp_text(u, &rs.host, 255, "h");
    mesh_unit_otlp_text(u, &rs.version, 64, "v");
    rs.gateway = 1;

    end = buf + NGX_MESH_OTLP_HEAD_MAX;

    p = ngx_mesh_otlp_encode_head(buf, end, &rs, 100);

    MESH_OK(p != NULL, "the longest head fits");

    if (p) {
        MESH_OK(ngx_mesh_otlp_wire_read(p, end + 100, &field, &number, &bytes)
                == end + 100 && field == 1,
                "it has the length of the spans in it");
    }

    MESH_OK(ngx_mesh_otlp_encode_head(end - 100, end, &rs, 100) == NULL,
            "no room for it is found out");
}

MESH_UNIT(mesh_unit_otlp_head)


static void
mesh_unit_otlp_answer(ngx_mesh_unit_t *u)
{
    size_t                    i, len;
    u_char                    noise[64];
    ngx_str_t                 text;
    ngx_uint_t                n;
    ngx_mesh_otlp_partial_t   p;

    ngx_str_set(&text, "");
    MESH_OK(ngx_mesh_otlp_decode_answer(&text, &p) == NGX_OK
            && p.rejected == 0 && p.error[0] == '\0', "an empty answer");

    ngx_str_set(&text, "\x0a\x08\x08\x83\x01\x12\x03" "b\na");
    MESH_OK(ngx_mesh_otlp_decode_answer(&text, &p) == NGX_OK
            && p.rejected == 131 && ngx_strcmp(p.error, "b a") == 0,
            "a partial success, with a text that is made printable");

    ngx_str_set(&text, "\x10\x01\x0a\x02\x08\x01\x1d" "abcd");
    MESH_OK(ngx_mesh_otlp_decode_answer(&text, &p) == NGX_OK
            && p.rejected == 1, "fields that are not known are skipped");

    ngx_str_set(&text, "{\"partialSuccess\":{}}");
    MESH_OK(ngx_mesh_otlp_decode_answer(&text, &p) == NGX_DECLINED
            && p.rejected == 0, "JSON is none");

    for (n = 0; n < 100000; n++) {
        len = (size_t) ngx_random() % sizeof(noise);

        for (i = 0; i < len; i++) {
            noise[i] = (u_char) (ngx_random() % (n % 3 ? 20 : 256));
        }

        text.data = noise;
        text.len = len;

        (void) ngx_mesh_otlp_decode_answer(&text, &p);
    }

    MESH_OK(1, "noise does no harm");
}

MESH_UNIT(mesh_unit_otlp_answer)
