/*
 * nfa_step -- one event against the partial matches of a key; and time against them.
 *
 * An event is tried on every partial match that was there before it and on the start; what comes out replaces what went
 * in. Results do not feed each other within one event.
 */
#include "nfa/nfa_fate.h"
#include "nfa/nfa_graph.h"
#include "nfa/nfa_stack.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <stdlib.h>

void nfa_failure(struct nfa_matcher *m, const char *reason) {
    if (m->cur.failed || !m->cur.batch)
        return;
    m->cur.failed = true;
    m->stats.failures++;
    if (m->out.failure)
        m->out.failure(m->out.arg, m->cur.input, m->cur.batch, m->cur.row, reason);
}

static bool cares(struct nfa_matcher *m, const struct nfa_state *s) {
    if (!s->calm)
        return true;
    if (!(s->fold & m->cur.folded))
        return false;
    if (m->p->n_words == 1)
        return true;
    size_t at = (size_t)(s - m->p->states);
    if (m->care_order[at] == m->cur.order)
        return m->care[at];
    const uint64_t *mask = m->p->masks + s->interest;
    bool any = false;
    for (size_t i = 0; i < m->p->n_words && !any; i++)
        any = (mask[i] & m->cur.bits[i]) != 0;
    m->care_order[at] = m->cur.order;
    m->care[at] = any;
    return any;
}

/* Folded words say yes too often when there are thousands of conditions. */
bool nfa_may_concern(const struct nfa_matcher *m) {
    const struct nfa_prog *p = m->p;
    if (p->n_words == 1 || !p->all_calm)
        return true;
    const uint64_t *mask = p->masks + p->run_interest;
    for (size_t i = 0; i < p->n_words; i++) {
        if (mask[i] & m->cur.bits[i])
            return true;
    }
    return false;
}

static bool guard_holds(struct nfa_matcher *m, uint32_t guard, uint32_t n, const struct nfa_run *run) {
    for (uint32_t i = 0; i < n; i++) {
        if (!nfa_lit_holds(m, m->p->lits.v[guard + i], run))
            return false;
    }
    return true;
}

static bool completes(struct nfa_matcher *m, const struct nfa_edge *e, const struct nfa_run *run) {
    if (e->completes)
        return true;
    for (uint32_t i = 0; i < e->n_finals; i++) {
        const struct nfa_final *f = &m->p->finals[e->finals + i];
        if (guard_holds(m, f->guard, f->n_guard, run))
            return true;
    }
    return false;
}

/* Two ways to the same place that hold for the same event are one. */
static bool has_fired(const struct nfa_matcher *m, size_t n, const struct nfa_edge *e) {
    for (size_t i = 0; i < n; i++) {
        const struct nfa_edge *o = m->fired[i];
        if (o->action == e->action && o->target == e->target && o->var == e->var &&
            o->completes == e->completes)
            return true;
    }
    return false;
}

/* Fills m->fired with the TAKE and IGNORE edges that hold. Returns: how many; *stop when a negation was hit. */
static size_t find_fired(
    struct nfa_matcher *m, const struct nfa_state *s, const struct nfa_run *run, bool *stop) {
    const struct nfa_prog *p = m->p;
    const struct nfa_edge *e = p->edges + s->edges, *end = e + s->n_edges;
    size_t n = 0;
    m->stamp++;
    *stop = false;
    for (; e < end; e++) {
        if (e->block && !(m->cur.bits[e->word] & e->any)) {
            e += e->block - 1;
            continue;
        }
        if ((m->cur.bits[e->word] & e->mask) != e->want)
            continue;
        if (e->n_lits && !guard_holds(m, e->lits, e->n_lits, run))
            continue;
        if (e->action == NFA_STOP)
            *stop = true;
        else if (!has_fired(m, n, e))
            m->fired[n++] = e;
    }
    return n;
}

bool nfa_is_beaten(const struct nfa_matcher *m, const struct nfa_edge *e, size_t n) {
    for (uint32_t i = 0; i < e->n_beaten; i++) {
        const struct nfa_edge *by = &m->p->edges[m->p->beaten[e->beaten + i]];
        for (size_t k = 0; k < n; k++) {
            if (m->fired[k] == by)
                return true;
        }
    }
    return false;
}

/* Remembers the earliest run that took the event into a state: later starts may become its aliases. */
static void note_taker(struct nfa_matcher *m, struct nfa_group *g, struct nfa_run *r) {
    if (m->taker_order[r->state] == m->cur.order)
        return;
    m->taker_order[r->state] = m->cur.order;
    m->taker[r->state] = r;
    m->taker_group[r->state] = g;
}

static void want_merge(struct nfa_matcher *m, struct nfa_group *g) {
    if (m->n_merge && m->merge[m->n_merge - 1] == g)
        return;
    m->merge = base_grow(m->merge, m->n_merge, &m->cap_merge, sizeof *m->merge);
    m->merge[m->n_merge++] = g;
}

static uint64_t interest_of(const struct nfa_matcher *m, uint32_t state) {
    return m->p->states[state].fold;
}

size_t nfa_edges_that_hold(struct nfa_matcher *m, uint32_t state, const struct nfa_run *run, bool *stop) {
    size_t n = find_fired(m, &m->p->states[state], run, stop), kept = 0;
    /* nfa_is_beaten() asks for all of them, so those that are go at the end. */
    for (size_t i = 0; i < n; i++) {
        const struct nfa_edge *e = m->fired[i];
        if (e->n_beaten && nfa_is_beaten(m, e, n))
            continue;
        m->fired[i] = m->fired[kept];
        m->fired[kept++] = e;
    }
    return kept;
}

bool nfa_edge_completes(struct nfa_matcher *m, const struct nfa_edge *e, const struct nfa_run *run) {
    return completes(m, e, run);
}

static void see_deadline(
    struct nfa_matcher *m, struct nfa_key *k, const struct nfa_group *g, const struct nfa_run *r) {
    int64_t at = nfa_run_timer(m, g, r);
    if (at < k->deadline)
        k->deadline = at;
}

/*
 * One partial match. Ensures: *at is what replaced it (its successors, or what came next when there are none).
 * Returns: the place of the next partial match to try.
 */
static struct nfa_run **step_run(
    struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g, struct nfa_run **at) {
    const struct nfa_prog *p = m->p;
    struct nfa_run *run = *at;
    const struct nfa_state *s = &p->states[run->state];
    m->stats.work++;
    if (!cares(m, s)) {
        m->effort += NFA_EFFORT_PASSED;
        k->interest |= interest_of(m, run->state);
        return &run->next;
    }
    bool stop;
    m->effort += NFA_EFFORT_TRIED;
    size_t n = find_fired(m, s, run, &stop);
    if (stop)
        m->stats.stopped++;
    /* Nothing but staying: the usual case of a waiting partial match. */
    if (n == 1 && !stop && m->fired[0]->action == NFA_IGNORE && m->fired[0]->target == run->state) {
        k->interest |= interest_of(m, run->state);
        return &run->next;
    }
    struct nfa_run *next = run->next, **tail = at;
    struct nfa_link *last = run->last;
    for (size_t i = 0; i < n; i++) {
        const struct nfa_edge *e = m->fired[i];
        if (e->n_beaten && nfa_is_beaten(m, e, n))
            continue;
        struct nfa_link *link = e->action == NFA_TAKE ? nfa_link_new(m, e->var, last) : nfa_link_ref(last);
        if (completes(m, e, run))
            nfa_complete(m, k, g, run, nfa_link_ref(link), g->start_order, g->start_time);
        if (stop || e->target == NFA_NONE) {
            nfa_link_unref(m, link);
            continue;
        }
        struct nfa_run *r = nfa_run_new(m, e->target, link, run);
        if (e->action == NFA_TAKE) {
            nfa_aggs_take(m, r, e->var);
            if (p->states[r->state].run_free) {
                note_taker(m, g, r);
                want_merge(m, g);
            }
        }
        k->interest |= interest_of(m, r->state);
        if (p->has_bounds)
            see_deadline(m, k, g, r);
        *tail = r;
        tail = &r->next;
    }
    *tail = next;
    nfa_run_free(m, run);
    return tail;
}

/* Limits the starts of a key. Returns: false when this event may not start a match. */
static bool make_room(struct nfa_matcher *m, struct nfa_key *k) {
    const struct plan_pattern *pat = m->pat;
    if (!pat->limit_open || k->n_starts < pat->limit_open)
        return true;
    if (pat->limit_refuse_new) {
        m->stats.limit_open++;
        return false;
    }
    /* What was dropped may have been a leader: nothing is merged in this step. */
    m->n_merge = 0;
    while (k->n_starts >= pat->limit_open && k->first)
        m->stats.limit_open += nfa_group_drop_start(m, k, k->first);
    return true;
}

static struct nfa_group *start(struct nfa_matcher *m, struct nfa_key *k, bool again) {
    const struct nfa_prog *p = m->p;
    bool stop;
    size_t n = find_fired(m, &p->states[p->start], NULL, &stop);
    struct nfa_group *g = NULL;
    struct nfa_run **tail = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct nfa_edge *e = m->fired[i];
        if (e->action != NFA_TAKE)
            continue;
        struct nfa_link *link = nfa_link_new(m, e->var, NULL);
        if (!again && completes(m, e, NULL))
            nfa_complete(m, k, NULL, NULL, nfa_link_ref(link), m->cur.order, m->cur.time);
        if (e->target == NFA_NONE || (!g && !make_room(m, k))) {
            nfa_link_unref(m, link);
            continue;
        }
        struct nfa_run *r = nfa_run_new(m, e->target, link, NULL);
        nfa_aggs_take(m, r, e->var);
        if (!g) {
            g = nfa_group_new(m, k);
            tail = &g->runs;
        }
        m->stats.started++;
        *tail = r;
        tail = &r->next;
        k->interest |= interest_of(m, r->state);
        see_deadline(m, k, g, r);
        if (p->states[r->state].run_free)
            want_merge(m, g);
    }
    return g;
}

void nfa_history_add(struct nfa_matcher *m, struct nfa_key *k, uint32_t input, struct nfa_ev *e) {
    uint32_t cap = m->p->prev_rows[input];
    if (!k->history) {
        k->history = nfa_mem_get(&m->mem, m->pat->n_inputs * sizeof *k->history);
        for (uint32_t i = 0; i < m->pat->n_inputs; i++)
            k->history[i] = (struct nfa_history){
                .rows = nfa_mem_get(&m->mem, m->p->prev_rows[i] * sizeof(struct nfa_ev *)),
            };
    }
    struct nfa_history *h = &k->history[input];
    if (h->n == cap)
        nfa_ev_unref(m, h->rows[h->head]);
    else
        h->n++;
    h->rows[h->head] = e;
    e->refs++;
    h->head = (h->head + 1) % cap;
}

static void remember(struct nfa_matcher *m, struct nfa_key *k) {
    if (!m->p->prev_rows[m->cur.input])
        return;
    if (!m->cur.ev)
        m->cur.ev = nfa_ev_new(m);
    nfa_history_add(m, k, m->cur.input, m->cur.ev);
    if (m->p->prev_within > 0) {
        int64_t at = nfa_time_add(m->cur.time, m->p->prev_within);
        if (at < k->deadline)
            k->deadline = at;
    }
}

void nfa_step_group(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g) {
    for (struct nfa_run **at = &g->runs; *at;)
        at = step_run(m, k, g, at);
}

struct nfa_group *nfa_start_again(struct nfa_matcher *m, struct nfa_key *k) {
    return start(m, k, true);
}

static void step_runs(struct nfa_matcher *m, struct nfa_key *k) {
    m->env.key = k;
    m->next_step++;
    m->n_merge = 0;
    m->effort = 0;
    bool may_start = nfa_may_start(m);
    if (k->first && ((k->interest & m->cur.folded) || k->interest == UINT64_MAX) && nfa_may_concern(m)) {
        k->interest = 0;
        for (struct nfa_group *g = k->first, *next; g; g = next) {
            next = g->next;
            nfa_step_group(m, k, g);
            if (!g->runs || g->last_alias)
                nfa_group_tidy(m, k, g);
        }
    }
    if (may_start)
        (void)start(m, k, false);
    nfa_sleep_log(m, k);
    /* Earlier groups took the event before later ones, so a merge finds its leader. */
    for (size_t i = 0; i < m->n_merge; i++) {
        if (m->n_merge > 1 && !k->log)
            (void)nfa_group_merge(m, k, m->merge[i]);
    }
    remember(m, k);
    nfa_settle_matches(m, k, m->cur.time);
    if (may_start && m->p->covers)
        nfa_sleep_try(m, k);
    if (m->cur.ev) {
        nfa_ev_unref(m, m->cur.ev);
        m->cur.ev = NULL;
    }
    m->cur.batch = NULL;
    nfa_key_settle(m, k);
}

static void timed_out(
    struct nfa_matcher *m, struct nfa_key *k, uint64_t start_order, const struct nfa_run *r, int64_t at) {
    m->stats.timed_out++;
    if (m->trace)
        nfa_trace_timeout(m, k, start_order, r, at);
    nfa_emit_timeout(m, k, start_order, r, at);
}

/* By what was taken from the start on; chains share their beginnings, so most of the time this looks at their ends only. */
static int by_taken(const struct nfa_standing *x, const struct nfa_standing *y) {
    const struct nfa_link *a = x->last, *b = y->last;
    while (a != b) {
        if (!a || !b)
            return a ? 1 : -1;
        if (a->ev->order != b->ev->order)
            return a->ev->order < b->ev->order ? -1 : 1;
        if (a->var != b->var)
            return a->var < b->var ? -1 : 1;
        a = nfa_link_prev(a, x->start);
        b = nfa_link_prev(b, x->start);
    }
    return 0;
}

static int by_taken_place(const void *x, const void *y) {
    const struct nfa_standing *a = x, *b = y;
    int c = by_taken(a, b);
    return c ? c : a->i < b->i ? -1 : a->i > b->i;
}

static int by_place(const void *x, const void *y) {
    const struct nfa_standing *a = x, *b = y;
    return a->i < b->i ? -1 : a->i > b->i;
}

/*
 * A partial match, the events taken, may stand in several states at once: it waits for one step here and has left it out
 * there. It timed out when it stands in none any more, unless an absence completes it then, and is reported once. Fills m->standing in the order of the runs.
 */
static void find_reports(struct nfa_matcher *m, const struct nfa_group *g, int64_t at) {
    size_t n = 0;
    for (const struct nfa_run *r = g->runs; r; r = r->next, n++) {
        m->standing = base_grow(m->standing, n, &m->cap_standing, sizeof *m->standing);
        bool due = nfa_run_deadline(m, g, r) <= at;
        bool report = due && !nfa_awaits_absence(&m->p->states[r->state]);
        m->standing[n] = (struct nfa_standing){ r->last, g->start_order, (uint32_t)n, due, report, 0,
            r->alias_hi };
    }
    m->stats.work += n;
    if (n < 2)
        return;
    qsort(m->standing, n, sizeof *m->standing, by_taken_place);
    for (size_t from = 0, to; from < n; from = to) {
        bool told = false;
        uint64_t open_to = 0; /* aliases up to here are not over, or told */
        for (to = from; to < n && by_taken(&m->standing[from], &m->standing[to]) == 0; to++) {
            struct nfa_standing *v = &m->standing[to];
            told = told || !v->report;
            if (!v->report && v->alias_to > open_to)
                open_to = v->alias_to;
        }
        for (size_t i = from; i < to; i++) {
            struct nfa_standing *v = &m->standing[i];
            v->report = v->report && !told;
            told = told || v->report;
            v->alias_after = open_to;
            if (v->alias_to > open_to)
                open_to = v->alias_to;
        }
    }
    qsort(m->standing, n, sizeof *m->standing, by_place);
}

/* The time since the start is over: for this start alone, its aliases have their own. */
static void start_over(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g, int64_t at) {
    size_t i = 0;
    find_reports(m, g, at);
    for (struct nfa_run *r = g->runs; r; r = r->next, i++) {
        if (nfa_awaits_absence(&m->p->states[r->state]))
            nfa_complete_start(m, g, r);
        else if (m->standing[i].report)
            timed_out(m, k, g->start_order, r, at);
    }
    (void)nfa_group_drop_start(m, k, g);
}

/*
 * The time since the event taken last is over, or that of an absence which a loop may end with: for every start that shares
 * the run.
 */
static void runs_over(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g, int64_t at) {
    bool any = false;
    for (const struct nfa_run *r = g->runs; r && !any; r = r->next, m->stats.work++)
        any = nfa_run_timer(m, g, r) <= at;
    if (!any)
        return;
    size_t i = 0;
    find_reports(m, g, at);
    for (struct nfa_run **place = &g->runs; *place; i++) {
        struct nfa_run *r = *place;
        const struct nfa_state *s = &m->p->states[r->state];
        bool due = m->standing[i].due;
        if (!due && nfa_run_timer(m, g, r) > at) {
            place = &r->next;
            continue;
        }
        if (nfa_awaits_absence(s)) {
            nfa_complete(m, k, g, r, nfa_link_ref(r->last), g->start_order, g->start_time);
        } else {
            const struct nfa_standing *v = &m->standing[i];
            if (v->report)
                timed_out(m, k, g->start_order, r, at);
            for (const struct nfa_alias *a = g->first_alias; a && a->order <= v->alias_to; a = a->next) {
                if (a->order > v->alias_after)
                    timed_out(m, k, a->order, r, at);
            }
        }
        if (!due && s->rest != NFA_NONE) {
            r->state = s->rest;
            k->interest |= interest_of(m, r->state);
            place = &r->next;
            continue;
        }
        *place = r->next;
        nfa_run_free(m, r);
    }
    nfa_group_tidy(m, k, g);
}

static bool starts_over(const struct nfa_matcher *m, const struct nfa_group *g, int64_t at) {
    return m->pat->within_kind == PLAN_WITHIN_FIRST_LAST &&
           nfa_time_add(g->start_time, m->pat->within_us) <= at;
}

static void forget_history(struct nfa_matcher *m, struct nfa_key *k, int64_t at) {
    if (!k->history || m->p->prev_within <= 0)
        return;
    bool any = false;
    for (uint32_t i = 0; i < m->pat->n_inputs; i++) {
        struct nfa_history *h = &k->history[i];
        uint32_t cap = m->p->prev_rows[i];
        while (h->n) {
            struct nfa_ev *oldest = h->rows[(h->head + cap - h->n) % cap];
            if (nfa_time_add(oldest->time, m->p->prev_within) > at)
                break;
            nfa_ev_unref(m, oldest);
            h->n--;
        }
        any = any || h->n;
    }
    if (any)
        return;
    for (uint32_t i = 0; i < m->pat->n_inputs; i++)
        nfa_mem_put(&m->mem, k->history[i].rows, m->p->prev_rows[i] * sizeof(struct nfa_ev *));
    nfa_mem_put(&m->mem, k->history, m->pat->n_inputs * sizeof *k->history);
    k->history = NULL;
}

static void expire_runs(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    m->env.key = k;
    nfa_key_find_deadline(m, k);
    /* Instants one after the other, so that what a match prunes does not depend on how far the clock jumped. */
    while (k->deadline <= now) {
        /* What an event left behind its time is over at that event. */
        int64_t at = k->deadline > m->event_time ? k->deadline : m->event_time;
        m->next_step++;
        nfa_sleep_expire(m, k, now);
        while (k->first && starts_over(m, k->first, at))
            start_over(m, k, k->first, at);
        if (m->p->has_bounds) {
            for (struct nfa_group *g = k->first, *next; g; g = next) {
                next = g->next;
                runs_over(m, k, g, at);
            }
        }
        forget_history(m, k, at);
        nfa_settle_matches(m, k, at);
        nfa_key_find_deadline(m, k);
        if (at == EVT_TIME_MAX)
            break;
    }
    /* Where state came back without the partial matches that they waited for. */
    if (k->done || k->log)
        nfa_settle_matches(m, k, now);
    nfa_key_settle(m, k);
}

void nfa_step(struct nfa_matcher *m, struct nfa_key *k) {
    nfa_key_opens(m, k);
    switch (m->p->store) {
    case NFA_STORE_FATES: nfa_fates_step(m, k); return;
    case NFA_STORE_GRAPH: nfa_graph_step(m, k); return;
    case NFA_STORE_STACKS: nfa_stacks_step(m, k); return;
    case NFA_STORE_RUNS:
    case NFA_STORE_MAX: step_runs(m, k); return;
    }
}

void nfa_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    nfa_key_opens(m, k);
    switch (m->p->store) {
    case NFA_STORE_FATES: nfa_fates_expire(m, k, now); return;
    case NFA_STORE_GRAPH: nfa_graph_expire(m, k, now); return;
    case NFA_STORE_STACKS: nfa_stacks_expire(m, k, now); return;
    case NFA_STORE_RUNS:
    case NFA_STORE_MAX: expire_runs(m, k, now); return;
    }
}
