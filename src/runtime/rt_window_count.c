/*
 * rt_window_count -- windows of N rows of a key, every M rows.
 *
 * Rows are gathered in panes of gcd(N, M); every M rows the panes that have the last N rows are merged and given out (fewer at the
 * beginning, as Flink has it). `window_start` and `window_end` are the times of its first and last row. What is not full at the end
 * of the input gives nothing.
 *
 * Windows end to end give early results, too: of the one that is being filled (`emit each event`, `after N events`, `every D`).
 *
 *     N = 6, M = 4: panes of 2       rows  1 2 | 3 4 | 5 6 | 7 8
 *                                          after 4: 1..4          after 8: 3..8
 */
#include "runtime/rt_aggregate.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "runtime/rt_given.h"

struct count_pane {
    int64_t first, last; /* time of its rows */
    struct expr_acc accs[];
};

/* What a group has: a queue of panes, the last one being filled. */
struct counted {
    uint32_t n_panes, head, cap; /* ring; cap is a power of two */
    uint32_t in_last;            /* rows of the last pane */
    uint32_t since;              /* rows since the last result */
    struct count_pane **ring;    /* owned */
    struct rt_given *given;      /* owned; of the window that is being filled, where changes are told */
};

struct counts {
    struct rt_group_kind bare; /* groups keep nothing themselves */
    struct rt_groups groups;   /* own: struct counted */
    uint32_t pane_n, max_panes;
    size_t n_panes;
    int64_t every_at; /* when changed groups are given out; EVT_TIME_MAX: none has changed */
};

static struct counts *counts_of(const struct rt_aggregate *ag) {
    return ag->own;
}

static void count_init(struct rt_aggregate *ag) {
    struct counts *w = base_calloc(1, sizeof *w);
    w->bare = ag->kind;
    w->bare.n_accs = 0;
    rt_groups_init(&w->groups, &w->bare, false);
    w->pane_n = (uint32_t)plan_pane(ag->plan->size_n, ag->plan->slide_n);
    w->max_panes = ag->plan->size_n / w->pane_n;
    w->every_at = EVT_TIME_MAX;
    ag->own = w;
}

/* -- panes of a group -------------------------------------------------------------------------------------------------- */

static struct count_pane *pane_at(const struct counted *c, uint32_t i) {
    return c->ring[(c->head + i) & (c->cap - 1)];
}

static void pop_pane(struct rt_aggregate *ag, struct counted *c) {
    struct count_pane *p = pane_at(c, 0);
    rt_accs_clear(&ag->kind, p->accs);
    base_free(p);
    c->head = (c->head + 1) & (c->cap - 1);
    c->n_panes--;
    counts_of(ag)->n_panes--;
}

static struct count_pane *push_pane(struct rt_aggregate *ag, struct counted *c, int64_t t) {
    if (c->n_panes == c->cap) {
        uint32_t cap = c->cap ? c->cap * 2 : 2;
        struct count_pane **ring = base_calloc(cap, sizeof(struct count_pane *));
        for (uint32_t i = 0; i < c->n_panes; i++)
            ring[i] = pane_at(c, i);
        base_free(c->ring);
        c->ring = ring;
        c->head = 0;
        c->cap = cap;
    }
    struct count_pane *p = base_calloc(1, sizeof *p + ag->kind.n_accs * sizeof(struct expr_acc));
    p->first = p->last = t;
    rt_accs_start(&ag->kind, p->accs);
    c->ring[(c->head + c->n_panes++) & (c->cap - 1)] = p;
    counts_of(ag)->n_panes++;
    return p;
}

static struct counted *counted_of(struct rt_group *g) {
    if (!g->own)
        g->own = base_calloc(1, sizeof(struct counted));
    return g->own;
}

static enum cep_rc give(struct rt_aggregate *ag, struct rt_group *g, int64_t t, struct cep_err *err) {
    struct counted *c = g->own;
    rt_aggregate_opens(ag, g, 0);
    bool one = c->n_panes == 1; /* functions of rows in order are not merged */
    struct expr_acc *accs = one ? pane_at(c, 0)->accs : ag->merged;
    for (uint32_t i = 0; i < c->n_panes && !one; i++)
        rt_accs_merge(&ag->kind, accs, pane_at(c, i)->accs);
    int64_t time = rt_aggregate_time(ag, t);
    struct rt_agg_result r = { .keys = g->vals,
        .hash = g->hash,
        .accs = accs,
        .bounded = true,
        .start = pane_at(c, 0)->first,
        .end = pane_at(c, c->n_panes - 1)->last,
        .time = time,
        .nth = rt_group_nth(g, time),
        .given = &c->given };
    enum cep_rc rc = rt_aggregate_give(ag, &r, err);
    if (!one || ag->plan->discarding)
        rt_accs_clear(&ag->kind, accs);
    g->changed = false;
    g->n_rows = 0;
    return rc;
}

/* Of a window that is not full: by what is said of early results. */
static enum cep_rc early(struct rt_aggregate *ag, struct rt_group *g, int64_t t, struct cep_err *err) {
    struct counts *w = counts_of(ag);
    switch (ag->plan->emit) {
    case PLAN_EMIT_EACH: return give(ag, g, t, err);
    case PLAN_EMIT_AFTER: return g->n_rows >= ag->plan->emit_n ? give(ag, g, t, err) : CEP_OK;
    case PLAN_EMIT_EVERY:
        if (w->every_at == EVT_TIME_MAX)
            w->every_at = rt_aggregate_next_every(ag, t);
        return CEP_OK;
    case PLAN_EMIT_WATERMARK:
    case PLAN_EMIT_MAX: break;
    }
    return CEP_OK;
}

static enum cep_rc count_take(struct rt_aggregate *ag, const struct rt_agg_row *row, struct cep_err *err) {
    struct counts *w = counts_of(ag);
    bool made;
    struct rt_group *g = rt_groups_get(&w->groups, row->hash, row->bytes, row->vals, &made);
    rt_aggregate_met(ag, g, made, 0);
    struct counted *c = counted_of(g);
    int64_t t = row->at.time;
    struct count_pane *p = c->n_panes > 0 && c->in_last < w->pane_n ? pane_at(c, c->n_panes - 1)
                                                                    : push_pane(ag, c, t);
    if (c->in_last == w->pane_n)
        c->in_last = 0;
    rt_aggregate_step(ag, row, p->accs);
    p->last = t;
    c->in_last++;
    if (c->in_last == w->pane_n)
        while (c->n_panes > w->max_panes)
            pop_pane(ag, c);
    g->changed = true;
    g->n_rows++;
    if (++c->since < ag->plan->slide_n)
        return early(ag, g, t, err);
    c->since = 0;
    enum cep_rc rc = give(ag, g, t, err);
    if (ag->plan->size_n == ag->plan->slide_n)
        pop_pane(ag, c);
    base_free(c->given);
    c->given = NULL;
    return rc;
}

static enum cep_rc count_advance(struct rt_aggregate *ag, int64_t time, struct cep_err *err) {
    struct counts *w = counts_of(ag);
    enum cep_rc rc = CEP_OK;
    if (w->every_at == EVT_TIME_MAX || w->every_at - 1 > time)
        return CEP_OK;
    int64_t at = w->every_at - 1;
    w->every_at = EVT_TIME_MAX;
    for (uint32_t i = 0; i < w->groups.n && rc == CEP_OK; i++) {
        struct rt_group *g = w->groups.groups[i];
        const struct counted *c = g->own;
        if (g->changed && c->n_panes > 0)
            rc = give(ag, g, at, err);
    }
    return rc;
}

/* -- what survives ---------------------------------------------------------------------------------------------------- */

static uint64_t count_n_groups(const struct rt_aggregate *ag) {
    return counts_of(ag)->groups.n;
}

static size_t count_bytes(const struct rt_aggregate *ag) {
    const struct counts *w = counts_of(ag);
    return rt_groups_bytes(&w->groups) + w->groups.n * sizeof(struct counted) +
           w->n_panes *
               (sizeof(struct count_pane) + sizeof(void *) + ag->kind.n_accs * sizeof(struct expr_acc));
}

/*
 * varint rows since the last result, varint rows of the last pane, varint panes, panes * (zigzag first, zigzag last, accumulators); where there
 * are early results u8 changed, varint rows since the last one; where changes are told what was given.
 */
static enum cep_rc count_put(struct rt_aggregate *ag, const struct rt_group *g, int64_t part,
    const struct sto_out *out, struct cep_err *err) {
    const struct counted *c = g->own;
    struct base_buf *value = &ag->saving.value;
    base_buf_clear(value);
    base_pack_varint(value, c->since);
    base_pack_varint(value, c->in_last);
    base_pack_varint(value, c->n_panes);
    for (uint32_t k = 0; k < c->n_panes; k++) {
        base_pack_zigzag(value, pane_at(c, k)->first);
        base_pack_zigzag(value, pane_at(c, k)->last);
        rt_accs_pack(&ag->kind, value, pane_at(c, k)->accs);
    }
    if (ag->plan->emit != PLAN_EMIT_WATERMARK) {
        base_pack_u8(value, g->changed);
        base_pack_varint(value, g->n_rows);
    }
    if (ag->plan->changes)
        rt_given_pack(value, c->given);
    return rt_aggregate_put_group(ag, g, part, base_buf_view(value), out, err);
}

static enum cep_rc count_save_next(struct rt_aggregate *ag) {
    return rt_aggregate_save_table(ag, &counts_of(ag)->groups);
}

static struct rt_group *count_load(
    struct rt_aggregate *ag, const struct rt_agg_row *key, struct base_unpack *u) {
    struct counts *w = counts_of(ag);
    bool made;
    struct rt_group *g = rt_groups_get(&w->groups, key->hash, key->bytes, key->vals, &made);
    struct counted *c = counted_of(g);
    uint64_t since = base_unpack_max(u, ag->plan->slide_n - 1), in_last = base_unpack_max(u, w->pane_n);
    uint64_t n = base_unpack_max(u, (uint64_t)w->max_panes + 1);
    u->bad |= !made || (n > 0 && in_last == 0);
    for (uint64_t i = 0; i < n && !u->bad; i++) {
        struct count_pane *p = push_pane(ag, c, base_unpack_zigzag(u));
        p->last = base_unpack_zigzag(u);
        rt_accs_unpack(&ag->kind, u, &ag->scratch, p->accs);
    }
    if (ag->plan->emit != PLAN_EMIT_WATERMARK) {
        g->changed = base_unpack_max(u, 1) != 0;
        g->n_rows = base_unpack_varint(u);
    }
    if (ag->plan->changes && made)
        c->given = rt_given_unpack(ag, u);
    if (g->changed && ag->plan->emit == PLAN_EMIT_EVERY && w->every_at == EVT_TIME_MAX)
        w->every_at = rt_aggregate_next_every(ag, ag->passed);
    c->since = (uint32_t)since;
    c->in_last = (uint32_t)in_last;
    return g;
}

static void count_release(struct rt_aggregate *ag) {
    struct counts *w = counts_of(ag);
    for (uint32_t i = 0; i < w->groups.n; i++) {
        struct counted *c = w->groups.groups[i]->own;
        while (c && c->n_panes > 0)
            pop_pane(ag, c);
        if (c)
            base_free(c->ring);
        if (c)
            base_free(c->given);
        base_free(c);
    }
    rt_groups_release(&w->groups);
    base_free(w);
}

const struct rt_window_vt rt_window_count = {
    .init = count_init,
    .take = count_take,
    .advance = count_advance,
    .n_groups = count_n_groups,
    .bytes = count_bytes,
    .put = count_put,
    .save_next = count_save_next,
    .load = count_load,
    .release = count_release,
};
