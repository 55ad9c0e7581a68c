
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The shared zone: the document in force and what became of the last one.
 *
 * The master makes the zone, or takes over that of the cycle before, while old
 * workers use it: it only adds what is missing.  The agent publishes, every
 * worker copies out.  Both hold the slab mutex for the time of a copy, never
 * while a document is parsed.
 *
 * A process may be killed at any instruction.  The master then frees the mutex
 * of the dead one, so each change is made such that every prefix of it leaves
 * a state that works: the next document is complete before one store of "seq"
 * puts it in force, in memory that is set aside for it from the beginning.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh.h"
#include "ngx_mesh_shm_zone.h"


#define NGX_MESH_SHM_PAGES  16      /* touched in a step */


static ngx_int_t ngx_mesh_shm_init_zone(ngx_shm_zone_t *zone, void *data);
static ngx_mesh_shm_head_t *ngx_mesh_shm_make(ngx_slab_pool_t *shpool);
static ngx_uint_t ngx_mesh_shm_valid(ngx_mesh_shm_head_t *sh);
static ngx_shm_zone_t *ngx_mesh_shm_former(ngx_shm_zone_t *zone);
static void ngx_mesh_shm_take_over(ngx_mesh_shm_t *shm, ngx_shm_zone_t *zone);
static void ngx_mesh_shm_carry(ngx_mesh_shm_t *shm, ngx_mesh_shm_t *old,
    ngx_log_t *log);
static ngx_int_t ngx_mesh_shm_store(ngx_mesh_shm_document_t *doc,
    ngx_str_t *text);
static void ngx_mesh_shm_set(u_char *dst, size_t size, ngx_str_t *value);


ngx_mesh_shm_t *
ngx_mesh_shm_add(ngx_conf_t *cf, ngx_str_t *name, size_t size)
{
    ngx_mesh_shm_t  *shm;
    ngx_shm_zone_t  *zone;

    if (size < 8 * ngx_pagesize) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, it needs %uz bytes",
                           name, 8 * ngx_pagesize);
        return NULL;
    }

    shm = ngx_pcalloc(cf->pool, sizeof(ngx_mesh_shm_t));
    if (shm == NULL) {
        return NULL;
    }

    zone = ngx_shared_memory_add(cf, name, size, &ngx_mesh_module);
    if (zone == NULL) {
        return NULL;
    }

    if (zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate zone \"%V\"", name);
        return NULL;
    }

    zone->init = ngx_mesh_shm_init_zone;
    zone->data = shm;

    return shm;
}


static ngx_int_t
ngx_mesh_shm_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_mesh_shm_t *old = data;

    size_t           len;
    ngx_mesh_shm_t  *shm;

    shm = zone->data;

    if (old) {
        shm->sh = old->sh;
        shm->shpool = old->shpool;
        /* a single process keeps its slot over a reload */
        shm->slot = old->slot;
        shm->cycle = ++shm->sh->cycles;
        return NGX_OK;
    }

    shm->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists && ngx_mesh_shm_valid(shm->shpool->data)) {
        shm->sh = shm->shpool->data;
        shm->cycle = ++shm->sh->cycles;
        return NGX_OK;
    }

    len = sizeof(" in mesh zone \"\"") + zone->shm.name.len;

    shm->shpool->log_nomem = 0;
    shm->shpool->log_ctx = ngx_slab_alloc(shm->shpool, len);
    if (shm->shpool->log_ctx == NULL) {
        goto failed;
    }

    ngx_sprintf(shm->shpool->log_ctx, " in mesh zone \"%V\"%Z",
                &zone->shm.name);

    shm->sh = ngx_mesh_shm_make(shm->shpool);
    if (shm->sh == NULL) {
        goto failed;
    }

    shm->cycle = ++shm->sh->cycles;

    ngx_mesh_shm_take_over(shm, zone);

    return NGX_OK;

failed:

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "mesh zone \"%V\" of %uz bytes is too small",
                  &zone->shm.name, zone->shm.size);

    return NGX_ERROR;
}


ngx_mesh_shm_t *
ngx_mesh_shm_attach(ngx_pool_t *pool, ngx_slab_pool_t *shpool)
{
    ngx_mesh_shm_t  *shm;

    shm = ngx_pcalloc(pool, sizeof(ngx_mesh_shm_t));
    if (shm == NULL) {
        return NULL;
    }

    shm->shpool = shpool;
    shm->sh = shpool->data ? shpool->data : ngx_mesh_shm_make(shpool);

    if (shm->sh == NULL) {
        return NULL;
    }

    shm->cycle = ++shm->sh->cycles;

    return shm;
}


/* of what is left, three eighths are for each document, the rest for rows */

static ngx_mesh_shm_head_t *
ngx_mesh_shm_make(ngx_slab_pool_t *shpool)
{
    size_t                room;
    ngx_uint_t            i;
    ngx_mesh_shm_head_t  *sh;

    sh = ngx_slab_calloc(shpool, sizeof(ngx_mesh_shm_head_t));
    if (sh == NULL) {
        return NULL;
    }

    if (ngx_mesh_rows_init(sh, shpool) != NGX_OK) {
        return NULL;
    }

    room = shpool->pfree * 3 / 8 * ngx_pagesize;

    for (i = 0; i < 2; i++) {
        sh->documents[i].room = room;
        sh->documents[i].data = ngx_slab_alloc(shpool, room);

        if (sh->documents[i].data == NULL) {
            return NULL;
        }
    }

    sh->beat = ngx_current_msec;
    sh->magic = NGX_MESH_SHM_MAGIC;
    sh->layout = NGX_MESH_SHM_LAYOUT;
    sh->size = sizeof(ngx_mesh_shm_head_t);

    shpool->data = sh;

    return sh;
}


static ngx_uint_t
ngx_mesh_shm_valid(ngx_mesh_shm_head_t *sh)
{
    return sh != NULL
           && sh->magic == NGX_MESH_SHM_MAGIC
           && sh->layout == NGX_MESH_SHM_LAYOUT
           && sh->size == sizeof(ngx_mesh_shm_head_t);
}


/*
 * The zone of this name in the cycle before.  nginx does not hand it over
 * when the size changed, or when the module was loaded from a new file.
 */

static ngx_shm_zone_t *
ngx_mesh_shm_former(ngx_shm_zone_t *zone)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *old;
    ngx_list_part_t  *part;

    if (ngx_cycle == NULL || ngx_cycle->shared_memory.part.elts == NULL) {
        return NULL;
    }

    part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
    old = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            old = part->elts;
            i = 0;
        }

        if (&old[i] != zone
            && old[i].shm.addr != NULL
            && old[i].shm.name.len == zone->shm.name.len
            && ngx_strncmp(old[i].shm.name.data, zone->shm.name.data,
                           zone->shm.name.len)
               == 0)
        {
            return &old[i];
        }
    }
}


/*
 * The handle in old->data may be of another version of this file: only the
 * zone itself, which says what it is, is looked at.
 */

static void
ngx_mesh_shm_take_over(ngx_mesh_shm_t *shm, ngx_shm_zone_t *zone)
{
    u_char          *head, *start, *end;
    ngx_mesh_shm_t   former;
    ngx_shm_zone_t  *old;

    old = ngx_mesh_shm_former(zone);
    if (old == NULL) {
        return;
    }

    ngx_memzero(&former, sizeof(ngx_mesh_shm_t));

    former.shpool = (ngx_slab_pool_t *) old->shm.addr;
    former.sh = former.shpool->data;

    head = (u_char *) former.sh;
    start = old->shm.addr;
    end = start + old->shm.size;

    if (head < start
        || head + sizeof(ngx_mesh_shm_head_t) > end
        || !ngx_mesh_shm_valid(former.sh))
    {
        return;
    }

    ngx_mesh_shm_carry(shm, &former, zone->shm.log);
}


static void
ngx_mesh_shm_carry(ngx_mesh_shm_t *shm, ngx_mesh_shm_t *old, ngx_log_t *log)
{
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_atomic_uint_t         seq;
    ngx_mesh_shm_head_t      *sh;
    ngx_mesh_shm_status_t     status;
    ngx_mesh_shm_document_t  *doc;

    sh = shm->sh;

    ngx_mesh_shm_status(old, &status);

    sh->rejections = status.rejections;
    sh->rejected = status.rejected;
    ngx_memcpy(sh->rejected_version, status.rejected_version,
               NGX_MESH_SHM_VERSION_LEN);
    ngx_memcpy(sh->reason, status.reason, NGX_MESH_SHM_REASON_LEN);
    ngx_memcpy(sh->source_error, status.source_error, NGX_MESH_SHM_REASON_LEN);
    sh->contact = status.contact;
    sh->failing = status.failing;

    if (ngx_mesh_shm_document(old, &text, &seq, log) != NGX_OK) {
        return;
    }

    doc = &sh->documents[seq & 1];

    ngx_shmtx_lock(&shm->shpool->mutex);
    rc = ngx_mesh_shm_store(doc, &text);
    ngx_shmtx_unlock(&shm->shpool->mutex);

    ngx_free(text.data);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "mesh: the configuration in force, %uz bytes, does not "
                      "fit into the new zone and has to be read anew",
                      text.len);
        return;
    }

    doc->source = status.source;
    doc->applied = status.applied;
    ngx_memcpy(doc->version, status.version, NGX_MESH_SHM_VERSION_LEN);
    doc->origin = status.origin;

    sh->seq = seq;
}


ngx_atomic_uint_t
ngx_mesh_shm_seq(ngx_mesh_shm_t *shm)
{
    return shm->left ? 0 : shm->sh->seq;
}


ngx_int_t
ngx_mesh_shm_publish(ngx_mesh_shm_t *shm, ngx_str_t *text, ngx_str_t *version,
    ngx_mesh_source_e source, ngx_uint_t only_first, ngx_atomic_uint_t *seq)
{
    ngx_int_t                 rc;
    ngx_atomic_uint_t         next;
    ngx_mesh_shm_head_t      *sh;
    ngx_mesh_shm_document_t  *doc;

    sh = shm->sh;

    ngx_shmtx_lock(&shm->shpool->mutex);

    if (only_first && sh->seq != 0) {
        ngx_shmtx_unlock(&shm->shpool->mutex);
        return NGX_DECLINED;
    }

    next = sh->seq + 1;
    doc = &sh->documents[next & 1];

    rc = ngx_mesh_shm_store(doc, text);

    if (rc == NGX_OK) {
        doc->source = source;
        doc->applied = ngx_time();
        ngx_mesh_shm_set(doc->version, NGX_MESH_SHM_VERSION_LEN, version);
        ngx_memzero(&doc->origin, sizeof(ngx_mesh_origin_t));

        sh->barren = 0;

        ngx_memory_barrier();
        sh->seq = next;

        *seq = next;
    }

    ngx_shmtx_unlock(&shm->shpool->mutex);

    return rc;
}


/* a byte of a page is read: a worker may still read the document before */

ngx_int_t
ngx_mesh_shm_touch(ngx_mesh_shm_t *shm, size_t size, size_t *done)
{
    size_t                    end;
    ngx_mesh_shm_document_t  *doc;

    doc = &shm->sh->documents[(shm->sh->seq + 1) & 1];

    size = ngx_min(size, doc->room);
    end = ngx_min(*done + NGX_MESH_SHM_PAGES * ngx_pagesize, size);

    while (*done < end) {
        (void) *(volatile u_char *) (doc->data + *done);
        *done += ngx_pagesize;
    }

    return (*done < size) ? NGX_AGAIN : NGX_OK;
}


static ngx_int_t
ngx_mesh_shm_store(ngx_mesh_shm_document_t *doc, ngx_str_t *text)
{
    if (text->len > doc->room) {
        return NGX_ABORT;
    }

    ngx_memcpy(doc->data, text->data, text->len);
    doc->size = text->len;

    return NGX_OK;
}


ngx_int_t
ngx_mesh_shm_document(ngx_mesh_shm_t *shm, ngx_str_t *text,
    ngx_atomic_uint_t *seq, ngx_log_t *log)
{
    size_t                    room, size;
    ngx_mesh_shm_document_t  *doc;

    text->data = NULL;
    room = 0;

    for ( ;; ) {
        ngx_shmtx_lock(&shm->shpool->mutex);

        *seq = shm->sh->seq;
        doc = &shm->sh->documents[*seq & 1];
        size = doc->size;

        if (*seq == 0 || size <= room) {
            break;
        }

        /* memory is taken without the lock, the document may grow again */

        ngx_shmtx_unlock(&shm->shpool->mutex);

        if (text->data) {
            ngx_free(text->data);
        }

        text->data = ngx_alloc(size, log);
        if (text->data == NULL) {
            return NGX_ERROR;
        }

        room = size;
    }

    text->len = *seq ? size : 0;
    ngx_memcpy(text->data, doc->data, text->len);

    ngx_shmtx_unlock(&shm->shpool->mutex);

    return *seq ? NGX_OK : NGX_DECLINED;
}


void
ngx_mesh_shm_confirm(ngx_mesh_shm_t *shm, ngx_atomic_uint_t seq,
    ngx_mesh_source_e source)
{
    ngx_shmtx_lock(&shm->shpool->mutex);

    if (seq && shm->sh->seq == seq) {
        shm->sh->documents[seq & 1].source = source;
    }

    ngx_shmtx_unlock(&shm->shpool->mutex);
}


void
ngx_mesh_shm_reject(ngx_mesh_shm_t *shm, ngx_str_t *version,
    ngx_str_t *reason)
{
    ngx_mesh_shm_head_t  *sh;

    sh = shm->sh;

    ngx_shmtx_lock(&shm->shpool->mutex);

    sh->rejections++;
    sh->rejected = ngx_time();
    ngx_mesh_shm_set(sh->rejected_version, NGX_MESH_SHM_VERSION_LEN, version);
    ngx_mesh_shm_set(sh->reason, NGX_MESH_SHM_REASON_LEN, reason);

    ngx_shmtx_unlock(&shm->shpool->mutex);
}


void
ngx_mesh_shm_source_error(ngx_mesh_shm_t *shm, ngx_str_t *reason)
{
    ngx_shmtx_lock(&shm->shpool->mutex);

    ngx_mesh_shm_set(shm->sh->source_error, NGX_MESH_SHM_REASON_LEN, reason);

    if (reason->len == 0) {
        shm->sh->failing = 0;

    } else if (shm->sh->failing == 0) {
        shm->sh->failing = ngx_time();
    }

    ngx_shmtx_unlock(&shm->shpool->mutex);
}


void
ngx_mesh_shm_status(ngx_mesh_shm_t *shm, ngx_mesh_shm_status_t *status)
{
    ngx_mesh_shm_head_t      *sh;
    ngx_mesh_shm_document_t  *doc;

    sh = shm->sh;

    ngx_memzero(status, sizeof(ngx_mesh_shm_status_t));

    ngx_shmtx_lock(&shm->shpool->mutex);

    status->seq = sh->seq;

    if (status->seq) {
        doc = &sh->documents[status->seq & 1];

        status->source = doc->source;
        status->size = doc->size;
        status->applied = doc->applied;
        ngx_memcpy(status->version, doc->version, NGX_MESH_SHM_VERSION_LEN);
        status->origin = doc->origin;
    }

    status->rejections = sh->rejections;
    status->rejected = sh->rejected;
    ngx_memcpy(status->rejected_version, sh->rejected_version,
               NGX_MESH_SHM_VERSION_LEN);
    ngx_memcpy(status->reason, sh->reason, NGX_MESH_SHM_REASON_LEN);
    ngx_memcpy(status->source_error, sh->source_error,
               NGX_MESH_SHM_REASON_LEN);
    status->contact = sh->contact;
    status->failing = sh->failing;
    status->agent = (ngx_pid_t) sh->agent;

    ngx_shmtx_unlock(&shm->shpool->mutex);
}


/*
 * A string that may be cut, always with a NUL; a character of UTF-8 is not
 * cut into.
 */

static void
ngx_mesh_shm_set(u_char *dst, size_t size, ngx_str_t *value)
{
    size_t  n;

    n = value->len;

    if (n >= size) {
        n = size - 1;

        while (n && (value->data[n] & 0xc0) == 0x80) {
            n--;
        }
    }

    ngx_memcpy(dst, value->data, n);
    ngx_memzero(dst + n, size - n);
}
