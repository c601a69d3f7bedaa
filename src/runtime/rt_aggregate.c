/*
 * rt_aggregate -- see rt_aggregate.h.
 */
#include "runtime/rt_aggregate.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "event/evt_view.h"
#include "expr/expr_run.h"
#include "plan/plan_combine.h"
#include "runtime/rt_combine.h"
#include "runtime/rt_given.h"
#include "runtime/rt_ops.h"

enum { IN_MAIN = 0 };

static struct rt_aggregate *aggregate_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_aggregate, op);
}

/* -- results -------------------------------------------------------------------------------------------------------- */

enum cep_rc rt_aggregate_flush(struct rt_aggregate *ag, struct cep_err *err) {
    struct evt_batch *b = ag->out;
    if (!b)
        return CEP_OK;
    ag->out = NULL;
    enum cep_rc rc = rt_project_send(&ag->finish, &ag->op, b, err);
    evt_batch_unref(b);
    return rc;
}

struct evt_batch *rt_aggregate_fill(
    struct rt_aggregate *ag, const struct rt_agg_result *r, const struct evt_val *vals, const char *mark) {
    if (!ag->out)
        ag->out = evt_batch_new(ag->plan->groups, 0);
    struct evt_batch *b = ag->out;
    uint32_t row = b->n_rows, col = 0;
    for (uint32_t k = 0; k < ag->kind.n_keys; k++)
        evt_col_set_val(&b->cols[col++], row, &r->keys[k]);
    for (uint32_t i = 0; i < ag->kind.n_accs; i++)
        evt_col_set_val(&b->cols[col++], row, &vals[i]);
    struct evt_val start = { .null = !r->bounded, .i = r->start }, end = { .null = !r->bounded, .i = r->end };
    evt_col_set_val(&b->cols[col++], row, &start);
    evt_col_set_val(&b->cols[col++], row, &end);
    if (mark)
        evt_col_set_bytes(&b->cols[col++], row, mark, (uint32_t)strlen(mark));
    b->time[row] = r->time;
    b->origin[row] = EVT_ORIGIN_MATCH | (uint32_t)(r->hash & ~EVT_ORIGIN_MATCH);
    b->seq[row] = rt_aggregate_seq(r->start, r->end, r->hash, r->nth);
    return b;
}

enum cep_rc rt_aggregate_put(struct rt_aggregate *ag, const struct rt_agg_result *r,
    const struct evt_val *vals, const char *mark, struct cep_err *err) {
    struct evt_batch *b = rt_aggregate_fill(ag, r, vals, mark);
    evt_batch_end_row(b);
    return evt_batch_is_full(b) ? rt_aggregate_flush(ag, err) : CEP_OK;
}

static enum cep_rc give_plain(struct rt_aggregate *ag, const struct rt_agg_result *r, struct cep_err *err) {
    const char *failure = NULL;
    struct evt_val *vals = ag->results;
    for (uint32_t i = 0; i < ag->kind.n_accs; i++)
        expr_acc_result(&ag->kind.fns[i], &r->accs[i], &ag->scratch, &vals[i], &failure);
    struct evt_batch *b = rt_aggregate_fill(ag, r, vals, NULL);
    uint32_t row = b->n_rows;
    evt_batch_end_row(b);
    enum cep_rc rc = failure ? rt_op_row_failed(&ag->op, b, row, failure, err) : CEP_OK;
    return rc == CEP_OK && evt_batch_is_full(b) ? rt_aggregate_flush(ag, err) : rc;
}

enum cep_rc rt_aggregate_give(struct rt_aggregate *ag, const struct rt_agg_result *r, struct cep_err *err) {
    enum cep_rc rc = ag->plan->changes ? rt_given_give(ag, r, err) : give_plain(ag, r, err);
    base_arena_clear(&ag->scratch);
    return rc;
}

int64_t rt_aggregate_next_every(const struct rt_aggregate *ag, int64_t t) {
    int64_t d = ag->plan->emit_us, rest = t % d;
    return rt_time_plus(t, d - (rest < 0 ? rest + d : rest));
}

/* -- rows ----------------------------------------------------------------------------------------------------------- */

static void step(struct rt_aggregate *ag, uint32_t i, const struct rt_agg_row *row, struct expr_acc *acc,
    const struct evt_val *v) {
    if (row->back)
        expr_acc_back(&ag->kind.fns[i], acc, v);
    else
        expr_acc_step(&ag->kind.fns[i], acc, v, &row->at);
}

static void step_one(
    struct rt_aggregate *ag, const struct rt_agg_row *row, uint32_t i, struct expr_acc *acc) {
    const struct evt_col *filter = ag->filter_col[i] < 0 ? NULL : &row->prep->cols[ag->filter_col[i]];
    if (filter && (evt_col_is_null(filter, row->row) || !filter->b[row->row]))
        return;
    if (ag->arg_col[i] < 0) {
        step(ag, i, row, acc, NULL);
        return;
    }
    struct evt_val v;
    evt_col_get(&row->prep->cols[ag->arg_col[i]], row->row, &ag->scratch, &v);
    step(ag, i, row, acc, &v);
}

void rt_aggregate_step(struct rt_aggregate *ag, const struct rt_agg_row *row, struct expr_acc *accs) {
    for (uint32_t i = 0; i < ag->kind.n_accs; i++)
        step_one(ag, row, i, &accs[i]);
}

const struct evt_val *rt_aggregate_key(struct rt_aggregate *ag, const struct evt_batch *prep, uint32_t row) {
    for (uint32_t k = 0; k < ag->kind.n_keys; k++)
        evt_col_get(&prep->cols[k], row, &ag->scratch, &ag->key_vals[k]);
    return ag->key_vals;
}

static enum cep_rc take_row(struct rt_aggregate *ag, const struct evt_batch *prep, uint32_t i,
    struct base_str bytes, uint64_t hash, struct cep_err *err) {
    struct rt_agg_row row = { .prep = prep,
        .row = i,
        .at = { prep->time[i], prep->origin[i], prep->seq[i] },
        .hash = hash,
        .bytes = bytes,
        .vals = rt_aggregate_key(ag, prep, i),
        .back = ag->mark_col >= 0 && evt_mark_is_back(evt_col_str(&prep->cols[ag->mark_col], i)) };
    enum cep_rc rc = ag->window->take(ag, &row, err);
    base_arena_clear(&ag->scratch);
    return rc;
}

static enum cep_rc take_waited(
    struct rt_aggregate *ag, const struct evt_batch *prep, uint32_t i, struct cep_err *err) {
    base_buf_clear(&ag->key);
    (void)rt_aggregate_key(ag, prep, i);
    for (uint32_t k = 0; k < ag->kind.n_keys; k++)
        evt_val_write_key(&ag->key, ag->kind.key_types[k], &ag->key_vals[k]);
    struct base_str bytes = { ag->key.p ? ag->key.p : "", ag->key.len };
    return take_row(ag, prep, i, bytes, base_hash(bytes.p, bytes.len), err);
}

/* Rows that waited, up to the watermark, each after the windows that ended before it. */
static enum cep_rc take_waiting(struct rt_aggregate *ag, int64_t wm, struct cep_err *err) {
    struct clk_row rows[RT_WAIT_AT_ONCE];
    enum cep_rc rc = CEP_OK;
    size_t n;
    while (rc == CEP_OK && (n = rt_wait_take(&ag->wait, wm, rows, RT_WAIT_AT_ONCE)) > 0)
        for (size_t i = 0; i < n; i++) {
            if (rc == CEP_OK && rows[i].time > EVT_TIME_MIN)
                rc = ag->window->advance(ag, rows[i].time - 1, err);
            if (rc == CEP_OK)
                rc = take_waited(ag, rt_wait_batch(&ag->wait, &rows[i]), rows[i].row, err);
            rt_wait_done(&ag->wait, &rows[i]);
        }
    return rc;
}

/* -- batches -------------------------------------------------------------------------------------------------------- */

static enum cep_rc send_late(
    struct rt_aggregate *ag, struct evt_batch *b, const uint64_t *late, struct cep_err *err) {
    if (!rt_op_has_out(&ag->op, PLAN_PORT_LATE))
        return CEP_OK;
    struct evt_batch *v = evt_view_part(ag->op.node->late_schema, b, late);
    enum cep_rc rc = rt_emit(&ag->op, PLAN_PORT_LATE, v, err);
    evt_batch_unref(v);
    return rc;
}

/* Of rows [0, n) those that the filter, if any, lets through, and whose argument is no null where those are left out. */
static uint32_t narrow(const struct evt_col *filter, const struct evt_col *arg, const uint16_t *rows,
    char *const *to, uint32_t n, uint16_t *out_rows, char **out_to) {
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (filter && (evt_col_is_null(filter, rows[i]) || !filter->b[rows[i]]))
            continue;
        if (arg && evt_col_is_null(arg, rows[i]))
            continue;
        out_rows[m] = rows[i];
        out_to[m++] = to[i];
    }
    return m;
}

/* Rows [0, n) to their accumulators: an aggregate at a time, where it has a loop for it. */
static void step_block(struct rt_aggregate *ag, const struct evt_batch *prep, const uint16_t *rows,
    struct expr_acc *const *accs, uint32_t n) {
    char *to[RT_AGG_BLOCK], *some_to[RT_AGG_BLOCK];
    uint16_t some[RT_AGG_BLOCK];
    for (uint32_t i = 0; i < n; i++)
        to[i] = (char *)accs[i];
    for (uint32_t a = 0; a < ag->kind.n_accs; a++) {
        const struct evt_col *arg = ag->arg_col[a] < 0 ? NULL : &prep->cols[ag->arg_col[a]];
        const struct evt_col *filter = ag->filter_col[a] < 0 ? NULL : &prep->cols[ag->filter_col[a]];
        size_t off = a * sizeof(struct expr_acc);
        uint32_t m = n;
        bool less = filter || (arg && arg->valid);
        if (less)
            m = narrow(filter, arg, rows, to, n, some, some_to);
        if (expr_acc_step_rows(&ag->kind.fns[a], arg, less ? some : rows, less ? some_to : to, off, m))
            continue;
        for (uint32_t i = 0; i < n; i++) {
            struct rt_agg_row row = { .prep = prep,
                .row = rows[i],
                .at = { prep->time[rows[i]], prep->origin[rows[i]], prep->seq[rows[i]] } };
            step_one(ag, &row, a, &accs[i][a]);
        }
    }
    base_arena_clear(&ag->scratch);
}

/* The next rows that are there. */
static uint32_t next_block(const struct evt_batch *prep, uint32_t *next, uint16_t *rows) {
    uint32_t n = 0;
    if (!prep->sel) {
        for (; *next < prep->n_rows && n < RT_AGG_BLOCK; n++)
            rows[n] = (uint16_t)(*next)++;
        return n;
    }
    for (; *next < prep->n_rows && n < RT_AGG_BLOCK; ++*next)
        if (evt_batch_has(prep, *next))
            rows[n++] = (uint16_t)*next;
    return n;
}

/* Adds those of rows [0, n) that only have to be added. Returns: how many are left, now the first ones. */
static uint32_t take_block(
    struct rt_aggregate *ag, const struct evt_batch *prep, uint16_t *rows, uint32_t n) {
    struct expr_acc *accs[RT_AGG_BLOCK];
    uint16_t quick[RT_AGG_BLOCK];
    uint32_t n_quick = 0, left = 0;
    ag->window->accs_of(ag, prep, rows, n, accs);
    for (uint32_t i = 0; i < n; i++) {
        if (!accs[i]) {
            rows[left++] = rows[i];
            continue;
        }
        accs[n_quick] = accs[i];
        quick[n_quick++] = rows[i];
    }
    if (n_quick > 0)
        step_block(ag, prep, quick, accs, n_quick);
    return left;
}

uint32_t rt_aggregate_gather(struct rt_aggregate *ag, const struct evt_batch *prep, uint64_t *left) {
    uint16_t rows[RT_AGG_BLOCK];
    uint32_t n_left = 0;
    for (uint32_t next = 0; next < prep->n_rows;) {
        uint32_t n = next_block(prep, &next, rows);
        n = take_block(ag, prep, rows, n);
        for (uint32_t i = 0; i < n; i++)
            base_bits_set(left, rows[i]);
        n_left += n;
    }
    return n_left;
}

/* Rows that need not wait: all, or those that the watermark has passed already. */
static enum cep_rc take_at_once(
    struct rt_aggregate *ag, struct evt_batch *b, const struct evt_batch *prep, struct cep_err *err) {
    uint64_t late[EVT_BATCH_ROWS / 64] = { 0 };
    uint64_t n_late = 0;
    uint16_t rows[RT_AGG_BLOCK];
    enum cep_rc rc = CEP_OK;
    rt_keys_make(&ag->keys, prep, ag->kind.n_keys, &ag->scratch);
    for (uint32_t next = 0; next < prep->n_rows && rc == CEP_OK;) {
        uint32_t n = next_block(prep, &next, rows);
        if (ag->window->accs_of && !ag->ordered)
            n = take_block(ag, prep, rows, n);
        for (uint32_t i = 0; i < n && rc == CEP_OK; i++) {
            rc = take_row(ag, prep, rows[i], rt_keys_bytes(&ag->keys, rows[i]), ag->keys.hash[rows[i]], err);
            if (rc == CEP_NONE) {
                base_bits_set(late, rows[i]);
                n_late++;
                rc = CEP_OK;
            }
        }
    }
    ag->op.metrics.late += n_late;
    if (rc == CEP_OK && n_late > 0)
        rc = send_late(ag, b, late, err);
    return rc;
}

static enum cep_rc aggregate_batch(
    struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_aggregate *ag = aggregate_of(op);
    struct evt_batch *prep;
    if (ag->combined && input == plan_combined_input(op->node))
        return rt_combine_take(ag, b, err);
    enum cep_rc rc = rt_project_view(&ag->prepare, op, b, &prep, err);
    if (rc == CEP_OK)
        rc = rt_project_refuse_far(op, prep, b, err);
    if (rc == CEP_OK && ag->ordered && input == IN_MAIN)
        rt_wait_add(&ag->wait, input, prep);
    else if (rc == CEP_OK && evt_batch_count(prep) > 0) /* without a row it has no columns */
        rc = take_at_once(ag, b, prep, err);
    evt_batch_unref(prep);
    return rc == CEP_OK ? rt_aggregate_flush(ag, err) : rc;
}

static enum cep_rc aggregate_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_aggregate *ag = aggregate_of(op);
    enum cep_rc rc = take_waiting(ag, wm, err);
    if (rc == CEP_OK)
        rc = ag->window->advance(ag, wm, err);
    if (rc == CEP_OK)
        rc = rt_aggregate_flush(ag, err);
    ag->passed = wm;
    if (ag->ahead && wm >= ag->furthest) {
        base_free(ag->ahead);
        ag->ahead = NULL;
    }
    return rc;
}

struct rt_aggregate *rt_aggregate_of(struct rt_op *op) {
    return aggregate_of(op);
}

static void aggregate_gauges(struct rt_op *op) {
    struct rt_aggregate *ag = aggregate_of(op);
    op->metrics.buffered = ag->wait.reorder.n_rows;
    op->metrics.keys = ag->window->n_groups(ag);
    op->metrics.state_bytes = ag->window->bytes(ag) + rt_wait_bytes(&ag->wait);
}

/* -- life ----------------------------------------------------------------------------------------------------------- */

static void aggregate_free(struct rt_op *op) {
    struct rt_aggregate *ag = aggregate_of(op);
    rt_aggregate_saving_release(ag);
    if (ag->own)
        ag->window->release(ag);
    rt_wait_release(&ag->wait);
    rt_project_release(&ag->prepare);
    rt_project_release(&ag->finish);
    rt_group_kind_release(&ag->kind);
    base_free((void *)(uintptr_t)ag->prep.cols);
    base_free(ag->prep_exprs);
    base_free(ag->arg_col);
    base_free(ag->filter_col);
    base_free(ag->key_vals);
    base_free(ag->ahead);
    base_free(ag->merged);
    base_buf_release(&ag->key);
    base_buf_release(&ag->packed);
    base_free(ag->results);
    rt_keys_release(&ag->keys);
    base_arena_release(&ag->scratch);
    evt_batch_unref(ag->out);
    rt_op_release(op);
    base_free(ag);
}

static const struct rt_op_vt aggregate_vt = {
    .kind = "aggregate",
    .batch = aggregate_batch,
    .watermark = aggregate_watermark,
    .gauges = aggregate_gauges,
    .save = rt_aggregate_save,
    .save_some = rt_aggregate_save_some,
    .save_cancel = rt_aggregate_save_cancel,
    .load = rt_aggregate_load,
    .free = aggregate_free,
};

static uint32_t add_prep(struct rt_aggregate *ag, struct evt_column *cols, const struct expr *e) {
    uint32_t c = ag->prep.n_cols++;
    ag->prep_exprs[c] = e;
    cols[c] = (struct evt_column){ .name = BASE_STR(""), .type = e->type };
    return c;
}

static void make_prep(struct rt_aggregate *ag) {
    const struct plan_aggregate *p = ag->plan;
    size_t n = p->n_keys + (size_t)p->n_aggs * 2 + 2;
    int mark = evt_schema_mark(ag->in);
    if (mark >= 0)
        ag->mark =
            (struct expr){ .kind = EXPR_COL, .index = (uint32_t)mark, .type = ag->in->cols[mark].type };
    struct evt_column *cols = base_calloc(n, sizeof *cols);
    ag->prep_exprs = base_calloc(n, sizeof *ag->prep_exprs);
    ag->arg_col = base_calloc(p->n_aggs + (size_t)1, sizeof *ag->arg_col);
    ag->filter_col = base_calloc(p->n_aggs + (size_t)1, sizeof *ag->filter_col);
    for (uint32_t i = 0; i < p->n_keys; i++)
        (void)add_prep(ag, cols, p->keys[i]);
    for (uint32_t i = 0; i < p->n_aggs; i++) {
        ag->arg_col[i] = p->aggs[i].arg ? (int32_t)add_prep(ag, cols, p->aggs[i].arg) : -1;
        ag->filter_col[i] = p->aggs[i].filter ? (int32_t)add_prep(ag, cols, p->aggs[i].filter) : -1;
    }
    ag->mark_col = mark < 0 ? -1 : (int32_t)add_prep(ag, cols, &ag->mark);
    ag->prep.n_visible = ag->prep.n_cols;
    ag->prep.cols = cols;
    rt_project_init(&ag->prepare, p->where, ag->prep_exprs, &ag->prep);
}

static bool in_order(const struct plan_aggregate *p) {
    for (uint32_t i = 0; i < p->n_aggs; i++)
        if (expr_run_is(p->aggs[i].agg))
            return true;
    return false;
}

struct rt_op *rt_aggregate_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk) {
    static const struct rt_window_vt *const windows[PLAN_WINDOW_MAX] = { &rt_window_global, &rt_window_time,
        &rt_window_time, &rt_window_session, &rt_window_count, &rt_window_global };
    const struct plan_aggregate *p = &node->aggregate;
    struct rt_aggregate *ag = base_calloc(1, sizeof *ag);
    ag->combined = plan_combines(plan, node);
    rt_op_init(&ag->op, &aggregate_vt, node, node->name, plan_node_n_inputs(node) + ag->combined, clk);
    if (ag->combined) /* no watermark comes there */
        ag->op.inputs[plan_combined_input(node)].ended = true;
    ag->plan = p;
    ag->in = plan_schema_of(plan, p->input);
    ag->window = windows[p->window];
    ag->passed = EVT_TIME_MIN;
    ag->ordered = p->emit != PLAN_EMIT_WATERMARK || evt_schema_mark(ag->in) >= 0 ||
                  ag->window == &rt_window_count || in_order(p);
    rt_group_kind_init(&ag->kind, p);
    ag->key_vals = base_calloc(p->n_keys + (size_t)1, sizeof *ag->key_vals);
    ag->results = base_calloc(p->n_aggs + (size_t)1, sizeof *ag->results);
    ag->merged = base_calloc(p->n_aggs + (size_t)1, sizeof *ag->merged);
    base_arena_init(&ag->scratch, 0);
    rt_keys_init(&ag->keys);
    rt_wait_init(&ag->wait);
    make_prep(ag);
    rt_project_init(&ag->finish, p->changes ? NULL : p->having, p->items, node->schema);
    ag->window->init(ag);
    return &ag->op;
}
