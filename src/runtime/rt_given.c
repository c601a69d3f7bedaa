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

void rt_given_windows_init(struct rt_given_windows *w, const struct rt_group_kind *kind) {
    w->bare = *kind;
    w->bare.n_accs = 0;
    rt_panes_init(&w->windows, &w->bare);
}

void rt_given_windows_drop(struct rt_aggregate *ag, struct rt_given_windows *w, int64_t start) {
    rt_panes_drop(&w->windows, rt_panes_from(&w->windows, start + 1), &ag->saving);
}

/* What is about to change is written first, as a group is (rt_aggregate_opens()). */
static void opens(struct rt_aggregate *ag, struct rt_group *g, int64_t start) {
    struct rt_slices *s = &ag->saving;
    struct sto_out out = rt_slices_out(s);
    if (!s->open || g->saved == s->number)
        return;
    g->saved = s->number;
    if (s->rc != CEP_OK)
        return;
    base_buf_clear(&s->value);
    rt_given_pack(&s->value, g->given);
    s->rc = rt_aggregate_put_given(ag, g, start, base_buf_view(&s->value), &out, &s->err);
}

struct rt_group *rt_given_group(
    struct rt_aggregate *ag, struct rt_given_windows *w, int64_t start, const struct rt_group *key) {
    struct rt_pane *p = rt_panes_get(&w->windows, start, &ag->saving);
    bool made;
    struct rt_group *g = rt_groups_get(&p->groups, key->hash, key->bytes, key->vals, &made);
    if (made)
        g->saved = ag->saving.number;
    else
        opens(ag, g, start);
    return g;
}

enum cep_rc rt_given_windows_save_next(struct rt_aggregate *ag, struct rt_given_windows *w) {
    int64_t start;
    struct rt_group *g = rt_panes_save_next(&w->windows, &ag->saving, &start);
    if (!g)
        return CEP_NONE;
    ag->saving.done += RT_SLICES_LOOK;
    opens(ag, g, start);
    return CEP_AGAIN;
}

struct rt_group *rt_given_windows_load(struct rt_aggregate *ag, struct rt_given_windows *w, int64_t start,
    const struct rt_agg_row *key, struct base_unpack *u) {
    struct rt_pane *p = rt_panes_get(&w->windows, start, &ag->saving);
    bool made;
    struct rt_group *g = rt_groups_get(&p->groups, key->hash, key->bytes, key->vals, &made);
    u->bad |= !made;
    if (made)
        g->given = rt_given_unpack(ag, u);
    return made ? g : NULL;
}
