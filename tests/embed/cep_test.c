/* libcep: programs from text, rows in, results out, and what is wrong told. */
#include "cep/cep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S 1000000

static const char counts[] = "parameter least int = 2;\n"
                             "stream s (k string not null, v int, tags array(string), at timestamp)\n"
                             "  from stdin format json event time at watermark delay 2 s;\n"
                             "stream n as select k, count(*) as n, sum(v) as total, max(10 / v) as most from "
                             "s group by k window tumbling 10 s\n"
                             "  having count(*) >= least;\n"
                             "stream t as select k, tags, 100 / v as share from s;\n";

static struct cep_engine *begin(struct cep_program **program, const char *least) {
    const struct cep_setting settings[] = { { "least", least } };
    const struct cep_options options = { .size = sizeof options, .settings = settings, .n_settings = 1 };
    struct cep_engine *e;
    assert_int_equal(cep_program_new(counts, strlen(counts), &options, program, NULL), CEP_OK);
    assert_int_equal(cep_engine_new(*program, &e, NULL), CEP_OK);
    return e;
}

static void row(struct cep_value cells[4], const char *k, int64_t v, int64_t second) {
    cells[0] = cep_string(k);
    cells[1] = cep_int(v);
    cells[2] = cep_null();
    cells[3] = cep_timestamp(second * S);
}

static void push(struct cep_engine *e, const char *k, int64_t v, int64_t second) {
    struct cep_value cells[4];
    row(cells, k, v, second);
    assert_int_equal(cep_engine_push(e, 0, cells, 1, NULL), CEP_OK);
}

static void mistakes_are_told_with_their_places(void **state) {
    (void)state;
    static const char text[] =
        "stream s (v int, at timestamp) from stdin format json event time at watermark ascending;\n"
        "stream t as select w from s;\n";
    const struct cep_options options = { .size = sizeof options, .name = "mine" };
    struct cep_program *p;
    struct cep_engine *e;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(cep_program_new(text, strlen(text), &options, &p, &err), CEP_ENAME);
    assert_int_equal(err.span.line, 2);
    assert_string_equal(err.message, "unknown column \"w\" of stream \"s\"");
    assert_non_null(strstr(cep_program_messages(p), "mine:2:20: error: unknown column"));
    assert_int_equal(cep_engine_new(p, &e, &err), CEP_ESTATE);
    assert_null(e);
    cep_program_free(p);
    cep_program_free(NULL);
    cep_engine_free(NULL);
}

static void windows_end_when_the_watermark_passes_them(void **state) {
    (void)state;
    struct cep_program *p;
    struct cep_result r;
    struct cep_engine *e = begin(&p, "2");
    int n = cep_engine_listen(e, "n", NULL), late = cep_engine_listen(e, "s.late", NULL);
    const struct cep_schema *schema = cep_engine_output_schema(e, n);
    assert_int_equal(schema->n_fields, 4);
    assert_string_equal(schema->fields[2].name, "total");
    assert_int_equal(schema->fields[2].type->kind, CEP_INT);
    assert_int_equal(cep_engine_source(e, "s"), 0);
    assert_int_equal(cep_engine_source_schema(e, 0)->n_fields, 4);
    push(e, "a", 1, 1);
    push(e, "a", 2, 2);
    push(e, "b", 3, 3);
    assert_int_equal(cep_engine_take(e, &r), CEP_NONE);
    assert_int_equal(cep_engine_advance(e, 9 * S, NULL), CEP_OK);
    assert_int_equal(cep_engine_take(e, &r), CEP_NONE);
    assert_int_equal(cep_engine_advance(e, 10 * S, NULL), CEP_OK);
    assert_int_equal(cep_engine_take(e, &r), CEP_OK);
    assert_int_equal(r.output, n);
    assert_int_equal(r.time, 10 * S - 1);
    assert_string_equal(r.json, "{\"k\":\"a\",\"n\":2,\"total\":3,\"most\":10}");
    assert_int_equal(r.cells[1].i, 2);
    assert_int_equal(r.cells[1].kind, CEP_INT);
    assert_memory_equal(r.cells[0].s.p, "a", 1);
    assert_int_equal(cep_engine_take(e, &r), CEP_NONE); /* b has too few */
    push(e, "a", 1, 5);
    assert_int_equal(cep_engine_take(e, &r), CEP_OK);
    assert_int_equal(r.output, late);
    assert_int_equal(cep_engine_count(e, "s", "late"), 1);
    assert_int_equal(cep_engine_count(e, "s", "nothing"), 0);
    assert_int_equal(cep_engine_count(e, "nobody", "late"), 0);
    assert_int_equal(cep_engine_tick(e, NULL), CEP_OK);
    assert_int_equal(cep_engine_finish(e, NULL), CEP_OK);
    assert_int_equal(cep_engine_finish(e, NULL), CEP_ESTATE);
    cep_engine_free(e);
    cep_program_free(p);
}

static void many_rows_go_in_at_once(void **state) {
    (void)state;
    enum { N = 5000 };
    struct cep_program *p;
    struct cep_result r;
    struct cep_engine *e = begin(&p, "0");
    int n = cep_engine_listen(e, "n", NULL);
    struct cep_value *cells = calloc(4 * (size_t)N, sizeof *cells);
    for (int i = 0; i < N; i++)
        row(&cells[4 * i], "a", 1, i / 500);
    assert_int_equal(cep_engine_push(e, 0, cells, N, NULL), CEP_OK);
    free(cells);
    assert_int_equal(cep_engine_finish(e, NULL), CEP_OK);
    assert_int_equal(cep_engine_take(e, &r), CEP_OK);
    assert_int_equal(r.output, n);
    assert_int_equal(r.cells[1].i, N);
    cep_engine_free(e);
    cep_program_free(p);
}

static void nested_values_come_out_as_they_went_in(void **state) {
    (void)state;
    struct cep_program *p;
    struct cep_result r;
    struct cep_engine *e = begin(&p, "0");
    struct cep_value cells[4], tags[2] = { cep_string("x"), cep_string_n("yz", 2) };
    int t = cep_engine_listen(e, "t", NULL), errors = cep_engine_listen(e, "t.errors", NULL);
    row(cells, "a", 4, 1);
    cells[2] = cep_list(CEP_ARRAY, tags, 2);
    assert_int_equal(cep_engine_push(e, 0, cells, 1, NULL), CEP_OK);
    assert_int_equal(cep_engine_take(e, &r), CEP_OK);
    assert_int_equal(r.output, t);
    assert_int_equal(r.cells[1].list.n, 2);
    assert_int_equal(r.cells[1].list.v[1].kind, CEP_STRING);
    assert_string_equal(r.json, "{\"k\":\"a\",\"tags\":[\"x\",\"yz\"],\"share\":25}");
    push(e, "a", 0, 2); /* division by zero: null, and an error besides */
    assert_int_equal(cep_engine_finish(e, NULL), CEP_OK);
    assert_int_equal(cep_engine_take(e, &r), CEP_OK);
    assert_true(r.output == t && r.cells[2].null);
    assert_int_equal(cep_engine_take(e, &r), CEP_OK);
    assert_int_equal(r.output, errors);
    assert_int_equal(cep_engine_count(e, "t", "expression_failures"), 1);
    cep_engine_free(e);
    cep_program_free(p);
}

static void what_does_not_fit_is_refused_and_changes_nothing(void **state) {
    (void)state;
    struct cep_program *p;
    struct cep_err err = CEP_ERR_INIT;
    struct cep_engine *e = begin(&p, "0");
    struct cep_value cells[8], tags[1] = { cep_int(1) };
    assert_int_equal(cep_engine_listen(e, "nobody", &err), -1);
    assert_string_equal(err.message, "there is no stream, pattern, alert or side output \"nobody\"");
    assert_int_equal(cep_engine_listen(e, "n.timeouts", NULL), -1);
    assert_int_equal(cep_engine_listen(e, ".", NULL), -1);
    assert_int_equal(cep_engine_source(e, "n"), -1);
    assert_null(cep_engine_source_schema(e, 7));
    assert_null(cep_engine_output_schema(e, 0));
    row(cells, "a", 1, 1);
    row(cells + 4, "a", 1, 1);
    cells[5] = cep_string("1");
    assert_int_equal(cep_engine_push(e, 0, cells, 2, &err), CEP_ETYPE);
    assert_string_equal(err.message, "row 1: column \"v\" of stream \"s\" is int, and it was given string");
    cells[0] = cep_null();
    assert_int_equal(cep_engine_push(e, 0, cells, 1, &err), CEP_EINVAL);
    assert_string_equal(err.message, "row 0: column \"k\" of stream \"s\" cannot be null");
    row(cells, "a", 1, 1);
    cells[2] = cep_list(CEP_ARRAY, tags, 1);
    assert_int_equal(cep_engine_push(e, 0, cells, 1, NULL), CEP_ETYPE);
    assert_int_equal(cep_engine_push(e, 3, cells, 1, NULL), CEP_EINVAL);
    assert_int_equal(cep_engine_count(e, "s", "rows_out"), 0);
    push(e, "a", 1, 1);
    assert_int_equal(cep_engine_listen(e, "n", &err), -1);
    assert_int_equal(err.rc, CEP_ESTATE);
    cep_engine_free(e);
    cep_program_free(p);
}

static void engines_of_one_program_know_nothing_of_each_other(void **state) {
    (void)state;
    struct cep_program *p;
    struct cep_engine *a = begin(&p, "0"), *b;
    struct cep_result r;
    assert_int_equal(cep_engine_new(p, &b, NULL), CEP_OK);
    (void)cep_engine_listen(a, "t", NULL);
    (void)cep_engine_listen(b, "t", NULL);
    push(a, "a", 1, 1);
    assert_int_equal(cep_engine_take(b, &r), CEP_NONE);
    assert_int_equal(cep_engine_take(a, &r), CEP_OK);
    push(a, "left behind", 1, 1);
    cep_engine_free(a);
    cep_engine_free(b);
    cep_program_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_told_with_their_places),
        cmocka_unit_test(windows_end_when_the_watermark_passes_them),
        cmocka_unit_test(many_rows_go_in_at_once),
        cmocka_unit_test(nested_values_come_out_as_they_went_in),
        cmocka_unit_test(what_does_not_fit_is_refused_and_changes_nothing),
        cmocka_unit_test(engines_of_one_program_know_nothing_of_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
