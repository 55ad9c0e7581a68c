
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Verifying a signature, with AWS's words for what is wrong with it.  What
 * does not depend on the key comes first; then the signature is computed,
 * for a key that nobody has if it is not known, so that the time it takes does
 * not tell one from the other.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>

#include "ngx_mesh_verify.h"


#define NGX_MESH_VERIFY_ALGORITHM  "AWS4-HMAC-SHA256"


static ngx_int_t ngx_mesh_verify_run(ngx_pool_t *pool, ngx_mesh_verify_t *v,
    ngx_uint_t n);
static ngx_int_t ngx_mesh_verify_unrecognized(ngx_pool_t *pool,
    ngx_mesh_verify_t *v);
static ngx_int_t ngx_mesh_verify_form(ngx_pool_t *pool, ngx_mesh_verify_t *v);
static ngx_int_t ngx_mesh_verify_header_form(ngx_pool_t *pool,
    ngx_mesh_verify_t *v, ngx_str_t *authorization);
static ngx_int_t ngx_mesh_verify_parameter(ngx_mesh_verify_t *v,
    ngx_str_t *parameter);
static ngx_int_t ngx_mesh_verify_date(ngx_pool_t *pool, ngx_mesh_verify_t *v);
static ngx_int_t ngx_mesh_verify_query_form(ngx_pool_t *pool,
    ngx_mesh_verify_t *v);
static ngx_int_t ngx_mesh_verify_query(ngx_pool_t *pool, ngx_mesh_verify_t *v,
    const char *name, ngx_str_t *value);
static ngx_int_t ngx_mesh_verify_scope(ngx_pool_t *pool, ngx_mesh_verify_t *v);
static ngx_int_t ngx_mesh_verify_credential(ngx_pool_t *pool,
    ngx_mesh_verify_t *v);
static ngx_int_t ngx_mesh_verify_time(ngx_pool_t *pool, ngx_mesh_verify_t *v);
static ngx_int_t ngx_mesh_verify_late(ngx_pool_t *pool, ngx_mesh_verify_t *v,
    time_t limit, const char *unit, time_t n);
static ngx_int_t ngx_mesh_verify_headers(ngx_pool_t *pool,
    ngx_mesh_verify_t *v);
static ngx_uint_t ngx_mesh_verify_signed(ngx_mesh_verify_t *v,
    ngx_str_t *name);
static ngx_int_t ngx_mesh_verify_payload(ngx_pool_t *pool,
    ngx_mesh_verify_t *v);
static ngx_int_t ngx_mesh_verify_signature(ngx_pool_t *pool,
    ngx_mesh_verify_t *v);
static ngx_uint_t ngx_mesh_verify_same(ngx_str_t *one, ngx_str_t *two);
static ngx_int_t ngx_mesh_verify_header(ngx_mesh_verify_t *v,
    const char *name, ngx_str_t *value);
static ngx_uint_t ngx_mesh_verify_is(ngx_str_t *str, const char *text);
static ngx_int_t ngx_mesh_verify_decline(ngx_pool_t *pool,
    ngx_mesh_verify_t *v, const ngx_mesh_error_t *error, const char *fmt, ...);


/* the first ones look neither at the body nor at a secret */

static ngx_int_t  (*ngx_mesh_verify_steps[])(ngx_pool_t *pool,
    ngx_mesh_verify_t *v) =
{
    ngx_mesh_verify_form,
    ngx_mesh_verify_scope,
    ngx_mesh_verify_time,
    ngx_mesh_verify_headers,
    ngx_mesh_verify_payload,
    ngx_mesh_verify_signature
};

#define NGX_MESH_VERIFY_EARLY  4
#define NGX_MESH_VERIFY_ALL    6


ngx_int_t
ngx_mesh_verify(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    return ngx_mesh_verify_run(pool, v, NGX_MESH_VERIFY_ALL);
}


ngx_int_t
ngx_mesh_verify_early(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    ngx_int_t  rc;

    rc = ngx_mesh_verify_run(pool, v, NGX_MESH_VERIFY_EARLY);

    if (rc == NGX_OK && ngx_mesh_keys_find(v->keys, &v->access_key) == NULL) {
        return ngx_mesh_verify_unrecognized(pool, v);
    }

    return rc;
}


static ngx_int_t
ngx_mesh_verify_run(ngx_pool_t *pool, ngx_mesh_verify_t *v, ngx_uint_t n)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    ngx_str_null(&v->canonical);
    ngx_str_null(&v->string);
    v->key = NULL;

    for (i = 0; i < n; i++) {
        rc = ngx_mesh_verify_steps[i](pool, v);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_verify_unrecognized(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    return ngx_mesh_verify_decline(pool, v,
                                   &ngx_mesh_error_unrecognized_client,
                                   "The security token included in the "
                                   "request is invalid.");
}


static ngx_int_t
ngx_mesh_verify_form(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    ngx_int_t  rc;
    ngx_str_t  authorization;

    ngx_str_null(&v->algorithm);
    ngx_str_null(&v->credential);
    ngx_str_null(&v->signature);
    ngx_str_null(&v->expires);
    ngx_str_null(&v->token);
    ngx_str_null(&v->request.signed_headers);

    rc = ngx_mesh_verify_query(pool, v, "X-Amz-Algorithm", &v->algorithm);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    v->request.presigned = (rc != NGX_DECLINED);

    switch (ngx_mesh_verify_header(v, "authorization", &authorization)) {

    case NGX_OK:
        if (!v->request.presigned) {
            return ngx_mesh_verify_header_form(pool, v, &authorization);
        }

        /* fall through */

    case NGX_BUSY:
        return ngx_mesh_verify_decline(pool, v,
                   &ngx_mesh_error_incomplete_signature,
                   "Only one authentication mechanism is allowed: the "
                   "Authorization header, once, or query-string parameters");

    default: /* NGX_DECLINED */
        break;
    }

    if (!v->request.presigned) {
        return ngx_mesh_verify_decline(pool, v, &ngx_mesh_error_missing_token,
                                       "Missing Authentication Token");
    }

    return ngx_mesh_verify_query_form(pool, v);
}


/* AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=... */

static ngx_int_t
ngx_mesh_verify_header_form(ngx_pool_t *pool, ngx_mesh_verify_t *v,
    ngx_str_t *authorization)
{
    u_char     *p, *last, *end;
    ngx_str_t   parameter;

    p = authorization->data;
    last = p + authorization->len;

    v->algorithm.data = p;

    while (p < last && *p != ' ') {
        p++;
    }

    v->algorithm.len = p - v->algorithm.data;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == ',')) {
            p++;
        }

        end = ngx_strlchr(p, last, ',');
        if (end == NULL) {
            end = last;
        }

        parameter.data = p;
        parameter.len = end - p;

        while (parameter.len && parameter.data[parameter.len - 1] == ' ') {
            parameter.len--;
        }

        if (parameter.len
            && ngx_mesh_verify_is(&v->algorithm, NGX_MESH_VERIFY_ALGORITHM)
            && ngx_mesh_verify_parameter(v, &parameter) != NGX_OK)
        {
            return ngx_mesh_verify_decline(pool, v,
                       &ngx_mesh_error_incomplete_signature,
                       "'%V' not a valid key=value pair (missing equal-sign) "
                       "in Authorization header", &parameter);
        }

        p = end;
    }

    return ngx_mesh_verify_date(pool, v);
}


/* unknown ones are left alone; NGX_DECLINED: no "=", or a second time */

static ngx_int_t
ngx_mesh_verify_parameter(ngx_mesh_verify_t *v, ngx_str_t *parameter)
{
    u_char      *eq, *last;
    ngx_str_t    name, *value;

    last = parameter->data + parameter->len;
    eq = ngx_strlchr(parameter->data, last, '=');

    if (eq == NULL) {
        return NGX_DECLINED;
    }

    name.data = parameter->data;
    name.len = eq - name.data;

    if (ngx_mesh_verify_is(&name, "Credential")) {
        value = &v->credential;

    } else if (ngx_mesh_verify_is(&name, "SignedHeaders")) {
        value = &v->request.signed_headers;

    } else if (ngx_mesh_verify_is(&name, "Signature")) {
        value = &v->signature;

    } else {
        return NGX_OK;
    }

    if (value->data) {
        return NGX_DECLINED;
    }

    value->data = eq + 1;
    value->len = last - value->data;

    return NGX_OK;
}


/* X-Amz-Date, or Date in any of its formats; and what stands beside it */

static ngx_int_t
ngx_mesh_verify_date(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    time_t      t;
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   date;

    if (ngx_mesh_verify_header(v, "x-amz-security-token", &v->token)
        == NGX_BUSY)
    {
        return ngx_mesh_verify_unrecognized(pool, v);
    }

    rc = ngx_mesh_verify_header(v, "x-amz-date", &v->scope.date);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rc == NGX_BUSY
        || ngx_mesh_verify_header(v, "date", &date) != NGX_OK)
    {
        return ngx_mesh_verify_decline(pool, v,
                   &ngx_mesh_error_incomplete_signature,
                   "Authorization header requires existence of either a "
                   "'X-Amz-Date' or a 'Date' header.");
    }

    t = ngx_parse_http_time(date.data, date.len);

    if (t == NGX_ERROR) {
        v->scope.date = date;
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, NGX_MESH_SIGV4_DATE_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_mesh_sigv4_date(t, p);

    v->scope.date.data = p;
    v->scope.date.len = NGX_MESH_SIGV4_DATE_LEN;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_verify_query_form(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    struct {
        const char  *name;
        ngx_str_t   *value;
    } parts[] = {
        { "X-Amz-Algorithm", &v->algorithm },
        { "X-Amz-Credential", &v->credential },
        { "X-Amz-Date", &v->scope.date },
        { "X-Amz-Expires", &v->expires },
        { "X-Amz-SignedHeaders", &v->request.signed_headers },
        { "X-Amz-Signature", &v->signature },
        { "X-Amz-Security-Token", &v->token }
    };

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        rc = ngx_mesh_verify_query(pool, v, parts[i].name, parts[i].value);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        /* only the token is not needed */

        if (rc == NGX_BUSY
            || (rc == NGX_DECLINED && parts[i].value != &v->token))
        {
            return ngx_mesh_verify_decline(pool, v,
                       &ngx_mesh_error_incomplete_signature,
                       "AWS query-string parameters must include "
                       "'X-Amz-Algorithm', 'X-Amz-Credential', "
                       "'X-Amz-Signature', 'X-Amz-SignedHeaders', "
                       "'X-Amz-Expires' and 'X-Amz-Date', once each. "
                       "Re-examine the query-string parameters.");
        }
    }

    return NGX_OK;
}


/* the value of an argument, unescaped; NGX_DECLINED: none, NGX_BUSY: several */

static ngx_int_t
ngx_mesh_verify_query(ngx_pool_t *pool, ngx_mesh_verify_t *v, const char *name,
    ngx_str_t *value)
{
    size_t       len;
    u_char      *p, *last, *end, *dst, *src;
    ngx_uint_t   n;

    n = 0;
    len = ngx_strlen(name);
    p = v->request.args.data;
    last = p + v->request.args.len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) <= len || p[len] != '='
            || ngx_memcmp(p, name, len) != 0)
        {
            continue;
        }

        if (n++) {
            return NGX_BUSY;
        }

        value->data = p + len + 1;
        value->len = end - value->data;
    }

    if (n == 0) {
        return NGX_DECLINED;
    }

    dst = ngx_pnalloc(pool, value->len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    src = value->data;
    len = value->len;
    value->data = dst;

    ngx_unescape_uri(&dst, &src, len, 0);

    value->len = dst - value->data;

    return NGX_OK;
}


/* whether everything is there, and for this place */

static ngx_int_t
ngx_mesh_verify_scope(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    ngx_int_t    rc;
    const char  *missing, **scope;

    if (!ngx_mesh_verify_is(&v->algorithm, NGX_MESH_VERIFY_ALGORITHM)) {
        return ngx_mesh_verify_decline(pool, v,
                                       &ngx_mesh_error_incomplete_signature,
                                       "Unsupported AWS 'algorithm': '%V'.",
                                       &v->algorithm);
    }

    missing = v->credential.len == 0 ? "Credential"
              : v->signature.len == 0 ? "Signature"
              : v->request.signed_headers.len == 0 ? "SignedHeaders" : NULL;

    if (missing) {
        return ngx_mesh_verify_decline(pool, v,
                                       &ngx_mesh_error_incomplete_signature,
                                       "Authorization header requires '%s' "
                                       "parameter.", missing);
    }

    rc = ngx_mesh_verify_credential(pool, v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v->region.len
        && (v->region.len != v->scope.region.len
            || ngx_memcmp(v->region.data, v->scope.region.data, v->region.len)
               != 0))
    {
        return ngx_mesh_verify_decline(pool, v,
                                       &ngx_mesh_error_invalid_signature,
                                       "Credential should be scoped to a valid "
                                       "region, not '%V'. This is '%V'.",
                                       &v->scope.region, &v->region);
    }

    for (scope = v->scopes; *scope; scope++) {
        if (ngx_mesh_verify_is(&v->scope.service, *scope)) {
            return NGX_OK;
        }
    }

    return ngx_mesh_verify_decline(pool, v, &ngx_mesh_error_invalid_signature,
                                   "Credential should be scoped to correct "
                                   "service: '%s'.",
                                   v->scopes[0] ? v->scopes[0] : "");
}


/* keyid/date/region/service/aws4_request */

static ngx_int_t
ngx_mesh_verify_credential(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    u_char      *p, *last, *end;
    ngx_str_t    parts[5];
    ngx_uint_t   n;

    p = v->credential.data;
    last = p + v->credential.len;

    for (n = 0; n < 5; n++) {
        end = ngx_strlchr(p, last, '/');

        if ((end == NULL) != (n == 4)) {
            break;
        }

        parts[n].data = p;
        parts[n].len = (end ? end : last) - p;

        p = end + 1;
    }

    if (n < 5) {
        return ngx_mesh_verify_decline(pool, v,
                   &ngx_mesh_error_incomplete_signature,
                   "Credential must have exactly 5 slash-delimited elements, "
                   "e.g. keyid/date/region/service/term, got '%V'",
                   &v->credential);
    }

    if (!ngx_mesh_verify_is(&parts[4], "aws4_request")) {
        return ngx_mesh_verify_decline(pool, v,
                   &ngx_mesh_error_invalid_signature,
                   "Credential should be scoped with a valid terminator: "
                   "'aws4_request', not '%V'.", &parts[4]);
    }

    v->access_key = parts[0];
    v->day = parts[1];
    v->scope.region = parts[2];
    v->scope.service = parts[3];

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_verify_time(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    time_t     t;
    ngx_int_t  expires;

    t = ngx_mesh_sigv4_time(&v->scope.date);

    if (t == NGX_ERROR) {
        return ngx_mesh_verify_decline(pool, v,
                                       &ngx_mesh_error_incomplete_signature,
                                       "Date must be in ISO-8601 'basic "
                                       "format'. Got '%V'. See "
                                       "http://en.wikipedia.org/wiki/ISO_8601",
                                       &v->scope.date);
    }

    if (v->day.len != sizeof("20260930") - 1
        || ngx_memcmp(v->day.data, v->scope.date.data, v->day.len) != 0)
    {
        return ngx_mesh_verify_decline(pool, v,
                                       &ngx_mesh_error_invalid_signature,
                                       "Date in Credential scope does not "
                                       "match YYYYMMDD from ISO-8601 version "
                                       "of date from HTTP: '%V' != '%*s', "
                                       "from '%V'.", &v->day,
                                       sizeof("20260930") - 1,
                                       v->scope.date.data, &v->scope.date);
    }

    if (t > v->now + NGX_MESH_VERIFY_SKEW) {
        return ngx_mesh_verify_late(pool, v, NGX_MESH_VERIFY_SKEW, "min",
                                    NGX_MESH_VERIFY_SKEW / 60);
    }

    if (!v->request.presigned) {

        if (t < v->now - NGX_MESH_VERIFY_SKEW) {
            return ngx_mesh_verify_late(pool, v, -NGX_MESH_VERIFY_SKEW, "min",
                                        NGX_MESH_VERIFY_SKEW / 60);
        }

        return NGX_OK;
    }

    expires = ngx_atoi(v->expires.data, v->expires.len);

    if (expires < 1 || expires > NGX_MESH_VERIFY_EXPIRES) {
        return ngx_mesh_verify_decline(pool, v,
                                       &ngx_mesh_error_incomplete_signature,
                                       "X-Amz-Expires must be between 1 and "
                                       "%d seconds",
                                       NGX_MESH_VERIFY_EXPIRES);
    }

    if (t < v->now - expires) {
        return ngx_mesh_verify_late(pool, v, -expires, "s", expires);
    }

    return NGX_OK;
}


/* too late, or too early; "limit" is what may lie between it and now */

static ngx_int_t
ngx_mesh_verify_late(ngx_pool_t *pool, ngx_mesh_verify_t *v, time_t limit,
    const char *unit, time_t n)
{
    u_char  now[NGX_MESH_SIGV4_DATE_LEN], bound[NGX_MESH_SIGV4_DATE_LEN];

    ngx_mesh_sigv4_date(v->now, now);
    ngx_mesh_sigv4_date(v->now + limit, bound);

    return ngx_mesh_verify_decline(pool, v, &ngx_mesh_error_invalid_signature,
                                   (limit < 0)
                                   ? "Signature expired: %V is now earlier "
                                     "than %*s (%*s - %T %s.)"
                                   : "Signature not yet current: %V is still "
                                     "later than %*s (%*s + %T %s.)",
                                   &v->scope.date,
                                   (size_t) NGX_MESH_SIGV4_DATE_LEN, bound,
                                   (size_t) NGX_MESH_SIGV4_DATE_LEN, now,
                                   n, unit);
}


/* what a signature has to cover besides the rest */

static ngx_int_t
ngx_mesh_verify_headers(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    ngx_uint_t                i;
    ngx_mesh_sigv4_header_t  *h;

    static ngx_str_t  host = ngx_string("host");

    if (!ngx_mesh_verify_signed(v, &host)) {
        return ngx_mesh_verify_decline(pool, v,
                                       &ngx_mesh_error_invalid_signature,
                                       "'Host' or ':authority' must be a "
                                       "'SignedHeader' in the AWS "
                                       "Authorization.");
    }

    for (i = 0; i < v->request.nheaders; i++) {
        h = &v->request.headers[i];

        if (h->name.len < sizeof("x-amz-") - 1
            || ngx_strncasecmp(h->name.data, (u_char *) "x-amz-",
                               sizeof("x-amz-") - 1)
               != 0)
        {
            continue;
        }

        if (!ngx_mesh_verify_signed(v, &h->name)) {
            return ngx_mesh_verify_decline(pool, v,
                                           &ngx_mesh_error_invalid_signature,
                                           "There were headers present in the "
                                           "request which were not signed: "
                                           "'%V'", &h->name);
        }
    }

    return NGX_OK;
}


/* is a name, in any case, in the list of signed headers? */

static ngx_uint_t
ngx_mesh_verify_signed(ngx_mesh_verify_t *v, ngx_str_t *name)
{
    u_char  *p, *last, *end;

    p = v->request.signed_headers.data;
    last = p + v->request.signed_headers.len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ';');
        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) == name->len
            && ngx_strncasecmp(p, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * The hash is that of the body as it came, whatever the header says:
 * "UNSIGNED-PAYLOAD" and the hashes of streams are for S3 only.
 */

static ngx_int_t
ngx_mesh_verify_payload(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    u_char     *p;
    ngx_str_t   said;

    p = ngx_pnalloc(pool, NGX_MESH_SIGV4_HEX_LEN);

    if (p == NULL || ngx_mesh_sigv4_hash(&v->body, p) != NGX_OK) {
        return NGX_ERROR;
    }

    v->request.payload_hash.data = p;
    v->request.payload_hash.len = NGX_MESH_SIGV4_HEX_LEN;

    switch (ngx_mesh_verify_header(v, "x-amz-content-sha256", &said)) {

    case NGX_DECLINED:
        return NGX_OK;

    case NGX_OK:
        if (said.len == NGX_MESH_SIGV4_HEX_LEN
            && ngx_memcmp(said.data, p, NGX_MESH_SIGV4_HEX_LEN) == 0)
        {
            return NGX_OK;
        }

        /* fall through */

    default: /* NGX_BUSY */
        return ngx_mesh_verify_decline(pool, v,
                                       &ngx_mesh_error_invalid_signature,
                                       "The provided 'x-amz-content-sha256' "
                                       "header does not match what was "
                                       "computed.");
    }
}


static ngx_int_t
ngx_mesh_verify_signature(ngx_pool_t *pool, ngx_mesh_verify_t *v)
{
    u_char           hex[NGX_MESH_SIGV4_HEX_LEN];
    ngx_int_t        rc;
    ngx_str_t        computed;
    ngx_uint_t       same;
    ngx_mesh_key_t  *key, *found;

    found = ngx_mesh_keys_find(v->keys, &v->access_key);
    key = found ? found : &v->keys->decoy;

    rc = ngx_mesh_sigv4_canonical(pool, &v->request, &v->canonical);

    if (rc == NGX_DECLINED) {
        ngx_str_null(&v->canonical);

        return ngx_mesh_verify_decline(pool, v,
                   &ngx_mesh_error_incomplete_signature,
                   "There is no canonical form of the request: 'SignedHeaders' "
                   "must be a sorted list of lower-case names of headers that "
                   "it has, path and query-string must be well escaped.");
    }

    if (rc != NGX_OK
        || ngx_mesh_sigv4_string(pool, &v->canonical, &v->scope, &v->string)
           != NGX_OK
        || ngx_mesh_sigv4_signature(&v->scope, &key->secret, &key->signing,
                                    &v->string, hex)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    computed.data = hex;
    computed.len = NGX_MESH_SIGV4_HEX_LEN;

    same = ngx_mesh_verify_same(&computed, &v->signature);

    if (found && !same) {
        return ngx_mesh_verify_decline(pool, v,
                   &ngx_mesh_error_invalid_signature,
                   "The request signature we calculated does not match the "
                   "signature you provided. Check your AWS Secret Access Key "
                   "and signing method. Consult the service documentation for "
                   "details.");
    }

    if (found == NULL || !ngx_mesh_verify_same(&key->token, &v->token)) {
        return ngx_mesh_verify_unrecognized(pool, v);
    }

    v->key = found;

    return NGX_OK;
}


/* in a time that depends on the lengths only */

static ngx_uint_t
ngx_mesh_verify_same(ngx_str_t *one, ngx_str_t *two)
{
    return one->len == two->len
           && (one->len == 0
               || CRYPTO_memcmp(one->data, two->data, one->len) == 0);
}


/* a header by its name; NGX_DECLINED: none, NGX_BUSY: there are several */

static ngx_int_t
ngx_mesh_verify_header(ngx_mesh_verify_t *v, const char *name,
    ngx_str_t *value)
{
    size_t                    len;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_mesh_sigv4_header_t  *h;

    rc = NGX_DECLINED;
    len = ngx_strlen(name);

    for (i = 0; i < v->request.nheaders; i++) {
        h = &v->request.headers[i];

        if (h->name.len == len
            && ngx_strncasecmp(h->name.data, (u_char *) name, len) == 0)
        {
            if (rc == NGX_OK) {
                return NGX_BUSY;
            }

            *value = h->value;
            rc = NGX_OK;
        }
    }

    return rc;
}


static ngx_uint_t
ngx_mesh_verify_is(ngx_str_t *str, const char *text)
{
    return str->len == ngx_strlen(text)
           && ngx_memcmp(str->data, text, str->len) == 0;
}


/* returns NGX_DECLINED */

static ngx_int_t
ngx_mesh_verify_decline(ngx_pool_t *pool, ngx_mesh_verify_t *v,
    const ngx_mesh_error_t *error, const char *fmt, ...)
{
    u_char   *p, *last, buf[NGX_MAX_ERROR_STR];
    va_list   args;

    va_start(args, fmt);
    last = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    /* it may have parts of the request in it */

    for (p = buf; p < last; p++) {
        if (*p < ' ' || *p > '~') {
            *p = '?';
        }
    }

    p = ngx_pnalloc(pool, last - buf);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->error = error;
    v->message.data = p;
    v->message.len = last - buf;

    ngx_memcpy(p, buf, last - buf);

    return NGX_DECLINED;
}
