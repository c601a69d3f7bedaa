#pragma once
/*
 * bench_flow -- a program's operators fed from memory, on one thread: made-up events of its streams "a" and "b", in batches, through
 * the source's event time and watermark, and whatever the program makes of them in its stream "j". Nothing reads what comes out.
 *
 *     stream a (k int, v int, at timestamp), delay 1 s       and b, when the program has it
 *
 * Event n of either stream has time n * gap. Making events up is not counted; what is counted is the thread's processor time.
 */
#include <stdbool.h>
#include <stdint.h>

#define BENCH_STREAM(name)                                                                           \
    "stream " name " (k int, v int, at timestamp) from file (path = '" name ".ndjson') format json " \
    "event time at watermark delay 1 s;"

struct bench_flow {
    const char *streams, *text; /* BENCH_STREAM("a") ..., what follows */
    uint32_t n_streams;         /* 1: a; 2: a and b, a batch of each in turn */
    int64_t keys;
    double gap_us;         /* between two events of a stream */
    int hit;               /* per cent of events whose key the other stream has; 0 with one stream */
    int late;              /* per cent of events that are late_us behind their time */
    int64_t late_us;       /* more than the delay */
    uint64_t warm, events; /* of all streams: before it is measured, measured */
};

struct bench_flow_result {
    double ns;       /* an event */
    double rows_out; /* an event */
    double mb;       /* state at its largest, 10^6 bytes */
};

/* Returns: false after a message on stderr. */
bool bench_flow_run(const struct bench_flow *f, struct bench_flow_result *out);
