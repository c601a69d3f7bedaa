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

/* A key that is asked for. */
struct nfa_asked {
    uint64_t hash;
    size_t off, len; /* in `bytes`: its canonical bytes */
    uint32_t next;   /* with the same slot: its number + 1; 0 = none */
    bool found;
};

static void mark(struct nfa_recall *r, uint64_t hash) {
    base_bits_set(r->went, hash % NFA_RECALL_MARKS);
}

void nfa_recall_went(struct nfa_cold *c, const struct nfa_key *k) {
    mark(&c->recall, k->hash);
}

bool nfa_recall_is_absent(const struct nfa_cold *c, uint64_t hash) {
    const struct nfa_recall *r = &c->recall;
    return r->turn < r->n_rows && base_bits_get(r->absent, r->turn) &&
           !base_bits_get(r->went, hash % NFA_RECALL_MARKS);
}

void nfa_recall_release(struct nfa_recall *r) {
    base_free(r->asked);
    base_free(r->keys);
    base_buf_release(&r->bytes);
}

/* Returns: the number of the row's key among those that are asked for. */
static uint32_t ask(struct nfa_cold *c, const struct nfa_held *h, uint32_t row, uint16_t *slots) {
    struct nfa_recall *r = &c->recall;
    uint64_t hash = h->hash[row];
    nfa_save_row_key(&c->saver, h, row);
    struct base_str key = base_buf_view(&c->saver.key);
    uint16_t *slot = &slots[hash % SLOTS];
    for (uint32_t i = *slot; i; i = r->asked[i - 1].next) {
        const struct nfa_asked *a = &r->asked[i - 1];
        if (a->hash == hash && base_str_eq((struct base_str){ r->bytes.p + a->off, a->len }, key))
            return i - 1;
    }
    r->asked[r->n_asked] =
        (struct nfa_asked){ .hash = hash, .off = r->bytes.len, .len = key.len, .next = *slot };
    base_buf_str(&r->bytes, key);
    *slot = (uint16_t)(r->n_asked + 1);
    return r->n_asked++;
}

static enum cep_rc on_found(
    void *arg, size_t i, struct base_str value, int64_t deadline, struct cep_err *err) {
    struct nfa_matcher *m = arg;
    struct nfa_recall *r = &m->cold->recall;
    (void)err;
    r->asked[i].found = true;
    r->n_bytes += value.len;
    r->n_found++;
    /* Those that do not fit are read when it is their turn. */
    if (nfa_cold_has_room(m))
        nfa_cold_bring_back(m, value, deadline);
    return m->rc;
}

/* As many rows as have keys of so many bytes, if they are like those of the last time. */
static size_t stretch(const struct nfa_recall *r, size_t n) {
    uint64_t each = r->n_found ? r->n_bytes / r->n_found : 0;
    size_t most = each > BYTES / NFA_RECALL_ROWS ? BYTES / each : NFA_RECALL_ROWS;
    most = most ? most : 1;
    return n < most ? n : most;
}

size_t nfa_recall(struct nfa_matcher *m, const struct clk_row *rows, size_t n) {
    struct nfa_cold *c = m->cold;
    struct nfa_recall *r = &c->recall;
    struct cep_err err = CEP_ERR_INIT;
    uint16_t slots[SLOTS] = { 0 };
    uint32_t number[NFA_RECALL_ROWS];
    n = stretch(r, n);
    r->n_rows = n;
    memset(r->absent, 0, sizeof r->absent);
    memset(r->went, 0, sizeof r->went);
    if (!c->n.keys || m->rc != CEP_OK)
        return n;
    if (!r->asked) {
        r->asked = base_calloc(NFA_RECALL_ROWS, sizeof *r->asked);
        r->keys = base_calloc(NFA_RECALL_ROWS, sizeof *r->keys);
    }
    base_buf_clear(&r->bytes);
    r->n_asked = 0;
    for (size_t i = 0; i < n; i++) {
        const struct nfa_held *h = &m->held[rows[i].batch];
        bool there = nfa_key_is_there(m, h, rows[i].row) ||
                     (m->later && nfa_later_find(m, h->hash[rows[i].row]) &&
                         nfa_key_is_there(m, h, rows[i].row));
        number[i] = there ? UINT32_MAX : ask(c, h, rows[i].row, slots);
    }
    base_arena_clear(&c->saver.scratch);
    if (r->n_asked == 0)
        return n;
    for (uint32_t i = 0; i < r->n_asked; i++)
        r->keys[i] = (struct base_str){ r->bytes.p + r->asked[i].off, r->asked[i].len };
    r->n_bytes = r->n_found = 0;
    (void)nfa_cold_fine(m, sto_tier_get_many(c->tier, r->keys, r->n_asked, on_found, m, &err), &err);
    for (size_t i = 0; i < n; i++)
        if (number[i] != UINT32_MAX && !r->asked[number[i]].found)
            base_bits_set(r->absent, i);
    return n;
}
