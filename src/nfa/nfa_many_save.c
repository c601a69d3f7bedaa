/*
 * nfa_many_save -- the state of one of many patterns saved and loaded, as if it were alone (nfa_save.h).
 *
 * What waits lies in the group, once for all patterns. A save writes for a pattern the rows that concern it, by their hits or
 * because it looks at every row. A load gives them back as batches of that pattern alone, in which a hit stands for every
 * row: the same row comes once for each pattern that it waited for, and nobody sees another one's.
 */
#include "nfa/nfa_many_internal.h"
#include "nfa/nfa_save.h"

#include "base/base_check.h"

static bool concerns(const struct nfa_many *g, uint32_t pattern, const struct many_held *h, uint32_t row) {
    if (g->members[pattern]->code->wide[h->input] && !h->loaded)
        return true;
    for (uint32_t k = h->off[row]; k < h->off[row + 1]; k++)
        if (h->hits[k].member == pattern)
            return true;
    return false;
}

static enum cep_rc save_rows(
    struct nfa_many *g, uint32_t pattern, const struct sto_out *out, struct cep_err *err) {
    const struct many_member *e = g->members[pattern];
    enum cep_rc rc = CEP_OK;
    uint64_t number = 0;
    struct nfa_saver s;
    nfa_saver_init(&s, e->m);
    for (size_t r = 0; r < g->reorder.n_runs; r++) {
        const struct clk_run *run = &g->reorder.runs[r];
        for (size_t i = run->head; i < run->n && rc == CEP_OK; i++) {
            const struct many_held *h = &g->held[run->rows[i].batch];
            if (concerns(g, pattern, h, run->rows[i].row))
                rc = nfa_save_row(&s, &h->keyed[e->key_set], run->rows[i].row, number++, out, err);
        }
    }
    nfa_saver_release(&s);
    return rc;
}

enum cep_rc nfa_many_save_begin(
    struct nfa_many *g, uint32_t pattern, const struct sto_out *out, struct cep_err *err) {
    struct nfa_matcher *m = g->members[pattern]->m;
    nfa_many_seal(g);
    /* It had nothing to do since it was served last. */
    m->watermark = g->watermark;
    enum cep_rc rc = nfa_matcher_save_begin(m, out, err);
    /* Looks at all that wait, so one for which nothing does is passed by. */
    if (rc == CEP_OK && (g->members[pattern]->waiting || g->members[pattern]->code->any_wide))
        rc = save_rows(g, pattern, out, err);
    if (rc != CEP_OK)
        nfa_matcher_save_cancel(m);
    return rc;
}

enum cep_rc nfa_many_save_some(struct nfa_many *g, uint32_t pattern, size_t bytes, struct cep_err *err) {
    return nfa_matcher_save_some(g->members[pattern]->m, bytes, err);
}

void nfa_many_save_cancel(struct nfa_many *g, uint32_t pattern) {
    nfa_matcher_save_cancel(g->members[pattern]->m);
}

enum cep_rc nfa_many_save(
    struct nfa_many *g, uint32_t pattern, const struct sto_out *out, struct cep_err *err) {
    enum cep_rc rc = nfa_many_save_begin(g, pattern, out, err);
    return rc == CEP_OK ? nfa_many_save_some(g, pattern, SIZE_MAX, err) : rc;
}

struct place {
    struct nfa_many *g;
    uint32_t pattern;
};

static void take_rows(void *arg, uint32_t input, struct evt_batch *b) {
    const struct place *at = arg;
    nfa_many_take_loaded(at->g, at->pattern, input, b);
}

enum cep_rc nfa_many_load(struct nfa_many *g, uint32_t pattern, const struct sto_entry *e,
    struct sto_losses *losses, struct cep_err *err) {
    struct place at = { g, pattern };
    nfa_many_seal(g);
    nfa_load_rows_to(g->members[pattern]->m, take_rows, &at);
    return nfa_matcher_load(g->members[pattern]->m, e, losses, err);
}

enum cep_rc nfa_many_loaded(
    struct nfa_many *g, uint32_t pattern, struct sto_losses *losses, struct cep_err *err) {
    struct place at = { g, pattern };
    struct nfa_matcher *m = g->members[pattern]->m;
    nfa_many_seal(g);
    nfa_load_rows_to(m, take_rows, &at);
    enum cep_rc rc = nfa_matcher_loaded(m, losses, err);
    nfa_many_settle(g, pattern, nfa_matcher_next_timer(m));
    /* Those behind it may have state too: they are asked when they want to be called. */
    nfa_many_wake(g, pattern);
    return rc;
}
