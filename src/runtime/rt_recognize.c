/*
 * rt_recognize -- see rt_recognize.h.
 */
#include "runtime/rt_recognize.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "runtime/rt_ops.h"

#include <stdlib.h>

/* -- keys ---------------------------------------------------------------------------------------------------------- */

struct rt_recognize_key *rt_recognize_get(
    struct rt_recognize *rec, uint64_t hash, struct base_str bytes, const struct evt_val *vals, bool *made) {
    bool is_new;
    struct rt_group *g = rt_groups_get(&rec->keys, hash, bytes, vals, &is_new);
    if (is_new) {
        struct rt_recognize_key *key = base_calloc(1, sizeof *key);
        key->group = g;
        key->rows = nfa_rows_new();
        g->own = key;
        g->saved = rec->saving.number;
    }
    if (made)
        *made = is_new;
    return g->own;
}

uint64_t rt_recognize_hash(struct rt_recognize *rec, const struct evt_batch *prep, uint32_t row) {
    base_buf_clear(&rec->key);
    for (uint32_t k = 0; k < rec->kind.n_keys; k++) {
        evt_col_get(&prep->cols[k], row, &rec->scratch, &rec->key_vals[k]);
        evt_val_write_key(&rec->key, rec->kind.key_types[k], &rec->key_vals[k]);
    }
    return base_hash(rec->key.p ? rec->key.p : "", rec->key.len);
}

static struct rt_recognize_key *key_of(struct rt_recognize *rec, const struct evt_batch *prep, uint32_t row) {
    uint64_t hash = rt_recognize_hash(rec, prep, row);
    struct base_str bytes = { rec->key.p ? rec->key.p : "", rec->key.len };
    return rt_recognize_get(rec, hash, bytes, rec->key_vals, NULL);
}

/* Its matcher is about to go on: the deadline that it leaves is looked at when all rows of this watermark are in. */
static void touch(struct rt_recognize *rec, struct rt_recognize_key *key) {
    rt_recognize_opens(rec, key->group);
    rec->giving = key->group;
    if (key->touched)
        return;
    key->touched = true;
    rec->touched = base_grow(
        rec->touched, rec->n_touched, &rec->cap_touched, sizeof(struct rt_recognize_key *));
    rec->touched[rec->n_touched++] = key;
}

/* What it keeps now. */
static void count(struct rt_recognize *rec, struct rt_recognize_key *key) {
    int64_t since;
    bool open = nfa_rows_open(key->rows, &since);
    size_t bytes = sizeof *key + nfa_rows_bytes(key->rows);
    rec->bytes += bytes - key->bytes;
    rec->n_open += (uint64_t)open - key->open;
    key->bytes = bytes;
    key->open = open;
}

static void free_key(struct rt_recognize *rec, struct rt_recognize_key *key) {
    clk_timer_cancel(&rec->timers, &key->timer);
    nfa_rows_free(rec->kind_rows, key->rows);
    base_free(key);
}

static void let_go(struct rt_recognize *rec, struct rt_recognize_key *key) {
    struct rt_group *g = key->group;
    rt_recognize_opens(rec, g);
    /* It takes the place, which may be behind the save. */
    rt_recognize_opens(rec, rec->keys.groups[rec->keys.n - 1]);
    rec->bytes -= key->bytes;
    rec->n_open -= key->open;
    free_key(rec, key);
    rt_groups_remove(&rec->keys, g);
}

/* -- what comes out ------------------------------------------------------------------------------------------------- */

static enum cep_rc flush(struct rt_recognize *rec, struct cep_err *err) {
    struct evt_batch *b = rec->out;
    if (!b)
        return CEP_OK;
    rec->out = NULL;
    enum cep_rc rc = rt_emit(&rec->op, PLAN_PORT_MAIN, b, err);
    evt_batch_unref(b);
    return rc;
}

static enum cep_rc give_row(void *arg, const struct evt_val *vals, struct cep_err *err) {
    struct rt_recognize *rec = arg;
    struct rt_group *g = rec->giving;
    if (!rec->out)
        rec->out = evt_batch_new(rec->op.node->schema, 0);
    struct evt_batch *b = rec->out;
    uint32_t row = b->n_rows;
    for (uint32_t c = 0; c < b->schema->n_cols; c++)
        evt_col_set_val(&b->cols[c], row, &vals[c]);
    b->time[row] = rec->now;
    b->origin[row] = EVT_ORIGIN_MATCH | (uint32_t)(g->hash & ~EVT_ORIGIN_MATCH);
    b->seq[row] = (uint64_t)rt_group_nth(g, rec->now) << EVT_MATCH_NTH_SHIFT |
                  g->hash >> (64 - EVT_MATCH_NTH_SHIFT);
    evt_batch_end_row(b);
    return evt_batch_is_full(b) ? flush(rec, err) : CEP_OK;
}

static enum cep_rc row_failed(
    void *arg, const struct nfa_rows_row *row, const char *reason, struct cep_err *err) {
    struct rt_recognize *rec = arg;
    struct evt_batch *b = evt_batch_new(&rec->kept, 1);
    for (uint32_t c = 0; c < rec->kept.n_cols; c++)
        evt_col_set_val(&b->cols[c], 0, &row->vals[c]);
    b->time[0] = row->time;
    b->origin[0] = row->origin;
    b->seq[0] = row->seq;
    evt_batch_end_row(b);
    enum cep_rc rc = rt_op_row_failed(&rec->op, b, 0, reason, err);
    evt_batch_unref(b);
    return rc;
}

static enum cep_rc skip_lost(
    void *arg, const struct nfa_rows_row *row, const char *reason, struct cep_err *err) {
    struct rt_recognize *rec = arg;
    const struct plan_recognize *plan = rec->plan;
    if (!plan->skip_or_error)
        return row_failed(arg, row, reason, err);
    enum cep_rc rc = base_err_set(err, CEP_ESTATE, "stream \"%.*s\": cannot skip to \"%.*s\": %s",
        BASE_STR_FMT(rec->op.node->statement), BASE_STR_FMT(plan->vars[plan->skip_var].name), reason);
    if (err)
        err->fatal = true;
    return rc;
}

/* -- rows and time --------------------------------------------------------------------------------------------------- */

static enum cep_rc expire(
    struct rt_recognize *rec, struct rt_recognize_key *key, int64_t at, struct cep_err *err) {
    touch(rec, key);
    rec->now = at;
    return nfa_rows_expire(rec->kind_rows, key->rows, at, err);
}

static enum cep_rc take(
    struct rt_recognize *rec, const struct evt_batch *prep, const struct clk_row *at, struct cep_err *err) {
    struct rt_recognize_key *key = key_of(rec, prep, at->row);
    enum cep_rc rc = CEP_OK;
    int64_t deadline;
    uint64_t bits = 0;
    touch(rec, key);
    while (rc == CEP_OK && (deadline = nfa_rows_deadline(rec->kind_rows, key->rows)) < at->time)
        rc = expire(rec, key, deadline, err);
    uint32_t col = rec->kind.n_keys;
    for (uint32_t c = 0; c < rec->plan->n_cols; c++, col++)
        evt_col_get(&prep->cols[col], at->row, &rec->scratch, &rec->row_vals[c]);
    for (uint32_t c = 0; c < rec->n_conds; c++, col++)
        if (!evt_col_is_null(&prep->cols[col], at->row) && prep->cols[col].b[at->row])
            bits |= UINT64_C(1) << rec->cond_vars[c];
    nfa_rows_add(rec->kind_rows, key->rows, at->time, at->origin, at->seq, bits, false, rec->row_vals);
    base_arena_clear(&rec->scratch);
    key->group->last_time = at->time;
    rec->now = at->time;
    return rc == CEP_OK ? nfa_rows_go(rec->kind_rows, key->rows, false, at->time, err) : rc;
}

/* By the columns of `order by`, then by arrival. */
static int by_order(const void *x, const void *y, void *arg) {
    struct rt_recognize *rec = arg;
    const struct clk_row *a = x, *b = y;
    for (uint32_t i = 0; i < rec->plan->n_sorts; i++) {
        const struct plan_sort *s = &rec->plan->sorts[i];
        uint32_t col = rec->sort_col + i;
        struct evt_val u, v;
        evt_col_get(&rt_wait_batch(&rec->wait, a)->cols[col], a->row, &rec->scratch, &u);
        evt_col_get(&rt_wait_batch(&rec->wait, b)->cols[col], b->row, &rec->scratch, &v);
        int c = evt_val_cmp(rec->in->cols[s->col].type, &u, &v);
        if (c != 0)
            return s->desc ? -c : c;
    }
    if (a->origin != b->origin)
        return a->origin < b->origin ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* The rows of one time. */
static enum cep_rc take_same(struct rt_recognize *rec, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    if (rec->n_same > 1)
        qsort_r(rec->same, rec->n_same, sizeof *rec->same, by_order, rec);
    for (size_t i = 0; i < rec->n_same; i++) {
        if (rc == CEP_OK)
            rc = take(rec, rt_wait_batch(&rec->wait, &rec->same[i]), &rec->same[i], err);
        rt_wait_done(&rec->wait, &rec->same[i]);
    }
    rec->n_same = 0;
    return rc;
}

/* The next row that the watermark has passed. */
static enum cep_rc take_next(struct rt_recognize *rec, const struct clk_row *row, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    if (rec->plan->n_sorts == 0) {
        rc = take(rec, rt_wait_batch(&rec->wait, row), row, err);
        rt_wait_done(&rec->wait, row);
        return rc;
    }
    if (rec->n_same > 0 && rec->same[0].time != row->time)
        rc = take_same(rec, err);
    rec->same = base_grow(rec->same, rec->n_same, &rec->cap_same, sizeof *rec->same);
    rec->same[rec->n_same++] = *row;
    return rc;
}

static void set_timer(struct rt_recognize *rec, struct rt_recognize_key *key) {
    int64_t at = nfa_rows_deadline(rec->kind_rows, key->rows);
    if (clk_timer_waits(&key->timer) && clk_timer_at(&rec->timers, &key->timer) == at)
        return;
    clk_timer_cancel(&rec->timers, &key->timer);
    if (at != EVT_TIME_MAX)
        clk_timer_add(&rec->timers, &key->timer, at);
}

/* What the watermark decides of keys without a row of their own. */
static enum cep_rc deadlines(struct rt_recognize *rec, int64_t wm, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    struct clk_timer *timer;
    int64_t at;
    for (size_t i = 0; i < rec->n_touched; i++)
        set_timer(rec, rec->touched[i]);
    while (rc == CEP_OK && (timer = clk_timers_pop(&rec->timers, wm, &at)) != NULL) {
        struct rt_recognize_key *key = CEP_CONTAINER_OF(timer, struct rt_recognize_key, timer);
        rc = expire(rec, key, at, err);
        set_timer(rec, key);
    }
    return rc;
}

/* No row comes any more: what is open is decided as it stands. */
static enum cep_rc at_end(struct rt_recognize *rec, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < rec->keys.n && rc == CEP_OK; i++) {
        struct rt_recognize_key *key = rec->keys.groups[i]->own;
        int64_t last = nfa_rows_last_time(key->rows), next = rt_time_plus(rec->passed, 1);
        touch(rec, key);
        rec->now = last > next ? last : next;
        rc = nfa_rows_go(rec->kind_rows, key->rows, true, rec->now, err);
    }
    return rc;
}

/* Rows of a restore: their matchers come to where they were. */
static enum cep_rc catch_up(struct rt_recognize *rec, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    rec->restored = false;
    for (uint32_t i = 0; i < rec->keys.n && rc == CEP_OK; i++) {
        struct rt_recognize_key *key = rec->keys.groups[i]->own;
        touch(rec, key);
        rec->now = rt_time_plus(rec->passed, 1);
        rc = nfa_rows_go(rec->kind_rows, key->rows, false, rec->now, err);
    }
    return rc;
}

static enum cep_rc recognize_batch(
    struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_recognize *rec = rt_recognize_of(op);
    struct evt_batch *prep;
    enum cep_rc rc = rt_project_view(&rec->prepare, op, b, &prep, err);
    if (rc == CEP_OK)
        rt_wait_add(&rec->wait, input, prep);
    evt_batch_unref(prep);
    return rc;
}

static enum cep_rc recognize_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_recognize *rec = rt_recognize_of(op);
    struct clk_row rows[RT_WAIT_AT_ONCE];
    size_t n;
    enum cep_rc rc = rec->restored ? catch_up(rec, err) : CEP_OK;
    while ((n = rt_wait_take(&rec->wait, wm, rows, RT_WAIT_AT_ONCE)) > 0)
        for (size_t i = 0; i < n; i++)
            if (rc == CEP_OK)
                rc = take_next(rec, &rows[i], err);
            else
                rt_wait_done(&rec->wait, &rows[i]);
    if (rc == CEP_OK)
        rc = take_same(rec, err);
    if (rc == CEP_OK)
        rc = deadlines(rec, wm, err);
    if (rc == CEP_OK && wm == EVT_TIME_MAX)
        rc = at_end(rec, err);
    if (rc == CEP_OK)
        rc = flush(rec, err);
    for (size_t i = 0; i < rec->n_touched; i++) {
        struct rt_recognize_key *key = rec->touched[i];
        key->touched = false;
        count(rec, key);
        if (nfa_rows_is_done(rec->kind_rows, key->rows))
            let_go(rec, key);
    }
    rec->n_touched = 0;
    op->metrics.matches = nfa_rows_matches(rec->kind_rows);
    rec->passed = wm;
    return rc;
}

/* -- life ----------------------------------------------------------------------------------------------------------- */

static void recognize_gauges(struct rt_op *op) {
    struct rt_recognize *rec = rt_recognize_of(op);
    op->metrics.buffered = rec->wait.reorder.n_rows;
    op->metrics.keys = rec->keys.n;
    op->metrics.open = rec->n_open;
    op->metrics.state_bytes = rt_groups_bytes(&rec->keys) + rt_wait_bytes(&rec->wait) + rec->bytes;
}

static void recognize_free(struct rt_op *op) {
    struct rt_recognize *rec = rt_recognize_of(op);
    rt_recognize_saving_release(rec);
    for (uint32_t i = 0; i < rec->keys.n; i++)
        free_key(rec, rec->keys.groups[i]->own);
    rt_groups_release(&rec->keys);
    clk_timers_release(&rec->timers);
    rt_wait_release(&rec->wait);
    rt_project_release(&rec->prepare);
    rt_group_kind_release(&rec->kind);
    nfa_rows_kind_free(rec->kind_rows);
    base_free((void *)(uintptr_t)rec->prep.cols);
    base_free((void *)(uintptr_t)rec->kept.cols);
    base_free(rec->prep_exprs);
    base_free(rec->col_exprs);
    base_free(rec->cond_vars);
    base_free(rec->touched);
    base_free(rec->same);
    base_free(rec->key_vals);
    base_free(rec->row_vals);
    base_buf_release(&rec->key);
    base_arena_release(&rec->scratch);
    evt_batch_unref(rec->out);
    rt_op_release(op);
    base_free(rec);
}

static const struct rt_op_vt recognize_vt = {
    .kind = "recognize",
    .batch = recognize_batch,
    .watermark = recognize_watermark,
    .gauges = recognize_gauges,
    .save = rt_recognize_save,
    .save_some = rt_recognize_save_some,
    .save_cancel = rt_recognize_save_cancel,
    .load = rt_recognize_load,
    .free = recognize_free,
};

static void add_prep(struct rt_recognize *rec, struct evt_column *cols, const struct expr *e) {
    uint32_t c = rec->prep.n_cols++;
    rec->prep_exprs[c] = e;
    cols[c] = (struct evt_column){ .name = BASE_STR(""), .type = e->type };
}

static void make_prep(struct rt_recognize *rec) {
    const struct plan_recognize *p = rec->plan;
    size_t n = p->n_keys + p->n_cols + p->n_primary + (size_t)p->n_sorts + 1;
    struct evt_column *cols = base_calloc(n, sizeof *cols);
    struct evt_column *kept = base_calloc(p->n_cols + (size_t)1, sizeof *kept);
    uint64_t conds = nfa_rows_row_conds(rec->kind_rows);
    rec->prep_exprs = base_calloc(n, sizeof *rec->prep_exprs);
    rec->col_exprs = base_calloc(p->n_cols + (size_t)p->n_sorts + 1, sizeof *rec->col_exprs);
    rec->cond_vars = base_calloc(p->n_primary + (size_t)1, sizeof *rec->cond_vars);
    for (uint32_t i = 0; i < p->n_keys; i++)
        add_prep(rec, cols, p->keys[i]);
    for (uint32_t i = 0; i < p->n_cols; i++) {
        kept[i] = rec->in->cols[p->cols[i]];
        rec->col_exprs[i] = (struct expr){
            .kind = EXPR_COL, .index = p->cols[i], .type = kept[i].type, .agg_slot = UINT32_MAX
        };
        add_prep(rec, cols, &rec->col_exprs[i]);
    }
    for (uint32_t v = 0; v < p->n_primary; v++)
        if (conds >> v & 1) {
            rec->cond_vars[rec->n_conds++] = v;
            add_prep(rec, cols, p->vars[v].cond);
        }
    rec->sort_col = rec->prep.n_cols;
    for (uint32_t i = 0; i < p->n_sorts; i++) {
        struct expr *e = &rec->col_exprs[p->n_cols + i];
        *e = (struct expr){ .kind = EXPR_COL,
            .index = p->sorts[i].col,
            .type = rec->in->cols[p->sorts[i].col].type,
            .agg_slot = UINT32_MAX };
        add_prep(rec, cols, e);
    }
    rec->prep.n_visible = rec->prep.n_cols;
    rec->prep.cols = cols;
    rec->kept = (struct evt_schema){ p->n_cols, p->n_cols, kept };
    rt_project_init(&rec->prepare, NULL, rec->prep_exprs, &rec->prep);
}

struct rt_op *rt_recognize_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk) {
    const struct plan_recognize *p = &node->recognize;
    struct rt_recognize *rec = base_calloc(1, sizeof *rec);
    rt_op_init(&rec->op, &recognize_vt, node, node->name, plan_node_n_inputs(node), clk);
    rec->plan = p;
    rec->in = plan_schema_of(plan, p->input);
    rec->passed = EVT_TIME_MIN;
    rec->kind.n_keys = p->n_keys;
    rec->kind.key_types = base_calloc(p->n_keys + (size_t)1, sizeof *rec->kind.key_types);
    for (uint32_t i = 0; i < p->n_keys; i++)
        rec->kind.key_types[i] = p->keys[i]->type;
    rec->key_vals = base_calloc(p->n_keys + (size_t)1, sizeof *rec->key_vals);
    rec->row_vals = base_calloc(p->n_cols + (size_t)1, sizeof *rec->row_vals);
    rt_groups_init(&rec->keys, &rec->kind, false);
    rt_wait_init(&rec->wait);
    clk_timers_init(&rec->timers);
    base_arena_init(&rec->scratch, 0);
    rec->kind_rows = nfa_rows_kind_new(
        p, rec->in, node->schema, &(struct nfa_rows_out){ rec, give_row, row_failed, skip_lost });
    make_prep(rec);
    return &rec->op;
}
