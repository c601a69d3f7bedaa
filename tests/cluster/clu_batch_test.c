/* clu_batch_test -- batches as columns on the wire: random ones come back row by row, whatever is selected, split or compressed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base_check.h"
#include "base/base_mem.h"
#include "cluster/clu_batch.h"
#include "cluster/clu_data_wire.h"
#include "cluster/clu_frame.h"
#include "event/evt_pack.h"
#include "event/evt_view.h"

#include <stdio.h>
#include <stdlib.h>

struct kit {
    struct base_arena a;
    uint64_t x; /* of the random numbers */
    struct evt_column cols[16];
    struct evt_schema schema;
    int shape; /* of the values of a batch: how large, how many nulls */
};

static uint64_t draw(struct kit *k) {
    k->x ^= k->x << 13;
    k->x ^= k->x >> 7;
    k->x ^= k->x << 17;
    return k->x;
}

static struct evt_column col(const char *name, const struct evt_type *t) {
    return (struct evt_column){ .name = base_str_of(name), .type = t };
}

static void kit_init(struct kit *k, uint64_t seed) {
    static const enum evt_kind kinds[] = { EVT_BOOL, EVT_INT, EVT_DOUBLE, EVT_STRING, EVT_BYTES,
        EVT_TIMESTAMP, EVT_DURATION };
    static struct evt_column fields[2];
    uint32_t n = 0;
    *k = (struct kit){ .x = seed };
    base_arena_init(&k->a, 0);
    for (; n < CEP_COUNT_OF(kinds); n++)
        k->cols[n] = col("c", evt_type_of(kinds[n]));
    fields[0] = col("a", evt_type_of(EVT_STRING));
    fields[1] = col("b", evt_type_array(&k->a, evt_type_decimal(&k->a, 38, 2)));
    const struct evt_type *row = evt_type_row(&k->a, 2, fields);
    k->cols[n++] = col("d", evt_type_decimal(&k->a, 20, 2));
    k->cols[n++] = col("e", evt_type_array(&k->a, evt_type_of(EVT_INT)));
    k->cols[n++] = col("f", row);
    k->cols[n++] = col("g", evt_type_array(&k->a, evt_type_array(&k->a, row)));
    k->cols[n++] = col("h", evt_type_array(&k->a, evt_type_of(EVT_BOOL)));
    k->schema = (struct evt_schema){ .n_cols = n, .n_visible = n, .cols = k->cols };
}

static struct evt_val some(struct kit *k, const struct evt_type *t) {
    static const char text[] = "the quick brown fox jumps over the lazy dog";
    uint64_t r = draw(k);
    struct evt_val v = { .null = k->shape % 3 == 0 ? false : r % (k->shape % 3 == 1 ? 2u : 50u) == 0 };
    r = draw(k) >> (k->shape * 7 % 64);
    if (v.null)
        return v;
    switch (t->kind) {
    case EVT_BOOL: v.b = r & 1; break;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: v.i = (int64_t)(k->shape % 2 ? r : (uint64_t)INT64_MAX - (r >> 1)); break;
    case EVT_DOUBLE: v.d = k->shape % 4 == 0 ? -0.0 : (double)r / 3; break;
    case EVT_STRING:
    case EVT_BYTES:
        v.s.p = text + r % 7;
        v.s.len = (uint32_t)(k->shape % 5 ? r % 30 : 7);
        break;
    case EVT_DECIMAL:
        v = evt_val_of_dec(k->shape % 4 == 1 ? (__int128)r * 1000000007 * -3 : (__int128)(r % 1000));
        break;
    case EVT_ARRAY: {
        uint32_t n = (uint32_t)(r % 4);
        struct evt_val *e = BASE_ARENA_ARRAY(&k->a, struct evt_val, n ? n : 1);
        for (uint32_t i = 0; i < n; i++)
            e[i] = some(k, t->elem);
        v.list.v = e;
        v.list.n = n;
        break;
    }
    case EVT_ROW: {
        struct evt_val *e = BASE_ARENA_ARRAY(&k->a, struct evt_val, t->n_fields);
        for (uint32_t i = 0; i < t->n_fields; i++)
            e[i] = some(k, t->fields[i].type);
        v.list.v = e;
        v.list.n = t->n_fields;
        break;
    }
    case EVT_NULL:
    case EVT_KIND_MAX: fail();
    }
    return v;
}

static struct evt_batch *batch_of(struct kit *k, uint32_t n) {
    struct evt_batch *b = evt_batch_new(&k->schema, n);
    k->shape = (int)(draw(k) % 60);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < k->schema.n_cols; c++) {
            struct evt_val v = some(k, k->schema.cols[c].type);
            evt_col_set_val(&b->cols[c], i, &v);
        }
        b->time[i] = (int64_t)draw(k) >> (k->shape % 60);
        b->seq[i] = k->shape % 2 ? draw(k) : i;
        b->origin[i] = k->shape % 3 ? EVT_ORIGIN_MATCH | (uint32_t)draw(k) : 3;
        evt_batch_end_row(b);
    }
    return b;
}

static void select_some(struct kit *k, struct evt_batch *b) {
    uint64_t *sel = evt_batch_need_sel(b);
    uint64_t how = draw(k) % 4;
    for (uint32_t i = 0; i < b->n_rows; i++)
        if (how == 0   ? draw(k) % 2
            : how == 1 ? (i < b->n_rows / 3 || i > b->n_rows / 2)
            : how == 2 ? draw(k) % 100 > 0
                       : true)
            sel[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}

static void pack_rows(struct base_buf *out, const struct evt_batch *b) {
    struct base_arena scratch;
    base_arena_init(&scratch, 0);
    for (uint32_t i = 0; i < b->n_rows; i++)
        if (evt_batch_has(b, i))
            evt_pack_row(out, b, i, &scratch);
    base_arena_release(&scratch);
}

/* Through the wire in pieces of `max` bytes, and back. */
static void assert_comes_back(const struct evt_batch *b, const struct evt_schema *schema, size_t max,
    enum clu_codec codec, struct clu_codec_room *room) {
    struct base_buf frames = BASE_BUF_INIT, want = BASE_BUF_INIT, got = BASE_BUF_INIT;
    uint32_t row = 0, rows = 0, pieces = 0;
    while (row < b->n_rows) {
        uint32_t n = clu_data_write_batch(&frames, 7, 2, b, &row, max, codec, room);
        assert_true(n > 0 || row == b->n_rows);
        rows += n;
        pieces += n > 0;
    }
    assert_int_equal(rows, evt_batch_count(b));
    struct base_str in = base_buf_view(&frames), payload;
    size_t need;
    for (; pieces > 0; pieces--) {
        struct clu_data_msg m;
        assert_int_equal(clu_frame_next(&in, max, &payload, &need, NULL), CEP_OK);
        assert_int_equal(clu_data_parse(payload, &m, NULL), CEP_OK);
        assert_int_equal(m.kind, CLU_DATA_BATCH);
        assert_int_equal(m.handle, 7);
        assert_int_equal(m.stream, 2);
        struct evt_batch *back = clu_data_read_batch(&m, schema, max, room, NULL);
        assert_non_null(back);
        pack_rows(&got, back);
        evt_batch_unref(back);
    }
    assert_int_equal(in.len, 0);
    pack_rows(&want, b);
    assert_int_equal(got.len, want.len);
    if (want.len > 0)
        assert_memory_equal(got.p, want.p, want.len);
    base_buf_release(&frames);
    base_buf_release(&want);
    base_buf_release(&got);
}

static void random_batches_come_back(void **state) {
    struct kit k;
    struct clu_codec_room *room = clu_codec_room_new();
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        kit_init(&k, seed * UINT64_C(0x9e3779b97f4a7c15));
        struct evt_batch *b = batch_of(&k, (uint32_t)(draw(&k) % (seed % 10 ? 70 : EVT_BATCH_ROWS)) + 1);
        if (draw(&k) % 2)
            select_some(&k, b);
        assert_comes_back(
            b, &k.schema, seed % 3 ? 1 << 20 : 6000, (enum clu_codec)(seed % CLU_CODEC_MAX), room);
        evt_batch_unref(b);
        base_arena_release(&k.a);
    }
    clu_codec_room_free(room);
}

static void views_share_and_come_back(void **state) {
    struct kit k;
    struct clu_codec_room *room = clu_codec_room_new();
    (void)state;
    kit_init(&k, 77);
    struct evt_batch *b = batch_of(&k, 500);
    const struct evt_column cols[] = { k.cols[3], k.cols[1] };
    const struct evt_schema schema = { .n_cols = 2, .n_visible = 2, .cols = cols };
    struct evt_batch *v = evt_view_new(&schema, b);
    evt_view_share(v, 0, 3);
    evt_view_copy(v, 1, &b->cols[1]);
    select_some(&k, v);
    assert_comes_back(v, &schema, 1 << 20, CLU_CODEC_LZ4, room);
    evt_batch_unref(v);
    evt_batch_unref(b);
    base_arena_release(&k.a);
    clu_codec_room_free(room);
}

/* Two ints in frames of reference, one string. */
static void bytes_are_as_documented(void **state) {
    static const struct evt_column cols[] = { { .name = { "a", 1 } }, { .name = { "b", 1 } } };
    struct evt_column typed[2] = { cols[0], cols[1] };
    (void)state;
    typed[0].type = evt_type_of(EVT_INT);
    typed[1].type = evt_type_of(EVT_STRING);
    const struct evt_schema schema = { .n_cols = 2, .n_visible = 2, .cols = typed };
    struct evt_batch *b = evt_batch_new(&schema, 2);
    for (uint32_t i = 0; i < 2; i++) {
        b->time[i] = 1000 + 300 * (int64_t)i;
        b->origin[i] = 2;
        b->seq[i] = 10 + i;
        if (i == 0)
            evt_col_set_i(&b->cols[0], i, -5);
        else
            evt_col_set_null(&b->cols[0], i);
        evt_col_set_bytes(&b->cols[1], i, "xyz", 2 + i);
        evt_batch_end_row(b);
    }
    static const unsigned char want[] = { 2,      /* rows */
        2, 0xd0, 0x0f, 0, 0, 0x2c, 0x01,          /* times: two bytes above 1000 */
        0, 4,                                     /* origins: all 2 */
        1, 20, 0, 1,                              /* positions: one byte above 10 */
        1, 0x01, 0, 9,                            /* a: the second is null; all -5 */
        0, 1, 4, 0, 1, 'x', 'y', 'x', 'y', 'z' }; /* b: lengths 2 and 3 */
    struct base_buf out = BASE_BUF_INIT;
    uint32_t row = 0;
    assert_int_equal(clu_batch_pack(&out, b, &row, 1000), 2);
    assert_int_equal(row, 2);
    assert_int_equal(out.len, sizeof want);
    assert_memory_equal(out.p, want, sizeof want);
    base_buf_release(&out);
    evt_batch_unref(b);
}

static void a_row_that_is_too_large_stays_where_it_is(void **state) {
    struct kit k;
    struct base_buf out = BASE_BUF_INIT;
    uint32_t row = 0;
    (void)state;
    kit_init(&k, 5);
    struct evt_batch *b = batch_of(&k, 3);
    assert_int_equal(clu_batch_pack(&out, b, &row, 100), 0);
    assert_int_equal(row, 0);
    assert_int_equal(out.len, 0);
    evt_batch_unref(b);
    base_arena_release(&k.a);
}

/* Cut anywhere, or one byte changed: refused, or a batch that can be looked at from end to end. */
static void malformed_bytes_do_no_harm(void **state) {
    struct kit k;
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct base_buf out = BASE_BUF_INIT, sink = BASE_BUF_INIT;
        uint32_t row = 0;
        kit_init(&k, seed * 1000003);
        struct evt_batch *b = batch_of(&k, 9);
        assert_int_equal(clu_batch_pack(&out, b, &row, 1 << 20), 9);
        for (size_t cut = 0; cut < out.len; cut++)
            assert_null(clu_batch_unpack((struct base_str){ out.p, cut }, &k.schema));
        for (int i = 0; i < 3000; i++) {
            size_t at = draw(&k) % out.len;
            char was = out.p[at];
            out.p[at] = (char)draw(&k);
            struct evt_batch *back = clu_batch_unpack(base_buf_view(&out), &k.schema);
            if (back)
                pack_rows(&sink, back);
            base_buf_clear(&sink);
            evt_batch_unref(back);
            out.p[at] = was;
        }
        evt_batch_unref(b);
        base_arena_release(&k.a);
        base_buf_release(&out);
        base_buf_release(&sink);
    }
}

static void every_frame_says_what_was_written(void **state) {
    static const struct clu_data_msg msgs[] = {
        { .kind = CLU_DATA_HELLO,
            .hello = { CLU_DATA_MAGIC, CLU_DATA_VERSION, { "w1", 2 }, { "w2", 2 }, { "secret", 6 } } },
        { .kind = CLU_DATA_BYE, .reason = { "why", 3 } },
        { .kind = CLU_DATA_PING },
        { .kind = CLU_DATA_SUBSCRIBE, .handle = 300, .subscribe = { { "job", 3 }, 4, 5, 64 } },
        { .kind = CLU_DATA_UNSUBSCRIBE, .handle = 1 },
        { .kind = CLU_DATA_CREDIT, .handle = 1, .more = 32 },
        { .kind = CLU_DATA_ANNOUNCE, .handle = 1, .id = UINT64_MAX },
        { .kind = CLU_DATA_WATERMARK, .handle = 1, .stream = 2, .watermark = EVT_TIME_MAX },
        { .kind = CLU_DATA_IDLE, .handle = 1, .stream = 2, .idle = true },
        { .kind = CLU_DATA_BARRIER, .handle = 1, .id = 7 },
        { .kind = CLU_DATA_END, .handle = 1, .stream = 3 },
        { .kind = CLU_DATA_STOP, .handle = UINT32_MAX },
    };
    struct base_buf out = BASE_BUF_INIT, again = BASE_BUF_INIT;
    (void)state;
    for (size_t i = 0; i < CEP_COUNT_OF(msgs); i++) {
        struct clu_data_msg m;
        struct base_str payload, in;
        size_t need;
        base_buf_clear(&out);
        base_buf_clear(&again);
        clu_data_write(&out, &msgs[i]);
        in = base_buf_view(&out);
        assert_int_equal(clu_frame_next(&in, 1000, &payload, &need, NULL), CEP_OK);
        assert_int_equal(clu_data_parse(payload, &m, NULL), CEP_OK);
        clu_data_write(&again, &m);
        assert_int_equal(again.len, out.len);
        assert_memory_equal(again.p, out.p, out.len);
        for (size_t cut = 0; cut < payload.len; cut++) /* the reason and the names say their lengths */
            assert_int_equal(clu_data_parse((struct base_str){ payload.p, cut }, &m, NULL), CEP_EDECODE);
    }
    base_buf_release(&out);
    base_buf_release(&again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_batches_come_back),
        cmocka_unit_test(views_share_and_come_back),
        cmocka_unit_test(bytes_are_as_documented),
        cmocka_unit_test(a_row_that_is_too_large_stays_where_it_is),
        cmocka_unit_test(malformed_bytes_do_no_harm),
        cmocka_unit_test(every_frame_says_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
