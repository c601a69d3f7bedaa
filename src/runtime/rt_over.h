#pragma once
/*
 * rt_over -- calls with `over`: each row comes out once, in event-time order, with what its calls give over the rows of its key.
 *
 *     batch ─▶ where, keys, arguments, columns (kernels) ─▶ rows wait for the watermark (rt_wait)
 *     watermark ─▶ rows in order ─▶ frames of their key (rt_frame), a call each ─▶ row, results ─▶ items (rt_project) ─▶ out
 *
 * Rows of one time are each other's peers: a call that goes by time sees all of them (SQL's `range`), so all are in before the first
 * one is asked for. A key is let go when all of its frames are empty: only where every frame goes by time does that happen.
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "runtime/rt_frame.h"
#include "runtime/rt_groups.h"
#include "runtime/rt_op.h"
#include "runtime/rt_project.h"
#include "runtime/rt_slices.h"

struct rt_over {
    struct rt_op op;
    const struct plan_over *plan;
    const struct evt_schema *in;
    struct rt_frame_kind *calls; /* owned; plan->n_calls */
    bool any_peers;
    int64_t longest_us; /* of the frames; -1: one of them never empties */
    /* From input rows to what waits. */
    struct rt_project prepare;
    struct evt_schema prep;         /* cols owned: keys, columns that go through, arguments, filters */
    const struct expr **prep_exprs; /* owned */
    int32_t *arg_col, *filter_col;  /* owned; by call: column of prep, -1 = none */
    struct rt_wait wait;
    struct clk_row *same; /* owned: rows of one time */
    size_t n_same, cap_same;
    /* Keys: own is an array of frames, one a call. */
    struct rt_group_kind kind;
    struct rt_groups keys;
    size_t frame_bytes;        /* of all of them */
    struct base_buf key;       /* scratch */
    struct evt_val *key_vals;  /* owned, scratch */
    struct base_arena scratch; /* cleared after each row */
    int64_t swept;             /* when keys were last looked through for empty ones */
    /* Results on their way. */
    struct rt_project finish;
    struct evt_batch *out;   /* owned; of plan->rows */
    int64_t passed;          /* the watermark that has gone on */
    bool same_meaning;       /* while loading: as the program that saved */
    struct rt_slices saving; /* rt_over_save.c */
    struct base_buf schema;  /* scratch: of the rows that wait, while they are saved */
};

/* Of the key of a row of a batch of prep. */
uint64_t rt_over_hash(struct rt_over *ov, const struct evt_batch *prep, uint32_t row);
/* Finds or makes. *made may be NULL. */
struct rt_group *rt_over_get(
    struct rt_over *ov, uint64_t hash, struct base_str bytes, const struct evt_val *vals, bool *made);

/* -- rt_over_save.c ------------------------------------------------------------------------------------------------- */

enum { RT_OVER_NS_KEY = 1, RT_OVER_NS_ROW = 2 };

/* In slices, as in rt_aggregate_slice.c. */
enum cep_rc rt_over_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err);
enum cep_rc rt_over_save_some(struct rt_op *op, size_t bytes, struct cep_err *err);
void rt_over_save_cancel(struct rt_op *op);
void rt_over_saving_release(struct rt_over *ov);
void rt_over_write_key(struct rt_over *ov, struct rt_group *g);
/* The key is about to change, or to go: while a save is under way it is written first, unless it was. */
static inline void rt_over_opens(struct rt_over *ov, struct rt_group *g) {
    if (ov->saving.open && g->saved != ov->saving.number)
        rt_over_write_key(ov, g);
}
enum cep_rc rt_over_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err);
