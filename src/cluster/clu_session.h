#pragma once
/*
 * clu_session -- the messages of a control link, numbered on both ends, so that they outlive a connection.
 *
 *     sent      1 2 3 4 5 6 7        of our messages; 5 6 7 are kept, for the other end has confirmed no more than 4
 *     received  1 2 3                of the other end's; what we confirm with each heartbeat
 *
 * When a connection is replaced each end tells how many it has received, and is sent what comes after. A message is numbered by being
 * one more than the one before: numbers do not travel with them.
 *
 * Invariant: acked <= sent, and `kept` has the frames of the messages acked + 1 to sent, from `at` on.
 *
 * Threads: its owner's.
 */
#include "base/base_buf.h"

struct clu_session {
    uint64_t sent, acked, received;
    struct base_buf kept; /* owned */
    size_t at;
};

void clu_session_init(struct clu_session *s); /* nothing was sent; a zeroed one is the same */
void clu_session_release(struct clu_session *s);
/* Whole frames (clu_frame.h), made here. */
void clu_session_add(struct clu_session *s, struct base_str frames);
/* The other end has so many of ours. Returns: false when it cannot, and nothing is changed. */
bool clu_session_ack(struct clu_session *s, uint64_t received);
/* What it has not. Borrowed until the next call. */
struct base_str clu_session_kept(const struct clu_session *s);
