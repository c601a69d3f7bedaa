/*
 * nfa_many -- see nfa_many.h. This file: what patterns have in common, batches in, rows dealt out.
 */
#include "nfa/nfa_many_internal.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"

/* -- life --------------------------------------------------------------------------------------------------------- */

struct nfa_many *nfa_many_new(uint32_t n_inputs, const struct nfa_many_opts *opts) {
    struct nfa_many *g = base_calloc(1, sizeof *g);
    if (opts)
        g->opts = *opts;
    g->n_inputs = n_inputs;
    g->inputs = base_calloc(n_inputs, sizeof *g->inputs);
    for (uint32_t i = 0; i < n_inputs; i++)
        g->inputs[i].index = expr_index_new(g->opts.fewest);
    g->watermark = EVT_TIME_MIN;
    base_arena_init(&g->arena, 0);
    clk_reorder_init(&g->reorder);
    clk_timers_init(&g->timers);
    base_map_init(&g->key_memo);
    base_map_init(&g->code_memo);
    g->pool = nfa_mem_pool_new();
    return g;
}

static void held_release(struct nfa_many *g, struct many_held *h) {
    evt_batch_unref(h->batch);
    for (uint32_t k = 0; h->keyed && k < g->n_sets; k++)
        nfa_held_release(&h->keyed[k]);
    base_free(h->keyed);
    base_free(h->off);
    base_free(h->hits);
    base_free(h->words);
}

void nfa_many_free(struct nfa_many *g) {
    if (!g)
        return;
    for (uint32_t i = 0; i < g->n; i++) {
        nfa_matcher_free(g->members[i]->m);
        base_free(g->conds[i].v);
    }
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        expr_index_free(g->inputs[i].index);
        base_free(g->inputs[i].users);
        base_free(g->inputs[i].user_off);
        base_free(g->inputs[i].user_list);
        base_free(g->inputs[i].wide_set);
    }
    for (size_t i = 0; i < g->n_held; i++)
        held_release(g, &g->held[i]);
    base_free(g->held);
    base_free(g->free_held);
    base_free(g->inputs);
    base_free(g->members);
    base_free(g->conds);
    base_free(g->sets);
    base_free(g->touched);
    base_free(g->woken);
    base_free(g->fresh);
    base_free(g->fresh_words);
    base_free(g->wide_bits);
    base_free(g->fails);
    base_free(g->need);
    base_free(g->rows);
    base_free(g->nodes);
    base_free(g->lists);
    base_free(g->visit);
    base_free(g->always);
    base_free(g->awake);
    base_free(g->later);
    base_free(g->turn);
    nfa_many_save_release(g);
    clk_reorder_release(&g->reorder);
    clk_timers_release(&g->timers);
    base_map_release(&g->key_memo);
    base_map_release(&g->code_memo);
    nfa_mem_pool_free(g->pool);
    base_arena_release(&g->arena);
    base_free(g);
}

/* -- patterns ------------------------------------------------------------------------------------------------------- */

static bool same_keys(const struct nfa_many *g, const struct plan_pattern *a, const struct plan_pattern *b) {
    if (a->n_keys != b->n_keys || a->cols.n_cols != b->cols.n_cols)
        return false;
    for (uint32_t k = 0; k < a->n_keys; k++)
        if (!expr_eq(a->keys[k], b->keys[k]))
            return false;
    for (uint32_t i = 0; i < g->n_inputs; i++)
        if (memcmp(a->col_map[i], b->col_map[i], a->cols.n_cols * sizeof *a->col_map[i]) != 0)
            return false;
    return true;
}

/* Patterns with the same keys share their hashes. */
static uint32_t key_set_of(struct nfa_many *g, struct nfa_matcher *m) {
    uint64_t hash = 0, set;
    for (uint32_t k = 0; k < m->pat->n_keys; k++)
        hash = hash * 31 + expr_hash(m->pat->keys[k]);
    for (;; hash++) {
        struct base_str key = { (const char *)&hash, sizeof hash };
        if (!base_map_get(&g->key_memo, key, &set)) {
            (void)base_map_put(&g->key_memo, key, g->n_sets);
            break;
        }
        if (same_keys(g, g->sets[set]->pat, m->pat))
            return (uint32_t)set;
    }
    g->sets = base_grow(g->sets, g->n_sets, &g->cap_sets, sizeof(struct nfa_matcher *));
    g->sets[g->n_sets++] = m;
    nfa_inputs_key(m);
    return (uint32_t)g->n_sets - 1;
}

static bool is_wide(const struct nfa_prog *p, const uint64_t *bits0) {
    if (p->needs_all_rows)
        return true;
    for (size_t w = 0; w < p->n_words; w++)
        if (bits0[w] & p->masks[p->any_interest + w])
            return true;
    return false;
}

static bool any_start(const struct nfa_prog *p, const uint64_t *bits) {
    if (p->start_always)
        return true;
    for (size_t w = 0; w < p->n_words; w++)
        if (bits[w] & p->masks[p->start_interest + w])
            return true;
    return false;
}

/* Bits that are an OR of others. */
static void add_any_bits(const struct nfa_prog *p, uint64_t *bits) {
    for (size_t i = 0; i < p->n_bits; i++)
        for (uint32_t k = 0; k < p->bits[i].n_any; k++)
            if (base_bits_get(bits, p->bits[i].any[k]))
                base_bits_set(bits, i);
}

static void use(struct nfa_many *g, struct many_member *e, uint32_t input, uint32_t cond, uint32_t bit) {
    struct many_input *in = &g->inputs[input];
    in->users = base_grow(in->users, in->n_users, &in->cap_users, sizeof *in->users);
    in->users[in->n_users++] = (struct many_user){ cond, e->number, bit };
    struct many_conds *c = &g->conds[e->number];
    c->v = base_grow(c->v, c->n, &c->cap, sizeof *c->v);
    c->v[c->n++] = (struct many_cond){ input, cond };
}

static struct many_code *code_new(struct nfa_many *g, const struct nfa_prog *p) {
    struct many_code *c = BASE_ARENA_NEW(&g->arena, struct many_code);
    c->p = p;
    c->n_words = (uint32_t)p->n_words;
    c->interest = BASE_ARENA_ARRAY(&g->arena, uint64_t, p->n_words);
    c->bits0 = BASE_ARENA_ARRAY(&g->arena, uint64_t, p->n_words * g->n_inputs);
    c->wide = BASE_ARENA_ARRAY(&g->arena, bool, g->n_inputs);
    memcpy(c->interest, p->masks + p->any_interest, p->n_words * sizeof *c->interest);
    for (size_t b = 0; b < p->n_bits; b++) {
        const struct nfa_bit *bit = &p->bits[b];
        c->has_any = c->has_any || bit->n_any;
        for (uint32_t k = 0; k < bit->n_any && base_bits_get(p->masks + p->any_interest, b); k++)
            base_bits_set(c->interest, bit->any[k]);
        for (uint32_t i = 0; i < g->n_inputs; i++)
            if (!bit->e && !bit->n_any && (bit->input < 0 || (uint32_t)bit->input == i))
                base_bits_set(c->bits0 + i * p->n_words, b);
    }
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        uint64_t *bits0 = c->bits0 + i * p->n_words;
        add_any_bits(p, bits0);
        c->wide[i] = is_wide(p, bits0);
        c->any_wide = c->any_wide || c->wide[i];
        c->greedy = c->greedy || any_start(p, bits0) || p->prev_rows[i];
        g->inputs[i].all_rows = g->inputs[i].all_rows || c->wide[i];
    }
    return c;
}

/* That of an earlier pattern which does the same, or a new one. Of the earlier one *like is the matcher. */
static const struct many_code *code_of(
    struct nfa_many *g, const struct nfa_prog *p, struct nfa_matcher **like) {
    uint64_t first;
    *like = NULL;
    for (uint64_t hash = nfa_code_hash(p);; hash++) {
        struct base_str key = { (const char *)&hash, sizeof hash };
        if (!base_map_get(&g->code_memo, key, &first)) {
            (void)base_map_put(&g->code_memo, key, g->n);
            return code_new(g, p);
        }
        if (!nfa_code_same(g->members[first]->code->p, p))
            continue;
        *like = g->members[first]->m;
        return g->members[first]->code;
    }
}

uint32_t nfa_many_add(struct nfa_many *g, const struct nfa_prog *p, const struct nfa_out *out,
    const struct nfa_matcher_opts *opts) {
    CEP_REQUIRE(!g->sealed && p->pat->n_inputs == g->n_inputs);
    struct nfa_matcher_opts own = opts ? *opts : (struct nfa_matcher_opts){ 0 };
    CEP_REQUIRE(!own.processing_time);
    if (!own.batch_rows)
        own.batch_rows = MANY_OUT_ROWS;
    struct nfa_fed fed = { .arena = &g->arena, .pool = g->pool };
    const struct many_code *code = code_of(g, p, &fed.like);
    struct many_member *e = base_arena_alloc_lines(&g->arena, sizeof *e);
    e->number = g->n;
    e->code = code;
    e->m = nfa_matcher_new_fed(p, out, &own, &fed);
    e->key_set = key_set_of(g, e->m);
    g->conds = base_grow(g->conds, g->n, &g->cap_conds, sizeof *g->conds);
    g->conds[g->n] = (struct many_conds){ 0 };
    g->members = base_grow(g->members, g->n, &g->cap, sizeof(struct many_member *));
    g->members[g->n++] = e;
    for (size_t b = 0; b < p->n_bits; b++) {
        const struct nfa_bit *bit = &p->bits[b];
        for (uint32_t i = 0; i < g->n_inputs && bit->e; i++)
            if (bit->input < 0 || (uint32_t)bit->input == i)
                use(g, e, i, expr_index_add(g->inputs[i].index, bit->e, p->pat->col_map[i]), (uint32_t)b);
    }
    return e->number;
}

uint32_t nfa_many_count(const struct nfa_many *g) {
    return g->n;
}

static void deal_users(struct many_input *in) {
    uint32_t n = expr_index_count(in->index);
    in->user_off = base_calloc(n + (size_t)1, sizeof *in->user_off);
    in->user_list = base_calloc(in->n_users + 1, sizeof *in->user_list);
    for (size_t i = 0; i < in->n_users; i++)
        in->user_off[in->users[i].cond + 1]++;
    for (uint32_t i = 0; i < n; i++)
        in->user_off[i + 1] += in->user_off[i];
    uint32_t *at = base_calloc(n + (size_t)1, sizeof *at);
    memcpy(at, in->user_off, (n + (size_t)1) * sizeof *at);
    for (size_t i = 0; i < in->n_users; i++)
        in->user_list[at[in->users[i].cond]++] = (struct many_use){ in->users[i].member, in->users[i].bit };
    base_free(at);
    base_free(in->users);
    in->users = NULL;
}

void nfa_many_seal(struct nfa_many *g) {
    if (g->sealed)
        return;
    g->sealed = true;
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        struct many_input *in = &g->inputs[i];
        expr_index_seal(in->index);
        deal_users(in);
        in->wide_set = base_calloc(g->n_sets + 1, sizeof *in->wide_set);
        for (uint32_t k = 0; k < g->n; k++)
            in->wide_set[g->members[k]->key_set] |= g->members[k]->code->wide[i];
    }
    size_t words = BASE_BITS_WORDS(g->n) + 1;
    g->touched = base_calloc(g->n + (size_t)1, sizeof *g->touched);
    g->lists = base_calloc(g->n + (size_t)1, sizeof *g->lists);
    g->visit = base_calloc(words, sizeof *g->visit);
    g->always = base_calloc(words, sizeof *g->always);
    g->awake = base_calloc(words, sizeof *g->awake);
    g->later = base_calloc(words, sizeof *g->later);
    g->turn = base_calloc(g->n + (size_t)1, sizeof *g->turn);
    g->save.whose = base_calloc(words, sizeof *g->save.whose);
    g->save.wide = base_calloc(g->n + (size_t)1, sizeof *g->save.wide);
    g->need = base_calloc(g->n_sets + 1, sizeof *g->need);
    g->rows = base_calloc(EVT_BATCH_ROWS, sizeof *g->rows);
    for (uint32_t i = 0; i < g->n; i++)
        if (g->members[i]->code->any_wide && g->members[i]->code->greedy)
            base_bits_set(g->awake, i);
}

void nfa_many_wake(struct nfa_many *g, uint32_t pattern) {
    nfa_many_seal(g);
    base_bits_set(g->later, pattern);
}

void nfa_many_wake_always(struct nfa_many *g, uint32_t pattern) {
    nfa_many_seal(g);
    base_bits_set(g->always, pattern);
}

/* -- ahead ------------------------------------------------------------------------------------------------------------ */

/*
 * With thousands of patterns an event finds nothing of its pattern in the cache, and each thing leads to the next. So those
 * whose turn comes are fetched in steps, each of which reads what the one before asked for. Measured on 10,000 patterns
 * (many_bench): 6.6 us an event without.
 */
enum { AHEAD_MEMBER = 12, AHEAD_MATCHER = 8, AHEAD_PARTS = 4, AHEAD_KEY = 2 };

static void fetch_member(const struct nfa_many *g, uint32_t member) {
    __builtin_prefetch(g->members[member]);
}

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
    if (i + AHEAD_MEMBER < n)
        fetch_member(g, g->turn[i + AHEAD_MEMBER]);
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
        nfa_key_prefetch_group(g->members[g->turn[i + 1]]->m, hash);
}

/* -- a batch ---------------------------------------------------------------------------------------------------------- */

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

static void held_free(struct nfa_many *g, uint32_t number) {
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
                add_any_bits(e->code->p, bits);
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
    for (size_t i = 0; i < g->n_woken && i < AHEAD_MEMBER; i++)
        fetch_member(g, g->turn[i]);
    for (size_t i = 0; i < g->n_woken; i++) {
        if (i + AHEAD_MEMBER < g->n_woken)
            fetch_member(g, g->turn[i + AHEAD_MEMBER]);
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
        if (nfa_has_keys(e->m) || any_start(e->code->p, bits))
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
            held_free(g, g->rows[i].batch);
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
