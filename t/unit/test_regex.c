
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Regular expressions: the language and the meaning of RE2's full match, and
 * the time that a hostile pattern or subject may take.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_regex.h>
#include "ngx_mesh_unit.h"


typedef struct {
    char       *pattern;
    char       *subject;
    ngx_int_t   rc;
} mesh_unit_regex_t;


static ngx_mesh_regex_t *mesh_unit_regex(ngx_mesh_unit_t *u, char *pattern,
    ngx_str_t *error);
static ngx_int_t mesh_unit_regex_timed(ngx_mesh_regex_t *re, ngx_str_t *s,
    ngx_uint_t *usec);


static mesh_unit_regex_t  mesh_unit_regexes[] = {

    /* always the whole subject */
    { "foo", "foo", NGX_OK },
    { "foo", "foobar", NGX_DECLINED },
    { "foo", "xfoo", NGX_DECLINED },
    { "foo|foobar", "foobar", NGX_OK },
    { "a*?", "aaa", NGX_OK },
    { "^foo$", "foo", NGX_OK },
    { "", "", NGX_OK },
    { "", "a", NGX_DECLINED },
    { ".*", "", NGX_OK },
    { "redor.*", "redorgreencolor", NGX_OK },
    { "/v[0-9]+/.*", "/v12/a", NGX_OK },
    { "/v[0-9]+/.*", "/v/a", NGX_DECLINED },

    /* "." is not a newline, "$" is the very end */
    { "a.b", "a\nb", NGX_DECLINED },
    { "(?s)a.b", "a\nb", NGX_OK },
    { "a$", "a\n", NGX_DECLINED },
    { "a$\n", "a\n", NGX_DECLINED },
    { "a.b", "a\rb", NGX_OK },

    /* case, classes, escapes, groups */
    { "foo", "FOO", NGX_DECLINED },
    { "(?i)foo", "FOO", NGX_OK },
    { "(?i:f)oo", "Foo", NGX_OK },
    { "(?i:f)oo", "FOO", NGX_DECLINED },
    { "[]a]+", "]a]", NGX_OK },
    { "[^]a]", "]", NGX_DECLINED },
    { "[[:alpha:]]+", "abc", NGX_OK },
    { "[[:^alpha:]]+", "123", NGX_OK },
    { "[(?=]+", "(?=", NGX_OK },
    { "[\\]\\\\]+", "]\\", NGX_OK },
    { "\\d+\\.\\w+\\s\\D", "12.a_ x", NGX_OK },
    { "\\x41\\x{42}\\103", "ABC", NGX_OK },
    { "\\(\\?=\\)", "(?=)", NGX_OK },
    { "\\Q(?=\\1\\E+", "(?=\\1", NGX_OK },
    { "\\Qa+", "a+", NGX_OK },
    { "a\\b.*", "a b", NGX_OK },
    { "(?P<name>a)(?<other>b)(?:c)", "abc", NGX_OK },
    { "a{2,3}", "aaa", NGX_OK },
    { "a{2,3}", "a", NGX_DECLINED },
    { "a{x", "a{x", NGX_OK },
    { "a+?b*?c??", "aab", NGX_OK },
    { "caf\xc3\xa9", "caf\xc3\xa9", NGX_OK },

    /* "x+" in repeated groups is rewritten */
    { "(a+)+", "aaa", NGX_OK },
    { "(a+)+", "", NGX_DECLINED },
    { "([a-z]+/?)+", "ab/cd/e", NGX_OK },
    { "([a-z]+/?)+", "ab//e", NGX_DECLINED },
    { "(\\d+,)*\\d+", "1,22,333", NGX_OK },
    { "(\\++x)+", "+x++x", NGX_OK },
    { "([+]+x)+", "+x++x", NGX_OK },
    { "(\\x61+b)+", "aabab", NGX_OK },
    { "(\\x61+b)+", "x", NGX_DECLINED },
    { "((?:ab)+c)+", "ababcabc", NGX_OK },
    { "(a+?b)+", "aabab", NGX_OK },

    { NULL, NULL, 0 }
};


static void
mesh_unit_regex_meaning(ngx_mesh_unit_t *u)
{
    ngx_str_t           subject, error;
    ngx_mesh_regex_t   *re;
    mesh_unit_regex_t  *t;

    for (t = mesh_unit_regexes; t->pattern; t++) {
        re = mesh_unit_regex(u, t->pattern, &error);

        if (!MESH_OK(re != NULL, "\"%s\" compiles: %V", t->pattern, &error)) {
            continue;
        }

        subject.data = (u_char *) t->subject;
        subject.len = ngx_strlen(t->subject);

        MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), t->rc,
                    "\"%s\" on \"%s\"", t->pattern, t->subject);
    }

    re = mesh_unit_regex(u, ".*", &error);
    ngx_str_null(&subject);

    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_OK,
                "a subject without data");
}

MESH_UNIT(mesh_unit_regex_meaning)


/* each of them is an error in RE2 */

static char  *mesh_unit_regex_refused[] = {
    "(?=a)a", "(?!a)b", "a(?<=a)", "a(?<!b)", "(a)\\1", "(a)\\2", "\\9",
    "(?P<n>a)(?P=n)", "(?<n>a)\\k<n>", "(?<n>a)\\k{n}", "(a)\\g1", "(a)\\g{1}",
    "(?R)", "a(?1)", "(?<n>a)(?&n)", "(?P<n>a)(?P>n)", "(?>a)", "(?|a|b)",
    "(?(1)a|b)", "(?#comment)", "(?C1)", "(?'n'a)", "(?x)a b", "(?J)a",
    "(*UTF8)a", "(*NO_JIT)a", "a(*FAIL)", "(*atomic:a)", "a\\C", "a\\Kb",
    "\\Ga", "\\R", "\\X", "a\\Z", "\\N", "\\h", "\\e", "a++", "a*+", "a?+",
    "a{2}+", "(a)++", "[a]++", "[[:<:]]a", "[\\b]",
    "(", ")", "[a", "a**", "*a", "(?P<n>a", "a{2,1}", "\\", "[z-a]",
    "\\x{100}", "((((a{1000}){1000}){1000}){1000})",
    NULL
};


static void
mesh_unit_regex_errors(ngx_mesh_unit_t *u)
{
    char       **p;
    ngx_str_t    error;

    for (p = mesh_unit_regex_refused; *p; p++) {
        MESH_OK(mesh_unit_regex(u, *p, &error) == NULL, "\"%s\" is refused",
                *p);
        MESH_OK(error.len != 0, "because: %V", &error);
    }

    (void) mesh_unit_regex(u, "/a(?=b)", &error);
    MESH_IS_STR(&error, "not supported, as in RE2 at offset 2",
                "the error tells where");
}

MESH_UNIT(mesh_unit_regex_errors)


static char  *mesh_unit_regex_heavy[] = {
    "(a+)+$", "(a|aa)+$", "(a|a)*b", "(a*)*b", "(.*a){20}", "(.*a){20}b",
    "(.*a){200}b", ".*.*.*.*.*b", "(.*)(.*)(.*)(.*)[^a]", "(a?){64}a{64}",
    "(x+x+)+y", "((.*b|\\w)*){0,30}c", "(\\w+\\s?)*!", "(.{1,1000}a)+b",
    ".*?a.*?a.*?a.*?[A-Z]", "((.*)/)*(.*)[A-Z]", ".*(f|o|oo|fo|a|/|b)*[A-Z]",
    "(.*.*)*b", "(.{1,30}){1,30}[0-9]", ".*foo.*bar.*",
    NULL
};


static void
mesh_unit_regex_time(ngx_mesh_unit_t *u)
{
    char             **p;
    u_char             buf[32768];
    ngx_str_t          subject, error;
    ngx_uint_t         i, k, usec, worst, total;
    ngx_mesh_regex_t  *re;

    static char    *fillings[] = { "a", "ab", "a/", "foo" };
    static size_t   lengths[] = { 30, 100, 1024, 1025, 2000, 8192, 32768 };

    total = 0;
    subject.data = buf;

    for (p = mesh_unit_regex_heavy; *p; p++) {
        re = mesh_unit_regex(u, *p, &error);

        if (!MESH_OK(re != NULL, "\"%s\" compiles: %V", *p, &error)) {
            continue;
        }

        worst = 0;

        for (i = 0; i < 7 * 4 * 2; i++) {
            subject.len = lengths[i % 7];

            for (k = 0; k < subject.len; k++) {
                buf[k] = fillings[i / 14][k % ngx_strlen(fillings[i / 14])];
            }

            if (i / 7 % 2) {
                buf[subject.len - 1] = '!';
            }

            (void) mesh_unit_regex_timed(re, &subject, &usec);
            worst = ngx_max(worst, usec);
        }

        total = ngx_max(total, worst);
        MESH_OK(worst < 5000, "\"%s\" ends soon: %ui us", *p, worst);
    }

    MESH_DIAG("the slowest match took %ui us", total);
}

MESH_UNIT(mesh_unit_regex_time)


/* what RE2 would say about long subjects, some by the second tier */

static void
mesh_unit_regex_long(ngx_mesh_unit_t *u)
{
    u_char             buf[8192];
    ngx_str_t          subject, error;
    ngx_uint_t         i;
    ngx_mesh_regex_t  *re;

    subject.data = buf;
    subject.len = 8192;
    ngx_memset(buf, 'a', 8192);

    re = mesh_unit_regex(u, "(a+)+$", &error);
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_OK, "(a+)+$, all a");

    re = mesh_unit_regex(u, "(a|aa)+$", &error);
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_OK, "(a|aa)+$");

    buf[8191] = '!';
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_DECLINED,
                "(a|aa)+$ on a...a!");

    re = mesh_unit_regex(u, "(a+)+$", &error);
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_DECLINED,
                "(a+)+$ on a...a!");

    subject.len = 40;
    buf[39] = '!';
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_DECLINED,
                "(a+)+$ on a short one");
    subject.len = 8192;

    for (i = 0; i < 8192; i++) {
        buf[i] = "foo"[i % 3];
    }

    re = mesh_unit_regex(u, ".*foo.*bar.*", &error);
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_DECLINED,
                ".*foo.*bar.* on foofoo...");

    ngx_memcpy(&buf[8000], "bar", 3);
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_OK,
                "with bar at the end");

    ngx_memcpy(&buf[8000], "oof", 3);
    ngx_memcpy(&buf[3], "bar", 3);
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_OK,
                "with bar after the first foo only");

    for (i = 0; i < 8192; i++) {
        buf[i] = "/segment"[i % 8];
    }

    re = mesh_unit_regex(u, "(/[a-z]+)+", &error);
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_OK, "a long path");

    buf[4096] = '!';
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_DECLINED,
                "a long path with a wrong character");

    /* without end: a number of states beyond both limits */

    ngx_memset(buf, 'a', 8192);
    re = mesh_unit_regex(u, "(.{1,30}){1,30}[0-9]", &error);
    MESH_IS_INT(ngx_mesh_regex_exec(re, &subject), NGX_ABORT,
                "what cannot be told in time is given up");
}

MESH_UNIT(mesh_unit_regex_long)


static ngx_mesh_regex_t *
mesh_unit_regex(ngx_mesh_unit_t *u, char *pattern, ngx_str_t *error)
{
    ngx_str_t  s;

    s.data = (u_char *) pattern;
    s.len = ngx_strlen(pattern);

    return ngx_mesh_regex_compile(u->pool, &s, error);
}


/* processor time, the best of three, since the machine may be busy */

static ngx_int_t
mesh_unit_regex_timed(ngx_mesh_regex_t *re, ngx_str_t *s, ngx_uint_t *usec)
{
    ngx_int_t        rc;
    ngx_uint_t       i, n;
    struct timespec  start, end;

    *usec = (ngx_uint_t) -1;
    rc = NGX_ERROR;

    for (i = 0; i < 3; i++) {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
        rc = ngx_mesh_regex_exec(re, s);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);

        n = (end.tv_sec - start.tv_sec) * 1000000
            + (end.tv_nsec - start.tv_nsec) / 1000;

        *usec = ngx_min(*usec, n);
    }

    return rc;
}
