/*
 * clu_savepoint -- POST /jobs/:id/savepoints, POST /jobs/:id/stop, and what became of them.
 *
 * Flink's shape: the call answers at once with a request's id, and GET /jobs/:id/savepoints/:id says how far it is. The job's
 * coordinator tells (rt_job_savepoint). A stop is complete when the job has ended, so that who hears of it can start the next
 * one at once.
 */
#include "cluster/clu_job_internal.h"

#include "base/base_arena.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "event/evt_type.h"
#include "expr/expr_json.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { LOOK_MS = 20 };

void clu_savepoints_free(struct clu_job *j) {
    for (struct clu_savepoint *s = j->savepoints, *next; s; s = next) {
        next = s->next;
        base_free(s->path);
        base_free(s);
    }
}

static struct clu_savepoint *find(const struct clu_job *j, struct base_str id) {
    struct clu_savepoint *s = j->savepoints;
    while (s && !base_str_eq(id, base_str_of(s->id)))
        s = s->next;
    return s;
}

/* Those that are over and were asked about, but for the last few. */
static void forget_old(struct clu_job *j) {
    uint32_t n = 0;
    for (struct clu_savepoint **at = &j->savepoints, *s; (s = *at);) {
        if (s->state == CLU_SAVEPOINT_IN_PROGRESS || ++n <= CLU_SAVEPOINTS) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        base_free(s->path);
        base_free(s);
    }
}

/* -- asking ---------------------------------------------------------------------------------------------------------- */

/* Called by a thread of the job. */
static void on_done(void *arg, enum cep_rc rc, const char *path, const struct cep_err *err) {
    struct clu_savepoint *s = arg;
    struct clu_job *j = s->job;
    (void)pthread_mutex_lock(&j->mutex);
    if (path)
        s->path = base_strdup(path);
    else
        s->err = *err;
    s->done_us = clk_mono(j->opts.clk);
    s->state = rc != CEP_OK          ? CLU_SAVEPOINT_FAILED
               : s->stop && !j->over ? CLU_SAVEPOINT_IN_PROGRESS
                                     : CLU_SAVEPOINT_COMPLETED;
    (void)pthread_mutex_unlock(&j->mutex);
}

/* A member of the body. Returns: false when it is not there or null. */
static bool member(struct base_arena *a, struct base_str body, const char *path, enum expr_json_kind want,
    struct base_str *raw) {
    return expr_json_find(a, body, base_str_of(path), raw) == want && !base_str_eq(*raw, BASE_STR("null"));
}

static bool is_true(struct base_arena *a, struct base_str body, const char *path) {
    struct base_str raw;
    return member(a, body, path, EXPR_JSON_SCALAR, &raw) && base_str_eq(raw, BASE_STR("true"));
}

/* Flink spells it in two ways. Returns: NULL when it is not there or is no path. */
static const char *folder_of(struct base_arena *a, struct base_str body) {
    struct base_str raw;
    bool ok = true;
    if (!member(a, body, "$[\"target-directory\"]", EXPR_JSON_STRING, &raw) &&
        !member(a, body, "$.targetDirectory", EXPR_JSON_STRING, &raw))
        return NULL;
    struct base_str text = expr_json_text(a, raw, &ok);
    return ok && text.len > 0 && !memchr(text.p, '\0', text.len)
               ? base_arena_printf(a, "%.*s", BASE_STR_FMT(text))
               : NULL;
}

/* Relative folders start where the job was started. */
static enum cep_rc absolute(struct base_arena *a, const char **dir, struct cep_err *err) {
    char here[4096];
    if ((*dir)[0] == '/')
        return CEP_OK;
    if (!getcwd(here, sizeof here))
        return base_err_set(err, CEP_EIO, "could not tell the folder that \"%s\" starts at", *dir);
    *dir = base_arena_printf(a, "%s/%s", here, *dir);
    return CEP_OK;
}

static enum cep_rc ask(
    struct clu_job *j, const char *dir, bool stop, struct base_buf *out, struct cep_err *err) {
    struct clu_savepoint *s = base_calloc(1, sizeof *s);
    unsigned char bytes[CLU_JOB_ID / 2];
    CEP_INSIST(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(s->id + 2 * i, 3, "%02x", bytes[i]);
    s->job = j;
    s->stop = stop;
    enum cep_rc rc = rt_job_savepoint(
        j->job, &(struct rt_savepoint){ .dir = dir, .stop = stop, .done = on_done, .arg = s }, err);
    if (rc != CEP_OK) {
        base_free(s);
        return rc;
    }
    s->next = j->savepoints;
    j->savepoints = s;
    forget_old(j);
    base_buf_printf(out, "{\"request-id\":\"%s\"}\n", s->id);
    return CEP_OK;
}

enum cep_rc clu_savepoint_ask(
    struct clu_job *j, struct base_str body, bool stop, struct base_buf *out, struct cep_err *err) {
    struct base_arena a;
    enum cep_rc rc = CEP_OK;
    base_arena_init(&a, 0);
    const char *dir = folder_of(&a, body);
    if (!dir && j->opts.savepoint_dir && j->opts.savepoint_dir[0])
        dir = j->opts.savepoint_dir;
    if (rt_state_is_final(j->state) || j->over) {
        rc = base_err_set(err, CEP_ESTATE, "job \"%s\" is over: %s", j->id, rt_state_name(j->state));
    } else if (!j->job) {
        rc = base_err_set(err, CEP_EIO, "job \"%s\" is %s, try again", j->id, rt_state_name(j->state));
        err->retriable = true;
    } else if (is_true(&a, body, "$.drain")) {
        rc = base_err_set(
            err, CEP_EUNSUPPORTED, "a job cannot be drained before its savepoint in this version");
    } else if (!dir) {
        rc = base_err_set(err, CEP_EINVAL, "the savepoint has no folder to go to");
        base_err_hint(
            err, "name one (target-directory), or start the job with --savepoint-dir (savepoint.dir)");
    } else {
        rc = absolute(&a, &dir, err);
    }
    if (rc == CEP_OK)
        rc = ask(j, dir, stop || is_true(&a, body, "$[\"cancel-job\"]"), out, err);
    base_arena_release(&a);
    return rc;
}

/* -- what became of it ------------------------------------------------------------------------------------------------- */

enum cep_rc clu_savepoint_status(
    struct clu_job *j, struct base_str id, struct base_buf *out, struct cep_err *err) {
    static const char *const words[] = { "IN_PROGRESS", "COMPLETED", "COMPLETED" };
    struct clu_savepoint *s = find(j, id);
    if (!s)
        return base_err_set(err, CEP_ENAME, "there is no savepoint \"%.*s\"", BASE_STR_FMT(id));
    base_buf_printf(out, "{\"status\":{\"id\":\"%s\"}", words[s->state]);
    if (s->state == CLU_SAVEPOINT_COMPLETED) {
        base_buf_puts(out, ",\"operation\":{\"location\":");
        evt_json_write_str(out, base_str_of(s->path));
        base_buf_putc(out, '}');
    } else if (s->state == CLU_SAVEPOINT_FAILED) {
        base_buf_puts(out, ",\"operation\":{\"failure-cause\":{\"class\":");
        evt_json_write_str(out, base_str_of(cep_rc_text(s->err.rc)));
        base_buf_puts(out, ",\"stack-trace\":");
        evt_json_write_str(out, base_str_of(s->err.message));
        base_buf_puts(out, "}}");
    }
    base_buf_puts(out, "}\n");
    s->seen |= s->state != CLU_SAVEPOINT_IN_PROGRESS;
    return CEP_OK;
}

bool clu_job_stopped_with(struct clu_job *j, struct base_buf *path) {
    (void)pthread_mutex_lock(&j->mutex);
    struct clu_savepoint *s = j->savepoints;
    while (s && !(s->stop && s->path))
        s = s->next;
    if (s)
        base_buf_puts(path, s->path);
    (void)pthread_mutex_unlock(&j->mutex);
    return s != NULL;
}

void clu_job_is_over(struct clu_job *j, enum rt_state state, const struct cep_err *err) {
    (void)pthread_mutex_lock(&j->mutex);
    j->over = true;
    for (struct clu_savepoint *s = j->savepoints; s; s = s->next) {
        if (s->state != CLU_SAVEPOINT_IN_PROGRESS)
            continue;
        s->state = err ? CLU_SAVEPOINT_FAILED : CLU_SAVEPOINT_COMPLETED;
        s->done_us = clk_mono(j->opts.clk);
        if (err)
            (void)base_err_set(&s->err, err->rc,
                "savepoint \"%s\" is complete, but the job failed as it stopped: %s", s->path, err->message);
    }
    (void)pthread_mutex_unlock(&j->mutex);
    clu_job_state(j, state);
}

/* Who has not asked for so long does not wait for it. */
static bool all_seen(const struct clu_job *j, int64_t us) {
    int64_t now = clk_mono(j->opts.clk);
    for (const struct clu_savepoint *s = j->savepoints; s; s = s->next)
        if (!s->seen && now - s->done_us < us)
            return false;
    return true;
}

void clu_job_wait_seen(struct clu_job *j, int64_t us) {
    bool seen;
    do {
        (void)pthread_mutex_lock(&j->mutex);
        seen = all_seen(j, us);
        (void)pthread_mutex_unlock(&j->mutex);
    } while (!seen && poll(NULL, 0, LOOK_MS) == 0);
}
