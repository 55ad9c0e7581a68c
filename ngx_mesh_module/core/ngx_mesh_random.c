
/*
 * Copyright (C) nginx mesh contributors
 */

/* See the header. */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_mesh_random.h"


#define ngx_mesh_random_rotl(x, n)  ((x) << (n) | (x) >> (64 - (n)))


static void ngx_mesh_random_seed(void);
static ngx_inline uint64_t ngx_mesh_random_next(uint64_t *s);
static ngx_inline uint64_t ngx_mesh_random_nibbles(uint64_t value);
static ngx_inline uint64_t ngx_mesh_random_text(uint64_t nibbles);


static uint64_t   ngx_mesh_random_state[4];
static ngx_pid_t  ngx_mesh_random_pid;


uint64_t
ngx_mesh_random(void)
{
    if (ngx_mesh_random_pid != ngx_pid) {
        ngx_mesh_random_seed();
    }

    return ngx_mesh_random_next(ngx_mesh_random_state);
}


void
ngx_mesh_random_fill(uint64_t *to, ngx_uint_t n)
{
    uint64_t  s[4];

    if (ngx_mesh_random_pid != ngx_pid) {
        ngx_mesh_random_seed();
    }

    /* in registers meanwhile */

    ngx_memcpy(s, ngx_mesh_random_state, sizeof(s));

    while (n--) {
        *to++ = ngx_mesh_random_next(s);
    }

    ngx_memcpy(ngx_mesh_random_state, s, sizeof(s));
}


/* xoshiro256++ (Blackman and Vigna, 2019) */

static ngx_inline uint64_t
ngx_mesh_random_next(uint64_t *s)
{
    uint64_t  t, result;

    t = s[0] + s[3];
    result = ngx_mesh_random_rotl(t, 23) + s[0];

    t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];

    s[2] ^= t;
    s[3] = ngx_mesh_random_rotl(s[3], 45);

    return result;
}


static void
ngx_mesh_random_seed(void)
{
    ngx_uint_t  i;

    if (RAND_bytes((u_char *) ngx_mesh_random_state,
                   sizeof(ngx_mesh_random_state))
        != 1)
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0, "RAND_bytes() failed");

        for (i = 0; i < 4; i++) {
            ngx_mesh_random_state[i] ^= (uint64_t) ngx_random() << 32
                                        ^ (uint64_t) ngx_random();
        }
    }

    ngx_mesh_random_state[0] |= 1;
    ngx_mesh_random_pid = ngx_pid;
}


/*
 * Eight digits are made at once.  Which bit becomes which of them depends on
 * the order of bytes, and does not matter.
 */

u_char *
ngx_mesh_random_uuid(u_char *p)
{
    uint64_t  random[2], first, second, digits, keep, set;

    ngx_mesh_random_fill(random, 2);

    first = random[0];
    second = random[1];

    digits = ngx_mesh_random_text(ngx_mesh_random_nibbles(first >> 32));
    ngx_memcpy(p, &digits, 8);

    /* version 4 */

    ngx_memcpy(&keep, "\xf\xf\xf\xf\0\xf\xf\xf", 8);
    ngx_memcpy(&set, "\0\0\0\0\4\0\0\0", 8);

    digits = ngx_mesh_random_nibbles(first & 0xffffffff);
    digits = ngx_mesh_random_text((digits & keep) | set);

    p[8] = '-';
    ngx_memcpy(p + 9, &digits, 4);
    p[13] = '-';
    ngx_memcpy(p + 14, (u_char *) &digits + 4, 4);

    /* variant 10 */

    ngx_memcpy(&keep, "\3\xf\xf\xf\xf\xf\xf\xf", 8);
    ngx_memcpy(&set, "\x8\0\0\0\0\0\0\0", 8);

    digits = ngx_mesh_random_nibbles(second >> 32);
    digits = ngx_mesh_random_text((digits & keep) | set);

    p[18] = '-';
    ngx_memcpy(p + 19, &digits, 4);
    p[23] = '-';
    ngx_memcpy(p + 24, (u_char *) &digits + 4, 4);

    digits = ngx_mesh_random_text(ngx_mesh_random_nibbles(second
                                                          & 0xffffffff));
    ngx_memcpy(p + 28, &digits, 8);

    return p + NGX_MESH_UUID_TEXT_LEN;
}


/* each four of 32 bits in a byte of its own */

static ngx_inline uint64_t
ngx_mesh_random_nibbles(uint64_t value)
{
    value = (value | value << 16) & 0x0000ffff0000ffffULL;
    value = (value | value << 8) & 0x00ff00ff00ff00ffULL;

    return (value | value << 4) & 0x0f0f0f0f0f0f0f0fULL;
}


/* a digit gets 39 more if it is above 9: what lies between "9" and "a" */

static ngx_inline uint64_t
ngx_mesh_random_text(uint64_t nibbles)
{
    uint64_t  letters;

    letters = ((nibbles + 0x0606060606060606ULL) >> 4) & 0x0101010101010101ULL;

    return nibbles + 0x3030303030303030ULL + letters * 39;
}
