/*
 * clu_frame -- see clu_frame.h.
 */
#include "cluster/clu_frame.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_map.h"
#include "base/base_pack.h"

size_t clu_frame_begin(struct base_buf *b) {
    size_t begin = b->len;
    base_pack_u64(b, 0);
    return begin;
}

void clu_frame_end(struct base_buf *b, size_t begin) {
    size_t len = b->len - begin - CLU_FRAME_HEAD;
    CEP_REQUIRE(len <= UINT32_MAX);
    base_pack_u32_at(b, begin, (uint32_t)len);
    base_pack_u32_at(b, begin + 4, (uint32_t)base_hash(b->p + begin + CLU_FRAME_HEAD, len));
}

enum cep_rc clu_frame_next(
    struct base_str *in, size_t max, struct base_str *payload, size_t *need, struct cep_err *err) {
    *need = CLU_FRAME_HEAD;
    if (in->len < CLU_FRAME_HEAD)
        return CEP_AGAIN;
    struct base_unpack u = base_unpack_of(*in);
    size_t len = base_unpack_u32(&u);
    uint32_t check = base_unpack_u32(&u);
    if (len > max)
        return base_err_set(
            err, CEP_EDECODE, "a frame of %zu bytes came, more than the limit of %zu", len, max);
    *need = CLU_FRAME_HEAD + len;
    if (in->len < *need)
        return CEP_AGAIN;
    *payload = (struct base_str){ in->p + CLU_FRAME_HEAD, len };
    if ((uint32_t)base_hash(payload->p, len) != check)
        return base_err_set(
            err, CEP_EDECODE, "a frame of %zu bytes is damaged: its checksum is another", len);
    in->p += *need;
    in->len -= *need;
    return CEP_OK;
}
