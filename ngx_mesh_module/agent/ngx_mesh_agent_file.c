
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The source that is a file.  It is looked at in a thread, at each interval.
 * One that is no valid document is refused once the file has been left alone
 * for an interval: before that it may be half of what somebody is writing.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_agent_source.h"


static ngx_int_t ngx_mesh_agent_file_cold(ngx_mesh_agent_t *ag);
static ngx_int_t ngx_mesh_agent_file_start(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_file_work(ngx_mesh_agent_t *ag);
static ngx_int_t ngx_mesh_agent_file_done(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_file_too_large(ngx_mesh_agent_t *ag);
static ngx_int_t ngx_mesh_agent_file_read(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_file_failed(ngx_mesh_agent_t *ag);
static ngx_uint_t ngx_mesh_agent_file_doubt(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_file_refused(ngx_mesh_agent_t *ag);
static void ngx_mesh_agent_file_stop(ngx_mesh_agent_t *ag);


const ngx_mesh_agent_source_t  ngx_mesh_agent_file = {
    NGX_MESH_SOURCE_FILE,
    ngx_mesh_agent_file_cold,
    ngx_mesh_agent_file_start,
    ngx_mesh_agent_file_work,
    ngx_mesh_agent_file_done,
    NULL,                                  /* accepted */
    ngx_mesh_agent_file_doubt,
    ngx_mesh_agent_file_refused,
    NULL,                                  /* decided */
    ngx_mesh_agent_file_stop
};


static ngx_int_t
ngx_mesh_agent_file_cold(ngx_mesh_agent_t *ag)
{
    ngx_mesh_file_read(&ag->file);

    return ngx_mesh_agent_file_done(ag);
}


static ngx_int_t
ngx_mesh_agent_file_start(ngx_mesh_agent_t *ag)
{
    return NGX_OK;
}


/* in a thread */

static void
ngx_mesh_agent_file_work(ngx_mesh_agent_t *ag)
{
    ngx_mesh_file_read(&ag->file);
}


static ngx_int_t
ngx_mesh_agent_file_done(ngx_mesh_agent_t *ag)
{
    ngx_mesh_file_t  *file;

    file = &ag->file;

    if (file->result == NGX_MESH_FILE_FAILED) {
        ngx_mesh_agent_file_failed(ag);
        return NGX_DECLINED;
    }

    ngx_mesh_agent_source_back(ag, "can be read");

    if (ag->agent) {
        ngx_mesh_shm_contact(ag->mcf->shm);
    }

    if (file->result == NGX_MESH_FILE_READ) {
        return ngx_mesh_agent_file_read(ag);
    }

    if (file->result == NGX_MESH_FILE_SAME
        && ag->seq
        && ag->seq != ngx_mesh_shm_seq(ag->mcf->shm))
    {
        /*
         * An agent of before a reload published what it was still validating:
         * the file is to be read again.
         */

        ngx_memzero(&file->known, sizeof(ngx_mesh_file_id_t));
    }

    if (file->result == NGX_MESH_FILE_TOO_LARGE
        && ngx_memcmp(&file->id, &ag->large, sizeof(ngx_mesh_file_id_t)) != 0)
    {
        ngx_mesh_agent_file_too_large(ag);
    }

    return NGX_DECLINED;
}


static void
ngx_mesh_agent_file_too_large(ngx_mesh_agent_t *ag)
{
    u_char     *p, *last, reason[NGX_MESH_SHM_REASON_LEN];
    ngx_str_t   s;

    ag->large = ag->file.id;

    last = reason + sizeof(reason);
    p = ngx_slprintf(reason, last, "%O bytes are more than "
                     "\"max_document_size\" allows, %uz",
                     ag->file.id.size, ag->file.max);

    s.data = reason;
    s.len = p - reason;

    ngx_mesh_agent_refuse(ag, &s);
}


static ngx_int_t
ngx_mesh_agent_file_read(ngx_mesh_agent_t *ag)
{
    ngx_int_t         rc;
    ngx_str_t         reason;
    ngx_mesh_file_t  *file;

    file = &ag->file;
    file->known = file->id;

    ag->text = file->text;
    ngx_str_null(&file->text);
    ngx_memcpy(ag->content, file->digest, NGX_MESH_DIGEST_LEN);

    if (file->young
        && ngx_memcmp(file->digest, ag->doubted, NGX_MESH_DIGEST_LEN) == 0)
    {
        (void) ngx_mesh_agent_file_doubt(ag);
        ngx_mesh_agent_drop(ag);
        return NGX_DECLINED;
    }

    if (ag->text.len == 0
        && ngx_memcmp(file->digest, ag->refused, NGX_MESH_DIGEST_LEN) != 0)
    {
        ngx_str_set(&reason, "the file is empty");

        if (!ngx_mesh_agent_file_doubt(ag)) {
            ngx_mesh_agent_refuse(ag, &reason);
        }

        ngx_mesh_agent_drop(ag);
        return NGX_DECLINED;
    }

    rc = ngx_mesh_agent_offer(ag);

    if (rc == NGX_ERROR) {
        ngx_memzero(&file->known, sizeof(ngx_mesh_file_id_t));
    }

    return rc;
}


static void
ngx_mesh_agent_file_failed(ngx_mesh_agent_t *ag)
{
    u_char           *p, *last, text[64];
    u_char            reason[NGX_MESH_SHM_REASON_LEN];
    ngx_str_t         s;
    ngx_mesh_file_t  *file;

    file = &ag->file;

    ngx_memzero(&file->known, sizeof(ngx_mesh_file_id_t));

    last = reason + sizeof(reason) - 1;

    if (file->err) {
        p = ngx_strerror(file->err, text, sizeof(text));
        s.data = text;
        s.len = p - text;

        p = ngx_slprintf(reason, last, "%s \"%V\" failed (%d: %V)",
                         file->call, &ag->acf->source, file->err, &s);

    } else {
        p = ngx_slprintf(reason, last, "\"%V\" is not a regular file",
                         &ag->acf->source);
    }

    s.data = reason;
    s.len = p - reason;

    ngx_mesh_agent_source_failed(ag, &s);
}


/*
 * May the content be half of one that is being written?  It is read again
 * then, but not validated as long as it is the same.
 */

static ngx_uint_t
ngx_mesh_agent_file_doubt(ngx_mesh_agent_t *ag)
{
    if (!ag->file.young) {
        return 0;
    }

    ngx_memcpy(ag->doubted, ag->file.digest, NGX_MESH_DIGEST_LEN);
    ngx_memzero(&ag->file.known, sizeof(ngx_mesh_file_id_t));

    return 1;
}


static void
ngx_mesh_agent_file_refused(ngx_mesh_agent_t *ag)
{
    if (ag->file.result == NGX_MESH_FILE_READ) {
        ngx_memcpy(ag->refused, ag->file.digest, NGX_MESH_DIGEST_LEN);
    }
}


/* what was read last may have been dropped: it is to be read again then */

static void
ngx_mesh_agent_file_stop(ngx_mesh_agent_t *ag)
{
    if (!ag->busy) {
        ngx_memzero(&ag->file.known, sizeof(ngx_mesh_file_id_t));
    }
}
