
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The reading of HTTP answers, cut in every way, and of URLs; the lease of the
 * agent.  The client as a whole is tested by t/e2e/control-client.t.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_mesh_answer.h>
#include <ngx_mesh_url.h>

#include "ngx_mesh_unit.h"


#define MESH_CLIENT_MAX  100


typedef struct {
    const char              *text;
    const char              *body;      /* NULL: refused */
    const char              *error;     /* a part of it */
    ngx_uint_t               status;
    ngx_uint_t               close;
    ngx_uint_t               end;       /* ends with the connection */
} mesh_unit_answer_t;


static mesh_unit_answer_t  mesh_unit_answers[] = {

    { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", NULL, 200, 0,
      0 },
    { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", NULL, 200, 0, 0 },
    { "HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n", "", NULL, 304, 0, 0 },
    { "HTTP/1.1 204 No\r\n\r\n", "", NULL, 204, 0, 0 },
    { "HTTP/1.1 404\r\nContent-Length: 1\r\n\r\nx", "x", NULL, 404, 0, 0 },
    { "HTTP/1.1 200 OK\nContent-Length:1\n\nx", "x", NULL, 200, 0, 0 },
    { "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nA: b\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", NULL, 200, 0, 0 },
    { "HTTP/1.1 200 OK\r\nConnection: a, Close\r\nContent-Length: 1\r\n\r\nx",
      "x", NULL, 200, 1, 0 },
    { "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", NULL, 200, 1, 0 },
    { "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx",
      "x", NULL, 200, 0, 0 },
    { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy", "x", NULL, 200, 1,
      0 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n", "abcde", NULL, 200, 0, 0 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "1 \r\na\r\n0\r\nT: u\r\n\r\n", "a", NULL, 200, 0, 0 },
    { "HTTP/1.1 200 OK\r\n\r\nabc", "abc", NULL, 200, 1, 1 },
    { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
      "ab", NULL, 200, 0, 0 },

    { "", NULL, "without an answer", 0, 0, 1 },
    { "HTTP/1.1 200", NULL, "truncated", 0, 0, 1 },
    { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", NULL, "truncated", 0,
      0, 1 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", NULL,
      "truncated", 0, 0, 1 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", NULL,
      "truncated", 0, 0, 1 },
    { "HTTP/2 200\r\n\r\n", NULL, "no HTTP/1.x", 0, 0, 0 },
    { "ICY 200 OK\r\n\r\n", NULL, "no HTTP/1.x", 0, 0, 0 },
    { "HTTP/1.1 2000 OK\r\n\r\n", NULL, "no HTTP/1.x", 0, 0, 0 },
    { "HTTP/1.1 099 OK\r\n\r\n", NULL, "invalid status", 0, 0, 0 },
    { "HTTP/1.1 101 Up\r\n\r\n", NULL, "invalid status", 0, 0, 0 },
    { "HTTP/1.1 301 M\r\nLocation: http://x/\r\n\r\n", NULL, "\"http://x/\"",
      0, 0, 0 },
    { "HTTP/1.1 302 M\r\n\r\n", NULL, "redirect", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", NULL, "more than 100",
      0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", NULL,
      "more than 100", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", NULL,
      "invalid Content-Length", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", NULL,
      "invalid Content-Length", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", NULL,
      "invalid Content-Length", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      NULL, "invalid Content-Length", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
      "Transfer-Encoding: chunked\r\n\r\n", NULL, "ambiguous", 0, 0, 0 },
    { "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", NULL,
      "ambiguous", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", NULL,
      "transfer coding", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
      "Transfer-Encoding: chunked\r\n\r\n", NULL, "transfer coding", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n", NULL, "coding", 0, 0,
      0 },
    { "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", NULL, "invalid header", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", NULL, "invalid header", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nAb\r\n\r\n", NULL, "invalid header", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\n: b\r\n\r\n", NULL, "invalid header", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", NULL, "invalid header", 0, 0,
      0 },
    { "HTTP/1.1 200 OK\r\nETag: \"\x1b[2J\"\r\n\r\n", NULL,
      "invalid header", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", NULL,
      "invalid chunk", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", NULL,
      "invalid chunk", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
      NULL, "invalid chunk", 0, 0, 0 },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "ffffffffffffffff\r\n", NULL, "chunk", 0, 0, 0 }
};


static ngx_int_t
mesh_unit_answer(ngx_mesh_unit_t *u, ngx_mesh_answer_t *an,
    mesh_unit_answer_t *t, size_t step)
{
    size_t      len, n;
    u_char     *p, *error;
    ngx_int_t   rc;

    error = ngx_pcalloc(u->pool, NGX_MESH_CLIENT_ERROR_LEN);

    ngx_mesh_answer_init(an, u->pool, MESH_CLIENT_MAX, error, u->log);

    p = (u_char *) t->text;
    len = ngx_strlen(t->text);
    rc = NGX_AGAIN;

    while (len && rc == NGX_AGAIN) {
        n = ngx_min(step, len);

        rc = ngx_mesh_answer_feed(an, p, n);

        p += n;
        len -= n;
    }

    if (t->end && rc == NGX_AGAIN) {
        rc = ngx_mesh_answer_end(an);
    }

    return rc;
}


static void
mesh_unit_client_answers(ngx_mesh_unit_t *u)
{
    size_t               step;
    u_char               got[NGX_MESH_DIGEST_LEN], want[NGX_MESH_DIGEST_LEN];
    ngx_int_t            rc;
    ngx_uint_t           i, good;
    ngx_mesh_answer_t   *an;
    mesh_unit_answer_t  *t;

    an = ngx_palloc(u->pool, sizeof(ngx_mesh_answer_t));

    for (i = 0; i < sizeof(mesh_unit_answers) / sizeof(mesh_unit_answer_t);
         i++)
    {
        t = &mesh_unit_answers[i];
        good = 0;

        for (step = 1; step < 200; step++) {
            rc = mesh_unit_answer(u, an, t, step);

            if (t->body == NULL) {
                good += (rc == NGX_ERROR
                         && ngx_strstr(an->error, t->error) != NULL);

            } else {
                /* what follows an answer is seen only if it came with it */

                good += (rc == NGX_OK
                         && an->status == t->status
                         && an->text.len == ngx_strlen(t->body)
                         && ngx_memcmp(an->text.data, t->body, an->text.len)
                            == 0
                         && (an->close == t->close || step == 1)
                         && ngx_mesh_digest(&an->text, 1, want) == NGX_OK
                         && ngx_mesh_answer_digest(an, got) == NGX_OK
                         && ngx_memcmp(got, want, NGX_MESH_DIGEST_LEN) == 0);
            }

            ngx_mesh_answer_free(an);
        }

        MESH_OK(good >= 190, "answer %ui, however it is cut (%ui)", i, good);
    }
}

MESH_UNIT(mesh_unit_client_answers)


static void
mesh_unit_client_urls(ngx_mesh_unit_t *u)
{
    ngx_str_t        text;
    ngx_uint_t       i;
    const char      *error;
    ngx_mesh_url_t   url;

    static const char  *bad[] = {
        "", "http", "http://", "https://", "ftp://a", "http:///a", "http://:80",
        "http://a:", "http://a:0", "http://a:65536", "http://a:8x",
        "http://a b", "http://a@b", "http://a/b c", "http://a/#x",
        "http://[::1", "http://[x]", "http://a?b", "http://a\\b",
        "http://a/\x80"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text.data = (u_char *) bad[i];
        text.len = ngx_strlen(bad[i]);

        MESH_OK(ngx_mesh_url_parse(u->pool, &text, &url) != NULL,
                "\"%s\" is refused", bad[i]);
    }

    ngx_str_set(&text, "http://a.b:80/c?d=e");
    error = ngx_mesh_url_parse(u->pool, &text, &url);
    MESH_OK(error == NULL && !url.tls && url.port == 80, "a URL");
    MESH_IS_STR(&url.host, "a.b", "its host");
    MESH_IS_STR(&url.authority, "a.b", "without the default port");
    MESH_IS_STR(&url.path, "/c?d=e", "its path");

    ngx_str_set(&text, "HTTPS://[::1]:8443");
    error = ngx_mesh_url_parse(u->pool, &text, &url);
    MESH_OK(error == NULL && url.tls && url.port == 8443, "with TLS");
    MESH_IS_STR(&url.host, "::1", "its address");
    MESH_IS_STR(&url.authority, "[::1]:8443", "with brackets and port");
    MESH_IS_STR(&url.path, "", "no path");
}

MESH_UNIT(mesh_unit_client_urls)
