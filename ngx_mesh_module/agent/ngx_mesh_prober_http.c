
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The reading of HTTP/1.1 answers to checks: the status decides, but an
 * endpoint that does not get to the end of its answer is not healthy.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_prober_answer.h"


#define NGX_MESH_PROBER_HEAD  65536         /* bytes of headers and trailers */


static ngx_int_t ngx_mesh_prober_http_line(ngx_mesh_prober_http_t *h,
    u_char **pos, u_char *end);
static ngx_int_t ngx_mesh_prober_http_take(ngx_mesh_prober_http_t *h);
static ngx_int_t ngx_mesh_prober_http_status(ngx_mesh_prober_http_t *h);
static ngx_int_t ngx_mesh_prober_http_header(ngx_mesh_prober_http_t *h);
static ngx_int_t ngx_mesh_prober_http_body(ngx_mesh_prober_http_t *h);
static ngx_int_t ngx_mesh_prober_http_chunk(ngx_mesh_prober_http_t *h);
static ngx_int_t ngx_mesh_prober_http_bad(ngx_mesh_prober_http_t *h,
    const char *reason);


void
ngx_mesh_prober_http_init(ngx_mesh_prober_http_t *h)
{
    ngx_memzero(h, sizeof(ngx_mesh_prober_http_t));
}


ngx_int_t
ngx_mesh_prober_http_feed(ngx_mesh_prober_http_t *h, u_char *data, size_t len)
{
    size_t      n;
    u_char     *end;
    ngx_int_t   rc;

    end = data + len;

    while (data < end) {

        if (h->state == NGX_MESH_PROBER_LENGTH
            || h->state == NGX_MESH_PROBER_CHUNK
            || h->state == NGX_MESH_PROBER_CLOSE)
        {
            n = end - data;

            if (h->state != NGX_MESH_PROBER_CLOSE) {
                n = ngx_min(n, h->rest);
                h->rest -= n;
            }

            data += n;
            h->body += n;

            if (h->body >= NGX_MESH_PROBER_BODY) {
                return NGX_OK;
            }

            if (h->state == NGX_MESH_PROBER_LENGTH && h->rest == 0) {
                return NGX_OK;
            }

            if (h->state == NGX_MESH_PROBER_CHUNK && h->rest == 0) {
                h->state = NGX_MESH_PROBER_CHUNK_SIZE;
            }

            continue;
        }

        rc = ngx_mesh_prober_http_line(h, &data, end);

        if (rc != NGX_AGAIN) {
            return rc;
        }
    }

    return NGX_AGAIN;
}


/* of long lines the beginning is kept: what follows is of no interest */

static ngx_int_t
ngx_mesh_prober_http_line(ngx_mesh_prober_http_t *h, u_char **pos,
    u_char *end)
{
    u_char     *p;
    ngx_int_t   rc;

    for (p = *pos; p < end; p++) {

        if (++h->head > NGX_MESH_PROBER_HEAD) {
            return ngx_mesh_prober_http_bad(h, "too large headers");
        }

        if (*p != LF) {

            if (h->nline < sizeof(h->line) - 1) {
                h->line[h->nline++] = *p;
            }

            continue;
        }

        if (h->nline && h->line[h->nline - 1] == CR) {
            h->nline--;
        }

        h->line[h->nline] = '\0';

        *pos = p + 1;

        rc = ngx_mesh_prober_http_take(h);

        h->nline = 0;

        return rc;
    }

    *pos = end;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_mesh_prober_http_take(ngx_mesh_prober_http_t *h)
{
    switch (h->state) {

    case NGX_MESH_PROBER_STATUS:
        return ngx_mesh_prober_http_status(h);

    case NGX_MESH_PROBER_HEADER:
        return h->nline ? ngx_mesh_prober_http_header(h)
                        : ngx_mesh_prober_http_body(h);

    case NGX_MESH_PROBER_CHUNK_SIZE:
        return ngx_mesh_prober_http_chunk(h);

    default: /* NGX_MESH_PROBER_TRAILER */
        return h->nline ? NGX_AGAIN : NGX_OK;
    }
}


static ngx_int_t
ngx_mesh_prober_http_status(ngx_mesh_prober_http_t *h)
{
    ngx_int_t  status;

    if (h->nline < sizeof("HTTP/1.1 200") - 1
        || ngx_strncmp(h->line, "HTTP/1.", 7) != 0
        || h->line[8] != ' '
        || (h->nline > 12 && h->line[12] != ' '))
    {
        return ngx_mesh_prober_http_bad(h, "no HTTP/1.x status line");
    }

    status = ngx_atoi(&h->line[9], 3);

    if (status < 100) {
        return ngx_mesh_prober_http_bad(h, "no HTTP/1.x status line");
    }

    h->status = status;
    h->state = NGX_MESH_PROBER_HEADER;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_mesh_prober_http_header(ngx_mesh_prober_http_t *h)
{
    off_t    length;
    u_char  *p, *last;

    last = h->line + h->nline;
    p = ngx_strlchr(h->line, last, ':');

    if (p == NULL) {
        return ngx_mesh_prober_http_bad(h, "an invalid header");
    }

    *p++ = '\0';

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (last > p && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    if (ngx_strcasecmp(h->line, (u_char *) "Content-Length") == 0) {

        length = ngx_atoof(p, last - p);

        if (length == NGX_ERROR) {
            return ngx_mesh_prober_http_bad(h, "an invalid Content-Length");
        }

        h->length = 1;
        h->rest = ngx_min(length, NGX_MESH_PROBER_BODY);

    } else if (ngx_strcasecmp(h->line, (u_char *) "Transfer-Encoding") == 0) {
        h->chunked = (last - p == 7
                      && ngx_strncasecmp(p, (u_char *) "chunked", 7) == 0);
    }

    return NGX_AGAIN;
}


/* the headers are complete */

static ngx_int_t
ngx_mesh_prober_http_body(ngx_mesh_prober_http_t *h)
{
    if (h->status < 200 && h->status != 101) {
        h->state = NGX_MESH_PROBER_STATUS;
        h->length = 0;
        h->chunked = 0;
        return NGX_AGAIN;
    }

    if (h->status != 200) {
        ngx_sprintf(h->reason, "answered %ui%Z", h->status);
        return NGX_DECLINED;
    }

    if (h->chunked) {
        h->state = NGX_MESH_PROBER_CHUNK_SIZE;
        return NGX_AGAIN;
    }

    if (!h->length) {
        h->state = NGX_MESH_PROBER_CLOSE;
        return NGX_AGAIN;
    }

    h->state = NGX_MESH_PROBER_LENGTH;

    return h->rest ? NGX_AGAIN : NGX_OK;
}


static ngx_int_t
ngx_mesh_prober_http_chunk(ngx_mesh_prober_http_t *h)
{
    size_t     n;
    ngx_int_t  size;

    for (n = 0; n < h->nline; n++) {
        if (h->line[n] == ';' || h->line[n] == ' ' || h->line[n] == '\t') {
            break;
        }
    }

    size = ngx_hextoi(h->line, n);

    if (size == NGX_ERROR) {
        return ngx_mesh_prober_http_bad(h, "an invalid chunk");
    }

    if (size == 0) {
        h->state = NGX_MESH_PROBER_TRAILER;
        return NGX_AGAIN;
    }

    /* and CRLF; who sends more than is read does not get to its end */

    h->state = NGX_MESH_PROBER_CHUNK;
    h->rest = ngx_min(size, NGX_MESH_PROBER_BODY) + 2;

    return NGX_AGAIN;
}


ngx_int_t
ngx_mesh_prober_http_end(ngx_mesh_prober_http_t *h)
{
    if (h->state == NGX_MESH_PROBER_CLOSE) {
        return NGX_OK;
    }

    (void) ngx_cpystrn(h->reason,
                       (u_char *) (h->status || h->head
                                   ? "closed the connection within its answer"
                                   : "closed the connection"),
                       NGX_MESH_PROBER_REASON);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mesh_prober_http_bad(ngx_mesh_prober_http_t *h, const char *reason)
{
    ngx_sprintf(h->reason, "answered with %s%Z", reason);

    return NGX_ERROR;
}
