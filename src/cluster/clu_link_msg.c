/*
 * clu_link_msg -- messages and errors as bytes: see clu_link.h, clu_link_internal.h.
 */
#include "cluster/clu_link_internal.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_frame.h"

static void *pb_alloc(void *data, size_t size) {
    (void)data;
    return base_alloc(size);
}

static void pb_free(void *data, void *p) {
    (void)data;
    base_free(p);
}

static const ProtobufCAllocator pb_allocator = { .alloc = pb_alloc, .free = pb_free };

Clu__Msg *clu_link_decode(struct base_str payload, struct cep_err *err) {
    Clu__Msg *msg = clu__msg__unpack((ProtobufCAllocator *)(uintptr_t)&pb_allocator, payload.len,
        (const uint8_t *)(payload.p ? payload.p : ""));
    if (msg && msg->body_case != CLU__MSG__BODY__NOT_SET)
        return msg;
    clu_link_decoded_free(msg);
    (void)base_err_set(err, CEP_EDECODE, "a frame of %zu bytes is no message", payload.len);
    return NULL;
}

void clu_link_decoded_free(Clu__Msg *msg) {
    if (msg)
        clu__msg__free_unpacked(msg, (ProtobufCAllocator *)(uintptr_t)&pb_allocator);
}

void link_append(struct base_buf *b, const Clu__Msg *msg) {
    size_t begin = clu_frame_begin(b), n = clu__msg__get_packed_size(msg);
    (void)clu__msg__pack(msg, (uint8_t *)base_buf_reserve(b, n));
    b->len += n;
    clu_frame_end(b, begin);
}

void clu_link_pack_error(const struct cep_err *err, Clu__Error *pb) {
    clu__error__init(pb);
    pb->rc = (uint32_t)err->rc;
    pb->message = err->message;
    pb->hint = err->hint;
    pb->retriable = err->retriable;
    pb->fatal = err->fatal;
}

enum cep_rc clu_link_unpack_error(const Clu__Error *pb, struct cep_err *err) {
    bool known = pb && pb->rc != CEP_OK && pb->rc < CEP_RC_MAX;
    enum cep_rc rc = known ? (enum cep_rc)pb->rc : CEP_EIO;
    (void)base_err_set(err, rc, "%s", pb && pb->message[0] ? pb->message : cep_rc_text(rc));
    if (err && pb) {
        err->retriable = pb->retriable;
        err->fatal = pb->fatal;
        if (pb->hint[0])
            base_err_hint(err, "%s", pb->hint);
    }
    return rc;
}
