/*
 * rt_alert -- matches somebody must act on: identity, suppression, firing and resolved, the record.
 *
 * Input 0 is what the alert is on; input 1, when there is one, the stream of `resolve when`. Rows wait for the watermark
 * and are judged in order of event time (ties: input, then origin, then position), interleaved with the deadlines of
 * `resolve after`, so the outcome does not depend on the order in which batches arrive.
 */
#include "runtime/rt_ops.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "event/evt_pack.h"
#include "expr/expr_row.h"
#include "runtime/rt_life.h"

enum { IN_ON = 0, IN_RESOLVE = 1, OUT_ROWS = 64 };

/* A row that waits for the watermark. */
struct waiting {
    int64_t time;
    uint64_t arrived;        /* place among all that ever waited: the last tie-break */
    struct evt_batch *batch; /* counted */
    uint32_t row, input;
};

struct rt_alert {
    struct rt_op op;
    const struct plan_alert *alert;
    const struct evt_schema *on;         /* schema of what it is on */
    int id_col, started_col, events_col; /* hidden columns of `on`, or -1 */
    struct waiting *waiting;             /* owned; a heap, the next to be judged first */
    size_t n_waiting, cap_waiting;
    uint64_t n_arrived, n_sent; /* rows taken in, records made */
    struct rt_lives lives;
    struct base_arena scratch; /* of one row */
    struct base_buf identity, text;
    struct expr_row row;
    struct evt_batch *out;            /* owned; NULL: nothing to send */
    const struct evt_schema *resolve; /* of input 1; NULL: there is none */
    bool same_by, same_rows;          /* while loading: identities, rows and records are what they were */
};

static struct rt_alert *alert_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_alert, op);
}

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

/* -- waiting for the watermark ------------------------------------------------------------------------------- */

static bool before(const struct waiting *a, const struct waiting *b) {
    if (a->time != b->time)
        return a->time < b->time;
    if (a->input != b->input)
        return a->input < b->input;
    uint32_t a_origin = a->batch->origin[a->row], b_origin = b->batch->origin[b->row];
    if (a_origin != b_origin)
        return a_origin < b_origin;
    uint64_t a_seq = a->batch->seq[a->row], b_seq = b->batch->seq[b->row];
    return a_seq != b_seq ? a_seq < b_seq : a->arrived < b->arrived;
}

/* Takes over w's reference. */
static void push(struct rt_alert *a, struct waiting w) {
    a->waiting = base_grow(a->waiting, a->n_waiting, &a->cap_waiting, sizeof *a->waiting);
    size_t i = a->n_waiting++;
    for (; i > 0 && before(&w, &a->waiting[(i - 1) / 2]); i = (i - 1) / 2)
        a->waiting[i] = a->waiting[(i - 1) / 2];
    a->waiting[i] = w;
}

/* Returns: the first, with its reference. Requires: there is one. */
static struct waiting pop(struct rt_alert *a) {
    struct waiting first = a->waiting[0], last = a->waiting[--a->n_waiting];
    size_t i = 0;
    for (size_t c; (c = 2 * i + 1) < a->n_waiting; i = c) {
        if (c + 1 < a->n_waiting && before(&a->waiting[c + 1], &a->waiting[c]))
            c++;
        if (!before(&a->waiting[c], &last))
            break;
        a->waiting[i] = a->waiting[c];
    }
    a->waiting[i] = last;
    return first;
}

static enum cep_rc alert_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_alert *a = alert_of(op);
    (void)err;
    for (uint32_t i = 0; i < b->n_rows; i++)
        if (evt_batch_has(b, i))
            push(a, (struct waiting){ b->time[i], a->n_arrived++, evt_batch_ref(b), i, input });
    return CEP_OK;
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
static struct evt_val id_val(struct rt_alert *a, const struct waiting *w) {
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
    struct rt_alert *a, const struct waiting *w, struct rt_life *life, struct cep_err *err) {
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

static bool has_life(const struct plan_alert *p) {
    return p->resolve_after_us > 0 || p->has_resolve_when;
}

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
        if (life->firing)
            rc = resolve(a, life, at, err);
        else
            rt_lives_forget(&a->lives, life);
    }
    return rc;
}

/* Moves to the row that is judged. */
static void look_at(struct rt_alert *a, const struct waiting *w) {
    base_arena_clear(&a->scratch);
    base_buf_clear(&a->identity);
    expr_row_at(&a->row, w->batch, w->row);
}

static struct base_str identity_of(struct rt_alert *a) {
    return (struct base_str){ base_buf_cstr(&a->identity), a->identity.len };
}

/* Lets the row through unless its identity fires already or is suppressed. */
static enum cep_rc consider(struct rt_alert *a, const struct waiting *w, struct cep_err *err) {
    const struct plan_alert *p = a->alert;
    if (p->suppress_us == 0 && !has_life(p))
        return emit_firing(a, w, NULL, err);
    for (uint32_t i = 0; i < p->n_by; i++) {
        struct evt_val v = eval(a, p->by[i].expr);
        evt_val_write_key(&a->identity, p->by[i].expr->type, &v);
    }
    struct rt_life *life = rt_lives_find(&a->lives, identity_of(a));
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
        life = rt_lives_make(&a->lives, identity_of(a));
    life->last_let = w->time;
    life->firing = has_life(p);
    rt_lives_set_deadline(&a->lives, life, life->firing ? pushed : suppressed_until(p, life));
    return emit_firing(a, w, life, err);
}

/* A failed expression is null, and the row goes to the errors port besides. */
static enum cep_rc judge_match(struct rt_alert *a, const struct waiting *w, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    look_at(a, w);
    if (!a->alert->where || expr_eval_bool(a->alert->where, &a->row.env))
        rc = consider(a, w, err);
    if (rc == CEP_OK && a->row.env.failure)
        rc = rt_op_row_failed(&a->op, w->batch, w->row, a->row.env.failure, err);
    return rc;
}

static enum cep_rc judge_resolve(struct rt_alert *a, const struct waiting *w, struct cep_err *err) {
    const struct plan_alert *p = a->alert;
    look_at(a, w);
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
    struct rt_life *life = rt_lives_find(&a->lives, identity_of(a));
    return life && life->firing ? resolve(a, life, w->time, err) : CEP_OK;
}

static enum cep_rc alert_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_alert *a = alert_of(op);
    enum cep_rc rc = CEP_OK;
    a->row.env.now_us = clk_now(op->clk);
    while (rc == CEP_OK && a->n_waiting > 0 && a->waiting[0].time <= wm) {
        struct waiting w = pop(a);
        rc = deadlines(a, w.time, err);
        if (rc == CEP_OK)
            rc = w.input == IN_ON ? judge_match(a, &w, err) : judge_resolve(a, &w, err);
        evt_batch_unref(w.batch);
    }
    if (rc == CEP_OK)
        rc = deadlines(a, wm, err);
    return rc == CEP_OK ? send(a, err) : rc;
}

static int64_t alert_wakes_at(const struct rt_op *op) {
    const struct rt_alert *a = alert_of(op);
    int64_t at = rt_lives_next(&a->lives);
    return a->n_waiting && a->waiting[0].time < at ? a->waiting[0].time : at;
}

/* -- what survives ---------------------------------------------------------------------------------------------- */

/*
 * META (key ""): varint rows taken in, varint records made; str the types of the identity; str the schemas of what it is on, of
 * what resolves it (when there is one), and of its record.
 * LIFE (key: the identity): zigzag last let through, zigzag deadline, u8 1 when it fires, and then its record, a row.
 * ROW (key: u64 place in the order of arrival): varint input, a row.
 */
static void pack_by(struct base_buf *b, const struct plan_alert *p) {
    for (uint32_t i = 0; i < p->n_by; i++)
        evt_pack_type(b, p->by[i].expr->type);
}

static void pack_schemas(struct base_buf *b, const struct rt_alert *a) {
    evt_pack_schema(b, a->on);
    if (a->resolve)
        evt_pack_schema(b, a->resolve);
    evt_pack_schema(b, a->op.node->schema);
}

static enum cep_rc save_meta(struct rt_alert *a, const struct sto_out *out, struct cep_err *err) {
    struct base_buf value = BASE_BUF_INIT, part = BASE_BUF_INIT;
    base_pack_varint(&value, a->n_arrived);
    base_pack_varint(&value, a->n_sent);
    pack_by(&part, a->alert);
    base_pack_str(&value, base_buf_view(&part));
    base_buf_clear(&part);
    pack_schemas(&part, a);
    base_pack_str(&value, base_buf_view(&part));
    enum cep_rc rc = sto_put(out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&value), err);
    base_buf_release(&value);
    base_buf_release(&part);
    return rc;
}

static enum cep_rc save_life(
    struct rt_alert *a, const struct rt_life *life, const struct sto_out *out, struct cep_err *err) {
    struct base_buf value = BASE_BUF_INIT;
    base_arena_clear(&a->scratch);
    base_pack_zigzag(&value, life->last_let);
    base_pack_zigzag(&value, life->deadline);
    base_pack_u8(&value, life->firing);
    if (life->firing)
        evt_pack_row(&value, life->record, 0, &a->scratch);
    enum cep_rc rc = sto_put(
        out, RT_NS_LIFE, sto_group_of(life->identity), life->identity, base_buf_view(&value), err);
    base_buf_release(&value);
    return rc;
}

/* Into a->identity; an expression that fails is null in it, as when the row is judged. */
static void write_identity(struct rt_alert *a, const struct waiting *w) {
    const struct plan_alert *p = a->alert;
    look_at(a, w);
    for (uint32_t i = 0; i < p->n_by; i++) {
        struct evt_val v;
        if (w->input == IN_ON)
            v = eval(a, p->by[i].expr);
        else
            evt_col_get(&w->batch->cols[p->resolve_cols[i]], w->row, &a->scratch, &v);
        evt_val_write_key(&a->identity, p->by[i].expr->type, &v);
    }
}

static enum cep_rc save_row(
    struct rt_alert *a, const struct waiting *w, const struct sto_out *out, struct cep_err *err) {
    struct base_buf key = BASE_BUF_INIT, value = BASE_BUF_INIT;
    write_identity(a, w);
    uint32_t group = sto_group_of(identity_of(a));
    base_arena_clear(&a->scratch);
    base_pack_u64(&key, w->arrived);
    base_pack_varint(&value, w->input);
    evt_pack_row(&value, w->batch, w->row, &a->scratch);
    enum cep_rc rc = sto_put(out, RT_NS_ROW, group, base_buf_view(&key), base_buf_view(&value), err);
    base_buf_release(&key);
    base_buf_release(&value);
    return rc;
}

static enum cep_rc alert_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct rt_alert *a = alert_of(op);
    enum cep_rc rc = save_meta(a, out, err);
    for (size_t i = 0; i < a->lives.n_lives && rc == CEP_OK; i++)
        if (a->lives.lives[i].in_use)
            rc = save_life(a, &a->lives.lives[i], out, err);
    for (size_t i = 0; i < a->n_waiting && rc == CEP_OK; i++)
        rc = save_row(a, &a->waiting[i], out, err);
    return rc;
}

static void load_meta(struct rt_alert *a, struct base_unpack *u) {
    struct base_buf now = BASE_BUF_INIT;
    uint64_t arrived = base_unpack_varint(u), sent = base_unpack_varint(u);
    struct base_str by = base_unpack_str(u), rows = base_unpack_str(u);
    pack_by(&now, a->alert);
    a->same_by = base_str_eq(by, base_buf_view(&now));
    base_buf_clear(&now);
    pack_schemas(&now, a);
    a->same_rows = base_str_eq(rows, base_buf_view(&now));
    base_buf_release(&now);
    if (arrived > a->n_arrived)
        a->n_arrived = arrived;
    if (sent > a->n_sent)
        a->n_sent = sent;
}

static void lose(struct rt_alert *a, struct sto_losses *losses, const char *what) {
    sto_lose(losses, a->op.name, base_str_of(what), 1);
}

/* What it fires or suppresses by today's rules; what the rules of then kept and those of today do not is nobody's loss. */
static void load_life(
    struct rt_alert *a, struct base_str identity, struct base_unpack *u, struct sto_losses *losses) {
    int64_t last_let = base_unpack_zigzag(u), deadline = base_unpack_zigzag(u);
    bool firing = base_unpack_max(u, 1) != 0;
    if (u->bad)
        return;
    if (!a->same_by || (firing && (!a->same_rows || !has_life(a->alert)))) {
        lose(a, losses, firing ? "alerts that fire" : "suppressed identities");
        u->p = u->end;
        return;
    }
    struct evt_batch *record = firing ? evt_batch_new(a->op.node->schema, 1) : NULL;
    base_arena_clear(&a->scratch);
    if (firing && !evt_unpack_row(u, record, &a->scratch)) {
        evt_batch_unref(record);
        u->bad = true;
        return;
    }
    struct rt_life *life = rt_lives_find(&a->lives, identity);
    if (!life)
        life = rt_lives_make(&a->lives, identity);
    evt_batch_unref(life->record);
    life->last_let = last_let;
    life->firing = firing;
    life->record = record;
    rt_lives_set_deadline(&a->lives, life, deadline);
}

static void load_row(
    struct rt_alert *a, struct base_str key, struct base_unpack *u, struct sto_losses *losses) {
    struct base_unpack k = base_unpack_of(key);
    uint64_t arrived = base_unpack_u64(&k);
    uint32_t input = (uint32_t)base_unpack_max(u, IN_RESOLVE);
    u->bad |= !base_unpack_ok(&k);
    if (u->bad)
        return;
    if (!a->same_rows) {
        lose(a, losses, "rows that waited for the watermark");
        u->p = u->end;
        return;
    }
    if (input == IN_RESOLVE && !a->resolve) {
        u->bad = true;
        return;
    }
    struct evt_batch *b = evt_batch_new(input == IN_ON ? a->on : a->resolve, 1);
    base_arena_clear(&a->scratch);
    if (evt_unpack_row(u, b, &a->scratch)) {
        push(a, (struct waiting){ b->time[0], arrived, b, 0, input });
    } else {
        evt_batch_unref(b);
        u->bad = true;
    }
}

static enum cep_rc alert_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_alert *a = alert_of(op);
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META)
        load_meta(a, &u);
    else if (e->ns == RT_NS_LIFE)
        load_life(a, e->key, &u, losses);
    else if (e->ns == RT_NS_ROW)
        load_row(a, e->key, &u, losses);
    else
        u.bad = true;
    return base_unpack_ok(&u) ? CEP_OK
                              : base_err_set(err, CEP_EDAMAGED, "alert \"%.*s\": its saved state is damaged",
                                    BASE_STR_FMT(op->name));
}

static void alert_gauges(struct rt_op *op) {
    struct rt_alert *a = alert_of(op);
    op->metrics.buffered = a->n_waiting;
    op->metrics.keys = a->lives.index.n_live;
}

static void alert_free(struct rt_op *op) {
    struct rt_alert *a = alert_of(op);
    for (size_t i = 0; i < a->n_waiting; i++)
        evt_batch_unref(a->waiting[i].batch);
    base_free(a->waiting);
    rt_lives_release(&a->lives);
    base_arena_release(&a->scratch);
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
    .save = alert_save,
    .load = alert_load,
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
    base_arena_init(&a->scratch, 0);
    expr_row_init(&a->row, &a->scratch, 0);
    return &a->op;
}
