/*
 * rt_source -- rows of a source get their event time; lateness is judged; watermarks are made.
 *
 * In processing time the time of a row is its arrival, always later than the watermark that went before, so that the
 * operators downstream need no second way of working.
 */
#include "runtime/rt_ops.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_pack.h"
#include "event/evt_view.h"
#include "expr/expr_vec.h"
#include "time/clk_watermark.h"

#include <stdio.h>

enum {
    PARTITION_BITS = 20,           /* of an origin; the source's ordinal stands above them */
    PROCESSING_TICK_US = 10 * 1000 /* how often processing time moves without events */
};

struct rt_source {
    struct rt_op op;
    uint32_t ordinal;
    struct clk_wm wm;
    struct expr_vec *mark; /* owned; PUNCTUATED */
    int64_t last_emit_us;  /* mono clock, of the last watermark sent */
    int64_t sent;          /* watermark sent last */
    int64_t until;         /* no later one is; EVT_TIME_MAX = there is no end to it */
    bool resumed;          /* goes on from saved watermarks */
};

static struct rt_source *source_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_source, op);
}

static const struct plan_time *time_of(const struct rt_op *op) {
    return &op->node->source.time;
}

static enum cep_rc no_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    (void)input;
    (void)b;
    return base_err_set(err, CEP_ESTATE, "source \"%.*s\" has no input", BASE_STR_FMT(op->name));
}

static void source_free(struct rt_op *op) {
    struct rt_source *s = source_of(op);
    clk_wm_release(&s->wm);
    expr_vec_free(s->mark);
    rt_op_release(op);
    base_free(s);
}

/* -- what survives ---------------------------------------------------------------------------------------------- */

/*
 * META (key ""): u8 how watermarks are made, zigzag watermark sent, zigzag watermark merged.
 * PART (key: u32 number): zigzag the partition's watermark, u8 1 when it has ended.
 * Partitions keep their numbers (con_source_restore()).
 */
static enum cep_rc source_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    const struct rt_source *s = source_of(op);
    struct base_buf key = BASE_BUF_INIT, value = BASE_BUF_INIT;
    base_pack_u8(&value, (uint8_t)time_of(op)->kind);
    base_pack_zigzag(&value, s->sent);
    base_pack_zigzag(&value, s->wm.merged);
    enum cep_rc rc = sto_put(out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&value), err);
    for (size_t i = 0; i < s->wm.n_parts && rc == CEP_OK; i++) {
        base_buf_clear(&key);
        base_buf_clear(&value);
        base_pack_u32(&key, (uint32_t)i);
        base_pack_zigzag(&value, s->wm.parts[i].watermark);
        base_pack_u8(&value, s->wm.parts[i].ended);
        rc = sto_put(out, RT_NS_PART, STO_NO_GROUP, base_buf_view(&key), base_buf_view(&value), err);
    }
    base_buf_release(&key);
    base_buf_release(&value);
    return rc;
}

/* Partitions that were not there then begin where the others have come to. */
static void load_meta(struct rt_source *s, struct base_unpack *u) {
    s->resumed = base_unpack_u8(u) == (uint8_t)time_of(&s->op)->kind;
    int64_t sent = base_unpack_zigzag(u), merged = base_unpack_zigzag(u);
    if (!s->resumed || u->bad)
        return;
    s->sent = sent;
    s->wm.merged = merged;
    for (size_t i = 0; i < s->wm.n_parts; i++)
        s->wm.parts[i].watermark = merged;
}

static void load_part(struct rt_source *s, struct base_str key, struct base_unpack *u) {
    struct base_unpack k = base_unpack_of(key);
    uint32_t i = base_unpack_u32(&k);
    int64_t watermark = base_unpack_zigzag(u);
    bool ended = base_unpack_max(u, 1) != 0;
    u->bad |= !base_unpack_ok(&k);
    if (u->bad || !s->resumed || i >= s->wm.n_parts)
        return;
    s->wm.parts[i].watermark = watermark;
    s->wm.parts[i].ended = ended;
}

static enum cep_rc source_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_source *s = source_of(op);
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META)
        load_meta(s, &u);
    else if (e->ns == RT_NS_PART)
        load_part(s, e->key, &u);
    if (e->ns == STO_NS_META && !u.bad && !s->resumed)
        sto_lose(losses, op->name, BASE_STR("watermark (event time is made in another way)"), 1);
    return u.bad ? base_err_set(err, CEP_EDAMAGED, "stream \"%.*s\": its saved watermarks are damaged",
                       BASE_STR_FMT(op->name))
                 : CEP_OK;
}

enum cep_rc rt_source_resume(struct rt_op *op, struct cep_err *err) {
    struct rt_source *s = source_of(op);
    if (!s->resumed || s->sent == EVT_TIME_MIN || s->sent == EVT_TIME_MAX)
        return CEP_OK; /* a source that has finished says so again */
    return rt_emit_watermark(op, s->sent, err);
}

static const struct rt_op_vt source_vt = {
    .kind = "source", .batch = no_batch, .save = source_save, .load = source_load, .free = source_free
};

struct rt_op *rt_source_new(const struct plan_node *node, uint32_t ordinal, const struct clk *clk) {
    struct rt_source *s = base_calloc(1, sizeof *s);
    const struct plan_time *t = &node->source.time;
    rt_op_init(&s->op, &source_vt, node, node->name, 0, clk);
    s->ordinal = ordinal;
    s->sent = EVT_TIME_MIN;
    s->until = EVT_TIME_MAX;
    s->last_emit_us = INT64_MIN / 2;
    struct clk_wm_spec spec = {
        .kind = t->kind == PLAN_WM_PUNCTUATED ? CLK_WM_PUNCTUATED : CLK_WM_DELAY,
        .delay_us = t->kind == PLAN_WM_DELAY ? t->delay_us : 0,
        .idle_us = t->kind == PLAN_WM_PROCESSING ? 0 : t->idle_us,
    };
    clk_wm_init(&s->wm, &spec);
    if (t->kind == PLAN_WM_PUNCTUATED)
        s->mark = expr_vec_new(t->punctuated, NULL);
    return &s->op;
}

void rt_source_partitions(struct rt_op *op, uint32_t n) {
    if (n > 0)
        clk_wm_need(&source_of(op)->wm, n - 1, clk_mono(op->clk));
}

void rt_source_until(struct rt_op *op, int64_t us) {
    source_of(op)->until = us;
}

bool rt_source_is_there(const struct rt_op *op) {
    const struct rt_source *s = source_of(op);
    return s->until != EVT_TIME_MAX && s->sent >= s->until;
}

void rt_source_silent(struct rt_op *op, uint32_t partition) {
    clk_wm_silent(&source_of(op)->wm, partition == (uint32_t)CON_ANY ? CLK_WM_ALL : partition);
}

void rt_source_unheard(struct rt_op *op) {
    clk_wm_unheard(&source_of(op)->wm);
}

uint32_t rt_source_behind(const struct rt_op *op) {
    const struct rt_source *s = source_of(op);
    size_t part = s->wm.n_parts > 1 ? clk_wm_holder(&s->wm) : SIZE_MAX;
    return part == SIZE_MAX ? (uint32_t)CON_ANY : (uint32_t)part;
}

/* Sends the merged watermark when it moved and `emit every` allows. */
static enum cep_rc move_watermark(struct rt_source *s, struct cep_err *err) {
    bool all_idle;
    int64_t mono = clk_mono(s->op.clk);
    int64_t wm = clk_wm_merge(&s->wm, mono, &all_idle);
    wm = wm < s->until ? wm : s->until;
    enum cep_rc rc = CEP_OK;
    if (wm > s->sent && mono - s->last_emit_us >= time_of(&s->op)->emit_us) {
        s->sent = wm;
        s->last_emit_us = mono;
        rc = rt_emit_watermark(&s->op, wm, err);
    }
    return rc == CEP_OK ? rt_emit_idle(&s->op, all_idle, err) : rc;
}

static enum cep_rc push_processing(struct rt_source *s, struct evt_batch *b, struct cep_err *err) {
    int64_t now = clk_now(s->op.clk);
    if (now <= s->sent)
        now = s->sent + 1;
    for (uint32_t i = 0; i < b->n_rows; i++)
        b->time[i] = now;
    enum cep_rc rc = rt_emit(&s->op, PLAN_PORT_MAIN, b, err);
    if (rc != CEP_OK)
        return rc;
    s->sent = now;
    return rt_emit_watermark(&s->op, now, err);
}

/* Rows without an event time: to ERRORS, and marked in `out` (zeroed by the caller). */
static enum cep_rc rows_without_time(struct rt_source *s, const struct evt_batch *b,
    const struct evt_col *col, uint64_t *out, struct cep_err *err) {
    struct base_arena scratch;
    struct base_buf text = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    base_arena_init(&scratch, 0);
    for (uint32_t i = 0; i < b->n_rows && rc == CEP_OK; i++) {
        if (!evt_col_is_null(col, i))
            continue;
        base_bits_set(out, i);
        s->op.metrics.no_time++;
        if (!rt_op_has_out(&s->op, PLAN_PORT_ERRORS))
            continue;
        base_buf_clear(&text);
        base_arena_clear(&scratch);
        evt_batch_write_json(&text, b, i, &scratch);
        rc = rt_op_error(&s->op, (int64_t)b->seq[i], base_buf_view(&text), BASE_STR("the event time is null"),
            (struct base_str){ NULL, 0 }, EVT_TIME_MIN, err);
    }
    base_arena_release(&scratch);
    base_buf_release(&text);
    return rc;
}

/* Rows that carry the watermark. One for which the condition fails carries none and goes to ERRORS too. */
static enum cep_rc find_marks(
    struct rt_source *s, const struct evt_batch *b, uint64_t *marks, struct cep_err *err) {
    struct expr_fails fails = { .n = 0 };
    enum cep_rc rc = CEP_OK;
    expr_vec_filter(s->mark, b, NULL, clk_now(s->op.clk), marks, &fails);
    for (size_t i = 0;
         fails.n > 0 && rc == CEP_OK && (i = base_bits_next(fails.rows, b->n_rows, i)) < b->n_rows; i++)
        rc = rt_op_row_failed(&s->op, b, (uint32_t)i, fails.reason, err);
    return rc;
}

/* Splits the batch by `late` and `no_time` and sends both halves. */
static enum cep_rc send_split(struct rt_source *s, struct evt_batch *b, const uint64_t *late, uint32_t n_late,
    const uint64_t *no_time, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    size_t words = BASE_BITS_WORDS(b->n_rows);
    if (n_late > 0 && rt_op_has_out(&s->op, PLAN_PORT_LATE)) {
        struct evt_batch *v = evt_view_new(s->op.node->late_schema, b);
        for (uint32_t c = 0; c < s->op.node->late_schema->n_cols; c++)
            evt_view_share(v, c, c);
        evt_view_select(v, late);
        rc = rt_emit(&s->op, PLAN_PORT_LATE, v, err);
        evt_batch_unref(v);
    }
    if (rc != CEP_OK)
        return rc;
    uint64_t keep[EVT_BATCH_ROWS / 64];
    base_bits_fill(keep, b->n_rows);
    for (size_t w = 0; w < words; w++)
        keep[w] &= ~(late[w] | no_time[w]);
    struct evt_batch *v = evt_view_new(s->op.node->schema, b);
    for (uint32_t c = 0; c < s->op.node->schema->n_cols; c++)
        evt_view_share(v, c, c);
    evt_view_select(v, keep);
    rc = rt_emit(&s->op, PLAN_PORT_MAIN, v, err);
    evt_batch_unref(v);
    return rc;
}

enum cep_rc rt_source_push(struct rt_op *op, uint32_t partition, struct evt_batch *b, struct cep_err *err) {
    struct rt_source *s = source_of(op);
    const struct plan_time *t = time_of(op);
    uint32_t n = b->n_rows;
    if (n == 0)
        return CEP_OK;
    op->metrics.rows_in += n;
    uint32_t origin = s->ordinal << PARTITION_BITS | (partition & ((1u << PARTITION_BITS) - 1));
    for (uint32_t i = 0; i < n; i++)
        b->origin[i] = origin;
    if (t->kind == PLAN_WM_PROCESSING)
        return push_processing(s, b, err);

    enum cep_rc rc = CEP_OK;
    const struct evt_col *col = &b->cols[t->col];
    memcpy(b->time, col->i, n * sizeof *b->time);
    uint64_t no_time[EVT_BATCH_ROWS / 64] = { 0 };
    uint64_t late[EVT_BATCH_ROWS / 64] = { 0 };
    uint64_t marks[EVT_BATCH_ROWS / 64];
    uint64_t nulls_before = op->metrics.no_time;
    if (col->valid && (rc = rows_without_time(s, b, col, no_time, err)) != CEP_OK)
        return rc;
    bool any_null = op->metrics.no_time > nulls_before;
    if (s->mark && (rc = find_marks(s, b, marks, err)) != CEP_OK)
        return rc;
    uint32_t n_late = clk_wm_events(&s->wm, partition, b->time, n, any_null ? no_time : NULL,
        s->mark ? marks : NULL, late, clk_mono(op->clk));
    op->metrics.late += n_late;
    if (op->idle && (rc = rt_emit_idle(op, false, err)) != CEP_OK)
        return rc;
    rc = n_late > 0 || any_null ? send_split(s, b, late, n_late, no_time, err)
                                : rt_emit(op, PLAN_PORT_MAIN, b, err);
    return rc == CEP_OK ? move_watermark(s, err) : rc;
}

enum cep_rc rt_source_partition_end(struct rt_op *op, uint32_t partition, struct cep_err *err) {
    struct rt_source *s = source_of(op);
    clk_wm_need(&s->wm, partition, clk_mono(op->clk));
    clk_wm_end(&s->wm, partition);
    return time_of(op)->kind == PLAN_WM_PROCESSING ? CEP_OK : move_watermark(s, err);
}

enum cep_rc rt_source_tick(struct rt_op *op, int64_t *next_us, struct cep_err *err) {
    struct rt_source *s = source_of(op);
    *next_us = INT64_MAX;
    if (op->ended)
        return CEP_OK;
    enum cep_rc rc = rt_op_errors_flush(op, err);
    if (rc != CEP_OK)
        return rc;
    if (time_of(op)->kind == PLAN_WM_PROCESSING) {
        int64_t now = clk_now(op->clk) - 1;
        *next_us = clk_mono(op->clk) + PROCESSING_TICK_US;
        if (now <= s->sent)
            return CEP_OK;
        s->sent = now;
        return rt_emit_watermark(op, now, err);
    }
    if ((rc = move_watermark(s, err)) != CEP_OK)
        return rc;
    *next_us = clk_wm_next_idle(&s->wm);
    int64_t emit_at;
    if (s->wm.merged > s->sent && !__builtin_add_overflow(s->last_emit_us, time_of(op)->emit_us, &emit_at) &&
        emit_at < *next_us)
        *next_us = emit_at;
    return CEP_OK;
}

enum cep_rc rt_source_advance(struct rt_op *op, int64_t us, struct cep_err *err) {
    struct rt_source *s = source_of(op);
    clk_wm_advance(&s->wm, us);
    if (us <= s->sent)
        return CEP_OK;
    s->sent = us;
    return rt_emit_watermark(op, us, err);
}

enum cep_rc rt_source_finish(struct rt_op *op, struct cep_err *err) {
    struct rt_source *s = source_of(op);
    if (op->ended)
        return CEP_OK;
    s->sent = EVT_TIME_MAX;
    enum cep_rc rc = rt_emit_idle(op, false, err);
    if (rc == CEP_OK)
        rc = rt_emit_watermark(op, EVT_TIME_MAX, err);
    return rc == CEP_OK ? rt_emit_end(op, err) : rc;
}

enum cep_rc rt_source_bad(struct rt_op *op, const struct con_bad *bad, struct cep_err *err) {
    if (op->metrics.undecodable++ == 0)
        (void)snprintf(op->first_undecodable, sizeof op->first_undecodable, "%.*s%sbyte %llu: %s",
            BASE_STR_FMT(bad->partition_name), bad->partition_name.len ? ", " : "",
            (unsigned long long)bad->offset, bad->reason);
    return rt_op_error(op, (int64_t)bad->offset, bad->record, base_str_of(bad->reason), bad->partition_name,
        EVT_TIME_MIN, err);
}
