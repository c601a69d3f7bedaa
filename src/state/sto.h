#pragma once
/*
 * sto -- state as it leaves an operator and comes back: entries, and the key groups they are dealt out by.
 *
 *     operator ── save() ──▶ entry, entry, ... ── sto_out ──▶ checkpoint or savepoint
 *     operator ◀─ load() ─── entry, entry, ...   (those of the subtask's key groups) ── then loaded() once
 *
 * An entry is (operator, namespace, key group, key, value). Nothing here knows what an operator is: the value's bytes are its
 * owner's, documented where they are made, and the same on every machine. An entry stands by itself: no entry refers to
 * another one's bytes but to META's.
 *
 * Key groups. hash(canonical key) % STO_KEY_GROUPS, fixed for the life of a job; a subtask owns a contiguous range of them:
 *
 *     parallelism 3:  subtask 0: groups 0..42   1: 43..85   2: 86..127
 *
 * Entries of no group (STO_NO_GROUP) belong to the operator as a whole; on restore every subtask gets all of them, from all
 * the subtasks there were, and takes what is its own.
 *
 * Threads: none here; an operator's save and load run in its task's thread.
 */
#include "base/base_str.h"
#include "cep/error.h"

enum { STO_KEY_GROUPS = 128 };
#define STO_NO_GROUP UINT32_MAX

/* Namespaces are small numbers, each kind of operator has its own; this one is common. */
enum { STO_NS_META = 0 }; /* what the others are read with; has no group */

struct sto_range {
    uint32_t first, n;
};

struct sto_entry {
    uint32_t ns;
    uint32_t group;             /* < STO_KEY_GROUPS, or STO_NO_GROUP */
    struct base_str key, value; /* borrowed: valid during the call */
    /* Of a load: */
    bool stays;     /* valid until the operator says that it needs no more of them (rt_op_vt.load_some) */
    bool elsewhere; /* META of a subtask none of whose key groups are the operator's */
    struct sto_range groups; /* META: the key groups of who saved it */
};

/* Where a save goes. put() copies what it keeps. A (ns, key) comes once in a save of one subtask. */
struct sto_out {
    enum cep_rc (*put)(void *arg, const struct sto_entry *e, struct cep_err *err);
    void *arg;
};

static inline enum cep_rc sto_put(const struct sto_out *out, uint32_t ns, uint32_t group, struct base_str key,
    struct base_str value, struct cep_err *err) {
    return out->put(
        out->arg, &(struct sto_entry){ .ns = ns, .group = group, .key = key, .value = value }, err);
}

/* -- what could not be kept ----------------------------------------------------------------------------------- */

/*
 * State that the operators of today have no place for, counted by operator and by what it was ("partial matches at state
 * \"a, then b\""): what --allow-dropped-state allows, and what is told in any case.
 */
struct sto_loss {
    char *op, *what; /* owned */
    uint64_t n;
};

struct sto_losses {
    struct sto_loss *v; /* owned; in order of first appearance */
    size_t n, cap;
};

void sto_losses_init(struct sto_losses *l);
void sto_losses_release(struct sto_losses *l);
/* l may be NULL. */
void sto_lose(struct sto_losses *l, struct base_str op, struct base_str what, uint64_t n);
uint64_t sto_losses_total(const struct sto_losses *l);

/* -- key groups --------------------------------------------------------------------------------------------- */

/* Of a key's canonical bytes (evt_val_write_key() of its values, one after the other). */
uint32_t sto_group_of(struct base_str canonical);
/* Of their XXH3 hash, for who has it already. */
static inline uint32_t sto_group_of_hash(uint64_t hash) {
    return (uint32_t)(hash % STO_KEY_GROUPS);
}

/* Groups [first, first + n). */
static inline bool sto_range_has(struct sto_range r, uint32_t group) {
    return group >= r.first && group - r.first < r.n;
}
/* Requires: subtask < parallelism, parallelism <= STO_KEY_GROUPS. Ensures: ranges of all subtasks make up all groups. */
struct sto_range sto_range_of(uint32_t subtask, uint32_t parallelism);
/* Returns: the subtask whose range has it. */
uint32_t sto_subtask_of(uint32_t group, uint32_t parallelism);
