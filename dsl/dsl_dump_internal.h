#pragma once
/*
 * dsl_dump_internal -- shared by dsl_dump.c (statements), dsl_dump_query.c and dsl_dump_expr.c.
 */
#include "dsl/dsl_dump.h"

struct dsl_dumper {
    struct base_buf *out;
    bool spans;
    unsigned indent;
};

/* A new line at the current depth. */
void dsl_dump_line(struct dsl_dumper *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, with a place behind it and the depth increased by one; d->indent-- ends it. */
void dsl_dump_open(struct dsl_dumper *d, const struct cep_span *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What stands behind the text of an open line. */
void dsl_dump_at(struct dsl_dumper *d, const struct cep_span *at);
void dsl_dump_name(struct dsl_dumper *d, const struct dsl_name *n);
void dsl_dump_names(struct dsl_dumper *d, const char *word, const struct dsl_name *names, size_t n);
void dsl_dump_path(struct dsl_dumper *d, const struct dsl_path *p);
void dsl_dump_text(struct dsl_dumper *d, struct base_str s); /* in quotes */
void dsl_dump_type(struct dsl_dumper *d, const struct dsl_type *t);
void dsl_dump_e(struct dsl_dumper *d, const struct dsl_expr *e); /* NULL: "-" */
/* `word (expr)` on a line of its own; nothing when e is NULL. */
void dsl_dump_clause(struct dsl_dumper *d, const char *word, const struct dsl_expr *e);
void dsl_dump_exprs(struct dsl_dumper *d, const char *word, struct dsl_expr *const *items, size_t n);
void dsl_dump_aliases(struct dsl_dumper *d, const char *word, const struct dsl_alias *items, size_t n);
void dsl_dump_defines(struct dsl_dumper *d, const struct dsl_define *items, size_t n);
void dsl_dump_after(struct dsl_dumper *d, const struct dsl_after *a);
void dsl_dump_seq(struct dsl_dumper *d, const struct dsl_seq *s, const char *prefix);
void dsl_dump_query(struct dsl_dumper *d, const struct dsl_query *q);
