/*
 * rt_alert -- matches somebody must act on: identity, suppression, firing and resolved, the record.
 *
 * Input 0 is what the alert is on; input 1, when there is one, the stream of `resolve when`. Rows wait for the watermark
 * and are judged in order of event time (ties: input, then origin, then position), interleaved with the deadlines of
 * `resolve after`, so the outcome does not depend on the order in which batches arrive.
 */
#include "runtime/rt_alert.h"

#include "base/base_map.h"
#include "base/base_mem.h"
#include "runtime/rt_ops.h"

enum { OUT_ROWS = 64 };

static int hidden_col(const struct evt_schema *s, enum plan_hidden which) {
    static const char *const names[PLAN_HIDDEN_MAX] = {
#define HIDDEN_NAME(name, text) [PLAN_HIDDEN_##name] = text,
        PLAN_HIDDEN_LIST(HIDDEN_NAME)
#undef HIDDEN_NAME
    };
    for (uint32_t i = s->n_visible; i < s->n_cols; i++)
        if (base_str_eq(s->cols[i].name, base_str_of(names[which])))
            return (int)i;
    return -1;
}

/* -- one record -------------------------------------------------------------------------------------------- */

static struct evt_val text_val(struct rt_alert *a, const char *p, size_t len) {
    return (struct evt_val){ .s = { base_arena_strndup(&a->scratch, p, len), (uint32_t)len } };
}

static struct evt_val eval(struct rt_alert *a, const struct expr *e) {
    struct evt_val v;
    expr_eval(e, &a->row.env, &v);
    return v;
}

static struct evt_val row_val(struct rt_alert *a, const struct plan_measure *items, uint32_t n) {
    struct evt_val *v = BASE_ARENA_ARRAY(&a->scratch, struct evt_val, n ? n : 1);
    for (uint32_t i = 0; i < n; i++)
        v[i] = eval(a, items[i].expr);
    return (struct evt_val){ .list = { v, n } };
}

static struct evt_val message_val(struct rt_alert *a) {
    const struct plan_template *t = a->alert->message;
    if (!t)
        return EVT_VAL_NULL;
    base_buf_clear(&a->text);
    for (uint32_t i = 0; i <= t->n_holes; i++) {
        base_buf_str(&a->text, t->texts[i]);
        if (i == t->n_holes)
            break;
        struct evt_val v = eval(a, t->holes[i]);
        evt_val_write_text(&a->text, t->holes[i]->type, &v);
    }
    return text_val(a, base_buf_cstr(&a->text), a->text.len);
}

/* A match brings its id; a row of a stream is identified by the alert and its position. */
static struct evt_val id_val(struct rt_alert *a, const struct rt_alert_row *w) {
    if (a->id_col >= 0) {
        struct evt_val v;
        evt_col_get(&w->batch->cols[a->id_col], w->row, &a->scratch, &v);
        return v;
    }
    struct {
        uint64_t seq, origin;
    } place = { w->batch->seq[w->row], w->batch->origin[w->row] };
    uint64_t name = base_hash(a->op.name.p, a->op.name.len);
    uint64_t hi = base_hash_seed(&place, sizeof place, name),
             lo = base_hash_seed(&place, sizeof place, ~name);
    base_buf_clear(&a->text);
    base_buf_printf(&a->text, "%016llx%016llx", (unsigned long long)hi, (unsigned long long)lo);
    return text_val(a, base_buf_cstr(&a->text), a->text.len);
}

static enum cep_rc send(struct rt_alert *a, struct cep_err *err) {
    if (!a->out)
        return CEP_OK;
    struct evt_batch *b = a->out;
    a->out = NULL;
    enum cep_rc rc = rt_emit(&a->op, PLAN_PORT_MAIN, b, err);
    evt_batch_unref(b);
    return rc;
}

static enum cep_rc add_row(
    struct rt_alert *a, const struct evt_val *vals, int64_t time, struct cep_err *err) {
    if (!a->out)
        a->out = evt_batch_new(a->op.node->schema, OUT_ROWS);
    struct evt_batch *b = a->out;
    uint32_t row = b->n_rows;
    for (uint32_t c = 0; c < b->schema->n_cols; c++)
        evt_col_set_val(&b->cols[c], row, &vals[c]);
    b->time[row] = time;
    b->seq[row] = a->n_sent++;
    b->origin[row] = a->op.node->index;
    evt_batch_end_row(b);
    return evt_batch_is_full(b) ? send(a, err) : CEP_OK;
}

static enum cep_rc emit_firing(
    struct rt_alert *a, const struct rt_alert_row *w, struct rt_life *life, struct cep_err *err) {
    const struct plan_alert *p = a->alert;
    const char *sev = plan_severity_text(p->severity);
    struct evt_val vals[PLAN_ALERT_MAX];
    vals[PLAN_ALERT_ID] = id_val(a, w);
    vals[PLAN_ALERT_ALERT] = (struct evt_val){ .s = { a->op.name.p, (uint32_t)a->op.name.len } };
    vals[PLAN_ALERT_STATUS] = (struct evt_val){ .s = { "firing", 6 } };
    vals[PLAN_ALERT_SEVERITY] = (struct evt_val){ .s = { sev, (uint32_t)strlen(sev) } };
    vals[PLAN_ALERT_KEY] = row_val(a, p->by, p->n_by);
    vals[PLAN_ALERT_MESSAGE] = message_val(a);
    vals[PLAN_ALERT_LABELS] = row_val(a, p->labels, p->n_labels);
    if (a->started_col >= 0)
        evt_col_get(&w->batch->cols[a->started_col], w->row, &a->scratch, &vals[PLAN_ALERT_STARTED_AT]);
    else
        vals[PLAN_ALERT_STARTED_AT] = (struct evt_val){ .i = w->time };
    vals[PLAN_ALERT_AT] = (struct evt_val){ .i = w->time };
    struct evt_val *measures = BASE_ARENA_ARRAY(
        &a->scratch, struct evt_val, a->on->n_visible ? a->on->n_visible : 1);
    for (uint32_t c = 0; c < a->on->n_visible; c++)
        evt_col_get(&w->batch->cols[c], w->row, &a->scratch, &measures[c]);
    vals[PLAN_ALERT_MEASURES] = (struct evt_val){ .list = { measures, a->on->n_visible } };
    if (a->op.node->schema->n_cols > PLAN_ALERT_EVENTS)
        evt_col_get(&w->batch->cols[a->events_col], w->row, &a->scratch, &vals[PLAN_ALERT_EVENTS]);
    a->op.metrics.alerts++;
    if (life && life->firing) {
        evt_batch_unref(life->record);
        life->record = evt_batch_new(a->op.node->schema, 1);
        for (uint32_t c = 0; c < life->record->schema->n_cols; c++)
            evt_col_set_val(&life->record->cols[c], 0, &vals[c]);
        life->record->time[0] = w->time;
        life->record->seq[0] = life->record->origin[0] = 0;
        evt_batch_end_row(life->record);
    }
    return add_row(a, vals, w->time, err);
}

static enum cep_rc emit_resolved(
    struct rt_alert *a, const struct rt_life *life, int64_t at, struct cep_err *err) {
    struct evt_val vals[PLAN_ALERT_MAX];
    base_arena_clear(&a->scratch);
    for (uint32_t c = 0; c < a->op.node->schema->n_cols; c++)
        evt_col_get(&life->record->cols[c], 0, &a->scratch, &vals[c]);
    vals[PLAN_ALERT_STATUS] = (struct evt_val){ .s = { "resolved", 8 } };
    vals[PLAN_ALERT_AT] = (struct evt_val){ .i = at };
    a->op.metrics.resolved++;
    return add_row(a, vals, at, err);
}

/* -- judging ------------------------------------------------------------------------------------------------ */

/* time + us, held at the end of time. Requires: us >= 0. */
static int64_t later(int64_t time, int64_t us) {
    return time > EVT_TIME_MAX - us ? EVT_TIME_MAX : time + us;
}

/* Until when an identity is suppressed. */
static int64_t suppressed_until(const struct plan_alert *p, const struct rt_life *life) {
    return p->suppress_us > 0 && life->last_let != EVT_TIME_MIN ? later(life->last_let, p->suppress_us)
                                                                : EVT_TIME_MIN;
}

static enum cep_rc resolve(struct rt_alert *a, struct rt_life *life, int64_t at, struct cep_err *err) {
    enum cep_rc rc = emit_resolved(a, life, at, err);
    life->firing = false;
    evt_batch_unref(life->record);
    life->record = NULL;
    int64_t until = suppressed_until(a->alert, life);
    if (until > at)
        rt_lives_set_deadline(&a->lives, life, until);
    else
        rt_lives_forget(&a->lives, life);
    return rc;
}

/* Deadlines up to `now`, in their order. */
static enum cep_rc deadlines(struct rt_alert *a, int64_t now, struct cep_err *err) {
    struct rt_life *life;
    enum cep_rc rc = CEP_OK;
    int64_t at;
    while (rc == CEP_OK && (life = rt_lives_due(&a->lives, now, &at)) != NULL) {
        rt_alert_opens(a, life);
        if (life->firing)
            rc = resolve(a, life, at, err);
        else
            rt_lives_forget(&a->lives, life);
    }
    return rc;
}

/* Lets the row through unless its identity fires already or is suppressed. */
static enum cep_rc consider(struct rt_alert *a, const struct rt_alert_row *w, struct cep_err *err) {
    const struct plan_alert *p = a->alert;
    if (p->suppress_us == 0 && !rt_alert_has_life(p))
        return emit_firing(a, w, NULL, err);
    for (uint32_t i = 0; i < p->n_by; i++) {
        struct evt_val v = eval(a, p->by[i].expr);
        evt_val_write_key(&a->identity, p->by[i].expr->type, &v);
    }
    struct rt_life *life = rt_lives_find(&a->lives, rt_alert_identity(a));
    if (life)
        rt_alert_opens(a, life);
    int64_t pushed = p->resolve_after_us > 0 ? later(w->time, p->resolve_after_us) : EVT_TIME_MAX;
    if (life && life->firing) {
        a->op.metrics.suppressed++;
        rt_lives_set_deadline(&a->lives, life, pushed);
        return CEP_OK;
    }
    if (life && w->time < suppressed_until(p, life)) {
        a->op.metrics.suppressed++;
        return CEP_OK;
    }
    if (!life)
        life = rt_lives_make(&a->lives, rt_alert_identity(a));
    life->last_let = w->time;
    life->firing = rt_alert_has_life(p);
    rt_lives_set_deadline(&a->lives, life, life->firing ? pushed : suppressed_until(p, life));
    return emit_firing(a, w, life, err);
}

/* A failed expression is null, and the row goes to the errors port besides. */
static enum cep_rc judge_match(struct rt_alert *a, const struct rt_alert_row *w, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    rt_alert_look_at(a, w);
    if (!a->alert->where || expr_eval_bool(a->alert->where, &a->row.env))
        rc = consider(a, w, err);
    if (rc == CEP_OK && a->row.env.failure)
        rc = rt_op_row_failed(&a->op, w->batch, w->row, a->row.env.failure, err);
    return rc;
}

static enum cep_rc judge_resolve(struct rt_alert *a, const struct rt_alert_row *w, struct cep_err *err) {
    const struct plan_alert *p = a->alert;
    rt_alert_look_at(a, w);
    bool wanted = !p->resolve_where || expr_eval_bool(p->resolve_where, &a->row.env);
    enum cep_rc rc = CEP_OK;
    if (a->row.env.failure)
        rc = rt_op_row_failed(&a->op, w->batch, w->row, a->row.env.failure, err);
    if (rc != CEP_OK || !wanted)
        return rc;
    for (uint32_t i = 0; i < p->n_by; i++) {
        struct evt_val v;
        evt_col_get(&w->batch->cols[p->resolve_cols[i]], w->row, &a->scratch, &v);
        evt_val_write_key(&a->identity, p->by[i].expr->type, &v);
    }
    struct rt_life *life = rt_lives_find(&a->lives, rt_alert_identity(a));
    if (!life || !life->firing)
        return CEP_OK;
    rt_alert_opens(a, life);
    return resolve(a, life, w->time, err);
}

static enum cep_rc alert_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_alert *a = rt_alert_of(op);
    (void)err;
    a->n_arrived += evt_batch_count(b);
    rt_wait_add(&a->wait, input, b);
    return CEP_OK;
}

static enum cep_rc alert_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_alert *a = rt_alert_of(op);
    struct clk_row rows[RT_WAIT_AT_ONCE];
    enum cep_rc rc = CEP_OK;
    size_t n;
    a->row.env.now_us = clk_now(op->clk);
    while (rc == CEP_OK && (n = rt_wait_take(&a->wait, wm, rows, RT_WAIT_AT_ONCE)) > 0)
        for (size_t i = 0; i < n; i++) {
            struct rt_alert_row w = { rows[i].time, rt_wait_batch(&a->wait, &rows[i]), rows[i].row,
                rows[i].input };
            if (rc == CEP_OK)
                rc = deadlines(a, w.time, err);
            if (rc == CEP_OK)
                rc = w.input == RT_ALERT_ON ? judge_match(a, &w, err) : judge_resolve(a, &w, err);
            rt_wait_done(&a->wait, &rows[i]);
        }
    if (rc == CEP_OK)
        rc = deadlines(a, wm, err);
    return rc == CEP_OK ? send(a, err) : rc;
}

static int64_t alert_wakes_at(const struct rt_op *op) {
    const struct rt_alert *a = rt_alert_of(op);
    int64_t at = rt_lives_next(&a->lives), first = clk_reorder_first(&a->wait.reorder);
    return first < at ? first : at;
}

/* -- life ------------------------------------------------------------------------------------------------------------- */

static void alert_gauges(struct rt_op *op) {
    struct rt_alert *a = rt_alert_of(op);
    op->metrics.buffered = a->wait.reorder.n_rows;
    op->metrics.keys = a->lives.index.n_live;
}

static void alert_free(struct rt_op *op) {
    struct rt_alert *a = rt_alert_of(op);
    rt_slices_release(&a->saving);
    rt_wait_release(&a->wait);
    rt_lives_release(&a->lives);
    base_arena_release(&a->scratch);
    base_arena_release(&a->packing);
    base_buf_release(&a->identity);
    base_buf_release(&a->text);
    evt_batch_unref(a->out);
    rt_op_release(op);
    base_free(a);
}

static const struct rt_op_vt alert_vt = {
    .kind = "alert",
    .batch = alert_batch,
    .watermark = alert_watermark,
    .wakes_at = alert_wakes_at,
    .gauges = alert_gauges,
    .save = rt_alert_save,
    .save_some = rt_alert_save_some,
    .save_cancel = rt_alert_save_cancel,
    .load = rt_alert_load,
    .free = alert_free,
};

struct rt_op *rt_alert_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk) {
    struct rt_alert *a = base_calloc(1, sizeof *a);
    rt_op_init(&a->op, &alert_vt, node, node->name, node->alert.has_resolve_when ? 2 : 1, clk);
    a->alert = &node->alert;
    a->on = plan_schema_of(plan, node->alert.on);
    if (node->alert.has_resolve_when)
        a->resolve = plan_schema_of(plan, node->alert.resolve_when);
    a->id_col = hidden_col(a->on, PLAN_HIDDEN_ID);
    a->started_col = hidden_col(a->on, PLAN_HIDDEN_STARTED_AT);
    a->events_col = hidden_col(a->on, PLAN_HIDDEN_EVENTS);
    rt_lives_init(&a->lives);
    rt_wait_init(&a->wait);
    base_arena_init(&a->scratch, 0);
    base_arena_init(&a->packing, 0);
    expr_row_init(&a->row, &a->scratch, 0);
    return &a->op;
}
