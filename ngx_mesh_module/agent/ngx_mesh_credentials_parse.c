
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The texts that credentials come in: the credentials file of the AWS tools
 * and the answer of a container's endpoint.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_credentials.h"
#include "ngx_mesh_json.h"


static void ngx_mesh_credentials_trim(ngx_str_t *text);
static void ngx_mesh_credentials_set(ngx_mesh_sigv4_credentials_t *credentials,
    ngx_str_t *line);
static ngx_str_t ngx_mesh_credentials_member(ngx_mesh_json_t *root,
    const char *name);
static time_t ngx_mesh_credentials_time(ngx_str_t *text);


ngx_int_t
ngx_mesh_credentials_profile(ngx_str_t *text, ngx_str_t *profile,
    ngx_mesh_sigv4_credentials_t *credentials)
{
    u_char      *p, *last, *end;
    ngx_str_t    line;
    ngx_uint_t   inside, found;

    ngx_memzero(credentials, sizeof(ngx_mesh_sigv4_credentials_t));

    inside = 0;
    found = 0;
    p = text->data;
    last = p + text->len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, LF);
        if (end == NULL) {
            end = last;
        }

        line.data = p;
        line.len = end - p;
        ngx_mesh_credentials_trim(&line);

        if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';') {
            continue;
        }

        if (line.data[0] == '[' && line.data[line.len - 1] == ']') {
            line.data++;
            line.len -= 2;
            ngx_mesh_credentials_trim(&line);

            inside = (line.len == profile->len
                      && ngx_memcmp(line.data, profile->data, line.len) == 0);
            found |= inside;

        } else if (inside) {
            ngx_mesh_credentials_set(credentials, &line);
        }
    }

    if (!found) {
        return NGX_DECLINED;
    }

    return (credentials->access_key.len && credentials->secret.len) ? NGX_OK
                                                                    : NGX_ERROR;
}


static void
ngx_mesh_credentials_trim(ngx_str_t *text)
{
    while (text->len && (text->data[0] == ' ' || text->data[0] == '\t')) {
        text->data++;
        text->len--;
    }

    while (text->len
           && (text->data[text->len - 1] == ' '
               || text->data[text->len - 1] == '\t'
               || text->data[text->len - 1] == CR))
    {
        text->len--;
    }
}


static void
ngx_mesh_credentials_set(ngx_mesh_sigv4_credentials_t *credentials,
    ngx_str_t *line)
{
    u_char      *eq;
    ngx_str_t    name, value;
    ngx_uint_t   i;

    struct {
        ngx_str_t   name;
        ngx_str_t  *value;
    } members[] = {
        { ngx_string("aws_access_key_id"), &credentials->access_key },
        { ngx_string("aws_secret_access_key"), &credentials->secret },
        { ngx_string("aws_session_token"), &credentials->token }
    };

    eq = ngx_strlchr(line->data, line->data + line->len, '=');
    if (eq == NULL) {
        return;
    }

    name.data = line->data;
    name.len = eq - line->data;
    ngx_mesh_credentials_trim(&name);

    value.data = eq + 1;
    value.len = line->data + line->len - value.data;
    ngx_mesh_credentials_trim(&value);

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {

        if (name.len == members[i].name.len
            && ngx_strncasecmp(name.data, members[i].name.data, name.len) == 0)
        {
            *members[i].value = value;
        }
    }
}


ngx_int_t
ngx_mesh_credentials_answer(ngx_pool_t *pool, ngx_str_t *text,
    ngx_mesh_sigv4_credentials_t *credentials, time_t *expires,
    ngx_str_t *error)
{
    ngx_str_t         expiration;
    ngx_mesh_json_t  *root;

    static ngx_mesh_json_limits_t  limits = {
        NGX_MESH_CREDENTIALS_MAX, NGX_MESH_CREDENTIALS_MAX, 8, 100
    };

    root = ngx_mesh_json_parse(pool, &limits, text, error);
    if (root == NULL) {
        return NGX_ERROR;
    }

    credentials->access_key = ngx_mesh_credentials_member(root, "AccessKeyId");
    credentials->secret = ngx_mesh_credentials_member(root, "SecretAccessKey");
    credentials->token = ngx_mesh_credentials_member(root, "Token");
    expiration = ngx_mesh_credentials_member(root, "Expiration");

    if (credentials->access_key.len == 0 || credentials->secret.len == 0) {
        ngx_str_set(error, "there is no \"AccessKeyId\" or "
                           "\"SecretAccessKey\" in it");
        return NGX_ERROR;
    }

    *expires = 0;

    if (expiration.len) {
        *expires = ngx_mesh_credentials_time(&expiration);

        if (*expires == NGX_ERROR) {
            ngx_str_set(error, "its \"Expiration\" is no time");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a string, or an empty one */

static ngx_str_t
ngx_mesh_credentials_member(ngx_mesh_json_t *root, const char *name)
{
    ngx_str_t         value;
    ngx_mesh_json_t  *v;

    ngx_str_null(&value);

    v = ngx_mesh_json_get(root, name);

    if (v && v->type == NGX_MESH_JSON_STRING) {
        value = v->u.string;
    }

    return value;
}


/* "2026-09-30T12:00:00Z", possibly with a fraction of a second */

static time_t
ngx_mesh_credentials_time(ngx_str_t *text)
{
    u_char      *p, *last, date[NGX_MESH_SIGV4_DATE_LEN];
    ngx_str_t    basic;
    ngx_uint_t   n;

    last = text->data + text->len;

    if (text->len == 0 || last[-1] != 'Z') {
        return NGX_ERROR;
    }

    n = 0;

    for (p = text->data; p < last - 1 && *p != '.'; p++) {

        if (*p == '-' || *p == ':') {
            continue;
        }

        if (n == sizeof(date) - 1) {
            return NGX_ERROR;
        }

        date[n++] = *p;
    }

    date[n++] = 'Z';

    basic.data = date;
    basic.len = n;

    return ngx_mesh_sigv4_time(&basic);
}
