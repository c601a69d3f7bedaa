#pragma once
/*
 * rt_aggregate -- `group by`, windows, aggregates: the operator, and what its windows see of it.
 *
 *     batch ─▶ where, keys, arguments (kernels) ─▶ row ─▶ window: which groups take it ─▶ accumulators
 *     watermark ─▶ window: what has ended ─▶ rt_aggregate_give() ─▶ having, items (rt_project) ─▶ out
 *
 * Rows of which nothing follows at once go a block at a time (rt_window_vt.accs_of): keys, hashes, groups, then the accumulators
 * an aggregate at a time. All others go one by one.
 *
 * A kind of window is a row of struct rt_window_vt, a file each:
 *
 *     rt_window_time.c     tumbling, sliding: panes by time, each a table of groups; overlapping windows share panes
 *                          (J. Li et al., "No pane, no gain", SIGMOD Record 34(1), 2005)
 *     rt_window_session.c  sessions: intervals of a key that grow together
 *     rt_window_count.c    so many rows of a key
 *     rt_window_global.c   all rows of a key, for ever: `window global`, and `group by` alone
 *
 * Order. Tumbling, sliding and session windows that only give results when they end take rows as they come: what they give does
 * not depend on it (but for functions of rows in order, expr/expr_run.h). The others see rows in (time, input, origin, position) order: rows wait until the watermark passes them.
 *
 * Time of a result: a window's is its last microsecond (end - 1 µs), as in Flink; an early one's is the row's that brought it, or
 * the moment's (`emit every`); never at or before a watermark that has gone on.
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "base/base_map.h"
#include "runtime/rt_groups.h"
#include "runtime/rt_keys.h"
#include "runtime/rt_op.h"
#include "runtime/rt_project.h"
#include "runtime/rt_slices.h"

struct rt_aggregate;

/* A row under way. */
struct rt_agg_row {
    const struct evt_batch *prep; /* keys, arguments, filters of its batch */
    uint32_t row;
    struct expr_place at;
    uint64_t hash;         /* of the key */
    struct base_str bytes; /* of the key, canonical */
    const struct evt_val *vals;
    bool back; /* the row is taken back */
};

struct rt_given;

/* What is to be given out. */
struct rt_agg_result {
    const struct evt_val *keys;
    uint64_t hash; /* of the key */
    const struct expr_acc *accs;
    bool bounded;            /* has start and end */
    int64_t start, end;      /* µs */
    int64_t time;            /* of the result's row */
    uint32_t nth;            /* of the results of this key and time */
    struct rt_given **given; /* what was given of the same last; only used where changes are told */
};

enum { RT_AGG_BLOCK = 256 };

struct rt_window_vt {
    void (*init)(struct rt_aggregate *ag);
    /* Returns: CEP_OK, CEP_NONE when the row is too late, an error. */
    enum cep_rc (*take)(struct rt_aggregate *ag, const struct rt_agg_row *row, struct cep_err *err);
    /*
     * The accumulators that rows [0, n) of a batch only have to be added to; NULL for each that is to be taken, after those.
     * NULL = every row is to be taken. Requires: n <= RT_AGG_BLOCK; ag->keys are the batch's.
     */
    void (*accs_of)(struct rt_aggregate *ag, const struct evt_batch *prep, const uint16_t *rows, uint32_t n,
        struct expr_acc **out);
    /* Gives out what has ended by `time`, in order, and forgets what nobody can ask for any more. */
    enum cep_rc (*advance)(struct rt_aggregate *ag, int64_t time, struct cep_err *err);
    uint64_t (*n_groups)(const struct rt_aggregate *ag);
    size_t (*bytes)(const struct rt_aggregate *ag);
    /* Of a group entries of namespace GROUP: key: the group's own bytes; value: the key's values, then the window's. `part`: its pane's start. */
    enum cep_rc (*put)(struct rt_aggregate *ag, const struct rt_group *g, int64_t part,
        const struct sto_out *out, struct cep_err *err);
    /* A save in slices begins, goes on by a group, ends. NULL = beginning and end are nothing to it. */
    void (*save_begin)(struct rt_aggregate *ag);
    enum cep_rc (*save_next)(struct rt_aggregate *ag); /* CEP_AGAIN, CEP_NONE: all are out */
    void (*save_end)(struct rt_aggregate *ag);
    /* ag->passed is how far it was when it was saved; before its groups come, and again if it turns out to be less. NULL = it need not know. */
    void (*was_at)(struct rt_aggregate *ag);
    /* The rest of such a value. Returns: its group; NULL and u->bad for malformed bytes. */
    struct rt_group *(*load)(struct rt_aggregate *ag, const struct rt_agg_row *key, struct base_unpack *u);
    /* The same of an entry of namespace GIVEN, whose window starts there. NULL = it puts none. */
    struct rt_group *(*load_given)(
        struct rt_aggregate *ag, int64_t start, const struct rt_agg_row *key, struct base_unpack *u);
    void (*release)(struct rt_aggregate *ag);
};

extern const struct rt_window_vt rt_window_time, rt_window_session, rt_window_count, rt_window_global;

struct rt_aggregate {
    struct rt_op op;
    const struct plan_aggregate *plan;
    const struct evt_schema *in;
    const struct rt_window_vt *window;
    struct rt_group_kind kind;
    bool ordered;
    bool combined;  /* it has an input for rows that were gathered before they travelled: rt_combine.h */
    int64_t passed; /* the watermark that has gone on */
    /* After a restore of subtasks that had not seen the same watermarks, until all is where the furthest was: owned; how far keys of
     * each key group are; NULL: nowhere further than `passed`. */
    int64_t *ahead, furthest;
    /* From input rows to what windows take. */
    struct rt_project prepare;      /* its where, and one item a column of prep */
    struct evt_schema prep;         /* owned: keys, then arguments, then filters */
    const struct expr **prep_exprs; /* owned */
    int32_t *arg_col, *filter_col;  /* owned; by aggregate: column of prep, -1 = none */
    int32_t mark_col;          /* of prep: what a row is, where rows can be taken back; -1 = they cannot */
    struct expr mark;          /* that column of the input */
    struct base_buf packed;    /* scratch: results */
    struct evt_val *results;   /* owned, scratch: of one group */
    struct rt_keys keys;       /* of the batch under way */
    struct base_buf key;       /* scratch: of a row */
    struct evt_val *key_vals;  /* owned, scratch */
    struct expr_acc *merged;   /* owned, scratch: one group of several panes; empty between two results */
    struct base_arena scratch; /* cleared after each row, each result */
    struct rt_wait wait;       /* rows of prep, when ordered */
    /* Results on their way. */
    struct rt_project finish; /* having, items: over plan->groups */
    struct evt_batch *out;    /* owned; of plan->groups */
    bool counts; /* groups count the rows they are added: where they go elsewhere (rt_combine.h) */
    bool same;   /* while loading: as the program that saved */
    void *own;   /* the window's */
    struct rt_slices saving; /* rt_aggregate_slice.c */
    struct base_buf all;     /* scratch: of an entry that is saved */
};

/* The key's values of a row of prep: in ag->key_vals, until ag->scratch is cleared. */
const struct evt_val *rt_aggregate_key(struct rt_aggregate *ag, const struct evt_batch *prep, uint32_t row);
/* Adds the row to accumulators. */
void rt_aggregate_step(struct rt_aggregate *ag, const struct rt_agg_row *row, struct expr_acc *accs);
enum cep_rc rt_aggregate_give(struct rt_aggregate *ag, const struct rt_agg_result *r, struct cep_err *err);
/*
 * The same of many groups of one window, of which `window` says start, end and time. Ensures: nothing has changed in them.
 * Requires: changes are not told; nothing is forgotten.
 */
enum cep_rc rt_aggregate_give_all(struct rt_aggregate *ag, struct rt_group *const *groups, uint32_t n,
    const struct rt_agg_result *window, struct cep_err *err);
/* What has been given goes on. */
enum cep_rc rt_aggregate_flush(struct rt_aggregate *ag, struct cep_err *err);
/* Rows of one key and time follow each other in the order in which they were given out. */
static inline uint64_t rt_aggregate_seq(int64_t start, int64_t end, uint64_t hash, uint32_t nth) {
    int64_t what[2] = { start, end };
    uint64_t one_of_a_kind = base_hash_seed(what, sizeof what, hash), n = nth < UINT16_MAX ? nth : UINT16_MAX;
    return n << EVT_MATCH_NTH_SHIFT | one_of_a_kind >> (64 - EVT_MATCH_NTH_SHIFT);
}
/* A row of results; mark: NULL where changes are not told. */
enum cep_rc rt_aggregate_put(struct rt_aggregate *ag, const struct rt_agg_result *r,
    const struct evt_val *vals, const char *mark, struct cep_err *err);
/* The same, without ending the row. Returns: its batch. */
struct evt_batch *rt_aggregate_fill(
    struct rt_aggregate *ag, const struct rt_agg_result *r, const struct evt_val *vals, const char *mark);
struct rt_aggregate *rt_aggregate_of(struct rt_op *op);
/* Adds rows to their groups, nothing else. Requires: ag->keys are the batch's. Returns: how many that was not possible for; they are set in `left`. */
uint32_t rt_aggregate_gather(struct rt_aggregate *ag, const struct evt_batch *prep, uint64_t *left);
/* `t`, or the first moment that is not late for those who read the results. */
static inline int64_t rt_aggregate_time(const struct rt_aggregate *ag, int64_t t) {
    return t > ag->passed || ag->passed == EVT_TIME_MAX ? t : ag->passed + 1;
}
/* The next multiple of emit_us after t. */
int64_t rt_aggregate_next_every(const struct rt_aggregate *ag, int64_t t);

/* -- rt_window_time.c, for rt_combine.h: an aggregation whose groups go elsewhere ---------------------------------------- */

/* Groups of panes whose last microsecond is <= until, in the order of their panes, and the panes are gone; until fn fails. */
enum cep_rc rt_window_time_take_out(struct rt_aggregate *ag, int64_t until,
    enum cep_rc (*fn)(void *arg, const struct rt_group *g, int64_t start, struct cep_err *err), void *arg,
    struct cep_err *err);
/* Rows up to `time` are none for accs_of() any more. */
void rt_window_time_has_ended(struct rt_aggregate *ag, int64_t time);
/* Merges into the group of the row's key and pane. Returns: false: the pane has ended; nothing was done. */
bool rt_window_time_merge(struct rt_aggregate *ag, const struct rt_agg_row *row, const struct expr_acc *accs);

/* -- rt_aggregate_save.c -------------------------------------------------------------------------------------------- */

enum { RT_AGG_NS_GROUP = 1, RT_AGG_NS_ROW = 2, RT_AGG_NS_GIVEN = 3, RT_AGG_NS_AHEAD = 4 };

/* An entry: the values of the key stand before what `value` holds. */
enum cep_rc rt_aggregate_put_group(struct rt_aggregate *ag, const struct rt_group *g, int64_t part,
    struct base_str value, const struct sto_out *out, struct cep_err *err);
/* The same in namespace GIVEN. */
enum cep_rc rt_aggregate_put_given(struct rt_aggregate *ag, const struct rt_group *g, int64_t start,
    struct base_str value, const struct sto_out *out, struct cep_err *err);
enum cep_rc rt_aggregate_put_meta(struct rt_aggregate *ag, const struct sto_out *out, struct cep_err *err);
/* A row that waits; `number`: of these. */
enum cep_rc rt_aggregate_put_row(struct rt_aggregate *ag, const struct evt_batch *prep, uint32_t row,
    uint64_t number, const struct sto_out *out, struct cep_err *err);
enum cep_rc rt_aggregate_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err);

/* -- rt_aggregate_slice.c ------------------------------------------------------------------------------------------- */

enum cep_rc rt_aggregate_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err);
enum cep_rc rt_aggregate_save_some(struct rt_op *op, size_t bytes, struct cep_err *err);
void rt_aggregate_save_cancel(struct rt_op *op);
void rt_aggregate_saving_release(struct rt_aggregate *ag);
/* Puts it out as it is. Requires: a save is under way. */
void rt_aggregate_write_group(struct rt_aggregate *ag, struct rt_group *g, int64_t part);
/* The group is about to change: while a save is under way it is written first, unless it was. `part`: its pane's start. */
static inline void rt_aggregate_opens(struct rt_aggregate *ag, struct rt_group *g, int64_t part) {
    if (__builtin_expect(ag->saving.open, 0) && g->saved != ag->saving.number)
        rt_aggregate_write_group(ag, g, part);
}
/* The group was made just now, or was there. */
static inline void rt_aggregate_met(struct rt_aggregate *ag, struct rt_group *g, bool made, int64_t part) {
    if (made)
        g->saved = ag->saving.number;
    else
        rt_aggregate_opens(ag, g, part);
}
/* As rt_groups_remove(). */
void rt_aggregate_remove(struct rt_aggregate *ag, struct rt_groups *t, struct rt_group *g);
/* save_next of a window that has one table. Returns: CEP_AGAIN; CEP_NONE: all of it is out. */
enum cep_rc rt_aggregate_save_table(struct rt_aggregate *ag, const struct rt_groups *t);
