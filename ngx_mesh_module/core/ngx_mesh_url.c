
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * URLs.  Stricter than ngx_parse_url(), which resolves names at once and knows
 * nothing of schemes: what is accepted here goes into request lines and Host
 * headers as it is.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_url.h"


static const char *ngx_mesh_url_host(u_char **pos, u_char *end,
    ngx_str_t *host);
static const char *ngx_mesh_url_literal6(u_char **pos, u_char *end,
    ngx_str_t *host);
static const char *ngx_mesh_url_port(u_char **pos, u_char *end,
    ngx_mesh_url_t *url);
static const char *ngx_mesh_url_path(u_char *p, u_char *end);
static ngx_int_t ngx_mesh_url_copy(ngx_pool_t *pool, ngx_mesh_url_t *url,
    ngx_str_t *authority);


const char *
ngx_mesh_url_parse(ngx_pool_t *pool, ngx_str_t *text, ngx_mesh_url_t *url)
{
    u_char      *p, *end;
    ngx_str_t    authority;
    const char  *error;

    ngx_memzero(url, sizeof(ngx_mesh_url_t));

    p = text->data;
    end = p + text->len;

    if (text->len > 7 && ngx_strncasecmp(p, (u_char *) "http://", 7) == 0) {
        p += 7;
        url->port = 80;

    } else if (text->len > 8
               && ngx_strncasecmp(p, (u_char *) "https://", 8) == 0)
    {
        p += 8;
        url->port = 443;
        url->tls = 1;

    } else {
        return "no \"http://\" or \"https://\"";
    }

    authority.data = p;

    error = ngx_mesh_url_host(&p, end, &url->host);

    if (error == NULL) {
        authority.len = p - authority.data;
        error = ngx_mesh_url_port(&p, end, url);
    }

    if (error == NULL) {
        error = ngx_mesh_url_path(p, end);
    }

    if (error) {
        return error;
    }

    url->path.data = p;
    url->path.len = end - p;

    return ngx_mesh_url_copy(pool, url, &authority) == NGX_OK ? NULL
                                                              : "no memory";
}


static const char *
ngx_mesh_url_host(u_char **pos, u_char *end, ngx_str_t *host)
{
    u_char  *p, c;

    if (**pos == '[') {
        return ngx_mesh_url_literal6(pos, end, host);
    }

    for (p = *pos; p < end; p++) {
        c = *p;

        if ((c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_') {
            continue;
        }

        c |= 0x20;

        if (c < 'a' || c > 'z') {
            break;
        }
    }

    host->data = *pos;
    host->len = p - *pos;

    if (host->len == 0 || host->len > 253) {
        return "no valid host";
    }

    *pos = p;

    return NULL;
}


static const char *
ngx_mesh_url_literal6(u_char **pos, u_char *end, ngx_str_t *host)
{
#if (NGX_HAVE_INET6)
    u_char           *p;
    struct in6_addr   addr;

    p = ngx_strlchr(*pos, end, ']');

    if (p) {
        host->data = *pos + 1;
        host->len = p - host->data;

        if (ngx_inet6_addr(host->data, host->len, addr.s6_addr) == NGX_OK) {
            *pos = p + 1;
            return NULL;
        }
    }
#endif

    return "no valid IPv6 address";
}


static const char *
ngx_mesh_url_port(u_char **pos, u_char *end, ngx_mesh_url_t *url)
{
    u_char     *p;
    ngx_int_t   n;

    if (*pos == end || **pos != ':') {
        return NULL;
    }

    for (p = *pos + 1; p < end && *p >= '0' && *p <= '9'; p++) { /* void */ }

    n = ngx_atoi(*pos + 1, p - *pos - 1);

    if (n < 1 || n > 65535) {
        return "no valid port";
    }

    url->port = (in_port_t) n;
    *pos = p;

    return NULL;
}


static const char *
ngx_mesh_url_path(u_char *p, u_char *end)
{
    if (p < end && *p != '/') {
        return "an invalid character after the host";
    }

    for ( /* void */ ; p < end; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '#' || *p == '"' || *p == '\\') {
            return "an invalid character in the path";
        }
    }

    return NULL;
}


static ngx_int_t
ngx_mesh_url_copy(ngx_pool_t *pool, ngx_mesh_url_t *url, ngx_str_t *authority)
{
    u_char  *p;

    p = ngx_pnalloc(pool, url->host.len + 1 + authority->len + sizeof(":65535")
                          + url->path.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(p, url->host.data, url->host.len + 1);
    url->host.data = p;
    p += url->host.len + 1;

    url->authority.data = p;
    p = ngx_cpymem(p, authority->data, authority->len);

    if (url->port != (url->tls ? 443 : 80)) {
        p = ngx_sprintf(p, ":%d", (int) url->port);
    }

    url->authority.len = p - url->authority.data;

    ngx_memcpy(p, url->path.data, url->path.len);
    url->path.data = p;

    return NGX_OK;
}
