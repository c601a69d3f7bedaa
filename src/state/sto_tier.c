/*
 * sto_tier -- see sto_tier.h.
 *
 * Changes are written in the order of their rows: RocksDB finds the place of each from that of the one before it.
 *
 * Timers are read ahead, a few hundred at a time, because a walk over the database costs more to begin than to go on. What was
 * read is a queue of rows up to a place in the order; a timer that is written before that place cuts the queue there, and it is
 * read again.
 */
#include "state/sto_tier.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "base/base_pack.h"
#include "event/evt_batch.h"

#include <stdlib.h>

enum { AHEAD = 512, HEAD = 8, KEY_PREFIX = 5, TIMER_PREFIX = 10 };

/* A change that is collected. */
struct change {
    uint64_t prefix; /* of the row: orders most of them */
    size_t off;      /* in the bytes of its changes: the row, then the value */
    uint32_t row_len, value_len;
    enum sto_space space;
    bool deletes;
};

struct changes {
    struct change *v; /* owned */
    size_t n, cap;
    struct base_buf bytes;
    int64_t first; /* the earliest deadline put by them */
};

struct due {
    int64_t deadline;
    size_t off, len; /* of the key in queue_keys */
};

struct sto_tier {
    struct sto_db *db; /* borrowed */
    uint16_t op;
    uint8_t ns;
    struct changes now;         /* those that are collected */
    struct changes before;      /* those that are being written, in order; none: nothing is */
    size_t n_written;           /* of these */
    struct sto_db_batch *batch; /* owned; scratch */
    struct base_buf row;        /* scratch */
    struct base_buf many;       /* scratch: keys of rows */
    struct base_str *many_keys;
    size_t cap_many;

    struct due *queue; /* AHEAD, read and not handed out */
    size_t n_queue, at_queue;
    struct base_buf queue_keys;
    struct base_buf from; /* where reading goes on */
    int64_t read_to;      /* all timers before this deadline were read, and none behind `from` */
    bool at_end;          /* there was nothing behind `from` */
    int64_t given; /* no timer behind this deadline was handed out, but for those that are to come again */
    struct sto_rows *rows; /* owned; NULL: nobody asked for them */
};

static void put_be(struct base_buf *b, uint64_t v, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;)
        base_buf_putc(b, (char)(v >> (8 * i)));
}

static uint64_t get_be(const char *p, unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static void key_row(const struct sto_tier *t, struct base_buf *b, uint32_t group) {
    put_be(b, group, 2);
    put_be(b, t->op, 2);
    put_be(b, t->ns, 1);
}

static struct base_str row_of_key(struct sto_tier *t, struct base_str key) {
    base_buf_clear(&t->row);
    key_row(t, &t->row, sto_group_of(key));
    base_buf_str(&t->row, key);
    return base_buf_view(&t->row);
}

static void timer_row(const struct sto_tier *t, struct base_buf *b, int64_t deadline, struct base_str key) {
    base_buf_clear(b);
    put_be(b, t->op, 2);
    put_be(b, (uint64_t)deadline ^ UINT64_C(1) << 63, 8);
    base_buf_str(b, key);
}

struct sto_tier *sto_tier_new(struct sto_db *db, uint16_t op, uint8_t ns) {
    struct sto_tier *t = base_calloc(1, sizeof *t);
    t->db = db;
    t->op = op;
    t->ns = ns;
    t->batch = sto_db_batch_new();
    t->now.first = t->before.first = EVT_TIME_MAX;
    t->queue = base_calloc(AHEAD, sizeof *t->queue);
    t->read_to = t->given = EVT_TIME_MIN;
    timer_row(t, &t->from, EVT_TIME_MIN, BASE_STR(""));
    return t;
}

static void changes_release(struct changes *c) {
    base_free(c->v);
    base_buf_release(&c->bytes);
}

static void changes_clear(struct changes *c) {
    c->n = 0;
    base_buf_clear(&c->bytes);
    c->first = EVT_TIME_MAX;
}

void sto_tier_free(struct sto_tier *t) {
    if (!t)
        return;
    sto_db_batch_free(t->batch);
    sto_rows_free(t->rows);
    changes_release(&t->now);
    changes_release(&t->before);
    base_buf_release(&t->row);
    base_buf_release(&t->many);
    base_free(t->many_keys);
    base_free(t->queue);
    base_buf_release(&t->queue_keys);
    base_buf_release(&t->from);
    base_free(t);
}

/* -- writing ---------------------------------------------------------------------------------------------------- */

/* The row is in t->row. Returns: where the value goes, behind it. */
static struct base_buf *collect(struct sto_tier *t, enum sto_space space, bool deletes) {
    struct changes *now = &t->now;
    now->v = base_grow(now->v, now->n, &now->cap, sizeof *now->v);
    struct change *c = &now->v[now->n++];
    *c = (struct change){
        .off = now->bytes.len, .row_len = (uint32_t)t->row.len, .space = space, .deletes = deletes
    };
    for (size_t i = 0; i < 8; i++)
        c->prefix = c->prefix << 8 | (i < t->row.len ? (uint8_t)t->row.p[i] : 0);
    base_buf_str(&now->bytes, base_buf_view(&t->row));
    return &now->bytes;
}

static void put_key(struct sto_tier *t, struct base_str key, struct base_str value, int64_t deadline) {
    (void)row_of_key(t, key);
    struct base_buf *b = collect(t, STO_SPACE_KEYS, false);
    base_pack_u64(b, (uint64_t)deadline);
    base_buf_str(b, value);
    t->now.v[t->now.n - 1].value_len = (uint32_t)(HEAD + value.len);
}

static void change_timer(struct sto_tier *t, int64_t deadline, struct base_str key, bool deletes) {
    if (deadline == EVT_TIME_MAX)
        return;
    timer_row(t, &t->row, deadline, key);
    (void)collect(t, STO_SPACE_TIMERS, deletes);
}

void sto_tier_put(
    struct sto_tier *t, struct base_str key, struct base_str value, int64_t was, int64_t deadline) {
    put_key(t, key, value, deadline);
    if (was != deadline) {
        change_timer(t, was, key, true);
        change_timer(t, deadline, key, false);
    }
    /* Also one that is there and has come: it is to come again. */
    if ((was != deadline || deadline <= t->given) && deadline < t->now.first)
        t->now.first = deadline;
}

void sto_tier_delete(struct sto_tier *t, struct base_str key, int64_t was) {
    (void)row_of_key(t, key);
    (void)collect(t, STO_SPACE_KEYS, true);
    change_timer(t, was, key, true);
}

size_t sto_tier_pending(const struct sto_tier *t) {
    return t->now.bytes.len;
}

bool sto_tier_writes(const struct sto_tier *t) {
    return t->before.n > 0;
}

/* Timers from this deadline on are there now that were not when they were read. */
static void read_again(struct sto_tier *t, int64_t deadline) {
    if (deadline > t->read_to) {
        t->at_end = false;
        return;
    }
    if (t->given > deadline)
        t->given = deadline;
    while (t->n_queue > t->at_queue && t->queue[t->n_queue - 1].deadline >= deadline)
        t->n_queue--;
    timer_row(t, &t->from, deadline, BASE_STR(""));
    t->read_to = deadline;
    t->at_end = false;
}

static struct base_str row_of(const struct changes *of, const struct change *c) {
    return (struct base_str){ of->bytes.p + c->off, c->row_len };
}

/* Changes of one row stay in the order in which they were made. */
static int by_row(const void *a, const void *b, void *arg) {
    const struct change *x = a, *y = b;
    if (x->space != y->space)
        return x->space < y->space ? -1 : 1;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    int order = base_str_cmp(row_of(arg, x), row_of(arg, y));
    return order != 0 ? order : x->off < y->off ? -1 : x->off > y->off;
}

/* What is collected is put in order, to be written. */
static void begin_writing(struct sto_tier *t) {
    struct changes old = t->before;
    t->before = t->now;
    t->now = old;
    t->n_written = 0;
    qsort_r(t->before.v, t->before.n, sizeof *t->before.v, by_row, &t->before);
}

/* The next ones, about so many bytes. Returns: how many. */
static size_t fill_batch(struct sto_tier *t, size_t bytes) {
    size_t i = t->n_written, len = 0;
    for (; i < t->before.n && len < bytes; i++) {
        const struct change *c = &t->before.v[i];
        struct base_str row = row_of(&t->before, c);
        len += row.len + c->value_len;
        if (c->deletes)
            sto_db_batch_delete(t->batch, t->db, c->space, row);
        else
            sto_db_batch_put(
                t->batch, t->db, c->space, row, (struct base_str){ row.p + row.len, c->value_len });
    }
    return i - t->n_written;
}

static enum cep_rc write_piece(struct sto_tier *t, size_t bytes, struct cep_err *err) {
    sto_db_batch_clear(t->batch);
    size_t n = fill_batch(t, bytes);
    enum cep_rc rc = sto_db_write(t->db, t->batch, err);
    if (rc != CEP_OK)
        return rc;
    t->n_written += n;
    if (t->n_written < t->before.n)
        return CEP_AGAIN;
    if (t->before.first != EVT_TIME_MAX)
        read_again(t, t->before.first);
    changes_clear(&t->before);
    return CEP_OK;
}

enum cep_rc sto_tier_write_some(struct sto_tier *t, size_t bytes, struct cep_err *err) {
    if (sto_tier_writes(t))
        return write_piece(t, bytes, err);
    if (t->now.n == 0)
        return CEP_OK;
    begin_writing(t);
    return CEP_AGAIN;
}

enum cep_rc sto_tier_write(struct sto_tier *t, struct cep_err *err) {
    enum cep_rc rc = sto_tier_writes(t) ? write_piece(t, SIZE_MAX, err) : CEP_OK;
    if (rc != CEP_OK || t->now.n == 0)
        return rc;
    begin_writing(t);
    return write_piece(t, SIZE_MAX, err);
}

/* -- reading ----------------------------------------------------------------------------------------------------- */

static enum cep_rc open_value(struct base_str *value, int64_t *deadline, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(*value);
    *deadline = (int64_t)base_unpack_u64(&u);
    if (u.bad)
        return base_err_set(err, CEP_EDAMAGED, "a key in the database of state is damaged");
    value->p += HEAD;
    value->len -= HEAD;
    return CEP_OK;
}

enum cep_rc sto_tier_get(struct sto_tier *t, struct base_str key, struct base_buf *value, int64_t *deadline,
    bool *found, struct cep_err *err) {
    enum cep_rc rc = sto_db_get(t->db, STO_SPACE_KEYS, row_of_key(t, key), value, found, err);
    if (rc != CEP_OK || !*found)
        return rc;
    struct base_str v = base_buf_view(value);
    rc = open_value(&v, deadline, err);
    if (rc == CEP_OK) {
        memmove(value->p, value->p + HEAD, v.len);
        value->len = v.len;
    }
    return rc;
}

struct many {
    sto_tier_found_fn found;
    void *arg;
};

static enum cep_rc on_found(void *arg, size_t i, struct base_str value, struct cep_err *err) {
    const struct many *m = arg;
    int64_t deadline;
    enum cep_rc rc = open_value(&value, &deadline, err);
    return rc == CEP_OK ? m->found(m->arg, i, value, deadline, err) : rc;
}

enum cep_rc sto_tier_get_many(struct sto_tier *t, const struct base_str *keys, size_t n,
    sto_tier_found_fn found, void *arg, struct cep_err *err) {
    struct many m = { found, arg };
    base_buf_clear(&t->many);
    if (t->cap_many < n) {
        t->cap_many = n;
        t->many_keys = base_realloc(t->many_keys, n * sizeof *t->many_keys);
    }
    for (size_t i = 0; i < n; i++) {
        key_row(t, &t->many, sto_group_of(keys[i]));
        base_buf_str(&t->many, keys[i]);
    }
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        t->many_keys[i] = (struct base_str){ t->many.p + at, KEY_PREFIX + keys[i].len };
        at += t->many_keys[i].len;
    }
    return sto_db_get_many(t->db, STO_SPACE_KEYS, t->many_keys, n, on_found, &m, err);
}

/* -- timers ------------------------------------------------------------------------------------------------------- */

int64_t sto_tier_next(const struct sto_tier *t) {
    if (t->at_queue < t->n_queue)
        return t->queue[t->at_queue].deadline;
    return t->at_end ? EVT_TIME_MAX : t->read_to;
}

int64_t sto_tier_given(const struct sto_tier *t) {
    return t->given;
}

/* Requires: the queue is empty. */
static enum cep_rc read_ahead(struct sto_tier *t, struct cep_err *err) {
    struct base_str row, value;
    base_buf_clear(&t->row);
    put_be(&t->row, t->op + UINT64_C(1),
        3); /* as a number of 3 bytes it is behind every row of this operator ... */
    struct base_str to = { t->row.p + 1, 2 };
    if (t->op == UINT16_MAX)
        to.p = NULL; /* ... and the last one's go to the end */
    t->n_queue = t->at_queue = 0;
    base_buf_clear(&t->queue_keys);
    struct sto_db_iter *it = sto_db_iter_new(t->db, STO_SPACE_TIMERS, base_buf_view(&t->from), to);
    for (; t->n_queue < AHEAD && sto_db_iter_row(it, &row, &value); sto_db_iter_next(it)) {
        CEP_INSIST(row.len >= TIMER_PREFIX);
        struct due *d = &t->queue[t->n_queue++];
        d->deadline = (int64_t)(get_be(row.p + 2, 8) ^ UINT64_C(1) << 63);
        d->off = t->queue_keys.len;
        d->len = row.len - TIMER_PREFIX;
        base_buf_add(&t->queue_keys, row.p + TIMER_PREFIX, d->len);
        base_buf_clear(&t->from);
        base_buf_str(&t->from, row);
        t->read_to = d->deadline;
    }
    t->at_end = t->n_queue < AHEAD;
    if (t->n_queue)
        base_buf_putc(&t->from, '\0'); /* behind the last one */
    return sto_db_iter_end(it, err);
}

enum cep_rc sto_tier_due(
    struct sto_tier *t, int64_t upto, struct base_str *key, int64_t *deadline, struct cep_err *err) {
    if (t->at_queue == t->n_queue && !t->at_end) {
        enum cep_rc rc = read_ahead(t, err);
        if (rc != CEP_OK)
            return rc;
    }
    if (t->at_queue == t->n_queue || t->queue[t->at_queue].deadline > upto)
        return CEP_NONE;
    const struct due *d = &t->queue[t->at_queue++];
    *deadline = t->given = d->deadline;
    *key = (struct base_str){ t->queue_keys.p + d->off, d->len };
    return CEP_OK;
}

/* -- all keys ------------------------------------------------------------------------------------------------------ */

struct sto_rows *sto_tier_rows(struct sto_tier *t, uint8_t ns) {
    if (!t->rows)
        t->rows = sto_rows_new(t->db, t->op, ns);
    return t->rows;
}

struct sto_tier_scan {
    const struct sto_tier *t;
    struct sto_db_iter *it;
    struct base_buf place;
    bool moved;            /* it stands on the row behind the one given last */
    struct sto_rows *rows; /* owned; NULL: the tier's own */
    struct sto_rows_scan *waiting;
};

struct sto_tier_scan *sto_tier_scan_new(struct sto_tier *t) {
    struct sto_tier_scan *s = base_calloc(1, sizeof *s);
    s->t = t;
    key_row(t, &s->place, 0);
    s->it = sto_db_iter_new(t->db, STO_SPACE_KEYS, base_buf_view(&s->place), (struct base_str){ 0 });
    s->moved = true;
    /* Who only reads a database asks for no rows. Their entries say their namespace. */
    if (!t->rows)
        s->rows = sto_rows_new(t->db, t->op, t->ns);
    s->waiting = sto_rows_scan_new(t->rows ? t->rows : s->rows);
    return s;
}

enum cep_rc sto_tier_scan_next(struct sto_tier_scan *s, struct sto_entry *e, struct cep_err *err) {
    struct base_str row, value;
    if (!s->it)
        return sto_rows_scan_next(s->waiting, e, err);
    if (!s->moved)
        sto_db_iter_next(s->it);
    while (sto_db_iter_row(s->it, &row, &value)) {
        CEP_INSIST(row.len >= KEY_PREFIX);
        uint32_t group = (uint32_t)get_be(row.p, 2);
        base_buf_clear(&s->place);
        key_row(s->t, &s->place, group);
        int c = memcmp(row.p, s->place.p, KEY_PREFIX);
        if (c == 0) {
            int64_t deadline;
            s->moved = false;
            *e = (struct sto_entry){ .ns = s->t->ns, .group = group };
            e->key = (struct base_str){ row.p + KEY_PREFIX, row.len - KEY_PREFIX };
            e->value = value;
            return open_value(&e->value, &deadline, err);
        }
        /* Another operator's: on to ours of this group, or of the next. */
        if (c > 0) {
            base_buf_clear(&s->place);
            key_row(s->t, &s->place, group + 1);
        }
        sto_db_iter_seek(s->it, base_buf_view(&s->place));
    }
    enum cep_rc rc = sto_db_iter_end(s->it, err);
    s->it = NULL;
    return rc == CEP_OK ? sto_rows_scan_next(s->waiting, e, err) : rc;
}

void sto_tier_scan_free(struct sto_tier_scan *s) {
    if (!s)
        return;
    (void)sto_db_iter_end(s->it, NULL);
    sto_rows_scan_free(s->waiting);
    sto_rows_free(s->rows);
    base_buf_release(&s->place);
    base_free(s);
}
