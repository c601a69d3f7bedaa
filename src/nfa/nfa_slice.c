/*
 * nfa_slice -- a save that goes on while events come in.
 *
 * nfa_matcher_save_begin() fixes the moment; keys are written from then on in slices, in the order of the key table. A key that is
 * about to change, and was not written yet, is written first: nfa_step() and nfa_expire() are the only ways to change a key
 * between two calls, and both ask nfa_key_opens(). A key that came to be after the moment is marked as written.
 *
 *     slots   [ written | written | gone | ... ]  cursor ▶ [ not looked at yet: written (changed since) or not ]
 *
 * The table may move keys while the save is under way: removal moves them towards its beginning (the cursor goes back with
 * them), growth anywhere (the cursor starts over). So a key may be looked at twice, never not at all; the mark says whether it
 * was written.
 *
 * Law: what is put out is, as a set of entries, what nfa_matcher_save() would have put out at the moment of the beginning.
 */
#include "nfa/nfa_save.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"

struct nfa_slice {
    struct nfa_saver saver;
    struct sto_out out;
    size_t cursor; /* into the key table: what comes before is written */
    size_t done;   /* bytes put out */
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
    if (s->rc == CEP_OK)
        s->rc = nfa_save_key(&s->saver, k, &out, &s->err);
}

void nfa_slice_opens(struct nfa_matcher *m, struct nfa_key *k) {
    if (k->saved != m->save_number)
        write_key(m, k);
}

void nfa_slice_moved(struct nfa_matcher *m, size_t to) {
    if (to < m->slice->cursor)
        m->slice->cursor = to;
}

enum cep_rc nfa_matcher_save_begin(struct nfa_matcher *m, const struct sto_out *out, struct cep_err *err) {
    CEP_REQUIRE(!m->slice && !m->loader);
    struct nfa_slice *s = base_calloc(1, sizeof *s);
    nfa_saver_init(&s->saver, m);
    s->out = *out;
    m->slice = s;
    m->save_number++;
    nfa_meta_write(m, &s->saver.value);
    enum cep_rc rc =
        sto_put(out, NFA_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&s->saver.value), err);
    if (rc == CEP_OK)
        rc = nfa_save_rows(&s->saver, out, err);
    if (rc != CEP_OK)
        nfa_matcher_save_cancel(m);
    return rc;
}

enum cep_rc nfa_matcher_save_some(struct nfa_matcher *m, size_t bytes, struct cep_err *err) {
    struct nfa_slice *s = m->slice;
    CEP_REQUIRE(s != NULL);
    s->done = 0;
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
    nfa_matcher_save_cancel(m);
    return rc;
}

void nfa_matcher_save_cancel(struct nfa_matcher *m) {
    struct nfa_slice *s = m->slice;
    if (!s)
        return;
    nfa_saver_release(&s->saver);
    base_free(s);
    m->slice = NULL;
}

enum cep_rc nfa_matcher_save(struct nfa_matcher *m, const struct sto_out *out, struct cep_err *err) {
    enum cep_rc rc = nfa_matcher_save_begin(m, out, err);
    return rc == CEP_OK ? nfa_matcher_save_some(m, SIZE_MAX, err) : rc;
}
