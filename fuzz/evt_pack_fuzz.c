/*
 * evt_pack_fuzz -- any bytes as a schema and a batch of it. What is accepted is packed again to the very same bytes.
 */
#include "event/evt_pack.h"

#include "base/base_check.h"
#include "fuzz/fuzz_main.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct base_arena a;
    struct base_buf again = BASE_BUF_INIT;
    struct base_unpack u = base_unpack_of((struct base_str){ (const char *)data, size });
    base_arena_init(&a, 0);
    const struct evt_schema *s = evt_unpack_schema(&u, &a);
    CEP_INSIST((s != NULL) == !u.bad);
    if (s) {
        evt_pack_schema(&again, s);
        struct evt_batch *b = s->n_cols <= 64 ? evt_unpack_batch(&u, s) : NULL;
        if (b) {
            evt_pack_batch(&again, b);
            CEP_INSIST(again.len == (size_t)(u.p - data) && memcmp(again.p, data, again.len) == 0);
        }
        evt_batch_unref(b);
    }
    base_buf_release(&again);
    base_arena_release(&a);
    return 0;
}
