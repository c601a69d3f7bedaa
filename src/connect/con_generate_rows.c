/*
 * con_generate_rows -- made-up rows, a column at a time.
 *
 * Every column has a random sequence of its own, seeded by seed and column number, so that a column's values do not
 * depend on what the other columns are made of, nor on the size of batches.
 */
#include "connect/con_generate.h"
#include "connect/con_value.h"

#include <math.h>

enum { GEN_PREFIX_MAX = 64 };

struct gen_col {
    struct gen_spec spec;
    uint64_t state; /* of its random sequence */
    uint64_t nulls; /* of the sequence that says which are null */
};

struct gen_source {
    struct con_source src;
    struct base_arena arena;
    struct gen_col *cols;
    uint64_t rows, done; /* rows 0 = no end */
    uint64_t first;      /* done when this run began */
    int64_t rate, started_us;
    int64_t start_us, step_us, disorder_us;
    uint64_t null_below; /* of 2^32 */
    int64_t next_us;     /* when the next row is due */
};

/* splitmix64: one addition and a mix; good enough for made-up data, and its state is one word. */
static inline uint64_t gen_next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* As n calls of gen_next() leave it. */
static void gen_skip(uint64_t *state, uint64_t n) {
    *state += n * UINT64_C(0x9e3779b97f4a7c15);
}

/* Evenly in [0, n), n > 0. */
static inline uint64_t gen_below(uint64_t *state, uint64_t n) {
    return (uint64_t)(((unsigned __int128)gen_next(state) * n) >> 64);
}

/* Evenly in [0, 1). */
static inline double gen_unit(uint64_t *state) {
    return (double)(gen_next(state) >> 11) * 0x1p-53;
}

static double gen_normal(uint64_t *state) {
    double u = 1.0 - gen_unit(state), v = gen_unit(state);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

/* Numbers are made as doubles or as 64-bit integers by the column's type. */
static void gen_put_number(struct evt_col *c, uint32_t row, double d, int64_t i) {
    switch (c->type->kind) {
    case EVT_DOUBLE: con_cell_d(c, row, d); return;
    case EVT_BOOL: con_cell_b(c, row, i != 0); return;
    case EVT_DECIMAL:
        con_cell_valid(c, row);
        c->dec[row] = i;
        return;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: con_cell_i(c, row, i); return;
    case EVT_NULL:
    case EVT_STRING:
    case EVT_BYTES:
    case EVT_ARRAY:
    case EVT_ROW:
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a type that con_generate_spec() lets through");
}

static void gen_uniform(struct gen_col *g, struct evt_col *c, uint32_t from, uint32_t to) {
    if (c->type->kind == EVT_DOUBLE) {
        for (uint32_t row = from; row < to; row++)
            con_cell_d(c, row, g->spec.a + gen_unit(&g->state) * g->spec.b);
        return;
    }
    if (c->type->kind == EVT_INT || c->type->kind == EVT_TIMESTAMP || c->type->kind == EVT_DURATION) {
        for (uint32_t row = from; row < to; row++)
            con_cell_i(c, row, g->spec.i + (int64_t)gen_below(&g->state, (uint64_t)g->spec.width + 1));
        return;
    }
    for (uint32_t row = from; row < to; row++)
        gen_put_number(c, row, 0, g->spec.i + (int64_t)gen_below(&g->state, (uint64_t)g->spec.width + 1));
}

static void gen_put_key(const struct gen_spec *spec, struct evt_col *c, uint32_t row, uint64_t k) {
    if (c->type->kind == EVT_INT) {
        con_cell_i(c, row, (int64_t)k);
        return;
    }
    char text[GEN_PREFIX_MAX + 24 + CON_PAD];
    memcpy(text, spec->prefix.p ? spec->prefix.p : "", spec->prefix.len);
    unsigned digits = 1;
    for (uint64_t x = k; x >= 10; x /= 10)
        digits++;
    for (unsigned i = digits; i-- > 0; k /= 10)
        text[spec->prefix.len + i] = (char)('0' + k % 10);
    evt_col_set_bytes(c, row, text, (uint32_t)spec->prefix.len + digits);
}

static uint64_t gen_zipf(struct gen_col *g) {
    double u = gen_unit(&g->state);
    uint64_t low = 0, high = g->spec.n_keys - 1;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (g->spec.cdf[mid] > u)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void gen_pick(struct gen_col *g, struct evt_col *c, uint32_t from, uint32_t to) {
    for (uint32_t row = from; row < to; row++) {
        uint64_t u = g->spec.n_choices > 1 ? gen_below(&g->state, g->spec.total) : 0;
        uint32_t i = 0;
        while (g->spec.choices[i].below <= u)
            i++;
        evt_col_set_val(c, row, &g->spec.choices[i].val);
    }
}

static int64_t gen_clamp(double d) {
    return d > 9.2e18 ? INT64_MAX : d < -9.2e18 ? INT64_MIN : (int64_t)d;
}

static void gen_column(
    struct gen_source *gs, struct gen_col *g, struct evt_col *c, uint32_t from, uint32_t to) {
    uint64_t first = gs->done;
    switch (g->spec.kind) {
    case GEN_UNIFORM: gen_uniform(g, c, from, to); return;
    case GEN_NORMAL:
        for (uint32_t row = from; row < to; row++) {
            double d = g->spec.a + gen_normal(&g->state) * g->spec.b;
            gen_put_number(c, row, d, gen_clamp(d));
        }
        return;
    case GEN_KEY:
        for (uint32_t row = from; row < to; row++)
            gen_put_key(&g->spec, c, row, gen_below(&g->state, g->spec.n_keys));
        return;
    case GEN_ZIPF:
        for (uint32_t row = from; row < to; row++)
            gen_put_key(&g->spec, c, row, gen_zipf(g));
        return;
    case GEN_PICK: gen_pick(g, c, from, to); return;
    case GEN_SEQUENCE:
        for (uint32_t row = from; row < to; row++) {
            uint64_t i = first + (row - from);
            gen_put_number(c, row, g->spec.a + g->spec.b * (double)i,
                (int64_t)((uint64_t)g->spec.i + (uint64_t)g->spec.width * i));
        }
        return;
    case GEN_CLOCK:
        for (uint32_t row = from; row < to; row++) {
            int64_t late = gs->disorder_us ? (int64_t)gen_below(&g->state, (uint64_t)gs->disorder_us + 1) : 0;
            con_cell_i(c, row, gs->start_us + (int64_t)(first + (row - from)) * gs->step_us - late);
        }
        return;
    case GEN_NULL:
        for (uint32_t row = from; row < to; row++)
            evt_col_set_null(c, row);
        return;
    case GEN_CONST: /* read as a pick of one */
    case GEN_MAX: break;
    }
    CEP_INSIST(!"a kind of column spec");
}

/* Numbers that a row takes of its column's sequence. */
static unsigned gen_draws(const struct gen_source *gs, const struct gen_spec *spec) {
    switch (spec->kind) {
    case GEN_UNIFORM:
    case GEN_KEY:
    case GEN_ZIPF: return 1;
    case GEN_NORMAL: return 2;
    case GEN_PICK: return spec->n_choices > 1;
    case GEN_CLOCK: return gs->disorder_us != 0;
    case GEN_SEQUENCE:
    case GEN_NULL: return 0;
    case GEN_CONST:
    case GEN_MAX: break;
    }
    CEP_INSIST(!"a kind of column spec");
    return 0;
}

/* Some rows null: done afterwards, which strings cannot have (their bytes lie one behind the other), so those go first. */
static void gen_column_nulls(struct gen_source *gs, struct gen_col *g, const struct evt_column *column,
    struct evt_col *c, uint32_t from, uint32_t to) {
    if (gs->null_below == 0 || column->not_null || g->spec.kind == GEN_CLOCK) {
        gen_column(gs, g, c, from, to);
        return;
    }
    uint64_t done = gs->done;
    for (uint32_t row = from; row < to; row++, gs->done++) {
        gen_column(gs, g, c, row, row + 1);
        if ((gen_next(&g->nulls) >> 32) < gs->null_below)
            evt_col_set_null(c, row);
    }
    gs->done = done;
}

/* How many rows are due. */
static uint64_t gen_due(struct gen_source *gs, uint64_t want) {
    if (gs->rows > 0 && gs->rows - gs->done < want)
        want = gs->rows - gs->done;
    if (gs->rate == 0)
        return want;
    int64_t now = con_mono(&gs->src.env);
    if (gs->started_us == INT64_MIN)
        gs->started_us = now;
    uint64_t due = gs->first + (uint64_t)((__int128)(now - gs->started_us) * gs->rate / 1000000) + 1;
    if (due <= gs->done) {
        gs->next_us = gs->started_us + (int64_t)((__int128)(gs->done - gs->first) * 1000000 / gs->rate) + 1;
        return 0;
    }
    return due - gs->done < want ? due - gs->done : want;
}

static enum cep_rc gen_rows(
    struct con_source *src, struct con_part *part, struct evt_batch *batch, struct cep_err *err) {
    struct gen_source *gs = (struct gen_source *)src;
    (void)err;
    if (gs->rows > 0 && gs->done >= gs->rows)
        return CEP_NONE;
    uint32_t n = (uint32_t)gen_due(gs, batch->cap_rows - batch->n_rows);
    if (n == 0)
        return CEP_AGAIN;
    uint32_t from = batch->n_rows, to = from + n;
    for (uint32_t i = 0; i < src->node->schema->n_cols; i++)
        gen_column_nulls(gs, &gs->cols[i], &src->node->schema->cols[i], &batch->cols[i], from, to);
    for (uint32_t row = from; row < to; row++)
        batch->seq[row] = gs->done++;
    batch->n_rows = to;
    part->rd.position = gs->done;
    return CEP_OK;
}

static int64_t gen_next_poll(struct con_source *src) {
    return ((struct gen_source *)src)->next_us;
}

/* Where `start = 'now'` was. */
static void gen_save(struct con_source *src, struct con_part *part, struct base_buf *note) {
    (void)part;
    base_pack_zigzag(note, ((struct gen_source *)src)->start_us);
}

static enum cep_rc gen_restore(struct con_source *src, struct con_part *part,
    const struct con_partition *saved, struct base_unpack *note, struct cep_err *err) {
    struct gen_source *gs = (struct gen_source *)src;
    (void)err;
    if (saved->note.len) {
        int64_t start_us = base_unpack_zigzag(note);
        if (base_str_ieq(
                plan_opt_str(src->node->source.opts, src->node->source.n_opts, "start", ""), BASE_STR("now")))
            gs->start_us = start_us;
    }
    gs->first = gs->done = part->rd.position;
    for (uint32_t i = 0; i < src->node->schema->n_cols; i++) {
        struct gen_col *g = &gs->cols[i];
        gen_skip(&g->state, gs->done * gen_draws(gs, &g->spec));
        if (gs->null_below > 0 && !src->node->schema->cols[i].not_null && g->spec.kind != GEN_CLOCK)
            gen_skip(&g->nulls, gs->done);
    }
    return saved->done && gs->rows > 0 && gs->done >= gs->rows ? CEP_NONE
                                                               : CEP_OK; /* `rows` may be more now */
}

static enum cep_rc gen_begin(struct con_source *src, struct cep_err *err) {
    return src->n_parts > 0 || con_source_add(src, "generate", NULL, err) ? CEP_OK : CEP_EINVAL;
}

static void gen_close(struct con_source *src) {
    struct gen_source *gs = (struct gen_source *)src;
    base_arena_release(&gs->arena);
    base_free(gs);
}

static enum cep_rc gen_open(const struct plan_node *node, const struct con_env *env,
    const struct con_format *format, struct con_source **out, struct cep_err *err) {
    const struct plan_opt *opts = node->source.opts;
    uint32_t n = node->source.n_opts;
    struct gen_source *gs = base_calloc(1, sizeof *gs);
    con_source_init(&gs->src, &con_generate_source, node, env, NULL);
    (void)format; /* rows are made, not decoded */
    base_arena_init(&gs->arena, 0);
    gs->rows = (uint64_t)plan_opt_int(opts, n, "rows", 0);
    gs->rate = env->ends_now ? 0 : plan_opt_int(opts, n, "rate", 0);
    gs->started_us = INT64_MIN;
    gs->src.bounded = gs->rows > 0;
    gs->step_us = plan_opt_int(opts, n, "step", gs->rate ? (1000000 + gs->rate / 2) / gs->rate : 1000);
    gs->disorder_us = plan_opt_int(opts, n, "disorder", 0);
    struct base_str start = plan_opt_str(opts, n, "start", "2026-01-01 00:00:00");
    if (base_str_ieq(start, BASE_STR("now")))
        gs->start_us = con_now(env);
    else
        (void)base_parse_timestamp(start, &gs->start_us); /* source_check() has seen it */
    const struct plan_opt *share = plan_opt_find(opts, n, "null_share");
    double d = !share ? 0 : share->type->kind == EVT_DOUBLE ? share->val.d : (double)share->val.i;
    gs->null_below = (uint64_t)(d * 4294967296.0);
    gs->cols = BASE_ARENA_ARRAY(&gs->arena, struct gen_col, node->schema->n_cols);
    uint64_t seed = (uint64_t)plan_opt_int(opts, n, "seed", 1);
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; rc == CEP_OK && i < node->schema->n_cols; i++) {
        const struct evt_column *column = &node->schema->cols[i];
        rc = con_generate_spec(&gs->arena, column, con_generate_opt(column, opts, n),
            plan_opt_int(opts, n, "keys", 1000), &gs->cols[i].spec, err);
        gs->cols[i].state = seed * UINT64_C(0x2545f4914f6cdd1d) + i;
        (void)gen_next(&gs->cols[i].state);
        gs->cols[i].state ^= (uint64_t)i << 32;
        gs->cols[i].nulls = gen_next(&gs->cols[i].state) ^ UINT64_C(0x5851f42d4c957f2d);
    }
    if (rc != CEP_OK) {
        con_source_close(&gs->src);
        return rc;
    }
    *out = &gs->src;
    return CEP_OK;
}

const struct con_source_vt con_generate_source = { .open = gen_open,
    .begin = gen_begin,
    .save = gen_save,
    .restore = gen_restore,
    .rows = gen_rows,
    .next_poll = gen_next_poll,
    .close = gen_close };
