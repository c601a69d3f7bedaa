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

static enum cep_rc write_bundle(
    const struct rt_saved *s, const char *path, const char *shared, struct cep_err *err) {
    struct sto_bundle *b = NULL;
    enum cep_rc rc = sto_bundle_begin(path, shared, "part", s->id, clk_now(clk_system()), &b, err);
    if (rc != CEP_OK)
        return rc;
    rc = rt_snap_write(&s->snap, b, err);
    if (rc == CEP_OK)
        return sto_bundle_publish(b, NULL, err);
    sto_bundle_drop(b);
    return rc;
}

/* Tables go beside the bundle, in the folder that is removed with it. */
static enum cep_rc write_to(
    struct rt_saved *s, uint32_t attempt, const char *dir, struct base_buf *path, struct cep_err *err) {
    struct base_buf shared = BASE_BUF_INIT;
    base_buf_printf(path, "%s/parts/a%u-t%u-chk-%08llu", dir, attempt, s->task, (unsigned long long)s->id);
    base_buf_printf(&shared, "%s/shared", base_buf_cstr(path));
    base_buf_puts(path, "/part");
    enum cep_rc rc = sto_path_make(base_buf_cstr(&shared), err);
    if (rc == CEP_OK)
        rc = write_bundle(s, base_buf_cstr(path), shared.p, err);
    base_buf_release(&shared);
    return rc;
}

void clu_saved_send(struct clu_link *link, const Clu__Part *part, struct rt_saved *s, const char *dir) {
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
        s->rc = write_to(s, part->attempt, dir, &path, &s->err);
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
    saved.align_us = s->align_us;
    saved.pause_us = s->pause_us;
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
    s->save_us = msg->save_us;
    if (msg->error)
        s->rc = clu_link_unpack_error(msg->error, &s->err);
    else if (msg->path && msg->path[0])
        s->rc = read_bundle(msg->path, &s->snap, &s->err);
    for (size_t i = 0; s->rc == CEP_OK && i < msg->n_parts; i++)
        s->rc = rt_snap_take(
            &s->snap, (struct base_str){ (const char *)msg->parts[i].data, msg->parts[i].len }, &s->err);
    return s;
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
        unsigned long long id;
        if (sscanf(name, "a%u-t%u-chk-%llu", &a, &t, &id) != 3 || id > up_to ||
            (tasks && (t >= n_tasks || !tasks[t])))
            continue;
        base_buf_clear(&path);
        base_buf_printf(&path, "%s/%s", parts.p, name);
        (void)sto_path_remove(path.p, NULL);
    }
    base_buf_release(&parts);
    base_buf_release(&names);
    base_buf_release(&path);
}
