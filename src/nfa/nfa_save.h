#pragma once
/*
 * nfa_save -- a matcher's state as entries and back: what its files share. Private to src/nfa.
 *
 *     META  (no group)   names, types and meanings: what the other entries' numbers stand for (nfa_meta.c)
 *     KEY   (key)        a key: values, events taken, history, and the store's partial matches (nfa_save.c, nfa_load.c)
 *     ROW   (key)        a row that waits for the watermark (nfa_save.c, nfa_load.c)
 *
 * Numbers in KEY and ROW (states, variables, inputs, columns) are those of the program that saved; META translates them. A
 * state of the saved program stands for the state of the loading one with the same meaning (nfa_meaning.c): what can follow,
 * in the pattern's own words. What has no such state is lost, counted, and told.
 *
 * A store of partial matches is a row of struct nfa_store. To add one: its callbacks, its tag (never reused), a row in
 * nfa_stores() (nfa_save.c), its bytes at the head of its file.
 */
#include "base/base_pack.h"
#include "nfa/nfa_run.h"
#include "state/sto.h"

/* -- what META says --------------------------------------------------------------------------------------- */

/* Read are, too: 1, without matches of fates that completed without an event; 2, without the places of what runs on. */
enum { NFA_META_VERSION = 3 };
/* Bit of a key's tag of store: its deadline follows (from version 3 on). */
enum { NFA_KEY_TIMED = 0x80 };

struct nfa_meta_state {
    uint64_t meaning;
    struct base_str name;
    int64_t bound_us;
};

enum nfa_acc { NFA_ACC_NONE = 0, NFA_ACC_DOUBLE, NFA_ACC_SUM, NFA_ACC_VAL, NFA_ACC_MOMENTS, NFA_ACC_MAX };

/* A running aggregate: how its accumulator is written. */
struct nfa_meta_agg {
    uint64_t meaning;
    struct base_str text;
    enum nfa_acc acc;
    const struct evt_type *type; /* VAL */
};

struct nfa_meta_input {
    struct base_str name;
    const struct evt_schema *schema;
};

struct nfa_meta {
    struct base_arena arena; /* owns everything here */
    int64_t watermark;
    uint64_t fingerprint; /* of the program: equal = numbers and meanings are the same */
    enum plan_within within_kind;
    int64_t within_us;
    uint32_t n_keys, n_vars, n_inputs, n_kept, n_states, n_bits, n_aggs;
    struct evt_column *keys; /* by name */
    uint64_t *key_meaning;
    struct base_str *vars;
    struct nfa_meta_input *inputs;
    struct evt_column *kept;
    struct nfa_meta_state *states;
    uint64_t *bits; /* meanings */
    struct nfa_meta_agg *aggs;
};

/* Appends META's value for this matcher now. */
void nfa_meta_write(struct nfa_matcher *m, struct base_buf *b);
/* Owns: nfa_meta_release(), also after an error. */
enum cep_rc nfa_meta_read(struct nfa_meta *meta, struct base_str value, struct cep_err *err);
void nfa_meta_release(struct nfa_meta *meta);

/* -- what things mean (nfa_meaning.c) -------------------------------------------------------------------------- */

/* Meanings of all states; owned by the caller (base_free). */
uint64_t *nfa_meaning_of_states(const struct nfa_prog *p);
uint64_t nfa_meaning_of_bit(const struct nfa_prog *p, uint32_t bit);
uint64_t nfa_meaning_of_expr(
    const struct nfa_prog *p, const struct expr *e, struct base_buf *text /* or NULL */);
uint64_t nfa_fingerprint(const struct nfa_prog *p, const uint64_t *states);
enum nfa_acc nfa_acc_of(const struct expr *agg, const struct evt_type **type);

/* -- events of a key -------------------------------------------------------------------------------------------- */

/* Objects of one key, numbered in the order in which they are met. */
struct nfa_numbers {
    const void **v; /* by number */
    size_t n, cap;
    uint32_t *slots; /* open addressing over v: number + 1 */
    size_t n_slots;
};

void nfa_numbers_release(struct nfa_numbers *t);
void nfa_numbers_clear(struct nfa_numbers *t);
/* Returns: true when it is new. */
bool nfa_numbers_add(struct nfa_numbers *t, const void *p, uint32_t *number);

/* Returns: true when it has a number. */
bool nfa_numbers_find(const struct nfa_numbers *t, const void *p, uint32_t *number);
/* Requires: it has one. */
uint32_t nfa_number_of(const struct nfa_numbers *t, const void *p);

/* What the stores of sets number. */
enum nfa_numbers_of {
    NFA_NUMBERS_STARTS = 0,
    NFA_NUMBERS_CELLS,
    NFA_NUMBERS_DETS,
    NFA_NUMBERS_HOWS,
    NFA_NUMBERS_FATES,
    NFA_NUMBERS_HOPS,
    NFA_NUMBERS_SPANS,
    NFA_NUMBERS_ONWARDS,
    NFA_NUMBERS_TRAILS,
    NFA_NUMBERS_MAX
};

struct nfa_saver {
    struct nfa_matcher *m;
    struct nfa_numbers evs, links, quotas;
    struct nfa_numbers sets[NFA_NUMBERS_MAX];
    const struct nfa_link **walk; /* scratch */
    size_t cap_walk;
    uint32_t *todo; /* scratch */
    size_t cap_todo;
    const struct nfa_hop **way; /* scratch */
    size_t cap_way;
    const struct nfa_trail **trail; /* scratch */
    size_t cap_trail;
    struct base_buf key, value;
    struct base_arena scratch;
};

/* Requires: nfa_saver_release() later. */
void nfa_saver_init(struct nfa_saver *s, struct nfa_matcher *m);
void nfa_saver_release(struct nfa_saver *s);
/* A key as entry KEY. */
enum cep_rc nfa_save_key(
    struct nfa_saver *s, const struct nfa_key *k, const struct sto_out *out, struct cep_err *err);
/* The canonical bytes of a row's key, hashed in h (nfa_hash_keys), into s->key. */
void nfa_save_row_key(struct nfa_saver *s, const struct nfa_held *h, uint32_t row);
/* Of a waiting row as entry ROW: its group, by way of s->key; its value, into s->value. */
uint32_t nfa_save_row_group(struct nfa_saver *s, const struct nfa_held *h, uint32_t row);
void nfa_save_row_value(struct nfa_saver *s, uint32_t input, const struct evt_batch *b, uint32_t row);
/* nfa_slice.c: the next entry ROW of the save under way (Requires: m->slice). Returns: its bytes; failures are told by the next slice. */
size_t nfa_slice_put_row(struct nfa_matcher *m, uint32_t group, struct base_str value);
/* nfa_slice.c: an entry of the save under way, copied (Requires: m->slice). Failures are told by the next slice. */
void nfa_slice_put_later(struct nfa_matcher *m, const struct sto_entry *e);
/*
 * nfa_slice.c: with a tier, instead: the key that was left for later is in memory, unchanged; it is part of the save under way.
 * *was: before it was read. Requires: m->slice, m->cold.
 */
void nfa_slice_read_later(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_stats *was);
/* An event the key refers to. Returns: its number in the entry. */
uint32_t nfa_save_ev(struct nfa_saver *s, const struct nfa_ev *e);
/* varint states * varint state */
struct nfa_det;
void nfa_save_det(struct base_buf *b, const struct nfa_det *d);

/* -- loading ----------------------------------------------------------------------------------------------------- */

/* Rows that waited, of one input; borrowed. */
typedef void nfa_load_rows_fn(void *arg, uint32_t input, struct evt_batch *b);

/* Requires: opts.fed. Before nfa_matcher_load() and nfa_matcher_loaded(). */
void nfa_load_rows_to(struct nfa_matcher *m, nfa_load_rows_fn *take, void *arg);

/* What a load holds between its entries; matcher's `loader`. */
struct nfa_loader {
    struct nfa_matcher *m;
    bool has_meta;
    struct nfa_meta meta;
    bool same;      /* as the program that saved: nothing needs translating */
    bool same_keys; /* partition by means the same */
    bool waits;     /* what follows was written by this very program: keys that stay may wait (nfa_later.h) */
    uint32_t *state;     /* saved number -> number now, NFA_NONE = none */
    uint32_t *var;       /* the same */
    uint32_t *input;     /* the same */
    uint32_t *bit;       /* the same */
    int32_t *kept;       /* number now -> saved, -1 = none */
    int32_t *agg;        /* running aggregate now -> saved, -1 = none */
    uint64_t *lost;      /* partial matches, by saved state */
    uint64_t *lost_cols; /* events without a column that is kept now; by kept column now */
    uint64_t lost_waiting, lost_asleep, lost_history, lost_rows;
    uint64_t lost_store;     /* partial matches of a store that this program's cannot take over */
    struct evt_batch **rows; /* by input: rows on their way into the reorder buffer */
    nfa_load_rows_fn *take;  /* of a matcher that is fed: where they go instead */
    void *take_arg;
    uint64_t *meanings; /* of the program's states */
    /* The key that is being loaded. */
    struct nfa_ev **evs; /* counted; NULL: of an input that is no more */
    size_t n_evs, cap_evs;
    uint64_t *orders; /* of all of them */
    size_t cap_orders;
    struct nfa_link **links; /* counted; NULL: of a variable or an input that is no more */
    size_t n_links, cap_links;
    struct nfa_quota **quotas; /* counted */
    size_t n_quotas, cap_quotas;
    struct base_arena scratch;
};

/* A loader for what this matcher itself writes (nfa_cold.c). Owns: *out, nfa_loader_free(), also after an error. */
enum cep_rc nfa_loader_new_own(struct nfa_matcher *m, struct nfa_loader **out, struct cep_err *err);
/* A key as it lies in the tier. *out: NULL when it is lost. Returns: CEP_NONE when it is in memory already. */
enum cep_rc nfa_load_stored_key(struct nfa_loader *l, struct base_str value, int64_t row_deadline,
    struct nfa_key **out, struct cep_err *err);

/* A key that was left for later. *out: NULL when it is lost. Requires: it is not in memory, nor in the tier. */
enum cep_rc nfa_load_later_key(
    struct nfa_loader *l, struct base_str value, struct nfa_key **out, struct cep_err *err);

struct nfa_store {
    uint8_t tag;
    enum nfa_store_kind kind;
    const char *name;
    /* Numbers the events that the key's partial matches hold (nfa_save_ev). */
    void (*collect)(struct nfa_saver *s, const struct nfa_key *k);
    /* Appends the key's partial matches to s->value. */
    void (*save)(struct nfa_saver *s, const struct nfa_key *k);
    /* Reads them into a fresh key; events are l->evs. Malformed bytes set u->bad; the key stays in order. */
    void (*load)(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u);
};

/* When an event was taken last: u8 is there; 1: zigzag microseconds. */
void nfa_save_last(struct base_buf *b, int64_t last);
int64_t nfa_load_last(struct base_unpack *u);

/* nfa_sleep.c: the key's log of events. With b == NULL only its events are numbered. */
void nfa_sleep_save(struct nfa_saver *s, const struct nfa_key *k, struct base_buf *b);
/* Reads it back; `drop`: without keeping it. Requires: the key's partial matches are in. */
void nfa_sleep_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u, bool drop);
/* Returns: the event's object, checked; NULL and u->bad. */
struct nfa_ev *nfa_load_ev(struct nfa_loader *l, struct base_unpack *u, bool *known);

/* The same for one that may be lost: ev is NULL then. */
struct nfa_ev_read {
    struct nfa_ev *ev; /* borrowed */
    uint64_t order;
};
void nfa_load_ev_of(struct nfa_loader *l, struct base_unpack *u, struct nfa_ev_read *e);
/* Returns: the variable now; NFA_NONE when it is no more. */
uint32_t nfa_load_var(struct nfa_loader *l, struct base_unpack *u);
/* Adds up what may be more than fits: counts of partial matches grow exponentially. */
uint64_t nfa_count_more(uint64_t a, uint64_t b);

struct nfa_det_read {
    uint32_t *states; /* as saved; of the loader's scratch */
    uint32_t n;
    uint32_t det; /* of those that still mean something; NFA_NONE = none does */
};
/* `make`: the program has dets, and this one is wanted. */
void nfa_load_det(struct nfa_loader *l, struct base_unpack *u, bool make, struct nfa_det_read *d);
/* Partial matches that stood in it: so many, of which so many are lost whatever their states mean. */
void nfa_lose_det(struct nfa_loader *l, const struct nfa_det_read *d, uint64_t n, uint64_t n_lost);
void nfa_load_quotas(struct nfa_loader *l, struct base_unpack *u);

/* nfa_to_sets.c, nfa_to_runs.c: a key's partial matches taken over from one store into another. */
enum { NFA_CONVERT_MOST = 1 << 20 };
/* Ensures: k->graph (k->fates) has what k's runs are; those are as they were. */
void nfa_runs_to_graph(struct nfa_loader *l, struct nfa_key *k);
void nfa_runs_to_fates(struct nfa_loader *l, struct nfa_key *k);
/* Ensures: k has runs; k->graph (k->fates) is gone. Requires: k had no runs. */
void nfa_graph_to_runs(struct nfa_loader *l, struct nfa_key *k);
void nfa_fates_to_runs(struct nfa_loader *l, struct nfa_key *k);
/* Behind the runs that k has, which are of earlier starts. dets: of the words' states, from 1 on. */
struct nfa_words;
void nfa_words_to_runs(
    struct nfa_loader *l, struct nfa_key *k, const struct nfa_words *w, const struct nfa_det_read *dets);
/* The matcher has what graphs need, whatever its store. */
void nfa_load_graphs(struct nfa_matcher *m);

/* nfa_span_save.c: the spans of a key's graph */
struct nfa_graph;
void nfa_spans_collect(struct nfa_saver *s, const struct nfa_graph *g);
void nfa_spans_save(struct nfa_saver *s);
/* As they are written; 0 = none. Requires: they were collected. */
uint32_t nfa_span_number(const struct nfa_saver *s, uint32_t span);
uint32_t nfa_onward_number(const struct nfa_saver *s, uint32_t onward);

/* Onwards of one cell hang on the first of them. */
enum nfa_onward_part { NFA_ONWARD_FREE = 0, NFA_ONWARD_HEAD, NFA_ONWARD_MORE };

struct nfa_spans_read {
    /* By number, from 1 on; a reference each (of onwards that are MORE their head has it); 0 = not made, or lost. */
    uint32_t *spans, *onwards;
    enum nfa_onward_part *part; /* of the onwards */
    size_t n_spans, n_onwards;
    bool make;
};

/* make: they are wanted. Requires: nfa_spans_read_release() later. */
void nfa_spans_load(struct nfa_spans_read *r, struct nfa_loader *l, struct base_unpack *u, bool make);
void nfa_spans_read_release(struct nfa_spans_read *r, struct nfa_matcher *m);
/* By a number that is read; borrowed; 0 when there is none. */
uint32_t nfa_load_span(const struct nfa_spans_read *r, struct base_unpack *u);
uint32_t nfa_load_onward(const struct nfa_spans_read *r, struct base_unpack *u);
/* Those of a cell: varint n * varint number. Returns: the head. */
uint32_t nfa_load_onwards(struct nfa_spans_read *r, struct nfa_matcher *m, struct base_unpack *u);

/* nfa_settled_save.c: the settled starts of a key's graph */
void nfa_settled_collect(struct nfa_saver *s, const struct nfa_graph *g /* or NULL */);
void nfa_settled_save(struct nfa_saver *s, const struct nfa_graph *g /* or NULL */);
/* Into the key's graph, which is there; `drop`: they are counted as lost. START cells are marked. */
void nfa_settled_load(
    struct nfa_loader *l, struct nfa_key *k /* or NULL */, struct base_unpack *u, bool drop);

extern const struct nfa_store nfa_store_runs, nfa_store_graph, nfa_store_fates, nfa_store_first,
    nfa_store_timed_fates, nfa_store_timed_graph, nfa_store_timed_first, nfa_store_stacks, nfa_store_settled;
/* By tag; NULL when there is none. */
const struct nfa_store *nfa_store_by_tag(uint8_t tag);
const struct nfa_store *nfa_store_of(const struct nfa_prog *p);
void nfa_runs_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u);
