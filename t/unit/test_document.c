
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The loader itself: steps of any size, an end at any moment, whose document it
 * is, what it ignores, where errors are, how long it takes and how much memory
 * a model has.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_match.h"
#include "mesh_unit_document.h"


/* the budgets of a model, in bytes */
#define MESH_UNIT_CLUSTER   1024
#define MESH_UNIT_ENDPOINT  150

/* sanitizers are slow, and so are busy machines */
#if (NGX_DEBUG_PALLOC)
#define MESH_UNIT_SLOW      10
#else
#define MESH_UNIT_SLOW      1
#endif

#define MESH_UNIT_NODES     10000
#define MESH_UNIT_PER_NODE  10


/* what a model says, to compare two of them */

static u_char *
mesh_unit_summary(ngx_mesh_model_t *m, u_char *p, u_char *last)
{
    ngx_uint_t           i, j, k;
    ngx_mesh_cluster_t  *c;

    for (i = 0; i < m->nnodes; i++) {
        p = ngx_slprintf(p, last, "%V", &m->nodes[i].name);

        for (j = 0; j < m->nodes[i].listeners.nelts; j++) {
            c = &m->nodes[i].clusters[j];
            p = ngx_slprintf(p, last, " %ui/%uD/%uD", (ngx_uint_t)
                             c->listener->port, c->nendpoints, c->neligible);

            for (k = 0; k < c->nendpoints; k++) {
                p = ngx_slprintf(p, last, " %V %xL", &c->endpoints[k].name,
                                 c->endpoints[k].key);
            }
        }

        p = ngx_slprintf(p, last, "\n");
    }

    for (i = 0; i < m->nservices; i++) {
        p = ngx_slprintf(p, last, "%V", &m->services[i].host);

        for (j = 0; j < m->services[i].nroutes; j++) {
            p = ngx_slprintf(p, last, " %V", &m->services[i].routes[j]->name);
        }
    }

    return p;
}


static void
mesh_unit_document_steps(ngx_mesh_unit_t *u)
{
    u_char            *whole, *parts, *p, *q;
    size_t             size;
    ngx_str_t          text;
    ngx_uint_t         i;
    ngx_mesh_model_t  *m;

    static ngx_uint_t  units[] = { 1, 2, 7, 64, 100000 };

    size = 65536;
    whole = ngx_palloc(u->pool, size);
    parts = ngx_palloc(u->pool, size);

    if (mesh_unit_data(u, "full.json", &text) != NGX_OK) {
        return;
    }

    m = mesh_unit_load(u, NULL, &text, 0, NULL);

    if (!MESH_OK(m != NULL, "at once")) {
        return;
    }

    p = mesh_unit_summary(m, whole, whole + size);

    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        m = mesh_unit_load(u, NULL, &text, units[i], NULL);

        if (MESH_OK(m != NULL, "in steps of %ui", units[i])) {
            q = mesh_unit_summary(m, parts, parts + size);

            MESH_OK(q - parts == p - whole
                    && ngx_memcmp(whole, parts, p - whole) == 0,
                    "gives the same");
        }
    }
}

MESH_UNIT(mesh_unit_document_steps)


/* the leak check of the runner sees what a loader that is given up leaves */

static void
mesh_unit_document_given_up(ngx_mesh_unit_t *u)
{
    ngx_int_t                rc;
    ngx_str_t                text;
    ngx_uint_t               i, n;
    ngx_mesh_loader_t       *ld;
    ngx_mesh_loader_conf_t   conf;

    mesh_unit_conf(u, &conf);

    if (mesh_unit_data(u, "full.json", &text) != NGX_OK) {
        return;
    }

    for (n = 0; n < 10000; n++) {
        ld = ngx_mesh_loader_create(&conf, &text);
        rc = NGX_AGAIN;

        for (i = 0; i < n && rc == NGX_AGAIN; i++) {
            rc = ngx_mesh_loader_step(ld, 1);
        }

        if (rc == NGX_AGAIN && ngx_mesh_loader_model(ld) != NULL) {
            (void) MESH_OK(0, "no model before the end");
        }

        ngx_mesh_loader_free(ld);

        if (rc != NGX_AGAIN) {
            break;
        }
    }

    MESH_IS_INT(rc, NGX_OK, "%ui loaders were given up, the last one ended",
                n);
}

MESH_UNIT(mesh_unit_document_given_up)


static void
mesh_unit_document_minimal(ngx_mesh_unit_t *u)
{
    ngx_str_t                text, first;
    ngx_mesh_model_t        *m;
    ngx_mesh_loader_t       *ld;
    ngx_mesh_loader_conf_t   conf;

    mesh_unit_conf(u, &conf);

    if (mesh_unit_data(u, "minimal.json", &text) != NGX_OK) {
        return;
    }

    ld = ngx_mesh_loader_create(&conf, &text);

    MESH_IS_INT(ngx_mesh_loader_step(ld, 0), NGX_OK, "accepted");
    MESH_IS_INT(ngx_mesh_loader_step(ld, 0), NGX_OK, "and stays so");
    MESH_IS_INT(ngx_mesh_loader_unknown(ld, &first), 0, "nothing unknown");

    m = ngx_mesh_loader_model(ld);

    MESH_OK(ngx_mesh_loader_model(ld) == NULL, "the model is given once");

    ngx_mesh_loader_free(ld);

    /* the model outlives text and loader */

    ngx_memzero(text.data, text.len);

    MESH_IS_STR(&m->version, "1", "version");
    MESH_IS_STR(&m->mesh_name, "shop", "mesh name");
    MESH_IS_INT(m->egress_filter, NGX_MESH_DROP_ALL, "egress filter");
    MESH_IS_INT(m->ip_preference, NGX_MESH_IP_UNSET, "IP preference");
    MESH_OK(ngx_mesh_map_find(m->egress, (u_char *) "a", 1) == NULL,
            "no egress");

    ngx_mesh_pool_destroy(m->pool);
}

MESH_UNIT(mesh_unit_document_minimal)


static void
mesh_unit_document_refused(ngx_mesh_unit_t *u)
{
    ngx_str_t    text, error;
    ngx_uint_t   i;

    static struct {
        const char  *text;
        const char  *error;
    } cases[] = {
        { "[]", "must be an object (is a list)" },
        { "7", "must be an object (is 7)" },
        { "{\"meshDocument\": 2, \"spec\": 1}", "meshDocument: must be 1" },
        { "{\"meshDocument\": 1.0}", "meshDocument: must be 1" },
        { "{\"meshDocument\": 1, \"version\": 1}",
          "version: must be a string (is 1)" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text.data = (u_char *) cases[i].text;
        text.len = ngx_strlen(cases[i].text);

        ngx_str_set(&error, "(accepted)");

        (void) mesh_unit_load(u, NULL, &text, 0, &error);

        MESH_IS_STR(&error, cases[i].error, "%s", cases[i].text);
    }

    ngx_str_set(&text, "{\"meshDocument\": 1, ");
    ngx_str_null(&error);

    MESH_OK(mesh_unit_load(u, NULL, &text, 0, &error) == NULL,
            "half a document is refused");
    MESH_OK(error.len != 0, "for a reason: %V", &error);
}

MESH_UNIT(mesh_unit_document_refused)


/* whose document it is, and what that one may reach */

static void
mesh_unit_document_self(ngx_mesh_unit_t *u)
{
    ngx_str_t                    text, error;
    ngx_mesh_model_t            *m;
    ngx_mesh_loader_conf_t       conf;
    ngx_mesh_virtual_service_t  *cart, *stock, *web;

    mesh_unit_conf(u, &conf);

    if (mesh_unit_data(u, "full.json", &text) != NGX_OK) {
        return;
    }

#define mesh_unit_reach(host)                                                 \
    ngx_mesh_map_find(m->egress, (u_char *) host, sizeof(host) - 1)

    m = mesh_unit_load(u, &conf, &text, 0, NULL);
    MESH_OK(mesh_unit_reach("batch.shop.local") != NULL
            && mesh_unit_reach("cart.shop.local") != NULL,
            "nobody reaches everything");

    ngx_str_set(&conf.mesh_name, "shop");
    conf.resource_type = NGX_MESH_RESOURCE_VIRTUAL_NODE;
    ngx_str_set(&conf.resource, "web");

    m = mesh_unit_load(u, &conf, &text, 0, NULL);

    if (!MESH_OK(m != NULL, "a node")) {
        return;
    }

    cart = mesh_unit_service(m, "cart.Shop.local");
    stock = mesh_unit_service(m, "stock.shop.local");
    web = mesh_unit_service(m, "web.shop.local");

    MESH_OK(m->node == mesh_unit_node(m, "web") && m->gateway == NULL,
            "finds itself");
    MESH_OK(mesh_unit_reach("cart.shop.local") == cart
            && mesh_unit_reach("stock.shop.local") == stock,
            "reaches its backends");
    MESH_OK(mesh_unit_reach("web.shop.local") == NULL
            && mesh_unit_reach("later.shop.local") == NULL, "and no other");
    MESH_IS_INT(cart->client_policy->enforce, 0, "with the backend's policy");
    MESH_OK(stock->client_policy == m->node->client_policy,
            "or the default one");
    MESH_OK(web->client_policy == NULL, "or none");

    conf.resource_type = NGX_MESH_RESOURCE_VIRTUAL_GATEWAY;
    ngx_str_set(&conf.resource, "front");

    m = mesh_unit_load(u, &conf, &text, 0, NULL);

    if (!MESH_OK(m != NULL, "a gateway")) {
        return;
    }

    cart = mesh_unit_service(m, "cart.Shop.local");

    MESH_OK(m->gateway == m->gateways && m->node == NULL, "finds itself");
    MESH_OK(mesh_unit_reach("cart.shop.local") == cart
            && mesh_unit_reach("feed-direct.shop.local") != NULL,
            "reaches what its routes lead to");
    MESH_OK(mesh_unit_reach("web.shop.local") == NULL, "and no other");
    MESH_OK(cart->client_policy == m->gateway->client_policy,
            "with its policy");

    ngx_str_set(&conf.resource, "web");
    (void) mesh_unit_load(u, &conf, &text, 0, &error);
    MESH_IS_STR(&error, "virtualGateways: has no virtual gateway \"web\", "
                "which this proxy is", "a gateway that is not there");

    conf.resource_type = NGX_MESH_RESOURCE_VIRTUAL_NODE;
    ngx_str_set(&conf.resource, "order");
    (void) mesh_unit_load(u, &conf, &text, 0, &error);
    MESH_IS_STR(&error, "virtualNodes: has no virtual node \"order\", "
                "which this proxy is", "a node that is not there");

    ngx_str_set(&conf.mesh_name, "other");
    (void) mesh_unit_load(u, &conf, &text, 0, &error);
    MESH_IS_STR(&error, "mesh.meshName: is \"shop\", but this proxy is of the "
                "mesh \"other\"", "another mesh");

    if (mesh_unit_data(u, "minimal.json", &text) == NGX_OK) {
        ngx_str_null(&conf.mesh_name);
        (void) mesh_unit_load(u, &conf, &text, 0, &error);
        MESH_IS_STR(&error, "has no virtual node \"order\", "
                    "which this proxy is", "no nodes at all");
    }
}

MESH_UNIT(mesh_unit_document_self)


static void
mesh_unit_document_unknown(ngx_mesh_unit_t *u)
{
    ngx_int_t                rc;
    ngx_str_t                text, first;
    ngx_mesh_loader_t       *ld;
    ngx_mesh_loader_conf_t   conf;

    mesh_unit_conf(u, &conf);

    /* unknown members are of types that known ones of other shapes are not */

    ngx_str_set(&text,
        "{\"meshDocument\": 1, \"version\": \"1\","
        " \"mesh\": {\"meshName\": \"m\"}, \"meshes\": 1,"
        " \"virtualNodes\": [{\"virtualNodeName\": \"n\", \"spec\": {"
        "   \"listeners\": [{\"portMapping\": {\"port\": 80,"
        "     \"protocol\": \"http\"}}], \"priority\": []},"
        "   \"meta\": {}}],"
        " \"virtualRouters\": [{\"virtualRouterName\": \"r\", \"spec\": {}}],"
        " \"routes\": [{\"virtualRouterName\": \"r\", \"routeName\": \"x\","
        "   \"spec\": {\"httpRoute\": {\"match\": {\"hostname\": {"
        "     \"exact\": {}}, \"metadata\": 7, \"queryParameters\": [{"
        "     \"name\": \"q\", \"match\": {\"exact\": \"a\", \"regex\": {}}}]},"
        "   \"action\": {\"weightedTargets\": [{\"virtualNode\": \"n\","
        "     \"weight\": 1}]}}}}],"
        " \"endpoints\": {\"n\": [{\"ip\": \"10.0.0.1\"}],"
        "                 \"o\": [{\"ip\": \"10.0.0.1\"}]}}");

    ld = ngx_mesh_loader_create(&conf, &text);
    rc = ngx_mesh_loader_step(ld, 0);

    MESH_IS_INT(rc, NGX_OK, "unknown members do no harm %V",
                ngx_mesh_loader_error(ld));
    MESH_IS_INT(ngx_mesh_loader_unknown(ld, &first), 7, "they are counted");
    MESH_IS_STR(&first, "meshes", "and the first one is told");

    ngx_mesh_loader_free(ld);
}

MESH_UNIT(mesh_unit_document_unknown)


/* a tree, as directives build it, has sources for its values */

static void
mesh_unit_document_tree(ngx_mesh_unit_t *u)
{
    ngx_str_t                s;
    ngx_mesh_json_t         *root, *node, *value;
    ngx_mesh_model_t        *m;
    ngx_mesh_loader_t       *ld;
    ngx_mesh_json_source_t   source;
    ngx_mesh_loader_conf_t   conf;

    mesh_unit_conf(u, &conf);

    root = ngx_mesh_json_add(u->pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    (void) ngx_mesh_json_add_number(u->pool, root, "meshDocument", 1);
    ngx_str_set(&s, "7");
    (void) ngx_mesh_json_add_string(u->pool, root, "version", &s);
    value = ngx_mesh_json_add(u->pool, root, "mesh", NGX_MESH_JSON_OBJECT);
    (void) ngx_mesh_json_add_string(u->pool, value, "meshName", &s);
    value = ngx_mesh_json_add(u->pool, root, "virtualNodes",
                              NGX_MESH_JSON_ARRAY);
    node = ngx_mesh_json_add(u->pool, value, NULL, NGX_MESH_JSON_OBJECT);

    source.line = 12;
    node->source = &source;

    (void) ngx_mesh_json_add_string(u->pool, node, "virtualNodeName", &s);
    value = ngx_mesh_json_add(u->pool, node, "spec", NGX_MESH_JSON_OBJECT);
    value->source = NULL;

    ld = ngx_mesh_loader_create_tree(&conf, root);

    MESH_IS_INT(ngx_mesh_loader_step(ld, 0), NGX_OK, "a tree is accepted");
    MESH_OK(ngx_mesh_loader_error_source(ld) == NULL, "no error, no source");

    m = ngx_mesh_loader_model(ld);
    MESH_IS_STR(&m->nodes[0].name, "7", "the model is the same");
    ngx_mesh_loader_free(ld);
    ngx_mesh_pool_destroy(m->pool);

    value = ngx_mesh_json_add(u->pool, value, "serviceDiscovery",
                              NGX_MESH_JSON_OBJECT);
    value->source = NULL;

    ld = ngx_mesh_loader_create_tree(&conf, root);

    MESH_IS_INT(ngx_mesh_loader_step(ld, 0), NGX_ERROR, "a tree is refused");
    MESH_IS_INT(ngx_mesh_loader_step(ld, 0), NGX_ERROR, "and stays so");
    MESH_IS_STR(ngx_mesh_loader_error(ld),
                "virtualNodes[0].spec.serviceDiscovery: must have exactly one "
                "of \"awsCloudMap\", \"dns\"", "error");
    MESH_OK(ngx_mesh_loader_error_source(ld) == &source,
            "the source is that of the nearest value around");

    ngx_mesh_loader_free(ld);
}

MESH_UNIT(mesh_unit_document_tree)


/* a mesh of "nodes" nodes, each with a service and "n" endpoints */

static void
mesh_unit_generate(ngx_mesh_unit_t *u, ngx_uint_t nodes, ngx_uint_t n,
    ngx_str_t *text)
{
    u_char      *p, *last;
    size_t       size;
    ngx_uint_t   i, j;

    size = 1024 + nodes * (512 + n * 96);

    text->data = ngx_palloc(u->pool, size);
    p = text->data;
    last = p + size;

    p = ngx_slprintf(p, last, "{\"meshDocument\":1,\"version\":\"big\","
                     "\"mesh\":{\"meshName\":\"big\",\"spec\":{}},"
                     "\"virtualNodes\":[");

    for (i = 0; i < nodes; i++) {
        p = ngx_slprintf(p, last, "%s{\"virtualNodeName\":\"node-%ui\","
                         "\"spec\":{\"listeners\":[{\"portMapping\":{\"port\":"
                         "8080,\"protocol\":\"http\"}}],\"serviceDiscovery\":"
                         "{\"awsCloudMap\":{\"namespaceName\":\"big.local\","
                         "\"serviceName\":\"service-%ui\"}}}}",
                         i ? "," : "", i, i);
    }

    p = ngx_slprintf(p, last, "],\"virtualServices\":[");

    for (i = 0; i < nodes; i++) {
        p = ngx_slprintf(p, last, "%s{\"virtualServiceName\":\"service-%ui."
                         "big.local\",\"spec\":{\"provider\":{\"virtualNode\":"
                         "{\"virtualNodeName\":\"node-%ui\"}}}}",
                         i ? "," : "", i, i);
    }

    p = ngx_slprintf(p, last, "],\"endpoints\":{");

    for (i = 0; i < nodes; i++) {
        p = ngx_slprintf(p, last, "%s\"node-%ui\":[", i ? "," : "", i);

        for (j = 0; j < n; j++) {
            p = ngx_slprintf(p, last, "%s{\"ip\":\"10.%ui.%ui.%ui\",\"port\":"
                             "8080,\"healthStatus\":\"HEALTHY\",\"zone\":"
                             "\"eu-west-1%c\"}", j ? "," : "",
                             (i + j) >> 16 & 255, (i + j) >> 8 & 255,
                             (i + j) & 255, 'a' + (int) (j % 3));
        }

        p = ngx_slprintf(p, last, "]");
    }

    p = ngx_slprintf(p, last, "}}");

    text->len = p - text->data;
}


/* time of this process only: other tests run at the same time */

static uint64_t
mesh_unit_usec(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* "nodes" and "n" as for mesh_unit_generate() */

static void
mesh_unit_timed(ngx_mesh_unit_t *u, ngx_uint_t nodes, ngx_uint_t n)
{
    uint64_t                 start, begin, took, longest, total, freed;
    ngx_int_t                rc;
    ngx_str_t                text;
    ngx_uint_t               steps, slow, which;
    ngx_mesh_model_t        *m;
    ngx_mesh_loader_t       *ld;
    ngx_mesh_loader_conf_t   conf;

    mesh_unit_conf(u, &conf);
    mesh_unit_generate(u, nodes, n, &text);

    start = mesh_unit_usec();

    ld = ngx_mesh_loader_create(&conf, &text);
    longest = 0;
    which = 0;
    steps = 0;
    slow = 0;

    do {
        begin = mesh_unit_usec();
        rc = ngx_mesh_loader_step(ld, 64);
        took = mesh_unit_usec() - begin;

        if (took > longest) {
            longest = took;
            which = steps;
        }

        slow += took > 1000;
        steps++;

    } while (rc == NGX_AGAIN);

    total = mesh_unit_usec() - start;

    if (!MESH_OK(rc == NGX_OK, "%ui nodes, %ui endpoints each: accepted %V",
                 nodes, n, ngx_mesh_loader_error(ld)))
    {
        ngx_mesh_loader_free(ld);
        return;
    }

    m = ngx_mesh_loader_model(ld);

    begin = mesh_unit_usec();
    ngx_mesh_loader_free(ld);
    freed = mesh_unit_usec() - begin;

    MESH_DIAG("%uz bytes in %uL us, %ui steps of 64 units, longest %uL us "
              "(step %ui), %ui over 1 ms; tree freed in %uL us", text.len,
              total, steps, longest, which, slow, freed);

    MESH_IS_INT(m->nendpoints, nodes * n, "all endpoints are there");
    MESH_OK(ngx_mesh_map_find(m->egress, (u_char *) "service-0.big.local", 19)
            != NULL, "and the services");

    MESH_OK(total < 2000000 * MESH_UNIT_SLOW, "in less than 2 s");

    begin = mesh_unit_usec();
    ngx_mesh_pool_destroy(m->pool);

    MESH_DIAG("model freed in %uL us", mesh_unit_usec() - begin);
}


/* many nodes, and one node that is large alone */

static void
mesh_unit_document_time(ngx_mesh_unit_t *u)
{
    mesh_unit_timed(u, MESH_UNIT_NODES, MESH_UNIT_PER_NODE);
    mesh_unit_timed(u, 1, MESH_UNIT_NODES * MESH_UNIT_PER_NODE);
}

MESH_UNIT(mesh_unit_document_time)


/* how much the pool of a model grows with each cluster and each endpoint */

static void
mesh_unit_document_memory(ngx_mesh_unit_t *u)
{
    size_t             none, few, many;
    ngx_str_t          text;
    ngx_mesh_model_t  *m;

    mesh_unit_generate(u, 1000, 0, &text);
    m = mesh_unit_load(u, NULL, &text, 0, NULL);
    few = mesh_unit_pool_size(m->pool);

    mesh_unit_generate(u, 5000, 0, &text);
    m = mesh_unit_load(u, NULL, &text, 0, NULL);
    none = mesh_unit_pool_size(m->pool);

    mesh_unit_generate(u, 5000, 10, &text);
    m = mesh_unit_load(u, NULL, &text, 0, NULL);
    many = mesh_unit_pool_size(m->pool);

    MESH_DIAG("%uz bytes a cluster (with its node, service and route), "
              "%uz an endpoint", (none - few) / 4000, (many - none) / 50000);

#if !(NGX_DEBUG_PALLOC)

    MESH_OK((none - few) / 4000 <= MESH_UNIT_CLUSTER,
            "at most %d bytes a cluster", MESH_UNIT_CLUSTER);
    MESH_OK((many - none) / 50000 <= MESH_UNIT_ENDPOINT,
            "at most %d bytes an endpoint", MESH_UNIT_ENDPOINT);

#else

    MESH_OK(1, "not measured: each allocation has a block of its own");

#endif
}

MESH_UNIT(mesh_unit_document_memory)


/*
 * Documents from elsewhere: MESH_DOCUMENTS names a file that lists them, one a
 * line.  Each must be accepted; t/e2e/fixtures.t uses it.
 */

static void
mesh_unit_documents(ngx_mesh_unit_t *u)
{
    char        *list;
    u_char      *p, *end;
    ngx_str_t    names, text, error;

    list = getenv("MESH_DOCUMENTS");

    if (list == NULL) {
        MESH_OK(1, "no other documents # SKIP MESH_DOCUMENTS is not set");
        return;
    }

    if (mesh_unit_read(u, list, &names) != NGX_OK) {
        return;
    }

    names.data[names.len] = LF;

    for (p = names.data; p < names.data + names.len; p = end + 1) {

        end = ngx_strlchr(p, names.data + names.len + 1, LF);
        *end = '\0';

        if (end == p || mesh_unit_read(u, (char *) p, &text) != NGX_OK) {
            continue;
        }

        ngx_str_null(&error);

        MESH_OK(mesh_unit_load(u, NULL, &text, 64, &error) != NULL,
                "%s %V", p, &error);
    }
}

MESH_UNIT(mesh_unit_documents)
