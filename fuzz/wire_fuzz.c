/*
 * wire_fuzz -- any bytes as frames between two workers: what is parsed is written again and parsed to the same; batches, compressed or
 * not, are refused or can be packed again from end to end.
 */
#include "base/base_check.h"
#include "cluster/clu_batch.h"
#include "cluster/clu_data_wire.h"
#include "cluster/clu_frame.h"
#include "event/evt_pack.h"
#include "fuzz/fuzz_main.h"

enum { MAX_BYTES = 1 << 20 };

static void look_at_batch(
    const struct clu_data_msg *m, const struct evt_schema *schema, struct clu_codec_room *room) {
    struct base_buf rows = BASE_BUF_INIT, again = BASE_BUF_INIT, frame = BASE_BUF_INIT;
    struct evt_batch *b = clu_data_read_batch(m, schema, MAX_BYTES, room, NULL);
    uint32_t row = 0;
    if (b) {
        evt_pack_batch(&rows, b);
        CEP_INSIST(clu_batch_pack(&frame, b, &row, SIZE_MAX) == b->n_rows && row == b->n_rows);
        struct evt_batch *back = clu_batch_unpack(base_buf_view(&frame), schema);
        CEP_INSIST(back);
        evt_pack_batch(&again, back);
        CEP_INSIST(rows.len == again.len && memcmp(rows.p, again.p, rows.len) == 0);
        evt_batch_unref(back);
    }
    evt_batch_unref(b);
    base_buf_release(&rows);
    base_buf_release(&again);
    base_buf_release(&frame);
}

/* The frames' own checksums would keep a fuzzer out: payloads stand behind a length of two bytes instead. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum evt_kind kinds[] = { EVT_BOOL, EVT_INT, EVT_DOUBLE, EVT_STRING, EVT_BYTES,
        EVT_TIMESTAMP };
    struct evt_column cols[CEP_COUNT_OF(kinds) + 3], fields[2];
    struct clu_codec_room *room = clu_codec_room_new();
    struct base_arena a;
    uint32_t n = 0;
    base_arena_init(&a, 0);
    for (; n < CEP_COUNT_OF(kinds); n++)
        cols[n] = (struct evt_column){ .name = BASE_STR("c"), .type = evt_type_of(kinds[n]) };
    fields[0] = (struct evt_column){ .name = BASE_STR("a"), .type = evt_type_of(EVT_STRING) };
    fields[1] = (struct evt_column){ .name = BASE_STR("b"), .type = evt_type_decimal(&a, 38, 2) };
    const struct evt_type *row = evt_type_row(&a, 2, fields);
    cols[n++] = (struct evt_column){ .name = BASE_STR("c"), .type = row };
    cols[n++] = (struct evt_column){ .name = BASE_STR("c"), .type = evt_type_array(&a, row) };
    cols[n++] = (struct evt_column){ .name = BASE_STR("c"),
        .type = evt_type_array(&a, evt_type_array(&a, evt_type_of(EVT_BOOL))) };
    const struct evt_schema schema = { .n_cols = n, .n_visible = n, .cols = cols };
    struct base_str in = { (const char *)data, size }, payload, left = in;
    size_t need;
    while (clu_frame_next(&left, MAX_BYTES, &payload, &need, NULL) == CEP_OK)
        continue;
    while (in.len >= 2) {
        size_t len = (size_t)(unsigned char)in.p[0] | (size_t)(unsigned char)in.p[1] << 8;
        struct clu_data_msg m, again;
        in.p += 2, in.len -= 2;
        len = len < in.len ? len : in.len;
        if (clu_data_parse((struct base_str){ in.p, len }, &m, NULL) == CEP_OK) {
            struct base_buf out = BASE_BUF_INIT;
            clu_data_write(&out, &m);
            struct base_str whole = base_buf_view(&out);
            CEP_INSIST(clu_frame_next(&whole, SIZE_MAX, &payload, &need, NULL) == CEP_OK && whole.len == 0);
            CEP_INSIST(clu_data_parse(payload, &again, NULL) == CEP_OK && again.kind == m.kind);
            base_buf_release(&out);
            if (m.kind == CLU_DATA_BATCH)
                look_at_batch(&m, &schema, room);
        }
        in.p += len, in.len -= len;
    }
    clu_codec_room_free(room);
    base_arena_release(&a);
    return 0;
}
