#pragma once
/*
 * nfa_many_internal -- what a set of patterns on the same streams consists of. Private to src/nfa.
 *
 *     held batch ── row r ──▶ hits[off[r]] .. hits[off[r + 1]]   a hit: a pattern and its bits of that row
 *                ── set of keys k ──▶ keyed[k].hash[r]
 */
#include "base/base_map.h"
#include "expr/expr_index.h"
#include "nfa/nfa_many.h"
#include "nfa/nfa_run.h"
#include "nfa/nfa_save.h"

enum {
    MANY_WORDS = EVT_BATCH_ROWS / 64,
    MANY_OUT_ROWS = 64 /* of output batches: most patterns have few matches at a time */
};

/* What members that do the same (nfa_code.c) have in common. */
struct many_code {
    const struct nfa_prog *p; /* of their matchers */
    uint32_t n_words;         /* of bits */
    bool any_wide;            /* some input is */
    bool greedy;              /* takes every row of its wide inputs, whether it has keys or not */
    bool has_any;             /* some bits are an OR of others */
    uint64_t *bits0;          /* an input: n_words of bits that are set for every row */
    uint64_t *interest;       /* n_words: bits that make a row relevant */
    bool *wide;               /* an input: rows without a hit concern it too */
};

/* One cache line, the matcher behind it: of thousands, an event finds few in the cache. */
struct many_member {
    struct nfa_matcher *m; /* owned */
    const struct many_code *code;
    struct clk_timer timer; /* in nfa_many.timers */
    uint64_t n_hits;        /* rows that concerned it, of inputs that are not wide */
    uint64_t waiting;       /* hits that wait */
    uint64_t loaded;        /* of these, of rows that were loaded for it */
    uint32_t number, key_set;
};

/* The conditions behind a member's bits. */
struct many_conds {
    struct many_cond {
        uint32_t input, cond;
    } * v; /* owned */
    size_t n, cap;
};

struct many_input {
    struct expr_index *index; /* owned */
    struct many_user {
        uint32_t cond, member, bit;
    } * users; /* owned; until sealed */
    size_t n_users, cap_users;
    uint32_t *user_off; /* owned; a condition: into user_list */
    struct many_use {
        uint32_t member, bit;
    } * user_list;  /* owned */
    bool all_rows;  /* some pattern is wide */
    bool *wide_set; /* owned; a set of keys: some pattern with these is wide */
    uint64_t n_events;
};

struct many_hit {
    union {
        uint64_t bits; /* n_words == 1 */
        uint64_t at;   /* into many_held.words */
    };
    uint32_t member;
};

struct many_held {
    struct evt_batch *batch; /* counted; NULL = free */
    uint32_t input, waiting;
    uint32_t saved;             /* number of the last save that its rows are in, or that they came after */
    bool loaded;                /* for one pattern: its rows have hits, and concern nobody else */
    uint64_t waits[MANY_WORDS]; /* rows that wait */
    uint32_t *off;              /* owned; EVT_BATCH_ROWS + 1: into hits */
    struct many_hit *hits;      /* owned */
    size_t cap_hits;
    uint64_t *words; /* owned */
    size_t cap_words;
    struct nfa_held *keyed; /* owned; a set of keys */
};

/*
 * A save of what waits for those whose own saves began at one moment: row by row, once for all of them (nfa_many_save.c).
 * number: of this save, or the last one. n == 0: none is under way.
 */
struct many_save {
    uint32_t number;
    bool joinable;   /* nothing happened since it began */
    size_t n;        /* patterns whose rows are not out yet */
    uint64_t *whose; /* owned; bitmap over patterns */
    uint32_t *wide;  /* owned; of these the ones that look at every row */
    size_t n_wide;
    size_t held;             /* into nfa_many.held: what comes before is written */
    uint32_t row;            /* into that batch: the same */
    struct nfa_saver *saver; /* owned */
    size_t done;             /* bytes put out */
};

struct nfa_many {
    struct nfa_many_opts opts;
    uint32_t n_inputs, n;
    struct many_input *inputs; /* owned */
    struct base_arena arena;   /* owns the members: side by side, or each would lie in a page of its own */
    struct nfa_mem_pool *pool; /* owned; of the state of all */
    struct base_map
        code_memo; /* hash of what a program does (+ how many with that hash came before) -> the first that does it */
    struct many_member **members; /* owned array */
    struct many_conds *conds;     /* owned; of each member */
    size_t cap, cap_conds;
    bool sealed;
    /* Sets of equal keys. */
    struct base_map key_memo;
    struct nfa_matcher **sets; /* owned array; of each the first matcher that has it */
    size_t n_sets, cap_sets;
    int64_t now_us, watermark;
    uint64_t n_served;
    uint64_t n_loaded; /* rows that wait in batches that were loaded */
    /* What waits. */
    struct many_held *held;
    size_t n_held, cap_held;
    uint32_t *free_held;
    size_t n_free_held, cap_free_held;
    struct clk_reorder reorder; /* a row's batch: index into held */
    struct many_save save;
    struct clk_timers timers;
    /* Bitmaps over patterns. */
    uint64_t *visit;  /* has rows in this turn */
    uint64_t *always; /* is served in every advance */
    uint64_t *awake;  /* wide, and rows without a hit concern it now */
    uint64_t *later;  /* is served in the next advance */
    /* One batch. */
    uint32_t *touched; /* a pattern: its chain in woken, 0 = none */
    struct many_touch {
        const uint64_t *rows;
        uint32_t next, bit;
    } * woken;
    size_t cap_woken, n_woken;
    struct many_need {
        uint64_t rows[MANY_WORDS];
    } * need; /* a set of keys: rows to be hashed */
    struct many_fresh {
        struct many_hit hit;
        uint32_t row;
    } * fresh;
    size_t n_fresh, cap_fresh;
    uint64_t *fresh_words;
    size_t n_fresh_words, cap_fresh_words;
    uint64_t *wide_bits; /* scratch of one hit */
    size_t cap_wide_bits;
    struct many_fails {
        struct expr_fails fails;
        uint32_t member, first_bit;
    } * fails;
    size_t n_fails, cap_fails;
    /* One advance. */
    uint32_t *turn; /* who is served */
    struct clk_row *rows;
    struct many_node {
        uint32_t next, row, hit; /* row: in rows; hit: of its batch */
    } * nodes;
    size_t cap_nodes;
    struct many_list {
        uint32_t first, last;
    } * lists; /* a pattern: its nodes */
};

/* nfa_many_save.c */
/* Rows that wait are about to leave: they are written first, unless they were. Requires: save.n > 0. */
void nfa_many_rows_leave(struct nfa_many *g, const struct clk_row *rows, size_t n);
void nfa_many_save_release(struct nfa_many *g);

/* nfa_many.c */
/* May a row with these bits start a match? */
static inline bool nfa_many_starts(const struct nfa_prog *p, const uint64_t *bits) {
    if (p->start_always)
        return true;
    for (size_t w = 0; w < p->n_words; w++)
        if (bits[w] & p->masks[p->start_interest + w])
            return true;
    return false;
}
/* Sets the bits that are an OR of others. */
void nfa_many_add_any_bits(const struct nfa_prog *p, uint64_t *bits);

/* A member is fetched into the cache that many turns ahead. */
enum { NFA_MANY_AHEAD = 12 };
static inline void nfa_many_fetch(const struct nfa_many *g, uint32_t member) {
    __builtin_prefetch(g->members[member]);
}

/* nfa_many_batch.c */
/* None of its rows waits any more. */
void nfa_many_held_free(struct nfa_many *g, uint32_t number);
/* Rows that waited for one pattern; they are its alone. */
void nfa_many_take_loaded(struct nfa_many *g, uint32_t pattern, uint32_t input, struct evt_batch *b);
/* nfa_many_serve.c */
/* When the pattern is served next, unless an event moves it before; marks it as awake or not. */
void nfa_many_settle(struct nfa_many *g, uint32_t pattern, int64_t at);
