/*
 * dsl_checked -- `explain --stage checked`: the program as the compiler understood it, each name with its type.
 */
#include "dsl/dsl_compile.h"

#include "base/base_mem.h"
#include "base/base_num.h"

static void typed(struct base_buf *b, const char *word, struct base_str name, const struct expr *e,
    const struct evt_schema *cols, const struct base_str *vars) {
    base_buf_printf(b, "  %s ", word);
    base_buf_str(b, name);
    base_buf_putc(b, ' ');
    evt_type_write(b, e->type);
    base_buf_puts(b, " = ");
    expr_write(b, e, cols, vars);
    base_buf_putc(b, '\n');
}

static void write_pattern(struct base_buf *b, const struct plan_pattern *pt) {
    struct base_str *names = base_calloc(pt->n_vars ? pt->n_vars : 1, sizeof *names);
    for (uint32_t i = 0; i < pt->n_vars; i++)
        names[i] = pt->vars[i].name;
    for (uint32_t i = 0; i < pt->n_keys; i++)
        typed(b, "key", pt->key_names[i], pt->keys[i], &pt->cols, names);
    for (uint32_t i = 0; i < pt->n_vars; i++)
        if (pt->vars[i].cond)
            typed(b, "variable", pt->vars[i].name, pt->vars[i].cond, &pt->cols, names);
    for (uint32_t i = 0; i < pt->n_measures; i++)
        typed(b, "measure", pt->measures[i].name, pt->measures[i].expr, &pt->cols, names);
    base_free(names);
}

static void write_alert(struct base_buf *b, const struct plan *p, const struct plan_alert *al) {
    const struct evt_schema *on = plan_schema_of(p, al->on);
    if (al->where)
        typed(b, "where", BASE_STR("condition"), al->where, on, NULL);
    for (uint32_t i = 0; al->message && i < al->message->n_holes; i++)
        typed(b, "message", BASE_STR("part"), al->message->holes[i], on, NULL);
    for (uint32_t i = 0; i < al->n_labels; i++)
        typed(b, "label", al->labels[i].name, al->labels[i].expr, on, NULL);
    for (uint32_t i = 0; i < al->n_by; i++)
        typed(b, "by", al->by[i].name, al->by[i].expr, on, NULL);
}

static void write_select(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    for (uint32_t i = 0; i < n->select.n_branches; i++) {
        const struct plan_select_branch *br = &n->select.branches[i];
        const struct evt_schema *in = br->unnest ? br->unnest->pairs : plan_schema_of(p, br->input);
        if (br->unnest && br->unnest->array)
            typed(b, "unnest", BASE_STR("array"), br->unnest->array, plan_schema_of(p, br->input), NULL);
        for (uint32_t k = 0; k < n->schema->n_visible; k++)
            typed(b, "column", n->schema->cols[k].name, br->items[k], in, NULL);
        if (br->where)
            typed(b, "where", BASE_STR("condition"), br->where, in, NULL);
    }
}

static void write_aggregate(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    const struct plan_aggregate *ag = &n->aggregate;
    const struct evt_schema *in = plan_schema_of(p, ag->input);
    if (ag->where)
        typed(b, "where", BASE_STR("condition"), ag->where, in, NULL);
    for (uint32_t i = 0; i < ag->n_keys; i++)
        typed(b, "key", ag->groups->cols[i].name, ag->keys[i], in, NULL);
    if (ag->having)
        typed(b, "having", BASE_STR("condition"), ag->having, ag->groups, NULL);
    for (uint32_t k = 0; k < n->schema->n_visible; k++)
        typed(b, "column", n->schema->cols[k].name, ag->items[k], ag->groups, NULL);
}

static void write_process(struct base_buf *b, const struct plan *plan, const struct plan_process *pr) {
    for (uint32_t i = 0; i < pr->n_inputs; i++)
        for (uint32_t k = 0; k < pr->n_keys; k++)
            typed(b, "key", BASE_STR("partition by"), pr->keys[i][k], plan_schema_of(plan, pr->inputs[i]),
                NULL);
}

static void write_over(struct base_buf *b, const struct plan *plan, const struct plan_node *n) {
    const struct plan_over *ov = &n->over;
    const struct evt_schema *in = plan_schema_of(plan, ov->input);
    if (ov->where)
        typed(b, "where", BASE_STR("condition"), ov->where, in, NULL);
    for (uint32_t i = 0; i < ov->n_keys; i++)
        typed(b, "key", BASE_STR("partition"), ov->keys[i], in, NULL);
    for (uint32_t k = 0; k < n->schema->n_visible; k++)
        typed(b, "column", n->schema->cols[k].name, ov->items[k], ov->rows, NULL);
}

static void write_join(struct base_buf *b, const struct plan *p, const struct plan_node *n) {
    static const char *const words[2] = { "left", "right" };
    const struct plan_join *j = &n->join;
    for (uint32_t s = 0; s < 2; s++) {
        const struct evt_schema *in = plan_schema_of(p, j->sides[s].input);
        if (j->sides[s].where)
            typed(b, "where", base_str_of(words[s]), j->sides[s].where, in, NULL);
        for (uint32_t i = 0; i < j->n_keys; i++)
            typed(b, "key", base_str_of(words[s]), j->sides[s].keys[i], in, NULL);
    }
    if (j->on)
        typed(b, "on", BASE_STR("condition"), j->on, j->pairs, NULL);
    if (j->where)
        typed(b, "where", BASE_STR("condition"), j->where, j->pairs, NULL);
    for (uint32_t k = 0; j->items && k < n->schema->n_visible; k++)
        typed(b, "column", n->schema->cols[k].name, j->items[k], j->pairs, NULL);
}

void dsl_checked_write(struct base_buf *b, const struct plan *plan) {
    for (uint32_t i = 0; i < plan->n_params; i++) {
        base_buf_puts(b, "parameter ");
        base_buf_str(b, plan->params[i].name);
        base_buf_putc(b, ' ');
        evt_type_write(b, plan->params[i].type);
        base_buf_puts(b, " = ");
        evt_val_write_literal(b, plan->params[i].type, &plan->params[i].val);
        base_buf_putc(b, '\n');
    }
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        const struct plan_node *n = plan->nodes[i];
        base_buf_printf(b, "%s ", plan_node_word(n->kind));
        base_buf_str(b, n->name);
        base_buf_puts(b, " (");
        plan_write_columns(b, n->schema);
        base_buf_puts(b, ")\n");
        if (n->kind == PLAN_NODE_PATTERN)
            write_pattern(b, &n->pattern);
        else if (n->kind == PLAN_NODE_ALERT)
            write_alert(b, plan, &n->alert);
        else if (n->kind == PLAN_NODE_SELECT)
            write_select(b, plan, n);
        else if (n->kind == PLAN_NODE_AGGREGATE)
            write_aggregate(b, plan, n);
        else if (n->kind == PLAN_NODE_PROCESS)
            write_process(b, plan, &n->process);
        else if (n->kind == PLAN_NODE_OVER)
            write_over(b, plan, n);
        else if (n->kind == PLAN_NODE_JOIN)
            write_join(b, plan, n);
    }
}
