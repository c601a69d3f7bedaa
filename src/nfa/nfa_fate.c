/*
 * nfa_fate -- see the header.
 */
#include "nfa/nfa_fate.h"

#include "base/base_check.h"
#include "base/base_mem.h"

enum { NFA_FATES_MIN = 2, NFA_OVER_MIN = 32, NFA_WAYS_CHECKED = 256 };

static size_t fates_size(uint32_t cap) {
    return sizeof(struct nfa_fates) + cap * sizeof(struct nfa_row);
}

/* -- hops and fates ------------------------------------------------------------------------------------------------ */

struct nfa_hop *nfa_hop_new(struct nfa_matcher *m, uint32_t refs) {
    struct nfa_hop *h = nfa_mem_get(&m->mem, sizeof *h);
    *h = (struct nfa_hop){ .refs = refs };
    return h;
}

/* A way may be long: hops are given back one after the other. */
void nfa_hop_unref(struct nfa_matcher *m, struct nfa_hop *h) {
    while (h && --h->refs == 0) {
        struct nfa_hop *next = h->next;
        nfa_ev_unref(m, h->ev);
        nfa_rank_trans_unref(m, h->how);
        nfa_mem_put(&m->mem, h, sizeof *h);
        h = next;
    }
}

struct nfa_fate *nfa_fate_new(struct nfa_matcher *m, enum nfa_fate_state state, uint32_t rank) {
    struct nfa_fate *f = nfa_mem_get(&m->mem, sizeof *f);
    *f = (struct nfa_fate){ .state = state, .rank = rank };
    if (state == NFA_FATE_OPEN)
        f->tail = nfa_hop_new(m, 1);
    return f;
}

void nfa_fate_unref(struct nfa_matcher *m, struct nfa_fate *f) {
    while (f && --f->refs == 0) {
        struct nfa_fate *into = f->into;
        nfa_hop_unref(m, f->tail);
        nfa_quota_unref(m, f->quota);
        nfa_fate_forget_times(m, f);
        nfa_mem_put(&m->mem, f, sizeof *f);
        f = into;
    }
}

/* Fates become the one that more starts led to, so ways are short. */
struct nfa_fate *nfa_fate_find(struct nfa_matcher *m, struct nfa_start *s) {
    struct nfa_fate *to = s->fate;
    while (to->into)
        to = to->into;
    if (to != s->fate) {
        to->refs++;
        nfa_fate_unref(m, s->fate);
        s->fate = to;
    }
    return to;
}

/* -- starts ---------------------------------------------------------------------------------------------------------- */

static size_t start_size(const struct nfa_matcher *m) {
    return sizeof(struct nfa_start) + (m->p->has_peers ? 2 * sizeof(struct nfa_start *) : 0);
}

static void start_free(struct nfa_matcher *m, struct nfa_start *s) {
    nfa_fate_unref(m, s->fate);
    nfa_hop_unref(m, s->hop);
    nfa_ev_unref(m, s->ev);
    nfa_rank_trans_unref(m, s->how);
    nfa_mem_put(&m->mem, s, start_size(m));
}

/* Into the ring of those that lead to a fate, which may be none yet. */
static void add_peer(struct nfa_fate *f, struct nfa_start *s) {
    struct nfa_start *at = f->peers ? f->peers : s;
    f->peers = at;
    s->peer[0] = at == s ? s : at->peer[0];
    s->peer[1] = at;
    s->peer[0]->peer[1] = s;
    at->peer[0] = s;
}

static void remove_peer(struct nfa_fate *f, struct nfa_start *s) {
    s->peer[1]->peer[0] = s->peer[0];
    s->peer[0]->peer[1] = s->peer[1];
    if (f->peers == s)
        f->peers = s->peer[0] == s ? NULL : s->peer[0];
}

/* Two rings are one. */
static void join_peers(struct nfa_fate *into, struct nfa_fate *f) {
    struct nfa_start *a = into->peers, *b = f->peers;
    if (a && b) {
        struct nfa_start *next = a->peer[0];
        a->peer[0] = b->peer[0];
        b->peer[0]->peer[1] = a;
        b->peer[0] = next;
        next->peer[1] = b;
    } else if (b) {
        into->peers = b;
    }
    f->peers = NULL;
}

/* A start leaves the count of its fate. */
static void uncount(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_fate *f, struct nfa_start *s) {
    f->n--;
    if (m->p->has_peers)
        remove_peer(f, s);
    switch (f->state) {
    case NFA_FATE_OPEN:
        m->stats.open--;
        fs->n_open--;
        break;
    case NFA_FATE_DONE: m->stats.waiting--; break;
    case NFA_FATE_OVER: fs->n_over--; break;
    }
}

void nfa_start_remove(
    struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_start **place, struct nfa_start *before) {
    struct nfa_start *s = *place;
    *place = s->next;
    if (fs->last == s)
        fs->last = before;
    fs->n_starts--;
    uncount(m, fs, nfa_fate_find(m, s), s);
    start_free(m, s);
    m->stats.work++;
}

void nfa_start_pop(struct nfa_matcher *m, struct nfa_fates *fs) {
    nfa_start_remove(m, fs, &fs->first, NULL);
}

/* Starts that are over are kept where they stand until they are most of all. */
void nfa_starts_sweep(struct nfa_matcher *m, struct nfa_fates *fs) {
    if (fs->n_over < NFA_OVER_MIN || fs->n_over * 2 < fs->n_starts)
        return;
    struct nfa_start **at = &fs->first, *before = NULL;
    while (*at) {
        struct nfa_start *s = *at;
        if (nfa_fate_find(m, s)->state == NFA_FATE_OVER) {
            nfa_start_remove(m, fs, at, before);
            continue;
        }
        m->stats.work++;
        before = s;
        at = &s->next;
    }
}

/* -- one event --------------------------------------------------------------------------------------------------------- */

static bool takes(const struct nfa_rank_trans *t) {
    bool any = t->done && t->done_var != NFA_NONE;
    for (uint32_t i = 0; i < t->n && !any; i++)
        any = t->from[i].var != NFA_NONE;
    return any;
}

/* The hop that the fate's tail becomes. */
static void fill_tail(struct nfa_matcher *m, struct nfa_fate *f, struct nfa_rank_trans *t) {
    t->refs++;
    f->tail->how = t;
    if (takes(t))
        f->tail->ev = nfa_ev_take(m);
}

static void be_done(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_fate *f) {
    f->state = NFA_FATE_DONE;
    m->stats.waiting += f->n;
    fs->last_done = m->cur.order;
    f->quota = nfa_step_quota(m);
    if (f->quota)
        f->quota->refs++;
}

/* It is open no more: a row's reference is given back. */
static void close_tail(struct nfa_matcher *m, struct nfa_fate *f) {
    nfa_fate_forget_times(m, f);
    nfa_hop_unref(m, f->tail);
    f->tail = NULL;
    nfa_fate_unref(m, f);
}

void nfa_fate_done(
    struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_fate *f, struct nfa_rank_trans *t) {
    m->stats.open -= f->n;
    fs->n_open -= f->n;
    fill_tail(m, f, t);
    be_done(m, fs, f);
    close_tail(m, f);
}

void nfa_fate_over(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_fate *f) {
    m->stats.open -= f->n;
    fs->n_open -= f->n;
    f->state = NFA_FATE_OVER;
    fs->n_over += f->n;
    close_tail(m, f);
}

/* An open fate and an event that moves it; it is out of its row. Returns: false when it is open no more (and given back). */
static bool move(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_fate *f, struct nfa_rank_trans *t) {
    if (t->stops)
        m->stats.stopped++;
    if (t->done || t->next == NFA_NONE) {
        if (!t->done) {
            nfa_fate_over(m, fs, f);
            return false;
        }
        nfa_fate_done(m, fs, f, t);
        return false;
    }
    fill_tail(m, f, t);
    nfa_fate_move(m, f, t);
    return true;
}

/* The hop that the tail became leads on: the fate lets go of it, which frees it when no start needs it. */
static void lead_on(struct nfa_matcher *m, struct nfa_fate *f, struct nfa_hop *to) {
    f->tail->next = to;
    to->refs++;
    nfa_hop_unref(m, f->tail);
    f->tail = NULL;
}

static void new_tail(struct nfa_matcher *m, struct nfa_fate *f) {
    struct nfa_hop *tail = nfa_hop_new(m, 1);
    lead_on(m, f, tail);
    f->tail = tail;
}

/*
 * Without a time limit, of two starts that share a fate the later one can never be the one whose match is taken: only a
 * match that completes later can prune the earlier one, and it prunes both. A completed match that waits may prune the
 * earlier one alone, so that one must have started after all those.
 */
static bool makes_needless(
    const struct nfa_matcher *m, const struct nfa_fates *fs, const struct nfa_fate *f, uint64_t order) {
    return !m->p->every_start && m->pat->skip == PLAN_SKIP_PAST_LAST &&
           m->pat->within_kind == PLAN_WITHIN_NONE && f->n && f->newest > fs->last_done && f->newest < order;
}

static void replace(
    struct nfa_matcher *m, struct nfa_row *row, struct nfa_fate *was, struct nfa_fate *moved) {
    nfa_row_add(row, moved, was);
    nfa_row_remove(row, was);
    if (moved->tail->how)
        new_tail(m, moved);
}

/*
 * Both are open, of one rank and time; `was` is in the row, `moved` is not, and may have no tail yet. Returns: the one that both
 * are now, in the row; the other is given back.
 */
static struct nfa_fate *become_one(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_row *row,
    struct nfa_fate *was, struct nfa_fate *moved) {
    if (makes_needless(m, fs, was, moved->oldest)) {
        m->stats.pruned += moved->n;
        nfa_fate_over(m, fs, moved);
        return was;
    }
    if (makes_needless(m, fs, moved, was->oldest)) {
        m->stats.pruned += was->n;
        replace(m, row, was, moved);
        nfa_fate_over(m, fs, was);
        return moved;
    }
    struct nfa_fate *into = was->weight >= moved->weight ? was : moved, *f = into == was ? moved : was;
    if (into == moved)
        replace(m, row, was, moved);
    nfa_fate_forget_times(m, f);
    lead_on(m, f, into->tail);
    f->into = into;
    into->refs++;
    if (m->p->has_peers)
        join_peers(into, f);
    into->n += f->n;
    into->weight += f->weight;
    if (f->newest > into->newest)
        into->newest = f->newest;
    if (f->oldest < into->oldest)
        into->oldest = f->oldest;
    f->n = 0;
    nfa_fate_unref(m, f);
    return into;
}

static void stay(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_row row, uint32_t *n) {
    struct nfa_rank *r = nfa_rank_at(m, row.rank);
    r->stamp = m->next_step;
    r->slot = *n;
    fs->interest |= r->fold;
    fs->rows[(*n)++] = row;
}

static void drop(struct nfa_matcher *m, struct nfa_row *row, struct nfa_fate *f) {
    nfa_row_remove(row, f);
    nfa_fate_unref(m, f);
}

/* What is over, or older than every time, lies first. */
static void age(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_row *row) {
    struct nfa_fate *f = row->first, *old = f && nfa_fate_is_old(m, f) ? f : NULL;
    if (old)
        f = f->newer;
    for (struct nfa_fate *next; f; f = next, m->stats.work++) {
        next = f->newer;
        if (f->n == 0) {
            drop(m, row, f);
        } else if (nfa_fate_end(m, f) <= m->cur.time && m->p->tells_time) {
            return; /* this event left it behind its time, and that is told */
        } else if (nfa_fate_end(m, f) <= m->cur.time) {
            m->stats.timed_out += f->n;
            nfa_row_remove(row, f);
            nfa_fate_over(m, fs, f);
        } else if (!nfa_fate_ages(m, f)) {
            return;
        } else if (old) {
            nfa_row_remove(row, f);
            old = become_one(m, fs, row, old, f);
        } else {
            old = f;
        }
    }
}

/*
 * The event against one fate of a row. Returns: true when nothing happens to it. (*how: why; of one that has no starts any more,
 * and goes: as it was.) One that is moved is out of the row, and among those that wait in m->moved when it is still open.
 */
static bool step_fate(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_row *row, struct nfa_fate *f,
    struct nfa_rank_trans **how) {
    m->stats.work++;
    if (f->n == 0) {
        drop(m, row, f);
        return false;
    }
    struct nfa_rank_trans *t = nfa_rank_step(m, f->rank, f->last);
    if (t->same) {
        *how = t;
        return true;
    }
    nfa_row_remove(row, f);
    if (!move(m, fs, f, t))
        return false;
    m->moved = base_grow(m->moved, m->n_moved, &m->cap_moved, sizeof *m->moved);
    m->moved[m->n_moved++] = f;
    return false;
}

static void turn_round(struct nfa_fate **v, size_t n) {
    for (size_t i = 0; i < n / 2; i++) {
        struct nfa_fate *f = v[i];
        v[i] = v[n - 1 - i];
        v[n - 1 - i] = f;
    }
}

/*
 * The event against a row: from both ends on, while it moves fates. Of those with one time each that lie between two to which
 * the same happens it happens to all.
 */
static void step_row(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_row *row) {
    struct nfa_rank_trans *first = NULL, *last = NULL, *other;
    struct nfa_fate *from = row->first, *to, *next;
    for (; from; from = next) {
        next = from->newer;
        if (step_fate(m, fs, row, from, &first))
            break;
    }
    if (!from || row->last == from)
        return;
    size_t at = m->n_moved;
    for (to = row->last; to != from; to = next) {
        next = to->older;
        if (step_fate(m, fs, row, to, &last))
            break;
    }
    turn_round(m->moved + at, m->n_moved - at);
    if (to == from || (first == last && nfa_rank_at(m, row->rank)->n_timed == 1))
        return;
    for (from = from->newer; from != to; from = next) {
        next = from->newer;
        (void)step_fate(m, fs, row, from, &other);
    }
}

/* A fate that the event moved, where it belongs now. */
static void place(struct nfa_matcher *m, struct nfa_key *k, struct nfa_fate *f) {
    struct nfa_rank *r = nfa_rank_at(m, f->rank);
    struct nfa_fate *behind, *was;
    if (r->stamp != m->next_step) {
        r->stamp = m->next_step;
        r->slot = k->fates->n;
        (void)nfa_row_new(m, k, f->rank);
    }
    struct nfa_row *row = &k->fates->rows[r->slot];
    was = nfa_row_find(m, row, f->last, &behind);
    if (was) {
        (void)become_one(m, k->fates, row, was, f);
        return;
    }
    new_tail(m, f);
    nfa_row_add(row, f, behind);
}

static void step_live(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_fates *fs = k->fates;
    uint32_t n = 0;
    fs->interest = 0;
    m->n_moved = 0;
    for (uint32_t i = 0; i < fs->n; i++) {
        struct nfa_row row = fs->rows[i];
        const struct nfa_rank *r = nfa_rank_at(m, row.rank);
        m->stats.work++;
        if (r->n_timed)
            age(m, fs, &row);
        if (row.first && nfa_rel_cares(m, r->fold, &r->rel))
            step_row(m, fs, &row);
        if (row.first)
            stay(m, fs, row, &n);
    }
    fs->n = n;
    for (size_t i = 0; i < m->n_moved; i++)
        place(m, k, m->moved[i]);
}

struct nfa_fates *nfa_fates_of(struct nfa_matcher *m, struct nfa_key *k, uint32_t n) {
    struct nfa_fates *fs = k->fates;
    if (fs && fs->cap >= n)
        return fs;
    uint32_t cap = NFA_FATES_MIN;
    while (cap < n)
        cap *= 2;
    struct nfa_fates *grown = nfa_mem_get(&m->mem, fates_size(cap));
    if (fs)
        memcpy(grown, fs, fates_size(fs->n));
    else
        *grown = (struct nfa_fates){ .first = NULL };
    grown->cap = cap;
    if (fs)
        nfa_mem_put(&m->mem, fs, fates_size(fs->cap));
    k->fates = grown;
    return grown;
}

void nfa_fates_add(struct nfa_matcher *m, struct nfa_key *k, struct nfa_ev *ev, struct nfa_fate *f,
    struct nfa_hop *hop, struct nfa_rank_trans *how) {
    struct nfa_fates *fs = k->fates;
    struct nfa_start *s = nfa_mem_get(&m->mem, start_size(m));
    *s = (struct nfa_start){ .ev = ev, .fate = f, .hop = hop, .how = how };
    ev->refs++;
    f->refs++;
    if (!f->n)
        f->oldest = ev->order;
    f->n++;
    f->weight++;
    f->newest = ev->order;
    if (m->p->has_peers)
        add_peer(f, s);
    if (f->state == NFA_FATE_DONE) {
        m->stats.waiting++;
    } else {
        m->stats.open++;
        fs->n_open++;
    }
    if (fs->last)
        fs->last->next = s;
    else
        fs->first = s;
    fs->last = s;
    fs->n_starts++;
}

/* The live fate of what took the event under test as its first. */
static struct nfa_fate *live_now(struct nfa_matcher *m, struct nfa_key *k, uint32_t rank) {
    const struct nfa_rank *r = nfa_rank_at(m, rank);
    for (uint32_t i = 0; r->n_timed && i < r->n; i++) {
        m->last = base_grow(m->last, i, &m->cap_last, sizeof *m->last);
        m->last[i] = nfa_det_at(m, r->dets[i])->n_times ? m->cur.time : NFA_LAST_OLD;
    }
    struct nfa_row *row = r->n_timed ? nfa_row_of(k->fates, rank) : NULL;
    if (row)
        age(m, k->fates, row);
    return nfa_fates_live(m, k, rank, m->last);
}

/* `limit open`: may the event start something? The oldest open start makes room for it, or there is none. */
static bool make_room(struct nfa_matcher *m, struct nfa_fates *fs) {
    while (fs->n_open >= m->pat->limit_open) {
        struct nfa_start **place = &fs->first, *before = NULL;
        m->stats.limit_open++;
        if (m->pat->limit_refuse_new)
            return false;
        for (; nfa_fate_find(m, *place)->state != NFA_FATE_OPEN; place = &before->next)
            before = *place;
        nfa_start_remove(m, fs, place, before);
    }
    return true;
}

static void start(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_rank_trans *t = nfa_rank_step(m, NFA_RANK_START, NULL);
    if (!t->done && t->next == NFA_NONE)
        return;
    struct nfa_fates *fs = nfa_fates_of(m, k, 1);
    if (!t->done && m->pat->limit_open && !make_room(m, fs))
        return;
    m->stats.started++;
    struct nfa_fate *f = t->done ? NULL : live_now(m, k, t->next);
    fs = k->fates;
    if (f && makes_needless(m, fs, f, m->cur.order)) {
        m->stats.pruned++;
        return;
    }
    if (!f) {
        f = nfa_fate_new(m, NFA_FATE_DONE, t->next);
        be_done(m, fs, f);
    }
    if (!m->cur.ev)
        m->cur.ev = nfa_ev_new(m);
    t->refs++;
    if (f->tail)
        f->tail->refs++;
    nfa_fates_add(m, k, m->cur.ev, f, f->tail, t);
}

void nfa_fates_step(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_fates *fs = k->fates;
    m->env.key = k;
    m->next_step = nfa_dets_next_step(m);
    bool may_start = nfa_may_start(m);
    if (fs && fs->n && ((fs->interest & m->cur.folded) || fs->interest == UINT64_MAX) && nfa_may_concern(m))
        step_live(m, k);
    if (may_start)
        start(m, k);
    nfa_fates_settle(m, k, m->cur.time, m->cur.time);
    nfa_end_step_quota(m);
    if (m->cur.ev) {
        nfa_ev_unref(m, m->cur.ev);
        m->cur.ev = NULL;
    }
    m->cur.batch = NULL;
    nfa_fates_finish(m, k);
}

/* -- life -------------------------------------------------------------------------------------------------------------- */

void nfa_fates_free(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_fates *fs = k->fates;
    if (!fs)
        return;
    while (fs->first)
        nfa_start_pop(m, fs);
    nfa_fates_tidy(m, k);
    nfa_mem_put(&m->mem, fs, fates_size(fs->cap));
    k->fates = NULL;
}

void nfa_fates_mark(const struct nfa_matcher *m, const struct nfa_key *k) {
    for (uint32_t i = 0; k->fates && i < k->fates->n; i++)
        nfa_rank_at(m, k->fates->rows[i].rank)->used = true;
}

uint64_t nfa_fates_check(const struct nfa_matcher *m, const struct nfa_key *k) {
    const struct nfa_fates *fs = k->fates;
    uint64_t n = 0, over = 0, open = 0, live = 0, order = 0;
    for (const struct nfa_start *s = fs->first; s; s = s->next, n++) {
        const struct nfa_fate *f = s->fate;
        while (f->into)
            f = f->into;
        CEP_INSIST(s->ev->order > order && f->n > 0);
        CEP_INSIST(
            s != fs->first || f->state == NFA_FATE_OPEN || m->rc != CEP_OK || k->deadline <= s->ev->time);
        CEP_INSIST(s->next || fs->last == s);
        order = s->ev->order;
        over += f->state == NFA_FATE_OVER;
        open += f->state == NFA_FATE_OPEN;
        const struct nfa_hop *h = n < NFA_WAYS_CHECKED ? s->hop
                                                       : f->tail; /* ways may be as long as all events */
        for (; h && h->next; h = h->next)
            CEP_INSIST(h->refs > 0 && h->next->refs > 0);
        CEP_INSIST(f->state != NFA_FATE_OPEN || h == f->tail);
    }
    CEP_INSIST(n == fs->n_starts && over == fs->n_over && open == fs->n_open && n > 0);
    for (uint32_t i = 0; i < fs->n; i++) {
        live += nfa_row_check(m, &fs->rows[i]);
        for (uint32_t j = 0; j < i; j++)
            CEP_INSIST(fs->rows[j].rank != fs->rows[i].rank);
    }
    CEP_INSIST(live == open);
    return open;
}
