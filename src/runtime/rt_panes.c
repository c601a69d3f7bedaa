/*
 * rt_panes -- see rt_panes.h.
 */
#include "runtime/rt_panes.h"
#include "runtime/rt_slices.h"

#include "base/base_mem.h"

#include <string.h>

enum { SPARE_GROUPS = 4096 }; /* of a pane that is used again: less than a MiB */

void rt_panes_init(struct rt_panes *p, const struct rt_group_kind *kind) {
    *p = (struct rt_panes){ .kind = kind };
}

static void pane_free(struct rt_pane *pane) {
    if (pane)
        rt_groups_release(&pane->groups);
    base_free(pane);
}

void rt_panes_release(struct rt_panes *p) {
    rt_panes_save_end(p);
    for (size_t i = 0; i < p->n; i++)
        pane_free(p->v[i]);
    pane_free(p->spare);
    base_free(p->v);
    base_free(p->leaving);
    *p = (struct rt_panes){ .kind = p->kind };
}

size_t rt_panes_from(const struct rt_panes *p, int64_t t) {
    size_t lo = 0, hi = p->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->v[mid]->start < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct rt_pane *rt_panes_get(struct rt_panes *p, int64_t start, const struct rt_slices *s) {
    size_t i = rt_panes_from(p, start);
    p->last_used = i;
    if (i < p->n && p->v[i]->start == start)
        return p->v[i];
    struct rt_pane *pane = p->spare;
    p->spare = NULL;
    if (!pane) {
        pane = base_alloc(sizeof *pane);
        rt_groups_init(&pane->groups, p->kind, true);
    }
    pane->start = start;
    pane->saved = s->number;
    if (p->n > 0)
        rt_groups_expect(&pane->groups, p->v[i > 0 ? i - 1 : 0]->groups.n);
    p->v = base_grow(p->v, p->n, &p->cap, sizeof(struct rt_pane *));
    memmove(p->v + i + 1, p->v + i, (p->n - i) * sizeof(struct rt_pane *));
    p->v[i] = pane;
    p->n++;
    return pane;
}

/* Where panes follow each other closely, to get and give back their memory costs more than their rows. */
static void let_go(struct rt_panes *p, struct rt_pane *pane) {
    if (p->spare || pane->groups.n > SPARE_GROUPS) {
        pane_free(pane);
        return;
    }
    rt_groups_clear(&pane->groups);
    p->spare = pane;
}

void rt_panes_drop(struct rt_panes *p, size_t n, const struct rt_slices *s) {
    for (size_t i = 0; i < n; i++) {
        if (!s->open || p->v[i]->saved == s->number) {
            let_go(p, p->v[i]);
            continue;
        }
        p->leaving = base_grow(p->leaving, p->n_leaving, &p->cap_leaving, sizeof(struct rt_pane *));
        p->leaving[p->n_leaving++] = p->v[i];
    }
    if (n == 0)
        return;
    p->n -= n;
    memmove(p->v, p->v + n, p->n * sizeof(struct rt_pane *));
    p->last_used = 0;
}

uint64_t rt_panes_n_groups(const struct rt_panes *p) {
    uint64_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->v[i]->groups.n;
    return n;
}

size_t rt_panes_bytes(const struct rt_panes *p) {
    size_t n = p->cap * sizeof(struct rt_pane *);
    for (size_t i = 0; i < p->n; i++)
        n += sizeof(struct rt_pane) + rt_groups_bytes(&p->v[i]->groups);
    return n;
}

/* -- a save ----------------------------------------------------------------------------------------------------------- */

void rt_panes_save_begin(struct rt_panes *p) {
    p->all_saved = false;
}

/* One that is not in the save: of those that are gone first. */
static struct rt_pane *next_pane(const struct rt_panes *p, uint16_t number) {
    if (p->n_leaving > 0)
        return p->leaving[p->n_leaving - 1];
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i]->saved != number)
            return p->v[i];
    return NULL;
}

static void is_saved(struct rt_panes *p, struct rt_pane *pane, uint16_t number) {
    pane->saved = number;
    for (size_t i = 0; i < p->n_leaving; i++) {
        if (p->leaving[i] != pane)
            continue;
        p->leaving[i] = p->leaving[--p->n_leaving];
        pane_free(pane);
        break;
    }
}

struct rt_group *rt_panes_save_next(struct rt_panes *p, const struct rt_slices *s, int64_t *start) {
    while (!p->all_saved) {
        if (!p->saving) {
            p->saving = next_pane(p, s->number);
            p->at = 0;
        }
        if (!p->saving) {
            p->all_saved = true;
            break;
        }
        if (p->at < p->saving->groups.n) {
            *start = p->saving->start;
            return p->saving->groups.groups[p->at++];
        }
        is_saved(p, p->saving, s->number);
        p->saving = NULL;
    }
    return NULL;
}

void rt_panes_save_end(struct rt_panes *p) {
    p->saving = NULL;
    while (p->n_leaving > 0)
        pane_free(p->leaving[--p->n_leaving]);
}
