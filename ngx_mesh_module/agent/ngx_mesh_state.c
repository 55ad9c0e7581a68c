
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The last-known-good file: one line of header, then the document as it came.
 *
 *     nginx-mesh-state 1 sha256=HEX size=BYTES version=VERSION
 *
 * followed, if a control plane said so, by " etag=ETAG" and " store=STORE
 * revision=NUMBER" in the same line.
 *
 * The digest is that of the document and of what follows the digest in the
 * header.  The file is written under another name, flushed and renamed, so
 * that it is there whole or not at all; still it is not believed when read: a
 * file that is not to the byte what was written is not used.  Written by the
 * agent (in a thread), read by workers that start.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_state.h"


#define NGX_MESH_STATE_MAGIC     "nginx-mesh-state 1 sha256="
#define NGX_MESH_STATE_NAME_LEN  200
#define NGX_MESH_STATE_SAFE      "-_.:/+=@,;"
#define NGX_MESH_STATE_PREFIX                                                 \
    (sizeof(NGX_MESH_STATE_MAGIC) - 1 + 2 * NGX_MESH_DIGEST_LEN)
#define NGX_MESH_STATE_HEADER                                                 \
    (NGX_MESH_STATE_PREFIX                                                    \
     + sizeof(" size= version= etag= store= revision=\n") - 1                 \
     + NGX_SIZE_T_LEN + NGX_MESH_STATE_VERSION_LEN                            \
     + 3 * (NGX_MESH_SHM_ETAG_LEN + NGX_MESH_SHM_STORE_LEN) + NGX_INT64_LEN)


static u_char *ngx_mesh_state_escape(u_char *dst, u_char *last,
    ngx_str_t *name, const char *safe);
static ngx_int_t ngx_mesh_state_header(ngx_mesh_state_t *st, u_char *buf,
    size_t *len);
static u_char *ngx_mesh_state_member(u_char *p, const char *name,
    u_char *value, size_t max);
static ngx_int_t ngx_mesh_state_same(ngx_mesh_state_t *st, u_char *header,
    size_t len);
static ngx_int_t ngx_mesh_state_store(ngx_mesh_state_t *st, u_char *temp,
    u_char *header, size_t len);
static ngx_int_t ngx_mesh_state_write_fd(ngx_mesh_state_t *st, ngx_fd_t fd,
    u_char *path, u_char *buf, size_t size);
static ngx_int_t ngx_mesh_state_sync(ngx_mesh_state_t *st);
static ngx_int_t ngx_mesh_state_failed(u_char *error, const char *call,
    u_char *path, ngx_err_t err);
static ngx_int_t ngx_mesh_state_check(u_char *buf, size_t size,
    ngx_str_t *text, u_char *error);
static void ngx_mesh_state_origin(u_char *line, u_char *end,
    ngx_mesh_origin_t *origin);
static ngx_int_t ngx_mesh_state_value(u_char *line, u_char *end,
    const char *name, u_char *value, size_t size);
static ngx_int_t ngx_mesh_state_load(u_char *path, size_t max,
    ngx_str_t *content, u_char *error, ngx_log_t *log);


ngx_int_t
ngx_mesh_state_path(ngx_pool_t *pool, ngx_str_t *directory, ngx_str_t *mesh,
    ngx_str_t *type, ngx_str_t *resource, ngx_str_t *path)
{
    u_char      *p, *name, *last;
    u_char       digest[NGX_MESH_DIGEST_LEN];
    ngx_str_t    full;
    ngx_uint_t   i;
    ngx_str_t   *parts[3];

    parts[0] = mesh;
    parts[1] = type;
    parts[2] = resource;

    full.len = 3 * (mesh->len + type->len + resource->len) + 3;
    full.data = ngx_pnalloc(pool, full.len);

    path->len = directory->len + 1 + NGX_MESH_STATE_NAME_LEN + 16
                + sizeof("-.json");
    path->data = ngx_pnalloc(pool, path->len);

    if (full.data == NULL || path->data == NULL) {
        return NGX_ERROR;
    }

    p = full.data;
    last = full.data + full.len;

    for (i = 0; i < 3; i++) {
        if (i && parts[i]->len) {
            *p++ = '.';
        }

        p = ngx_mesh_state_escape(p, last, parts[i], "-_");
    }

    full.len = p - full.data;

    p = ngx_cpymem(path->data, directory->data, directory->len);
    *p++ = '/';
    name = p;

    if (full.len <= NGX_MESH_STATE_NAME_LEN) {
        p = ngx_cpymem(name, full.data, full.len);

    } else {
        if (ngx_mesh_digest(&full, 1, digest) != NGX_OK) {
            return NGX_ERROR;
        }

        p = ngx_cpymem(name, full.data, NGX_MESH_STATE_NAME_LEN);
        *p++ = '-';
        p = ngx_hex_dump(p, digest, 8);
    }

    p = ngx_cpymem(p, ".json", sizeof(".json"));
    path->len = p - path->data - 1;

    return NGX_OK;
}


/* whole characters only, as many as there is room for */

static u_char *
ngx_mesh_state_escape(u_char *dst, u_char *last, ngx_str_t *name,
    const char *safe)
{
    u_char   c;
    size_t   i;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if ((c >= '0' && c <= '9')
            || (c >= 'a' && c <= 'z')
            || (c >= 'A' && c <= 'Z')
            || (c != '\0' && ngx_strchr(safe, c)))
        {
            if (dst == last) {
                break;
            }

            *dst++ = c;
            continue;
        }

        if (last - dst < 3) {
            break;
        }

        dst = ngx_sprintf(dst, "%%%02Xi", (ngx_uint_t) c);
    }

    return dst;
}


void
ngx_mesh_state_write(ngx_mesh_state_t *st)
{
    u_char  *temp;
    u_char   header[NGX_MESH_STATE_HEADER];
    size_t   len, size;

    st->rc = NGX_ERROR;

    if (ngx_mesh_state_header(st, header, &len) != NGX_OK) {
        (void) ngx_mesh_state_failed(st->error, "EVP_Digest()", st->path,
                                     NGX_ENOMEM);
        return;
    }

    if (ngx_mesh_state_same(st, header, len) == NGX_OK) {
        st->rc = NGX_DECLINED;
        return;
    }

    /* old and new workers meet at a reload, each has a file of its own */

    size = ngx_strlen(st->path) + sizeof(".tmp.") + NGX_INT64_LEN;

    temp = ngx_alloc(size, st->log);
    if (temp == NULL) {
        (void) ngx_mesh_state_failed(st->error, "malloc()", st->path,
                                     NGX_ENOMEM);
        return;
    }

    (void) ngx_sprintf(temp, "%s.tmp.%P%Z", st->path, ngx_pid);

    st->rc = ngx_mesh_state_store(st, temp, header, len);

    ngx_free(temp);
}


static ngx_int_t
ngx_mesh_state_header(ngx_mesh_state_t *st, u_char *buf, size_t *len)
{
    u_char     *p, *rest;
    u_char      digest[NGX_MESH_DIGEST_LEN];
    ngx_str_t   parts[2];

    rest = buf + NGX_MESH_STATE_PREFIX;

    p = ngx_sprintf(rest, " size=%uz version=", st->text.len);
    p = ngx_mesh_state_escape(p, p + NGX_MESH_STATE_VERSION_LEN, &st->version,
                              NGX_MESH_STATE_SAFE);

    p = ngx_mesh_state_member(p, " etag=", st->origin.etag,
                              NGX_MESH_SHM_ETAG_LEN);

    if (st->origin.store[0]) {
        p = ngx_mesh_state_member(p, " store=", st->origin.store,
                                  NGX_MESH_SHM_STORE_LEN);
        p = ngx_sprintf(p, " revision=%uL", st->origin.revision);
    }

    *p++ = '\n';

    *len = p - buf;

    parts[0].data = rest;
    parts[0].len = p - rest;
    parts[1] = st->text;

    if (ngx_mesh_digest(parts, 2, digest) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(buf, NGX_MESH_STATE_MAGIC,
                   sizeof(NGX_MESH_STATE_MAGIC) - 1);
    (void) ngx_hex_dump(p, digest, NGX_MESH_DIGEST_LEN);

    return NGX_OK;
}


static u_char *
ngx_mesh_state_member(u_char *p, const char *name, u_char *value, size_t max)
{
    ngx_str_t  s;

    if (value[0] == '\0') {
        return p;
    }

    s.data = value;
    s.len = ngx_strlen(value);

    p = ngx_sprintf(p, "%s", name);

    return ngx_mesh_state_escape(p, p + 3 * max, &s, NGX_MESH_STATE_SAFE);
}


/* is it on disk already, and sound? */

static ngx_int_t
ngx_mesh_state_same(ngx_mesh_state_t *st, u_char *header, size_t len)
{
    u_char     *error;
    ngx_int_t   rc;
    ngx_str_t   content;

    error = st->error;

    if (ngx_mesh_state_load(st->path, st->text.len, &content, error, st->log)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;

    if (content.len == len + st->text.len
        && ngx_memcmp(content.data, header, len) == 0
        && ngx_memcmp(content.data + len, st->text.data, st->text.len) == 0)
    {
        rc = NGX_OK;
    }

    ngx_free(content.data);

    return rc;
}


static ngx_int_t
ngx_mesh_state_store(ngx_mesh_state_t *st, u_char *temp, u_char *header,
    size_t len)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    (void) ngx_delete_file(temp);

    fd = open((const char *) temp, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600);

    if (fd == NGX_INVALID_FILE) {
        return ngx_mesh_state_failed(st->error, ngx_open_file_n, temp,
                                     ngx_errno);
    }

    rc = ngx_mesh_state_write_fd(st, fd, temp, header, len);

    if (rc == NGX_OK) {
        rc = ngx_mesh_state_write_fd(st, fd, temp, st->text.data,
                                     st->text.len);
    }

    if (rc == NGX_OK && fsync(fd) == -1) {
        rc = ngx_mesh_state_failed(st->error, "fsync()", temp, ngx_errno);
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR && rc == NGX_OK) {
        rc = ngx_mesh_state_failed(st->error, ngx_close_file_n, temp,
                                   ngx_errno);
    }

    if (rc == NGX_OK
        && ngx_rename_file(temp, st->path) == NGX_FILE_ERROR)
    {
        rc = ngx_mesh_state_failed(st->error, ngx_rename_file_n, st->path,
                                   ngx_errno);
    }

    if (rc != NGX_OK) {
        (void) ngx_delete_file(temp);
        return rc;
    }

    return ngx_mesh_state_sync(st);
}


static ngx_int_t
ngx_mesh_state_write_fd(ngx_mesh_state_t *st, ngx_fd_t fd, u_char *path,
    u_char *buf, size_t size)
{
    ssize_t  n;

    while (size) {
        n = ngx_write_fd(fd, buf, size);

        if (n == -1) {
            if (ngx_errno == NGX_EINTR) {
                continue;
            }

            return ngx_mesh_state_failed(st->error, ngx_write_fd_n, path,
                                         ngx_errno);
        }

        buf += n;
        size -= n;
    }

    return NGX_OK;
}


/* the new name, too, has to be on disk */

static ngx_int_t
ngx_mesh_state_sync(ngx_mesh_state_t *st)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    fd = open((const char *) st->directory, O_RDONLY|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {
        return ngx_mesh_state_failed(st->error, ngx_open_file_n,
                                     st->directory, ngx_errno);
    }

    rc = NGX_OK;

    /* file systems that cannot flush a directory say EINVAL */

    if (fsync(fd) == -1 && ngx_errno != NGX_EINVAL) {
        rc = ngx_mesh_state_failed(st->error, "fsync()", st->directory,
                                   ngx_errno);
    }

    (void) ngx_close_file(fd);

    return rc;
}


/* always NGX_ERROR; "err" 0: "call" is the whole reason */

static ngx_int_t
ngx_mesh_state_failed(u_char *error, const char *call, u_char *path,
    ngx_err_t err)
{
    u_char  *p, *last;
    u_char   text[64];

    last = error + NGX_MESH_STATE_ERROR_LEN - 1;

    if (err == 0) {
        p = ngx_slprintf(error, last, "%s", call);

    } else {
        *ngx_strerror(err, text, sizeof(text) - 1) = '\0';
        p = ngx_slprintf(error, last, "%s \"%s\" failed (%d: %s)", call, path,
                         err, text);
    }

    *p = '\0';

    return NGX_ERROR;
}


ngx_int_t
ngx_mesh_state_read(u_char *path, size_t max, ngx_str_t *text,
    ngx_mesh_origin_t *origin, u_char *error, ngx_log_t *log)
{
    ngx_int_t  rc;
    ngx_str_t  content;

    rc = ngx_mesh_state_load(path, max, &content, error, log);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mesh_state_check(content.data, content.len, text, error);

    if (rc == NGX_OK) {
        ngx_mesh_state_origin(content.data, text->data, origin);

        /* what is to be freed must be the start */
        ngx_memmove(content.data, text->data, text->len);
        text->data = content.data;
        return NGX_OK;
    }

    ngx_free(content.data);

    return rc;
}


static ngx_int_t
ngx_mesh_state_load(u_char *path, size_t max, ngx_str_t *content,
    u_char *error, ngx_log_t *log)
{
    ngx_mesh_file_t  file;

    ngx_memzero(&file, sizeof(ngx_mesh_file_t));

    file.path = path;
    file.max = max + NGX_MESH_STATE_HEADER;
    file.log = log;

    ngx_mesh_file_read(&file);

    switch (file.result) {

    case NGX_MESH_FILE_READ:
        *content = file.text;
        return NGX_OK;

    case NGX_MESH_FILE_FAILED:
        if (file.err == NGX_ENOENT) {
            return NGX_DECLINED;
        }

        return ngx_mesh_state_failed(error,
                                     file.err ? file.call : "is not a file",
                                     path, file.err);

    case NGX_MESH_FILE_TOO_LARGE:
        return ngx_mesh_state_failed(error, "is too large", path, 0);

    default:
        return ngx_mesh_state_failed(error, "changed while it was read", path,
                                     0);
    }
}


/*
 * Parses nothing that it has not checked: the header has to be the one that
 * would be written, but for the version, of which the digest knows.
 */

static ngx_int_t
ngx_mesh_state_check(u_char *buf, size_t size, ngx_str_t *text,
    u_char *error)
{
    u_char     *p, *q, *end, *line;
    u_char      digest[NGX_MESH_DIGEST_LEN], hex[2 * NGX_MESH_DIGEST_LEN];
    ngx_int_t   n;
    ngx_str_t   rest;

    if (size < NGX_MESH_STATE_PREFIX
        || ngx_memcmp(buf, NGX_MESH_STATE_MAGIC,
                      sizeof(NGX_MESH_STATE_MAGIC) - 1)
           != 0)
    {
        return ngx_mesh_state_failed(error, "has no valid header", NULL, 0);
    }

    end = buf + size;

    rest.data = buf + NGX_MESH_STATE_PREFIX;
    rest.len = end - rest.data;

    if (ngx_mesh_digest(&rest, 1, digest) != NGX_OK) {
        return ngx_mesh_state_failed(error, "cannot be checked", NULL, 0);
    }

    (void) ngx_hex_dump(hex, digest, NGX_MESH_DIGEST_LEN);

    if (ngx_memcmp(hex, rest.data - sizeof(hex), sizeof(hex)) != 0) {
        return ngx_mesh_state_failed(error, "has a wrong checksum", NULL, 0);
    }

    line = ngx_strlchr(rest.data, end, '\n');
    p = rest.data + sizeof(" size=") - 1;

    if (line == NULL || line < p
        || ngx_memcmp(rest.data, " size=", sizeof(" size=") - 1) != 0)
    {
        return ngx_mesh_state_failed(error, "has no valid header", NULL, 0);
    }

    q = ngx_strlchr(p, line, ' ');
    n = q ? ngx_atosz(p, q - p) : NGX_ERROR;

    if (n == NGX_ERROR || n == 0 || n != end - line - 1) {
        return ngx_mesh_state_failed(error, "has a wrong size", NULL, 0);
    }

    text->data = line + 1;
    text->len = n;

    return NGX_OK;
}


/* of a header that was checked; files of before have none of it */

static void
ngx_mesh_state_origin(u_char *line, u_char *end, ngx_mesh_origin_t *origin)
{
    u_char  revision[NGX_INT64_LEN + 1];

    ngx_memzero(origin, sizeof(ngx_mesh_origin_t));

    (void) ngx_mesh_state_value(line, end, " etag=", origin->etag,
                                NGX_MESH_SHM_ETAG_LEN);

    if (ngx_mesh_state_value(line, end, " store=", origin->store,
                             NGX_MESH_SHM_STORE_LEN)
        == NGX_OK
        && ngx_mesh_state_value(line, end, " revision=", revision,
                                sizeof(revision))
           == NGX_OK)
    {
        origin->revision = strtoull((char *) revision, NULL, 10);
    }
}


/* in values blanks are escaped, so that a name is found as what it is */

static ngx_int_t
ngx_mesh_state_value(u_char *line, u_char *end, const char *name,
    u_char *value, size_t size)
{
    size_t   len;
    u_char  *p, *q, *src, *dst, buf[3 * NGX_MESH_SHM_ETAG_LEN];

    len = ngx_strlen(name);

    p = ngx_strlcasestrn(line, end, (u_char *) name, len - 1);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    p += len;

    for (q = p; q < end && *q != ' ' && *q != '\n'; q++) { /* void */ }

    if ((size_t) (q - p) > sizeof(buf)) {
        return NGX_DECLINED;
    }

    src = p;
    dst = buf;

    ngx_unescape_uri(&dst, &src, q - p, 0);

    if ((size_t) (dst - buf) >= size) {
        return NGX_DECLINED;
    }

    (void) ngx_cpystrn(value, buf, dst - buf + 1);

    return NGX_OK;
}
