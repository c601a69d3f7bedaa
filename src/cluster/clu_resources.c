/*
 * clu_resources -- see clu_resources.h.
 */
#include "cluster/clu_resources.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "time/clk.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

struct worker {
    struct clu_worker_info info;
    char **jobs; /* owned; a job for each slot in use */
    struct clu_wire wire;
};

struct clu_resources {
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    struct worker *workers; /* owned; in the order in which they came */
    size_t n, cap;
    uint64_t wakes;
};

static void info_release(struct clu_worker_info *w) {
    base_free((char *)(uintptr_t)w->id);
    base_free((char *)(uintptr_t)w->host);
    base_free((char *)(uintptr_t)w->address);
    clu_link_unref(w->link);
}

static struct clu_worker_info info_copy(const struct clu_worker_info *w) {
    struct clu_worker_info out = *w;
    out.id = base_strdup(w->id);
    out.host = base_strdup(w->host ? w->host : "");
    out.address = base_strdup(w->address ? w->address : "");
    out.link = w->link ? clu_link_ref(w->link) : NULL;
    out.heard_us = w->link ? clk_mono(clk_system()) - clu_link_heard_us(w->link) : 0;
    return out;
}

void clu_slots_release(struct clu_slots *s) {
    for (uint32_t i = 0; i < s->n_workers; i++)
        info_release(&s->workers[i]);
    base_free(s->workers);
    base_free(s->worker_of);
    *s = (struct clu_slots){ .workers = NULL };
}

struct clu_resources *clu_resources_new(void) {
    struct clu_resources *r = base_calloc(1, sizeof *r);
    pthread_condattr_t attr;
    CEP_INSIST(pthread_mutex_init(&r->mutex, NULL) == 0 && pthread_condattr_init(&attr) == 0 &&
               pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
               pthread_cond_init(&r->changed, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
    return r;
}

static void worker_release(struct worker *w) {
    for (uint32_t i = 0; i < w->info.slots; i++)
        base_free(w->jobs[i]);
    base_free(w->jobs);
    clu_wire_release(&w->wire);
    info_release(&w->info);
}

void clu_resources_free(struct clu_resources *r) {
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++)
        worker_release(&r->workers[i]);
    base_free(r->workers);
    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->mutex);
    base_free(r);
}

/* Requires: the lock. */
static struct worker *find(struct clu_resources *r, const char *id) {
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->workers[i].info.id, id) == 0)
            return &r->workers[i];
    return NULL;
}

void clu_resources_add(struct clu_resources *r, const struct clu_worker_info *info) {
    (void)pthread_mutex_lock(&r->mutex);
    r->workers = base_grow(r->workers, r->n, &r->cap, sizeof *r->workers);
    struct worker *w = &r->workers[r->n++];
    *w = (struct worker){ .info = info_copy(info),
        .jobs = base_calloc(info->slots + (size_t)1, sizeof *w->jobs) };
    w->info.used = 0;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->mutex);
}

void clu_resources_remove(struct clu_resources *r, const char *id) {
    (void)pthread_mutex_lock(&r->mutex);
    struct worker *w = find(r, id);
    if (w) {
        worker_release(w);
        size_t i = (size_t)(w - r->workers);
        memmove(w, w + 1, (r->n - i - 1) * sizeof *w);
        r->n--;
    }
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->mutex);
}

void clu_resources_leave(struct clu_resources *r, const char *id) {
    (void)pthread_mutex_lock(&r->mutex);
    struct worker *w = find(r, id);
    if (w)
        w->info.leaving = true;
    (void)pthread_mutex_unlock(&r->mutex);
}

void clu_resources_heard_wire(struct clu_resources *r, const char *id, const struct clu_wire *wire) {
    (void)pthread_mutex_lock(&r->mutex);
    struct worker *w = find(r, id);
    if (w) {
        clu_wire_release(&w->wire);
        clu_wire_copy(&w->wire, wire);
    }
    (void)pthread_mutex_unlock(&r->mutex);
}

bool clu_resources_wire(struct clu_resources *r, const char *id, struct clu_wire *out) {
    (void)pthread_mutex_lock(&r->mutex);
    const struct worker *w = find(r, id);
    if (w)
        clu_wire_copy(out, &w->wire);
    (void)pthread_mutex_unlock(&r->mutex);
    return w != NULL;
}

void clu_resources_wake(struct clu_resources *r) {
    (void)pthread_mutex_lock(&r->mutex);
    r->wakes++;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->mutex);
}

/* Requires: the lock. */
static uint32_t n_free(const struct clu_resources *r) {
    uint32_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->workers[i].info.leaving ? 0 : r->workers[i].info.slots - r->workers[i].info.used;
    return n;
}

/* The worker with the most free slots; of several the one that came first. Requires: there is a free one. */
static struct worker *freest(struct clu_resources *r) {
    struct worker *best = NULL;
    for (size_t i = 0; i < r->n; i++) {
        struct worker *w = &r->workers[i];
        if (w->info.leaving || w->info.used == w->info.slots)
            continue;
        if (!best || w->info.slots - w->info.used > best->info.slots - best->info.used)
            best = w;
    }
    return best;
}

static void take_slot(struct worker *w, const char *job) {
    uint32_t i = 0;
    while (w->jobs[i])
        i++;
    w->jobs[i] = base_strdup(job);
    w->info.used++;
}

uint32_t clu_slots_add(struct clu_slots *out, const struct clu_worker_info *info) {
    for (uint32_t i = 0; i < out->n_workers; i++)
        if (strcmp(out->workers[i].id, info->id) == 0) {
            struct clu_worker_info now = info_copy(info);
            info_release(&out->workers[i]);
            out->workers[i] = now;
            return i;
        }
    out->workers = base_realloc(out->workers, (out->n_workers + (size_t)1) * sizeof *out->workers);
    out->workers[out->n_workers] = info_copy(info);
    return out->n_workers++;
}

enum cep_rc clu_resources_take(struct clu_resources *r, const char *job, uint32_t n, int64_t wait_us,
    struct clu_slots *out, uint32_t *free) {
    *out = (struct clu_slots){ .workers = NULL };
    int64_t until_us = clk_mono(clk_system()) + wait_us;
    struct timespec until = (struct timespec){ (time_t)(until_us / 1000000),
        (long)(until_us % 1000000 * 1000) };
    (void)pthread_mutex_lock(&r->mutex);
    uint64_t wakes = r->wakes;
    while (n_free(r) < n && r->wakes == wakes && wait_us > 0 &&
           pthread_cond_timedwait(&r->changed, &r->mutex, &until) != ETIMEDOUT)
        ;
    uint32_t have = n_free(r);
    if (free)
        *free = have;
    if (have >= n) {
        out->worker_of = base_calloc(n + (size_t)1, sizeof *out->worker_of);
        for (out->n = 0; out->n < n; out->n++) {
            struct worker *w = freest(r);
            take_slot(w, job);
            out->worker_of[out->n] = clu_slots_add(out, &w->info);
        }
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return have >= n ? CEP_OK : CEP_AGAIN;
}

void clu_resources_give_back(struct clu_resources *r, const char *job) {
    (void)pthread_mutex_lock(&r->mutex);
    for (size_t i = 0; i < r->n; i++) {
        struct worker *w = &r->workers[i];
        for (uint32_t s = 0; s < w->info.slots; s++) {
            if (!w->jobs[s] || strcmp(w->jobs[s], job) != 0)
                continue;
            base_free(w->jobs[s]);
            w->jobs[s] = NULL;
            w->info.used--;
        }
    }
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->mutex);
}

void clu_resources_count(struct clu_resources *r, struct clu_slot_counts *out) {
    *out = (struct clu_slot_counts){ 0 };
    (void)pthread_mutex_lock(&r->mutex);
    out->workers = (uint32_t)r->n;
    out->free = n_free(r);
    for (size_t i = 0; i < r->n; i++)
        out->total += r->workers[i].info.slots;
    (void)pthread_mutex_unlock(&r->mutex);
}

void clu_resources_list(struct clu_resources *r, struct clu_slots *out) {
    *out = (struct clu_slots){ .workers = NULL };
    (void)pthread_mutex_lock(&r->mutex);
    for (size_t i = 0; i < r->n; i++)
        (void)clu_slots_add(out, &r->workers[i].info);
    (void)pthread_mutex_unlock(&r->mutex);
}

/* The k-th slot for narrow vertices of a region: r, r + n_regions, ..., round and round. */
static uint32_t narrow_slot(uint32_t region, uint32_t n_regions, uint32_t n_slots, uint32_t k) {
    uint32_t first = region % n_slots, n = 1 + (n_slots - 1 - first) / n_regions;
    return first + k % n * n_regions;
}

void clu_placement(const struct rt_exec *x, uint32_t n_slots, uint32_t *placement) {
    uint32_t *next = base_calloc(x->n_regions + (size_t)1,
        sizeof *next); /* by region: where its next vertex with fewer subtasks begins */
    for (uint32_t v = 0; v < x->job->n_vertices; v++) {
        uint32_t n = x->job->vertices[v].parallelism;
        for (uint32_t s = 0; s < n; s++) {
            uint32_t t = x->first_task[v] + s, region = x->tasks[t].region;
            placement[t] = n < n_slots ? narrow_slot(region, x->n_regions, n_slots, next[region] + s)
                                       : s % n_slots;
        }
        if (n > 0 && n < n_slots)
            next[x->tasks[x->first_task[v]].region] += n;
    }
    base_free(next);
}
