/*
 * dsl_check_agg -- aggregates over rows, those of a group and those of a frame: their names, their argument, what else they are told.
 *
 *     sum(amount) filter (where amount > 0)       count(distinct card)       ewma(load, half_life 10 min)       lag(amount, 2)
 */
#include "dsl/dsl_sem.h"

#include "base/base_num.h"
#include "expr/expr_agg.h"
#include "expr/expr_build.h"
#include "expr/expr_run.h"

#include <math.h>

static const char *const names[EXPR_AGG_LIST_MAX] = {
#define AGG_NAME(name, text) [EXPR_AGG_##name] = text,
    EXPR_AGG_LIST(AGG_NAME)
#undef AGG_NAME
};

const char *dsl_agg_name(enum expr_agg agg) {
    return names[agg];
}

bool dsl_group_agg_of_name(const struct dsl_sem *c, struct base_str name, enum expr_agg *out) {
    const struct dsl_sym *user = dsl_user_function(c, name);
    if (user) {
        *out = EXPR_AGG_USER;
        return user->stmt->kind == DSL_STMT_AGGREGATE;
    }
    if (base_str_ieq(name, BASE_STR("array")))
        return false; /* the constructor: array(x) of a pattern is array_agg(x) here */
    for (int i = EXPR_AGG_FIRST; i < EXPR_AGG_LIST_MAX; i++)
        if (i != EXPR_AGG_USER && base_str_ieq(name, base_str_of(names[i]))) {
            *out = (enum expr_agg)i;
            return true;
        }
    return dsl_agg_of_name(name, out);
}

bool dsl_agg_eq(const struct plan_agg *a, const struct plan_agg *b) {
    for (int i = 0; i < EXPR_AGG_OPTS; i++)
        if (!(a->opts[i] <= b->opts[i] && a->opts[i] >= b->opts[i]) &&
            !(isnan(a->opts[i]) && isnan(b->opts[i])))
            return false;
    return a->agg == b->agg && a->user == b->user && a->whole == b->whole && !a->arg == !b->arg &&
           !a->filter == !b->filter && (!a->arg || expr_eq(a->arg, b->arg)) &&
           (!a->filter || expr_eq(a->filter, b->filter));
}

static bool shape_ok(struct dsl_sem *c, const struct dsl_expr *e, enum expr_agg agg) {
    struct base_str name = e->call.name.text;
    uint32_t n_opts;
    (void)expr_agg_opts(agg, &n_opts);
    if (e->call.star && agg != EXPR_AGG_COUNT) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%.*s\" takes a column, not *", BASE_STR_FMT(name));
        return false;
    }
    if (!e->call.star && (e->call.n_args < 1 || (n_opts == 0 && e->call.n_args > 1))) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%.*s\" takes one argument, not %zu",
            BASE_STR_FMT(name), e->call.n_args);
        return false;
    }
    if (e->call.distinct && agg != EXPR_AGG_COUNT && agg != EXPR_AGG_MIN && agg != EXPR_AGG_MAX) {
        dsl_unsupported(c, e->span, "distinct in an aggregate other than count");
        return false;
    }
    return true;
}

/* -- what else it is told ------------------------------------------------------------------------------------------ */

static void write_value(struct base_buf *b, const struct expr_agg_opt *o, double v) {
    if (o->kind == EXPR_OPT_DURATION)
        base_write_duration(b, (int64_t)v);
    else
        base_buf_printf(b, "%.15g", v);
}

static const char *wanted(struct dsl_sem *c, const struct expr_agg_opt *o) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_puts(&b, o->kind == EXPR_OPT_COUNT      ? "a whole number"
                      : o->kind == EXPR_OPT_DURATION ? "a duration"
                                                     : "a number");
    if (isfinite(o->min) && isfinite(o->max) && o->kind != EXPR_OPT_DURATION) {
        base_buf_puts(&b, " from ");
        write_value(&b, o, o->min);
        base_buf_puts(&b, " to ");
        write_value(&b, o, o->max);
    }
    const char *text = base_arena_strndup(&c->tmp, b.p, b.len);
    base_buf_release(&b);
    return text;
}

static bool read_opt(
    struct dsl_sem *c, const char *agg, const struct expr_agg_opt *o, const struct dsl_expr *e, double *out) {
    struct dsl_scope cs = { .kind = DSL_SCOPE_CONST, .own = -1, .input = -1, .agg_var = -1, .key_col = -1 };
    const struct expr *x = dsl_fold(c, dsl_check_expr(c, &cs, e));
    if (!x)
        return false;
    enum evt_kind kind = x->type->kind;
    bool fits = x->kind == EXPR_CONST && !x->val.null &&
                (o->kind == EXPR_OPT_DURATION   ? kind == EVT_DURATION
                    : o->kind == EXPR_OPT_COUNT ? kind == EVT_INT
                                                : evt_kind_is_numeric(kind));
    double v = !fits ? 0 : kind == EVT_DURATION ? (double)x->val.i : expr_agg_real(x->type, &x->val);
    if (!fits || !(v >= o->min && v <= o->max)) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%s\" of \"%s\" is %s", o->name, agg, wanted(c, o));
        return false;
    }
    *out = v;
    return true;
}

static void unknown_opt(struct dsl_sem *c, const char *agg, const struct expr_agg_opt *opts, uint32_t n,
    const struct dsl_name *label) {
    struct dsl_nearest near;
    dsl_near(c, &near, label->text);
    for (uint32_t i = 0; i < n; i++)
        dsl_nearest_try(&near, base_str_of(opts[i].name));
    dsl_diag_error(
        c->diag, label->span, CEP_ENAME, "\"%s\" takes no \"%.*s\"", agg, BASE_STR_FMT(label->text));
    dsl_nearest_note(c->diag, &near);
}

/* half_life 10 min, warm_up => 50, and what stands without a name. */
static bool check_opts(struct dsl_sem *c, const struct dsl_expr *e, struct plan_agg *out) {
    const char *agg = names[out->agg];
    uint32_t n, given = 0;
    const struct expr_agg_opt *opts = expr_agg_opts(out->agg, &n);
    bool ok = true;
    expr_agg_usual(out->agg, out->opts);
    for (size_t i = 1; i < e->call.n_args; i++) {
        const struct dsl_expr *arg = e->call.args[i];
        bool named = arg->kind == DSL_EXPR_NAMED_ARG;
        uint32_t at = 0;
        while (at < n && (named ? !base_str_ieq(arg->named.label.text, base_str_of(opts[at].name))
                                : !opts[at].positional || given >> at & 1))
            at++;
        if (at == n && named)
            unknown_opt(c, agg, opts, n, &arg->named.label);
        else if (at == n)
            dsl_diag_error(c->diag, arg->span, CEP_EINVAL, "\"%s\" takes this by name, as in: %s => ...", agg,
                n > 0 ? opts[0].name : "name");
        else if (given >> at & 1)
            dsl_diag_error(c->diag, arg->span, CEP_EINVAL, "\"%s\" is told \"%s\" twice", agg, opts[at].name);
        ok &= at < n && !(given >> at & 1) &&
              read_opt(c, agg, &opts[at], named ? arg->named.value : arg, &out->opts[at]);
        if (at < n)
            given |= 1u << at;
    }
    for (uint32_t i = 0; i < n && ok; i++)
        if (opts[i].needed && !(given >> i & 1)) {
            dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%s\" needs its \"%s\"", agg, opts[i].name);
            dsl_diag_note(c->diag, "%s is %s", opts[i].name, wanted(c, &opts[i]));
            return false;
        }
    if (ok && out->agg == EXPR_AGG_CUSUM &&
        isnan(out->opts[EXPR_CUSUM_MEAN]) != isnan(out->opts[EXPR_CUSUM_SIGMA])) {
        dsl_diag_error(
            c->diag, e->span, CEP_EINVAL, "\"cusum\" takes \"mean\" and \"sigma\" together, or neither");
        return false;
    }
    return ok;
}

bool dsl_check_agg(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, struct plan_agg *out) {
    if (out->agg == EXPR_AGG_USER)
        return dsl_check_user_agg(c, s, e, out);
    if (!shape_ok(c, e, out->agg))
        return false;
    bool ok = check_opts(c, e, out);
    if (!e->call.star)
        out->arg = dsl_fold(c, dsl_check_expr(c, s, e->call.args[0]));
    if (e->call.filter)
        out->filter = dsl_check_cond(c, s, e->call.filter, "the condition of \"filter\"");
    if (!ok || (!e->call.star && !out->arg) || (e->call.filter && !out->filter))
        return false;
    if (e->call.distinct && out->agg == EXPR_AGG_COUNT)
        out->agg = EXPR_AGG_COUNT_DISTINCT;
    out->type = expr_agg_type(c->a, out->agg, out->arg ? out->arg->type : NULL);
    if (!out->type)
        dsl_diag_error(c->diag, e->span, CEP_ETYPE, "aggregate \"%.*s\" does not take %s",
            BASE_STR_FMT(e->call.name.text), dsl_type_name(c, out->arg->type));
    return out->type != NULL;
}
