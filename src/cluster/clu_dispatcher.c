/*
 * clu_dispatcher -- see clu_dispatcher.h.
 */
#include "cluster/clu_dispatcher.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_keep.h"
#include "cluster/clu_prom.h"
#include "event/evt_type.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

struct clu_dispatcher {
    const struct clu_masters *all; /* borrowed */
    pthread_mutex_t mutex;         /* of what follows */
    struct clu_master **jobs;      /* owned; in the order in which they came */
    size_t n, cap;
};

static void say(struct clu_dispatcher *d, enum con_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct clu_dispatcher *d, enum con_level level, const char *fmt, ...) {
    struct base_buf b = BASE_BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    base_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    d->all->log(d->all->log_arg, level, base_buf_cstr(&b));
    base_buf_release(&b);
}

/* -- the jobs there were ------------------------------------------------------------------------------------------------ */

static void add(struct clu_dispatcher *d, struct clu_master *m) {
    d->jobs = base_grow(d->jobs, d->n, &d->cap, sizeof *d->jobs);
    d->jobs[d->n++] = m;
}

/* A job that does not compile any more (a program of another version) is over. */
static struct plan *compile_again(
    struct clu_dispatcher *d, const struct clu_spec *spec, struct clu_record *record) {
    struct dsl_diag diag;
    struct plan *plan = NULL;
    struct cep_err err = CEP_ERR_INIT;
    dsl_diag_init(&diag);
    if (clu_spec_compile(spec, con_catalog(), &diag, &plan) != CEP_OK) {
        (void)dsl_diag_first(&diag, &err);
        say(d, CON_LEVEL_ERROR, "job %s (%s) cannot go on: its text does not compile any more: %s",
            record->id, spec->name, err.message);
        base_free(record->failure);
        record->failure = base_strdup(err.message);
        record->state = RT_STATE_FAILED;
        record->since_us = clk_now(clk_system());
    }
    dsl_diag_release(&diag);
    return plan;
}

static enum cep_rc on_record(
    void *arg, struct clu_record *record, struct base_str json, struct cep_err *err) {
    struct clu_dispatcher *d = arg;
    struct clu_spec spec;
    struct clu_master *m = NULL;
    struct plan *plan = NULL;
    clu_spec_init(&spec);
    enum cep_rc rc = clu_spec_read(&spec, json, err);
    if (rc == CEP_OK && !rt_state_is_final(record->state)) {
        plan = compile_again(d, &spec, record);
        rc = plan ? CEP_OK : clu_registry_put(d->all->registry, record, err);
    }
    if (rc == CEP_OK)
        rc = clu_master_new(d->all, &spec, plan, record, &m, err);
    if (rc == CEP_OK) {
        add(d, m);
        if (plan)
            say(d, CON_LEVEL_INFO, "job %s (%s) goes on", record->id, spec.name);
        rc = clu_master_start(m, err);
    }
    if (rc != CEP_OK)
        base_err_prefix(err, "job %s", record->id);
    clu_record_release(record);
    clu_spec_release(&spec);
    return rc;
}

enum cep_rc clu_dispatcher_new(
    const struct clu_masters *all, struct clu_dispatcher **out, struct cep_err *err) {
    struct clu_dispatcher *d = base_calloc(1, sizeof *d);
    d->all = all;
    CEP_INSIST(pthread_mutex_init(&d->mutex, NULL) == 0);
    enum cep_rc rc = clu_registry_each(all->registry, on_record, d, err);
    if (rc != CEP_OK)
        clu_dispatcher_free(d);
    else
        *out = d;
    return rc;
}

void clu_dispatcher_stop(struct clu_dispatcher *d) {
    for (size_t i = 0; d && i < d->n; i++)
        clu_master_stop(d->jobs[i]);
}

void clu_dispatcher_free(struct clu_dispatcher *d) {
    if (!d)
        return;
    clu_dispatcher_stop(d);
    for (size_t i = 0; i < d->n; i++)
        clu_master_free(d->jobs[i]);
    base_free(d->jobs);
    (void)pthread_mutex_destroy(&d->mutex);
    base_free(d);
}

bool clu_dispatcher_with(
    struct clu_dispatcher *d, const char *id, void (*fn)(void *arg, struct clu_master *m), void *arg) {
    bool found = false;
    (void)pthread_mutex_lock(&d->mutex);
    for (size_t i = 0; i < d->n && !found; i++)
        if (strcmp(clu_master_id(d->jobs[i]), id) == 0) {
            fn(arg, d->jobs[i]);
            found = true;
        }
    (void)pthread_mutex_unlock(&d->mutex);
    return found;
}

void clu_dispatcher_each(struct clu_dispatcher *d, void (*fn)(void *arg, struct clu_master *m), void *arg) {
    (void)pthread_mutex_lock(&d->mutex);
    for (size_t i = 0; i < d->n; i++)
        fn(arg, d->jobs[i]);
    (void)pthread_mutex_unlock(&d->mutex);
}

/* Requires: the lock. Jobs that are over, but for the last ones, are forgotten. */
static enum cep_rc forget_old(struct clu_dispatcher *d, struct cep_err *err) {
    size_t over = 0;
    enum cep_rc rc = CEP_OK;
    for (size_t i = d->n; i-- > 0 && rc == CEP_OK;) {
        struct clu_master *m = d->jobs[i];
        if (!rt_state_is_final(clu_job_state_now(clu_master_shown(m))) || ++over < CLU_JOBS_OVER)
            continue;
        clu_master_stop(m);
        rc = clu_registry_remove(d->all->registry, clu_master_id(m), err);
        clu_master_free(m);
        memmove(&d->jobs[i], &d->jobs[i + 1], (d->n - i - 1) * sizeof *d->jobs);
        d->n--;
    }
    return rc;
}

/* -- submission ----------------------------------------------------------------------------------------------------------- */

/* As `cepd check` prints it. */
static void put_diagnostics(struct base_buf *out, const struct dsl_diag *diag, const char *member) {
    struct base_buf text = BASE_BUF_INIT;
    dsl_diag_render(diag, NULL, &text);
    if (text.len > 0) {
        base_buf_printf(out, ",\"%s\":", member);
        evt_json_write_str(out, base_buf_view(&text));
    }
    base_buf_release(&text);
}

/* An answer that says why not; `member`: what the diagnostics are called in it. */
static void put_refusal(
    struct base_buf *out, const struct cep_err *why, const struct dsl_diag *diag, const char *member) {
    base_buf_puts(out, "{\"errors\":[");
    evt_json_write_str(out, base_str_of(why->message));
    base_buf_putc(out, ']');
    put_diagnostics(out, diag, member);
    base_buf_puts(out, "}\n");
}

static void put_mistakes(struct base_buf *out, const struct dsl_diag *diag) {
    struct cep_err first = CEP_ERR_INIT;
    (void)dsl_diag_first(diag, &first);
    put_refusal(out, &first, diag, "diagnostics");
}

static void new_record(struct clu_record *r) {
    unsigned char bytes[CLU_ID / 2];
    *r = (struct clu_record){ .state = RT_STATE_CREATED, .created_us = clk_now(clk_system()) };
    r->since_us = r->created_us;
    CEP_INSIST(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(r->id + 2 * i, 3, "%02x", bytes[i]);
}

/* Requires: the lock. */
static enum cep_rc begin_job(struct clu_dispatcher *d, const struct clu_spec *spec, struct base_str json,
    struct plan *plan, struct clu_record *record, struct cep_err *err) {
    struct clu_master *m = NULL;
    enum cep_rc rc = clu_master_new(d->all, spec, plan, record, &m, err);
    if (rc == CEP_OK)
        rc = forget_old(d, err);
    if (rc == CEP_OK)
        rc = clu_registry_put_spec(d->all->registry, record->id, json, err);
    if (rc == CEP_OK)
        rc = clu_registry_put(d->all->registry, record, err);
    if (rc == CEP_OK && (rc = clu_master_start(m, err)) != CEP_OK)
        (void)clu_registry_remove(d->all->registry, record->id, NULL);
    if (rc != CEP_OK) {
        clu_master_free(m);
        return rc;
    }
    add(d, m);
    return CEP_OK;
}

static enum cep_rc nothing_to_run(const struct clu_spec *spec, struct cep_err *err) {
    return base_err_set(
        err, CEP_EINVAL, "there is nothing to run: no sink and no alert in \"%s\"", spec->main);
}

static enum cep_rc submit(
    struct clu_dispatcher *d, struct base_str json, struct base_buf *out, struct cep_err *err) {
    struct clu_spec spec;
    struct clu_record record;
    struct dsl_diag diag;
    struct plan *plan = NULL;
    clu_spec_init(&spec);
    dsl_diag_init(&diag);
    enum cep_rc rc = clu_spec_read(&spec, json, err);
    if (rc == CEP_OK && (rc = clu_spec_compile(&spec, con_catalog(), &diag, &plan)) != CEP_OK) {
        put_mistakes(out, &diag);
        rc = CEP_EINVAL;
    } else if (rc == CEP_OK && plan->n_sinks == 0) {
        plan_free(plan);
        rc = nothing_to_run(&spec, err);
        put_refusal(out, err, &diag, "warnings");
    } else if (rc == CEP_OK && spec.restore && (rc = clu_keep_look(spec.restore, err)) != CEP_OK) {
        plan_free(plan);
    } else if (rc == CEP_OK) {
        new_record(&record);
        (void)pthread_mutex_lock(&d->mutex);
        rc = begin_job(d, &spec, json, plan, &record, err);
        (void)pthread_mutex_unlock(&d->mutex);
    }
    if (rc == CEP_OK) {
        base_buf_printf(out, "{\"jobid\":\"%s\"", record.id);
        put_diagnostics(out, &diag, "warnings");
        base_buf_puts(out, "}\n");
        say(d, CON_LEVEL_INFO, "job %s (%s) is submitted", record.id, spec.name);
    }
    dsl_diag_release(&diag);
    clu_spec_release(&spec);
    return rc;
}

/* -- looking --------------------------------------------------------------------------------------------------------------- */

struct list {
    enum clu_rest_op op;
    struct base_buf *out;
    uint32_t n, running, finished, cancelled, failed;
};

static void put_job(void *arg, struct clu_master *m) {
    struct list *l = arg;
    base_buf_puts(l->out, l->n++ ? "," : "");
    clu_job_write_item(clu_master_shown(m), l->op, l->out);
}

static void count_job(void *arg, struct clu_master *m) {
    struct list *l = arg;
    enum rt_state s = clu_job_state_now(clu_master_shown(m));
    l->finished += s == RT_STATE_FINISHED;
    l->cancelled += s == RT_STATE_CANCELLED;
    l->failed += s == RT_STATE_FAILED;
    l->running += !rt_state_is_final(s);
}

static void write_overview(struct clu_dispatcher *d, struct base_buf *out) {
    struct list l = { .out = out };
    struct clu_slot_counts slots;
    clu_dispatcher_each(d, count_job, &l);
    clu_resources_count(d->all->resources, &slots);
    base_buf_printf(out,
        "{\"taskmanagers\":%u,\"slots-total\":%u,\"slots-available\":%u,\"jobs-running\":%u,\"jobs-"
        "finished\":%u,"
        "\"jobs-cancelled\":%u,\"jobs-failed\":%u,\"cepd-version\":\"" PACKAGE_VERSION "\"}\n",
        slots.workers, slots.total, slots.free, l.running, l.finished, l.cancelled, l.failed);
}

static void put_text(struct base_buf *b, const char *name, const char *value) {
    base_buf_printf(b, "\"%s\":", name);
    evt_json_write_str(b, base_str_of(value ? value : ""));
    base_buf_putc(b, ',');
}

static void write_workers(struct clu_dispatcher *d, struct base_buf *out) {
    struct clu_slots list;
    clu_resources_list(d->all->resources, &list);
    int64_t now = clk_now(clk_system());
    base_buf_puts(out, "{\"taskmanagers\":[");
    for (uint32_t i = 0; i < list.n_workers; i++) {
        const struct clu_worker_info *w = &list.workers[i];
        struct clu_wire wire;
        base_buf_puts(out, i ? ",{" : "{");
        put_text(out, "id", w->id);
        put_text(out, "path", w->address);
        put_text(out, "host", w->host);
        base_buf_printf(out,
            "\"pid\":%u,\"timeSinceLastHeartbeat\":%lld,\"registered\":%lld,\"slotsNumber\":%u,\"freeSlots\":"
            "%u,"
            "\"leaving\":%s",
            w->pid, (long long)((now - w->heard_us) / 1000), (long long)(w->since_us / 1000), w->slots,
            w->slots - w->used, w->leaving ? "true" : "false");
        if (clu_resources_wire(d->all->resources, w->id, &wire)) {
            base_buf_puts(out, ",\"wire\":");
            clu_wire_write_json(&wire, out);
            clu_wire_release(&wire);
        }
        base_buf_putc(out, '}');
    }
    base_buf_puts(out, "]}\n");
    clu_slots_release(&list);
}

static void put_metrics(void *arg, struct clu_master *m) {
    struct clu_prom *all = arg;
    struct base_buf one = BASE_BUF_INIT;
    struct cep_err err = CEP_ERR_INIT;
    struct clu_rest_args args = { .id = BASE_STR("") };
    if (rt_state_is_final(clu_job_state_now(clu_master_shown(m))))
        return;
    if (clu_job_call(clu_master_shown(m), CLU_REST_METRICS, &args, &one, &err) == CEP_OK)
        clu_prom_add(all, base_buf_view(&one), clu_master_id(m));
    base_buf_release(&one);
}

static void write_wires(struct clu_dispatcher *d, struct base_buf *out) {
    struct clu_slots list;
    uint32_t n = 0;
    clu_resources_list(d->all->resources, &list);
    const char **workers = base_calloc(list.n_workers + (size_t)1, sizeof *workers);
    struct clu_wire *wires = base_calloc(list.n_workers + (size_t)1, sizeof *wires);
    for (uint32_t i = 0; i < list.n_workers; i++)
        if (clu_resources_wire(d->all->resources, list.workers[i].id, &wires[n]))
            workers[n++] = list.workers[i].id;
    clu_wire_write_metrics(workers, wires, n, out);
    for (uint32_t i = 0; i < n; i++)
        clu_wire_release(&wires[i]);
    base_free(wires);
    base_free(workers);
    clu_slots_release(&list);
}

static void write_metrics(struct clu_dispatcher *d, struct base_buf *out) {
    struct clu_prom all;
    struct list l = { .out = out };
    struct clu_slot_counts slots;
    clu_dispatcher_each(d, count_job, &l);
    clu_resources_count(d->all->resources, &slots);
    const struct {
        const char *name, *help;
        uint32_t v;
    } own[] = {
        { "cepd_cluster_workers", "workers that are there", slots.workers },
        { "cepd_cluster_slots", "slots of all workers", slots.total },
        { "cepd_cluster_slots_free", "slots that no job has", slots.free },
        { "cepd_cluster_jobs", "jobs that are not over", l.running },
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        clu_prom_head(out, own[i].name, "gauge", own[i].help);
        clu_prom_value(out, own[i].name, NULL, 0, own[i].v);
    }
    write_wires(d, out);
    clu_prom_init(&all);
    clu_dispatcher_each(d, put_metrics, &all);
    clu_prom_write(&all, out);
    clu_prom_release(&all);
}

/* -- calls ----------------------------------------------------------------------------------------------------------------- */

struct call {
    enum clu_rest_op op;
    const struct clu_rest_args *args;
    struct base_buf *out;
    struct cep_err *err;
    enum cep_rc rc;
};

static void call_master(void *arg, struct clu_master *m) {
    struct call *c = arg;
    c->rc = clu_master_call(m, c->op, c->args, c->out, c->err);
}

static enum cep_rc job_call(struct clu_dispatcher *d, struct call *c) {
    char *id = base_strndup(c->args->id.p, c->args->id.len);
    if (!clu_dispatcher_with(d, id, call_master, c))
        c->rc = base_err_set(c->err, CEP_ENAME, "there is no job \"%s\"", id);
    base_free(id);
    return c->rc;
}

enum cep_rc clu_dispatcher_call(void *arg, enum clu_rest_op op, const struct clu_rest_args *args,
    struct base_buf *out, struct cep_err *err) {
    struct clu_dispatcher *d = arg;
    struct list l = { .op = op, .out = out };
    struct call c = { .op = op, .args = args, .out = out, .err = err };
    switch (op) {
    case CLU_REST_OVERVIEW: write_overview(d, out); return CEP_OK;
    case CLU_REST_JOBS:
    case CLU_REST_JOBS_OVERVIEW:
        base_buf_puts(out, "{\"jobs\":[");
        clu_dispatcher_each(d, put_job, &l);
        base_buf_puts(out, "]}\n");
        return CEP_OK;
    case CLU_REST_SUBMIT: return submit(d, args->body, out, err);
    case CLU_REST_TASKMANAGERS: write_workers(d, out); return CEP_OK;
    case CLU_REST_METRICS: write_metrics(d, out); return CEP_OK;
    case CLU_REST_JOB:
    case CLU_REST_CANCEL:
    case CLU_REST_PLAN:
    case CLU_REST_VERTEX:
    case CLU_REST_CHECKPOINTS:
    case CLU_REST_EXCEPTIONS:
    case CLU_REST_CONFIG:
    case CLU_REST_SAVEPOINT:
    case CLU_REST_SAVEPOINT_STATUS:
    case CLU_REST_STOP:
    case CLU_REST_RESCALE: return job_call(d, &c);
    case CLU_REST_MAX: break;
    }
    return CEP_OK;
}
