/*
 * nfa_spill -- rows that wait for the watermark and do not fit into memory: down into the tier's database, and back in their order.
 *
 * A batch goes down as it comes, or not at all: its rows as entries ROW have them, in the order of time. What comes back goes through the
 * same door as a batch from outside, with its conditions evaluated again, and is taken at once; so between two calls of
 * nfa_matcher_advance() no row is in both places.
 */
#include "nfa/nfa_cold.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"

enum { FORGET = 1 << 16 /* rows, when no save does it: one mark in the database for all of them */ };

void nfa_spill_release(struct nfa_matcher *m) {
    struct nfa_cold *c = m->cold;
    for (uint32_t i = 0; c->back && i < m->pat->n_inputs; i++)
        evt_batch_unref(c->back[i]);
    base_free(c->back);
    c->back = NULL;
}

size_t nfa_spill_bytes(const struct nfa_matcher *m) {
    uint64_t most = m->opts.budget / 2;
    return m->cold->row_bytes < most ? m->cold->row_bytes : most;
}

/* -- down ----------------------------------------------------------------------------------------------------------- */

bool nfa_spill(struct nfa_matcher *m, const struct nfa_held *h, const uint64_t *rows) {
    struct nfa_cold *c = m->cold;
    struct nfa_saver *s = &c->saver;
    const struct evt_batch *b = h->batch;
    struct cep_err err = CEP_ERR_INIT;
    if (c->held || c->returning || c->row_bytes <= m->opts.budget / 2)
        return false;
    for (size_t i = base_bits_next(rows, b->n_rows, 0); i < b->n_rows;
         i = base_bits_next(rows, b->n_rows, i + 1)) {
        struct sto_row row = { .time = b->time[i],
            .input = h->input,
            .origin = b->origin[i],
            .seq = b->seq[i],
            .number = c->row_number++,
            .group = nfa_save_row_group(s, h, (uint32_t)i) };
        nfa_save_row_value(s, h->input, b, (uint32_t)i);
        sto_rows_put(c->rows, &row, base_buf_view(&s->value));
        c->n.rows++;
    }
    (void)nfa_cold_fine(m, sto_rows_write(c->rows, &err), &err);
    return true;
}

bool nfa_spill_forget(struct nfa_matcher *m) {
    struct cep_err err = CEP_ERR_INIT;
    CEP_REQUIRE(!m->cold->held);
    (void)nfa_cold_fine(m, sto_rows_forget(m->cold->rows, &err), &err);
    m->cold->n_back = 0;
    return m->rc == CEP_OK;
}

/* -- back ----------------------------------------------------------------------------------------------------------- */

/* What failed was told when they came first, and all was counted. */
static void come_in(struct nfa_matcher *m, uint32_t input) {
    struct nfa_cold *c = m->cold;
    struct evt_batch *b = c->back[input];
    struct cep_err err = CEP_ERR_INIT;
    if (!b)
        return;
    struct nfa_out out = m->out;
    uint64_t events = m->stats.events, irrelevant = m->stats.irrelevant, failures = m->stats.failures;
    m->out.failure = NULL;
    c->returning = true;
    (void)nfa_cold_fine(m, nfa_matcher_batch(m, input, b, m->now_us, &err), &err);
    c->returning = false;
    m->out = out;
    m->stats.events = events;
    m->stats.irrelevant = irrelevant;
    m->stats.failures = failures;
    evt_batch_unref(b);
    c->back[input] = NULL;
}

static enum cep_rc on_row(void *arg, struct base_str value, struct cep_err *err) {
    struct nfa_matcher *m = arg;
    struct nfa_cold *c = m->cold;
    struct base_unpack u = base_unpack_of(value);
    uint64_t input = base_unpack_varint(&u);
    bool fine = !u.bad && input < m->pat->n_inputs;
    if (fine && !c->back[input])
        c->back[input] = evt_batch_new(plan_schema_of(m->own->plan, m->own->pat->inputs[input]), 0);
    fine = fine && evt_unpack_row(&u, c->back[input], &c->saver.scratch) && base_unpack_ok(&u);
    base_arena_clear(&c->saver.scratch);
    if (!fine)
        return base_err_set(err, CEP_EDAMAGED,
            "pattern \"%.*s\": a waiting event in the database of state is damaged",
            BASE_STR_FMT(m->own->node->name));
    c->n.rows--;
    c->n_back++;
    if (evt_batch_is_full(c->back[input]))
        come_in(m, (uint32_t)input);
    return m->rc;
}

int64_t nfa_spill_back(struct nfa_matcher *m, int64_t watermark) {
    struct nfa_cold *c = m->cold;
    struct cep_err err = CEP_ERR_INIT;
    int64_t reached;
    if (sto_rows_first(c->rows) > watermark)
        return watermark;
    if (!c->back)
        c->back = base_calloc(m->pat->n_inputs + (size_t)1, sizeof(struct evt_batch *));
    (void)nfa_cold_fine(
        m, sto_rows_take(c->rows, watermark, EVT_BATCH_ROWS, on_row, m, &reached, &err), &err);
    for (uint32_t i = 0; i < m->pat->n_inputs; i++)
        come_in(m, i);
    if (c->n_back >= FORGET && !c->held)
        (void)nfa_spill_forget(m);
    return reached;
}
