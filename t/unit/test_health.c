
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * Active health checks without a connection: thresholds against a model that
 * remembers everything, times, requests byte by byte, and answers in pieces.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_health.h>
#include <ngx_mesh_prober_answer.h>
#include "ngx_mesh_unit.h"


#define MESH_UNIT_RESULTS  64


typedef struct {
    const char              *name;
    const char              *data;
    size_t                   len;
    ngx_int_t                rc;
    const char              *reason;
} mesh_unit_answer_t;


#define mesh_unit_answer(name, text, rc, reason)                              \
    { name, text, sizeof(text) - 1, rc, reason }


static ngx_uint_t mesh_unit_health_model(ngx_mesh_row_health_e first,
    ngx_mesh_health_thresholds_t *t, ngx_uint_t *results, ngx_uint_t n);
static ngx_int_t mesh_unit_health_http(u_char *data, size_t len, size_t step,
    ngx_mesh_prober_http_t *h);
static ngx_int_t mesh_unit_health_h2(u_char *data, size_t len, size_t step,
    ngx_uint_t grpc, ngx_mesh_prober_h2_t *h);
static void mesh_unit_health_h2_answers(ngx_mesh_unit_t *u, ngx_uint_t grpc,
    mesh_unit_answer_t *answers);


static void
mesh_unit_health_rules(ngx_mesh_unit_t *u)
{
    ngx_uint_t                    changed;
    ngx_mesh_health_t             h;
    ngx_mesh_health_thresholds_t  t = { 2, 3 };

    h.health = NGX_MESH_ROW_PENDING;
    h.streak = 0;

    changed = ngx_mesh_health_result(&h, &t, NGX_MESH_CHECK_PASSED);
    MESH_OK(changed && h.health == NGX_MESH_ROW_HEALTHY,
            "at first one success suffices");

    changed = ngx_mesh_health_result(&h, &t, NGX_MESH_CHECK_LOST);
    changed += ngx_mesh_health_result(&h, &t, NGX_MESH_CHECK_LOST);
    MESH_OK(!changed && h.health == NGX_MESH_ROW_HEALTHY && h.streak == 2,
            "two timeouts of three do not matter");

    (void) ngx_mesh_health_result(&h, &t, NGX_MESH_CHECK_PASSED);
    MESH_IS_INT(h.streak, 0, "a success forgives them");

    changed = ngx_mesh_health_result(&h, &t, NGX_MESH_CHECK_REFUSED);
    MESH_OK(changed && h.health == NGX_MESH_ROW_UNHEALTHY,
            "an answer that says no decides at once");

    changed = ngx_mesh_health_result(&h, &t, NGX_MESH_CHECK_PASSED);
    MESH_OK(!changed && h.health == NGX_MESH_ROW_UNHEALTHY,
            "one success of two does not heal");

    (void) ngx_mesh_health_result(&h, &t, NGX_MESH_CHECK_LOST);
    changed = ngx_mesh_health_result(&h, &t, NGX_MESH_CHECK_PASSED);
    MESH_OK(!changed, "they have to follow each other");

    changed = ngx_mesh_health_result(&h, &t, NGX_MESH_CHECK_PASSED);
    MESH_OK(changed && h.health == NGX_MESH_ROW_HEALTHY, "and then they do");

    h.health = NGX_MESH_ROW_PENDING;
    h.streak = 0;
    changed = ngx_mesh_health_result(&h, &t, NGX_MESH_CHECK_LOST);
    MESH_OK(changed && h.health == NGX_MESH_ROW_UNHEALTHY,
            "at first one failure of any kind suffices, too");
}

MESH_UNIT(mesh_unit_health_rules)


/*
 * The model looks at all results since the last change and finds the state in
 * the long way; the streak is packed into the word of the row in between.
 */

static void
mesh_unit_health_property(ngx_mesh_unit_t *u)
{
    ngx_uint_t                    i, k, n, wrong, changes, results[64];
    ngx_atomic_uint_t             checks;
    ngx_mesh_health_t             h;
    ngx_mesh_row_health_e         first;
    ngx_mesh_health_thresholds_t  t;

    wrong = 0;

    for (k = 0; k < 4000; k++) {

        t.healthy = 2 + (ngx_uint_t) ngx_random() % 9;
        t.unhealthy = 2 + (ngx_uint_t) ngx_random() % 9;
        first = (ngx_mesh_row_health_e) (ngx_random() % 4);

        h.health = first;
        checks = 0;
        changes = 0;

        /* runs of equal results, or thresholds would not be met */

        for (n = 0; n < MESH_UNIT_RESULTS; n++) {

            results[n] = (n && ngx_random() % 4) ? results[n - 1]
                                        : (ngx_uint_t) ngx_random() % 3;

            h.streak = ngx_mesh_health_streak(checks);

            i = ngx_mesh_health_result(&h, &t, results[n]);

            changes += i;
            checks = ngx_mesh_health_checks(ngx_mesh_health_changes(checks)
                                            + i, h.streak);

            wrong += (h.health != mesh_unit_health_model(first, &t, results,
                                                         n + 1));
        }

        wrong += (ngx_mesh_health_changes(checks) != changes);
    }

    MESH_IS_INT(wrong, 0, "any results lead to the state of the model");
}

MESH_UNIT(mesh_unit_health_property)


static ngx_uint_t
mesh_unit_health_model(ngx_mesh_row_health_e first,
    ngx_mesh_health_thresholds_t *t, ngx_uint_t *results, ngx_uint_t n)
{
    ngx_uint_t  i, k, healthy, lost, passed, begin;

    if (first == NGX_MESH_ROW_HEALTHY || first == NGX_MESH_ROW_UNHEALTHY) {
        healthy = (first == NGX_MESH_ROW_HEALTHY);
        i = 0;

    } else {
        healthy = (results[0] == NGX_MESH_CHECK_PASSED);
        i = 1;
    }

    for (begin = i; i < n; i++) {

        lost = 0;
        passed = 0;

        for (k = i + 1; k > begin && results[k - 1] == results[i]; k--) {
            lost += (results[i] == NGX_MESH_CHECK_LOST);
            passed += (results[i] == NGX_MESH_CHECK_PASSED);
        }

        if ((healthy && (results[i] == NGX_MESH_CHECK_REFUSED
                         || lost == t->unhealthy))
            || (!healthy && passed == t->healthy))
        {
            healthy = !healthy;
            begin = i + 1;
        }
    }

    return healthy ? NGX_MESH_ROW_HEALTHY : NGX_MESH_ROW_UNHEALTHY;
}


static void
mesh_unit_health_times(ngx_mesh_unit_t *u)
{
    ngx_msec_t  ms, least, most, sum;
    ngx_uint_t  i;

    least = 100000;
    most = 0;
    sum = 0;

    for (i = 0; i < 10000; i++) {
        ms = ngx_mesh_health_next(5000, (ngx_uint_t) ngx_random());
        least = ngx_min(least, ms);
        most = ngx_max(most, ms);
        sum += ms;
    }

    MESH_OK(least >= 4750 && least < 4800, "an interval is 5 %% less: %M",
            least);
    MESH_OK(most <= 5250 && most > 5200, "or more: %M", most);
    MESH_OK(sum / 10000 > 4950 && sum / 10000 < 5050,
            "and what was asked for on average");

    most = 0;

    for (i = 0; i < 10000; i++) {
        ms = ngx_mesh_health_first(NGX_MESH_ROW_PENDING, 300000,
                                   (ngx_uint_t) ngx_random());
        most = ngx_max(most, ms);
    }

    MESH_OK(most <= 250, "the first check is soon");

    for (i = 0; i < 10000; i++) {
        ms = ngx_mesh_health_first(NGX_MESH_ROW_UNHEALTHY, 300000,
                                   (ngx_uint_t) ngx_random());
        most = ngx_max(most, ms);
    }

    MESH_OK(most > 250000 && most <= 300000,
            "what is known is spread over the interval");
}

MESH_UNIT(mesh_unit_health_times)


static void
mesh_unit_health_request(ngx_mesh_unit_t *u)
{
    ngx_int_t                grpc;
    ngx_str_t                host, request;
    ngx_uint_t               status;
    ngx_mesh_health_check_t  hc;

    ngx_memzero(&hc, sizeof(ngx_mesh_health_check_t));

    ngx_str_set(&host, "cds_egress_m_a_http_8080");
    ngx_str_set(&hc.path, "/ping?x=1");
    hc.protocol = NGX_MESH_HTTP;

    MESH_OK(ngx_mesh_prober_request(u->pool, &hc, &host, &request) == NGX_OK,
            "a request");
    MESH_IS_STR(&request,
                "GET /ping?x=1 HTTP/1.1\r\n"
                "Host: cds_egress_m_a_http_8080\r\n"
                "User-Agent: Envoy/HC\r\n"
                "Connection: close\r\n\r\n", "of HTTP/1.1");

    ngx_str_set(&hc.path, "a b\r\nX: y\x7f");
    (void) ngx_mesh_prober_request(u->pool, &hc, &host, &request);
    MESH_OK(ngx_strncmp(request.data, "GET /a%20b%0D%0AX:%20y%7F HTTP/1.1\r\n",
                        36)
            == 0, "a path cannot end its line");

    ngx_str_null(&hc.path);
    (void) ngx_mesh_prober_request(u->pool, &hc, &host, &request);
    MESH_OK(ngx_strncmp(request.data, "GET / HTTP/1.1\r\n", 16) == 0,
            "no path is /");

    hc.protocol = NGX_MESH_TCP;
    (void) ngx_mesh_prober_request(u->pool, &hc, &host, &request);
    MESH_IS_INT(request.len, 0, "tcp sends nothing");

    hc.protocol = NGX_MESH_HTTP2;
    (void) ngx_mesh_prober_request(u->pool, &hc, &host, &request);
    MESH_OK(ngx_memcmp(request.data, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                       "\0\0\x0c\x04\0\0\0\0\0", 33) == 0,
            "HTTP/2 begins with preface and settings");
    MESH_OK(ngx_memcmp(request.data + 45, "\0\0\x2a\x01\x05\0\0\0\x01", 9)
            == 0, "then come headers, which are all");
    MESH_IS_INT(request.len, 45 + 9 + 42, "and nothing else");

    status = 0;
    grpc = -1;
    MESH_OK(ngx_mesh_prober_hpack(request.data + 54,
                                  request.data + request.len, &status, &grpc)
            == NGX_OK && status == 0 && grpc == -1,
            "they are a whole block");

    hc.path.len = 40000;
    hc.path.data = ngx_pcalloc(u->pool, hc.path.len);
    ngx_memset(hc.path.data, '/', hc.path.len);
    (void) ngx_mesh_prober_request(u->pool, &hc, &host, &request);
    MESH_OK(ngx_memcmp(request.data + 45, "\0\x40\0\x01\x01\0\0\0\x01", 9)
            == 0, "a large block is cut");
    MESH_OK(ngx_memcmp(request.data + 45 + 9 + 16384,
                       "\0\x40\0\x09\0\0\0\0\x01", 9) == 0,
            "and continued");
    MESH_OK(request.data[45 + 2 * (9 + 16384) + 4] == 0x04, "to its end");

    hc.protocol = NGX_MESH_GRPC;
    (void) ngx_mesh_prober_request(u->pool, &hc, &host, &request);
    MESH_OK(ngx_memcmp(request.data + request.len - 14,
                       "\0\0\x05\0\x01\0\0\0\x01\0\0\0\0\0", 14) == 0,
            "gRPC ends with an empty message");
}

MESH_UNIT(mesh_unit_health_request)


static mesh_unit_answer_t  mesh_unit_http_answers[] = {

    mesh_unit_answer("200",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", NGX_OK, ""),

    mesh_unit_answer("200 without a body",
        "HTTP/1.0 200\r\ncontent-length:0\r\n\r\n", NGX_OK, ""),

    mesh_unit_answer("lines without CR",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", NGX_OK, ""),

    mesh_unit_answer("chunks",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n", NGX_OK, ""),

    mesh_unit_answer("an interim answer before",
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NGX_OK, ""),

    mesh_unit_answer("204",
        "HTTP/1.1 204 No Content\r\n\r\n", NGX_DECLINED, "answered 204"),

    mesh_unit_answer("a redirect",
        "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", NGX_DECLINED,
        "answered 302"),

    mesh_unit_answer("503",
        "HTTP/1.1 503 X\r\nContent-Length: 100\r\n\r\n", NGX_DECLINED,
        "answered 503"),

    mesh_unit_answer("101",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", NGX_DECLINED,
        "answered 101"),

    mesh_unit_answer("a body that is cut short",
        "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", NGX_ERROR,
        "closed the connection within its answer"),

    mesh_unit_answer("a header that is cut short",
        "HTTP/1.1 200 OK\r\nContent-Le", NGX_ERROR,
        "closed the connection within its answer"),

    mesh_unit_answer("nothing", "", NGX_ERROR, "closed the connection"),

    mesh_unit_answer("another protocol",
        "SSH-2.0-OpenSSH_9.2\r\n", NGX_ERROR,
        "answered with no HTTP/1.x status line"),

    mesh_unit_answer("no status",
        "HTTP/1.1 OK and more\r\n", NGX_ERROR,
        "answered with no HTTP/1.x status line"),

    mesh_unit_answer("a long status",
        "HTTP/1.1 2000 OK\r\n\r\n", NGX_ERROR,
        "answered with no HTTP/1.x status line"),

    mesh_unit_answer("an invalid length",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", NGX_ERROR,
        "answered with an invalid Content-Length"),

    mesh_unit_answer("a line that is no header",
        "HTTP/1.1 200 OK\r\nwhat\r\n\r\n", NGX_ERROR,
        "answered with an invalid header"),

    mesh_unit_answer("an invalid chunk",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        NGX_ERROR, "answered with an invalid chunk"),

    { NULL, NULL, 0, 0, NULL }
};


static void
mesh_unit_health_http_answers(ngx_mesh_unit_t *u)
{
    u_char                   *p;
    size_t                    step;
    ngx_int_t                 rc;
    ngx_str_t                 reason;
    ngx_uint_t                wrong;
    mesh_unit_answer_t       *a;
    ngx_mesh_prober_http_t    h;

    for (a = mesh_unit_http_answers; a->name; a++) {

        rc = mesh_unit_health_http((u_char *) a->data, a->len, a->len, &h);
        reason.data = h.reason;
        reason.len = ngx_strlen(h.reason);

        MESH_IS_INT(rc, a->rc, "HTTP/1.1, %s", a->name);
        MESH_IS_STR(&reason, a->reason, "its reason");

        wrong = 0;

        for (step = 1; step < 8; step++) {
            rc = mesh_unit_health_http((u_char *) a->data, a->len, step, &h);
            wrong += (rc != a->rc
                      || ngx_strcmp(h.reason, a->reason) != 0);
        }

        MESH_IS_INT(wrong, 0, "in pieces too");
    }

    p = ngx_pcalloc(u->pool, 70000);
    ngx_memset(p, 'x', 70000);
    ngx_memcpy(p, "HTTP/1.1 200 OK\r\n", 17);

    MESH_IS_INT(mesh_unit_health_http(p, 70000, 4096, &h), NGX_ERROR,
                "headers without end");

    ngx_memcpy(p, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
               48);
    MESH_IS_INT(mesh_unit_health_http(p, 40000, 4096, &h), NGX_OK,
                "enough of a large body");
}

MESH_UNIT(mesh_unit_health_http_answers)


/* the answer in pieces of "step" bytes, and then the end */

static ngx_int_t
mesh_unit_health_http(u_char *data, size_t len, size_t step,
    ngx_mesh_prober_http_t *h)
{
    size_t     n;
    ngx_int_t  rc;

    ngx_mesh_prober_http_init(h);

    while (len) {
        n = ngx_min(len, step);

        rc = ngx_mesh_prober_http_feed(h, data, n);

        if (rc != NGX_AGAIN) {
            return rc;
        }

        data += n;
        len -= n;
    }

    return ngx_mesh_prober_http_end(h);
}


#define H2_SETTINGS   "\0\0\0\x04\0\0\0\0\0"
#define H2_HEADERS(len, flags)  "\0\0" len "\x01" flags "\0\0\0\x01"
#define H2_DATA(len, flags)     "\0\0" len "\0" flags "\0\0\0\x01"


static mesh_unit_answer_t  mesh_unit_h2_answers[] = {

    mesh_unit_answer("200 at once",
        H2_SETTINGS H2_HEADERS("\x01", "\x05") "\x88", NGX_OK, ""),

    mesh_unit_answer("a size of the table, a literal status",
        H2_SETTINGS H2_HEADERS("\x06", "\x05") "\x20\x08\x03" "200", NGX_OK,
        ""),

    mesh_unit_answer("a status in Huffman's code",
        H2_SETTINGS H2_HEADERS("\x04", "\x05") "\x48\x82\x10\x01", NGX_OK,
        ""),

    mesh_unit_answer("503 in Huffman's code",
        H2_SETTINGS H2_HEADERS("\x05", "\x05") "\x48\x83\x6c\x0c\xff",
        NGX_DECLINED, "answered 503"),

    mesh_unit_answer("a body and trailers, padded",
        H2_SETTINGS H2_HEADERS("\x09", "\x2c")
        "\x02\0\0\0\0\x10\x88\0\0"
        H2_DATA("\x05", "\x08") "\x02ok\0\0"
        H2_HEADERS("\x05", "\x05") "\0\x01x\x01y", NGX_OK, ""),

    mesh_unit_answer("continued headers",
        H2_SETTINGS H2_HEADERS("\x03", "\x01") "\x08\x03" "2"
        "\0\0\x02\x09\x04\0\0\0\x01" "00", NGX_OK, ""),

    mesh_unit_answer("interim headers",
        H2_SETTINGS H2_HEADERS("\x05", "\x04") "\x08\x03" "103"
        H2_HEADERS("\x01", "\x05") "\x88", NGX_OK, ""),

    mesh_unit_answer("404, without waiting for its end",
        H2_SETTINGS H2_HEADERS("\x01", "\x04") "\x8d", NGX_DECLINED,
        "answered 404"),

    mesh_unit_answer("frames of no interest",
        H2_SETTINGS "\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff"
        "\0\0\x02\x77\0\0\0\0\0zz"
        H2_HEADERS("\x01", "\x05") "\x88", NGX_OK, ""),

    mesh_unit_answer("HTTP/1.1",
        "HTTP/1.1 400 Bad Request\r\n\r\n", NGX_ERROR,
        "answered with no HTTP/2"),

    mesh_unit_answer("RST_STREAM",
        H2_SETTINGS "\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07", NGX_ERROR,
        "reset the stream with error 7"),

    mesh_unit_answer("GOAWAY",
        H2_SETTINGS "\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b", NGX_ERROR,
        "sent GOAWAY with error 11"),

    mesh_unit_answer("GOAWAY after this stream",
        H2_SETTINGS "\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0"
        H2_HEADERS("\x01", "\x05") "\x88", NGX_OK, ""),

    mesh_unit_answer("a field of a table that is not there",
        H2_SETTINGS H2_HEADERS("\x01", "\x05") "\xbe", NGX_ERROR,
        "answered with invalid headers"),

    mesh_unit_answer("a string that is cut short",
        H2_SETTINGS H2_HEADERS("\x03", "\x05") "\x08\x7fx", NGX_ERROR,
        "answered with invalid headers"),

    mesh_unit_answer("padding longer than the frame",
        H2_SETTINGS H2_HEADERS("\x02", "\x0d") "\x02\x88", NGX_ERROR,
        "answered with an invalid frame"),

    mesh_unit_answer("a stream of its own",
        H2_SETTINGS "\0\0\x01\x01\x05\0\0\0\x02\x88", NGX_ERROR,
        "answered with a stream nobody asked for"),

    mesh_unit_answer("a push",
        H2_SETTINGS "\0\0\x05\x05\x04\0\0\0\x01\0\0\0\x02\x88", NGX_ERROR,
        "answered with a frame out of place"),

    mesh_unit_answer("data before headers",
        H2_SETTINGS H2_DATA("\x01", "\x01") "x", NGX_ERROR,
        "answered with a frame out of place"),

    mesh_unit_answer("a frame within headers",
        H2_SETTINGS H2_HEADERS("\x01", "\x01") "\x88" H2_SETTINGS, NGX_ERROR,
        "answered with a frame out of place"),

    mesh_unit_answer("no status",
        H2_SETTINGS H2_HEADERS("\x04", "\x05") "\0\x01x\0", NGX_ERROR,
        "answered with no status"),

    mesh_unit_answer("a large frame",
        H2_SETTINGS "\0\x40\x01\0\0\0\0\0\x01", NGX_ERROR,
        "answered with a too large frame"),

    { NULL, NULL, 0, 0, NULL }
};


static mesh_unit_answer_t  mesh_unit_grpc_answers[] = {

    mesh_unit_answer("SERVING",
        H2_SETTINGS H2_HEADERS("\x01", "\x04") "\x88"
        H2_DATA("\x07", "\0") "\0\0\0\0\x02\x08\x01"
        H2_HEADERS("\x0f", "\x05") "\0\x0bgrpc-status\x01" "0", NGX_OK, ""),

    mesh_unit_answer("SERVING, all in Huffman's code",
        H2_SETTINGS H2_HEADERS("\x01", "\x04") "\x88"
        H2_DATA("\x07", "\0") "\0\0\0\0\x02\x08\x01"
        H2_HEADERS("\x0c", "\x05")
        "\0\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x81\x07", NGX_OK, ""),

    mesh_unit_answer("SERVING, a byte a frame",
        H2_SETTINGS H2_HEADERS("\x01", "\x04") "\x88"
        H2_DATA("\x05", "\0") "\0\0\0\0\x02" H2_DATA("\x01", "\0") "\x08"
        H2_DATA("\x01", "\0") "\x01"
        H2_HEADERS("\x0f", "\x05") "\0\x0bgrpc-status\x01" "0", NGX_OK, ""),

    mesh_unit_answer("NOT_SERVING",
        H2_SETTINGS H2_HEADERS("\x01", "\x04") "\x88"
        H2_DATA("\x07", "\0") "\0\0\0\0\x02\x08\x02"
        H2_HEADERS("\x0f", "\x05") "\0\x0bgrpc-status\x01" "0", NGX_DECLINED,
        "is not serving, its status is 2"),

    mesh_unit_answer("UNKNOWN, which is no field",
        H2_SETTINGS H2_HEADERS("\x01", "\x04") "\x88"
        H2_DATA("\x05", "\0") "\0\0\0\0\0"
        H2_HEADERS("\x0f", "\x05") "\0\x0bgrpc-status\x01" "0", NGX_DECLINED,
        "is not serving, its status is 0"),

    mesh_unit_answer("UNIMPLEMENTED, trailers only",
        H2_SETTINGS H2_HEADERS("\x11", "\x05")
        "\x88\0\x0bgrpc-status\x02" "12", NGX_DECLINED,
        "answered grpc-status 12"),

    mesh_unit_answer("no grpc-status",
        H2_SETTINGS H2_HEADERS("\x01", "\x04") "\x88"
        H2_DATA("\x07", "\x01") "\0\0\0\0\x02\x08\x01", NGX_DECLINED,
        "answered without grpc-status"),

    mesh_unit_answer("415",
        H2_SETTINGS H2_HEADERS("\x05", "\x05") "\x08\x03" "415",
        NGX_DECLINED, "answered 415"),

    { NULL, NULL, 0, 0, NULL }
};


static void
mesh_unit_health_http2(ngx_mesh_unit_t *u)
{
    mesh_unit_health_h2_answers(u, 0, mesh_unit_h2_answers);
    mesh_unit_health_h2_answers(u, 1, mesh_unit_grpc_answers);
}

MESH_UNIT(mesh_unit_health_http2)


static void
mesh_unit_health_h2_answers(ngx_mesh_unit_t *u, ngx_uint_t grpc,
    mesh_unit_answer_t *answers)
{
    size_t                 step;
    ngx_int_t              rc;
    ngx_str_t              reason;
    ngx_uint_t             wrong;
    mesh_unit_answer_t    *a;
    ngx_mesh_prober_h2_t   h;

    for (a = answers; a->name; a++) {

        rc = mesh_unit_health_h2((u_char *) a->data, a->len, a->len, grpc, &h);
        reason.data = h.reason;
        reason.len = ngx_strlen(h.reason);

        MESH_IS_INT(rc, a->rc, "%s, %s", grpc ? "gRPC" : "HTTP/2", a->name);
        MESH_IS_STR(&reason, a->reason, "its reason");

        wrong = 0;

        for (step = 1; step < 8; step++) {
            rc = mesh_unit_health_h2((u_char *) a->data, a->len, step, grpc,
                                     &h);
            wrong += (rc != a->rc
                      || ngx_strcmp(h.reason, a->reason) != 0);
        }

        MESH_IS_INT(wrong, 0, "in pieces too");
    }
}


static ngx_int_t
mesh_unit_health_h2(u_char *data, size_t len, size_t step, ngx_uint_t grpc,
    ngx_mesh_prober_h2_t *h)
{
    size_t     n;
    ngx_int_t  rc;

    ngx_mesh_prober_h2_init(h, grpc);

    while (len) {
        n = ngx_min(len, step);

        rc = ngx_mesh_prober_h2_feed(h, data, n);

        if (rc != NGX_AGAIN) {
            return rc;
        }

        data += n;
        len -= n;
    }

    return NGX_AGAIN;
}


/* what is acknowledged, and that there is an end to it */

static void
mesh_unit_health_replies(ngx_mesh_unit_t *u)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_mesh_prober_h2_t   h;

    ngx_mesh_prober_h2_init(&h, 0);

    rc = ngx_mesh_prober_h2_feed(&h, (u_char *) H2_SETTINGS
                                 "\0\0\x08\x06\0\0\0\0\0" "12345678", 26);

    MESH_IS_INT(rc, NGX_AGAIN, "SETTINGS and PING");
    MESH_IS_INT(h.nout, 26, "are answered");
    MESH_OK(ngx_memcmp(h.out, "\0\0\0\x04\x01\0\0\0\0"
                       "\0\0\x08\x06\x01\0\0\0\0" "12345678", 26) == 0,
            "with what they want");

    rc = ngx_mesh_prober_h2_feed(&h, (u_char *) "\0\0\0\x04\x01\0\0\0\0", 9);
    MESH_OK(rc == NGX_AGAIN && h.nout == 26,
            "an acknowledgement is not acknowledged");

    for (i = 0; i < 100 && rc == NGX_AGAIN; i++) {
        h.nout = 0;
        rc = ngx_mesh_prober_h2_feed(&h, (u_char *) "\0\0\x08\x06\0\0\0\0\0"
                                     "12345678", 17);
    }

    MESH_OK(rc == NGX_ERROR && i < 10, "many PINGs are not");
}

MESH_UNIT(mesh_unit_health_replies)


/* any bytes: sanitizers look on */

static void
mesh_unit_health_noise(ngx_mesh_unit_t *u)
{
    size_t                   n;
    u_char                   buf[512];
    ngx_int_t                grpc;
    ngx_uint_t               i, k, bad, status;
    mesh_unit_answer_t      *a;
    ngx_mesh_prober_h2_t     h;
    ngx_mesh_prober_http_t   http;

    bad = 0;

    for (i = 0; i < 20000; i++) {

        a = (i & 1) ? &mesh_unit_h2_answers[i % 22]
                    : &mesh_unit_grpc_answers[i % 8];

        ngx_memcpy(buf, a->data, a->len);

        for (k = ngx_random() % 4; k; k--) {
            buf[ngx_random() % a->len] = (u_char) ngx_random();
        }

        (void) mesh_unit_health_h2(buf, a->len, 1 + ngx_random() % a->len,
                                   i & 1, &h);
        bad += (ngx_strlen(h.reason) >= NGX_MESH_PROBER_REASON);

        a = &mesh_unit_http_answers[i % 18];

        ngx_memcpy(buf, a->data, a->len);

        for (k = a->len ? ngx_random() % 4 : 0; k; k--) {
            buf[ngx_random() % a->len] = (u_char) ngx_random();
        }

        (void) mesh_unit_health_http(buf, a->len, 1 + ngx_random() % 64,
                                     &http);
        bad += (ngx_strlen(http.reason) >= NGX_MESH_PROBER_REASON);

        n = ngx_random() % 32;

        for (k = 0; k < n; k++) {
            buf[k] = (u_char) ngx_random();
        }

        (void) ngx_mesh_prober_hpack(buf, buf + n, &status, &grpc);
    }

    MESH_IS_INT(bad, 0, "reasons are short");
}

MESH_UNIT(mesh_unit_health_noise)
