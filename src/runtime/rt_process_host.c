/*
 * rt_process_host -- what a compiled operator may ask for (struct cep_host): rows out, state, timers. Values are checked where they
 * come in; what is wrong with one fails the job when the call returns.
 */
#include "runtime/rt_process.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "event/evt_pack.h"
#include "plan/plan_library.h"

#include <stdio.h>

static struct rt_process *process_of(struct cep_ctx *ctx) {
    return CEP_CONTAINER_OF(ctx, struct rt_process, ctx);
}

/* The first thing that went wrong stays. */
__attribute__((format(printf, 3, 4))) static enum cep_rc fail(
    struct rt_process *p, enum cep_rc rc, const char *fmt, ...) {
    va_list ap;
    if (p->rc != CEP_OK)
        return p->rc;
    va_start(ap, fmt);
    (void)vsnprintf(p->reason, sizeof p->reason, fmt, ap);
    va_end(ap);
    p->rc = rc;
    return rc;
}

/* -- rows out --------------------------------------------------------------------------------------------------------- */

static enum plan_port port_of(uint32_t output) {
    return output == 0 ? PLAN_PORT_MAIN : (enum plan_port)(PLAN_PORT_SIDE + output - 1);
}

static enum cep_rc send(struct rt_process *p, uint32_t output, struct cep_err *err) {
    struct evt_batch *b = p->outs[output];
    if (!b)
        return CEP_OK;
    p->outs[output] = NULL;
    enum cep_rc rc = rt_emit(&p->op, port_of(output), b, err);
    evt_batch_unref(b);
    return rc;
}

enum cep_rc rt_process_flush(struct rt_process *p, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t o = 0; o <= p->plan->n_sides && rc == CEP_OK; o++)
        rc = send(p, o, err);
    return rc;
}

/* Rows of one key and time follow each other as they were given. */
static void identify(struct rt_process *p, struct evt_batch *b, uint32_t row) {
    struct rt_proc_key *k = p->key;
    k->n_given = k->given_at == p->now ? k->n_given + 1 : 0;
    k->given_at = p->now;
    uint64_t nth = k->n_given < UINT16_MAX ? k->n_given : UINT16_MAX;
    uint64_t one_of_a_kind = base_hash_seed(&k->n_given, sizeof k->n_given, k->hash);
    b->time[row] = p->now;
    b->origin[row] = EVT_ORIGIN_MATCH | (uint32_t)(k->hash & ~EVT_ORIGIN_MATCH);
    b->seq[row] = nth << EVT_MATCH_NTH_SHIFT | one_of_a_kind >> (64 - EVT_MATCH_NTH_SHIFT);
}

static enum cep_rc host_emit(
    struct cep_ctx *ctx, uint32_t output, const struct cep_value *cells, uint32_t n) {
    struct rt_process *p = process_of(ctx);
    if (p->rc != CEP_OK)
        return p->rc;
    if (output > p->plan->n_sides)
        return fail(p, CEP_EINVAL, "it has no output %u", (unsigned)output);
    const struct evt_schema *s = output == 0 ? p->op.node->schema : &p->plan->sides[output - 1];
    if (n != s->n_visible)
        return fail(p, CEP_EINVAL, "a row of output %u has %u columns, not %u", (unsigned)output,
            (unsigned)s->n_visible, (unsigned)n);
    for (uint32_t c = 0; c < n; c++) {
        const struct evt_column *col = &s->cols[c];
        if (cells[c].null && col->not_null)
            return fail(p, CEP_EINVAL, "column \"%.*s\" cannot be null", BASE_STR_FMT(col->name));
        if (!plan_val_fits(col->type, &cells[c]))
            return fail(p, CEP_ETYPE, "column \"%.*s\" is %s, and it was given %s", BASE_STR_FMT(col->name),
                evt_kind_name(col->type->kind), plan_val_kind(&cells[c]));
    }
    if (!rt_op_has_out(&p->op, port_of(output)) && !p->op.trace) {
        p->op.metrics.rows_out += output == 0;
        return CEP_OK;
    }
    if (!p->outs[output])
        p->outs[output] = evt_batch_new(s, 0);
    struct evt_batch *b = p->outs[output];
    for (uint32_t c = 0; c < n; c++)
        evt_col_set_val(&b->cols[c], b->n_rows, &plan_vals_of_library(cells)[c]);
    identify(p, b, b->n_rows);
    evt_batch_end_row(b);
    struct cep_err err = CEP_ERR_INIT;
    if (!evt_batch_is_full(b) || send(p, output, &err) == CEP_OK)
        return CEP_OK;
    return fail(p, err.rc, "%s", err.message);
}

static enum cep_rc host_stop(struct cep_ctx *ctx, enum cep_rc rc, const char *reason) {
    struct rt_process *p = process_of(ctx);
    return fail(p, rc, "%s", reason && *reason ? reason : "the operator gave no reason");
}

/* -- where and when --------------------------------------------------------------------------------------------------- */

static const struct cep_value *host_key(struct cep_ctx *ctx, uint32_t *n) {
    struct rt_process *p = process_of(ctx);
    *n = p->plan->n_keys;
    return plan_vals_for_library(p->key->vals);
}

static int64_t host_time(struct cep_ctx *ctx, enum cep_clock clock) {
    struct rt_process *p = process_of(ctx);
    return clock == CEP_PROCESSING_TIME ? clk_now(p->op.clk) : p->now;
}

static bool host_ending(struct cep_ctx *ctx) {
    return process_of(ctx)->ending;
}

static void host_timer_set(struct cep_ctx *ctx, enum cep_clock clock, int64_t at, int64_t tag) {
    struct rt_process *p = process_of(ctx);
    if ((unsigned)clock > CEP_PROCESSING_TIME)
        (void)fail(
            p, CEP_EINVAL, "a timer is of event time or of processing time, not of clock %d", (int)clock);
    else if (!p->plan->op->timer)
        (void)fail(p, CEP_EINVAL, "it sets a timer and has no timer()");
    else if (!p->ending)
        rt_process_timer_set(p, p->key, &(struct cep_timer){ clock, at, tag });
}

static void host_timer_cancel(struct cep_ctx *ctx, enum cep_clock clock, int64_t at, int64_t tag) {
    struct rt_process *p = process_of(ctx);
    rt_process_timer_cancel(p, p->key, &(struct cep_timer){ clock, at, tag });
}

/* -- state ------------------------------------------------------------------------------------------------------------ */

/* Returns: NULL when there is no such state; that fails the job. */
static struct rt_proc_state *state_at(struct rt_process *p, uint32_t i, enum cep_state_kind kind) {
    if (i < p->plan->op->n_states && p->decls[i].kind == kind)
        return &p->key->states[i];
    static const char *const words[] = { "value", "list", "map" };
    (void)fail(p, CEP_EINVAL, "its state %u is no %s", (unsigned)i, words[kind]);
    return NULL;
}

static bool right(struct rt_process *p, uint32_t state, const struct evt_type *t, const struct cep_value *v) {
    if (plan_val_fits(t, v))
        return true;
    (void)fail(p, CEP_ETYPE, "state \"%.*s\" is of %s, and it was given %s",
        BASE_STR_FMT(p->decls[state].name), evt_kind_name(t->kind), plan_val_kind(v));
    return false;
}

static void give(
    struct rt_process *p, const struct rt_proc_cell *c, const struct evt_type *t, struct cep_value *out) {
    struct evt_val v;
    rt_proc_cell_get(c, t, &p->scratch, &v);
    plan_val_show(t, &v);
    memcpy(out, &v, sizeof *out);
}

static bool host_value_get(struct cep_ctx *ctx, uint32_t state, struct cep_value *out) {
    struct rt_process *p = process_of(ctx);
    const struct rt_proc_state *s = state_at(p, state, CEP_STATE_VALUE);
    if (!s || s->n == 0)
        return false;
    give(p, &s->cells[0], p->decls[state].type, out);
    return true;
}

static void host_value_set(struct cep_ctx *ctx, uint32_t state, const struct cep_value *v) {
    struct rt_process *p = process_of(ctx);
    struct rt_proc_state *s = state_at(p, state, CEP_STATE_VALUE);
    if (!s || (v && !right(p, state, p->decls[state].type, v)))
        return;
    if (!v)
        rt_proc_state_clear(s);
    else
        rt_proc_cell_set(
            s, s->n > 0 ? &s->cells[0] : rt_proc_list_add(s), p->decls[state].type, plan_vals_of_library(v));
}

static uint32_t host_list_len(struct cep_ctx *ctx, uint32_t state) {
    const struct rt_proc_state *s = state_at(process_of(ctx), state, CEP_STATE_LIST);
    return s ? (uint32_t)(s->n - s->head) : 0;
}

static void host_list_get(struct cep_ctx *ctx, uint32_t state, uint32_t i, struct cep_value *out) {
    struct rt_process *p = process_of(ctx);
    const struct rt_proc_state *s = state_at(p, state, CEP_STATE_LIST);
    *out = cep_null();
    if (s && i < s->n - s->head)
        give(p, &s->cells[s->head + i], p->decls[state].type, out);
    else if (s)
        (void)fail(p, CEP_EINVAL, "state \"%.*s\" has no element %u", BASE_STR_FMT(p->decls[state].name),
            (unsigned)i);
}

static void host_list_add(struct cep_ctx *ctx, uint32_t state, const struct cep_value *v) {
    struct rt_process *p = process_of(ctx);
    struct rt_proc_state *s = state_at(p, state, CEP_STATE_LIST);
    if (!s || !right(p, state, p->decls[state].type, v))
        return;
    /* v may be text of this list, which moves. */
    struct rt_proc_cell c = { .v = { .null = true } };
    rt_proc_cell_set(s, &c, p->decls[state].type, plan_vals_of_library(v));
    *rt_proc_list_add(s) = c;
}

static void host_list_drop(struct cep_ctx *ctx, uint32_t state, uint32_t n) {
    struct rt_proc_state *s = state_at(process_of(ctx), state, CEP_STATE_LIST);
    if (s)
        rt_proc_list_drop(s, n);
}

/* Into p->bytes. Returns: NULL as state_at(), or when the key is of another type. */
static struct rt_proc_state *map_at(struct rt_process *p, uint32_t state, const struct cep_value *k) {
    struct rt_proc_state *s = state_at(p, state, CEP_STATE_MAP);
    if (!s || !right(p, state, p->decls[state].map_type, k))
        return NULL;
    base_buf_clear(&p->bytes);
    evt_val_write_key(&p->bytes, p->decls[state].map_type, plan_vals_of_library(k));
    return s;
}

static bool host_map_get(
    struct cep_ctx *ctx, uint32_t state, const struct cep_value *k, struct cep_value *out) {
    struct rt_process *p = process_of(ctx);
    const struct rt_proc_state *s = map_at(p, state, k);
    const struct rt_proc_cell *c = s ? rt_proc_map_find(s, base_buf_view(&p->bytes)) : NULL;
    if (c)
        give(p, c, p->decls[state].type, out);
    return c != NULL;
}

static void host_map_put(
    struct cep_ctx *ctx, uint32_t state, const struct cep_value *k, const struct cep_value *v) {
    struct rt_process *p = process_of(ctx);
    struct rt_proc_state *s = map_at(p, state, k);
    if (s && right(p, state, p->decls[state].type, v))
        rt_proc_cell_set(
            s, rt_proc_map_need(s, base_buf_view(&p->bytes)), p->decls[state].type, plan_vals_of_library(v));
}

static void host_map_remove(struct cep_ctx *ctx, uint32_t state, const struct cep_value *k) {
    struct rt_process *p = process_of(ctx);
    struct rt_proc_state *s = map_at(p, state, k);
    if (s)
        rt_proc_map_remove(s, base_buf_view(&p->bytes));
}

static uint32_t host_map_len(struct cep_ctx *ctx, uint32_t state) {
    const struct rt_proc_state *s = state_at(process_of(ctx), state, CEP_STATE_MAP);
    return s && s->map ? (uint32_t)s->map->n_live : 0;
}

static bool host_map_next(
    struct cep_ctx *ctx, uint32_t state, uint32_t *it, struct cep_value *k, struct cep_value *v) {
    struct rt_process *p = process_of(ctx);
    const struct rt_proc_state *s = state_at(p, state, CEP_STATE_MAP);
    size_t at = *it;
    const struct base_map_entry *e = s && s->map ? base_map_next(s->map, &at) : NULL;
    if (!e)
        return false;
    struct evt_val key;
    /* It may be removed while it is looked at. */
    struct base_unpack u = base_unpack_of(base_arena_str(&p->scratch, e->key));
    evt_unpack_key(&u, p->decls[state].map_type, &p->scratch, &key);
    CEP_INSIST(base_unpack_ok(&u));
    plan_val_show(p->decls[state].map_type, &key);
    memcpy(k, &key, sizeof *k);
    give(p, (const struct rt_proc_cell *)(uintptr_t)e->value, p->decls[state].type, v);
    *it = (uint32_t)at;
    return true;
}

const struct cep_host rt_process_host = {
    .size = sizeof rt_process_host,
    .key = host_key,
    .time = host_time,
    .ending = host_ending,
    .emit = host_emit,
    .stop = host_stop,
    .timer_set = host_timer_set,
    .timer_cancel = host_timer_cancel,
    .value_get = host_value_get,
    .value_set = host_value_set,
    .list_len = host_list_len,
    .list_get = host_list_get,
    .list_add = host_list_add,
    .list_drop = host_list_drop,
    .map_get = host_map_get,
    .map_put = host_map_put,
    .map_remove = host_map_remove,
    .map_len = host_map_len,
    .map_next = host_map_next,
};
