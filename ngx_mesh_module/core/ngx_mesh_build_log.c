
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The access log of this proxy.  Only its own is compiled: a wrong format of
 * another node is a matter of that one's proxies.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_build.h"
#include "ngx_mesh_log_format.h"


static ngx_int_t ngx_mesh_build_log_format(ngx_mesh_build_t *b,
    ngx_mesh_json_t *format, ngx_mesh_log_format_t *dst);
static ngx_int_t ngx_mesh_build_log_json(ngx_mesh_build_t *b,
    ngx_mesh_json_t *list, ngx_mesh_log_format_t *dst);
static ngx_int_t ngx_mesh_build_log_wrong(ngx_mesh_build_t *b, ngx_int_t rc,
    ngx_mesh_json_t *value, ngx_str_t *error);


ngx_int_t
ngx_mesh_build_log(ngx_mesh_build_t *b, ngx_mesh_json_t *spec)
{
    ngx_str_t        *path;
    ngx_mesh_log_t   *log;
    ngx_mesh_json_t  *file;

    file = ngx_mesh_rules_find(spec, "logging.accessLog.file");

    if (file == NULL) {
        return NGX_OK;
    }

    log = ngx_pcalloc(b->pool, sizeof(ngx_mesh_log_t));
    if (log == NULL) {
        return NGX_ERROR;
    }

    path = &ngx_mesh_rules_find(file, "path")->u.string;

    if (path->len == 0 || ngx_strlchr(path->data, path->data + path->len, 0)) {
        return ngx_mesh_rules_violation(&b->rules,
                                        ngx_mesh_rules_find(file, "path"),
                                        "must be the name of a file");
    }

    log->path.len = path->len;
    log->path.data = ngx_pnalloc(b->pool, path->len + 1);

    if (log->path.data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(log->path.data, path->data, path->len) = '\0';

    b->model->log = log;

    return ngx_mesh_build_log_format(b, ngx_mesh_rules_find(file, "format"),
                                     &log->format);
}


static ngx_int_t
ngx_mesh_build_log_format(ngx_mesh_build_t *b, ngx_mesh_json_t *format,
    ngx_mesh_log_format_t *dst)
{
    ngx_str_t         error, *text;
    ngx_int_t         rc;
    ngx_mesh_json_t  *value;

    value = ngx_mesh_rules_find(format, "json");

    if (value) {
        return ngx_mesh_build_log_json(b, value, dst);
    }

    value = ngx_mesh_rules_find(format, "text");
    text = value ? &value->u.string : &ngx_mesh_log_format_default;

    rc = ngx_mesh_log_format_text(dst, b->pool, text, &error);

    return ngx_mesh_build_log_wrong(b, rc, value, &error);
}


static ngx_int_t
ngx_mesh_build_log_json(ngx_mesh_build_t *b, ngx_mesh_json_t *list,
    ngx_mesh_log_format_t *dst)
{
    ngx_int_t         rc;
    ngx_str_t         error;
    ngx_uint_t        i, n, wrong;
    ngx_keyval_t     *members;
    ngx_mesh_json_t  *value;

    n = list->nelts;

    members = ngx_palloc(b->temp, (n + 1) * sizeof(ngx_keyval_t));
    if (members == NULL) {
        return NGX_ERROR;
    }

    i = 0;

    for (value = ngx_mesh_rules_first(list); value; value = value->next) {
        members[i].key = ngx_mesh_rules_find(value, "key")->u.string;
        members[i].value = ngx_mesh_rules_find(value, "value")->u.string;
        i++;
    }

    wrong = 0;

    rc = ngx_mesh_log_format_json(dst, b->pool, members, n, &wrong, &error);

    value = ngx_mesh_rules_first(list);

    for (i = 0; i < wrong; i++) {
        value = value->next;
    }

    return ngx_mesh_build_log_wrong(b, rc, ngx_mesh_rules_find(value, "value"),
                                    &error);
}


static ngx_int_t
ngx_mesh_build_log_wrong(ngx_mesh_build_t *b, ngx_int_t rc,
    ngx_mesh_json_t *value, ngx_str_t *error)
{
    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_mesh_rules_violation(&b->rules, value, "%V", error);
}
