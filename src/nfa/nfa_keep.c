/*
 * nfa_keep -- what a partial match must remember: columns of its events, running aggregates, rows for prev().
 *
 * An event taken keeps the columns that a later condition or a measure reads, nothing else. Aggregates that conditions read
 * are kept running where their state has a fixed size; the others are computed by walking the events.
 */
#include "nfa/nfa_int.h"

#include "base/base_bits.h"

static void keep_col(struct nfa_prog *p, uint32_t col) {
    base_bits_set(p->kept, col);
}

static void keep_all(struct nfa_prog *p) {
    for (uint32_t i = 0; i < p->pat->cols.n_cols; i++)
        keep_col(p, i);
}

static void on_agg_arg(const struct expr *e, void *arg) {
    struct nfa_prog *p = arg;
    if (e->kind == EXPR_COL)
        keep_col(p, e->index);
}

/* What a condition asks of the event under test: it may be tried again when its batch is gone. */
static void on_own(const struct expr *e, void *arg) {
    struct nfa_prog *p = arg;
    if (e->kind == EXPR_COL)
        keep_col(p, e->index);
    if (e->kind == EXPR_AGG) {
        for (uint32_t i = 0; i < e->n_args; i++)
            expr_walk(e->args[i], on_agg_arg, p);
    }
}

static void on_node(const struct expr *e, void *arg) {
    struct nfa_prog *p = arg;
    if (e->kind == EXPR_VAR_COL)
        keep_col(p, e->index);
    if (e->kind == EXPR_EVENTS)
        keep_all(p);
    if (e->kind == EXPR_AGG && (e->agg_slot == UINT32_MAX || !p->agg_running[e->agg_slot])) {
        for (uint32_t i = 0; i < e->n_args; i++)
            expr_walk(e->args[i], on_agg_arg, p);
    }
    if (e->kind == EXPR_MATCH && e->match == EXPR_MATCH_NUMBER)
        p->uses_match_number = true;
    if (e->kind == EXPR_PREV)
        keep_col(p, e->index);
}

/* State of fixed size, and no strings that would have to be owned. */
static bool can_run(const struct expr *e) {
    switch (e->agg) {
    case EXPR_AGG_COUNT: return true;
    case EXPR_AGG_SUM:
    case EXPR_AGG_AVG:
    case EXPR_AGG_STDDEV:
    case EXPR_AGG_VAR: return e->n_args == 1;
    case EXPR_AGG_MIN:
    case EXPR_AGG_MAX: {
        if (e->n_args != 1)
            return false;
        enum evt_kind k = e->args[0]->type->kind;
        return k != EVT_STRING && k != EVT_BYTES && k != EVT_ARRAY && k != EVT_ROW;
    }
    case EXPR_AGG_COUNT_DISTINCT:
    case EXPR_AGG_ARRAY: EXPR_AGG_ROWS_CASES
    case EXPR_AGG_LIST_MAX: return false;
    }
    return false;
}

enum cep_rc nfa_keep(struct nfa_prog *p, struct cep_err *err) {
    (void)err;
    const struct plan_pattern *pat = p->pat;
    p->kept = BASE_ARENA_ARRAY(&p->arena, uint64_t, BASE_BITS_WORDS(pat->cols.n_cols) + 1);
    p->agg_running = BASE_ARENA_ARRAY(&p->arena, bool, pat->n_aggs + 1);
    p->agg_slot = BASE_ARENA_ARRAY(&p->arena, uint32_t, pat->n_aggs + 1);
    p->run_aggs = BASE_ARENA_ARRAY(&p->arena, uint32_t, pat->n_aggs + 1);
    for (uint32_t i = 0; i < pat->n_aggs; i++) {
        p->agg_running[i] = can_run(pat->aggs[i]);
        p->agg_slot[i] = p->agg_running[i] ? p->n_run_aggs : NFA_NONE;
        if (p->agg_running[i])
            p->run_aggs[p->n_run_aggs++] = i;
    }
    p->prev_rows = BASE_ARENA_ARRAY(&p->arena, uint32_t, pat->n_inputs + 1);
    bool endless = false;
    for (uint32_t i = 0; i < pat->n_prevs; i++) {
        const struct expr *e = pat->prevs[i];
        for (uint32_t k = 0; k < pat->n_inputs; k++) {
            if (p->prev_rows[k] < e->n)
                p->prev_rows[k] = e->n;
        }
        endless = endless || e->within_us <= 0;
        if (e->within_us > p->prev_within)
            p->prev_within = e->within_us;
    }
    if (endless)
        p->prev_within = 0;

    for (uint32_t i = 0; i < pat->n_vars; i++) {
        if (pat->vars[i].cond)
            expr_walk(pat->vars[i].cond, on_node, p);
    }
    for (size_t i = 0; i < p->n_untils; i++)
        expr_walk(p->untils[i], on_node, p);
    for (uint32_t i = 0; i < pat->n_measures; i++)
        expr_walk(pat->measures[i].expr, on_node, p);
    for (size_t i = 0; i < p->n_atoms && nfa_may_sleep(p); i++) {
        if (p->atoms[i].rest)
            expr_walk(p->atoms[i].rest, on_own, p);
    }
    if (pat->events_schema)
        keep_all(p);

    p->kept_slot = BASE_ARENA_ARRAY(&p->arena, int32_t, pat->cols.n_cols + 1);
    p->kept_cols = BASE_ARENA_ARRAY(&p->arena, uint32_t, pat->cols.n_cols + 1);
    for (uint32_t i = 0; i < pat->cols.n_cols; i++) {
        p->kept_slot[i] = -1;
        if (base_bits_get(p->kept, i)) {
            p->kept_slot[i] = (int32_t)p->n_kept;
            p->kept_cols[p->n_kept++] = i;
        }
    }
    p->kept_at = BASE_ARENA_ARRAY(&p->arena, uint32_t, p->n_kept + 1);
    p->kept_words = (uint32_t)BASE_BITS_WORDS(p->n_kept);
    for (uint32_t i = 0; i < p->n_kept; i++) {
        p->kept_at[i] = p->kept_words;
        p->kept_words += pat->cols.cols[p->kept_cols[i]].type->kind == EVT_DECIMAL ? 2 : 1;
    }
    return CEP_OK;
}
