/*
 * rt_window_time -- tumbling and sliding windows.
 *
 * Time is cut into panes of gcd(size, slide), each a table of groups; a row goes into the one pane of its time. So a row costs the
 * same however many windows it is in. Overlapping windows that end are made each of the one before (rt_slide.h); a window that is
 * given out early, or whose aggregates grow with their values, is the merge of its panes' groups:
 *
 *     size 10, slide 4: panes of 2      0   2   4   6   8   10  12  14
 *                                       [───────── window ───]
 *                                               [───────── window ───]
 *
 * A tumbling window is one pane, and is given out without a merge. A pane is thrown away when the watermark has passed the end
 * of its last window and the allowed lateness. Until then a row that comes late gives its windows out again, for its key alone.
 *
 * Early results (`emit each event`, `after N events`, `every D`) are of the windows that have not ended yet. Overlapping windows that
 * forget what they gave (`discarding`), or count their own rows (`after N events`), share nothing: each is a pane of its own, as long as it
 * is, and a row goes into all of its windows.
 *
 * Invariants
 *   I1  panes ascend by start; none is empty
 *   I2  a window has been given out as ended exactly when its last microsecond is <= `ended`
 */
#include "runtime/rt_aggregate.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "runtime/rt_given.h"
#include "runtime/rt_slide.h"

struct timed {
    int64_t size, slide, offset, pane_us, lateness;
    struct rt_panes panes;
    int64_t ended; /* what `advance` was told last */
    bool apart;    /* windows overlap, and each is a pane of its own */
    bool shares;   /* windows overlap, and are made of panes */
    bool slides;   /* the same, each of the one before */
    struct rt_slide moving;
    struct rt_group **parts; /* owned, scratch: a key's, by pane */
    size_t cap_parts;
    int64_t every_at; /* when changed groups are given out early; EVT_TIME_MAX: none has changed */
    struct rt_given_windows given; /* of overlapping windows, where changes are told */
};

static struct timed *timed_of(const struct rt_aggregate *ag) {
    return ag->own;
}

/* The largest multiple of step (and offset) that is <= t. Requires: within RT_FAR, or a window's length of it. */
static int64_t floor_to(int64_t t, int64_t step, int64_t offset) {
    int64_t rest = (t - offset) % step;
    return t - (rest < 0 ? rest + step : rest);
}

static void timed_init(struct rt_aggregate *ag) {
    struct timed *w = base_calloc(1, sizeof *w);
    *w = (struct timed){ .size = ag->plan->size_us,
        .slide = ag->plan->slide_us,
        .offset = ag->plan->offset_us,
        .apart = plan_windows_apart(ag->plan),
        .lateness = ag->plan->lateness_us,
        .ended = EVT_TIME_MIN,
        .every_at = EVT_TIME_MAX };
    rt_panes_init(&w->panes, &ag->kind);
    rt_given_windows_init(&w->given, &ag->kind);
    w->shares = w->size != w->slide && !w->apart;
    w->pane_us = w->apart ? w->slide : plan_pane(w->size, w->slide);
    w->slides = w->shares && rt_slide_can(&ag->kind);
    rt_slide_init(&w->moving, &ag->kind);
    ag->own = w;
}

/* -- panes and windows ------------------------------------------------------------------------------------------------ */

/* The start of the last window that has time t. */
static int64_t last_start(const struct timed *w, int64_t t) {
    return floor_to(t, w->slide, w->offset);
}

/* The start of the first one. */
static int64_t first_start(const struct timed *w, int64_t t) {
    int64_t least = t - w->size + 1, start = floor_to(least, w->slide, w->offset);
    return start < least ? start + w->slide : start;
}

static struct rt_pane *pane_of(struct rt_aggregate *ag, int64_t t) {
    struct timed *w = timed_of(ag);
    if (w->panes.last_used < w->panes.n) {
        struct rt_pane *p = w->panes.v[w->panes.last_used];
        if (t >= p->start && t - p->start < w->pane_us)
            return p;
    }
    return rt_panes_get(&w->panes, floor_to(t, w->pane_us, w->offset), &ag->saving);
}

/* The last microsecond of the last window that has the pane. */
static int64_t last_end(const struct timed *w, const struct rt_pane *p) {
    return rt_time_plus(w->apart ? p->start : last_start(w, p->start), w->size - 1);
}

/* -- giving out ------------------------------------------------------------------------------------------------------- */

static enum cep_rc give(struct rt_aggregate *ag, struct rt_group *g, const struct expr_acc *accs,
    int64_t start, int64_t time, struct cep_err *err) {
    struct timed *w = timed_of(ag);
    struct rt_group *as = g; /* whose results are numbered and kept */
    /* That window has been given out for this key before the job went on from here. */
    if (ag->ahead && rt_time_plus(start, w->size - 1) <= ag->ahead[sto_group_of_hash(g->hash)])
        return CEP_OK;
    if (ag->plan->changes && w->shares)
        as = rt_given_group(ag, &w->given, start, g);
    struct rt_agg_result r = { .keys = g->vals,
        .hash = g->hash,
        .accs = accs,
        .bounded = true,
        .start = start,
        .end = rt_time_plus(start, w->size),
        .time = time,
        .nth = rt_group_nth(as, time),
        .given = &as->given };
    return rt_aggregate_give(ag, &r, err);
}

/* All groups of the panes of a window, merged; `changed` where one of them is. */
static void merge_window(struct rt_aggregate *ag, int64_t start, struct rt_groups *whole) {
    struct timed *w = timed_of(ag);
    rt_groups_init(whole, &ag->kind, true);
    for (size_t i = rt_panes_from(&w->panes, start); i < w->panes.n && w->panes.v[i]->start - start < w->size;
         i++) {
        const struct rt_groups *t = &w->panes.v[i]->groups;
        for (uint32_t k = 0; k < t->n; k++) {
            const struct rt_group *g = t->groups[k];
            struct rt_group *to = rt_groups_get(whole, g->hash, g->bytes, g->vals, NULL);
            rt_accs_merge(&ag->kind, to->accs, g->accs);
            to->changed |= g->changed;
        }
    }
}

/* A tumbling window's groups are given out as they are: what was given early and forgotten only if something came since. */
static enum cep_rc give_pane(
    struct rt_aggregate *ag, struct rt_pane *p, bool early, int64_t time, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    if (!early && !ag->plan->discarding && !ag->plan->changes && !ag->ahead) {
        for (uint32_t i = 0; i < p->groups.n; i++)
            rt_aggregate_opens(ag, p->groups.groups[i], p->start);
        struct rt_agg_result window = {
            .start = p->start, .end = rt_time_plus(p->start, timed_of(ag)->size), .time = time
        };
        return rt_aggregate_give_all(ag, p->groups.groups, p->groups.n, &window, err);
    }
    for (uint32_t i = 0; i < p->groups.n && rc == CEP_OK; i++) {
        struct rt_group *g = p->groups.groups[i];
        if (!g->changed && (early || ag->plan->discarding))
            continue;
        rt_aggregate_opens(ag, g, p->start);
        rc = give(ag, g, g->accs, p->start, time, err);
        g->changed = false;
        g->n_rows = 0;
        if (ag->plan->discarding)
            rt_accs_clear(&ag->kind, g->accs);
    }
    return rc;
}

/* The next window that ends, of those that overlap. */
static enum cep_rc give_next(struct rt_aggregate *ag, int64_t start, int64_t time, struct cep_err *err) {
    struct timed *w = timed_of(ag);
    size_t first = rt_panes_from(&w->panes, start), n = rt_panes_from(&w->panes, start + w->size) - first;
    enum cep_rc rc = CEP_OK;
    rt_slide_to(&w->moving, w->panes.v + first, n, start, w->size);
    for (uint32_t i = 0; i < w->moving.keys.n && rc == CEP_OK; i++) {
        const struct expr_acc *accs = rt_slide_accs(&w->moving, i);
        struct rt_group *key = w->moving.keys.groups[i];
        if (!accs)
            continue;
        key->given_at = EVT_TIME_MIN; /* each window gives one result of its own */
        rc = give(ag, key, accs, start, time, err);
    }
    rt_slide_leave(&w->moving, w->panes.v + first, n, start + w->slide);
    return rc;
}

static enum cep_rc give_window(
    struct rt_aggregate *ag, int64_t start, bool early, int64_t time, struct cep_err *err) {
    struct timed *w = timed_of(ag);
    struct rt_groups whole;
    enum cep_rc rc = CEP_OK;
    if (!w->shares) {
        size_t i = rt_panes_from(&w->panes, start);
        return i < w->panes.n && w->panes.v[i]->start == start
                   ? give_pane(ag, w->panes.v[i], early, time, err)
                   : CEP_OK;
    }
    if (w->slides && !early)
        return give_next(ag, start, time, err);
    merge_window(ag, start, &whole);
    for (uint32_t i = 0; i < whole.n && rc == CEP_OK; i++)
        if (!early || whole.groups[i]->changed)
            rc = give(ag, whole.groups[i], whole.groups[i]->accs, start, time, err);
    rt_groups_release(&whole);
    return rc;
}

/* A window of one key that is a pane, alone. */
static enum cep_rc give_key(
    struct rt_aggregate *ag, struct rt_group *g, int64_t start, int64_t time, struct cep_err *err) {
    enum cep_rc rc = give(ag, g, g->accs, start, time, err);
    g->changed = false;
    g->n_rows = 0;
    if (ag->plan->discarding)
        rt_accs_clear(&ag->kind, g->accs);
    return rc;
}

/* The key's groups of panes [first, first + n): in w->parts. They are in as many places of memory, so all are fetched first. */
static void find_parts(struct timed *w, const struct rt_group *g, size_t first, size_t n) {
    while (w->cap_parts < n)
        w->parts = base_grow(w->parts, w->cap_parts, &w->cap_parts, sizeof(struct rt_group *));
    for (size_t i = 0; i < n; i++)
        rt_groups_fetch(&w->panes.v[first + i]->groups, g->hash);
    for (size_t i = 0; i < n; i++)
        rt_groups_fetch_group(&w->panes.v[first + i]->groups, g->hash);
    for (size_t i = 0; i < n; i++)
        w->parts[i] = rt_groups_find(&w->panes.v[first + i]->groups, g->hash, g->bytes);
}

/* A window of one key, of panes; w->parts are its key's, of panes from `first` on. `g`: one of them, whose results are numbered. */
static enum cep_rc give_parts(struct rt_aggregate *ag, struct rt_group *g, size_t first, int64_t start,
    int64_t time, struct cep_err *err) {
    struct timed *w = timed_of(ag);
    struct expr_acc *accs = ag->merged;
    for (size_t i = rt_panes_from(&w->panes, start); i < w->panes.n && w->panes.v[i]->start - start < w->size;
         i++)
        if (w->parts[i - first])
            rt_accs_merge(&ag->kind, accs, w->parts[i - first]->accs);
    enum cep_rc rc = give(ag, g, accs, start, time, err);
    rt_accs_clear(&ag->kind, accs);
    return rc;
}

/* The row's windows: those that have ended again, those that have not when each event gives a result. */
static enum cep_rc give_row(struct rt_aggregate *ag, struct rt_group *g, int64_t t, struct cep_err *err) {
    struct timed *w = timed_of(ag);
    bool each = ag->plan->emit == PLAN_EMIT_EACH ||
                (ag->plan->emit == PLAN_EMIT_AFTER && g->n_rows >= ag->plan->emit_n);
    int64_t time = rt_aggregate_time(ag, t), last = last_start(w, t);
    enum cep_rc rc = CEP_OK;
    if (!each && t > w->ended)
        return CEP_OK;
    size_t first = rt_panes_from(&w->panes, first_start(w, t));
    if (w->shares)
        find_parts(w, g, first, rt_panes_from(&w->panes, last + w->size) - first);
    for (int64_t start = first_start(w, t); start <= last && rc == CEP_OK; start += w->slide) {
        bool ended = rt_time_plus(start, w->size - 1) <= w->ended;
        if (ended ? rt_time_plus(start, w->size - 1 + w->lateness) > w->ended : each)
            rc = w->shares ? give_parts(ag, g, first, start, time, err) : give_key(ag, g, start, time, err);
    }
    return rc;
}

static void note_change(struct rt_aggregate *ag, struct rt_group *g, int64_t t) {
    struct timed *w = timed_of(ag);
    g->changed = true;
    g->n_rows++;
    if (ag->plan->emit == PLAN_EMIT_EVERY && w->every_at == EVT_TIME_MAX)
        w->every_at = rt_aggregate_next_every(ag, t > w->ended ? t : w->ended);
}

/* Into each of its windows that are still there. */
static enum cep_rc take_apart(struct rt_aggregate *ag, const struct rt_agg_row *row, struct cep_err *err) {
    struct timed *w = timed_of(ag);
    int64_t t = row->at.time, time = rt_aggregate_time(ag, t), last = last_start(w, t);
    enum cep_rc rc = CEP_OK;
    for (int64_t start = first_start(w, t); start <= last && rc == CEP_OK; start += w->slide) {
        int64_t end = rt_time_plus(start, w->size - 1);
        if (rt_time_plus(end, w->lateness) <= w->ended)
            continue;
        bool made;
        struct rt_group *g = rt_groups_get(
            &pane_of(ag, start)->groups, row->hash, row->bytes, row->vals, &made);
        rt_aggregate_met(ag, g, made, start);
        rt_aggregate_step(ag, row, g->accs);
        note_change(ag, g, t);
        if (end <= w->ended || ag->plan->emit == PLAN_EMIT_EACH ||
            (ag->plan->emit == PLAN_EMIT_AFTER && g->n_rows >= ag->plan->emit_n))
            rc = give_key(ag, g, start, time, err);
    }
    return rc;
}

static enum cep_rc timed_take(struct rt_aggregate *ag, const struct rt_agg_row *row, struct cep_err *err) {
    struct timed *w = timed_of(ag);
    int64_t t = row->at.time;
    if (t <= w->ended && rt_time_plus(last_start(w, t), w->size - 1 + w->lateness) <= w->ended)
        return CEP_NONE;
    if (w->apart)
        return take_apart(ag, row, err);
    struct rt_pane *p = pane_of(ag, t);
    bool made;
    struct rt_group *g = rt_groups_get(&p->groups, row->hash, row->bytes, row->vals, &made);
    rt_aggregate_met(ag, g, made, p->start);
    rt_aggregate_step(ag, row, g->accs);
    if (w->slides && t <= w->ended) {
        rt_aggregate_step(ag, row, ag->merged);
        rt_slide_late(&w->moving, p, g, ag->merged);
        rt_accs_clear(&ag->kind, ag->merged);
    }
    note_change(ag, g, t);
    return ag->plan->emit == PLAN_EMIT_WATERMARK && t > w->ended ? CEP_OK : give_row(ag, g, t, err);
}

/* How many rows from `first` on are of one pane: *pane, of those behind `ended`; NULL: they are not. */
static uint32_t run_of(struct rt_aggregate *ag, const int64_t *time, const uint16_t *rows, uint32_t first,
    uint32_t n, struct rt_pane **pane) {
    const struct timed *w = timed_of(ag);
    uint32_t i = first;
    *pane = NULL;
    if (time[rows[first]] <= w->ended) {
        while (i < n && time[rows[i]] <= w->ended)
            i++;
        return i - first;
    }
    *pane = pane_of(ag, time[rows[first]]);
    /* Of a pane that has begun to end rows up to `ended` are for others. */
    int64_t from = (*pane)->start;
    uint64_t width = (uint64_t)w->pane_us, skip = from <= w->ended ? (uint64_t)(w->ended - from) + 1 : 0;
    while (i < n && (uint64_t)time[rows[i]] - (uint64_t)from - skip < width - skip)
        i++;
    return i - first;
}

/* Rows that no window that has ended is told of: those behind `ended` that give nothing out early. */
static void timed_accs_of(struct rt_aggregate *ag, const struct evt_batch *prep, const uint16_t *rows,
    uint32_t n, struct expr_acc **out) {
    struct rt_group *groups[RT_AGG_BLOCK];
    struct rt_pane *pane;
    if (timed_of(ag)->apart) {
        memset(out, 0, n * sizeof(struct expr_acc *));
        return;
    }
    for (uint32_t first = 0, len; first < n; first += len) {
        len = run_of(ag, prep->time, rows, first, n, &pane);
        if (!pane) {
            memset(out + first, 0, len * sizeof(struct expr_acc *));
            continue;
        }
        rt_groups_find_rows(&pane->groups, &ag->keys, rows + first, len, groups);
        for (uint32_t i = 0; i < len; i++) {
            uint32_t row = rows[first + i];
            bool made = !groups[i]; /* by this row, or by one before it in this block */
            if (made)
                groups[i] = rt_groups_get(&pane->groups, ag->keys.hash[row], rt_keys_bytes(&ag->keys, row),
                    rt_aggregate_key(ag, prep, row), NULL);
            rt_aggregate_met(ag, groups[i], made, pane->start);
            groups[i]->changed = true;
            out[first + i] = groups[i]->accs;
        }
        for (uint32_t i = 0; ag->counts && i < len; i++)
            groups[i]->n_rows++;
    }
}

/* -- of rows that are gathered before they travel --------------------------------------------------------------------- */

enum cep_rc rt_window_time_take_out(struct rt_aggregate *ag, int64_t until,
    enum cep_rc (*fn)(void *arg, const struct rt_group *g, int64_t start, struct cep_err *err), void *arg,
    struct cep_err *err) {
    struct timed *w = timed_of(ag);
    enum cep_rc rc = CEP_OK;
    size_t n = 0;
    for (; n < w->panes.n && rt_time_plus(w->panes.v[n]->start, w->pane_us - 1) <= until && rc == CEP_OK; n++)
        for (uint32_t k = 0; k < w->panes.v[n]->groups.n && rc == CEP_OK; k++)
            rc = fn(arg, w->panes.v[n]->groups.groups[k], w->panes.v[n]->start, err);
    rt_panes_drop(&w->panes, n, &ag->saving);
    return rc;
}

void rt_window_time_has_ended(struct rt_aggregate *ag, int64_t time) {
    struct timed *w = timed_of(ag);
    w->ended = time > w->ended ? time : w->ended;
}

bool rt_window_time_merge(
    struct rt_aggregate *ag, const struct rt_agg_row *row, const struct expr_acc *accs) {
    struct timed *w = timed_of(ag);
    int64_t start = floor_to(row->at.time, w->pane_us, w->offset);
    if (rt_time_plus(start, w->pane_us - 1) <= w->ended)
        return false;
    bool made;
    struct rt_group *g = rt_groups_get(&pane_of(ag, start)->groups, row->hash, row->bytes, row->vals, &made);
    rt_aggregate_met(ag, g, made, start);
    rt_accs_merge(&ag->kind, g->accs, accs);
    g->changed = true;
    return true;
}

/* -- the watermark ---------------------------------------------------------------------------------------------------- */

/* The start of the next window that has rows and has not ended. Returns: false when there is none. */
static bool next_window(const struct timed *w, int64_t *start) {
    for (size_t i = 0; i < w->panes.n; i++) {
        int64_t s = w->apart ? w->panes.v[i]->start : first_start(w, w->panes.v[i]->start);
        /* The first window of this pane whose last microsecond is > ended: counted, not walked. */
        int64_t last = rt_time_plus(s, w->size - 1);
        if (last <= w->ended) {
            if (last_end(w, w->panes.v[i]) <= w->ended)
                continue;
            s += ((w->ended - last) / w->slide + 1) * w->slide;
        }
        *start = s;
        return true;
    }
    return false;
}

static void drop_old(struct rt_aggregate *ag) {
    struct timed *w = timed_of(ag);
    size_t n = 0;
    if (w->given.windows.n > 0 && w->ended > EVT_TIME_MIN + w->size + w->lateness)
        rt_given_windows_drop(ag, &w->given, w->ended - w->lateness - (w->size - 1));
    while (n < w->panes.n && rt_time_plus(last_end(w, w->panes.v[n]), w->lateness) <= w->ended)
        n++;
    if (n > 0)
        rt_panes_drop(&w->panes, n, &ag->saving);
    if (w->panes.n == 0)
        rt_slide_clear(&w->moving);
}

static enum cep_rc give_changed(struct rt_aggregate *ag, struct cep_err *err) {
    struct timed *w = timed_of(ag);
    int64_t at = w->every_at, time = rt_aggregate_time(ag, at - 1), start;
    enum cep_rc rc = CEP_OK;
    if (next_window(w, &start)) {
        int64_t last = last_start(w, w->panes.v[w->panes.n - 1]->start);
        for (; start <= last && rc == CEP_OK; start += w->slide)
            rc = give_window(ag, start, true, time, err);
    }
    for (size_t i = 0; i < w->panes.n; i++)
        for (uint32_t k = 0; k < w->panes.v[i]->groups.n; k++) {
            struct rt_group *g = w->panes.v[i]->groups.groups[k];
            if (g->changed)
                rt_aggregate_opens(ag, g, w->panes.v[i]->start);
            g->changed = false;
        }
    w->every_at = EVT_TIME_MAX;
    return rc;
}

static enum cep_rc timed_advance(struct rt_aggregate *ag, int64_t time, struct cep_err *err) {
    struct timed *w = timed_of(ag);
    enum cep_rc rc = CEP_OK;
    int64_t start = 0;
    while (rc == CEP_OK && time > w->ended) {
        bool any = next_window(w, &start);
        int64_t end = any ? rt_time_plus(start, w->size - 1) : EVT_TIME_MAX;
        if (w->every_at != EVT_TIME_MAX && w->every_at - 1 <= time && w->every_at - 1 < end) {
            rc = give_changed(ag, err);
            continue;
        }
        if (!any || end > time)
            break;
        rc = give_window(ag, start, false, rt_aggregate_time(ag, end), err);
        w->ended = end;
        drop_old(ag);
    }
    if (time > w->ended)
        w->ended = time;
    drop_old(ag);
    return rc;
}

/* -- what survives ---------------------------------------------------------------------------------------------------- */

static uint64_t timed_n_groups(const struct rt_aggregate *ag) {
    return rt_panes_n_groups(&timed_of(ag)->panes);
}

static size_t timed_bytes(const struct rt_aggregate *ag) {
    const struct timed *w = timed_of(ag);
    return rt_groups_bytes(&w->moving.keys) + rt_panes_bytes(&w->panes) + rt_panes_bytes(&w->given.windows);
}

/*
 * zigzag start of the pane; u8 changed; varint rows since the last early result; the accumulators; where changes are told and windows
 * do not overlap what was given.
 */
static enum cep_rc timed_put(struct rt_aggregate *ag, const struct rt_group *g, int64_t part,
    const struct sto_out *out, struct cep_err *err) {
    const struct timed *w = timed_of(ag);
    struct base_buf *value = &ag->saving.value;
    base_buf_clear(value);
    base_pack_zigzag(value, part);
    base_pack_u8(value, g->changed);
    base_pack_varint(value, g->n_rows);
    rt_accs_pack(&ag->kind, value, g->accs);
    if (ag->plan->changes && !w->shares)
        rt_given_pack(value, g->given);
    return rt_aggregate_put_group(ag, g, part, base_buf_view(value), out, err);
}

static void timed_save_begin(struct rt_aggregate *ag) {
    struct timed *w = timed_of(ag);
    rt_panes_save_begin(&w->panes);
    rt_panes_save_begin(&w->given.windows);
}

static enum cep_rc timed_save_next(struct rt_aggregate *ag) {
    struct timed *w = timed_of(ag);
    int64_t start;
    struct rt_group *g = rt_panes_save_next(&w->panes, &ag->saving, &start);
    if (!g)
        return rt_given_windows_save_next(ag, &w->given);
    ag->saving.done += RT_SLICES_LOOK;
    rt_aggregate_opens(ag, g, start);
    return CEP_AGAIN;
}

static void timed_save_end(struct rt_aggregate *ag) {
    struct timed *w = timed_of(ag);
    rt_panes_save_end(&w->panes);
    rt_panes_save_end(&w->given.windows);
}

static struct rt_group *timed_load_given(
    struct rt_aggregate *ag, int64_t start, const struct rt_agg_row *key, struct base_unpack *u) {
    struct timed *w = timed_of(ag);
    if (w->shares && start >= -RT_FAR - w->size && start <= RT_FAR &&
        floor_to(start, w->slide, w->offset) == start)
        return rt_given_windows_load(ag, &w->given, start, key, u);
    u->bad = true;
    return NULL;
}

static void timed_was_at(struct rt_aggregate *ag) {
    timed_of(ag)->ended = ag->passed;
}

static struct rt_group *timed_load(
    struct rt_aggregate *ag, const struct rt_agg_row *key, struct base_unpack *u) {
    struct timed *w = timed_of(ag);
    int64_t start = base_unpack_zigzag(u);
    bool changed = base_unpack_max(u, 1) != 0, made;
    uint64_t n_rows = base_unpack_varint(u);
    if (u->bad || start < -RT_FAR - w->size || start > RT_FAR ||
        floor_to(start, w->pane_us, w->offset) != start) {
        u->bad = true;
        return NULL;
    }
    struct rt_group *g = rt_groups_get(&pane_of(ag, start)->groups, key->hash, key->bytes, key->vals, &made);
    if (!made) {
        u->bad = true;
        return NULL;
    }
    g->changed = changed;
    g->n_rows = n_rows;
    rt_accs_unpack(&ag->kind, u, &ag->scratch, g->accs);
    if (ag->plan->changes && !w->shares)
        g->given = rt_given_unpack(ag, u);
    if (changed && ag->plan->emit == PLAN_EMIT_EVERY && w->every_at == EVT_TIME_MAX)
        w->every_at = rt_aggregate_next_every(ag, ag->passed > start ? ag->passed : start);
    return g;
}

static void timed_release(struct rt_aggregate *ag) {
    struct timed *w = timed_of(ag);
    rt_slide_release(&w->moving);
    rt_panes_release(&w->panes);
    rt_panes_release(&w->given.windows);
    base_free(w->parts);
    base_free(w);
}

const struct rt_window_vt rt_window_time = {
    .init = timed_init,
    .take = timed_take,
    .accs_of = timed_accs_of,
    .advance = timed_advance,
    .n_groups = timed_n_groups,
    .bytes = timed_bytes,
    .put = timed_put,
    .save_begin = timed_save_begin,
    .save_next = timed_save_next,
    .save_end = timed_save_end,
    .was_at = timed_was_at,
    .load = timed_load,
    .load_given = timed_load_given,
    .release = timed_release,
};
