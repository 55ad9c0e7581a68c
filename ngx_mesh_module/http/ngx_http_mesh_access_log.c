
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The access log of the spec, in the log phase: whether a request gets a line,
 * and the values that most formats ask for.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_mesh_access_log.h"
#include "ngx_mesh_log.h"
#include "ngx_mesh_log_file.h"


static ngx_int_t
    ngx_http_mesh_access_log_names(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_format_t *format);
static void ngx_http_mesh_access_log_name(
    ngx_http_mesh_access_log_line_t *line, ngx_mesh_log_format_t *format,
    ngx_table_elt_t *h);
static void ngx_http_mesh_access_log_write(ngx_mesh_log_t *log,
    ngx_mesh_log_file_t *file, ngx_http_mesh_access_log_line_t *line);
static void ngx_http_mesh_access_log_value(void *data,
    ngx_mesh_log_operand_t *operand, ngx_mesh_log_value_t *value);


void
ngx_http_mesh_access_log(ngx_http_request_t *r, ngx_http_mesh_ctx_t *ctx,
    ngx_http_mesh_outcome_t *o)
{
    ngx_mesh_log_t                   *log;
    ngx_mesh_log_file_t              *file;
    ngx_http_mesh_main_conf_t        *mmcf;
    ngx_http_mesh_access_log_line_t   line;

    log = ctx->snapshot ? ctx->snapshot->model->log : NULL;

    if (log == NULL) {
        return;
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mesh_module);

    if (!mmcf->log->used
        || !ngx_mesh_log_wanted(mmcf->log, o->status, o->duration,
                                ctx->trace && ctx->trace->trace.sampled))
    {
        return;
    }

    file = ngx_mesh_log_file_get(&log->path);

    if (file == NULL) {
        return;
    }

    line.request = r;
    line.ctx = ctx;
    line.outcome = o;

    if (log->format.nnames
        && ngx_http_mesh_access_log_names(&line, &log->format) != NGX_OK)
    {
        ngx_mesh_log_file_drop(file);
        return;
    }

    ngx_http_mesh_access_log_write(log, file, &line);
}


/*
 * One pass over the headers of the request for all that are asked for.  Of a
 * header that is there several times the first one counts, as in Envoy.
 */

static ngx_int_t
ngx_http_mesh_access_log_names(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_format_t *format)
{
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = format->nnames;
    line->headers = line->few;

    if (n > NGX_HTTP_MESH_ACCESS_LOG_FEW) {
        line->headers = ngx_palloc(line->request->pool,
                                   n * sizeof(ngx_table_elt_t *));
        if (line->headers == NULL) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < n; i++) {
        line->headers[i] = NULL;
    }

    for (part = &line->request->headers_in.headers.part;
         part;
         part = part->next)
    {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len
                && (format->mask
                    & ngx_mesh_log_name_bit(h[i].lowcase_key, h[i].key.len)))
            {
                ngx_http_mesh_access_log_name(line, format, &h[i]);
            }
        }
    }

    return NGX_OK;
}


static void
ngx_http_mesh_access_log_name(ngx_http_mesh_access_log_line_t *line,
    ngx_mesh_log_format_t *format, ngx_table_elt_t *h)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = format->names;

    for (i = 0; i < format->nnames; i++) {

        if (name[i].len == h->key.len
            && ngx_memcmp(name[i].data, h->lowcase_key, h->key.len) == 0)
        {
            if (line->headers[i] == NULL) {
                line->headers[i] = h;
            }

            return;
        }
    }
}


/* a line that is too long is written again with shorter values */

static void
ngx_http_mesh_access_log_write(ngx_mesh_log_t *log, ngx_mesh_log_file_t *file,
    ngx_http_mesh_access_log_line_t *line)
{
    u_char      *p, *last;
    ngx_uint_t   i;

    static size_t  cuts[] = { NGX_MAX_SIZE_T_VALUE, 1024, 256, 64 };

    p = ngx_mesh_log_file_room(file, &last);

    if (p == NULL) {
        return;
    }

    for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {

        p = ngx_mesh_log_format_write(&log->format, p, last, cuts[i],
                                      ngx_http_mesh_access_log_value, line);
        if (p) {
            ngx_mesh_log_file_add(file, p);
            return;
        }

        p = ngx_mesh_log_file_room(file, &last);
    }

    ngx_mesh_log_file_drop(file);
}


/* what the default format asks for, first */

static void
ngx_http_mesh_access_log_value(void *data, ngx_mesh_log_operand_t *operand,
    ngx_mesh_log_value_t *value)
{
    ngx_http_mesh_access_log_line_t *line = data;

    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = line->request;

    switch (operand->op) {

    case NGX_MESH_LOG_REQ:
        h = line->headers[operand->slot];
        break;

    case NGX_MESH_LOG_USER_AGENT:
        h = r->headers_in.user_agent;
        break;

    case NGX_MESH_LOG_FORWARDED_FOR:
        h = line->ctx->headers.forwarded_for;
        break;

    case NGX_MESH_LOG_REQUEST_ID:
        h = line->ctx->headers.request_id;

        /* one that was made here */

        if (h && h->value.data == line->ctx->headers.id) {
            ngx_http_mesh_access_log_plain(value, h->value);
            return;
        }

        break;

    case NGX_MESH_LOG_PATH:
        ngx_http_mesh_access_log_string(value, r->unparsed_uri);
        return;

    case NGX_MESH_LOG_METHOD:
        /* of HTTP/2 it may be anything */
        ngx_http_mesh_access_log_string(value, r->method_name);
        return;

    case NGX_MESH_LOG_AUTHORITY:
        ngx_http_mesh_host(r, &value->string);

        if (value->string.len) {
            value->type = NGX_MESH_LOG_VALUE_STRING;
        }

        return;

    case NGX_MESH_LOG_RESPONSE_FLAGS:
        ngx_http_mesh_access_log_flags(line, 0, value);
        return;

    case NGX_MESH_LOG_START_TIME:
        ngx_http_mesh_access_log_number(value, (int64_t) r->start_sec * 1000
                                               + r->start_msec);
        return;

    case NGX_MESH_LOG_RESPONSE_CODE:
        ngx_http_mesh_access_log_number(value, line->outcome->status);
        return;

    case NGX_MESH_LOG_BYTES_RECEIVED:
        ngx_http_mesh_access_log_number(value, line->outcome->received);
        return;

    case NGX_MESH_LOG_BYTES_SENT:
        ngx_http_mesh_access_log_number(value, line->outcome->sent);
        return;

    case NGX_MESH_LOG_DURATION:
        ngx_http_mesh_access_log_number(value, line->outcome->duration);
        return;

    case NGX_MESH_LOG_UPSTREAM_HOST:
        if (line->ctx->endpoint) {
            ngx_http_mesh_access_log_plain(value, line->ctx->endpoint->name);
        }

        return;

    default:
        ngx_http_mesh_access_log_other(line, operand, value);
        return;
    }

    if (h) {
        ngx_http_mesh_access_log_string(value, h->value);
    }
}
