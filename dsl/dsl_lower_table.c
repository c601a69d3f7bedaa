/*
 * dsl_lower_table -- `table NAME as select ... group by key`: the newest result of each key, for joins to look up.
 *
 * As a node it is an aggregation without a window: each row gives its group anew, an update of the table. Who joins it keeps the
 * versions (src/runtime/rt_join_kinds.c).
 */
#include "dsl/dsl_sem.h"

static bool shape_ok(struct dsl_sem *c, const struct dsl_sym *sym) {
    const struct dsl_query *q = sym->stmt->select;
    const struct dsl_select *sel = q->selects[0];
    const struct {
        bool there;
        struct cep_span span;
        const char *what;
    } clauses[] = {
        { q->n_selects > 1, q->span, "union all" },
        { sel->window != NULL, sel->window ? sel->window->span : q->span, "window" },
        { sel->having != NULL, sel->having_span, "having" },
        { q->n_emits > 0, q->n_emits ? q->emits[0].span : q->span, "emit" },
        { q->n_order > 0, q->order_span, "order by" },
        { q->limit != NULL, q->limit_span, "limit" },
        { q->lateness != NULL, q->lateness_span, "allowed lateness" },
        { q->accumulation != DSL_ACC_DEFAULT, q->accumulation_span, "accumulation" },
        { sel->distinct, sel->distinct_span, "distinct" },
    };
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++)
        if (clauses[i].there) {
            dsl_diag_error(c->diag, clauses[i].span, CEP_EINVAL,
                "a table keeps the newest row of each key: it has no \"%s\"", clauses[i].what);
            dsl_diag_note(c->diag, "make a stream of it first, and the table of that");
            return false;
        }
    if (sel->n_group > 0)
        return true;
    dsl_diag_error(
        c->diag, sym->stmt->name.span, CEP_EINVAL, "the table \"%.*s\" has no key", BASE_STR_FMT(sym->name));
    dsl_diag_note(c->diag, "write: table %.*s as select KEY, last(x) as x from STREAM group by KEY",
        BASE_STR_FMT(sym->name));
    return false;
}

/* Each expression of `group by` is a column of it: joins name it. */
static bool find_keys(struct dsl_sem *c, struct dsl_sym *sym) {
    const struct plan_aggregate *ag = &c->nodes[sym->node]->aggregate;
    uint32_t *keys = BASE_ARENA_ARRAY(c->a, uint32_t, ag->n_keys + (size_t)1);
    for (uint32_t k = 0; k < ag->n_keys; k++) {
        uint32_t i = 0;
        while (i < sym->schema->n_cols && (ag->items[i]->kind != EXPR_COL || ag->items[i]->index != k))
            i++;
        if (i == sym->schema->n_cols) {
            struct base_str key = ag->groups->cols[k].name;
            dsl_diag_error(c->diag, sym->stmt->select->selects[0]->group[k]->span, CEP_EINVAL,
                "the table \"%.*s\" does not give its key \"%.*s\"", BASE_STR_FMT(sym->name),
                BASE_STR_FMT(key));
            dsl_diag_note(c->diag, "add it to what is selected");
            return false;
        }
        keys[k] = i;
    }
    sym->n_keys = ag->n_keys;
    sym->keys = keys;
    return true;
}

void dsl_lower_table(struct dsl_sem *c, struct dsl_sym *sym) {
    if (!shape_ok(c, sym)) {
        dsl_add_node(c, sym, PLAN_NODE_AGGREGATE);
        for (size_t i = 0; i < sym->n_deps; i++)
            sym->deps[i]->read = true;
        sym->bad = sym->open = true;
        return;
    }
    dsl_lower_aggregate(c, sym);
    if (!sym->bad)
        sym->bad |= !find_keys(c, sym);
}
