
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A libFuzzer target for what anybody can send before it is known who it is:
 * the request line, the headers and the body, as verification sees them.  An
 * input is lines of text:
 *
 *     method, path, arguments, headers ("name: value") up to an empty line,
 *     body
 *
 * Each is
 *
 *     - verified as it is, which nobody can pass who does not know the secret
 *     - signed with its own headers and verified, which must pass if it has a
 *       canonical form, and must fail with another body
 *
 * and is read as a file of keys would be.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <nginx.h>

#include "ngx_mesh_keys.h"
#include "ngx_mesh_sigv4.h"
#include "ngx_mesh_verify.h"


#define FUZZ_HEADERS  32
#define FUZZ_NOW      1790769600


static void fuzz_verify(ngx_mesh_verify_t *v);
static void fuzz_sign(ngx_mesh_verify_t *v);
static ngx_uint_t fuzz_presigned(ngx_str_t *args);
static void fuzz_keys(ngx_str_t *text);
static ngx_mesh_keys_t *fuzz_parse_keys(ngx_pool_t *pool, ngx_str_t *text);
static void fuzz_request(ngx_mesh_verify_t *v, ngx_str_t *text);
static ngx_uint_t fuzz_line(ngx_str_t *text, ngx_str_t *line);

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u_char *data, size_t size);


static ngx_log_t                 fuzz_log;
static ngx_open_file_t           fuzz_file;
static ngx_cycle_t               fuzz_cycle;
static ngx_mesh_keys_t          *fuzz_keys_known;
static ngx_mesh_sigv4_header_t   fuzz_headers[FUZZ_HEADERS + 4];

static const char               *fuzz_scopes[] = { "appmesh", NULL };


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static ngx_str_t  keys = ngx_string("AKID secret admin\n");

    fuzz_file.fd = ngx_open_file("/dev/null", NGX_FILE_WRONLY,
                                 NGX_FILE_CREATE_OR_OPEN, 0);
    fuzz_log.file = &fuzz_file;
    fuzz_log.log_level = NGX_LOG_EMERG;

    ngx_pagesize = getpagesize();
    ngx_cacheline_size = 64;
    ngx_pid = ngx_getpid();

    fuzz_cycle.log = &fuzz_log;
    fuzz_cycle.pool = ngx_create_pool(4096, &fuzz_log);
    ngx_cycle = &fuzz_cycle;

    ngx_time_init();

    if (fuzz_cycle.pool == NULL || ngx_crc32_table_init() != NGX_OK) {
        abort();
    }

    fuzz_keys_known = fuzz_parse_keys(fuzz_cycle.pool, &keys);

    if (fuzz_keys_known == NULL) {
        abort();
    }

    return 0;
}


int
LLVMFuzzerTestOneInput(const u_char *data, size_t size)
{
    ngx_str_t           text;
    ngx_mesh_verify_t   v;

    text.data = (u_char *) data;
    text.len = size;

    fuzz_keys(&text);

    fuzz_request(&v, &text);
    fuzz_verify(&v);
    fuzz_sign(&v);

    return 0;
}


static void
fuzz_verify(ngx_mesh_verify_t *v)
{
    ngx_uint_t   i;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, &fuzz_log);

    if (ngx_mesh_verify(pool, v) != NGX_DECLINED || v->message.len == 0) {
        abort();
    }

    for (i = 0; i < v->message.len; i++) {
        if (v->message.data[i] < ' ' || v->message.data[i] > '~') {
            abort();
        }
    }

    ngx_destroy_pool(pool);
}


/* with a time and a host of its own, in place of those that came */

static void
fuzz_sign(ngx_mesh_verify_t *v)
{
    u_char                         hex[NGX_MESH_SIGV4_HEX_LEN];
    ngx_int_t                      rc;
    ngx_str_t                      authorization;
    ngx_uint_t                     i, n;
    ngx_pool_t                    *pool;
    ngx_mesh_sigv4_scope_t         scope;
    ngx_mesh_sigv4_header_t       *h;
    ngx_mesh_sigv4_credentials_t   credentials;

    pool = ngx_create_pool(4096, &fuzz_log);

    ngx_str_set(&scope.date, "20260930T120000Z");
    ngx_str_set(&scope.region, "us-west-2");
    ngx_str_set(&scope.service, "appmesh");

    ngx_str_set(&credentials.access_key, "AKID");
    ngx_str_set(&credentials.secret, "secret");
    ngx_str_null(&credentials.token);

    h = v->request.headers;
    n = 0;

    for (i = 0; i < v->request.nheaders; i++) {

        if (h[i].name.len == 0
            || ngx_strlchr(h[i].name.data, h[i].name.data + h[i].name.len, ';')
            || ngx_strlchr(h[i].name.data, h[i].name.data + h[i].name.len, ',')
            || ngx_strlchr(h[i].name.data, h[i].name.data + h[i].name.len, ' ')
            || ngx_strncasecmp(h[i].name.data, (u_char *) "x-amz-",
                               ngx_min(h[i].name.len, 6))
               == 0
            || ngx_strncasecmp(h[i].name.data, (u_char *) "authorization",
                               ngx_min(h[i].name.len, 13))
               == 0)
        {
            continue;
        }

        h[n++] = h[i];
    }

    ngx_str_set(&h[n].name, "Host");
    ngx_str_set(&h[n].value, "cp.local");
    n++;
    ngx_str_set(&h[n].name, "X-Amz-Date");
    ngx_str_set(&h[n].value, "20260930T120000Z");
    n++;

    v->request.nheaders = n;
    v->request.presigned = 0;
    v->request.payload_hash.data = hex;
    v->request.payload_hash.len = NGX_MESH_SIGV4_HEX_LEN;

    (void) ngx_mesh_sigv4_hash(&v->body, hex);

    rc = ngx_mesh_sigv4_sign(pool, &v->request, &scope, &credentials,
                             &authorization);

    /* arguments of a presigned request are a second mechanism */

    if (rc == NGX_OK && !fuzz_presigned(&v->request.args)) {
        ngx_str_set(&h[n].name, "authorization");
        h[n].value = authorization;
        v->request.nheaders = n + 1;

        if (ngx_mesh_verify(pool, v) != NGX_OK || v->key == NULL) {
            abort();
        }

        ngx_str_set(&v->body, "another body, which nobody has signed");

        if (ngx_mesh_verify(pool, v) != NGX_DECLINED) {
            abort();
        }
    }

    ngx_destroy_pool(pool);
}


static ngx_uint_t
fuzz_presigned(ngx_str_t *args)
{
    size_t  i, len;

    len = sizeof("X-Amz-Algorithm") - 1;

    for (i = 0; i + len <= args->len; i++) {
        if (ngx_memcmp(args->data + i, "X-Amz-Algorithm", len) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
fuzz_keys(ngx_str_t *text)
{
    ngx_str_t         resource;
    ngx_pool_t       *pool;
    ngx_mesh_key_t   *key;
    ngx_mesh_keys_t  *keys;

    pool = ngx_create_pool(4096, &fuzz_log);

    keys = fuzz_parse_keys(pool, text);

    if (keys) {
        key = (ngx_mesh_key_t *) ngx_rbtree_min(keys->tree.root,
                                                &keys->sentinel);

        if (ngx_mesh_keys_find(keys, &key->id) != key) {
            abort();
        }

        ngx_str_set(&resource, "mesh/m@111122223333/virtualNode/n");
        (void) ngx_mesh_keys_may_proxy(key, &resource);
        (void) ngx_mesh_keys_may_proxy(key, text);

        ngx_mesh_keys_free(keys);
    }

    ngx_destroy_pool(pool);
}


static ngx_mesh_keys_t *
fuzz_parse_keys(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_str_t         error;
    ngx_mesh_keys_t  *keys;

    static ngx_str_t  path = ngx_string("keys");
    static ngx_str_t  account = ngx_string("111122223333");

    keys = ngx_mesh_keys_parse(pool, &path, &account, text, &error);

    if (keys == NULL && error.len == 0) {
        abort();
    }

    return keys;
}


static void
fuzz_request(ngx_mesh_verify_t *v, ngx_str_t *text)
{
    u_char                   *colon;
    ngx_str_t                 rest, line;
    ngx_mesh_sigv4_header_t  *h;

    ngx_memzero(v, sizeof(ngx_mesh_verify_t));

    v->keys = fuzz_keys_known;
    v->scopes = fuzz_scopes;
    v->now = FUZZ_NOW;
    ngx_str_set(&v->region, "us-west-2");

    rest = *text;

    (void) fuzz_line(&rest, &v->request.method);
    (void) fuzz_line(&rest, &v->request.path);
    (void) fuzz_line(&rest, &v->request.args);

    v->request.headers = fuzz_headers;

    while (v->request.nheaders < FUZZ_HEADERS && fuzz_line(&rest, &line)) {

        if (line.len == 0) {
            break;
        }

        h = &fuzz_headers[v->request.nheaders++];

        colon = ngx_strlchr(line.data, line.data + line.len, ':');

        h->name.data = line.data;
        h->name.len = (colon ? colon : line.data + line.len) - line.data;
        h->value.data = colon ? colon + 1 : line.data;
        h->value.len = colon ? line.data + line.len - (colon + 1) : 0;
    }

    v->body = rest;
}


static ngx_uint_t
fuzz_line(ngx_str_t *text, ngx_str_t *line)
{
    u_char  *end;

    line->data = text->data;

    if (text->len == 0) {
        line->len = 0;
        return 0;
    }

    end = ngx_strlchr(text->data, text->data + text->len, LF);

    line->len = end ? (size_t) (end - text->data) : text->len;

    text->len -= line->len + (end ? 1 : 0);
    text->data += line->len + (end ? 1 : 0);

    return 1;
}
