#pragma once
/*
 * dsl_diag -- the collector of what is wrong with a program, and how it is shown.
 *
 *     cards.pattern:14:11: error: unknown column "amout" of stream "payments"
 *       14 |   define probe as amout < 2.0
 *          |                   ^~~~~
 *     note: did you mean "amount"?
 *
 * Passes add; nobody stops at the first. Rendering sorts by place and drops what says the same at the same
 * place twice. The collector owns the texts of the files read, which AST strings point into: it must outlive the
 * program. Messages follow cep/error.h: lower case, no full stop, names in double quotes with their kind.
 *
 * Threads: none.
 */
#include "base/base_arena.h"
#include "base/base_buf.h"
#include "cep/error.h"

struct dsl_file {
    const char *name;     /* as shown to people */
    struct base_str text; /* NUL-terminated behind len */
    uint32_t *lines;      /* offsets of the beginnings of the lines */
    size_t n_lines;       /* 1 or more */
};

enum dsl_diag_level { DSL_DIAG_ERROR = 0, DSL_DIAG_WARNING, DSL_DIAG_NOTE };

struct dsl_diag_item {
    enum dsl_diag_level level;
    enum cep_rc rc;       /* errors: CEP_ESYNTAX, ENAME, ETYPE, EINVAL, EUNSUPPORTED, EIO, ELIMIT */
    struct cep_span span; /* line 0: none */
    const char *message;  /* in the arena */
    struct dsl_diag_item *notes, *last_note, *next_note; /* of an error or a warning, in order of adding */
};

enum { DSL_DIAG_KEEP = 10000 /* items; more are only counted */ };

struct dsl_diag {
    struct base_arena arena; /* texts, messages */
    struct dsl_file *files;
    size_t n_files, cap_files;
    struct dsl_diag_item **items; /* errors and warnings, in order of adding */
    size_t n_items, cap_items;
    size_t n_errors, n_warnings;
    bool dropped; /* the item added last was only counted; so are its notes */
};

void dsl_diag_init(struct dsl_diag *d);
void dsl_diag_release(struct dsl_diag *d);

/* Copies name and text. Returns: the file's index, to be used in spans. */
uint32_t dsl_diag_add_file(struct dsl_diag *d, const char *name, struct base_str text);
/* The span of bytes [off, end_off) of a file: finds lines and columns. */
struct cep_span dsl_diag_span(const struct dsl_diag *d, uint32_t file, uint32_t off, uint32_t end_off);

void dsl_diag_error(struct dsl_diag *d, struct cep_span span, enum cep_rc rc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void dsl_diag_warning(struct dsl_diag *d, struct cep_span span, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Belongs to the error or warning added last. */
void dsl_diag_note(struct dsl_diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same with a place of its own, which is shown too ("first defined here"). */
void dsl_diag_note_at(struct dsl_diag *d, struct cep_span span, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static inline bool dsl_diag_failed(const struct dsl_diag *d) {
    return d->n_errors > 0;
}

struct dsl_diag_show {
    bool colour;
    bool no_warnings;
    size_t max_errors; /* 0: 50; then "and N more errors" */
};

/* Writes all, sorted by place. opts may be NULL. Ends with a newline, or is empty. */
void dsl_diag_render(const struct dsl_diag *d, const struct dsl_diag_show *opts, struct base_buf *out);

/* The first error as one object, for callers that want no text ("" when there is none: rc CEP_OK). */
enum cep_rc dsl_diag_first(const struct dsl_diag *d, struct cep_err *err);

/*
 * "did you mean": the candidate nearest to a name, if it is near enough to be likely.
 *     struct dsl_nearest n; dsl_nearest_init(&n, name); dsl_nearest_try(&n, candidate)...; n.best
 */
struct dsl_nearest {
    struct base_str name;
    struct base_str best; /* len 0: nothing near */
    unsigned distance;
};
void dsl_nearest_init(struct dsl_nearest *n, struct base_str name);
void dsl_nearest_try(struct dsl_nearest *n, struct base_str candidate);
/* Adds `did you mean "best"?` to the last error when there is a best. */
void dsl_nearest_note(struct dsl_diag *d, const struct dsl_nearest *n);
