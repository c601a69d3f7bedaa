/*
 * manifest_fuzz -- any bytes as the MANIFEST of a checkpoint.
 *
 * The last eight bytes are set to the right checksum, so that the fuzzer gets past it. Asserts: what is accepted is written
 * back to the same bytes, and every file named stays within its folder.
 */
#include "fuzz/fuzz_main.h"

#include "base/base_check.h"
#include "base/base_pack.h"
#include "state/sto_bundle.h"

#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct base_buf bytes = BASE_BUF_INIT, again = BASE_BUF_INIT;
    struct sto_manifest m;
    struct cep_err err = CEP_ERR_INIT;
    base_buf_add(&bytes, data, size);
    if (size >= 8)
        base_pack_u64_at(&bytes, size - 8, XXH3_64bits(bytes.p, size - 8));
    if (sto_manifest_decode(base_buf_view(&bytes), &m, &err) == CEP_OK) {
        sto_manifest_encode(&again, &m);
        CEP_REQUIRE(base_str_eq(base_buf_view(&bytes), base_buf_view(&again)));
        for (size_t i = 0; i < m.n_files; i++) {
            CEP_REQUIRE(m.files[i].name.len > 0 && m.files[i].name.p[0] != '/');
            CEP_REQUIRE(sto_manifest_find(&m, m.files[i].name) == &m.files[i]);
        }
        sto_manifest_release(&m);
    }
    base_buf_release(&again);
    base_buf_release(&bytes);
    return 0;
}
