#pragma once
/*
 * clu_frame -- what every connection between processes is made of.
 *
 *     offset  size
 *     0       4     length of the payload, little endian; checked against a limit before anything is made of it
 *     4       4     the low half of its XXH3
 *     8       n     payload: a message of proto/cepd.proto on a control link, a data frame (clu_data_wire.h) between workers
 *
 * Cost: O(bytes). Threads: none.
 */
#include "base/base_buf.h"
#include "cep/error.h"

enum { CLU_FRAME_HEAD = 8, CLU_FRAME_MAX = 64 << 20, CLU_FRAME_FIRST_MAX = 64 << 10 };

/* Room for the head. Returns: where the frame begins, for end() when its payload has been appended. */
size_t clu_frame_begin(struct base_buf *b);
void clu_frame_end(struct base_buf *b, size_t begin);
/*
 * The first frame in `in`, which is moved behind it. Returns: CEP_OK and the payload (borrowed); CEP_AGAIN when more bytes have to
 * come, *need in all; CEP_EDECODE when it is too long or damaged.
 */
enum cep_rc clu_frame_next(
    struct base_str *in, size_t max, struct base_str *payload, size_t *need, struct cep_err *err);
