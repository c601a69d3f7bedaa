/*
 * dsl_check_seq -- sequences as written become the terms of the plan, and the rules of sequences are checked.
 *
 * Parentheses without a quantifier mean nothing: such a chain in a chain is spliced into it, its first item joined as
 * the group was. Recursion is bounded by DSL_LIMIT_DEPTH (dsl_ast.h).
 */
#include "dsl/dsl_sem.h"

#include "base/base_num.h"

/* -- variables ------------------------------------------------------------------------------------------------------ */

static bool reserved(const struct dsl_name *n) {
    static const char *const words[] = { "define", "within", "after", "limit", "measures", "all",
        "consecutive", "combinations", "greedy", "until", "gap" };
    for (size_t i = 0; !n->quoted && i < sizeof words / sizeof *words; i++)
        if (base_str_ieq(n->text, base_str_of(words[i])))
            return true;
    return false;
}

static void add_var(
    struct dsl_sem *c, struct dsl_pat *p, const struct dsl_name *name, bool negated, bool loops) {
    int first = dsl_pat_var(p, name->text);
    if (first >= 0) {
        dsl_diag_error(c->diag, name->span, CEP_ENAME, "variable \"%.*s\" stands in the sequence twice",
            BASE_STR_FMT(name->text));
        dsl_diag_note_at(c->diag, p->vars[first].span, "first here");
        return;
    }
    if (reserved(name)) {
        dsl_diag_error(c->diag, name->span, CEP_ENAME, "\"%.*s\" is a reserved word and no variable",
            BASE_STR_FMT(name->text));
        dsl_diag_note(c->diag, "in double quotes it can be one");
    }
    p->vars = base_arena_grow(&c->tmp, p->vars, p->n_vars, &p->cap_vars, sizeof *p->vars);
    p->vars[p->n_vars] = (struct dsl_pvar){ .name = name->text,
        .span = name->span,
        .input = -1,
        .negated = negated,
        .in_seq = true,
        .loops = loops,
        .order = (uint32_t)p->n_vars };
    base_map_put(&p->var_names, name->text, p->n_vars);
    p->n_vars++;
}

static void walk_vars(struct dsl_sem *c, struct dsl_pat *p, const struct dsl_seq *s, bool loops) {
    if (!s)
        return;
    switch (s->kind) {
    case DSL_SEQ_VAR:
    case DSL_SEQ_NOT: add_var(c, p, &s->var, s->kind == DSL_SEQ_NOT, loops); break;
    case DSL_SEQ_CHAIN:
        for (size_t i = 0; i < s->chain.n_steps; i++)
            walk_vars(c, p, s->chain.steps[i].item, loops);
        break;
    case DSL_SEQ_ALT:
    case DSL_SEQ_ALL:
        for (size_t i = 0; i < s->list.n_items; i++)
            walk_vars(c, p, s->list.items[i], loops);
        break;
    case DSL_SEQ_LOOP: walk_vars(c, p, s->loop.body, loops || s->loop.quant.max != 1); break;
    case DSL_SEQ_EMPTY:
    case DSL_SEQ_EXCLUDE:
    case DSL_SEQ_START:
    case DSL_SEQ_END:
    case DSL_SEQ_MAX: break;
    }
}

void dsl_seq_vars(struct dsl_sem *c, struct dsl_pat *p, const struct dsl_seq *match) {
    walk_vars(c, p, match, false);
    p->n_seq_vars = p->n_vars;
}

/* -- terms ------------------------------------------------------------------------------------------------------------ */

struct seq_ctx {
    struct dsl_sem *c;
    struct dsl_pat *p;
    bool failed;
};

static struct plan_term *lower(struct seq_ctx *x, const struct dsl_seq *s, bool tail, bool after_any);

static struct plan_term *new_term(struct seq_ctx *x, enum plan_term_kind kind, struct cep_span span) {
    struct plan_term *t = BASE_ARENA_NEW(x->c->a, struct plan_term);
    *t = (struct plan_term){ .kind = kind, .min = 1, .max = 1, .inner = PLAN_FOLLOWED, .span = span };
    return t;
}

static struct plan_term *var_term(struct seq_ctx *x, const struct dsl_name *name) {
    int v = dsl_pat_var(x->p, name->text);
    struct plan_term *t = new_term(x, PLAN_TERM_VAR, name->span);
    t->var = v < 0 ? 0 : (uint32_t)v;
    return t;
}

static struct plan_term *chain_of_one(struct seq_ctx *x, struct plan_term *item) {
    struct plan_step *st = BASE_ARENA_NEW(x->c->a, struct plan_step);
    *st = (struct plan_step){ .op = PLAN_FOLLOWED, .lo_us = 0, .hi_us = -1, .term = item };
    struct plan_term *t = new_term(x, PLAN_TERM_CHAIN, item->span);
    t->steps = st;
    t->n_steps = 1;
    return t;
}

static void too_long(struct seq_ctx *x, struct cep_span span, const char *what, int64_t us) {
    if (!x->p->has_within || us <= x->p->within_us)
        return;
    struct base_buf a = BASE_BUF_INIT, b = BASE_BUF_INIT;
    base_write_duration(&a, us);
    base_write_duration(&b, x->p->within_us);
    dsl_diag_error(x->c->diag, span, CEP_EINVAL, "the %s of %s is longer than \"within\", which is %s", what,
        base_buf_cstr(&a), base_buf_cstr(&b));
    base_buf_release(&a);
    base_buf_release(&b);
    x->failed = true;
}

static void lower_bound(struct seq_ctx *x, const struct dsl_step *s, struct plan_step *out) {
    out->lo_us = 0;
    out->hi_us = -1;
    if (!s->high)
        return;
    bool ok = dsl_duration_of(x->c, s->high, "the bound", false, &out->hi_us);
    if (s->low)
        ok &= dsl_duration_of(x->c, s->low, "the lower bound", true, &out->lo_us);
    if (ok && s->low && out->lo_us >= out->hi_us) {
        dsl_diag_error(
            x->c->diag, s->bound_span, CEP_EINVAL, "the lower bound is not less than the upper one");
        ok = false;
    }
    if (ok)
        too_long(x, s->high->span, "bound", out->hi_us);
    x->failed |= !ok;
}

static enum plan_contig contig_of(enum dsl_join j) {
    switch (j) {
    case DSL_JOIN_NEXT: return PLAN_NEXT;
    case DSL_JOIN_FOLLOWED_ANY: return PLAN_FOLLOWED_ANY;
    case DSL_JOIN_FIRST:
    case DSL_JOIN_FOLLOWED: break;
    }
    return PLAN_FOLLOWED;
}

static void begins_with_not(struct seq_ctx *x, const struct dsl_seq *s) {
    dsl_diag_error(
        x->c->diag, s->span, CEP_EINVAL, "a sequence cannot begin with \"!%.*s\"", BASE_STR_FMT(s->var.text));
    dsl_diag_note(x->c->diag, "there is no event before it to count from");
    x->failed = true;
}

static struct plan_term *lower_not(
    struct seq_ctx *x, const struct dsl_step *s, const struct plan_step *step, bool tail) {
    const struct dsl_seq *item = s->item;
    if (s->join == DSL_JOIN_FOLLOWED_ANY) {
        dsl_diag_error(x->c->diag, s->join_span, CEP_EINVAL, "\"!%.*s\" cannot follow \"->>\"",
            BASE_STR_FMT(item->var.text));
        dsl_diag_note(x->c->diag, "write -> !%.*s", BASE_STR_FMT(item->var.text));
        x->failed = true;
    }
    if (step->hi_us >= 0 && !tail) {
        dsl_diag_error(x->c->diag, s->bound_span, CEP_EINVAL, "\"!%.*s\" takes a bound only as the last step",
            BASE_STR_FMT(item->var.text));
        x->failed = true;
    }
    if (tail && s->join != DSL_JOIN_NEXT && step->hi_us < 0 && !s->high && !x->p->has_within) {
        dsl_diag_error(x->c->diag, item->span, CEP_EINVAL, "the wait for no \"%.*s\" never ends",
            BASE_STR_FMT(item->var.text));
        dsl_diag_note(x->c->diag, "add \"within D\", or a bound: ->[D] !%.*s", BASE_STR_FMT(item->var.text));
        x->failed = true;
    }
    return var_term(x, &item->var);
}

struct steps {
    struct plan_step *items;
    size_t n, cap;
};

static bool spliced(const struct dsl_seq *s) {
    return s->kind == DSL_SEQ_CHAIN;
}

/* `first`: how the chain's own first item is joined, when the chain is spliced into another. */
static void lower_chain(
    struct seq_ctx *x, const struct dsl_seq *s, const struct dsl_step *first, bool tail, struct steps *out) {
    for (size_t i = 0; i < s->chain.n_steps; i++) {
        struct dsl_step st = s->chain.steps[i];
        if (i == 0 && first) {
            struct dsl_seq *item = st.item;
            st = *first;
            st.item = item;
        }
        bool last = tail && i + 1 == s->chain.n_steps;
        if (st.item->kind == DSL_SEQ_NOT && i == 0) {
            begins_with_not(x, st.item);
            continue;
        }
        if (spliced(st.item)) {
            lower_chain(x, st.item, &st, last, out);
            continue;
        }
        struct plan_step step = { .op = contig_of(st.join), .negated = st.item->kind == DSL_SEQ_NOT };
        lower_bound(x, &st, &step);
        step.term = step.negated ? lower_not(x, &st, &step, last)
                                 : lower(x, st.item, last, st.join == DSL_JOIN_FOLLOWED_ANY);
        if (!step.term) {
            x->failed = true;
            continue;
        }
        out->items = base_arena_grow(x->c->a, out->items, out->n, &out->cap, sizeof *out->items);
        out->items[out->n++] = step;
    }
}

static struct plan_term *lower_list(struct seq_ctx *x, const struct dsl_seq *s, bool tail, bool after_any) {
    if (s->list.n_items == 1)
        return lower(x, s->list.items[0], tail, after_any);
    if (s->kind == DSL_SEQ_ALL && s->list.n_items > DSL_MAX_ALL) {
        dsl_diag_error(x->c->diag, s->span, CEP_ELIMIT, "\"all\" takes at most %d members, not %zu",
            (int)DSL_MAX_ALL, s->list.n_items);
        dsl_diag_note(x->c->diag, "the automaton's states double with each");
        x->failed = true;
    }
    struct plan_term *t = new_term(x, s->kind == DSL_SEQ_ALT ? PLAN_TERM_ALT : PLAN_TERM_ALL, s->span);
    const struct plan_term **alts = BASE_ARENA_ARRAY(x->c->a, const struct plan_term *, s->list.n_items);
    for (size_t i = 0; i < s->list.n_items; i++)
        if (!(alts[i] = lower(x, s->list.items[i], tail && s->kind == DSL_SEQ_ALT, after_any)))
            x->failed = true;
    t->alts = alts;
    t->n_alts = (uint32_t)s->list.n_items;
    return t;
}

/* -- quantifiers ------------------------------------------------------------------------------------------------------- */

bool dsl_quant_range(struct dsl_diag *d, const struct dsl_quant *q) {
    if (q->min < 0)
        dsl_diag_error(d, q->span, CEP_EINVAL, "the number of repetitions must not be negative");
    else if (q->max == 0)
        dsl_diag_error(d, q->span, CEP_EINVAL, "the number of repetitions must be greater than 0");
    else if (q->max > 0 && q->max < q->min)
        dsl_diag_error(d, q->span, CEP_EINVAL, "the most repetitions, %lld, are less than the least, %lld",
            (long long)q->max, (long long)q->min);
    else if (q->min > DSL_MAX_REPEAT || q->max > DSL_MAX_REPEAT)
        dsl_diag_error(d, q->span, CEP_ELIMIT, "the number of repetitions is limited to %d, not %lld",
            (int)DSL_MAX_REPEAT, (long long)(q->max > q->min ? q->max : q->min));
    else
        return true;
    return false;
}

static bool quant_words(struct seq_ctx *x, const struct dsl_quant *q, bool after_any) {
    struct dsl_diag *d = x->c->diag;
    bool ok = true;
    if (q->reluctant) {
        dsl_diag_error(d, q->span, CEP_EINVAL, "a reluctant quantifier stands only in \"match_recognize\"");
        dsl_diag_note(d, "without \"greedy\" a loop is left as soon as it can be");
        ok = false;
    }
    if (q->greedy && q->inner == DSL_INNER_ANY) {
        dsl_diag_error(d, q->greedy_span, CEP_EINVAL, "\"greedy\" and \"combinations\" exclude each other");
        ok = false;
    }
    if (q->greedy && after_any) {
        dsl_diag_error(d, q->greedy_span, CEP_EINVAL, "\"greedy\" cannot stand behind \"->>\"");
        dsl_diag_note(d, "\"->>\" makes a match of every choice, \"greedy\" of one");
        ok = false;
    }
    if (q->until && q->max >= 0)
        ok = false; /* the parser's mistake: "until" is for loops without an upper bound */
    if (q->gap && q->max == 1) {
        dsl_diag_error(d, q->gap_span, CEP_EINVAL, "\"gap\" needs a loop: what is taken once has no gap");
        ok = false;
    }
    return ok;
}

static const struct expr *lower_until(struct seq_ctx *x, const struct dsl_expr *e) {
    struct dsl_scope s = {
        .kind = DSL_SCOPE_UNTIL, .pat = x->p, .own = -1, .input = -1, .agg_var = -1, .key_col = -1
    };
    const struct expr *u = dsl_check_cond(x->c, &s, e, "the condition of \"until\"");
    if (!u) {
        x->failed = true;
        return NULL;
    }
    dsl_warn_cond(x->c, u, &x->p->schema, "the condition of \"until\"");
    return u;
}

static struct plan_term *lower_loop(struct seq_ctx *x, const struct dsl_seq *s, bool tail, bool after_any) {
    const struct dsl_quant *q = &s->loop.quant;
    if (s->loop.body->kind == DSL_SEQ_NOT) {
        dsl_diag_error(x->c->diag, q->span, CEP_EINVAL, "\"!%.*s\" takes no quantifier",
            BASE_STR_FMT(s->loop.body->var.text));
        x->failed = true;
        return NULL;
    }
    bool ok = dsl_quant_range(x->c->diag, q);
    ok &= quant_words(x, q, after_any);
    struct plan_term *body = lower(x, s->loop.body, tail, false);
    const struct expr *until = q->until && q->max < 0 ? lower_until(x, q->until) : NULL;
    int64_t gap = 0;
    if (q->gap && dsl_duration_of(x->c, q->gap, "the gap", false, &gap))
        too_long(x, q->gap->span, "gap", gap);
    else if (q->gap)
        ok = false;
    if (!ok || !body) {
        x->failed = true;
        return NULL;
    }
    struct plan_term *t = body->min != 1 || body->max != 1 ? chain_of_one(x, body) : body;
    t->min = (uint32_t)q->min;
    t->max = q->max < 0 ? PLAN_UNBOUNDED : (uint32_t)q->max;
    t->inner = q->inner == DSL_INNER_STRICT ? PLAN_NEXT
               : q->inner == DSL_INNER_ANY  ? PLAN_FOLLOWED_ANY
                                            : PLAN_FOLLOWED;
    t->greedy = q->greedy;
    t->until = until;
    t->gap_us = gap;
    t->span = s->span;
    return t;
}

static struct plan_term *lower(struct seq_ctx *x, const struct dsl_seq *s, bool tail, bool after_any) {
    switch (s->kind) {
    case DSL_SEQ_VAR: return var_term(x, &s->var);
    case DSL_SEQ_NOT: begins_with_not(x, s); return NULL;
    case DSL_SEQ_CHAIN: {
        struct steps steps = { 0 };
        lower_chain(x, s, NULL, tail, &steps);
        if (steps.n == 0)
            return NULL;
        struct plan_term *t = new_term(x, PLAN_TERM_CHAIN, s->span);
        t->steps = steps.items;
        t->n_steps = (uint32_t)steps.n;
        return t;
    }
    case DSL_SEQ_ALT:
    case DSL_SEQ_ALL: return lower_list(x, s, tail, after_any);
    case DSL_SEQ_LOOP: return lower_loop(x, s, tail, after_any);
    case DSL_SEQ_EMPTY:
    case DSL_SEQ_EXCLUDE:
    case DSL_SEQ_START:
    case DSL_SEQ_END:
        dsl_diag_error(x->c->diag, s->span, CEP_EINVAL, "this stands only in \"match_recognize\"");
        x->failed = true;
        return NULL;
    case DSL_SEQ_MAX: break;
    }
    return NULL;
}

/* How many steps a term is when its loops are unrolled; saturates. */
static double unrolled(const struct plan_term *t) {
    double n = t->kind == PLAN_TERM_VAR ? 1 : 0;
    for (uint32_t i = 0; i < t->n_steps; i++)
        n += unrolled(t->steps[i].term);
    for (uint32_t i = 0; i < t->n_alts; i++)
        n += unrolled(t->alts[i]);
    if (t->kind == PLAN_TERM_ALL)
        n *= (double)(1u << (t->n_alts < 20 ? t->n_alts : 20)) / 2;
    uint32_t times = t->max == PLAN_UNBOUNDED ? t->min : t->max;
    return n * (times > 1 ? times : 1);
}

const struct plan_term *dsl_check_seq(struct dsl_sem *c, struct dsl_pat *p, const struct dsl_seq *match) {
    struct seq_ctx x = { c, p, false };
    struct plan_term *t = lower(&x, match, true, false);
    if (!t || x.failed)
        return NULL;
    double steps = unrolled(t);
    if (steps > DSL_MAX_STEPS) {
        dsl_diag_error(c->diag, match->span, CEP_ELIMIT,
            "the sequence is more than %d steps when its loops are unrolled", (int)DSL_MAX_STEPS);
        return NULL;
    }
    bool plain_chain = t->kind == PLAN_TERM_CHAIN && t->min == 1 && t->max == 1;
    return plain_chain ? t : chain_of_one(&x, t);
}
