
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the master does to the file of a store before workers open it: makes
 * it, gives it to the workers' user, looks whether it is sound and ours, and
 * brings its schema up to date.
 *
 * As root it opens the file under the workers' user, so that what workers
 * could not do fails here, and a link that was put in place of a file leads to
 * nothing that this user could not reach anyway.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_store_sqlite.h"


#define NGX_MESH_SQLITE_ID_SQL                                                \
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' ||"        \
    " substr(hex(randomblob(2)), 2) || '-' ||"                                \
    " substr('89ab', 1 + (random() & 3), 1) ||"                               \
    " substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"


static ngx_int_t ngx_mesh_sqlite_prepare_directory(
    ngx_mesh_sqlite_prepare_t *pr);
static ngx_int_t ngx_mesh_sqlite_own(ngx_mesh_sqlite_prepare_t *pr,
    const char *suffix);
static ngx_int_t ngx_mesh_sqlite_prepare_file(ngx_mesh_sqlite_prepare_t *pr);
static ngx_int_t ngx_mesh_sqlite_prepare_db(ngx_mesh_sqlite_prepare_t *pr,
    ngx_mesh_sqlite_t *db);
static ngx_int_t ngx_mesh_sqlite_prepare_failed(ngx_mesh_sqlite_prepare_t *pr,
    ngx_mesh_sqlite_t *db);
static ngx_int_t ngx_mesh_sqlite_identify(ngx_mesh_sqlite_prepare_t *pr,
    ngx_mesh_sqlite_t *db, int64_t *version);
static ngx_int_t ngx_mesh_sqlite_sound(ngx_mesh_sqlite_prepare_t *pr,
    ngx_mesh_sqlite_t *db);
static void ngx_mesh_sqlite_finding(ngx_mesh_sqlite_t *db, const u_char *text);
static ngx_int_t ngx_mesh_sqlite_migrate(ngx_mesh_sqlite_prepare_t *pr,
    ngx_mesh_sqlite_t *db, ngx_mesh_sqlite_schema_t *schema, int64_t version);
static ngx_int_t ngx_mesh_sqlite_step(ngx_mesh_sqlite_t *db, const char *sql,
    ngx_uint_t version);


static const char  *ngx_mesh_sqlite_migrations[] = {

    /* 1 */

    "CREATE TABLE meta ("
        "one INTEGER PRIMARY KEY CHECK (one = 1),"
        "id TEXT NOT NULL,"
        "revision INTEGER NOT NULL,"
        "trimmed INTEGER NOT NULL);"
    "CREATE TABLE entry ("
        "number INTEGER PRIMARY KEY,"
        "key BLOB NOT NULL UNIQUE,"
        "value BLOB NOT NULL,"
        "revision INTEGER NOT NULL);"
    "CREATE TABLE change ("
        "revision INTEGER NOT NULL,"
        "key BLOB NOT NULL,"
        "PRIMARY KEY (revision, key)) WITHOUT ROWID;"
    "INSERT INTO meta (one, id, revision, trimmed)"
        " VALUES (1, " NGX_MESH_SQLITE_ID_SQL ", 0, 0);"
};


static ngx_mesh_sqlite_schema_t  ngx_mesh_sqlite_schema = {
    ngx_mesh_sqlite_migrations,
    sizeof(ngx_mesh_sqlite_migrations) / sizeof(char *)
};


ngx_int_t
ngx_mesh_sqlite_prepare(ngx_mesh_sqlite_prepare_t *pr)
{
    ngx_int_t   rc;
    ngx_uint_t  switched;

    switched = (geteuid() == 0
                && pr->user != (ngx_uid_t) NGX_CONF_UNSET_UINT
                && pr->user != 0);

    if (!switched) {
        pr->user = (ngx_uid_t) NGX_CONF_UNSET_UINT;
    }

    if (ngx_mesh_sqlite_prepare_directory(pr) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!switched) {
        return ngx_mesh_sqlite_prepare_file(pr);
    }

    /* as after a copy that root made of a backup */

    if (ngx_mesh_sqlite_own(pr, "") != NGX_OK
        || ngx_mesh_sqlite_own(pr, "-wal") != NGX_OK
        || ngx_mesh_sqlite_own(pr, "-shm") != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (setegid(pr->group) == -1 || seteuid(pr->user) == -1) {
        ngx_log_error(NGX_LOG_EMERG, pr->log, ngx_errno,
                      "mesh: seteuid(%d) failed", pr->user);
        rc = NGX_ERROR;

    } else {
        rc = ngx_mesh_sqlite_prepare_file(pr);
    }

    if (seteuid(0) == -1 || setegid(getgid()) == -1) {
        ngx_log_error(NGX_LOG_EMERG, pr->log, ngx_errno,
                      "mesh: seteuid(0) failed");
        return NGX_ERROR;
    }

    return rc;
}


/* one that is there already is left as it is */

static ngx_int_t
ngx_mesh_sqlite_prepare_directory(ngx_mesh_sqlite_prepare_t *pr)
{
    char       *slash;
    char        path[NGX_MAX_PATH];
    ngx_int_t   rc;

    if (ngx_strlen(pr->path) + sizeof("-wal") > NGX_MAX_PATH) {
        ngx_log_error(NGX_LOG_EMERG, pr->log, 0,
                      "mesh: the path of the store \"%s\" is too long",
                      pr->path);
        return NGX_ERROR;
    }

    (void) ngx_cpystrn((u_char *) path, (u_char *) pr->path, NGX_MAX_PATH);

    slash = strrchr(path, '/');

    if (slash == NULL || slash == path) {
        return NGX_OK;
    }

    *slash = '\0';

    rc = NGX_OK;

    if (ngx_create_dir((u_char *) path, 0700) == NGX_FILE_ERROR) {

        if (ngx_errno != NGX_EEXIST) {
            ngx_log_error(NGX_LOG_EMERG, pr->log, ngx_errno,
                          "mesh: the directory of the store \"%s\" could not "
                          "be made, make \"%s\" for the user of the workers",
                          pr->path, path);
            rc = NGX_ERROR;
        }

    } else if (pr->user != (ngx_uid_t) NGX_CONF_UNSET_UINT
               && chown(path, pr->user, pr->group) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, pr->log, ngx_errno,
                      "mesh: chown(\"%s\", %d) failed", path, pr->user);
        rc = NGX_ERROR;
    }

    return rc;
}


/* only what can be nothing else than the file itself */

static ngx_int_t
ngx_mesh_sqlite_own(ngx_mesh_sqlite_prepare_t *pr, const char *suffix)
{
    int              fd;
    char             path[NGX_MAX_PATH];
    ngx_int_t        rc;
    ngx_file_info_t  fi;

    (void) ngx_snprintf((u_char *) path, NGX_MAX_PATH, "%s%s%Z", pr->path,
                        suffix);

    fd = open(path, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == -1) {
        if (ngx_errno == NGX_ENOENT) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, pr->log, ngx_errno,
                      "mesh: the store \"%s\" cannot be opened", path);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR
        || !ngx_is_file(&fi) || fi.st_nlink != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, pr->log, 0,
                      "mesh: the store \"%s\" is not a file, or a hard link",
                      path);
        rc = NGX_ERROR;

    } else if (fi.st_uid != pr->user
               && fchown(fd, pr->user, pr->group) == -1
               && ngx_errno != EROFS)
    {
        ngx_log_error(NGX_LOG_EMERG, pr->log, ngx_errno,
                      "mesh: fchown(\"%s\", %d) failed", path, pr->user);
        rc = NGX_ERROR;
    }

    (void) close(fd);

    return rc;
}


static ngx_int_t
ngx_mesh_sqlite_prepare_file(ngx_mesh_sqlite_prepare_t *pr)
{
    mode_t             mask;
    ngx_int_t          rc;
    ngx_mesh_sqlite_t  db;

    /* -wal and -shm get the mode of the file itself */

    mask = umask(0077);

    if (ngx_mesh_sqlite_open(&db, pr->path, 1, NGX_MESH_SQLITE_WRITE_WAIT)
        == NGX_OK)
    {
        rc = ngx_mesh_sqlite_prepare_db(pr, &db);

        ngx_mesh_sqlite_close(&db);

    } else {
        rc = ngx_mesh_sqlite_prepare_failed(pr, &db);
    }

    (void) umask(mask);

    return rc;
}


static ngx_int_t
ngx_mesh_sqlite_prepare_db(ngx_mesh_sqlite_prepare_t *pr,
    ngx_mesh_sqlite_t *db)
{
    int64_t                    version;
    uint64_t                   trimmed;
    ngx_int_t                  rc;
    ngx_mesh_sqlite_schema_t  *schema;

    schema = pr->schema ? pr->schema : &ngx_mesh_sqlite_schema;

    rc = ngx_mesh_sqlite_identify(pr, db, &version);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (version > (int64_t) schema->n) {
        ngx_log_error(NGX_LOG_EMERG, pr->log, 0,
                      "mesh: the store \"%s\" was made by a newer version: its "
                      "schema is %L, this one knows up to %ui; go back to that "
                      "version or restore a backup from before it",
                      pr->path, version, schema->n);
        return NGX_ERROR;
    }

    if (version && ngx_mesh_sqlite_sound(pr, db) != NGX_OK) {
        return NGX_ERROR;
    }

    if (sqlite3_db_readonly(db->db, "main") == 1) {

        if (version < (int64_t) schema->n) {
            db->error = NGX_MESH_STORE_READ_ONLY;
            (void) ngx_sprintf(db->message, "it is read-only%Z");
            return ngx_mesh_sqlite_prepare_failed(pr, db);
        }

        ngx_log_error(NGX_LOG_WARN, pr->log, 0,
                      "mesh: the store \"%s\" is read-only: it is served, all "
                      "changes will be refused", pr->path);

    } else if (ngx_mesh_sqlite_exec(db, "PRAGMA journal_mode = WAL;")
               != NGX_OK)
    {
        return ngx_mesh_sqlite_prepare_failed(pr, db);
    }

    if (ngx_mesh_sqlite_migrate(pr, db, schema, version) != NGX_OK) {
        return NGX_ERROR;
    }

    if (pr->schema) {
        return NGX_OK;
    }

    if (ngx_mesh_sqlite_begin(db, &pr->revision, &trimmed) != NGX_OK) {
        return ngx_mesh_sqlite_prepare_failed(pr, db);
    }

    ngx_mesh_sqlite_end(db);

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_sqlite_prepare_failed(ngx_mesh_sqlite_prepare_t *pr,
    ngx_mesh_sqlite_t *db)
{
    const char  *advice;

    switch (db->error) {

    case NGX_MESH_STORE_FULL:
        advice = "there is no room on its disk";
        break;

    case NGX_MESH_STORE_READ_ONLY:
        advice = "it, its directory or its disk cannot be written by the user "
                 "of the workers";
        break;

    case NGX_MESH_STORE_CORRUPT:
        advice = "the file is damaged or no store; restore it from a backup, "
                 "or move it and its \"-wal\" and \"-shm\" away to begin with "
                 "an empty one";
        break;

    case NGX_MESH_STORE_BUSY:
        advice = "another program holds its lock";
        break;

    default: /* NGX_MESH_STORE_FAILED */
        advice = "the user of the workers has to be able to read and write it "
                 "and its directory";
        break;
    }

    ngx_log_error(NGX_LOG_EMERG, pr->log, 0,
                  "mesh: the store \"%s\" cannot be used: %s: %s", pr->path,
                  db->message, advice);

    return NGX_ERROR;
}


/* "version" is 0 for a new file, one that has nothing in it */

static ngx_int_t
ngx_mesh_sqlite_identify(ngx_mesh_sqlite_prepare_t *pr, ngx_mesh_sqlite_t *db,
    int64_t *version)
{
    int64_t  application, tables;

    if (ngx_mesh_sqlite_integer(db, "PRAGMA application_id", &application)
        != NGX_OK
        || ngx_mesh_sqlite_integer(db, "PRAGMA user_version", version)
           != NGX_OK
        || ngx_mesh_sqlite_integer(db, "SELECT count(*) FROM sqlite_master",
                                   &tables)
           != NGX_OK)
    {
        return ngx_mesh_sqlite_prepare_failed(pr, db);
    }

    if (application == 0 && *version == 0 && tables == 0) {
        return NGX_OK;
    }

    if (application != NGX_MESH_SQLITE_APPLICATION || *version < 1) {
        ngx_log_error(NGX_LOG_EMERG, pr->log, 0,
                      "mesh: \"%s\" is a database of another program (its "
                      "application_id is 0x%08xL, not 0x%08xD), give the store "
                      "a path of its own", pr->path, application,
                      NGX_MESH_SQLITE_APPLICATION);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* a large file is not read as a whole: that would keep nginx from starting */

static ngx_int_t
ngx_mesh_sqlite_sound(ngx_mesh_sqlite_prepare_t *pr, ngx_mesh_sqlite_t *db)
{
    int            rc;
    int64_t        pages, size;
    sqlite3_stmt  *stmt;

    if (ngx_mesh_sqlite_integer(db, "PRAGMA page_count", &pages) != NGX_OK
        || ngx_mesh_sqlite_integer(db, "PRAGMA page_size", &size) != NGX_OK)
    {
        return ngx_mesh_sqlite_prepare_failed(pr, db);
    }

    if (pages * size > (int64_t) pr->check) {
        return NGX_OK;
    }

    rc = sqlite3_prepare_v2(db->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);

    ngx_mesh_sqlite_finding(db, (const u_char *) sqlite3_errmsg(db->db));

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);

        if (rc == SQLITE_ROW
            && ngx_strcmp(sqlite3_column_text(stmt, 0), "ok") == 0)
        {
            db->error = NGX_MESH_STORE_FINE;

        } else if (rc == SQLITE_ROW) {
            ngx_mesh_sqlite_finding(db, sqlite3_column_text(stmt, 0));
        }

        (void) sqlite3_finalize(stmt);
    }

    if (db->error != NGX_MESH_STORE_FINE) {
        return ngx_mesh_sqlite_prepare_failed(pr, db);
    }

    return NGX_OK;
}


/* the text has lines */

static void
ngx_mesh_sqlite_finding(ngx_mesh_sqlite_t *db, const u_char *text)
{
    u_char  *p;

    db->error = NGX_MESH_STORE_CORRUPT;

    (void) ngx_cpystrn(db->message, (u_char *) text,
                       NGX_MESH_SQLITE_MESSAGE_LEN);

    for (p = db->message; *p; p++) {
        if (*p == '\n') {
            *p = ' ';
        }
    }
}


static ngx_int_t
ngx_mesh_sqlite_migrate(ngx_mesh_sqlite_prepare_t *pr, ngx_mesh_sqlite_t *db,
    ngx_mesh_sqlite_schema_t *schema, int64_t version)
{
    ngx_uint_t  i;

    for (i = version; i < schema->n; i++) {

        if (ngx_mesh_sqlite_step(db, schema->sql[i], i + 1) != NGX_OK) {
            ngx_mesh_sqlite_end(db);
            return ngx_mesh_sqlite_prepare_failed(pr, db);
        }

        ngx_log_error(NGX_LOG_NOTICE, pr->log, 0,
                      "mesh: the store \"%s\" has schema %ui now", pr->path,
                      i + 1);
    }

    return NGX_OK;
}


/* the version is that of before the step only if nobody else was faster */

static ngx_int_t
ngx_mesh_sqlite_step(ngx_mesh_sqlite_t *db, const char *sql,
    ngx_uint_t version)
{
    u_char   text[128];
    int64_t  now;

    if (ngx_mesh_sqlite_exec(db, "BEGIN IMMEDIATE") != NGX_OK
        || ngx_mesh_sqlite_integer(db, "PRAGMA user_version", &now) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (now >= (int64_t) version) {
        return ngx_mesh_sqlite_exec(db, "ROLLBACK");
    }

    (void) ngx_sprintf(text, "PRAGMA application_id = %d;"
                       "PRAGMA user_version = %ui;%Z",
                       NGX_MESH_SQLITE_APPLICATION, version);

    if (ngx_mesh_sqlite_exec(db, sql) != NGX_OK
        || ngx_mesh_sqlite_exec(db, (const char *) text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_sqlite_exec(db, "COMMIT");
}
