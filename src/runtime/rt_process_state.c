/*
 * rt_process_state -- the keys of a compiled operator: what is kept for each, and its timers.
 */
#include "runtime/rt_process.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"
#include "plan/plan_library.h"

#include <stdlib.h>

/* -- cells ------------------------------------------------------------------------------------------------------------ */

static void cell_clear(struct rt_proc_state *s, struct rt_proc_cell *c) {
    s->own_bytes -= c->own_len;
    base_free(c->own);
    *c = (struct rt_proc_cell){ .v = { .null = true } };
}

void rt_proc_cell_set(
    struct rt_proc_state *s, struct rt_proc_cell *c, const struct evt_type *t, const struct evt_val *v) {
    struct base_buf packed = BASE_BUF_INIT;
    struct base_str bytes = { NULL, 0 };
    char *old = c->own; /* v may point into it */
    s->own_bytes -= c->own_len;
    *c = (struct rt_proc_cell){ .v = *v };
    if (!v->null && (t->kind == EVT_STRING || t->kind == EVT_BYTES)) {
        bytes = evt_val_str(v);
    } else if (!v->null && (t->kind == EVT_ARRAY || t->kind == EVT_ROW)) {
        evt_pack_val(&packed, t, v);
        bytes = base_buf_view(&packed);
    }
    if (bytes.len > 0) {
        c->own = base_strndup(bytes.p, bytes.len);
        c->own_len = (uint32_t)bytes.len;
        s->own_bytes += c->own_len;
    }
    if (!v->null && (t->kind == EVT_STRING || t->kind == EVT_BYTES))
        c->v.s.p = c->own ? c->own : "";
    base_buf_release(&packed);
    base_free(old);
}

void rt_proc_cell_get(
    const struct rt_proc_cell *c, const struct evt_type *t, struct base_arena *scratch, struct evt_val *out) {
    if (c->v.null || (t->kind != EVT_ARRAY && t->kind != EVT_ROW)) {
        *out = c->v;
        return;
    }
    struct base_unpack u = base_unpack_of((struct base_str){ c->own, c->own_len });
    evt_unpack_val(&u, t, scratch, out);
    CEP_INSIST(base_unpack_ok(&u));
}

struct rt_proc_cell *rt_proc_list_add(struct rt_proc_state *s) {
    if (s->n == s->cap && s->head > s->cap / 2) {
        memmove(s->cells, s->cells + s->head, (s->n - s->head) * sizeof *s->cells);
        s->n -= s->head;
        s->head = 0;
    }
    s->cells = base_grow(s->cells, s->n, &s->cap, sizeof *s->cells);
    s->cells[s->n] = (struct rt_proc_cell){ .v = { .null = true } };
    return &s->cells[s->n++];
}

void rt_proc_list_drop(struct rt_proc_state *s, size_t n) {
    for (; n > 0 && s->head < s->n; n--)
        cell_clear(s, &s->cells[s->head++]);
    if (s->head == s->n) {
        base_free(s->cells);
        s->cells = NULL;
        s->head = s->n = s->cap = 0;
    }
}

struct rt_proc_cell *rt_proc_map_find(const struct rt_proc_state *s, struct base_str key) {
    uint64_t at;
    return s->map && base_map_get(s->map, key, &at) ? (struct rt_proc_cell *)(uintptr_t)at : NULL;
}

struct rt_proc_cell *rt_proc_map_need(struct rt_proc_state *s, struct base_str key) {
    struct rt_proc_cell *c = rt_proc_map_find(s, key);
    if (c)
        return c;
    if (!s->map) {
        s->map = base_alloc(sizeof *s->map);
        base_map_init(s->map);
    }
    c = base_calloc(1, sizeof *c);
    c->v.null = true;
    (void)base_map_put(s->map, key, (uint64_t)(uintptr_t)c);
    return c;
}

void rt_proc_map_remove(struct rt_proc_state *s, struct base_str key) {
    struct rt_proc_cell *c = rt_proc_map_find(s, key);
    if (!c)
        return;
    cell_clear(s, c);
    base_free(c);
    (void)base_map_del(s->map, key);
}

static void drop_map(struct rt_proc_state *s) {
    const struct base_map_entry *e;
    for (size_t it = 0; (e = base_map_next(s->map, &it));) {
        struct rt_proc_cell *c = (struct rt_proc_cell *)(uintptr_t)e->value;
        cell_clear(s, c);
        base_free(c);
    }
    base_map_release(s->map);
    base_free(s->map);
    s->map = NULL;
}

void rt_proc_state_clear(struct rt_proc_state *s) {
    rt_proc_list_drop(s, SIZE_MAX);
    if (s->map)
        drop_map(s);
}

/* -- timers ----------------------------------------------------------------------------------------------------------- */

static struct rt_proc_timer **find_timer(struct rt_proc_key *k, const struct cep_timer *what) {
    struct rt_proc_timer **at = &k->timers;
    for (; *at; at = &(*at)->next)
        if ((*at)->what.clock == what->clock && (*at)->what.at == what->at && (*at)->what.tag == what->tag)
            break;
    return at;
}

void rt_process_timer_set(struct rt_process *p, struct rt_proc_key *k, const struct cep_timer *what) {
    struct rt_proc_timer **at = find_timer(k, what);
    if (*at)
        return;
    struct rt_proc_timer *t = base_calloc(1, sizeof *t);
    t->key = k;
    t->what = *what;
    *at = t;
    clk_timer_add(&p->timers[what->clock], &t->timer, what->at);
}

static void drop_timer(struct rt_process *p, struct rt_proc_timer **at) {
    struct rt_proc_timer *t = *at;
    *at = t->next;
    clk_timer_cancel(&p->timers[t->what.clock], &t->timer);
    base_free(t);
}

void rt_process_timer_cancel(struct rt_process *p, struct rt_proc_key *k, const struct cep_timer *what) {
    struct rt_proc_timer **at = find_timer(k, what);
    if (*at)
        drop_timer(p, at);
}

static int by_key(const void *a, const void *b) {
    const struct rt_proc_due *x = a, *y = b;
    if (x->key->hash != y->key->hash)
        return x->key->hash < y->key->hash ? -1 : 1;
    return x->nth < y->nth ? -1 : x->nth > y->nth;
}

bool rt_process_timers_due(struct rt_process *p, enum cep_clock clock, int64_t until) {
    bool any;
    int64_t at, first = clk_timers_next(&p->timers[clock], &any);
    struct clk_timer *timer;
    p->n_due = 0;
    if (!any || first > until)
        return false;
    while ((timer = clk_timers_pop(&p->timers[clock], first, &at))) {
        const struct rt_proc_timer *t = CEP_CONTAINER_OF(timer, struct rt_proc_timer, timer);
        p->due = base_grow(p->due, p->n_due, &p->cap_due, sizeof *p->due);
        p->due[p->n_due] = (struct rt_proc_due){ t->key, t->what, p->n_due };
        p->n_due++;
    }
    qsort(p->due, p->n_due, sizeof *p->due, by_key);
    return true;
}

bool rt_process_timer_take(struct rt_process *p, const struct rt_proc_due *due) {
    struct rt_proc_timer **at = find_timer(due->key, &due->what);
    if (!*at)
        return false;
    drop_timer(p, at);
    return true;
}

/* -- keys ------------------------------------------------------------------------------------------------------------- */

struct rt_proc_key *rt_process_key(struct rt_process *p, struct base_str bytes, const struct evt_val *vals) {
    uint64_t at;
    if (base_map_get(&p->keys, bytes, &at)) {
        struct rt_proc_key *there = (struct rt_proc_key *)(uintptr_t)at;
        rt_process_opens(p, there);
        return there;
    }
    uint32_t n = p->plan->n_keys, n_states = p->plan->op->n_states;
    struct rt_proc_key *k = base_calloc(1, sizeof *k + n_states * sizeof k->states[0]);
    k->hash = base_hash(bytes.p, bytes.len);
    k->bytes = (struct base_str){ base_strndup(bytes.p, bytes.len), bytes.len };
    base_arena_init(&k->mem, 64);
    k->given_at = EVT_TIME_MIN;
    k->saved = p->saving.number;
    struct evt_val *own = BASE_ARENA_ARRAY(&k->mem, struct evt_val, n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        own[i] = evt_val_copy(&k->mem, p->key_types[i], &vals[i]);
        plan_val_show(p->key_types[i], &own[i]);
    }
    k->vals = own;
    (void)base_map_put(&p->keys, bytes, (uint64_t)(uintptr_t)k);
    return k;
}

static bool has_nothing(const struct rt_process *p, const struct rt_proc_key *k) {
    if (k->timers)
        return false;
    for (uint32_t i = 0; i < p->plan->op->n_states; i++)
        if (k->states[i].n > 0 || (k->states[i].map && k->states[i].map->n_live > 0))
            return false;
    return true;
}

static void free_key(struct rt_process *p, struct rt_proc_key *k) {
    while (k->timers)
        drop_timer(p, &k->timers);
    for (uint32_t i = 0; i < p->plan->op->n_states; i++)
        rt_proc_state_clear(&k->states[i]);
    p->kept_bytes -= k->size;
    base_free((void *)(uintptr_t)k->bytes.p);
    base_arena_release(&k->mem);
    base_free(k);
}

static size_t key_bytes(const struct rt_process *p, const struct rt_proc_key *k) {
    size_t n = sizeof *k + k->bytes.len * 2;
    for (uint32_t i = 0; i < p->plan->op->n_states; i++) {
        const struct rt_proc_state *s = &k->states[i];
        n += sizeof *s + s->cap * sizeof *s->cells + s->own_bytes;
        if (s->map)
            n += s->map->n_live * (sizeof(struct base_map_entry) + sizeof(struct rt_proc_cell));
    }
    return n;
}

void rt_process_look_after(struct rt_process *p, struct rt_proc_key *k) {
    p->kept_bytes -= k->size;
    k->size = key_bytes(p, k);
    p->kept_bytes += k->size;
    if (k->dying || !has_nothing(p, k))
        return;
    k->dying = true;
    p->dying = base_grow(p->dying, p->n_dying, &p->cap_dying, sizeof(struct rt_proc_key *));
    p->dying[p->n_dying++] = k;
}

void rt_process_bury(struct rt_process *p) {
    for (size_t i = 0; i < p->n_dying; i++) {
        struct rt_proc_key *k = p->dying[i];
        k->dying = false;
        if (!has_nothing(p, k))
            continue;
        rt_process_opens(p, k);
        (void)base_map_del(&p->keys, k->bytes);
        free_key(p, k);
    }
    p->n_dying = 0;
}

void rt_process_free_keys(struct rt_process *p) {
    const struct base_map_entry *e;
    for (size_t it = 0; (e = base_map_next(&p->keys, &it));)
        free_key(p, (struct rt_proc_key *)(uintptr_t)e->value);
    base_map_release(&p->keys);
    base_free(p->dying);
    base_free(p->due);
}

size_t rt_process_bytes(const struct rt_process *p) {
    return p->kept_bytes + rt_wait_bytes(&p->wait);
}
