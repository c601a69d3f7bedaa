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
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define NFA_MEM_PASS_THROUGH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NFA_MEM_PASS_THROUGH 1
#endif
#endif
#ifndef NFA_MEM_PASS_THROUGH
#define NFA_MEM_PASS_THROUGH 0
#endif

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
/* As nfa_mem_get() and nfa_mem_put(), of any size. */
void *nfa_mem_get_any(struct nfa_mem *m, size_t size);
void nfa_mem_put_any(struct nfa_mem *m, void *p, size_t size);

static inline bool nfa_mem_is_small(size_t size) {
    return !NFA_MEM_PASS_THROUGH && size - 1 < NFA_MEM_SMALL * 8;
}
/* Returns: memory of that size, aligned to 8, not cleared. Inline: most objects are small and were given back before. */
static inline void *nfa_mem_get(struct nfa_mem *m, size_t size) {
    size_t c = (size - 1) / 8;
    void *p = nfa_mem_is_small(size) ? m->pool->free_list[c] : NULL;
    if (!p)
        return nfa_mem_get_any(m, size);
    memcpy(&m->pool->free_list[c], p, sizeof(void *));
    m->live += (c + 1) * 8;
    m->n_live++;
    return p;
}
/* Requires: p came from nfa_mem_get() with the same size. NULL is fine. */
static inline void nfa_mem_put(struct nfa_mem *m, void *p, size_t size) {
    size_t c = (size - 1) / 8;
    if (!p || !nfa_mem_is_small(size)) {
        nfa_mem_put_any(m, p, size);
        return;
    }
    memcpy(p, &m->pool->free_list[c], sizeof(void *));
    m->pool->free_list[c] = p;
    m->live -= (c + 1) * 8;
    m->n_live--;
}
/* Bytes that are there for it: of a shared pool those handed out, whose blocks cannot be told apart. */
static inline size_t nfa_mem_held(const struct nfa_mem *m) {
    return m->shared ? m->live : m->pool->held + m->large;
}
