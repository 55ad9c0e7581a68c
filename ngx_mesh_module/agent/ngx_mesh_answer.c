
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The reading of HTTP/1.1 answers (RFC 9112).  Everything but bodies comes in
 * lines: they are gathered in one buffer, so that it does not matter how the
 * bytes are cut, and all lines of an answer together are bounded.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_answer.h"


#define NGX_MESH_ANSWER_ROOM   65536    /* of a body, at first */
#define NGX_MESH_ANSWER_SHOWN  100      /* bytes of others' text in errors */


typedef ngx_int_t (*ngx_mesh_answer_line_pt)(ngx_mesh_answer_t *an,
    u_char *p, u_char *last);


static ngx_int_t ngx_mesh_answer_take_line(ngx_mesh_answer_t *an,
    u_char **pos, u_char *end);
static ngx_int_t ngx_mesh_answer_status_line(ngx_mesh_answer_t *an,
    u_char *p, u_char *last);
static ngx_int_t ngx_mesh_answer_header(ngx_mesh_answer_t *an, u_char *p,
    u_char *last);
static ngx_uint_t ngx_mesh_answer_controls(u_char *p, u_char *last);
static ngx_int_t ngx_mesh_answer_known(ngx_mesh_answer_t *an,
    ngx_mesh_client_header_t *h);
static ngx_int_t ngx_mesh_answer_content_length(ngx_mesh_answer_t *an,
    ngx_str_t *value);
static void ngx_mesh_answer_connection(ngx_mesh_answer_t *an,
    ngx_str_t *value);
static ngx_int_t ngx_mesh_answer_headers_end(ngx_mesh_answer_t *an);
static ngx_int_t ngx_mesh_answer_redirect(ngx_mesh_answer_t *an);
static ngx_int_t ngx_mesh_answer_chunk_size(ngx_mesh_answer_t *an, u_char *p,
    u_char *last);
static ngx_int_t ngx_mesh_answer_chunk_end(ngx_mesh_answer_t *an, u_char *p,
    u_char *last);
static ngx_int_t ngx_mesh_answer_trailer(ngx_mesh_answer_t *an, u_char *p,
    u_char *last);
static ngx_int_t ngx_mesh_answer_take_body(ngx_mesh_answer_t *an,
    u_char **pos, u_char *end);
static ngx_int_t ngx_mesh_answer_store(ngx_mesh_answer_t *an, u_char *data,
    size_t len);
static ngx_int_t ngx_mesh_answer_too_large(ngx_mesh_answer_t *an);
static ngx_int_t ngx_mesh_answer_refuse(ngx_mesh_answer_t *an,
    const char *what, u_char *p, u_char *last);


/* of the states that read lines, by their number */

static ngx_mesh_answer_line_pt  ngx_mesh_answer_lines[] = {
    ngx_mesh_answer_status_line,
    ngx_mesh_answer_header,
    NULL,
    NULL,
    ngx_mesh_answer_chunk_size,
    NULL,
    ngx_mesh_answer_chunk_end,
    ngx_mesh_answer_trailer
};


void
ngx_mesh_answer_init(ngx_mesh_answer_t *an, ngx_pool_t *pool, size_t max_body,
    u_char *error, ngx_log_t *log)
{
    ngx_memzero(an, offsetof(ngx_mesh_answer_t, line));

    an->pool = pool;
    an->log = log;
    an->max_body = max_body;
    an->error = error;
    an->length = -1;

    an->chunked = 0;
    an->http10 = 0;
    an->close = 0;
    an->keep_alive = 0;
}


void
ngx_mesh_answer_free(ngx_mesh_answer_t *an)
{
    if (an->text.data) {
        ngx_free(an->text.data);
        ngx_str_null(&an->text);
    }

    EVP_MD_CTX_free(an->md);
    an->md = NULL;
}


ngx_int_t
ngx_mesh_answer_digest(ngx_mesh_answer_t *an, u_char *digest)
{
    if (an->md == NULL) {
        /* there is no body */
        return EVP_Digest("", 0, digest, NULL, EVP_sha256(), NULL) == 1
               ? NGX_OK : NGX_ERROR;
    }

    return EVP_DigestFinal_ex(an->md, digest, NULL) == 1 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_mesh_answer_feed(ngx_mesh_answer_t *an, u_char *data, size_t len)
{
    u_char     *end;
    ngx_int_t   rc;

    end = data + len;

    while (data < end && an->state != NGX_MESH_ANSWER_DONE) {

        if (ngx_mesh_answer_lines[an->state]) {
            rc = ngx_mesh_answer_take_line(an, &data, end);

        } else {
            rc = ngx_mesh_answer_take_body(an, &data, end);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (an->state != NGX_MESH_ANSWER_DONE) {
        return NGX_AGAIN;
    }

    if (data < end) {
        /* nobody asked for what follows */
        an->close = 1;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mesh_answer_end(ngx_mesh_answer_t *an)
{
    u_char  *p;

    an->close = 1;

    if (an->state == NGX_MESH_ANSWER_STREAM) {
        an->state = NGX_MESH_ANSWER_DONE;
    }

    if (an->state == NGX_MESH_ANSWER_DONE) {
        return NGX_OK;
    }

    if (an->state == NGX_MESH_ANSWER_STATUS && an->nline == 0) {
        p = ngx_slprintf(an->error,
                         an->error + NGX_MESH_CLIENT_ERROR_LEN - 1,
                         "closed the connection without an answer");

    } else {
        p = ngx_slprintf(an->error,
                         an->error + NGX_MESH_CLIENT_ERROR_LEN - 1,
                         "the answer is truncated");
    }

    *p = '\0';

    return NGX_ERROR;
}


static ngx_int_t
ngx_mesh_answer_take_line(ngx_mesh_answer_t *an, u_char **pos, u_char *end)
{
    size_t   len;
    u_char  *p, *last;

    p = ngx_strlchr(*pos, end, LF);
    len = (p ? p : end) - *pos;

    an->head += len + 1;

    /* a long body in small chunks has many short lines */

    if (an->nline + len > sizeof(an->line)
        || (an->head > 2 * sizeof(an->line)
            && an->state <= NGX_MESH_ANSWER_HEADER))
    {
        return ngx_mesh_answer_refuse(an, "too large headers", NULL, NULL);
    }

    ngx_memcpy(an->line + an->nline, *pos, len);
    an->nline += len;
    *pos += len;

    if (p == NULL) {
        an->head--;
        return NGX_OK;
    }

    (*pos)++;

    last = an->line + an->nline;
    an->nline = 0;

    if (last > an->line && *(last - 1) == CR) {
        last--;
    }

    return ngx_mesh_answer_lines[an->state](an, an->line, last);
}


static ngx_int_t
ngx_mesh_answer_status_line(ngx_mesh_answer_t *an, u_char *p, u_char *last)
{
    ngx_int_t  n;

    if (last - p < 12
        || ngx_strncmp(p, "HTTP/1.", 7) != 0
        || (p[7] != '0' && p[7] != '1')
        || p[8] != ' '
        || (last - p > 12 && p[12] != ' '))
    {
        return ngx_mesh_answer_refuse(an, "no HTTP/1.x status line", p, last);
    }

    n = ngx_atoi(p + 9, 3);

    if (n < 100 || n > 599 || n == 101) {
        return ngx_mesh_answer_refuse(an, "an invalid status", p, last);
    }

    an->http10 = (p[7] == '0');
    an->status = n;
    an->state = NGX_MESH_ANSWER_HEADER;

    return ngx_array_init(&an->headers, an->pool, 8,
                          sizeof(ngx_mesh_client_header_t))
           == NGX_OK ? NGX_OK
                     : ngx_mesh_answer_refuse(an, "no memory", NULL, NULL);
}


static ngx_int_t
ngx_mesh_answer_header(ngx_mesh_answer_t *an, u_char *p, u_char *last)
{
    u_char                    *q;
    ngx_mesh_client_header_t  *h;

    if (p == last) {
        return ngx_mesh_answer_headers_end(an);
    }

    /* a name is a token: no folding, no space before the colon */

    for (q = p; q < last && *q != ':'; q++) {
        if (*q <= ' ' || *q >= 0x7f || ngx_strchr("\"(),/;<=>?@[\\]{}", *q)) {
            return ngx_mesh_answer_refuse(an, "an invalid header", p, last);
        }
    }

    if (q == p || q == last || ngx_mesh_answer_controls(q, last)) {
        return ngx_mesh_answer_refuse(an, "an invalid header", p, last);
    }

    h = ngx_array_push(&an->headers);
    if (h == NULL) {
        return ngx_mesh_answer_refuse(an, "no memory", NULL, NULL);
    }

    h->name.len = q - p;

    for (q++; q < last && (*q == ' ' || *q == '\t'); q++) { /* void */ }

    while (last > q && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    h->value.len = last - q;

    h->name.data = ngx_pnalloc(an->pool, h->name.len + h->value.len + 1);
    if (h->name.data == NULL) {
        return ngx_mesh_answer_refuse(an, "no memory", NULL, NULL);
    }

    h->value.data = ngx_cpymem(h->name.data, p, h->name.len);
    *ngx_cpymem(h->value.data, q, h->value.len) = '\0';

    return ngx_mesh_answer_known(an, h);
}


/* RFC 9110, 5.5; what is logged or sent again has none of them */

static ngx_uint_t
ngx_mesh_answer_controls(u_char *p, u_char *last)
{
    for ( /* void */ ; p < last; p++) {
        if ((*p < ' ' && *p != '\t') || *p == 0x7f) {
            return 1;
        }
    }

    return 0;
}


/* the headers that say where the answer ends */

static ngx_int_t
ngx_mesh_answer_known(ngx_mesh_answer_t *an, ngx_mesh_client_header_t *h)
{
    u_char  *p, *last;

    p = h->value.data;
    last = p + h->value.len;

    switch (h->name.len) {

    case 10:
        if (ngx_strncasecmp(h->name.data, (u_char *) "Connection", 10) == 0) {
            ngx_mesh_answer_connection(an, &h->value);
        }

        break;

    case 14:
        if (ngx_strncasecmp(h->name.data, (u_char *) "Content-Length", 14)
            == 0)
        {
            return ngx_mesh_answer_content_length(an, &h->value);
        }

        break;

    case 16:
        if (ngx_strncasecmp(h->name.data, (u_char *) "Content-Encoding", 16)
            == 0
            && (h->value.len != 8
                || ngx_strncasecmp(p, (u_char *) "identity", 8) != 0))
        {
            return ngx_mesh_answer_refuse(an, "a coding nobody asked for", p,
                                          last);
        }

        break;

    case 17:
        if (ngx_strncasecmp(h->name.data, (u_char *) "Transfer-Encoding", 17)
            != 0)
        {
            break;
        }

        if (an->chunked
            || h->value.len != 7
            || ngx_strncasecmp(p, (u_char *) "chunked", 7) != 0)
        {
            return ngx_mesh_answer_refuse(an, "an unknown transfer coding", p,
                                          last);
        }

        an->chunked = 1;
        break;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_answer_content_length(ngx_mesh_answer_t *an, ngx_str_t *value)
{
    off_t  n;

    n = ngx_atoof(value->data, value->len);

    if (n == NGX_ERROR || (an->length != -1 && an->length != n)) {
        return ngx_mesh_answer_refuse(an, "an invalid Content-Length",
                                      value->data, value->data + value->len);
    }

    an->length = n;

    return NGX_OK;
}


static void
ngx_mesh_answer_connection(ngx_mesh_answer_t *an, ngx_str_t *value)
{
    if (ngx_strcasestrn(value->data, "close", 5 - 1)) {
        an->close = 1;
    }

    if (ngx_strcasestrn(value->data, "keep-alive", 10 - 1)) {
        an->keep_alive = 1;
    }
}


static ngx_int_t
ngx_mesh_answer_headers_end(ngx_mesh_answer_t *an)
{
    if (an->status < 200) {
        /* 100 and 103 come before the answer */
        an->state = NGX_MESH_ANSWER_STATUS;
        an->length = -1;
        an->chunked = 0;
        return NGX_OK;
    }

    if (an->status >= 300 && an->status < 400 && an->status != 304) {
        return ngx_mesh_answer_redirect(an);
    }

    if (an->chunked && (an->length != -1 || an->http10)) {
        return ngx_mesh_answer_refuse(an, "an ambiguous length", NULL, NULL);
    }

    if (an->http10 && !an->keep_alive) {
        an->close = 1;
    }

    if (an->no_body || an->status == 204 || an->status == 304) {
        an->state = NGX_MESH_ANSWER_DONE;

    } else if (an->chunked) {
        an->state = NGX_MESH_ANSWER_CHUNK_SIZE;

    } else if (an->length == -1) {
        an->state = NGX_MESH_ANSWER_STREAM;
        an->close = 1;

    } else if (an->length == 0) {
        an->state = NGX_MESH_ANSWER_DONE;

    } else {
        if (an->length > (off_t) an->max_body) {
            return ngx_mesh_answer_too_large(an);
        }

        an->rest = an->length;
        an->state = NGX_MESH_ANSWER_BODY;
    }

    return NGX_OK;
}


/* whoever can redirect a proxy has a mesh */

static ngx_int_t
ngx_mesh_answer_redirect(ngx_mesh_answer_t *an)
{
    u_char                    *p, *last;
    ngx_uint_t                 i;
    ngx_mesh_client_header_t  *h;

    p = NULL;
    last = NULL;
    h = an->headers.elts;

    for (i = 0; i < an->headers.nelts; i++) {
        if (h[i].name.len == 8
            && ngx_strncasecmp(h[i].name.data, (u_char *) "Location", 8) == 0)
        {
            p = h[i].value.data;
            last = p + h[i].value.len;
        }
    }

    return ngx_mesh_answer_refuse(an, "a redirect, which is not followed", p,
                                  last);
}


static ngx_int_t
ngx_mesh_answer_chunk_size(ngx_mesh_answer_t *an, u_char *p, u_char *last)
{
    u_char    *q;
    ngx_int_t  n;

    for (q = p; q < last && *q != ';' && *q != ' ' && *q != '\t'; q++) {
        /* void */
    }

    n = ngx_hextoi(p, q - p);

    if (n == NGX_ERROR) {
        return ngx_mesh_answer_refuse(an, "an invalid chunk", p, last);
    }

    if (n == 0) {
        an->head = 0;
        an->state = NGX_MESH_ANSWER_TRAILER;
        return NGX_OK;
    }

    if ((size_t) n > an->max_body - an->text.len) {
        return ngx_mesh_answer_too_large(an);
    }

    an->rest = n;
    an->state = NGX_MESH_ANSWER_CHUNK;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_answer_chunk_end(ngx_mesh_answer_t *an, u_char *p, u_char *last)
{
    if (p != last) {
        return ngx_mesh_answer_refuse(an, "an invalid chunk", p, last);
    }

    an->state = NGX_MESH_ANSWER_CHUNK_SIZE;

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_answer_trailer(ngx_mesh_answer_t *an, u_char *p, u_char *last)
{
    if (p == last) {
        an->state = NGX_MESH_ANSWER_DONE;
        return NGX_OK;
    }

    if (an->head > sizeof(an->line)) {
        return ngx_mesh_answer_refuse(an, "too large headers", NULL, NULL);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_answer_take_body(ngx_mesh_answer_t *an, u_char **pos, u_char *end)
{
    size_t  len;

    len = end - *pos;

    if (an->state != NGX_MESH_ANSWER_STREAM && (off_t) len > an->rest) {
        len = (size_t) an->rest;
    }

    if (ngx_mesh_answer_store(an, *pos, len) != NGX_OK) {
        return NGX_ERROR;
    }

    *pos += len;

    if (an->state == NGX_MESH_ANSWER_STREAM) {
        return NGX_OK;
    }

    an->rest -= len;

    if (an->rest == 0) {
        an->state = (an->state == NGX_MESH_ANSWER_CHUNK)
                    ? NGX_MESH_ANSWER_CHUNK_END : NGX_MESH_ANSWER_DONE;
    }

    return NGX_OK;
}


/* memory follows what came, not what was announced */

static ngx_int_t
ngx_mesh_answer_store(ngx_mesh_answer_t *an, u_char *data, size_t len)
{
    size_t   room;
    u_char  *p;

    if (len > an->max_body - an->text.len) {
        return ngx_mesh_answer_too_large(an);
    }

    if (an->text.len + len > an->room) {

        room = ngx_max(2 * an->room, NGX_MESH_ANSWER_ROOM);
        room = ngx_max(room, an->text.len + len);

        p = ngx_alloc(room, an->log);
        if (p == NULL) {
            return ngx_mesh_answer_refuse(an, "no memory", NULL, NULL);
        }

        if (an->text.data) {
            ngx_memcpy(p, an->text.data, an->text.len);
            ngx_free(an->text.data);
        }

        an->text.data = p;
        an->room = room;
    }

    ngx_memcpy(an->text.data + an->text.len, data, len);
    an->text.len += len;

    if (an->md == NULL) {
        an->md = EVP_MD_CTX_new();

        if (an->md == NULL
            || EVP_DigestInit_ex(an->md, EVP_sha256(), NULL) != 1)
        {
            return ngx_mesh_answer_refuse(an, "no memory", NULL, NULL);
        }
    }

    if (EVP_DigestUpdate(an->md, data, len) != 1) {
        return ngx_mesh_answer_refuse(an, "no memory", NULL, NULL);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_answer_too_large(ngx_mesh_answer_t *an)
{
    *ngx_slprintf(an->error, an->error + NGX_MESH_CLIENT_ERROR_LEN - 1,
                  "the answer has more than %uz bytes", an->max_body) = '\0';

    return NGX_ERROR;
}


/* always NGX_ERROR; what others wrote is shown cut and printable */

static ngx_int_t
ngx_mesh_answer_refuse(ngx_mesh_answer_t *an, const char *what, u_char *p,
    u_char *last)
{
    u_char  *e;

    e = ngx_slprintf(an->error, an->error + NGX_MESH_CLIENT_ERROR_LEN
                                - NGX_MESH_ANSWER_SHOWN - 8,
                     "the answer has %s", what);

    if (p) {
        if (last - p > NGX_MESH_ANSWER_SHOWN) {
            last = p + NGX_MESH_ANSWER_SHOWN;
        }

        e = ngx_cpymem(e, ": \"", 3);

        for ( /* void */ ; p < last; p++) {
            *e++ = (*p < ' ' || *p >= 0x7f) ? '?' : *p;
        }

        *e++ = '"';
    }

    *e = '\0';

    return NGX_ERROR;
}
