
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * GetSamplingRules and GetSamplingTargets of the X-Ray API, as its daemon has
 * them at /GetSamplingRules and /SamplingTargets.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_json.h"
#include "ngx_mesh_sampler_parts.h"


#define NGX_MESH_SAMPLER_ORIGIN   "AWS::AppMesh::Proxy"
#define NGX_MESH_SAMPLER_DEFAULT  "Default"


static ngx_mesh_json_t *ngx_mesh_sampler_parse(ngx_pool_t *pool,
    ngx_str_t *text, const char *list, ngx_mesh_json_t **array,
    ngx_str_t *error);
static void ngx_mesh_sampler_read_rule(ngx_mesh_json_t *rule,
    ngx_str_t *service, ngx_mesh_sampler_table_t *table);
static ngx_uint_t ngx_mesh_sampler_applies(ngx_mesh_json_t *rule,
    ngx_str_t *service);
static ngx_uint_t ngx_mesh_sampler_pattern(ngx_mesh_json_t *rule,
    const char *name, const char *text, size_t len);
static ngx_uint_t ngx_mesh_sampler_copy(ngx_mesh_json_t *rule,
    const char *name, u_char *to, size_t max);
static ngx_uint_t ngx_mesh_sampler_number(ngx_mesh_json_t *object,
    const char *name, double least, double most, double *n);
static int ngx_libc_cdecl ngx_mesh_sampler_compare(const void *one,
    const void *two);
static ngx_uint_t ngx_mesh_sampler_is_default(ngx_mesh_sampler_rule_t *rule);
static void ngx_mesh_sampler_string(ngx_str_t *s, u_char *text);
static ngx_int_t ngx_mesh_sampler_read_target(ngx_mesh_json_t *doc,
    ngx_array_t *targets);
static ngx_int_t ngx_mesh_sampler_read_refused(ngx_mesh_json_t *root,
    ngx_array_t *refused);


ngx_int_t
ngx_mesh_sampler_read_rules(ngx_pool_t *pool, ngx_str_t *text,
    ngx_str_t *service, ngx_mesh_sampler_table_t *table, ngx_str_t *next,
    ngx_str_t *error)
{
    ngx_mesh_json_t  *root, *array, *record, *token, *rule;

    ngx_str_null(next);

    root = ngx_mesh_sampler_parse(pool, text, "SamplingRuleRecords", &array,
                                  error);
    if (root == NULL) {
        return NGX_ERROR;
    }

    for (record = array->u.child.first; record; record = record->next) {
        rule = ngx_mesh_json_get(record, "SamplingRule");

        if (rule && rule->type == NGX_MESH_JSON_OBJECT) {
            ngx_mesh_sampler_read_rule(rule, service, table);
        }
    }

    token = ngx_mesh_json_get(root, "NextToken");

    if (token && token->type == NGX_MESH_JSON_STRING) {
        *next = token->u.string;
    }

    return NGX_OK;
}


/* NULL: it is not an object with that list */

static ngx_mesh_json_t *
ngx_mesh_sampler_parse(ngx_pool_t *pool, ngx_str_t *text, const char *list,
    ngx_mesh_json_t **array, ngx_str_t *error)
{
    ngx_mesh_json_t         *root;
    ngx_mesh_json_limits_t   limits;

    limits.size = 0;
    limits.string = 4096;
    limits.depth = 8;
    limits.nodes = 20000;

    root = ngx_mesh_json_parse(pool, &limits, text, error);
    if (root == NULL) {
        return NULL;
    }

    *array = ngx_mesh_json_get(root, list);

    if (*array == NULL || (*array)->type != NGX_MESH_JSON_ARRAY) {
        ngx_str_set(error, "it is no answer of X-Ray");
        return NULL;
    }

    return root;
}


static void
ngx_mesh_sampler_read_rule(ngx_mesh_json_t *rule, ngx_str_t *service,
    ngx_mesh_sampler_table_t *table)
{
    double                    priority, target, rate;
    ngx_mesh_sampler_rule_t  *r;

    if (table->n == NGX_MESH_SAMPLER_RULES
        || !ngx_mesh_sampler_applies(rule, service))
    {
        return;
    }

    r = &table->rules[table->n];
    ngx_memzero(r, sizeof(ngx_mesh_sampler_rule_t));

    if (!ngx_mesh_sampler_copy(rule, "RuleName", r->name,
                               NGX_MESH_SAMPLER_NAME)
        || r->name[0] == '\0'
        || !ngx_mesh_sampler_copy(rule, "Host", r->host,
                                  NGX_MESH_SAMPLER_HOST)
        || !ngx_mesh_sampler_copy(rule, "HTTPMethod", r->method,
                                  NGX_MESH_SAMPLER_METHOD)
        || !ngx_mesh_sampler_copy(rule, "URLPath", r->path,
                                  NGX_MESH_SAMPLER_PATH)
        || !ngx_mesh_sampler_number(rule, "Priority", 0, 1e6, &priority)
        || !ngx_mesh_sampler_number(rule, "ReservoirSize", 0, 1e9, &target)
        || !ngx_mesh_sampler_number(rule, "FixedRate", 0, 1, &rate))
    {
        return;
    }

    r->priority = (uint32_t) priority;
    r->target = (uint32_t) target;
    r->rate = (uint32_t) (rate * NGX_MESH_SAMPLING_MILLION + 0.5);

    table->n++;
}


/*
 * A service, its type and its resource are the same for all requests of this
 * proxy; attributes are those of an application, which it does not know.
 */

static ngx_uint_t
ngx_mesh_sampler_applies(ngx_mesh_json_t *rule, ngx_str_t *service)
{
    double            version;
    ngx_mesh_json_t  *attributes;

    attributes = ngx_mesh_json_get(rule, "Attributes");

    return ngx_mesh_sampler_number(rule, "Version", 1, 1, &version)
           && (attributes == NULL
               || attributes->type == NGX_MESH_JSON_NULL
               || (attributes->type == NGX_MESH_JSON_OBJECT
                   && attributes->nelts == 0))
           && ngx_mesh_sampler_pattern(rule, "ResourceARN", "*", 1)
           && ngx_mesh_sampler_pattern(rule, "ServiceType",
                                       NGX_MESH_SAMPLER_ORIGIN,
                                       sizeof(NGX_MESH_SAMPLER_ORIGIN) - 1)
           && ngx_mesh_sampler_pattern(rule, "ServiceName",
                                       (char *) service->data, service->len);
}


static ngx_uint_t
ngx_mesh_sampler_pattern(ngx_mesh_json_t *rule, const char *name,
    const char *text, size_t len)
{
    ngx_str_t         s;
    ngx_mesh_json_t  *pattern;

    pattern = ngx_mesh_json_get(rule, name);

    if (pattern == NULL || pattern->type != NGX_MESH_JSON_STRING) {
        return 0;
    }

    s.data = (u_char *) text;
    s.len = len;

    return ngx_mesh_sampling_match(&pattern->u.string, &s);
}


static ngx_uint_t
ngx_mesh_sampler_copy(ngx_mesh_json_t *rule, const char *name, u_char *to,
    size_t max)
{
    ngx_str_t        *s;
    ngx_mesh_json_t  *value;

    value = ngx_mesh_json_get(rule, name);

    if (value == NULL || value->type != NGX_MESH_JSON_STRING) {
        return 0;
    }

    s = &value->u.string;

    if (s->len > max || ngx_strlchr(s->data, s->data + s->len, '\0')) {
        return 0;
    }

    ngx_memcpy(to, s->data, s->len);

    return 1;
}


/* "1.5e9" and the like, too: times are written so */

static ngx_uint_t
ngx_mesh_sampler_number(ngx_mesh_json_t *object, const char *name,
    double least, double most, double *n)
{
    char              buf[64];
    ngx_mesh_json_t  *value;

    value = ngx_mesh_json_get(object, name);

    if (value == NULL
        || value->type != NGX_MESH_JSON_NUMBER
        || value->u.string.len >= sizeof(buf))
    {
        return 0;
    }

    (void) ngx_cpystrn((u_char *) buf, value->u.string.data,
                       value->u.string.len + 1);

    *n = strtod(buf, NULL);

    return *n >= least && *n <= most;
}


void
ngx_mesh_sampler_sort(ngx_mesh_sampler_table_t *table)
{
    ngx_qsort(table->rules, table->n, sizeof(ngx_mesh_sampler_rule_t),
              ngx_mesh_sampler_compare);
}


static int ngx_libc_cdecl
ngx_mesh_sampler_compare(const void *one, const void *two)
{
    ngx_int_t                 last;
    ngx_mesh_sampler_rule_t  *first, *second;

    first = (ngx_mesh_sampler_rule_t *) one;
    second = (ngx_mesh_sampler_rule_t *) two;

    last = (ngx_int_t) ngx_mesh_sampler_is_default(first)
           - (ngx_int_t) ngx_mesh_sampler_is_default(second);

    if (last) {
        return (int) last;
    }

    if (first->priority != second->priority) {
        return first->priority < second->priority ? -1 : 1;
    }

    return ngx_strcmp(first->name, second->name);
}


static ngx_uint_t
ngx_mesh_sampler_is_default(ngx_mesh_sampler_rule_t *rule)
{
    return ngx_strcmp(rule->name, NGX_MESH_SAMPLER_DEFAULT) == 0;
}


ngx_mesh_sampling_rules_t *
ngx_mesh_sampler_set(ngx_mesh_sampler_table_t *table,
    ngx_mesh_sampling_rule_t *rest, ngx_log_t *log)
{
    ngx_uint_t                  i;
    ngx_pool_t                 *pool;
    ngx_mesh_sampler_rule_t    *copy;
    ngx_mesh_sampling_rule_t   *rule;
    ngx_mesh_sampling_rules_t  *set;

    pool = ngx_create_pool(4096, log);
    if (pool == NULL) {
        return NULL;
    }

    set = ngx_palloc(pool, sizeof(ngx_mesh_sampling_rules_t));
    rule = ngx_pcalloc(pool, (table->n + 1)
                             * sizeof(ngx_mesh_sampling_rule_t));
    copy = ngx_palloc(pool, table->n * sizeof(ngx_mesh_sampler_rule_t) + 1);

    if (set == NULL || rule == NULL || copy == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    ngx_memcpy(copy, table->rules, table->n * sizeof(ngx_mesh_sampler_rule_t));

    for (i = 0; i < table->n; i++) {
        ngx_mesh_sampler_string(&rule[i].name, copy[i].name);
        ngx_mesh_sampler_string(&rule[i].host, copy[i].host);
        ngx_mesh_sampler_string(&rule[i].method, copy[i].method);
        ngx_mesh_sampler_string(&rule[i].path, copy[i].path);

        rule[i].target = copy[i].target;
        rule[i].rate = copy[i].rate;
    }

    rule[i].target = rest->target;
    rule[i].rate = rest->rate;

    set->pool = pool;
    set->rules = rule;
    set->nrules = table->n + 1;
    set->central = 1;

    return set;
}


static void
ngx_mesh_sampler_string(ngx_str_t *s, u_char *text)
{
    s->data = text;
    s->len = ngx_strlen(text);
}


ngx_int_t
ngx_mesh_sampler_write_rules(ngx_pool_t *pool, ngx_str_t *next,
    ngx_str_t *text)
{
    ngx_mesh_json_t  *root;

    root = ngx_mesh_json_add(pool, NULL, NULL, NGX_MESH_JSON_OBJECT);

    if (root == NULL
        || (next->len && ngx_mesh_json_add_string(pool, root, "NextToken",
                                                  next)
                         == NULL))
    {
        return NGX_ERROR;
    }

    return ngx_mesh_json_print(pool, root, text);
}


ngx_int_t
ngx_mesh_sampler_write_documents(ngx_pool_t *pool,
    ngx_mesh_sampler_document_t *docs, ngx_uint_t n, u_char *id, time_t now,
    ngx_str_t *text)
{
    ngx_str_t         name, client;
    ngx_uint_t        i;
    ngx_mesh_json_t  *root, *array, *doc;

    client.data = id;
    client.len = NGX_MESH_SAMPLER_ID_LEN;

    root = ngx_mesh_json_add(pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    if (root == NULL) {
        return NGX_ERROR;
    }

    array = ngx_mesh_json_add(pool, root, "SamplingStatisticsDocuments",
                              NGX_MESH_JSON_ARRAY);
    if (array == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        doc = ngx_mesh_json_add(pool, array, NULL, NGX_MESH_JSON_OBJECT);

        ngx_mesh_sampler_string(&name, docs[i].name);

        if (doc == NULL
            || ngx_mesh_json_add_string(pool, doc, "RuleName", &name) == NULL
            || ngx_mesh_json_add_string(pool, doc, "ClientID", &client) == NULL
            || ngx_mesh_json_add_number(pool, doc, "Timestamp", now) == NULL
            || ngx_mesh_json_add_number(pool, doc, "RequestCount",
                                        docs[i].counts.requests) == NULL
            || ngx_mesh_json_add_number(pool, doc, "SampledCount",
                                        docs[i].counts.sampled) == NULL
            || ngx_mesh_json_add_number(pool, doc, "BorrowCount",
                                        docs[i].counts.borrowed) == NULL)
        {
            return NGX_ERROR;
        }
    }

    return ngx_mesh_json_print(pool, root, text);
}


ngx_int_t
ngx_mesh_sampler_read_targets(ngx_pool_t *pool, ngx_str_t *text,
    ngx_mesh_sampler_targets_t *targets, ngx_str_t *error)
{
    double            modified;
    ngx_mesh_json_t  *root, *array, *doc;

    root = ngx_mesh_sampler_parse(pool, text, "SamplingTargetDocuments",
                                  &array, error);

    if (root == NULL
        || ngx_array_init(&targets->targets, pool, 8,
                          sizeof(ngx_mesh_sampler_target_t)) != NGX_OK
        || ngx_array_init(&targets->refused, pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (doc = array->u.child.first; doc; doc = doc->next) {
        if (ngx_mesh_sampler_read_target(doc, &targets->targets) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    targets->modified = 0;

    if (ngx_mesh_sampler_number(root, "LastRuleModification", 1, 1e11,
                                &modified))
    {
        targets->modified = (time_t) modified;
    }

    return ngx_mesh_sampler_read_refused(root, &targets->refused);
}


static ngx_int_t
ngx_mesh_sampler_read_target(ngx_mesh_json_t *doc, ngx_array_t *targets)
{
    double                      n;
    ngx_mesh_json_t            *name;
    ngx_mesh_sampler_target_t  *t;

    name = ngx_mesh_json_get(doc, "RuleName");

    if (name == NULL || name->type != NGX_MESH_JSON_STRING) {
        return NGX_OK;
    }

    t = ngx_array_push(targets);
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->name = name->u.string;
    t->rate = NGX_ERROR;
    t->quota = NGX_ERROR;
    t->expires = 0;
    t->interval = 0;

    if (ngx_mesh_sampler_number(doc, "FixedRate", 0, 1, &n)) {
        t->rate = (ngx_int_t) (n * NGX_MESH_SAMPLING_MILLION + 0.5);
    }

    if (ngx_mesh_sampler_number(doc, "ReservoirQuota", 0, 1e9, &n)) {
        t->quota = (ngx_int_t) n;
    }

    if (ngx_mesh_sampler_number(doc, "ReservoirQuotaTTL", 1, 1e11, &n)) {
        t->expires = (time_t) n;
    }

    if (ngx_mesh_sampler_number(doc, "Interval", 1, 3600, &n)) {
        t->interval = (ngx_uint_t) n;
    }

    return NGX_OK;
}


/* X-Ray's own errors pass, those of the request do not */

static ngx_int_t
ngx_mesh_sampler_read_refused(ngx_mesh_json_t *root, ngx_array_t *refused)
{
    ngx_str_t        *s;
    ngx_mesh_json_t  *array, *doc, *name, *code;

    array = ngx_mesh_json_get(root, "UnprocessedStatistics");

    if (array == NULL || array->type != NGX_MESH_JSON_ARRAY) {
        return NGX_OK;
    }

    for (doc = array->u.child.first; doc; doc = doc->next) {
        name = ngx_mesh_json_get(doc, "RuleName");
        code = ngx_mesh_json_get(doc, "ErrorCode");

        if (name == NULL || name->type != NGX_MESH_JSON_STRING
            || code == NULL || code->type != NGX_MESH_JSON_STRING
            || code->u.string.len == 0 || code->u.string.data[0] != '5')
        {
            continue;
        }

        s = ngx_array_push(refused);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = name->u.string;
    }

    return NGX_OK;
}
