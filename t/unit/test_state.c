
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The last-known-good file, sound and damaged in every way, and the reading of
 * the source file.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_file.h>
#include <ngx_mesh_state.h>

#include "ngx_mesh_unit.h"


#define MESH_STATE_MAX  1000000


/* a state file in a directory of its own */

static ngx_mesh_state_t *
mesh_unit_state_create(ngx_mesh_unit_t *u)
{
    u_char            *dir;
    ngx_str_t          directory, mesh, type, resource, path;
    ngx_mesh_state_t  *st;

    st = ngx_pcalloc(u->pool, sizeof(ngx_mesh_state_t));
    dir = ngx_pcalloc(u->pool, 64);

    ngx_memcpy(dir, "/tmp/mesh-unit-state.XXXXXX",
               sizeof("/tmp/mesh-unit-state.XXXXXX"));

    if (mkdtemp((char *) dir) == NULL) {
        return NULL;
    }

    directory.data = dir;
    directory.len = ngx_strlen(dir);

    ngx_str_set(&mesh, "ordering");
    ngx_str_set(&type, "virtualNode");
    ngx_str_set(&resource, "order");

    if (ngx_mesh_state_path(u->pool, &directory, &mesh, &type, &resource,
                            &path)
        != NGX_OK)
    {
        return NULL;
    }

    st->directory = dir;
    st->path = path.data;
    st->log = u->log;

    ngx_str_set(&st->text, "{\"meshDocument\": 1, \"version\": \"a b\"}");
    ngx_str_set(&st->version, "a b");

    return st;
}


static void
mesh_unit_state_destroy(ngx_mesh_state_t *st)
{
    (void) ngx_delete_file(st->path);
    (void) ngx_delete_dir(st->directory);
}


static ngx_int_t
mesh_unit_state_read(ngx_mesh_unit_t *u, ngx_mesh_state_t *st, ngx_str_t *text)
{
    ngx_int_t  rc;

    rc = ngx_mesh_state_read(st->path, MESH_STATE_MAX, text, &st->origin,
                             st->error, u->log);
    if (rc == NGX_OK) {
        ngx_free(text->data);
    }

    return rc;
}


static void
mesh_unit_state_put(u_char *path, u_char *data, size_t size)
{
    ngx_fd_t  fd;

    fd = ngx_open_file(path, NGX_FILE_WRONLY, NGX_FILE_TRUNCATE, 0600);
    (void) ngx_write_fd(fd, data, size);
    (void) ngx_close_file(fd);
}


static void
mesh_unit_state_get(ngx_mesh_unit_t *u, u_char *path, ngx_str_t *content)
{
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    content->len = 0;

    if (ngx_file_info(path, &fi) == NGX_FILE_ERROR) {
        return;
    }

    content->data = ngx_palloc(u->pool, ngx_file_size(&fi) + 1);

    fd = ngx_open_file(path, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (ngx_mesh_file_read_fd(fd, content->data, ngx_file_size(&fi))
        == NGX_OK)
    {
        content->len = ngx_file_size(&fi);
    }

    (void) ngx_close_file(fd);
}


static void
mesh_unit_state_round_trip(ngx_mesh_unit_t *u)
{
    ngx_str_t          text, content, line;
    ngx_file_info_t    fi;
    ngx_mesh_state_t  *st;

    st = mesh_unit_state_create(u);
    if (!MESH_OK(st != NULL, "a directory was made")) {
        return;
    }

    MESH_IS_INT(mesh_unit_state_read(u, st, &text), NGX_DECLINED,
                "no file is no error");

    ngx_mesh_state_write(st);
    MESH_IS_INT(st->rc, NGX_OK, "the file is written");

    (void) ngx_file_info(st->path, &fi);
    MESH_IS_INT(ngx_file_access(&fi), 0600, "with mode 0600");

    MESH_IS_INT(ngx_mesh_state_read(st->path, MESH_STATE_MAX, &text,
                                    &st->origin, st->error, u->log),
                NGX_OK, "it is read");
    MESH_OK(text.len == st->text.len
            && ngx_memcmp(text.data, st->text.data, text.len) == 0,
            "to the byte");
    ngx_free(text.data);

    mesh_unit_state_get(u, st->path, &content);
    line = content;
    line.len = sizeof("nginx-mesh-state 1 sha256=") - 1;
    MESH_IS_STR(&line, "nginx-mesh-state 1 sha256=", "it has its header");

    line.data += line.len + 64;
    line.len = sizeof(" size=37 version=a%20b\n") - 1;
    MESH_IS_STR(&line, " size=37 version=a%20b\n", "with an escaped version");

    ngx_mesh_state_write(st);
    MESH_IS_INT(st->rc, NGX_DECLINED, "the same is not written twice");

    mesh_unit_state_put(st->path, content.data, content.len - 1);
    ngx_mesh_state_write(st);
    MESH_IS_INT(st->rc, NGX_OK, "unless it was damaged");

    ngx_str_set(&st->text, "{}");
    ngx_mesh_state_write(st);
    MESH_IS_INT(st->rc, NGX_OK, "another document takes its place");
    MESH_IS_INT(mesh_unit_state_read(u, st, &text), NGX_OK, "and is read");
    MESH_IS_INT(text.len, 2, "with its size");

    mesh_unit_state_destroy(st);
    MESH_OK(ngx_file_info(st->directory, &fi) == NGX_FILE_ERROR,
            "nothing else is left in the directory");
}

MESH_UNIT(mesh_unit_state_round_trip)


static void
mesh_unit_state_damaged(ngx_mesh_unit_t *u)
{
    ngx_str_t          text, content;
    ngx_uint_t         i, b, taken;
    ngx_mesh_state_t  *st;

    st = mesh_unit_state_create(u);
    if (!MESH_OK(st != NULL, "a directory was made")) {
        return;
    }

    ngx_mesh_state_write(st);
    mesh_unit_state_get(u, st->path, &content);

    MESH_IS_INT(content.len, 26 + 64 + 23 + 37, "a file of known size");

    for (i = 0, taken = 0; i < content.len; i++) {
        mesh_unit_state_put(st->path, content.data, i);
        taken += mesh_unit_state_read(u, st, &text) != NGX_ERROR;
    }

    MESH_IS_INT(taken, 0, "cut at any byte it is not used");

    for (i = 0, taken = 0; i < content.len; i++) {
        for (b = 0; b < 8; b++) {
            content.data[i] ^= 1 << b;
            mesh_unit_state_put(st->path, content.data, content.len);
            taken += mesh_unit_state_read(u, st, &text) != NGX_ERROR;
            content.data[i] ^= 1 << b;
        }
    }

    MESH_IS_INT(taken, 0, "nor with any bit flipped");

    content.data[content.len] = '\n';
    mesh_unit_state_put(st->path, content.data, content.len + 1);
    MESH_IS_INT(mesh_unit_state_read(u, st, &text), NGX_ERROR,
                "nor with a byte more");
    MESH_DIAG("%s", st->error);

    mesh_unit_state_put(st->path, content.data, content.len);
    MESH_IS_INT(mesh_unit_state_read(u, st, &text), NGX_OK,
                "as it was it is used");

    MESH_IS_INT(ngx_mesh_state_read(st->path, 1, &text, &st->origin,
                                    st->error, u->log),
                NGX_OK, "the limit leaves room for a header");

    if (text.data) {
        ngx_free(text.data);
    }

    mesh_unit_state_destroy(st);
}

MESH_UNIT(mesh_unit_state_damaged)


/* headers that are signed as they should be and yet make no sense */

static void
mesh_unit_state_signed(ngx_mesh_unit_t *u)
{
    u_char             *p, buf[512], digest[NGX_MESH_DIGEST_LEN];
    ngx_str_t           text, rest;
    ngx_uint_t          i, taken;
    ngx_mesh_state_t   *st;

    static const char  *rests[] = {
        "",
        "\n",
        " size=",
        " size=\n{}",
        " size=2\n{}",
        " size=3 version=v\n{}",
        " size=1 version=v\n{}",
        " size=0 version=v\n",
        " size=-1 version=v\n{}",
        " size=99999999999999999999 version=v\n{}",
        " size=2 version=v{}",
        "size=2 version=v\n{}",
        " SIZE=2 version=v\n{}",
        NULL
    };

    st = mesh_unit_state_create(u);
    if (!MESH_OK(st != NULL, "a directory was made")) {
        return;
    }

    for (i = 0, taken = 0; rests[i]; i++) {
        rest.data = (u_char *) rests[i];
        rest.len = ngx_strlen(rest.data);

        (void) ngx_mesh_digest(&rest, 1, digest);

        p = ngx_sprintf(buf, "nginx-mesh-state 1 sha256=");
        p = ngx_hex_dump(p, digest, NGX_MESH_DIGEST_LEN);
        p = ngx_cpymem(p, rest.data, rest.len);

        mesh_unit_state_put(st->path, buf, p - buf);
        taken += mesh_unit_state_read(u, st, &text) != NGX_ERROR;
    }

    MESH_IS_INT(taken, 0, "%ui headers without sense are not used", i);

    mesh_unit_state_destroy(st);
}

MESH_UNIT(mesh_unit_state_signed)


static void
mesh_unit_state_in_the_way(ngx_mesh_unit_t *u)
{
    ngx_str_t          text;
    ngx_mesh_state_t  *st;

    st = mesh_unit_state_create(u);
    if (!MESH_OK(st != NULL, "a directory was made")) {
        return;
    }

    (void) ngx_create_dir(st->path, 0700);
    MESH_IS_INT(mesh_unit_state_read(u, st, &text), NGX_ERROR,
                "a directory is not read");
    ngx_mesh_state_write(st);
    MESH_IS_INT(st->rc, NGX_ERROR, "nor replaced");
    MESH_OK(ngx_strstr(st->error, "rename()"), "but told of: %s", st->error);
    (void) ngx_delete_dir(st->path);

    (void) mkfifo((char *) st->path, 0600);
    MESH_IS_INT(mesh_unit_state_read(u, st, &text), NGX_ERROR,
                "a fifo does not block");
    (void) ngx_delete_file(st->path);

    mesh_unit_state_put(st->path, (u_char *) "", 0);
    MESH_IS_INT(mesh_unit_state_read(u, st, &text), NGX_ERROR,
                "an empty file is not used");
    (void) ngx_delete_file(st->path);

    if (geteuid() != 0) {
        ngx_mesh_state_write(st);
        (void) ngx_change_file_access(st->path, 0);
        MESH_IS_INT(mesh_unit_state_read(u, st, &text), NGX_ERROR,
                    "an unreadable file is told of: %s", st->error);
    }

    mesh_unit_state_destroy(st);

    ngx_mesh_state_write(st);
    MESH_IS_INT(st->rc, NGX_ERROR, "no directory: %s", st->error);
}

MESH_UNIT(mesh_unit_state_in_the_way)


static void
mesh_unit_state_name(ngx_mesh_unit_t *u)
{
    ngx_str_t  dir, mesh, type, resource, path, other;

    ngx_str_set(&dir, "/d");
    ngx_str_set(&mesh, "../a.b");
    ngx_str_set(&type, "");
    ngx_str_set(&resource, "");

    (void) ngx_mesh_state_path(u->pool, &dir, &mesh, &type, &resource, &path);
    MESH_IS_STR(&path, "/d/%2E%2E%2Fa%2Eb.json", "a mesh with dots");

    ngx_str_set(&mesh, "m");
    ngx_str_set(&type, "virtualNode");
    ngx_str_set(&resource, "n_1");

    (void) ngx_mesh_state_path(u->pool, &dir, &mesh, &type, &resource, &path);
    MESH_IS_STR(&path, "/d/m.virtualNode.n_1.json", "a resource");

    resource.len = 255;
    resource.data = ngx_palloc(u->pool, 255);
    ngx_memset(resource.data, '/', 255);

    (void) ngx_mesh_state_path(u->pool, &dir, &mesh, &type, &resource, &path);
    resource.data[254] = '.';
    (void) ngx_mesh_state_path(u->pool, &dir, &mesh, &type, &resource, &other);

    MESH_OK(path.len < 3 + 255, "a long name is cut: %uz", path.len);
    MESH_OK(path.data[path.len] == '\0', "and has its end");
    MESH_OK(path.len == other.len
            && ngx_memcmp(path.data, other.data, path.len) != 0,
            "and stays different from others");
}

MESH_UNIT(mesh_unit_state_name)


static void
mesh_unit_state_source(ngx_mesh_unit_t *u)
{
    ngx_mesh_file_t    file;
    ngx_mesh_state_t  *st;

    st = mesh_unit_state_create(u);
    if (!MESH_OK(st != NULL, "a directory was made")) {
        return;
    }

    ngx_memzero(&file, sizeof(ngx_mesh_file_t));
    file.path = st->path;
    file.max = 100;
    file.settle = 3600000;
    file.log = u->log;

    ngx_mesh_file_read(&file);
    MESH_OK(file.result == NGX_MESH_FILE_FAILED && file.err == NGX_ENOENT,
            "a missing file");

    mesh_unit_state_put(st->path, (u_char *) "one", 3);

    ngx_mesh_file_read(&file);
    MESH_IS_INT(file.result, NGX_MESH_FILE_READ, "a file is read");
    MESH_IS_STR(&file.text, "one", "whole");
    MESH_IS_INT(file.young, 1, "it is young");
    ngx_free(file.text.data);

    file.known = file.id;
    ngx_mesh_file_read(&file);
    MESH_IS_INT(file.result, NGX_MESH_FILE_READ,
                "and is read again while it is");
    ngx_free(file.text.data);

    file.settle = 0;
    ngx_mesh_file_read(&file);
    MESH_IS_INT(file.result, NGX_MESH_FILE_SAME, "but not later");

    ngx_msleep(20);
    mesh_unit_state_put(st->path, (u_char *) "two", 3);
    ngx_mesh_file_read(&file);
    MESH_IS_INT(file.result, NGX_MESH_FILE_READ, "unless it changed");
    ngx_free(file.text.data);

    file.max = 2;
    ngx_mesh_file_read(&file);
    MESH_OK(file.result == NGX_MESH_FILE_TOO_LARGE && file.text.data == NULL,
            "a large one is not read");

    file.max = 100;
    mesh_unit_state_put(st->path, (u_char *) "", 0);
    ngx_mesh_file_read(&file);
    MESH_OK(file.result == NGX_MESH_FILE_READ && file.text.len == 0,
            "an empty one is");
    ngx_free(file.text.data);

    file.path = st->directory;
    ngx_mesh_file_read(&file);
    MESH_OK(file.result == NGX_MESH_FILE_FAILED && file.err == 0,
            "a directory is no file");

    mesh_unit_state_destroy(st);
}

MESH_UNIT(mesh_unit_state_source)
