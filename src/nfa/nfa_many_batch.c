/*
 * nfa_many_batch -- a batch comes in: whom its rows concern, and their keys; they wait for the watermark then.
 */
#include "nfa/nfa_many_internal.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"

static struct many_held *held_new(struct nfa_many *g, uint32_t *number) {
    if (g->n_free_held) {
        *number = g->free_held[--g->n_free_held];
    } else {
        g->held = base_grow(g->held, g->n_held, &g->cap_held, sizeof *g->held);
        *number = (uint32_t)g->n_held++;
        g->held[*number] = (struct many_held){ .off = base_calloc(EVT_BATCH_ROWS + 1, sizeof(uint32_t)),
            .keyed = base_calloc(g->n_sets, sizeof(struct nfa_held)) };
    }
    g->held[*number].saved = g->save.number;
    g->save.joinable = false;
    return &g->held[*number];
}

void nfa_many_held_free(struct nfa_many *g, uint32_t number) {
    struct many_held *h = &g->held[number];
    evt_batch_unref(h->batch);
    h->batch = NULL;
    g->free_held = base_grow(g->free_held, g->n_free_held, &g->cap_free_held, sizeof *g->free_held);
    g->free_held[g->n_free_held++] = number;
}

/* Chains the conditions that hold to the patterns that use them. */
static void touch(struct nfa_many *g, const struct many_input *in, const struct expr_index_out *found) {
    g->n_woken = 0;
    size_t n = 1; /* 0 ends a chain */
    for (uint32_t i = 0; i < found->n_hits; i++) {
        const struct expr_index_hit *hit = &found->hits[i];
        const uint64_t *rows = expr_index_rows(in->index, hit);
        for (uint32_t u = in->user_off[hit->cond]; u < in->user_off[hit->cond + 1]; u++) {
            const struct many_use *use = &in->user_list[u];
            while (n >= g->cap_woken) {
                g->cap_woken = g->cap_woken ? g->cap_woken * 2 : 1024;
                g->woken = base_realloc(g->woken, g->cap_woken * sizeof *g->woken);
            }
            if (!g->touched[use->member])
                g->turn[g->n_woken++] = use->member;
            g->woken[n] = (struct many_touch){ rows, g->touched[use->member], use->bit };
            g->touched[use->member] = (uint32_t)n++;
        }
    }
}

static void add_fresh(
    struct nfa_many *g, uint32_t row, uint32_t member, const uint64_t *bits, uint32_t n_words) {
    g->fresh = base_grow(g->fresh, g->n_fresh, &g->cap_fresh, sizeof *g->fresh);
    struct many_fresh *f = &g->fresh[g->n_fresh++];
    *f = (struct many_fresh){ { .bits = bits[0], .member = member }, row };
    if (n_words == 1)
        return;
    f->hit.at = (uint32_t)g->n_fresh_words;
    for (uint32_t w = 0; w < n_words; w++) {
        g->fresh_words = base_grow(g->fresh_words, g->n_fresh_words, &g->cap_fresh_words, sizeof(uint64_t));
        g->fresh_words[g->n_fresh_words++] = bits[w];
    }
}

/* The rows of a batch that concern a woken pattern, with its bits: `rows`, and those where one of its conditions says so.
 * Adds them to `relevant` and to need[] of its keys. */
static void hits_of(struct nfa_many *g, uint32_t member, uint32_t input, uint32_t n_rows, uint64_t *rows,
    uint64_t *relevant) {
    struct many_member *e = g->members[member];
    size_t words = BASE_BITS_WORDS(n_rows);
    for (uint32_t t = g->touched[member]; t; t = g->woken[t].next) {
        if (!e->code->wide[input] && !base_bits_get(e->code->interest, g->woken[t].bit))
            continue;
        for (size_t w = 0; w < words; w++)
            rows[w] |= g->woken[t].rows[w];
    }
    uint64_t one, *bits = &one;
    if (e->code->n_words > 1) {
        if (g->cap_wide_bits < e->code->n_words) {
            g->cap_wide_bits = e->code->n_words;
            g->wide_bits = base_realloc(g->wide_bits, g->cap_wide_bits * sizeof(uint64_t));
        }
        bits = g->wide_bits;
    }
    uint64_t *need = g->need[e->key_set].rows;
    for (size_t w = 0; w < words; w++) {
        relevant[w] |= rows[w];
        need[w] |= rows[w];
        for (uint64_t left = rows[w]; left; left &= left - 1) {
            uint32_t bit_of_word = (uint32_t)__builtin_ctzll(left), row = (uint32_t)(w * 64) + bit_of_word;
            memcpy(bits, e->code->bits0 + (size_t)input * e->code->n_words, e->code->n_words * sizeof *bits);
            for (uint32_t t = g->touched[member]; t; t = g->woken[t].next)
                bits[g->woken[t].bit / 64] |= (g->woken[t].rows[w] >> bit_of_word & 1)
                                              << (g->woken[t].bit & 63);
            if (e->code->has_any)
                nfa_many_add_any_bits(e->code->p, bits);
            add_fresh(g, row, member, bits, e->code->n_words);
            e->n_hits += !e->code->wide[input];
            e->waiting++;
        }
    }
}

/* By row: a counting sort. */
static void sort_hits(struct nfa_many *g, struct many_held *h, uint32_t n_rows) {
    memset(h->off, 0, (n_rows + (size_t)1) * sizeof *h->off);
    if (h->cap_hits < g->n_fresh) {
        h->cap_hits = g->n_fresh + g->n_fresh / 2;
        h->hits = base_realloc(h->hits, h->cap_hits * sizeof *h->hits);
    }
    for (size_t i = 0; i < g->n_fresh; i++)
        h->off[g->fresh[i].row + 1]++;
    for (uint32_t r = 0; r < n_rows; r++)
        h->off[r + 1] += h->off[r];
    /* Places are taken from the end, so off[] ends as it should begin: row r starts at off[r]. */
    for (size_t i = g->n_fresh; i-- > 0;)
        h->hits[--h->off[g->fresh[i].row + 1]] = g->fresh[i].hit;
    memmove(h->off, h->off + 1, n_rows * sizeof *h->off);
    h->off[n_rows] = (uint32_t)g->n_fresh;
    if (h->cap_words < g->n_fresh_words) {
        h->cap_words = g->n_fresh_words + g->n_fresh_words / 2;
        h->words = base_realloc(h->words, h->cap_words * sizeof *h->words);
    }
    if (g->n_fresh_words) {
        memcpy(h->words, g->fresh_words, g->n_fresh_words * sizeof *h->words);
    }
    g->n_fresh = g->n_fresh_words = 0;
}

/* What failed of a pattern in this batch, empty the first time. Uses touched[], which is free before conditions are dealt
 * out and after. */
static struct many_fails *fails_of(struct nfa_many *g, uint32_t member) {
    if (!g->touched[member]) {
        g->fails = base_grow(g->fails, g->n_fails, &g->cap_fails, sizeof *g->fails);
        g->fails[g->n_fails++] = (struct many_fails){ .member = member };
        g->touched[member] = (uint32_t)g->n_fails;
    }
    return &g->fails[g->touched[member] - 1];
}

static void report_fails(struct nfa_many *g, uint32_t input, const struct evt_batch *b) {
    for (size_t i = 0; i < g->n_fails; i++) {
        g->touched[g->fails[i].member] = 0;
        base_bits_set(g->later, g->fails[i].member);
        nfa_report(g->members[g->fails[i].member]->m, input, b, &g->fails[i].fails);
    }
    g->n_fails = 0;
}

enum { EVERYBODY = UINT32_MAX };

/* Failures of conditions go to each pattern (`only`: to that one) that has them, once a row; the reason is its first condition's. */
static void report_conds(struct nfa_many *g, uint32_t input, const struct evt_batch *b,
    const struct expr_index_out *found, uint32_t only) {
    const struct many_input *in = &g->inputs[input];
    for (uint32_t i = 0; i < found->n_failed; i++) {
        const struct expr_index_failed *f = &found->failed[i];
        for (uint32_t u = in->user_off[f->cond]; u < in->user_off[f->cond + 1]; u++) {
            if (only != EVERYBODY && in->user_list[u].member != only)
                continue;
            struct many_fails *to = fails_of(g, in->user_list[u].member);
            uint32_t bit = in->user_list[u].bit;
            for (size_t w = 0; w < BASE_BITS_WORDS(b->n_rows); w++)
                to->fails.rows[w] |= f->fails.rows[w];
            if (!to->fails.reason || bit < to->first_bit) {
                to->fails.reason = f->fails.reason;
                to->first_bit = bit;
            }
        }
    }
    report_fails(g, input, b);
}

/* Those of keys to each pattern that the row concerns. */
static void report_keys(
    struct nfa_many *g, uint32_t set, const struct many_held *h, const struct expr_fails *fails) {
    for (uint32_t i = 0; !h->loaded && g->inputs[h->input].wide_set[set] && i < g->n; i++)
        if (g->members[i]->key_set == set && g->members[i]->code->wide[h->input])
            fails_of(g, i)->fails = *fails;
    for (size_t r = base_bits_next(fails->rows, h->batch->n_rows, 0); r < h->batch->n_rows;
         r = base_bits_next(fails->rows, h->batch->n_rows, r + 1)) {
        for (uint32_t k = h->off[r]; k < h->off[r + 1]; k++) {
            if (g->members[h->hits[k].member]->key_set != set)
                continue;
            struct many_fails *to = fails_of(g, h->hits[k].member);
            base_bits_set(to->fails.rows, r);
            to->fails.reason = fails->reason;
        }
    }
    report_fails(g, h->input, h->batch);
}

/* Those of need[set], which is empty then. */
static void hash_set(struct nfa_many *g, uint32_t set, struct many_held *h, struct expr_fails *fails) {
    struct nfa_held *keyed = &h->keyed[set];
    struct nfa_matcher *m = g->sets[set];
    uint64_t *need = g->need[set].rows;
    keyed->batch = h->batch; /* held by h */
    keyed->input = h->input;
    if (base_bits_count(need, EVT_BATCH_ROWS) == 0)
        return;
    m->now_us = g->now_us;
    nfa_held_room(m, keyed, h->batch->n_rows);
    nfa_hash_keys(m, keyed, h->batch, need, fails);
    if (m->scratch_used) {
        base_arena_clear(&m->scratch);
        m->scratch_used = false;
    }
    memset(need, 0, sizeof g->need[set].rows);
}

static void hash_all(struct nfa_many *g, struct many_held *h, const uint64_t *sel) {
    for (uint32_t k = 0; k < g->n_sets; k++) {
        struct expr_fails fails = { .n = 0 };
        if (g->inputs[h->input].wide_set[k])
            memcpy(g->need[k].rows, sel, sizeof g->need[k].rows);
        hash_set(g, k, h, &fails);
        if (fails.n)
            report_keys(g, k, h, &fails);
    }
}

static void rows_wait(struct nfa_many *g, uint32_t number, const uint64_t *relevant) {
    struct many_held *h = &g->held[number];
    const struct evt_batch *b = h->batch;
    size_t n = 0;
    for (size_t w = 0; w < BASE_BITS_WORDS(b->n_rows); w++) {
        for (uint64_t left = relevant[w]; left; left &= left - 1) {
            uint32_t row = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(left));
            g->rows[n++] = (struct clk_row){ b->time[row], b->seq[row], h->input, b->origin[row], number,
                row };
        }
    }
    h->waiting = (uint32_t)n;
    memcpy(h->waits, relevant, sizeof h->waits);
    g->n_loaded += h->loaded ? n : 0;
    clk_reorder_add(&g->reorder, g->rows, n);
}

enum cep_rc nfa_many_batch(struct nfa_many *g, uint32_t input, struct evt_batch *b, int64_t now_us,
    uint32_t *who, struct cep_err *err) {
    CEP_REQUIRE(input < g->n_inputs && b->n_rows <= EVT_BATCH_ROWS);
    (void)who;
    (void)err;
    nfa_many_seal(g);
    g->now_us = now_us;
    struct many_input *in = &g->inputs[input];
    uint64_t sel[MANY_WORDS] = { 0 }, relevant[MANY_WORDS] = { 0 };
    base_bits_fill(sel, b->n_rows);
    for (size_t w = 0; b->sel && w < BASE_BITS_WORDS(b->n_rows); w++)
        sel[w] &= b->sel[w];
    size_t n_there = base_bits_count(sel, b->n_rows);
    if (n_there == 0)
        return CEP_OK;
    in->n_events += n_there;
    struct expr_index_out found;
    expr_index_eval(in->index, b, sel, now_us, &found);
    report_conds(g, input, b, &found, EVERYBODY);
    touch(g, in, &found);
    for (size_t i = 0; i < g->n_woken && i < NFA_MANY_AHEAD; i++)
        nfa_many_fetch(g, g->turn[i]);
    for (size_t i = 0; i < g->n_woken; i++) {
        if (i + NFA_MANY_AHEAD < g->n_woken)
            nfa_many_fetch(g, g->turn[i + NFA_MANY_AHEAD]);
        uint64_t rows[MANY_WORDS] = { 0 };
        hits_of(g, g->turn[i], input, b->n_rows, rows, relevant);
        g->touched[g->turn[i]] = 0;
    }
    bool any = in->all_rows;
    for (size_t w = 0; w < MANY_WORDS; w++) {
        if (in->all_rows)
            relevant[w] = sel[w];
        any = any || relevant[w];
    }
    if (!any)
        return CEP_OK;
    uint32_t number;
    struct many_held *h = held_new(g, &number);
    h->batch = evt_batch_ref(b);
    h->input = input;
    h->loaded = false;
    sort_hits(g, h, b->n_rows);
    hash_all(g, h, sel);
    rows_wait(g, number, relevant);
    return CEP_OK;
}

/* `again`: what failed was told when they came in, and all was counted. */
static void take_alone(
    struct nfa_many *g, uint32_t pattern, uint32_t input, struct evt_batch *b, bool again) {
    nfa_many_seal(g);
    struct many_input *in = &g->inputs[input];
    struct many_member *e = g->members[pattern];
    uint64_t rows[MANY_WORDS] = { 0 }, relevant[MANY_WORDS] = { 0 }, n_hits = e->n_hits;
    struct expr_index_out found;
    struct expr_fails fails = { .n = 0 };
    base_bits_fill(rows, b->n_rows);
    for (size_t w = 0; b->sel && w < BASE_BITS_WORDS(b->n_rows); w++)
        rows[w] &= b->sel[w];
    expr_index_eval(in->index, b, rows, g->now_us, &found);
    if (!again)
        report_conds(g, input, b, &found, pattern);
    touch(g, in, &found);
    if (!e->code->wide[input])
        memset(rows, 0, sizeof rows);
    hits_of(g, pattern, input, b->n_rows, rows, relevant);
    if (again)
        e->n_hits = n_hits;
    for (size_t i = 0; i < g->n_woken; i++)
        g->touched[g->turn[i]] = 0;
    if (g->n_fresh == 0)
        return;
    uint32_t number;
    struct many_held *h = held_new(g, &number);
    h->batch = evt_batch_ref(b);
    h->input = input;
    h->loaded = true;
    e->loaded += g->n_fresh;
    sort_hits(g, h, b->n_rows);
    hash_set(g, e->key_set, h, &fails);
    if (!again && fails.n)
        report_keys(g, e->key_set, h, &fails);
    rows_wait(g, number, relevant);
}

void nfa_many_take_loaded(struct nfa_many *g, uint32_t pattern, uint32_t input, struct evt_batch *b) {
    take_alone(g, pattern, input, b, true);
}

void nfa_many_batch_of(
    struct nfa_many *g, uint32_t pattern, uint32_t input, struct evt_batch *b, int64_t now_us) {
    CEP_REQUIRE(pattern < g->n && input < g->n_inputs && b->n_rows <= EVT_BATCH_ROWS);
    g->now_us = now_us;
    take_alone(g, pattern, input, b, false);
}
