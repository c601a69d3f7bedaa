/*
 * rt_combine -- see rt_combine.h.
 */
#include "runtime/rt_combine.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "event/evt_view.h"
#include "plan/plan_combine.h"
#include "runtime/rt_aggregate.h"
#include "runtime/rt_ops.h"

enum {
    COMBINE_GROUPS = 4096, /* some hundred KiB: what a cache holds */
    COMBINE_ROWS = 16384,
    COUNT_BITS = 12, /* keys share so many counters */
    COUNTERS = 1 << COUNT_BITS,
    COUNTED_ROWS = 4096, /* before it is said which are frequent */
    FREQUENT = 8, /* of these, at least: with keys that are all alike few counters have that many by chance */
    JUDGED_ROWS = 1024, /* gathered, before it is said whether that was worth it */
    WORTH = 4,          /* rows that become one, at least: making one costs what some rows do */
    RESTS_BATCHES = 256 /* where it is not, or no key is frequent */
};

struct rt_combine {
    struct rt_op op;
    struct rt_aggregate
        *ag;            /* owned: evaluates and groups as the aggregation does; nothing is connected to it */
    struct rt_op *send; /* borrowed */
    const struct evt_schema *schema;
    bool alone, flat;
    bool ahead;           /* the aggregation may be: nothing is gathered any more */
    uint32_t rests;       /* batches that still go as they are */
    uint64_t n_held;      /* rows in groups that are here */
    uint64_t n_in, n_out; /* rows gathered and rows made of them, since it was last judged */
    uint16_t counts
        [COUNTERS]; /* of rows, by a part of their keys' hashes, since it was last said which are frequent */
    uint64_t frequent[COUNTERS / 64]; /* those that were; all, before it is known */
    uint32_t n_counted;
    uint64_t n_untold;      /* rows that stand for nothing: `where` left them out */
    struct evt_batch *out;  /* owned; NULL = none */
    struct base_buf packed; /* scratch */
};

static struct rt_combine *combine_of(struct rt_op *op) {
    return CEP_CONTAINER_OF(op, struct rt_combine, op);
}

/* -- what was gathered ------------------------------------------------------------------------------------------------ */

static enum cep_rc send(struct rt_combine *c, struct cep_err *err) {
    struct evt_batch *b = c->out;
    c->out = NULL;
    enum cep_rc rc = b && b->n_rows > 0 ? c->send->vt->batch(c->send, 0, b, err) : CEP_OK;
    evt_batch_unref(b);
    return rc;
}

static enum cep_rc put(void *arg, const struct rt_group *g, int64_t start, struct cep_err *err) {
    struct rt_combine *c = arg;
    const struct plan_aggregate *plan = c->ag->plan;
    if (!c->out)
        c->out = evt_batch_new(c->schema, 0);
    struct evt_batch *b = c->out;
    uint32_t row = b->n_rows;
    for (uint32_t k = 0; k < plan->n_keys; k++)
        evt_col_set_val(&b->cols[k], row, &g->vals[k]);
    evt_col_set_i(&b->cols[plan_combined_rows(plan)], row, (int64_t)(g->n_rows + c->n_untold));
    base_buf_clear(&c->packed);
    rt_accs_pack(&c->ag->kind, &c->packed, g->accs);
    evt_col_set_bytes(&b->cols[plan_combined_accs(plan)], row, c->packed.p, (uint32_t)c->packed.len);
    b->time[row] = start;
    b->seq[row] = 0;
    b->origin[row] = 0;
    evt_batch_end_row(b);
    c->n_held -= g->n_rows;
    c->n_untold = 0;
    c->n_out++;
    return evt_batch_is_full(b) ? send(c, err) : CEP_OK;
}

/* Panes that end at or before `until` + 1 go. */
static enum cep_rc put_until(struct rt_combine *c, int64_t until, struct cep_err *err) {
    enum cep_rc rc = rt_window_time_take_out(c->ag, until, put, c, err);
    if (rc == CEP_OK)
        rc = send(c, err);
    if (c->n_in < JUDGED_ROWS)
        return rc;
    if (c->n_out > 0 && c->n_in < WORTH * c->n_out)
        c->rests = RESTS_BATCHES;
    if (c->n_out > 0)
        c->n_in = c->n_out = 0;
    return rc;
}

enum cep_rc rt_combine_flush(struct rt_op *op, struct cep_err *err) {
    return put_until(combine_of(op), EVT_TIME_MAX, err);
}

/* -- rows --------------------------------------------------------------------------------------------------------------- */

/* Says anew which counters are of frequent keys. */
static void find_frequent(struct rt_combine *c) {
    bool any = false;
    memset(c->frequent, 0, sizeof c->frequent);
    for (uint32_t i = 0; i < COUNTERS; i++)
        if (c->counts[i] >= FREQUENT) {
            base_bits_set(c->frequent, i);
            any = true;
        }
    memset(c->counts, 0, sizeof c->counts);
    c->n_counted = 0;
    if (!any)
        c->rests = RESTS_BATCHES;
}

/* Those of the rows whose keys are not frequent. */
static void leave_rare(struct rt_combine *c, const struct evt_batch *prep, uint64_t *raw) {
    const uint64_t *hash = c->ag->keys.hash;
    for (uint32_t i = 0; i < prep->n_rows; i++) {
        if (!evt_batch_has(prep, i))
            continue;
        uint32_t at = (uint32_t)(hash[i] >> (64 - COUNT_BITS));
        c->counts[at]++;
        c->n_counted++;
        if (!base_bits_get(c->frequent, at))
            base_bits_set(raw, i);
    }
    if (c->n_counted >= COUNTED_ROWS)
        find_frequent(c);
}

static void select_others(struct evt_batch *prep, const uint64_t *raw) {
    uint64_t *sel = evt_batch_need_sel(prep);
    for (size_t w = 0; w < BASE_BITS_WORDS(prep->n_rows); w++)
        sel[w] &= ~raw[w];
}

/* Gathers what can be of a batch. *raw: the others, of those that are there. Returns: rows gathered. */
static uint64_t gather(struct rt_combine *c, struct evt_batch *b, uint64_t *raw) {
    struct rt_aggregate *ag = c->ag;
    struct evt_batch *prep = rt_project_try(&ag->prepare, b, clk_now(c->op.clk), raw);
    uint64_t n = 0;
    for (uint32_t i = 0; i < b->n_rows; i++)
        if ((b->time[i] < -RT_FAR || b->time[i] > RT_FAR) && evt_batch_has(prep, i))
            base_bits_set(raw, i);
    select_others(prep, raw);
    if (evt_batch_count(prep) > 0) {
        rt_keys_make(&ag->keys, prep, ag->kind.n_keys, &ag->scratch);
        leave_rare(c, prep, raw);
        select_others(prep, raw);
        n = evt_batch_count(prep);
        n -= rt_aggregate_gather(ag, prep, raw);
    }
    c->n_held += n;
    c->n_in += n;
    evt_batch_unref(prep);
    return n;
}

static enum cep_rc pass_on(
    struct rt_combine *c, struct evt_batch *b, const uint64_t *raw, struct cep_err *err) {
    struct evt_batch *v = evt_view_part(b->schema, b, raw);
    enum cep_rc rc = rt_emit(&c->op, PLAN_PORT_MAIN, v, err);
    evt_batch_unref(v);
    return rc;
}

static enum cep_rc combine_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_combine *c = combine_of(op);
    uint64_t raw[EVT_BATCH_ROWS / 64] = { 0 };
    (void)input;
    if (c->ahead || op->idle || c->rests > 0) {
        c->rests -= c->rests > 0;
        return rt_emit(op, PLAN_PORT_MAIN, b, err);
    }
    uint64_t n = gather(c, b, raw);
    if (n == 0)
        return rt_emit(op, PLAN_PORT_MAIN, b, err);
    uint64_t n_raw = base_bits_count(raw, b->n_rows);
    c->n_untold += evt_batch_count(b) - n_raw - n;
    enum cep_rc rc = n_raw > 0 ? pass_on(c, b, raw, err) : CEP_OK;
    if (rc == CEP_OK &&
        (c->ag->window->n_groups(c->ag) > COMBINE_GROUPS || (!c->flat && c->n_held > COMBINE_ROWS)))
        rc = rt_combine_flush(op, err);
    return rc;
}

static enum cep_rc combine_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_combine *c = combine_of(op);
    enum cep_rc rc = put_until(c, wm, err);
    rt_window_time_has_ended(c->ag, wm);
    return rc;
}

static enum cep_rc combine_idle(struct rt_op *op, bool idle, struct cep_err *err) {
    struct rt_combine *c = combine_of(op);
    c->ahead |= idle && !c->alone;
    return rt_combine_flush(op, err);
}

/* -- life ----------------------------------------------------------------------------------------------------------------- */

/* Of what the aggregation saved only how far it was, the furthest of its subtasks: it is addressed as that is, and takes nothing from it. */
static enum cep_rc combine_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_aggregate *ag = combine_of(op)->ag;
    if (e->ns != STO_NS_META)
        return CEP_OK;
    struct base_unpack u = base_unpack_of(e->value);
    (void)losses;
    rt_window_time_has_ended(ag, base_unpack_zigzag(&u));
    return u.bad ? base_err_set(err, CEP_EDAMAGED, "stream \"%.*s\": its saved state is damaged",
                       BASE_STR_FMT(op->name))
                 : CEP_OK;
}

static void combine_free(struct rt_op *op) {
    struct rt_combine *c = combine_of(op);
    c->ag->op.vt->free(&c->ag->op);
    evt_batch_unref(c->out);
    base_buf_release(&c->packed);
    rt_op_release(op);
    base_free(c);
}

static const struct rt_op_vt combine_vt = {
    .kind = "aggregate",
    .batch = combine_batch,
    .watermark = combine_watermark,
    .end = rt_combine_flush,
    .idle = combine_idle,
    .load = combine_load,
    .free = combine_free,
};

struct rt_op *rt_combine_new(const struct plan *plan, const struct plan_node *node,
    const struct evt_schema *schema, struct rt_op *send, bool alone, const struct clk *clk) {
    struct rt_combine *c = base_calloc(1, sizeof *c);
    rt_op_init(&c->op, &combine_vt, NULL, node->name, 1, clk);
    c->ag = rt_aggregate_of(rt_aggregate_new(plan, node, clk));
    c->ag->counts = true;
    c->send = send;
    c->schema = schema;
    c->alone = alone;
    c->flat = true;
    memset(c->frequent, 0xff, sizeof c->frequent);
    for (uint32_t i = 0; i < c->ag->kind.n_accs; i++)
        c->flat &= expr_acc_is_flat(&c->ag->kind.fns[i]);
    base_buf_init(&c->packed);
    return &c->op;
}

/* -- the other side --------------------------------------------------------------------------------------------------------- */

enum cep_rc rt_combine_take(struct rt_aggregate *ag, const struct evt_batch *b, struct cep_err *err) {
    const struct plan_aggregate *plan = ag->plan;
    const struct evt_col *rows = &b->cols[plan_combined_rows(plan)],
                         *accs = &b->cols[plan_combined_accs(plan)];
    enum cep_rc rc = CEP_OK;
    rt_keys_make(&ag->keys, b, ag->kind.n_keys, &ag->scratch);
    for (uint32_t i = 0; i < b->n_rows && rc == CEP_OK; i++) {
        if (!evt_batch_has(b, i))
            continue;
        struct rt_agg_row row = { .prep = b,
            .row = i,
            .at = { .time = b->time[i] },
            .hash = ag->keys.hash[i],
            .bytes = rt_keys_bytes(&ag->keys, i),
            .vals = rt_aggregate_key(ag, b, i) };
        struct base_unpack u = base_unpack_of(evt_col_str(accs, i));
        uint64_t n = rows->i[i] > 0 ? (uint64_t)rows->i[i] : 1;
        ag->op.metrics.rows_in += n - 1;
        rt_accs_unpack(&ag->kind, &u, &ag->scratch, ag->merged);
        if (!base_unpack_ok(&u))
            rc = base_err_set(err, CEP_EDAMAGED,
                "stream \"%.*s\": rows gathered before they travelled are damaged",
                BASE_STR_FMT(ag->op.name));
        else if (!rt_window_time_merge(ag, &row, ag->merged))
            ag->op.metrics.late += n;
        rt_accs_clear(&ag->kind, ag->merged);
        base_arena_clear(&ag->scratch);
    }
    return rc;
}
