/*
 * Many patterns together against each of them alone: random sets of patterns, random events, the same results in the same
 * order, the same counts; also when state is saved on the way, of a group or of single ones, and loaded into the other. And
 * that those with nothing to do are left alone.
 *
 * NFA_RANDOM_SEED and NFA_RANDOM_CASES choose other cases and more of them.
 */
#include "nfa/nfa_many.h"

#include "base/base_bits.h"
#include "base/base_mem.h"
#include "base/base_pack.h"
#include "dsl/dsl_compile.h"
#include "dsl/dsl_diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct plan_opt_spec no_opts[] = { { .name = "path", .kind = EVT_STRING }, { 0 } };
static const struct plan_connector_spec file_connector = { .name = "file",
    .is_source = true,
    .is_sink = true,
    .bounded = true,
    .source_opts = no_opts,
    .sink_opts = no_opts };
static const struct plan_format_spec json_format = { .name = "json", .decodes = true, .encodes = true };
static const struct plan_connector_spec *const connectors[] = { &file_connector, NULL };
static const struct plan_format_spec *const formats[] = { &json_format, NULL };
static const struct plan_catalog catalog = { .connectors = connectors, .formats = formats };

static const char streams[] =
    "stream s (card int, amount double, country string, n int, at timestamp) from file (path = 'x') "
    "format json event time at watermark ascending;\n"
    "stream t (card int, amount double, country string, n int, code string, at timestamp) from file (path = "
    "'y') "
    "format json event time at watermark ascending;\n";

enum { S_CARD, S_AMOUNT, S_COUNTRY, S_N, S_AT, T_CODE = S_AT, T_AT };

static struct plan *compile(const char *text) {
    struct dsl_diag diag;
    struct plan *plan = NULL;
    dsl_diag_init(&diag);
    struct dsl_sources src = { .text = { text, strlen(text) }, .text_name = "many" };
    struct dsl_params none = { 0 };
    if (dsl_compile(&src, &catalog, &none, &diag, &plan) != CEP_OK) {
        struct cep_err err = CEP_ERR_INIT;
        (void)dsl_diag_first(&diag, &err);
        printf("line %d: %s\n%s\n", (int)err.span.line, err.message, text);
    }
    dsl_diag_release(&diag);
    assert_non_null(plan);
    return plan;
}

/* -- random texts ------------------------------------------------------------------------------------------------- */

static uint64_t seed;

static unsigned pick(unsigned n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % n;
}
static bool one_in(unsigned n) {
    return pick(n) == 0;
}

static void write_atom(struct base_buf *b, char var) {
    static const char *const lands[] = { "DE", "FR", "BR" };
    switch (pick(10)) {
    case 0:
    case 1: base_buf_printf(b, "country = '%s'", lands[pick(3)]); break;
    case 2: base_buf_printf(b, "country in ('%s', '%s')", lands[pick(3)], lands[pick(3)]); break;
    case 3: base_buf_printf(b, "amount < %u.5", pick(8)); break;
    case 4: base_buf_printf(b, "amount >= %u", pick(8)); break;
    case 5: base_buf_printf(b, "amount between %u and %u", pick(5), 3 + pick(5)); break;
    case 6: base_buf_printf(b, "n = %u", pick(4)); break;
    case 7: base_buf_printf(b, "n > %u", pick(4)); break;
    case 8: base_buf_puts(b, one_in(2) ? "12 / n > 3" : "country like '%E%'"); break;
    default:
        if (var == 'b' && one_in(2))
            base_buf_puts(b, "amount > last(a.amount)");
        else if (one_in(4))
            base_buf_puts(b, "amount > prev(amount)");
        else
            base_buf_printf(b, "card %% 3 = %u", pick(3));
    }
}

static void write_cond(struct base_buf *b, char var) {
    unsigned n = 1 + pick(3);
    const char *op = one_in(4) ? " or " : " and ";
    for (unsigned i = 0; i < n; i++) {
        base_buf_puts(b, i ? op : "");
        write_atom(b, var);
    }
}

static const char *const shapes[] = { "a -> b", "a b", "a+ -> b", "a -> b -> c", "a ->> b", "a -> !c -> b",
    "a -> !b", "a b? c", "a{2,} -> b", "a | b c", "a !c b", "a{2,3} consecutive b", "all(a, b)", "a",
    "(a b)+ c", "a -> b*", "a ->[1 s] b", "a -> (b | c | d | e | f)", "a -> b? c? d? e? f" };

/* A letter by itself, not one of a word. */
static bool has_var(const char *shape, char v) {
    for (const char *p = shape; (p = strchr(p, v)); p++)
        if ((p == shape || p[-1] < 'a') && (p[1] < 'a' || p[1] > 'z'))
            return true;
    return false;
}

/* More conditions than fit one word of bits. */
static void write_wide_pattern(struct base_buf *b, unsigned number, bool two) {
    base_buf_printf(b, "pattern p%u from s%s partition by card match a -> (", number, two ? ", t" : "");
    for (int i = 0; i < 70; i++)
        base_buf_printf(b, "%sv%d", i ? " | " : "", i);
    base_buf_puts(b, ") define a as amount > 3");
    for (int i = 0; i < 70; i++)
        base_buf_printf(b, ", v%d as amount = %d.5 and n = %d", i, i / 5, i % 5);
    base_buf_printf(
        b, " within 4 s;\nsink p%u.timeouts to file (path = 'z%u') format json;\n", number, number);
}

static void write_pattern(struct base_buf *b, unsigned number, bool two) {
    static const char *const keys[] = { "partition by card ", "partition by card ", "partition by country ",
        "partition by card, country ", "partition by n + 1 ", "partition by 12 / n ", "" };
    static const char *const skips[] = { "", "after match no skip ", "after match skip to next event ",
        "after match skip to last a " };
    if (one_in(15)) {
        write_wide_pattern(b, number, two);
        return;
    }
    const char *shape = shapes[pick(sizeof shapes / sizeof *shapes)];
    base_buf_printf(
        b, "pattern p%u from s%s %smatch %s define ", number, two ? ", t" : "", keys[pick(7)], shape);
    bool any = false;
    for (char v = 'a'; v <= 'f'; v++) {
        if (!has_var(shape, v) || (v != 'a' && one_in(8)))
            continue;
        base_buf_printf(b, "%s%c as ", any ? ", " : "", v);
        if (two && one_in(2))
            base_buf_printf(b, "%c where ", one_in(2) ? 's' : 't');
        base_buf_putc(b, '(');
        write_cond(b, v);
        base_buf_putc(b, ')');
        any = true;
    }
    base_buf_printf(b, " within %u s %s", 1 + pick(6), skips[pick(4)]);
    if (one_in(6))
        base_buf_printf(b, "limit %u open per key ", 1 + pick(3));
    base_buf_puts(b, one_in(3)
                         ? ";\n"
                         : "measures a.amount as x, count(a) as k, match_end() as e, match_number() as m;\n");
    base_buf_printf(b, "sink p%u.timeouts to file (path = 'z%u') format json;\n", number, number);
}

/* -- running --------------------------------------------------------------------------------------------------------- */

/* Each output by itself: how they lie between each other depends on the size of batches. */
enum { MATCHES, TIMEOUTS, FAILURES, N_OUTS };

struct listener {
    struct base_buf text[N_OUTS];
    struct base_arena scratch;
};

static void write_batch(struct listener *l, int out, struct evt_batch *b) {
    struct base_buf *text = &l->text[out];
    for (uint32_t r = 0; r < b->n_rows; r++) {
        base_buf_printf(text, "%lld:", (long long)b->time[r]);
        for (uint32_t c = 0; c < b->schema->n_cols; c++) {
            struct evt_val v;
            evt_col_get(&b->cols[c], r, &l->scratch, &v);
            base_buf_putc(text, ' ');
            evt_val_write_json(text, b->schema->cols[c].type, &v);
        }
        base_buf_putc(text, '\n');
    }
    base_arena_clear(&l->scratch);
    evt_batch_unref(b);
}

static void on_matches(void *arg, struct evt_batch *b) {
    write_batch(arg, MATCHES, b);
}

static void on_timeouts(void *arg, struct evt_batch *b) {
    write_batch(arg, TIMEOUTS, b);
}

/* When a failure is told depends on nothing, so it stands where it was told; which of several reasons does not matter. */
static void on_failure(
    void *arg, uint32_t input, const struct evt_batch *b, uint32_t row, const char *reason) {
    struct listener *l = arg;
    assert_non_null(reason);
    if (input != NFA_NO_INPUT)
        base_buf_printf(&l->text[FAILURES], "failure %u:%llu\n", input, (unsigned long long)b->seq[row]);
    else
        base_buf_printf(&l->text[FAILURES], "failure of a match %llu\n", (unsigned long long)b->seq[row]);
}

enum { MAX_PATTERNS = 24 };

struct both {
    struct plan *plan;
    uint32_t n, n_inputs;
    struct nfa_prog *progs[MAX_PATTERNS];
    struct nfa_matcher *alone[MAX_PATTERNS];
    struct nfa_many *many;
    uint32_t fewest;
    struct listener one[MAX_PATTERNS], together[MAX_PATTERNS];
    const struct evt_schema *schemas[2];
    int64_t now, high;
    uint64_t seq[2];
};

static void make_runners(struct both *w) {
    struct nfa_many_opts opts = { .fewest = w->fewest };
    w->many = nfa_many_new(w->n_inputs, &opts);
    for (uint32_t k = 0; k < w->n; k++) {
        struct nfa_out out = { &w->one[k], on_matches, on_timeouts, on_failure };
        w->alone[k] = nfa_matcher_new(w->progs[k], &out, NULL);
        out.arg = &w->together[k];
        assert_int_equal(nfa_many_add(w->many, w->progs[k], &out, NULL), k);
    }
}

static void free_runners(struct both *w) {
    nfa_many_free(w->many);
    for (uint32_t i = 0; i < w->n; i++)
        nfa_matcher_free(w->alone[i]);
}

static void both_init(struct both *w, const char *text, uint32_t fewest) {
    memset(w, 0, sizeof *w);
    w->fewest = fewest;
    w->plan = compile(text);
    w->schemas[0] = plan_find(w->plan, BASE_STR("s"))->schema;
    w->schemas[1] = plan_find(w->plan, BASE_STR("t"))->schema;
    struct cep_err err = CEP_ERR_INIT;
    for (uint32_t i = 0; i < w->plan->n_nodes; i++) {
        const struct plan_node *node = w->plan->nodes[i];
        if (node->kind != PLAN_NODE_PATTERN)
            continue;
        uint32_t k = w->n++;
        w->n_inputs = node->pattern.n_inputs;
        struct nfa_opts compiled = { .no_timeouts = one_in(3) }; /* so that some have sets */
        assert_int_equal(nfa_compile(node, w->plan, &compiled, &w->progs[k], &err), CEP_OK);
    }
    make_runners(w);
}

static void both_release(struct both *w) {
    free_runners(w);
    for (uint32_t i = 0; i < w->n; i++) {
        nfa_prog_free(w->progs[i]);
        for (int o = 0; o < N_OUTS; o++) {
            base_buf_release(&w->one[i].text[o]);
            base_buf_release(&w->together[i].text[o]);
        }
        base_arena_release(&w->one[i].scratch);
        base_arena_release(&w->together[i].scratch);
    }
    plan_free(w->plan);
}

static void set_text(struct evt_col *c, uint32_t row, const char *z) {
    evt_col_set_bytes(c, row, z, (uint32_t)strlen(z));
}

/* Rows that are out of order, but not late. */
static struct evt_batch *random_batch(struct both *w, uint32_t input, int64_t watermark) {
    static const char *const lands[] = { "DE", "FR", "BR", "IT" };
    struct evt_batch *b = evt_batch_new(w->schemas[input], 0);
    uint32_t n = 1 + pick(one_in(3) ? 70 : 12), end = input ? T_AT : S_AT;
    for (uint32_t r = 0; r < n; r++) {
        w->now += pick(400) * 1000;
        int64_t time = w->now - pick(1500) * 1000;
        time = time <= watermark ? watermark + 1 : time;
        w->high = time > w->high ? time : w->high;
        for (uint32_t c = 0; c <= end; c++)
            if (one_in(25) && c != end)
                evt_col_set_null(&b->cols[c], r);
            else if (c == S_CARD)
                evt_col_set_i(&b->cols[c], r, pick(4));
            else if (c == S_AMOUNT)
                evt_col_set_d(&b->cols[c], r, pick(20) / 2.0);
            else if (c == S_COUNTRY)
                set_text(&b->cols[c], r, lands[pick(4)]);
            else if (c == S_N)
                evt_col_set_i(&b->cols[c], r, pick(5));
            else if (c != end)
                set_text(&b->cols[c], r, "x");
            else
                evt_col_set_i(&b->cols[c], r, time);
        b->time[r] = time;
        b->seq[r] = w->seq[input]++;
        b->origin[r] = input;
        evt_batch_end_row(b);
    }
    if (one_in(3)) {
        uint64_t *sel = evt_batch_need_sel(b);
        for (uint32_t r = 0; r < n; r++)
            base_bits_put(sel, r, !one_in(3));
    }
    return b;
}

static void both_batch(struct both *w, uint32_t input, struct evt_batch *b) {
    struct cep_err err = CEP_ERR_INIT;
    uint32_t who;
    for (uint32_t i = 0; i < w->n; i++)
        assert_int_equal(nfa_matcher_batch(w->alone[i], input, b, 7, &err), CEP_OK);
    assert_int_equal(nfa_many_batch(w->many, input, b, 7, &who, &err), CEP_OK);
    evt_batch_unref(b);
    nfa_many_check(w->many);
}

static void both_advance(struct both *w, int64_t watermark) {
    struct cep_err err = CEP_ERR_INIT;
    uint32_t who;
    for (uint32_t i = 0; i < w->n; i++)
        assert_int_equal(nfa_matcher_advance(w->alone[i], watermark, &err), CEP_OK);
    assert_int_equal(nfa_many_advance(w->many, watermark, &who, &err), CEP_OK);
    nfa_many_check(w->many);
}

/* -- saved and loaded -------------------------------------------------------------------------------------------- */

struct entries {
    struct base_buf bytes;
    size_t n;
};

static enum cep_rc keep_entry(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct entries *to = arg;
    (void)err;
    base_pack_varint(&to->bytes, e->ns);
    base_pack_u32(&to->bytes, e->group);
    base_pack_str(&to->bytes, e->key);
    base_pack_str(&to->bytes, e->value);
    to->n++;
    return CEP_OK;
}

static size_t rows_in(const struct entries *s) {
    struct base_unpack u = base_unpack_of(base_buf_view(&s->bytes));
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        n += base_unpack_varint(&u) == NFA_NS_ROW;
        (void)base_unpack_u32(&u);
        (void)base_unpack_str(&u);
        (void)base_unpack_str(&u);
    }
    return n;
}

/* Into the pattern's matcher when many is NULL. */
static void load_entries(
    const struct entries *s, struct nfa_matcher *m, struct nfa_many *many, uint32_t pattern) {
    struct base_unpack u = base_unpack_of(base_buf_view(&s->bytes));
    struct sto_losses losses;
    struct cep_err err = CEP_ERR_INIT;
    sto_losses_init(&losses);
    for (size_t i = 0; i < s->n; i++) {
        struct sto_entry e = { .ns = (uint32_t)base_unpack_varint(&u), .group = base_unpack_u32(&u) };
        e.key = base_unpack_str(&u);
        e.value = base_unpack_str(&u);
        if (many)
            assert_int_equal(nfa_many_load(many, pattern, &e, &losses, &err), CEP_OK);
        else
            assert_int_equal(nfa_matcher_load(m, &e, &losses, &err), CEP_OK);
    }
    if (many)
        assert_int_equal(nfa_many_loaded(many, pattern, &losses, &err), CEP_OK);
    else
        assert_int_equal(nfa_matcher_loaded(m, &losses, &err), CEP_OK);
    assert_int_equal(losses.n, 0);
    sto_losses_release(&losses);
}

/* What the group saved goes to single matchers, and theirs into a group; or each back to where it came from. */
static void both_reload(struct both *w, bool cross, size_t *n_rows) {
    struct entries alone[MAX_PATTERNS] = { 0 }, group[MAX_PATTERNS] = { 0 };
    struct cep_err err = CEP_ERR_INIT;
    for (uint32_t i = 0; i < w->n; i++) {
        struct sto_out out = { keep_entry, &alone[i] };
        assert_int_equal(nfa_matcher_save(w->alone[i], &out, &err), CEP_OK);
        out.arg = &group[i];
        if (i % 2) {
            assert_int_equal(nfa_many_save(w->many, i, &out, &err), CEP_OK);
        } else {
            enum cep_rc rc = nfa_many_save_begin(w->many, i, &out, &err);
            assert_int_equal(rc, CEP_OK);
            while ((rc = nfa_many_save_some(w->many, i, 100, &err)) == CEP_AGAIN)
                continue;
            assert_int_equal(rc, CEP_OK);
        }
        assert_int_equal(rows_in(&alone[i]), rows_in(&group[i]));
        *n_rows += rows_in(&group[i]);
    }
    nfa_many_check(w->many);
    free_runners(w);
    make_runners(w);
    for (uint32_t i = 0; i < w->n; i++) {
        load_entries(cross ? &group[i] : &alone[i], w->alone[i], NULL, i);
        load_entries(cross ? &alone[i] : &group[i], NULL, w->many, i);
        base_buf_release(&alone[i].bytes);
        base_buf_release(&group[i].bytes);
    }
    nfa_many_check(w->many);
    for (uint32_t i = 0; i < w->n; i++) {
        struct nfa_stats a, t;
        nfa_matcher_stats(w->alone[i], &a);
        nfa_many_stats(w->many, i, &t);
        assert_int_equal(a.keys, t.keys);
        if (w->n_inputs == 1)
            assert_int_equal(a.buffered, t.buffered);
    }
}

static int by_text(const void *x, const void *y) {
    return strcmp(*(char *const *)x, *(char *const *)y);
}

/* Keys among themselves at one instant may come in another order after a load. */
static void sort_lines(struct base_buf *b) {
    char *copy = base_strdup(base_buf_cstr(b)), *lines[20000], *at = copy;
    size_t n = 0;
    for (char *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        assert_true(n < sizeof lines / sizeof *lines);
        lines[n++] = at;
    }
    qsort(lines, n, sizeof *lines, by_text);
    base_buf_clear(b);
    for (size_t i = 0; i < n; i++)
        base_buf_printf(b, "%s\n", lines[i]);
    base_free(copy);
}

static bool both_agree(struct both *w, const char *text) {
    for (uint32_t i = 0; i < w->n; i++) {
        struct nfa_stats a, t;
        nfa_matcher_stats(w->alone[i], &a);
        nfa_many_stats(w->many, i, &t);
        bool same = true;
        for (int o = 0; o < N_OUTS; o++)
            same = same &&
                   strcmp(base_buf_cstr(&w->one[i].text[o]), base_buf_cstr(&w->together[i].text[o])) == 0;
#define SAME_COUNT(name, what) same = same && a.name == t.name;
        NFA_COUNTER_LIST(SAME_COUNT)
#undef SAME_COUNT
        same = same && a.open == t.open && a.asleep == t.asleep && a.waiting == t.waiting && a.keys == t.keys;
        if (same)
            continue;
        printf("%s\npattern %u\n", text, i);
        for (int o = 0; o < N_OUTS; o++)
            printf("output %d alone:\n%stogether:\n%s", o, base_buf_cstr(&w->one[i].text[o]),
                base_buf_cstr(&w->together[i].text[o]));
#define SHOW_COUNT(name, what) \
    printf("%s %llu %llu\n", #name, (unsigned long long)a.name, (unsigned long long)t.name);
        NFA_COUNTER_LIST(SHOW_COUNT)
#undef SHOW_COUNT
        return false;
    }
    return true;
}

enum { UNDISTURBED, RELOADED, CROSSED };

/* What both gave is appended to *said, by pattern and output. */
static void one_case(int how, size_t *n_matches, size_t *n_rows, struct base_buf *said) {
    struct base_buf text = BASE_BUF_INIT;
    struct both w;
    uint64_t mine = seed;
    bool two = one_in(3);
    unsigned n = 2 + pick(one_in(4) ? MAX_PATTERNS - 2 : 8);
    base_buf_puts(&text, streams);
    for (unsigned i = 0; i < n; i++)
        write_pattern(&text, i, two);
    both_init(&w, base_buf_cstr(&text), one_in(4) ? 0 : 1);
    int64_t watermark = 0, delay = pick(3) * 700 * 1000;
    w.now = 3000000;
    for (unsigned k = 0; k < 12; k++) {
        uint32_t input = w.n_inputs > 1 ? pick(2) : 0;
        both_batch(&w, input, random_batch(&w, input, watermark));
        if (one_in(4))
            continue;
        int64_t next = w.high - delay - 1 + (one_in(10) ? 3000000 : 0);
        watermark = next > watermark ? next : watermark;
        w.high = watermark > w.high ? watermark : w.high;
        both_advance(&w, watermark);
        if (how != UNDISTURBED && k % 3 == mine % 3)
            both_reload(&w, how == CROSSED, n_rows);
    }
    both_advance(&w, EVT_TIME_MAX);
    for (uint32_t i = 0; i < w.n && said; i++) {
        for (int o = 0; o < N_OUTS; o++) {
            sort_lines(&w.one[i].text[o]);
            sort_lines(&w.together[i].text[o]);
            base_buf_printf(said, "pattern %u, output %d:\n", i, o);
            base_buf_str(said, base_buf_view(&w.together[i].text[o]));
        }
    }
    if (!both_agree(&w, base_buf_cstr(&text)))
        fail_msg("NFA_RANDOM_SEED=%llu", (unsigned long long)mine);
    for (uint32_t i = 0; i < w.n; i++) {
        struct nfa_stats st;
        nfa_many_stats(w.many, i, &st);
        *n_matches += st.matches;
        assert_int_equal(st.buffered, 0);
    }
    both_release(&w);
    base_buf_release(&text);
}

static void together_as_alone(void **state) {
    (void)state;
    const char *s = getenv("NFA_RANDOM_SEED"), *c = getenv("NFA_RANDOM_CASES");
    size_t n_matches = 0;
    seed = s ? strtoull(s, NULL, 0) : 88172645463325252u;
    for (int i = c ? atoi(c) : 150; i > 0; i--)
        one_case(UNDISTURBED, &n_matches, NULL, NULL);
    assert_true(s || n_matches > 1000);
}

static void a_group_is_invisible_in_what_is_saved(void **state) {
    (void)state;
    const char *s = getenv("NFA_RANDOM_SEED"), *c = getenv("NFA_RANDOM_CASES");
    size_t n_matches = 0, n_rows = 0;
    seed = s ? strtoull(s, NULL, 0) : 1181783497276652981u;
    for (int i = c ? atoi(c) : 60; i > 0; i--) {
        struct base_buf calm = BASE_BUF_INIT, moved = BASE_BUF_INIT;
        uint64_t mine = seed;
        one_case(UNDISTURBED, &n_matches, NULL, &calm);
        seed = mine;
        one_case(i % 2 ? RELOADED : CROSSED, &n_matches, &n_rows, &moved);
        if (strcmp(base_buf_cstr(&calm), base_buf_cstr(&moved)) != 0) {
            printf("undisturbed:\n%s\nreloaded:\n%s\n", base_buf_cstr(&calm), base_buf_cstr(&moved));
            fail_msg("NFA_RANDOM_SEED=%llu", (unsigned long long)mine);
        }
        base_buf_release(&calm);
        base_buf_release(&moved);
    }
    assert_true(s || (n_matches > 1000 && n_rows > 1000));
}

/* More rows at once than are dealt out at once. */
static void the_end_of_time_lets_everything_go(void **state) {
    (void)state;
    struct both w;
    struct base_buf text = BASE_BUF_INIT;
    seed = 99;
    base_buf_puts(&text, streams);
    for (unsigned i = 0; i < 12; i++)
        write_pattern(&text, i, false);
    both_init(&w, base_buf_cstr(&text), 1);
    w.now = 3000000;
    for (int i = 0; i < 300; i++)
        both_batch(&w, 0, random_batch(&w, 0, 0));
    struct nfa_many_shared sh;
    nfa_many_shared(w.many, &sh);
    assert_true(sh.rows > 2 * EVT_BATCH_ROWS);
    both_advance(&w, EVT_TIME_MAX);
    assert_true(both_agree(&w, base_buf_cstr(&text)));
    both_release(&w);
    base_buf_release(&text);
}

/* -- who is woken ------------------------------------------------------------------------------------------------ */

static void only_those_that_can_be_moved_are_woken(void **state) {
    (void)state;
    enum { N = 1000 };
    struct base_buf text = BASE_BUF_INIT;
    base_buf_puts(&text, streams);
    for (unsigned i = 0; i < N; i++)
        base_buf_printf(&text,
            "pattern p%u from s partition by card match a %s b define a as n = %u and amount > 1, b as n = "
            "%u and "
            "amount < 1 within 10 s;\n",
            i, i % 2 ? "->" : "", i, i);
    struct plan *plan = compile(base_buf_cstr(&text));
    struct nfa_many *g = nfa_many_new(1, NULL);
    struct nfa_prog *progs[N];
    struct cep_err err = CEP_ERR_INIT;
    uint32_t n = 0, who;
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        if (plan->nodes[i]->kind != PLAN_NODE_PATTERN)
            continue;
        assert_int_equal(nfa_compile(plan->nodes[i], plan, NULL, &progs[n], &err), CEP_OK);
        (void)nfa_many_add(g, progs[n], NULL, NULL);
        n++;
    }
    assert_int_equal(n, N);
    struct evt_batch *b = evt_batch_new(plan_find(plan, BASE_STR("s"))->schema, 0);
    for (uint32_t r = 0; r < 10; r++) {
        evt_col_set_i(&b->cols[S_CARD], r, 1);
        evt_col_set_d(&b->cols[S_AMOUNT], r, r < 5 ? 2 : 0);
        set_text(&b->cols[S_COUNTRY], r, "DE");
        evt_col_set_i(&b->cols[S_N], r, 100 + r % 5);
        evt_col_set_i(&b->cols[S_AT], r, r);
        b->time[r] = r;
        b->seq[r] = r;
        b->origin[r] = 0;
        evt_batch_end_row(b);
    }
    assert_int_equal(nfa_many_batch(g, 0, b, 0, &who, &err), CEP_OK);
    assert_int_equal(nfa_many_advance(g, 100, &who, &err), CEP_OK);
    struct nfa_many_shared sh;
    nfa_many_shared(g, &sh);
    assert_int_equal(sh.served, 5);
    assert_int_equal(sh.key_sets, 1);
    assert_int_equal(sh.programs, 2); /* the strict ones and the others */
    struct nfa_many_found found;
    nfa_many_found(g, UINT32_MAX, &found);
    assert_int_equal(found.distinct, 2 * N);
    assert_int_equal(found.by_equal, 2 * N);
    struct nfa_stats st;
    for (uint32_t i = 0; i < N; i++) {
        nfa_many_stats(g, i, &st);
        assert_int_equal(st.started, i >= 100 && i < 105);
        assert_int_equal(st.matches, i % 2 && i >= 100 && i < 105);
    }
    /* The strict ones are over with the next event of the key: no time is left to wait for. */
    assert_int_equal(nfa_many_advance(g, 1000, &who, &err), CEP_OK);
    nfa_many_shared(g, &sh);
    assert_int_equal(sh.served, 5);
    evt_batch_unref(b);
    nfa_many_free(g);
    for (uint32_t i = 0; i < N; i++)
        nfa_prog_free(progs[i]);
    plan_free(plan);
    base_buf_release(&text);
}

/* -- memory ------------------------------------------------------------------------------------------------------------ */

/* Patterns of every store, several of a program, and one with conditions for more than one word of bits. */
static void write_group(struct base_buf *text) {
    static const char *const kinds[] = { "b as n = %u and amount < 5 within 1 s",
        "b as n = %u and amount < 5 within 1 s after match no skip",
        "b as n = %u and amount < a.amount within 1 s" };
    base_buf_puts(text, streams);
    for (unsigned i = 0; i < 120; i++) {
        base_buf_printf(text,
            "pattern p%u from s partition by card match a -> b define a as n = %u and amount > 5, ", i,
            i / 3);
        base_buf_printf(text, kinds[i % 3], i / 3);
        base_buf_puts(text, " measures a.amount as x;\n");
    }
    base_buf_puts(text, "pattern wide from s partition by card match a -> (b0");
    for (unsigned i = 1; i < 70; i++)
        base_buf_printf(text, " | b%u", i);
    base_buf_puts(text, ") define a as amount > 5");
    for (unsigned i = 0; i < 70; i++)
        base_buf_printf(text, ", b%u as n = %u and amount < 5", i, i);
    base_buf_puts(text, " within 1 s;\n");
}

static void no_allocation_for_an_event_once_warm(void **state) {
    (void)state;
    enum { ROUNDS = 24, WARM = 12, MAX = 121 };
    struct base_buf text = BASE_BUF_INIT;
    write_group(&text);
    struct plan *plan = compile(base_buf_cstr(&text));
    struct nfa_many *g = nfa_many_new(1, NULL);
    struct nfa_prog *progs[MAX];
    struct cep_err err = CEP_ERR_INIT;
    uint32_t n = 0, who;
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        if (plan->nodes[i]->kind != PLAN_NODE_PATTERN)
            continue;
        assert_true(n < MAX);
        assert_int_equal(
            nfa_compile(plan->nodes[i], plan, &(struct nfa_opts){ .no_timeouts = true }, &progs[n], &err),
            CEP_OK);
        (void)nfa_many_add(g, progs[n], NULL, NULL);
        n++;
    }
    struct evt_batch *batches[ROUNDS];
    seed = 7;
    for (int64_t i = 0; i < ROUNDS; i++) {
        /* The later half is the earlier half over again, so that it needs no more of anything. */
        if (i == WARM)
            seed = 7;
        struct evt_batch *b = batches[i] = evt_batch_new(plan_find(plan, BASE_STR("s"))->schema, 0);
        for (uint32_t r = 0; r < EVT_BATCH_ROWS; r++) {
            evt_col_set_i(&b->cols[S_CARD], r, pick(2));
            evt_col_set_d(&b->cols[S_AMOUNT], r, pick(10));
            set_text(&b->cols[S_COUNTRY], r, "DE");
            evt_col_set_i(&b->cols[S_N], r, pick(40));
            b->time[r] = (i * EVT_BATCH_ROWS + r) * 10000;
            evt_col_set_i(&b->cols[S_AT], r, b->time[r]);
            b->seq[r] = (uint64_t)i * EVT_BATCH_ROWS + r;
            b->origin[r] = 0;
            evt_batch_end_row(b);
        }
    }
    uint64_t before = 0;
    for (int64_t i = 0; i < ROUNDS; i++) {
        if (i == WARM)
            before = base_mem_n_allocs();
        assert_int_equal(nfa_many_batch(g, 0, batches[i], 0, &who, &err), CEP_OK);
        assert_int_equal(nfa_many_advance(g, (i + 1) * EVT_BATCH_ROWS * 10000, &who, &err), CEP_OK);
    }
#ifndef __SANITIZE_ADDRESS__ /* there every object is an allocation */
    assert_int_equal(base_mem_n_allocs(), before);
#else
    (void)before;
#endif
    nfa_many_check(g);
    struct nfa_many_shared sh;
    nfa_many_shared(g, &sh);
    assert_int_equal(sh.programs, 4);
    for (uint32_t i = 0; i < n; i++) {
        struct nfa_stats s;
        struct nfa_cost cost;
        nfa_many_stats(g, i, &s);
        nfa_cost_of(progs[i], &cost);
        assert_true(s.matches > 20);
        if (i + 1 < n)
            assert_string_equal(cost.store, i % 3 == 2 ? "runs" : "sets");
    }
    nfa_many_free(g);
    for (int i = 0; i < ROUNDS; i++)
        evt_batch_unref(batches[i]);
    for (uint32_t i = 0; i < n; i++)
        nfa_prog_free(progs[i]);
    plan_free(plan);
    base_buf_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(together_as_alone),
        cmocka_unit_test(a_group_is_invisible_in_what_is_saved),
        cmocka_unit_test(the_end_of_time_lets_everything_go),
        cmocka_unit_test(no_allocation_for_an_event_once_warm),
        cmocka_unit_test(only_those_that_can_be_moved_are_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
