/*
 * rt_exec -- see rt_exec.h.
 */
#include "runtime/rt_exec.h"

#include "base/base_mem.h"

static bool connected(const struct plan_job *job, uint32_t from, uint32_t to) {
    for (uint32_t i = 0; i < job->n_exchanges; i++)
        if (job->exchanges[i].from == from && job->exchanges[i].to == to)
            return true;
    return false;
}

static void add_channels(struct rt_exec *x, uint32_t from, uint32_t to_task, size_t *cap) {
    for (uint32_t s = 0; s < x->job->vertices[from].parallelism; s++) {
        x->channels = base_grow(x->channels, x->n_channels, cap, sizeof *x->channels);
        x->channels[x->n_channels++] = (struct rt_exec_channel){ x->first_task[from] + s, to_task };
    }
}

/* The lowest task that it is connected with; paths are halved on the way. */
static uint32_t root(uint32_t *of, uint32_t t) {
    for (; of[t] != t; t = of[t])
        of[t] = of[of[t]];
    return t;
}

static void find_regions(struct rt_exec *x) {
    uint32_t *of = base_calloc(x->n_tasks ? x->n_tasks : 1, sizeof *of);
    for (uint32_t t = 0; t < x->n_tasks; t++)
        of[t] = t;
    for (uint32_t i = 0; i < x->n_channels; i++) {
        uint32_t a = root(of, x->channels[i].from), b = root(of, x->channels[i].to);
        of[a > b ? a : b] = a < b ? a : b;
    }
    for (uint32_t t = 0; t < x->n_tasks; t++) {
        uint32_t first = root(of, t);
        x->tasks[t].region = first == t ? x->n_regions++ : x->tasks[first].region;
    }
    base_free(of);
}

void rt_exec_init(struct rt_exec *x, const struct plan_job *job) {
    *x = (struct rt_exec){ .job = job };
    x->first_task = base_calloc(job->n_vertices + 1, sizeof *x->first_task);
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        x->first_task[v] = x->n_tasks;
        x->n_tasks += job->vertices[v].parallelism;
    }
    x->tasks = base_calloc(x->n_tasks ? x->n_tasks : 1, sizeof *x->tasks);
    size_t cap = 0;
    for (uint32_t v = 0; v < job->n_vertices; v++) {
        uint32_t n = job->vertices[v].parallelism;
        for (uint32_t s = 0; s < n; s++) {
            uint32_t task = x->first_task[v] + s;
            x->tasks[task] = (struct rt_exec_task){ .vertex = v, .subtask = s, .groups = sto_range_of(s, n) };
            for (uint32_t from = 0; from < job->n_vertices; from++)
                if (connected(job, from, v))
                    add_channels(x, from, task, &cap);
        }
    }
    find_regions(x);
}

void rt_exec_release(struct rt_exec *x) {
    base_free(x->tasks);
    base_free(x->first_task);
    base_free(x->channels);
    *x = (struct rt_exec){ .job = NULL };
}
