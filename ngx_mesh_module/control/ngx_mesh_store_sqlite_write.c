
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Transactions and checkpoints.  They run in a thread: what they are given
 * stays in place meanwhile, and they allocate nothing of nginx's.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_store_sqlite.h"


#define NGX_MESH_SQLITE_TRIM_EVERY  256     /* revisions */
#define NGX_MESH_SQLITE_WAL_LARGE   4       /* times CHECKPOINT: it has to be
                                               begun anew */
#define NGX_MESH_SQLITE_WAL_WAIT    50      /* ms that writers wait for that */


static ngx_int_t ngx_mesh_sqlite_transact(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_write_t *write);
static ngx_int_t ngx_mesh_sqlite_compare(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_compare_t *compare, uint64_t trimmed);
static ngx_int_t ngx_mesh_sqlite_newer(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_compare_t *compare, uint64_t trimmed);
static ngx_int_t ngx_mesh_sqlite_change(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_change_t *change, uint64_t revision);
static ngx_int_t ngx_mesh_sqlite_set_revision(ngx_mesh_sqlite_t *db,
    uint64_t revision);
static ngx_int_t ngx_mesh_sqlite_set(ngx_mesh_sqlite_t *db, ngx_uint_t n,
    uint64_t value);


void
ngx_mesh_sqlite_write(ngx_mesh_sqlite_t *db, ngx_mesh_store_write_t *write)
{
    write->error = NGX_MESH_STORE_FINE;
    write->revision = 0;

    /* what is written into a file that nobody will open again is lost */

    if (ngx_mesh_sqlite_moved(db)) {
        db->error = NGX_MESH_STORE_READ_ONLY;
        (void) ngx_sprintf(db->message, "the file was moved or removed%Z");
        write->rc = NGX_ERROR;

    } else {
        write->rc = ngx_mesh_sqlite_transact(db, write);
    }

    if (write->rc != NGX_OK) {
        ngx_mesh_sqlite_end(db);
    }

    if (write->rc == NGX_ERROR) {
        write->error = db->error;
    }
}


static ngx_int_t
ngx_mesh_sqlite_transact(ngx_mesh_sqlite_t *db, ngx_mesh_store_write_t *write)
{
    uint64_t                   trimmed;
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_mesh_store_change_t   *changes;
    ngx_mesh_store_compare_t  *compares;

    compares = write->compares.elts;
    changes = write->changes.elts;

    if (write->changes.nelts
        && ngx_mesh_sqlite_run(db, NGX_MESH_SQLITE_BEGIN_WRITE) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_mesh_sqlite_begin(db, &write->revision, &trimmed) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < write->compares.nelts; i++) {
        rc = ngx_mesh_sqlite_compare(db, &compares[i], trimmed);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (write->changes.nelts == 0) {
        ngx_mesh_sqlite_end(db);
        return NGX_OK;
    }

    write->revision++;

    for (i = 0; i < write->changes.nelts; i++) {
        if (ngx_mesh_sqlite_change(db, &changes[i], write->revision)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_mesh_sqlite_set_revision(db, write->revision) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mesh_sqlite_run(db, NGX_MESH_SQLITE_COMMIT);
}


static ngx_int_t
ngx_mesh_sqlite_compare(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_compare_t *compare, uint64_t trimmed)
{
    int            rc;
    uint64_t       revision;
    sqlite3_stmt  *stmt;

    if (compare->prefix) {
        return ngx_mesh_sqlite_newer(db, compare, trimmed);
    }

    stmt = ngx_mesh_sqlite_stmt(db, NGX_MESH_SQLITE_GET);

    if (stmt == NULL) {
        return NGX_ERROR;
    }

    ngx_mesh_sqlite_bind(stmt, 1, &compare->key);

    rc = sqlite3_step(stmt);
    revision = (rc == SQLITE_ROW) ? sqlite3_column_int64(stmt, 2) : 0;

    if (ngx_mesh_sqlite_done(db, stmt, rc) != NGX_OK) {
        return NGX_ERROR;
    }

    return (revision == compare->revision) ? NGX_OK : NGX_DECLINED;
}


/* the history of changes knows of removals too */

static ngx_int_t
ngx_mesh_sqlite_newer(ngx_mesh_sqlite_t *db,
    ngx_mesh_store_compare_t *compare, uint64_t trimmed)
{
    int            rc;
    sqlite3_stmt  *stmt;

    if (compare->revision < trimmed) {
        return NGX_DECLINED;
    }

    stmt = ngx_mesh_sqlite_range(db, NGX_MESH_SQLITE_NEWER, &compare->key,
                                 NULL);
    if (stmt == NULL) {
        return NGX_ERROR;
    }

    (void) sqlite3_bind_int64(stmt, 3, compare->revision);

    rc = sqlite3_step(stmt);

    if (ngx_mesh_sqlite_done(db, stmt, rc) != NGX_OK) {
        return NGX_ERROR;
    }

    return (rc == SQLITE_DONE) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_mesh_sqlite_change(ngx_mesh_sqlite_t *db, ngx_mesh_store_change_t *change,
    uint64_t revision)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_mesh_sqlite_stmt(db, change->remove ? NGX_MESH_SQLITE_REMOVE
                                                   : NGX_MESH_SQLITE_PUT);
    if (stmt == NULL) {
        return NGX_ERROR;
    }

    ngx_mesh_sqlite_bind(stmt, 1, &change->key);

    if (!change->remove) {
        ngx_mesh_sqlite_bind(stmt, 2, &change->value);
        (void) sqlite3_bind_int64(stmt, 3, revision);
    }

    rc = sqlite3_step(stmt);

    if (ngx_mesh_sqlite_done(db, stmt, rc) != NGX_OK) {
        return NGX_ERROR;
    }

    if (sqlite3_changes(db->db) == 0) {
        /* there was nothing to remove */
        return NGX_OK;
    }

    stmt = ngx_mesh_sqlite_stmt(db, NGX_MESH_SQLITE_LOG);

    if (stmt == NULL) {
        return NGX_ERROR;
    }

    (void) sqlite3_bind_int64(stmt, 1, revision);
    ngx_mesh_sqlite_bind(stmt, 2, &change->key);

    return ngx_mesh_sqlite_done(db, stmt, sqlite3_step(stmt));
}


static ngx_int_t
ngx_mesh_sqlite_set_revision(ngx_mesh_sqlite_t *db, uint64_t revision)
{
    uint64_t  trimmed;

    if (revision % NGX_MESH_SQLITE_TRIM_EVERY == 0
        && revision > NGX_MESH_SQLITE_HISTORY)
    {
        trimmed = revision - NGX_MESH_SQLITE_HISTORY;

        if (ngx_mesh_sqlite_set(db, NGX_MESH_SQLITE_TRIM, trimmed) != NGX_OK
            || ngx_mesh_sqlite_set(db, NGX_MESH_SQLITE_TRIMMED, trimmed)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_mesh_sqlite_set(db, NGX_MESH_SQLITE_REVISION, revision);
}


static ngx_int_t
ngx_mesh_sqlite_set(ngx_mesh_sqlite_t *db, ngx_uint_t n, uint64_t value)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_mesh_sqlite_stmt(db, n);

    if (stmt == NULL) {
        return NGX_ERROR;
    }

    (void) sqlite3_bind_int64(stmt, 1, value);

    return ngx_mesh_sqlite_done(db, stmt, sqlite3_step(stmt));
}


/*
 * The usual checkpoint keeps no writer from going on.  As others write while
 * it works, the WAL may never be finished and grow: then it is begun anew,
 * which writers have to wait for.
 */

void
ngx_mesh_sqlite_checkpoint(ngx_mesh_sqlite_t *db)
{
    int         pages, done;
    ngx_msec_t  wait;

    if (db->db == NULL) {
        return;
    }

    pages = 0;

    (void) sqlite3_wal_checkpoint_v2(db->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                     &pages, &done);

    /* -1 while somebody else is at it */

    db->moved = ngx_max(pages, (int) (db->moved + NGX_MESH_SQLITE_CHECKPOINT));
    db->due = 0;

    if (pages > NGX_MESH_SQLITE_WAL_LARGE * NGX_MESH_SQLITE_CHECKPOINT) {
        wait = db->wait;
        db->wait = NGX_MESH_SQLITE_WAL_WAIT;

        (void) sqlite3_wal_checkpoint_v2(db->db, NULL,
                                         SQLITE_CHECKPOINT_RESTART, NULL,
                                         NULL);
        db->wait = wait;
    }
}
