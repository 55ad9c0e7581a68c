
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
static u_char *ngx_mesh_random_hex(u_char *p, uint32_t value,
    ngx_uint_t digits);


static uint64_t   ngx_mesh_random_state[4];
static ngx_pid_t  ngx_mesh_random_pid;


/* xoshiro256++ (Blackman and Vigna, 2019) */

uint64_t
ngx_mesh_random(void)
{
    uint64_t  *s, t, result;

    if (ngx_mesh_random_pid != ngx_pid) {
        ngx_mesh_random_seed();
    }

    s = ngx_mesh_random_state;

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


u_char *
ngx_mesh_random_uuid(u_char *p)
{
    uint64_t  high, low;

    high = ngx_mesh_random();
    low = ngx_mesh_random();

    /* version 4, variant 10 */

    high = (high & ~((uint64_t) 0xf << 12)) | (uint64_t) 4 << 12;
    low = (low & ~((uint64_t) 3 << 62)) | (uint64_t) 2 << 62;

    p = ngx_mesh_random_hex(p, (uint32_t) (high >> 32), 8);
    *p++ = '-';
    p = ngx_mesh_random_hex(p, (uint32_t) high >> 16, 4);
    *p++ = '-';
    p = ngx_mesh_random_hex(p, (uint32_t) high & 0xffff, 4);
    *p++ = '-';
    p = ngx_mesh_random_hex(p, (uint32_t) (low >> 48), 4);
    *p++ = '-';
    p = ngx_mesh_random_hex(p, (uint32_t) (low >> 16), 8);

    return ngx_mesh_random_hex(p, (uint32_t) low & 0xffff, 4);
}


/*
 * All digits at once: each gets a byte, and 39 more if it is above 9, which is
 * what lies between "9" and "a".
 */

static u_char *
ngx_mesh_random_hex(u_char *p, uint32_t value, ngx_uint_t digits)
{
    uint64_t    x;
    ngx_uint_t  i;

    x = value;

    x = (x | x << 16) & 0x0000ffff0000ffffULL;
    x = (x | x << 8) & 0x00ff00ff00ff00ffULL;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fULL;

    x += 0x3030303030303030ULL
         + (((x + 0x0606060606060606ULL) >> 4) & 0x0101010101010101ULL) * 39;

    for (i = digits; i--; /* void */ ) {
        *p++ = (u_char) (x >> (8 * i));
    }

    return p;
}
