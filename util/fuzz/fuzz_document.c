
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * A libFuzzer target for all that a control plane can send to a proxy: the
 * reader, the shapes, the rules and the making of a model.  Each input is
 *
 *     - read in two parts, printed, and read again, which must give the same
 *     - loaded as a whole, and for the first virtual node and gateway in it,
 *       at once and step by step, which must give the same
 *
 * Everything is freed each time, so the leak check of ASan sees the end of
 * every input.  What nginx needs of a process is set up once.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <nginx.h>

#include "ngx_mesh_json.h"
#include "ngx_mesh_document.h"


static void fuzz_reader(ngx_str_t *text, ngx_uint_t cut);
static ngx_mesh_json_t *fuzz_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_uint_t cut);
static void fuzz_loader(ngx_str_t *text, ngx_mesh_resource_type_e type,
    ngx_str_t *name);
static ngx_int_t fuzz_load(ngx_mesh_loader_conf_t *conf, ngx_str_t *text,
    ngx_uint_t units, ngx_str_t *error);
static void fuzz_resource(ngx_mesh_json_t *root, const char *list,
    const char *member, ngx_str_t *name);

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u_char *data, size_t size);


static ngx_log_t                fuzz_log;
static ngx_open_file_t          fuzz_file;
static ngx_cycle_t              fuzz_cycle;

/* text, string or name, depth, values */
static ngx_mesh_json_limits_t   fuzz_limits = { 1 << 20, 1 << 16, 48, 100000 };


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_file.fd = ngx_open_file("/dev/null", NGX_FILE_WRONLY,
                                 NGX_FILE_CREATE_OR_OPEN, 0);
    fuzz_log.file = &fuzz_file;
    fuzz_log.log_level = NGX_LOG_EMERG;

    ngx_pagesize = getpagesize();
    ngx_cacheline_size = 64;
    ngx_pid = ngx_getpid();

    fuzz_cycle.log = &fuzz_log;
    fuzz_cycle.pool = ngx_create_pool(4096, &fuzz_log);
    ngx_cycle = &fuzz_cycle;

    ngx_time_init();

    if (fuzz_cycle.pool == NULL || ngx_crc32_table_init() != NGX_OK) {
        abort();
    }

    return 0;
}


int
LLVMFuzzerTestOneInput(const u_char *data, size_t size)
{
    ngx_str_t         text, error, node, gateway;
    ngx_pool_t       *pool;
    ngx_mesh_json_t  *root;

    text.data = (u_char *) data;
    text.len = size;

    fuzz_reader(&text, size ? (data[size - 1] * 31) % size : 0);

    ngx_str_null(&node);
    ngx_str_null(&gateway);

    fuzz_loader(&text, NGX_MESH_RESOURCE_NONE, &node);

    pool = ngx_create_pool(4096, &fuzz_log);
    root = ngx_mesh_json_parse(pool, &fuzz_limits, &text, &error);

    if (root) {
        fuzz_resource(root, "virtualNodes", "virtualNodeName", &node);
        fuzz_resource(root, "virtualGateways", "virtualGatewayName", &gateway);

        fuzz_loader(&text, NGX_MESH_RESOURCE_VIRTUAL_NODE, &node);
        fuzz_loader(&text, NGX_MESH_RESOURCE_VIRTUAL_GATEWAY, &gateway);
    }

    ngx_destroy_pool(pool);

    return 0;
}


static void
fuzz_reader(ngx_str_t *text, ngx_uint_t cut)
{
    ngx_str_t         once, twice;
    ngx_pool_t       *pool;
    ngx_mesh_json_t  *root;

    pool = ngx_create_pool(4096, &fuzz_log);

    root = fuzz_read(pool, text, cut);

    if ((root == NULL) != (fuzz_read(pool, text, 0) == NULL)) {
        abort();
    }

    if (root) {
        (void) ngx_mesh_json_print(pool, root, &once);

        /* escapes may make it longer than the limit */

        if (once.len <= fuzz_limits.size) {
            root = fuzz_read(pool, &once, 0);

            if (root == NULL
                || ngx_mesh_json_print(pool, root, &twice) != NGX_OK
                || once.len != twice.len
                || ngx_memcmp(once.data, twice.data, once.len) != 0)
            {
                abort();
            }
        }
    }

    ngx_destroy_pool(pool);
}


static ngx_mesh_json_t *
fuzz_read(ngx_pool_t *pool, ngx_str_t *text, ngx_uint_t cut)
{
    ngx_mesh_json_t         *root;
    ngx_mesh_json_reader_t  *rd;

    root = NULL;

    rd = ngx_mesh_json_reader_create(pool, &fuzz_limits);

    if (ngx_mesh_json_reader_feed(rd, text->data, cut) == NGX_OK
        && ngx_mesh_json_reader_feed(rd, text->data + cut, text->len - cut)
           == NGX_OK)
    {
        root = ngx_mesh_json_reader_done(rd);
    }

    if (root == NULL && ngx_mesh_json_reader_error(rd)->len == 0) {
        abort();
    }

    ngx_mesh_json_reader_free(rd);

    return root;
}


static void
fuzz_loader(ngx_str_t *text, ngx_mesh_resource_type_e type, ngx_str_t *name)
{
    u_char                   buf[512];
    ngx_int_t                rc;
    ngx_str_t                error, again;
    ngx_mesh_loader_conf_t   conf;

    ngx_memzero(&conf, sizeof(ngx_mesh_loader_conf_t));

    conf.resource_type = type;
    conf.resource = *name;
    conf.limits = fuzz_limits;
    conf.log = &fuzz_log;

    error.data = buf;
    error.len = sizeof(buf) / 2;
    again.data = buf + sizeof(buf) / 2;
    again.len = sizeof(buf) / 2;

    rc = fuzz_load(&conf, text, 0, &error);

    if (fuzz_load(&conf, text, 3, &again) != rc
        || (rc == NGX_ERROR
            && (error.len == 0 || error.len != again.len
                || ngx_memcmp(error.data, again.data, error.len) != 0)))
    {
        abort();
    }
}


/* "error" is a buffer of its length, which becomes that of the message */

static ngx_int_t
fuzz_load(ngx_mesh_loader_conf_t *conf, ngx_str_t *text, ngx_uint_t units,
    ngx_str_t *error)
{
    ngx_int_t           rc;
    ngx_str_t          *message, path;
    ngx_mesh_model_t   *model;
    ngx_mesh_loader_t  *ld;

    model = NULL;

    ld = ngx_mesh_loader_create(conf, text);

    do {
        rc = ngx_mesh_loader_step(ld, units);
    } while (rc == NGX_AGAIN);

    (void) ngx_mesh_loader_unknown(ld, &path);

    if (rc == NGX_OK) {
        error->len = 0;

        /* half of the models outlive their loader */

        if (text->len & 1) {
            model = ngx_mesh_loader_model(ld);
        }

    } else {
        message = ngx_mesh_loader_error(ld);
        error->len = ngx_min(error->len, message->len);
        ngx_memcpy(error->data, message->data, error->len);
    }

    ngx_mesh_loader_free(ld);

    if (model) {
        ngx_mesh_pool_destroy(model->pool);
    }

    return rc;
}


/* the name of the first resource of a list, if it has one */

static void
fuzz_resource(ngx_mesh_json_t *root, const char *list, const char *member,
    ngx_str_t *name)
{
    ngx_mesh_json_t  *v;

    v = ngx_mesh_json_get(root, list);

    if (v && v->type == NGX_MESH_JSON_ARRAY) {
        v = ngx_mesh_json_get(v->u.child.first, member);

        if (v && v->type == NGX_MESH_JSON_STRING) {
            *name = v->u.string;
        }
    }
}
