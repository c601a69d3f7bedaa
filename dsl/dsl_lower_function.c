/*
 * dsl_lower_function -- `function NAME (x double) double from 'lib.so'` and `aggregate ...`: the library is loaded, what it says of itself is
 * held against the statement; and calls of them.
 */
#include "dsl/dsl_sem.h"

#include "plan/plan_user.h"

/* -- statements ------------------------------------------------------------------------------------------------------- */

static bool of_the_language(struct base_str name) {
    static const char *const others[] = { "first", "last", "prev", "coalesce", "nullif", "match_number",
        "match_start", "match_end", "match_duration", "match_id", "unnest" };
    struct dsl_sem none = { .n_syms = 0 };
    enum expr_agg agg;
    uint32_t n;
    char lower[64];
    if (name.len >= sizeof lower)
        return false;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
    struct base_str text = { lower, name.len };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (base_str_eq(text, base_str_of(others[i])))
            return true;
    return expr_func_find(text, &n) || dsl_group_agg_of_name(&none, text, &agg);
}

static void types_differ(struct dsl_sem *c, struct cep_span at, const struct dsl_sym *sym, const char *what,
    const struct evt_type *ours, const struct evt_type *theirs) {
    dsl_diag_error(c->diag, at, CEP_ETYPE, "%s of %s \"%.*s\" is %s in the library, not %s", what,
        dsl_sym_word(sym), BASE_STR_FMT(sym->name), dsl_type_name(c, theirs), dsl_type_name(c, ours));
}

static bool signature_ok(struct dsl_sem *c, const struct dsl_sym *sym, uint32_t n,
    const struct cep_type *const *args, const struct cep_type *result) {
    const struct dsl_function *st = &sym->stmt->function;
    if (sym->n_args != n) {
        dsl_diag_error(c->diag, st->args_span, CEP_EINVAL,
            "%s \"%.*s\" of the library takes %u arguments, not %u", dsl_sym_word(sym),
            BASE_STR_FMT(sym->name), (unsigned)n, (unsigned)sym->n_args);
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct evt_type *t = plan_type_of_library(c->a, args[i]);
        if (evt_type_eq(t, sym->args[i]))
            continue;
        types_differ(c, st->args[i].span, sym, "this argument", sym->args[i], t);
        return false;
    }
    const struct evt_type *t = plan_type_of_library(c->a, result);
    if (!evt_type_eq(t, sym->type))
        types_differ(c, st->result->span, sym, "the result", sym->type, t);
    return evt_type_eq(t, sym->type);
}

static void not_there(struct dsl_sem *c, const struct dsl_sym *sym, const struct cep_library *lib) {
    struct dsl_nearest near;
    bool agg = sym->stmt->kind == DSL_STMT_AGGREGATE;
    dsl_near(c, &near, sym->name);
    for (uint32_t i = 0; i < (agg ? lib->n_aggregates : lib->n_functions); i++)
        dsl_nearest_try(&near, base_str_of(agg ? lib->aggregates[i].name : lib->functions[i].name));
    dsl_diag_error(c->diag, sym->stmt->name.span, CEP_ENAME, "library \"%.*s\" has no %s \"%.*s\"",
        BASE_STR_FMT(sym->stmt->function.library), dsl_sym_word(sym), BASE_STR_FMT(sym->name));
    dsl_nearest_note(c->diag, &near);
}

static void find_function(struct dsl_sem *c, struct dsl_sym *sym, const struct cep_library *lib) {
    for (uint32_t i = 0; i < lib->n_functions; i++) {
        const struct cep_function *f = &lib->functions[i];
        if (!base_str_eq(sym->name, base_str_of(f->name)))
            continue;
        sym->bad |= !signature_ok(c, sym, f->n_args, f->args, f->result);
        sym->func = sym->bad ? NULL : plan_user_function(c->a, f, &sym->func_state);
        return;
    }
    sym->bad = true;
    not_there(c, sym, lib);
}

static void find_aggregate(struct dsl_sem *c, struct dsl_sym *sym, const struct cep_library *lib) {
    for (uint32_t i = 0; i < lib->n_aggregates; i++) {
        const struct cep_aggregate *g = &lib->aggregates[i];
        if (!base_str_eq(sym->name, base_str_of(g->name)))
            continue;
        sym->bad |= !signature_ok(c, sym, 1, &g->arg, g->result);
        sym->user = sym->bad ? NULL : plan_user_aggregate(c->a, g);
        return;
    }
    sym->bad = true;
    not_there(c, sym, lib);
}

static void lower_function(struct dsl_sem *c, struct dsl_sym *sym) {
    const struct dsl_function *st = &sym->stmt->function;
    if (of_the_language(sym->name)) {
        dsl_diag_error(c->diag, sym->stmt->name.span, CEP_ENAME, "\"%.*s\" is a function of the language",
            BASE_STR_FMT(sym->name));
        dsl_diag_note(c->diag, "the library and the statement have to give it another name");
        sym->bad = true;
    }
    if (st->n_args > CEP_ARGS_MAX) {
        dsl_diag_error(
            c->diag, st->args_span, CEP_ELIMIT, "a function takes at most %d arguments", (int)CEP_ARGS_MAX);
        sym->bad = true;
        return;
    }
    sym->n_args = (uint32_t)st->n_args;
    sym->args = BASE_ARENA_ARRAY(c->a, const struct evt_type *, st->n_args + 1);
    for (size_t i = 0; i < st->n_args; i++) {
        sym->args[i] = dsl_type_of(c, st->args[i].type);
        sym->bad |= !sym->args[i];
    }
    sym->type = dsl_type_of(c, st->result);
    sym->bad |= !sym->type;
    const struct cep_library *lib = dsl_library(c, st->library, st->library_span);
    sym->bad |= !lib;
    if (sym->bad)
        return;
    if (sym->stmt->kind == DSL_STMT_AGGREGATE)
        find_aggregate(c, sym, lib);
    else
        find_function(c, sym, lib);
}

void dsl_lower_functions(struct dsl_sem *c) {
    for (size_t i = 0; i < c->n_syms; i++)
        if (c->syms[i].kind == DSL_SYM_FUNCTION && !c->syms[i].stmt->broken)
            lower_function(c, &c->syms[i]);
}

const struct dsl_sym *dsl_user_function(const struct dsl_sem *c, struct base_str name) {
    const struct dsl_sym *sym = c->n_syms ? dsl_sym_find(c, name) : NULL;
    return sym && sym->kind == DSL_SYM_FUNCTION ? sym : NULL;
}

/* -- calls ------------------------------------------------------------------------------------------------------------ */

/* Literals and numbers are taken for what the library wants. */
static const struct expr *argument(struct dsl_sem *c, const struct dsl_expr *src, const struct expr *e,
    const struct evt_type *t, struct base_str name) {
    struct cep_err err = CEP_ERR_INIT;
    const struct expr *out = NULL;
    struct evt_val v;
    if (e->kind == EXPR_CONST && e->type->kind == EVT_STRING && !e->val.null && t->kind != EVT_STRING &&
        dsl_val_of_text(c->a, t, evt_val_str(&e->val), &v))
        return expr_const(c->a, t, v, src->span);
    if (expr_coerce(c->a, e, t, &out, &err) == CEP_OK)
        return out;
    dsl_diag_error(c->diag, src->span, CEP_ETYPE, "\"%.*s\" takes %s here, not %s", BASE_STR_FMT(name),
        dsl_type_name(c, t), dsl_type_name(c, e->type));
    return NULL;
}

const struct expr *dsl_check_user_call(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, const struct dsl_sym *sym) {
    uint32_t n = (uint32_t)e->call.n_args;
    if (e->call.star || e->call.distinct || e->call.n_args != sym->n_args) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "function \"%.*s\" takes %u argument%s",
            BASE_STR_FMT(sym->name), (unsigned)sym->n_args, sym->n_args == 1 ? "" : "s");
        dsl_diag_note_at(c->diag, sym->stmt->name.span, "it is declared here");
        return NULL;
    }
    const struct expr **args = BASE_ARENA_ARRAY(c->a, const struct expr *, n + (size_t)1);
    bool ok = true;
    for (uint32_t i = 0; i < n; i++) {
        args[i] = dsl_check_expr(c, s, e->call.args[i]);
        if (args[i] && !sym->bad)
            args[i] = argument(c, e->call.args[i], args[i], sym->args[i], sym->name);
        ok &= args[i] != NULL;
    }
    if (!ok || !sym->func)
        return NULL;
    struct expr *x = dsl_new_expr(c, EXPR_CALL, sym->type, e->span);
    x->func = sym->func;
    x->func_state = sym->func_state;
    x->arg_types = sym->args;
    x->args = args;
    x->n_args = n;
    return x;
}

bool dsl_check_user_agg(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, struct plan_agg *out) {
    const struct dsl_sym *sym = dsl_user_function(c, e->call.name.text);
    if (e->call.star || e->call.distinct || e->call.n_args != 1) {
        dsl_diag_error(
            c->diag, e->span, CEP_EINVAL, "aggregate \"%.*s\" takes one argument", BASE_STR_FMT(sym->name));
        return false;
    }
    const struct expr *arg = dsl_check_expr(c, s, e->call.args[0]);
    if (e->call.filter)
        out->filter = dsl_check_cond(c, s, e->call.filter, "the condition of \"filter\"");
    if (!arg || (e->call.filter && !out->filter) || sym->bad)
        return false;
    out->arg = dsl_fold(c, argument(c, e->call.args[0], arg, sym->args[0], sym->name));
    out->user = sym->user;
    out->type = sym->type;
    return out->arg != NULL;
}
