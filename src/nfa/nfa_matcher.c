/*
 * nfa_matcher -- a matcher's life, its numbers and its invariants.
 */
#include "nfa/nfa_cold.h"
#include "nfa/nfa_fate.h"
#include "nfa/nfa_graph.h"
#include "nfa/nfa_later.h"
#include "nfa/nfa_stack.h"

#include "base/base_check.h"
#include "base/base_mem.h"

static void *part(struct nfa_matcher *m, size_t n, size_t size) {
    return m->parts ? base_arena_calloc(m->parts, n, size) : base_calloc(n, size);
}

static void part_free(struct nfa_matcher *m, void *p) {
    if (!m->parts)
        base_free(p);
}

static struct nfa_matcher *matcher_new(const struct nfa_prog *own, const struct nfa_out *out,
    const struct nfa_matcher_opts *opts, const struct nfa_fed *fed) {
    struct nfa_matcher *m = fed ? base_arena_alloc_lines(fed->arena, sizeof *m) : base_calloc(1, sizeof *m);
    struct nfa_matcher *like = fed ? fed->like : NULL;
    m->parts = fed ? fed->arena : NULL;
    const struct nfa_prog *p = like ? like->p : own;
    m->p = p;
    m->pat = p->pat;
    m->own = own;
    if (out)
        m->out = *out;
    if (opts)
        m->opts = *opts;
    m->watermark = m->event_time = EVT_TIME_MIN;
    m->next_order = 1;
    m->found_end = &m->found;
    m->opts.fed = fed != NULL;
    nfa_mem_init(&m->mem, fed ? fed->pool : NULL);
    base_arena_init(&m->scratch, 0);
    m->atom_stamp = part(m, p->n_atoms + 1, sizeof *m->atom_stamp);
    m->atom_true = part(m, p->n_atoms + 1, sizeof *m->atom_true);
    uint32_t most = 1;
    for (size_t i = 0; i < p->n_states; i++) {
        if (p->states[i].n_edges > most)
            most = p->states[i].n_edges;
    }
    m->fired = part(m, most, sizeof *m->fired);
    m->taker = part(m, p->n_states, sizeof *m->taker);
    m->taker_group = part(m, p->n_states, sizeof *m->taker_group);
    m->taker_order = part(m, p->n_states, sizeof *m->taker_order);
    m->care_order = part(m, p->n_states, sizeof *m->care_order);
    m->care = part(m, p->n_states, sizeof *m->care);
    m->wake_bits = part(m, p->n_words + 1, sizeof *m->wake_bits);
    m->var_first = part(m, p->pat->n_vars + 1, sizeof *m->var_first);
    m->var_n = part(m, p->pat->n_vars + 1, sizeof *m->var_n);
    if (p->store == NFA_STORE_STACKS)
        m->search = nfa_stack_search_new(p->stacks);
    else if (p->store != NFA_STORE_RUNS)
        nfa_dets_join(m, like);
    if (p->store == NFA_STORE_GRAPH)
        m->cells = nfa_cells_new(m);
    if (p->has_spans)
        m->spans = nfa_spans_new();
    m->cold_next = EVT_TIME_MAX;
    if (m->opts.tier)
        m->cold = nfa_cold_new(m);
    m->guarded = m->cold != NULL;
    nfa_env_init(m);
    nfa_keys_init(m);
    nfa_inputs_init(m);
    return m;
}

struct nfa_matcher *nfa_matcher_new(
    const struct nfa_prog *p, const struct nfa_out *out, const struct nfa_matcher_opts *opts) {
    return matcher_new(p, out, opts, NULL);
}

struct nfa_matcher *nfa_matcher_new_fed(const struct nfa_prog *p, const struct nfa_out *out,
    const struct nfa_matcher_opts *opts, const struct nfa_fed *fed) {
    return matcher_new(p, out, opts, fed);
}

void nfa_matcher_free(struct nfa_matcher *m) {
    if (!m)
        return;
    while (m->found) {
        struct nfa_done *d = m->found;
        m->found = d->next;
        nfa_done_free(m, d);
    }
    nfa_loader_free(m->loader);
    nfa_later_free(m);
    nfa_matcher_save_cancel(m);
    nfa_keys_release(m);
    nfa_cold_free(m);
    nfa_trace_free(m);
    nfa_inputs_release(m);
    nfa_cells_free(m);
    nfa_spans_free(m);
    nfa_dets_leave(m);
    CEP_INSIST(m->mem.n_live == 0);
    nfa_mem_release(&m->mem);
    base_arena_release(&m->scratch);
    evt_batch_unref(m->matches);
    evt_batch_unref(m->timeouts);
    base_buf_release(&m->id_buf);
    base_buf_release(&m->names);
    part_free(m, m->atom_stamp);
    part_free(m, m->atom_true);
    part_free(m, m->fired);
    part_free(m, m->taker);
    part_free(m, m->taker_group);
    part_free(m, m->taker_order);
    part_free(m, m->care_order);
    part_free(m, m->care);
    part_free(m, m->wake_bits);
    base_free(m->merge);
    base_free(m->standing);
    base_free(m->moved);
    base_free(m->peers);
    base_free(m->last);
    base_free(m->way);
    base_free(m->moved_places);
    base_free(m->stretches);
    base_free(m->moved_bands);
    base_free(m->roots);
    base_free(m->dead);
    nfa_walk_release(&m->walk);
    nfa_first_release(&m->first);
    nfa_stack_search_free(m->search);
    nfa_settle_release(&m->settle);
    base_free(m->evs);
    base_free(m->ev_vars);
    base_free(m->var_evs);
    part_free(m, m->var_first);
    part_free(m, m->var_n);
    part_free(m, m);
}

int64_t nfa_matcher_next_timer(const struct nfa_matcher *m) {
    /* Looking sweeps cancelled entries off the top, which changes nothing that anybody can see. */
    bool any;
    struct nfa_matcher *own = (struct nfa_matcher *)(uintptr_t)m;
    int64_t at = clk_timers_next(&own->timers, &any);
    return any && at < m->cold_next ? at : m->cold_next;
}

bool nfa_matcher_is_full(const struct nfa_matcher *m) {
    return m->opts.max_buffered && m->reorder.n_rows >= m->opts.max_buffered;
}

void nfa_matcher_stats(const struct nfa_matcher *m, struct nfa_stats *out) {
    *out = m->stats;
    out->unread = nfa_later_left(m);
    out->keys = m->n_keys + out->unread;
    if (m->cold) {
        out->keys += m->cold->n.keys - m->cold->n_ghosts;
        out->open += m->cold->n.open;
        out->asleep += m->cold->n.asleep;
        out->waiting += m->cold->n.waiting;
        out->cold = m->cold->n.keys;
        out->spilled = m->cold->n.rows;
        out->evicted = m->cold->evicted;
        out->returned = m->cold->returned;
    }
    out->buffered = m->reorder.n_rows + out->spilled;
    out->bytes = nfa_mem_held(&m->mem) + nfa_dets_bytes(m) + clk_reorder_bytes(&m->reorder) +
                 clk_timers_bytes(&m->timers);
    for (size_t i = 0; i < m->n_held; i++)
        out->bytes += nfa_held_bytes(m, &m->held[i]) + (m->held[i].batch ? m->held[i].bytes : 0);
}

void nfa_sets_mark(const struct nfa_matcher *m) {
    for (size_t i = 0; i < m->n_slots; i++) {
        if (!m->slots[i].key)
            continue;
        nfa_fates_mark(m, m->slots[i].key);
        nfa_graph_mark(m, m->slots[i].key);
    }
}

static void check_group(const struct nfa_matcher *m, const struct nfa_group *g) {
    uint64_t last = g->start_order;
    CEP_INSIST(g->runs != NULL);
    for (const struct nfa_alias *a = g->first_alias; a; a = a->next) {
        CEP_INSIST(a->order > last);
        last = a->order;
    }
    for (const struct nfa_run *r = g->runs; r; r = r->next) {
        const struct nfa_alias *a = g->last_alias;
        while (a && a->order > r->alias_hi)
            a = a->prev;
        const struct nfa_link *l = r->last, *first = l;
        for (; l; l = nfa_link_prev(l, g->start_order)) {
            first = l;
            if (a && a->link == l)
                a = a->prev;
        }
        CEP_INSIST(a == NULL && first->ev->order == g->start_order);
        CEP_INSIST(r->state < m->p->n_states);
    }
}

void nfa_matcher_check(const struct nfa_matcher *m) {
    size_t keys = 0, open = 0;
    clk_timers_check(&m->timers);
    clk_reorder_check(&m->reorder);
    for (size_t i = 0; i < m->n_slots; i++) {
        const struct nfa_key *k = m->slots[i].key;
        if (!k)
            continue;
        keys++;
        uint32_t starts = 0;
        for (const struct nfa_group *g = k->first; g; g = g->next) {
            CEP_INSIST(!g->next || g->start_order < g->next->start_order);
            CEP_INSIST(g->next ? g->next->prev == g : k->last == g);
            check_group(m, g);
            starts++;
            for (const struct nfa_alias *a = g->first_alias; a; a = a->next)
                starts++;
            for (const struct nfa_run *r = g->runs; r; r = r->next)
                open++;
        }
        CEP_INSIST(starts == k->n_starts);
        CEP_INSIST(!k->log || k->first);
        if (k->fates)
            open += nfa_fates_check(m, k);
        if (k->graph)
            open += nfa_graph_check(m, k);
        if (k->stacks)
            open += nfa_stacks_check(m, k);
        if (k->deadline != EVT_TIME_MAX)
            CEP_INSIST(clk_timer_waits(&k->timer) && clk_timer_at(&m->timers, &k->timer) <= k->deadline);
    }
    CEP_INSIST(keys == m->n_keys && open == m->stats.open);
    if (m->cold && m->rc == CEP_OK)
        nfa_cold_check(m);
}
