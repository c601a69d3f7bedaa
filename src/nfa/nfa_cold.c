/*
 * nfa_cold -- see nfa_cold.h.
 */
#include "nfa/nfa_cold.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "nfa/nfa_graph.h"
#include "nfa/nfa_later.h"

enum {
    EVICT = 1024,          /* keys that go down in one batch: some milliseconds; fewer lie farther apart */
    BURY = 1024,           /* ghosts */
    DUE = 256,             /* keys that come back at once because their timers are due */
    SAVE_WRITE = 1 << 20,  /* bytes collected while a save goes on, */
    SAVE_PIECE = 128 << 10 /* and written at a time: a millisecond or two, which stop the task */
};

struct nfa_cold_due {
    int64_t deadline;
    size_t off, len;
};

struct nfa_cold *nfa_cold_new(struct nfa_matcher *m) {
    struct nfa_cold *c = base_calloc(1, sizeof *c);
    c->tier = m->opts.tier;
    c->trigger = m->opts.budget;
    nfa_saver_init(&c->saver, m);
    c->rows = sto_tier_rows(c->tier, NFA_NS_ROW);
    m->cold_next = sto_tier_next(c->tier);
    return c;
}

void nfa_cold_free(struct nfa_matcher *m) {
    struct nfa_cold *c = m->cold;
    if (!c)
        return;
    nfa_spill_release(m);
    nfa_recall_release(&c->recall);
    nfa_saver_release(&c->saver);
    nfa_loader_free(c->loader);
    base_buf_release(&c->row);
    base_buf_release(&c->due_keys);
    base_free(c->due);
    base_free(c->asked);
    base_free(c->graves);
    base_free(c->leaving);
    base_free(c);
    m->cold = NULL;
}

bool nfa_cold_fine(struct nfa_matcher *m, enum cep_rc rc, const struct cep_err *err) {
    if (rc == CEP_OK)
        return true;
    if (m->rc == CEP_OK) {
        m->rc = rc;
        m->err = *err;
    }
    return false;
}

/* -- down ----------------------------------------------------------------------------------------------------------- */

static struct base_str canonical(struct nfa_matcher *m, const struct nfa_key *k) {
    base_buf_clear(&m->cold->row);
    nfa_key_canonical(m, k, &m->cold->row);
    return base_buf_view(&m->cold->row);
}

bool nfa_cold_write(struct nfa_matcher *m) {
    struct cep_err err = CEP_ERR_INIT;
    bool fine = nfa_cold_fine(m, sto_tier_write(m->cold->tier, &err), &err);
    nfa_look_at_hidden(m);
    return fine;
}

bool nfa_cold_writes(const struct nfa_matcher *m, bool rest) {
    const struct sto_tier *tier = m->cold->tier;
    return sto_tier_writes(tier) || sto_tier_pending(tier) > (rest ? 0 : SAVE_WRITE);
}

/* Many are put in order at once, for RocksDB finds the place of a row near that of the one before it. */
bool nfa_cold_write_some(struct nfa_matcher *m, bool rest) {
    struct sto_tier *tier = m->cold->tier;
    struct cep_err err = CEP_ERR_INIT;
    if (!nfa_cold_writes(m, rest))
        return true;
    enum cep_rc rc = sto_tier_write_some(tier, SAVE_PIECE, &err);
    nfa_look_at_hidden(m);
    return rc == CEP_AGAIN || nfa_cold_fine(m, rc, &err);
}

struct put {
    struct sto_tier *tier;
    int64_t was, deadline;
};

static enum cep_rc on_put(void *arg, const struct sto_entry *e, struct cep_err *err) {
    const struct put *p = arg;
    (void)err;
    sto_tier_put(p->tier, e->key, e->value, p->was, p->deadline);
    return CEP_OK;
}

enum cep_rc nfa_cold_put(struct nfa_matcher *m, struct nfa_key *k, struct cep_err *err) {
    struct nfa_cold *c = m->cold;
    /* The sets' are exact; a run's may be left from one that is gone. */
    if (m->p->store == NFA_STORE_RUNS)
        nfa_key_find_deadline(m, k);
    int64_t was = k->stored ? *nfa_cold_row_deadline(k) : EVT_TIME_MAX;
    bool stays = was < k->deadline && was > sto_tier_given(c->tier) && k->deadline != EVT_TIME_MAX;
    struct put p = { c->tier, was, stays ? was : k->deadline };
    struct sto_out out = { on_put, &p };
    enum cep_rc rc = nfa_save_key(&c->saver, k, &out, err);
    k->stored = true;
    k->dirty = false;
    *nfa_cold_row_deadline(k) = p.deadline;
    return rc;
}

void nfa_cold_died(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_cold *c = m->cold;
    clk_timer_cancel(&m->timers, &k->timer);
    /* As a key that is made: who starts anew in it finds nothing of what was. */
    k->deadline = EVT_TIME_MAX;
    k->interest = k->match_number = 0;
    k->emitted_at = 0;
    k->n_emitted = 0;
    if (!k->ghost)
        c->n_ghosts++;
    k->ghost = true;
    if (k->in_grave)
        return;
    k->in_grave = true;
    c->graves = base_grow(c->graves, c->n_graves, &c->cap_graves, sizeof *c->graves);
    c->graves[c->n_graves++] = k;
}

void nfa_cold_revived(struct nfa_matcher *m, struct nfa_key *k) {
    m->cold->n_ghosts--;
    k->ghost = false;
}

/* Collects the deletions of ghosts' rows. What is left is in `leaving`, to be removed when they are written. */
static void collect_ghosts(struct nfa_matcher *m) {
    struct nfa_cold *c = m->cold;
    for (size_t i = 0; i < c->n_graves; i++) {
        struct nfa_key *k = c->graves[i];
        k->in_grave = false;
        if (!k->ghost)
            continue;
        sto_tier_delete(c->tier, canonical(m, k), *nfa_cold_row_deadline(k));
        c->leaving = base_grow(c->leaving, c->n_leaving, &c->cap_leaving, sizeof *c->leaving);
        c->leaving[c->n_leaving++] = k;
    }
    c->n_graves = 0;
}

static void leave(struct nfa_matcher *m) {
    struct nfa_cold *c = m->cold;
    if (!nfa_cold_write(m)) {
        /* They stay; so does what was collected for them. */
        c->n_leaving = 0;
        return;
    }
    for (size_t i = 0; i < c->n_leaving; i++) {
        struct nfa_key *k = c->leaving[i];
        struct nfa_stats was = m->stats;
        bool ghost = k->ghost;
        nfa_recall_went(c, k);
        nfa_key_remove(m, k);
        c->n_ghosts -= ghost;
        c->n.keys += !ghost;
        c->n.open += was.open - m->stats.open;
        c->n.asleep += was.asleep - m->stats.asleep;
        c->n.waiting += was.waiting - m->stats.waiting;
        c->evicted += !ghost;
    }
    c->n_leaving = 0;
}

bool nfa_cold_bury(struct nfa_matcher *m) {
    CEP_REQUIRE(!m->cold->held);
    collect_ghosts(m);
    leave(m);
    return m->rc == CEP_OK;
}

static size_t bytes(const struct nfa_matcher *m) {
    return m->mem.live - nfa_cells_spare(m) + clk_timers_bytes(&m->timers) + nfa_spill_bytes(m);
}

/* Its row among the timers came while it was in memory, and came too early. */
static bool lacks_timer(const struct nfa_matcher *m, const struct nfa_key *k) {
    int64_t at = *nfa_cold_row_deadline((struct nfa_key *)(uintptr_t)k);
    return at != EVT_TIME_MAX && at <= sto_tier_given(m->cold->tier);
}

/* May the key leave memory now? */
static bool may_leave(const struct nfa_matcher *m, const struct nfa_key *k) {
    return !k->ghost && !(m->cold->held && k->dirty && k->saved == m->save_number);
}

/* One batch of the keys that were not touched since the hand passed them last. */
static void evict(struct nfa_matcher *m) {
    struct nfa_cold *c = m->cold;
    struct cep_err err = CEP_ERR_INIT;
    if (!c->held)
        collect_ghosts(m);
    size_t n = 0;
    for (size_t looked = 0; n < EVICT && looked < 2 * m->n_slots; looked++) {
        c->hand = (c->hand + 1) & (m->n_slots - 1);
        struct nfa_key *k = m->slots[c->hand].key;
        if (!k || !may_leave(m, k))
            continue;
        if (k->touched && looked < m->n_slots) {
            k->touched = false;
            continue;
        }
        if (k->leaves)
            continue;
        if ((k->dirty || lacks_timer(m, k)) && !nfa_cold_fine(m, nfa_cold_put(m, k, &err), &err))
            break;
        k->leaves = true;
        c->leaving = base_grow(c->leaving, c->n_leaving, &c->cap_leaving, sizeof *c->leaving);
        c->leaving[c->n_leaving++] = k;
        n++;
    }
    for (size_t i = 0; i < c->n_leaving; i++)
        c->leaving[i]->leaves = false;
    leave(m);
}

void nfa_cold_settle(struct nfa_matcher *m) {
    struct nfa_cold *c = m->cold;
    if (!c->held && c->n_graves >= BURY && !nfa_cold_bury(m))
        return;
    while (m->rc == CEP_OK && m->n_keys > c->n_ghosts && bytes(m) > c->trigger) {
        uint64_t before = c->evicted;
        evict(m);
        if (c->evicted == before) {
            /* What is left waits until the save was taken: it is looked at again when it has grown. */
            c->trigger = bytes(m) + bytes(m) / 32;
            return;
        }
    }
}

/* -- back ------------------------------------------------------------------------------------------------------------ */

/* Returns: the key, NULL when it is in memory already, or after an error (m->rc). */
static struct nfa_key *bring_back(struct nfa_matcher *m, struct base_str value, int64_t deadline) {
    struct nfa_cold *c = m->cold;
    struct cep_err err = CEP_ERR_INIT;
    struct nfa_cur cur = m->cur;
    struct nfa_key *k = NULL;
    uint64_t open = m->stats.open, asleep = m->stats.asleep, waiting = m->stats.waiting;
    if (!c->loader && !nfa_cold_fine(m, nfa_loader_new_own(m, &c->loader, &err), &err))
        return NULL;
    enum cep_rc rc = nfa_load_stored_key(c->loader, value, deadline, &k, &err);
    m->cur = cur;
    if (rc == CEP_NONE)
        return NULL;
    c->n.keys--;
    c->n.open -= m->stats.open - open;
    c->n.asleep -= m->stats.asleep - asleep;
    c->n.waiting -= m->stats.waiting - waiting;
    c->returned++;
    return nfa_cold_fine(m, rc, &err) ? k : NULL;
}

void nfa_cold_bring_back(struct nfa_matcher *m, struct base_str value, int64_t deadline) {
    (void)bring_back(m, value, deadline);
}

bool nfa_cold_has_room(const struct nfa_matcher *m) {
    size_t now = bytes(m), most = m->cold->trigger;
    return now <= most || now - most <= m->opts.budget / 16;
}

struct nfa_key *nfa_cold_find(struct nfa_matcher *m, const struct nfa_held *h, uint32_t row) {
    struct nfa_cold *c = m->cold;
    struct cep_err err = CEP_ERR_INIT;
    int64_t deadline = EVT_TIME_MAX;
    bool found = false;
    if (!c->n.keys || nfa_recall_is_absent(c, h->hash[row]))
        return NULL;
    nfa_save_row_key(&c->saver, h, row);
    struct base_str key = base_buf_view(&c->saver.key);
    if (!nfa_cold_fine(m, sto_tier_get(c->tier, key, &c->row, &deadline, &found, &err), &err) || !found)
        return NULL;
    return bring_back(m, base_buf_view(&c->row), deadline);
}

bool nfa_cold_has(struct nfa_matcher *m, const struct nfa_key *k) {
    struct nfa_cold *c = m->cold;
    struct cep_err err = CEP_ERR_INIT;
    int64_t deadline;
    bool found = false;
    base_buf_clear(&c->saver.key);
    nfa_key_canonical(m, k, &c->saver.key);
    return nfa_cold_fine(m,
               sto_tier_get(c->tier, base_buf_view(&c->saver.key), &c->row, &deadline, &found, &err), &err) &&
           found;
}

static enum cep_rc on_due(void *arg, size_t i, struct base_str value, int64_t deadline, struct cep_err *err) {
    struct nfa_matcher *m = arg;
    (void)err;
    /* Else it was written again since, with another deadline that has a row of its own. */
    if (deadline == m->cold->due[i].deadline)
        (void)bring_back(m, value, deadline);
    return m->rc;
}

void nfa_cold_due(struct nfa_matcher *m, int64_t now) {
    struct nfa_cold *c = m->cold;
    struct cep_err err = CEP_ERR_INIT;
    struct base_str key;
    int64_t deadline;
    enum cep_rc rc = CEP_OK;
    size_t n = 0;
    if (sto_tier_next(c->tier) > now)
        return;
    base_buf_clear(&c->due_keys);
    while (n < DUE && (rc = sto_tier_due(c->tier, now, &key, &deadline, &err)) == CEP_OK) {
        c->due = base_grow(c->due, n, &c->cap_due, sizeof *c->due);
        c->due[n++] = (struct nfa_cold_due){ deadline, c->due_keys.len, key.len };
        base_buf_str(&c->due_keys, key);
    }
    nfa_look_at_hidden(m);
    if ((rc != CEP_OK && rc != CEP_NONE && !nfa_cold_fine(m, rc, &err)) || n == 0)
        return;
    if (c->cap_asked < n) {
        c->cap_asked = DUE;
        c->asked = base_realloc(c->asked, DUE * sizeof *c->asked);
    }
    for (size_t i = 0; i < n; i++)
        c->asked[i] = (struct base_str){ c->due_keys.p + c->due[i].off, c->due[i].len };
    rc = sto_tier_get_many(c->tier, c->asked, n, on_due, m, &err);
    if (rc != CEP_OK)
        (void)nfa_cold_fine(m, rc, &err);
}

/* -- saving ---------------------------------------------------------------------------------------------------------- */

void nfa_cold_opens(struct nfa_matcher *m, struct nfa_key *k) {
    k->touched = true;
    k->dirty = true;
    if (m->slice)
        (void)nfa_cold_write_some(m, false);
}

void nfa_matcher_save_taken(struct nfa_matcher *m) {
    CEP_REQUIRE(!m->slice);
    if (!m->cold)
        return;
    m->cold->held = false;
    m->cold->trigger = m->opts.budget;
}

enum cep_rc nfa_cold_save_counts(struct nfa_matcher *m, const struct sto_out *out, struct cep_err *err) {
    struct nfa_stats st;
    struct base_buf b = BASE_BUF_INIT;
    nfa_matcher_stats(m, &st);
    base_pack_varint(&b, st.keys - st.unread);
    base_pack_varint(&b, st.open);
    base_pack_varint(&b, st.asleep);
    base_pack_varint(&b, st.waiting);
    base_pack_varint(&b, m->next_order);
    base_pack_varint(&b, m->next_step);
    base_pack_varint(&b, m->cold->n.rows);
    base_pack_varint(&b, m->cold->row_number);
    enum cep_rc rc = sto_put(out, NFA_NS_TIER, STO_NO_GROUP, BASE_STR(""), base_buf_view(&b), err);
    base_buf_release(&b);
    return rc;
}

static enum cep_rc has_rows(struct sto_tier *t, bool *any, struct cep_err *err) {
    struct sto_tier_scan *s = sto_tier_scan_new(t);
    struct sto_entry e;
    enum cep_rc rc = sto_tier_scan_next(s, &e, err);
    *any = rc == CEP_OK;
    sto_tier_scan_free(s);
    return rc == CEP_NONE ? CEP_OK : rc;
}

enum cep_rc nfa_cold_save_more(
    const struct nfa_cold_gauges *more, const struct sto_out *out, struct cep_err *err) {
    struct base_buf b = BASE_BUF_INIT;
    base_pack_varint(&b, more->keys);
    base_pack_varint(&b, more->open);
    base_pack_varint(&b, more->asleep);
    base_pack_varint(&b, more->waiting);
    enum cep_rc rc = sto_put(out, NFA_NS_TIER, STO_NO_GROUP, BASE_STR("more"), base_buf_view(&b), err);
    base_buf_release(&b);
    return rc;
}

static enum cep_rc damaged(const struct nfa_matcher *m, struct cep_err *err) {
    return base_err_set(
        err, CEP_EDAMAGED, "the counts of pattern \"%.*s\" are damaged", BASE_STR_FMT(m->own->node->name));
}

/* Requires: the counts of the same save were loaded. */
static enum cep_rc load_more(struct nfa_matcher *m, struct base_unpack *u, struct cep_err *err) {
    struct nfa_cold_gauges n;
    n.keys = base_unpack_varint(u);
    n.open = base_unpack_varint(u);
    n.asleep = base_unpack_varint(u);
    n.waiting = base_unpack_varint(u);
    if (!base_unpack_ok(u))
        return damaged(m, err);
    if (!m->cold)
        return CEP_OK;
    m->cold->n.keys += n.keys;
    m->cold->n.open += n.open;
    m->cold->n.asleep += n.asleep;
    m->cold->n.waiting += n.waiting;
    return CEP_OK;
}

enum cep_rc nfa_cold_load_counts(
    struct nfa_matcher *m, const struct sto_entry *e, bool fits, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(e->value);
    struct nfa_cold_gauges n;
    if (e->key.len > 0)
        return load_more(m, &u, err);
    n.keys = base_unpack_varint(&u);
    n.open = base_unpack_varint(&u);
    n.asleep = base_unpack_varint(&u);
    n.waiting = base_unpack_varint(&u);
    uint64_t order = base_unpack_varint(&u), step = base_unpack_varint(&u), row_number = 0;
    /* Programs before this one knew no rows there. */
    bool has_rows_too = u.p < u.end;
    n.rows = has_rows_too ? base_unpack_varint(&u) : 0;
    row_number = has_rows_too ? base_unpack_varint(&u) : 0;
    if (!base_unpack_ok(&u) || order == UINT64_MAX || step == UINT64_MAX)
        return damaged(m, err);
    if (m->next_order < order)
        m->next_order = order;
    if (m->next_step < step)
        m->next_step = step;
    bool any = false;
    enum cep_rc rc = m->cold ? has_rows(m->cold->tier, &any, err) : CEP_OK;
    if (rc != CEP_OK || !any)
        return rc;
    if (!fits)
        return base_err_set(err, CEP_ESTATE, "the database's keys are those of another \"%.*s\"",
            BASE_STR_FMT(m->own->node->name));
    m->cold->n = n;
    m->cold->row_number = row_number;
    return CEP_OK;
}

enum cep_rc nfa_cold_save_all(struct nfa_matcher *m, const struct sto_out *out, struct cep_err *err) {
    struct sto_tier_scan *s = sto_tier_scan_new(m->cold->tier);
    struct sto_entry e;
    enum cep_rc rc;
    while ((rc = sto_tier_scan_next(s, &e, err)) == CEP_OK && (rc = out->put(out->arg, &e, err)) == CEP_OK)
        continue;
    sto_tier_scan_free(s);
    return rc == CEP_NONE ? CEP_OK : rc;
}

void nfa_cold_check(const struct nfa_matcher *m) {
    const struct nfa_cold *c = m->cold;
    size_t ghosts = 0, graves = 0;
    for (size_t i = 0; i < m->n_slots; i++) {
        const struct nfa_key *k = m->slots[i].key;
        if (!k)
            continue;
        ghosts += k->ghost;
        graves += k->in_grave;
        CEP_INSIST((k->stored || k->dirty) && (k->stored || !k->ghost) && (k->in_grave || !k->ghost));
    }
    CEP_INSIST(ghosts == c->n_ghosts && graves == c->n_graves && c->n_leaving == 0);
    CEP_INSIST(m->cold_next <= sto_tier_next(c->tier));
}
