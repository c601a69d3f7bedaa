/*
 * nfa_rows -- see nfa_rows.h: threads go forward row by row; what they come to is decided; the next start is found.
 */
#include "nfa/nfa_rows.h"

#include "base/base_mem.h"
#include "nfa/nfa_rows_int.h"

/* -- threads -------------------------------------------------------------------------------------------------------- */

static void new_generation(struct nfa_rows_kind *k) {
    k->n_seen = 0;
    if (++k->gen == 0) {
        for (uint32_t i = 0; i < k->prog.n; i++)
            k->mark[i] = 0;
        k->gen = 1;
    }
}

/* Did a thread that is preferred come to this place, to whom all that is ahead is the same? Else it is noted. */
static bool was_here(struct nfa_rows_kind *k, const struct nfa_rows_at *at, struct nfa_rows_hist *hist) {
    const struct nfa_rows_code *c = &k->prog.code[at->pc];
    bool row = c->op == NFA_ROWS_TAKE || c->op == NFA_ROWS_END || c->op == NFA_ROWS_ACCEPT;
    uint64_t idle = row ? 0 : at->idle; /* what comes next takes a row, or there is nothing */
    if (k->mark[at->pc] != k->gen) {
        k->mark[at->pc] = k->gen;
        k->seen_at[at->pc] = 0;
    }
    for (uint32_t i = k->seen_at[at->pc]; i > 0; i = k->seen[i - 1].next)
        if (k->seen[i - 1].idle == idle && (!c->reads || nfa_rows_hist_same(k, k->seen[i - 1].hist, hist)))
            return true;
    k->seen = base_grow(k->seen, k->n_seen, &k->cap_seen, sizeof *k->seen);
    k->seen[k->n_seen] = (struct nfa_rows_seen){ idle, hist, k->seen_at[at->pc] };
    k->seen_at[at->pc] = (uint32_t)++k->n_seen;
    return false;
}

static void push(struct nfa_rows_kind *k, uint32_t pc, uint64_t idle) {
    k->stack = base_grow(k->stack, k->n_stack, &k->cap_stack, sizeof *k->stack);
    k->stack[k->n_stack++] = (struct nfa_rows_at){ idle, pc };
}

/* One of the two ways of a split: into a loop's round, or out of the loop. */
static void push_way(struct nfa_rows_kind *k, const struct nfa_rows_at *from, uint32_t to) {
    uint64_t loop = k->prog.code[from->pc].loop;
    push(k, to, to == from->pc + 1 ? from->idle | loop : from->idle & ~loop);
}

static void set_best(struct nfa_rows_kind *k, struct nfa_rows *key, struct nfa_rows_hist *hist) {
    struct nfa_rows_hist *old = key->best;
    key->found = true;
    key->best = nfa_rows_hist_ref(hist);
    nfa_rows_hist_unref(k, key, old);
}

static void wait_at(struct nfa_rows_kind *k, uint32_t pc, struct nfa_rows_hist *hist) {
    k->next = base_grow(k->next, k->n_next, &k->cap_next, sizeof *k->next);
    k->next[k->n_next++] = (struct nfa_rows_thread){ pc, nfa_rows_hist_ref(hist) };
}

/*
 * Where a thread can stand without a further row, in order: they are put to k->next. `number`: of the row that comes next; `end`: none comes.
 * Returns: true when it accepted: nobody behind it counts.
 */
static bool go_on(struct nfa_rows_kind *k, struct nfa_rows *key, uint32_t pc, struct nfa_rows_hist *hist,
    uint64_t number, bool end) {
    k->n_stack = 0;
    push(k, pc, 0);
    while (k->n_stack > 0) {
        const struct nfa_rows_at at = k->stack[--k->n_stack];
        if (was_here(k, &at, hist))
            continue;
        const struct nfa_rows_code *c = &k->prog.code[at.pc];
        switch (c->op) {
        case NFA_ROWS_SPLIT:
            push_way(k, &at, c->other);
            push_way(k, &at, c->to);
            break;
        case NFA_ROWS_JUMP:
            if (!(at.idle & c->loop))
                push(k, c->to, at.idle);
            break;
        case NFA_ROWS_START:
            if (number == 0)
                push(k, at.pc + 1, at.idle);
            break;
        case NFA_ROWS_END:
            if (end)
                push(k, at.pc + 1, at.idle);
            else /* it waits for the end, or for a row that proves it wrong */
                wait_at(k, at.pc, hist);
            break;
        case NFA_ROWS_TAKE: wait_at(k, at.pc, hist); break;
        case NFA_ROWS_ACCEPT: set_best(k, key, hist); return true;
        case NFA_ROWS_OP_MAX: break;
        }
    }
    return false;
}

static void drop_threads(struct nfa_rows_kind *k, struct nfa_rows *key) {
    for (size_t i = 0; i < key->n_threads; i++)
        nfa_rows_hist_unref(k, key, key->threads[i].hist);
    key->n_threads = 0;
}

/* What was put to k->next takes the place of the key's threads. */
static void take_next(struct nfa_rows_kind *k, struct nfa_rows *key) {
    struct nfa_rows_thread *list = key->threads;
    size_t cap = key->cap_threads;
    drop_threads(k, key);
    key->threads = k->next;
    key->n_threads = k->n_next;
    key->cap_threads = k->cap_next;
    k->next = list;
    k->cap_next = cap;
    k->n_next = 0;
}

static bool fits(struct nfa_rows_env *env, uint32_t var) {
    switch (env->kind->how[var]) {
    case NFA_ROWS_ALWAYS: return true;
    case NFA_ROWS_BIT: return env->cur->bits >> var & 1;
    case NFA_ROWS_RUN: break;
    }
    return expr_eval_bool(env->kind->plan->vars[var].cond, &env->env);
}

static bool too_late(
    const struct nfa_rows_kind *k, const struct nfa_rows *key, const struct nfa_rows_row *row) {
    return k->plan->within_us > 0 && (uint64_t)row->time - (uint64_t)nfa_rows_get(key, key->start)->time >=
                                         (uint64_t)k->plan->within_us;
}

enum { MARKED = 64 /* places in the program that rows have marks for */ };

/* Is it known that a thread dies that looks at the row at this place? Else it is noted that one does. */
static bool is_dead_end(const struct nfa_rows_kind *k, struct nfa_rows_row *row, uint32_t pc) {
    if (pc >= MARKED || k->prog.code[pc].reads)
        return false;
    row->looked |= UINT64_C(1) << pc;
    return row->dead >> pc & 1;
}

/* The start is decided; its threads died, unless it has a match or its time was over. */
static void mark_rows(const struct nfa_rows *key, bool died) {
    for (uint64_t i = key->start; i < key->at; i++) {
        struct nfa_rows_row *row = nfa_rows_get(key, i);
        row->dead |= died ? row->looked : 0;
        row->looked = 0;
    }
}

static enum cep_rc step(struct nfa_rows_kind *k, struct nfa_rows *key, struct cep_err *err) {
    struct nfa_rows_row *row = nfa_rows_get(key, key->at);
    struct nfa_rows_env env;
    enum cep_rc rc = CEP_OK;
    bool accepted = false;
    nfa_rows_env_init(&env, k, key);
    env.cur = row;
    env.number = key->at++;
    new_generation(k);
    bool late = too_late(k, key, row);
    key->expired |= late;
    for (size_t i = 0; i < key->n_threads && !accepted && !late; i++) {
        const struct nfa_rows_thread *t = &key->threads[i];
        const struct nfa_rows_code *c = &k->prog.code[t->pc];
        env.hist = t->hist;
        env.var = c->var;
        if (c->op != NFA_ROWS_TAKE || is_dead_end(k, row, t->pc) || !fits(&env, c->var))
            continue;
        struct nfa_rows_hist *h = nfa_rows_hist_new(&env, c->excluded);
        accepted = go_on(k, key, t->pc + 1, h, env.number + 1, false);
        nfa_rows_hist_unref(k, key, h);
    }
    take_next(k, key);
    if (env.env.failure)
        rc = nfa_rows_tell(&env, row, err);
    base_arena_clear(&k->scratch);
    return rc;
}

/* -- starts ----------------------------------------------------------------------------------------------------------- */

static void begin(struct nfa_rows_kind *k, struct nfa_rows *key) {
    key->running = true;
    key->found = key->expired = false;
    key->at = key->start;
    new_generation(k);
    (void)go_on(k, key, 0, NULL, key->start, false);
    take_next(k, key);
}

/* Threads that wait for the partition's end have it; others have no row to take. */
static void at_end(struct nfa_rows_kind *k, struct nfa_rows *key) {
    bool accepted = false;
    new_generation(k);
    for (size_t i = 0; i < key->n_threads && !accepted; i++)
        if (k->prog.code[key->threads[i].pc].op == NFA_ROWS_END)
            accepted = go_on(k, key, key->threads[i].pc, key->threads[i].hist, nfa_rows_end(key), true);
    take_next(k, key);
    drop_threads(k, key);
}

static enum cep_rc lost(
    struct nfa_rows_kind *k, struct nfa_rows *key, const char *reason, struct cep_err *err) {
    return k->out.lost(k->out.arg, nfa_rows_get(key, key->start), reason, err);
}

/* The row of the match that it goes on with. */
static enum cep_rc next_start(
    struct nfa_rows_kind *k, struct nfa_rows *key, uint64_t *next, struct cep_err *err) {
    const struct plan_recognize *plan = k->plan;
    const struct nfa_rows_hist *to = NULL;
    *next = key->start + 1;
    if (!key->best || plan->skip == PLAN_SKIP_TO_NEXT)
        return CEP_OK;
    if (plan->skip == PLAN_SKIP_PAST_LAST) {
        *next = key->best->row + 1;
        return CEP_OK;
    }
    for (const struct nfa_rows_hist *h = key->best; h; h = h->prev)
        if (nfa_rows_in(k, plan->skip_var, h->var)) {
            to = h;
            if (plan->skip == PLAN_SKIP_TO_LAST)
                break;
        }
    if (!to)
        return lost(k, key, "the match has no row to skip to", err);
    if (to->row == key->start)
        return lost(k, key, "the skip leads to the match's own first row", err);
    *next = to->row;
    return CEP_OK;
}

static void forget_rows(struct nfa_rows_kind *k, struct nfa_rows *key) {
    while (key->n > 0 && key->first + k->plan->back < key->start) {
        struct nfa_rows_row *row = key->rows[key->head];
        key->row_bytes -= row->bytes;
        base_free(row);
        key->head++;
        key->n--;
        key->first++;
    }
    if (key->n == 0)
        key->head = 0;
}

/* No thread is left. */
static enum cep_rc decide(struct nfa_rows_kind *k, struct nfa_rows *key, struct cep_err *err) {
    uint64_t next = key->start + 1;
    enum cep_rc rc = CEP_OK;
    mark_rows(key, !key->found && !key->expired);
    if (key->found) {
        rc = nfa_rows_give(k, key, err);
        key->matches++;
        if (rc == CEP_OK)
            rc = next_start(k, key, &next, err);
    }
    nfa_rows_hist_unref(k, key, key->best);
    key->best = NULL;
    key->running = false;
    key->start = next;
    forget_rows(k, key);
    return rc;
}

enum cep_rc nfa_rows_go(
    struct nfa_rows_kind *k, struct nfa_rows *key, bool ended, int64_t now_us, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    uint64_t end = nfa_rows_end(key), ahead = ended ? 0 : k->plan->ahead;
    uint64_t known = key->n >= ahead ? end - ahead
                                     : key->first; /* rows before it have those behind that they ask for */
    k->now_us = now_us;
    while (rc == CEP_OK) {
        if (!key->running && key->start >= known)
            return rc;
        if (!key->running)
            begin(k, key);
        while (rc == CEP_OK && key->n_threads > 0 && key->at < known)
            rc = step(k, key, err);
        if (key->n_threads > 0 && !ended)
            return rc;
        if (key->n_threads > 0)
            at_end(k, key);
        if (rc == CEP_OK)
            rc = decide(k, key, err);
    }
    return rc;
}

/* -- time ------------------------------------------------------------------------------------------------------------- */

static bool takes_rows(const struct nfa_rows_kind *k, const struct nfa_rows *key) {
    for (size_t i = 0; i < key->n_threads; i++)
        if (k->prog.code[key->threads[i].pc].op == NFA_ROWS_TAKE)
            return true;
    return false;
}

int64_t nfa_rows_deadline(const struct nfa_rows_kind *k, const struct nfa_rows *key) {
    int64_t at;
    if (!key->running || k->plan->within_us == 0 || key->at < nfa_rows_end(key) || !takes_rows(k, key) ||
        __builtin_add_overflow(nfa_rows_get(key, key->start)->time, k->plan->within_us - 1, &at))
        return EVT_TIME_MAX;
    return at;
}

enum cep_rc nfa_rows_expire(
    struct nfa_rows_kind *k, struct nfa_rows *key, int64_t now_us, struct cep_err *err) {
    size_t n = 0;
    key->expired = true;
    for (size_t i = 0; i < key->n_threads; i++)
        if (k->prog.code[key->threads[i].pc].op == NFA_ROWS_TAKE)
            nfa_rows_hist_unref(k, key, key->threads[i].hist);
        else
            key->threads[n++] = key->threads[i];
    key->n_threads = n;
    enum cep_rc rc = n == 0 ? decide(k, key, err) : CEP_OK;
    return rc == CEP_OK ? nfa_rows_go(k, key, false, now_us, err) : rc;
}
