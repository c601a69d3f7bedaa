/*
 * nfa_trace -- what the matcher does, said line by line (`cepd run --trace`).
 *
 *     p ("c1"): event 2026-01-01T10:00:40Z {"card":"c1","amount":900.0}
 *     p ("c1"):   [a 2026-01-01T10:00:00Z] in wait b: take b -> match
 *     p ("c1"): match [a 2026-01-01T10:00:00Z, b 2026-01-01T10:00:40Z], let go at 2026-01-01T10:00:40Z
 *     p ("c1"): 1 pruned by the skip policy
 *
 * An event is tried on what is there and said before it is taken: trying changes nothing. So the step itself knows nothing
 * of it; a matcher that is not traced pays a test for each event that reaches its key. States bear the names of `explain
 * --stage nfa`; PROCEED edges are part of the edges behind them. In the stores of sets a line is for all partial matches
 * that stand in the same states.
 */
#include "nfa/nfa_fate.h"
#include "nfa/nfa_graph.h"
#include "nfa/nfa_stack.h"

#include "base/base_mem.h"
#include "base/base_num.h"

#include <stdarg.h>

/* Of a long partial match the first and the last events are shown. */
enum { NFA_TRACE_HEAD = 4, NFA_TRACE_TAIL = 4 };

struct nfa_trace {
    nfa_trace_fn line;
    void *arg;
    struct base_buf b; /* the line being made */
};

void nfa_matcher_trace(struct nfa_matcher *m, nfa_trace_fn line, void *arg) {
    if (!m->trace)
        m->trace = base_calloc(1, sizeof *m->trace);
    m->trace->line = line;
    m->trace->arg = arg;
}

void nfa_trace_free(struct nfa_matcher *m) {
    if (m->trace)
        base_buf_release(&m->trace->b);
    base_free(m->trace);
    m->trace = NULL;
}

static struct base_buf *begin(struct nfa_matcher *m, const struct nfa_key *k) {
    const struct plan_pattern *pat = m->own->pat;
    struct base_buf *b = &m->trace->b;
    base_buf_clear(b);
    base_buf_str(b, m->own->node->name);
    if (pat->n_keys && k->vals) {
        base_buf_puts(b, " (");
        for (uint32_t i = 0; i < pat->n_keys; i++) {
            base_buf_puts(b, i ? ", " : "");
            evt_val_write_json(b, pat->keys[i]->type, &k->vals[i]);
        }
        base_buf_putc(b, ')');
    }
    base_buf_puts(b, ": ");
    return b;
}

static void end(struct nfa_matcher *m) {
    m->trace->line(m->trace->arg, base_buf_cstr(&m->trace->b));
}

static void write_var(struct base_buf *b, const struct nfa_matcher *m, uint32_t var) {
    base_buf_str(b, m->own->pat->vars[var].name);
}

static void write_state(struct base_buf *b, const struct nfa_matcher *m, uint32_t state) {
    nfa_write_node_name(b, m->own, m->p->states[state].node);
}

/* -- partial matches and matches ---------------------------------------------------------------------------------- */

static void write_taken(
    struct base_buf *b, const struct nfa_matcher *m, const struct nfa_ev *ev, uint32_t var) {
    write_var(b, m, var);
    base_buf_putc(b, ' ');
    base_write_timestamp(b, ev->time);
}

/* The links of a chain, last event first, that are shown. */
static void write_chain(
    struct nfa_matcher *m, struct base_buf *b, const struct nfa_link *last, uint64_t start_order) {
    size_t n = 0, at;
    for (const struct nfa_link *l = last; l; l = nfa_link_prev(l, start_order))
        n++;
    const struct nfa_link **v = base_calloc(n + 1, sizeof *v);
    at = n;
    for (const struct nfa_link *l = last; l; l = nfa_link_prev(l, start_order))
        v[--at] = l;
    base_buf_putc(b, '[');
    for (at = 0; at < n; at++) {
        if (at == NFA_TRACE_HEAD && n > NFA_TRACE_HEAD + NFA_TRACE_TAIL) {
            base_buf_printf(b, ", %zu more", n - NFA_TRACE_HEAD - NFA_TRACE_TAIL);
            at = n - NFA_TRACE_TAIL;
        }
        base_buf_puts(b, at ? ", " : "");
        write_taken(b, m, v[at]->ev, v[at]->var);
    }
    base_buf_putc(b, ']');
    base_free(v);
}

void nfa_trace_timeout(struct nfa_matcher *m, const struct nfa_key *k, uint64_t start_order,
    const struct nfa_run *run, int64_t at) {
    struct base_buf *b = begin(m, k);
    base_buf_puts(b, "timed out at ");
    base_write_timestamp(b, at);
    base_buf_puts(b, ": ");
    write_chain(m, b, run->last, start_order);
    base_buf_puts(b, " in ");
    write_state(b, m, run->state);
    end(m);
}

void nfa_trace_match(struct nfa_matcher *m, const struct nfa_key *k, int64_t now) {
    struct base_buf *b = begin(m, k);
    base_buf_puts(b, "match [");
    for (size_t i = 0; i < m->n_evs; i++) {
        if (i == NFA_TRACE_HEAD && m->n_evs > NFA_TRACE_HEAD + NFA_TRACE_TAIL) {
            base_buf_printf(b, ", %zu more", m->n_evs - NFA_TRACE_HEAD - NFA_TRACE_TAIL);
            i = m->n_evs - NFA_TRACE_TAIL;
        }
        base_buf_puts(b, i ? ", " : "");
        write_taken(b, m, m->evs[i], m->ev_vars[i]);
    }
    base_buf_puts(b, "], let go at ");
    if (now == EVT_TIME_MAX)
        base_buf_puts(b, "the end of time");
    else
        base_write_timestamp(b, now);
    end(m);
}

/* -- one event against a state ---------------------------------------------------------------------------------------- */

static void write_edges(
    struct nfa_matcher *m, struct base_buf *b, uint32_t state, const struct nfa_run *run) {
    bool stop, any = false;
    size_t n = nfa_edges_that_hold(m, state, run, &stop);
    for (size_t i = 0; i < n; i++) {
        const struct nfa_edge *e = m->fired[i];
        bool completes = nfa_edge_completes(m, e, run), on = !stop && e->target != NFA_NONE;
        if ((!run && e->action != NFA_TAKE) || (!completes && !on))
            continue;
        base_buf_puts(b, any ? "; " : "");
        any = true;
        base_buf_puts(b, e->action == NFA_TAKE ? "take " : "ignore");
        if (e->action == NFA_TAKE)
            write_var(b, m, e->var);
        if (completes)
            base_buf_puts(b, " -> match");
        if (!on)
            continue;
        base_buf_puts(b, " -> ");
        write_state(b, m, e->target);
    }
    if (stop)
        base_buf_puts(b, any ? "; stop, by a negation" : "stop, by a negation");
    else if (!any)
        base_buf_puts(b, run ? "nothing holds: it ends" : "nothing");
}

static void trace_start(struct nfa_matcher *m, struct nfa_key *k) {
    struct base_buf *b = begin(m, k);
    base_buf_puts(b, "  start: ");
    write_edges(m, b, m->p->start, NULL);
    end(m);
}

static void trace_runs(struct nfa_matcher *m, struct nfa_key *k) {
    for (const struct nfa_group *g = k->first; g; g = g->next) {
        for (const struct nfa_run *r = g->runs; r; r = r->next) {
            size_t n = 0;
            for (const struct nfa_alias *a = g->first_alias; a && a->order <= r->alias_hi; a = a->next)
                n++;
            struct base_buf *b = begin(m, k);
            base_buf_puts(b, "  ");
            write_chain(m, b, r->last, g->start_order);
            if (n)
                base_buf_printf(b, " and %zu later start%s", n, n == 1 ? "" : "s");
            base_buf_puts(b, " in ");
            write_state(b, m, r->state);
            base_buf_puts(b, ": ");
            write_edges(m, b, r->state, r);
            end(m);
        }
    }
}

/* -- the stores of sets ------------------------------------------------------------------------------------------------- */

static void write_det(struct base_buf *b, const struct nfa_matcher *m, uint32_t det) {
    const struct nfa_det *d = nfa_det_at(m, det);
    base_buf_putc(b, '{');
    for (uint32_t i = 0; i < d->n; i++) {
        base_buf_puts(b, i ? ", " : "");
        write_state(b, m, d->states[i]);
    }
    base_buf_putc(b, '}');
}

static void trace_det(struct nfa_matcher *m, struct nfa_key *k, uint32_t det, int64_t last) {
    struct base_buf *b = begin(m, k);
    const struct nfa_trans *t = nfa_det_step(m, det, last);
    bool any = false;
    base_buf_puts(b, "  ");
    write_det(b, m, det);
    base_buf_puts(b, ": ");
    for (uint32_t i = 0; i < t->n_moves; i++) {
        base_buf_puts(b, any ? "; take " : "take ");
        any = true;
        write_var(b, m, t->moves[i].var);
        if (t->moves[i].completes)
            base_buf_puts(b, " -> match");
        if (t->moves[i].to != NFA_NONE) {
            base_buf_puts(b, " -> ");
            write_det(b, m, t->moves[i].to);
        }
    }
    if (t->stay_completes)
        base_buf_puts(b, any ? "; ignore -> match" : "ignore -> match");
    any = any || t->stay_completes;
    if (t->stay != NFA_NONE && det != NFA_DET_START) {
        base_buf_puts(b, any ? "; ignore -> " : "ignore -> ");
        write_det(b, m, t->stay);
        any = true;
    }
    if (t->stops)
        base_buf_puts(b, any ? "; stop, by a negation" : "stop, by a negation");
    else if (!any)
        base_buf_puts(b, "nothing");
    end(m);
}

static void trace_place(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_place *pl) {
    if (!pl->bands)
        trace_det(m, k, pl->det, NFA_LAST_OLD);
    for (uint32_t i = 0; pl->bands && i < pl->bands->n; i++) {
        const struct nfa_band *b = nfa_band_at(pl->bands, i);
        if (nfa_is_live(k->graph, b->max))
            trace_det(m, k, pl->det, b->last);
    }
}

static void write_word_state(struct base_buf *b, const struct nfa_matcher *m, uint32_t q) {
    const struct nfa_stack_plan *p = m->p->stacks;
    base_buf_putc(b, '{');
    for (uint32_t i = p->first_det[q]; i < p->first_det[q + 1]; i++) {
        base_buf_puts(b, i > p->first_det[q] ? ", " : "");
        write_state(b, m, p->dets[i]);
    }
    base_buf_putc(b, '}');
}

/* States of the plan in which something may be. */
static void trace_stacks(struct nfa_matcher *m, struct nfa_key *k) {
    const struct nfa_stack_plan *p = m->p->stacks;
    for (uint32_t q = 1; k->stacks && q < p->n_states; q++) {
        if (!(p->leads[q] & k->stacks->held))
            continue;
        struct base_buf *b = begin(m, k);
        base_buf_puts(b, "  ");
        write_word_state(b, m, q);
        base_buf_puts(b, ": ");
        for (uint32_t i = p->first[q]; i < p->first[q + 1]; i++) {
            const struct nfa_stack_edge *e = &p->edges[i];
            if (!nfa_fits_var(m, e->var))
                continue;
            base_buf_puts(b, "take ");
            write_var(b, m, e->var);
            if (e->completes)
                base_buf_puts(b, " -> match");
            if (e->to != NFA_NONE) {
                base_buf_puts(b, " -> ");
                write_word_state(b, m, e->to);
            }
            base_buf_puts(b, "; ");
        }
        base_buf_puts(b, "ignore -> ");
        write_word_state(b, m, q);
        end(m);
    }
}

static void trace_sets(struct nfa_matcher *m, struct nfa_key *k) {
    for (uint32_t i = 0; k->graph && i < k->graph->n; i++)
        trace_place(m, k, &k->graph->places[i]);
    trace_stacks(m, k);
    for (uint32_t i = 0; k->fates && i < k->fates->n; i++) {
        const struct nfa_rank *r = nfa_rank_at(m, k->fates->rows[i].rank);
        for (const struct nfa_fate *f = k->fates->rows[i].first; f; f = f->newer) {
            for (uint32_t d = 0; d < r->n; d++)
                trace_det(m, k, r->dets[d], f->last ? f->last[d] : NFA_LAST_OLD);
        }
    }
}

/* -- steps --------------------------------------------------------------------------------------------------------------- */

/* What is counted without being said one by one. */
static void say_counts(struct nfa_matcher *m, const char *name, const struct nfa_stats *before) {
    static const struct {
        size_t off;
        const char *what;
    } counts[] = {
        { offsetof(struct nfa_stats, pruned), "pruned by the skip policy" },
        { offsetof(struct nfa_stats, limit_open), "dropped or refused by \"limit open\"" },
        { offsetof(struct nfa_stats, limit_matches), "matches dropped by \"limit matches\"" },
        { offsetof(struct nfa_stats, failures), "expressions failed" },
    };
    struct base_buf *b = &m->trace->b;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint64_t was, is;
        memcpy(&was, (const char *)before + counts[i].off, sizeof was);
        memcpy(&is, (const char *)&m->stats + counts[i].off, sizeof is);
        if (is == was)
            continue;
        base_buf_clear(b);
        base_buf_printf(b, "%s%llu %s", name, (unsigned long long)(is - was), counts[i].what);
        end(m);
    }
    if (m->stats.asleep > before->asleep) {
        base_buf_clear(b);
        base_buf_printf(b, "%s  this start sleeps: an earlier one makes it needless", name);
        end(m);
    }
}

void nfa_trace_step(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_stats before = m->stats;
    struct base_arena scratch;
    struct base_buf *b = begin(m, k);
    char *name = base_strdup(base_buf_cstr(b)); /* the key may be gone afterwards */
    base_arena_init(&scratch, 0);
    base_buf_puts(b, "event ");
    base_write_timestamp(b, m->cur.time);
    base_buf_putc(b, ' ');
    evt_batch_write_json(b, m->cur.batch, m->cur.row, &scratch);
    end(m);
    base_arena_release(&scratch);
    m->env.key = k;
    if (m->p->store == NFA_STORE_RUNS)
        trace_runs(m, k);
    else
        trace_sets(m, k);
    if (nfa_may_start(m))
        trace_start(m, k);
    nfa_step(m, k);
    say_counts(m, name, &before);
    base_free(name);
}

void nfa_trace_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    struct nfa_stats before = m->stats;
    char *name = base_strdup(base_buf_cstr(begin(m, k)));
    nfa_expire(m, k, now);
    if (m->p->store != NFA_STORE_RUNS && m->stats.timed_out > before.timed_out) {
        struct base_buf *b = &m->trace->b;
        base_buf_clear(b);
        base_buf_printf(
            b, "%s%llu timed out by ", name, (unsigned long long)(m->stats.timed_out - before.timed_out));
        base_write_timestamp(b, now);
        end(m);
    }
    say_counts(m, name, &before);
    base_free(name);
}
