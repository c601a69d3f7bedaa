#pragma once
/*
 * rt_restart -- whether and when a job that failed begins again; and the states of a job, with the ways between them.
 *
 *     created ─▶ running ─┬▶ finished
 *        │          │     ├▶ cancelling ─▶ cancelled
 *        │          │     └▶ suspended
 *        │          ▼
 *        └─────▶ failing ─┬▶ failed
 *                   ▲     └▶ restarting ─▶ running
 *                   └────────────┘
 *
 * The strategies are Flink's: fixed-delay gives up after so many attempts; exponential-delay waits longer each time and begins
 * anew when the job has run long enough; failure-rate gives up when there were too many failures in an interval.
 *
 * Time is a parameter (monotonic microseconds). Threads: none; the job's owner has it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* STATE(enumerator, name, the states it may go to, as bits) */
#define RT_STATE_LIST(STATE)                                                                                 \
    STATE(CREATED, "created", 1u << RT_STATE_RUNNING | 1u << RT_STATE_FAILING | 1u << RT_STATE_CANCELLED)    \
    STATE(RUNNING, "running",                                                                                \
        1u << RT_STATE_FAILING | 1u << RT_STATE_FINISHED | 1u << RT_STATE_CANCELLING |                       \
            1u << RT_STATE_SUSPENDED)                                                                        \
    STATE(FAILING, "failing", 1u << RT_STATE_FAILED | 1u << RT_STATE_RESTARTING | 1u << RT_STATE_CANCELLING) \
    STATE(FAILED, "failed", 0)                                                                               \
    STATE(RESTARTING, "restarting",                                                                          \
        1u << RT_STATE_RUNNING | 1u << RT_STATE_FAILING | 1u << RT_STATE_CANCELLING |                        \
            1u << RT_STATE_SUSPENDED)                                                                        \
    STATE(CANCELLING, "cancelling", 1u << RT_STATE_CANCELLED)                                                \
    STATE(CANCELLED, "cancelled", 0)                                                                         \
    STATE(SUSPENDED, "suspended", 1u << RT_STATE_RESTARTING | 1u << RT_STATE_CANCELLED)                      \
    STATE(FINISHED, "finished", 0)

enum rt_state {
#define RT_STATE_ENUM(id, name, next) RT_STATE_##id,
    RT_STATE_LIST(RT_STATE_ENUM)
#undef RT_STATE_ENUM
        RT_STATE_MAX
};

const char *rt_state_name(enum rt_state s);
bool rt_state_may(enum rt_state from, enum rt_state to);
/* Nothing comes after it. */
bool rt_state_is_final(enum rt_state s);

enum rt_restart_kind {
    RT_RESTART_NONE = 0,
    RT_RESTART_FIXED_DELAY,
    RT_RESTART_EXPONENTIAL_DELAY,
    RT_RESTART_FAILURE_RATE,
    RT_RESTART_MAX
};

struct rt_restart_spec {
    enum rt_restart_kind kind;
    uint32_t attempts;       /* FIXED_DELAY: restarts in all; FAILURE_RATE: failures in interval_us */
    int64_t delay_us;        /* before a restart; EXPONENTIAL_DELAY: before the first */
    int64_t max_delay_us;    /* EXPONENTIAL_DELAY */
    uint32_t factor_percent; /* EXPONENTIAL_DELAY: what each delay is of the one before; 150 */
    int64_t reset_after_us;  /* EXPONENTIAL_DELAY: a job that ran so long begins with delay_us again */
    int64_t interval_us;     /* FAILURE_RATE */
};

/* Flink's defaults for the kind. */
void rt_restart_defaults(struct rt_restart_spec *spec, enum rt_restart_kind kind);
const char *rt_restart_name(enum rt_restart_kind kind);
/* Returns: false when there is no strategy of that name. */
bool rt_restart_find(const char *name, enum rt_restart_kind *out);

struct rt_restart {
    struct rt_restart_spec spec;
    uint32_t n_restarts;   /* allowed so far */
    int64_t next_delay_us; /* EXPONENTIAL_DELAY */
    int64_t running_since_us;
    int64_t *failures; /* owned; FAILURE_RATE: when the last `attempts` ones were, as a ring */
    size_t n_failures; /* ever */
};

void rt_restart_init(struct rt_restart *r, const struct rt_restart_spec *spec);
void rt_restart_release(struct rt_restart *r);
/* The job runs (again). */
void rt_restart_running(struct rt_restart *r, int64_t now_us);
/* The job failed. Returns: microseconds to wait before it begins again, or -1: it has failed for good. */
int64_t rt_restart_failed(struct rt_restart *r, int64_t now_us);
/* Why it has: what the strategy allows, in words, as a string of at most `cap` bytes. */
void rt_restart_write_limit(const struct rt_restart *r, char *text, size_t cap);
