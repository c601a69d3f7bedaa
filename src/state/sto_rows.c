/*
 * sto_rows -- see sto_rows.h.
 */
#include "state/sto_rows.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "base/base_pack.h"
#include "event/evt_batch.h"

enum { TIME_AT = 2, PLACE = 2 + 8 + 4 + 4 + 8 + 8, HEAD = 1 + 4 };

static const uint64_t numbers_from = UINT64_C(1) << 63;

struct sto_rows {
    struct sto_db *db; /* borrowed */
    uint16_t op;
    uint8_t ns;
    struct sto_db_batch *batch; /* owned */
    bool any;                   /* something is in it */
    int64_t batch_first;        /* the earliest time in it */
    int64_t first;              /* no row waits before */
    struct base_buf from;       /* where giving out goes on */
    bool given;                 /* rows lie before `from` */
    struct base_buf key, value; /* scratch */
};

static void put_be(struct base_buf *b, uint64_t v, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;)
        base_buf_putc(b, (char)(v >> (8 * i)));
}

static void place(const struct sto_rows *r, struct base_buf *b, const struct sto_row *row) {
    base_buf_clear(b);
    put_be(b, r->op, 2);
    put_be(b, (uint64_t)row->time ^ UINT64_C(1) << 63, 8);
    put_be(b, row->input, 4);
    put_be(b, row->origin, 4);
    put_be(b, row->seq, 8);
    put_be(b, row->number, 8);
}

static int64_t time_of(struct base_str place) {
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v = v << 8 | (uint8_t)place.p[TIME_AT + i];
    return (int64_t)(v ^ UINT64_C(1) << 63);
}

/* Behind every row of the operator; of the last one: the end. */
static struct base_str end_of(struct sto_rows *r) {
    base_buf_clear(&r->key);
    put_be(&r->key, r->op + UINT64_C(1), 2);
    return r->op == UINT16_MAX ? (struct base_str){ NULL, 0 } : base_buf_view(&r->key);
}

struct sto_rows *sto_rows_new(struct sto_db *db, uint16_t op, uint8_t ns) {
    struct sto_rows *r = base_calloc(1, sizeof *r);
    r->db = db;
    r->op = op;
    r->ns = ns;
    r->batch = sto_db_batch_new();
    r->batch_first = EVT_TIME_MAX;
    r->first = EVT_TIME_MIN;
    put_be(&r->from, op, 2);
    return r;
}

void sto_rows_free(struct sto_rows *r) {
    if (!r)
        return;
    sto_db_batch_free(r->batch);
    base_buf_release(&r->from);
    base_buf_release(&r->key);
    base_buf_release(&r->value);
    base_free(r);
}

/* -- writing ---------------------------------------------------------------------------------------------------- */

void sto_rows_put(struct sto_rows *r, const struct sto_row *row, struct base_str value) {
    base_buf_clear(&r->value);
    base_pack_u8(&r->value, r->ns);
    base_pack_u32(&r->value, row->group);
    base_buf_str(&r->value, value);
    place(r, &r->key, row);
    sto_db_batch_put(r->batch, r->db, STO_SPACE_ROWS, base_buf_view(&r->key), base_buf_view(&r->value));
    r->any = true;
    if (row->time < r->batch_first)
        r->batch_first = row->time;
}

enum cep_rc sto_rows_write(struct sto_rows *r, struct cep_err *err) {
    enum cep_rc rc = r->any ? sto_db_write(r->db, r->batch, err) : CEP_OK;
    if (rc != CEP_OK)
        return rc;
    r->any = false;
    if (r->batch_first < r->first)
        r->first = r->batch_first;
    r->batch_first = EVT_TIME_MAX;
    return CEP_OK;
}

enum cep_rc sto_rows_forget(struct sto_rows *r, struct cep_err *err) {
    if (!r->given)
        return CEP_OK;
    base_buf_clear(&r->key);
    put_be(&r->key, r->op, 2);
    enum cep_rc rc = sto_db_delete_range(
        r->db, STO_SPACE_ROWS, base_buf_view(&r->key), base_buf_view(&r->from), err);
    r->given = rc != CEP_OK;
    return rc;
}

/* -- reading ----------------------------------------------------------------------------------------------------- */

int64_t sto_rows_first(const struct sto_rows *r) {
    return r->first;
}

static enum cep_rc damaged(struct cep_err *err) {
    return base_err_set(err, CEP_EDAMAGED, "a waiting row in the database of state is damaged");
}

enum cep_rc sto_rows_take(struct sto_rows *r, int64_t upto, size_t most, sto_rows_fn row, void *arg,
    int64_t *reached, struct cep_err *err) {
    struct base_str key, value;
    enum cep_rc rc = CEP_OK;
    size_t n = 0;
    int64_t last = EVT_TIME_MIN;
    *reached = upto;
    if (r->first > upto)
        return CEP_OK;
    struct sto_db_iter *it = sto_db_iter_new(r->db, STO_SPACE_ROWS, base_buf_view(&r->from), end_of(r));
    r->first = EVT_TIME_MAX;
    for (; rc == CEP_OK && sto_db_iter_row(it, &key, &value); sto_db_iter_next(it)) {
        if (key.len != PLACE || value.len < HEAD) {
            rc = damaged(err);
            break;
        }
        int64_t time = time_of(key);
        if (time > upto || (n >= most && time > last)) {
            r->first = time;
            *reached = time > upto ? upto : last;
            break;
        }
        last = time;
        n++;
        base_buf_clear(&r->from);
        base_buf_str(&r->from, key);
        rc = row(arg, (struct base_str){ value.p + HEAD, value.len - HEAD }, err);
    }
    if (n > 0) {
        base_buf_putc(&r->from, '\0'); /* behind the last one */
        r->given = true;
    }
    enum cep_rc read_rc = sto_db_iter_end(it, rc == CEP_OK ? err : NULL);
    return rc == CEP_OK ? read_rc : rc;
}

/* -- all of them -------------------------------------------------------------------------------------------------- */

struct sto_rows_scan {
    struct sto_db_iter *it;
    uint64_t n;
    struct base_buf key;
};

struct sto_rows_scan *sto_rows_scan_new(struct sto_rows *r) {
    struct sto_rows_scan *s = base_calloc(1, sizeof *s);
    put_be(&s->key, r->op, 2);
    s->it = sto_db_iter_new(r->db, STO_SPACE_ROWS, base_buf_view(&s->key), end_of(r));
    return s;
}

enum cep_rc sto_rows_scan_next(struct sto_rows_scan *s, struct sto_entry *e, struct cep_err *err) {
    struct base_str key, value;
    if (!s->it)
        return CEP_NONE;
    if (s->n)
        sto_db_iter_next(s->it);
    if (!sto_db_iter_row(s->it, &key, &value)) {
        enum cep_rc rc = sto_db_iter_end(s->it, err);
        s->it = NULL;
        return rc == CEP_OK ? CEP_NONE : rc;
    }
    struct base_unpack u = base_unpack_of(value);
    base_buf_clear(&s->key);
    base_pack_u64(&s->key, numbers_from + s->n++);
    *e = (struct sto_entry){ .ns = base_unpack_u8(&u), .group = base_unpack_u32(&u) };
    if (u.bad)
        return damaged(err);
    e->key = base_buf_view(&s->key);
    e->value = (struct base_str){ value.p + HEAD, value.len - HEAD };
    return CEP_OK;
}

void sto_rows_scan_free(struct sto_rows_scan *s) {
    if (!s)
        return;
    (void)sto_db_iter_end(s->it, NULL);
    base_buf_release(&s->key);
    base_free(s);
}
