
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Noise for all that reads what clients and the X-Ray daemon say: headers of
 * traces, answers about sampling, manifests.  What is valid is changed at
 * random, from a seed that is fixed, and lies in memory of its very size, so
 * that the sanitizers see a byte too many.  What is read has to be within its
 * bounds, and to stand in what was given.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_sampler_parts.h>
#include <ngx_mesh_trace.h>

#include "ngx_mesh_unit.h"


#define MESH_NOISE_MAX      4096
#define MESH_NOISE_HEADERS  30000
#define MESH_NOISE_TEXTS    5000

#define XID                 "5759e988bd862e3fe1be46a994272793"
#define XROOT               "1-5759e988-bd862e3fe1be46a994272793"
#define PAR                 "53995c3f42cd8ad8"

#define RULE                                                                  \
    "{\"SamplingRule\":{\"ResourceARN\":\"*\",\"ServiceName\":\"*\","         \
    "\"ServiceType\":\"*\",\"Host\":\"*\",\"HTTPMethod\":\"*\","              \
    "\"URLPath\":\"/a?\",\"Version\":1,\"ReservoirSize\":3,"                  \
    "\"RuleName\":\"Default\",\"Priority\":7,\"FixedRate\":5.0E-2,"           \
    "\"Attributes\":{}}}"


typedef struct {
    uint64_t                 seed;
    u_char                   text[MESH_NOISE_MAX];
    size_t                   len;
} mesh_noise_t;


static uint64_t mesh_noise_random(mesh_noise_t *n);
static void mesh_noise_change(mesh_noise_t *n, const char **words,
    ngx_uint_t nwords);
static ngx_uint_t mesh_noise_make(mesh_noise_t *n, ngx_uint_t most,
    const char **words, ngx_uint_t nwords, ngx_str_t *value);


static uint64_t
mesh_noise_random(mesh_noise_t *n)
{
    n->seed ^= n->seed << 13;
    n->seed ^= n->seed >> 7;
    n->seed ^= n->seed << 17;

    return n->seed >> 11;
}


/* one change: another byte, a part that goes, comes twice, or is a word */

static void
mesh_noise_change(mesh_noise_t *n, const char **words, ngx_uint_t nwords)
{
    size_t       at, len;
    u_char      *p;
    const char  *word;

    at = mesh_noise_random(n) % (n->len + 1);
    len = mesh_noise_random(n) % (n->len - at + 1);
    p = n->text + at;

    switch (mesh_noise_random(n) % 6) {

    case 0:
        if (at < n->len) {
            *p = (u_char) mesh_noise_random(n);
        }
        break;

    case 1:
        n->len = at;
        break;

    case 2:
        len = ngx_min(len, 8);
        ngx_memmove(p, p + len, n->len - at - len);
        n->len -= len;
        break;

    case 3:
        if (n->len + len <= MESH_NOISE_MAX) {
            ngx_memmove(p + len, p, n->len - at);
            n->len += len;
        }
        break;

    default:
        word = words[mesh_noise_random(n) % nwords];
        len = ngx_strlen(word);

        if (n->len + len <= MESH_NOISE_MAX) {
            ngx_memmove(p + len, p, n->len - at);
            ngx_memcpy(p, word, len);
            n->len += len;
        }
    }
}


/* changes "text" at most so often; "value" is a copy of its very size */

static ngx_uint_t
mesh_noise_make(mesh_noise_t *n, ngx_uint_t most, const char **words,
    ngx_uint_t nwords, ngx_str_t *value)
{
    ngx_uint_t  i;

    for (i = mesh_noise_random(n) % (most + 1); i; i--) {
        mesh_noise_change(n, words, nwords);
    }

    value->len = n->len;
    value->data = ngx_alloc(n->len ? n->len : 1, ngx_cycle->log);

    if (value->data == NULL) {
        return 0;
    }

    ngx_memcpy(value->data, n->text, n->len);

    return 1;
}


static const char  *mesh_noise_headers[] = {
    "Root=" XROOT ";Parent=" PAR ";Sampled=1",
    " sampled=0 ; ROOT=" XROOT ";Self=1-2-3;Lineage=a87bd80c:1|68fd508a:5",
    "00-" XID "-" PAR "-01", "01-" XID "-" PAR "-00-x",
    "a=1,b=2", XID "-" PAR "-1-" PAR, "e1be46a994272793-" PAR "-d",
    XID, PAR, "1", "0", "true", "",
    "Lineage=", "Root=", "Parent=", ";", "=", "-", "?", " ", "\t", "ff", "\0"
};


#define MESH_NOISE_WORDS                                                      \
    (sizeof(mesh_noise_headers) / sizeof(mesh_noise_headers[0]))


/* the digits of an id that was taken are in one of the headers */

static ngx_uint_t
mesh_noise_stands(ngx_str_t *values, ngx_uint_t nvalues, u_char *id)
{
    u_char      *p, *last, digits[33], text[MESH_NOISE_MAX];
    size_t       len;
    ngx_uint_t   i, k;

    *ngx_hex_dump(digits, id, 16) = '\0';

    /* of 64 bits, with zeros before them */

    p = digits;
    len = 32;

    if (ngx_strncmp(digits, "0000000000000000", 16) == 0) {
        p = digits + 16;
        len = 16;
    }

    for (i = 0; i < nvalues; i++) {
        last = text;

        for (k = 0; k < values[i].len; k++) {
            if (values[i].data[k] != '-') {
                *last++ = ngx_tolower(values[i].data[k]);
            }
        }

        for (k = 0; k + len <= (ngx_uint_t) (last - text); k++) {
            if (ngx_memcmp(text + k, p, len) == 0) {
                return 1;
            }
        }
    }

    return 0;
}


/* what is written, into memory of the size it may have, reads back */

static ngx_uint_t
mesh_noise_back(ngx_mesh_trace_t *t, ngx_uint_t notation, u_char *random)
{
    size_t                     max;
    u_char                    *p;
    ngx_str_t                  value;
    ngx_uint_t                 good;
    ngx_mesh_trace_t           back;
    ngx_mesh_trace_headers_t   th;

    max = notation == 0 ? NGX_MESH_TRACE_XRAY_LEN
          : notation == 1 ? NGX_MESH_TRACE_TRACEPARENT_LEN
          : NGX_MESH_TRACE_B3_LEN;

    p = ngx_alloc(max, ngx_cycle->log);
    if (p == NULL) {
        return 0;
    }

    value.data = p;
    value.len = (notation == 0 ? ngx_mesh_trace_xray(p, t)
                 : notation == 1 ? ngx_mesh_trace_traceparent(p, t)
                 : ngx_mesh_trace_b3(p, t))
                - p;

    ngx_memzero(&th, sizeof(ngx_mesh_trace_headers_t));

    switch (notation) {
    case 0:  th.xray = value; break;
    case 1:  th.traceparent = value; break;
    default: th.b3 = value;
    }

    ngx_mesh_trace_read(&back, &th, 1, random);

    good = back.remote && back.parent
           && ngx_memcmp(back.trace_id, t->trace_id, 16) == 0
           && ngx_memcmp(back.parent_id, t->span_id, 8) == 0
           && back.incoming == (t->sampled ? NGX_MESH_TRACE_SAMPLED
                                           : NGX_MESH_TRACE_NOT_SAMPLED)
           && (notation || back.lineage.len == t->lineage.len);

    ngx_free(p);

    return good;
}


static void
mesh_unit_trace_noise(ngx_mesh_unit_t *u)
{
    u_char                    *random;
    ngx_str_t                  values[8];
    ngx_uint_t                 i, k, taken, strange, lost, bounds;
    mesh_noise_t               n;
    ngx_mesh_trace_t           t;
    ngx_mesh_trace_headers_t   th;

    static const u_char        zeros[16];

    n.seed = 0x9e3779b97f4a7c15ull;
    random = ngx_pcalloc(u->pool, 24);

    taken = 0;
    strange = 0;
    lost = 0;
    bounds = 0;

    for (i = 0; i < MESH_NOISE_HEADERS; i++) {

        for (k = 0; k < 8; k++) {
            n.len = 0;

            if (mesh_noise_random(&n) & 1) {
                n.len = ngx_strlen(mesh_noise_headers[(k + i) % 13]);
                ngx_memcpy(n.text, mesh_noise_headers[(k + i) % 13], n.len);
            }

            if (!mesh_noise_make(&n, 4, mesh_noise_headers, MESH_NOISE_WORDS,
                                 &values[k]))
            {
                MESH_OK(0, "memory");
                return;
            }
        }

        th.xray = values[0];
        th.traceparent = values[1];
        th.tracestate = values[2];
        th.b3 = values[3];
        th.b3_trace_id = values[4];
        th.b3_span_id = values[5];
        th.b3_sampled = values[6];
        th.b3_flags = values[7];

        random[i % 24]++;

        ngx_mesh_trace_read(&t, &th, (time_t) i, random);

        t.sampled = i & 1;
        taken += t.remote;

        bounds += (ngx_memcmp(t.span_id, zeros, 8) == 0
                   || (t.remote && ngx_memcmp(t.trace_id, zeros, 16) == 0)
                   || (t.parent && ngx_memcmp(t.parent_id, zeros, 8) == 0)
                   || (t.parent && !t.remote)
                   || t.lineage.len > NGX_MESH_TRACE_LINEAGE_MAX
                   || t.tracestate.len > NGX_MESH_TRACE_TRACESTATE_MAX);

        strange += t.remote && !mesh_noise_stands(values, 8, t.trace_id);

        /* a new id that is all zeros is none that could be read */

        if (t.remote || i > 1) {
            lost += !mesh_noise_back(&t, i % 3, random);
        }

        for (k = 0; k < 8; k++) {
            ngx_free(values[k].data);
        }
    }

    MESH_IS_INT(bounds, 0, "what is read of noise is within its bounds");
    MESH_IS_INT(strange, 0, "an id that is taken stands in a header");
    MESH_IS_INT(lost, 0, "what is written then reads back");
    MESH_OK(taken > MESH_NOISE_HEADERS / 20
            && taken < MESH_NOISE_HEADERS * 19 / 20,
            "some of it is valid, some is not: %ui", taken);
}

MESH_UNIT(mesh_unit_trace_noise)


static const char  *mesh_noise_json[] = {
    "null", "-1", "1e400", "0.5", "1.00001", "\"\"", "\"\\u0000\"", "{}", "[]",
    "[[[[[[[[[[", "]", "}", "{", ",", ":", "\"", "\\", "true", "\xff",
    "18446744073709551616", "0.0000000000000000000000000001", RULE, "\"a\":"
};


#define MESH_NOISE_JSON                                                       \
    (sizeof(mesh_noise_json) / sizeof(mesh_noise_json[0]))


/* 1: it was taken, 0: it was not, NGX_ERROR: it is not within its bounds */

static ngx_int_t
mesh_noise_rules(ngx_pool_t *pool, ngx_str_t *text,
    ngx_mesh_sampler_table_t *table)
{
    ngx_str_t                 service, next, error;
    ngx_uint_t                i;
    ngx_mesh_sampler_rule_t  *r;

    ngx_memzero(table, sizeof(ngx_mesh_sampler_table_t));
    ngx_str_set(&service, "m/me");
    ngx_str_null(&error);

    if (ngx_mesh_sampler_read_rules(pool, text, &service, table, &next, &error)
        != NGX_OK)
    {
        return error.len ? 0 : NGX_ERROR;
    }

    ngx_mesh_sampler_sort(table);

    for (i = 0; i < table->n; i++) {
        r = &table->rules[i];

        if (r->rate > NGX_MESH_SAMPLING_MILLION
            || r->priority > 1000000
            || r->target > 1000000000
            || r->name[0] == '\0'
            || r->name[NGX_MESH_SAMPLER_NAME]
            || r->host[NGX_MESH_SAMPLER_HOST]
            || r->method[NGX_MESH_SAMPLER_METHOD]
            || r->path[NGX_MESH_SAMPLER_PATH])
        {
            return NGX_ERROR;
        }
    }

    return table->n <= NGX_MESH_SAMPLER_RULES ? table->n != 0 : NGX_ERROR;
}


static ngx_int_t
mesh_noise_targets(ngx_pool_t *pool, ngx_str_t *text,
    ngx_mesh_sampler_table_t *table)
{
    ngx_str_t                    error;
    ngx_uint_t                   i;
    ngx_mesh_sampler_target_t   *t;
    ngx_mesh_sampler_targets_t   targets;

    ngx_str_null(&error);

    if (ngx_mesh_sampler_read_targets(pool, text, &targets, &error) != NGX_OK)
    {
        return error.len ? 0 : NGX_ERROR;
    }

    t = targets.targets.elts;

    for (i = 0; i < targets.targets.nelts; i++) {
        if (t[i].rate < NGX_ERROR
            || t[i].rate > NGX_MESH_SAMPLING_MILLION
            || t[i].quota < NGX_ERROR
            || t[i].quota > 1000000000
            || t[i].expires < 0
            || t[i].interval > 3600)
        {
            return NGX_ERROR;
        }
    }

    return targets.modified >= 0 ? targets.targets.nelts != 0 : NGX_ERROR;
}


static ngx_int_t
mesh_noise_manifest(ngx_pool_t *pool, ngx_str_t *text,
    ngx_mesh_sampler_table_t *table)
{
    ngx_str_t                   error;
    ngx_uint_t                  i;
    ngx_mesh_sampling_rules_t  *rules;

    ngx_str_null(&error);

    rules = ngx_mesh_sampling_manifest(pool, text, &error);

    if (rules == NULL) {
        return error.len ? 0 : NGX_ERROR;
    }

    for (i = 0; i < rules->nrules; i++) {
        if (rules->rules[i].rate > NGX_MESH_SAMPLING_MILLION
            || rules->rules[i].target > 65535)
        {
            return NGX_ERROR;
        }
    }

    return rules->nrules ? 1 : NGX_ERROR;
}


static void
mesh_unit_sampler_noise(ngx_mesh_unit_t *u)
{
    ngx_int_t                  rc;
    ngx_str_t                  text;
    ngx_uint_t                 i, k, taken, bad;
    ngx_pool_t                *pool;
    mesh_noise_t               n;
    ngx_mesh_sampler_table_t  *table;

    static struct {
        const char  *what;
        const char  *text;
        ngx_int_t  (*read)(ngx_pool_t *pool,
                           ngx_str_t *text, ngx_mesh_sampler_table_t *table);
    } kinds[] = {
        { "rules", "{\"SamplingRuleRecords\":[" RULE "," RULE "],"
          "\"NextToken\":\"t\"}", mesh_noise_rules },
        { "targets", "{\"SamplingTargetDocuments\":[{\"RuleName\":\"a\","
          "\"FixedRate\":0.5,\"ReservoirQuota\":3,\"ReservoirQuotaTTL\":1.7e9,"
          "\"Interval\":10}],\"UnprocessedStatistics\":[{\"RuleName\":\"b\","
          "\"ErrorCode\":\"500\"}],\"LastRuleModification\":1.7E9}",
          mesh_noise_targets },
        { "a manifest", "{\"version\":2,\"default\":{\"fixed_target\":1,"
          "\"rate\":0.05},\"rules\":[{\"host\":\"*\",\"http_method\":\"GET\","
          "\"url_path\":\"/x/?\",\"fixed_target\":0,\"rate\":0.1}]}",
          mesh_noise_manifest }
    };

    n.seed = 0x2545f4914f6cdd1dull;
    table = ngx_palloc(u->pool, sizeof(ngx_mesh_sampler_table_t));

    for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        taken = 0;
        bad = 0;

        for (i = 0; i < MESH_NOISE_TEXTS; i++) {
            n.len = ngx_strlen(kinds[k].text);
            ngx_memcpy(n.text, kinds[k].text, n.len);

            pool = ngx_create_pool(4096, u->log);

            if (pool == NULL
                || !mesh_noise_make(&n, 4, mesh_noise_json, MESH_NOISE_JSON,
                                    &text))
            {
                MESH_OK(0, "memory");
                return;
            }

            rc = kinds[k].read(pool, &text, table);

            bad += (rc == NGX_ERROR);
            taken += (rc == 1);

            ngx_destroy_pool(pool);
            ngx_free(text.data);
        }

        MESH_IS_INT(bad, 0, "noise for %s stays within bounds",
                    kinds[k].what);
        MESH_OK(taken > MESH_NOISE_TEXTS / 20
                && taken < MESH_NOISE_TEXTS * 19 / 20,
                "some of it is valid, some is not: %ui", taken);
    }
}

MESH_UNIT(mesh_unit_sampler_noise)
