
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the environment says of credentials.  Runs in the master, at
 * configuration time, since workers have no environment.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_credentials.h"


#define NGX_MESH_CREDENTIALS_ECS  "http://169.254.170.2"


static ngx_int_t ngx_mesh_credentials_env(ngx_pool_t *pool, const char *name,
    ngx_str_t *value);
static ngx_int_t ngx_mesh_credentials_keys(ngx_pool_t *pool,
    ngx_mesh_credentials_conf_t *conf, ngx_str_t *error);
static ngx_int_t ngx_mesh_credentials_file(ngx_pool_t *pool,
    ngx_mesh_credentials_conf_t *conf);
static ngx_int_t ngx_mesh_credentials_container(ngx_pool_t *pool,
    ngx_mesh_credentials_conf_t *conf, ngx_str_t *error);
static ngx_uint_t ngx_mesh_credentials_trusted(ngx_mesh_url_t *url);
static ngx_int_t ngx_mesh_credentials_ssl(ngx_pool_t *pool,
    ngx_mesh_credentials_conf_t *conf);


ngx_int_t
ngx_mesh_credentials_conf(ngx_pool_t *pool, ngx_mesh_credentials_conf_t *conf,
    ngx_str_t *error)
{
    ngx_memzero(conf, sizeof(ngx_mesh_credentials_conf_t));

    ngx_str_set(error, "no memory for credentials");

    if (ngx_mesh_credentials_env(pool, "AWS_REGION", &conf->region) != NGX_OK
        || (conf->region.len == 0
            && ngx_mesh_credentials_env(pool, "AWS_DEFAULT_REGION",
                                        &conf->region)
               != NGX_OK)
        || ngx_mesh_credentials_env(pool, "APPMESH_SIGNING_NAME",
                                    &conf->service)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->service.len == 0) {
        ngx_str_set(&conf->service, "appmesh");
    }

    if (ngx_mesh_credentials_keys(pool, conf, error) != NGX_OK
        || ngx_mesh_credentials_file(pool, conf) != NGX_OK
        || ngx_mesh_credentials_container(pool, conf, error) != NGX_OK)
    {
        return NGX_ERROR;
    }

    conf->given = (conf->access_key.len || conf->file.len
                   || conf->url.host.len);

    return NGX_OK;
}


/* a copy with a NUL behind, since the environment may change */

static ngx_int_t
ngx_mesh_credentials_env(ngx_pool_t *pool, const char *name, ngx_str_t *value)
{
    char  *text;

    ngx_str_null(value);

    text = getenv(name);

    if (text == NULL || text[0] == '\0') {
        return NGX_OK;
    }

    value->len = ngx_strlen(text);
    value->data = ngx_pnalloc(pool, value->len + 1);

    if (value->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value->data, text, value->len + 1);

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_credentials_keys(ngx_pool_t *pool, ngx_mesh_credentials_conf_t *conf,
    ngx_str_t *error)
{
    if (ngx_mesh_credentials_env(pool, "AWS_ACCESS_KEY_ID", &conf->access_key)
        != NGX_OK
        || ngx_mesh_credentials_env(pool, "AWS_SECRET_ACCESS_KEY",
                                    &conf->secret)
           != NGX_OK
        || ngx_mesh_credentials_env(pool, "AWS_SESSION_TOKEN", &conf->token)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->access_key.len && conf->secret.len == 0) {
        ngx_str_set(error, "AWS_ACCESS_KEY_ID is in the environment, "
                           "AWS_SECRET_ACCESS_KEY is not");
        return NGX_ERROR;
    }

    if (conf->secret.len && conf->access_key.len == 0) {
        ngx_str_set(error, "AWS_SECRET_ACCESS_KEY is in the environment, "
                           "AWS_ACCESS_KEY_ID is not");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the default file counts if it is there */

static ngx_int_t
ngx_mesh_credentials_file(ngx_pool_t *pool, ngx_mesh_credentials_conf_t *conf)
{
    u_char           *p;
    ngx_str_t         file, home;
    ngx_file_info_t   fi;

    if (ngx_mesh_credentials_env(pool, "AWS_SHARED_CREDENTIALS_FILE", &file)
        != NGX_OK
        || ngx_mesh_credentials_env(pool, "AWS_PROFILE", &conf->profile)
           != NGX_OK
        || ngx_mesh_credentials_env(pool, "HOME", &home) != NGX_OK)
    {
        return NGX_ERROR;
    }

    conf->explicit_file = (file.len || conf->profile.len);

    if (conf->profile.len == 0) {
        ngx_str_set(&conf->profile, "default");
    }

    if (file.len == 0 && home.len) {
        ngx_str_set(&file, "~/.aws/credentials");
    }

    if (file.len == 0) {
        return NGX_OK;
    }

    if (file.len > 1 && file.data[0] == '~' && file.data[1] == '/') {

        p = ngx_pnalloc(pool, home.len + file.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        conf->file.data = p;
        conf->file.len = home.len + file.len - 1;

        p = ngx_cpymem(p, home.data, home.len);
        p = ngx_cpymem(p, file.data + 1, file.len - 1);
        *p = '\0';

    } else {
        conf->file = file;
    }

    if (!conf->explicit_file
        && ngx_file_info(conf->file.data, &fi) == NGX_FILE_ERROR)
    {
        ngx_str_null(&conf->file);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_credentials_container(ngx_pool_t *pool,
    ngx_mesh_credentials_conf_t *conf, ngx_str_t *error)
{
    u_char      *p;
    ngx_str_t    text, relative;
    const char  *wrong;

    if (ngx_mesh_credentials_env(pool, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                 &relative)
        != NGX_OK
        || ngx_mesh_credentials_env(pool, "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                    &text)
           != NGX_OK
        || ngx_mesh_credentials_env(pool, "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                    &conf->auth_token)
           != NGX_OK
        || ngx_mesh_credentials_env(pool,
                                    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                    &conf->auth_token_file)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (relative.len) {

        if (relative.data[0] != '/') {
            ngx_str_set(error, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does "
                               "not begin with \"/\"");
            return NGX_ERROR;
        }

        text.len = sizeof(NGX_MESH_CREDENTIALS_ECS) - 1 + relative.len;
        text.data = ngx_pnalloc(pool, text.len);

        if (text.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_cpymem(text.data, NGX_MESH_CREDENTIALS_ECS,
                       sizeof(NGX_MESH_CREDENTIALS_ECS) - 1);
        ngx_memcpy(p, relative.data, relative.len);
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    wrong = ngx_mesh_url_parse(pool, &text, &conf->url);

    if (wrong == NULL && !ngx_mesh_credentials_trusted(&conf->url)) {
        wrong = "a host that credentials are not asked from without TLS: "
                "neither loopback nor that of ECS or EKS";
    }

    if (wrong) {
        p = ngx_pnalloc(pool, NGX_MAX_ERROR_STR);

        if (p) {
            error->data = p;
            error->len = ngx_slprintf(p, p + NGX_MAX_ERROR_STR,
                                      "AWS_CONTAINER_CREDENTIALS_%s_URI has %s",
                                      relative.len ? "RELATIVE" : "FULL",
                                      wrong)
                         - p;
        }

        return NGX_ERROR;
    }

    return ngx_mesh_credentials_ssl(pool, conf);
}


/* as the SDKs have it; a name is trusted for its certificate only */

static ngx_uint_t
ngx_mesh_credentials_trusted(ngx_mesh_url_t *url)
{
    in_addr_t       addr;
#if (NGX_HAVE_INET6)
    u_char          addr6[16];

    static u_char   loopback[16] = { 0, 0, 0, 0, 0, 0, 0, 0,
                                     0, 0, 0, 0, 0, 0, 0, 1 };

    /* fd00:ec2::23 */
    static u_char   eks[16] = { 0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0,
                                0, 0, 0, 0, 0, 0, 0, 0x23 };
#endif

    if (url->tls) {
        return 1;
    }

    if (url->host.len == sizeof("localhost") - 1
        && ngx_strcasecmp(url->host.data, (u_char *) "localhost") == 0)
    {
        /* what a resolver says of it is nobody's business */

        ngx_str_set(&url->host, "127.0.0.1");
        return 1;
    }

#if (NGX_HAVE_INET6)
    if (ngx_inet6_addr(url->host.data, url->host.len, addr6) == NGX_OK) {
        return ngx_memcmp(addr6, loopback, 16) == 0
               || ngx_memcmp(addr6, eks, 16) == 0;
    }
#endif

    addr = ngx_inet_addr(url->host.data, url->host.len);

    if (addr == INADDR_NONE) {
        return 0;
    }

    addr = ntohl(addr);

    return (addr >> 24) == 127
           || addr == 0xa9feaa02            /* 169.254.170.2 */
           || addr == 0xa9feaa17;           /* 169.254.170.23 */
}


/* the authorities that the system trusts; the client verifies the name */

static ngx_int_t
ngx_mesh_credentials_ssl(ngx_pool_t *pool, ngx_mesh_credentials_conf_t *conf)
{
#if (NGX_SSL)
    ngx_pool_cleanup_t  *cln;

    if (!conf->url.tls) {
        return NGX_OK;
    }

    conf->ssl = ngx_pcalloc(pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(pool, 0);

    if (conf->ssl == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    conf->ssl->log = pool->log;

    if (ngx_ssl_create(conf->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = conf->ssl;

    if (SSL_CTX_set_default_verify_paths(conf->ssl->ctx) != 1) {
        return NGX_ERROR;
    }
#endif

    return NGX_OK;
}
