
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Reading a document from a file that others write.  No function here touches
 * the state of a process, so a thread may run them.
 */


#ifndef _NGX_MESH_FILE_H_INCLUDED_
#define _NGX_MESH_FILE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_MESH_DIGEST_LEN  32     /* SHA-256 */


/* what tells one content of a file from another without reading it */

typedef struct {
    dev_t                device;
    ino_t                inode;
    off_t                size;
    struct timespec      modified;
    struct timespec      changed;   /* cannot be set by who writes the file */
} ngx_mesh_file_id_t;


typedef enum {
    NGX_MESH_FILE_READ = 0,         /* "text" and "digest" are set */
    NGX_MESH_FILE_SAME,             /* "known" still holds, nothing was read */
    NGX_MESH_FILE_TORN,             /* was written to while it was read */
    NGX_MESH_FILE_TOO_LARGE,
    NGX_MESH_FILE_FAILED            /* "call" failed with "err" */
} ngx_mesh_file_result_e;


typedef struct {
    /* set by the caller */
    u_char                  *path;
    size_t                   max;   /* bytes */
    ngx_msec_t               settle;  /* how long a change counts as young */
    ngx_mesh_file_id_t       known; /* zeroed: read in any case */
    ngx_log_t               *log;

    /* set by ngx_mesh_file_read() */
    ngx_mesh_file_result_e   result;
    ngx_mesh_file_id_t       id;
    ngx_uint_t               young; /* changed less than "settle" ago */
    ngx_str_t                text;  /* the caller's, to ngx_free() */
    u_char                   digest[NGX_MESH_DIGEST_LEN];
    ngx_err_t                err;   /* 0: not a regular file */
    const char              *call;
} ngx_mesh_file_t;


void ngx_mesh_file_read(ngx_mesh_file_t *file);

/* all of an open file of "size" bytes; NGX_DECLINED if it is shorter */
ngx_int_t ngx_mesh_file_read_fd(ngx_fd_t fd, u_char *buf, size_t size);

/* SHA-256 of "n" strings one after the other */
ngx_int_t ngx_mesh_digest(ngx_str_t *parts, ngx_uint_t n, u_char *digest);


#endif /* _NGX_MESH_FILE_H_INCLUDED_ */
