/*
 * nfa_recall -- keys of rows that are about to be taken come back from the tier together, instead of one by one as their rows ask for them.
 *
 *     rows to take   [ . . . . . . . . . . | . . . . . . ]      a stretch of them
 *                      │ not in the table
 *                      ▼
 *     one read of the database, many keys at a time ──▶ there: in the table, touched
 *                                                   ──▶ not there: the row's bit in `absent`; when its turn comes nobody is asked
 *
 * A key may go down between the read and its row's turn (memory is short, many rows have keys of their own): each one that goes leaves its
 * mark in `went`, and a row whose mark is there asks again. So what was read early is never what a row goes by, only what it need not
 * read.
 */
#include "nfa/nfa_cold.h"
#include "nfa/nfa_later.h"

#include "base/base_bits.h"
#include "base/base_err.h"
#include "base/base_mem.h"

enum {
    SLOTS = 2 * NFA_RECALL_ROWS,
    BYTES = 1 << 20 /* of keys, about, that one read brings */
};

/* Keys that are asked for. */
struct asked {
    struct nfa_matcher *m;
    uint32_t n;
    struct one {
        uint64_t hash;
        size_t off, len; /* in `bytes`: its canonical bytes */
        uint32_t next;   /* with the same slot: its number + 1; 0 = none */
        bool found;
    } keys[NFA_RECALL_ROWS];
    uint16_t slots[SLOTS]; /* by hash: a number + 1 */
};

void nfa_recall_went(struct nfa_cold *c, const struct nfa_key *k) {
    if (c->recall.went)
        base_bits_set(c->recall.went, k->hash % NFA_RECALL_MARKS);
}

bool nfa_recall_is_absent(const struct nfa_cold *c, uint64_t hash) {
    const struct nfa_recall *r = &c->recall;
    return r->turn < r->n_rows && base_bits_get(r->absent, r->turn) &&
           !base_bits_get(r->went, hash % NFA_RECALL_MARKS);
}

void nfa_recall_release(struct nfa_recall *r) {
    base_free(r->went);
    base_buf_release(&r->bytes);
}

/* Returns: the number of the row's key among those that are asked for. */
static uint32_t ask(struct asked *a, const struct nfa_held *h, uint32_t row) {
    struct nfa_cold *c = a->m->cold;
    struct base_buf *bytes = &c->recall.bytes;
    uint64_t hash = h->hash[row];
    nfa_save_row_key(&c->saver, h, row);
    struct base_str key = base_buf_view(&c->saver.key);
    uint16_t *slot = &a->slots[hash % SLOTS];
    for (uint32_t i = *slot; i; i = a->keys[i - 1].next) {
        const struct one *k = &a->keys[i - 1];
        if (k->hash == hash && base_str_eq((struct base_str){ bytes->p + k->off, k->len }, key))
            return i - 1;
    }
    a->keys[a->n] = (struct one){ .hash = hash, .off = bytes->len, .len = key.len, .next = *slot };
    base_buf_str(bytes, key);
    *slot = (uint16_t)(a->n + 1);
    return a->n++;
}

static enum cep_rc on_found(
    void *arg, size_t i, struct base_str value, int64_t deadline, struct cep_err *err) {
    struct asked *a = arg;
    struct nfa_recall *r = &a->m->cold->recall;
    (void)err;
    a->keys[i].found = true;
    r->n_bytes += value.len;
    r->n_found++;
    /* Those that do not fit are read when it is their turn. */
    if (nfa_cold_has_room(a->m))
        nfa_cold_bring_back(a->m, value, deadline);
    return a->m->rc;
}

static void read_asked(struct asked *a) {
    struct nfa_matcher *m = a->m;
    struct nfa_recall *r = &m->cold->recall;
    struct base_str keys[NFA_RECALL_ROWS];
    struct cep_err err = CEP_ERR_INIT;
    for (uint32_t i = 0; i < a->n; i++)
        keys[i] = (struct base_str){ r->bytes.p + a->keys[i].off, a->keys[i].len };
    r->n_bytes = r->n_found = 0;
    (void)nfa_cold_fine(m, sto_tier_get_many(m->cold->tier, keys, a->n, on_found, a, &err), &err);
}

/* As many rows as have keys of so many bytes, if they are like those of the last time. */
static size_t stretch(const struct nfa_recall *r, size_t n) {
    uint64_t each = r->n_found ? r->n_bytes / r->n_found : 0;
    size_t most = each > BYTES / NFA_RECALL_ROWS ? BYTES / each : NFA_RECALL_ROWS;
    most = most ? most : 1;
    return n < most ? n : most;
}

static bool is_in_memory(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row) {
    return nfa_key_is_there(m, h, row) ||
           (m->later && nfa_later_find(m, h->hash[row]) && nfa_key_is_there(m, h, row));
}

size_t nfa_recall(struct nfa_matcher *m, const struct clk_row *rows, size_t n) {
    struct nfa_cold *c = m->cold;
    struct nfa_recall *r = &c->recall;
    uint32_t number[NFA_RECALL_ROWS];
    n = stretch(r, n);
    r->n_rows = n;
    memset(r->absent, 0, sizeof r->absent);
    if (!c->n.keys || m->rc != CEP_OK)
        return n;
    struct asked a = { .m = m };
    if (!r->went)
        r->went = base_alloc(NFA_RECALL_MARKS / 8);
    memset(r->went, 0, NFA_RECALL_MARKS / 8);
    base_buf_clear(&r->bytes);
    for (size_t i = 0; i < n; i++) {
        const struct nfa_held *h = &m->held[rows[i].batch];
        number[i] = is_in_memory(m, h, rows[i].row) ? UINT32_MAX : ask(&a, h, rows[i].row);
    }
    base_arena_clear(&c->saver.scratch);
    if (a.n == 0)
        return n;
    read_asked(&a);
    for (size_t i = 0; i < n; i++)
        if (number[i] != UINT32_MAX && !a.keys[number[i]].found)
            base_bits_set(r->absent, i);
    return n;
}
