
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Verifying signatures: sound requests, computed by botocore, and what becomes
 * of them when anything is changed.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_verify.h>

#include "ngx_mesh_unit.h"


#define MESH_KEYS                                                             \
    "AKIDEXAMPLE wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY admin\n"            \
    "AKIDTOKEN wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY read token=TOKEN\n"

#define MESH_SCOPE  "AKIDEXAMPLE/20260930/us-west-2/appmesh/aws4_request"

#define MESH_SIGNATURE                                                        \
    "51cd316b1dd4a4baee5dd29721e6a40aedfa76ecd339458d8e19f644057f68fc"

#define MESH_LIST  "content-type;host;x-amz-date"

#define MESH_AUTH(scope, list, signature)                                     \
    "AWS4-HMAC-SHA256 Credential=" scope ", SignedHeaders=" list              \
    ", Signature=" signature

#define MESH_BODY  "{\"meshName\":\"m1\"}"

#define MESH_BODY_HASH                                                        \
    "97554b8e8eaf3bb57fbbfdad78442162a8485078b3404c947abb6283feb1e22f"

#define MESH_QUERY(scope, date, expires, list, signature)                     \
    "a=b%20c&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" scope        \
    "&X-Amz-Date=" date "&X-Amz-Expires=" expires "&X-Amz-SignedHeaders=" list \
    "&X-Amz-Signature=" signature

#define MESH_QUERY_SCOPE                                                      \
    "AKIDEXAMPLE%2F20260930%2Fus-west-2%2Fappmesh%2Faws4_request"

#define MESH_QUERY_SIGNATURE                                                  \
    "16c2655516f2d036bcd9910d3371143e4632edc16fa8307afa7c5e8f69755556"

#define MESH_QUERY_GOOD                                                       \
    MESH_QUERY(MESH_QUERY_SCOPE, "20260930T120000Z", "600", "host",           \
               MESH_QUERY_SIGNATURE)

/* 20260930T120000Z */
#define MESH_NOW  1790769600

#define MESH_MISMATCH                                                         \
    "The request signature we calculated does not match the signature you "   \
    "provided. Check your AWS Secret Access Key and signing method. Consult " \
    "the service documentation for details."

#define MESH_NO_CANONICAL                                                     \
    "There is no canonical form of the request: 'SignedHeaders' must be a "   \
    "sorted list of lower-case names of headers that it has, path and "       \
    "query-string must be well escaped."

#define MESH_TWO                                                              \
    "Only one authentication mechanism is allowed: the Authorization "        \
    "header, once, or query-string parameters"

#define MESH_QUERY_MISSING                                                    \
    "AWS query-string parameters must include 'X-Amz-Algorithm', "            \
    "'X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders', "          \
    "'X-Amz-Expires' and 'X-Amz-Date', once each. Re-examine the "            \
    "query-string parameters."


/* a change of the sound request; NULL or 0: none */

typedef struct {
    const char  *name;
    const char  *error;         /* NULL: it is still sound */
    const char  *message;
    const char  *authorization; /* "": no such header */
    const char  *header;        /* another one, or instead of one it has */
    const char  *value;         /* NULL: it is left out */
    const char  *method;
    const char  *path;
    const char  *args;
    const char  *body;
    time_t       later;         /* seconds */
} mesh_verify_case_t;


static mesh_verify_case_t  mesh_verify_header_cases[] = {

    { .name = "a sound request" },
    { .name = "late", .later = 300 },
    { .name = "early", .later = -300 },
    { .name = "a header that is not signed", .header = "user-agent",
      .value = "x" },
    { .name = "blanks around a value", .header = "content-type",
      .value = "  application/json \t" },
    { .name = "the hash of the body", .header = "x-amz-content-sha256",
      .value = MESH_BODY_HASH,
      .error = "InvalidSignatureException",
      .message = "There were headers present in the request which were not "
                 "signed: 'x-amz-content-sha256'" },
    { .name = "no blanks",
      .authorization = "AWS4-HMAC-SHA256 Credential=" MESH_SCOPE
                       ",SignedHeaders=" MESH_LIST ",Signature="
                       MESH_SIGNATURE },
    { .name = "another order, and a parameter that nobody knows",
      .authorization = "AWS4-HMAC-SHA256  X=y , Signature=" MESH_SIGNATURE
                       ",  SignedHeaders=" MESH_LIST " ,Credential="
                       MESH_SCOPE " " },
    { .name = "the path in another form", .path = "/v20190125//./meshes" },
    { .name = "the arguments in another form", .args = "&%61=b%20c&" },

    { .name = "another method", .method = "GET",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "another path", .path = "/v20190125/meshes/",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "an escaped path", .path = "/v20190125/%6deshes",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "other arguments", .args = "a=b%20d",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "more arguments", .args = "a=b%20c&b",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "another body", .body = "{\"meshName\":\"m2\"}",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "no body", .body = "",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "another host", .header = "host", .value = "cp.local:9081",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "another type", .header = "content-type", .value = "text/plain",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "another date", .header = "x-amz-date",
      .value = "20260930T120001Z",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "no Host", .header = "host",
      .error = "IncompleteSignatureException", .message = MESH_NO_CANONICAL },
    { .name = "a signature in capitals",
      .authorization = MESH_AUTH(MESH_SCOPE, MESH_LIST,
          "51CD316B1DD4A4BAEE5DD29721E6A40AEDFA76ECD339458D8E19F644057F68FC"),
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "a signature with one bit less",
      .authorization = MESH_AUTH(MESH_SCOPE, MESH_LIST,
          "51cd316b1dd4a4baee5dd29721e6a40aedfa76ecd339458d8e19f644057f68f8"),
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "the half of a signature",
      .authorization = MESH_AUTH(MESH_SCOPE, MESH_LIST,
          "51cd316b1dd4a4baee5dd29721e6a40a"),
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },

    { .name = "no authorization", .authorization = "",
      .error = "MissingAuthenticationTokenException",
      .message = "Missing Authentication Token" },
    { .name = "two of them", .header = "authorization",
      .value = "AWS4-HMAC-SHA256 ", .authorization = "two",
      .error = "IncompleteSignatureException", .message = MESH_TWO },
    { .name = "header and query", .args = MESH_QUERY_GOOD,
      .error = "IncompleteSignatureException", .message = MESH_TWO },
    { .name = "another algorithm", .authorization = "Basic YTpi",
      .error = "IncompleteSignatureException",
      .message = "Unsupported AWS 'algorithm': 'Basic'." },
    { .name = "an algorithm for many regions",
      .authorization = "AWS4-ECDSA-P256-SHA256 Credential=" MESH_SCOPE,
      .error = "IncompleteSignatureException",
      .message = "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'." },
    { .name = "no credential", .authorization = "AWS4-HMAC-SHA256",
      .error = "IncompleteSignatureException",
      .message = "Authorization header requires 'Credential' parameter." },
    { .name = "no signature",
      .authorization = "AWS4-HMAC-SHA256 Credential=" MESH_SCOPE
                       ", SignedHeaders=" MESH_LIST,
      .error = "IncompleteSignatureException",
      .message = "Authorization header requires 'Signature' parameter." },
    { .name = "no list of headers",
      .authorization = "AWS4-HMAC-SHA256 Credential=" MESH_SCOPE
                       ", Signature=" MESH_SIGNATURE,
      .error = "IncompleteSignatureException",
      .message = "Authorization header requires 'SignedHeaders' parameter." },
    { .name = "a parameter without a value",
      .authorization = "AWS4-HMAC-SHA256 Credential",
      .error = "IncompleteSignatureException",
      .message = "'Credential' not a valid key=value pair (missing "
                 "equal-sign) in Authorization header" },
    { .name = "bytes that cannot be printed",
      .authorization = "AWS4-HMAC-SHA256 \xff\x01\"",
      .error = "IncompleteSignatureException",
      .message = "'??\"' not a valid key=value pair (missing equal-sign) in "
                 "Authorization header" },
    { .name = "four elements",
      .authorization = MESH_AUTH("A/20260930/us-west-2/appmesh", MESH_LIST,
                                 MESH_SIGNATURE),
      .error = "IncompleteSignatureException",
      .message = "Credential must have exactly 5 slash-delimited elements, "
                 "e.g. keyid/date/region/service/term, got "
                 "'A/20260930/us-west-2/appmesh'" },
    { .name = "six elements",
      .authorization = MESH_AUTH("A/b/c/d/e/f", MESH_LIST, MESH_SIGNATURE),
      .error = "IncompleteSignatureException",
      .message = "Credential must have exactly 5 slash-delimited elements, "
                 "e.g. keyid/date/region/service/term, got 'A/b/c/d/e/f'" },
    { .name = "another end",
      .authorization = MESH_AUTH("A/20260930/us-west-2/appmesh/aws5_request",
                                 MESH_LIST, MESH_SIGNATURE),
      .error = "InvalidSignatureException",
      .message = "Credential should be scoped with a valid terminator: "
                 "'aws4_request', not 'aws5_request'." },
    { .name = "another region",
      .authorization = MESH_AUTH("A/20260930/us-east-1/appmesh/aws4_request",
                                 MESH_LIST, MESH_SIGNATURE),
      .error = "InvalidSignatureException",
      .message = "Credential should be scoped to a valid region, not "
                 "'us-east-1'. This is 'us-west-2'." },
    { .name = "another service",
      .authorization = MESH_AUTH("A/20260930/us-west-2/s3/aws4_request",
                                 MESH_LIST, MESH_SIGNATURE),
      .error = "InvalidSignatureException",
      .message = "Credential should be scoped to correct service: "
                 "'appmesh'." },
    { .name = "another day",
      .authorization = MESH_AUTH("A/20260929/us-west-2/appmesh/aws4_request",
                                 MESH_LIST, MESH_SIGNATURE),
      .error = "InvalidSignatureException",
      .message = "Date in Credential scope does not match YYYYMMDD from "
                 "ISO-8601 version of date from HTTP: '20260929' != "
                 "'20260930', from '20260930T120000Z'." },
    { .name = "another key",
      .authorization = MESH_AUTH("A/20260930/us-west-2/appmesh/aws4_request",
                                 MESH_LIST, MESH_SIGNATURE),
      .error = "UnrecognizedClientException",
      .message = "The security token included in the request is invalid." },
    { .name = "no date", .header = "x-amz-date",
      .error = "IncompleteSignatureException",
      .message = "Authorization header requires existence of either a "
                 "'X-Amz-Date' or a 'Date' header." },
    { .name = "no such date", .header = "x-amz-date",
      .value = "2026-09-30T12:00:00Z",
      .error = "IncompleteSignatureException",
      .message = "Date must be in ISO-8601 'basic format'. Got "
                 "'2026-09-30T12:00:00Z'. See "
                 "http://en.wikipedia.org/wiki/ISO_8601" },
    { .name = "too late", .later = 301,
      .error = "InvalidSignatureException",
      .message = "Signature expired: 20260930T120000Z is now earlier than "
                 "20260930T120001Z (20260930T120501Z - 5 min.)" },
    { .name = "too early", .later = -301,
      .error = "InvalidSignatureException",
      .message = "Signature not yet current: 20260930T120000Z is still later "
                 "than 20260930T115959Z (20260930T115459Z + 5 min.)" },
    { .name = "Host is not signed",
      .authorization = MESH_AUTH(MESH_SCOPE, "content-type;x-amz-date",
                                 MESH_SIGNATURE),
      .error = "InvalidSignatureException",
      .message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS "
                 "Authorization." },
    { .name = "the date is not signed",
      .authorization = MESH_AUTH(MESH_SCOPE, "content-type;host",
                                 MESH_SIGNATURE),
      .error = "InvalidSignatureException",
      .message = "There were headers present in the request which were not "
                 "signed: 'X-Amz-Date'" },
    { .name = "a list that is not sorted",
      .authorization = MESH_AUTH(MESH_SCOPE, "host;content-type;x-amz-date",
                                 MESH_SIGNATURE),
      .error = "IncompleteSignatureException", .message = MESH_NO_CANONICAL },
    { .name = "the hash of another body", .header = "x-amz-content-sha256",
      .value = "UNSIGNED-PAYLOAD",
      .authorization = MESH_AUTH(MESH_SCOPE, "content-type;host;"
                                 "x-amz-content-sha256;x-amz-date",
                                 MESH_SIGNATURE),
      .error = "InvalidSignatureException",
      .message = "The provided 'x-amz-content-sha256' header does not match "
                 "what was computed." },
    { .name = "a token that nobody asked for", .header = "x-amz-security-token",
      .value = "TOKEN",
      .error = "InvalidSignatureException",
      .message = "There were headers present in the request which were not "
                 "signed: 'x-amz-security-token'" },

    { .name = NULL }
};


static mesh_verify_case_t  mesh_verify_query_cases[] = {

    { .name = "a sound request", .args = MESH_QUERY_GOOD },
    { .name = "at its end", .args = MESH_QUERY_GOOD, .later = 600 },
    { .name = "with another signature, whose name is escaped",
      .args = MESH_QUERY_GOOD "&X-Amz-Signatur%65=1" },

    { .name = "too late", .args = MESH_QUERY_GOOD, .later = 601,
      .error = "InvalidSignatureException",
      .message = "Signature expired: 20260930T120000Z is now earlier than "
                 "20260930T120001Z (20260930T121001Z - 600 s.)" },
    { .name = "too early", .args = MESH_QUERY_GOOD, .later = -301,
      .error = "InvalidSignatureException",
      .message = "Signature not yet current: 20260930T120000Z is still later "
                 "than 20260930T115959Z (20260930T115459Z + 5 min.)" },
    { .name = "a longer life",
      .args = MESH_QUERY(MESH_QUERY_SCOPE, "20260930T120000Z", "601", "host",
                         MESH_QUERY_SIGNATURE),
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "the longest life",
      .args = MESH_QUERY(MESH_QUERY_SCOPE, "20260930T120000Z", "604800",
                         "host", MESH_QUERY_SIGNATURE),
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "too long a life",
      .args = MESH_QUERY(MESH_QUERY_SCOPE, "20260930T120000Z", "604801",
                         "host", MESH_QUERY_SIGNATURE),
      .error = "IncompleteSignatureException",
      .message = "X-Amz-Expires must be between 1 and 604800 seconds" },
    { .name = "no life",
      .args = MESH_QUERY(MESH_QUERY_SCOPE, "20260930T120000Z", "0", "host",
                         MESH_QUERY_SIGNATURE),
      .error = "IncompleteSignatureException",
      .message = "X-Amz-Expires must be between 1 and 604800 seconds" },
    { .name = "more arguments", .args = MESH_QUERY_GOOD "&b=c",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "a body", .args = MESH_QUERY_GOOD, .body = "{}",
      .error = "InvalidSignatureException", .message = MESH_MISMATCH },
    { .name = "another host", .args = MESH_QUERY_GOOD, .header = "host",
      .value = "other", .error = "InvalidSignatureException",
      .message = MESH_MISMATCH },
    { .name = "two dates",
      .args = MESH_QUERY_GOOD "&X-Amz-Date=20260930T120000Z",
      .error = "IncompleteSignatureException", .message = MESH_QUERY_MISSING },
    { .name = "no signature",
      .args = "X-Amz-Algorithm=AWS4-HMAC-SHA256",
      .error = "IncompleteSignatureException", .message = MESH_QUERY_MISSING },
    { .name = "another algorithm",
      .args = "X-Amz-Algorithm=AWS4&X-Amz-Credential=a&X-Amz-Date=b&"
              "X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=c",
      .error = "IncompleteSignatureException",
      .message = "Unsupported AWS 'algorithm': 'AWS4'." },
    { .name = "nothing of it", .args = "a=b",
      .error = "MissingAuthenticationTokenException",
      .message = "Missing Authentication Token" },

    { .name = NULL }
};


static ngx_str_t
mesh_unit_verify_str(const char *text)
{
    ngx_str_t  str;

    str.data = (u_char *) text;
    str.len = ngx_strlen(text);

    return str;
}


static void
mesh_unit_verify_header(ngx_mesh_sigv4_request_t *rq, const char *name,
    const char *value)
{
    ngx_mesh_sigv4_header_t  *h;

    h = &rq->headers[rq->nheaders++];

    h->name = mesh_unit_verify_str(name);
    h->value = mesh_unit_verify_str(value);
}


/* replaces a header, or adds it */

static void
mesh_unit_verify_change(ngx_mesh_sigv4_request_t *rq, const char *name,
    const char *value)
{
    ngx_str_t   *had;
    ngx_uint_t   i;

    for (i = 0; i < rq->nheaders; i++) {
        had = &rq->headers[i].name;

        if (ngx_strcasecmp(had->data, (u_char *) name) != 0) {
            continue;
        }

        if (value) {
            rq->headers[i].value = mesh_unit_verify_str(value);

        } else {
            rq->headers[i] = rq->headers[--rq->nheaders];
        }

        return;
    }

    mesh_unit_verify_header(rq, name, value);
}


static void
mesh_unit_verify_init(ngx_mesh_unit_t *u, ngx_mesh_verify_t *v,
    ngx_mesh_keys_t *keys)
{
    static const char  *scopes[] = { "appmesh", NULL };

    ngx_memzero(v, sizeof(ngx_mesh_verify_t));

    v->keys = keys;
    v->scopes = scopes;
    v->now = MESH_NOW;
    ngx_str_set(&v->region, "us-west-2");

    v->request.headers = ngx_pcalloc(u->pool,
                                     16 * sizeof(ngx_mesh_sigv4_header_t));
    v->request.path = mesh_unit_verify_str("/v20190125/meshes");

    mesh_unit_verify_header(&v->request, "Host", "cp.local:9080");
}


static void
mesh_unit_verify_case(ngx_mesh_unit_t *u, mesh_verify_case_t *c,
    ngx_mesh_verify_t *v)
{
    ngx_int_t                  rc;
    ngx_str_t                  error;
    ngx_mesh_sigv4_request_t  *rq;

    rq = &v->request;
    v->now += c->later;

    if (c->method) {
        rq->method = mesh_unit_verify_str(c->method);
    }

    if (c->path) {
        rq->path = mesh_unit_verify_str(c->path);
    }

    if (c->args) {
        rq->args = mesh_unit_verify_str(c->args);
    }

    if (c->body) {
        v->body = mesh_unit_verify_str(c->body);
    }

    if (c->authorization) {
        mesh_unit_verify_change(rq, "authorization",
                                c->authorization[0] ? c->authorization : NULL);
    }

    if (c->header && c->authorization
        && ngx_strcmp(c->header, "authorization") == 0)
    {
        mesh_unit_verify_header(rq, c->header, c->value);

    } else if (c->header) {
        mesh_unit_verify_change(rq, c->header, c->value);
    }

    rc = ngx_mesh_verify(u->pool, v);

    if (c->error == NULL) {
        if (!MESH_OK(rc == NGX_OK && v->key, "%s: accepted", c->name)) {
            MESH_DIAG("%V", &v->message);
        }

        return;
    }

    if (MESH_OK(rc == NGX_DECLINED && v->key == NULL, "%s: refused", c->name)) {
        error = mesh_unit_verify_str(v->error->name);
        MESH_IS_STR(&error, c->error, "%s: the error", c->name);
        MESH_IS_INT(v->error->status, 403, "%s: the status", c->name);
        MESH_IS_STR(&v->message, c->message, "%s: the message", c->name);
    }
}


static ngx_mesh_keys_t *
mesh_unit_verify_keys(ngx_mesh_unit_t *u)
{
    ngx_str_t  path, account, text, error;

    path = mesh_unit_verify_str("keys");
    account = mesh_unit_verify_str("111122223333");
    text = mesh_unit_verify_str(MESH_KEYS);

    return ngx_mesh_keys_parse(u->pool, &path, &account, &text, &error);
}


static void
mesh_unit_verify_headers(ngx_mesh_unit_t *u)
{
    ngx_mesh_keys_t     *keys;
    ngx_mesh_verify_t    v;
    mesh_verify_case_t  *c;

    keys = mesh_unit_verify_keys(u);

    for (c = mesh_verify_header_cases; c->name; c++) {
        mesh_unit_verify_init(u, &v, keys);

        v.request.method = mesh_unit_verify_str("PUT");
        v.request.args = mesh_unit_verify_str("a=b%20c");
        v.body = mesh_unit_verify_str(MESH_BODY);

        mesh_unit_verify_header(&v.request, "Content-Type",
                                "application/json");
        mesh_unit_verify_header(&v.request, "X-Amz-Date", "20260930T120000Z");
        mesh_unit_verify_header(&v.request, "Authorization",
                                MESH_AUTH(MESH_SCOPE, MESH_LIST,
                                          MESH_SIGNATURE));

        mesh_unit_verify_case(u, c, &v);
    }

    ngx_mesh_keys_free(keys);
}

MESH_UNIT(mesh_unit_verify_headers)


static void
mesh_unit_verify_query(ngx_mesh_unit_t *u)
{
    ngx_mesh_keys_t     *keys;
    ngx_mesh_verify_t    v;
    mesh_verify_case_t  *c;

    keys = mesh_unit_verify_keys(u);

    for (c = mesh_verify_query_cases; c->name; c++) {
        mesh_unit_verify_init(u, &v, keys);
        v.request.method = mesh_unit_verify_str("GET");
        mesh_unit_verify_case(u, c, &v);
    }

    ngx_mesh_keys_free(keys);
}

MESH_UNIT(mesh_unit_verify_query)


/* signs what is in "v" as the agent would, with a header Date if it is given */

static void
mesh_unit_verify_sign(ngx_mesh_unit_t *u, ngx_mesh_verify_t *v,
    const char *key, const char *token, const char *date)
{
    u_char                         hex[NGX_MESH_SIGV4_HEX_LEN];
    ngx_str_t                      authorization;
    ngx_mesh_sigv4_scope_t         scope;
    ngx_mesh_sigv4_credentials_t   credentials;

    scope.date = mesh_unit_verify_str("20260930T120000Z");
    scope.region = mesh_unit_verify_str("us-west-2");
    scope.service = mesh_unit_verify_str("appmesh");

    credentials.access_key = mesh_unit_verify_str(key);
    credentials.secret =
              mesh_unit_verify_str("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");

    mesh_unit_verify_header(&v->request, date ? "Date" : "X-Amz-Date",
                            date ? date : "20260930T120000Z");

    if (token) {
        mesh_unit_verify_header(&v->request, "X-Amz-Security-Token", token);
    }

    (void) ngx_mesh_sigv4_hash(&v->body, hex);
    v->request.method = mesh_unit_verify_str("GET");
    v->request.payload_hash.data = hex;
    v->request.payload_hash.len = NGX_MESH_SIGV4_HEX_LEN;

    (void) ngx_mesh_sigv4_sign(u->pool, &v->request, &scope, &credentials,
                               &authorization);

    v->request.headers[v->request.nheaders].value = authorization;
    v->request.headers[v->request.nheaders++].name =
                                        mesh_unit_verify_str("authorization");
}


static void
mesh_unit_verify_tokens(ngx_mesh_unit_t *u)
{
    ngx_str_t           error;
    ngx_uint_t          i;
    ngx_mesh_keys_t    *keys;
    ngx_mesh_verify_t   v;

    static const struct {
        const char  *key;
        const char  *token;
        const char  *date;
        ngx_int_t    rc;
    } cases[] = {
        { "AKIDEXAMPLE", NULL, NULL, NGX_OK },
        { "AKIDTOKEN", "TOKEN", NULL, NGX_OK },
        { "AKIDTOKEN", NULL, NULL, NGX_DECLINED },
        { "AKIDTOKEN", "TOKEM", NULL, NGX_DECLINED },
        { "AKIDTOKEN", "TOKENS", NULL, NGX_DECLINED },
        { "AKIDEXAMPLE", "TOKEN", NULL, NGX_DECLINED },
        { "NOBODY", NULL, NULL, NGX_DECLINED },
        { "AKIDEXAMPLE", NULL, "Wed, 30 Sep 2026 12:00:00 GMT", NGX_OK },
        { "AKIDEXAMPLE", NULL, "20260930T120000Z", NGX_OK },
    };

    keys = mesh_unit_verify_keys(u);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mesh_unit_verify_init(u, &v, keys);
        mesh_unit_verify_sign(u, &v, cases[i].key, cases[i].token,
                              cases[i].date);

        MESH_IS_INT(ngx_mesh_verify(u->pool, &v), cases[i].rc,
                    "%s, token %s", cases[i].key,
                    cases[i].token ? cases[i].token : "-");

        if (cases[i].rc == NGX_OK) {
            MESH_IS_STR(&v.key->id, cases[i].key, "it is that key");

        } else {
            error = mesh_unit_verify_str(v.error->name);
            MESH_IS_STR(&error, "UnrecognizedClientException", "and why not");
        }
    }

    mesh_unit_verify_init(u, &v, keys);
    mesh_unit_verify_sign(u, &v, "AKIDEXAMPLE", NULL, NULL);
    ngx_str_null(&v.region);
    MESH_IS_INT(ngx_mesh_verify(u->pool, &v), NGX_OK, "any region");

    ngx_mesh_keys_free(keys);
}

MESH_UNIT(mesh_unit_verify_tokens)


/* how long it takes, for the reader: no test depends on it */

static void
mesh_unit_verify_speed(ngx_mesh_unit_t *u)
{
    uint64_t            ns;
    ngx_pool_t         *pool;
    ngx_uint_t          i, failed;
    struct timespec     start, end;
    ngx_mesh_keys_t    *keys;
    ngx_mesh_verify_t   v;

    keys = mesh_unit_verify_keys(u);
    failed = 0;

    mesh_unit_verify_init(u, &v, keys);
    mesh_unit_verify_sign(u, &v, "AKIDEXAMPLE", NULL, NULL);

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);

    for (i = 0; i < 2000; i++) {
        pool = ngx_create_pool(4096, u->log);

        if (pool == NULL || ngx_mesh_verify(pool, &v) != NGX_OK) {
            failed++;
        }

        ngx_destroy_pool(pool);
    }

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);

    ns = (uint64_t) (end.tv_sec - start.tv_sec) * 1000000000
         + end.tv_nsec - start.tv_nsec;

    MESH_IS_INT(failed, 0, "verified again and again");
    MESH_DIAG("%uL ns of CPU each", ns / 2000);

    ngx_mesh_keys_free(keys);
}

MESH_UNIT(mesh_unit_verify_speed)
