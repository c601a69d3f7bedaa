/*
 * nfa_slice -- a save that goes on while events come in.
 *
 * nfa_matcher_save_begin() fixes the moment; rows that wait, then keys, are written from then on in slices, keys in the order of the
 * key table. A key that is about to change, and was not written yet, is written first: nfa_step() and nfa_expire() are the only
 * ways to change a key between two calls, and both ask nfa_key_opens(). A key that came to be after the moment is marked as written.
 *
 *     slots   [ written | written | gone | ... ]  cursor ▶ [ not looked at yet: written (changed since) or not ]
 *
 * The table may move keys while the save is under way: removal moves them towards its beginning (the cursor goes back with
 * those that pass it), growth anywhere (the cursor starts over). So a key may be looked at twice, never not at all; the mark says whether it
 * was written.
 *
 * Rows do not change: of a batch that was there at the moment those are written that wait, and before its turn each one that
 * leaves. A batch that came later is marked as written.
 *
 * Law: what is put out is, as a set of entries, what nfa_matcher_save() would have put out at the moment of the beginning.
 */
#include "nfa/nfa_cold.h"
#include "nfa/nfa_later.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"

struct nfa_slice {
    struct nfa_saver saver;
    struct sto_out out;
    size_t held;                 /* into the batches of which rows wait: what comes before is written */
    uint32_t row;                /* into that batch: the same */
    size_t cursor;               /* into the key table: the same */
    size_t done;                 /* bytes put out */
    uint64_t n_rows;             /* entries ROW put out */
    bool counts;                 /* with a tier: are put out */
    struct nfa_cold_gauges more; /* of keys that were left for later and have been read since */
    /* The first failure of a write that an event asked for; told by the next slice. */
    enum cep_rc rc;
    struct cep_err err;
};

static enum cep_rc on_put(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct nfa_slice *s = arg;
    s->done += e->key.len + e->value.len;
    return s->out.put(s->out.arg, e, err);
}

static void write_key(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_slice *s = m->slice;
    struct sto_out out = { on_put, s };
    k->saved = m->save_number;
    if (s->rc != CEP_OK || (m->cold && !k->dirty))
        return;
    if (!m->cold) {
        /* The sets' are exact; a run's may be left from one that is gone. */
        if (m->p->store == NFA_STORE_RUNS)
            nfa_key_find_deadline(m, k);
        s->rc = nfa_save_key(&s->saver, k, &out, &s->err);
        return;
    }
    size_t before = sto_tier_pending(m->cold->tier);
    s->rc = nfa_cold_put(m, k, &s->err);
    s->done += sto_tier_pending(m->cold->tier) - before;
}

size_t nfa_slice_put_row(struct nfa_matcher *m, uint32_t group, struct base_str value) {
    struct nfa_slice *s = m->slice;
    size_t before = s->done;
    base_buf_clear(&s->saver.key);
    base_pack_u64(&s->saver.key, s->n_rows++);
    if (s->rc == CEP_OK)
        s->rc = sto_put(
            &(struct sto_out){ on_put, s }, NFA_NS_ROW, group, base_buf_view(&s->saver.key), value, &s->err);
    return s->done - before;
}

void nfa_slice_put_later(struct nfa_matcher *m, const struct sto_entry *e) {
    struct nfa_slice *s = m->slice;
    if (s->rc == CEP_OK)
        s->rc = on_put(s, e, &s->err);
}

void nfa_slice_read_later(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_stats *was) {
    struct nfa_cold_gauges *more = &m->slice->more;
    more->keys++;
    more->open += m->stats.open - was->open;
    more->asleep += m->stats.asleep - was->asleep;
    more->waiting += m->stats.waiting - was->waiting;
    write_key(m, k);
}

/* Keys that a restore left where they lie, as they are; with a tier they are read. Returns: true when all are written. */
static bool write_later(struct nfa_matcher *m, size_t bytes) {
    struct nfa_slice *s = m->slice;
    struct sto_entry e;
    enum cep_rc rc;
    if (m->cold && m->later) {
        rc = s->done < bytes ? nfa_matcher_load_some(m, bytes - s->done, &s->err) : CEP_AGAIN;
        if (rc != CEP_AGAIN && s->rc == CEP_OK)
            s->rc = rc;
        return rc != CEP_AGAIN;
    }
    for (size_t looked = 0; m->later && s->rc == CEP_OK; looked++) {
        if (s->done + looked >= bytes)
            return false;
        if ((rc = nfa_later_save_next(m, &e)) == CEP_NONE)
            break;
        if (rc == CEP_OK)
            nfa_slice_put_later(m, &e);
    }
    return true;
}

static void write_row(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row) {
    struct nfa_saver *s = &m->slice->saver;
    uint32_t group = nfa_save_row_group(s, h, row);
    nfa_save_row_value(s, h->input, h->batch, row);
    (void)nfa_slice_put_row(m, group, base_buf_view(&s->value));
}

void nfa_slice_leaves(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row) {
    const struct nfa_slice *s = m->slice;
    bool was = h->saved == m->save_number || (h == &m->held[s->held] && row < s->row);
    if (!was)
        write_row(m, h, row);
}

/* Of the batches in their order. Returns: true when all are written. */
static bool write_rows(struct nfa_matcher *m, size_t bytes) {
    struct nfa_slice *s = m->slice;
    for (; s->held < m->n_held; s->held++, s->row = 0) {
        struct nfa_held *h = &m->held[s->held];
        if (!h->batch || h->saved == m->save_number)
            continue;
        for (size_t row; (row = base_bits_next(h->waits, h->batch->n_rows, s->row)) < h->batch->n_rows;) {
            if (s->done >= bytes || s->rc != CEP_OK)
                return false;
            write_row(m, h, (uint32_t)row);
            s->row = (uint32_t)row + 1;
        }
        h->saved = m->save_number;
    }
    return true;
}

void nfa_slice_opens(struct nfa_matcher *m, struct nfa_key *k) {
    if (m->slice && k->saved != m->save_number)
        write_key(m, k);
    if (m->cold)
        nfa_cold_opens(m, k);
}

void nfa_slice_moved(struct nfa_matcher *m, size_t from, size_t to) {
    /* A key that was looked at and stays behind the cursor is no reason to go back: where keys go all the time the cursor would
     * not come forward. */
    if (from >= m->slice->cursor && to < m->slice->cursor)
        m->slice->cursor = to;
}

void nfa_slice_regrown(struct nfa_matcher *m) {
    m->slice->cursor = 0;
}

static enum cep_rc told(const struct nfa_matcher *m, struct cep_err *err) {
    if (m->rc != CEP_OK && err)
        *err = m->err;
    return m->rc;
}

static enum cep_rc begin(struct nfa_matcher *m, const struct sto_out *out, bool counts, struct cep_err *err) {
    CEP_REQUIRE(!m->slice && !m->loader && !(m->cold && m->cold->held));
    struct nfa_slice *s = base_calloc(1, sizeof *s);
    nfa_saver_init(&s->saver, m);
    s->out = *out;
    s->counts = counts;
    m->slice = s;
    m->guarded = true;
    m->save_number++;
    nfa_later_save_begin(m);
    enum cep_rc rc = CEP_OK;
    if (m->cold) {
        /* Those that died before are none of it. */
        if (!nfa_cold_bury(m) || !nfa_spill_forget(m))
            rc = told(m, err);
        m->cold->held = true;
    }
    nfa_meta_write(m, &s->saver.value);
    if (rc == CEP_OK)
        rc = sto_put(out, NFA_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&s->saver.value), err);
    if (rc == CEP_OK && m->cold && counts)
        rc = nfa_cold_save_counts(m, out, err);
    if (rc != CEP_OK)
        nfa_matcher_save_cancel(m);
    return rc;
}

/* The slices are over. With a tier the save is to be taken still. */
static void end(struct nfa_matcher *m) {
    struct nfa_slice *s = m->slice;
    if (!s)
        return;
    nfa_saver_release(&s->saver);
    base_free(s);
    m->slice = NULL;
    m->guarded = m->cold != NULL;
}

static enum cep_rc stop(struct nfa_matcher *m, enum cep_rc rc) {
    if (rc == CEP_OK)
        end(m);
    else
        nfa_matcher_save_cancel(m);
    return rc;
}

enum cep_rc nfa_matcher_save_begin(struct nfa_matcher *m, const struct sto_out *out, struct cep_err *err) {
    return begin(m, out, true, err);
}

enum cep_rc nfa_matcher_save_some(struct nfa_matcher *m, size_t bytes, struct cep_err *err) {
    struct nfa_slice *s = m->slice;
    CEP_REQUIRE(s != NULL);
    s->done = 0;
    if (m->cold && bytes < SIZE_MAX && nfa_cold_writes(m, false))
        return nfa_cold_write_some(m, false) ? CEP_AGAIN : stop(m, told(m, err));
    if ((!write_rows(m, bytes) || !write_later(m, bytes)) && s->rc == CEP_OK)
        return CEP_AGAIN;
    /* A look at a slot counts too: a large table with few keys in it is not gone through at once. */
    for (size_t looked = 0; s->rc == CEP_OK && s->cursor < m->n_slots; looked++) {
        if (s->done + looked >= bytes)
            return CEP_AGAIN;
        struct nfa_key *k = m->slots[s->cursor++].key;
        if (k && k->saved != m->save_number)
            write_key(m, k);
    }
    enum cep_rc rc = s->rc;
    if (rc != CEP_OK && err)
        *err = s->err;
    if (rc == CEP_OK && m->cold && bytes < SIZE_MAX && nfa_cold_writes(m, true)) {
        if (nfa_cold_write_some(m, true))
            return CEP_AGAIN;
        rc = told(m, err);
    }
    if (rc == CEP_OK && m->cold && !nfa_cold_write(m))
        rc = told(m, err);
    if (rc == CEP_OK && s->more.keys > 0 && s->counts)
        rc = nfa_cold_save_more(&s->more, &s->out, err);
    return stop(m, rc);
}

void nfa_matcher_save_cancel(struct nfa_matcher *m) {
    end(m);
    nfa_matcher_save_taken(m);
}

enum cep_rc nfa_matcher_save(struct nfa_matcher *m, const struct sto_out *out, struct cep_err *err) {
    enum cep_rc rc = begin(m, out, false, err);
    if (rc == CEP_OK)
        rc = nfa_matcher_save_some(m, SIZE_MAX, err);
    if (rc == CEP_OK && m->cold)
        rc = nfa_cold_save_all(m, out, err);
    nfa_matcher_save_taken(m);
    return rc;
}
