
/*
 * Copyright (C) nginx mesh contributors
 *
 * The validation of inputs: what an operation gets to see, and the words of
 * violations, which are those of AWS.  That the shapes are right is shown by
 * t/e2e/model.t.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <ngx_http_mesh_control.h>
#include <ngx_mesh_appmesh_shapes.h>
#include <ngx_mesh_validate.h>

#include "ngx_mesh_unit.h"


#define MESH_UNIT_VALUE(value, path)                                          \
    "Value " value " at '" path "' failed to satisfy constraint: "

#define MESH_UNIT_ONE  "1 validation error detected: "
#define MESH_UNIT_TWO  "2 validation errors detected: "

#define MESH_UNIT_LISTENER                                                    \
    "{\"portMapping\":{\"port\":8080,\"protocol\":\"http\"}}"


typedef struct {
    const char              *input;
    const char              *result;    /* the message, or "" */
} mesh_unit_validate_case_t;


static ngx_mesh_json_t *
mesh_unit_validate_parse(ngx_mesh_unit_t *u, const char *input)
{
    ngx_str_t                text, error;
    ngx_mesh_json_t         *value;
    ngx_mesh_json_limits_t   limits = { 0, 0, 0, 0 };

    text.data = (u_char *) input;
    text.len = ngx_strlen(input);

    value = ngx_mesh_json_parse(u->pool, &limits, &text, &error);

    MESH_OK(value != NULL, "%s is JSON", input);

    return value;
}


static void
mesh_unit_validate_cases(ngx_mesh_unit_t *u, const ngx_mesh_shape_t *shape,
    mesh_unit_validate_case_t *c)
{
    ngx_int_t         rc;
    ngx_str_t         message;
    ngx_mesh_json_t  *input;

    for ( /* void */ ; c->input; c++) {
        input = mesh_unit_validate_parse(u, c->input);
        ngx_str_null(&message);

        rc = ngx_mesh_validate(u->pool, shape, input, &message);

        MESH_IS_STR(&message, c->result, "%s", c->input);
        MESH_IS_INT(rc, c->result[0] ? NGX_DECLINED : NGX_OK,
                    "%s: what is returned", c->input);
    }
}


/* "spec" of a virtual node, with all else that its input needs */

#define MESH_UNIT_NODE(spec)                                                  \
    "{\"meshName\":\"m\",\"virtualNodeName\":\"n\",\"spec\":" spec "}"

static mesh_unit_validate_case_t  mesh_unit_validate_nodes[] = {

    { MESH_UNIT_NODE("{}"), "" },
    { MESH_UNIT_NODE("{\"listeners\":[" MESH_UNIT_LISTENER "]}"), "" },

    { "{\"meshName\":\"m\",\"virtualNodeName\":\"n\"}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("null", "spec")
      "Member must not be null" },

    { MESH_UNIT_NODE("null"),
      MESH_UNIT_ONE MESH_UNIT_VALUE("null", "spec")
      "Member must not be null" },

    { "{\"meshName\":\"m\",\"spec\":{}}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("null", "virtualNodeName")
      "Member must not be null" },

    { "{\"meshName\":\"m\",\"virtualNodeName\":\"\",\"spec\":{}}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("''", "virtualNodeName")
      "Member must have length greater than or equal to 1" },

    { "{\"meshName\":\"m\",\"virtualNodeName\":\"a/b\",\"spec\":{}}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("'a/b'", "virtualNodeName")
      "Member must satisfy regular expression pattern: [^/\\x00-\\x1f\\x7f]+" },

    { "{\"meshName\":\"m\",\"virtualNodeName\":7,\"spec\":{}}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("'7'", "virtualNodeName")
      "Member must be a string" },

    { MESH_UNIT_NODE("\"text\""),
      MESH_UNIT_ONE MESH_UNIT_VALUE("'text'", "spec")
      "Member must be an object" },

    { MESH_UNIT_NODE("{\"listeners\":{\"a\":1,\"b\":2}}"),
      MESH_UNIT_ONE MESH_UNIT_VALUE("'{a, b}'", "spec.listeners")
      "Member must be a list" },

    { MESH_UNIT_NODE("{\"listeners\":[null]}"),
      MESH_UNIT_ONE MESH_UNIT_VALUE("null", "spec.listeners.1.member")
      "Member must not be null" },

    { MESH_UNIT_NODE("{\"listeners\":[{\"portMapping\":{\"port\":70000,"
                     "\"protocol\":\"udp\"}}]}"),
      MESH_UNIT_TWO
      MESH_UNIT_VALUE("'70000'", "spec.listeners.1.member.portMapping.port")
      "Member must have value less than or equal to 65535; "
      MESH_UNIT_VALUE("'udp'", "spec.listeners.1.member.portMapping.protocol")
      "Member must satisfy enum value set: [http, tcp, http2, grpc]" },

    { MESH_UNIT_NODE("{\"listeners\":[" MESH_UNIT_LISTENER
                     ",{\"portMapping\":{\"port\":0,\"protocol\":\"tcp\"}}]}"),
      MESH_UNIT_ONE
      MESH_UNIT_VALUE("'0'", "spec.listeners.2.member.portMapping.port")
      "Member must have value greater than or equal to 1" },

    { MESH_UNIT_NODE("{\"listeners\":[{\"portMapping\":{\"port\":"
                     "99999999999999999999,\"protocol\":\"tcp\"}}]}"),
      MESH_UNIT_ONE
      MESH_UNIT_VALUE("'99999999999999999999'",
                      "spec.listeners.1.member.portMapping.port")
      "Member must have value less than or equal to 65535" },

    { MESH_UNIT_NODE("{\"listeners\":[{\"portMapping\":{\"port\":80.5,"
                     "\"protocol\":\"tcp\"}}]}"),
      MESH_UNIT_ONE
      MESH_UNIT_VALUE("'80.5'", "spec.listeners.1.member.portMapping.port")
      "Member must be an integer" },

    { MESH_UNIT_NODE("{\"listeners\":[{\"portMapping\":{\"port\":\"80\","
                     "\"protocol\":\"tcp\"}}]}"),
      MESH_UNIT_ONE
      MESH_UNIT_VALUE("'80'", "spec.listeners.1.member.portMapping.port")
      "Member must be an integer" },

    { MESH_UNIT_NODE("{\"listeners\":[{}]}"),
      MESH_UNIT_ONE
      MESH_UNIT_VALUE("null", "spec.listeners.1.member.portMapping")
      "Member must not be null" },

    { MESH_UNIT_NODE("{\"serviceDiscovery\":{\"dns\":{\"hostname\":\"h\"},"
                     "\"awsCloudMap\":{\"namespaceName\":\"n\","
                     "\"serviceName\":\"s\"}}}"),
      MESH_UNIT_ONE
      MESH_UNIT_VALUE("'{dns, awsCloudMap}'", "spec.serviceDiscovery")
      "Member must have exactly one of [awsCloudMap, dns]" },

    { MESH_UNIT_NODE("{\"serviceDiscovery\":{\"consul\":{}}}"),
      MESH_UNIT_ONE
      MESH_UNIT_VALUE("'{}'", "spec.serviceDiscovery")
      "Member must have exactly one of [awsCloudMap, dns]" },

    { MESH_UNIT_NODE("{\"serviceDiscovery\":{\"awsCloudMap\":{"
                     "\"namespaceName\":\"n\",\"serviceName\":\"s\","
                     "\"attributes\":[{\"key\":\"a b\","
                     "\"value\":\"v\"}]}}}"),
      MESH_UNIT_ONE
      MESH_UNIT_VALUE("'a b'", "spec.serviceDiscovery.awsCloudMap.attributes."
                               "1.member.key")
      "Member must satisfy regular expression pattern: ^[a-zA-Z0-9!-~]+$" },

    { MESH_UNIT_NODE("{\"backendDefaults\":{\"clientPolicy\":{\"tls\":{"
                     "\"enforce\":\"yes\",\"ports\":[443,true],\"validation\":"
                     "{\"trust\":{\"file\":{\"certificateChain\":\"c\"}}}"
                     "}}}}"),
      MESH_UNIT_TWO
      MESH_UNIT_VALUE("'yes'", "spec.backendDefaults.clientPolicy.tls.enforce")
      "Member must be a boolean; "
      MESH_UNIT_VALUE("'true'", "spec.backendDefaults.clientPolicy.tls.ports."
                                "2.member")
      "Member must be an integer" },

    { NULL, NULL }
};


static void
mesh_unit_validate_node(ngx_mesh_unit_t *u)
{
    mesh_unit_validate_cases(u, &ngx_mesh_shape_create_virtual_node_input,
                             mesh_unit_validate_nodes);
}

MESH_UNIT(mesh_unit_validate_node)


/* what goes into keys of the store, and what the model says in text only */

static mesh_unit_validate_case_t  mesh_unit_validate_meshes[] = {

    { "{\"meshName\":\"m\"}", "" },
    { "{\"meshName\":\"m\",\"clientToken\":\"\"}", "" },
    { "{\"meshName\":\"m\",\"clientToken\":"
      "\"terraform-20261123000000000000000001\",\"tags\":[],\"spec\":{}}", "" },

    { "{\"meshName\":\"m\",\"clientToken\":"
      "\"1234567890123456789012345678901234567\"}",
      MESH_UNIT_ONE
      MESH_UNIT_VALUE("'1234567890123456789012345678901234567'", "clientToken")
      "Member must have length less than or equal to 36" },

    { "{\"meshName\":\"m\",\"clientToken\":\"a b\"}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("'a b'", "clientToken")
      "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]*" },

    { "{\"meshName\":\"m\",\"tags\":[{\"key\":\"k\"},{\"value\":\"v\"}]}",
      MESH_UNIT_TWO MESH_UNIT_VALUE("null", "tags.1.member.value")
      "Member must not be null; " MESH_UNIT_VALUE("null", "tags.2.member.key")
      "Member must not be null" },

    { "{\"meshName\":\"m\",\"spec\":{\"egressFilter\":{\"type\":\"NONE\"}}}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("'NONE'", "spec.egressFilter.type")
      "Member must satisfy enum value set: [ALLOW_ALL, DROP_ALL]" },

    { NULL, NULL }
};

static mesh_unit_validate_case_t  mesh_unit_validate_lists[] = {

    { "{\"meshName\":\"m\",\"limit\":1}", "" },
    { "{\"meshName\":\"m\",\"limit\":100,\"meshOwner\":\"111122223333\"}",
      "" },

    { "{\"meshName\":\"m\",\"limit\":101}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("'101'", "limit")
      "Member must have value less than or equal to 100" },

    { "{\"meshName\":\"m\",\"limit\":-1}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("'-1'", "limit")
      "Member must have value greater than or equal to 1" },

    { "{\"meshName\":\"m\",\"meshOwner\":\"1111\"}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("'1111'", "meshOwner")
      "Member must have length greater than or equal to 12" },

    { "{\"meshName\":\"m\",\"meshOwner\":\"../11122/333\"}",
      MESH_UNIT_ONE MESH_UNIT_VALUE("'../11122/333'", "meshOwner")
      "Member must satisfy regular expression pattern: [0-9]+" },

    { NULL, NULL }
};


static void
mesh_unit_validate_names(ngx_mesh_unit_t *u)
{
    mesh_unit_validate_cases(u, &ngx_mesh_shape_create_mesh_input,
                             mesh_unit_validate_meshes);
    mesh_unit_validate_cases(u, &ngx_mesh_shape_list_virtual_nodes_input,
                             mesh_unit_validate_lists);
}

MESH_UNIT(mesh_unit_validate_names)


/* members that are unknown or null are gone for all who come later */

static void
mesh_unit_validate_pruned(ngx_mesh_unit_t *u)
{
    ngx_str_t         message, text;
    ngx_mesh_json_t  *input;

    input = mesh_unit_validate_parse(u,
        "{\"x\":1,\"meshName\":\"m\",\"virtualNodeName\":\"n\",\"tags\":null,"
        "\"spec\":{\"backends\":null,\"listeners\":[{\"y\":{\"port\":1},"
        "\"portMapping\":{\"port\":1,\"z\":[],\"protocol\":\"tcp\","
        "\"w\":null}}],\"v\":2}}");

    MESH_IS_INT(ngx_mesh_validate(u->pool,
                                  &ngx_mesh_shape_create_virtual_node_input,
                                  input, &message),
                NGX_OK, "unknown members are no violation");

    MESH_OK(ngx_mesh_json_print(u->pool, input, &text) == NGX_OK, "printed");
    MESH_IS_STR(&text, "{\"meshName\":\"m\",\"virtualNodeName\":\"n\","
                "\"spec\":{\"listeners\":[{\"portMapping\":{\"port\":1,"
                "\"protocol\":\"tcp\"}}]}}", "only what is known is left");

    MESH_IS_INT(input->nelts, 3, "members are counted");

    MESH_OK(ngx_mesh_json_add_boolean(u->pool, input, "last", 1) != NULL,
            "a member is added");
    MESH_OK(ngx_mesh_json_get(input, "last") != NULL
            && ngx_mesh_json_get(input, "spec") != NULL,
            "it follows those that are left");

    input = mesh_unit_validate_parse(u, "{\"a\":1,\"meshName\":null}");

    MESH_IS_INT(ngx_mesh_validate(u->pool,
                                  &ngx_mesh_shape_describe_mesh_input, input,
                                  &message),
                NGX_DECLINED, "nothing is left");
    MESH_OK(input->nelts == 0 && input->u.child.first == NULL
            && input->u.child.last == NULL, "an empty object");
}

MESH_UNIT(mesh_unit_validate_pruned)


/* a value of "n" bytes that is too long as the name of a mesh */

static void
mesh_unit_validate_long_value(ngx_mesh_unit_t *u, const char *unit,
    ngx_uint_t n, const char *shown)
{
    u_char           *p;
    ngx_str_t         message, name;
    ngx_mesh_json_t  *input;

    name.data = ngx_pnalloc(u->pool, n * 4);
    if (name.data == NULL) {
        MESH_OK(0, "no memory");
        return;
    }

    for (p = name.data; n; n--) {
        p = ngx_sprintf(p, "%s", unit);
    }

    name.len = p - name.data;

    input = ngx_mesh_json_add(u->pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    (void) ngx_mesh_json_add_string(u->pool, input, "meshName", &name);

    MESH_IS_INT(ngx_mesh_validate(u->pool,
                                  &ngx_mesh_shape_describe_mesh_input, input,
                                  &message),
                NGX_DECLINED, "a long name");
    MESH_IS_STR(&message, shown, "it is cut");
}


static void
mesh_unit_validate_cut(ngx_mesh_unit_t *u)
{
    ngx_str_t              text, value;
    ngx_mesh_json_t       *root, *v;
    ngx_mesh_violations_t  violations;
    u_char                 buf[100];

#define MESH_UNIT_10A  "aaaaaaaaaa"
#define MESH_UNIT_50A  MESH_UNIT_10A MESH_UNIT_10A MESH_UNIT_10A              \
                       MESH_UNIT_10A MESH_UNIT_10A
#define MESH_UNIT_11E  "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"     \
                       "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"     \
                       "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"

    mesh_unit_validate_long_value(u, "a", 256,
        MESH_UNIT_ONE
        MESH_UNIT_VALUE("'" MESH_UNIT_50A MESH_UNIT_50A "...'", "meshName")
        "Member must have length less than or equal to 255");

    mesh_unit_validate_long_value(u, "\xe2\x82\xac", 256,
        MESH_UNIT_ONE
        MESH_UNIT_VALUE("'" MESH_UNIT_11E MESH_UNIT_11E MESH_UNIT_11E "...'",
                        "meshName")
        "Member must have length less than or equal to 255");

    /* as much as is shown, and no more */

    ngx_memset(buf, 'a', sizeof(buf));
    value.data = buf;
    value.len = sizeof(buf);

    root = ngx_mesh_json_add(u->pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    v = ngx_mesh_json_add_string(u->pool, root, "v", &value);

    ngx_str_set(&text, "must be short");

    MESH_OK(ngx_mesh_violations_init(&violations, u->pool) == NGX_OK
            && ngx_mesh_violations_add(&violations, v, NULL, &text) == NGX_OK
            && ngx_mesh_violations_message(&violations, &text) == NGX_OK,
            "a violation of a rule");
    MESH_IS_STR(&text, MESH_UNIT_ONE
                MESH_UNIT_VALUE("'" MESH_UNIT_50A MESH_UNIT_50A "'", "v")
                "must be short", "it is not cut");
}

MESH_UNIT(mesh_unit_validate_cut)


/* a body of nothing but mistakes has a message of bounded length */

static void
mesh_unit_validate_many(ngx_mesh_unit_t *u)
{
    u_char           *p;
    ngx_str_t         message;
    ngx_uint_t        i;
    ngx_mesh_json_t  *input, *spec, *list;

    input = ngx_mesh_json_add(u->pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    spec = ngx_mesh_json_add(u->pool, input, "spec", NGX_MESH_JSON_OBJECT);
    list = ngx_mesh_json_add(u->pool, spec, "listeners", NGX_MESH_JSON_ARRAY);

    for (i = 0; i < 5000; i++) {
        (void) ngx_mesh_json_add(u->pool, list, NULL, NGX_MESH_JSON_OBJECT);
    }

    MESH_IS_INT(ngx_mesh_validate(u->pool,
                                  &ngx_mesh_shape_create_virtual_node_input,
                                  input, &message),
                NGX_DECLINED, "5000 listeners without a port");

    MESH_OK(message.len < 4096, "the message has %uz bytes", message.len);
    MESH_OK(ngx_strncmp(message.data, "5002 validation errors detected: "
                        "Value null at 'spec.listeners.1.member.portMapping'",
                        82)
            == 0, "all are counted");

    p = message.data + message.len - (sizeof("; and 4982 more") - 1);

    MESH_OK(ngx_strncmp(p, "; and 4982 more", sizeof("; and 4982 more") - 1)
            == 0, "the first 20 are listed");
}

MESH_UNIT(mesh_unit_validate_many)


/* names of all inputs are different, and each can be looked up */

static void
mesh_unit_validate_inputs(ngx_mesh_unit_t *u)
{
    ngx_uint_t               i, j;
    const ngx_mesh_shape_t  *shape;

    for (i = 0; ngx_mesh_appmesh_inputs[i]; i++) {
        shape = ngx_mesh_appmesh_inputs[i];

        MESH_OK(shape->type == NGX_MESH_SHAPE_STRUCTURE, "%s", shape->name);

        for (j = 0; j < i; j++) {
            if (ngx_strcmp(shape->name, ngx_mesh_appmesh_inputs[j]->name)
                == 0)
            {
                MESH_OK(0, "%s is there twice", shape->name);
            }
        }
    }

    MESH_IS_INT(i, 38, "inputs");
}

MESH_UNIT(mesh_unit_validate_inputs)
