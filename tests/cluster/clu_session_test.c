/* clu_session_test -- what is kept of a control link's messages is what the other end has not confirmed, whatever the order of things. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base_pack.h"
#include "cluster/clu_frame.h"
#include "cluster/clu_session.h"

#include <stdlib.h>

enum { STEPS = 4000, PAYLOAD_MAX = 9000 };

/* Frame i has the number i, and then as many bytes as that draws. */
static void add(struct clu_session *s, uint64_t from, uint64_t n) {
    struct base_buf b = BASE_BUF_INIT;
    for (uint64_t i = from; i < from + n; i++) {
        size_t begin = clu_frame_begin(&b);
        base_pack_u64(&b, i);
        for (uint64_t k = 0; k < i * 7919 % PAYLOAD_MAX; k++)
            base_pack_u8(&b, (uint8_t)i);
        clu_frame_end(&b, begin);
    }
    clu_session_add(s, base_buf_view(&b));
    base_buf_release(&b);
}

/* What is kept are the frames from `acked` to `sent`, whole. */
static void check(const struct clu_session *s, uint64_t acked, uint64_t sent) {
    struct base_str left = clu_session_kept(s), payload;
    size_t need;
    assert_int_equal(s->acked, acked);
    assert_int_equal(s->sent, sent);
    for (uint64_t i = acked; i < sent; i++) {
        assert_int_equal(clu_frame_next(&left, CLU_FRAME_MAX, &payload, &need, NULL), CEP_OK);
        struct base_unpack u = base_unpack_of(payload);
        assert_int_equal(base_unpack_u64(&u), i);
        assert_int_equal(payload.len, 8 + i * 7919 % PAYLOAD_MAX);
    }
    assert_int_equal(left.len, 0);
}

static void what_is_not_confirmed_is_kept(void **state) {
    struct clu_session s;
    uint64_t acked = 0, sent = 0;
    unsigned seed = 5;
    (void)state;
    clu_session_init(&s);
    check(&s, 0, 0);
    for (int i = 0; i < STEPS; i++) {
        uint64_t n = (uint64_t)rand_r(&seed) % 4;
        if (rand_r(&seed) % 2 == 0) {
            add(&s, sent, n);
            sent += n;
        } else {
            acked = acked + n < sent ? acked + n : sent;
            assert_true(clu_session_ack(&s, acked));
        }
        check(&s, acked, sent);
    }
    clu_session_release(&s);
    check(&s, 0, 0);
}

static void what_cannot_have_been_received_is_not_confirmed(void **state) {
    struct clu_session s;
    (void)state;
    clu_session_init(&s);
    assert_false(clu_session_ack(&s, 1));
    add(&s, 0, 3);
    assert_false(clu_session_ack(&s, 4));
    assert_true(clu_session_ack(&s, 2));
    assert_false(clu_session_ack(&s, 1)); /* it was there already */
    check(&s, 2, 3);
    clu_session_release(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_confirmed_is_kept),
        cmocka_unit_test(what_cannot_have_been_received_is_not_confirmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
