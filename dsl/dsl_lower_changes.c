/*
 * dsl_lower_changes -- streams whose rows can be taken back: `retracting`, `upsert`, who can read them, what can write them.
 *
 * Such a stream has one more column, the last, whose name nobody can give: `$op`, "+I" for a row that is new, "-U" and "+U" for one that is
 * taken back and the one in its place, "-D" for one that is taken back for good. A select hands it on; one that gives it another name
 * (`$op as change`) makes a column like others of it, and its rows are not taken back any more. Operators that remember rows without
 * being able to forget one refuse.
 */
#include "dsl/dsl_sem.h"

int dsl_mark_of(const struct evt_schema *s) {
    return s ? evt_schema_mark(s) : -1;
}

bool dsl_is_mark(const struct dsl_expr *e) {
    return e->kind == DSL_EXPR_NAME && base_str_eq(e->name.text, BASE_STR(EVT_MARK_NAME));
}

bool dsl_changes_refused(struct dsl_sem *c, const struct dsl_rows *in, struct cep_span at, const char *who) {
    if (dsl_mark_of(in->schema) < 0)
        return true;
    dsl_diag_error(c->diag, at, CEP_EINVAL, "rows of \"%.*s\" can be taken back, which %s cannot do",
        BASE_STR_FMT(in->name), who);
    dsl_diag_note(c->diag,
        "make a column like others of the mark, in a stream between: select ..., %s as change from %.*s",
        EVT_MARK_NAME, BASE_STR_FMT(in->name));
    return false;
}

bool dsl_is_upsert(const struct dsl_sem *c, const struct dsl_rows *in) {
    if (dsl_mark_of(in->schema) < 0)
        return false;
    const struct plan_node *n = c->nodes[dsl_rows_ref(in).node];
    while (n->kind == PLAN_NODE_SELECT && n->select.n_branches == 1)
        n = c->nodes[n->select.branches[0].input.node];
    return n->kind == PLAN_NODE_AGGREGATE && n->aggregate.changes == PLAN_CHANGES_UPSERT;
}

/* -- those that take back ------------------------------------------------------------------------------------------- */

bool dsl_lower_changes(struct dsl_sem *c, const struct dsl_query *q, struct plan_aggregate *out) {
    if (q->accumulation != DSL_ACC_RETRACTING && q->accumulation != DSL_ACC_UPSERT)
        return true;
    const char *word = q->accumulation == DSL_ACC_UPSERT ? "upsert" : "retracting";
    out->changes = q->accumulation == DSL_ACC_UPSERT ? PLAN_CHANGES_UPSERT : PLAN_CHANGES_RETRACT;
    if (out->window == PLAN_WINDOW_COUNT && out->emit != PLAN_EMIT_WATERMARK) {
        if (out->changes == PLAN_CHANGES_RETRACT)
            return true;
        dsl_diag_error(c->diag, q->accumulation_span, CEP_EINVAL,
            "two count windows of a key can begin and end at the same time: no key says which one a result "
            "replaces");
        dsl_diag_note(c->diag, "write \"retracting\" instead of \"upsert\"");
        return false;
    }
    if (out->window == PLAN_WINDOW_COUNT) {
        dsl_diag_error(c->diag, q->accumulation_span, CEP_EINVAL,
            "a count window gives each result once: there is nothing to take back");
        dsl_diag_note(c->diag, "leave out \"%s\", or add early results: emit each event", word);
        return false;
    }
    return true;
}

static bool given(const struct expr *const *items, uint32_t n, uint32_t col) {
    for (uint32_t i = 0; i < n; i++)
        if (items[i] && items[i]->kind == EXPR_COL && items[i]->index == col)
            return true;
    return false;
}

bool dsl_upsert_keys(struct dsl_sem *c, const struct dsl_query *q, const struct plan_aggregate *ag,
    const struct expr *const *items, uint32_t n) {
    if (ag->changes != PLAN_CHANGES_UPSERT)
        return true;
    uint32_t start = ag->n_keys + ag->n_aggs + PLAN_GROUP_START;
    bool bound = ag->window == PLAN_WINDOW_NONE || ag->window == PLAN_WINDOW_GLOBAL ||
                 given(items, n, start) || given(items, n, start + 1);
    for (uint32_t k = 0; k < ag->n_keys && bound; k++)
        bound = given(items, n, k);
    if (bound)
        return true;
    dsl_diag_error(c->diag, q->accumulation_span, CEP_EINVAL,
        "what is replaced is found by the group's key, and not all of it is selected");
    dsl_diag_note(
        c->diag, "select each expression of \"group by\", and window_start or window_end of a window");
    return false;
}

/* -- those that read them ---------------------------------------------------------------------------------------------- */

bool dsl_changes_read(struct dsl_sem *c, const struct dsl_query *q, const struct dsl_rows *in,
    const struct plan_aggregate *ag, bool table) {
    const struct dsl_select *sel = q->selects[0];
    if (dsl_mark_of(in->schema) < 0)
        return true;
    if (dsl_is_upsert(c, in)) {
        dsl_diag_error(c->diag, sel->from[0]->span, CEP_EINVAL,
            "rows of \"%.*s\" are replaced without being taken back: nothing can be added up of them",
            BASE_STR_FMT(in->name));
        dsl_diag_note(c->diag, "write \"retracting\" there instead of \"upsert\"");
        return false;
    }
    if (table)
        return dsl_changes_refused(c, in, sel->from[0]->span, "a table");
    if (ag->window != PLAN_WINDOW_NONE && ag->window != PLAN_WINDOW_GLOBAL) {
        dsl_diag_error(c->diag, sel->window->span, CEP_EINVAL,
            "rows of \"%.*s\" can be taken back, at another time than they came: in another window",
            BASE_STR_FMT(in->name));
        dsl_diag_note(c->diag, "group them without a window, or read a stream that gives each row once");
        return false;
    }
    if (ag->window == PLAN_WINDOW_NONE && ag->changes == PLAN_CHANGES_NONE) {
        dsl_diag_error(c->diag, sel->from[0]->span, CEP_EINVAL,
            "rows of \"%.*s\" can be taken back: so must be the groups that lose all of theirs",
            BASE_STR_FMT(in->name));
        dsl_diag_note(c->diag, "add at the end: retracting");
        return false;
    }
    return true;
}

/* -- sinks ---------------------------------------------------------------------------------------------------------------- */

static void find_mark(const struct expr *e, void *arg) {
    const uint32_t *mark = ((void **)arg)[0];
    bool *found = ((void **)arg)[1];
    *found |= e->kind == EXPR_COL && e->index == *mark;
}

bool dsl_changes_written(struct dsl_sem *c, const struct dsl_sink *st, const struct dsl_rows *in,
    const struct plan_format_spec *format, const struct plan_template *t) {
    int at = dsl_mark_of(in->schema);
    uint32_t mark = (uint32_t)at;
    bool written = format && !t;
    void *arg[] = { &mark, &written };
    for (uint32_t i = 0; t && i < t->n_holes; i++)
        expr_walk(t->holes[i], find_mark, arg);
    if (at < 0 || written)
        return true;
    dsl_diag_error(c->diag, st->format.span.line ? st->format.span : st->from.span, CEP_EINVAL,
        "rows of \"%.*s\" can be taken back, and this sink could not say which", BASE_STR_FMT(in->name));
    dsl_diag_note(c->diag, "write {%s} in the template, or use format json or csv", EVT_MARK_NAME);
    return false;
}
