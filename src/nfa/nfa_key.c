/*
 * nfa_key -- the table of keys that have state: open addressing, linear probing, removal by moving back.
 *
 * Keys of one int or one string column are compared as they stand in the batch; others by canonical bytes made once
 * a row. A key that has nothing left is removed at once.
 */
#include "nfa/nfa_fate.h"
#include "nfa/nfa_graph.h"
#include "nfa/nfa_later.h"
#include "nfa/nfa_stack.h"

#include "base/base_check.h"
#include "base/base_mem.h"

enum { NFA_KEYS_MIN = 64, NFA_KEYS_MIN_FED = 8 };

static struct nfa_slot *slots_new(struct nfa_matcher *m, size_t n) {
    struct nfa_slot *slots = nfa_mem_get(&m->mem, n * sizeof *slots);
    memset(slots, 0, n * sizeof *slots);
    return slots;
}

void nfa_keys_init(struct nfa_matcher *m) {
    const struct plan_pattern *pat = m->pat;
    m->n_slots = m->opts.fed ? NFA_KEYS_MIN_FED : NFA_KEYS_MIN;
    m->slots = slots_new(m, m->n_slots);
    m->null_hash = nfa_key_hash_int(true, 0);
    clk_timers_init(&m->timers);
    m->key_mode = pat->n_keys == 0 ? NFA_KEY_NONE : NFA_KEY_BYTES;
    if (pat->n_keys != 1)
        return;
    /* Fast only when every input has the key as a column. */
    enum evt_kind kind = pat->keys[0]->type->kind;
    bool direct = pat->keys[0]->kind == EXPR_COL;
    for (uint32_t i = 0; i < pat->n_inputs && direct; i++)
        direct = pat->col_map[i][pat->keys[0]->index] >= 0;
    if (direct && (kind == EVT_INT || kind == EVT_TIMESTAMP || kind == EVT_DURATION))
        m->key_mode = NFA_KEY_INT;
    if (direct && (kind == EVT_STRING || kind == EVT_BYTES))
        m->key_mode = NFA_KEY_STRING;
}

static void history_free(struct nfa_matcher *m, struct nfa_key *k) {
    if (!k->history)
        return;
    for (uint32_t i = 0; i < m->pat->n_inputs; i++) {
        struct nfa_history *h = &k->history[i];
        uint32_t cap = m->p->prev_rows[i];
        for (uint32_t r = 0; r < h->n; r++)
            nfa_ev_unref(m, h->rows[(h->head + cap - 1 - r) % cap]);
        nfa_mem_put(&m->mem, h->rows, cap * sizeof(struct nfa_ev *));
    }
    nfa_mem_put(&m->mem, k->history, m->pat->n_inputs * sizeof *k->history);
    k->history = NULL;
}

void nfa_key_drop_runs(struct nfa_matcher *m, struct nfa_key *k) {
    while (k->first)
        nfa_group_free(m, k, k->first);
    while (k->done) {
        struct nfa_done *d = k->done;
        k->done = d->next;
        m->stats.waiting--;
        nfa_done_free(m, d);
    }
    nfa_sleep_free(m, k);
}

static void key_free(struct nfa_matcher *m, struct nfa_key *k) {
    nfa_key_drop_runs(m, k);
    nfa_fates_free(m, k);
    nfa_graph_free(m, k);
    nfa_stacks_free(m, k);
    history_free(m, k);
    clk_timer_cancel(&m->timers, &k->timer);
    nfa_mem_put(&m->mem, k, k->size);
}

void nfa_keys_release(struct nfa_matcher *m) {
    for (size_t i = 0; i < m->n_slots; i++) {
        if (m->slots[i].key)
            key_free(m, m->slots[i].key);
    }
    nfa_mem_put(&m->mem, m->slots, m->n_slots * sizeof *m->slots);
    m->slots = NULL;
    m->n_slots = m->n_keys = 0;
    base_buf_release(&m->key_buf);
    clk_timers_release(&m->timers);
}

/* Of numbers each has a hash of its own (each step can be undone), and one of them has that of null. */
uint64_t nfa_key_hash_int(bool null, int64_t v) {
    uint64_t h = (uint64_t)v + (null ? UINT64_C(0x9e3779b97f4a7c15) : 0);
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    return h ^ h >> 32;
}

static bool key_is(
    const struct nfa_matcher *m, const struct nfa_key *k, const struct nfa_held *h, uint32_t row) {
    switch (m->key_mode) {
    case NFA_KEY_NONE: return true;
    case NFA_KEY_INT: {
        const struct evt_col *c = &h->batch->cols[h->key_col];
        bool null = evt_col_is_null(c, row);
        return k->vals[0].null == null && (null || k->vals[0].i == c->i[row]);
    }
    case NFA_KEY_STRING: {
        const struct evt_col *c = &h->batch->cols[h->key_col];
        bool null = evt_col_is_null(c, row);
        if (null || k->vals[0].null)
            return null && k->vals[0].null;
        uint32_t len = c->off[row + 1] - c->off[row];
        return len == k->vals[0].s.len &&
               (len == 0 || memcmp(k->vals[0].s.p, c->bytes + c->off[row], len) == 0);
    }
    case NFA_KEY_BYTES:
        return h->key_len[row] == k->n_bytes &&
               memcmp(h->key_bytes.p + h->key_off[row], k->bytes, k->n_bytes) == 0;
    }
    return false;
}

static void grow(struct nfa_matcher *m) {
    size_t n = m->n_slots * 2;
    struct nfa_slot *slots = slots_new(m, n);
    for (size_t i = 0; i < m->n_slots; i++) {
        if (!m->slots[i].key)
            continue;
        size_t at = m->slots[i].hash & (n - 1);
        while (slots[at].key)
            at = (at + 1) & (n - 1);
        slots[at] = m->slots[i];
    }
    nfa_mem_put(&m->mem, m->slots, m->n_slots * sizeof *m->slots);
    m->slots = slots;
    m->n_slots = n;
    if (m->slice)
        nfa_slice_regrown(m);
}

static size_t val_bytes(const struct evt_type *t, const struct evt_val *v) {
    return !v->null && (t->kind == EVT_STRING || t->kind == EVT_BYTES) ? v->s.len : 0;
}

/* `text`: bytes of the values' strings; `canonical`: of keys of mode BYTES. */
static struct nfa_key *key_of_vals(
    struct nfa_matcher *m, const struct evt_val *vals, size_t text, struct base_str canonical) {
    const struct plan_pattern *pat = m->pat;
    uint32_t n_bytes = (uint32_t)canonical.len;
    size_t head = sizeof(struct nfa_key) + (m->cold ? sizeof(int64_t) : 0); /* nfa_cold_row_deadline() */
    size_t size = head + pat->n_keys * sizeof(struct evt_val) + n_bytes + text;
    struct nfa_key *k = nfa_mem_get(&m->mem, size);
    memset(k, 0, head);
    k->size = size;
    k->dirty = true;
    k->deadline = EVT_TIME_MAX;
    k->saved = m->save_number;
    k->vals = (struct evt_val *)((char *)k + head);
    char *bytes = (char *)(k->vals + pat->n_keys);
    if (n_bytes) {
        memcpy(bytes, canonical.p, n_bytes);
        k->bytes = bytes;
        k->n_bytes = n_bytes;
        bytes += n_bytes;
    }
    for (uint32_t i = 0; i < pat->n_keys; i++) {
        k->vals[i] = vals[i];
        size_t len = val_bytes(pat->keys[i]->type, &vals[i]);
        if (len) {
            memcpy(bytes, vals[i].s.p, len);
            k->vals[i].s.p = bytes;
            bytes += len;
        }
    }
    return k;
}

/* Keys of arrays or rows are refused by the language; of scalars only strings have bytes of their own. */
static struct nfa_key *key_new(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row) {
    const struct plan_pattern *pat = m->pat;
    struct evt_val vals_buf[8], *vals = vals_buf;
    if (pat->n_keys > 8) {
        vals = BASE_ARENA_ARRAY(&m->scratch, struct evt_val, pat->n_keys);
        m->scratch_used = true;
    }
    size_t text = 0;
    for (uint32_t i = 0; i < pat->n_keys; i++) {
        if (pat->keys[i]->kind == EXPR_COL && pat->col_map[m->cur.input][pat->keys[i]->index] >= 0) {
            uint32_t col = (uint32_t)pat->col_map[m->cur.input][pat->keys[i]->index];
            evt_col_get(&h->batch->cols[col], row, &m->scratch, &vals[i]);
        } else {
            m->env.mode = NFA_ENV_TEST;
            m->env.run = NULL;
            m->env.own_var = NFA_NONE;
            expr_eval(pat->keys[i], &m->env.base, &vals[i]);
            m->scratch_used = true;
        }
        text += val_bytes(pat->keys[i]->type, &vals[i]);
    }
    struct base_str bytes = { NULL, 0 };
    if (m->key_mode == NFA_KEY_BYTES)
        bytes = (struct base_str){ h->key_bytes.p + h->key_off[row], h->key_len[row] };
    return key_of_vals(m, vals, text, bytes);
}

static void key_insert(struct nfa_matcher *m, struct nfa_key *k, uint64_t hash) {
    if ((m->n_keys + 1) * 4 > m->n_slots * 3)
        grow(m);
    size_t at = hash & (m->n_slots - 1);
    while (m->slots[at].key)
        at = (at + 1) & (m->n_slots - 1);
    k->hash = hash;
    m->slots[at] = (struct nfa_slot){ hash, k };
    m->n_keys++;
}

__attribute__((always_inline)) static inline struct nfa_key *look_up(
    const struct nfa_matcher *m, const struct nfa_held *h, uint32_t row) {
    /* The only one: its hash is 0. */
    if (m->key_mode == NFA_KEY_NONE)
        return m->slots[0].key;
    uint64_t hash = h->hash[row];
    size_t at = hash & (m->n_slots - 1);
    bool told_by_hash = m->key_mode == NFA_KEY_INT && hash != m->null_hash;
    for (; m->slots[at].key; at = (at + 1) & (m->n_slots - 1)) {
        if (m->slots[at].hash == hash && (told_by_hash || key_is(m, m->slots[at].key, h, row)))
            return m->slots[at].key;
    }
    return NULL;
}

bool nfa_key_is_there(const struct nfa_matcher *m, const struct nfa_held *h, uint32_t row) {
    return look_up(m, h, row) != NULL;
}

struct nfa_key *nfa_key_find(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row, bool make) {
    uint64_t hash = h->hash[row];
    struct nfa_key *there = look_up(m, h, row);
    if (there)
        return there;
    if (__builtin_expect(m->later != NULL, 0) && nfa_later_find(m, hash)) {
        there = look_up(m, h, row);
        if (there || m->rc != CEP_OK)
            return there;
    }
    if (__builtin_expect(m->cold != NULL, 0)) {
        struct nfa_key *k = nfa_cold_find(m, h, row);
        if (k || m->rc != CEP_OK)
            return k;
    }
    if (!make)
        return NULL;
    struct nfa_key *k = key_new(m, h, row);
    key_insert(m, k, hash);
    return k;
}

/* As a batch's rows are hashed (nfa_input.c). */
static uint64_t hash_of_vals(
    const struct nfa_matcher *m, const struct evt_val *vals, struct base_str canonical) {
    switch (m->key_mode) {
    case NFA_KEY_NONE: return 0;
    case NFA_KEY_INT: return nfa_key_hash_int(vals[0].null, vals[0].null ? 0 : vals[0].i);
    case NFA_KEY_STRING:
        return vals[0].null ? nfa_key_hash_int(true, 0) : base_hash(vals[0].s.p, vals[0].s.len);
    case NFA_KEY_BYTES: break;
    }
    return base_hash(canonical.p, canonical.len);
}

struct nfa_key *nfa_key_add(struct nfa_matcher *m, const struct evt_val *vals) {
    const struct plan_pattern *pat = m->pat;
    size_t text = 0;
    base_buf_clear(&m->key_buf);
    for (uint32_t i = 0; i < pat->n_keys; i++) {
        evt_val_write_key(&m->key_buf, pat->keys[i]->type, &vals[i]);
        text += val_bytes(pat->keys[i]->type, &vals[i]);
    }
    struct base_str canonical = { base_buf_cstr(&m->key_buf), m->key_buf.len };
    uint64_t hash = hash_of_vals(m, vals, canonical);
    for (size_t at = hash & (m->n_slots - 1); m->slots[at].key; at = (at + 1) & (m->n_slots - 1)) {
        const struct nfa_key *k = m->slots[at].key;
        bool same = m->slots[at].hash == hash;
        for (uint32_t i = 0; i < pat->n_keys && same; i++)
            same = evt_val_eq(pat->keys[i]->type, &k->vals[i], &vals[i]);
        if (same)
            return NULL;
    }
    if (m->key_mode != NFA_KEY_BYTES)
        canonical.len = 0;
    struct nfa_key *k = key_of_vals(m, vals, text, canonical);
    key_insert(m, k, hash);
    return k;
}

void nfa_key_remove(struct nfa_matcher *m, struct nfa_key *k) {
    size_t mask = m->n_slots - 1, at = k->hash & mask;
    while (m->slots[at].key != k)
        at = (at + 1) & mask;
    key_free(m, k);
    m->n_keys--;
    /* What was pushed past the gap moves back into it. */
    for (size_t next = (at + 1) & mask; m->slots[next].key; next = (next + 1) & mask) {
        size_t home = m->slots[next].hash & mask;
        if (((next - home) & mask) >= ((next - at) & mask)) {
            m->slots[at] = m->slots[next];
            if (m->slice)
                nfa_slice_moved(m, next, at);
            at = next;
        }
    }
    m->slots[at].key = NULL;
}

void nfa_key_settle(struct nfa_matcher *m, struct nfa_key *k) {
    if (!k->stacks && !k->graph && !k->fates && !k->first && !k->done && !k->history &&
        !(m->p->uses_match_number && k->match_number)) {
        if (k->stored)
            nfa_cold_died(m, k);
        else
            nfa_key_remove(m, k);
        return;
    }
    if (k->ghost)
        nfa_cold_revived(m, k);
    if (k->deadline == EVT_TIME_MAX) {
        clk_timer_cancel(&m->timers, &k->timer);
        return;
    }
    /* A timer that is early is left: most deadlines move out before they are due. */
    if (clk_timer_waits(&k->timer)) {
        if (clk_timer_at(&m->timers, &k->timer) <= k->deadline)
            return;
        clk_timer_cancel(&m->timers, &k->timer);
    }
    clk_timer_add(&m->timers, &k->timer, k->deadline);
}

void nfa_key_canonical(const struct nfa_matcher *m, const struct nfa_key *k, struct base_buf *b) {
    for (uint32_t i = 0; i < m->pat->n_keys; i++)
        evt_val_write_key(b, m->pat->keys[i]->type, &k->vals[i]);
}
