/*
 * Many patterns saved at one moment, in slices, while rows come and go: nothing of what waits is copied at the moment itself, each row
 * is packed once for all who wait for it, and what is put out is what a save at once would have put out.
 */
#include "nfa/nfa_many.h"
#include "tests/nfa/nfa_entries.h"

#include "base/base_mem.h"
#include "dsl/dsl_compile.h"
#include "dsl/dsl_diag.h"

#include <setjmp.h>
#include <stdarg.h>
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

enum { N = 120, CARD = 0, KIND, AT, KINDS = 10 };

/* By number: rows of one kind by card; of one kind by card and kind; every row by card (a strict step). */
struct group {
    struct plan *plan;
    struct nfa_prog *progs[N];
    struct nfa_many *many;
    const struct evt_schema *schema;
    struct entries want[N], got[N];
    struct sto_out to_want[N], to_got[N];
    bool open[N];
    int64_t now;
    uint64_t seq;
};

static void group_init(struct group *g) {
    struct base_buf text = BASE_BUF_INIT;
    struct dsl_diag diag;
    uint32_t n = 0;
    *g = (struct group){ .now = 0 };
    base_buf_puts(&text,
        "stream s (card int, kind int, at timestamp) from file (path = 'x') format json event time at "
        "watermark ascending;\n");
    for (unsigned i = 0; i < N; i++)
        base_buf_printf(&text,
            "pattern p%u from s partition by card%s match a %s b define a as kind = %u, b as kind = %u "
            "within 10 s;\n",
            i, i % 3 == 1 ? ", kind % 2" : "", i % 3 == 2 ? "" : "->", i % KINDS, (i + 2) % KINDS);
    dsl_diag_init(&diag);
    struct dsl_sources src = { .text = base_buf_view(&text), .text_name = "many" };
    struct dsl_params none = { 0 };
    assert_int_equal(dsl_compile(&src, &catalog, &none, &diag, &g->plan), CEP_OK);
    dsl_diag_release(&diag);
    base_buf_release(&text);
    g->schema = plan_find(g->plan, BASE_STR("s"))->schema;
    g->many = nfa_many_new(1, NULL);
    for (uint32_t i = 0; i < g->plan->n_nodes; i++) {
        if (g->plan->nodes[i]->kind != PLAN_NODE_PATTERN)
            continue;
        assert_int_equal(nfa_compile(g->plan->nodes[i], g->plan, NULL, &g->progs[n], NULL), CEP_OK);
        assert_int_equal(nfa_many_add(g->many, g->progs[n], NULL, NULL), n);
        g->to_want[n] = (struct sto_out){ nfa_entries_put, &g->want[n] };
        g->to_got[n] = (struct sto_out){ nfa_entries_put, &g->got[n] };
        n++;
    }
    assert_int_equal(n, N);
}

static void group_release(struct group *g) {
    nfa_many_free(g->many);
    for (uint32_t i = 0; i < N; i++) {
        nfa_prog_free(g->progs[i]);
        nfa_entries_release(&g->want[i]);
        nfa_entries_release(&g->got[i]);
    }
    plan_free(g->plan);
}

/* A row a millisecond; each comes once. */
static void rows(struct group *g, uint32_t n) {
    struct evt_batch *b = evt_batch_new(g->schema, 0);
    uint32_t who;
    for (uint32_t r = 0; r < n; r++) {
        evt_col_set_i(&b->cols[CARD], r, g->now % 7);
        evt_col_set_i(&b->cols[KIND], r, g->now * 3 % KINDS);
        evt_col_set_i(&b->cols[AT], r, g->now * 1000);
        b->time[r] = g->now * 1000;
        b->seq[r] = g->seq++;
        b->origin[r] = 0;
        g->now++;
        evt_batch_end_row(b);
    }
    assert_int_equal(nfa_many_batch(g->many, 0, b, 0, &who, NULL), CEP_OK);
    evt_batch_unref(b);
    nfa_many_check(g->many);
}

/* So many milliseconds behind the last row. */
static void advance(struct group *g, int64_t behind) {
    uint32_t who;
    assert_int_equal(nfa_many_advance(g->many, (g->now - behind) * 1000, &who, NULL), CEP_OK);
    nfa_many_check(g->many);
}

/* Everybody's at one moment; nothing of the waiting rows is put out. */
static void begin(struct group *g) {
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(nfa_many_save(g->many, i, &g->to_want[i], NULL), CEP_OK);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(nfa_many_save_begin(g->many, i, &g->to_got[i], NULL), CEP_OK);
        assert_int_equal(g->got[i].n, 1);
        assert_int_equal(g->got[i].v[0].ns, NFA_NS_META);
        g->open[i] = true;
    }
}

static size_t n_out(const struct group *g) {
    size_t n = 0;
    for (uint32_t i = 0; i < N; i++)
        n += g->got[i].n;
    return n;
}

/* Returns: true when the pattern's save is over. */
static bool some(struct group *g, uint32_t i, size_t bytes) {
    enum cep_rc rc = nfa_many_save_some(g->many, i, bytes, NULL);
    if (rc == CEP_AGAIN)
        return false;
    assert_int_equal(rc, CEP_OK);
    g->open[i] = false;
    return true;
}

static void finish(struct group *g, size_t bytes, const char *what) {
    for (uint32_t i = N; i-- > 0;) {
        while (g->open[i])
            (void)some(g, i, bytes);
        nfa_entries_assert_same(&g->want[i], &g->got[i], false, what);
        nfa_entries_clear(&g->want[i]);
        nfa_entries_clear(&g->got[i]);
    }
}

static uint64_t rows_waiting(const struct group *g) {
    struct nfa_many_shared sh;
    nfa_many_shared(g->many, &sh);
    return sh.rows;
}

static void rows_are_written_in_slices(void **state) {
    (void)state;
    static const size_t slices[] = { 1, 700, 20000 };
    struct group g;
    group_init(&g);
    for (size_t s = 0; s < sizeof slices / sizeof *slices; s++) {
        for (int i = 0; i < 5; i++)
            rows(&g, 100);
        advance(&g, 450);
        assert_true(rows_waiting(&g) > 400);
        begin(&g);
        size_t before = n_out(&g);
        assert_false(some(&g, N - 1, slices[s]));
        /* A row goes to a third of the patterns and a few more. */
        assert_true(n_out(&g) - before <= slices[s] / 20 + N);
        finish(&g, slices[s], "slices");
    }
    group_release(&g);
}

static void rows_come_and_go_meanwhile(void **state) {
    (void)state;
    struct group g;
    group_init(&g);
    for (uint32_t round = 0; round < 6; round++) {
        for (int i = 0; i < 4; i++)
            rows(&g, 100);
        advance(&g, 350);
        begin(&g);
        for (uint32_t i = 0; i < 40; i++) {
            uint32_t who = (i * 7 + round) % N;
            if (g.open[who])
                (void)some(&g, who, 300);
            rows(&g, 10);
            advance(&g, 350 - 9 * (int64_t)i);
        }
        finish(&g, 500, "with events");
    }
    group_release(&g);
}

/* Those saved before are ended by a save at another moment; some are given up, and some fail. */
static void a_pass_has_one_moment(void **state) {
    (void)state;
    struct group g;
    group_init(&g);
    rows(&g, 200);
    begin(&g);
    for (uint32_t i = 0; i < N; i += 2) {
        nfa_many_save_cancel(g.many, i);
        g.open[i] = false;
        nfa_entries_clear(&g.want[i]);
        nfa_entries_clear(&g.got[i]);
    }
    g.got[1].fail_at = 5;
    (void)some(&g, 3, 2000);
    rows(&g, 50);
    for (uint32_t i = 0; i < N; i += 2) {
        assert_int_equal(nfa_many_save(g.many, i, &g.to_want[i], NULL), CEP_OK);
        assert_int_equal(nfa_many_save_begin(g.many, i, &g.to_got[i], NULL), CEP_OK);
        g.open[i] = true;
    }
    assert_int_equal(nfa_many_save_some(g.many, 1, SIZE_MAX, NULL), CEP_EIO);
    g.open[1] = false;
    nfa_entries_clear(&g.want[1]);
    nfa_entries_clear(&g.got[1]);
    finish(&g, 1000, "two moments");
    group_release(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_written_in_slices),
        cmocka_unit_test(rows_come_and_go_meanwhile),
        cmocka_unit_test(a_pass_has_one_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
