/*
 * nfa_skip -- what becomes of completed matches: `after match` and `limit matches`.
 *
 * No skip: all are emitted at once. With a policy a completed match waits while a partial match that started before it is
 * open; then matches are taken in order of start, of one start's the one that completed first, of those the one whose
 * events come earliest; each prunes before the next is taken.
 *
 * all() and groups come to one match in several ways: partial matches that took the same stand in states that
 * differ, and one event completes them all. Such matches are equal in every variable, and one.
 */
#include "nfa/nfa_run.h"

#include "base/base_err.h"

#include <stdlib.h>

void nfa_quota_unref(struct nfa_matcher *m, struct nfa_quota *q) {
    if (q && --q->refs == 0)
        nfa_mem_put(&m->mem, q, sizeof *q);
}

struct nfa_quota *nfa_step_quota(struct nfa_matcher *m) {
    if (m->pat->limit_matches && !m->step_quota) {
        m->step_quota = nfa_mem_get(&m->mem, sizeof *m->step_quota);
        *m->step_quota = (struct nfa_quota){ .refs = 1, .left = m->pat->limit_matches };
    }
    return m->step_quota;
}

void nfa_end_step_quota(struct nfa_matcher *m) {
    nfa_quota_unref(m, m->step_quota);
    m->step_quota = NULL;
}

void nfa_done_free(struct nfa_matcher *m, struct nfa_done *d) {
    nfa_link_unref(m, d->last);
    nfa_quota_unref(m, d->quota);
    nfa_mem_put(&m->mem, d, sizeof *d);
}

static const struct nfa_link *start_of(const struct nfa_link *l, uint64_t start_order) {
    return l && l->ev->order >= start_order ? l : NULL;
}

/* Both chains listed and compared one by one; for chains that do not share links where they are equal. */
static int compare_listed(struct nfa_matcher *m, const struct nfa_done *a, const struct nfa_done *b) {
    const struct nfa_link *chains[2] = { a->last, b->last };
    uint64_t start[2] = { a->start_order, b->start_order };
    const struct nfa_link **v[2];
    size_t n[2] = { 0, 0 };
    for (int i = 0; i < 2; i++) {
        for (const struct nfa_link *l = chains[i]; l; l = nfa_link_prev(l, start[i]))
            n[i]++;
        v[i] = BASE_ARENA_ARRAY(&m->scratch, const struct nfa_link *, n[i] + 1);
        size_t at = n[i];
        for (const struct nfa_link *l = chains[i]; l; l = nfa_link_prev(l, start[i]))
            v[i][--at] = l;
    }
    m->scratch_used = true;
    size_t both = n[0] < n[1] ? n[0] : n[1];
    for (size_t i = 0; i < both; i++) {
        if (v[0][i]->ev->order != v[1][i]->ev->order)
            return v[0][i]->ev->order < v[1][i]->ev->order ? -1 : 1;
    }
    if (n[0] != n[1])
        return n[0] < n[1] ? -1 : 1;
    /* The same events: only the variables can tell them apart. */
    for (size_t i = 0; i < both; i++) {
        if (v[0][i]->var != v[1][i]->var)
            return v[0][i]->var < v[1][i]->var ? -1 : 1;
    }
    return 0;
}

/*
 * The order in which matches are taken. Chains share their beginnings: walking back to where they meet finds the first
 * difference without listing them.
 */
static int compare(struct nfa_matcher *m, const struct nfa_done *x, const struct nfa_done *y) {
    if (x->start_order != y->start_order)
        return x->start_order < y->start_order ? -1 : 1;
    if (x->completed != y->completed)
        return x->completed < y->completed ? -1 : 1;
    const struct nfa_link *a = x->last, *b = y->last, *fa = NULL, *fb = NULL;
    uint64_t start = x->start_order;
    while (a != b) {
        m->stats.work++;
        uint64_t oa = a ? a->ev->order : 0, ob = b ? b->ev->order : 0;
        if (oa >= ob) {
            fa = a;
            a = start_of(a->prev, start);
        }
        if (ob >= oa) {
            fb = b;
            b = start_of(b->prev, start);
        }
    }
    if (!fa || !fb)
        return fa ? 1 : fb ? -1 : 0; /* the shorter one is the other's beginning */
    if (fa->ev->order != fb->ev->order)
        return fa->ev->order < fb->ev->order ? -1 : 1;
    return compare_listed(m, x, y);
}

static void found(struct nfa_matcher *m, struct nfa_link *last, uint64_t start_order, int64_t start_time) {
    struct nfa_done *d = nfa_mem_get(&m->mem, sizeof *d);
    m->stats.work++;
    *d = (struct nfa_done){
        .last = last, .start_order = start_order, .start_time = start_time, .completed = m->next_step
    };
    /* Only the first of a start can survive its own pruning; those of one start are found in a row. */
    struct nfa_done *rival = m->n_found ? *m->found_last : NULL;
    if (m->p->one_a_start && rival && rival->start_order == start_order) {
        m->stats.pruned++;
        if (compare(m, d, rival) < 0) {
            *m->found_last = d;
            m->found_end = &d->next;
            nfa_done_free(m, rival);
        } else {
            nfa_done_free(m, d);
        }
        return;
    }
    m->found_last = m->found_end;
    *m->found_end = d;
    m->found_end = &d->next;
    m->n_found++;
}

static void find_aliases(
    struct nfa_matcher *m, const struct nfa_group *g, struct nfa_link *last, uint64_t alias_hi) {
    for (const struct nfa_alias *a = g->first_alias; a && a->order <= alias_hi; a = a->next)
        found(m, nfa_link_ref(last), a->order, a->time);
}

/* Does a match that waits drop the group's start, and not its last alias? It is taken before those of the group. */
static bool waits_for_start(const struct nfa_key *k, const struct nfa_group *g) {
    for (const struct nfa_done *d = k->done; d && d->start_order <= g->start_order; d = d->next) {
        if (d->last->ev->order >= g->start_order && d->last->ev->order < g->last_alias->order)
            return true;
    }
    return false;
}

static void forget_sole(struct nfa_matcher *m) {
    nfa_link_unref(m, m->sole);
    m->sole = NULL;
}

void nfa_complete(struct nfa_matcher *m, const struct nfa_key *k, const struct nfa_group *g,
    const struct nfa_run *run, struct nfa_link *last, uint64_t start_order, int64_t start_time) {
    if (!g || !run || !g->first_alias || m->pat->skip != PLAN_SKIP_PAST_LAST) {
        found(m, last, start_order, start_time);
        if (g && run)
            find_aliases(m, g, last, run->alias_hi);
        return;
    }
    /* The match of a start drops those of its aliases, unless the start has a better one that ends before they begin, or
     * is dropped itself by one that does. */
    bool others = (m->sole_step == m->next_step && m->sole_start == start_order) || waits_for_start(k, g);
    if (others && m->sole) {
        find_aliases(m, g, m->sole, m->sole_alias_hi);
        forget_sole(m);
    } else if (!others) {
        forget_sole(m);
        m->sole = nfa_link_ref(last);
        m->sole_start = start_order;
        m->sole_step = m->next_step;
        m->sole_alias_hi = run->alias_hi;
    }
    found(m, nfa_link_ref(last), start_order, start_time);
    if (others)
        find_aliases(m, g, last, run->alias_hi);
    nfa_link_unref(m, last);
}

void nfa_complete_start(struct nfa_matcher *m, const struct nfa_group *g, const struct nfa_run *run) {
    found(m, nfa_link_ref(run->last), g->start_order, g->start_time);
}

/* Merge sort of a list: stable, no memory. */
static struct nfa_done *sort(struct nfa_matcher *m, struct nfa_done *list, size_t n) {
    if (n < 2) {
        if (list)
            list->next = NULL;
        return list;
    }
    size_t half = n / 2;
    struct nfa_done *b = list;
    for (size_t i = 0; i < half; i++)
        b = b->next;
    struct nfa_done *a = sort(m, list, half), *head = NULL, **tail = &head;
    b = sort(m, b, n - half);
    while (a && b) {
        struct nfa_done **least = compare(m, b, a) < 0 ? &b : &a;
        *tail = *least;
        tail = &(*least)->next;
        *least = *tail;
    }
    *tail = a ? a : b;
    return head;
}

static const struct nfa_link *first_link(struct nfa_matcher *m, const struct nfa_done *d) {
    const struct nfa_link *l = d->last;
    for (const struct nfa_link *prev; (prev = nfa_link_prev(l, d->start_order)); m->stats.work++)
        l = prev;
    return l;
}

/* What a match prunes: those that started up to *order (inclusive). Returns: false when nothing is pruned. */
static bool pruning(struct nfa_matcher *m, const struct nfa_done *d, uint64_t *order) {
    const struct plan_pattern *pat = m->pat;
    const struct nfa_link *at = NULL;
    switch (pat->skip) {
    case PLAN_SKIP_NONE:
    case PLAN_SKIP_MAX: return false;
    case PLAN_SKIP_PAST_LAST: *order = d->last->ev->order; return true;
    case PLAN_SKIP_TO_NEXT: *order = d->start_order; return true;
    case PLAN_SKIP_TO_FIRST:
    case PLAN_SKIP_TO_LAST:
        for (const struct nfa_link *l = d->last; l; l = nfa_link_prev(l, d->start_order), m->stats.work++) {
            if (l->var != pat->skip_var)
                continue;
            at = l;
            if (pat->skip == PLAN_SKIP_TO_LAST)
                break;
        }
        break;
    }
    if (at && at->ev != first_link(m, d)->ev) {
        *order = at->ev->order - 1;
        return true;
    }
    if (pat->skip_or_error && m->rc == CEP_OK) {
        struct base_str var = pat->vars[pat->skip_var].name;
        m->rc = base_err_set(&m->err, CEP_ESTATE,
            at ? "cannot skip to \"%.*s\": it is the first event of the match"
               : "cannot skip to \"%.*s\": the match has no event for it",
            BASE_STR_FMT(var));
        m->err.fatal = true;
    }
    return false;
}

uint64_t nfa_listed_prunes(const struct nfa_matcher *m) {
    const struct plan_pattern *pat = m->pat;
    uint64_t order = m->evs[0]->order;
    switch (pat->skip) {
    case PLAN_SKIP_PAST_LAST: return m->evs[m->n_evs - 1]->order;
    case PLAN_SKIP_TO_NEXT:
    case PLAN_SKIP_NONE:
    case PLAN_SKIP_MAX: return order;
    case PLAN_SKIP_TO_FIRST:
    case PLAN_SKIP_TO_LAST: break;
    }
    /* The store was chosen because it is there, behind the first event (nfa_store.c). */
    for (size_t i = 1; i < m->n_evs; i++) {
        if (m->ev_vars[i] != pat->skip_var)
            continue;
        order = m->evs[i]->order - 1;
        if (pat->skip == PLAN_SKIP_TO_FIRST)
            break;
    }
    return order;
}

static void prune(struct nfa_matcher *m, struct nfa_key *k, uint64_t order) {
    while (k->first && k->first->start_order <= order)
        m->stats.pruned += nfa_group_drop_start(m, k, k->first);
    nfa_sleep_prune(m, k, order);
    while (k->done && k->done->start_order <= order) {
        struct nfa_done *d = k->done;
        k->done = d->next;
        m->stats.waiting--;
        m->stats.pruned++;
        nfa_done_free(m, d);
    }
}

/* A match beyond the limit is not told, but it was one: it prunes as the others do. */
static void emit(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_done *d, int64_t now) {
    if (d->quota && d->quota->left == 0) {
        m->stats.limit_matches++;
        return;
    }
    if (d->quota)
        d->quota->left--;
    nfa_emit_match(m, k, d, now);
}

static void add_waiting(struct nfa_matcher *m, struct nfa_key *k, struct nfa_done *list) {
    struct nfa_done **at = &k->done;
    while (list) {
        struct nfa_done *d = list;
        list = d->next;
        for (; *at && compare(m, *at, d) <= 0; m->stats.work++)
            at = &(*at)->next;
        d->next = *at;
        *at = d;
        m->stats.waiting++;
    }
}

/* One match that was come to in several ways is one: equal ones lie side by side. */
static void drop_doubles(struct nfa_matcher *m, struct nfa_done *list) {
    for (struct nfa_done *d = list, *next; d && (next = d->next);) {
        if (compare(m, d, next) != 0) {
            d = next;
            continue;
        }
        d->next = next->next;
        nfa_done_free(m, next);
    }
}

void nfa_settle_matches(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    if (m->sole)
        forget_sole(m);
    if (m->n_found) {
        struct nfa_done *list = sort(m, m->found, m->n_found);
        m->found = NULL;
        m->found_end = &m->found;
        m->n_found = 0;
        if (m->p->many_ways)
            drop_doubles(m, list);
        if (m->pat->limit_matches) {
            struct nfa_quota *q = nfa_mem_get(&m->mem, sizeof *q);
            *q = (struct nfa_quota){ .left = m->pat->limit_matches };
            for (struct nfa_done *d = list; d; d = d->next) {
                d->quota = q;
                q->refs++;
            }
        }
        if (m->pat->skip == PLAN_SKIP_NONE) {
            while (list) {
                struct nfa_done *d = list;
                list = d->next;
                emit(m, k, d, now);
                nfa_done_free(m, d);
            }
            return;
        }
        add_waiting(m, k, list);
    }
    nfa_sleep_wake(m, k, now);
    while (k->done && m->rc == CEP_OK && !(k->first && k->first->start_order < k->done->start_order)) {
        struct nfa_done *d = k->done;
        uint64_t order;
        k->done = d->next;
        m->stats.waiting--;
        emit(m, k, d, now);
        if (pruning(m, d, &order))
            prune(m, k, order);
        nfa_done_free(m, d);
        nfa_sleep_wake(m, k, now);
    }
}
