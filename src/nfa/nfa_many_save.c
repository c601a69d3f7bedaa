/*
 * nfa_many_save -- the state of one of many patterns saved and loaded, as if it were alone (nfa_save.h).
 *
 * What waits lies in the group, once for all patterns. A save writes for a pattern the rows that concern it, by their hits or
 * because it looks at every row. Patterns are saved at one moment (a barrier), so their rows are written in one pass over what waits, in
 * slices, each row packed once and put out for all of them: first whoever of them is asked to go on does that. As in nfa_slice.c
 * rows that leave meanwhile are written first, and batches that come are none of it. A save that begins at another moment ends what is
 * left of the pass for those before.
 *
 * A load gives them back as batches of that pattern alone, in which a hit stands for every row: the same row comes once for
 * each pattern that it waited for, and nobody sees another one's.
 */
#include "nfa/nfa_many_internal.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"

/* -- the rows of all ------------------------------------------------------------------------------------------------ */

static struct nfa_saver *saver(struct nfa_many *g) {
    struct many_save *s = &g->save;
    if (!s->saver) {
        s->saver = base_calloc(1, sizeof *s->saver);
        nfa_saver_init(s->saver, g->members[0]->m);
    }
    return s->saver;
}

void nfa_many_save_release(struct nfa_many *g) {
    struct many_save *s = &g->save;
    if (s->saver)
        nfa_saver_release(s->saver);
    base_free(s->saver);
    base_free(s->whose);
    base_free(s->wide);
}

/* A row on its way out to several patterns: what they have in common is made when the first of them takes it. */
struct leaving {
    const struct many_held *h;
    uint32_t row, set, group;
    bool packed;
};

enum { NO_SET = UINT32_MAX };

static void put(struct nfa_many *g, uint32_t member, struct leaving *l) {
    const struct many_member *e = g->members[member];
    struct nfa_saver *s = saver(g);
    if (!e->m->slice)
        return; /* its save has failed */
    if (!l->packed)
        nfa_save_row_value(s, l->h->input, l->h->batch, l->row);
    l->packed = true;
    if (l->set != e->key_set) {
        s->m = g->sets[e->key_set];
        l->set = e->key_set;
        l->group = nfa_save_row_group(s, &l->h->keyed[l->set], l->row);
    }
    g->save.done += nfa_slice_put_row(e->m, l->group, base_buf_view(&s->value));
}

static void write_row(struct nfa_many *g, const struct many_held *h, uint32_t row) {
    struct many_save *s = &g->save;
    struct leaving l = { .h = h, .row = row, .set = NO_SET };
    for (uint32_t k = h->off[row]; k < h->off[row + 1]; k++) {
        uint32_t member = h->hits[k].member;
        bool by_hit = h->loaded || !g->members[member]->code->wide[h->input];
        if (by_hit && base_bits_get(s->whose, member))
            put(g, member, &l);
    }
    for (size_t i = 0; i < s->n_wide && !h->loaded; i++)
        if (g->members[s->wide[i]]->code->wide[h->input] && base_bits_get(s->whose, s->wide[i]))
            put(g, s->wide[i], &l);
}

void nfa_many_rows_leave(struct nfa_many *g, const struct clk_row *rows, size_t n) {
    const struct many_save *s = &g->save;
    for (size_t i = 0; i < n; i++) {
        const struct many_held *h = &g->held[rows[i].batch];
        bool was = h->saved == s->number || (rows[i].batch == s->held && rows[i].row < s->row);
        if (!was)
            write_row(g, h, rows[i].row);
    }
}

static void pass_ends(struct many_save *s, uint32_t n_patterns) {
    memset(s->whose, 0, BASE_BITS_WORDS(n_patterns) * sizeof *s->whose);
    s->n = s->n_wide = 0;
}

/* About so many bytes. Returns: true when the rows of all are out. */
static bool write_rows(struct nfa_many *g, size_t bytes) {
    struct many_save *s = &g->save;
    s->done = 0;
    for (size_t looked = 0; s->n && s->held < g->n_held; s->held++, s->row = 0, looked++) {
        struct many_held *h = &g->held[s->held];
        if (!h->batch || h->saved == s->number)
            continue;
        for (size_t row; (row = base_bits_next(h->waits, h->batch->n_rows, s->row)) < h->batch->n_rows;
             looked++) {
            if (s->done + looked >= bytes)
                return false;
            write_row(g, h, (uint32_t)row);
            s->row = (uint32_t)row + 1;
        }
        h->saved = s->number;
    }
    pass_ends(s, g->n);
    return true;
}

/* -- the save of one ------------------------------------------------------------------------------------------------ */

static void leave_pass(struct nfa_many *g, uint32_t pattern) {
    struct many_save *s = &g->save;
    if (!s->n || !base_bits_get(s->whose, pattern))
        return;
    base_bits_unset(s->whose, pattern);
    if (--s->n == 0)
        pass_ends(s, g->n);
}

static void join_pass(struct nfa_many *g, uint32_t pattern) {
    struct many_save *s = &g->save;
    base_bits_set(s->whose, pattern);
    s->n++;
    if (g->members[pattern]->code->any_wide)
        s->wide[s->n_wide++] = pattern;
}

enum cep_rc nfa_many_save_begin(
    struct nfa_many *g, uint32_t pattern, const struct sto_out *out, struct cep_err *err) {
    const struct many_member *e = g->members[pattern];
    struct many_save *s = &g->save;
    nfa_many_seal(g);
    /* It had nothing to do since it was served last. */
    e->m->watermark = g->watermark;
    if (!s->joinable) {
        (void)write_rows(g, SIZE_MAX);
        s->number++;
        s->held = 0;
        s->row = 0;
        s->joinable = true;
    }
    enum cep_rc rc = nfa_matcher_save_begin(e->m, out, err);
    if (rc == CEP_OK && (e->waiting || e->code->any_wide))
        join_pass(g, pattern);
    return rc;
}

enum cep_rc nfa_many_save_some(struct nfa_many *g, uint32_t pattern, size_t bytes, struct cep_err *err) {
    g->save.joinable = false;
    if (base_bits_get(g->save.whose, pattern) && !write_rows(g, bytes))
        return CEP_AGAIN;
    return nfa_matcher_save_some(g->members[pattern]->m, bytes, err);
}

void nfa_many_save_cancel(struct nfa_many *g, uint32_t pattern) {
    leave_pass(g, pattern);
    nfa_matcher_save_cancel(g->members[pattern]->m);
}

enum cep_rc nfa_many_save(
    struct nfa_many *g, uint32_t pattern, const struct sto_out *out, struct cep_err *err) {
    enum cep_rc rc = nfa_many_save_begin(g, pattern, out, err);
    return rc == CEP_OK ? nfa_many_save_some(g, pattern, SIZE_MAX, err) : rc;
}

/* -- loading ----------------------------------------------------------------------------------------------------------- */

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

enum cep_rc nfa_many_load_some(struct nfa_many *g, uint32_t pattern, size_t bytes, struct cep_err *err) {
    struct nfa_matcher *m = g->members[pattern]->m;
    enum cep_rc rc = nfa_matcher_load_some(m, bytes, err);
    nfa_many_settle(g, pattern, nfa_matcher_next_timer(m));
    return rc;
}
