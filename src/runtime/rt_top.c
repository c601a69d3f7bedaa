/*
 * rt_top -- `order by ... limit N` in a window: its rows in order, or the first N of them, when it ends.
 *
 *     batch ─▶ row ─▶ each window that it is in: a heap of at most N rows, the last of them on top
 *     watermark ─▶ windows that have ended, the earliest first: their rows in order
 *
 * Equal rows go by (time, origin, position), so what is given does not depend on the order of arrival. The results of a window's groups
 * all have one time: they are windows of a microsecond here. A row whose windows are over is late: counted, and
 * sent to the side output.
 *
 * META (key ""): zigzag watermark that has gone on; str signature: windows, limit, order and columns as text; str schema of the rows.
 * ROW (key: u64 number): zigzag start of its window; a row.
 *
 * Rows do not change: ROWs are put out in slices (rt_slices.h), in the order in which they came, and one that leaves is written first.
 *
 * Cost: a row O(log N) in each of its windows; N rows of memory a window. Threads: the task's.
 */
#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"
#include "event/evt_view.h"
#include "runtime/rt_ops.h"
#include "runtime/rt_project.h"
#include "runtime/rt_slices.h"

#include <stdlib.h>

struct top_row {
    struct base_arena mem; /* of the values */
    const struct evt_val *vals;
    int64_t time;
    uint64_t seq;
    uint32_t origin;
    uint16_t saved;                  /* number of the last save that it is in, or that it came after */
    int64_t start;                   /* of its window */
    struct top_row *before, *behind; /* of all rows there are, as they came */
};

struct top_window {
    int64_t start;
    struct top_row **rows; /* owned; a heap once there are `limit` */
    size_t n, cap;
};

struct rt_top {
    struct rt_op op;
    const struct plan_top *plan;
    const struct evt_schema *in;
    struct top_window *windows; /* owned; by start */
    size_t n_windows, cap_windows;
    struct evt_val *vals; /* owned, scratch */
    struct base_arena scratch;
    struct evt_batch *out; /* owned */
    int64_t passed;
    uint64_t n_rows, bytes;
    struct top_row *first, *last;
    bool same; /* while loading: as the program that saved */
    struct rt_slices saving;
    struct top_row *save_at; /* those before it are in the save that is under way */
};

static struct rt_top *top_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_top, op);
}

/* -- the order ------------------------------------------------------------------------------------------------------- */

/* < 0: a comes first. */
static int compare(const struct rt_top *t, const struct top_row *a, const struct top_row *b) {
    for (uint32_t i = 0; i < t->plan->n_sorts; i++) {
        const struct plan_sort *s = &t->plan->sorts[i];
        int c = evt_val_cmp(t->in->cols[s->col].type, &a->vals[s->col], &b->vals[s->col]);
        if (c != 0)
            return s->desc ? -c : c;
    }
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if (a->origin != b->origin)
        return a->origin < b->origin ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static void sink_down(const struct rt_top *t, struct top_row **rows, size_t n, size_t i) {
    for (;;) {
        size_t last = i, l = 2 * i + 1, r = l + 1;
        if (l < n && compare(t, rows[l], rows[last]) > 0)
            last = l;
        if (r < n && compare(t, rows[r], rows[last]) > 0)
            last = r;
        if (last == i)
            return;
        struct top_row *x = rows[i];
        rows[i] = rows[last];
        rows[last] = x;
        i = last;
    }
}

static void make_heap(const struct rt_top *t, struct top_row **rows, size_t n) {
    for (size_t i = n / 2; i-- > 0;)
        sink_down(t, rows, n, i);
}

/* -- rows ------------------------------------------------------------------------------------------------------------ */

/* Puts it into the save that is under way, which it is not in yet. */
static void write_row(struct rt_top *t, struct top_row *r) {
    struct rt_slices *s = &t->saving;
    struct sto_out out = rt_slices_out(s);
    r->saved = s->number;
    if (s->rc != CEP_OK)
        return;
    base_buf_clear(&s->key);
    base_buf_clear(&s->value);
    base_pack_u64(&s->key, s->n_rows++);
    base_pack_zigzag(&s->value, r->start);
    base_pack_zigzag(&s->value, r->time);
    base_pack_varint(&s->value, r->origin);
    base_pack_varint(&s->value, r->seq);
    for (uint32_t c = 0; c < t->in->n_cols; c++)
        evt_pack_val(&s->value, t->in->cols[c].type, &r->vals[c]);
    s->rc = sto_put(
        &out, RT_TOP_NS_ROW, STO_NO_GROUP, base_buf_view(&s->key), base_buf_view(&s->value), &s->err);
}

static void opens(struct rt_top *t, struct top_row *r) {
    if (t->saving.open && r->saved != t->saving.number)
        write_row(t, r);
}

static struct top_row *copy_row(struct rt_top *t, int64_t start, const struct top_row *from) {
    struct top_row *r = base_alloc(sizeof *r);
    *r = *from;
    r->start = start;
    r->saved = t->saving.number;
    r->before = t->last;
    *(t->last ? &t->last->behind : &t->first) = r;
    t->last = r;
    base_arena_init(&r->mem, t->in->n_cols * sizeof *r->vals + 64);
    struct evt_val *vals = BASE_ARENA_ARRAY(&r->mem, struct evt_val, t->in->n_cols + (size_t)1);
    for (uint32_t i = 0; i < t->in->n_cols; i++)
        vals[i] = evt_val_copy(&r->mem, t->in->cols[i].type, &from->vals[i]);
    r->vals = vals;
    t->n_rows++;
    t->bytes += sizeof *r + r->mem.used;
    return r;
}

static void free_row(struct rt_top *t, struct top_row *r) {
    opens(t, r);
    if (t->save_at == r)
        t->save_at = r->behind;
    *(r->before ? &r->before->behind : &t->first) = r->behind;
    *(r->behind ? &r->behind->before : &t->last) = r->before;
    t->n_rows--;
    t->bytes -= sizeof *r + r->mem.used;
    base_arena_release(&r->mem);
    base_free(r);
}

static struct top_window *window_at(struct rt_top *t, int64_t start) {
    size_t at = t->n_windows;
    while (at > 0 && t->windows[at - 1].start > start)
        at--;
    if (at > 0 && t->windows[at - 1].start == start)
        return &t->windows[at - 1];
    t->windows = base_grow(t->windows, t->n_windows, &t->cap_windows, sizeof *t->windows);
    memmove(&t->windows[at + 1], &t->windows[at], (t->n_windows - at) * sizeof *t->windows);
    t->n_windows++;
    t->windows[at] = (struct top_window){ .start = start };
    return &t->windows[at];
}

static void add_to(struct rt_top *t, int64_t start, const struct top_row *row) {
    struct top_window *w = window_at(t, start);
    if (w->n < t->plan->limit) {
        w->rows = base_grow(w->rows, w->n, &w->cap, sizeof(struct top_row *));
        w->rows[w->n++] = copy_row(t, start, row);
        if (w->n == t->plan->limit)
            make_heap(t, w->rows, w->n);
        return;
    }
    if (compare(t, row, w->rows[0]) >= 0)
        return;
    free_row(t, w->rows[0]);
    w->rows[0] = copy_row(t, start, row);
    sink_down(t, w->rows, w->n, 0);
}

/* Returns: false when all of its windows are over. */
static bool take(struct rt_top *t, const struct top_row *row) {
    const struct plan_top *p = t->plan;
    int64_t x = row->time - p->offset_us, rest = x % p->slide_us;
    int64_t start = x - (rest < 0 ? rest + p->slide_us : rest) + p->offset_us;
    bool any = false;
    for (; start + p->size_us > row->time && start + p->size_us - 1 > t->passed; start -= p->slide_us) {
        add_to(t, start, row);
        any = true;
    }
    return any;
}

static enum cep_rc top_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_top *t = top_of(op);
    uint64_t late[EVT_BATCH_ROWS / 64] = { 0 };
    enum cep_rc rc = CEP_OK;
    uint64_t n_late = 0;
    (void)input;
    for (uint32_t i = 0; i < b->n_rows && rc == CEP_OK; i++) {
        if (!evt_batch_has(b, i))
            continue;
        if (b->time[i] < -RT_FAR || b->time[i] > RT_FAR) {
            rc = rt_op_row_failed(op, b, i, "the time is too far from 1970 for a window", err);
            continue;
        }
        for (uint32_t c = 0; c < t->in->n_cols; c++)
            evt_col_get(&b->cols[c], i, &t->scratch, &t->vals[c]);
        struct top_row row = {
            .vals = t->vals, .time = b->time[i], .seq = b->seq[i], .origin = b->origin[i]
        };
        if (!take(t, &row)) {
            base_bits_set(late, i);
            n_late++;
        }
        base_arena_clear(&t->scratch);
    }
    op->metrics.late += n_late;
    if (rc != CEP_OK || n_late == 0 || !rt_op_has_out(op, PLAN_PORT_LATE))
        return rc;
    struct evt_batch *v = evt_view_part(op->node->late_schema, b, late);
    rc = rt_emit(op, PLAN_PORT_LATE, v, err);
    evt_batch_unref(v);
    return rc;
}

/* -- results --------------------------------------------------------------------------------------------------------- */

static enum cep_rc flush(struct rt_top *t, struct cep_err *err) {
    struct evt_batch *b = t->out;
    t->out = NULL;
    enum cep_rc rc = b ? rt_emit(&t->op, PLAN_PORT_MAIN, b, err) : CEP_OK;
    evt_batch_unref(b);
    return rc;
}

static enum cep_rc give(
    struct rt_top *t, int64_t start, const struct top_row *r, size_t rank, struct cep_err *err) {
    const struct plan_top *p = t->plan;
    if (!t->out)
        t->out = evt_batch_new(t->op.node->schema, 0);
    struct evt_batch *b = t->out;
    uint32_t row = b->n_rows;
    for (uint32_t c = 0; c < t->op.node->schema->n_cols; c++) {
        struct evt_val bound = { .i = p->cols[c].col == 0 ? start : start + p->size_us };
        evt_col_set_val(
            &b->cols[c], row, p->cols[c].of == PLAN_PAIR_WINDOW ? &bound : &r->vals[p->cols[c].col]);
    }
    b->time[row] = start + p->size_us - 1;
    b->origin[row] = EVT_ORIGIN_MATCH;
    b->seq[row] = (uint64_t)(rank < UINT16_MAX ? rank : UINT16_MAX) << EVT_MATCH_NTH_SHIFT | rank;
    evt_batch_end_row(b);
    return evt_batch_is_full(b) ? flush(t, err) : CEP_OK;
}

/* The heap gives its last row first. */
static void sort_rows(const struct rt_top *t, struct top_window *w) {
    make_heap(t, w->rows, w->n);
    for (size_t n = w->n; n > 1; n--) {
        struct top_row *x = w->rows[0];
        w->rows[0] = w->rows[n - 1];
        w->rows[n - 1] = x;
        sink_down(t, w->rows, n - 1, 0);
    }
}

static enum cep_rc top_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_top *t = top_of(op);
    enum cep_rc rc = CEP_OK;
    size_t done = 0;
    while (done < t->n_windows && t->windows[done].start + t->plan->size_us - 1 <= wm) {
        struct top_window *w = &t->windows[done++];
        sort_rows(t, w);
        for (size_t i = 0; i < w->n; i++) {
            if (rc == CEP_OK)
                rc = give(t, w->start, w->rows[i], i, err);
            free_row(t, w->rows[i]);
        }
        base_free(w->rows);
    }
    t->n_windows -= done;
    if (done > 0)
        memmove(t->windows, t->windows + done, t->n_windows * sizeof *t->windows);
    t->passed = wm;
    return rc == CEP_OK ? flush(t, err) : rc;
}

static void top_gauges(struct rt_op *op) {
    struct rt_top *t = top_of(op);
    op->metrics.buffered = t->n_rows;
    op->metrics.state_bytes = t->bytes + t->cap_windows * sizeof *t->windows;
}

/* -- what survives --------------------------------------------------------------------------------------------------- */

static void write_signature(const struct rt_top *t, struct base_buf *b) {
    const struct plan_top *p = t->plan;
    base_buf_printf(b, "%lld %lld %lld %llu;", (long long)p->size_us, (long long)p->slide_us,
        (long long)p->offset_us, (unsigned long long)p->limit);
    for (uint32_t i = 0; i < p->n_sorts; i++)
        base_buf_printf(b, "%u%s;", p->sorts[i].col, p->sorts[i].desc ? " desc" : "");
    for (uint32_t c = 0; c < t->in->n_cols; c++) {
        base_buf_str(b, t->in->cols[c].name);
        base_buf_putc(b, ' ');
        evt_type_write(b, t->in->cols[c].type);
        base_buf_putc(b, ';');
    }
}

static enum cep_rc save_meta(const struct rt_top *t, const struct sto_out *out, struct cep_err *err) {
    struct base_buf value = BASE_BUF_INIT, part = BASE_BUF_INIT;
    base_pack_zigzag(&value, t->passed);
    write_signature(t, &part);
    base_pack_str(&value, base_buf_view(&part));
    base_buf_clear(&part);
    evt_pack_schema(&part, t->in);
    base_pack_str(&value, base_buf_view(&part));
    enum cep_rc rc = sto_put(out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&value), err);
    base_buf_release(&value);
    base_buf_release(&part);
    return rc;
}

static enum cep_rc top_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct rt_top *t = top_of(op);
    rt_slices_begin(&t->saving, NULL, out);
    t->save_at = t->first;
    enum cep_rc rc = save_meta(t, out, err);
    if (rc != CEP_OK)
        (void)rt_slices_end(&t->saving);
    return rc == CEP_OK ? CEP_AGAIN : rc;
}

static bool next_saved(void *arg) {
    struct rt_top *t = arg;
    struct top_row *r = t->save_at;
    if (!r)
        return false;
    t->save_at = r->behind;
    t->saving.done += RT_SLICES_LOOK;
    opens(t, r);
    return true;
}

static enum cep_rc top_save_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct rt_top *t = top_of(op);
    enum cep_rc rc = rt_slices_some(&t->saving, bytes, NULL, next_saved, t, err);
    if (rc != CEP_AGAIN)
        (void)rt_slices_end(&t->saving);
    return rc;
}

static void top_save_cancel(struct rt_op *op) {
    (void)rt_slices_end(&top_of(op)->saving);
}

static void load_meta(struct rt_top *t, const struct sto_entry *e, struct base_unpack *u) {
    struct base_buf now = BASE_BUF_INIT;
    rt_op_was_at(&t->op, e, base_unpack_zigzag(u), &t->passed);
    struct base_str sig = base_unpack_str(u);
    write_signature(t, &now);
    t->same = base_str_eq(sig, base_buf_view(&now));
    base_buf_release(&now);
    (void)base_unpack_str(u); /* the signature says as much */
}

static void load_row(struct rt_top *t, struct base_unpack *u, struct sto_losses *losses) {
    if (!t->same) {
        sto_lose(losses, t->op.name, BASE_STR("rows of windows of another order, limit or size"), 1);
        u->p = u->end;
        return;
    }
    int64_t start = base_unpack_zigzag(u);
    struct top_row row = { .vals = t->vals };
    row.time = base_unpack_zigzag(u);
    row.origin = (uint32_t)base_unpack_max(u, UINT32_MAX);
    row.seq = base_unpack_varint(u);
    for (uint32_t c = 0; c < t->in->n_cols; c++)
        evt_unpack_val(u, t->in->cols[c].type, &t->scratch, &t->vals[c]);
    u->bad |= start > row.time || start < -RT_FAR - t->plan->size_us || start > RT_FAR ||
              row.time - start >= t->plan->size_us;
    if (!u->bad)
        add_to(t, start, &row);
}

static enum cep_rc top_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_top *t = top_of(op);
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META)
        load_meta(t, e, &u);
    else if (e->ns == RT_TOP_NS_ROW)
        load_row(t, &u, losses);
    else
        u.bad = true;
    base_arena_clear(&t->scratch);
    return base_unpack_ok(&u) ? CEP_OK
                              : base_err_set(err, CEP_EDAMAGED, "stream \"%.*s\": its saved state is damaged",
                                    BASE_STR_FMT(op->name));
}

/* -- life ------------------------------------------------------------------------------------------------------------ */

static void top_free(struct rt_op *op) {
    struct rt_top *t = top_of(op);
    rt_slices_release(&t->saving);
    for (size_t w = 0; w < t->n_windows; w++) {
        for (size_t i = 0; i < t->windows[w].n; i++)
            free_row(t, t->windows[w].rows[i]);
        base_free(t->windows[w].rows);
    }
    base_free(t->windows);
    base_free(t->vals);
    base_arena_release(&t->scratch);
    evt_batch_unref(t->out);
    rt_op_release(op);
    base_free(t);
}

static const struct rt_op_vt top_vt = {
    .kind = "top",
    .batch = top_batch,
    .watermark = top_watermark,
    .gauges = top_gauges,
    .save = top_save,
    .save_some = top_save_some,
    .save_cancel = top_save_cancel,
    .load = top_load,
    .free = top_free,
};

struct rt_op *rt_top_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk) {
    struct rt_top *t = base_calloc(1, sizeof *t);
    rt_op_init(&t->op, &top_vt, node, node->name, 1, clk);
    t->plan = &node->top;
    t->in = plan_schema_of(plan, node->top.input);
    t->passed = EVT_TIME_MIN;
    t->vals = base_calloc(t->in->n_cols + (size_t)1, sizeof *t->vals);
    base_arena_init(&t->scratch, 0);
    return &t->op;
}
