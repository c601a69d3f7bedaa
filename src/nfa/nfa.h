#pragma once
/*
 * nfa -- patterns: a plan's pattern node compiled to an automaton, and the matcher that runs it.
 *
 *     plan_pattern ── nfa_compile() ──▶ nfa_prog (immutable, shared by threads)
 *                                          │
 *     evt_batch ── nfa_matcher_batch() ──▶ nfa_matcher (all keys of one subtask) ── nfa_out ──▶ evt_batch of matches
 *     watermark ── nfa_matcher_advance() ─▶
 *
 * What the automaton means is told in doc/matching.md; how it is made in src/nfa/README.md.
 *
 * Threads: a program may be shared; a matcher belongs to one thread.
 */
#include "event/evt_batch.h"
#include "plan/plan.h"
#include "state/sto.h"

struct sto_tier; /* state/sto_tier.h */

/* -- the program ------------------------------------------------------------------------------------------- */

struct nfa_prog;

struct nfa_limits {
    uint32_t max_states; /* 0 = 200,000; a{1000000} or a chain of that length is refused */
    uint32_t max_edges;  /* 0 = 4,000,000, after edges through states left out are folded in */
    uint32_t max_all;    /* 0 = 12; all() of n members takes 2^n states */
    uint32_t max_depth;  /* 0 = 256; nested groups */
};

struct nfa_opts {
    struct nfa_limits limits;
    /* Nobody reads the pattern's timeouts: partial matches that another one of the same start always beats (under a skip
     * policy that lets one match a start survive) need not be kept just to report that they timed out. */
    bool no_timeouts;
    /* Passes to leave out, by bit (nfa_pass_name()); for tests. */
    uint32_t off;
};

/*
 * Requires: node->kind == PLAN_NODE_PATTERN; the plan outlives the program.
 * Returns: CEP_ELIMIT when the automaton would be too large (the message names the limit), CEP_EINVAL for a pattern that
 *          the language refuses (a last `-> !b` without a time limit).
 */
enum cep_rc nfa_compile(const struct plan_node *node, const struct plan *plan, const struct nfa_opts *opts,
    struct nfa_prog **out, struct cep_err *err);
void nfa_prog_free(struct nfa_prog *p); /* NULL is fine */

const char *nfa_pass_name(uint32_t i); /* NULL past the last */

/* Dumps: stable, free of addresses. */
void nfa_write_tree(struct base_buf *b, const struct nfa_prog *p); /* the pattern's normal form */
void nfa_write_automaton(
    struct base_buf *b, const struct nfa_prog *p); /* states and their take/ignore/proceed edges */
void nfa_write_dot(struct base_buf *b, const struct nfa_prog *p); /* the same for graphviz */
void nfa_write_program(
    struct base_buf *b, const struct nfa_prog *p); /* what the matcher runs: conditions, flat edges */

/* What a pattern may cost, for `check` and `explain`. */
struct nfa_cost {
    uint32_t states, edges;
    uint32_t batch_conditions;  /* evaluated a batch at a time */
    uint32_t run_conditions;    /* evaluated for an event and a partial match */
    uint32_t kept_columns;      /* of the pattern's columns, for each event taken */
    uint32_t bytes_per_partial; /* of a partial match without its events */
    uint32_t bytes_per_event;   /* of an event taken, without the bytes of strings */
    bool bounded_time;          /* every partial match ends by itself */
    const char *unbounded_why;  /* static text; NULL when bounded_time */
    bool exponential;           /* matches may grow exponentially with the events of a key */
    bool quadratic;         /* the work for a key may grow with the square of its events, or a higher power */
    const char *growth_why; /* static text; NULL when neither */
    bool waits_for_ever;    /* a waiting skip policy without a time limit */
    const char *store;      /* "runs" or "sets" */
    const char *store_why;
    bool needs_all_rows; /* no row can be dropped before its key is looked up */
};
void nfa_cost_of(const struct nfa_prog *p, struct nfa_cost *out);
/* Pattern columns that partial matches keep: bit i of words[] for pattern column i. Returns: how many words there are. */
size_t nfa_kept_columns(const struct nfa_prog *p, const uint64_t **words);
const struct plan_node *nfa_prog_node(const struct nfa_prog *p);

/* -- the matcher --------------------------------------------------------------------------------------------- */

/* COUNTER(name, what it counts) */
#define NFA_COUNTER_LIST(COUNTER)                                               \
    COUNTER(events, "rows seen")                                                \
    COUNTER(irrelevant, "rows dropped before their key was looked up")          \
    COUNTER(matches, "matches emitted")                                         \
    COUNTER(timed_out, "partial matches whose time was over")                   \
    COUNTER(pruned, "partial and completed matches dropped by the skip policy") \
    COUNTER(stopped, "partial matches ended by a negation")                     \
    COUNTER(limit_open, "partial matches dropped or refused by `limit open`")   \
    COUNTER(limit_matches, "matches dropped by `limit matches`")                \
    COUNTER(failures, "events on which an expression failed")                   \
    COUNTER(started, "partial matches started")

struct nfa_stats {
#define NFA_COUNTER_FIELD(name, what) uint64_t name;
    NFA_COUNTER_LIST(NFA_COUNTER_FIELD)
#undef NFA_COUNTER_FIELD
    /* Gauges. */
    uint64_t open;     /* open partial matches */
    uint64_t asleep;   /* starts that need no partial match while an earlier one is open */
    uint64_t waiting;  /* completed matches that wait for an earlier one */
    uint64_t keys;     /* keys with state */
    uint64_t buffered; /* rows that wait for the watermark */
    uint64_t bytes;    /* memory held */
    uint64_t
        unread; /* of the keys: those that a restore left for later; what they hold is counted when they are read */
    /* With a tier. */
    uint64_t cold; /* keys that lie in the tier alone; they are counted in the gauges above, but for bytes */
    uint64_t evicted, returned; /* keys that went down, and came back */
    uint64_t spilled;           /* of the rows that wait: those in the tier */
    /* What events and time have cost: partial matches, their events and completed matches looked at. For tests, which have no
     * clock. */
    uint64_t work;
};

#define NFA_NO_INPUT UINT32_MAX

/* Where results go. Callbacks run inside nfa_matcher_batch() and nfa_matcher_advance(). */
struct nfa_out {
    void *arg;
    /* A batch of the node's schema (matches) or timeouts_schema; the callee owns the reference. NULL = counted, dropped. */
    void (*matches)(void *arg, struct evt_batch *b);
    void (*timeouts)(void *arg, struct evt_batch *b);
    /*
     * An expression failed on a row of an input (once a row), or a measure on a row that is about to be given out
     * (input: NFA_NO_INPUT); the batch is borrowed. NULL = counted only.
     */
    void (*failure)(void *arg, uint32_t input, const struct evt_batch *b, uint32_t row, const char *reason);
};

struct nfa_matcher_opts {
    bool processing_time;  /* events are taken as they arrive, in the order of calls */
    uint32_t batch_rows;   /* of output batches; 0 = EVT_BATCH_ROWS */
    uint64_t max_bytes;    /* of state; going over fails with CEP_ELIMIT; 0 = no limit */
    uint64_t max_buffered; /* rows in the reorder buffer; 0 = no limit; see nfa_matcher_is_full() */
    struct sto_tier
        *tier; /* borrowed; where keys go that do not fit into memory; NULL = all stay. Not with `fed` */
    uint64_t
        budget; /* with a tier: bytes in memory beyond which keys touched least recently go down; rows beyond half of it */
    bool fed; /* rows come from an nfa_many (nfa/nfa_many.h) in their order, with their conditions */
};

struct nfa_matcher;

/* Requires: the program and what `out` refers to outlive the matcher. opts may be NULL. */
struct nfa_matcher *nfa_matcher_new(
    const struct nfa_prog *p, const struct nfa_out *out, const struct nfa_matcher_opts *opts);
void nfa_matcher_free(struct nfa_matcher *m); /* NULL is fine */

/*
 * Takes a batch of input `input` (index into plan_pattern.inputs); holds a reference on it while rows of it wait.
 * Rows need not be ordered. A row at or before the last watermark must not come (the stream's late port took it).
 * now_us is processing time, for volatile functions; in processing time mode batch->time holds the arrival times.
 * Returns: CEP_ESTATE with err->fatal when the pattern says `or error` and a skip had no target; CEP_ELIMIT.
 */
enum cep_rc nfa_matcher_batch(
    struct nfa_matcher *m, uint32_t input, struct evt_batch *b, int64_t now_us, struct cep_err *err);

/*
 * No more events with time <= watermark: takes the waiting rows up to it in (time, input, origin, seq) order, each after
 * the timers that are due at its time, then the timers up to the watermark; hands out what was emitted.
 * In processing time mode: the clock stands at `watermark`.
 */
enum cep_rc nfa_matcher_advance(struct nfa_matcher *m, int64_t watermark, struct cep_err *err);

/* The time at which something happens without an event: the earliest deadline of a partial match; EVT_TIME_MAX = never. */
int64_t nfa_matcher_next_timer(const struct nfa_matcher *m);
/* The reorder buffer holds max_buffered rows or more: advance the watermark before sending more. */
bool nfa_matcher_is_full(const struct nfa_matcher *m);

/* -- what survives ------------------------------------------------------------------------------------------- */

/* Namespaces of a matcher's entries; their bytes are told at the heads of nfa_meta.c and nfa_save.c. */
enum { NFA_NS_META = STO_NS_META, NFA_NS_KEY = 1, NFA_NS_ROW = 2, NFA_NS_TIER = 3 };

/* The whole state between two calls of batch and advance; rows that wait in an nfa_many (opts.fed) are not the matcher's. Returns: what out->put() returns. */
enum cep_rc nfa_matcher_save(struct nfa_matcher *m, const struct sto_out *out, struct cep_err *err);
/*
 * The same in slices, while batches come in between: the state as of this call. META is put out in this call, rows that wait and
 * keys in nfa_matcher_save_some(), or before that when they are about to leave or change: then out->put() is called from within
 * nfa_matcher_batch() or advance(). `out` stays valid until the save ends. One save at a time.
 * Returns: what out->put() returns; no save is under way after an error.
 */
enum cep_rc nfa_matcher_save_begin(struct nfa_matcher *m, const struct sto_out *out, struct cep_err *err);
/*
 * Goes on for about `bytes` bytes. Requires: a save is under way.
 * Returns: CEP_AGAIN: there is more. Anything else ends the save: CEP_OK: all is out; or what out->put() returned, now or when
 *          an event asked for it.
 */
enum cep_rc nfa_matcher_save_some(struct nfa_matcher *m, size_t bytes, struct cep_err *err);
void nfa_matcher_save_cancel(struct nfa_matcher *m); /* no save under way is fine */
/*
 * With a tier, keys go to the tier instead of `out`, those that changed since they were written; when nfa_matcher_save_some()
 * says CEP_OK the tier is what all keys were at the beginning. To `out` goes an entry TIER (no group: what is counted, numbers that
 * run on) besides META and ROW. Nothing else is written to the tier until here: the caller has taken what it needs of it
 * (sto_db_checkpoint(), sto_tier_scan_new()), or has given up. Keys that change meanwhile stay in memory, beyond the budget if need
 * be; those that a load left for later are read, some at a time. Every save but nfa_matcher_save(), which gives all keys to `out`, is to be taken, or cancelled, before the next.
 */
void nfa_matcher_save_taken(struct nfa_matcher *m); /* Requires: no slice is left to be written */
/*
 * One entry back; META of a saved matcher, then its others, then the next saved matcher's. Requires: nothing was matched yet.
 * The program may be another one than the one that saved: partial matches whose state means the same go on, the others are
 * counted in `losses` under the pattern's name.
 * Returns: CEP_EDAMAGED, CEP_EVERSION.
 */
enum cep_rc nfa_matcher_load(
    struct nfa_matcher *m, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err);
/*
 * All entries are in. Returns: CEP_AGAIN: keys whose entries stay (sto_entry.stays) were left where they lie. They are read when an
 * event or the time touches them, and by nfa_matcher_load_some().
 */
enum cep_rc nfa_matcher_loaded(struct nfa_matcher *m, struct sto_losses *losses, struct cep_err *err);
/* Reads on for about `bytes` bytes. Returns: CEP_AGAIN: there is more; CEP_OK: nothing of those entries is needed any more. */
enum cep_rc nfa_matcher_load_some(struct nfa_matcher *m, size_t bytes, struct cep_err *err);
/*
 * A tier that holds keys: load META, TIER and ROW as they were saved with it, and its keys are there; they come back one by one
 * as they are needed. *fits: the keys saved under this META may be used so. If not, the matcher needs an empty tier, and all
 * keys are loaded (sto_tier_scan_next() gives their entries).
 */
enum cep_rc nfa_matcher_fits(
    struct nfa_matcher *m, const struct sto_entry *meta, bool *fits, struct cep_err *err);
void nfa_matcher_stats(const struct nfa_matcher *m, struct nfa_stats *out);
/* From now on each event that reaches its key is told, with what it does to the partial matches there, in lines of text;
 * and each match, time-out and what was pruned. For `--trace`. */
typedef void (*nfa_trace_fn)(void *arg, const char *line);
void nfa_matcher_trace(struct nfa_matcher *m, nfa_trace_fn line, void *arg);
/* Invariants; aborts when one is broken. Costs time in the size of the state. */
void nfa_matcher_check(const struct nfa_matcher *m);
