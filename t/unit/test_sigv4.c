
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Signature Version 4.  The canonical requests and signatures were computed by
 * botocore; t/e2e/auth.t compares with implementations that are there.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_sigv4.h>

#include "ngx_mesh_unit.h"


#define MESH_SECRET  "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

#define MESH_EMPTY                                                            \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define MESH_SIGNED_HOST                                                      \
    "host:cp.local:9080\nx-amz-date:20260930T120000Z\n\n"                     \
    "host;x-amz-date\n" MESH_EMPTY


typedef struct {
    const char  *name;
    const char  *method;
    const char  *path;
    const char  *args;
    const char  *headers[4];    /* name, value, ...: besides Host and Date */
    const char  *body;
    const char  *canonical;
    const char  *signature;
} mesh_sigv4_case_t;


static mesh_sigv4_case_t  mesh_sigv4_cases[] = {

    { "a plain request", "GET", "/v20190125/meshes", "", { NULL }, "",
      "GET\n/v20190125/meshes\n\n" MESH_SIGNED_HOST,
      "7ba0d0f2a4efa6d51b443a4f94597d7dda6e1560de23cfbb63970a0449dc7e6d" },

    { "an empty path", "GET", "", "", { NULL }, "",
      "GET\n/\n\n" MESH_SIGNED_HOST,
      "af7010fb45e5994eaf87bc0a845ab724b657c2dae087dca9a12c1bae623ab1c1" },

    { "arguments", "GET", "/v20190125/meshes/m1/virtualNodes",
      "nextToken=b%2Fc%3D&limit=10&a=&a=1", { NULL }, "",
      "GET\n/v20190125/meshes/m1/virtualNodes\n"
      "a=&a=1&limit=10&nextToken=b%2Fc%3D\n" MESH_SIGNED_HOST,
      "47d7853345dd37d34bf6f2d1bd67f7b2b929be8cd64ba869237710ec23de24fd" },

    { "the same arguments, escaped otherwise", "GET",
      "/v20190125/meshes/m1/virtualNodes",
      "&%6eextToken=b%2fc=&&a&a=1&limit=%31%30", { NULL }, "",
      "GET\n/v20190125/meshes/m1/virtualNodes\n"
      "a=&a=1&limit=10&nextToken=b%2Fc%3D\n" MESH_SIGNED_HOST,
      "47d7853345dd37d34bf6f2d1bd67f7b2b929be8cd64ba869237710ec23de24fd" },

    { "an escaped path", "GET", "/v20190125/meshes/a%20b%2Fc%25",
      "meshOwner=111122223333", { NULL }, "",
      "GET\n/v20190125/meshes/a%2520b%252Fc%2525\n"
      "meshOwner=111122223333\n" MESH_SIGNED_HOST,
      "1a766208b5f671bebf1535fc1495f74999f787d2619c9b5220d164ddc331dfe6" },

    { "dots and slashes", "GET", "/v20190125/./x/../meshes//m1/", "",
      { NULL }, "",
      "GET\n/v20190125/meshes/m1/\n\n" MESH_SIGNED_HOST,
      "4497594bb029a7c0a4de01deec8b3ca2402afa13d675b05b281cf67d84f314f6" },

    { "dots at the end", "GET", "/a/b/..", "", { NULL }, "",
      "GET\n/a\n\n" MESH_SIGNED_HOST,
      "345353e4d7c2b724deb5e365561f5ada59d6e0d68932fc981c9b0438f2208519" },

    { "dots above the top", "GET", "/../..//./", "", { NULL }, "",
      "GET\n/\n\n" MESH_SIGNED_HOST,
      "af7010fb45e5994eaf87bc0a845ab724b657c2dae087dca9a12c1bae623ab1c1" },

    { "a body", "PUT", "/v20190125/meshes", "",
      { "Content-Type", "application/json", NULL }, "{\"meshName\":\"m1\"}",
      "PUT\n/v20190125/meshes\n\ncontent-type:application/json\n"
      "host:cp.local:9080\nx-amz-date:20260930T120000Z\n\n"
      "content-type;host;x-amz-date\n"
      "97554b8e8eaf3bb57fbbfdad78442162a8485078b3404c947abb6283feb1e22f",
      "11d36afbcc36f3eb9ddf43e5f370c38ae3f4491a50b9606e1ed448e726efc9a6" },

    { "blanks and repeated headers", "GET", "/", "",
      { "X-Amz-Meta", "  a   b\tc  ", "x-amz-META", "d" }, "",
      "GET\n/\n\nhost:cp.local:9080\nx-amz-date:20260930T120000Z\n"
      "x-amz-meta:a b c,d\n\nhost;x-amz-date;x-amz-meta\n" MESH_EMPTY,
      "c656fc713ab1a70309995df235dd77806b9e552fbe44d82065359e9658dae19c" },

    { "bytes above 127", "GET", "/%E1%88%B4", "%E1%88%B4=bar&B=2&b=1&B=10",
      { NULL }, "",
      "GET\n/%25E1%2588%25B4\n%E1%88%B4=bar&B=10&B=2&b=1\n" MESH_SIGNED_HOST,
      "08d4dffd378ce14d72ce26a23ccb191b66c9f80a23a0af8473dd1917a39114ca" },

    { NULL, NULL, NULL, NULL, { NULL }, NULL, NULL, NULL }
};


static void
mesh_unit_sigv4_str(ngx_str_t *str, const char *text)
{
    str->data = (u_char *) text;
    str->len = ngx_strlen(text);
}


static void
mesh_unit_sigv4_request(ngx_mesh_unit_t *u, mesh_sigv4_case_t *c,
    ngx_mesh_sigv4_request_t *rq)
{
    ngx_str_t                 body;
    ngx_uint_t                i;
    ngx_mesh_sigv4_header_t  *h;

    ngx_memzero(rq, sizeof(ngx_mesh_sigv4_request_t));

    h = ngx_pcalloc(u->pool, 8 * sizeof(ngx_mesh_sigv4_header_t));

    mesh_unit_sigv4_str(&rq->method, c->method);
    mesh_unit_sigv4_str(&rq->path, c->path);
    mesh_unit_sigv4_str(&rq->args, c->args);

    rq->headers = h;

    for (i = 0; i < 4 && c->headers[i]; i += 2) {
        mesh_unit_sigv4_str(&h->name, c->headers[i]);
        mesh_unit_sigv4_str(&h++->value, c->headers[i + 1]);
    }

    ngx_str_set(&h->name, "X-Amz-Date");
    ngx_str_set(&h->value, "20260930T120000Z");
    h++;

    ngx_str_set(&h->name, "Host");
    ngx_str_set(&h->value, "cp.local:9080");
    h++;

    rq->nheaders = h - rq->headers;

    mesh_unit_sigv4_str(&body, c->body);

    rq->payload_hash.len = NGX_MESH_SIGV4_HEX_LEN;
    rq->payload_hash.data = ngx_pnalloc(u->pool, NGX_MESH_SIGV4_HEX_LEN);
    (void) ngx_mesh_sigv4_hash(&body, rq->payload_hash.data);
}


static void
mesh_unit_sigv4_scope(ngx_mesh_sigv4_scope_t *scope)
{
    ngx_str_set(&scope->date, "20260930T120000Z");
    ngx_str_set(&scope->region, "us-west-2");
    ngx_str_set(&scope->service, "appmesh");
}


static void
mesh_unit_sigv4_vectors(ngx_mesh_unit_t *u)
{
    u_char                         hex[NGX_MESH_SIGV4_HEX_LEN];
    ngx_str_t                      authorization, canonical, signature;
    mesh_sigv4_case_t             *c;
    ngx_mesh_sigv4_scope_t         scope;
    ngx_mesh_sigv4_request_t       rq;
    ngx_mesh_sigv4_credentials_t   credentials;

    mesh_unit_sigv4_scope(&scope);

    ngx_str_set(&credentials.access_key, "AKIDEXAMPLE");
    ngx_str_set(&credentials.secret, MESH_SECRET);
    ngx_str_null(&credentials.token);

    ngx_str_null(&authorization);

    for (c = mesh_sigv4_cases; c->name; c++) {
        mesh_unit_sigv4_request(u, c, &rq);

        if (!MESH_OK(ngx_mesh_sigv4_sign(u->pool, &rq, &scope, &credentials,
                                         &authorization)
                     == NGX_OK,
                     "%s: signed", c->name))
        {
            continue;
        }

        signature.len = NGX_MESH_SIGV4_HEX_LEN;
        signature.data = authorization.data + authorization.len
                         - NGX_MESH_SIGV4_HEX_LEN;
        MESH_IS_STR(&signature, c->signature, "%s: signature", c->name);

        (void) ngx_mesh_sigv4_canonical(u->pool, &rq, &canonical);
        MESH_IS_STR(&canonical, c->canonical, "%s: canonical request",
                    c->name);
    }

    MESH_OK(ngx_strncmp(authorization.data,
                        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260930/"
                        "us-west-2/appmesh/aws4_request, SignedHeaders=host;"
                        "x-amz-date, Signature=", 122)
            == 0, "the Authorization header");

    ngx_str_set(&canonical, "");
    (void) ngx_mesh_sigv4_hash(&canonical, hex);
    MESH_OK(ngx_memcmp(hex, MESH_EMPTY, NGX_MESH_SIGV4_HEX_LEN) == 0,
            "the hash of nothing");
}

MESH_UNIT(mesh_unit_sigv4_vectors)


/* the key that is kept is another one when day, region or service are */

static void
mesh_unit_sigv4_key(ngx_mesh_unit_t *u)
{
    u_char                   kept[NGX_MESH_SIGV4_HEX_LEN];
    u_char                   anew[NGX_MESH_SIGV4_HEX_LEN];
    ngx_str_t                secret, string;
    ngx_uint_t               i;
    ngx_mesh_sigv4_key_t     key;
    ngx_mesh_sigv4_scope_t   scope;

    ngx_str_set(&secret, MESH_SECRET);
    ngx_str_set(&string, "a string to sign");

    ngx_memzero(&key, sizeof(ngx_mesh_sigv4_key_t));

    mesh_unit_sigv4_scope(&scope);

    for (i = 0; i < 6; i++) {

        switch (i) {

        case 1:
            ngx_str_set(&scope.date, "20260930T235959Z");
            break;

        case 2:
            ngx_str_set(&scope.date, "20261001T000000Z");
            break;

        case 3:
            ngx_str_set(&scope.region, "us-east-1");
            break;

        case 4:
            ngx_str_set(&scope.service, "servicediscovery");
            break;

        case 5:
            scope.region.len = 200;
            scope.region.data = ngx_pcalloc(u->pool, 200);
            ngx_memset(scope.region.data, 'r', 200);
            break;
        }

        MESH_OK(ngx_mesh_sigv4_signature(&scope, &secret, &key, &string, kept)
                == NGX_OK
                && ngx_mesh_sigv4_signature(&scope, &secret, NULL, &string,
                                            anew)
                   == NGX_OK
                && ngx_memcmp(kept, anew, NGX_MESH_SIGV4_HEX_LEN) == 0,
                "a kept key gives the same signature (%ui)", i);
    }
}

MESH_UNIT(mesh_unit_sigv4_key)


static void
mesh_unit_sigv4_refused(ngx_mesh_unit_t *u)
{
    u_char                     args[512];
    ngx_str_t                  canonical;
    ngx_uint_t                 i;
    ngx_mesh_sigv4_request_t   rq;

    static const char  *lists[] = {
        "", ";", "host;", ";host", "host;host", "x-amz-date;host", "Host",
        "host;nobody", NULL
    };

    mesh_unit_sigv4_request(u, mesh_sigv4_cases, &rq);

    for (i = 0; lists[i]; i++) {
        mesh_unit_sigv4_str(&rq.signed_headers, lists[i]);
        MESH_IS_INT(ngx_mesh_sigv4_canonical(u->pool, &rq, &canonical),
                    NGX_DECLINED, "signed headers \"%s\"", lists[i]);
    }

    ngx_str_set(&rq.signed_headers, "host");

    ngx_str_set(&rq.path, "/%2");
    MESH_IS_INT(ngx_mesh_sigv4_canonical(u->pool, &rq, &canonical),
                NGX_DECLINED, "half an escape in the path");

    ngx_str_set(&rq.path, "/");
    ngx_str_set(&rq.args, "a=%zz");
    MESH_IS_INT(ngx_mesh_sigv4_canonical(u->pool, &rq, &canonical),
                NGX_DECLINED, "a wrong escape in the arguments");

    for (i = 0; i < sizeof(args); i += 2) {
        args[i] = 'a';
        args[i + 1] = '&';
    }

    rq.args.data = args;
    rq.args.len = 2 * NGX_MESH_SIGV4_MAX_ARGS;
    MESH_IS_INT(ngx_mesh_sigv4_canonical(u->pool, &rq, &canonical), NGX_OK,
                "as many arguments as there may be");

    rq.args.len++;
    MESH_IS_INT(ngx_mesh_sigv4_canonical(u->pool, &rq, &canonical),
                NGX_DECLINED, "one more");
}

MESH_UNIT(mesh_unit_sigv4_refused)


static void
mesh_unit_sigv4_times(ngx_mesh_unit_t *u)
{
    time_t       t;
    u_char       date[NGX_MESH_SIGV4_DATE_LEN];
    ngx_str_t    text;
    ngx_uint_t   i;

    static const char  *wrong[] = {
        "", "20260930T120000", "20260930T120000ZZ", "20260230T120000Z",
        "20260930 120000Z", "20261330T120000Z", "20260900T120000Z",
        "20260930T240000Z", "20260930T126000Z", "20260930T120060Z",
        "2026093aT120000Z", "19691231T235959Z", "20250229T000000Z", NULL
    };

    text.data = date;
    text.len = NGX_MESH_SIGV4_DATE_LEN;

    ngx_mesh_sigv4_date(1790769600, date);
    MESH_IS_STR(&text, "20260930T120000Z", "a time as a date");
    MESH_IS_INT(ngx_mesh_sigv4_time(&text), 1790769600, "and back");

    /* every day of 30 years, at another second each */

    for (t = 1577836800; t < 2524608000; t += 86401) {
        ngx_mesh_sigv4_date(t, date);

        if (ngx_mesh_sigv4_time(&text) != t) {
            break;
        }
    }

    MESH_OK(t >= 2524608000, "all days come back");

    for (i = 0; wrong[i]; i++) {
        mesh_unit_sigv4_str(&text, wrong[i]);
        MESH_IS_INT(ngx_mesh_sigv4_time(&text), NGX_ERROR,
                    "no date: \"%s\"", wrong[i]);
    }
}

MESH_UNIT(mesh_unit_sigv4_times)
