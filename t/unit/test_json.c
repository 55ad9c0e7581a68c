
/*
 * Copyright (C) nginx mesh contributors
 *
 * The JSON reader and tree: what is accepted, what is refused and in which
 * words, limits at their boundary, and that the way a text is cut into parts
 * makes no difference.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_mesh_json.h>

#include "ngx_mesh_unit.h"


typedef struct {
    const char  *text;
    const char  *result;        /* printed again, or the error */
} mesh_unit_json_case_t;


static ngx_mesh_json_limits_t  mesh_unit_json_limits = { 0, 0, 0, 0 };


/* the tree as text, or the error, of a text fed in parts of "step" bytes */

static ngx_str_t
mesh_unit_json_run(ngx_mesh_unit_t *u, ngx_mesh_json_limits_t *limits,
    ngx_str_t *text, size_t first, size_t step)
{
    size_t                   pos, n;
    u_char                  *part;
    ngx_str_t                result;
    ngx_mesh_json_t         *root;
    ngx_mesh_json_reader_t  *rd;

    ngx_str_set(&result, "failed");

    rd = ngx_mesh_json_reader_create(u->pool, limits);
    if (rd == NULL) {
        return result;
    }

    root = NULL;

    for (pos = 0, n = first; pos < text->len; pos += n, n = step) {

        n = ngx_min(n, text->len - pos);

        /* in memory of its own: nothing may point into a part */

        part = ngx_alloc(n + 1, u->log);
        if (part == NULL) {
            return result;
        }

        ngx_memcpy(part, text->data + pos, n);

        if (ngx_mesh_json_reader_feed(rd, part, n) != NGX_OK) {
            ngx_free(part);
            break;
        }

        ngx_memset(part, '#', n);
        ngx_free(part);
    }

    root = ngx_mesh_json_reader_done(rd);

    if (root == NULL) {
        result = *ngx_mesh_json_reader_error(rd);

    } else if (ngx_mesh_json_print(u->pool, root, &result) != NGX_OK) {
        ngx_str_set(&result, "not printed");
    }

    ngx_mesh_json_reader_free(rd);

    return result;
}


static ngx_str_t
mesh_unit_json_str(const char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    return s;
}


static void
mesh_unit_json_cases(ngx_mesh_unit_t *u, mesh_unit_json_case_t *c)
{
    size_t      cut;
    ngx_str_t   text, result;
    ngx_uint_t  same;

    for ( /* void */ ; c->text; c++) {
        text = mesh_unit_json_str(c->text);

        result = mesh_unit_json_run(u, &mesh_unit_json_limits, &text,
                                    text.len, text.len);
        MESH_IS_STR(&result, c->result, "%s", c->text);

        result = mesh_unit_json_run(u, &mesh_unit_json_limits, &text, 1, 1);
        same = (result.len == ngx_strlen(c->result)
                && ngx_memcmp(result.data, c->result, result.len) == 0);

        for (cut = 1; same && cut < text.len; cut++) {
            result = mesh_unit_json_run(u, &mesh_unit_json_limits, &text, cut,
                                        text.len);
            same = (result.len == ngx_strlen(c->result)
                    && ngx_memcmp(result.data, c->result, result.len) == 0);
        }

        MESH_OK(same, "%s: the same in parts (or \"%V\")", c->text, &result);
    }
}


static mesh_unit_json_case_t  mesh_unit_json_good[] = {

    { "{}", "{}" },
    { "[]", "[]" },
    { " null ", "null" },
    { "true", "true" },
    { "\"\"", "\"\"" },
    { "-0.5e+10", "-0.5e+10" },
    { "123456789012345678901234567890", "123456789012345678901234567890" },
    { "{ \"a\" : [ 1 , true , false , null , \"x\" , {} , [] ] }",
      "{\"a\":[1,true,false,null,\"x\",{},[]]}" },
    { "{\"\":{\"\":1},\"a\":{\"a\":{\"a\":2}}}",
      "{\"\":{\"\":1},\"a\":{\"a\":{\"a\":2}}}" },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u001f\"",
      "\"\\\"\\\\/\\b\\f\\n\\r\\tA\\u001F\"" },
    { "\"\\\\u0000 \\\\\\\\ud800\"", "\"\\\\u0000 \\\\\\\\ud800\"" },
    { "\"\\u00e9\\u20AC\\ud83d\\uDE00\"",
      "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
    { "{\"\\u00e9\":\"\xf4\x8f\xbf\xbf\xef\xbf\xbf\xed\x9f\xbf\"}",
      "{\"\xc3\xa9\":\"\xf4\x8f\xbf\xbf\xef\xbf\xbf\xed\x9f\xbf\"}" },

    { NULL, NULL }
};


static mesh_unit_json_case_t  mesh_unit_json_bad[] = {

    { "", "unexpected end of text at byte 0" },
    { "  ", "unexpected end of text at byte 2" },
    { "{", "unexpected end of text at byte 1" },
    { "{\"routes\":[0,1,2,{\"spec\":{", "routes[3].spec: unexpected end of "
      "text at byte 26" },
    { "{\"routes\":[0,1,2,{\"spec\":", "routes[3].spec: unexpected end of "
      "text at byte 25" },
    { "\"abc", "unexpected end of text at byte 4" },
    { "tru", "invalid string in json text at byte 3" },
    { "{} {}", "trailing garbage at byte 4" },
    { "[1] x", "trailing garbage at byte 5" },
    { "[1,]", "[1]: unallowed token at this point in JSON text at byte 4" },
    { "{\"a\":1,}", "invalid object key (must be a string) at byte 8" },
    { "{\"a\" 1}", "a: object key and value must be separated by a colon "
      "(':') at byte 6" },
    { "{a:1}", "invalid char in json text at byte 2" },
    { "'a'", "invalid char in json text at byte 1" },
    { "[01]", "[1]: after array element, I expect ',' or ']' at byte 3" },
    { "[1.]", "[0]: malformed number, a digit is required after the decimal "
      "point at byte 3" },
    { "[-]", "[0]: malformed number, a digit is required after the minus sign "
      "at byte 2" },
    { "[NaN]", "[0]: invalid char in json text at byte 2" },
    { "/* c */ {}", "probable comment found in input text, comments are not "
      "enabled at byte 0" },
    { "\xef\xbb\xbf{}", "invalid char in json text at byte 1" },
    { "\"a\nb\"", "invalid character inside string at byte 2" },
    { "\"\\x\"", "inside a string, '\\' occurs before a character which it may "
      "not at byte 2" },
    { "\"\\u12g4\"", "invalid (non-hex) character occurs after '\\u' inside "
      "string at byte 5" },

    { "{\"a\":[\"\\u0000\"]}", "a[0]: has \\u0000 in a string, which is not "
      "supported at byte 13" },
    { "{\"x\":1,\"a\\u0000\":2}", "has \\u0000 in a string, which is not "
      "supported at byte 15" },
    { "[\"\\ud800\"]", "[0]: has one half of a surrogate pair in a string at "
      "byte 8" },
    { "[\"\\udc00\"]", "[0]: has one half of a surrogate pair in a string at "
      "byte 8" },
    { "[\"\\ud800\\n\"]", "[0]: has one half of a surrogate pair in a string "
      "at byte 10" },
    { "[\"\\ud800\\ud800\"]", "[0]: has one half of a surrogate pair in a "
      "string at byte 14" },
    { "[\"\\ud800\\u0041\"]", "[0]: has one half of a surrogate pair in a "
      "string at byte 14" },

    { "{\"a\":1,\"b\":2,\"a\":3}", "a: is given twice at byte 16" },
    { "{\"a\":1,\"\\u0061\":3}", "a: is given twice at byte 15" },
    { "[{\"\":1,\"\":2}]", "[0][\"\"]: is given twice at byte 9" },
    { "{\"a.b\":{\"c\\n\":[1,{\"d\":x}]}}", "[\"a.b\"][\"c\\n\"][1].d: "
      "invalid char in json text at byte 23" },

    { NULL, NULL }
};


static void
mesh_unit_json_reads(ngx_mesh_unit_t *u)
{
    mesh_unit_json_cases(u, mesh_unit_json_good);
}

MESH_UNIT(mesh_unit_json_reads)


static void
mesh_unit_json_refuses(ngx_mesh_unit_t *u)
{
    mesh_unit_json_cases(u, mesh_unit_json_bad);
}

MESH_UNIT(mesh_unit_json_refuses)


static void
mesh_unit_json_utf8(ngx_mesh_unit_t *u)
{
    ngx_str_t   text, result;
    ngx_uint_t  i;

    static const char  *bad[] = {
        "[\"\x80\"]",                   /* a continuation alone */
        "[\"\xc3\"]",                   /* cut short */
        "[\"\xe2\x82\"]",
        "[\"\xf0\x9f\x98\"]",
        "[\"\xc3\x28\"]",
        "[\"\xc0\xaf\"]",               /* overlong */
        "[\"\xc1\xbf\"]",
        "[\"\xe0\x80\xaf\"]",
        "[\"\xf0\x80\x80\xaf\"]",
        "[\"\xed\xa0\x80\"]",           /* surrogates */
        "[\"\xed\xbf\xbf\"]",
        "[\"\xf4\x90\x80\x80\"]",       /* above U+10FFFF */
        "[\"\xf7\xbf\xbf\xbf\"]",
        "[\"\xf8\x88\x80\x80\x80\"]",
        "[\"\xfe\"]",
        "[\"\xff\"]",
        "[{\"\xc0\xaf\":1}]",
        NULL
    };

    for (i = 0; bad[i]; i++) {
        text = mesh_unit_json_str(bad[i]);

        result = mesh_unit_json_run(u, &mesh_unit_json_limits, &text,
                                    text.len, text.len);
        MESH_OK(ngx_strnstr(result.data, "invalid bytes in UTF8 string",
                            result.len)
                && ngx_strncmp(result.data, "[0]", 3) == 0,
                "invalid UTF-8 no. %ui: %V", i, &result);

        result = mesh_unit_json_run(u, &mesh_unit_json_limits, &text, 1, 1);
        MESH_OK(ngx_strnstr(result.data, "invalid bytes in UTF8 string",
                            result.len),
                "invalid UTF-8 no. %ui byte by byte", i);
    }

    ngx_str_set(&text, "[\"a\0b\"]");
    result = mesh_unit_json_run(u, &mesh_unit_json_limits, &text, text.len, 1);
    MESH_IS_STR(&result, "[0]: invalid character inside string at byte 3",
                "a zero byte in a string");
}

MESH_UNIT(mesh_unit_json_utf8)


static void
mesh_unit_json_limit(ngx_mesh_unit_t *u, ngx_mesh_json_limits_t *limits,
    const char *json, const char *expected)
{
    ngx_str_t  text, result;

    text = mesh_unit_json_str(json);

    result = mesh_unit_json_run(u, limits, &text, text.len, text.len);
    MESH_IS_STR(&result, expected, "limits, %s", json);

    result = mesh_unit_json_run(u, limits, &text, 1, 1);
    MESH_IS_STR(&result, expected, "limits, %s byte by byte", json);
}


static void
mesh_unit_json_limits_kept(ngx_mesh_unit_t *u)
{
    ngx_mesh_json_limits_t  size = { 7, 0, 0, 0 };
    ngx_mesh_json_limits_t  string = { 0, 3, 0, 0 };
    ngx_mesh_json_limits_t  depth = { 0, 0, 2, 0 };
    ngx_mesh_json_limits_t  nodes = { 0, 0, 0, 3 };

    mesh_unit_json_limit(u, &size, "[12345]", "[12345]");
    mesh_unit_json_limit(u, &size, "[123456]",
                         "the text is longer than 7 bytes at byte 7");

    mesh_unit_json_limit(u, &string, "{\"abc\":\"def\"}", "{\"abc\":\"def\"}");
    mesh_unit_json_limit(u, &string, "{\"abc\":\"defg\"}",
                         "abc: is longer than 3 bytes at byte 13");
    mesh_unit_json_limit(u, &string, "{\"abcd\":1}",
                         "has a member name longer than 3 bytes at byte 7");
    mesh_unit_json_limit(u, &string, "[123]", "[123]");
    mesh_unit_json_limit(u, &string, "[1234]",
                         "[0]: is longer than 3 bytes at byte 5");

    mesh_unit_json_limit(u, &depth, "{\"a\":[1],\"b\":{}}",
                         "{\"a\":[1],\"b\":{}}");
    mesh_unit_json_limit(u, &depth, "{\"a\":[1,[]]}",
                         "a[1]: is nested deeper than 2 levels at byte 9");
    mesh_unit_json_limit(u, &depth, "[[{}]]",
                         "[0][0]: is nested deeper than 2 levels at byte 3");

    mesh_unit_json_limit(u, &nodes, "[1,2]", "[1,2]");
    mesh_unit_json_limit(u, &nodes, "[1,2,3]",
                         "[2]: more than 3 values in the text at byte 6");
}

MESH_UNIT(mesh_unit_json_limits_kept)


/* a limit of zero or of more than the maximum is the maximum */

static void
mesh_unit_json_depth(ngx_mesh_unit_t *u)
{
    u_char                  buf[2 * (NGX_MESH_JSON_MAX_DEPTH + 1)];
    ngx_str_t               text, result;
    ngx_mesh_json_limits_t  limits = { 0, 0, 1000000, 0 };

    text.data = buf;
    text.len = 2 * NGX_MESH_JSON_MAX_DEPTH;
    ngx_memset(buf, '[', text.len / 2);
    ngx_memset(buf + text.len / 2, ']', text.len / 2);

    result = mesh_unit_json_run(u, &mesh_unit_json_limits, &text, 7, 7);
    MESH_OK(result.len == text.len
            && ngx_memcmp(result.data, buf, text.len) == 0,
            "%d levels", NGX_MESH_JSON_MAX_DEPTH);

    result = mesh_unit_json_run(u, &limits, &text, 7, 7);
    MESH_IS_INT(result.len, text.len, "%d levels, a high limit",
                NGX_MESH_JSON_MAX_DEPTH);

    text.len += 2;
    ngx_memset(buf, '[', text.len / 2);
    ngx_memset(buf + text.len / 2, ']', text.len / 2);

    result = mesh_unit_json_run(u, &limits, &text, 7, 7);
    MESH_OK(ngx_strnstr(result.data, "deeper than 64 levels at byte 65",
                        result.len) != NULL, "one level more: %V", &result);
}

MESH_UNIT(mesh_unit_json_depth)


static void
mesh_unit_json_integers(ngx_mesh_unit_t *u)
{
    int64_t           n;
    ngx_uint_t        i;
    ngx_mesh_json_t   value;

    static struct {
        const char  *text;
        ngx_int_t    rc;
        int64_t      n;
    } cases[] = {
        { "0", NGX_OK, 0 },
        { "-0", NGX_OK, 0 },
        { "42", NGX_OK, 42 },
        { "-42", NGX_OK, -42 },
        { "9223372036854775807", NGX_OK, INT64_MAX },
        { "-9223372036854775808", NGX_OK, INT64_MIN },
        { "9223372036854775808", NGX_ERROR, 0 },
        { "-9223372036854775809", NGX_ERROR, 0 },
        { "18446744073709551616", NGX_ERROR, 0 },
        { "100000000000000000000000000", NGX_ERROR, 0 },
        { "5.0", NGX_ERROR, 0 },
        { "1e3", NGX_ERROR, 0 },
        { "-", NGX_ERROR, 0 },
        { "", NGX_ERROR, 0 },
        { NULL, 0, 0 }
    };

    ngx_memzero(&value, sizeof(ngx_mesh_json_t));
    value.type = NGX_MESH_JSON_NUMBER;

    for (i = 0; cases[i].text; i++) {
        value.u.string = mesh_unit_json_str(cases[i].text);
        n = 0;

        MESH_IS_INT(ngx_mesh_json_integer(&value, &n), cases[i].rc,
                    "integer %s", cases[i].text);
        MESH_IS_INT(n, cases[i].n, "integer %s: the value", cases[i].text);
    }

    value.type = NGX_MESH_JSON_STRING;
    value.u.string = mesh_unit_json_str("1");
    MESH_IS_INT(ngx_mesh_json_integer(&value, &n), NGX_ERROR,
                "a string is no integer");
}

MESH_UNIT(mesh_unit_json_integers)


static void
mesh_unit_json_tree(ngx_mesh_unit_t *u)
{
    ngx_str_t                s, error;
    ngx_mesh_json_t         *root, *list, *v;
    ngx_mesh_json_source_t   source;

    ngx_str_set(&s, "a \"b\"\t\x01");

    root = ngx_mesh_json_add(u->pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    root->source = &source;

    ngx_mesh_json_add_string(u->pool, root, "s", &s);
    ngx_mesh_json_add_number(u->pool, root, "n", INT64_MIN);
    ngx_mesh_json_add_boolean(u->pool, root, "t", 4);
    ngx_mesh_json_add_boolean(u->pool, root, "f", 0);
    ngx_mesh_json_add(u->pool, root, "z", NGX_MESH_JSON_NULL);
    list = ngx_mesh_json_add(u->pool, root, "l", NGX_MESH_JSON_ARRAY);
    ngx_mesh_json_add_number(u->pool, list, NULL, 1);
    v = ngx_mesh_json_add(u->pool, list, NULL, NGX_MESH_JSON_OBJECT);
    v = ngx_mesh_json_add_number(u->pool, v, "x y", 2);

    MESH_IS_INT(ngx_mesh_json_print(u->pool, root, &s), NGX_OK, "is printed");
    MESH_IS_STR(&s, "{\"s\":\"a \\\"b\\\"\\t\\u0001\","
                "\"n\":-9223372036854775808,\"t\":true,\"f\":false,\"z\":null,"
                "\"l\":[1,{\"x y\":2}]}", "a tree that was built");

    MESH_OK(v->source == &source, "the source is that of the parent");
    MESH_IS_INT(list->nelts, 2, "elements are counted");

    ngx_mesh_json_path(u->pool, v, &s);
    MESH_IS_STR(&s, "l[1][\"x y\"]", "the path of a member");
    ngx_mesh_json_path(u->pool, root, &s);
    MESH_IS_STR(&s, "", "the path of the root");

    ngx_mesh_json_print(u->pool, v->parent, &s);
    MESH_IS_STR(&s, "{\"x y\":2}", "a part of a tree is printed alone");

    MESH_OK(ngx_mesh_json_get(root, "l") == list, "a member by name");
    MESH_OK(ngx_mesh_json_get(root, "z") == NULL, "null is absent");
    MESH_OK(ngx_mesh_json_get(root, "ll") == NULL, "no such member");
    MESH_OK(ngx_mesh_json_get(list, "l") == NULL, "a list has no members");
    MESH_OK(ngx_mesh_json_get(NULL, "l") == NULL, "nothing has no members");

    ngx_str_set(&s, "{\"a\":");
    MESH_OK(ngx_mesh_json_parse(u->pool, &mesh_unit_json_limits, &s, &error)
            == NULL, "a bad text in one call");
    MESH_IS_STR(&error, "a: unexpected end of text at byte 5", "its error");
}

MESH_UNIT(mesh_unit_json_tree)


/* a long name in a path is cut, between characters */

static void
mesh_unit_json_long_name(ngx_mesh_unit_t *u)
{
    u_char           *name;
    ngx_str_t         path;
    ngx_mesh_json_t  *root, *v;

    name = ngx_pcalloc(u->pool, 302);
    ngx_memset(name, 'n', 300);
    name[254] = 0xc3;
    name[255] = 0xa9;

    root = ngx_mesh_json_add(u->pool, NULL, NULL, NGX_MESH_JSON_OBJECT);
    v = ngx_mesh_json_add(u->pool, root, (char *) name, NGX_MESH_JSON_OBJECT);

    ngx_mesh_json_path(u->pool, v, &path);
    MESH_IS_INT(path.len, 254, "a name of 301 bytes in a path");
}

MESH_UNIT(mesh_unit_json_long_name)


static void
mesh_unit_json_after_error(ngx_mesh_unit_t *u)
{
    ngx_pool_t              *pool;
    ngx_mesh_json_reader_t  *rd;

    pool = ngx_create_pool(1024, u->log);
    rd = ngx_mesh_json_reader_create(pool, &mesh_unit_json_limits);

    MESH_IS_INT(ngx_mesh_json_reader_error(rd)->len, 0, "no error at first");
    MESH_IS_INT(ngx_mesh_json_reader_feed(rd, (u_char *) "", 0), NGX_OK,
                "an empty part");
    MESH_IS_INT(ngx_mesh_json_reader_feed(rd, (u_char *) "[}", 2), NGX_ERROR,
                "a bad part");
    MESH_IS_INT(ngx_mesh_json_reader_feed(rd, (u_char *) "[]", 2), NGX_ERROR,
                "nothing is read after it");
    MESH_OK(ngx_mesh_json_reader_done(rd) == NULL, "there is no tree");
    MESH_IS_STR(ngx_mesh_json_reader_error(rd),
                "[0]: unallowed token at this point in JSON text at byte 2",
                "the error stays");

    /* the pool frees the reader; ASan and valgrind would tell */
    ngx_destroy_pool(pool);

    pool = ngx_create_pool(1024, u->log);
    rd = ngx_mesh_json_reader_create(pool, &mesh_unit_json_limits);
    ngx_mesh_json_reader_feed(rd, (u_char *) "{\"a\":[", 6);
    ngx_mesh_json_reader_free(rd);
    ngx_destroy_pool(pool);

    MESH_OK(1, "a reader is freed by hand before its pool");
}

MESH_UNIT(mesh_unit_json_after_error)


/* {"m0":[],"m1":[],...}, with the last name again at the end if "twice" */

static ngx_str_t
mesh_unit_json_members(ngx_pool_t *pool, ngx_uint_t n, ngx_uint_t twice)
{
    u_char      *p;
    ngx_str_t    text;
    ngx_uint_t   i;

    text.data = ngx_palloc(pool, n * sizeof("\"m1000000\":[],") + 32);
    p = text.data;
    *p++ = '{';

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, "\"m%ui\":[],", i);
    }

    p = twice ? ngx_sprintf(p, "\"m%ui\":1}", n - 1) : p - 1;
    *p++ = '}';

    text.len = p - text.data;

    return text;
}


static void
mesh_unit_json_many_members(ngx_mesh_unit_t *u)
{
    ngx_str_t         text, error;
    ngx_uint_t        i;
    struct timeval    t0, t1;
    ngx_mesh_json_t  *root;

    static ngx_uint_t  sizes[] = { 1, 15, 16, 17, 18, 100, 100000, 0 };

    for (i = 0; sizes[i]; i++) {
        text = mesh_unit_json_members(u->pool, sizes[i], 0);

        ngx_gettimeofday(&t0);
        root = ngx_mesh_json_parse(u->pool, &mesh_unit_json_limits, &text,
                                   &error);
        ngx_gettimeofday(&t1);

        MESH_OK(root && root->nelts == sizes[i], "%ui members", sizes[i]);
        MESH_OK((t1.tv_sec - t0.tv_sec) * 1000
                + (t1.tv_usec - t0.tv_usec) / 1000 < 5000,
                "%ui members do not take seconds", sizes[i]);

        text = mesh_unit_json_members(u->pool, sizes[i], 1);
        root = ngx_mesh_json_parse(u->pool, &mesh_unit_json_limits, &text,
                                   &error);
        MESH_OK(root == NULL
                && ngx_strnstr(error.data, "is given twice", error.len),
                "a name twice among %ui: %V", sizes[i], &error);
    }
}

MESH_UNIT(mesh_unit_json_many_members)


/* 10 MB of endpoints, fed as a socket would */

static void
mesh_unit_json_speed(ngx_mesh_unit_t *u)
{
    size_t                   pos;
    u_char                  *p;
    ngx_str_t                text;
    ngx_int_t                ms;
    ngx_uint_t               i, n;
    ngx_pool_t              *pool;
    struct timeval           t0, t1;
    ngx_mesh_json_t         *root;
    ngx_mesh_json_reader_t  *rd;

    n = 130000;

    text.data = ngx_palloc(u->pool, n * 96 + 32);
    p = ngx_sprintf(text.data, "{\"endpoints\":{\"n\":[");

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, "%s{\"ip\":\"10.%ui.%ui.%ui\",\"port\":8080,"
                        "\"healthStatus\":\"HEALTHY\",\"zone\":\"a\"}",
                        i ? "," : "", i / 65536, i / 256 % 256, i % 256);
    }

    p = ngx_sprintf(p, "]}}");
    text.len = p - text.data;

    ngx_gettimeofday(&t0);

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, u->log);
    rd = ngx_mesh_json_reader_create(pool, &mesh_unit_json_limits);

    for (pos = 0; pos < text.len; pos += 65536) {
        if (ngx_mesh_json_reader_feed(rd, text.data + pos,
                                      ngx_min(65536, text.len - pos))
            != NGX_OK)
        {
            break;
        }
    }

    root = ngx_mesh_json_reader_done(rd);

    ngx_gettimeofday(&t1);

    MESH_OK(root != NULL, "%uz bytes are read", text.len);

    ngx_destroy_pool(pool);

    ms = (t1.tv_sec - t0.tv_sec) * 1000 + (t1.tv_usec - t0.tv_usec) / 1000;

    MESH_DIAG("%uz bytes, %ui values: %i ms", text.len, n * 5 + 3, ms);

    /* 100 to 250 ms is usual; this catches what went wrong altogether */
    MESH_OK(ms < 10000, "not in an unreasonable time");
}

MESH_UNIT(mesh_unit_json_speed)
