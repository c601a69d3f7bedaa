#pragma once
/*
 * cmd_state -- what the two ways of `cepd state show` share: for a person (cmd_state.c), for a program (cmd_state_json.c).
 */
#include "runtime/rt_look.h"

/* The whole as one JSON object. */
void cmd_state_write_json(struct base_buf *b, const struct rt_look *look, const struct rt_look_what *what);
