#pragma once
/*
 * clk -- processing time, as a parameter.
 *
 * Nobody outside src/time asks the system for the time: a `struct clk` is handed down, so that tests step it by hand.
 * Units: microseconds since the epoch (now_us, may be set back by the administrator) and microseconds on a clock
 * that only goes forward (mono_us); what a thread took of a processor (cpu_us) tells its own work from that of others on a busy machine.
 *
 * Threads: the system clock may be shared; a manual one belongs to one thread.
 */
#include <stdint.h>

struct clk {
    int64_t (*now_us)(const struct clk *c);
    int64_t (*mono_us)(const struct clk *c);
    int64_t (*cpu_us)(const struct clk *c); /* processor time of the thread that asks */
    int64_t manual_us;                      /* of a manual clock: all of them */
};

/* The machine's clock: static, never freed. */
const struct clk *clk_system(void);
/* A clock that stands still until clk_manual_set(). */
void clk_manual_init(struct clk *c, int64_t start_us);
void clk_manual_set(struct clk *c, int64_t us);

static inline int64_t clk_now(const struct clk *c) {
    return c->now_us(c);
}
static inline int64_t clk_mono(const struct clk *c) {
    return c->mono_us(c);
}
static inline int64_t clk_cpu(const struct clk *c) {
    return c->cpu_us(c);
}
