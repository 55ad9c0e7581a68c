
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Files that lines of access logs are written to, by path.  Each worker opens
 * its own, whenever a model names one, and writes through a buffer; lines of
 * several workers do not mix.  Nothing here waits: what a reader of a pipe does
 * not take, or a full disk, is kept while the buffer has room, then dropped and
 * counted.
 */


#ifndef _NGX_MESH_LOG_FILE_H_INCLUDED_
#define _NGX_MESH_LOG_FILE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct ngx_mesh_log_file_s  ngx_mesh_log_file_t;


/* when the configuration is read: asks nginx to tell of USR1 */
ngx_int_t ngx_mesh_log_file_conf(ngx_conf_t *cf);

/*
 * In the process that has read the configuration, before it has workers: opens
 * standard output and error for them, which they may not be allowed to.
 */
void ngx_mesh_log_file_init(ngx_cycle_t *cycle);

/* in each worker; "written" and "dropped" count lines */
void ngx_mesh_log_file_init_worker(ngx_cycle_t *cycle, uint64_t *written,
    uint64_t *dropped);

/* writes what is in the buffers, closes all */
void ngx_mesh_log_file_exit_worker(void);

/*
 * The file with this path, which ends with a NUL beyond its length and is
 * copied; NULL if memory is short.  It stays for the current event.  One that
 * cannot be opened is there too, and drops lines when its buffer is full.
 */
ngx_mesh_log_file_t *ngx_mesh_log_file_get(ngx_str_t *path);

/*
 * Where a line is to be put, and where it has to end, which is always room for
 * the longest line that a file may have; NULL: there is no room, the line is
 * dropped, and was counted.
 */
u_char *ngx_mesh_log_file_room(ngx_mesh_log_file_t *file, u_char **last);

/* the line was put there, and ends here */
void ngx_mesh_log_file_add(ngx_mesh_log_file_t *file, u_char *end);

/* the line was not put there, as it is too long */
void ngx_mesh_log_file_drop(ngx_mesh_log_file_t *file);

/*
 * Each second: writes buffers, tries again what could not be opened or
 * written, opens "path" if there is one, and closes files that nobody wrote to
 * for some time.
 */
void ngx_mesh_log_file_tick(ngx_str_t *path);


#endif /* _NGX_MESH_LOG_FILE_H_INCLUDED_ */
