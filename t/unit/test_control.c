
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The front of the control plane without a connection: names out of URIs, the
 * input of an operation, and which operation a URI is.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <ngx_http_mesh_control.h>

#include "ngx_mesh_unit.h"


static ngx_int_t
mesh_unit_control_handler(ngx_http_mesh_control_ctx_t *ctx)
{
    return NGX_OK;
}


static const ngx_mesh_shape_t  mesh_unit_control_string = {
    "String", NGX_MESH_SHAPE_STRING, 0, 0, 0, NULL, NULL, NULL, NULL, NULL
};

static const ngx_mesh_shape_t  mesh_unit_control_integer = {
    "Integer", NGX_MESH_SHAPE_INTEGER, 0, 0, 0, NULL, NULL, NULL, NULL, NULL
};

static const ngx_mesh_shape_t  mesh_unit_control_boolean = {
    "Boolean", NGX_MESH_SHAPE_BOOLEAN, 0, 0, 0, NULL, NULL, NULL, NULL, NULL
};

static const ngx_mesh_member_t  mesh_unit_control_members[] = {
    { "shelf", &mesh_unit_control_string, 1 },
    { "limit", &mesh_unit_control_integer, 0 },
    { "all", &mesh_unit_control_boolean, 0 },
    { "title", &mesh_unit_control_string, 0 },
    { NULL, NULL, 0 }
};

static const ngx_mesh_shape_t  mesh_unit_control_shape = {
    "Input", NGX_MESH_SHAPE_STRUCTURE, 0, 0, 0, NULL, NULL, NULL, NULL,
    mesh_unit_control_members
};

static const ngx_mesh_op_t  mesh_unit_control_op = {
    "PutBook", NGX_HTTP_PUT, "/shelves/{shelf}/books",
    { "limit", "all" }, &mesh_unit_control_shape, 0,
    mesh_unit_control_handler, NULL
};


static ngx_http_mesh_route_t  mesh_unit_control_route = {
    NULL, &mesh_unit_control_op, 3,
    { { ngx_string("shelves"), 0 },
      { ngx_string("shelf"), 1 },
      { ngx_string("books"), 0 } }
};


static ngx_http_mesh_control_ctx_t *
mesh_unit_control_ctx(ngx_mesh_unit_t *u, const char *uri, const char *body)
{
    ngx_http_request_t                 *r;
    ngx_http_mesh_control_ctx_t        *ctx;
    ngx_http_mesh_control_main_conf_t   mcf;

    r = ngx_pcalloc(u->pool, sizeof(ngx_http_request_t));
    ctx = ngx_pcalloc(u->pool, sizeof(ngx_http_mesh_control_ctx_t));

    r->pool = u->pool;
    r->method = NGX_HTTP_PUT;
    r->unparsed_uri.data = (u_char *) uri;
    r->unparsed_uri.len = ngx_strlen(uri);

    ctx->request = r;
    ctx->body.data = (u_char *) body;
    ctx->body.len = ngx_strlen(body);

    ngx_memzero(&mcf, sizeof(ngx_http_mesh_control_main_conf_t));

    mcf.routes.elts = &mesh_unit_control_route;
    mcf.routes.nelts = 1;

    return (ngx_http_mesh_control_route(ctx, &mcf) == NGX_OK) ? ctx : NULL;
}


/* the input as text, or the error */

static ngx_str_t *
mesh_unit_control_input(ngx_mesh_unit_t *u, const char *uri, const char *body)
{
    ngx_int_t                     rc;
    ngx_http_mesh_control_ctx_t  *ctx;

    static ngx_str_t  text;

    ngx_str_set(&text, "no such operation");

    ctx = mesh_unit_control_ctx(u, uri, body);
    if (ctx == NULL) {
        return &text;
    }

    rc = ngx_http_mesh_control_read_input(ctx);

    if (rc == NGX_DECLINED) {
        text = ctx->message;

    } else if (rc == NGX_OK) {
        (void) ngx_mesh_json_print(u->pool, ctx->input, &text);
    }

    return &text;
}


static void
mesh_unit_control_unescape(ngx_mesh_unit_t *u)
{
    ngx_int_t   rc;
    ngx_str_t   src, dst;
    ngx_uint_t  i;

    static const struct {
        const char  *src;
        const char  *dst;       /* NULL: refused */
    } tests[] = {
        { "", "" },
        { "plain", "plain" },
        { "a+b", "a+b" },
        { "%41%62%2f%2F", "Ab//" },
        { "%c3%BC", "\xc3\xbc" },
        { "\xc3\xbc", "\xc3\xbc" },
        { "%f0%9f%98%80", "\xf0\x9f\x98\x80" },
        { "%f4%8f%bf%bf", "\xf4\x8f\xbf\xbf" },
        { "%2541", "%41" },
        { "%", NULL },
        { "a%4", NULL },
        { "%4g", NULL },
        { "%g4", NULL },
        { "%00", NULL },
        { "%80", NULL },
        { "%c3", NULL },
        { "%c3%c3", NULL },
        { "%c3A", NULL },
        { "%c0%af", NULL },
        { "%e0%80%af", NULL },
        { "%ed%a0%80", NULL },
        { "%f4%90%80%80", NULL },
        { "%f8%88%80%80%80", NULL },
        { "%ff", NULL },
        { NULL, NULL }
    };

    for (i = 0; tests[i].src; i++) {
        src.data = (u_char *) tests[i].src;
        src.len = ngx_strlen(tests[i].src);

        rc = ngx_http_mesh_control_unescape(u->pool, &src, &dst);

        if (tests[i].dst == NULL) {
            MESH_IS_INT(rc, NGX_DECLINED, "\"%s\" is refused", tests[i].src);
            continue;
        }

        MESH_IS_INT(rc, NGX_OK, "\"%s\" is taken", tests[i].src);
        MESH_IS_STR(&dst, tests[i].dst, "\"%s\"", tests[i].src);
    }
}

MESH_UNIT(mesh_unit_control_unescape)


static void
mesh_unit_control_routes(ngx_mesh_unit_t *u)
{
    ngx_uint_t  i;

    static const struct {
        const char  *uri;
        ngx_uint_t   good;
    } tests[] = {
        { "/shelves/a/books", 1 },
        { "/shelves/a/books?", 1 },
        { "/shelves/a/books?/x/y", 1 },
        { "/shelves/a%2fb/books", 1 },
        { "/%73helves/books/books", 1 },
        { "", 0 },
        { "/", 0 },
        { "?", 0 },
        { "shelves/a/books", 0 },
        { "/shelves/a", 0 },
        { "/shelves/a/books/", 0 },
        { "/shelves/a/books/b", 0 },
        { "/shelves//books", 0 },
        { "//shelves/a/books", 0 },
        { "/shelves/a/book", 0 },
        { "/shelves/a/bookss", 0 },
        { "/shelves/a?/books", 0 },
        { "/shelves%2fa/books", 0 },
        { "/shelves/%/books", 0 },
        { "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", 0 },
        { NULL, 0 }
    };

    for (i = 0; tests[i].uri; i++) {
        MESH_IS_INT(mesh_unit_control_ctx(u, tests[i].uri, "") != NULL,
                    tests[i].good, "\"%s\"", tests[i].uri);
    }
}

MESH_UNIT(mesh_unit_control_routes)


static void
mesh_unit_control_inputs(ngx_mesh_unit_t *u)
{
    ngx_uint_t  i;

    static const struct {
        const char  *uri;
        const char  *body;
        const char  *input;
    } tests[] = {
        { "/shelves/a/books", "", "{\"shelf\":\"a\"}" },
        { "/shelves/a%22/books", "{}", "{\"shelf\":\"a\\\"\"}" },
        { "/shelves/a/books", "{\"title\":\"t\"}",
          "{\"title\":\"t\",\"shelf\":\"a\"}" },
        { "/shelves/a/books?limit=007&all=true&title=x", "",
          "{\"shelf\":\"a\",\"limit\":7,\"all\":true}" },
        { "/shelves/a/books?all=false&limit=-5", "{\"y\":null}",
          "{\"y\":null,\"shelf\":\"a\",\"all\":false,\"limit\":-5}" },

        /* members of the body that belong elsewhere, wherever they stand */
        { "/shelves/a/books",
          "{\"shelf\":1,\"title\":\"t\",\"limit\":2,\"u\":[],\"all\":3}",
          "{\"title\":\"t\",\"u\":[],\"shelf\":\"a\"}" },
        { "/shelves/a/books", "{\"shelf\":1}", "{\"shelf\":\"a\"}" },

        { "/shelves/a/books?limit=1&limit=1", "",
          "The query string has \"limit\" more than once" },
        { "/shelves/a/books?limit=+1", "",
          "The value of \"limit\" is not a number" },
        { "/shelves/a/books?all=yes", "",
          "The value of \"all\" is neither true nor false" },
        { "/shelves/a/books?all=%ff", "",
          "The value of \"all\" is not UTF-8 in percent-encoding" },
        { "/shelves/%2e/books", "", "\".\" cannot be a shelf" },
        { "/shelves/../books", "", "\"..\" cannot be a shelf" },
        { "/shelves/.../books", "", "{\"shelf\":\"...\"}" },
        { "/shelves/a/books", "[]",
          "The request body is not a JSON object" },
        { NULL, NULL, NULL }
    };

    for (i = 0; tests[i].uri; i++) {
        MESH_IS_STR(mesh_unit_control_input(u, tests[i].uri, tests[i].body),
                    tests[i].input, "%s with \"%s\"", tests[i].uri,
                    tests[i].body);
    }
}

MESH_UNIT(mesh_unit_control_inputs)


/* a message may be of any length, and is cut between characters at last */

static void
mesh_unit_control_messages(ngx_mesh_unit_t *u)
{
    size_t                        len;
    ngx_str_t                     text;
    ngx_uint_t                    i;
    ngx_http_mesh_control_ctx_t  *ctx;

    ctx = mesh_unit_control_ctx(u, "/shelves/a/books", "");

    text.len = 400000;
    text.data = ngx_palloc(u->pool, text.len);

    for (i = 0; i < text.len; i += 2) {
        text.data[i] = 0xc3;
        text.data[i + 1] = 0xbc;
    }

    len = text.len;

    for (text.len = 500; text.len < 70000; text.len += 1234) {
        (void) ngx_http_mesh_control_error(ctx, &ngx_mesh_error_bad_request,
                                           "%V", &text);
        if (ctx->message.len != text.len) {
            break;
        }
    }

    MESH_OK(text.len >= 70000, "messages are kept whole");
    MESH_OK(ctx->error == &ngx_mesh_error_bad_request, "the error is set");

    text.len = len;

    MESH_IS_INT(ngx_http_mesh_control_error(ctx, &ngx_mesh_error_not_found,
                                            "x%V", &text),
                NGX_DECLINED, "a very long one");
    MESH_OK(ctx->message.len < text.len && ctx->message.len % 2 == 1,
            "is cut between characters, %uz bytes", ctx->message.len);
}

MESH_UNIT(mesh_unit_control_messages)
