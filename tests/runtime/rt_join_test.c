/* rt_join: rows close in time, of a window, of a table; without a partner; saved and loaded at any moment. */
#include "state/sto_part.h"
#include "tests/runtime/rt_kit.h"

#include "base/base_mem.h"

#include <stdio.h>
#include <string.h>

#define S     1000000 /* µs of a second: the rows' times below are in seconds */
#define AT(t) ((int64_t)(t)*S)

/* Streams s and t (k, v, at), ascending, and what else there is. */
static void begin(struct rt_kit *k, const char *rest) {
    struct base_buf text = BASE_BUF_INIT;
    base_buf_printf(&text, RT_KIT_STREAM("s") "ascending; " RT_KIT_STREAM("t") "ascending; %s", rest);
    rt_kit_init(k, base_buf_cstr(&text));
    base_buf_release(&text);
}

static uint64_t keys_kept(struct rt_kit *k) {
    struct rt_op *op = rt_kit_op(k, "j");
    op->vt->gauges(op);
    return op->metrics.keys;
}

#define PAIR "stream j as select s.k as sk, s.v as sv, t.k as tk, t.v as tv from s "

static void rows_that_are_close_in_time_meet(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, PAIR "join t on s.k = t.k within 10 s;");
    struct base_buf *j = rt_kit_listen(&k, "j", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(0) }, { "a", 2, AT(5) }, { "b", 3, AT(6) }, { "a", 9, AT(30) });
    CAME(j, ""); /* t may be behind */
    PUSH(&k, "t", 0, { "a", 4, AT(10) }, { "a", 5, AT(11) }, { "c", 6, AT(11) }, { "a", 7, AT(30) });
    CAME(j, "a|1|a|4\na|2|a|4\na|2|a|5\n"); /* just 10 s is close */
    rt_kit_finish(&k);
    CAME(j, "a|9|a|7\n");
    assert_int_equal(keys_kept(&k), 0);
    rt_kit_release(&k);
}

static void a_row_alone_comes_when_no_partner_can(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, PAIR "full join t on s.k = t.k within 10 s;");
    struct base_buf *j = rt_kit_listen(&k, "j", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(0) }, { "b", 2, AT(1) }, { NULL, 3, AT(2) }, { "z", 0, AT(40) });
    PUSH(&k, "t", 0, { "b", 4, AT(5) }, { NULL, 5, AT(6) }, { "q", 6, AT(10) });
    CAME(j, "b|2|b|4\n"); /* 10 may come once more at t */
    PUSH(&k, "t", 0, { "q", 7, AT(11) });
    CAME(j, "a|1|null|null\n");
    assert_int_equal(keys_kept(&k), 3);
    PUSH(&k, "t", 0, { "q", 8, AT(17) });
    CAME(j, "null|3|null|null\nnull|null|null|5\n");
    rt_kit_finish(&k);
    CAME(j, "null|null|q|6\nnull|null|q|7\nnull|null|q|8\nz|0|null|null\n");
    rt_kit_release(&k);
}

static void the_rest_of_the_condition_decides_who_is_alone(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, PAIR "left join t on s.k = t.k and s.v < t.v and s.v <> 5 and t.v <> 9 within 3 s;");
    struct base_buf *j = rt_kit_listen(&k, "j", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "a", 3, AT(1) }, { "a", 5, AT(1) });
    PUSH(&k, "t", 0, { "a", 2, AT(2) }, { "a", 6, AT(3) }, { "a", 9, AT(3) });
    rt_kit_finish(&k);
    CAME(j, "a|1|a|2\na|1|a|6\na|3|a|6\na|5|null|null\n");
    rt_kit_release(&k);
}

static void rows_of_a_window_meet_when_it_ends(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k,
        "stream j as select s.v as sv, t.v as tv, second(window_start) as ws from s full join t on s.k = t.k "
        "window tumbling 10 s;"
        "stream i as select s.v as sv, t.v as tv, second(window_end) as we from s join t on s.k = t.k "
        "window sliding 10 s every 5 s;");
    struct base_buf *j = rt_kit_listen(&k, "j", PLAN_PORT_MAIN), *i = rt_kit_listen(&k, "i", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "a", 2, AT(9) }, { "a", 3, AT(10) }, { "b", 4, AT(40) });
    PUSH(&k, "t", 0, { "a", 5, AT(6) }, { "b", 6, AT(7) }, { "a", 7, AT(12) }, { "b", 8, AT(25) });
    CAME(j, "1|5|0\n2|5|0\nnull|6|0\n3|7|10\n");
    rt_kit_finish(&k);
    CAME(j, "null|8|20\n4|null|40\n");
    CAME(i, "1|5|10\n2|5|10\n2|5|15\n2|7|15\n3|5|15\n3|7|15\n3|7|20\n");
    assert_int_equal(keys_kept(&k), 0);
    rt_kit_release(&k);
}

static void an_event_finds_the_version_of_its_time(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "table now as select k, last(v) as v from t group by k;"
              "stream j as select s.k, s.v as sv, n.v as tv from s left join table now as n on n.k = s.k;");
    struct base_buf *j = rt_kit_listen(&k, "j", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "a", 2, AT(5) }, { "b", 3, AT(6) }, { "a", 4, AT(9) },
        { NULL, 5, AT(9) });
    CAME(j, "");
    PUSH(&k, "t", 0, { "a", 10, AT(5) }, { "b", 20, AT(7) }, { NULL, 30, AT(7) }, { "a", 11, AT(7) });
    CAME(j, "a|1|null\na|2|10\nb|3|null\n"); /* a version of the event's own time is in force */
    rt_kit_finish(&k);
    CAME(j, "a|4|11\nnull|5|null\n");
    rt_kit_release(&k);
}

static void versions_that_were_replaced_take_no_room(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "table now as select k, last(v) as v from t group by k;"
              "stream j as select s.k, s.v as sv, n.v as tv from s join table now as n on n.k = s.k;");
    struct base_buf *j = rt_kit_listen(&k, "j", PLAN_PORT_MAIN);
    PUSH(&k, "t", 0, { "kept", 7, AT(0) });
    for (int i = 0; i < 60000; i++)
        PUSH(&k, "t", 0, { i & 1 ? "a" : "b", i, AT(1) + i });
    PUSH(&k, "s", 0, { "kept", 1, AT(1) + 70000 }, { "a", 2, AT(1) + 70000 }, { "b", 3, AT(1) + 70000 });
    rt_kit_finish(&k);
    CAME(j, "kept|1|7\na|2|59999\nb|3|59998\n");
    struct rt_op *op = rt_kit_op(&k, "j");
    op->vt->gauges(op);
    assert_int_equal(op->metrics.keys, 3);
    assert_true(op->metrics.state_bytes < 3000000);
    rt_kit_release(&k);
}

static void what_comes_behind_the_watermark_is_counted(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, PAIR "join t on s.k = t.k within 10 s;");
    struct rt_op *op = rt_kit_op(&k, "j");
    assert_int_equal(rt_op_idle(op, 1, true, NULL), CEP_OK);
    PUSH(&k, "s", 0, { "a", 1, AT(100) });
    assert_int_equal(rt_op_idle(op, 1, false, NULL), CEP_OK);
    PUSH(&k, "t", 0, { "a", 2, AT(95) }, { "a", 3, AT(101) });
    assert_int_equal(op->metrics.late, 1);
    rt_kit_release(&k);
}

/* The same rows with and without a reload after each of them. */
static void a_reload_after_every_row_changes_nothing(void **state) {
    (void)state;
    static const char *const joins[] = { "s full join t on s.k = t.k within 3 s",
        "s full join t on s.k = t.k and s.v < t.v within 4 s",
        "s full join t on s.k = t.k and s.v < t.v window tumbling 5 s",
        "s full join t on s.k = t.k window sliding 9 s every 3 s",
        "s full join t on s.k = t.k window session gap 1 s",
        "s left join t on s.k = t.k and s.v < t.v window session gap 2 s", "s left join t on s.v = t.v",
        "s left join table now as t on t.k = s.k and t.v <> s.v" };
    static const char *const ops[] = { "s", "t", "now", "j" };
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
        char text[2000];
        snprintf(text, sizeof text,
            RT_KIT_STREAM("s") "delay 4 s; " RT_KIT_STREAM(
                "t") "delay 2 s; "
                     "table now as select k, last(v) as v from t group by k; "
                     "stream j as select s.k as sk, s.v as sv, t.k as tk, t.v as tv from %s;",
            joins[i]);
        struct base_buf whole = BASE_BUF_INIT, parts = BASE_BUF_INIT;
        for (int reloaded = 0; reloaded < 2; reloaded++) {
            struct base_buf *out = reloaded ? &parts : &whole;
            struct rt_kit k, next;
            rt_kit_init(&k, text);
            struct base_buf *j = rt_kit_listen(&k, "j", PLAN_PORT_MAIN);
            uint32_t seed = 7;
            for (int n = 0; n < 80; n++) {
                seed = seed * 1664525 + 1013904223;
                uint32_t of = (seed >> 20) & 7;
                struct rt_kit_row row = { of == 0  ? NULL
                                          : of & 1 ? "a"
                                                   : "b",
                    (seed >> 24) & 3, AT(n + (int)((seed >> 10) & 3) - 2) };
                assert_int_equal(rt_kit_push(&k, (seed >> 15) & 1 ? "s" : "t", 0, &row, 1, NULL), CEP_OK);
                base_buf_str(out, base_buf_view(j));
                base_buf_clear(j);
                if (reloaded) {
                    uint64_t seq = k.seq;
                    rt_kit_reload(&k, &next, text, ops, 4);
                    k = next;
                    k.seq = seq;
                    j = rt_kit_listen(&k, "j", PLAN_PORT_MAIN);
                }
            }
            rt_kit_finish(&k);
            base_buf_str(out, base_buf_view(j));
            rt_kit_release(&k);
        }
        rt_kit_sort_lines(&whole);
        rt_kit_sort_lines(&parts);
        if (strcmp(base_buf_cstr(&whole), base_buf_cstr(&parts)) != 0)
            fail_msg("%s:\n%s---\n%s", joins[i], base_buf_cstr(&whole), base_buf_cstr(&parts));
        assert_true(whole.len > 100);
        base_buf_release(&whole);
        base_buf_release(&parts);
    }
}

/* What a subtask has saved that had passed that watermark on. */
static void load_from(struct rt_op *op, const char *text, int64_t at, bool elsewhere, enum cep_rc want) {
    struct rt_kit k;
    struct base_buf b = BASE_BUF_INIT;
    struct sto_part_head head = { .kind = BASE_STR("join"), .name = BASE_STR("j"), .n_subtasks = 2 };
    struct base_unpack u;
    struct sto_entry e;
    struct cep_err err = CEP_ERR_INIT;
    rt_kit_init(&k, text);
    (void)rt_kit_listen(&k, "j", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(at) });
    PUSH(&k, "t", 0, { "a", 1, AT(at) });
    sto_part_begin(&b, &head);
    struct sto_out out = sto_part_out(&b);
    rt_kit_save(rt_kit_op(&k, "j"), &out);
    sto_part_end(&b);
    assert_int_equal(sto_part_open(base_buf_view(&b), &head, &u, NULL), CEP_OK);
    assert_int_equal(sto_part_next(&u, &e, NULL), CEP_OK);
    assert_int_equal(e.ns, STO_NS_META);
    e.elsewhere = elsewhere;
    assert_int_equal(op->vt->load(op, &e, NULL, &err), want);
    if (want != CEP_OK)
        assert_non_null(strstr(err.message, "only at the parallelism that it had"));
    base_buf_release(&b);
    rt_kit_release(&k);
}

static void subtasks_that_had_seen_different_watermarks_are_not_put_together(void **state) {
    static const struct {
        const char *join;
        bool torn;
    } joins[] = { { "s join t on s.k = t.k window sliding 4 s every 2 s", true },
        { "s join t on s.k = t.k window session gap 2 s", true },
        { "s left join t on s.k = t.k within 2 s", true }, { "s join t on s.k = t.k within 2 s", false } };
    (void)state;
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
        char text[1000];
        struct rt_kit k;
        snprintf(text, sizeof text,
            RT_KIT_STREAM("s") "ascending; " RT_KIT_STREAM(
                "t") "ascending; stream j as select s.v as sv, t.v as tv from %s;",
            joins[i].join);
        rt_kit_init(&k, text);
        struct rt_op *op = rt_kit_op(&k, "j");
        load_from(op, text, 10, false, CEP_OK);
        load_from(op, text, 10, false, CEP_OK);
        load_from(op, text, 20, true, CEP_OK); /* of other keys */
        load_from(op, text, 20, false, joins[i].torn ? CEP_ESTATE : CEP_OK);
        rt_kit_release(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_are_close_in_time_meet),
        cmocka_unit_test(a_row_alone_comes_when_no_partner_can),
        cmocka_unit_test(the_rest_of_the_condition_decides_who_is_alone),
        cmocka_unit_test(rows_of_a_window_meet_when_it_ends),
        cmocka_unit_test(an_event_finds_the_version_of_its_time),
        cmocka_unit_test(versions_that_were_replaced_take_no_room),
        cmocka_unit_test(what_comes_behind_the_watermark_is_counted),
        cmocka_unit_test(a_reload_after_every_row_changes_nothing),
        cmocka_unit_test(subtasks_that_had_seen_different_watermarks_are_not_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
