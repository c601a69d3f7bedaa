/*
 * expr_acc_rows -- rows of a column to the accumulators of their groups, a loop for each shape.
 */
#include "expr/expr_acc_internal.h"

enum { FETCH_AHEAD = 8 }; /* rows whose sets are fetched before they are looked into */

static struct expr_acc *acc_at(char *const *to, size_t off, uint32_t i) {
    return (struct expr_acc *)(void *)(to[i] + off);
}

static void step_ints(
    const struct evt_col *col, const uint16_t *rows, char *const *to, size_t off, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct expr_acc *a = acc_at(to, off, i);
        a->n++;
        expr_acc_add_whole(a, col->i[rows[i]]);
    }
}

static void step_decimals(
    const struct evt_col *col, const uint16_t *rows, char *const *to, size_t off, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct expr_acc *a = acc_at(to, off, i);
        a->n++;
        expr_acc_add_whole(a, col->dec[rows[i]]);
    }
}

static void step_reals(
    const struct evt_col *col, const uint16_t *rows, char *const *to, size_t off, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct expr_acc *a = acc_at(to, off, i);
        a->n++;
        expr_acc_add_real(a, col->d[rows[i]]);
    }
}

static void step_least(const struct expr_acc_fn *f, const struct evt_col *col, const uint16_t *rows,
    char *const *to, size_t off, uint32_t n) {
    bool least = f->agg == EXPR_AGG_MIN;
    if (f->arg->kind == EVT_DOUBLE) {
        for (uint32_t i = 0; i < n; i++)
            expr_acc_step_least(f, acc_at(to, off, i), col->i[rows[i]]);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct expr_acc *a = acc_at(to, off, i);
        int64_t x = col->i[rows[i]];
        if (a->n++ == 0 || (least ? x < a->least : x > a->least))
            a->least = x;
    }
}

static bool step_moments(
    const struct evt_col *col, const uint16_t *rows, char *const *to, size_t off, uint32_t n) {
    if (col->type->kind != EVT_INT && col->type->kind != EVT_DOUBLE)
        return false;
    bool whole = col->type->kind == EVT_INT;
    for (uint32_t i = 0; i < n; i++)
        expr_acc_step_moments(acc_at(to, off, i), whole ? (double)col->i[rows[i]] : col->d[rows[i]]);
    return true;
}

/* A set is three steps away: its accumulator, what that owns, the slot. */
static void step_sets_of_ints(
    const struct evt_col *col, const uint16_t *rows, char *const *to, size_t off, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (i + 2 * FETCH_AHEAD < n)
            __builtin_prefetch(acc_at(to, off, i + 2 * FETCH_AHEAD)->more);
        const struct expr_acc *next = i + FETCH_AHEAD < n ? acc_at(to, off, i + FETCH_AHEAD) : NULL;
        if (next && next->more)
            expr_ints_fetch(&next->more->ints, col->i[rows[i + FETCH_AHEAD]]);
        expr_acc_step_ints(acc_at(to, off, i), col->i[rows[i]]);
    }
}

/* By what values are known by, in one buffer for all rows. */
static void step_canonical(const struct evt_col *col, const uint16_t *rows, char *const *to, size_t off,
    uint32_t n, void (*step)(struct expr_acc *a, struct base_str canonical)) {
    struct base_buf b = BASE_BUF_INIT;
    struct base_arena scratch;
    base_arena_init(&scratch, 0);
    for (uint32_t i = 0; i < n; i++) {
        base_buf_clear(&b);
        evt_col_write_key(&b, col, rows[i], &scratch);
        step(acc_at(to, off, i), base_buf_view(&b));
    }
    base_arena_release(&scratch);
    base_buf_release(&b);
}

bool expr_acc_step_rows(const struct expr_acc_fn *f, const struct evt_col *col, const uint16_t *rows,
    char *const *to, size_t off, uint32_t n) {
    switch (expr_acc_shape_of(f)) {
    case SHAPE_COUNT:
        for (uint32_t i = 0; i < n; i++)
            acc_at(to, off, i)->n++;
        return true;
    case SHAPE_SUM:
        (col->type->kind == EVT_DECIMAL ? step_decimals : step_ints)(col, rows, to, off, n);
        return true;
    case SHAPE_REAL: step_reals(col, rows, to, off, n); return true;
    case SHAPE_LEAST: step_least(f, col, rows, to, off, n); return true;
    case SHAPE_MOMENTS: return step_moments(col, rows, to, off, n);
    case SHAPE_INTS: step_sets_of_ints(col, rows, to, off, n); return true;
    case SHAPE_SET: step_canonical(col, rows, to, off, n, expr_acc_step_set); return true;
    case SHAPE_HLL: step_canonical(col, rows, to, off, n, expr_acc_step_hll); return true;
    case SHAPE_DDS:
        if (col->type->kind != EVT_INT && col->type->kind != EVT_DOUBLE)
            return false;
        for (uint32_t i = 0; i < n; i++)
            expr_acc_step_dds(
                acc_at(to, off, i), col->type->kind == EVT_INT ? (double)col->i[rows[i]] : col->d[rows[i]]);
        return true;
    case SHAPE_ONE:
    case SHAPE_LIST:
    case SHAPE_RUN:
    case SHAPE_BAG:
    case SHAPE_USER: break;
    }
    return false;
}
