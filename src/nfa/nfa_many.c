/*
 * nfa_many -- see nfa_many.h. This file: its life, what its patterns have in common.
 */
#include "nfa/nfa_many_internal.h"

#include "base/base_bits.h"
#include "base/base_check.h"
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

void nfa_many_add_any_bits(const struct nfa_prog *p, uint64_t *bits) {
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
        nfa_many_add_any_bits(p, bits0);
        c->wide[i] = is_wide(p, bits0);
        c->any_wide = c->any_wide || c->wide[i];
        c->greedy = c->greedy || nfa_many_starts(p, bits0) || p->prev_rows[i];
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
