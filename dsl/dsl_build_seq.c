/*
 * dsl_build_seq -- makers of sequences, and the rules about them that need no names: what `!` may stand before, what
 * a quantifier may say.
 */
#include "dsl/dsl_build.h"

#include "base/base_check.h"

#include <inttypes.h>

static struct dsl_seq *mk(struct dsl_parse *p, enum dsl_seq_kind k, struct cep_span span) {
    struct dsl_seq *s = BASE_ARENA_NEW(p->arena, struct dsl_seq);
    s->kind = k;
    s->span = span;
    s->depth = 1;
    return s;
}

static struct dsl_seq *sized(struct dsl_parse *p, struct dsl_seq *s, uint32_t depth) {
    s->depth = depth;
    if (dsl_depth_ok(p, s->span, depth))
        return s;
    s->kind = DSL_SEQ_EMPTY;
    s->depth = 1;
    return s;
}

static uint32_t max_of(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

struct dsl_seq *dsl_mk_var(struct dsl_parse *p, struct cep_span span, struct dsl_name var) {
    struct dsl_seq *s = mk(p, DSL_SEQ_VAR, span);
    s->var = var;
    return s;
}

struct dsl_seq *dsl_mk_leaf(struct dsl_parse *p, enum dsl_seq_kind k, struct cep_span span) {
    return mk(p, k, span);
}

struct dsl_seq *dsl_mk_not(struct dsl_parse *p, struct cep_span span, struct dsl_seq *item) {
    struct dsl_seq *s = mk(p, DSL_SEQ_NOT, span);
    const struct dsl_seq *var = item;
    if (item->kind == DSL_SEQ_LOOP) {
        dsl_mistake(p, item->loop.quant.span, CEP_ESYNTAX, "\"!\" takes no quantifier");
        dsl_diag_note(p->diag, "one event that fits is enough to end the match");
        var = item->loop.body;
    }
    if (var->kind == DSL_SEQ_VAR) {
        s->var = var->var;
    } else {
        dsl_mistake(p, var->span, CEP_ESYNTAX, "\"!\" takes one variable, not a group");
        dsl_diag_note(p->diag, "define one variable whose condition says what must not happen");
        s->var = (struct dsl_name){ BASE_STR("?"), false, span };
    }
    return s;
}

struct dsl_step *dsl_mk_step(
    struct dsl_parse *p, enum dsl_join join, const struct dsl_step *bound, struct cep_span span) {
    struct dsl_step *s = BASE_ARENA_NEW(p->arena, struct dsl_step);
    if (bound)
        *s = *bound;
    s->join = join;
    s->join_span = span;
    return s;
}

struct dsl_step *dsl_mk_bound(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *low, struct dsl_expr *high) {
    struct dsl_step *s = BASE_ARENA_NEW(p->arena, struct dsl_step);
    s->low = low;
    s->high = high;
    s->bound_span = span;
    return s;
}

/*
 * `match a -> b partition by key`: all of these may be names of variables, and nobody means them so. Two such words in
 * a row are a clause at the wrong place, or another language's operator.
 */
static void misplaced_clause(struct dsl_parse *p, const struct dsl_seq *a, const struct dsl_seq *b) {
    static const struct {
        const char *first, *second, *note;
    } clauses[] = {
        { "partition", "by", "the order is: from, partition by, match, define" },
        { "followed", "by", "\"followed by\" is written ->" },
        { "order", "by", "the events of a pattern are in the order of their times" },
        { "group", "by", "a pattern looks for each key apart with \"partition by\", before \"match\"" },
        { "skip", "past", "write: after match skip past last event" },
        { "skip", "to", "write: after match skip to ..." },
        { "no", "skip", "write: after match no skip" },
    };
    if (a->kind != DSL_SEQ_VAR || b->kind != DSL_SEQ_VAR || a->parens || b->parens || a->var.quoted ||
        b->var.quoted)
        return;
    for (size_t i = 0; i < CEP_COUNT_OF(clauses); i++)
        if (base_str_ieq(a->var.text, base_str_of(clauses[i].first)) &&
            base_str_ieq(b->var.text, base_str_of(clauses[i].second))) {
            dsl_mistake(p, dsl_span_join(a->span, b->span), CEP_ESYNTAX,
                "\"%s %s\" does not belong in a sequence", clauses[i].first, clauses[i].second);
            dsl_diag_note(p->diag, "%s", clauses[i].note);
        }
}

struct dsl_seq *dsl_mk_chain(struct dsl_parse *p, struct cep_span span, struct dsl_seq *left,
    const struct dsl_step *step, struct dsl_seq *item) {
    if (!left) {
        if (item->kind == DSL_SEQ_NOT) {
            dsl_mistake(p, item->span, CEP_ESYNTAX, "\"!%.*s\" cannot stand first in a sequence",
                BASE_STR_FMT(item->var.text));
            dsl_diag_note(p->diag, "it says what does not come after an event: put that event before it");
        }
        return item;
    }
    struct dsl_seq *s = left;
    bool chain = left->kind == DSL_SEQ_CHAIN && !left->parens;
    if (step->join == DSL_JOIN_NEXT)
        misplaced_clause(p, chain ? left->chain.steps[left->chain.n_steps - 1].item : left, item);
    if (!chain) {
        s = mk(p, DSL_SEQ_CHAIN, span);
        s->chain.steps = dsl_more(p, NULL, 0, sizeof *s->chain.steps);
        s->chain.steps[s->chain.n_steps++] =
            (struct dsl_step){ .join = DSL_JOIN_FIRST, .join_span = left->span, .item = left };
        s->depth = left->depth + 1;
    }
    s->chain.steps = dsl_more(p, s->chain.steps, s->chain.n_steps, sizeof *s->chain.steps);
    struct dsl_step *to = &s->chain.steps[s->chain.n_steps++];
    *to = *step;
    to->item = item;
    if (to->join_span.line == 0)
        to->join_span = item->span;
    s->span = span;
    return sized(p, s, max_of(s->depth, item->depth + 1));
}

struct dsl_seq *dsl_mk_alt(
    struct dsl_parse *p, struct cep_span span, struct dsl_seq *left, struct dsl_seq *right) {
    struct dsl_seq *s = left;
    if (left->kind != DSL_SEQ_ALT || left->parens) {
        s = mk(p, DSL_SEQ_ALT, span);
        s->list.items = dsl_more(p, NULL, 0, sizeof *s->list.items);
        s->list.items[s->list.n_items++] = left;
        s->depth = left->depth + 1;
    }
    s->list.items = dsl_more(p, s->list.items, s->list.n_items, sizeof *s->list.items);
    s->list.items[s->list.n_items++] = right;
    s->span = span;
    return sized(p, s, max_of(s->depth, right->depth + 1));
}

struct dsl_seq *dsl_mk_list(
    struct dsl_parse *p, enum dsl_seq_kind k, struct cep_span span, const struct dsl_vec *items) {
    struct dsl_seq *s = mk(p, k, span);
    uint32_t depth = 1;
    s->list.items = items->items;
    s->list.n_items = items->n;
    for (size_t i = 0; i < items->n; i++)
        depth = max_of(depth, s->list.items[i]->depth + 1);
    return sized(p, s, depth);
}

struct dsl_seq *dsl_mk_group(struct dsl_seq *s) {
    s->parens = true;
    return s;
}

/* ---- quantifiers ---- */

struct dsl_seq *dsl_mk_loop(
    struct dsl_parse *p, struct cep_span span, struct dsl_seq *body, const struct dsl_quant *q) {
    struct dsl_seq *s = mk(p, DSL_SEQ_LOOP, span);
    s->loop.body = body;
    s->loop.quant = *q;
    if (q->greedy && q->inner == DSL_INNER_ANY) {
        dsl_diag_error(
            p->diag, q->greedy_span, CEP_ESYNTAX, "\"greedy\" and \"combinations\" exclude each other");
        dsl_diag_note(p->diag, "combinations gives every choice of events, greedy only the longest");
    }
    if (q->until && q->max >= 0) {
        dsl_diag_error(p->diag, q->until_span, CEP_ESYNTAX, "\"until\" is for loops without an upper bound");
        dsl_diag_note(p->diag, "a loop without an upper bound is +, * or {n,}");
    }
    return sized(p, s, max_of(body->depth, q->until ? q->until->depth : 0) + 1);
}

struct dsl_quant *dsl_mk_quant(struct dsl_parse *p, struct cep_span span, int64_t min, int64_t max) {
    struct dsl_quant *q = BASE_ARENA_NEW(p->arena, struct dsl_quant);
    q->min = min;
    q->max = max;
    q->span = span;
    return q;
}

struct dsl_quant *dsl_mk_braces(struct dsl_parse *p, struct cep_span span, const struct dsl_expr *min,
    bool comma, const struct dsl_expr *max) {
    int64_t lo = min ? min->lit.i : 0, hi = max ? max->lit.i : comma ? -1 : lo;
    if (min && lo < 0 && comma) {
        dsl_diag_error(p->diag, min->span, CEP_EINVAL,
            "the lower bound of the number of repetitions must not be negative, not %" PRId64, lo);
        lo = 0;
    } else if ((!comma && lo <= 0) || (max && hi <= 0)) {
        dsl_diag_error(p->diag, max ? max->span : min->span, CEP_EINVAL,
            "the number of repetitions must be greater than 0, not %" PRId64, hi);
        lo = hi = 1;
    }
    if (max && hi < lo) {
        dsl_diag_error(p->diag, max->span, CEP_EINVAL,
            "the upper bound %" PRId64 " of the number of repetitions is less than the lower bound %" PRId64,
            hi, lo);
        dsl_diag_note(p->diag, "write {%" PRId64 ",%" PRId64 "}", hi, lo);
        hi = lo;
    }
    return dsl_mk_quant(p, span, lo, hi);
}

void dsl_quant_inner(struct dsl_parse *p, struct dsl_quant *q, enum dsl_inner inner, struct cep_span span) {
    if (q->inner != DSL_INNER_RELAXED && q->inner != inner)
        dsl_diag_error(p->diag, span, CEP_ESYNTAX, "\"consecutive\" and \"combinations\" exclude each other");
    else
        dsl_twice(p, span, q->inner == inner, inner == DSL_INNER_STRICT ? "consecutive" : "combinations");
    q->inner = inner;
    q->inner_span = span;
}

void dsl_quant_greedy(struct dsl_parse *p, struct dsl_quant *q, struct cep_span span) {
    dsl_twice(p, span, q->greedy, "greedy");
    q->greedy = true;
    q->greedy_span = span;
}

void dsl_quant_until(struct dsl_parse *p, struct dsl_quant *q, struct dsl_expr *e, struct cep_span span) {
    dsl_twice(p, span, q->until, "until");
    q->until = e;
    q->until_span = span;
}

void dsl_quant_gap(struct dsl_parse *p, struct dsl_quant *q, struct dsl_expr *d, struct cep_span span) {
    dsl_twice(p, span, q->gap, "gap");
    q->gap = d;
    q->gap_span = span;
}
