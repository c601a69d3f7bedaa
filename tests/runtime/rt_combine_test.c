/* rt_combine: what an aggregation gives of rows that were gathered before they travelled is what it gives of the rows. */
#include "tests/runtime/rt_kit.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "plan/plan_job.h"
#include "runtime/rt_combine.h"
#include "state/sto_part.h"

#include <stdio.h>
#include <string.h>

#define S 1000000

/* Where what was gathered arrives: handed on to the aggregation, counted. */
struct behind {
    struct rt_op op;
    struct rt_op *to;
    uint64_t n, n_rows;
};

static enum cep_rc behind_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct behind *x = CEP_CONTAINER_OF(op, struct behind, op);
    (void)input;
    x->n += evt_batch_count(b);
    for (uint32_t i = 0; i < b->n_rows; i++)
        x->n_rows += (uint64_t)b->cols[x->to->node->aggregate.n_keys].i[i];
    x->to->metrics.rows_in += evt_batch_count(b);
    return x->to->vt->batch(x->to, plan_combined_input(x->to->node), b, err);
}

static const struct rt_op_vt behind_vt = { .kind = "behind", .batch = behind_batch };

/* Two aggregations that say the same: rows go to `plain` as they are, to `other` through the operator. Their sources are silent. */
struct pair {
    struct rt_kit k;
    struct rt_op *plain, *other, *combine;
    struct base_buf *plain_out, *other_out, *plain_late, *other_late;
    struct behind behind;
    struct base_arena arena;
    const struct evt_schema *rows;
    uint64_t seq;
};

static void begin(struct pair *p, const char *select, bool alone) {
    struct base_buf text = BASE_BUF_INIT;
    memset(p, 0, sizeof *p);
    base_buf_printf(&text, RT_KIT_STREAM("s") "ascending; stream a as %s; stream b as %s;", select, select);
    rt_kit_init(&p->k, base_buf_cstr(&text));
    base_buf_release(&text);
    base_arena_init(&p->arena, 0);
    p->plain = rt_kit_op(&p->k, "a");
    p->other = rt_kit_op(&p->k, "b");
    p->plain_out = rt_kit_listen(&p->k, "a", PLAN_PORT_MAIN);
    p->other_out = rt_kit_listen(&p->k, "b", PLAN_PORT_MAIN);
    p->plain_late = rt_kit_listen(&p->k, "a", PLAN_PORT_LATE);
    p->other_late = rt_kit_listen(&p->k, "b", PLAN_PORT_LATE);
    p->rows = rt_kit_op(&p->k, "s")->node->schema;
    assert_true(plan_combines(p->k.plan, p->other->node));
    p->behind.op.vt = &behind_vt;
    p->behind.to = p->other;
    p->combine = rt_combine_new(p->k.plan, p->other->node,
        plan_combined_schema(&p->arena, p->k.plan, p->other->node), &p->behind.op, alone, &p->k.clk);
    rt_op_connect(p->combine, PLAN_PORT_MAIN, p->other, 0);
}

static void end(struct pair *p) {
    p->combine->vt->free(p->combine);
    base_arena_release(&p->arena);
    rt_kit_release(&p->k);
}

/* The first lines that are not the same are shown, not all. */
static void same_lines(const char *got, const char *want) {
    for (;;) {
        size_t n = strcspn(got, "\n"), m = strcspn(want, "\n");
        if (n != m || memcmp(got, want, n) != 0)
            fail_msg("\"%.*s\" instead of \"%.*s\"", (int)n, got, (int)m, want);
        if (got[n] == 0 && want[m] == 0)
            return;
        assert_true(got[n] && want[m]);
        got += n + 1;
        want += m + 1;
    }
}

static void same(struct pair *p) {
    rt_kit_sort_lines(p->plain_out);
    rt_kit_sort_lines(p->other_out);
    same_lines(base_buf_cstr(p->other_out), base_buf_cstr(p->plain_out));
    assert_string_equal(base_buf_cstr(p->other_late), base_buf_cstr(p->plain_late));
    assert_int_equal(p->other->metrics.late, p->plain->metrics.late);
    assert_int_equal(p->other->metrics.failed, p->plain->metrics.failed);
}

static void push(struct pair *p, const struct rt_kit_row *rows, uint32_t n) {
    struct evt_batch *b = evt_batch_new(p->rows, 0);
    for (uint32_t i = 0; i < n; i++) {
        if (rows[i].k)
            evt_col_set_bytes(&b->cols[0], i, rows[i].k, (uint32_t)strlen(rows[i].k));
        else
            evt_col_set_null(&b->cols[0], i);
        evt_col_set_i(&b->cols[1], i, rows[i].v);
        evt_col_set_i(&b->cols[2], i, rows[i].at);
        b->time[i] = rows[i].at;
        b->seq[i] = p->seq++;
        b->origin[i] = 0;
        evt_batch_end_row(b);
    }
    p->plain->metrics.rows_in += n;
    assert_int_equal(p->plain->vt->batch(p->plain, 0, b, NULL), CEP_OK);
    assert_int_equal(p->combine->vt->batch(p->combine, 0, b, NULL), CEP_OK);
    evt_batch_unref(b);
}

static void watermark(struct pair *p, int64_t wm) {
    if (plan_node_n_inputs(p->plain->node) > 1) { /* of the source's late rows */
        assert_int_equal(rt_op_watermark(p->plain, 1, wm, NULL), CEP_OK);
        assert_int_equal(rt_op_watermark(p->other, 1, wm, NULL), CEP_OK);
    }
    assert_int_equal(rt_op_watermark(p->plain, 0, wm, NULL), CEP_OK);
    assert_int_equal(rt_op_watermark(p->combine, 0, wm, NULL), CEP_OK);
    same(p);
}

static void idle(struct pair *p, bool is) {
    for (uint32_t i = plan_node_n_inputs(p->plain->node); i-- > 0;) {
        assert_int_equal(rt_op_idle(p->plain, i, is, NULL), CEP_OK);
        assert_int_equal(rt_op_idle(i ? p->other : p->combine, i, is, NULL), CEP_OK);
    }
}

#define SUMS                                                                                               \
    "select k, count(*) as n, sum(v) as total, min(v) as l, last(v) as z, window_start as w from s group " \
    "by k window "

static void a_key_and_pane_travels_once(void **state) {
    (void)state;
    struct pair p;
    struct rt_kit_row rows[1000];
    begin(&p, SUMS "tumbling 10 s", true);
    for (uint32_t i = 0; i < 1000; i++)
        rows[i] = (struct rt_kit_row){ i % 2 ? "hot" : "warm", i, i * (20 * S / 1000) };
    push(&p, rows, 1000);
    assert_int_equal(p.behind.n, 0);
    assert_int_equal(p.combine->metrics.rows_out, 0);
    watermark(&p, 10 * S - 2);
    assert_int_equal(p.behind.n, 0); /* the pane has not ended */
    watermark(&p, 10 * S - 1);
    assert_int_equal(p.behind.n, 2);
    watermark(&p, EVT_TIME_MAX);
    assert_int_equal(p.behind.n, 4);
    assert_int_equal(p.behind.n_rows, 1000);
    assert_int_equal(p.other->metrics.rows_in, p.plain->metrics.rows_in);
    assert_true(p.plain_out->len > 0);
    end(&p);
}

static void a_row_behind_the_watermark_goes_as_it_is(void **state) {
    (void)state;
    struct pair p;
    begin(&p, SUMS "tumbling 10 s allowed lateness 5 s", true);
    push(&p, (const struct rt_kit_row[]){ { "a", 1, 3 * S }, { "a", 2, 12 * S } }, 2);
    watermark(&p, 13 * S);
    /* Of the pane that goes on, of one that is given out again, of one that is gone. */
    push(&p, (const struct rt_kit_row[]){ { "a", 3, 13 * S }, { "a", 4, 9 * S }, { "b", 5, 8 * S } }, 3);
    assert_int_equal(p.combine->metrics.rows_out, 3);
    same(&p);
    watermark(&p, 16 * S);
    push(&p, (const struct rt_kit_row[]){ { "a", 6, 4 * S } }, 1);
    assert_string_equal(base_buf_cstr(p.other_late), "a|6|4000000\n");
    same(&p);
    watermark(&p, EVT_TIME_MAX);
    end(&p);
}

static void who_may_be_behind_others_gathers_nothing(void **state) {
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        struct pair p;
        begin(&p, SUMS "tumbling 10 s", alone);
        push(&p, (const struct rt_kit_row[]){ { "a", 1, 3 * S }, { "a", 2, 4 * S } }, 2);
        idle(&p, true);
        assert_int_equal(p.behind.n, 1); /* it goes before the idleness */
        idle(&p, false);
        push(&p, (const struct rt_kit_row[]){ { "a", 3, 5 * S }, { "a", 4, 6 * S } }, 2);
        assert_int_equal(p.combine->metrics.rows_out, alone ? 0 : 2);
        watermark(&p, EVT_TIME_MAX);
        end(&p);
    }
}

static void a_barrier_finds_nothing_left(void **state) {
    (void)state;
    struct pair p;
    begin(&p, SUMS "sliding 10 s every 5 s", true);
    push(&p, (const struct rt_kit_row[]){ { "a", 1, 3 * S }, { "b", 2, 4 * S }, { "a", 1, 7 * S } }, 3);
    assert_int_equal(rt_combine_flush(p.combine, NULL), CEP_OK);
    assert_int_equal(p.behind.n, 3);
    push(&p, (const struct rt_kit_row[]){ { "a", 5, 3 * S }, { NULL, 2, 4 * S } }, 2);
    watermark(&p, EVT_TIME_MAX);
    assert_int_equal(p.behind.n, 5);
    end(&p);
}

static void rows_that_fail_are_the_aggregations_to_report(void **state) {
    (void)state;
    struct pair p;
    begin(&p, "select k, sum(10 / v) as n from s where 100 / (v - 1) > -1000 group by k window tumbling 10 s",
        true);
    push(&p,
        (const struct rt_kit_row[]){ { "a", 2, 1 * S }, { "a", 0, 2 * S }, { "a", 1, 3 * S },
            { "a", 5, 4 * S }, { "a", 4, INT64_MAX / 2 } },
        5);
    assert_int_equal(p.combine->metrics.rows_out, 3); /* two that fail, one whose time is too far */
    watermark(&p, EVT_TIME_MAX);
    assert_int_equal(p.other->metrics.failed, 3);
    end(&p);
}

/* What it costs to gather where nothing is gained is spent now and then only. */
static void many_keys_go_as_they_are(void **state) {
    (void)state;
    struct pair p;
    struct rt_kit_row rows[1000];
    char names[1000][16];
    begin(&p, SUMS "tumbling 1 h", true);
    for (int64_t n = 0; n < 40; n++) {
        for (uint32_t i = 0; i < 1000; i++) {
            (void)snprintf(names[i], sizeof names[i], "k%lld", (long long)(n * 1000 + i));
            rows[i] = (struct rt_kit_row){ names[i], i, i };
        }
        push(&p, rows, 1000);
    }
    assert_true(p.behind.n > 4000 && p.behind.n < 6000); /* until it was known */
    assert_int_equal(p.behind.n_rows + p.combine->metrics.rows_out, 40000);
    watermark(&p, EVT_TIME_MAX);
    end(&p);
}

/* Of some rows of a key and many that are each of another one only the former are gathered. */
static void only_frequent_keys_are_gathered(void **state) {
    (void)state;
    struct pair p;
    struct rt_kit_row rows[1000];
    char names[1000][16];
    begin(&p, SUMS "tumbling 1 h", true);
    for (int64_t n = 0; n < 40; n++) {
        for (uint32_t i = 0; i < 1000; i++) {
            (void)snprintf(names[i], sizeof names[i], "k%lld", (long long)(n * 1000 + i));
            rows[i] = (struct rt_kit_row){ i % 4 ? names[i] : "hot", i, i };
        }
        push(&p, rows, 1000);
    }
    assert_true(p.combine->metrics.rows_out > 25000);
    watermark(&p, EVT_TIME_MAX);
    assert_true(p.behind.n_rows >= 10000 && p.behind.n_rows + p.combine->metrics.rows_out == 40000);
    end(&p);
}

/* The aggregation was further than the writer is: what is late there is told as rows. */
static void it_knows_how_far_a_saved_aggregation_was(void **state) {
    (void)state;
    struct pair p;
    struct base_buf saved = BASE_BUF_INIT;
    struct sto_out out = sto_part_out(&saved);
    struct sto_entry e;
    begin(&p, SUMS "tumbling 10 s", true);
    watermark(&p, 25 * S);
    rt_kit_save(p.other, &out);
    sto_part_end(&saved);
    end(&p);
    begin(&p, SUMS "tumbling 10 s", true);
    struct base_unpack u = base_unpack_of(base_buf_view(&saved));
    while (sto_part_next(&u, &e, NULL) == CEP_OK)
        assert_int_equal(p.combine->vt->load(p.combine, &e, NULL, NULL), CEP_OK);
    push(&p, (const struct rt_kit_row[]){ { "a", 1, 24 * S }, { "a", 1, 26 * S } }, 2);
    assert_int_equal(p.combine->metrics.rows_out, 1);
    watermark(&p, EVT_TIME_MAX);
    end(&p);
    base_buf_release(&saved);
}

static uint64_t next(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Random rows, watermarks, barriers and idleness, some rows far behind. */
static void random_streams_give_the_same(void **state) {
    (void)state;
    static const char *const windows[] = { "tumbling 4 s", "tumbling 3 s offset 1 s allowed lateness 6 s",
        "sliding 9 s every 3 s", "sliding 10 s every 4 s allowed lateness 5 s" };
    static const char *const selects[] = {
        "select k, count(*) as n, sum(v) as s, avg(v) as m, window_end as e from s where v %% 7 <> 3 group "
        "by k window %s",
        "select k, v %% 3 as g, min(v) as l, max(cast(v as string)) as h, first(v) as f, last(v) as z, "
        "window_end as e from s "
        "group by k, v %% 3 window %s",
        "select k, count(distinct v) as d, approx_count_distinct(v) as u, approx_quantile(v, 0.5e0) as q, "
        "window_end as e "
        "from s group by k window %s",
        "select k, sum(v) filter (where v > 500) as s, count(v) filter (where v < 300) as n, min(v / 1e0) as "
        "r, window_end as "
        "e from s group by k window %s",
    };
    for (uint64_t round = 0; round < 64; round++) {
        uint64_t seed = round + 1;
        char text[512];
        struct pair p;
        int64_t now = 0;
        (void)snprintf(text, sizeof text, selects[round % 4], windows[round / 4 % 4]);
        begin(&p, text, next(&seed) % 2);
        for (int turn = 0; turn < 60; turn++) {
            struct rt_kit_row rows[64];
            char names[64][8];
            uint32_t n = (uint32_t)(next(&seed) % 64);
            for (uint32_t i = 0; i < n; i++) {
                (void)snprintf(names[i], sizeof names[i], "k%d", (int)(next(&seed) % 9));
                rows[i] = (struct rt_kit_row){ next(&seed) % 20 ? names[i] : NULL,
                    (int64_t)(next(&seed) % 1000),
                    now + (int64_t)(next(&seed) % (next(&seed) % 10 ? 3 * S : 20 * S)) - S };
                if (next(&seed) % 30 == 0)
                    rows[i].at -= (int64_t)(next(&seed) % (15 * S));
            }
            push(&p, rows, n);
            now += (int64_t)(next(&seed) % (2 * S));
            if (next(&seed) % 3)
                watermark(&p, now - S / 2);
            if (next(&seed) % 10 == 0)
                assert_int_equal(rt_combine_flush(p.combine, NULL), CEP_OK);
            if (round % 8 == 7 && turn >= 40 && turn < 45) {
                idle(&p, turn % 2 == 0);
            }
        }
        watermark(&p, EVT_TIME_MAX);
        assert_true(p.plain_out->len > 500 && p.behind.n > 0);
        end(&p);
    }
}

static void not_where_it_could_be_seen(void **state) {
    (void)state;
    static const char *const selects[] = {
        "select k, sum(v * 1e0) as n from s group by k window tumbling 4 s",
        "select k, stddev(v) as n from s group by k window tumbling 4 s",
        "select k, array_agg(v) as n from s group by k window tumbling 4 s",
        "select k, ewma(v, half_life => 3 s) as n from s group by k window tumbling 4 s",
        "select k, count(*) as n from s group by k window tumbling 4 s emit each event",
        "select k, count(*) as n from s group by k window tumbling 4 s emit every 1 s",
        "select k, count(*) as n from s group by k window session gap 4 s",
        "select k, count(*) as n from s group by k window count 4",
        "select k, count(*) as n from s group by k",
        "select count(*) as n from s window tumbling 4 s",
    };
    for (size_t i = 0; i < sizeof selects / sizeof *selects; i++) {
        struct base_buf text = BASE_BUF_INIT;
        struct rt_kit k;
        base_buf_printf(&text, RT_KIT_STREAM("s") "ascending; stream w as %s;", selects[i]);
        rt_kit_init(&k, base_buf_cstr(&text));
        assert_false(plan_combines(k.plan, rt_kit_op(&k, "w")->node));
        rt_kit_release(&k);
        base_buf_release(&text);
    }
}

/* Two that read the same rows by the same key share an exchange: rows travel anyway. */
static void rows_that_travel_anyway_are_not_gathered(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k,
        RT_KIT_STREAM("s") "ascending; stream a as " SUMS "tumbling 4 s; stream b as " SUMS "tumbling 9 s;");
    struct plan_job *j = plan_job_new(k.plan, 2);
    assert_int_equal(j->n_exchanges, 1);
    plan_job_free(j);
    rt_kit_release(&k);
    rt_kit_init(&k, RT_KIT_STREAM("s") "ascending; stream a as " SUMS "tumbling 4 s;");
    j = plan_job_new(k.plan, 2);
    assert_int_equal(j->n_exchanges, 2);
    assert_int_equal(j->exchanges[0].combined, 2);
    assert_true(j->exchanges[1].brings_combined);
    plan_job_free(j);
    rt_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_and_pane_travels_once),
        cmocka_unit_test(a_row_behind_the_watermark_goes_as_it_is),
        cmocka_unit_test(who_may_be_behind_others_gathers_nothing),
        cmocka_unit_test(a_barrier_finds_nothing_left),
        cmocka_unit_test(rows_that_fail_are_the_aggregations_to_report),
        cmocka_unit_test(many_keys_go_as_they_are),
        cmocka_unit_test(only_frequent_keys_are_gathered),
        cmocka_unit_test(it_knows_how_far_a_saved_aggregation_was),
        cmocka_unit_test(random_streams_give_the_same),
        cmocka_unit_test(not_where_it_could_be_seen),
        cmocka_unit_test(rows_that_travel_anyway_are_not_gathered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
