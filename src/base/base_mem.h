#pragma once
/*
 * base_mem -- allocation that does not fail.
 *
 * Running out of system memory aborts with a message: recovery from small failed allocations is code
 * that never runs. Budgets are counted by their owners and answered with CEP_ELIMIT.
 * base_mem_n_allocs() counts calls made by this thread: tests assert that the event path makes none.
 */
#include <stddef.h>
#include <stdint.h>

void *base_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *base_calloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
void *base_realloc(void *p, size_t size) __attribute__((alloc_size(2), returns_nonnull));
void *base_aligned_alloc(size_t align, size_t size) __attribute__((alloc_size(2), returns_nonnull));
/* For tables and blocks of megabytes: from 2 MiB on aligned to that, and on huge pages where the system gives them on demand,
 * for an access to small ones costs a look-up of the page besides. Not cleared. */
enum { BASE_HUGE_PAGE = 2 << 20 };
void *base_alloc_huge(size_t size) __attribute__((alloc_size(1), returns_nonnull));
char *base_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *base_strndup(const char *s, size_t len) __attribute__((malloc, returns_nonnull));
void base_free(void *p);

/* Returns: allocations made by the calling thread since it started. */
uint64_t base_mem_n_allocs(void);

/*
 * Makes room for one more element in a growing array: doubles `*cap` (from 8) when n == *cap.
 *     run->evs = base_grow(run->evs, run->n_evs, &run->cap_evs, sizeof *run->evs);
 */
void *base_grow(void *items, size_t n, size_t *cap, size_t item_size);

/* Checked arithmetic on lengths: an overflow is our own bug and aborts. */
size_t base_add(size_t a, size_t b);
size_t base_mul(size_t a, size_t b);
