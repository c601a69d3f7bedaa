/*
 * nfa_stack -- see the header: events onto the stacks of a key, and time.
 */
#include "nfa/nfa_stack.h"
#include "nfa/nfa_graph.h"

#include "base/base_check.h"
#include "base/base_mem.h"

enum { NFA_STACK_MIN = 4, NFA_STACK_SHRINKS = 8 };

static size_t stacks_size(const struct nfa_stack_plan *p) {
    return sizeof(struct nfa_stacks) + p->n_stacks * sizeof(struct nfa_stack);
}

struct nfa_stacks *nfa_stacks_of(struct nfa_matcher *m, struct nfa_key *k) {
    if (k->stacks)
        return k->stacks;
    size_t size = stacks_size(m->p->stacks);
    k->stacks = nfa_mem_get(&m->mem, size);
    memset(k->stacks, 0, size);
    k->stacks->first_end = EVT_TIME_MAX;
    return k->stacks;
}

/* -- one stack ----------------------------------------------------------------------------------------------------- */

/* The items lie from the ring's beginning on again. */
static void resize(struct nfa_matcher *m, struct nfa_stack *s, uint32_t cap) {
    struct nfa_item *v = cap ? nfa_mem_get(&m->mem, cap * sizeof *v) : NULL;
    uint32_t first = s->cap - s->head < s->n ? s->cap - s->head : s->n;
    if (s->n) {
        memcpy(v, s->v + s->head, first * sizeof *v);
        memcpy(v + first, s->v, (s->n - first) * sizeof *v);
    }
    nfa_mem_put(&m->mem, s->v, s->cap * sizeof *v);
    s->v = v;
    s->head = 0;
    s->cap = cap;
}

void nfa_stacks_push(struct nfa_matcher *m, struct nfa_stacks *s, uint32_t stack, struct nfa_ev *ev) {
    struct nfa_stack *st = &s->v[stack];
    if (st->n == st->cap)
        resize(m, st, st->cap ? 2 * st->cap : NFA_STACK_MIN);
    *nfa_item_at(st, st->n++) = (struct nfa_item){ ev->order, ev };
    ev->refs++;
    s->held |= UINT64_C(1) << stack;
}

static void pop(struct nfa_matcher *m, struct nfa_stack *s) {
    nfa_ev_unref(m, s->v[s->head].ev);
    s->head = (s->head + 1) & (s->cap - 1);
    s->n--;
}

/* The oldest items up to that order go. */
static void cut(struct nfa_matcher *m, struct nfa_stacks *s, uint32_t stack, uint64_t order) {
    struct nfa_stack *st = &s->v[stack];
    while (st->n && st->v[st->head].order <= order)
        pop(m, st);
    if (!st->n)
        s->held &= ~(UINT64_C(1) << stack);
    if (st->cap > NFA_STACK_MIN && st->n * NFA_STACK_SHRINKS < st->cap)
        resize(m, st, st->cap / 2);
}

/* By halves: those before lo are up to it, those from hi on are not. */
static uint32_t between(const struct nfa_stack *s, uint64_t order, uint32_t lo, uint32_t hi) {
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (nfa_item_at(s, mid)->order <= order)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint32_t nfa_stack_up_to(const struct nfa_stack *s, uint64_t order) {
    uint32_t hi = s->n;
    for (uint32_t back = 1; hi > 0; back *= 2) {
        uint32_t at = back < hi ? hi - back : 0;
        if (nfa_item_at(s, at)->order <= order)
            return between(s, order, at + 1, hi);
        hi = at;
    }
    return 0;
}

uint32_t nfa_stack_behind(const struct nfa_stack *s, uint64_t order) {
    uint32_t lo = 0;
    for (uint32_t on = 1; lo < s->n; on *= 2) {
        uint32_t at = on < s->n - lo ? lo + on - 1 : s->n - 1;
        if (nfa_item_at(s, at)->order > order)
            return between(s, order, lo, at);
        lo = at + 1;
    }
    return lo;
}

/* -- starts ----------------------------------------------------------------------------------------------------------- */

/* The first start; NULL when there is none. */
static struct nfa_ev *first_start(const struct nfa_stack_plan *p, const struct nfa_stacks *s) {
    const struct nfa_item *first = NULL;
    for (uint64_t left = s->held & p->starts; left; left &= left - 1) {
        const struct nfa_stack *st = &s->v[__builtin_ctzll(left)];
        const struct nfa_item *x = &st->v[st->head];
        if (!first || x->order < first->order)
            first = x;
    }
    return first ? first->ev : NULL;
}

static int64_t end_of(const struct nfa_matcher *m, const struct nfa_ev *start) {
    if (m->pat->within_kind != PLAN_WITHIN_FIRST_LAST)
        return EVT_TIME_MAX;
    return nfa_time_add(start->time, m->pat->within_us);
}

void nfa_stacks_started(struct nfa_matcher *m, struct nfa_stacks *s, const struct nfa_ev *ev) {
    if (!s->n_starts++)
        s->first_end = end_of(m, ev);
    m->stats.open++;
}

static void drop_start(struct nfa_matcher *m, struct nfa_stacks *s, uint64_t order) {
    for (uint64_t left = s->held & m->p->stacks->starts; left; left &= left - 1)
        cut(m, s, (uint32_t)__builtin_ctzll(left), order);
    s->n_starts--;
    m->stats.open--;
}

/* What lies before the first start that is left; all when none is. */
static void tidy(struct nfa_matcher *m, struct nfa_stacks *s) {
    const struct nfa_stack_plan *p = m->p->stacks;
    const struct nfa_ev *first = first_start(p, s);
    uint64_t order = first ? first->order : UINT64_MAX;
    s->first_end = first ? end_of(m, first) : EVT_TIME_MAX;
    for (uint64_t left = s->held & ~p->starts; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(left);
        const struct nfa_stack *st = &s->v[i];
        m->stats.work++;
        if (st->v[st->head].order <= order)
            cut(m, s, i, order);
    }
}

/* Starts whose time is over. */
static void expire(struct nfa_matcher *m, struct nfa_stacks *s, int64_t now) {
    if (s->first_end > now || s->first_end == EVT_TIME_MAX)
        return;
    for (const struct nfa_ev *first; (first = first_start(m->p->stacks, s)) && end_of(m, first) <= now;) {
        drop_start(m, s, first->order);
        m->stats.timed_out++;
        m->stats.work++;
    }
    tidy(m, s);
}

/* -- an event ------------------------------------------------------------------------------------------------------- */

/* Stacks of the variables that the event fits. */
static uint64_t fitting(const struct nfa_matcher *m) {
    const struct nfa_stack_plan *p = m->p->stacks;
    uint64_t fits = p->by_bit[m->p->n_bits];
    for (size_t w = 0; w < m->p->n_words; w++) {
        for (uint64_t left = m->cur.bits[w]; left; left &= left - 1)
            fits |= p->by_bit[w * 64 + (size_t)__builtin_ctzll(left)];
    }
    return fits;
}

static bool may_end(const struct nfa_matcher *m) {
    const struct nfa_stack_plan *p = m->p->stacks;
    bool may = p->ends_always;
    for (size_t w = 0; w < m->p->n_words && !may; w++)
        may = p->ends[w] & m->cur.bits[w];
    return may;
}

/* `limit open`: may the event start something? */
static bool has_room(struct nfa_matcher *m, const struct nfa_key *k) {
    uint64_t open = (k->stacks ? k->stacks->n_starts : 0) + (k->graph ? k->graph->n_starts : 0);
    if (!m->pat->limit_refuse_new || open < m->pat->limit_open)
        return true;
    m->stats.limit_open++;
    return false;
}

/* `limit open`: the earliest make room. */
static void make_room(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_stacks *s = k->stacks;
    while (k->graph && k->graph->n && s->n_starts + k->graph->n_starts > m->pat->limit_open)
        nfa_graph_cut(m, k->graph, nfa_cell_at(m, k->graph->first)->max, &m->stats.limit_open);
    if (s->n_starts <= m->pat->limit_open)
        return;
    while (s->n_starts > m->pat->limit_open) {
        drop_start(m, s, first_start(m->p->stacks, s)->order);
        m->stats.limit_open++;
    }
    tidy(m, s);
}

static void push_all(struct nfa_matcher *m, struct nfa_stacks *s, uint64_t stacks) {
    if (!m->cur.ev)
        m->cur.ev = nfa_ev_new(m);
    for (; stacks; stacks &= stacks - 1)
        nfa_stacks_push(m, s, (uint32_t)__builtin_ctzll(stacks), m->cur.ev);
}

/* What may follow something that is there. */
static uint64_t following(const struct nfa_stack_plan *p, const struct nfa_stacks *s, uint64_t fits) {
    uint64_t follows = 0;
    for (uint64_t left = fits & ~p->starts; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        if (p->stacks[i].fed & s->held)
            follows |= UINT64_C(1) << i;
    }
    return follows;
}

static void keep(struct nfa_matcher *m, struct nfa_key *k) {
    const struct nfa_stack_plan *p = m->p->stacks;
    uint64_t fits = fitting(m), starts = fits & p->starts, follows = 0;
    if (k->stacks && k->stacks->n_starts)
        follows = following(p, k->stacks, fits);
    if (starts && m->pat->limit_open && !has_room(m, k))
        starts = 0;
    if (!(starts | follows))
        return;
    struct nfa_stacks *s = nfa_stacks_of(m, k);
    push_all(m, s, starts | follows);
    if (!starts)
        return;
    nfa_stacks_started(m, s, m->cur.ev);
    m->stats.started++;
    if (m->pat->limit_open)
        make_room(m, k);
}

/* The graph of starts that came from another store. Returns: how many matches it told, or had beyond the limit. */
static uint64_t go_on_beside(struct nfa_matcher *m, struct nfa_key *k) {
    uint64_t before = m->stats.matches + m->stats.limit_matches;
    nfa_graph_go_on(m, k);
    return m->stats.matches + m->stats.limit_matches - before;
}

void nfa_stacks_finish(struct nfa_matcher *m, struct nfa_key *k) {
    k->deadline = EVT_TIME_MAX;
    if (k->stacks && !k->stacks->n_starts)
        nfa_stacks_free(m, k);
    else if (k->stacks)
        k->deadline = k->stacks->first_end;
    if (__builtin_expect(k->graph != NULL, 0)) {
        if (!k->graph->n)
            nfa_graph_free(m, k);
        else if (nfa_graph_deadline(m, k->graph) < k->deadline)
            k->deadline = nfa_graph_deadline(m, k->graph);
    }
    nfa_key_settle(m, k);
}

void nfa_stacks_step(struct nfa_matcher *m, struct nfa_key *k) {
    m->env.key = k;
    uint64_t told = 0;
    m->stats.work++;
    if (__builtin_expect(k->graph != NULL, 0))
        told = go_on_beside(m, k);
    if (may_end(m))
        nfa_stacks_tell(m, k, told);
    keep(m, k);
    if (m->cur.ev) {
        nfa_ev_unref(m, m->cur.ev);
        m->cur.ev = NULL;
    }
    m->cur.batch = NULL;
    nfa_stacks_finish(m, k);
}

void nfa_stacks_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    m->env.key = k;
    if (k->graph)
        nfa_graph_expire_unseen(m, k->graph, now);
    if (k->stacks)
        expire(m, k->stacks, now);
    nfa_stacks_finish(m, k);
}

/* -- life ------------------------------------------------------------------------------------------------------------ */

void nfa_stacks_free(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_stacks *s = k->stacks;
    if (!s)
        return;
    for (uint32_t i = 0; i < m->p->stacks->n_stacks; i++) {
        struct nfa_stack *st = &s->v[i];
        while (st->n)
            pop(m, st);
        nfa_mem_put(&m->mem, st->v, st->cap * sizeof *st->v);
    }
    m->stats.open -= s->n_starts;
    nfa_mem_put(&m->mem, s, stacks_size(m->p->stacks));
    k->stacks = NULL;
}

uint64_t nfa_stacks_check(const struct nfa_matcher *m, const struct nfa_key *k) {
    const struct nfa_stack_plan *p = m->p->stacks;
    const struct nfa_stacks *s = k->stacks;
    const struct nfa_ev *first = first_start(p, s);
    uint64_t starts = 0;
    CEP_INSIST(s->n_starts > 0 && first);
    for (uint32_t i = 0; i < p->n_stacks; i++) {
        const struct nfa_stack *st = &s->v[i];
        CEP_INSIST(st->n <= st->cap && (st->n > 0) == (s->held >> i & 1));
        for (uint32_t at = 0; at < st->n; at++) {
            const struct nfa_item *x = nfa_item_at(st, at);
            bool again = false;
            CEP_INSIST(x->ev->order == x->order && (!at || x[0].order > nfa_item_at(st, at - 1)->order));
            CEP_INSIST(p->stacks[i].starts || x->order > first->order);
            /* In an earlier stack of starts already? */
            for (uint32_t b = 0; b < i && p->stacks[i].starts; b++) {
                uint32_t n = p->stacks[b].starts ? nfa_stack_up_to(&s->v[b], x->order) : 0;
                again = again || (n && nfa_item_at(&s->v[b], n - 1)->order == x->order);
            }
            starts += p->stacks[i].starts && !again;
        }
    }
    CEP_INSIST(starts == s->n_starts);
    return s->n_starts;
}
