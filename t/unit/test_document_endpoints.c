
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Which endpoints clusters get: from "endpoints" and from addresses in place of
 * DNS names, by port, by IP preference, those that may be used first.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "mesh_unit_document.h"


#define mesh_unit_is_endpoints(c, expected, ...)                              \
    do {                                                                      \
        ngx_str_t  list;                                                      \
                                                                              \
        mesh_unit_endpoints(u, c, &list);                                     \
        MESH_IS_STR(&list, expected, __VA_ARGS__);                            \
    } while (0)


/* the names of a cluster's endpoints, "|" before those that are not used */

static void
mesh_unit_endpoints(ngx_mesh_unit_t *u, ngx_mesh_cluster_t *cluster,
    ngx_str_t *list)
{
    u_char    *p, *last;
    uint32_t   i;

    list->data = ngx_pnalloc(u->pool, 1024);

    p = list->data;
    last = p + 1024;

    for (i = 0; i < cluster->nendpoints; i++) {
        p = ngx_slprintf(p, last, "%s%s%V", i ? " " : "",
                         (i == cluster->neligible) ? "| " : "",
                         &cluster->endpoints[i].name);
    }

    list->len = p - list->data;
}


static void
mesh_unit_endpoints_full(ngx_mesh_unit_t *u)
{
    ngx_str_t             text;
    ngx_uint_t            i;
    ngx_mesh_model_t     *m;
    ngx_mesh_cluster_t   *c;
    ngx_mesh_endpoint_t  *ep;

    if (mesh_unit_data(u, "full.json", &text) != NGX_OK) {
        return;
    }

    m = mesh_unit_load(u, NULL, &text, 0, NULL);

    if (!MESH_OK(m != NULL, "full.json is accepted")) {
        return;
    }

    /* IPv6_PREFERRED */

    c = mesh_unit_node(m, "web")->clusters;

    mesh_unit_is_endpoints(&c[0], "[fd00::12]:8080 | [fd00::11]:8080",
                           "the preferred family, without a port");
    mesh_unit_is_endpoints(&c[1],
                           "[fd00::12]:8081 [fd00::13]:8081 | [fd00::11]:8081",
                           "and with the port of the listener");
    mesh_unit_is_endpoints(&c[3], "[fd00::12]:5432 | [fd00::11]:5432",
                           "the port is that of the listener");

    ep = c[1].endpoints;

    MESH_IS_INT(ep[0].health, NGX_MESH_HEALTH_UNKNOWN, "health unknown");
    MESH_IS_INT(ep[2].health, NGX_MESH_UNHEALTHY, "unhealthy");
    MESH_IS_STR(&ep[0].zone, "eu-west-1a", "zone");
    MESH_IS_STR(&ep[2].zone, "eu-west-1b", "zone");
    MESH_IS_INT(ep[0].sockaddr->sa_family, AF_INET6, "family");
    MESH_IS_INT(ngx_inet_get_port(ep[0].sockaddr), 8081, "port");
    MESH_IS_INT(ep[0].socklen, sizeof(struct sockaddr_in6), "socklen");
    MESH_IS_INT(ep[0].row, (uint32_t) -1, "no row yet");
    MESH_OK(c[1].listener == (ngx_mesh_listener_t *)
                              c[1].node->listeners.elts + 1, "listener");

    /* IPv4_PREFERRED, of the mesh */

    c = mesh_unit_node(m, "cart-v1")->clusters;

    mesh_unit_is_endpoints(c, "10.0.2.2:18080 10.0.2.3:8080 | "
                              "10.0.2.4:8080 10.0.2.1:8080",
                           "one listener: a port of its own is dialled");
    MESH_IS_INT(c->endpoints[0].health, NGX_MESH_HEALTHY, "healthy");
    MESH_IS_INT(c->endpoints[0].socklen, sizeof(struct sockaddr_in),
                "socklen");

    for (i = 0; i < c->nendpoints; i++) {
        MESH_OK(c->endpoints[i].key != 0
                && c->endpoints[i].key != c->endpoints[(i + 1) % 4].key,
                "a key of its own");
    }

    /* addresses in place of names */

    mesh_unit_is_endpoints(mesh_unit_node(m, "cart-v2")->clusters,
                           "10.0.2.9:8080", "an IPv4 address as the name");
    mesh_unit_is_endpoints(mesh_unit_node(m, "stock")->clusters,
                           "[fd00::9]:9000", "an IPv6 address in brackets");
    mesh_unit_is_endpoints(mesh_unit_node(m, "feed")->clusters, "",
                           "IPv4_ONLY and an IPv6 address");
    mesh_unit_is_endpoints(mesh_unit_node(m, "db")->clusters, "",
                           "a name has to be resolved");

    MESH_IS_INT(m->nendpoints, 2 + 3 + 2 + 2 + 4 + 1 + 1, "all are counted");
}

MESH_UNIT(mesh_unit_endpoints_full)


/* a node with what follows, and two addresses of each family */

static ngx_mesh_cluster_t *
mesh_unit_preference(ngx_mesh_unit_t *u, const char *preference,
    const char *endpoints)
{
    u_char            *p;
    ngx_str_t          text, error;
    ngx_mesh_model_t  *m;

    static const char  *format =
        "{\"meshDocument\":1,\"version\":\"1\",\"mesh\":{\"meshName\":\"m\"},"
        "\"virtualNodes\":[{\"virtualNodeName\":\"n\",\"spec\":{"
        "\"listeners\":[{\"portMapping\":{\"port\":80,\"protocol\":\"http\"}}"
        "],\"serviceDiscovery\":{\"dns\":{\"hostname\":\"n.local\"%s%s%s}}}}],"
        "\"endpoints\":{\"n\":[%s]}}";

    text.data = ngx_pnalloc(u->pool, 1024);

    p = ngx_snprintf(text.data, 1024, format,
                     *preference ? ",\"ipPreference\":\"" : "", preference,
                     *preference ? "\"" : "", endpoints);
    text.len = p - text.data;

    m = mesh_unit_load(u, NULL, &text, 1, &error);

    return m ? m->nodes->clusters : NULL;
}


static void
mesh_unit_endpoints_preference(ngx_mesh_unit_t *u)
{
    ngx_uint_t           i;
    const char          *both, *one;
    ngx_mesh_cluster_t  *c;

    static struct {
        const char  *preference;
        const char  *both;
        const char  *one;
    } cases[] = {
        { "", "10.0.0.1:80 10.0.0.2:80 [fd00::1]:80 [fd00::2]:80",
          "[fd00::1]:80" },
        { "IPv4_ONLY", "10.0.0.1:80 10.0.0.2:80", "" },
        { "IPv6_ONLY", "[fd00::1]:80 [fd00::2]:80", "[fd00::1]:80" },
        { "IPv4_PREFERRED", "10.0.0.1:80 10.0.0.2:80", "[fd00::1]:80" },
        { "IPv6_PREFERRED", "[fd00::1]:80 [fd00::2]:80", "[fd00::1]:80" }
    };

    both = "{\"ip\":\"10.0.0.1\"},{\"ip\":\"10.0.0.2\"},"
           "{\"ip\":\"fd00::1\"},{\"ip\":\"fd00::2\"}";
    one = "{\"ip\":\"fd00::1\"}";

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        c = mesh_unit_preference(u, cases[i].preference, both);

        if (MESH_OK(c != NULL, "loaded")) {
            mesh_unit_is_endpoints(c, cases[i].both,
                                   "\"%s\" of both", cases[i].preference);
        }

        c = mesh_unit_preference(u, cases[i].preference, one);

        if (MESH_OK(c != NULL, "loaded")) {
            mesh_unit_is_endpoints(c, cases[i].one,
                                   "\"%s\" of IPv6", cases[i].preference);
        }
    }

    c = mesh_unit_preference(u, "", "");

    if (MESH_OK(c != NULL, "loaded")) {
        mesh_unit_is_endpoints(c, "", "an empty list: no endpoints");
    }

    c = mesh_unit_preference(u, "", "{\"ip\":\"10.0.0.1\",\"healthStatus\":"
                                    "\"UNHEALTHY\"}");

    if (MESH_OK(c != NULL, "loaded")) {
        mesh_unit_is_endpoints(c, "| 10.0.0.1:80", "none may be used");
    }
}

MESH_UNIT(mesh_unit_endpoints_preference)


/* the key of an endpoint stays from document to document */

static void
mesh_unit_endpoints_key(ngx_mesh_unit_t *u)
{
    uint64_t             key;
    ngx_mesh_cluster_t  *c;

    c = mesh_unit_preference(u, "", "{\"ip\":\"10.0.0.1\"}");

    if (!MESH_OK(c != NULL, "loaded")) {
        return;
    }

    key = c->endpoints[0].key;

    c = mesh_unit_preference(u, "IPv4_ONLY",
                             "{\"ip\":\"10.0.0.2\"},{\"ip\":\"10.0.0.1\"},"
                             "{\"ip\":\"10.0.0.1\",\"port\":81}");

    if (!MESH_OK(c != NULL, "loaded")) {
        return;
    }

    MESH_OK(c->endpoints[1].key == key, "the same node, address and port");
    MESH_OK(c->endpoints[0].key != key, "another address");
    MESH_OK(c->endpoints[2].key != key, "another port");
}

MESH_UNIT(mesh_unit_endpoints_key)
