/* rt_process: a compiled operator (lib/probe.c): order, timers, state, side outputs, mistakes; saved and loaded at any moment. */
#include "tests/runtime/rt_kit.h"

#include "base/base_mem.h"
#include "state/sto_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S     1000000
#define AT(t) ((int64_t)(t)*S)

#define OUT "(k string, what string, n int, sum int, kept string)"

static const char *probe_library(void) {
    static char path[4096]; /* made once, the same each time */
    (void)snprintf(path, sizeof path, "%s/tests/runtime/.libs/probe.so", getenv("CEP_BUILDDIR"));
    return path;
}

static void write_text(struct base_buf *text, const char *options, const char *watermark) {
    base_buf_printf(text, RT_KIT_STREAM("s") "%s; stream p " OUT " as process '%s' %s from s partition by k;",
        watermark, probe_library(), options);
}

static void begin(struct rt_kit *k, const char *options, const char *watermark) {
    struct base_buf text = BASE_BUF_INIT;
    write_text(&text, options, watermark);
    rt_kit_init(k, base_buf_cstr(&text));
    base_buf_release(&text);
}

static void rows_come_in_order_with_timers_between_them(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "", "delay 30 s");
    struct base_buf *p = rt_kit_listen(&k, "p", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 3, AT(20) }, { "a", 1, AT(1) }, { "b", 7, AT(11) }, { "a", 2, AT(11) });
    CAME(p, ""); /* the watermark has not passed them */
    PUSH(&k, "s", 0, { "a", 4, AT(60) });
    CAME(p, "a|row|1|1|1 1:1 1 v1\n"
            "b|row|1|7|7 1:1 1 v7\n"
            "a|row|2|3|1 2 1:1 2:1 2 v2\n"
            "a|timer|1|0|1 2 1:1 2:1 2 v2\n" /* at 11 s: behind the row of 11 s */
            "a|row|3|6|1 2 3 1:1 2:1 0:1 3 v3\n"
            "b|timer|7|0|7 1:1 1 v7\n"
            "a|timer|2|0|1 2 3 1:1 2:1 0:1 3 v3\n");
    rt_kit_finish(&k);
    CAME(p, "a|timer|3|0|1 2 3 1:1 2:1 0:1 3 v3\n"
            "a|row|4|10|2 3 4 1:2 2:1 0:1 4 v4\n"
            "a|timer|4|1|2 3 4 1:2 2:1 0:1 4 v4\n");
    rt_kit_release(&k);
}

static void options_and_side_outputs_reach_the_library(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "(factor = 10, label = 'ten')", "ascending");
    struct base_buf *p = rt_kit_listen(&k, "p", PLAN_PORT_MAIN),
                    *big = rt_kit_listen(&k, "p", PLAN_PORT_SIDE);
    PUSH(&k, "s", 0, { "a", 9, AT(1) }, { "a", 11, AT(2) }, { "a", 0, AT(3) });
    CAME(p, "a|ten|1|90|90 0:1 1 v90\na|ten|2|200|90 110 0:1 2:1 2 v110\n");
    CAME(big, "a|110\n");
    rt_kit_release(&k);
}

static void a_timer_can_be_cancelled_and_is_there_once(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "", "ascending");
    struct base_buf *p = rt_kit_listen(&k, "p", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "a", -4, AT(1) }, { "b", 1, AT(1) }, { "b", 1, AT(1) },
        { "a", -5, AT(20) });
    CAME(p, "a|row|1|1|1 1:1 1 v1\nb|row|1|1|1 1:1 1 v1\nb|row|2|2|1 1 1:2 2 v1\nb|timer|1|0|1 1 1:2 2 v1\n");
    rt_kit_release(&k);
}

static void a_timer_that_sets_itself_again_does_not_outlive_the_input(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "", "ascending");
    struct base_buf *p = rt_kit_listen(&k, "p", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 50, AT(0) }, { "b", -5, AT(31) }, { "b", -5, AT(32) });
    CAME(p, "a|row|1|50|50 2:1 1 v50\na|timer|50|0|50 2:1 1 v50\na|timer|50|0|50 2:1 1 v50\na|timer|50|0|50 "
            "2:1 1 v50\n");
    rt_kit_finish(&k);
    CAME(p, "a|timer|50|1|50 2:1 1 v50\n");
    rt_kit_release(&k);
}

static void timers_of_the_clock_fire_by_the_clock(void **state) {
    (void)state;
    struct rt_kit k;
    int64_t next;
    begin(&k, "", "ascending");
    struct base_buf *p = rt_kit_listen(&k, "p", PLAN_PORT_MAIN);
    struct rt_op *op = rt_kit_op(&k, "p");
    clk_manual_set(&k.clk, AT(100));
    PUSH(&k, "s", 0, { "a", -3, AT(1) }, { "a", -5, AT(2) });
    assert_int_equal(op->vt->tick(op, &next, NULL), CEP_OK);
    assert_int_equal(next, AT(105));
    CAME(p, "");
    clk_manual_set(&k.clk, AT(106));
    assert_int_equal(op->vt->tick(op, &next, NULL), CEP_OK);
    assert_int_equal(next, INT64_MAX);
    CAME(p, "a|clock|-3|0|\n");
    rt_kit_release(&k);
}

static void what_it_rejects_goes_to_errors(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "", "ascending");
    struct base_buf *p = rt_kit_listen(&k, "p", PLAN_PORT_MAIN),
                    *e = rt_kit_listen(&k, "p", PLAN_PORT_ERRORS);
    struct rt_op *op = rt_kit_op(&k, "p");
    struct evt_batch *b = evt_batch_new(rt_kit_op(&k, "s")->node->schema, 1);
    evt_col_set_bytes(&b->cols[0], 0, "a", 1);
    evt_col_set_null(&b->cols[1], 0);
    evt_col_set_i(&b->cols[2], 0, AT(1));
    b->time[0] = AT(1);
    b->seq[0] = b->origin[0] = 0;
    evt_batch_end_row(b);
    assert_int_equal(rt_source_push(rt_kit_op(&k, "s"), 0, b, NULL), CEP_OK);
    evt_batch_unref(b);
    PUSH(&k, "s", 0, { "a", 13, AT(2) }, { "a", -5, AT(20) }, { "a", -5, AT(21) });
    CAME(p, "a|row|1|13|13 1:1 1 v13\n");
    assert_non_null(strstr(base_buf_cstr(e), "v is null"));
    struct base_buf timer = BASE_BUF_INIT; /* records are bytes: shown as base64 */
    evt_write_base64(&timer, BASE_STR("{\"key\":[\"a\"],\"at\":\"1970-01-01T00:00:12Z\",\"tag\":13}"));
    base_buf_puts(&timer, "|13|");
    assert_non_null(strstr(base_buf_cstr(e), base_buf_cstr(&timer)));
    base_buf_release(&timer);
    assert_int_equal(op->metrics.failed, 2);
    rt_kit_release(&k);
}

static void what_is_wrong_with_it_fails_the_job(void **state) {
    (void)state;
    static const struct {
        int64_t v;
        const char *message;
    } cases[] = { { -1, "told to" }, { -2, "column \"n\" is int, and it was given string" },
        { -6, "state \"last\" is of int, and it was given string" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rt_kit k;
        struct cep_err err = CEP_ERR_INIT;
        begin(&k, "", "ascending");
        const struct rt_kit_row rows[] = { { "a", cases[i].v, AT(1) }, { "a", -5, AT(2) } };
        assert_int_not_equal(rt_kit_push(&k, "s", 0, rows, 2, &err), CEP_OK);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_non_null(strstr(err.message, "stream \"p\": library"));
        rt_kit_release(&k);
    }
}

static void a_key_with_nothing_left_is_forgotten(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "", "ascending");
    struct rt_op *op = rt_kit_op(&k, "p");
    PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "b", -5, AT(2) }, { "c", -5, AT(3) }, { "c", -5, AT(4) });
    op->vt->gauges(op);
    assert_int_equal(op->metrics.keys, 1);
    assert_int_equal(op->metrics.buffered, 1);
    assert_true(op->metrics.state_bytes > 0);
    PUSH(&k, "s", 0, { "a", -5, AT(20) }, { "c", -5, AT(30) });
    op->vt->gauges(op);
    assert_int_equal(op->metrics.keys, 0);
    rt_kit_release(&k);
}

/* -- saved and loaded ------------------------------------------------------------------------------------------------- */

static void save(struct rt_op *op, struct base_buf *b) {
    struct sto_part_head head = { .kind = base_str_of(op->vt->kind), .name = op->name, .n_subtasks = 1 };
    sto_part_begin(b, &head);
    struct sto_out out = sto_part_out(b);
    rt_kit_save(op, &out);
    sto_part_end(b);
}

static enum cep_rc load(struct rt_op *op, const struct base_buf *b, struct sto_losses *losses) {
    struct sto_part_head head;
    struct base_unpack u;
    struct sto_entry e;
    enum cep_rc rc = CEP_OK;
    assert_int_equal(sto_part_open(base_buf_view(b), &head, &u, NULL), CEP_OK);
    while (rc == CEP_OK && sto_part_next(&u, &e, NULL) == CEP_OK)
        rc = op->vt->load(op, &e, losses, NULL);
    return rc;
}

/* Its source and it, as in another process. */
static void reload(struct rt_kit *k, struct rt_kit *fresh, const char *text) {
    static const char *const ops[] = { "s", "p" };
    rt_kit_init(fresh, text);
    fresh->seq = k->seq; /* places in the partition go on */
    for (size_t i = 0; i < 2; i++) {
        struct base_buf b = BASE_BUF_INIT;
        save(rt_kit_op(k, ops[i]), &b);
        assert_int_equal(load(rt_kit_op(fresh, ops[i]), &b, NULL), CEP_OK);
        base_buf_release(&b);
    }
    rt_kit_release(k);
}

static void random_run(unsigned seed, bool reloaded, const char *text, struct base_buf *out) {
    static const char *const keys[] = { "a", "b", "c", "longer than eight bytes" };
    static const int64_t values[] = { 1, 2, 3, 50, 100, 150, -4, -5, 13, 7 };
    struct rt_kit k, next;
    rt_kit_init(&k, text);
    struct base_buf *p = rt_kit_listen(&k, "p", PLAN_PORT_MAIN);
    uint64_t x = seed;
    for (int i = 0; i < 80; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        struct rt_kit_row row = { keys[x >> 60 & 3], values[(x >> 40) % 10],
            AT(i) - (int64_t)(x >> 30 & 7) * S };
        assert_int_equal(rt_kit_push(&k, "s", 0, &row, 1, NULL), CEP_OK);
        if (reloaded) {
            base_buf_str(out, base_buf_view(p));
            reload(&k, &next, text);
            k = next;
            p = rt_kit_listen(&k, "p", PLAN_PORT_MAIN);
        }
    }
    rt_kit_finish(&k);
    base_buf_str(out, base_buf_view(p));
    rt_kit_release(&k);
}

static void a_reload_after_every_row_changes_nothing(void **state) {
    (void)state;
    struct base_buf text = BASE_BUF_INIT;
    write_text(&text, "", "delay 8 s");
    for (unsigned seed = 1; seed <= 10; seed++) {
        struct base_buf whole = BASE_BUF_INIT, parts = BASE_BUF_INIT;
        random_run(seed, false, base_buf_cstr(&text), &whole);
        random_run(seed, true, base_buf_cstr(&text), &parts);
        assert_true(whole.len > 1000);
        assert_string_equal(base_buf_cstr(&whole), base_buf_cstr(&parts));
        base_buf_release(&whole);
        base_buf_release(&parts);
    }
    base_buf_release(&text);
}

static void damaged_state_is_refused(void **state) {
    (void)state;
    struct rt_kit k;
    begin(&k, "", "delay 8 s");
    PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "b", 150, AT(2) }, { "a", 2, AT(20) }, { "a", 3, AT(21) });
    struct rt_op *op = rt_kit_op(&k, "p");
    struct base_buf b = BASE_BUF_INIT;
    struct sto_part_head head;
    struct base_unpack u;
    struct sto_entry e;
    save(op, &b);
    assert_int_equal(sto_part_open(base_buf_view(&b), &head, &u, NULL), CEP_OK);
    struct rt_kit fresh;
    begin(&fresh, "", "delay 8 s");
    struct rt_op *to = rt_kit_op(&fresh, "p");
    size_t n_refused = 0;
    while (sto_part_next(&u, &e, NULL) == CEP_OK) {
        for (size_t cut = 0; cut < e.value.len;
             cut++) { /* cut short, or a byte of it changed: refused, or another value */
            struct sto_entry bad = e;
            bad.value.len = cut;
            n_refused += to->vt->load(to, &bad, NULL, NULL) == CEP_EDAMAGED;
            char *copy = base_strndup(e.value.p, e.value.len);
            copy[cut] = (char)(copy[cut] ^ 0x41);
            bad.value = (struct base_str){ copy, e.value.len };
            n_refused += to->vt->load(to, &bad, NULL, NULL) == CEP_EDAMAGED;
            base_free(copy);
        }
        rt_kit_release(&fresh);
        begin(&fresh, "", "delay 8 s");
        to = rt_kit_op(&fresh, "p");
        struct base_unpack again;
        struct sto_entry meta;
        assert_int_equal(sto_part_open(base_buf_view(&b), &head, &again, NULL), CEP_OK);
        assert_int_equal(sto_part_next(&again, &meta, NULL), CEP_OK);
        assert_int_equal(to->vt->load(to, &meta, NULL, NULL), CEP_OK);
    }
    assert_true(n_refused > 50);
    base_buf_release(&b);
    rt_kit_release(&fresh);
    rt_kit_release(&k);
}

static void keys_of_another_type_are_lost_and_told(void **state) {
    (void)state;
    struct rt_kit k, other;
    struct sto_losses losses;
    struct base_buf text = BASE_BUF_INIT, b = BASE_BUF_INIT;
    begin(&k, "", "delay 8 s");
    PUSH(&k, "s", 0, { "a", 1, AT(1) }, { "b", 150, AT(2) }, { "a", 2, AT(20) }, { "a", 3, AT(21) });
    save(rt_kit_op(&k, "p"), &b);
    base_buf_printf(&text,
        RT_KIT_STREAM("s") "delay 8 s; stream p " OUT " as process '%s' from s partition by v;",
        probe_library());
    rt_kit_init(&other, base_buf_cstr(&text));
    sto_losses_init(&losses);
    assert_int_equal(load(rt_kit_op(&other, "p"), &b, &losses), CEP_OK);
    assert_int_equal(sto_losses_total(&losses), 2);
    sto_losses_release(&losses);
    base_buf_release(&text);
    base_buf_release(&b);
    rt_kit_release(&other);
    rt_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_order_with_timers_between_them),
        cmocka_unit_test(options_and_side_outputs_reach_the_library),
        cmocka_unit_test(a_timer_can_be_cancelled_and_is_there_once),
        cmocka_unit_test(a_timer_that_sets_itself_again_does_not_outlive_the_input),
        cmocka_unit_test(timers_of_the_clock_fire_by_the_clock),
        cmocka_unit_test(what_it_rejects_goes_to_errors),
        cmocka_unit_test(what_is_wrong_with_it_fails_the_job),
        cmocka_unit_test(a_key_with_nothing_left_is_forgotten),
        cmocka_unit_test(a_reload_after_every_row_changes_nothing),
        cmocka_unit_test(damaged_state_is_refused),
        cmocka_unit_test(keys_of_another_type_are_lost_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
