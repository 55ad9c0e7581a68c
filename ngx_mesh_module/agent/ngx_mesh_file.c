
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The file source of the agent: is there a new content, and which.  Runs in a
 * thread of worker 0, or in the worker itself where there are no threads and
 * while it starts.
 *
 * A file is read anew when its device, inode, size or one of its times differs
 * from the last reading.  Times are as coarse as a tick of the kernel, two
 * writes in one tick leave the same ones: while the last change is young the
 * file is read each time.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>

#include "ngx_mesh_file.h"


static void ngx_mesh_file_read_open(ngx_mesh_file_t *file, ngx_fd_t fd);
static ngx_int_t ngx_mesh_file_identify(ngx_mesh_file_t *file, ngx_fd_t fd,
    ngx_mesh_file_id_t *id);
static ngx_uint_t ngx_mesh_file_young(ngx_mesh_file_t *file);
static void ngx_mesh_file_failed(ngx_mesh_file_t *file, const char *call,
    ngx_err_t err);


void
ngx_mesh_file_read(ngx_mesh_file_t *file)
{
    ngx_fd_t  fd;

    ngx_str_null(&file->text);

    /* NGX_FILE_NONBLOCK: a fifo must not hold the worker up */

    fd = ngx_open_file(file->path, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_mesh_file_failed(file, ngx_open_file_n, ngx_errno);
        return;
    }

    ngx_mesh_file_read_open(file, fd);

    if (file->result != NGX_MESH_FILE_READ && file->text.data) {
        ngx_free(file->text.data);
        ngx_str_null(&file->text);
    }

    (void) ngx_close_file(fd);
}


static void
ngx_mesh_file_read_open(ngx_mesh_file_t *file, ngx_fd_t fd)
{
    ngx_int_t           rc;
    ngx_mesh_file_id_t  after;

    if (ngx_mesh_file_identify(file, fd, &file->id) != NGX_OK) {
        return;
    }

    file->young = ngx_mesh_file_young(file);

    if (!file->young
        && ngx_memcmp(&file->id, &file->known, sizeof(ngx_mesh_file_id_t))
           == 0)
    {
        file->result = NGX_MESH_FILE_SAME;
        return;
    }

    if ((uint64_t) file->id.size > (uint64_t) file->max) {
        file->result = NGX_MESH_FILE_TOO_LARGE;
        return;
    }

    file->text.len = (size_t) file->id.size;
    file->text.data = ngx_alloc(file->text.len + 1, file->log);

    if (file->text.data == NULL) {
        ngx_mesh_file_failed(file, "malloc()", NGX_ENOMEM);
        return;
    }

    rc = ngx_mesh_file_read_fd(fd, file->text.data, file->text.len);

    if (rc == NGX_ERROR) {
        ngx_mesh_file_failed(file, ngx_read_file_n, ngx_errno);
        return;
    }

    if (ngx_mesh_file_identify(file, fd, &after) != NGX_OK) {
        return;
    }

    if (rc == NGX_DECLINED
        || ngx_memcmp(&file->id, &after, sizeof(ngx_mesh_file_id_t)) != 0)
    {
        file->result = NGX_MESH_FILE_TORN;
        return;
    }

    if (ngx_mesh_digest(&file->text, 1, file->digest) != NGX_OK) {
        ngx_mesh_file_failed(file, "EVP_Digest()", NGX_ENOMEM);
        return;
    }

    file->result = NGX_MESH_FILE_READ;
}


static ngx_int_t
ngx_mesh_file_identify(ngx_mesh_file_t *file, ngx_fd_t fd,
    ngx_mesh_file_id_t *id)
{
    ngx_file_info_t  fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_mesh_file_failed(file, ngx_fd_info_n, ngx_errno);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi)) {
        ngx_mesh_file_failed(file, ngx_fd_info_n, 0);
        return NGX_ERROR;
    }

    /* compared as memory */

    ngx_memzero(id, sizeof(ngx_mesh_file_id_t));

    id->device = fi.st_dev;
    id->inode = fi.st_ino;
    id->size = fi.st_size;

#if (__APPLE__)
    id->modified = fi.st_mtimespec;
    id->changed = fi.st_ctimespec;
#else
    id->modified = fi.st_mtim;
    id->changed = fi.st_ctim;
#endif

    return NGX_OK;
}


/*
 * A change that seems to lie in the future is young if it is near, else the
 * clocks do not agree and nothing can be said.
 */

static ngx_uint_t
ngx_mesh_file_young(ngx_mesh_file_t *file)
{
    int64_t         age, settle;
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    age = ((int64_t) tv.tv_sec - (int64_t) file->id.changed.tv_sec) * 1000
          + tv.tv_usec / 1000 - file->id.changed.tv_nsec / 1000000;

    settle = (int64_t) file->settle;

    return age < settle && age > -settle;
}


static void
ngx_mesh_file_failed(ngx_mesh_file_t *file, const char *call, ngx_err_t err)
{
    file->result = NGX_MESH_FILE_FAILED;
    file->call = call;
    file->err = err;
}


ngx_int_t
ngx_mesh_file_read_fd(ngx_fd_t fd, u_char *buf, size_t size)
{
    ssize_t  n;

    while (size) {
        n = ngx_read_fd(fd, buf, size);

        if (n == -1) {
            if (ngx_errno == NGX_EINTR) {
                continue;
            }

            return NGX_ERROR;
        }

        if (n == 0) {
            return NGX_DECLINED;
        }

        buf += n;
        size -= n;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_digest(ngx_str_t *parts, ngx_uint_t n, u_char *digest)
{
    ngx_int_t    rc;
    ngx_uint_t   i;
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
        goto done;
    }

    for (i = 0; i < n; i++) {
        if (EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1) {
            goto done;
        }
    }

    if (EVP_DigestFinal_ex(ctx, digest, NULL) == 1) {
        rc = NGX_OK;
    }

done:

    EVP_MD_CTX_free(ctx);

    return rc;
}
