/*
 * nfa_sleep -- starts that sleep while an earlier one covers them (nfa_cover.c), and how they wake.
 *
 *     key ── first group (covers) ──▶ ...        its partial matches go on
 *         └─ log: e7* e8 e9* e10 ...             the events since the first sleeping start; * starts that sleep
 *
 * When the first group is gone without a match that drops them, the earliest sleeping start is made a group again: the
 * events of the log are tried on it, and on those that it does not cover in turn.
 *
 * Invariant: a key with sleeping starts has a first group that starts earlier, and the log begins with the first of them.
 */
#include "nfa/nfa_run.h"

#include "base/base_bits.h"
#include "base/base_check.h"

/* Starts that cost nothing while they wait are left awake: this event must have cost so much. */
enum { NFA_SLEEP_EFFORT = 8 * NFA_EFFORT_TRIED };

struct nfa_word {
    uint32_t at;
    uint64_t bits;
};

/* An event that may have to be tried again. */
struct nfa_logged {
    struct nfa_logged *next;
    struct nfa_ev *ev; /* counted */
    bool sleeps;       /* a start that sleeps */
    uint32_t n_words;
    struct nfa_word words[]; /* those of its bits that are not 0 */
};

static size_t logged_size(uint32_t n_words) {
    return sizeof(struct nfa_logged) + n_words * sizeof(struct nfa_word);
}

static void log_event(struct nfa_matcher *m, struct nfa_key *k) {
    uint32_t n = 0;
    for (size_t i = 0; i < m->p->n_words; i++)
        n += m->cur.bits[i] != 0;
    struct nfa_logged *l = nfa_mem_get(&m->mem, logged_size(n));
    if (!m->cur.ev)
        m->cur.ev = nfa_ev_new(m);
    m->cur.ev->refs++;
    *l = (struct nfa_logged){ .ev = m->cur.ev, .n_words = n };
    n = 0;
    for (size_t i = 0; i < m->p->n_words; i++) {
        if (m->cur.bits[i])
            l->words[n++] = (struct nfa_word){ (uint32_t)i, m->cur.bits[i] };
    }
    if (k->log_last)
        k->log_last->next = l;
    else
        k->log = l;
    k->log_last = l;
}

static void drop_head(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_logged *l = k->log;
    k->log = l->next;
    if (!k->log)
        k->log_last = NULL;
    m->stats.asleep -= l->sleeps;
    nfa_ev_unref(m, l->ev);
    nfa_mem_put(&m->mem, l, logged_size(l->n_words));
}

/* The log begins with a start that sleeps, or is gone. */
static void trim(struct nfa_matcher *m, struct nfa_key *k) {
    while (k->log && !k->log->sleeps)
        drop_head(m, k);
}

void nfa_sleep_log(struct nfa_matcher *m, struct nfa_key *k) {
    if (k->log)
        log_event(m, k);
}

void nfa_sleep_prune(struct nfa_matcher *m, struct nfa_key *k, uint64_t order) {
    while (k->log && k->log->ev->order <= order) {
        m->stats.pruned += k->log->sleeps;
        drop_head(m, k);
    }
    trim(m, k);
}

void nfa_sleep_free(struct nfa_matcher *m, struct nfa_key *k) {
    while (k->log)
        drop_head(m, k);
}

/* Every partial match of g is covered by one of by's. */
static bool is_covered(const struct nfa_matcher *m, const struct nfa_group *g, const struct nfa_group *by) {
    for (const struct nfa_run *q = g->runs; q; q = q->next) {
        bool any = false;
        for (const struct nfa_run *t = by->runs; t && !any; t = t->next) {
            /* One that lasts as long as the group does, whichever of its starts is left. */
            any = base_bits_get(m->p->covers, (size_t)t->state * m->p->n_states + q->state) &&
                  (!by->last_alias || t->alias_hi >= by->last_alias->order);
        }
        if (!any)
            return false;
    }
    return true;
}

void nfa_sleep_try(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_group *g = k->last;
    if (m->effort < NFA_SLEEP_EFFORT || !g || g == k->first || g->start_order != m->cur.order ||
        !is_covered(m, g, k->first))
        return;
    if (!k->log)
        log_event(m, k);
    CEP_INSIST(k->log_last->ev->order == m->cur.order);
    k->log_last->sleeps = true;
    m->stats.asleep++;
    nfa_group_free(m, k, g);
}

static void set_current(struct nfa_matcher *m, const struct nfa_logged *l) {
    memset(m->wake_bits, 0, m->p->n_words * sizeof *m->wake_bits);
    for (uint32_t i = 0; i < l->n_words; i++)
        m->wake_bits[l->words[i].at] = l->words[i].bits;
    m->cur = (struct nfa_cur){ .bits = m->wake_bits,
        .input = l->ev->input,
        .folded = nfa_fold(m->p, m->wake_bits),
        .time = l->ev->time,
        .order = l->ev->order,
        .ev = l->ev,
        .failed = true };
}

/* Tries the log, from its head on, on the start at its head and on those that this one does not cover. */
static void wake(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_cur saved = m->cur;
    uint64_t effort = m->effort;
    struct nfa_group *awake = NULL, **end = &awake;
    uint64_t lead = k->log->ev->order;
    bool gone = false;
    for (struct nfa_logged *l = k->log; l; l = l->next) {
        set_current(m, l);
        m->stats.work++;
        for (struct nfa_group **at = &awake; *at;) {
            struct nfa_group *g = *at;
            nfa_step_group(m, k, g);
            if (g->runs) {
                at = &g->more;
                continue;
            }
            gone = gone || g->start_order == lead;
            *at = g->more;
            nfa_group_free(m, k, g);
        }
        for (end = &awake; *end;)
            end = &(*end)->more;
        if (l->sleeps) {
            uint64_t started = m->stats.started;
            struct nfa_group *g = nfa_start_again(m, k);
            m->stats.started = started;
            l->sleeps = false;
            m->stats.asleep--;
            if (g && awake && awake->start_order == lead && is_covered(m, g, awake)) {
                l->sleeps = true;
                m->stats.asleep++;
                nfa_group_free(m, k, g);
            } else if (g) {
                *end = g;
            }
        }
        if (gone) {
            /* What ended the start that covered ended those that slept for it. */
            for (struct nfa_logged *s = k->log; s != l->next; s = s->next) {
                m->stats.asleep -= s->sleeps;
                s->sleeps = false;
            }
            gone = false;
            lead = awake ? awake->start_order : UINT64_MAX;
            if (!awake && l->next) {
                /* The next one that sleeps leads. */
                for (struct nfa_logged *s = l->next; s && lead == UINT64_MAX; s = s->next)
                    lead = s->sleeps ? s->ev->order : lead;
            }
        }
        if (m->scratch_used) {
            base_arena_clear(&m->scratch);
            m->scratch_used = false;
        }
    }
    while (awake) {
        struct nfa_group *g = awake;
        awake = g->more;
        g->more = NULL;
    }
    m->cur = saved;
    m->effort = effort;
    m->n_merge = 0;
    trim(m, k);
}

static bool is_over(const struct nfa_matcher *m, const struct nfa_logged *l, int64_t now) {
    return m->pat->within_kind == PLAN_WITHIN_FIRST_LAST &&
           nfa_time_add(l->ev->time, m->pat->within_us) <= now;
}

void nfa_sleep_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    while (k->log && !k->done && is_over(m, k->log, now)) {
        m->stats.timed_out++;
        drop_head(m, k);
        trim(m, k);
    }
}

void nfa_sleep_wake(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    while (k->log && (!k->first || k->first->start_order > k->log->ev->order)) {
        /* The match of an earlier start is about to be taken: it may drop them. */
        if (k->done && k->done->start_order <= k->log->ev->order)
            return;
        if (is_over(m, k->log, now)) {
            m->stats.timed_out++;
            drop_head(m, k);
            trim(m, k);
            continue;
        }
        wake(m, k);
    }
}
