#pragma once
/*
 * dsl_dump -- the AST as text: `cepd explain --stage ast`, golden tests, and the proof that the formatter changes nothing.
 *
 * Indented lines for statements, clauses and sequences, `(operator argument ...)` for expressions. Stable; two files
 * have the same dump when they have the same AST, apart from places, parentheses and the spelling of literals.
 */
#include "dsl/dsl_ast.h"

#include "base/base_buf.h"

struct dsl_dump_opts {
    bool spans; /* add @line:column to statements, clauses, variables and expressions */
};

/* opts may be NULL. */
void dsl_dump(const struct dsl_program *prog, const struct dsl_dump_opts *opts, struct base_buf *out);
void dsl_dump_stmt(const struct dsl_stmt *s, const struct dsl_dump_opts *opts, struct base_buf *out);
/* On one line, without a newline. */
void dsl_dump_expr(const struct dsl_expr *e, const struct dsl_dump_opts *opts, struct base_buf *out);
