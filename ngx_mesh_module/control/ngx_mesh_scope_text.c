
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The text of a proxy's document, of the resources that ngx_mesh_scope.c has
 * found.  Names and specs are copied as they are in the store.
 *
 * The version is a digest of all that follows it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_scan.h"
#include "ngx_mesh_scope_parts.h"
#include "ngx_mesh_sigv4.h"


#define NGX_MESH_SCOPE_HEAD  "{\"meshDocument\":1,\"version\":\""


static size_t ngx_mesh_scope_size(ngx_mesh_scope_ctx_t *ctx);
static u_char *ngx_mesh_scope_print_item(u_char *p, ngx_mesh_kind_e kind,
    ngx_mesh_scope_item_t *item);
static u_char *ngx_mesh_scope_print_member(u_char *p, const char *name,
    ngx_str_t *text);
static ngx_int_t ngx_mesh_scope_digest(u_char *version, u_char *data,
    size_t len);


/* as they come in a document */

static const ngx_mesh_kind_e  ngx_mesh_scope_sections[] = {
    NGX_MESH_KIND_VIRTUAL_SERVICE,
    NGX_MESH_KIND_VIRTUAL_ROUTER,
    NGX_MESH_KIND_ROUTE,
    NGX_MESH_KIND_VIRTUAL_NODE,
    NGX_MESH_KIND_VIRTUAL_GATEWAY,
    NGX_MESH_KIND_GATEWAY_ROUTE
};

#define NGX_MESH_SCOPE_SECTIONS                                               \
    (sizeof(ngx_mesh_scope_sections) / sizeof(ngx_mesh_scope_sections[0]))


ngx_int_t
ngx_mesh_scope_print(ngx_mesh_scope_ctx_t *ctx, ngx_mesh_scope_t *scope)
{
    u_char                 *p, *version;
    ngx_uint_t              i, k, n;
    ngx_mesh_kind_e         kind;
    ngx_mesh_scope_item_t  *item;

    scope->text = ngx_alloc(offsetof(ngx_mesh_scope_text_t, data)
                            + ngx_mesh_scope_size(ctx), ngx_cycle->log);
    if (scope->text == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(scope->text->data, NGX_MESH_SCOPE_HEAD,
                   sizeof(NGX_MESH_SCOPE_HEAD) - 1);
    version = p;
    p += NGX_MESH_SCOPE_VERSION_LEN;

    p = ngx_cpymem(p, "\",\"mesh\":", sizeof("\",\"mesh\":") - 1);
    p = ngx_mesh_scope_print_item(p, NGX_MESH_KIND_MESH,
                                  ctx->lists[NGX_MESH_KIND_MESH].elts);

    for (k = 0; k < NGX_MESH_SCOPE_SECTIONS; k++) {
        kind = ngx_mesh_scope_sections[k];

        p = ngx_sprintf(p, ",\"%s\":[", ngx_mesh_kinds[kind].list);

        item = ctx->lists[kind].elts;

        for (i = 0, n = 0; i < ctx->lists[kind].nelts; i++) {

            if (item[i].text.len == 0) {
                continue;
            }

            if (n++) {
                *p++ = ',';
            }

            p = ngx_mesh_scope_print_item(p, kind, &item[i]);
        }

        *p++ = ']';
    }

    *p++ = '}';

    scope->text->refs = 1;
    scope->text->len = p - scope->text->data;

    p = version + NGX_MESH_SCOPE_VERSION_LEN;

    if (ngx_mesh_scope_digest(version, p,
                              scope->text->data + scope->text->len - p)
        != NGX_OK)
    {
        ngx_mesh_scope_release(scope->text);
        scope->text = NULL;
        return NGX_ERROR;
    }

    ngx_memcpy(scope->version, version, NGX_MESH_SCOPE_VERSION_LEN);

    return NGX_OK;
}


/* enough: no item is longer than its text, which has metadata besides */

static size_t
ngx_mesh_scope_size(ngx_mesh_scope_ctx_t *ctx)
{
    size_t                  size;
    ngx_uint_t              i, k;
    ngx_mesh_scope_item_t  *item;

    size = sizeof(NGX_MESH_SCOPE_HEAD) + NGX_MESH_SCOPE_VERSION_LEN
           + sizeof("\",\"mesh\":}");

    for (k = 0; k < NGX_MESH_KINDS; k++) {
        size += ngx_strlen(ngx_mesh_kinds[k].list) + sizeof(",\"\":[]");

        item = ctx->lists[k].elts;

        for (i = 0; i < ctx->lists[k].nelts; i++) {
            size += item[i].text.len + sizeof("{\"\":,\"\":,\"spec\":{}},")
                    + 2 * sizeof("virtualGatewayName");
        }
    }

    return size;
}


/* names and spec as they are in the text */

static u_char *
ngx_mesh_scope_print_item(u_char *p, ngx_mesh_kind_e kind,
    ngx_mesh_scope_item_t *item)
{
    *p++ = '{';

    if (item->parent.len) {
        p = ngx_mesh_scope_print_member(p,
                          ngx_mesh_kinds[ngx_mesh_kinds[kind].parent].name,
                          &item->text);
        *p++ = ',';
    }

    p = ngx_mesh_scope_print_member(p, ngx_mesh_kinds[kind].name, &item->text);
    p = ngx_sprintf(p, ",\"spec\":%V}", &item->spec);

    return p;
}


static u_char *
ngx_mesh_scope_print_member(u_char *p, const char *name, ngx_str_t *text)
{
    ngx_str_t  value;

    if (ngx_mesh_scan_find(text, name, &value) != NGX_OK) {
        ngx_str_set(&value, "\"\"");
    }

    return ngx_sprintf(p, "\"%s\":%V", name, &value);
}


static ngx_int_t
ngx_mesh_scope_digest(u_char *version, u_char *data, size_t len)
{
    u_char     hex[NGX_MESH_SIGV4_HEX_LEN];
    ngx_str_t  text;

    text.data = data;
    text.len = len;

    if (ngx_mesh_sigv4_hash(&text, hex) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(version, hex, NGX_MESH_SCOPE_VERSION_LEN);

    return NGX_OK;
}


void
ngx_mesh_scope_release(ngx_mesh_scope_text_t *text)
{
    if (text && --text->refs == 0) {
        ngx_free(text);
    }
}
