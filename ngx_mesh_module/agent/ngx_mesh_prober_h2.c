
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The reading of HTTP/2 answers to checks.  There is one stream, whose request
 * is out before the first frame is read, so that little of RFC 9113 is needed:
 * frames are skipped but for header blocks, the beginning of a gRPC message,
 * and what has to be acknowledged.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_prober_answer.h"


#define NGX_MESH_PROBER_DATA           0x00
#define NGX_MESH_PROBER_HEADERS        0x01
#define NGX_MESH_PROBER_RST_STREAM     0x03
#define NGX_MESH_PROBER_SETTINGS       0x04
#define NGX_MESH_PROBER_PUSH_PROMISE   0x05
#define NGX_MESH_PROBER_PING           0x06
#define NGX_MESH_PROBER_GOAWAY         0x07
#define NGX_MESH_PROBER_CONTINUATION   0x09

#define NGX_MESH_PROBER_ACK            0x01
#define NGX_MESH_PROBER_END_STREAM     0x01
#define NGX_MESH_PROBER_END_HEADERS    0x04
#define NGX_MESH_PROBER_PADDED         0x08
#define NGX_MESH_PROBER_PRIORITY       0x20

#define NGX_MESH_PROBER_MAX_FRAME      16384
#define NGX_MESH_PROBER_MAX_FRAMES     1000
#define NGX_MESH_PROBER_MAX_REPLIES    6    /* SETTINGS and PING */


static ngx_int_t ngx_mesh_prober_h2_begin(ngx_mesh_prober_h2_t *h);
static ngx_int_t ngx_mesh_prober_h2_begin_stream(ngx_mesh_prober_h2_t *h,
    ngx_uint_t type, ngx_uint_t flags);
static ngx_int_t ngx_mesh_prober_h2_payload(ngx_mesh_prober_h2_t *h,
    u_char *data, size_t len);
static void ngx_mesh_prober_h2_message(ngx_mesh_prober_h2_t *h, u_char *data,
    size_t len);
static ngx_int_t ngx_mesh_prober_h2_done(ngx_mesh_prober_h2_t *h);
static ngx_int_t ngx_mesh_prober_h2_fields(ngx_mesh_prober_h2_t *h);
static ngx_int_t ngx_mesh_prober_h2_decide(ngx_mesh_prober_h2_t *h);
static ngx_int_t ngx_mesh_prober_h2_acknowledge(ngx_mesh_prober_h2_t *h);
static uint32_t ngx_mesh_prober_h2_number(u_char *p);
static ngx_int_t ngx_mesh_prober_h2_bad(ngx_mesh_prober_h2_t *h,
    const char *reason);


void
ngx_mesh_prober_h2_init(ngx_mesh_prober_h2_t *h, ngx_uint_t grpc)
{
    ngx_memzero(h, sizeof(ngx_mesh_prober_h2_t));

    h->grpc = grpc;
    h->grpc_status = -1;
}


ngx_int_t
ngx_mesh_prober_h2_feed(ngx_mesh_prober_h2_t *h, u_char *data, size_t len)
{
    size_t      n;
    u_char     *end;
    ngx_int_t   rc;

    end = data + len;

    for ( ;; ) {

        while (h->nhead < sizeof(h->head)) {

            if (data == end) {
                return NGX_AGAIN;
            }

            h->head[h->nhead++] = *data++;

            if (h->nhead == sizeof(h->head)) {
                rc = ngx_mesh_prober_h2_begin(h);

                if (rc != NGX_OK) {
                    return rc;
                }
            }
        }

        n = ngx_min((size_t) (end - data), h->rest);

        if (n) {
            rc = ngx_mesh_prober_h2_payload(h, data, n);

            if (rc != NGX_OK) {
                return rc;
            }

            data += n;
            h->rest -= n;
            h->taken += n;
        }

        if (h->rest) {
            return NGX_AGAIN;
        }

        h->nhead = 0;

        rc = ngx_mesh_prober_h2_done(h);

        if (rc != NGX_AGAIN) {
            return rc;
        }
    }
}


/* the header of a frame is there */

static ngx_int_t
ngx_mesh_prober_h2_begin(ngx_mesh_prober_h2_t *h)
{
    u_char      *p;
    uint32_t     stream;
    ngx_uint_t   type, flags;

    p = h->head;

    h->rest = ((size_t) p[0] << 16) + ((size_t) p[1] << 8) + p[2];
    h->taken = 0;
    h->padding = 0;

    type = p[3];
    flags = p[4];
    stream = ngx_mesh_prober_h2_number(&p[5]) & 0x7fffffff;

    if (h->frames == 0
        && (type != NGX_MESH_PROBER_SETTINGS || stream != 0
            || (flags & NGX_MESH_PROBER_ACK)))
    {
        return ngx_mesh_prober_h2_bad(h, "no HTTP/2");
    }

    if (h->rest > NGX_MESH_PROBER_MAX_FRAME) {
        return ngx_mesh_prober_h2_bad(h, "a too large frame");
    }

    if (++h->frames > NGX_MESH_PROBER_MAX_FRAMES) {
        return ngx_mesh_prober_h2_bad(h, "too many frames");
    }

    if (h->continued != (type == NGX_MESH_PROBER_CONTINUATION)
        || type == NGX_MESH_PROBER_PUSH_PROMISE)
    {
        return ngx_mesh_prober_h2_bad(h, "a frame out of place");
    }

    switch (type) {

    case NGX_MESH_PROBER_DATA:
    case NGX_MESH_PROBER_HEADERS:
    case NGX_MESH_PROBER_CONTINUATION:
    case NGX_MESH_PROBER_RST_STREAM:

        if (stream != 1) {
            return ngx_mesh_prober_h2_bad(h, "a stream nobody asked for");
        }

        return ngx_mesh_prober_h2_begin_stream(h, type, flags);

    case NGX_MESH_PROBER_SETTINGS:
    case NGX_MESH_PROBER_PING:
    case NGX_MESH_PROBER_GOAWAY:

        if (stream != 0
            || (type == NGX_MESH_PROBER_PING && h->rest != 8)
            || (type == NGX_MESH_PROBER_GOAWAY && h->rest < 8)
            || (type == NGX_MESH_PROBER_SETTINGS && h->rest % 6))
        {
            return ngx_mesh_prober_h2_bad(h, "an invalid frame");
        }

        h->nblock = 0;
        break;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_prober_h2_begin_stream(ngx_mesh_prober_h2_t *h, ngx_uint_t type,
    ngx_uint_t flags)
{
    if (type == NGX_MESH_PROBER_RST_STREAM && h->rest != 4) {
        return ngx_mesh_prober_h2_bad(h, "an invalid frame");
    }

    if (type == NGX_MESH_PROBER_DATA && h->status == 0) {
        return ngx_mesh_prober_h2_bad(h, "a frame out of place");
    }

    if (type == NGX_MESH_PROBER_HEADERS || type == NGX_MESH_PROBER_DATA) {
        h->last = (flags & NGX_MESH_PROBER_END_STREAM) ? 1 : 0;
    }

    /* a block of headers is gathered over several frames */

    if (type != NGX_MESH_PROBER_CONTINUATION) {
        h->nblock = 0;
    }

    return NGX_OK;
}


/* a part of a payload, not empty */

static ngx_int_t
ngx_mesh_prober_h2_payload(ngx_mesh_prober_h2_t *h, u_char *data, size_t len)
{
    size_t      n, skip;
    ngx_uint_t  type, flags;

    type = h->head[3];
    flags = h->head[4];
    skip = 0;

    if (type == NGX_MESH_PROBER_DATA || type == NGX_MESH_PROBER_HEADERS) {

        if (flags & NGX_MESH_PROBER_PADDED) {
            skip = 1;

            if (h->taken == 0) {
                h->padding = data[0];
            }
        }

        if (type == NGX_MESH_PROBER_HEADERS
            && (flags & NGX_MESH_PROBER_PRIORITY))
        {
            skip += 5;
        }

        if (skip + h->padding > h->taken + h->rest) {
            return ngx_mesh_prober_h2_bad(h, "an invalid frame");
        }
    }

    /* what of the part lies between the beginning and the padding */

    if (h->taken < skip) {
        n = ngx_min(skip - h->taken, len);

    } else {
        n = 0;
    }

    skip = n;
    n = ngx_min(len, h->rest - ngx_min(h->rest, h->padding));
    n -= ngx_min(n, skip);

    data += skip;

    if (type == NGX_MESH_PROBER_DATA) {
        h->body += n;
        ngx_mesh_prober_h2_message(h, data, n);
        return NGX_OK;
    }

    if (n > sizeof(h->block) - h->nblock) {

        if (type == NGX_MESH_PROBER_HEADERS
            || type == NGX_MESH_PROBER_CONTINUATION)
        {
            return ngx_mesh_prober_h2_bad(h, "too large headers");
        }

        n = sizeof(h->block) - h->nblock;
    }

    ngx_memcpy(&h->block[h->nblock], data, n);
    h->nblock += n;

    return NGX_OK;
}


static void
ngx_mesh_prober_h2_message(ngx_mesh_prober_h2_t *h, u_char *data, size_t len)
{
    len = ngx_min(len, sizeof(h->message) - h->nmessage);

    ngx_memcpy(&h->message[h->nmessage], data, len);
    h->nmessage += len;
}


/* a frame is complete; NGX_AGAIN: on to the next one */

static ngx_int_t
ngx_mesh_prober_h2_done(ngx_mesh_prober_h2_t *h)
{
    ngx_uint_t  type;

    type = h->head[3];

    switch (type) {

    case NGX_MESH_PROBER_SETTINGS:
    case NGX_MESH_PROBER_PING:
        return ngx_mesh_prober_h2_acknowledge(h);

    case NGX_MESH_PROBER_GOAWAY:

        if ((ngx_mesh_prober_h2_number(h->block) & 0x7fffffff) == 0) {
            ngx_sprintf(h->reason, "sent GOAWAY with error %uD%Z",
                        ngx_mesh_prober_h2_number(&h->block[4]));
            return NGX_ERROR;
        }

        return NGX_AGAIN;

    case NGX_MESH_PROBER_RST_STREAM:
        ngx_sprintf(h->reason, "reset the stream with error %uD%Z",
                    ngx_mesh_prober_h2_number(h->block));
        return NGX_ERROR;

    case NGX_MESH_PROBER_HEADERS:
    case NGX_MESH_PROBER_CONTINUATION:

        h->continued = (h->head[4] & NGX_MESH_PROBER_END_HEADERS) ? 0 : 1;

        return h->continued ? NGX_AGAIN : ngx_mesh_prober_h2_fields(h);

    case NGX_MESH_PROBER_DATA:

        if (h->last || h->body >= NGX_MESH_PROBER_BODY) {
            return ngx_mesh_prober_h2_decide(h);
        }

        return NGX_AGAIN;
    }

    return NGX_AGAIN;
}


/* a block of header fields is complete: of headers, or of trailers */

static ngx_int_t
ngx_mesh_prober_h2_fields(ngx_mesh_prober_h2_t *h)
{
    ngx_uint_t  status;

    status = 0;

    if (ngx_mesh_prober_hpack(h->block, h->block + h->nblock, &status,
                              &h->grpc_status)
        != NGX_OK)
    {
        return ngx_mesh_prober_h2_bad(h, "invalid headers");
    }

    if (h->status == 0) {

        if (status == 0) {
            return ngx_mesh_prober_h2_bad(h, "no status");
        }

        if (status < 200) {
            return h->last ? ngx_mesh_prober_h2_bad(h, "no final status")
                           : NGX_AGAIN;
        }

        h->status = status;
    }

    if (h->status != 200) {
        ngx_sprintf(h->reason, "answered %ui%Z", h->status);
        return NGX_DECLINED;
    }

    return h->last ? ngx_mesh_prober_h2_decide(h) : NGX_AGAIN;
}


/*
 * The end of the answer, whose status was 200.  A gRPC message has a flag and
 * a length of four bytes before it; that of a HealthCheckResponse is the tag of
 * its only field and a ServingStatus, of which 1 is SERVING.
 */

static ngx_int_t
ngx_mesh_prober_h2_decide(ngx_mesh_prober_h2_t *h)
{
    ngx_uint_t  serving;

    if (!h->grpc) {
        return NGX_OK;
    }

    if (h->grpc_status == -1) {
        ngx_sprintf(h->reason, "answered without grpc-status%Z");
        return NGX_DECLINED;
    }

    if (h->grpc_status != 0) {
        ngx_sprintf(h->reason, "answered grpc-status %i%Z", h->grpc_status);
        return NGX_DECLINED;
    }

    serving = 0;

    if (h->nmessage >= 7 && h->message[0] == 0 && h->message[5] == 0x08) {
        serving = h->message[6];
    }

    if (serving != 1) {
        ngx_sprintf(h->reason, "is not serving, its status is %ui%Z", serving);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mesh_prober_h2_acknowledge(ngx_mesh_prober_h2_t *h)
{
    size_t   len;
    u_char  *p;

    if (h->head[4] & NGX_MESH_PROBER_ACK) {
        return NGX_AGAIN;
    }

    len = (h->head[3] == NGX_MESH_PROBER_PING) ? 8 : 0;

    if (++h->replies > NGX_MESH_PROBER_MAX_REPLIES
        || h->nout + 9 + len > sizeof(h->out))
    {
        return ngx_mesh_prober_h2_bad(h, "too many frames");
    }

    p = &h->out[h->nout];

    ngx_memzero(p, 9);

    p[2] = (u_char) len;
    p[3] = h->head[3];
    p[4] = NGX_MESH_PROBER_ACK;

    ngx_memcpy(p + 9, h->block, len);

    h->nout += 9 + len;

    return NGX_AGAIN;
}


static uint32_t
ngx_mesh_prober_h2_number(u_char *p)
{
    return ((uint32_t) p[0] << 24) | ((uint32_t) p[1] << 16)
           | ((uint32_t) p[2] << 8) | p[3];
}


static ngx_int_t
ngx_mesh_prober_h2_bad(ngx_mesh_prober_h2_t *h, const char *reason)
{
    ngx_sprintf(h->reason, "answered with %s%Z", reason);

    return NGX_ERROR;
}
