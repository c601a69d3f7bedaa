/*
 * rt_window_global -- all rows of a key are one group, for ever: `window global`, whose result is given at the end of time, and
 * `group by` without a window, which gives a new result with each row (or by another rule): an update of the one before.
 *
 * Where rows can be taken back a group that has lost all of its rows is taken back, and forgotten.
 */
#include "runtime/rt_aggregate.h"

#include "base/base_mem.h"
#include "runtime/rt_given.h"

struct global {
    struct rt_groups groups;
    int64_t every_at; /* when changed groups are given out; EVT_TIME_MAX: none has changed */
    bool over;        /* the end of time has come */
};

static void global_init(struct rt_aggregate *ag) {
    struct global *w = base_calloc(1, sizeof *w);
    rt_groups_init(&w->groups, &ag->kind, ag->mark_col < 0);
    w->every_at = EVT_TIME_MAX;
    ag->own = w;
}

/* All of its rows were taken back. Without keys there is one group, empty or not. */
static bool empty(const struct rt_aggregate *ag, const struct rt_group *g) {
    return ag->mark_col >= 0 && g->live <= 0 && ag->kind.n_keys > 0;
}

/* The group may be gone then. */
static enum cep_rc give(struct rt_aggregate *ag, struct rt_group *g, int64_t time, struct cep_err *err) {
    struct global *w = ag->own;
    rt_aggregate_opens(ag, g, 0);
    struct rt_agg_result r = {
        .keys = g->vals, .hash = g->hash, .accs = g->accs, .time = time, .given = &g->given
    };
    r.nth = rt_group_nth(g, time);
    enum cep_rc rc;
    if (empty(ag, g))
        rc = rt_given_take_back(ag, &r, err);
    else
        rc = rt_aggregate_give(ag, &r, err);
    g->changed = false;
    g->n_rows = 0;
    if (ag->plan->discarding)
        rt_accs_clear(&ag->kind, g->accs);
    if (empty(ag, g) && g->live == 0)
        rt_aggregate_remove(ag, &w->groups, g);
    return rc;
}

static enum cep_rc global_take(struct rt_aggregate *ag, const struct rt_agg_row *row, struct cep_err *err) {
    struct global *w = ag->own;
    bool made;
    struct rt_group *g = rt_groups_get(&w->groups, row->hash, row->bytes, row->vals, &made);
    if (ag->plan->first_only && !made)
        return CEP_OK;
    rt_aggregate_met(ag, g, made, 0);
    rt_aggregate_step(ag, row, g->accs);
    g->changed = true;
    g->n_rows++;
    g->live += row->back ? -1 : 1;
    g->last_time = row->at.time > g->last_time || g->n_rows == 1 ? row->at.time : g->last_time;
    if (ag->plan->emit == PLAN_EMIT_EVERY && w->every_at == EVT_TIME_MAX)
        w->every_at = rt_aggregate_next_every(ag, row->at.time);
    bool now = ag->plan->emit == PLAN_EMIT_EACH ||
               (ag->plan->emit == PLAN_EMIT_AFTER && g->n_rows >= ag->plan->emit_n);
    return now ? give(ag, g, rt_aggregate_time(ag, row->at.time), err) : CEP_OK;
}

static enum cep_rc give_changed(struct rt_aggregate *ag, int64_t time, struct cep_err *err) {
    struct global *w = ag->own;
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < w->groups.n && rc == CEP_OK;) {
        uint32_t before = w->groups.n;
        if (w->groups.groups[i]->changed)
            rc = give(ag, w->groups.groups[i], time, err);
        i += before == w->groups.n; /* the last one takes the place of one that goes */
    }
    return rc;
}

static enum cep_rc global_advance(struct rt_aggregate *ag, int64_t time, struct cep_err *err) {
    struct global *w = ag->own;
    enum cep_rc rc = CEP_OK;
    if (w->every_at != EVT_TIME_MAX && w->every_at - 1 <= time) {
        rc = give_changed(ag, rt_aggregate_time(ag, w->every_at - 1), err);
        w->every_at = EVT_TIME_MAX;
    }
    if (time != EVT_TIME_MAX || w->over || ag->plan->window != PLAN_WINDOW_GLOBAL)
        return rc;
    w->over = true;
    for (uint32_t i = 0; i < w->groups.n && rc == CEP_OK;) {
        struct rt_group *g = w->groups.groups[i];
        uint32_t before = w->groups.n;
        if (g->changed || !ag->plan->discarding)
            rc = give(ag, g, rt_aggregate_time(ag, g->last_time), err);
        i += before == w->groups.n;
    }
    return rc;
}

static uint64_t global_n_groups(const struct rt_aggregate *ag) {
    return ((const struct global *)ag->own)->groups.n;
}

static size_t global_bytes(const struct rt_aggregate *ag) {
    return rt_groups_bytes(&((const struct global *)ag->own)->groups);
}

/*
 * u8 changed; varint rows since the last early result; zigzag latest time; the accumulators; where rows can be taken back zigzag how
 * many there are; where changes are told what was given (rt_given.h).
 */
static enum cep_rc global_put(struct rt_aggregate *ag, const struct rt_group *g, int64_t part,
    const struct sto_out *out, struct cep_err *err) {
    struct base_buf *value = &ag->saving.value;
    base_buf_clear(value);
    base_pack_u8(value, g->changed);
    base_pack_varint(value, g->n_rows);
    base_pack_zigzag(value, g->last_time);
    rt_accs_pack(&ag->kind, value, g->accs);
    if (ag->mark_col >= 0)
        base_pack_zigzag(value, g->live);
    if (ag->plan->changes)
        rt_given_pack(value, g->given);
    return rt_aggregate_put_group(ag, g, part, base_buf_view(value), out, err);
}

static enum cep_rc global_save_next(struct rt_aggregate *ag) {
    return rt_aggregate_save_table(ag, &((const struct global *)ag->own)->groups);
}

static struct rt_group *global_load(
    struct rt_aggregate *ag, const struct rt_agg_row *key, struct base_unpack *u) {
    struct global *w = ag->own;
    bool made;
    struct rt_group *g = rt_groups_get(&w->groups, key->hash, key->bytes, key->vals, &made);
    if (!made) {
        u->bad = true;
        return NULL;
    }
    g->changed = base_unpack_max(u, 1) != 0;
    g->n_rows = base_unpack_varint(u);
    g->last_time = base_unpack_zigzag(u);
    rt_accs_unpack(&ag->kind, u, &ag->scratch, g->accs);
    g->live = ag->mark_col >= 0 ? base_unpack_zigzag(u) : 0;
    g->given = ag->plan->changes ? rt_given_unpack(ag, u) : NULL;
    if (g->changed && ag->plan->emit == PLAN_EMIT_EVERY && w->every_at == EVT_TIME_MAX)
        w->every_at = rt_aggregate_next_every(ag, g->last_time);
    return g;
}

static void global_release(struct rt_aggregate *ag) {
    struct global *w = ag->own;
    rt_groups_release(&w->groups);
    base_free(w);
}

const struct rt_window_vt rt_window_global = {
    .init = global_init,
    .take = global_take,
    .advance = global_advance,
    .n_groups = global_n_groups,
    .bytes = global_bytes,
    .put = global_put,
    .save_next = global_save_next,
    .load = global_load,
    .release = global_release,
};
