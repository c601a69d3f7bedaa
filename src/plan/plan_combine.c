/*
 * plan_combine -- see plan_combine.h.
 */
#include "plan/plan_combine.h"

#include "base/base_mem.h"
#include "expr/expr_acc.h"
#include "expr/expr_agg.h"
#include "expr/expr_run.h"

void plan_agg_write(struct base_buf *b, const struct plan_agg *a, const struct evt_schema *in) {
    uint32_t n_opts;
    base_buf_printf(b, "%d ", (int)a->agg);
    if (a->arg) {
        evt_type_write(b, a->arg->type);
        base_buf_putc(b, ' ');
        expr_write(b, a->arg, in, NULL);
    }
    if (a->filter) {
        base_buf_puts(b, " filter ");
        expr_write(b, a->filter, in, NULL);
    }
    if (a->whole && expr_run_is(a->agg))
        base_buf_puts(b, " whole");
    if (a->back)
        base_buf_puts(b, " back");
    if (a->user) {
        base_buf_printf(b, " of %s %zu ", a->user->name, a->user->size);
        evt_type_write(b, a->type);
    }
    (void)expr_agg_opts(a->agg, &n_opts);
    for (uint32_t i = 0; i < n_opts; i++)
        base_buf_printf(b, " %.17g", a->opts[i]);
}

/* Is the merge of what two were told exactly what one would be that was told all, and smaller than the rows? */
static bool merges_exactly(const struct plan_agg *a) {
    switch (a->agg) {
    case EXPR_AGG_COUNT:
    case EXPR_AGG_MIN:
    case EXPR_AGG_MAX:
    case EXPR_AGG_FIRST:
    case EXPR_AGG_LAST:
    case EXPR_AGG_COUNT_DISTINCT:
    case EXPR_AGG_APPROX_DISTINCT:
    case EXPR_AGG_APPROX_QUANTILE: return !a->back;
    case EXPR_AGG_SUM:
    case EXPR_AGG_AVG: return !a->back && a->arg->type->kind != EVT_DOUBLE;
    case EXPR_AGG_USER: return !a->back && a->user->merges;
    case EXPR_AGG_STDDEV:
    case EXPR_AGG_VAR:
    case EXPR_AGG_ARRAY: EXPR_AGG_RUN_CASES
    case EXPR_AGG_LIST_MAX: break;
    }
    return false;
}

bool plan_combines(const struct plan *p, const struct plan_node *n) {
    const struct plan_aggregate *a = &n->aggregate;
    if (n->kind != PLAN_NODE_AGGREGATE || a->n_keys == 0 || a->emit != PLAN_EMIT_WATERMARK ||
        plan_windows_apart(a) || (a->window != PLAN_WINDOW_TUMBLING && a->window != PLAN_WINDOW_SLIDING) ||
        evt_schema_mark(plan_schema_of(p, a->input)) >= 0)
        return false;
    for (uint32_t i = 0; i < a->n_aggs; i++)
        if (!merges_exactly(&a->aggs[i]))
            return false;
    return true;
}

/* What the bytes mean: those of other panes or aggregates are not taken for them. */
static struct base_str signature(
    struct base_arena *a, const struct plan_aggregate *agg, const struct evt_schema *in) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(
        &b, "$pane %lld %lld", (long long)plan_pane(agg->size_us, agg->slide_us), (long long)agg->offset_us);
    for (uint32_t i = 0; i < agg->n_keys; i++) {
        base_buf_puts(&b, "; ");
        expr_write(&b, agg->keys[i], in, NULL);
    }
    for (uint32_t i = 0; i < agg->n_aggs; i++) {
        base_buf_puts(&b, "; ");
        plan_agg_write(&b, &agg->aggs[i], in);
    }
    struct base_str s = base_arena_str(a, base_buf_view(&b));
    base_buf_release(&b);
    return s;
}

const struct evt_schema *plan_combined_schema(
    struct base_arena *a, const struct plan *p, const struct plan_node *n) {
    const struct plan_aggregate *agg = &n->aggregate;
    struct evt_schema *s = BASE_ARENA_NEW(a, struct evt_schema);
    struct evt_column *cols = BASE_ARENA_ARRAY(a, struct evt_column, agg->n_keys + (size_t)2);
    for (uint32_t i = 0; i < agg->n_keys; i++)
        cols[i] = (struct evt_column){ .name = BASE_STR("$key"), .type = agg->keys[i]->type };
    cols[plan_combined_rows(agg)] =
        (struct evt_column){ .name = BASE_STR("$rows"), .type = evt_type_of(EVT_INT), .not_null = true };
    cols[plan_combined_accs(agg)] =
        (struct evt_column){ .name = signature(a, agg, plan_schema_of(p, agg->input)),
            .type = evt_type_of(EVT_BYTES),
            .not_null = true };
    *s = (struct evt_schema){ agg->n_keys + 2, agg->n_keys + 2, cols };
    return s;
}

const struct expr *const *plan_combined_keys(
    struct base_arena *a, const struct evt_schema *s, uint32_t n_keys) {
    const struct expr **keys = BASE_ARENA_ARRAY(a, const struct expr *, n_keys + (size_t)1);
    struct expr *cols = BASE_ARENA_ARRAY(a, struct expr, n_keys + (size_t)1);
    for (uint32_t i = 0; i < n_keys; i++) {
        cols[i] = (struct expr){ .kind = EXPR_COL, .index = i, .type = s->cols[i].type };
        keys[i] = &cols[i];
    }
    return keys;
}
