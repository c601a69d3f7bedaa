#pragma once
/*
 * rt_recognize -- `match_recognize`: rows of a key in event-time order, and the matches in them (src/nfa/nfa_rows.h).
 *
 *     batch ─▶ keys, kept columns, conditions on the row alone (kernels) ─▶ rows wait for the watermark (rt_wait)
 *     watermark ─▶ rows in order, and deadlines ─▶ the key's matcher ─▶ items of each match ─▶ out
 *
 * A match is given out when it is decided: the time of its rows is that of the row that decided it (its own last one, where nothing more could
 * be added), or of the deadline of `within`. So it is never late for those who read it. At the end of time it is the key's last row's, or what
 * comes next after the watermark that has gone on.
 *
 * A key is let go when no start is open and nothing has to be remembered of it.
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "base/base_check.h"
#include "nfa/nfa_rows.h"
#include "runtime/rt_groups.h"
#include "runtime/rt_op.h"
#include "runtime/rt_project.h"
#include "runtime/rt_slices.h"
#include "time/clk_timer.h"

/* What a group of rt_groups has of its own. */
struct rt_recognize_key {
    struct rt_group *group; /* borrowed: its own */
    struct nfa_rows *rows;  /* owned */
    struct clk_timer timer; /* waits for the deadline of its open start */
    bool touched;           /* in rec->touched */
    /* As they are counted in rec->bytes and rec->n_open. */
    size_t bytes;
    bool open;
};

struct rt_recognize {
    struct rt_op op;
    const struct plan_recognize *plan;
    const struct evt_schema *in;
    struct nfa_rows_kind *kind_rows; /* owned */
    /* From input rows to what waits. */
    struct rt_project prepare;
    struct evt_schema prep;         /* cols owned: keys, kept columns, conditions */
    const struct expr **prep_exprs; /* owned */
    struct expr *col_exprs;         /* owned: the kept columns */
    uint32_t *cond_vars, n_conds;   /* owned; by condition: its variable */
    struct evt_schema kept;         /* cols owned: the kept columns by name */
    struct rt_wait wait;
    uint32_t sort_col;    /* of prep: the first of those that rows of one time are sorted by */
    struct clk_row *same; /* owned: rows of one time, where they are sorted */
    size_t n_same, cap_same;
    /* Keys. */
    struct rt_group_kind kind;
    struct rt_groups keys;
    struct clk_timers timers;
    struct rt_recognize_key **touched; /* owned: whose matcher went on under this watermark */
    size_t n_touched, cap_touched;
    size_t bytes;             /* of all keys beside the table */
    uint64_t n_open;          /* keys with an open start */
    struct base_buf key;      /* scratch */
    struct evt_val *key_vals; /* owned, scratch */
    struct evt_val *row_vals; /* owned, scratch */
    struct base_arena scratch;
    /* Results on their way. */
    struct evt_batch *out;   /* owned; of the node's schema */
    struct rt_group *giving; /* whose matches come out now */
    int64_t now;             /* their time */
    int64_t passed;          /* the watermark that has gone on */
    bool restored;           /* keys have rows that their matchers have not seen yet */
    bool same_meaning;       /* while loading: as the program that saved */
    struct rt_slices saving; /* rt_recognize_save.c */
    struct base_buf schema;  /* scratch: of the rows that wait, while they are saved */
};

static inline struct rt_recognize *rt_recognize_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_recognize, op);
}
/* Of the key of a row of a batch of prep; rec->key and rec->key_vals are its own. */
uint64_t rt_recognize_hash(struct rt_recognize *rec, const struct evt_batch *prep, uint32_t row);
/* Finds or makes. *made may be NULL. */
struct rt_recognize_key *rt_recognize_get(
    struct rt_recognize *rec, uint64_t hash, struct base_str bytes, const struct evt_val *vals, bool *made);

/* -- rt_recognize_save.c --------------------------------------------------------------------------------------------- */

enum { RT_RECOGNIZE_NS_KEY = 1, RT_RECOGNIZE_NS_ROW = 2 };

enum cep_rc rt_recognize_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err);
enum cep_rc rt_recognize_save_some(struct rt_op *op, size_t bytes, struct cep_err *err);
void rt_recognize_save_cancel(struct rt_op *op);
void rt_recognize_saving_release(struct rt_recognize *rec);
void rt_recognize_write_key(struct rt_recognize *rec, struct rt_group *g);
/* The key is about to change, or to go: while a save is under way it is written first, unless it was. */
static inline void rt_recognize_opens(struct rt_recognize *rec, struct rt_group *g) {
    if (rec->saving.open && g->saved != rec->saving.number)
        rt_recognize_write_key(rec, g);
}
enum cep_rc rt_recognize_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err);
