/*
 * rt_join_session -- `a join b on a.k = b.k window session gap D`: all rows of a session meet when it ends.
 *
 * A session is rows of one key, of either side, each at most the gap behind the one before: what joins is active together. It ends when
 * the watermark has passed the gap behind its last row, since until then a row could prolong it. Rows come in the order of their times, so
 * a key has one open session, whose rows hang on it; sessions never have to be merged.
 *
 *     rows of both sides, by time   a1  b1  a2  . . . . b2
 *     looked at, up to wm - gap     ───────────▶             a2 is the last of its key: its session ends, and a1 b1 a2 are done with
 *
 * A row that is done with has no key any more (RT_JOIN_NO_KEY). It goes when all before it went, or when most of those that are kept
 * are done with: then the others are moved together. So what is kept is at most some twice the rows of open sessions, and looking for what
 * ends costs a constant amount of work a row.
 *
 * Time of a result, and window_end: the gap behind the last row.
 */
#include "base/base_mem.h"
#include "runtime/rt_join.h"

enum { SLACK = 4 * RT_JOIN_CHUNK };

static enum cep_rc session_take(
    struct rt_join *j, uint32_t side, uint64_t number, uint32_t key, struct cep_err *err) {
    int64_t end = rt_time_plus(rt_join_time(rt_join_rows_of(j, side), number), j->plan->size_us);
    (void)err;
    rt_join_hang(j, side, number, key);
    if (end < j->due)
        j->due = end;
    return CEP_OK;
}

/* The rows that hang on the key, the newest first. Returns: how many; they are put at the end of j->partners. */
static size_t rows_of_key(struct rt_join *j, uint32_t side, uint32_t key, size_t n) {
    const struct rt_join_rows *rows = rt_join_rows_of(j, side);
    size_t from = n;
    for (uint64_t at = rt_join_key_at(&j->keys, key)->newest[side]; at > rows->head;) {
        const struct rt_join_meta *m = rt_join_meta(rows, at - 1);
        if (m->key != key)
            break; /* of a session before */
        j->partners = base_grow(j->partners, n, &j->cap_partners, sizeof *j->partners);
        j->partners[n++] = at;
        at = m->older;
    }
    return n - from;
}

static int64_t time_of(struct rt_join *j, uint32_t side, uint64_t at) {
    return rt_join_time(rt_join_rows_of(j, side), at - 1);
}

/* Those without a partner, once `on` has judged all pairs. */
static enum cep_rc give_alone(struct rt_join *j, uint32_t side, uint32_t key, const uint64_t *rows, size_t n,
    int64_t start, int64_t end, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    while (n > 0 && rc == CEP_OK) {
        uint64_t at = rows[--n];
        if (!rt_join_meta(rt_join_rows_of(j, side), at - 1)->matched)
            rc = rt_join_give(j, side == 0 ? at : 0, side == 1 ? at : 0, key, end, start, err);
    }
    return rc;
}

static enum cep_rc session_ends(struct rt_join *j, uint32_t key, int64_t end, struct cep_err *err) {
    const struct rt_join_key *k = rt_join_key_at(&j->keys, key);
    size_t n[2] = { rows_of_key(j, 0, key, 0), 0 };
    n[1] = rows_of_key(j, 1, key, n[0]);
    const uint64_t *rows[2] = { j->partners, j->partners + n[0] };
    int64_t start = EVT_TIME_MAX;
    enum cep_rc rc = CEP_OK;
    for (uint32_t s = 0; s < 2; s++)
        if (n[s] > 0 && time_of(j, s, rows[s][n[s] - 1]) < start)
            start = time_of(j, s, rows[s][n[s] - 1]);
    for (size_t l = n[0]; l-- > 0 && !k->null;)
        for (size_t r = n[1]; r-- > 0 && rc == CEP_OK;)
            rc = rt_join_give(j, rows[0][l], rows[1][r], key, end, start, err);
    if (rc == CEP_OK && j->on && (j->plan->sides[0].outer || j->plan->sides[1].outer))
        rc = rt_join_flush(j, err);
    for (uint32_t s = 0; s < 2 && rc == CEP_OK; s++)
        if (j->plan->sides[s].outer)
            rc = give_alone(j, s, key, rows[s], n[s], start, end, err);
    for (uint32_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < n[s]; i++) {
            rt_join_opens(j, s, rows[s][i] - 1);
            rt_join_meta(rt_join_rows_of(j, s), rows[s][i] - 1)->key = RT_JOIN_NO_KEY;
        }
        rt_join_key_at(&j->keys, key)->newest[s] = 0;
        j->n_done[s] += n[s];
    }
    rt_join_keys_idle(&j->keys, key);
    return rc;
}

/* -- letting go ------------------------------------------------------------------------------------------------------- */

static enum cep_rc pop_done(struct rt_join *j, uint32_t side, struct cep_err *err) {
    struct rt_join_rows *rows = rt_join_rows_of(j, side);
    enum cep_rc rc = CEP_OK;
    while (rc == CEP_OK && rows->head < rows->tail && rt_join_meta(rows, rows->head)->key == RT_JOIN_NO_KEY) {
        if (j->n_pairs > 0 && rt_join_rows_last_of_chunk(rows))
            rc = rt_join_flush(j, err);
        if (rc == CEP_OK) {
            rt_join_rows_pop(rows);
            j->n_done[side]--;
        }
    }
    j->looked[side] = j->looked[side] < rows->head ? rows->head : j->looked[side];
    return rc;
}

/* Rows of open sessions in their order, without those between them. */
static enum cep_rc move_together(struct rt_join *j, uint32_t side, struct cep_err *err) {
    struct rt_join_rows *rows = rt_join_rows_of(j, side), left;
    uint64_t looked = 0;
    enum cep_rc rc = rt_join_flush(j, err);
    if (rc != CEP_OK)
        return rc;
    rt_join_rows_init(&left, rows->schema);
    for (uint64_t i = rows->head; i < rows->tail; i++)
        if (rt_join_meta(rows, i)->key != RT_JOIN_NO_KEY)
            rt_join_key_at(&j->keys, rt_join_meta(rows, i)->key)->newest[side] = 0;
    for (uint64_t i = rows->head; i < rows->tail; i++) {
        uint32_t key = rt_join_meta(rows, i)->key;
        if (key == RT_JOIN_NO_KEY)
            continue;
        uint64_t number = rt_join_rows_add(
            &left, rt_join_chunk_of(rows, i)->rows, (uint32_t)(i % RT_JOIN_CHUNK), 0, key);
        struct rt_join_key *k = rt_join_key_at(&j->keys, key);
        rt_join_meta(&left, number)->older = k->newest[side];
        rt_join_meta(&left, number)->saved = rt_join_meta(rows, i)->saved;
        k->newest[side] = number + 1;
        looked += i < j->looked[side];
    }
    left.saved = rows->saved;
    rt_join_rows_release(rows);
    *rows = left;
    rt_join_moved(j, side);
    j->looked[side] = looked;
    j->n_done[side] = 0;
    return CEP_OK;
}

static enum cep_rc let_go(struct rt_join *j, uint32_t side, struct cep_err *err) {
    const struct rt_join_rows *rows = rt_join_rows_of(j, side);
    enum cep_rc rc = pop_done(j, side, err);
    if (rc == CEP_OK && j->n_done[side] > (rows->tail - rows->head) / 2 + SLACK)
        rc = move_together(j, side, err);
    return rc;
}

/* -- the watermark ---------------------------------------------------------------------------------------------------- */

/* The next row that was not looked at, by (time, side). Returns: its side, -1 = none. */
static int next_row(struct rt_join *j) {
    int side = -1;
    for (uint32_t s = 0; s < 2; s++) {
        const struct rt_join_rows *rows = rt_join_rows_of(j, s);
        if (j->looked[s] < rows->tail &&
            (side < 0 || time_of(j, s, j->looked[s] + 1) < time_of(j, 0, j->looked[0] + 1)))
            side = (int)s;
    }
    return side;
}

/* No row of its key came behind it. */
static bool is_last(struct rt_join *j, uint32_t side, uint64_t at) {
    const struct rt_join_meta *m = rt_join_meta(rt_join_rows_of(j, side), at - 1);
    if (m->key == RT_JOIN_NO_KEY)
        return false;
    const struct rt_join_key *k = rt_join_key_at(&j->keys, m->key);
    if (k->newest[side] != at)
        return false;
    uint64_t other = k->newest[!side];
    if (other <= rt_join_rows_of(j, !side)->head)
        return true;
    int64_t time = time_of(j, side, at), behind = time_of(j, !side, other);
    return side == 0 ? behind < time : behind <= time;
}

static enum cep_rc session_advance(struct rt_join *j, int64_t time, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    if (time < j->due)
        return CEP_OK;
    while (rc == CEP_OK) {
        int side = next_row(j);
        j->due = EVT_TIME_MAX;
        if (side < 0)
            break;
        uint32_t s = (uint32_t)side;
        uint64_t at = ++j->looked[s];
        int64_t end = rt_time_plus(time_of(j, s, at), j->plan->size_us);
        if (end > time) {
            j->looked[s]--;
            j->due = end;
            break;
        }
        if (is_last(j, s, at))
            rc = session_ends(j, rt_join_meta(rt_join_rows_of(j, s), at - 1)->key, end, err);
    }
    for (uint32_t s = 0; s < 2 && rc == CEP_OK; s++)
        rc = let_go(j, s, err);
    return rc;
}

const struct rt_join_vt rt_join_session = { .take = session_take, .advance = session_advance };
