/* Aggregates over a variable's events: nulls, empty ones, ranges, precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "expr/expr_agg.h"
#include "tests/expr/expr_test_util.h"

struct agg_run {
    struct base_arena a;
    const struct evt_type *t;
    struct evt_val v[16];
    uint32_t n;
};

static void begin(struct agg_run *r, const struct evt_type *t) {
    base_arena_init(&r->a, 0);
    r->t = t;
    r->n = 0;
}

static void add(struct agg_run *r, struct evt_val v) {
    r->v[r->n++] = v;
}

/* The result as text, or "fails: why". */
static const char *result(struct agg_run *r, enum expr_agg agg) {
    const struct evt_type *type = expr_agg_type(&r->a, agg, r->t);
    struct evt_val out;
    const char *failure = NULL;
    if (!type)
        return "no such aggregate";
    if (expr_agg_is_gathered(agg)) {
        struct expr_agg_gather g;
        expr_agg_gather_start(&g, &r->a);
        for (uint32_t i = 0; i < r->n; i++)
            expr_agg_gather_step(&g, agg, &r->v[i]);
        expr_agg_gather_result(&g, agg, r->t, &out);
    } else {
        struct expr_agg_state s, copy;
        expr_agg_start(&s);
        for (uint32_t i = 0; i < r->n; i++) {
            expr_agg_step(&s, agg, r->t, &r->v[i]);
            memcpy(&copy, &s, sizeof s); /* states may be moved at any time */
            s = copy;
        }
        expr_agg_result(&s, agg, r->t, type, &out, &failure);
    }
    if (failure)
        return base_arena_printf(&r->a, "fails: %s", failure);
    struct base_buf b = BASE_BUF_INIT;
    evt_val_write_text(&b, type, &out);
    const char *z = base_arena_strndup(&r->a, base_buf_cstr(&b), b.len);
    base_buf_release(&b);
    return z;
}

#define I(x) ((struct evt_val){ .i = (x) })
#define D(x) ((struct evt_val){ .d = (x) })

static void over_nothing(void **state) {
    (void)state;
    struct agg_run r;
    begin(&r, evt_type_of(EVT_INT));
    assert_string_equal(result(&r, EXPR_AGG_COUNT), "0");
    assert_string_equal(result(&r, EXPR_AGG_COUNT_DISTINCT), "0");
    assert_string_equal(result(&r, EXPR_AGG_SUM), "null");
    assert_string_equal(result(&r, EXPR_AGG_AVG), "null");
    assert_string_equal(result(&r, EXPR_AGG_MIN), "null");
    assert_string_equal(result(&r, EXPR_AGG_STDDEV), "null");
    assert_string_equal(result(&r, EXPR_AGG_ARRAY), "[]");
    add(&r, EVT_VAL_NULL);
    assert_string_equal(result(&r, EXPR_AGG_COUNT), "0");
    assert_string_equal(result(&r, EXPR_AGG_MAX), "null");
    assert_string_equal(result(&r, EXPR_AGG_ARRAY), "[null]");
    base_arena_release(&r.a);
}

static void over_ints(void **state) {
    (void)state;
    struct agg_run r;
    begin(&r, evt_type_of(EVT_INT));
    add(&r, I(5));
    add(&r, EVT_VAL_NULL);
    add(&r, I(2));
    add(&r, I(2));
    assert_string_equal(result(&r, EXPR_AGG_COUNT), "3");
    assert_string_equal(result(&r, EXPR_AGG_COUNT_DISTINCT), "2");
    assert_string_equal(result(&r, EXPR_AGG_SUM), "9");
    assert_string_equal(result(&r, EXPR_AGG_AVG), "3.0");
    assert_string_equal(result(&r, EXPR_AGG_MIN), "2");
    assert_string_equal(result(&r, EXPR_AGG_MAX), "5");
    assert_string_equal(result(&r, EXPR_AGG_VAR), "3.0");
    assert_string_equal(result(&r, EXPR_AGG_ARRAY), "[5,null,2,2]");
    base_arena_release(&r.a);
}

static void a_sum_fails_only_when_it_does_not_fit(void **state) {
    (void)state;
    struct agg_run r;
    begin(&r, evt_type_of(EVT_INT));
    add(&r, I(INT64_MAX));
    add(&r, I(1));
    assert_string_equal(result(&r, EXPR_AGG_SUM), "fails: sum out of range");
    assert_string_equal(result(&r, EXPR_AGG_AVG), "4.611686018427388e+18");
    add(&r, I(-2));
    assert_string_equal(result(&r, EXPR_AGG_SUM), "9223372036854775806");
    base_arena_release(&r.a);

    begin(&r, NULL);
    r.t = evt_type_decimal(&r.a, 38, 2);
    __int128 large = 1;
    for (int i = 0; i < 37; i++)
        large *= 10;
    for (int i = 0; i < 9; i++)
        add(&r, evt_val_of_dec(large));
    assert_string_equal(result(&r, EXPR_AGG_SUM), "900000000000000000000000000000000000.00");
    add(&r, evt_val_of_dec(large));
    assert_string_equal(result(&r, EXPR_AGG_SUM), "fails: sum out of range");
    base_arena_release(&r.a);
}

static void over_doubles(void **state) {
    (void)state;
    struct agg_run r;
    begin(&r, evt_type_of(EVT_DOUBLE));
    add(&r, D(1e9 + 4));
    assert_string_equal(result(&r, EXPR_AGG_STDDEV), "null"); /* a sample of one */
    add(&r, D(1e9 + 7));
    add(&r, D(1e9 + 13));
    add(&r, D(1e9 + 16));
    assert_string_equal(result(&r, EXPR_AGG_VAR), "30.0"); /* sums of squares would have cancelled */
    assert_string_equal(result(&r, EXPR_AGG_AVG), "1000000010.0");
    assert_string_equal(result(&r, EXPR_AGG_SUM), "4000000040.0");
    base_arena_release(&r.a);
}

static void over_times_and_decimals(void **state) {
    (void)state;
    struct agg_run r;
    begin(&r, evt_type_of(EVT_DURATION));
    add(&r, I(1000000));
    add(&r, I(2000001));
    assert_string_equal(result(&r, EXPR_AGG_AVG), "1 s 500 ms 1 us");
    assert_string_equal(result(&r, EXPR_AGG_SUM), "3 s 1 us");
    assert_string_equal(result(&r, EXPR_AGG_MAX), "2 s 1 us");
    assert_string_equal(result(&r, EXPR_AGG_STDDEV), "no such aggregate");
    base_arena_release(&r.a);

    begin(&r, evt_type_of(EVT_TIMESTAMP));
    add(&r, I(0));
    add(&r, I(-1000000));
    assert_string_equal(result(&r, EXPR_AGG_MIN), "1969-12-31T23:59:59Z");
    assert_string_equal(result(&r, EXPR_AGG_SUM), "no such aggregate");
    base_arena_release(&r.a);

    begin(&r, NULL);
    r.t = evt_type_decimal(&r.a, 10, 2);
    add(&r, evt_val_of_dec(100));
    add(&r, evt_val_of_dec(-300));
    add(&r, evt_val_of_dec(100));
    assert_string_equal(result(&r, EXPR_AGG_SUM), "-1.00");
    assert_string_equal(result(&r, EXPR_AGG_AVG), "-0.333333");
    assert_string_equal(result(&r, EXPR_AGG_MIN), "-3.00");
    assert_string_equal(result(&r, EXPR_AGG_COUNT_DISTINCT), "2");
    base_arena_release(&r.a);
}

static void over_strings(void **state) {
    (void)state;
    struct agg_run r;
    begin(&r, evt_type_of(EVT_STRING));
    static const char *const words[] = { "pear", "apple", "pear", "fig" };
    for (size_t i = 0; i < CEP_COUNT_OF(words); i++)
        add(&r, (struct evt_val){ .s = { words[i], (uint32_t)strlen(words[i]) } });
    assert_string_equal(result(&r, EXPR_AGG_MIN), "apple");
    assert_string_equal(result(&r, EXPR_AGG_MAX), "pear");
    assert_string_equal(result(&r, EXPR_AGG_COUNT_DISTINCT), "3");
    assert_string_equal(result(&r, EXPR_AGG_ARRAY), "[\"pear\",\"apple\",\"pear\",\"fig\"]");
    assert_string_equal(result(&r, EXPR_AGG_SUM), "no such aggregate");
    base_arena_release(&r.a);
}

static void events_are_counted_without_a_value(void **state) {
    (void)state;
    struct expr_agg_state s;
    struct evt_val out;
    const char *failure = NULL;
    expr_agg_start(&s);
    for (int i = 0; i < 3; i++)
        expr_agg_step(&s, EXPR_AGG_COUNT, NULL, NULL);
    expr_agg_result(&s, EXPR_AGG_COUNT, NULL, evt_type_of(EVT_INT), &out, &failure);
    assert_int_equal(out.i, 3);
    assert_null(failure);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_nothing),
        cmocka_unit_test(over_ints),
        cmocka_unit_test(a_sum_fails_only_when_it_does_not_fit),
        cmocka_unit_test(over_doubles),
        cmocka_unit_test(over_times_and_decimals),
        cmocka_unit_test(over_strings),
        cmocka_unit_test(events_are_counted_without_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
