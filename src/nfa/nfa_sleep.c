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
#include "nfa/nfa_save.h"

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
    *l = (struct nfa_logged){ .ev = nfa_ev_take(m), .n_words = n };
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

/* -- saving and loading ------------------------------------------------------------------------------------------ */

void nfa_sleep_save(struct nfa_saver *s, const struct nfa_key *k, struct base_buf *b) {
    size_t n = 0;
    for (const struct nfa_logged *l = k->log; l; l = l->next)
        n++;
    if (b)
        base_pack_varint(b, n);
    for (const struct nfa_logged *l = k->log; l; l = l->next) {
        uint32_t ev = nfa_save_ev(s, l->ev);
        if (!b)
            continue;
        base_pack_varint(b, ev);
        base_pack_u8(b, l->sleeps);
        base_pack_varint(b, l->n_words);
        for (uint32_t i = 0; i < l->n_words; i++) {
            base_pack_varint(b, l->words[i].at);
            base_pack_u64(b, l->words[i].bits);
        }
    }
}

/* The bits of a saved event as those of this program, in m->wake_bits. */
static void unpack_bits(struct nfa_loader *l, struct base_unpack *u) {
    size_t n = base_unpack_count(u, 9);
    memset(l->m->wake_bits, 0, l->m->p->n_words * sizeof *l->m->wake_bits);
    for (size_t i = 0; i < n && !u->bad; i++) {
        uint64_t at = base_unpack_max(u, l->meta.n_bits / 64);
        for (uint64_t left = base_unpack_u64(u); left && !u->bad; left &= left - 1) {
            uint64_t bit = at * 64 + (uint64_t)__builtin_ctzll(left);
            u->bad = bit >= l->meta.n_bits;
            uint32_t now = u->bad ? NFA_NONE : l->same ? (uint32_t)bit : l->bit[bit];
            if (now != NFA_NONE)
                base_bits_set(l->m->wake_bits, now);
        }
    }
}

/* Is every condition of this program one that the saved events were tried on? */
static bool knows_all_bits(const struct nfa_loader *l) {
    size_t n = 0;
    for (uint32_t i = 0; i < l->meta.n_bits; i++)
        n += l->bit[i] != NFA_NONE;
    return l->same || n == l->m->p->n_bits;
}

/*
 * The program changed: what covered a start may not cover it now. All that sleep wake, each on its own, and stand where the
 * events of the log have brought them. They complete nothing: what they would have was the covering start's.
 */
static void wake_all(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_group *awake = NULL;
    for (struct nfa_logged *l = k->log; l; l = l->next) {
        set_current(m, l);
        m->env.key = k;
        for (struct nfa_group **at = &awake; *at;) {
            struct nfa_group *g = *at;
            nfa_step_group(m, k, g);
            if (g->runs) {
                at = &g->more;
                continue;
            }
            *at = g->more;
            nfa_group_free(m, k, g);
        }
        struct nfa_group *g = l->sleeps ? nfa_start_again(m, k) : NULL;
        if (g) {
            g->more = awake;
            awake = g;
        }
    }
    while (awake) {
        struct nfa_group *g = awake;
        awake = g->more;
        g->more = NULL;
    }
    while (m->found) {
        struct nfa_done *d = m->found;
        m->found = d->next;
        nfa_done_free(m, d);
    }
    m->found_end = &m->found;
    m->n_found = 0;
    m->n_merge = 0;
    m->cur = (struct nfa_cur){ .order = 0 };
    nfa_sleep_free(m, k);
}

void nfa_sleep_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u, bool drop) {
    struct nfa_matcher *m = l->m;
    size_t n = base_unpack_count(u, 3);
    /* Under a limit a start that wakes might push out another one. */
    bool fits = !drop && knows_all_bits(l) && (l->same || !m->pat->limit_open);
    for (size_t i = 0; i < n && !u->bad; i++) {
        bool known;
        struct nfa_ev *e = nfa_load_ev(l, u, &known);
        uint8_t sleeps = base_unpack_u8(u);
        unpack_bits(l, u);
        u->bad = u->bad || sleeps > 1 || (i == 0 && !sleeps) ||
                 (known && fits && k->log_last && k->log_last->ev->order >= e->order);
        if (u->bad)
            return;
        if (!known || !fits) {
            l->lost_asleep += sleeps;
            continue;
        }
        m->cur = (struct nfa_cur){ .bits = m->wake_bits, .ev = e, .order = e->order };
        log_event(m, k);
        k->log_last->sleeps = sleeps;
        m->stats.asleep += sleeps;
    }
    m->cur = (struct nfa_cur){ .order = 0 };
    if (!drop)
        trim(m, k);
    bool stays = l->same && m->p->store == NFA_STORE_RUNS && k && k->first && k->log &&
                 k->first->start_order < k->log->ev->order;
    if (!drop && k->log && !stays)
        wake_all(m, k);
}
