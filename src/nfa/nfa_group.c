/*
 * nfa_group -- groups of partial matches with one start, and aliases: later starts that share a run.
 */
#include "nfa/nfa_run.h"

#include "base/base_check.h"

enum { NFA_MERGE_MAX = 64 }; /* links compared before a merge is given up */

struct nfa_run *nfa_run_new(
    struct nfa_matcher *m, uint32_t state, struct nfa_link *last, const struct nfa_run *like) {
    struct nfa_run *r = nfa_mem_get(&m->mem, nfa_run_size(m->p));
    r->next = NULL;
    r->last = last;
    r->state = state;
    r->alias_hi = like ? like->alias_hi : 0;
    if (like)
        memcpy(r->aggs, like->aggs, m->p->n_run_aggs * sizeof r->aggs[0]);
    else
        nfa_aggs_start(m, r);
    m->stats.open++;
    return r;
}

void nfa_run_free(struct nfa_matcher *m, struct nfa_run *r) {
    nfa_link_unref(m, r->last);
    nfa_mem_put(&m->mem, r, nfa_run_size(m->p));
    m->stats.open--;
}

/* The start of a group is the event under test: it is the latest of the key, but for one that slept. */
struct nfa_group *nfa_group_new(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_group *g = nfa_mem_get(&m->mem, sizeof *g);
    struct nfa_group *after = k->last, *before = NULL;
    if (after && after->start_order > m->cur.order) {
        for (before = k->first, after = NULL; before->start_order < m->cur.order; before = before->next)
            after = before;
    }
    *g = (struct nfa_group){
        .prev = after, .next = before, .start_order = m->cur.order, .start_time = m->cur.time
    };
    if (after)
        after->next = g;
    else
        k->first = g;
    if (before)
        before->prev = g;
    else
        k->last = g;
    k->n_starts++;
    return g;
}

static void unlink_group(struct nfa_key *k, struct nfa_group *g) {
    if (g->prev)
        g->prev->next = g->next;
    else
        k->first = g->next;
    if (g->next)
        g->next->prev = g->prev;
    else
        k->last = g->prev;
}

static void drop_alias(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g, struct nfa_alias *a) {
    if (a->prev)
        a->prev->next = a->next;
    else
        g->first_alias = a->next;
    if (a->next)
        a->next->prev = a->prev;
    else
        g->last_alias = a->prev;
    nfa_mem_put(&m->mem, a, sizeof *a);
    k->n_starts--;
}

void nfa_group_free(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g) {
    unlink_group(k, g);
    k->n_starts--;
    while (g->first_alias)
        drop_alias(m, k, g, g->first_alias);
    while (g->runs) {
        struct nfa_run *r = g->runs;
        g->runs = r->next;
        nfa_run_free(m, r);
    }
    nfa_mem_put(&m->mem, g, sizeof *g);
}

/* Its start has moved on: the group goes behind those that start before it. */
static void resort(struct nfa_key *k, struct nfa_group *g) {
    struct nfa_group *after = g;
    while (after->next && after->next->start_order < g->start_order)
        after = after->next;
    if (after == g)
        return;
    unlink_group(k, g);
    g->prev = after;
    g->next = after->next;
    if (after->next)
        after->next->prev = g;
    else
        k->last = g;
    after->next = g;
}

uint64_t nfa_group_drop_start(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g) {
    uint64_t n = 0;
    for (;;) {
        struct nfa_alias *a = g->first_alias;
        uint64_t heir = a ? a->order : UINT64_MAX;
        struct nfa_run **at = &g->runs;
        while (*at) {
            struct nfa_run *r = *at;
            n++;
            m->stats.work++;
            if (r->alias_hi >= heir) {
                at = &r->next;
            } else {
                *at = r->next;
                nfa_run_free(m, r);
            }
        }
        if (!g->runs) {
            nfa_group_free(m, k, g);
            return n;
        }
        g->start_order = a->order;
        g->start_time = a->time;
        /* Nobody looks behind the new start any more, unless a completed match does. */
        if (!k->done && !m->n_found) {
            nfa_link_unref(m, a->link->prev);
            a->link->prev = NULL;
        }
        drop_alias(m, k, g, a);
        resort(k, g);
        return n;
    }
}

void nfa_group_tidy(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g) {
    if (!g->runs) {
        nfa_group_free(m, k, g);
        return;
    }
    if (!g->last_alias)
        return;
    uint64_t hi = 0;
    for (const struct nfa_run *r = g->runs; r; r = r->next) {
        if (r->alias_hi > hi)
            hi = r->alias_hi;
    }
    while (g->last_alias && g->last_alias->order > hi)
        drop_alias(m, k, g, g->last_alias);
}

/* The link at which the shorter chain begins within the longer one, when it is its tail. */
static struct nfa_link *tail_of(const struct nfa_run *longer, const struct nfa_run *shorter) {
    struct nfa_link *a = longer->last;
    const struct nfa_link *b = shorter->last;
    for (int i = 0; i < NFA_MERGE_MAX; i++) {
        if (!a || a->ev != b->ev || a->var != b->var)
            return NULL;
        if (!b->prev)
            return a;
        a = a->prev;
        b = b->prev;
    }
    return NULL;
}

bool nfa_group_merge(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g) {
    struct nfa_run *r = g->runs;
    m->stats.work++;
    if (!r || r->next || g->first_alias || !m->p->states[r->state].run_free || r->last->ev != m->cur.ev)
        return false;
    if (m->taker_order[r->state] != m->cur.order || m->taker_group[r->state] == g)
        return false;
    struct nfa_group *into = m->taker_group[r->state];
    struct nfa_run *lead = m->taker[r->state];
    /* Aliases of a run must be all those of its group up to the last of its own. */
    if (into->last_alias && lead->alias_hi != into->last_alias->order)
        return false;
    if (into->start_order >= g->start_order ||
        (into->last_alias && into->last_alias->order >= g->start_order))
        return false;
    struct nfa_link *link = tail_of(lead, r);
    if (!link || link->ev->order != g->start_order)
        return false;
    struct nfa_alias *a = nfa_mem_get(&m->mem, sizeof *a);
    *a = (struct nfa_alias){
        .prev = into->last_alias, .order = g->start_order, .time = g->start_time, .link = link
    };
    if (into->last_alias)
        into->last_alias->next = a;
    else
        into->first_alias = a;
    into->last_alias = a;
    lead->alias_hi = a->order;
    k->n_starts++;
    nfa_group_free(m, k, g);
    return true;
}

int64_t nfa_run_deadline(const struct nfa_matcher *m, const struct nfa_group *g, const struct nfa_run *r) {
    int64_t at = EVT_TIME_MAX;
    int64_t bound = m->p->states[r->state].bound_us;
    if (m->pat->within_kind == PLAN_WITHIN_FIRST_LAST)
        at = nfa_time_add(g->start_time, m->pat->within_us);
    if (bound >= 0) {
        int64_t b = nfa_time_add(r->last->ev->time, bound);
        if (b < at)
            at = b;
    }
    return at;
}

int64_t nfa_run_timer(const struct nfa_matcher *m, const struct nfa_group *g, const struct nfa_run *r) {
    int64_t at = nfa_run_deadline(m, g, r), absent = m->p->states[r->state].absent_us;
    if (absent < 0)
        return at;
    int64_t a = nfa_time_add(r->last->ev->time, absent);
    return a < at ? a : at;
}

void nfa_key_find_deadline(struct nfa_matcher *m, struct nfa_key *k) {
    k->deadline = EVT_TIME_MAX;
    if (m->pat->within_kind == PLAN_WITHIN_FIRST_LAST && k->first)
        k->deadline = nfa_time_add(k->first->start_time, m->pat->within_us);
    if (m->p->has_bounds) {
        for (const struct nfa_group *g = k->first; g; g = g->next) {
            for (const struct nfa_run *r = g->runs; r; r = r->next) {
                int64_t at = nfa_run_timer(m, g, r);
                m->stats.work++;
                if (at < k->deadline)
                    k->deadline = at;
            }
        }
    }
    if (k->history && m->p->prev_within > 0) {
        /* History that nobody may look at any more goes too: the key's last row of any input decides. */
        int64_t last = EVT_TIME_MIN;
        for (uint32_t i = 0; i < m->pat->n_inputs; i++) {
            const struct nfa_history *h = &k->history[i];
            uint32_t cap = m->p->prev_rows[i];
            if (h->n && h->rows[(h->head + cap - 1) % cap]->time > last)
                last = h->rows[(h->head + cap - 1) % cap]->time;
        }
        int64_t at = nfa_time_add(last, m->p->prev_within);
        if (last != EVT_TIME_MIN && at < k->deadline)
            k->deadline = at;
    }
}
