/*
 * rt_exchange -- see rt_exchange.h.
 */
#include "runtime/rt_exchange.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"
#include "event/evt_view.h"
#include "expr/expr_vec.h"
#include "state/sto.h"

enum { BATCH_WORDS = EVT_BATCH_ROWS / 64 };

struct rt_send {
    struct rt_op op;
    const struct plan_exchange *x; /* borrowed */
    struct rt_send_to to;
    struct expr_vec **keys;        /* owned; HASH */
    const struct evt_col **cols;   /* owned; of the batch at hand */
    struct base_buf key;           /* of the row at hand */
    struct base_arena scratch;     /* of the batch at hand */
    uint64_t (*rows)[BATCH_WORDS]; /* owned; by target */
    uint32_t *n_rows;              /* owned; by target */
    uint32_t target_of[STO_KEY_GROUPS];
};

static struct rt_send *send_of(struct rt_op *op) {
    return CEP_CONTAINER_OF(op, struct rt_send, op);
}

static enum cep_rc push(struct rt_send *s, uint32_t target, struct evt_elem e, struct cep_err *err) {
    e.stream = s->to.stream;
    return s->to.push(s->to.arg, target, &e, err);
}

static enum cep_rc push_batch(struct rt_send *s, uint32_t target, struct evt_batch *b, struct cep_err *err) {
    return push(s, target, (struct evt_elem){ .kind = EVT_ELEM_BATCH, .batch = evt_batch_ref(b) }, err);
}

/* The key group of a row: the canonical bytes of its key values, hashed. */
static uint32_t target_of_row(struct rt_send *s, uint32_t row) {
    base_buf_clear(&s->key);
    for (uint32_t k = 0; k < s->x->n_keys; k++)
        evt_col_write_key(&s->key, s->cols[k], row, &s->scratch);
    return s->target_of[sto_group_of(base_buf_view(&s->key))];
}

static void deal_out(struct rt_send *s, const struct evt_batch *b) {
    size_t words = BASE_BITS_WORDS(b->n_rows);
    base_arena_clear(&s->scratch);
    int64_t now = clk_now(s->op.clk);
    for (uint32_t k = 0; k < s->x->n_keys; k++)
        s->cols[k] = expr_vec_eval(s->keys[k], b, b->sel, now, NULL);
    for (uint32_t t = 0; t < s->to.n_targets; t++) {
        memset(s->rows[t], 0, words * sizeof *s->rows[t]);
        s->n_rows[t] = 0;
    }
    for (uint32_t i = 0; i < b->n_rows; i++) {
        if (!evt_batch_has(b, i))
            continue;
        uint32_t t = target_of_row(s, i);
        base_bits_set(s->rows[t], i);
        s->n_rows[t]++;
    }
}

static enum cep_rc send_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_send *s = send_of(op);
    (void)input;
    if (s->to.n_targets == 1)
        return push_batch(s, 0, b, err);
    deal_out(s, b);
    uint32_t n = evt_batch_count(b);
    enum cep_rc rc = CEP_OK;
    for (uint32_t t = 0; t < s->to.n_targets && rc == CEP_OK; t++) {
        if (s->n_rows[t] == 0)
            continue;
        if (s->n_rows[t] == n)
            return push_batch(s, t, b, err);
        struct evt_batch *part = evt_view_part(b->schema, b, s->rows[t]);
        rc = push_batch(s, t, part, err);
        evt_batch_unref(part);
    }
    return rc;
}

static enum cep_rc broadcast(struct rt_send *s, struct evt_elem e, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t t = 0; t < s->to.n_targets && rc == CEP_OK; t++)
        rc = push(s, t, e, err);
    return rc;
}

static enum cep_rc send_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    return broadcast(send_of(op), (struct evt_elem){ .kind = EVT_ELEM_WATERMARK, .watermark = wm }, err);
}

static enum cep_rc send_idle(struct rt_op *op, bool idle, struct cep_err *err) {
    return broadcast(send_of(op), (struct evt_elem){ .kind = EVT_ELEM_IDLE, .idle = idle }, err);
}

static enum cep_rc send_end(struct rt_op *op, struct cep_err *err) {
    return broadcast(send_of(op), (struct evt_elem){ .kind = EVT_ELEM_END }, err);
}

static void send_free(struct rt_op *op) {
    struct rt_send *s = send_of(op);
    for (uint32_t k = 0; s->keys && k < s->x->n_keys; k++)
        expr_vec_free(s->keys[k]);
    base_free(s->keys);
    base_free(s->cols);
    base_free(s->rows);
    base_free(s->n_rows);
    base_buf_release(&s->key);
    base_arena_release(&s->scratch);
    rt_op_release(op);
    base_free(s);
}

static const struct rt_op_vt send_vt = {
    .kind = "send",
    .batch = send_batch,
    .watermark = send_watermark,
    .idle = send_idle,
    .end = send_end,
    .free = send_free,
};

struct rt_op *rt_send_new(const struct plan_exchange *x, const struct rt_send_to *to, const struct clk *clk) {
    struct rt_send *s = base_calloc(1, sizeof *s);
    rt_op_init(&s->op, &send_vt, NULL, BASE_STR("send"), 1, clk);
    s->x = x;
    s->to = *to;
    base_arena_init(&s->scratch, 0);
    CEP_REQUIRE(to->n_targets == 1 || x->ship == PLAN_SHIP_HASH);
    if (to->n_targets == 1)
        return &s->op;
    s->keys = base_calloc(x->n_keys ? x->n_keys : 1, sizeof *s->keys);
    s->cols = base_calloc(x->n_keys ? x->n_keys : 1, sizeof *s->cols);
    s->rows = base_calloc(to->n_targets, sizeof *s->rows);
    s->n_rows = base_calloc(to->n_targets, sizeof *s->n_rows);
    for (uint32_t k = 0; k < x->n_keys; k++)
        s->keys[k] = expr_vec_new(x->keys[k], x->col_map);
    for (uint32_t g = 0; g < STO_KEY_GROUPS; g++)
        s->target_of[g] = sto_subtask_of(g, to->n_targets);
    return &s->op;
}

/* -- the other end -------------------------------------------------------------------------------------------- */

struct rt_gate {
    struct rt_op op;
};

static enum cep_rc gate_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    (void)input;
    return rt_emit(op, PLAN_PORT_MAIN, b, err);
}

static void gate_free(struct rt_op *op) {
    rt_op_release(op);
    base_free(CEP_CONTAINER_OF(op, struct rt_gate, op));
}

static const struct rt_op_vt gate_vt = { .kind = "gate", .batch = gate_batch, .free = gate_free };

struct rt_op *rt_gate_new(uint32_t n_writers, const struct clk *clk) {
    struct rt_gate *g = base_calloc(1, sizeof *g);
    rt_op_init(&g->op, &gate_vt, NULL, BASE_STR("gate"), n_writers, clk);
    return &g->op;
}

enum cep_rc rt_gate_take(struct rt_op *gate, uint32_t writer, const struct evt_elem *e, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    switch (e->kind) {
    case EVT_ELEM_BATCH:
        rc = gate->vt->batch(gate, writer, e->batch, err);
        evt_batch_unref(e->batch);
        return rc;
    case EVT_ELEM_WATERMARK: return rt_op_watermark(gate, writer, e->watermark, err);
    case EVT_ELEM_IDLE: return rt_op_idle(gate, writer, e->idle, err);
    case EVT_ELEM_END: return rt_op_end(gate, writer, err);
    case EVT_ELEM_BARRIER:
    case EVT_ELEM_STOP:
    case EVT_ELEM_MAX: break;
    }
    CEP_INSIST(!"an element of a stream");
    return rc;
}
