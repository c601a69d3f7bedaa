/*
 * link_fuzz -- any bytes as a control message: refused, or a message that can be packed again. What it is then need not be a message: fields
 * of numbers that are not known are kept as they were, and protobuf-c takes some that it does not write in a form it takes.
 */
#include "base/base_buf.h"
#include "base/base_check.h"
#include "cluster/clu_link_internal.h"
#include "fuzz/fuzz_main.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cep_err err = CEP_ERR_INIT;
    struct base_buf out = BASE_BUF_INIT;
    Clu__Msg *msg = clu_link_decode((struct base_str){ (const char *)data, size }, &err);
    CEP_INSIST(msg || err.message[0]);
    if (msg) {
        size_t n = clu__msg__get_packed_size(msg);
        CEP_INSIST(clu__msg__pack(msg, (uint8_t *)base_buf_reserve(&out, n)) == n);
        out.len = n;
        Clu__Msg *again = clu_link_decode(base_buf_view(&out), &err);
        CEP_INSIST(!again || again->body_case == msg->body_case);
        if (msg->body_case == CLU__MSG__BODY_FAILED)
            (void)clu_link_unpack_error(msg->failed->error, &err);
        clu_link_decoded_free(again);
    }
    clu_link_decoded_free(msg);
    base_buf_release(&out);
    return 0;
}
