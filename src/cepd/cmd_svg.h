#pragma once
/*
 * cmd_svg -- graphs drawn by graphviz: the program `dot` does the layout.
 */
#include "base/base_buf.h"
#include "cep/error.h"

/* Runs `dot -T<format>` over `graph` and appends what it writes. Returns: CEP_EIO when there is no such program (with a hint)
 * or it fails. */
enum cep_rc cmd_dot_to(
    const struct base_buf *graph, const char *format, struct base_buf *out, struct cep_err *err);
