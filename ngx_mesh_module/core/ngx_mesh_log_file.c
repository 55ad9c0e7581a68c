
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Files of access logs, in a worker.
 *
 * A regular file is appended to in one write() for all that is buffered, which
 * the kernel does not mix with the writes of others.  For pipes that holds up
 * to PIPE_BUF bytes, so they get whole lines up to that size, and never block:
 * a reader that stands still leads to EAGAIN, and the lines stay until there is
 * no room for more.  Paths are the keys, so nothing points into a model.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <poll.h>

#include "ngx_mesh_log_file.h"


#define NGX_MESH_LOG_FILE_BUFFER   65536
#define NGX_MESH_LOG_FILE_LINE     16384    /* longest line of a file */
#define NGX_MESH_LOG_FILE_ATOMIC   4096     /* PIPE_BUF, and the longest line
                                               of what is not a file */
#define NGX_MESH_LOG_FILE_RETRY    10       /* ms, for a pipe that is full */
#define NGX_MESH_LOG_FILE_IDLE     10       /* ticks until it is closed */


struct ngx_mesh_log_file_s {
    ngx_queue_t              queue;
    ngx_str_t                path;          /* with a NUL */
    ngx_fd_t                 fd;
    unsigned                 inherited:1;   /* not to be closed */
    unsigned                 regular:1;
    unsigned                 socket:1;
    unsigned                 poll:1;        /* fd may block */
    unsigned                 stalled:1;     /* until a retry or a tick */
    unsigned                 told:1;        /* of an error */
    unsigned                 torn:1;        /* the disk got a part of a line */
    ngx_uint_t               idle;          /* ticks */
    ngx_uint_t               lines;         /* in the buffer */
    u_char                  *pos;           /* begin of what is to be written */
    u_char                  *last;
    u_char                  *buffer;
};


/* of one process */

typedef struct {
    ngx_queue_t              files;
    ngx_uint_t               ready;         /* unsigned  ready:1; */
    ngx_event_t              retry;
    ngx_connection_t         dummy;         /* for the log of "retry" */
    uint64_t                *written;
    uint64_t                *dropped;
} ngx_mesh_log_worker_t;


/* in a mapping of its own: the heap that serves requests gets no hole */

#define ngx_mesh_log_file_size(len)                                           \
    (sizeof(ngx_mesh_log_file_t) + NGX_MESH_LOG_FILE_BUFFER + (len) + 1)


static void ngx_mesh_log_file_reopen(ngx_open_file_t *file, ngx_log_t *log);
static ngx_fd_t ngx_mesh_log_file_standard(ngx_fd_t fd);
static ngx_int_t ngx_mesh_log_file_open(ngx_mesh_log_file_t *file);
static ngx_int_t ngx_mesh_log_file_inherit(ngx_mesh_log_file_t *file);
static void ngx_mesh_log_file_close(ngx_mesh_log_file_t *file);
static void ngx_mesh_log_file_free(ngx_mesh_log_file_t *file);
static void ngx_mesh_log_file_flush(ngx_mesh_log_file_t *file);
static size_t ngx_mesh_log_file_chunk(ngx_mesh_log_file_t *file);
static ssize_t ngx_mesh_log_file_write(ngx_mesh_log_file_t *file, size_t size);
static void ngx_mesh_log_file_sent(ngx_mesh_log_file_t *file, size_t n,
    size_t size);
static void ngx_mesh_log_file_failed(ngx_mesh_log_file_t *file, ngx_err_t err);
static void ngx_mesh_log_file_torn(ngx_mesh_log_file_t *file);
static ngx_uint_t ngx_mesh_log_file_lines(u_char *p, u_char *last);
static void ngx_mesh_log_file_retry(ngx_event_t *ev);
static void ngx_mesh_log_file_error(ngx_mesh_log_file_t *file, ngx_err_t err,
    const char *what);


static ngx_mesh_log_worker_t  ngx_mesh_log_worker;

/* of the master, inherited: standard output and error; -1: as they are */
static ngx_fd_t  ngx_mesh_log_standard[3] = { -1, -1, -1 };


/*
 * nginx opens its logs again by going over the files of the cycle, and calls
 * the flush handler of each before.  It also gives them to the user of the
 * workers, so the file that stands for ours has to be one that nobody else
 * knows: it lies in memory and has no name.
 */

ngx_int_t
ngx_mesh_log_file_conf(ngx_conf_t *cf)
{
#ifdef MFD_CLOEXEC

    u_char           *p;
    ngx_str_t         name;
    ngx_open_file_t  *file;

    static ngx_fd_t  fd = -1;       /* for the life of the process */

    if (fd == -1) {
        fd = memfd_create("mesh_access_log", MFD_CLOEXEC);
        if (fd == -1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               "memfd_create() failed");
            return NGX_ERROR;
        }
    }

    p = ngx_pnalloc(cf->pool, sizeof("/proc/self/fd/") + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    name.data = p;
    name.len = ngx_sprintf(p, "/proc/self/fd/%d%Z", fd) - p - 1;

    if (access((char *) p, W_OK) == -1) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           "access() \"%V\" failed, access logs of the mesh "
                           "are not opened again at USR1", &name);
        return NGX_OK;
    }

    file = ngx_conf_open_file(cf->cycle, &name);
    if (file == NULL) {
        return NGX_ERROR;
    }

    file->flush = ngx_mesh_log_file_reopen;

#endif

    return NGX_OK;
}


/* in the master there are no files, and nothing happens */

static void
ngx_mesh_log_file_reopen(ngx_open_file_t *of, ngx_log_t *log)
{
    ngx_queue_t          *q;
    ngx_mesh_log_file_t  *file;

    if (!ngx_mesh_log_worker.ready) {
        return;
    }

    for (q = ngx_queue_head(&ngx_mesh_log_worker.files);
         q != ngx_queue_sentinel(&ngx_mesh_log_worker.files);
         q = ngx_queue_next(q))
    {
        file = ngx_queue_data(q, ngx_mesh_log_file_t, queue);

        file->stalled = 0;

        ngx_mesh_log_file_flush(file);
        ngx_mesh_log_file_close(file);

        (void) ngx_mesh_log_file_open(file);
    }
}


void
ngx_mesh_log_file_init(ngx_cycle_t *cycle)
{
    ngx_fd_t          fd;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    /* a daemon is about to lose them */

    if (ccf->daemon) {
        return;
    }

    for (fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        if (ngx_mesh_log_standard[fd] == -1) {
            ngx_mesh_log_standard[fd] = ngx_mesh_log_file_standard(fd);
        }
    }
}


/*
 * A pipe or terminal is opened once more to be non-blocking for workers only;
 * whoever else has it is not to be surprised.
 */

static ngx_fd_t
ngx_mesh_log_file_standard(ngx_fd_t fd)
{
    u_char       name[sizeof("/proc/self/fd/2")];
    struct stat  st;

    if (fstat(fd, &st) == -1
        || (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)))
    {
        return -1;
    }

    ngx_sprintf(name, "/proc/self/fd/%d%Z", fd);

    return open((char *) name,
                O_WRONLY|O_APPEND|O_NONBLOCK|O_NOCTTY|O_CLOEXEC);
}


void
ngx_mesh_log_file_init_worker(ngx_cycle_t *cycle, uint64_t *written,
    uint64_t *dropped)
{
    ngx_mesh_log_worker_t  *w;

    w = &ngx_mesh_log_worker;

    ngx_queue_init(&w->files);

    ngx_memzero(&w->retry, sizeof(ngx_event_t));

    w->dummy.fd = (ngx_socket_t) -1;

    w->retry.handler = ngx_mesh_log_file_retry;
    w->retry.log = cycle->log;
    w->retry.data = &w->dummy;
    w->retry.cancelable = 1;

    w->written = written;
    w->dropped = dropped;
    w->ready = 1;
}


void
ngx_mesh_log_file_exit_worker(void)
{
    ngx_queue_t            *q;
    ngx_mesh_log_file_t    *file;
    ngx_mesh_log_worker_t  *w;

    w = &ngx_mesh_log_worker;

    if (!w->ready) {
        return;
    }

    while (!ngx_queue_empty(&w->files)) {

        q = ngx_queue_head(&w->files);
        file = ngx_queue_data(q, ngx_mesh_log_file_t, queue);

        file->stalled = 0;

        ngx_mesh_log_file_flush(file);
        ngx_mesh_log_file_free(file);
    }

    if (w->retry.timer_set) {
        ngx_del_timer(&w->retry);
    }

    w->ready = 0;
}


ngx_mesh_log_file_t *
ngx_mesh_log_file_get(ngx_str_t *path)
{
    ngx_queue_t            *q;
    ngx_mesh_log_file_t    *file;
    ngx_mesh_log_worker_t  *w;

    w = &ngx_mesh_log_worker;

    if (!w->ready) {
        return NULL;
    }

    for (q = ngx_queue_head(&w->files);
         q != ngx_queue_sentinel(&w->files);
         q = ngx_queue_next(q))
    {
        file = ngx_queue_data(q, ngx_mesh_log_file_t, queue);

        if (file->path.len == path->len
            && ngx_memcmp(file->path.data, path->data, path->len) == 0)
        {
            return file;
        }
    }

    file = mmap(NULL, ngx_mesh_log_file_size(path->len),
                PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (file == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, ngx_cycle->log, ngx_errno,
                      "mmap(%uz) failed", ngx_mesh_log_file_size(path->len));
        return NULL;
    }

    file->buffer = (u_char *) file + sizeof(ngx_mesh_log_file_t);
    file->pos = file->buffer;
    file->last = file->buffer;

    file->path.len = path->len;
    file->path.data = file->buffer + NGX_MESH_LOG_FILE_BUFFER;
    ngx_memcpy(file->path.data, path->data, path->len);

    file->fd = NGX_INVALID_FILE;

    ngx_queue_insert_head(&w->files, &file->queue);

    (void) ngx_mesh_log_file_open(file);

    return file;
}


u_char *
ngx_mesh_log_file_room(ngx_mesh_log_file_t *file, u_char **last)
{
    u_char  *end;
    size_t   line;

    end = file->buffer + NGX_MESH_LOG_FILE_BUFFER;
    line = file->regular ? NGX_MESH_LOG_FILE_LINE : NGX_MESH_LOG_FILE_ATOMIC;

    file->idle = 0;

    if ((size_t) (end - file->last) < line) {

        ngx_mesh_log_file_flush(file);

        if ((size_t) (end - file->last) < line) {
            (*ngx_mesh_log_worker.dropped)++;
            return NULL;
        }
    }

    *last = file->last + line;

    return file->last;
}


void
ngx_mesh_log_file_add(ngx_mesh_log_file_t *file, u_char *end)
{
    file->last = end;
    file->lines++;
}


void
ngx_mesh_log_file_drop(ngx_mesh_log_file_t *file)
{
    (*ngx_mesh_log_worker.dropped)++;
}


void
ngx_mesh_log_file_tick(ngx_str_t *path)
{
    ngx_queue_t            *q, *next;
    ngx_mesh_log_file_t    *file;
    ngx_mesh_log_worker_t  *w;

    w = &ngx_mesh_log_worker;

    if (!w->ready) {
        return;
    }

    file = path ? ngx_mesh_log_file_get(path) : NULL;

    if (file) {
        file->idle = 0;
    }

    for (q = ngx_queue_head(&w->files);
         q != ngx_queue_sentinel(&w->files);
         q = next)
    {
        next = ngx_queue_next(q);
        file = ngx_queue_data(q, ngx_mesh_log_file_t, queue);

        file->stalled = 0;

        if (file->fd == NGX_INVALID_FILE) {
            (void) ngx_mesh_log_file_open(file);
        }

        ngx_mesh_log_file_flush(file);

        if (file->idle++ > NGX_MESH_LOG_FILE_IDLE) {
            ngx_mesh_log_file_free(file);
        }
    }
}


static ngx_int_t
ngx_mesh_log_file_open(ngx_mesh_log_file_t *file)
{
    ngx_fd_t     fd;
    struct stat  st;

    if (ngx_mesh_log_file_inherit(file) == NGX_OK) {
        return NGX_OK;
    }

    /* of a pipe without a reader this fails with ENXIO instead of waiting */

    fd = open((char *) file->path.data,
              O_WRONLY|O_APPEND|O_CREAT|O_NONBLOCK|O_NOCTTY|O_CLOEXEC, 0644);

    if (fd == -1) {
        ngx_mesh_log_file_error(file, ngx_errno, "open()");
        return NGX_ERROR;
    }

    if (fstat(fd, &st) == -1) {
        ngx_mesh_log_file_error(file, ngx_errno, "fstat()");
        (void) close(fd);
        return NGX_ERROR;
    }

    file->fd = fd;
    file->regular = S_ISREG(st.st_mode) ? 1 : 0;
    file->told = 0;

    return NGX_OK;
}


/* workers may lack the right to open the pipe that they were started with */

static ngx_int_t
ngx_mesh_log_file_inherit(ngx_mesh_log_file_t *file)
{
    ngx_fd_t     fd;
    struct stat  st;

    if (ngx_strcmp(file->path.data, "/dev/stdout") == 0) {
        fd = STDOUT_FILENO;

    } else if (ngx_strcmp(file->path.data, "/dev/stderr") == 0) {
        fd = STDERR_FILENO;

    } else {
        return NGX_DECLINED;
    }

    file->fd = ngx_mesh_log_standard[fd];
    file->inherited = 1;

    if (file->fd == -1) {
        file->fd = fd;
        file->poll = 1;
    }

    if (fstat(file->fd, &st) == -1) {
        file->fd = NGX_INVALID_FILE;
        ngx_mesh_log_file_error(file, ngx_errno, "fstat()");
        return NGX_OK;
    }

    file->regular = S_ISREG(st.st_mode) ? 1 : 0;
    file->socket = S_ISSOCK(st.st_mode) ? 1 : 0;

    return NGX_OK;
}


static void
ngx_mesh_log_file_close(ngx_mesh_log_file_t *file)
{
    if (file->fd != NGX_INVALID_FILE && !file->inherited
        && ngx_close_file(file->fd) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &file->path);
    }

    file->fd = NGX_INVALID_FILE;
}


static void
ngx_mesh_log_file_free(ngx_mesh_log_file_t *file)
{
    *ngx_mesh_log_worker.dropped += file->lines;

    ngx_mesh_log_file_close(file);
    ngx_queue_remove(&file->queue);

    if (munmap(file, ngx_mesh_log_file_size(file->path.len)) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "munmap() failed");
    }
}


/* writes as much as there is room for; the rest stays in the buffer */

static void
ngx_mesh_log_file_flush(ngx_mesh_log_file_t *file)
{
    size_t   size;
    ssize_t  n;

    while (file->pos < file->last
           && !file->stalled
           && file->fd != NGX_INVALID_FILE)
    {
        size = ngx_mesh_log_file_chunk(file);
        n = ngx_mesh_log_file_write(file, size);

        if (n == -1) {
            ngx_mesh_log_file_failed(file, ngx_errno);
            break;
        }

        ngx_mesh_log_file_sent(file, n, size);
    }

    if (file->pos != file->buffer) {
        file->last = ngx_movemem(file->buffer, file->pos,
                                 file->last - file->pos);
        file->pos = file->buffer;
    }
}


/* whole lines */

static size_t
ngx_mesh_log_file_chunk(ngx_mesh_log_file_t *file)
{
    u_char  *p;
    size_t   size;

    size = file->last - file->pos;

    if (file->regular || size <= NGX_MESH_LOG_FILE_ATOMIC) {
        return size;
    }

    for (p = file->pos + NGX_MESH_LOG_FILE_ATOMIC; p > file->pos; p--) {
        if (p[-1] == '\n') {
            return p - file->pos;
        }
    }

    return NGX_MESH_LOG_FILE_ATOMIC;
}


static ssize_t
ngx_mesh_log_file_write(ngx_mesh_log_file_t *file, size_t size)
{
    struct pollfd  pfd;

    if (file->torn) {
        if (write(file->fd, "\n", 1) != 1) {
            return -1;
        }

        file->torn = 0;
    }

    if (file->socket) {
        return send(file->fd, file->pos, size, MSG_DONTWAIT|MSG_NOSIGNAL);
    }

    if (file->poll && !file->regular) {

        /*
         * It may be blocking, but has room for that much if it has any.  Who
         * else writes to it could take the room first; it is used only where
         * the pipe could not be opened by the master.
         */

        pfd.fd = file->fd;
        pfd.events = POLLOUT;

        if (poll(&pfd, 1, 0) != 1) {
            ngx_set_errno(NGX_EAGAIN);
            return -1;
        }
    }

    return write(file->fd, file->pos, size);
}


static void
ngx_mesh_log_file_sent(ngx_mesh_log_file_t *file, size_t n, size_t size)
{
    ngx_uint_t  lines;

    if (file->pos + n == file->last) {
        lines = file->lines;

    } else {
        lines = ngx_mesh_log_file_lines(file->pos, file->pos + n);
        lines = ngx_min(lines, file->lines);
    }

    file->pos += n;
    file->lines -= lines;
    file->told = 0;

    *ngx_mesh_log_worker.written += lines;

    if (n < size && file->regular) {
        ngx_mesh_log_file_torn(file);
    }
}


/*
 * The disk took a part of a line.  Others write to the file too, so the rest
 * of it may not be added later; the next line begins on a line of its own.
 */

static void
ngx_mesh_log_file_torn(ngx_mesh_log_file_t *file)
{
    u_char  *p;

    if (file->pos > file->buffer && file->pos[-1] == '\n') {
        return;
    }

    p = ngx_strlchr(file->pos, file->last, '\n');

    file->pos = p ? p + 1 : file->last;
    file->torn = 1;

    if (file->lines) {
        file->lines--;
        (*ngx_mesh_log_worker.dropped)++;
    }
}


static void
ngx_mesh_log_file_failed(ngx_mesh_log_file_t *file, ngx_err_t err)
{
    ngx_mesh_log_worker_t  *w;

    if (err == NGX_EINTR) {
        return;
    }

    file->stalled = 1;

    if (err == NGX_EAGAIN) {
        w = &ngx_mesh_log_worker;

        if (!w->retry.timer_set && !ngx_exiting && !ngx_terminate) {
            ngx_add_timer(&w->retry, NGX_MESH_LOG_FILE_RETRY);
        }

        return;
    }

    ngx_mesh_log_file_error(file, err, "write()");

    /* the reader of a pipe is gone, there may be another one later */

    if (err == NGX_EPIPE) {
        ngx_mesh_log_file_close(file);
    }
}


static ngx_uint_t
ngx_mesh_log_file_lines(u_char *p, u_char *last)
{
    ngx_uint_t  n;

    n = 0;

    while (p < last) {
        p = ngx_strlchr(p, last, '\n');

        if (p == NULL) {
            break;
        }

        n++;
        p++;
    }

    return n;
}


static void
ngx_mesh_log_file_retry(ngx_event_t *ev)
{
    ngx_queue_t            *q;
    ngx_mesh_log_file_t    *file;
    ngx_mesh_log_worker_t  *w;

    w = &ngx_mesh_log_worker;

    for (q = ngx_queue_head(&w->files);
         q != ngx_queue_sentinel(&w->files);
         q = ngx_queue_next(q))
    {
        file = ngx_queue_data(q, ngx_mesh_log_file_t, queue);

        if (file->stalled && !file->regular) {
            file->stalled = 0;
            ngx_mesh_log_file_flush(file);
        }
    }
}


/* once, until it was well again */

static void
ngx_mesh_log_file_error(ngx_mesh_log_file_t *file, ngx_err_t err,
    const char *what)
{
    if (file->told) {
        return;
    }

    file->told = 1;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                  "mesh: %s of access log \"%V\" failed, its lines are dropped "
                  "until this worker can write to it", what, &file->path);
}
