#pragma once
/*
 * nfa_mem -- memory of a matcher's state: small objects of many sizes, given back and handed out again.
 *
 * Sizes up to 256 bytes come in classes of 8 bytes, larger ones in powers of two up to 16 KiB, from blocks that are only
 * returned in nfa_mem_release(); still larger ones come from the system. Under the address sanitizer every object does,
 * so that it sees uses after free and leaks.
 *
 * Threads: none. Cost: O(1); no system allocation once the state has reached its size.
 */
#include <stddef.h>
#include <stdint.h>

enum { NFA_MEM_SMALL = 32, NFA_MEM_CLASSES = NFA_MEM_SMALL + 6 };

struct nfa_mem_block;

struct nfa_mem {
    struct nfa_mem_block *blocks; /* owned, newest first */
    char *next, *end;             /* of the newest block */
    void *free_list[NFA_MEM_CLASSES + 1];
    size_t live;   /* bytes handed out */
    size_t held;   /* bytes of blocks and large objects */
    size_t n_live; /* objects handed out */
    size_t block_size;
};

/* Blocks double in size from the first, 0 = 16 KiB. */
void nfa_mem_init(struct nfa_mem *m, size_t first_block);
void nfa_mem_release(struct nfa_mem *m);
/* Returns: memory of that size, aligned to 8, not cleared. */
void *nfa_mem_get(struct nfa_mem *m, size_t size);
/* Requires: p came from nfa_mem_get() with the same size. NULL is fine. */
void nfa_mem_put(struct nfa_mem *m, void *p, size_t size);
