/*
 * part_fuzz -- any bytes as a file of operator state: a part, or a pack of them.
 *
 * Asserts: entries come only from within the bytes, groups are such as there are, and what was read to its end is written back to
 * the same bytes.
 */
#include "fuzz/fuzz_main.h"

#include "base/base_check.h"
#include "state/sto_part.h"

static void read_part(struct base_str bytes) {
    struct base_buf again = BASE_BUF_INIT;
    struct base_unpack entries;
    struct sto_part_head head;
    struct sto_entry e;
    struct cep_err err = CEP_ERR_INIT;
    if (sto_part_open(bytes, &head, &entries, &err) == CEP_OK) {
        enum cep_rc rc;
        CEP_REQUIRE(head.subtask < head.n_subtasks);
        sto_part_begin(&again, &head);
        struct sto_out out = sto_part_out(&again);
        while ((rc = sto_part_next(&entries, &e, &err)) == CEP_OK) {
            CEP_REQUIRE(e.group < STO_KEY_GROUPS || e.group == STO_NO_GROUP);
            CEP_REQUIRE(e.value.p >= bytes.p && e.value.p + e.value.len <= bytes.p + bytes.len);
            CEP_REQUIRE(out.put(out.arg, &e, &err) == CEP_OK);
        }
        sto_part_end(&again);
        CEP_REQUIRE(rc != CEP_NONE || base_str_eq(base_buf_view(&again), bytes));
    }
    base_buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct base_str file = { (const char *)data, size }, part;
    struct cep_err err = CEP_ERR_INIT;
    size_t at = 0;
    while (sto_pack_next(file, &at, &part, &err) == CEP_OK) {
        CEP_REQUIRE(part.p >= file.p && part.p + part.len <= file.p + size);
        read_part(part);
    }
    return 0;
}
