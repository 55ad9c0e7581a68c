
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Routes: the virtual service of a host, every criterion of a match, the order
 * of routes and the chances of weighted targets.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_match.h>
#include "ngx_mesh_unit.h"


#define MESH_UNIT_PICKS  100000


typedef struct {
    ngx_mesh_match_type_e    type;
    ngx_uint_t               invert;
    char                    *wanted;
    int64_t                  start;
    int64_t                  end;
    char                    *value;         /* NULL: is missing */
    ngx_int_t                rc;
} mesh_unit_value_t;


static ngx_str_t mesh_unit_match_str(char *s);
static void mesh_unit_match_request(ngx_mesh_request_t *rq);
static ngx_int_t mesh_unit_match_header(ngx_mesh_request_t *rq,
    ngx_str_t *name, ngx_str_t *value);
static ngx_array_t *mesh_unit_match_values(ngx_mesh_unit_t *u,
    ngx_mesh_match_type_e type, char *name, char *value, ngx_uint_t invert);
static ngx_mesh_virtual_service_t *mesh_unit_match_new_service(
    ngx_mesh_unit_t *u, ngx_mesh_map_t *map, char *host, ngx_uint_t n,
    in_port_t port);
static double mesh_unit_match_chi(ngx_mesh_unit_t *u, ngx_uint_t *weights,
    ngx_uint_t n, ngx_uint_t *wrong);


#define mesh_unit_match_is(m, rq, expected, ...)                              \
    MESH_IS_INT(ngx_mesh_match(m, rq), expected, __VA_ARGS__)


/* reference: the values of one header, Envoy's matchHeaders() */

static mesh_unit_value_t  mesh_unit_values[] = {
    { NGX_MESH_MATCH_PRESENT, 0, NULL, 0, 0, "x", NGX_OK },
    { NGX_MESH_MATCH_PRESENT, 0, NULL, 0, 0, "", NGX_OK },
    { NGX_MESH_MATCH_PRESENT, 0, NULL, 0, 0, NULL, NGX_DECLINED },
    { NGX_MESH_MATCH_PRESENT, 1, NULL, 0, 0, "x", NGX_DECLINED },
    { NGX_MESH_MATCH_PRESENT, 1, NULL, 0, 0, NULL, NGX_OK },

    { NGX_MESH_MATCH_EXACT, 0, "red", 0, 0, "red", NGX_OK },
    { NGX_MESH_MATCH_EXACT, 0, "red", 0, 0, "Red", NGX_DECLINED },
    { NGX_MESH_MATCH_EXACT, 0, "red", 0, 0, "red,red", NGX_DECLINED },
    { NGX_MESH_MATCH_EXACT, 0, "a,b", 0, 0, "a,b", NGX_OK },
    { NGX_MESH_MATCH_EXACT, 0, "red", 0, 0, "", NGX_DECLINED },
    { NGX_MESH_MATCH_EXACT, 0, "red", 0, 0, NULL, NGX_DECLINED },
    { NGX_MESH_MATCH_EXACT, 1, "red", 0, 0, "red", NGX_DECLINED },
    { NGX_MESH_MATCH_EXACT, 1, "red", 0, 0, "blue", NGX_OK },
    { NGX_MESH_MATCH_EXACT, 1, "red", 0, 0, NULL, NGX_DECLINED },

    { NGX_MESH_MATCH_PREFIX, 0, "re", 0, 0, "red", NGX_OK },
    { NGX_MESH_MATCH_PREFIX, 0, "red", 0, 0, "red", NGX_OK },
    { NGX_MESH_MATCH_PREFIX, 0, "red", 0, 0, "re", NGX_DECLINED },
    { NGX_MESH_MATCH_PREFIX, 0, "ed", 0, 0, "red", NGX_DECLINED },
    { NGX_MESH_MATCH_PREFIX, 0, "red", 0, 0, NULL, NGX_DECLINED },
    { NGX_MESH_MATCH_PREFIX, 1, "re", 0, 0, "red", NGX_DECLINED },
    { NGX_MESH_MATCH_PREFIX, 1, "re", 0, 0, "blue", NGX_OK },
    { NGX_MESH_MATCH_PREFIX, 1, "re", 0, 0, NULL, NGX_DECLINED },

    { NGX_MESH_MATCH_SUFFIX, 0, "ed", 0, 0, "red", NGX_OK },
    { NGX_MESH_MATCH_SUFFIX, 0, "red", 0, 0, "red", NGX_OK },
    { NGX_MESH_MATCH_SUFFIX, 0, "red", 0, 0, "ed", NGX_DECLINED },
    { NGX_MESH_MATCH_SUFFIX, 0, "re", 0, 0, "red", NGX_DECLINED },
    { NGX_MESH_MATCH_SUFFIX, 0, "ed", 0, 0, NULL, NGX_DECLINED },
    { NGX_MESH_MATCH_SUFFIX, 1, "ed", 0, 0, "red", NGX_DECLINED },
    { NGX_MESH_MATCH_SUFFIX, 1, "ed", 0, 0, "blue", NGX_OK },
    { NGX_MESH_MATCH_SUFFIX, 1, "ed", 0, 0, NULL, NGX_DECLINED },

    { NGX_MESH_MATCH_REGEX, 0, "r.d", 0, 0, "red", NGX_OK },
    { NGX_MESH_MATCH_REGEX, 0, "r.d", 0, 0, "redder", NGX_DECLINED },
    { NGX_MESH_MATCH_REGEX, 0, "r.d", 0, 0, "bred", NGX_DECLINED },
    { NGX_MESH_MATCH_REGEX, 0, "r.d", 0, 0, NULL, NGX_DECLINED },
    { NGX_MESH_MATCH_REGEX, 1, "r.d", 0, 0, "red", NGX_DECLINED },
    { NGX_MESH_MATCH_REGEX, 1, "r.d", 0, 0, "redder", NGX_OK },
    { NGX_MESH_MATCH_REGEX, 1, "r.d", 0, 0, NULL, NGX_DECLINED },

    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "9", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "10", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "19", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "20", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "+15", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, " \t15\n ", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "0015", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "15.0", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "0xf", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "15,15", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "1 5", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "fifteen", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, "", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, -5, 5, "", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, -5, 5, " ", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, -5, 5, "-", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, -5, 5, "+-1", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, -5, 5, "- 1", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, -5, 5, "-5", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, -5, 5, "-0", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, -5, 5, "-6", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, 10, 20, NULL, NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 1, NULL, 10, 20, "15", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 1, NULL, 10, 20, "20", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 1, NULL, 10, 20, "fifteen", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 1, NULL, 10, 20, NULL, NGX_DECLINED },

    { NGX_MESH_MATCH_RANGE, 0, NULL, INT64_MIN, INT64_MAX,
      "-9223372036854775808", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, INT64_MIN, INT64_MIN + 1,
      "-9223372036854775808", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, INT64_MIN, INT64_MAX,
      "-9223372036854775809", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, INT64_MIN, INT64_MAX,
      "9223372036854775806", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, INT64_MIN, INT64_MAX,
      "9223372036854775807", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 1, NULL, 0, INT64_MAX,
      "9223372036854775807", NGX_OK },
    { NGX_MESH_MATCH_RANGE, 0, NULL, INT64_MIN, INT64_MAX,
      "9223372036854775808", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, INT64_MIN, INT64_MAX,
      "18446744073709551617", NGX_DECLINED },
    { NGX_MESH_MATCH_RANGE, 0, NULL, INT64_MIN, INT64_MAX,
      "100000000000000000000000000", NGX_DECLINED }
};


static void
mesh_unit_match_value(ngx_mesh_unit_t *u)
{
    ngx_str_t                pattern, error, value;
    ngx_uint_t               i;
    mesh_unit_value_t       *t;
    ngx_mesh_value_match_t   m;

    for (i = 0; i < sizeof(mesh_unit_values) / sizeof(mesh_unit_values[0]);
         i++)
    {
        t = &mesh_unit_values[i];

        ngx_memzero(&m, sizeof(ngx_mesh_value_match_t));
        m.type = t->type;
        m.invert = t->invert;
        m.value = mesh_unit_match_str(t->wanted);
        m.start = t->start;
        m.end = t->end;

        if (m.type == NGX_MESH_MATCH_REGEX) {
            pattern = m.value;
            m.regex = ngx_mesh_regex_compile(u->pool, &pattern, &error);
        }

        value = mesh_unit_match_str(t->value);

        MESH_IS_INT(ngx_mesh_match_value(&m, t->value ? &value : NULL), t->rc,
                    "row %ui: type %d, invert %ui, \"%V\" on %s", i,
                    t->type, t->invert, &m.value,
                    t->value ? t->value : "nothing");
    }

    /* a pattern that is given up: neither it nor its negation holds */

    value.len = 4000;
    value.data = ngx_pnalloc(u->pool, 4000);
    ngx_memset(value.data, 'a', 4000);

    ngx_str_set(&pattern, "(.{1,30}){1,30}[0-9]");
    m.type = NGX_MESH_MATCH_REGEX;
    m.regex = ngx_mesh_regex_compile(u->pool, &pattern, &error);

    for (m.invert = 0; m.invert < 2; m.invert++) {
        MESH_IS_INT(ngx_mesh_match_value(&m, &value), NGX_DECLINED,
                    "a regex beyond its limit, invert %ui", m.invert);
    }
}

MESH_UNIT(mesh_unit_match_value)


static void
mesh_unit_match_path(ngx_mesh_unit_t *u)
{
    ngx_str_t           error;
    ngx_mesh_match_t    m;
    ngx_mesh_request_t  rq;

    ngx_memzero(&m, sizeof(ngx_mesh_match_t));
    mesh_unit_match_request(&rq);

    mesh_unit_match_is(&m, &rq, NGX_OK, "no criterion matches all");

    m.path_type = NGX_MESH_PATH_PREFIX;
    ngx_str_set(&m.path, "/");
    mesh_unit_match_is(&m, &rq, NGX_OK, "prefix / matches all");

    ngx_str_set(&m.path, "/orders/1");
    mesh_unit_match_is(&m, &rq, NGX_OK, "a prefix within a segment");

    ngx_str_set(&m.path, "/orders/17");
    mesh_unit_match_is(&m, &rq, NGX_OK, "a prefix that is the path");

    ngx_str_set(&m.path, "/orders/17/");
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "a prefix beyond the path");

    ngx_str_set(&m.path, "/Orders");
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "a prefix in another case");

    m.path_type = NGX_MESH_PATH_EXACT;
    ngx_str_set(&m.path, "/orders/17");
    mesh_unit_match_is(&m, &rq, NGX_OK, "exact, the query left out");

    ngx_str_set(&m.path, "/orders/1");
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "exact is no prefix");

    m.path_type = NGX_MESH_PATH_REGEX;
    ngx_str_set(&m.path, "/orders/[0-9]+");
    m.path_regex = ngx_mesh_regex_compile(u->pool, &m.path, &error);
    mesh_unit_match_is(&m, &rq, NGX_OK, "a regex of the path");

    ngx_str_set(&m.path, "/orders/[0-9]");
    m.path_regex = ngx_mesh_regex_compile(u->pool, &m.path, &error);
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "a regex of a part of it");
}

MESH_UNIT(mesh_unit_match_path)


static void
mesh_unit_match_criteria(ngx_mesh_unit_t *u)
{
    ngx_mesh_match_t    m;
    ngx_mesh_request_t  rq;

    ngx_memzero(&m, sizeof(ngx_mesh_match_t));
    mesh_unit_match_request(&rq);

    ngx_str_set(&m.method, "GET");
    mesh_unit_match_is(&m, &rq, NGX_OK, "the method");
    ngx_str_set(&m.method, "get");
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "the method in lower case");
    ngx_str_set(&m.method, "POST");
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "another method");
    ngx_str_null(&m.method);

    ngx_str_set(&m.scheme, "http");
    mesh_unit_match_is(&m, &rq, NGX_OK, "the scheme");
    ngx_str_set(&m.scheme, "https");
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "another scheme");
    ngx_str_null(&m.scheme);

    m.port = 8080;
    mesh_unit_match_is(&m, &rq, NGX_OK, "the port");
    m.port = 8081;
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "another port");
    m.port = 8080;
    rq.port = 0;
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "a port not known");
    m.port = 0;
    mesh_unit_match_is(&m, &rq, NGX_OK, "nor asked for");

    m.grpc = 1;
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "grpc, another content-type");
    rq.grpc = 1;
    mesh_unit_match_is(&m, &rq, NGX_OK, "grpc");
    m.grpc = 0;
    mesh_unit_match_is(&m, &rq, NGX_OK, "a grpc request on an http route");

    ngx_str_set(&m.host_exact, "inventory.local");
    mesh_unit_match_is(&m, &rq, NGX_OK, "a host name in any case");
    ngx_str_set(&m.host_exact, "nventory.local");
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "a part of it");
    ngx_str_null(&m.host_exact);

    ngx_str_set(&m.host_suffix, ".local");
    mesh_unit_match_is(&m, &rq, NGX_OK, "the end of the host name");
    ngx_str_set(&m.host_suffix, "inventory.local");
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "a suffix is a real one");
    ngx_str_set(&m.host_suffix, ".example");
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "another suffix");
}

MESH_UNIT(mesh_unit_match_criteria)


static void
mesh_unit_match_headers(ngx_mesh_unit_t *u)
{
    ngx_array_t             *more;
    ngx_mesh_match_t         m;
    ngx_mesh_request_t       rq;
    ngx_mesh_value_match_t  *second;

    ngx_memzero(&m, sizeof(ngx_mesh_match_t));
    mesh_unit_match_request(&rq);

    m.headers = mesh_unit_match_values(u, NGX_MESH_MATCH_EXACT, "color", "red",
                                       0);
    mesh_unit_match_is(&m, &rq, NGX_OK, "a header");

    more = mesh_unit_match_values(u, NGX_MESH_MATCH_PRESENT, "x-none", NULL,
                                  0);
    second = ngx_array_push(m.headers);
    *second = *(ngx_mesh_value_match_t *) more->elts;
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "all headers must match");

    second = m.headers->elts;
    second[1].invert = 1;
    mesh_unit_match_is(&m, &rq, NGX_OK, "one must be absent");

    m.headers = mesh_unit_match_values(u, NGX_MESH_MATCH_EXACT, "list", "a,b",
                                       0);
    mesh_unit_match_is(&m, &rq, NGX_OK, "repeated headers are one, joined");

    m.headers = mesh_unit_match_values(u, NGX_MESH_MATCH_PRESENT, "x-error",
                                       NULL, 1);
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "short memory does not match");
}

MESH_UNIT(mesh_unit_match_headers)


static void
mesh_unit_match_query(ngx_mesh_unit_t *u)
{
    ngx_uint_t          i;
    ngx_mesh_match_t    m;
    ngx_mesh_request_t  rq;

    static struct {
        char       *args;
        char       *name;
        char       *value;      /* NULL: presence */
        ngx_int_t   rc;
    } tests[] = {
        { "a=1&b=2", "b", "2", NGX_OK },
        { "a=1&b=2", "a", "1", NGX_OK },
        { "a=1&b=2", "b", "1", NGX_DECLINED },
        { "a=1&b=2", "b", NULL, NGX_OK },
        { "a=1&b=2", "c", NULL, NGX_DECLINED },
        { "ab=1", "a", NULL, NGX_DECLINED },
        { "ba=1", "a", NULL, NGX_DECLINED },
        { "a=1&a=2", "a", "1", NGX_OK },
        { "a=1&a=2", "a", "2", NGX_DECLINED },
        { "a=b=c", "a", "b=c", NGX_OK },
        { "a", "a", NULL, NGX_OK },
        { "a=", "a", "", NGX_OK },
        { "a", "a", "", NGX_OK },
        { "a", "a", "1", NGX_DECLINED },
        { "&&a=1&", "a", "1", NGX_OK },
        { "A=1", "a", "1", NGX_DECLINED },
        { "a=%31", "a", "1", NGX_DECLINED },
        { "a=%31", "a", "%31", NGX_OK },
        { "a=1;b=2", "b", NULL, NGX_DECLINED },
        { "", "a", NULL, NGX_DECLINED }
    };

    mesh_unit_match_request(&rq);

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        ngx_memzero(&m, sizeof(ngx_mesh_match_t));
        rq.query = mesh_unit_match_str(tests[i].args);
        m.query = mesh_unit_match_values(u, tests[i].value
                                            ? NGX_MESH_MATCH_EXACT
                                            : NGX_MESH_MATCH_PRESENT,
                                         tests[i].name, tests[i].value, 0);

        mesh_unit_match_is(&m, &rq, tests[i].rc, "?%s: %s = %s",
                           tests[i].args, tests[i].name,
                           tests[i].value ? tests[i].value : "(any)");
    }

    ngx_str_null(&rq.query);
    mesh_unit_match_is(&m, &rq, NGX_DECLINED, "no query at all");
}

MESH_UNIT(mesh_unit_match_query)


static void
mesh_unit_match_service(ngx_mesh_unit_t *u)
{
    u_char                       name[300];
    ngx_str_t                    host;
    ngx_uint_t                   i;
    ngx_mesh_map_t              *map;
    ngx_mesh_recall_t            recall;
    ngx_mesh_virtual_service_t  *a, *v6, *bare, *longest, *found, *again;

    static struct {
        char  *host;
        char   service;         /* 0: none */
    } tests[] = {
        { "inventory.local", 'a' },
        { "INVENTORY.Local", 'a' },
        { "inventory.local:8080", 'a' },
        { "Inventory.Local:9090", 'a' },
        { "inventory.local:9999", 0 },
        { "inventory.local:", 0 },
        { "inventory.local:08080", 0 },
        { "inventory.local:8080x", 0 },
        { "inventory.local:65536", 0 },
        { "inventory.local:73616", 0 },
        { "inventory.local:-1", 0 },
        { "inventory.local:8080:8080", 0 },
        { "inventory.local.", 0 },
        { "nventory.local", 0 },
        { "inventory", 0 },
        { ":8080", 0 },
        { "", 0 },
        { "[::1]", 'v' },
        { "[::1]:8080", 'v' },
        { "[::1]:8081", 0 },
        { "[::1]8080", 0 },
        { "::1", 0 },
        { "bare.local", 'b' },
        { "bare.local:1", 'b' }
    };

    map = ngx_mesh_map_create(u->pool, 4);

    a = mesh_unit_match_new_service(u, map, "inventory.local", 2, 8080);
    v6 = mesh_unit_match_new_service(u, map, "[::1]", 1, 8080);
    bare = mesh_unit_match_new_service(u, map, "bare.local", 0, 0);

    ngx_memzero(&recall, sizeof(ngx_mesh_recall_t));

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        host = mesh_unit_match_str(tests[i].host);
        found = ngx_mesh_match_service(map, &host);

        again = ngx_mesh_match_recall(&recall, map, &host);
        MESH_OK(again == found
                && ngx_mesh_match_recall(&recall, map, &host) == found,
                "the same is recalled of \"%s\"", tests[i].host);

        MESH_OK(found == (tests[i].service == 'a' ? a
                          : tests[i].service == 'v' ? v6
                          : tests[i].service == 'b' ? bare : NULL),
                "the service of \"%s\"", tests[i].host);
    }

    ngx_memset(name, 'n', 300);
    name[255] = '\0';
    longest = mesh_unit_match_new_service(u, map, (char *) name, 1, 65535);
    ngx_memcpy(&name[255], ":65535", 6);

    host.data = name;
    host.len = 261;
    MESH_OK(ngx_mesh_match_service(map, &host) == longest,
            "the longest name with the longest port");
    host.len = 255;
    MESH_OK(ngx_mesh_match_service(map, &host) == longest, "and without");
    MESH_OK(ngx_mesh_match_recall(&recall, map, &host) == longest,
            "one that is too long to be remembered");
    host.len = 300;
    MESH_OK(ngx_mesh_match_service(map, &host) == NULL, "too long a host");
    host = mesh_unit_match_str("a");
    MESH_OK(ngx_mesh_match_service(NULL, &host) == NULL, "no map");

    /* without the map: what is remembered, and nothing else */

    host = mesh_unit_match_str("bare.local");
    found = ngx_mesh_match_recall(&recall, map, &host);
    MESH_OK(ngx_mesh_match_recall(&recall, NULL, &host) == found
            && found == bare, "a host is remembered");

    host = mesh_unit_match_str("bare.locaL");
    MESH_OK(ngx_mesh_match_recall(&recall, NULL, &host) == NULL,
            "in its own spelling");
}

MESH_UNIT(mesh_unit_match_service)


static void
mesh_unit_match_port(ngx_mesh_unit_t *u)
{
    ngx_str_t                    host, with_port;
    ngx_mesh_map_t              *map;
    ngx_mesh_virtual_service_t  *s;

    map = ngx_mesh_map_create(u->pool, 4);
    host = mesh_unit_match_str("a.local");
    with_port = mesh_unit_match_str("a.local:9090");

    s = mesh_unit_match_new_service(u, map, "a", 2, 8080);
    MESH_IS_INT(ngx_mesh_match_port(s, &with_port), 9090, "the port of Host");
    MESH_IS_INT(ngx_mesh_match_port(s, &host), 0, "two listeners, no 80");

    s = mesh_unit_match_new_service(u, map, "b", 1, 8080);
    MESH_IS_INT(ngx_mesh_match_port(s, &host), 8080, "the only listener");

    s = mesh_unit_match_new_service(u, map, "c", 2, 80);
    MESH_IS_INT(ngx_mesh_match_port(s, &host), 80, "80 comes before others");

    s = mesh_unit_match_new_service(u, map, "d", 0, 0);
    MESH_IS_INT(ngx_mesh_match_port(s, &host), 0, "no provider");
}

MESH_UNIT(mesh_unit_match_port)


static void
mesh_unit_match_route(ngx_mesh_unit_t *u)
{
    ngx_mesh_route_t             routes[3], *list[3];
    ngx_mesh_request_t           rq;
    ngx_mesh_virtual_service_t   s;

    ngx_memzero(routes, sizeof(routes));
    ngx_memzero(&s, sizeof(ngx_mesh_virtual_service_t));
    mesh_unit_match_request(&rq);

    list[0] = &routes[0];
    list[1] = &routes[1];
    list[2] = &routes[2];
    s.routes = list;

    routes[0].match.path_type = NGX_MESH_PATH_PREFIX;
    ngx_str_set(&routes[0].match.path, "/orders");
    ngx_str_set(&routes[0].match.method, "POST");
    routes[1].match.path_type = NGX_MESH_PATH_PREFIX;
    ngx_str_set(&routes[1].match.path, "/");

    MESH_OK(ngx_mesh_match_route(&s, &rq) == NULL, "no routes");

    s.nroutes = 1;
    MESH_OK(ngx_mesh_match_route(&s, &rq) == NULL, "none that matches");

    s.nroutes = 3;
    MESH_OK(ngx_mesh_match_route(&s, &rq) == list[1], "the first in order");

    ngx_str_set(&rq.method, "POST");
    MESH_OK(ngx_mesh_match_route(&s, &rq) == list[0], "not the broadest");
}

MESH_UNIT(mesh_unit_match_route)


static void
mesh_unit_match_sort(ngx_mesh_unit_t *u)
{
    uint32_t           seed;
    ngx_uint_t         i, n, wrong;
    ngx_mesh_route_t  *routes, **list, *a, *b;

    n = 3000;
    routes = ngx_pcalloc(u->pool, n * sizeof(ngx_mesh_route_t));
    list = ngx_palloc(u->pool, n * sizeof(ngx_mesh_route_t *));

    /* in the document: unset "/", 1000 "/ab", 5 "/", unset "/a", 0 "/", ... */

    seed = 5;

    for (i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        routes[i].priority = (seed >> 28) < 8 ? NGX_MESH_PRIORITY_UNSET
                                              : (seed >> 28) - 8;
        routes[i].match.path_type = (seed >> 20 & 1) ? NGX_MESH_PATH_PREFIX
                                                     : NGX_MESH_PATH_REGEX;
        routes[i].match.path.len = seed >> 16 & 7;
        list[i] = &routes[i];
    }

    ngx_mesh_match_sort(list, n);

    for (i = 1, wrong = 0; i < n; i++) {
        a = list[i - 1];
        b = list[i];

        if (a->priority != b->priority) {
            wrong += (a->priority > b->priority);

        } else if (a->match.path.len != b->match.path.len) {
            wrong += (a->match.path.len < b->match.path.len);

        } else {
            wrong += (a > b);
        }
    }

    MESH_IS_INT(wrong, 0, "%ui routes: priority, length, document", n);

    for (i = 0; i < n; i++) {
        routes[i].priority = 0;
        routes[i].match.path.len = 1;
        list[i] = &routes[i];
    }

    ngx_mesh_match_sort(list, n);

    for (i = 0, wrong = 0; i < n; i++) {
        wrong += (list[i] != &routes[i]);
    }

    MESH_IS_INT(wrong, 0, "equal routes stay where they are");

    routes[0].priority = NGX_MESH_PRIORITY_UNSET;
    routes[0].match.path.len = 9;
    routes[1].priority = 999;
    routes[2].priority = 1000;
    routes[2].match.path.len = 10;
    ngx_mesh_match_sort(list, 3);

    MESH_OK(list[0] == &routes[1], "a priority comes before none");
    MESH_OK(list[1] == &routes[2], "none is like 1000: the longer path");

    ngx_mesh_match_sort(list, 0);
    ngx_mesh_match_sort(list, 1);
    MESH_OK(list[0] == &routes[1], "none and one");
}

MESH_UNIT(mesh_unit_match_sort)


static void
mesh_unit_match_target(ngx_mesh_unit_t *u)
{
    double             chi;
    ngx_uint_t         i, wrong;
    ngx_mesh_route_t   route;
    ngx_mesh_target_t  targets[3];

    /* the bounds: p = 0.001 for (targets with a weight - 1) degrees */

    static struct {
        ngx_uint_t     weights[6];
        ngx_uint_t     n;
        double         bound;
    } tests[] = {
        { { 50, 50 }, 2, 10.83 },
        { { 90, 10 }, 2, 10.83 },
        { { 99, 1 }, 2, 10.83 },
        { { 1, 1, 1 }, 3, 13.82 },
        { { 0, 100, 0 }, 3, 0.001 },
        { { 0, 30, 0, 70 }, 4, 10.83 },
        { { 1, 2, 3, 4, 5, 6 }, 6, 20.52 },
        { { 100, 100, 100, 100, 0, 1 }, 6, 18.47 }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        chi = mesh_unit_match_chi(u, tests[i].weights, tests[i].n, &wrong);

        MESH_OK(chi < tests[i].bound, "set %ui: chi-square %.3f < %.3f", i,
                chi, tests[i].bound);
        MESH_IS_INT(wrong, 0, "set %ui: weight 0 is never picked", i);
    }

    ngx_memzero(&route, sizeof(ngx_mesh_route_t));
    ngx_memzero(targets, sizeof(targets));
    route.targets = targets;
    route.ntargets = 3;

    MESH_OK(ngx_mesh_match_target(&route, 17) == NULL, "all weights are 0");

    targets[1].weight = 2;
    targets[2].weight = 3;
    route.total_weight = 5;

    MESH_OK(ngx_mesh_match_target(&route, 0) == &targets[1], "0 of 5");
    MESH_OK(ngx_mesh_match_target(&route, 1) == &targets[1], "1 of 5");
    MESH_OK(ngx_mesh_match_target(&route, 2) == &targets[2], "2 of 5");
    MESH_OK(ngx_mesh_match_target(&route, 4) == &targets[2], "4 of 5");
    MESH_OK(ngx_mesh_match_target(&route, 5) == &targets[1], "modulo the sum");
    MESH_OK(ngx_mesh_match_target(&route, 0xffffffff) == &targets[1],
            "the largest random number");
}

MESH_UNIT(mesh_unit_match_target)


/* splitmix64, the same numbers in every run */

static double
mesh_unit_match_chi(ngx_mesh_unit_t *u, ngx_uint_t *weights, ngx_uint_t n,
    ngx_uint_t *wrong)
{
    double              chi, expected;
    uint64_t            state, z;
    ngx_uint_t          i, count[6];
    ngx_mesh_route_t    route;
    ngx_mesh_target_t   targets[6], *t;

    ngx_memzero(&route, sizeof(ngx_mesh_route_t));
    ngx_memzero(targets, sizeof(targets));
    ngx_memzero(count, sizeof(count));

    route.targets = targets;
    route.ntargets = n;

    for (i = 0; i < n; i++) {
        targets[i].weight = weights[i];
        route.total_weight += weights[i];
    }

    *wrong = 0;
    state = 2026;

    for (i = 0; i < MESH_UNIT_PICKS; i++) {
        state += 0x9e3779b97f4a7c15;
        z = state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;

        t = ngx_mesh_match_target(&route, (uint32_t) ((z ^ (z >> 31)) >> 32));
        count[t - targets]++;
    }

    for (i = 0, chi = 0; i < n; i++) {

        if (weights[i] == 0) {
            *wrong += count[i];
            continue;
        }

        expected = (double) MESH_UNIT_PICKS * weights[i] / route.total_weight;
        chi += (count[i] - expected) * (count[i] - expected) / expected;
    }

    return chi;
}


static ngx_str_t
mesh_unit_match_str(char *s)
{
    ngx_str_t  str;

    str.data = (u_char *) s;
    str.len = s ? ngx_strlen(s) : 0;

    return str;
}


static void
mesh_unit_match_request(ngx_mesh_request_t *rq)
{
    ngx_memzero(rq, sizeof(ngx_mesh_request_t));

    ngx_str_set(&rq->host, "Inventory.local:8080");
    ngx_str_set(&rq->path, "/orders/17");
    ngx_str_set(&rq->query, "color=blue");
    ngx_str_set(&rq->method, "GET");
    ngx_str_set(&rq->scheme, "http");

    rq->port = 8080;
    rq->header = mesh_unit_match_header;
}


static ngx_int_t
mesh_unit_match_header(ngx_mesh_request_t *rq, ngx_str_t *name,
    ngx_str_t *value)
{
    if (ngx_strcmp(name->data, "color") == 0) {
        ngx_str_set(value, "red");
        return NGX_OK;
    }

    if (ngx_strcmp(name->data, "list") == 0) {
        ngx_str_set(value, "a,b");
        return NGX_OK;
    }

    return ngx_strcmp(name->data, "x-error") == 0 ? NGX_ERROR : NGX_DECLINED;
}


static ngx_array_t *
mesh_unit_match_values(ngx_mesh_unit_t *u, ngx_mesh_match_type_e type,
    char *name, char *value, ngx_uint_t invert)
{
    ngx_array_t             *a;
    ngx_mesh_value_match_t  *m;

    a = ngx_array_create(u->pool, 2, sizeof(ngx_mesh_value_match_t));
    if (a == NULL) {
        return NULL;
    }

    m = ngx_array_push(a);
    ngx_memzero(m, sizeof(ngx_mesh_value_match_t));

    m->type = type;
    m->invert = invert;
    m->name = mesh_unit_match_str(name);
    m->value = mesh_unit_match_str(value);

    return a;
}


/* "n" listeners, on "port", "port" + 1010 and so on */

static ngx_mesh_virtual_service_t *
mesh_unit_match_new_service(ngx_mesh_unit_t *u, ngx_mesh_map_t *map,
    char *host, ngx_uint_t n, in_port_t port)
{
    ngx_uint_t                   i;
    ngx_mesh_listener_t         *listener;
    ngx_mesh_virtual_service_t  *s;

    s = ngx_pcalloc(u->pool, sizeof(ngx_mesh_virtual_service_t));
    if (s == NULL) {
        return NULL;
    }

    s->host = mesh_unit_match_str(host);

    if (n) {
        s->listeners = ngx_array_create(u->pool, n,
                                        sizeof(ngx_mesh_listener_t));
    }

    for (i = 0; i < n; i++) {
        listener = ngx_array_push(s->listeners);
        ngx_memzero(listener, sizeof(ngx_mesh_listener_t));
        listener->port = port + i * 1010;
    }

    (void) ngx_mesh_map_insert(map, &s->host, s);

    return s;
}
