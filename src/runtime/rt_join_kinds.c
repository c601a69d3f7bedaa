/*
 * rt_join_kinds -- which rows of two streams are a pair: those that are close in time, those of one window, those of a table's key.
 *
 * Rows come in the order of their times, so the rows kept of a side are in that order too, and those of a key hang on it the newest
 * first: looking back in time is a walk down, letting go is from the head on.
 */
#include "base/base_mem.h"
#include "runtime/rt_join.h"

/* The rows of the key on that side, from the newest down to `from`. Returns: how many; in j->partners. */
static size_t partners_since(struct rt_join *j, const struct rt_join_key *k, uint32_t side, int64_t from) {
    const struct rt_join_rows *rows = rt_join_rows_of(j, side);
    size_t n = 0;
    if (k->null)
        return 0;
    for (uint64_t at = k->newest[side]; at > rows->head;) {
        const struct rt_join_chunk *c = rt_join_chunk_of(rows, at - 1);
        uint32_t i = (uint32_t)((at - 1) % RT_JOIN_CHUNK);
        if (c->rows->time[i] < from)
            break;
        j->partners = base_grow(j->partners, n, &j->cap_partners, sizeof *j->partners);
        j->partners[n++] = at;
        at = c->meta[i].older;
    }
    return n;
}

/* -- close in time ---------------------------------------------------------------------------------------------------- */

static int64_t time_minus(int64_t t, int64_t d) {
    int64_t rest;
    return d == EVT_TIME_MAX || __builtin_sub_overflow(t, d, &rest) ? EVT_TIME_MIN : rest;
}

static enum cep_rc interval_take(
    struct rt_join *j, uint32_t side, uint64_t number, uint32_t key, struct cep_err *err) {
    int64_t time = rt_join_time(rt_join_rows_of(j, side), number);
    size_t n = partners_since(j, rt_join_key_at(&j->keys, key), !side, time_minus(time, j->plan->within_us));
    enum cep_rc rc = CEP_OK;
    rt_join_hang(j, side, number, key);
    if (rt_time_plus(time, j->plan->within_us) < j->due)
        j->due = rt_time_plus(time, j->plan->within_us);
    while (n > 0 && rc == CEP_OK) {
        uint64_t other = j->partners[--n];
        rc = side == 0 ? rt_join_give(j, number + 1, other, key, time, 0, err)
                       : rt_join_give(j, other, number + 1, key, time, 0, err);
    }
    return rc;
}

/* The first row of a side: nobody can meet it any more. */
static enum cep_rc interval_over(struct rt_join *j, uint32_t side, int64_t until, struct cep_err *err) {
    struct rt_join_rows *rows = rt_join_rows_of(j, side);
    uint64_t number = rows->head;
    const struct rt_join_meta *m = rt_join_meta(rows, number);
    enum cep_rc rc = CEP_OK;
    if (j->plan->sides[side].outer) {
        if (m->pending)
            rc = rt_join_flush(j, err);
        if (rc == CEP_OK && !m->matched) {
            /* Without a bound it is clear at the end of time only, which is no time of a row. */
            int64_t time = until < EVT_TIME_MAX       ? until
                           : j->passed < EVT_TIME_MAX ? j->passed + 1
                                                      : j->passed;
            rc = rt_join_give(
                j, side == 0 ? number + 1 : 0, side == 1 ? number + 1 : 0, m->key, time, 0, err);
        }
    }
    return rc == CEP_OK ? rt_join_pop(j, side, err) : rc;
}

static int64_t until_of(struct rt_join *j, uint32_t side) {
    const struct rt_join_rows *rows = rt_join_rows_of(j, side);
    return rt_time_plus(rt_join_time(rows, rows->head), j->plan->within_us);
}

enum { LET_GO_IN = 64 };

/* No row is missed by anybody: each side by itself, and while rows are taken a 64th of the bound at a time. */
static enum cep_rc let_go(struct rt_join *j, int64_t time, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t s = 0; s < 2; s++) {
        const struct rt_join_rows *rows = rt_join_rows_of(j, s);
        while (rc == CEP_OK && rows->head < rows->tail && until_of(j, s) <= time)
            rc = rt_join_pop(j, s, err);
    }
    j->due = rt_time_plus(time, j->plan->within_us / LET_GO_IN + 1);
    return rc;
}

static enum cep_rc interval_advance(struct rt_join *j, int64_t time, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    if (j->by_blocks)
        return let_go(j, time, err);
    while (rc == CEP_OK && time >= j->due) {
        int64_t first = EVT_TIME_MAX;
        int side = -1;
        for (uint32_t s = 0; s < 2; s++) {
            const struct rt_join_rows *rows = rt_join_rows_of(j, s);
            if (rows->head == rows->tail || (side >= 0 && until_of(j, s) >= first))
                continue;
            first = until_of(j, s);
            side = (int)s;
        }
        j->due = first;
        if (side < 0)
            break;
        if (first <= time)
            rc = interval_over(j, (uint32_t)side, first, err);
    }
    return rc;
}

const struct rt_join_vt rt_join_interval = { .take = interval_take, .advance = interval_advance };

/* -- of one window ---------------------------------------------------------------------------------------------------- */

static enum cep_rc window_take(
    struct rt_join *j, uint32_t side, uint64_t number, uint32_t key, struct cep_err *err) {
    (void)err;
    rt_join_hang(j, side, number, key);
    return CEP_OK;
}

/* The start of the first window with a row in it that has not ended. Returns: false when no row is kept. */
static bool next_window(struct rt_join *j, int64_t *start) {
    const struct plan_join *p = j->plan;
    int64_t first = EVT_TIME_MAX;
    for (uint32_t s = 0; s < 2; s++) {
        const struct rt_join_rows *rows = rt_join_rows_of(j, s);
        if (rows->head < rows->tail && rt_join_time(rows, rows->head) < first)
            first = rt_join_time(rows, rows->head);
    }
    if (first == EVT_TIME_MAX)
        return false;
    /* The first start behind first - size, down to a multiple of the slide; then one further. */
    int64_t x = first - p->size_us - p->offset_us, rest = x % p->slide_us;
    *start = x - (rest < 0 ? rest + p->slide_us : rest) + p->offset_us + p->slide_us;
    if (j->fired != EVT_TIME_MIN && *start <= j->fired)
        *start = j->fired + p->slide_us;
    return true;
}

static enum cep_rc window_pairs(struct rt_join *j, int64_t start, struct cep_err *err) {
    const struct rt_join_rows *left = rt_join_rows_of(j, 0);
    int64_t time = start + j->plan->size_us - 1;
    enum cep_rc rc = CEP_OK;
    for (uint64_t i = left->head; i < left->tail && rc == CEP_OK; i++) {
        uint32_t key = rt_join_meta(left, i)->key;
        size_t n = partners_since(j, rt_join_key_at(&j->keys, key), 1, start);
        while (n > 0 && rc == CEP_OK)
            rc = rt_join_give(j, i + 1, j->partners[--n], key, time, start, err);
    }
    return rc;
}

static enum cep_rc window_alone(struct rt_join *j, uint32_t side, int64_t start, struct cep_err *err) {
    const struct rt_join_rows *rows = rt_join_rows_of(j, side);
    int64_t time = start + j->plan->size_us - 1;
    enum cep_rc rc = CEP_OK;
    for (uint64_t i = rows->head; i < rows->tail && rc == CEP_OK; i++) {
        const struct rt_join_meta *m = rt_join_meta(rows, i);
        if (m->matched != j->n_windows)
            rc = rt_join_give(j, side == 0 ? i + 1 : 0, side == 1 ? i + 1 : 0, m->key, time, start, err);
    }
    return rc;
}

/* All rows that are kept are in the window: those before it are gone, those behind it not taken yet. */
static enum cep_rc window_ends(struct rt_join *j, int64_t start, struct cep_err *err) {
    const struct rt_join_side *sides = j->sides;
    j->n_windows++;
    enum cep_rc rc = window_pairs(j, start, err);
    for (uint32_t s = 0; s < 2 && rc == CEP_OK; s++) {
        if (!j->plan->sides[s].outer)
            continue;
        rc = j->on ? rt_join_flush(j, err) : CEP_OK;
        if (rc == CEP_OK)
            rc = window_alone(j, s, start, err);
    }
    j->fired = start;
    for (uint32_t s = 0; s < 2; s++)
        while (rc == CEP_OK && sides[s].rows.head < sides[s].rows.tail &&
               rt_join_time(&sides[s].rows, sides[s].rows.head) < start + j->plan->slide_us)
            rc = rt_join_pop(j, s, err);
    return rc;
}

static enum cep_rc window_advance(struct rt_join *j, int64_t time, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    int64_t start;
    while (rc == CEP_OK && next_window(j, &start) && start + j->plan->size_us - 1 <= time)
        rc = window_ends(j, start, err);
    return rc;
}

const struct rt_join_vt rt_join_window = { .take = window_take, .advance = window_advance };

/* -- of a table ------------------------------------------------------------------------------------------------------- */

enum { TABLE_SLACK = 4 * RT_JOIN_CHUNK };

/* Rows that were replaced are let go from the head on; what is still a key's version goes to the end again. */
static enum cep_rc compact(struct rt_join *j, struct cep_err *err) {
    struct rt_join_rows *rows = rt_join_rows_of(j, 1);
    enum cep_rc rc = CEP_OK;
    if (rows->tail - rows->head <= 2 * j->n_current + TABLE_SLACK)
        return CEP_OK;
    rc = rt_join_flush(j, err);
    while (rc == CEP_OK && rows->tail - rows->head > j->n_current + TABLE_SLACK / 2) {
        uint64_t number = rows->head;
        const struct rt_join_chunk *c = rt_join_chunk_of(rows, number);
        uint32_t i = (uint32_t)(number % RT_JOIN_CHUNK), key = c->meta[i].key;
        if (rt_join_key_at(&j->keys, key)->newest[1] == number + 1) {
            uint64_t moved = rt_join_rows_add(rows, c->rows, i, 0, key);
            rt_join_meta(rows, moved)->saved = c->meta[i].saved;
            rt_join_key_at(&j->keys, key)->newest[1] = moved + 1;
        }
        rt_join_rows_pop(rows);
    }
    return rc;
}

static enum cep_rc table_take(
    struct rt_join *j, uint32_t side, uint64_t number, uint32_t key, struct cep_err *err) {
    struct rt_join_key *k = key == RT_JOIN_NO_KEY ? NULL : rt_join_key_at(&j->keys, key);
    if (side == 0) {
        uint64_t version = k && !k->null ? k->newest[1] : 0;
        if (!version && !j->plan->sides[0].outer)
            return CEP_OK;
        return rt_join_give(j, number + 1, version, key, rt_join_time(rt_join_rows_of(j, 0), number), 0, err);
    }
    if (k->newest[1] == 0)
        j->n_current++;
    else
        rt_join_opens(j, 1, k->newest[1] - 1);
    k->newest[1] = number + 1;
    return compact(j, err);
}

static enum cep_rc table_advance(struct rt_join *j, int64_t time, struct cep_err *err) {
    (void)j;
    (void)time;
    (void)err;
    return CEP_OK;
}

/* Left rows are there only until their pairs are out. */
static void table_flushed(struct rt_join *j) {
    struct rt_join_rows *left = rt_join_rows_of(j, 0);
    while (left->head < left->tail)
        rt_join_rows_pop(left);
}

const struct rt_join_vt rt_join_table = {
    .take = table_take, .advance = table_advance, .flushed = table_flushed, .left_passes = true
};
