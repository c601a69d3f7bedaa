/*
 * dsl_join_name -- what a name means in a select from several inputs.
 *
 *     from a join b on ... join c on ...       inputs: a b c      steps: 0 = a join b, 1 = (0) join c
 *
 * Each step gives pairs, whose columns are those that somebody names, in the order in which they are named first: a column of `a` that
 * only the select list reads is one of step 0's pairs and, from there, of step 1's.
 *
 * A bare name is the column of the one input that has it; `using (k)` makes one column of two.
 */
#include "dsl/dsl_sem.h"

static bool in_using(const struct dsl_from *f, struct base_str name) {
    for (size_t i = 0; i < f->join.n_using; i++)
        if (base_str_eq(f->join.using_[i].text, name))
            return true;
    return false;
}

static bool is_join(const struct dsl_join_step *st) {
    return st->from->kind == DSL_FROM_JOIN;
}

/* Inputs that the scope sees: [0, step + 2), or one less. */
static size_t n_seen(const struct dsl_scope *s) {
    return s->step + (s->left_only ? (size_t)1 : 2);
}

static uint32_t find_or_add(struct dsl_sem *c, struct dsl_join_step *st, enum plan_pair_of of, uint32_t col,
    struct base_str name, const struct evt_type *type) {
    for (size_t i = 0; i < st->n_cols; i++)
        if (st->cols[i].of == of && st->cols[i].col == col)
            return (uint32_t)i;
    st->cols = base_arena_grow(c->a, st->cols, st->n_cols, &st->cap_cols, sizeof *st->cols);
    st->shown = base_arena_grow(c->a, st->shown, st->n_cols, &st->cap_shown, sizeof *st->shown);
    st->cols[st->n_cols] = (struct plan_pair_col){ of, col };
    st->shown[st->n_cols] = (struct evt_column){ .name = name, .type = type };
    return (uint32_t)st->n_cols++;
}

static struct base_str qualified(struct dsl_sem *c, const struct dsl_input *in, struct base_str column) {
    struct base_str of = in->alias.len ? in->alias : in->rows.name;
    return base_str_of(base_arena_printf(c->a, "%.*s.%.*s", BASE_STR_FMT(of), BASE_STR_FMT(column)));
}

/* The place of an input's column in the pairs of a step. */
static uint32_t place_of(
    struct dsl_sem *c, struct dsl_joins *j, uint32_t step, uint32_t input, uint32_t col) {
    const struct dsl_input *in = &j->inputs[input];
    const struct evt_column *column = &in->rows.schema->cols[col];
    uint32_t at = col, first = input > 0 ? input - 1 : 0;
    for (uint32_t k = first; k <= step; k++)
        at = find_or_add(c, &j->steps[k], k + 1 == input ? PLAN_PAIR_RIGHT : PLAN_PAIR_LEFT, at,
            qualified(c, in, column->name), column->type);
    return at;
}

const struct expr *dsl_join_col(
    struct dsl_sem *c, struct dsl_scope *s, uint32_t input, uint32_t col, struct cep_span span) {
    const struct evt_type *t = s->joins->inputs[input].rows.schema->cols[col].type;
    return expr_col(c->a, place_of(c, s->joins, s->step, input, col), t, span);
}

/* The bounds of the newest window that is joined by. */
static const struct expr *bound(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_name *name) {
    bool start = base_str_eq(name->text, BASE_STR("window_start"));
    if (!start && !base_str_eq(name->text, BASE_STR("window_end")))
        return NULL;
    for (uint32_t w = s->step + 1; w-- > 0;) {
        if (!s->joins->steps[w].windowed || (w == s->step && s->in_on))
            continue;
        uint32_t at = start ? 0 : 1;
        for (uint32_t k = w; k <= s->step; k++)
            at = find_or_add(c, &s->joins->steps[k], k == w ? PLAN_PAIR_WINDOW : PLAN_PAIR_LEFT, at,
                dsl_keep(c, name->text), evt_type_of(EVT_TIMESTAMP));
        return expr_col(c->a, at, evt_type_of(EVT_TIMESTAMP), name->span);
    }
    return NULL;
}

static int col_of(const struct dsl_input *in, struct base_str name) {
    return in->rows.schema ? evt_schema_find(in->rows.schema, name) : -1;
}

/* The right side of `using` is the left side's column by another way. */
static bool hidden_by_using(const struct dsl_scope *s, size_t input, struct base_str name) {
    if (input == 0 || (input == n_seen(s) - 1 && s->in_on))
        return false;
    const struct dsl_join_step *st = &s->joins->steps[input - 1];
    return is_join(st) && in_using(st->from, name);
}

/* Returns: how many inputs have it; *first and *second: two of them. */
static int owners(const struct dsl_scope *s, struct base_str name, size_t *first, size_t *second) {
    int n = 0;
    for (size_t i = 0; i < n_seen(s); i++) {
        if (col_of(&s->joins->inputs[i], name) < 0 || hidden_by_using(s, i, name))
            continue;
        *(n == 0 ? first : second) = i;
        n++;
    }
    return n;
}

bool dsl_join_sees(const struct dsl_scope *s, struct base_str name) {
    size_t first, second;
    return owners(s, name, &first, &second) > 0;
}

/* What `using` makes of the left side's column, step by step. */
static const struct expr *merged(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_name *name, const struct expr *e) {
    for (size_t i = 1; i < n_seen(s) && e; i++) {
        const struct dsl_from *f = s->joins->steps[i - 1].from;
        int col = hidden_by_using(s, i, name->text) ? col_of(&s->joins->inputs[i], name->text) : -1;
        if (col < 0 || (f->join.kind != DSL_SQLJOIN_RIGHT && f->join.kind != DSL_SQLJOIN_FULL))
            continue;
        const struct expr *both[2] = { e, dsl_join_col(c, s, (uint32_t)i, (uint32_t)col, name->span) };
        e = f->join.kind == DSL_SQLJOIN_RIGHT ? both[1]
                                              : dsl_node(c, EXPR_COALESCE, false, both, 2, name->span);
    }
    return e;
}

const struct expr *dsl_join_column(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_name *name) {
    size_t first, second;
    int n = owners(s, name->text, &first, &second);
    if (n == 0)
        return bound(c, s, name);
    if (n > 1)
        return NULL;
    int col = col_of(&s->joins->inputs[first], name->text);
    return merged(c, s, name, dsl_join_col(c, s, (uint32_t)first, (uint32_t)col, name->span));
}

static struct base_str shown_name(const struct dsl_input *in) {
    return in->alias.len ? in->alias : in->rows.name;
}

bool dsl_join_ambiguous(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_name *name) {
    size_t first = 0, second = 0;
    if (owners(s, name->text, &first, &second) < 2)
        return false;
    struct base_str a = shown_name(&s->joins->inputs[first]), b = shown_name(&s->joins->inputs[second]);
    dsl_diag_error(c->diag, name->span, CEP_ENAME, "\"%.*s\" is a column of \"%.*s\" and of \"%.*s\"",
        BASE_STR_FMT(name->text), BASE_STR_FMT(a), BASE_STR_FMT(b));
    dsl_diag_note(c->diag, "write %.*s.%.*s", BASE_STR_FMT(a), BASE_STR_FMT(name->text));
    return true;
}

void dsl_join_near(const struct dsl_scope *s, struct dsl_nearest *near) {
    for (size_t i = 0; i < n_seen(s); i++) {
        const struct evt_schema *in = s->joins->inputs[i].rows.schema;
        for (uint32_t k = 0; in && k < in->n_visible; k++)
            dsl_nearest_try(near, in->cols[k].name);
    }
}

void dsl_join_unknown(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_name *name) {
    struct dsl_nearest near;
    if (s->open)
        return;
    dsl_near(c, &near, name->text);
    dsl_join_near(s, &near);
    dsl_diag_error(c->diag, name->span, CEP_ENAME, "unknown column \"%.*s\" on the left side of the join",
        BASE_STR_FMT(name->text));
    dsl_nearest_note(c->diag, &near);
}

int dsl_join_input(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *base) {
    struct dsl_path path;
    if (!dsl_expr_as_path(base, &c->tmp, &path))
        return -1;
    struct base_str name = dsl_path_str(&path, &c->tmp);
    for (size_t i = 0; i < n_seen(s); i++) {
        const struct dsl_input *in = &s->joins->inputs[i];
        if (base_str_eq(shown_name(in), name))
            return (int)i;
    }
    return -1;
}

const struct expr *dsl_join_field(
    struct dsl_sem *c, struct dsl_scope *s, int input, const struct dsl_name *name) {
    const struct dsl_input *in = &s->joins->inputs[input];
    int col = col_of(in, name->text);
    if (col >= 0)
        return dsl_join_col(c, s, (uint32_t)input, (uint32_t)col, name->span);
    const struct expr *of_window = bound(c, s, name); /* the window is of both sides */
    if (of_window)
        return of_window;
    if (in->rows.open || !in->rows.schema)
        return NULL;
    struct dsl_nearest near;
    dsl_near(c, &near, name->text);
    for (uint32_t k = 0; k < in->rows.schema->n_visible; k++)
        dsl_nearest_try(&near, in->rows.schema->cols[k].name);
    dsl_diag_error(c->diag, name->span, CEP_ENAME, "unknown column \"%.*s\" of stream \"%.*s\"",
        BASE_STR_FMT(name->text), BASE_STR_FMT(in->rows.name));
    dsl_nearest_note(c->diag, &near);
    return NULL;
}

/* -- * ---------------------------------------------------------------------------------------------------------------- */

bool dsl_join_star(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e,
    void (*add)(void *arg, const struct expr *item, struct base_str name), void *arg) {
    int only = -1;
    if (dsl_name_given(&e->star.of)) {
        for (size_t i = 0; i < n_seen(s) && only < 0; i++)
            if (base_str_eq(shown_name(&s->joins->inputs[i]), e->star.of.text))
                only = (int)i;
        if (only < 0) {
            dsl_diag_error(c->diag, e->star.of.span, CEP_ENAME, "unknown stream \"%.*s\"",
                BASE_STR_FMT(e->star.of.text));
            dsl_diag_note(c->diag, "this selects from \"%.*s\"", BASE_STR_FMT(s->name));
            return false;
        }
    }
    for (size_t i = 0; i < n_seen(s); i++) {
        const struct dsl_input *in = &s->joins->inputs[i];
        for (uint32_t k = 0;
             in->rows.schema && k < in->rows.schema->n_visible && (only < 0 || only == (int)i); k++) {
            struct dsl_name name = { .text = in->rows.schema->cols[k].name, .span = e->span };
            if (only < 0 && hidden_by_using(s, i, name.text))
                continue;
            const struct expr *x = dsl_join_col(c, s, (uint32_t)i, k, e->span);
            add(arg, only < 0 ? merged(c, s, &name, x) : x, name.text);
        }
    }
    return true;
}
