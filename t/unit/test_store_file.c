
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The file of a store: made, migrated, refused, damaged, full, and shared by
 * processes of which some are killed.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_store.h>
#include <ngx_mesh_store_sqlite.h>
#include <sys/wait.h>

#include "mesh_unit_store.h"


#define MESH_UNIT_KILLS  20


static ngx_int_t
mesh_unit_store_file(ngx_mesh_unit_t *u, mesh_unit_store_t *us,
    ngx_mesh_sqlite_schema_t *schema)
{
    ngx_mesh_sqlite_prepare_t  pr;

    ngx_memzero(&pr, sizeof(ngx_mesh_sqlite_prepare_t));

    pr.path = (const char *) us->path;
    pr.log = u->log;
    pr.user = (ngx_uid_t) NGX_CONF_UNSET_UINT;
    pr.schema = schema;
    pr.check = 1000000;

    return ngx_mesh_sqlite_prepare(&pr);
}


static int64_t
mesh_unit_store_query(mesh_unit_store_t *us, const char *sql)
{
    int64_t            value;
    ngx_mesh_sqlite_t  db;

    if (ngx_mesh_sqlite_open(&db, (const char *) us->path, 1, 1000)
        != NGX_OK)
    {
        return -1;
    }

    if (ngx_mesh_sqlite_integer(&db, sql, &value) != NGX_OK) {
        value = -1;
    }

    ngx_mesh_sqlite_close(&db);

    return value;
}


static void
mesh_unit_store_migrations(ngx_mesh_unit_t *u)
{
    ngx_file_info_t            fi;
    mesh_unit_store_t          us;
    ngx_mesh_sqlite_schema_t   schema;

    static const char  *steps[] = {
        "CREATE TABLE one (a); INSERT INTO one VALUES (1)",
        "ALTER TABLE one ADD COLUMN b DEFAULT 2",
        "UPDATE one SET a = 3; INSERT INTO nowhere VALUES (1)"
    };

    schema.sql = steps;
    schema.n = 1;

    if (!MESH_OK(mesh_unit_store_directory(&us) == NGX_OK, "a directory")) {
        return;
    }

    MESH_IS_INT(mesh_unit_store_file(u, &us, &schema), NGX_OK,
                "a file of the first version");
    MESH_IS_INT(mesh_unit_store_query(&us, "PRAGMA user_version"), 1,
                "has its number");
    MESH_IS_INT(mesh_unit_store_query(&us, "PRAGMA application_id"),
                NGX_MESH_SQLITE_APPLICATION, "and the sign of a store");

    (void) ngx_file_info(us.path, &fi);
    MESH_IS_INT(ngx_file_access(&fi), 0600, "its mode is 0600");

    schema.n = 2;
    MESH_IS_INT(mesh_unit_store_file(u, &us, &schema), NGX_OK,
                "it is brought up to date");
    MESH_IS_INT(mesh_unit_store_query(&us, "SELECT a + b FROM one"), 3,
                "by the second step only");

    schema.n = 3;
    MESH_IS_INT(mesh_unit_store_file(u, &us, &schema), NGX_ERROR,
                "a step that fails");
    MESH_IS_INT(mesh_unit_store_query(&us, "PRAGMA user_version"), 2,
                "leaves the version");
    MESH_IS_INT(mesh_unit_store_query(&us, "SELECT a FROM one"), 1,
                "and the data as they were");

    schema.n = 1;
    MESH_IS_INT(mesh_unit_store_file(u, &us, &schema), NGX_ERROR,
                "a newer one is refused");
    MESH_IS_INT(mesh_unit_store_query(&us, "PRAGMA user_version"), 2,
                "and left alone");

    mesh_unit_store_remove(&us);
}

MESH_UNIT(mesh_unit_store_migrations)


/* writes "data" into the file of the store, at its end or in its place */

static void
mesh_unit_store_damage(mesh_unit_store_t *us, off_t offset, const char *data,
    size_t size)
{
    ngx_fd_t  fd;

    fd = ngx_open_file(us->path, NGX_FILE_WRONLY, NGX_FILE_CREATE_OR_OPEN,
                       0600);
    (void) !pwrite(fd, data, size, offset);
    (void) ngx_close_file(fd);
}


static void
mesh_unit_store_refused(ngx_mesh_unit_t *u)
{
    char                junk[8192];
    ngx_uint_t          i;
    mesh_unit_store_t   us;
    ngx_mesh_sqlite_t   db;

    if (!MESH_OK(mesh_unit_store_directory(&us) == NGX_OK, "a directory")) {
        return;
    }

    ngx_memset(junk, 'x', sizeof(junk));

    mesh_unit_store_damage(&us, 0, junk, 8192);
    MESH_IS_INT(mesh_unit_store_file(u, &us, NULL), NGX_ERROR,
                "what is no database is refused");
    (void) ngx_delete_file(us.path);

    mesh_unit_store_damage(&us, 0, junk, 0);
    MESH_IS_INT(mesh_unit_store_file(u, &us, NULL), NGX_OK,
                "an empty file is filled");

    (void) ngx_mesh_sqlite_open(&db, (const char *) us.path, 0, 1000);

    for (i = 0; i < 200; i++) {
        if (ngx_mesh_sqlite_exec(&db, "INSERT INTO entry (key, value, "
                                      "revision) VALUES (randomblob(16), "
                                      "randomblob(500), 1)")
            != NGX_OK)
        {
            break;
        }
    }

    MESH_IS_INT(i, 200, "it is used");
    (void) ngx_mesh_sqlite_exec(&db, "PRAGMA wal_checkpoint(TRUNCATE)");
    ngx_mesh_sqlite_close(&db);

    MESH_IS_INT(mesh_unit_store_file(u, &us, NULL), NGX_OK,
                "a file of some size is sound");

    mesh_unit_store_damage(&us, 5 * 4096, junk, 8192);
    MESH_IS_INT(mesh_unit_store_file(u, &us, NULL), NGX_ERROR,
                "with two pages overwritten it is refused");

    mesh_unit_store_remove(&us);
    (void) mesh_unit_store_directory(&us);

    (void) mesh_unit_store_query(&us, "CREATE TABLE other (a)");
    MESH_IS_INT(mesh_unit_store_file(u, &us, NULL), NGX_ERROR,
                "another program's database is refused");

    mesh_unit_store_remove(&us);

    (void) ngx_cpystrn(us.path, (u_char *) "/proc/none/store", 80);
    MESH_IS_INT(mesh_unit_store_file(u, &us, NULL), NGX_ERROR,
                "a directory that cannot be made");
}

MESH_UNIT(mesh_unit_store_refused)


static void
mesh_unit_store_corrupt(ngx_mesh_unit_t *u)
{
    char                   junk[8192];
    mesh_unit_store_t      us;
    ngx_mesh_store_item_t  item;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    ngx_memset(junk, 'x', sizeof(junk));

    (void) mesh_unit_store_put(u, us.store, 1, "/a", "1");
    (void) mesh_unit_store_query(&us, "PRAGMA wal_checkpoint(TRUNCATE)");

    /* the first page stays, so that the others are reached */

    mesh_unit_store_damage(&us, 4096, junk, 8192);
    mesh_unit_store_damage(&us, 3 * 4096, junk, 8192);
    mesh_unit_store_damage(&us, 5 * 4096, junk, 4096);

    ngx_mesh_store_close(us.store);
    ngx_mesh_store_open(u->cf->cycle, us.store);

    MESH_IS_INT(mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_GET,
                                     "/a", NULL, 0, &item),
                NGX_MESH_STORE_CORRUPT, "a corrupt file is seen as such");
    MESH_IS_INT(mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_LIST,
                                     "", NULL, 0, &item),
                NGX_MESH_STORE_CORRUPT, "again");
    MESH_IS_INT(mesh_unit_store_put(u, us.store, 1, "/a", "2"), NGX_ERROR,
                "a write fails");
    MESH_IS_INT(us.store->shared->read_error, NGX_MESH_STORE_CORRUPT,
                "it was told of");
    MESH_IS_INT(ngx_mesh_store_id(us.store)->len, 0, "the store has no name");

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_store_corrupt)


static void
mesh_unit_store_full(ngx_mesh_unit_t *u)
{
    char                     *large;
    ngx_int_t                 rc;
    ngx_uint_t                i;
    mesh_unit_store_t         us;
    ngx_mesh_store_item_t     item;
    ngx_mesh_store_write_t   *write;
    ngx_mesh_store_sqlite_t  *ss;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    large = ngx_pcalloc(u->pool, 20001);
    ngx_memset(large, 'x', 20000);

    (void) mesh_unit_store_put(u, us.store, 1, "/a", "1");

    ss = us.store->data;
    (void) ngx_mesh_sqlite_exec(&ss->writer, "PRAGMA max_page_count = 20");

    rc = NGX_OK;
    write = NULL;

    for (i = 0; i < 10 && rc == NGX_OK; i++) {
        write = mesh_unit_store_write(u);
        mesh_unit_store_change(write, "/a", "2");
        mesh_unit_store_change(write, i % 2 ? "/odd" : "/even", large);
        if (i > 1) {
            mesh_unit_store_change(write, i % 2 ? "/more" : "/much", large);
        }
        ngx_mesh_store_write(us.store, write);
        rc = write->rc;
    }

    MESH_IS_INT(rc, NGX_ERROR, "a write finds no room");
    MESH_IS_INT(write->error, NGX_MESH_STORE_FULL, "and says so");
    MESH_IS_INT(us.store->shared->write_error, NGX_MESH_STORE_FULL,
                "it was told of");

    (void) mesh_unit_store_put(u, us.store, 1, "/b", large);

    MESH_IS_INT(mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_GET,
                                     "/a", NULL, 0, &item),
                NGX_MESH_STORE_FINE, "reads go on");
    MESH_IS_INT(item.entries->revision, i, "at the last that was done");

    (void) ngx_mesh_sqlite_exec(&ss->writer,
                                "PRAGMA max_page_count = 1000000");

    MESH_IS_INT(mesh_unit_store_put(u, us.store, 1, "/b", large), NGX_OK,
                "with room again writes go on");
    MESH_IS_INT(us.store->shared->write_error, NGX_MESH_STORE_FINE,
                "and it was told of");

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_store_full)


static void
mesh_unit_store_moved(ngx_mesh_unit_t *u)
{
    mesh_unit_store_t      us;
    ngx_mesh_store_item_t  item;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    (void) mesh_unit_store_put(u, us.store, 1, "/a", "1");
    (void) ngx_delete_file(us.path);

    MESH_IS_INT(mesh_unit_store_put(u, us.store, 1, "/a", "2"), NGX_ERROR,
                "nothing is written into a file that was removed");
    MESH_IS_INT(us.store->shared->write_error, NGX_MESH_STORE_READ_ONLY,
                "which is told of");

    (void) mesh_unit_store_read(u, us.store, NULL, NGX_MESH_STORE_GET, "/a",
                                NULL, 0, &item);
    MESH_IS_INT(item.count, 1, "reads go on");

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_store_moved)


static void
mesh_unit_store_answered_to_pipe(ngx_mesh_sqlite_t *db, ngx_fd_t fd,
    ngx_mesh_unit_t *u, ngx_uint_t who)
{
    u_char                   one[32], two[32];
    ngx_uint_t               n;
    ngx_mesh_store_write_t  *write;

    write = mesh_unit_store_write(u);

    for (n = 0; /* void */ ; n++) {
        write->changes.nelts = 0;

        (void) ngx_sprintf(one, "/one/%ui/%ui%Z", who, n);
        (void) ngx_sprintf(two, "/two/%ui/%ui%Z", who, n);
        mesh_unit_store_change(write, (char *) one, "1");
        mesh_unit_store_change(write, (char *) two, "1");

        ngx_mesh_sqlite_write(db, write);

        if (n % 20 == 0) {
            ngx_mesh_sqlite_checkpoint(db);
        }

        if (write->rc != NGX_OK
            || ngx_write_fd(fd, &n, sizeof(ngx_uint_t))
               != sizeof(ngx_uint_t))
        {
            _exit(1);
        }
    }
}


/* waits for the first answer of a writer */

static ngx_uint_t
mesh_unit_store_first(ngx_fd_t fd)
{
    ngx_uint_t  n;

    return ngx_read_fd(fd, &n, sizeof(ngx_uint_t)) == sizeof(ngx_uint_t);
}


/* how many a writer was answered until it was killed */

static ngx_uint_t
mesh_unit_store_answers(ngx_fd_t fd)
{
    ngx_uint_t  n, answers;

    answers = 1;

    while (ngx_read_fd(fd, &n, sizeof(ngx_uint_t)) == sizeof(ngx_uint_t)) {
        answers = n + 1;
    }

    (void) ngx_close_file(fd);

    return answers;
}


static void
mesh_unit_store_killed(ngx_mesh_unit_t *u)
{
    int                    status;
    ngx_fd_t               fds[2][2];
    ngx_pid_t              pids[2];
    ngx_uint_t             i, who, lost, halves, total, ended, most, answers;
    u_char                 prefix[32];
    mesh_unit_store_t      us;
    ngx_mesh_sqlite_t      db;
    ngx_mesh_store_item_t  one, two;

    if (!MESH_OK(mesh_unit_store_create(u, &us) == NGX_OK, "a store")) {
        return;
    }

    /* no connection crosses fork() */

    ngx_mesh_store_close(us.store);

    lost = 0;
    halves = 0;
    total = 0;
    ended = 0;
    most = 0;

    for (i = 0; i < 2 * MESH_UNIT_KILLS; i += 2) {

        for (who = 0; who < 2; who++) {
            (void) !pipe(fds[who]);

            pids[who] = fork();

            if (pids[who] == 0) {
                (void) close(fds[who][0]);
                (void) ngx_mesh_sqlite_open(&db, (char *) us.path, 0, 5000);
                mesh_unit_store_answered_to_pipe(&db, fds[who][1], u,
                                                 i + who);
            }

            (void) close(fds[who][1]);
        }

        total += mesh_unit_store_first(fds[0][0])
                 + mesh_unit_store_first(fds[1][0]);

        ngx_msleep(ngx_random() % 40);

        for (who = 0; who < 2; who++) {
            (void) kill(pids[who], SIGKILL);
            (void) waitpid(pids[who], &status, 0);
            ended += !WIFSIGNALED(status);
        }

        ngx_mesh_store_open(u->cf->cycle, us.store);

        for (who = 0; who < 2; who++) {
            answers = mesh_unit_store_answers(fds[who][0]);
            most = ngx_max(most, answers);
            (void) ngx_sprintf(prefix, "/one/%ui/%Z", i + who);
            (void) mesh_unit_store_read(u, us.store, NULL,
                                        NGX_MESH_STORE_COUNT, (char *) prefix,
                                        NULL, 0, &one);
            (void) ngx_sprintf(prefix, "/two/%ui/%Z", i + who);
            (void) mesh_unit_store_read(u, us.store, NULL,
                                        NGX_MESH_STORE_COUNT, (char *) prefix,
                                        NULL, 0, &two);

            lost += (one.count < answers);
            halves += (one.count != two.count || one.count > answers + 1);
        }

        ngx_mesh_store_close(us.store);
    }

    MESH_IS_INT(ended, 0, "no writer failed");
    MESH_IS_INT(total, 2 * MESH_UNIT_KILLS, "each writer had an answer");
    MESH_DIAG("up to %ui answers", most);
    MESH_IS_INT(lost, 0, "no answered write was lost");
    MESH_IS_INT(halves, 0, "no half of one was kept");
    MESH_IS_INT(mesh_unit_store_file(u, &us, NULL), NGX_OK,
                "the file is sound");

    mesh_unit_store_destroy(&us);
}

MESH_UNIT(mesh_unit_store_killed)
