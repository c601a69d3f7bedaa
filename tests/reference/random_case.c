/* random_case -- see random_case.h. */
#include "tests/reference/random_case.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "expr/expr_func.h"

#include <string.h>

uint64_t random_next(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct maker {
    struct random_case *c;
    struct base_arena *a;
    uint64_t rnd;
    struct plan_pattern *pat;
    struct plan_var *vars;
    bool negated[RANDOM_MAX_VARS];
    const struct expr **aggs;
    int64_t limit_us; /* within, or 0: no bound may be longer */
    bool absence_ok;
};

static uint32_t below(struct maker *m, uint32_t n) {
    return random_below(&m->rnd, n);
}

static bool chance(struct maker *m, uint32_t percent) {
    return random_chance(&m->rnd, percent);
}

/* -- conditions -------------------------------------------------------------------------------------------------- */

bool random_cond_true(const struct random_case *c, const struct random_cond *cond, uint32_t own,
    uint32_t event, const struct ref_sofar *sofar) {
    const struct random_event *e = &c->events[event];
    if (!(cond->kinds >> e->kind & 1) || e->price < cond->min_price ||
        (cond->input >= 0 && (uint32_t)cond->input != e->input))
        return false;
    bool own_counts = cond->more == RANDOM_OWN_COUNT || cond->more == RANDOM_OWN_SUM;
    uint32_t var = own_counts ? own : cond->other;
    int64_t count = own_counts ? 1 : 0, sum = own_counts ? e->price : 0, last = 0;
    for (uint32_t i = 0; i < sofar->n; i++) {
        if (sofar->binds[i].var != var)
            continue;
        last = c->events[sofar->binds[i].event].price;
        sum += last;
        count++;
    }
    switch (cond->more) {
    case RANDOM_NO_MORE: return true;
    case RANDOM_ABOVE_LAST: return count > 0 && e->price > last;
    case RANDOM_SUM_BELOW:
    case RANDOM_OWN_SUM: return count > 0 && sum < cond->n;
    case RANDOM_OWN_COUNT: return count <= cond->n;
    case RANDOM_COUNT_FROM: return count >= cond->n;
    case RANDOM_MORE_MAX: break;
    }
    return false;
}

bool random_is_var(void *arg, uint32_t var, uint32_t event, const struct ref_sofar *sofar) {
    const struct random_case *c = arg;
    return random_cond_true(c, &c->conds[var], var, event, sofar);
}

bool random_is_until(void *arg, const struct plan_term *term, uint32_t event, const struct ref_sofar *sofar) {
    const struct random_case *c = arg;
    for (uint32_t i = 0; i < c->n_untils; i++)
        if (c->until_exprs[i] == term->until)
            return random_cond_true(c, &c->untils[i], UINT32_MAX, event, sofar);
    CEP_INSIST(!"an until of this case");
    return false;
}

static const struct expr *int_const(struct maker *m, int64_t v) {
    return expr_const(m->a, evt_type_of(EVT_INT), (struct evt_val){ .i = v }, (struct cep_span){ 0 });
}

static const struct expr *column(struct maker *m, uint32_t col) {
    return expr_col(m->a, col, evt_type_of(EVT_INT), (struct cep_span){ 0 });
}

static const struct expr *compare(
    struct maker *m, const char *op, const struct expr *x, const struct expr *y) {
    const struct expr *args[] = { x, y }, *out = NULL;
    CEP_REQUIRE(expr_call_new(m->a, base_str_of(op), args, 2, (struct cep_span){ 0 }, &out, NULL) == CEP_OK);
    return out;
}

static const struct expr *join(
    struct maker *m, enum expr_kind kind, const struct expr *x, const struct expr *y) {
    const struct expr *args[] = { x, y }, *out = NULL;
    if (!x || !y)
        return x ? x : y;
    CEP_REQUIRE(expr_node_new(m->a, kind, false, args, 2, (struct cep_span){ 0 }, &out, NULL) == CEP_OK);
    return out;
}

static const struct expr *aggregate(
    struct maker *m, enum expr_agg agg, uint32_t var, uint32_t col, bool in_condition) {
    const struct expr *arg = agg == EXPR_AGG_COUNT ? NULL : column(m, col);
    struct expr *e = BASE_ARENA_NEW(m->a, struct expr);
    const struct expr **args = BASE_ARENA_NEW(m->a, const struct expr *);
    args[0] = arg;
    *e = (struct expr){ .kind = EXPR_AGG,
        .agg = agg,
        .var = var,
        .agg_slot = UINT32_MAX,
        .args = args,
        .n_args = arg ? 1 : 0,
        .type = expr_agg_type(m->a, agg, arg ? arg->type : NULL) };
    if (!in_condition)
        return e;
    for (uint32_t i = 0; i < m->pat->n_aggs; i++)
        if (expr_eq(m->aggs[i], e))
            return m->aggs[i];
    e->agg_slot = m->pat->n_aggs;
    m->aggs[m->pat->n_aggs++] = e;
    return e;
}

static const struct expr *cond_expr(struct maker *m, const struct random_cond *c, uint32_t own) {
    const struct expr *e = NULL, *price = column(m, RANDOM_COL_PRICE);
    for (uint32_t k = 0; k < RANDOM_KINDS; k++)
        if (c->kinds >> k & 1)
            e = join(m, EXPR_OR, e, compare(m, "=", column(m, RANDOM_COL_KIND), int_const(m, k)));
    if (c->min_price > 1)
        e = join(m, EXPR_AND, e, compare(m, ">=", price, int_const(m, c->min_price)));
    const struct expr *more = NULL;
    switch (c->more) {
    case RANDOM_NO_MORE:
    case RANDOM_MORE_MAX: break;
    case RANDOM_ABOVE_LAST: {
        struct expr *last = BASE_ARENA_NEW(m->a, struct expr);
        *last = (struct expr){ .kind = EXPR_VAR_COL,
            .from_last = true,
            .index = RANDOM_COL_PRICE,
            .var = c->other,
            .agg_slot = UINT32_MAX,
            .type = evt_type_of(EVT_INT) };
        more = compare(m, ">", price, last);
        break;
    }
    case RANDOM_SUM_BELOW:
        more = compare(
            m, "<", aggregate(m, EXPR_AGG_SUM, c->other, RANDOM_COL_PRICE, true), int_const(m, c->n));
        break;
    case RANDOM_OWN_COUNT:
        more = compare(m, "<=", aggregate(m, EXPR_AGG_COUNT, own, 0, true), int_const(m, c->n));
        break;
    case RANDOM_OWN_SUM:
        more = compare(m, "<", aggregate(m, EXPR_AGG_SUM, own, RANDOM_COL_PRICE, true), int_const(m, c->n));
        break;
    case RANDOM_COUNT_FROM:
        more = compare(m, ">=", aggregate(m, EXPR_AGG_COUNT, c->other, 0, true), int_const(m, c->n));
        break;
    }
    return join(m, EXPR_AND, e, more);
}

static struct random_cond random_cond(struct maker *m, uint32_t own) {
    struct random_cond c = { .kinds = 1u << below(m, 3), .min_price = 1, .input = -1 };
    if (m->c->n_inputs > 1 && chance(m, 40))
        c.input = (int32_t)below(m, m->c->n_inputs);
    if (chance(m, 25))
        c.kinds |= 1u << below(m, RANDOM_KINDS);
    if (chance(m, 15))
        c.min_price = 2;
    if (own > 0 && chance(m, 25)) {
        c.other = below(m, own);
        c.more = chance(m, 50) ? RANDOM_ABOVE_LAST : RANDOM_SUM_BELOW;
        c.n = 3 + below(m, 5);
    } else if (chance(m, 12)) {
        c.more = chance(m, 50) ? RANDOM_OWN_COUNT : RANDOM_OWN_SUM;
        c.n = c.more == RANDOM_OWN_COUNT ? 1 + below(m, 3) : 3 + below(m, 5);
    }
    return c;
}

/* -- the pattern ----------------------------------------------------------------------------------------------------- */

static struct plan_term *term_new(struct maker *m, enum plan_term_kind kind) {
    struct plan_term *t = BASE_ARENA_NEW(m->a, struct plan_term);
    *t = (struct plan_term){ .kind = kind, .min = 1, .max = 1, .inner = PLAN_FOLLOWED };
    return t;
}

static bool room(const struct maker *m) {
    return m->pat->n_vars < RANDOM_MAX_VARS;
}

static struct plan_term *variable(struct maker *m, bool negated) {
    struct plan_term *t = term_new(m, PLAN_TERM_VAR);
    CEP_REQUIRE(room(m));
    uint32_t v = t->var = m->pat->n_vars++;
    m->negated[v] = negated;
    m->c->conds[v] = random_cond(m, v);
    const struct expr *cond = cond_expr(m, &m->c->conds[v], v);
    m->vars[v] = (struct plan_var){ .name = base_str_of(base_arena_printf(m->a, "v%u", (unsigned)v)),
        .input = m->c->conds[v].input,
        .cond = cond,
        .negated = negated };
    return t;
}

static int64_t random_bound(struct maker *m) {
    int64_t d = 2 + below(m, 4);
    return m->limit_us && d > m->limit_us ? m->limit_us : d;
}

static void quantify(struct maker *m, struct plan_term *t, bool after_any) {
    uint32_t x = below(m, 100);
    if (x < 45)
        return;
    if (x < 57) {
        t->min = 0;
        return;
    }
    t->max = PLAN_UNBOUNDED;
    if (x < 77)
        t->min = x < 70 ? 1 : 0;
    else if (x < 83)
        t->min = 2;
    else
        t->max = (t->min = below(m, 3)) + 1 + below(m, 2);
    t->inner = (enum plan_contig)below(m, PLAN_CONTIG_MAX);
    t->greedy = t->inner != PLAN_FOLLOWED_ANY && !after_any && chance(m, 25);
    if (chance(m, 12))
        t->gap_us = random_bound(m);
    if (t->max == PLAN_UNBOUNDED && m->c->n_untils < RANDOM_MAX_UNTILS && chance(m, 25)) {
        struct random_cond *u = &m->c->untils[m->c->n_untils];
        *u = (struct random_cond){ .kinds = 1u << below(m, RANDOM_KINDS), .min_price = 1, .input = -1 };
        if (chance(m, 25)) {
            u->kinds = (1u << RANDOM_KINDS) - 1;
            u->more = RANDOM_COUNT_FROM;
            u->other = below(m, m->pat->n_vars);
            u->n = 2;
        }
        t->until = m->c->until_exprs[m->c->n_untils++] = cond_expr(m, u, UINT32_MAX);
    }
}

static bool nullable(const struct plan_term *t) {
    if (t->min == 0)
        return true;
    bool all = true, any = false;
    switch (t->kind) {
    case PLAN_TERM_VAR: return false;
    case PLAN_TERM_CHAIN:
        for (uint32_t i = 0; i < t->n_steps; i++)
            all &= t->steps[i].negated || nullable(t->steps[i].term);
        return all;
    case PLAN_TERM_ALT:
    case PLAN_TERM_ALL:
        for (uint32_t i = 0; i < t->n_alts; i++) {
            all &= nullable(t->alts[i]);
            any |= nullable(t->alts[i]);
        }
        return t->kind == PLAN_TERM_ALT ? any : all;
    case PLAN_TERM_MAX: break;
    }
    return false;
}

/* Can a step of it be left out before its first event? */
static bool may_begin_late(const struct plan_term *t) {
    if (t->kind == PLAN_TERM_CHAIN)
        return nullable(t->steps[0].term) || may_begin_late(t->steps[0].term);
    for (uint32_t i = 0; i < t->n_alts; i++)
        if (nullable(t->alts[i]) || may_begin_late(t->alts[i]))
            return true;
    return false;
}

static struct plan_term *chain(struct maker *m, uint32_t n, uint32_t depth);

static struct plan_term *part(struct maker *m, uint32_t depth, bool after_any) {
    struct plan_term *t;
    uint32_t x = below(m, 100);
    if (depth < 2 && x < 12) {
        t = chain(m, 1 + below(m, 3), depth + 1);
    } else if (depth < 2 && x < 20) {
        t = term_new(m, x < 17 ? PLAN_TERM_ALT : PLAN_TERM_ALL);
        const struct plan_term **alts = BASE_ARENA_ARRAY(m->a, const struct plan_term *, 3);
        uint32_t n = 2 + below(m, 2);
        t->alts = alts;
        while (t->n_alts < n && room(m))
            alts[t->n_alts++] = part(
                m, depth + 1, true); /* greedy sides that can be left in several ways: not here */
    } else {
        t = variable(m, false);
    }
    /* One quantifier a term: what comes back from chain() may be a bare variable with its own. */
    if (t->min == 1 && t->max == 1) {
        quantify(m, t, after_any);
        /* An until of a group in a group that begins with it: whose wait does it end? Not asked here. */
        if (depth > 0 && t->kind != PLAN_TERM_VAR)
            t->until = NULL;
        if (t->kind != PLAN_TERM_VAR && may_begin_late(t))
            t->gap_us = 0;
        /* How often nothing is repeated is nobody's business. */
        if (t->kind != PLAN_TERM_VAR && t->max > 1) {
            struct plan_term once = *t;
            once.min = once.max = 1;
            if (nullable(&once)) {
                t->max = 1;
                t->until = NULL;
                t->gap_us = 0;
                t->greedy = false;
                t->inner = PLAN_FOLLOWED;
                if (t->min > 1)
                    t->min = 1;
            }
        }
    }
    return t;
}

static struct plan_term *chain(struct maker *m, uint32_t n, uint32_t depth) {
    struct plan_step *v = BASE_ARENA_ARRAY(m->a, struct plan_step, n);
    struct plan_term *t = term_new(m, PLAN_TERM_CHAIN);
    t->steps = v;
    for (uint32_t i = 0; i < n && room(m); i++) {
        struct plan_step *s = &v[t->n_steps++];
        *s = (struct plan_step){ .op = PLAN_NEXT, .hi_us = -1 };
        if (i > 0) {
            uint32_t x = below(m, 100);
            s->op = x < 25 ? PLAN_NEXT : x < 75 ? PLAN_FOLLOWED : PLAN_FOLLOWED_ANY;
            bool last = i + 1 == n || m->pat->n_vars + 1 == RANDOM_MAX_VARS;
            /* What a negation counts from where the step before it was left out is not asked here. */
            bool doubled = v[i - 1].negated || nullable(v[i - 1].term);
            if (!doubled && s->op != PLAN_FOLLOWED_ANY && chance(m, 22) &&
                !(last && s->op == PLAN_FOLLOWED && (depth > 0 || !m->absence_ok)))
                s->negated = true;
            if ((!s->negated || (last && s->op == PLAN_FOLLOWED && depth == 0)) && chance(m, 10))
                s->hi_us = random_bound(m);
            if (!s->negated && chance(m, 5))
                s->lo_us = 1;
            if (s->lo_us && s->hi_us < 0 && m->limit_us == 1)
                s->lo_us = 0;
        }
        s->term = s->negated ? variable(m, true) : part(m, depth, s->op == PLAN_FOLLOWED_ANY);
        /* Whose bound is it when the group's first step is left out? Not asked here. */
        if (s->term->kind != PLAN_TERM_VAR && !s->negated && (s->lo_us || s->hi_us >= 0) &&
            may_begin_late(s->term)) {
            s->lo_us = 0;
            s->hi_us = -1;
        }
    }
    return t;
}

static void finish_pattern(struct maker *m) {
    struct plan_pattern *p = m->pat;
    uint32_t n = 1 + below(m, 4);
    p->root = chain(m, n, 0);
    static const enum plan_skip skips[] = { PLAN_SKIP_NONE, PLAN_SKIP_NONE, PLAN_SKIP_NONE,
        PLAN_SKIP_PAST_LAST, PLAN_SKIP_PAST_LAST, PLAN_SKIP_TO_NEXT, PLAN_SKIP_TO_FIRST, PLAN_SKIP_TO_LAST };
    p->skip = skips[below(m, sizeof skips / sizeof *skips)];
    if (p->skip == PLAN_SKIP_TO_FIRST || p->skip == PLAN_SKIP_TO_LAST) {
        do {
            p->skip_var = below(m, p->n_vars);
        } while (m->negated[p->skip_var]);
        p->skip_or_error = chance(m, 10);
    }
    if (chance(m, 8)) {
        p->limit_open = 1 + below(m, 3);
        p->limit_refuse_new = chance(m, 50);
    }
    if (chance(m, 6))
        p->limit_matches = 1 + below(m, 2);
}

/* -- the plan -------------------------------------------------------------------------------------------------------- */

static const struct evt_schema *schema_new(
    struct maker *m, uint32_t n, uint32_t n_visible, const struct evt_column *cols) {
    struct evt_schema *s = BASE_ARENA_NEW(m->a, struct evt_schema);
    *s = (struct evt_schema){ n, n_visible, cols };
    return s;
}

static const struct evt_schema *output_schema(struct maker *m, bool timeouts) {
    struct plan_pattern *p = m->pat;
    struct evt_column *cols = BASE_ARENA_ARRAY(m->a, struct evt_column, p->n_measures + 1 + PLAN_HIDDEN_MAX);
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_measures; i++)
        cols[n++] = (struct evt_column){ .name = p->measures[i].name, .type = p->measures[i].expr->type };
    if (timeouts)
        cols[n++] = (struct evt_column){ .name = BASE_STR("timed_out_at"),
            .type = evt_type_of(EVT_TIMESTAMP) };
    uint32_t n_visible = n;
    struct evt_column *key = BASE_ARENA_NEW(m->a, struct evt_column);
    *key = (struct evt_column){ .name = BASE_STR("key"), .type = evt_type_of(EVT_INT) };
    cols[n++] = (struct evt_column){ .name = BASE_STR("$id"), .type = evt_type_of(EVT_STRING) };
    cols[n++] = (struct evt_column){ .name = BASE_STR("$started_at"), .type = evt_type_of(EVT_TIMESTAMP) };
    cols[n++] = (struct evt_column){ .name = BASE_STR("$key"), .type = evt_type_row(m->a, p->n_keys, key) };
    return schema_new(m, n, n_visible, cols);
}

static void make_plan(struct maker *m) {
    static const char *const names[RANDOM_N_COLS] = { "idx", "kind", "price", "key" };
    struct plan *plan = m->c->plan;
    struct evt_column *cols = BASE_ARENA_ARRAY(m->a, struct evt_column, RANDOM_N_COLS);
    int32_t *map = BASE_ARENA_ARRAY(m->a, int32_t, RANDOM_N_COLS);
    const int32_t **maps = BASE_ARENA_ARRAY(m->a, const int32_t *, 2);
    for (int i = 0; i < RANDOM_N_COLS; i++) {
        cols[i] = (struct evt_column){ .name = base_str_of(names[i]), .type = evt_type_of(EVT_INT) };
        map[i] = i;
    }
    maps[0] = maps[1] = map;
    m->c->n_inputs = chance(m, 20) ? 2 : 1;
    struct plan_node *nodes = BASE_ARENA_ARRAY(m->a, struct plan_node, 3);
    const struct plan_node **list = BASE_ARENA_ARRAY(m->a, const struct plan_node *, 3);
    struct plan_ref *inputs = BASE_ARENA_ARRAY(m->a, struct plan_ref, 2);
    nodes[0] = (struct plan_node){ .kind = PLAN_NODE_SOURCE,
        .name = BASE_STR("events"),
        .schema = schema_new(m, RANDOM_N_COLS, RANDOM_N_COLS, cols),
        .errors_schema = plan_errors_schema() };
    nodes[1] = nodes[0];
    nodes[1].index = inputs[1].node = 1;
    nodes[1].name = BASE_STR("others");
    nodes[2] = (struct plan_node){
        .kind = PLAN_NODE_PATTERN, .index = 2, .name = BASE_STR("p"), .errors_schema = plan_errors_schema()
    };
    for (int i = 0; i < 3; i++)
        list[i] = &nodes[i];
    plan->nodes = list;
    plan->n_nodes = 3;
    plan->version = m->c->seed;
    m->c->node = &nodes[2];
    m->pat = &nodes[2].pattern;
    *m->pat = (struct plan_pattern){
        .n_inputs = m->c->n_inputs, .inputs = inputs, .cols = *nodes[0].schema, .col_map = maps
    };
    m->vars = BASE_ARENA_ARRAY(m->a, struct plan_var, RANDOM_MAX_VARS);
    m->aggs = BASE_ARENA_ARRAY(m->a, const struct expr *, 4 * RANDOM_MAX_VARS);
    m->pat->vars = m->vars;
    m->pat->aggs = m->aggs;
    if (chance(m, 60)) {
        m->pat->within_kind = chance(m, 75) ? PLAN_WITHIN_FIRST_LAST : PLAN_WITHIN_BETWEEN;
        m->pat->within_us = m->limit_us = 2 + below(m, 7);
        m->absence_ok = true;
    }
    if (chance(m, 20)) {
        const struct expr **keys = BASE_ARENA_NEW(m->a, const struct expr *);
        struct base_str *key_names = BASE_ARENA_NEW(m->a, struct base_str);
        keys[0] = column(m, RANDOM_COL_KEY);
        key_names[0] = BASE_STR("key");
        m->pat->n_keys = 1;
        m->pat->keys = keys;
        m->pat->key_names = key_names;
        m->c->n_keys = 2;
    }
    finish_pattern(m);
    struct plan_measure *measures = BASE_ARENA_ARRAY(m->a, struct plan_measure, RANDOM_MAX_VARS);
    for (uint32_t v = 0; v < m->pat->n_vars; v++)
        if (!m->negated[v])
            measures[m->pat->n_measures++] = (struct plan_measure){ m->vars[v].name,
                aggregate(m, EXPR_AGG_ARRAY, v, RANDOM_COL_IDX, false) };
    m->pat->measures = measures;
    nodes[2].schema = output_schema(m, false);
    m->pat->timeouts_schema = output_schema(m, true);
}

void random_case_init(struct random_case *c, uint64_t seed) {
    *c = (struct random_case){ .seed = seed, .n_keys = 1 };
    c->plan = base_calloc(1, sizeof *c->plan);
    base_arena_init(&c->plan->arena, 0);
    struct maker m = { .c = c, .a = &c->plan->arena, .rnd = seed };
    make_plan(&m);
    int64_t t = 10 + below(&m, 3);
    c->n_events = 4 + below(&m, chance(&m, 10) ? RANDOM_MAX_EVENTS - 3 : 10);
    for (uint32_t i = 0; i < c->n_events; i++) {
        uint32_t input = c->n_inputs > 1 ? below(&m, c->n_inputs) : 0;
        /* Of equal times, the first stream's come first. */
        if (i > 0 && c->events[i - 1].time == t && input < c->events[i - 1].input)
            input = c->events[i - 1].input;
        c->events[i] = (struct random_event){ t, below(&m, RANDOM_KINDS), 1 + below(&m, 3),
            c->n_keys > 1 ? below(&m, c->n_keys) : 0, input };
        t += chance(&m, 15) ? 0 : 1 + (chance(&m, 25) ? below(&m, 4) : 0);
    }
}

void random_case_release(struct random_case *c) {
    plan_free(c->plan);
}

void random_case_write(struct base_buf *b, const struct random_case *c, uint32_t keep) {
    const struct plan_pattern *p = &c->node->pattern;
    static const char *const skips[] = { "skip past last event", "no skip", "skip to next event",
        "skip to first", "skip to last" };
    base_buf_printf(b, "seed %llu\nmatch ", (unsigned long long)c->seed);
    plan_write_term(b, p, p->root);
    base_buf_puts(b, "\ndefine");
    struct base_str names[RANDOM_MAX_VARS];
    for (uint32_t v = 0; v < p->n_vars; v++)
        names[v] = p->vars[v].name;
    for (uint32_t v = 0; v < p->n_vars; v++) {
        base_buf_printf(b, "%s v%u as ", v ? "," : "", (unsigned)v);
        if (p->vars[v].input >= 0)
            base_buf_printf(b, "stream %d where ", (int)p->vars[v].input);
        expr_write(b, p->vars[v].cond, &p->cols, names);
        base_buf_putc(b, '\n');
    }
    if (p->within_kind != PLAN_WITHIN_NONE)
        base_buf_printf(b, "within %lld us%s\n", (long long)p->within_us,
            p->within_kind == PLAN_WITHIN_BETWEEN ? " between events" : "");
    base_buf_printf(b, "after match %s", skips[p->skip]);
    if (p->skip == PLAN_SKIP_TO_FIRST || p->skip == PLAN_SKIP_TO_LAST)
        base_buf_printf(b, " v%u%s", (unsigned)p->skip_var, p->skip_or_error ? " or error" : "");
    if (p->limit_open)
        base_buf_printf(b, " limit %u open per key %s", (unsigned)p->limit_open,
            p->limit_refuse_new ? "refuse new" : "drop oldest");
    if (p->limit_matches)
        base_buf_printf(b, " limit %llu matches", (unsigned long long)p->limit_matches);
    base_buf_puts(b, p->n_keys ? " partition by key\n" : "\n");
    for (uint32_t i = 0; i < c->n_events; i++)
        if (keep >> i & 1)
            base_buf_printf(b, "  %u: at %lld stream %u kind %lld price %lld key %lld\n", (unsigned)i,
                (long long)c->events[i].time, (unsigned)c->events[i].input, (long long)c->events[i].kind,
                (long long)c->events[i].price, (long long)c->events[i].key);
}
