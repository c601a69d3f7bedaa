/*
 * rt_slide -- see rt_slide.h.
 */
#include "runtime/rt_slide.h"

#include "base/base_mem.h"

enum { AHEAD = 8 }; /* groups whose keys are fetched before they are looked up */

/* What a group of the front has as its `own`; in its pane's arena. */
struct front {
    struct rt_group *key;  /* of s->keys */
    int64_t start;         /* of the pane */
    struct rt_group *next; /* of the same key, in a later pane of the front; NULL = none */
    struct expr_acc accs[];
};

static struct front *front_of(const struct rt_group *g) {
    return g->own;
}

bool rt_slide_can(const struct rt_group_kind *kind) {
    for (uint32_t i = 0; i < kind->n_accs; i++)
        if (!expr_acc_is_flat(&kind->fns[i]))
            return false;
    return true;
}

void rt_slide_init(struct rt_slide *s, const struct rt_group_kind *kind) {
    *s = (struct rt_slide){ .kind = kind, .accs = base_calloc(kind->n_accs + (size_t)1, sizeof *s->accs) };
    rt_groups_init(&s->keys, kind, true);
}

void rt_slide_release(struct rt_slide *s) {
    rt_groups_release(&s->keys);
    base_free(s->accs);
}

void rt_slide_clear(struct rt_slide *s) {
    rt_groups_release(&s->keys);
    s->there = false;
}

/* The key of a pane's group, made when it is not there; those of the groups behind it are fetched. */
static struct rt_group *key_of(struct rt_slide *s, const struct rt_groups *pane, uint32_t i) {
    const struct rt_group *g = pane->groups[i];
    if (i + 2 * AHEAD < pane->n)
        rt_groups_fetch(&s->keys, pane->groups[i + 2 * AHEAD]->hash);
    if (i + AHEAD < pane->n)
        rt_groups_fetch_group(&s->keys, pane->groups[i + AHEAD]->hash);
    return rt_groups_get(&s->keys, g->hash, g->bytes, g->vals, NULL);
}

static void copy_accs(const struct rt_slide *s, struct expr_acc *to, const struct expr_acc *from) {
    memcpy(to, from, s->kind->n_accs * sizeof *to);
}

/* The front of a group: itself and what follows. */
static void make_front(
    struct rt_slide *s, struct rt_pane *p, struct rt_group *g, struct rt_group *key, struct rt_group *next) {
    if (!g->own)
        g->own = base_arena_alloc(&p->groups.arena, sizeof(struct front) + s->kind->n_accs * sizeof *s->accs);
    struct front *f = front_of(g);
    f->key = key;
    f->start = p->start;
    f->next = next;
    copy_accs(s, f->accs, g->accs);
    if (next)
        rt_accs_merge(s->kind, f->accs, front_of(next)->accs);
}

static void all_to_front(struct rt_slide *s, struct rt_pane *const *panes, size_t n) {
    struct rt_groups old = s->keys;
    rt_groups_init(&s->keys, s->kind, true);
    rt_groups_expect(&s->keys, old.n);
    rt_groups_release(&old);
    for (size_t i = n; i-- > 0;)
        for (uint32_t k = 0; k < panes[i]->groups.n; k++) {
            struct rt_group *key = key_of(s, &panes[i]->groups, k), *g = panes[i]->groups.groups[k];
            make_front(s, panes[i], g, key, key->own);
            key->own = g;
        }
    s->middle = s->end;
}

static void to_back(struct rt_slide *s, const struct rt_groups *pane) {
    for (uint32_t k = 0; k < pane->n; k++) {
        struct rt_group *key = key_of(s, pane, k);
        rt_accs_merge(s->kind, key->accs, pane->groups[k]->accs);
        key->changed = true;
    }
}

void rt_slide_to(struct rt_slide *s, struct rt_pane *const *panes, size_t n, int64_t start, int64_t size) {
    bool follows = s->there && start == s->next;
    for (size_t i = 0; i < n && follows && s->middle > start; i++)
        if (panes[i]->start >= s->end)
            to_back(s, &panes[i]->groups);
    s->end = start + size;
    if (!follows || s->middle <= start)
        all_to_front(s, panes, n);
    s->there = true;
}

const struct expr_acc *rt_slide_accs(struct rt_slide *s, uint32_t i) {
    const struct rt_group *key = s->keys.groups[i], *first = key->own;
    if (!first)
        return key->changed ? key->accs : NULL;
    if (!key->changed)
        return front_of(first)->accs;
    copy_accs(s, s->accs, front_of(first)->accs);
    rt_accs_merge(s->kind, s->accs, key->accs);
    return s->accs;
}

void rt_slide_leave(struct rt_slide *s, struct rt_pane *const *panes, size_t n, int64_t next) {
    for (size_t i = 0; i < n && panes[i]->start < next && panes[i]->start < s->middle; i++)
        for (uint32_t k = 0; k < panes[i]->groups.n; k++) {
            struct rt_group *g = panes[i]->groups.groups[k];
            front_of(g)->key->own = front_of(g)->next;
            g->own = NULL;
        }
    s->next = next;
}

void rt_slide_late(struct rt_slide *s, struct rt_pane *pane, struct rt_group *g, const struct expr_acc *one) {
    if (!s->there || pane->start < s->next || pane->start >= s->end)
        return;
    struct rt_group *key = rt_groups_get(&s->keys, g->hash, g->bytes, g->vals, NULL), *before = NULL;
    if (pane->start >= s->middle) {
        rt_accs_merge(s->kind, key->accs, one);
        key->changed = true;
        return;
    }
    for (struct rt_group *at = key->own; at && front_of(at)->start <= pane->start; at = front_of(at)->next) {
        rt_accs_merge(s->kind, front_of(at)->accs, one);
        before = at;
    }
    if (g->own)
        return;
    make_front(s, pane, g, key, before ? front_of(before)->next : key->own);
    if (before)
        front_of(before)->next = g;
    else
        key->own = g;
}
