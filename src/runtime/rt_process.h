#pragma once
/*
 * rt_process -- `stream ... as process`: a compiled operator (cep/operator.h), its keys, their state and timers.
 *
 *     batch ─▶ held until the watermark passes (rt_wait) ─▶ row() ─┬─▶ rows of the main and side outputs
 *     watermark, clock ─▶ timers of event and processing time ─▶ timer() ┘
 *
 *     key ── values of `partition by` ── timers, as they were set ── cells: one struct rt_proc_state for each cep_state
 *
 * A key lives while it has state or timers. One that has none is forgotten when the watermark has moved on: until then it numbers
 * its rows of one time.
 *
 * Invariants
 *   I1  a timer of a key waits in `timers[clock]`, and no two of a key have the same clock, time and tag
 *   I2  `now` does not go back, and is after `passed` while rows or timers are dealt with
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "base/base_map.h"
#include "expr/expr_row.h"
#include "runtime/rt_op.h"
#include "runtime/rt_slices.h"
#include "time/clk_timer.h"

/* A value that is kept. Scalars stand in `v`; text points to `own`; arrays and rows are `own`, packed. */
struct rt_proc_cell {
    struct evt_val v;
    char *own; /* owned; NULL for scalars and nulls */
    uint32_t own_len;
};

struct rt_proc_state {
    /* VALUE: cells[0], when n is 1; LIST: cells[head .. n) */
    struct rt_proc_cell *cells; /* owned */
    size_t head, n, cap;
    size_t own_bytes; /* of what cells own, also those of the map */
    /* MAP: canonical bytes of the key -> an owned struct rt_proc_cell *; keys in order of first putting. NULL while empty */
    struct base_map *map;
};

struct rt_proc_key;

struct rt_proc_timer {
    struct clk_timer timer;
    struct rt_proc_key *key; /* borrowed */
    struct cep_timer what;
    struct rt_proc_timer *next; /* of the key, in order of setting */
};

struct rt_proc_key {
    uint64_t hash;                /* of bytes */
    struct base_str bytes;        /* owned; canonical */
    struct base_arena mem;        /* of vals */
    const struct evt_val *vals;   /* of `partition by` */
    struct rt_proc_timer *timers; /* owned */
    int64_t given_at;             /* time of the last row it gave, and how many there were of that time */
    uint32_t n_given;
    size_t size;    /* of it in rt_process.kept_bytes */
    bool dying;     /* is in rt_process.dying */
    uint16_t saved; /* number of the last save that it is in, or that it came after (rt_process_save.c) */
    struct rt_proc_state states[];
};

/* How a state was declared, here or when it was saved. */
struct rt_proc_decl {
    struct base_str name;
    enum cep_state_kind kind;
    const struct evt_type *type, *map_type;
    int32_t now; /* of a saved one: its place today, -1 = none */
};

/* A timer whose time has come. */
struct rt_proc_due {
    struct rt_proc_key *key; /* borrowed */
    struct cep_timer what;
    size_t nth;
};

struct rt_process {
    struct rt_op op;
    struct cep_ctx ctx; /* what the library sees */
    const struct plan *whole;
    const struct plan_process *plan;
    void *self; /* the library's */
    bool is_open;
    struct base_arena types; /* of decls */
    struct rt_proc_decl *decls;
    const struct evt_type **key_types; /* owned */
    struct rt_wait wait;
    struct base_map keys;       /* canonical bytes -> struct rt_proc_key * */
    struct rt_proc_key **dying; /* owned; had nothing left when they were last looked at */
    size_t n_dying, cap_dying;
    size_t kept_bytes;           /* of all keys */
    struct clk_timers timers[2]; /* by clock */
    struct rt_proc_due *due;     /* owned; those of one time, in order */
    size_t n_due, cap_due;
    int64_t passed; /* the watermark that has gone on */
    int64_t now;    /* event time of what is dealt with */
    bool ending;
    /* The call under way. */
    struct rt_proc_key *key; /* borrowed */
    enum cep_rc rc;          /* what went wrong in it */
    char reason[RT_REASON_MAX];
    struct base_arena scratch;
    struct base_buf bytes;
    struct expr_row row;
    struct evt_val *cells;                     /* owned; as many as the widest input has */
    struct evt_val *key_vals;                  /* owned */
    struct evt_batch *outs[1 + CEP_SIDES_MAX]; /* owned; by output; NULL = nothing to send */
    /* While loading. */
    struct rt_proc_decl *old; /* in types */
    uint32_t n_old;
    const struct evt_type **old_keys; /* in types */
    bool same_keys, same_rows;
    struct rt_slices saving; /* rt_process_save.c */
    size_t save_at;          /* into `keys`: those before are in the save that is under way */
    uint64_t save_rebuilds;  /* of `keys`, when save_at was right */
};

static inline struct rt_process *rt_process_of(const struct rt_op *op) {
    return (struct rt_process *)(uintptr_t)((const char *)op - offsetof(struct rt_process, op));
}

/* -- rt_process_state.c: keys, cells, timers --------------------------------------------------------------------------- */

/* Finds or makes it, and opens it; vals are copied. */
struct rt_proc_key *rt_process_key(struct rt_process *p, struct base_str bytes, const struct evt_val *vals);
/* It may have grown, or have nothing left. */
void rt_process_look_after(struct rt_process *p, struct rt_proc_key *k);
/* Forgets those of `dying` that have nothing. */
void rt_process_bury(struct rt_process *p);
void rt_process_free_keys(struct rt_process *p);
size_t rt_process_bytes(const struct rt_process *p);

/* A cell of the state, or that will be one. */
void rt_proc_cell_set(
    struct rt_proc_state *s, struct rt_proc_cell *c, const struct evt_type *t, const struct evt_val *v);
/* Strings point into the cell, arrays and rows into scratch. */
void rt_proc_cell_get(
    const struct rt_proc_cell *c, const struct evt_type *t, struct base_arena *scratch, struct evt_val *out);
struct rt_proc_cell *rt_proc_list_add(struct rt_proc_state *s);
void rt_proc_list_drop(struct rt_proc_state *s, size_t n);
/* Returns: NULL when it is not there. */
struct rt_proc_cell *rt_proc_map_find(const struct rt_proc_state *s, struct base_str key);
struct rt_proc_cell *rt_proc_map_need(struct rt_proc_state *s, struct base_str key);
void rt_proc_map_remove(struct rt_proc_state *s, struct base_str key);
void rt_proc_state_clear(struct rt_proc_state *s);

void rt_process_timer_set(struct rt_process *p, struct rt_proc_key *k, const struct cep_timer *what);
void rt_process_timer_cancel(struct rt_process *p, struct rt_proc_key *k, const struct cep_timer *what);
/*
 * Those of the earliest time up to `until` go to p->due: by key, each key's in order of setting, so that the order does not depend on
 * when which key set its own. Returns: false when there are none.
 */
bool rt_process_timers_due(struct rt_process *p, enum cep_clock clock, int64_t until);
/* Takes it from its key. Returns: false when it was cancelled meanwhile. */
bool rt_process_timer_take(struct rt_process *p, const struct rt_proc_due *due);

/* -- rt_process_host.c: what the library may ask for ------------------------------------------------------------------- */

extern const struct cep_host rt_process_host;

/* Sends what waits in outs. */
enum cep_rc rt_process_flush(struct rt_process *p, struct cep_err *err);

/* -- rt_process_save.c ------------------------------------------------------------------------------------------------- */

enum cep_rc rt_process_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err);
enum cep_rc rt_process_save_some(struct rt_op *op, size_t bytes, struct cep_err *err);
void rt_process_save_cancel(struct rt_op *op);
/* Puts it into the save that is under way, which it is not in yet. */
void rt_process_write_key(struct rt_process *p, struct rt_proc_key *k);
/* The key is about to change, or it goes: while a save is under way it is written first. */
static inline void rt_process_opens(struct rt_process *p, struct rt_proc_key *k) {
    if (__builtin_expect(p->saving.open, 0) && k->saved != p->saving.number)
        rt_process_write_key(p, k);
}
enum cep_rc rt_process_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err);

/* The canonical bytes of the row's key, into p->bytes, its values into p->key_vals; of rows of `input`. */
struct base_str rt_process_key_of(
    struct rt_process *p, uint32_t input, const struct evt_batch *b, uint32_t row);
