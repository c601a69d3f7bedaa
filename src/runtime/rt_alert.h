#pragma once
/*
 * rt_alert -- the operator of an alert, and what its save sees of it.
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "expr/expr_row.h"
#include "runtime/rt_life.h"
#include "runtime/rt_op.h"
#include "runtime/rt_slices.h"

enum { RT_ALERT_ON = 0, RT_ALERT_RESOLVE = 1 }; /* inputs */

struct rt_alert {
    struct rt_op op;
    const struct plan_alert *alert;
    const struct evt_schema *on;         /* schema of what it is on */
    int id_col, started_col, events_col; /* hidden columns of `on`, or -1 */
    struct rt_wait wait;
    uint64_t n_arrived, n_sent; /* rows taken in, records made */
    struct rt_lives lives;
    struct base_arena scratch; /* of one row */
    struct base_buf identity, text;
    struct expr_row row;
    struct evt_batch *out;            /* owned; NULL: nothing to send */
    const struct evt_schema *resolve; /* of input 1; NULL: there is none */
    bool same_by, same_rows;          /* while loading: identities, rows and records are what they were */
    struct rt_slices saving;          /* rt_alert_save.c */
    size_t save_at;                   /* into the lives: those before are in the save that is under way */
    struct base_arena packing;        /* scratch of what is saved */
};

/* A row that is judged. */
struct rt_alert_row {
    int64_t time;
    const struct evt_batch *batch;
    uint32_t row, input;
};

static inline struct rt_alert *rt_alert_of(const struct rt_op *op) {
    return (struct rt_alert *)(uintptr_t)((const char *)op - offsetof(struct rt_alert, op));
}

/* Records fire until they are resolved. */
static inline bool rt_alert_has_life(const struct plan_alert *p) {
    return p->resolve_after_us > 0 || p->has_resolve_when;
}

/* Moves to the row that is judged. */
static inline void rt_alert_look_at(struct rt_alert *a, const struct rt_alert_row *w) {
    base_arena_clear(&a->scratch);
    base_buf_clear(&a->identity);
    expr_row_at(&a->row, w->batch, w->row);
}

static inline struct base_str rt_alert_identity(struct rt_alert *a) {
    return (struct base_str){ base_buf_cstr(&a->identity), a->identity.len };
}

enum cep_rc rt_alert_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err);
enum cep_rc rt_alert_save_some(struct rt_op *op, size_t bytes, struct cep_err *err);
void rt_alert_save_cancel(struct rt_op *op);
enum cep_rc rt_alert_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err);
/* Puts it into the save that is under way, which it is not in yet. */
void rt_alert_write_life(struct rt_alert *a, struct rt_life *life);
/* The life is about to change, or it goes: while a save is under way it is written first. */
static inline void rt_alert_opens(struct rt_alert *a, struct rt_life *life) {
    if (__builtin_expect(a->saving.open, 0) && life->saved != a->saving.number)
        rt_alert_write_life(a, life);
}
