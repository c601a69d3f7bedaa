/*
 * nfa_mem -- see the header.
 */
#include "nfa/nfa_mem.h"

#include "base/base_mem.h"

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

struct nfa_mem_block {
    struct nfa_mem_block *next;
    size_t size;
};

enum { NFA_MEM_FIRST_BLOCK = 16 << 10, NFA_MEM_MAX_BLOCK = 1 << 20, NFA_MEM_LARGEST = 16 << 10 };

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

void nfa_mem_init(struct nfa_mem *m, size_t first_block) {
    memset(m, 0, sizeof *m);
    m->block_size = first_block ? first_block : NFA_MEM_FIRST_BLOCK;
}

void nfa_mem_release(struct nfa_mem *m) {
    while (m->blocks) {
        struct nfa_mem_block *b = m->blocks;
        m->blocks = b->next;
        base_free(b);
    }
    nfa_mem_init(m, 0);
}

static void *from_block(struct nfa_mem *m, size_t size) {
    if ((size_t)(m->end - m->next) < size) {
        while (m->block_size < size)
            m->block_size *= 2;
        struct nfa_mem_block *b = base_alloc(sizeof *b + m->block_size);
        *b = (struct nfa_mem_block){ m->blocks, m->block_size };
        m->blocks = b;
        m->next = (char *)(b + 1);
        m->end = m->next + m->block_size;
        m->held += m->block_size;
        if (m->block_size < NFA_MEM_MAX_BLOCK)
            m->block_size *= 2;
    }
    void *p = m->next;
    m->next += size;
    return p;
}

void *nfa_mem_get(struct nfa_mem *m, size_t size) {
    unsigned c = class_of(&size);
    m->live += size;
    m->n_live++;
    if (NFA_MEM_PASS_THROUGH || c == NFA_MEM_CLASSES) {
        m->held += size;
        return base_alloc(size);
    }
    void *p = m->free_list[c];
    if (!p)
        return from_block(m, size);
    memcpy(&m->free_list[c], p, sizeof(void *));
    return p;
}

void nfa_mem_put(struct nfa_mem *m, void *p, size_t size) {
    if (!p)
        return;
    unsigned c = class_of(&size);
    m->live -= size;
    m->n_live--;
    if (NFA_MEM_PASS_THROUGH || c == NFA_MEM_CLASSES) {
        m->held -= size;
        base_free(p);
        return;
    }
    memcpy(p, &m->free_list[c], sizeof(void *));
    m->free_list[c] = p;
}
