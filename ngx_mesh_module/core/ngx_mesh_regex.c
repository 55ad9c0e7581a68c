
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * App Mesh ran the regular expressions of routes with RE2, whose time is
 * linear in the subject.  Here PCRE2 runs them, in two tiers: backtracking,
 * by JIT where it is available, under a limit that shrinks with the length of
 * the subject; if that gives up, PCRE2's DFA matcher, which never backtracks,
 * under a limit of the states alive at once.  So a catastrophic pattern gets
 * the answer of RE2 too, and what is beyond both limits does not match.
 *
 * What RE2 does not know (back references, look-around, recursion, atomic
 * groups, verbs) is refused when the pattern is compiled: the DFA matcher
 * would recurse on it, and a mesh that ran on App Mesh cannot contain it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_regex.h"

#define PCRE2_CODE_UNIT_WIDTH  8
#include <pcre2.h>


/* 0 takes the interpreter instead, for tests of its limits */
#ifndef NGX_MESH_REGEX_JIT
#define NGX_MESH_REGEX_JIT           1
#endif

/*
 * The first tier.  Between two countings PCRE2 may scan the whole subject, at
 * about 1 ns a byte; the product bounds it to some 2 ms for any length.  But
 * JIT does not count every turn of a repeated group, each of which may scan
 * too: such a pattern, on a long subject, goes to the second tier at once.
 */
#define NGX_MESH_REGEX_BYTES         (2 * 1024 * 1024)
#define NGX_MESH_REGEX_MATCH_MAX     20000
#define NGX_MESH_REGEX_NESTED_MAX    1024
#define NGX_MESH_REGEX_HEAP_KB       1024
#define NGX_MESH_REGEX_STACK_MIN     (32 * 1024)
#define NGX_MESH_REGEX_STACK_MAX     (256 * 1024)

/*
 * The second tier.  Each byte of the subject costs every live state about
 * 16 ns and a comparison with the states before it.
 */
#define NGX_MESH_REGEX_DFA_NS        3000000
#define NGX_MESH_REGEX_STATE_NS      16
#define NGX_MESH_REGEX_STATES_MAX    256

/* pcre2_dfa_match() keeps two lists of states, three integers each */
#define NGX_MESH_REGEX_WORKSPACE(n)  (20 + 2 * 3 * (n))


struct ngx_mesh_regex_s {
    pcre2_code           *code;
    ngx_uint_t            nested;   /* unsigned  nested:1; */
};


typedef struct {
    pcre2_match_context  *context;
    pcre2_match_data     *data;
    pcre2_jit_stack      *stack;
    int                   workspace[
                              NGX_MESH_REGEX_WORKSPACE(
                                  NGX_MESH_REGEX_STATES_MAX)];
} ngx_mesh_regex_runtime_t;


static ngx_int_t ngx_mesh_regex_check(ngx_str_t *pattern, u_char **where,
    ngx_uint_t *nested);
static u_char *ngx_mesh_regex_check_escape(u_char *p, u_char *last);
static u_char *ngx_mesh_regex_check_class(u_char *p, u_char *last);
static u_char *ngx_mesh_regex_check_group(u_char *p, u_char *last);
static u_char *ngx_mesh_regex_check_repeat(u_char *p, u_char *last);
static ngx_int_t ngx_mesh_regex_unroll(ngx_pool_t *pool, ngx_str_t *pattern,
    ngx_str_t *out);
static u_char *ngx_mesh_regex_atom(u_char *p, u_char *last,
    ngx_uint_t *single);
static void ngx_mesh_regex_error(ngx_pool_t *pool, ngx_str_t *error,
    const char *reason, size_t offset);
static pcre2_code *ngx_mesh_regex_pcre(ngx_pool_t *pool, ngx_str_t *pattern,
    ngx_str_t *error);
static void ngx_mesh_regex_cleanup(void *data);
static ngx_int_t ngx_mesh_regex_runtime(void);
static ngx_int_t ngx_mesh_regex_exec_dfa(ngx_mesh_regex_t *re,
    ngx_str_t *subject);


/* of the process: one match runs at a time */
static ngx_mesh_regex_runtime_t  ngx_mesh_regex_rt;


ngx_mesh_regex_t *
ngx_mesh_regex_compile(ngx_pool_t *pool, ngx_str_t *pattern, ngx_str_t *error)
{
    u_char              *where;
    ngx_str_t            unrolled, ignored;
    ngx_uint_t           nested;
    pcre2_code          *code;
    ngx_mesh_regex_t    *re;
    ngx_pool_cleanup_t  *cln;

    ngx_str_null(error);

    if (ngx_mesh_regex_check(pattern, &where, &nested) != NGX_OK) {
        ngx_mesh_regex_error(pool, error, "not supported, as in RE2",
                             where - pattern->data);
        return NULL;
    }

    re = ngx_palloc(pool, sizeof(ngx_mesh_regex_t));
    if (re == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    re->code = ngx_mesh_regex_pcre(pool, pattern, error);
    if (re->code == NULL) {
        return NULL;
    }

    re->nested = nested;

    if (nested && ngx_mesh_regex_unroll(pool, pattern, &unrolled) == NGX_OK) {
        code = ngx_mesh_regex_pcre(pool, &unrolled, &ignored);

        /* or it may have become too long */

        if (code) {
            pcre2_code_free(re->code);
            re->code = code;
        }
    }

    cln->handler = ngx_mesh_regex_cleanup;
    cln->data = re->code;

#if (NGX_MESH_REGEX_JIT)

    /* without executable memory the interpreter takes over */

    (void) pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);

#endif

    return re;
}


/*
 * Flags as Envoy used RE2 with: the whole subject, "." is not a newline, "$"
 * is the very end.  Nobody reads captures, so "(" makes none.
 */

static pcre2_code *
ngx_mesh_regex_pcre(ngx_pool_t *pool, ngx_str_t *pattern, ngx_str_t *error)
{
    int                     errcode;
    u_char                  buf[128];
    uint32_t                options, references;
    PCRE2_SIZE              offset;
    pcre2_code             *code;
    pcre2_compile_context  *context;

    context = pcre2_compile_context_create(NULL);
    if (context == NULL) {
        return NULL;
    }

    (void) pcre2_set_newline(context, PCRE2_NEWLINE_LF);

    options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY
              | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C
              | PCRE2_NEVER_UTF;

    code = pcre2_compile(pattern->data, pattern->len, options, &errcode,
                         &offset, context);

    pcre2_compile_context_free(context);

    if (code == NULL) {
        (void) pcre2_get_error_message(errcode, buf, sizeof(buf));
        ngx_mesh_regex_error(pool, error, (char *) buf, offset);
        return NULL;
    }

    if (pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &references) != 0
        || references != 0)
    {
        pcre2_code_free(code);
        ngx_mesh_regex_error(pool, error, "back references are not supported",
                             0);
        return NULL;
    }

    return code;
}


static void
ngx_mesh_regex_error(ngx_pool_t *pool, ngx_str_t *error, const char *reason,
    size_t offset)
{
    size_t   len;
    u_char  *p;

    len = ngx_strlen(reason) + sizeof(" at offset ") - 1 + NGX_SIZE_T_LEN;

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return;
    }

    error->data = p;
    error->len = ngx_snprintf(p, len, "%s at offset %uz", reason, offset) - p;
}


static void
ngx_mesh_regex_cleanup(void *data)
{
    pcre2_code_free(data);
}


/*
 * Lets through only what RE2's syntax (google/re2, doc/syntax) has in common
 * with PCRE2.  NGX_DECLINED: "where" is the construct that is not; what is
 * wrong in both is left to pcre2_compile().  "nested": a group is repeated.
 */

static ngx_int_t
ngx_mesh_regex_check(ngx_str_t *pattern, u_char **where, ngx_uint_t *nested)
{
    u_char      *p, *last, *next;
    ngx_uint_t   repeat;

    p = pattern->data;
    last = p + pattern->len;
    repeat = 0;
    *nested = 0;

    while (p < last) {

        switch (*p) {

        case '\\':
            next = ngx_mesh_regex_check_escape(p, last);
            repeat = 0;
            break;

        case '[':
            next = ngx_mesh_regex_check_class(p, last);
            repeat = 0;
            break;

        case '(':
            next = ngx_mesh_regex_check_group(p, last);
            repeat = 0;
            break;

        case '*':
        case '+':
        case '?':
        case '{':
            /* "a++" is possessive */
            next = (repeat && *p == '+') ? NULL
                                     : ngx_mesh_regex_check_repeat(p, last);
            repeat = 1;

            if (p > pattern->data && p[-1] == ')') {
                *nested = 1;
            }

            break;

        default:
            next = p + 1;
            repeat = 0;
        }

        if (next == NULL) {
            *where = p;
            return NGX_DECLINED;
        }

        p = next;
    }

    return NGX_OK;
}


static u_char *
ngx_mesh_regex_check_escape(u_char *p, u_char *last)
{
    if (++p == last) {
        return last;
    }

    /* all is literal from "\Q" to "\E" or to the end */

    if (*p == 'Q') {

        for (p++; last - p > 1; p++) {
            if (p[0] == '\\' && p[1] == 'E') {
                return p + 2;
            }
        }

        return last;
    }

    /* a digit is a back reference, but for an octal number */

    if (*p >= '1' && *p <= '9') {
        return (*p < '8' && p + 1 < last && p[1] >= '0' && p[1] <= '7')
               ? p + 2 : NULL;
    }

    if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')) {
        return ngx_strchr("afnrtvxdDsSwWpPbBAzE", *p) ? p + 1 : NULL;
    }

    return p + 1;
}


static u_char *
ngx_mesh_regex_check_class(u_char *p, u_char *last)
{
    u_char  *end;

    p++;

    if (p < last && *p == '^') {
        p++;
    }

    if (p < last && *p == ']') {
        p++;
    }

    while (p < last && *p != ']') {

        if (*p == '\\') {

            if (++p < last
                && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
                && ngx_strchr("afnrtvxdDsSwWpP", *p) == NULL)
            {
                return NULL;
            }

        } else if (last - p > 3 && p[0] == '[' && p[1] == ':') {

            /* "[[:<:]]" is look-around, the end of "[:name:]" is no end */

            if (p[2] == '<' || p[2] == '>') {
                return NULL;
            }

            for (end = p + 2; end < last && *end != ':'; end++) {
                if (*end == ']' || *end == '\\') {
                    break;
                }
            }

            if (last - end > 1 && end[0] == ':' && end[1] == ']') {
                p = end + 1;
            }
        }

        p++;
    }

    return (p < last) ? p + 1 : last;
}


/* "(", "(?:", "(?flags:", "(?flags)", "(?P<name>" or "(?<name>" */

static u_char *
ngx_mesh_regex_check_group(u_char *p, u_char *last)
{
    p++;

    if (p < last && *p == '*') {
        return NULL;
    }

    if (p == last || *p != '?') {
        return p;
    }

    p++;

    if (p < last && *p == 'P') {
        return (last - p > 1 && p[1] == '<') ? p + 2 : NULL;
    }

    if (p < last && *p == '<') {
        return (last - p > 1 && p[1] != '=' && p[1] != '!') ? p + 1 : NULL;
    }

    while (p < last && ngx_strchr("imsU-", *p)) {
        p++;
    }

    return (p < last && (*p == ':' || *p == ')')) ? p + 1 : NULL;
}


/* "*", "+", "?" or "{n}", "{n,}", "{n,m}"; any other "{" stands for itself */

static u_char *
ngx_mesh_regex_check_repeat(u_char *p, u_char *last)
{
    u_char  *brace;

    if (*p != '{') {
        return p + 1;
    }

    for (brace = p + 1; brace < last; brace++) {
        if (*brace == '}') {
            return brace + 1;
        }

        if (*brace != ',' && (*brace < '0' || *brace > '9')) {
            break;
        }
    }

    return p + 1;
}


/*
 * Writes "x+" as "xx*" for single characters "x".  The DFA matcher counts the
 * turns of "x+" and takes states of different counts for different ones; in a
 * repeated group their number would grow with the subject.  NGX_DECLINED:
 * left as it is, there is an escape whose length is not known here.
 */

static ngx_int_t
ngx_mesh_regex_unroll(ngx_pool_t *pool, ngx_str_t *pattern, ngx_str_t *out)
{
    u_char      *p, *last, *next, *atom, *dst;
    ngx_uint_t   single;

    out->data = ngx_pnalloc(pool, 2 * pattern->len);
    if (out->data == NULL) {
        return NGX_ERROR;
    }

    last = pattern->data + pattern->len;
    dst = out->data;
    atom = NULL;

    for (p = pattern->data; p < last; p = next) {

        if (*p == '+' && atom) {
            next = p + 1;
            dst = ngx_cpymem(dst, atom, p - atom);
            *dst++ = '*';
            atom = NULL;
            continue;
        }

        next = ngx_mesh_regex_atom(p, last, &single);
        if (next == NULL) {
            return NGX_DECLINED;
        }

        atom = single ? p : NULL;
        dst = ngx_cpymem(dst, p, next - p);
    }

    out->len = dst - out->data;

    return NGX_OK;
}


/* "single": what is between "p" and the result matches one character */

static u_char *
ngx_mesh_regex_atom(u_char *p, u_char *last, ngx_uint_t *single)
{
    *single = 0;

    switch (*p) {

    case '\\':
        p++;

        if (p == last || ngx_strchr("0123456789xpPQE", *p)) {
            return NULL;
        }

        *single = (ngx_strchr("bBAz", *p) == NULL);
        return p + 1;

    case '[':
        *single = 1;
        return ngx_mesh_regex_check_class(p, last);

    case '(':
        return ngx_mesh_regex_check_group(p, last);

    case '*':
    case '+':
    case '?':
    case '{':
        return ngx_mesh_regex_check_repeat(p, last);

    case ')':
    case '|':
    case '^':
    case '$':
        return p + 1;

    default:
        *single = 1;
        return p + 1;
    }
}


ngx_int_t
ngx_mesh_regex_exec(ngx_mesh_regex_t *re, ngx_str_t *subject)
{
    int                        rc;
    u_char                    *data;
    uint32_t                   limit;
    ngx_mesh_regex_runtime_t  *rt;

    rt = &ngx_mesh_regex_rt;

    if (rt->data == NULL && ngx_mesh_regex_runtime() != NGX_OK) {
        return NGX_ABORT;
    }

    if (re->nested && subject->len > NGX_MESH_REGEX_NESTED_MAX) {
        return ngx_mesh_regex_exec_dfa(re, subject);
    }

    /* an empty ngx_str_t may have no data */

    data = subject->len ? subject->data : (u_char *) "";

    limit = NGX_MESH_REGEX_BYTES / (subject->len + 1);
    limit = ngx_max(ngx_min(limit, NGX_MESH_REGEX_MATCH_MAX), 1);

    (void) pcre2_set_match_limit(rt->context, limit);

    rc = pcre2_match(re->code, data, subject->len, 0, 0, rt->data,
                     rt->context);

    if (rc >= 0) {
        return NGX_OK;
    }

    if (rc == PCRE2_ERROR_NOMATCH) {
        return NGX_DECLINED;
    }

    return ngx_mesh_regex_exec_dfa(re, subject);
}


static ngx_int_t
ngx_mesh_regex_exec_dfa(ngx_mesh_regex_t *re, ngx_str_t *subject)
{
    int                        rc;
    u_char                    *data;
    ngx_uint_t                 n, cost;
    ngx_mesh_regex_runtime_t  *rt;

    rt = &ngx_mesh_regex_rt;

    data = subject->len ? subject->data : (u_char *) "";
    cost = NGX_MESH_REGEX_DFA_NS / (subject->len + 1);

    for (n = 1; n < NGX_MESH_REGEX_STATES_MAX; n++) {
        if (n * (NGX_MESH_REGEX_STATE_NS + n / 2) > cost) {
            break;
        }
    }

    rc = pcre2_dfa_match(re->code, data, subject->len, 0, 0, rt->data,
                         rt->context, rt->workspace,
                         NGX_MESH_REGEX_WORKSPACE(n));

    if (rc == PCRE2_ERROR_NOMATCH) {
        return NGX_DECLINED;
    }

    if (rc < 0) {
        return NGX_ABORT;
    }

    /*
     * The longest match comes first.  Its end is looked at, because 10.42
     * reports matches that end early in spite of PCRE2_ENDANCHORED.
     */

    return (pcre2_get_ovector_pointer(rt->data)[1] == subject->len)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_mesh_regex_runtime(void)
{
    ngx_mesh_regex_runtime_t  *rt;

    rt = &ngx_mesh_regex_rt;

    if (rt->context == NULL) {
        rt->context = pcre2_match_context_create(NULL);
        if (rt->context == NULL) {
            return NGX_ERROR;
        }

        (void) pcre2_set_heap_limit(rt->context, NGX_MESH_REGEX_HEAP_KB);
    }

    /* without a stack of its own JIT takes 32K of the machine's */

    if (rt->stack == NULL) {
        rt->stack = pcre2_jit_stack_create(NGX_MESH_REGEX_STACK_MIN,
                                           NGX_MESH_REGEX_STACK_MAX, NULL);
        if (rt->stack) {
            pcre2_jit_stack_assign(rt->context, NULL, rt->stack);
        }
    }

    rt->data = pcre2_match_data_create(1, NULL);

    return rt->data ? NGX_OK : NGX_ERROR;
}
