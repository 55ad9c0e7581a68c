
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * TEMPORARY: weak definitions of what is not there yet, so that the module can
 * be loaded; to be removed with the last of them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_mesh_control.h"
#include "ngx_mesh_appmesh.h"
#include "ngx_mesh_proxies.h"


#define WEAK  __attribute__((weak))


WEAK ngx_mesh_store_t *ngx_mesh_store_create(ngx_conf_t *cf, ngx_str_t *url)
{ return NULL; }

WEAK ngx_int_t ngx_mesh_store_prepare(ngx_cycle_t *cycle, ngx_mesh_store_t *store)
{ return NGX_ERROR; }

WEAK void ngx_mesh_store_open(ngx_cycle_t *cycle, ngx_mesh_store_t *store)
{  }

WEAK void ngx_mesh_store_close(ngx_mesh_store_t *store)
{  }

WEAK void ngx_mesh_store_read(ngx_mesh_store_t *store, ngx_mesh_store_read_t *read)
{  }

WEAK ngx_mesh_store_snapshot_t *ngx_mesh_store_snapshot(ngx_mesh_store_t *store)
{ return NULL; }

WEAK void ngx_mesh_store_release(ngx_mesh_store_t *store, ngx_mesh_store_snapshot_t *snapshot)
{  }

WEAK void ngx_mesh_store_write(ngx_mesh_store_t *store, ngx_mesh_store_write_t *write)
{  }

WEAK void ngx_mesh_store_watch(ngx_mesh_store_t *store, ngx_mesh_store_watch_pt handler, void *data)
{  }

WEAK void ngx_mesh_store_poll(ngx_mesh_store_t *store)
{  }

WEAK ngx_str_t *ngx_mesh_store_id(ngx_mesh_store_t *store)
{ return NULL; }

WEAK ngx_uint_t ngx_mesh_store_is_sync(ngx_mesh_store_t *store)
{ return 0; }

WEAK ngx_mesh_view_t *ngx_mesh_view_create(ngx_pool_t *pool, ngx_mesh_store_t *store)
{ return NULL; }

WEAK void ngx_mesh_view_close(ngx_mesh_view_t *view)
{  }

WEAK ngx_int_t ngx_mesh_view_get(ngx_mesh_view_t *view, ngx_str_t *key, ngx_mesh_store_entry_t **entry)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_view_list(ngx_mesh_view_t *view, ngx_str_t *prefix, ngx_str_t *after, ngx_uint_t limit, ngx_mesh_store_item_t **item)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_view_count(ngx_mesh_view_t *view, ngx_str_t *prefix, ngx_uint_t *count)
{ return NGX_ERROR; }

WEAK void ngx_mesh_view_fetch(ngx_mesh_view_t *view, ngx_mesh_view_handler_pt handler, void *data)
{  }

WEAK ngx_mesh_store_error_e ngx_mesh_view_error(ngx_mesh_view_t *view)
{ return NGX_MESH_STORE_FAILED; }

WEAK uint64_t ngx_mesh_view_revision(ngx_mesh_view_t *view)
{ return 0; }

WEAK ngx_mesh_json_t *ngx_mesh_view_json(ngx_mesh_view_t *view, ngx_mesh_store_entry_t *entry, size_t offset)
{ return NULL; }

WEAK ngx_int_t ngx_mesh_view_dependencies(ngx_mesh_view_t *view, ngx_mesh_view_dependency_t **dependencies, ngx_uint_t *n)
{ return NGX_ERROR; }

WEAK ngx_mesh_store_write_t *ngx_mesh_view_write(ngx_mesh_view_t *view)
{ return NULL; }

WEAK ngx_mesh_keys_t *ngx_mesh_keys_read(ngx_pool_t *pool, ngx_str_t *path, ngx_str_t *account, ngx_log_t *log, ngx_str_t *error)
{ return NULL; }

WEAK void ngx_mesh_keys_free(ngx_mesh_keys_t *keys)
{  }

WEAK ngx_mesh_key_t *ngx_mesh_keys_find(ngx_mesh_keys_t *keys, ngx_str_t *id)
{ return NULL; }

WEAK ngx_uint_t ngx_mesh_keys_may_proxy(ngx_mesh_key_t *key, ngx_str_t *resource)
{ return 0; }

WEAK ngx_int_t ngx_http_mesh_control_error(ngx_http_mesh_control_ctx_t *ctx, const ngx_mesh_error_t *error, const char *fmt, ...)
{ return NGX_ERROR; }

WEAK ngx_str_t *ngx_http_mesh_control_input(ngx_http_mesh_control_ctx_t *ctx, const char *name)
{ return NULL; }

WEAK void ngx_http_mesh_control_send(ngx_http_mesh_control_ctx_t *ctx, ngx_uint_t status, const char *content_type, ngx_chain_t *chain, off_t length)
{  }

WEAK void ngx_http_mesh_control_send_error(ngx_http_mesh_control_ctx_t *ctx)
{  }

WEAK void ngx_http_mesh_control_store_error(ngx_http_mesh_control_ctx_t *ctx, ngx_mesh_store_error_e error)
{  }

WEAK ngx_int_t ngx_http_mesh_control_add_header(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_validate(ngx_pool_t *pool, const ngx_mesh_shape_t *shape, ngx_mesh_json_t *input, ngx_str_t *message)
{ return NGX_ERROR; }

WEAK char *ngx_http_mesh_control_auth_init(ngx_conf_t *cf, ngx_http_mesh_control_loc_conf_t *lcf)
{ return NULL; }

WEAK void ngx_http_mesh_control_auth_open(ngx_cycle_t *cycle)
{  }

WEAK void ngx_http_mesh_control_auth_close(void)
{  }

WEAK ngx_int_t ngx_http_mesh_control_auth_check(ngx_http_mesh_control_ctx_t *ctx)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_http_mesh_control_auth_allow(ngx_http_mesh_control_ctx_t *ctx)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_id_key(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *key)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_id_prefix(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *prefix)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_id_of_key(ngx_str_t *key, ngx_mesh_id_t *id)
{ return NGX_ERROR; }

WEAK void ngx_mesh_id_sibling(ngx_mesh_id_t *id, ngx_mesh_kind_e kind, ngx_str_t *parent, ngx_str_t *name, ngx_mesh_id_t *sibling)
{  }

WEAK ngx_int_t ngx_mesh_id_arn(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *region, ngx_str_t *account, ngx_str_t *arn)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_id_referrers(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *prefix)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_id_reference(ngx_pool_t *pool, ngx_mesh_id_t *to, ngx_mesh_id_t *from, ngx_str_t *key)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_id_of_reference(ngx_str_t *key, ngx_mesh_id_t *from)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_record_get(ngx_mesh_view_t *view, ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_mesh_record_t *record)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_record_text(ngx_mesh_view_t *view, ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_str_t *text)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_record_of_entry(ngx_mesh_view_t *view, ngx_mesh_store_entry_t *entry, ngx_mesh_record_t *record)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_check_spec(ngx_mesh_check_t *check, ngx_mesh_json_t *spec)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_check_put(ngx_mesh_check_t *check, ngx_mesh_json_t *spec, ngx_mesh_json_t *old)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_check_delete(ngx_mesh_check_t *check)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_references(ngx_pool_t *pool, ngx_mesh_id_t *id, ngx_mesh_json_t *spec, ngx_array_t *targets)
{ return NGX_ERROR; }

WEAK ngx_int_t ngx_mesh_fill_defaults(ngx_pool_t *pool, ngx_mesh_kind_e kind, ngx_mesh_json_t *spec)
{ return NGX_ERROR; }

WEAK const ngx_mesh_error_t  ngx_mesh_error_bad_request = { "BadRequestException", 400 };
WEAK const ngx_mesh_error_t  ngx_mesh_error_conflict = { "ConflictException", 409 };
WEAK const ngx_mesh_error_t  ngx_mesh_error_forbidden = { "ForbiddenException", 403 };
WEAK const ngx_mesh_error_t  ngx_mesh_error_internal = { "InternalServerErrorException", 500 };
WEAK const ngx_mesh_error_t  ngx_mesh_error_limit_exceeded = { "LimitExceededException", 400 };
WEAK const ngx_mesh_error_t  ngx_mesh_error_not_found = { "NotFoundException", 404 };
WEAK const ngx_mesh_error_t  ngx_mesh_error_resource_in_use = { "ResourceInUseException", 409 };
WEAK const ngx_mesh_error_t  ngx_mesh_error_unavailable = { "ServiceUnavailableException", 503 };
WEAK const ngx_mesh_error_t  ngx_mesh_error_too_many_requests = { "TooManyRequestsException", 429 };
WEAK const ngx_mesh_error_t  ngx_mesh_error_too_many_tags = { "TooManyTagsException", 400 };
WEAK const ngx_mesh_error_t  ngx_mesh_error_unknown_operation = { "UnknownOperationException", 404 };

WEAK const ngx_mesh_kind_t  ngx_mesh_kinds[NGX_MESH_KINDS];
WEAK const ngx_mesh_service_t  *ngx_mesh_services[] = { NULL };
WEAK const ngx_mesh_service_t  ngx_mesh_service_appmesh;
WEAK const ngx_mesh_service_t  ngx_mesh_service_document;

static ngx_core_module_t  stub_ctx = { ngx_string("mesh_store"), NULL, NULL };

WEAK ngx_module_t  ngx_mesh_store_module = {
    NGX_MODULE_V1, &stub_ctx, NULL, NGX_CORE_MODULE, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NGX_MODULE_V1_PADDING
};

static ngx_http_module_t  stub_http_ctx = {
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
};

WEAK ngx_module_t  ngx_http_mesh_control_module = {
    NGX_MODULE_V1, &stub_http_ctx, NULL, NGX_HTTP_MODULE, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NGX_MODULE_V1_PADDING
};
