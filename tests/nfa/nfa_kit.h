#pragma once
/*
 * nfa_kit -- patterns in a few letters (tests/reference/ref_text.h) through the real compiler and matcher.
 *
 *     struct nfa_kit k;
 *     nfa_kit_init(&k, "a+ -> b", &(struct plan_pattern){ .skip = PLAN_SKIP_NONE }, 0);
 *     nfa_kit_events(&k, "a a b", NFA_KIT_ONE_BY_ONE);
 *     nfa_kit_matches(&k)   "a0 a1 b2|a0 b2|a1 b2"
 *
 * The stream has the columns name, idx (number of the event), price (see nfa_kit_price()), key, at. Variable `a` takes events
 * named a; with `rich` some conditions also read the partial match (nfa_kit_rich()).
 */
#include "nfa/nfa.h"
#include "state/sto_tier.h"
#include "tests/reference/ref_text.h"

enum nfa_kit_how {
    NFA_KIT_ONE_BY_ONE = 0, /* a batch an event, the watermark behind each */
    NFA_KIT_AT_ONCE,        /* one batch, then the watermark */
    NFA_KIT_BACKWARDS,      /* one batch with its rows in the wrong order, seq tells the right one */
    NFA_KIT_RELOADED,       /* one by one; saved and loaded again after every event and every watermark */
    NFA_KIT_RELOADED_ROWS, /* one batch backwards, then the watermark step by step, saved and loaded at each */
};

enum {
    NFA_KIT_NO_TIMEOUTS = 1,
    NFA_KIT_RICH = 2,
    NFA_KIT_NO_CALM = 4,
    NFA_KIT_KEYED = 8,
    NFA_KIT_NO_DOMINATE = 16,
    NFA_KIT_NO_COVER = 32,
    NFA_KIT_SETS = 64,    /* the store of sets where it can be */
    NFA_KIT_SWITCH = 128, /* saved by one store, loaded into the other, and back: at each nfa_kit_reload() */
    NFA_KIT_GRAPH =
        256 /* with SETS: stacks are switched off; with SWITCH, too, the other store is the one with them */
};

/* A database that kits share, in a folder of its own below $TMPDIR. */
struct nfa_kit_db {
    struct sto_db *db;
    uint16_t next_op;
    char dir[256];
};

struct nfa_kit {
    struct ref_text text;
    struct plan plan;
    struct plan_node source, node;
    const struct plan_node *nodes[2];
    struct evt_schema stream;
    struct nfa_prog *prog, *other; /* other: NULL, or with the other store */
    struct nfa_matcher *matcher;
    struct cep_err err;
    enum cep_rc rc;             /* of compiling, then of the last call */
    char **matches, **timeouts; /* owned, in order of emission */
    size_t n_matches, n_timeouts, cap_matches, cap_timeouts;
    struct base_buf out;
    uint64_t seq;
    uint32_t n_events;
    uint64_t failures;
    struct nfa_kit_db *db; /* borrowed; NULL: all keys stay in memory */
    struct sto_tier *tier; /* owned */
    struct nfa_kit_db own; /* nfa_kit_resume() */
    uint64_t budget;
};

enum nfa_kit_col { NFA_KIT_NAME = 0, NFA_KIT_IDX, NFA_KIT_PRICE, NFA_KIT_KEY, NFA_KIT_AT, NFA_KIT_COLS };

/* Returns: false when the text is no pattern or the compiler refused (k->rc, k->err). Owns: nfa_kit_release(), also then. */
bool nfa_kit_init(struct nfa_kit *k, const char *pattern, const struct plan_pattern *with, unsigned flags);
void nfa_kit_release(struct nfa_kit *k);
/* Events as in ref_text, then the end of time (unless `more`). */
void nfa_kit_events(struct nfa_kit *k, const char *events, enum nfa_kit_how how, bool more);
/* The next event as a batch for another matcher of the kit's program. Owns: the caller. */
struct evt_batch *nfa_kit_batch(struct nfa_kit *k, char name, int64_t time, int64_t key);
void nfa_kit_event(struct nfa_kit *k, char name, int64_t time, int64_t key);
void nfa_kit_advance(struct nfa_kit *k, int64_t watermark);
/* Sorted, joined by '|'. Valid until the next call. */
const char *nfa_kit_matches(struct nfa_kit *k);
const char *nfa_kit_timeouts(struct nfa_kit *k);
/* In the order of emission. */
const char *nfa_kit_matches_in_order(struct nfa_kit *k);

void nfa_kit_db_open(struct nfa_kit_db *d);
void nfa_kit_db_close(struct nfa_kit_db *d);
/* Between cases: has room for some thousand matchers. */
void nfa_kit_db_renew(struct nfa_kit_db *d);
/* From now on, before the first event: with a tier. Each matcher made of the kit is an operator of its own. */
void nfa_kit_tiered(struct nfa_kit *k, struct nfa_kit_db *d, uint64_t budget);
/* A new matcher over a copy (sto_db_checkpoint()) of the database, which is the kit's own from now on; nothing is loaded. */
void nfa_kit_resume(struct nfa_kit *k, const char *copy);
/* Rows of the kit's operator. */
size_t nfa_kit_rows(const struct nfa_kit *k, enum sto_space space);

/* Saved state: entries one after the other. */
struct nfa_kit_saved {
    struct base_buf bytes;
    size_t n;
};

void nfa_kit_save(struct nfa_kit *k, struct nfa_kit_saved *s);
/* Into a new matcher of this kit. losses may be NULL. */
void nfa_kit_load(struct nfa_kit *k, const struct nfa_kit_saved *s, struct sto_losses *losses);
/* The same, but keys stay where they lie until they are read; so does *s. Returns: true when some are left. */
bool nfa_kit_load_later(struct nfa_kit *k, const struct nfa_kit_saved *s, struct sto_losses *losses);
void nfa_kit_put_saved(struct nfa_kit_saved *s, const struct sto_entry *e);
/* Both. Ensures: nothing was lost. */
void nfa_kit_reload(struct nfa_kit *k);
void nfa_kit_saved_release(struct nfa_kit_saved *s);

int64_t nfa_kit_price(uint32_t event);
/* What else variable `var` asks for under NFA_KIT_RICH. */
enum nfa_kit_rich { NFA_KIT_PLAIN = 0, NFA_KIT_AT_LEAST_LAST_OF_FIRST, NFA_KIT_SUM_BELOW };
enum nfa_kit_rich nfa_kit_rich(const struct plan_pattern *pat, uint32_t var);
enum { NFA_KIT_SUM_LIMIT = 9 };
