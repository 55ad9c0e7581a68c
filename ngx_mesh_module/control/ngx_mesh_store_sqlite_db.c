
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * One connection to the file of a store, its statements, and reads.
 *
 * Nothing here belongs to nginx's event loop, since writes run in a thread:
 * memory is SQLite's or the stack's, except for answers of reads, which are in
 * the pool that the reader gave.
 *
 * There is no mapping of the file (PRAGMA mmap_size): a disk that fails to read
 * would end the worker by SIGBUS instead of one request by an error.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_store_sqlite.h"


#define NGX_MESH_SQLITE_PAUSE  300      /* us, between tries of a lock */


static ngx_int_t ngx_mesh_sqlite_failed(ngx_mesh_sqlite_t *db);
static ngx_mesh_store_error_e ngx_mesh_sqlite_error(ngx_mesh_sqlite_t *db);
static int ngx_mesh_sqlite_busy(void *data, int n);
static int ngx_mesh_sqlite_wal(void *data, sqlite3 *db, const char *name,
    int pages);
static int ngx_mesh_sqlite_bind_after(sqlite3_stmt *stmt, ngx_str_t *after);
static int ngx_mesh_sqlite_bind_bound(sqlite3_stmt *stmt, ngx_str_t *prefix,
    size_t len);
static ngx_int_t ngx_mesh_sqlite_get(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_item_t *item, ngx_pool_t *pool);
static ngx_int_t ngx_mesh_sqlite_list(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_item_t *item, ngx_pool_t *pool);
static ngx_int_t ngx_mesh_sqlite_count(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_item_t *item);
static ngx_int_t ngx_mesh_sqlite_entry(sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_mesh_store_entry_t *entry);
static ngx_int_t ngx_mesh_sqlite_column(sqlite3_stmt *stmt, int n,
    ngx_pool_t *pool, ngx_str_t *value);
static ngx_int_t ngx_mesh_sqlite_no_memory(ngx_mesh_sqlite_t *db);


/* by ngx_mesh_sqlite_stmt_e; of a range there are two, the second without an
   upper bound, for prefixes of nothing or of bytes 0xff */

static const char  *ngx_mesh_sqlite_sql[] = {
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
    "SELECT revision, trimmed FROM meta",
    "SELECT key, value, revision FROM entry WHERE key = ?1",
    "SELECT key, value, revision FROM entry"
        " WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3",
    "SELECT key, value, revision FROM entry"
        " WHERE key >= ?1 ORDER BY key LIMIT ?3",
    "SELECT count(*) FROM entry WHERE key >= ?1 AND key < ?2",
    "SELECT count(*) FROM entry WHERE key >= ?1",
    "SELECT 1 FROM change"
        " WHERE revision > ?3 AND key >= ?1 AND key < ?2 LIMIT 1",
    "SELECT 1 FROM change WHERE revision > ?3 AND key >= ?1 LIMIT 1",
    "SELECT key FROM change WHERE revision > ?1 ORDER BY revision LIMIT ?2",
    "INSERT INTO entry (key, value, revision) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (key) DO UPDATE"
        " SET value = excluded.value, revision = excluded.revision",
    "DELETE FROM entry WHERE key = ?1",
    "INSERT OR IGNORE INTO change (revision, key) VALUES (?1, ?2)",
    "UPDATE meta SET revision = ?1",
    "DELETE FROM change WHERE revision <= ?1",
    "UPDATE meta SET trimmed = ?1"
};


ngx_int_t
ngx_mesh_sqlite_open(ngx_mesh_sqlite_t *db, const char *path,
    ngx_uint_t create, ngx_msec_t wait)
{
    int  flags, persist;

    ngx_memzero(db, sizeof(ngx_mesh_sqlite_t));

    db->wait = wait;

    flags = SQLITE_OPEN_READWRITE|SQLITE_OPEN_NOMUTEX
            |(create ? SQLITE_OPEN_CREATE : 0);

    if (sqlite3_open_v2(path, &db->db, flags, NULL) != SQLITE_OK) {
        (void) ngx_mesh_sqlite_failed(db);
        ngx_mesh_sqlite_close(db);
        return NGX_ERROR;
    }

    (void) sqlite3_extended_result_codes(db->db, 1);
    (void) sqlite3_busy_handler(db->db, ngx_mesh_sqlite_busy, db);

    /* checkpoints are made after the answer, see the engine */

    (void) sqlite3_wal_hook(db->db, ngx_mesh_sqlite_wal, db);

    /* workers may not be allowed to make files in the directory */

    persist = 1;
    (void) sqlite3_file_control(db->db, NULL, SQLITE_FCNTL_PERSIST_WAL,
                                &persist);

    if (ngx_mesh_sqlite_exec(db, "PRAGMA synchronous = FULL;"
                                 "PRAGMA cache_size = -8192;"
                                 "PRAGMA journal_size_limit = 16777216;"
                                 "PRAGMA trusted_schema = OFF;"
                                 "PRAGMA temp_store = MEMORY;")
        != NGX_OK)
    {
        ngx_mesh_sqlite_close(db);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_mesh_sqlite_close(ngx_mesh_sqlite_t *db)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MESH_SQLITE_STMTS; i++) {
        (void) sqlite3_finalize(db->stmts[i]);
        db->stmts[i] = NULL;
    }

    (void) sqlite3_close(db->db);
    db->db = NULL;
}


static int
ngx_mesh_sqlite_busy(void *data, int n)
{
    ngx_mesh_sqlite_t *db = data;

    if (n == 0) {
        db->waited = 0;
    }

    if (db->waited >= db->wait * 1000) {
        return 0;
    }

    (void) usleep(NGX_MESH_SQLITE_PAUSE);
    db->waited += NGX_MESH_SQLITE_PAUSE;

    return 1;
}


static int
ngx_mesh_sqlite_wal(void *data, sqlite3 *sqlite, const char *name, int pages)
{
    ngx_mesh_sqlite_t *db = data;

    if ((ngx_uint_t) pages < db->moved) {
        /* it was begun anew */
        db->moved = 0;
    }

    db->due = (pages - db->moved >= NGX_MESH_SQLITE_CHECKPOINT);

    return SQLITE_OK;
}


static ngx_int_t
ngx_mesh_sqlite_failed(ngx_mesh_sqlite_t *db)
{
    u_char      *p, *last;
    ngx_err_t    err;

    if (db->db == NULL) {
        return ngx_mesh_sqlite_no_memory(db);
    }

    db->error = ngx_mesh_sqlite_error(db);

    last = db->message + NGX_MESH_SQLITE_MESSAGE_LEN;

    p = ngx_slprintf(db->message, last, "%s (%d)", sqlite3_errmsg(db->db),
                     sqlite3_extended_errcode(db->db));

    err = sqlite3_system_errno(db->db);

    switch (sqlite3_extended_errcode(db->db) & 0xff) {

    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (err) {
            p = ngx_slprintf(p, last, " (%d: ", err);
            p = ngx_strerror(err, p, last - p);
            p = ngx_slprintf(p, last, ")");
        }
        break;
    }

    *(p < last ? p : last - 1) = '\0';

    return NGX_ERROR;
}


static ngx_mesh_store_error_e
ngx_mesh_sqlite_error(ngx_mesh_sqlite_t *db)
{
    int        rc;
    ngx_err_t  err;

    rc = sqlite3_extended_errcode(db->db);
    err = sqlite3_system_errno(db->db);

    switch (rc & 0xff) {

    case SQLITE_FULL:
        return NGX_MESH_STORE_FULL;

    case SQLITE_READONLY:
        return NGX_MESH_STORE_READ_ONLY;

    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return NGX_MESH_STORE_CORRUPT;

    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return NGX_MESH_STORE_BUSY;

    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_FSYNC) {
            /* what became of it is not known */
            break;
        }

        /* fall through */

    case SQLITE_CANTOPEN:
        if (err == NGX_ENOSPC || err == EDQUOT || rc == SQLITE_IOERR_SHMSIZE) {
            return NGX_MESH_STORE_FULL;
        }

        if (err == EROFS || err == NGX_ENOENT || err == NGX_EACCES) {
            /* ENOENT: the file was moved */
            return NGX_MESH_STORE_READ_ONLY;
        }

        break;
    }

    return NGX_MESH_STORE_FAILED;
}


static ngx_int_t
ngx_mesh_sqlite_no_memory(ngx_mesh_sqlite_t *db)
{
    db->error = NGX_MESH_STORE_FAILED;
    (void) ngx_sprintf(db->message, "no memory%Z");

    return NGX_ERROR;
}


ngx_int_t
ngx_mesh_sqlite_exec(ngx_mesh_sqlite_t *db, const char *sql)
{
    if (sqlite3_exec(db->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return ngx_mesh_sqlite_failed(db);
    }

    return NGX_OK;
}


/* the first column of the first row; 0 without a row */

ngx_int_t
ngx_mesh_sqlite_integer(ngx_mesh_sqlite_t *db, const char *sql,
    int64_t *value)
{
    int            rc;
    sqlite3_stmt  *stmt;

    *value = 0;

    if (sqlite3_prepare_v2(db->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return ngx_mesh_sqlite_failed(db);
    }

    rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW) {
        *value = sqlite3_column_int64(stmt, 0);
    }

    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        (void) ngx_mesh_sqlite_failed(db);
        (void) sqlite3_finalize(stmt);
        return NGX_ERROR;
    }

    (void) sqlite3_finalize(stmt);

    return NGX_OK;
}


ngx_uint_t
ngx_mesh_sqlite_moved(ngx_mesh_sqlite_t *db)
{
    int  moved;

    moved = 0;

    (void) sqlite3_file_control(db->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved);

    return moved;
}


sqlite3_stmt *
ngx_mesh_sqlite_stmt(ngx_mesh_sqlite_t *db, ngx_uint_t n)
{
    if (db->stmts[n] == NULL
        && sqlite3_prepare_v3(db->db, ngx_mesh_sqlite_sql[n], -1,
                              SQLITE_PREPARE_PERSISTENT, &db->stmts[n], NULL)
           != SQLITE_OK)
    {
        (void) ngx_mesh_sqlite_failed(db);
        return NULL;
    }

    return db->stmts[n];
}


ngx_int_t
ngx_mesh_sqlite_done(ngx_mesh_sqlite_t *db, sqlite3_stmt *stmt, int rc)
{
    ngx_int_t  result;

    result = NGX_OK;

    if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
        result = ngx_mesh_sqlite_failed(db);
    }

    (void) sqlite3_reset(stmt);
    (void) sqlite3_clear_bindings(stmt);

    return result;
}


ngx_int_t
ngx_mesh_sqlite_run(ngx_mesh_sqlite_t *db, ngx_uint_t n)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_mesh_sqlite_stmt(db, n);

    if (stmt == NULL) {
        return NGX_ERROR;
    }

    return ngx_mesh_sqlite_done(db, stmt, sqlite3_step(stmt));
}


ngx_int_t
ngx_mesh_sqlite_begin(ngx_mesh_sqlite_t *db, uint64_t *revision,
    uint64_t *trimmed)
{
    int            rc;
    sqlite3_stmt  *stmt;

    /* a transaction sees the state at its first read, which is that of meta */

    if (sqlite3_get_autocommit(db->db)
        && ngx_mesh_sqlite_run(db, NGX_MESH_SQLITE_BEGIN) != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_mesh_sqlite_stmt(db, NGX_MESH_SQLITE_META);

    if (stmt == NULL) {
        ngx_mesh_sqlite_end(db);
        return NGX_ERROR;
    }

    rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW) {
        *revision = sqlite3_column_int64(stmt, 0);
        *trimmed = sqlite3_column_int64(stmt, 1);
    }

    if (ngx_mesh_sqlite_done(db, stmt, rc) != NGX_OK) {
        ngx_mesh_sqlite_end(db);
        return NGX_ERROR;
    }

    if (rc == SQLITE_DONE) {
        db->error = NGX_MESH_STORE_CORRUPT;
        (void) ngx_sprintf(db->message, "table \"meta\" is empty%Z");
        ngx_mesh_sqlite_end(db);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* a failed statement may have ended the transaction on its own */

void
ngx_mesh_sqlite_end(ngx_mesh_sqlite_t *db)
{
    sqlite3_stmt  *stmt;

    if (sqlite3_get_autocommit(db->db)) {
        return;
    }

    /* without ngx_mesh_sqlite_run(): the first error is the one to tell of */

    stmt = db->stmts[NGX_MESH_SQLITE_ROLLBACK];

    if (stmt == NULL) {
        (void) sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL);
        (void) sqlite3_prepare_v3(db->db,
                                  ngx_mesh_sqlite_sql[NGX_MESH_SQLITE_ROLLBACK],
                                  -1, SQLITE_PREPARE_PERSISTENT,
                                  &db->stmts[NGX_MESH_SQLITE_ROLLBACK], NULL);
        return;
    }

    (void) sqlite3_step(stmt);
    (void) sqlite3_reset(stmt);
}


ngx_int_t
ngx_mesh_sqlite_id(ngx_mesh_sqlite_t *db, u_char *id, size_t size)
{
    int            rc;
    sqlite3_stmt  *stmt;

    static const char  sql[] = "SELECT id FROM meta";

    if (sqlite3_prepare_v2(db->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return ngx_mesh_sqlite_failed(db);
    }

    rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW) {
        (void) ngx_cpystrn(id, (u_char *) sqlite3_column_text(stmt, 0), size);
    }

    if (rc != SQLITE_ROW) {
        (void) ngx_mesh_sqlite_failed(db);
        (void) sqlite3_finalize(stmt);
        return NGX_ERROR;
    }

    (void) sqlite3_finalize(stmt);

    return NGX_OK;
}


/* an empty value is no NULL */

void
ngx_mesh_sqlite_bind(sqlite3_stmt *stmt, int n, ngx_str_t *value)
{
    (void) sqlite3_bind_blob64(stmt, n,
                               value->len ? (const char *) value->data : "",
                               value->len, SQLITE_STATIC);
}


/* a comparison of bytes and no pattern, so that no byte is special */

sqlite3_stmt *
ngx_mesh_sqlite_range(ngx_mesh_sqlite_t *db, ngx_uint_t n, ngx_str_t *prefix,
    ngx_str_t *after)
{
    int            rc;
    size_t         len;
    sqlite3_stmt  *stmt;

    for (len = prefix->len; len && prefix->data[len - 1] == 0xff; len--) {
        /* void */
    }

    stmt = ngx_mesh_sqlite_stmt(db, len ? n : n + 1);

    if (stmt == NULL) {
        return NULL;
    }

    rc = SQLITE_OK;

    if (after && after->len
        && ngx_memn2cmp(after->data, prefix->data, after->len, prefix->len)
           >= 0)
    {
        rc = ngx_mesh_sqlite_bind_after(stmt, after);

    } else {
        ngx_mesh_sqlite_bind(stmt, 1, prefix);
    }

    if (rc == SQLITE_OK && len) {
        rc = ngx_mesh_sqlite_bind_bound(stmt, prefix, len);
    }

    if (rc != SQLITE_OK) {
        (void) sqlite3_clear_bindings(stmt);
        (void) ngx_mesh_sqlite_no_memory(db);
        return NULL;
    }

    return stmt;
}


/* the first key that can come after "after" is the same with a zero byte */

static int
ngx_mesh_sqlite_bind_after(sqlite3_stmt *stmt, ngx_str_t *after)
{
    u_char  *p;

    p = sqlite3_malloc64(after->len + 1);
    if (p == NULL) {
        return SQLITE_NOMEM;
    }

    ngx_memcpy(p, after->data, after->len);
    p[after->len] = '\0';

    return sqlite3_bind_blob64(stmt, 1, p, after->len + 1, sqlite3_free);
}


/* the first key after all that begin with "prefix", of which byte "len" is the
   last that can be counted up */

static int
ngx_mesh_sqlite_bind_bound(sqlite3_stmt *stmt, ngx_str_t *prefix, size_t len)
{
    u_char  *p;

    p = sqlite3_malloc64(len);
    if (p == NULL) {
        return SQLITE_NOMEM;
    }

    ngx_memcpy(p, prefix->data, len);
    p[len - 1]++;

    return sqlite3_bind_blob64(stmt, 2, p, len, sqlite3_free);
}


ngx_int_t
ngx_mesh_sqlite_item(ngx_mesh_sqlite_t *db, ngx_mesh_store_item_t *item,
    ngx_pool_t *pool)
{
    item->entries = NULL;
    item->count = 0;
    item->more = 0;

    switch (item->type) {

    case NGX_MESH_STORE_GET:
        return ngx_mesh_sqlite_get(db, item, pool);

    case NGX_MESH_STORE_LIST:
        return ngx_mesh_sqlite_list(db, item, pool);

    default: /* NGX_MESH_STORE_COUNT */
        return ngx_mesh_sqlite_count(db, item);
    }
}


static ngx_int_t
ngx_mesh_sqlite_get(ngx_mesh_sqlite_t *db, ngx_mesh_store_item_t *item,
    ngx_pool_t *pool)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_mesh_sqlite_stmt(db, NGX_MESH_SQLITE_GET);

    if (stmt == NULL) {
        return NGX_ERROR;
    }

    ngx_mesh_sqlite_bind(stmt, 1, &item->key);

    rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW) {

        item->entries = ngx_palloc(pool, sizeof(ngx_mesh_store_entry_t));

        if (item->entries == NULL
            || ngx_mesh_sqlite_entry(stmt, pool, item->entries) != NGX_OK)
        {
            (void) ngx_mesh_sqlite_done(db, stmt, SQLITE_DONE);
            return ngx_mesh_sqlite_no_memory(db);
        }

        item->count = 1;
    }

    return ngx_mesh_sqlite_done(db, stmt, rc);
}


static ngx_int_t
ngx_mesh_sqlite_list(ngx_mesh_sqlite_t *db, ngx_mesh_store_item_t *item,
    ngx_pool_t *pool)
{
    int                      rc;
    ngx_array_t              entries;
    sqlite3_stmt            *stmt;
    ngx_mesh_store_entry_t  *entry;

    if (ngx_array_init(&entries, pool, 16, sizeof(ngx_mesh_store_entry_t))
        != NGX_OK)
    {
        return ngx_mesh_sqlite_no_memory(db);
    }

    stmt = ngx_mesh_sqlite_range(db, NGX_MESH_SQLITE_LIST, &item->key,
                                 &item->after);
    if (stmt == NULL) {
        return NGX_ERROR;
    }

    /* one row more tells whether there is more */

    (void) sqlite3_bind_int64(stmt, 3,
                              item->limit ? (int64_t) item->limit + 1 : -1);

    for ( ;; ) {
        rc = sqlite3_step(stmt);

        if (rc != SQLITE_ROW) {
            break;
        }

        if (item->limit && entries.nelts == item->limit) {
            item->more = 1;
            break;
        }

        entry = ngx_array_push(&entries);

        if (entry == NULL
            || ngx_mesh_sqlite_entry(stmt, pool, entry) != NGX_OK)
        {
            (void) ngx_mesh_sqlite_done(db, stmt, SQLITE_DONE);
            return ngx_mesh_sqlite_no_memory(db);
        }
    }

    if (ngx_mesh_sqlite_done(db, stmt, rc) != NGX_OK) {
        return NGX_ERROR;
    }

    item->entries = entries.elts;
    item->count = entries.nelts;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_sqlite_count(ngx_mesh_sqlite_t *db, ngx_mesh_store_item_t *item)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_mesh_sqlite_range(db, NGX_MESH_SQLITE_COUNT, &item->key, NULL);

    if (stmt == NULL) {
        return NGX_ERROR;
    }

    rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW) {
        item->count = sqlite3_column_int64(stmt, 0);
    }

    return ngx_mesh_sqlite_done(db, stmt, rc);
}


static ngx_int_t
ngx_mesh_sqlite_entry(sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_mesh_store_entry_t *entry)
{
    if (ngx_mesh_sqlite_column(stmt, 0, pool, &entry->key) != NGX_OK
        || ngx_mesh_sqlite_column(stmt, 1, pool, &entry->value) != NGX_OK)
    {
        return NGX_ERROR;
    }

    entry->revision = sqlite3_column_int64(stmt, 2);

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_sqlite_column(sqlite3_stmt *stmt, int n, ngx_pool_t *pool,
    ngx_str_t *value)
{
    const void  *data;

    data = sqlite3_column_blob(stmt, n);

    value->len = sqlite3_column_bytes(stmt, n);

    if (data == NULL && value->len) {
        return NGX_ERROR;
    }

    value->data = ngx_pnalloc(pool, value->len + 1);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    if (value->len) {
        ngx_memcpy(value->data, data, value->len);
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_sqlite_changes(ngx_mesh_sqlite_t *db, uint64_t revision,
    ngx_uint_t max, ngx_pool_t *pool, ngx_array_t *keys)
{
    int            rc;
    ngx_str_t     *key;
    sqlite3_stmt  *stmt;

    stmt = ngx_mesh_sqlite_stmt(db, NGX_MESH_SQLITE_CHANGES);

    if (stmt == NULL) {
        return NGX_ERROR;
    }

    (void) sqlite3_bind_int64(stmt, 1, revision);
    (void) sqlite3_bind_int64(stmt, 2, max + 1);

    for ( ;; ) {
        rc = sqlite3_step(stmt);

        if (rc != SQLITE_ROW) {
            break;
        }

        if (keys->nelts == max) {
            (void) ngx_mesh_sqlite_done(db, stmt, SQLITE_DONE);
            return NGX_DECLINED;
        }

        key = ngx_array_push(keys);

        if (key == NULL
            || ngx_mesh_sqlite_column(stmt, 0, pool, key) != NGX_OK)
        {
            (void) ngx_mesh_sqlite_done(db, stmt, SQLITE_DONE);
            return ngx_mesh_sqlite_no_memory(db);
        }
    }

    return ngx_mesh_sqlite_done(db, stmt, rc);
}
