/*
 * wire_bench -- rows from one process to another over loopback: events a second and bytes an event, by codec, from one task to one task;
 * and what packing and unpacking cost alone. The rows are payments: an id that counts up, a card, an amount, a country, a time.
 */
#include "base/base_check.h"
#include "base/base_mem.h"
#include "cluster/clu_batch.h"
#include "cluster/clu_data.h"
#include "runtime/rt_ring.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RING = 64, SECONDS = 2, ALONE = 2000 };

static struct evt_column columns[5];
static struct evt_schema schema;

static void schema_init(void) {
    static const enum evt_kind kinds[] = { EVT_INT, EVT_STRING, EVT_DOUBLE, EVT_STRING, EVT_TIMESTAMP };
    for (size_t i = 0; i < CEP_COUNT_OF(kinds); i++)
        columns[i] = (struct evt_column){ .name = BASE_STR("c"), .type = evt_type_of(kinds[i]) };
    schema = (struct evt_schema){ .n_cols = 5, .n_visible = 5, .cols = columns };
}

static struct evt_batch *payments(void) {
    static const char *const countries[] = { "DE", "FR", "US", "GB", "NL" };
    struct evt_batch *b = evt_batch_new(&schema, EVT_BATCH_ROWS);
    uint64_t x = 88172645463325252;
    for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++) {
        char card[32];
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        evt_col_set_i(&b->cols[0], i, 1000000 + i);
        evt_col_set_bytes(
            &b->cols[1], i, card, (uint32_t)snprintf(card, sizeof card, "card-%05u", (unsigned)(x % 10000)));
        evt_col_set_d(&b->cols[2], i, (double)(x % 100000) / 100);
        evt_col_set_bytes(&b->cols[3], i, countries[x % 5], 2);
        evt_col_set_i(&b->cols[4], i, INT64_C(1700000000000000) + (int64_t)i * 1000);
        b->time[i] = b->cols[4].i[i];
        b->origin[i] = 0;
        b->seq[i] = i;
        evt_batch_end_row(b);
    }
    return b;
}

static double seconds(clockid_t clock) {
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* -- one end ------------------------------------------------------------------------------------------------------------- */

static const struct evt_elem *peek(void *arg, uint32_t channel) {
    (void)channel;
    return rt_ring_peek(arg);
}
static void pop(void *arg, uint32_t channel, struct evt_elem *out) {
    (void)channel;
    CEP_INSIST(rt_ring_pop(arg, out));
}
static uint32_t room(void *arg, uint32_t channel) {
    struct rt_ring *r = arg;
    (void)channel;
    return r->cap - rt_ring_n(r);
}
static void push(void *arg, uint32_t channel, const struct evt_elem *e) {
    (void)channel;
    CEP_INSIST(rt_ring_push(arg, e));
}
static void announced(void *arg, uint32_t channel, uint64_t id) {
    (void)arg;
    (void)channel;
    (void)id;
}
static const struct evt_schema *schema_at(void *arg, uint32_t channel, uint32_t stream) {
    (void)arg;
    (void)channel;
    (void)stream;
    return &schema;
}
static void broken(void *arg, const struct cep_err *why) {
    (void)arg;
    fprintf(stderr, "wire_bench: %s\n", why->message);
    exit(1);
}
static const struct clu_data_fns fns = { peek, pop, room, push, announced, schema_at, broken };

struct end {
    struct clu_loop *loop;
    struct clu_data *data;
    struct clu_part *part;
    struct rt_ring *ring;
};

static void begin(struct end *e, const char *name, enum clu_codec codec) {
    const struct clu_data_opts opts = { .worker = name, .address = "127.0.0.1:0", .codec = codec };
    e->ring = rt_ring_new(RING);
    CEP_INSIST(
        clu_loop_start(&e->loop, NULL) == CEP_OK && clu_data_start(e->loop, &opts, &e->data, NULL) == CEP_OK);
}

static void attach(struct end *e, bool out, const char *other, unsigned port) {
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    const struct clu_data_channel channel = { 0, out, other, address };
    const struct clu_part_opts opts = {
        .job = "j", .attempt = 1, .channels = &channel, .n_channels = 1, .fns = fns, .arg = e->ring
    };
    CEP_INSIST(clu_data_attach(e->data, &opts, &e->part, NULL) == CEP_OK);
}

/* Until STOP; tells the other process when it has come. */
static void read_all(int from, int to) {
    struct end e;
    unsigned port, mine;
    struct evt_elem elem = { .kind = EVT_ELEM_MAX };
    enum clu_codec codec;
    CEP_INSIST(read(from, &codec, sizeof codec) == sizeof codec);
    begin(&e, "b", codec);
    mine = clu_data_port(e.data);
    CEP_INSIST(write(to, &mine, sizeof mine) == sizeof mine && read(from, &port, sizeof port) == sizeof port);
    attach(&e, false, "a", port);
    for (uint32_t n = 0; elem.kind != EVT_ELEM_STOP;) {
        if (!rt_ring_pop(e.ring, &elem)) {
            usleep(50);
            continue;
        }
        if (elem.kind == EVT_ELEM_BATCH)
            evt_batch_unref(elem.batch);
        if (++n % (RING / 4) == 0)
            clu_data_wake(e.part, 0);
    }
    clu_data_detach(e.part);
    CEP_INSIST(write(to, &mine, sizeof mine) == sizeof mine);
    CEP_INSIST(read(from, &port, sizeof port) ==
               sizeof port); /* its end of the connection stays until nobody needs it */
    _exit(0);
}

static void put(struct end *e, const struct evt_elem *elem) {
    while (!rt_ring_push(e->ring, elem)) {
        clu_data_wake(e->part, 0);
        usleep(50);
    }
}

static void run(const char *name, enum clu_codec codec) {
    int down[2], up[2];
    CEP_INSIST(pipe(down) == 0 && pipe(up) == 0);
    pid_t child = fork(); /* before there is any thread */
    CEP_INSIST(child >= 0);
    if (child == 0)
        read_all(down[0], up[1]);
    struct end e;
    unsigned port, mine;
    CEP_INSIST(write(down[1], &codec, sizeof codec) == sizeof codec);
    begin(&e, "a", codec);
    mine = clu_data_port(e.data);
    CEP_INSIST(
        read(up[0], &port, sizeof port) == sizeof port && write(down[1], &mine, sizeof mine) == sizeof mine);
    attach(&e, true, "b", port);
    struct evt_batch *b = payments();
    double from = seconds(CLOCK_MONOTONIC);
    uint64_t n = 0;
    while (seconds(CLOCK_MONOTONIC) - from < SECONDS) {
        for (int i = 0; i < RING / 4; i++, n++)
            put(&e, &(struct evt_elem){ .kind = EVT_ELEM_BATCH, .batch = evt_batch_ref(b) });
        clu_data_wake(e.part, 0);
    }
    put(&e, &(struct evt_elem){ .kind = EVT_ELEM_STOP });
    clu_data_wake(e.part, 0);
    CEP_INSIST(read(up[0], &port, sizeof port) == sizeof port);
    double took = seconds(CLOCK_MONOTONIC) - from;
    struct clu_data_stats s;
    clu_data_stats(e.data, &s);
    double events = (double)n * EVT_BATCH_ROWS;
    printf("%-6s %7.1f M events/s  %7.1f MB/s on the wire  %6.2f bytes/event\n", name, events / took / 1e6,
        (double)s.counts.bytes_out / took / 1e6, (double)s.counts.bytes_out / events);
    fflush(stdout);
    clu_data_detach(e.part);
    rt_ring_free(e.ring);
    clu_part_free(e.part);
    CEP_INSIST(write(down[1], &mine, sizeof mine) == sizeof mine);
    clu_data_stop(e.data);
    clu_loop_stop(e.loop);
    evt_batch_unref(b);
    CEP_INSIST(waitpid(child, NULL, 0) == child);
    for (int i = 0; i < 2; i++)
        close(down[i]), close(up[i]);
}

static void alone(void) {
    struct evt_batch *b = payments();
    struct base_buf out = BASE_BUF_INIT;
    double from = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < ALONE; i++) {
        uint32_t row = 0;
        base_buf_clear(&out);
        CEP_INSIST(clu_batch_pack(&out, b, &row, 1 << 20) == EVT_BATCH_ROWS);
    }
    double mid = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < ALONE; i++)
        evt_batch_unref(clu_batch_unpack(base_buf_view(&out), &schema));
    double end = seconds(CLOCK_PROCESS_CPUTIME_ID), per = 1e9 / ALONE / EVT_BATCH_ROWS;
    printf("alone  pack %.1f ns/event  unpack %.1f ns/event  %.2f bytes/event\n", (mid - from) * per,
        (end - mid) * per, (double)out.len / EVT_BATCH_ROWS);
    base_buf_release(&out);
    evt_batch_unref(b);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    schema_init();
    alone();
    run("none", CLU_CODEC_NONE);
    run("lz4", CLU_CODEC_LZ4);
    run("zstd", CLU_CODEC_ZSTD);
    return 0;
}
