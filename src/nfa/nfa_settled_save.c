/*
 * nfa_settled_save -- starts that have their match and wait (nfa_settle.h) written down and read back, as a part of their graph
 * (nfa_graph_save.c).
 *
 *     varint quotas  * varint left
 *     varint trails  * (varint variable, varint event, varint next)     a trail comes behind the one that it joins; 0 = it ends
 *     varint settled * (varint trail, varint quota + 1)                 by start, which is the trail's event; 0 = no quota
 *
 * Trails are numbered from 1 on. Events ascend along a trail. One that has lost a variable or an event is lost with all that join it;
 * its start is as if it had not been settled.
 */
#include "nfa/nfa_graph.h"
#include "nfa/nfa_save.h"

#include "base/base_mem.h"

/* -- saving ------------------------------------------------------------------------------------------------------------ */

/* A trail behind what it joins. */
static void number_trail(struct nfa_saver *s, const struct nfa_trail *t) {
    struct nfa_numbers *trails = &s->sets[NFA_NUMBERS_TRAILS];
    uint32_t number;
    size_t n = 0;
    for (; t && !nfa_numbers_find(trails, t, &number); t = t->next) {
        s->trail = base_grow(s->trail, n, &s->cap_trail, sizeof *s->trail);
        s->trail[n++] = t;
    }
    while (n-- > 0) {
        (void)nfa_numbers_add(trails, s->trail[n], &number);
        (void)nfa_save_ev(s, s->trail[n]->ev);
    }
}

void nfa_settled_collect(struct nfa_saver *s, const struct nfa_graph *g) {
    uint32_t number;
    for (uint32_t i = 0; g && g->settled && i < g->settled->n; i++) {
        const struct nfa_settled *x = &g->settled->v[i];
        number_trail(s, x->match);
        if (x->quota)
            (void)nfa_numbers_add(&s->quotas, x->quota, &number);
    }
}

void nfa_settled_save(struct nfa_saver *s, const struct nfa_graph *g) {
    struct base_buf *b = &s->value;
    const struct nfa_numbers *trails = &s->sets[NFA_NUMBERS_TRAILS];
    base_pack_varint(b, s->quotas.n);
    for (size_t i = 0; i < s->quotas.n; i++)
        base_pack_varint(b, ((const struct nfa_quota *)s->quotas.v[i])->left);
    base_pack_varint(b, trails->n);
    for (size_t i = 0; i < trails->n; i++) {
        const struct nfa_trail *t = trails->v[i];
        base_pack_varint(b, t->var);
        base_pack_varint(b, nfa_number_of(&s->evs, t->ev));
        base_pack_varint(b, t->next ? nfa_number_of(trails, t->next) + UINT64_C(1) : 0);
    }
    size_t n;
    struct nfa_settled *v = nfa_settled_list(g, &n);
    base_pack_varint(b, n);
    for (size_t i = 0; i < n; i++) {
        base_pack_varint(b, nfa_number_of(trails, v[i].match) + UINT64_C(1));
        base_pack_varint(b, v[i].quota ? nfa_number_of(&s->quotas, v[i].quota) + UINT64_C(1) : 0);
    }
    base_free(v);
}

/* -- loading ----------------------------------------------------------------------------------------------------------- */

struct trail_read {
    struct nfa_trail *trail; /* counted; NULL = lost */
    uint64_t order;
};

static struct trail_read *read_trails(
    struct nfa_loader *l, struct base_unpack *u, bool make, size_t *n_read) {
    size_t n = base_unpack_count(u, 3);
    struct trail_read *v = BASE_ARENA_ARRAY(&l->scratch, struct trail_read, n + 1);
    *n_read = 0;
    v[0] = (struct trail_read){ NULL, UINT64_MAX };
    for (size_t i = 0; i < n && !u->bad; i++) {
        struct nfa_ev_read e;
        uint32_t var = nfa_load_var(l, u);
        nfa_load_ev_of(l, u, &e);
        uint64_t next = base_unpack_max(u, i);
        u->bad = u->bad || e.order >= v[next].order;
        if (u->bad)
            break;
        v[++*n_read] = (struct trail_read){ NULL, e.order };
        if (make && e.ev && var != NFA_NONE && (!next || v[next].trail))
            v[*n_read].trail = nfa_trail_new(l->m, var, e.ev, v[next].trail);
    }
    return v;
}

void nfa_settled_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u, bool drop) {
    struct nfa_matcher *m = l->m;
    size_t n_trails;
    uint64_t before = 0;
    nfa_load_quotas(l, u);
    struct trail_read *v = read_trails(l, u, k && !drop, &n_trails);
    size_t n = u->bad ? 0 : base_unpack_count(u, 2);
    for (size_t i = 0; i < n && !u->bad; i++) {
        uint64_t at = base_unpack_max(u, n_trails), quota = base_unpack_max(u, l->n_quotas);
        u->bad = u->bad || at == 0 || (i && v[at].order <= before);
        if (u->bad)
            break;
        before = v[at].order;
        if (v[at].trail) {
            v[at].trail->refs++;
            nfa_settled_add(m, k, v[at].trail, quota ? l->quotas[quota - 1] : NULL);
        } else {
            l->lost_waiting++;
        }
    }
    for (size_t i = 1; i <= n_trails; i++)
        nfa_trail_unref(m, v[i].trail);
    if (k)
        nfa_settled_mark(m, k);
}
