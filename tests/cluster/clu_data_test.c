/*
 * clu_data_test -- rows between workers over real sockets: order, credits, slow channels beside fast ones, barriers that overtake,
 * parts that come in any order, attempts that are not mixed, connections that are cut, slow, silent, damaged or not ours.
 */
#include "tests/cluster/clu_kit.h"

#include "base/base_check.h"
#include "cluster/clu_data_wire.h"
#include "cluster/clu_frame.h"
#include "runtime/rt_ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { N_CHANNELS = 4, RING = 16 };

/* A job's part in a worker: rings instead of tasks. The test writes the out rings and reads the in rings. */
struct fake {
    struct clu_part *part;
    struct rt_ring *rings[N_CHANNELS];
    bool in[N_CHANNELS];
    atomic_uint_fast64_t announced[N_CHANNELS];
    atomic_int broken;
    pthread_mutex_t mutex;
    char why[600];
};

/* Set once, before any thread. */
static struct evt_column columns[2];
static struct evt_schema schema;
static void schema_init(void) {
    columns[0] = (struct evt_column){ .name = BASE_STR("n"), .type = evt_type_of(EVT_INT) };
    columns[1] = (struct evt_column){ .name = BASE_STR("s"), .type = evt_type_of(EVT_STRING) };
    schema = (struct evt_schema){ .n_cols = 2, .n_visible = 2, .cols = columns };
}

static const struct evt_elem *fake_peek(void *arg, uint32_t channel) {
    return rt_ring_peek(((struct fake *)arg)->rings[channel]);
}
static void fake_pop(void *arg, uint32_t channel, struct evt_elem *out) {
    assert_true(rt_ring_pop(((struct fake *)arg)->rings[channel], out));
}
static uint32_t fake_room(void *arg, uint32_t channel) {
    struct rt_ring *r = ((struct fake *)arg)->rings[channel];
    return r->cap - rt_ring_n(r);
}
static void fake_push(void *arg, uint32_t channel, const struct evt_elem *e) {
    assert_true(rt_ring_push(((struct fake *)arg)->rings[channel], e)); /* credits promise it */
}
static void fake_announced(void *arg, uint32_t channel, uint64_t id) {
    atomic_store(&((struct fake *)arg)->announced[channel], id);
}
static const struct evt_schema *fake_schema(void *arg, uint32_t channel, uint32_t stream) {
    (void)arg;
    (void)channel;
    return stream < 2 ? &schema : NULL;
}
static void fake_broken(void *arg, const struct cep_err *why) {
    struct fake *f = arg;
    pthread_mutex_lock(&f->mutex);
    snprintf(f->why, sizeof f->why, "%s", why->message);
    pthread_mutex_unlock(&f->mutex);
    atomic_fetch_add(&f->broken, 1);
}
static const struct clu_data_fns fake_fns = { fake_peek, fake_pop, fake_room, fake_push, fake_announced,
    fake_schema, fake_broken };

struct fix {
    struct clu_loop *loop_a, *loop_b;
    struct clu_data *a, *b; /* workers "a" and "b": a connects */
    char at_a[64], at_b[64];
    struct clu_data_opts opts;
    struct fake fa, fb;
};

static void fake_init(struct fake *f, bool in) {
    *f = (struct fake){ .part = NULL };
    pthread_mutex_init(&f->mutex, NULL);
    for (int i = 0; i < N_CHANNELS; i++) {
        f->rings[i] = rt_ring_new(RING);
        f->in[i] = in;
    }
}

static void fake_release(struct fake *f) {
    clu_part_free(f->part);
    f->part = NULL;
    for (int i = 0; i < N_CHANNELS; i++) {
        rt_ring_free(f->rings[i]);
        f->rings[i] = NULL;
    }
}

static void attach(
    struct clu_data *d, struct fake *f, uint32_t attempt, const char *worker, const char *address) {
    struct clu_data_channel channels[N_CHANNELS];
    for (uint32_t i = 0; i < N_CHANNELS; i++)
        channels[i] = (struct clu_data_channel){ i, !f->in[i], worker, address };
    const struct clu_part_opts opts = { .job = "j",
        .attempt = attempt,
        .channels = channels,
        .n_channels = N_CHANNELS,
        .fns = fake_fns,
        .arg = f };
    assert_int_equal(clu_data_attach(d, &opts, &f->part, NULL), CEP_OK);
}

static void start(struct fix *f) {
    f->opts.address = "127.0.0.1:0";
    f->opts.worker = "a";
    assert_int_equal(clu_data_start(f->loop_a, &f->opts, &f->a, NULL), CEP_OK);
    f->opts.worker = "b";
    assert_int_equal(clu_data_start(f->loop_b, &f->opts, &f->b, NULL), CEP_OK);
    snprintf(f->at_a, sizeof f->at_a, "127.0.0.1:%u", clu_data_port(f->a));
    snprintf(f->at_b, sizeof f->at_b, "127.0.0.1:%u", clu_data_port(f->b));
}

static int setup(void **state) {
    struct fix *f = base_calloc(1, sizeof *f);
    f->loop_a = kit_loop();
    f->loop_b = kit_loop();
    f->opts = (struct clu_data_opts){
        .token = "t", .heartbeat_interval_us = 50000, .heartbeat_timeout_us = 3000000
    };
    fake_init(&f->fa, false);
    fake_init(&f->fb, true);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fix *f = *state;
    fake_release(&f->fa);
    fake_release(&f->fb);
    clu_data_stop(f->a);
    clu_data_stop(f->b);
    clu_loop_stop(f->loop_a);
    clu_loop_stop(f->loop_b);
    base_free(f);
    return 0;
}

static struct evt_batch *numbers(int64_t first, uint32_t n) {
    struct evt_batch *b = evt_batch_new(&schema, n);
    for (uint32_t i = 0; i < n; i++) {
        char text[32];
        evt_col_set_i(&b->cols[0], i, first + i);
        evt_col_set_bytes(
            &b->cols[1], i, text, (uint32_t)snprintf(text, sizeof text, "row %ld", (long)(first + i)));
        b->time[i] = first + i;
        b->origin[i] = 0;
        b->seq[i] = (uint64_t)(first + i);
        evt_batch_end_row(b);
    }
    return b;
}

/* Waits for room. */
static void put(struct fake *f, uint32_t channel, struct evt_elem e) {
    for (int i = 0; !rt_ring_push(f->rings[channel], &e); i++) {
        assert_true(i < 200000);
        clu_data_wake(f->part, channel);
        usleep(100);
    }
    clu_data_wake(f->part, channel);
}

static struct evt_elem take(struct fake *f, uint32_t channel) {
    struct evt_elem e;
    for (int i = 0; !rt_ring_pop(f->rings[channel], &e); i++) {
        assert_true(i < 200000);
        usleep(100);
    }
    clu_data_wake(f->part, channel);
    return e;
}

enum { ELEMS = 300, ROWS = 50 };

struct writing {
    struct fake *f;
    uint32_t channel;
};

/* Batches, with a watermark behind each; one in seven has a selection that drops every other row; then END and STOP. */
static void *write_channel(void *arg) {
    struct writing *w = arg;
    for (int64_t i = 0; i < ELEMS; i++) {
        struct evt_batch *b = numbers(i * ROWS, ROWS);
        if (i % 7 == 0)
            for (uint32_t k = 1; k < ROWS; k += 2)
                evt_batch_need_sel(b)[0] &= ~(UINT64_C(1) << k);
        put(w->f, w->channel,
            (struct evt_elem){ .kind = EVT_ELEM_BATCH, .stream = (uint32_t)(i % 2), .batch = b });
        put(w->f, w->channel, (struct evt_elem){ .kind = EVT_ELEM_WATERMARK, .stream = 1, .watermark = i });
    }
    put(w->f, w->channel, (struct evt_elem){ .kind = EVT_ELEM_BARRIER, .barrier = 9 });
    put(w->f, w->channel, (struct evt_elem){ .kind = EVT_ELEM_IDLE, .stream = 0, .idle = true });
    put(w->f, w->channel, (struct evt_elem){ .kind = EVT_ELEM_END, .stream = 0 });
    put(w->f, w->channel, (struct evt_elem){ .kind = EVT_ELEM_STOP });
    return NULL;
}

static void read_channel(struct fake *f, uint32_t channel) {
    for (int64_t i = 0; i < ELEMS; i++) {
        struct evt_elem e = take(f, channel);
        assert_int_equal(e.kind, EVT_ELEM_BATCH);
        assert_int_equal(e.stream, i % 2);
        uint32_t step = i % 7 == 0 ? 2 : 1;
        assert_int_equal(e.batch->n_rows, ROWS / step);
        for (uint32_t k = 0; k < e.batch->n_rows; k++) {
            char text[32];
            int64_t n = i * ROWS + k * step;
            assert_int_equal(e.batch->cols[0].i[k], n);
            assert_int_equal(e.batch->seq[k], n);
            struct base_str s = evt_col_str(&e.batch->cols[1], k);
            assert_int_equal(s.len, snprintf(text, sizeof text, "row %ld", (long)n));
            assert_memory_equal(s.p, text, s.len);
        }
        evt_batch_unref(e.batch);
        e = take(f, channel);
        assert_int_equal(e.kind, EVT_ELEM_WATERMARK);
        assert_int_equal(e.watermark, i);
    }
    assert_int_equal(take(f, channel).barrier, 9);
    assert_true(take(f, channel).idle);
    assert_int_equal(take(f, channel).kind, EVT_ELEM_END);
    assert_int_equal(take(f, channel).kind, EVT_ELEM_STOP);
}

/* All channels from a to b. */
static void flow(struct fix *f) {
    pthread_t threads[N_CHANNELS];
    struct writing w[N_CHANNELS];
    for (uint32_t i = 0; i < N_CHANNELS; i++) {
        w[i] = (struct writing){ &f->fa, i };
        assert_int_equal(pthread_create(&threads[i], NULL, write_channel, &w[i]), 0);
    }
    for (uint32_t i = 0; i < N_CHANNELS; i++)
        read_channel(&f->fb, i);
    for (uint32_t i = 0; i < N_CHANNELS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&f->fa.broken) + atomic_load(&f->fb.broken), 0);
}

static void flow_with(struct fix *f, enum clu_codec codec) {
    f->opts.codec = codec;
    start(f);
    attach(f->a, &f->fa, 1, "b", f->at_b);
    attach(f->b, &f->fb, 1, "a", f->at_a);
    flow(f);
}

static void elements_arrive_in_their_order(void **state) {
    struct fix *f = *state;
    flow_with(f, CLU_CODEC_NONE);
    struct clu_data_channel_stat stats[N_CHANNELS];
    assert_int_equal(clu_data_part_stats(f->fb.part, stats, N_CHANNELS), N_CHANNELS);
    assert_int_equal(stats[1].elements, 2 * ELEMS + 4);
    assert_int_equal(stats[1].rows, ELEMS * ROWS - (ELEMS + 6) / 7 * (ROWS / 2));
    struct clu_data_stats a, b;
    clu_data_stats(f->a, &a);
    clu_data_stats(f->b, &b);
    assert_int_equal(a.open, 1);
    assert_int_equal(a.connections, 1); /* one for all channels */
    assert_true(b.counts.bytes_in >= N_CHANNELS * stats[1].bytes);
    assert_true(a.counts.frames_out >= N_CHANNELS * (2 * ELEMS + 4));
    assert_int_equal(a.counts.batches_out, N_CHANNELS * ELEMS);
    assert_int_equal(b.counts.batches_in, N_CHANNELS * ELEMS);
    assert_int_equal(b.counts.rows_in, N_CHANNELS * stats[1].rows);
    struct clu_data_peer_stat peer;
    assert_int_equal(clu_data_peer_stats(f->a, &peer, 1), 1);
    assert_string_equal(peer.worker, "b");
    assert_true(peer.open);
    assert_int_equal(peer.connections, 1);
    assert_int_equal(peer.channels, N_CHANNELS);
    assert_int_equal(peer.waiting, 0);
    assert_int_equal(peer.counts.rows_out, b.counts.rows_in);
}

static void compressed_with_lz4_they_do_too(void **state) {
    flow_with(*state, CLU_CODEC_LZ4);
}

static void compressed_with_zstd_they_do_too(void **state) {
    flow_with(*state, CLU_CODEC_ZSTD);
}

static void parts_may_be_attached_in_any_order_and_the_other_way_round(void **state) {
    struct fix *f = *state;
    start(f);
    for (int i = 0; i < N_CHANNELS; i++) { /* b writes, a reads */
        f->fa.in[i] = true;
        f->fb.in[i] = false;
    }
    attach(f->a, &f->fa, 1, "b", f->at_b);
    usleep(100000); /* its subscriptions wait at b */
    attach(f->b, &f->fb, 1, "a", f->at_a);
    struct writing w = { &f->fb, 2 };
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, write_channel, &w), 0);
    read_channel(&f->fa, 2);
    pthread_join(t, NULL);
}

static void a_slow_channel_holds_up_nobody_else(void **state) {
    struct fix *f = *state;
    start(f);
    attach(f->a, &f->fa, 1, "b", f->at_b);
    attach(f->b, &f->fb, 1, "a", f->at_a);
    for (int64_t i = 0; i < 2 * RING; i++) /* nobody reads it: ring there and ring here are full */
        put(&f->fa, 0, (struct evt_elem){ .kind = EVT_ELEM_BATCH, .stream = 0, .batch = numbers(i, 100) });
    KIT_WAIT(rt_ring_n(f->fb.rings[0]) == RING && rt_ring_n(f->fa.rings[0]) == RING);
    struct writing w = { &f->fa, 1 };
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, write_channel, &w), 0);
    read_channel(&f->fb, 1);
    pthread_join(t, NULL);
    assert_int_equal(rt_ring_n(f->fb.rings[0]), RING);
    struct clu_data_channel_stat stats[N_CHANNELS];
    clu_data_part_stats(f->fa.part, stats, N_CHANNELS);
    assert_int_equal(stats[0].credits, 0);
    struct clu_data_peer_stat peer;
    assert_int_equal(clu_data_peer_stats(f->a, &peer, 1), 1);
    assert_int_equal(peer.waiting, 1);
    for (int64_t i = 0; i < 2 * RING; i++) {
        struct evt_elem e = take(&f->fb, 0);
        assert_int_equal(e.batch->cols[0].i[0], i);
        evt_batch_unref(e.batch);
    }
}

static void an_announced_barrier_overtakes_a_channel_that_is_full(void **state) {
    struct fix *f = *state;
    start(f);
    attach(f->a, &f->fa, 1, "b", f->at_b);
    attach(f->b, &f->fb, 1, "a", f->at_a);
    for (int64_t i = 0; i < 2 * RING; i++)
        put(&f->fa, 3, (struct evt_elem){ .kind = EVT_ELEM_BATCH, .stream = 0, .batch = numbers(i, 10) });
    KIT_WAIT(rt_ring_n(f->fb.rings[3]) == RING);
    clu_data_announce(f->fa.part, 3, 5);
    KIT_WAIT(atomic_load(&f->fb.announced[3]) == 5);
    assert_int_equal(rt_ring_n(f->fb.rings[3]), RING);
    clu_data_announce(f->fa.part, 3, 4); /* an older one says nothing new */
    clu_data_announce(f->fa.part, 3, 6);
    KIT_WAIT(atomic_load(&f->fb.announced[3]) == 6);
}

static void attempts_are_not_mixed(void **state) {
    struct fix *f = *state;
    struct fake old;
    start(f);
    fake_init(&old, true);
    attach(f->b, &old, 1, "a", f->at_a); /* the attempt before: nobody writes it any more */
    attach(f->b, &f->fb, 2, "a", f->at_a);
    attach(f->a, &f->fa, 2, "b", f->at_b);
    put(&f->fa, 0, (struct evt_elem){ .kind = EVT_ELEM_BARRIER, .barrier = 3 });
    assert_int_equal(take(&f->fb, 0).barrier, 3);
    assert_int_equal(rt_ring_n(old.rings[0]), 0);
    fake_release(&old);
    put(&f->fa, 0, (struct evt_elem){ .kind = EVT_ELEM_BARRIER, .barrier = 4 });
    assert_int_equal(take(&f->fb, 0).barrier, 4);
}

static void a_part_that_goes_leaves_the_other_and_comes_again(void **state) {
    struct fix *f = *state;
    start(f);
    attach(f->a, &f->fa, 1, "b", f->at_b);
    attach(f->b, &f->fb, 1, "a", f->at_a);
    for (int64_t i = 0; i < RING; i++)
        put(&f->fa, 0, (struct evt_elem){ .kind = EVT_ELEM_BATCH, .stream = 0, .batch = numbers(i, 1000) });
    clu_data_detach(f->fb.part);                     /* in the midst of it */
    clu_data_wake(f->fb.part, 0);                    /* its tasks still run: heard by nobody */
    assert_int_equal(atomic_load(&f->fa.broken), 0); /* that is for the coordinator to say */
    fake_release(&f->fa);
    fake_release(&f->fb);
    fake_init(&f->fa, false);
    fake_init(&f->fb, true);
    attach(f->b, &f->fb, 2, "a", f->at_a);
    attach(f->a, &f->fa, 2, "b", f->at_b);
    flow(f);
    struct clu_data_stats s;
    clu_data_stats(f->a, &s);
    assert_int_equal(s.connections, 1);
}

static void say(struct fake *f, char *out, size_t size) {
    pthread_mutex_lock(&f->mutex);
    snprintf(out, size, "%s", f->why);
    pthread_mutex_unlock(&f->mutex);
}

static void through_relay(struct fix *f, struct kit_relay *r) {
    char address[64];
    start(f);
    kit_relay_start(r, clu_data_port(f->b));
    snprintf(address, sizeof address, "127.0.0.1:%u", r->port);
    attach(f->a, &f->fa, 1, "b", address);
    attach(f->b, &f->fb, 1, "a", f->at_a);
    put(&f->fa, 0, (struct evt_elem){ .kind = EVT_ELEM_BARRIER, .barrier = 3 });
    assert_int_equal(take(&f->fb, 0).barrier, 3);
}

static void again_with(struct fix *f, struct kit_relay *r, uint32_t attempt) {
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%u", r->port);
    fake_release(&f->fa);
    fake_release(&f->fb);
    fake_init(&f->fa, false);
    fake_init(&f->fb, true);
    attach(f->a, &f->fa, attempt, "b", address);
    attach(f->b, &f->fb, attempt, "a", f->at_a);
    flow(f);
}

static void a_cut_connection_breaks_the_parts_and_the_next_attempt_flows(void **state) {
    struct fix *f = *state;
    struct kit_relay r;
    char why[600];
    through_relay(f, &r);
    kit_relay_cut(&r);
    KIT_WAIT(atomic_load(&f->fa.broken) == 1 && atomic_load(&f->fb.broken) == 1);
    say(&f->fa, why, sizeof why);
    assert_non_null(strstr(why, "the data connection to worker \"b\" broke: "));
    again_with(f, &r, 2);
    kit_relay_stop(&r);
}

static void a_silent_connection_breaks_the_parts(void **state) {
    struct fix *f = *state;
    struct kit_relay r;
    char why[600];
    f->opts.heartbeat_timeout_us = 400000;
    through_relay(f, &r);
    atomic_store(&r.stopped_down, true); /* one way: b hears a, a does not hear b */
    KIT_WAIT(atomic_load(&f->fa.broken) == 1);
    say(&f->fa, why, sizeof why);
    assert_non_null(strstr(why, "nothing was heard for 0.4 s"));
    KIT_WAIT(atomic_load(&f->fb.broken) == 1);
    atomic_store(&r.stopped_down, false);
    again_with(f, &r, 2);
    kit_relay_stop(&r);
}

static void a_turned_bit_breaks_the_connection_and_nothing_else(void **state) {
    struct fix *f = *state;
    struct kit_relay r;
    char why[600];
    through_relay(f, &r);
    atomic_store(&r.flip_after, 500);
    for (int64_t i = 0; i < 8; i++)
        put(&f->fa, 0,
            (struct evt_elem){ .kind = EVT_ELEM_BATCH, .stream = 0, .batch = numbers(i * 100, 100) });
    KIT_WAIT(atomic_load(&f->fa.broken) == 1 && atomic_load(&f->fb.broken) == 1);
    say(&f->fb, why, sizeof why);
    assert_true(strstr(why, "damaged") || strstr(why, "more than the limit"));
    say(&f->fa, why, sizeof why); /* both know */
    assert_true(strstr(why, "damaged") || strstr(why, "more than the limit"));
    again_with(f, &r, 2);
    kit_relay_stop(&r);
}

static void a_narrow_line_is_slow_and_whole(void **state) {
    struct fix *f = *state;
    struct kit_relay r;
    through_relay(f, &r);
    atomic_store(&r.bytes_per_ms, 2000);
    struct writing w = { &f->fa, 1 };
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, write_channel, &w), 0);
    read_channel(&f->fb, 1);
    pthread_join(t, NULL);
    assert_int_equal(atomic_load(&f->fa.broken) + atomic_load(&f->fb.broken), 0);
    kit_relay_stop(&r);
}

static void a_worker_that_is_not_there_is_named(void **state) {
    struct fix *f = *state;
    char why[600];
    f->opts.heartbeat_timeout_us = 300000;
    start(f);
    attach(f->b, &f->fb, 1, "a", f->at_a); /* a has to connect, and nobody tells it to */
    KIT_WAIT(atomic_load(&f->fb.broken) == 1);
    say(&f->fb, why, sizeof why);
    assert_non_null(strstr(why, "no data connection to worker \"a\" ("));
    assert_non_null(strstr(why, "in 0.3 s: it did not come"));
    attach(f->a, &f->fa, 1, "z", f->at_b); /* another worker is at that address */
    KIT_WAIT(atomic_load(&f->fa.broken) == 1);
    say(&f->fa, why, sizeof why);
    assert_non_null(strstr(why, "worker \"z\" is not here, this is \"b\""));
}

static void batches_are_split_to_fit_a_frame_and_a_row_that_cannot_is_told(void **state) {
    struct fix *f = *state;
    char why[600];
    f->opts.max_frame = 64 << 10;
    start(f);
    attach(f->a, &f->fa, 1, "b", f->at_b);
    attach(f->b, &f->fb, 1, "a", f->at_a);
    char *text = calloc(1, 100000);
    struct evt_batch *b = numbers(0, 64);
    struct evt_batch *wide = evt_batch_new(&schema, 64);
    for (uint32_t i = 0; i < 64; i++) {
        evt_batch_append(wide, b, i);
        evt_col_set_bytes(&wide->cols[1], i, text, 10000);
    }
    evt_batch_unref(b);
    put(&f->fa, 0, (struct evt_elem){ .kind = EVT_ELEM_BATCH, .stream = 0, .batch = wide });
    for (uint32_t n = 0; n < 64;) {
        struct evt_elem e = take(&f->fb, 0);
        assert_int_equal(e.kind, EVT_ELEM_BATCH);
        assert_int_equal(e.batch->cols[0].i[0], n);
        assert_true(e.batch->n_rows <= 6);
        n += e.batch->n_rows;
        evt_batch_unref(e.batch);
    }
    b = numbers(0, 1);
    evt_col_set_bytes(&b->cols[1], 0, text, 100000);
    put(&f->fa, 0, (struct evt_elem){ .kind = EVT_ELEM_BATCH, .stream = 0, .batch = b });
    KIT_WAIT(atomic_load(&f->fa.broken) == 1);
    say(&f->fa, why, sizeof why);
    assert_non_null(strstr(why, "a row for worker \"b\" is larger than the 65536 bytes"));
    free(text);
}

/* What a stranger sends. Returns: what came back says `want`. */
static void assert_refused(struct fix *f, const struct clu_data_msg *msgs, size_t n, const char *want) {
    struct base_buf out = BASE_BUF_INIT;
    char answer[2000];
    for (size_t i = 0; i < n; i++)
        clu_data_write(&out, &msgs[i]);
    int fd = kit_connect(clu_data_port(f->b));
    assert_true(fd >= 0);
    assert_int_equal(send(fd, out.p, out.len, MSG_NOSIGNAL), out.len);
    size_t got = kit_read_all(fd, answer, sizeof answer - 1);
    answer[got] = '\0';
    assert_non_null(memmem(answer, got, want, strlen(want)));
    close(fd);
    base_buf_release(&out);
}

#define HELLO(magic, version, from, to, token) \
    {                                          \
        .kind = CLU_DATA_HELLO, .hello = {     \
            magic,                             \
            version,                           \
            { from, sizeof from - 1 },         \
            { to, sizeof to - 1 },             \
            { token, sizeof token - 1 }        \
        }                                      \
    }
#define GOOD HELLO(CLU_DATA_MAGIC, CLU_DATA_VERSION, "a0", "b", "t")

static void strangers_and_nonsense_are_refused_with_a_reason(void **state) {
    struct fix *f = *state;
    start(f);
    attach(f->a, &f->fa, 1, "b", f->at_b);
    attach(f->b, &f->fb, 1, "a", f->at_a);
    put(&f->fa, 0, (struct evt_elem){ .kind = EVT_ELEM_BARRIER, .barrier = 3 });
    assert_int_equal(take(&f->fb, 0).barrier, 3);
    static const struct clu_data_msg token[] = { HELLO(CLU_DATA_MAGIC, CLU_DATA_VERSION, "a0", "b", "T") };
    static const struct clu_data_msg version[] = { HELLO(CLU_DATA_MAGIC, 2, "a0", "b", "t") };
    static const struct clu_data_msg magic[] = { HELLO(1, CLU_DATA_VERSION, "a0", "b", "t") };
    static const struct clu_data_msg to[] = { HELLO(CLU_DATA_MAGIC, CLU_DATA_VERSION, "a0", "c", "t") };
    static const struct clu_data_msg order[] = { HELLO(CLU_DATA_MAGIC, CLU_DATA_VERSION, "c", "b", "t") };
    static const struct clu_data_msg first[] = { { .kind = CLU_DATA_PING } };
    static const struct clu_data_msg twice[] = { GOOD, GOOD };
    static const struct clu_data_msg credit[] = { GOOD, { .kind = CLU_DATA_CREDIT, .handle = 4, .more = 1 } };
    static const struct clu_data_msg handle[] = { GOOD, { .kind = CLU_DATA_STOP, .handle = 9 } };
    static const struct clu_data_msg again[] = { GOOD,
        { .kind = CLU_DATA_SUBSCRIBE, .handle = 0, .subscribe = { { "j", 1 }, 1, 1, 1 } } };
    assert_refused(f, token, 1, "the other worker's token (security.token) is not this one's");
    assert_refused(f, version, 1, "the other worker speaks version 2 of the data protocol, this one 1");
    assert_refused(f, magic, 1, "the other end is no worker");
    assert_refused(f, to, 1, "worker \"c\" is not here, this is \"b\"");
    assert_refused(f, order, 1, "worker \"c\" is to be called, not to call");
    assert_refused(f, first, 1, "the first frame is no greeting");
    assert_refused(f, twice, 2, "a greeting came in the midst of a connection");
    assert_refused(f, credit, 2, "credits came for subscription 4, which is not there");
    assert_refused(f, handle, 2, "there is no channel handle 9");
    assert_refused(f, again, 2, "subscription 0 came, after 0");
    int fd = kit_connect(clu_data_port(f->b));
    assert_int_equal(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
    char answer[600];
    assert_true(kit_read_all(fd, answer, sizeof answer) > 0);
    close(fd);
    put(&f->fa, 0,
        (struct evt_elem){ .kind = EVT_ELEM_BARRIER, .barrier = 4 }); /* who was there does not notice */
    assert_int_equal(take(&f->fb, 0).barrier, 4);
    assert_int_equal(atomic_load(&f->fa.broken) + atomic_load(&f->fb.broken), 0);
    struct clu_data_stats s;
    clu_data_stats(f->b, &s);
    assert_true(s.refused >= 7);
}

/* A reader that is an enemy: it may subscribe, and then send rows that nobody asked for. */
static void elements_without_credit_are_refused(void **state) {
    struct fix *f = *state;
    start(f);
    attach(f->b, &f->fb, 1, "a0", f->at_a);
    int fd = kit_connect(clu_data_port(f->b));
    static const struct clu_data_msg good = GOOD;
    const struct clu_data_msg barrier = { .kind = CLU_DATA_BARRIER, .handle = 1, .id = 1 };
    struct base_buf out = BASE_BUF_INIT;
    clu_data_write(&out, &good);
    for (int i = 0; i <= RING; i++)
        clu_data_write(&out, &barrier);
    assert_int_equal(send(fd, out.p, out.len, MSG_NOSIGNAL), out.len);
    KIT_WAIT(atomic_load(&f->fb.broken) == 1);
    char why[600];
    say(&f->fb, why, sizeof why);
    assert_non_null(strstr(why, "channel handle 1 has sent more than its credits"));
    assert_int_equal(rt_ring_n(f->fb.rings[0]), RING);
    close(fd);
    base_buf_release(&out);
}

static void rows_flow_through_tls(void **state) {
    struct fix *f = *state;
    struct kit_certs certs;
    struct clu_tls *tls;
    kit_certs_make(&certs);
    assert_int_equal(clu_tls_new(&certs.a, &tls, NULL), CEP_OK);
    f->opts.tls = tls;
    flow_with(f, CLU_CODEC_LZ4);
    fake_release(&f->fa);
    fake_release(&f->fb);
    clu_data_stop(f->a);
    clu_data_stop(f->b);
    f->a = f->b = NULL;
    clu_loop_stop(f->loop_a);
    clu_loop_stop(f->loop_b);
    f->loop_a = f->loop_b = NULL;
    clu_tls_free(tls);
    kit_certs_remove(&certs);
}

int main(void) {
    schema_init();
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(elements_arrive_in_their_order),
        TEST(compressed_with_lz4_they_do_too),
        TEST(compressed_with_zstd_they_do_too),
        TEST(parts_may_be_attached_in_any_order_and_the_other_way_round),
        TEST(a_slow_channel_holds_up_nobody_else),
        TEST(an_announced_barrier_overtakes_a_channel_that_is_full),
        TEST(attempts_are_not_mixed),
        TEST(a_part_that_goes_leaves_the_other_and_comes_again),
        TEST(a_cut_connection_breaks_the_parts_and_the_next_attempt_flows),
        TEST(a_silent_connection_breaks_the_parts),
        TEST(a_turned_bit_breaks_the_connection_and_nothing_else),
        TEST(a_narrow_line_is_slow_and_whole),
        TEST(a_worker_that_is_not_there_is_named),
        TEST(batches_are_split_to_fit_a_frame_and_a_row_that_cannot_is_told),
        TEST(strangers_and_nonsense_are_refused_with_a_reason),
        TEST(elements_without_credit_are_refused),
        TEST(rows_flow_through_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
