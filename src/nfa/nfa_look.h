#pragma once
/*
 * nfa_look -- what the saved entries of a pattern hold, told without the pattern that saved them: META names everything.
 *
 *     META ── nfa_look_new() ──▶ nfa_look     names of states, variables, streams, columns
 *     KEY  ── nfa_look_key() ──▶ events taken, and the partial matches made of them, whichever store kept them
 *     ROW  ── nfa_look_row() ──▶ an event that waits for the watermark
 *
 * Partial matches that stand for many (a shared graph, starts with one fate) are told one by one, NFA_LOOK_MATCHES at most; how many
 * there are is always known. Entries may be any bytes: what makes no sense is CEP_EDAMAGED.
 *
 * Cost: O(bytes of the entry), and O(steps told). Threads: none.
 */
#include "event/evt_batch.h"
#include "state/sto.h"

enum { NFA_LOOK_MATCHES = 1000 };

struct nfa_look_input {
    struct base_str name;
    const struct evt_schema *schema;
};

/* Everything lives as long as it. */
struct nfa_look {
    int64_t watermark;
    int64_t within_us; /* from the first event to the last; -1 = no such limit */
    uint32_t n_keys, n_vars, n_inputs, n_kept, n_states;
    const struct evt_column *keys; /* the columns of `partition by`, or what they were called */
    const struct base_str *vars;
    const struct nfa_look_input *inputs;
    const struct evt_column *kept; /* what events taken keep */
    const struct base_str *states; /* "wait b | c" */
    const int64_t *bound_us;       /* by state: after the last event; -1 = none */
    struct nfa_look_internal *in;  /* owned */
};

/* Returns: CEP_EDAMAGED, CEP_EVERSION. */
enum cep_rc nfa_look_new(struct base_str meta, struct nfa_look **out, struct cep_err *err);
void nfa_look_free(struct nfa_look *l); /* NULL is fine */

struct nfa_look_event {
    uint32_t input;
    int64_t time;
    const struct evt_val *vals; /* of l->kept; null where the stream has no such column */
};

struct nfa_look_step {
    uint32_t var, event;
};

struct nfa_look_match {
    bool complete;     /* it waits for an earlier one, as its skip policy has it */
    uint32_t n_states; /* where it stands: one of them; complete: none */
    const uint32_t *states;
    uint32_t n_steps; /* at least 1 */
    const struct nfa_look_step *steps;
    int64_t deadline; /* when its time is over; EVT_TIME_MAX = never */
};

struct nfa_look_key {
    const char *store;          /* "runs", "graph", "fates" */
    const struct evt_val *vals; /* of l->keys */
    uint64_t n_matches_before;  /* emitted so far */
    uint32_t n_events;
    const struct nfa_look_event *events;
    uint64_t n_open;    /* partial matches; UINT64_MAX = more than can be counted */
    uint64_t n_waiting; /* complete ones */
    uint64_t n_asleep;  /* starts that sleep while an earlier one is open */
    uint64_t n_history; /* events that prev() may ask for */
    int64_t deadline;   /* the first one of those told */
    uint32_t n_matches; /* those told: open ones first */
    const struct nfa_look_match *matches;
};

/* `tell`: the matches too, not only their number. Everything in the arena or borrowed from the entry. */
enum cep_rc nfa_look_key(const struct nfa_look *l, const struct sto_entry *e, bool tell, struct base_arena *a,
    struct nfa_look_key *out, struct cep_err *err);
/* Returns: the row as a batch of l->inputs[*input].schema, the caller's. */
enum cep_rc nfa_look_row(const struct nfa_look *l, const struct sto_entry *e, uint32_t *input,
    struct evt_batch **row, struct cep_err *err);

/* Of entries: what they are. */
bool nfa_look_is_key(const struct sto_entry *e);
bool nfa_look_is_row(const struct sto_entry *e);
