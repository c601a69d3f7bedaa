/*
 * clk_timer -- see the header. Four children a parent: half the levels of a binary heap, and the children of one
 * entry share two cache lines.
 */
#include "time/clk_timer.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <string.h>

enum { LINE_MIN = 16 };

void clk_timers_init(struct clk_timers *t) {
    *t = (struct clk_timers){ .serial = 1 };
}

void clk_timers_release(struct clk_timers *t) {
    base_free(t->heap);
    base_free(t->line);
    base_free(t->slots);
    *t = (struct clk_timers){ .serial = 1 };
}

static bool before(const struct clk_timer_entry *a, const struct clk_timer_entry *b) {
    return a->at < b->at || (a->at == b->at && a->serial < b->serial);
}

static bool is_dead(const struct clk_timers *t, const struct clk_timer_entry *e) {
    return t->slots[e->slot].serial != e->serial;
}

/* -- the heap ------------------------------------------------------------------------------------------------------ */

static void sift_up(struct clk_timers *t, size_t i, struct clk_timer_entry e) {
    while (i > 0 && before(&e, &t->heap[(i - 1) / 4])) {
        t->heap[i] = t->heap[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    t->heap[i] = e;
}

static void sift_down(struct clk_timers *t, size_t i, struct clk_timer_entry e) {
    for (;;) {
        size_t first = i * 4 + 1, best = first;
        if (first >= t->n_heap)
            break;
        size_t end = first + 4 < t->n_heap ? first + 4 : t->n_heap;
        for (size_t c = first + 1; c < end; c++) {
            if (before(&t->heap[c], &t->heap[best]))
                best = c;
        }
        if (!before(&t->heap[best], &e))
            break;
        t->heap[i] = t->heap[best];
        i = best;
    }
    t->heap[i] = e;
}

static void drop_top(struct clk_timers *t) {
    struct clk_timer_entry last = t->heap[--t->n_heap];
    if (t->n_heap)
        sift_down(t, 0, last);
}

/* -- the line ------------------------------------------------------------------------------------------------------ */

static struct clk_timer_entry *line_at(const struct clk_timers *t, size_t i) {
    return &t->line[(t->head + i) & (t->cap_line - 1)];
}

static void line_grow(struct clk_timers *t) {
    size_t cap = t->cap_line ? 2 * t->cap_line : LINE_MIN;
    struct clk_timer_entry *v = base_alloc(base_mul(cap, sizeof *v));
    for (size_t i = 0; i < t->n_line; i++)
        v[i] = *line_at(t, i);
    base_free(t->line);
    t->line = v;
    t->head = 0;
    t->cap_line = cap;
}

static void line_drop(struct clk_timers *t) {
    t->head = (t->head + 1) & (t->cap_line - 1);
    t->n_line--;
}

/* -- timers -------------------------------------------------------------------------------------------------------- */

static size_t slot_new(struct clk_timers *t) {
    if (t->free_slot) {
        size_t i = t->free_slot - 1;
        t->free_slot = (size_t)t->slots[i].at;
        return i;
    }
    t->slots = base_grow(t->slots, t->n_slots, &t->cap_slots, sizeof *t->slots);
    return t->n_slots++;
}

static void slot_free(struct clk_timers *t, size_t i) {
    t->slots[i] = (struct clk_timer_slot){ .at = (int64_t)t->free_slot };
    t->free_slot = i + 1;
}

/* Sweeps the cancelled ones out and builds the heap anew. */
static void sweep(struct clk_timers *t) {
    size_t n = 0;
    for (size_t i = 0; i < t->n_heap; i++) {
        if (!is_dead(t, &t->heap[i]))
            t->heap[n++] = t->heap[i];
    }
    t->n_heap = n;
    for (size_t i = n / 4 + 1; i-- > 0;) {
        if (i < n)
            sift_down(t, i, t->heap[i]);
    }
    n = 0;
    for (size_t i = 0; i < t->n_line; i++) {
        if (!is_dead(t, line_at(t, i)))
            *line_at(t, n++) = *line_at(t, i);
    }
    t->n_line = n;
    t->n_dead = 0;
}

void clk_timer_add(struct clk_timers *t, struct clk_timer *timer, int64_t at) {
    CEP_REQUIRE(timer->slot == 0);
    size_t slot = slot_new(t);
    struct clk_timer_entry e = { at, t->serial++, slot };
    t->slots[slot] = (struct clk_timer_slot){ at, e.serial, timer };
    timer->slot = slot + 1;
    for (; t->n_line && is_dead(t, line_at(t, t->n_line - 1)); t->n_dead--)
        t->n_line--;
    if (t->n_line && line_at(t, t->n_line - 1)->at > at) {
        t->heap = base_grow(t->heap, t->n_heap, &t->cap_heap, sizeof *t->heap);
        sift_up(t, t->n_heap++, e);
        return;
    }
    if (t->n_line == t->cap_line)
        line_grow(t);
    *line_at(t, t->n_line++) = e;
}

void clk_timer_cancel(struct clk_timers *t, struct clk_timer *timer) {
    if (timer->slot == 0)
        return;
    slot_free(t, timer->slot - 1);
    timer->slot = 0;
    t->n_dead++;
    if (t->n_dead > 64 && t->n_dead > (t->n_heap + t->n_line) / 2)
        sweep(t);
}

int64_t clk_timer_at(const struct clk_timers *t, const struct clk_timer *timer) {
    CEP_REQUIRE(timer->slot != 0);
    return t->slots[timer->slot - 1].at;
}

static void skip_dead(struct clk_timers *t) {
    for (; t->n_line && is_dead(t, line_at(t, 0)); t->n_dead--)
        line_drop(t);
    for (; t->n_heap && is_dead(t, &t->heap[0]); t->n_dead--)
        drop_top(t);
}

/* Of the line's and the heap's first ones; NULL when there is neither. */
static const struct clk_timer_entry *first_of(const struct clk_timers *t) {
    const struct clk_timer_entry *line = t->n_line ? line_at(t, 0) : NULL;
    if (!t->n_heap)
        return line;
    return line && before(line, &t->heap[0]) ? line : &t->heap[0];
}

int64_t clk_timers_next(struct clk_timers *t, bool *any) {
    skip_dead(t);
    const struct clk_timer_entry *first = first_of(t);
    *any = first != NULL;
    return first ? first->at : INT64_MAX;
}

struct clk_timer *clk_timers_peek(const struct clk_timers *t, int64_t now) {
    const struct clk_timer_entry *first = first_of(t);
    return first && first->at <= now ? t->slots[first->slot].timer : NULL;
}

struct clk_timer *clk_timers_pop(struct clk_timers *t, int64_t now, int64_t *at) {
    skip_dead(t);
    const struct clk_timer_entry *first = first_of(t);
    if (!first || first->at > now)
        return NULL;
    struct clk_timer *timer = t->slots[first->slot].timer;
    *at = first->at;
    timer->slot = 0;
    slot_free(t, first->slot);
    if (t->n_heap && first == t->heap)
        drop_top(t);
    else
        line_drop(t);
    return timer;
}

size_t clk_timers_bytes(const struct clk_timers *t) {
    return (t->cap_heap + t->cap_line) * sizeof *t->heap + t->cap_slots * sizeof *t->slots;
}

static size_t check_entry(const struct clk_timers *t, const struct clk_timer_entry *e) {
    const struct clk_timer_slot *s = &t->slots[e->slot];
    CEP_INSIST(e->slot < t->n_slots && e->serial && e->serial < t->serial);
    if (is_dead(t, e))
        return 1;
    CEP_INSIST(s->at == e->at && s->timer->slot == e->slot + 1);
    return 0;
}

void clk_timers_check(const struct clk_timers *t) {
    size_t dead = 0, waiting = 0;
    for (size_t i = 0; i < t->n_heap; i++) {
        CEP_INSIST(!i || !before(&t->heap[i], &t->heap[(i - 1) / 4]));
        dead += check_entry(t, &t->heap[i]);
    }
    for (size_t i = 0; i < t->n_line; i++) {
        CEP_INSIST(!i || before(line_at(t, i - 1), line_at(t, i)));
        dead += check_entry(t, line_at(t, i));
    }
    for (size_t i = 0; i < t->n_slots; i++)
        waiting += t->slots[i].serial != 0;
    CEP_INSIST(dead == t->n_dead && waiting == t->n_heap + t->n_line - dead);
}
