#pragma once
/*
 * con_json -- the format `json`; its halves are con_json_read.c and con_json_write.c.
 */
#include "connect/con_internal.h"

extern const struct con_decoder_vt con_json_decoder;
extern const struct con_encoder_vt con_json_encoder;
