/*
 * base_arena -- blocks, the bump pointer in the newest one, and cleanups.
 */
#include "base/base_arena.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <stdint.h>
#include <stdio.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { ARENA_ALIGN = _Alignof(max_align_t), ARENA_FIRST = 4096, ARENA_LARGEST = BASE_HUGE_PAGE };

struct base_arena_block {
    struct base_arena_block *next; /* older */
    size_t cap, len;               /* bytes of data */
    _Alignas(max_align_t) char data[];
};

struct base_arena_cleanup {
    struct base_arena_cleanup *next;
    void (*fn)(void *arg);
    void *arg;
};

void base_arena_init(struct base_arena *a, size_t first_block_size) {
    *a = (struct base_arena){ .block_size = first_block_size ? first_block_size : ARENA_FIRST };
}

static void arena_run_cleanups(struct base_arena *a) {
    while (a->cleanups) {
        struct base_arena_cleanup *c = a->cleanups;
        a->cleanups = c->next;
        c->fn(c->arg);
    }
}

static void arena_free_block(struct base_arena_block *b) {
    ASAN_UNPOISON_MEMORY_REGION(b->data, b->cap);
    CEP_CHECKED(memset(b->data, 0xa5, b->cap));
    base_free(b);
}

void base_arena_release(struct base_arena *a) {
    arena_run_cleanups(a);
    while (a->blocks) {
        struct base_arena_block *b = a->blocks;
        a->blocks = b->next;
        arena_free_block(b);
    }
    base_arena_init(a, 0);
}

void base_arena_clear(struct base_arena *a) {
    arena_run_cleanups(a);
    struct base_arena_block *keep = NULL;
    while (a->blocks) {
        struct base_arena_block *b = a->blocks;
        a->blocks = b->next;
        if (!keep || b->cap > keep->cap) {
            struct base_arena_block *smaller = keep;
            keep = b;
            b = smaller;
        }
        if (b)
            arena_free_block(b);
    }
    if (keep) {
        keep->next = NULL;
        ASAN_UNPOISON_MEMORY_REGION(keep->data, keep->cap);
        CEP_CHECKED(memset(keep->data, 0xa5, keep->len));
        keep->len = 0;
        ASAN_POISON_MEMORY_REGION(keep->data, keep->cap);
    }
    a->blocks = keep;
    a->used = 0;
}

static struct base_arena_block *arena_new_block(struct base_arena *a, size_t size) {
    /* The largest are huge pages, head and all. */
    size_t cap = a->block_size - (a->block_size == ARENA_LARGEST ? sizeof(struct base_arena_block) : 0);
    bool own = size > cap;
    if (own)
        cap = size;
    else if (a->block_size < ARENA_LARGEST)
        a->block_size *= 2;
    struct base_arena_block *b = base_alloc_huge(base_add(sizeof *b, cap));
    b->cap = cap;
    b->len = 0;
    ASAN_POISON_MEMORY_REGION(b->data, b->cap);
    /* A block of its own goes behind the newest, whose rest stays in use. */
    if (own && a->blocks) {
        b->next = a->blocks->next;
        a->blocks->next = b;
    } else {
        b->next = a->blocks;
        a->blocks = b;
    }
    return b;
}

/* The bytes are not zeroed. */
static void *arena_take(struct base_arena *a, size_t size) {
    size_t rounded = base_add(size ? size : 1, ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct base_arena_block *b = a->blocks;
    if (!b || b->cap - b->len < rounded)
        b = arena_new_block(a, rounded);
    char *p = b->data + b->len;
    b->len += rounded;
    a->used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}

void *base_arena_alloc(struct base_arena *a, size_t size) {
    return memset(arena_take(a, size), 0, size);
}

void *base_arena_calloc(struct base_arena *a, size_t n, size_t size) {
    return base_arena_alloc(a, base_mul(n, size));
}

char *base_arena_strndup(struct base_arena *a, const char *s, size_t len) {
    char *p = arena_take(a, base_add(len, 1));
    if (len)
        memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

void *base_arena_alloc_lines(struct base_arena *a, size_t size) {
    enum { LINE = 64 };
    uintptr_t p = (uintptr_t)base_arena_alloc(a, base_add(size, LINE - ARENA_ALIGN));
    return (void *)((p + LINE - 1) & ~(uintptr_t)(LINE - 1));
}

char *base_arena_strdup(struct base_arena *a, const char *s) {
    return base_arena_strndup(a, s, strlen(s));
}

struct base_str base_arena_str(struct base_arena *a, struct base_str s) {
    return (struct base_str){ base_arena_strndup(a, s.p, s.len), s.len };
}

char *base_arena_printf(struct base_arena *a, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    CEP_INSIST(n >= 0);
    char *p = arena_take(a, (size_t)n + 1);
    n = vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    CEP_INSIST(n >= 0);
    return p;
}

void *base_arena_grow(struct base_arena *a, void *items, size_t n, size_t *cap, size_t item_size) {
    if (n < *cap)
        return items;
    *cap = *cap ? base_mul(*cap, 2) : 8;
    void *grown = base_arena_calloc(a, *cap, item_size);
    if (n)
        memcpy(grown, items, n * item_size);
    return grown;
}

void base_arena_on_release(struct base_arena *a, void (*fn)(void *arg), void *arg) {
    struct base_arena_cleanup *c = BASE_ARENA_NEW(a, struct base_arena_cleanup);
    *c = (struct base_arena_cleanup){ a->cleanups, fn, arg };
    a->cleanups = c;
}
