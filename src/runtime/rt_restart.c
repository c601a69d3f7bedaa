/*
 * rt_restart -- see rt_restart.h.
 */
#include "runtime/rt_restart.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned next;
} states[RT_STATE_MAX] = {
#define RT_STATE_ROW(id, text, to) [RT_STATE_##id] = { text, to },
    RT_STATE_LIST(RT_STATE_ROW)
#undef RT_STATE_ROW
};

const char *rt_state_name(enum rt_state s) {
    return states[s].name;
}

bool rt_state_may(enum rt_state from, enum rt_state to) {
    return (states[from].next >> to & 1u) != 0;
}

bool rt_state_is_final(enum rt_state s) {
    return states[s].next == 0;
}

#define SECOND INT64_C(1000000)

void rt_restart_defaults(struct rt_restart_spec *spec, enum rt_restart_kind kind) {
    static const struct rt_restart_spec defaults[RT_RESTART_MAX] = {
        [RT_RESTART_NONE] = { .kind = RT_RESTART_NONE },
        [RT_RESTART_FIXED_DELAY] = { .kind = RT_RESTART_FIXED_DELAY, .attempts = 3, .delay_us = SECOND },
        [RT_RESTART_EXPONENTIAL_DELAY] = { .kind = RT_RESTART_EXPONENTIAL_DELAY,
            .delay_us = SECOND,
            .max_delay_us = 60 * SECOND,
            .factor_percent = 150,
            .reset_after_us = 3600 * SECOND },
        [RT_RESTART_FAILURE_RATE] = { .kind = RT_RESTART_FAILURE_RATE,
            .attempts = 3,
            .delay_us = SECOND,
            .interval_us = 60 * SECOND },
    };
    *spec = defaults[kind];
}

static const char *const kinds[RT_RESTART_MAX] = {
    [RT_RESTART_NONE] = "none",
    [RT_RESTART_FIXED_DELAY] = "fixed-delay",
    [RT_RESTART_EXPONENTIAL_DELAY] = "exponential-delay",
    [RT_RESTART_FAILURE_RATE] = "failure-rate",
};

const char *rt_restart_name(enum rt_restart_kind kind) {
    return kinds[kind];
}

bool rt_restart_find(const char *name, enum rt_restart_kind *out) {
    for (int k = 0; k < RT_RESTART_MAX; k++)
        if (strcmp(kinds[k], name) == 0) {
            *out = (enum rt_restart_kind)k;
            return true;
        }
    return false;
}

void rt_restart_init(struct rt_restart *r, const struct rt_restart_spec *spec) {
    *r = (struct rt_restart){ .spec = *spec, .next_delay_us = spec->delay_us };
    if (spec->kind == RT_RESTART_FAILURE_RATE && spec->attempts > 0)
        r->failures = base_calloc(spec->attempts, sizeof *r->failures);
}

void rt_restart_release(struct rt_restart *r) {
    base_free(r->failures);
    r->failures = NULL;
}

void rt_restart_running(struct rt_restart *r, int64_t now_us) {
    r->running_since_us = now_us;
}

/* This delay; the next one is longer. */
static int64_t exponential(struct rt_restart *r, int64_t now_us) {
    const struct rt_restart_spec *s = &r->spec;
    if (now_us - r->running_since_us >= s->reset_after_us)
        r->next_delay_us = s->delay_us;
    int64_t delay = r->next_delay_us, next;
    if (__builtin_mul_overflow(delay, (int64_t)s->factor_percent, &next))
        next = INT64_MAX;
    next /= 100;
    r->next_delay_us = next < s->max_delay_us ? next : s->max_delay_us;
    return delay < s->max_delay_us ? delay : s->max_delay_us;
}

/* True when this failure is one more than the interval may have. */
static bool too_many(struct rt_restart *r, int64_t now_us) {
    if (r->spec.attempts == 0)
        return true;
    int64_t *oldest = &r->failures[r->n_failures % r->spec.attempts];
    bool full = r->n_failures >= r->spec.attempts && now_us - *oldest < r->spec.interval_us;
    *oldest = now_us;
    r->n_failures++;
    return full;
}

void rt_restart_write_limit(const struct rt_restart *r, char *text, size_t cap) {
    const struct rt_restart_spec *s = &r->spec;
    const char *name = rt_restart_name(s->kind);
    switch (s->kind) {
    case RT_RESTART_NONE: (void)snprintf(text, cap, "restart.strategy is none"); break;
    case RT_RESTART_FIXED_DELAY:
        (void)snprintf(
            text, cap, "restart.strategy %s allows %u in all (restart.attempts)", name, s->attempts);
        break;
    case RT_RESTART_FAILURE_RATE:
        (void)snprintf(text, cap,
            "restart.strategy %s allows %u failures in %.1f s (restart.attempts, restart.interval)", name,
            s->attempts, (double)s->interval_us / 1e6);
        break;
    case RT_RESTART_EXPONENTIAL_DELAY: /* has none */
    case RT_RESTART_MAX: CEP_INSIST(!"a strategy that gives up");
    }
}

int64_t rt_restart_failed(struct rt_restart *r, int64_t now_us) {
    int64_t delay = -1;
    switch (r->spec.kind) {
    case RT_RESTART_NONE: break;
    case RT_RESTART_FIXED_DELAY: delay = r->n_restarts < r->spec.attempts ? r->spec.delay_us : -1; break;
    case RT_RESTART_EXPONENTIAL_DELAY: delay = exponential(r, now_us); break;
    case RT_RESTART_FAILURE_RATE: delay = too_many(r, now_us) ? -1 : r->spec.delay_us; break;
    case RT_RESTART_MAX: CEP_INSIST(!"a strategy");
    }
    r->n_restarts += delay >= 0;
    return delay;
}
