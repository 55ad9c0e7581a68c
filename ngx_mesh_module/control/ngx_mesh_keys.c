
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The file of access keys: reading it, following its changes, and what a key
 * may do.  The master reads it at configuration time, workers look once a
 * second; a version with an error in it changes nothing.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>

#include "ngx_mesh_appmesh.h"
#include "ngx_mesh_keys.h"


#define NGX_MESH_KEYS_ID_MAX        128
#define NGX_MESH_KEYS_RESOURCE_MAX  1024

/* how long after a change another one may leave the same times, seconds */
#define NGX_MESH_KEYS_SETTLE  3


typedef struct {
    ngx_pool_t              *pool;          /* of the error */
    ngx_str_t               *path;
    ngx_str_t               *account;
    ngx_str_t               *error;
    ngx_mesh_keys_t         *keys;
    ngx_uint_t               line;
    u_char                  *pos;
    u_char                  *last;          /* of the line */
} ngx_mesh_keys_ctx_t;


static void ngx_mesh_keys_cleanup(void *data);
static ngx_int_t ngx_mesh_keys_parse_text(ngx_mesh_keys_ctx_t *ctx);
static ngx_int_t ngx_mesh_keys_line(ngx_mesh_keys_ctx_t *ctx);
static ngx_int_t ngx_mesh_keys_add(ngx_mesh_keys_ctx_t *ctx, ngx_str_t *id);
static ngx_int_t ngx_mesh_keys_options(ngx_mesh_keys_ctx_t *ctx,
    ngx_mesh_key_t *key);
static ngx_int_t ngx_mesh_keys_option(ngx_mesh_keys_ctx_t *ctx,
    ngx_mesh_key_t *key, ngx_str_t *word);
static ngx_int_t ngx_mesh_keys_resource(ngx_mesh_keys_ctx_t *ctx,
    ngx_mesh_key_t *key, ngx_str_t *word);
static ngx_int_t ngx_mesh_keys_split(ngx_str_t *text, u_char *buf,
    ngx_mesh_key_resource_t *resource);
static ngx_uint_t ngx_mesh_keys_word(ngx_mesh_keys_ctx_t *ctx,
    ngx_str_t *word);
static ngx_uint_t ngx_mesh_keys_is(ngx_str_t *word, const char *text);
static ngx_uint_t ngx_mesh_keys_begins(ngx_str_t *word, const char *text);
static ngx_uint_t ngx_mesh_keys_id(ngx_str_t *id);
static ngx_int_t ngx_mesh_keys_error(ngx_mesh_keys_ctx_t *ctx,
    const char *fmt, ...);
static ngx_int_t ngx_mesh_keys_settled(ngx_mesh_keys_file_t *file,
    ngx_str_t *what, ngx_int_t rc);
static ngx_int_t ngx_mesh_keys_load(ngx_pool_t *pool,
    ngx_mesh_keys_file_t *file, ngx_str_t *text, ngx_str_t *error);
static ngx_int_t ngx_mesh_keys_load_fd(ngx_pool_t *pool,
    ngx_mesh_keys_file_t *file, ngx_fd_t fd, ngx_str_t *text,
    ngx_str_t *error);
static ngx_uint_t ngx_mesh_keys_same_file(ngx_mesh_keys_file_t *file,
    ngx_file_info_t *fi);
static ngx_int_t ngx_mesh_keys_fail(ngx_pool_t *pool, ngx_str_t *error,
    const char *fmt, ...);
static ngx_uint_t ngx_mesh_keys_match(ngx_str_t *pattern, ngx_str_t *text);


ngx_mesh_keys_t *
ngx_mesh_keys_parse(ngx_pool_t *pool, ngx_str_t *path, ngx_str_t *account,
    ngx_str_t *text, ngx_str_t *error)
{
    ngx_pool_t           *own;
    ngx_mesh_keys_t      *keys;
    ngx_pool_cleanup_t   *cln;
    ngx_mesh_keys_ctx_t   ctx;

    ngx_str_set(error, "no memory for keys");

    own = ngx_create_pool(4096, pool->log);
    if (own == NULL) {
        return NULL;
    }

    keys = ngx_pcalloc(own, sizeof(ngx_mesh_keys_t));
    cln = ngx_pool_cleanup_add(own, 0);

    if (keys == NULL || cln == NULL) {
        goto failed;
    }

    keys->pool = own;
    keys->count = 1;
    keys->text.data = ngx_pnalloc(own, text->len + 1);

    if (keys->text.data == NULL) {
        goto failed;
    }

    keys->text.len = text->len;
    ngx_memcpy(keys->text.data, text->data, text->len);

    ngx_rbtree_init(&keys->tree, &keys->sentinel,
                    ngx_str_rbtree_insert_value);

    cln->handler = ngx_mesh_keys_cleanup;
    cln->data = keys;

    ngx_str_set(&keys->decoy.id, "?");
    ngx_str_set(&keys->decoy.secret,
                "0000000000000000000000000000000000000000");

    ctx.pool = pool;
    ctx.path = path;
    ctx.account = account;
    ctx.error = error;
    ctx.keys = keys;
    ctx.line = 0;

    if (ngx_mesh_keys_parse_text(&ctx) == NGX_OK) {
        return keys;
    }

failed:

    ngx_destroy_pool(own);

    return NULL;
}


/* secrets are in the text, and what is derived of them in the keys */

static void
ngx_mesh_keys_cleanup(void *data)
{
    ngx_mesh_keys_t *keys = data;

    ngx_mesh_key_t     *key;
    ngx_rbtree_node_t  *node;

    OPENSSL_cleanse(keys->text.data, keys->text.len);

    if (keys->tree.root == &keys->sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(keys->tree.root, &keys->sentinel);
         node;
         node = ngx_rbtree_next(&keys->tree, node))
    {
        key = (ngx_mesh_key_t *) node;
        OPENSSL_cleanse(&key->signing, sizeof(ngx_mesh_sigv4_key_t));
    }
}


static ngx_int_t
ngx_mesh_keys_parse_text(ngx_mesh_keys_ctx_t *ctx)
{
    u_char     *p, *last;
    ngx_int_t   rc;

    p = ctx->keys->text.data;
    last = p + ctx->keys->text.len;

    /* editors on Windows leave a byte order mark and CRs */

    if (last - p >= 3 && ngx_memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }

    while (p < last) {
        ctx->line++;
        ctx->pos = p;
        ctx->last = ngx_strlchr(p, last, LF);

        if (ctx->last == NULL) {
            ctx->last = last;
        }

        p = ctx->last + 1;

        if (ctx->last > ctx->pos && ctx->last[-1] == CR) {
            ctx->last--;
        }

        rc = ngx_mesh_keys_line(ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->keys->nkeys == 0) {
        return ngx_mesh_keys_fail(ctx->pool, ctx->error, "no keys in \"%V\"",
                                  ctx->path);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_keys_line(ngx_mesh_keys_ctx_t *ctx)
{
    u_char     *p;
    ngx_str_t   id;

    for (p = ctx->pos; p < ctx->last; p++) {
        if ((*p < ' ' && *p != '\t') || *p == 0x7f) {
            return ngx_mesh_keys_error(ctx, "control character %02xd",
                                       (int) *p);
        }
    }

    if (!ngx_mesh_keys_word(ctx, &id)) {
        return NGX_OK;
    }

    if (!ngx_mesh_keys_id(&id)) {
        return ngx_mesh_keys_error(ctx, "the id of a key has up to %d letters, "
                                   "digits, \"_\" and \"-\"",
                                   NGX_MESH_KEYS_ID_MAX);
    }

    if (ngx_mesh_keys_find(ctx->keys, &id)) {
        return ngx_mesh_keys_error(ctx, "a second key \"%V\"", &id);
    }

    return ngx_mesh_keys_add(ctx, &id);
}


static ngx_int_t
ngx_mesh_keys_add(ngx_mesh_keys_ctx_t *ctx, ngx_str_t *id)
{
    ngx_int_t        rc;
    ngx_mesh_key_t  *key;

    key = ngx_pcalloc(ctx->keys->pool, sizeof(ngx_mesh_key_t));
    if (key == NULL) {
        return NGX_ERROR;
    }

    key->id = *id;
    key->account = *ctx->account;

    if (ngx_array_init(&key->resources, ctx->keys->pool, 1,
                       sizeof(ngx_mesh_key_resource_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ngx_mesh_keys_word(ctx, &key->secret)) {
        return ngx_mesh_keys_error(ctx, "key \"%V\" has no secret", id);
    }

    rc = ngx_mesh_keys_options(ctx, key);
    if (rc != NGX_OK) {
        return rc;
    }

    key->sn.str = *id;
    key->sn.node.key = ngx_crc32_long(id->data, id->len);

    ngx_rbtree_insert(&ctx->keys->tree, &key->sn.node);
    ctx->keys->nkeys++;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_keys_options(ngx_mesh_keys_ctx_t *ctx, ngx_mesh_key_t *key)
{
    ngx_int_t   rc;
    ngx_str_t   word;
    ngx_uint_t  proxy;

    proxy = 0;

    while (ngx_mesh_keys_word(ctx, &word)) {

        if (ngx_mesh_keys_is(&word, "proxy")) {
            proxy = 1;
            continue;
        }

        rc = proxy ? ngx_mesh_keys_resource(ctx, key, &word) : NGX_DECLINED;

        if (rc == NGX_DECLINED) {
            rc = ngx_mesh_keys_option(ctx, key, &word);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (proxy) {
        if (key->resources.nelts == 0) {
            return ngx_mesh_keys_error(ctx, "\"proxy\" needs a resource, such "
                                   "as \"mesh/ordering/virtualNode/order\"");
        }

        key->permissions |= NGX_MESH_MAY_PROXY;
    }

    if (key->permissions == 0) {
        return ngx_mesh_keys_error(ctx, "key \"%V\" may do nothing: \"admin\", "
                                   "\"read\" or \"proxy\" is missing",
                                   &key->id);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_keys_option(ngx_mesh_keys_ctx_t *ctx, ngx_mesh_key_t *key,
    ngx_str_t *word)
{
    if (ngx_mesh_keys_is(word, "admin")) {
        key->permissions |= NGX_MESH_MAY_READ|NGX_MESH_MAY_WRITE;
        return NGX_OK;
    }

    if (ngx_mesh_keys_is(word, "read")) {
        key->permissions |= NGX_MESH_MAY_READ;
        return NGX_OK;
    }

    if (ngx_mesh_keys_begins(word, "account=")) {
        key->account.data = word->data + sizeof("account=") - 1;
        key->account.len = word->len - (sizeof("account=") - 1);

        if (!ngx_mesh_id_is_account(&key->account)) {
            return ngx_mesh_keys_error(ctx, "an account has 12 digits");
        }

        return NGX_OK;
    }

    if (ngx_mesh_keys_begins(word, "token=")) {
        key->token.data = word->data + sizeof("token=") - 1;
        key->token.len = word->len - (sizeof("token=") - 1);

        if (key->token.len == 0) {
            return ngx_mesh_keys_error(ctx, "the token is empty");
        }

        return NGX_OK;
    }

    /* not shown, since it may be a part of a secret with a blank in it */

    return ngx_mesh_keys_error(ctx, "key \"%V\" has an option that is none of "
                               "admin, read, proxy RESOURCE, account=, token=",
                               &key->id);
}


/* NGX_DECLINED: it is not a resource */

static ngx_int_t
ngx_mesh_keys_resource(ngx_mesh_keys_ctx_t *ctx, ngx_mesh_key_t *key,
    ngx_str_t *word)
{
    u_char                   *buf;
    ngx_mesh_key_resource_t  *resource;

    if (!ngx_mesh_keys_begins(word, "mesh/")
        && !ngx_mesh_keys_begins(word, "arn:")
        && !ngx_mesh_keys_is(word, "*"))
    {
        return NGX_DECLINED;
    }

    buf = ngx_pnalloc(ctx->keys->pool, word->len);
    resource = ngx_array_push(&key->resources);

    if (buf == NULL || resource == NULL) {
        return NGX_ERROR;
    }

    if (ngx_mesh_keys_split(word, buf, resource) != NGX_OK) {
        return ngx_mesh_keys_error(ctx, "\"%V\" is no resource of a mesh",
                                   word);
    }

    return NGX_OK;
}


/*
 * "mesh/ordering@111122223333/virtualNode/order" and "arn:aws:appmesh:REGION:
 * 111122223333:mesh/ordering/virtualNode/order" as pattern and owner, which is
 * empty if it is not said.  In the ARN of a resource in a shared mesh the
 * account is that of the resource, and the owner of the mesh is behind "@".
 * "buf" has as many bytes as the text, and may become the pattern.
 */

static ngx_int_t
ngx_mesh_keys_split(ngx_str_t *text, u_char *buf,
    ngx_mesh_key_resource_t *resource)
{
    u_char      *p, *last, *at, *slash, *colon;
    ngx_uint_t   i;

    ngx_str_null(&resource->owner);
    resource->pattern = *text;

    p = text->data;
    last = p + text->len;

    if (ngx_mesh_keys_begins(text, "arn:")) {

        for (i = 0; i < 5; i++) {
            colon = ngx_strlchr(p, last, ':');
            if (colon == NULL) {
                return NGX_DECLINED;
            }

            resource->owner.data = p;
            resource->owner.len = colon - p;

            p = colon + 1;
        }

        resource->pattern.data = p;
        resource->pattern.len = last - p;

        if (!ngx_mesh_keys_begins(&resource->pattern, "mesh/")) {
            return NGX_DECLINED;
        }
    }

    if (!ngx_mesh_keys_begins(&resource->pattern, "mesh/")) {
        return NGX_OK;
    }

    p += sizeof("mesh/") - 1;

    slash = ngx_strlchr(p, last, '/');
    if (slash == NULL) {
        slash = last;
    }

    /* the last one, since names may have it in them */

    for (at = slash - 1; at >= p && *at != '@'; at--) { /* void */ }

    if (at < p) {
        return NGX_OK;
    }

    resource->owner.data = at + 1;
    resource->owner.len = slash - (at + 1);

    p = ngx_cpymem(buf, resource->pattern.data, at - resource->pattern.data);
    p = ngx_cpymem(p, slash, last - slash);

    resource->pattern.data = buf;
    resource->pattern.len = p - buf;

    return NGX_OK;
}


/* the next word of a line; 0: there is none */

static ngx_uint_t
ngx_mesh_keys_word(ngx_mesh_keys_ctx_t *ctx, ngx_str_t *word)
{
    u_char  *p;

    for (p = ctx->pos; p < ctx->last; p++) {
        if (*p != ' ' && *p != '\t') {
            break;
        }
    }

    if (p == ctx->last || *p == '#') {
        ctx->pos = ctx->last;
        return 0;
    }

    word->data = p;

    while (p < ctx->last && *p != ' ' && *p != '\t') {
        p++;
    }

    word->len = p - word->data;
    ctx->pos = p;

    return 1;
}


static ngx_uint_t
ngx_mesh_keys_is(ngx_str_t *word, const char *text)
{
    return word->len == ngx_strlen(text) && ngx_mesh_keys_begins(word, text);
}


static ngx_uint_t
ngx_mesh_keys_begins(ngx_str_t *word, const char *text)
{
    size_t  len;

    len = ngx_strlen(text);

    return word->len >= len && ngx_memcmp(word->data, text, len) == 0;
}


/* it has to get through "Credential=ID/date/..., " and an ARN */

static ngx_uint_t
ngx_mesh_keys_id(ngx_str_t *id)
{
    u_char  *p, *last;

    last = id->data + id->len;

    for (p = id->data; p < last; p++) {
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || (*p >= '0' && *p <= '9') || *p == '_' || *p == '-'))
        {
            return 0;
        }
    }

    return id->len <= NGX_MESH_KEYS_ID_MAX;
}


static ngx_int_t
ngx_mesh_keys_error(ngx_mesh_keys_ctx_t *ctx, const char *fmt, ...)
{
    u_char    *p, buf[NGX_MAX_ERROR_STR];
    va_list    args;
    ngx_str_t  text;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    text.data = buf;
    text.len = p - buf;

    return ngx_mesh_keys_fail(ctx->pool, ctx->error, "%V in %V:%ui", &text,
                              ctx->path, ctx->line);
}


/* returns NGX_ERROR */

static ngx_int_t
ngx_mesh_keys_fail(ngx_pool_t *pool, ngx_str_t *error, const char *fmt, ...)
{
    u_char   *p, *last, buf[NGX_MAX_ERROR_STR];
    va_list   args;

    va_start(args, fmt);
    last = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    p = ngx_pnalloc(pool, last - buf);

    if (p) {
        error->data = p;
        error->len = ngx_cpymem(p, buf, last - buf) - p;
    }

    return NGX_ERROR;
}


void
ngx_mesh_keys_free(ngx_mesh_keys_t *keys)
{
    if (keys && --keys->count == 0) {
        ngx_destroy_pool(keys->pool);
    }
}


ngx_mesh_key_t *
ngx_mesh_keys_find(ngx_mesh_keys_t *keys, ngx_str_t *id)
{
    uint32_t  hash;

    hash = ngx_crc32_long(id->data, id->len);

    return (ngx_mesh_key_t *) ngx_str_rbtree_lookup(&keys->tree, id, hash);
}


ngx_int_t
ngx_mesh_keys_refresh(ngx_pool_t *pool, ngx_mesh_keys_file_t *file,
    ngx_str_t *error)
{
    ngx_int_t         rc;
    ngx_str_t         text;
    ngx_mesh_keys_t  *keys;

    ngx_str_null(&text);
    ngx_str_set(error, "no memory for keys");

    rc = ngx_mesh_keys_load(pool, file, &text, error);

    if (rc != NGX_DECLINED) {
        rc = ngx_mesh_keys_settled(file, (rc == NGX_OK) ? &text : error, rc);
    }

    if (rc == NGX_OK) {
        keys = ngx_mesh_keys_parse(pool, &file->path, &file->account, &text,
                                   error);
        if (keys) {
            ngx_mesh_keys_free(file->keys);
            file->keys = keys;

        } else {
            rc = NGX_ERROR;
        }
    }

    if (text.data) {
        OPENSSL_cleanse(text.data, text.len);
        ngx_free(text.data);
    }

    return rc;
}


/*
 * NGX_DECLINED: it is what was known already, or it was not seen before: who
 * writes into the file may not be ready, which the next look tells.  In this
 * way each error is reported once, too.
 */

static ngx_int_t
ngx_mesh_keys_settled(ngx_mesh_keys_file_t *file, ngx_str_t *what, ngx_int_t rc)
{
    uint32_t  crc;

    crc = ngx_crc32_long(what->data, what->len);

    if (file->keys && file->seen != crc) {
        file->seen = crc;
        file->known = 0;
        file->young = 1;

        return NGX_DECLINED;
    }

    if (file->keys && file->known) {
        return NGX_DECLINED;
    }

    file->seen = crc;
    file->known = 1;

    return rc;
}


/* the text of a file, to ngx_free(), or NGX_DECLINED if it did not change */

static ngx_int_t
ngx_mesh_keys_load(ngx_pool_t *pool, ngx_mesh_keys_file_t *file,
    ngx_str_t *text, ngx_str_t *error)
{
    ngx_fd_t         fd;
    ngx_int_t        rc;
    ngx_err_t        err;
    ngx_file_info_t  fi;

    if (ngx_file_info(file->path.data, &fi) != NGX_FILE_ERROR
        && !file->young && ngx_mesh_keys_same_file(file, &fi))
    {
        return NGX_DECLINED;
    }

    /* NGX_FILE_NONBLOCK: a fifo must not hold the worker up */

    fd = ngx_open_file(file->path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        err = ngx_errno;
        file->young = 1;

        return ngx_mesh_keys_fail(pool, error, ngx_open_file_n
                                  " \"%V\" failed (%d: %s)%s", &file->path,
                                  err, strerror(err), (err == NGX_EACCES)
                                  ? ", the user of the workers has to be able "
                                    "to read it" : "");
    }

    rc = ngx_mesh_keys_load_fd(pool, file, fd, text, error);

    (void) ngx_close_file(fd);

    return rc;
}


static ngx_int_t
ngx_mesh_keys_load_fd(ngx_pool_t *pool, ngx_mesh_keys_file_t *file,
    ngx_fd_t fd, ngx_str_t *text, ngx_str_t *error)
{
    ssize_t          n;
    ngx_file_info_t  fi;

    file->young = 1;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        return ngx_mesh_keys_fail(pool, error, "\"%V\" is not a file",
                                  &file->path);
    }

    if (ngx_file_size(&fi) > NGX_MESH_KEYS_MAX) {
        return ngx_mesh_keys_fail(pool, error, "\"%V\" has more than %d bytes",
                                  &file->path, NGX_MESH_KEYS_MAX);
    }

    text->len = (size_t) ngx_file_size(&fi);
    text->data = ngx_alloc(text->len + 1, pool->log);

    if (text->data == NULL) {
        return NGX_ERROR;
    }

    /* one more, to see whether it grows */

    n = ngx_read_fd(fd, text->data, text->len + 1);

    if (n != (ssize_t) text->len) {
        return ngx_mesh_keys_fail(pool, error, ngx_read_fd_n
                                  " \"%V\" gave %z bytes of %uz",
                                  &file->path, n, text->len);
    }

    file->device = fi.st_dev;
    file->inode = fi.st_ino;
    file->size = fi.st_size;
    file->modified = fi.st_mtim;
    file->changed = fi.st_ctim;
    file->open_to_all = (fi.st_mode & S_IROTH) ? 1 : 0;

    /* times are as coarse as a tick of the kernel */

    file->young = (ngx_abs((int64_t) ngx_time() - (int64_t) fi.st_ctime)
                   < NGX_MESH_KEYS_SETTLE);

    return NGX_OK;
}


static ngx_uint_t
ngx_mesh_keys_same_file(ngx_mesh_keys_file_t *file, ngx_file_info_t *fi)
{
    return file->device == fi->st_dev
           && file->inode == fi->st_ino
           && file->size == fi->st_size
           && file->modified.tv_sec == fi->st_mtim.tv_sec
           && file->modified.tv_nsec == fi->st_mtim.tv_nsec
           && file->changed.tv_sec == fi->st_ctim.tv_sec
           && file->changed.tv_nsec == fi->st_ctim.tv_nsec;
}


ngx_uint_t
ngx_mesh_keys_may_proxy(ngx_mesh_key_t *key, ngx_str_t *resource)
{
    u_char                    buf[NGX_MESH_KEYS_RESOURCE_MAX];
    ngx_uint_t                i;
    ngx_mesh_key_resource_t   wanted, *resources;

    if (!(key->permissions & NGX_MESH_MAY_PROXY)
        || resource->len > sizeof(buf)
        || ngx_mesh_keys_split(resource, buf, &wanted) != NGX_OK)
    {
        return 0;
    }

    if (wanted.owner.len == 0) {
        wanted.owner = key->account;
    }

    resources = key->resources.elts;

    for (i = 0; i < key->resources.nelts; i++) {

        if (ngx_mesh_keys_match(resources[i].owner.len ? &resources[i].owner
                                                       : &key->account,
                                &wanted.owner)
            && ngx_mesh_keys_match(&resources[i].pattern, &wanted.pattern))
        {
            return 1;
        }
    }

    return 0;
}


/* "*" stands for any characters, none too; time is that of both multiplied */

static ngx_uint_t
ngx_mesh_keys_match(ngx_str_t *pattern, ngx_str_t *text)
{
    u_char  *p, *t, *star, *from, *plast, *tlast;

    p = pattern->data;
    plast = p + pattern->len;
    t = text->data;
    tlast = t + text->len;

    star = NULL;
    from = NULL;

    while (t < tlast) {

        if (p < plast && *p == '*') {
            star = ++p;
            from = t;
            continue;
        }

        if (p < plast && *p == *t) {
            p++;
            t++;
            continue;
        }

        if (star == NULL) {
            return 0;
        }

        p = star;
        t = ++from;
    }

    while (p < plast && *p == '*') {
        p++;
    }

    return p == plast;
}
