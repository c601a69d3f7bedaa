/*
 * expr_index -- conditions taken apart and put into tables; a batch against the tables.
 *
 * Failures. What a row's anchor or test says false decides the condition, and then nothing in it fails. A null does not
 * decide: where an anchor's or a test's cell is null and the rest may fail, the rest is evaluated for its failures alone.
 * Conditions with such a rest keep out of the quick way: their tests are looked at when all rows are known.
 */
#include "expr/expr_index_internal.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "expr/expr_build.h"
#include "expr/expr_row.h"

enum { WORDS = EVT_BATCH_ROWS / 64, NO_ANCHOR = UINT32_MAX };

/* A look-up of each row costs what so many kernels cost that run over the whole column. */
enum { FEWEST_NUMBERS = 32, FEWEST_OTHERS = 8 };

/* Up to so many rows an expression is evaluated row by row: compiled kernels run over whole batches. */
enum { FEW_ROWS = 12 };

struct cond {
    const struct expr *e; /* over the batch's columns */
    const struct expr *rest;
    struct expr_vec *vec;     /* owned; of the rest, made when needed; SCAN: of all of it */
    struct expr_test *tests;  /* in the arena */
    uint32_t n_tests, anchor; /* anchor: which of the tests, or NO_ANCHOR */
    bool rest_fails;          /* it may */
};

/* What may become of a column. */
struct col_use {
    struct base_map consts; /* distinct constants of equalities */
    size_t n_bounds;
    size_t n_eq, n_ranges; /* conditions whose anchor they would be */
    struct expr_eq *eq;    /* owned; NULL = none */
    struct expr_ranges *ranges;
    uint32_t *fallible; /* owned; conditions anchored here whose rest may fail */
    size_t n_fallible, cap_fallible;
};

struct expr_index {
    uint32_t fewest; /* see expr_index_new() */
    struct base_arena arena;
    struct base_map known; /* hash of a condition (+ how many with that hash came before) -> its number */
    struct cond *conds;    /* owned */
    size_t n_conds, cap_conds;
    struct col_use *cols; /* owned */
    size_t n_cols;
    uint32_t *scans; /* owned; conditions without an anchor */
    size_t n_scans, cap_scans;
    bool sealed;
    /* One batch. */
    uint32_t epoch;
    uint64_t *stamp; /* owned; a condition: epoch << 32 | slot */
    struct expr_index_hit *hits;
    size_t n_hits, cap_hits;
    uint64_t *rows; /* owned; WORDS a slot */
    size_t n_slots, cap_slots;
    struct expr_index_failed *failed; /* owned */
    size_t n_failed, cap_failed;
    struct base_arena scratch;
    struct base_arena reasons; /* of the last call's failures */
    struct expr_share *share;  /* owned; of all evaluators */
};

struct expr_index *expr_index_new(uint32_t fewest) {
    struct expr_index *ix = base_calloc(1, sizeof *ix);
    ix->fewest = fewest;
    ix->share = expr_share_new();
    base_arena_init(&ix->arena, 0);
    base_arena_init(&ix->scratch, 0);
    base_arena_init(&ix->reasons, 0);
    base_map_init(&ix->known);
    return ix;
}

void expr_index_free(struct expr_index *ix) {
    if (!ix)
        return;
    for (size_t i = 0; i < ix->n_conds; i++)
        expr_vec_free(ix->conds[i].vec);
    expr_share_free(ix->share);
    for (size_t i = 0; i < ix->n_cols; i++) {
        struct col_use *u = &ix->cols[i];
        base_map_release(&u->consts);
        if (u->eq)
            expr_eq_release(u->eq);
        if (u->ranges)
            expr_ranges_release(u->ranges);
        base_free(u->eq);
        base_free(u->ranges);
        base_free(u->fallible);
    }
    base_free(ix->cols);
    base_free(ix->conds);
    base_free(ix->scans);
    base_free(ix->stamp);
    base_free(ix->hits);
    base_free(ix->rows);
    base_free(ix->failed);
    base_map_release(&ix->known);
    base_arena_release(&ix->arena);
    base_arena_release(&ix->reasons);
    base_arena_release(&ix->scratch);
    base_free(ix);
}

/* -- adding --------------------------------------------------------------------------------------------------------- */

static bool keeps_columns(const struct expr *e, const int32_t *col_map) {
    if (e->kind == EXPR_COL && col_map[e->index] != (int32_t)e->index)
        return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!keeps_columns(e->args[i], col_map))
            return false;
    return true;
}

/* The same expression over the batch's columns; what the batch does not have is null. */
static const struct expr *map_columns(struct base_arena *a, const struct expr *e, const int32_t *col_map) {
    struct expr *copy = BASE_ARENA_NEW(a, struct expr);
    *copy = *e;
    if (e->kind == EXPR_COL && col_map[e->index] < 0) {
        copy->kind = EXPR_CONST;
        copy->index = 0;
        copy->val = EVT_VAL_NULL;
    } else if (e->kind == EXPR_COL) {
        copy->index = (uint32_t)col_map[e->index];
    }
    if (e->n_args) {
        const struct expr **args = BASE_ARENA_ARRAY(a, const struct expr *, e->n_args);
        for (uint32_t i = 0; i < e->n_args; i++)
            args[i] = map_columns(a, e->args[i], col_map);
        copy->args = args;
    }
    return copy;
}

uint32_t expr_index_add(struct expr_index *ix, const struct expr *e, const int32_t *col_map) {
    CEP_REQUIRE(!ix->sealed && e->type->kind == EVT_BOOL);
    if (col_map && !keeps_columns(e, col_map))
        e = map_columns(&ix->arena, e, col_map);
    uint64_t found;
    for (uint64_t hash = expr_hash(e);; hash++) {
        struct base_str key = { (const char *)&hash, sizeof hash };
        if (!base_map_get(&ix->known, key, &found)) {
            (void)base_map_put(&ix->known, key, ix->n_conds);
            break;
        }
        if (expr_eq(ix->conds[found].e, e))
            return (uint32_t)found;
    }
    ix->conds = base_grow(ix->conds, ix->n_conds, &ix->cap_conds, sizeof *ix->conds);
    ix->conds[ix->n_conds] = (struct cond){ .e = e, .anchor = NO_ANCHOR };
    return (uint32_t)ix->n_conds++;
}

uint32_t expr_index_count(const struct expr_index *ix) {
    return (uint32_t)ix->n_conds;
}

/* -- taking apart ----------------------------------------------------------------------------------------------------- */

static bool never_fails(const struct expr *e) {
    static const char *const calls[] = { "=", "<>", "<", "<=", ">", ">=" };
    bool known = false;
    switch (e->kind) {
    case EXPR_CONST:
    case EXPR_COL:
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_IN:
    case EXPR_CASE:
    case EXPR_COALESCE:
    case EXPR_FIELD: known = true; break;
    case EXPR_CALL:
        for (size_t i = 0; i < CEP_COUNT_OF(calls); i++)
            known = known || strcmp(calls[i], e->func->name) == 0;
        break;
    case EXPR_CAST: known = e->type->kind == EVT_DOUBLE && e->args[0]->type->kind == EVT_INT; break;
    case EXPR_ELEM:
    case EXPR_ARRAY:
    case EXPR_VAR_COL:
    case EXPR_AGG:
    case EXPR_EVENTS:
    case EXPR_PREV:
    case EXPR_KEY:
    case EXPR_MATCH:
    case EXPR_NAV:
    case EXPR_KIND_MAX: break;
    }
    for (uint32_t i = 0; known && i < e->n_args; i++)
        known = never_fails(e->args[i]);
    return known;
}

struct parts {
    struct expr_test *tests;
    const struct expr **rest;
    uint32_t n_tests, n_rest, cap;
};

static uint32_t count_parts(const struct expr *e) {
    uint32_t n = 0;
    if (e->kind != EXPR_AND)
        return 1;
    for (uint32_t i = 0; i < e->n_args; i++)
        n += count_parts(e->args[i]);
    return n;
}

static void take_apart(struct expr_index *ix, const struct expr *e, struct parts *p) {
    struct expr_test t;
    if (e->kind == EXPR_AND) {
        for (uint32_t i = 0; i < e->n_args; i++)
            take_apart(ix, e->args[i], p);
        return;
    }
    if (!expr_test_of(&ix->arena, e, &t)) {
        p->rest[p->n_rest++] = e;
        return;
    }
    for (uint32_t i = 0; i < p->n_tests; i++)
        if (expr_test_meet(&p->tests[i], &t))
            return;
    p->tests[p->n_tests++] = t;
}

static void cond_take_apart(struct expr_index *ix, struct cond *c) {
    uint32_t n = count_parts(c->e);
    struct parts p = { .tests = BASE_ARENA_ARRAY(&ix->arena, struct expr_test, n),
        .rest = BASE_ARENA_ARRAY(&ix->arena, const struct expr *, n) };
    take_apart(ix, c->e, &p);
    c->tests = p.tests;
    c->n_tests = p.n_tests;
    if (p.n_rest == 1)
        c->rest = p.rest[0];
    else if (p.n_rest > 1)
        c->rest = expr_node_alloc(&ix->arena, EXPR_AND, c->e->type, p.rest, p.n_rest, c->e->span);
    c->rest_fails = c->rest && !never_fails(c->rest);
}

static bool is_equality(const struct expr_test *t) {
    return t->n_vals > 0 || t->lo == t->hi;
}

static void note_use(struct expr_index *ix, const struct expr_test *t) {
    if (t->col >= ix->n_cols) {
        ix->cols = base_realloc(ix->cols, (t->col + (size_t)1) * sizeof *ix->cols);
        for (; ix->n_cols <= t->col; ix->n_cols++) {
            ix->cols[ix->n_cols] = (struct col_use){ 0 };
            base_map_init(&ix->cols[ix->n_cols].consts);
        }
    }
    struct col_use *u = &ix->cols[t->col];
    if (!is_equality(t)) {
        u->n_bounds += (size_t)(t->lo != INT64_MIN) + (t->hi != INT64_MAX);
        return;
    }
    for (uint32_t i = 0; i < t->n_vals; i++) {
        if (t->kind == EVT_STRING || t->kind == EVT_BYTES)
            (void)base_map_put(&u->consts, evt_val_str(&t->vals[i]), 1);
        else
            (void)base_map_put(
                &u->consts, (struct base_str){ (const char *)&t->vals[i].dec, sizeof t->vals[i].dec }, 1);
    }
    if (!t->n_vals)
        (void)base_map_put(&u->consts, (struct base_str){ (const char *)&t->lo, sizeof t->lo }, 1);
}

/*
 * The share of events that may pass, as far as constants can tell: of an equality, one in so many as there are constants (and
 * as many values that nobody names); a range with two bounds is narrow where there are many bounds; with one it is half.
 */
static double share(const struct expr_index *ix, const struct expr_test *t) {
    const struct col_use *u = &ix->cols[t->col];
    if (is_equality(t))
        return (double)(t->n_vals ? t->n_vals : 1) / (double)(2 * u->consts.n_live + 1);
    if (t->lo != INT64_MIN && t->hi != INT64_MAX)
        return 2.0 / (double)(u->n_bounds + 1);
    return 0.5;
}

static void choose_anchor(struct expr_index *ix, struct cond *c) {
    double best = 1;
    for (uint32_t i = 0; i < c->n_tests; i++) {
        double s = share(ix, &c->tests[i]);
        if (s < best) {
            best = s;
            c->anchor = i;
        }
    }
    if (c->anchor == NO_ANCHOR)
        return;
    struct col_use *u = &ix->cols[c->tests[c->anchor].col];
    if (is_equality(&c->tests[c->anchor]))
        u->n_eq++;
    else
        u->n_ranges++;
}

static bool pays_off(const struct expr_index *ix, const struct expr_test *t) {
    const struct col_use *u = &ix->cols[t->col];
    size_t fewest = ix->fewest ? ix->fewest : expr_kind_has_key(t->kind) ? FEWEST_NUMBERS : FEWEST_OTHERS;
    return (is_equality(t) ? u->n_eq : u->n_ranges) >= fewest;
}

static void put_into_table(struct expr_index *ix, uint32_t number) {
    struct cond *c = &ix->conds[number];
    if (c->anchor != NO_ANCHOR && !pays_off(ix, &c->tests[c->anchor]))
        c->anchor = NO_ANCHOR;
    if (c->anchor == NO_ANCHOR) {
        ix->scans = base_grow(ix->scans, ix->n_scans, &ix->cap_scans, sizeof *ix->scans);
        ix->scans[ix->n_scans++] = number;
        return;
    }
    const struct expr_test *t = &c->tests[c->anchor];
    struct col_use *u = &ix->cols[t->col];
    if (c->rest_fails) {
        u->fallible = base_grow(u->fallible, u->n_fallible, &u->cap_fallible, sizeof *u->fallible);
        u->fallible[u->n_fallible++] = number;
    }
    if (!is_equality(t)) {
        if (!u->ranges) {
            u->ranges = base_calloc(1, sizeof *u->ranges);
            expr_ranges_init(u->ranges, t->col, t->kind);
        }
        expr_ranges_add(u->ranges, t->lo, t->hi, number);
        return;
    }
    if (!u->eq) {
        u->eq = base_calloc(1, sizeof *u->eq);
        expr_eq_init(u->eq, t->col, t->kind);
    }
    for (uint32_t i = 0; i < t->n_vals; i++)
        expr_eq_add(u->eq, &t->vals[i], number);
    if (!t->n_vals)
        expr_eq_add_key(u->eq, t->lo, number);
}

void expr_index_seal(struct expr_index *ix) {
    CEP_REQUIRE(!ix->sealed);
    ix->sealed = true;
    for (size_t i = 0; i < ix->n_conds; i++) {
        cond_take_apart(ix, &ix->conds[i]);
        for (uint32_t k = 0; k < ix->conds[i].n_tests; k++)
            note_use(ix, &ix->conds[i].tests[k]);
    }
    for (size_t i = 0; i < ix->n_conds; i++)
        choose_anchor(ix, &ix->conds[i]);
    for (size_t i = 0; i < ix->n_conds; i++)
        put_into_table(ix, (uint32_t)i);
    for (size_t i = 0; i < ix->n_cols; i++) {
        if (ix->cols[i].eq)
            expr_eq_seal(ix->cols[i].eq);
        if (ix->cols[i].ranges)
            expr_ranges_seal(ix->cols[i].ranges);
    }
    base_map_release(&ix->known);
    base_map_init(&ix->known);
    ix->stamp = base_calloc(ix->n_conds + 1, sizeof *ix->stamp);
}

enum expr_index_how expr_index_how(const struct expr_index *ix, uint32_t number, uint32_t *col) {
    const struct cond *c = &ix->conds[number];
    CEP_REQUIRE(ix->sealed);
    if (c->anchor == NO_ANCHOR)
        return EXPR_INDEX_SCAN;
    *col = c->tests[c->anchor].col;
    return is_equality(&c->tests[c->anchor]) ? EXPR_INDEX_EQUAL : EXPR_INDEX_RANGE;
}

/* -- a batch ---------------------------------------------------------------------------------------------------------- */

/* The bitmap of a condition, empty the first time in a batch. */
static uint64_t *rows_of(struct expr_index *ix, uint32_t cond) {
    uint64_t *st = &ix->stamp[cond];
    if (*st >> 32 != ix->epoch) {
        if (ix->n_slots == ix->cap_slots) {
            ix->cap_slots = ix->cap_slots ? ix->cap_slots * 2 : 64;
            ix->rows = base_realloc(ix->rows, ix->cap_slots * WORDS * sizeof *ix->rows);
        }
        uint32_t slot = (uint32_t)ix->n_slots++;
        memset(ix->rows + (size_t)slot * WORDS, 0, WORDS * sizeof *ix->rows);
        *st = (uint64_t)ix->epoch << 32 | slot;
        ix->hits = base_grow(ix->hits, ix->n_hits, &ix->cap_hits, sizeof *ix->hits);
        ix->hits[ix->n_hits++] = (struct expr_index_hit){ cond, slot };
    }
    return ix->rows + (size_t)(uint32_t)*st * WORDS;
}

/* Of a row: true when all tests hold; *null: some cell is null and none is false. */
static bool tests_hold(const struct cond *c, const struct evt_batch *b, uint32_t row, bool *null) {
    bool all = true, any_null = false;
    for (uint32_t i = 0; i < c->n_tests && all; i++) {
        if (i == c->anchor && !c->rest_fails)
            continue;
        if (evt_col_is_null(&b->cols[c->tests[i].col], row))
            any_null = true;
        else
            all = expr_test_holds(&c->tests[i], b, row);
    }
    *null = all && any_null;
    return all && !any_null;
}

static void anchored(
    struct expr_index *ix, const uint32_t *conds, uint32_t n, const struct evt_batch *b, uint32_t row) {
    bool null;
    for (uint32_t i = 0; i < n; i++) {
        const struct cond *c = &ix->conds[conds[i]];
        if (c->n_tests == 1 || c->rest_fails || tests_hold(c, b, row, &null))
            base_bits_set(rows_of(ix, conds[i]), row);
    }
}

static void eval_eq(
    struct expr_index *ix, const struct expr_eq *t, const struct evt_batch *b, const uint64_t *sel) {
    const struct evt_col *c = &b->cols[t->col];
    for (size_t w = 0; w < BASE_BITS_WORDS(b->n_rows); w++) {
        uint64_t left = sel[w] & (c->valid ? c->valid[w] : UINT64_MAX);
        for (; left; left &= left - 1) {
            uint32_t row = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(left)), n;
            const uint32_t *conds = expr_eq_find(t, c, row, &n);
            anchored(ix, conds, n, b, row);
        }
    }
}

static void eval_ranges(
    struct expr_index *ix, const struct expr_ranges *t, const struct evt_batch *b, const uint64_t *sel) {
    const struct evt_col *c = &b->cols[t->col];
    for (size_t w = 0; w < BASE_BITS_WORDS(b->n_rows); w++) {
        uint64_t left = sel[w] & (c->valid ? c->valid[w] : UINT64_MAX);
        for (; left; left &= left - 1) {
            uint32_t row = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(left));
            int64_t key;
            if (!expr_key_of(c, t->kind, row, &key))
                continue;
            for (uint32_t node = expr_ranges_leaf(t, key); node; node = t->up[node])
                anchored(ix, t->items + t->off[node], t->off[node + 1] - t->off[node], b, row);
        }
    }
}

/* Where the anchor is null nothing is decided, and a rest that fails has failed. */
static void add_nulls(struct expr_index *ix, const struct col_use *u, uint32_t col, const struct evt_batch *b,
    const uint64_t *sel) {
    const uint64_t *valid = b->cols[col].valid;
    uint64_t null[WORDS], any = 0;
    if (!valid || !u->n_fallible)
        return;
    for (size_t w = 0; w < BASE_BITS_WORDS(b->n_rows); w++) {
        null[w] = sel[w] & ~valid[w];
        any |= null[w];
    }
    for (size_t i = 0; any && i < u->n_fallible; i++) {
        uint64_t *rows = rows_of(ix, u->fallible[i]);
        for (size_t w = 0; w < BASE_BITS_WORDS(b->n_rows); w++)
            rows[w] |= null[w];
    }
}

static struct expr_fails *fails_new(struct expr_index *ix, uint32_t cond) {
    ix->failed = base_grow(ix->failed, ix->n_failed, &ix->cap_failed, sizeof *ix->failed);
    struct expr_index_failed *f = &ix->failed[ix->n_failed];
    *f = (struct expr_index_failed){ .cond = cond };
    return &f->fails;
}

static void eval_few(struct expr_index *ix, const struct expr *e, const struct evt_batch *b,
    const uint64_t *sel, int64_t now_us, uint64_t *out, struct expr_fails *fails) {
    struct expr_row env;
    expr_row_init(&env, &ix->scratch, now_us);
    for (size_t row = base_bits_next(sel, b->n_rows, 0); row < b->n_rows;
         row = base_bits_next(sel, b->n_rows, row + 1)) {
        expr_row_at(&env, b, (uint32_t)row);
        base_bits_put(out, row, expr_eval_bool(e, &env.env));
        if (env.env.failure) {
            base_bits_set(fails->rows, row);
            fails->n++;
            fails->reason = fails->reason ? fails->reason
                                          : base_arena_printf(&ix->reasons, "%s", env.env.failure);
        }
    }
    base_arena_clear(&ix->scratch);
}

/* What is left of a condition on the rows that got so far. Returns: whether it holds for any. */
static bool eval_rest(
    struct expr_index *ix, uint32_t number, const struct evt_batch *b, uint64_t *rows, int64_t now_us) {
    struct cond *c = &ix->conds[number];
    uint64_t open[WORDS], out[WORDS] = { 0 }, any = 0;
    size_t words = BASE_BITS_WORDS(b->n_rows), n = 0;
    memcpy(open, rows, words * sizeof *open);
    if (c->rest_fails) {
        for (size_t row = base_bits_next(rows, b->n_rows, 0); row < b->n_rows;
             row = base_bits_next(rows, b->n_rows, row + 1)) {
            bool null;
            if (tests_hold(c, b, (uint32_t)row, &null))
                continue;
            base_bits_unset(rows, row);
            if (!null)
                base_bits_unset(open, row);
        }
    }
    for (size_t w = 0; w < words; w++)
        n += (size_t)__builtin_popcountll(open[w]);
    struct expr_fails *fails = fails_new(ix, number);
    if (n > FEW_ROWS) {
        if (!c->vec)
            c->vec = expr_vec_new_in(ix->share, c->rest, NULL);
        expr_vec_filter(c->vec, b, open, now_us, out, fails);
    } else {
        eval_few(ix, c->rest, b, open, now_us, out, fails);
    }
    ix->n_failed += fails->n > 0;
    for (size_t w = 0; w < words; w++) {
        rows[w] &= out[w];
        any |= rows[w];
    }
    return any;
}

static void eval_scan(
    struct expr_index *ix, uint32_t number, const struct evt_batch *b, const uint64_t *sel, int64_t now_us) {
    struct cond *c = &ix->conds[number];
    uint64_t out[WORDS] = { 0 }, any = 0;
    if (!c->vec)
        c->vec = expr_vec_new_in(ix->share, c->e, NULL);
    struct expr_fails *fails = fails_new(ix, number);
    expr_vec_filter(c->vec, b, sel, now_us, out, fails);
    ix->n_failed += fails->n > 0;
    for (size_t w = 0; w < BASE_BITS_WORDS(b->n_rows); w++)
        any |= out[w];
    if (any)
        memcpy(rows_of(ix, number), out, sizeof out);
}

static void next_epoch(struct expr_index *ix) {
    if (++ix->epoch == 0) {
        memset(ix->stamp, 0, ix->n_conds * sizeof *ix->stamp);
        ix->epoch = 1;
    }
    ix->n_hits = ix->n_slots = ix->n_failed = 0;
}

void expr_index_eval(struct expr_index *ix, const struct evt_batch *b, const uint64_t *sel, int64_t now_us,
    struct expr_index_out *out) {
    CEP_REQUIRE(ix->sealed && b->n_rows <= EVT_BATCH_ROWS);
    uint64_t all[WORDS];
    base_bits_fill(all, b->n_rows);
    sel = sel ? sel : b->sel;
    for (size_t w = 0; sel && w < BASE_BITS_WORDS(b->n_rows); w++)
        all[w] &= sel[w];
    base_arena_clear(&ix->reasons);
    next_epoch(ix);
    expr_share_open(ix->share, b);
    for (size_t i = 0; i < ix->n_cols; i++) {
        const struct col_use *u = &ix->cols[i];
        if (u->eq)
            eval_eq(ix, u->eq, b, all);
        if (u->ranges)
            eval_ranges(ix, u->ranges, b, all);
        add_nulls(ix, u, (uint32_t)i, b, all);
    }
    size_t n = 0;
    for (size_t i = 0; i < ix->n_hits; i++) {
        struct expr_index_hit h = ix->hits[i];
        if (!ix->conds[h.cond].rest || eval_rest(ix, h.cond, b, ix->rows + (size_t)h.slot * WORDS, now_us))
            ix->hits[n++] = h;
    }
    ix->n_hits = n;
    for (size_t i = 0; i < ix->n_scans; i++)
        eval_scan(ix, ix->scans[i], b, all, now_us);
    expr_share_close(ix->share);
    *out = (struct expr_index_out){ ix->hits, (uint32_t)ix->n_hits, ix->failed, (uint32_t)ix->n_failed };
}

const uint64_t *expr_index_rows(const struct expr_index *ix, const struct expr_index_hit *hit) {
    return ix->rows + (size_t)hit->slot * WORDS;
}
