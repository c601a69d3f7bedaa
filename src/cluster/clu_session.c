/*
 * clu_session -- see clu_session.h.
 */
#include "cluster/clu_session.h"

#include "base/base_check.h"
#include "base/base_pack.h"
#include "cluster/clu_frame.h"

enum {
    TIDY_BYTES = 64 << 10
}; /* what was confirmed is taken out when there is so much of it, and no less than what is left */

void clu_session_init(struct clu_session *s) {
    *s = (struct clu_session){ .kept = BASE_BUF_INIT };
}

void clu_session_release(struct clu_session *s) {
    base_buf_release(&s->kept);
    clu_session_init(s);
}

/* Of the frame that begins there. */
static size_t frame_len(struct base_str bytes) {
    CEP_REQUIRE(bytes.len >= CLU_FRAME_HEAD);
    struct base_unpack u = base_unpack_of(bytes);
    size_t len = CLU_FRAME_HEAD + (size_t)base_unpack_u32(&u);
    CEP_REQUIRE(len <= bytes.len);
    return len;
}

void clu_session_add(struct clu_session *s, struct base_str frames) {
    base_buf_str(&s->kept, frames);
    for (; frames.len > 0; s->sent++) {
        size_t len = frame_len(frames);
        frames.p += len;
        frames.len -= len;
    }
}

bool clu_session_ack(struct clu_session *s, uint64_t received) {
    if (received < s->acked || received > s->sent)
        return false;
    for (; s->acked < received; s->acked++)
        s->at += frame_len(clu_session_kept(s));
    size_t left = s->kept.len - s->at;
    if (left == 0 || (s->at >= TIDY_BYTES && s->at >= left)) {
        if (left > 0)
            memmove(s->kept.p, s->kept.p + s->at, left);
        s->kept.len = left;
        s->at = 0;
    }
    return true;
}

struct base_str clu_session_kept(const struct clu_session *s) {
    return (struct base_str){ s->kept.p + s->at, s->kept.len - s->at };
}
