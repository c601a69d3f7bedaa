/*
 * nfa_fate_end -- what becomes of starts whose fate is decided (nfa_fate.h): matches let go in order, and what time ends.
 *
 * Order of one instant, as in the store of runs: what times out is told, what an absence completes is complete, then matches are let
 * go, the earliest start's first; each prunes before the next is taken.
 */
#include "nfa/nfa_fate.h"

#include "base/base_mem.h"

#include <stdlib.h>

/* -- matches --------------------------------------------------------------------------------------------------------- */

static size_t list_hops(struct nfa_matcher *m, const struct nfa_start *s) {
    size_t n = 0;
    for (const struct nfa_hop *h = s->hop; h; h = h->next) {
        m->stats.work++;
        if (!h->how)
            continue;
        m->way = base_grow(m->way, n, &m->cap_way, sizeof *m->way);
        m->way[n++] = h;
    }
    return n;
}

/* Entry `e` of the rank that an open start has come to; what completed is always entry 0. */
static void list_way(struct nfa_matcher *m, const struct nfa_start *s, uint32_t e) {
    size_t n_hops = list_hops(m, s), n = 0;
    const struct nfa_rank_trans *t = n_hops ? m->way[n_hops - 1]->how : s->how;
    nfa_emit_room(m, n_hops + 1);
    struct nfa_from at = t->done ? (struct nfa_from){ t->done_src, t->done_var } : t->from[e];
    /* Last event first, then turned round. */
    for (size_t i = n_hops;; i--) {
        if (at.var != NFA_NONE) {
            m->evs[n] = i ? m->way[i - 1]->ev : s->ev;
            m->ev_vars[n++] = at.var;
        }
        if (i == 0)
            break;
        at = i > 1 ? m->way[i - 2]->how->from[at.src] : s->how->from[at.src];
    }
    for (size_t i = 0; i < n / 2; i++) {
        const struct nfa_ev *e1 = m->evs[i];
        uint32_t v = m->ev_vars[i];
        m->evs[i] = m->evs[n - 1 - i];
        m->ev_vars[i] = m->ev_vars[n - 1 - i];
        m->evs[n - 1 - i] = e1;
        m->ev_vars[n - 1 - i] = v;
    }
    m->n_evs = n;
}

/* The entry of an open fate that completes when its time is over; NFA_NONE: it times out. */
static uint32_t awaits(const struct nfa_matcher *m, const struct nfa_fate *f) {
    const struct nfa_rank *r = m->p->tells_time ? nfa_rank_at(m, f->rank) : NULL;
    for (uint32_t i = 0; r && i < r->n; i++) {
        if (nfa_det_at(m, r->dets[i])->pending)
            return i;
    }
    return NFA_NONE;
}

static int64_t start_deadline(const struct nfa_matcher *m, const struct nfa_start *s) {
    return m->pat->within_kind == PLAN_WITHIN_FIRST_LAST ? nfa_time_add(s->ev->time, m->pat->within_us)
                                                         : EVT_TIME_MAX;
}

/* The start's match is taken, and prunes. */
static void take_first(
    struct nfa_matcher *m, struct nfa_key *k, struct nfa_quota *q, uint32_t e, int64_t now) {
    struct nfa_fates *fs = k->fates;
    list_way(m, fs->first, e);
    uint64_t to = nfa_listed_prunes(m);
    if (q && q->left == 0) {
        m->stats.limit_matches++;
    } else {
        if (q)
            q->left--;
        nfa_emit_listed(m, k, now);
    }
    nfa_start_pop(m, fs);
    while (fs->first && fs->first->ev->order <= to) {
        m->stats.pruned++;
        nfa_start_pop(m, fs);
    }
}

void nfa_fates_settle(struct nfa_matcher *m, struct nfa_key *k, int64_t now, int64_t due) {
    struct nfa_fates *fs = k->fates;
    while (fs && fs->first && m->rc == CEP_OK) {
        struct nfa_fate *f = nfa_fate_find(m, fs->first);
        bool open = f->state == NFA_FATE_OPEN;
        uint32_t e = open && start_deadline(m, fs->first) <= due ? awaits(m, f) : NFA_NONE;
        if (e != NFA_NONE) {
            take_first(m, k, nfa_step_quota(m), e, now);
        } else if (f->state == NFA_FATE_DONE) {
            take_first(m, k, f->quota, 0, now);
        } else if (open && (m->p->tells_time || !(f->last && nfa_fate_end(m, f) <= due))) {
            break; /* where time is told, what an event left behind its time is seen to when that comes, which is at once */
        } else {
            m->stats.timed_out += open;
            nfa_start_pop(m, fs);
        }
    }
}

/* When the first fate of a row is at its end. */
static int64_t row_end(const struct nfa_matcher *m, const struct nfa_row *row) {
    int64_t at = nfa_fate_end(m, row->first);
    /* By one time they ascend. */
    for (const struct nfa_fate *f = row->first->newer; f && nfa_rank_at(m, row->rank)->n > 1; f = f->newer) {
        int64_t end = nfa_fate_end(m, f);
        at = end < at ? end : at;
    }
    return at;
}

/* When something happens without an event. That is when the first start's time is over: it is that for which the others wait. */
static int64_t deadline_of(struct nfa_matcher *m, const struct nfa_fates *fs) {
    const struct nfa_fate *f = nfa_fate_find(m, fs->first);
    int64_t at = start_deadline(m, fs->first), end = f->last ? nfa_fate_end(m, f) : EVT_TIME_MAX;
    for (uint32_t i = 0; i < fs->n && m->p->tells_time && m->p->has_times; i++) {
        int64_t row = row_end(m, &fs->rows[i]);
        end = row < end ? row : end;
    }
    return end < at ? end : at;
}

void nfa_fates_finish(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_fates *fs = k->fates;
    k->deadline = EVT_TIME_MAX;
    if (fs && !fs->first) {
        nfa_fates_free(m, k);
    } else if (fs) {
        nfa_starts_sweep(m, fs);
        k->deadline = deadline_of(m, fs);
    }
    nfa_key_settle(m, k);
}

/* -- time ---------------------------------------------------------------------------------------------------------------- */

/* A start whose time is over: each of its partial matches is a row. */
static void time_out(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_start *s,
    const struct nfa_fate *f, int64_t at) {
    m->stats.timed_out++;
    uint32_t n = m->p->opts.no_timeouts ? 0 : nfa_rank_at(m, f->rank)->n;
    for (uint32_t e = 0; e < n; e++) {
        list_way(m, s, e);
        nfa_emit_timeout_listed(m, k, at);
    }
}

/*
 * The time since the first event is over. Starts that wait for that complete, and stay to be settled, as do those that are complete:
 * what times out at this moment does so whatever they prune.
 */
static void starts_over(struct nfa_matcher *m, struct nfa_key *k, int64_t at) {
    struct nfa_fates *fs = k->fates;
    struct nfa_start **place = &fs->first, *before = NULL;
    while (*place && start_deadline(m, *place) <= at) {
        struct nfa_start *s = *place;
        const struct nfa_fate *f = nfa_fate_find(m, s);
        bool open = f->state == NFA_FATE_OPEN;
        if (f->state == NFA_FATE_DONE || (open && awaits(m, f) != NFA_NONE)) {
            before = s;
            place = &s->next;
            continue;
        }
        if (open)
            time_out(m, k, s, f, at);
        nfa_start_remove(m, fs, place, before);
    }
}

static int by_start(const void *x, const void *y) {
    const struct nfa_start *a = *(const struct nfa_start *const *)x, *b = *(const struct nfa_start *const *)y;
    return a->ev->order < b->ev->order ? -1 : a->ev->order > b->ev->order;
}

/* All starts of a fate time out. */
static void fate_times_out(struct nfa_matcher *m, struct nfa_key *k, struct nfa_fate *f, int64_t at) {
    size_t n = 0;
    for (struct nfa_start *s = f->peers; s && (!n || s != f->peers); s = s->peer[0]) {
        m->peers = base_grow(m->peers, n, &m->cap_peers, sizeof *m->peers);
        m->peers[n++] = s;
    }
    if (n > 1)
        qsort(m->peers, n, sizeof *m->peers, by_start);
    for (size_t i = 0; i < n; i++)
        time_out(m, k, m->peers[i], f, at);
    if (!m->p->has_peers)
        m->stats.timed_out += f->n;
    nfa_fate_over(m, k->fates, f);
}

/* The time since the last event of a fate is over: it completes by an absence, or times out. It is out of its row. */
static void fate_is_over(struct nfa_matcher *m, struct nfa_key *k, struct nfa_fate *f, int64_t at) {
    uint32_t e = awaits(m, f);
    if (!f->n) {
        nfa_fate_unref(m, f);
    } else if (e == NFA_NONE) {
        fate_times_out(m, k, f, at);
    } else {
        struct nfa_rank_trans *t = nfa_rank_trans_bare(m, 0);
        t->done = true;
        t->done_src = e;
        t->done_var = NFA_NONE;
        nfa_fate_done(m, k->fates, f, t);
        nfa_rank_trans_unref(m, t);
    }
}

static void rows_over(struct nfa_matcher *m, struct nfa_key *k, int64_t at) {
    struct nfa_fates *fs = k->fates;
    uint32_t n = 0;
    fs->interest = 0;
    for (uint32_t i = 0; i < fs->n; i++) {
        struct nfa_row row = fs->rows[i];
        bool ascends = nfa_rank_at(m, row.rank)->n == 1;
        for (struct nfa_fate *f = row.first, *next; f; f = next) {
            next = f->newer;
            m->stats.work++;
            if (nfa_fate_end(m, f) <= at) {
                nfa_row_remove(&row, f);
                fate_is_over(m, k, f, at);
            } else if (ascends) {
                break;
            }
        }
        if (!row.first)
            continue;
        fs->interest |= nfa_rank_at(m, row.rank)->fold;
        fs->rows[n++] = row;
    }
    fs->n = n;
}

void nfa_fates_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    struct nfa_fates *fs = k->fates;
    m->env.key = k;
    if (fs && fs->first && nfa_fate_find(m, fs->first)->state != NFA_FATE_OPEN)
        nfa_fates_settle(
            m, k, now, EVT_TIME_MIN); /* its state came back without the starts that it waited for */
    /* Instants one after the other, so that what a match prunes does not depend on how far the clock jumped. */
    while (fs && fs->first) {
        int64_t at = deadline_of(m, fs);
        if (at > now || at == EVT_TIME_MAX)
            break;
        /* What an event left behind its time is over at that event. */
        if (at < m->event_time)
            at = m->event_time;
        m->next_step = nfa_dets_next_step(m);
        starts_over(m, k, at);
        if (m->p->tells_time && m->p->has_times)
            rows_over(m, k, at);
        nfa_fates_settle(m, k, at, at);
        nfa_end_step_quota(m);
        if (m->rc != CEP_OK)
            break;
    }
    nfa_fates_finish(m, k);
}

void nfa_fates_loaded(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_start *s = k->fates ? k->fates->first : NULL;
    bool waits = s && nfa_fate_find(m, s)->state != NFA_FATE_OPEN;
    nfa_fates_finish(m, k);
    if (!waits)
        return;
    k->deadline = s->ev->time;
    nfa_key_settle(m, k);
}
