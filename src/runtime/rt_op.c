/*
 * rt_op -- see rt_op.h.
 */
#include "runtime/rt_op.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"
#include "base/base_num.h"

#include <stdio.h>

void rt_op_init(struct rt_op *op, const struct rt_op_vt *vt, const struct plan_node *node,
    struct base_str name, uint32_t n_inputs, const struct clk *clk) {
    op->vt = vt;
    op->node = node;
    op->name = name;
    op->clk = clk;
    op->n_inputs = n_inputs;
    op->inputs = base_calloc(n_inputs ? n_inputs : 1, sizeof *op->inputs);
    for (uint32_t i = 0; i < n_inputs; i++)
        op->inputs[i].watermark = EVT_TIME_MIN;
    op->watermark = EVT_TIME_MIN;
}

void rt_op_release(struct rt_op *op) {
    for (int p = 0; p < PLAN_PORT_MAX; p++)
        base_free(op->outs[p]);
    base_free(op->inputs);
    evt_batch_unref(op->errors);
}

void rt_op_connect(struct rt_op *from, enum plan_port port, struct rt_op *to, uint32_t input) {
    CEP_REQUIRE(input < to->n_inputs);
    if (to->entry) {
        /* One edge for all that share it. */
        to = to->entry;
        for (size_t i = 0; i < from->n_outs[port]; i++)
            if (from->outs[port][i].to == to && from->outs[port][i].input == input)
                return;
    }
    from->outs[port] = base_grow(
        from->outs[port], from->n_outs[port], &from->cap_outs[port], sizeof *from->outs[port]);
    from->outs[port][from->n_outs[port]++] = (struct rt_edge){ to, input };
}

/* "payments: 2026-01-01T10:00:00Z {...}", "payments.late: ...", "payments: watermark ..." */
static void trace_head(struct base_buf *b, const struct rt_op *op, enum plan_port port) {
    const char *word = plan_port_text(op->node, port);
    base_buf_printf(b, "%.*s%s%s: ", BASE_STR_FMT(op->name), word[0] ? "." : "", word);
}

static void trace_batch(const struct rt_op *op, enum plan_port port, const struct evt_batch *batch) {
    struct base_arena scratch;
    struct base_buf b = BASE_BUF_INIT;
    base_arena_init(&scratch, 0);
    for (uint32_t i = 0; i < batch->n_rows; i++) {
        if (!evt_batch_has(batch, i))
            continue;
        base_buf_clear(&b);
        base_arena_clear(&scratch);
        trace_head(&b, op, port);
        base_write_timestamp(&b, batch->time[i]);
        base_buf_putc(&b, ' ');
        evt_batch_write_json(&b, batch, i, &scratch);
        op->trace->line(op->trace->arg, base_buf_cstr(&b));
    }
    base_buf_release(&b);
    base_arena_release(&scratch);
}

static void trace_watermark(const struct rt_op *op, int64_t wm) {
    struct base_buf b = BASE_BUF_INIT;
    trace_head(&b, op, PLAN_PORT_MAIN);
    base_buf_puts(&b, "watermark ");
    if (wm == EVT_TIME_MAX)
        base_buf_puts(&b, "at the end of time");
    else
        base_write_timestamp(&b, wm);
    op->trace->line(op->trace->arg, base_buf_cstr(&b));
    base_buf_release(&b);
}

void rt_op_was_at(struct rt_op *op, const struct sto_entry *e, int64_t saved, int64_t *passed) {
    if (e->elsewhere)
        return;
    if (!op->was_saved || saved < *passed)
        *passed = saved;
    op->was_saved = true;
}

void rt_op_trace(struct rt_op *op, const struct rt_trace *trace) {
    op->trace = trace;
    if (op->vt->traced)
        op->vt->traced(op);
}

enum cep_rc rt_emit(struct rt_op *op, enum plan_port port, struct evt_batch *b, struct cep_err *err) {
    uint32_t n = evt_batch_count(b);
    if (n == 0)
        return CEP_OK;
    uint64_t bytes = evt_batch_data_bytes(b);
    if (port == PLAN_PORT_MAIN) {
        op->metrics.rows_out += n;
        op->metrics.bytes_out += bytes;
    }
    if (op->trace)
        trace_batch(op, port, b);
    for (size_t i = 0; i < op->n_outs[port]; i++) {
        struct rt_edge *e = &op->outs[port][i];
        e->to->metrics.rows_in += n;
        e->to->metrics.bytes_in += bytes;
        enum cep_rc rc = e->to->vt->batch(e->to, e->input, b, err);
        if (rc != CEP_OK)
            return rc;
    }
    return CEP_OK;
}

/* Calls fn on every edge of every port. */
#define EACH_EDGE(op, e, call)                                    \
    do {                                                          \
        for (int port_ = 0; port_ < PLAN_PORT_MAX; port_++)       \
            for (size_t i_ = 0; i_ < (op)->n_outs[port_]; i_++) { \
                struct rt_edge *e = &(op)->outs[port_][i_];       \
                enum cep_rc rc_ = (call);                         \
                if (rc_ != CEP_OK)                                \
                    return rc_;                                   \
            }                                                     \
    } while (0)

enum cep_rc rt_emit_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    enum cep_rc rc = rt_op_errors_flush(op, err);
    if (rc != CEP_OK)
        return rc;
    op->watermark = wm;
    if (op->trace)
        trace_watermark(op, wm);
    EACH_EDGE(op, e, rt_op_watermark(e->to, e->input, wm, err));
    return CEP_OK;
}

enum cep_rc rt_emit_idle(struct rt_op *op, bool idle, struct cep_err *err) {
    if (op->idle == idle)
        return CEP_OK;
    op->idle = idle;
    enum cep_rc rc = op->vt->idle ? op->vt->idle(op, idle, err) : CEP_OK;
    if (rc != CEP_OK)
        return rc;
    EACH_EDGE(op, e, rt_op_idle(e->to, e->input, idle, err));
    return CEP_OK;
}

enum cep_rc rt_emit_end(struct rt_op *op, struct cep_err *err) {
    if (op->ended)
        return CEP_OK;
    enum cep_rc rc = rt_op_errors_flush(op, err);
    if (rc != CEP_OK)
        return rc;
    op->ended = true;
    EACH_EDGE(op, e, rt_op_end(e->to, e->input, err));
    return CEP_OK;
}

/*
 * The minimum over inputs that are neither idle nor ended. When all that are left are idle, what the furthest of them saw
 * stands (Flink does the same); one that ended was at the end of time, which counts only when there is nobody left to
 * bring anything.
 */
static enum cep_rc merge(struct rt_op *op, struct cep_err *err) {
    int64_t least = EVT_TIME_MAX, of_idle = EVT_TIME_MIN, of_ended = EVT_TIME_MIN;
    bool any_active = false, any_idle = false;
    for (uint32_t i = 0; i < op->n_inputs; i++) {
        const struct rt_input *in = &op->inputs[i];
        if (in->ended || in->watermark == EVT_TIME_MAX) { /* the end of time comes just before the end */
            of_ended = in->watermark > of_ended ? in->watermark : of_ended;
        } else if (in->idle) {
            any_idle = true;
            of_idle = in->watermark > of_idle ? in->watermark : of_idle;
        } else {
            any_active = true;
            least = in->watermark < least ? in->watermark : least;
        }
    }
    int64_t wm = any_active ? least : any_idle ? of_idle : of_ended;
    if (wm > op->watermark) {
        op->watermark = wm;
        enum cep_rc rc = op->vt->watermark ? op->vt->watermark(op, wm, err) : CEP_OK;
        if (rc == CEP_OK)
            rc = rt_emit_watermark(op, wm, err);
        if (rc != CEP_OK)
            return rc;
    }
    return rt_emit_idle(op, any_idle && !any_active, err);
}

enum cep_rc rt_op_watermark(struct rt_op *op, uint32_t input, int64_t wm, struct cep_err *err) {
    struct rt_input *in = &op->inputs[input];
    if (wm <= in->watermark)
        return CEP_OK;
    in->watermark = wm;
    return merge(op, err);
}

enum cep_rc rt_op_idle(struct rt_op *op, uint32_t input, bool idle, struct cep_err *err) {
    op->inputs[input].idle = idle;
    return merge(op, err);
}

enum cep_rc rt_op_end(struct rt_op *op, uint32_t input, struct cep_err *err) {
    op->inputs[input].ended = true;
    enum cep_rc rc = merge(op, err);
    if (rc != CEP_OK)
        return rc;
    for (uint32_t i = 0; i < op->n_inputs; i++)
        if (!op->inputs[i].ended)
            return CEP_OK;
    if (op->vt->end && (rc = op->vt->end(op, err)) != CEP_OK)
        return rc;
    return rt_emit_end(op, err);
}

/* -- the errors port ----------------------------------------------------------------------------------- */

enum cep_rc rt_op_error(struct rt_op *op, int64_t offset, struct base_str record, struct base_str reason,
    struct base_str partition, int64_t time, struct cep_err *err) {
    if (!rt_op_has_out(op, PLAN_PORT_ERRORS))
        return CEP_OK;
    if (!op->errors)
        op->errors = evt_batch_new(plan_errors_schema(), 64);
    struct evt_batch *b = op->errors;
    uint32_t row = b->n_rows;
    evt_col_set_i(&b->cols[PLAN_ERRORS_OFFSET], row, offset);
    evt_col_set_bytes(&b->cols[PLAN_ERRORS_RECORD], row, record.p, (uint32_t)record.len);
    evt_col_set_bytes(&b->cols[PLAN_ERRORS_REASON], row, reason.p, (uint32_t)reason.len);
    if (partition.p)
        evt_col_set_bytes(&b->cols[PLAN_ERRORS_PARTITION], row, partition.p, (uint32_t)partition.len);
    else
        evt_col_set_null(&b->cols[PLAN_ERRORS_PARTITION], row);
    if (time != EVT_TIME_MIN)
        evt_col_set_i(&b->cols[PLAN_ERRORS_TIME], row, time);
    else
        evt_col_set_null(&b->cols[PLAN_ERRORS_TIME], row);
    b->time[row] = op->watermark < time            ? time
                   : op->watermark == EVT_TIME_MAX ? EVT_TIME_MAX
                                                   : op->watermark + 1;
    b->seq[row] = op->metrics.undecodable + op->metrics.failed + op->metrics.no_time;
    b->origin[row] = 0;
    evt_batch_end_row(b);
    return b->n_rows == b->cap_rows ? rt_op_errors_flush(op, err) : CEP_OK;
}

enum cep_rc rt_op_row_failed(
    struct rt_op *op, const struct evt_batch *b, uint32_t row, const char *reason, struct cep_err *err) {
    if (op->metrics.failed++ == 0)
        (void)snprintf(op->first_failure, sizeof op->first_failure, "%s", reason);
    if (!rt_op_has_out(op, PLAN_PORT_ERRORS))
        return CEP_OK;
    struct base_buf text = BASE_BUF_INIT;
    struct base_arena scratch;
    base_arena_init(&scratch, 0);
    evt_batch_write_json(&text, b, row, &scratch);
    enum cep_rc rc = rt_op_error(op, (int64_t)evt_batch_position(b, row), base_buf_view(&text),
        base_str_of(reason), (struct base_str){ NULL, 0 }, b->time[row], err);
    base_arena_release(&scratch);
    base_buf_release(&text);
    return rc;
}

enum cep_rc rt_op_errors_flush(struct rt_op *op, struct cep_err *err) {
    if (!op->errors || op->errors->n_rows == 0)
        return CEP_OK;
    struct evt_batch *b = op->errors;
    op->errors = NULL;
    enum cep_rc rc = rt_emit(op, PLAN_PORT_ERRORS, b, err);
    evt_batch_unref(b);
    return rc;
}
