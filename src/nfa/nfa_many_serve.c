/*
 * nfa_many_serve -- the watermark goes on: rows that are let go are dealt out to the patterns they concern, which are served in order.
 */
#include "nfa/nfa_many_internal.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"

/* -- ahead ------------------------------------------------------------------------------------------------------------ */

/*
 * With thousands of patterns an event finds nothing of its pattern in the cache, and each thing leads to the next. So those
 * whose turn comes are fetched in steps, each of which reads what the one before asked for. Measured on 10,000 patterns
 * (many_bench): 6.6 us an event without.
 */
enum { AHEAD_MATCHER = 8, AHEAD_PARTS = 4, AHEAD_KEY = 2 };

/* Of the first row that the pattern has in this portion. Returns: false when it has none. */
static bool first_hash(const struct nfa_many *g, uint32_t member, uint64_t *hash) {
    uint32_t node = g->lists[member].first;
    if (!node)
        return false;
    const struct clk_row *r = &g->rows[g->nodes[node].row];
    *hash = g->held[r->batch].keyed[g->members[member]->key_set].hash[r->row];
    return true;
}

static void fetch_turns(const struct nfa_many *g, size_t i, size_t n) {
    uint64_t hash;
    if (i + NFA_MANY_AHEAD < n)
        nfa_many_fetch(g, g->turn[i + NFA_MANY_AHEAD]);
    if (i + AHEAD_MATCHER < n)
        nfa_fetch_matcher(g->members[g->turn[i + AHEAD_MATCHER]]->m);
    if (i + AHEAD_PARTS < n) {
        const struct nfa_matcher *m = g->members[g->turn[i + AHEAD_PARTS]]->m;
        nfa_fetch_parts(m);
        if (first_hash(g, g->turn[i + AHEAD_PARTS], &hash))
            nfa_key_prefetch(m, hash);
    }
    if (i + AHEAD_KEY < n) {
        const struct nfa_matcher *m = g->members[g->turn[i + AHEAD_KEY]]->m;
        if (first_hash(g, g->turn[i + AHEAD_KEY], &hash))
            nfa_key_prefetch_key(m, hash);
        nfa_fetch_due(m, g->watermark);
    }
    if (i + 1 < n && first_hash(g, g->turn[i + 1], &hash))
        nfa_key_prefetch_state(g->members[g->turn[i + 1]]->m, hash);
}

/* -- rows in order ------------------------------------------------------------------------------------------------------ */

static const uint64_t *bits_of(
    const struct many_member *e, const struct many_held *h, const struct many_hit *hit) {
    return e->code->n_words == 1 ? &hit->bits : h->words + hit->at;
}

/* Deals the hits of rows that are let go out to their patterns, in the order of the rows. */
static void deal(struct nfa_many *g, size_t n_rows) {
    size_t n = 1; /* 0 ends a list */
    for (size_t i = 0; i < n_rows; i++) {
        const struct many_held *h = &g->held[g->rows[i].batch];
        uint32_t row = g->rows[i].row;
        for (uint32_t k = h->off[row]; k < h->off[row + 1]; k++) {
            uint32_t member = h->hits[k].member;
            struct many_list *l = &g->lists[member];
            while (n >= g->cap_nodes) {
                g->cap_nodes = g->cap_nodes ? g->cap_nodes * 2 : 1024;
                g->nodes = base_realloc(g->nodes, g->cap_nodes * sizeof *g->nodes);
            }
            g->nodes[n] = (struct many_node){ 0, (uint32_t)i, k };
            if (l->first)
                g->nodes[l->last].next = (uint32_t)n;
            else
                l->first = (uint32_t)n;
            l->last = (uint32_t)n++;
            base_bits_set(g->visit, member);
        }
    }
}

static void feed(struct nfa_many *g, struct many_member *e, size_t i, const uint64_t *bits) {
    const struct clk_row *r = &g->rows[i];
    nfa_feed(e->m, &g->held[r->batch].keyed[e->key_set], r->row, bits);
}

/* Rows without a hit concern it only while it has keys, unless any row may start a match. */
static void feed_wide(struct nfa_many *g, struct many_member *e, struct many_list *l, size_t n_rows) {
    uint32_t node = l->first;
    for (size_t i = 0; i < n_rows; i++) {
        if (!e->code->greedy && !nfa_has_keys(e->m)) {
            if (!node)
                break;
            i = g->nodes[node].row;
        }
        const struct many_held *h = &g->held[g->rows[i].batch];
        if (node && g->nodes[node].row == i) {
            feed(g, e, i, bits_of(e, h, &h->hits[g->nodes[node].hit]));
            node = g->nodes[node].next;
            e->waiting--;
            e->loaded -= h->loaded;
        } else if (e->code->wide[h->input] && !h->loaded) {
            feed(g, e, i, e->code->bits0 + (size_t)h->input * e->code->n_words);
        }
    }
}

static void feed_hits(struct nfa_many *g, struct many_member *e, struct many_list *l) {
    for (uint32_t node = l->first; node; node = g->nodes[node].next) {
        const struct many_node *at = &g->nodes[node];
        const struct many_held *h = &g->held[g->rows[at->row].batch];
        const uint64_t *bits = bits_of(e, h, &h->hits[at->hit]);
        e->waiting--;
        e->loaded -= h->loaded;
        if (nfa_has_keys(e->m) || nfa_many_starts(e->code->p, bits))
            feed(g, e, at->row, bits);
    }
}

static void wake_at(struct nfa_many *g, struct many_member *e, int64_t at) {
    if (clk_timer_waits(&e->timer)) {
        /* One that is early is left: it will find out. */
        if (clk_timer_at(&g->timers, &e->timer) <= at)
            return;
        clk_timer_cancel(&g->timers, &e->timer);
    }
    if (at != EVT_TIME_MAX)
        clk_timer_add(&g->timers, &e->timer, at);
}

void nfa_many_settle(struct nfa_many *g, uint32_t pattern, int64_t at) {
    struct many_member *e = g->members[pattern];
    if (e->code->any_wide)
        base_bits_put(g->awake, pattern, e->code->greedy || nfa_has_keys(e->m));
    wake_at(g, e, at);
}

static enum cep_rc serve(struct nfa_many *g, uint32_t member, size_t n_rows, bool last, struct cep_err *err) {
    struct many_member *e = g->members[member];
    struct many_list *l = &g->lists[member];
    e->m->now_us = g->now_us;
    if (e->code->any_wide)
        feed_wide(g, e, l, n_rows);
    else
        feed_hits(g, e, l);
    *l = (struct many_list){ 0, 0 };
    if (e->code->any_wide)
        base_bits_put(g->awake, member, e->code->greedy || nfa_has_keys(e->m));
    if (!last) {
        base_bits_set(g->later, member);
        return CEP_OK;
    }
    g->n_served++;
    enum cep_rc rc = nfa_feed_end(e->m, g->watermark, err);
    if (rc != CEP_OK)
        return rc;
    int64_t next = nfa_matcher_next_timer(e->m);
    int64_t asked = g->opts.served ? g->opts.served(g->opts.arg, member, g->watermark) : EVT_TIME_MAX;
    nfa_many_settle(g, member, next < asked ? next : asked);
    return CEP_OK;
}

/* Who is served: in order. Returns: how many. */
static size_t take_turns(struct nfa_many *g, size_t n_rows, bool last) {
    size_t words = BASE_BITS_WORDS(g->n), n = 0;
    int64_t at;
    struct clk_timer *t;
    while (last && (t = clk_timers_pop(&g->timers, g->watermark, &at)))
        base_bits_set(g->visit, CEP_CONTAINER_OF(t, struct many_member, timer)->number);
    for (size_t w = 0; w < words; w++) {
        uint64_t left = g->visit[w] | (n_rows ? g->awake[w] : 0) | (last ? g->always[w] | g->later[w] : 0);
        g->visit[w] = 0;
        if (last)
            g->later[w] = 0;
        for (; left; left &= left - 1)
            g->turn[n++] = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(left));
    }
    return n;
}

static void let_go(struct nfa_many *g, size_t n_rows) {
    for (size_t i = 0; i < n_rows; i++) {
        struct many_held *h = &g->held[g->rows[i].batch];
        base_bits_unset(h->waits, g->rows[i].row);
        g->n_loaded -= h->loaded;
        if (--h->waiting == 0)
            nfa_many_held_free(g, g->rows[i].batch);
    }
}

enum cep_rc nfa_many_advance(struct nfa_many *g, int64_t watermark, uint32_t *who, struct cep_err *err) {
    nfa_many_seal(g);
    if (watermark > g->watermark)
        g->watermark = watermark;
    g->save.joinable = false;
    enum cep_rc rc = CEP_OK;
    for (bool last = false; !last && rc == CEP_OK;) {
        size_t n_rows = clk_reorder_take(&g->reorder, watermark, g->rows, EVT_BATCH_ROWS);
        last = n_rows < EVT_BATCH_ROWS;
        if (g->save.n)
            nfa_many_rows_leave(g, g->rows, n_rows);
        deal(g, n_rows);
        size_t n = take_turns(g, n_rows, last);
        for (size_t i = 0; i < n && rc == CEP_OK; i++) {
            fetch_turns(g, i, n);
            *who = g->turn[i];
            rc = serve(g, g->turn[i], n_rows, last, err);
        }
        let_go(g, n_rows);
    }
    return rc;
}
