#pragma once
/* Random events and patterns for tests that compare runs of a job: what one run writes is what every other one has to. */
#include "runtime/rt_snap.h"
#include "tests/runtime/rt_kit.h"

enum { RT_RANDOM_OUTPUTS = 6 };

struct rt_random {
    char dir[64]; /* of everything that is read and written */
    uint64_t random;
    uint32_t n_copies; /* of databases */
    struct base_buf program;
};

/* *state: a struct rt_random with a new folder; tear_down removes it. */
int rt_random_set_up(void **state);
int rt_random_tear_down(void **state);

/* 0..n-1 */
uint32_t rt_random_below(struct rt_random *f, uint32_t n);
void rt_random_path(const struct rt_random *f, const char *name, char *out, size_t cap);
/* Rows with ties in time, disorder within the watermark's delay, and some that are late. */
void rt_random_events(struct rt_random *f, const char *name, uint32_t n);
/* Lines of a file by their first column, each key's in the order of the file. */
void rt_random_output(const struct rt_random *f, const char *name, struct base_buf *out);
/* Appends pattern p<number> on streams a and b. */
void rt_random_pattern(struct rt_random *f, uint32_t number);

#define RT_RANDOM_STREAM(name)                                                                            \
    "stream " name " (k string, g int, v int, at timestamp) from file (path = '" name ".ndjson') format " \
    "json event time at watermark delay 500 ms;\n"

/* A program of such patterns, another operator with state and a window: RT_RANDOM_OUTPUTS of them, the i-th of which writes out<i>.csv. */
void rt_random_program(struct rt_random *f);
/* Those files; out: RT_RANDOM_OUTPUTS buffers. */
void rt_random_outputs(const struct rt_random *f, struct base_buf *out);
/* Fails the test, and shows the program, when the outputs differ. */
void rt_random_same_outputs(
    struct rt_random *f, struct base_buf *want, struct base_buf *got, const char *what);

/* As a checkpoint on disk is read back, without the cost of making it durable. */
void rt_random_copy(struct rt_random *f, struct rt_snap *to, const struct rt_snap *from);
/* How many parts of rows that were under way it has. */
uint64_t rt_random_flights(const struct rt_snap *snap);
