#pragma once
/*
 * nfa_run -- the matcher's inside: keys, partial matches, events taken. Private to src/nfa.
 *
 *     key ── groups, by start ──▶ group (one starting event) ── runs ──▶ run (a state, the last event taken)
 *                                                                         │
 *            link (variable, event) ◀── link ◀── link ◀──────────────────┘   shared by runs that grew apart later
 *
 * A partial match is a run and the links behind it, back to its group's start. Runs that share a beginning share its
 * links; an event taken several times is stored once. Links and events are counted, runs and groups have one owner.
 *
 * Aliases. When a later start has one run, in the same state, having taken the same events from its start on as a run of
 * an earlier group, and nothing that can follow reads the partial match, then both have one future. The later start becomes
 * an alias of the run: a place in its chain of links. `a+ -> b` over n events costs n links, not n * n. When the group's
 * start is gone (timed out, skipped past), the first alias takes over and the chain is cut there.
 *
 * Invariants (nfa_matcher_check()):
 *   I1  groups of a key ascend by start; a group has at least one run
 *   I2  a group's aliases ascend, all later than its start; a run contains those up to alias_hi
 *   I3  a key with a deadline has a timer no later than it
 */
#include "event/evt_batch.h"
#include "expr/expr_eval.h"
#include "expr/expr_vec.h"
#include "nfa/nfa_int.h"
#include "nfa/nfa_mem.h"
#include "time/clk_reorder.h"
#include "time/clk_timer.h"

/* An event that was taken (or that prev() may ask for), with the columns that somebody may read later. */
struct nfa_ev {
    uint32_t refs; /* links, history rows */
    uint32_t size; /* of the whole object */
    uint32_t input, origin;
    uint64_t order; /* in which the matcher took events: ascends with (time, input, origin, seq) */
    int64_t time;
    uint64_t seq;
    struct base_arena *nested; /* arrays and rows; NULL when there are none */
    uint64_t data[];           /* null bits, then a cell a kept column, then the bytes of strings */
};

struct nfa_link {
    uint32_t refs; /* runs, completed matches, later links */
    uint32_t var;
    struct nfa_ev *ev;     /* counted */
    struct nfa_link *prev; /* counted; NULL for the first */
};

struct nfa_run {
    struct nfa_run *next;
    struct nfa_link *last; /* counted */
    uint32_t state;
    uint64_t alias_hi; /* order of the last alias on its chain; 0 = none */
    struct expr_agg_state aggs[];
};

struct nfa_alias {
    struct nfa_alias *prev, *next;
    uint64_t order;
    int64_t time;
    struct nfa_link *link; /* borrowed: on the chain of every run with alias_hi >= order */
};

struct nfa_logged;

struct nfa_group {
    struct nfa_group *prev, *next;
    struct nfa_group *more; /* scratch of nfa_sleep.c */
    struct nfa_run *runs;   /* owned */
    uint64_t start_order;
    int64_t start_time;
    struct nfa_alias *first_alias, *last_alias; /* owned */
};

/* How many of the matches that one event completed may still be emitted. Only with `limit matches`. */
struct nfa_quota {
    uint32_t refs;
    uint64_t left;
};

/* A completed match. */
struct nfa_done {
    struct nfa_done *next;
    struct nfa_link *last;   /* counted */
    struct nfa_quota *quota; /* counted, or NULL */
    uint64_t start_order;
    int64_t start_time;
    uint64_t completed; /* number of the step that completed it */
};

struct nfa_history {
    struct nfa_ev **rows; /* ring of prev_rows[input], counted */
    uint32_t n, head;     /* head: where the next goes */
};

struct nfa_key {
    /* What an event looks at comes first: of many keys each is read from memory. */
    uint64_t hash;
    struct clk_timer timer;
    struct nfa_group *first;
    struct nfa_fates *fates;   /* owned; NULL with other stores, or when there is nothing */
    struct nfa_graph *graph;   /* owned; likewise. Beside stacks: of starts from another store */
    struct nfa_stacks *stacks; /* owned; likewise */
    int64_t deadline;          /* no run's time is over before; EVT_TIME_MAX = none */
    uint32_t saved;            /* number of the last save that it is in, or that it came after */
    /* With a tier (nfa_cold.h): */
    bool stored : 1;   /* has a row there */
    bool dirty : 1;    /* changed since it was written, or never was */
    bool touched : 1;  /* since the clock's hand passed it */
    bool ghost : 1;    /* has no state; its row is still to be deleted */
    bool in_grave : 1; /* became a ghost since the last burial */
    bool leaves : 1;   /* goes with this eviction */

    uint64_t
        interest; /* at least the bits (folded to one word) that its runs care for; all ones = any event */
    struct nfa_group *last;
    struct nfa_logged *log, *log_last; /* events since the first start that sleeps; see nfa_sleep.c */
    struct nfa_done *done;             /* completed, waiting; by start, completion, events */
    uint32_t n_starts;                 /* groups and aliases */
    uint32_t n_bytes;                  /* of the canonical bytes */
    uint64_t match_number;
    int64_t emitted_at;          /* time of the match emitted last; see place_row() in nfa_emit.c */
    uint32_t n_emitted;          /* matches emitted at that time */
    struct nfa_history *history; /* n_inputs, or NULL */
    struct evt_val *vals;        /* n_keys; the strings lie behind the canonical bytes */
    const char *bytes;           /* canonical; NULL for keys of one int */
    size_t size;                 /* of this object with everything behind it */
};

struct nfa_slot { /* of the key table */
    uint64_t hash;
    struct nfa_key *key; /* NULL = free */
};

enum nfa_key_mode { NFA_KEY_NONE = 0, NFA_KEY_INT, NFA_KEY_STRING, NFA_KEY_BYTES };

/* A batch of which rows wait. */
struct nfa_held {
    struct evt_batch *batch; /* counted; NULL = free */
    uint32_t waiting;        /* rows */
    uint32_t input;
    uint32_t cap_rows;
    size_t bytes; /* of the batch; with a tier */
    uint32_t
        saved; /* number of the last save that its rows are in, or that they came after; of a matcher that is not fed */
    uint64_t *waits;   /* bitmap of these rows; likewise */
    uint64_t *bits;    /* n_words a row */
    uint64_t *hash;    /* of the key, a row */
    uint32_t key_col;  /* INT, STRING: the batch's column */
    uint32_t *key_off; /* BYTES: offsets into key_bytes, a row; length in key_len */
    uint32_t *key_len;
    struct base_buf key_bytes;
};

struct nfa_input {
    /* Of all its evaluators. */
    struct expr_share *share;

    uint32_t n_vecs;
    struct expr_vec **vecs; /* a bit: its evaluator; NULL: see scalar */
    bool *never;            /* a bit: never true of this input */
    bool *scalar;           /* a bit: evaluated row by row, for it reads a column that this input lacks */
    struct expr_vec **keys; /* n_keys; NULL entries when scalar */
    bool scalar_keys;
    int32_t direct_key; /* the batch's column that is the key, or -1 */
};

/* The event under test. */
struct nfa_cur {
    const struct evt_batch *batch;
    uint32_t row, input;
    const uint64_t *bits;
    uint64_t folded;
    int64_t time;
    uint64_t order;
    struct nfa_ev *ev; /* made when first taken; the step holds a reference */
    bool failed;       /* told already */
};

enum nfa_env_mode { NFA_ENV_TEST = 0, NFA_ENV_MATCH };

struct nfa_env {
    struct expr_env base;
    struct nfa_matcher *m;
    enum nfa_env_mode mode;
    struct nfa_key *key;
    /* TEST */
    const struct nfa_run *run; /* NULL at the start */
    uint64_t start_order;
    uint32_t own_var;
    /* MATCH: the events, first to last, and by variable */
    int64_t start_time, end_time, timed_out_at;
    bool timed_out;
};

/* Where a partial match stands whose time is over, or not yet. */
struct nfa_standing {
    const struct nfa_link *last;    /* borrowed */
    uint64_t start;                 /* of the group */
    uint32_t i;                     /* the run's place in its group */
    bool due, report;               /* report: for the group's start */
    uint64_t alias_after, alias_to; /* report for aliases with after < order <= to */
};

/* Scratch of nfa_walk.c. */
struct nfa_walk {
    struct nfa_told *told; /* events of matches, one match after the other */
    size_t n_told, cap_told;
    struct nfa_told *kept; /* of the first matches, when they are picked from `told` */
    size_t cap_kept;
    struct nfa_match *matches;
    size_t n_matches, cap_matches;
    struct nfa_told *way; /* from the last event back */
    size_t cap_way;
    struct nfa_step_back *steps;
    size_t cap_steps;
    struct nfa_way_on *ways; /* of nfa_graph_end.c: from the start on */
    size_t cap_ways;
    bool awaits; /* likewise: the list that is walked waits for an absence */
};

/* Scratch of nfa_levels.c. */
struct nfa_first {
    struct nfa_level *levels; /* an event of the way each */
    size_t n_levels, cap_levels;
    struct nfa_node_on *nodes;
    size_t n_nodes, cap_nodes;
    struct nfa_link_on *links;
    size_t n_links, cap_links;
    uint64_t stamp; /* of a search */
};

/* Scratch of nfa_settle.c. */
struct nfa_settle {
    uint32_t *todo;
    size_t cap_todo;
    struct nfa_taken *taken;
    size_t n_taken, cap_taken;
    struct nfa_taken_group *groups;
    size_t n_groups, cap_groups;
    struct nfa_start_on *starts;
    size_t n_starts, cap_starts;
    struct nfa_root *roots; /* of nfa_graph_end.c: what an absence completed */
    size_t n_roots, cap_roots;
};

struct nfa_matcher {
    /* What every event touches comes first, in the order in which it does: of thousands of matchers that an nfa_many feeds
     * each is read from memory. */

    /* What it does: its program's, or that of another matcher which does the same; see nfa_code.c. Names, measures and
     * schemas are only those of `own`. */
    const struct nfa_prog *p;
    const struct plan_pattern *pat; /* p->pat */
    struct nfa_slot *slots;         /* keys */
    size_t n_slots, n_keys;
    enum nfa_key_mode key_mode;
    uint64_t null_hash; /* of a key of one number that is null */
    enum cep_rc rc;     /* the first failure of a call */
    bool scratch_used;
    bool guarded;            /* somebody wants to know which keys change: a save, the tier */
    struct nfa_cold *cold;   /* owned; NULL: all keys are in memory */
    struct nfa_later *later; /* owned; keys that a restore left for later; NULL: none */
    struct nfa_dets *dets;   /* the store of sets: counted; NULL with runs */

    struct clk_timers timers;
    struct nfa_trace *trace; /* owned; NULL = nobody wants to see */
    int64_t now_us;          /* processing time */
    int64_t watermark;
    int64_t event_time; /* of the latest event: nothing happens before it any more */

    uint64_t next_order, next_step;
    struct nfa_cur cur;
    struct evt_batch *matches, *timeouts; /* being filled */
    struct nfa_mem mem;
    struct nfa_stats stats;
    struct nfa_matcher_opts opts;

    struct nfa_env env;
    const struct nfa_prog *own;
    struct nfa_out out;
    struct base_arena *parts;  /* has it and its arrays; NULL = the system */
    struct base_arena scratch; /* cleared after each event that used it */
    struct cep_err err;
    struct base_buf key_buf;
    int64_t
        cold_next; /* no timer of a key that is in the tier alone, or left for later, is earlier; EVT_TIME_MAX = none */

    /* conditions of the event under test and one partial match */
    uint64_t *atom_stamp; /* n_atoms */
    bool *atom_true;
    uint64_t stamp;

    /* one step */
    const struct nfa_edge **fired;
    struct nfa_done *found, **found_end, **found_last; /* matches completed by this step */
    size_t n_found;
    struct nfa_link *
        sole; /* counted: the match of sole_start, the only one of it in step sole_step; its aliases are not told */
    uint64_t sole_start, sole_step, sole_alias_hi;
    struct nfa_run **taker; /* state: the earliest run that took this event into it */
    struct nfa_group **taker_group;
    uint64_t *taker_order;
    uint64_t *care_order; /* state: the event for which `care` was found out */
    bool *care;
    uint64_t effort;          /* of this step: partial matches tried, those passed by as a fraction */
    uint64_t *wake_bits;      /* n_words */
    struct nfa_group **merge; /* groups to look at after the step */
    size_t n_merge, cap_merge;
    struct nfa_standing *standing; /* scratch of one expiry */
    size_t cap_standing;

    /* the store of sets */
    struct nfa_matcher *next_of_dets, *prev_of_dets; /* that have the same */
    struct nfa_quota *step_quota;                    /* counted; of this step */
    struct nfa_fate **moved;                         /* scratch of one step */
    size_t n_moved, cap_moved;
    struct nfa_start **peers; /* scratch: starts of a fate that is over */
    size_t cap_peers;
    int64_t *last; /* scratch: times of a rank */
    size_t cap_last;
    struct nfa_cells *cells;        /* owned; NULL with other stores */
    struct nfa_moved *moved_places; /* scratch of one step */
    size_t cap_moved_places;
    uint64_t places_stamped;       /* the step in which dets know their places; 0 = none */
    struct nfa_stretch *stretches; /* the same, with times */
    size_t n_stretches, cap_stretches;
    struct nfa_band *moved_bands;
    size_t n_moved_bands, cap_moved_bands;
    struct nfa_root *roots; /* what this step completed */
    size_t n_roots, cap_roots;
    uint32_t *dead; /* scratch: cells to be given back */
    size_t cap_dead;
    struct nfa_walk walk;
    struct nfa_spans
        *spans; /* owned; NULL but for a graph that is read from its starts on, too (nfa_span.h) */
    struct nfa_first first;
    struct nfa_settle settle;
    struct nfa_stack_search *search; /* owned; scratch; NULL with other stores */
    const struct nfa_hop **way;      /* scratch: the way of one start */
    size_t cap_way;

    /* a match being emitted */
    const struct nfa_ev **evs; /* first to last */
    uint32_t *ev_vars;
    size_t n_evs, cap_evs;
    uint32_t *var_first, *var_n; /* per variable: into var_evs */
    const struct nfa_ev **var_evs;
    size_t cap_var_evs;
    struct base_buf id_buf;

    /* batch input */
    struct nfa_input *inputs;
    struct nfa_held *held;
    size_t n_held, cap_held;
    uint32_t *free_held;
    size_t n_free_held, cap_free_held;
    struct clk_reorder reorder;
    struct clk_row *rows; /* scratch: EVT_BATCH_ROWS */
    size_t cap_rows;
    uint64_t *bitmaps; /* n_bits bitmaps of a batch */

    /* saving and loading */
    struct base_buf names;     /* META's part that never changes; made when first asked for */
    struct nfa_loader *loader; /* owned; between the first entry loaded and nfa_matcher_loaded() */
    struct nfa_slice *slice;   /* owned; NULL = no save is under way */
    uint32_t save_number;      /* of that save, or the last one */
};

/* What matchers share that are fed by one nfa_many. */
struct nfa_fed {
    struct base_arena *arena;  /* of the matchers */
    struct nfa_mem_pool *pool; /* of their state */
    struct nfa_matcher *like;  /* one that does the same (nfa_code_same()), or NULL */
};
/* As nfa_matcher_new(), with opts.fed. Requires: what *fed refers to outlives it. */
struct nfa_matcher *nfa_matcher_new_fed(const struct nfa_prog *p, const struct nfa_out *out,
    const struct nfa_matcher_opts *opts, const struct nfa_fed *fed);

/* Of what is kept beside the batch. */
static inline size_t nfa_held_bytes(const struct nfa_matcher *m, const struct nfa_held *h) {
    return h->cap_rows * (m->p->n_words + 2) * sizeof(uint64_t);
}

/* In memory, or left for later; with a tier there may be others. */
static inline bool nfa_has_keys(const struct nfa_matcher *m) {
    return m->n_keys > 0 || m->later;
}

/* nfa_code.c: does a matcher that is fed the same with both programs? Those for which it is have one hash. */
bool nfa_code_same(const struct nfa_prog *a, const struct nfa_prog *b);
uint64_t nfa_code_hash(const struct nfa_prog *p);

/* nfa_ev.c */
struct nfa_ev *nfa_ev_new(struct nfa_matcher *m);
/* The event under test, made when first taken: one more reference, the caller's. */
static inline struct nfa_ev *nfa_ev_take(struct nfa_matcher *m) {
    if (!m->cur.ev)
        m->cur.ev = nfa_ev_new(m);
    m->cur.ev->refs++;
    return m->cur.ev;
}
/* One made of its kept columns' values (n_kept of them), input, origin, order, time and seq as in *like. */
struct nfa_ev *nfa_ev_of_vals(struct nfa_matcher *m, const struct nfa_ev *like, const struct evt_val *vals);
/* Nobody refers to it any more. */
void nfa_ev_free(struct nfa_matcher *m, struct nfa_ev *e);
static inline void nfa_ev_unref(struct nfa_matcher *m, struct nfa_ev *e) {
    if (e && --e->refs == 0)
        nfa_ev_free(m, e);
}
void nfa_ev_col(const struct nfa_matcher *m, const struct nfa_ev *e, uint32_t col, struct evt_val *out);
struct nfa_link *nfa_link_new(struct nfa_matcher *m, uint32_t var, struct nfa_link *prev);
static inline struct nfa_link *nfa_link_ref(struct nfa_link *l) {
    if (l)
        l->refs++;
    return l;
}
void nfa_link_unref(struct nfa_matcher *m, struct nfa_link *l);

/* nfa_key.c */
void nfa_keys_init(struct nfa_matcher *m);
void nfa_keys_release(struct nfa_matcher *m);
uint64_t nfa_key_hash_int(bool null, int64_t v);
/* The key of a row of a held batch; NULL when it has no state and make is false. */
struct nfa_key *nfa_key_find(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row, bool make);
/* Is the key of a row of a held batch in the table? */
bool nfa_key_is_there(const struct nfa_matcher *m, const struct nfa_held *h, uint32_t row);
/* A key that is not there yet, made of its values. Returns: NULL when it is there. */
struct nfa_key *nfa_key_add(struct nfa_matcher *m, const struct evt_val *vals);
/* Everything of the store of runs that the key has: partial matches, completed ones, its log. */
void nfa_key_drop_runs(struct nfa_matcher *m, struct nfa_key *k);
/* Removes a key that has nothing left; else sees to its timer. */
void nfa_key_settle(struct nfa_matcher *m, struct nfa_key *k);
/* Takes it out of the table, with all it has. */
void nfa_key_remove(struct nfa_matcher *m, struct nfa_key *k);
void nfa_key_canonical(const struct nfa_matcher *m, const struct nfa_key *k, struct base_buf *b);

/* nfa_group.c: groups, runs, aliases */
struct nfa_run *nfa_run_new(
    struct nfa_matcher *m, uint32_t state, struct nfa_link *last /* moved */, const struct nfa_run *like);
void nfa_run_free(struct nfa_matcher *m, struct nfa_run *r);
struct nfa_group *nfa_group_new(struct nfa_matcher *m, struct nfa_key *k);
/* Drops the group with all its starts. */
void nfa_group_free(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g);
/* Drops the group's start; the first alias that still has a run takes over. Returns: runs dropped. */
uint64_t nfa_group_drop_start(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g);
/* After a step: aliases whose last run is gone go too; a group without runs goes. */
void nfa_group_tidy(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g);
/* Tries to make the group an alias of a run that took the event under test into the same state. */
bool nfa_group_merge(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g);
void nfa_key_find_deadline(struct nfa_matcher *m, struct nfa_key *k);
/* When the partial match's time is over, and when something happens to it without an event: an absence may come earlier. */
int64_t nfa_run_timer(const struct nfa_matcher *m, const struct nfa_group *g, const struct nfa_run *r);
int64_t nfa_run_deadline(const struct nfa_matcher *m, const struct nfa_group *g, const struct nfa_run *r);

enum { NFA_EFFORT_PASSED = 1, NFA_EFFORT_TRIED = 16 };

/* nfa_sleep.c: starts that sleep while an earlier one covers them */
/* The event under test goes behind the log, if there is one. */
void nfa_sleep_log(struct nfa_matcher *m, struct nfa_key *k);
/* The group that the event under test started sleeps when the first one covers it. Requires: prog->covers. */
void nfa_sleep_try(struct nfa_matcher *m, struct nfa_key *k);
/* Ensures: no start sleeps that is earlier than every group. */
void nfa_sleep_wake(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
/* No event comes before now: drops those whose time is over by then, unless a completed match waits for them. */
void nfa_sleep_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
/* Drops those that started up to order. */
void nfa_sleep_prune(struct nfa_matcher *m, struct nfa_key *k, uint64_t order);
void nfa_sleep_free(struct nfa_matcher *m, struct nfa_key *k);

/* nfa_slice.c */
/* The key is about to change: while a save is under way it is written first, unless it was. */
void nfa_slice_opens(struct nfa_matcher *m, struct nfa_key *k);
/* The row, which waits, is about to leave: it is written first, unless it was. Requires: m->slice. */
void nfa_slice_leaves(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row);
/* Some key moved from one slot of the table to another. Requires: m->slice. */
void nfa_slice_moved(struct nfa_matcher *m, size_t from, size_t to);
/* All keys may have moved. Requires: m->slice. */
void nfa_slice_regrown(struct nfa_matcher *m);
/* The one door to a key's state: before anything in it changes. */
static inline void nfa_key_opens(struct nfa_matcher *m, struct nfa_key *k) {
    if (__builtin_expect(m->guarded, 0))
        nfa_slice_opens(m, k);
}

/* nfa_cold.c; all require m->cold */
/* The key of a row, brought back from the tier. Returns: NULL when it is not there, or after an error (m->rc). */
struct nfa_key *nfa_cold_find(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row);
/*
 * Keys of rows that are taken next, in this order, come back together. Returns: of how many rows from the first on. From then on
 * m->cold->recall.turn says which of them is taken (nfa_recall.c).
 */
size_t nfa_recall(struct nfa_matcher *m, const struct clk_row *rows, size_t n);
/* A key that is stored has nothing left: it stays as a ghost; somebody started anew in it. */
void nfa_cold_died(struct nfa_matcher *m, struct nfa_key *k);
void nfa_cold_revived(struct nfa_matcher *m, struct nfa_key *k);
/* The key is about to change. */
void nfa_cold_opens(struct nfa_matcher *m, struct nfa_key *k);
/* Brings some of the keys back whose timers are due by then, the earliest first. */
void nfa_cold_due(struct nfa_matcher *m, int64_t now);
/* Between steps: as many keys go down as are beyond the budget. */
void nfa_cold_settle(struct nfa_matcher *m);

/* nfa_step.c */
/* The newest of the rows that prev() looks at; the oldest makes room. Requires: prev_rows[input] > 0. */
void nfa_history_add(struct nfa_matcher *m, struct nfa_key *k, uint32_t input, struct nfa_ev *e);
/* The event under test against a group; it may have no runs left. */
void nfa_step_group(struct nfa_matcher *m, struct nfa_key *k, struct nfa_group *g);
/* The group that the event under test starts, in its place among the others; matches that it completes at once are not
 * completed again. NULL when it starts none. */
struct nfa_group *nfa_start_again(struct nfa_matcher *m, struct nfa_key *k);
void nfa_step(struct nfa_matcher *m, struct nfa_key *k);
void nfa_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
/* Is the IGNORE edge void, for one of the n edges in m->fired beats it? */
bool nfa_is_beaten(const struct nfa_matcher *m, const struct nfa_edge *e, size_t n);
/* May the event under test concern a partial match? Says yes too often. */
bool nfa_may_concern(const struct nfa_matcher *m);
void nfa_failure(struct nfa_matcher *m, const char *reason);
/* The edges that hold for the event under test, into m->fired. Returns: how many; *stop when a negation was hit. */
size_t nfa_edges_that_hold(struct nfa_matcher *m, uint32_t state, const struct nfa_run *run, bool *stop);
bool nfa_edge_completes(struct nfa_matcher *m, const struct nfa_edge *e, const struct nfa_run *run);

/* nfa_trace.c; all but the last require m->trace */
/* As nfa_step() and nfa_expire(), which they call. */
void nfa_trace_step(struct nfa_matcher *m, struct nfa_key *k);
void nfa_trace_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
/* Requires: the match is listed in m->evs. */
void nfa_trace_match(struct nfa_matcher *m, const struct nfa_key *k, int64_t now);
void nfa_trace_timeout(struct nfa_matcher *m, const struct nfa_key *k, uint64_t start_order,
    const struct nfa_run *run, int64_t at);
void nfa_trace_free(struct nfa_matcher *m);

/* nfa_matcher.c: dets and ranks that keys use are marked */
void nfa_sets_mark(const struct nfa_matcher *m);

/* nfa_skip.c */
void nfa_complete(struct nfa_matcher *m, const struct nfa_key *k, const struct nfa_group *g,
    const struct nfa_run *run, struct nfa_link *last /* moved */, uint64_t start_order, int64_t start_time);
/* Only the group's own start, not its aliases. */
void nfa_complete_start(struct nfa_matcher *m, const struct nfa_group *g, const struct nfa_run *run);
void nfa_settle_matches(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
void nfa_done_free(struct nfa_matcher *m, struct nfa_done *d);
/* The match just listed (nfa_emit_room()) prunes what started up to that order. Requires: a skip policy; one to a VAR finds it
 * behind the first event. */
uint64_t nfa_listed_prunes(const struct nfa_matcher *m);
/* In the stores of sets: of what completes in this step; NULL without `limit matches`. Borrowed, until the step ends. */
struct nfa_quota *nfa_step_quota(struct nfa_matcher *m);
void nfa_end_step_quota(struct nfa_matcher *m);
void nfa_quota_unref(struct nfa_matcher *m, struct nfa_quota *q); /* NULL is fine */

/* nfa_emit.c */
void nfa_emit_match(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_done *d, int64_t now);
void nfa_emit_timeout(
    struct nfa_matcher *m, struct nfa_key *k, uint64_t start_order, const struct nfa_run *r, int64_t at);
/* A match is listed by its store in m->evs and m->ev_vars, first to last, n_evs of them: room for so many. */
void nfa_emit_room(struct nfa_matcher *m, size_t n);
void nfa_emit_listed(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
/* So is a partial match that timed out. */
void nfa_emit_timeout_listed(struct nfa_matcher *m, struct nfa_key *k, int64_t at);
void nfa_emit_flush(struct nfa_matcher *m);
/* The identity of the match that is being written, as hex digits: of pattern, version, key, and each event's position with its variable. */
enum { NFA_ID_TEXT = 32 };
void nfa_emit_id(struct nfa_matcher *m, const struct nfa_key *k, char out[NFA_ID_TEXT]);

/* nfa_env.c */
void nfa_env_init(struct nfa_matcher *m);
bool nfa_lit_holds(struct nfa_matcher *m, nfa_lit l, const struct nfa_run *run);
/* The event under test was taken as var: the aggregates that run along take a step. */
void nfa_aggs_take(struct nfa_matcher *m, struct nfa_run *run, uint32_t var);
void nfa_aggs_start(const struct nfa_matcher *m, struct nfa_run *run);

/* nfa_input.c */
void nfa_inputs_init(struct nfa_matcher *m);
void nfa_inputs_release(struct nfa_matcher *m);
/* What a matcher that is fed by nfa_many.c leaves to it, by its parts. Ensures: nfa_hash_keys() may be called. */
void nfa_inputs_key(struct nfa_matcher *m);
/* Room for the hashes of n_rows keys; those from before are void. */
void nfa_held_room(struct nfa_matcher *m, struct nfa_held *h, uint32_t n_rows);
void nfa_held_release(struct nfa_held *h); /* not its batch */
/* Requires: h->input is set. Adds to *fails what failed. */
void nfa_hash_keys(struct nfa_matcher *m, struct nfa_held *h, const struct evt_batch *b, const uint64_t *rows,
    struct expr_fails *fails);
/* Counts and tells an expression's failures. */
void nfa_report(struct nfa_matcher *m, uint32_t input, const struct evt_batch *b, const struct expr_fails *f);
/* A row in its turn, after what is due by then; its conditions are n_words of bits. Requires: opts.fed. */
void nfa_feed(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row, const uint64_t *bits);
/* A matcher that is fed soon: it, then what hangs on it, then the key that is due first; each reads what the one before
 * fetched. */
void nfa_fetch_matcher(const struct nfa_matcher *m);
void nfa_fetch_parts(const struct nfa_matcher *m);
void nfa_fetch_due(const struct nfa_matcher *m, int64_t watermark);
/* As nfa_matcher_advance(), when all rows up to the watermark were fed. */
enum cep_rc nfa_feed_end(struct nfa_matcher *m, int64_t watermark, struct cep_err *err);

/* nfa_load.c */
void nfa_loader_free(struct nfa_loader *l); /* NULL is fine */

/* The slot of a key that comes soon, then the key, then what it has: each reads what the one before fetched. */
static inline const struct nfa_slot *nfa_key_slot(const struct nfa_matcher *m, uint64_t hash) {
    return &m->slots[hash & (m->n_slots - 1)];
}
static inline void nfa_key_prefetch(const struct nfa_matcher *m, uint64_t hash) {
    __builtin_prefetch(nfa_key_slot(m, hash));
}
static inline void nfa_key_prefetch_key(const struct nfa_matcher *m, uint64_t hash) {
    const struct nfa_key *k = nfa_key_slot(m, hash)->key;
    if (k)
        __builtin_prefetch(k);
}
static inline void nfa_key_prefetch_state(const struct nfa_matcher *m, uint64_t hash) {
    const struct nfa_slot *s = nfa_key_slot(m, hash);
    if (!s->key || s->hash != hash)
        return;
    const void *state = s->key->stacks ? (const void *)s->key->stacks : s->key->first;
    if (state)
        __builtin_prefetch(state);
}

static inline size_t nfa_run_size(const struct nfa_prog *p) {
    return sizeof(struct nfa_run) + p->n_run_aggs * sizeof(struct expr_agg_state);
}
static inline int64_t nfa_time_add(int64_t t, int64_t us) {
    int64_t r;
    return __builtin_add_overflow(t, us, &r) ? EVT_TIME_MAX : r;
}
/* The events of a partial match, last first, end where its start lies. */
static inline struct nfa_link *nfa_link_prev(const struct nfa_link *l, uint64_t start_order) {
    return l->prev && l->prev->ev->order >= start_order ? l->prev : NULL;
}
/* Does the event under test start a match (or may it)? */
static inline bool nfa_may_start(const struct nfa_matcher *m) {
    const struct nfa_prog *p = m->p;
    const uint64_t *mask = p->masks + p->start_interest;
    bool may = p->start_always;
    for (size_t i = 0; i < p->n_words && !may; i++)
        may = mask[i] & m->cur.bits[i];
    return may;
}
static inline uint64_t nfa_fold(const struct nfa_prog *p, const uint64_t *words) {
    uint64_t all = 0;
    for (size_t i = 0; i < p->n_words; i++)
        all |= words[i];
    return all;
}
