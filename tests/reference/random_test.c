/*
 * Random patterns over random events: the engine's matcher against the reference.
 *
 * Of each case, matches with the events of every variable and the time at which they were let go must be equal as
 * bags, and so must time-outs; with any pass of the compiler switched off, the input cut into batches at random, rows
 * out of order and the watermark moved at random. A difference is made small and printed with the dumps.
 *
 * A short run by default; CEP_RANDOM_ROUNDS=100000 CEP_RANDOM_SEED=7 for more and others.
 */
#include "base/base_err.h"
#include "base/base_mem.h"
#include "nfa/nfa.h"
#include "tests/reference/random_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys beyond this many open partial matches are not worth the time. */
enum { TOO_MANY = 400 };

/* Sorted lines of text, one a match. */
struct lines {
    char **v;
    size_t n, cap;
};

struct result {
    struct lines matches, timeouts;
    bool failed;
    bool sets; /* the engine kept them in the store of sets */
};

static void lines_add(struct lines *l, struct base_buf *b) {
    l->v = base_grow(l->v, l->n, &l->cap, sizeof *l->v);
    l->v[l->n++] = base_strdup(base_buf_cstr(b));
    base_buf_clear(b);
}

static void lines_release(struct lines *l) {
    for (size_t i = 0; i < l->n; i++)
        base_free(l->v[i]);
    base_free(l->v);
    *l = (struct lines){ 0 };
}

static void result_release(struct result *r) {
    lines_release(&r->matches);
    lines_release(&r->timeouts);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool lines_eq(struct lines *a, struct lines *b) {
    if (a->n)
        qsort(a->v, a->n, sizeof *a->v, by_text);
    if (b->n)
        qsort(b->v, b->n, sizeof *b->v, by_text);
    bool eq = a->n == b->n;
    for (size_t i = 0; eq && i < a->n; i++)
        eq = strcmp(a->v[i], b->v[i]) == 0;
    return eq;
}

/* -- the reference ------------------------------------------------------------------------------------------------- */

static void add_reference(
    struct lines *l, const struct random_case *c, int64_t key, const struct ref_matches *m) {
    const struct plan_pattern *p = &c->node->pattern;
    struct base_buf b = BASE_BUF_INIT;
    for (size_t i = 0; i < m->n; i++) {
        base_buf_printf(&b, "key %lld at %lld:", (long long)key, (long long)m->v[i].at_us);
        for (uint32_t v = 0; v < p->n_vars; v++) {
            if (p->vars[v].negated)
                continue;
            base_buf_printf(&b, " v%u[", (unsigned)v);
            for (uint32_t k = 0; k < m->v[i].events.n; k++)
                if (m->v[i].events.binds[k].var == v)
                    base_buf_printf(&b, " %u", (unsigned)m->v[i].events.binds[k].event);
            base_buf_puts(&b, " ]");
        }
        lines_add(l, &b);
    }
    base_buf_release(&b);
}

/* Returns: false when there is too much of it. */
static bool run_reference(struct random_case *c, uint32_t keep, struct result *out) {
    struct ref_calls calls = { .arg = c, .cond = random_is_var, .until = random_is_until };
    bool ok = true;
    *out = (struct result){ 0 };
    for (uint32_t key = 0; key < c->n_keys && ok; key++) {
        struct ref *r = ref_new(&c->node->pattern, &calls);
        for (uint32_t i = 0; i < c->n_events && ok; i++) {
            if (keep >> i & 1 && c->events[i].key == key)
                ref_event(r, c->events[i].time, i);
            ok = ref_open(r) <= TOO_MANY;
        }
        if (ok)
            ref_advance(r, INT64_MAX);
        out->failed |= r->failed;
        add_reference(&out->matches, c, key, &r->matches);
        add_reference(&out->timeouts, c, key, &r->timeouts);
        ref_free(r);
    }
    return ok;
}

/* -- the engine ---------------------------------------------------------------------------------------------------- */

static void add_engine(struct lines *l, const struct random_case *c, struct evt_batch *b, bool timeouts) {
    const struct plan_pattern *p = &c->node->pattern;
    struct base_arena scratch;
    struct base_buf buf = BASE_BUF_INIT;
    base_arena_init(&scratch, 0);
    for (uint32_t row = 0; row < b->n_rows; row++) {
        if (!evt_batch_has(b, row))
            continue;
        uint32_t behind = p->n_measures + (timeouts ? 1 : 0);
        struct evt_val key;
        evt_col_get(&b->cols[behind + PLAN_HIDDEN_KEY], row, &scratch, &key);
        int64_t at = b->time[row];
        if (timeouts)
            at = b->cols[p->n_measures].i[row];
        base_buf_printf(
            &buf, "key %lld at %lld:", p->n_keys ? (long long)key.list.v[0].i : 0LL, (long long)at);
        for (uint32_t i = 0, v = 0; v < p->n_vars; v++) {
            if (p->vars[v].negated)
                continue;
            struct evt_val list;
            evt_col_get(&b->cols[i++], row, &scratch, &list);
            base_buf_printf(&buf, " v%u[", (unsigned)v);
            for (uint32_t k = 0; !list.null && k < list.list.n; k++)
                base_buf_printf(&buf, " %lld", (long long)list.list.v[k].i);
            base_buf_puts(&buf, " ]");
        }
        lines_add(l, &buf);
    }
    base_buf_release(&buf);
    base_arena_release(&scratch);
    evt_batch_unref(b);
}

struct sink {
    const struct random_case *c;
    struct result *out;
};

static void on_matches(void *arg, struct evt_batch *b) {
    struct sink *s = arg;
    add_engine(&s->out->matches, s->c, b, false);
}

static void on_timeouts(void *arg, struct evt_batch *b) {
    struct sink *s = arg;
    add_engine(&s->out->timeouts, s->c, b, true);
}

/* Those of one stream. */
static struct evt_batch *batch_of(
    const struct random_case *c, const uint32_t *events, uint32_t n, uint32_t input) {
    struct evt_batch *b = evt_batch_new(c->plan->nodes[0]->schema, 64);
    for (uint32_t i = 0; i < n; i++) {
        const struct random_event *e = &c->events[events[i]];
        if (e->input != input)
            continue;
        uint32_t row = b->n_rows;
        evt_col_set_i(&b->cols[RANDOM_COL_IDX], row, events[i]);
        evt_col_set_i(&b->cols[RANDOM_COL_KIND], row, e->kind);
        evt_col_set_i(&b->cols[RANDOM_COL_PRICE], row, e->price);
        evt_col_set_i(&b->cols[RANDOM_COL_KEY], row, e->key);
        b->time[row] = e->time;
        b->seq[row] = events[i];
        b->origin[row] = 0;
        evt_batch_end_row(b);
    }
    return b;
}

/* Feeds the kept events in random pieces. Returns: CEP_OK, or why the matcher gave up. */
static enum cep_rc feed(
    struct random_case *c, uint32_t keep, struct nfa_matcher *m, uint64_t *rnd, struct cep_err *err) {
    uint32_t part[RANDOM_MAX_EVENTS], n = 0;
    for (uint32_t i = 0; i < c->n_events; i++) {
        if (keep >> i & 1)
            part[n++] = i;
        bool last = i + 1 == c->n_events;
        if (n == 0 || !(last || random_chance(rnd, 35)))
            continue;
        for (uint32_t k = n; k > 1; k--) {
            uint32_t with = random_below(rnd, k), t = part[k - 1];
            part[k - 1] = part[with];
            part[with] = t;
        }
        enum cep_rc rc = CEP_OK;
        for (uint32_t input = 0; input < c->n_inputs && rc == CEP_OK; input++) {
            struct evt_batch *b = batch_of(c, part, n, input);
            if (b->n_rows > 0)
                rc = nfa_matcher_batch(m, input, b, 0, err);
            evt_batch_unref(b);
        }
        n = 0;
        /* What is to come is not before the next event; sometimes the watermark lags behind. */
        if (rc == CEP_OK && !last && random_chance(rnd, 70))
            rc = nfa_matcher_advance(m, c->events[i + 1].time - 1, err);
        if (rc != CEP_OK)
            return rc;
        nfa_matcher_check(m);
    }
    return nfa_matcher_advance(m, EVT_TIME_MAX, err);
}

static struct nfa_opts opts_of(uint64_t *rnd) {
    struct nfa_opts o = { .no_timeouts = random_chance(rnd, 50) };
    uint32_t n = 0;
    while (nfa_pass_name(n))
        n++;
    if (random_chance(rnd, 40) && n > 0)
        o.off = (uint32_t)random_next(rnd) & ((1u << n) - 1);
    return o;
}

/* Returns: false when the engine refuses the pattern (the message is printed). */
static bool run_engine(
    struct random_case *c, uint32_t keep, const struct nfa_opts *opts, struct result *out) {
    struct cep_err err = { 0 };
    struct nfa_prog *prog = NULL;
    *out = (struct result){ 0 };
    if (nfa_compile(c->node, c->plan, opts, &prog, &err) != CEP_OK) {
        /* Conditions that contradict each other: it never takes anything. */
        if (strstr(err.message, "takes no event"))
            return true;
        fprintf(stderr, "seed %llu: refused: %s\n", (unsigned long long)c->seed, err.message);
        return false;
    }
    struct nfa_cost cost;
    nfa_cost_of(prog, &cost);
    out->sets = strcmp(cost.store, "sets") == 0;
    struct sink sink = { c, out };
    struct nfa_out to = { .arg = &sink, .matches = on_matches, .timeouts = on_timeouts };
    struct nfa_matcher *m = nfa_matcher_new(prog, &to, NULL);
    uint64_t rnd = c->seed ^ 0x5eed;
    enum cep_rc rc = feed(c, keep, m, &rnd, &err);
    out->failed = rc != CEP_OK;
    if (rc != CEP_OK && rc != CEP_ESTATE)
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)c->seed, err.message);
    nfa_matcher_free(m);
    nfa_prog_free(prog);
    return true;
}

/* -- comparing ------------------------------------------------------------------------------------------------------- */

/* Returns: true when both give the same, or there is nothing to compare. */
static bool same(struct random_case *c, uint32_t keep, const struct nfa_opts *opts, struct result *want,
    struct result *got) {
    *got = (struct result){ 0 };
    if (!run_reference(c, keep, want))
        return true;
    if (!run_engine(c, keep, opts, got))
        return false;
    if (want->failed || got->failed)
        return want->failed == got->failed;
    return lines_eq(&want->matches, &got->matches) &&
           (opts->no_timeouts || lines_eq(&want->timeouts, &got->timeouts));
}

static void print_lines(const char *what, const struct lines *l) {
    fprintf(stderr, "%s (%zu)\n", what, l->n);
    for (size_t i = 0; i < l->n && i < 60; i++)
        fprintf(stderr, "    %s\n", l->v[i]);
}

static void report(struct random_case *c, const struct nfa_opts *opts) {
    uint32_t keep = (1u << c->n_events) - 1;
    struct result want, got;
    /* Leaves out events one by one while it still goes wrong. */
    for (uint32_t i = 0; i < c->n_events; i++) {
        uint32_t less = keep & ~(1u << i);
        if (!same(c, less, opts, &want, &got))
            keep = less;
        result_release(&want);
        result_release(&got);
    }
    (void)same(c, keep, opts, &want, &got);
    struct base_buf b = BASE_BUF_INIT;
    random_case_write(&b, c, keep);
    struct nfa_prog *prog = NULL;
    if (nfa_compile(c->node, c->plan, opts, &prog, NULL) == CEP_OK)
        nfa_write_automaton(&b, prog);
    nfa_prog_free(prog);
    fprintf(stderr, "DIFFERENCE (passes off %#x, %s)\n%s", (unsigned)opts->off,
        opts->no_timeouts ? "without time-outs" : "with time-outs", base_buf_cstr(&b));
    if (want.failed || got.failed)
        fprintf(stderr, "reference %s, engine %s\n", want.failed ? "failed" : "went on",
            got.failed ? "failed" : "went on");
    print_lines("matches of the reference", &want.matches);
    print_lines("matches of the engine", &got.matches);
    print_lines("time-outs of the reference", &want.timeouts);
    print_lines("time-outs of the engine", &got.timeouts);
    base_buf_release(&b);
    result_release(&want);
    result_release(&got);
}

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *v = getenv(name);
    return v && *v ? strtoull(v, NULL, 10) : otherwise;
}

int main(void) {
    uint64_t rounds = setting("CEP_RANDOM_ROUNDS", 1500), first = setting("CEP_RANDOM_SEED", 1), bad = 0,
             matched = 0, in_sets = 0;
    for (uint64_t i = 0; i < rounds && bad < 3; i++) {
        struct random_case c;
        struct result want, got;
        random_case_init(&c, first + i);
        uint64_t rnd = c.seed ^ 0x0075;
        struct nfa_opts opts = opts_of(&rnd);
        if (!same(&c, (1u << c.n_events) - 1, &opts, &want, &got)) {
            bad++;
            report(&c, &opts);
        }
        matched += want.matches.n > 0;
        in_sets += got.sets && want.matches.n > 0;
        result_release(&want);
        result_release(&got);
        random_case_release(&c);
    }
    printf("%llu cases, %llu of them with matches (%llu in the store of sets), %llu differences\n",
        (unsigned long long)rounds, (unsigned long long)matched, (unsigned long long)in_sets,
        (unsigned long long)bad);
    return bad > 0 || (rounds >= 1000 && in_sets == 0);
}
