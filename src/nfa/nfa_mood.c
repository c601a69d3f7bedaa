/*
 * nfa_mood -- places and moods, from which nfa_build.c makes its nodes: what is still to come, and what is alive meanwhile.
 */
#include "nfa/nfa_build.h"

uint32_t nfa_build_memo(struct nfa_builder *b, const void *key, size_t len, uint32_t fresh, bool *is_new) {
    struct base_str k = { key, len };
    uint64_t found;
    *is_new = !base_map_get(b->p->memo, k, &found);
    if (!*is_new)
        return (uint32_t)found;
    (void)base_map_put(b->p->memo, k, fresh);
    return fresh;
}

uint32_t nfa_build_place_of(
    struct nfa_builder *b, enum nfa_build_place_kind kind, uint32_t term, uint32_t n, uint32_t outer) {
    struct {
        char tag[8];
        uint32_t kind, term, n, outer;
    } key = { "place", kind, term, n, outer };
    bool is_new;
    uint32_t i = nfa_build_memo(b, &key, sizeof key, (uint32_t)b->n_places, &is_new);
    if (is_new)
        *NFA_PUSH(
            b->p, b->places, b->n_places, b->cap_places) = (struct nfa_build_place){ kind, term, n, outer };
    return i;
}

uint32_t nfa_mood_of(struct nfa_builder *b, const struct nfa_mood *m) {
    struct base_buf key = BASE_BUF_INIT;
    uint32_t head[5] = { (uint32_t)m->n_nots, (uint32_t)m->n_late, (uint32_t)m->n_fresh, m->hold,
        m->bound_end };
    int64_t bound[2] = { m->lo_us, m->hi_us };
    base_buf_puts(&key, "mood");
    base_buf_add(&key, head, sizeof head);
    base_buf_add(&key, bound, sizeof bound);
    base_buf_add(&key, m->nots, m->n_nots * sizeof *m->nots);
    base_buf_add(&key, m->late, m->n_late * sizeof *m->late);
    base_buf_add(&key, m->fresh, m->n_fresh * sizeof *m->fresh);
    bool is_new;
    uint32_t i = nfa_build_memo(b, key.p, key.len, (uint32_t)b->n_moods, &is_new);
    base_buf_release(&key);
    if (is_new)
        *NFA_PUSH(b->p, b->moods, b->n_moods, b->cap_moods) = *m;
    return i;
}

const struct nfa_mood nfa_calm_mood = { .hold = NFA_NONE, .hi_us = -1, .bound_end = NFA_NONE };

struct nfa_mood nfa_mood_copy(const struct nfa_builder *b, uint32_t mood) {
    struct nfa_mood m = b->moods[mood];
    m.cap_nots = m.n_nots;
    m.cap_late = m.n_late;
    m.cap_fresh = m.n_fresh;
    return m;
}

bool nfa_mood_has(const uint32_t *v, size_t n, uint32_t x) {
    for (size_t i = 0; i < n; i++) {
        if (v[i] == x)
            return true;
    }
    return false;
}

void nfa_mood_add(struct nfa_builder *b, uint32_t **v, size_t *n, size_t *cap, uint32_t x) {
    if (nfa_mood_has(*v, *n, x))
        return;
    uint32_t *w = BASE_ARENA_ARRAY(&b->p->arena, uint32_t, *n + 1);
    size_t i = 0, k = 0;
    while (i < *n && (*v)[i] < x)
        w[k++] = (*v)[i++];
    w[k++] = x;
    while (i < *n)
        w[k++] = (*v)[i++];
    *v = w;
    *n = k;
    *cap = k;
}

uint32_t nfa_mood_with_not(struct nfa_builder *b, uint32_t mood, uint32_t var) {
    struct nfa_mood m = nfa_mood_copy(b, mood);
    nfa_mood_add(b, &m.nots, &m.n_nots, &m.cap_nots, var);
    return nfa_mood_of(b, &m);
}

uint32_t nfa_mood_with_fresh(struct nfa_builder *b, uint32_t mood, uint32_t place, bool first) {
    struct nfa_mood m = nfa_mood_copy(b, mood);
    nfa_mood_add(b, &m.fresh, &m.n_fresh, &m.cap_fresh, place * 2 + first);
    return nfa_mood_of(b, &m);
}

uint32_t nfa_mood_with_hold(struct nfa_builder *b, uint32_t mood, nfa_lit hold) {
    struct nfa_mood m = nfa_mood_copy(b, mood);
    m.hold = hold;
    return nfa_mood_of(b, &m);
}

int64_t nfa_min_bound(int64_t a, int64_t x) {
    if (a < 0)
        return x;
    return x < 0 || a < x ? a : x;
}

uint32_t nfa_mood_with_bound(
    struct nfa_builder *b, uint32_t mood, int64_t lo_us, int64_t hi_us, uint32_t end) {
    if (lo_us <= 0 && hi_us < 0)
        return mood;
    struct nfa_mood m = nfa_mood_copy(b, mood);
    m.lo_us = lo_us > m.lo_us ? lo_us : m.lo_us;
    m.hi_us = nfa_min_bound(m.hi_us, hi_us);
    if (m.bound_end == NFA_NONE)
        m.bound_end = end;
    return nfa_mood_of(b, &m);
}

uint32_t nfa_mood_without_bound(struct nfa_builder *b, uint32_t mood) {
    struct nfa_mood m = nfa_mood_copy(b, mood);
    m.lo_us = 0;
    m.hi_us = -1;
    m.bound_end = NFA_NONE;
    return nfa_mood_of(b, &m);
}

bool nfa_build_place_behind_not(const struct nfa_builder *b, uint32_t place, uint32_t var) {
    const struct nfa_build_place *pl = &b->places[place];
    if (pl->kind != NFA_BUILD_STEP)
        return false;
    const struct nfa_step *steps = b->p->steps + b->p->terms[pl->term].first;
    for (uint32_t i = pl->n - 1; i-- > 0;) {
        if (steps[i].negated && steps[i].op != PLAN_NEXT) {
            if (steps[i].var == var)
                return true;
        } else if (steps[i].negated || !b->p->terms[steps[i].term].optional) {
            return false;
        }
    }
    return false;
}

static void add_late(
    struct nfa_builder *b, struct nfa_mood *after, uint32_t place, const uint32_t *nots, size_t n_nots) {
    for (size_t i = 0; i < n_nots; i++)
        if (nfa_build_place_behind_not(b, place, nots[i]))
            nfa_mood_add(b, &after->late, &after->n_late, &after->cap_late, nots[i]);
}

uint32_t nfa_mood_after(struct nfa_builder *b, uint32_t mood, uint32_t place) {
    const struct nfa_mood *m = &b->moods[mood];
    struct nfa_mood after = nfa_calm_mood;
    if (place != NFA_NONE) {
        add_late(b, &after, place, m->nots, m->n_nots);
        add_late(b, &after, place, m->late, m->n_late);
    }
    return nfa_mood_of(b, &after);
}

uint32_t nfa_mood_with_nots_at(struct nfa_builder *b, uint32_t mood, uint32_t place) {
    const struct nfa_prog *p = b->p;
    for (;;) {
        const struct nfa_build_place *pl = &b->places[place];
        const struct nfa_term *t = pl->kind == NFA_BUILD_END ? NULL : &p->terms[pl->term];
        switch (pl->kind) {
        case NFA_BUILD_END:
        case NFA_BUILD_ALL: return mood;
        case NFA_BUILD_STEP: {
            uint32_t i = pl->n;
            for (; i < t->n; i++) {
                const struct nfa_step *s = &p->steps[t->first + i];
                if (!s->negated || s->op == PLAN_NEXT)
                    return mood;
                mood = nfa_mood_with_not(b, mood, s->var);
            }
            break;
        }
        case NFA_BUILD_LOOP:
            if (pl->n < t->min && !t->unit_nullable)
                return mood;
            break;
        }
        place = b->places[place].outer;
    }
}

bool nfa_build_place_behind_any_not(const struct nfa_builder *b, uint32_t place) {
    const struct nfa_build_place *pl = &b->places[place];
    if (pl->kind != NFA_BUILD_STEP)
        return false;
    const struct nfa_step *steps = b->p->steps + b->p->terms[pl->term].first;
    for (uint32_t i = pl->n - 1; i-- > 0;) {
        if (steps[i].negated)
            return steps[i].op != PLAN_NEXT;
        if (!b->p->terms[steps[i].term].optional)
            return false;
    }
    return false;
}
