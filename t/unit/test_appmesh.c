
/*
 * Copyright (C) nginx mesh contributors
 *
 * The names of App Mesh resources: keys, prefixes, references and ARNs, there
 * and back; the text of a stored resource; the tokens that pages go on with;
 * and that the table of operations holds together.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_http_mesh_control.h>
#include <ngx_mesh_appmesh.h>
#include <ngx_mesh_appmesh_ops.h>

#include "ngx_mesh_unit.h"


#define MESH_UNIT_ARN  "arn:aws:appmesh:eu-central-1:111122223333:"


typedef struct {
    ngx_mesh_kind_e  kind;
    const char      *parent;
    const char      *name;
    const char      *key;
    const char      *prefix;
    const char      *arn;
} mesh_unit_id_case_t;


static ngx_str_t  mesh_unit_region = ngx_string("eu-central-1");


static mesh_unit_id_case_t  mesh_unit_ids[] = {

    { NGX_MESH_KIND_MESH, "", "m",
      "/mesh/111122223333/m",
      "/mesh/111122223333/",
      MESH_UNIT_ARN "mesh/m" },

    { NGX_MESH_KIND_VIRTUAL_NODE, "", "order:1 x",
      "/virtualNode/111122223333/m/order:1 x",
      "/virtualNode/111122223333/m/",
      MESH_UNIT_ARN "mesh/m/virtualNode/order:1 x" },

    { NGX_MESH_KIND_VIRTUAL_ROUTER, "", "r",
      "/virtualRouter/111122223333/m/r",
      "/virtualRouter/111122223333/m/",
      MESH_UNIT_ARN "mesh/m/virtualRouter/r" },

    { NGX_MESH_KIND_ROUTE, "r", "x",
      "/route/111122223333/m/r/x",
      "/route/111122223333/m/r/",
      MESH_UNIT_ARN "mesh/m/virtualRouter/r/route/x" },

    { NGX_MESH_KIND_VIRTUAL_SERVICE, "", "a.local",
      "/virtualService/111122223333/m/a.local",
      "/virtualService/111122223333/m/",
      MESH_UNIT_ARN "mesh/m/virtualService/a.local" },

    { NGX_MESH_KIND_VIRTUAL_GATEWAY, "", "g",
      "/virtualGateway/111122223333/m/g",
      "/virtualGateway/111122223333/m/",
      MESH_UNIT_ARN "mesh/m/virtualGateway/g" },

    { NGX_MESH_KIND_GATEWAY_ROUTE, "g", "x",
      "/gatewayRoute/111122223333/m/g/x",
      "/gatewayRoute/111122223333/m/g/",
      MESH_UNIT_ARN "mesh/m/virtualGateway/g/gatewayRoute/x" }
};


static void
mesh_unit_str(ngx_str_t *s, const char *text)
{
    s->data = (u_char *) text;
    s->len = ngx_strlen(text);
}


static void
mesh_unit_id(ngx_mesh_id_t *id, ngx_mesh_kind_e kind, const char *parent,
    const char *name)
{
    ngx_memzero(id, sizeof(ngx_mesh_id_t));

    id->kind = &ngx_mesh_kinds[kind];

    ngx_str_set(&id->owner, "111122223333");
    ngx_str_set(&id->mesh, "m");
    mesh_unit_str(&id->parent, parent);
    mesh_unit_str(&id->name, name);
}


/* is it the resource of the case? */

static ngx_uint_t
mesh_unit_same_id(ngx_mesh_id_t *id, ngx_mesh_id_t *want)
{
    return id->kind == want->kind
           && ngx_memn2cmp(id->owner.data, want->owner.data, id->owner.len,
                           want->owner.len) == 0
           && ngx_memn2cmp(id->mesh.data, want->mesh.data, id->mesh.len,
                           want->mesh.len) == 0
           && ngx_memn2cmp(id->parent.data, want->parent.data, id->parent.len,
                           want->parent.len) == 0
           && ngx_memn2cmp(id->name.data, want->name.data, id->name.len,
                           want->name.len) == 0;
}


static void
mesh_unit_appmesh_ids(ngx_mesh_unit_t *u)
{
    ngx_str_t             text;
    ngx_uint_t            i;
    ngx_mesh_id_t         id, back;
    mesh_unit_id_case_t  *c;

    for (i = 0; i < sizeof(mesh_unit_ids) / sizeof(mesh_unit_ids[0]); i++) {
        c = &mesh_unit_ids[i];

        mesh_unit_id(&id, c->kind, c->parent, c->name);

        MESH_IS_INT(id.kind->kind, c->kind, "the table is in order");

        MESH_OK(ngx_mesh_id_key(u->pool, &id, &text) == NGX_OK, "a key");
        MESH_IS_STR(&text, c->key, "the key of a %s", id.kind->title);

        MESH_OK(ngx_mesh_id_of_key(&text, &back) == NGX_OK
                && mesh_unit_same_id(&back, &id), "and back");

        MESH_OK(ngx_mesh_id_prefix(u->pool, &id, &text) == NGX_OK, "a prefix");
        MESH_IS_STR(&text, c->prefix, "the prefix of %s", id.kind->list);

        MESH_OK(ngx_mesh_id_arn(u->pool, &id, &mesh_unit_region, &id.owner,
                                &text)
                == NGX_OK, "an ARN");
        MESH_IS_STR(&text, c->arn, "the ARN of a %s", id.kind->title);

        MESH_OK(ngx_mesh_id_of_arn(&text, &mesh_unit_region, &back) == NGX_OK
                && mesh_unit_same_id(&back, &id), "and back");
    }
}

MESH_UNIT(mesh_unit_appmesh_ids)


static void
mesh_unit_appmesh_prefixes(ngx_mesh_unit_t *u)
{
    ngx_str_t      text;
    ngx_mesh_id_t  id;

    mesh_unit_id(&id, NGX_MESH_KIND_ROUTE, "", "");

    (void) ngx_mesh_id_prefix(u->pool, &id, &text);
    MESH_IS_STR(&text, "/route/111122223333/m/", "all routes of a mesh");

    mesh_unit_id(&id, NGX_MESH_KIND_MESH, "", "");
    ngx_str_null(&id.owner);

    (void) ngx_mesh_id_prefix(u->pool, &id, &text);
    MESH_IS_STR(&text, "/mesh/", "the meshes of all accounts");
}

MESH_UNIT(mesh_unit_appmesh_prefixes)


static void
mesh_unit_appmesh_bad_keys(ngx_mesh_unit_t *u)
{
    ngx_str_t      text;
    ngx_uint_t     i;
    ngx_mesh_id_t  id;

    static const char  *keys[] = {
        "", "/", "mesh/1/m", "/mesh/1", "/mesh/1/m/x", "/mesh//m",
        "/virtualNode/1/m", "/virtualNode/1/m/", "/virtualNode/1/m/n/x",
        "/route/1/m/r", "/route/1/m/r/x/y", "/other/1/m/n",
        "/reference/1/m/virtualNode/n/route/r/x", "/a/b/c/d/e/f/g/h/i/j",
        NULL
    };

    for (i = 0; keys[i]; i++) {
        mesh_unit_str(&text, keys[i]);
        MESH_OK(ngx_mesh_id_of_key(&text, &id) == NGX_DECLINED,
                "\"%s\" is no key of a resource", keys[i]);
    }
}

MESH_UNIT(mesh_unit_appmesh_bad_keys)


static void
mesh_unit_appmesh_references(ngx_mesh_unit_t *u)
{
    ngx_str_t      text;
    ngx_uint_t     i;
    ngx_mesh_id_t  node, route, service, back;

    static const char  *keys[] = {
        "", "/reference/1/m/virtualNode/n", "/reference/1/m/virtualNode/n/",
        "/reference/1/m/virtualNode/n/route/r",
        "/reference/1/m/virtualNode/n/virtualService/s/x",
        "/virtualNode/1/m/n", NULL
    };

    mesh_unit_id(&node, NGX_MESH_KIND_VIRTUAL_NODE, "", "n");
    mesh_unit_id(&route, NGX_MESH_KIND_ROUTE, "r", "x");
    mesh_unit_id(&service, NGX_MESH_KIND_VIRTUAL_SERVICE, "", "A.local");

    (void) ngx_mesh_id_referrers(u->pool, &node, &text);
    MESH_IS_STR(&text, "/reference/111122223333/m/virtualNode/n/",
                "where references to a node are");

    (void) ngx_mesh_id_reference(u->pool, &node, &route, &text);
    MESH_IS_STR(&text, "/reference/111122223333/m/virtualNode/n/route/r/x",
                "the reference of a route");

    MESH_OK(ngx_mesh_id_of_reference(&text, &back) == NGX_OK
            && mesh_unit_same_id(&back, &route), "and back");

    (void) ngx_mesh_id_reference(u->pool, &node, &service, &text);
    MESH_IS_STR(&text,
                "/reference/111122223333/m/virtualNode/n/virtualService/"
                "a.local", "the reference of a service, in lower case");

    (void) ngx_mesh_id_key(u->pool, &service, &text);
    MESH_IS_STR(&text, "/virtualService/111122223333/m/a.local",
                "the key of a service is in lower case");

    for (i = 0; keys[i]; i++) {
        mesh_unit_str(&text, keys[i]);
        MESH_OK(ngx_mesh_id_of_reference(&text, &back) == NGX_DECLINED,
                "\"%s\" is no reference", keys[i]);
    }
}

MESH_UNIT(mesh_unit_appmesh_references)


static void
mesh_unit_appmesh_arns(ngx_mesh_unit_t *u)
{
    ngx_str_t      text, region;
    ngx_uint_t     i;
    ngx_mesh_id_t  id;

    static const char  *arns[] = {
        "", "arn", "arn:aws:appmesh:eu-central-1:111122223333:",
        "arn:aws:appmesh:eu-central-1:111122223333:mesh",
        "arn:aws:appmesh:eu-central-1:111122223333:mesh/",
        "arn:aws:appmesh:eu-central-1:111122223333:/mesh/m",
        "arn:aws:appmesh:eu-central-1:11112222333:mesh/m",
        "arn:aws:appmesh:eu-central-1:11112222333x:mesh/m",
        "arn:aws:appmesh:eu-west-1:111122223333:mesh/m",
        "arn:aws:ecs:eu-central-1:111122223333:mesh/m",
        "arn:aws-cn:appmesh:eu-central-1:111122223333:mesh/m",
        "ARN:aws:appmesh:eu-central-1:111122223333:mesh/m",
        MESH_UNIT_ARN "virtualNode/n",
        MESH_UNIT_ARN "mesh/m/n",
        MESH_UNIT_ARN "mesh/m/virtualNode",
        MESH_UNIT_ARN "mesh/m/virtualNode/n/",
        MESH_UNIT_ARN "mesh/m/mesh/n",
        MESH_UNIT_ARN "mesh/m/route/x",
        MESH_UNIT_ARN "mesh/m/virtualNode/n/route/x",
        MESH_UNIT_ARN "mesh/m/virtualGateway/g/route/x",
        MESH_UNIT_ARN "mesh/m/virtualRouter/r/virtualNode/n",
        MESH_UNIT_ARN "mesh/m/virtualRouter/r/route/x/y",
        NULL
    };

    for (i = 0; arns[i]; i++) {
        mesh_unit_str(&text, arns[i]);
        MESH_OK(ngx_mesh_id_of_arn(&text, &mesh_unit_region, &id)
                == NGX_DECLINED, "\"%s\" is no ARN of a resource", arns[i]);
    }

    mesh_unit_id(&id, NGX_MESH_KIND_MESH, "", "m");

    ngx_str_set(&region, "cn-north-1");
    (void) ngx_mesh_id_arn(u->pool, &id, &region, &id.owner, &text);
    MESH_IS_STR(&text, "arn:aws-cn:appmesh:cn-north-1:111122223333:mesh/m",
                "the partition of China");

    ngx_str_set(&region, "us-gov-west-1");
    (void) ngx_mesh_id_arn(u->pool, &id, &region, &id.owner, &text);
    MESH_IS_STR(&text,
                "arn:aws-us-gov:appmesh:us-gov-west-1:111122223333:mesh/m",
                "the partition of the government");
}

MESH_UNIT(mesh_unit_appmesh_arns)


/* what a resource is stored as, with names that want escaping */

static void
mesh_unit_appmesh_record(ngx_mesh_unit_t *u)
{
    ngx_str_t               text, spec, line, uid;
    ngx_uint_t              i;
    ngx_mesh_id_t           id;
    ngx_mesh_json_t        *head;
    ngx_mesh_metadata_t     m, back;
    ngx_mesh_store_entry_t  entry;

    mesh_unit_id(&id, NGX_MESH_KIND_ROUTE, "r\"},\"spec\":{", "x\\");

    ngx_memzero(&m, sizeof(ngx_mesh_metadata_t));

    ngx_str_set(&m.arn, "arn");
    ngx_str_set(&m.created, "1649256500.072");
    ngx_str_set(&m.updated, "1649256501.001");
    ngx_str_set(&m.mesh_owner, "1");
    ngx_str_set(&m.resource_owner, "2");
    ngx_str_set(&m.uid, "u");
    m.version = 3;

    ngx_str_set(&spec, "{\"spec\":1}");

    MESH_OK(ngx_mesh_record_print(u->pool, &id, &m, &spec, "ACTIVE", &text)
            == NGX_OK, "a record");
    MESH_IS_STR(&text,
        "{\"meshName\":\"m\",\"virtualRouterName\":\"r\\\"},\\\"spec\\\":{\","
        "\"routeName\":\"x\\\\\",\"metadata\":{\"arn\":\"arn\","
        "\"createdAt\":1649256500.072,\"lastUpdatedAt\":1649256501.001,"
        "\"meshOwner\":\"1\",\"resourceOwner\":\"2\",\"uid\":\"u\","
        "\"version\":3},\"spec\":{\"spec\":1},"
        "\"status\":{\"status\":\"ACTIVE\"}}", "its text");

    head = ngx_mesh_record_head(u->pool, &text);

    if (MESH_OK(head != NULL, "its head")) {
        MESH_OK(ngx_mesh_json_get(head, "spec") == NULL, "has no spec");
        MESH_IS_STR(&ngx_mesh_json_get(head, "virtualRouterName")->u.string,
                    "r\"},\"spec\":{", "but names");

        MESH_OK(ngx_mesh_record_metadata(head, &back) == NGX_OK
                && back.version == 3, "and metadata");
        MESH_IS_STR(&back.updated, "1649256501.001", "as they were");
    }

    ngx_str_set(&text, "{\"meshName\":\"m\"}");
    MESH_OK(ngx_mesh_record_head(u->pool, &text) == NULL,
            "a text without spec has no head");

    ngx_str_set(&entry.value, "{1}\n{2}");
    ngx_mesh_record_line(&entry, &line);
    MESH_IS_STR(&line, "{1}", "the first line of an entry");

    MESH_OK(ngx_mesh_record_uid(u->pool, &uid) == NGX_OK && uid.len == 36,
            "a UUID");

    for (i = 0; i < uid.len; i++) {
        if ((uid.data[i] == '-') != (i == 8 || i == 13 || i == 18 || i == 23)) {
            break;
        }
    }

    MESH_OK(i == uid.len && uid.data[14] == '4', "of version 4: %V", &uid);

    MESH_OK(ngx_mesh_record_now(u->pool, &line) == NGX_OK
            && line.data[line.len - 4] == '.', "a time: %V", &line);
}

MESH_UNIT(mesh_unit_appmesh_record)


static void
mesh_unit_appmesh_pages(ngx_mesh_unit_t *u)
{
    u_char       c;
    ngx_str_t    scope, other, last, back, token, bad;
    ngx_uint_t   i, wrong;

    ngx_str_set(&scope, "/route/1/m/r/");
    ngx_str_set(&other, "/route/1/m/s/");
    ngx_str_set(&last, "x \xc3\xa4");

    MESH_OK(ngx_mesh_page_encode(u->pool, &scope, &last, &token) == NGX_OK,
            "a token: %V", &token);

    MESH_OK(ngx_mesh_page_decode(u->pool, &scope, &token, &back) == NGX_OK,
            "is taken");
    MESH_IS_STR(&back, "x \xc3\xa4", "and leads on from where it was given");

    MESH_OK(ngx_mesh_page_decode(u->pool, &other, &token, &back)
            == NGX_DECLINED, "but not in another list");

    for (i = 0, wrong = 0; i < token.len; i++) {
        c = token.data[i];

        if (c != '-' && c != '_'
            && (c < '0' || c > '9')
            && ((c | 0x20) < 'a' || (c | 0x20) > 'z'))
        {
            wrong++;
        }

        bad = token;
        bad.len = i;

        if (i < 23
            && ngx_mesh_page_decode(u->pool, &scope, &bad, &back)
               != NGX_DECLINED)
        {
            wrong++;
        }
    }

    MESH_IS_INT(wrong, 0, "it needs no escaping, and no half of it will do");

    ngx_str_set(&bad, "!");
    MESH_OK(ngx_mesh_page_decode(u->pool, &scope, &bad, &back)
            == NGX_DECLINED, "nor will garbage");
}

MESH_UNIT(mesh_unit_appmesh_pages)


static void
mesh_unit_appmesh_table(ngx_mesh_unit_t *u)
{
    ngx_uint_t            i, n, query;
    const ngx_mesh_op_t  *op, *other;

    n = 0;

    for (op = ngx_mesh_service_appmesh.ops; op->name; op++) {
        n++;

        MESH_OK(ngx_strncmp(op->uri, "/v20190125/", 11) == 0
                && op->handler && op->input && op->permission,
                "%s is complete", op->name);

        for (other = op + 1; other->name; other++) {
            if (ngx_strcmp(op->name, other->name) == 0
                || (op->method == other->method
                    && ngx_strcmp(op->uri, other->uri) == 0))
            {
                MESH_OK(0, "%s is twice", op->name);
            }
        }

        /* every member of the query is one of the input */

        for (query = 0; op->query[query]; query++) {
            for (i = 0; op->input->members[i].name; i++) {
                if (ngx_strcmp(op->input->members[i].name, op->query[query])
                    == 0)
                {
                    break;
                }
            }

            MESH_OK(op->input->members[i].name != NULL, "%s has %s",
                    op->name, op->query[query]);
        }
    }

    MESH_IS_INT(n, 38, "all operations");
}

MESH_UNIT(mesh_unit_appmesh_table)
