/*
 * plan_term -- a pattern's tree as a person would write it in the match clause.
 *
 * What plan_term holds is written back with as few parentheses as the grammar needs: a chain inside a chain, an
 * alternation inside a chain, and whatever carries a quantifier and is not a single variable.
 */
#include "plan/plan.h"

#include "base/base_num.h"

static bool term_has_quant(const struct plan_term *t) {
    return t->min != 1 || t->max != 1;
}

static void write_quant(struct base_buf *b, const struct plan_pattern *p, const struct plan_term *t) {
    if (!term_has_quant(t))
        return;
    if (t->min == 0 && t->max == 1)
        base_buf_putc(b, '?');
    else if (t->min == 0 && t->max == PLAN_UNBOUNDED)
        base_buf_putc(b, '*');
    else if (t->min == 1 && t->max == PLAN_UNBOUNDED)
        base_buf_putc(b, '+');
    else if (t->max == PLAN_UNBOUNDED)
        base_buf_printf(b, "{%u,}", (unsigned)t->min);
    else if (t->min == t->max)
        base_buf_printf(b, "{%u}", (unsigned)t->min);
    else
        base_buf_printf(b, "{%u,%u}", (unsigned)t->min, (unsigned)t->max);
    if (t->inner == PLAN_NEXT)
        base_buf_puts(b, " consecutive");
    if (t->inner == PLAN_FOLLOWED_ANY)
        base_buf_puts(b, " combinations");
    if (t->greedy)
        base_buf_puts(b, " greedy");
    if (t->until) {
        base_buf_puts(b, " until (");
        struct base_str *names = NULL;
        struct base_arena tmp;
        base_arena_init(&tmp, 0);
        names = BASE_ARENA_ARRAY(&tmp, struct base_str, p->n_vars ? p->n_vars : 1);
        for (uint32_t i = 0; i < p->n_vars; i++)
            names[i] = p->vars[i].name;
        expr_write(b, t->until, &p->cols, names);
        base_arena_release(&tmp);
        base_buf_putc(b, ')');
    }
    if (t->gap_us > 0) {
        base_buf_puts(b, " gap ");
        base_write_duration(b, t->gap_us);
    }
}

static void write_join(struct base_buf *b, const struct plan_step *s) {
    static const char *const ops[PLAN_CONTIG_MAX] = { "", "->", "->>" };
    base_buf_putc(b, ' ');
    base_buf_puts(b, ops[s->op]);
    if (s->hi_us >= 0) {
        base_buf_putc(b, '[');
        if (s->lo_us > 0) {
            base_write_duration(b, s->lo_us);
            base_buf_puts(b, " to ");
        }
        base_write_duration(b, s->hi_us);
        base_buf_putc(b, ']');
    }
    if (s->op != PLAN_NEXT || s->hi_us >= 0)
        base_buf_putc(b, ' ');
}

static void write_term(struct base_buf *b, const struct plan_pattern *p, const struct plan_term *t, bool top);

/* An item of a chain: an unquantified chain or alternation needs parentheses there. */
static void write_item(struct base_buf *b, const struct plan_pattern *p, const struct plan_term *t) {
    bool parens = !term_has_quant(t) && (t->kind == PLAN_TERM_CHAIN || t->kind == PLAN_TERM_ALT);
    if (parens)
        base_buf_putc(b, '(');
    write_term(b, p, t, false);
    if (parens)
        base_buf_putc(b, ')');
}

static void write_body(struct base_buf *b, const struct plan_pattern *p, const struct plan_term *t) {
    switch (t->kind) {
    case PLAN_TERM_VAR: base_buf_str(b, p->vars[t->var].name); break;
    case PLAN_TERM_CHAIN:
        for (uint32_t i = 0; i < t->n_steps; i++) {
            if (i > 0)
                write_join(b, &t->steps[i]);
            if (t->steps[i].negated)
                base_buf_putc(b, '!');
            write_item(b, p, t->steps[i].term);
        }
        break;
    case PLAN_TERM_ALT:
        for (uint32_t i = 0; i < t->n_alts; i++) {
            if (i > 0)
                base_buf_puts(b, " | ");
            write_term(b, p, t->alts[i], false);
        }
        break;
    case PLAN_TERM_ALL:
        base_buf_puts(b, "all(");
        for (uint32_t i = 0; i < t->n_alts; i++) {
            if (i > 0)
                base_buf_puts(b, ", ");
            write_term(b, p, t->alts[i], false);
        }
        base_buf_putc(b, ')');
        break;
    case PLAN_TERM_MAX: break;
    }
}

static void write_term(
    struct base_buf *b, const struct plan_pattern *p, const struct plan_term *t, bool top) {
    bool quant = term_has_quant(t);
    bool parens = quant && (t->kind == PLAN_TERM_CHAIN || t->kind == PLAN_TERM_ALT) && !top;
    if (quant && top && t->kind != PLAN_TERM_VAR && t->kind != PLAN_TERM_ALL)
        parens = true;
    if (parens)
        base_buf_putc(b, '(');
    write_body(b, p, t);
    if (parens)
        base_buf_putc(b, ')');
    write_quant(b, p, t);
}

void plan_write_term(struct base_buf *b, const struct plan_pattern *p, const struct plan_term *t) {
    write_term(b, p, t, true);
}
