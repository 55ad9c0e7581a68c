
/*
 * Copyright (C) nginx mesh contributors
 */

/* See the header. */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/rand.h>

#include "ngx_mesh_uuid.h"


ngx_int_t
ngx_mesh_uuid(u_char *uuid)
{
    u_char      random[16];
    ngx_uint_t  i;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    random[6] = (u_char) ((random[6] & 0x0f) | 0x40);
    random[8] = (u_char) ((random[8] & 0x3f) | 0x80);

    for (i = 0; i < sizeof(random); i++) {

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *uuid++ = '-';
        }

        uuid = ngx_hex_dump(uuid, &random[i], 1);
    }

    return NGX_OK;
}
