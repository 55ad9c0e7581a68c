
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the X-Ray daemon says of sampling, and what it is told.  The asking is
 * tested by t/e2e/sampling.t.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_sampler_parts.h>

#include "ngx_mesh_unit.h"


#define MESH_SAMPLER_RULE                                                     \
    "\"ResourceARN\":\"*\",\"ServiceName\":\"*\",\"ServiceType\":\"*\","      \
    "\"Host\":\"*\",\"HTTPMethod\":\"*\",\"URLPath\":\"*\",\"Version\":1,"    \
    "\"ReservoirSize\":3,"


static ngx_int_t
mesh_unit_sampler_read(ngx_mesh_unit_t *u, const char *text,
    ngx_mesh_sampler_table_t *table, ngx_str_t *next)
{
    ngx_str_t  s, service, error;

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    ngx_str_set(&service, "m/me");

    return ngx_mesh_sampler_read_rules(u->pool, &s, &service, table, next,
                                       &error);
}


static void
mesh_unit_sampler_rules(ngx_mesh_unit_t *u)
{
    ngx_str_t                   next;
    ngx_uint_t                  i;
    ngx_mesh_sampler_table_t   *table;
    ngx_mesh_sampling_rule_t    rest;
    ngx_mesh_sampling_rules_t  *set;

    static const char  *none[] = {
        "", "nonsense", "[]", "{}", "{\"SamplingRuleRecords\":1}",
        "{\"SamplingRuleRecords\":[}", "{\"SamplingRuleRecords\":null}"
    };

    table = ngx_pcalloc(u->pool, sizeof(ngx_mesh_sampler_table_t));

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        MESH_IS_INT(mesh_unit_sampler_read(u, none[i], table, &next),
                    NGX_ERROR, "no rules: %s", none[i]);
    }

    MESH_IS_INT(mesh_unit_sampler_read(u, "{\"SamplingRuleRecords\":["
        "1, {}, {\"SamplingRule\": 2},"
        "{\"SamplingRule\":{" MESH_SAMPLER_RULE
        "\"RuleName\":\"Default\",\"Priority\":1,\"FixedRate\":5.0E-2}},"
        "{\"SamplingRule\":{" MESH_SAMPLER_RULE
        "\"RuleName\":\"b\",\"Priority\":7,\"FixedRate\":1}},"
        "{\"SamplingRule\":{" MESH_SAMPLER_RULE
        "\"RuleName\":\"a\",\"Priority\":7,\"FixedRate\":0.000001}},"
        "{\"SamplingRule\":{" MESH_SAMPLER_RULE
        "\"RuleName\":\"low\",\"Priority\":6,\"FixedRate\":0}},"
        "{\"SamplingRule\":{" MESH_SAMPLER_RULE
        "\"RuleName\":\"\",\"Priority\":6,\"FixedRate\":0}},"
        "{\"SamplingRule\":{" MESH_SAMPLER_RULE
        "\"RuleName\":\"big\",\"Priority\":1e300,\"FixedRate\":0}},"
        "{\"SamplingRule\":{" MESH_SAMPLER_RULE
        "\"RuleName\":\"neg\",\"Priority\":6,\"FixedRate\":-1}}"
        "],\"NextToken\":\"t\"}", table, &next), NGX_OK, "rules");

    MESH_IS_STR(&next, "t", "the token of the next page");

    ngx_mesh_sampler_sort(table);

    if (!MESH_IS_INT(table->n, 4, "what is broken is left out")) {
        return;
    }

    ngx_memzero(&rest, sizeof(ngx_mesh_sampling_rule_t));
    rest.rate = 9;

    set = ngx_mesh_sampler_set(table, &rest, u->log);

    MESH_IS_INT(set->nrules, 5, "a rule for the rest is added");
    MESH_IS_INT(set->central, 1, "the set is a central one");
    MESH_IS_STR(&set->rules[0].name, "low", "the lowest priority first");
    MESH_IS_STR(&set->rules[1].name, "a", "then by name");
    MESH_IS_STR(&set->rules[2].name, "b", "then by name");
    MESH_IS_STR(&set->rules[3].name, "Default", "the default rule last");
    MESH_IS_INT(set->rules[1].rate, 1, "a small rate");
    MESH_IS_INT(set->rules[3].rate, 50000, "a rate with an exponent");
    MESH_IS_INT(set->rules[3].target, 3, "a reservoir");
    MESH_IS_INT(set->rules[4].rate, 9, "the rate of the rest");

    ngx_destroy_pool(set->pool);
}

MESH_UNIT(mesh_unit_sampler_rules)


static void
mesh_unit_sampler_many(ngx_mesh_unit_t *u)
{
    u_char                    *p, *text;
    ngx_str_t                  next;
    ngx_uint_t                 i;
    ngx_mesh_sampler_table_t  *table;

    table = ngx_pcalloc(u->pool, sizeof(ngx_mesh_sampler_table_t));
    text = ngx_pnalloc(u->pool, 400 * 300);

    p = ngx_sprintf(text, "{\"SamplingRuleRecords\":[");

    for (i = 0; i < 300; i++) {
        p = ngx_sprintf(p, "{\"SamplingRule\":{" MESH_SAMPLER_RULE
                        "\"RuleName\":\"r%ui\",\"Priority\":%ui,"
                        "\"FixedRate\":0}}%s", i, i, i < 299 ? "," : "");
    }

    (void) ngx_sprintf(p, "]}%Z");

    MESH_IS_INT(mesh_unit_sampler_read(u, (char *) text, table, &next),
                NGX_OK, "300 rules");
    MESH_IS_INT(table->n, NGX_MESH_SAMPLER_RULES, "as many as there is room");
    MESH_IS_INT(next.len, 0, "no next page");
}

MESH_UNIT(mesh_unit_sampler_many)


static void
mesh_unit_sampler_targets(ngx_mesh_unit_t *u)
{
    ngx_str_t                    text, error, *name;
    ngx_mesh_sampler_target_t   *t;
    ngx_mesh_sampler_targets_t   targets;

    ngx_str_set(&text, "{\"SamplingTargetDocuments\":["
        "{\"RuleName\":\"a\",\"FixedRate\":0.1,\"ReservoirQuota\":2,"
        "\"ReservoirQuotaTTL\":1.530923107E9,\"Interval\":5},"
        "{\"RuleName\":\"b\",\"ReservoirQuota\":null,\"FixedRate\":7},"
        "{}, 3],\"LastRuleModification\":1.53E9,\"UnprocessedStatistics\":["
        "{\"RuleName\":\"c\",\"ErrorCode\":\"500\"},"
        "{\"RuleName\":\"d\",\"ErrorCode\":\"400\"}, {}]}");

    if (!MESH_IS_INT(ngx_mesh_sampler_read_targets(u->pool, &text, &targets,
                                                   &error),
                     NGX_OK, "targets"))
    {
        return;
    }

    t = targets.targets.elts;
    name = targets.refused.elts;

    MESH_IS_INT(targets.targets.nelts, 2, "those with a name");
    MESH_IS_INT(t[0].rate, 100000, "a rate");
    MESH_IS_INT(t[0].quota, 2, "a quota");
    MESH_IS_INT(t[0].expires, 1530923107, "when it expires");
    MESH_IS_INT(t[0].interval, 5, "an interval");
    MESH_IS_INT(t[1].rate, NGX_ERROR, "a rate that is none");
    MESH_IS_INT(t[1].quota, NGX_ERROR, "no quota");
    MESH_IS_INT(targets.modified, 1530000000, "when rules were changed");
    MESH_IS_INT(targets.refused.nelts, 1, "errors that pass are told");
    MESH_IS_STR(&name[0], "c", "of which rule");

    ngx_str_set(&text, "{\"SamplingTargetDocuments\":{}}");
    MESH_IS_INT(ngx_mesh_sampler_read_targets(u->pool, &text, &targets,
                                              &error),
                NGX_ERROR, "no targets");
}

MESH_UNIT(mesh_unit_sampler_targets)


static void
mesh_unit_sampler_write(ngx_mesh_unit_t *u)
{
    u_char                        id[NGX_MESH_SAMPLER_ID_LEN];
    ngx_str_t                     text, next;
    ngx_mesh_sampler_document_t   doc;

    ngx_str_null(&next);
    (void) ngx_mesh_sampler_write_rules(u->pool, &next, &text);
    MESH_IS_STR(&text, "{}", "the first page");

    ngx_str_set(&next, "a\"b");
    (void) ngx_mesh_sampler_write_rules(u->pool, &next, &text);
    MESH_IS_STR(&text, "{\"NextToken\":\"a\\\"b\"}", "another one");

    ngx_memzero(&doc, sizeof(ngx_mesh_sampler_document_t));
    ngx_memcpy(doc.name, "r", 2);
    doc.counts.requests = 3;
    doc.counts.sampled = 2;
    doc.counts.borrowed = 1;

    ngx_memcpy(id, "0123456789abcdef01234567", NGX_MESH_SAMPLER_ID_LEN);

    (void) ngx_mesh_sampler_write_documents(u->pool, &doc, 1, id, 1700000000,
                                            &text);
    MESH_IS_STR(&text, "{\"SamplingStatisticsDocuments\":[{\"RuleName\":\"r\","
                "\"ClientID\":\"0123456789abcdef01234567\","
                "\"Timestamp\":1700000000,\"RequestCount\":3,"
                "\"SampledCount\":2,\"BorrowCount\":1}]}", "statistics");
}

MESH_UNIT(mesh_unit_sampler_write)


/* attributes are an application's, and none of them is no condition */

static void
mesh_unit_sampler_attributes(ngx_mesh_unit_t *u)
{
    u_char                    *text;
    ngx_str_t                  next;
    ngx_uint_t                 i;
    ngx_mesh_sampler_table_t  *table;

    static struct {
        const char  *text;
        ngx_uint_t   taken;
    } tests[] = {
        { "", 1 },
        { "\"Attributes\":{},", 1 },
        { "\"Attributes\":null,", 1 },
        { "\"Attributes\":{\"a\":\"b\"},", 0 },
        { "\"Attributes\":[],", 0 },
        { "\"Attributes\":\"\",", 0 }
    };

    table = ngx_palloc(u->pool, sizeof(ngx_mesh_sampler_table_t));
    text = ngx_pnalloc(u->pool, 1024);

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        ngx_memzero(table, sizeof(ngx_mesh_sampler_table_t));

        (void) ngx_sprintf(text, "{\"SamplingRuleRecords\":[{"
                           "\"SamplingRule\":{" MESH_SAMPLER_RULE "%s"
                           "\"RuleName\":\"a\",\"Priority\":1,"
                           "\"FixedRate\":0}}]}%Z", tests[i].text);

        MESH_OK(mesh_unit_sampler_read(u, (char *) text, table, &next)
                == NGX_OK && table->n == tests[i].taken,
                "a rule with %s", tests[i].text);
    }
}

MESH_UNIT(mesh_unit_sampler_attributes)


/* what is decided at "now" for a request that the local rules do not trace */

static ngx_uint_t
mesh_unit_sampler_decides(ngx_mesh_sampler_view_t *v)
{
    ngx_mesh_sampling_request_t  rq;

    ngx_str_set(&rq.host, "app.local");
    ngx_str_set(&rq.method, "GET");
    ngx_str_set(&rq.path, "/");

    return ngx_mesh_sampling_decide(v->sampling, &rq, 1, 0);
}


/* seconds of two workers that share rules, one of which asks the daemon */

static void
mesh_unit_sampler_age(ngx_mesh_unit_t *u)
{
    ngx_uint_t                  i;
    ngx_slab_pool_t            *zone[2];
    ngx_mesh_sampler_view_t     v[2];
    ngx_mesh_sampler_table_t   *table;
    ngx_mesh_sampling_rules_t  *local;

    enum { T = 1700000000, HOUR = 3600 };

    zone[0] = ngx_mesh_unit_zone(1024 * 1024);
    zone[1] = ngx_mesh_unit_zone(1024 * 1024);
    table = ngx_pcalloc(u->pool, sizeof(ngx_mesh_sampler_table_t));
    local = ngx_mesh_sampling_default(u->pool, 0);

    if (zone[0] == NULL || zone[1] == NULL || table == NULL || local == NULL) {
        MESH_OK(0, "memory");
        return;
    }

    local->rules[0].target = 0;

    for (i = 0; i < 2; i++) {
        ngx_memzero(&v[i], sizeof(ngx_mesh_sampler_view_t));

        v[i].share = ngx_mesh_sampler_share_attach(u->pool, zone[0]);
        v[i].sampling = ngx_mesh_sampling_attach(u->pool, zone[1], local);
        v[i].rest = local->rules[0];
        v[i].log = u->log;

        ngx_mesh_sampling_init_worker(v[i].sampling, u->log);
    }

    MESH_IS_INT(ngx_mesh_sampler_follow(&v[0], T), NGX_MESH_SAMPLER_SAME,
                "before the daemon was asked there is nothing to follow");
    MESH_IS_INT(mesh_unit_sampler_decides(&v[0]), 0, "local rules decide");

    table->n = 1;
    table->rules[0].rate = NGX_MESH_SAMPLING_MILLION;
    (void) ngx_cpystrn(table->rules[0].name, (u_char *) "all", 4);
    table->rules[0].host[0] = '*';
    table->rules[0].method[0] = '*';
    table->rules[0].path[0] = '*';

    MESH_IS_INT(ngx_mesh_sampler_share_publish(v[0].share, table, T), 1,
                "rules are shared");

    for (i = 0; i < 2; i++) {
        MESH_IS_INT(ngx_mesh_sampler_follow(&v[i], T),
                    NGX_MESH_SAMPLER_CHANGED, "worker %ui has them", i);
        MESH_IS_INT(mesh_unit_sampler_decides(&v[i]), 1, "they decide");
        MESH_IS_INT(ngx_mesh_sampler_follow(&v[i], T + HOUR),
                    NGX_MESH_SAMPLER_SAME, "for an hour");
        MESH_IS_INT(ngx_mesh_sampler_follow(&v[i], T - 10),
                    NGX_MESH_SAMPLER_SAME, "a clock may go back");
        MESH_IS_INT(mesh_unit_sampler_decides(&v[i]), 1, "they still do");
    }

    MESH_IS_INT(ngx_mesh_sampler_follow(&v[0], T + HOUR + 1),
                NGX_MESH_SAMPLER_TOO_OLD, "then they are too old");
    MESH_IS_INT(mesh_unit_sampler_decides(&v[0]), 0, "and local ones decide");
    MESH_IS_INT(mesh_unit_sampler_decides(&v[1]), 1,
                "in a worker that has looked");
    MESH_IS_INT(ngx_mesh_sampler_follow(&v[0], T + 2 * HOUR),
                NGX_MESH_SAMPLER_SAME, "which is told once");

    MESH_IS_INT(ngx_mesh_sampler_share_publish(v[1].share, table,
                                               T + 2 * HOUR), 0,
                "the daemon is back with the same rules");
    MESH_IS_INT(ngx_mesh_sampler_follow(&v[0], T + 2 * HOUR),
                NGX_MESH_SAMPLER_CHANGED, "which are in force again");
    MESH_IS_INT(mesh_unit_sampler_decides(&v[0]), 1, "and decide");
    MESH_IS_INT(ngx_mesh_sampler_follow(&v[1], T + 2 * HOUR),
                NGX_MESH_SAMPLER_SAME, "as they do where nobody has noticed");

    for (i = 0; i < 2; i++) {
        ngx_mesh_sampling_exit_worker(v[i].sampling);
        ngx_mesh_unit_unmap(zone[i]);
    }
}

MESH_UNIT(mesh_unit_sampler_age)
