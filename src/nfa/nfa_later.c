/*
 * nfa_later -- see nfa_later.h.
 */
#include "nfa/nfa_later.h"
#include "nfa/nfa_cold.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <string.h>

enum {
    DUE = 256,             /* keys read at once because they are due */
    TIER_BYTES = 32 << 20, /* of entries, with a tier: and half of its budget */
    ENTRY_BYTES = 56       /* with its bucket and its deadline, about */
};

struct entry {
    uint64_t hash;   /* as the matcher's table has it */
    const char *key; /* borrowed; canonical bytes; NULL: it was read */
    uint32_t key_len;
    uint32_t value_off, value_len; /* from `key` on */
    uint32_t next;                 /* of the same bucket: its number + 1; 0 = none */
};

struct due {
    int64_t at;
    uint32_t entry;
};

struct nfa_later {
    struct nfa_loader *loader; /* owned */
    struct entry *entries;
    size_t n, cap, n_left;
    uint32_t *buckets; /* owned; a number + 1, 0 = empty */
    size_t n_buckets;
    struct due *heap; /* owned; the earliest first */
    size_t n_heap, cap_heap;
    size_t cursor; /* those before it were read */
    size_t saved;  /* those before it are in the save that is under way */
};

/* -- taking --------------------------------------------------------------------------------------------------------- */

/* As a batch's rows are hashed (nfa_input.c). */
static bool hash_of(const struct nfa_matcher *m, struct base_str key, uint64_t *hash) {
    struct base_unpack u = base_unpack_of(key);
    bool null = m->key_mode == NFA_KEY_INT || m->key_mode == NFA_KEY_STRING ? base_unpack_u8(&u) == 0 : false;
    switch (m->key_mode) {
    case NFA_KEY_NONE: *hash = 0; return key.len == 0;
    case NFA_KEY_INT:
        *hash = nfa_key_hash_int(null, null ? 0 : (int64_t)base_unpack_u64(&u));
        return base_unpack_ok(&u);
    case NFA_KEY_STRING: {
        struct base_str s = base_unpack_bytes(&u, null ? 0 : base_unpack_u32(&u));
        *hash = null ? nfa_key_hash_int(true, 0) : base_hash(s.p, s.len);
        return base_unpack_ok(&u);
    }
    case NFA_KEY_BYTES: *hash = base_hash(key.p, key.len); return true;
    }
    return false;
}

/* With a tier memory is short; and a key that lies there already has been put where it belongs. */
static bool has_room(const struct nfa_matcher *m) {
    uint64_t n = m->later ? m->later->n : 0;
    if (m->cold && (m->cold->n.keys > 0 || n >= (TIER_BYTES + m->opts.budget / 2) / ENTRY_BYTES))
        return false;
    return n < UINT32_MAX - 1;
}

bool nfa_later_take(struct nfa_matcher *m, const struct sto_entry *e) {
    struct base_unpack u = base_unpack_of(e->value);
    uint8_t tag = base_unpack_u8(&u);
    int64_t deadline = base_unpack_zigzag(&u);
    uint64_t hash;
    if (!has_room(m) || u.bad || tag != (nfa_store_of(m->p)->tag | NFA_KEY_TIMED) ||
        !hash_of(m, e->key, &hash) || e->key.len > INT32_MAX || e->value.len > INT32_MAX ||
        e->value.p < e->key.p || e->value.p - e->key.p > INT32_MAX)
        return false;
    if (!m->later)
        m->later = base_calloc(1, sizeof *m->later);
    struct nfa_later *l = m->later;
    l->entries = base_grow(l->entries, l->n, &l->cap, sizeof *l->entries);
    l->entries[l->n] = (struct entry){ .hash = hash,
        .key = e->key.p,
        .key_len = (uint32_t)e->key.len,
        .value_off = (uint32_t)(e->value.p - e->key.p),
        .value_len = (uint32_t)e->value.len };
    if (deadline != EVT_TIME_MAX) {
        l->heap = base_grow(l->heap, l->n_heap, &l->cap_heap, sizeof *l->heap);
        l->heap[l->n_heap++] = (struct due){ deadline, (uint32_t)l->n };
    }
    l->n++;
    return true;
}

/* -- the heap of deadlines ---------------------------------------------------------------------------------------------- */

static void sink(struct nfa_later *l, size_t i) {
    struct due d = l->heap[i];
    for (size_t child; (child = 2 * i + 1) < l->n_heap; i = child) {
        if (child + 1 < l->n_heap && l->heap[child + 1].at < l->heap[child].at)
            child++;
        if (l->heap[child].at >= d.at)
            break;
        l->heap[i] = l->heap[child];
    }
    l->heap[i] = d;
}

static uint32_t pop(struct nfa_later *l) {
    uint32_t entry = l->heap[0].entry;
    l->heap[0] = l->heap[--l->n_heap];
    if (l->n_heap > 0)
        sink(l, 0);
    return entry;
}

int64_t nfa_later_next(const struct nfa_matcher *m) {
    return m->later && m->later->n_heap > 0 ? m->later->heap[0].at : EVT_TIME_MAX;
}

void nfa_look_at_hidden(struct nfa_matcher *m) {
    int64_t later = nfa_later_next(m), cold = m->cold ? sto_tier_next(m->cold->tier) : EVT_TIME_MAX;
    m->cold_next = later < cold ? later : cold;
}

/* -- a life ------------------------------------------------------------------------------------------------------------- */

enum cep_rc nfa_later_ready(struct nfa_matcher *m, struct cep_err *err) {
    struct nfa_later *l = m->later;
    if (!l)
        return CEP_OK;
    enum cep_rc rc = nfa_loader_new_own(m, &l->loader, err);
    l->n_left = l->n;
    for (l->n_buckets = 64; l->n_buckets < l->n; l->n_buckets *= 2)
        continue;
    l->buckets = base_calloc(l->n_buckets, sizeof *l->buckets);
    for (size_t i = 0; i < l->n; i++) {
        uint32_t *bucket = &l->buckets[l->entries[i].hash & (l->n_buckets - 1)];
        l->entries[i].next = *bucket;
        *bucket = (uint32_t)i + 1;
    }
    for (size_t i = l->n_heap / 2; i-- > 0;)
        sink(l, i);
    nfa_look_at_hidden(m);
    return rc == CEP_OK ? CEP_AGAIN : rc;
}

void nfa_later_free(struct nfa_matcher *m) {
    struct nfa_later *l = m->later;
    if (!l)
        return;
    nfa_loader_free(l->loader);
    base_free(l->entries);
    base_free(l->buckets);
    base_free(l->heap);
    base_free(l);
    m->later = NULL;
    nfa_look_at_hidden(m);
}

size_t nfa_later_left(const struct nfa_matcher *m) {
    return m->later ? m->later->n_left : 0;
}

/* -- reading ------------------------------------------------------------------------------------------------------------ */

static struct sto_entry entry_of(const struct entry *e) {
    struct base_str key = { e->key, e->key_len }, value = { e->key + e->value_off, e->value_len };
    return (struct sto_entry){ .ns = NFA_NS_KEY, .group = sto_group_of(key), .key = key, .value = value };
}

static void read_entry(struct nfa_matcher *m, size_t i) {
    struct nfa_later *l = m->later;
    struct entry *at = &l->entries[i];
    if (!at->key || m->rc != CEP_OK)
        return;
    struct sto_entry e = entry_of(at);
    if (m->slice && !m->cold && i >= l->saved)
        nfa_slice_put_later(m, &e);
    at->key = NULL;
    l->n_left--;
    /* Within the step of an event, perhaps. */
    struct nfa_cur cur = m->cur;
    struct nfa_env env = m->env;
    struct nfa_stats was = m->stats;
    struct cep_err err = CEP_ERR_INIT;
    struct nfa_key *k = NULL;
    enum cep_rc rc = nfa_load_later_key(l->loader, e.value, &k, &err);
    m->cur = cur;
    m->env = env;
    if (rc == CEP_OK && k && m->slice && m->cold)
        nfa_slice_read_later(m, k, &was);
    if (rc == CEP_OK)
        return;
    m->rc = rc;
    m->err = err;
}

/* Returns: true when none is left, and so nothing of it. */
static bool is_over(struct nfa_matcher *m) {
    if (m->later->n_left > 0)
        return false;
    nfa_later_free(m);
    return true;
}

bool nfa_later_find(struct nfa_matcher *m, uint64_t hash) {
    struct nfa_later *l = m->later;
    bool found = false;
    for (uint32_t i = l->buckets[hash & (l->n_buckets - 1)]; i; i = l->entries[i - 1].next) {
        if (l->entries[i - 1].hash != hash || !l->entries[i - 1].key)
            continue;
        read_entry(m, i - 1);
        found = true;
    }
    if (found)
        (void)is_over(m);
    return found;
}

void nfa_later_due(struct nfa_matcher *m, int64_t now) {
    struct nfa_later *l = m->later;
    if (nfa_later_next(m) > now)
        return;
    for (size_t n = 0; n < DUE && l->n_heap > 0 && l->heap[0].at <= now && m->rc == CEP_OK; n++)
        read_entry(m, pop(l));
    if (!is_over(m))
        nfa_look_at_hidden(m);
}

enum cep_rc nfa_matcher_load_some(struct nfa_matcher *m, size_t bytes, struct cep_err *err) {
    struct nfa_later *l = m->later;
    size_t done = 0;
    for (; l && l->cursor < l->n && done < bytes && m->rc == CEP_OK; l->cursor++) {
        done += 1 + (l->entries[l->cursor].key ? l->entries[l->cursor].value_len : 0);
        read_entry(m, l->cursor);
        if (m->cold)
            nfa_cold_settle(m);
    }
    if (m->rc != CEP_OK) {
        if (err)
            *err = m->err;
        return m->rc;
    }
    return !l || is_over(m) ? CEP_OK : CEP_AGAIN;
}

/* -- saving ------------------------------------------------------------------------------------------------------------- */

void nfa_later_save_begin(struct nfa_matcher *m) {
    if (m->later)
        m->later->saved = 0;
}

enum cep_rc nfa_later_save_next(struct nfa_matcher *m, struct sto_entry *e) {
    struct nfa_later *l = m->later;
    if (l->saved == l->n)
        return CEP_NONE;
    const struct entry *at = &l->entries[l->saved++];
    if (!at->key)
        return CEP_AGAIN;
    *e = entry_of(at);
    return CEP_OK;
}
