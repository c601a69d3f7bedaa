/*
 * dsl_lower_test -- test statements: rows become values of the columns' types.
 *
 * `with parameter` compiles the program once more with those values; the plan of a test hangs in the arena of the
 * program's plan and goes with it.
 */
#include "dsl/dsl_sem.h"

#include "dsl/dsl_variant.h"

/* -- given ---------------------------------------------------------------------------------------------------------- */

/* `given payments (card = 'x', ...)`, as `expect` has it. */
static bool named_mistake(struct dsl_sem *c, const struct dsl_rows *of, const struct dsl_row *r) {
    const struct evt_schema *s = of->schema;
    for (size_t i = 0; i < r->n_values; i++) {
        const struct dsl_expr *e = r->values[i], *left = e->kind == DSL_EXPR_BINARY ? e->binary.left : NULL;
        if (!left || e->binary.op != DSL_BINARY_EQ || left->kind != DSL_EXPR_NAME ||
            evt_schema_find(s, left->name.text) < 0)
            continue;
        dsl_diag_error(c->diag, left->span, CEP_EINVAL, "values of a given row have no names");
        struct base_buf b = BASE_BUF_INIT;
        for (uint32_t k = 0; k < s->n_visible; k++)
            base_buf_printf(&b, "%s%.*s", k ? ", " : "", BASE_STR_FMT(s->cols[k].name));
        dsl_diag_note(c->diag, "they stand in the order of the columns: (%s)", base_buf_cstr(&b));
        base_buf_release(&b);
        return true;
    }
    return false;
}

static bool given_row(
    struct dsl_sem *c, const struct dsl_rows *of, const struct dsl_row *r, const struct evt_val **out) {
    const struct evt_schema *s = of->schema;
    if (named_mistake(c, of, r))
        return false;
    if (r->n_values != s->n_visible) {
        if (!of->open)
            dsl_diag_error(c->diag, r->span, CEP_EINVAL, "the row has %zu values, stream \"%.*s\" %u columns",
                r->n_values, BASE_STR_FMT(of->name), (unsigned)s->n_visible);
        return false;
    }
    struct evt_val *v = BASE_ARENA_ARRAY(c->a, struct evt_val, s->n_visible + 1);
    bool ok = true;
    for (uint32_t i = 0; i < s->n_visible; i++) {
        const char *what = base_arena_printf(&c->tmp, "column \"%.*s\"", BASE_STR_FMT(s->cols[i].name));
        bool good = dsl_const_of(c, r->values[i], s->cols[i].type, what, &v[i]);
        if (good && v[i].null && s->cols[i].not_null) {
            dsl_diag_error(c->diag, r->values[i]->span, CEP_EINVAL, "%s cannot be null", what);
            good = false;
        }
        ok &= good;
    }
    *out = v;
    return ok;
}

static bool given(struct dsl_sem *c, const struct dsl_test_step *st, struct plan_test_step *out) {
    struct dsl_rows of;
    if (!dsl_rows_find(c, &st->stream, DSL_USE_TEST, &of))
        return false;
    if (of.sym->kind != DSL_SYM_SOURCE || of.port != PLAN_PORT_MAIN) {
        dsl_diag_error(c->diag, st->stream.span, CEP_EINVAL,
            "events are given to streams with a source, and \"%.*s\" is none", BASE_STR_FMT(of.name));
        return false;
    }
    if (!of.schema)
        return false;
    const struct evt_val **rows = BASE_ARENA_ARRAY(c->a, const struct evt_val *, st->n_rows + 1);
    bool ok = true;
    for (size_t i = 0; i < st->n_rows; i++)
        ok &= given_row(c, &of, &st->rows[i], &rows[i]);
    *out = (struct plan_test_step){
        .kind = PLAN_TEST_GIVEN, .node = of.sym->node, .n_rows = (uint32_t)st->n_rows, .rows = rows
    };
    return ok;
}

static bool advance(struct dsl_sem *c, const struct dsl_test_step *st, struct plan_test_step *out) {
    struct evt_val v;
    if (!dsl_const_of(c, st->to, evt_type_of(EVT_TIMESTAMP), "the time to advance to", &v))
        return false;
    if (v.null) {
        dsl_diag_error(c->diag, st->to->span, CEP_EINVAL, "the time to advance to cannot be null");
        return false;
    }
    *out = (struct plan_test_step){ .kind = PLAN_TEST_ADVANCE, .advance_us = v.i };
    return true;
}

/* -- expect --------------------------------------------------------------------------------------------------------- */

struct expect_col {
    uint32_t col;
    int32_t field;
    const struct evt_type *type;
};

static bool find_in_row(
    const struct evt_schema *s, uint32_t col, struct base_str name, struct expect_col *out) {
    const struct evt_type *row = s->cols[col].type;
    for (uint32_t i = 0; row->kind == EVT_ROW && i < row->n_fields; i++)
        if (base_str_eq(row->fields[i].name, name)) {
            *out = (struct expect_col){ col, (int32_t)i, row->fields[i].type };
            return true;
        }
    return false;
}

/* A column; of an alert also a measure, a part of its key, or a label. */
static bool expect_col(
    struct dsl_sem *c, const struct dsl_rows *of, const struct dsl_name *name, struct expect_col *out) {
    static const uint32_t rows[] = { PLAN_ALERT_MEASURES, PLAN_ALERT_KEY, PLAN_ALERT_LABELS };
    int i = evt_schema_find(of->schema, name->text);
    if (i >= 0) {
        *out = (struct expect_col){ (uint32_t)i, -1, of->schema->cols[i].type };
        return true;
    }
    bool alert = of->sym->kind == DSL_SYM_ALERT && of->port == PLAN_PORT_MAIN;
    struct dsl_nearest near;
    dsl_near(c, &near, name->text);
    for (uint32_t k = 0; k < of->schema->n_visible; k++)
        dsl_nearest_try(&near, of->schema->cols[k].name);
    for (size_t k = 0; alert && k < sizeof rows / sizeof *rows; k++) {
        if (find_in_row(of->schema, rows[k], name->text, out))
            return true;
        const struct evt_type *t = of->schema->cols[rows[k]].type;
        for (uint32_t f = 0; f < t->n_fields; f++)
            dsl_nearest_try(&near, t->fields[f].name);
    }
    if (!of->open) {
        dsl_diag_error(c->diag, name->span, CEP_ENAME, "unknown column \"%.*s\" of %s \"%.*s\"",
            BASE_STR_FMT(name->text), dsl_sym_word(of->sym), BASE_STR_FMT(of->name));
        dsl_nearest_note(c->diag, &near);
    }
    return false;
}

/* The columns that any of the rows lists, in the order in which they appear. */
struct expect_cols {
    struct expect_col *items;
    struct base_str *names;
    size_t n, cap, cap_names;
};

static int find_expected(const struct expect_cols *cols, struct base_str name) {
    for (size_t i = 0; i < cols->n; i++)
        if (base_str_eq(cols->names[i], name))
            return (int)i;
    return -1;
}

static bool row_columns(
    struct dsl_sem *c, const struct dsl_rows *of, const struct dsl_row *r, struct expect_cols *cols) {
    bool ok = dsl_capped(c, r->span, r->n_values, "columns of a row") == r->n_values;
    for (size_t i = 0; ok && i < r->n_values; i++) {
        struct expect_col col;
        for (size_t k = 0; k < i; k++)
            if (base_str_eq(r->names[k].text, r->names[i].text)) {
                dsl_diag_error(c->diag, r->names[i].span, CEP_EINVAL, "column \"%.*s\" is listed twice",
                    BASE_STR_FMT(r->names[i].text));
                return false;
            }
        if (find_expected(cols, r->names[i].text) >= 0)
            continue;
        if (!expect_col(c, of, &r->names[i], &col)) {
            ok = false;
            continue;
        }
        cols->items = base_arena_grow(&c->tmp, cols->items, cols->n, &cols->cap, sizeof *cols->items);
        cols->names = base_arena_grow(&c->tmp, cols->names, cols->n, &cols->cap_names, sizeof *cols->names);
        cols->items[cols->n] = col;
        cols->names[cols->n++] = r->names[i].text;
    }
    return ok;
}

static bool row_values(struct dsl_sem *c, const struct dsl_row *r, const struct expect_cols *cols,
    const struct evt_val **out, const bool **unlisted, bool *any_unlisted) {
    struct evt_val *v = BASE_ARENA_ARRAY(c->a, struct evt_val, cols->n + 1);
    bool *not_there = BASE_ARENA_ARRAY(c->a, bool, cols->n + 1), ok = true;
    memset(not_there, true, cols->n);
    for (size_t i = 0; i < r->n_values; i++) {
        int k = find_expected(cols, r->names[i].text);
        const char *what = base_arena_printf(&c->tmp, "column \"%.*s\"", BASE_STR_FMT(r->names[i].text));
        ok &= dsl_const_of(c, r->values[i], cols->items[k].type, what, &v[k]);
        not_there[k] = false;
    }
    *any_unlisted |= r->n_values < cols->n;
    *out = v;
    *unlisted = not_there;
    return ok;
}

static bool expect(struct dsl_sem *c, const struct dsl_expect *e, struct plan_test_expect *out) {
    struct dsl_rows of;
    struct expect_cols cols = { 0 };
    bool ok = e->n_rows > 0, any_unlisted = false;
    if (!dsl_rows_find(c, &e->name, DSL_USE_TEST, &of))
        return false;
    *out = (struct plan_test_expect){ .of = dsl_rows_ref(&of), .span = e->span };
    if (e->none)
        return true;
    if (!of.schema)
        return false;
    for (size_t i = 0; i < e->n_rows; i++)
        ok &= row_columns(c, &of, &e->rows[i], &cols);
    if (!ok)
        return false;
    const struct evt_val **rows = BASE_ARENA_ARRAY(c->a, const struct evt_val *, e->n_rows + 1);
    const bool **unlisted = BASE_ARENA_ARRAY(c->a, const bool *, e->n_rows + 1);
    for (size_t i = 0; i < e->n_rows && !dsl_over_budget(c, e->span); i++)
        ok &= row_values(c, &e->rows[i], &cols, &rows[i], &unlisted[i], &any_unlisted);
    uint32_t *col = BASE_ARENA_ARRAY(c->a, uint32_t, cols.n + 1);
    int32_t *field = BASE_ARENA_ARRAY(c->a, int32_t, cols.n + 1);
    for (size_t k = 0; k < cols.n; k++) {
        col[k] = cols.items[k].col;
        field[k] = cols.items[k].field;
    }
    out->n_cols = (uint32_t)cols.n;
    out->cols = col;
    out->fields = field;
    out->n_rows = (uint32_t)e->n_rows;
    out->rows = rows;
    out->unlisted = any_unlisted ? unlisted : NULL;
    return ok;
}

/* -- with parameter --------------------------------------------------------------------------------------------------- */

static bool check_parameters(struct dsl_sem *c, const struct dsl_test *t) {
    bool ok = true;
    for (size_t i = 0; i < t->n_parameters; i++) {
        const struct dsl_sym *s = dsl_sym_find(c, t->parameters[i].name.text);
        struct evt_val v;
        if (s && s->kind == DSL_SYM_PARAM) {
            const char *what = base_arena_printf(&c->tmp, "parameter \"%.*s\"", BASE_STR_FMT(s->name));
            ok &= s->type && dsl_const_of(c, t->parameters[i].value, s->type, what, &v);
            continue;
        }
        struct dsl_nearest near;
        dsl_near(c, &near, t->parameters[i].name.text);
        for (size_t k = 0; k < c->n_syms; k++)
            if (c->syms[k].kind == DSL_SYM_PARAM)
                dsl_nearest_try(&near, c->syms[k].name);
        dsl_diag_error(c->diag, t->parameters[i].name.span, CEP_ENAME, "unknown parameter \"%.*s\"",
            BASE_STR_FMT(t->parameters[i].name.text));
        dsl_nearest_note(c->diag, &near);
        ok = false;
    }
    return ok;
}

static void free_variant(void *plan) {
    plan_free(plan);
}

static void variant(struct dsl_sem *c, const struct dsl_stmt *stmt, struct plan_test *out) {
    c->n_variants += c->prog->n_stmts;
    if (c->n_variants > DSL_MAX_VARIANTS) {
        dsl_diag_error(c->diag, stmt->test.with_span, CEP_ELIMIT,
            "too many tests \"with parameter\" for a program of %zu statements", c->prog->n_stmts);
        return;
    }
    struct plan *p = dsl_compile_variant(c, &stmt->test);
    if (!p)
        return;
    base_arena_on_release(c->a, free_variant, p);
    out->plan = p;
}

static bool lower_test(struct dsl_sem *c, const struct dsl_stmt *stmt, struct plan_test *out) {
    const struct dsl_test *t = &stmt->test;
    struct plan_test_step *steps = BASE_ARENA_ARRAY(c->a, struct plan_test_step, t->n_steps + 1);
    struct plan_test_expect *expects = BASE_ARENA_ARRAY(c->a, struct plan_test_expect, t->n_expects + 1);
    bool ok = check_parameters(c, t);
    for (size_t i = 0; i < t->n_steps; i++)
        ok &= t->steps[i].kind == DSL_TEST_GIVEN ? given(c, &t->steps[i], &steps[i])
                                                 : advance(c, &t->steps[i], &steps[i]);
    for (size_t i = 0; i < t->n_expects; i++)
        ok &= expect(c, &t->expects[i], &expects[i]);
    *out = (struct plan_test){ .name = dsl_keep(c, t->title),
        .n_steps = (uint32_t)t->n_steps,
        .steps = steps,
        .n_expects = (uint32_t)t->n_expects,
        .expects = expects,
        .span = stmt->span };
    return ok;
}

static void test_titles(struct dsl_sem *c) {
    struct base_map seen;
    base_map_init(&seen);
    for (size_t i = 0; i < c->prog->n_stmts; i++) {
        const struct dsl_stmt *st = c->prog->stmts[i];
        uint64_t first;
        if (st->kind != DSL_STMT_TEST || st->broken)
            continue;
        if (base_map_get(&seen, st->test.title, &first)) {
            dsl_diag_error(c->diag, st->test.title_span, CEP_ENAME, "two tests are called '%.*s'",
                BASE_STR_FMT(st->test.title));
            dsl_diag_note_at(c->diag, c->prog->stmts[first]->test.title_span, "the first is here");
        } else {
            base_map_put(&seen, st->test.title, i);
        }
    }
    base_map_release(&seen);
}

void dsl_lower_tests(struct dsl_sem *c) {
    struct plan_test *tests = BASE_ARENA_ARRAY(c->a, struct plan_test, c->prog->n_stmts + 1);
    uint32_t n = 0;
    test_titles(c);
    for (size_t i = 0; i < c->prog->n_stmts && !dsl_over_budget(c, c->prog->stmts[i]->span); i++) {
        const struct dsl_stmt *st = c->prog->stmts[i];
        if (st->kind != DSL_STMT_TEST || st->broken)
            continue;
        if (lower_test(c, st, &tests[n]) && !dsl_diag_failed(c->diag) && st->test.n_parameters > 0)
            variant(c, st, &tests[n]);
        n++;
    }
    c->plan->tests = tests;
    c->plan->n_tests = n;
}
