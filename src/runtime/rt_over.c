/*
 * rt_over -- see rt_over.h.
 */
#include "runtime/rt_over.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "runtime/rt_ops.h"

static struct rt_over *over_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_over, op);
}

/* -- keys ---------------------------------------------------------------------------------------------------------- */

struct rt_group *rt_over_get(
    struct rt_over *ov, uint64_t hash, struct base_str bytes, const struct evt_val *vals, bool *made) {
    bool is_new;
    struct rt_group *g = rt_groups_get(&ov->keys, hash, bytes, vals, &is_new);
    if (is_new) {
        struct rt_frame **frames = base_calloc(ov->plan->n_calls + (size_t)1, sizeof(struct rt_frame *));
        for (uint32_t i = 0; i < ov->plan->n_calls; i++) {
            frames[i] = rt_frame_new();
            ov->frame_bytes += rt_frame_bytes(&ov->calls[i], frames[i]);
        }
        g->own = frames;
        g->saved = ov->saving.number;
    }
    if (made)
        *made = is_new;
    return g;
}

static struct base_str key_bytes(struct rt_over *ov, const struct evt_batch *prep, uint32_t row) {
    base_buf_clear(&ov->key);
    for (uint32_t k = 0; k < ov->kind.n_keys; k++) {
        evt_col_get(&prep->cols[k], row, &ov->scratch, &ov->key_vals[k]);
        evt_val_write_key(&ov->key, ov->kind.key_types[k], &ov->key_vals[k]);
    }
    return (struct base_str){ ov->key.p ? ov->key.p : "", ov->key.len };
}

uint64_t rt_over_hash(struct rt_over *ov, const struct evt_batch *prep, uint32_t row) {
    struct base_str bytes = key_bytes(ov, prep, row);
    return base_hash(bytes.p, bytes.len);
}

/* The key of a row of a batch of prep, found or made. */
static struct rt_group *key_of(struct rt_over *ov, const struct evt_batch *prep, uint32_t row) {
    struct base_str bytes = key_bytes(ov, prep, row);
    struct rt_group *g = rt_over_get(ov, base_hash(bytes.p, bytes.len), bytes, ov->key_vals, NULL);
    rt_over_opens(ov, g);
    return g;
}

static void free_frames(struct rt_over *ov, struct rt_group *g) {
    struct rt_frame **frames = g->own;
    for (uint32_t i = 0; i < ov->plan->n_calls; i++) {
        ov->frame_bytes -= rt_frame_bytes(&ov->calls[i], frames[i]);
        rt_frame_free(&ov->calls[i], frames[i]);
    }
    base_free(frames);
}

/* Keys whose last row no frame reaches any more; each is looked at once in the time of the longest frame. */
static void sweep(struct rt_over *ov, int64_t wm) {
    if (ov->longest_us < 0 || wm == EVT_TIME_MAX ||
        (uint64_t)wm - (uint64_t)ov->swept < (uint64_t)ov->longest_us)
        return;
    ov->swept = wm;
    for (uint32_t i = 0; i < ov->keys.n;) {
        struct rt_group *g = ov->keys.groups[i];
        if ((uint64_t)wm - (uint64_t)g->last_time < (uint64_t)ov->longest_us) {
            i++;
            continue;
        }
        rt_over_opens(ov, g);
        rt_over_opens(
            ov, ov->keys.groups[ov->keys.n - 1]); /* it takes the place, which may be behind the save */
        free_frames(ov, g);
        rt_groups_remove(&ov->keys, g);
    }
}

/* -- rows ---------------------------------------------------------------------------------------------------------- */

static enum cep_rc flush(struct rt_over *ov, struct cep_err *err) {
    struct evt_batch *b = ov->out;
    if (!b)
        return CEP_OK;
    ov->out = NULL;
    enum cep_rc rc = rt_project_send(&ov->finish, &ov->op, b, err);
    evt_batch_unref(b);
    return rc;
}

/* The row goes into the frame of a call. *out: the result, of a call that is asked before. */
static void add(struct rt_over *ov, struct rt_group *g, uint32_t call, const struct evt_batch *prep,
    uint32_t row, struct evt_val *out) {
    struct rt_frame **frames = g->own;
    struct expr_place at = { prep->time[row], prep->origin[row], prep->seq[row] };
    const struct evt_col *filter = ov->filter_col[call] < 0 ? NULL : &prep->cols[ov->filter_col[call]];
    bool in = !filter || (!evt_col_is_null(filter, row) && filter->b[row]);
    struct evt_val v;
    if (ov->arg_col[call] >= 0)
        evt_col_get(&prep->cols[ov->arg_col[call]], row, &ov->scratch, &v);
    ov->frame_bytes -= rt_frame_bytes(&ov->calls[call], frames[call]);
    rt_frame_add(&ov->calls[call], frames[call], ov->arg_col[call] < 0 ? NULL : &v, in, &at, out);
    ov->frame_bytes += rt_frame_bytes(&ov->calls[call], frames[call]);
}

static enum cep_rc give(
    struct rt_over *ov, struct rt_group *g, const struct evt_batch *prep, uint32_t row, struct cep_err *err) {
    struct rt_frame **frames = g->own;
    const char *failure = NULL;
    if (!ov->out)
        ov->out = evt_batch_new(ov->plan->rows, 0);
    struct evt_batch *b = ov->out;
    uint32_t to = b->n_rows, col = 0;
    for (; col < ov->plan->n_cols; col++)
        evt_col_copy(&b->cols[col], to, &prep->cols[ov->kind.n_keys + col], row);
    for (uint32_t i = 0; i < ov->plan->n_calls; i++) {
        const struct rt_frame_kind *k = &ov->calls[i];
        struct evt_val v = EVT_VAL_NULL;
        if (!k->peers)
            add(ov, g, i, prep, row, &v);
        if (!k->before)
            rt_frame_result(k, frames[i], &ov->scratch, &v, &failure);
        evt_col_set_val(&b->cols[col++], to, &v);
    }
    g->last_time = prep->time[row];
    b->time[to] = prep->time[row];
    b->origin[to] = prep->origin[row];
    b->seq[to] = prep->seq[row];
    evt_batch_end_row(b);
    base_arena_clear(&ov->scratch);
    enum cep_rc rc = failure ? rt_op_row_failed(&ov->op, b, to, failure, err) : CEP_OK;
    return rc == CEP_OK && evt_batch_is_full(b) ? flush(ov, err) : rc;
}

/* All rows of one time: first what sees them all, then one after the other. */
static enum cep_rc take_same(struct rt_over *ov, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (size_t r = 0; ov->any_peers && r < ov->n_same; r++) {
        const struct evt_batch *prep = rt_wait_batch(&ov->wait, &ov->same[r]);
        struct rt_group *g = key_of(ov, prep, ov->same[r].row);
        struct evt_val unused;
        for (uint32_t i = 0; i < ov->plan->n_calls; i++)
            if (ov->calls[i].peers)
                add(ov, g, i, prep, ov->same[r].row, &unused);
        base_arena_clear(&ov->scratch);
    }
    for (size_t r = 0; r < ov->n_same; r++) {
        const struct evt_batch *prep = rt_wait_batch(&ov->wait, &ov->same[r]);
        if (rc == CEP_OK)
            rc = give(ov, key_of(ov, prep, ov->same[r].row), prep, ov->same[r].row, err);
        rt_wait_done(&ov->wait, &ov->same[r]);
    }
    ov->n_same = 0;
    return rc;
}

static enum cep_rc over_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_over *ov = over_of(op);
    struct evt_batch *prep;
    enum cep_rc rc = rt_project_view(&ov->prepare, op, b, &prep, err);
    if (rc == CEP_OK)
        rt_wait_add(&ov->wait, input, prep);
    evt_batch_unref(prep);
    return rc;
}

static enum cep_rc over_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_over *ov = over_of(op);
    struct clk_row rows[RT_WAIT_AT_ONCE];
    enum cep_rc rc = CEP_OK;
    size_t n;
    while ((n = rt_wait_take(&ov->wait, wm, rows, RT_WAIT_AT_ONCE)) > 0)
        for (size_t i = 0; i < n; i++) {
            if (ov->n_same > 0 && ov->same[0].time != rows[i].time && rc == CEP_OK)
                rc = take_same(ov, err);
            ov->same = base_grow(ov->same, ov->n_same, &ov->cap_same, sizeof *ov->same);
            ov->same[ov->n_same++] = rows[i];
        }
    if (rc == CEP_OK)
        rc = take_same(ov, err);
    if (rc == CEP_OK)
        rc = flush(ov, err);
    sweep(ov, wm);
    ov->passed = wm;
    return rc;
}

/* -- life ----------------------------------------------------------------------------------------------------------- */

static void over_gauges(struct rt_op *op) {
    struct rt_over *ov = over_of(op);
    op->metrics.buffered = ov->wait.reorder.n_rows;
    op->metrics.keys = ov->keys.n;
    op->metrics.state_bytes = rt_groups_bytes(&ov->keys) + rt_wait_bytes(&ov->wait) + ov->frame_bytes;
}

static void over_free(struct rt_op *op) {
    struct rt_over *ov = over_of(op);
    rt_over_saving_release(ov);
    for (uint32_t i = 0; i < ov->keys.n; i++)
        free_frames(ov, ov->keys.groups[i]);
    rt_groups_release(&ov->keys);
    rt_wait_release(&ov->wait);
    rt_project_release(&ov->prepare);
    rt_project_release(&ov->finish);
    rt_group_kind_release(&ov->kind);
    base_free((void *)(uintptr_t)ov->prep.cols);
    base_free(ov->prep_exprs);
    base_free(ov->arg_col);
    base_free(ov->filter_col);
    base_free(ov->calls);
    base_free(ov->same);
    base_free(ov->key_vals);
    base_buf_release(&ov->key);
    base_arena_release(&ov->scratch);
    evt_batch_unref(ov->out);
    rt_op_release(op);
    base_free(ov);
}

static const struct rt_op_vt over_vt = {
    .kind = "over",
    .batch = over_batch,
    .watermark = over_watermark,
    .gauges = over_gauges,
    .save = rt_over_save,
    .save_some = rt_over_save_some,
    .save_cancel = rt_over_save_cancel,
    .load = rt_over_load,
    .free = over_free,
};

static int32_t add_prep(struct rt_over *ov, struct evt_column *cols, const struct expr *e) {
    uint32_t c = ov->prep.n_cols++;
    ov->prep_exprs[c] = e;
    cols[c] = (struct evt_column){ .name = BASE_STR(""), .type = e->type };
    return (int32_t)c;
}

static void make_prep(struct rt_over *ov) {
    const struct plan_over *p = ov->plan;
    size_t n = p->n_keys + p->n_cols + (size_t)p->n_calls * 2 + 1;
    struct evt_column *cols = base_calloc(n, sizeof *cols);
    ov->prep_exprs = base_calloc(n, sizeof *ov->prep_exprs);
    ov->arg_col = base_calloc(p->n_calls + (size_t)1, sizeof *ov->arg_col);
    ov->filter_col = base_calloc(p->n_calls + (size_t)1, sizeof *ov->filter_col);
    for (uint32_t i = 0; i < p->n_keys; i++)
        (void)add_prep(ov, cols, p->keys[i]);
    for (uint32_t i = 0; i < p->n_cols; i++)
        (void)add_prep(ov, cols, p->cols[i]);
    for (uint32_t i = 0; i < p->n_calls; i++) {
        const struct plan_agg *a = &p->calls[i].agg;
        ov->arg_col[i] = a->arg ? add_prep(ov, cols, a->arg) : -1;
        ov->filter_col[i] = a->filter ? add_prep(ov, cols, a->filter) : -1;
    }
    ov->prep.n_visible = ov->prep.n_cols;
    ov->prep.cols = cols;
    rt_project_init(&ov->prepare, p->where, ov->prep_exprs, &ov->prep);
}

static void make_calls(struct rt_over *ov) {
    const struct plan_over *p = ov->plan;
    ov->calls = base_calloc(p->n_calls + (size_t)1, sizeof *ov->calls);
    for (uint32_t i = 0; i < p->n_calls; i++) {
        const struct plan_frame *f = &p->calls[i].frame;
        rt_frame_kind_init(&ov->calls[i], &p->calls[i]);
        ov->any_peers |= ov->calls[i].peers;
        if (f->kind != PLAN_FRAME_RANGE || f->unbounded)
            ov->longest_us = -1;
        else if (ov->longest_us >= 0 && f->us + 1 > ov->longest_us)
            ov->longest_us = f->us + 1;
    }
}

struct rt_op *rt_over_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk) {
    const struct plan_over *p = &node->over;
    struct rt_over *ov = base_calloc(1, sizeof *ov);
    rt_op_init(&ov->op, &over_vt, node, node->name, plan_node_n_inputs(node), clk);
    ov->plan = p;
    ov->in = plan_schema_of(plan, p->input);
    ov->passed = EVT_TIME_MIN;
    ov->swept = EVT_TIME_MIN;
    ov->kind.n_keys = p->n_keys;
    ov->kind.key_types = base_calloc(p->n_keys + (size_t)1, sizeof *ov->kind.key_types);
    for (uint32_t i = 0; i < p->n_keys; i++)
        ov->kind.key_types[i] = p->keys[i]->type;
    ov->key_vals = base_calloc(p->n_keys + (size_t)1, sizeof *ov->key_vals);
    rt_groups_init(&ov->keys, &ov->kind, false);
    rt_wait_init(&ov->wait);
    base_arena_init(&ov->scratch, 0);
    make_calls(ov);
    make_prep(ov);
    rt_project_init(&ov->finish, NULL, p->items, node->schema);
    return &ov->op;
}
