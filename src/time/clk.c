/*
 * clk -- see clk.h.
 */
#include "time/clk.h"

#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec ts;
    if (clock_gettime(id, &ts) != 0)
        return 0; /* cannot fail for these clocks */
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t system_now(const struct clk *c) {
    (void)c;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(const struct clk *c) {
    (void)c;
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_cpu(const struct clk *c) {
    (void)c;
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int64_t manual_now(const struct clk *c) {
    return c->manual_us;
}

static const struct clk system_clock = { .now_us = system_now, .mono_us = system_mono, .cpu_us = system_cpu };

const struct clk *clk_system(void) {
    return &system_clock;
}

void clk_manual_init(struct clk *c, int64_t start_us) {
    *c = (struct clk){
        .now_us = manual_now, .mono_us = manual_now, .cpu_us = manual_now, .manual_us = start_us
    };
}

void clk_manual_set(struct clk *c, int64_t us) {
    c->manual_us = us;
}
