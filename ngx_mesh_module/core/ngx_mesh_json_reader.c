
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The incremental reader: yajl splits the text, this file builds the tree and
 * adds what yajl lacks, which is limits, duplicate names, strict UTF-8, and
 * errors that say where.
 *
 * Everything that stays lives in the caller's pool.  What only the reading
 * needs (the yajl handle, sets of names of large objects) is malloc()ed and
 * goes with the reader.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <yajl/yajl_parse.h>

#include "ngx_mesh_json.h"


/* an object with more members than that gets a tree of their names */
#define NGX_MESH_JSON_NAMES_LINEAR  16

/* member names seen lately, so that "port" is not stored a million times */
#define NGX_MESH_JSON_NAMES_CACHE   64

#define NGX_MESH_JSON_HIGH          0xd800
#define NGX_MESH_JSON_LOW           0xdc00


typedef struct {
    ngx_pool_t              *pool;
    ngx_rbtree_t             tree;      /* ngx_str_node_t */
    ngx_rbtree_node_t        sentinel;
} ngx_mesh_json_names_t;


/* what the scanner of escapes expects next */

typedef enum {
    ngx_mesh_json_esc_none = 0,
    ngx_mesh_json_esc_char,             /* after a backslash */
    ngx_mesh_json_esc_hex,
    ngx_mesh_json_esc_bad
} ngx_mesh_json_esc_e;


struct ngx_mesh_json_reader_s {
    ngx_pool_t              *pool;
    ngx_pool_cleanup_t      *cleanup;
    ngx_mesh_json_limits_t   limits;
    yajl_handle              yajl;

    ngx_mesh_json_t         *root;
    ngx_mesh_json_t         *open;      /* innermost array or object */
    ngx_str_t                name;      /* of the member to come */
    ngx_uint_t               depth;
    ngx_uint_t               nodes;
    off_t                    offset;    /* of the part being fed */

    ngx_mesh_json_esc_e      esc;
    ngx_uint_t               digits;    /* of an escape, still to come */
    ngx_uint_t               code;
    ngx_uint_t               high;      /* the surrogate before, or 0 */

    ngx_str_t                cache[NGX_MESH_JSON_NAMES_CACHE];
    ngx_mesh_json_names_t   *names[NGX_MESH_JSON_MAX_DEPTH];

    const char              *reason;    /* why a callback ended it */
    ngx_uint_t               limit;
    ngx_str_t                error;

    unsigned                 named:1;
    unsigned                 failed:1;
};


static void ngx_mesh_json_reader_cleanup(void *data);
static ngx_int_t ngx_mesh_json_reader_yajl(ngx_mesh_json_reader_t *rd,
    u_char *data, size_t len);
static u_char *ngx_mesh_json_reader_escapes(ngx_mesh_json_reader_t *rd,
    u_char *p, u_char *last);
static u_char *ngx_mesh_json_reader_hex(ngx_mesh_json_reader_t *rd, u_char *p,
    u_char *last);
static ngx_int_t ngx_mesh_json_reader_fail(ngx_mesh_json_reader_t *rd,
    off_t offset);
static ngx_int_t ngx_mesh_json_reader_path(ngx_mesh_json_reader_t *rd,
    ngx_str_t *path);
static void ngx_mesh_json_reader_yajl_reason(ngx_mesh_json_reader_t *rd,
    u_char *buf, size_t size);
static ngx_mesh_json_t *ngx_mesh_json_reader_add(ngx_mesh_json_reader_t *rd,
    ngx_mesh_json_type_e type);
static int ngx_mesh_json_reader_text(ngx_mesh_json_reader_t *rd,
    ngx_mesh_json_type_e type, u_char *data, size_t len);
static int ngx_mesh_json_reader_open(ngx_mesh_json_reader_t *rd,
    ngx_mesh_json_type_e type);
static int ngx_mesh_json_reader_close(ngx_mesh_json_reader_t *rd);
static ngx_int_t ngx_mesh_json_reader_duplicate(ngx_mesh_json_reader_t *rd);
static ngx_int_t ngx_mesh_json_names_create(ngx_mesh_json_reader_t *rd);
static ngx_int_t ngx_mesh_json_names_add(ngx_mesh_json_names_t *names,
    ngx_str_t *name);
static ngx_int_t ngx_mesh_json_reader_intern(ngx_mesh_json_reader_t *rd,
    u_char *data, size_t len, ngx_str_t *name);
static ngx_uint_t ngx_mesh_json_utf8(u_char *p, u_char *last);

static int ngx_mesh_json_on_null(void *ctx);
static int ngx_mesh_json_on_boolean(void *ctx, int value);
static int ngx_mesh_json_on_number(void *ctx, const char *data, size_t len);
static int ngx_mesh_json_on_string(void *ctx, const unsigned char *data,
    size_t len);
static int ngx_mesh_json_on_start_object(void *ctx);
static int ngx_mesh_json_on_name(void *ctx, const unsigned char *data,
    size_t len);
static int ngx_mesh_json_on_start_array(void *ctx);
static int ngx_mesh_json_on_end(void *ctx);


static const yajl_callbacks  ngx_mesh_json_callbacks = {
    ngx_mesh_json_on_null,
    ngx_mesh_json_on_boolean,
    NULL,                               /* integers and doubles come as */
    NULL,                               /* numbers, as they were written */
    ngx_mesh_json_on_number,
    ngx_mesh_json_on_string,
    ngx_mesh_json_on_start_object,
    ngx_mesh_json_on_name,
    ngx_mesh_json_on_end,
    ngx_mesh_json_on_start_array,
    ngx_mesh_json_on_end
};


static ngx_str_t  ngx_mesh_json_no_memory = ngx_string("not enough memory");


ngx_mesh_json_reader_t *
ngx_mesh_json_reader_create(ngx_pool_t *pool, ngx_mesh_json_limits_t *limits)
{
    ngx_mesh_json_reader_t  *rd;

    rd = ngx_pcalloc(pool, sizeof(ngx_mesh_json_reader_t));
    if (rd == NULL) {
        return NULL;
    }

    rd->cleanup = ngx_pool_cleanup_add(pool, 0);
    if (rd->cleanup == NULL) {
        return NULL;
    }

    rd->pool = pool;
    rd->limits = *limits;

    if (rd->limits.depth == 0 || rd->limits.depth > NGX_MESH_JSON_MAX_DEPTH) {
        rd->limits.depth = NGX_MESH_JSON_MAX_DEPTH;
    }

    rd->yajl = yajl_alloc(&ngx_mesh_json_callbacks, NULL, rd);
    if (rd->yajl == NULL) {
        return NULL;
    }

    rd->cleanup->handler = ngx_mesh_json_reader_cleanup;
    rd->cleanup->data = rd;

    return rd;
}


void
ngx_mesh_json_reader_free(ngx_mesh_json_reader_t *rd)
{
    ngx_mesh_json_reader_cleanup(rd);

    rd->cleanup->handler = NULL;
}


static void
ngx_mesh_json_reader_cleanup(void *data)
{
    ngx_mesh_json_reader_t  *rd = data;

    ngx_uint_t  i;

    if (rd->yajl) {
        yajl_free(rd->yajl);
        rd->yajl = NULL;
    }

    for (i = 0; i < NGX_MESH_JSON_MAX_DEPTH; i++) {
        if (rd->names[i]) {
            ngx_destroy_pool(rd->names[i]->pool);
            rd->names[i] = NULL;
        }
    }
}


ngx_int_t
ngx_mesh_json_reader_feed(ngx_mesh_json_reader_t *rd, u_char *data, size_t len)
{
    u_char  *bad;

    if (rd->failed || rd->yajl == NULL) {
        return NGX_ERROR;
    }

    if (rd->limits.size && len > rd->limits.size - (size_t) rd->offset) {
        rd->reason = "the text is longer than %ui bytes";
        rd->limit = rd->limits.size;
        rd->open = NULL;
        return ngx_mesh_json_reader_fail(rd, rd->limits.size);
    }

    if (len == 0) {
        return NGX_OK;
    }

    /*
     * yajl replaces a lone surrogate by "?" and passes \u0000 on, so escapes
     * are looked at before; it still reads what is before a bad one, because
     * an error there comes first, and to know the path
     */

    bad = ngx_mesh_json_reader_escapes(rd, data, data + len);

    if (ngx_mesh_json_reader_yajl(rd, data, bad ? (size_t) (bad - data) : len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (bad) {
        rd->reason = (rd->code == 0)
                     ? "has \\u0000 in a string, which is not supported"
                     : "has one half of a surrogate pair in a string";
        return ngx_mesh_json_reader_fail(rd, rd->offset);
    }

    return NGX_OK;
}


ngx_mesh_json_t *
ngx_mesh_json_reader_done(ngx_mesh_json_reader_t *rd)
{
    if (rd->failed || rd->yajl == NULL) {
        return NULL;
    }

    if (yajl_complete_parse(rd->yajl) != yajl_status_ok) {
        (void) ngx_mesh_json_reader_fail(rd, rd->offset);
        return NULL;
    }

    return rd->root;
}


ngx_str_t *
ngx_mesh_json_reader_error(ngx_mesh_json_reader_t *rd)
{
    return &rd->error;
}


ngx_mesh_json_t *
ngx_mesh_json_parse(ngx_pool_t *pool, ngx_mesh_json_limits_t *limits,
    ngx_str_t *text, ngx_str_t *error)
{
    ngx_mesh_json_t         *root;
    ngx_mesh_json_reader_t  *rd;

    rd = ngx_mesh_json_reader_create(pool, limits);
    if (rd == NULL) {
        *error = ngx_mesh_json_no_memory;
        return NULL;
    }

    root = NULL;

    if (ngx_mesh_json_reader_feed(rd, text->data, text->len) == NGX_OK) {
        root = ngx_mesh_json_reader_done(rd);
    }

    if (root == NULL) {
        *error = *ngx_mesh_json_reader_error(rd);
    }

    ngx_mesh_json_reader_free(rd);

    return root;
}


static ngx_int_t
ngx_mesh_json_reader_yajl(ngx_mesh_json_reader_t *rd, u_char *data, size_t len)
{
    size_t  n;

    if (len && yajl_parse(rd->yajl, data, len) != yajl_status_ok) {
        n = yajl_get_bytes_consumed(rd->yajl);
        return ngx_mesh_json_reader_fail(rd, rd->offset + n);
    }

    rd->offset += len;

    return NGX_OK;
}


/*
 * Follows the escapes of strings through the text, part by part; a backslash
 * cannot be anything else in JSON.  Returns where a bad one ends, or NULL.
 */

static u_char *
ngx_mesh_json_reader_escapes(ngx_mesh_json_reader_t *rd, u_char *p,
    u_char *last)
{
    while (p < last) {

        switch (rd->esc) {

        case ngx_mesh_json_esc_none:

            if (rd->high && *p != '\\') {
                rd->esc = ngx_mesh_json_esc_bad;
                break;
            }

            p = memchr(p, '\\', last - p);
            if (p == NULL) {
                return NULL;
            }

            p++;
            rd->esc = ngx_mesh_json_esc_char;
            break;

        case ngx_mesh_json_esc_char:

            if (*p == 'u') {
                rd->esc = ngx_mesh_json_esc_hex;
                rd->digits = 4;
                rd->code = 0;

            } else {
                rd->esc = rd->high ? ngx_mesh_json_esc_bad
                                   : ngx_mesh_json_esc_none;
            }

            p++;
            break;

        case ngx_mesh_json_esc_hex:
            p = ngx_mesh_json_reader_hex(rd, p, last);
            break;

        case ngx_mesh_json_esc_bad:
            return p;
        }
    }

    return (rd->esc == ngx_mesh_json_esc_bad) ? p : NULL;
}


/* the digits of "\u" and, after the last one, what to think of them */

static u_char *
ngx_mesh_json_reader_hex(ngx_mesh_json_reader_t *rd, u_char *p, u_char *last)
{
    ngx_int_t   digit;
    ngx_uint_t  bad;

    while (p < last && rd->digits) {
        digit = ngx_hextoi(p, 1);

        if (digit == NGX_ERROR) {
            /* not an escape: yajl refuses it */
            rd->esc = ngx_mesh_json_esc_none;
            rd->high = 0;
            return p;
        }

        rd->code = rd->code * 16 + digit;
        rd->digits--;
        p++;
    }

    if (rd->digits) {
        return p;
    }

    switch (rd->code & 0xfc00) {

    case NGX_MESH_JSON_HIGH:
        bad = (rd->high != 0);
        rd->high = rd->code;
        break;

    case NGX_MESH_JSON_LOW:
        bad = (rd->high == 0);
        rd->high = 0;
        break;

    default:
        bad = (rd->high != 0 || rd->code == 0);
        rd->high = 0;
    }

    rd->esc = bad ? ngx_mesh_json_esc_bad : ngx_mesh_json_esc_none;

    return p;
}


/* makes the text of the error, from "reason" or from yajl; always NGX_ERROR */

static ngx_int_t
ngx_mesh_json_reader_fail(ngx_mesh_json_reader_t *rd, off_t offset)
{
    u_char     *p, *last;
    size_t      size;
    ngx_str_t   path;
    u_char      reason[NGX_MAX_ERROR_STR / 8];

    rd->failed = 1;
    rd->error = ngx_mesh_json_no_memory;

    if (rd->reason) {
        p = ngx_slprintf(reason, reason + sizeof(reason) - 1, rd->reason,
                         rd->limit);
        *p = '\0';

    } else {
        ngx_mesh_json_reader_yajl_reason(rd, reason, sizeof(reason));
    }

    if (ngx_mesh_json_reader_path(rd, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    size = path.len + sizeof(":  at byte ") + ngx_strlen(reason)
           + NGX_OFF_T_LEN;

    p = ngx_pnalloc(rd->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_slprintf(p, p + size, "%V%s%s at byte %O", &path,
                        path.len ? ": " : "", reason, offset);

    rd->error.data = p;
    rd->error.len = last - p;

    return NGX_ERROR;
}


/* the path of the value that is being read, it may not be in the tree yet */

static ngx_int_t
ngx_mesh_json_reader_path(ngx_mesh_json_reader_t *rd, ngx_str_t *path)
{
    ngx_mesh_json_t  value;

    if (rd->open == NULL) {
        ngx_str_null(path);
        return NGX_OK;
    }

    if (rd->open->type == NGX_MESH_JSON_OBJECT && !rd->named) {
        return ngx_mesh_json_path(rd->pool, rd->open, path);
    }

    ngx_memzero(&value, sizeof(ngx_mesh_json_t));

    value.name = rd->name;
    value.parent = rd->open;

    return ngx_mesh_json_path(rd->pool, &value, path);
}


/* yajl's "parse error: trailing garbage\n" without its head and tail */

static void
ngx_mesh_json_reader_yajl_reason(ngx_mesh_json_reader_t *rd, u_char *buf,
    size_t size)
{
    u_char  *text, *p, *last;
    size_t   len;

    text = yajl_get_error(rd->yajl, 0, NULL, 0);
    if (text == NULL) {
        ngx_cpystrn(buf, (u_char *) "is not valid JSON", size);
        return;
    }

    p = (u_char *) ngx_strstr(text, ": ");
    p = p ? p + 2 : text;

    len = ngx_strlen(p);
    last = p + len;

    while (last > p && (last[-1] == '\n' || last[-1] == '.')) {
        last--;
    }

    *last = '\0';

    if (ngx_strcmp(p, "premature EOF") == 0) {
        p = (u_char *) "unexpected end of text";
    }

    ngx_cpystrn(buf, p, size);

    yajl_free_error(rd->yajl, text);
}


static ngx_mesh_json_t *
ngx_mesh_json_reader_add(ngx_mesh_json_reader_t *rd, ngx_mesh_json_type_e type)
{
    ngx_mesh_json_t  *parent, *value;

    if (rd->limits.nodes && rd->nodes == rd->limits.nodes) {
        rd->reason = "more than %ui values in the text";
        rd->limit = rd->limits.nodes;
        return NULL;
    }

    value = ngx_palloc(rd->pool, sizeof(ngx_mesh_json_t));
    if (value == NULL) {
        rd->reason = "not enough memory";
        return NULL;
    }

    ngx_memzero(value, sizeof(ngx_mesh_json_t));

    parent = rd->open;

    value->type = type;
    value->parent = parent;
    value->name = rd->name;

    ngx_str_null(&rd->name);
    rd->named = 0;
    rd->nodes++;

    if (parent == NULL) {
        rd->root = value;
        return value;
    }

    if (parent->u.child.last) {
        parent->u.child.last->next = value;

    } else {
        parent->u.child.first = value;
    }

    parent->u.child.last = value;
    parent->nelts++;

    return value;
}


static int
ngx_mesh_json_reader_text(ngx_mesh_json_reader_t *rd,
    ngx_mesh_json_type_e type, u_char *data, size_t len)
{
    u_char           *p;
    ngx_mesh_json_t  *value;

    if (rd->limits.string && len > rd->limits.string) {
        rd->reason = "is longer than %ui bytes";
        rd->limit = rd->limits.string;
        return 0;
    }

    if (!ngx_mesh_json_utf8(data, data + len)) {
        rd->reason = "invalid bytes in UTF8 string";
        return 0;
    }

    p = ngx_pnalloc(rd->pool, len);
    if (p == NULL) {
        rd->reason = "not enough memory";
        return 0;
    }

    value = ngx_mesh_json_reader_add(rd, type);
    if (value == NULL) {
        return 0;
    }

    ngx_memcpy(p, data, len);

    value->u.string.data = p;
    value->u.string.len = len;

    return 1;
}


static int
ngx_mesh_json_reader_open(ngx_mesh_json_reader_t *rd,
    ngx_mesh_json_type_e type)
{
    ngx_mesh_json_t  *value;

    if (rd->depth == rd->limits.depth) {
        rd->reason = "is nested deeper than %ui levels";
        rd->limit = rd->limits.depth;
        return 0;
    }

    value = ngx_mesh_json_reader_add(rd, type);
    if (value == NULL) {
        return 0;
    }

    rd->depth++;
    rd->open = value;

    return 1;
}


static int
ngx_mesh_json_reader_close(ngx_mesh_json_reader_t *rd)
{
    rd->depth--;

    if (rd->names[rd->depth]) {
        ngx_destroy_pool(rd->names[rd->depth]->pool);
        rd->names[rd->depth] = NULL;
    }

    rd->open = rd->open->parent;

    return 1;
}


/*
 * NGX_DECLINED if the open object has a member of the name to come.  Small
 * objects are searched one by one; a large one ("endpoints") keeps a tree of
 * its names, whose cost stays logarithmic even for names made to collide.
 */

static ngx_int_t
ngx_mesh_json_reader_duplicate(ngx_mesh_json_reader_t *rd)
{
    ngx_mesh_json_t        *value;
    ngx_mesh_json_names_t  *names;

    names = rd->names[rd->depth - 1];

    if (names) {
        return ngx_mesh_json_names_add(names, &rd->name);
    }

    for (value = rd->open->u.child.first; value; value = value->next) {
        if (value->name.len == rd->name.len
            && ngx_memcmp(value->name.data, rd->name.data, rd->name.len) == 0)
        {
            return NGX_DECLINED;
        }
    }

    if (rd->open->nelts < NGX_MESH_JSON_NAMES_LINEAR) {
        return NGX_OK;
    }

    return ngx_mesh_json_names_create(rd);
}


static ngx_int_t
ngx_mesh_json_names_create(ngx_mesh_json_reader_t *rd)
{
    ngx_pool_t             *pool;
    ngx_mesh_json_t        *value;
    ngx_mesh_json_names_t  *names;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE / 4, rd->pool->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    names = ngx_palloc(pool, sizeof(ngx_mesh_json_names_t));
    if (names == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    ngx_rbtree_init(&names->tree, &names->sentinel,
                    ngx_str_rbtree_insert_value);

    names->pool = pool;
    rd->names[rd->depth - 1] = names;

    for (value = rd->open->u.child.first; value; value = value->next) {
        if (ngx_mesh_json_names_add(names, &value->name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_mesh_json_names_add(names, &rd->name);
}


static ngx_int_t
ngx_mesh_json_names_add(ngx_mesh_json_names_t *names, ngx_str_t *name)
{
    uint32_t         hash;
    ngx_str_node_t  *sn;

    hash = ngx_murmur_hash2(name->data, name->len);

    if (ngx_str_rbtree_lookup(&names->tree, name, hash)) {
        return NGX_DECLINED;
    }

    sn = ngx_palloc(names->pool, sizeof(ngx_str_node_t));
    if (sn == NULL) {
        return NGX_ERROR;
    }

    sn->node.key = hash;
    sn->str = *name;

    ngx_rbtree_insert(&names->tree, &sn->node);

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_json_reader_intern(ngx_mesh_json_reader_t *rd, u_char *data,
    size_t len, ngx_str_t *name)
{
    ngx_str_t  *slot;

    slot = NULL;

    if (len) {
        slot = &rd->cache[(len * 7 + data[0] * 3 + data[len - 1])
                          % NGX_MESH_JSON_NAMES_CACHE];

        if (slot->len == len && ngx_memcmp(slot->data, data, len) == 0) {
            *name = *slot;
            return NGX_OK;
        }
    }

    name->data = ngx_pnalloc(rd->pool, len);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    name->len = len;
    ngx_memcpy(name->data, data, len);

    if (slot) {
        *slot = *name;
    }

    return NGX_OK;
}


/*
 * RFC 3629: yajl only looks at the form of a sequence, it lets overlong ones,
 * surrogates and characters above U+10FFFF pass.
 */

static ngx_uint_t
ngx_mesh_json_utf8(u_char *p, u_char *last)
{
    uint32_t  code;

    while (p < last) {

        if (*p < 0x80) {
            p++;
            continue;
        }

        code = ngx_utf8_decode(&p, last - p);

        if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return 0;
        }
    }

    return 1;
}


static int
ngx_mesh_json_on_null(void *ctx)
{
    return ngx_mesh_json_reader_add(ctx, NGX_MESH_JSON_NULL) != NULL;
}


static int
ngx_mesh_json_on_boolean(void *ctx, int boolean)
{
    ngx_mesh_json_t  *value;

    value = ngx_mesh_json_reader_add(ctx, NGX_MESH_JSON_BOOLEAN);
    if (value == NULL) {
        return 0;
    }

    value->boolean = boolean ? 1 : 0;

    return 1;
}


static int
ngx_mesh_json_on_number(void *ctx, const char *data, size_t len)
{
    return ngx_mesh_json_reader_text(ctx, NGX_MESH_JSON_NUMBER,
                                     (u_char *) data, len);
}


static int
ngx_mesh_json_on_string(void *ctx, const unsigned char *data, size_t len)
{
    return ngx_mesh_json_reader_text(ctx, NGX_MESH_JSON_STRING,
                                     (u_char *) data, len);
}


static int
ngx_mesh_json_on_start_object(void *ctx)
{
    return ngx_mesh_json_reader_open(ctx, NGX_MESH_JSON_OBJECT);
}


static int
ngx_mesh_json_on_start_array(void *ctx)
{
    return ngx_mesh_json_reader_open(ctx, NGX_MESH_JSON_ARRAY);
}


static int
ngx_mesh_json_on_end(void *ctx)
{
    return ngx_mesh_json_reader_close(ctx);
}


static int
ngx_mesh_json_on_name(void *ctx, const unsigned char *data, size_t len)
{
    ngx_mesh_json_reader_t  *rd = ctx;

    ngx_int_t  rc;

    if (rd->limits.string && len > rd->limits.string) {
        rd->reason = "has a member name longer than %ui bytes";
        rd->limit = rd->limits.string;
        return 0;
    }

    if (!ngx_mesh_json_utf8((u_char *) data, (u_char *) data + len)) {
        rd->reason = "invalid bytes in UTF8 string";
        return 0;
    }

    if (ngx_mesh_json_reader_intern(rd, (u_char *) data, len, &rd->name)
        != NGX_OK)
    {
        rd->reason = "not enough memory";
        return 0;
    }

    rd->named = 1;

    rc = ngx_mesh_json_reader_duplicate(rd);

    if (rc != NGX_OK) {
        rd->reason = (rc == NGX_DECLINED) ? "is given twice"
                                          : "not enough memory";
        return 0;
    }

    return 1;
}
