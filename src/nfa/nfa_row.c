/*
 * nfa_row -- rows: the live fates of one rank, by the times of their last events. See nfa_fate.h.
 */
#include "nfa/nfa_fate.h"

#include "base/base_check.h"

static size_t times_size(const struct nfa_matcher *m, const struct nfa_fate *f) {
    return nfa_rank_at(m, f->rank)->n * sizeof *f->last;
}

void nfa_fate_forget_times(struct nfa_matcher *m, struct nfa_fate *f) {
    if (!f->last)
        return;
    nfa_mem_put(&m->mem, f->last, times_size(m, f));
    f->last = NULL;
}

int64_t nfa_fate_end(const struct nfa_matcher *m, const struct nfa_fate *f) {
    const struct nfa_rank *r = f->last ? nfa_rank_at(m, f->rank) : NULL;
    int64_t end = r ? EVT_TIME_MIN : EVT_TIME_MAX;
    for (uint32_t i = 0; r && i < r->n && end != EVT_TIME_MAX; i++) {
        int64_t at = nfa_det_end(nfa_det_at(m, r->dets[i]), f->last[i]);
        if (at > end)
            end = at;
    }
    return end;
}

/* The times after an event that moves the fate to t->next: of what took it this one. */
static int64_t *times_moved(struct nfa_matcher *m, const struct nfa_fate *f, const struct nfa_rank_trans *t) {
    const struct nfa_rank *r = nfa_rank_at(m, t->next);
    int64_t *last = nfa_mem_get(&m->mem, r->n * sizeof *last);
    for (uint32_t i = 0; i < r->n; i++) {
        last[i] = NFA_LAST_OLD;
        if (!nfa_det_at(m, r->dets[i])->n_times)
            continue;
        if (t->from[i].var != NFA_NONE)
            last[i] = m->cur.time;
        else if (!t->aged[i])
            last[i] = f->last[t->from[i].src];
    }
    return last;
}

void nfa_fate_move(struct nfa_matcher *m, struct nfa_fate *f, const struct nfa_rank_trans *t) {
    int64_t *last = nfa_rank_at(m, t->next)->n_timed ? times_moved(m, f, t) : NULL;
    nfa_fate_forget_times(m, f);
    f->rank = t->next;
    f->last = last;
}

bool nfa_fate_ages(struct nfa_matcher *m, struct nfa_fate *f) {
    const struct nfa_rank *r = nfa_rank_at(m, f->rank);
    for (uint32_t i = 0; i < r->n; i++) {
        if (!nfa_det_is_old(m, nfa_det_at(m, r->dets[i]), f->last[i]))
            return false;
    }
    for (uint32_t i = 0; i < r->n; i++)
        f->last[i] = NFA_LAST_OLD;
    return true;
}

bool nfa_fate_is_old(const struct nfa_matcher *m, const struct nfa_fate *f) {
    uint32_t n = nfa_rank_at(m, f->rank)->n;
    for (uint32_t i = 0; i < n; i++) {
        if (f->last[i] != NFA_LAST_OLD)
            return false;
    }
    return true;
}

static int by_times(const struct nfa_rank *r, const int64_t *a, const int64_t *b) {
    for (uint32_t i = 0; r->n_timed && i < r->n; i++) {
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    }
    return 0;
}

struct nfa_fate *nfa_row_find(
    const struct nfa_matcher *m, const struct nfa_row *row, const int64_t *last, struct nfa_fate **behind) {
    const struct nfa_rank *r = nfa_rank_at(m, row->rank);
    struct nfa_fate *f = row->last;
    int c = -1;
    while (f && (c = by_times(r, f->last, last)) > 0)
        f = f->older;
    *behind = f;
    return f && c == 0 ? f : NULL;
}

void nfa_row_add(struct nfa_row *row, struct nfa_fate *f, struct nfa_fate *behind) {
    f->older = behind;
    f->newer = behind ? behind->newer : row->first;
    *(f->older ? &f->older->newer : &row->first) = f;
    *(f->newer ? &f->newer->older : &row->last) = f;
}

void nfa_row_remove(struct nfa_row *row, struct nfa_fate *f) {
    *(f->older ? &f->older->newer : &row->first) = f->newer;
    *(f->newer ? &f->newer->older : &row->last) = f->older;
    f->older = f->newer = NULL;
}

struct nfa_row *nfa_row_of(struct nfa_fates *fs, uint32_t rank) {
    for (uint32_t i = 0; i < fs->n; i++) {
        if (fs->rows[i].rank == rank)
            return &fs->rows[i];
    }
    return NULL;
}

struct nfa_row *nfa_row_new(struct nfa_matcher *m, struct nfa_key *k, uint32_t rank) {
    struct nfa_fates *fs = nfa_fates_of(m, k, k->fates->n + 1);
    fs->interest |= nfa_rank_at(m, rank)->fold;
    fs->rows[fs->n] = (struct nfa_row){ .rank = rank };
    return &fs->rows[fs->n++];
}

struct nfa_fate *nfa_fates_live(
    struct nfa_matcher *m, struct nfa_key *k, uint32_t rank, const int64_t *last) {
    struct nfa_row *row = nfa_row_of(k->fates, rank);
    struct nfa_fate *behind, *f;
    if (!row)
        row = nfa_row_new(m, k, rank);
    f = nfa_row_find(m, row, last, &behind);
    if (f)
        return f;
    f = nfa_fate_new(m, NFA_FATE_OPEN, rank);
    f->refs++;
    if (nfa_rank_at(m, rank)->n_timed) {
        f->last = nfa_mem_get(&m->mem, times_size(m, f));
        memcpy(f->last, last, times_size(m, f));
    }
    nfa_row_add(row, f, behind);
    return f;
}

void nfa_fates_tidy(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_fates *fs = k->fates;
    uint32_t n = 0;
    fs->interest = 0;
    for (uint32_t i = 0; i < fs->n; i++) {
        struct nfa_row row = fs->rows[i];
        for (struct nfa_fate *f = row.first, *next; f; f = next) {
            next = f->newer;
            if (f->n)
                continue;
            nfa_row_remove(&row, f);
            nfa_fate_unref(m, f);
        }
        if (!row.first)
            continue;
        fs->interest |= nfa_rank_at(m, row.rank)->fold;
        fs->rows[n++] = row;
    }
    fs->n = n;
}

/* Returns: open starts. */
uint64_t nfa_row_check(const struct nfa_matcher *m, const struct nfa_row *row) {
    const struct nfa_rank *r = nfa_rank_at(m, row->rank);
    uint64_t open = 0;
    CEP_INSIST(row->first && row->last && (r->n_timed || row->first == row->last));
    for (const struct nfa_fate *f = row->first; f; f = f->newer) {
        CEP_INSIST(f->state == NFA_FATE_OPEN && !f->into && f->tail && !f->tail->how && !f->tail->next);
        CEP_INSIST(f->rank == row->rank && !f->last == !r->n_timed);
        CEP_INSIST(
            f->newer ? f->newer->older == f && by_times(r, f->last, f->newer->last) < 0 : row->last == f);
        open += f->n;
    }
    return open;
}
