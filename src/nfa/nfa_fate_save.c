/*
 * nfa_fate_save -- the starts of a key and their fates (nfa_fate.h) written down and read back.
 *
 *     varint order of the last event that completed something
 *     varint dets   * det (nfa_det_save.c)
 *     varint hows   * (u8 completes; 1: varint source, varint variable; 2: without taking an event: varint source
 *                                    0: varint entries * (varint source, varint variable + 1))   source: entry of the rank before
 *     varint quotas * varint left
 *     varint fates  * (u8 completed; 0: varint entries * (varint (det * 2 + opens), time)
 *                                    1: varint quota + 1)
 *                     time: of patterns with times alone, which have a tag of their own (nfa_det_save.c)
 *     varint hops   * (varint how + 1; 0: the end of an open fate: varint fate
 *                                      else: varint event + 1, varint next hop + 1; 0: varint fate, which it completed)
 *     varint starts * (varint event, varint how, varint hop + 1; 0: varint fate, which it completed at once)      by event
 *
 * What a number refers to comes before it: hops are written from the end backwards. Starts that are over are not written, nor
 * hops where fates only became one. Ranks follow from fates; what else the key knows is found again from its starts.
 *
 * Read into an edited program:
 *   - an entry of a rank keeps the states of its det that still mean something; without any left, or when it is the same
 *     as an earlier entry now, it goes, and one more hop says which entries are left. An entry had a rival only where an earlier one
 *     stood in the same states, so nothing that was left out would win now; the order of what is left is as it was.
 *   - an entry whose det has times and that comes without one is lost, as if its states meant nothing.
 *   - a start is lost when no entry of its fate is left, or when on any way of it an event was taken by a variable, or from a stream,
 *     that is no more: hops are shared, so what became of the other ways is not looked into.
 * A loss is counted by start, at each state in which the start is no more.
 *
 * Cost: the starts of the key, the hops behind them, and what these are made of.
 */
#include "nfa/nfa_fate.h"
#include "nfa/nfa_save.h"

#include "base/base_mem.h"

/* How something completes. */
enum { HOW_OPEN = 0, HOW_TAKEN, HOW_UNTAKEN };

/* -- saving ------------------------------------------------------------------------------------------------------- */

static const struct nfa_fate *fate_of(const struct nfa_start *s) {
    const struct nfa_fate *f = s->fate;
    while (f->into)
        f = f->into;
    return f;
}

/* The next hop that something happened at, or the end. */
static const struct nfa_hop *moved(const struct nfa_hop *h) {
    while (h && !h->how && h->next)
        h = h->next;
    return h;
}

/* Numbers the hops of a start, the last one first; it stops where it meets one that has a number. */
static void number_hops(struct nfa_saver *s, const struct nfa_hop *first, uint32_t fate) {
    struct nfa_numbers *hops = &s->sets[NFA_NUMBERS_HOPS];
    size_t n = 0;
    uint32_t number, how;
    for (const struct nfa_hop *h = moved(first); h && !nfa_numbers_find(hops, h, &number);
         h = moved(h->next)) {
        s->way = base_grow(s->way, n, &s->cap_way, sizeof *s->way);
        s->way[n++] = h;
    }
    while (n-- > 0) {
        const struct nfa_hop *h = s->way[n];
        s->todo = base_grow(s->todo, hops->n, &s->cap_todo, sizeof *s->todo);
        s->todo[hops->n] = fate; /* asked of ends only */
        (void)nfa_numbers_add(hops, h, &number);
        if (h->how)
            (void)nfa_numbers_add(&s->sets[NFA_NUMBERS_HOWS], h->how, &how);
        if (h->ev)
            (void)nfa_save_ev(s, h->ev);
    }
}

static void number_fate(struct nfa_saver *s, const struct nfa_fate *f, uint32_t *fate) {
    uint32_t number;
    if (!nfa_numbers_add(&s->sets[NFA_NUMBERS_FATES], f, fate))
        return;
    if (f->quota)
        (void)nfa_numbers_add(&s->quotas, f->quota, &number);
    const struct nfa_rank *r = f->state == NFA_FATE_OPEN ? nfa_rank_at(s->m, f->rank) : NULL;
    for (uint32_t i = 0; r && i < r->n; i++)
        (void)nfa_numbers_add(&s->sets[NFA_NUMBERS_DETS], nfa_det_at(s->m, r->dets[i]), &number);
}

static void fates_collect(struct nfa_saver *s, const struct nfa_key *k) {
    for (const struct nfa_start *x = k->fates ? k->fates->first : NULL; x; x = x->next) {
        const struct nfa_fate *f = fate_of(x);
        uint32_t fate, how;
        if (f->state == NFA_FATE_OVER)
            continue;
        (void)nfa_save_ev(s, x->ev);
        (void)nfa_numbers_add(&s->sets[NFA_NUMBERS_STARTS], x, &how);
        (void)nfa_numbers_add(&s->sets[NFA_NUMBERS_HOWS], x->how, &how);
        number_fate(s, f, &fate);
        number_hops(s, x->hop, fate);
    }
}

static void save_how(struct base_buf *b, const struct nfa_rank_trans *t) {
    base_pack_u8(b, !t->done ? HOW_OPEN : t->done_var == NFA_NONE ? HOW_UNTAKEN : HOW_TAKEN);
    if (t->done) {
        base_pack_varint(b, t->done_src);
        if (t->done_var != NFA_NONE)
            base_pack_varint(b, t->done_var);
        return;
    }
    base_pack_varint(b, t->n);
    for (uint32_t i = 0; i < t->n; i++) {
        base_pack_varint(b, t->from[i].src);
        base_pack_varint(b, t->from[i].var == NFA_NONE ? 0 : t->from[i].var + UINT64_C(1));
    }
}

static void save_fate(struct nfa_saver *s, const struct nfa_fate *f) {
    struct base_buf *b = &s->value;
    base_pack_u8(b, f->state == NFA_FATE_DONE);
    if (f->state == NFA_FATE_DONE) {
        base_pack_varint(b, f->quota ? nfa_number_of(&s->quotas, f->quota) + UINT64_C(1) : 0);
        return;
    }
    const struct nfa_rank *r = nfa_rank_at(s->m, f->rank);
    base_pack_varint(b, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        uint64_t det = nfa_number_of(&s->sets[NFA_NUMBERS_DETS], nfa_det_at(s->m, r->dets[i]));
        base_pack_varint(b, det * 2 + r->opens[i]);
        if (s->m->p->has_times)
            nfa_save_last(b, f->last ? f->last[i] : NFA_LAST_OLD);
    }
}

static void save_hop(struct nfa_saver *s, const struct nfa_hop *h, uint32_t fate) {
    struct base_buf *b = &s->value;
    const struct nfa_hop *next = moved(h->next);
    if (!h->how) {
        base_pack_varint(b, 0);
        base_pack_varint(b, fate);
        return;
    }
    base_pack_varint(b, nfa_number_of(&s->sets[NFA_NUMBERS_HOWS], h->how) + UINT64_C(1));
    base_pack_varint(b, h->ev ? nfa_number_of(&s->evs, h->ev) + UINT64_C(1) : 0);
    base_pack_varint(b, next ? nfa_number_of(&s->sets[NFA_NUMBERS_HOPS], next) + UINT64_C(1) : 0);
    if (!next)
        base_pack_varint(b, fate);
}

static void save_start(struct nfa_saver *s, const struct nfa_start *x) {
    struct base_buf *b = &s->value;
    const struct nfa_hop *hop = moved(x->hop);
    base_pack_varint(b, nfa_number_of(&s->evs, x->ev));
    base_pack_varint(b, nfa_number_of(&s->sets[NFA_NUMBERS_HOWS], x->how));
    base_pack_varint(b, hop ? nfa_number_of(&s->sets[NFA_NUMBERS_HOPS], hop) + UINT64_C(1) : 0);
    if (!hop)
        base_pack_varint(b, nfa_number_of(&s->sets[NFA_NUMBERS_FATES], fate_of(x)));
}

static void fates_save(struct nfa_saver *s, const struct nfa_key *k) {
    struct base_buf *b = &s->value;
    const struct nfa_numbers *t = s->sets;
    base_pack_varint(b, k->fates ? k->fates->last_done : 0);
    base_pack_varint(b, t[NFA_NUMBERS_DETS].n);
    for (size_t i = 0; i < t[NFA_NUMBERS_DETS].n; i++)
        nfa_save_det(b, t[NFA_NUMBERS_DETS].v[i]);
    base_pack_varint(b, t[NFA_NUMBERS_HOWS].n);
    for (size_t i = 0; i < t[NFA_NUMBERS_HOWS].n; i++)
        save_how(b, t[NFA_NUMBERS_HOWS].v[i]);
    base_pack_varint(b, s->quotas.n);
    for (size_t i = 0; i < s->quotas.n; i++)
        base_pack_varint(b, ((const struct nfa_quota *)s->quotas.v[i])->left);
    base_pack_varint(b, t[NFA_NUMBERS_FATES].n);
    for (size_t i = 0; i < t[NFA_NUMBERS_FATES].n; i++)
        save_fate(s, t[NFA_NUMBERS_FATES].v[i]);
    base_pack_varint(b, t[NFA_NUMBERS_HOPS].n);
    for (size_t i = 0; i < t[NFA_NUMBERS_HOPS].n; i++)
        save_hop(s, t[NFA_NUMBERS_HOPS].v[i], s->todo[i]);
    base_pack_varint(b, t[NFA_NUMBERS_STARTS].n);
    for (size_t i = 0; i < t[NFA_NUMBERS_STARTS].n; i++)
        save_start(s, t[NFA_NUMBERS_STARTS].v[i]);
}

/* -- loading ------------------------------------------------------------------------------------------------------ */

struct how_read {
    struct nfa_rank_trans *how; /* counted; NULL: lost */
    bool done, takes;
    uint32_t before, after; /* entries that the rank before has at least; entries after it */
};

struct fate_read {
    struct nfa_fate *fate;         /* counted; NULL: lost */
    struct nfa_rank_trans *select; /* counted; the entries that are left; NULL: all */
    bool done;
    uint32_t *dets, n;      /* entries as saved */
    uint64_t saved, n_lost; /* starts */
};

struct hop_read {
    struct nfa_hop *hop; /* counted; NULL: lost */
    uint32_t before;     /* entries that the rank before has at least; exactly when it is an end */
    bool end;
    uint32_t fate;
    uint64_t first; /* order of the first event from here on; UINT64_MAX = none */
};

struct reader {
    struct nfa_loader *l;
    struct nfa_key *k; /* NULL: everything is lost */
    bool has_times;    /* of fates */
    struct nfa_det_read *dets;
    struct how_read *hows;
    struct fate_read *fates;
    struct hop_read *hops;
    size_t n_dets, n_hows, n_fates, n_hops;
    uint64_t last; /* order of the last start */
};

static void read_dets(struct reader *r, struct base_unpack *u) {
    size_t n = base_unpack_count(u, 2);
    r->dets = BASE_ARENA_ARRAY(&r->l->scratch, struct nfa_det_read, n + 1);
    for (size_t i = 0; i < n && !u->bad; i++) {
        nfa_load_det(r->l, u, r->k != NULL, &r->dets[i]);
        r->n_dets++;
    }
}

static struct nfa_from read_from(struct reader *r, struct base_unpack *u, struct how_read *h, bool *lost) {
    struct nfa_from from = { (uint32_t)base_unpack_max(u, UINT32_MAX - 1), NFA_NONE };
    uint64_t var = base_unpack_max(u, r->l->meta.n_vars);
    if (from.src >= h->before)
        h->before = from.src + 1;
    if (var && !u->bad) {
        from.var = r->l->var[var - 1];
        h->takes = true;
        *lost = *lost || from.var == NFA_NONE;
    }
    return from;
}

static void read_how(struct reader *r, struct base_unpack *u) {
    struct how_read *h = &r->hows[r->n_hows++];
    uint8_t done = base_unpack_u8(u);
    bool lost = false;
    u->bad = u->bad || done > HOW_UNTAKEN;
    h->done = done != HOW_OPEN;
    size_t n = u->bad || done ? 0 : base_unpack_count(u, 2);
    u->bad = u->bad || (!done && (n == 0 || n >= UINT32_MAX));
    if (u->bad)
        return;
    h->after = (uint32_t)n;
    h->how = nfa_rank_trans_bare(r->l->m, h->after);
    for (size_t i = 0; i < n && !u->bad; i++)
        h->how->from[i] = read_from(r, u, h, &lost);
    if (done) {
        h->how->done = true;
        h->how->done_src = (uint32_t)base_unpack_max(u, UINT32_MAX - 1);
        h->how->done_var = NFA_NONE;
        h->before = h->how->done_src + 1;
        h->takes = done == HOW_TAKEN;
        if (h->takes)
            h->how->done_var = nfa_load_var(r->l, u);
        lost = h->takes && h->how->done_var == NFA_NONE;
    }
    if (!lost && !u->bad)
        return;
    nfa_rank_trans_unref(r->l->m, h->how);
    h->how = NULL;
}

/* Entries of a rank as they are now. Returns: how many are left; those that are, in `select`, and their times. */
static size_t entries_left(struct reader *r, struct fate_read *f, const bool *opens, int64_t *last,
    struct nfa_rank_entry *e, uint32_t *select) {
    struct nfa_matcher *m = r->l->m;
    bool open = false;
    size_t n = 0;
    m->next_step = nfa_dets_next_step(m); /* dets that are there already are stamped with it */
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t det = r->dets[f->dets[i]].det;
        open = open || opens[i];
        const struct nfa_det *x = det != NFA_NONE ? nfa_det_at(m, det) : NULL;
        if (!x || (x->n_times ? !r->has_times : x->stamp == m->next_step))
            continue;
        nfa_det_at(m, det)->stamp = m->next_step;
        e[n] = (struct nfa_rank_entry){ .det = det, .opens = open };
        last[n] = x->n_times ? last[i] : NFA_LAST_OLD;
        select[n++] = i;
        open = false;
    }
    return n;
}

static void make_open(struct reader *r, struct fate_read *f, const bool *opens, int64_t *last) {
    struct nfa_matcher *m = r->l->m;
    struct nfa_rank_entry *e = BASE_ARENA_ARRAY(&r->l->scratch, struct nfa_rank_entry, f->n);
    uint32_t *select = BASE_ARENA_ARRAY(&r->l->scratch, uint32_t, f->n);
    size_t n = entries_left(r, f, opens, last, e, select);
    if (!n)
        return;
    f->fate = nfa_fates_live(m, r->k, nfa_rank_of(m, e, n), last);
    f->fate->refs++;
    if (n == f->n)
        return;
    f->select = nfa_rank_trans_bare(m, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        f->select->from[i] = (struct nfa_from){ select[i], NFA_NONE };
}

static void read_fate(struct reader *r, struct base_unpack *u) {
    struct nfa_matcher *m = r->l->m;
    struct fate_read *f = &r->fates[r->n_fates++];
    uint8_t done = base_unpack_u8(u);
    u->bad = u->bad || done > 1;
    f->done = done;
    if (done) {
        uint64_t quota = base_unpack_max(u, r->l->n_quotas);
        if (u->bad || !r->k)
            return;
        f->fate = nfa_fate_new(m, NFA_FATE_DONE, NFA_NONE);
        f->fate->refs++;
        f->fate->quota = quota ? r->l->quotas[quota - 1] : NULL;
        if (quota)
            f->fate->quota->refs++;
        return;
    }
    size_t n = base_unpack_count(u, 1);
    u->bad = u->bad || n == 0 || n >= UINT32_MAX;
    if (u->bad)
        return;
    f->dets = BASE_ARENA_ARRAY(&r->l->scratch, uint32_t, n);
    bool *opens = BASE_ARENA_ARRAY(&r->l->scratch, bool, n);
    int64_t *last = BASE_ARENA_ARRAY(&r->l->scratch, int64_t, n);
    for (; f->n < n && !u->bad; f->n++) {
        uint64_t x = base_unpack_varint(u);
        u->bad = u->bad || x / 2 >= r->n_dets;
        f->dets[f->n] = (uint32_t)(x / 2);
        opens[f->n] = x & 1;
        last[f->n] = r->has_times ? nfa_load_last(u) : NFA_LAST_OLD;
    }
    u->bad = u->bad || !opens[0];
    if (!u->bad && r->k)
        make_open(r, f, opens, last);
}

/* The number of a fate, as what it ends in says it must be. */
static uint32_t read_fate_number(const struct reader *r, struct base_unpack *u, bool done) {
    uint64_t i = base_unpack_varint(u);
    u->bad = u->bad || i >= r->n_fates || r->fates[i].done != done;
    return u->bad ? 0 : (uint32_t)i;
}

/* What an open fate's hops end in: its tail, or what says which entries are left. */
static void read_tail(struct reader *r, struct base_unpack *u, struct hop_read *h) {
    struct nfa_matcher *m = r->l->m;
    *h = (struct hop_read){ .end = true, .fate = read_fate_number(r, u, false), .first = UINT64_MAX };
    if (u->bad)
        return;
    const struct fate_read *f = &r->fates[h->fate];
    h->before = f->n;
    if (!f->fate)
        return;
    f->fate->tail->refs++;
    h->hop = f->fate->tail;
    if (!f->select)
        return;
    struct nfa_hop *select = nfa_hop_new(m, 1);
    select->how = f->select;
    select->how->refs++;
    select->next = h->hop;
    h->hop = select;
}

static void read_hop(struct reader *r, struct base_unpack *u) {
    struct hop_read *h = &r->hops[r->n_hops];
    uint64_t how = base_unpack_max(u, r->n_hows);
    if (u->bad)
        return;
    r->n_hops++;
    if (!how) {
        read_tail(r, u, h);
        return;
    }
    const struct how_read *w = &r->hows[how - 1];
    struct nfa_ev_read e = { .order = UINT64_MAX };
    uint64_t event = base_unpack_max(u, r->l->n_evs);
    uint64_t next = base_unpack_max(u, r->n_hops - 1);
    if (event && !u->bad)
        e = (struct nfa_ev_read){ r->l->evs[event - 1], r->l->orders[event - 1] };
    const struct hop_read *x = next ? &r->hops[next - 1] : NULL;
    h->before = w->before;
    h->fate = x ? x->fate : read_fate_number(r, u, true);
    h->first = event ? e.order : x ? x->first : UINT64_MAX;
    u->bad =
        u->bad || w->done != !x || w->takes != (event != 0) ||
        (x && (w->after < x->before || (x->end && w->after != x->before) || (event && e.order >= x->first)));
    if (u->bad || !w->how || (event && !e.ev) || (x && !x->hop) || !r->k)
        return;
    h->hop = nfa_hop_new(r->l->m, 1);
    h->hop->how = w->how;
    w->how->refs++;
    h->hop->ev = e.ev;
    if (e.ev)
        e.ev->refs++;
    h->hop->next = x ? x->hop : NULL;
    if (x)
        x->hop->refs++;
}

static void make_start(struct reader *r, struct nfa_ev *ev, const struct how_read *w,
    const struct hop_read *x, struct nfa_fate *f) {
    w->how->refs++;
    if (x)
        x->hop->refs++;
    nfa_fates_add(r->l->m, r->k, ev, f, x ? x->hop : NULL, w->how);
}

static void read_start(struct reader *r, struct base_unpack *u) {
    struct nfa_ev_read e;
    nfa_load_ev_of(r->l, u, &e);
    uint64_t how = base_unpack_varint(u), hop = base_unpack_max(u, r->n_hops);
    u->bad = u->bad || how >= r->n_hows;
    if (u->bad)
        return;
    const struct how_read *w = &r->hows[how];
    const struct hop_read *x = hop ? &r->hops[hop - 1] : NULL;
    uint32_t at = x ? x->fate : read_fate_number(r, u, true);
    u->bad = u->bad || e.order <= r->last || w->before != 1 || w->done != !x || !w->takes;
    u->bad = u->bad ||
             (x && (w->after < x->before || (x->end && w->after != x->before) || e.order >= x->first));
    for (uint32_t i = 0; i < w->after && w->how && !u->bad; i++)
        u->bad = w->how->from[i].var == NFA_NONE; /* it takes the event, whichever way */
    if (u->bad)
        return;
    r->last = e.order;
    struct fate_read *f = &r->fates[at];
    f->saved++;
    if (r->k && e.ev && w->how && f->fate && (!x || x->hop))
        make_start(r, e.ev, w, x, f->fate);
    else
        f->n_lost++;
}

/* What was not kept is counted; fates that nobody leads to go. */
static void settle(struct reader *r) {
    for (size_t i = 0; i < r->n_fates; i++) {
        const struct fate_read *f = &r->fates[i];
        if (f->done)
            r->l->lost_waiting += f->n_lost;
        for (uint32_t d = 0; d < f->n; d++)
            nfa_lose_det(r->l, &r->dets[f->dets[d]], f->saved, f->n_lost);
    }
    if (r->k)
        nfa_fates_tidy(r->l->m, r->k);
}

static void read_all(struct reader *r, struct base_unpack *u) {
    struct base_arena *a = &r->l->scratch;
    read_dets(r, u);
    size_t n = base_unpack_count(u, 3);
    r->hows = BASE_ARENA_ARRAY(a, struct how_read, n + 1);
    for (size_t i = 0; i < n && !u->bad; i++)
        read_how(r, u);
    nfa_load_quotas(r->l, u);
    n = base_unpack_count(u, 2);
    r->fates = BASE_ARENA_ARRAY(a, struct fate_read, n + 1);
    for (size_t i = 0; i < n && !u->bad; i++)
        read_fate(r, u);
    n = base_unpack_count(u, 2);
    r->hops = BASE_ARENA_ARRAY(a, struct hop_read, n + 1);
    for (size_t i = 0; i < n && !u->bad; i++)
        read_hop(r, u);
    n = base_unpack_count(u, 3);
    for (size_t i = 0; i < n && !u->bad; i++)
        read_start(r, u);
}

static void read_fates(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u, bool has_times) {
    struct nfa_matcher *m = l->m;
    struct reader r = { .l = l, .k = k, .has_times = has_times };
    uint64_t last_done = base_unpack_varint(u);
    if (k)
        nfa_fates_of(m, k, 1)->last_done = last_done;
    read_all(&r, u);
    if (!u->bad)
        settle(&r);
    for (size_t i = 0; i < r.n_hops; i++)
        nfa_hop_unref(m, r.hops[i].hop);
    for (size_t i = 0; i < r.n_fates; i++) {
        nfa_fate_unref(m, r.fates[i].fate);
        nfa_rank_trans_unref(m, r.fates[i].select);
    }
    for (size_t i = 0; i < r.n_hows; i++)
        nfa_rank_trans_unref(m, r.hows[i].how);
    if (k && (u->bad || !k->fates->first))
        nfa_fates_free(m, k);
}

static void fates_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    read_fates(l, k, u, false);
}

static void timed_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    read_fates(l, k, u, true);
}

const struct nfa_store nfa_store_fates = { .tag = 3,
    .kind = NFA_STORE_FATES,
    .name = "fates",
    .collect = fates_collect,
    .save = fates_save,
    .load = fates_load };

const struct nfa_store nfa_store_timed_fates = { .tag = 5,
    .kind = NFA_STORE_FATES,
    .name = "fates with times",
    .collect = fates_collect,
    .save = fates_save,
    .load = timed_load };
