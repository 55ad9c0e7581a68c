
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The file of keys: what it may say, what is refused and how, what a key may
 * do, and following the file.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_keys.h>

#include "ngx_mesh_unit.h"


static ngx_str_t  mesh_keys_path = ngx_string("/etc/keys");
static ngx_str_t  mesh_keys_account = ngx_string("111122223333");


static void
mesh_unit_keys_str(ngx_str_t *str, const char *text)
{
    str->data = (u_char *) text;
    str->len = ngx_strlen(text);
}


static ngx_mesh_keys_t *
mesh_unit_keys_parse(ngx_mesh_unit_t *u, const char *text, ngx_str_t *error)
{
    ngx_str_t  str;

    mesh_unit_keys_str(&str, text);

    return ngx_mesh_keys_parse(u->pool, &mesh_keys_path, &mesh_keys_account,
                               &str, error);
}


static ngx_mesh_key_t *
mesh_unit_keys_find(ngx_mesh_keys_t *keys, const char *id)
{
    ngx_str_t  str;

    mesh_unit_keys_str(&str, id);

    return ngx_mesh_keys_find(keys, &str);
}


static void
mesh_unit_keys_good(ngx_mesh_unit_t *u)
{
    ngx_str_t         error;
    ngx_mesh_key_t   *key;
    ngx_mesh_keys_t  *keys;

    keys = mesh_unit_keys_parse(u,
        "\xef\xbb\xbf# keys\r\n"
        "\r\n"
        "  AKIAADMIN\tse#cret/+=  admin # the chief\r\n"
        "AKIAREAD s2 read token=tok account=222222222222\n"
        "AKIAPROXY s3 proxy mesh/a/virtualNode/b mesh/c/* read\n"
        "AKIALAST s4 account=333333333333 proxy *", &error);

    if (!MESH_OK(keys != NULL, "keys are read")) {
        MESH_DIAG("%V", &error);
        return;
    }

    MESH_IS_INT(keys->nkeys, 4, "all of them");

    key = mesh_unit_keys_find(keys, "AKIAADMIN");

    if (MESH_OK(key != NULL, "a key is found")) {
        MESH_IS_STR(&key->secret, "se#cret/+=", "its secret");
        MESH_IS_STR(&key->account, "111122223333", "the account of all");
        MESH_IS_INT(key->permissions, NGX_MESH_MAY_READ|NGX_MESH_MAY_WRITE,
                    "an admin reads and writes");
        MESH_IS_INT(key->token.len, 0, "no token");
    }

    key = mesh_unit_keys_find(keys, "AKIAREAD");

    if (MESH_OK(key != NULL, "another one")) {
        MESH_IS_STR(&key->token, "tok", "its token");
        MESH_IS_STR(&key->account, "222222222222", "its account");
        MESH_IS_INT(key->permissions, NGX_MESH_MAY_READ, "may read");
    }

    key = mesh_unit_keys_find(keys, "AKIAPROXY");

    if (MESH_OK(key != NULL, "a proxy")) {
        MESH_IS_INT(key->permissions, NGX_MESH_MAY_READ|NGX_MESH_MAY_PROXY,
                    "which may read, too");
        MESH_IS_INT(key->resources.nelts, 2, "has two resources");
    }

    key = mesh_unit_keys_find(keys, "AKIALAST");
    MESH_OK(key != NULL && key->permissions == NGX_MESH_MAY_PROXY,
            "a last line without an end");

    MESH_OK(mesh_unit_keys_find(keys, "AKIA") == NULL
            && mesh_unit_keys_find(keys, "") == NULL, "no others");

    ngx_mesh_keys_free(keys);
}

MESH_UNIT(mesh_unit_keys_good)


static void
mesh_unit_keys_bad(ngx_mesh_unit_t *u)
{
    ngx_str_t         error;
    ngx_uint_t        i;
    ngx_mesh_keys_t  *keys;

    static const char  *cases[][2] = {
        { "", "no keys in \"/etc/keys\"" },
        { "# none\n\n", "no keys in \"/etc/keys\"" },
        { "A", "key \"A\" has no secret in /etc/keys:1" },
        { "\nA # s", "key \"A\" has no secret in /etc/keys:2" },
        { "A s", "key \"A\" may do nothing: \"admin\", \"read\" or \"proxy\" "
          "is missing in /etc/keys:1" },
        { "A s read\nA s admin", "a second key \"A\" in /etc/keys:2" },
        { "A s write", "key \"A\" has an option that is none of admin, read, "
          "proxy RESOURCE, account=, token= in /etc/keys:1" },
        { "A s proxy", "\"proxy\" needs a resource, such as "
          "\"mesh/ordering/virtualNode/order\" in /etc/keys:1" },
        { "A s admin mesh/a/virtualNode/b", "key \"A\" has an option that is "
          "none of admin, read, proxy RESOURCE, account=, token= in "
          "/etc/keys:1" },
        { "A s proxy arn:aws:appmesh:x", "\"arn:aws:appmesh:x\" is no "
          "resource of a mesh in /etc/keys:1" },
        { "A s read account=1", "an account has 12 digits in /etc/keys:1" },
        { "A s read account=11112222333x",
          "an account has 12 digits in /etc/keys:1" },
        { "A s read token=", "the token is empty in /etc/keys:1" },
        { "A/B s read", "the id of a key has up to 128 letters, digits, \"_\" "
          "and \"-\" in /etc/keys:1" },
        { "A s\x01 read", "control character 01 in /etc/keys:1" },
        { NULL, NULL }
    };

    for (i = 0; cases[i][0]; i++) {
        keys = mesh_unit_keys_parse(u, cases[i][0], &error);

        if (MESH_OK(keys == NULL, "refused: %s", cases[i][1])) {
            MESH_IS_STR(&error, cases[i][1], "and why");

        } else {
            ngx_mesh_keys_free(keys);
        }
    }
}

MESH_UNIT(mesh_unit_keys_bad)


static void
mesh_unit_keys_proxy(ngx_mesh_unit_t *u)
{
    ngx_str_t         error, resource;
    ngx_uint_t        i;
    ngx_mesh_key_t   *key;
    ngx_mesh_keys_t  *keys;

    static const struct {
        const char  *id;
        const char  *resource;
        ngx_uint_t   allowed;
    } cases[] = {
        { "ONE", "mesh/a/virtualNode/b", 1 },
        { "ONE", "mesh/a@111122223333/virtualNode/b", 1 },
        { "ONE", "mesh/a@444444444444/virtualNode/b", 0 },
        { "ONE", "mesh/a@111122223333@111122223333/virtualNode/b", 0 },
        { "ONE", "arn:aws:appmesh:us-west-2:111122223333:mesh/a/virtualNode/b",
          1 },
        { "ONE", "mesh/a/virtualNode/bb", 0 },
        { "ONE", "mesh/a/virtualNode/", 0 },
        { "ONE", "mesh/a/virtualGateway/b", 0 },
        { "ONE", "mesh/A/virtualNode/b", 0 },
        { "ONE", "", 0 },
        { "SHARED", "mesh/a@444444444444/virtualNode/b", 1 },
        { "SHARED", "mesh/a/virtualNode/b", 0 },
        { "ARN", "mesh/a@555555555555/virtualNode/b", 1 },
        { "ARN", "mesh/a/virtualNode/b", 0 },
        { "STAR", "mesh/a/virtualNode/order-1", 1 },
        { "STAR", "mesh/a/virtualNode/order-", 1 },
        { "STAR", "mesh/a/virtualNode/orde", 0 },
        { "STAR", "mesh/a/virtualGateway/in", 1 },
        { "STAR", "mesh/a/virtualGateway/inm", 0 },
        { "ALL", "mesh/a/virtualNode/b", 1 },
        { "ALL", "mesh/a@444444444444/virtualNode/b", 0 },
        { "OWNERS", "mesh/a@444444444444/virtualNode/b", 1 },
        { "OWNERS", "mesh/a/virtualNode/b", 1 },
        { "OWNERS", "mesh/a@b@444444444444/virtualNode/b", 1 },
        { "READ", "mesh/a/virtualNode/b", 0 },
        { NULL, NULL, 0 }
    };

    keys = mesh_unit_keys_parse(u,
        "ONE s proxy mesh/a/virtualNode/b\n"
        "SHARED s proxy mesh/a@444444444444/virtualNode/b\n"
        "ARN s proxy arn:aws:appmesh:x:555555555555:mesh/a/virtualNode/b\n"
        "STAR s proxy mesh/a/virtualNode/order-* mesh/a/*Gateway/i*n\n"
        "ALL s proxy *\n"
        "OWNERS s proxy mesh/*@*/virtualNode/*\n"
        "READ s read\n", &error);

    if (!MESH_OK(keys != NULL, "keys are read")) {
        return;
    }

    for (i = 0; cases[i].id; i++) {
        mesh_unit_keys_str(&resource, cases[i].resource);
        key = mesh_unit_keys_find(keys, cases[i].id);

        MESH_IS_INT(ngx_mesh_keys_may_proxy(key, &resource), cases[i].allowed,
                    "%s: %s", cases[i].id, cases[i].resource);
    }

    ngx_mesh_keys_free(keys);
}

MESH_UNIT(mesh_unit_keys_proxy)


static void
mesh_unit_keys_put(ngx_mesh_keys_file_t *file, const char *text)
{
    ngx_fd_t  fd;

    fd = ngx_open_file(file->path.data, NGX_FILE_WRONLY, NGX_FILE_TRUNCATE,
                       0600);
    (void) ngx_write_fd(fd, (u_char *) text, ngx_strlen(text));
    (void) ngx_close_file(fd);
}


static void
mesh_unit_keys_follow(ngx_mesh_unit_t *u)
{
    int                    fd;
    u_char                 path[] = "/tmp/mesh-unit-keys.XXXXXX";
    ngx_str_t              error;
    ngx_mesh_keys_t       *old;
    ngx_mesh_keys_file_t   file;

    fd = mkstemp((char *) path);
    if (!MESH_OK(fd != -1, "a file")) {
        return;
    }

    (void) close(fd);

    ngx_memzero(&file, sizeof(ngx_mesh_keys_file_t));
    file.path.data = path;
    file.path.len = sizeof(path) - 1;
    file.account = mesh_keys_account;

    mesh_unit_keys_put(&file, "A s admin\n");
    MESH_IS_INT(ngx_mesh_keys_refresh(u->pool, &file, &error), NGX_OK,
                "a file is read at once");
    MESH_IS_INT(file.open_to_all, 0, "nobody else may read it");
    MESH_IS_INT(ngx_mesh_keys_refresh(u->pool, &file, &error), NGX_DECLINED,
                "and is the same later");

    old = file.keys;
    old->count++;

    mesh_unit_keys_put(&file, "A s admin\nB s read\n");
    MESH_IS_INT(ngx_mesh_keys_refresh(u->pool, &file, &error), NGX_DECLINED,
                "a change does not count at once");
    MESH_IS_INT(file.keys->nkeys, 1, "it has to stay");
    MESH_IS_INT(ngx_mesh_keys_refresh(u->pool, &file, &error), NGX_OK,
                "if it does, it counts");
    MESH_IS_INT(file.keys->nkeys, 2, "new keys");
    MESH_IS_INT(old->count, 1, "the old ones are those of a request");
    ngx_mesh_keys_free(old);

    mesh_unit_keys_put(&file, "A\n");
    MESH_IS_INT(ngx_mesh_keys_refresh(u->pool, &file, &error), NGX_DECLINED,
                "a wrong version");
    MESH_IS_INT(ngx_mesh_keys_refresh(u->pool, &file, &error), NGX_ERROR,
                "is an error");
    MESH_IS_INT(ngx_mesh_keys_refresh(u->pool, &file, &error), NGX_DECLINED,
                "once");
    MESH_IS_INT(file.keys->nkeys, 2, "the last good keys stay");

    mesh_unit_keys_put(&file, "A s admin\nB s read\n");
    (void) ngx_mesh_keys_refresh(u->pool, &file, &error);
    MESH_IS_INT(ngx_mesh_keys_refresh(u->pool, &file, &error), NGX_OK,
                "the same as before the error is news");

    (void) ngx_delete_file(path);
    (void) ngx_mesh_keys_refresh(u->pool, &file, &error);
    MESH_IS_INT(ngx_mesh_keys_refresh(u->pool, &file, &error), NGX_ERROR,
                "a file that is gone is an error");
    MESH_IS_INT(ngx_mesh_keys_refresh(u->pool, &file, &error), NGX_DECLINED,
                "once, too");
    MESH_IS_INT(file.keys->nkeys, 2, "the last good keys still stay");

    ngx_mesh_keys_free(file.keys);
}

MESH_UNIT(mesh_unit_keys_follow)
