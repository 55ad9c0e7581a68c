
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Headers of traces: tables of what is valid in each notation, and random
 * changes of it.  What is written reads back, and an id that is taken is the
 * one that stands in the header.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_random.h>
#include <ngx_mesh_trace.h>
#include "ngx_mesh_unit.h"


#define MESH_UNIT_ROUNDS  100000

#define XID   "5759e988bd862e3fe1be46a994272793"
#define XROOT "1-5759e988-bd862e3fe1be46a994272793"
#define PAR   "53995c3f42cd8ad8"


/* "id": 32 digits, or NULL: a new one; "decision": "1", "0", "-" */

typedef struct {
    const char  *header;            /* name and value, by "; " + name */
    const char  *value;
    const char  *id;
    const char  *parent;
    char         decision;
} mesh_unit_trace_case_t;


static void mesh_unit_trace_set(ngx_mesh_trace_headers_t *th,
    const char *name, ngx_str_t *value);
static void mesh_unit_trace_check(ngx_mesh_unit_t *u,
    mesh_unit_trace_case_t *c);
static ngx_uint_t mesh_unit_trace_same(ngx_mesh_trace_t *a,
    ngx_mesh_trace_t *b);


static u_char  mesh_unit_trace_random[24] = {
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20
};


static void
mesh_unit_trace_set(ngx_mesh_trace_headers_t *th, const char *name,
    ngx_str_t *value)
{
    switch (name[0]) {
    case 'x': th->xray = *value; break;
    case 'w': th->traceparent = *value; break;
    case 's': th->tracestate = *value; break;
    case 'b': th->b3 = *value; break;
    case 't': th->b3_trace_id = *value; break;
    case 'p': th->b3_span_id = *value; break;
    case 'd': th->b3_sampled = *value; break;
    default:  th->b3_flags = *value; break;
    }
}


static void
mesh_unit_trace_check(ngx_mesh_unit_t *u, mesh_unit_trace_case_t *c)
{
    u_char                    buf[64];
    ngx_str_t                 value;
    const char               *got;
    ngx_mesh_trace_t          t;
    ngx_mesh_trace_headers_t  th;

    ngx_memzero(&th, sizeof(ngx_mesh_trace_headers_t));

    value.data = (u_char *) c->value;
    value.len = ngx_strlen(c->value);

    mesh_unit_trace_set(&th, c->header, &value);
    ngx_mesh_trace_read(&t, &th, 0x65432100, mesh_unit_trace_random);

    *ngx_hex_dump(buf, t.trace_id, 16) = '\0';

    got = t.incoming == NGX_MESH_TRACE_SAMPLED ? "1"
          : t.incoming == NGX_MESH_TRACE_NOT_SAMPLED ? "0" : "-";

    MESH_OK(ngx_strcmp(buf, c->id ? c->id
                                  : "65432100" "090a0b0c0d0e0f1011121314")
            == 0
            && t.remote == (c->id != NULL),
            "id of \"%s\" is %s", c->value, buf);

    MESH_OK(got[0] == c->decision, "decision of \"%s\" is %s", c->value, got);

    *ngx_hex_dump(buf, t.parent_id, 8) = '\0';

    MESH_OK(t.parent == (c->parent != NULL)
            && (c->parent == NULL || ngx_strcmp(buf, c->parent) == 0),
            "parent of \"%s\" is %s", c->value, buf);
}


static void
mesh_unit_trace_headers(ngx_mesh_unit_t *u)
{
    ngx_uint_t  i;

    static mesh_unit_trace_case_t  cases[] = {
        { "x", "Root=" XROOT ";Parent=" PAR ";Sampled=1", XID, PAR, '1' },
        { "x", "Root=" XROOT ";Parent=" PAR ";Sampled=0", XID, PAR, '0' },
        { "x", "Root=" XROOT ";Parent=" PAR ";Sampled=?", XID, PAR, '-' },
        { "x", "Root=" XROOT, XID, NULL, '-' },
        { "x", "Root=" XROOT ";Parent=;Sampled=", XID, NULL, '-' },
        { "x", " sampled=1 ; ROOT=" XROOT ";x=y;; Self=1-2-3", XID, NULL, '1' },
        { "x", "Root=1-5759E988-BD862E3FE1BE46A994272793", XID, NULL, '-' },
        { "x", "Self=" XROOT, NULL, NULL, '-' },
        { "x", "Sampled=1", NULL, NULL, '1' },
        { "x", "Root=2-5759e988-bd862e3fe1be46a994272793;Sampled=1", NULL,
          NULL, '-' },
        { "x", "Root=1-5759e988-bd862e3fe1be46a99427279;Sampled=1", NULL,
          NULL, '-' },
        { "x", "Root=1-5759e988-bd862e3fe1be46a99427279g", NULL, NULL, '-' },
        { "x", "Root=1-00000000-000000000000000000000000", NULL, NULL, '-' },
        { "x", "Root=" XROOT ";Root=" XROOT, NULL, NULL, '-' },
        { "x", "Root", NULL, NULL, '-' },
        { "x", "", NULL, NULL, '-' },
        { "w", "00-" XID "-" PAR "-01", XID, PAR, '1' },
        { "w", "00-" XID "-" PAR "-00", XID, PAR, '0' },
        { "w", "00-" XID "-" PAR "-ff", XID, PAR, '1' },
        { "w", "00-" XID "-" PAR "-01-x", NULL, NULL, '-' },
        { "w", "01-" XID "-" PAR "-01-x", XID, PAR, '1' },
        { "w", "01-" XID "-" PAR "-01", XID, PAR, '1' },
        { "w", "01-" XID "-" PAR "-01.", NULL, NULL, '-' },
        { "w", "ff-" XID "-" PAR "-01", NULL, NULL, '-' },
        { "w", "0-" XID "-" PAR "-01", NULL, NULL, '-' },
        { "w", "00-5759E988bd862e3fe1be46a994272793-" PAR "-01", NULL, NULL,
          '-' },
        { "w", "00-" XID "-0000000000000000-01", NULL, NULL, '-' },
        { "w", "00-00000000000000000000000000000000-" PAR "-01", NULL, NULL,
          '-' },
        { "b", XID "-" PAR "-1", XID, PAR, '1' },
        { "b", XID "-" PAR "-d", XID, PAR, '1' },
        { "b", XID "-" PAR "-0-05e3ac9a4f6e3b90", XID, PAR, '0' },
        { "b", XID "-" PAR, XID, PAR, '-' },
        { "b", "e1be46a994272793-" PAR "-1",
          "0000000000000000e1be46a994272793", PAR, '1' },
        { "b", "0", NULL, NULL, '0' },
        { "b", "1", NULL, NULL, '1' },
        { "b", XID "-" PAR "-2", NULL, NULL, '-' },
        { "b", XID "-" PAR "-1-05e3", NULL, NULL, '-' },
        { "b", XID, NULL, NULL, '-' },
        { "d", "1", NULL, NULL, '1' },
        { "d", "false", NULL, NULL, '0' },
        { "f", "1", NULL, NULL, '1' },
        { "t", XID, NULL, NULL, '-' },
        { NULL, NULL, NULL, NULL, 0 }
    };

    for (i = 0; cases[i].header; i++) {
        mesh_unit_trace_check(u, &cases[i]);
    }
}

MESH_UNIT(mesh_unit_trace_headers)


static void
mesh_unit_trace_several(ngx_mesh_unit_t *u)
{
    ngx_mesh_trace_t          t;
    ngx_mesh_trace_headers_t  th;

    ngx_memzero(&th, sizeof(ngx_mesh_trace_headers_t));

    ngx_str_set(&th.b3_trace_id, XID);
    ngx_str_set(&th.b3_span_id, PAR);
    ngx_str_set(&th.b3_sampled, "0");
    ngx_mesh_trace_read(&t, &th, 1, mesh_unit_trace_random);
    MESH_OK(t.remote && t.parent && t.incoming == NGX_MESH_TRACE_NOT_SAMPLED,
            "B3 in several headers");

    ngx_str_set(&th.traceparent, "00-" XID "-b7ad6b7169203331-01");
    ngx_str_set(&th.tracestate, "a=1,b=2");
    ngx_mesh_trace_read(&t, &th, 1, mesh_unit_trace_random);
    MESH_OK(t.parent_id[0] == 0xb7 && t.incoming == NGX_MESH_TRACE_SAMPLED,
            "W3C goes before B3");
    MESH_IS_STR(&t.tracestate, "a=1,b=2", "tracestate is kept");

    ngx_str_set(&th.xray, "Root=" XROOT ";Parent=" PAR ";Sampled=0");
    ngx_mesh_trace_read(&t, &th, 1, mesh_unit_trace_random);
    MESH_OK(t.parent_id[0] == 0x53
            && t.incoming == NGX_MESH_TRACE_NOT_SAMPLED,
            "X-Ray goes before W3C");
    MESH_IS_STR(&t.tracestate, "a=1,b=2", "tracestate of the same trace");

    ngx_str_set(&th.xray, "Root=1-5759e988-bd862e3fe1be46a994272794");
    ngx_mesh_trace_read(&t, &th, 1, mesh_unit_trace_random);
    MESH_IS_STR(&t.tracestate, "", "tracestate of another trace");

    ngx_str_set(&th.xray, "garbage;Root=1");
    th.tracestate.len = NGX_MESH_TRACE_TRACESTATE_MAX + 1;
    ngx_mesh_trace_read(&t, &th, 1, mesh_unit_trace_random);
    MESH_OK(t.parent_id[0] == 0xb7, "the first valid one counts");
    MESH_IS_INT(t.tracestate.len, 0, "tracestate has a limit");
}

MESH_UNIT(mesh_unit_trace_several)


static ngx_uint_t
mesh_unit_trace_same(ngx_mesh_trace_t *a, ngx_mesh_trace_t *b)
{
    return b->remote
           && b->parent
           && ngx_memcmp(a->trace_id, b->trace_id, 16) == 0
           && ngx_memcmp(a->span_id, b->parent_id, 8) == 0
           && b->incoming == (a->sampled ? NGX_MESH_TRACE_SAMPLED
                                         : NGX_MESH_TRACE_NOT_SAMPLED);
}


static void
mesh_unit_trace_round(ngx_mesh_unit_t *u)
{
    u_char                    buf[NGX_MESH_TRACE_XRAY_LEN];
    u_char                    random[24];
    uint64_t                  x;
    ngx_str_t                 value;
    ngx_uint_t                i, n, bad, changed;
    ngx_mesh_trace_t          t, back;
    ngx_mesh_trace_headers_t  th;

    static const char  *names[] = { "x", "w", "b" };

    bad = 0;
    changed = 0;

    for (i = 0; i < MESH_UNIT_ROUNDS; i++) {

        for (n = 0; n < 3; n++) {
            x = ngx_mesh_random();
            ngx_memcpy(&random[8 * n], &x, 8);
        }

        ngx_memzero(&th, sizeof(ngx_mesh_trace_headers_t));
        ngx_mesh_trace_read(&t, &th, (time_t) (x >> 40), random);
        t.sampled = i & 1;

        value.data = buf;
        n = i % 3;

        value.len = (n == 0 ? ngx_mesh_trace_xray(buf, &t)
                     : n == 1 ? ngx_mesh_trace_traceparent(buf, &t)
                     : ngx_mesh_trace_b3(buf, &t))
                    - buf;

        mesh_unit_trace_set(&th, names[n], &value);
        ngx_mesh_trace_read(&back, &th, 1, random);
        bad += !mesh_unit_trace_same(&t, &back);

        /* one byte is another one, or the end is missing */

        if (i % 7 == 0) {
            value.len = x % value.len;

        } else {
            buf[x % value.len] = (u_char) (x >> 32);
        }

        mesh_unit_trace_set(&th, names[n], &value);
        ngx_mesh_trace_read(&back, &th, 1, random);

        changed += back.remote;
    }

    MESH_IS_INT(bad, 0, "what is written reads back");
    MESH_OK(changed < MESH_UNIT_ROUNDS, "what is damaged is read without harm");
}

MESH_UNIT(mesh_unit_trace_round)


static void
mesh_unit_trace_uuid(ngx_mesh_unit_t *u)
{
    u_char      buf[NGX_MESH_UUID_TEXT_LEN], seen[256];
    ngx_uint_t  i, n, bad, digits;

    ngx_memzero(seen, sizeof(seen));
    bad = 0;

    for (i = 0; i < 10000; i++) {
        bad += (ngx_mesh_random_uuid(buf) != buf + NGX_MESH_UUID_TEXT_LEN);

        for (n = 0; n < NGX_MESH_UUID_TEXT_LEN; n++) {

            if (n == 8 || n == 13 || n == 18 || n == 23) {
                bad += (buf[n] != '-');

            } else {
                seen[buf[n]] = 1;
            }
        }

        bad += (buf[14] != '4') + (ngx_strchr("89ab", buf[19]) == NULL);
    }

    digits = 0;

    for (i = 0; i < sizeof(seen); i++) {
        digits += seen[i];
        bad += seen[i] && ngx_strchr("0123456789abcdef", i) == NULL;
    }

    MESH_IS_INT(bad, 0, "random UUIDs are of version 4");
    MESH_IS_INT(digits, 16, "all digits are there");
}

MESH_UNIT(mesh_unit_trace_uuid)
