/*
 * rt_window_session -- sessions: rows of a key that are less than the gap apart, or just the gap (as Flink has it).
 *
 * A row is a session of its own, [time, time + gap]; sessions of a key that meet become one. A session is given out when the
 * watermark passes its end, until when a row could prolong it, and kept for the allowed lateness: a row that comes late makes it, or
 * the one it grows into, come out again.
 *
 *     key ── group ── session [10:00, 10:07) ── session [10:31, 10:36) ── ...        ascending, apart
 *                      └─ timer: end, then end + lateness
 *
 * Invariants
 *   I1  sessions of a key ascend and do not meet; a group has at least one
 *   I2  each session has a timer, at the time when something is to be done with it or before
 */
#include "runtime/rt_aggregate.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "runtime/rt_given.h"
#include "time/clk_timer.h"

struct session {
    struct session *next;
    struct rt_group *group; /* borrowed */
    int64_t first, last;    /* time of its rows */
    struct clk_timer timer;
    bool ended;             /* it was given out as such */
    bool changed;           /* since it was last given out */
    uint64_t n_rows;        /* since it was last given out early */
    struct rt_given *given; /* owned; where changes are told */
    struct expr_acc accs[];
};

struct sessions {
    struct rt_group_kind bare; /* groups keep nothing themselves */
    struct rt_groups groups;   /* own: the first session */
    struct clk_timers timers;
    int64_t gap, lateness;
    int64_t ended; /* what `advance` was told last */
    int64_t every_at;
    uint64_t n;
};

static struct sessions *sessions_of(const struct rt_aggregate *ag) {
    return ag->own;
}

static void session_init(struct rt_aggregate *ag) {
    struct sessions *w = base_calloc(1, sizeof *w);
    w->bare = ag->kind;
    w->bare.n_accs = 0;
    rt_groups_init(&w->groups, &w->bare, false);
    clk_timers_init(&w->timers);
    w->gap = ag->plan->size_us;
    w->lateness = ag->plan->lateness_us;
    w->ended = EVT_TIME_MIN;
    w->every_at = EVT_TIME_MAX;
    ag->own = w;
}

/* The last time at which a row can prolong it. */
static int64_t end_of(const struct sessions *w, const struct session *s) {
    return rt_time_plus(s->last, w->gap);
}

/* When there is something to be done with it. */
static int64_t due_of(const struct sessions *w, const struct session *s) {
    return s->ended ? rt_time_plus(end_of(w, s), w->lateness) : end_of(w, s);
}

/* A timer that is too early stays: it is looked at again then, which is less often than rows come. */
static void set_timer(struct sessions *w, struct session *s) {
    int64_t due = due_of(w, s);
    if (clk_timer_waits(&s->timer) && clk_timer_at(&w->timers, &s->timer) <= due)
        return;
    clk_timer_cancel(&w->timers, &s->timer);
    clk_timer_add(&w->timers, &s->timer, due);
}

static struct session *session_new(struct rt_aggregate *ag, struct rt_group *g, int64_t t) {
    struct session *s = base_calloc(1, sizeof *s + ag->kind.n_accs * sizeof(struct expr_acc));
    *s = (struct session){ .group = g, .first = t, .last = t };
    rt_accs_start(&ag->kind, s->accs);
    sessions_of(ag)->n++;
    return s;
}

/* Requires: nothing leads to it any more. */
static void session_free(struct rt_aggregate *ag, struct session *s) {
    struct sessions *w = sessions_of(ag);
    clk_timer_cancel(&w->timers, &s->timer);
    rt_accs_clear(&ag->kind, s->accs);
    base_free(s->given);
    base_free(s);
    w->n--;
}

static void forget(struct rt_aggregate *ag, struct session *s) {
    struct sessions *w = sessions_of(ag);
    struct rt_group *g = s->group;
    struct session **at = (struct session **)&g->own;
    while (*at != s)
        at = &(*at)->next;
    rt_aggregate_opens(ag, g, 0);
    *at = s->next;
    session_free(ag, s);
    if (!g->own)
        rt_aggregate_remove(ag, &w->groups, g);
}

static enum cep_rc give(struct rt_aggregate *ag, struct session *s, int64_t time, struct cep_err *err) {
    struct rt_group *g = s->group;
    rt_aggregate_opens(ag, g, 0);
    struct rt_agg_result r = { .keys = g->vals,
        .hash = g->hash,
        .accs = s->accs,
        .bounded = true,
        .start = s->first,
        .end = end_of(sessions_of(ag), s),
        .time = time,
        .nth = rt_group_nth(g, time),
        .given = &s->given };
    enum cep_rc rc = rt_aggregate_give(ag, &r, err);
    s->changed = false;
    s->n_rows = 0;
    if (ag->plan->discarding)
        rt_accs_clear(&ag->kind, s->accs);
    return rc;
}

/* -- rows ------------------------------------------------------------------------------------------------------------- */

/* The sessions that a row at t would meet: the first of them, and how many. *at: where a new one would stand. */
static uint32_t meets(const struct sessions *w, struct rt_group *g, int64_t t, struct session ***at) {
    uint32_t n = 0;
    struct session **link = (struct session **)&g->own;
    while (*link && rt_time_plus((*link)->last, w->gap) < t)
        link = &(*link)->next;
    *at = link;
    for (const struct session *s = *link; s && s->first <= rt_time_plus(t, w->gap); s = s->next)
        n++;
    return n;
}

/* Of a session that is a part of another one now. */
static enum cep_rc take_back(struct rt_aggregate *ag, struct session *s, int64_t t, struct cep_err *err) {
    struct rt_group *g = s->group;
    if (!s->given)
        return CEP_OK;
    struct rt_agg_result r = {
        .keys = g->vals, .hash = g->hash, .time = rt_aggregate_time(ag, t), .given = &s->given
    };
    r.nth = rt_group_nth(g, r.time);
    return rt_given_take_back(ag, &r, err);
}

/* All that the row brings together become the first of them. */
static enum cep_rc unite(
    struct rt_aggregate *ag, struct session *s, uint32_t n, int64_t t, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (; n > 1 && rc == CEP_OK; n--) {
        struct session *next = s->next;
        rc = take_back(ag, next, t, err);
        rt_accs_merge(&ag->kind, s->accs, next->accs);
        s->last = next->last;
        s->changed |= next->changed;
        s->n_rows += next->n_rows;
        s->next = next->next;
        session_free(ag, next);
    }
    s->first = t < s->first ? t : s->first;
    s->last = t > s->last ? t : s->last;
    return rc;
}

/* The row would make, or grow, a session that nobody waits for any more. */
static bool too_late(const struct sessions *w, const struct session *s, uint32_t n, int64_t t) {
    int64_t last = t;
    for (; n > 0; n--, s = s->next)
        last = s->last > last ? s->last : last;
    return rt_time_plus(last, w->gap + w->lateness) <= w->ended;
}

static enum cep_rc session_take(struct rt_aggregate *ag, const struct rt_agg_row *row, struct cep_err *err) {
    struct sessions *w = sessions_of(ag);
    int64_t t = row->at.time;
    bool made;
    struct rt_group *g = rt_groups_get(&w->groups, row->hash, row->bytes, row->vals, &made);
    struct session **at, *s;
    uint32_t n = meets(w, g, t, &at);
    if (t <= w->ended && too_late(w, *at, n, t)) {
        if (made)
            rt_groups_remove(&w->groups, g); /* the last one, which nobody has seen */
        return CEP_NONE;
    }
    rt_aggregate_met(ag, g, made, 0);
    enum cep_rc rc = CEP_OK;
    if (n > 0) {
        s = *at;
        rc = unite(ag, s, n, t, err);
    } else {
        s = session_new(ag, g, t);
        s->next = *at;
        *at = s;
    }
    rt_aggregate_step(ag, row, s->accs);
    s->changed = true;
    s->n_rows++;
    s->ended = end_of(w, s) <= w->ended;
    set_timer(w, s);
    if (ag->plan->emit == PLAN_EMIT_EVERY && w->every_at == EVT_TIME_MAX)
        w->every_at = rt_aggregate_next_every(ag, t > w->ended ? t : w->ended);
    bool now = s->ended || ag->plan->emit == PLAN_EMIT_EACH ||
               (ag->plan->emit == PLAN_EMIT_AFTER && s->n_rows >= ag->plan->emit_n);
    return rc == CEP_OK && now ? give(ag, s, rt_aggregate_time(ag, t), err) : rc;
}

/* Rows of sessions that go on, or begin, and that nothing was given of. */
static void session_accs_of(struct rt_aggregate *ag, const struct evt_batch *prep, const uint16_t *rows,
    uint32_t n, struct expr_acc **out) {
    struct sessions *w = sessions_of(ag);
    struct rt_group *groups[RT_AGG_BLOCK];
    rt_groups_find_rows(&w->groups, &ag->keys, rows, n, groups);
    for (uint32_t i = 0; i < n; i++)
        if (groups[i])
            __builtin_prefetch(groups[i]->own, 1);
    for (uint32_t i = 0; i < n; i++) {
        int64_t t = prep->time[rows[i]];
        out[i] = NULL;
        if (t <= w->ended)
            continue;
        struct rt_group *g = groups[i];
        bool made = !g; /* by this row, or by one before it in this block */
        if (made)
            g = rt_groups_get(&w->groups, ag->keys.hash[rows[i]], rt_keys_bytes(&ag->keys, rows[i]),
                rt_aggregate_key(ag, prep, rows[i]), NULL);
        struct session **at, *s;
        uint32_t met = meets(w, g, t, &at);
        s = *at;
        if (met > 1 || (met == 1 && s->ended))
            continue;
        rt_aggregate_met(ag, g, made, 0);
        if (met == 0) {
            s = session_new(ag, g, t);
            s->next = *at;
            *at = s;
            set_timer(w, s);
        }
        s->first = t < s->first ? t : s->first;
        s->last = t > s->last ? t : s->last;
        s->changed = true;
        s->n_rows++;
        out[i] = s->accs; /* its timer is early enough: it ends no earlier than before */
    }
}

/* -- the watermark ---------------------------------------------------------------------------------------------------- */

static enum cep_rc give_changed(struct rt_aggregate *ag, struct cep_err *err) {
    struct sessions *w = sessions_of(ag);
    int64_t time = rt_aggregate_time(ag, w->every_at - 1);
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < w->groups.n; i++)
        for (struct session *s = w->groups.groups[i]->own; s && rc == CEP_OK; s = s->next)
            if (s->changed)
                rc = give(ag, s, time, err);
    w->every_at = EVT_TIME_MAX;
    return rc;
}

static enum cep_rc session_due(struct rt_aggregate *ag, struct session *s, int64_t at, struct cep_err *err) {
    struct sessions *w = sessions_of(ag);
    enum cep_rc rc = CEP_OK;
    if (due_of(w, s) > at) {
        set_timer(w, s);
        return CEP_OK;
    }
    w->ended = at > w->ended ? at : w->ended;
    rt_aggregate_opens(ag, s->group, 0);
    if (!s->ended && (s->changed || !ag->plan->discarding))
        rc = give(ag, s, rt_aggregate_time(ag, at), err);
    if (!s->ended && w->lateness > 0) {
        s->ended = true;
        set_timer(w, s);
    } else {
        forget(ag, s);
    }
    return rc;
}

static enum cep_rc session_advance(struct rt_aggregate *ag, int64_t time, struct cep_err *err) {
    struct sessions *w = sessions_of(ag);
    enum cep_rc rc = CEP_OK;
    while (rc == CEP_OK) {
        bool any;
        int64_t next = clk_timers_next(&w->timers, &any), at;
        if (w->every_at != EVT_TIME_MAX && w->every_at - 1 <= time && (!any || w->every_at - 1 < next)) {
            rc = give_changed(ag, err);
            continue;
        }
        struct clk_timer *timer = any ? clk_timers_pop(&w->timers, time, &at) : NULL;
        if (!timer)
            break;
        rc = session_due(ag, CEP_CONTAINER_OF(timer, struct session, timer), at, err);
    }
    w->ended = time > w->ended ? time : w->ended;
    return rc;
}

/* -- what survives ---------------------------------------------------------------------------------------------------- */

static uint64_t session_n_groups(const struct rt_aggregate *ag) {
    return sessions_of(ag)->n;
}

static size_t session_bytes(const struct rt_aggregate *ag) {
    const struct sessions *w = sessions_of(ag);
    return rt_groups_bytes(&w->groups) +
           w->n * (sizeof(struct session) + ag->kind.n_accs * sizeof(struct expr_acc));
}

/*
 * zigzag first, zigzag last, u8 ended, u8 changed, varint rows since the last early result; the accumulators; where changes are told what
 * was given.
 */
static enum cep_rc session_put(struct rt_aggregate *ag, const struct rt_group *g, int64_t part,
    const struct sto_out *out, struct cep_err *err) {
    struct base_buf *value = &ag->saving.value;
    enum cep_rc rc = CEP_OK;
    (void)part;
    for (const struct session *s = g->own; s && rc == CEP_OK; s = s->next) {
        base_buf_clear(value);
        base_pack_zigzag(value, s->first);
        base_pack_zigzag(value, s->last);
        base_pack_u8(value, s->ended);
        base_pack_u8(value, s->changed);
        base_pack_varint(value, s->n_rows);
        rt_accs_pack(&ag->kind, value, s->accs);
        if (ag->plan->changes)
            rt_given_pack(value, s->given);
        rc = rt_aggregate_put_group(ag, g, s->first, base_buf_view(value), out, err);
    }
    return rc;
}

static enum cep_rc session_save_next(struct rt_aggregate *ag) {
    return rt_aggregate_save_table(ag, &sessions_of(ag)->groups);
}

static void session_was_at(struct rt_aggregate *ag) {
    sessions_of(ag)->ended = ag->passed;
}

static struct rt_group *session_load(
    struct rt_aggregate *ag, const struct rt_agg_row *key, struct base_unpack *u) {
    struct sessions *w = sessions_of(ag);
    int64_t first = base_unpack_zigzag(u), last = base_unpack_zigzag(u);
    bool ended = base_unpack_max(u, 1) != 0, changed = base_unpack_max(u, 1) != 0, made;
    uint64_t n_rows = base_unpack_varint(u);
    if (u->bad || first > last || first < -RT_FAR || last > RT_FAR) {
        u->bad = true;
        return NULL;
    }
    struct rt_group *g = rt_groups_get(&w->groups, key->hash, key->bytes, key->vals, &made);
    struct session **at = (struct session **)&g->own;
    while (*at && rt_time_plus((*at)->last, w->gap) < first)
        at = &(*at)->next;
    if (*at && (*at)->first <= rt_time_plus(last, w->gap)) {
        u->bad = true; /* it meets another one */
        return NULL;
    }
    struct session *s = session_new(ag, g, first);
    s->last = last;
    s->ended = ended;
    s->changed = changed;
    s->n_rows = n_rows;
    s->next = *at;
    *at = s;
    set_timer(w, s);
    rt_accs_unpack(&ag->kind, u, &ag->scratch, s->accs);
    s->given = ag->plan->changes ? rt_given_unpack(ag, u) : NULL;
    if (changed && ag->plan->emit == PLAN_EMIT_EVERY && w->every_at == EVT_TIME_MAX)
        w->every_at = rt_aggregate_next_every(ag, ag->passed > last ? ag->passed : last);
    return g;
}

static void session_release(struct rt_aggregate *ag) {
    struct sessions *w = sessions_of(ag);
    for (uint32_t i = 0; i < w->groups.n; i++)
        for (struct session *s = w->groups.groups[i]->own, *next; s; s = next) {
            next = s->next;
            session_free(ag, s);
        }
    rt_groups_release(&w->groups);
    clk_timers_release(&w->timers);
    base_free(w);
}

const struct rt_window_vt rt_window_session = {
    .init = session_init,
    .take = session_take,
    .accs_of = session_accs_of,
    .advance = session_advance,
    .n_groups = session_n_groups,
    .bytes = session_bytes,
    .put = session_put,
    .save_next = session_save_next,
    .was_at = session_was_at,
    .load = session_load,
    .release = session_release,
};
