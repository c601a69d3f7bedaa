#pragma once
/*
 * rt_join -- `a join b on ...`: the operator, and what its kinds see of it.
 *
 *     batch ─▶ where, keys, columns that are kept (kernels) ─▶ waits for the watermark
 *     watermark ─▶ rows of both sides in (time, side, origin, position) order ─▶ kind: which rows are a pair
 *               ─▶ pairs: gathered a batch at a time ─▶ the rest of `on` ─▶ where, items (rt_project) ─▶ out
 *
 * A kind is a row of struct rt_join_vt (rt_join_kinds.c):
 *     interval   a row meets those of the other side that are at most `within` before it; a row without a partner is given out when
 *                none can come any more
 *     window     all rows of a window meet when it ends
 *     session    all rows of a session meet when it ends (rt_join_session.c)
 *     table      a left row meets the right row that was its key's last at its time
 *
 * Order. What comes out does not depend on the order of arrival, nor on the parallelism: see rt_wait.h. Rows of one key and time
 * follow each other in the order in which they were made. A row behind the watermark that has gone on (its input was idle) is late:
 * counted, and sent to the side output as a row without the other side.
 *
 * Time of a result: interval: that of the later row; without a partner, the row's and `within`, when it became clear. Window: its
 * last microsecond. Session: its end. Table: the left row's.
 *
 * Nulls. A key with a null in it (or a NaN, which equals nothing either) has no partner.
 *
 * State. Kept rows hang on their keys, the newest first (rt_join_keys.h, rt_join_rows.h). They go when the watermark says that
 * nobody can meet them.
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "runtime/rt_join_keys.h"
#include "runtime/rt_join_rows.h"
#include "runtime/rt_op.h"
#include "runtime/rt_project.h"
#include "runtime/rt_slices.h"

struct rt_join;

struct rt_join_vt {
    /* A row that was added: the last one of its side. */
    enum cep_rc (*take)(struct rt_join *j, uint32_t side, uint64_t number, uint32_t key, struct cep_err *err);
    /* All rows up to `time` were taken: gives out what that decides, lets go of what nobody can meet. */
    enum cep_rc (*advance)(struct rt_join *j, int64_t time, struct cep_err *err);
    /* The pairs under way are out. NULL = nothing to do. */
    void (*flushed)(struct rt_join *j);
    bool left_passes; /* left rows are not kept: they make no key, and results are theirs */
};

/* A pair, or a row alone, that is not out yet. */
struct rt_join_pair {
    uint64_t row[2]; /* 1 + number; 0 = none */
    int64_t time, start;
    uint64_t seq;
    uint32_t origin;
};

struct rt_join_side {
    struct rt_project prepare;      /* its where, and one item a column of prep */
    struct evt_schema prep;         /* owned columns: keys, then what is kept */
    struct evt_schema kept;         /* borrows the end of prep's */
    const struct expr **prep_exprs; /* owned */
    struct rt_join_rows rows;
    struct rt_join_rows loaded; /* while loading: as they came */
};

struct rt_join {
    struct rt_op op;
    const struct plan_join *plan;
    const struct plan *whole;
    const struct rt_join_vt *kind;
    struct rt_join_side sides[2];
    uint32_t *kept_of; /* owned; by column of a pair: place among the kept ones of its side */
    struct rt_join_keys keys;
    struct rt_wait wait;
    int64_t passed; /* the watermark that has gone on */
    int64_t
        fired; /* window: start of the last one that ended; EVT_TIME_MIN = none; follows from `passed` at a restore */
    int64_t due;        /* interval, session: nothing is decided before; EVT_TIME_MIN = not known */
    uint32_t n_windows; /* that ended */
    uint64_t n_current; /* table: keys that have a version */
    uint64_t looked[2]; /* session: rows from there on can still be the last of theirs */
    uint64_t n_done[2]; /* session: rows that are kept and are in no open one */
    bool
        by_blocks; /* interval, no side outer: rows are put to those of their side before the first of a block is taken */
    uint64_t *partners; /* owned, scratch */
    size_t cap_partners;
    /* Of the rows under way, as many as are taken at once. */
    struct base_buf key_bytes;
    struct {
        uint64_t hash;
        size_t off, len;
        bool null;
    } * under_way;                      /* owned */
    struct base_arena scratch, columns; /* of the rows under way; the expressions of kept columns */
    /* Results on their way. */
    struct rt_join_pair *pairs; /* owned; EVT_BATCH_ROWS */
    uint32_t n_pairs;
    struct expr_vec *on;      /* owned; NULL = keys are all */
    struct rt_project finish; /* where, items: over plan->pairs */
    struct rt_project late;   /* the same items, of late rows */
    bool same;                /* while loading: as the program that saved */
    struct rt_slices saving;  /* rt_join_save.c */
    uint32_t save_side;       /* rows of it before save_at are in the save that is under way */
    uint64_t save_at;
};

static inline struct rt_join_rows *rt_join_rows_of(struct rt_join *j, uint32_t side) {
    return &j->sides[side].rows;
}

#define RT_JOIN_NO_KEY \
    UINT32_MAX /* of a left row that passes, when no right row has its key; of one whose session is over */

/* A result: left and right are 1 + number, 0 = none. `key`: of the rows. */
enum cep_rc rt_join_give(struct rt_join *j, uint64_t left, uint64_t right, uint32_t key, int64_t time,
    int64_t start, struct cep_err *err);
/* Ensures: rows know whether they had a partner, and nothing points at them. */
enum cep_rc rt_join_flush(struct rt_join *j, struct cep_err *err);
/* Lets go of a side's first row, and of its key with its last one. */
enum cep_rc rt_join_pop(struct rt_join *j, uint32_t side, struct cep_err *err);
/* Puts a row that is kept into the save that is under way, which it is not in yet. */
void rt_join_write_row(struct rt_join *j, uint32_t side, uint64_t number);
/* What is saved of the row is about to change, or it goes: while a save is under way it is written first. */
static inline void rt_join_opens(struct rt_join *j, uint32_t side, uint64_t number) {
    if (__builtin_expect(j->saving.open, 0) &&
        rt_join_meta(rt_join_rows_of(j, side), number)->saved != j->saving.number)
        rt_join_write_row(j, side, number);
}
/* Hangs the row on its key. */
static inline void rt_join_hang(struct rt_join *j, uint32_t side, uint64_t number, uint32_t key) {
    struct rt_join_key *k = rt_join_key_at(&j->keys, key);
    rt_join_meta(rt_join_rows_of(j, side), number)->older = k->newest[side];
    k->newest[side] = number + 1;
}
/* The canonical bytes of a key, put at the end of `to`. Returns: true when it has a null. */
bool rt_join_write_key(
    struct rt_join *j, uint32_t side, const struct evt_batch *prep, uint32_t row, struct base_buf *to);

extern const struct rt_join_vt rt_join_interval, rt_join_window, rt_join_table, rt_join_session;

/* -- rt_join_save.c ------------------------------------------------------------------------------------------------- */

enum { RT_JOIN_NS_KEPT = 1, RT_JOIN_NS_ROW = 2 };

enum cep_rc rt_join_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err);
enum cep_rc rt_join_save_some(struct rt_op *op, size_t bytes, struct cep_err *err);
void rt_join_save_cancel(struct rt_op *op);
/* Rows of that side have got other numbers: those that are not in the save yet are looked for from the first on. */
void rt_join_moved(struct rt_join *j, uint32_t side);
enum cep_rc rt_join_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err);
enum cep_rc rt_join_loaded(struct rt_op *op, struct sto_losses *losses, struct cep_err *err);
