#pragma once
/*
 * nfa_entries -- what a save put out, kept and compared as a set.
 */
#include "state/sto.h"

struct entry {
    uint32_t ns, group;
    char *key, *value; /* owned */
    size_t key_len, value_len;
};

struct entries {
    struct entry *v;
    size_t n, cap;
    size_t fail_at; /* the put with this number fails with CEP_EIO; 0 = none */
};

/* As sto_out.put; arg: struct entries. */
enum cep_rc nfa_entries_put(void *arg, const struct sto_entry *e, struct cep_err *err);
void nfa_entries_remove(struct entries *es, size_t i);
void nfa_entries_clear(struct entries *es);
void nfa_entries_release(struct entries *es);
/* Sorts both. Keys of the store of sets that were loaded in between may be the same state in other bytes: `loaded` compares
 * only which there are; those of the store of runs may differ in the numbers of steps. */
void nfa_entries_assert_same(struct entries *want, struct entries *got, bool loaded, const char *what);
