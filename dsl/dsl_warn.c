/*
 * dsl_warn -- what is allowed and likely wrong: state that grows for ever, results that nobody reads.
 */
#include "dsl/dsl_sem.h"

#include "base/base_num.h"

/* -- patterns -------------------------------------------------------------------------------------------------------- */

static void warn_loops(
    struct dsl_sem *c, const struct dsl_pat *p, const struct plan_pattern *pt, const struct plan_term *t) {
    if (t->max == PLAN_UNBOUNDED && !t->until && t->gap_us == 0 && !p->has_within) {
        struct base_buf b = BASE_BUF_INIT;
        plan_write_term(&b, pt, t);
        dsl_diag_warning(c->diag, t->span,
            "the loop \"%s\" has no upper bound and the pattern no \"within\": its state may "
            "grow for ever",
            base_buf_cstr(&b));
        dsl_diag_note(c->diag, "add \"within D\", or \"until (...)\" or \"gap D\" to the loop");
        base_buf_release(&b);
    }
    for (uint32_t i = 0; i < t->n_steps; i++)
        warn_loops(c, p, pt, t->steps[i].term);
    for (uint32_t i = 0; i < t->n_alts; i++)
        warn_loops(c, p, pt, t->alts[i]);
}

/* A partial match may wait without a limit for what comes next. */
static bool can_stay_open(const struct plan_term *t) {
    if (t->max > 1 && t->gap_us == 0)
        return true;
    for (uint32_t i = 0; i < t->n_steps; i++)
        if ((i > 0 && t->steps[i].hi_us < 0) || can_stay_open(t->steps[i].term))
            return true;
    for (uint32_t i = 0; i < t->n_alts; i++)
        if (can_stay_open(t->alts[i]))
            return true;
    return t->kind == PLAN_TERM_ALL;
}

static void warn_waiting(struct dsl_sem *c, const struct dsl_pat *p, const struct plan_pattern *pt) {
    const struct dsl_pattern *st = &p->stmt->pattern;
    if (pt->skip == PLAN_SKIP_NONE || p->has_within || !can_stay_open(pt->root))
        return;
    struct cep_span at = dsl_span_given(&st->after.span) ? st->after.span : p->stmt->name.span;
    dsl_diag_warning(c->diag, at,
        "without \"within\" a completed match of \"%.*s\" may wait for ever for one that started "
        "before it",
        BASE_STR_FMT(p->sym->name));
    dsl_diag_note(c->diag, "add \"within D\", or \"after match no skip\"");
}

static void warn_prev(struct dsl_sem *c, const struct dsl_pat *p) {
    for (size_t i = 0; i < p->n_prevs; i++) {
        const struct expr *e = p->prevs[i];
        if (e->within_us > 0)
            continue;
        dsl_diag_warning(c->diag, e->span, "\"prev\" keeps %u row%s for each key, for ever", (unsigned)e->n,
            e->n == 1 ? "" : "s");
        dsl_diag_note(c->diag, "prev(COLUMN, %u within D) keeps only what is younger than D", (unsigned)e->n);
    }
}

static bool term_needs_var(const struct plan_term *t, uint32_t var) {
    if (t->min == 0)
        return false;
    if (t->kind == PLAN_TERM_VAR)
        return t->var == var;
    for (uint32_t i = 0; t->kind == PLAN_TERM_CHAIN && i < t->n_steps; i++)
        if (!t->steps[i].negated && term_needs_var(t->steps[i].term, var))
            return true;
    for (uint32_t i = 0; t->kind == PLAN_TERM_ALL && i < t->n_alts; i++)
        if (term_needs_var(t->alts[i], var))
            return true;
    return false;
}

static void warn_never(struct dsl_sem *c, const struct dsl_pat *p, const struct plan_pattern *pt) {
    for (uint32_t i = 0; i < pt->n_vars; i++)
        if (p->vars[i].never && term_needs_var(pt->root, i)) {
            dsl_diag_warning(c->diag, p->stmt->name.span,
                "pattern \"%.*s\" can never match: it needs an event for \"%.*s\"",
                BASE_STR_FMT(p->sym->name), BASE_STR_FMT(p->vars[i].name));
            return;
        }
}

/* -- a condition that reads what is taken later ---------------------------------------------------------------------- */

struct later {
    struct dsl_sem *c;
    const struct dsl_pat *p;
    uint32_t own;
};

static void warn_later(const struct expr *e, void *arg) {
    struct later *l = arg;
    if ((e->kind != EXPR_VAR_COL && e->kind != EXPR_AGG) || e->var <= l->own || e->var >= l->p->n_seq_vars)
        return;
    dsl_diag_warning(l->c->diag, e->span,
        "\"%.*s\" comes behind \"%.*s\" in the sequence: it has no events yet",
        BASE_STR_FMT(l->p->vars[e->var].name), BASE_STR_FMT(l->p->vars[l->own].name));
}

/* In a plain chain the order of the variables is the order in which they take events. */
static bool plain_chain(const struct plan_term *t) {
    for (uint32_t i = 0; i < t->n_steps; i++)
        if (t->steps[i].term->kind != PLAN_TERM_VAR)
            return false;
    return t->min == 1 && t->max == 1;
}

void dsl_warn_pattern(struct dsl_sem *c, struct dsl_pat *p, const struct plan_pattern *pt) {
    warn_loops(c, p, pt, pt->root);
    warn_waiting(c, p, pt);
    warn_prev(c, p);
    warn_never(c, p, pt);
    for (uint32_t i = 0; plain_chain(pt->root) && i < pt->n_vars; i++)
        if (p->vars[i].cond) {
            struct later l = { c, p, i };
            expr_walk(p->vars[i].cond, warn_later, &l);
        }
}

/* -- two clocks ---------------------------------------------------------------------------------------------------------- */

void dsl_warn_clocks(struct dsl_sem *c) {
    for (size_t i = 0; i < c->n_order; i++) {
        struct dsl_sym *s = c->order[i];
        bool mixed_below = false;
        if (s->kind == DSL_SYM_SOURCE && !s->stmt->broken)
            s->clocks = s->stmt->stream.time == DSL_TIME_PROCESSING ? 2 : 1;
        for (size_t k = 0; k < s->n_deps; k++) {
            s->clocks |= s->deps[k]->clocks;
            mixed_below |= s->deps[k]->clocks == 3;
        }
        if (s->clocks == 3 && !mixed_below) {
            dsl_diag_warning(c->diag, s->stmt->name.span,
                "%s \"%.*s\" reads streams of event time and of processing time", dsl_sym_word(s),
                BASE_STR_FMT(s->name));
            dsl_diag_note(c->diag, "what it gives then depends on when events arrive");
        }
    }
}

/* -- what nobody reads ------------------------------------------------------------------------------------------------- */

void dsl_warn_unread(struct dsl_sem *c) {
    if (dsl_diag_failed(c->diag))
        return; /* a statement with a mistake may be what reads it */
    for (size_t i = 0; i < c->n_syms; i++) {
        const struct dsl_sym *s = &c->syms[i];
        if (s->read)
            continue;
        if (s->kind == DSL_SYM_PARAM)
            dsl_diag_warning(
                c->diag, s->stmt->name.span, "parameter \"%.*s\" is not used", BASE_STR_FMT(s->name));
        else if (s->kind == DSL_SYM_PATTERN)
            dsl_diag_warning(c->diag, s->stmt->name.span,
                "pattern \"%.*s\" has no alert and no sink: its matches go nowhere", BASE_STR_FMT(s->name));
        else if (s->kind == DSL_SYM_SOURCE || s->kind == DSL_SYM_SELECT)
            dsl_diag_warning(c->diag, s->stmt->name.span, "nothing reads %s \"%.*s\"", dsl_sym_word(s),
                BASE_STR_FMT(s->name));
    }
}
