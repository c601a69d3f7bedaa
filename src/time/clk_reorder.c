/*
 * clk_reorder -- see the header.
 */
#include "time/clk_reorder.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <string.h>

void clk_reorder_init(struct clk_reorder *r) {
    *r = (struct clk_reorder){ 0 };
}

void clk_reorder_release(struct clk_reorder *r) {
    for (size_t i = 0; i < r->n_runs; i++)
        base_free(r->runs[i].rows);
    for (size_t i = 0; i < r->n_spare; i++)
        base_free(r->spare[i].rows);
    base_free(r->runs);
    base_free(r->spare);
    base_free(r->heap);
    *r = (struct clk_reorder){ 0 };
}

static const struct clk_row *last_of(const struct clk_run *run) {
    return &run->rows[run->n - 1];
}

/* Room for n more rows at the end: what was given out already is overwritten before the buffer grows. */
static void run_room(struct clk_run *run, size_t n) {
    if (run->n + n <= run->cap)
        return;
    if (run->head > run->cap / 2) {
        memmove(run->rows, run->rows + run->head, (run->n - run->head) * sizeof *run->rows);
        run->n -= run->head;
        run->head = 0;
        if (run->n + n <= run->cap)
            return;
    }
    size_t cap = run->cap ? run->cap : 64;
    while (cap < run->n + n)
        cap *= 2;
    run->rows = base_realloc(run->rows, base_mul(cap, sizeof *run->rows));
    run->cap = cap;
}

static void run_append(struct clk_run *run, const struct clk_row *rows, size_t n) {
    run_room(run, n);
    memcpy(run->rows + run->n, rows, n * sizeof *rows);
    run->n += n;
}

/* The first run whose last row is not after `row`; n_runs when there is none. */
static size_t find_run(const struct clk_reorder *r, const struct clk_row *row) {
    size_t lo = 0, hi = r->n_runs;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (clk_row_before(row, last_of(&r->runs[mid])))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct clk_run *run_new(struct clk_reorder *r) {
    r->runs = base_grow(r->runs, r->n_runs, &r->cap_runs, sizeof *r->runs);
    struct clk_run *run = &r->runs[r->n_runs++];
    *run = r->n_spare ? r->spare[--r->n_spare] : (struct clk_run){ 0 };
    run->head = run->n = 0;
    return run;
}

void clk_reorder_add(struct clk_reorder *r, const struct clk_row *rows, size_t n) {
    r->n_rows += n;
    for (size_t i = 0; i < n;) {
        /* As many as ascend go to one run, as long as they stay before the end of the run in front of it. */
        size_t at = find_run(r, &rows[i]);
        struct clk_run *run = at < r->n_runs ? &r->runs[at] : run_new(r);
        size_t end = i + 1;
        while (end < n && !clk_row_before(&rows[end], &rows[end - 1]) &&
               (at == 0 || clk_row_before(&rows[end], last_of(&r->runs[at - 1]))))
            end++;
        run_append(run, rows + i, end - i);
        i = end;
    }
}

static bool first_before(const struct clk_reorder *r, uint32_t a, uint32_t b) {
    return clk_row_before(&r->runs[a].rows[r->runs[a].head], &r->runs[b].rows[r->runs[b].head]);
}

static void heap_down(const struct clk_reorder *r, size_t n, size_t i) {
    uint32_t v = r->heap[i];
    for (;;) {
        size_t c = i * 2 + 1;
        if (c >= n)
            break;
        if (c + 1 < n && first_before(r, r->heap[c + 1], r->heap[c]))
            c++;
        if (!first_before(r, r->heap[c], v))
            break;
        r->heap[i] = r->heap[c];
        i = c;
    }
    r->heap[i] = v;
}

/* Empty runs go, the order of the others stays. */
static void drop_empty(struct clk_reorder *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->n_runs; i++) {
        if (r->runs[i].head == r->runs[i].n) {
            r->spare = base_grow(r->spare, r->n_spare, &r->cap_spare, sizeof *r->spare);
            r->spare[r->n_spare++] = r->runs[i];
        } else {
            r->runs[n++] = r->runs[i];
        }
    }
    r->n_runs = n;
}

static size_t take_one_run(struct clk_run *run, int64_t watermark, struct clk_row *out, size_t max) {
    size_t end = run->head + max < run->n ? run->head + max : run->n, n = end - run->head;
    if (n && run->rows[end - 1].time > watermark) {
        size_t lo = run->head, hi = end;
        while (lo < hi) {
            size_t mid = (lo + hi) / 2;
            if (run->rows[mid].time <= watermark)
                lo = mid + 1;
            else
                hi = mid;
        }
        n = lo - run->head;
    }
    memcpy(out, run->rows + run->head, n * sizeof *out);
    run->head += n;
    return n;
}

/* The most usual: two sources that are each in order. */
static size_t take_two_runs(
    struct clk_run *a, struct clk_run *b, int64_t watermark, struct clk_row *out, size_t max) {
    size_t n = 0;
    while (n < max && a->head < a->n && b->head < b->n) {
        const struct clk_row *x = &a->rows[a->head], *y = &b->rows[b->head];
        bool second = clk_row_before(y, x);
        const struct clk_row *least = second ? y : x;
        if (least->time > watermark)
            return n;
        out[n++] = *least;
        a->head += !second;
        b->head += second;
    }
    return n + take_one_run(a->head < a->n ? a : b, watermark, out + n, max - n);
}

size_t clk_reorder_take(struct clk_reorder *r, int64_t watermark, struct clk_row *out, size_t max) {
    size_t n = 0, due = 0;
    if (!r->n_runs || !max)
        return 0;
    if (r->cap_heap < r->n_runs) {
        r->cap_heap = r->n_runs * 2;
        r->heap = base_realloc(r->heap, r->cap_heap * sizeof *r->heap);
    }
    for (size_t i = 0; i < r->n_runs; i++) {
        if (r->runs[i].rows[r->runs[i].head].time <= watermark)
            r->heap[due++] = (uint32_t)i;
    }
    if (due == 1) {
        n = take_one_run(&r->runs[r->heap[0]], watermark, out, max);
    } else if (due == 2) {
        n = take_two_runs(&r->runs[r->heap[0]], &r->runs[r->heap[1]], watermark, out, max);
    } else if (due > 2) {
        for (size_t i = due / 2; i-- > 0;)
            heap_down(r, due, i);
        while (due && n < max) {
            struct clk_run *run = &r->runs[r->heap[0]];
            out[n++] = run->rows[run->head++];
            if (run->head == run->n || run->rows[run->head].time > watermark)
                r->heap[0] = r->heap[--due];
            if (due)
                heap_down(r, due, 0);
        }
    }
    r->n_rows -= n;
    drop_empty(r);
    return n;
}

int64_t clk_reorder_first(const struct clk_reorder *r) {
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < r->n_runs; i++) {
        if (r->runs[i].rows[r->runs[i].head].time < first)
            first = r->runs[i].rows[r->runs[i].head].time;
    }
    return first;
}

size_t clk_reorder_bytes(const struct clk_reorder *r) {
    size_t bytes = 0;
    for (size_t i = 0; i < r->n_runs; i++)
        bytes += r->runs[i].cap * sizeof(struct clk_row);
    for (size_t i = 0; i < r->n_spare; i++)
        bytes += r->spare[i].cap * sizeof(struct clk_row);
    return bytes;
}

void clk_reorder_check(const struct clk_reorder *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->n_runs; i++) {
        const struct clk_run *run = &r->runs[i];
        CEP_INSIST(run->head < run->n && run->n <= run->cap);
        for (size_t k = run->head + 1; k < run->n; k++)
            CEP_INSIST(!clk_row_before(&run->rows[k], &run->rows[k - 1]));
        if (i)
            CEP_INSIST(clk_row_before(last_of(run), last_of(&r->runs[i - 1])));
        n += run->n - run->head;
    }
    CEP_INSIST(n == r->n_rows);
}
