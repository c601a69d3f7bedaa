/*
 * nfa_load -- a matcher's state read back, into the program that saved it or into another one.
 *
 * A key is read as the store has it that wrote it and, where the program has another one, taken over (nfa_to_runs.c, nfa_to_sets.c).
 *
 * Numbers are translated by META (nfa_save.h). What has no counterpart is dropped and counted: partial matches whose state
 * means nothing here, or which hold an event of a variable or a stream that is no more. Bytes that make no sense are refused
 * before anything is built on them: numbers out of range, chains that do not ascend, starts that are not on their chain. The
 * format is told at the heads of nfa_meta.c and nfa_save.c.
 */
#include "nfa/nfa_cold.h"
#include "nfa/nfa_fate.h"
#include "nfa/nfa_graph.h"
#include "nfa/nfa_later.h"
#include "nfa/nfa_stack.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"

/* -- a loader's life ---------------------------------------------------------------------------------------------- */

static struct nfa_loader *loader_new(struct nfa_matcher *m) {
    struct nfa_loader *l = base_calloc(1, sizeof *l);
    l->m = m;
    l->rows = base_calloc(m->pat->n_inputs + 1, sizeof *l->rows);
    l->lost_cols = base_calloc(m->p->n_kept + 1, sizeof *l->lost_cols);
    l->meanings = nfa_meaning_of_states(m->own);
    base_arena_init(&l->scratch, 0);
    return l;
}

static struct nfa_loader *loader_of(struct nfa_matcher *m) {
    if (!m->loader)
        m->loader = loader_new(m);
    return m->loader;
}

void nfa_load_rows_to(struct nfa_matcher *m, nfa_load_rows_fn *take, void *arg) {
    struct nfa_loader *l = loader_of(m);
    l->take = take;
    l->take_arg = arg;
}

static void forget_meta(struct nfa_loader *l) {
    if (l->has_meta)
        nfa_meta_release(&l->meta);
    l->has_meta = false;
    base_free(l->state);
    base_free(l->var);
    base_free(l->input);
    base_free(l->bit);
    base_free(l->kept);
    base_free(l->agg);
    base_free(l->lost);
    l->state = l->var = l->input = l->bit = NULL;
    l->kept = l->agg = NULL;
    l->lost = NULL;
}

static void forget_key(struct nfa_loader *l) {
    for (size_t i = 0; i < l->n_links; i++)
        nfa_link_unref(l->m, l->links[i]);
    for (size_t i = 0; i < l->n_evs; i++) {
        struct nfa_ev *e = l->evs[i];
        /* Of events that somebody holds now. A stream that has no such column never had a value for it. */
        for (uint32_t c = 0; e && e->refs > 1 && c < l->m->p->n_kept; c++)
            l->lost_cols[c] += l->kept[c] < 0 && l->m->pat->col_map[e->input][l->m->p->kept_cols[c]] >= 0;
        nfa_ev_unref(l->m, e);
    }
    for (size_t i = 0; i < l->n_quotas; i++) {
        if (--l->quotas[i]->refs == 0)
            nfa_mem_put(&l->m->mem, l->quotas[i], sizeof *l->quotas[i]);
    }
    l->n_links = l->n_evs = l->n_quotas = 0;
    base_arena_clear(&l->scratch);
}

void nfa_loader_free(struct nfa_loader *l) {
    if (!l)
        return;
    forget_key(l);
    forget_meta(l);
    for (uint32_t i = 0; i < l->m->pat->n_inputs; i++)
        evt_batch_unref(l->rows[i]);
    base_free(l->rows);
    base_free(l->lost_cols);
    base_free(l->meanings);
    base_free(l->evs);
    base_free(l->orders);
    base_free(l->links);
    base_free(l->quotas);
    base_arena_release(&l->scratch);
    base_free(l);
}

/* Tells what was lost since the last META. */
static void tell(struct nfa_loader *l, struct sto_losses *losses) {
    struct base_str name = l->m->own->node->name;
    struct base_buf b = BASE_BUF_INIT;
    for (uint32_t i = 0; l->lost && i < l->meta.n_states; i++) {
        if (!l->lost[i])
            continue;
        base_buf_clear(&b);
        base_buf_printf(&b, "partial matches at \"%.*s\"", BASE_STR_FMT(l->meta.states[i].name));
        sto_lose(losses, name, base_buf_view(&b), l->lost[i]);
        l->lost[i] = 0;
    }
    for (uint32_t i = 0; i < l->m->p->n_kept; i++) {
        struct base_str col = l->m->own->pat->cols.cols[l->m->p->kept_cols[i]].name;
        base_buf_clear(&b);
        base_buf_printf(
            &b, "values of column \"%.*s\" in events taken, which are null now", BASE_STR_FMT(col));
        sto_lose(losses, name, base_buf_view(&b), l->lost_cols[i]);
        l->lost_cols[i] = 0;
    }
    sto_lose(losses, name, BASE_STR("complete matches that wait for an earlier one"), l->lost_waiting);
    sto_lose(losses, name, BASE_STR("starts that sleep while an earlier one is open"), l->lost_asleep);
    sto_lose(losses, name, BASE_STR("events that prev() would ask for"), l->lost_history);
    sto_lose(losses, name, BASE_STR("events that wait for the watermark"), l->lost_rows);
    sto_lose(losses, name,
        BASE_STR("partial matches that the pattern, as it is now, keeps in another way (\"store\" in cepd "
                 "explain)"),
        l->lost_store);
    l->lost_waiting = l->lost_asleep = l->lost_history = l->lost_rows = l->lost_store = 0;
    base_buf_release(&b);
}

/* -- META --------------------------------------------------------------------------------------------------------- */

static uint32_t *numbers(uint32_t n) {
    uint32_t *v = base_calloc(n + 1u, sizeof *v);
    for (uint32_t i = 0; i <= n; i++)
        v[i] = NFA_NONE;
    return v;
}

static int32_t find_kept(const struct nfa_meta *t, const struct evt_column *c) {
    for (uint32_t i = 0; i < t->n_kept; i++) {
        if (base_str_eq(t->kept[i].name, c->name) && evt_type_eq(t->kept[i].type, c->type))
            return (int32_t)i;
    }
    return -1;
}

static void input_name(const struct nfa_prog *p, uint32_t i, struct base_buf *b) {
    struct plan_ref r = p->pat->inputs[i];
    const char *port = plan_port_text(p->plan->nodes[r.node], r.port);
    base_buf_clear(b);
    base_buf_str(b, p->plan->nodes[r.node]->name);
    base_buf_printf(b, "%s%s", port[0] ? "." : "", port);
}

static void map_states(struct nfa_loader *l) {
    const struct nfa_prog *p = l->m->own;
    struct base_map by_meaning;
    base_map_init(&by_meaning);
    for (size_t i = p->n_states; i-- > 0;) {
        struct base_str k = { (const char *)&l->meanings[i], sizeof l->meanings[i] };
        (void)base_map_put(&by_meaning, k, i);
    }
    for (uint32_t i = 0; i < l->meta.n_states; i++) {
        struct base_str k = { (const char *)&l->meta.states[i].meaning, sizeof l->meta.states[i].meaning };
        uint64_t found;
        if (l->same)
            l->state[i] = i;
        else if (base_map_get(&by_meaning, k, &found))
            l->state[i] = (uint32_t)found;
    }
    base_map_release(&by_meaning);
}

static void map_names(struct nfa_loader *l) {
    const struct nfa_prog *p = l->m->own;
    const struct nfa_meta *t = &l->meta;
    struct base_buf b = BASE_BUF_INIT;
    for (uint32_t i = 0; i < t->n_vars; i++) {
        for (uint32_t k = 0; k < p->pat->n_vars && l->var[i] == NFA_NONE; k++)
            l->var[i] = base_str_eq(t->vars[i], p->pat->vars[k].name) ? k : NFA_NONE;
        if (i < p->pat->n_vars && base_str_eq(t->vars[i], p->pat->vars[i].name))
            l->var[i] = i; /* of several with one name, the one in this place */
    }
    for (uint32_t i = 0; i < t->n_inputs; i++) {
        for (uint32_t k = 0; k < p->pat->n_inputs && l->input[i] == NFA_NONE; k++) {
            input_name(p, k, &b);
            l->input[i] = base_str_eq(t->inputs[i].name, base_buf_view(&b)) ? k : NFA_NONE;
        }
    }
    for (uint32_t i = 0; i < p->n_kept; i++)
        l->kept[i] = find_kept(t, &p->pat->cols.cols[p->kept_cols[i]]);
    for (uint32_t i = 0; i < p->n_run_aggs; i++) {
        const struct evt_type *type;
        uint64_t meaning = nfa_meaning_of_expr(p, p->pat->aggs[p->run_aggs[i]], NULL);
        enum nfa_acc acc = nfa_acc_of(p->pat->aggs[p->run_aggs[i]], &type);
        l->agg[i] = -1;
        for (uint32_t k = 0; k < t->n_aggs; k++) {
            if (t->aggs[k].meaning == meaning && t->aggs[k].acc == acc)
                l->agg[i] = (int32_t)k;
        }
    }
    for (uint32_t i = 0; i < p->n_bits; i++) {
        uint64_t meaning = nfa_meaning_of_bit(p, i);
        for (uint32_t k = 0; k < t->n_bits; k++) {
            if (t->bits[k] == meaning)
                l->bit[k] = i;
        }
    }
    base_buf_release(&b);
}

/* The state was saved by this program, number for number; and its keys mean the same. */
static bool is_same(const struct nfa_matcher *m, const struct nfa_meta *t, const uint64_t *meanings) {
    return t->n_states == m->p->n_states && t->n_bits == m->p->n_bits &&
           t->fingerprint == nfa_fingerprint(m->own, meanings);
}
static bool has_same_keys(const struct nfa_matcher *m, const struct nfa_meta *t) {
    bool same = t->n_keys == m->pat->n_keys;
    for (uint32_t i = 0; i < t->n_keys && same; i++)
        same = evt_type_eq(t->keys[i].type, m->pat->keys[i]->type) &&
               t->key_meaning[i] == nfa_meaning_of_expr(m->own, m->own->pat->keys[i], NULL);
    return same;
}

enum cep_rc nfa_matcher_fits(
    struct nfa_matcher *m, const struct sto_entry *meta, bool *fits, struct cep_err *err) {
    struct nfa_meta t;
    uint64_t *meanings = nfa_meaning_of_states(m->own);
    enum cep_rc rc = nfa_meta_read(&t, meta->value, err);
    *fits = rc == CEP_OK && is_same(m, &t, meanings) && has_same_keys(m, &t);
    nfa_meta_release(&t);
    base_free(meanings);
    return rc;
}

static enum cep_rc load_meta(
    struct nfa_loader *l, struct base_str value, struct sto_losses *losses, struct cep_err *err) {
    struct nfa_matcher *m = l->m;
    tell(l, losses);
    forget_meta(l);
    enum cep_rc rc = nfa_meta_read(&l->meta, value, err);
    l->has_meta = true;
    if (rc != CEP_OK)
        return rc;
    l->state = numbers(l->meta.n_states);
    l->var = numbers(l->meta.n_vars);
    l->input = numbers(l->meta.n_inputs);
    l->bit = numbers(l->meta.n_bits);
    l->kept = base_calloc(m->p->n_kept + 1, sizeof *l->kept);
    l->agg = base_calloc(m->p->n_run_aggs + 1, sizeof *l->agg);
    l->lost = base_calloc(l->meta.n_states + 1u, sizeof *l->lost);
    l->same = is_same(m, &l->meta, l->meanings);
    l->same_keys = has_same_keys(m, &l->meta);
    map_states(l);
    map_names(l);
    uint64_t order, step;
    l->waits = !m->opts.processing_time && nfa_meta_is_own(m, value, &order, &step);
    if (l->waits && m->next_order < order)
        m->next_order = order;
    if (l->waits && m->next_step < step)
        m->next_step = step;
    return CEP_OK;
}

/* -- events ------------------------------------------------------------------------------------------------------- */

static void load_event(struct nfa_loader *l, struct base_unpack *u) {
    const struct nfa_meta *t = &l->meta;
    const struct nfa_prog *p = l->m->own;
    struct nfa_ev like = { .refs = 1 };
    uint32_t input = (uint32_t)base_unpack_max(u, t->n_inputs ? t->n_inputs - 1 : 0);
    like.input = t->n_inputs && !u->bad ? l->input[input] : NFA_NONE;
    like.origin = (uint32_t)base_unpack_max(u, UINT32_MAX);
    like.seq = base_unpack_varint(u);
    like.order = base_unpack_varint(u);
    like.time = base_unpack_zigzag(u);
    struct evt_val *vals = BASE_ARENA_ARRAY(&l->scratch, struct evt_val, t->n_kept + 1);
    for (uint32_t i = 0; i < t->n_kept && !u->bad; i++)
        evt_unpack_val(u, t->kept[i].type, &l->scratch, &vals[i]);
    u->bad = u->bad || like.order == 0 || like.order == UINT64_MAX;
    l->evs = base_grow(l->evs, l->n_evs, &l->cap_evs, sizeof *l->evs);
    l->evs[l->n_evs] = NULL;
    l->orders = base_grow(l->orders, l->n_evs, &l->cap_orders, sizeof *l->orders);
    l->orders[l->n_evs] = like.order;
    if (!u->bad && like.input != NFA_NONE && l->same_keys) {
        struct evt_val *now = BASE_ARENA_ARRAY(&l->scratch, struct evt_val, p->n_kept + 1);
        for (uint32_t i = 0; i < p->n_kept; i++) {
            now[i] = l->kept[i] >= 0 ? vals[l->kept[i]] : EVT_VAL_NULL;
        }
        l->evs[l->n_evs] = nfa_ev_of_vals(l->m, &like, now);
        if (l->m->next_order <= like.order)
            l->m->next_order = like.order + 1;
    }
    l->n_evs++;
}

struct nfa_ev *nfa_load_ev(struct nfa_loader *l, struct base_unpack *u, bool *known) {
    uint64_t i = base_unpack_varint(u);
    u->bad = u->bad || i >= l->n_evs;
    struct nfa_ev *e = u->bad ? NULL : l->evs[i];
    *known = e != NULL;
    return e;
}

void nfa_load_ev_of(struct nfa_loader *l, struct base_unpack *u, struct nfa_ev_read *e) {
    uint64_t i = base_unpack_varint(u);
    u->bad = u->bad || i >= l->n_evs;
    *e = (struct nfa_ev_read){ u->bad ? NULL : l->evs[i], u->bad ? 0 : l->orders[i] };
}

uint32_t nfa_load_var(struct nfa_loader *l, struct base_unpack *u) {
    uint64_t var = base_unpack_varint(u);
    u->bad = u->bad || var >= l->meta.n_vars;
    return u->bad ? NFA_NONE : l->var[var];
}

static void load_history(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    struct nfa_matcher *m = l->m;
    for (uint32_t i = 0; i < l->meta.n_inputs && !u->bad; i++) {
        uint32_t input = l->input[i];
        uint32_t cap = k && input != NFA_NONE ? m->p->prev_rows[input] : 0;
        size_t n = base_unpack_count(u, 1);
        for (size_t r = 0; r < n && !u->bad; r++) {
            bool known;
            struct nfa_ev *e = nfa_load_ev(l, u, &known);
            if (u->bad)
                return;
            if (!known || !cap || n - r > cap) {
                l->lost_history += !known || !cap ? 1 : 0;
                continue;
            }
            nfa_history_add(m, k, input, e);
        }
    }
}

/* -- keys ------------------------------------------------------------------------------------------------------- */

static enum cep_rc damaged(const struct nfa_matcher *m, const char *what, struct cep_err *err) {
    return base_err_set(
        err, CEP_EDAMAGED, "%s of pattern \"%.*s\" is damaged", what, BASE_STR_FMT(m->own->node->name));
}

/* What partial matches there are may be fewer than were saved: what waited for those that are gone goes on. */
static void settle(struct nfa_matcher *m, struct nfa_key *k) {
    switch (m->p->store) {
    case NFA_STORE_FATES: nfa_fates_loaded(m, k); return;
    case NFA_STORE_GRAPH: nfa_graph_loaded(m, k); return;
    case NFA_STORE_STACKS: nfa_stacks_finish(m, k); return;
    case NFA_STORE_RUNS:
    case NFA_STORE_MAX: break;
    }
    k->interest = UINT64_MAX;
    nfa_key_find_deadline(m, k);
    if ((k->done && !(k->first && k->first->start_order < k->done->start_order)) || (k->log && !k->first)) {
        int64_t at = k->done ? k->done->last->ev->time : EVT_TIME_MIN;
        if (at < k->deadline)
            k->deadline = at;
    }
    nfa_key_settle(m, k);
}

void nfa_load_graphs(struct nfa_matcher *m) {
    if (!m->dets)
        nfa_dets_join(m, NULL);
    if (!m->cells)
        m->cells = nfa_cells_new(m);
    if (!m->spans && m->p->store == NFA_STORE_STACKS && m->pat->limit_matches)
        m->spans = nfa_spans_new();
}

/* What another store saved, into the program's own. Beside stacks it stays a graph. */
static void convert(struct nfa_loader *l, struct nfa_key *k, bool bad) {
    struct nfa_matcher *m = l->m;
    enum nfa_store_kind to = m->p->store;
    bool graph = to == NFA_STORE_GRAPH || to == NFA_STORE_STACKS;
    if (k->graph && !graph)
        nfa_graph_to_runs(l, k);
    if (k->fates && to != NFA_STORE_FATES)
        nfa_fates_to_runs(l, k);
    if (to == NFA_STORE_RUNS || !(k->first || k->done))
        return;
    if (!bad && graph) {
        nfa_load_graphs(m);
        nfa_runs_to_graph(l, k);
    }
    if (!bad && to == NFA_STORE_FATES)
        nfa_runs_to_fates(l, k);
    nfa_key_drop_runs(m, k);
}

enum from {
    FROM_SAVE = 0,
    FROM_LATER, /* nfa_later.c's */
    FROM_TIER   /* where its deadline is row_deadline */
};

/* CEP_NONE: it is in memory already. *out: NULL when nothing of it is left. */
static enum cep_rc read_key(struct nfa_loader *l, struct base_str value, enum from from, int64_t row_deadline,
    struct nfa_key **out, struct cep_err *err) {
    struct nfa_matcher *m = l->m;
    struct base_unpack u = base_unpack_of(value);
    uint8_t tag = base_unpack_u8(&u);
    const struct nfa_store *store = nfa_store_by_tag(tag & (uint8_t)~NFA_KEY_TIMED);
    if (!store)
        return damaged(m, "a key", err);
    if (tag & NFA_KEY_TIMED)
        (void)base_unpack_zigzag(&u); /* it is found again: a program that was edited may have another */
    struct evt_val *vals = BASE_ARENA_ARRAY(&l->scratch, struct evt_val, l->meta.n_keys + 1);
    for (uint32_t i = 0; i < l->meta.n_keys && !u.bad; i++)
        evt_unpack_val(&u, l->meta.keys[i].type, &l->scratch, &vals[i]);
    uint64_t match_number = base_unpack_varint(&u);
    int64_t emitted_at = base_unpack_zigzag(&u);
    uint32_t n_emitted = (uint32_t)base_unpack_max(&u, UINT32_MAX);
    struct nfa_key *k = NULL;
    if (!u.bad && l->same_keys && !(k = nfa_key_add(m, vals))) {
        forget_key(l);
        return CEP_NONE;
    }
    if (k && from == FROM_TIER) {
        k->stored = true;
        k->dirty = false;
        k->touched = true;
        *nfa_cold_row_deadline(k) = row_deadline;
    } else if (k && from == FROM_SAVE && m->cold && m->cold->n.keys && nfa_cold_has(m, k)) {
        forget_key(l);
        nfa_key_settle(m, k);
        return CEP_NONE;
    }
    *out = k;
    if (k) {
        k->match_number = match_number;
        k->emitted_at = emitted_at;
        k->n_emitted = n_emitted;
    }
    m->env.key = k;
    size_t n = base_unpack_count(&u, 5);
    for (size_t i = 0; i < n && !u.bad; i++)
        load_event(l, &u);
    load_history(l, k, &u);
    if (store->kind == NFA_STORE_GRAPH)
        nfa_load_graphs(m);
    else if (store->kind == NFA_STORE_FATES && !m->dets)
        nfa_dets_join(m, NULL);
    uint64_t step = m->next_step;
    store->load(l, k, &u);
    if (k)
        convert(l, k, u.bad);
    /* Dets count steps of their own; runs go on behind those that were read. */
    if (m->p->store == NFA_STORE_RUNS && m->next_step < step)
        m->next_step = step;
    forget_key(l);
    size_t n_keys = m->n_keys;
    if (k)
        settle(m, k);
    if (m->n_keys < n_keys)
        *out = NULL;
    if (m->dets)
        nfa_dets_tidy(m);
    return base_unpack_ok(&u) ? CEP_OK : damaged(m, "a key", err);
}

static enum cep_rc load_key(struct nfa_loader *l, const struct sto_entry *e, struct cep_err *err) {
    struct nfa_matcher *m = l->m;
    struct nfa_key *k = NULL;
    if (e->stays && l->waits && nfa_later_take(m, e))
        return CEP_OK;
    enum cep_rc rc = read_key(l, e->value, FROM_SAVE, EVT_TIME_MAX, &k, err);
    if (rc == CEP_NONE)
        return damaged(m, "a key", err);
    if (m->cold)
        nfa_cold_settle(m);
    if (rc == CEP_OK && m->rc != CEP_OK && err)
        *err = m->err;
    return rc == CEP_OK ? m->rc : rc;
}

enum cep_rc nfa_load_later_key(
    struct nfa_loader *l, struct base_str value, struct nfa_key **out, struct cep_err *err) {
    *out = NULL;
    enum cep_rc rc = read_key(l, value, FROM_LATER, EVT_TIME_MAX, out, err);
    return rc == CEP_NONE ? damaged(l->m, "a key", err) : rc;
}

enum cep_rc nfa_load_stored_key(struct nfa_loader *l, struct base_str value, int64_t row_deadline,
    struct nfa_key **out, struct cep_err *err) {
    *out = NULL;
    return read_key(l, value, FROM_TIER, row_deadline, out, err);
}

enum cep_rc nfa_loader_new_own(struct nfa_matcher *m, struct nfa_loader **out, struct cep_err *err) {
    struct base_buf meta = BASE_BUF_INIT;
    nfa_meta_write(m, &meta);
    *out = loader_new(m);
    enum cep_rc rc = load_meta(*out, base_buf_view(&meta), NULL, err);
    base_buf_release(&meta);
    return rc;
}

/* -- waiting rows ------------------------------------------------------------------------------------------------ */

/* Evaluated again as they come in; told already, so nothing is told or counted again. */
static enum cep_rc push_rows(struct nfa_loader *l, uint32_t input, struct cep_err *err) {
    struct nfa_matcher *m = l->m;
    struct evt_batch *b = l->rows[input];
    if (!b)
        return CEP_OK;
    enum cep_rc rc = CEP_OK;
    if (l->take) {
        l->take(l->take_arg, input, b);
    } else {
        struct nfa_stats stats = m->stats;
        struct nfa_out out = m->out;
        m->out.failure = NULL;
        rc = nfa_matcher_batch(m, input, b, m->now_us, err);
        m->out = out;
        m->stats = stats;
    }
    evt_batch_unref(b);
    l->rows[input] = NULL;
    return rc;
}

static enum cep_rc load_row(struct nfa_loader *l, const struct sto_entry *e, struct cep_err *err) {
    struct nfa_matcher *m = l->m;
    CEP_REQUIRE(!m->opts.fed || l->take);
    struct base_unpack u = base_unpack_of(e->value);
    uint64_t saved = base_unpack_varint(&u);
    if (u.bad || saved >= l->meta.n_inputs)
        return damaged(m, "a waiting event", err);
    const struct evt_schema *from = l->meta.inputs[saved].schema;
    struct evt_batch *row = evt_batch_new(from, 1);
    bool fine = evt_unpack_row(&u, row, &l->scratch) && base_unpack_ok(&u);
    base_arena_clear(&l->scratch);
    uint32_t input = l->input[saved];
    enum cep_rc rc = CEP_OK;
    if (fine && (input == NFA_NONE || !l->same_keys)) {
        l->lost_rows++;
    } else if (fine) {
        const struct evt_schema *to = plan_schema_of(m->own->plan, m->own->pat->inputs[input]);
        if (!l->rows[input])
            l->rows[input] = evt_batch_new(to, 0);
        struct evt_batch *b = l->rows[input];
        uint32_t at = b->n_rows;
        for (uint32_t c = 0; c < to->n_cols; c++) {
            uint32_t f = 0;
            while (f < from->n_cols && !(base_str_eq(from->cols[f].name, to->cols[c].name) &&
                                           evt_type_eq(from->cols[f].type, to->cols[c].type)))
                f++;
            if (f < from->n_cols)
                evt_col_copy(&b->cols[c], at, &row->cols[f], 0);
            else
                evt_col_set_null(&b->cols[c], at);
        }
        b->time[at] = row->time[0];
        b->seq[at] = row->seq[0];
        b->origin[at] = row->origin[0];
        evt_batch_end_row(b);
        if (evt_batch_is_full(b))
            rc = push_rows(l, input, err);
    }
    evt_batch_unref(row);
    return fine ? rc : damaged(m, "a waiting event", err);
}

/* -- the door ----------------------------------------------------------------------------------------------------- */

enum cep_rc nfa_matcher_load(
    struct nfa_matcher *m, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct nfa_loader *l = loader_of(m);
    if (e->ns == NFA_NS_META)
        return load_meta(l, e->value, losses, err);
    if (!l->has_meta)
        return damaged(m, "the order of entries", err);
    if (e->ns == NFA_NS_KEY)
        return load_key(l, e, err);
    if (e->ns == NFA_NS_ROW)
        return load_row(l, e, err);
    if (e->ns == NFA_NS_TIER)
        return nfa_cold_load_counts(m, e, l->same && l->same_keys, err);
    return base_err_set(err, CEP_EVERSION,
        "pattern \"%.*s\" has state of kind %u, which this program does not know",
        BASE_STR_FMT(m->own->node->name), (unsigned)e->ns);
}

enum cep_rc nfa_matcher_loaded(struct nfa_matcher *m, struct sto_losses *losses, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    struct nfa_loader *l = m->loader;
    if (!l)
        return CEP_OK;
    tell(l, losses);
    /* Those of another store than the program's. */
    if (m->p->store == NFA_STORE_RUNS)
        nfa_dets_leave(m);
    if (m->p->store != NFA_STORE_GRAPH && m->p->store != NFA_STORE_STACKS)
        nfa_cells_free(m);
    enum cep_rc later = nfa_later_ready(m, err);
    rc = later == CEP_AGAIN ? CEP_OK : later;
    for (uint32_t i = 0; i < m->pat->n_inputs && rc == CEP_OK; i++)
        rc = push_rows(l, i, err);
    nfa_loader_free(l);
    m->loader = NULL;
    m->cur = (struct nfa_cur){ .order = 0 };
    return rc == CEP_OK ? later : rc;
}
