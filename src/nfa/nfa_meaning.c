/*
 * nfa_meaning -- what a state means: a hash of all that can follow, in the pattern's own words.
 *
 * Law: two states (of one program or of two) with equal meanings do the same with every sequence of events from there on:
 * the same variables taken under the same conditions in the same bounds, up to the same completions. Numbers of states, of
 * conditions and of columns do not count, nor do passes that only save work.
 *
 * A state's meaning is made of its edges and of the meanings of their targets, so states are looked at from the end backwards:
 * strongly connected components in the order that Tarjan's algorithm gives them (SIAM J. Comput. 1(2), 1972). Within a
 * component (a loop over a group) the hashes are refined round by round (as Moore does with automata) until no more states
 * are told apart; what the last round did to each hash goes into the result, so that components of different shape differ.
 * Errors are on the safe side: automata that do the same by different shapes may differ; a huge component (LARGE) has the
 * meaning of this very program only.
 */
#include "nfa/nfa_save.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <stdlib.h>

enum { LARGE = 4096 };

/* -- expressions ------------------------------------------------------------------------------------------------ */

static void on_type(const struct expr *e, void *arg) {
    base_buf_putc(arg, ' ');
    evt_type_write(arg, e->type);
}

uint64_t nfa_meaning_of_expr(const struct nfa_prog *p, const struct expr *e, struct base_buf *text) {
    struct base_buf b = BASE_BUF_INIT;
    if (e) {
        struct base_str *names = base_calloc(p->pat->n_vars + 1, sizeof *names);
        for (uint32_t i = 0; i < p->pat->n_vars; i++)
            names[i] = p->pat->vars[i].name;
        expr_write(&b, e, &p->pat->cols, names);
        if (text)
            base_buf_str(text, base_buf_view(&b));
        expr_walk(e, on_type, &b);
        base_free(names);
    }
    uint64_t h = base_hash(base_buf_cstr(&b), b.len);
    base_buf_release(&b);
    return h;
}

static void pack_input(struct base_buf *b, const struct nfa_prog *p, int32_t input) {
    if (input < 0 || p->pat->n_inputs < 2) {
        base_pack_str(b, BASE_STR(""));
        return;
    }
    struct plan_ref r = p->pat->inputs[input];
    base_pack_str(b, p->plan->nodes[r.node]->name);
    base_pack_u8(b, (uint8_t)r.port);
}

static uint64_t done(struct base_buf *b) {
    uint64_t h = base_hash(base_buf_cstr(b), b->len);
    base_buf_release(b);
    return h;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A set of hashes: their order does not count. */
static void pack_set(struct base_buf *b, uint64_t *v, size_t n) {
    if (n)
        qsort(v, n, sizeof *v, by_value);
    base_pack_varint(b, n);
    for (size_t i = 0; i < n; i++)
        base_pack_u64(b, v[i]);
}

uint64_t nfa_meaning_of_bit(const struct nfa_prog *p, uint32_t bit) {
    const struct nfa_bit *q = &p->bits[bit];
    struct base_buf b = BASE_BUF_INIT;
    base_pack_u8(&b, q->n_any > 0);
    if (q->n_any) {
        uint64_t *v = base_calloc(q->n_any, sizeof *v);
        for (uint32_t i = 0; i < q->n_any; i++) /* bits with lower numbers, none of them an OR */
            v[i] = p->bits[q->any[i]].n_any ? q->any[i] : nfa_meaning_of_bit(p, q->any[i]);
        pack_set(&b, v, q->n_any);
        base_free(v);
    } else {
        pack_input(&b, p, q->input);
        base_pack_u64(&b, nfa_meaning_of_expr(p, q->e, NULL));
    }
    return done(&b);
}

static uint64_t meaning_of_lit(const uint64_t *atoms, nfa_lit l) {
    return atoms[nfa_lit_atom(l)] ^ (nfa_lit_negated(l) ? UINT64_C(0x9e3779b97f4a7c15) : 0);
}

static uint64_t meaning_of_atom(const struct nfa_prog *p, const uint64_t *before, uint32_t atom) {
    const struct nfa_atom *a = &p->atoms[atom];
    struct base_buf b = BASE_BUF_INIT;
    base_pack_u8(&b, (uint8_t)a->kind);
    switch (a->kind) {
    case NFA_ATOM_TIME_LO:
    case NFA_ATOM_TIME_HI: base_pack_zigzag(&b, a->us); break;
    case NFA_ATOM_BOTH: {
        uint64_t v[2] = { meaning_of_lit(before, a->both[0]), meaning_of_lit(before, a->both[1]) };
        pack_set(&b, v, 2);
        break;
    }
    case NFA_ATOM_COND:
        if (a->var != NFA_NONE) {
            base_pack_str(&b, p->pat->vars[a->var].name);
            pack_input(&b, p, p->pat->vars[a->var].input);
            base_pack_u64(&b, nfa_meaning_of_expr(p, p->pat->vars[a->var].cond, NULL));
        } else if (a->until != NFA_NONE) {
            base_pack_u64(&b, nfa_meaning_of_expr(p, p->untils[a->until], NULL));
        } else {
            base_pack_u64(&b, nfa_meaning_of_bit(p, a->bit));
        }
        break;
    case NFA_ATOM_MAX: break;
    }
    return done(&b);
}

/* -- states ----------------------------------------------------------------------------------------------------- */

struct work {
    const struct nfa_prog *p;
    uint64_t *atoms;
    uint64_t *h;     /* of states, so far */
    uint64_t *fixed; /* edge: all but its target */
    uint32_t *comp;  /* state: component + 1, 0 = not yet */
    uint32_t *low, *number;
    uint32_t *stack;
    size_t n_stack;
    bool *on_stack;
    uint64_t *v; /* scratch: hashes of edges */
    size_t cap_v;
    struct base_buf b;
};

static uint64_t guard_hash(struct work *w, uint32_t guard, uint32_t n) {
    struct base_buf b = BASE_BUF_INIT;
    uint64_t *v = base_calloc(n + 1, sizeof *v);
    for (uint32_t i = 0; i < n; i++)
        v[i] = meaning_of_lit(w->atoms, w->p->lits.v[guard + i]);
    pack_set(&b, v, n);
    base_free(v);
    return done(&b);
}

static uint64_t edge_hash(struct work *w, const struct nfa_edge *e) {
    struct base_buf b = BASE_BUF_INIT;
    base_pack_u8(&b, (uint8_t)e->action);
    base_pack_str(
        &b, e->var != NFA_NONE && e->action != NFA_IGNORE ? w->p->pat->vars[e->var].name : BASE_STR(""));
    base_pack_u8(&b, e->completes);
    base_pack_u64(&b, guard_hash(w, e->guard, e->n_guard));
    uint64_t *v = base_calloc(e->n_finals + 1, sizeof *v);
    for (uint32_t i = 0; i < e->n_finals; i++)
        v[i] = guard_hash(w, w->p->finals[e->finals + i].guard, w->p->finals[e->finals + i].n_guard);
    pack_set(&b, v, e->n_finals);
    base_free(v);
    return done(&b);
}

/* Where a state leads: by its edges, then where an absence leaves it. NFA_NONE = nowhere. */
static uint32_t target_of(const struct nfa_prog *p, const struct nfa_state *s, uint32_t i) {
    if (i == s->n_edges)
        return s->absent_us >= 0 ? s->rest : NFA_NONE;
    const struct nfa_edge *e = &p->edges[s->edges + i];
    return e->action == NFA_STOP ? NFA_NONE : e->target;
}

/* What going there means so far; staying is told from going on to what looks the same. */
static uint64_t target_hash(const struct work *w, uint32_t from, uint32_t to) {
    return to == NFA_NONE ? 0 : to == from ? 2 : w->h[to];
}

/* From the edges and what their targets are known to mean. */
static uint64_t state_hash(struct work *w, uint32_t state) {
    const struct nfa_state *s = &w->p->states[state];
    w->cap_v = w->cap_v < s->n_edges ? s->n_edges * 2 : w->cap_v;
    w->v = base_realloc(w->v, (w->cap_v + 1) * sizeof *w->v);
    for (uint32_t i = 0; i < s->n_edges; i++) {
        uint64_t pair[2] = { w->fixed[s->edges + i], target_hash(w, state, target_of(w->p, s, i)) };
        base_buf_clear(&w->b);
        base_pack_u64(&w->b, pair[0]);
        base_pack_u64(&w->b, pair[1]);
        w->v[i] = base_hash(w->b.p, w->b.len);
    }
    base_buf_clear(&w->b);
    base_pack_zigzag(&w->b, s->bound_us);
    base_pack_u8(&w->b, s->pending);
    base_pack_zigzag(&w->b, s->absent_us);
    base_pack_u64(&w->b, target_hash(w, state, target_of(w->p, s, s->n_edges)));
    pack_set(&w->b, w->v, s->n_edges);
    return base_hash(w->b.p, w->b.len);
}

static size_t distinct(uint64_t *tmp, const uint64_t *v, size_t n) {
    memcpy(tmp, v, n * sizeof *v);
    qsort(tmp, n, sizeof *tmp, by_value);
    size_t d = 0;
    for (size_t i = 0; i < n; i++)
        d += i == 0 || tmp[i] != tmp[i - 1];
    return d;
}

static void refine(struct work *w, const uint32_t *states, size_t n) {
    uint64_t *next = base_calloc(n, sizeof *next), *tmp = base_calloc(n, sizeof *tmp);
    uint64_t *was = base_calloc(n, sizeof *was);
    if (n > LARGE) {
        for (size_t i = 0; i < n; i++) {
            uint64_t id[2] = { w->p->plan->version, states[i] };
            w->h[states[i]] = base_hash(id, sizeof id);
        }
    }
    size_t classes = 1;
    for (size_t round = 0; n <= LARGE && round <= n; round++) {
        for (size_t i = 0; i < n; i++) {
            next[i] = state_hash(w, states[i]);
            was[i] = w->h[states[i]];
        }
        for (size_t i = 0; i < n; i++)
            w->h[states[i]] = next[i];
        size_t now = distinct(tmp, next, n);
        if (now == classes && round > 0)
            break;
        classes = now;
    }
    if (n <= LARGE) {
        struct base_buf b = BASE_BUF_INIT;
        for (size_t i = 0; i < n; i++) {
            uint64_t pair[2] = { was[i], w->h[states[i]] };
            base_buf_clear(&b);
            base_pack_u64(&b, pair[0]);
            base_pack_u64(&b, pair[1]);
            next[i] = base_hash(b.p, b.len);
        }
        base_buf_clear(&b);
        pack_set(&b, next, n);
        uint64_t shape = done(&b);
        for (size_t i = 0; i < n; i++) {
            struct base_buf r = BASE_BUF_INIT;
            base_pack_u64(&r, shape);
            base_pack_u64(&r, w->h[states[i]]);
            next[i] = done(&r);
        }
        for (size_t i = 0; i < n; i++)
            w->h[states[i]] = next[i];
    }
    base_free(next);
    base_free(tmp);
    base_free(was);
}

struct frame {
    uint32_t state, edge;
};

static void leave(struct work *w, uint32_t state, uint32_t *n_comp) {
    if (w->low[state] != w->number[state])
        return;
    size_t from = w->n_stack;
    ++*n_comp;
    do {
        from--;
        w->on_stack[w->stack[from]] = false;
        w->comp[w->stack[from]] = *n_comp;
    } while (w->stack[from] != state);
    size_t n = w->n_stack - from;
    if (n == 1)
        w->h[state] = state_hash(w, state);
    else
        refine(w, w->stack + from, n);
    w->n_stack = from;
}

static void walk(struct work *w, uint32_t root, struct frame *frames, uint32_t *n_seen, uint32_t *n_comp) {
    size_t n = 0;
    frames[n++] = (struct frame){ root, 0 };
    while (n) {
        struct frame *f = &frames[n - 1];
        const struct nfa_state *s = &w->p->states[f->state];
        if (f->edge == 0) {
            w->number[f->state] = w->low[f->state] = ++*n_seen;
            w->stack[w->n_stack++] = f->state;
            w->on_stack[f->state] = true;
        }
        bool down = false;
        while (f->edge <= s->n_edges && !down) {
            uint32_t t = target_of(w->p, s, f->edge++);
            if (t == NFA_NONE || t == f->state)
                continue;
            if (!w->number[t]) {
                frames[n++] = (struct frame){ t, 0 };
                down = true;
            } else if (w->on_stack[t] && w->number[t] < w->low[f->state]) {
                w->low[f->state] = w->number[t];
            }
        }
        if (down)
            continue;
        uint32_t at = f->state;
        leave(w, at, n_comp);
        n--;
        if (n && w->low[at] < w->low[frames[n - 1].state])
            w->low[frames[n - 1].state] = w->low[at];
    }
}

uint64_t *nfa_meaning_of_states(const struct nfa_prog *p) {
    size_t n = p->n_states;
    struct work w = { .p = p };
    uint32_t n_seen = 0, n_comp = 0;
    w.atoms = base_calloc(p->n_atoms + 1, sizeof *w.atoms);
    for (uint32_t i = 0; i < p->n_atoms; i++) /* BOTH is of atoms with lower numbers */
        w.atoms[i] = meaning_of_atom(p, w.atoms, i);
    w.fixed = base_calloc(p->n_edges + 1, sizeof *w.fixed);
    for (size_t i = 0; i < p->n_edges; i++)
        w.fixed[i] = edge_hash(&w, &p->edges[i]);
    w.h = base_calloc(n + 1, sizeof *w.h);
    w.comp = base_calloc(n + 1, sizeof *w.comp);
    w.low = base_calloc(n + 1, sizeof *w.low);
    w.number = base_calloc(n + 1, sizeof *w.number);
    w.stack = base_calloc(n + 1, sizeof *w.stack);
    w.on_stack = base_calloc(n + 1, sizeof *w.on_stack);
    struct frame *frames = base_calloc(n + 1, sizeof *frames);
    for (uint32_t i = 0; i < n; i++) {
        if (!w.number[i])
            walk(&w, i, frames, &n_seen, &n_comp);
    }
    base_free(frames);
    base_free(w.atoms);
    base_free(w.fixed);
    base_free(w.comp);
    base_free(w.low);
    base_free(w.number);
    base_free(w.stack);
    base_free(w.on_stack);
    base_free(w.v);
    base_buf_release(&w.b);
    return w.h;
}

uint64_t nfa_fingerprint(const struct nfa_prog *p, const uint64_t *states) {
    struct base_buf b = BASE_BUF_INIT;
    for (size_t i = 0; i < p->n_states; i++)
        base_pack_u64(&b, states[i]);
    for (uint32_t i = 0; i < p->n_bits; i++)
        base_pack_u64(&b, nfa_meaning_of_bit(p, i));
    base_pack_u8(&b, p->covers != NULL);
    for (size_t i = 0; p->covers && i < (p->n_states * p->n_states + 63) / 64; i++)
        base_pack_u64(&b, p->covers[i]);
    return done(&b);
}

enum nfa_acc nfa_acc_of(const struct expr *agg, const struct evt_type **type) {
    *type = NULL;
    switch (agg->agg) {
    case EXPR_AGG_SUM:
    case EXPR_AGG_AVG: return agg->args[0]->type->kind == EVT_DOUBLE ? NFA_ACC_DOUBLE : NFA_ACC_SUM;
    case EXPR_AGG_MIN:
    case EXPR_AGG_MAX: *type = agg->args[0]->type; return NFA_ACC_VAL;
    case EXPR_AGG_STDDEV:
    case EXPR_AGG_VAR: return NFA_ACC_MOMENTS;
    case EXPR_AGG_COUNT:
    case EXPR_AGG_COUNT_DISTINCT:
    case EXPR_AGG_ARRAY: EXPR_AGG_ROWS_CASES
    case EXPR_AGG_LIST_MAX: break;
    }
    return NFA_ACC_NONE;
}
