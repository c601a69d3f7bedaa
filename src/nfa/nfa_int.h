#pragma once
/*
 * nfa_int -- the program's inside: what the compiler's passes hand on and the matcher reads. Private to src/nfa.
 *
 * Conditions. A *bit* is a question about the event alone, answered a batch at a time. An *atom* is a condition as the
 * automaton sees it: a bit (or none: always true) and, perhaps, a rest that needs the partial match. A *literal* is an
 * atom or its negation (two-valued: not true). A *guard* is a set of literals, all of which must hold.
 *
 *     charge as amount > 500 and country <> last(probe.country)
 *     atom charge = bit(amount > 500) + rest(country <> last(probe.country))
 *
 * Passes: nfa_tree (normal form) -> nfa_build (states, edges) -> nfa_flat (edges through PROCEED folded in) ->
 * nfa_keep (what partial matches remember) -> nfa_calm (which events a state may ignore) -> nfa_dominate (partial matches that another one beats) ->
 * nfa_cover (starts that an earlier one makes needless) -> nfa_store (which store) -> nfa_stack_plan (matches as words).
 */
#include "base/base_map.h"
#include "expr/expr.h"
#include "nfa/nfa.h"

#define NFA_NONE UINT32_MAX

typedef uint32_t nfa_lit; /* atom << 1 | negated */
static inline nfa_lit nfa_lit_of(uint32_t atom, bool negated) {
    return atom << 1 | (nfa_lit)negated;
}
static inline uint32_t nfa_lit_atom(nfa_lit l) {
    return l >> 1;
}
static inline bool nfa_lit_negated(nfa_lit l) {
    return l & 1;
}

struct nfa_lits {
    nfa_lit *v; /* in the program's arena */
    size_t n, cap;
};

/* -- conditions -------------------------------------------------------------------------------------------- */

struct nfa_bit {
    const struct expr *e; /* event-only; NULL: every event (of the input), or an OR of other bits */
    int32_t input;        /* true for events of that input only; -1 = any */
    uint32_t n_any;       /* OR of so many bits, all with lower numbers */
    const uint32_t *any;
};

enum nfa_atom_kind { NFA_ATOM_COND = 0, NFA_ATOM_TIME_LO, NFA_ATOM_TIME_HI, NFA_ATOM_BOTH, NFA_ATOM_MAX };

struct nfa_atom {
    enum nfa_atom_kind kind;
    uint32_t bit;            /* must be set, or NFA_NONE */
    const struct expr *rest; /* COND: and this must be true of event and partial match; NULL = nothing more */
    uint32_t var;    /* COND: the variable under test, for aggregates and last(); NFA_NONE for until */
    uint32_t until;  /* COND: number of the until, for dumps; else NFA_NONE */
    int64_t us;      /* TIME_LO: since the event taken last >= us; TIME_HI: < us */
    nfa_lit both[2]; /* BOTH: these literals */
};

/* -- normal form ------------------------------------------------------------------------------------------- */

/* A term with its quantifier taken apart: optional, then min..max repetitions with min >= 1. */
struct nfa_term {
    enum plan_term_kind kind;
    uint32_t var;       /* VAR */
    bool optional;      /* may be left out as a whole */
    bool unit_nullable; /* one repetition may take nothing */
    bool greedy;
    uint32_t min, max; /* max PLAN_UNBOUNDED */
    enum plan_contig inner;
    int64_t gap_us;    /* 0 = none */
    uint32_t until;    /* atom, or NFA_NONE */
    uint32_t first, n; /* children: steps of a CHAIN, members of ALT and ALL; into nfa_prog.steps */
    uint32_t parent;   /* term, or NFA_NONE */
    uint32_t depth;
    struct nfa_lits untils; /* atoms of the untils of groups around it, its own if it is a group */
    const struct plan_term *plan;
};

struct nfa_step {
    enum plan_contig op;
    bool negated;
    uint32_t var; /* negated: the variable */
    int64_t lo_us, hi_us;
    uint32_t term; /* not negated */
};

/* -- the automaton, as built --------------------------------------------------------------------------------- */

enum nfa_action { NFA_TAKE = 0, NFA_IGNORE, NFA_PROCEED, NFA_STOP, NFA_ACTION_MAX };

enum nfa_node_kind {
    NFA_NODE_WAIT = 0, /* waits for an event */
    NFA_NODE_FORK,     /* proceeds only */
    NFA_NODE_NOT_NEXT, /* looks at one event */
    NFA_NODE_PENDING,  /* absence: its time being over completes the match */
    NFA_NODE_FINAL,
    NFA_NODE_DEAD,
    NFA_NODE_MAX
};

struct nfa_arc {
    enum nfa_action action;
    uint32_t target;         /* node */
    uint32_t var;            /* TAKE: the variable; STOP: the negated one */
    uint32_t guard, n_guard; /* into nfa_prog.lits, sorted */
};

struct nfa_node {
    enum nfa_node_kind kind;
    int64_t bound_us; /* this long after the event taken last its time is over; -1 = no bound */
    int64_t
        absent_us; /* PENDING: this long after the event taken last it completes the match; -1 = by `within` only */
    uint32_t term, rep; /* for names: what it waits for and how many repetitions are there */
    uint32_t twin;      /* number among nodes with the same name */
    struct nfa_arc *arcs;
    size_t n_arcs, cap_arcs;
};

/* -- the program -------------------------------------------------------------------------------------------- */

/* An edge of the program: TAKE, IGNORE or STOP, with the guards of the PROCEED edges that led to it. */
struct nfa_edge {
    uint64_t mask, want; /* (bits[word] & mask) == want, tested first */
    uint32_t word;
    uint32_t block; /* so many edges from here on ask for one of `any` of the same word; 0 = none */
    uint64_t any;
    uint32_t action;         /* enum nfa_action */
    uint32_t target;         /* state; NFA_NONE: the match ends here */
    uint32_t var;            /* TAKE, STOP */
    uint32_t lits, n_lits;   /* what the mask does not say, into nfa_prog.lits */
    uint32_t guard, n_guard; /* the whole guard, for dumps and analysis */
    uint32_t finals,
        n_finals; /* TAKE: completes a match if one of these guards holds for the event taken; into finals */
    bool completes; /* TAKE, IGNORE: completes a match unconditionally */
    uint32_t beaten,
        n_beaten; /* IGNORE: void when one of these TAKE edges of the state fires too; into nfa_prog.beaten */
};

struct nfa_final {
    uint32_t guard, n_guard;
};

struct nfa_state {
    uint32_t edges, n_edges; /* into nfa_prog.edges */
    uint32_t node;           /* the automaton's node it came from */
    bool pending;            /* its time being over completes the match */
    bool calm;               /* an event outside `interest` leaves a partial match here as it is */
    bool run_free;           /* no condition reachable from here reads the partial match */
    uint32_t interest;       /* into nfa_prog.masks, n_words of them */
    uint64_t fold;           /* of interest: its words one over the other; all ones when not calm */
    int64_t bound_us;        /* -1 = none */
    int64_t
        absent_us; /* this long after the event taken last an absence completes a match besides; -1 = none */
    uint32_t rest; /* absent_us >= 0: the state in which the partial match goes on then; NFA_NONE = it ends */
};

/* Its time being over completes a match. */
static inline bool nfa_awaits_absence(const struct nfa_state *s) {
    return s->pending || s->absent_us >= 0;
}

/* How a key's partial matches are kept; see nfa_store.c. */
enum nfa_store_kind { NFA_STORE_RUNS = 0, NFA_STORE_FATES, NFA_STORE_GRAPH, NFA_STORE_STACKS, NFA_STORE_MAX };

struct nfa_prog {
    struct base_arena arena; /* owns everything here */
    const struct plan_node *node;
    const struct plan_pattern *pat;
    const struct plan *plan;
    struct nfa_opts opts;

    /* conditions */
    struct nfa_bit *bits;
    size_t n_bits, cap_bits;
    struct nfa_atom *atoms;
    size_t n_atoms, cap_atoms;
    uint32_t *var_atom;         /* n_vars */
    struct base_map *memo;      /* while compiling: what was made already */
    size_t n_words;             /* of bits for an event: at least 1 */
    const struct expr **untils; /* distinct until expressions, for dumps */
    size_t n_untils, cap_untils;

    /* normal form */
    struct nfa_term *terms;
    size_t n_terms, cap_terms;
    struct nfa_step *steps;
    size_t n_steps, cap_steps;
    uint32_t root;

    /* automaton */
    struct nfa_node *nodes;
    size_t n_nodes, cap_nodes;
    uint32_t start_node;
    struct nfa_lits lits;

    /* program */
    struct nfa_state *states;
    size_t n_states;
    struct nfa_edge *edges;
    size_t n_edges, cap_edges;
    struct nfa_final *finals;
    size_t n_finals, cap_finals;
    uint32_t *beaten;
    size_t n_beaten, cap_beaten;
    uint64_t *masks;
    size_t n_masks, cap_masks;
    uint32_t start;
    uint32_t start_interest; /* into masks */
    uint32_t run_interest;   /* into masks: of all states but the start */
    bool all_calm;           /* all states but the start are */
    uint32_t any_interest;   /* into masks: of all states and the start */
    bool start_always;       /* every event may start a match */
    bool needs_all_rows;     /* some state is not calm, or prev() counts rows */
    bool has_bounds;         /* some state has a bound of its own */
    bool has_times;          /* or what it does depends on the time since the event taken last */
    uint64_t *covers;        /* n_states * n_states, NULL = no start sleeps; see nfa_cover.c */
    enum nfa_store_kind store;
    const char *store_why;               /* static text */
    const struct nfa_stack_plan *stacks; /* STACKS; else NULL */
    bool tells_time;  /* sets: what time ends is looked at then, for it completes or is read */
    bool has_spans;   /* graph: it is read from its starts on, too (nfa_span.h) */
    bool settles;     /* graph: the skip policy lets one match of a start survive (nfa_settle.h) */
    bool has_peers;   /* fates: the starts of one are listed, for each times out by itself */
    bool every_start; /* fates: no start is needless */
    bool one_a_start; /* the skip policy lets one match of a start survive */
    bool many_ways;   /* one match may be come to in several ways: over all() and groups */

    /* what is kept of an event taken: pattern columns in order, their slots */
    uint64_t *kept; /* bitmap over pattern columns */
    uint32_t n_kept;
    uint32_t *kept_cols; /* n_kept: pattern column */
    int32_t *kept_slot;  /* per pattern column: slot or -1 */
    uint32_t *kept_at;   /* n_kept: where its cell lies in an event's data, in words of 8 bytes */
    uint32_t kept_words; /* of the fixed part: null bits and cells */
    bool *agg_running;   /* n_aggs: kept running in the partial match */
    uint32_t n_run_aggs;
    uint32_t *agg_slot; /* n_aggs: place among the running ones, or NFA_NONE */
    uint32_t *run_aggs; /* n_run_aggs: index into pat->aggs */
    bool uses_match_number;
    uint32_t *prev_rows; /* n_inputs: how many rows of history */
    int64_t prev_within; /* all prev() have a within; the longest; 0 = some have none */
};

/* The passes, in order (nfa_prog.c has the table). */
enum cep_rc nfa_tree(struct nfa_prog *p, struct cep_err *err);
enum cep_rc nfa_build(struct nfa_prog *p, struct cep_err *err);
enum cep_rc nfa_flat(struct nfa_prog *p, struct cep_err *err);
enum cep_rc nfa_calm(struct nfa_prog *p, struct cep_err *err);
enum cep_rc nfa_dominate(struct nfa_prog *p, struct cep_err *err);
enum cep_rc nfa_keep(struct nfa_prog *p, struct cep_err *err);
enum cep_rc nfa_cover(struct nfa_prog *p, struct cep_err *err);
enum cep_rc nfa_store(struct nfa_prog *p, struct cep_err *err);
enum cep_rc nfa_stacks(struct nfa_prog *p, struct cep_err *err);
/* nfa_branch.c */
/* Has a start one partial match at most, and none beside a match? In the states of each an absence ends all or none. */
bool nfa_is_single(const struct nfa_prog *p);
bool nfa_piles_up(const struct nfa_prog *p);
/* Starts of this pattern may sleep, as far as its policy goes; so events must keep what conditions ask of them. */
bool nfa_may_sleep(const struct nfa_prog *p);

/* Bits of nfa_opts.off. */
enum {
    NFA_PASS_CALM = 1u << 4,
    NFA_PASS_DOMINATE = 1u << 5,
    NFA_PASS_COVER = 1u << 6,
    NFA_PASS_STORE = 1u << 7,
    NFA_PASS_STACKS = 1u << 8
};

/* nfa_cond.c: conditions are made once, equal ones shared. */
uint32_t nfa_atom_of_var(struct nfa_prog *p, uint32_t var);
uint32_t nfa_atom_of_until(struct nfa_prog *p, const struct expr *e);
uint32_t nfa_atom_of_time(struct nfa_prog *p, enum nfa_atom_kind kind, int64_t us);
uint32_t nfa_atom_both(struct nfa_prog *p, nfa_lit a, nfa_lit b);
/* One atom that is true when any of these is; NFA_NONE when they are not all questions about the event alone. */
uint32_t nfa_atom_any(struct nfa_prog *p, const uint32_t *atoms, size_t n);
/* Returns: true when the atom needs no partial match. */
static inline bool nfa_atom_is_bit(const struct nfa_atom *a) {
    return a->kind == NFA_ATOM_COND && a->rest == NULL && a->bit != NFA_NONE;
}
/* Stores a sorted guard without doubles. Returns: false when it contradicts itself. */
bool nfa_guard(struct nfa_prog *p, const nfa_lit *lits, size_t n, uint32_t *off, uint32_t *n_out);
void nfa_write_guard(struct base_buf *b, const struct nfa_prog *p, uint32_t guard, uint32_t n);
void nfa_write_lit(struct base_buf *b, const struct nfa_prog *p, nfa_lit l);
void nfa_write_node_name(struct base_buf *b, const struct nfa_prog *p, uint32_t node);

#define NFA_PUSH(p, items, n, cap) \
    ((items) = base_arena_grow(&(p)->arena, (items), (n), &(cap), sizeof *(items)), &(items)[(n)++])
