/*
 * expr_func -- finding a function by name and argument types, and building the call.
 */
#include "expr/expr_func.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "expr/expr_build.h"
#include "expr/expr_cast.h"

static const struct expr_func *const func_families[] = {
#define FUNC_FAMILY(name, title) expr_funcs_##name,
    EXPR_FAMILY_LIST(FUNC_FAMILY)
#undef FUNC_FAMILY
};

const struct expr_func *expr_func_find(struct base_str name, uint32_t *n_rows) {
    for (size_t f = 0; f < CEP_COUNT_OF(func_families); f++)
        for (const struct expr_func *row = func_families[f]; row->name; row++) {
            if (!base_str_ieq(base_str_of(row->name), name))
                continue;
            uint32_t n = 1;
            while (row[n].name && strcmp(row[n].name, row->name) == 0)
                n++;
            *n_rows = n;
            return row;
        }
    *n_rows = 0;
    return NULL;
}

const struct expr_func *expr_func_at(uint32_t i) {
    for (size_t f = 0; f < CEP_COUNT_OF(func_families); f++)
        for (const struct expr_func *row = func_families[f]; row->name; row++) {
            bool again = row != func_families[f] && strcmp(row[-1].name, row->name) == 0;
            if (!again && i-- == 0)
                return row;
        }
    return NULL;
}

/* What a fixed sig asks for; EVT_KIND_MAX for those that are rules. */
static const enum evt_kind func_sig_kinds[EXPR_SIG_MAX] = {
    [EXPR_SIG_NONE] = EVT_KIND_MAX,
    [EXPR_SIG_BOOL] = EVT_BOOL,
    [EXPR_SIG_INT] = EVT_INT,
    [EXPR_SIG_DOUBLE] = EVT_DOUBLE,
    [EXPR_SIG_STRING] = EVT_STRING,
    [EXPR_SIG_BYTES] = EVT_BYTES,
    [EXPR_SIG_TIMESTAMP] = EVT_TIMESTAMP,
    [EXPR_SIG_DURATION] = EVT_DURATION,
    [EXPR_SIG_DECIMAL] = EVT_DECIMAL,
    [EXPR_SIG_ANY] = EVT_KIND_MAX,
    [EXPR_SIG_ORDERED] = EVT_KIND_MAX,
    [EXPR_SIG_SAME] = EVT_KIND_MAX,
    [EXPR_SIG_ARRAY] = EVT_ARRAY,
    [EXPR_SIG_ELEM] = EVT_KIND_MAX,
};

static const char *const func_sig_names[EXPR_SIG_MAX] = {
    [EXPR_SIG_NONE] = "",
    [EXPR_SIG_BOOL] = "bool",
    [EXPR_SIG_INT] = "int",
    [EXPR_SIG_DOUBLE] = "double",
    [EXPR_SIG_STRING] = "string",
    [EXPR_SIG_BYTES] = "bytes",
    [EXPR_SIG_TIMESTAMP] = "timestamp",
    [EXPR_SIG_DURATION] = "duration",
    [EXPR_SIG_DECIMAL] = "decimal",
    [EXPR_SIG_ANY] = "any",
    [EXPR_SIG_ORDERED] = "ordered",
    [EXPR_SIG_SAME] = "same",
    [EXPR_SIG_ARRAY] = "array",
    [EXPR_SIG_ELEM] = "element",
};

static enum expr_sig func_sig_at(const struct expr_func *row, uint32_t i) {
    uint32_t k = i < EXPR_FUNC_ARGS ? i : EXPR_FUNC_ARGS - 1;
    while (k > 0 && row->args[k] == EXPR_SIG_NONE)
        k--;
    return row->args[k];
}

/* The arguments of one sig, for the rules that make them one type. */
static const struct evt_type *func_unify(struct base_arena *a, const struct expr_func *row, enum expr_sig sig,
    const struct expr *const *args, uint32_t n) {
    const struct expr **some = BASE_ARENA_ARRAY(a, const struct expr *, n ? n : 1);
    uint32_t n_some = 0;
    for (uint32_t i = 0; i < n; i++)
        if (func_sig_at(row, i) == sig)
            some[n_some++] = args[i];
    return expr_unify_args(a, some, n_some, 1);
}

/* The element type of the ARRAY argument; null when that is null. */
static const struct evt_type *func_elem(
    const struct expr_func *row, const struct expr *const *args, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (func_sig_at(row, i) == EXPR_SIG_ARRAY && args[i]->type->kind == EVT_ARRAY)
            return args[i]->type->elem;
    return evt_type_of(EVT_NULL);
}

enum { FUNC_NO = -1 };

/* What it costs to pass a value of that type where `kind` is asked for: the cheapest row wins. */
static int func_cast_cost(enum evt_kind from, enum evt_kind kind) {
    if (from == kind)
        return 0;
    if (from == EVT_NULL)
        return 1;
    if (from == EVT_INT && kind == EVT_DOUBLE)
        return 2;
    if (from == EVT_INT && kind == EVT_DECIMAL)
        return 3;
    if (from == EVT_DECIMAL && kind == EVT_DOUBLE)
        return 4;
    return FUNC_NO;
}

static int func_row_cost(
    struct base_arena *a, const struct expr_func *row, const struct expr *const *args, uint32_t n) {
    if (n < row->min_args || (n > row->max_args && row->max_args != UINT8_MAX))
        return FUNC_NO;
    int cost = 0;
    for (uint32_t i = 0; i < n; i++) {
        enum expr_sig sig = func_sig_at(row, i);
        const struct evt_type *t = args[i]->type;
        int c = 0;
        switch (sig) {
        case EXPR_SIG_ANY: c = 5; break;
        case EXPR_SIG_ORDERED:
        case EXPR_SIG_SAME: {
            const struct evt_type *all = func_unify(a, row, sig, args, n);
            c = all && (sig == EXPR_SIG_SAME || evt_kind_is_ordered(all->kind)) ? 0 : FUNC_NO;
            break;
        }
        case EXPR_SIG_ELEM: c = expr_cast_is_implicit(t, func_elem(row, args, n)) ? 0 : FUNC_NO; break;
        case EXPR_SIG_BOOL:
        case EXPR_SIG_INT:
        case EXPR_SIG_DOUBLE:
        case EXPR_SIG_STRING:
        case EXPR_SIG_BYTES:
        case EXPR_SIG_TIMESTAMP:
        case EXPR_SIG_DURATION:
        case EXPR_SIG_DECIMAL:
        case EXPR_SIG_ARRAY: c = func_cast_cost(t->kind, func_sig_kinds[sig]); break;
        case EXPR_SIG_NONE:
        case EXPR_SIG_MAX: CEP_INSIST(!"an argument without a sig");
        }
        if (c == FUNC_NO)
            return FUNC_NO;
        cost += c;
    }
    return cost;
}

/* Inserts the casts that the row needs; args is the caller's copy. */
static void func_cast_args(
    struct base_arena *a, const struct expr_func *row, const struct expr **args, uint32_t n) {
    const struct evt_type *same = func_unify(a, row, EXPR_SIG_SAME, args, n);
    const struct evt_type *ordered = func_unify(a, row, EXPR_SIG_ORDERED, args, n);
    const struct evt_type *elem = func_elem(row, args, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct evt_type *to = args[i]->type;
        enum expr_sig sig = func_sig_at(row, i);
        if (sig == EXPR_SIG_SAME)
            to = same;
        else if (sig == EXPR_SIG_ORDERED)
            to = ordered;
        else if (sig == EXPR_SIG_ELEM)
            to = elem;
        else if (sig == EXPR_SIG_DECIMAL)
            to = expr_decimal_of(a, args[i]);
        else if (func_sig_kinds[sig] < EVT_DECIMAL)
            to = evt_type_of(func_sig_kinds[sig]);
        args[i] = expr_cast_node(a, args[i], to, false, args[i]->span);
    }
}

static const struct evt_type *func_result(
    struct base_arena *a, const struct expr_func *row, const struct evt_type *const *types, uint32_t n) {
    if (row->result_type)
        return row->result_type(a, types, n);
    if (func_sig_kinds[row->result] < EVT_DECIMAL)
        return evt_type_of(func_sig_kinds[row->result]);
    enum expr_sig like = row->result == EXPR_SIG_ELEM ? EXPR_SIG_ARRAY : row->result;
    for (uint32_t i = 0; i < n; i++)
        if (func_sig_at(row, i) == like) {
            if (row->result != EXPR_SIG_ELEM)
                return types[i];
            return types[i]->kind == EVT_ARRAY ? types[i]->elem : evt_type_of(EVT_NULL);
        }
    CEP_INSIST(!"a row whose result type follows from its arguments");
    return NULL;
}

static void func_write_sigs(struct base_buf *b, const struct expr_func *row) {
    base_buf_putc(b, '(');
    uint32_t n = row->max_args == UINT8_MAX ? row->min_args + 1u : row->max_args;
    for (uint32_t i = 0; i < n; i++) {
        if (i == row->min_args)
            base_buf_puts(b, i > 0 ? " [, " : "[");
        else if (i > 0)
            base_buf_puts(b, ", ");
        base_buf_puts(b, func_sig_names[func_sig_at(row, i)]);
    }
    if (row->max_args == UINT8_MAX)
        base_buf_puts(b, ", ...");
    if (n > row->min_args)
        base_buf_putc(b, ']');
    base_buf_putc(b, ')');
}

static enum cep_rc func_no_row(const struct expr_func *rows, uint32_t n_rows, const struct expr *const *args,
    uint32_t n, struct cep_span span, struct cep_err *err) {
    struct base_buf got = BASE_BUF_INIT, takes = BASE_BUF_INIT;
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            base_buf_puts(&got, ", ");
        evt_type_write(&got, args[i]->type);
    }
    for (uint32_t i = 0; i < n_rows; i++) {
        if (i > 0)
            base_buf_puts(&takes, i + 1 == n_rows ? " or " : ", ");
        func_write_sigs(&takes, &rows[i]);
    }
    enum cep_rc rc = base_err_at(err, span, CEP_ETYPE, "%s \"%s\" cannot take (%s)",
        rows->is_operator ? "operator" : "function", rows->name, base_buf_cstr(&got));
    base_err_hint(err, "it takes %s", base_buf_cstr(&takes));
    base_buf_release(&got);
    base_buf_release(&takes);
    return rc;
}

static enum cep_rc func_no_name(struct base_str name, struct cep_span span, struct cep_err *err) {
    enum { NEAR = 4 };
    unsigned best = NEAR + 1;
    const char *nearest = NULL;
    const struct expr_func *row;
    for (uint32_t i = 0; (row = expr_func_at(i)); i++) {
        unsigned d = row->is_operator ? best : base_str_distance(base_str_of(row->name), name, NEAR);
        if (d < best) {
            best = d;
            nearest = row->name;
        }
    }
    enum cep_rc rc = base_err_at(err, span, CEP_ENAME, "there is no function \"%.*s\"", BASE_STR_FMT(name));
    if (nearest)
        base_err_hint(err, "did you mean \"%s\"?", nearest);
    return rc;
}

static enum cep_rc func_prepare(struct base_arena *a, struct expr *e, struct cep_err *err) {
    if (!e->func->prepare)
        return CEP_OK;
    const struct expr **consts = BASE_ARENA_ARRAY(a, const struct expr *, e->n_args ? e->n_args : 1);
    for (uint32_t i = 0; i < e->n_args; i++)
        consts[i] = e->args[i]->kind == EXPR_CONST ? e->args[i] : NULL;
    enum cep_rc rc = e->func->prepare(a, consts, e->n_args, &e->func_state, err);
    if (rc != CEP_OK && err && err->span.line == 0)
        err->span = e->span;
    return rc;
}

enum cep_rc expr_call_new(struct base_arena *a, struct base_str name, const struct expr *const *args,
    uint32_t n_args, struct cep_span span, const struct expr **out, struct cep_err *err) {
    uint32_t n_rows;
    const struct expr_func *rows = expr_func_find(name, &n_rows);
    if (!rows)
        return func_no_name(name, span, err);
    const struct expr_func *row = NULL;
    int best = 0;
    for (uint32_t i = 0; i < n_rows; i++) {
        int cost = func_row_cost(a, &rows[i], args, n_args);
        if (cost != FUNC_NO && (!row || cost < best)) {
            row = &rows[i];
            best = cost;
        }
    }
    if (!row)
        return func_no_row(rows, n_rows, args, n_args, span, err);
    struct expr *e = expr_node_alloc(a, EXPR_CALL, NULL, args, n_args, span);
    const struct expr **cast = BASE_ARENA_ARRAY(a, const struct expr *, n_args ? n_args : 1);
    const struct evt_type **types = BASE_ARENA_ARRAY(a, const struct evt_type *, n_args ? n_args : 1);
    if (n_args)
        memcpy(cast, args, n_args * sizeof *cast);
    func_cast_args(a, row, cast, n_args);
    bool null_arg = false;
    for (uint32_t i = 0; i < n_args; i++) {
        types[i] = cast[i]->type;
        null_arg |= cast[i]->kind == EXPR_CONST && cast[i]->val.null;
    }
    e->func = row;
    e->args = cast;
    e->arg_types = types;
    e->type = func_result(a, row, types, n_args);
    if (!e->type)
        return func_no_row(rows, n_rows, args, n_args, span, err);
    if (null_arg && !row->null_ok) {
        *out = expr_const(a, e->type, EVT_VAL_NULL, span);
        return CEP_OK;
    }
    enum cep_rc rc = func_prepare(a, e, err);
    if (rc == CEP_OK)
        *out = expr_try_fold(a, e);
    return rc;
}
