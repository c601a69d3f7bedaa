/*
 * nfa_levels -- see the header.
 */
#include "nfa/nfa_levels.h"

#include "base/base_mem.h"

struct nfa_levels nfa_levels_of(struct nfa_matcher *m, struct nfa_key *k, int64_t now, uint64_t told) {
    uint64_t limit = m->pat->limit_matches ? m->pat->limit_matches : UINT64_MAX;
    return (struct nfa_levels){ .m = m,
        .k = k,
        .f = &m->first,
        .now = now,
        .told = told,
        .limit = limit,
        .most = limit > UINT64_MAX / 2 ? UINT64_MAX : 2 * limit };
}

void nfa_level_begin(struct nfa_levels *s, const struct nfa_ev *ev) {
    struct nfa_first *f = s->f;
    f->levels = base_grow(f->levels, f->n_levels, &f->cap_levels, sizeof *f->levels);
    f->levels[f->n_levels++] =
        (struct nfa_level){ .ev = ev, .nodes = (uint32_t)f->n_nodes, .links = (uint32_t)f->n_links };
}

void nfa_level_end(struct nfa_levels *s) {
    struct nfa_first *f = s->f;
    const struct nfa_level *lv = &f->levels[--f->n_levels];
    f->n_nodes = lv->nodes;
    f->n_links = lv->links;
}

bool nfa_level_enter(struct nfa_levels *s, uint32_t id, uint32_t from, uint32_t var) {
    struct nfa_first *f = s->f;
    uint32_t i = nfa_levels_top(s)->nodes;
    while (i < f->n_nodes && f->nodes[i].id != id)
        i++;
    bool is_new = i == f->n_nodes;
    if (is_new) {
        f->nodes = base_grow(f->nodes, f->n_nodes, &f->cap_nodes, sizeof *f->nodes);
        f->nodes[f->n_nodes++] = (struct nfa_node_on){ .id = id, .link = NFA_NONE };
    }
    f->links = base_grow(f->links, f->n_links, &f->cap_links, sizeof *f->links);
    f->links[f->n_links] = (struct nfa_link_on){ from, var, f->nodes[i].link };
    f->nodes[i].link = (uint32_t)f->n_links++;
    return is_new;
}

static void mark_good(struct nfa_levels *s) {
    struct nfa_first *f = s->f;
    for (size_t l = f->n_levels - 1; l > 0; l--) {
        for (uint32_t i = f->levels[l - 1].nodes; i < f->levels[l].nodes; i++)
            f->nodes[i].good = false;
        uint32_t end = l + 1 < f->n_levels ? f->levels[l + 1].nodes : (uint32_t)f->n_nodes;
        for (uint32_t i = f->levels[l].nodes; i < end; i++) {
            for (uint32_t k = f->nodes[i].good ? f->nodes[i].link : NFA_NONE; k != NFA_NONE;
                 k = f->links[k].next)
                f->nodes[f->links[k].node].good = true;
        }
        s->m->stats.work++;
    }
}

/* The next variable of a level that goes on from the node chosen before it, in order. Returns: false when there is none. */
static bool choose(struct nfa_levels *s, size_t l, int64_t after) {
    struct nfa_first *f = s->f;
    struct nfa_level *lv = &f->levels[l];
    uint32_t from = l ? f->levels[l - 1].node : NFA_NONE;
    uint32_t end = l + 1 < f->n_levels ? f->levels[l + 1].nodes : (uint32_t)f->n_nodes;
    bool any = false;
    s->m->stats.work++;
    for (uint32_t i = lv->nodes; i < end; i++) {
        for (uint32_t k = f->nodes[i].good ? f->nodes[i].link : NFA_NONE; k != NFA_NONE;
             k = f->links[k].next) {
            const struct nfa_link_on *x = &f->links[k];
            if (x->node != from || (int64_t)x->var <= after || (any && x->var >= lv->var))
                continue;
            lv->var = x->var;
            lv->node = i;
            any = true;
        }
    }
    return any;
}

/* Nobody reads the matches. */
static bool only_counts(const struct nfa_levels *s) {
    return !s->lists && !s->m->out.matches && !s->m->p->uses_match_number;
}

static void tell_one(struct nfa_levels *s) {
    struct nfa_matcher *m = s->m;
    const struct nfa_first *f = s->f;
    if (s->told++ >= s->limit) {
        m->stats.limit_matches++;
        return;
    }
    if (only_counts(s)) {
        m->stats.matches++;
        return;
    }
    nfa_emit_room(m, f->n_levels);
    for (size_t l = 0; l < f->n_levels; l++) {
        m->evs[l] = f->levels[l].ev;
        m->ev_vars[l] = f->levels[l].var;
    }
    m->n_evs = f->n_levels;
    if (!s->lists)
        nfa_emit_listed(m, s->k, s->now);
}

/* Each event was taken by one variable. */
static void tell_plain(struct nfa_levels *s) {
    struct nfa_first *f = s->f;
    s->m->stats.work++;
    for (size_t l = 0; l < f->n_levels && !only_counts(s); l++)
        f->levels[l].var = f->links[l].var;
    tell_one(s);
}

void nfa_levels_tell(struct nfa_levels *s) {
    struct nfa_first *f = s->f;
    size_t l = 0;
    int64_t after = -1;
    for (size_t i = f->n_levels; i-- > 0 && !f->levels[i].found;)
        f->levels[i].found = true;
    if (f->n_links == f->n_levels) {
        tell_plain(s);
        return;
    }
    mark_good(s);
    for (;;) {
        if (!choose(s, l, after)) {
            if (l == 0)
                return;
            after = f->levels[--l].var;
        } else if (l + 1 < f->n_levels) {
            l++;
            after = -1;
        } else {
            tell_one(s);
            if (nfa_levels_are_full(s))
                return;
            after = f->levels[l].var;
        }
    }
}

void nfa_levels_tell_alone(struct nfa_levels *s, const struct nfa_ev *ev, uint32_t var) {
    nfa_level_begin(s, ev);
    nfa_levels_top(s)->var = var;
    tell_one(s);
    nfa_level_end(s);
}
