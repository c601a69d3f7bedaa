/*
 * nfa_input -- batches in: conditions evaluated a batch at a time, rows that matter put in order.
 *
 * A row that no state and no start cares for is dropped here, before its key is hashed. The others wait as (batch, row)
 * with their bits and the hash of their key; the batch is held until its last row was taken.
 */
#include "nfa/nfa_cold.h"
#include "nfa/nfa_det.h"
#include "nfa/nfa_later.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"

enum { WORDS = EVT_BATCH_ROWS / 64 };

struct reads {
    const int32_t *map;
    bool lacks;
};

static void on_col(const struct expr *e, void *arg) {
    struct reads *r = arg;
    if (e->kind == EXPR_COL && r->map[e->index] < 0)
        r->lacks = true;
}

static bool lacks_column(const struct expr *e, const int32_t *map) {
    struct reads r = { map, false };
    expr_walk(e, on_col, &r);
    return r.lacks;
}

void nfa_inputs_key(struct nfa_matcher *m) {
    const struct plan_pattern *pat = m->pat;
    for (uint32_t i = 0; i < pat->n_inputs; i++) {
        struct nfa_input *in = &m->inputs[i];
        if (in->keys)
            continue;
        if (!in->share)
            in->share = expr_share_new();
        in->direct_key = -1;
        in->keys = base_calloc(pat->n_keys + 1, sizeof *in->keys);
        if (m->key_mode == NFA_KEY_INT || m->key_mode == NFA_KEY_STRING) {
            in->direct_key = pat->col_map[i][pat->keys[0]->index];
            continue;
        }
        for (uint32_t k = 0; k < pat->n_keys; k++) {
            if (expr_is_event_only(pat->keys[k]) && !lacks_column(pat->keys[k], pat->col_map[i]))
                in->keys[k] = expr_vec_new_in(in->share, pat->keys[k], pat->col_map[i]);
        }
    }
}

void nfa_inputs_init(struct nfa_matcher *m) {
    const struct nfa_prog *p = m->p;
    const struct plan_pattern *pat = m->pat;
    m->inputs = base_calloc(pat->n_inputs, sizeof *m->inputs);
    clk_reorder_init(&m->reorder);
    if (m->opts.fed)
        return;
    for (uint32_t i = 0; i < pat->n_inputs; i++) {
        struct nfa_input *in = &m->inputs[i];
        in->share = expr_share_new();
        in->vecs = base_calloc(p->n_bits + 1, sizeof *in->vecs);
        in->never = base_calloc(p->n_bits + 1, sizeof *in->never);
        in->scalar = base_calloc(p->n_bits + 1, sizeof *in->scalar);
        for (size_t b = 0; b < p->n_bits; b++) {
            const struct nfa_bit *bit = &p->bits[b];
            if (bit->input >= 0 && (uint32_t)bit->input != i)
                in->never[b] = true;
            else if (bit->e && lacks_column(bit->e, pat->col_map[i]))
                in->scalar[b] = true;
            else if (bit->e)
                in->vecs[b] = expr_vec_new_in(in->share, bit->e, pat->col_map[i]);
        }
    }
    nfa_inputs_key(m);
    m->bitmaps = base_calloc((p->n_bits + 1) * WORDS, sizeof *m->bitmaps);
}

void nfa_held_release(struct nfa_held *h) {
    base_free(h->bits);
    base_free(h->waits);
    base_free(h->hash);
    base_free(h->key_off);
    base_free(h->key_len);
    base_buf_release(&h->key_bytes);
    *h = (struct nfa_held){ 0 };
}

void nfa_inputs_release(struct nfa_matcher *m) {
    for (uint32_t i = 0; m->inputs && i < m->pat->n_inputs; i++) {
        struct nfa_input *in = &m->inputs[i];
        for (size_t b = 0; in->vecs && b < m->p->n_bits; b++)
            expr_vec_free(in->vecs[b]);
        for (uint32_t k = 0; in->keys && k < m->pat->n_keys; k++)
            expr_vec_free(in->keys[k]);
        expr_share_free(in->share);
        base_free(in->vecs);
        base_free(in->never);
        base_free(in->scalar);
        base_free(in->keys);
    }
    base_free(m->inputs);
    m->inputs = NULL;
    for (size_t i = 0; i < m->n_held; i++) {
        evt_batch_unref(m->held[i].batch);
        nfa_held_release(&m->held[i]);
    }
    base_free(m->held);
    base_free(m->free_held);
    base_free(m->bitmaps);
    base_free(m->rows);
    clk_reorder_release(&m->reorder);
}

/* -- conditions ------------------------------------------------------------------------------------------------ */

void nfa_report(
    struct nfa_matcher *m, uint32_t input, const struct evt_batch *b, const struct expr_fails *f) {
    for (size_t row = base_bits_next(f->rows, b->n_rows, 0); row < b->n_rows;
         row = base_bits_next(f->rows, b->n_rows, row + 1)) {
        m->stats.failures++;
        if (m->out.failure)
            m->out.failure(m->out.arg, input, b, (uint32_t)row, f->reason);
    }
}

/* Row by row, for conditions that read columns which this input lacks (they are null). */
static void eval_scalar(struct nfa_matcher *m, uint32_t input, const struct evt_batch *b,
    const struct expr *e, const uint64_t *sel, uint64_t *out, struct expr_fails *fails) {
    m->cur.batch = b;
    m->cur.input = input;
    memset(out, 0, WORDS * sizeof *out);
    for (size_t row = base_bits_next(sel, b->n_rows, 0); row < b->n_rows;
         row = base_bits_next(sel, b->n_rows, row + 1)) {
        m->cur.row = (uint32_t)row;
        m->env.mode = NFA_ENV_TEST;
        m->env.run = NULL;
        m->env.key = NULL;
        m->env.own_var = NFA_NONE;
        m->env.base.failure = NULL;
        m->env.base.now_us = m->now_us;
        if (expr_eval_bool(e, &m->env.base))
            base_bits_set(out, row);
        if (m->env.base.failure) {
            fails->n += !base_bits_get(fails->rows, row);
            base_bits_set(fails->rows, row);
            if (!fails->reason)
                fails->reason = m->env.base.failure;
        }
    }
    m->scratch_used = true;
    m->cur.batch = NULL;
}

static void eval_bits(struct nfa_matcher *m, uint32_t input, const struct evt_batch *b, const uint64_t *sel) {
    const struct nfa_prog *p = m->p;
    struct nfa_input *in = &m->inputs[input];
    struct expr_fails fails;
    memset(&fails, 0, sizeof fails);
    size_t words = BASE_BITS_WORDS(b->n_rows);
    expr_share_open(in->share, b);
    for (size_t i = 0; i < p->n_bits; i++) {
        uint64_t *out = m->bitmaps + i * WORDS;
        const struct nfa_bit *bit = &p->bits[i];
        if (in->never[i]) {
            memset(out, 0, words * sizeof *out);
        } else if (bit->n_any) {
            memset(out, 0, words * sizeof *out);
            for (uint32_t k = 0; k < bit->n_any; k++) {
                for (size_t w = 0; w < words; w++)
                    out[w] |= m->bitmaps[bit->any[k] * WORDS + w];
            }
        } else if (in->scalar[i]) {
            eval_scalar(m, input, b, bit->e, sel, out, &fails);
        } else if (bit->e) {
            expr_vec_filter(in->vecs[i], b, sel, m->now_us, out, &fails);
        } else {
            memcpy(out, sel, words * sizeof *out);
        }
    }
    expr_share_close(in->share);
    if (fails.n)
        nfa_report(m, input, b, &fails);
}

/* -- rows that matter ------------------------------------------------------------------------------------------- */

static size_t find_relevant(
    const struct nfa_matcher *m, const struct evt_batch *b, const uint64_t *sel, uint64_t *out) {
    const struct nfa_prog *p = m->p;
    size_t words = BASE_BITS_WORDS(b->n_rows);
    if (p->needs_all_rows) {
        memcpy(out, sel, words * sizeof *out);
        return base_bits_count(out, b->n_rows);
    }
    memset(out, 0, words * sizeof *out);
    for (size_t i = 0; i < p->n_bits; i++) {
        if (!base_bits_get(p->masks + p->any_interest, i))
            continue;
        for (size_t w = 0; w < words; w++)
            out[w] |= m->bitmaps[i * WORDS + w];
    }
    for (size_t w = 0; w < words; w++)
        out[w] &= sel[w];
    return base_bits_count(out, b->n_rows);
}

void nfa_held_room(struct nfa_matcher *m, struct nfa_held *h, uint32_t n_rows) {
    base_buf_clear(&h->key_bytes);
    if (h->cap_rows >= n_rows)
        return;
    h->cap_rows = EVT_BATCH_ROWS > n_rows ? EVT_BATCH_ROWS : n_rows;
    h->hash = base_realloc(h->hash, h->cap_rows * sizeof *h->hash);
    if (m->key_mode == NFA_KEY_BYTES) {
        h->key_off = base_realloc(h->key_off, h->cap_rows * sizeof *h->key_off);
        h->key_len = base_realloc(h->key_len, h->cap_rows * sizeof *h->key_len);
    }
}

static uint32_t held_new(struct nfa_matcher *m, uint32_t input, struct evt_batch *b) {
    uint32_t i;
    if (m->n_free_held) {
        i = m->free_held[--m->n_free_held];
    } else {
        m->held = base_grow(m->held, m->n_held, &m->cap_held, sizeof *m->held);
        i = (uint32_t)m->n_held++;
        m->held[i] = (struct nfa_held){ 0 };
    }
    struct nfa_held *h = &m->held[i];
    uint32_t cap = h->cap_rows;
    nfa_held_room(m, h, b->n_rows);
    if (h->cap_rows > cap) {
        h->bits = base_realloc(h->bits, h->cap_rows * m->p->n_words * sizeof *h->bits);
        h->waits = base_realloc(h->waits, BASE_BITS_WORDS(h->cap_rows) * sizeof *h->waits);
    }
    h->batch = evt_batch_ref(b);
    h->input = input;
    h->waiting = 0;
    h->saved = m->save_number;
    h->bytes = m->cold ? evt_batch_bytes(b) : 0;
    if (m->cold)
        m->cold->row_bytes += h->bytes + nfa_held_bytes(m, h);
    return i;
}
static void held_free(struct nfa_matcher *m, uint32_t i) {
    if (m->cold)
        m->cold->row_bytes -= m->held[i].bytes + nfa_held_bytes(m, &m->held[i]);
    evt_batch_unref(m->held[i].batch);
    m->held[i].batch = NULL;
    m->free_held = base_grow(m->free_held, m->n_free_held, &m->cap_free_held, sizeof *m->free_held);
    m->free_held[m->n_free_held++] = i;
}

static void spread_bits(
    struct nfa_matcher *m, struct nfa_held *h, const struct evt_batch *b, const uint64_t *rows) {
    size_t n_words = m->p->n_words, n_bits = m->p->n_bits;
    memset(h->bits, 0, b->n_rows * n_words * sizeof *h->bits);
    for (size_t i = 0; i < n_bits; i++) {
        const uint64_t *map = m->bitmaps + i * WORDS;
        uint64_t bit = UINT64_C(1) << (i & 63);
        for (size_t w = 0; w < BASE_BITS_WORDS(b->n_rows); w++) {
            for (uint64_t left = map[w] & rows[w]; left; left &= left - 1) {
                size_t row = w * 64 + (size_t)__builtin_ctzll(left);
                h->bits[row * n_words + i / 64] |= bit;
            }
        }
    }
}

static void hash_bytes(struct nfa_matcher *m, struct nfa_held *h, const struct evt_batch *b,
    const uint64_t *rows, struct expr_fails *fails) {
    const struct plan_pattern *pat = m->pat;
    struct nfa_input *in = &m->inputs[h->input];
    const struct evt_col *cols_buf[8];
    const struct evt_col **cols = cols_buf;
    if (pat->n_keys > 8) {
        cols = BASE_ARENA_ARRAY(&m->scratch, const struct evt_col *, pat->n_keys);
        m->scratch_used = true;
    }
    for (uint32_t k = 0; k < pat->n_keys; k++)
        cols[k] = in->keys[k] ? expr_vec_eval(in->keys[k], b, rows, m->now_us, fails) : NULL;
    m->cur.batch = b;
    m->cur.input = h->input;
    for (size_t row = base_bits_next(rows, b->n_rows, 0); row < b->n_rows;
         row = base_bits_next(rows, b->n_rows, row + 1)) {
        h->key_off[row] = (uint32_t)h->key_bytes.len;
        m->cur.row = (uint32_t)row;
        for (uint32_t k = 0; k < pat->n_keys; k++) {
            struct evt_val v;
            if (cols[k]) {
                evt_col_get(cols[k], (uint32_t)row, &m->scratch, &v);
            } else {
                m->env.mode = NFA_ENV_TEST;
                m->env.run = NULL;
                m->env.key = NULL;
                m->env.own_var = NFA_NONE;
                expr_eval(pat->keys[k], &m->env.base, &v);
            }
            evt_val_write_key(&h->key_bytes, pat->keys[k]->type, &v);
        }
        h->key_len[row] = (uint32_t)(h->key_bytes.len - h->key_off[row]);
        h->hash[row] = base_hash(h->key_bytes.p + h->key_off[row], h->key_len[row]);
    }
    m->scratch_used = true;
    m->cur.batch = NULL;
}

void nfa_hash_keys(struct nfa_matcher *m, struct nfa_held *h, const struct evt_batch *b, const uint64_t *rows,
    struct expr_fails *fails) {
    if (m->key_mode == NFA_KEY_BYTES) {
        hash_bytes(m, h, b, rows, fails);
        return;
    }
    const struct evt_col *c = NULL;
    if (m->key_mode != NFA_KEY_NONE) {
        h->key_col = (uint32_t)m->inputs[h->input].direct_key;
        c = &b->cols[h->key_col];
    }
    for (size_t w = 0; w < BASE_BITS_WORDS(b->n_rows); w++) {
        for (uint64_t left = rows[w]; left; left &= left - 1) {
            uint32_t row = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(left));
            bool null = c && evt_col_is_null(c, row);
            if (!c)
                h->hash[row] = 0;
            else if (m->key_mode == NFA_KEY_INT)
                h->hash[row] = nfa_key_hash_int(null, null ? 0 : c->i[row]);
            else if (null)
                h->hash[row] = nfa_key_hash_int(true, 0);
            else
                h->hash[row] = base_hash(c->bytes + c->off[row], c->off[row + 1] - c->off[row]);
        }
    }
}

/* -- taking rows ------------------------------------------------------------------------------------------------ */

static void fire_warm(struct nfa_matcher *m, int64_t now) {
    int64_t at;
    struct clk_timer *t;
    while (
        m->rc == CEP_OK && clk_timers_are_due(&m->timers, now) && (t = clk_timers_pop(&m->timers, now, &at)))
        (m->trace ? nfa_trace_expire : nfa_expire)(m, CEP_CONTAINER_OF(t, struct nfa_key, timer), at);
}

/* Keys in the tier, and those left for later, come back in the order of their deadlines, some at a time; so those in memory wait for them. */
static void fire_timers(struct nfa_matcher *m, int64_t now) {
    while (m->cold_next <= now && m->cold_next != EVT_TIME_MAX && m->rc == CEP_OK) {
        if (m->later)
            nfa_later_due(m, now);
        if (m->cold)
            nfa_cold_due(m, now);
        fire_warm(m, m->cold_next < now ? m->cold_next : now);
        if (m->cold)
            nfa_cold_settle(m);
    }
    fire_warm(m, now);
}

__attribute__((always_inline)) static inline void take_row(
    struct nfa_matcher *m, const struct nfa_held *h, uint32_t row, const uint64_t *bits) {
    m->cur.bits = bits;
    m->cur.folded = nfa_fold(m->p, m->cur.bits);
    m->cur.batch = h->batch;
    m->cur.row = row;
    m->cur.input = h->input;
    m->cur.time = m->event_time = h->batch->time[row];
    m->cur.failed = false;
    m->cur.order = m->next_order++;
    bool make = nfa_may_start(m) || m->p->prev_rows[h->input] > 0;
    struct nfa_key *k = nfa_key_find(m, h, row, make);
    if (__builtin_expect(m->cold != NULL, 0) && (m->rc != CEP_OK || (k && k->ghost && !make)))
        k = NULL;
    if (k && m->trace)
        nfa_trace_step(m, k);
    else if (k)
        nfa_step(m, k);
    m->cur.batch = NULL;
    if (m->scratch_used) {
        base_arena_clear(&m->scratch);
        m->scratch_used = false;
    }
}

/* Fewer keys are in the cache. */
enum { AHEAD_SLOT = 12, AHEAD_KEY = 8, AHEAD_STATE = 4, AHEAD_KEYS = 64 };

static uint64_t hash_of(const struct nfa_matcher *m, const struct clk_row *r) {
    return m->held[r->batch].hash[r->row];
}

static void fetch_ahead(const struct nfa_matcher *m, const struct clk_row *rows, size_t n) {
    if (n > AHEAD_SLOT)
        nfa_key_prefetch(m, hash_of(m, &rows[AHEAD_SLOT]));
    if (n > AHEAD_KEY)
        nfa_key_prefetch_key(m, hash_of(m, &rows[AHEAD_KEY]));
    if (n > AHEAD_STATE)
        nfa_key_prefetch_state(m, hash_of(m, &rows[AHEAD_STATE]));
}

static void too_much(struct nfa_matcher *m) {
    if (m->rc != CEP_OK)
        return;
    m->rc = base_err_set(&m->err, CEP_ELIMIT, "partial matches need more than %llu bytes",
        (unsigned long long)m->opts.max_bytes);
    base_err_hint(&m->err,
        "bound them (within, limit N open per key; cepd check says what grows), or raise state.memory");
    m->err.fatal = true;
}

/* After every event, because what one event adds may double with the next. */
static inline void check_budget(struct nfa_matcher *m) {
    if (__builtin_expect(m->cold != NULL, 0))
        nfa_cold_settle(m);
    if (__builtin_expect(m->opts.max_bytes && nfa_mem_held(&m->mem) > m->opts.max_bytes, 0))
        too_much(m);
}

/* What is due by then, and the row. Inline: a call costs a tenth of an event that only stays. */
__attribute__((always_inline)) static inline void take(
    struct nfa_matcher *m, const struct nfa_held *h, uint32_t row, const uint64_t *bits) {
    if (m->rc != CEP_OK)
        return;
    int64_t time = h->batch->time[row];
    if (clk_timers_are_due(&m->timers, time) || m->cold_next <= time)
        fire_timers(m, time);
    if (m->dets)
        nfa_dets_tidy(m);
    take_row(m, h, row, bits);
    check_budget(m);
}

/* Before row i of n is taken. Returns: up to which row keys have been asked for. */
static size_t recall(struct nfa_matcher *m, const struct clk_row *rows, size_t i, size_t n, size_t asked) {
    struct nfa_recall *r = &m->cold->recall;
    if (i == asked)
        asked += nfa_recall(m, rows + i, n - i);
    r->turn = i + r->n_rows - asked;
    return asked;
}

static void take_rows(struct nfa_matcher *m, const struct clk_row *rows, size_t n) {
    size_t asked = 0;
    bool ahead = m->n_keys > AHEAD_KEYS;
    for (size_t i = 0; i < n && i < AHEAD_SLOT && ahead; i++)
        nfa_key_prefetch(m, hash_of(m, &rows[i]));
    for (size_t i = 0; i < n; i++) {
        struct nfa_held *h = &m->held[rows[i].batch];
        if (ahead)
            fetch_ahead(m, rows + i, n - i);
        if (__builtin_expect(m->slice != NULL, 0))
            nfa_slice_leaves(m, h, rows[i].row);
        if (__builtin_expect(m->cold != NULL, 0))
            asked = recall(m, rows, i, n, asked);
        base_bits_unset(h->waits, rows[i].row);
        take(m, h, rows[i].row, h->bits + (size_t)rows[i].row * m->p->n_words);
        if (--h->waiting == 0)
            held_free(m, rows[i].batch);
    }
    if (m->cold)
        m->cold->recall.n_rows = 0;
}

static enum cep_rc finish(struct nfa_matcher *m, struct cep_err *err) {
    nfa_emit_flush(m);
    if (m->scratch_used) {
        base_arena_clear(&m->scratch);
        m->scratch_used = false;
    }
    check_budget(m);
    if (m->rc != CEP_OK && err)
        *err = m->err;
    return m->rc;
}

static void room_for_rows(struct nfa_matcher *m, size_t n) {
    if (m->cap_rows >= n)
        return;
    m->cap_rows = n > EVT_BATCH_ROWS ? n : EVT_BATCH_ROWS;
    m->rows = base_realloc(m->rows, m->cap_rows * sizeof *m->rows);
}

enum cep_rc nfa_matcher_batch(
    struct nfa_matcher *m, uint32_t input, struct evt_batch *b, int64_t now_us, struct cep_err *err) {
    CEP_REQUIRE(input < m->pat->n_inputs && b->n_rows <= EVT_BATCH_ROWS && !m->opts.fed);
    uint64_t all[WORDS], relevant[WORDS];
    const uint64_t *sel = b->sel;
    m->now_us = now_us;
    if (b->n_rows == 0 || m->rc != CEP_OK)
        return finish(m, err);
    if (!sel) {
        base_bits_fill(all, b->n_rows);
        sel = all;
    } else if (b->n_rows & 63) {
        memcpy(all, sel, BASE_BITS_WORDS(b->n_rows) * sizeof *all);
        all[b->n_rows / 64] &= (UINT64_C(1) << (b->n_rows & 63)) - 1;
        sel = all;
    }
    size_t n_there = base_bits_count(sel, b->n_rows);
    m->stats.events += n_there;
    eval_bits(m, input, b, sel);
    size_t n = find_relevant(m, b, sel, relevant);
    m->stats.irrelevant += n_there - n;
    if (n == 0)
        return finish(m, err);

    uint32_t slot = held_new(m, input, b);
    struct nfa_held *h = &m->held[slot];
    spread_bits(m, h, b, relevant);
    struct expr_fails fails = { .n = 0 };
    nfa_hash_keys(m, h, b, relevant, &fails);
    if (fails.n)
        nfa_report(m, input, b, &fails);
    if (m->cold && !m->opts.processing_time && nfa_spill(m, h, relevant)) {
        held_free(m, slot);
        return finish(m, err);
    }
    h->waiting = (uint32_t)n;
    memcpy(h->waits, relevant, BASE_BITS_WORDS(b->n_rows) * sizeof *h->waits);
    room_for_rows(m, n);
    size_t at = 0;
    for (size_t w = 0; w < BASE_BITS_WORDS(b->n_rows); w++) {
        for (uint64_t left = relevant[w]; left; left &= left - 1) {
            uint32_t row = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(left));
            m->rows[at++] = (struct clk_row){ b->time[row], b->seq[row], input, b->origin[row], slot, row };
        }
    }
    if (m->opts.processing_time)
        take_rows(m, m->rows, n);
    else
        clk_reorder_add(&m->reorder, m->rows, n);
    return finish(m, err);
}

enum cep_rc nfa_matcher_advance(struct nfa_matcher *m, int64_t watermark, struct cep_err *err) {
    if (m->rc != CEP_OK)
        return finish(m, err);
    if (watermark > m->watermark)
        m->watermark = watermark;
    room_for_rows(m, EVT_BATCH_ROWS);
    for (int64_t upto = watermark;;) {
        if (m->cold)
            upto = nfa_spill_back(m, watermark);
        for (size_t n; (n = clk_reorder_take(&m->reorder, upto, m->rows, m->cap_rows));)
            take_rows(m, m->rows, n);
        if (upto == watermark || m->rc != CEP_OK)
            break;
    }
    fire_timers(m, watermark);
    return finish(m, err);
}

/* -- fed by nfa_many ---------------------------------------------------------------------------------------------- */

static void fetch_bytes(const void *from, const void *to) {
    for (const char *p = from; p < (const char *)to; p += 64)
        __builtin_prefetch(p);
}

void nfa_fetch_matcher(const struct nfa_matcher *m) {
    fetch_bytes(m, &m->stats.work + 1);
}

void nfa_fetch_parts(const struct nfa_matcher *m) {
    __builtin_prefetch(m->timers.heap);
    if (m->timers.n_line)
        __builtin_prefetch(&m->timers.line[m->timers.head]);
}

void nfa_fetch_due(const struct nfa_matcher *m, int64_t watermark) {
    struct clk_timer *t = clk_timers_peek(&m->timers, watermark);
    if (t)
        __builtin_prefetch(CEP_CONTAINER_OF(t, struct nfa_key, timer));
}

void nfa_feed(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row, const uint64_t *bits) {
    take(m, h, row, bits);
}

enum cep_rc nfa_feed_end(struct nfa_matcher *m, int64_t watermark, struct cep_err *err) {
    m->watermark = watermark;
    fire_timers(m, watermark);
    return finish(m, err);
}
