
/*
 * Copyright (C) nginx mesh contributors
 */

/* A mesh in memory; see mesh_unit_check.h. */


#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_mesh_appmesh.h>

#include "mesh_unit_check.h"
#include "mesh_unit_document.h"


typedef struct {
    ngx_mesh_unit_t          *u;
    ngx_mesh_store_t          store;
    ngx_mesh_store_engine_t   engine;
    ngx_array_t               entries;  /* of ngx_mesh_store_entry_t, sorted */
    uint64_t                  revision;
    ngx_uint_t                again;    /* checks that had to be run again */
} mesh_unit_world_t;


static ngx_str_t  mesh_unit_owner = ngx_string("111122223333");
static ngx_str_t  mesh_unit_mesh = ngx_string("m");


static void
mesh_unit_world_item(mesh_unit_world_t *w, ngx_mesh_store_item_t *item)
{
    ngx_uint_t               i, full;
    ngx_mesh_store_entry_t  *e;

    full = (item->type == NGX_MESH_STORE_GET);
    e = w->entries.elts;

    item->entries = ngx_pcalloc(w->u->pool, w->entries.nelts * sizeof(*e) + 1);
    item->count = 0;
    item->more = 0;

    for (i = 0; i < w->entries.nelts; i++) {

        if (e[i].key.len < item->key.len
            || (full && e[i].key.len != item->key.len)
            || ngx_memcmp(e[i].key.data, item->key.data, item->key.len) != 0)
        {
            continue;
        }

        if (item->limit && item->count == item->limit) {
            item->more = 1;
            break;
        }

        if (item->type != NGX_MESH_STORE_COUNT) {
            item->entries[item->count] = e[i];
        }

        item->count++;
    }
}


static void
mesh_unit_world_read(ngx_mesh_store_t *store, ngx_mesh_store_read_t *read)
{
    ngx_uint_t          i;
    mesh_unit_world_t  *w = store->data;

    for (i = 0; i < read->nitems; i++) {
        mesh_unit_world_item(w, &read->items[i]);
    }

    read->error = NGX_MESH_STORE_FINE;
    read->revision = w->revision;

    read->handler(read);
}


static ngx_mesh_store_snapshot_t *
mesh_unit_world_snapshot(ngx_mesh_store_t *store)
{
    return (ngx_mesh_store_snapshot_t *) store;
}


static void
mesh_unit_world_release(ngx_mesh_store_t *store,
    ngx_mesh_store_snapshot_t *snapshot)
{
    /* there is one state only */
}


static void
mesh_unit_world_init(mesh_unit_world_t *w, ngx_mesh_unit_t *u, ngx_uint_t sync)
{
    ngx_memzero(w, sizeof(mesh_unit_world_t));

    w->u = u;
    w->revision = 1;

    w->engine.name = "memory";
    w->engine.sync = sync;
    w->engine.read = mesh_unit_world_read;
    w->engine.snapshot = mesh_unit_world_snapshot;
    w->engine.release = mesh_unit_world_release;

    w->store.engine = &w->engine;
    w->store.data = w;

    (void) ngx_array_init(&w->entries, u->pool, 16,
                          sizeof(ngx_mesh_store_entry_t));
}


/* "value" NULL removes */

static void
mesh_unit_world_set(mesh_unit_world_t *w, ngx_str_t *key, ngx_str_t *value)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_mesh_store_entry_t  *e;

    rc = 1;
    e = w->entries.elts;

    for (i = 0; i < w->entries.nelts; i++) {
        rc = ngx_memn2cmp(e[i].key.data, key->data, e[i].key.len, key->len);

        if (rc >= 0) {
            break;
        }
    }

    if (i < w->entries.nelts && rc == 0 && value == NULL) {
        ngx_memmove(&e[i], &e[i + 1], (--w->entries.nelts - i) * sizeof(*e));
        return;
    }

    if (value == NULL) {
        return;
    }

    if (i == w->entries.nelts || rc != 0) {
        (void) ngx_array_push(&w->entries);
        e = w->entries.elts;
        ngx_memmove(&e[i + 1], &e[i],
                    (w->entries.nelts - 1 - i) * sizeof(*e));
    }

    e[i].key = *key;
    e[i].value = *value;
    e[i].revision = ++w->revision;
}


static void
mesh_unit_world_references(mesh_unit_world_t *w, ngx_mesh_id_t *id,
    ngx_mesh_json_t *spec, ngx_str_t *value)
{
    ngx_str_t       key;
    ngx_uint_t      i;
    ngx_array_t     targets;
    ngx_mesh_id_t  *to;

    if (spec == NULL) {
        return;
    }

    (void) ngx_array_init(&targets, w->u->pool, 4, sizeof(ngx_mesh_id_t));
    (void) ngx_mesh_references(w->u->pool, id, spec, &targets);

    to = targets.elts;

    for (i = 0; i < targets.nelts; i++) {
        (void) ngx_mesh_id_reference(w->u->pool, &to[i], id, &key);
        mesh_unit_world_set(w, &key, value);
    }
}


static void
mesh_unit_world_store(mesh_unit_world_t *w, ngx_mesh_id_t *id,
    ngx_mesh_json_t *spec, ngx_mesh_json_t *old)
{
    u_char     *p;
    ngx_str_t   key, text, value;

    ngx_str_null(&value);

    (void) ngx_mesh_id_key(w->u->pool, id, &key);
    mesh_unit_world_references(w, id, old, NULL);

    if (spec == NULL) {
        mesh_unit_world_set(w, &key, NULL);
        return;
    }

    mesh_unit_world_references(w, id, spec, &value);

    (void) ngx_mesh_json_print(w->u->pool, spec, &text);

    value.data = ngx_pnalloc(w->u->pool, text.len + 1024);

    p = ngx_sprintf(value.data, "{\"%s\":\"%V\"", id->kind->name, &id->name);

    if (id->parent.len) {
        p = ngx_sprintf(p, ",\"%s\":\"%V\"",
                        ngx_mesh_kinds[id->kind->parent].name, &id->parent);
    }

    p = ngx_sprintf(p, ",\"metadata\":{},\"spec\":%V,\"status\":{}}\n{}",
                    &text);

    value.len = p - value.data;

    mesh_unit_world_set(w, &key, &value);
}


/* what is stored can be loaded */

static void
mesh_unit_world_load(mesh_unit_world_t *w, ngx_uint_t step)
{
    u_char                  *p;
    ngx_str_t                text, line, prefix, error;
    ngx_uint_t               i, n, kind;
    ngx_mesh_id_t            id;
    ngx_mesh_store_entry_t  *e;

    text.data = ngx_pnalloc(w->u->pool, 65536);

    p = ngx_sprintf(text.data, "{\"meshDocument\":1,\"version\":\"1\","
                    "\"mesh\":{\"meshName\":\"m\"}");

    for (kind = NGX_MESH_KIND_VIRTUAL_NODE; kind < NGX_MESH_KINDS; kind++) {

        ngx_memzero(&id, sizeof(ngx_mesh_id_t));

        id.kind = &ngx_mesh_kinds[kind];
        id.owner = mesh_unit_owner;
        id.mesh = mesh_unit_mesh;

        (void) ngx_mesh_id_prefix(w->u->pool, &id, &prefix);

        p = ngx_sprintf(p, ",\"%s\":[", id.kind->list);

        e = w->entries.elts;

        for (i = 0, n = 0; i < w->entries.nelts; i++) {
            if (e[i].key.len > prefix.len
                && ngx_memcmp(e[i].key.data, prefix.data, prefix.len) == 0)
            {
                ngx_mesh_record_line(&e[i], &line);
                p = ngx_sprintf(p, "%s%V", n++ ? "," : "", &line);
            }
        }

        *p++ = ']';
    }

    *p++ = '}';
    text.len = p - text.data;

    ngx_str_null(&error);

    if (mesh_unit_load(w->u, NULL, &text, 0, &error) == NULL) {
        ngx_mesh_unit_ok(w->u, 0, __FILE__, __LINE__,
                         "step %ui: what is stored can be loaded: %V", step,
                         &error);
    }
}


static void
mesh_unit_world_fetched(ngx_mesh_view_t *view, void *data)
{
    mesh_unit_world_t *w = data;

    w->again++;
}


static ngx_int_t
mesh_unit_world_check(mesh_unit_world_t *w, ngx_mesh_check_t *check,
    ngx_mesh_json_t *spec, ngx_mesh_json_t **old)
{
    ngx_int_t          rc;
    ngx_mesh_record_t  record;

    *old = NULL;

    rc = ngx_mesh_record_get(check->view, check->pool, check->id, &record);

    if (rc == NGX_OK) {
        *old = record.spec;

    } else if (rc != NGX_DECLINED) {
        return rc;
    }

    if (spec == NULL) {
        return ngx_mesh_check_delete(check);
    }

    rc = ngx_mesh_check_spec(check, spec);

    return (rc == NGX_OK) ? ngx_mesh_check_put(check, spec, *old) : rc;
}


static void
mesh_unit_world_step(mesh_unit_world_t *w, mesh_unit_check_step_t *s,
    ngx_uint_t step)
{
    size_t             len;
    u_char            *p;
    ngx_int_t          rc;
    ngx_str_t          result;
    ngx_mesh_id_t      id;
    ngx_mesh_json_t   *spec, *old;
    ngx_mesh_check_t   check;

    ngx_memzero(&check, sizeof(ngx_mesh_check_t));
    ngx_memzero(&id, sizeof(ngx_mesh_id_t));

    id.kind = &ngx_mesh_kinds[s->kind];
    id.owner = mesh_unit_owner;
    id.mesh = mesh_unit_mesh;
    id.name.data = (u_char *) s->name;
    id.name.len = ngx_strlen(s->name);

    if (s->parent) {
        id.parent.data = (u_char *) s->parent;
        id.parent.len = ngx_strlen(s->parent);
    }

    spec = NULL;

    if (s->spec) {
        spec = mesh_unit_check_spec(w->u, s->kind, s->spec);
        (void) ngx_mesh_fill_defaults(w->u->pool, s->kind, spec);
    }

    check.pool = w->u->pool;
    check.view = ngx_mesh_view_create(w->u->pool, &w->store);
    check.id = &id;
    check.account = mesh_unit_owner;

    while ((rc = mesh_unit_world_check(w, &check, spec, &old)) == NGX_AGAIN) {
        ngx_mesh_view_fetch(check.view, mesh_unit_world_fetched, w);
    }

    ngx_str_null(&result);

    if (rc == NGX_OK) {
        mesh_unit_world_store(w, &id, spec, old);
        mesh_unit_world_load(w, step);

    } else if (rc == NGX_DECLINED) {
        result.data = ngx_pnalloc(w->u->pool, check.message.len + 128);
        p = ngx_sprintf(result.data, "%s: %V", check.error->name,
                        &check.message);
        result.len = p - result.data;

    } else {
        ngx_str_set(&result, "error");
    }

    len = ngx_strlen(s->result);

    if (len && result.len > len) {
        result.len = len;
    }

    ngx_mesh_unit_is_str(w->u, &result, s->result, __FILE__, __LINE__,
                         "step %ui: %s %s", step, id.kind->title, s->name);

    ngx_mesh_view_close(check.view);
}


void
mesh_unit_check_run(ngx_mesh_unit_t *u, mesh_unit_check_step_t *steps)
{
    ngx_uint_t         sync, i;
    mesh_unit_world_t  w;

    static mesh_unit_check_step_t  mesh = {
        NGX_MESH_KIND_MESH, NULL, "m", "{}", ""
    };

    for (sync = 0; sync < 2; sync++) {

        mesh_unit_world_init(&w, u, sync);
        mesh_unit_world_step(&w, &mesh, 0);

        for (i = 0; steps[i].name; i++) {
            mesh_unit_world_step(&w, &steps[i], i + 1);
        }

        ngx_mesh_unit_ok(u, (w.again == 0) == sync, __FILE__, __LINE__,
                         "run again %ui times, sync: %ui", w.again, sync);
    }
}


static ngx_int_t
mesh_unit_check_violation(void *data, ngx_mesh_json_t *value,
    ngx_str_t *reason)
{
    ngx_mesh_unit_t *u = data;

    ngx_mesh_unit_ok(u, 0, __FILE__, __LINE__, "the spec is valid: %V",
                     reason);

    return NGX_OK;
}


ngx_mesh_json_t *
mesh_unit_check_spec(ngx_mesh_unit_t *u, ngx_mesh_kind_e kind,
    const char *spec)
{
    u_char                  *p;
    size_t                   len;
    ngx_str_t                text, error;
    ngx_mesh_json_t         *value;
    ngx_mesh_shape_walk_t    walk;
    ngx_mesh_json_limits_t   limits = { 0, 0, 0, 0 };

    len = ngx_strlen(spec) + sizeof("{\"spec\":}");

    text.data = ngx_pnalloc(u->pool, len);
    p = ngx_sprintf(text.data, "{\"spec\":%s}", spec);
    text.len = p - text.data;

    value = ngx_mesh_json_parse(u->pool, &limits, &text, &error);

    if (value == NULL) {
        ngx_mesh_unit_ok(u, 0, __FILE__, __LINE__, "%s: %V", spec, &error);
        return NULL;
    }

    value = ngx_mesh_json_get(value, "spec");

    ngx_memzero(&walk, sizeof(ngx_mesh_shape_walk_t));

    walk.pool = u->pool;
    walk.error = mesh_unit_check_violation;
    walk.unknown = mesh_unit_check_violation;
    walk.data = u;

    (void) ngx_mesh_shape_validate(&walk, ngx_mesh_kinds[kind].spec, value);

    return value;
}


ngx_str_t *
mesh_unit_check_filled(ngx_mesh_unit_t *u, ngx_mesh_kind_e kind,
    const char *spec)
{
    ngx_str_t        *text;
    ngx_mesh_json_t  *value;

    value = mesh_unit_check_spec(u, kind, spec);
    text = ngx_pcalloc(u->pool, sizeof(ngx_str_t));

    if (ngx_mesh_fill_defaults(u->pool, kind, value) != NGX_OK
        || ngx_mesh_json_print(u->pool, value, text) != NGX_OK)
    {
        return NULL;
    }

    return text;
}
