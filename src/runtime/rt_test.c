/*
 * rt_test -- see rt_test.h.
 */
#include "runtime/rt_test.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "runtime/rt_graph.h"

enum { MIN_COLUMN = 24, MAX_COLUMN = 72 }; /* widths of the left half of a comparison */

/* -- probes -------------------------------------------------------------------------------------------------- */

struct probe {
    struct rt_op op;
    struct base_arena arena; /* of the values */
    struct evt_val **rows;   /* owned array; visible columns */
    size_t n_rows, cap_rows;
};

static struct probe *probe_of(struct rt_op *op) {
    return CEP_CONTAINER_OF(op, struct probe, op);
}

static enum cep_rc probe_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct probe *p = probe_of(op);
    (void)input;
    (void)err;
    for (uint32_t i = 0; i < b->n_rows; i++) {
        if (!evt_batch_has(b, i))
            continue;
        struct evt_val *vals = BASE_ARENA_ARRAY(&p->arena, struct evt_val, b->schema->n_cols);
        for (uint32_t c = 0; c < b->schema->n_cols; c++) {
            struct evt_val v;
            evt_col_get(&b->cols[c], i, &p->arena, &v);
            vals[c] = evt_val_copy(&p->arena, b->schema->cols[c].type, &v);
        }
        p->rows = base_grow(p->rows, p->n_rows, &p->cap_rows, sizeof *p->rows);
        p->rows[p->n_rows++] = vals;
    }
    return CEP_OK;
}

static void probe_free(struct rt_op *op) {
    struct probe *p = probe_of(op);
    base_arena_release(&p->arena);
    base_free(p->rows);
    rt_op_release(op);
    base_free(p);
}

static const struct rt_op_vt probe_vt = { .kind = "probe", .batch = probe_batch, .free = probe_free };

static struct probe *probe_new(const struct clk *clk) {
    struct probe *p = base_calloc(1, sizeof *p);
    rt_op_init(&p->op, &probe_vt, NULL, BASE_STR("probe"), 1, clk);
    base_arena_init(&p->arena, 0);
    return p;
}

/* -- comparing ------------------------------------------------------------------------------------------------- */

/* What an expectation looks at: a column, or a field of a row column. */
struct looked_at {
    struct base_str name;
    const struct evt_type *type;
    uint32_t col;
    int32_t field;
};

static struct looked_at column_of(const struct evt_schema *s, const struct plan_test_expect *e, uint32_t i) {
    const struct evt_column *c = &s->cols[e->cols[i]];
    if (e->fields && e->fields[i] >= 0)
        return (struct looked_at){ c->type->fields[e->fields[i]].name, c->type->fields[e->fields[i]].type,
            e->cols[i], e->fields[i] };
    return (struct looked_at){ c->name, c->type, e->cols[i], -1 };
}

static struct evt_val actual_of(const struct looked_at *l, const struct evt_val *row) {
    if (l->field < 0 || row[l->col].null)
        return row[l->col];
    return row[l->col].list.v[l->field];
}

static bool is_listed(const struct plan_test_expect *e, uint32_t row, uint32_t col) {
    return !e->unlisted || !e->unlisted[row][col];
}

static bool row_equal(const struct evt_schema *s, const struct plan_test_expect *e, uint32_t row,
    const struct evt_val *actual) {
    for (uint32_t i = 0; i < e->n_cols; i++) {
        if (!is_listed(e, row, i))
            continue;
        struct looked_at l = column_of(s, e, i);
        struct evt_val a = actual_of(&l, actual);
        if (!evt_val_eq(l.type, &e->rows[row][i], &a))
            return false;
    }
    return true;
}

/* row UINT32_MAX: all columns that any row lists. */
static void write_row(struct base_buf *b, const struct evt_schema *s, const struct plan_test_expect *e,
    uint32_t row, const struct evt_val *actual) {
    bool first = true;
    for (uint32_t i = 0; i < e->n_cols; i++) {
        if (row != UINT32_MAX && !is_listed(e, row, i))
            continue;
        struct looked_at l = column_of(s, e, i);
        struct evt_val v = actual ? actual_of(&l, actual) : e->rows[row][i];
        base_buf_printf(b, "%s%.*s = ", first ? "" : ", ", BASE_STR_FMT(l.name));
        evt_val_write_literal(b, l.type, &v);
        first = false;
    }
}

/* With no columns listed (`expect no NAME`) an unexpected row is shown whole. */
static void write_whole(struct base_buf *b, const struct evt_schema *s, const struct evt_val *actual) {
    for (uint32_t c = 0; c < s->n_visible; c++) {
        base_buf_printf(b, "%s%.*s = ", c ? ", " : "", BASE_STR_FMT(s->cols[c].name));
        evt_val_write_literal(b, s->cols[c].type, &actual[c]);
    }
}

static void write_side_by_side(
    struct base_buf *out, const char *mark, const char *left, const char *right, int width) {
    base_buf_printf(out, "    %s %-*s | %s\n", mark, width, left, right);
}

/*
 * Rows that list different columns may fit several actual ones: a row takes its partner from another that finds a
 * new one (augmenting paths). Returns: true when row r is paired.
 */
static bool find_pair(const struct evt_schema *s, const struct plan_test_expect *e, const struct probe *p,
    uint32_t r, size_t *pair, uint32_t *owner, bool *tried) {
    for (size_t i = 0; i < p->n_rows; i++) {
        if (tried[i] || !row_equal(s, e, r, p->rows[i]))
            continue;
        tried[i] = true;
        if (owner[i] == UINT32_MAX || find_pair(s, e, p, owner[i], pair, owner, tried)) {
            owner[i] = r;
            pair[r] = i;
            return true;
        }
    }
    return false;
}

static size_t pair_rows(const struct evt_schema *s, const struct plan_test_expect *e, const struct probe *p,
    size_t *pair, bool *used) {
    size_t n_paired = 0, n = p->n_rows ? p->n_rows : 1;
    for (uint32_t r = 0; r < e->n_rows; r++)
        pair[r] = SIZE_MAX;
    if (!e->unlisted) {
        for (uint32_t r = 0; r < e->n_rows; r++)
            for (size_t i = 0; i < p->n_rows && pair[r] == SIZE_MAX; i++)
                if (!used[i] && row_equal(s, e, r, p->rows[i])) {
                    used[i] = true;
                    pair[r] = i;
                    n_paired++;
                }
        return n_paired;
    }
    uint32_t *owner = base_calloc(n, sizeof *owner);
    bool *tried = base_calloc(n, sizeof *tried);
    memset(owner, 0xff, n * sizeof *owner);
    for (uint32_t r = 0; r < e->n_rows; r++) {
        memset(tried, 0, n * sizeof *tried);
        n_paired += find_pair(s, e, p, r, pair, owner, tried);
    }
    for (size_t i = 0; i < p->n_rows; i++)
        used[i] = owner[i] != UINT32_MAX;
    base_free(owner);
    base_free(tried);
    return n_paired;
}

static int left_width(const struct evt_schema *s, const struct plan_test_expect *e) {
    struct base_buf left = BASE_BUF_INIT;
    size_t width = MIN_COLUMN;
    for (uint32_t r = 0; r < e->n_rows; r++) {
        base_buf_clear(&left);
        write_row(&left, s, e, r, NULL);
        width = left.len > width ? left.len : width;
    }
    base_buf_release(&left);
    return width > MAX_COLUMN ? MAX_COLUMN : (int)width;
}

/* Expected rows beside their partners; one without gets the next actual row that has none either, so that they can be
 * compared by eye; then actual rows that are left. */
static void write_difference(struct base_buf *out, const struct evt_schema *s,
    const struct plan_test_expect *e, const struct probe *p, const size_t *pair, const bool *used) {
    struct base_buf left = BASE_BUF_INIT, right = BASE_BUF_INIT;
    int width = left_width(s, e);
    size_t next = 0;
    write_side_by_side(out, " ", "expected", "actual", width);
    for (uint32_t r = 0; r < e->n_rows; r++) {
        bool paired = pair[r] != SIZE_MAX;
        base_buf_clear(&left);
        base_buf_clear(&right);
        write_row(&left, s, e, r, NULL);
        while (!paired && next < p->n_rows && used[next])
            next++;
        if (paired)
            write_row(&right, s, e, r, p->rows[pair[r]]);
        else if (next < p->n_rows)
            write_row(&right, s, e, r, p->rows[next++]);
        else
            base_buf_puts(&right, "(nothing)");
        write_side_by_side(out, paired ? " " : "!", base_buf_cstr(&left), base_buf_cstr(&right), width);
    }
    for (; next < p->n_rows; next++) {
        if (used[next])
            continue;
        base_buf_clear(&right);
        if (e->n_cols)
            write_row(&right, s, e, UINT32_MAX, p->rows[next]);
        else
            write_whole(&right, s, p->rows[next]);
        write_side_by_side(out, "!", "(nothing)", base_buf_cstr(&right), width);
    }
    base_buf_release(&left);
    base_buf_release(&right);
}

/* Pairs equal rows, then lists what is left on both sides. Returns: true when nothing is. */
static bool compare(
    struct base_buf *out, const struct plan *plan, const struct plan_test_expect *e, const struct probe *p) {
    const struct evt_schema *s = plan_schema_of(plan, e->of);
    bool *used = base_calloc(p->n_rows ? p->n_rows : 1, sizeof *used);
    size_t *pair = base_calloc(e->n_rows ? e->n_rows : 1, sizeof *pair);
    size_t n_paired = pair_rows(s, e, p, pair, used);
    bool same = n_paired == e->n_rows && n_paired == p->n_rows;
    if (!same) {
        const char *port = plan_port_text(plan->nodes[e->of.node], e->of.port);
        base_buf_printf(out, "  %.*s%s%s: expected %u row%s, got %zu\n",
            BASE_STR_FMT(plan->nodes[e->of.node]->statement), port[0] ? "." : "", port, e->n_rows,
            e->n_rows == 1 ? "" : "s", p->n_rows);
        write_difference(out, s, e, p, pair, used);
    }
    base_free(used);
    base_free(pair);
    return same;
}

/* -- running ------------------------------------------------------------------------------------------------------ */

static enum cep_rc push_rows(
    struct rt_op *op, const struct plan_test_step *step, uint64_t *seq, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t r = 0; r < step->n_rows && rc == CEP_OK;) {
        struct evt_batch *b = evt_batch_new(op->node->schema, 0);
        for (; r < step->n_rows && !evt_batch_is_full(b); r++) {
            for (uint32_t c = 0; c < b->schema->n_cols; c++)
                evt_col_set_val(&b->cols[c], b->n_rows, &step->rows[r][c]);
            b->seq[b->n_rows] = (*seq)++;
            evt_batch_end_row(b);
        }
        rc = rt_source_push(op, 0, b, err);
        evt_batch_unref(b);
    }
    return rc;
}

static enum cep_rc run_steps(
    struct rt_graph *g, const struct plan_test *test, struct clk *clk, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    uint64_t seq = 0;
    for (uint32_t i = 0; i < test->n_steps && rc == CEP_OK; i++) {
        const struct plan_test_step *step = &test->steps[i];
        if (step->kind == PLAN_TEST_GIVEN) {
            rc = push_rows(g->ops[step->node], step, &seq, err);
            continue;
        }
        clk_manual_set(clk, step->advance_us);
        for (uint32_t n = 0; n < g->plan->n_nodes && rc == CEP_OK; n++)
            if (g->plan->nodes[n]->kind == PLAN_NODE_SOURCE)
                rc = rt_source_advance(g->ops[n], step->advance_us, err);
    }
    for (uint32_t n = 0; n < g->plan->n_nodes && rc == CEP_OK; n++)
        if (g->plan->nodes[n]->kind == PLAN_NODE_SOURCE)
            rc = rt_source_finish(g->ops[n], err);
    return rc;
}

enum cep_rc rt_test_run(const struct plan *plan, const struct plan_test *test, struct rt_test_result *result,
    struct cep_err *err) {
    const struct plan *p = test->plan ? test->plan : plan;
    struct clk clk;
    struct rt_graph g;
    clk_manual_init(&clk, 0);
    *result = (struct rt_test_result){ .passed = true };
    enum cep_rc rc = rt_graph_init(&g, p, &clk, 0, err);
    if (rc != CEP_OK)
        return rc;
    struct probe **probes = base_calloc(test->n_expects ? test->n_expects : 1, sizeof(struct probe *));
    for (uint32_t i = 0; i < test->n_expects; i++) {
        probes[i] = probe_new(&clk);
        rt_graph_listen(&g, test->expects[i].of, &probes[i]->op, 0);
    }
    for (uint32_t n = 0; n < p->n_nodes; n++)
        if (p->nodes[n]->kind == PLAN_NODE_SOURCE)
            rt_source_partitions(g.ops[n], 1);
    rc = run_steps(&g, test, &clk, err);
    for (uint32_t i = 0; i < test->n_expects && rc == CEP_OK; i++)
        if (!compare(&result->report, p, &test->expects[i], probes[i]))
            result->passed = false;
    for (uint32_t i = 0; i < test->n_expects; i++)
        probe_free(&probes[i]->op);
    base_free(probes);
    rt_graph_release(&g);
    return rc;
}
