
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Where credentials come from: the environment, a file that changes, and the
 * answer of a container's endpoint.  t/e2e/auth.t asks a real one.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_credentials.h>

#include "ngx_mesh_unit.h"


static const char  *mesh_credentials_env[] = {
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "HOME", "AWS_REGION",
    "AWS_DEFAULT_REGION", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "APPMESH_SIGNING_NAME", NULL
};


static void
mesh_unit_credentials_clear(void)
{
    ngx_uint_t  i;

    for (i = 0; mesh_credentials_env[i]; i++) {
        (void) unsetenv(mesh_credentials_env[i]);
    }
}


static ngx_str_t
mesh_unit_credentials_str(const char *text)
{
    ngx_str_t  str;

    str.data = (u_char *) text;
    str.len = ngx_strlen(text);

    return str;
}


static void
mesh_unit_credentials_conf(ngx_mesh_unit_t *u)
{
    ngx_str_t                     error;
    ngx_uint_t                    i;
    ngx_mesh_credentials_conf_t   conf;

    static const struct {
        const char  *uri;
        const char  *host;      /* NULL: refused */
    } uris[] = {
        { "http://127.0.0.1:1234/x", "127.0.0.1" },
        { "http://127.9.9.9/x", "127.9.9.9" },
        { "http://LOCALHOST/x", "127.0.0.1" },
        { "http://169.254.170.2/x", "169.254.170.2" },
        { "http://169.254.170.23/v1/credentials", "169.254.170.23" },
        { "http://[::1]/x", "::1" },
        { "http://[fd00:ec2::23]/x", "fd00:ec2::23" },
        { "https://example.org/x", "example.org" },
        { "http://169.254.169.254/x", NULL },
        { "http://example.org/x", NULL },
        { "http://10.0.0.1/x", NULL },
        { "http://127.0.0.1.example.org/x", NULL },
        { "http://[::2]/x", NULL },
        { "ftp://127.0.0.1/x", NULL },
        { "/x", NULL }
    };

    mesh_unit_credentials_clear();

    MESH_OK(ngx_mesh_credentials_conf(u->pool, &conf, &error) == NGX_OK
            && !conf.given, "nothing is given");
    MESH_IS_STR(&conf.service, "appmesh", "the service");

    (void) setenv("AWS_ACCESS_KEY_ID", "AKIA", 1);
    MESH_IS_INT(ngx_mesh_credentials_conf(u->pool, &conf, &error), NGX_ERROR,
                "half of a key");
    MESH_IS_STR(&error, "AWS_ACCESS_KEY_ID is in the environment, "
                "AWS_SECRET_ACCESS_KEY is not", "and which");

    (void) setenv("AWS_SECRET_ACCESS_KEY", "s3cret", 1);
    (void) setenv("AWS_DEFAULT_REGION", "us-east-1", 1);
    MESH_OK(ngx_mesh_credentials_conf(u->pool, &conf, &error) == NGX_OK
            && conf.given, "a key");
    MESH_IS_STR(&conf.region, "us-east-1", "the default region");

    (void) setenv("AWS_REGION", "us-west-2", 1);
    (void) ngx_mesh_credentials_conf(u->pool, &conf, &error);
    MESH_IS_STR(&conf.region, "us-west-2", "the region");

    mesh_unit_credentials_clear();
    (void) setenv("HOME", "/home/nobody", 1);
    MESH_OK(ngx_mesh_credentials_conf(u->pool, &conf, &error) == NGX_OK
            && !conf.given, "no file");

    (void) setenv("AWS_PROFILE", "mesh", 1);
    MESH_OK(ngx_mesh_credentials_conf(u->pool, &conf, &error) == NGX_OK
            && conf.given, "a profile of the file");
    MESH_IS_STR(&conf.file, "/home/nobody/.aws/credentials", "its path");
    MESH_IS_STR(&conf.profile, "mesh", "and name");

    mesh_unit_credentials_clear();
    (void) setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x?y", 1);
    MESH_OK(ngx_mesh_credentials_conf(u->pool, &conf, &error) == NGX_OK
            && conf.given, "a container");
    MESH_IS_STR(&conf.url.host, "169.254.170.2", "the address of ECS");
    MESH_IS_STR(&conf.url.path, "/v2/x?y", "the path");

    (void) setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil/x", 1);
    MESH_IS_INT(ngx_mesh_credentials_conf(u->pool, &conf, &error), NGX_ERROR,
                "not a path");

    mesh_unit_credentials_clear();

    for (i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        (void) setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uris[i].uri, 1);

        if (uris[i].host) {
            MESH_IS_INT(ngx_mesh_credentials_conf(u->pool, &conf, &error),
                        NGX_OK, "%s", uris[i].uri);
            MESH_IS_STR(&conf.url.host, uris[i].host, "the host of it");

        } else {
            MESH_IS_INT(ngx_mesh_credentials_conf(u->pool, &conf, &error),
                        NGX_ERROR, "%s is refused", uris[i].uri);
        }
    }

    mesh_unit_credentials_clear();
}

MESH_UNIT(mesh_unit_credentials_conf)


static void
mesh_unit_credentials_profile(ngx_mesh_unit_t *u)
{
    ngx_str_t                      text, name;
    ngx_mesh_sigv4_credentials_t   credentials;

    text = mesh_unit_credentials_str(
        "# aws\r\n"
        "aws_access_key_id = none\r\n"
        "[default]\r\n"
        "aws_access_key_id = A\r\n"
        "AWS_Secret_Access_Key= a=b \r\n"
        "region = x\r\n"
        "\r\n"
        "[ mesh ]\n"
        "aws_access_key_id=B\n"
        "; a comment\n"
        "aws_secret_access_key=c\n"
        "aws_session_token=t\n"
        "[half]\n"
        "aws_access_key_id=C");

    name = mesh_unit_credentials_str("default");
    MESH_IS_INT(ngx_mesh_credentials_profile(&text, &name, &credentials),
                NGX_OK, "the default profile");
    MESH_IS_STR(&credentials.access_key, "A", "its key");
    MESH_IS_STR(&credentials.secret, "a=b", "its secret");
    MESH_IS_INT(credentials.token.len, 0, "no token");

    name = mesh_unit_credentials_str("mesh");
    MESH_IS_INT(ngx_mesh_credentials_profile(&text, &name, &credentials),
                NGX_OK, "another profile");
    MESH_IS_STR(&credentials.access_key, "B", "its key");
    MESH_IS_STR(&credentials.token, "t", "its token");

    name = mesh_unit_credentials_str("half");
    MESH_IS_INT(ngx_mesh_credentials_profile(&text, &name, &credentials),
                NGX_ERROR, "half of a profile");

    name = mesh_unit_credentials_str("other");
    MESH_IS_INT(ngx_mesh_credentials_profile(&text, &name, &credentials),
                NGX_DECLINED, "none");
}

MESH_UNIT(mesh_unit_credentials_profile)


static void
mesh_unit_credentials_answer(ngx_mesh_unit_t *u)
{
    time_t                         expires;
    ngx_str_t                      text, error;
    ngx_uint_t                     i;
    ngx_mesh_sigv4_credentials_t   credentials;

    static const struct {
        const char  *text;
        time_t       expires;       /* NGX_ERROR: refused */
    } cases[] = {
        { "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\"}", 0 },
        { "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"RoleArn\":\"r\","
          "\"Token\":\"t\",\"Expiration\":\"2026-09-30T12:00:00Z\"}",
          1790769600 },
        { "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\","
          "\"Expiration\":\"2026-09-30T12:00:00.123Z\"}", 1790769600 },
        { "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\","
          "\"Expiration\":\"soon\"}", NGX_ERROR },
        { "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\","
          "\"Expiration\":\"2026-09-30T12:00:00+02:00\"}", NGX_ERROR },
        { "{\"AccessKeyId\":\"A\"}", NGX_ERROR },
        { "{\"AccessKeyId\":1,\"SecretAccessKey\":\"s\"}", NGX_ERROR },
        { "{\"code\":\"x\",\"message\":\"y\"}", NGX_ERROR },
        { "[]", NGX_ERROR },
        { "{", NGX_ERROR },
        { "", NGX_ERROR },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text = mesh_unit_credentials_str(cases[i].text);
        ngx_str_null(&error);

        if (cases[i].expires == NGX_ERROR) {
            MESH_IS_INT(ngx_mesh_credentials_answer(u->pool, &text,
                                                    &credentials, &expires,
                                                    &error),
                        NGX_ERROR, "refused: %s", cases[i].text);
            MESH_OK(error.len, "and it is said why");
            continue;
        }

        MESH_IS_INT(ngx_mesh_credentials_answer(u->pool, &text, &credentials,
                                                &expires, &error),
                    NGX_OK, "an answer");
        MESH_IS_STR(&credentials.secret, "s", "its secret");
        MESH_IS_INT(expires, cases[i].expires, "when it expires");
    }
}

MESH_UNIT(mesh_unit_credentials_answer)


typedef struct {
    ngx_mesh_credentials_wait_t   wait;
    ngx_uint_t                    calls;
    u_char                        key[64];      /* or the error */
} mesh_credentials_wait_t;


static void
mesh_unit_credentials_handler(ngx_mesh_credentials_wait_t *wait,
    ngx_mesh_sigv4_credentials_t *credentials, ngx_str_t *error)
{
    u_char                   *p;
    mesh_credentials_wait_t  *w = wait->data;

    w->calls++;

    p = ngx_slprintf(w->key, w->key + sizeof(w->key) - 1, "%V",
                     credentials ? &credentials->access_key : error);
    *p = '\0';
}


static void
mesh_unit_credentials_put(u_char *path, const char *text)
{
    ngx_fd_t  fd;

    fd = ngx_open_file(path, NGX_FILE_WRONLY, NGX_FILE_TRUNCATE, 0600);
    (void) ngx_write_fd(fd, (u_char *) text, ngx_strlen(text));
    (void) ngx_close_file(fd);
}


static void
mesh_unit_credentials_file(ngx_mesh_unit_t *u)
{
    int                           fd;
    u_char                        path[] = "/tmp/mesh-unit-aws.XXXXXX";
    ngx_str_t                     error, got;
    ngx_mesh_credentials_t       *chain;
    mesh_credentials_wait_t       w;
    ngx_mesh_credentials_conf_t   conf;

    fd = mkstemp((char *) path);
    if (!MESH_OK(fd != -1, "a file")) {
        return;
    }

    (void) close(fd);

    mesh_unit_credentials_clear();
    (void) setenv("AWS_SHARED_CREDENTIALS_FILE", (char *) path, 1);
    (void) ngx_mesh_credentials_conf(u->pool, &conf, &error);
    mesh_unit_credentials_clear();

    ngx_memzero(&w, sizeof(mesh_credentials_wait_t));
    w.wait.handler = mesh_unit_credentials_handler;
    w.wait.data = &w;
    got.data = w.key;

    chain = ngx_mesh_credentials_create(&conf, u->log);
    if (!MESH_OK(chain != NULL, "a chain")) {
        return;
    }

    mesh_unit_credentials_put(path, "[default]\naws_access_key_id=A\n"
                                    "aws_secret_access_key=a\n");
    ngx_mesh_credentials_get(chain, &w.wait);
    MESH_IS_INT(w.calls, 1, "credentials at once");
    got.len = ngx_strlen(got.data);
    MESH_IS_STR(&got, "A", "those of the file");

    mesh_unit_credentials_put(path, "[default]\naws_access_key_id=B\n"
                                    "aws_secret_access_key=b\n");
    ngx_mesh_credentials_get(chain, &w.wait);
    got.len = ngx_strlen(got.data);
    MESH_IS_STR(&got, "B", "the new ones");

    mesh_unit_credentials_put(path, "[other]\n");
    ngx_mesh_credentials_get(chain, &w.wait);
    MESH_OK(ngx_strncmp(w.key, "profile \"default\" in \"/tmp/mesh-unit", 36)
            == 0, "a file without the profile: %s", w.key);

    (void) ngx_delete_file(path);
    ngx_mesh_credentials_get(chain, &w.wait);
    MESH_OK(ngx_strncmp(w.key, "open() \"/tmp/mesh-unit", 22) == 0,
            "no file: %s", w.key);
    MESH_IS_INT(w.calls, 4, "an answer each time");

    ngx_mesh_credentials_destroy(chain);
}

MESH_UNIT(mesh_unit_credentials_file)
