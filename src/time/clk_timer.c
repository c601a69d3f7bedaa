/*
 * clk_timer -- see the header. Four children a parent: half the levels of a binary heap, and the children of one
 * entry share two cache lines.
 */
#include "time/clk_timer.h"

#include "base/base_check.h"
#include "base/base_mem.h"

void clk_timers_init(struct clk_timers *t) {
    *t = (struct clk_timers){ 0 };
}

void clk_timers_release(struct clk_timers *t) {
    base_free(t->heap);
    *t = (struct clk_timers){ 0 };
}

static bool before(const struct clk_timer_entry *a, const struct clk_timer_entry *b) {
    return a->at < b->at || (a->at == b->at && a->serial < b->serial);
}

static void put(struct clk_timers *t, size_t i, const struct clk_timer_entry *e) {
    t->heap[i] = *e;
    if (e->timer)
        e->timer->pos = i + 1;
}

static void sift_up(struct clk_timers *t, size_t i, struct clk_timer_entry e) {
    while (i > 0 && before(&e, &t->heap[(i - 1) / 4])) {
        put(t, i, &t->heap[(i - 1) / 4]);
        i = (i - 1) / 4;
    }
    put(t, i, &e);
}

static void sift_down(struct clk_timers *t, size_t i, struct clk_timer_entry e) {
    for (;;) {
        size_t first = i * 4 + 1, best = first;
        if (first >= t->n)
            break;
        size_t end = first + 4 < t->n ? first + 4 : t->n;
        for (size_t c = first + 1; c < end; c++) {
            if (before(&t->heap[c], &t->heap[best]))
                best = c;
        }
        if (!before(&t->heap[best], &e))
            break;
        put(t, i, &t->heap[best]);
        i = best;
    }
    put(t, i, &e);
}

/* Sweeps the cancelled ones out and builds the heap anew. */
static void sweep(struct clk_timers *t) {
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (t->heap[i].timer)
            t->heap[n++] = t->heap[i];
    }
    t->n = n;
    t->n_dead = 0;
    for (size_t i = 0; i < n; i++)
        t->heap[i].timer->pos = i + 1;
    for (size_t i = n / 4 + 1; i-- > 0;) {
        if (i < n)
            sift_down(t, i, t->heap[i]);
    }
}

void clk_timer_add(struct clk_timers *t, struct clk_timer *timer, int64_t at) {
    CEP_REQUIRE(timer->pos == 0);
    t->heap = base_grow(t->heap, t->n, &t->cap, sizeof *t->heap);
    struct clk_timer_entry e = { at, t->serial++, timer };
    t->n++;
    sift_up(t, t->n - 1, e);
}

void clk_timer_cancel(struct clk_timers *t, struct clk_timer *timer) {
    if (timer->pos == 0)
        return;
    t->heap[timer->pos - 1].timer = NULL;
    timer->pos = 0;
    t->n_dead++;
    if (t->n_dead > 64 && t->n_dead > t->n / 2)
        sweep(t);
}

int64_t clk_timer_at(const struct clk_timers *t, const struct clk_timer *timer) {
    CEP_REQUIRE(timer->pos != 0);
    return t->heap[timer->pos - 1].at;
}

static void drop_top(struct clk_timers *t) {
    struct clk_timer_entry last = t->heap[--t->n];
    if (t->n)
        sift_down(t, 0, last);
}

static void skip_dead(struct clk_timers *t) {
    while (t->n && !t->heap[0].timer) {
        drop_top(t);
        t->n_dead--;
    }
}

int64_t clk_timers_next(struct clk_timers *t, bool *any) {
    skip_dead(t);
    *any = t->n > 0;
    return t->n ? t->heap[0].at : INT64_MAX;
}

struct clk_timer *clk_timers_pop(struct clk_timers *t, int64_t now, int64_t *at) {
    skip_dead(t);
    if (!t->n || t->heap[0].at > now)
        return NULL;
    struct clk_timer *timer = t->heap[0].timer;
    *at = t->heap[0].at;
    timer->pos = 0;
    drop_top(t);
    return timer;
}

void clk_timers_check(const struct clk_timers *t) {
    size_t dead = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (i)
            CEP_INSIST(!before(&t->heap[i], &t->heap[(i - 1) / 4]));
        if (t->heap[i].timer)
            CEP_INSIST(t->heap[i].timer->pos == i + 1);
        else
            dead++;
    }
    CEP_INSIST(dead == t->n_dead);
}
