#pragma once
/*
 * nfa_rows_int -- the layout of nfa_rows, for its own files.
 *
 *     nfa_rows.c        threads: a row forward, what is decided, where the next start is
 *     nfa_rows_env.c    what conditions and items read: of a thread, of a match
 *     nfa_rows_hist.c   what a thread has taken
 *     nfa_rows_keep.c   rows, and a key's life
 *     nfa_rows_prog.c   the program
 */
#include "expr/expr_eval.h"
#include "nfa/nfa_rows.h"

/* -- nfa_rows_prog.c ---------------------------------------------------------------------------------------------- */

enum nfa_rows_op {
    NFA_ROWS_TAKE = 0, /* a row that is a var, then the next place */
    NFA_ROWS_SPLIT,    /* to, if that leads to a match, else other */
    NFA_ROWS_JUMP,     /* to */
    NFA_ROWS_START,    /* the next place, at the partition's beginning */
    NFA_ROWS_END,      /* the next place, at its end */
    NFA_ROWS_ACCEPT,
    NFA_ROWS_OP_MAX
};

struct nfa_rows_code {
    enum nfa_rows_op op;
    bool excluded; /* TAKE: the row is no row of the result */
    bool reads;    /* a condition here or ahead reads what was taken */
    uint32_t var, to, other;
    uint64_t
        loop; /* SPLIT, JUMP: the head or the way back of a loop without an upper bound: its bit, by how deep it lies in such; else 0 */
};

struct nfa_rows_prog {
    struct nfa_rows_code *code; /* owned */
    uint32_t n;
};

/* `reads`: bits of the variables whose conditions read what was taken. */
void nfa_rows_prog_init(struct nfa_rows_prog *p, const struct plan_row_term *root, uint64_t reads);
void nfa_rows_prog_release(struct nfa_rows_prog *p);

/* A row by its number, and what it was taken as where somebody asks for that; or a hash of all of them. All ones: there is none. */
struct nfa_rows_reg {
    uint64_t row, var;
};

/* Variables that conditions ask for the rows of: registers of a thread, so many of the last ones, of the first ones, then the hash. */
struct nfa_rows_set {
    uint64_t of;  /* bits of the pattern's variables */
    uint32_t reg; /* its first register */
    uint32_t n_last, n_first;
    bool hashed; /* all of them are asked for, or one that is far away */
    bool names;  /* and what they were taken as */
};

enum { NFA_ROWS_NEAR = 16 /* rows of a set that have a register */ };

/*
 * A row that a thread took, and all before it: threads that parted share what they have in common. Behind it lie the registers of all sets and the
 * running aggregates: all that conditions ahead can read of it.
 */
struct nfa_rows_hist {
    struct nfa_rows_hist *prev; /* counted */
    uint64_t row;               /* its number */
    uint32_t refs, var;
    bool excluded;
    struct nfa_rows_reg regs[]; /* kind->n_regs */
};

struct nfa_rows_thread {
    uint32_t pc;
    struct nfa_rows_hist *hist; /* counted; NULL: nothing was taken yet */
};

struct nfa_rows {
    struct nfa_rows_row **rows; /* owned; [head, head + n) are there */
    uint32_t head, n, cap;
    uint64_t first, start,
        at; /* numbers: of rows[head], of the start, of the row that threads look at next */
    uint64_t matches;
    bool running;                    /* the start is open: threads and best are its own */
    bool found;                      /* best is a match */
    bool expired;                    /* threads were dropped because their time was over */
    struct nfa_rows_hist *best;      /* counted; NULL: the empty one */
    struct nfa_rows_thread *threads; /* owned; in order of preference */
    size_t n_threads, cap_threads;
    size_t row_bytes, hist_bytes;
};

/* How a variable's condition is asked. */
enum nfa_rows_how { NFA_ROWS_ALWAYS = 0, NFA_ROWS_BIT, NFA_ROWS_RUN };

/* A place, and the loops around it whose round has not taken a row yet: such a round must not end. */
struct nfa_rows_at {
    uint64_t idle;
    uint32_t pc;
};

/* A place that was come to while a row is looked at, and with what. */
struct nfa_rows_seen {
    uint64_t idle;
    struct nfa_rows_hist *hist;
    uint32_t next; /* + 1; 0 = none */
};

/* What an expression is evaluated for: a row that a thread would take, or a match. */
struct nfa_rows_env {
    struct expr_env env;
    struct nfa_rows_kind *kind;
    struct nfa_rows *key;
    const struct nfa_rows_row *cur; /* COL */
    uint64_t number;                /* its number */
    uint32_t var;                   /* what it is taken as; UINT32_MAX: nothing */
    struct nfa_rows_hist *hist;     /* of a thread */
    /* Of a match. */
    bool whole;
    const uint32_t *vars; /* by row */
    uint32_t n, seen;     /* rows; those up to the current one */
};

struct nfa_rows_kind {
    const struct plan_recognize *plan;
    const struct evt_schema *in, *out_schema;
    struct nfa_rows_out out;
    struct nfa_rows_prog prog;
    int32_t *place;         /* owned; by column of the input: where it is kept, or -1 */
    enum nfa_rows_how *how; /* owned; by variable of the pattern */
    uint64_t row_conds;
    uint32_t n_sets, n_regs;
    int32_t *set_of;           /* owned; by variable: which set, or -1 */
    struct nfa_rows_set *sets; /* owned */
    size_t hist_size, aggs_off;
    /* Of the row that is looked at. */
    uint32_t gen, *mark;        /* owned; by place: the generation in which it was come to */
    uint32_t *seen_at;          /* owned; by place: of seen, + 1 */
    struct nfa_rows_seen *seen; /* owned */
    size_t n_seen, cap_seen;
    struct nfa_rows_at *stack; /* owned */
    size_t n_stack, cap_stack;
    struct nfa_rows_thread *next; /* owned */
    size_t n_next, cap_next;
    /* Of the match that is given out. */
    uint32_t *vars; /* owned; by row */
    bool *excluded; /* owned */
    size_t cap_vars, cap_excluded;
    struct expr_agg_state *aggs; /* owned; of items: running, then final */
    struct evt_val *vals;        /* owned; by item */
    struct base_arena scratch;
    int64_t now_us;
    uint64_t n_matches;
};

static inline bool nfa_rows_in(const struct nfa_rows_kind *k, uint32_t set, uint32_t var) {
    return k->plan->vars[set].of >> var & 1;
}
static inline struct nfa_rows_row *nfa_rows_get(const struct nfa_rows *key, uint64_t number) {
    return key->rows[key->head + (uint32_t)(number - key->first)];
}
static inline uint64_t nfa_rows_end(const struct nfa_rows *key) {
    return key->first + key->n;
}

/* -- nfa_rows_hist.c ---------------------------------------------------------------------------------------------- */

static inline struct nfa_rows_hist *nfa_rows_hist_ref(struct nfa_rows_hist *h) {
    if (h)
        h->refs++;
    return h;
}
void nfa_rows_hist_unref(struct nfa_rows_kind *k, struct nfa_rows *key, struct nfa_rows_hist *h);
/* The row of env, taken behind env->hist. Owns: the caller. */
struct nfa_rows_hist *nfa_rows_hist_new(struct nfa_rows_env *env, bool excluded);
/* Does what was taken read the same to all conditions ahead? */
bool nfa_rows_hist_same(
    const struct nfa_rows_kind *k, const struct nfa_rows_hist *a, const struct nfa_rows_hist *b);
static inline struct expr_agg_state *nfa_rows_hist_aggs(
    const struct nfa_rows_kind *k, const struct nfa_rows_hist *h) {
    return (struct expr_agg_state *)(void *)((char *)(uintptr_t)h + k->aggs_off);
}
/* The number of the n-th row of a set from the last or the first. Returns: false when there is none. */
bool nfa_rows_hist_find(
    const struct nfa_rows_hist *h, const struct nfa_rows_set *s, bool from_last, uint32_t n, uint64_t *row);

/* -- nfa_rows_env.c ----------------------------------------------------------------------------------------------- */

/* Is the aggregate one that runs along? */
bool nfa_rows_agg_runs(const struct expr *e);
void nfa_rows_env_init(struct nfa_rows_env *env, struct nfa_rows_kind *k, struct nfa_rows *key);
/* The row goes into a running aggregate, if it is one of its variable's. */
void nfa_rows_agg_add(struct nfa_rows_env *env, const struct expr *e, struct expr_agg_state *s);
/* Gives out the match that was found. */
enum cep_rc nfa_rows_give(struct nfa_rows_kind *k, struct nfa_rows *key, struct cep_err *err);
/* What an expression said that failed, once a row. */
enum cep_rc nfa_rows_tell(struct nfa_rows_env *env, struct nfa_rows_row *row, struct cep_err *err);
