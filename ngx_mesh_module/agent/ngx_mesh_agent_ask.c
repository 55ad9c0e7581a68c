
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * What the agent asks its control plane, and who it says it is.
 *
 *     GET /mesh/v1/meshes/MESH/virtualNodes/NODE/document HTTP/1.1
 *     User-Agent: nginx-mesh/VERSION
 *     Mesh-Proxy-Id: HOST-UUID
 *     Mesh-Applied: version in force
 *     Mesh-Rejected: version; reason
 *     If-None-Match: ETag of the newest known, in force or refused
 *     Prefer: wait=SECONDS
 *
 * and, if there are credentials, what Signature Version 4 asks for: of the
 * headers only Host and those of the signature itself are signed, so that a
 * proxy in between may add to the others.
 */


#include <ngx_config.h>
#include <ngx_core.h>


#include "ngx_mesh_agent_http.h"
#include "ngx_mesh_uuid.h"


#define NGX_MESH_AGENT_REJECTED    256      /* bytes of a reason, told */


static void ngx_mesh_agent_ask_credentials(ngx_mesh_credentials_wait_t *wait,
    ngx_mesh_sigv4_credentials_t *credentials, ngx_str_t *error);
static void ngx_mesh_agent_ask_send(ngx_mesh_agent_http_t *h);
static ngx_int_t ngx_mesh_agent_ask_headers(ngx_mesh_agent_http_t *h);
static ngx_int_t ngx_mesh_agent_ask_rejected(ngx_mesh_agent_http_t *h,
    ngx_mesh_shm_status_t *status);
static ngx_int_t ngx_mesh_agent_ask_condition(ngx_mesh_agent_http_t *h,
    ngx_mesh_shm_status_t *status);
static ngx_int_t ngx_mesh_agent_ask_sign(ngx_mesh_agent_http_t *h,
    ngx_mesh_sigv4_credentials_t *credentials);
static void ngx_mesh_agent_ask_split(ngx_mesh_agent_http_t *h,
    ngx_mesh_sigv4_request_t *rq);
static ngx_int_t ngx_mesh_agent_ask_add(ngx_mesh_agent_http_t *h,
    const char *name, u_char *value, size_t len);
static ngx_int_t ngx_mesh_agent_uuid_read(ngx_mesh_agent_t *ag, u_char *uuid);
static void ngx_mesh_agent_uuid_write(ngx_mesh_agent_t *ag, u_char *uuid);


void
ngx_mesh_agent_ask(ngx_mesh_agent_http_t *h)
{
    ngx_str_t  reason;

    h->pool = ngx_create_pool(4096, h->agent->cycle->log);

    if (h->pool == NULL || ngx_mesh_agent_ask_headers(h) != NGX_OK) {

        if (h->pool) {
            ngx_destroy_pool(h->pool);
            h->pool = NULL;
        }

        ngx_str_set(&reason, "no memory");
        ngx_mesh_agent_http_failed(h, &reason);
        return;
    }

    if (h->chain == NULL) {
        ngx_mesh_agent_ask_send(h);
        return;
    }

    h->wait.handler = ngx_mesh_agent_ask_credentials;
    h->wait.data = h;

    ngx_mesh_credentials_get(h->chain, &h->wait);
}


static void
ngx_mesh_agent_ask_credentials(ngx_mesh_credentials_wait_t *wait,
    ngx_mesh_sigv4_credentials_t *credentials, ngx_str_t *error)
{
    ngx_str_t               reason;
    ngx_mesh_agent_http_t  *h;

    h = wait->data;

    if (credentials
        && ngx_mesh_agent_ask_sign(h, credentials) == NGX_OK)
    {
        ngx_mesh_agent_ask_send(h);
        return;
    }

    ngx_destroy_pool(h->pool);
    h->pool = NULL;

    if (credentials) {
        ngx_str_set(&reason, "the request was not signed");
        error = &reason;
    }

    ngx_mesh_agent_http_failed(h, error);
}


static void
ngx_mesh_agent_ask_send(ngx_mesh_agent_http_t *h)
{
    ngx_mesh_control_conf_t    *ctl;
    ngx_mesh_client_request_t  *rq;

    ctl = &h->agent->mcf->control;
    rq = &h->request;

    ngx_str_set(&rq->method, "GET");
    rq->uri = ctl->uri;
    rq->headers = h->headers;
    rq->max_body = h->agent->mcf->max_document;
    rq->wait = h->held;
    rq->deadline = ctl->deadline + rq->wait;
    rq->handler = ngx_mesh_agent_http_answered;
    rq->data = h;

    ngx_mesh_client_start(h->client, rq);
}


static ngx_int_t
ngx_mesh_agent_ask_headers(ngx_mesh_agent_http_t *h)
{
    ngx_mesh_shm_status_t  *status;

    static u_char  agent[] = "nginx-mesh/" NGX_MESH_VERSION;
    static u_char  accept[] = "application/json";

    status = ngx_palloc(h->pool, sizeof(ngx_mesh_shm_status_t));
    if (status == NULL) {
        return NGX_ERROR;
    }

    ngx_mesh_shm_status(h->agent->mcf->shm, status);

    h->request.nheaders = 0;

    if (ngx_mesh_agent_ask_add(h, "User-Agent", agent, sizeof(agent) - 1)
        != NGX_OK
        || ngx_mesh_agent_ask_add(h, "Accept", accept, sizeof(accept) - 1)
           != NGX_OK
        || ngx_mesh_agent_ask_add(h, "Mesh-Proxy-Id", h->id, h->id_len)
           != NGX_OK
        || (status->seq
            && ngx_mesh_agent_ask_add(h, "Mesh-Applied", status->version,
                                      ngx_strlen(status->version))
               != NGX_OK)
        || ngx_mesh_agent_ask_rejected(h, status) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mesh_agent_ask_condition(h, status);
}


/* while what was refused is the newest there is */

static ngx_int_t
ngx_mesh_agent_ask_rejected(ngx_mesh_agent_http_t *h,
    ngx_mesh_shm_status_t *status)
{
    u_char  *p, buf[NGX_MESH_SHM_VERSION_LEN + NGX_MESH_AGENT_REJECTED];

    if (!h->refused) {
        return NGX_OK;
    }

    /* garbage has no version, but it may have an ETag */

    p = ngx_slprintf(buf, buf + sizeof(buf), "%s; %s",
                     status->rejected_version[0] ? status->rejected_version
                                                 : h->refused_etag,
                     status->reason);

    return ngx_mesh_agent_ask_add(h, "Mesh-Rejected", buf, p - buf);
}


static ngx_int_t
ngx_mesh_agent_ask_condition(ngx_mesh_agent_http_t *h,
    ngx_mesh_shm_status_t *status)
{
    u_char  *p, *etag, buf[sizeof("wait=") + NGX_INT_T_LEN];

    etag = h->refused ? h->refused_etag : status->origin.etag;

    h->conditional = (etag[0] != '\0');
    h->held = 0;

    if (!h->conditional) {
        return NGX_OK;
    }

    if (ngx_mesh_agent_ask_add(h, "If-None-Match", etag, ngx_strlen(etag))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* after errors, or a start from the disk, it is good to know soon */

    if (h->agent->mcf->control.wait == 0
        || h->agent->source_failed
        || status->source == NGX_MESH_SOURCE_LAST_KNOWN_GOOD)
    {
        return NGX_OK;
    }

    h->held = h->agent->mcf->control.wait;

    p = ngx_sprintf(buf, "wait=%M", h->held / 1000);

    return ngx_mesh_agent_ask_add(h, "Prefer", buf, p - buf);
}


static ngx_int_t
ngx_mesh_agent_ask_sign(ngx_mesh_agent_http_t *h,
    ngx_mesh_sigv4_credentials_t *credentials)
{
    u_char                     date[NGX_MESH_SIGV4_DATE_LEN];
    u_char                     hash[NGX_MESH_SIGV4_HEX_LEN];
    ngx_str_t                  empty, authorization;
    ngx_mesh_sigv4_scope_t     scope;
    ngx_mesh_sigv4_header_t    headers[3];
    ngx_mesh_sigv4_request_t   rq;

    ngx_memzero(&rq, sizeof(ngx_mesh_sigv4_request_t));

    ngx_str_null(&empty);

    if (ngx_mesh_sigv4_hash(&empty, hash) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_mesh_sigv4_date(ngx_time(), date);

    ngx_str_set(&headers[0].name, "host");
    headers[0].value = h->agent->mcf->control.url.authority;

    ngx_str_set(&headers[1].name, "x-amz-date");
    headers[1].value.data = date;
    headers[1].value.len = sizeof(date);

    ngx_str_set(&headers[2].name, "x-amz-security-token");
    headers[2].value = credentials->token;

    scope.date = headers[1].value;
    scope.region = h->agent->acf->credentials.region;
    scope.service = h->agent->acf->credentials.service;

    ngx_str_set(&rq.method, "GET");
    rq.headers = headers;
    rq.nheaders = credentials->token.len ? 3 : 2;
    rq.payload_hash.data = hash;
    rq.payload_hash.len = sizeof(hash);

    ngx_mesh_agent_ask_split(h, &rq);

    if (ngx_mesh_sigv4_sign(h->pool, &rq, &scope, credentials, &authorization)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_mesh_agent_ask_add(h, "X-Amz-Date", date, sizeof(date)) != NGX_OK
        || (credentials->token.len
            && ngx_mesh_agent_ask_add(h, "X-Amz-Security-Token",
                                      credentials->token.data,
                                      credentials->token.len)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_mesh_agent_ask_add(h, "Authorization", authorization.data,
                                  authorization.len);
}


static void
ngx_mesh_agent_ask_split(ngx_mesh_agent_http_t *h,
    ngx_mesh_sigv4_request_t *rq)
{
    u_char     *p;
    ngx_str_t  *uri;

    uri = &h->agent->mcf->control.uri;

    rq->path = *uri;

    p = ngx_strlchr(uri->data, uri->data + uri->len, '?');

    if (p) {
        rq->path.len = p - uri->data;
        rq->args.data = p + 1;
        rq->args.len = uri->data + uri->len - rq->args.data;
    }
}


/* what could end a header, or is not ASCII, is not sent */

static ngx_int_t
ngx_mesh_agent_ask_add(ngx_mesh_agent_http_t *h, const char *name,
    u_char *value, size_t len)
{
    size_t                     i;
    ngx_mesh_client_header_t  *header;

    header = &h->headers[h->request.nheaders++];

    header->name.data = (u_char *) name;
    header->name.len = ngx_strlen(name);

    header->value.len = len;
    header->value.data = ngx_pnalloc(h->pool, len);

    if (header->value.data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < len; i++) {
        header->value.data[i] = (value[i] < ' ' || value[i] >= 0x7f)
                                ? '?' : value[i];
    }

    return NGX_OK;
}


/*
 * The name of the host says where, the UUID makes it one of its own for as
 * long as the state directory lasts, else until nginx is started anew.
 */

void
ngx_mesh_agent_identify(ngx_mesh_agent_http_t *h)
{
    u_char             uuid[NGX_MESH_SHM_NAME_LEN];
    ngx_mesh_agent_t  *ag;

    ag = h->agent;

    ngx_memzero(uuid, sizeof(uuid));

    if (ngx_mesh_agent_uuid_read(ag, uuid) != NGX_OK
        && ngx_mesh_uuid(uuid) == NGX_OK)
    {
        ngx_mesh_shm_name(ag->mcf->shm, uuid);
        ngx_mesh_agent_uuid_write(ag, uuid);
    }

    h->id_len = ngx_snprintf(h->id, sizeof(h->id), "%*s-%s",
                             ngx_min(ag->cycle->hostname.len, 200),
                             ag->cycle->hostname.data, uuid)
                - h->id;
}


static ngx_int_t
ngx_mesh_agent_uuid_read(ngx_mesh_agent_t *ag, u_char *uuid)
{
    u_char     *p;
    ngx_fd_t    fd;
    ngx_int_t   rc;

    if (ag->acf->id.len == 0) {
        return NGX_DECLINED;
    }

    fd = ngx_open_file(ag->acf->id.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return NGX_DECLINED;
    }

    rc = ngx_mesh_file_read_fd(fd, uuid, NGX_MESH_UUID_LEN);

    (void) ngx_close_file(fd);

    for (p = uuid; rc == NGX_OK && p < uuid + NGX_MESH_UUID_LEN; p++) {
        if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')
              || *p == '-'))
        {
            rc = NGX_DECLINED;
        }
    }

    return rc;
}


/* what fails here fails for the last-known-good file too, which tells */

static void
ngx_mesh_agent_uuid_write(ngx_mesh_agent_t *ag, u_char *uuid)
{
    ngx_fd_t  fd;

    if (ag->acf->id.len == 0) {
        return;
    }

    fd = ngx_open_file(ag->acf->id.data, NGX_FILE_WRONLY, NGX_FILE_TRUNCATE,
                       0600);

    if (fd == NGX_INVALID_FILE) {
        return;
    }

    (void) ngx_write_fd(fd, uuid, NGX_MESH_UUID_LEN);
    (void) ngx_close_file(fd);
}
