/*
 * The compiler held against files: mistakes/X.pattern gives exactly the text X.err (and no plan when an error is in it),
 * plans/X.pattern the dumps X.plan. CEP_UPDATE=1 writes what comes out instead of comparing.
 */
#include "dsl/dsl_compile.h"

#include "base/base_mem.h"
#include "tests/dsl/dsl_test_catalog.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *source_dir(void) {
    const char *dir = getenv("CEP_SRCDIR");
    return dir ? dir : ".";
}

static bool read_file(const char *path, struct base_buf *out) {
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    for (size_t n = 1; n > 0;) {
        char *p = base_buf_reserve(out, 4096);
        n = fread(p, 1, 4096, f);
        out->len += n;
    }
    fclose(f);
    return true;
}

static void write_file(const char *path, struct base_str text) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text.p ? text.p : "", 1, text.len, f), text.len);
    fclose(f);
}

/* Returns: true when the text is what the file says; tells the difference. */
static bool same_as_file(const char *path, struct base_buf *got) {
    if (getenv("CEP_UPDATE")) {
        write_file(path, base_buf_view(got));
        return true;
    }
    struct base_buf want = BASE_BUF_INIT;
    bool ok = read_file(path, &want) && base_str_eq(base_buf_view(&want), base_buf_view(got));
    if (!ok)
        print_error("%s\n--- expected\n%s\n--- got\n%s\n", path, want.p ? base_buf_cstr(&want) : "(no file)",
            base_buf_cstr(got));
    base_buf_release(&want);
    return ok;
}

/* Messages name the file as it is called in its folder. */
static struct plan *compile(const char *dir, const char *name, const struct dsl_params *params,
    struct base_buf *messages, size_t *n_errors) {
    char path[4096 + 300];
    struct base_buf text = BASE_BUF_INIT;
    struct dsl_diag diag;
    struct plan *plan = NULL;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_true(read_file(path, &text));
    dsl_diag_init(&diag);
    enum cep_rc rc = dsl_compile(&(struct dsl_sources){ .text_name = name, .text = base_buf_view(&text) },
        &test_catalog, params, &diag, &plan);
    assert_int_equal(rc == CEP_OK, plan != NULL);
    assert_int_equal(rc == CEP_OK, diag.n_errors == 0);
    dsl_diag_render(&diag, NULL, messages);
    *n_errors = diag.n_errors;
    dsl_diag_release(&diag);
    base_buf_release(&text);
    return plan;
}

typedef bool (*case_fn)(const char *dir, const char *name, const char *stem);

static int for_each(const char *sub, case_fn fn, int *n_cases) {
    char dir[4096];
    int failed = 0;
    struct dirent **list = NULL;
    snprintf(dir, sizeof dir, "%s/tests/dsl/%s", source_dir(), sub);
    int n = scandir(dir, &list, NULL, alphasort);
    assert_true(n >= 0);
    *n_cases = 0;
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(list[i]->d_name, '.');
        if (dot && strcmp(dot, ".pattern") == 0) {
            char stem[4096 + 300];
            snprintf(stem, sizeof stem, "%s/%.*s", dir, (int)(dot - list[i]->d_name), list[i]->d_name);
            failed += !fn(dir, list[i]->d_name, stem);
            (*n_cases)++;
        }
        free(list[i]);
    }
    free(list);
    return failed;
}

static bool mistake_case(const char *dir, const char *name, const char *stem) {
    char path[4096 + 320];
    struct base_buf got = BASE_BUF_INIT;
    size_t n_errors;
    struct plan *plan = compile(dir, name, NULL, &got, &n_errors);
    snprintf(path, sizeof path, "%s.err", stem);
    bool ok = same_as_file(path, &got) && got.len > 0;
    plan_free(plan);
    base_buf_release(&got);
    return ok;
}

static bool plan_case(const char *dir, const char *name, const char *stem) {
    char path[4096 + 320];
    struct base_buf got = BASE_BUF_INIT;
    size_t n_errors;
    struct plan *plan = compile(dir, name, NULL, &got, &n_errors);
    if (plan) {
        base_buf_puts(&got, "-- checked\n");
        dsl_checked_write(&got, plan);
        base_buf_puts(&got, "-- plan\n");
        plan_write(&got, plan);
        base_buf_puts(&got, "-- dot\n");
        plan_write_dot(&got, plan);
    }
    snprintf(path, sizeof path, "%s.plan", stem);
    bool ok = same_as_file(path, &got) && plan;
    if (!plan)
        print_error("%s is refused:\n%s", name, base_buf_cstr(&got));
    plan_free(plan);
    base_buf_release(&got);
    return ok;
}

static void mistakes_are_told_exactly(void **state) {
    (void)state;
    int n;
    assert_int_equal(for_each("mistakes", mistake_case, &n), 0);
    assert_true(n >= 60);
}

static void programs_become_these_plans(void **state) {
    (void)state;
    int n;
    assert_int_equal(for_each("plans", plan_case, &n), 0);
    assert_true(n >= 12);
}

/* -- parameters -------------------------------------------------------------------------------------------------------- */

static const char params_text[] =
    "parameter lim int = 5;\nparameter name string = 'x';\nparameter d duration = 5 s;\nparameter since "
    "timestamp = "
    "'2026-01-01';\nparameter on_ bool = true;\nparameter m decimal(10,2) = 1.5;\n"
    "stream s (id int, n string, at timestamp, p decimal(10,2)) from file (path = name) format json event "
    "time at watermark delay d;\n"
    "stream x as select * from s where id > lim and at > since and on_ and p > m;\nsink x to stdout;\n";

static struct plan *compile_params(const struct dsl_set *sets, size_t n, struct base_buf *messages) {
    struct dsl_diag diag;
    struct plan *plan = NULL;
    dsl_diag_init(&diag);
    dsl_compile(&(struct dsl_sources){ .text_name = "t", .text = BASE_STR(params_text) }, &test_catalog,
        &(struct dsl_params){ .sets = sets, .n_sets = n }, &diag, &plan);
    dsl_diag_render(&diag, NULL, messages);
    dsl_diag_release(&diag);
    return plan;
}

static void set_replaces_defaults(void **state) {
    (void)state;
    const struct dsl_set sets[] = { { "lim", "7" }, { "name", "f.json" }, { "d", "10 min" },
        { "since", "2026-02-03" }, { "on_", "false" }, { "m", "2.25" }, { "lim", "8" } };
    struct base_buf messages = BASE_BUF_INIT;
    struct plan *p = compile_params(sets, sizeof sets / sizeof *sets, &messages);
    assert_non_null(p);
    assert_int_equal(p->n_params, 6);
    assert_int_equal(p->params[0].val.i, 8);
    assert_true(base_str_eq(evt_val_str(&p->params[1].val), BASE_STR("f.json")));
    assert_int_equal(p->params[2].val.i, 600000000);
    assert_false(p->params[4].val.b);
    assert_int_equal(p->params[5].val.dec.lo, 225);
    const struct plan_node *s = plan_find(p, BASE_STR("s"));
    assert_non_null(s);
    assert_int_equal(s->source.time.delay_us, 600000000);
    assert_true(base_str_eq(plan_opt_str(s->source.opts, s->source.n_opts, "path", ""), BASE_STR("f.json")));
    plan_free(p);
    base_buf_release(&messages);
}

static void wrong_sets_are_told_without_a_place(void **state) {
    (void)state;
    const struct dsl_set sets[] = { { "limm", "7" }, { "d", "soon" } };
    struct base_buf messages = BASE_BUF_INIT;
    assert_null(compile_params(sets, 2, &messages));
    assert_non_null(strstr(base_buf_cstr(&messages), "--set limm: unknown parameter \"limm\""));
    assert_non_null(strstr(base_buf_cstr(&messages), "did you mean \"lim\"?"));
    assert_non_null(
        strstr(base_buf_cstr(&messages), "--set d: parameter \"d\" is duration, and \"soon\" is not one"));
    assert_null(strstr(base_buf_cstr(&messages), "t:1"));
    base_buf_release(&messages);
}

/* -- what the plan promises -------------------------------------------------------------------------------------------- */

static struct plan *compile_text(const char *text) {
    struct dsl_diag diag;
    struct plan *plan = NULL;
    struct base_buf messages = BASE_BUF_INIT;
    dsl_diag_init(&diag);
    dsl_compile(&(struct dsl_sources){ .text_name = "t", .text = base_str_of(text) }, &test_catalog, NULL,
        &diag, &plan);
    if (!plan) {
        dsl_diag_render(&diag, NULL, &messages);
        print_error("%s", base_buf_cstr(&messages));
    }
    base_buf_release(&messages);
    dsl_diag_release(&diag);
    assert_non_null(plan);
    return plan;
}

#define STREAM                                                                                              \
    "stream s (id int, n string, at timestamp) from file (path = 'x') format json event time at watermark " \
    "ascending;\n"

static void inputs_have_lower_indexes(void **state) {
    (void)state;
    struct plan *p = compile_text(
        "alert al on p;\npattern p from y match a -> b within 1 h measures a.id as id;\n"
        "stream y as select * from x;\nstream x as select * from s;\n" STREAM);
    assert_int_equal(p->n_nodes, 5);
    assert_true(base_str_eq(p->nodes[0]->name, BASE_STR("s")));
    assert_true(base_str_eq(p->nodes[4]->name, BASE_STR("al")));
    for (uint32_t i = 0; i < p->n_nodes; i++)
        assert_int_equal(p->nodes[i]->index, i);
    plan_free(p);
}

static void the_version_follows_meaning_not_layout(void **state) {
    (void)state;
    struct plan *a = compile_text(STREAM "pattern p from s match a -> b within 1 h;\nsink p to stdout;\n");
    struct plan *b = compile_text(
        "-- a comment\n" STREAM "pattern p from s\n  match a\n  -> b within 60 min;\nsink p to stdout;\n");
    struct plan *c = compile_text(STREAM "pattern p from s match a ->> b within 1 h;\nsink p to stdout;\n");
    assert_int_equal(a->version, b->version);
    assert_int_not_equal(a->version, c->version);
    plan_free(a);
    plan_free(b);
    plan_free(c);
}

static void a_test_with_parameters_has_a_plan_of_its_own(void **state) {
    (void)state;
    struct plan *p = compile_text(
        "parameter lim int = 5;\n" STREAM "stream x as select id from s where id > lim;\nsink x to stdout;\n"
        "test 'a' given s (1, 'x', '2026-01-01') expect no x;\n"
        "test 'b' with parameter lim = 0 given s (1, 'x', '2026-01-01') expect x (id = '1');\n");
    assert_int_equal(p->n_tests, 2);
    assert_null(p->tests[0].plan);
    assert_non_null(p->tests[1].plan);
    assert_int_equal(p->tests[1].plan->params[0].val.i, 0);
    assert_int_equal(p->tests[1].expects[0].rows[0][0].i, 1);
    assert_int_equal(p->tests[1].expects[0].fields[0], -1);
    plan_free(p);
}

static void alert_fields_can_be_expected(void **state) {
    (void)state;
    struct plan *p = compile_text(
        STREAM "pattern p from s partition by n match a -> b within 1 h measures a.id as id;\n"
               "alert al on p severity low;\n"
               "test 'a' given s (1, 'x', '2026-01-01') expect al (id = 'f', n = 'x', severity = 'low');\n");
    const struct plan_test_expect *e = &p->tests[0].expects[0];
    assert_int_equal(e->cols[0], PLAN_ALERT_ID); /* the alert's own comes first */
    assert_int_equal(e->cols[1], PLAN_ALERT_KEY);
    assert_int_equal(e->fields[1], 0);
    assert_int_equal(e->cols[2], PLAN_ALERT_SEVERITY);
    assert_int_equal(p->n_sinks, 1);
    assert_true(p->sinks[0].implied);
    plan_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_told_exactly),
        cmocka_unit_test(programs_become_these_plans),
        cmocka_unit_test(set_replaces_defaults),
        cmocka_unit_test(wrong_sets_are_told_without_a_place),
        cmocka_unit_test(inputs_have_lower_indexes),
        cmocka_unit_test(the_version_follows_meaning_not_layout),
        cmocka_unit_test(a_test_with_parameters_has_a_plan_of_its_own),
        cmocka_unit_test(alert_fields_can_be_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
