/*
 * rt_join -- see rt_join.h.
 */
#include "runtime/rt_join.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "runtime/rt_ops.h"

#include <math.h>

enum { FETCH_AHEAD = 8 }; /* rows whose keys are fetched before they are let go */

static struct rt_join *join_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_join, op);
}

/* -- results -------------------------------------------------------------------------------------------------------- */

/* As those of groups (rt_aggregate.c): the number among those of the key and time, over what makes it one of a kind. */
static uint64_t seq_of(const struct rt_join *j, const struct rt_join_pair *p, uint32_t nth) {
    uint64_t what[5] = { (uint64_t)p->start };
    for (uint32_t s = 0; s < 2; s++) {
        if (!p->row[s])
            continue;
        const struct rt_join_chunk *c = rt_join_chunk_of(&j->sides[s].rows, p->row[s] - 1);
        uint32_t i = (uint32_t)((p->row[s] - 1) % RT_JOIN_CHUNK);
        what[1 + 2 * s] = c->rows->origin[i] + UINT64_C(1);
        what[2 + 2 * s] = c->rows->seq[i];
    }
    uint64_t first = nth < UINT16_MAX ? nth : UINT16_MAX;
    return first << EVT_MATCH_NTH_SHIFT | base_hash(what, sizeof what) >> (64 - EVT_MATCH_NTH_SHIFT);
}

static uint32_t nth_of(struct rt_join_key *k, int64_t time) {
    k->n_given = k->given_at == time ? k->n_given + 1 : 0;
    k->given_at = time;
    return k->n_given;
}

/* It has met one. */
static void note_partner(struct rt_join *j, uint32_t side, uint64_t number) {
    rt_join_opens(j, side, number);
    rt_join_meta(&j->sides[side].rows, number)->matched = j->n_windows ? j->n_windows : 1;
}

enum cep_rc rt_join_give(struct rt_join *j, uint64_t left, uint64_t right, uint32_t key, int64_t time,
    int64_t start, struct cep_err *err) {
    struct rt_join_pair *p = &j->pairs[j->n_pairs++];
    *p = (struct rt_join_pair){ .row = { left, right }, .time = time, .start = start };
    if (j->kind->left_passes) {
        const struct rt_join_chunk *c = rt_join_chunk_of(&j->sides[0].rows, left - 1);
        p->origin = c->rows->origin[(left - 1) % RT_JOIN_CHUNK];
        p->seq = c->rows->seq[(left - 1) % RT_JOIN_CHUNK];
    } else {
        struct rt_join_key *k = rt_join_key_at(&j->keys, key);
        p->origin = EVT_ORIGIN_MATCH | (uint32_t)(k->hash & ~EVT_ORIGIN_MATCH);
        p->seq = seq_of(j, p, nth_of(k, time));
    }
    for (uint32_t s = 0; s < 2 && left && right; s++) {
        if (!j->plan->sides[s].outer)
            continue;
        if (j->on)
            rt_join_meta(&j->sides[s].rows, p->row[s] - 1)->pending = true;
        else
            note_partner(j, s, p->row[s] - 1);
    }
    return j->n_pairs == EVT_BATCH_ROWS ? rt_join_flush(j, err) : CEP_OK;
}

/* -- a batch of them ------------------------------------------------------------------------------------------------- */

struct from {
    const struct evt_batch *rows; /* NULL: none */
    uint32_t row;
};

static bool is_wide(const struct evt_type *t) {
    return t->kind == EVT_INT || t->kind == EVT_TIMESTAMP || t->kind == EVT_DURATION || t->kind == EVT_DOUBLE;
}

static void gather_side(struct evt_col *to, const struct from *from, uint32_t n, uint32_t col) {
    bool wide = is_wide(to->type);
    for (uint32_t i = 0; i < n; i++) {
        if (!from[i].rows) {
            evt_col_set_null(to, i);
            continue;
        }
        const struct evt_col *c = &from[i].rows->cols[col];
        if (wide && !c->valid && !to->valid)
            to->i[i] = c->i[from[i].row];
        else
            evt_col_copy(to, i, c, from[i].row);
    }
}

/* Of its window: a session's is its time. */
static int64_t end_of(const struct rt_join *j, const struct rt_join_pair *p) {
    return j->plan->kind == PLAN_JOIN_SESSION ? p->time : p->start + j->plan->size_us;
}

static void gather_bound(struct evt_col *to, const struct rt_join *j, uint32_t col) {
    for (uint32_t i = 0; i < j->n_pairs; i++)
        evt_col_set_i(to, i, col == 0 ? j->pairs[i].start : end_of(j, &j->pairs[i]));
}

/* The pairs under way as a batch. Owns: the caller. */
static struct evt_batch *gather(const struct rt_join *j) {
    const struct plan_join *p = j->plan;
    struct from from[2][EVT_BATCH_ROWS];
    struct evt_batch *b = evt_batch_new(p->pairs, EVT_BATCH_ROWS);
    for (uint32_t i = 0; i < j->n_pairs; i++) {
        const struct rt_join_pair *pair = &j->pairs[i];
        for (uint32_t s = 0; s < 2; s++) {
            uint64_t row = pair->row[s];
            from[s][i] = row ? (struct from){ rt_join_chunk_of(&j->sides[s].rows, row - 1)->rows,
                (uint32_t)((row - 1) % RT_JOIN_CHUNK) }
                             : (struct from){ NULL, 0 };
        }
        b->time[i] = pair->time;
        b->seq[i] = pair->seq;
        b->origin[i] = pair->origin;
    }
    for (uint32_t c = 0; c < p->n_cols; c++) {
        if (p->cols[c].of == PLAN_PAIR_WINDOW)
            gather_bound(&b->cols[c], j, p->cols[c].col);
        else
            gather_side(&b->cols[c], from[p->cols[c].of], j->n_pairs, j->kept_of[c]);
    }
    b->n_rows = j->n_pairs;
    return b;
}

/* What the rest of `on` makes of the pairs: rows alone pass; *again: some are rows of the left side alone now. */
static enum cep_rc judge(struct rt_join *j, struct evt_batch *b, bool *again, struct cep_err *err) {
    struct expr_fails fails = { .n = 0 };
    uint64_t both[EVT_BATCH_ROWS / 64] = { 0 }, ok[EVT_BATCH_ROWS / 64];
    for (uint32_t i = 0; i < j->n_pairs; i++)
        if (j->pairs[i].row[0] && j->pairs[i].row[1])
            base_bits_set(both, i);
    expr_vec_filter(j->on, b, both, clk_now(j->op.clk), ok, &fails);
    enum cep_rc rc = rt_project_report(&j->op, b, both, &fails, &j->plan->on, 1, err);
    uint64_t *sel = evt_batch_need_sel(b);
    for (uint32_t i = 0; i < j->n_pairs; i++) {
        struct rt_join_pair *p = &j->pairs[i];
        if (!base_bits_get(both, i))
            continue;
        bool match = base_bits_get(ok, i);
        for (uint32_t s = 0; s < 2; s++) {
            rt_join_meta(&j->sides[s].rows, p->row[s] - 1)->pending = false;
            if (match)
                note_partner(j, s, p->row[s] - 1);
        }
        if (match)
            continue;
        if (j->kind->left_passes && j->plan->sides[0].outer) {
            p->row[1] = 0;
            *again = true;
        } else {
            base_bits_unset(sel, i);
        }
    }
    return rc;
}

enum cep_rc rt_join_flush(struct rt_join *j, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    if (j->n_pairs > 0) {
        bool again = false;
        struct evt_batch *b = gather(j);
        if (j->on)
            rc = judge(j, b, &again, err);
        if (again) {
            evt_batch_unref(b);
            b = gather(j);
        }
        j->n_pairs = 0;
        if (rc == CEP_OK)
            rc = j->plan->items ? rt_project_send(&j->finish, &j->op, b, err)
                                : rt_emit(&j->op, PLAN_PORT_MAIN, b, err);
        evt_batch_unref(b);
    }
    if (j->kind->flushed)
        j->kind->flushed(j);
    return rc;
}

enum cep_rc rt_join_pop(struct rt_join *j, uint32_t side, struct cep_err *err) {
    struct rt_join_rows *rows = rt_join_rows_of(j, side);
    enum cep_rc rc = j->n_pairs > 0 && rt_join_rows_last_of_chunk(rows) ? rt_join_flush(j, err) : CEP_OK;
    uint32_t place = rt_join_meta(rows, rows->head)->key;
    rt_join_opens(j, side, rows->head);
    if (rows->head + FETCH_AHEAD < rows->tail)
        __builtin_prefetch(rt_join_key_at(&j->keys, rt_join_meta(rows, rows->head + FETCH_AHEAD)->key));
    struct rt_join_key *k = rt_join_key_at(&j->keys, place);
    if (k->newest[side] == rows->head + 1)
        k->newest[side] = 0;
    if (!k->newest[0] && !k->newest[1])
        rt_join_keys_idle(&j->keys, place);
    rt_join_rows_pop(rows);
    return rc;
}

/* -- rows ------------------------------------------------------------------------------------------------------------ */

static bool equals_nothing(const struct evt_type *t, const struct evt_val *v) {
    return v->null || (t->kind == EVT_DOUBLE && isnan(v->d));
}

bool rt_join_write_key(
    struct rt_join *j, uint32_t side, const struct evt_batch *prep, uint32_t row, struct base_buf *to) {
    bool null = false;
    for (uint32_t k = 0; k < j->plan->n_keys; k++) {
        struct evt_val v;
        const struct evt_col *c = &prep->cols[k];
        if (c->type->kind == EVT_INT && !c->valid) { /* most keys: without calls */
            char *p = base_buf_reserve(to, 1 + sizeof c->i[row]);
            *p = 1;
            memcpy(p + 1, &c->i[row], sizeof c->i[row]);
            to->len += 1 + sizeof c->i[row];
            to->p[to->len] = '\0';
            continue;
        }
        evt_col_get(&prep->cols[k], row, &j->scratch, &v);
        null |= equals_nothing(j->sides[side].prep.cols[k].type, &v);
        evt_val_write_key(to, j->sides[side].prep.cols[k].type, &v);
    }
    return null;
}

/* A table's rows come before those that look for them at the same time. */
static uint32_t input_of_side(const struct rt_join *j, uint32_t side) {
    return j->kind->left_passes ? 1 - side : side;
}

/* Where the row's partners will be looked for first. */
static void fetch_partner(const struct rt_join *j, uint32_t side, uint64_t hash) {
    const struct rt_join_key *k = rt_join_keys_glance(&j->keys, hash);
    const struct rt_join_rows *rows = &j->sides[!side].rows;
    if (!k || k->newest[!side] <= rows->head)
        return;
    const struct rt_join_chunk *c = rt_join_chunk_of(rows, k->newest[!side] - 1);
    uint32_t i = (uint32_t)((k->newest[!side] - 1) % RT_JOIN_CHUNK);
    __builtin_prefetch(&c->meta[i]);
    __builtin_prefetch(&c->rows->time[i]);
}

static bool is_one_int(const struct rt_join *j, const struct evt_batch *prep) {
    return j->plan->n_keys == 1 && prep->cols[0].type->kind == EVT_INT && !prep->cols[0].valid;
}

/* Most keys, without calls. Returns: false when one is another one; nothing is done then. */
static bool make_keys_of_ints(struct rt_join *j, const struct clk_row *rows, size_t n) {
    enum { WIDTH = 1 + sizeof(int64_t) };
    uint64_t hash[RT_WAIT_AT_ONCE];
    for (size_t i = 0; i < n; i++)
        if (!is_one_int(j, rt_wait_batch(&j->wait, &rows[i])))
            return false;
    char *p = base_buf_reserve(&j->key_bytes, n * WIDTH);
    for (size_t i = 0; i < n; i++) {
        p[i * WIDTH] = 1;
        memcpy(
            p + i * WIDTH + 1, &rt_wait_batch(&j->wait, &rows[i])->cols[0].i[rows[i].row], sizeof(int64_t));
    }
    j->key_bytes.len = n * WIDTH;
    p[n * WIDTH] = '\0';
    base_hash_wide(p, WIDTH, n, hash);
    for (size_t i = 0; i < n; i++) {
        j->under_way[i].off = i * WIDTH;
        j->under_way[i].len = WIDTH;
        j->under_way[i].hash = hash[i];
        j->under_way[i].null = false;
    }
    return true;
}

static void make_keys(struct rt_join *j, const struct clk_row *rows, size_t n) {
    base_buf_clear(&j->key_bytes);
    bool made = make_keys_of_ints(j, rows, n);
    for (size_t i = 0; i < n && !made; i++) {
        size_t off = j->key_bytes.len;
        uint32_t side = input_of_side(j, rows[i].input);
        bool null = rt_join_write_key(j, side, rt_wait_batch(&j->wait, &rows[i]), rows[i].row, &j->key_bytes);
        size_t len = j->key_bytes.len - off;
        uint64_t hash = base_hash(len ? j->key_bytes.p + off : "", len);
        j->under_way[i].off = off;
        j->under_way[i].len = len;
        j->under_way[i].hash = hash;
        j->under_way[i].null = null;
    }
    for (size_t i = 0; i < n; i++)
        rt_join_keys_fetch(&j->keys, j->under_way[i].hash);
    for (size_t i = 0; i < n; i++)
        rt_join_keys_fetch_key(&j->keys, j->under_way[i].hash);
    for (size_t i = 0; i < n; i++)
        fetch_partner(j, input_of_side(j, rows[i].input), j->under_way[i].hash);
    base_arena_clear(&j->scratch);
}

static struct base_str key_of(const struct rt_join *j, size_t i) {
    return (struct base_str){ j->under_way[i].len ? j->key_bytes.p + j->under_way[i].off : "",
        j->under_way[i].len };
}

static enum cep_rc take_row(struct rt_join *j, const struct clk_row *row, size_t i, struct cep_err *err) {
    struct base_str bytes = key_of(j, i);
    uint64_t hash = j->under_way[i].hash;
    uint32_t side = input_of_side(j, row->input);
    uint32_t key = side == 0 && j->kind->left_passes
                       ? rt_join_keys_find(&j->keys, hash, bytes)
                       : rt_join_keys_get(&j->keys, hash, bytes, j->under_way[i].null);
    uint64_t number = rt_join_rows_add(
        rt_join_rows_of(j, side), rt_wait_batch(&j->wait, row), row->row, j->plan->n_keys, key);
    return j->kind->take(j, side, number, key, err);
}

static enum cep_rc take_each(struct rt_join *j, const struct clk_row *rows, size_t n, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < n && rc == CEP_OK; i++) {
        if (rows[i].time > EVT_TIME_MIN)
            rc = j->kind->advance(j, rows[i].time - 1, err);
        if (rc == CEP_OK)
            rc = take_row(j, &rows[i], i, err);
    }
    return rc;
}

/* All of them, a step at a time. Nothing is let go in between: keys stay where they are. */
static enum cep_rc take_block(struct rt_join *j, const struct clk_row *rows, size_t n, struct cep_err *err) {
    struct rt_join_from from[2][RT_WAIT_AT_ONCE];
    uint32_t n_from[2] = { 0, 0 }, taken[2] = { 0, 0 };
    uint64_t first[2];
    enum cep_rc rc = CEP_OK;
    if (rows[0].time > EVT_TIME_MIN && rows[0].time - 1 >= j->due)
        rc = j->kind->advance(j, rows[0].time - 1, err);
    for (size_t i = 0; i < n; i++) {
        uint32_t side = rows[i].input;
        from[side][n_from[side]++] = (struct rt_join_from){ rt_wait_batch(&j->wait, &rows[i]), rows[i].row,
            rt_join_keys_get(&j->keys, j->under_way[i].hash, key_of(j, i), j->under_way[i].null) };
    }
    for (uint32_t s = 0; s < 2; s++)
        first[s] = rt_join_rows_add_many(rt_join_rows_of(j, s), from[s], n_from[s], j->plan->n_keys);
    for (size_t i = 0; i < n && rc == CEP_OK; i++) {
        uint32_t side = rows[i].input, k = taken[side]++;
        rc = j->kind->take(j, side, first[side] + k, from[side][k].key, err);
    }
    return rc;
}

static enum cep_rc take_waiting(struct rt_join *j, int64_t wm, struct cep_err *err) {
    struct clk_row rows[RT_WAIT_AT_ONCE];
    enum cep_rc rc = CEP_OK;
    size_t n;
    while (rc == CEP_OK && (n = rt_wait_take(&j->wait, wm, rows, RT_WAIT_AT_ONCE)) > 0) {
        make_keys(j, rows, n);
        rc = j->by_blocks ? take_block(j, rows, n, err) : take_each(j, rows, n, err);
        for (size_t i = 0; i < n; i++)
            rt_wait_done(&j->wait, &rows[i]);
        if (rc == CEP_OK && j->kind->left_passes)
            rc = rt_join_flush(j, err);
    }
    return rc;
}

/* Late rows as results that have no other side, whatever `on` and `where` say. */
static enum cep_rc send_late(struct rt_join *j, uint32_t side, const struct evt_batch *prep,
    const uint64_t *late, struct cep_err *err) {
    const struct plan_join *p = j->plan;
    struct evt_batch *b = evt_batch_new(p->pairs, EVT_BATCH_ROWS), *v;
    for (uint32_t i = 0; i < prep->n_rows; i++) {
        if (!base_bits_get(late, i))
            continue;
        uint32_t at = b->n_rows;
        for (uint32_t c = 0; c < p->n_cols; c++) {
            if ((uint32_t)p->cols[c].of == side)
                evt_col_copy(&b->cols[c], at, &prep->cols[p->n_keys + j->kept_of[c]], i);
            else
                evt_col_set_null(&b->cols[c], at);
        }
        b->time[at] = prep->time[i];
        b->origin[at] = prep->origin[i];
        b->seq[at] = prep->seq[i];
        evt_batch_end_row(b);
    }
    enum cep_rc rc = rt_project_view(&j->late, &j->op, b, &v, err);
    if (rc == CEP_OK)
        rc = rt_emit(&j->op, PLAN_PORT_LATE, v, err);
    evt_batch_unref(v);
    evt_batch_unref(b);
    return rc;
}

/* Behind what has gone on: whoever could have met it may be gone, and what it could give would be late. */
static enum cep_rc take_late_out(struct rt_join *j, uint32_t side, struct evt_batch *v, struct cep_err *err) {
    uint64_t late[EVT_BATCH_ROWS / 64] = { 0 };
    uint64_t n = 0;
    for (uint32_t i = 0; i < v->n_rows; i++)
        if (v->time[i] <= j->passed && evt_batch_has(v, i)) {
            base_bits_unset(evt_batch_need_sel(v), i);
            base_bits_set(late, i);
            n++;
        }
    j->op.metrics.late += n;
    return n > 0 && rt_op_has_out(&j->op, PLAN_PORT_LATE) ? send_late(j, side, v, late, err) : CEP_OK;
}

static enum cep_rc join_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_join *j = join_of(op);
    struct evt_batch *prep;
    enum cep_rc rc = rt_project_view(&j->sides[input].prepare, op, b, &prep, err);
    if (rc == CEP_OK)
        rc = rt_project_refuse_far(op, prep, b, err);
    if (rc == CEP_OK)
        rc = take_late_out(j, input, prep, err);
    if (rc == CEP_OK)
        rt_wait_add(&j->wait, input_of_side(j, input), prep);
    evt_batch_unref(prep);
    return rc;
}

static enum cep_rc join_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_join *j = join_of(op);
    enum cep_rc rc = take_waiting(j, wm, err);
    if (rc == CEP_OK)
        rc = j->kind->advance(j, wm, err);
    if (rc == CEP_OK)
        rc = rt_join_flush(j, err);
    j->passed = wm;
    return rc;
}

static void join_gauges(struct rt_op *op) {
    struct rt_join *j = join_of(op);
    op->metrics.buffered = j->wait.reorder.n_rows;
    op->metrics.keys = rt_join_keys_live(&j->keys);
    op->metrics.state_bytes = rt_join_rows_bytes(&j->sides[0].rows) + rt_join_rows_bytes(&j->sides[1].rows) +
                              rt_join_keys_bytes(&j->keys) + rt_wait_bytes(&j->wait);
}

/* -- life ------------------------------------------------------------------------------------------------------------ */

static void join_free(struct rt_op *op) {
    struct rt_join *j = join_of(op);
    rt_slices_release(&j->saving);
    for (uint32_t s = 0; s < 2; s++) {
        struct rt_join_side *side = &j->sides[s];
        rt_join_rows_release(&side->rows);
        rt_join_rows_release(&side->loaded);
        rt_project_release(&side->prepare);
        base_free((void *)(uintptr_t)side->prep.cols);
        base_free(side->prep_exprs);
    }
    rt_wait_release(&j->wait);
    rt_join_keys_release(&j->keys);
    if (j->plan->items) {
        rt_project_release(&j->finish);
        rt_project_release(&j->late);
    }
    expr_vec_free(j->on);
    base_free(j->kept_of);
    base_free(j->partners);
    base_free(j->under_way);
    base_free(j->pairs);
    base_buf_release(&j->key_bytes);
    base_arena_release(&j->scratch);
    base_arena_release(&j->columns);
    rt_op_release(op);
    base_free(j);
}

static const struct rt_op_vt join_vt = {
    .kind = "join",
    .batch = join_batch,
    .watermark = join_watermark,
    .gauges = join_gauges,
    .save = rt_join_save,
    .save_some = rt_join_save_some,
    .save_cancel = rt_join_save_cancel,
    .load = rt_join_load,
    .loaded = rt_join_loaded,
    .free = join_free,
};

/* The keys, then a column of the input for each that a pair has of it. */
static void make_side(struct rt_join *j, uint32_t s) {
    const struct plan_join *p = j->plan;
    const struct evt_schema *in = plan_schema_of(j->whole, p->sides[s].input);
    struct rt_join_side *side = &j->sides[s];
    struct evt_column *cols = base_calloc((size_t)p->n_keys + p->n_cols + 1, sizeof *cols);
    struct expr *exprs = base_arena_calloc(&j->columns, p->n_cols + (size_t)1, sizeof *exprs);
    side->prep_exprs = base_calloc((size_t)p->n_keys + p->n_cols + 1, sizeof(struct expr *));
    uint32_t n = 0, kept = 0;
    for (; n < p->n_keys; n++) {
        side->prep_exprs[n] = p->sides[s].keys[n];
        cols[n] = (struct evt_column){ .name = BASE_STR("$key"), .type = p->sides[s].keys[n]->type };
    }
    for (uint32_t c = 0; c < p->n_cols; c++) {
        if ((uint32_t)p->cols[c].of != s)
            continue;
        cols[n] = in->cols[p->cols[c].col];
        exprs[c] = (struct expr){ .kind = EXPR_COL, .index = p->cols[c].col, .type = cols[n].type };
        side->prep_exprs[n++] = &exprs[c];
        j->kept_of[c] = kept++;
    }
    side->prep = (struct evt_schema){ n, n, cols };
    side->kept = (struct evt_schema){ kept, kept, cols + p->n_keys };
    rt_project_init(&side->prepare, p->sides[s].where, side->prep_exprs, &side->prep);
    rt_join_rows_init(&side->rows, &side->kept);
    rt_join_rows_init(&side->loaded, &side->kept);
}

struct rt_op *rt_join_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk) {
    static const struct rt_join_vt *const kinds[PLAN_JOIN_MAX] = { &rt_join_interval, &rt_join_window,
        &rt_join_table, &rt_join_session };
    const struct plan_join *p = &node->join;
    struct rt_join *j = base_calloc(1, sizeof *j);
    rt_op_init(&j->op, &join_vt, node, node->name, 2, clk);
    j->plan = p;
    j->whole = plan;
    j->kind = kinds[p->kind];
    j->by_blocks = j->kind == &rt_join_interval && !p->sides[0].outer && !p->sides[1].outer;
    j->passed = j->fired = j->due = EVT_TIME_MIN;
    j->kept_of = base_calloc(p->n_cols + (size_t)1, sizeof *j->kept_of);
    j->under_way = base_calloc(RT_WAIT_AT_ONCE, sizeof *j->under_way);
    j->pairs = base_calloc(EVT_BATCH_ROWS, sizeof *j->pairs);
    base_arena_init(&j->scratch, 0);
    base_arena_init(&j->columns, 0);
    rt_wait_init(&j->wait);
    make_side(j, 0);
    make_side(j, 1);
    j->on = p->on ? expr_vec_new(p->on, NULL) : NULL;
    if (p->items) {
        rt_project_init(&j->finish, p->where, p->items, node->schema);
        rt_project_init(&j->late, NULL, p->items, node->schema);
    }
    return &j->op;
}
