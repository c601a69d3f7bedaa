/*
 * nfa_stack -- see the header: events onto the stacks of a key, and time.
 */
#include "nfa/nfa_stack.h"
#include "nfa/nfa_graph.h"

#include "base/base_check.h"
#include "base/base_mem.h"

/* Of few stacks the first items lie with them: many keys have no more. */
enum {
    NFA_STACK_MIN = 4,
    NFA_STACK_INLINE = 2,
    NFA_STACKS_INLINE = 4,
    NFA_STACK_AHEAD = 8,
    NFA_STACK_SHRINKS = 8,
    NFA_STACKS_SLACK = 64
};

static size_t stacks_size(const struct nfa_stack_plan *p) {
    size_t one = sizeof(struct nfa_stack);
    if (p->n_stacks <= NFA_STACKS_INLINE)
        one += NFA_STACK_INLINE * sizeof(struct nfa_item);
    return sizeof(struct nfa_stacks) + p->n_stacks * one;
}

struct nfa_stacks *nfa_stacks_of(struct nfa_matcher *m, struct nfa_key *k) {
    if (k->stacks)
        return k->stacks;
    uint32_t n = m->p->stacks->n_stacks, own = n <= NFA_STACKS_INLINE ? NFA_STACK_INLINE : 0;
    struct nfa_stacks *s = nfa_mem_get(&m->mem, stacks_size(m->p->stacks));
    struct nfa_item *items = (struct nfa_item *)(s->v + n);
    *s = (struct nfa_stacks){ .first_end = EVT_TIME_MAX };
    for (uint32_t i = 0; i < n; i++)
        s->v[i] = (struct nfa_stack){ .v = own ? items + i * own : NULL, .cap = own };
    k->stacks = s;
    return s;
}

/* -- one stack ----------------------------------------------------------------------------------------------------- */

/* One of two items lies with its stacks. */
static void ring_free(struct nfa_matcher *m, const struct nfa_stack *s) {
    if (s->cap >= NFA_STACK_MIN)
        nfa_mem_put(&m->mem, s->v, s->cap * sizeof *s->v);
}

/* The items lie from the ring's beginning on again. */
static void resize(struct nfa_matcher *m, struct nfa_stack *s, uint32_t cap) {
    struct nfa_item *v = cap ? nfa_mem_get(&m->mem, cap * sizeof *v) : NULL;
    uint32_t first = s->cap - s->head < s->n ? s->cap - s->head : s->n;
    if (s->n) {
        memcpy(v, s->v + s->head, first * sizeof *v);
        memcpy(v + first, s->v, (s->n - first) * sizeof *v);
    }
    ring_free(m, s);
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
    /* Of a long window the oldest events lie in memory that no cache holds. */
    if (s->n > NFA_STACK_AHEAD)
        __builtin_prefetch(nfa_item_at(s, NFA_STACK_AHEAD)->ev);
    nfa_ev_unref(m, s->v[s->head].ev);
    s->head = (s->head + 1) & (s->cap - 1);
    s->n--;
}

/* Something was popped. */
static void trim(struct nfa_matcher *m, struct nfa_stacks *s, uint32_t stack) {
    struct nfa_stack *st = &s->v[stack];
    if (!st->n)
        s->held &= ~(UINT64_C(1) << stack);
    uint32_t cap = st->cap;
    while (st->n * NFA_STACK_SHRINKS < cap && cap > NFA_STACK_MIN)
        cap /= 2;
    if (cap < st->cap)
        resize(m, st, cap);
}

/* The oldest items up to that order go. */
static void cut(struct nfa_matcher *m, struct nfa_stacks *s, uint32_t stack, uint64_t order) {
    struct nfa_stack *st = &s->v[stack];
    if (st->v[st->head].order > order)
        return;
    do
        pop(m, st);
    while (st->n && st->v[st->head].order <= order);
    trim(m, s, stack);
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

/* The stack that has the first start; NULL when there is none. */
static struct nfa_stack *first_starts(const struct nfa_stack_plan *p, struct nfa_stacks *s) {
    struct nfa_stack *first = NULL;
    for (uint64_t left = s->held & p->starts; left; left &= left - 1) {
        struct nfa_stack *st = &s->v[__builtin_ctzll(left)];
        if (!first || st->v[st->head].order < first->v[first->head].order)
            first = st;
    }
    return first;
}

static int64_t end_of(const struct nfa_matcher *m, const struct nfa_ev *start) {
    if (m->pat->within_kind != PLAN_WITHIN_FIRST_LAST)
        return EVT_TIME_MAX;
    return nfa_time_add(start->time, m->pat->within_us);
}

void nfa_stacks_started(struct nfa_matcher *m, struct nfa_stacks *s, const struct nfa_ev *ev) {
    s->last_end = end_of(m, ev);
    if (!s->n_starts++)
        s->first_end = s->last_end;
    m->stats.open++;
}

/* It may be in several. */
static void drop_start(struct nfa_matcher *m, struct nfa_stacks *s, uint64_t order) {
    for (uint64_t left = s->held & m->p->stacks->starts; left; left &= left - 1)
        cut(m, s, (uint32_t)__builtin_ctzll(left), order);
    s->n_starts--;
    m->stats.open--;
}

/* What lies before the first start that is left; all when none is. */
static void tidy(struct nfa_matcher *m, struct nfa_stacks *s) {
    const struct nfa_stack_plan *p = m->p->stacks;
    const struct nfa_stack *starts = p->start != NFA_NONE ? &s->v[p->start] : first_starts(p, s);
    uint64_t order = UINT64_MAX;
    s->first_end = EVT_TIME_MAX;
    if (s->n_starts) {
        order = starts->v[starts->head].order;
        s->first_end = end_of(m, starts->v[starts->head].ev);
    }
    for (uint64_t left = s->held & ~p->starts; left; left &= left - 1) {
        m->stats.work++;
        cut(m, s, (uint32_t)__builtin_ctzll(left), order);
    }
}

/* Starts whose time is over, of a plan with one stack of them: each item is one. Returns: how many. */
static uint32_t drop_over(struct nfa_matcher *m, struct nfa_stacks *s, uint32_t stack, int64_t now) {
    struct nfa_stack *st = &s->v[stack];
    uint32_t n = st->n;
    while (st->n && end_of(m, st->v[st->head].ev) <= now)
        pop(m, st);
    trim(m, s, stack);
    n -= st->n;
    s->n_starts -= n;
    m->stats.open -= n;
    return n;
}

static uint32_t drop_over_of_several(struct nfa_matcher *m, struct nfa_stacks *s, int64_t now) {
    uint32_t n = 0;
    for (const struct nfa_stack *st; (st = first_starts(m->p->stacks, s)); n++) {
        const struct nfa_item *first = &st->v[st->head];
        if (end_of(m, first->ev) > now)
            break;
        drop_start(m, s, first->order);
    }
    return n;
}

static void expire(struct nfa_matcher *m, struct nfa_stacks *s, int64_t now) {
    uint32_t start = m->p->stacks->start, n;
    n = start != NFA_NONE ? drop_over(m, s, start, now) : drop_over_of_several(m, s, now);
    m->stats.timed_out += n;
    m->stats.work += n;
    tidy(m, s);
}

static bool is_over(const struct nfa_stacks *s, int64_t now) {
    return s->first_end <= now && s->first_end != EVT_TIME_MAX;
}

/*
 * When the key is looked at without an event. An event looks at it too, so a key that has many starts is not looked at for each of them: some
 * may stay a 64th of the time longer than they are open, but for the last one, with which the key goes.
 */
static int64_t deadline_of(const struct nfa_matcher *m, const struct nfa_stacks *s) {
    if (m->trace || s->first_end >= s->last_end || s->first_end == EVT_TIME_MAX)
        return s->first_end;
    int64_t later = nfa_time_add(s->first_end, m->pat->within_us / NFA_STACKS_SLACK);
    return later < s->last_end ? later : s->last_end;
}

/* -- an event ------------------------------------------------------------------------------------------------------- */

/* Stacks of the variables that the event fits; *ends: it may complete something. */
static uint64_t fitting(const struct nfa_matcher *m, bool *ends) {
    const struct nfa_stack_plan *p = m->p->stacks;
    uint64_t fits = p->by_bit[m->p->n_bits], end = p->ends_always;
    for (size_t w = 0; w < m->p->n_words; w++) {
        end |= p->ends[w] & m->cur.bits[w];
        for (uint64_t left = m->cur.bits[w]; left; left &= left - 1)
            fits |= p->by_bit[w * 64 + (size_t)__builtin_ctzll(left)];
    }
    *ends = end;
    return fits;
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
        const struct nfa_stack *st = first_starts(m->p->stacks, s);
        drop_start(m, s, st->v[st->head].order);
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

static void start(struct nfa_matcher *m, struct nfa_key *k) {
    nfa_stacks_started(m, k->stacks, m->cur.ev);
    m->stats.started++;
    if (m->pat->limit_open)
        make_room(m, k);
}

static void keep(struct nfa_matcher *m, struct nfa_key *k, uint64_t fits) {
    const struct nfa_stack_plan *p = m->p->stacks;
    uint64_t starts = fits & p->starts, follows = 0;
    if (k->stacks && k->stacks->n_starts)
        follows = following(p, k->stacks, fits);
    if (starts && m->pat->limit_open && !has_room(m, k))
        starts = 0;
    if (!(starts | follows))
        return;
    push_all(m, nfa_stacks_of(m, k), starts | follows);
    if (starts)
        start(m, k);
}

/* The graph of starts that came from another store. Returns: how many matches it told, or had beyond the limit. */
static uint64_t go_on_beside(struct nfa_matcher *m, struct nfa_key *k) {
    uint64_t before = m->stats.matches + m->stats.limit_matches;
    nfa_graph_go_on(m, k);
    return m->stats.matches + m->stats.limit_matches - before;
}

void nfa_stacks_finish(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_stacks *s = k->stacks;
    k->deadline = EVT_TIME_MAX;
    if (s && !s->n_starts)
        nfa_stacks_free(m, k);
    else if (s)
        k->deadline = deadline_of(m, s);
    if (k->graph && !k->graph->n)
        nfa_graph_free(m, k);
    else if (k->graph && nfa_graph_deadline(m, k->graph) < k->deadline)
        k->deadline = nfa_graph_deadline(m, k->graph);
    nfa_key_settle(m, k);
}

/* A deadline only moves out as long as there are starts, so a key that has one can be left as it is: it is looked at too early. */
static bool may_be_left(const struct nfa_key *k) {
    const struct nfa_stacks *s = k->stacks;
    return s && s->n_starts && !k->graph && !k->ghost &&
           (clk_timer_waits(&k->timer) || s->first_end == EVT_TIME_MAX);
}

void nfa_stacks_step(struct nfa_matcher *m, struct nfa_key *k) {
    uint64_t told = 0;
    bool ends;
    m->env.key = k;
    m->stats.work++;
    if (k->stacks && is_over(k->stacks, m->cur.time))
        expire(m, k->stacks, m->cur.time);
    if (__builtin_expect(k->graph != NULL, 0))
        told = go_on_beside(m, k);
    uint64_t fits = fitting(m, &ends);
    if (ends)
        nfa_stacks_tell(m, k, told);
    if (fits)
        keep(m, k, fits);
    nfa_ev_unref(m, m->cur.ev);
    m->cur.ev = NULL;
    m->cur.batch = NULL;
    if (!may_be_left(k))
        nfa_stacks_finish(m, k);
}

void nfa_stacks_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    m->env.key = k;
    if (k->graph)
        nfa_graph_expire_unseen(m, k->graph, now);
    if (k->stacks && is_over(k->stacks, now))
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
        ring_free(m, st);
    }
    m->stats.open -= s->n_starts;
    nfa_mem_put(&m->mem, s, stacks_size(m->p->stacks));
    k->stacks = NULL;
}

uint64_t nfa_stacks_check(const struct nfa_matcher *m, const struct nfa_key *k) {
    const struct nfa_stack_plan *p = m->p->stacks;
    struct nfa_stacks *s = k->stacks;
    const struct nfa_stack *first = first_starts(p, s);
    uint64_t starts = 0;
    CEP_INSIST(s->n_starts > 0 && first);
    for (uint32_t i = 0; i < p->n_stacks; i++) {
        const struct nfa_stack *st = &s->v[i];
        CEP_INSIST(st->n <= st->cap && (st->n > 0) == (s->held >> i & 1));
        for (uint32_t at = 0; at < st->n; at++) {
            const struct nfa_item *x = nfa_item_at(st, at);
            bool again = false;
            CEP_INSIST(x->ev->order == x->order && (!at || x[0].order > nfa_item_at(st, at - 1)->order));
            CEP_INSIST(p->stacks[i].starts || x->order > first->v[first->head].order);
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
