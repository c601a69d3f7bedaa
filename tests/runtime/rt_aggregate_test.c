/* rt_aggregate: windows of each kind, early and late results, groups without a window; saved and loaded at any moment. */
#include "tests/runtime/rt_kit.h"

#include "base/base_mem.h"

#include <stdio.h>
#include <string.h>

#define S     1000000 /* µs of a second: the rows' times below are in seconds */
#define AT(t) ((int64_t)(t)*S)

/* A stream s (k, v, at), ascending, and what else there is. */
static void begin(struct rt_kit *k, const char *rest) {
    struct base_buf text = BASE_BUF_INIT;
    base_buf_printf(&text, RT_KIT_STREAM("s") "ascending; %s", rest);
    rt_kit_init(k, base_buf_cstr(&text));
    base_buf_release(&text);
}

#define BOUNDS "second(window_start) as s, second(window_end) as e"

static void a_tumbling_window_is_given_when_the_watermark_passes_it(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "stream w as select k, count(*) as n, sum(v) as total, " BOUNDS
              " from s group by k window tumbling 10 s;");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(0) }, { "b", 2, AT(3) }, { "a", 3, AT(9) });
    CAME(w, "");
    PUSH(&k, "s", 0, { "a", 4, AT(10) - 1 });
    CAME(w, ""); /* another row of that time could come */
    PUSH(&k, "s", 0, { "a", 5, AT(10) }, { "a", 4, AT(10) });
    CAME(w, "a|3|8|0|10\nb|1|2|0|10\n");
    assert_int_equal(rt_kit_op(&k, "w")->metrics.rows_out, 2);
    rt_kit_finish(&k);
    CAME(w, "a|2|9|10|20\n");
    rt_kit_release(&k);
}

static void an_empty_window_gives_nothing_and_leaves_nothing(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "stream w as select k, count(*) as n from s group by k window tumbling 10 s;");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN);
    struct rt_op *op = rt_kit_op(&k, "w");
    PUSH(&k, "s", 0, { "a", 1, AT(5) }, { "a", 1, AT(1000) }, { "b", 1, AT(1011) });
    CAME(w, "a|1\na|1\n");
    op->vt->gauges(op);
    assert_int_equal(op->metrics.keys, 1);
    rt_kit_finish(&k);
    CAME(w, "b|1\n");
    op->vt->gauges(op);
    assert_int_equal(op->metrics.keys, 0);
    rt_kit_release(&k);
}

static void a_batch_of_which_where_leaves_nothing_gives_nothing(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "stream w as select k, v + 1 as x, count(*) as n from s where v > 10 group by k, v + 1 window "
              "tumbling 10 s;");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(0) }, { "b", 2, AT(3) });
    PUSH(&k, "s", 0, { "a", 11, AT(4) }, { "b", 2, AT(5) });
    rt_kit_finish(&k);
    CAME(w, "a|12|1\n");
    rt_kit_release(&k);
}

static void the_offset_moves_windows(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "stream w as select count(*) as n, " BOUNDS " from s window tumbling 10 s offset 3 s;");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(2) }, { "a", 1, AT(3) }, { "a", 1, AT(12) }, { "a", 1, AT(13) });
    rt_kit_finish(&k);
    CAME(w, "1|53|3\n2|3|13\n1|13|23\n");
    rt_kit_release(&k);
}

static void sliding_windows_share_their_panes(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "stream w as select k, count(*) as n, min(v) as least, " BOUNDS
              " from s group by k window sliding 10 s every 4 s;");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 5, AT(60) }, { "a", 3, AT(65) }, { "b", 7, AT(67) });
    rt_kit_finish(&k);
    CAME(w, "a|1|5|52|2\na|2|3|56|6\na|2|3|0|10\nb|1|7|0|10\nb|1|7|4|14\na|1|3|4|14\n");
    rt_kit_release(&k);
}

static void sessions_of_a_key_grow_together(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k,
        RT_KIT_STREAM("s") "delay 30 s; stream w as select k, count(*) as n, array_agg(v) as vs, " BOUNDS
                           " from s group by k window session gap 5 s;");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(0) }, { "a", 3, AT(9) }, { "b", 7, AT(2) }, { "a", 2, AT(4) },
        { "a", 4, AT(20) });
    rt_kit_finish(&k);
    CAME(w, "b|1|[7]|2|7\na|3|[1,2,3]|0|14\na|1|[4]|20|25\n"); /* 4 + 5 = 9: they meet */
    rt_kit_release(&k);
}

/* Whether the watermark stood between them or not: the second row can come until it has passed the gap itself. */
static void rows_just_the_gap_apart_are_one_session_in_one_batch_or_two(void **state) {
    (void)state;
    for (int batches = 1; batches <= 2; batches++) {
        struct rt_kit k;
        begin(&k,
            "stream w as select k, array_agg(v) as vs, " BOUNDS " from s group by k window session gap 5 s;");
        struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN);
        if (batches == 1) {
            PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "b", 1, AT(6) }, { "a", 2, AT(6) });
        } else {
            PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "b", 1, AT(6) });
            PUSH(&k, "s", 0, { "a", 2, AT(6) });
        }
        CAME(w, "");
        rt_kit_finish(&k);
        CAME(w, "b|[1]|6|11\na|[1,2]|1|11\n");
        rt_kit_release(&k);
    }
}

static void counts_are_of_each_key_in_the_order_of_time(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k,
        RT_KIT_STREAM(
            "s") "delay 30 s;"
                 "stream w as select k, array_agg(v) as vs from s group by k window count 2;"
                 "stream x as select k, array_agg(v) as vs from s group by k window count 4 every 2;");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN), *x = rt_kit_listen(&k, "x", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 2, AT(2) }, { "a", 1, AT(1) }, { "b", 9, AT(1) }, { "a", 4, AT(4) },
        { "a", 3, AT(3) }, { "a", 6, AT(6) }, { "a", 5, AT(5) }, { "a", 7, AT(7) });
    rt_kit_finish(&k);
    CAME(w, "a|[1,2]\na|[3,4]\na|[5,6]\n");
    CAME(x, "a|[1,2]\na|[1,2,3,4]\na|[3,4,5,6]\n");
    rt_kit_release(&k);
}

static void without_a_window_each_row_gives_the_group_anew(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "stream w as select k, sum(v) as total, last(v) as newest from s group by k;"
              "stream n as select count(*) as n from s;"
              "stream g as select count(*) as n from s window global;");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN), *n = rt_kit_listen(&k, "n", PLAN_PORT_MAIN),
                    *g = rt_kit_listen(&k, "g", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "b", 2, AT(2) }, { "a", 3, AT(3) }, { "a", 3, AT(4) });
    CAME(w, "a|1|1\nb|2|2\na|4|3\n");
    CAME(n, "1\n2\n3\n");
    CAME(g, "");
    rt_kit_finish(&k);
    CAME(w, "a|7|3\n");
    CAME(n, "4\n");
    CAME(g, "4\n");
    rt_kit_release(&k);
}

static void early_results_accumulate_or_are_forgotten(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "stream each as select k, sum(v) as t from s group by k window tumbling 10 s emit each event;"
              "stream after as select k, sum(v) as t from s group by k window tumbling 10 s emit after 2 "
              "events discarding;"
              "stream every as select k, sum(v) as t from s group by k window tumbling 10 s emit every 4 s;"
              "stream slid as select k, sum(v) as t, " BOUNDS
              " from s group by k window sliding 10 s every 5 s emit each event;");
    struct base_buf *each = rt_kit_listen(&k, "each", PLAN_PORT_MAIN),
                    *after = rt_kit_listen(&k, "after", PLAN_PORT_MAIN),
                    *every = rt_kit_listen(&k, "every", PLAN_PORT_MAIN),
                    *slid = rt_kit_listen(&k, "slid", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(10) }, { "a", 2, AT(11) }, { "a", 4, AT(13) }, { "b", 9, AT(14) },
        { "a", 8, AT(25) });
    rt_kit_finish(&k);
    CAME(each, "a|1\na|3\na|7\nb|9\na|7\nb|9\na|8\na|8\n");
    CAME(after, "a|3\na|4\nb|9\na|8\n"); /* a1 + a2; at the end what came since */
    CAME(every, "a|3\na|7\nb|9\na|7\nb|9\na|8\na|8\n");
    CAME(slid, "a|1|5|15\na|1|10|20\na|3|5|15\na|3|10|20\na|7|5|15\na|7|10|20\nb|9|5|15\nb|9|10|20\na|7|5|"
               "15\nb|9|5|15\n"
               "a|7|10|20\nb|9|10|20\na|8|20|30\na|8|25|35\na|8|20|30\na|8|25|35\n");
    rt_kit_release(&k);
}

static void a_row_that_comes_late_corrects_its_window_while_it_is_kept(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k,
        "stream w as select k, sum(v) as t from s group by k window tumbling 10 s allowed lateness 20 s;"
        "stream x as select k, sum(v) as t, " BOUNDS
        " from s group by k window session gap 5 s allowed lateness 20 s;");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN),
                    *late = rt_kit_listen(&k, "w", PLAN_PORT_LATE),
                    *x = rt_kit_listen(&k, "x", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "a", 2, AT(15) });
    CAME(w, "a|1\n");
    CAME(x, "a|1|1|6\n");
    PUSH(&k, "s", 0, { "a", 4, AT(5) });
    CAME(w, "a|5\n");
    CAME(x, "a|5|1|10\n");
    assert_int_equal(rt_kit_op(&k, "w")->metrics.late, 0);
    PUSH(&k, "s", 0, { "b", 1, AT(35) });
    CAME(w, "a|2\n");
    PUSH(&k, "s", 0, { "a", 8, AT(6) }, { "a", 16, AT(12) });
    CAME(w, "a|18\n"); /* the window of 6 is gone, that of 12 is not */
    CAME(late, "a|8|6000000\n");
    assert_int_equal(rt_kit_op(&k, "w")->metrics.late, 1);
    rt_kit_finish(&k);
    rt_kit_release(&k);
}

static void having_and_filter_choose(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "stream w as select k, count(*) filter (where v > 2) as big, count(distinct v) as kinds, "
              "sum(v) * 2 + 1 as t "
              "from s where v < 100 group by k window tumbling 10 s having count(*) > 1 and k <> 'c';");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "a", 3, AT(1) }, { "a", 3, AT(2) }, { "b", 3, AT(2) },
        { "b", 900, AT(2) }, { "c", 1, AT(3) }, { "c", 1, AT(3) });
    rt_kit_finish(&k);
    CAME(w, "a|2|2|15\n");
    rt_kit_release(&k);
}

static void what_fails_is_null_and_told(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k,
        "stream w as select k, sum(10 / v) as t, sum(v * 1) as u from s group by k window tumbling 10 s;");
    struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN),
                    *errors = rt_kit_listen(&k, "w", PLAN_PORT_ERRORS);
    PUSH(&k, "s", 0, { "a", 5, AT(1) }, { "a", 0, AT(2) }, { "b", INT64_MAX, AT(2) },
        { "b", INT64_MAX, AT(3) });
    rt_kit_finish(&k);
    CAME(w, "a|2|5\nb|0|null\n");
    assert_non_null(strstr(base_buf_cstr(errors), "division by zero"));
    assert_non_null(strstr(base_buf_cstr(errors), "sum out of range"));
    assert_int_equal(rt_kit_op(&k, "w")->metrics.failed, 2);
    rt_kit_release(&k);
}

/* A window over windows, and a pattern over them: the hourly mean rose three times in a row. */
static void results_are_a_stream_like_any(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "stream w as select k, sum(v) as t from s group by k window tumbling 10 s;"
              "stream v as select count(*) as n, max(t) as most from w window tumbling 40 s;"
              "pattern p from w partition by k match a -> b{2} consecutive define b as t > prev(t) measures "
              "first(a.t) as f, last(b.t) as l;");
    struct base_buf *v = rt_kit_listen(&k, "v", PLAN_PORT_MAIN), *p = rt_kit_listen(&k, "p", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(0) }, { "a", 3, AT(11) }, { "a", 5, AT(25) }, { "b", 9, AT(39) });
    rt_kit_finish(&k);
    CAME(v, "4|9\n");
    assert_non_null(strstr(base_buf_cstr(p), "1|5"));
    rt_kit_release(&k);
}

/* The same rows with and without a reload after each of them. */
static void a_reload_after_every_row_changes_nothing(void **state) {
    (void)state;
    static const char *const windows[] = { "window tumbling 10 s", "window sliding 10 s every 4 s",
        "window session gap 3 s", "window count 3 every 2", "window global", "",
        "window tumbling 10 s emit every 3 s", "window session gap 3 s emit after 2 events discarding",
        "window sliding 9 s every 3 s emit after 2 events",
        "window sliding 9 s every 3 s emit each event discarding",
        "window sliding 9 s every 4 s emit every 2 s discarding", "window count 3 emit each event",
        "window count 5 emit every 2 s discarding", "window count 4 emit after 3 events",
        "window sliding 9 s every 3 s emit each event", "window tumbling 4 s allowed lateness 5 s" };
    static const char *const ops[] = { "s", "w" };
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        char text[2000];
        snprintf(text, sizeof text,
            RT_KIT_STREAM("s") "delay 4 s; stream w as select k, count(*) as n, sum(v) as t, min(k) as m, "
                               "first(v) as f, last(v) as l, "
                               "array_agg(v) as vs, count(distinct v) as d, avg(cast(v as double)) as mean, "
                               "var(v) as spread%s "
                               "from s group by k %s;",
            windows[i][0] ? ", window_start as ws, window_end as we" : "", windows[i]);
        struct base_buf whole = BASE_BUF_INIT, parts = BASE_BUF_INIT;
        for (int reloaded = 0; reloaded < 2; reloaded++) {
            struct base_buf *out = reloaded ? &parts : &whole;
            struct rt_kit k, next;
            rt_kit_init(&k, text);
            struct base_buf *w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN);
            uint32_t seed = 7;
            for (int n = 0; n < 60; n++) {
                seed = seed * 1664525 + 1013904223;
                struct rt_kit_row row = { (seed >> 20) & 1 ? "a" : "b", (seed >> 24) & 7,
                    AT(n + (int)((seed >> 10) & 3) - 2) };
                assert_int_equal(rt_kit_push(&k, "s", 0, &row, 1, NULL), CEP_OK);
                base_buf_str(out, base_buf_view(w));
                base_buf_clear(w);
                if (reloaded) {
                    uint64_t seq = k.seq;
                    rt_kit_reload(&k, &next, text, ops, 2);
                    k = next;
                    k.seq = seq;
                    w = rt_kit_listen(&k, "w", PLAN_PORT_MAIN);
                }
            }
            rt_kit_finish(&k);
            base_buf_str(out, base_buf_view(w));
            rt_kit_release(&k);
        }
        rt_kit_sort_lines(&whole);
        rt_kit_sort_lines(&parts);
        if (strcmp(base_buf_cstr(&whole), base_buf_cstr(&parts)) != 0)
            fail_msg("%s:\n%s---\n%s", windows[i], base_buf_cstr(&whole), base_buf_cstr(&parts));
        assert_true(whole.len > 100);
        base_buf_release(&whole);
        base_buf_release(&parts);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tumbling_window_is_given_when_the_watermark_passes_it),
        cmocka_unit_test(an_empty_window_gives_nothing_and_leaves_nothing),
        cmocka_unit_test(a_batch_of_which_where_leaves_nothing_gives_nothing),
        cmocka_unit_test(the_offset_moves_windows),
        cmocka_unit_test(sliding_windows_share_their_panes),
        cmocka_unit_test(sessions_of_a_key_grow_together),
        cmocka_unit_test(rows_just_the_gap_apart_are_one_session_in_one_batch_or_two),
        cmocka_unit_test(counts_are_of_each_key_in_the_order_of_time),
        cmocka_unit_test(without_a_window_each_row_gives_the_group_anew),
        cmocka_unit_test(early_results_accumulate_or_are_forgotten),
        cmocka_unit_test(a_row_that_comes_late_corrects_its_window_while_it_is_kept),
        cmocka_unit_test(having_and_filter_choose),
        cmocka_unit_test(what_fails_is_null_and_told),
        cmocka_unit_test(results_are_a_stream_like_any),
        cmocka_unit_test(a_reload_after_every_row_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
