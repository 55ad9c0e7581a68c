
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
    uint64_t    random;
    ngx_uint_t  i;

    static const u_char  hex[] = "0123456789abcdef";

    random = ngx_mesh_random();

    for (i = 0; i < NGX_MESH_UUID_TEXT_LEN; i++) {

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            *p++ = '-';
            continue;
        }

        if (i == 19) {
            random = ngx_mesh_random();
        }

        if (i == 14) {
            *p++ = '4';
            continue;
        }

        if (i == 19) {
            *p++ = hex[8 | (random & 3)];

        } else {
            *p++ = hex[random & 0xf];
        }

        random >>= 4;
    }

    return p;
}
