#pragma once
/*
 * nfa_mem -- memory of a matcher's state: small objects of many sizes, given back and handed out again.
 *
 * Sizes up to 256 bytes come in classes of 8 bytes, larger ones in powers of two up to 16 KiB, from the blocks of a pool,
 * which are only returned with it; still larger ones come from the system. Under the address sanitizer every object does, so
 * that it sees uses after free and leaks.
 *
 * A matcher has a pool of its own, or shares one with others of its thread: of thousands of matchers, each with a little state,
 * the objects then lie side by side, and what one has just given back, which is in the cache, the next one gets.
 *
 * Threads: none. Cost: O(1); no system allocation once the state has reached its size.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NFA_MEM_SMALL = 32, NFA_MEM_CLASSES = NFA_MEM_SMALL + 6 };

struct nfa_mem_block;

struct nfa_mem_pool {
    char *next, *end; /* of the newest block */
    void *free_list[NFA_MEM_CLASSES + 1];
    struct nfa_mem_block *blocks; /* owned, newest first */
    size_t block_size;            /* of the next */
    size_t held;                  /* bytes of blocks */
};

struct nfa_mem {
    struct nfa_mem_pool *pool;
    size_t live;   /* bytes handed out */
    size_t n_live; /* objects handed out */
    size_t large;  /* bytes of objects that the system serves */
    bool shared;   /* the pool is another's */
};

struct nfa_mem_pool *nfa_mem_pool_new(void);
void nfa_mem_pool_free(struct nfa_mem_pool *p); /* NULL is fine */

/* pool NULL: one of its own. */
void nfa_mem_init(struct nfa_mem *m, struct nfa_mem_pool *pool);
/* Requires: of a shared pool, that all was given back. */
void nfa_mem_release(struct nfa_mem *m);
/* Returns: memory of that size, aligned to 8, not cleared. */
void *nfa_mem_get(struct nfa_mem *m, size_t size);
/* Requires: p came from nfa_mem_get() with the same size. NULL is fine. */
void nfa_mem_put(struct nfa_mem *m, void *p, size_t size);
/* Bytes that are there for it: of a shared pool those handed out, whose blocks cannot be told apart. */
static inline size_t nfa_mem_held(const struct nfa_mem *m) {
    return m->shared ? m->live : m->pool->held + m->large;
}
