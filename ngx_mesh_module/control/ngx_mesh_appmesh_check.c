
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Checks of App Mesh resources: what a spec has to be by itself, and what the
 * other checks share.  What the rules refuse here, the loader of a proxy would
 * refuse (core/ngx_mesh_build_section.c): what is stored can be loaded.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_check.h"


#define NGX_MESH_CHECK_MESSAGE  4096

/* bytes of a string that a proxy takes, see ngx_mesh_loader_conf(); the model
   leaves some without a bound */
#define NGX_MESH_CHECK_STRING   65536


static ngx_int_t ngx_mesh_check_name(ngx_mesh_check_t *check,
    ngx_mesh_rules_t *rules);
static ngx_int_t ngx_mesh_check_kind(ngx_mesh_rules_t *rules,
    ngx_mesh_kind_e kind, ngx_mesh_json_t *spec);
static ngx_int_t ngx_mesh_check_strings(ngx_mesh_rules_t *rules,
    ngx_mesh_json_t *value);
static ngx_int_t ngx_mesh_check_rules_error(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason);


ngx_int_t
ngx_mesh_check_spec(ngx_mesh_check_t *check, ngx_mesh_json_t *spec)
{
    ngx_int_t               rc;
    ngx_mesh_check_rules_t  cr;

    if (ngx_mesh_check_rules_init(check, &cr) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mesh_check_name(check, &cr.rules);

    if (rc == NGX_OK) {
        rc = ngx_mesh_check_strings(&cr.rules, spec);
    }

    if (rc == NGX_OK) {
        rc = ngx_mesh_check_kind(&cr.rules, check->id->kind->kind, spec);
    }

    return ngx_mesh_check_rules_done(check, &cr, rc, NULL);
}


/* the names come from the URI or from beside the spec */

static ngx_int_t
ngx_mesh_check_name(ngx_mesh_check_t *check, ngx_mesh_rules_t *rules)
{
    ngx_mesh_json_t  *root, *name;

    root = ngx_mesh_json_add(check->pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    if (root == NULL) {
        return NGX_ERROR;
    }

    name = ngx_mesh_json_add_string(check->pool, root, check->id->kind->name,
                                    &check->id->name);
    if (name == NULL) {
        return NGX_ERROR;
    }

    if (check->id->kind->kind == NGX_MESH_KIND_VIRTUAL_SERVICE) {
        return ngx_mesh_rules_service_name(rules, name);
    }

    return ngx_mesh_rules_name(rules, name);
}


static ngx_int_t
ngx_mesh_check_kind(ngx_mesh_rules_t *rules, ngx_mesh_kind_e kind,
    ngx_mesh_json_t *spec)
{
    switch (kind) {

    case NGX_MESH_KIND_VIRTUAL_NODE:
        return ngx_mesh_rules_virtual_node(rules, spec, 0);

    case NGX_MESH_KIND_VIRTUAL_ROUTER:
        return ngx_mesh_rules_virtual_router(rules, spec);

    case NGX_MESH_KIND_ROUTE:
        return ngx_mesh_rules_route(rules, spec);

    case NGX_MESH_KIND_VIRTUAL_GATEWAY:
        return ngx_mesh_rules_virtual_gateway(rules, spec);

    case NGX_MESH_KIND_GATEWAY_ROUTE:
        return ngx_mesh_rules_gateway_route(rules, spec);

    default: /* their shapes say all */
        return NGX_OK;
    }
}


/* the recursion is as deep as the shapes are */

static ngx_int_t
ngx_mesh_check_strings(ngx_mesh_rules_t *rules, ngx_mesh_json_t *value)
{
    ngx_int_t         rc;
    ngx_mesh_json_t  *v;

    switch (value->type) {

    case NGX_MESH_JSON_STRING:

        if (value->u.string.len > NGX_MESH_CHECK_STRING) {
            return ngx_mesh_rules_violation(rules, value,
                                            "must have at most %d bytes",
                                            NGX_MESH_CHECK_STRING);
        }

        return NGX_OK;

    case NGX_MESH_JSON_ARRAY:
    case NGX_MESH_JSON_OBJECT:

        for (v = value->u.child.first; v; v = v->next) {
            rc = ngx_mesh_check_strings(rules, v);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        return NGX_OK;

    default:
        return NGX_OK;
    }
}


ngx_int_t
ngx_mesh_check_fail(ngx_mesh_check_t *check, const ngx_mesh_error_t *error,
    const char *fmt, ...)
{
    u_char   *p, buf[NGX_MESH_CHECK_MESSAGE];
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    if (p == buf + sizeof(buf)) {

        /* it was cut, but not within a character of a name */

        while (p > buf && (p[-1] & 0x80)) {
            p--;
        }
    }

    check->error = error;
    check->message.len = p - buf;

    check->message.data = ngx_pnalloc(check->pool, check->message.len);
    if (check->message.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(check->message.data, buf, check->message.len);

    return NGX_DECLINED;
}


ngx_int_t
ngx_mesh_check_rules_init(ngx_mesh_check_t *check, ngx_mesh_check_rules_t *cr)
{
    ngx_memzero(cr, sizeof(ngx_mesh_check_rules_t));

    cr->rules.pool = check->pool;
    cr->rules.error = ngx_mesh_check_rules_error;
    cr->rules.data = cr;
    cr->rules.regex = 1;
    cr->rules.all = 1;

    return ngx_mesh_violations_init(&cr->violations, check->pool);
}


static ngx_int_t
ngx_mesh_check_rules_error(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason)
{
    ngx_mesh_check_rules_t *cr = data;

    if (ngx_mesh_violations_add(&cr->violations, value, NULL, reason)
        != NGX_OK)
    {
        cr->rc = NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_check_rules_done(ngx_mesh_check_t *check, ngx_mesh_check_rules_t *cr,
    ngx_int_t rc, ngx_mesh_id_t *who)
{
    ngx_str_t  message;

    if (rc == NGX_ERROR || cr->rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (cr->violations.n == 0) {
        return rc;
    }

    if (ngx_mesh_violations_message(&cr->violations, &message) != NGX_OK) {
        return NGX_ERROR;
    }

    if (who == NULL) {
        check->error = &ngx_mesh_error_bad_request;
        check->message = message;

        return NGX_DECLINED;
    }

    return ngx_mesh_check_fail(check, &ngx_mesh_error_bad_request,
                               "%s with name %V does not allow this change "
                               "of %s with name %V: %V",
                               who->kind->title, &who->name,
                               check->id->kind->title, &check->id->name,
                               &message);
}


ngx_int_t
ngx_mesh_check_get(ngx_mesh_check_t *check, ngx_mesh_id_t *id,
    ngx_mesh_record_t *record)
{
    ngx_int_t  rc;

    rc = ngx_mesh_record_get(check->view, check->pool, id, record);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_mesh_check_fail(check, &ngx_mesh_error_not_found,
                               "%s with name %V is not present under mesh %V "
                               "for account %V",
                               id->kind->title, &id->name, &id->mesh,
                               &check->account);
}


ngx_int_t
ngx_mesh_check_referrers(ngx_mesh_check_t *check, ngx_mesh_id_t *id,
    ngx_mesh_kind_e kind, ngx_uint_t limit, ngx_mesh_store_item_t **item)
{
    u_char      *p;
    size_t       len;
    ngx_str_t    prefix, referrers;
    const char  *segment;

    if (ngx_mesh_id_referrers(check->pool, id, &referrers) != NGX_OK) {
        return NGX_ERROR;
    }

    segment = ngx_mesh_kinds[kind].segment;
    len = referrers.len + ngx_strlen(segment) + 1;

    prefix.data = ngx_pnalloc(check->pool, len);
    if (prefix.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(prefix.data, "%V%s/", &referrers, segment);

    prefix.len = p - prefix.data;

    return ngx_mesh_view_list(check->view, &prefix, NULL, limit, item);
}


ngx_int_t
ngx_mesh_check_children(ngx_mesh_check_t *check, ngx_mesh_id_t *id,
    ngx_mesh_kind_e kind, ngx_uint_t limit, ngx_mesh_store_item_t **item)
{
    ngx_str_t      prefix;
    ngx_mesh_id_t  child;

    ngx_mesh_id_sibling(id, kind,
                        (id->kind->kind == NGX_MESH_KIND_MESH) ? NULL
                                                               : &id->name,
                        NULL, &child);

    if (ngx_mesh_id_prefix(check->pool, &child, &prefix) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mesh_view_list(check->view, &prefix, NULL, limit, item);
}
