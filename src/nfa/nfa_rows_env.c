/*
 * nfa_rows_env -- what conditions and the items of the result read.
 *
 * A condition sees what its thread has taken and the row under test, as if that were taken already. Items see a match: running up to the row
 * that is given out, final all of it.
 */
#include "nfa/nfa_rows_int.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "expr/expr_agg.h"

static struct nfa_rows_env *env_of(struct expr_env *env) {
    return CEP_CONTAINER_OF(env, struct nfa_rows_env, env);
}

static void name_of(const struct nfa_rows_env *e, uint32_t var, struct evt_val *out) {
    *out = EVT_VAL_NULL;
    if (var != UINT32_MAX) {
        struct base_str name = e->kind->plan->vars[var].name;
        *out = (struct evt_val){ .s = { name.p, (uint32_t)name.len } };
    }
}

static void row_col(
    const struct nfa_rows_env *e, const struct nfa_rows_row *row, uint32_t index, struct evt_val *out) {
    *out = row->vals[e->kind->place[index]];
}

static void env_col(struct expr_env *env, uint32_t index, struct evt_val *out) {
    const struct nfa_rows_env *e = env_of(env);
    if (index == e->kind->in->n_cols)
        name_of(e, e->var, out);
    else
        row_col(e, e->cur, index, out);
}

/* -- navigation ------------------------------------------------------------------------------------------------------- */

/* The row's number; false: there is none. */
static bool find_in_thread(const struct nfa_rows_env *e, const struct expr *x, uint64_t *number) {
    const struct nfa_rows_kind *k = e->kind;
    bool own = nfa_rows_in(k, x->var, e->var);
    *number = e->number;
    if (x->from_last && own && x->n == 0)
        return true;
    const struct nfa_rows_set *s = &k->sets[k->set_of[x->var]];
    if (nfa_rows_hist_find(e->hist, s, x->from_last, x->from_last && own ? x->n - 1 : x->n, number))
        return true;
    uint64_t before;
    *number = e->number;
    return own && !x->from_last && (x->n == 0 || nfa_rows_hist_find(e->hist, s, false, x->n - 1, &before));
}

static bool find_in_match(const struct nfa_rows_env *e, const struct expr *x, uint64_t *number) {
    uint32_t n = x->flag ? e->n : e->seen, skip = x->n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = x->from_last ? n - 1 - i : i;
        if (!nfa_rows_in(e->kind, x->var, e->vars[at]) || skip-- > 0)
            continue;
        *number = e->key->start + at;
        return true;
    }
    return false;
}

static uint32_t taken_as(const struct nfa_rows_env *e, uint64_t number, bool final) {
    if (e->whole) {
        uint64_t at = number - e->key->start;
        return number >= e->key->start && at < (final ? e->n : e->seen) ? e->vars[at] : UINT32_MAX;
    }
    if (number == e->number)
        return e->var;
    for (const struct nfa_rows_hist *h = e->hist; h && h->row >= number; h = h->prev)
        if (h->row == number)
            return h->var;
    return UINT32_MAX;
}

static void env_nav(struct expr_env *env, const struct expr *x, struct evt_val *out) {
    const struct nfa_rows_env *e = env_of(env);
    uint64_t number;
    *out = EVT_VAL_NULL;
    if (!(e->whole ? find_in_match(e, x, &number) : find_in_thread(e, x, &number)))
        return;
    if (x->shift < 0 && number < (uint64_t) - (int64_t)x->shift)
        return;
    uint64_t to = number + (uint64_t)(int64_t)x->shift;
    if (to < e->key->first || to >= nfa_rows_end(e->key))
        return;
    if (x->index == e->kind->in->n_cols)
        name_of(e, taken_as(e, to, x->flag), out);
    else
        row_col(e, nfa_rows_get(e->key, to), x->index, out);
}

/* -- aggregates ------------------------------------------------------------------------------------------------------- */

/* What a string is that is computed lives for one row. */
bool nfa_rows_agg_runs(const struct expr *e) {
    bool text = e->n_args > 0 &&
                (e->args[0]->type->kind == EVT_STRING || e->args[0]->type->kind == EVT_BYTES);
    return !expr_agg_is_gathered(e->agg) &&
           !((e->agg == EXPR_AGG_MIN || e->agg == EXPR_AGG_MAX) && text && e->args[0]->kind != EXPR_COL);
}

static void agg_arg(struct nfa_rows_env *env, const struct expr *e, struct evt_val *out) {
    *out = (struct evt_val){ .null = false };
    if (e->n_args > 0)
        expr_eval(e->args[0], &env->env, out);
}

void nfa_rows_agg_add(struct nfa_rows_env *env, const struct expr *e, struct expr_agg_state *s) {
    struct evt_val v;
    if (!nfa_rows_in(env->kind, e->var, env->var))
        return;
    agg_arg(env, e, &v);
    expr_agg_step(s, e->agg, e->n_args > 0 ? e->args[0]->type : NULL, &v);
}

static void agg_result(
    struct nfa_rows_env *env, const struct expr *e, const struct expr_agg_state *s, struct evt_val *out) {
    const char *failure = NULL;
    expr_agg_result(s, e->agg, e->n_args > 0 ? e->args[0]->type : NULL, e->type, out, &failure);
    if (failure && !env->env.failure)
        env->env.failure = failure;
}

/* One that does not run along: over all rows, from the first. */
struct gather {
    const struct expr *e;
    bool gathered;
    struct expr_agg_gather g;
    struct expr_agg_state s;
};

static void gather_row(struct nfa_rows_env *env, struct gather *g, uint64_t number, uint32_t var) {
    struct nfa_rows_env at = *env;
    struct evt_val v;
    if (!nfa_rows_in(env->kind, g->e->var, var))
        return;
    at.cur = nfa_rows_get(env->key, number);
    at.number = number;
    at.var = var;
    at.env.failure = NULL;
    agg_arg(&at, g->e, &v);
    if (at.env.failure && !env->env.failure)
        env->env.failure = at.env.failure;
    if (g->gathered)
        expr_agg_gather_step(&g->g, g->e->agg, &v);
    else
        expr_agg_step(&g->s, g->e->agg, g->e->args[0]->type, &v);
}

static void gather(struct nfa_rows_env *env, const struct expr *e, struct evt_val *out) {
    struct gather g = { .e = e, .gathered = expr_agg_is_gathered(e->agg) };
    uint32_t n = 0;
    expr_agg_gather_start(&g.g, env->env.scratch);
    expr_agg_start(&g.s);
    if (env->whole) {
        for (uint32_t i = 0; i < (e->flag ? env->n : env->seen); i++)
            gather_row(env, &g, env->key->start + i, env->vars[i]);
    } else {
        for (const struct nfa_rows_hist *h = env->hist; h; h = h->prev)
            n++;
        const struct nfa_rows_hist **way = BASE_ARENA_ARRAY(
            env->env.scratch, const struct nfa_rows_hist *, n + (size_t)1);
        for (const struct nfa_rows_hist *h = env->hist; h; h = h->prev)
            way[--n] = h;
        for (; env->hist && way[n] != env->hist; n++)
            gather_row(env, &g, way[n]->row, way[n]->var);
        if (env->hist)
            gather_row(env, &g, env->hist->row, env->hist->var);
        gather_row(env, &g, env->number, env->var);
    }
    if (g.gathered)
        expr_agg_gather_result(&g.g, e->agg, e->args[0]->type, out);
    else
        agg_result(env, e, &g.s, out);
}

static bool env_agg(struct expr_env *ee, const struct expr *e, struct evt_val *out) {
    struct nfa_rows_env *env = env_of(ee);
    const struct plan_recognize *plan = env->kind->plan;
    if (!nfa_rows_agg_runs(e)) {
        gather(env, e, out);
    } else if (env->whole) {
        agg_result(env, e, &env->kind->aggs[e->agg_slot + (e->flag ? plan->n_item_aggs : 0)], out);
    } else {
        struct expr_agg_state s;
        if (env->hist)
            s = nfa_rows_hist_aggs(env->kind, env->hist)[e->agg_slot];
        else
            expr_agg_start(&s);
        nfa_rows_agg_add(env, e, &s);
        agg_result(env, e, &s, out);
    }
    return true;
}

static void env_match(struct expr_env *ee, enum expr_match what, struct evt_val *out) {
    struct nfa_rows_env *env = env_of(ee);
    struct nfa_rows *key = env->key;
    int64_t from = nfa_rows_get(key, key->start)->time, to = env->cur->time;
    *out = (struct evt_val){ .i = (int64_t)key->matches + 1 };
    if (what == EXPR_MATCH_NUMBER)
        return;
    if (env->whole && env->n == 0)
        *out = EVT_VAL_NULL;
    else if (what == EXPR_MATCH_START)
        out->i = from;
    else if (what == EXPR_MATCH_END)
        out->i = to;
    else if (__builtin_sub_overflow(to, from, &out->i))
        out->i = INT64_MAX;
}

static const struct expr_env_ops ops = { .col = env_col, .agg = env_agg, .match = env_match, .nav = env_nav };

void nfa_rows_env_init(struct nfa_rows_env *env, struct nfa_rows_kind *k, struct nfa_rows *key) {
    *env = (struct nfa_rows_env){ .env = { .ops = &ops, .scratch = &k->scratch, .now_us = k->now_us },
        .kind = k,
        .key = key,
        .var = UINT32_MAX };
}

/* -- a match ------------------------------------------------------------------------------------------------------------ */

enum cep_rc nfa_rows_tell(struct nfa_rows_env *env, struct nfa_rows_row *row, struct cep_err *err) {
    const char *failure = env->env.failure;
    env->env.failure = NULL;
    if (!failure || row->told)
        return CEP_OK;
    row->told = true;
    return env->kind->out.failed(env->kind->out.arg, row, failure, err);
}

/* Which variable each row was taken as, from the first. Returns: how many rows. */
static uint32_t lay_out(struct nfa_rows_kind *k, const struct nfa_rows *key) {
    uint32_t n = key->best ? (uint32_t)(key->best->row - key->start) + 1 : 0;
    while (k->cap_vars < n || !k->vars)
        k->vars = base_grow(k->vars, k->cap_vars, &k->cap_vars, sizeof *k->vars);
    while (k->cap_excluded < n || !k->excluded)
        k->excluded = base_grow(k->excluded, k->cap_excluded, &k->cap_excluded, sizeof *k->excluded);
    for (const struct nfa_rows_hist *h = key->best; h; h = h->prev) {
        k->vars[h->row - key->start] = h->var;
        k->excluded[h->row - key->start] = h->excluded;
    }
    return n;
}

static void env_at(struct nfa_rows_env *env, uint32_t i) {
    env->number = env->key->start + i;
    env->cur = nfa_rows_get(env->key, env->number);
    env->var = i < env->n ? env->vars[i] : UINT32_MAX;
}

static enum cep_rc give_row(struct nfa_rows_env *env, uint32_t i, struct cep_err *err) {
    struct nfa_rows_kind *k = env->kind;
    env_at(env, i);
    for (uint32_t c = 0; c < k->out_schema->n_cols; c++)
        expr_eval(k->plan->items[c], &env->env, &k->vals[c]);
    enum cep_rc rc = nfa_rows_tell(env, nfa_rows_get(env->key, env->number), err);
    return rc == CEP_OK ? k->out.row(k->out.arg, k->vals, err) : rc;
}

/* The aggregates of the items take row i. `from`: running or final ones. */
static void run_aggs(struct nfa_rows_env *env, uint32_t i, uint32_t from) {
    const struct plan_recognize *plan = env->kind->plan;
    if (plan->n_item_aggs == 0)
        return;
    env_at(env, i);
    for (uint32_t a = 0; a < plan->n_item_aggs; a++)
        if (nfa_rows_agg_runs(plan->item_aggs[a]))
            nfa_rows_agg_add(env, plan->item_aggs[a], &env->kind->aggs[from + a]);
}

enum cep_rc nfa_rows_give(struct nfa_rows_kind *k, struct nfa_rows *key, struct cep_err *err) {
    const struct plan_recognize *plan = k->plan;
    struct nfa_rows_env env;
    enum cep_rc rc = CEP_OK;
    k->n_matches++;
    nfa_rows_env_init(&env, k, key);
    env.whole = true;
    env.n = env.seen = lay_out(k, key);
    env.vars = k->vars;
    for (uint32_t a = 0; a < 2 * plan->n_item_aggs; a++)
        expr_agg_start(&k->aggs[a]);
    for (uint32_t i = 0; i < env.n; i++)
        run_aggs(&env, i, plan->n_item_aggs);
    if (!plan->all_rows || env.n == 0) {
        for (uint32_t i = 0; i < env.n; i++)
            run_aggs(&env, i, 0);
        rc = give_row(&env, env.n > 0 ? env.n - 1 : 0, err);
    }
    for (uint32_t i = 0; plan->all_rows && i < env.n && rc == CEP_OK; i++) {
        run_aggs(&env, i, 0);
        env.seen = i + 1;
        if (k->excluded[i])
            continue;
        rc = give_row(&env, i, err);
        base_arena_clear(&k->scratch);
    }
    base_arena_clear(&k->scratch);
    return rc;
}
