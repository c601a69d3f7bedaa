/*
 * plan_row_term -- the pattern of a `match_recognize` as a person would write it, with as few parentheses as the grammar needs.
 */
#include "plan/plan.h"

static bool has_quant(const struct plan_row_term *t) {
    return t->min != 1 || t->max != 1;
}

static void write_quant(struct base_buf *b, const struct plan_row_term *t) {
    if (!has_quant(t))
        return;
    if (t->min == 0 && t->max == 1)
        base_buf_putc(b, '?');
    else if (t->max == PLAN_UNBOUNDED && t->min < 2)
        base_buf_putc(b, t->min == 0 ? '*' : '+');
    else if (t->max == PLAN_UNBOUNDED)
        base_buf_printf(b, "{%u,}", t->min);
    else if (t->min == t->max)
        base_buf_printf(b, "{%u}", t->min);
    else
        base_buf_printf(b, "{%u,%u}", t->min, t->max);
    if (t->reluctant)
        base_buf_putc(b, '?');
}

static void write_term(
    struct base_buf *b, const struct plan_recognize *r, const struct plan_row_term *t, bool in_chain) {
    bool list = t->kind == PLAN_ROW_CHAIN || t->kind == PLAN_ROW_ALT;
    bool parens = list && (has_quant(t) || in_chain), alt = t->kind == PLAN_ROW_ALT;
    base_buf_puts(b, parens ? "(" : "");
    switch (t->kind) {
    case PLAN_ROW_VAR:
        base_buf_puts(b, t->excluded ? "{- " : "");
        evt_name_write(b, r->vars[t->var].name);
        break;
    case PLAN_ROW_CHAIN:
    case PLAN_ROW_ALT:
        for (uint32_t i = 0; i < t->n_items; i++) {
            base_buf_puts(b, i == 0 ? "" : alt ? " | " : " ");
            write_term(b, r, t->items[i], !alt);
        }
        break;
    case PLAN_ROW_EMPTY: base_buf_puts(b, "()"); break;
    case PLAN_ROW_START: base_buf_putc(b, '^'); break;
    case PLAN_ROW_END: base_buf_putc(b, '$'); break;
    case PLAN_ROW_MAX: break;
    }
    base_buf_puts(b, parens ? ")" : "");
    write_quant(b, t);
    base_buf_puts(b, t->excluded ? " -}" : "");
}

void plan_write_row_term(struct base_buf *b, const struct plan_recognize *r, const struct plan_row_term *t) {
    write_term(b, r, t, false);
}

const struct base_str *plan_row_var_names(struct base_arena *a, const struct plan_recognize *r) {
    struct base_str *names = BASE_ARENA_ARRAY(a, struct base_str, r->n_vars + (size_t)1);
    for (uint32_t i = 0; i < r->n_vars; i++)
        names[i] = r->vars[i].name;
    return names;
}
