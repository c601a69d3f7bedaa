/*
 * nfa_mem -- see the header.
 */
#include "nfa/nfa_mem.h"

#include "base/base_mem.h"

struct nfa_mem_block {
    struct nfa_mem_block *next;
    size_t size;
};

enum { NFA_MEM_FIRST_BLOCK = 16 << 10, NFA_MEM_LARGEST = 16 << 10 };

/* Returns: the class, and its size in *size; NFA_MEM_CLASSES for what the system serves. */
static unsigned class_of(size_t *size) {
    if (*size <= 256) {
        unsigned c = *size ? (unsigned)((*size + 7) / 8) - 1 : 0;
        *size = (c + 1) * 8;
        return c;
    }
    if (*size > NFA_MEM_LARGEST)
        return NFA_MEM_CLASSES;
    unsigned log2 = 64 - (unsigned)__builtin_clzll(*size - 1);
    *size = (size_t)1 << log2;
    return NFA_MEM_SMALL + log2 - 9;
}

struct nfa_mem_pool *nfa_mem_pool_new(void) {
    struct nfa_mem_pool *p = base_calloc(1, sizeof *p);
    p->block_size = NFA_MEM_FIRST_BLOCK;
    return p;
}

void nfa_mem_pool_free(struct nfa_mem_pool *p) {
    while (p && p->blocks) {
        struct nfa_mem_block *b = p->blocks;
        p->blocks = b->next;
        base_free(b);
    }
    base_free(p);
}

void nfa_mem_init(struct nfa_mem *m, struct nfa_mem_pool *pool) {
    *m = (struct nfa_mem){ .pool = pool ? pool : nfa_mem_pool_new(), .shared = pool != NULL };
}

void nfa_mem_release(struct nfa_mem *m) {
    if (!m->shared)
        nfa_mem_pool_free(m->pool);
    *m = (struct nfa_mem){ 0 };
}

/* Blocks double in size until they are a huge page. */
static void *from_block(struct nfa_mem_pool *p, size_t size) {
    if ((size_t)(p->end - p->next) < size) {
        struct nfa_mem_block *b;
        while (p->block_size < size + sizeof *b)
            p->block_size *= 2;
        b = base_alloc_huge(p->block_size);
        *b = (struct nfa_mem_block){ p->blocks, p->block_size };
        p->blocks = b;
        p->next = (char *)(b + 1);
        p->end = (char *)b + p->block_size;
        p->held += p->block_size;
        if (p->block_size < BASE_HUGE_PAGE)
            p->block_size *= 2;
    }
    void *got = p->next;
    p->next += size;
    return got;
}

void *nfa_mem_get_any(struct nfa_mem *m, size_t size) {
    unsigned c = class_of(&size);
    m->live += size;
    m->n_live++;
    if (NFA_MEM_PASS_THROUGH || c == NFA_MEM_CLASSES) {
        m->large += size;
        return base_alloc_huge(size);
    }
    void *p = m->pool->free_list[c];
    if (!p)
        return from_block(m->pool, size);
    memcpy(&m->pool->free_list[c], p, sizeof(void *));
    return p;
}

void nfa_mem_put_any(struct nfa_mem *m, void *p, size_t size) {
    if (!p)
        return;
    unsigned c = class_of(&size);
    m->live -= size;
    m->n_live--;
    if (NFA_MEM_PASS_THROUGH || c == NFA_MEM_CLASSES) {
        m->large -= size;
        base_free(p);
        return;
    }
    memcpy(p, &m->pool->free_list[c], sizeof(void *));
    m->pool->free_list[c] = p;
}
