/*
 * nfa_det_save -- dets written down and read back: what both stores of sets need.
 *
 *     varint states * varint state       ascending, at least one
 *
 * and, where it has times, when the event taken last was
 *
 *     u8 is there; 1: zigzag microseconds                 0: longer ago than all times, or it does not matter
 *
 * A det is alternatives for one partial match. In an edited program it is the det of the states that still mean something
 * (nfa_meaning.c); an alternative without one is lost, as the run would be that stood there.
 */
#include "nfa/nfa_det.h"
#include "nfa/nfa_save.h"

void nfa_save_det(struct base_buf *b, const struct nfa_det *d) {
    base_pack_varint(b, d->n);
    for (uint32_t i = 0; i < d->n; i++)
        base_pack_varint(b, d->states[i]);
}

void nfa_load_det(struct nfa_loader *l, struct base_unpack *u, bool make, struct nfa_det_read *d) {
    size_t n = base_unpack_count(u, 1);
    *d = (struct nfa_det_read){ .det = NFA_NONE };
    u->bad = u->bad || n == 0 || n > l->meta.n_states;
    if (u->bad)
        return;
    d->states = BASE_ARENA_ARRAY(&l->scratch, uint32_t, n);
    uint32_t *now = BASE_ARENA_ARRAY(&l->scratch, uint32_t, n);
    size_t n_now = 0;
    for (; d->n < n && !u->bad; d->n++) {
        uint64_t state = base_unpack_varint(u);
        u->bad = u->bad || state >= l->meta.n_states || (d->n && state <= d->states[d->n - 1]);
        if (u->bad)
            return;
        d->states[d->n] = (uint32_t)state;
        if (l->state[state] != NFA_NONE)
            now[n_now++] = l->state[state];
    }
    if (make)
        d->det = nfa_det_of(l->m, now, n_now);
}

void nfa_save_last(struct base_buf *b, int64_t last) {
    base_pack_u8(b, last != NFA_LAST_OLD);
    if (last != NFA_LAST_OLD)
        base_pack_zigzag(b, last);
}

int64_t nfa_load_last(struct base_unpack *u) {
    uint8_t any = base_unpack_u8(u);
    u->bad = u->bad || any > 1;
    return any && !u->bad ? base_unpack_zigzag(u) : NFA_LAST_OLD;
}

uint64_t nfa_count_more(uint64_t a, uint64_t b) {
    /* So many that nobody counts on; sums of them still fit. */
    const uint64_t most = UINT64_C(1) << 48;
    return a >= most - b ? most : a + b;
}

void nfa_lose_det(struct nfa_loader *l, const struct nfa_det_read *d, uint64_t n, uint64_t n_lost) {
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t state = d->states[i];
        l->lost[state] = nfa_count_more(l->lost[state], l->state[state] == NFA_NONE ? n : n_lost);
    }
}
