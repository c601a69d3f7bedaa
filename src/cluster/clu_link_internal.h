#pragma once
/*
 * clu_link_internal -- messages from bytes, for the link and for what tests and fuzzes it.
 */
#include "base/base_str.h"
#include "cluster/clu_link.h"
#include "cluster/clu_stream.h"

/* Returns: a message with a body; NULL when the bytes are none. Owns: the caller frees it. */
Clu__Msg *clu_link_decode(struct base_str payload, struct cep_err *err);
void clu_link_decoded_free(Clu__Msg *msg); /* NULL is fine */
