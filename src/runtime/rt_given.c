/*
 * rt_given -- see rt_given.h.
 */
#include "runtime/rt_given.h"

#include "base/base_mem.h"
#include "event/evt_pack.h"
#include "expr/expr_row.h"

static struct base_str packed(const struct rt_given *g) {
    return (struct base_str){ g->bytes, g->len };
}

static void keep(struct rt_given **at, const struct rt_agg_result *r, struct base_str bytes) {
    struct rt_given *g = *at;
    if (!g || g->cap < bytes.len) {
        base_free(g);
        *at = g = base_alloc(sizeof *g + bytes.len);
        g->cap = (uint32_t)bytes.len;
    }
    g->bounded = r->bounded;
    g->start = r->start;
    g->end = r->end;
    g->len = (uint32_t)bytes.len;
    memcpy(g->bytes, bytes.p ? bytes.p : "", bytes.len);
}

/* Another row of results, of what was given: with the values packed then. */
static enum cep_rc add_old(
    struct rt_aggregate *ag, const struct rt_agg_result *r, const char *mark, struct cep_err *err) {
    const struct rt_given *g = *r->given;
    struct rt_agg_result old = *r;
    struct base_unpack u = base_unpack_of(packed(g));
    struct evt_val *vals = BASE_ARENA_ARRAY(&ag->scratch, struct evt_val, ag->kind.n_accs + (size_t)1);
    for (uint32_t i = 0; i < ag->kind.n_accs; i++)
        evt_unpack_val(&u, ag->kind.fns[i].type, &ag->scratch, &vals[i]);
    old.bounded = g->bounded;
    old.start = g->start;
    old.end = g->end;
    old.nth = r->nth * 2;
    return rt_aggregate_put(ag, &old, vals, mark, err);
}

/* Not true on a row on which it fails, which is told once: where the row was made. */
static bool passes(struct rt_aggregate *ag, const struct evt_batch *b, uint32_t row, const char **failure) {
    const struct expr *having = ag->plan->having;
    struct expr_row env;
    struct evt_val v;
    if (!having)
        return true;
    expr_row_init(&env, &ag->scratch, clk_now(ag->op.clk));
    expr_row_at(&env, b, row);
    expr_eval(having, &env.env, &v);
    *failure = env.env.failure ? env.env.failure : *failure;
    return !env.env.failure && !v.null && v.b;
}

enum cep_rc rt_given_give(struct rt_aggregate *ag, const struct rt_agg_result *r, struct cep_err *err) {
    struct evt_val *vals = BASE_ARENA_ARRAY(&ag->scratch, struct evt_val, ag->kind.n_accs + (size_t)1);
    const char *failure = NULL;
    struct rt_given *old = *r->given;
    base_buf_clear(&ag->packed);
    for (uint32_t i = 0; i < ag->kind.n_accs; i++) {
        expr_acc_result(&ag->kind.fns[i], &r->accs[i], &ag->scratch, &vals[i], &failure);
        evt_pack_val(&ag->packed, ag->kind.fns[i].type, &vals[i]);
    }
    struct base_str now = base_buf_view(&ag->packed);
    if (old && !failure && base_str_eq(packed(old), now) && old->start == r->start && old->end == r->end)
        return CEP_OK;
    /* The row is made where the batch ends, to ask `having`, and made again behind the one that it replaces. */
    struct evt_batch *b = rt_aggregate_fill(ag, r, vals, EVT_MARK_NEW);
    bool shown = passes(ag, b, b->n_rows, &failure);
    enum cep_rc rc = failure ? rt_op_row_failed(&ag->op, b, b->n_rows, failure, err) : CEP_OK;
    evt_batch_drop_row(b);
    if (rc == CEP_OK && old && !shown)
        return rt_given_take_back(ag, r, err);
    if (rc == CEP_OK && old && ag->plan->changes == PLAN_CHANGES_RETRACT)
        rc = add_old(ag, r, EVT_MARK_BACK, err);
    if (rc != CEP_OK || !shown)
        return rc;
    struct rt_agg_result next = *r;
    next.nth = r->nth * 2 + 1;
    rc = rt_aggregate_put(ag, &next, vals, old ? EVT_MARK_AFTER : EVT_MARK_NEW, err);
    keep(r->given, r, now);
    return rc;
}

enum cep_rc rt_given_take_back(struct rt_aggregate *ag, const struct rt_agg_result *r, struct cep_err *err) {
    enum cep_rc rc = *r->given ? add_old(ag, r, EVT_MARK_GONE, err) : CEP_OK;
    base_free(*r->given);
    *r->given = NULL;
    return rc;
}

/* -- what survives ---------------------------------------------------------------------------------------------------- */

void rt_given_pack(struct base_buf *b, const struct rt_given *g) {
    base_pack_u8(b, (uint8_t)(!g ? 0 : g->bounded ? 2 : 1));
    if (!g)
        return;
    if (g->bounded) {
        base_pack_zigzag(b, g->start);
        base_pack_zigzag(b, g->end);
    }
    base_pack_str(b, packed(g));
}

struct rt_given *rt_given_unpack(struct rt_aggregate *ag, struct base_unpack *u) {
    uint64_t kind = base_unpack_max(u, 2);
    struct rt_agg_result r = { .bounded = kind == 2 };
    struct rt_given *g = NULL;
    if (u->bad || kind == 0)
        return NULL;
    if (r.bounded) {
        r.start = base_unpack_zigzag(u);
        r.end = base_unpack_zigzag(u);
    }
    struct base_str bytes = base_unpack_str(u);
    struct base_unpack vals = base_unpack_of(bytes);
    for (uint32_t i = 0; i < ag->kind.n_accs && !vals.bad; i++) {
        struct evt_val v;
        evt_unpack_val(&vals, ag->kind.fns[i].type, &ag->scratch, &v);
    }
    u->bad |= !base_unpack_ok(&vals);
    if (!u->bad)
        keep(&g, &r, bytes);
    return g;
}

/* -- windows that share their groups ---------------------------------------------------------------------------------- */

struct rt_given_window {
    int64_t start;
    struct rt_groups groups;
};

void rt_given_windows_init(struct rt_given_windows *w, const struct rt_group_kind *kind) {
    *w = (struct rt_given_windows){ .bare = *kind };
    w->bare.n_accs = 0;
}

static void drop_first(struct rt_given_windows *w, size_t n) {
    for (size_t i = 0; i < n; i++) {
        rt_groups_release(&w->windows[i]->groups);
        base_free(w->windows[i]);
    }
    w->n -= n;
    if (n > 0 && w->n > 0)
        memmove(w->windows, w->windows + n, w->n * sizeof(struct rt_given_window *));
}

void rt_given_windows_release(struct rt_given_windows *w) {
    drop_first(w, w->n);
    base_free(w->windows);
}

void rt_given_windows_drop(struct rt_given_windows *w, int64_t start) {
    size_t n = 0;
    while (n < w->n && w->windows[n]->start <= start)
        n++;
    drop_first(w, n);
}

/* From behind: results are of the newest windows. */
static struct rt_given_window *window_of(struct rt_given_windows *w, int64_t start) {
    size_t i = w->n;
    while (i > 0 && w->windows[i - 1]->start > start)
        i--;
    if (i > 0 && w->windows[i - 1]->start == start)
        return w->windows[i - 1];
    struct rt_given_window *made = base_calloc(1, sizeof *made);
    made->start = start;
    rt_groups_init(&made->groups, &w->bare, true);
    w->windows = base_grow(w->windows, w->n, &w->cap, sizeof(struct rt_given_window *));
    memmove(w->windows + i + 1, w->windows + i, (w->n - i) * sizeof(struct rt_given_window *));
    w->windows[i] = made;
    w->n++;
    return made;
}

struct rt_group *rt_given_group(struct rt_given_windows *w, int64_t start, const struct rt_group *key) {
    return rt_groups_get(&window_of(w, start)->groups, key->hash, key->bytes, key->vals, NULL);
}

size_t rt_given_windows_bytes(const struct rt_given_windows *w) {
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += sizeof(struct rt_given_window) + rt_groups_bytes(&w->windows[i]->groups);
    return n;
}

enum cep_rc rt_given_windows_save(
    struct rt_aggregate *ag, struct rt_given_windows *w, const struct sto_out *out, struct cep_err *err) {
    struct base_buf value = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < w->n; i++)
        for (uint32_t k = 0; k < w->windows[i]->groups.n && rc == CEP_OK; k++) {
            const struct rt_group *g = w->windows[i]->groups.groups[k];
            base_buf_clear(&value);
            rt_given_pack(&value, g->given);
            rc = rt_aggregate_put_given(ag, g, w->windows[i]->start, base_buf_view(&value), out, err);
        }
    base_buf_release(&value);
    return rc;
}

struct rt_group *rt_given_windows_load(struct rt_aggregate *ag, struct rt_given_windows *w, int64_t start,
    const struct rt_agg_row *key, struct base_unpack *u) {
    bool made;
    struct rt_group *g = rt_groups_get(&window_of(w, start)->groups, key->hash, key->bytes, key->vals, &made);
    u->bad |= !made;
    if (made)
        g->given = rt_given_unpack(ag, u);
    return made ? g : NULL;
}
