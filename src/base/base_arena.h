#pragma once
/*
 * base_arena -- memory for what lives together, freed in one go.
 *
 * Blocks are chained and double in size up to 2 MiB (a huge page); a request larger than a block gets one of its own.
 * Arenas are named by lifetime (parse, compile, program, partition, event); a function that allocates
 * takes the arena as a parameter, and nothing points from a longer life to a shorter one.
 * Under --enable-checks and the address sanitizer freed memory is poisoned.
 *
 * Threads: none. Cost: alloc O(1); reset O(blocks).
 */
#include "base/base_str.h"

#include <stdarg.h>
#include <stddef.h>

struct base_arena_block;
struct base_arena_cleanup;

struct base_arena {
    struct base_arena_block *blocks;     /* owned, newest first */
    struct base_arena_cleanup *cleanups; /* live in the arena, newest first */
    size_t block_size;                   /* of the next block */
    size_t used;                         /* bytes handed out since init or clear */
};

void base_arena_init(struct base_arena *a, size_t first_block_size /* 0 = 4 KiB */);
void base_arena_release(struct base_arena *a);
/* Empties it for reuse; keeps the largest block. Cleanups run, newest first. */
void base_arena_clear(struct base_arena *a);

/* Returns: zeroed memory, aligned for any type. */
void *base_arena_alloc(struct base_arena *a, size_t size) __attribute__((alloc_size(2), returns_nonnull));
void *base_arena_calloc(struct base_arena *a, size_t n, size_t size)
    __attribute__((alloc_size(2, 3), returns_nonnull));
/* The same on a boundary of 64 bytes: what is used together is in as few cache lines as can be. */
void *base_arena_alloc_lines(struct base_arena *a, size_t size)
    __attribute__((alloc_size(2), returns_nonnull));
char *base_arena_strdup(struct base_arena *a, const char *s);
char *base_arena_strndup(struct base_arena *a, const char *s, size_t len);
struct base_str base_arena_str(struct base_arena *a, struct base_str s); /* copies; NUL-terminated too */
char *base_arena_printf(struct base_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Array growth inside an arena: as base_grow(), the old array stays until the arena goes. */
void *base_arena_grow(struct base_arena *a, void *items, size_t n, size_t *cap, size_t item_size);

/* Calls fn(arg) when the arena is cleared or released: for what is not memory (files, pcre2 code). */
void base_arena_on_release(struct base_arena *a, void (*fn)(void *arg), void *arg);

#define BASE_ARENA_NEW(a, type)      ((type *)base_arena_alloc((a), sizeof(type)))
#define BASE_ARENA_ARRAY(a, type, n) ((type *)base_arena_calloc((a), (n), sizeof(type)))
