/*
 * nfa_rows_keep -- rows with memory of their own, and the life of kinds and keys.
 */
#include "nfa/nfa_rows_int.h"

#include "base/base_mem.h"

#include <string.h>

/* -- rows --------------------------------------------------------------------------------------------------------------- */

static size_t rounded(size_t n) {
    return (n + 7) & ~(size_t)7;
}

static const struct evt_type *part_type(const struct evt_type *t, uint32_t i) {
    return t->kind == EVT_ROW ? t->fields[i].type : t->elem;
}

/* Bytes behind the value. */
static size_t val_size(const struct evt_type *t, const struct evt_val *v) {
    if (v->null)
        return 0;
    if (t->kind == EVT_STRING || t->kind == EVT_BYTES)
        return rounded(v->s.len);
    if (t->kind != EVT_ARRAY && t->kind != EVT_ROW)
        return 0;
    size_t n = v->list.n * sizeof(struct evt_val);
    for (uint32_t i = 0; i < v->list.n; i++)
        n += val_size(part_type(t, i), &v->list.v[i]);
    return n;
}

static void val_copy(const struct evt_type *t, const struct evt_val *v, struct evt_val *to, char **at) {
    *to = *v;
    if (v->null)
        return;
    if (t->kind == EVT_STRING || t->kind == EVT_BYTES) {
        to->s.p = memcpy(*at, v->s.p ? v->s.p : "", v->s.len);
        *at += rounded(v->s.len);
    } else if (t->kind == EVT_ARRAY || t->kind == EVT_ROW) {
        struct evt_val *parts = (struct evt_val *)(void *)*at;
        *at += v->list.n * sizeof *parts;
        for (uint32_t i = 0; i < v->list.n; i++)
            val_copy(part_type(t, i), &v->list.v[i], &parts[i], at);
        to->list.v = parts;
    }
}

void nfa_rows_add(struct nfa_rows_kind *k, struct nfa_rows *key, int64_t time, uint32_t origin, uint64_t seq,
    uint64_t bits, bool told, const struct evt_val *vals) {
    const struct plan_recognize *plan = k->plan;
    size_t size = sizeof(struct nfa_rows_row) + plan->n_cols * sizeof *vals;
    for (uint32_t i = 0; i < plan->n_cols; i++)
        size += val_size(k->in->cols[plan->cols[i]].type, &vals[i]);
    struct nfa_rows_row *row = base_alloc(size);
    *row = (struct nfa_rows_row){
        .time = time, .origin = origin, .seq = seq, .bits = bits, .told = told, .bytes = (uint32_t)size
    };
    char *at = (char *)&row->vals[plan->n_cols];
    for (uint32_t i = 0; i < plan->n_cols; i++)
        val_copy(k->in->cols[plan->cols[i]].type, &vals[i], &row->vals[i], &at);
    if (key->head + key->n == key->cap && key->head > key->cap / 2) {
        memmove(key->rows, key->rows + key->head, key->n * sizeof(struct nfa_rows_row *));
        key->head = 0;
    }
    size_t cap = key->cap;
    key->rows = base_grow(key->rows, key->head + (size_t)key->n, &cap, sizeof(struct nfa_rows_row *));
    key->cap = (uint32_t)cap;
    key->rows[key->head + key->n++] = row;
    key->row_bytes += size;
}

uint32_t nfa_rows_count(const struct nfa_rows *key) {
    return key->n;
}

const struct nfa_rows_row *nfa_rows_at(const struct nfa_rows *key, uint32_t i) {
    return key->rows[key->head + i];
}

int64_t nfa_rows_last_time(const struct nfa_rows *key) {
    return key->n > 0 ? nfa_rows_at(key, key->n - 1)->time : EVT_TIME_MIN;
}

/* -- a key ---------------------------------------------------------------------------------------------------------------- */

struct nfa_rows *nfa_rows_new(void) {
    return base_calloc(1, sizeof(struct nfa_rows));
}

void nfa_rows_free(struct nfa_rows_kind *k, struct nfa_rows *key) {
    if (!key)
        return;
    for (size_t i = 0; i < key->n_threads; i++)
        nfa_rows_hist_unref(k, key, key->threads[i].hist);
    nfa_rows_hist_unref(k, key, key->best);
    for (uint32_t i = 0; i < key->n; i++)
        base_free(key->rows[key->head + i]);
    base_free(key->rows);
    base_free(key->threads);
    base_free(key);
}

size_t nfa_rows_bytes(const struct nfa_rows *key) {
    return sizeof *key + key->row_bytes + key->hist_bytes + key->cap * sizeof(struct nfa_rows_row *) +
           key->cap_threads * sizeof *key->threads;
}

bool nfa_rows_is_done(const struct nfa_rows_kind *k, const struct nfa_rows *key) {
    return key->n == 0 && !k->plan->numbered && !k->plan->anchored;
}

bool nfa_rows_open(const struct nfa_rows *key, int64_t *since) {
    bool open = key->start < nfa_rows_end(key);
    if (open)
        *since = nfa_rows_get(key, key->start)->time;
    return open;
}

struct nfa_rows_place nfa_rows_place(const struct nfa_rows *key) {
    return (struct nfa_rows_place){ key->first, key->start, key->matches };
}

bool nfa_rows_restore(struct nfa_rows *key, const struct nfa_rows_place *place) {
    key->first = place->first;
    key->start = key->at = place->start;
    key->matches = place->matches;
    return key->n == 0 && place->start >= place->first && place->start - place->first <= UINT32_MAX;
}

bool nfa_rows_restored(const struct nfa_rows *key) {
    return key->start <= nfa_rows_end(key);
}

/* -- a kind ---------------------------------------------------------------------------------------------------------------- */

/* What a variable's condition reads of the match. */
struct reads {
    struct nfa_rows_kind *k;
    uint32_t own;
    bool any;
};

/* So many of the last and first rows of a variable are asked for. */
static void need(
    struct nfa_rows_kind *k, uint32_t var, uint32_t n_last, uint32_t n_first, bool hashed, bool names) {
    if (k->set_of[var] < 0) {
        k->set_of[var] = (int32_t)k->n_sets;
        k->sets[k->n_sets++].of = k->plan->vars[var].of;
    }
    struct nfa_rows_set *s = &k->sets[k->set_of[var]];
    s->hashed |= hashed || n_last > NFA_ROWS_NEAR || n_first > NFA_ROWS_NEAR;
    n_last = n_last < NFA_ROWS_NEAR ? n_last : NFA_ROWS_NEAR;
    n_first = n_first < NFA_ROWS_NEAR ? n_first : NFA_ROWS_NEAR;
    s->n_last = s->n_last > n_last ? s->n_last : n_last;
    s->n_first = s->n_first > n_first ? s->n_first : n_first;
    s->names |= names;
}

static void note_name(const struct expr *e, void *arg) {
    bool *any = ((void **)arg)[0];
    const struct nfa_rows_kind *k = ((void **)arg)[1];
    *any |= e->kind == EXPR_COL && e->index == k->in->n_cols;
}

static void note_read(const struct expr *e, void *arg) {
    struct reads *r = arg;
    struct nfa_rows_kind *k = r->k;
    if (e->kind == EXPR_AGG) {
        bool names = false;
        void *of[2] = { &names, k };
        r->any = true;
        for (uint32_t i = 0; i < e->n_args; i++)
            expr_walk(e->args[i], note_name, of);
        if (!nfa_rows_agg_runs(e))
            need(k, e->var, 0, 0, true, names);
    } else if (e->kind == EXPR_NAV) {
        bool name = e->index == k->in->n_cols;
        bool own = nfa_rows_in(k, e->var, r->own) && e->from_last && e->n == 0;
        if (!own)
            need(k, e->var, e->from_last ? e->n + 1 : 0, e->from_last ? 0 : e->n + 1, false, name);
        /* What another row was taken as: the one before, or one that is further off. */
        if (name && e->shift != 0)
            need(k, k->plan->n_vars - 1, own && e->shift < 0 ? (uint32_t) - (int64_t)e->shift : 0, 0,
                !own || e->shift > 0, true);
        r->any |= !own || (name && e->shift != 0);
    }
}

/* Returns: bits of the variables whose conditions read what was taken. */
static uint64_t look_at_conditions(struct nfa_rows_kind *k) {
    const struct plan_recognize *plan = k->plan;
    uint64_t all = 0;
    for (uint32_t i = 0; i < plan->n_primary; i++) {
        const struct expr *cond = plan->vars[i].cond;
        struct reads r = { .k = k, .own = i };
        if (cond && expr_is_event_only(cond)) {
            k->how[i] = NFA_ROWS_BIT;
            k->row_conds |= UINT64_C(1) << i;
        } else if (cond) {
            k->how[i] = NFA_ROWS_RUN;
            expr_walk(cond, note_read, &r);
            all |= (uint64_t)r.any << i;
        }
    }
    return all;
}

struct nfa_rows_kind *nfa_rows_kind_new(const struct plan_recognize *plan, const struct evt_schema *in,
    const struct evt_schema *out_schema, const struct nfa_rows_out *out) {
    struct nfa_rows_kind *k = base_calloc(1, sizeof *k);
    *k = (struct nfa_rows_kind){ .plan = plan, .in = in, .out_schema = out_schema, .out = *out };
    k->place = base_calloc(in->n_cols + (size_t)1, sizeof *k->place);
    for (uint32_t i = 0; i < in->n_cols; i++)
        k->place[i] = -1;
    for (uint32_t i = 0; i < plan->n_cols; i++)
        k->place[plan->cols[i]] = (int32_t)i;
    k->how = base_calloc(plan->n_primary + (size_t)1, sizeof *k->how);
    k->set_of = base_calloc(plan->n_vars + (size_t)1, sizeof *k->set_of);
    k->sets = base_calloc(plan->n_vars + (size_t)1, sizeof *k->sets);
    for (uint32_t i = 0; i < plan->n_vars; i++)
        k->set_of[i] = -1;
    nfa_rows_prog_init(&k->prog, plan->root, look_at_conditions(k));
    for (uint32_t i = 0; i < k->n_sets; i++) {
        k->sets[i].reg = k->n_regs;
        k->n_regs += k->sets[i].n_last + k->sets[i].n_first + k->sets[i].hashed;
    }
    k->aggs_off = sizeof(struct nfa_rows_hist) + k->n_regs * sizeof(struct nfa_rows_reg);
    k->aggs_off = (k->aggs_off + 15) & ~(size_t)15;
    k->hist_size = k->aggs_off + plan->n_aggs * sizeof(struct expr_agg_state);
    k->mark = base_calloc(k->prog.n + (size_t)1, sizeof *k->mark);
    k->seen_at = base_calloc(k->prog.n + (size_t)1, sizeof *k->seen_at);
    k->aggs = base_calloc(2 * (size_t)plan->n_item_aggs + 1, sizeof *k->aggs);
    k->vals = base_calloc(out_schema->n_cols + (size_t)1, sizeof *k->vals);
    base_arena_init(&k->scratch, 0);
    return k;
}

void nfa_rows_kind_free(struct nfa_rows_kind *k) {
    nfa_rows_prog_release(&k->prog);
    base_arena_release(&k->scratch);
    base_free(k->place);
    base_free(k->how);
    base_free(k->set_of);
    base_free(k->sets);
    base_free(k->mark);
    base_free(k->seen_at);
    base_free(k->seen);
    base_free(k->stack);
    base_free(k->next);
    base_free(k->vars);
    base_free(k->excluded);
    base_free(k->aggs);
    base_free(k->vals);
    base_free(k);
}

uint64_t nfa_rows_row_conds(const struct nfa_rows_kind *k) {
    return k->row_conds;
}

uint64_t nfa_rows_matches(const struct nfa_rows_kind *k) {
    return k->n_matches;
}
