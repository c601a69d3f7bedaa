/*
 * rt_process -- see rt_process.h.
 */
#include "runtime/rt_process.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "plan/plan_library.h"
#include "runtime/rt_ops.h"

#include <stdio.h>

/* -- calls ------------------------------------------------------------------------------------------------------------ */

static const char *library_of(const struct rt_process *p) {
    return p->plan->library.p; /* NUL-terminated in the plan's arena */
}

static enum cep_rc failed(const struct rt_process *p, struct cep_err *err) {
    return base_err_set(err, p->rc == CEP_EVALUE ? CEP_EINVAL : p->rc, "stream \"%.*s\": library \"%s\": %s",
        BASE_STR_FMT(p->op.name), library_of(p), p->reason);
}

static void begin(struct rt_process *p, struct rt_proc_key *k) {
    p->key = k;
    p->rc = CEP_OK;
    p->reason[0] = '\0';
}

/* What the call comes to: an error that was noted stands, whatever it returned. */
static enum cep_rc outcome(struct rt_process *p, enum cep_rc rc) {
    if (p->rc == CEP_OK && rc != CEP_OK) {
        p->rc = rc;
        (void)snprintf(p->reason, sizeof p->reason, "it gives up: %s",
            (unsigned)rc < CEP_RC_MAX ? cep_rc_text(rc) : "unknown code");
    }
    return p->rc;
}

static enum cep_rc call_row(
    struct rt_process *p, const struct clk_row *r, const struct evt_batch *b, struct cep_err *err) {
    struct base_str bytes = rt_process_key_of(p, r->input, b, r->row);
    enum cep_rc rc = p->row.env.failure ? rt_op_row_failed(&p->op, b, r->row, p->row.env.failure, err)
                                        : CEP_OK;
    if (rc != CEP_OK)
        return rc;
    begin(p, rt_process_key(p, bytes, p->key_vals));
    const struct evt_schema *s = b->schema;
    for (uint32_t c = 0; c < s->n_visible; c++) {
        evt_col_get(&b->cols[c], r->row, &p->scratch, &p->cells[c]);
        plan_val_show(s->cols[c].type, &p->cells[c]);
    }
    const struct cep_row row = {
        .cells = plan_vals_for_library(p->cells), .n_cells = s->n_visible, .input = r->input, .time = r->time
    };
    p->now = r->time;
    rc = outcome(p, p->plan->op->row(p->self, &p->ctx, &row));
    rt_process_look_after(p, p->key);
    base_arena_clear(&p->scratch);
    if (rc == CEP_EVALUE)
        return rt_op_row_failed(&p->op, b, r->row, p->reason, err);
    return rc == CEP_OK ? CEP_OK : failed(p, err);
}

/* {"key":["c1"],"at":"2026-...","tag":7}: what stands in NAME.errors for a timer. */
static enum cep_rc reject_timer(
    struct rt_process *p, const struct rt_proc_key *k, const struct cep_timer *t, struct cep_err *err) {
    struct base_buf text = BASE_BUF_INIT;
    if (p->op.metrics.failed++ == 0)
        (void)snprintf(p->op.first_failure, sizeof p->op.first_failure, "%s", p->reason);
    base_buf_puts(&text, "{\"key\":[");
    for (uint32_t i = 0; i < p->plan->n_keys; i++) {
        base_buf_puts(&text, i ? "," : "");
        evt_val_write_json(&text, p->key_types[i], &k->vals[i]);
    }
    base_buf_puts(&text, "],\"at\":");
    evt_val_write_json(&text, evt_type_of(EVT_TIMESTAMP), &(struct evt_val){ .i = t->at });
    base_buf_printf(&text, ",\"tag\":%lld}", (long long)t->tag);
    enum cep_rc rc = rt_op_error(
        &p->op, 0, base_buf_view(&text), base_str_of(p->reason), (struct base_str){ NULL, 0 }, p->now, err);
    base_buf_release(&text);
    return rc;
}

static enum cep_rc call_timer(
    struct rt_process *p, struct rt_proc_key *k, const struct cep_timer *t, struct cep_err *err) {
    begin(p, k);
    enum cep_rc rc = outcome(p, p->plan->op->timer(p->self, &p->ctx, t));
    if (rc == CEP_EVALUE)
        rc = reject_timer(p, k, t, err);
    else if (rc != CEP_OK)
        rc = failed(p, err);
    rt_process_look_after(p, k);
    base_arena_clear(&p->scratch);
    return rc;
}

/* -- rows and watermarks ---------------------------------------------------------------------------------------------- */

struct base_str rt_process_key_of(
    struct rt_process *p, uint32_t input, const struct evt_batch *b, uint32_t row) {
    base_buf_clear(&p->bytes);
    expr_row_at(&p->row, b, row);
    for (uint32_t k = 0; k < p->plan->n_keys; k++) {
        expr_eval(p->plan->keys[input][k], &p->row.env, &p->key_vals[k]);
        evt_val_write_key(&p->bytes, p->key_types[k], &p->key_vals[k]);
    }
    return (struct base_str){ p->bytes.p ? p->bytes.p : "", p->bytes.len };
}

static enum cep_rc process_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    (void)err;
    rt_wait_add(&rt_process_of(op)->wait, input, b);
    return CEP_OK;
}

/* Those of p->due. One that is set anew for the same time, by itself or another one, is of the next round. */
static enum cep_rc call_due(struct rt_process *p, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < p->n_due && rc == CEP_OK; i++) {
        rt_process_opens(p, p->due[i].key);
        if (rt_process_timer_take(p, &p->due[i]))
            rc = call_timer(p, p->due[i].key, &p->due[i].what, err);
    }
    return rc;
}

static enum cep_rc timers_until(struct rt_process *p, int64_t until, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    while (rc == CEP_OK && rt_process_timers_due(p, CEP_EVENT_TIME, until)) {
        p->now = p->due[0].what.at > p->now ? p->due[0].what.at : p->now;
        rc = call_due(p, err);
    }
    return rc;
}

/* The first moment that is not late for those who read the results. */
static int64_t not_late(const struct rt_process *p) {
    return p->passed == EVT_TIME_MAX ? EVT_TIME_MAX : p->passed + 1;
}

static enum cep_rc process_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_process *p = rt_process_of(op);
    struct clk_row rows[RT_WAIT_AT_ONCE];
    enum cep_rc rc = CEP_OK;
    size_t n;
    p->now = not_late(p);
    p->row.env.now_us = clk_now(op->clk);
    while (rc == CEP_OK && (n = rt_wait_take(&p->wait, wm, rows, RT_WAIT_AT_ONCE)) > 0)
        for (size_t i = 0; i < n; i++) {
            if (rc == CEP_OK && rows[i].time > EVT_TIME_MIN)
                rc = timers_until(p, rows[i].time - 1, err);
            if (rc == CEP_OK)
                rc = call_row(p, &rows[i], rt_wait_batch(&p->wait, &rows[i]), err);
            rt_wait_done(&p->wait, &rows[i]);
        }
    p->ending = wm == EVT_TIME_MAX;
    if (rc == CEP_OK)
        rc = timers_until(p, wm, err);
    rt_process_bury(p);
    if (rc == CEP_OK)
        rc = rt_process_flush(p, err);
    p->passed = wm;
    return rc;
}

static enum cep_rc process_tick(struct rt_op *op, int64_t *next_us, struct cep_err *err) {
    struct rt_process *p = rt_process_of(op);
    bool any;
    enum cep_rc rc = CEP_OK;
    *next_us = INT64_MAX;
    int64_t next = clk_timers_next(&p->timers[CEP_PROCESSING_TIME], &any);
    if (!any || p->ending)
        return CEP_OK;
    int64_t now = clk_now(op->clk);
    p->now = not_late(p);
    /* One that sets itself again for a time that is past does not keep the task here for ever. */
    for (size_t n = clk_timers_n(&p->timers[CEP_PROCESSING_TIME]);
         n > 0 && rc == CEP_OK && rt_process_timers_due(p, CEP_PROCESSING_TIME, now); n--)
        rc = call_due(p, err);
    if (rc == CEP_OK && next <= now)
        rc = rt_process_flush(p, err);
    next = clk_timers_next(&p->timers[CEP_PROCESSING_TIME], &any);
    if (any)
        *next_us = clk_mono(op->clk) + (next > now ? next - now : 0);
    return rc;
}

static void process_gauges(struct rt_op *op) {
    struct rt_process *p = rt_process_of(op);
    op->metrics.buffered = p->wait.reorder.n_rows;
    op->metrics.keys = p->keys.n_live;
    op->metrics.state_bytes = rt_process_bytes(p);
}

/* -- life ------------------------------------------------------------------------------------------------------------- */

static void process_free(struct rt_op *op) {
    struct rt_process *p = rt_process_of(op);
    if (p->is_open && p->plan->op->close)
        p->plan->op->close(p->self);
    rt_slices_release(&p->saving);
    rt_process_free_keys(p);
    for (int c = CEP_EVENT_TIME; c <= CEP_PROCESSING_TIME; c++)
        clk_timers_release(&p->timers[c]);
    rt_wait_release(&p->wait);
    for (uint32_t o = 0; o <= CEP_SIDES_MAX; o++)
        evt_batch_unref(p->outs[o]);
    base_arena_release(&p->types);
    base_arena_release(&p->scratch);
    base_buf_release(&p->bytes);
    base_free(p->key_types);
    base_free(p->cells);
    base_free(p->key_vals);
    rt_op_release(op);
    base_free(p);
}

static const struct rt_op_vt process_vt = {
    .kind = "process",
    .batch = process_batch,
    .watermark = process_watermark,
    .tick = process_tick,
    .gauges = process_gauges,
    .save = rt_process_save,
    .save_some = rt_process_save_some,
    .save_cancel = rt_process_save_cancel,
    .load = rt_process_load,
    .free = process_free,
};

static void declare(struct rt_process *p) {
    const struct cep_operator *op = p->plan->op;
    p->decls = BASE_ARENA_ARRAY(&p->types, struct rt_proc_decl, op->n_states + (size_t)1);
    for (uint32_t i = 0; i < op->n_states; i++) {
        const struct cep_state *s = &op->states[i];
        p->decls[i] = (struct rt_proc_decl){
            .name = base_str_of(s->name), .kind = s->kind, .type = plan_type_of_library(&p->types, s->type)
        };
        if (s->kind == CEP_STATE_MAP)
            p->decls[i].map_type = plan_type_of_library(&p->types, s->map_type);
    }
}

static enum cep_rc open_it(struct rt_process *p, struct cep_err *err) {
    struct cep_mistake m = { .message = "it cannot be opened" };
    const struct cep_operator *op = p->plan->op;
    if (op->open && op->open(p->plan->setup, &p->self, &m) != CEP_OK) {
        base_err_set(err, CEP_EINVAL, "stream \"%.*s\": library \"%s\": %s", BASE_STR_FMT(p->op.name),
            library_of(p), m.message);
        if (m.hint[0])
            base_err_hint(err, "%s", m.hint);
        return CEP_EINVAL;
    }
    p->is_open = true;
    return CEP_OK;
}

enum cep_rc rt_process_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk,
    struct rt_op **out, struct cep_err *err) {
    const struct plan_process *pr = &node->process;
    struct rt_process *p = base_calloc(1, sizeof *p);
    uint32_t widest = 1;
    rt_op_init(&p->op, &process_vt, node, node->name, pr->n_inputs, clk);
    p->ctx.host = &rt_process_host;
    p->whole = plan;
    p->plan = pr;
    p->passed = EVT_TIME_MIN;
    base_arena_init(&p->types, 0);
    base_arena_init(&p->scratch, 0);
    base_map_init(&p->keys);
    rt_wait_init(&p->wait);
    expr_row_init(&p->row, &p->scratch, 0);
    for (int c = CEP_EVENT_TIME; c <= CEP_PROCESSING_TIME; c++)
        clk_timers_init(&p->timers[c]);
    p->key_types = base_calloc(pr->n_keys + (size_t)1, sizeof(const struct evt_type *));
    p->key_vals = base_calloc(pr->n_keys + (size_t)1, sizeof *p->key_vals);
    for (uint32_t k = 0; k < pr->n_keys; k++)
        p->key_types[k] = pr->keys[0][k]->type;
    for (uint32_t i = 0; i < pr->n_inputs; i++) {
        uint32_t n = plan_schema_of(plan, pr->inputs[i])->n_visible;
        widest = n > widest ? n : widest;
    }
    p->cells = base_calloc(widest, sizeof *p->cells);
    declare(p);
    enum cep_rc rc = open_it(p, err);
    if (rc == CEP_OK)
        *out = &p->op;
    else
        process_free(&p->op);
    return rc;
}
