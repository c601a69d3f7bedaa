/*
 * rt_life -- see rt_life.h.
 */
#include "runtime/rt_life.h"

#include "base/base_mem.h"

enum { HEAP_MIN = 64 };

void rt_lives_init(struct rt_lives *l) {
    *l = (struct rt_lives){ .n_lives = 0 };
    base_map_init(&l->index);
}

static void drop(struct rt_life *life) {
    base_free((void *)(uintptr_t)life->identity.p);
    evt_batch_unref(life->record);
    *life = (struct rt_life){ .in_use = false };
}

void rt_lives_release(struct rt_lives *l) {
    for (size_t i = 0; i < l->n_lives; i++)
        drop(&l->lives[i]);
    base_map_release(&l->index);
    base_free(l->lives);
    base_free(l->free_list);
    base_free(l->heap);
}

struct rt_life *rt_lives_find(struct rt_lives *l, struct base_str identity) {
    uint64_t i;
    return base_map_get(&l->index, identity, &i) ? &l->lives[i] : NULL;
}

struct rt_life *rt_lives_make(struct rt_lives *l, struct base_str identity) {
    size_t i;
    if (l->n_free > 0) {
        i = l->free_list[--l->n_free];
    } else {
        l->lives = base_grow(l->lives, l->n_lives, &l->cap_lives, sizeof *l->lives);
        i = l->n_lives++;
    }
    char *copy = base_strndup(identity.p ? identity.p : "", identity.len);
    l->lives[i] = (struct rt_life){ .identity = { copy, identity.len },
        .last_let = EVT_TIME_MIN,
        .deadline = EVT_TIME_MAX,
        .queued = EVT_TIME_MAX,
        .in_use = true,
        .saved = l->saved };
    (void)base_map_put(&l->index, identity, i);
    return &l->lives[i];
}

void rt_lives_forget(struct rt_lives *l, struct rt_life *life) {
    uint32_t i = (uint32_t)(life - l->lives);
    (void)base_map_del(&l->index, life->identity);
    drop(life);
    l->free_list = base_grow(l->free_list, l->n_free, &l->cap_free, sizeof *l->free_list);
    l->free_list[l->n_free++] = i;
}

static void swap(struct rt_deadline *a, struct rt_deadline *b) {
    struct rt_deadline t = *a;
    *a = *b;
    *b = t;
}

static void sink(struct rt_lives *l, size_t i) {
    for (;;) {
        size_t least = i;
        for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < l->n_heap; c++)
            if (l->heap[c].at < l->heap[least].at)
                least = c;
        if (least == i)
            return;
        swap(&l->heap[i], &l->heap[least]);
        i = least;
    }
}

/* Entries of lives that were forgotten, or have an earlier one, lie there until they are due: they go when they are most. */
static void sweep(struct rt_lives *l) {
    size_t n = 0;
    for (size_t i = 0; i < l->n_heap; i++) {
        const struct rt_life *life = &l->lives[l->heap[i].life];
        if (life->in_use && life->queued == l->heap[i].at)
            l->heap[n++] = l->heap[i];
    }
    l->n_heap = n;
    for (size_t i = n / 2; i-- > 0;)
        sink(l, i);
}

static void push(struct rt_lives *l, struct rt_life *life, int64_t at) {
    if (l->n_heap > HEAP_MIN && l->n_heap / 2 > l->n_lives - l->n_free)
        sweep(l);
    life->queued = at;
    l->heap = base_grow(l->heap, l->n_heap, &l->cap_heap, sizeof *l->heap);
    size_t i = l->n_heap++;
    l->heap[i] = (struct rt_deadline){ at, (uint32_t)(life - l->lives) };
    for (; i > 0 && l->heap[i].at < l->heap[(i - 1) / 2].at; i = (i - 1) / 2)
        swap(&l->heap[i], &l->heap[(i - 1) / 2]);
}

void rt_lives_set_deadline(struct rt_lives *l, struct rt_life *life, int64_t at) {
    life->deadline = at;
    if (at < life->queued)
        push(l, life, at);
}

static void pop(struct rt_lives *l) {
    l->heap[0] = l->heap[--l->n_heap];
    sink(l, 0);
}

struct rt_life *rt_lives_due(struct rt_lives *l, int64_t now, int64_t *at) {
    while (l->n_heap > 0 && l->heap[0].at <= now) {
        struct rt_deadline d = l->heap[0];
        pop(l);
        struct rt_life *life = &l->lives[d.life];
        if (!life->in_use || life->queued != d.at)
            continue;
        life->queued = EVT_TIME_MAX;
        if (life->deadline > d.at) {
            if (life->deadline != EVT_TIME_MAX)
                push(l, life, life->deadline);
            continue;
        }
        *at = d.at;
        return life;
    }
    return NULL;
}
