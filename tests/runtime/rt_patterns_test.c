/* rt_patterns: patterns that read the same as one operator; who is served, who sleeps, who hears of time. */
#include "state/sto_part.h"
#include "tests/runtime/rt_kit.h"

#include "base/base_check.h"

/* A reader that does without watermarks, as a sink does. */
struct sleeper {
    struct rt_op op;
    uint32_t rows, watermarks;
    bool ended;
};

static struct sleeper *sleeper_of(struct rt_op *op) {
    return CEP_CONTAINER_OF(op, struct sleeper, op);
}

static enum cep_rc sleeper_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    (void)input, (void)err;
    sleeper_of(op)->rows += evt_batch_count(b);
    return CEP_OK;
}

static enum cep_rc sleeper_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    (void)wm, (void)err;
    sleeper_of(op)->watermarks++;
    return CEP_OK;
}

static enum cep_rc sleeper_end(struct rt_op *op, struct cep_err *err) {
    (void)err;
    sleeper_of(op)->ended = true;
    return CEP_OK;
}

static int64_t sleeper_wakes_at(const struct rt_op *op) {
    (void)op;
    return EVT_TIME_MAX;
}

static const struct rt_op_vt sleeper_vt = { .kind = "sleeper",
    .batch = sleeper_batch,
    .watermark = sleeper_watermark,
    .end = sleeper_end,
    .wakes_at = sleeper_wakes_at };

static void sleeper_init(struct sleeper *s, struct rt_kit *k, const char *reads) {
    *s = (struct sleeper){ .rows = 0 };
    rt_op_init(&s->op, &sleeper_vt, NULL, BASE_STR("sleeper"), 1, &k->clk);
    rt_graph_listen(
        &k->graph, (struct plan_ref){ rt_kit_op(k, reads)->node->index, PLAN_PORT_MAIN }, &s->op, 0);
}

#define PATTERN(name, value)                                                                          \
    "pattern " name " from s partition by k match a -> b define a as v = " value ", b as v = -" value \
    " within 1 s measures k as k, a.v as v, b.at as at;"

static void one_edge_leads_to_all(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k,
        RT_KIT_STREAM("s") "ascending;" RT_KIT_STREAM("t") "ascending;" PATTERN("p1", "1") PATTERN("p2", "2")
            PATTERN("p3", "3") "pattern q from s, t partition by k match a -> b define a as s where v = 1, b "
                               "as t where v = 1 "
                               "within 1 s measures k as k;");
    assert_int_equal(rt_kit_op(&k, "s")->n_outs[PLAN_PORT_MAIN], 2); /* the group, and q alone */
    assert_int_equal(k.graph.n_groups, 1);
    struct base_buf *one = rt_kit_listen(&k, "p1", PLAN_PORT_MAIN),
                    *two = rt_kit_listen(&k, "p2", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "x", 1, 10 }, { "x", 2, 11 }, { "y", -2, 12 }, { "x", -2, 13 }, { "x", -1, 14 },
        { "x", 9, 20 });
    CAME(one, "x|1|14\n");
    CAME(two, "x|2|13\n");
    rt_kit_finish(&k);
    struct rt_op *op = rt_kit_op(&k, "p2");
    op->vt->gauges(op);
    assert_int_equal(op->metrics.rows_in, 6);
    assert_int_equal(op->metrics.irrelevant, 3);
    assert_int_equal(op->metrics.matches, 1);
    assert_int_equal(op->metrics.buffered, 0);
    rt_kit_release(&k);
}

static void readers_with_nothing_waiting_sleep(void **state) {
    (void)state;
    struct rt_kit k;
    struct sleeper one, two, awake;
    rt_kit_init(&k, RT_KIT_STREAM("s") "ascending;" PATTERN("p1", "1") PATTERN("p2", "2")
                        PATTERN("p3", "3") "alert al on p2 by k resolve after 100 us;"
                                           "stream all_of_3 as select v from p3;");
    sleeper_init(&one, &k, "p1");
    sleeper_init(&two, &k, "al");
    sleeper_init(&awake, &k, "all_of_3");
    for (int64_t i = 0; i < 5; i++)
        PUSH(&k, "s", 0, { "x", 9, 10 + i });
    assert_int_equal(one.watermarks, 0);
    assert_int_equal(two.watermarks, 0);
    assert_int_equal(awake.watermarks, 5); /* a select wants each */
    PUSH(&k, "s", 0, { "x", 2, 20 }, { "x", -2, 30 }, { "x", 9, 40 });
    assert_int_equal(two.rows, 1); /* firing */
    uint32_t before = two.watermarks;
    PUSH(&k, "s", 0, { "x", 9, 100 });
    assert_int_equal(two.watermarks, before);
    PUSH(&k, "s", 0, { "x", 9, 200 }); /* the alert is resolved by time alone */
    assert_int_equal(two.rows, 2);
    assert_int_equal(one.watermarks, 0);
    rt_kit_finish(&k);
    assert_true(one.watermarks == 1 && one.ended && two.ended && awake.ended);
    assert_int_equal(one.op.watermark, EVT_TIME_MAX);
    assert_int_equal(two.op.watermark, EVT_TIME_MAX);
    rt_op_release(&one.op);
    rt_op_release(&two.op);
    rt_op_release(&awake.op);
    rt_kit_release(&k);
}

static void failures_go_to_the_pattern_that_has_them(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k,
        RT_KIT_STREAM("s") "ascending;" PATTERN("p1", "1") "pattern bad from s match a -> b define a as 6 / "
                                                           "v > 2, b as v = 9 within 1 s measures a.v as v;");
    struct base_buf *bad = rt_kit_listen(&k, "bad", PLAN_PORT_ERRORS),
                    *p1 = rt_kit_listen(&k, "p1", PLAN_PORT_ERRORS);
    PUSH(&k, "s", 0, { "x", 0, 10 }, { "x", 1, 11 }, { "x", 0, 12 }, { "x", 5, 20 });
    const char *first = strstr(base_buf_cstr(bad), "division by zero");
    assert_true(first && strstr(first + 1, "division by zero"));
    CAME(p1, "");
    assert_int_equal(rt_kit_op(&k, "bad")->metrics.failed, 2);
    assert_int_equal(rt_kit_op(&k, "p1")->metrics.failed, 0);
    rt_kit_release(&k);
}

/* -- what survives ---------------------------------------------------------------------------------------------- */

#define PAIR(name, more)                                                                     \
    "pattern " name " from s partition by k match a -> b define a as v = 1, b as v = 2" more \
    " within 1 min "                                                                         \
    "measures k as k, b.at as at;"

/* All of an operator's state, as a part. */
static void save(struct rt_kit *k, const char *name, struct base_buf *b) {
    struct rt_op *op = rt_kit_op(k, name);
    base_buf_clear(b);
    sto_part_begin(
        b, &(struct sto_part_head){ .kind = BASE_STR("pattern"), .name = op->name, .n_subtasks = 1 });
    struct sto_out out = sto_part_out(b);
    enum cep_rc rc = op->vt->save(op, &out, NULL);
    while (rc == CEP_AGAIN)
        rc = op->vt->save_some(op, 100, NULL);
    assert_int_equal(rc, CEP_OK);
    sto_part_end(b);
}

static void load(struct rt_kit *k, const char *name, const struct base_buf *b) {
    struct rt_op *op = rt_kit_op(k, name);
    struct sto_part_head head;
    struct base_unpack entries;
    struct sto_entry e;
    enum cep_rc rc;
    assert_int_equal(sto_part_open(base_buf_view(b), &head, &entries, NULL), CEP_OK);
    while ((rc = sto_part_next(&entries, &e, NULL)) == CEP_OK)
        assert_int_equal(op->vt->load(op, &e, NULL, NULL), CEP_OK);
    assert_int_equal(rc, CEP_NONE);
    assert_int_equal(op->vt->loaded(op, NULL, NULL), CEP_OK);
}

static void state_is_the_same_in_a_group_and_alone(void **state) {
    (void)state;
    static const char *const programs[] = { RT_KIT_STREAM("s") "delay 10 s;" PAIR("p1", "")
                                                PAIR("p2", " and k <> 'z'"),
        RT_KIT_STREAM("s") "delay 10 s;" PAIR("p1", "") };
    struct base_buf saved = BASE_BUF_INIT;
    struct rt_kit k;
    for (int from = 0; from < 2; from++)
        for (int to = 0; to < 2; to++) {
            rt_kit_init(&k, programs[from]);
            /* One partial match is open, and two rows wait. */
            PUSH(&k, "s", 0, { "x", 1, 10000000 }, { "y", 1, 20000000 }, { "x", 3, 30000000 },
                { "z", 1, 31000000 });
            save(&k, "p1", &saved);
            rt_kit_release(&k);
            rt_kit_init(&k, programs[to]);
            assert_int_equal(rt_kit_op(&k, "p1")->entry != NULL, to == 0);
            struct base_buf *out = rt_kit_listen(&k, "p1", PLAN_PORT_MAIN);
            load(&k, "p1", &saved);
            PUSH(&k, "s", 0, { "x", 2, 32000000 }, { "z", 2, 33000000 }, { "y", 2, 34000000 },
                { "x", 0, 60000000 });
            CAME(out, "x|32000000\nz|33000000\ny|34000000\n");
            rt_kit_release(&k);
        }
    base_buf_release(&saved);
}

/* What comes on another stream goes to one pattern of a group. */
struct detour {
    struct rt_op op, *to;
};

static enum cep_rc detour_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_op *to = CEP_CONTAINER_OF(op, struct detour, op)->to;
    return to->vt->batch(to, input, b, err);
}

static enum cep_rc no_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    (void)op, (void)wm, (void)err;
    return CEP_OK;
}

static enum cep_rc no_end(struct rt_op *op, struct cep_err *err) {
    (void)op, (void)err;
    return CEP_OK;
}

static void rows_may_be_those_of_one_pattern(void **state) {
    (void)state;
    static const struct rt_op_vt detour_vt = {
        .kind = "detour", .batch = detour_batch, .watermark = no_watermark, .end = no_end
    };
    struct rt_kit k;
    struct detour d = { .to = NULL };
    rt_kit_init(&k,
        RT_KIT_STREAM("s") "ascending;" RT_KIT_STREAM("t") "ascending;" PAIR("p1", "") PAIR("p2",
            "") "pattern p3 from s partition by k match a b define a as 6 / v >= 6, b as v = 2 within 1 min "
                "measures k as k, b.at as at;");
    struct base_buf *p1 = rt_kit_listen(&k, "p1", PLAN_PORT_MAIN),
                    *p2 = rt_kit_listen(&k, "p2", PLAN_PORT_MAIN),
                    *p3 = rt_kit_listen(&k, "p3", PLAN_PORT_MAIN);
    rt_op_init(&d.op, &detour_vt, NULL, BASE_STR("detour"), 1, &k.clk);
    rt_graph_listen(&k.graph, (struct plan_ref){ rt_kit_op(&k, "t")->node->index, PLAN_PORT_MAIN }, &d.op, 0);
    d.to = rt_kit_op(&k, "p1");
    PUSH(&k, "t", 0, { "x", 1, 10000000 });
    d.to = rt_kit_op(&k, "p3"); /* strict: it looks at every row */
    PUSH(&k, "t", 0, { "x", 1, 10000000 }, { "y", 1, 11000000 }, { "y", 0, 12000000 });
    PUSH(&k, "s", 0, { "x", 2, 20000000 }, { "y", 2, 21000000 }, { "z", 9, 22000000 });
    CAME(p1, "x|20000000\n");
    CAME(p2, "");
    CAME(p3, "x|20000000\n");
    assert_int_equal(rt_kit_op(&k, "p3")->metrics.failed, 1); /* 6 / 0, told once */
    assert_int_equal(rt_kit_op(&k, "p1")->metrics.failed, 0);
    rt_op_release(&d.op);
    rt_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_edge_leads_to_all),
        cmocka_unit_test(readers_with_nothing_waiting_sleep),
        cmocka_unit_test(failures_go_to_the_pattern_that_has_them),
        cmocka_unit_test(state_is_the_same_in_a_group_and_alone),
        cmocka_unit_test(rows_may_be_those_of_one_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
