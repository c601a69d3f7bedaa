/*
 * nfa_flat -- edges through PROCEED are folded into the states they start from.
 *
 * Law: from a state, an event is tried on every TAKE, IGNORE and STOP edge that PROCEED edges lead to, each with the
 * conditions met on the way added to its own. So the same edges can be laid out flat, and the matcher walks one array.
 * A TAKE completes a match when PROCEED edges lead from its target to the end, tested with the event just taken.
 *
 * Where PROCEED edges lead to an absence with a bound of its own, time alone completes a match: the state says when, and
 * has a *rest*, the same node without the ways to absences, in which the partial match goes on.
 */
#include "nfa/nfa_int.h"

#include "base/base_err.h"

struct path {
    uint32_t node;
    uint32_t guard, n_guard;
    bool by_event; /* over `!n`, which only an event decides: time alone does not go this way */
};

/* What a state is made of: a node, perhaps without the absences behind it. */
struct origin {
    uint32_t node;
    bool is_rest;
};

struct flat {
    struct nfa_prog *p;
    struct path *todo;
    size_t n_todo, cap_todo;
    uint32_t *seen; /* node: stamp of the walk to the ends that saw it without conditions */
    uint32_t
        *reached[2]; /* node: the last state, + 1, that reached it without conditions; [1]: by an event */
    uint32_t stamp;
    uint32_t *state_of;   /* node: state, or NFA_NONE */
    uint32_t *rest_of;    /* node: state, or NFA_NONE */
    struct origin *queue; /* of state i */
    size_t n_queue, cap_queue;
    struct nfa_final **finals; /* node: ways to the end */
    uint32_t *n_finals;
    nfa_lit *tmp;
    size_t cap_tmp;
};

/* Path guard and arc guard together. Returns: false when they contradict each other. */
static bool join(
    struct flat *f, const struct path *a, uint32_t guard, uint32_t n_guard, uint32_t *off, uint32_t *n) {
    struct nfa_prog *p = f->p;
    if (!a->n_guard) {
        *off = guard;
        *n = n_guard;
        return true;
    }
    if (!n_guard) {
        *off = a->guard;
        *n = a->n_guard;
        return true;
    }
    size_t need = (size_t)a->n_guard + n_guard;
    if (need > f->cap_tmp) {
        f->cap_tmp = need * 2;
        f->tmp = BASE_ARENA_ARRAY(&p->arena, nfa_lit, f->cap_tmp);
    }
    memcpy(f->tmp, p->lits.v + a->guard, a->n_guard * sizeof(nfa_lit));
    memcpy(f->tmp + a->n_guard, p->lits.v + guard, n_guard * sizeof(nfa_lit));
    return nfa_guard(p, f->tmp, need, off, n);
}

static void visit(struct flat *f, struct path to) {
    if (!to.n_guard) {
        if (f->seen[to.node] == f->stamp)
            return;
        f->seen[to.node] = f->stamp;
    }
    *NFA_PUSH(f->p, f->todo, f->n_todo, f->cap_todo) = to;
}

/* The ways from a node to the end, by PROCEED alone. */
static void find_finals(struct flat *f, uint32_t node) {
    struct nfa_prog *p = f->p;
    if (f->finals[node])
        return;
    struct nfa_final *v = NULL;
    size_t n = 0, cap = 0;
    f->stamp++;
    visit(f, (struct path){ .node = node });
    while (f->n_todo) {
        struct path at = f->todo[--f->n_todo];
        const struct nfa_node *nd = &p->nodes[at.node];
        if (nd->kind == NFA_NODE_FINAL)
            *NFA_PUSH(p, v, n, cap) = (struct nfa_final){ at.guard, at.n_guard };
        for (size_t i = 0; i < nd->n_arcs; i++) {
            const struct nfa_arc *a = &nd->arcs[i];
            struct path to = { .node = a->target };
            if (a->action == NFA_PROCEED && join(f, &at, a->guard, a->n_guard, &to.guard, &to.n_guard))
                visit(f, to);
        }
    }
    f->finals[node] = v ? v : BASE_ARENA_NEW(&p->arena, struct nfa_final);
    f->n_finals[node] = (uint32_t)n;
}

/* A node whose arcs all contradict themselves is a state too: what stands there may still time out. */
static bool goes_on(const struct nfa_prog *p, uint32_t node) {
    return p->nodes[node].kind != NFA_NODE_FINAL && p->nodes[node].kind != NFA_NODE_DEAD;
}

static uint32_t state_from(struct flat *f, struct origin o) {
    uint32_t *state = o.is_rest ? &f->rest_of[o.node] : &f->state_of[o.node];
    if (*state == NFA_NONE) {
        *state = (uint32_t)f->n_queue;
        *NFA_PUSH(f->p, f->queue, f->n_queue, f->cap_queue) = o;
    }
    return *state;
}

static uint32_t state_for(struct flat *f, uint32_t node) {
    return goes_on(f->p, node) ? state_from(f, (struct origin){ node, false }) : NFA_NONE;
}

/*
 * What of the guard one masked compare of a word of bits can say, and the rest as literals. Returns: false when two
 * variables that ask the same question are wanted with opposite answers.
 */
static bool split_guard(struct nfa_prog *p, struct nfa_edge *e) {
    size_t start = p->lits.n;
    e->word = NFA_NONE;
    for (uint32_t i = 0; i < e->n_guard; i++) {
        nfa_lit l = p->lits.v[e->guard + i];
        const struct nfa_atom *a = &p->atoms[nfa_lit_atom(l)];
        bool whole = nfa_atom_is_bit(a);
        bool done = false;
        if (a->bit != NFA_NONE && (whole || !nfa_lit_negated(l))) {
            uint32_t word = a->bit / 64;
            if (e->word == NFA_NONE)
                e->word = word;
            if (e->word == word) {
                uint64_t bit = UINT64_C(1) << (a->bit & 63);
                if ((e->mask & bit) && !(e->want & bit) != nfa_lit_negated(l))
                    return false;
                e->mask |= bit;
                if (!nfa_lit_negated(l))
                    e->want |= bit;
                done = whole;
            }
        }
        if (!done)
            *NFA_PUSH(p, p->lits.v, p->lits.n, p->lits.cap) = l;
    }
    if (e->word == NFA_NONE)
        e->word = 0;
    e->lits = (uint32_t)start;
    e->n_lits = (uint32_t)(p->lits.n - start);
    return true;
}

static bool same_guard(const struct nfa_prog *p, const struct nfa_edge *a, const struct nfa_edge *b) {
    return a->n_guard == b->n_guard &&
           memcmp(p->lits.v + a->guard, p->lits.v + b->guard, a->n_guard * sizeof(nfa_lit)) == 0;
}

static void add_edge(struct flat *f, struct nfa_state *s, const struct path *at, const struct nfa_arc *a) {
    struct nfa_prog *p = f->p;
    struct nfa_edge e = { .action = a->action, .target = NFA_NONE, .var = a->var };
    if (!join(f, at, a->guard, a->n_guard, &e.guard, &e.n_guard))
        return;
    bool ends = p->nodes[a->target].kind == NFA_NODE_FINAL;
    if (a->action == NFA_IGNORE) {
        e.completes = ends;
        e.target = state_for(f, a->target);
        if (e.target == NFA_NONE && !ends)
            return;
    }
    if (a->action == NFA_TAKE) {
        find_finals(f, a->target);
        e.target = state_for(f, a->target);
        e.finals = (uint32_t)p->n_finals;
        for (uint32_t i = 0; i < f->n_finals[a->target]; i++) {
            e.completes = e.completes || !f->finals[a->target][i].n_guard;
            *NFA_PUSH(p, p->finals, p->n_finals, p->cap_finals) = f->finals[a->target][i];
        }
        e.n_finals = e.completes ? 0 : f->n_finals[a->target];
    }
    /* Two ways to the same edge are one. Large states have few doubles and are not searched. */
    if (s->n_edges <= 256) {
        for (uint32_t i = 0; i < s->n_edges; i++) {
            const struct nfa_edge *o = &p->edges[s->edges + i];
            if (o->action == e.action && o->target == e.target && o->var == e.var && same_guard(p, o, &e))
                return;
        }
    }
    if (!split_guard(p, &e))
        return;
    *NFA_PUSH(p, p->edges, p->n_edges, p->cap_edges) = e;
    s->n_edges++;
}

/* Is the literal the condition of a variable that must be absent at the node? */
static bool is_absent_var(const struct nfa_prog *p, const struct nfa_node *nd, nfa_lit l) {
    for (size_t i = 0; i < nd->n_arcs; i++) {
        if (nd->arcs[i].action == NFA_STOP && p->var_atom[nd->arcs[i].var] == nfa_lit_atom(l))
            return true;
    }
    return false;
}

/*
 * An absence that an event leads to over `!n`: that event may come when the absence's time is over, and is not looked at
 * then. (Elsewhere no event comes so late, for the time alone would have completed the match.)
 */
static void add_late_edge(
    struct flat *f, struct nfa_state *s, const struct path *at, const struct nfa_arc *a) {
    struct nfa_prog *p = f->p;
    const struct nfa_node *nd = &p->nodes[at->node];
    uint32_t in_time = nfa_atom_of_time(p, NFA_ATOM_TIME_HI, nd->bound_us);
    struct nfa_arc late = *a;
    nfa_lit *g = BASE_ARENA_ARRAY(&p->arena, nfa_lit, a->n_guard + 1u);
    size_t n = 0;
    for (uint32_t i = 0; i < a->n_guard; i++) {
        if (a->action == NFA_STOP || !is_absent_var(p, nd, p->lits.v[a->guard + i]))
            g[n++] = p->lits.v[a->guard + i];
    }
    g[n++] = nfa_lit_of(in_time, a->action != NFA_STOP);
    if (nfa_guard(p, g, n, &late.guard, &late.n_guard))
        add_edge(f, s, at, &late);
}

static enum cep_rc flatten(struct flat *f, uint32_t i, struct nfa_state *s, struct cep_err *err) {
    struct nfa_prog *p = f->p;
    uint32_t node = f->queue[i].node;
    bool is_rest = f->queue[i].is_rest, unbounded = false, waits = false;
    *s = (struct nfa_state){
        .edges = (uint32_t)p->n_edges, .node = node, .bound_us = -1, .absent_us = -1, .rest = NFA_NONE
    };
    s->pending = p->nodes[node].kind == NFA_NODE_PENDING;
    /* Walks started by add_edge() for the ends nest inside this one, so the visited marks are kept apart. */
    struct path *todo = NULL;
    size_t n_todo = 0, cap_todo = 0, next = 0;
    *NFA_PUSH(p, todo, n_todo, cap_todo) = (struct path){ .node = node };
    while (next < n_todo) {
        struct path at = todo[next++];
        const struct nfa_node *nd = &p->nodes[at.node];
        if (nd->kind == NFA_NODE_PENDING && at.node != node && !at.by_event && nd->absent_us >= 0 &&
            (s->absent_us < 0 || nd->absent_us < s->absent_us))
            s->absent_us = nd->absent_us;
        waits = waits || nd->kind == NFA_NODE_WAIT || nd->kind == NFA_NODE_NOT_NEXT;
        if (nd->kind == NFA_NODE_WAIT || nd->kind == NFA_NODE_NOT_NEXT || nd->kind == NFA_NODE_PENDING) {
            if (nd->bound_us < 0)
                unbounded = true;
            else if (nd->bound_us > s->bound_us)
                s->bound_us = nd->bound_us;
        }
        for (size_t k = 0; k < nd->n_arcs; k++) {
            const struct nfa_arc *a = &nd->arcs[k];
            if (a->action != NFA_PROCEED) {
                bool may_be_late = at.by_event && nd->kind == NFA_NODE_PENDING && nd->bound_us >= 0;
                if (may_be_late)
                    add_late_edge(f, s, &at, a);
                if (!may_be_late || a->action != NFA_STOP)
                    add_edge(f, s, &at, a);
                continue;
            }
            struct path to = { .node = a->target, .by_event = at.by_event || nd->kind == NFA_NODE_NOT_NEXT };
            enum nfa_node_kind kind = p->nodes[a->target].kind;
            if (kind == NFA_NODE_FINAL || kind == NFA_NODE_DEAD || (is_rest && kind == NFA_NODE_PENDING))
                continue;
            if (!join(f, &at, a->guard, a->n_guard, &to.guard, &to.n_guard))
                continue;
            bool twice = to.n_guard == 0 && (f->reached[0][to.node] == i + 1 ||
                                                (to.by_event && f->reached[1][to.node] == i + 1));
            for (size_t x = 0; x < n_todo && !twice && to.n_guard && n_todo < 256; x++)
                twice = todo[x].node == to.node && todo[x].n_guard == to.n_guard &&
                        todo[x].by_event == to.by_event &&
                        memcmp(p->lits.v + todo[x].guard, p->lits.v + to.guard,
                            to.n_guard * sizeof(nfa_lit)) == 0;
            if (!to.n_guard)
                f->reached[to.by_event][to.node] = i + 1;
            if (!twice)
                *NFA_PUSH(p, todo, n_todo, cap_todo) = to;
        }
        if (p->n_edges > p->opts.limits.max_edges)
            return base_err_at(err, p->node->span, CEP_ELIMIT, "the pattern needs more than %u edges",
                (unsigned)p->opts.limits.max_edges);
    }
    if (unbounded)
        s->bound_us = -1;
    if (s->absent_us >= 0 && waits)
        s->rest = state_from(f, (struct origin){ node, true });
    return CEP_OK;
}

/* Edges in a row that need one of the bits of one word: an alternation of thousands costs a look at each word. */
static void find_blocks(struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_states; i++) {
        struct nfa_edge *e = p->edges + p->states[i].edges, *end = e + p->states[i].n_edges;
        while (e < end) {
            struct nfa_edge *from = e;
            uint64_t any = 0;
            for (; e < end && e->want && e->word == from->word; e++)
                any |= e->want;
            if (e - from > 2) {
                from->block = (uint32_t)(e - from);
                from->any = any;
            }
            if (e == from)
                e++;
        }
    }
}

enum cep_rc nfa_flat(struct nfa_prog *p, struct cep_err *err) {
    struct flat f = { .p = p };
    f.seen = BASE_ARENA_ARRAY(&p->arena, uint32_t, p->n_nodes);
    for (int i = 0; i < 2; i++)
        f.reached[i] = BASE_ARENA_ARRAY(&p->arena, uint32_t, p->n_nodes);
    f.state_of = BASE_ARENA_ARRAY(&p->arena, uint32_t, p->n_nodes);
    f.rest_of = BASE_ARENA_ARRAY(&p->arena, uint32_t, p->n_nodes);
    f.finals = BASE_ARENA_ARRAY(&p->arena, struct nfa_final *, p->n_nodes);
    f.n_finals = BASE_ARENA_ARRAY(&p->arena, uint32_t, p->n_nodes);
    for (size_t i = 0; i < p->n_nodes; i++)
        f.state_of[i] = f.rest_of[i] = NFA_NONE;
    p->start = state_for(&f, p->start_node);
    if (p->start == NFA_NONE)
        return base_err_at(err, p->node->span, CEP_EINVAL, "the pattern takes no event");
    size_t cap = 0;
    for (uint32_t i = 0; i < f.n_queue; i++) {
        (void)NFA_PUSH(p, p->states, p->n_states, cap);
        struct nfa_state s;
        enum cep_rc rc = flatten(&f, i, &s, err);
        if (rc != CEP_OK)
            return rc;
        p->states[i] = s;
        if (s.bound_us >= 0 || s.absent_us >= 0)
            p->has_bounds = true;
    }
    find_blocks(p);
    return CEP_OK;
}
