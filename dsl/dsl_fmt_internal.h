#pragma once
/*
 * dsl_fmt_internal -- between dsl_fmt_layout.c, which decides where lines begin, and dsl_fmt.c, which writes them.
 */
#include "dsl/dsl_ast.h"
#include "dsl/dsl_token.h"

enum { DSL_FMT_WIDTH = 100, DSL_FMT_STEP = 2 };

/* What stands before a token. */
struct dsl_fmt_lay {
    bool newline;
    bool stmt;        /* begins a statement: blank lines are kept, or made */
    bool wants_blank; /* stmt: with one blank line before it, whatever was written */
    bool tight;       /* no blank before it */
    bool tight_next;  /* no blank behind it */
    uint16_t indent;  /* newline: columns; else: of the line to continue on, should a comment break it */
    uint16_t pad;     /* more blanks before it, to align it */
};

struct dsl_fmt {
    struct base_arena *arena;
    const struct dsl_file *file;
    const struct dsl_tokens *toks;
    struct dsl_fmt_lay *lay; /* one a token */
};

/* The text of a token as it is written: keywords in lower case, "5s" as "5 s". */
struct base_str dsl_fmt_token(const struct dsl_fmt *f, size_t i);
/* A blank between tokens i - 1 and i of one line. */
bool dsl_fmt_blank_before(const struct dsl_fmt *f, size_t i);
/* Columns that tokens [from, to) take on one line. */
size_t dsl_fmt_width(const struct dsl_fmt *f, size_t from, size_t to);
/* Fills f->lay. */
void dsl_fmt_lay_out(struct dsl_fmt *f, const struct dsl_program *prog);
