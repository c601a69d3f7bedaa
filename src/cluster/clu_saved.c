/*
 * clu_saved -- see clu_saved.h.
 */
#include "cluster/clu_saved.h"

#include "base/base_mem.h"
#include "state/sto_path.h"
#include "time/clk.h"

#include <stdio.h>
#include <stdlib.h>

enum { INLINE_MAX = 1 << 20 };

/* -- the worker's end ------------------------------------------------------------------------------------------------ */

static bool is_small(const struct rt_snap *s) {
    for (size_t i = 0; i < s->n; i++)
        if (s->parts[i]->spool || s->parts[i]->failed != CEP_OK)
            return false;
    return s->n_dbs == 0 && rt_snap_bytes(s) <= INLINE_MAX;
}

/* The tables of a bundle, in the arena of its manifest. */
struct written {
    uint64_t id;
    struct sto_manifest m;
};

struct saved_task {
    struct sto_seen *seen;   /* owned; NULL: it has no database yet */
    struct written *bundles; /* owned; ascending: those that may be there, and the last one */
    size_t n, cap;
};

struct clu_saver {
    char *dir, *shared; /* owned */
    uint32_t attempt, n_tasks;
    struct saved_task *tasks; /* owned */
};

struct clu_saver *clu_saver_new(const char *dir, uint32_t attempt, uint32_t n_tasks) {
    struct clu_saver *v = base_calloc(1, sizeof *v);
    struct base_buf shared = BASE_BUF_INIT;
    base_buf_printf(&shared, "%s/shared", dir);
    v->dir = base_strdup(dir);
    v->shared = shared.p;
    v->attempt = attempt;
    v->n_tasks = n_tasks;
    v->tasks = base_calloc(n_tasks + (size_t)1, sizeof *v->tasks);
    return v;
}

void clu_saver_free(struct clu_saver *v) {
    if (!v)
        return;
    for (uint32_t t = 0; t < v->n_tasks; t++) {
        for (size_t i = 0; i < v->tasks[t].n; i++)
            sto_manifest_release(&v->tasks[t].bundles[i].m);
        base_free(v->tasks[t].bundles);
        sto_seen_free(v->tasks[t].seen);
    }
    base_free(v->tasks);
    base_free(v->dir);
    base_free(v->shared);
    base_free(v);
}

static void task_path(const struct clu_saver *v, uint32_t task, struct base_buf *b) {
    base_buf_clear(b);
    base_buf_printf(b, "%s/parts/a%u-t%u", v->dir, v->attempt, task);
}

/* Those that the coordinator has removed are nobody's, but the last. */
static void forget_removed(struct saved_task *t) {
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct written *w = &t->bundles[i];
        if (i + 1 < t->n && !sto_path_exists(w->m.dir.p))
            sto_manifest_release(&w->m);
        else
            t->bundles[n++] = *w;
    }
    t->n = n;
}

static bool is_named(const struct saved_task *t, struct sto_hash hash) {
    for (size_t i = 0; i < t->n; i++)
        if (sto_manifest_names(&t->bundles[i].m, hash))
            return true;
    return false;
}

/* What cannot be removed is when all of the task's is. */
static void sweep(struct saved_task *t, const char *shared) {
    struct base_buf names = BASE_BUF_INIT, path = BASE_BUF_INIT;
    struct sto_hash hash;
    size_t n = 0;
    forget_removed(t);
    enum cep_rc rc = sto_path_list(shared, &names, &n, NULL);
    const char *name = names.p;
    for (size_t i = 0; rc == CEP_OK && i < n; i++, name += strlen(name) + 1) {
        if (!sto_hash_read(name, &hash) || is_named(t, hash))
            continue;
        base_buf_clear(&path);
        base_buf_printf(&path, "%s/%s", shared, name);
        (void)sto_path_remove(path.p, NULL);
    }
    base_buf_release(&names);
    base_buf_release(&path);
}

static enum cep_rc write_bundle(struct clu_saver *v, const struct rt_saved *s, const char *path,
    const char *shared, uint64_t *added, struct cep_err *err) {
    struct saved_task *t = &v->tasks[s->task];
    struct sto_bundle *b = NULL;
    struct sto_manifest m;
    enum cep_rc rc = sto_bundle_begin(path, shared, "part", s->id, clk_now(clk_system()), &b, err);
    if (rc != CEP_OK)
        return rc;
    if (s->snap.n_dbs > 0 && !t->seen)
        t->seen = sto_seen_new();
    sto_bundle_reuse(b, v->shared, t->seen);
    rc = rt_snap_write(&s->snap, b, err);
    if (rc != CEP_OK) {
        sto_bundle_drop(b);
        return rc;
    }
    *added = sto_bundle_added(b);
    rc = sto_bundle_publish(b, &m, err);
    if (rc != CEP_OK)
        return rc;
    t->bundles = base_grow(t->bundles, t->n, &t->cap, sizeof *t->bundles);
    t->bundles[t->n++] = (struct written){ s->id, m };
    sweep(t, shared);
    return CEP_OK;
}

static enum cep_rc write_to(
    struct clu_saver *v, struct rt_saved *s, struct base_buf *path, uint64_t *added, struct cep_err *err) {
    struct base_buf shared = BASE_BUF_INIT;
    task_path(v, s->task, &shared);
    base_buf_puts(&shared, "/shared");
    task_path(v, s->task, path);
    base_buf_printf(path, "/chk-%08llu", (unsigned long long)s->id);
    enum cep_rc rc = sto_path_make(base_buf_cstr(&shared), err);
    if (rc == CEP_OK)
        rc = write_bundle(v, s, base_buf_cstr(path), shared.p, added, err);
    base_buf_release(&shared);
    return rc;
}

void clu_saved_send(struct clu_link *link, const Clu__Part *part, struct clu_saver *v, struct rt_saved *s) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Saved saved = CLU__SAVED__INIT;
    Clu__Error error = CLU__ERROR__INIT;
    struct base_buf path = BASE_BUF_INIT;
    ProtobufCBinaryData *parts = base_calloc(s->snap.n + 1, sizeof *parts);
    if (s->rc == CEP_OK && is_small(&s->snap)) {
        saved.parts = parts;
        for (; saved.n_parts < s->snap.n; saved.n_parts++) {
            struct base_str bytes = rt_part_view(s->snap.parts[saved.n_parts]);
            parts[saved.n_parts] = (ProtobufCBinaryData){ bytes.len, (uint8_t *)(uintptr_t)bytes.p };
        }
    } else if (s->rc == CEP_OK) {
        s->rc = write_to(v, s, &path, &saved.new_bytes, &s->err);
        saved.path = base_buf_cstr(&path);
    }
    if (s->rc != CEP_OK) {
        clu_link_pack_error(&s->err, &error);
        saved.error = &error;
    }
    saved.id = s->id;
    saved.task = s->task;
    saved.unaligned = s->unaligned;
    saved.flight_bytes = s->flight_bytes;
    saved.bytes = rt_snap_bytes(&s->snap);
    if (saved.n_parts > 0)
        saved.new_bytes = saved.bytes;
    saved.align_us = s->align_us;
    saved.pause_us = s->pause_us;
    saved.pause_cpu_us = s->pause_cpu_us;
    saved.barrier_us = s->barrier_us;
    saved.barrier_cpu_us = s->barrier_cpu_us;
    saved.save_us = s->save_us;
    msg.body_case = CLU__MSG__BODY_SAVED;
    msg.saved = &saved;
    msg.part = (Clu__Part *)(uintptr_t)part;
    (void)clu_link_send(link, &msg);
    base_free(parts);
    base_buf_release(&path);
}

/* -- the coordinator's end ------------------------------------------------------------------------------------------- */

static enum cep_rc read_bundle(const char *path, struct rt_snap *snap, struct cep_err *err) {
    struct sto_manifest m;
    enum cep_rc rc = sto_manifest_read(path, &m, err);
    if (rc != CEP_OK)
        return rc;
    rc = rt_snap_read(snap, &m, err);
    sto_manifest_release(&m);
    return rc;
}

struct rt_saved *clu_saved_read(const Clu__Saved *msg) {
    struct rt_saved *s = rt_saved_new(msg->id, msg->task);
    s->unaligned = msg->unaligned;
    s->flight_bytes = msg->flight_bytes;
    s->align_us = msg->align_us;
    s->pause_us = msg->pause_us;
    s->pause_cpu_us = msg->pause_cpu_us;
    s->barrier_us = msg->barrier_us;
    s->barrier_cpu_us = msg->barrier_cpu_us;
    s->save_us = msg->save_us;
    s->new_bytes = msg->new_bytes;
    if (msg->error)
        s->rc = clu_link_unpack_error(msg->error, &s->err);
    else if (msg->path && msg->path[0])
        s->rc = read_bundle(msg->path, &s->snap, &s->err);
    for (size_t i = 0; s->rc == CEP_OK && i < msg->n_parts; i++)
        s->rc = rt_snap_take(
            &s->snap, (struct base_str){ (const char *)msg->parts[i].data, msg->parts[i].len }, &s->err);
    return s;
}

/* The bundles of one task's attempt. */
static void remove_bundles(const char *dir, uint64_t up_to) {
    struct base_buf names = BASE_BUF_INIT, path = BASE_BUF_INIT;
    size_t n = 0;
    enum cep_rc rc = sto_path_list(dir, &names, &n, NULL);
    const char *name = names.p;
    for (size_t i = 0; rc == CEP_OK && i < n; i++, name += strlen(name) + 1) {
        unsigned long long id;
        if (sscanf(name, "chk-%llu", &id) != 1 || id > up_to)
            continue;
        base_buf_clear(&path);
        base_buf_printf(&path, "%s/%s", dir, name);
        (void)sto_path_remove(path.p, NULL);
    }
    base_buf_release(&names);
    base_buf_release(&path);
}

void clu_saved_remove(const char *dir, const bool *tasks, uint32_t n_tasks, uint64_t up_to) {
    struct base_buf parts = BASE_BUF_INIT, names = BASE_BUF_INIT, path = BASE_BUF_INIT;
    size_t n = 0;
    base_buf_printf(&parts, "%s/parts", dir);
    enum cep_rc rc = sto_path_exists(base_buf_cstr(&parts)) ? sto_path_list(parts.p, &names, &n, NULL)
                                                            : CEP_NONE;
    const char *name = names.p;
    for (size_t i = 0; rc == CEP_OK && i < n; i++, name += strlen(name) + 1) {
        unsigned a, t;
        if (sscanf(name, "a%u-t%u", &a, &t) != 2 || (tasks && (t >= n_tasks || !tasks[t])))
            continue;
        base_buf_clear(&path);
        base_buf_printf(&path, "%s/%s", parts.p, name);
        if (up_to == UINT64_MAX)
            (void)sto_path_remove(path.p, NULL);
        else
            remove_bundles(path.p, up_to);
    }
    base_buf_release(&parts);
    base_buf_release(&names);
    base_buf_release(&path);
}
