#pragma once
/*
 * dsl_fmt -- `cepd fmt`: the one layout of a .pattern file.
 *
 * The tokens stay as they are and in their order, comments stay where they are among them; what changes is the
 * space between them, the case of keywords and the blank in durations. So the result means what the text meant
 * (it has the same AST dump), and formatting it again changes nothing.
 */
#include "dsl/dsl_diag.h"

/*
 * Appends the formatted text to out. `name` is for messages.
 * Returns: false when the text has syntax mistakes, which are then in diag; out is untouched.
 */
bool dsl_fmt_text(const char *name, struct base_str text, struct dsl_diag *diag, struct base_buf *out);
