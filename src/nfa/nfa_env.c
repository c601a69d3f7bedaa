/*
 * nfa_env -- what expressions ask of the world: conditions of an event and a partial match, measures of a match.
 *
 * In VAR's own condition the event under test counts as VAR's last: for last(), first(), VAR[n] and the aggregates.
 */
#include "nfa/nfa_run.h"

#include "base/base_check.h"

static struct nfa_env *env_of(struct expr_env *e) {
    return CEP_CONTAINER_OF(e, struct nfa_env, base);
}

/* The event under test as a handle. */
static const void *event_under_test(const struct nfa_env *env) {
    return &env->m->cur;
}

static void env_col(struct expr_env *e, uint32_t index, struct evt_val *out) {
    struct nfa_env *env = env_of(e);
    struct nfa_matcher *m = env->m;
    int32_t c = m->pat->col_map[m->cur.input][index];
    *out = EVT_VAL_NULL;
    if (!m->cur.batch && m->cur.ev) {
        nfa_ev_col(m, m->cur.ev, index, out); /* tried again */
    } else if (c >= 0) {
        evt_col_get(&m->cur.batch->cols[c], m->cur.row, env->base.scratch, out);
        m->scratch_used = true;
    }
}

static void env_event_col(struct expr_env *e, const void *event, uint32_t index, struct evt_val *out) {
    struct nfa_env *env = env_of(e);
    if (event == event_under_test(env))
        env_col(e, index, out);
    else
        nfa_ev_col(env->m, event, index, out);
}

static const struct nfa_link *chain_of(const struct nfa_env *env) {
    return env->run ? env->run->last : NULL;
}

/* Events of the variable in the partial match, without the one under test. */
static uint32_t count_var(const struct nfa_env *env, uint32_t var) {
    uint32_t n = 0;
    for (const struct nfa_link *l = chain_of(env); l; l = nfa_link_prev(l, env->start_order))
        n += l->var == var, env->m->stats.work++;
    return n;
}

static const void *test_var_event(struct nfa_env *env, uint32_t var, bool from_last, uint32_t n) {
    bool own = env->own_var == var;
    if (!from_last) {
        uint32_t count = count_var(env, var);
        if (n == count && own)
            return event_under_test(env);
        if (n >= count)
            return NULL;
        n = count - 1 - n;
    } else if (own) {
        if (n == 0)
            return event_under_test(env);
        n--;
    }
    for (const struct nfa_link *l = chain_of(env); l; l = nfa_link_prev(l, env->start_order)) {
        env->m->stats.work++;
        if (l->var == var && n-- == 0)
            return l->ev;
    }
    return NULL;
}

static const void *env_var_event(struct expr_env *e, uint32_t var, bool from_last, uint32_t n) {
    struct nfa_env *env = env_of(e);
    if (env->mode == NFA_ENV_TEST)
        return test_var_event(env, var, from_last, n);
    const struct nfa_matcher *m = env->m;
    if (n >= m->var_n[var])
        return NULL;
    return m->var_evs[m->var_first[var] + (from_last ? m->var_n[var] - 1 - n : n)];
}

/* While conditions are tested the events are listed once a walk, in the scratch arena. */
struct walk {
    uint32_t n, next;
    const void *evs[];
};

static struct walk *walk_new(struct nfa_env *env, uint32_t var) {
    bool own = env->own_var == var;
    uint32_t n = count_var(env, var);
    struct walk *w = base_arena_alloc(env->base.scratch, sizeof *w + (n + 1) * sizeof w->evs[0]);
    env->m->scratch_used = true;
    w->n = n + own;
    uint32_t at = n;
    for (const struct nfa_link *l = chain_of(env); l; l = nfa_link_prev(l, env->start_order)) {
        if (l->var == var)
            w->evs[--at] = l->ev;
    }
    if (own)
        w->evs[n] = event_under_test(env);
    return w;
}

static const void *env_next_event(struct expr_env *e, uint32_t var, void **it) {
    struct nfa_env *env = env_of(e);
    if (env->mode == NFA_ENV_TEST) {
        if (!*it)
            *it = walk_new(env, var);
        struct walk *w = *it;
        return w->next < w->n ? w->evs[w->next++] : NULL;
    }
    const struct nfa_matcher *m = env->m;
    const struct nfa_ev **first = m->var_evs + m->var_first[var], **end = first + m->var_n[var];
    const struct nfa_ev **at = *it ? *it : first;
    if (at == end)
        return NULL;
    *it = at + 1;
    return *at;
}

static void agg_arg(struct nfa_env *env, const struct expr *e, struct evt_val *v) {
    *v = (struct evt_val){ .null = false };
    if (e->n_args)
        expr_eval(e->args[0], &env->base, v);
}

static bool env_agg(struct expr_env *e, const struct expr *agg, struct evt_val *out) {
    struct nfa_env *env = env_of(e);
    const struct nfa_prog *p = env->m->p;
    if (env->mode != NFA_ENV_TEST || agg->agg_slot == UINT32_MAX || p->agg_slot[agg->agg_slot] == NFA_NONE)
        return false;
    struct expr_agg_state s;
    const struct evt_type *arg_type = agg->n_args ? agg->args[0]->type : NULL;
    if (env->run)
        s = env->run->aggs[p->agg_slot[agg->agg_slot]];
    else
        expr_agg_start(&s);
    if (env->own_var == agg->var) {
        struct evt_val v;
        agg_arg(env, agg, &v);
        expr_agg_step(&s, agg->agg, arg_type, &v);
    }
    const char *failure = NULL;
    expr_agg_result(&s, agg->agg, arg_type, agg->type, out, &failure);
    if (failure && !env->base.failure)
        env->base.failure = failure;
    return true;
}

static void env_prev(struct expr_env *e, const struct expr *prev, struct evt_val *out) {
    struct nfa_env *env = env_of(e);
    const struct nfa_matcher *m = env->m;
    *out = EVT_VAL_NULL;
    if (env->mode != NFA_ENV_TEST || !env->key || !env->key->history)
        return;
    const struct nfa_history *h = &env->key->history[m->cur.input];
    uint32_t cap = m->p->prev_rows[m->cur.input];
    if (prev->n == 0 || prev->n > h->n)
        return;
    const struct nfa_ev *ev = h->rows[(h->head + cap - prev->n) % cap];
    if (prev->within_us > 0 && nfa_time_add(ev->time, prev->within_us) <= m->cur.time)
        return;
    nfa_ev_col(m, ev, prev->index, out);
}

static void env_key(struct expr_env *e, uint32_t index, struct evt_val *out) {
    struct nfa_env *env = env_of(e);
    if (env->key)
        *out = env->key->vals[index];
    else
        expr_eval(env->m->pat->keys[index], e, out);
}

static void env_match(struct expr_env *e, enum expr_match what, struct evt_val *out) {
    struct nfa_env *env = env_of(e);
    *out = (struct evt_val){ .null = false };
    switch (what) {
    case EXPR_MATCH_NUMBER: out->i = env->key ? (int64_t)env->key->match_number : 0; return;
    case EXPR_MATCH_START: out->i = env->start_time; return;
    case EXPR_MATCH_END: out->i = env->end_time; return;
    case EXPR_MATCH_DURATION: out->i = env->end_time - env->start_time; return;
    case EXPR_MATCH_TIMED_OUT_AT:
        out->i = env->timed_out_at;
        out->null = !env->timed_out;
        return;
    case EXPR_MATCH_ID: {
        char *id = base_arena_alloc(e->scratch, NFA_ID_TEXT);
        nfa_emit_id(env->m, env->key, id);
        env->m->scratch_used = true;
        out->s.p = id;
        out->s.len = NFA_ID_TEXT;
        return;
    }
    case EXPR_MATCH_MAX: return;
    }
}

static const struct expr_env_ops env_ops = {
    .col = env_col,
    .var_event = env_var_event,
    .next_event = env_next_event,
    .event_col = env_event_col,
    .agg = env_agg,
    .prev = env_prev,
    .key = env_key,
    .match = env_match,
};

void nfa_env_init(struct nfa_matcher *m) {
    m->env = (struct nfa_env){ .base = { .ops = &env_ops, .scratch = &m->scratch }, .m = m };
}

static bool atom_holds(struct nfa_matcher *m, uint32_t atom, const struct nfa_run *run) {
    const struct nfa_atom *a = &m->p->atoms[atom];
    switch (a->kind) {
    case NFA_ATOM_TIME_LO: return !run || m->cur.time >= nfa_time_add(run->last->ev->time, a->us);
    case NFA_ATOM_TIME_HI: return !run || m->cur.time < nfa_time_add(run->last->ev->time, a->us);
    case NFA_ATOM_BOTH: return nfa_lit_holds(m, a->both[0], run) && nfa_lit_holds(m, a->both[1], run);
    case NFA_ATOM_COND:
    case NFA_ATOM_MAX: break;
    }
    if (a->bit != NFA_NONE && !(m->cur.bits[a->bit / 64] >> (a->bit & 63) & 1))
        return false;
    if (!a->rest)
        return true;
    if (m->atom_stamp[atom] != m->stamp) {
        m->atom_stamp[atom] = m->stamp;
        m->env.mode = NFA_ENV_TEST;
        m->env.run = run;
        m->env.own_var = a->var;
        m->env.base.failure = NULL;
        m->env.base.now_us = m->now_us;
        m->atom_true[atom] = expr_eval_bool(a->rest, &m->env.base);
        m->scratch_used = true;
        if (m->env.base.failure)
            nfa_failure(m, m->env.base.failure);
    }
    return m->atom_true[atom];
}

bool nfa_lit_holds(struct nfa_matcher *m, nfa_lit l, const struct nfa_run *run) {
    return atom_holds(m, nfa_lit_atom(l), run) != nfa_lit_negated(l);
}

void nfa_aggs_start(const struct nfa_matcher *m, struct nfa_run *run) {
    for (uint32_t i = 0; i < m->p->n_run_aggs; i++)
        expr_agg_start(&run->aggs[i]);
}

void nfa_aggs_take(struct nfa_matcher *m, struct nfa_run *run, uint32_t var) {
    for (uint32_t i = 0; i < m->p->n_run_aggs; i++) {
        const struct expr *e = m->pat->aggs[m->p->run_aggs[i]];
        if (e->var != var)
            continue;
        struct evt_val v;
        m->env.mode = NFA_ENV_TEST;
        m->env.run = NULL;
        m->env.own_var = NFA_NONE;
        m->env.base.failure = NULL;
        m->env.base.now_us = m->now_us;
        agg_arg(&m->env, e, &v);
        m->scratch_used = true;
        if (m->env.base.failure)
            nfa_failure(m, m->env.base.failure);
        expr_agg_step(&run->aggs[i], e->agg, e->n_args ? e->args[0]->type : NULL, &v);
    }
}
