/*
 * nfa_save -- a matcher's state written down. META: nfa_meta.c; when a key is written: nfa_slice.c.
 *
 *     KEY  key: the canonical bytes of the key; its group is theirs
 *          u8 store: 1 = runs, 2 = graph (nfa_graph_save.c), 3 = fates (nfa_fate_save.c), 8 = stacks (nfa_stack_save.c); + 128 (from META's version 3 on):
 *          zigzag deadline: nothing happens to the key without an event before it
 *          the key's values
 *          varint match_number   zigzag time of the last match   varint matches emitted at that time
 *          varint events * (varint input, varint origin, varint seq, varint order, zigzag time, a value a kept column)
 *          an input: varint rows * varint event             history for prev(), oldest first
 *          what the store says; runs:
 *          varint links  * (varint variable, varint event, varint link before + 1)
 *          varint groups * (varint start's order, zigzag start's time,
 *                           varint runs * (varint state, varint last link, varint last alias' order, aggregates),
 *                           varint aliases * (varint order, zigzag time, varint link))
 *          varint logged * (varint event, u8 sleeps, varint words * (varint place, u64 bits))
 *          varint quotas * varint left
 *          varint done   * (varint last link, varint quota + 1, varint start's order, zigzag start's time, varint step)
 *
 *     ROW  key: u64 running number (of rows that lay in a database from 2^63 on); its group is that of the row's key
 *          varint input, row (evt_pack.h) by the input's schema in META
 *
 * Events and links come before what refers to them, so a reader needs one pass. Those that several partial matches share are
 * written once.
 */
#include "nfa/nfa_save.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"

/* -- numbers of objects ---------------------------------------------------------------------------------------- */

void nfa_numbers_release(struct nfa_numbers *t) {
    base_free(t->v);
    base_free(t->slots);
    *t = (struct nfa_numbers){ .n = 0 };
}

static size_t slot_of(const struct nfa_numbers *t, const void *p) {
    size_t mask = t->n_slots - 1;
    size_t at = (size_t)(((uintptr_t)p >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;
    while (t->slots[at] && t->v[t->slots[at] - 1] != p)
        at = (at + 1) & mask;
    return at;
}

/* Costs what was in it, not what it has room for: a key with many objects does not slow down those after it. */
void nfa_numbers_clear(struct nfa_numbers *t) {
    if (t->n * 8 > t->n_slots) {
        memset(t->slots, 0, t->n_slots * sizeof *t->slots);
    } else {
        /* From the end, so that no search runs into a hole. */
        for (size_t i = t->n; i-- > 0;)
            t->slots[slot_of(t, t->v[i])] = 0;
    }
    t->n = 0;
}

bool nfa_numbers_add(struct nfa_numbers *t, const void *p, uint32_t *number) {
    if ((t->n + 1) * 2 > t->n_slots) {
        base_free(t->slots);
        t->n_slots = t->n_slots ? t->n_slots * 2 : 64;
        t->slots = base_calloc(t->n_slots, sizeof *t->slots);
        for (size_t i = 0; i < t->n; i++)
            t->slots[slot_of(t, t->v[i])] = (uint32_t)i + 1;
    }
    size_t at = slot_of(t, p);
    if (t->slots[at]) {
        *number = t->slots[at] - 1;
        return false;
    }
    t->v = base_grow(t->v, t->n, &t->cap, sizeof *t->v);
    *number = (uint32_t)t->n;
    t->v[t->n++] = p;
    t->slots[at] = (uint32_t)t->n;
    return true;
}

bool nfa_numbers_find(const struct nfa_numbers *t, const void *p, uint32_t *number) {
    uint32_t i = t->n_slots ? t->slots[slot_of(t, p)] : 0;
    *number = i - 1;
    return i != 0;
}

uint32_t nfa_number_of(const struct nfa_numbers *t, const void *p) {
    uint32_t number;
    CEP_INSIST(nfa_numbers_find(t, p, &number));
    return number;
}

uint32_t nfa_save_ev(struct nfa_saver *s, const struct nfa_ev *e) {
    uint32_t number;
    (void)nfa_numbers_add(&s->evs, e, &number);
    return number;
}

/* -- the store of runs ------------------------------------------------------------------------------------------- */

/* Numbers a chain, the earliest link first; it stops where it meets one that has a number. */
static void add_chain(struct nfa_saver *s, const struct nfa_link *l) {
    size_t n = 0;
    uint32_t number;
    for (; l; l = l->prev) {
        if (nfa_numbers_find(&s->links, l, &number))
            break;
        s->walk = base_grow(s->walk, n, &s->cap_walk, sizeof *s->walk);
        s->walk[n++] = l;
    }
    while (n-- > 0) {
        (void)nfa_numbers_add(&s->links, s->walk[n], &number);
        (void)nfa_save_ev(s, s->walk[n]->ev);
    }
}

static void runs_collect(struct nfa_saver *s, const struct nfa_key *k) {
    uint32_t number;
    for (const struct nfa_group *g = k->first; g; g = g->next) {
        for (const struct nfa_run *r = g->runs; r; r = r->next)
            add_chain(s, r->last);
    }
    for (const struct nfa_done *d = k->done; d; d = d->next) {
        add_chain(s, d->last);
        if (d->quota)
            (void)nfa_numbers_add(&s->quotas, d->quota, &number);
    }
    nfa_sleep_save(s, k, NULL);
}

static void save_agg(
    struct base_buf *b, const struct nfa_prog *p, uint32_t i, const struct expr_agg_state *a) {
    const struct evt_type *type;
    uint64_t words[2];
    base_pack_varint(b, a->n);
    memcpy(&words[0], &a->m2, sizeof words[0]);
    memcpy(&words[1], &a->mean, sizeof words[1]);
    base_pack_u8(b, a->failure != NULL);
    switch (nfa_acc_of(p->pat->aggs[p->run_aggs[i]], &type)) {
    case NFA_ACC_NONE: return;
    case NFA_ACC_MOMENTS:
        base_pack_u64(b, words[0]);
        base_pack_u64(b, words[1]);
        return;
    case NFA_ACC_DOUBLE:
        memcpy(&words[0], &a->acc.d, sizeof words[0]);
        base_pack_u64(b, a->n ? words[0] : 0);
        return;
    case NFA_ACC_SUM:
        base_pack_u64(b, a->n ? a->acc.dec.lo : 0);
        base_pack_u64(b, a->n ? (uint64_t)a->acc.dec.hi : 0);
        return;
    case NFA_ACC_VAL: evt_pack_val(b, type, a->n ? &a->acc : &EVT_VAL_NULL); return;
    case NFA_ACC_MAX: return;
    }
}

static void save_group(struct nfa_saver *s, const struct nfa_group *g) {
    struct base_buf *b = &s->value;
    const struct nfa_prog *p = s->m->p;
    size_t n = 0;
    base_pack_varint(b, g->start_order);
    base_pack_zigzag(b, g->start_time);
    for (const struct nfa_run *r = g->runs; r; r = r->next)
        n++;
    base_pack_varint(b, n);
    for (const struct nfa_run *r = g->runs; r; r = r->next) {
        base_pack_varint(b, r->state);
        base_pack_varint(b, nfa_number_of(&s->links, r->last));
        base_pack_varint(b, r->alias_hi);
        for (uint32_t i = 0; i < p->n_run_aggs; i++)
            save_agg(b, p, i, &r->aggs[i]);
    }
    n = 0;
    for (const struct nfa_alias *a = g->first_alias; a; a = a->next)
        n++;
    base_pack_varint(b, n);
    for (const struct nfa_alias *a = g->first_alias; a; a = a->next) {
        base_pack_varint(b, a->order);
        base_pack_zigzag(b, a->time);
        base_pack_varint(b, nfa_number_of(&s->links, a->link));
    }
}

static void save_done(struct nfa_saver *s, const struct nfa_key *k) {
    struct base_buf *b = &s->value;
    base_pack_varint(b, s->quotas.n);
    for (size_t i = 0; i < s->quotas.n; i++)
        base_pack_varint(b, ((const struct nfa_quota *)s->quotas.v[i])->left);
    size_t n = 0;
    for (const struct nfa_done *d = k->done; d; d = d->next)
        n++;
    base_pack_varint(b, n);
    for (const struct nfa_done *d = k->done; d; d = d->next) {
        base_pack_varint(b, nfa_number_of(&s->links, d->last));
        base_pack_varint(b, d->quota ? nfa_number_of(&s->quotas, d->quota) + UINT64_C(1) : 0);
        base_pack_varint(b, d->start_order);
        base_pack_zigzag(b, d->start_time);
        base_pack_varint(b, d->completed);
    }
}

static void runs_save(struct nfa_saver *s, const struct nfa_key *k) {
    struct base_buf *b = &s->value;
    base_pack_varint(b, s->links.n);
    for (size_t i = 0; i < s->links.n; i++) {
        const struct nfa_link *l = s->links.v[i];
        base_pack_varint(b, l->var);
        base_pack_varint(b, nfa_number_of(&s->evs, l->ev));
        base_pack_varint(b, l->prev ? nfa_number_of(&s->links, l->prev) + UINT64_C(1) : 0);
    }
    size_t n = 0;
    for (const struct nfa_group *g = k->first; g; g = g->next)
        n++;
    base_pack_varint(b, n);
    for (const struct nfa_group *g = k->first; g; g = g->next)
        save_group(s, g);
    nfa_sleep_save(s, k, b);
    save_done(s, k);
}

const struct nfa_store nfa_store_runs = { .tag = 1,
    .kind = NFA_STORE_RUNS,
    .name = "runs",
    .collect = runs_collect,
    .save = runs_save,
    .load = nfa_runs_load };

static const struct nfa_store *const stores[] = { &nfa_store_runs, &nfa_store_graph, &nfa_store_fates,
    &nfa_store_first, &nfa_store_timed_fates, &nfa_store_timed_graph, &nfa_store_timed_first,
    &nfa_store_stacks, &nfa_store_settled };

const struct nfa_store *nfa_store_by_tag(uint8_t tag) {
    for (size_t i = 0; i < CEP_COUNT_OF(stores); i++) {
        if (stores[i]->tag == tag)
            return stores[i];
    }
    return NULL;
}

const struct nfa_store *nfa_store_of(const struct nfa_prog *p) {
    switch (p->store) {
    case NFA_STORE_FATES: return p->has_times ? &nfa_store_timed_fates : &nfa_store_fates;
    case NFA_STORE_GRAPH:
        if (p->settles)
            return &nfa_store_settled;
        if (p->has_times)
            return p->has_spans ? &nfa_store_timed_first : &nfa_store_timed_graph;
        return p->has_spans ? &nfa_store_first : &nfa_store_graph;
    case NFA_STORE_STACKS: return &nfa_store_stacks;
    case NFA_STORE_RUNS:
    case NFA_STORE_MAX: break;
    }
    return &nfa_store_runs;
}

/* -- keys ------------------------------------------------------------------------------------------------------ */

static void collect_history(struct nfa_saver *s, const struct nfa_key *k, struct base_buf *b) {
    const struct nfa_matcher *m = s->m;
    for (uint32_t i = 0; i < m->pat->n_inputs; i++) {
        const struct nfa_history *h = k->history ? &k->history[i] : NULL;
        uint32_t cap = m->p->prev_rows[i], n = h ? h->n : 0;
        if (b)
            base_pack_varint(b, n);
        for (uint32_t r = n; r-- > 0;) {
            uint32_t number = nfa_save_ev(s, h->rows[(h->head + cap - 1 - r) % cap]);
            if (b)
                base_pack_varint(b, number);
        }
    }
}

static void save_events(struct nfa_saver *s) {
    struct base_buf *b = &s->value;
    const struct nfa_prog *p = s->m->p;
    struct evt_val v;
    base_pack_varint(b, s->evs.n);
    for (size_t i = 0; i < s->evs.n; i++) {
        const struct nfa_ev *e = s->evs.v[i];
        base_pack_varint(b, e->input);
        base_pack_varint(b, e->origin);
        base_pack_varint(b, e->seq);
        base_pack_varint(b, e->order);
        base_pack_zigzag(b, e->time);
        for (uint32_t c = 0; c < p->n_kept; c++) {
            nfa_ev_col(s->m, e, p->kept_cols[c], &v);
            evt_pack_val(b, s->m->pat->cols.cols[p->kept_cols[c]].type, &v);
        }
    }
}

enum cep_rc nfa_save_key(
    struct nfa_saver *s, const struct nfa_key *k, const struct sto_out *out, struct cep_err *err) {
    const struct nfa_store *store = nfa_store_of(s->m->p);
    const struct plan_pattern *pat = s->m->pat;
    struct base_buf *b = &s->value;
    base_buf_clear(&s->key);
    base_buf_clear(b);
    nfa_key_canonical(s->m, k, &s->key);
    base_pack_u8(b, store->tag | NFA_KEY_TIMED);
    base_pack_zigzag(b, k->deadline);
    for (uint32_t i = 0; i < pat->n_keys; i++)
        evt_pack_val(b, pat->keys[i]->type, &k->vals[i]);
    base_pack_varint(b, k->match_number);
    base_pack_zigzag(b, k->emitted_at);
    base_pack_varint(b, k->n_emitted);
    store->collect(s, k);
    collect_history(s, k, NULL);
    save_events(s);
    collect_history(s, k, b);
    store->save(s, k);
    nfa_numbers_clear(&s->evs);
    nfa_numbers_clear(&s->links);
    nfa_numbers_clear(&s->quotas);
    for (int i = 0; i < NFA_NUMBERS_MAX; i++)
        nfa_numbers_clear(&s->sets[i]);
    struct base_str key = base_buf_view(&s->key);
    return sto_put(out, NFA_NS_KEY, sto_group_of(key), key, base_buf_view(b), err);
}

/* -- waiting rows ------------------------------------------------------------------------------------------------ */

void nfa_save_row_key(struct nfa_saver *s, const struct nfa_held *h, uint32_t row) {
    const struct nfa_matcher *m = s->m;
    struct evt_val v;
    base_buf_clear(&s->key);
    switch (m->key_mode) {
    case NFA_KEY_NONE: return;
    case NFA_KEY_BYTES: base_buf_add(&s->key, h->key_bytes.p + h->key_off[row], h->key_len[row]); return;
    case NFA_KEY_INT:
    case NFA_KEY_STRING:
        evt_col_get(&h->batch->cols[h->key_col], row, &s->scratch, &v);
        evt_val_write_key(&s->key, m->pat->keys[0]->type, &v);
        return;
    }
}

uint32_t nfa_save_row_group(struct nfa_saver *s, const struct nfa_held *h, uint32_t row) {
    nfa_save_row_key(s, h, row);
    base_arena_clear(&s->scratch);
    return sto_group_of(base_buf_view(&s->key));
}

void nfa_save_row_value(struct nfa_saver *s, uint32_t input, const struct evt_batch *b, uint32_t row) {
    base_buf_clear(&s->value);
    base_pack_varint(&s->value, input);
    evt_pack_row(&s->value, b, row, &s->scratch);
    base_arena_clear(&s->scratch);
}

void nfa_saver_init(struct nfa_saver *s, struct nfa_matcher *m) {
    *s = (struct nfa_saver){ .m = m };
    base_arena_init(&s->scratch, 0);
}

void nfa_saver_release(struct nfa_saver *s) {
    nfa_numbers_release(&s->evs);
    nfa_numbers_release(&s->links);
    nfa_numbers_release(&s->quotas);
    for (int i = 0; i < NFA_NUMBERS_MAX; i++)
        nfa_numbers_release(&s->sets[i]);
    base_free(s->walk);
    base_free(s->todo);
    base_free(s->way);
    base_free(s->trail);
    base_buf_release(&s->key);
    base_buf_release(&s->value);
    base_arena_release(&s->scratch);
}
