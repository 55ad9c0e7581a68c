
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Turns of writers: who waits is next, how long it waits at most, and what
 * becomes of the turn of a process that dies.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <sys/wait.h>

#include "ngx_mesh_store_turn.h"
#include "ngx_mesh_unit.h"


#if (NGX_MESH_STORE_TURNS)

#define MESH_TURN_LONG   30000          /* ms */
#define MESH_TURN_SHORT  20
#define MESH_TURN_TIMES  50


typedef struct {
    ngx_mesh_store_turn_t    turn;
    volatile ngx_uint_t      turns;     /* of the other process */
    volatile ngx_uint_t      done;
} mesh_turn_t;


static mesh_turn_t *
mesh_turn_create(ngx_mesh_unit_t *u)
{
    mesh_turn_t  *t;

    t = mmap(NULL, sizeof(mesh_turn_t), PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (t == MAP_FAILED) {
        return NULL;
    }

    ngx_mesh_store_turn_init(&t->turn, u->log);

    return t;
}


static pid_t
mesh_turn_fork(void)
{
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        (void) alarm(60);
    }

    return pid;
}


static void
mesh_unit_turn_alone(ngx_mesh_unit_t *u)
{
    mesh_turn_t            *t;
    ngx_mesh_store_turn_t   none;

    ngx_memzero(&none, sizeof(ngx_mesh_store_turn_t));

    MESH_IS_INT(ngx_mesh_store_turn_take(&none, MESH_TURN_LONG), 0,
                "no turn where none were made");

    t = mesh_turn_create(u);

    MESH_OK(t && t->turn.ready, "turns are made");

    if (t == NULL) {
        return;
    }

    MESH_IS_INT(ngx_mesh_store_turn_take(&t->turn, MESH_TURN_LONG), 1,
                "a turn");
    MESH_IS_INT(ngx_mesh_store_turn_take(&t->turn, MESH_TURN_SHORT), 0,
                "no second one before it is left");

    ngx_mesh_store_turn_leave(&t->turn);

    MESH_IS_INT(ngx_mesh_store_turn_take(&t->turn, MESH_TURN_LONG), 1,
                "another one after that");

    ngx_mesh_store_turn_leave(&t->turn);

    (void) munmap(t, sizeof(mesh_turn_t));
}

MESH_UNIT(mesh_unit_turn_alone)


static void
mesh_unit_turn_dies(ngx_mesh_unit_t *u)
{
    int           status;
    pid_t         pid;
    mesh_turn_t  *t;

    t = mesh_turn_create(u);
    if (t == NULL) {
        MESH_OK(0, "no memory");
        return;
    }

    pid = mesh_turn_fork();

    if (pid == 0) {
        _exit(ngx_mesh_store_turn_take(&t->turn, MESH_TURN_LONG) ? 7 : 1);
    }

    (void) waitpid(pid, &status, 0);

    MESH_OK(WIFEXITED(status) && WEXITSTATUS(status) == 7,
            "a process died in its turn");
    MESH_IS_INT(ngx_mesh_store_turn_take(&t->turn, MESH_TURN_LONG), 1,
                "the next one has it");

    ngx_mesh_store_turn_leave(&t->turn);

    MESH_IS_INT(ngx_mesh_store_turn_take(&t->turn, MESH_TURN_LONG), 1,
                "and so on");

    ngx_mesh_store_turn_leave(&t->turn);

    (void) munmap(t, sizeof(mesh_turn_t));
}

MESH_UNIT(mesh_unit_turn_dies)


static ngx_uint_t
mesh_turn_work(mesh_turn_t *t)
{
    while (!t->done) {

        if (!ngx_mesh_store_turn_take(&t->turn, MESH_TURN_LONG)) {
            return 1;
        }

        t->turns++;

        ngx_mesh_store_turn_leave(&t->turn);
    }

    return 0;
}


/* until somebody waits for the turn that is ours */

static void
mesh_turn_wait(mesh_turn_t *t)
{
    while (pthread_mutex_trylock(&t->turn.next) == 0) {
        (void) pthread_mutex_unlock(&t->turn.next);
        (void) usleep(100);
    }
}


static void
mesh_unit_turn_order(ngx_mesh_unit_t *u)
{
    int           status;
    pid_t         pid;
    ngx_uint_t    i, before, first;
    mesh_turn_t  *t;

    t = mesh_turn_create(u);
    if (t == NULL) {
        MESH_OK(0, "no memory");
        return;
    }

    pid = mesh_turn_fork();

    if (pid == 0) {
        _exit(mesh_turn_work(t));
    }

    first = 0;

    for (i = 0; i < MESH_TURN_TIMES; i++) {

        if (!ngx_mesh_store_turn_take(&t->turn, MESH_TURN_LONG)) {
            break;
        }

        mesh_turn_wait(t);

        before = t->turns;

        ngx_mesh_store_turn_leave(&t->turn);

        if (!ngx_mesh_store_turn_take(&t->turn, MESH_TURN_LONG)) {
            break;
        }

        first += (t->turns > before);
        t->done = (i == MESH_TURN_TIMES - 1);

        ngx_mesh_store_turn_leave(&t->turn);
    }

    (void) waitpid(pid, &status, 0);

    MESH_OK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
            "the other process had its turns");
    MESH_IS_INT(first, MESH_TURN_TIMES,
                "who leaves and wants another comes after who waited");

    (void) munmap(t, sizeof(mesh_turn_t));
}

MESH_UNIT(mesh_unit_turn_order)

#endif
