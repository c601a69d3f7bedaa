/*
 * rt_aggregate_give -- the groups of a window that has ended, given out a column at a time.
 */
#include "runtime/rt_aggregate.h"

enum {
    AT_ONCE = 64, /* groups */
    WIDE = 1 << EVT_INT | 1 << EVT_TIMESTAMP | 1 << EVT_DURATION | 1 << EVT_DOUBLE
};

static void put(struct evt_col *c, uint32_t row, const struct evt_val *v) {
    if (1 << c->type->kind & WIDE && !v->null && !c->valid)
        c->i[row] = v->i;
    else
        evt_col_set_val(c, row, v);
}

/* *why: of each group, NULL = its results are there. */
static void put_results(struct rt_aggregate *ag, uint32_t i, struct evt_col *c, uint32_t row,
    struct rt_group *const *groups, uint32_t n, const char **why) {
    for (uint32_t k = 0; k < n; k++) {
        struct evt_val v;
        expr_acc_result(&ag->kind.fns[i], &groups[k]->accs[i], &ag->scratch, &v, &why[k]);
        put(c, row + k, &v);
    }
}

static void put_same(struct evt_col *c, uint32_t row, uint32_t n, int64_t x) {
    struct evt_val v = { .i = x };
    for (uint32_t k = 0; k < n; k++)
        put(c, row + k, &v);
}

static enum cep_rc give_some(struct rt_aggregate *ag, struct rt_group *const *groups, uint32_t n,
    const struct rt_agg_result *window, struct cep_err *err) {
    const char *why[AT_ONCE] = { NULL };
    struct evt_batch *b = ag->out;
    uint32_t row = b->n_rows, col = 0;
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < ag->kind.n_keys; i++, col++)
        for (uint32_t k = 0; k < n; k++)
            put(&b->cols[col], row + k, &groups[k]->vals[i]);
    for (uint32_t i = 0; i < ag->kind.n_accs; i++)
        put_results(ag, i, &b->cols[col++], row, groups, n, why);
    put_same(&b->cols[col++], row, n, window->start);
    put_same(&b->cols[col++], row, n, window->end);
    for (uint32_t k = 0; k < n; k++) {
        struct rt_group *g = groups[k];
        b->time[row + k] = window->time;
        b->origin[row + k] = EVT_ORIGIN_MATCH | (uint32_t)(g->hash & ~EVT_ORIGIN_MATCH);
        b->seq[row + k] = rt_aggregate_seq(
            window->start, window->end, g->hash, rt_group_nth(g, window->time));
        g->changed = false;
        g->n_rows = 0;
    }
    b->n_rows += n;
    for (uint32_t k = 0; k < n && rc == CEP_OK; k++)
        if (why[k])
            rc = rt_op_row_failed(&ag->op, b, row + k, why[k], err);
    base_arena_clear(&ag->scratch);
    return rc == CEP_OK && evt_batch_is_full(b) ? rt_aggregate_flush(ag, err) : rc;
}

enum cep_rc rt_aggregate_give_all(struct rt_aggregate *ag, struct rt_group *const *groups, uint32_t n,
    const struct rt_agg_result *window, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0, some; i < n && rc == CEP_OK; i += some) {
        if (!ag->out)
            ag->out = evt_batch_new(ag->plan->groups, 0);
        uint32_t room = ag->out->cap_rows - ag->out->n_rows;
        some = n - i < AT_ONCE ? n - i : AT_ONCE;
        some = some < room ? some : room;
        for (uint32_t k = i + some; k < n && k < i + some + AT_ONCE; k++) {
            __builtin_prefetch(groups[k], 1);
            __builtin_prefetch(&groups[k]->bytes, 1);
        }
        rc = give_some(ag, groups + i, some, window, err);
    }
    return rc;
}
