
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Formats of access logs: what is compiled, what is refused and where, what
 * comes out.  Expected outputs of whole formats are those of an Envoy that was
 * given the same format and request.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_log_format.h>
#include "ngx_mesh_unit.h"


#define MESH_UNIT_NOW     1795428280606ll   /* 2026-11-23T10:04:40.606Z */
#define MESH_UNIT_ROUNDS  20000


static void mesh_unit_log_value(void *data, ngx_mesh_log_operand_t *operand,
    ngx_mesh_log_value_t *value);
static ngx_str_t mesh_unit_log_text(ngx_mesh_unit_t *u, const char *format);
static ngx_str_t mesh_unit_log_run(ngx_mesh_unit_t *u,
    ngx_mesh_log_format_t *format, size_t size, size_t cut);
static void mesh_unit_log_is(ngx_mesh_unit_t *u, const char *format,
    const char *expected);
static void mesh_unit_log_error(ngx_mesh_unit_t *u, const char *format,
    const char *expected);


/* headers of the request that Envoy was given; numbers are made up */

static void
mesh_unit_log_value(void *data, ngx_mesh_log_operand_t *operand,
    ngx_mesh_log_value_t *value)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    static struct {
        ngx_str_t  name;
        ngx_str_t  value;
    } headers[] = {
        { ngx_string("x-a"), ngx_string("abcdef") },
        { ngx_string("x-empty"), ngx_string("") },
        { ngx_string("x-utf"), ngx_string("a\xc3\xa9z") },
        { ngx_string("x-bad"), ngx_string("a\xff\tz\x80") },
        { ngx_string("x-surrogate"), ngx_string("\xed\xa0\x80") },
        { ngx_string("x-bytes"),
          ngx_string("\xe9\xe9\xc0\x80\xf0\x9f\x8c\x8d\xf4\x90\x80"
                     "\x80\xe2\x82") },
        { ngx_string("x-q"), ngx_string("a\"b\\c") },
        { ngx_string("x-lines"), ngx_string("1\r\n2\x7f") },
        { ngx_null_string, ngx_null_string }
    };

    name = &operand->text;

    switch (operand->op) {

    case NGX_MESH_LOG_REQ:
        for (i = 0; headers[i].name.len; i++) {
            if (headers[i].name.len == name->len
                && ngx_memcmp(headers[i].name.data, name->data, name->len)
                   == 0)
            {
                value->type = NGX_MESH_LOG_VALUE_STRING;
                value->string = headers[i].value;
            }
        }

        return;

    case NGX_MESH_LOG_START_TIME:
        value->type = NGX_MESH_LOG_VALUE_NUMBER;
        value->number = MESH_UNIT_NOW;
        return;

    case NGX_MESH_LOG_PATH:
        value->type = NGX_MESH_LOG_VALUE_STRING;
        ngx_str_set(&value->string, "/p/a?q=1");
        return;

    case NGX_MESH_LOG_METHOD:
        value->type = NGX_MESH_LOG_VALUE_STRING;
        ngx_str_set(&value->string, "GET");
        return;

    case NGX_MESH_LOG_RESPONSE_FLAGS:
        value->type = NGX_MESH_LOG_VALUE_STRING;
        ngx_str_set(&value->string, "-");
        return;

    case NGX_MESH_LOG_RESPONSE_CODE:
        value->type = NGX_MESH_LOG_VALUE_NUMBER;
        value->number = 200;
        return;

    case NGX_MESH_LOG_DURATION:
        value->type = NGX_MESH_LOG_VALUE_NUMBER;
        value->number = -9223372036854775807ll - 1;
        return;

    default:
        return;
    }
}


static ngx_str_t
mesh_unit_log_run(ngx_mesh_unit_t *u, ngx_mesh_log_format_t *format,
    size_t size, size_t cut)
{
    u_char     *p, *end;
    ngx_str_t   s;

    ngx_str_set(&s, "(too long)");

    /* of its own, so that a sanitizer sees what goes beyond */

    p = ngx_alloc(size + 1, u->log);
    end = ngx_mesh_log_format_write(format, p, p + size, cut,
                                    mesh_unit_log_value, NULL);

    if (end) {
        s.data = ngx_pnalloc(u->pool, end - p + 1);
        s.len = end - p;
        ngx_memcpy(s.data, p, s.len);
    }

    ngx_free(p);

    return s;
}


static ngx_str_t
mesh_unit_log_text(ngx_mesh_unit_t *u, const char *format)
{
    ngx_int_t              rc;
    ngx_str_t              text, error;
    ngx_mesh_log_format_t  f;

    text.data = (u_char *) format;
    text.len = ngx_strlen(format);

    rc = ngx_mesh_log_format_text(&f, u->pool, &text, &error);

    if (rc == NGX_DECLINED) {
        return error;
    }

    return mesh_unit_log_run(u, &f, 4096, NGX_MAX_SIZE_T_VALUE);
}


static void
mesh_unit_log_is(ngx_mesh_unit_t *u, const char *format, const char *expected)
{
    ngx_str_t  s;

    s = mesh_unit_log_text(u, format);

    MESH_IS_STR(&s, expected, "%s", format);
}


static void
mesh_unit_log_error(ngx_mesh_unit_t *u, const char *format,
    const char *expected)
{
    ngx_int_t              rc;
    ngx_str_t              text, error;
    ngx_mesh_log_format_t  f;

    text.data = (u_char *) format;
    text.len = ngx_strlen(format);

    rc = ngx_mesh_log_format_text(&f, u->pool, &text, &error);

    if (MESH_IS_INT(rc, NGX_DECLINED, "\"%s\" is refused", format)) {
        MESH_IS_STR(&error, expected, "with the reason");
    }
}


static void
mesh_unit_log_format_text(ngx_mesh_unit_t *u)
{
    mesh_unit_log_is(u, "", "");
    mesh_unit_log_is(u, "plain %% text\n", "plain % text\n");
    mesh_unit_log_is(u, "%%%REQ(X-A)%%%", "%abcdef%");

    mesh_unit_log_is(u, "%REQ(X-A)%|%req", "\"%\" at offset 11 begins no "
                     "operator, write \"%%\" for the sign");
    mesh_unit_log_is(u, "%REQ(X-A):0%|", "|");
    mesh_unit_log_is(u, "%REQ(X-A):2%|", "ab|");
    mesh_unit_log_is(u, "%REQ(X-A):99%|", "abcdef|");
    mesh_unit_log_is(u, "%REQ(X-EMPTY)%|", "|");
    mesh_unit_log_is(u, "%REQ(X-NO?X-A):1%|%REQ(:path)%|%REQ(X-NO)%",
                     "a|/p/a?q=1|-");
    mesh_unit_log_is(u, "%REQ(?x-a)% %REQ(x-a?)% %REQ(x-no?)%",
                     "abcdef abcdef -");
    mesh_unit_log_is(u, "%REQ(X-NO?:METHOD):2%", "GE");
    mesh_unit_log_is(u, "%REQ(X-LINES)%", "1\\x0D\\x0A2\\x7F");
    mesh_unit_log_is(u, "%REQ(X-BAD)%", "a\xff\tz\x80");
    mesh_unit_log_is(u, "%DURATION% %RESPONSE_CODE%",
                     "-9223372036854775808 200");
    mesh_unit_log_is(u, "%BYTES_RETRANSMITTED%%DYNAMIC_METADATA(a:b):3%"
                     "%ENVIRONMENT(HOME)%", "---");

    /* Envoy's default, with what is missing */

    mesh_unit_log_is(u, (char *) ngx_mesh_log_format_default.data,
                     "[2026-11-23T10:04:40.606Z] \"GET /p/a?q=1 -\" 200 - - - "
                     "-9223372036854775808 - \"-\" \"-\" \"-\" \"-\" \"-\"\n");
}

MESH_UNIT(mesh_unit_log_format_text)


static void
mesh_unit_log_format_errors(ngx_mesh_unit_t *u)
{
    mesh_unit_log_error(u, "a %FOO%", "unknown operator \"FOO\" at offset 2");
    mesh_unit_log_error(u, "%REQX(a)%",
                        "unknown operator \"REQX\" at offset 0");
    mesh_unit_log_error(u, "%PROTOCOL", "operator \"PROTOCOL\" at offset 0 "
                        "has no end, \"%\" is missing");
    mesh_unit_log_error(u, "50% of",
                        "\"%\" at offset 2 begins no operator, write \"%%\" "
                        "for the sign");
    mesh_unit_log_error(u, "abc%",
                        "\"%\" at offset 3 begins no operator, write \"%%\" "
                        "for the sign");
    mesh_unit_log_error(u, "%REQ(:path)%%",
                        "\"%\" at offset 12 begins no operator, write \"%%\" "
                        "for the sign");
    mesh_unit_log_error(u, "%start_time%",
                        "\"%\" at offset 0 begins no operator, write \"%%\" "
                        "for the sign");
    mesh_unit_log_error(u, "%REQ%", "operator \"REQ\" at offset 0 needs a "
                        "name in parentheses");
    mesh_unit_log_error(u, " %RESP()%", "operator \"RESP\" at offset 1 needs "
                        "a name in parentheses");
    mesh_unit_log_error(u, "%REQ(a?b?c)%", "operator \"REQ\" at offset 0 has "
                        "more than one alternative");
    mesh_unit_log_error(u, "%REQ(a b)%", "operator \"REQ\" at offset 0 names "
                        "a header that cannot be");
    mesh_unit_log_error(u, "%REQ(a?b:c)%", "operator \"REQ\" at offset 0 "
                        "names a header that cannot be");
    mesh_unit_log_error(u, "%REQ(a\n)%", "operator \"REQ\" at offset 0 has "
                        "no end, \")%\" is missing");
    mesh_unit_log_error(u, "%REQ(a)", "operator \"REQ\" at offset 0 has no "
                        "end, \")%\" is missing");
    mesh_unit_log_error(u, "%REQ(a):x%", "operator \"REQ\" at offset 0 has no "
                        "end, \")%\" is missing");
    mesh_unit_log_error(u, "%REQ(a):99999999999999999999999%",
                        "operator \"REQ\" at offset 0 has no end, \")%\" is "
                        "missing");
    mesh_unit_log_error(u, "%PROTOCOL:x%", "operator \"PROTOCOL\" at offset 0 "
                        "has an invalid length");
    mesh_unit_log_error(u, "%PROTOCOL:3%", "operator \"PROTOCOL\" at offset 0 "
                        "takes no length");
    mesh_unit_log_error(u, "%PROTOCOL(x)%", "operator \"PROTOCOL\" at offset "
                        "0 takes nothing in parentheses");
    mesh_unit_log_error(u, "%START_TIME%:3%", "\"%\" at offset 14 begins no "
                        "operator, write \"%%\" for the sign");
    mesh_unit_log_error(u, "%START_TIME(%-n)%", "operator \"START_TIME\" at "
                        "offset 0 has a line feed in its format");
    mesh_unit_log_error(u, "%GRPC_STATUS(X)%", "operator \"GRPC_STATUS\" at "
                        "offset 0 takes CAMEL_STRING, SNAKE_STRING or NUMBER");
    mesh_unit_log_error(u, "%DYNAMIC_METADATA%", "operator "
                        "\"DYNAMIC_METADATA\" at offset 0 needs a name in "
                        "parentheses");
}

MESH_UNIT(mesh_unit_log_format_errors)


static void
mesh_unit_log_format_times(ngx_mesh_unit_t *u)
{
    u_char     long_format[NGX_MESH_LOG_TIME_FORMAT_LEN + 16], *p;
    ngx_str_t  format, s;

    mesh_unit_log_is(u, "%START_TIME%", "2026-11-23T10:04:40.606Z");
    mesh_unit_log_is(u, "%START_TIME()%", "2026-11-23T10:04:40.606Z");
    mesh_unit_log_is(u, "%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%",
                     "2026/11/23T10:04:40+0000 1795428280");
    mesh_unit_log_is(u, "%START_TIME(%s.%3f %f)%",
                     "1795428280.606 606000000");
    mesh_unit_log_is(u, "%START_TIME(%1f %2f %4f %6f %9f)%",
                     "6 60 6060 606000 606000000");
    mesh_unit_log_is(u, "%START_TIME(%E*S %E3S %E0S %E1S %E4Y %Ez %Z %z)%",
                     "40.606 40.606 40 40.6 2026 +00:00 UTC +0000");
    mesh_unit_log_is(u, "%START_TIME(%j %ET %A %c|%x|%X|%e|%k|%l|%h|%D)%",
                     "327 T Monday Mon Nov 23 10:04:40 2026|11/23/26|10:04:40"
                     "|23|10|10|Nov|11/23/26");
    mesh_unit_log_is(u, "%START_TIME(%P|%R|%r|%T|%U|%u|%V|%W|%w|%G|%g|%C|%y"
                     "|%I%p)%",
                     "am|10:04|10:04:40 AM|10:04:40|47|1|48|47|1|2026|26|20|26"
                     "|10AM");
    mesh_unit_log_is(u, "%START_TIME((%Y))%", "(2026)");
    mesh_unit_log_is(u, "%START_TIME(%%f %%s)%", "%f %s");
    mesh_unit_log_is(u, "%START_TIME(%Y%)%", "2026%");
    mesh_unit_log_is(u, "%START_TIME(%E)%", "%E");

    /* a width beyond all bounds, and a format that grows */

    mesh_unit_log_is(u, "%START_TIME(%90000000Y)%", "");

    for (p = long_format; p < long_format + 128; p += 2) {
        p[0] = '%';
        p[1] = 'f';
    }

    format.data = long_format;
    format.len = NGX_MESH_LOG_TIME_FORMAT_LEN;

    MESH_OK(ngx_mesh_log_time_check(&format) == NULL, "64 fractions");

    s.data = ngx_pnalloc(u->pool, NGX_MESH_LOG_TIME_LEN);
    s.len = ngx_mesh_log_time_write(s.data, &format, MESH_UNIT_NOW) - s.data;

    MESH_OK(s.len < NGX_MESH_LOG_TIME_LEN
            && ngx_strncmp(s.data, "606000000606", 12) == 0, "are cut");

    format.len++;
    MESH_OK(ngx_mesh_log_time_check(&format) != NULL, "too long a format");

    ngx_str_null(&format);

    s.len = ngx_mesh_log_time_write(s.data, &format, 0) - s.data;
    MESH_IS_STR(&s, "1970-01-01T00:00:00.000Z", "1970");

    s.len = ngx_mesh_log_time_write(s.data, &format, 951782399007ll) - s.data;
    MESH_IS_STR(&s, "2000-02-28T23:59:59.007Z", "another second");
}

MESH_UNIT(mesh_unit_log_format_times)


static void
mesh_unit_log_format_json(ngx_mesh_unit_t *u)
{
    ngx_int_t              rc;
    ngx_str_t              error, s;
    ngx_uint_t             wrong;
    ngx_mesh_log_format_t  f;

    static ngx_keyval_t  members[] = {
        { ngx_string("code"), ngx_string("%RESPONSE_CODE%") },
        { ngx_string("miss"), ngx_string("%REQ(no)%") },
        { ngx_string("multi"), ngx_string("a%REQ(no)%") },
        { ngx_string("lit"), ngx_string("x\"y") },
        { ngx_string("bad"), ngx_string("%REQ(X-BAD)%") },
        { ngx_string("same"), ngx_string("%FOO%") },
        { ngx_string("utf"), ngx_string("%REQ(X-UTF)%%REQ(X-SURROGATE)%") },
        { ngx_string("k\"\n"), ngx_string("%REQ(X-Q)%") },
        { ngx_string("pct"), ngx_string("%%") },
        { ngx_string("empty"), ngx_string("%REQ(X-EMPTY)%") },
        { ngx_string("flags"), ngx_string("%RESPONSE_FLAGS%") },
        { ngx_string("t"), ngx_string("%START_TIME%") },
        { ngx_string("n"), ngx_string("%RESPONSE_CODE%%RESPONSE_CODE%") },
        { ngx_string("same"), ngx_string("%REQ(X-A?a):3%") },
        { ngx_string("wrong"), ngx_string("a%REQ(%") }
    };

    static ngx_keyval_t  bytes = {
        ngx_string("b"), ngx_string("%REQ(X-BYTES)%")
    };

    rc = ngx_mesh_log_format_json(&f, u->pool, members, 14, &wrong, &error);

    if (!MESH_IS_INT(rc, NGX_OK, "JSON, the last of two same names counts")) {
        return;
    }

    s = mesh_unit_log_run(u, &f, 4096, NGX_MAX_SIZE_T_VALUE);

    MESH_IS_STR(&s, "{\"code\":200,\"miss\":null,\"multi\":\"a-\","
                "\"lit\":\"x\\\"y\",\"bad\":\"a\\u00ff\\tz\\u0080\","
                "\"utf\":\"a\xc3\xa9z\\u00ed\\u00a0\\u0080\","
                "\"k\\\"\\n\":\"a\\\"b\\\\c\",\"pct\":\"%\",\"empty\":\"\","
                "\"flags\":\"-\",\"t\":\"2026-11-23T10:04:40.606Z\","
                "\"n\":\"200200\",\"same\":\"abc\"}\n", "what it makes");

    rc = ngx_mesh_log_format_json(&f, u->pool, members, 15, &wrong, &error);

    MESH_OK(rc == NGX_DECLINED && wrong == 14, "a wrong one is named");
    MESH_IS_STR(&error, "operator \"REQ\" at offset 1 has no end, \")%\" is "
                "missing", "and what is wrong");

    rc = ngx_mesh_log_format_json(&f, u->pool, members, 6, &wrong, &error);

    MESH_OK(rc == NGX_DECLINED && wrong == 5, "without a second one");

    rc = ngx_mesh_log_format_json(&f, u->pool, members, 0, &wrong, &error);
    s = mesh_unit_log_run(u, &f, 4096, NGX_MAX_SIZE_T_VALUE);

    MESH_IS_INT(rc, NGX_OK, "no members");
    MESH_IS_STR(&s, "{}\n", "an empty object");

    (void) ngx_mesh_log_format_json(&f, u->pool, &bytes, 1, &wrong, &error);
    s = mesh_unit_log_run(u, &f, 4096, NGX_MAX_SIZE_T_VALUE);

    MESH_IS_STR(&s, "{\"b\":\"\\u00e9\\u00e9\\u00c0\\u0080"
                "\xf0\x9f\x8c\x8d\\u00f4\\u0090\\u0080\\u0080"
                "\\u00e2\\u0082\"}\n", "only whole characters");
}

MESH_UNIT(mesh_unit_log_format_json)


/* each size of the room, byte for byte */

static void
mesh_unit_log_format_room(ngx_mesh_unit_t *u)
{
    size_t                 size, fits;
    ngx_str_t              error, s, whole;
    ngx_uint_t             wrong, bad;
    ngx_mesh_log_format_t  f;

    static ngx_keyval_t  members[] = {
        { ngx_string("a"), ngx_string("%REQ(X-LINES)%") },
        { ngx_string("b"), ngx_string("%REQ(X-A)%-%DURATION%") },
        { ngx_string("c"), ngx_string("%START_TIME%") },
        { ngx_string("d"), ngx_string("%REQ(X-BAD)%") }
    };

    (void) ngx_mesh_log_format_json(&f, u->pool, members, 4, &wrong, &error);

    whole = mesh_unit_log_run(u, &f, 4096, NGX_MAX_SIZE_T_VALUE);
    bad = 0;
    fits = 0;

    for (size = 0; size < whole.len + 32; size++) {
        s = mesh_unit_log_run(u, &f, size, NGX_MAX_SIZE_T_VALUE);

        if (ngx_strncmp(s.data, "(too", 4) == 0) {
            continue;
        }

        if (fits == 0) {
            fits = size;
        }

        if (s.len != whole.len
            || ngx_memcmp(s.data, whole.data, s.len) != 0)
        {
            bad++;
        }
    }

    MESH_IS_INT(bad, 0, "a line is written as a whole or not at all");
    MESH_OK(fits >= whole.len && fits < whole.len + 16,
            "a line of %uz bytes needs room for %uz", whole.len, fits);

    s = mesh_unit_log_run(u, &f, 4096, 2);
    MESH_IS_STR(&s, "{\"a\":\"1\\r\",\"b\":\"ab--9223372036854775808\","
                "\"c\":\"2026-11-23T10:04:40.606Z\",\"d\":\"a\\u00ff\"}\n",
                "values are cut");
}

MESH_UNIT(mesh_unit_log_format_room)


/*
 * Strings are copied some bytes at a time: each byte at each place of strings
 * of each length that takes another way, compared with one byte at a time.
 */

static void
mesh_unit_log_bytes_value(void *data, ngx_mesh_log_operand_t *operand,
    ngx_mesh_log_value_t *value)
{
    value->type = NGX_MESH_LOG_VALUE_STRING;
    value->string = *(ngx_str_t *) data;
}


static void
mesh_unit_log_format_bytes(ngx_mesh_unit_t *u)
{
    u_char                 *p, *q, *end, room[256], expected[256], bytes[32];
    size_t                  i, k, len;
    ngx_str_t               text, error, string;
    ngx_uint_t              c, bad;
    ngx_mesh_log_format_t   f;

    ngx_str_set(&text, "%REQ(x)%");

    (void) ngx_mesh_log_format_text(&f, u->pool, &text, &error);

    bad = 0;

    for (len = 1; len < 20; len++) {
        for (i = 0; i < len; i++) {
            for (c = 0; c < 256; c++) {

                ngx_memset(bytes, 'a', sizeof(bytes));
                bytes[i] = (u_char) c;

                string.data = bytes;
                string.len = len;

                q = expected;

                for (k = 0; k < len; k++) {
                    q = ((bytes[k] < ' ' && bytes[k] != '\t')
                         || bytes[k] == 0x7f)
                        ? ngx_sprintf(q, "\\x%02XD", (ngx_uint_t) bytes[k])
                        : ngx_sprintf(q, "%c", (ngx_int_t) bytes[k]);
                }

                end = room + sizeof(room);
                p = ngx_mesh_log_format_write(&f, room, end,
                                              NGX_MAX_SIZE_T_VALUE,
                                              mesh_unit_log_bytes_value,
                                              &string);

                if (p == NULL || p - room != q - expected
                    || ngx_memcmp(room, expected, p - room) != 0)
                {
                    bad++;
                }
            }
        }
    }

    MESH_IS_INT(bad, 0, "any byte at any place");
}

MESH_UNIT(mesh_unit_log_format_bytes)


/* each header of the request has one place, and a bit in the mask */

static void
mesh_unit_log_format_names(ngx_mesh_unit_t *u)
{
    ngx_str_t              text, error;
    ngx_mesh_log_format_t  f;

    ngx_str_set(&text, "%REQ(X-A)%%REQ(x-b?X-a)%%RESP(x-c)%%REQ(:path)%"
                       "%REQ_WITHOUT_QUERY(X-B)%%TRAILER(x-d)%");

    (void) ngx_mesh_log_format_text(&f, u->pool, &text, &error);

    if (MESH_IS_INT(f.nnames, 2, "two headers of the request")) {
        MESH_IS_STR(&f.names[0], "x-a", "the first");
        MESH_IS_STR(&f.names[1], "x-b", "the second");
        MESH_OK(f.mask == (ngx_mesh_log_name_bit("x-a", 3)
                           | ngx_mesh_log_name_bit("x-b", 3)), "their bits");
    }
}

MESH_UNIT(mesh_unit_log_format_names)


/*
 * Random formats of pieces whose output is known, and random bytes: what is
 * not refused is written, and never beyond the room.
 */

static void
mesh_unit_log_format_random(ngx_mesh_unit_t *u)
{
    u_char                 *p, *q, format[512], expected[2048];
    uint64_t                x;
    ngx_int_t               rc;
    ngx_str_t               text, error, s;
    ngx_pool_t             *pool, *outer;
    ngx_uint_t              i, k, n, bad, refused;
    ngx_mesh_log_format_t   f;

    static const char  *pieces[][2] = {
        { "%%", "%" }, { "a", "a" }, { " ", " " }, { "\n", "\n" },
        { "%REQ(X-A)%", "abcdef" }, { "%REQ(X-A):3%", "abc" },
        { "%REQ(nope?X-A):1%", "a" }, { "%REQ(nope)%", "-" },
        { "%RESPONSE_CODE%", "200" }, { "%START_TIME(%Y)%", "2026" },
        { "%START_TIME(%H:%M)%", "10:04" }, { "(", "(" }, { ")", ")" },
        { ":5", ":5" }, { "%FILTER_STATE(x)%", "-" }, { "?", "?" }
    };

    static u_char  noise[] = "%()%:?REQSTA_TIME0a19Yfn-\n\x80\"{";

    x = 1;
    bad = 0;
    refused = 0;
    outer = u->pool;

    for (i = 0; i < MESH_UNIT_ROUNDS; i++) {

        pool = ngx_create_pool(4096, u->log);
        u->pool = pool;

        p = format;
        q = expected;

        x = x * 6364136223846793005ull + 1442695040888963407ull;
        n = (x >> 33) % 16;

        for (k = 0; k < n; k++) {
            x = x * 6364136223846793005ull + 1442695040888963407ull;

            if (i % 2) {
                *p++ = noise[(x >> 33) % (sizeof(noise) - 1)];
                continue;
            }

            p = ngx_sprintf(p, "%s", pieces[(x >> 33) % 16][0]);
            q = ngx_sprintf(q, "%s", pieces[(x >> 33) % 16][1]);
        }

        text.data = format;
        text.len = p - format;

        rc = ngx_mesh_log_format_text(&f, pool, &text, &error);

        if (rc == NGX_OK) {
            s = mesh_unit_log_run(u, &f, 1024, NGX_MAX_SIZE_T_VALUE);

            if (i % 2 == 0
                && (s.len != (size_t) (q - expected)
                    || ngx_memcmp(s.data, expected, s.len) != 0))
            {
                bad++;
            }

        } else if (i % 2 == 0 || error.len == 0) {
            bad++;

        } else {
            refused++;
        }

        ngx_destroy_pool(pool);
    }

    u->pool = outer;

    MESH_IS_INT(bad, 0, "%d random formats", MESH_UNIT_ROUNDS);
    MESH_OK(refused > 1000, "%ui of them were refused", refused);
}

MESH_UNIT(mesh_unit_log_format_random)
