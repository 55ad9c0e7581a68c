
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The agent and its sources.  The agent (ngx_mesh_agent.c) validates what a
 * source has found, publishes or refuses it and saves it; a source
 * (ngx_mesh_agent_file.c, ngx_mesh_agent_http.c) finds out what there is.
 * All of it runs in one worker, that has the lease.
 */


#ifndef _NGX_MESH_AGENT_SOURCE_H_INCLUDED_
#define _NGX_MESH_AGENT_SOURCE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_mesh_agent.h"
#include "ngx_mesh_file.h"
#include "ngx_mesh_snapshot.h"
#include "ngx_mesh_state.h"
#include "ngx_mesh_task.h"


#define NGX_MESH_AGENT_SOON     1       /* ms */
#define NGX_MESH_AGENT_REASONS  8       /* remembered, not to be logged again */


typedef struct ngx_mesh_agent_s         ngx_mesh_agent_t;
typedef struct ngx_mesh_agent_http_s    ngx_mesh_agent_http_t;


/* the functions that may be NULL are marked */

typedef struct {
    ngx_mesh_source_e        kind;

    /* before a worker serves: NGX_OK if there is a loader; or NULL */
    ngx_int_t              (*cold)(ngx_mesh_agent_t *ag);

    /* this worker is the agent now; NGX_ERROR: it cannot */
    ngx_int_t              (*start)(ngx_mesh_agent_t *ag);

    /* what is left to do in the thread; or NULL */
    void                   (*work)(ngx_mesh_agent_t *ag);

    /* what the thread did; NGX_OK if there is a loader; or NULL */
    ngx_int_t              (*done)(ngx_mesh_agent_t *ag);

    /* a document of this source is in force, as "seq"; or NULL */
    void                   (*accepted)(ngx_mesh_agent_t *ag,
                                       ngx_atomic_uint_t seq);

    /* it is not to be refused yet; or NULL */
    ngx_uint_t             (*doubt)(ngx_mesh_agent_t *ag);

    /* what was refused is to be remembered as that */
    void                   (*refused)(ngx_mesh_agent_t *ag);

    /* the loader is done with, one way or the other; or NULL */
    void                   (*decided)(ngx_mesh_agent_t *ag);

    /* this worker is not the agent any more; may come twice */
    void                   (*stop)(ngx_mesh_agent_t *ag);
} ngx_mesh_agent_source_t;


struct ngx_mesh_agent_s {
    void                          *ident[4];

    ngx_mesh_conf_t               *mcf;
    ngx_mesh_agent_conf_t         *acf;
    ngx_cycle_t                   *cycle;
    const ngx_mesh_agent_source_t *source;

    ngx_event_t                    lease;   /* timer: keep it, or wait for it */
    ngx_event_t                    timer;
    ngx_mesh_task_t                task;

    /* of the thread while a task runs */
    ngx_mesh_file_t                file;
    ngx_mesh_state_t               state;

    /* of the control plane */
    ngx_mesh_agent_http_t         *http;

    /* what is being validated, and its digest */
    ngx_mesh_loader_t             *loader;
    ngx_str_t                      text;
    u_char                         content[NGX_MESH_DIGEST_LEN];
    size_t                         touched; /* of the zone, for it */

    /* the shared document whose digest is "digest" */
    ngx_atomic_uint_t              seq;
    u_char                         digest[NGX_MESH_DIGEST_LEN];

    /* the content that was refused last, and the one in doubt */
    u_char                         refused[NGX_MESH_DIGEST_LEN];
    u_char                         doubted[NGX_MESH_DIGEST_LEN];
    ngx_mesh_file_id_t             large;

    ngx_atomic_uint_t              saving_seq;
    ngx_msec_t                     save_at;
    u_char                         version[NGX_MESH_SHM_VERSION_LEN];
    u_char                         state_error[NGX_MESH_STATE_ERROR_LEN];

    /* of errors that were logged since the source was well */
    uint32_t                       reasons[NGX_MESH_AGENT_REASONS];
    ngx_uint_t                     nreasons;

    unsigned                       first:1;     /* worker 0 */
    unsigned                       agent:1;     /* which logs */
    unsigned                       busy:1;      /* a task is in the thread */
    unsigned                       valid:1;     /* the loader has a model */
    unsigned                       over:1;      /* and it is decided */
    unsigned                       saving:1;    /* to write "state" */
    unsigned                       unsaved:1;
    unsigned                       source_failed:1;
};


/* --- ngx_mesh_agent.c --- */

/*
 * Is "text", of the digest "content", anything new?  NGX_OK: there is a loader
 * for it, and the timer drives it if ngx_mesh_agent_wake() was called;
 * NGX_DONE: it is in force; NGX_DECLINED: it is the one that was refused;
 * NGX_ERROR: memory is short.  But for NGX_OK "text" is freed.
 */
ngx_int_t ngx_mesh_agent_offer(ngx_mesh_agent_t *ag);
void ngx_mesh_agent_wake(ngx_mesh_agent_t *ag);
void ngx_mesh_agent_drop(ngx_mesh_agent_t *ag);

/* a loader for "text"; NGX_ERROR: memory is short, "text" is freed */
ngx_int_t ngx_mesh_agent_load(ngx_mesh_agent_t *ag);

/*
 * Publishes what the loader has made of "text"; with "only_first" only if there
 * is no document yet.  The caller drops the loader.
 */
void ngx_mesh_agent_accept(ngx_mesh_agent_t *ag, ngx_mesh_source_e source,
    ngx_uint_t only_first);

/* for contents that never became a document; "reason" without a path */
void ngx_mesh_agent_refuse(ngx_mesh_agent_t *ag, ngx_str_t *reason);

/* the source cannot be read, and again can */
void ngx_mesh_agent_source_failed(ngx_mesh_agent_t *ag, ngx_str_t *reason);
void ngx_mesh_agent_source_back(ngx_mesh_agent_t *ag, const char *what);

/* may this worker go on? */
ngx_uint_t ngx_mesh_agent_holds(ngx_mesh_agent_t *ag);


/* --- ngx_mesh_agent_save.c --- */

/* publishes the last-known-good document if there is none yet */
void ngx_mesh_agent_load_state(ngx_mesh_agent_t *ag);

/* NGX_OK: "state" is what a thread is to write; NGX_DECLINED: not now */
ngx_int_t ngx_mesh_agent_prepare_save(ngx_mesh_agent_t *ag);

/* it was written, or was not */
void ngx_mesh_agent_saved(ngx_mesh_agent_t *ag);


extern const ngx_mesh_agent_source_t  ngx_mesh_agent_file;
extern const ngx_mesh_agent_source_t  ngx_mesh_agent_http;


#endif /* _NGX_MESH_AGENT_SOURCE_H_INCLUDED_ */
