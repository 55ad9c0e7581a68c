
/*
 * Copyright (C) nginx mesh contributors
 */

/* Sampling: patterns, manifests, reservoirs and rates. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_random.h>
#include <ngx_mesh_sampling.h>
#include "ngx_mesh_unit.h"


static ngx_mesh_sampling_t *mesh_unit_sampling(ngx_mesh_unit_t *u,
    const char *manifest);
static ngx_uint_t mesh_unit_sampling_count(ngx_mesh_sampling_t *s,
    const char *path, ngx_uint_t now, ngx_uint_t n);


static void
mesh_unit_sampling_match(ngx_mesh_unit_t *u)
{
    ngx_str_t   pattern, text;
    ngx_uint_t  i;

    static const char  *cases[][3] = {
        { "", "x", "1" }, { "*", "", "1" }, { "?", "", "0" },
        { "?", "x", "1" }, { "a*", "abc", "1" }, { "a*", "b", "0" },
        { "*c", "abc", "1" }, { "*c", "cb", "0" }, { "a*c", "ac", "1" },
        { "a*b*c", "a1b2b3c", "1" }, { "a*b*c", "a1c2b", "0" },
        { "/X/?", "/x/1", "1" }, { "/x/?", "/x/", "0" },
        { "**a", "a", "1" }, { "a?*", "a", "0" }, { "*ab*ab", "abab", "1" },
        { "*aab", "aaaaab", "1" }, { NULL, NULL, NULL }
    };

    for (i = 0; cases[i][0]; i++) {
        pattern.data = (u_char *) cases[i][0];
        pattern.len = ngx_strlen(cases[i][0]);
        text.data = (u_char *) cases[i][1];
        text.len = ngx_strlen(cases[i][1]);

        MESH_IS_INT(ngx_mesh_sampling_match(&pattern, &text),
                    cases[i][2][0] - '0', "\"%s\" and \"%s\"", cases[i][0],
                    cases[i][1]);
    }
}

MESH_UNIT(mesh_unit_sampling_match)


static ngx_mesh_sampling_t *
mesh_unit_sampling(ngx_mesh_unit_t *u, const char *manifest)
{
    size_t                      size;
    ngx_str_t                   text, error;
    ngx_slab_pool_t            *sp;
    ngx_mesh_sampling_t        *s;
    ngx_mesh_sampling_rules_t  *rules;

    text.data = (u_char *) manifest;
    text.len = ngx_strlen(manifest);

    rules = ngx_mesh_sampling_manifest(u->pool, &text, &error);
    if (rules == NULL) {
        MESH_OK(0, "%V", &error);
        return NULL;
    }

    size = 64 * ngx_pagesize;

    sp = ngx_pmemalign(u->pool, size, ngx_pagesize);
    ngx_memzero(sp, size);

    sp->end = (u_char *) sp + size;
    sp->min_shift = 3;
    sp->addr = sp;

    if (ngx_shmtx_create(&sp->mutex, &sp->lock, NULL) != NGX_OK) {
        return NULL;
    }

    ngx_slab_init(sp);

    s = ngx_mesh_sampling_attach(u->pool, sp, rules);

    if (s) {
        ngx_mesh_sampling_init_worker(s, u->log);
    }

    return s;
}


static ngx_uint_t
mesh_unit_sampling_count(ngx_mesh_sampling_t *s, const char *path,
    ngx_uint_t now, ngx_uint_t n)
{
    ngx_uint_t                   count;
    ngx_mesh_sampling_request_t  rq;

    ngx_str_set(&rq.host, "app.local:8080");
    ngx_str_set(&rq.method, "GET");
    rq.path.data = (u_char *) path;
    rq.path.len = ngx_strlen(path);

    count = 0;

    while (n--) {
        count += ngx_mesh_sampling_decide(s, &rq, now,
                                        (uint32_t) (ngx_mesh_random() >> 32));
    }

    return count;
}


static void
mesh_unit_sampling_decisions(ngx_mesh_unit_t *u)
{
    ngx_uint_t            n;
    ngx_mesh_sampling_t  *s;

    s = mesh_unit_sampling(u,
        "{\"version\":2,\"default\":{\"fixed_target\":0,\"rate\":0.25},"
        "\"rules\":["
        "{\"host\":\"app.local\",\"http_method\":\"get\",\"url_path\":\"/a*\","
        "\"fixed_target\":5,\"rate\":0},"
        "{\"host\":\"*\",\"http_method\":\"*\",\"url_path\":\"/b\","
        "\"fixed_target\":0,\"rate\":1}]}");

    if (s == NULL) {
        MESH_OK(0, "no rules");
        return;
    }

    MESH_IS_INT(mesh_unit_sampling_count(s, "/a", 100, 3), 3, "a reservoir");
    MESH_IS_INT(mesh_unit_sampling_count(s, "/a", 100, 99), 2, "what is left");
    MESH_IS_INT(mesh_unit_sampling_count(s, "/a", 101, 99), 5,
                "the next second");
    MESH_IS_INT(mesh_unit_sampling_count(s, "/a", 100, 99), 0,
                "a worker whose clock is late");
    MESH_IS_INT(mesh_unit_sampling_count(s, "/a", 50, 99), 5,
                "clocks that began again");
    MESH_IS_INT(mesh_unit_sampling_count(s, "/b", 50, 99), 99, "rate 1");

    n = mesh_unit_sampling_count(s, "/c", 50, 100000);
    MESH_OK(n > 24000 && n < 26000, "rate 0.25: %ui of 100000", n);
}

MESH_UNIT(mesh_unit_sampling_decisions)


static void
mesh_unit_sampling_central(ngx_mesh_unit_t *u)
{
    ngx_pool_t                      *pool;
    ngx_mesh_sampling_t             *s;
    ngx_mesh_sampling_row_t         *row;
    ngx_mesh_sampling_rules_t       *rules;
    ngx_mesh_sampling_statistics_t   st;

    s = mesh_unit_sampling(u, "{\"version\":2,\"default\":{\"fixed_target\":0,"
                           "\"rate\":0},\"rules\":[]}");

    pool = ngx_create_pool(1024, u->log);
    rules = pool ? ngx_mesh_sampling_default(pool, 0) : NULL;

    if (s == NULL || rules == NULL) {
        MESH_OK(0, "no rules");
        return;
    }

    rules->pool = pool;
    rules->central = 1;
    rules->rules[0].target = 10;
    ngx_str_set(&rules->rules[0].name, "Default");

    ngx_mesh_sampling_swap(s, rules);
    row = ngx_mesh_sampling_rules(s)->rules[0].row;

    MESH_IS_INT(mesh_unit_sampling_count(s, "/", 7, 50), 1, "borrows one");
    MESH_IS_INT(mesh_unit_sampling_count(s, "/", 7, 50), 0, "and no more");

    ngx_mesh_sampling_target(row, 0, 4, ngx_time() + 60);
    MESH_IS_INT(mesh_unit_sampling_count(s, "/", 8, 50), 4, "a quota");

    ngx_mesh_sampling_target(row, NGX_MESH_SAMPLING_MILLION, 0,
                             ngx_time() + 60);
    MESH_IS_INT(mesh_unit_sampling_count(s, "/", 9, 50), 50, "a rate");

    ngx_mesh_sampling_statistics(row, &st);
    MESH_OK(st.requests == 200 && st.sampled == 54 && st.borrowed == 1,
            "%ui requests, %ui sampled, %ui borrowed", st.requests,
            st.sampled, st.borrowed);

    ngx_mesh_sampling_unreported(row, &st);
    ngx_mesh_sampling_statistics(row, &st);
    MESH_IS_INT(st.requests, 200, "what could not be reported comes back");
    ngx_mesh_sampling_statistics(row, &st);
    MESH_IS_INT(st.requests, 0, "once");

    ngx_mesh_sampling_swap(s, NULL);
    MESH_OK(!ngx_mesh_sampling_rules(s)->central
            && mesh_unit_sampling_count(s, "/", 10, 50) == 0,
            "the local rules again");
}

MESH_UNIT(mesh_unit_sampling_central)


static void
mesh_unit_sampling_manifests(ngx_mesh_unit_t *u)
{
    ngx_str_t   text, error;
    ngx_uint_t  i;

#define DEF  "\"default\":{\"fixed_target\":1,\"rate\":0.05}"
#define RULE "\"host\":\"*\",\"http_method\":\"*\",\"url_path\":\"*\""

    static const char  *cases[][2] = {
        { "[]", "must be an object" },
        { "{\"version\":1," DEF "}", "version: must be 2" },
        { "{" DEF "}", "version: must be 2" },
        { "{\"version\":2}", "default: must be an object" },
        { "{\"version\":2," DEF ",\"rules\":1}", "rules: must be an array" },
        { "{\"version\":2," DEF ",\"rules\":[{" RULE ",\"rate\":0}]}",
          "rules[0].fixed_target: must be a number from 0 to 65535" },
        { "{\"version\":2," DEF ",\"rules\":[{" RULE ",\"fixed_target\":0,"
          "\"rate\":1.01}]}", "rules[0].rate: must be a number from 0 to 1" },
        { "{\"version\":2," DEF ",\"rules\":[{\"host\":\"\"}]}",
          "rules[0].host: must be a pattern like \"*\", of 512 bytes at most" },
        { "{\"version\":2,\"default\":{\"fixed_target\":-1,\"rate\":0}}",
          "default.fixed_target: must be a number from 0 to 65535" },
        { NULL, NULL }
    };

    static const struct { const char *text; ngx_int_t rate; }  rates[] = {
        { "0", 0 }, { "1", 1000000 }, { "1.0", 1000000 }, { "0.05", 50000 },
        { "5e-2", 50000 }, { ".5", 500000 }, { "1.001", NGX_ERROR },
        { "-0.1", NGX_ERROR }, { "nan", NGX_ERROR }, { "inf", NGX_ERROR },
        { "0x1", NGX_ERROR }, { "", NGX_ERROR }, { "1 ", NGX_ERROR },
        { NULL, 0 }
    };

    for (i = 0; cases[i][0]; i++) {
        text.data = (u_char *) cases[i][0];
        text.len = ngx_strlen(cases[i][0]);

        MESH_OK(ngx_mesh_sampling_manifest(u->pool, &text, &error) == NULL,
                "%s is refused", cases[i][0]);
        MESH_IS_STR(&error, cases[i][1], "and said why");
    }

    for (i = 0; rates[i].text; i++) {
        text.data = (u_char *) rates[i].text;
        text.len = ngx_strlen(rates[i].text);

        MESH_IS_INT(ngx_mesh_sampling_rate(&text), rates[i].rate,
                    "rate \"%s\"", rates[i].text);
    }
}

MESH_UNIT(mesh_unit_sampling_manifests)
