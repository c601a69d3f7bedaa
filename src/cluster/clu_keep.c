/*
 * clu_keep -- see clu_keep.h.
 */
#include "cluster/clu_keep.h"

#include "cluster/clu_restart.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "state/sto_path.h"
#include "time/clk.h"

enum { RETAINED_MAX = 1000, CONCURRENT_MAX = 100, JOB_ID_PART = 6 };

static void say(const struct clu_keep *k, enum con_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const struct clu_keep *k, enum con_level level, const char *fmt, ...) {
    struct base_buf b = BASE_BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    base_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    if (k->log)
        k->log(k->log_arg, level, base_buf_cstr(&b));
    base_buf_release(&b);
}

/* -- what is asked for -------------------------------------------------------------------------------------------- */

enum cep_rc clu_keep_check(const struct clu_keep *k, const struct clu_config *c, struct cep_err *err) {
    if (k->fresh && k->restore)
        return base_err_set(
            err, CEP_EINVAL, "--fresh starts over and --restore goes on: only one of them can be meant");
    if (k->fresh && !k->dir)
        return base_err_set(err, CEP_EINVAL, "--fresh means nothing without --state-dir");
    if (k->restore && strcmp(k->restore, "latest") == 0 && !k->dir) {
        base_err_set(err, CEP_EINVAL, "--restore latest does not say of what");
        base_err_hint(err, "--state-dir DIR names the folder that the job was run with");
        return CEP_EINVAL;
    }
    if (k->allow_dropped && !k->restore)
        return base_err_set(err, CEP_EINVAL, "--allow-dropped-state means nothing without --restore");
    static const enum clu_config_key needs_dir[] = { CLU_CFG_CP_INTERVAL, CLU_CFG_CP_TIMEOUT,
        CLU_CFG_CP_PAUSE, CLU_CFG_CP_CONCURRENT, CLU_CFG_CP_MODE, CLU_CFG_CP_ALIGN };
    for (size_t i = 0; i < sizeof needs_dir / sizeof *needs_dir && !k->dir; i++) {
        const char *from = c->from[needs_dir[i]];
        if (!from)
            continue;
        base_err_set(err, CEP_EINVAL, "%s: checkpoints need a folder", from);
        base_err_hint(err, "--state-dir DIR says where they lie");
        return CEP_EINVAL;
    }
    return CEP_OK;
}

static enum cep_rc read_mode(struct clu_keep *k, const struct clu_config *c, struct cep_err *err) {
    const char *mode = c->values[CLU_CFG_CP_MODE];
    k->alignment_us = 0;
    if (strcmp(mode, "aligned") == 0)
        return clu_config_duration(c, CLU_CFG_CP_ALIGN, &k->alignment_us, err);
    if (strcmp(mode, "unaligned") != 0)
        return clu_config_bad(c, CLU_CFG_CP_MODE, "\"aligned\" or \"unaligned\"", err);
    if (!c->from[CLU_CFG_CP_ALIGN])
        return CEP_OK;
    base_err_set(err, CEP_EINVAL,
        "%s: \"checkpoint.alignment-timeout\" means nothing to checkpoint.mode unaligned",
        c->from[CLU_CFG_CP_ALIGN]);
    base_err_hint(err, "unaligned barriers wait for nothing");
    return CEP_EINVAL;
}

static enum cep_rc read_numbers(struct clu_keep *k, const struct clu_config *c, struct cep_err *err) {
    int64_t retained = 1, concurrent = 1;
    enum cep_rc rc = clu_config_int(c, CLU_CFG_CP_RETAINED, 1, RETAINED_MAX, &retained, err);
    if (rc == CEP_OK)
        rc = clu_config_int(c, CLU_CFG_CP_CONCURRENT, 1, CONCURRENT_MAX, &concurrent, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(c, CLU_CFG_CP_INTERVAL, &k->every_us, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(c, CLU_CFG_CP_TIMEOUT, &k->timeout_us, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(c, CLU_CFG_CP_PAUSE, &k->pause_us, err);
    if (rc == CEP_OK)
        rc = read_mode(k, c, err);
    if (rc == CEP_OK && k->timeout_us == 0)
        rc = clu_config_bad(c, CLU_CFG_CP_TIMEOUT, "a duration above 0", err);
    k->retained = (uint32_t)retained;
    k->concurrent = (uint32_t)concurrent;
    return rc == CEP_OK ? clu_restart_config(c, k->dir != NULL, &k->restart, err) : rc;
}

enum cep_rc clu_keep_config(struct clu_keep *k, const struct clu_config *c, struct cep_err *err) {
    const char *state_dir = c->values[CLU_CFG_STATE_DIR], *dir = c->values[CLU_CFG_CP_DIR];
    *k = (struct clu_keep){ .dir = NULL };
    rt_snap_init(&k->snap);
    sto_losses_init(&k->losses);
    if (*state_dir) {
        struct base_buf b = BASE_BUF_INIT;
        base_buf_printf(&b, "%s/db", state_dir);
        k->state_dir = base_strdup(state_dir);
        k->work_dir = base_strdup(base_buf_cstr(&b));
        base_buf_release(&b);
    }
    if (*dir) {
        k->dir = base_strdup(dir);
    } else if (*state_dir) {
        struct base_buf b = BASE_BUF_INIT;
        base_buf_printf(&b, "%s/checkpoints", state_dir);
        k->dir = base_strdup(base_buf_cstr(&b));
        base_buf_release(&b);
    }
    return read_numbers(k, c, err);
}

/* -- the folder --------------------------------------------------------------------------------------------------- */

static enum cep_rc open_store(struct clu_keep *k, struct cep_err *err) {
    bool used = sto_store_is_used(k->dir);
    if (used && !k->restore && !k->fresh) {
        base_err_set(
            err, CEP_EINVAL, "\"%s\" holds the state of a job", k->state_dir ? k->state_dir : k->dir);
        base_err_hint(err, "--restore latest goes on from it, --fresh forgets it and starts over");
        return CEP_EINVAL;
    }
    enum cep_rc rc = sto_store_open(k->dir, k->retained, &k->store, err);
    return rc == CEP_OK && k->fresh ? sto_store_clear(k->store, err) : rc;
}

/* -- what a run goes on from -------------------------------------------------------------------------------------- */

static void on_damaged(void *arg, uint64_t id, const struct cep_err *why) {
    struct clu_keep *k = arg;
    say(k, CON_LEVEL_ERROR, "checkpoint %llu is damaged and is not used: %s", (unsigned long long)id,
        why->message);
}

static enum cep_rc nothing_there(const struct clu_keep *k, bool begun, struct cep_err *err) {
    if (sto_store_n(k->store) > 0) {
        base_err_set(err, CEP_EDAMAGED, "no checkpoint in \"%s\" is whole", k->dir);
        base_err_hint(err, "--fresh starts over");
        return CEP_EDAMAGED;
    }
    if (!begun) {
        base_err_set(err, CEP_EINVAL, "there is no checkpoint in \"%s\"", k->dir);
        base_err_hint(err, "a first run goes without --restore");
        return CEP_EINVAL;
    }
    say(k, CON_LEVEL_WARNING,
        "the job in \"%s\" ended before its first checkpoint, and so before it read anything: it starts at "
        "the "
        "beginning",
        k->dir);
    return CEP_OK;
}

static enum cep_rc read_latest(struct clu_keep *k, bool begun, struct sto_manifest *m, struct cep_err *err) {
    enum cep_rc rc = sto_store_latest(k->store, m, on_damaged, k, err);
    if (rc == CEP_EIO)
        base_err_hint(err, "if trying again does not help: --restore FOLDER goes on from an older one (rows "
                           "that part files have by now come again)");
    if (rc != CEP_NONE)
        return rc;
    rc = nothing_there(k, begun, err);
    return rc == CEP_OK ? CEP_NONE : rc;
}

/* Where the snapshot is that was read last: other processes read it themselves. */
static void remember_folder(struct clu_keep *k, const struct sto_manifest *m) {
    base_free(k->from);
    k->from = base_strndup(m->dir.p, m->dir.len);
}

/* Parts are checked when they are read; those of databases, and shared ones, here. */
static enum cep_rc check_files(const struct sto_manifest *m, struct cep_err *err) {
    static const char part[] = "part-";
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < m->n_files && rc == CEP_OK; i++) {
        const struct sto_file *f = &m->files[i];
        if (f->name.len < sizeof part - 1 || memcmp(f->name.p, part, sizeof part - 1) != 0)
            rc = sto_file_verify(m, f, err);
        if (rc != CEP_OK && f->shared)
            base_err_hint(
                err, "a checkpoint needs the folder \"shared\" beside it; a savepoint needs nothing");
    }
    return rc;
}

static enum cep_rc read_path(const char *path, struct sto_manifest *m, struct cep_err *err) {
    enum cep_rc rc = sto_manifest_read(path, m, err);
    if (rc == CEP_OK && (rc = check_files(m, err)) != CEP_OK)
        sto_manifest_release(m);
    if (rc == CEP_NONE) {
        base_err_set(err, CEP_EINVAL, "there is no checkpoint or savepoint in \"%s\"", path);
        base_err_hint(err, "--restore takes \"latest\" or a folder that holds a file MANIFEST");
        return CEP_EINVAL;
    }
    return rc;
}

enum cep_rc clu_keep_look(const char *path, struct cep_err *err) {
    struct sto_manifest m;
    enum cep_rc rc = read_path(path, &m, err);
    if (rc == CEP_OK)
        sto_manifest_release(&m);
    return rc;
}

static void say_restored(struct clu_keep *k, const struct sto_manifest *m) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "goes on from %.*s ", BASE_STR_FMT(m->kind));
    if (m->id > 0) /* of a checkpoint */
        base_buf_printf(&b, "%llu ", (unsigned long long)m->id);
    base_buf_puts(&b, "of ");
    base_write_timestamp(&b, m->time_us);
    base_buf_printf(&b, " (\"%.*s\")", BASE_STR_FMT(m->dir));
    say(k, CON_LEVEL_INFO, "%s", base_buf_cstr(&b));
    base_buf_release(&b);
}

static enum cep_rc open_restore(struct clu_keep *k, bool begun, struct rt_opts *opts, struct cep_err *err) {
    struct sto_manifest m;
    bool latest = strcmp(k->restore, "latest") == 0;
    enum cep_rc rc = latest ? read_latest(k, begun, &m, err) : read_path(k->restore, &m, err);
    if (rc != CEP_OK)
        return rc == CEP_NONE ? CEP_OK : rc;
    rc = rt_snap_read(&k->snap, &m, err);
    if (rc == CEP_OK) {
        say_restored(k, &m);
        remember_folder(k, &m);
        opts->restore = &k->snap;
        opts->restore_is_latest = latest && k->store;
        opts->losses = &k->losses;
    }
    sto_manifest_release(&m);
    return rc;
}

enum cep_rc clu_keep_open(struct clu_keep *k, struct rt_opts *opts, struct cep_err *err) {
    opts->work_dir = k->work_dir;
    bool begun = k->dir && sto_path_exists(k->dir);
    enum cep_rc rc = k->dir ? open_store(k, err) : CEP_OK;
    if (rc == CEP_OK && k->restore)
        rc = open_restore(k, begun, opts, err);
    if (rc == CEP_OK && k->store) {
        opts->checkpoint_every_us = k->every_us;
        opts->checkpoint_timeout_us = k->timeout_us;
        opts->checkpoint_pause_us = k->pause_us;
        opts->alignment_timeout_us = k->alignment_us;
        opts->checkpoints_in_flight = k->concurrent;
        opts->restart = k->restart;
        opts->next_checkpoint = sto_store_next_id(k->store);
    }
    return rc;
}

/* -- while it runs ------------------------------------------------------------------------------------------------- */

enum cep_rc clu_keep_latest(struct clu_keep *k, struct rt_snap *out, struct cep_err *err) {
    struct sto_manifest m;
    enum cep_rc rc = sto_store_latest(k->store, &m, on_damaged, k, err);
    if (rc == CEP_NONE) {
        base_err_set(err, CEP_EDAMAGED, "no checkpoint in \"%s\" is whole", k->dir);
        base_err_hint(err, "--fresh starts over");
        if (err)
            err->fatal = true;
        return CEP_EDAMAGED;
    }
    if (rc != CEP_OK)
        return rc;
    rc = rt_snap_read(out, &m, err);
    if (rc == CEP_OK)
        remember_folder(k, &m);
    sto_manifest_release(&m);
    return rc;
}

enum cep_rc clu_keep_put(struct clu_keep *k, uint64_t id, const struct rt_snap *snap, struct cep_err *err) {
    struct sto_bundle *b;
    enum cep_rc rc = sto_store_begin(k->store, id, clk_now(clk_system()), &b, err);
    if (rc != CEP_OK)
        return rc;
    rc = rt_snap_write(snap, b, err);
    if (rc != CEP_OK) {
        sto_store_drop(k->store, b);
        return rc;
    }
    rc = sto_store_publish(k->store, b, err);
    if (rc == CEP_OK)
        k->last_id = id;
    return rc;
}

enum cep_rc clu_keep_savepoint(
    const char *id, const char *dir, const struct rt_snap *snap, struct base_buf *path, struct cep_err *err) {
    return rt_snap_savepoint(
        snap, dir, (struct base_str){ id, JOB_ID_PART }, clk_now(clk_system()), path, err);
}

enum cep_rc clu_keep_judge(struct clu_keep *k, struct cep_err *err) {
    uint64_t total = sto_losses_total(&k->losses);
    for (size_t i = 0; i < k->losses.n; i++)
        say(k, CON_LEVEL_WARNING, "\"%s\": has no place for %llu %s", k->losses.v[i].op,
            (unsigned long long)k->losses.v[i].n, k->losses.v[i].what);
    if (total == 0 || k->allow_dropped)
        return CEP_OK;
    base_err_set(err, CEP_ESTATE, "a part of the state fits nothing in this file (%llu in all)",
        (unsigned long long)total);
    base_err_hint(err, "--allow-dropped-state goes on without it");
    return CEP_ESTATE;
}

void clu_keep_begun(struct clu_keep *k) {
    rt_snap_release(&k->snap);
}

void clu_keep_close(struct clu_keep *k) {
    sto_store_close(k->store);
    k->store = NULL;
}

void clu_keep_release(struct clu_keep *k) {
    clu_keep_close(k);
    rt_snap_release(&k->snap);
    sto_losses_release(&k->losses);
    base_free(k->dir);
    base_free(k->state_dir);
    base_free(k->work_dir);
    base_free(k->from);
    *k = (struct clu_keep){ .dir = NULL };
}
