/*
 * base_mem -- malloc that does not fail, growth, and checked lengths.
 */
#include "base/base_mem.h"

#include "base/base_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The one exception to "no mutable globals": a counter that belongs to the thread and steers nothing. */
static _Thread_local uint64_t mem_n_allocs;

static _Noreturn void mem_out(size_t size) {
    fprintf(stderr, "cepd: out of memory: could not allocate %zu bytes\n", size);
    abort();
}

void *base_alloc(size_t size) {
    mem_n_allocs++;
    void *p = malloc(size ? size : 1);
    if (!p)
        mem_out(size);
    return p;
}

void *base_calloc(size_t n, size_t size) {
    mem_n_allocs++;
    size_t all = base_mul(n, size);
    void *p = calloc(1, all ? all : 1);
    if (!p)
        mem_out(all);
    return p;
}

void *base_realloc(void *p, size_t size) {
    mem_n_allocs++;
    p = realloc(p, size ? size : 1);
    if (!p)
        mem_out(size);
    return p;
}

void *base_aligned_alloc(size_t align, size_t size) {
    mem_n_allocs++;
    CEP_REQUIRE(align >= sizeof(void *) && (align & (align - 1)) == 0);
    void *p = NULL;
    if (posix_memalign(&p, align, size ? size : 1) != 0)
        mem_out(size);
    return p;
}

void *base_alloc_huge(size_t size) {
    if (size < BASE_HUGE_PAGE)
        return base_alloc(size);
    void *p = base_aligned_alloc(BASE_HUGE_PAGE, size);
#ifdef MADV_HUGEPAGE
    /* A wish: small pages do as well. The part of a page at the end is left to whoever has the rest of it. */
    (void)madvise(p, size & ~(size_t)(BASE_HUGE_PAGE - 1), MADV_HUGEPAGE);
#endif
    return p;
}

char *base_strndup(const char *s, size_t len) {
    char *p = base_alloc(base_add(len, 1));
    if (len)
        memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *base_strdup(const char *s) {
    return base_strndup(s, strlen(s));
}

void base_free(void *p) {
    free(p);
}

uint64_t base_mem_n_allocs(void) {
    return mem_n_allocs;
}

void *base_grow(void *items, size_t n, size_t *cap, size_t item_size) {
    if (n < *cap)
        return items;
    *cap = *cap ? base_mul(*cap, 2) : 8;
    return base_realloc(items, base_mul(*cap, item_size));
}

size_t base_add(size_t a, size_t b) {
    size_t r;
    CEP_INSIST(!__builtin_add_overflow(a, b, &r));
    return r;
}

size_t base_mul(size_t a, size_t b) {
    size_t r;
    CEP_INSIST(!__builtin_mul_overflow(a, b, &r));
    return r;
}
