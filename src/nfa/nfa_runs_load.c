/*
 * nfa_runs_load -- a key's partial matches as the store of runs wrote them (nfa_save.c), read back: links, groups with their runs and later
 * starts, matches that wait. What has no place in this program is lost and counted.
 */
#include "nfa/nfa_save.h"

#include "base/base_mem.h"
#include "event/evt_pack.h"

static void load_links(struct nfa_loader *l, struct base_unpack *u) {
    struct nfa_matcher *m = l->m;
    size_t n = base_unpack_count(u, 3);
    for (size_t i = 0; i < n && !u->bad; i++) {
        bool known;
        uint64_t var = base_unpack_varint(u);
        struct nfa_ev *e = nfa_load_ev(l, u, &known);
        uint64_t before = base_unpack_max(u, i);
        u->bad = u->bad || var >= l->meta.n_vars;
        if (u->bad)
            return;
        struct nfa_link *prev = before ? l->links[before - 1] : NULL;
        if (prev && e && prev->ev->order >= e->order) {
            u->bad = true;
            return;
        }
        l->links = base_grow(l->links, l->n_links, &l->cap_links, sizeof *l->links);
        l->links[l->n_links] = NULL;
        if (known && l->var[var] != NFA_NONE && (!before || prev)) {
            struct nfa_link *link = nfa_mem_get(&m->mem, sizeof *link);
            e->refs++;
            *link = (struct nfa_link){ .refs = 1, .var = l->var[var], .ev = e, .prev = nfa_link_ref(prev) };
            l->links[l->n_links] = link;
        }
        l->n_links++;
    }
}

/* Returns: the link, NULL when it is lost (or u->bad). */
static struct nfa_link *get_link(struct nfa_loader *l, struct base_unpack *u) {
    uint64_t i = base_unpack_varint(u);
    u->bad = u->bad || i >= l->n_links;
    return u->bad ? NULL : l->links[i];
}

/* Is the start's event the one that the chain begins with, as far as it matters? */
static bool starts_at(const struct nfa_link *last, uint64_t start_order) {
    const struct nfa_link *l = last;
    while (l->prev && l->ev->order > start_order)
        l = l->prev;
    return l->ev->order == start_order;
}

static void load_agg(
    const struct nfa_meta_agg *g, struct base_unpack *u, struct base_arena *a, struct expr_agg_state *s) {
    uint64_t words[2];
    expr_agg_start(s);
    s->n = base_unpack_varint(u);
    uint8_t failed = base_unpack_u8(u);
    u->bad = u->bad || failed > 1;
    s->failure = failed ? "sum out of range" : NULL;
    switch (g->acc) {
    case NFA_ACC_NONE: return;
    case NFA_ACC_DOUBLE:
        words[0] = base_unpack_u64(u);
        memcpy(&s->acc.d, &words[0], sizeof words[0]);
        s->acc.null = false;
        return;
    case NFA_ACC_SUM:
        s->acc.dec.lo = base_unpack_u64(u);
        s->acc.dec.hi = (int64_t)base_unpack_u64(u);
        s->acc.null = false;
        return;
    case NFA_ACC_VAL:
        evt_unpack_val(u, g->type, a, &s->acc);
        u->bad = u->bad || (s->n > 0 && s->acc.null);
        return;
    case NFA_ACC_MOMENTS:
        words[0] = base_unpack_u64(u);
        words[1] = base_unpack_u64(u);
        memcpy(&s->m2, &words[0], sizeof words[0]);
        memcpy(&s->mean, &words[1], sizeof words[1]);
        return;
    case NFA_ACC_MAX: return;
    }
}

/* A run at the end of the group. */
static void load_run(
    struct nfa_loader *l, struct nfa_group *g, struct nfa_run ***tail, struct base_unpack *u) {
    struct nfa_matcher *m = l->m;
    uint64_t state = base_unpack_varint(u);
    struct nfa_link *last = get_link(l, u);
    uint64_t alias_hi = base_unpack_varint(u);
    struct expr_agg_state *aggs = BASE_ARENA_ARRAY(&l->scratch, struct expr_agg_state, l->meta.n_aggs + 1);
    for (uint32_t i = 0; i < l->meta.n_aggs && !u->bad; i++)
        load_agg(&l->meta.aggs[i], u, &l->scratch, &aggs[i]);
    u->bad = u->bad || state >= l->meta.n_states;
    if (u->bad)
        return;
    if (!g || !last || l->state[state] == NFA_NONE) {
        l->lost[state]++;
        return;
    }
    if (!starts_at(last, g->start_order)) {
        u->bad = true;
        return;
    }
    struct nfa_run *r = nfa_run_new(m, l->state[state], nfa_link_ref(last), NULL);
    r->alias_hi = alias_hi;
    for (uint32_t i = 0; i < m->p->n_run_aggs; i++) {
        if (l->agg[i] >= 0)
            r->aggs[i] = aggs[l->agg[i]];
    }
    **tail = r;
    *tail = &r->next;
}

static void load_alias(struct nfa_loader *l, struct nfa_key *k, struct nfa_group *g, struct base_unpack *u) {
    uint64_t order = base_unpack_varint(u);
    int64_t time = base_unpack_zigzag(u);
    struct nfa_link *link = get_link(l, u);
    if (u->bad || !g || !link)
        return;
    if (link->ev->order != order || order <= (g->last_alias ? g->last_alias->order : g->start_order)) {
        u->bad = true;
        return;
    }
    struct nfa_alias *a = nfa_mem_get(&l->m->mem, sizeof *a);
    *a = (struct nfa_alias){ .prev = g->last_alias, .order = order, .time = time, .link = link };
    if (g->last_alias)
        g->last_alias->next = a;
    else
        g->first_alias = a;
    g->last_alias = a;
    k->n_starts++;
}

/* Every run holds the links of the aliases that it says are its own. */
static bool aliases_fit(const struct nfa_group *g) {
    for (const struct nfa_run *r = g->runs; r; r = r->next) {
        const struct nfa_alias *a = g->last_alias;
        while (a && a->order > r->alias_hi)
            a = a->prev;
        /* An alias that took over as the start is none any more. */
        if (r->alias_hi > g->start_order && (!a || a->order != r->alias_hi))
            return false;
        for (const struct nfa_link *l = r->last; l && a; l = nfa_link_prev(l, g->start_order)) {
            if (a->link == l)
                a = a->prev;
        }
        if (a)
            return false;
    }
    return true;
}

static void load_group(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    struct nfa_matcher *m = l->m;
    uint64_t start_order = base_unpack_varint(u);
    int64_t start_time = base_unpack_zigzag(u);
    u->bad = u->bad || start_order == 0 || (k && k->last && k->last->start_order >= start_order);
    if (u->bad)
        return;
    struct nfa_group *g = NULL;
    struct nfa_run **tail = NULL;
    if (k) {
        m->cur.order = start_order;
        m->cur.time = start_time;
        g = nfa_group_new(m, k);
        tail = &g->runs;
    }
    size_t n = base_unpack_count(u, 3);
    for (size_t i = 0; i < n && !u->bad; i++)
        load_run(l, g, &tail, u);
    n = base_unpack_count(u, 3);
    for (size_t i = 0; i < n && !u->bad; i++)
        load_alias(l, k, g, u);
    if (!g)
        return;
    u->bad = u->bad || !aliases_fit(g);
    if (u->bad)
        nfa_group_free(m, k, g);
    else
        nfa_group_tidy(m, k, g);
}

static void load_done(
    struct nfa_loader *l, struct nfa_key *k, struct nfa_done ***tail, struct base_unpack *u) {
    struct nfa_matcher *m = l->m;
    struct nfa_link *last = get_link(l, u);
    uint64_t quota = base_unpack_max(u, l->n_quotas);
    uint64_t start_order = base_unpack_varint(u);
    int64_t start_time = base_unpack_zigzag(u);
    uint64_t completed = base_unpack_varint(u);
    if (u->bad)
        return;
    if (!k || !last) {
        l->lost_waiting++;
        return;
    }
    if (!starts_at(last, start_order)) {
        u->bad = true;
        return;
    }
    struct nfa_done *d = nfa_mem_get(&m->mem, sizeof *d);
    *d = (struct nfa_done){ .last = nfa_link_ref(last),
        .quota = quota ? l->quotas[quota - 1] : NULL,
        .start_order = start_order,
        .start_time = start_time,
        .completed = completed };
    if (d->quota)
        d->quota->refs++;
    if (m->next_step < completed)
        m->next_step = completed;
    **tail = d;
    *tail = &d->next;
    m->stats.waiting++;
}

void nfa_load_quotas(struct nfa_loader *l, struct base_unpack *u) {
    size_t n = base_unpack_count(u, 1);
    for (size_t i = 0; i < n && !u->bad; i++) {
        struct nfa_quota *q = nfa_mem_get(&l->m->mem, sizeof *q);
        *q = (struct nfa_quota){ .refs = 1, .left = base_unpack_varint(u) };
        l->quotas = base_grow(l->quotas, l->n_quotas, &l->cap_quotas, sizeof *l->quotas);
        l->quotas[l->n_quotas++] = q;
    }
}

void nfa_runs_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    load_links(l, u);
    size_t n = base_unpack_count(u, 4);
    for (size_t i = 0; i < n && !u->bad; i++)
        load_group(l, k, u);
    nfa_sleep_load(l, k, u, !k);
    nfa_load_quotas(l, u);
    n = base_unpack_count(u, 5);
    struct nfa_done **tail = k ? &k->done : NULL;
    for (size_t i = 0; i < n && !u->bad; i++)
        load_done(l, k, &tail, u);
}
